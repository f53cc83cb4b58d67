// Soak runs channels, timers, maps, JSON, locks and HTTP against each other over a steady live heap for as long as it is told, and checks
// everything it does: results, that no wait takes for ever, and that memory does not grow once the load is steady.
//
// It exits with 1 and says why at the first thing that is wrong.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	minutes = flag.Float64("minutes", 2, "how long")
	live    = flag.Int("live", 1024, "live heap in MB")
	seed    = flag.Uint64("seed", 1, "of the pseudo-random numbers")
)

// patience is how long anything may wait for something that is certain to come. On a busy machine the process may get next to no processor
// time meanwhile, so that counts as well: others work all the time, and what they use up is a measure of how far everybody should be.
const (
	patience    = 60 * time.Second
	cpuPatience = 20 * time.Second
)

// A wait knows since when something is waited for.
type wait struct {
	begin time.Time
	cpu   time.Duration
}

func beginWait() wait { return wait{time.Now(), cpuTime()} }

// over tells whether it is time to give up.
func (w wait) over() bool {
	return time.Since(w.begin) > patience && cpuTime()-w.cpu > cpuPatience
}

// cpuTime is what the process has used so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("%v", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var stopping atomic.Bool

// fail reports the first failure with all goroutines and ends the program.
func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "soak: "+format+"\n", args...)
	debug.SetTraceback("all")
	buf := make([]byte, 4<<20)
	os.Stderr.Write(buf[:runtime.Stack(buf, true)])
	os.Exit(1)
}

// await receives from c; what does not come in time is a lost wake-up.
func await[T any](c <-chan T, what string) T {
	w := beginWait()
	ticker := time.NewTicker(patience / 4)
	defer ticker.Stop()
	for {
		select {
		case v := <-c:
			return v
		case <-ticker.C:
			if w.over() {
				fail("lost wake-up: %s", what)
			}
		}
	}
}

// A random is a generator of its own per worker.
type random uint64

func (r *random) next() uint64 {
	*r = *r*6364136223846793005 + 1442695040888963407
	return uint64(*r >> 20)
}

func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// A load is one kind of work; round does a piece of it and checks it.
type load struct {
	name    string
	workers int
	round   func(worker int, r *random)
	rounds  atomic.Int64
	// last is when a worker last finished a round: the watchdog's.
	last []atomic.Pointer[wait]
}

func (l *load) start(finished chan<- int) {
	l.last = make([]atomic.Pointer[wait], l.workers)
	finish := func(w int) {
		now := beginWait()
		l.last[w].Store(&now)
	}
	for w := range l.workers {
		finish(w)
		go func() {
			r := random(*seed<<32 + uint64(w)*7919 + uint64(len(l.name)))
			for !stopping.Load() {
				l.round(w, &r)
				l.rounds.Add(1)
				finish(w)
			}
			finished <- 1
		}()
	}
}

// resident is the resident set in MB.
func resident() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		fail("%v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		fail("%v", err)
	}
	return pages * (os.Getpagesize() >> 10) >> 10
}

func main() {
	flag.Parse()
	total := time.Duration(*minutes * float64(time.Minute))
	heap := newHeap(*live)
	server := newServer()
	loads := []*load{
		{name: "heap", workers: 2, round: heap.round},
		{name: "chans", workers: 3, round: chans},
		{name: "selects", workers: 2, round: selects},
		{name: "timers", workers: 2, round: timers},
		{name: "contexts", workers: 2, round: contexts},
		{name: "maps", workers: 2, round: maps},
		{name: "locks", workers: 2, round: locks},
		{name: "json", workers: 2, round: jsons},
		{name: "http", workers: 4, round: server.round},
		{name: "stacks", workers: 2, round: stacks},
		{name: "cleanups", workers: 1, round: cleanups},
	}
	finished := make(chan int)
	workers := 0
	begin := time.Now()
	for _, l := range loads {
		l.start(finished)
		workers += l.workers
	}
	// The largest resident set of the second and of the last quarter: the first is for warming up.
	var second, last int
	var stats runtime.MemStats
	for tick := 0; time.Since(begin) < total; tick++ {
		time.Sleep(200 * time.Millisecond)
		now, size := time.Since(begin), resident()
		switch {
		case now > total/4 && now <= total/2:
			second = max(second, size)
		case now > 3*total/4:
			last = max(last, size)
		}
		for _, l := range loads {
			for w := range l.last {
				if last := l.last[w].Load(); time.Since(last.begin) > 2*patience && last.over() {
					fail("%s: worker %d has not finished a round for %v", l.name, w, time.Since(last.begin))
				}
			}
		}
		if tick%50 == 49 {
			runtime.ReadMemStats(&stats)
			fmt.Printf("%5.0fs  resident %d MB, heap %d MB, stacks %d KB, goroutines %d, collections %d, longest pause %.2f ms\n",
				now.Seconds(), size, stats.HeapAlloc>>20, stats.StackInuse>>10, runtime.NumGoroutine(), stats.NumGC, longestPause(&stats))
		}
	}
	stopping.Store(true)
	for range workers {
		await(finished, "the end of a worker")
	}
	server.close()
	heap.check()
	for _, l := range loads {
		fmt.Printf("%-10s %d rounds\n", l.name, l.rounds.Load())
		if l.rounds.Load() == 0 {
			fail("%s: no round finished", l.name)
		}
	}
	fmt.Printf("resident: %d MB in the second quarter, %d MB in the last\n", second, last)
	if last > second+second/7+64 {
		fail("memory grows: from %d MB to %d MB", second, last)
	}
	// What was started has ended: only idle connections' and the runtime's goroutines may be left.
	for wait := time.Millisecond; runtime.NumGoroutine() > 20; wait *= 2 {
		if wait > time.Minute {
			fail("%d goroutines are left", runtime.NumGoroutine())
		}
		time.Sleep(wait)
	}
	fmt.Println("soak: ok")
}

func longestPause(stats *runtime.MemStats) float64 {
	var longest uint64
	for _, p := range stats.PauseNs {
		longest = max(longest, p)
	}
	return float64(longest) / 1e6
}
