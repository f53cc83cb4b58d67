// sync and atomics: Once family, Pool, Map, RWMutex, Cond, WaitGroup.Go, typed atomics, TryLock, misuse.
package main

import (
	"errors"
	"fmt"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
)

type config struct {
	name string
	n    int
}

func onces() {
	var once sync.Once
	n := 0
	for range 3 {
		func() {
			defer func() { recover() }()
			once.Do(func() { n++; panic("first") })
		}()
	}
	calls := 0
	val := sync.OnceValue(func() int { calls++; return 42 })
	vals := sync.OnceValues(func() (string, error) { calls++; return "v", errors.New("e") })
	bad := sync.OnceFunc(func() { calls++; panic("bad once") })
	fmt.Println(n, val(), val())
	s, err := vals()
	_, err2 := vals()
	fmt.Println(s, err == err2, calls)
	for range 2 {
		func() {
			defer func() { fmt.Println(recover()) }()
			bad()
		}()
	}
	fmt.Println(calls)
}

func maps() {
	var m sync.Map
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				m.LoadOrStore(i, g)
				if i%5 == 0 {
					m.Delete(i)
				}
				if i%7 == 0 {
					m.Store(i, -1)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for k := range 500 {
		if _, ok := m.Load(k); ok {
			n++
		}
	}
	fmt.Println(n >= 400, n <= 500)
	m.Clear()
	v, loaded := m.LoadOrStore("k", 1)
	fmt.Println(v, loaded, m.CompareAndSwap("k", 1, 2), m.CompareAndSwap("k", 1, 3), m.CompareAndDelete("k", 3))
	old, ok := m.Swap("k", 9)
	v, ok2 := m.LoadAndDelete("k")
	_, ok3 := m.LoadAndDelete("k")
	fmt.Println(old, ok, v, ok2, ok3)
	for i := range 10 {
		m.Store(i, i*i)
	}
	var keys []int
	for k, v := range m.Range {
		if v.(int) == 81 {
			continue
		}
		keys = append(keys, k.(int))
	}
	sort.Ints(keys)
	fmt.Println(keys)
}

func atomics() {
	var i32 atomic.Int32
	var i64 atomic.Int64
	var u32 atomic.Uint32
	var u64 atomic.Uint64
	var up atomic.Uintptr
	var b atomic.Bool
	var p atomic.Pointer[config]
	var v atomic.Value
	fmt.Println(i32.Add(-5), i32.Swap(7), i32.CompareAndSwap(7, 8), i32.CompareAndSwap(7, 9), i32.Load(), i32.And(12), i32.Or(3), i32.Load())
	fmt.Println(i64.Add(1<<40), u32.Add(^uint32(0)), u64.Or(1<<63), u64.And(1), up.Add(3), b.Swap(true), b.CompareAndSwap(true, false), b.Load())
	fmt.Println(p.Load() == nil, p.CompareAndSwap(nil, &config{"a", 1}), p.Load().name, p.Swap(&config{"b", 2}).n, v.Load())
	v.Store("s")
	fmt.Println(v.Load(), v.Swap("t"), v.CompareAndSwap("t", "u"), v.Load())
	for _, f := range []func(){func() { v.Store(1) }, func() { v.Store(nil) }} {
		func() {
			defer func() { fmt.Println(recover()) }()
			f()
		}()
	}
	var raw int64
	var words [3]uint32
	atomic.AddInt64(&raw, 5)
	atomic.StoreUint32(&words[1], 9)
	fmt.Println(atomic.SwapInt64(&raw, 6), atomic.LoadInt64(&raw), atomic.AndUint32(&words[1], 8), atomic.OrUint32(&words[1], 1), words)
	var wg sync.WaitGroup
	var count, spins atomic.Int64
	var lock atomic.Int32
	shared := 0
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				for !lock.CompareAndSwap(0, 1) {
					spins.Add(1)
					runtime.Gosched()
				}
				shared++
				lock.Store(0)
				count.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Println(count.Load(), shared)
}

type queue struct {
	mu    sync.Mutex
	full  *sync.Cond
	empty *sync.Cond
	items []int
}

func conds() {
	q := &queue{}
	q.full, q.empty = sync.NewCond(&q.mu), sync.NewCond(&q.mu)
	var wg sync.WaitGroup
	var total atomic.Int64
	for range 4 {
		wg.Go(func() {
			for {
				q.mu.Lock()
				for len(q.items) == 0 {
					q.empty.Wait()
				}
				v := q.items[0]
				q.items = q.items[1:]
				q.full.Signal()
				q.mu.Unlock()
				if v < 0 {
					return
				}
				total.Add(int64(v))
			}
		})
	}
	put := func(v int) {
		q.mu.Lock()
		for len(q.items) >= 5 {
			q.full.Wait()
		}
		q.items = append(q.items, v)
		q.mu.Unlock()
		q.empty.Signal()
	}
	for i := range 3000 {
		put(i)
	}
	for range 4 {
		put(-1)
	}
	wg.Wait()
	fmt.Println(total.Load())
	var rw sync.RWMutex
	ready, release := make(chan bool), make(chan bool)
	for range 3 {
		wg.Go(func() { rw.RLock(); ready <- true; <-release; rw.RUnlock() })
	}
	for range 3 {
		<-ready
	}
	fmt.Println(rw.TryLock(), rw.TryRLock())
	rw.RUnlock()
	close(release)
	rw.Lock()
	fmt.Println(rw.TryRLock(), rw.TryLock())
	rw.Unlock()
	wg.Wait()
	var mu sync.Mutex
	fmt.Println(mu.TryLock(), mu.TryLock())
	data, writes := map[int]int{}, 0
	for g := range 6 {
		wg.Go(func() {
			for i := range 500 {
				if i%10 == 0 {
					rw.Lock()
					data[g*1000+i]++
					writes++
					rw.Unlock()
				} else {
					rw.RLock()
					_ = data[i]
					rw.RUnlock()
				}
			}
		})
	}
	wg.Wait()
	fmt.Println(len(data), writes)
	var broadcast sync.WaitGroup
	c := sync.NewCond(&sync.Mutex{})
	started := make(chan bool)
	goOn := false
	for range 10 {
		broadcast.Go(func() {
			c.L.Lock()
			started <- true
			for !goOn {
				c.Wait()
			}
			c.L.Unlock()
		})
	}
	for range 10 {
		<-started
	}
	c.L.Lock()
	goOn = true
	c.Broadcast()
	c.L.Unlock()
	broadcast.Wait()
}

func pools() {
	made := atomic.Int32{}
	p := sync.Pool{New: func() any { made.Add(1); return new([64]byte) }}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				b := p.Get().(*[64]byte)
				b[i%64]++
				p.Put(b)
				if i%300 == 0 {
					runtime.GC()
				}
			}
		})
	}
	wg.Wait()
	fmt.Println(made.Load() > 0, made.Load() < 4000, (&sync.Pool{}).Get())
}

func main() {
	onces()
	maps()
	atomics()
	conds()
	pools()
}
