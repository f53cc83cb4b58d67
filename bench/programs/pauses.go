// What a goroutine that ticks sees of a collector at work: one GB of live data, one goroutine that allocates, one that looks at
// the clock every 100 µs. The figures go to standard error; standard output is the same for every compiler.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"time"
)

type node struct {
	left, right *node
	data        [4]int
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

func longest(name string) float64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	histogram := sample[0].Value.Float64Histogram()
	for i := len(histogram.Counts) - 1; i >= 0; i-- {
		if histogram.Counts[i] > 0 {
			return histogram.Buckets[i]
		}
	}
	return 0
}

func main() {
	// 48-byte nodes: 22 trees of a million.
	live := make([]*node, 22)
	for i := range live {
		live[i] = tree(19)
	}
	runtime.GC()
	var before, after debug.GCStats
	debug.ReadGCStats(&before)
	var stop atomic.Bool
	finished := make(chan int)
	go func() {
		made := 0
		for !stop.Load() {
			live[made%len(live)] = tree(19)
			made++
		}
		finished <- made
	}()
	var late []time.Duration
	const tick = 100 * time.Microsecond
	for end := time.Now().Add(8 * time.Second); ; {
		start := time.Now()
		if start.After(end) {
			break
		}
		time.Sleep(tick)
		late = append(late, time.Since(start)-tick)
	}
	stop.Store(true)
	made := <-finished
	debug.ReadGCStats(&after)
	slices.Sort(late)
	at := func(share float64) time.Duration { return late[int(float64(len(late)-1)*share)].Round(time.Microsecond) }
	fmt.Fprintf(os.Stderr, "pauses: %d ticks late by p50 %v p99 %v p99.9 %v max %v; %d collections, %d trees, longest stop %.3f ms (%.3f ms until all stood)\n",
		len(late), at(0.5), at(0.99), at(0.999), at(1), after.NumGC-before.NumGC, made,
		1e3*longest("/sched/pauses/total/gc:seconds"), 1e3*longest("/sched/pauses/stopping/gc:seconds"))
	runtime.KeepAlive(live)
	fmt.Println(len(live))
}
