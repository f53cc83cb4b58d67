// Closures: captured by reference, per-iteration variables, recursion, escaping, state machines, as values everywhere.
package main

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

type handler func(string) string
type middleware func(handler) handler

func (h handler) serve(s string) string { return h(s) }

func chain(h handler, ms ...middleware) handler {
	for i := len(ms) - 1; i >= 0; i-- {
		h = ms[i](h)
	}
	return h
}

func logger(log *[]string) middleware {
	return func(next handler) handler {
		n := 0
		return func(s string) string {
			n++
			*log = append(*log, fmt.Sprint(n, ":", s))
			defer func() { *log = append(*log, "end "+s) }()
			return next(s)
		}
	}
}

func counter() (inc func() int, get func() int, reset func(int)) {
	n := 0
	return func() int { n++; return n }, func() int { return n }, func(v int) { n = v }
}

func fib() func() int {
	a, b := 0, 1
	return func() int {
		defer func() { a, b = b, a+b }()
		return a
	}
}

func memo[K comparable, V any](f func(K) V) func(K) V {
	cache := map[K]V{}
	return func(k K) V {
		if v, ok := cache[k]; ok {
			return v
		}
		v := f(k)
		cache[k] = v
		return v
	}
}

func compose[A, B, C any](f func(A) B, g func(B) C) func(A) C { return func(a A) C { return g(f(a)) } }
func curry[A, B, C any](f func(A, B) C) func(A) func(B) C {
	return func(a A) func(B) C { return func(b B) C { return f(a, b) } }
}

type options struct {
	name string
	n    int
	tags []string
}
type option func(*options)

func withName(s string) option     { return func(o *options) { o.name = s } }
func withTags(ts ...string) option { return func(o *options) { o.tags = append(o.tags, ts...) } }
func build(opts ...option) *options {
	o := &options{n: 1}
	for _, f := range opts {
		f(o)
	}
	return o
}

type stateFn func(*lexer) stateFn
type lexer struct {
	in  string
	pos int
	out []string
}

func lexText(l *lexer) stateFn {
	start := l.pos
	for l.pos < len(l.in) {
		if strings.HasPrefix(l.in[l.pos:], "{{") {
			l.emit("text", start)
			return lexAction
		}
		l.pos++
	}
	l.emit("text", start)
	return nil
}
func lexAction(l *lexer) stateFn {
	start := l.pos
	if i := strings.Index(l.in[l.pos:], "}}"); i >= 0 {
		l.pos += i + 2
		l.emit("action", start)
		return lexText
	}
	return func(l *lexer) stateFn { l.out = append(l.out, "error:"+l.in[start:]); return nil }
}
func (l *lexer) emit(kind string, start int) {
	if l.pos > start {
		l.out = append(l.out, kind+":"+l.in[start:l.pos])
	}
}

var global = func() func(int) int {
	seen := 0
	return func(i int) int { seen += i; return seen }
}()

func main() {
	var log []string
	h := chain(func(s string) string { return strings.ToUpper(s) }, logger(&log), func(next handler) handler {
		return func(s string) string { return "<" + next(s+"!") + ">" }
	}, logger(&log))
	fmt.Println(h("a"), h.serve("b"), log)
	inc, get, reset := counter()
	inc2, _, _ := counter()
	inc()
	inc()
	inc2()
	reset(get() * 10)
	fmt.Println(inc(), get(), inc2())
	f := fib()
	for range 10 {
		fmt.Print(f(), " ")
	}
	calls := 0
	var slow func(int) int
	slow = memo(func(n int) int {
		calls++
		if n < 2 {
			return n
		}
		return slow(n-1) + slow(n-2)
	})
	fmt.Println(slow(80), calls)
	add := curry(func(a int, b string) string { return fmt.Sprint(a, b) })
	fmt.Println(compose(add(1), strings.ToUpper)("x"), compose(strings.Fields, func(s []string) int { return len(s) })("a b c"))
	fmt.Println(*build(withName("n"), withTags("a", "b"), func(o *options) { o.n *= 5 }))
	l := &lexer{in: "pre{{a}}mid{{b}}{{open"}
	for s := stateFn(lexText); s != nil; {
		s = s(l)
	}
	fmt.Printf("%q\n", l.out)
	var fs []func() int
	for i := 0; i < 3; i++ {
		fs = append(fs, func() int { i *= 10; return i })
		i := i + 100
		fs = append(fs, func() int { i++; return i })
	}
	for range 2 {
		for _, f := range fs {
			fmt.Print(f(), " ")
		}
	}
	for i, s := range []string{"x", "y"} {
		defer func() { fmt.Print("deferred ", i, s, "; ") }()
	}
	ptrs := []*int{}
	for i := range 3 {
		ptrs = append(ptrs, &i)
	}
	*ptrs[0] = 50
	fmt.Println(*ptrs[0], *ptrs[1], *ptrs[2])
	x, y := 1, []int{1}
	mutate := func() { x++; y = append(y, x); func() { x *= 2 }() }
	mutate()
	x += 5
	mutate()
	fmt.Println(x, y, global(5), global(6))
	type tree struct {
		v    int
		kids []*tree
	}
	t := &tree{1, []*tree{{2, []*tree{{4, nil}}}, {3, nil}}}
	var walk func(*tree, int, func(*tree, int) bool) bool
	walk = func(t *tree, d int, visit func(*tree, int) bool) bool {
		if !visit(t, d) {
			return false
		}
		for _, k := range t.kids {
			if !walk(k, d+1, visit) {
				return false
			}
		}
		return true
	}
	var seen []int
	fmt.Println(walk(t, 0, func(n *tree, d int) bool { seen = append(seen, n.v*10+d); return n.v != 4 }), seen)
	people := []struct {
		n string
		a int
	}{{"b", 2}, {"a", 2}, {"c", 1}}
	by := func(keys ...func(i, j int) int) func(i, j int) bool {
		return func(i, j int) bool {
			for _, k := range keys {
				if c := k(i, j); c != 0 {
					return c < 0
				}
			}
			return false
		}
	}
	sort.Slice(people, by(func(i, j int) int { return people[i].a - people[j].a }, func(i, j int) int { return strings.Compare(people[i].n, people[j].n) }))
	fmt.Println(people)
	ops := map[rune]func(float64, float64) float64{'+': func(a, b float64) float64 { return a + b }, '*': func(a, b float64) float64 { return a * b }}
	acc := 1.0
	for _, c := range "+*+" {
		acc = ops[c](acc, 2)
	}
	var once sync.Once
	for i := range 3 {
		once.Do(func() { acc += float64(i + 100) })
	}
	results := make(chan func() string, 3)
	for i := range 3 {
		go func() { results <- func() string { return fmt.Sprint("r", i) } }()
	}
	var rs []string
	for range 3 {
		rs = append(rs, (<-results)())
	}
	sort.Strings(rs)
	fmt.Println(acc, rs)
	y1 := func(f func(func(int) int) func(int) int) func(int) int {
		type rec func(rec) func(int) int
		g := func(r rec) func(int) int { return f(func(n int) int { return r(r)(n) }) }
		return g(g)
	}
	fmt.Println(y1(func(self func(int) int) func(int) int {
		return func(n int) int {
			if n == 0 {
				return 1
			}
			return n * self(n-1)
		}
	})(10))
	var nilf func()
	fmt.Println(nilf == nil, h == nil, func(fs ...func()) int { return len(fs) }(nilf, mutate))
	big := [20]int{19: 7}
	cap1 := func() [20]int { big[0]++; return big }
	c1, c2 := cap1(), cap1()
	fmt.Println(c1[0], c2[0], c2[19], big[0])
}
