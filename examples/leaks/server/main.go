// A plain net/http server with a little of everything that looks like a leak and is
// none: a bounded cache, pooled buffers, a worker pool, tickers that are read.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"sync"
	"time"
)

type item struct {
	Name string
	Tags []string
}

var (
	mu      sync.RWMutex
	cache   = map[string]*item{}
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	jobs    = make(chan string, 64)
)

func worker() {
	for name := range jobs {
		mu.Lock()
		if len(cache) > 1000 {
			clear(cache)
		}
		cache[name] = &item{Name: name, Tags: []string{"a", "b"}}
		mu.Unlock()
	}
}

func main() {
	for range 8 {
		go worker()
	}
	go func() {
		for range time.Tick(time.Second) {
			mu.RLock()
			_ = len(cache)
			mu.RUnlock()
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("/item/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		select {
		case jobs <- name:
		case <-r.Context().Done():
			return
		}
		b := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(b)
		b.Reset()
		mu.RLock()
		json.NewEncoder(b).Encode(cache[name])
		mu.RUnlock()
		w.Write(b.Bytes())
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, mux)
	fmt.Println("ready", listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}
