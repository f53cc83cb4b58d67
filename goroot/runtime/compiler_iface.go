package runtime

import (
	"internal/abi"
	"sync/atomic"
	"unsafe"
)

// getStaticuint64s returns the table of the values 0..255 that single-byte values share as interface data.
func getStaticuint64s() *[256]uint64

// zeroVal is what pointers to zero values of any type up to this size may point to.
var zeroVal [abi.ZeroValSize]byte

// convT copies the value of type t at v to the heap: the data word of an interface holding it.
func convT(t *_type, v unsafe.Pointer) unsafe.Pointer {
	if !t.Pointers() {
		p := mallocgc(t.Size_, t, false)
		memmove(p, v, t.Size_)
		return p
	}
	p := mallocgc(t.Size_, t, true)
	typedmemmove(t, p, v)
	return p
}

func convT16(v uint16) unsafe.Pointer {
	if v < 256 {
		return unsafe.Pointer(&getStaticuint64s()[v])
	}
	p := mallocgc(2, nil, false)
	*(*uint16)(p) = v
	return p
}

func convT32(v uint32) unsafe.Pointer {
	if v < 256 {
		return unsafe.Pointer(&getStaticuint64s()[v])
	}
	p := mallocgc(4, nil, false)
	*(*uint32)(p) = v
	return p
}

func convT64(v uint64) unsafe.Pointer {
	if v < 256 {
		return unsafe.Pointer(&getStaticuint64s()[v])
	}
	p := mallocgc(8, nil, false)
	*(*uint64)(p) = v
	return p
}

func convTstring(v string) unsafe.Pointer {
	if v == "" {
		return unsafe.Pointer(&zeroVal[0])
	}
	p := new(string)
	*p = v
	return unsafe.Pointer(p)
}

func convTslice(v []byte) unsafe.Pointer {
	if unsafe.SliceData(v) == nil {
		return unsafe.Pointer(&zeroVal[0])
	}
	p := new([]byte)
	*p = v
	return unsafe.Pointer(p)
}

// itabTable is a hash table of itabs with linear probing, keyed by the addresses of the two types. A table is only added to;
// when it is three quarters full a larger copy takes its place. Readers need no lock.
//
// Interface types with the same methods share their itabs, so that comparing the first words of two interface values of such
// types compares their dynamic types: the entry of every type but the first one met is an alias.
type itabTable struct {
	count   uintptr
	mask    uintptr
	entries []itabEntry
}

// itabEntry is free while tab is nil; tab is stored last.
type itabEntry struct {
	inter *interfacetype
	typ   *_type
	tab   unsafe.Pointer // *itab
}

var (
	itabLock mutex
	itabs    unsafe.Pointer // *itabTable; nil until the static itabs are entered

	// Under itabLock: for each set of methods, by hash, the interface types whose itabs are used.
	sharedInterfaces map[uintptr][]*interfacetype
)

func itabHash(inter *interfacetype, typ *_type) uintptr {
	return uintptr(inter.Type.Hash ^ typ.Hash*31)
}

func (t *itabTable) find(inter *interfacetype, typ *_type) *itab {
	for i := itabHash(inter, typ) & t.mask; ; i = (i + 1) & t.mask {
		e := &t.entries[i]
		m := (*itab)(atomic.LoadPointer(&e.tab))
		if m == nil {
			return nil
		}
		if e.inter == inter && e.typ == typ {
			return m
		}
	}
}

// insert enters m unless there is an entry for the types. The caller holds itabLock and keeps the table sparse.
func (t *itabTable) insert(inter *interfacetype, typ *_type, m *itab) {
	for i := itabHash(inter, typ) & t.mask; ; i = (i + 1) & t.mask {
		e := &t.entries[i]
		if e.tab == nil {
			e.inter, e.typ = inter, typ
			atomic.StorePointer(&e.tab, unsafe.Pointer(m))
			t.count++
			return
		}
		if e.inter == inter && e.typ == typ {
			return
		}
	}
}

func newItabTable(size uintptr) *itabTable {
	return &itabTable{mask: size - 1, entries: make([]itabEntry, size)}
}

// itabTableForWrite returns a table with room for two more. The caller holds itabLock.
func itabTableForWrite() *itabTable {
	t := (*itabTable)(itabs)
	if t == nil {
		sharedInterfaces = make(map[uintptr][]*interfacetype)
		static := unsafe.Slice((**itab)(module().itabs.ptr), module().itabs.len)
		size := uintptr(512)
		for size*3/4 < uintptr(len(static))*2 {
			size *= 2
		}
		t = newItabTable(size)
		for _, m := range static {
			t.insert(m.Inter, m.Type, m)
			sharedInterface(m.Inter)
		}
		atomic.StorePointer(&itabs, unsafe.Pointer(t))
	}
	if t.count+2 > (t.mask+1)*3/4 {
		bigger := newItabTable((t.mask + 1) * 2)
		for i := range t.entries {
			if e := &t.entries[i]; e.tab != nil {
				bigger.insert(e.inter, e.typ, (*itab)(e.tab))
			}
		}
		t = bigger
		atomic.StorePointer(&itabs, unsafe.Pointer(t))
	}
	return t
}

// sharedInterface returns the interface type whose itabs stand for those of inter. The caller holds itabLock.
func sharedInterface(inter *interfacetype) *interfacetype {
	h := uintptr(len(inter.Methods))
	for i := range inter.Methods {
		h = h*31 ^ uintptr(unsafe.Pointer(resolveType(inter.Methods[i].Typ)))
	}
	for _, other := range sharedInterfaces[h] {
		if other == inter || sameMethods(other, inter) {
			return other
		}
	}
	sharedInterfaces[h] = append(sharedInterfaces[h], inter)
	return inter
}

func sameMethods(a, b *interfacetype) bool {
	if len(a.Methods) != len(b.Methods) {
		return false
	}
	for i := range a.Methods {
		x, y := &a.Methods[i], &b.Methods[i]
		if resolveType(x.Typ) != resolveType(y.Typ) {
			return false
		}
		n, m := resolveName(&a.Type, x.Name), resolveName(&b.Type, y.Name)
		if n.Name() != m.Name() || !n.IsExported() && methodPkgPath(a, n) != methodPkgPath(b, m) {
			return false
		}
	}
	return true
}

// methodPkgPath is the package of an unexported method of an interface type.
func methodPkgPath(inter *interfacetype, n name) string {
	if path := namePkgPath(n); path != "" {
		return path
	}
	return inter.PkgPath.Name()
}

// addItab makes the itab or finds the one that is to be shared, and enters it. The caller holds itabLock.
func addItab(inter *interfacetype, typ *_type) *itab {
	t := itabTableForWrite()
	if m := t.find(inter, typ); m != nil {
		return m
	}
	shared := sharedInterface(inter)
	m := t.find(shared, typ)
	if m == nil {
		n := uintptr(len(inter.Methods))
		m = (*itab)(persistentalloc(unsafe.Sizeof(itab{})+(n-1)*unsafe.Sizeof(uintptr(0)), 8))
		m.Inter = shared
		m.Type = typ
		m.Hash = typ.Hash
		itabInit(m)
		t.insert(shared, typ, m)
	}
	if shared != inter {
		t.insert(inter, typ, m)
	}
	return m
}

// itabInit fills the method table of m. If the type lacks a method, Fun[0] stays zero and the method's name is the result.
func itabInit(m *itab) (missing string) {
	inter, typ := m.Inter, m.Type
	u := typ.Uncommon()
	methods := u.Methods()
	out := unsafe.Slice(&m.Fun[0], len(inter.Methods))
	var first uintptr
	j := 0
	// Both lists are sorted by name.
search:
	for k := range inter.Methods {
		want := &inter.Methods[k]
		wantType := resolveType(want.Typ)
		name := resolveName(&inter.Type, want.Name)
		text := name.Name()
		path := methodPkgPath(inter, name)
		for ; j < len(methods); j++ {
			have := &methods[j]
			haveName := resolveName(typ, have.Name)
			if resolveType(have.Mtyp) != wantType || haveName.Name() != text {
				continue
			}
			if !haveName.IsExported() {
				havePath := namePkgPath(haveName)
				if havePath == "" {
					havePath = resolveName(typ, u.PkgPath).Name()
				}
				if havePath != path {
					continue
				}
			}
			code := uintptr(resolveText(have.Ifn))
			if k == 0 {
				first = code
			} else {
				out[k] = code
			}
			continue search
		}
		return text
	}
	// Last: until then the table reads as negative.
	atomic.StoreUintptr(&out[0], first)
	return ""
}

// assertE2I returns the itab for x.(I) where x holds a t.
func assertE2I(inter *interfacetype, t *_type) *itab {
	if t == nil {
		panic(error(&TypeAssertionError{nil, nil, &inter.Type, ""}))
	}
	return getitab(inter, t, false)
}

// assertE2I2 returns the itab for x.(I), nil if the assertion fails.
func assertE2I2(inter *interfacetype, t *_type) *itab {
	if t == nil {
		return nil
	}
	return getitab(inter, t, true)
}

// typeAssert is the form of assertE2I that gc's descriptors of assertions are made for.
func typeAssert(s *abi.TypeAssert, t *_type) *itab {
	if s.CanFail {
		return assertE2I2(s.Inter, t)
	}
	return assertE2I(s.Inter, t)
}

// interfaceSwitch returns the first case of a type switch over interfaces that t satisfies, and its itab. An itab of nil
// belongs to an interface without methods; the result is s.NCases if no case fits.
func interfaceSwitch(s *abi.InterfaceSwitch, t *_type) (int, *itab) {
	cases := unsafe.Slice(&s.Cases[0], s.NCases)
	for i, c := range cases {
		if len(c.Methods) == 0 {
			return i, nil
		}
		if tab := getitab(c, t, true); tab != nil {
			return i, tab
		}
	}
	return len(cases), nil
}

func ifaceE2I(inter *interfacetype, e eface, dst *iface) {
	t := e._type
	if t == nil {
		panic(error(&TypeAssertionError{nil, nil, &inter.Type, ""}))
	}
	dst.tab = getitab(inter, t, false)
	dst.data = e.data
}

//go:linkname reflect_ifaceE2I reflect.ifaceE2I
func reflect_ifaceE2I(inter *interfacetype, e eface, dst *iface) { ifaceE2I(inter, e, dst) }

//go:linkname reflectlite_ifaceE2I internal/reflectlite.ifaceE2I
func reflectlite_ifaceE2I(inter *interfacetype, e eface, dst *iface) { ifaceE2I(inter, e, dst) }
