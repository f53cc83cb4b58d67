// What a program can ask of its runtime: callers, stacks, goroutine counts, limits, build information, memory profile rates.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"
)

type T struct{ n int }

func (t T) value() []string    { return where(1) }
func (t *T) pointer() []string { return where(1) }

func where(skip int) []string {
	pcs := make([]uintptr, 10)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip+1, pcs)])
	var out []string
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "main.") {
			out = append(out, fmt.Sprintf("%s:%d", f.Function, f.Line))
		}
		if !more {
			return out
		}
	}
}

func generic[X any](x X) []string { return where(1) }

func inlined() []string { return small() }
func small() []string   { return where(1) }

type stackErr struct{ frames []string }

func (e *stackErr) Error() string { return "with stack" }

func fail() error { return &stackErr{where(1)} }

func main() {
	_, file, line, ok := runtime.Caller(0)
	fmt.Println(filepath.Base(file), line, ok)
	fmt.Println(T{}.value(), (&T{}).pointer(), generic(1), generic("s"), inlined())
	func() { fmt.Println(where(1)) }()
	defer func() {
		recover()
		fmt.Println(where(1))
	}()
	ch := make(chan []string)
	go func() { ch <- where(1) }()
	fmt.Println(<-ch)
	var se *stackErr
	fmt.Println(errors.As(fmt.Errorf("w: %w", fail()), &se), se.frames)
	pc, _, _, _ := runtime.Caller(0)
	fn := runtime.FuncForPC(pc)
	ff, fl := fn.FileLine(fn.Entry())
	fmt.Println(fn.Name(), filepath.Base(ff), fl)
	stack := string(debug.Stack())
	stack = regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(stack, "X")
	for i, l := range strings.Split(strings.TrimSpace(stack), "\n") {
		if i > 2 {
			fmt.Println(strings.TrimSpace(regexp.MustCompile(`\+X`).ReplaceAllString(filepath.Base(l), "")))
		}
	}
	buf := make([]byte, 10000)
	n := runtime.Stack(buf, true)
	fmt.Println(strings.HasPrefix(string(buf[:n]), "goroutine 1 [running]:"), runtime.Stack(buf[:5], false))
	before := runtime.NumGoroutine()
	stop := make(chan bool)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { <-stop })
	}
	fmt.Println(runtime.NumGoroutine() - before)
	var sb strings.Builder
	for time.Now(); !strings.Contains(sb.String(), "10 @"); time.Sleep(time.Millisecond) {
		sb.Reset()
		pprof.Lookup("goroutine").WriteTo(&sb, 1)
	}
	fmt.Println(strings.HasPrefix(sb.String(), "goroutine profile: total 11"))
	close(stop)
	wg.Wait()
	old := runtime.GOMAXPROCS(3)
	fmt.Println(old > 0, runtime.GOMAXPROCS(old), runtime.NumCPU() > 0, runtime.Version(), runtime.Compiler == "gc" || runtime.Compiler != "")
	debug.SetGCPercent(100) // whatever GOGC says
	fmt.Println(debug.SetGCPercent(50), debug.SetGCPercent(100), debug.SetMaxStack(1<<26) > 0, debug.SetMemoryLimit(-1) > 1<<60)
	bi, ok := debug.ReadBuildInfo()
	fmt.Println(ok, bi.Path, bi.Main.Path, len(bi.Settings) > 0)
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Println(ms.HeapAlloc > 0, ms.Sys >= ms.HeapSys, ms.Mallocs >= ms.Frees, ms.HeapObjects == ms.Mallocs-ms.Frees)
	var gs debug.GCStats
	runtime.GC()
	debug.ReadGCStats(&gs)
	debug.FreeOSMemory()
	fmt.Println(gs.NumGC > 0, len(gs.Pause) > 0)
	b := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_ = strings.Repeat("x", 10)
		}
	})
	fmt.Println(b.N > 0, b.T > 0)
	runtime.LockOSThread()
	done := make(chan bool)
	go func() { runtime.LockOSThread(); close(done) }()
	<-done
	runtime.UnlockOSThread()
	x, y := 1, 0
	defer func() {
		r := recover()
		_, isRuntime := r.(runtime.Error)
		fmt.Println(r, isRuntime)
		fmt.Fprintln(os.Stderr, "last words")
		panic(fmt.Sprint("final ", x))
	}()
	x /= y
}
