// Interface calls, closures, generics.
package main

import "fmt"

type op interface{ apply(int) int }
type add struct{ n int }
type mul struct{ n int }
type xor struct{ n int }

func (a add) apply(x int) int  { return x + a.n }
func (m *mul) apply(x int) int { return x * m.n }
func (x xor) apply(v int) int  { return v ^ x.n }

func fold[T any](xs []T, acc int, f func(int, T) int) int {
	for _, x := range xs {
		acc = f(acc, x)
	}
	return acc
}

func main() {
	ops := []op{add{3}, &mul{5}, xor{0x55}, add{-7}, &mul{3}}
	v := 1
	for range 30_000_000 {
		for _, o := range ops[:2] {
			v = o.apply(v) & 0xffffff
		}
	}
	xs := make([]int, 1000)
	for i := range xs {
		xs[i] = i
	}
	for range 50_000 {
		v = fold(xs, v, func(a, b int) int { return a ^ b + a>>1 })
	}
	fs := make([]func(int) int, 4)
	for i := range fs {
		fs[i] = func(x int) int { return x + i }
	}
	for i := range 50_000_000 {
		v = fs[i&3](v) & 0xffff
	}
	fmt.Println(v)
}
