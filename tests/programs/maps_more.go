// Maps: keys of every comparable kind, big keys and values, NaN, iteration while changing, clear, growth, copies.
package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
)

type key struct {
	a int8
	s string
	f float32
	p *int
	i any
	_ int
}
type bigKey [40]int32
type bigValue struct {
	pad  [200]byte
	next *bigValue
	n    int
}
type face interface{ M() int }
type f1 int
type f2 struct{ a, b string }
type f3 struct{ x, y int }

func (f f1) M() int  { return int(f) }
func (f f2) M() int  { return len(f.a) }
func (f *f3) M() int { return f.x }

func sum[K comparable](m map[K]int) (n, total int) {
	for _, v := range m {
		n++
		total += v
	}
	return
}

func main() {
	x, y := 1, 1
	mk := map[key]int{}
	mk[key{1, "a", 0.5, &x, 7, 1}] = 1
	mk[key{1, "a", 0.5, &y, 7, 2}] = 2
	mk[key{1, "a", 0.5, &x, "7", 3}] = 3
	mk[key{1, "a", 0.5, &x, 7, 4}] += 10
	mk[key{f: float32(math.Copysign(0, -1))}] = 4
	fmt.Println(len(mk), mk[key{1, "a", 0.5, &x, 7, 0}], mk[key{}])

	mb := map[bigKey]bigValue{}
	var prev *bigValue
	for i := range 300 {
		var k bigKey
		k[i%40] = int32(i)
		v := bigValue{n: i, next: prev}
		v.pad[i%200] = byte(i)
		mb[k] = v
		prev = &v
	}
	total, chain := 0, 0
	for k, v := range mb {
		total += v.n + int(k[v.n%40])
	}
	for p := prev; p != nil; p = p.next {
		chain++
	}
	fmt.Println(len(mb), total, chain)

	mi := map[any]string{1: "int", int8(1): "int8", uint(1): "uint", "1": "string", 1.0: "float", '1': "rune", true: "bool", nil: "nil", [2]int{1, 2}: "array", f2{"a", "b"}: "struct", f1(1): "named", 1i: "complex", struct{}{}: "empty"}
	for _, k := range []any{1, int8(1), uint(1), "1", 1.0, '1', true, nil, [2]int{1, 2}, f2{"a", "b"}, f1(1), 1i, struct{}{}, int16(1), &x} {
		fmt.Print(mi[k], ",")
	}
	fmt.Println(len(mi))
	p3 := &f3{3, 4}
	mf := map[face]int{f1(1): 1, f2{"x", "y"}: 2, p3: 3, &f3{3, 4}: 4, nil: 5}
	fmt.Println(mf[f1(1)], mf[f2{"x", "y"}], mf[p3], mf[&f3{3, 4}], mf[nil], len(mf))

	nan := map[float64]int{}
	for i := range 20 {
		nan[math.NaN()] = i
	}
	nan[1] = 100
	delete(nan, math.NaN())
	fmt.Print(len(nan), " ")
	fmt.Println(sum(nan))
	for k := range nan {
		if k == k {
			delete(nan, k)
		}
	}
	fmt.Print(len(nan), " ")
	clear(nan)
	fmt.Println(len(nan))

	m := map[int]int{}
	for i := range 1000 {
		m[i] = i
	}
	seen := map[int]int{}
	for k := range m {
		seen[k]++
		delete(m, (k+500)%1000)
		delete(m, k)
	}
	once := true
	for _, c := range seen {
		once = once && c == 1
	}
	fmt.Println(len(m), len(seen) >= 500, len(seen) <= 1000, once)
	m = map[int]int{1: 1, 2: 2, 3: 3}
	steps := 0
	for k := range m {
		if steps++; steps > 1000 {
			break
		}
		m[k+1000*steps] = 1
		if len(m) > 500 {
			break
		}
	}
	originals := 0
	for k := range 4 {
		originals += m[k]
	}
	fmt.Println(originals, len(m) == 3+min(steps, 1000) || len(m) > 500)
	cleared := 0
	m = maps.Collect(maps.All(map[int]int{1: 1, 2: 2, 3: 3, 4: 4}))
	for range m {
		cleared++
		clear(m)
		m[100] = 1
	}
	fmt.Println(cleared == 1 || cleared == 2, len(m))

	ms := map[string][]string{}
	for _, w := range strings.Fields("a bb ccc dd e fff") {
		k := fmt.Sprint(len(w))
		ms[k] = append(ms[k], w)
	}
	for _, k := range slices.Sorted(maps.Keys(ms)) {
		fmt.Print(k, ms[k], " ")
	}
	mm := map[string]map[string]int{}
	for i, w := range strings.Fields("x:a y:b x:b x:a") {
		a, b, _ := strings.Cut(w, ":")
		if mm[a] == nil {
			mm[a] = map[string]int{}
		}
		mm[a][b] += i + 1
	}
	fmt.Println(mm)
	struc := map[string]*struct{ n int }{"a": {1}, "b": {2}}
	struc["a"].n++
	arrays := map[int][3]int{1: {1, 2, 3}}
	a := arrays[1]
	a[0] = 100
	fmt.Println(struc["a"].n, arrays[1], arrays[2], len(arrays[9]))
	funcs := map[string]func(int) int{"double": func(i int) int { return 2 * i }}
	if f, ok := funcs["double"]; ok {
		fmt.Print(f(21), " ")
	}
	_, ok := funcs["missing"]
	v, ok2 := mm["x"]["zz"]
	fmt.Println(ok, v, ok2)
	var nilMap map[string]int
	delete(nilMap, "a")
	for range nilMap {
		fmt.Println("never")
	}
	fmt.Println(nilMap["q"], len(nilMap), nilMap == nil, maps.Clone(nilMap) == nil)
	big := make(map[uint64]uint64, 10)
	h := uint64(7)
	for range 200000 {
		h = h*6364136223846793005 + 1
		big[h>>40] ^= h
		if h%3 == 0 {
			delete(big, h>>41)
		}
	}
	var xor uint64
	for k, v := range big {
		xor ^= k*31 + v
	}
	fmt.Println(len(big), xor)
	strs := map[string]int{}
	for i := range 20000 {
		strs[fmt.Sprintf("%d-%s", i%7000, strings.Repeat("k", i%40))]++
	}
	counts := map[int]int{}
	for _, c := range strs {
		counts[c]++
	}
	ks := slices.Collect(maps.Keys(counts))
	sort.Ints(ks)
	fmt.Println(len(strs), ks, counts)
	small := map[int8]int8{}
	for i := range 600 {
		small[int8(i)] += int8(i)
	}
	fmt.Println(len(small), small[-1], small[5], maps.Equal(small, maps.Clone(small)))
	maps.DeleteFunc(small, func(k, v int8) bool { return k%2 == 0 })
	fmt.Println(len(small))
	zero := map[struct{}]int{}
	zero[struct{}{}]++
	zero[struct{}{}]++
	bools := map[bool]string{true: "t"}
	chans := map[chan int]int{make(chan int): 1, make(chan int): 2, nil: 3}
	fmt.Println(zero, bools[1 > 2] == "", len(chans), chans[nil])
	ar := map[[2]string]int{{"a", "b"}: 1}
	ar[[...]string{"a", "b"}]++
	fmt.Println(ar)
}
