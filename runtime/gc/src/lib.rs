//! The collector: concurrent, tri-colour, non-moving mark-sweep.
//!
//! Reading order: [`world`] (what it asks of the scheduler), [`gc`] (the state machine, the
//! essay), [`mark`] (the mark loop), [`work`] and [`lfstack`] (grey work between threads),
//! [`pacer`], [`finalize`] (finalizers, cleanups, weak pointers), [`leaks`] (goroutines that wait for ever), [`check`] (the second mark),
//! [`stats`].
//!
//! Architecture invariant: meets goroutines, threads and stacks only through [`World`]; runs on
//! system stacks only.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

mod atomic {
    pub(crate) use rt_sync::atomic::{AtomicU64, Ordering};
}

mod check;
pub mod finalize;
pub mod gc;
pub mod leaks;
pub mod lfstack;
mod mark;
pub mod pacer;
pub mod stats;
pub mod work;
pub mod world;

pub use finalize::{AttachError, WeakError};
pub use gc::{Cause, Gc, Phase};
pub use leaks::LeakWorld;
pub use world::{ConservativeRange, RootRange, StopReason, World};
