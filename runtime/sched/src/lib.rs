//! The scheduler: goroutines, threads, timers, semaphores.
//!
//! Reading order: [`g`], [`m`], [`p`] (the three descriptors), [`arch`] (assembly: stubs, switch, stack growth), [`stack`]
//! (segments; their memory: `slab`), [`proc`] (the scheduler), [`runq`], [`sched`] (its global state), [`thread`] (threads, sysmon), [`syscall`],
//! [`world`] (stopping it), [`timer`], [`sema`], [`notify`], [`coro`], [`bubble`] (synctest), [`reason`] (why parked),
//! [`sudog`], [`rand`], [`profile`], [`stress`] (random preemption), [`histogram`], [`trace`] (execution traces), [`hooks`] (what it needs from above), [`persist`].
//!
//! Architecture invariant: knows nothing of channels, files, signals or Go's types; Rust code that may park runs on the
//! M's system stack.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

mod atomic {
    pub(crate) use rt_sync::atomic::{AtomicPtr, AtomicU32, Ordering};
}

pub mod arch;
pub mod bubble;
pub mod coro;
pub mod g;
pub mod histogram;
pub mod hooks;
pub mod m;
#[cfg(feature = "model")]
pub mod model;
pub mod notify;
pub mod p;
pub mod persist;
pub mod proc;
pub mod profile;
pub mod rand;
pub mod reason;
pub mod runq;
pub mod sched;
pub mod sema;
mod slab;
pub mod stack;
pub mod stress;
pub mod sudog;
pub mod syscall;
#[cfg(any(test, feature = "std"))]
pub mod testing;
pub mod thread;
pub mod timer;
pub mod trace;
pub mod world;
