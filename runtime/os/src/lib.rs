//! The operating system as the runtime sees it: raw Linux system calls and nothing above them.
//!
//! Reading order: [`syscall`] (the instruction, errno), [`mem`] (address space), [`thread`]
//! (clone, futex, signals to threads), [`signal`], [`poll`] (epoll, eventfd, files), [`time`]
//! (clocks through the vDSO), [`process`] (arguments, environment, auxiliary vector), [`cgroup`]
//! (CPU quota, memory limit), [`print`] (messages that never allocate), [`memops`] (the memory
//! routines that the compiler calls by name).
//!
//! Architecture invariant: knows nothing of goroutines, heap or locks; allocates nothing; never
//! touches `errno` or any libc state, so it works before the runtime is set up and in signal
//! handlers.
#![cfg_attr(not(any(test, feature = "std", miri)), no_std)]

pub mod cgroup;
pub mod mem;
pub mod memops;
#[cfg(miri)]
mod miri;
#[cfg(feature = "model")]
pub mod model;
pub mod poll;
pub mod print;
pub mod process;
pub mod signal;
pub mod syscall;
pub mod thread;
pub mod time;

pub use syscall::{Errno, SysResult};
