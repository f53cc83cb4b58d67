// Kind 5: a short slice keeps the whole array below it.
package main

import "leaks/hold"

type sample struct{ at, value int64 }

type series struct {
	name string
	head []sample
}

var kept []series

func summarize(name string, all []sample) {
	kept = append(kept, series{name, all[:3]})
}

func main() {
	for range 100 {
		summarize("cpu", make([]sample, 10000))
	}
	hold.Here()
}
