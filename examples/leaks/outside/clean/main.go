// The same, unmapped after use.
package main

import (
	"syscall"

	"leaks/hold"
)

func region(size int) []byte {
	data, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for i := 0; i < size; i += 4096 {
		data[i] = 1
	}
	return data
}

func main() {
	for range 3 {
		syscall.Munmap(region(32 << 20))
	}
	hold.Here()
}
