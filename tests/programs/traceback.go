// What the runtime says about callers: Caller, Callers, FuncForPC, log positions, Stack.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
)

type T struct{}

func (T) Value()    { where() }
func (*T) Pointer() { where() }

func where() {
	pc := make([]uintptr, 10)
	n := runtime.Callers(2, pc)
	frames := runtime.CallersFrames(pc[:n])
	f, _ := frames.Next()
	fmt.Println(f.Function, filepath.Base(f.File), f.Line)
}

func small() { where() }

func generic[X any](x X) { where() }

func main() {
	small()
	T{}.Value()
	(&T{}).Pointer()
	func() { where() }()
	generic(1)
	generic("x")
	f := T{}.Value
	f()
	_, file, line, ok := runtime.Caller(0)
	fmt.Println(filepath.Base(file), line, ok)
	fmt.Println(runtime.FuncForPC(reflect.ValueOf(small).Pointer()).Name(), runtime.FuncForPC(reflect.ValueOf((*T).Pointer).Pointer()).Name())
	fmt.Println(runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name())
	l := log.New(os.Stdout, "", log.Lshortfile)
	l.Println("logged")
	stack := string(debug.Stack())
	for _, s := range strings.Split(stack, "\n") {
		if strings.HasPrefix(s, "main.") || strings.HasPrefix(s, "goroutine") {
			fmt.Println(s)
		}
	}
	defer func() {
		recover()
		buf := make([]byte, 4096)
		s := string(buf[:runtime.Stack(buf, false)])
		fmt.Println(strings.Contains(s, "main.inner"), strings.Contains(s, "panic("))
	}()
	inner(nil)
}

//go:noinline
func inner(p *int) { *p = 1 }
