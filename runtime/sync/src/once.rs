//! One-time initialisation without thread-local state.

use crate::atomic::{AtomicU32, Ordering};
use rt_os::thread::{futex_wait, futex_wake};

const NEW: u32 = 0;
const RUNNING: u32 = 1;
const WAITED: u32 = 2;
const DONE: u32 = 3;

/// Runs a function once; others wait until it is through.
#[derive(Debug, Default)]
pub struct Once(AtomicU32);

impl Once {
    /// Not run yet.
    pub const fn new() -> Once {
        Once(AtomicU32::new(NEW))
    }

    /// Whether the function is through.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) == DONE
    }

    /// Runs `init` unless it ran. Must not be called from within `init`.
    #[inline]
    pub fn call(&self, init: impl FnOnce()) {
        if !self.is_done() {
            self.call_slow(init);
        }
    }

    #[cold]
    fn call_slow(&self, init: impl FnOnce()) {
        loop {
            match self
                .0
                .compare_exchange(NEW, RUNNING, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) => {
                    init();
                    if self.0.swap(DONE, Ordering::Release) == WAITED {
                        futex_wake(&self.0, u32::MAX >> 1);
                    }
                    return;
                }
                Err(DONE) => return,
                Err(RUNNING) => {
                    let _ = self.0.compare_exchange(
                        RUNNING,
                        WAITED,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                }
                Err(_) => {
                    let _ = futex_wait(&self.0, WAITED, -1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::AtomicUsize;

    #[test]
    fn runs_once_and_everybody_sees_the_effect() {
        let (once, count) = (Once::new(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    once.call(|| {
                        std::thread::yield_now();
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                    assert_eq!(count.load(Ordering::Relaxed), 1);
                });
            }
        });
    }
}
