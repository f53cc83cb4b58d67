// A queue as long as its reader can bear; what does not fit is dropped.
package main

import (
	"time"

	"leaks/hold"
)

type event struct{ body [1000]byte }

var (
	events  = make(chan *event, 64)
	dropped int
)

func produce() {
	for range 50_000 {
		select {
		case events <- &event{}:
		default:
			dropped++
		}
	}
	time.Sleep(time.Hour)
}

func consume() {
	for range events {
		time.Sleep(time.Second)
	}
}

func main() {
	go consume()
	go produce()
	time.Sleep(300 * time.Millisecond)
	hold.Here()
}
