//! A lock for sections of a few instructions, where going to sleep would cost more than waiting
//! (and in signal handlers, with signals blocked by every other holder). After a while it yields
//! the processor, so a preempted holder cannot starve the waiters.

use crate::atomic::{AtomicBool, AtomicU32, Ordering, spin_hint};
use crate::rank::{self, LockRank};
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

/// The lock without data, with a rank: for fields that it guards by convention (a channel's), and sections that copy a value or
/// link a waiter. Against [`crate::RawMutex`] it saves the locked instruction of the unlock, which is a third of what a channel operation
/// costs: nobody sleeps in it, so there is nobody to be woken. Whoever waits long (the holder was preempted) yields, then naps.
#[derive(Debug)]
pub struct SpinLock {
    taken: AtomicU32,
    rank: LockRank,
}

impl SpinLock {
    /// A free lock; so is zeroed memory.
    pub const fn new(rank: LockRank) -> SpinLock {
        SpinLock {
            taken: AtomicU32::new(0),
            rank,
        }
    }

    /// Takes the lock.
    #[inline]
    pub fn lock(&self) {
        rank::check_acquire(self.rank, self as *const _ as usize);
        if self.taken.swap(1, Ordering::Acquire) != 0 {
            self.lock_slow();
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> bool {
        let taken =
            self.taken.load(Ordering::Relaxed) == 0 && self.taken.swap(1, Ordering::Acquire) == 0;
        if taken {
            rank::note_try_acquired(self.rank, self as *const _ as usize);
        }
        taken
    }

    /// Looks away longer and longer: the holder is likely to take the lock again soon, and does that several times as fast while nobody pulls
    /// the cache lines over.
    #[cold]
    fn lock_slow(&self) {
        let mut rounds = 0u32;
        loop {
            match rounds {
                0..7 => {
                    for _ in 0..1 << rounds {
                        spin_hint();
                    }
                }
                7..16 => rt_os::thread::sched_yield(),
                _ => rt_os::thread::nanosleep(20_000),
            }
            rounds += 1;
            if self.taken.load(Ordering::Relaxed) == 0 && self.taken.swap(1, Ordering::Acquire) == 0
            {
                return;
            }
        }
    }

    /// Releases the lock.
    ///
    /// # Safety
    /// The caller holds it.
    #[inline]
    pub unsafe fn unlock(&self) {
        rank::note_release(self.rank, self as *const _ as usize);
        self.taken.store(0, Ordering::Release);
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

    /// Rounds of each thread.
    const ROUNDS: usize = if cfg!(miri) { 200 } else { 20_000 };

    #[test]
    fn counts_under_contention_are_exact() {
        let mutex = SpinMutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        *mutex.lock() += 1;
                    }
                });
            }
        });
        assert_eq!(*mutex.lock(), 3 * ROUNDS);
    }

    #[test]
    fn raw_lock_excludes_others() {
        let lock = SpinLock::new(LockRank::Unranked);
        let counter = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        lock.lock();
                        let before = counter.load(Ordering::Relaxed);
                        counter.store(before + 1, Ordering::Relaxed);
                        // SAFETY: taken above.
                        unsafe { lock.unlock() };
                    }
                });
            }
        });
        assert_eq!(counter.load(Ordering::Relaxed) as usize, 3 * ROUNDS);
    }
}
