package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// chans sends numbers through a pipeline of random shape and adds them up.
func chans(_ int, r *random) {
	stages, count := 1+r.below(5), 100+r.below(3000)
	source := make(chan int, r.below(3)*r.below(64))
	var in <-chan int = source
	for range stages {
		out := make(chan int, r.below(3)*r.below(32))
		go func(in <-chan int) {
			defer close(out)
			for v := range in {
				out <- v + 1
			}
		}(in)
		in = out
	}
	go func() {
		for i := range count {
			source <- i
		}
		close(source)
	}()
	sum := 0
	done := make(chan int)
	go func() {
		for v := range in {
			sum += v
		}
		close(done)
	}()
	await(done, "the end of a pipeline")
	if want := count*(count-1)/2 + count*stages; sum != want {
		fail("chans: sum %d, not %d", sum, want)
	}
}

// selects lets several goroutines exchange tokens by selects of sends and receives.
func selects(_ int, r *random) {
	const peers = 4
	var boxes [peers]chan int
	for i := range boxes {
		boxes[i] = make(chan int, r.below(2)*r.below(4))
	}
	quit, totals := make(chan struct{}), make(chan int, peers)
	var sent, received atomic.Int64
	goal := int64(200 + r.below(2000))
	for i := range peers {
		go func() {
			mine, next, token := 0, boxes[(i+1)%peers], 1
			for {
				var out chan int
				if sent.Load() < goal {
					out = next
				}
				select {
				case out <- token:
					sent.Add(1)
					token++
				case <-boxes[i]:
					received.Add(1)
					mine++
				case <-quit:
					totals <- mine
					return
				case <-time.After(time.Millisecond):
				}
			}
		}()
	}
	for start := beginWait(); sent.Load() < goal || received.Load() < sent.Load(); {
		if start.over() {
			fail("selects: %d sent, %d received of %d", sent.Load(), received.Load(), goal)
		}
		time.Sleep(50 * time.Microsecond)
	}
	close(quit)
	sum := 0
	for range peers {
		sum += await(totals, "the end of a peer")
	}
	// A peer may have sent after the last look.
	for i := range boxes {
		sum += len(boxes[i])
	}
	if int64(sum) != sent.Load() {
		fail("selects: %d received or left, %d sent", sum, sent.Load())
	}
}

// timers starts, resets and stops timers and counts what fires.
func timers(_ int, r *random) {
	const count = 200
	var fired atomic.Int64
	var wg sync.WaitGroup
	wg.Add(count)
	list := make([]*time.Timer, count)
	for i := range list {
		list[i] = time.AfterFunc(time.Duration(r.below(5000))*time.Microsecond+time.Hour*time.Duration(i%2), func() {
			fired.Add(1)
			wg.Done()
		})
	}
	stopped := 0
	for i, t := range list {
		if i%2 == 1 {
			if i%4 == 1 {
				t.Reset(time.Duration(r.below(3000)) * time.Microsecond)
			} else if t.Stop() {
				stopped++
				wg.Done()
			}
		}
	}
	done := make(chan int)
	go func() { wg.Wait(); close(done) }()
	await(done, "timers")
	if stopped != count/4 || fired.Load() != count-count/4 {
		fail("timers: %d stopped, %d fired of %d", stopped, fired.Load(), count)
	}
	ticker := time.NewTicker(200 * time.Microsecond)
	for range 5 {
		await(ticker.C, "a ticker")
	}
	ticker.Stop()
	before := time.Now()
	time.Sleep(time.Millisecond)
	if time.Since(before) < time.Millisecond {
		fail("timers: a sleep ended early")
	}
}

// contexts cancels trees of contexts by hand and by deadline.
func contexts(_ int, r *random) {
	root, cancel := context.WithCancelCause(context.Background())
	results := make(chan error, 64)
	for i := range 32 {
		child, stop := context.WithTimeout(root, time.Duration(100+r.below(3000))*time.Microsecond)
		if i%2 == 0 {
			stop()
			child, stop = context.WithCancel(root)
		}
		go func() {
			defer stop()
			<-child.Done()
			results <- child.Err()
		}()
	}
	for range 16 {
		if err := await(results, "a deadline"); !errors.Is(err, context.DeadlineExceeded) {
			fail("contexts: %v instead of a deadline", err)
		}
	}
	reason := errors.New("enough")
	cancel(reason)
	for range 16 {
		if err := await(results, "a cancelled context"); !errors.Is(err, context.Canceled) {
			fail("contexts: %v instead of cancelled", err)
		}
	}
	if context.Cause(root) != reason {
		fail("contexts: wrong cause")
	}
}

// locks counts under mutexes, conditions, read-write locks and groups.
func locks(_ int, r *random) {
	const workers = 8
	rounds := 100 + r.below(1000)
	var mu sync.Mutex
	var rw sync.RWMutex
	var wg sync.WaitGroup
	cond := sync.NewCond(&mu)
	n, m, turn := 0, 0, 0
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				mu.Lock()
				n++
				mu.Unlock()
				if i%8 == w {
					rw.Lock()
					m++
					rw.Unlock()
				} else {
					rw.RLock()
					_ = m
					rw.RUnlock()
				}
			}
			mu.Lock()
			for turn != w {
				cond.Wait()
			}
			turn++
			cond.Broadcast()
			mu.Unlock()
		})
	}
	done := make(chan int)
	go func() { wg.Wait(); close(done) }()
	await(done, "workers with locks")
	if n != workers*rounds || turn != workers {
		fail("locks: counted %d of %d, %d turns", n, workers*rounds, turn)
	}
}
