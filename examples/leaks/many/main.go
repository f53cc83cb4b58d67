// A hundred thousand goroutines that wait, each with a few kilobytes of its own.
package main

import (
	"time"

	"leaks/hold"
)

type request struct{ body [4096]byte }

func serve(r *request, quit chan struct{}) byte {
	<-quit
	return r.body[0]
}

func main() {
	quit := make(chan struct{})
	for range 100_000 {
		go serve(&request{}, quit)
	}
	time.Sleep(500 * time.Millisecond)
	hold.Here()
	close(quit)
}
