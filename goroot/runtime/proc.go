package runtime

import "unsafe"

// _System stands in CPU profiles for code of the runtime that no goroutine called.
//
//go:noinline
func _System() { goexit1() }

// gcBgMarkWorker stands in execution traces for the threads that work for the collector.
//
//go:noinline
func gcBgMarkWorker() { goexit1() }

// runExitHooks is where instrumentation that has to act before the process ends would be called.
func runExitHooks(code int) { _ = code }

//go:linkname os_beforeExit os.runtime_beforeExit
func os_beforeExit(exitCode int) { runExitHooks(exitCode) }

// GOOS, GOARCH and Compiler describe the target of the running program.
const (
	GOOS     string = "linux"
	GOARCH   string = "amd64"
	Compiler        = "gc"
)

// buildVersion is the release whose language and library the program was built with.
var buildVersion = "go1.27.3"

// defaultGOROOT is the root of the tree that the program was built with; empty so far.
var defaultGOROOT string

// Version returns the Go release: its tag, as in "go1.27.3".
func Version() string { return buildVersion }

// GOROOT returns the root of the Go tree: $GOROOT if set, else that of the build.
//
// Deprecated: the root of the build machine means nothing on another one. Ask "go env GOROOT".
func GOROOT() string {
	if s := startEnv("GOROOT"); s != "" {
		return s
	}
	return defaultGOROOT
}

// Gosched lets other goroutines run. The calling one goes on by itself later.
func Gosched() { gosched() }

// NumGoroutine returns the number of goroutines that exist.
func NumGoroutine() int { return gcount() }

// NumCPU returns the number of logical processors that the process could use when it started.
func NumCPU() int { return ncpu() }

// NumCgoCall returns the number of calls into C code that the process has made.
func NumCgoCall() int64 { return 0 }

// GOMAXPROCS sets the number of processors that run Go code at the same time, if n is positive, and
// returns the number before. Setting it ends the automatic updates from affinity and cgroup limits.
func GOMAXPROCS(n int) int { return gomaxprocs(n) }

// SetDefaultGOMAXPROCS goes back to the number that affinity and cgroup limits suggest.
func SetDefaultGOMAXPROCS() { gomaxprocsDefault() }

// LockOSThread ties the goroutine to its thread until as many calls of UnlockOSThread.
func LockOSThread() { lockOSThread() }

// UnlockOSThread undoes one call of LockOSThread.
func UnlockOSThread() { unlockOSThread() }

// Breakpoint stops the program for a debugger.
func Breakpoint() { abort() }

// never is false; the compiler does not know.
var never bool

// KeepAlive makes x reachable up to the call: a finalizer of x cannot run before.
func KeepAlive(x any) {
	if never {
		println(x)
	}
}

// Stack writes the goroutine's traceback to buf, followed by those of all others if all is
// set, and returns the number of bytes written.
//
//go:noinline
func Stack(buf []byte, all bool) int {
	if len(buf) == 0 {
		return 0
	}
	return stackText(unsafe.Pointer(&buf[0]), len(buf), all)
}

// SetCgoTraceback would register functions that collect C frames; there are none without cgo.
func SetCgoTraceback(version int, traceback, context, symbolizer unsafe.Pointer) {
	if version != 0 {
		panic("unsupported version")
	}
}

// A Pinner keeps objects in place and alive until Unpin. Objects never move, so keeping references is all there is to it.
type Pinner struct {
	*pinner
}

type pinner struct {
	refs []unsafe.Pointer
}

// Pin pins the object that pointer, which must be a pointer, points to.
func (p *Pinner) Pin(pointer any) {
	if p.pinner == nil {
		p.pinner = new(pinner)
		SetFinalizer(p.pinner, func(i *pinner) {
			if len(i.refs) != 0 {
				pinnerLeakPanic()
			}
		})
	}
	p.pinner.refs = append(p.pinner.refs, pinnerPointer(&pointer))
}

// Unpin releases all objects pinned by p.
func (p *Pinner) Unpin() {
	if p.pinner != nil {
		p.pinner.refs = nil
	}
}

// pinnerLeakPanic is called when a Pinner becomes unreachable with objects pinned.
var pinnerLeakPanic = func() {
	panic(error(errorString("runtime.Pinner: found leaking pinned pointer; forgot to call Unpin?")))
}

func pinnerPointer(pointer *any) unsafe.Pointer {
	e := efaceOf(pointer)
	if e._type == nil {
		panic(error(errorString("runtime.Pinner: argument is nil")))
	}
	if k := e._type.Kind_; k != kindPointer && k != kindUnsafePointer {
		panic(error(errorString("runtime.Pinner: argument is not a pointer: " + typeName(e._type))))
	}
	return e.data
}

// Coroutines of package iter.

// coro is opaque: what newcoroRaw returns.
type coro struct{}

// newcoro creates a coroutine that runs f on its first switch and ends when f returns.
//
//go:linkname newcoro
func newcoro(f func(*coro)) *coro {
	var c *coro
	c = (*coro)(newcoroRaw(func() {
		defer coroexitRaw(unsafe.Pointer(c))
		f(c)
	}))
	return c
}

// coroswitch runs the coroutine until it switches back or ends; called by the coroutine itself it switches back.
//
//go:linkname coroswitch
func coroswitch(c *coro) { coroswitchRaw(unsafe.Pointer(c)) }

// Bubbles of testing/synctest.

// bubbleHandle is the dynamic type of what internal/synctest keeps.
type bubbleHandle struct{ raw unsafe.Pointer }

//go:linkname synctest_acquire internal/synctest.acquire
func synctest_acquire() any {
	if b := synctestAcquire(); b != nil {
		return bubbleHandle{b}
	}
	return nil
}

//go:linkname synctest_release internal/synctest.release
func synctest_release(b any) {
	if h, ok := b.(bubbleHandle); ok {
		synctestRelease(h.raw)
	}
}

//go:linkname synctest_inBubble internal/synctest.inBubble
func synctest_inBubble(b any, f func()) {
	h, ok := b.(bubbleHandle)
	if !ok {
		f()
		return
	}
	before := synctestEnter(h.raw)
	defer synctestEnter(before)
	f()
}
