// What the optimiser must not break: checks that fail late, values that change between loads, nil pointers far and near.
package main

import (
	"fmt"
	"math"
	"runtime"
	"strings"
)

//go:noinline
func try(name string, f func()) {
	defer func() {
		r := recover()
		if err, ok := r.(runtime.Error); ok {
			fmt.Println(name, "panics:", err.Error())
		} else {
			fmt.Println(name, r)
		}
	}()
	f()
}

var sink int

//go:noinline
func upTo(s []int, n int) (sum int) {
	for i := 0; i < n; i++ {
		sum += s[i]
	}
	return
}

//go:noinline
func inclusive(s []int) (sum int) {
	for i := 0; i <= len(s); i++ {
		sum += s[i]
	}
	return
}

//go:noinline
func down(s []int, from int) (sum int) {
	for i := from; i >= 0; i-- {
		sum += s[i]
	}
	return
}

//go:noinline
func below(s []int) (sum int) {
	for i := len(s) - 1; i >= -1; i-- {
		sum += s[i]
	}
	return
}

//go:noinline
func steps(s []int, by int) (sum int) {
	for i := 0; i < len(s); i += by {
		sum += s[i]
	}
	return
}

//go:noinline
func wraps(s []int) (sum int) {
	for i := math.MaxInt - 2; i > 0; i++ {
		if i < len(s) {
			sum += s[i]
		}
		sum++
	}
	for i := math.MinInt; i < math.MinInt+3; i++ {
		sum++
	}
	for i := math.MaxInt - 3; i <= math.MaxInt-1; i++ {
		sum += 10
	}
	return
}

//go:noinline
func shrinks(s []int) (sum int) {
	n := len(s)
	for i := 0; i < n; i++ {
		if i == 2 {
			s = s[:2]
		}
		sum += s[i]
	}
	return
}

type box struct {
	s    []int
	n    int
	next *box
}

//go:noinline
func replaced(b *box) (sum int) {
	for i := 0; i < len(b.s); i++ {
		sum += b.s[i]
		if i == 1 {
			replace(b)
		}
		sum += b.s[i]
	}
	return
}

//go:noinline
func replace(b *box) { b.s = b.s[:1:1] }

//go:noinline
func aliased(a, b *box) int {
	x := a.n
	b.n = x + 1
	y := a.n
	a.s = a.s[:len(a.s)-1]
	b.s = append(b.s, y)
	return x*100 + y*10 + len(a.s)
}

//go:noinline
func mask(t *[8]int, i int) int { return t[i&7] + t[uint8(i)%8] }

//go:noinline
func rem(t []int, i int) int { return t[i%len(t)] }

//go:noinline
func middle(s []int, want int) int {
	low, high := 0, len(s)
	for low < high {
		at := int(uint(low+high) >> 1)
		if s[at] < want {
			low = at + 1
		} else {
			high = at
		}
	}
	return low
}

//go:noinline
func windows(p []byte) (sum int) {
	for len(p) >= 4 {
		sum += int(p[0]) | int(p[1])<<8 | int(p[2])<<16 | int(p[3])<<24
		p = p[4:]
	}
	return sum + len(p)
}

//go:noinline
func nested(m [][]int) (sum int) {
	for i := range m {
		for j := 0; j < len(m[i]); j++ {
			sum += m[j][i]
		}
	}
	return
}

func both(a, b bool, i int) bool { return a && (b || i > 3) }

//go:noinline
func logic(s []int) (n int) {
	for i, x := range s {
		if both(x > 1, x&1 == 0, i) {
			n++
		}
		if !both(i > 2, x < 0, x) {
			n += 10
		}
	}
	return
}

func ackermann(m, n int) int {
	if m == 0 {
		return n + 1
	}
	if n == 0 {
		return ackermann(m-1, 1)
	}
	return ackermann(m-1, ackermann(m, n-1))
}

type far struct {
	pad [5000]byte
	x   int
	arr [10]int
}
type big [4000]int
type empty struct{}

//go:noinline
func get[T any](p *T) T { return *p }

//go:noinline
func element(p *big, i int) int { return p[i] }

//go:noinline
func small(p *[4]int, i int) int { return p[i] }

//go:noinline
func inFar(p *far, i int) int { return p.arr[i] }

//go:noinline
func twice(p *box) int {
	n := p.n
	return n + p.next.n + p.next.next.n
}

//go:noinline
func sw(x int) string {
	switch x {
	case 0, 1, 2:
		return "low"
	case 3:
		return "three"
	case 4, 5, 6, 7, 8:
		return "mid"
	case 9:
		return "nine"
	}
	return "other"
}

//go:noinline
func long(n int) (sum int) {
	for i := 0; i < n; i++ {
		for j := i; j < n; j += 3 {
			sum += j ^ i
		}
	}
	for i := 1; i <= n*n; i++ {
		sum ^= i
	}
	return
}

func main() {
	s := []int{1, 2, 3, 4, 5}
	fmt.Println(upTo(s, 5), down(s, 4), steps(s, 2), steps(s, 4), wraps(s), middle(s, 4), middle(s, 9), middle(nil, 1))
	try("upTo", func() { upTo(s, 6) })
	try("inclusive", func() { inclusive(s) })
	try("down", func() { down(s, 5) })
	try("below", func() { below(s) })
	try("shrinks", func() { shrinks(s) })
	try("replaced", func() { replaced(&box{s: []int{1, 2, 3}}) })
	b := &box{s: make([]int, 4, 9), n: 3}
	n := aliased(b, b)
	fmt.Println(n, len(b.s))
	n = aliased(b, &box{})
	fmt.Println(n, b.s)
	t := [8]int{0, 1, 2, 3, 4, 5, 6, 7}
	fmt.Println(mask(&t, 13), mask(&t, -1), rem(s, 7))
	try("rem", func() { rem(s, -2) })
	try("rem of none", func() { rem(nil, 2) })
	fmt.Println(windows([]byte("0123456789")), nested([][]int{{1, 2}, {3, 4}}), logic(s), ackermann(2, 3))
	try("nested", func() { nested([][]int{{1, 2, 3}, {3, 4}}) })
	try("nil struct", func() { sink += get((*box)(nil)).n })
	try("nil empty", func() { _ = get((*empty)(nil)) })
	try("nil far", func() { sink += inFar(nil, 3) })
	try("nil far field", func() { var p *far; sink += p.x })
	try("nil big", func() { sink += element(nil, 3999) })
	try("big", func() { sink += element(new(big), 4000) })
	try("nil small", func() { sink += small(nil, 3) })
	try("small", func() { sink += small(new([4]int), 4) })
	try("nil in a chain", func() { twice(&box{next: &box{}}) })
	try("nil slice of array", func() { var p *[4]int; fmt.Println(len(p), p[1:2]) })
	try("zero store", func() { var p *empty; *p = empty{} })
	try("zero array store", func() { var p *[0]int; *p = [0]int{} })
	var names []string
	for i := range 11 {
		names = append(names, sw(i))
	}
	fmt.Println(strings.Join(names, " "), long(3000))
}
