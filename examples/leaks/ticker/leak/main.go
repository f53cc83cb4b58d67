// Kind 3: tickers that are never stopped and stay referenced. (Since Go 1.23 a
// ticker nobody refers to is collected by itself; these are kept in a registry.)
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

func main() {
	for id := range 500 {
		open(id)
	}
	hold.Here()
}
