// Shapes of heaps while the collector runs: lists, trees, maps, closures, channels, interior pointers, big pointer slices, many goroutines.
package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

type node struct {
	left, right *node
	key         int
	data        []byte
	name        string
}

func build(d int) *node {
	if d == 0 {
		return &node{key: 1, name: fmt.Sprint("leaf", d)}
	}
	return &node{build(d - 1), build(d - 1), d, make([]byte, d*3), strings.Repeat("n", d)}
}

func (n *node) check() int {
	if n == nil {
		return 0
	}
	if len(n.data) != n.key*3 && n.left != nil || len(n.name) < 1 {
		panic("damaged")
	}
	return n.key + n.left.check() + n.right.check()
}

type link struct {
	next, prev *link
	val        *int
	self       any
}

func ring(n int) *link {
	head := &link{val: new(int)}
	head.next, head.prev = head, head
	for i := range n {
		v := i
		l := &link{val: &v, prev: head.prev, next: head}
		l.self = l
		head.prev.next, head.prev = l, l
	}
	return head
}

type inner struct {
	a [10]int
	p *[10]int
}

func interior() int {
	var ptrs []*int
	var slices [][]int
	for i := range 2000 {
		in := &inner{}
		in.a[i%10] = i
		ptrs = append(ptrs, &in.a[i%10])
		in.p = &in.a
		big := make([]int, 100)
		big[99] = i
		slices = append(slices, big[99:])
		if i%7 == 0 {
			slices[i/2] = nil
		}
	}
	runtime.GC()
	s := 0
	for i, p := range ptrs {
		s += *p
		if len(slices[i]) > 0 {
			s += slices[i][0]
		}
	}
	return s
}

func closures() int {
	var fs []func() int
	for i := range 3000 {
		buf := make([]int, 5)
		x := &i
		fs = append(fs, func() int { buf[0]++; *x += buf[0]; return *x })
	}
	runtime.GC()
	s := 0
	for _, f := range fs {
		s += f() + f()
	}
	return s
}

func churn(g int) int {
	live := map[string]*node{}
	var stack []any
	for i := range 3000 {
		k := fmt.Sprint(g, "-", i%97)
		live[k] = &node{key: i, data: make([]byte, i%300), left: live[fmt.Sprint(g, "-", (i+1)%97)]}
		if live[k].left != nil {
			live[k].left.left = nil
		}
		stack = append(stack, i, k, []int{i}, [3]string{k, "x", k}, func() int { return len(live) })
		if len(stack) > 100 {
			stack = append([]any(nil), stack[50:]...)
		}
		if i%13 == 0 {
			delete(live, k)
		}
	}
	s := 0
	for _, n := range live {
		s += n.key
	}
	return s + len(stack)
}

func pipeline() int {
	type msg struct {
		body []byte
		next *msg
		done chan *msg
	}
	in := make(chan *msg, 10)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for m := range in {
				r := &msg{body: append([]byte(nil), m.body...), next: m}
				m.done <- r
			}
		})
	}
	total := 0
	for i := range 2000 {
		m := &msg{body: make([]byte, i%64+1), done: make(chan *msg, 1)}
		m.body[i%len(m.body)] = byte(i)
		in <- m
		r := <-m.done
		if r.next != m {
			panic("lost")
		}
		for _, b := range r.body {
			total += int(b)
		}
	}
	close(in)
	wg.Wait()
	return total
}

func deepStack(n int, p *node) int {
	local := &node{key: n, left: p}
	var arr [50]*node
	arr[n%50] = local
	if n == 0 {
		runtime.GC()
		s := 0
		for q := local; q != nil; q = q.left {
			s += q.key
		}
		return s
	}
	r := deepStack(n-1, local)
	return r + arr[n%50].key
}

func main() {
	debug.SetGCPercent(20)
	fmt.Println(build(12).check())
	long := build(13)
	for range 10 {
		build(8).check()
	}
	r := ring(5000)
	runtime.GC()
	s, n := 0, 0
	for l := r.next; l != r; l = l.next {
		if l.self.(*link) != l || l.prev.next != l {
			panic("ring")
		}
		s += *l.val
		n++
	}
	fmt.Println(s, n, interior(), closures())
	var wg sync.WaitGroup
	out := make([]int, 6)
	for g := range out {
		wg.Go(func() { out[g] = churn(g) })
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for range 5 {
			runtime.GC()
			runtime.Gosched()
		}
	}()
	wg.Wait()
	fmt.Println(out, pipeline(), deepStack(3000, nil), long.check())
	big := make([]*int, 100000)
	for i := range big {
		if i%3 == 0 {
			v := i
			big[i] = &v
		}
	}
	big = append(big[:0:0], big...)
	runtime.GC()
	s = 0
	for _, p := range big {
		if p != nil {
			s += *p
		}
	}
	strs := []string{}
	for i := range 5000 {
		strs = append(strs, string(fmt.Append(nil, i))[0:1]+strings.Repeat("y", i%5))
	}
	runtime.GC()
	var m1, m2 runtime.MemStats
	runtime.ReadMemStats(&m1)
	junk := make([][]byte, 100)
	for i := range junk {
		junk[i] = make([]byte, 100000)
	}
	junk = nil
	runtime.GC()
	runtime.ReadMemStats(&m2)
	fmt.Println(s, len(strings.Join(strs, "")), m2.TotalAlloc-m1.TotalAlloc > 9e6, m2.NumGC > m1.NumGC, junk == nil)
	runtime.KeepAlive(long)
}
