// Iterators: range over functions with all exits, iter.Pull, slices and maps helpers, panics through loops, recursion.
package main

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer fmt.Print("<done>")
		for i := range n {
			if !yield(i) {
				fmt.Print("<stop>")
				return
			}
		}
	}
}

func filter[T any](s iter.Seq[T], f func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range s {
			if f(v) && !yield(v) {
				return
			}
		}
	}
}

func zip[A, B any](a iter.Seq[A], b iter.Seq[B]) iter.Seq2[A, B] {
	return func(yield func(A, B) bool) {
		nextA, stopA := iter.Pull(a)
		defer stopA()
		nextB, stopB := iter.Pull(b)
		defer stopB()
		for {
			x, ok := nextA()
			y, ok2 := nextB()
			if !ok || !ok2 || !yield(x, y) {
				return
			}
		}
	}
}

type tree struct {
	l, r *tree
	v    int
}

func (t *tree) all(yield func(int) bool) bool {
	return t == nil || t.l.all(yield) && yield(t.v) && t.r.all(yield)
}
func (t *tree) All() iter.Seq[int] { return func(y func(int) bool) { t.all(y) } }

func build(lo, hi int) *tree {
	if lo >= hi {
		return nil
	}
	m := (lo + hi) / 2
	return &tree{build(lo, m), build(m+1, hi), m}
}

func find(n int) (r int, s string) {
	defer func() { s += "deferred" }()
	for i := range count(10) {
		defer func() { s += fmt.Sprint(i, ",") }()
		for j := range count(10) {
			if i*j == n {
				return i*100 + j, "found "
			}
			if j > i {
				break
			}
		}
	}
	return -1, "none "
}

func labels() {
outer:
	for i := range count(5) {
		for j := range count(5) {
			switch {
			case j == 2:
				continue outer
			case i == 2:
				break outer
			}
			fmt.Print(i, j, " ")
		}
	}
	fmt.Println()
	for i := range count(3) {
		if i == 1 {
			goto end
		}
	}
	fmt.Println("not here")
end:
	fmt.Println("goto")
}

func broken(yield func(int) bool) {
	yield(1)
	yield(2)
}

func try(name string, f func()) {
	defer func() { fmt.Println(name, recover()) }()
	f()
}

type user struct {
	name string
	age  int
}

func main() {
	for v := range filter(count(10), func(i int) bool { return i%3 == 0 }) {
		fmt.Print(v, " ")
		if v == 6 {
			break
		}
	}
	fmt.Println()
	for a, b := range zip(count(4), slices.Values([]string{"a", "b", "c"})) {
		fmt.Print(a, b, " ")
	}
	fmt.Println()
	fmt.Println(find(12))
	fmt.Println(find(1000))
	labels()
	sum := 0
	for v := range build(0, 1000).All() {
		if sum += v; v == 500 {
			break
		}
	}
	fmt.Println(sum)
	next, stop := iter.Pull(build(0, 3).All())
	fmt.Println(next())
	fmt.Println(next())
	stop()
	stop()
	fmt.Println(next())
	next2, stop2 := iter.Pull2(maps.All(map[string]int{"k": 1}))
	fmt.Println(next2())
	fmt.Println(next2())
	stop2()
	try("exhausted", func() {
		for range broken {
			break
		}
	})
	try("panic in body", func() {
		for i := range count(3) {
			panic(fmt.Sprint("body ", i))
		}
	})
	try("panic in iterator", func() {
		for range func(y func() bool) { y(); panic("iterator") } {
		}
	})
	try("swallowed", func() {
		for range func(y func() bool) { defer func() { recover() }(); y() } {
			panic("lost")
		}
	})
	try("late", func() {
		var keep func(int) bool
		for range func(y func(int) bool) { keep = y; y(1) } {
		}
		keep(2)
	})
	try("pull panics", func() {
		n, s := iter.Pull(func(y func(int) bool) { y(1); panic("from pulled") })
		defer s()
		fmt.Print(n())
		n()
	})
	s := []int{3, 1, 4, 1, 5, 9, 2, 6, 5, 3}
	fmt.Println(slices.Sorted(slices.Values(s)), slices.Collect(slices.Chunk(s, 4)), slices.Compact(slices.Sorted(slices.Values(s))), slices.Index(s, 4), slices.Contains(s, 7), slices.Max(s))
	u := []user{{"bob", 30}, {"al", 30}, {"cy", 20}}
	slices.SortStableFunc(u, func(a, b user) int { return cmp.Compare(a.age, b.age) })
	at, found := slices.BinarySearchFunc(u, 30, func(a user, n int) int { return cmp.Compare(a.age, n) })
	fmt.Println(u, at, found, slices.IndexFunc(u, func(x user) bool { return x.name == "al" }))
	fmt.Println(slices.Insert([]int{1, 2}, 1, 7, 8), slices.Delete([]int{1, 2, 3, 4}, 1, 3), slices.Replace([]int{1, 2, 3}, 0, 2, 9), slices.Equal(s, s), slices.Compare([]int{1, 2}, []int{1, 3}), slices.Repeat([]int{1, 2}, 2), slices.Concat([]int{1}, []int{2, 3}))
	for i, v := range slices.Backward([]string{"x", "y"}) {
		fmt.Print(i, v)
	}
	m := map[string]int{"b": 2, "a": 1}
	fmt.Println(slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Values(m)), maps.Collect(zip(slices.Values([]int{1}), slices.Values([]string{"q"}))))
	for l := range strings.Lines("one\ntwo\nthree") {
		fmt.Printf("%q", l)
	}
	for f := range strings.SplitSeq("a,b,c", ",") {
		fmt.Print(" ", f)
	}
	for f := range strings.FieldsSeq("  x  y ") {
		fmt.Print(" ", f)
	}
	fmt.Println()
	fib := func(yield func(int) bool) {
		for a, b := 0, 1; yield(a); a, b = b, a+b {
		}
	}
	for v := range fib {
		if v > 50 {
			break
		}
		fmt.Print(v, " ")
	}
	fmt.Println()
}
