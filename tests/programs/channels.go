// Channels: buffered, unbuffered, directions, range, close, nil, select in all forms.
package main

import (
	"fmt"
	"sync"
	"time"
)

func producer(n int, out chan<- int) {
	for i := range n {
		out <- i
	}
	close(out)
}

func square(in <-chan int, out chan<- int) {
	for v := range in {
		out <- v * v
	}
	close(out)
}

func main() {
	a, b := make(chan int), make(chan int, 4)
	go producer(10, a)
	go square(a, b)
	sum := 0
	for v := range b {
		sum += v
	}
	fmt.Println(sum, len(b), cap(b))
	v, ok := <-b
	fmt.Println(v, ok)

	select {
	case v := <-b:
		fmt.Println("closed", v)
	default:
		fmt.Println("default")
	}
	var nilc chan int
	select {
	case nilc <- 1:
	case <-nilc:
	default:
		fmt.Println("nil channels never ready")
	}
	timeout := time.After(5 * time.Millisecond)
	select {
	case <-nilc:
	case <-timeout:
		fmt.Println("timeout")
	}
	var wg sync.WaitGroup
	results := make(chan int, 100)
	quit := make(chan struct{})
	for w := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; ; i++ {
				select {
				case results <- w:
					if i == 9 {
						return
					}
				case <-quit:
					return
				}
			}
		}()
	}
	wg.Wait()
	close(quit)
	close(results)
	counts := map[int]int{}
	for w := range results {
		counts[w]++
	}
	fmt.Println(counts)
	c1, c2 := make(chan int, 1), make(chan string, 1)
	c1 <- 1
	c2 <- "x"
	for range 2 {
		select {
		case n := <-c1:
			_ = n
		case s, ok := <-c2:
			_, _ = s, ok
		}
	}
	fmt.Println()
}
