// Defer, panic, recover, Goexit in their corners.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

func named() (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered: %v", r)
			n *= 2
		}
	}()
	n = 21
	panic("boom")
}

func order() {
	for i := range 4 {
		defer fmt.Print(i, " ")
	}
	defer fmt.Println()
	defer func() { fmt.Print("first ") }()
}

func nested() (s string) {
	defer func() { s = fmt.Sprint(s, "|", recover()) }()
	defer func() {
		defer func() { s = fmt.Sprint("inner ", recover()) }()
		panic("second")
	}()
	panic("first")
}

func indirectRecover() (s string) {
	defer func() { s = fmt.Sprint(recover()) }()
	defer func() { func() { recover() }() }()
	panic("not recovered by the nested call")
}

func runtimeErrors() {
	try := func(name string, f func()) {
		defer func() {
			r := recover()
			e, ok := r.(runtime.Error)
			fmt.Println(name, ok, r)
			if ok {
				var re runtime.Error
				fmt.Println(errors.As(e, &re))
			}
		}()
		f()
	}
	var m map[string]int
	var p *struct{ a, b int }
	var a []int
	var i any = "str"
	zero, ten := 0, 10
	try("nil map", func() { m["a"] = 1 })
	try("nil pointer", func() { fmt.Println(p.b) })
	try("index", func() { fmt.Println(a[ten]) })
	try("slice", func() { fmt.Println(a[ten:]) })
	try("slice2", func() { fmt.Println("abc"[2:ten]) })
	try("slice3", func() { b := make([]int, 5); fmt.Println(b[ten-6 : ten-8 : ten]) })
	try("divide", func() { fmt.Println(ten / zero) })
	try("assert", func() { fmt.Println(i.(int)) })
	try("assert iface", func() { fmt.Println(i.(fmt.Stringer)) })
	try("nil assert", func() { var e any; fmt.Println(e.(int)) })
	try("close nil", func() { var c chan int; close(c) })
	try("closed twice", func() { c := make(chan int); close(c); close(c) })
	try("negative make", func() { _ = make([]int, zero-1) })
	try("convert", func() { _ = [4]int(make([]int, 3)) })
	try("unhashable", func() { mm := map[any]int{}; mm[[]int{1}] = 2 })
	try("compare", func() { var x, y any = []int{1}, []int{1}; fmt.Println(x == y) })
	try("nil func", func() { var f func(); f() })
	try("shift", func() { n := zero - 1; fmt.Println(1 << n) })
	try("error value", func() { panic(os.ErrNotExist) })
	try("nil panic", func() { panic(nil) })
}

func goexit() {
	done := make(chan string, 3)
	go func() {
		defer close(done)
		defer func() { done <- fmt.Sprint("recover in Goexit: ", recover()) }()
		runtime.Goexit()
		done <- "unreachable"
	}()
	for s := range done {
		fmt.Println(s)
	}
}

func loopDefer() (sum int) {
	for i := range 100 {
		defer func() { sum += i }()
	}
	return 1
}

func main() {
	fmt.Println(named())
	order()
	fmt.Println(nested())
	fmt.Println(indirectRecover())
	runtimeErrors()
	goexit()
	fmt.Println(loopDefer())
}
