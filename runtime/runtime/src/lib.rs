//! The runtime as compiled programs see it: process start, entry points, panics, signals, tracebacks.
//!
//! Reading order: [`start`] (the process begins), [`entry`] (symbols), [`callbacks`] (Go functions that Rust calls), [`glue`] (heap and
//! collector of the program, the scheduler as a `World`), [`stackscan`] (what of a stack is live), [`unwind`] (recover), [`symtab`], [`traceback`], [`fatal`], [`signals`],
//! [`profile`], [`memstats`].
//!
//! Architecture invariant: the only crate that defines symbols for compiled code (with the assembly of `rt_sched::arch`), and the
//! only one that knows all others.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

mod arguments;
mod callbacks;
mod cpu_profile;
mod entry;
mod fatal;
mod glue;
mod memstats;
mod profile;
mod signals;
mod stackscan;
mod start;
mod symtab;
mod traceback;
mod unwind;
