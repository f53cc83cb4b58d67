package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

// Memory that the system does not give: sizes that cannot be, and an address space that is limited. The process ends with Go's fatal error
// where it must, and panics where the program may go on.

var sink any

func try(what string, f func()) {
	defer func() {
		if err, ok := recover().(runtime.Error); ok {
			fmt.Println(what+":", err)
		} else {
			fmt.Println(what + ": no panic")
		}
	}()
	f()
}

var children map[string]func()

func init() {
	children = map[string]func(){
		// See command for those with a limited address space.
		"large": func() { sink = make([]byte, 100<<30) },
		"small": func() {
			var list [][]byte
			for {
				list = append(list, make([]byte, 32<<20))
			}
		},
		"enormous": func() { sink = make([]byte, 1<<46) },
		// Threads that the limit leaves no stacks for.
		"threads": func() {
			done := make(chan int)
			for range 200 {
				go func() {
					runtime.LockOSThread()
					<-done
				}()
			}
			for range 100 {
				runtime.Gosched()
			}
			fmt.Println("not out of threads")
		},
		"stack": func() {
			debug.SetMaxStack(16 << 20)
			var deep func(n int, pad [100]int) int
			deep = func(n int, pad [100]int) int { pad[n%100] = n; return deep(n+1, pad) + pad[3] }
			fmt.Println(deep(0, [100]int{}))
		},
	}
}

// outOfMemory tells the ways to say it: the allocator's, mmap's, and that of the second mark of tests.
func outOfMemory(text string) bool {
	return strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate") || strings.Contains(text, "no memory")
}

// command runs this program with one of the children. The limit holds from the start of the process: what it has reserved before is its own.
func command(name string) *exec.Cmd {
	if name == "stack" || name == "enormous" {
		return exec.Command(os.Args[0], name)
	}
	return exec.Command("sh", "-c", `ulimit -v 4194304 && exec "$0" "$1"`, os.Args[0], name)
}

func main() {
	if len(os.Args) > 1 {
		children[os.Args[1]]()
		return
	}
	n := -1
	try("negative", func() { sink = make([]int, n) })
	n = 1 << 60
	try("huge slice", func() { sink = make([]int64, n) })
	try("huge capacity", func() { sink = make([]int64, 0, n) })
	try("huge channel", func() { sink = make(chan [100]int, n) })
	m := make(map[int]int, -n)
	m[1] = 1
	fmt.Println(len(m))
	try("append", func() {
		s := make([]struct{}, 1<<62)
		s = append(s, s...)
		s = append(s, s...)
	})
	for _, name := range []string{"large", "small", "enormous", "stack"} {
		child := command(name)
		var stderr bytes.Buffer
		child.Stderr = &stderr
		err := child.Run()
		var exit *exec.ExitError
		code := 0
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		text := stderr.String()
		fmt.Println(name, code, outOfMemory(text),
			strings.Contains(text, "stack overflow"))
	}
	// A limit that leaves room enough: the program works as ever, and gives an error where the system does.
	child := command("threads")
	out, err := child.CombinedOutput()
	fmt.Println(err == nil && strings.Contains(string(out), "not out of threads") ||
		strings.Contains(string(out), "failed to create new OS thread") || strings.Contains(string(out), "memory"))
}
