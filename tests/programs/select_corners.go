// Select: nil channels, defaults, closed channels, fairness, evaluation order of its operands.
package main

import (
	"fmt"
	"sync"
	"time"
)

func ch(name string, c chan int) chan int { fmt.Print("chan ", name, "; "); return c }
func val(v int) int                       { fmt.Print("val ", v, "; "); return v }

func evaluation() {
	full := make(chan int, 1)
	full <- 0
	empty := make(chan int)
	var arr [3]int
	index := func(i int) int { fmt.Print("index ", i, "; "); return i }
	select {
	case ch("a", empty) <- val(1):
	case ch("b", nil) <- val(2):
	case arr[index(2)] = <-ch("c", full):
		fmt.Println("received", arr)
	case v, ok := <-ch("d", empty):
		fmt.Println(v, ok)
	}
}

func nilChannels() {
	var never chan string
	select {
	case never <- "x":
		fmt.Println("sent")
	case s := <-never:
		fmt.Println("got", s)
	default:
		fmt.Println("default")
	}
	a, b := make(chan int), make(chan int)
	go func() {
		for i := range 3 {
			a <- i
		}
		close(a)
	}()
	go func() {
		for i := range 3 {
			b <- 10 + i
		}
		close(b)
	}()
	sum, closed := 0, 0
	for a != nil || b != nil {
		select {
		case v, ok := <-a:
			if !ok {
				a = nil
				closed++
				continue
			}
			sum += v
		case v, ok := <-b:
			if !ok {
				b = nil
				closed++
				break
			}
			sum += v
		}
	}
	fmt.Println("merged", sum, closed)
}

func fairness() {
	a, b, c := make(chan int, 1), make(chan int, 1), make(chan struct{})
	close(c)
	counts := [4]int{}
	for range 3000 {
		a <- 1
		select {
		case <-a:
			counts[0]++
		case b <- 1:
			<-b
			<-a
			counts[1]++
		case <-c:
			<-a
			counts[2]++
		}
	}
	for i := range 3 {
		fmt.Print(counts[i] > 700, " ")
	}
	fmt.Println(counts[0] + counts[1] + counts[2])
}

func timeouts() {
	c := make(chan int)
	select {
	case <-c:
	case <-time.After(5 * time.Millisecond):
		fmt.Println("timeout")
	}
	done := make(chan bool)
	go func() { time.Sleep(time.Millisecond); close(done) }()
	select {
	case _, ok := <-done:
		fmt.Println("done", ok)
	case <-time.After(10 * time.Second):
		fmt.Println("too late")
	}
}

type message struct {
	id   int
	text string
	pad  [20]int
}

func bigElements() {
	c := make(chan message, 2)
	d := make(chan *message)
	e := make(chan struct{})
	go func() {
		for i := range 4 {
			m := message{id: i, text: fmt.Sprint("m", i)}
			m.pad[19] = i * i
			if i%2 == 0 {
				c <- m
			} else {
				d <- &m
			}
			<-e
		}
	}()
	for range 4 {
		select {
		case m := <-c:
			fmt.Println("value", m.id, m.text, m.pad[19])
		case m := <-d:
			fmt.Println("pointer", m.id, m.text, m.pad[19])
		}
		e <- struct{}{}
	}
}

func loopControl() {
	c := make(chan int, 10)
	for i := range 10 {
		c <- i
	}
	close(c)
	n := 0
outer:
	for {
		select {
		case v, ok := <-c:
			switch {
			case !ok:
				break outer
			case v%3 == 0:
				continue outer
			}
			n += v
		}
		n += 100
	}
	fmt.Println("loop", n)
}

func manyWaiters() {
	const n = 50
	var wg sync.WaitGroup
	chans := [5]chan int{}
	for i := range chans {
		chans[i] = make(chan int)
	}
	stop := make(chan struct{})
	var mu sync.Mutex
	total, stopped := 0, 0
	for range n {
		wg.Go(func() {
			for {
				select {
				case v := <-chans[0]:
					mu.Lock()
					total += v
					mu.Unlock()
				case v := <-chans[1]:
					mu.Lock()
					total += 2 * v
					mu.Unlock()
				case v := <-chans[2]:
					mu.Lock()
					total += 3 * v
					mu.Unlock()
				case <-stop:
					mu.Lock()
					stopped++
					mu.Unlock()
					return
				}
			}
		})
	}
	var senders sync.WaitGroup
	for i := range 3 {
		senders.Go(func() {
			for k := range 1000 {
				select {
				case chans[i] <- k:
				case chans[3] <- k:
				case <-chans[4]:
				}
			}
		})
	}
	senders.Wait()
	close(stop)
	wg.Wait()
	fmt.Println("waiters", total, stopped)
}

func sameChannelTwice() {
	c := make(chan int, 1)
	got := 0
	for range 100 {
		select {
		case c <- 1:
		case v := <-c:
			got += v
		}
	}
	fmt.Println("same", got)
}

func main() {
	evaluation()
	nilChannels()
	fairness()
	timeouts()
	bigElements()
	loopControl()
	manyWaiters()
	sameChannelTwice()
}
