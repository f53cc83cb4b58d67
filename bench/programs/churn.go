// Small objects of mixed shapes with a sliding live window.
package main

import "fmt"

type item struct {
	id   int
	name string
	next *item
	data []byte
}

func main() {
	const window = 50_000
	ring := make([]*item, window)
	sum := 0
	for i := range 8_000_000 {
		it := &item{id: i, next: ring[(i*7)%window]}
		if i%8 == 0 {
			it.data = make([]byte, 16+i%64)
		}
		if it.next != nil {
			sum += it.next.id & 7
			it.next.next = nil
		}
		ring[i%window] = it
	}
	fmt.Println(sum)
}
