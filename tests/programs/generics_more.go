// Generics: generic methods, aliases with parameters, constraints with methods, recursion, embedding, dictionaries of deep types.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
)

type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~float32 | ~float64
}

type List[T any] struct {
	head, tail *node[T]
	size       int
}
type node[T any] struct {
	value T
	next  *node[T]
}

func (l *List[T]) Push(v T) *List[T] {
	n := &node[T]{value: v}
	if l.tail == nil {
		l.head = n
	} else {
		l.tail.next = n
	}
	l.tail = n
	l.size++
	return l
}

func (l *List[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		i := 0
		for n := l.head; n != nil; n = n.next {
			if !yield(i, n.value) {
				return
			}
			i++
		}
	}
}

// A generic method: a parameter of its own beside the receiver's.
func (l *List[T]) Map[U any](f func(T) U) *List[U] {
	out := new(List[U])
	for _, v := range l.All() {
		out.Push(f(v))
	}
	return out
}

func (l *List[T]) Fold[A any](init A, f func(A, T) A) A {
	for _, v := range l.All() {
		init = f(init, v)
	}
	return init
}

type Box struct{ tag string }

func (b Box) Wrap[T fmt.Stringer](v T) string { return b.tag + "(" + v.String() + ")" }
func (b *Box) Retag[S ~string | ~[]byte](s S) { b.tag = string(s) }

type ID int

func (i ID) String() string { return "#" + strconv.Itoa(int(i)) }

type Tree[K cmp.Ordered, V any] struct {
	root *branch[K, V]
}
type branch[K cmp.Ordered, V any] struct {
	key         K
	value       V
	left, right *branch[K, V]
}

func (t *Tree[K, V]) Put(k K, v V) (old V, replaced bool) {
	at := &t.root
	for *at != nil {
		switch c := cmp.Compare(k, (*at).key); {
		case c < 0:
			at = &(*at).left
		case c > 0:
			at = &(*at).right
		default:
			old, (*at).value = (*at).value, v
			return old, true
		}
	}
	*at = &branch[K, V]{key: k, value: v}
	return
}

func (t *Tree[K, V]) Walk() iter.Seq2[K, V] {
	var walk func(*branch[K, V], func(K, V) bool) bool
	walk = func(b *branch[K, V], yield func(K, V) bool) bool {
		return b == nil || walk(b.left, yield) && yield(b.key, b.value) && walk(b.right, yield)
	}
	return func(yield func(K, V) bool) { walk(t.root, yield) }
}

type Set[T comparable] = map[T]struct{}
type Pair[A, B any] struct {
	First  A
	Second B
}
type Same[T any] = Pair[T, T]
type Nested[T any] = List[Pair[T, []Same[T]]]

func Sum[T Number](vs ...T) (s T) {
	for _, v := range vs {
		s += v
	}
	return
}

type Setter[T any] interface {
	*T
	Set(string) error
}
type celsius float64

func (c *celsius) Set(s string) error {
	f, err := strconv.ParseFloat(s, 64)
	*c = celsius(f)
	return err
}

type words []string

func (w *words) Set(s string) error {
	if s == "" {
		return errors.New("empty")
	}
	*w = strings.Fields(s)
	return nil
}

func ParseAll[T any, P Setter[T]](texts ...string) ([]T, error) {
	var out []T
	for _, s := range texts {
		var v T
		if err := P(&v).Set(s); err != nil {
			return out, fmt.Errorf("%T: %w", v, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func Kind[T any](v T) string {
	switch x := any(v).(type) {
	case int, int64:
		return fmt.Sprintf("integer %v", x)
	case []T:
		return "slice of itself"
	case interface{ String() string }:
		return "stringer " + x.String()
	case Pair[T, T]:
		return "pair"
	case func() T:
		return "thunk"
	case nil:
		return "nil"
	}
	var zero T
	return fmt.Sprintf("other %T %T", v, &zero)
}

// Instances of growing depth, bounded by a value.
func Deep[T any](n int, v T) string {
	if n == 0 {
		return fmt.Sprintf("%T", v)
	}
	return Deep(n-1, v) + "."
}

type Matrix[T Number] [][]T

func (m Matrix[T]) Mul(o Matrix[T]) Matrix[T] {
	out := make(Matrix[T], len(m))
	for i := range m {
		out[i] = make([]T, len(o[0]))
		for j := range o[0] {
			for k := range o {
				out[i][j] += m[i][k] * o[k][j]
			}
		}
	}
	return out
}

type Embedder[T fmt.Stringer] struct {
	List[T]
	extra T
}
type Shape interface {
	Area() float64
	comparable
}
type square float64

func (s square) Area() float64 { return float64(s * s) }

func Largest[S Shape](shapes ...S) (best S) {
	for _, s := range shapes {
		if s == best || s.Area() > best.Area() {
			best = s
		}
	}
	return
}

func Keys[M ~map[K]V, K cmp.Ordered, V any](m M) []K { return slices.Sorted(maps.Keys(m)) }
func Ptr[T any](v T) *T                              { return &v }
func Convert[To, From Number](v From) To             { return To(v) }

type byLen []string

func (b byLen) Len() int           { return len(b) }
func (b byLen) Less(i, j int) bool { return len(b[i]) < len(b[j]) }
func (b byLen) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

func Apply[T any, R any](f func(T) R, vs ...T) []R {
	out := make([]R, 0, len(vs))
	for _, v := range vs {
		out = append(out, f(v))
	}
	return out
}

func counter[T any]() func(T) int {
	n := 0
	return func(T) int { n++; return n }
}

func main() {
	l := new(List[int]).Push(1).Push(2).Push(3)
	fmt.Println(l.Map(func(i int) string { return strings.Repeat("x", i) }).Fold("", func(a, s string) string { return a + s + "," }))
	fmt.Println(l.Map(func(i int) Pair[int, bool] { return Pair[int, bool]{i, i%2 == 0} }).Fold(0, func(n int, p Pair[int, bool]) int {
		if p.Second {
			return n + 10*p.First
		}
		return n + p.First
	}))
	b := Box{"b"}
	fmt.Println(b.Wrap(ID(4)), b.Wrap[fmt.Stringer](ID(5)))
	b.Retag([]byte("new"))
	wrap := b.Wrap[ID]
	b.Retag("newer")
	fmt.Println(wrap(6), b.Wrap(ID(7)))

	var t Tree[string, int]
	for i, w := range strings.Fields("the quick brown fox jumps over the lazy dog") {
		if old, ok := t.Put(w, i); ok {
			fmt.Println("replaced", w, old)
		}
	}
	for k, v := range t.Walk() {
		if k == "quick" {
			break
		}
		fmt.Print(k, "=", v, " ")
	}
	fmt.Println()
	s := Set[Same[int]]{{1, 2}: {}, {1, 2 + 1}: {}}
	_, has := s[Pair[int, int]{1, 3}]
	fmt.Println(len(s), has)
	var n Nested[string]
	n.Push(Pair[string, []Same[string]]{"k", []Same[string]{{"a", "b"}}})
	fmt.Printf("%v %T\n", n.head.value, n)
	fmt.Println(Sum[int8](100, 27, 1), Sum(0.1, 0.2), Sum(ID(1), ID(2)), Sum[uint8]())
	c, err := ParseAll[celsius]("1.5", "-2")
	fmt.Println(c, err)
	c, err = ParseAll[celsius]("1.5", "hot")
	fmt.Println(c, err)
	w, err := ParseAll[words]("a b", "")
	fmt.Println(w, err)
	fmt.Println(Kind(3), Kind(ID(3)), Kind([]int{}), Kind[any](nil), Kind[any]([]any{}), Kind(func() int { return 1 }), Kind(Pair[int, int]{}))
	fmt.Println(Deep(3, l), Deep(1, [2]Same[*ID]{}))
	fmt.Println(Matrix[float32]{{1, 2}, {3, 4}}.Mul(Matrix[float32]{{0, 1}, {1, 0}}))
	e := Embedder[ID]{extra: 9}
	e.Push(1).Push(e.extra)
	for i, v := range e.All() {
		fmt.Print(i, v, " ")
	}
	fmt.Println(e.size, Largest(square(2), square(3), 1))
	fmt.Println(Keys(map[ID]string{3: "", 1: "", 2: ""}), *Ptr("p"), Convert[int8](300), Convert[uint8](float64(7.9)))
	bl := byLen{"ccc", "a", "bb"}
	sort.Sort(bl)
	fmt.Println(bl, Apply(strconv.Itoa, 1, 2), Apply(ID.String, 3, 4), Apply(l.Push, 4)[0].size)
	c1, c2 := counter[int](), counter[string]()
	c1(1)
	c1(1)
	fmt.Println(c1(1), c2(""))
	fmt.Printf("%T %T %T\n", Same[int]{}, t, Apply[int, *List[ID]])
}
