package runtime

import (
	"internal/abi"
	"unsafe"
)

// maxTinySize bounds the objects without pointers that share a block with others.
const maxTinySize = 16

// SetFinalizer arranges for finalizer(obj) to be called in a goroutine of its own once obj is unreachable: obj is then
// reachable again, without a finalizer. A finalizer of nil removes the one that is set. obj must be a pointer to the
// beginning of an object that new, a composite literal's address or a local variable's address made.
func SetFinalizer(obj any, finalizer any) {
	e := efaceOf(&obj)
	et := e._type
	if et == nil {
		throw("runtime.SetFinalizer: first argument is nil")
	}
	if et.Kind_ != kindPointer {
		throw("runtime.SetFinalizer: first argument is " + typeName(et) + ", not pointer")
	}
	ot := et.Elem()
	if ot == nil {
		throw("nil elem type!")
	}
	const notAllocated = "runtime.SetFinalizer: pointer not in allocated block"
	if e.data == nil {
		throw(notAllocated)
	}
	base, _ := findObjectRaw(e.data)
	if base == nil {
		// Globals and objects of size zero are never collected.
		m := module()
		if p := uintptr(e.data); ot.Size_ == 0 || m.data <= p && p < m.edata || m.types <= p && p < m.etypes || !inHeapOrStack(e.data) {
			return
		}
		throw(notAllocated)
	}
	if base != e.data {
		// Small objects without pointers may lie anywhere in a shared block.
		if ot.Pointers() || ot.Size_ >= maxTinySize {
			throw("runtime.SetFinalizer: pointer not at beginning of allocated block")
		}
	}
	f := efaceOf(&finalizer)
	ft := f._type
	if ft == nil {
		setFinalizerRaw(e.data, nil, 0, nil, nil)
		return
	}
	if ft.Kind_ != kindFunc {
		throw("runtime.SetFinalizer: second argument is " + typeName(ft) + ", not a function")
	}
	sig := (*functype)(unsafe.Pointer(ft))
	if sig.IsVariadic() {
		throw("runtime.SetFinalizer: cannot pass " + typeName(et) + " to finalizer " + typeName(ft) + " because dotdotdot")
	}
	if sig.InCount != 1 || !finalizerAccepts(sig.In(0), et) {
		throw("runtime.SetFinalizer: cannot pass " + typeName(et) + " to finalizer " + typeName(ft))
	}
	if f.data == nil {
		setFinalizerRaw(e.data, nil, 0, nil, nil)
		return
	}
	var nret uintptr
	for _, t := range sig.OutSlice() {
		nret = (nret+uintptr(t.Align_)-1)&^(uintptr(t.Align_)-1) + t.Size_
	}
	// The record keeps the function's type as well: it says how to call it.
	if !setFinalizerRaw(e.data, unsafe.Pointer(&finalizerFunc{fn: f.data, typ: sig}), nret, sig.In(0), et) {
		throw("runtime.SetFinalizer: finalizer already set")
	}
}

// finalizerFunc is a function that finalizes and its type.
type finalizerFunc struct {
	fn  unsafe.Pointer // closure object
	typ *functype
}

// finalizerAccepts reports whether a value of the pointer type et may be passed as in.
func finalizerAccepts(in, et *_type) bool {
	switch {
	case in == et:
		return true
	case in.Kind_ == kindPointer:
		return (in.Uncommon() == nil || et.Uncommon() == nil) && in.Elem() == et.Elem()
	case in.Kind_ == kindInterface:
		i := in.InterfaceType()
		return len(i.Methods) == 0 || assertE2I2(i, et) != nil
	}
	return false
}

// runFinalizer calls one finalizer.
//
//go:noinline
func runFinalizer(r *finalizerRecord) {
	f := (*finalizerFunc)(r.fn)
	var words [2]unsafe.Pointer
	words[0] = r.obj
	if f.typ.In(0).Kind_ == kindInterface {
		words[1] = r.obj
		if i := f.typ.In(0).InterfaceType(); len(i.Methods) == 0 {
			words[0] = unsafe.Pointer(r.ot)
		} else {
			words[0] = unsafe.Pointer(assertE2I(i, r.ot))
		}
	}
	callDiscarding(f.fn, f.typ, unsafe.Pointer(&words))
}

// Cleanup stands for a call of AddCleanup.
type Cleanup struct {
	id  uint64
	ptr uintptr
}

// AddCleanup arranges for cleanup(arg) to be called some time after *ptr is unreachable. ptr may
// point into an object; several cleanups of an object are independent of one another. arg must not be ptr
// nor keep *ptr reachable.
func AddCleanup[T, S any](ptr *T, cleanup func(S), arg S) Cleanup {
	if ptr == nil {
		panic("runtime.AddCleanup: ptr is nil")
	}
	p := unsafe.Pointer(abi.Escape(ptr))
	tiny := !abi.TypeFor[T]().Pointers()
	if kind := abi.TypeOf(arg); kind != nil && (kind.Kind_ == abi.Pointer || kind.Kind_ == abi.UnsafePointer) {
		a := *(*unsafe.Pointer)(unsafe.Pointer(&arg))
		if a == p {
			panic("runtime.AddCleanup: ptr is equal to arg, cleanup will never run")
		}
		if isWithin(a, p, tiny) {
			panic("runtime.AddCleanup: ptr is within arg, cleanup will never run")
		}
	}
	if closure := *(*unsafe.Pointer)(unsafe.Pointer(&cleanup)); closesOver(closure, p, tiny) {
		panic("runtime.AddCleanup: cleanup function closes over ptr, cleanup will never run")
	}
	if !cleanupTarget(p) {
		return Cleanup{}
	}
	id := addCleanupRaw(p, func() { cleanup(arg) })
	return Cleanup{id: id, ptr: uintptr(p)}
}

// isWithin reports whether p points into the heap object that q points into. Objects that may share a slot with others, small ones
// without pointers, are compared by address.
func isWithin(p, q unsafe.Pointer, tiny bool) bool {
	base, size := findObjectRaw(q)
	if base == nil || tiny && size <= maxTinySize {
		return p == q
	}
	return uintptr(p)-uintptr(base) < size
}

// closesOver reports whether a word of a closure points into the object of p.
func closesOver(closure, p unsafe.Pointer, tiny bool) bool {
	base, size := findObjectRaw(closure)
	for at := uintptr(0); base != nil && at < size; at += 8 {
		if isWithin(*(*unsafe.Pointer)(add(base, at)), p, tiny) {
			return true
		}
	}
	return false
}

// cleanupTarget reports whether the object of p can become unreachable at all.
func cleanupTarget(p unsafe.Pointer) bool {
	if base, _ := findObjectRaw(p); base != nil {
		return true
	}
	if inHeapOrStack(p) {
		throw("runtime.AddCleanup: ptr not in allocated block")
	}
	return false
}

// Stop cancels the cleanup. It has no effect once the cleanup has been queued.
func (c Cleanup) Stop() {
	if c.id != 0 {
		stopCleanupRaw(c.ptr, c.id)
	}
}

//go:linkname blockUntilEmptyFinalizerQueue
func blockUntilEmptyFinalizerQueue(timeout int64) bool { return blockUntilFinalizersDone(timeout) }

//go:linkname unique_runtime_blockUntilEmptyCleanupQueue unique.runtime_blockUntilEmptyCleanupQueue
func unique_runtime_blockUntilEmptyCleanupQueue(timeout int64) bool {
	return blockUntilFinalizersDone(timeout)
}

//go:linkname synctest_runtime_blockUntilEmptyCleanupQueue sync_test.runtime_blockUntilEmptyCleanupQueue
func synctest_runtime_blockUntilEmptyCleanupQueue(timeout int64) bool {
	return blockUntilFinalizersDone(timeout)
}
