// The collector was turned off for a benchmark and never on again; no limit either.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

var last []byte

func main() {
	debug.SetGCPercent(-1)
	for range 100_000 {
		last = make([]byte, 1000)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
