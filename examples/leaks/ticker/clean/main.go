// The clean twin: a session that ends stops its ticker and leaves the registry; one
// goroutine reads the ticker that all share.
package main

import (
	"time"

	"leaks/hold"
)

type session struct {
	id    int
	beat  *time.Ticker
	state [512]byte
}

var sessions = map[int]*session{}

func open(id int) {
	sessions[id] = &session{id: id, beat: time.NewTicker(time.Minute)}
}

func closeSession(id int) {
	sessions[id].beat.Stop()
	delete(sessions, id)
}

func main() {
	for id := range 500 {
		open(id)
	}
	for id := range 500 {
		closeSession(id)
	}
	shared := time.NewTicker(time.Minute)
	go func() {
		for range shared.C {
		}
	}()
	hold.Here()
}
