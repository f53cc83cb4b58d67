// Defers in loops of every kind, by goto too; recovery, re-panic, Goexit, named results, closures over loop variables.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

func gotoLoop() (s string) {
	defer func() { s += "outer" }()
	n := 0
again:
	n++
	{
		v := n
		defer func() { s += fmt.Sprint(v, ",") }()
		if n < 5 {
			goto again
		}
	}
	defer func() { s += "last," }()
	return "r:"
}

func nestedLoops() (s string) {
	for i := range 3 {
		for j := 0; j < 2; j++ {
			if (i+j)%2 == 0 {
				defer func(a ...int) { s += fmt.Sprint(a) }(i, j)
			} else {
				defer func() { s += fmt.Sprint("<", i, j, ">") }()
			}
		}
	}
	return
}

func conditional(a, b bool) (s string) {
	if a {
		defer func() { s += "a" }()
	}
	if b {
		defer func() { s += "b" }()
	}
	switch {
	case a && b:
		defer func() { s += "both" }()
		fallthrough
	default:
		defer func() { s += "." }()
	}
	return
}

type unlocker struct{ log *[]string }

func (u unlocker) Lock()           { *u.log = append(*u.log, "lock") }
func (u unlocker) Unlock()         { *u.log = append(*u.log, "unlock") }
func (u *unlocker) Reset(s string) { *u.log = append(*u.log, "reset "+s) }

func methods() []string {
	var log []string
	u := unlocker{&log}
	var l sync.Locker = u
	func() {
		l.Lock()
		defer l.Unlock()
		defer u.Reset("x" + fmt.Sprint(len(log)))
		defer (*unlocker).Reset(&u, "expr")
		log = append(log, "body")
	}()
	return log
}

func builtins() (n int, s string) {
	m := map[string]int{"a": 1, "b": 2}
	c := make(chan int, 1)
	xs := []int{1, 2, 3}
	func() {
		defer delete(m, "a")
		defer close(c)
		defer copy(xs, []int{9, 9})
		defer print()
		defer func() { recover() }()
		defer panic("deferred panic")
		n = len(m)
	}()
	_, ok := <-c
	return n + len(m)*10, fmt.Sprint(ok, xs)
}

func recoverValues() {
	for _, v := range []any{nil, 1, "s", errors.New("e"), []int{1}, struct{ a int }{2}} {
		func() {
			defer func() {
				r := recover()
				_, isErr := r.(error)
				fmt.Printf("%v %T %v; ", r, r, isErr)
			}()
			panic(v)
		}()
	}
	fmt.Println()
}

func deep(n int) int {
	defer func() {
		if n%100 == 0 {
			if r := recover(); r != nil {
				panic(fmt.Sprint(r, " ", n))
			}
		}
	}()
	if n == 450 {
		panic("deep")
	}
	return deep(n+1) + 1
}

func replaced() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("r: %v", r))
		}
	}()
	defer func() { panic("replaced: " + fmt.Sprint(recover())) }()
	err = errors.New("set")
	panic("original")
}

func notRecovered() (s string) {
	defer func() { s = fmt.Sprint("outer ", recover()) }()
	defer func() {
		func() { s += fmt.Sprint("inner ", recover()) }()
	}()
	defer fmt.Sprint(recover())
	panic("p")
}

func goexits() {
	var wg sync.WaitGroup
	var log []string
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer func() { log = append(log, fmt.Sprint("recovered ", recover())) }()
		defer func() {
			defer func() { log = append(log, fmt.Sprint("inner ", recover())) }()
			panic("during goexit")
		}()
		func() {
			defer func() { log = append(log, "deferred") }()
			runtime.Goexit()
		}()
		log = append(log, "not reached")
	}()
	wg.Wait()
	fmt.Println(log)
}

func loopRecover() (s []string) {
	for i := range 6 {
		func() {
			defer func() {
				if r := recover(); r != nil {
					s = append(s, strings.TrimPrefix(fmt.Sprint(r), "runtime error: "))
				}
			}()
			xs := make([]int, 3)
			switch i {
			case 1:
				_ = xs[i+4]
			case 2:
				_ = xs[i : i-1]
			case 3:
				_ = 10 / (i - 3)
			case 4:
				var p *unlocker
				_ = p.log
			}
			s = append(s, "ok")
		}()
	}
	return
}

func results() (a, b int, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = e.(error)
		}
		a++
	}()
	defer func(old int) { b += old }(a)
	a, b = 10, 20
	defer func() { a *= 2 }()
	var m map[string]int
	if a > 5 {
		m["x"] = 1
	}
	return 1, 2, nil
}

func rangeDefers() (s string) {
	seq := func(yield func(int) bool) {
		defer func() { s += "seq " }()
		for i := range 4 {
			if !yield(i) {
				return
			}
		}
	}
	for i := range seq {
		defer func() { s += fmt.Sprint(i, " ") }()
		if i == 2 {
			break
		}
	}
	s += "body "
	return s
}

func main() {
	fmt.Println(gotoLoop())
	fmt.Println(nestedLoops())
	fmt.Println(conditional(true, true), conditional(true, false), conditional(false, true), conditional(false, false))
	fmt.Println(methods())
	fmt.Println(builtins())
	recoverValues()
	func() {
		defer func() { fmt.Println(recover()) }()
		deep(0)
	}()
	fmt.Println(replaced())
	fmt.Println(notRecovered())
	goexits()
	fmt.Println(loopRecover())
	fmt.Println(results())
	fmt.Println(rangeDefers())
	var fs []func()
	for i, s := range []string{"a", "b", "c"} {
		defer func() { fmt.Print(i, s, " ") }()
		fs = append(fs, func() { i++; s += s; fmt.Print(i, s, " ") })
	}
	for k := 0; k < 3; k++ {
		fs = append(fs, func() { k *= 10; fmt.Print(k, " ") })
		k := k * 2
		defer func() { fmt.Print(k, ";") }()
	}
	for _, f := range fs {
		f()
		f()
	}
	fmt.Println()
	defer os.Exit(7)
	defer fmt.Println("end")
	defer func() { recover() }()
	panic("main")
}
