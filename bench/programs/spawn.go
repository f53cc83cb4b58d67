// Spawning and joining goroutines.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

func main() {
	var n atomic.Int64
	for range 10 {
		var wg sync.WaitGroup
		for i := range 100_000 {
			wg.Add(1)
			go func() {
				n.Add(int64(i & 3))
				wg.Done()
			}()
		}
		wg.Wait()
	}
	fmt.Println(n.Load())
}
