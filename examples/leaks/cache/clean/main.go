// The clean twin: the cache is bounded.
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
	if len(cache) >= 100 {
		for old := range cache {
			delete(cache, old)
			break
		}
	}
	p := &page{url, make([]byte, 8<<10)}
	cache[url] = p
	return p
}

func main() {
	for i := range 200 {
		fetch(fmt.Sprint("/first/", i))
	}
	go func() {
		for i := 0; ; i++ {
			fetch(fmt.Sprint("/page/", i))
			time.Sleep(time.Millisecond)
		}
	}()
	hold.Here()
}
