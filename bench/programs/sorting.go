// sort and slices over ints, strings and structs.
package main

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

type rec struct {
	key  string
	a, b int
}

func main() {
	seed := uint64(42)
	next := func() uint64 {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		return seed
	}
	xs := make([]int, 2_000_000)
	for i := range xs {
		xs[i] = int(next() >> 1)
	}
	ys := slices.Clone(xs)
	slices.Sort(xs)
	sort.Ints(ys)
	recs := make([]rec, 300_000)
	for i := range recs {
		recs[i] = rec{fmt.Sprintf("%08x", next()&0xffffffff), i, int(next() % 100)}
	}
	sort.Slice(recs, func(i, j int) bool { return recs[i].key < recs[j].key })
	slices.SortStableFunc(recs, func(a, b rec) int { return cmp.Compare(a.b, b.b) })
	sum := 0
	for i := 0; i < len(xs); i += 1000 {
		sum ^= xs[i] ^ ys[i] + i
	}
	for i := 0; i < len(recs); i += 100 {
		sum += recs[i].a * i
	}
	fmt.Println(sum)
}
