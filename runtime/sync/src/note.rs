//! A one-shot event: one thread sleeps until another wakes it. `clear` makes it usable again.

use crate::atomic::{AtomicU32, Ordering};
use rt_os::thread::{futex_wait, futex_wake};

/// The event. At most one thread waits at a time.
#[derive(Debug, Default)]
pub struct Note(AtomicU32);

impl Note {
    /// Not signalled.
    pub const fn new() -> Note {
        Note(AtomicU32::new(0))
    }

    /// Makes the note usable again; only while nobody sleeps on it or wakes it.
    pub fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Signals. Returns false if it was signalled already (harmless, but often a bug of the
    /// caller's protocol).
    pub fn wake(&self) -> bool {
        let first = self.0.swap(1, Ordering::Release) == 0;
        if first {
            futex_wake(&self.0, 1);
        }
        first
    }

    /// Whether it is signalled.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    /// Sleeps until it is signalled.
    pub fn sleep(&self) {
        while !self.is_set() {
            let _ = futex_wait(&self.0, 0, -1);
        }
    }

    /// Sleeps until it is signalled or the time is over; returns whether it is signalled.
    pub fn sleep_for(&self, nanos: i64) -> bool {
        if self.is_set() {
            return true;
        }
        if nanos <= 0 {
            return false;
        }
        let deadline = rt_os::time::nanotime().saturating_add(nanos);
        loop {
            let left = deadline - rt_os::time::nanotime();
            if left <= 0 {
                return self.is_set();
            }
            let _ = futex_wait(&self.0, 0, left);
            if self.is_set() {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_a_sleeper_once() {
        let note = Note::new();
        std::thread::scope(|scope| {
            scope.spawn(|| note.sleep());
            assert!(note.wake());
            assert!(!note.wake());
        });
        assert!(note.is_set() && note.sleep_for(0));
        note.clear();
        assert!(!note.sleep_for(1000));
    }
}
