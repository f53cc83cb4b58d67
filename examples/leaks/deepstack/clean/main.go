// The same walk with the pending work in a slice.
package main

import (
	"leaks/hold"
)

type node struct{ next *node }

func chain(length int) *node {
	var head *node
	for range length {
		head = &node{head}
	}
	return head
}

func walk(n *node, done chan bool, quit chan struct{}) {
	pending := []*node{n}
	for len(pending) > 0 {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if n.next != nil {
			pending = append(pending, n.next)
		}
	}
	done <- true
	<-quit
}

func main() {
	done, quit := make(chan bool), make(chan struct{})
	go walk(chain(200_000), done, quit)
	<-done
	hold.Here()
	close(quit)
}
