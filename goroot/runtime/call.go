package runtime

import (
	"internal/abi"
	"unsafe"
)

// Calls through reflect: where the arguments and results of a signature travel, decided at run time. The rules are those of
// module `call` of the ABI crate; the constants must agree with it.

const (
	callMaxLeaves  = 4
	callIntArgs    = 6
	callFloatArgs  = 8
	callIntResults = 8
	callFltResults = 8
)

// leaf is a scalar of a value.
type leaf struct {
	off   uintptr
	size  uintptr
	float bool
}

// maxSSAFields is the number of fields above which a struct is in memory whatever they are.
const maxSSAFields = 16

// leaves are the scalars of a value. A value in memory has none and inMemory set.
type leaves struct {
	n        int
	ints     int
	floats   int
	inMemory bool
	l        [callMaxLeaves]leaf
}

func leavesOf(t *_type) leaves {
	var s leaves
	if !s.add(t, 0) {
		s = leaves{inMemory: true}
	}
	return s
}

// argLeavesOf is leavesOf for an argument: one in memory is passed as its address.
func argLeavesOf(t *_type) leaves {
	s := leavesOf(t)
	if s.inMemory {
		s.ints = 1
	}
	return s
}

func (s *leaves) put(off, size uintptr, float bool) bool {
	if s.n == callMaxLeaves {
		return false
	}
	s.l[s.n] = leaf{off, size, float}
	s.n++
	if float {
		s.floats++
	} else {
		s.ints++
	}
	return true
}

// add appends the scalars of a t at off; false if the value is one that travels in memory.
func (s *leaves) add(t *_type, off uintptr) bool {
	switch t.Kind_ {
	case abi.Float32, abi.Float64:
		return s.put(off, t.Size_, true)
	case abi.Complex64, abi.Complex128:
		return s.put(off, t.Size_/2, true) && s.put(off+t.Size_/2, t.Size_/2, true)
	case abi.String, abi.Interface:
		return s.put(off, 8, false) && s.put(off+8, 8, false)
	case abi.Slice:
		return s.put(off, 8, false) && s.put(off+8, 8, false) && s.put(off+16, 8, false)
	case abi.Array:
		a := t.ArrayType()
		return a.Len == 0 || a.Len == 1 && s.add(a.Elem, off)
	case abi.Struct:
		if len(t.StructType().Fields) > maxSSAFields {
			return false
		}
		for i := range t.StructType().Fields {
			f := &t.StructType().Fields[i]
			if !s.add(f.Typ, off+f.Offset) {
				return false
			}
		}
		return true
	}
	return s.put(off, t.Size_, false)
}

// resultPlan walks the results of a signature in order.
type resultPlan struct {
	ints, floats int
	spilled      bool
	area         uintptr // bytes of the result area so far
}

// next says where a result of type t is: in registers from (ints, floats) on, or in the result area at off.
func (p *resultPlan) next(t *_type, s *leaves) (inRegs bool, ints, floats int, off uintptr) {
	if !s.inMemory && s.n == 0 {
		return true, p.ints, p.floats, 0
	}
	if !p.spilled && !s.inMemory && p.ints+s.ints <= callIntResults && p.floats+s.floats <= callFltResults {
		ints, floats = p.ints, p.floats
		p.ints += s.ints
		p.floats += s.floats
		return true, ints, floats, 0
	}
	p.spilled = true
	align := uintptr(t.Align_)
	off = (p.area + align - 1) &^ (align - 1)
	p.area = off + t.Size_
	return false, 0, 0, off
}

// resultArea returns the size of the result area of a signature, 0 if there is none. An area of values of size zero still
// has an address.
func resultArea(ft *functype) uintptr {
	var p resultPlan
	for _, t := range ft.OutSlice() {
		s := leavesOf(t)
		p.next(t, &s)
	}
	if p.spilled {
		return max(p.area, 8)
	}
	return 0
}

// argPlan walks the scalars of the arguments of a call in order.
type argPlan struct {
	frame    *callFrame
	ints     int
	floats   int
	intLimit int
	over     *[1 << 20]uintptr // overflow area
	overflow int
}

// planArgs counts the scalars of a call and prepares placing them; words is the size of the overflow area.
func planArgs(f *callFrame, ft *functype, rcvr, area bool) (p argPlan, words int) {
	p.frame = f
	p.intLimit = callIntArgs
	ints, floats := 0, 0
	if rcvr {
		ints++
	}
	for _, t := range ft.InSlice() {
		s := argLeavesOf(t)
		ints += s.ints
		floats += s.floats
	}
	if area {
		p.ints = 1
	}
	if ints+p.ints > callIntArgs || floats > callFloatArgs {
		p.intLimit = callIntArgs - 1
		words = max(ints+p.ints-p.intLimit, 0) + max(floats-callFloatArgs, 0)
	}
	return p, words
}

// word returns the place of the next scalar.
func (p *argPlan) word(float bool) *uintptr {
	switch {
	case !float && p.ints < p.intLimit:
		p.ints++
		return (*uintptr)(unsafe.Pointer(&p.frame.ints[p.ints-1]))
	case float && p.floats < callFloatArgs:
		p.floats++
		return (*uintptr)(unsafe.Pointer(&p.frame.floats[p.floats-1]))
	}
	p.overflow++
	return &p.over[p.overflow-1]
}

func loadLeaf(p unsafe.Pointer, size uintptr) uintptr {
	switch size {
	case 1:
		return uintptr(*(*uint8)(p))
	case 2:
		return uintptr(*(*uint16)(p))
	case 4:
		return uintptr(*(*uint32)(p))
	}
	return *(*uintptr)(p)
}

func storeLeaf(p unsafe.Pointer, size, v uintptr) {
	switch size {
	case 1:
		*(*uint8)(p) = uint8(v)
	case 2:
		*(*uint16)(p) = uint16(v)
	case 4:
		*(*uint32)(p) = uint32(v)
	default:
		*(*uintptr)(p) = v
	}
}

// callFunc calls the function with the closure object fn and the signature ft. If hasRcvr, rcvr is passed before the
// arguments. args[i] points to the i-th argument, results[i] to memory for the i-th result (nil: discard).
func callFunc(fn unsafe.Pointer, ft *functype, hasRcvr bool, rcvr unsafe.Pointer, args, results []unsafe.Pointer) {
	if size := resultArea(ft); size != 0 {
		callWithArea(fn, ft, hasRcvr, rcvr, args, results, size)
		return
	}
	var f callFrame
	callWithOverflow(&f, fn, ft, hasRcvr, rcvr, args, false)
	storeResults(&f, ft, results, nil)
}

// callWithArea provides the result area: on the stack, where the collector sees what the
// callee stores without barriers, unless it is unusually large.
func callWithArea(fn unsafe.Pointer, ft *functype, hasRcvr bool, rcvr unsafe.Pointer, args, results []unsafe.Pointer, size uintptr) {
	var small [64]unsafe.Pointer
	area := unsafe.Pointer(&small)
	if size > unsafe.Sizeof(small) {
		area = unsafe.Pointer(unsafe.SliceData(make([]unsafe.Pointer, (size+7)/8)))
	}
	var f callFrame
	f.ints[0] = area
	callWithOverflow(&f, fn, ft, hasRcvr, rcvr, args, true)
	storeResults(&f, ft, results, area)
	KeepAlive(area)
}

func callWithOverflow(f *callFrame, fn unsafe.Pointer, ft *functype, hasRcvr bool, rcvr unsafe.Pointer, args []unsafe.Pointer, area bool) {
	p, words := planArgs(f, ft, hasRcvr, area)
	if words == 0 {
		callPlaced(&p, fn, ft, hasRcvr, rcvr, args)
		return
	}
	var small [24]unsafe.Pointer
	over := unsafe.Pointer(&small)
	if words > len(small) {
		// Scanned as pointers: some of the words may be the only reference to an object.
		many := make([]unsafe.Pointer, words)
		over = unsafe.Pointer(&many[0])
	}
	p.over = (*[1 << 20]uintptr)(over)
	f.ints[callIntArgs-1] = over
	callPlaced(&p, fn, ft, hasRcvr, rcvr, args)
	KeepAlive(over)
}

func callPlaced(p *argPlan, fn unsafe.Pointer, ft *functype, hasRcvr bool, rcvr unsafe.Pointer, args []unsafe.Pointer) {
	if hasRcvr {
		*p.word(false) = uintptr(rcvr)
	}
	for i, t := range ft.InSlice() {
		s := argLeavesOf(t)
		if s.inMemory {
			// The callee owns the copy.
			c := mallocgc(t.Size_, t, true)
			if t.Size_ != 0 {
				typedmemmove(t, c, args[i])
			}
			*p.word(false) = uintptr(c)
			continue
		}
		for j := range s.n {
			l := &s.l[j]
			*p.word(l.float) = loadLeaf(add(args[i], l.off), l.size)
		}
	}
	reflectcall(fn, p.frame)
	KeepAlive(args)
}

// storeResults copies the results of a call from registers and result area.
func storeResults(f *callFrame, ft *functype, results []unsafe.Pointer, area unsafe.Pointer) {
	var p resultPlan
	for i, t := range ft.OutSlice() {
		s := leavesOf(t)
		inRegs, ints, floats, off := p.next(t, &s)
		if i >= len(results) || results[i] == nil || t.Size_ == 0 {
			continue
		}
		if !inRegs {
			typedmemmove(t, results[i], add(area, off))
			continue
		}
		var tmp [callMaxLeaves]unsafe.Pointer
		for j := range s.n {
			l := &s.l[j]
			v := uintptr(f.retInts[ints&(callIntResults-1)])
			if l.float {
				v = uintptr(f.retFloats[floats&(callFltResults-1)])
				floats++
			} else {
				ints++
			}
			if t.Size_ > unsafe.Sizeof(tmp) {
				storeLeaf(add(results[i], l.off), l.size, v)
			} else {
				storeLeaf(add(unsafe.Pointer(&tmp), l.off), l.size, v)
			}
		}
		if t.Size_ <= unsafe.Sizeof(tmp) {
			typedmemmove(t, results[i], unsafe.Pointer(&tmp))
		}
	}
}

// callDiscarding calls fn with one argument at arg and drops the results.
func callDiscarding(fn unsafe.Pointer, ft *functype, arg unsafe.Pointer) {
	args := [1]unsafe.Pointer{arg}
	callFunc(fn, ft, false, nil, args[:], nil)
}

// takeArgs is the other direction: it copies the arguments that makeFuncStub has spilled to f. If hasRcvr, the
// first word is a receiver and the result; args[i] points to memory for the i-th argument.
func takeArgs(f *callFrame, ft *functype, hasRcvr bool, args []unsafe.Pointer) (rcvr unsafe.Pointer) {
	p, words := planArgs(f, ft, hasRcvr, resultArea(ft) != 0)
	if words != 0 {
		p.over = (*[1 << 20]uintptr)(unsafe.Pointer(f.ints[callIntArgs-1]))
	}
	if hasRcvr {
		rcvr = unsafe.Pointer(*p.word(false))
	}
	for i, t := range ft.InSlice() {
		s := argLeavesOf(t)
		if s.inMemory {
			if from := unsafe.Pointer(*p.word(false)); t.Size_ != 0 {
				typedmemmove(t, args[i], from)
			}
			continue
		}
		if t.Size_ == 0 {
			continue
		}
		var tmp [callMaxLeaves]unsafe.Pointer
		for j := range s.n {
			l := &s.l[j]
			v := *p.word(l.float)
			if t.Size_ > unsafe.Sizeof(tmp) {
				storeLeaf(add(args[i], l.off), l.size, v)
			} else {
				storeLeaf(add(unsafe.Pointer(&tmp), l.off), l.size, v)
			}
		}
		if t.Size_ <= unsafe.Sizeof(tmp) {
			typedmemmove(t, args[i], unsafe.Pointer(&tmp))
		}
	}
	return rcvr
}

// giveResults puts the results where the caller of makeFuncStub expects them; results[i] points to the i-th.
func giveResults(f *callFrame, ft *functype, results []unsafe.Pointer) {
	area := unsafe.Pointer(f.ints[0])
	var p resultPlan
	for i, t := range ft.OutSlice() {
		s := leavesOf(t)
		inRegs, ints, floats, off := p.next(t, &s)
		if t.Size_ == 0 {
			continue
		}
		if !inRegs {
			typedmemmove(t, add(area, off), results[i])
			continue
		}
		for j := range s.n {
			l := &s.l[j]
			v := loadLeaf(add(results[i], l.off), l.size)
			if l.float {
				f.retFloats[floats&(callFltResults-1)] = uint64(v)
				floats++
			} else {
				f.retInts[ints&(callIntResults-1)] = unsafe.Pointer(v)
				ints++
			}
		}
	}
}
