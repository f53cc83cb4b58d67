// Operands that are converted to interfaces, beside calls that change them.
package main

import "fmt"

type pair struct{ a, b int }
type holder struct {
	n    int
	s    string
	p    pair
	list []int
	m    map[string]int
	ptr  *int
	e    error
	any  any
	f    float64
	b    byte
	ok   bool
	arr  [3]int
}

var g holder

func (h *holder) change() string {
	h.n++
	h.s += "x"
	h.p.a++
	h.list = append(h.list, 1)
	if h.m == nil {
		h.m = map[string]int{}
	}
	h.m["k"]++
	h.ptr = new(int)
	*h.ptr = h.n
	h.e = fmt.Errorf("e%d", h.n)
	h.any = h.n
	h.f += 0.5
	h.b++
	h.ok = !h.ok
	h.arr[1]++
	return "|"
}

func main() {
	h := &g
	h.change()
	fmt.Println(h.n, h.change(), h.n)
	fmt.Println(h.s, h.change(), h.s)
	fmt.Println(h.p, h.change(), h.p)
	fmt.Println(h.list, h.change(), h.list)
	fmt.Println(len(h.list), h.change(), len(h.list))
	fmt.Println(h.m["k"], h.change(), h.m["k"])
	fmt.Println(len(h.m), *h.ptr, h.change(), *h.ptr)
	fmt.Println(h.e, h.change(), h.e)
	fmt.Println(h.any, h.change(), h.any)
	fmt.Println(h.f, h.b, h.ok, h.change(), h.f, h.b, h.ok)
	fmt.Println(h.arr, h.change(), h.arr)
	fmt.Println(g.n+1, h.change(), g.n+1)
	fmt.Println(h.arr[h.n%3], h.list[0]+h.n, h.change(), h.p.a*2)
	n, s, p := 1, "a", pair{}
	inc := func() int { n++; s += "b"; p.b++; return n }
	fmt.Println(n, s, p, inc(), n, s, p)
	fmt.Println(n+0, s+"c", p.b, inc(), n*10)
	fmt.Println(n > 2, -n, &p == nil, inc(), n > 2, float64(n), string(s[0]), s[1:])
	all := []any{n, s, p, inc(), n, s, p}
	fmt.Println(all...)
	m := map[string]any{"n": n, "s": s, "i": inc(), "z": n}
	fmt.Println(m)
	st := struct {
		a any
		b int
		c any
		d int
	}{n, n, inc(), n}
	fmt.Println(st)
	var a, b any = n, inc()
	fmt.Println(a, b)
	a, b = n, inc()
	fmt.Println(a, b)
	func(xs ...any) { fmt.Println(xs...) }(n, inc(), n)
	func(x any, y int, z any) { fmt.Println(x, y, z) }(n, inc(), n)
	func() (any, int, any) { return n, inc(), n }()
	x, y, z := func() (any, int, any) { return n, inc(), n }()
	fmt.Println(x, y, z)
	ch := make(chan int, 1)
	ch <- 7
	fmt.Println(len(ch), <-ch, len(ch))
	fmt.Println(fmt.Sprint(n), n, fmt.Sprint(inc()), n)
}
