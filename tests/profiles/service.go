// A small service with middleware and nested groups that is profiled over its own net/http/pprof endpoints: works for every
// kind of profile, then writes what each endpoint answers to the folder that its argument names.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

type context struct {
	writer   http.ResponseWriter
	request  *http.Request
	handlers []handler
	index    int
}

type handler func(*context)

func (c *context) next() {
	for c.index < len(c.handlers) {
		h := c.handlers[c.index]
		c.index++
		h(c)
	}
}

type group struct {
	prefix   string
	handlers []handler
}

func (g *group) group(prefix string, handlers ...handler) *group {
	return &group{g.prefix + prefix, append(g.handlers[:len(g.handlers):len(g.handlers)], handlers...)}
}

func (g *group) get(path string, h handler) {
	chain := append(g.handlers[:len(g.handlers):len(g.handlers)], h)
	http.HandleFunc("GET "+g.prefix+path, func(w http.ResponseWriter, r *http.Request) {
		c := &context{writer: w, request: r, handlers: chain}
		c.next()
	})
}

func recovery(c *context) {
	defer func() {
		if r := recover(); r != nil {
			http.Error(c.writer, fmt.Sprint(r), http.StatusInternalServerError)
		}
	}()
	c.next()
}

func logger(c *context) {
	from := time.Now()
	c.next()
	c.writer.Header().Set("X-Took", time.Since(from).String())
}

// ---- heap, allocs

type record struct {
	name [1000]byte
	next *record
}

var (
	kept    *record
	dropped *record
	table   [20][]byte
)

func keep(c *context) {
	for range 50 {
		kept = &record{next: kept}
	}
	for i := range table {
		table[i] = fill(10_000)
	}
}

// fill is small enough to be inlined.
func fill(size int) []byte { return make([]byte, size) }

//go:noinline
func drop(c *context) {
	for range 100 {
		dropped = new(record)
	}
	dropped = nil
}

// ---- block, mutex

//go:noinline
func receive(ch chan int) int { return <-ch }

//go:noinline
func choose(a, b chan int) int {
	select {
	case v := <-a:
		return v
	case v := <-b:
		return v
	}
}

func block(c *context) {
	for range 5 {
		a, b := make(chan int), make(chan int)
		go func() {
			time.Sleep(20 * time.Millisecond)
			a <- 1
			time.Sleep(20 * time.Millisecond)
			b <- 2
		}()
		receive(a)
		choose(a, b)
	}
}

type counter struct {
	mu sync.Mutex
	n  int
}

//go:noinline
func (s *counter) hold() {
	s.mu.Lock()
	s.n++
	time.Sleep(5 * time.Millisecond)
	s.mu.Unlock()
}

//go:noinline
func (s *counter) deferred() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	time.Sleep(5 * time.Millisecond)
}

func contend(c *context) {
	var wait sync.WaitGroup
	var s counter
	for range 4 {
		wait.Go(func() {
			for range 5 {
				s.hold()
			}
		})
		wait.Go(func() {
			for range 5 {
				s.deferred()
			}
		})
	}
	wait.Wait()
}

// ---- goroutine, goroutineleak

var forever = make(chan int)

//go:noinline
func park() { <-forever }

//go:noinline
func leak(ch chan int) { ch <- 1 }

func start(c *context) {
	for range 7 {
		go park()
	}
	for range 3 {
		go leak(make(chan int))
	}
	time.Sleep(10 * time.Millisecond)
}

// ---- cpu

var total uint64

//go:noinline
func spin(until time.Time) {
	for time.Now().Before(until) {
		step()
	}
}

//go:noinline
func step() {
	sum := total
	for i := range uint64(100_000) {
		sum = sum*31 + i ^ sum>>7
	}
	total = sum
}

func compute(c *context) { spin(time.Now().Add(1500 * time.Millisecond)) }

func main() {
	runtime.MemProfileRate = 1
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	api := (&group{handlers: []handler{recovery, logger}}).group("/api", func(c *context) { c.next() })
	api.get("/keep", keep)
	api.get("/drop", drop)
	api.get("/block", block)
	api.get("/contend", contend)
	api.group("/v1").get("/start", start)
	api.get("/compute", compute)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(listener, nil)
	get := func(path string) []byte {
		answer, err := http.Get("http://" + listener.Addr().String() + path)
		check(err)
		body, err := io.ReadAll(answer.Body)
		check(err)
		if answer.StatusCode != 200 {
			check(fmt.Errorf("%s: %s: %s", path, answer.Status, body))
		}
		return body
	}
	save := func(name, query string) {
		body := get("/debug/pprof/" + name + query)
		check(os.WriteFile(filepath.Join(os.Args[1], name), body, 0o644))
	}
	for _, path := range []string{"/keep", "/drop", "/block", "/contend", "/v1/start"} {
		get("/api" + path)
	}
	runtime.GC()
	for _, name := range []string{"heap", "allocs", "goroutine", "threadcreate", "block", "mutex", "cmdline"} {
		save(name, "")
	}
	save("goroutineleak", "")
	var wait sync.WaitGroup
	wait.Go(func() { save("profile", "?seconds=1") })
	get("/api/compute")
	wait.Wait()
	check(os.WriteFile(filepath.Join(os.Args[1], "index"), get("/debug/pprof/"), 0o644))
	check(os.WriteFile(filepath.Join(os.Args[1], "stacks.txt"), get("/debug/pprof/goroutine?debug=2"), 0o644))
	get("/debug/pprof/trace?seconds=0.1")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
