// Order of evaluation: calls, receives, indexing, assignments, composite literals, defers.
package main

import "fmt"

var trace []string

func t[T any](name string, v T) T { trace = append(trace, name); return v }
func show(what string) {
	fmt.Println(what, trace)
	trace = nil
}

type T struct {
	a, b, c int
	m       map[string]int
	next    *T
}

func (x T) Val(n int) T   { trace = append(trace, fmt.Sprint("Val", n)); return x }
func (x *T) Ptr(n int) *T { trace = append(trace, fmt.Sprint("Ptr", n)); return x }

func (x T) Ptr2(n int) *T { trace = append(trace, fmt.Sprint("Ptr2", n)); return &x }

func two() (int, int)            { trace = append(trace, "two"); return 1, 2 }
func three() (int, string, bool) { trace = append(trace, "three"); return 3, "s", true }
func swap(a, b int) (int, int)   { return b, a }
func add(xs ...int) (n int) {
	for _, x := range xs {
		n = n*10 + x
	}
	return
}

func main() {
	_ = t("a", 1) + t("b", 2)*t("c", 3) - t("d", 4)
	show("arith")
	_ = t("a", true) && t("b", false) || t("c", true)
	show("logic")
	_ = T{b: t("b", 1), a: t("a", 2), m: map[string]int{t("k", "k"): t("v", 1), t("k2", "x"): t("v2", 2)}}
	show("literal")
	arr := [...]int{2: t("two", 2), 0: t("zero", 0), t("one", 1)}
	show(fmt.Sprint("array ", arr))
	s := []int{1, 2, 3, 4}
	i := 0
	i, s[i] = 2, 9
	fmt.Println(i, s)
	s[i], i = 7, 0
	fmt.Println(i, s)
	s[0], s[1], s[2] = s[2], s[0], s[1]
	fmt.Println(s)
	t("slice", s)[t("index", 1)], t("map", map[string]int{})[t("key", "k")] = t("x", 5), t("y", 6)
	show("assign")
	t("op=", s)[t("i", 2)] += t("v", 3)
	show("op assign")
	p := &T{m: map[string]int{}}
	p.Ptr(1).m["a"], p.Ptr(2).a = two()
	show("multi call")
	p.next = &T{}
	p, p.next.a = p.next, 5
	fmt.Println(p.a, p.next == nil)
	p.Ptr(1).Val(2).Val(3).Ptr2(4).b = 0
	show("chain")
	func() {
		defer t("defer f", func(n int) { trace = append(trace, fmt.Sprint("run", n)) })(t("arg", 1))
		defer p.Ptr(8).Val(9)
		t("body", 0)
	}()
	show("defer")
	ch := make(chan int, 3)
	ch <- 1
	ch <- 2
	ch <- 3
	x := []int{<-ch, <-ch, <-ch}
	fmt.Println(x, add(two()), add(t("p", 1), t("q", 2)))
	show("calls")
	var e any = t("iface", 5)
	switch t("tag", 2) {
	case t("c1", 1), t("c2", 2), t("c3", 3):
		trace = append(trace, "matched")
		fallthrough
	case t("c4", 4):
		trace = append(trace, "fell")
	default:
		trace = append(trace, "default")
	}
	_, ok := e.(int)
	show(fmt.Sprint("switch ", ok))
	for i, n := t("init", 0), t("limit", 2); i < t("cond", n); i += t("post", 1) {
	}
	show("for")
	for i := range t("range", []int{1, 2}) {
		_ = i
	}
	show("range")
	m := map[string]int{"a": 1}
	m["a"], m["b"] = m["b"], m["a"]
	fmt.Println(m)
	y := 1
	f := func() int { y++; return y }
	z := f() + f()*10
	fmt.Println(z, y)
	w := []int{f(), f(), f()}
	fmt.Println(w, y)
	a, b := swap(swap(1, 2))
	fmt.Println(a, b)
	aa := [3]int{1, 2, 3}
	for i, v := range aa {
		aa[2] = 10
		if i == 2 {
			fmt.Println("copy", v)
		}
	}
	for i, v := range &aa {
		aa[2] = 20
		if i == 2 {
			fmt.Println("pointer", v)
		}
	}
	sl := []int{1, 2, 3}
	for i := range sl {
		sl = append(sl, i)
	}
	fmt.Println(sl)
	func() {
		defer func() { fmt.Println(recover(), trace); trace = nil }()
		var nm map[string]int
		nm[t("key", "a")] = t("value", 1)
	}()
	func() {
		defer func() { fmt.Println(recover(), trace, arr); trace = nil }()
		arr[1], arr[t("index", 5)] = t("first", 100), t("second", 200)
	}()
	func() {
		defer func() { fmt.Println(recover(), trace); trace = nil }()
		var np *T
		np.a = t("rhs", 1)
	}()
	func() {
		defer func() { fmt.Println(recover(), trace); trace = nil }()
		zero := 0
		_ = t("div a", 1) / t("div b", zero) * t("after", 1)
	}()
	func() {
		defer func() { fmt.Println(recover(), trace); trace = nil }()
		var fn func(int)
		fn(t("arg of nil", 1))
	}()
	func() {
		defer func() { fmt.Println(recover(), trace); trace = nil }()
		var e any = "str"
		_ = t("before", 1) + e.(int) + t("not after", 1)
	}()
	func() (n int) {
		defer func() { n *= 2; fmt.Println("named", n) }()
		n = 4
		return t("ret", n+1)
	}()
	show("end")
	n, str, bo := three()
	n, q := n+1, str
	fmt.Println(n, str, bo, q)
	{
		n, n2 := n*2, n*3
		fmt.Println(n, n2)
	}
	var v1, v2 = t("v1", 1), t("v2", 2)
	show(fmt.Sprint(v1, v2, g1, g2, g3))
}

// Package variables are initialised by dependency.
var (
	g1 = g2 + 1
	g2 = initG3() * 10
	g3 = 5
)

func initG3() int { return g3 }
