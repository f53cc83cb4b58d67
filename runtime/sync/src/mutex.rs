//! A futex mutex with a rank.
//!
//! One word: 0 free, 1 taken, 2 taken and somebody may sleep. A locker spins briefly, then marks
//! the word 2 and sleeps; the unlocker wakes one sleeper if it found 2. A woken thread keeps the
//! mark 2, since others may sleep still; this costs at most one wake-up too many.

use crate::atomic::{AtomicU32, Ordering, spin_hint};
use crate::rank::{self, LockRank};
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};
use rt_os::thread::{futex_wait, futex_wake};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const CONTENDED: u32 = 2;
/// Looks before a locker goes to sleep; each waits twice as long as the one before, so all of it is about as long as a wake-up.
const ROUNDS: u32 = 6;

/// The lock without data: for fields that it guards by convention (a channel's).
pub struct RawMutex {
    word: AtomicU32,
    rank: LockRank,
}

impl RawMutex {
    /// A free lock.
    pub const fn new(rank: LockRank) -> RawMutex {
        RawMutex {
            word: AtomicU32::new(FREE),
            rank,
        }
    }

    /// Takes the lock, sleeping if need be.
    #[inline]
    pub fn lock(&self) {
        rank::check_acquire(self.rank, self as *const _ as usize);
        if self
            .word
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.lock_slow();
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> bool {
        let taken = self
            .word
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
        if taken {
            rank::note_try_acquired(self.rank, self as *const _ as usize);
        }
        taken
    }

    #[cold]
    fn lock_slow(&self) {
        for round in 0..ROUNDS {
            for _ in 0..1 << round {
                spin_hint();
            }
            if self.word.load(Ordering::Relaxed) == FREE
                && self
                    .word
                    .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return;
            }
        }
        while self.word.swap(CONTENDED, Ordering::Acquire) != FREE {
            // Errors mean: the word changed, or a signal came. Both are answered by looking again.
            let _ = futex_wait(&self.word, CONTENDED, -1);
        }
    }

    /// Releases the lock.
    ///
    /// # Safety
    /// The caller holds it.
    #[inline]
    pub unsafe fn unlock(&self) {
        rank::note_release(self.rank, self as *const _ as usize);
        match self.word.swap(FREE, Ordering::Release) {
            CONTENDED => {
                futex_wake(&self.word, 1);
            }
            TAKEN => {}
            _ => rt_os::throw!("unlock of unlocked lock ({})", self.rank.name()),
        }
    }

    /// Whether somebody holds it (a hint).
    pub fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) != FREE
    }
}

impl fmt::Debug for RawMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RawMutex({}, {})",
            self.rank.name(),
            self.word.load(Ordering::Relaxed)
        )
    }
}

/// A value behind a [`RawMutex`].
pub struct Mutex<T> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the value moves between threads only under the lock.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: the lock hands out one reference at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// A free lock around the value.
    pub const fn new(rank: LockRank, value: T) -> Mutex<T> {
        Mutex {
            raw: RawMutex::new(rank),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.raw.lock();
        MutexGuard { mutex: self }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().then(|| MutexGuard { mutex: self })
    }

    /// The value, for whoever holds the mutex exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value without the lock.
    ///
    /// # Safety
    /// Nobody else may use the value meanwhile (for instance: the world is stopped and no holder
    /// was stopped inside).
    #[expect(clippy::mut_from_ref, reason = "exclusive by the caller's promise")]
    pub unsafe fn get_unlocked(&self) -> &mut T {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.value.get() }
    }

    /// Whether somebody holds it (a hint).
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }
}

/// Releases the lock when dropped.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard stands for the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard stands for the lock.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard stands for the lock.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of each thread.
    const TIMES: u64 = if cfg!(miri) { 200 } else { 20_000 };

    #[test]
    fn counts_under_contention_are_exact() {
        let mutex = Mutex::new(LockRank::Unranked, 0u64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..TIMES {
                        *mutex.lock() += 1;
                    }
                });
            }
        });
        assert_eq!(*mutex.lock(), 4 * TIMES);
        assert!(!mutex.is_locked());
    }

    #[test]
    fn try_lock_fails_while_held() {
        let mutex = Mutex::new(LockRank::Unranked, ());
        let guard = mutex.lock();
        assert!(mutex.try_lock().is_none());
        drop(guard);
        assert!(mutex.try_lock().is_some());
    }
}
