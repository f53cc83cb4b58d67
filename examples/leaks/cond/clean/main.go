// The same with the outcome told in any case; and workers that wait for work on a condition.
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
	done  bool
	value *[4096]byte
}

func (f *future) wait() *[4096]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.done {
		f.ready.Wait()
	}
	return f.value
}

var errGone = errors.New("gone")

func load(f *future) error {
	f.mu.Lock()
	f.done = true
	f.mu.Unlock()
	f.ready.Broadcast()
	return errGone
}

type queue struct {
	mu    sync.Mutex
	some  *sync.Cond
	items []int
}

func (q *queue) work() {
	q.mu.Lock()
	for {
		for len(q.items) == 0 {
			q.some.Wait()
		}
		q.items = q.items[1:]
	}
}

func main() {
	q := &queue{}
	q.some = sync.NewCond(&q.mu)
	for range 100 {
		go q.work()
		f := &future{}
		f.ready.L = &f.mu
		go f.wait()
		go load(f)
	}
	time.Sleep(100 * time.Millisecond)
	hold.Here()
	q.some.Signal()
}
