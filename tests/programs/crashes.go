// What a program leaves behind when nobody recovers: each case runs as a child process; its exit status, standard output
// and standard error up to the first traceback are printed.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

type customErr struct{ op string }

func (e *customErr) Error() string { return "custom " + e.op }

type stringer struct{ a, b int }

func (s stringer) String() string { return fmt.Sprintf("<%d-%d>", s.a, s.b) }

type panicky struct{}

func (panicky) Error() string { panic("in Error") }

type plain struct {
	A int
	B string
}
type myInt int
type myString string
type myFloat float64
type point [2]int

var zero int
var nilMap map[string]int
var fn func()

var cases = []struct {
	name string
	f    func()
}{
	{"string", func() { panic("plain text") }},
	{"multi-line", func() { panic("line one\nline two") }},
	{"int", func() { panic(42) }},
	{"uint8", func() { panic(uint8(200)) }},
	{"float", func() { panic(1.5e10) }},
	{"float32", func() { panic(float32(0.25)) }},
	{"complex", func() { panic(complex(1, -2)) }},
	{"bool", func() { panic(true) }},
	{"myInt", func() { panic(myInt(7)) }},
	{"myString", func() { panic(myString("named\ntext")) }},
	{"myFloat", func() { panic(myFloat(2.5)) }},
	{"struct", func() { panic(&struct{}{} == nil) }},
	{"pointer", func() { panic(stringer{3, 4}) }},
	{"array", func() { panic(point{1, 2}) }},
	{"error", func() { panic(errors.New("an error")) }},
	{"wrapped", func() { panic(fmt.Errorf("ctx: %w", &customErr{"op"})) }},
	{"custom", func() { panic(&customErr{"write"}) }},
	{"error that panics", func() { panic(panicky{}) }},
	{"nil", func() { panic(nil) }},
	{"nil error", func() { var e error; panic(e) }},
	{"index", func() { s := []int{1}; s[zero+3] = 1 }},
	{"slice", func() { s := "abc"; _ = s[zero+5:] }},
	{"divide", func() { zero = 1 / zero }},
	{"nil map", func() { nilMap["x"] = 1 }},
	{"nil deref", func() { var p *plain; p.A = 1 }},
	{"nil func", func() { fn() }},
	{"assertion", func() { var e any = "s"; _ = e.(fmt.Stringer) }},
	{"closed", func() { c := make(chan int); close(c); close(c) }},
	{"nested", func() {
		defer func() { panic("second") }()
		panic("first")
	}},
	{"three", func() {
		defer func() { panic(fmt.Sprint("third after ", recover())) }()
		defer func() { panic("second") }()
		panic("first")
	}},
	{"repanic same", func() {
		defer func() { panic(recover()) }()
		panic(errors.New("kept"))
	}},
	{"repanic wrapped", func() {
		defer func() {
			if r := recover(); r != nil {
				panic(fmt.Errorf("wrapped: %v", r))
			}
		}()
		_ = []int{}[zero]
	}},
	{"deferred output", func() {
		defer fmt.Println("deferred one")
		defer func() { fmt.Println("deferred two") }()
		panic("after output")
	}},
	{"goroutine", func() {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() { defer wg.Done(); panic("in goroutine") }()
		wg.Wait()
		select {}
	}},
	{"goexit main", func() { runtime.Goexit() }},
	{"goexit in defer of panic", func() {
		go func() {
			defer os.Exit(9)
			defer runtime.Goexit()
			panic("dropped")
		}()
		select {}
	}},
	{"os.Exit", func() { defer fmt.Println("never"); os.Exit(3) }},
	{"deadlock", func() { <-make(chan int) }},
	{"deadlock mutex", func() { var m sync.Mutex; m.Lock(); m.Lock() }},
	{"deadlock wg", func() { var w sync.WaitGroup; w.Add(1); w.Wait() }},
	{"deadlock select", func() { select {} }},
	{"unlock", func() { var m sync.Mutex; m.Unlock() }},
	{"runlock", func() { var m sync.RWMutex; m.RUnlock() }},
	{"negative wg", func() { var w sync.WaitGroup; w.Done() }},
	{"concurrent map", func() {
		m := map[int]int{}
		for range 4 {
			go func() {
				for i := 0; ; i++ {
					m[i%1000]++
				}
			}()
		}
		time.Sleep(5 * time.Second)
	}},
	{"all goroutines in sleep", func() { go func() { time.Sleep(time.Millisecond); panic("late") }(); select {} }},
	{"stack overflow", func() { var f func(int) int; f = func(n int) int { return f(n+1) + 1 }; f(0) }},
	{"sigterm", func() { syscall.Kill(os.Getpid(), syscall.SIGTERM); select {} }},
	{"sigkill", func() { syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }},
}

func main() {
	if len(os.Args) > 1 {
		for _, c := range cases {
			if c.name == os.Args[1] {
				c.f()
				fmt.Println("returned")
			}
		}
		return
	}
	for _, c := range cases {
		cmd := exec.Command(os.Args[0], c.name)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		fmt.Printf("== %s: %v %d\n%s", c.name, err, cmd.ProcessState.ExitCode(), out.String())
		for _, line := range strings.Split(strings.TrimSpace(errs.String()), "\n") {
			if strings.HasPrefix(line, "goroutine ") || line == "runtime stack:" {
				break
			}
			if strings.HasPrefix(line, "runtime: sp=") || strings.HasPrefix(line, "[signal") || strings.HasPrefix(line, "stack: frame") {
				continue
			}
			if at := strings.Index(line, "0x"); at >= 0 {
				line = line[:at] + "ADDRESS"
			}
			fmt.Println("  ", line)
		}
	}
}
