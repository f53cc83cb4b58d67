// Method values and expressions of every receiver form: when the receiver is evaluated and copied, comparison, use in maps, defers and goroutines.
package main

import (
	"fmt"
	"sort"
	"strings"
)

type V struct{ a, b int }

func (v V) Sum(n int) int { return v.a + v.b + n }
func (v *V) Add(n int)    { v.a += n }
func (v V) Self() V       { return v }
func (v V) Variadic(xs ...int) int {
	for _, x := range xs {
		v.a += x
	}
	return v.a
}

type I interface {
	Sum(int) int
}
type P interface {
	I
	Add(int)
}
type F func(string) string

func (f F) Twice(s string) string { return f(f(s)) }

type M map[string]int

func (m M) Put(k string) int { m[k]++; return len(m) }

type S []int

func (s *S) Push(v int) { *s = append(*s, v) }
func (s S) Len() int    { return len(s) }

type Ch chan int

func (c Ch) Send(v int) { c <- v }

type W struct{ *V }
type Big struct{ data [64]int }

func (b Big) At(i int) int      { return b.data[i] }
func (b *Big) Set(i, v int) int { old := b.data[i]; b.data[i] = v; return old }

type Empty struct{}

func (Empty) Name() string   { return "empty" }
func (*Empty) PName() string { return "pempty" }

type Fl float64

func (f Fl) Mul(x float64) float64 { return float64(f) * x }

func get(v *V) *V { fmt.Print("[get]"); return v }

func apply(f func(int) int, n int) int { return f(n) }

type op struct {
	name string
	f    func(V, int) int
}

func main() {
	v := V{1, 2}
	sum := v.Sum
	add := v.Add
	v.a = 100
	add(5)
	fmt.Println(sum(10), v.Sum(10), v)
	f := get(&v).Sum
	fmt.Println("later", f(0), f(1))
	expr := V.Sum
	pexpr := (*V).Sum
	aexpr := (*V).Add
	aexpr(&v, 1000)
	fmt.Println(expr(v, 1), pexpr(&v, 2), V.Variadic(v, 1, 2, 3), V.Self(v).Self().a)
	fmt.Printf("%T %T %T %T %T\n", expr, pexpr, aexpr, sum, V.Variadic)

	var i I = &v
	isum := i.Sum
	i = V{7, 8}
	fmt.Println(isum(0), i.Sum(0), I.Sum(i, 1), P.Sum(&v, 0))
	padd := P.Add
	padd(&v, 1)
	fmt.Println(v.a, apply(i.Sum, 3), apply((&v).Sum, 1), apply(V{1, 1}.Sum, 1))

	up := F(strings.ToUpper)
	exclaim := F(func(s string) string { return s + "!" }).Twice
	fmt.Println(up.Twice("a"), exclaim("b"), F.Twice(up, "c"))
	m := M{}
	put := m.Put
	put("x")
	put("y")
	m = nil
	fmt.Println(put("x"), put("z"))
	var s S
	push := s.Push
	lenBefore := s.Len
	push(1)
	push(2)
	fmt.Println(s, lenBefore(), s.Len())
	c := make(Ch, 3)
	send := c.Send
	go send(1)
	send(2)
	a, b := <-c, <-c
	fmt.Println(a+b, len(c))

	w := W{&v}
	wsum := w.Sum
	wadd := w.Add
	w.V = &V{}
	wadd(1)
	fmt.Println(wsum(0), v.a, w.a, W.Sum(w, 4), (*W).Sum(&w, 5))

	var big Big
	big.data[3] = 33
	at := big.At
	set := big.Set
	fmt.Println(set(3, 44), at(3), big.At(3), Big.At(big, 3), (*Big).At(&big, 3))
	e := Empty{}
	names := []func() string{e.Name, e.PName, Empty{}.Name, (&e).PName, new(Empty).Name}
	for _, n := range names {
		fmt.Print(n(), " ")
	}
	fmt.Println(Fl(2.5).Mul(4), Fl.Mul(1.5, 2))

	ops := map[string]func(V, int) int{"sum": V.Sum, "self": func(v V, n int) int { return v.Self().b * n }}
	keys := []string{}
	for k := range ops {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Print(k, " ", ops[k](V{3, 4}, 5), "; ")
	}
	table := [...]op{{"s", V.Sum}, {"v", func(v V, n int) int { return V.Variadic(v, n, n) }}}
	for _, o := range table {
		fmt.Print(o.name, o.f(V{1, 1}, 6), " ")
	}
	fmt.Println()

	for n := range 3 {
		defer v.Add(n)
		defer fmt.Println("deferred", n, v.Sum(n))
	}
	defer func(f func(int) int) { fmt.Println("deferred func", f(0)) }(v.Sum)
	v.a = -1
	var fns []func(int) int
	for _, x := range []V{{1, 1}, {2, 2}, {3, 3}} {
		fns = append(fns, x.Sum)
	}
	for n, f := range fns {
		fmt.Print(f(n), " ")
	}
	fmt.Println()
	func() {
		defer func() { fmt.Println("recovered", recover() != nil) }()
		var np *V
		ok := np.Add
		fmt.Println(ok != nil)
		bad := np.Sum
		fmt.Println("not reached", bad)
	}()
	ptrs := []*V{{1, 2}, {3, 4}}
	total := 0
	for _, p := range ptrs {
		g := func(add func(int)) { add(10) }
		g(p.Add)
		total += p.a
	}
	fmt.Println(total)
	fmt.Println(func() I { return &V{5, 5} }().Sum(1), interface{ Sum(int) int }.Sum(V{1, 2}, 3), struct{ V }{V{2, 3}}.Sum(4))
	fmt.Println((struct{ *V }).Sum(struct{ *V }{&v}, 0), interface{ Self() V }(v).Self().b)
}
