// Timers, tickers, AfterFunc, contexts: stop and reset semantics, ordering, deadlines, causes, propagation.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

type keyA struct{}
type keyB struct{}

const ms = time.Millisecond

func timers() {
	t := time.NewTimer(time.Hour)
	fmt.Println(t.Stop(), t.Stop(), t.Reset(ms))
	<-t.C
	fmt.Println(t.Stop(), t.Reset(time.Hour), t.Reset(ms), len(t.C), cap(t.C))
	time.Sleep(5 * ms)
	// Expired but not received: Stop and Reset leave no stale value.
	fmt.Println(t.Reset(time.Hour))
	select {
	case <-t.C:
		fmt.Println("stale")
	default:
		fmt.Println("none")
	}
	t.Reset(ms)
	time.Sleep(4 * ms)
	t.Stop()
	select {
	case <-t.C:
		fmt.Println("stale after stop")
	case <-time.After(3 * ms):
		fmt.Println("stopped")
	}
	var order []int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		time.AfterFunc(time.Duration(20*(8-i))*ms, func() {
			defer wg.Done()
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
		})
	}
	wg.Wait()
	fmt.Println(order)
	var fired atomic.Int32
	f := time.AfterFunc(time.Hour, func() { fired.Add(1) })
	f.Reset(0)
	for fired.Load() == 0 {
		time.Sleep(ms / 10)
	}
	fmt.Println(f.Stop(), fired.Load())
	zero := time.NewTimer(-5)
	<-zero.C
	tick := time.NewTicker(2 * ms)
	n := 0
	for range tick.C {
		if n++; n == 3 {
			tick.Reset(ms)
		}
		if n == 6 {
			tick.Stop()
			break
		}
	}
	select {
	case <-tick.C:
		fmt.Println("tick after stop")
	case <-time.After(5 * ms):
		fmt.Println("ticks", n)
	}
	func() {
		defer func() { fmt.Println(recover()) }()
		time.NewTicker(0)
	}()
	func() {
		defer func() { fmt.Println(recover()) }()
		var z time.Timer
		z.Stop()
	}()
}

func contexts() {
	root := context.WithValue(context.Background(), keyA{}, "a")
	ctx, cancel := context.WithCancelCause(root)
	child, cancelChild := context.WithTimeout(context.WithValue(ctx, keyB{}, 2), time.Hour)
	defer cancelChild()
	fmt.Println(child.Value(keyA{}), child.Value(keyB{}), ctx.Value(keyB{}), child.Err(), context.Cause(child))
	_, has := child.Deadline()
	_, none := ctx.Deadline()
	fmt.Println(has, none)
	detached := context.WithoutCancel(child)
	var after sync.WaitGroup
	after.Add(1)
	stop := context.AfterFunc(child, func() { defer after.Done(); fmt.Println("after func", child.Err()) })
	cancel(errors.New("my cause"))
	<-child.Done()
	after.Wait()
	fmt.Println(child.Err(), context.Cause(child), ctx.Err(), detached.Err(), detached.Value(keyB{}), stop())
	cancel(errors.New("ignored"))
	fmt.Println(context.Cause(ctx))
	d, cd := context.WithDeadlineCause(root, time.Now().Add(3*ms), errors.New("too slow"))
	defer cd()
	<-d.Done()
	fmt.Println(d.Err(), context.Cause(d), errors.Is(d.Err(), context.DeadlineExceeded), d.Err().(interface{ Timeout() bool }).Timeout())
	past, cp := context.WithDeadline(root, time.Unix(0, 0))
	defer cp()
	fmt.Println(past.Err(), errors.Is(past.Err(), context.Canceled))
	fmt.Println(context.Background(), context.TODO(), root, ctx)
	stop2 := context.AfterFunc(root, func() {})
	fmt.Println(stop2(), stop2())
	c2, cc2 := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var cancelled atomic.Int32
	for range 100 {
		inner, ci := context.WithCancel(c2)
		wg.Go(func() {
			defer ci()
			<-inner.Done()
			cancelled.Add(1)
		})
	}
	cc2()
	wg.Wait()
	fmt.Println(cancelled.Load(), context.Cause(c2))
	for _, f := range []func(){func() { context.WithValue(nil, keyA{}, 1) }, func() { context.WithValue(root, nil, 1) }, func() { context.WithValue(root, []int{}, 1) }, func() { context.WithCancel(nil) }} {
		func() {
			defer func() { fmt.Println(recover()) }()
			f()
		}()
	}
}

func pipeline() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	source := make(chan int)
	squares := make(chan int)
	go func() {
		defer close(source)
		for i := 0; ; i++ {
			select {
			case source <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for v := range source {
				select {
				case squares <- v * v:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() { wg.Wait(); close(squares) }()
	n := 0
	for range squares {
		if n++; n == 1000 {
			cancel()
		}
	}
	fmt.Println(n >= 1000, ctx.Err())
}

func main() {
	timers()
	contexts()
	pipeline()
}
