package runtime

import (
	"internal/abi"
	"internal/runtime/maps"
	"unsafe"
)

// Names that the compiler, std and third-party linknames use for descriptors.
type (
	_type         = abi.Type
	rtype         = abi.Type
	uncommontype  = abi.UncommonType
	interfacetype = abi.InterfaceType
	maptype       = abi.MapType
	arraytype     = abi.ArrayType
	chantype      = abi.ChanType
	slicetype     = abi.SliceType
	functype      = abi.FuncType
	ptrtype       = abi.PtrType
	structtype    = abi.StructType
	itab          = abi.ITab
	name          = abi.Name
	nameOff       = abi.NameOff
	typeOff       = abi.TypeOff
	textOff       = abi.TextOff

	// hmap is the map type behind Go's map values.
	hmap = maps.Map
)

// slice is the memory form of a slice value.
type slice struct {
	array unsafe.Pointer
	len   int
	cap   int
}

// stringStruct is the memory form of a string value.
type stringStruct struct {
	str unsafe.Pointer
	len int
}

// eface is the memory form of an interface value without methods.
type eface struct {
	_type *_type
	data  unsafe.Pointer
}

// iface is the memory form of an interface value with methods.
type iface struct {
	tab  *itab
	data unsafe.Pointer
}

// funcval is a closure object: code address, then captured variables.
type funcval struct {
	fn uintptr
}

func efaceOf(p *any) *eface { return (*eface)(unsafe.Pointer(p)) }

func add(p unsafe.Pointer, x uintptr) unsafe.Pointer {
	return unsafe.Pointer(uintptr(p) + x)
}

// isDirectIface reports whether the data word of an interface holds the value itself.
func isDirectIface(t *_type) bool { return t.TFlag&abi.TFlagDirectIface != 0 }

// packEface makes an interface value of dynamic type t from the value at p.
func packEface(t *_type, p unsafe.Pointer) any {
	var e eface
	e._type = t
	if isDirectIface(t) {
		e.data = *(*unsafe.Pointer)(p)
	} else {
		e.data = convT(t, p)
	}
	return *(*any)(unsafe.Pointer(&e))
}

// typeName is the type's text as %T prints it.
func typeName(t *_type) string {
	s := resolveName(t, t.Str).Name()
	if t.TFlag&abi.TFlagExtraStar != 0 {
		return s[1:]
	}
	return s
}

// bareName is the name of a defined type without its package; empty for others.
func bareName(t *_type) string {
	if !t.HasName() {
		return ""
	}
	s := typeName(t)
	i := len(s) - 1
	brackets := 0
	for i >= 0 && (s[i] != '.' || brackets != 0) {
		switch s[i] {
		case ']':
			brackets++
		case '[':
			brackets--
		}
		i--
	}
	return s[i+1:]
}

// pkgPathOf is the import path of the package that declares t; empty for unnamed and predeclared types.
func pkgPathOf(t *_type) string {
	if u := t.Uncommon(); u != nil {
		return resolveName(t, u.PkgPath).Name()
	}
	switch t.Kind_ {
	case abi.Struct:
		return t.StructType().PkgPath.Name()
	case abi.Interface:
		return t.InterfaceType().PkgPath.Name()
	}
	return ""
}

// namePkgPath is the package path recorded in the encoding of an unexported name.
func namePkgPath(n name) string {
	if n.Bytes == nil || *n.Data(0)&4 == 0 {
		return ""
	}
	i, l := n.ReadVarint(1)
	off := 1 + i + l
	if n.HasTag() {
		i, l = n.ReadVarint(off)
		off += i + l
	}
	var o nameOff
	memmove(unsafe.Pointer(&o), unsafe.Pointer(n.Data(off)), 4)
	return resolveNameAt(unsafe.Pointer(n.Bytes), o).Name()
}
