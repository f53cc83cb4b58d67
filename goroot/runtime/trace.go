package runtime

import "unsafe"

// Execution traces. Rust writes them (runtime/sched/src/trace.rs); here is what starts, advances, stops and reads them.

// traceGenerationTime is the length of a generation in nanoseconds: how far back a reader must go to know every state.
const traceGenerationTime = 1e9

// tracing is the state of the trace. change is held by whoever changes the generation, until the reader has been through the old one.
var tracing struct {
	on       bool
	number   int
	change   uint32 // semaphore: changes of the generation
	readEnd  uint32 // semaphore: the reader is done with a generation
	readAll  uint32 // semaphore: the reader is done with the trace
	endGiven bool   // the reader's: what it was given last is the end of a generation
	reading  bool
}

func init() { tracing.change = 1 }

//go:linkname timeSleep time.Sleep
func timeSleep(ns int64)

// StartTrace starts a trace, which ReadTrace delivers. It fails if one is on already. Programs use package
// runtime/trace or testing's -test.trace instead.
func StartTrace() error {
	t := &tracing
	semacquire(&t.change)
	defer semrelease(&t.change, false, 0)
	if t.on {
		return errorString("tracing is already enabled")
	}
	t.on = true
	t.reading = true
	t.number++
	traceStartRaw()
	number := t.number
	newproc(func() { advanceTrace(number) })
	return nil
}

// advanceTrace changes the generation from time to time as long as this trace runs.
func advanceTrace(number int) {
	becomeSystemGoroutine()
	t := &tracing
	for {
		timeSleep(traceGenerationTime)
		semacquire(&t.change)
		current := t.on && t.number == number
		if current {
			changeTraceGeneration(false)
		}
		semrelease(&t.change, false, 0)
		if !current {
			return
		}
	}
}

// changeTraceGeneration ends the generation and, if stop is set, the trace, and waits for its reader. The caller holds change.
func changeTraceGeneration(stop bool) {
	t := &tracing
	traceAdvanceRaw(stop)
	semacquire(&t.readEnd)
	if stop {
		semacquire(&t.readAll)
	}
}

// traceAdvance changes the generation, or stops the trace, and returns when the reader has been through all that was before.
//
//go:linkname traceAdvance
func traceAdvance(stop bool) {
	t := &tracing
	semacquire(&t.change)
	if t.on {
		changeTraceGeneration(stop)
		if stop {
			t.on = false
		}
	}
	semrelease(&t.change, false, 0)
}

// StopTrace ends the trace, if one is on, and returns when all of it has been read.
func StopTrace() { traceAdvance(true) }

// ReadTrace returns the next piece of the trace and waits for it if need be. It is valid until the next call. After the last
// one ReadTrace returns nil. Only one goroutine may call it at a time.
func ReadTrace() []byte {
	t := &tracing
	if t.endGiven {
		t.endGiven = false
		semrelease(&t.readEnd, false, 0)
	}
	if !t.reading {
		return nil
	}
	var piece [2]uintptr
	traceReadRaw(&piece)
	if piece[1] == 0 {
		t.reading = false
		semrelease(&t.readAll, false, 0)
		return nil
	}
	t.endGiven = piece[1] == 1
	return unsafe.Slice((*byte)(unsafe.Pointer(piece[0])), piece[1])
}
