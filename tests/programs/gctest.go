// Allocation under collection: trees, cycles, finalizers, weak pointers, big objects.
package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
	"weak"
)

type Tree struct{ l, r *Tree }

func build(d int) *Tree {
	if d == 0 {
		return &Tree{}
	}
	return &Tree{build(d - 1), build(d - 1)}
}

func (t *Tree) check() int {
	if t.l == nil {
		return 1
	}
	return 1 + t.l.check() + t.r.check()
}

type Ring struct {
	next *Ring
	data []byte
	m    map[int]string
}

func ring(n int) *Ring {
	first := &Ring{}
	r := first
	for i := range n {
		r.next = &Ring{data: make([]byte, i), m: map[int]string{i: strings.Repeat("x", i%50)}}
		r = r.next
	}
	r.next = first
	return first
}

func main() {
	long := build(14)
	total := 0
	for i := range 20 {
		total += build(10).check()
		r := ring(100)
		for j := 0; j < 150; j++ {
			r = r.next
		}
		if i%5 == 0 {
			runtime.GC()
		}
		total += len(r.data)
	}
	fmt.Println(total, long.check())
	finalized := make(chan int, 10)
	for i := range 10 {
		p := &Ring{data: make([]byte, 10)}
		runtime.SetFinalizer(p, func(r *Ring) { finalized <- len(r.data) * (i - i + 1) })
	}
	cleaned := make(chan string, 1)
	func() {
		p := new([64]int)
		runtime.AddCleanup(p, func(s string) { cleaned <- s }, "cleanup")
	}()
	n := 0
	deadline := time.After(5 * time.Second)
	for n < 9 {
		runtime.GC()
		select {
		case v := <-finalized:
			n++
			if v != 10 {
				fmt.Println("bad", v)
			}
		case <-deadline:
			fmt.Println("finalizers did not run:", n)
			n = 9
		}
	}
	fmt.Println(<-cleaned)
	kept := &Ring{data: []byte("kept")}
	w := weak.Make(kept)
	runtime.GC()
	fmt.Println(string(w.Value().data))
	runtime.KeepAlive(kept)
	big := make([][]byte, 50)
	for i := range 500 {
		big[i%50] = make([]byte, 1<<20)
		big[i%50][i] = byte(i)
	}
	fmt.Println(big[49][499], big[0][450])
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Println(ms.NumGC > 5, ms.HeapAlloc < 400<<20, ms.Mallocs > ms.Frees)
}
