// After a peak one object in sixteen lives on, one in nearly every span: no span can be given back.
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
	for i := 0; i < len(all); i += 16 {
		kept = append(kept, all[i])
	}
}

func main() {
	peak()
	hold.Here()
}
