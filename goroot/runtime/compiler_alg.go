package runtime

import (
	"internal/abi"
	"unsafe"
)

// Equality and hashing of values as map keys and interface contents. The compiler generates the functions of structs and
// arrays from these; type descriptors refer to them.

func memequal0(p, q unsafe.Pointer) bool   { return true }
func memequal8(p, q unsafe.Pointer) bool   { return *(*uint8)(p) == *(*uint8)(q) }
func memequal16(p, q unsafe.Pointer) bool  { return *(*uint16)(p) == *(*uint16)(q) }
func memequal32(p, q unsafe.Pointer) bool  { return *(*uint32)(p) == *(*uint32)(q) }
func memequal64(p, q unsafe.Pointer) bool  { return *(*uint64)(p) == *(*uint64)(q) }
func memequal128(p, q unsafe.Pointer) bool { return *(*[2]uint64)(p) == *(*[2]uint64)(q) }
func f32equal(p, q unsafe.Pointer) bool    { return *(*float32)(p) == *(*float32)(q) }
func f64equal(p, q unsafe.Pointer) bool    { return *(*float64)(p) == *(*float64)(q) }
func c64equal(p, q unsafe.Pointer) bool    { return *(*complex64)(p) == *(*complex64)(q) }
func c128equal(p, q unsafe.Pointer) bool   { return *(*complex128)(p) == *(*complex128)(q) }

func strequalptr(p, q unsafe.Pointer) bool { return strequal(*(*string)(p), *(*string)(q)) }

func interequal(p, q unsafe.Pointer) bool {
	x, y := *(*iface)(p), *(*iface)(q)
	return x.tab == y.tab && ifaceeq(x.tab, x.data, y.data)
}

func nilinterequal(p, q unsafe.Pointer) bool {
	x, y := *(*eface)(p), *(*eface)(q)
	return x._type == y._type && efaceeq(x._type, x.data, y.data)
}

// comparableValue reports whether == of values of type t cannot panic whatever they hold.
func comparableValue(t *_type) bool {
	switch t.Kind_ {
	case abi.Interface:
		return false
	case abi.Array:
		return comparableValue(t.Elem())
	case abi.Struct:
		for _, f := range t.StructType().Fields {
			if !comparableValue(f.Typ) {
				return false
			}
		}
	}
	return t.Equal != nil
}

// Odd factors of the mixing steps below; any will do.
const (
	hashFactor0 = 0x9e3779b97f4a7c15
	hashFactor1 = 0xbf58476d1ce4e5b9
)

func memhash8(p unsafe.Pointer, h uintptr) uintptr   { return memhash(p, h, 1) }
func memhash16(p unsafe.Pointer, h uintptr) uintptr  { return memhash(p, h, 2) }
func memhash128(p unsafe.Pointer, h uintptr) uintptr { return memhash(p, h, 16) }

func f32hash(p unsafe.Pointer, h uintptr) uintptr {
	switch f := *(*float32)(p); {
	case f == 0:
		return hashFactor1 * (hashFactor0 ^ h) // +0 and -0 are equal
	case f != f:
		return hashFactor1 * (hashFactor0 ^ h ^ uintptr(rand())) // NaN is equal to nothing
	}
	return memhash(p, h, 4)
}

func f64hash(p unsafe.Pointer, h uintptr) uintptr {
	switch f := *(*float64)(p); {
	case f == 0:
		return hashFactor1 * (hashFactor0 ^ h)
	case f != f:
		return hashFactor1 * (hashFactor0 ^ h ^ uintptr(rand()))
	}
	return memhash(p, h, 8)
}

func c64hash(p unsafe.Pointer, h uintptr) uintptr { return f32hash(add(p, 4), f32hash(p, h)) }

func c128hash(p unsafe.Pointer, h uintptr) uintptr { return f64hash(add(p, 8), f64hash(p, h)) }

// dynamicHash hashes what an interface value holds, of a type that can be hashed; word is its data word.
func dynamicHash(t *_type, word *unsafe.Pointer, h uintptr) uintptr {
	p := *word
	if isDirectIface(t) {
		p = unsafe.Pointer(word)
	}
	return hashFactor1 * typehash(t, p, h^hashFactor0)
}

// typehash hashes the value of type t at p as the hash function of map[t]... does.
func typehash(t *_type, p unsafe.Pointer, h uintptr) uintptr {
	if t.TFlag&abi.TFlagRegularMemory != 0 {
		switch t.Size_ {
		case 4:
			return memhash32(p, h)
		case 8:
			return memhash64(p, h)
		}
		return memhash(p, h, t.Size_)
	}
	switch t.Kind_ {
	case abi.Float32:
		return f32hash(p, h)
	case abi.Float64:
		return f64hash(p, h)
	case abi.Complex64:
		return c64hash(p, h)
	case abi.Complex128:
		return c128hash(p, h)
	case abi.String:
		return strhash(p, h)
	case abi.Interface:
		if len(t.InterfaceType().Methods) == 0 {
			return nilinterhash(p, h)
		}
		return interhash(p, h)
	case abi.Array:
		a := t.ArrayType()
		for i := uintptr(0); i < a.Len; i++ {
			h = typehash(a.Elem, add(p, i*a.Elem.Size_), h)
		}
		return h
	case abi.Struct:
		for i := range t.StructType().Fields {
			f := &t.StructType().Fields[i]
			if !f.Name.IsBlank() {
				h = typehash(f.Typ, add(p, f.Offset), h)
			}
		}
		return h
	}
	// Every other comparable type is regular memory.
	panic(error(errorString("hash of unhashable type " + typeName(t))))
}

//go:linkname reflect_typehash reflect.typehash
func reflect_typehash(t *_type, p unsafe.Pointer, h uintptr) uintptr { return typehash(t, p, h) }

//go:linkname stringHash
func stringHash(s string, seed uintptr) uintptr { return strhash(unsafe.Pointer(&s), seed) }
