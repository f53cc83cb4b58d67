// Entry points of the Rust runtime, as package runtime of the overlay sees them.
//
// Every function here has no body: it is a symbol `runtime.<name>` of the runtime image
// (runtime/runtime/src/entry). Kinds, as common/abi describes them:
//
//	leaf    runs on the goroutine's stack; cannot park, allocate or preempt
//	system  runs on the M's system stack; the goroutine may be parked inside, the collector may run
//	naked   hand-written assembly with the full Go convention (more than two results are possible)
//
// At the end of this file: the symbols of other std packages that Rust implements directly.

package runtime

import (
	"internal/abi"
	"unsafe"
)

// ---------------------------------------------------------------- goroutines

// getg returns the address of the current G; the fields that Go code may touch are those of common/abi g.rs (leaf).
func getg() unsafe.Pointer

// newproc starts a goroutine that runs fn (system). fn must return normally; panics end in fatalpanic.
func newproc(fn func())

// gosched puts the goroutine at the end of the global queue (system).
func gosched()

// goyield puts the goroutine at the end of the local queue (system).
func goyield()

// goexit1 ends the goroutine at once: the caller has run its deferred functions. Does not return (system).
func goexit1()

// goid returns the id of the current goroutine (leaf).
func goid() uint64

// lockOSThread and unlockOSThread nest (leaf).
func lockOSThread()
func unlockOSThread()

// gomaxprocs sets the number of Ps if n > 0, and returns the number before. Stops the world if it changes (system).
func gomaxprocs(n int) int

// gomaxprocsDefault recomputes the default (affinity, cgroup quota) and applies it (system).
func gomaxprocsDefault()

// ncpu returns the number of usable logical CPUs at process start (leaf).
func ncpu() int

// gcount returns the number of existing user goroutines (leaf).
func gcount() int

// procPin forbids preemption and migration, returns the P's id; procUnpin undoes it (leaf).
func procPin() int
func procUnpin()

// blockForever parks the goroutine for ever: `select {}` (system).
func blockForever()

// parkForever is blockForever for `for range nilchan` and nil channel operations: reason "chan receive (nil chan)" if recv, else
// "chan send (nil chan)" (system).
func parkNilChan(recv bool)

// setRunningInits tells the runtime that package initialisation is over (false) or runs (true): deadlock and trace texts (leaf).
func setRunningInits(on bool)

// newcoro creates a coroutine that runs fn(c) on its first switch; coroswitch switches to it and back (system).
// fn receives the coroutine pointer as its only argument; it must call coroexit(c) as its last act instead of returning.
func newcoroRaw(fn func()) unsafe.Pointer
func coroswitchRaw(c unsafe.Pointer)
func coroexitRaw(c unsafe.Pointer)

// ---------------------------------------------------------------- panics, fatal errors, printing

// getfp returns rbp of its caller's frame: identifies the frame (leaf, naked).
func getfp() uintptr

// frameReturn returns the return address of the frame at fp (stack segment boundaries hidden) (leaf).
func frameReturn(fp uintptr) uintptr

// unwindto ends all frames below the frame whose rbp is `frame` and continues that frame at the handler of the call it is in
// (ModuleData.handlers). Throws if that call has no handler. Does not return (naked).
func unwindto(frame uintptr)

// canUnwindto reports whether the call in progress in that frame has a handler (leaf).
func canUnwindto(frame uintptr) bool

// startpanic takes the panic-printing lock and marks the process as dying; false if this thread is already printing a panic (system).
func startpanic() bool

// fatalpanic prints the traceback for an unrecovered panic (its text has been printed) and exits with status 2 (system).
func fatalpanic()

// throw prints "fatal error: s" and a traceback of the runtime's own failure, exits 2 (system).
func throw(s string)

// fatal prints "fatal error: s" for a user's error (no runtime frames), exits 2 (system).
func fatal(s string)

// exit ends the process at once (leaf).
func exit(code int32)

// abort raises SIGTRAP (leaf).
func abort()

// printlock and printunlock nest; they keep lines of different goroutines apart (leaf).
func printlock()
func printunlock()

// write is write(2) without the poller; returns a negative errno on failure (leaf).
//
//go:noescape
func write(fd uintptr, p unsafe.Pointer, n int32) int32

// writeErr writes to standard error, and while the process is dying also to the crash output (leaf).
//
//go:noescape
func writeErr(p unsafe.Pointer, n int)

// ---------------------------------------------------------------- stacks and symbols

// callers fills up to n return addresses of the current goroutine, skipping `skip` frames; frame 0 is the Go function that called
// callers. Physical frames: inlined frames are expanded by pcLoc/locParent (system).
//
//go:noescape
func callers(skip int, pcs *uintptr, n int) int

// stackText writes what runtime.Stack prints for the current goroutine (all: every goroutine, world stopped); returns the
// number of bytes (system).
//
//go:noescape
func stackText(buf unsafe.Pointer, n int, all bool) int

// findfuncRaw returns the address of the FuncEntry that covers pc, nil if pc is not compiled Go code (leaf).
func findfuncRaw(pc uintptr) unsafe.Pointer

// Fields of a FuncEntry (leaf).
func funcEntryPC(f unsafe.Pointer) uintptr
func funcNameRaw(f unsafe.Pointer) string
func funcFileRaw(f unsafe.Pointer) string
func funcStartLine(f unsafe.Pointer) int
func funcFlags(f unsafe.Pointer) uint32

// pcLoc returns the location index of the instruction at pc (for a return address pass pc-1); ^uint32(0) if there is none (leaf).
func pcLoc(pc uintptr) uint32

// Fields of a location (leaf). locParent is ^uint32(0) in the compiled function itself.
func locFile(loc uint32) string
func locLine(loc uint32) int
func locFunc(loc uint32) string
func locParent(loc uint32) uint32

// locFuncLine returns the declaration line of the location's function, locWrapper whether it is a generated wrapper (leaf).
func locFuncLine(loc uint32) int
func locWrapper(loc uint32) bool

// moduledataRaw returns the address of ModuleData (common/abi module.rs) (leaf).
func moduledataRaw() unsafe.Pointer

// goroutineProfile takes a consistent snapshot: fills up to n records of 2+64 words {goid, label pointer, depth-terminated pcs};
// returns the number of goroutines; nothing is written if it exceeds n. leaked: only those in leaked state (system, world stopped).
//
//go:noescape
func goroutineProfileRaw(records *uintptr, n int, leaked bool) int

// goroutineRecordWords is the size of a record of goroutineProfileRaw in words.
const goroutineRecordWords = 130

// traceStartRaw begins an execution trace, traceAdvanceRaw begins its next generation or ends it; one at a time (system).
func traceStartRaw()
func traceAdvanceRaw(stop bool)

// traceReadRaw waits for the next piece of the trace and writes its address and length; 0 and 0 at the end (system).
func traceReadRaw(piece *[2]uintptr)

// becomeSystemGoroutine makes the calling goroutine one of the runtime: not counted, not shown (system).
func becomeSystemGoroutine()

// threadCreateCount returns the number of threads created (leaf).
func threadCreateCount() int

// ---------------------------------------------------------------- memory

// mallocgc allocates size bytes for a value of the type (nil: no pointers); zeroed if needzero (system).
func mallocgc(size uintptr, typ *abi.Type, needzero bool) unsafe.Pointer

// newobject allocates a zeroed value (system).
func newobject(typ *abi.Type) unsafe.Pointer

// newarray allocates n zeroed elements; panics "runtime: allocation size out of range" (system).
func newarray(typ *abi.Type, n int) unsafe.Pointer

// persistentalloc returns zeroed memory outside the heap that is never freed and holds no heap pointers (leaf).
func persistentalloc(size, align uintptr) unsafe.Pointer

// roundupsize returns the size class that mallocgc would use (leaf).
func roundupsize(size uintptr, noscan bool) uintptr

// memmove copies n bytes, overlap allowed, without write barrier (leaf).
//
//go:noescape
func memmove(to, from unsafe.Pointer, n uintptr)

// memclrNoHeapPointers zeroes without write barrier (leaf).
//
//go:noescape
func memclrNoHeapPointers(p unsafe.Pointer, n uintptr)

// memclrHasPointers zeroes with write barriers (leaf).
//
//go:noescape
func memclrHasPointers(p unsafe.Pointer, n uintptr)

// memequal compares n bytes (leaf).
//
//go:noescape
func memequal(a, b unsafe.Pointer, n uintptr) bool

// memequal_varlen compares as many bytes as the second word of the closure object says (leaf, naked).
//
//go:noescape
func memequal_varlen(a, b unsafe.Pointer) bool

// typedmemmove copies a value with write barriers (leaf).
//
//go:noescape
func typedmemmove(typ *abi.Type, dst, src unsafe.Pointer)

// typedmemclr zeroes a value with write barriers (leaf).
//
//go:noescape
func typedmemclr(typ *abi.Type, p unsafe.Pointer)

// typedarraycopy copies n elements, overlap allowed, with write barriers (leaf).
//
//go:noescape
func typedarraycopy(elem *abi.Type, dst, src unsafe.Pointer, n int)

// typedarrayclear zeroes n elements with write barriers (leaf).
//
//go:noescape
func typedarrayclear(elem *abi.Type, p unsafe.Pointer, n int)

// bulkBarrierPreWrite runs the write barrier for every pointer slot of [dst, dst+size) as if src were about to be copied there;
// src 0 means zeroing (leaf).
func bulkBarrierPreWrite(dst, src, size uintptr, typ *abi.Type)

// gcWriteBarrier runs the barrier for one slot: shades *slot and ptr. Call before the store if writeBarrier is on (leaf).
//
//go:noescape
func gcWriteBarrier(slot *unsafe.Pointer, ptr unsafe.Pointer)

// findObjectRaw returns base and size of the heap object that contains p; nil if p is not in the heap (leaf).
//
//go:noescape
func findObjectRaw(p unsafe.Pointer) (base unsafe.Pointer, size uintptr)

// inHeapOrStack reports whether p points into the heap or a goroutine stack (leaf).
//
//go:noescape
func inHeapOrStack(p unsafe.Pointer) bool

// Hashes (leaf). memhash hashes n bytes, strhashRaw the bytes of a string given by its address.
//
//go:noescape
func memhash(p unsafe.Pointer, h, n uintptr) uintptr

//go:noescape
func memhash32(p unsafe.Pointer, h uintptr) uintptr

//go:noescape
func memhash64(p unsafe.Pointer, h uintptr) uintptr

//go:noescape
func strhash(p unsafe.Pointer, h uintptr) uintptr

// ---------------------------------------------------------------- collector

// gcRun runs a complete blocking collection, sweep included (system).
func gcRun()

// freeOSMemoryRaw runs a collection and returns free pages to the system (system).
func freeOSMemoryRaw()

// readMemStatsRaw fills a MemStats (exact layout of runtime.MemStats), world stopped (system).
//
//go:noescape
func readMemStatsRaw(m unsafe.Pointer)

// gcPauses copies the newest pauses (ns) and their end times (ns since 1970), newest first, at most n <= 256; returns how many (system).
//
//go:noescape
func gcPauses(pauses, ends *uint64, n int) int

// gcSummary returns last GC end time (ns since 1970) and number of collections (leaf); gcPauseTotal the sum of pauses (leaf).
func gcSummary() (lastGC uint64, numGC uint64)
func gcPauseTotal() uint64

// readMetricRaw reads one runtime/metrics value by number (order of runtime/metrics' description table in the overlay): scalar
// values go to out[0] (system).
//
//go:noescape
func readMetricRaw(number int, out *uint64) bool

// setFinalizerRaw queues fn (a func value) to be called with the object once it is unreachable; false if there is one already.
// fn nil removes it (system).
func setFinalizerRaw(obj unsafe.Pointer, fn unsafe.Pointer, nret uintptr, fint, ot *abi.Type) bool

// addCleanupRaw registers fn to be called once the object of p is unreachable; returns an id (system).
func addCleanupRaw(p unsafe.Pointer, fn func()) uint64

// stopCleanupRaw removes it (system).
func stopCleanupRaw(p uintptr, id uint64)

// finalizerRecord is what nextFinalizer delivers. kind 0: call fn(obj) where fn takes a fint, obj is of type ot; kind 1: call fn().
type finalizerRecord struct {
	fn   unsafe.Pointer
	obj  unsafe.Pointer
	nret uintptr
	fint *abi.Type
	ot   *abi.Type
	kind uintptr
}

// nextFinalizer parks until a finalizer or cleanup is due and writes it to out (system). Only runFinalizers calls it.
//
//go:noescape
func nextFinalizer(out *finalizerRecord)

// blockUntilFinalizersDone parks until all queued finalizers ran or the timeout (ns) expires; reports success (system).
func blockUntilFinalizersDone(timeout int64) bool

// ---------------------------------------------------------------- channels and select

// makechan allocates a channel; panics on a bad size (system).
func makechan(typ *abi.ChanType, size int) unsafe.Pointer

// chanlen and chancap are len and cap (nil allowed; timer channels report 0) (leaf).
func chanlen(c unsafe.Pointer) int
func chancap(c unsafe.Pointer) int

// scase is a case of selectgo.
type scase struct {
	c    unsafe.Pointer // channel, nil allowed
	elem unsafe.Pointer // value to send, or room for the received one (nil: discard)
}

// ---------------------------------------------------------------- time, randomness, environment

// nanotime is the monotonic clock of the current bubble or the system (leaf).
func nanotime() int64

// walltime is the time of day of the current bubble or the system (leaf).
func walltime() (sec int64, nsec int32)

// cputicks reads the time stamp counter; tickspersecond its frequency (leaf).
func cputicks() int64
func tickspersecond() int64

// rand returns 64 bits of the M's cryptographic-quality generator, cheaprand 32 bits of a fast one (leaf).
func rand() uint64
func bootstrapRand() uint64
func cheaprand() uint32

// argvData, envpData, auxvData return address and count of the vectors the process was started with (auxv: count of pairs) (leaf).
func argvData() (argv unsafe.Pointer, argc int)
func envpData() (envp unsafe.Pointer, n int)
func auxvData() (auxv unsafe.Pointer, n int)

// setTracebackRaw applies a GOTRACEBACK level (leaf).
func setTracebackRaw(level string)

// setCrashFDRaw sets the descriptor that also receives crash output, returns the one before (^0 = none) (leaf).
func setCrashFDRaw(fd uintptr) uintptr

// reparseGODEBUG tells the Rust runtime the new value of $GODEBUG (leaf).
func reparseGODEBUG(value string)

// fcntl is fcntl(2): result and errno (leaf).
func fcntl(fd, cmd, arg int32) (ret int32, errno int32)

// vgetrandom always answers (-1, false): callers use the system call (leaf).
//
//go:noescape
func vgetrandom(p []byte, flags uint32) (ret int, supported bool)

// entersyscall and exitsyscall bracket a system call that may block (system).
func entersyscall()
func exitsyscall()

// cpuidRaw writes eax, ebx, ecx, edx (leaf). Hides no features: the AES hashes are implemented.
//
//go:noescape
func cpuidRaw(eax, ecx uint32, out *[4]uint32)

// ---------------------------------------------------------------- profiles and labels

// setBlockProfileRateRaw: ns per sample, 0 off. setMutexProfileFractionRaw: 1/n, returns the value before, n < 0 reads (leaf).
func setBlockProfileRateRaw(rate int64)
func setMutexProfileFractionRaw(n int) int

// blockProfileRaw fills records of 2+64 words {count, cycles, zero-terminated pcs}; mutex: the mutex profile. Returns the number
// of records that exist; nothing is written if it exceeds n (system).
//
//go:noescape
func blockProfileRaw(records *uintptr, n int, mutex bool) int

// memProfileRateAt says which variable has the mean bytes per heap sample (0 off) (leaf). memProfileRaw fills records of 4+64 words {object size, allocs,
// frees, 0, zero-terminated pcs} like blockProfileRaw (system).
func memProfileRateAt(rate *int)

//go:noescape
func memProfileRaw(records *uintptr, n int) int

// setCPUProfileRateRaw starts (hz > 0) or stops CPU profiling; readCPUProfile blocks until records exist (system).
func setCPUProfileRateRaw(hz int)

//go:noescape
func readCPUProfile(out *cpuRecords)

// cpuRecords is what readCPUProfile delivers, valid until the next call: words in the format of runtime/pprof and the label of each record;
// no words at the end of the profile.
type cpuRecords struct {
	words   unsafe.Pointer
	n       int
	labels  unsafe.Pointer
	records int
}

// blockevent adds an event to the block profile (system); tests of runtime/pprof call it by this name.
func blockevent(cycles int64, skip int)

// ---------------------------------------------------------------- synctest

// synctestAcquire pins the current bubble and returns its handle (nil if none), synctestRelease unpins (leaf).
func synctestAcquire() unsafe.Pointer
func synctestRelease(b unsafe.Pointer)

// synctestEnter makes b the current goroutine's bubble and returns the one before (leaf).
func synctestEnter(b unsafe.Pointer) unsafe.Pointer

// Symbols of other packages that the Rust runtime defines under their own names. The overlay must not push these; it may call
// none of them. Everything else of runtime-surface.md section 2 is the overlay's.
//
//	crypto/fips140              setBypass isBypassed unsetBypass
//	crypto/internal/fips140     fatal getIndicator setIndicator
//	crypto/internal/fips140deps/time  monoTime
//	crypto/internal/sysrand     fatal
//	crypto/rand                 fatal
//	crypto/subtle               setDITEnabled setDITDisabled
//	crypto/internal/boring/sig  BoringCrypto FIPSOnly StandardCrypto
//	crypto/internal/fips140/aes  expandKeyAsm encryptBlockAsm decryptBlockAsm ctrBlocks1Asm ctrBlocks2Asm ctrBlocks4Asm
//	                            ctrBlocks8Asm
//	crypto/internal/fips140/aes/gcm  gcmAesInit gcmAesData gcmAesEnc gcmAesDec gcmAesFinish
//	crypto/internal/fips140/bigmod  addMulVVW1024 addMulVVW1536 addMulVVW2048
//	crypto/internal/fips140/edwards25519/field  feMul
//	crypto/internal/fips140/nistec  p256Mul p256Sqr p256FromMont p256NegCond p256MovCond p256Select p256SelectAffine
//	                            p256PointAddAffineAsm p256PointAddAsm p256PointDoubleAsm
//	crypto/internal/fips140/sha256  blockSHANI blockAVX2
//	crypto/internal/fips140/sha3  keccakF1600
//	crypto/internal/fips140/sha512  blockAVX2
//	crypto/internal/fips140/subtle  xorBytes
//	crypto/md5  block
//	crypto/sha1  blockSHANI blockAVX2
//	hash/crc32  ieeeCLMUL castagnoliSSE42 castagnoliSSE42Triple
//	math/big  addVV subVV lshVU rshVU mulAddVWW addMulVVWW
//	vendor/golang.org/x/crypto/chacha20poly1305  chacha20Poly1305Seal chacha20Poly1305Open
//	vendor/golang.org/x/crypto/internal/poly1305  update
//	internal/cpu                cpuid xgetbv getGOAMD64level                  (naked: four and two results)
//	internal/poll               runtime_Semacquire runtime_Semrelease runtime_pollServerInit runtime_pollOpen runtime_pollClose
//	                            runtime_pollWait runtime_pollWaitCanceled runtime_pollReset runtime_pollSetDeadline
//	                            runtime_pollUnblock runtime_isPollServerDescriptor   (runtimeNano pulls runtime.nanotime)
//	internal/reflectlite        chanlen unsafe_New typedmemmove
//	internal/runtime/atomic     storePointer casPointer
//	internal/runtime/maps       fatal rand typedmemmove typedmemclr newarray newobject memHashAES memHash32AES memHash64AES
//	                            checkMasksAndShiftsAlignment
//	internal/runtime/sys        GetCallerPC GetCallerSP GetClosurePtr
//	internal/runtime/syscall/linux  Syscall6                                   (naked: seven arguments, three results)
//	internal/sync               runtime_SemacquireMutex runtime_Semrelease runtime_canSpin runtime_doSpin runtime_nanotime throw fatal
//	internal/synctest           Run Wait IsInBubble associate disassociate isAssociated
//	                            (acquire, release, inBubble: overlay, on synctestAcquire and so on)
//	os                          sigpipe ignoreSIGSYS restoreSIGSYS
//	os/signal                   signalWaitUntilIdle signal_disable signal_enable signal_ignore signal_ignored signal_recv
//	reflect                     unsafe_New unsafe_NewArray chancap chanclose chanlen chanrecv chansend0 makechan memmove typedmemmove
//	                            typedmemclr typedmemclrpartial typedarrayclear verifyNotInHeapPtr adjustAIXGCDataForRuntime
//	                            getStaticuint64s (pulled as runtime.getStaticuint64s)
//	                            (rselect: overlay, on selectgo)
//	runtime/debug               WriteHeapDump SetTraceback freeOSMemory setMaxStack setGCPercent setPanicOnFault setMaxThreads
//	                            setMemoryLimit (runtime_setCrashFD pulls runtime.setCrashFD, also defined)
//	runtime/pprof               pprof_cyclesPerSecond runtime_setProfLabel runtime_getProfLabel runtime_goroutineleakcount
//	                            runtime_goroutineLeakGC
//	runtime/trace               userTaskCreate userTaskEnd userRegion userLog runtime_traceClockUnitsPerSecond
//	                            (runtime_traceAdvance, runtime_traceClockNow pull runtime.traceAdvance, runtime.traceClockNow, defined)
//	sync                        runtime_registerPoolCleanup runtime_procPin runtime_procUnpin runtime_Semacquire
//	                            runtime_SemacquireWaitGroup runtime_SemacquireRWMutexR runtime_SemacquireRWMutex runtime_Semrelease
//	                            runtime_notifyListAdd runtime_notifyListWait runtime_notifyListNotifyAll
//	                            runtime_notifyListNotifyOne runtime_notifyListCheck throw fatal (runtime_randn pulls runtime.randn, defined)
//	sync/atomic                 SwapPointer CompareAndSwapPointer StorePointer runtime_procPin runtime_procUnpin
//	syscall                     runtime_BeforeFork runtime_AfterFork runtime_AfterForkInChild runtime_BeforeExec runtime_AfterExec
//	                            Getpagesize Exit runtime_doAllThreadsSyscall cgocaller rawSyscallNoError rawVforkSyscall gettimeofday
//	                            (runtime_entersyscall, runtime_exitsyscall pull runtime.entersyscall, runtime.exitsyscall)
//	time                        Sleep newTimer stopTimer resetTimer now runtimeNow runtimeNano runtimeIsBubbled    (now, runtimeNow naked:
//	                            three results)
//	weak                        runtime_registerWeakPointer runtime_makeStrongFromWeak
//	golang.org/x/sys/unix       Syscall Syscall6 RawSyscall RawSyscall6 SyscallNoError RawSyscallNoError gettimeofday
//
// Offered, if the overlay of internal/bytealg drops the bodies (all leaf): internal/bytealg.IndexByte IndexByteString Count CountString
// Compare CompareString (= runtime.cmpstring) Index IndexString. They follow the Go signatures.
//
// Called by Rust (abi::symbols::RUNTIME_CALLBACKS): see there.
