// The clean twin: the part that is kept is copied.
package main

import (
	"strings"

	"leaks/hold"
)

var titles []string

func remember(page string) {
	titles = append(titles, strings.Clone(page[:16]))
}

func main() {
	for range 200 {
		remember(strings.Repeat("a long page; ", 4000))
	}
	hold.Here()
}
