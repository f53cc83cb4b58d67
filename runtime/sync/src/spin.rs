//! A lock for sections of a few instructions, where going to sleep would cost more than waiting
//! (and in signal handlers, with signals blocked by every other holder). After a while it yields
//! the processor, so a preempted holder cannot starve the waiters.

use crate::atomic::{AtomicBool, Ordering, spin_hint};
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// A value behind a spinning lock.
#[derive(Debug)]
pub struct SpinMutex<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value moves between threads only under the lock.
unsafe impl<T: Send> Send for SpinMutex<T> {}
// SAFETY: the lock hands out one reference at a time.
unsafe impl<T: Send> Sync for SpinMutex<T> {}

impl<T> SpinMutex<T> {
    /// A free lock around the value.
    pub const fn new(value: T) -> SpinMutex<T> {
        SpinMutex {
            taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock.
    #[inline]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        let mut spins = 0u32;
        while self.taken.swap(true, Ordering::Acquire) {
            while self.taken.load(Ordering::Relaxed) {
                spins += 1;
                if spins.is_multiple_of(64) {
                    rt_os::thread::sched_yield();
                }
                spin_hint();
            }
        }
        SpinGuard { mutex: self }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        (!self.taken.swap(true, Ordering::Acquire)).then(|| SpinGuard { mutex: self })
    }
}

/// Releases the lock when dropped.
#[derive(Debug)]
pub struct SpinGuard<'a, T> {
    mutex: &'a SpinMutex<T>,
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard stands for the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard stands for the lock.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_under_contention_are_exact() {
        let mutex = SpinMutex::new(0u64);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        *mutex.lock() += 1;
                    }
                });
            }
        });
        assert_eq!(*mutex.lock(), 60_000);
    }
}
