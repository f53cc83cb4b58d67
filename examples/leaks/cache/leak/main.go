// A cache that only grows: nothing is ever evicted.
package main

import (
	"fmt"
	"time"

	"leaks/hold"
)

type page struct {
	url  string
	body []byte
}

var cache = map[string]*page{}

func fetch(url string) *page {
	if p := cache[url]; p != nil {
		return p
	}
	p := &page{url, make([]byte, 8<<10)}
	cache[url] = p
	return p
}

func main() {
	go func() {
		for i := 0; ; i++ {
			fetch(fmt.Sprint("/page/", i))
			time.Sleep(time.Millisecond)
		}
	}()
	hold.Here()
}
