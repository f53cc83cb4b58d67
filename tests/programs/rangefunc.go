// Range over functions: break, continue, labels, return, defer, nested, panics.
package main

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer fmt.Print("(done)")
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func find(limit int) (r string) {
	defer func() { r += "!" }()
	for i := range count(10) {
		for j := range count(10) {
			if i*j > limit {
				return fmt.Sprint(i, "*", j)
			}
		}
	}
	return "none"
}

func labels() {
outer:
	for i := range count(5) {
		for j := range count(5) {
			switch {
			case j == 1:
				continue
			case i == 1:
				continue outer
			case i == 3:
				break outer
			}
			fmt.Print(" ", i, j)
		}
	}
	fmt.Println()
}

func deferred() {
	for i := range count(3) {
		defer fmt.Print("d", i, " ")
	}
	fmt.Print("end ")
}

func bad() {
	defer func() { fmt.Println("\n", recover()) }()
	var saved func(int) bool
	for range func(yield func(int) bool) { saved = yield; yield(1) } {
	}
	saved(2)
}

func main() {
	fmt.Println(find(12), find(1000))
	labels()
	deferred()
	fmt.Println()
	bad()
	next, stop := iter.Pull(count(3))
	fmt.Print(next())
	fmt.Print(next())
	stop()
	fmt.Println(next())
	m := map[string]int{"a": 1, "b": 2, "c": 3}
	fmt.Println(slices.Sorted(maps.Keys(m)), slices.Collect(maps.Values(map[int]int{1: 9})))
	for i := range 3 {
		fmt.Print(i)
	}
	for range 2 {
		fmt.Print("x")
	}
	fmt.Println()
}
