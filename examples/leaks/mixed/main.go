// A mixture of shapes whose own counters (MemStats) an observer can be compared with.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

type Leaf struct {
	name string
	vals []int
}
type Node struct {
	left, right *Node
	leaf        *Leaf
	id          int
}
type Shape interface{ Area() float64 }
type Sq struct {
	a   float64
	tag *string
}

func (s *Sq) Area() float64 { return s.a }

type Big struct {
	a [100]int
	p *Leaf
	q [20]*Leaf
}

var (
	cache  = map[string]*Leaf{}
	byID   = map[int]Node{}
	tree   *Node
	shapes []Shape
	bigs   []*Big
	ch     = make(chan *Leaf, 100)
	strs   []string
	anys   []any
	mu     sync.Mutex
)

func build(d int) *Node {
	if d == 0 {
		return nil
	}
	n := &Node{id: d, left: build(d - 1), right: build(d - 1)}
	if d%2 == 0 {
		n.leaf = &Leaf{name: fmt.Sprint("leaf", d), vals: make([]int, d)}
	}
	return n
}

func main() {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for i := 0; i < 3000; i++ {
		cache[fmt.Sprint("key", i)] = &Leaf{name: strings.Repeat("x", i%50)}
	}
	for i := 0; i < 2000; i++ {
		byID[i] = Node{id: i, leaf: &Leaf{}}
	}
	tree = build(13)
	for i := 0; i < 1000; i++ {
		s := "t"
		shapes = append(shapes, &Sq{float64(i), &s})
		bigs = append(bigs, &Big{p: &Leaf{}})
		anys = append(anys, i, s, &Leaf{})
	}
	for i := 0; i < 50; i++ {
		ch <- &Leaf{}
		b := make([]byte, 100000)
		s := string(b)
		strs = append(strs, s[:10])
	}
	for i := 0; i < 20; i++ {
		go func() { x := &Leaf{name: "g"}; c := make(chan int); <-c; fmt.Println(x) }()
	}
	mu.Lock()
	for i := 0; i < 3; i++ {
		go func() { mu.Lock() }()
	}
	debug.SetGCPercent(-1)
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Println("ready", os.Getpid(), "HeapAlloc", ms.HeapAlloc, "HeapObjects", ms.HeapObjects, "StackInuse", ms.StackInuse, "HeapInuse", ms.HeapInuse)
	for {
		time.Sleep(time.Hour)
	}
}
