// Contended mutex and read-write mutex.
package main

import (
	"fmt"
	"sync"
)

func main() {
	var mu sync.Mutex
	var rw sync.RWMutex
	var wg sync.WaitGroup
	n, m := 0, 0
	for g := range 8 {
		wg.Go(func() {
			for i := range 500_000 {
				mu.Lock()
				n++
				mu.Unlock()
				if (i+g)%16 == 0 {
					rw.Lock()
					m++
					rw.Unlock()
				} else {
					rw.RLock()
					_ = m
					rw.RUnlock()
				}
			}
		})
	}
	wg.Wait()
	fmt.Println(n, m)
}
