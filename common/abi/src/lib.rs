//! The contract between compiled code and the runtime: one definition, both sides use it.
//!
//! Reading order: [`call`] (how Go functions pass values), [`g`] (fields of G that compiled code
//! touches, defer records), [`module`] (tables that the linker emits and the runtime reads),
//! [`symbols`] (names of helpers that generated code refers to), [`gotype`] (type descriptors),
//! [`sizeclass`] (size classes of the heap).
//!
//! Architecture invariant: `no_std`, no IO, no policy, no dependency.
//!
//! # Conventions (x86-64)
//! - Go functions use Cranelift's `CallConv::Tail`; r15 (pinned) holds the current G; rbp frames always.
//! - A Go func value is a pointer to a closure object whose first word is the code address. The caller
//!   stores that pointer to `G.closure_ctx` right before an indirect call through a func value;
//!   closures load it first thing in their entry block. So all functions have one shape and a static
//!   function's closure object is one word of rodata.
//! - Body-less Go functions are runtime entry points under their Go symbol name (`sync.runtime_Semacquire`).
//!   They receive Go's register assignment (which agrees with the C ABI for up to six integer and eight
//!   floating-point arguments) and return at most two words, first in rax, second in rcx.
//!   Three kinds of stub implement them: *leaf* (runs on the goroutine's stack inside the slack), *system*
//!   (switches to the M's system stack, saves callee-saved registers so that the goroutine may be parked
//!   inside), *naked* (own assembly).
#![no_std]
#![forbid(unsafe_code)]

pub mod call;
pub mod g;
pub mod gotype;
pub mod module;
pub mod sizeclass;
pub mod symbols;
