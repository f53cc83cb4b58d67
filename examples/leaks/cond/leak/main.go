// Waiters of a condition whose state nobody will ever change: the producer gave up without Broadcast.
package main

import (
	"errors"
	"sync"
	"time"

	"leaks/hold"
)

type future struct {
	mu    sync.Mutex
	ready sync.Cond
	value *[4096]byte
}

func (f *future) wait() *[4096]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.value == nil {
		f.ready.Wait()
	}
	return f.value
}

var errGone = errors.New("gone")

func load(f *future) error {
	return errGone
}

func main() {
	for range 100 {
		f := &future{}
		f.ready.L = &f.mu
		go f.wait()
		go load(f)
	}
	time.Sleep(100 * time.Millisecond)
	hold.Here()
}
