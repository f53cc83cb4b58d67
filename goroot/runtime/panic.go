package runtime

import "unsafe"

// Panics, deferred calls and recover.
//
// The compiler pushes a _defer on G's list for every deferred call. A function that
// owns some calls deferreturn on its way out. gopanic takes records off the same
// list and calls them from its own frame, on top of the stack of the panic, so that a
// traceback shows where it came from.
//
//  1. recover is valid only in a function that a running gopanic (or Goexit) called, wrappers between
//     them aside: gorecover walks from the frame of the function that contains the call
//     and must arrive at the frame recorded in the innermost panic.
//  2. A deferred function that recovered returns to gopanic, which drops the panics whose
//     frames end, then continues the frame that owns the deferred call.
//  3. A dropped Goexit takes over instead: the goroutine still has to end, so the loop goes on in the
//     role of the Goexit with the deferred calls that are left.

// _defer is a deferred call: DeferRecord of the ABI. Without fn it only marks a place: the calls that loop bodies
// of range-over-func statements defer for their function are linked behind it.
type _defer struct {
	link  *_defer
	frame uintptr
	fn    func()
	pc    uintptr
}

// _panic is a panic or Goexit in progress. The first four fields are known to tracebacks.
type _panic struct {
	arg        any
	link       *_panic // the one that was in progress before
	frame      uintptr // of gopanic or Goexit: deferred functions are called from there
	recovered  bool
	repanicked bool // recovered, then raised again with the same value
	goexit     bool
}

// gHead is the part of G that compiled code and this package touch.
type gHead struct {
	stackLimit uintptr
	m          unsafe.Pointer
	closureCtx unsafe.Pointer
	deferred   *_defer
	panics     *_panic
}

func thisG() *gHead { return (*gHead)(getg()) }

// recovered ends the panic p, whose frame is the caller's, after a deferred function of the
// frame owner has recovered it. It returns only if a Goexit ends together with frames
// below owner: p then stands for that Goexit.
func recovered(g *gHead, p *_panic, owner uintptr) {
	goexit := false
	for fp := p.frame; fp != owner; fp = *(*uintptr)(unsafe.Pointer(fp)) {
		for q := g.panics; q != nil && q.frame == fp; q = q.link {
			if q != p && q.goexit {
				goexit = true
			}
			g.panics = q.link
		}
		if fp == 0 {
			throw("recovered: frame of the deferred call is not on the stack")
		}
	}
	if goexit {
		p.arg = nil
		p.goexit = true
		p.recovered = false
		p.link = g.panics
		g.panics = p
		return
	}
	unwindto(owner)
}

// samePanicValue reports whether x and y are the same value as far as panicking again is concerned.
func samePanicValue(x, y any) bool {
	a, b := efaceOf(&x), efaceOf(&y)
	if a._type != b._type {
		return false
	}
	return a.data == b.data || a._type != nil && a._type.Equal != nil && comparableValue(a._type) && efaceeq(a._type, a.data, b.data)
}

// gorecover implements the predeclared function recover; frame identifies the function that contains the call, 0 if
// recover itself was deferred.
//
//go:noinline
func gorecover(frame uintptr) any {
	p := thisG().panics
	if p == nil || p.goexit || p.recovered || frame == 0 {
		return nil
	}
	for fp := *(*uintptr)(unsafe.Pointer(frame)); fp != p.frame; fp = *(*uintptr)(unsafe.Pointer(fp)) {
		// The frame at fp made the call: only adapters may stand between.
		if fp == 0 || !isAdapter(frameReturn(frame)) {
			return nil
		}
		frame = fp
	}
	p.recovered = true
	return p.arg
}

// isAdapter reports whether the function to which the return address belongs passes a call on, so that recover in its
// callee counts as called by its caller: generated wrappers, and what reflect calls through.
func isAdapter(ra uintptr) bool {
	f := findfuncRaw(ra - 1)
	if f == nil {
		return true // makeFuncStub or a stub of the runtime
	}
	// What was inlined into a wrapper is none.
	for loc := pcLoc(ra - 1); loc != noLoc; loc = locParent(loc) {
		if !locWrapper(loc) {
			return false
		}
	}
	return funcFlags(f)&funcWrapper != 0
}

// dieOfPanic reports the panic that nobody recovered and ends the process.
//
//go:noinline
func dieOfPanic(p *_panic) {
	preparePanicValues(p)
	if startpanic() {
		printpanics(p)
		if f := faultOf(p.arg); f != nil {
			printfault(f)
		}
	}
	fatalpanic()
}

func printfault(f *faultRecord) {
	printstring("[signal ")
	switch f.sig {
	case sigSEGV:
		printstring("SIGSEGV: segmentation violation")
	case sigBUS:
		printstring("SIGBUS: bus error")
	default:
		printint(int64(f.sig))
	}
	printstring(" code=")
	printhex(uint64(f.code))
	printstring(" addr=")
	printhex(uint64(f.addr))
	printstring(" pc=")
	printhex(uint64(f.pc))
	printstring("]\n")
}

// panicText replaces the value of a panic whose text a method has made.
type madeText string

// preparePanicValues calls the Error and String methods of the values that will be printed, while that is still allowed to fail.
func preparePanicValues(p *_panic) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		const what = "panic while printing panic value"
		switch v := v.(type) {
		case string:
			throw(what + ": " + indented(v))
		case nil:
			throw(what)
		default:
			throw(what + ": type " + typeName(efaceOf(&v)._type))
		}
	}()
	for ; p != nil; p = p.link {
		switch v := p.arg.(type) {
		case error:
			if faultOf(v) == nil {
				p.arg = madeText(v.Error())
			}
		case interface{ String() string }:
			p.arg = madeText(v.String())
		}
	}
}

// indented puts a tab before all lines but the first.
func indented(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			return s[:i+1] + "\t" + indented(s[i+1:])
		}
	}
	return s
}

// printpanics prints the panics in progress, oldest first.
func printpanics(p *_panic) {
	if p.link != nil {
		printpanics(p.link)
		if p.link.repanicked {
			return
		}
		if !p.link.goexit {
			printstring("\t")
		}
	}
	if p.goexit {
		return
	}
	printstring("panic: ")
	printpanicval(p.arg)
	if p.repanicked {
		printstring(" [recovered, repanicked]")
	} else if p.recovered {
		printstring(" [recovered]")
	}
	printnl()
}

// printpanicval prints the value of a panic.
func printpanicval(v any) {
	switch v := v.(type) {
	case nil:
		printstring("nil")
	case bool:
		printbool(v)
	case int:
		printint(int64(v))
	case int8:
		printint(int64(v))
	case int16:
		printint(int64(v))
	case int32:
		printint(int64(v))
	case int64:
		printint(v)
	case uint:
		printuint(uint64(v))
	case uint8:
		printuint(uint64(v))
	case uint16:
		printuint(uint64(v))
	case uint32:
		printuint(uint64(v))
	case uint64:
		printuint(v)
	case uintptr:
		printuint(uint64(v))
	case float32:
		printfloat32(v)
	case float64:
		printfloat(v)
	case complex64:
		printcomplex64(v)
	case complex128:
		printcomplex(v)
	case string:
		printindented(v)
	case madeText:
		printindented(string(v))
	case errorString:
		printindented(v.Error())
	default:
		printdefined(v)
	}
}

// printindented prints s with a tab after every line break, so that the text stays apart from the traceback.
func printindented(s string) {
	from := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			printstring(s[from : i+1])
			printstring("\t")
			from = i + 1
		}
	}
	printstring(s[from:])
}

// printdefined prints a value of a defined type as a conversion if its underlying type is a basic one, else type and address.
func printdefined(v any) {
	e := efaceOf(&v)
	t := e._type
	open, shut := "(", ")"
	value := func() bool {
		switch t.Kind_ {
		case kindBool:
			printstring(typeName(t) + open)
			printbool(*(*bool)(e.data))
		case kindInt, kindInt64:
			printstring(typeName(t) + open)
			printint(*(*int64)(e.data))
		case kindInt8:
			printstring(typeName(t) + open)
			printint(int64(*(*int8)(e.data)))
		case kindInt16:
			printstring(typeName(t) + open)
			printint(int64(*(*int16)(e.data)))
		case kindInt32:
			printstring(typeName(t) + open)
			printint(int64(*(*int32)(e.data)))
		case kindUint, kindUint64, kindUintptr:
			printstring(typeName(t) + open)
			printuint(*(*uint64)(e.data))
		case kindUint8:
			printstring(typeName(t) + open)
			printuint(uint64(*(*uint8)(e.data)))
		case kindUint16:
			printstring(typeName(t) + open)
			printuint(uint64(*(*uint16)(e.data)))
		case kindUint32:
			printstring(typeName(t) + open)
			printuint(uint64(*(*uint32)(e.data)))
		case kindFloat32:
			printstring(typeName(t) + open)
			printfloat32(*(*float32)(e.data))
		case kindFloat64:
			printstring(typeName(t) + open)
			printfloat(*(*float64)(e.data))
		case kindComplex64, kindComplex128:
			printstring(typeName(t))
			shut = ""
			if t.Kind_ == kindComplex64 {
				printcomplex64(*(*complex64)(e.data))
			} else {
				printcomplex(*(*complex128)(e.data))
			}
		case kindString:
			printstring(typeName(t) + open + "\"")
			printindented(*(*string)(e.data))
			shut = "\")"
		default:
			return false
		}
		return true
	}
	if value() {
		printstring(shut)
		return
	}
	printstring("(" + typeName(t) + ") ")
	printpointer(e.data)
}
