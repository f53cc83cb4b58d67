// A map that was large once: Go keeps its tables when entries are deleted.
package main

import "leaks/hold"

type visitor struct {
	seen  int64
	pages [6]int64
}

var online = map[int]visitor{}

func rush() {
	for id := range 200_000 {
		online[id] = visitor{seen: int64(id)}
	}
}

func night() {
	for id := range online {
		if id%2000 != 0 {
			delete(online, id)
		}
	}
}

func main() {
	rush()
	night()
	hold.Here()
}
