// The same contexts, cancelled when their user ends.
package main

import (
	"context"
	"time"

	"leaks/hold"
)

type key struct{}

func handle(id int) {
	ctx := context.WithValue(context.Background(), key{}, new([200]byte))
	_, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
}

func main() {
	for id := range 20_000 {
		handle(id)
	}
	hold.Here()
}
