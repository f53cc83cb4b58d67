// The clean twin: room for one value lets the worker end when its caller has
// given up.
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
	done := make(chan *answer, 1)
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
