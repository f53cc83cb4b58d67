// Mutex, RWMutex, WaitGroup, Once, Cond, Pool, Map, atomics, context.
package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	var mu sync.Mutex
	var rw sync.RWMutex
	var wg sync.WaitGroup
	var once sync.Once
	var n, m int
	var a atomic.Int64
	var p atomic.Pointer[string]
	for i := range 50 {
		wg.Go(func() {
			for range 100 {
				mu.Lock()
				n++
				mu.Unlock()
				rw.RLock()
				_ = m
				rw.RUnlock()
				if i%10 == 0 {
					rw.Lock()
					m++
					rw.Unlock()
				}
				a.Add(1)
				runtime.Gosched()
			}
			once.Do(func() { s := "once"; p.Store(&s) })
		})
	}
	wg.Wait()
	fmt.Println(n, m, a.Load(), *p.Load())

	cond := sync.NewCond(&mu)
	ready := 0
	for range 5 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			for ready == 0 {
				cond.Wait()
			}
			ready++
			mu.Unlock()
		}()
	}
	time.Sleep(time.Millisecond)
	mu.Lock()
	ready = 1
	mu.Unlock()
	cond.Broadcast()
	wg.Wait()
	fmt.Println(ready)

	pool := sync.Pool{New: func() any { return new([]byte) }}
	b := pool.Get().(*[]byte)
	*b = append(*b, 1)
	pool.Put(b)
	var sm sync.Map
	for i := range 10 {
		sm.Store(i, i*i)
	}
	v, ok := sm.Load(7)
	_, loaded := sm.LoadOrStore(7, 0)
	sm.Delete(3)
	count := 0
	sm.Range(func(k, v any) bool { count++; return true })
	fmt.Println(v, ok, loaded, count)

	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	child, cancel2 := context.WithCancelCause(ctx)
	go func() { time.Sleep(time.Millisecond); cancel2(fmt.Errorf("cause")) }()
	<-child.Done()
	fmt.Println(child.Err(), context.Cause(child), ctx.Err())
	<-ctx.Done()
	fmt.Println(ctx.Err())
	tick := time.NewTicker(time.Millisecond)
	for range 3 {
		<-tick.C
	}
	tick.Stop()
	timer := time.AfterFunc(time.Hour, func() {})
	fmt.Println(timer.Stop(), timer.Stop())
}
