// A queue with so much room that nobody notices how far its reader is behind.
package main

import (
	"time"

	"leaks/hold"
)

type event struct{ body [1000]byte }

var events = make(chan *event, 50_000)

func produce() {
	for {
		events <- &event{}
	}
}

func consume() {
	for range events {
		time.Sleep(time.Second)
	}
}

func main() {
	go consume()
	go produce()
	for len(events) < cap(events) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	hold.Here()
}
