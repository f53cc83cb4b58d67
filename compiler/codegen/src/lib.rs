//! MIR to machine code and tables, through Cranelift.
//!
//! Reading order: [`isa`] (target settings), [`sig`] (where values travel), [`func`] (one function: driver of the translation),
//! `ops`, `mem`, `calls`, `arith` (its parts), `liveness` (what of a frame is needed at each call), [`artifact`] (compiled code that can be kept), [`unit`] (what it refers to), [`compile`] (one function to bytes), [`emit`] (the program to linker input),
//! [`typedesc`] (type descriptors), [`tables`] (pc-line and handler tables).
//!
//! Architecture invariant: decides nothing about Go; what a construct means is in MIR already.
#![forbid(unsafe_code)]

mod argtable;
mod arith;
pub mod artifact;
mod calls;
pub mod compile;
pub mod emit;
pub mod func;
pub mod isa;
mod liveness;
mod mem;
mod ops;
pub mod sig;
pub mod tables;
pub mod typedesc;
pub mod unit;

pub use artifact::CodeCache;
pub use emit::{Options, emit_program};
pub use unit::{Kept, Unit};
