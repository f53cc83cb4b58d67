// Contexts with a deadline that are never cancelled: each lives, with its timer, until the deadline.
package main

import (
	"context"
	"time"

	"leaks/hold"
)

type key struct{}

func handle(id int) {
	ctx := context.WithValue(context.Background(), key{}, new([200]byte))
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	_, _ = ctx, cancel
}

func main() {
	for id := range 20_000 {
		handle(id)
	}
	hold.Here()
}
