package runtime

import (
	"internal/abi"
	"internal/runtime/maps"
	"unsafe"
)

// Maps are internal/runtime/maps; this file is the glue around it. The access functions below have their
// bodies there.

//go:linkname mapaccess1
func mapaccess1(t *maptype, m *maps.Map, key unsafe.Pointer) unsafe.Pointer

//go:linkname mapaccess2
func mapaccess2(t *maptype, m *maps.Map, key unsafe.Pointer) (unsafe.Pointer, bool)

//go:linkname mapassign
func mapassign(t *maptype, m *maps.Map, key unsafe.Pointer) unsafe.Pointer

//go:linkname mapaccess1_fast32
func mapaccess1_fast32(t *maptype, m *maps.Map, key uint32) unsafe.Pointer

//go:linkname mapaccess2_fast32
func mapaccess2_fast32(t *maptype, m *maps.Map, key uint32) (unsafe.Pointer, bool)

//go:linkname mapassign_fast32
func mapassign_fast32(t *maptype, m *maps.Map, key uint32) unsafe.Pointer

//go:linkname mapassign_fast32ptr
func mapassign_fast32ptr(t *maptype, m *maps.Map, key unsafe.Pointer) unsafe.Pointer

//go:linkname mapdelete_fast32
func mapdelete_fast32(t *maptype, m *maps.Map, key uint32)

//go:linkname mapaccess1_fast64
func mapaccess1_fast64(t *maptype, m *maps.Map, key uint64) unsafe.Pointer

//go:linkname mapaccess2_fast64
func mapaccess2_fast64(t *maptype, m *maps.Map, key uint64) (unsafe.Pointer, bool)

//go:linkname mapassign_fast64
func mapassign_fast64(t *maptype, m *maps.Map, key uint64) unsafe.Pointer

//go:linkname mapassign_fast64ptr
func mapassign_fast64ptr(t *maptype, m *maps.Map, key unsafe.Pointer) unsafe.Pointer

//go:linkname mapdelete_fast64
func mapdelete_fast64(t *maptype, m *maps.Map, key uint64)

//go:linkname mapaccess1_faststr
func mapaccess1_faststr(t *maptype, m *maps.Map, key string) unsafe.Pointer

//go:linkname mapaccess2_faststr
func mapaccess2_faststr(t *maptype, m *maps.Map, key string) (unsafe.Pointer, bool)

//go:linkname mapassign_faststr
func mapassign_faststr(t *maptype, m *maps.Map, key string) unsafe.Pointer

//go:linkname mapdelete_faststr
func mapdelete_faststr(t *maptype, m *maps.Map, key string)

// mapaccess1_fat and mapaccess2_fat are for elements larger than zeroVal: a miss yields zero.
func mapaccess1_fat(t *maptype, m *maps.Map, key, zero unsafe.Pointer) unsafe.Pointer {
	if p, ok := mapaccess2(t, m, key); ok {
		return p
	}
	return zero
}

func mapaccess2_fat(t *maptype, m *maps.Map, key, zero unsafe.Pointer) (unsafe.Pointer, bool) {
	if p, ok := mapaccess2(t, m, key); ok {
		return p, true
	}
	return zero, false
}

// makemap implements make(map[K]V, hint). m is memory for the map that the caller provides, or nil.
func makemap(t *maptype, hint int, m *maps.Map) *maps.Map {
	return maps.NewMap(t, uintptr(max(hint, 0)), m, maxAlloc)
}

// makemap64 is makemap for a 64-bit hint.
func makemap64(t *maptype, hint int64, m *maps.Map) *maps.Map { return makemap(t, int(hint), m) }

// makemap_small implements make(map[K]V) for a hint that needs no room at once.
func makemap_small() *maps.Map { return maps.NewEmptyMap() }

func mapdelete(t *maptype, m *maps.Map, key unsafe.Pointer) { m.Delete(t, key) }

func mapclear(t *maptype, m *maps.Map) { m.Clear(t) }

// mapIterStart begins a range over a map; the Iter's Key is nil once there are no entries left.
func mapIterStart(t *maptype, m *maps.Map, it *maps.Iter) {
	it.Init(t, m)
	it.Next()
}

func mapIterNext(it *maps.Iter) { it.Next() }

//go:linkname maps_clone maps.clone
func maps_clone(m any) any {
	e := efaceOf(&m)
	e.data = unsafe.Pointer(mapclone2((*maptype)(unsafe.Pointer(e._type)), (*maps.Map)(e.data)))
	return m
}

// mapclone returns a shallow copy of the map in m.
func mapclone(m any) any { return maps_clone(m) }

func mapclone2(t *maptype, m *maps.Map) *maps.Map { return m.Clone(t) }

//go:linkname reflect_makemap reflect.makemap
func reflect_makemap(t *maptype, n int) *maps.Map {
	if t.Key.Equal == nil {
		throw("runtime.reflect_makemap: unsupported map key type")
	}
	return makemap(t, n, nil)
}

//go:linkname reflect_mapaccess reflect.mapaccess
func reflect_mapaccess(t *maptype, m *maps.Map, key unsafe.Pointer) unsafe.Pointer {
	if p, ok := mapaccess2(t, m, key); ok {
		return p
	}
	return nil
}

//go:linkname reflect_mapaccess_faststr reflect.mapaccess_faststr
func reflect_mapaccess_faststr(t *maptype, m *maps.Map, key string) unsafe.Pointer {
	if p, ok := mapaccess2_faststr(t, m, key); ok {
		return p
	}
	return nil
}

//go:linkname reflect_mapassign reflect.mapassign0
func reflect_mapassign(t *maptype, m *maps.Map, key, elem unsafe.Pointer) {
	typedmemmove(t.Elem, mapassign(t, m, key), elem)
}

//go:linkname reflect_mapassign_faststr reflect.mapassign_faststr0
func reflect_mapassign_faststr(t *maptype, m *maps.Map, key string, elem unsafe.Pointer) {
	typedmemmove(t.Elem, mapassign_faststr(t, m, key), elem)
}

//go:linkname reflect_mapdelete reflect.mapdelete
func reflect_mapdelete(t *maptype, m *maps.Map, key unsafe.Pointer) { mapdelete(t, m, key) }

//go:linkname reflect_mapdelete_faststr reflect.mapdelete_faststr
func reflect_mapdelete_faststr(t *maptype, m *maps.Map, key string) { mapdelete_faststr(t, m, key) }

//go:linkname reflect_maplen reflect.maplen
func reflect_maplen(m *maps.Map) int { return maplen(m) }

//go:linkname reflectlite_maplen internal/reflectlite.maplen
func reflectlite_maplen(m *maps.Map) int { return maplen(m) }

//go:linkname reflect_mapclear reflect.mapclear
func reflect_mapclear(t *maptype, m *maps.Map) { mapclear(t, m) }

func maplen(m *maps.Map) int {
	if m == nil {
		return 0
	}
	return int(m.Used())
}

// linknameIter is the iterator of third-party packages that know an older layout: they
// allocate more and read the first two words.
type linknameIter struct {
	key  unsafe.Pointer
	elem unsafe.Pointer
	typ  *maptype
	it   *maps.Iter
}

//go:linkname mapiterinit
func mapiterinit(t *maptype, m *maps.Map, it *linknameIter) {
	it.typ = t
	it.it = new(maps.Iter)
	mapIterStart(t, m, it.it)
	it.key, it.elem = it.it.Key(), it.it.Elem()
}

//go:linkname mapiternext
func mapiternext(it *linknameIter) {
	it.it.Next()
	it.key, it.elem = it.it.Key(), it.it.Elem()
}

//go:linkname reflect_mapiterinit reflect.mapiterinit
func reflect_mapiterinit(t *maptype, m *maps.Map, it *linknameIter) { mapiterinit(t, m, it) }

//go:linkname reflect_mapiternext reflect.mapiternext
func reflect_mapiternext(it *linknameIter) { mapiternext(it) }

//go:linkname reflect_mapiterkey reflect.mapiterkey
func reflect_mapiterkey(it *linknameIter) unsafe.Pointer { return it.it.Key() }

//go:linkname reflect_mapiterelem reflect.mapiterelem
func reflect_mapiterelem(it *linknameIter) unsafe.Pointer { return it.it.Elem() }

var _ = abi.MapGroupSlots // the group layout that maps and the compiler agree on
