package runtime

import (
	"internal/abi"
	"unsafe"
)

// Program counters.
//
// A physical pc is the address of an instruction: a return address or a function's entry. Where calls were inlined, one
// physical pc stands for several logical frames, the innermost first. The pcs that Callers and Caller hand out name
// one logical frame each: the number of inlined frames to leave out is kept in the top byte of the pc, which no
// address uses. All functions of this file accept both.

const (
	pcDepthShift = 56
	pcMask       = 1<<pcDepthShift - 1
	noLoc        = ^uint32(0)
)

// Bits of funcFlags.
const (
	funcWrapper = 1
	funcRuntime = 2
	funcNosplit = 4
	funcTop     = 8
)

// A Func stands for a Go function of the running program. It is the address of an entry of the function table,
// or of an inlinedFunc.
type Func struct {
	opaque struct{}
}

// inlinedFunc describes a function without code of its own. Its first word cannot be the start offset of a table entry.
type inlinedFunc struct {
	mark  uint32
	entry uintptr // of the function it was inlined into
	loc   uint32
}

const inlinedMark = ^uint32(0)

func (f *Func) inlined() *inlinedFunc {
	if i := (*inlinedFunc)(unsafe.Pointer(f)); i.mark == inlinedMark {
		return i
	}
	return nil
}

// logicalLoc returns the location that a logical pc stands for. isReturn tells that pc is a return address: the call before it counts.
func logicalLoc(pc uintptr, isReturn bool) uint32 {
	depth := pc >> pcDepthShift
	pc &= pcMask
	if isReturn {
		pc--
	}
	loc := pcLoc(pc)
	for ; depth > 0 && loc != noLoc; depth-- {
		parent := locParent(loc)
		if parent == noLoc {
			break
		}
		loc = parent
	}
	return loc
}

// FuncForPC returns the function that contains the pc, nil if there is none. Where calls were
// inlined it is the innermost function, with the entry of the outermost one.
func FuncForPC(pc uintptr) *Func {
	f := findfuncRaw(pc & pcMask)
	if f == nil {
		// A return address behind a function's last instruction.
		if f = findfuncRaw(pc&pcMask - 1); f == nil {
			return nil
		}
	}
	entry := funcEntryPC(f)
	if pc == entry {
		return (*Func)(f)
	}
	if loc := logicalLoc(pc, true); loc != noLoc && locParent(loc) != noLoc {
		return (*Func)(unsafe.Pointer(&inlinedFunc{mark: inlinedMark, entry: entry, loc: loc}))
	}
	return (*Func)(f)
}

// Name returns the name of the function.
func (f *Func) Name() string {
	if f == nil {
		return ""
	}
	if i := f.inlined(); i != nil {
		return locFunc(i.loc)
	}
	return funcNameRaw(unsafe.Pointer(f))
}

// Entry returns the address of the function's code.
func (f *Func) Entry() uintptr {
	if i := f.inlined(); i != nil {
		return i.entry
	}
	return funcEntryPC(unsafe.Pointer(f))
}

// FileLine returns the source position of pc, which should be within f.
func (f *Func) FileLine(pc uintptr) (file string, line int) {
	if i := f.inlined(); i != nil {
		return locFile(i.loc), locLine(i.loc)
	}
	loc := logicalLoc(pc, pc != f.Entry())
	if loc == noLoc && pc == f.Entry() {
		// No line record covers what is before the first statement.
		return funcFileRaw(unsafe.Pointer(f)), funcStartLine(unsafe.Pointer(f))
	}
	if loc == noLoc {
		return "?", 0
	}
	for p := locParent(loc); p != noLoc; p = locParent(loc) {
		loc = p
	}
	return locFile(loc), locLine(loc)
}

func (f *Func) startLine() int32 {
	if i := f.inlined(); i != nil {
		return int32(locFuncLine(i.loc))
	}
	return int32(funcStartLine(unsafe.Pointer(f)))
}

// funcInfo is what a Frame remembers about its function beyond the exported fields.
type funcInfo struct {
	fn  *Func
	loc uintptr
}

// Frame is what Frames tells about one call.
type Frame struct {
	// PC is the program counter of the frame's call, zero if not known. Where calls were inlined it is a logical one, since
	// loggers keep it and look it up again.
	PC uintptr

	// Func is nil for inlined functions and functions that are not Go's.
	Func *Func

	// Function is the package-path-qualified name, empty if not known.
	Function string

	// File and Line are the position of the call, empty and zero if not known.
	File string
	Line int

	// startLine is the line of the func keyword of the function.
	startLine int

	// Entry is the address of the function's code, zero if not known.
	Entry uintptr

	funcInfo funcInfo
}

// Frames turns the pcs that Callers returns into functions, files and lines.
type Frames struct {
	callers []uintptr

	// nextPC is the frame that follows the last one looked up where callers leaves it out, 0 if none.
	nextPC uintptr

	frames     []Frame
	frameStore [2]Frame
}

// CallersFrames takes pcs that Callers has returned. The slice must not change until the Frames is done.
func CallersFrames(callers []uintptr) *Frames {
	f := &Frames{callers: callers}
	f.frames = f.frameStore[:0]
	return f
}

// Next returns the next frame; more tells whether there are further ones. The last call
// returns a zero Frame if no frame is left.
func (ci *Frames) Next() (frame Frame, more bool) {
	// One frame is looked up in advance, because more must be exact.
	for len(ci.frames) < 2 && len(ci.callers) > 0 {
		pc := ci.nextPC
		ci.nextPC = 0
		if pc == 0 {
			pc = ci.callers[0]
			ci.callers = ci.callers[1:]
		}
		f, ok := frameOf(pc)
		if !ok {
			continue
		}
		ci.frames = append(ci.frames, f)
		// Lists taken from a printed stack or a profile have one pc for all the functions that were inlined at a call. The last
		// one of a list stands for itself: it may have been cut off there.
		if outer := outerPC(pc); outer != 0 && len(ci.callers) > 0 && ci.callers[0] != outer {
			ci.nextPC = outer
		}
	}
	switch len(ci.frames) {
	case 0:
		return Frame{}, false
	case 1:
		frame = ci.frames[0]
		ci.frames = ci.frameStore[:0]
		return frame, false
	}
	frame = ci.frames[0]
	ci.frameStore[0] = ci.frames[1]
	ci.frames = ci.frameStore[:1]
	return frame, true
}

// frameOf describes the logical frame of a pc that Callers returned; false if it is in no Go function.
func frameOf(pc uintptr) (Frame, bool) {
	// The entry of a function stands for itself: no call is the last instruction of the function before.
	f := findfuncRaw(pc & pcMask)
	if f == nil || funcEntryPC(f) != pc&pcMask {
		if f = findfuncRaw(pc&pcMask - 1); f == nil {
			return Frame{}, false
		}
	}
	entry := funcEntryPC(f)
	fr := Frame{PC: pc, Entry: entry, funcInfo: funcInfo{fn: (*Func)(f)}}
	if pc != entry {
		fr.PC--
	}
	loc := logicalLoc(pc, pc != entry)
	if loc == noLoc {
		fr.Func = (*Func)(f)
		fr.Function = funcNameRaw(f)
		fr.startLine = funcStartLine(f)
		fr.File = funcFileRaw(f)
		fr.Line = fr.startLine
		return fr, true
	}
	fr.funcInfo.loc = uintptr(loc) + 1
	fr.File = locFile(loc)
	fr.Line = locLine(loc)
	fr.startLine = locFuncLine(loc)
	if locParent(loc) == noLoc {
		fr.Func = (*Func)(f)
		fr.Function = funcNameRaw(f)
	} else {
		fr.Function = locFunc(loc)
	}
	return fr, true
}

// logicalCallers writes the logical frames behind physical return addresses to pcs, after leaving out skip
// of them, and returns how many it wrote and how many were left to leave out. Generated wrappers are left out
// unless the frame below is the runtime's: then a panic of the wrapper is being shown.
type callersState struct {
	skip        int
	belowIsUser bool
}

func (s *callersState) expand(phys []uintptr, pcs []uintptr) int {
	n := 0
	for _, ra := range phys {
		loc := pcLoc(ra - 1)
		if loc == noLoc {
			f := findfuncRaw(ra - 1)
			if f == nil {
				continue
			}
			if n = s.put(pcs, n, ra); n == len(pcs) {
				return n
			}
			continue
		}
		for depth := uintptr(0); loc != noLoc; depth++ {
			hidden := locWrapper(loc) && s.belowIsUser
			if !hidden {
				if n = s.put(pcs, n, ra|depth<<pcDepthShift); n == len(pcs) {
					return n
				}
			}
			parent := locParent(loc)
			if parent != noLoc {
				s.belowIsUser = true
			} else if !hidden {
				f := findfuncRaw(ra - 1)
				s.belowIsUser = f != nil && funcFlags(f)&funcRuntime == 0
			}
			loc = parent
		}
	}
	return n
}

func (s *callersState) put(pcs []uintptr, n int, pc uintptr) int {
	if s.skip > 0 {
		s.skip--
		return n
	}
	if n < len(pcs) {
		pcs[n] = pc
		n++
	}
	return n
}

// Callers fills pc with the program counters of the calls in progress on the goroutine. 0 of
// skip is the frame of Callers itself, 1 its caller. It returns the number of entries written.
//
//go:noinline
func Callers(skip int, pc []uintptr) int {
	if len(pc) == 0 {
		return 0
	}
	var phys [64]uintptr
	s := callersState{skip: max(skip, 0)}
	n := 0
	for base := 0; ; base += len(phys) {
		m := callers(base, &phys[0], len(phys))
		n += s.expand(phys[:m], pc[n:])
		if m < len(phys) || n == len(pc) {
			return n
		}
	}
}

// Caller tells about a call in progress on the goroutine: skip 0 is the call of Caller
// itself, 1 the call of the function that contains it. ok is false if there is no such frame.
//
//go:noinline
func Caller(skip int) (pc uintptr, file string, line int, ok bool) {
	var pcs [1]uintptr
	var phys [64]uintptr
	s := callersState{skip: skip + 1}
	for base := 0; ; base += len(phys) {
		m := callers(base, &phys[0], len(phys))
		if s.expand(phys[:m], pcs[:]) == 1 {
			break
		}
		if m < len(phys) {
			return
		}
	}
	f, ok := frameOf(pcs[0])
	if !ok {
		return 0, "", 0, false
	}
	return pcs[0], f.File, f.Line, true
}

// physicalCallerName returns the name of the function skip calls above the caller, wrappers counted.
//
//go:noinline
func physicalCallerName(skip int) string {
	var phys [1]uintptr
	if callers(skip+1, &phys[0], 1) != 1 {
		return ""
	}
	f := findfuncRaw(phys[0] - 1)
	if f == nil {
		return ""
	}
	return funcNameRaw(f)
}

// outerPC returns the logical pc of the function that pc's function was inlined into, 0 if it is a compiled one. Wrappers
// are left out, as Callers does.
func outerPC(pc uintptr) uintptr {
	depth := pc >> pcDepthShift
	loc := logicalLoc(pc, true)
	if loc == noLoc {
		return 0
	}
	for loc = locParent(loc); loc != noLoc; loc = locParent(loc) {
		depth++
		if !locWrapper(loc) {
			return pc&pcMask | depth<<pcDepthShift
		}
	}
	return 0
}

// recordedStack copies the zero-terminated return addresses of a profile's record. Each stands for all the functions that were
// inlined at that call; wrappers are left out unless the runtime called them.
func recordedStack(phys []uintptr) []uintptr {
	n := 0
	for n < len(phys) && phys[n] != 0 {
		n++
	}
	out := make([]uintptr, 0, n)
	belowIsUser := false
	for _, ra := range phys[:n] {
		f := findfuncRaw(ra - 1)
		if f == nil {
			continue
		}
		if loc := pcLoc(ra - 1); loc != noLoc && locParent(loc) == noLoc && locWrapper(loc) && belowIsUser {
			continue
		}
		belowIsUser = funcFlags(f)&funcRuntime == 0
		out = append(out, ra)
	}
	return out
}

// expandInlined appends to dst the logical pcs that stk stands for. Pcs of inlined frames that stk has are not repeated.
func expandInlined(dst, stk []uintptr) []uintptr {
	for i, pc := range stk {
		dst = append(dst, pc)
		for outer := outerPC(pc); outer != 0; outer = outerPC(outer) {
			if i+1 < len(stk) && stk[i+1] == outer {
				break
			}
			dst = append(dst, outer)
		}
	}
	return dst
}

// logicalName returns the name of the function of a pc that Callers returned.
func logicalName(pc uintptr) string {
	f, _ := frameOf(pc)
	return f.Function
}

//go:linkname runtime_FrameStartLine runtime/pprof.runtime_FrameStartLine
func runtime_FrameStartLine(f *Frame) int { return f.startLine }

//go:linkname runtime_FrameSymbolName runtime/pprof.runtime_FrameSymbolName
func runtime_FrameSymbolName(f *Frame) string { return f.Function }

// runtime_expandFinalInlineFrame gives every function that was inlined a pc of its own: the writer of profiles takes
// them for granted.
//
//go:linkname runtime_expandFinalInlineFrame runtime/pprof.runtime_expandFinalInlineFrame
func runtime_expandFinalInlineFrame(stk []uintptr) []uintptr {
	return expandInlined(make([]uintptr, 0, len(stk)+8), stk)
}

// moduledata is the root of the tables that the linker emits: ModuleData of the ABI.
type moduledata struct {
	text, etext   uintptr
	funcs         table
	locs          table
	lines         table
	strings       table
	handlers      table
	types, etypes uintptr
	typelinks     table
	itabs         table
	roots         table
	inits         table
	mainMain      uintptr
	modinfo       table
	godebug       table
	callbacks     table
	data, edata   uintptr
	sites         table
	frames        table
	entries       table
}

// table is address and element count.
type table struct {
	ptr unsafe.Pointer
	len int
}

func (t table) string() string { return unsafe.String((*byte)(t.ptr), t.len) }

func module() *moduledata { return (*moduledata)(moduledataRaw()) }

// Offsets that reflect made for objects on the heap are negative and index this table, under reflectOffs.lock.
var reflectOffs struct {
	lock mutex
	ptrs []unsafe.Pointer
	ids  map[unsafe.Pointer]int32
}

// firstReflectOff is the offset of the first entry of reflectOffs; -1 is taken: it means pruned.
const firstReflectOff = -2

func inModule(p unsafe.Pointer) bool {
	m := module()
	return m.types <= uintptr(p) && uintptr(p) < m.etypes
}

func reflectOff(off int32) unsafe.Pointer {
	lock(&reflectOffs.lock)
	var p unsafe.Pointer
	if i := int(firstReflectOff - off); i >= 0 && i < len(reflectOffs.ptrs) {
		p = reflectOffs.ptrs[i]
	}
	unlock(&reflectOffs.lock)
	if p == nil {
		throw("runtime: offset of a type or name out of range")
	}
	return p
}

// resolveNameAt returns the name at off, which is an offset that the descriptor at p contains.
func resolveNameAt(p unsafe.Pointer, off nameOff) name {
	if off == 0 {
		return name{}
	}
	if off < 0 {
		return name{Bytes: (*byte)(reflectOff(int32(off)))}
	}
	return name{Bytes: (*byte)(unsafe.Pointer(module().types + uintptr(off)))}
}

func resolveName(t *_type, off nameOff) name { return resolveNameAt(unsafe.Pointer(t), off) }

func resolveType(off typeOff) *_type {
	switch {
	case off == 0 || off == -1:
		return nil
	case off < 0:
		return (*_type)(reflectOff(int32(off)))
	}
	return (*_type)(unsafe.Pointer(module().types + uintptr(off)))
}

// unreachableMethod is what a pruned method's code offset stands for.
func unreachableMethod() {
	throw("unreachable method called. linker bug?")
}

func resolveText(off textOff) unsafe.Pointer {
	switch {
	case off == -1:
		return unsafe.Pointer(abi.FuncPCABIInternal(unreachableMethod))
	case off < 0:
		return reflectOff(int32(off))
	}
	return unsafe.Pointer(module().text + uintptr(off))
}

//go:linkname reflect_resolveNameOff reflect.resolveNameOff
func reflect_resolveNameOff(p unsafe.Pointer, off int32) unsafe.Pointer {
	return unsafe.Pointer(resolveNameAt(p, nameOff(off)).Bytes)
}

//go:linkname reflect_resolveTypeOff reflect.resolveTypeOff
func reflect_resolveTypeOff(_ unsafe.Pointer, off int32) unsafe.Pointer {
	return unsafe.Pointer(resolveType(typeOff(off)))
}

//go:linkname reflect_resolveTextOff reflect.resolveTextOff
func reflect_resolveTextOff(_ unsafe.Pointer, off int32) unsafe.Pointer {
	return resolveText(textOff(off))
}

//go:linkname reflectlite_resolveNameOff internal/reflectlite.resolveNameOff
func reflectlite_resolveNameOff(p unsafe.Pointer, off int32) unsafe.Pointer {
	return unsafe.Pointer(resolveNameAt(p, nameOff(off)).Bytes)
}

//go:linkname reflectlite_resolveTypeOff internal/reflectlite.resolveTypeOff
func reflectlite_resolveTypeOff(_ unsafe.Pointer, off int32) unsafe.Pointer {
	return unsafe.Pointer(resolveType(typeOff(off)))
}

//go:linkname reflect_addReflectOff reflect.addReflectOff
func reflect_addReflectOff(ptr unsafe.Pointer) int32 {
	lock(&reflectOffs.lock)
	if reflectOffs.ids == nil {
		reflectOffs.ids = make(map[unsafe.Pointer]int32)
	}
	id, ok := reflectOffs.ids[ptr]
	if !ok {
		id = int32(firstReflectOff - len(reflectOffs.ptrs))
		reflectOffs.ptrs = append(reflectOffs.ptrs, ptr)
		reflectOffs.ids[ptr] = id
	}
	unlock(&reflectOffs.lock)
	return id
}

// typelinksOnce guards the list of descriptors that reflect searches.
var typelinksOnce struct {
	lock  mutex
	types []*_type
}

//go:linkname reflect_compiledTypelinks reflect.compiledTypelinks
func reflect_compiledTypelinks() ([]*_type, [][]*_type) {
	o := &typelinksOnce
	lock(&o.lock)
	if o.types == nil {
		m := module()
		offs := unsafe.Slice((*int32)(m.typelinks.ptr), m.typelinks.len)
		o.types = make([]*_type, len(offs))
		for i, off := range offs {
			o.types[i] = (*_type)(unsafe.Pointer(m.types + uintptr(off)))
		}
	}
	t := o.types
	unlock(&o.lock)
	return t, nil
}

//go:linkname reflect_typelinks reflect.typelinks
func reflect_typelinks() ([]unsafe.Pointer, [][]int32) {
	m := module()
	return []unsafe.Pointer{unsafe.Pointer(m.types)}, [][]int32{unsafe.Slice((*int32)(m.typelinks.ptr), m.typelinks.len)}
}

//go:linkname maps_typeString internal/runtime/maps.typeString
func maps_typeString(t *_type) string { return typeName(t) }

//go:linkname debug_modinfo runtime/debug.modinfo
func debug_modinfo() string { return module().modinfo.string() }
