package runtime

import "unsafe"

// Channels are the Rust runtime's: see stubs.go. hchan is opaque here.
type hchan struct{ _ [112]byte }

// block implements select {}.
func block() { blockForever() }

// A runtimeSelect is a case of reflect.Select.
type runtimeSelect struct {
	dir selectDir
	typ unsafe.Pointer
	ch  unsafe.Pointer
	val unsafe.Pointer // where to send from or to receive to
}

type selectDir int

const (
	_ selectDir = iota
	selectSend
	selectRecv
	selectDefault
)

//go:linkname reflect_rselect reflect.rselect
func reflect_rselect(cases []runtimeSelect) (int, bool) {
	if len(cases) == 0 {
		block()
	}
	// selectgo wants the sends first, then the receives: number them from both ends.
	sel := make([]scase, len(cases))
	origin := make([]int, len(cases))
	nsends, nrecvs, fallback := 0, 0, -1
	for i, c := range cases {
		switch c.dir {
		case selectDefault:
			fallback = i
			continue
		case selectSend:
			sel[nsends] = scase{c: c.ch, elem: c.val}
			origin[nsends] = i
			nsends++
		case selectRecv:
			nrecvs++
			j := len(cases) - nrecvs
			sel[j] = scase{c: c.ch, elem: c.val}
			origin[j] = i
		}
	}
	if nsends+nrecvs == 0 {
		return fallback, false
	}
	if nsends+nrecvs < len(cases) {
		copy(sel[nsends:], sel[len(cases)-nrecvs:])
		copy(origin[nsends:], origin[len(cases)-nrecvs:])
	}
	order := make([]uint16, 2*(nsends+nrecvs))
	chosen, ok := selectgo(&sel[0], &order[0], nsends, nrecvs, fallback < 0)
	if chosen < 0 {
		return fallback, false
	}
	return origin[chosen], ok
}
