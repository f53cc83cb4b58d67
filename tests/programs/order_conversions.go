// Where conversions, conditional operators and map look-ups stand among the calls of the same statement.
package main

import "fmt"

type pair struct {
	a int
	b string
}

type triple struct{ x, y, z int }

var (
	i       int
	s       string
	bytes   []byte
	numbers []int
	p       pair
	t       triple
	m       map[string]int
	one     [2]int
	first   chan int
	second  chan int
	trace   []string
)

func reset() {
	i, s, bytes, numbers = 1, "abc", []byte("key"), []int{4, 5}
	p, t, one = pair{7, "p"}, triple{1, 2, 3}, [2]int{8, 9}
	m = map[string]int{"key": 1, "Xey": 2, "abc": 3}
	first, second = make(chan int, 4), make(chan int, 4)
	trace = nil
}

func note(what string) { trace = append(trace, what) }

//go:noinline
func change() int {
	note("change")
	i += 10
	s = "changed"
	bytes[0] = 'X'
	numbers[0] += 10
	p.a += 10
	t.x += 10
	one[0] += 10
	m["key"] += 10
	first, second = second, first
	return i
}

//go:noinline
func yes() bool { note("yes"); return true }

//go:noinline
func number(n int) int { note(fmt.Sprint("number", n)); return n }

func show(name string, values ...any) {
	fmt.Println(name, trace, len(first), len(second))
	for _, v := range values {
		fmt.Printf("\t%T %v\n", v, v)
	}
	reset()
}

func results() (any, any, int)           { return p, t, change() }
func explicit() (fmt.Stringer, any, int) { return nil, any(triple{x: i}), change() }
func concrete() (pair, []byte, int)      { return p, []byte(s), change() }
func elements() ([]any, [2]any, map[any]any) {
	return []any{t, change()}, [2]any{one, change()}, map[any]any{i: t}
}
func boxes(a, b any, n int) []any { return []any{a, b, n} }
func plain(a []byte, b []rune, c bool, n int) []any {
	return []any{string(a), string(b), c, n}
}

func main() {
	reset()
	show("string to bytes", plain([]byte(s), []rune(s), i == 1, change()))
	show("conditional", plain(nil, nil, i == 1 && yes(), change()))
	show("conditional without a call", plain(nil, nil, i == 1 || s == "", change()))
	show("boxes", boxes(p, t, change()))
	show("boxes of what is computed", boxes(pair{i, s}, i*2, change()))
	show("boxes of boxes", boxes(any(triple{i, i, i}), any(p), change()))
	show("map by bytes", m[string(bytes)], change(), m[string(bytes)])
	show("map by string", m[s], change(), m[s])
	show("array of slice", [2]int(numbers), change(), [2]int(numbers))
	show("comparison", p == pair{7, "p"}, change(), p == pair{7, "p"})
	show("lengths", len(s), change(), min(i, 3), change())
	a, b, c := results()
	show("results", a, b, c)
	d, e, f := explicit()
	show("explicit results", d, e, f)
	g, h, j := concrete()
	show("concrete results", g, h, j)
	k, l, n := elements()
	show("literals", k, l, n)
	var x any
	x, numbers[number(1)] = any(triple{x: i}), change()
	show("assignment", x, numbers)
	m[string(bytes)], i = number(5), change()
	show("keys", m["key"], m["Xey"], i)
	select {
	case first <- change():
	}
	show("send in a select")
	first <- change()
	show("send")
	func() {
		defer func(a any, b []byte, c bool, n int) { show("deferred", a, string(b), c, n) }(p, []byte(s), i == 1 && yes(), change())
	}()
}
