// Kind 1: goroutines that can never end. A caller that gives up leaves its worker
// blocked in a send that nobody will receive.
package main

import (
	"time"

	"leaks/hold"
)

type answer struct{ body [4096]byte }

func ask() *answer {
	time.Sleep(5 * time.Millisecond)
	return &answer{}
}

func handle() *answer {
	done := make(chan *answer)
	go func() {
		done <- ask()
	}()
	select {
	case a := <-done:
		return a
	case <-time.After(time.Millisecond):
		return nil
	}
}

func main() {
	for range 300 {
		go handle()
	}
	time.Sleep(200 * time.Millisecond)
	hold.Here()
}
