//! The collector: concurrent, tri-colour, non-moving mark-sweep.
//!
//! Reading order: [`world`] (what it asks of the scheduler).
//!
//! Architecture invariant: meets goroutines, threads and stacks only through [`World`]; runs on
//! system stacks only.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod world;

pub use world::{ConservativeRange, RootRange, StopReason, World};
