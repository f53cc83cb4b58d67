// Calls through reflection, for the calling convention of ferrogo's compiled code. The runtime decides
// where each argument travels; here values are checked, converted and laid out in memory.

package reflect

import (
	"internal/abi"
	"runtime"
	"unsafe"
)

// callFunc calls the closure object fn of signature ft; args and results point to the values.
//
//go:linkname callFunc runtime.callFunc
func callFunc(fn unsafe.Pointer, ft *funcType, hasRcvr bool, rcvr unsafe.Pointer, args, results []unsafe.Pointer)

// spilledArgs is the register file that makeFuncStub hands over.
type spilledArgs struct{ _ [30]uint64 }

//go:linkname takeArgs runtime.takeArgs
func takeArgs(f *spilledArgs, ft *funcType, hasRcvr bool, args []unsafe.Pointer) (rcvr unsafe.Pointer)

//go:linkname giveResults runtime.giveResults
func giveResults(f *spilledArgs, ft *funcType, results []unsafe.Pointer)

// makeFuncStub is the code of every closure that this file makes: see makeFuncCtxt.
//
//go:linkname makeFuncStub runtime.makeFuncStub
func makeFuncStub()

// makeFuncCtxt begins a closure object whose code is makeFuncStub.
type makeFuncCtxt struct {
	fn      uintptr // entry of makeFuncStub
	handler uintptr // entry of a func(closure object, *spilledArgs)

	// regPtrs is for moveMakeFuncArgPtrs, which nothing calls.
	regPtrs abi.IntArgRegBitmap
}

// makeFuncImpl is the closure object of a function made by MakeFunc.
type makeFuncImpl struct {
	makeFuncCtxt
	ftyp *funcType
	fn   func([]Value) []Value
}

// methodValue is the closure object of a method value.
type methodValue struct {
	makeFuncCtxt
	ftyp   *funcType
	method int
	rcvr   Value
}

func (v Value) call(op string, in []Value) []Value {
	ft := (*funcType)(unsafe.Pointer(v.typ()))
	var fn, rcvr unsafe.Pointer
	hasRcvr := v.flag&flagMethod != 0
	switch {
	case hasRcvr:
		_, ft, fn = methodReceiver(op, v, int(v.flag)>>flagMethodShift)
		storeRcvr(v, unsafe.Pointer(&rcvr))
	case v.flag&flagIndir != 0:
		fn = *(*unsafe.Pointer)(v.ptr)
	default:
		fn = v.ptr
	}
	if fn == nil {
		panic("reflect.Value.Call: call of nil function")
	}
	in = callArgs(op, ft, in)

	args := make([]unsafe.Pointer, len(in))
	vals := make([]Value, len(in))
	for i, t := range ft.InSlice() {
		x := in[i]
		x.mustBeExported()
		vals[i] = x.assignTo("reflect.Value.Call", t, nil)
		if vals[i].flag&flagIndir != 0 {
			args[i] = vals[i].ptr
		} else {
			args[i] = unsafe.Pointer(&vals[i].ptr)
		}
	}
	if callGC {
		runtime.GC()
	}
	out, results := newValues(ft.OutSlice())
//line value.go:586
	callFunc(fn, ft, hasRcvr, rcvr, args, results)
//line call_ferrogo.go:92
	if callGC {
		runtime.GC()
	}
	runtime.KeepAlive(vals)
	runtime.KeepAlive(v)
	loadWords(out, results)
	return out
}

// callArgs checks number and types of the arguments of a call and packs variadic ones.
func callArgs(op string, ft *funcType, in []Value) []Value {
	fixed := ft.NumIn()
	pack := false
	if op == "CallSlice" {
		if !ft.IsVariadic() {
			panic("reflect: CallSlice of non-variadic function")
		}
	} else if ft.IsVariadic() {
		pack = true
		fixed--
	}
	if len(in) < fixed {
		panic("reflect: " + op + " with too few input arguments")
	}
	if len(in) > fixed && !pack {
		panic("reflect: " + op + " with too many input arguments")
	}
	for _, x := range in {
		if x.Kind() == Invalid {
			panic("reflect: " + op + " using zero Value argument")
		}
	}
	for i, x := range in[:fixed] {
		if t := ft.In(i); !x.Type().AssignableTo(toRType(t)) {
			panic("reflect: " + op + " using " + x.Type().String() + " as type " + stringFor(t))
		}
	}
	if !pack {
		return in
	}
	last := toRType(ft.In(fixed))
	rest := in[fixed:]
	list := MakeSlice(last, len(rest), len(rest))
	for i, x := range rest {
		if !x.Type().AssignableTo(last.Elem()) {
			panic("reflect: cannot use " + x.Type().String() + " as type " + last.Elem().String() + " in " + op)
		}
		list.Index(i).Set(x)
	}
	return append(in[:fixed:fixed], list)
}

// newValues makes a zero Value of each type together with the address at which to store its content: for types
// that interfaces hold directly loadWords has to be called afterwards.
func newValues(ts []*abi.Type) ([]Value, []unsafe.Pointer) {
	if len(ts) == 0 {
		return nil, nil
	}
	vals := make([]Value, len(ts))
	places := make([]unsafe.Pointer, len(ts))
	words := 0
	for i, t := range ts {
		switch {
		case t.Size() == 0:
			vals[i] = Zero(toRType(t))
		case t.IsDirectIface():
			vals[i] = Value{t, nil, flag(t.Kind())}
			words++
		default:
			p := unsafe_New(t)
			vals[i] = Value{t, p, flagIndir | flag(t.Kind())}
			places[i] = p
		}
	}
	if words != 0 {
		room := make([]unsafe.Pointer, words)
		for i, t := range ts {
			if t.Size() != 0 && t.IsDirectIface() {
				words--
				places[i] = unsafe.Pointer(&room[words])
			}
		}
	}
	return vals, places
}

func loadWords(vals []Value, places []unsafe.Pointer) {
	for i := range vals {
		if v := &vals[i]; v.flag&flagIndir == 0 && places[i] != nil {
			v.ptr = *(*unsafe.Pointer)(places[i])
		}
	}
}

// MakeFunc returns a function of type typ that calls fn with its arguments as Values and
// returns what fn returns. fn gets as many Values as typ has parameters, the last one a slice
// if typ is variadic, and must return as many as typ has results, each assignable to its type.
func MakeFunc(typ Type, fn func(args []Value) (results []Value)) Value {
	t := typ.common()
	if Kind(t.Kind()) != Func {
		panic("reflect: call of MakeFunc with non-Func type")
	}
	impl := &makeFuncImpl{
		makeFuncCtxt: makeFuncCtxt{fn: methodValueCallCodePtr(), handler: abi.FuncPCABIInternal(callReflect)},
		ftyp:         (*funcType)(unsafe.Pointer(t)),
		fn:           fn,
	}
	return Value{t, unsafe.Pointer(impl), flag(Func)}
}

// callReflect runs a call of a function that MakeFunc made. The runtime knows its name: it is
// transparent to recover.
func callReflect(ctxt *makeFuncImpl, frame *spilledArgs) {
	ft, fn := ctxt.ftyp, ctxt.fn
	in, places := newValues(ft.InSlice())
	takeArgs(frame, ft, false, places)
	loadWords(in, places)

	out := fn(in)
	if len(out) != ft.NumOut() {
		panic("reflect: wrong return count from function created by MakeFunc")
	}
	results := make([]unsafe.Pointer, len(out))
	vals := make([]Value, len(out))
	for i, t := range ft.OutSlice() {
		v := out[i]
		if v.typ() == nil {
			panic("reflect: function created by MakeFunc using " + funcName(fn) + " returned zero Value")
		}
		if v.flag&flagRO != 0 {
			panic("reflect: function created by MakeFunc using " + funcName(fn) + " returned value obtained from unexported field")
		}
		vals[i] = v.assignTo("reflect.MakeFunc", t, nil)
		if vals[i].flag&flagIndir != 0 {
			results[i] = vals[i].ptr
		} else {
			results[i] = unsafe.Pointer(&vals[i].ptr)
		}
	}
	giveResults(frame, ft, results)
	runtime.KeepAlive(out)
	runtime.KeepAlive(ctxt)
}

// makeMethodValue turns v, a receiver with a method number, into a func value proper, for
// everything that needs to treat it like one.
func makeMethodValue(op string, v Value) Value {
	if v.flag&flagMethod == 0 {
		panic("reflect: internal error: invalid use of makeMethodValue")
	}
	ft := (*funcType)(unsafe.Pointer(v.Type().(*rtype)))
	fv := &methodValue{
		makeFuncCtxt: makeFuncCtxt{fn: methodValueCallCodePtr(), handler: abi.FuncPCABIInternal(callMethod)},
		ftyp:         ft,
		method:       int(v.flag) >> flagMethodShift,
		rcvr:         Value{v.typ(), v.ptr, v.flag&(flagRO|flagAddr|flagIndir) | flag(v.typ().Kind())},
	}
	// A method that may not be used is refused here, not at the call.
	methodReceiver(op, fv.rcvr, fv.method)
	return Value{ft.Common(), unsafe.Pointer(fv), v.flag&flagRO | flag(Func)}
}

// methodValueCallCodePtr is what Pointer returns for every method value.
func methodValueCallCodePtr() uintptr { return abi.FuncPCABIInternal(makeFuncStub) }

// callMethod runs a call of a method value. The runtime knows its name: it is transparent to recover.
func callMethod(ctxt *methodValue, frame *spilledArgs) {
	_, ft, fn := methodReceiver("call", ctxt.rcvr, ctxt.method)
	var rcvr unsafe.Pointer
	storeRcvr(ctxt.rcvr, unsafe.Pointer(&rcvr))
	args := make([]unsafe.Pointer, ft.NumIn())
	for i, t := range ft.InSlice() {
		args[i] = unsafe_New(t)
	}
	results := make([]unsafe.Pointer, ft.NumOut())
	for i, t := range ft.OutSlice() {
		results[i] = unsafe_New(t)
	}
	takeArgs(frame, ft, false, args)
	callFunc(fn, ft, true, rcvr, args, results)
	giveResults(frame, ft, results)
	runtime.KeepAlive(ctxt)
}
