// The same work with the collector on.
package main

import (
	"fmt"
	"io"
	"os"
)

var last []byte

func main() {
	for range 100_000 {
		last = make([]byte, 1000)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
