package main

import "fmt"

// Functions without a stack check that call one another, entered with every amount of stack left.

//go:noinline
//go:nosplit
func last(x [8]int, n int) int { return x[n&7] + n }

//go:noinline
//go:nosplit
func fourth(x [8]int, n int) int { x[n&7]++; return last(x, n+1) * 2 }

//go:noinline
//go:nosplit
func third(x [8]int, n int) int { x[(n+1)&7]++; return fourth(x, n+1) + x[n&7] }

//go:noinline
//go:nosplit
func second(x [8]int, n int) int { x[(n+2)&7]++; return third(x, n+1) - x[n&7] }

//go:noinline
func deep(n int) int {
	if n == 0 {
		return second([8]int{1, 2, 3, 4, 5, 6, 7, 8}, 3)
	}
	return deep(n-1) + 1
}

func main() {
	results := make(chan int)
	const goroutines = 3000
	for i := range goroutines {
		go func() { results <- deep(i % 300) }()
	}
	total := 0
	for range goroutines {
		total += <-results
	}
	fmt.Println(total)
}
