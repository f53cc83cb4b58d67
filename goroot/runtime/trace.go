package runtime

// Execution traces have no events yet: a trace is its header. Starting, reading and stopping
// behave as documented, so that programs that trace themselves run.

// traceHeader is the magic of the trace format.
const traceHeader = "go 1.26 trace\x00\x00\x00"

// tracing is the state of the trace. The reader waits for the stop, the stopper for the reader.
var tracing struct {
	lock       mutex
	on         bool
	headerRead bool
	stopping   bool
	reader     uint32 // semaphore
	stopper    uint32 // semaphore
}

// StartTrace starts a trace, which ReadTrace delivers. It fails if one is on already.
func StartTrace() error {
	t := &tracing
	lock(&t.lock)
	defer unlock(&t.lock)
	if t.on {
		return errorString("tracing is already enabled")
	}
	t.on = true
	t.headerRead = false
	t.stopping = false
	return nil
}

// StopTrace ends the trace, if one is on, and returns when all of it has been read.
func StopTrace() {
	t := &tracing
	lock(&t.lock)
	if !t.on || t.stopping {
		unlock(&t.lock)
		return
	}
	t.stopping = true
	unlock(&t.lock)
	semrelease(&t.reader, false, 0)
	semacquire(&t.stopper)
}

// ReadTrace returns the next piece of the trace and waits for it if need be. After the last one it
// returns nil.
func ReadTrace() []byte {
	t := &tracing
	lock(&t.lock)
	if !t.on {
		unlock(&t.lock)
		return nil
	}
	if !t.headerRead {
		t.headerRead = true
		unlock(&t.lock)
		return []byte(traceHeader)
	}
	unlock(&t.lock)
	semacquire(&t.reader)
	lock(&t.lock)
	t.on = false
	unlock(&t.lock)
	semrelease(&t.stopper, false, 0)
	return nil
}
