// Every way in which a goroutine can wait for good, twenty of each.
package main

import (
	"sync"
	"time"

	"leaks/hold"
)

func send(c chan int)    { c <- 1 }
func receive(c chan int) { <-c }
func choose(a, b chan int) {
	select {
	case <-a:
	case b <- 1:
	}
}
func nilReceive()                 { var c chan int; <-c }
func nilSend()                    { var c chan int; c <- 1 }
func noCases()                    { select {} }
func waitGroup(w *sync.WaitGroup) { w.Wait() }
func mutex(m *account)            { m.Lock() }
func readLock(m *sync.RWMutex)    { m.RLock() }
func writeLock(m *sync.RWMutex)   { m.Lock() }
func condition(c *sync.Cond)      { c.L.Lock(); c.Wait() }

// account is large enough to lie in memory of its own: several small objects without pointers share a block.
type account struct {
	sync.Mutex
	owner *string
}

func main() {
	for range 20 {
		go send(make(chan int))
		go receive(make(chan int))
		go choose(make(chan int), make(chan int))
		go nilReceive()
		go nilSend()
		go noCases()
		var w sync.WaitGroup
		w.Add(1)
		go waitGroup(&w)
		m := new(account)
		m.Lock()
		go mutex(m)
		var r, s sync.RWMutex
		r.Lock()
		go readLock(&r)
		s.RLock()
		go writeLock(&s)
		go condition(sync.NewCond(new(sync.Mutex)))
	}
	time.Sleep(100 * time.Millisecond)
	hold.Here()
}
