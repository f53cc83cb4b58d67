// Holds 96 MiB; with GOGC=100 the heap may grow to twice that, which is more than a container of 160 MiB has.
package main

import "leaks/hold"

var blocks [][]byte

func main() {
	for range 96 {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		blocks = append(blocks, block)
	}
	hold.Here()
}
