package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
)

// Many threads sit in blocking reads at once while the others go on allocating and collecting.
func main() {
	count := 300
	if len(os.Args) > 1 {
		fmt.Sscan(os.Args[1], &count)
	}
	debug.SetMaxThreads(count + 1000)
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		fmt.Println(err)
		return
	}
	var wg, started sync.WaitGroup
	for i := 0; i < count; i++ {
		wg.Add(1)
		started.Add(1)
		go func() {
			defer wg.Done()
			var b [1]byte
			started.Done()
			for {
				n, err := syscall.Read(p[0], b[:])
				if err == syscall.EINTR {
					continue
				}
				if n != 1 || err != nil {
					fmt.Println(n, err)
				}
				return
			}
		}()
	}
	started.Wait()
	for i := 0; i < 20; i++ {
		_ = make([]byte, 1<<20)
		runtime.GC()
	}
	buf := make([]byte, count)
	for len(buf) > 0 {
		n, err := syscall.Write(p[1], buf)
		if err != nil {
			fmt.Println(err)
			return
		}
		buf = buf[n:]
	}
	wg.Wait()
	fmt.Println("done")
}
