//! Coroutines of `iter.Pull`: two goroutines that hand the thread to each other without the scheduler.

use crate::bubble::Bubble;
use crate::g::{G, Status};
use crate::m::M;
use crate::proc;
use crate::reason::ParkReason;
use crate::trace;
use core::ptr;
use rt_sync::atomic::{AtomicPtr, Ordering};

/// The coroutine: whoever is not running at the moment. A heap object without pointers for the collector.
#[repr(C)]
pub struct Coro {
    waiting: AtomicPtr<G>,
}

impl Coro {
    /// A coroutine that will call `start` at the first switch.
    pub fn init(&self, start: usize, created_by: usize) {
        let parent = G::current();
        let g = proc::new_goroutine(start, created_by, Some(parent));
        g.reason
            .store(ParkReason::CoroutineSwitch as u8, Ordering::Relaxed);
        g.coro.set(self as *const Coro as usize);
        crate::bubble::on_born_parked(g);
        if trace::on() {
            trace::created(g, true);
        }
        g.change_status(Status::Dead, Status::Waiting);
        self.waiting
            .store(g as *const G as *mut G, Ordering::Release);
    }

    fn take(&self, leave: *mut G) -> &'static G {
        // SAFETY: null or a G; Gs are never freed.
        match unsafe { self.waiting.swap(leave, Ordering::AcqRel).as_ref() } {
            Some(next) => next,
            None => rt_os::throw!("coroswitch on exited coro"),
        }
    }

    /// Switches to the other side (system function; does not return to Rust).
    pub fn switch(&self) -> ! {
        let g = G::current();
        if ptr::eq(self.waiting.load(Ordering::Acquire), g) {
            rt_os::throw!("coroswitch to itself");
        }
        // The other side cannot switch back before we are parked: it does not run yet.
        let next = self.take(g as *const G as *mut G);
        let bubble = crate::bubble::of(g);
        pin(bubble);
        proc::begin_park(g, ParkReason::CoroutineSwitch);
        run(next, bubble)
    }

    /// Ends the calling side's goroutine and switches to the other.
    pub fn exit(&self) -> ! {
        let g = G::current();
        let next = self.take(ptr::null_mut());
        crate::hooks::HOOKS.g_exit.get()(g);
        let bubble = crate::bubble::of(g);
        pin(bubble);
        proc::end_goroutine(g);
        run(next, bubble)
    }
}

/// One of the two sides runs all the time: their bubble must not look idle in between.
fn pin(bubble: Option<&'static Bubble>) {
    if let Some(bubble) = bubble {
        bubble.pin();
    }
}

/// Continues the other side; `pinned` is the bubble that [`pin`] pinned.
fn run(next: &'static G, pinned: Option<&'static Bubble>) -> ! {
    let m = M::current();
    m.curg.store(ptr::null_mut(), Ordering::Relaxed);
    if !next.locked_m.get().is_null() || !m.locked_g.get().is_null() {
        proc::ready(next);
        if let Some(bubble) = pinned {
            bubble.unpin();
        }
        proc::schedule()
    }
    crate::bubble::on_ready(next);
    if let Some(bubble) = pinned {
        bubble.unpin();
    }
    if trace::on() {
        trace::unblocks(next);
        trace::started(next);
    }
    next.change_status(Status::Waiting, Status::Running);
    proc::run_switched(next, true)
}
