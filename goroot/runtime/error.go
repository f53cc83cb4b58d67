package runtime

import (
	"internal/abi"
	"unsafe"
)

// Error identifies a run-time error, such as an index out of range or a
// dereference of a nil pointer: the value of the panic implements it.
type Error interface {
	error

	// RuntimeError does nothing; it tells run-time errors from other errors.
	RuntimeError()
}

// A TypeAssertionError says why a type assertion failed.
type TypeAssertionError struct {
	_interface    *_type
	concrete      *_type
	asserted      *_type
	missingMethod string // empty when the types just differ
}

// RuntimeError marks the type as a run-time error.
func (*TypeAssertionError) RuntimeError() {}

// Error describes the failed assertion.
func (e *TypeAssertionError) Error() string {
	from := "interface"
	if e._interface != nil {
		from = typeName(e._interface)
	}
	want := typeName(e.asserted)
	if e.concrete == nil {
		return "interface conversion: " + from + " is nil, not " + want
	}
	have := typeName(e.concrete)
	if e.missingMethod != "" {
		return "interface conversion: " + have + " is not " + want + ": missing method " + e.missingMethod
	}
	s := "interface conversion: " + from + " is " + have + ", not " + want
	if have != want {
		return s
	}
	// The texts agree although the types do not: say which of the two reasons it is.
	if pkgPathOf(e.concrete) != pkgPathOf(e.asserted) {
		return s + " (types from different packages)"
	}
	return s + " (types from different scopes)"
}

// errorString is a run-time error whose text carries the prefix "runtime error: ".
type errorString string

func (errorString) RuntimeError() {}
func (e errorString) Error() string {
	return "runtime error: " + string(e)
}

// errorAddressString is a run-time error about a faulting address.
type errorAddressString struct {
	msg  string
	addr uintptr
}

func (errorAddressString) RuntimeError() {}
func (e errorAddressString) Error() string {
	return "runtime error: " + e.msg
}

// Addr is the address that faulted. It is meaningful if runtime/debug.SetPanicOnFault is set.
func (e errorAddressString) Addr() uintptr { return e.addr }

// plainError is a run-time error without the prefix.
type plainError string

func (plainError) RuntimeError() {}
func (e plainError) Error() string {
	return string(e)
}

// A PanicNilError is the value that recover returns after panic(nil).
type PanicNilError struct {
	// Makes the type differ from any other empty struct, for conversions.
	_ [0]*PanicNilError
}

func (*PanicNilError) Error() string { return "runtime error: panic called with nil argument" }

// RuntimeError marks the type as a run-time error.
func (*PanicNilError) RuntimeError() {}

// boundsError is the value of the panic for a failed index or slice expression.
type boundsError struct {
	x      int64
	y      int
	signed bool
	code   abi.BoundsErrorCode
}

func (boundsError) RuntimeError() {}

func (e boundsError) Error() string {
	b := make([]byte, 0, 112)
	b = append(b, "runtime error: "...)
	subject, form := "slice bounds out of range", ""
	negative := e.signed && e.x < 0
	switch e.code {
	case abi.BoundsIndex:
		subject = "index out of range"
		form = "[%x] with length %y"
		if negative {
			form = "[%x]"
		}
	case abi.BoundsSliceAlen:
		form = "[:%x] with length %y"
		if negative {
			form = "[:%x]"
		}
	case abi.BoundsSliceAcap:
		form = "[:%x] with capacity %y"
		if negative {
			form = "[:%x]"
		}
	case abi.BoundsSliceB:
		form = "[%x:%y]"
		if negative {
			form = "[%x:]"
		}
	case abi.BoundsSlice3Alen:
		form = "[::%x] with length %y"
		if negative {
			form = "[::%x]"
		}
	case abi.BoundsSlice3Acap:
		form = "[::%x] with capacity %y"
		if negative {
			form = "[::%x]"
		}
	case abi.BoundsSlice3B:
		form = "[:%x:%y]"
		if negative {
			form = "[:%x:]"
		}
	case abi.BoundsSlice3C:
		form = "[%x:%y:]"
		if negative {
			form = "[%x::]"
		}
	case abi.BoundsConvert:
		subject = "cannot convert slice with length"
		form = "%x to array or pointer to array with length %y"
	}
	b = append(b, subject...)
	b = append(b, ' ')
	for i := 0; i < len(form); i++ {
		if form[i] != '%' {
			b = append(b, form[i])
			continue
		}
		i++
		if form[i] == 'x' {
			b = appendInt(b, e.x, e.signed)
		} else {
			b = appendInt(b, int64(e.y), true)
		}
	}
	return string(b)
}

// appendInt appends v in decimal, read as unsigned if signed is false.
func appendInt(b []byte, v int64, signed bool) []byte {
	u := uint64(v)
	if signed && v < 0 {
		b = append(b, '-')
		u = -u
	}
	var buf [20]byte
	return append(b, formatUint(buf[:], u)...)
}

// formatUint writes v in decimal at the end of buf and returns that part.
func formatUint(buf []byte, v uint64) []byte {
	i := len(buf)
	for {
		i--
		buf[i] = byte(v%10) + '0'
		v /= 10
		if v == 0 {
			return buf[i:]
		}
	}
}

func itoa(v int) string {
	var buf [24]byte
	return string(appendInt(buf[:0], int64(v), true))
}

// Errors that other packages of std share by linkname or that are raised often.
var (
	divideError   error = errorString("integer divide by zero")
	overflowError error = errorString("integer overflow")
	shiftError    error = errorString("negative shift amount")
	memoryError   error = errorString(memoryErrorText)
)

// errNilAssign is what internal/runtime/maps raises for a store to a nil map.
//
//go:linkname maps_errNilAssign internal/runtime/maps.errNilAssign
var maps_errNilAssign error = plainError("assignment to entry in nil map")

// Signals that become panics.
const (
	sigBUS  = 7
	sigFPE  = 8
	sigSEGV = 11
)

// nilPageSize bounds the addresses whose fault counts as a nil dereference.
const nilPageSize = 4096

const memoryErrorText = "invalid memory address or nil pointer dereference"

// faultRecord is the storage of the text of a fault's error value. What the report of an
// unrecovered panic adds about the signal stands behind the text, so that it lives
// exactly as long as the value.
type faultRecord struct {
	text [len(memoryErrorText)]byte
	sig  uintptr
	code uintptr
	addr uintptr
	pc   uintptr
}

// newMemoryError makes the error value for a fault.
func newMemoryError(sig, code, addr, pc uintptr) errorString {
	r := &faultRecord{sig: sig, code: code, addr: addr, pc: pc}
	copy(r.text[:], memoryErrorText)
	return errorString(unsafe.String(&r.text[0], len(memoryErrorText)))
}

// faultOf returns the record behind the value of a panic that a fault raised, nil for others.
func faultOf(v any) *faultRecord {
	e, ok := v.(errorString)
	if !ok || string(e) != memoryErrorText {
		return nil
	}
	fixed, _ := memoryError.(errorString)
	if unsafe.StringData(string(e)) == unsafe.StringData(string(fixed)) {
		return nil
	}
	return (*faultRecord)(unsafe.Pointer(unsafe.StringData(string(e))))
}

// panicText raises a run-time error with exactly this text.
func panicText(msg string) {
	const prefix = "runtime error: "
	if len(msg) > len(prefix) && msg[:len(prefix)] == prefix {
		panic(error(errorString(msg[len(prefix):])))
	}
	panic(error(plainError(msg)))
}

func goPanicIndex(x int, y int)       { boundsPanic(int64(x), y, true, abi.BoundsIndex) }
func goPanicIndexU(x uint, y int)     { boundsPanic(int64(x), y, false, abi.BoundsIndex) }
func goPanicSliceAlen(x int, y int)   { boundsPanic(int64(x), y, true, abi.BoundsSliceAlen) }
func goPanicSliceAlenU(x uint, y int) { boundsPanic(int64(x), y, false, abi.BoundsSliceAlen) }
func goPanicSliceAcap(x int, y int)   { boundsPanic(int64(x), y, true, abi.BoundsSliceAcap) }
func goPanicSliceAcapU(x uint, y int) { boundsPanic(int64(x), y, false, abi.BoundsSliceAcap) }
func goPanicSliceB(x int, y int)      { boundsPanic(int64(x), y, true, abi.BoundsSliceB) }
func goPanicSliceBU(x uint, y int)    { boundsPanic(int64(x), y, false, abi.BoundsSliceB) }
func goPanicSlice3Alen(x int, y int)  { boundsPanic(int64(x), y, true, abi.BoundsSlice3Alen) }
func goPanicSlice3AlenU(x uint, y int) {
	boundsPanic(int64(x), y, false, abi.BoundsSlice3Alen)
}
func goPanicSlice3Acap(x int, y int) { boundsPanic(int64(x), y, true, abi.BoundsSlice3Acap) }
func goPanicSlice3AcapU(x uint, y int) {
	boundsPanic(int64(x), y, false, abi.BoundsSlice3Acap)
}
func goPanicSlice3B(x int, y int)   { boundsPanic(int64(x), y, true, abi.BoundsSlice3B) }
func goPanicSlice3BU(x uint, y int) { boundsPanic(int64(x), y, false, abi.BoundsSlice3B) }
func goPanicSlice3C(x int, y int)   { boundsPanic(int64(x), y, true, abi.BoundsSlice3C) }
func goPanicSlice3CU(x uint, y int) { boundsPanic(int64(x), y, false, abi.BoundsSlice3C) }
func goPanicSliceConvert(x int, y int) {
	boundsPanic(int64(x), y, true, abi.BoundsConvert)
}

func boundsPanic(x int64, y int, signed bool, code abi.BoundsErrorCode) {
	panic(error(boundsError{x: x, y: y, signed: signed, code: code}))
}

func panicunsafeslicelen() {
	panic(error(errorString("unsafe.Slice: len out of range")))
}
func panicunsafeslicenilptr() {
	panic(error(errorString("unsafe.Slice: ptr is nil and len is not zero")))
}
func panicunsafestringlen() {
	panic(error(errorString("unsafe.String: len out of range")))
}
func panicunsafestringnilptr() {
	panic(error(errorString("unsafe.String: ptr is nil and len is not zero")))
}

// unsafeslice checks the operands of unsafe.Slice.
func unsafeslice(et *_type, ptr unsafe.Pointer, n int) {
	if n < 0 {
		panicunsafeslicelen()
	}
	if et.Size_ == 0 {
		if ptr == nil && n > 0 {
			panicunsafeslicenilptr()
		}
		return
	}
	size, over := mulUintptr(et.Size_, uintptr(n))
	if over || size > -uintptr(ptr) {
		if ptr == nil {
			panicunsafeslicenilptr()
		}
		panicunsafeslicelen()
	}
}

// unsafeslice64 is unsafeslice for a 64-bit length.
func unsafeslice64(et *_type, ptr unsafe.Pointer, n int64) { unsafeslice(et, ptr, int(n)) }

// unsafestring checks the operands of unsafe.String.
func unsafestring(ptr unsafe.Pointer, n int) {
	if n < 0 {
		panicunsafestringlen()
	}
	if uintptr(n) > -uintptr(ptr) {
		if ptr == nil {
			panicunsafestringnilptr()
		}
		panicunsafestringlen()
	}
}

// unsafestring64 is unsafestring for a 64-bit length.
func unsafestring64(ptr unsafe.Pointer, n int64) { unsafestring(ptr, int(n)) }
