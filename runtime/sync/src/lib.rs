//! Locks and events of the runtime, on futexes.
//!
//! Reading order: [`atomic`] (where atomics come from), [`rank`] (the order of all locks),
//! [`mutex`], [`spin`], [`note`] (one-shot event), [`once`].
//!
//! Architecture invariant: blocks threads, never goroutines; knows neither G nor heap; allocates
//! nothing.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod atomic;
pub mod mutex;
pub mod note;
pub mod once;
pub mod rank;
pub mod spin;

pub use mutex::{Mutex, MutexGuard, RawMutex};
pub use note::Note;
pub use once::Once;
pub use rank::LockRank;
pub use spin::{SpinGuard, SpinLock, SpinMutex};
