// The clean twin: one array on the heap, passed as a slice.
package main

import (
	"time"

	"leaks/hold"
)

var (
	grid = make([]int, 100_000)
	next = make(chan int)
)

//go:noinline
func sum(g []int, row int) int {
	total := <-next // stands for slow work with the array at hand
	for _, v := range g {
		total += v
	}
	return total + g[row]
}

func work(row int) {
	sum(grid, row)
}

func main() {
	for row := range 10 {
		go work(row)
	}
	time.Sleep(100 * time.Millisecond)
	defer close(next)
	hold.Here()
}
