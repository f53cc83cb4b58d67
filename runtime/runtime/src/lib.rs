//! The runtime as compiled programs see it: process start, entry points, panics, signals, tracebacks.
//!
//! Reading order: [`start`] (the process begins), [`entry`] (symbols), [`callbacks`] (Go functions that Rust calls), [`glue`] (heap and
//! collector of the program, the scheduler as a `World`), [`unwind`] (recover), [`symtab`], [`traceback`], [`fatal`], [`signals`],
//! [`profile`], [`memstats`].
//!
//! Architecture invariant: the only crate that defines symbols for compiled code (with the assembly of `rt_sched::arch`), and the
//! only one that knows all others.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod callbacks;
pub mod entry;
pub mod fatal;
pub mod glue;
pub mod memstats;
pub mod profile;
pub mod signals;
pub mod start;
pub mod symtab;
pub mod traceback;
pub mod unwind;
