// Channels of things with pointers, made and dropped fast: their buffers are objects of their own.
package main

import "fmt"

type item struct {
	name string
	next *item
	n    int
}

func fill(size, n int) chan *item {
	c := make(chan *item, size)
	for i := range size {
		c <- &item{name: fmt.Sprint("item ", n, "/", i), n: n * i}
	}
	return c
}

func drain[T any](c chan T) (all []T) {
	close(c)
	for v := range c {
		all = append(all, v)
	}
	return all
}

func main() {
	sum := 0
	kept := make([]chan *item, 16)
	for n := range 3000 {
		slot := n % len(kept)
		if c := kept[slot]; c != nil {
			for i, it := range drain(c) {
				if want := fmt.Sprint("item ", n-len(kept), "/", i); it.name != want {
					fmt.Printf("got %q, want %q\n", it.name, want)
				}
				sum += it.n
			}
		}
		kept[slot] = fill(1+n%7, n)
	}
	fmt.Println(sum)

	// Values of several words, functions, interfaces.
	structs := make(chan item, 100)
	funcs := make(chan func() int, 100)
	anys := make(chan any, 100)
	for i := range 100 {
		structs <- item{name: fmt.Sprint(i), next: &item{n: i}}
		funcs <- func() int { return i * i }
		anys <- fmt.Sprint("any ", i)
	}
	total := 0
	for i, s := range drain(structs) {
		total += s.next.n + len(s.name)
		if s.name != fmt.Sprint(i) {
			fmt.Println("struct", i, s.name)
		}
	}
	for _, f := range drain(funcs) {
		total += f()
	}
	for i, a := range drain(anys) {
		if a != any(fmt.Sprint("any ", i)) {
			fmt.Println("any", i, a)
		}
	}
	fmt.Println(total)
}
