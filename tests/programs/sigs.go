package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type node struct {
	l, r *node
	v    int
}

func tree(d int) *node {
	if d == 0 {
		return &node{v: 1}
	}
	return &node{tree(d - 1), tree(d - 1), d}
}
func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.v + n.l.sum() + n.r.sum()
}

// Signals arrive all the time while goroutines allocate, collect, sleep, and use pipes.
func main() {
	c := make(chan os.Signal, 16)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	var got atomic.Int64
	go func() {
		for range c {
			got.Add(1)
		}
	}()
	stop := make(chan bool)
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			want := tree(8).sum()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if s := tree(8).sum(); s != want {
					fmt.Println("wrong sum", s, want)
				}
			}
		}()
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		r, w, _ := os.Pipe()
		b := make([]byte, 100)
		for {
			select {
			case <-stop:
				return
			default:
			}
			w.Write([]byte("hello"))
			if n, err := r.Read(b); n != 5 || err != nil {
				fmt.Println("pipe", n, err)
			}
			time.Sleep(10 * time.Microsecond)
		}
	}()
	pid := os.Getpid()
	end := time.Now().Add(1 * time.Second)
	for i := 0; time.Now().Before(end); i++ {
		syscall.Kill(pid, []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGURG, syscall.SIGALRM}[i%5])
		if i%100 == 0 {
			runtime.GC()
		}
		runtime.Gosched()
	}
	close(stop)
	wg.Wait()
	fmt.Println(got.Load() > 0, "done")
}
