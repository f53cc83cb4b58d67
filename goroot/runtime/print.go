package runtime

import (
	"internal/abi"
	"internal/strconv"
	"unsafe"
)

const (
	kindBool       = abi.Bool
	kindInt        = abi.Int
	kindInt8       = abi.Int8
	kindInt16      = abi.Int16
	kindInt32      = abi.Int32
	kindInt64      = abi.Int64
	kindUint       = abi.Uint
	kindUint8      = abi.Uint8
	kindUint16     = abi.Uint16
	kindUint32     = abi.Uint32
	kindUint64     = abi.Uint64
	kindUintptr    = abi.Uintptr
	kindFloat32    = abi.Float32
	kindFloat64    = abi.Float64
	kindComplex64  = abi.Complex64
	kindComplex128 = abi.Complex128
	kindString     = abi.String
	kindFunc       = abi.Func
	kindInterface  = abi.Interface
	kindPointer    = abi.Pointer

	kindUnsafePointer = abi.UnsafePointer
)

// The pieces that calls of the predeclared functions print and println are compiled to. The compiler brackets a call by
// printlock and printunlock.

func printstring(s string) {
	if len(s) != 0 {
		writeErr(unsafe.Pointer(unsafe.StringData(s)), len(s))
	}
}

func printbytes(b []byte) {
	if len(b) != 0 {
		writeErr(unsafe.Pointer(&b[0]), len(b))
	}
}

func printsp() { printstring(" ") }
func printnl() { printstring("\n") }

func printbool(v bool) {
	if v {
		printstring("true")
	} else {
		printstring("false")
	}
}

func printint(v int64) {
	var buf [24]byte
	printbytes(appendInt(buf[:0], v, true))
}

func printuint(v uint64) {
	var buf [20]byte
	printbytes(formatUint(buf[:], v))
}

func printhex(v uint64) {
	const digits = "0123456789abcdef"
	var buf [18]byte
	i := len(buf)
	for {
		i--
		buf[i] = digits[v&15]
		v >>= 4
		if v == 0 {
			break
		}
	}
	i--
	buf[i] = 'x'
	i--
	buf[i] = '0'
	printbytes(buf[i:])
}

func printfloat(v float64)   { printfloatBits(v, 64) }
func printfloat32(v float32) { printfloatBits(float64(v), 32) }

func printfloatBits(v float64, bits int) {
	var buf [32]byte
	printbytes(strconv.AppendFloat(buf[:0], v, 'g', -1, bits))
}

func printcomplex(v complex128)  { printcomplexBits(v, 128) }
func printcomplex64(v complex64) { printcomplexBits(complex128(v), 64) }

func printcomplexBits(v complex128, bits int) {
	var buf [72]byte
	printbytes(strconv.AppendComplex(buf[:0], v, 'g', -1, bits))
}

func printpointer(p unsafe.Pointer) { printhex(uint64(uintptr(p))) }
func printuintptr(p uintptr)        { printhex(uint64(p)) }

func printslice(s []byte) {
	h := (*slice)(unsafe.Pointer(&s))
	printstring("[")
	printint(int64(h.len))
	printstring("/")
	printint(int64(h.cap))
	printstring("]")
	printpointer(h.array)
}

func printeface(e eface) {
	printstring("(")
	printpointer(unsafe.Pointer(e._type))
	printstring(",")
	printpointer(e.data)
	printstring(")")
}

func printiface(i iface) {
	printstring("(")
	printpointer(unsafe.Pointer(i.tab))
	printstring(",")
	printpointer(i.data)
	printstring(")")
}
