package runtime

import (
	"internal/abi"
	"internal/coverage/rtcov"
	"unsafe"
)

// Names that third-party packages reach by linkname. Those that are declared elsewhere in this package are
// only marked here.

//go:linkname sync_runtime_canSpin sync.runtime_canSpin
func sync_runtime_canSpin(i int) bool { return canSpin(i) }

//go:linkname sync_runtime_doSpin sync.runtime_doSpin
func sync_runtime_doSpin() { doSpin() }

//go:linkname canSpin internal/sync.runtime_canSpin
func canSpin(i int) bool

//go:linkname doSpin internal/sync.runtime_doSpin
func doSpin()

//go:linkname fastrand
func fastrand() uint32 { return cheaprand() }

//go:linkname fastrandn
func fastrandn(n uint32) uint32 { return cheaprandn(n) }

//go:linkname fastrand64
func fastrand64() uint64 { return rand() }

//go:linkname cheaprandn
func cheaprandn(n uint32) uint32 { return uint32(uint64(cheaprand()) * uint64(n) >> 32) }

//go:linkname cheaprand64
func cheaprand64() int64 { return int64(cheaprand())<<31 ^ int64(cheaprand()) }

//go:linkname noescape
func noescape(p unsafe.Pointer) unsafe.Pointer { return abi.NoEscape(p) }

//go:linkname chanbuf
func chanbuf(c unsafe.Pointer, i uint) unsafe.Pointer {
	panic(error(errorString("chanbuf is not supported")))
}

// reflect_gcbits tells for each word of the object that x points to whether it may hold a pointer.
//
//go:linkname reflect_gcbits reflect.gcbits
func reflect_gcbits(x any) []byte {
	e := efaceOf(&x)
	t := e._type.Elem()
	size := t.Size_
	if base, n := findObjectRaw(e.data); base == e.data && t.Size_ != 0 {
		size = n / t.Size_ * t.Size_
	}
	out := make([]byte, size/8)
	for at := uintptr(0); t.Size_ != 0 && at+t.Size_ <= size; at += t.Size_ {
		markPointers(t, at, out)
	}
	for len(out) > 0 && out[len(out)-1] == 0 {
		out = out[:len(out)-1]
	}
	return out
}

// markPointers sets out for the words of a t at offset at that may hold pointers.
func markPointers(t *_type, at uintptr, out []byte) {
	if !t.Pointers() {
		return
	}
	switch t.Kind_ {
	case abi.Array:
		a := t.ArrayType()
		for i := uintptr(0); i < a.Len; i++ {
			markPointers(a.Elem, at+i*a.Elem.Size_, out)
		}
	case abi.Struct:
		for i := range t.StructType().Fields {
			f := &t.StructType().Fields[i]
			markPointers(f.Typ, at+f.Offset, out)
		}
	case abi.Interface:
		out[at/8], out[at/8+1] = 1, 1
	default:
		out[at/8] = 1
	}
}

//go:linkname lastmoduleinit plugin.lastmoduleinit
func lastmoduleinit() (path string, syms map[string]any, initTasks []unsafe.Pointer, errstr string) {
	return "", nil, nil, "plugins are not supported"
}

//go:linkname boring_registerCache crypto/internal/boring/bcache.registerCache
func boring_registerCache(p unsafe.Pointer) {}

//go:linkname heapObjectsCanMove
func heapObjectsCanMove() bool { return false }

//go:linkname haveHighResSleep
var haveHighResSleep = true

//go:linkname iscgo
var iscgo bool

// doInit runs package initialisations of a plugin; there are none.
//
//go:linkname doInit
func doInit(t unsafe.Pointer) {}

//go:linkname procyield
func procyield(cycles uint32) {
	for ; cycles >= 30; cycles -= 30 {
		doSpin()
	}
}

//go:linkname secret_count runtime/secret.count
func secret_count() int32 { return 0 }

//go:linkname secret_inc runtime/secret.inc
func secret_inc() {}

//go:linkname secret_dec runtime/secret.dec
func secret_dec() {}

//go:linkname secret_eraseSecrets runtime/secret.eraseSecrets
func secret_eraseSecrets() {}

//go:linkname coverage_getCovCounterList internal/coverage/cfile.getCovCounterList
func coverage_getCovCounterList() []rtcov.CovCounterBlob { return nil }

//go:linkname cgroup_throw internal/runtime/cgroup.throw
func cgroup_throw(s string) { throw(s) }
