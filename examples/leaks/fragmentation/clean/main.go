// The same peak; those that live on were allocated together.
package main

import "leaks/hold"

type record struct {
	next *record
	body [504]byte
}

var kept []*record

func peak() {
	all := make([]*record, 0, 250_000)
	for range cap(all) {
		r := &record{}
		r.body[0] = 1
		all = append(all, r)
	}
	kept = append(kept, all[:len(all)/16]...)
}

func main() {
	peak()
	hold.Here()
}
