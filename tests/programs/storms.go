package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Signals, processes, stops of the world and collections all at once.

type tree struct {
	left, right *tree
	n           int
}

func grow(depth, n int) *tree {
	if depth == 0 {
		return &tree{n: n}
	}
	return &tree{grow(depth-1, 2*n), grow(depth-1, 2*n+1), n}
}

func (t *tree) sum() int {
	if t.left == nil {
		return t.n
	}
	return t.n + t.left.sum() + t.right.sum()
}

func main() {
	if len(os.Args) > 1 {
		fmt.Print(strings.Join(os.Args[1:], "+"))
		return
	}
	caught := make(chan os.Signal, 16)
	signal.Notify(caught, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	var stop atomic.Bool
	var seen [64]atomic.Int64
	var background sync.WaitGroup
	background.Go(func() {
		for s := range caught {
			seen[s.(syscall.Signal)].Add(1)
		}
	})
	var senders sync.WaitGroup
	senders.Go(func() {
		for !stop.Load() {
			for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGURG, syscall.SIGCHLD} {
				syscall.Kill(os.Getpid(), s)
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	senders.Go(func() {
		for !stop.Load() {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	})
	senders.Go(func() {
		var stats runtime.MemStats
		for !stop.Load() {
			runtime.ReadMemStats(&stats)
			runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
			time.Sleep(time.Millisecond)
		}
	})
	wrong := make(chan string, 100)
	var work sync.WaitGroup
	for w := range 3 {
		work.Go(func() {
			for i := range 12 {
				want := fmt.Sprint("child+", w, "+", i)
				out, err := exec.Command(os.Args[0], "child", fmt.Sprint(w), fmt.Sprint(i)).Output()
				if err != nil || string(out) != want {
					wrong <- fmt.Sprintf("%q instead of %q (%v)", out, want, err)
				}
			}
		})
		work.Go(func() {
			want := grow(8, 1).sum()
			for range 60 {
				if got := grow(8, 1).sum(); got != want {
					wrong <- fmt.Sprint(got, " instead of ", want)
				}
				r, p, err := os.Pipe()
				if err != nil {
					wrong <- err.Error()
					continue
				}
				go func() { p.Write(make([]byte, 100_000)); p.Close() }()
				n, buf := 0, make([]byte, 4096)
				for {
					m, err := r.Read(buf)
					n += m
					if err != nil {
						break
					}
				}
				r.Close()
				if n != 100_000 {
					wrong <- fmt.Sprint(n, " bytes through a pipe")
				}
			}
		})
	}
	work.Wait()
	stop.Store(true)
	senders.Wait()
	signal.Stop(caught)
	close(caught)
	background.Wait()
	close(wrong)
	for w := range wrong {
		fmt.Println(w)
	}
	fmt.Println(seen[syscall.SIGUSR1].Load() > 0, seen[syscall.SIGUSR2].Load() > 0, seen[syscall.SIGWINCH].Load() > 0)
}
