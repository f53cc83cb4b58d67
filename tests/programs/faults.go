package main

import (
	"fmt"
	"runtime/debug"
	"syscall"
	"unsafe"
)

// Faults at addresses that are not nil, in frames with deferred calls, in their callees, and in leaf functions of the runtime.

type faulty interface{ Addr() uintptr }

func try(what string, f func()) {
	defer func() {
		r := recover()
		a, ok := r.(faulty)
		fmt.Println(what, r != nil, ok && a.Addr() >= lo && a.Addr() < hi)
	}()
	f()
}

var lo, hi uintptr

func inFrame(b []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(error)
		}
	}()
	for i := range b {
		b[i] = 1
		n++
	}
	return
}

func main() {
	debug.SetPanicOnFault(true)
	page := syscall.Getpagesize()
	data, err := syscall.Mmap(-1, 0, 8*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := syscall.Mprotect(data[4*page:], syscall.PROT_NONE); err != nil {
		fmt.Println(err)
		return
	}
	lo, hi = addr(data[4*page:]), addr(data[4*page:])+uintptr(4*page)
	n, err := inFrame(data)
	fmt.Println(n == 4*page, err != nil)
	try("store", func() { data[5*page] = 1 })
	try("copy", func() { copy(data[3*page:], make([]byte, 2*page)) })
	try("clear", func() { clear(data[3*page:]) })
	try("deferred", func() {
		defer func() { data[6*page] = 1 }()
	})
	done := make(chan bool)
	go func() {
		defer close(done)
		debug.SetPanicOnFault(true)
		try("goroutine", func() { data[7*page] = 1 })
	}()
	<-done
}

func addr(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
