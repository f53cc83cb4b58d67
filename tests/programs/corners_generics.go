package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// generic aliases, constraints with methods, embedded generics, mutual recursion
type Pair[A, B any] struct {
	First  A
	Second B
}
type IntPair[T any] = Pair[int, T]
type Set[T comparable] map[T]struct{}

func (s Set[T]) Add(v ...T) Set[T] {
	for _, x := range v {
		s[x] = struct{}{}
	}
	return s
}
func (s Set[T]) Has(v T) bool { _, ok := s[v]; return ok }

type Stringish interface {
	~string | ~[]byte
	Len() int
}
type MyS string

func (m MyS) Len() int { return len(m) }

type MyB []byte

func (m MyB) Len() int { return len(m) * 2 }
func total[T Stringish](xs ...T) (n int) {
	for _, x := range xs {
		n += x.Len() + len(x) + len(string(x))
		for i := range len(x) {
			n += int(x[i])
		}
	}
	return
}

type Ord[T any] interface{ Less(T) bool }
type Age int

func (a Age) Less(b Age) bool { return a < b }
func Min[T Ord[T]](a, b T) T {
	if a.Less(b) {
		return a
	}
	return b
}

type Opt[T any] func(*T)
type Ptr[T any] interface {
	*T
	Set(string)
}
type Conf struct{ v string }

func (c *Conf) Set(s string) { c.v = s }
func Build[T any, P Ptr[T]](ss ...string) []T {
	out := make([]T, len(ss))
	for i, s := range ss {
		P(&out[i]).Set(s)
	}
	return out
}

type Base[T any] struct{ val T }

func (b *Base[T]) Get() T  { return b.val }
func (b *Base[T]) Put(v T) { b.val = v }

type Derived struct {
	Base[string]
	*Base2[int]
}
type Base2[T any] struct{ Base[T] }

func typeName[T any](v T) string {
	switch x := any(v).(type) {
	case int, int8:
		return fmt.Sprintf("int-ish %v", x)
	case []T:
		return "slice of T"
	case error:
		return "error " + x.Error()
	case fmt.Stringer:
		return "stringer " + x.String()
	case nil:
		return "nil"
	case func() T:
		return "func"
	default:
		return fmt.Sprintf("%T", x)
	}
}

type Num interface{ ~int | ~int64 | ~float64 }

func Reduce[T, A any](s iter.Seq[T], a A, f func(A, T) A) A {
	for v := range s {
		a = f(a, v)
	}
	return a
}
func Filter[T any](s iter.Seq[T], p func(T) bool) iter.Seq[T] {
	return func(y func(T) bool) {
		s(func(v T) bool { return !p(v) || y(v) })
	}
}
func Gen[T Num](n T) iter.Seq[T] {
	return func(y func(T) bool) {
		for i := T(0); i < n && y(i); i++ {
		}
	}
}

type Visitor interface{ Visit(n Node) Visitor }
type Node interface{ Children() []Node }
type Leaf int
type Branch []Node

func (Leaf) Children() []Node     { return nil }
func (b Branch) Children() []Node { return b }

type sumV struct{ s *int }

func (v sumV) Visit(n Node) Visitor {
	if l, ok := n.(Leaf); ok {
		*v.s += int(l)
	}
	return v
}
func Walk(v Visitor, n Node) {
	if v = v.Visit(n); v == nil {
		return
	}
	for _, c := range n.Children() {
		Walk(v, c)
	}
}

const (
	_  = iota
	KB = 1 << (10 * iota)
	MB
	c0 = iota * 1.5
	c1
	cs, ct = "s" + "t", 'a' + iota
	cu, cv
)

type Weekday uint8

const (
	Sun Weekday = iota
	Mon
	Tue
)

func (d Weekday) String() string { return [...]string{"Sun", "Mon", Tue: "Tue"}[d] }

type errT struct{ code int }

func (e *errT) Error() string   { return "errT " + strconv.Itoa(e.code) }
func (e *errT) Is(t error) bool { return t == io.EOF }
func mayFail(i int) (err error) {
	var e *errT
	if i > 0 {
		e = &errT{i}
		return e
	}
	if i < 0 {
		return e
	}
	return nil
}

type T1 struct {
	A int `x:"1"`
	B string
}
type T2 struct {
	A int
	B string `y:"2"`
}

var (
	va = vb + 1
	vb = f1()
	vc = func() int { return va * 2 }()
)

func f1() int { return vd * 10 }

var vd = 4

func init() { fmt.Println("init1", va, vb, vc) }
func init() { fmt.Println("init2") }

type rw struct {
	io.Reader
	io.Writer
}

func order(s string, v int) int { fmt.Print(s, " "); return v }

func named() (a, b int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("r: %v", r)
		}
	}()
	a = 1
	if a, err := strconv.Atoi("7"); err == nil {
		b = a
	}
	var m map[string][]int
	m["a"] = append(m["a"], 1)
	return 5, 6, nil
}

func lbl() string {
	var sb strings.Builder
outer:
	for i := 0; ; i++ {
	inner:
		for j := 0; ; j++ {
			switch {
			case j == 3:
				continue outer
			case i == 2 && j == 1:
				break inner
			case i == 4:
				break outer
			case i == 3:
				goto end
			}
			fmt.Fprint(&sb, i, j, ";")
		}
		sb.WriteString("|")
	}
end:
	return sb.String()
}

func sw(x any) (s string) {
	switch y := x.(type) {
	case int:
		switch {
		case y > 10:
			s += "big"
			fallthrough
		case y > 5:
			s += "mid"
			fallthrough
		default:
			s += "any"
		case y < 0:
			s = "neg"
		}
	case string, []byte:
		s = fmt.Sprintf("%s", y)
	case func(int) string:
		s = y(3)
	case interface{ Less(Age) bool }:
		s = "less"
	case chan<- int:
		s = "sendchan"
	case [3]int:
		y[1] = 9
		s = fmt.Sprint(y, x)
	case struct{ X, Y int }:
		s = fmt.Sprint(y.X + y.Y)
	}
	return
}

func main() {
	fmt.Printf("%v %+v %T\n", IntPair[string]{1, "a"}, Pair[int, error]{2, io.EOF}, IntPair[[]int]{})
	s := Set[any]{}.Add(1, "a", [2]int{1, 2}, struct{}{})
	fmt.Println(s.Has([2]int{1, 2}), s.Has(1.0), len(s))
	fmt.Println(total(MyS("ab"), "c"), total(MyB("xyz")))
	fmt.Println(Min(Age(3), 2), Min[Age](1, 5))
	fmt.Println(Build[Conf]("x", "y"))
	d := Derived{Base[string]{"s"}, &Base2[int]{Base[int]{5}}}
	d.Put("t")
	d.Base2.Put(7)
	get := d.Base2.Get
	put := (*Base[string]).Put
	put(&d.Base, "zz")
	fmt.Println(d.Get(), get(), d.val)
	fmt.Println(typeName(5), typeName(int8(2)), typeName([]string{}), typeName[any]([]any{}), typeName[error](io.EOF), typeName(Mon), typeName[any](nil), typeName[error](nil), typeName(func() int { return 1 }), typeName(d))
	fmt.Println(Reduce(Filter(Gen(10), func(i int) bool { return i%3 == 0 }), "", func(a string, i int) string { return a + strconv.Itoa(i) }), Reduce(Gen(2.5), 0.0, func(a, b float64) float64 { return a + b }))
	n := 0
	Walk(sumV{&n}, Branch{Leaf(1), Branch{Leaf(2), Leaf(3)}, Branch{}})
	fmt.Println(n, KB, MB, c0, c1, cs, ct, cu, cv, Tue, Weekday(0), fmt.Sprintf("%d %x %v", Mon, Tue, []Weekday{0, 2}))
	fmt.Println(mayFail(1), mayFail(-1) == nil, mayFail(0) == nil, errors.Is(mayFail(2), io.EOF))
	var et *errT
	fmt.Println(errors.As(fmt.Errorf("a: %w, b: %w", io.EOF, mayFail(3)), &et), et.code)
	e, ok := errors.AsType[*errT](errors.Join(io.EOF, mayFail(4)))
	fmt.Println(e, ok)
	fmt.Println(T2(T1{1, "b"}), (*T2)(&T1{3, "c"}).A)
	r := rw{strings.NewReader("abc"), os.Stdout}
	nn, err := io.Copy(r, r)
	fmt.Println(nn, err)
	a := []int{0, 0, 0}
	i := 0
	i, a[i] = 2, 5
	fmt.Println(i, a)
	a[order("a", 0)], a[order("b", 1)] = order("c", 1), order("d", 2)
	fmt.Println(a, map[int]int{order("k1", 1): order("v1", 1), order("k2", 2): order("v2", 2)})
	fmt.Println(named())
	fmt.Println(lbl())
	for _, x := range []any{20, 7, 1, -1, "s", []byte("b"), func(i int) string { return fmt.Sprint(i) }, Age(1), make(chan<- int), make(chan int), [3]int{1, 2, 3}, struct{ X, Y int }{1, 2}, nil} {
		fmt.Print(sw(x), ",")
	}
	fmt.Println()
	x := []Pair[string, int]{{"b", 2}, {"a", 2}, {"c", 1}}
	slices.SortStableFunc(x, func(a, b Pair[string, int]) int {
		return cmp.Or(-cmp.Compare(a.Second, b.Second), strings.Compare(a.First, b.First))
	})
	fmt.Println(x, slices.MaxFunc(x, func(a, b Pair[string, int]) int { return cmp.Compare(a.First, b.First) }))
	p := new(Pair[int, string]{4, "new"})
	fmt.Println(*p, *new(3 + 4))
	var mat [3][4]int
	for i := range mat {
		for j := range mat[i] {
			mat[i][j] = i * j
		}
	}
	m2 := mat
	m2[2][3] = -1
	fmt.Println(mat, m2 == mat, mat[1:][1][1:3], len(mat[0]))
	type key struct {
		a [2]string
		b any
	}
	mk := map[key]*int{}
	mk[key{[2]string{"x", "y"}, 1}] = new(int)
	*mk[key{[2]string{"x", "y"}, 1}] += 5
	fmt.Println(*mk[key{[2]string{"x", "y"}, 1}], mk[key{}] == nil)
	var once sync.Once
	func() {
		defer func() { fmt.Println("p", recover()) }()
		once.Do(func() { panic("in once") })
	}()
	once.Do(func() { fmt.Println("never") })
	defer func() {
		fmt.Println("last", recover() != nil)
		os.Exit(func() int { defer fmt.Println("x"); return 4 }())
	}()
	for i := range 3 {
		defer func() { fmt.Println("d", i); i++ }()
	}
	var np *Derived
	fmt.Println(np.Base2.val)
}
