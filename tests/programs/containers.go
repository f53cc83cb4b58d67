// container/*, sort and slices stability, a heap of events, an LRU cache, a ring, topological order, binary search corners.
package main

import (
	"cmp"
	"container/heap"
	"container/list"
	"container/ring"
	"fmt"
	"math/rand"
	"slices"
	"sort"
	"strings"
)

type event struct {
	at    int
	name  string
	index int
}
type queue []*event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].name < q[j].name
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i]; q[i].index, q[j].index = i, j }
func (q *queue) Push(x any)   { e := x.(*event); e.index = len(*q); *q = append(*q, e) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

type lru[K comparable, V any] struct {
	cap   int
	order *list.List
	items map[K]*list.Element
}
type entry[K comparable, V any] struct {
	k K
	v V
}

func newLRU[K comparable, V any](n int) *lru[K, V] {
	return &lru[K, V]{n, list.New(), map[K]*list.Element{}}
}
func (c *lru[K, V]) get(k K) (v V, ok bool) {
	if e, found := c.items[k]; found {
		c.order.MoveToFront(e)
		return e.Value.(entry[K, V]).v, true
	}
	return
}
func (c *lru[K, V]) put(k K, v V) {
	if e, ok := c.items[k]; ok {
		e.Value = entry[K, V]{k, v}
		c.order.MoveToFront(e)
		return
	}
	if c.order.Len() >= c.cap {
		last := c.order.Back()
		delete(c.items, last.Value.(entry[K, V]).k)
		c.order.Remove(last)
	}
	c.items[k] = c.order.PushFront(entry[K, V]{k, v})
}

type rec struct {
	key, seq int
	s        string
}
type recs []rec

func (r recs) Len() int           { return len(r) }
func (r recs) Less(i, j int) bool { return r[i].key < r[j].key }
func (r recs) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

func topo(g map[string][]string) (order []string, cyclic bool) {
	state := map[string]int{}
	var visit func(string) bool
	visit = func(n string) bool {
		switch state[n] {
		case 1:
			return false
		case 2:
			return true
		}
		state[n] = 1
		for _, d := range g[n] {
			if !visit(d) {
				return false
			}
		}
		state[n] = 2
		order = append(order, n)
		return true
	}
	keys := make([]string, 0, len(g))
	for k := range g {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if !visit(k) {
			return nil, true
		}
	}
	return order, false
}

func main() {
	q := &queue{}
	for i, w := range strings.Fields("the quick brown fox jumps over the lazy dog again and again") {
		heap.Push(q, &event{at: i * 7 % 5, name: w})
	}
	(*q)[3].at = 100
	heap.Fix(q, 3)
	removed := heap.Remove(q, 2).(*event)
	fmt.Println(removed.name, removed.at)
	for q.Len() > 0 {
		e := heap.Pop(q).(*event)
		fmt.Print(e.at, e.name, " ")
	}
	fmt.Println()
	c := newLRU[string, int](3)
	for i, k := range strings.Split("a b c a d e a f", " ") {
		if v, ok := c.get(k); ok {
			fmt.Print("hit ", k, v, " ")
		}
		c.put(k, i)
	}
	for e := c.order.Front(); e != nil; e = e.Next() {
		fmt.Print(e.Value, " ")
	}
	fmt.Println(len(c.items))
	l := list.New()
	four := l.PushBack(4)
	one := l.PushFront(1)
	l.InsertBefore(3, four)
	l.InsertAfter(2, one)
	l2 := list.New()
	l2.PushBackList(l)
	l2.PushFrontList(l)
	l2.MoveToBack(l2.Front())
	for e := l2.Back(); e != nil; e = e.Prev() {
		fmt.Print(e.Value, " ")
	}
	r := ring.New(5)
	for i := range 5 {
		r.Value = i
		r = r.Next()
	}
	r.Unlink(2)
	r.Do(func(v any) { fmt.Print("r", v, " ") })
	fmt.Println(r.Len(), r.Move(-1).Value)
	rng := rand.New(rand.NewSource(1))
	data := make(recs, 5000)
	for i := range data {
		data[i] = rec{rng.Intn(50), i, fmt.Sprint(i)}
	}
	stable := func(r []rec) bool {
		return slices.IsSortedFunc(r, func(a, b rec) int { return cmp.Or(a.key-b.key, a.seq-b.seq) })
	}
	d1, d2, d3, d4 := slices.Clone(data), slices.Clone(data), slices.Clone(data), slices.Clone(data)
	sort.Stable(d1)
	slices.SortStableFunc(d2, func(a, b rec) int { return cmp.Compare(a.key, b.key) })
	sort.SliceStable(d3, func(i, j int) bool { return d3[i].key < d3[j].key })
	sort.Sort(d4)
	fmt.Println(stable(d1), stable(d2), stable(d3), sort.IsSorted(d4), slices.Equal(d1, d2), d4[0], d4[4999])
	sort.Sort(sort.Reverse(d4))
	ints := rng.Perm(10000)
	sort.Ints(ints)
	sum := 0
	for i, v := range ints {
		sum += i ^ v
	}
	i, ok := slices.BinarySearch(ints, 777)
	fmt.Println(sum, i, ok, sort.SearchInts(ints, 10001), sort.Search(100, func(i int) bool { return i*i >= 50 }), d4[0].key)
	at, found := sort.Find(5, func(i int) int { return cmp.Compare(3, i) })
	fmt.Println(at, found, slices.MinFunc(data, func(a, b rec) int { return cmp.Compare(a.s, b.s) }), slices.MaxFunc(data[:100], func(a, b rec) int { return a.key - b.key }))
	fmt.Println(topo(map[string][]string{"app": {"lib", "log"}, "lib": {"base"}, "log": {"base", "fmt"}, "fmt": nil}))
	fmt.Println(topo(map[string][]string{"a": {"b"}, "b": {"a"}}))
	groups := map[bool][]int{}
	for v := range slices.Values(ints[:10]) {
		groups[v%2 == 0] = append(groups[v%2 == 0], v)
	}
	fmt.Println(groups, slices.ContainsFunc(ints, func(i int) bool { return i > 9998 }), slices.Compact([]int{1, 1, 2, 2, 1}), slices.CompactFunc([]string{"a", "A", "b"}, strings.EqualFold))
	grown := slices.Grow([]int{1}, 100)
	fmt.Println(len(grown), cap(grown) >= 101, cap(slices.Clip(grown)), slices.DeleteFunc([]int{1, 2, 3, 4}, func(i int) bool { return i%2 == 0 }))
}
