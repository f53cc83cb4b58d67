// Buffers of any size go back into a pool: each ends up as large as the largest request ever.
package main

import (
	"bytes"
	"sync"

	"leaks/hold"
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func render(size int, busy, done *sync.WaitGroup, all chan bool) {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	b.Write(make([]byte, size))
	busy.Done()
	<-all
	buffers.Put(b)
	done.Done()
}

func main() {
	var busy, done sync.WaitGroup
	all := make(chan bool)
	for range 40 {
		busy.Add(1)
		done.Add(1)
		go render(2<<20, &busy, &done, all)
	}
	busy.Wait()
	close(all)
	done.Wait()
	hold.Here()
}
