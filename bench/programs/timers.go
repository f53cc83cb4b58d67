// 100,000 timers: started, reset, stopped, fired; and as many sleeping goroutines.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const count = 100_000

func main() {
	var fired atomic.Int64
	var wg sync.WaitGroup
	timers := make([]*time.Timer, count)
	for round := range 5 {
		wg.Add(count / 2)
		for i := range timers {
			delay := time.Duration(10+(i*7919)%20) * time.Millisecond
			timers[i] = time.AfterFunc(time.Hour+delay, func() {
				fired.Add(1)
				wg.Done()
			})
		}
		for i, timer := range timers {
			if i%2 == 0 {
				timer.Reset(time.Duration(1+(i*7919+round)%10) * time.Millisecond)
			}
		}
		stopped := 0
		for i, timer := range timers {
			if i%2 == 1 && timer.Stop() {
				stopped++
			}
		}
		wg.Wait()
		fmt.Println(stopped)
	}
	for range count {
		wg.Go(func() {
			time.Sleep(5 * time.Millisecond)
			fired.Add(1)
		})
	}
	wg.Wait()
	fmt.Println(fired.Load())
}
