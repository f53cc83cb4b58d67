// What loggers do with frames: they keep the PC of a Frame, also of an inlined call, and look its call up later. And capacities of
// slices made from constants.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

type logger struct{ name string }

func (l *logger) log(level int, args ...any) runtime.Frame { return l.entry(level, args...) }

//go:noinline
func (l *logger) entry(level int, args ...any) runtime.Frame {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for {
		frame, more := frames.Next()
		if !strings.Contains(frame.Function, "logger") || !more {
			return frame
		}
	}
}

func (l *logger) Info(args ...any) runtime.Frame { return l.log(1, args...) }
func (l *logger) Warn(args ...any) runtime.Frame { return l.Info(args...) }

func show(frame runtime.Frame) {
	again, _ := runtime.CallersFrames([]uintptr{frame.PC + 1}).Next()
	fmt.Println(frame.Function, frame.Line, again.Function, again.Line, runtime.FuncForPC(frame.PC).Name())
	options := &slog.HandlerOptions{AddSource: true, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if source, ok := a.Value.Any().(*slog.Source); ok {
			return slog.String("source", fmt.Sprint(filepath.Base(source.File), ":", source.Line))
		}
		return a
	}}
	record := slog.NewRecord(time.Time{}, slog.LevelInfo, "message", frame.PC+1)
	slog.NewTextHandler(os.Stdout, options).Handle(context.Background(), record)
}

func inlined(l *logger) runtime.Frame { return l.Warn("inner") }

var (
	bytes []byte
	runes []rune
)

func main() {
	l := &logger{"l"}
	show(l.Info("one"))
	show(l.Warn("two"))
	show(inlined(l))
	func() {
		show(l.log(3))
	}()
	bytes, runes = []byte("xyz"), []rune("xyz\xff")
	fmt.Println(len(bytes), cap(bytes), len(runes), cap(runes), runes)
	longer := append(bytes, '!')
	longer[0] = 'X'
	fmt.Println(string(bytes), string(longer))
	bytes, runes = []byte(""), []rune("")
	fmt.Println(bytes == nil, cap(bytes), runes == nil, cap(runes))
}
