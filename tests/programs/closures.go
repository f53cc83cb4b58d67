// Captured variables, per-iteration loop variables, recursion through closures.
package main

import "fmt"

func counter() (func() int, func()) {
	n := 0
	return func() int { n++; return n }, func() { n = 100 }
}

type T struct{ x int }

func (t T) Get() int   { return t.x }
func (t *T) Set(x int) { t.x = x }

func main() {
	next, reset := counter()
	fmt.Println(next(), next())
	reset()
	fmt.Println(next())
	var fs []func() int
	for i := 0; i < 3; i++ {
		fs = append(fs, func() int { i *= 10; return i })
	}
	for _, f := range fs {
		fmt.Print(f(), " ", f(), " ")
	}
	fmt.Println()
	var fib func(int) int
	fib = func(n int) int {
		if n < 2 {
			return n
		}
		return fib(n-1) + fib(n-2)
	}
	fmt.Println(fib(20))
	t := T{1}
	get, set := t.Get, t.Set
	set(5)
	fmt.Println(get(), t.Get(), T.Get(t), (*T).Get(&t))
	x := 1
	defer func() { fmt.Println("deferred", x) }()
	func() { x = 2 }()
	x++
}
