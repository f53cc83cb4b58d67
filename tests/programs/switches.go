// Switches of every form, type switches, labels, goto, loops.
package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

type shape interface{ area() float64 }
type sq struct{ s float64 }
type circle struct{ r float64 }
type tri [3]float64
type num int

func (s sq) area() float64      { return s.s * s.s }
func (c *circle) area() float64 { return c.r }
func (t tri) area() float64     { return t[0] }
func (n num) String() string    { return "num" }

type gen[T any] struct{ v T }

func kind(v any) string {
	switch x := v.(type) {
	case nil:
		return "nil"
	case int, int8, int16:
		return fmt.Sprintf("small %v", x)
	case uint64:
		return fmt.Sprint("u", x+1)
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case string:
		return "s" + x
	case []byte:
		return fmt.Sprint(len(x))
	case [2]int:
		return fmt.Sprint(x[1])
	case map[string]int:
		return fmt.Sprint(x["k"])
	case func(int) int:
		return fmt.Sprint(x(3))
	case chan<- int:
		return "send"
	case *int:
		return fmt.Sprint(*x)
	case **int:
		return "pp"
	case struct{ a int }:
		return fmt.Sprint("anon", x.a)
	case gen[int]:
		return fmt.Sprint("gen int ", x.v)
	case gen[string]:
		return "gen " + x.v
	case *gen[[]int]:
		return fmt.Sprint(x.v)
	case shape:
		return fmt.Sprint("shape ", x.area())
	case fmt.Stringer:
		return x.String()
	case error:
		return "error " + x.Error()
	case interface{ Len() int }:
		return fmt.Sprint("len ", x.Len())
	default:
		return fmt.Sprintf("%T", x)
	}
}

func generic[T any](v T) string {
	switch any(v).(type) {
	case T:
		switch any(&v).(type) {
		case *int:
			return "int"
		case *string:
			return "string"
		case interface{ area() float64 }:
			return "shaped"
		}
		return "T"
	}
	return "nil"
}

func dense(i int) int {
	switch i {
	case 0:
		return 10
	case 1, 2:
		return 12
	case 3:
		i *= 2
		fallthrough
	case 4:
		return i + 40
	case 5:
		break
	case 6, 7, 8, 9, 10, 11, 12:
		return 60 + i
	case -5:
		return -50
	default:
		return -1
	}
	return 5
}

func sparse(i int64) string {
	switch i {
	case 1 << 40, -1 << 40:
		return "big"
	case 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000:
		return "thousands"
	case 7:
		return "seven"
	}
	return "none"
}

func text(s string) int {
	switch s {
	case "":
		return 0
	case "a", "b", "c", "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota":
		return len(s)
	case "A" + "B":
		return -2
	case strings.Repeat("x", 3):
		return 333
	case "commonprefix1", "commonprefix2":
		return int(s[12])
	}
	return -1
}

func order() {
	f := func(i int) int { fmt.Print("f", i, " "); return i }
	switch f(3) {
	case f(1), f(2):
		fmt.Print("no")
	default:
		fmt.Print("default ")
	case f(3):
		fmt.Print("three ")
		fallthrough
	case f(4):
		fmt.Print("four ")
	case f(5):
		fmt.Print("five ")
	}
	switch x := f(9); {
	case x > 5 && f(0) == 0:
		fmt.Print("big ")
	case x > 3:
		fmt.Print("mid ")
	}
	switch {
	default:
		fmt.Println("only")
	}
	switch f(1); true {
	case false:
	}
	var e error = io.EOF
	switch e {
	case nil:
		fmt.Println("nil")
	case io.EOF:
		fmt.Println("eof")
	}
	var a any = 3.0
	switch a {
	case 3:
		fmt.Println("int 3")
	case 3.0, "x":
		fmt.Println("float 3")
	}
	switch y := any(f).(type) {
	case func(int) string, func(int) int:
		fmt.Printf("%T\n", y)
	}
	switch [2]int{1, 2} {
	case [2]int{1, 2}:
		fmt.Println("array")
	}
	switch c := 'x'; c {
	case 'a', 'b':
	case 'x':
		fmt.Println("rune")
	}
}

func loops() {
	var out []string
outer:
	for i := 0; ; i++ {
		switch {
		case i == 2:
			continue
		case i == 5:
			break outer
		case i > 3:
			for j := range 10 {
				if j == 3 {
					continue outer
				}
				if j > i {
					break
				}
			}
		}
		select {
		default:
			if i == 3 {
				break
			}
			out = append(out, fmt.Sprint(i))
		}
	}
sw:
	switch len(out) {
	case 2, 3:
		for {
			break sw
		}
	}
	i := 0
loop:
	if i < 3 {
		out = append(out, "g")
		i++
		goto loop
	}
	for i, n := 0, 10; i < n; i, n = i+1, n-1 {
		if i == n-2 {
			out = append(out, fmt.Sprint(i, n))
		}
	}
	for i := range uint8(3) {
		out = append(out, fmt.Sprintf("%T%d", i, i))
	}
	for range 2 {
		out = append(out, "r")
	}
	const c = 3
	for i := range c {
		i *= 2
		out = append(out, fmt.Sprint(i))
	}
	var p *[4]int
	for i := range p {
		out = append(out, fmt.Sprint("p", i))
	}
	var arr [3]func() int
	for i := 0; i < 3; i++ {
		arr[i] = func() int { i += 10; return i }
	}
	fmt.Println(out, arr[0](), arr[0](), arr[1](), arr[2]())
	m := 0
	for m < 1000 {
		m = m*2 + 1
	}
	for ok := true; ok; ok = m > 10 {
		m /= 3
	}
	fmt.Println(m)
}

func state(in string) (n int, err error) {
	i := 0
start:
	if i >= len(in) {
		return
	}
	switch c := in[i]; {
	case c >= '0' && c <= '9':
		goto digit
	case c == ' ':
		i++
		goto start
	default:
		goto bad
	}
digit:
	for i < len(in) && in[i] >= '0' && in[i] <= '9' {
		n = n*10 + int(in[i]-'0')
		i++
	}
	goto start
bad:
	return n, fmt.Errorf("bad %q at %d", in[i], i)
}

func main() {
	x := 5
	px := &x
	for _, v := range []any{nil, 1, int8(2), uint64(3), true, false, "q", []byte("abc"), [2]int{1, 9}, map[string]int{"k": 4}, func(i int) int { return i * i }, make(chan<- int), &x, &px, struct{ a int }{6}, gen[int]{7}, gen[string]{"g"}, &gen[[]int]{[]int{1}}, gen[bool]{}, sq{2}, &circle{3}, circle{3}, tri{4}, &tri{5}, num(1), errors.New("e"), strings.NewReader("four"), int32(1), []any{}, make(chan int), struct{}{}} {
		fmt.Print(kind(v), "; ")
	}
	fmt.Println()
	fmt.Println(generic(1), generic("s"), generic(2.5), generic(sq{}), generic[any](nil), generic[error](io.EOF), generic(&circle{}))
	for i := -6; i < 14; i++ {
		fmt.Print(dense(i), " ")
	}
	fmt.Println()
	for _, i := range []int64{0, 7, 1000, 8000, 8001, 1 << 40, -1 << 40, 1<<40 + 1} {
		fmt.Print(sparse(i), " ")
	}
	for _, s := range []string{"", "a", "alpha", "iota", "AB", "xxx", "commonprefix2", "commonprefix3", "zz", "etaa"} {
		fmt.Print(text(s), " ")
	}
	fmt.Println()
	order()
	loops()
	fmt.Println(state("12 34 5"))
	fmt.Println(state("1 x"))
}
