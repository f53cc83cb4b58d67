// Finalizers, cleanups, weak pointers, unique handles.
package main

import (
	"fmt"
	"runtime"
	"sort"
	"strings"
	"time"
	"unique"
	"weak"
)

type res struct {
	id   int
	next *res
	pad  [40]byte
}

//go:noinline
func make1(id int, done chan<- string) *res {
	r := &res{id: id}
	runtime.SetFinalizer(r, func(r *res) { done <- fmt.Sprint("finalized ", r.id) })
	return r
}

//go:noinline
func scenario(done chan string) {
	for i := range 5 {
		make1(i, done)
	}
}

func collect(done chan string, n int) []string {
	var out []string
	limit := time.After(20 * time.Second)
	for len(out) < n {
		runtime.GC()
		select {
		case s := <-done:
			out = append(out, s)
		case <-limit:
			return append(out, "timeout")
		case <-time.After(time.Millisecond):
		}
	}
	sort.Strings(out)
	return out
}

//go:noinline
func resurrect(keep *[]*res, done chan string) {
	r := &res{id: 100}
	runtime.SetFinalizer(r, func(r *res) { *keep = append(*keep, r); done <- "kept" })
}

//go:noinline
func chain(done chan string) {
	a, b := &res{id: 1}, &res{id: 2}
	a.next = b
	runtime.SetFinalizer(a, func(a *res) { done <- fmt.Sprint("a sees ", a.next.id) })
	runtime.SetFinalizer(b, func(b *res) { done <- "b" })
}

//go:noinline
func cleanups(done chan string) (weak.Pointer[res], runtime.Cleanup) {
	r := &res{id: 7}
	runtime.AddCleanup(r, func(s string) { done <- s }, "cleanup one")
	runtime.AddCleanup(&r.pad[3], func(n int) { done <- fmt.Sprint("cleanup ", n) }, 2)
	c := runtime.AddCleanup(r, func(int) { done <- "stopped one" }, 0)
	w := weak.Make(r)
	fmt.Println(w.Value() == r, w == weak.Make(r), w.Value().id)
	c.Stop()
	return w, c
}

//go:noinline
func uniques() int {
	a := unique.Make(strings.Repeat("u", 10))
	b := unique.Make("uuuuu" + strings.Repeat("u", 5))
	c := unique.Make([2]any{1, "x"})
	d := unique.Make([2]any{1, "x"})
	fmt.Println(a == b, a.Value(), c == d, c.Value())
	n := 0
	for i := range 2000 {
		h := unique.Make(fmt.Sprint("temporary", i))
		n += len(h.Value())
	}
	return n
}

func main() {
	done := make(chan string, 100)
	scenario(done)
	fmt.Println(collect(done, 5))
	var keep []*res
	resurrect(&keep, done)
	fmt.Println(collect(done, 1), len(keep), keep[0].id)
	chain(done)
	fmt.Println(collect(done, 2))
	w, _ := cleanups(done)
	fmt.Println(collect(done, 2), w.Value() == nil)
	live := make1(50, done)
	runtime.SetFinalizer(live, nil)
	held := &res{id: 8}
	wh := weak.Make(held)
	runtime.GC()
	fmt.Println(wh.Value().id, uniques())
	runtime.KeepAlive(held)
	runtime.KeepAlive(live)
	live = nil
	runtime.GC()
	time.Sleep(time.Millisecond)
	fmt.Println(len(done))
	for _, f := range []func(){func() { runtime.SetFinalizer(3, nil) }, func() { runtime.SetFinalizer(&keep[0].pad[3], func(*byte) {}) }} {
		_ = f
	}
	var nilWeak weak.Pointer[res]
	fmt.Println(nilWeak.Value() == nil, weak.Make[res](nil) == nilWeak)
	cache := map[string]weak.Pointer[res]{}
	strong := []*res{}
	for i := range 100 {
		r := &res{id: i}
		cache[fmt.Sprint(i)] = weak.Make(r)
		if i%10 == 0 {
			strong = append(strong, r)
		}
	}
	runtime.GC()
	runtime.GC()
	alive := 0
	for _, r := range strong {
		if cache[fmt.Sprint(r.id)].Value() == r {
			alive++
		}
	}
	fmt.Println(alive, len(cache))
}
