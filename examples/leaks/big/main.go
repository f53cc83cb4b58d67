// Ten million objects in one gigabyte, and the longest time the program itself stood still meanwhile.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"
)

type Node struct {
	left, right *Node
	id          int
	payload     [10]int
}

func build(count int) *Node {
	if count == 0 {
		return nil
	}
	left := (count - 1) / 2
	return &Node{left: build(left), right: build(count - 1 - left), id: count}
}

var root *Node

func main() {
	count := 10_000_000
	if len(os.Args) > 1 {
		count, _ = strconv.Atoi(os.Args[1])
	}
	root = build(count)
	runtime.GC()
	runtime.GC()
	done := make(chan bool)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	fmt.Println("ready")
	runtime.LockOSThread()
	var worst time.Duration
	last := time.Now()
	for {
		select {
		case <-done:
			fmt.Println("longest gap", worst)
			runtime.KeepAlive(root)
			return
		default:
		}
		time.Sleep(200 * time.Microsecond)
		now := time.Now()
		worst = max(worst, now.Sub(last))
		last = now
	}
}
