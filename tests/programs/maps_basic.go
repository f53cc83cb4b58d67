// Maps of every key kind, iteration with deletion, NaN keys, big values, clear.
package main

import (
	"fmt"
	"math"
	"sort"
)

type key struct {
	a string
	b int
	c [2]float64
	d any
}

type big [200]int64

func main() {
	m := map[key]int{{"x", 1, [2]float64{0, 1}, 'r'}: 1}
	m[key{"x", 1, [2]float64{math.Copysign(0, -1), 1}, 'r'}]++
	fmt.Println(len(m), m[key{"x", 1, [2]float64{}, nil}])
	nan := map[float64]int{}
	nan[math.NaN()] = 1
	nan[math.NaN()] = 2
	fmt.Println(len(nan), nan[math.NaN()])
	ints := map[int]int{}
	for i := range 1000 {
		ints[i*7919] = i
	}
	for k := range ints {
		if k%2 == 0 {
			delete(ints, k)
		}
	}
	keys := make([]int, 0, len(ints))
	for k := range ints {
		keys = append(keys, k)
	}
	sort.Ints(keys)
	fmt.Println(len(keys), keys[:5])
	bigs := map[int32]big{}
	for i := range int32(50) {
		b := bigs[i%10]
		b[i] = int64(i)
		bigs[i%10] = b
	}
	fmt.Println(len(bigs), bigs[3][33], bigs[3][34])
	ifaces := map[any]string{1: "int", int8(1): "int8", "1": "string", 1.0: "float", [1]int{1}: "array", struct{ x int }{1}: "struct"}
	fmt.Println(ifaces[1], ifaces[int8(1)], ifaces["1"], ifaces[1.0], ifaces[[1]int{1}], ifaces[struct{ x int }{1}], ifaces[nil] == "")
	clear(ifaces)
	fmt.Println(len(ifaces), ints == nil)
	var nilm map[string][]int
	fmt.Println(nilm["x"] == nil, len(nilm))
	mm := map[string][]int{}
	mm["a"] = append(mm["a"], 1, 2)
	mm["b"] = append(mm["b"], 3)
	fmt.Println(mm)
	type pair struct{ x, y int }
	ps := map[string]*pair{}
	for _, s := range []string{"p", "q", "p"} {
		if p, ok := ps[s]; ok {
			p.y++
		} else {
			ps[s] = &pair{len(s), 0}
		}
	}
	fmt.Println(*ps["p"], *ps["q"])
	grow := map[string]int{}
	for i := range 100000 {
		grow[fmt.Sprint("key", i)] = i
	}
	sum := 0
	for k, v := range grow {
		if k == fmt.Sprint("key", v) {
			sum += v
		}
	}
	fmt.Println(sum)
}
