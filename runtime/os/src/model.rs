//! The kernel of a program under a concurrency tester: the functions that stand for futexes, naps, yields and the clock while one is set
//! ([`set`]). Only with the feature `model`, which the runtime's image never has.

use crate::SysResult;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// What the tester provides.
pub struct Kernel {
    /// An operation on shared memory follows: another thread may come first.
    pub point: fn(),
    /// The thread waits for another one in a loop.
    pub pause: fn(),
    /// `futex_wait`.
    pub wait: fn(&AtomicU32, u32, i64) -> SysResult<()>,
    /// `futex_wake`.
    pub wake: fn(&AtomicU32, u32) -> usize,
    /// Nanoseconds of the clock, which is at least 1.
    pub now: fn() -> i64,
    /// `nanosleep`.
    pub nap: fn(i64),
}

static KERNEL: AtomicPtr<Kernel> = AtomicPtr::new(ptr::null_mut());

/// Sets the kernel, for good.
pub fn set(kernel: &'static Kernel) {
    KERNEL.store(kernel as *const Kernel as *mut Kernel, Ordering::Release);
}

/// The kernel, if one is set.
pub fn kernel() -> Option<&'static Kernel> {
    // SAFETY: null or what `set` stored.
    unsafe { KERNEL.load(Ordering::Acquire).as_ref() }
}

/// See [`Kernel::point`].
#[inline]
pub fn point() {
    if let Some(kernel) = kernel() {
        (kernel.point)();
    }
}
