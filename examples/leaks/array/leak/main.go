// Kind 6: a big array passed by value is copied at every call, and the stacks grow
// to hold the copies.
package main

import (
	"time"

	"leaks/hold"
)

type grid [100_000]int

var next = make(chan int)

//go:noinline
func sum(g grid, row int) int {
	total := <-next // stands for slow work with the array at hand
	for _, v := range g {
		total += v
	}
	return total + g[row]
}

func work(row int) {
	var g grid
	g[row] = row
	sum(g, row)
}

func main() {
	for row := range 10 {
		go work(row)
	}
	time.Sleep(100 * time.Millisecond)
	defer close(next)
	hold.Here()
}
