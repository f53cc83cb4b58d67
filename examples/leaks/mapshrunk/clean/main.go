// The same, with what is left copied into a new map.
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
	left := map[int]visitor{}
	for id, v := range online {
		if id%2000 == 0 {
			left[id] = v
		}
	}
	online = left
}

func main() {
	rush()
	night()
	hold.Here()
}
