package runtime

import (
	"internal/abi"
	"internal/cpu"
	"internal/runtime/maps"
	"sync/atomic"
	"unsafe"
)

// The functions of this package that programs see in stacks: between the code that panics and the deferred function that
// asks for its callers (a logger, a web framework's recovery), and at the far ends of goroutines. They have the names that they have
// with the official compiler, and line directives say where there the call is that the frame is in: tools count
// frames and print their source. A function whose name another symbol has is called NAME_shown; the compiler shows it as NAME.
// tests/programs/panic_frames.go compares them with the official compiler of the release.

// gopanic implements the predeclared function panic.
//
//go:noinline
//line panic.go:809
func gopanic(e any) {
	if e == nil {
		if debugPanicNil() {
			panicNilEvents.count()
		} else {
			e = new(PanicNilError)
		}
	}
	g := thisG()
	p := new(_panic)
	p.arg = e
	p.link = g.panics
	p.frame = getfp()
	if q := p.link; q != nil && q.recovered && !q.goexit && samePanicValue(q.arg, e) {
		q.repanicked = true
	}
	g.panics = p
	for {
		d := g.deferred
		if d == nil {
			break
		}
		g.deferred = d.link
		frame := d.frame
		fn := d.fn
		if fn == nil {
			continue
		}
//line panic.go:859
		fn()
		if p.recovered {
			recovered(g, p, frame)
		}
	}
	if p.goexit {
		g.panics = nil
		goexit1()
	}
//line panic.go:878
	dieOfPanic(p)
}

// deferreturn runs the deferred calls of the frame that are left, newest first.
//
//go:noinline
//line panic.go:641
func deferreturn(frame uintptr) {
	g := thisG()
	for {
		d := g.deferred
		if d == nil || d.frame != frame {
			return
		}
		g.deferred = d.link
		if fn := d.fn; fn != nil {
//line panic.go:668
			fn()
		}
	}
}

// Goexit ends the goroutine that calls it, after its deferred calls. Other goroutines are
// not affected. Calling it in the main goroutine lets the others go on; the program
// crashes once all of them have ended.
//
//go:noinline
//line panic.go:682
func Goexit() {
	g := thisG()
	p := new(_panic)
	p.goexit = true
	p.link = g.panics
	p.frame = getfp()
	g.panics = p
	for {
		d := g.deferred
		if d == nil {
			break
		}
		g.deferred = d.link
		if fn := d.fn; fn != nil {
//line panic.go:694
			fn()
		}
	}
	g.panics = nil
	goexit1()
}

// sigpanic raises the panic for a fault at pc in Go code. The signal handler makes
// the goroutine call it as if the faulting instruction had. Bits from 32 on of sig are the
// signal's code, 0 if unknown. The handler reports faults at other addresses than nil
// itself unless debug.SetPanicOnFault is set, so that all that arrive here are panics.
//
//go:noinline
//line signal_unix.go:912
func sigpanic(sig, addr, pc uintptr) {
	code := sig >> 32
	if code == 0 {
		code = 1
	}
	sig &= 0xffffffff
	if sig == sigBUS && addr < nilPageSize {
//line signal_unix.go:921
		panicmem(sig, code, addr, pc)
	}
	if sig == sigBUS {
//line signal_unix.go:925
		panicmemAddr(addr)
	}
	if sig == sigSEGV && addr < nilPageSize {
//line signal_unix.go:931
		panicmem(sig, code, addr, pc)
	}
	if sig == sigSEGV {
//line signal_unix.go:935
		panicmemAddr(addr)
	}
	if sig == sigFPE {
//line signal_unix.go:949
		panicdivide()
	}
	throw("unexpected signal during runtime execution")
}

// sigpanic_shown raises the panic for a checked dereference, which reads like the fault that it stands for.
//
//go:noinline
//line signal_unix.go:931
func sigpanic_shown() { panicmem(sigSEGV, 1, 0, frameReturn(getfp())) }

//
//go:noinline
//line panic.go:336
func panicmem(sig, code, addr, pc uintptr) { panic(error(newMemoryError(sig, code, addr, pc))) }

//
//go:noinline
//line panic.go:341
func panicmemAddr(addr uintptr) { panic(error(errorAddressString{msg: memoryErrorText, addr: addr})) }

//
//go:noinline
//line panic.go:307
func panicshift() { panic(shiftError) }

//
//go:noinline
//line panic.go:315
func panicdivide() { panic(divideError) }

//
//go:noinline
//line panic.go:322
func panicoverflow() { panic(overflowError) }

//
//go:noinline
//line panic.go:329
func panicfloat() { panic(error(errorString("floating point error"))) }

// boundsCodes are what the throwing helpers report, in the order in which the ABI lists them.
//
//line places.go:1
var boundsCodes = [...]struct {
	code   abi.BoundsErrorCode
	signed bool
}{
	{abi.BoundsIndex, true}, {abi.BoundsIndex, false},
	{abi.BoundsSliceAlen, true}, {abi.BoundsSliceAlen, false},
	{abi.BoundsSliceAcap, true}, {abi.BoundsSliceAcap, false},
	{abi.BoundsSliceB, true}, {abi.BoundsSliceB, false},
	{abi.BoundsSlice3Alen, true}, {abi.BoundsSlice3Alen, false},
	{abi.BoundsSlice3Acap, true}, {abi.BoundsSlice3Acap, false},
	{abi.BoundsSlice3B, true}, {abi.BoundsSlice3B, false},
	{abi.BoundsSlice3C, true}, {abi.BoundsSlice3C, false},
	{abi.BoundsConvert, true},
}

// panicBounds raises the panic of the throwing helper with this place in boundsCodes.
//
//go:noinline
//line asm_amd64.s:1622
func panicBounds(arg0, arg1 uintptr, code int) { panicBounds64(arg0, arg1, code) }

//
//go:noinline
//line panic.go:211
func panicBounds64(arg0, arg1 uintptr, code int) {
	if uint(code) >= uint(len(boundsCodes)) {
		throw("runtime: unknown bounds error")
	}
	c := boundsCodes[code]
//line panic.go:236
	panic(error(boundsError{x: int64(arg0), y: int(arg1), signed: c.signed, code: c.code}))
}

// panicrangestate raises the panic for a loop body of a range-over-func statement that was
// called when it must not be; state is one of abi.RF_*.
//
//go:noinline
//line panic.go:377
func panicrangestate(state int) {
	switch abi.RF_State(state) {
	case abi.RF_DONE:
//line panic.go:380
		panic(error(errorString("range function continued iteration after function for loop body returned false")))
	case abi.RF_PANIC:
		panic(error(errorString("range function continued iteration after loop body panic")))
	case abi.RF_EXHAUSTED:
		panic(error(errorString("range function continued iteration after whole loop exit")))
	case abi.RF_MISSING_PANIC:
		panic(error(errorString("range function recovered a loop body panic and did not resume panicking")))
	}
	throw("unexpected state set by range function")
}

//
//go:noinline
//line slice.go:30
func panicmakeslicelen() { panic(error(errorString("makeslice: len out of range"))) }

//
//go:noinline
//line slice.go:34
func panicmakeslicecap() { panic(error(errorString("makeslice: cap out of range"))) }

// makeslice allocates the array of make([]T, n, c).
//
//line slice.go:102
func makeslice(et *_type, n, c int) unsafe.Pointer {
	size, over := mulUintptr(et.Size_, uintptr(c))
	if over || size > maxAlloc || n < 0 || n > c {
		// The length is blamed if it would be wrong alone.
		size, over := mulUintptr(et.Size_, uintptr(n))
		if over || size > maxAlloc || n < 0 {
//line slice.go:112
			panicmakeslicelen()
		}
//line slice.go:114
		panicmakeslicecap()
	}
	return mallocgc(size, et, true)
}

// getitab returns the itab of typ for the interface. If typ lacks a method it returns nil if
// canfail, else it panics.
//
//line iface.go:44
func getitab(inter *interfacetype, typ *_type, canfail bool) *itab {
	if len(inter.Methods) == 0 {
		throw("internal error - misuse of itab")
	}
	if typ.TFlag&abi.TFlagUncommon == 0 {
		if canfail {
			return nil
		}
		n := resolveName(&inter.Type, inter.Methods[0].Name)
//line iface.go:55
		panic(error(&TypeAssertionError{nil, typ, &inter.Type, n.Name()}))
	}
	var m *itab
	if t := (*itabTable)(atomic.LoadPointer(&itabs)); t != nil {
		m = t.find(inter, typ)
	}
	if m == nil {
		lock(&itabLock)
		m = addItab(inter, typ)
		unlock(&itabLock)
	}
	if m.Fun[0] != 0 {
		return m
	}
	if canfail {
		return nil
	}
//line iface.go:102
	panic(error(&TypeAssertionError{nil, typ, &inter.Type, itabInit(m)}))
}

// panicdottypeE raises the panic of e.(T) with e of an interface type without methods.
//
//go:noinline
//line iface.go:292
func panicdottypeE(have, want, iface *_type) {
	panic(error(&TypeAssertionError{iface, have, want, ""}))
}

// panicdottypeI raises the panic of i.(T) with i of an interface type with methods.
//
//go:noinline
//line iface.go:298
func panicdottypeI(have *itab, want, iface *_type) {
	var t *_type
	if have != nil {
		t = have.Type
	}
//line iface.go:303
	panicdottypeE(t, want, iface)
}

// typeAssert_shown raises the panic of x.(I) where x holds a have and lacks a method of the interface want.
//
//go:noinline
//line iface.go:485
func typeAssert_shown(have, want *_type) {
//line iface.go:492
	getitab(want.InterfaceType(), have, false)
	throw("typeAssert_shown: the type implements the interface")
}

// panicnildottype raises the panic of x.(I) for an x that is nil.
//
//go:noinline
//line iface.go:309
func panicnildottype(want *_type) { panic(error(&TypeAssertionError{nil, nil, want, ""})) }

// efaceeq compares the data words of two interface values with the same dynamic type.
//
//line alg.go:318
func efaceeq(t *_type, x, y unsafe.Pointer) bool {
	if t == nil {
		return true
	}
	eq := t.Equal
	if eq == nil {
//line alg.go:324
		panic(error(errorString("comparing uncomparable type " + typeName(t))))
	}
	if isDirectIface(t) {
		return x == y
	}
	return eq(x, y)
}

// ifaceeq is efaceeq for interface values with the same itab.
//
//line alg.go:334
func ifaceeq(tab *itab, x, y unsafe.Pointer) bool {
	if tab == nil {
		return true
	}
	t := tab.Type
	eq := t.Equal
	if eq == nil {
//line alg.go:341
		panic(error(errorString("comparing uncomparable type " + typeName(t))))
	}
	if isDirectIface(t) {
		return x == y
	}
	return eq(x, y)
}

// interhash hashes the value of an interface type with methods.
//
//line alg.go:152
func interhash(p unsafe.Pointer, h uintptr) uintptr {
	i := (*iface)(p)
	if i.tab == nil {
		return h
	}
	t := i.tab.Type
	if t.Equal == nil {
//line alg.go:164
		panic(error(errorString("hash of unhashable type " + typeName(t))))
	}
	return dynamicHash(t, &i.data, h)
}

// nilinterhash hashes the value of an interface type without methods.
//
//line alg.go:183
func nilinterhash(p unsafe.Pointer, h uintptr) uintptr {
	e := (*eface)(p)
	t := e._type
	if t == nil {
		return h
	}
	if t.Equal == nil {
//line alg.go:191
		panic(error(errorString("hash of unhashable type " + typeName(t))))
	}
	return dynamicHash(t, &e.data, h)
}

// chansend1 sends *elem (system).
//
//go:noescape
//line chan.go:161
func chansend1(c, elem unsafe.Pointer)

// chanrecv1 receives to *elem (nil: discard), chanrecv2 also reports whether a value came (system).
//
//go:noescape
//line chan.go:509
func chanrecv1(c, elem unsafe.Pointer)

//go:noescape
//line chan.go:514
func chanrecv2(c, elem unsafe.Pointer) bool

// closechan closes; panics on nil and closed channels (system).
//
//line chan.go:414
func closechan(c unsafe.Pointer)

// selectnbsend is a select with one send case and default (system).
//
//go:noescape
//line chan.go:785
func selectnbsend(c, elem unsafe.Pointer) (selected bool)

// selectnbrecv is a select with one receive case and default (system).
//
//go:noescape
//line chan.go:805
func selectnbrecv(elem, c unsafe.Pointer) (selected, received bool)

// selectgo chooses a case: cas0 points to nsends send cases followed by nrecvs receive cases, order0 to 2*(nsends+nrecvs) uint16
// of scratch. Returns the index of the chosen case and whether a receive got a value; (-1, false) if !block and none was ready (system).
//
//go:noescape
//line select.go:535
func selectgo(cas0 *scase, order0 *uint16, nsends, nrecvs int, block bool) (int, bool)

// chansend1_shown raises the panic of a send to a closed channel: parked if it was closed while the goroutine waited.
//
//go:noinline
//line chan.go:161
func chansend1_shown(msg string, parked bool) { chansend_shown(msg, parked) }

// selectnbsend_shown raises the panic of a select statement with one send and a default.
//
//go:noinline
//line chan.go:785
func selectnbsend_shown(msg string) { chansend_shown(msg, false) }

//
//go:noinline
//line chan.go:176
func chansend_shown(msg string, parked bool) {
	if parked {
//line chan.go:307
		panic(error(plainError(msg)))
	}
//line chan.go:226
	panic(error(plainError(msg)))
}

// selectgo_shown raises the panic of a select statement that sends to a closed channel.
//
//go:noinline
//line select.go:542
func selectgo_shown(msg string) { panic(error(plainError(msg))) }

// closechan_shown raises the panic of a close of a channel that is nil, or closed already.
//
//go:noinline
//line chan.go:414
func closechan_shown(msg string, closed bool) {
	if !closed {
//line chan.go:416
		panic(error(plainError(msg)))
	}
//line chan.go:425
	panic(error(plainError(msg)))
}

//
//go:noinline
//line chan.go:88
func makechan_shown(msg string) { panic(error(plainError(msg))) }

// panicwrap raises the panic of a generated pointer wrapper of a value method that
// was called with a nil pointer. It takes names from the wrapper's own name: pkg.(*T).M.
//
//go:noinline
//line error.go:330
func panicwrap() {
	fn := physicalCallerName(1)
	open := -1
	for i := 0; i+1 < len(fn); i++ {
		if fn[i] == '(' && fn[i+1] == '*' {
			open = i
			break
		}
	}
	closing := len(fn) - 1
	for closing > open && !(fn[closing] == ')' && closing+1 < len(fn) && fn[closing+1] == '.') {
		closing--
	}
	if open < 1 || closing <= open {
		throw("panicwrap: unexpected function name " + fn)
	}
	pkg := fn[:open-1]
	typ := fn[open+2 : closing]
	method := fn[closing+2:]
//line error.go:354
	panic(error(plainError("value method " + pkg + "." + typ + "." + method + " called using nil *" + typ + " pointer")))
}

// runFinalizers calls finalizers and cleanups for ever, in a goroutine of its own.
//
//line mfinal.go:180
func runFinalizers() {
	for {
		var r finalizerRecord
		nextFinalizer(&r)
		if r.kind == 1 {
//line mfinal.go:272
			(*(*func())(unsafe.Pointer(&r.fn)))()
			continue
		}
//line mfinal.go:272
		runFinalizer(&r)
	}
}

// main is the body of the main goroutine.
//
//line proc.go:150
func main() {
	cpu.Initialize(startEnv("GODEBUG"))
	// The AES hashes are the Rust runtime's and work on every processor.
	maps.UseAeshash = true
	memProfileRateAt(&MemProfileRate)
	setRunningInits(true)
	inits := module().inits
//line proc.go:269
	doInit_shown(unsafe.Slice((*uintptr)(inits.ptr), inits.len))
	setRunningInits(false)
	object := funcval{fn: module().mainMain}
	p := &object
//line proc.go:302
	(*(*func())(unsafe.Pointer(&p)))()
	runExitHooks(0)
	exit(0)
}

// doInit_shown runs the initialisers at pcs.
//
//go:noinline
//line proc.go:8119
func doInit_shown(pcs []uintptr) {
	for _, pc := range pcs {
//line proc.go:8121
		doInit1(pc)
	}
}

// doInit1 runs the initialiser at pc.
//
//go:noinline
//line proc.go:8125
func doInit1(pc uintptr) {
	object := funcval{fn: pc}
	p := &object
//line proc.go:8154
	(*(*func())(unsafe.Pointer(&p)))()
}

// goexit stands in stacks for the code that the first function of a goroutine returns to: Rust's walks end with it.
//
//go:noinline
//line asm_amd64.s:1264
func goexit() { goexit1() }
