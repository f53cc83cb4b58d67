// Recursion as deep as the data: one goroutine with a stack of tens of megabytes.
package main

import "leaks/hold"

type node struct{ next *node }

func chain(length int) *node {
	var head *node
	for range length {
		head = &node{head}
	}
	return head
}

func walk(n *node, done chan bool, quit chan struct{}) int {
	if n == nil {
		done <- true
		<-quit
		return 0
	}
	var local [8]int
	local[len(done)]++
	return local[0] + walk(n.next, done, quit)
}

func main() {
	done, quit := make(chan bool), make(chan struct{})
	go walk(chain(200_000), done, quit)
	<-done
	hold.Here()
	close(quit)
}
