// Values by copy: large structs and arrays through calls, channels, maps, interfaces, closures; comparison; zero sizes; unsafe layout.
package main

import (
	"fmt"
	"unsafe"
)

type Vec [3]float64
type Mat [3]Vec
type Big struct {
	id    int
	m     Mat
	names [8]string
	tail  [100]uint16
	next  *Big
	any   any
}
type mixed struct {
	a bool
	b int64
	c uint8
	d float32
	e string
	f [3]byte
	g complex64
	h any
	_ int32
}
type empty struct{}
type withEmpty struct {
	a int32
	e empty
}
type bits struct {
	x, y uint8
	z    uint16
}
type nested struct {
	bits
	arr [2]bits
	ptr *bits
}

//go:noinline
func pass(b Big, n int) Big {
	b.id += n
	b.m[1][2] *= 2
	b.names[7] += "!"
	b.tail[99]++
	if n > 0 {
		return pass(b, n-1)
	}
	return b
}

func (b Big) With(i int, v float64) Big { b.m[i%3][i/3%3] = v; return b }
func (b *Big) Set(i int, v float64)     { b.m[i%3][i/3%3] = v }
func (m Mat) Mul(o Mat) (r Mat) {
	for i := range m {
		for j := range o {
			for k := range r {
				r[i][j] += m[i][k] * o[k][j]
			}
		}
	}
	return
}

func many(a Vec, b bits, c string, d [2]string, e mixed, f ...Vec) (Vec, bits, string, [2]string, mixed) {
	a[0], b.x, d[0], e.b = a[0]+1, b.x+1, d[0]+c, e.b+int64(len(f))
	for _, v := range f {
		a[1] += v[1]
	}
	return a, b, c + c, d, e
}

func swap[T any](a, b T) (T, T) { return b, a }

func sum(b Big) (s float64) {
	for _, r := range b.m {
		for _, v := range r {
			s += v
		}
	}
	for i, t := range b.tail {
		s += float64(int(t) * i)
	}
	return s + float64(b.id)
}

func main() {
	b := Big{id: 1, m: Mat{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, names: [8]string{7: "n"}}
	c := pass(b, 5)
	fmt.Println(b.id, b.m, b.names[7], b.tail[99], sum(b))
	fmt.Println(c.id, c.m, c.names[7], c.tail[99], sum(c))
	d := b.With(4, 100).With(0, -1)
	b.Set(8, 3.5)
	fmt.Println(sum(d), sum(b), d == b, b == b, d.With(4, 5).With(0, 1) == b.With(8, 9))
	arr := [4]Big{b, c, d}
	arr2 := arr
	arr2[1].id = 99
	arr[3] = arr2[1]
	fmt.Println(arr[1].id, arr2[1].id, arr[3].id, arr == arr2)
	for i, x := range arr {
		x.id = 1000
		arr[i].id += x.id
	}
	fmt.Println(arr[0].id, arr[3].id)
	ch := make(chan Big, 2)
	ch <- b
	b.id = -1
	got := <-ch
	var e any = got
	got.id = -2
	f := e.(Big)
	m := map[int]Big{1: f, 2: c}
	f.id = -3
	x := m[1]
	x.names[0] = "changed"
	fmt.Println(got.id, e.(Big).id, m[1].id, m[1].names[0] == "", m[3].id, len(m), m[2].m == c.m)
	clo := func() float64 { b.m[0][0]++; return sum(b) }
	fmt.Println(clo(), clo(), b.m[0][0])
	p := &b
	cp := *p
	p.m[2] = Vec{}
	*p, c = c, *p
	fmt.Println(cp.m[2], c.m[2], p.id, c.id)
	fmt.Println(many(Vec{1, 2, 3}, bits{255, 1, 2}, "s", [2]string{"a", "b"}, mixed{b: 5, e: "e"}, Vec{0, 10}, Vec{0, 20}))
	s1, s2 := swap(b.names, [8]string{"z"})
	fmt.Println(s1[0], s2[7])
	q1, q2 := swap(mixed{a: true, h: 1}, mixed{c: 3, h: "x"})
	fmt.Println(q1, q2, q1 == q2, q1 == mixed{c: 3, h: "x"})
	fmt.Println(b.m.Mul(Mat{{1}, {0, 1}, {0, 0, 1}}) == b.m, Mat{{2}, {0, 2}, {0, 0, 2}}.Mul(b.m)[0])
	n := nested{bits{1, 2, 3}, [2]bits{{4, 5, 6}, {7, 8, 9}}, nil}
	n.ptr = &n.arr[1]
	n2 := n
	n.ptr.z = 42
	n2.ptr.x, n2.arr[0] = 77, *n2.ptr
	fmt.Println(n.arr, n2.arr, n == n2, n.bits == n2.bits, *n.ptr == n2.arr[0])
	keys := map[nested]int{n: 1}
	keys[n2]++
	n.ptr = nil
	_, ok := keys[n]
	fmt.Println(len(keys), ok, map[[2]any]int{{1, "a"}: 5}[[2]any{1, "a"}])
	fmt.Println(unsafe.Sizeof(mixed{}), unsafe.Alignof(mixed{}), unsafe.Offsetof(mixed{}.b), unsafe.Offsetof(mixed{}.d), unsafe.Offsetof(mixed{}.e), unsafe.Offsetof(mixed{}.f), unsafe.Offsetof(mixed{}.g), unsafe.Offsetof(mixed{}.h), unsafe.Sizeof(withEmpty{}), unsafe.Sizeof(empty{}), unsafe.Sizeof([0]Big{}), unsafe.Sizeof(Big{}))
	w := [2]withEmpty{{1, empty{}}, {2, empty{}}}
	second := (*int32)(unsafe.Add(unsafe.Pointer(&w), unsafe.Sizeof(w[0])))
	*second = 9
	words := unsafe.Slice((*uint32)(unsafe.Pointer(&w)), 4)
	fmt.Println(w[1].a, words[0], words[2], *(*uint64)(unsafe.Pointer(&[2]uint32{1, 2})), *(*[4]uint16)(unsafe.Pointer(&[1]uint64{0x4000300020001})))
	fl := 1.5
	fmt.Println(*(*uint64)(unsafe.Pointer(&fl)), uintptr(unsafe.Pointer(&w[1]))-uintptr(unsafe.Pointer(&w[0])))
	zs := make([]empty, 1000)
	zm := map[empty]string{{}: "only"}
	fmt.Println(len(zs), cap(zs) >= 1000, zm[empty{}], zs[0] == zs[999], [0]int{} == [0]int{})
	anon := struct {
		A int `k:"v"`
		B struct{ C []int }
	}{A: 1}
	anon.B.C = append(anon.B.C, 1)
	other := anon
	other.B.C[0] = 5
	other.A = 2
	fmt.Println(anon, other)
	grid := [5][5]int{}
	for i := range grid {
		row := &grid[i]
		for j := range row {
			row[j] = i * j
		}
	}
	copied := grid
	grid[2][3] = -1
	rows := copied[1:4]
	rows[0][0] = 50
	fmt.Println(grid[2], copied[2], copied[1], len(rows), cap(rows))
	sl := copied[2][1:3:4]
	sl = append(sl, 100)
	sl = append(sl, 200)
	sl[0] = -7
	fmt.Println(copied[2], sl)
	arrp := (*[3]int)(copied[3][:])
	arrp[0] = 31
	back := [2]int(copied[3][:2])
	back[0] = 0
	fmt.Println(copied[3], back)
	var huge [1 << 16]int
	for i := range huge {
		huge[i] = i
	}
	h2 := huge
	h2[5] = 0
	total := 0
	for _, v := range h2 {
		total += v
	}
	fmt.Println(total, huge[5], huge == h2)
}
