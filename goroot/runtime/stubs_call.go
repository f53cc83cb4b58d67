package runtime

import "unsafe"

// Two entry points of the Rust runtime for calls whose signature is known at run time only. Both are naked and run on the
// goroutine's stack; they keep an rbp frame, so that walks pass through them (their return addresses belong to no function of
// the table and are skipped).

// callFrame holds the registers of a call. Integer registers are typed as pointers: a frame may live on the heap, and be what
// keeps an argument or result alive.
type callFrame struct {
	ints      [6]unsafe.Pointer // rdi rsi rdx rcx r8 r9
	floats    [8]uint64  // xmm0..7, low halves
	retInts   [8]unsafe.Pointer // rax rcx rdx rsi rdi r8 r9 r10
	retFloats [8]uint64  // xmm0..7, low halves
}

// reflectcall loads the argument registers from f, calls the function whose closure object is fn (stored to G.closure_ctx first, as for
// every indirect call) and stores the result registers to f.
//
//go:noescape
func reflectcall(fn unsafe.Pointer, f *callFrame)

// makeFuncStub is code for closure objects that begin with {address of makeFuncStub, address of handler}. It spills the argument
// registers to a callFrame on the stack, calls handler(closure object, &frame), a plain Go function
// func(unsafe.Pointer, *callFrame), loads the result registers from the frame and returns.
func makeFuncStub()
