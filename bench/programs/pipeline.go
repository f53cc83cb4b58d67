// Buffered pipeline of stages.
package main

import "fmt"

func main() {
	src := make(chan int, 128)
	var c <-chan int = src
	for i := range 6 {
		out := make(chan int, 128)
		go func(in <-chan int) {
			for v := range in {
				out <- v + i
			}
			close(out)
		}(c)
		c = out
	}
	go func() {
		for i := range 1_000_000 {
			src <- i
		}
		close(src)
	}()
	sum := 0
	for v := range c {
		sum += v
	}
	fmt.Println(sum)
}
