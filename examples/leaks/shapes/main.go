// A healthy heap of many shapes, each with a count that is known: channels of every layout and what only looks like
// one, generic types, a ring, a list that is as long as the command line says, maps, pools, weak pointers.
package main

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"unsafe"
	"weak"

	"leaks/hold"
)

type item struct {
	next *item
	name string
}

type pair[K comparable, V any] struct {
	key   K
	value *V
}

type ring struct {
	next, back *ring
	number     int
}

type link struct {
	next *link
	load [3]uint64
}

type tracked struct {
	self *tracked
	body [120]byte
}

// The size of a channel's header, a type and an element size where channels have them, and small numbers before.
type decoy struct {
	count, room uint64
	buffer      unsafe.Pointer
	size        uint16
	closed      uint32
	timer       *item
	elem        unsafe.Pointer
	send, take  uint64
	queues      [4]*item
}

var (
	pointers, unused []chan *item
	numbers          []chan int
	signals          []chan struct{}
	wide             chan [64]byte
	decoys           []*decoy
	pairs            []*pair[string, item]
	first            *ring
	list             *link
	names            = map[string]*item{}
	byNumber         = map[int]int{}
	kept             []*tracked
	weakly           []weak.Pointer[tracked]
	pool             = sync.Pool{New: func() any { return new([512]byte) }}
	stop             = make(chan struct{})
)

func main() {
	length := 100_000
	if len(os.Args) > 1 {
		length, _ = strconv.Atoi(os.Args[1])
	}
	var kind any = (*item)(nil)
	for i := range 1000 {
		c := make(chan *item, 4)
		for range 6 { // around the end of the ring
			c <- &item{}
			if len(c) == 3 {
				<-c
			}
		}
		pointers = append(pointers, c)
		unused = append(unused, make(chan *item))
		n := make(chan int, 8)
		n <- i
		numbers = append(numbers, n, make(chan int))
		signal := make(chan struct{})
		close(signal)
		signals = append(signals, signal, make(chan struct{}, 3))
		decoys = append(decoys, &decoy{
			count: 1, room: 4, buffer: unsafe.Pointer(new([2]*item)), size: 8,
			elem: *(*unsafe.Pointer)(unsafe.Pointer(&kind)), take: 3,
		})
		pairs = append(pairs, &pair[string, item]{key: "k", value: &item{}})
		names[strconv.Itoa(i)] = &item{}
		keep, drop := &tracked{}, &tracked{}
		keep.self, drop.self = keep, drop
		kept = append(kept, keep)
		weakly = append(weakly, weak.Make(keep), weak.Make(drop))
		pool.Put(new([512]byte))
		go func() { <-stop }()
	}
	wide = make(chan [64]byte, 10_000)
	for range 10 {
		wide <- [64]byte{}
	}
	for i := range 50_000 {
		byNumber[i] = i
	}
	first = &ring{}
	first.next, first.back = first, first
	for i := range 9999 {
		r := &ring{next: first.next, back: first, number: i}
		first.next.back, first.next = r, r
	}
	for range length {
		list = &link{next: list}
	}
	runtime.GC()
	hold.Here()
	runtime.KeepAlive(weakly)
}
