// Profiler labels in the headers of tracebacks (on by default since Go 1.27), quoted where they have to be.
package main

import (
	"context"
	"runtime"
	"runtime/pprof"
	"strings"
	"fmt"
)

func main() {
	for _, s := range []string{"", "a-b", "a b", "ä", "a:b", "a{", "x=1", "A9./_", "\xff", "\u200b", "\x7f","a,b", "\a\b\f\v"} {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("k", s)))
		b := make([]byte, 2000)
		t := string(b[:runtime.Stack(b, false)])
		fmt.Println(strings.SplitN(t, "\n", 2)[0])
	}
}
