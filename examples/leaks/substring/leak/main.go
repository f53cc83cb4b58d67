// Kind 4: a short substring keeps the whole string it was cut from.
package main

import (
	"strings"

	"leaks/hold"
)

var titles []string

func remember(page string) {
	titles = append(titles, page[:16])
}

func main() {
	for range 200 {
		remember(strings.Repeat("a long page; ", 4000))
	}
	hold.Here()
}
