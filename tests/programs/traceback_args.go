// Arguments in tracebacks: their shape is gc's, and a value without a question mark is the one that was passed.
package main

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
)

type mixed struct {
	a int8
	b string
	c []int
}
type empty struct{}
type nested struct {
	x struct {
		y struct {
			z struct{ w struct{ v struct{ u int } } }
		}
	}
}
type mover interface{ move(x int, f float64) int }
type thing struct{ k int }

var sink int

//go:noinline
func (t *thing) move(x int, f float64) int {
	return structs(mixed{int8(x), "abc", []int{1, 2}}, empty{}, t, f, true) + x + t.k
}

//go:noinline
func structs(s mixed, e empty, m mover, f float64, ok bool) int {
	n := arrays([2]int{1, 2}, [1]int{5}, [0]int{}, complex(1, 2), -1, 7, nested{}, func() {}, nil, s)
	if ok {
		n += int(f)
	}
	return n + len(s.b)
}

//go:noinline
func arrays(a [2]int, b [1]int, z [0]int, c complex128, h int16, u uint8, n nested, f func(), m map[int]int, s mixed) int {
	return variadic("x", 1, 2, 3) + b[0] + int(h) + int(u)
}

//go:noinline
func variadic(s string, rest ...int) int {
	return many([3]string{"a", "b", "c"}, 1, 2, 3, 4, 5, 6, 7, 8) + len(s) + rest[0]
}

//go:noinline
func many(s [3]string, a, b, c, d, e, f, g, h int) int {
	return cut(1, struct {
		p [12]int8
		q int
	}{}, 5) + a + b + c + d + e + f + g + h
}

//go:noinline
func cut(a uint32, b struct {
	p [12]int8
	q int
}, c int) int {
	return live(1, -2, 0x33, 0x4444, true) + int(a) + c
}

// All of its parameters are needed after the call.
//
//go:noinline
func live(a int, b int16, c byte, d uint64, e bool) int {
	dump()
	if e {
		a += int(b) + int(c) + int(d)
	}
	return a
}

// What is in registers changes in a loop; the parameters do not.
//
//go:noinline
func loop(n int, step int) (sum int) {
	for i := range n {
		sum += i * step
		if i == n-1 {
			dump()
		}
	}
	return sum + n
}

//go:noinline
func faulting(p *int, want int) (got int) {
	defer func() {
		recover()
		dump()
		got = want
	}()
	sink = want
	return *p
}

//go:noinline
func generic[T any](x T, n int) int {
	dump()
	return n
}

var (
	value = regexp.MustCompile(`0x[0-9a-f]+\??|_`)
)

// True values of parameters, in the order of the words; "p" is any pointer.
var truth = map[string]string{
	"main.live":           "0x1 0xfffe 0x33 0x4444 0x1",
	"main.loop":           "0x3 0x7",
	"main.faulting":       "0x0 0x2a",
	"main.cut":            "0x1 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0",
	"main.many":           "p 0x1 p 0x1 p 0x1 0x1 0x2 0x3 0x4",
	"main.variadic":       "p 0x1 p 0x3 0x3",
	"main.arrays":         "0x1 0x2 0x5 0x3ff0000000000000 0x4000000000000000 0xffff 0x7 p",
	"main.structs":        "0x1 p 0x3 p 0x2 0x2 p p 0x3ff8000000000000",
	"main.(*thing).move":  "p 0x1 0x3ff8000000000000",
	"main.generic[...]":   "p 0x2 0x9",
	"main.faulting.func1": "",
	"main.main":           "",
}

//go:noinline
func dump() {
	text := make([]byte, 1<<16)
	text = text[:runtime.Stack(text, false)]
	for _, line := range strings.Split(string(text), "\n") {
		name, args, ok := strings.Cut(line, "(")
		if strings.HasPrefix(line, "main.(*thing)") {
			name, args, ok = "main.(*thing).move", line[len("main.(*thing).move("):], true
		}
		if !ok || !strings.HasPrefix(name, "main.") || name == "main.dump" {
			continue
		}
		fmt.Println(name, value.ReplaceAllString(strings.TrimSuffix(args, ")"), "v"))
		want := strings.Fields(truth[name])
		for n, got := range value.FindAllString(args, -1) {
			if strings.HasSuffix(got, "?") || got == "_" {
				continue
			}
			if n >= len(want) || want[n] != "p" && want[n] != got {
				fmt.Println("wrong value", n, got, "in", line)
			}
		}
	}
	fmt.Println()
}

func main() {
	t := &thing{1}
	sink = mover(t).move(1, 1.5)
	sink += loop(3, 7)
	sink += faulting(nil, 42)
	sink += generic("xy", 9)
}
