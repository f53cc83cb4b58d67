package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// All descriptors are used up; accepting, opening and dialling fail in order and work again afterwards.
func main() {
	var lim syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim)
	lim.Cur = 64
	fmt.Println(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	var files []*os.File
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			fmt.Println(errors.Is(err, syscall.EMFILE))
			break
		}
		files = append(files, f)
	}
	// Begins only now: accept4 takes a descriptor before it looks whether somebody waits.
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if errors.Is(err, syscall.EMFILE) {
					time.Sleep(time.Millisecond)
					continue
				}
				return
			}
			c.Close()
		}
	}()
	_, err = net.Dial("tcp", l.Addr().String())
	fmt.Println(errors.Is(err, syscall.EMFILE))
	for _, f := range files {
		f.Close()
	}
	for i := 0; i < 100; i++ {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			fmt.Println(err)
			continue
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		c.Read(make([]byte, 1))
		c.Close()
	}
	l.Close()
	fmt.Println("done")
}
