//! Go's heap: address space, pages, spans, size classes, allocation, sweeping.
//!
//! Reading order: [`arena`] (the reservation and its tables), [`pages`] (the page allocator),
//! [`span`], [`central`] (spans of a class), [`mcache`] (per-P windows that compiled code bumps),
//! [`heap`] (the whole), [`malloc`] (allocation), [`typemap`] (type descriptors), [`object`]
//! (finding objects, walking their pointers), [`specials`] (finalizers, weak handles, ...),
//! [`sweep`], [`scavenge`] (memory back to the system), [`profile`] (allocation sampling),
//! [`stats`], [`verify`] (walkers that check every structure), [`persistent`].
//!
//! Architecture invariant: knows nothing of goroutines, marking or the scheduler. It never calls
//! out: what the collector must learn (live bytes, due finalizers, sampled objects) is left as
//! data for it to read.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod arena;
pub mod central;
pub mod heap;
pub mod malloc;
pub mod mcache;
pub mod object;
pub mod pages;
pub mod persistent;
pub mod profile;
pub mod scavenge;
pub mod span;
pub mod specials;
pub mod stats;
pub mod sweep;
pub mod typemap;
pub mod verify;

pub use arena::{Arena, PageInfo, Slot};
pub use heap::{Config, Heap};
pub use malloc::OutOfMemory;
pub use mcache::{MCache, WbBuf};
pub use object::ObjectRef;
pub use span::{MSpan, SpanState};
pub use specials::{Due, Finalizer, SpecialKind};
pub use stats::HeapStats;
