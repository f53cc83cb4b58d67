package runtime

import "unsafe"

// Metrics of package runtime/metrics. Values are read by number: the index into metricTable. The Rust runtime knows the
// numbers; what it does not provide is derived from MemStats here.

type metricKind int

const (
	metricBad metricKind = iota
	metricUint64
	metricFloat64 // read as its bits
	metricHistogram
)

// Forms of histograms. A histogram is read as one count per bucket.
const (
	noBuckets = iota
	sizeBuckets
	timeBuckets
)

type metricInfo struct {
	name    string
	kind    metricKind
	buckets int
	derive  func(m *MemStats) uint64 // nil: not from MemStats
}

// metricTable is sorted by name; the comment is the metric's number.
var metricTable = [...]metricInfo{
	{name: "/cgo/go-to-c-calls:calls", kind: metricUint64},                                                                                            // 0
	{name: "/cpu/classes/gc/mark/assist:cpu-seconds", kind: metricFloat64},                                                                            // 1
	{name: "/cpu/classes/gc/mark/dedicated:cpu-seconds", kind: metricFloat64},                                                                         // 2
	{name: "/cpu/classes/gc/mark/idle:cpu-seconds", kind: metricFloat64},                                                                              // 3
	{name: "/cpu/classes/gc/pause:cpu-seconds", kind: metricFloat64},                                                                                  // 4
	{name: "/cpu/classes/gc/total:cpu-seconds", kind: metricFloat64},                                                                                  // 5
	{name: "/cpu/classes/idle:cpu-seconds", kind: metricFloat64},                                                                                      // 6
	{name: "/cpu/classes/scavenge/assist:cpu-seconds", kind: metricFloat64},                                                                           // 7
	{name: "/cpu/classes/scavenge/background:cpu-seconds", kind: metricFloat64},                                                                       // 8
	{name: "/cpu/classes/scavenge/total:cpu-seconds", kind: metricFloat64},                                                                            // 9
	{name: "/cpu/classes/total:cpu-seconds", kind: metricFloat64},                                                                                     // 10
	{name: "/cpu/classes/user:cpu-seconds", kind: metricFloat64},                                                                                      // 11
	{name: "/gc/cleanups/executed:cleanups", kind: metricUint64},                                                                                      // 12
	{name: "/gc/cleanups/queued:cleanups", kind: metricUint64},                                                                                        // 13
	{name: "/gc/cycles/automatic:gc-cycles", kind: metricUint64, derive: func(m *MemStats) uint64 { return uint64(m.NumGC - m.NumForcedGC) }},         // 14
	{name: "/gc/cycles/forced:gc-cycles", kind: metricUint64, derive: func(m *MemStats) uint64 { return uint64(m.NumForcedGC) }},                      // 15
	{name: "/gc/cycles/total:gc-cycles", kind: metricUint64, derive: func(m *MemStats) uint64 { return uint64(m.NumGC) }},                             // 16
	{name: "/gc/finalizers/executed:finalizers", kind: metricUint64},                                                                                  // 17
	{name: "/gc/finalizers/queued:finalizers", kind: metricUint64},                                                                                    // 18
	{name: "/gc/gogc:percent", kind: metricUint64},                                                                                                    // 19
	{name: "/gc/gomemlimit:bytes", kind: metricUint64},                                                                                                // 20
	{name: "/gc/heap/allocs-by-size:bytes", kind: metricHistogram, buckets: sizeBuckets},                                                              // 21
	{name: "/gc/heap/allocs:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.TotalAlloc }},                                     // 22
	{name: "/gc/heap/allocs:objects", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.Mallocs }},                                      // 23
	{name: "/gc/heap/frees-by-size:bytes", kind: metricHistogram, buckets: sizeBuckets},                                                               // 24
	{name: "/gc/heap/frees:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.TotalAlloc - m.HeapAlloc }},                        // 25
	{name: "/gc/heap/frees:objects", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.Frees }},                                         // 26
	{name: "/gc/heap/goal:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.NextGC }},                                           // 27
	{name: "/gc/heap/live:bytes", kind: metricUint64},                                                                                                 // 28
	{name: "/gc/heap/objects:objects", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.HeapObjects }},                                 // 29
	{name: "/gc/heap/tiny/allocs:objects", kind: metricUint64},                                                                                        // 30
	{name: "/gc/limiter/last-enabled:gc-cycle", kind: metricUint64},                                                                                   // 31
	{name: "/gc/pauses:seconds", kind: metricHistogram, buckets: timeBuckets},                                                                         // 32
	{name: "/gc/scan/globals:bytes", kind: metricUint64},                                                                                              // 33
	{name: "/gc/scan/heap:bytes", kind: metricUint64},                                                                                                 // 34
	{name: "/gc/scan/stack:bytes", kind: metricUint64},                                                                                                // 35
	{name: "/gc/scan/total:bytes", kind: metricUint64},                                                                                                // 36
	{name: "/gc/stack/starting-size:bytes", kind: metricUint64},                                                                                       // 37
	{name: "/memory/classes/heap/free:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.HeapIdle - m.HeapReleased }},            // 38
	{name: "/memory/classes/heap/objects:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.HeapAlloc }},                         // 39
	{name: "/memory/classes/heap/released:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.HeapReleased }},                     // 40
	{name: "/memory/classes/heap/stacks:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.StackInuse }},                         // 41
	{name: "/memory/classes/heap/unused:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.HeapInuse - m.HeapAlloc }},            // 42
	{name: "/memory/classes/metadata/mcache/free:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.MCacheSys - m.MCacheInuse }}, // 43
	{name: "/memory/classes/metadata/mcache/inuse:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.MCacheInuse }},              // 44
	{name: "/memory/classes/metadata/mspan/free:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.MSpanSys - m.MSpanInuse }},    // 45
	{name: "/memory/classes/metadata/mspan/inuse:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.MSpanInuse }},                // 46
	{name: "/memory/classes/metadata/other:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.GCSys }},                           // 47
	{name: "/memory/classes/os-stacks:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.StackSys - m.StackInuse }},              // 48
	{name: "/memory/classes/other:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.OtherSys }},                                 // 49
	{name: "/memory/classes/profiling/buckets:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.BuckHashSys }},                  // 50
	{name: "/memory/classes/total:bytes", kind: metricUint64, derive: func(m *MemStats) uint64 { return m.Sys }},                                      // 51
	{name: "/sched/gomaxprocs:threads", kind: metricUint64, derive: func(*MemStats) uint64 { return uint64(gomaxprocs(0)) }},                          // 52
	{name: "/sched/goroutines-created:goroutines", kind: metricUint64},                                                                                // 53
	{name: "/sched/goroutines/not-in-go:goroutines", kind: metricUint64},                                                                              // 54
	{name: "/sched/goroutines/runnable:goroutines", kind: metricUint64},                                                                               // 55
	{name: "/sched/goroutines/running:goroutines", kind: metricUint64},                                                                                // 56
	{name: "/sched/goroutines/waiting:goroutines", kind: metricUint64},                                                                                // 57
	{name: "/sched/goroutines:goroutines", kind: metricUint64, derive: func(*MemStats) uint64 { return uint64(gcount()) }},                            // 58
	{name: "/sched/latencies:seconds", kind: metricHistogram, buckets: timeBuckets},                                                                   // 59
	{name: "/sched/pauses/stopping/gc:seconds", kind: metricHistogram, buckets: timeBuckets},                                                          // 60
	{name: "/sched/pauses/stopping/other:seconds", kind: metricHistogram, buckets: timeBuckets},                                                       // 61
	{name: "/sched/pauses/total/gc:seconds", kind: metricHistogram, buckets: timeBuckets},                                                             // 62
	{name: "/sched/pauses/total/other:seconds", kind: metricHistogram, buckets: timeBuckets},                                                          // 63
	{name: "/sched/threads/total:threads", kind: metricUint64},                                                                                        // 64
	{name: "/sync/mutex/wait/total:seconds", kind: metricFloat64},                                                                                     // 65
}

// metricSample and metricValue are runtime/metrics.Sample and Value.
type metricSample struct {
	name  string
	value metricValue
}

type metricValue struct {
	kind    metricKind
	scalar  uint64
	pointer unsafe.Pointer
}

// metricFloat64Histogram is runtime/metrics.Float64Histogram.
type metricFloat64Histogram struct {
	counts  []uint64
	buckets []float64
}

// maxMetricBuckets bounds the counts of a histogram.
const maxMetricBuckets = 192

var metricState struct {
	lock      mutex
	registers map[string]func() uint64 // of internal/godebug
	sizes     []float64
	times     []float64
}

//go:linkname godebug_registerMetric internal/godebug.registerMetric
func godebug_registerMetric(name string, read func() uint64) {
	s := &metricState
	lock(&s.lock)
	if s.registers == nil {
		s.registers = make(map[string]func() uint64)
	}
	s.registers[name] = read
	unlock(&s.lock)
}

// metricBuckets returns the bucket boundaries of a form of histogram.
func metricBuckets(form int) []float64 {
	s := &metricState
	lock(&s.lock)
	defer unlock(&s.lock)
	if s.times == nil {
		// Times: four steps for each power of two from 256 ns on, the same step below.
		inf := infinity()
		s.times = append(s.times, -inf, 0)
		step := uint64(64)
		for v := step; ; v += step {
			s.times = append(s.times, float64(v)/1e9)
			if v == 1<<47 {
				break
			}
			if v >= 256 && v&(v-1) == 0 {
				step = v / 4
			}
		}
		s.times = append(s.times, inf)
		// Sizes: a bucket ends behind the largest size of a class.
		s.sizes = append(s.sizes, 1)
		for size := uintptr(1); size <= 32768; {
			class := roundupsize(size, true)
			s.sizes = append(s.sizes, float64(class+1))
			size = class + 1
		}
		s.sizes = append(s.sizes, inf)
	}
	if form == timeBuckets {
		return s.times
	}
	return s.sizes
}

func findMetric(name string) int {
	lo, hi := 0, len(metricTable)
	for lo < hi {
		mid := (lo + hi) / 2
		if metricTable[mid].name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(metricTable) && metricTable[lo].name == name {
		return lo
	}
	return -1
}

//go:linkname readMetrics runtime/metrics.runtime_readMetrics
func readMetrics(samples unsafe.Pointer, n int, c int) {
	var stats *MemStats
	for i := range unsafe.Slice((*metricSample)(samples), n) {
		s := &unsafe.Slice((*metricSample)(samples), n)[i]
		number := findMetric(s.name)
		if number < 0 {
			readRegisteredMetric(s)
			continue
		}
		info := &metricTable[number]
		var out [maxMetricBuckets]uint64
		known := readMetricRaw(number, &out[0])
		if info.kind == metricHistogram {
			readHistogram(&s.value, info, &out, known)
			continue
		}
		if !known && info.derive != nil {
			if stats == nil {
				stats = new(MemStats)
				ReadMemStats(stats)
			}
			out[0] = info.derive(stats)
		}
		s.value.kind = info.kind
		s.value.scalar = out[0]
	}
}

func readHistogram(v *metricValue, info *metricInfo, counts *[maxMetricBuckets]uint64, known bool) {
	buckets := metricBuckets(info.buckets)
	h := (*metricFloat64Histogram)(v.pointer)
	if v.kind != metricHistogram || h == nil {
		h = new(metricFloat64Histogram)
	}
	if len(h.counts) != len(buckets)-1 {
		h.counts = make([]uint64, len(buckets)-1)
	}
	h.buckets = buckets
	if known {
		copy(h.counts, counts[:])
	} else {
		clear(h.counts)
	}
	v.kind = metricHistogram
	v.pointer = unsafe.Pointer(h)
}

// readRegisteredMetric reads the metrics of GODEBUG settings: known by their prefix, counted once something has registered them.
func readRegisteredMetric(s *metricSample) {
	const prefix, suffix = "/godebug/non-default-behavior/", ":events"
	s.value = metricValue{}
	if len(s.name) <= len(prefix)+len(suffix) || s.name[:len(prefix)] != prefix || s.name[len(s.name)-len(suffix):] != suffix {
		return
	}
	lock(&metricState.lock)
	read := metricState.registers[s.name]
	unlock(&metricState.lock)
	if read == nil && !knownGodebug(s.name[len(prefix):len(s.name)-len(suffix)]) {
		return
	}
	s.value.kind = metricUint64
	if read != nil {
		s.value.scalar = read()
	}
}

//go:linkname readMetricNames runtime/metrics_test.runtime_readMetricNames
func readMetricNames() []string {
	names := make([]string, 0, len(metricTable))
	for i := range metricTable {
		names = append(names, metricTable[i].name)
	}
	return append(names, godebugMetricNames()...)
}
