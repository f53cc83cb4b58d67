// Integers and floats in interfaces: which of them cost an allocation, and that they stay what they are.
package main

import (
	"fmt"
	"testing"
)

type S int16
type E uint64

var sink any

//go:noinline
func conv[T any](v T) any { return v }

func main() {
	for _, n := range []int{0, 1, 255, 256, 1000, -1} {
		a := testing.AllocsPerRun(100, func() { sink = n })
		b := testing.AllocsPerRun(100, func() { sink = S(n) })
		c := testing.AllocsPerRun(100, func() { sink = E(n) })
		d := testing.AllocsPerRun(100, func() { sink = rune(n) })
		e := testing.AllocsPerRun(100, func() { sink = uintptr(n) })
		f := testing.AllocsPerRun(100, func() { sink = conv(n) })
		g := testing.AllocsPerRun(100, func() { sink = int8(n) })
		fl := testing.AllocsPerRun(100, func() { sink = float64(n) * 0 })
		h := testing.AllocsPerRun(100, func() { _ = fmt.Sprint(n) != "" })
		fmt.Println(n, a, b, c, d, e, f, g, h, fl, S(n), E(n), conv(S(n)), conv(E(n)), conv(rune(n)))
	}
	var m = map[any]int{}
	for i := -5; i < 300; i++ {
		m[i]++
		m[S(i)]++
		m[E(i)]++
		m[int32(i)]++
	}
	s := 0
	for i := -5; i < 300; i++ {
		s += m[i] + m[S(i)]*10 + m[E(i)]*100 + m[int32(i)]*1000
	}
	fmt.Println(len(m), s)
	x, y := any(7), any(S(7))
	fmt.Println(x == y, x == any(7), y == any(S(7)), x.(int)+int(y.(S)))
}
