package runtime

import (
	"internal/profilerecord"
	"unsafe"
)

// profileDepth is the number of return addresses in a record of the Rust runtime's profiles.
const profileDepth = 128

// MemProfileRate is the mean number of bytes allocated between two samples of the heap profile: 1 records every
// allocation, 0 none. Programs that change it should do so once, as early as possible.
var MemProfileRate int = 512 * 1024

// A StackRecord is a call stack.
type StackRecord struct {
	Stack0 [32]uintptr // ends at the first zero
}

// Stack returns the part of Stack0 that is used.
func (r *StackRecord) Stack() []uintptr { return usedPart(r.Stack0[:]) }

func usedPart(stk []uintptr) []uintptr {
	for i, pc := range stk {
		if pc == 0 {
			return stk[:i]
		}
	}
	return stk
}

// A MemProfileRecord tells what one call stack has allocated.
type MemProfileRecord struct {
	AllocBytes, FreeBytes     int64
	AllocObjects, FreeObjects int64
	Stack0                    [32]uintptr // ends at the first zero
}

// InUseBytes is AllocBytes - FreeBytes.
func (r *MemProfileRecord) InUseBytes() int64 { return r.AllocBytes - r.FreeBytes }

// InUseObjects is AllocObjects - FreeObjects.
func (r *MemProfileRecord) InUseObjects() int64 { return r.AllocObjects - r.FreeObjects }

// Stack returns the part of Stack0 that is used.
func (r *MemProfileRecord) Stack() []uintptr { return usedPart(r.Stack0[:]) }

// A BlockProfileRecord tells how long goroutines were blocked at one call stack.
type BlockProfileRecord struct {
	Count  int64
	Cycles int64
	StackRecord
}

// SetBlockProfileRate makes the block profile sample one event per rate nanoseconds blocked; 1 samples all, 0 or less none.
func SetBlockProfileRate(rate int) { setBlockProfileRateRaw(int64(max(rate, 0))) }

// SetMutexProfileFraction makes the mutex profile sample one of rate contention events; 0 turns it off, less only
// reads. It returns the rate before.
func SetMutexProfileFraction(rate int) int { return setMutexProfileFractionRaw(rate) }

// SetCPUProfileRate starts the CPU profile with hz samples a second, or stops it if hz is not positive.
func SetCPUProfileRate(hz int) {
	if hz > 1000000 {
		hz = 1000000
	}
	setCPUProfileRateRaw(max(hz, 0))
}

// CPUProfile panics: it has had no meaning for long.
//
// Deprecated: use package runtime/pprof.
func CPUProfile() []byte { panic("CPUProfile no longer available") }

// rawRecords reads variable numbers of fixed-size records: fill is asked with growing room until it all fits.
func rawRecords(words int, fill func(buf *uintptr, n int) int) (buf []uintptr, n int) {
	room := 64
	for {
		buf = make([]uintptr, room*words)
		n = fill(&buf[0], room)
		if n <= room {
			return buf, n
		}
		room = n + n/4 + 16
	}
}

const (
	memRecordWords   = 4 + profileDepth
	blockRecordWords = 2 + profileDepth
)

// memRecords returns the records of the heap profile that a caller of MemProfile wants to see.
func memRecords(inuseZero bool) []profilerecord.MemProfileRecord {
	buf, n := rawRecords(memRecordWords, memProfileRaw)
	out := make([]profilerecord.MemProfileRecord, 0, n)
	for i := range n {
		r := buf[i*memRecordWords : (i+1)*memRecordWords]
		if r[1] == r[2] && !inuseZero {
			continue
		}
		out = append(out, profilerecord.MemProfileRecord{
			ObjectSize:   int64(r[0]),
			AllocObjects: int64(r[1]),
			FreeObjects:  int64(r[2]),
			Stack:        recordedStack(r[4:]),
		})
	}
	return out
}

// MemProfile copies the heap profile to p: what was allocated and not yet freed at the end of the last
// collection but one, for every call stack; with inuseZero also those of which nothing is left. n is the number of
// records; if len(p) is too small it copies none and ok is false.
func MemProfile(p []MemProfileRecord, inuseZero bool) (n int, ok bool) {
	records := memRecords(inuseZero)
	if len(records) > len(p) {
		return len(records), false
	}
	for i, r := range records {
		p[i] = MemProfileRecord{
			AllocBytes:   r.AllocObjects * r.ObjectSize,
			FreeBytes:    r.FreeObjects * r.ObjectSize,
			AllocObjects: r.AllocObjects,
			FreeObjects:  r.FreeObjects,
		}
		copyExpanded(p[i].Stack0[:], r.Stack)
	}
	return len(records), true
}

//go:linkname pprof_memProfileInternal
func pprof_memProfileInternal(p []profilerecord.MemProfileRecord, inuseZero bool) (n int, ok bool) {
	records := memRecords(inuseZero)
	if len(records) > len(p) {
		return len(records), false
	}
	return copy(p, records), true
}

func blockRecords(mutexes bool) []profilerecord.BlockProfileRecord {
	buf, n := rawRecords(blockRecordWords, func(buf *uintptr, n int) int { return blockProfileRaw(buf, n, mutexes) })
	out := make([]profilerecord.BlockProfileRecord, 0, n)
	seen := make(map[string]int, n)
	for i := range n {
		r := buf[i*blockRecordWords : (i+1)*blockRecordWords]
		stk := recordedStack(r[2:])
		// The functions of package sync are the ones to blame, not how they do it.
		for len(stk) > 1 && isInternalSync(logicalName(stk[0])) {
			if outer := outerPC(stk[0]); outer != 0 {
				stk[0] = outer
			} else {
				stk = stk[1:]
			}
		}
		// What differed in the part left out is one.
		key := unsafe.String((*byte)(unsafe.Pointer(unsafe.SliceData(stk))), len(stk)*8)
		at, ok := seen[key]
		if !ok {
			at = len(out)
			seen[key] = at
			out = append(out, profilerecord.BlockProfileRecord{Stack: stk})
		}
		out[at].Count += int64(r[0])
		out[at].Cycles += int64(r[1])
	}
	return out
}

func isInternalSync(name string) bool {
	const prefix = "internal/sync."
	return len(name) > len(prefix) && name[:len(prefix)] == prefix
}

func copyBlockRecords(p []BlockProfileRecord, records []profilerecord.BlockProfileRecord) (n int, ok bool) {
	if len(records) > len(p) {
		return len(records), false
	}
	for i, r := range records {
		p[i] = BlockProfileRecord{Count: r.Count, Cycles: r.Cycles}
		copyExpanded(p[i].Stack0[:], r.Stack)
	}
	return len(records), true
}

// BlockProfile copies the records of the block profile to p, as MemProfile does.
func BlockProfile(p []BlockProfileRecord) (n int, ok bool) {
	return copyBlockRecords(p, blockRecords(false))
}

// MutexProfile copies the records of the mutex profile to p, as MemProfile does.
func MutexProfile(p []BlockProfileRecord) (n int, ok bool) {
	return copyBlockRecords(p, blockRecords(true))
}

//go:linkname pprof_blockProfileInternal
func pprof_blockProfileInternal(p []profilerecord.BlockProfileRecord) (n int, ok bool) {
	return copyInternalBlockRecords(p, blockRecords(false))
}

//go:linkname pprof_mutexProfileInternal
func pprof_mutexProfileInternal(p []profilerecord.BlockProfileRecord) (n int, ok bool) {
	return copyInternalBlockRecords(p, blockRecords(true))
}

func copyInternalBlockRecords(p, records []profilerecord.BlockProfileRecord) (n int, ok bool) {
	if len(records) > len(p) {
		return len(records), false
	}
	return copy(p, records), true
}

// goroutineStack is what the goroutine profiles tell about a goroutine.
type goroutineStack struct {
	label unsafe.Pointer
	stack []uintptr
}

func goroutineStacks(leaked bool) []goroutineStack {
	// Label pointers pass through buf: it must keep them alive.
	room := gcount() + 32
	for {
		buf := make([]unsafe.Pointer, room*goroutineRecordWords)
		n := goroutineProfileRaw((*uintptr)(unsafe.Pointer(&buf[0])), room, leaked)
		if n > room {
			room = n + n/4 + 16
			continue
		}
		out := make([]goroutineStack, n)
		for i := range n {
			r := buf[i*goroutineRecordWords : (i+1)*goroutineRecordWords]
			pcs := unsafe.Slice((*uintptr)(unsafe.Pointer(&r[2])), goroutineRecordWords-2)
			out[i] = goroutineStack{label: r[1], stack: recordedStack(pcs)}
		}
		return out
	}
}

// GoroutineProfile copies the stacks of all goroutines to p, as MemProfile does.
func GoroutineProfile(p []StackRecord) (n int, ok bool) {
	all := goroutineStacks(false)
	if len(all) > len(p) {
		return len(all), false
	}
	for i, g := range all {
		clear(p[i].Stack0[:])
		copyExpanded(p[i].Stack0[:], g.stack)
	}
	return len(all), true
}

//go:linkname pprof_goroutineProfileWithLabels
func pprof_goroutineProfileWithLabels(p []profilerecord.StackRecord, labels []unsafe.Pointer) (n int, ok bool) {
	return goroutineProfileWithLabels(p, labels, false)
}

//go:linkname pprof_goroutineLeakProfileWithLabels
func pprof_goroutineLeakProfileWithLabels(p []profilerecord.StackRecord, labels []unsafe.Pointer) (n int, ok bool) {
	return goroutineProfileWithLabels(p, labels, true)
}

func goroutineProfileWithLabels(p []profilerecord.StackRecord, labels []unsafe.Pointer, leaked bool) (n int, ok bool) {
	if len(labels) != len(p) {
		labels = nil
	}
	all := goroutineStacks(leaked)
	if len(all) > len(p) {
		return len(all), false
	}
	for i, g := range all {
		p[i].Stack = g.stack
		if labels != nil {
			labels[i] = g.label
		}
	}
	return len(all), true
}

// ThreadCreateProfile copies a record for each thread that was created to p, as MemProfile does. The stacks are empty: the
// runtime creates threads on its own account.
func ThreadCreateProfile(p []StackRecord) (n int, ok bool) {
	n = threadCreateCount()
	if n > len(p) {
		return n, false
	}
	clear(p[:n])
	return n, true
}

//go:linkname pprof_threadCreateInternal
func pprof_threadCreateInternal(p []profilerecord.StackRecord) (n int, ok bool) {
	n = threadCreateCount()
	if n > len(p) {
		return n, false
	}
	clear(p[:n])
	return n, true
}

// copyExpanded copies a record's stack as programs see it: every inlined function has a pc of its own.
func copyExpanded(dst, src []uintptr) int {
	return copy(dst, expandInlined(make([]uintptr, 0, len(dst)), src))
}

//go:linkname pprof_fpunwindExpand
func pprof_fpunwindExpand(dst, src []uintptr) int { return copyExpanded(dst, src) }

//go:linkname pprof_makeProfStack
func pprof_makeProfStack() []uintptr { return make([]uintptr, 2*profileDepth) }

//go:linkname pprof_cyclesPerSecond runtime/pprof.runtime_cyclesPerSecond
func pprof_cyclesPerSecond() int64 { return tickspersecond() }

//go:linkname pprof_readProfile runtime/pprof.readProfile
func pprof_readProfile() (data []uint64, tags []unsafe.Pointer, eof bool) {
	var r cpuRecords
	readCPUProfile(&r)
	if r.n == 0 {
		return nil, nil, true
	}
	tags = make([]unsafe.Pointer, r.records)
	copy(tags, unsafe.Slice((*unsafe.Pointer)(r.labels), r.records))
	return trimCPURecords(unsafe.Slice((*uint64)(r.words), r.n)), tags, false
}

// trimCPURecords leaves wrappers out of the stacks of a CPU profile's records.
func trimCPURecords(words []uint64) []uint64 {
	out := make([]uint64, 0, len(words))
	for len(words) > 0 {
		n := int(words[0])
		r := words[:n]
		words = words[n:]
		at := len(out)
		out = append(out, r[:3]...)
		if r[2] == 0 || n == 3 {
			// Lost samples, the header.
			out = append(out, r[3:]...)
			continue
		}
		for _, pc := range recordedStack(unsafe.Slice((*uintptr)(unsafe.Pointer(&r[3])), n-3)) {
			out = append(out, uint64(pc))
		}
		out[at] = uint64(len(out) - at)
	}
	return out
}
