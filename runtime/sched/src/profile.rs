//! Block and mutex contention events, kept as data for the profiles.

use crate::g::G;
use crate::sudog::Sudog;
use rt_sync::atomic::{AtomicI64, AtomicPtr, Ordering};

/// Mean nanoseconds of blocking per sample; 0 off.
pub static BLOCK_RATE: AtomicI64 = AtomicI64::new(0);
/// One of so many contention events is sampled; 0 off.
pub static MUTEX_FRACTION: AtomicI64 = AtomicI64::new(0);

/// Whether waits are timed.
#[inline]
pub fn block_enabled() -> bool {
    BLOCK_RATE.load(Ordering::Relaxed) != 0 || MUTEX_FRACTION.load(Ordering::Relaxed) != 0
}

/// What records events: (goroutine whose stack counts, cputicks blocked, mutex profile instead of block profile).
pub type Recorder = fn(&'static G, i64, bool);

/// Set by the runtime crate at start.
pub static RECORDER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

fn record(g: &'static G, ticks: i64, mutex: bool) {
    let recorder = RECORDER.load(Ordering::Relaxed);
    if !recorder.is_null() {
        // SAFETY: only functions of this type are stored.
        let recorder: Recorder = unsafe { core::mem::transmute(recorder) };
        recorder(g, ticks, mutex);
    }
}

/// A goroutine that waited since `sudog.since` goes on.
pub fn block_event(g: &'static G, sudog: &Sudog) {
    if sudog.since.get() != 0 && BLOCK_RATE.load(Ordering::Relaxed) != 0 {
        record(g, rt_os::time::cputicks() as i64 - sudog.since.get(), false);
    }
}

/// The current goroutine releases what `sudog` waited for.
pub fn mutex_event(sudog: &Sudog) {
    let fraction = MUTEX_FRACTION.load(Ordering::Relaxed);
    if sudog.since.get() != 0
        && fraction > 0
        && crate::m::M::current().cheaprandn(fraction as u32) == 0
    {
        record(
            G::current(),
            rt_os::time::cputicks() as i64 - sudog.since.get(),
            true,
        );
    }
}
