//! The one place atomics come from. Modules that loom checks say `use crate::atomic::..` (or
//! `rt_sync::atomic`), and their loom tests compile the same file below a crate root whose
//! `atomic` module is loom's; so the checked text is the shipped text. With the feature `model` they tell a
//! concurrency tester of every operation (`runtime/model`).

#[cfg(feature = "model")]
mod model;
#[cfg(feature = "model")]
pub use model::*;

#[cfg(not(feature = "model"))]
pub use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize, Ordering, fence,
};

/// Tells the processor that this is a waiting loop.
#[inline(always)]
pub fn spin_hint() {
    #[cfg(feature = "model")]
    if let Some(kernel) = rt_os::model::kernel() {
        return (kernel.pause)();
    }
    core::hint::spin_loop();
}

/// An `f64` that is read and written whole.
#[derive(Debug, Default)]
pub struct AtomicF64(AtomicU64);

impl AtomicF64 {
    /// With this value.
    pub const fn new(value: f64) -> AtomicF64 {
        AtomicF64(AtomicU64::new(value.to_bits()))
    }

    /// Relaxed load.
    pub fn load(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Relaxed store.
    pub fn store(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}
