// A million goroutines parked on a channel: memory that each takes, beside the time to make and to release them. The figures
// go to standard error; standard output is the same for every compiler.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// resident is the resident set in bytes.
func resident() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize()
}

func main() {
	const count = 1_000_000
	before := resident()
	release := make(chan struct{})
	var started, done sync.WaitGroup
	started.Add(count)
	done.Add(count)
	for range count {
		go func() {
			started.Done()
			<-release
			done.Done()
		}()
	}
	started.Wait()
	for runtime.NumGoroutine() != count+1 {
		runtime.Gosched()
	}
	fmt.Fprintf(os.Stderr, "parked: %d bytes per goroutine\n", (resident()-before)/count)
	close(release)
	done.Wait()
	fmt.Println(count)
}
