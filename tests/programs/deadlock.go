// All goroutines asleep.
package main

func main() {
	c := make(chan int)
	c <- 1
}
