package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"runtime"
	"slices"
	"sort"
	"strings"
)

type Num interface {
	~int | ~int8 | ~uint8 | ~float64
}
type Vec[T Num] []T

func (v Vec[T]) Sum() (s T) {
	for _, x := range v {
		s += x
	}
	return
}
func (v Vec[T]) Each() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		defer fmt.Println("each done", len(v))
		for i, x := range v {
			if !yield(i, x) {
				return
			}
		}
	}
}

type Tree[K any] struct {
	l, r *Tree[K]
	k    K
}

func (t *Tree[K]) Put(k K, less func(a, b K) bool) *Tree[K] {
	if t == nil {
		return &Tree[K]{k: k}
	}
	if less(k, t.k) {
		t.l = t.l.Put(k, less)
	} else {
		t.r = t.r.Put(k, less)
	}
	return t
}
func (t *Tree[K]) All() iter.Seq[K] {
	return func(y func(K) bool) { t.push(y) }
}
func (t *Tree[K]) push(y func(K) bool) bool {
	return t == nil || t.l.push(y) && y(t.k) && t.r.push(y)
}

func find(v Vec[int], want int) (idx int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered %v", r)
		}
	}()
outer:
	for i, x := range v.Each() {
		switch {
		case x == want:
			return i, nil
		case x < 0:
			continue outer
		case x == 99:
			break outer
		case x == 77:
			panic("77!")
		}
		defer fmt.Println("deferred in loop", i)
	}
	return -1, errors.New("not found")
}

func zip[A, B any](a iter.Seq[A], b iter.Seq[B]) iter.Seq2[A, B] {
	return func(y func(A, B) bool) {
		nb, stop := iter.Pull(b)
		defer stop()
		for x := range a {
			z, ok := nb()
			if !ok || !y(x, z) {
				return
			}
		}
	}
}

type S struct {
	a any
	b [2]any
	c string
}
type E1 struct{ error }
type I interface{ M() string }
type A struct{ n int }

func (a A) M() string  { return fmt.Sprint("A.M ", a.n) }
func (a *A) P() string { a.n++; return fmt.Sprint("A.P ", a.n) }

type B struct {
	I
	*A2
}
type A2 struct{ z int }

func (a *A2) Q() int { a.z++; return a.z }

func try(name string, f func()) {
	defer func() {
		r := recover()
		if e, ok := r.(runtime.Error); ok {
			fmt.Println(name, "RT:", e.Error())
		} else {
			fmt.Printf("%s %T %v\n", name, r, r)
		}
	}()
	f()
}

func multi() (n int) {
	defer func() { n *= 2 }()
	defer func() {
		defer func() { fmt.Println("inner", recover()) }()
		panic(fmt.Sprint("second after ", recover()))
	}()
	panic("first")
}

func gotoer(n int) (s string) {
	i := 0
loop:
	if i < n {
		s += string(rune('a' + i))
		i++
		goto loop
	}
	return
}

func main() {
	fmt.Println(Vec[uint8]{200, 100}.Sum(), Vec[float64]{1.5, 2}.Sum(), Vec[int8]{127, 1}.Sum())
	for _, w := range []int{3, 5, 42} {
		fmt.Println(find(Vec[int]{1, -1, 3, 77, 4, 99}, w))
	}
	fmt.Println(find(Vec[int]{1, 99, 3}, 3))
	var t *Tree[string]
	for _, s := range strings.Fields("the quick brown fox jumps over the lazy dog") {
		t = t.Put(s, func(a, b string) bool { return a < b })
	}
	for a, b := range zip(t.All(), maps.Keys(map[int]int{7: 1})) {
		fmt.Println(a, b)
	}
	fmt.Println(slices.Collect(t.All()))
	x, y := S{1, [2]any{"a", 2.5}, "c"}, S{1, [2]any{"a", 2.5}, "c"}
	fmt.Println(x == y, any(x) == any(y), [1]any{nil} == [1]any{nil})
	y.a = []int{1}
	x.a = []int{1}
	try("cmp", func() { fmt.Println(x == y) })
	try("mapkey", func() { m := map[any]int{}; m[x] = 1 })
	try("mapkey2", func() { m := map[any]int{}; m[func() {}] = 1 })
	try("idx", func() { a := []int{1}; i := 5; _ = a[i] })
	try("idxneg", func() { a := "abc"; i := -1; _ = a[i] })
	try("slice", func() { a := []int{1}; i, j := 3, 2; _ = a[i:j] })
	try("slice2", func() { a := []int{1}; j := 9; _ = a[:j] })
	try("slice3", func() { a := make([]int, 2, 4); j := 9; _ = a[1:2:j] })
	try("slice4", func() { a := "héllo"; j := 9; _ = a[j:] })
	try("arrconv", func() { a := []int{1}; _ = [2]int(a) })
	try("div", func() { z := 0; fmt.Println(1 / z) })
	try("shift", func() { z := -1; fmt.Println(1 << z) })
	try("make", func() { z := -1; _ = make([]int, z) })
	try("makecap", func() { z := 1; _ = make([]int, 2, z) })
	try("makechan", func() { z := -1; _ = make(chan int, z) })
	try("ta", func() { var i any = 1; _ = i.(string) })
	try("ta2", func() { var i any; _ = i.(string) })
	try("ta3", func() { var i any = 1; _ = i.(I) })
	try("ta4", func() { var i I = A{1}; _ = i.(fmt.Stringer) })
	try("ta5", func() { var i I; _ = i.(fmt.Stringer) })
	try("ta6", func() { var i any = struct{ a int }{1}; _ = i.(struct{ b int }) })
	try("nilmap", func() { var m map[string]int; m["a"]++ })
	try("nilptr", func() { var p *S; fmt.Println(p.c) })
	try("nilfn", func() { var f func(); f() })
	try("nilI", func() { var i I; i.M() })
	try("nilembed", func() { b := B{}; b.Q() })
	try("closenil", func() { var c chan int; close(c) })
	try("close2", func() { c := make(chan int); close(c); close(c) })
	try("sendclosed", func() { c := make(chan int); close(c); c <- 1 })
	try("err", func() { panic(E1{os.ErrNotExist}) })
	try("nilpanic", func() { panic(nil) })
	try("goexit-like", func() { panic(fmt.Errorf("w %w", os.ErrClosed)) })
	fmt.Println(multi())
	fmt.Println(gotoer(4))
	b := B{A{3}, &A2{1}}
	f, g := b.M, b.Q
	b.I, b.A2 = A{9}, &A2{50}
	fmt.Println(f(), g(), g(), b.M(), b.Q(), (*A).P(&A{1}), A.M(A{4}), I.M(A{5}), (*B).Q(&b))
	done := make(chan bool)
	go func() {
		defer close(done)
		defer func() { fmt.Println("goexit recover:", recover()) }()
		defer func() { defer func() { fmt.Println("rec", recover()) }(); panic("in deferred during goexit") }()
		runtime.Goexit()
	}()
	<-done
	m := map[float64]int{}
	nan := func() float64 { z := 0.0; return z / z }()
	m[nan], m[nan], m[0] = 1, 2, 3
	var zneg = 0.0
	zneg = -zneg
	m[zneg]++
	fmt.Println(len(m), m[nan], m[0])
	delete(m, nan)
	vals := slices.Collect(maps.Values(m))
	sort.Ints(vals)
	fmt.Println(vals)
	clear(m)
	fmt.Println(len(m))
	for i, r := range "a\xffb\xed\xa0\x80\xf4\x90\x80\x80é" {
		fmt.Print(i, ":", r, " ")
	}
	fmt.Println([]rune("\xff€"), string([]rune{-1, 0xD800, 0x10FFFF + 1, 'x'}), []byte(string(rune(0x7fffffff))))
	s := []int{1, 2, 3, 4}
	s2 := append(s[:1], s[2:]...)
	fmt.Println(s, s2, copy(s[1:], s), s)
	arr := [4]int{1, 2, 3, 4}
	for i, v := range arr {
		arr[3] = 100
		if i == 3 {
			fmt.Println("v", v)
		}
	}
	for i, v := range &arr {
		arr[3] = 200
		if i == 3 {
			fmt.Println("v", v)
		}
	}
	var fs []func() int
	for i := 0; i < 3; i++ {
		fs = append(fs, func() int { i *= 10; return i })
		i += 0
	}
	for _, f := range fs {
		fmt.Print(f(), f(), " ")
	}
	fmt.Println(min(2, 1.5, 3), max("a", "b"), min(nan, 1))
	c := complex(1, -2)
	fmt.Println(c*c/complex(0, 1), real(c), -c, c == complex(1, -2), complex(nan, 1)/0)
	var i8 int8 = -128
	var u uint32 = 1 << 31
	var sh uint = 33
	fmt.Println(i8/-1, -i8, i8%-1, u<<1, u<<sh, int32(u)>>sh, ^i8, i8&^3, uint8(i8)>>1)
	big := 1e300
	fmt.Println(int32(int64(u)*3), uint8(sh*300), float32(big), int64(float32(16777217)))
	os.Exit(3)
}
