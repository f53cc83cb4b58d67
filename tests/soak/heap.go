package main

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// A node is a small object with pointers and a value that is known from its key.
type node struct {
	key         uint64
	left, right *node
	text        string
	next        *node
}

func value(key uint64) uint64 { return key*0x9e3779b97f4a7c15 ^ key>>7 }

// A block is about 256 KB of live data of mixed shapes.
type block struct {
	seed  uint64
	tree  *node
	table map[uint64]string
	bytes []byte
	words []*uint64
}

const blockSize = 256 << 10

func buildTree(key uint64, depth int) *node {
	n := &node{key: key, text: strconv.FormatUint(value(key), 36)}
	if depth > 0 {
		n.left, n.right = buildTree(2*key, depth-1), buildTree(2*key+1, depth-1)
		n.next = n.left
	}
	return n
}

func (n *node) check() bool {
	if n.text != strconv.FormatUint(value(n.key), 36) {
		return false
	}
	return n.left == nil || n.next == n.left && n.left.key == 2*n.key && n.left.check() && n.right.check()
}

func newBlock(seed uint64) *block {
	b := &block{seed: seed, tree: buildTree(seed|1, 9), table: map[uint64]string{}, bytes: make([]byte, 64<<10)}
	for i := range b.bytes {
		b.bytes[i] = byte(value(seed + uint64(i)))
	}
	for i := range uint64(600) {
		b.table[seed+i] = strconv.FormatUint(value(seed+i), 10)
	}
	for i := range uint64(2000) {
		w := seed ^ i
		b.words = append(b.words, &w)
	}
	return b
}

func (b *block) check() bool {
	for i := range b.bytes {
		if b.bytes[i] != byte(value(b.seed+uint64(i))) {
			return false
		}
	}
	for i, w := range b.words {
		if *w != b.seed^uint64(i) {
			return false
		}
	}
	for k, v := range b.table {
		if v != strconv.FormatUint(value(k), 10) {
			return false
		}
	}
	return len(b.table) == 600 && b.tree.check()
}

// A heap is the live data: its size stays, its blocks are replaced.
type heap struct {
	blocks []atomic.Pointer[block]
}

func newHeap(mb int) *heap {
	h := &heap{blocks: make([]atomic.Pointer[block], mb<<20/blockSize)}
	for i := range h.blocks {
		h.blocks[i].Store(newBlock(uint64(i) << 20))
	}
	return h
}

func (h *heap) round(_ int, r *random) {
	i := r.below(len(h.blocks))
	old := h.blocks[i].Swap(newBlock(r.next() << 16))
	if !old.check() {
		fail("heap: block %d is damaged", i)
	}
}

func (h *heap) check() {
	for i := range h.blocks {
		if !h.blocks[i].Load().check() {
			fail("heap: block %d is damaged", i)
		}
	}
}

var shared = struct {
	sync.RWMutex
	table map[uint64]uint64
	sums  sync.Map
}{table: map[uint64]uint64{}}

// maps fills and empties maps of its own, and a shared one of a bounded range of keys.
func maps(_ int, r *random) {
	own := map[string]uint64{}
	n := 100 + r.below(2000)
	first := r.next()
	for i := range uint64(n) {
		own[strconv.FormatUint(first+i, 16)] = value(first + i)
	}
	for i := range uint64(n) {
		key := strconv.FormatUint(first+i, 16)
		if own[key] != value(first+i) {
			fail("maps: wrong value of %s", key)
		}
		if i%2 == 0 {
			delete(own, key)
		}
	}
	if len(own) != n/2 {
		fail("maps: %d entries left of %d", len(own), n)
	}
	for range 50 {
		key := uint64(r.below(10000))
		shared.Lock()
		shared.table[key] = value(key)
		shared.Unlock()
		shared.sums.Store(key, value(key))
		other := uint64(r.below(10000))
		shared.RLock()
		v, ok := shared.table[other]
		shared.RUnlock()
		if ok && v != value(other) {
			fail("maps: wrong shared value of %d", other)
		}
		if v, ok := shared.sums.Load(other); ok && v != value(other) {
			fail("maps: wrong value of %d in the sync.Map", other)
		}
		if r.below(4) == 0 {
			shared.Lock()
			delete(shared.table, other)
			shared.Unlock()
			shared.sums.Delete(other)
		}
	}
}

// deep uses a lot of stack and lets others run at the bottom.
func deep(n int, pad [8]int) int {
	if n == 0 {
		runtime.Gosched()
		return pad[3]
	}
	pad[n%8]++
	return deep(n-1, pad) + n
}

// stacks starts goroutines whose stacks grow and shrink.
func stacks(_ int, r *random) {
	depth, count := 10+r.below(3000), 1+r.below(20)
	want := deepSum(depth)
	results := make(chan int)
	for range count {
		go func() { results <- deep(depth, [8]int{}) }()
	}
	for range count {
		if got := await(results, "a deep recursion"); got != want {
			fail("stacks: recursion of depth %d gives %d, not %d", depth, got, want)
		}
	}
}

// deepSum is what deep returns: the sum of the depths and how often pad[3] was counted up.
func deepSum(n int) int {
	sum := n * (n + 1) / 2
	for i := 1; i <= n; i++ {
		if i%8 == 3 {
			sum++
		}
	}
	return sum
}

// cleanups makes objects with finalizers and cleanups and waits for the collector to find them.
func cleanups(_ int, _ *random) {
	const count = 100
	ran := make(chan int, 2*count)
	func() {
		for i := range count {
			a, b := new([64]int), new([16]*int)
			a[0] = i
			runtime.SetFinalizer(a, func(a *[64]int) { ran <- a[0] })
			runtime.AddCleanup(b, func(i int) { ran <- i }, i)
		}
	}()
	// All but what a stale word on a stack may keep.
	sum := 0
	for sum < 2*count-8 {
		runtime.GC()
		for {
			select {
			case <-ran:
				sum++
				continue
			default:
			}
			break
		}
		runtime.Gosched()
	}
}
