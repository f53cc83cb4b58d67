package runtime

import "unsafe"

// MemStats describes the allocator. Sizes are in bytes.
type MemStats struct {
	// Alloc is HeapAlloc.
	Alloc uint64

	// TotalAlloc is the sum of the sizes of all heap objects ever allocated.
	TotalAlloc uint64

	// Sys is the memory taken from the system: the sum of the XSys fields.
	Sys uint64

	// Lookups is not counted.
	Lookups uint64

	// Mallocs and Frees count heap objects; their difference is the number of live ones.
	Mallocs uint64
	Frees   uint64

	// HeapAlloc is the size of the heap objects that are live or not yet swept.
	HeapAlloc uint64

	// HeapSys is the address space of the heap that was ever in use.
	HeapSys uint64

	// HeapIdle is the part of it in spans without objects, HeapInuse that in spans with objects.
	HeapIdle  uint64
	HeapInuse uint64

	// HeapReleased is the idle part that was given back to the system.
	HeapReleased uint64

	// HeapObjects is the number of allocated objects.
	HeapObjects uint64

	// StackInuse is the size of the stacks of goroutines, StackSys what was taken for them and for threads.
	StackInuse uint64
	StackSys   uint64

	// What the runtime's own structures take.
	MSpanInuse  uint64
	MSpanSys    uint64
	MCacheInuse uint64
	MCacheSys   uint64
	BuckHashSys uint64
	GCSys       uint64
	OtherSys    uint64

	// NextGC is the heap size at which the current cycle wants to end.
	NextGC uint64

	// LastGC is the end of the last collection, nanoseconds since 1970.
	LastGC uint64

	// PauseTotalNs is the time the world was stopped, all collections together.
	PauseTotalNs uint64

	// PauseNs and PauseEnd are circular: the newest pause is at (NumGC+255)%256.
	PauseNs  [256]uint64
	PauseEnd [256]uint64

	// NumGC counts finished collections, NumForcedGC those that the program asked for.
	NumGC       uint32
	NumForcedGC uint32

	// GCCPUFraction is the share of the available CPU time used by the collector.
	GCCPUFraction float64

	// EnableGC is true. DebugGC is not used.
	EnableGC bool
	DebugGC  bool

	// BySize is about the objects of size up to Size and larger than the one before.
	BySize [61]struct {
		Size    uint32
		Mallocs uint64
		Frees   uint64
	}
}

// ReadMemStats fills m with statistics as of the call.
func ReadMemStats(m *MemStats) { readMemStatsRaw(unsafe.Pointer(m)) }

// GC collects garbage; it returns when that is done.
func GC() { gcRun() }

// readGCStats fills *pauses, which has room for 2*256+3, with the pauses, newest first, their
// ends, and then the end of the last collection, the number of collections and the sum of the pauses.
//
//go:linkname readGCStats runtime/debug.readGCStats
func readGCStats(pauses *[]uint64) {
	var p, ends [256]uint64
	n := gcPauses(&p[0], &ends[0], len(p))
	out := (*pauses)[:2*n+3]
	copy(out, p[:n])
	copy(out[n:], ends[:n])
	out[2*n], out[2*n+1] = gcSummary()
	out[2*n+2] = gcPauseTotal()
	*pauses = out
}
