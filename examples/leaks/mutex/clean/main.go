// The clean twin: Unlock is deferred, so every return releases the mutex.
package main

import (
	"errors"
	"sync"
	"time"

	"leaks/hold"
)

type account struct {
	mu      sync.Mutex
	balance int
	history []byte
}

var errEmpty = errors.New("empty")

func (a *account) withdraw(amount int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.balance < amount {
		return errEmpty
	}
	a.balance -= amount
	return nil
}

func (a *account) deposit(amount int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance += amount
}

var shared = &account{history: make([]byte, 1<<20)}

func main() {
	shared.withdraw(100)
	for i := range 200 {
		go shared.deposit(i)
	}
	time.Sleep(100 * time.Millisecond)
	hold.Here()
}
