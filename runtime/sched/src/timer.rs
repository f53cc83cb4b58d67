//! Timers: a heap (4-ary, by time) per P, each under a lock.
//!
//! 1. A timer belongs to one heap at a time (`Timer::heap`); its fields are under that heap's lock. To lock a timer, lock its heap and
//!    look whether it still belongs there.
//! 2. Expired timers are run by the scheduler of the P, or by a thief. The function of a Go timer runs on g0 without any lock
//!    but, for channel timers, the timer's `send_lock`.
//! 3. Channel timers (Go 1.23): stale values are never received after Stop or Reset, and a timer that nobody waits for needs no
//!    reference. So: such a timer is in a heap only while a goroutine is blocked on its channel (`blocked` > 0); operations on the channel
//!    first run it if it is due. Stop and Reset take `send_lock`, change `seq` (a send in flight sees that and does nothing), then
//!    empty the channel's buffer.

use crate::g::G;
use crate::hooks::HOOKS;
use crate::m::M;
use crate::p::P;
use crate::proc::earlier;
use crate::reason::ParkReason;
use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, Ordering};
use rt_sync::{LockRank, RawMutex, SpinLock};

/// Rust function of a timer: (timer, nanoseconds late). Runs without locks, must not park.
pub type TimerFn = fn(&'static Timer, i64);

/// A timer. Embedded in Gs, in netpoll's descriptors, and in the heap objects behind time.Timer.
#[repr(C)]
pub struct Timer {
    /// Go func value `func(arg any, seq uintptr, delta int64)`; heap pointer.
    pub f: Cell<usize>,
    /// The interface value passed to it; heap pointers.
    pub arg: [Cell<usize>; 2],
    heap: AtomicPtr<TimerHeap>,
    when: Cell<i64>,
    period: Cell<i64>,
    /// Passed to the function; changes with every Stop and Reset of a channel timer.
    pub seq: Cell<usize>,
    /// Function of timers of the runtime itself, instead of `f`.
    pub rust: Cell<Option<TimerFn>>,
    /// Index in the heap plus 1, 0 while not in it.
    position: Cell<u32>,
    /// Goroutines blocked on the channel.
    blocked: Cell<u32>,
    armed: Cell<bool>,
    /// Bound to a channel: see the module's comment.
    pub is_chan: Cell<bool>,
    /// Random in a bubble, else 0: see [`Entry::before`].
    order: Cell<u32>,
    /// Runs by the system's clock even if a goroutine of a bubble arms it.
    pub is_real: Cell<bool>,
    /// Sends in flight.
    sending: AtomicU32,
    send_lock: RawMutex,
}

// SAFETY: under the lock of the heap it belongs to.
unsafe impl Sync for Timer {}
// SAFETY: as above.
unsafe impl Send for Timer {}

#[derive(Clone, Copy)]
struct Entry {
    when: i64,
    timer: *const Timer,
}

impl Entry {
    /// Whether it is to run first. Timers of a bubble that are due at the same instant run in random order.
    fn before(&self, other: &Entry) -> bool {
        if self.when != other.when {
            return self.when < other.when;
        }
        // SAFETY: live timers, under their heap's lock.
        unsafe { (*self.timer).order.get() < (*other.timer).order.get() }
    }
}

/// A heap of timers.
pub struct TimerHeap {
    lock: SpinLock,
    entries: Cell<*mut Entry>,
    len: Cell<usize>,
    capacity: Cell<usize>,
    /// Time of the earliest, 0 if empty: read without the lock.
    next: AtomicI64,
    /// Heap of a synctest bubble: fake time, run by the bubble.
    pub bubbled: Cell<bool>,
}

// SAFETY: under its lock.
unsafe impl Sync for TimerHeap {}
// SAFETY: as above.
unsafe impl Send for TimerHeap {}

struct Locked<'a>(&'a TimerHeap);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: the guard stands for the lock.
        unsafe { self.0.lock.unlock() };
    }
}

impl TimerHeap {
    /// Empty.
    pub const fn new() -> TimerHeap {
        TimerHeap {
            lock: SpinLock::new(LockRank::Timers),
            entries: Cell::new(ptr::null_mut()),
            len: Cell::new(0),
            capacity: Cell::new(0),
            next: AtomicI64::new(0),
            bubbled: Cell::new(false),
        }
    }

    /// Time of the earliest timer, 0 if there is none.
    #[inline]
    pub fn next_when(&self) -> i64 {
        self.next.load(Ordering::Acquire)
    }

    /// Number of timers, a hint.
    pub fn len(&self) -> usize {
        self.len.get()
    }

    fn lock(&self) -> Locked<'_> {
        self.lock.lock();
        Locked(self)
    }

    fn entry(&self, index: usize) -> Entry {
        // SAFETY: index < len, under the lock.
        unsafe { *self.entries.get().add(index) }
    }

    fn place(&self, index: usize, entry: Entry) {
        // SAFETY: index < capacity, under the lock; entries hold live timers (the collector keeps them).
        unsafe {
            *self.entries.get().add(index) = entry;
            (*entry.timer).position.set(index as u32 + 1);
        }
    }

    fn up(&self, mut index: usize) {
        let entry = self.entry(index);
        while index > 0 {
            let parent = (index - 1) / 4;
            let above = self.entry(parent);
            if !entry.before(&above) {
                break;
            }
            self.place(index, above);
            index = parent;
        }
        self.place(index, entry);
    }

    fn down(&self, mut index: usize) {
        let len = self.len.get();
        let entry = self.entry(index);
        loop {
            let first = index * 4 + 1;
            if first >= len {
                break;
            }
            let mut least = first;
            for child in first + 1..(first + 4).min(len) {
                if self.entry(child).before(&self.entry(least)) {
                    least = child;
                }
            }
            if !self.entry(least).before(&entry) {
                break;
            }
            self.place(index, self.entry(least));
            index = least;
        }
        self.place(index, entry);
    }

    fn publish(&self) {
        let next = if self.len.get() == 0 {
            0
        } else {
            self.entry(0).when.max(1)
        };
        self.next.store(next, Ordering::SeqCst);
    }

    fn insert(&self, timer: &Timer) {
        if self.len.get() == self.capacity.get() {
            self.grow();
        }
        // The heap of timers is a root; what enters it during marking is shaded.
        if crate::hooks::barrier_on() {
            HOOKS.wb_slot.get()(0, timer as *const Timer as usize);
        }
        timer.order.set(if self.bubbled.get() {
            M::current().cheaprandn(u32::MAX)
        } else {
            0
        });
        let index = self.len.get();
        self.len.set(index + 1);
        self.place(
            index,
            Entry {
                when: timer.when.get(),
                timer,
            },
        );
        self.up(index);
        self.publish();
    }

    fn remove(&self, timer: &Timer) {
        let index = timer.position.get() as usize - 1;
        timer.position.set(0);
        let last = self.len.get() - 1;
        self.len.set(last);
        if index != last {
            let moved = self.entry(last);
            self.place(index, moved);
            self.up(index);
            // SAFETY: live timer.
            self.down(unsafe { (*moved.timer).position.get() } as usize - 1);
        }
        self.publish();
    }

    fn update(&self, timer: &Timer) {
        let index = timer.position.get() as usize - 1;
        self.place(
            index,
            Entry {
                when: timer.when.get(),
                timer,
            },
        );
        self.up(index);
        self.down(timer.position.get() as usize - 1);
        self.publish();
    }

    fn grow(&self) {
        let old = self.capacity.get();
        let new = (old * 2).max(rt_os::mem::OS_PAGE_SIZE / size_of::<Entry>());
        let entries = crate::persist::map(new * size_of::<Entry>()) as *mut Entry;
        if old > 0 {
            // SAFETY: both arrays are ours; the old one is unmapped after the copy.
            unsafe {
                ptr::copy_nonoverlapping(self.entries.get(), entries, old);
                let _ = rt_os::mem::munmap(self.entries.get() as usize, old * size_of::<Entry>());
            }
        }
        self.entries.set(entries);
        self.capacity.set(new);
    }

    /// Moves every timer to another heap: this one's P goes away. World stopped.
    pub fn move_all_to(&self, other: &'static TimerHeap) {
        while self.len.get() > 0 {
            // SAFETY: live timer.
            let timer = unsafe { &*self.entry(0).timer };
            let guard = self.lock();
            self.remove(timer);
            timer
                .heap
                .store(other as *const _ as *mut _, Ordering::Release);
            drop(guard);
            let _guard = other.lock();
            other.insert(timer);
        }
    }

    /// Calls `visit` with every timer's address. World stopped.
    pub fn for_each(&self, mut visit: impl FnMut(usize)) {
        for index in 0..self.len.get() {
            visit(self.entry(index).timer as usize);
        }
    }

    /// Takes the earliest timer if it is due, makes the run of its function. Returns false if none is due.
    fn run_one(&'static self, now: i64) -> bool {
        let guard = self.lock();
        if self.len.get() == 0 || self.entry(0).when > now {
            return false;
        }
        // SAFETY: live timer.
        let timer = unsafe { &*self.entry(0).timer };
        fire(timer, guard, now);
        true
    }

    /// Runs what is due at `now`; returns when the next one is.
    pub fn run(&'static self, now: i64) -> i64 {
        while self.run_one(now) {}
        self.next_when()
    }
}

/// Runs a due timer: re-arms or disarms it under the lock, then calls its function without.
fn fire(timer: &'static Timer, guard: Locked<'_>, now: i64) {
    let late = now - timer.when.get();
    if timer.period.get() > 0 {
        let period = timer.period.get();
        timer.when.set(
            timer
                .when
                .get()
                .saturating_add(period.saturating_mul(1 + late / period)),
        );
        if timer.position.get() > 0 {
            guard.0.update(timer);
        }
    } else {
        timer.armed.set(false);
        if timer.position.get() > 0 {
            guard.0.remove(timer);
        }
    }
    let seq = timer.seq.get();
    if let Some(function) = timer.rust.get() {
        drop(guard);
        return function(timer, late);
    }
    let (closure, arg) = (
        timer.f.get(),
        [timer.arg[0].get(), timer.arg[1].get(), seq, late as usize],
    );
    if !timer.is_chan.get() {
        drop(guard);
        return HOOKS.call_go.get()(closure, arg);
    }
    timer.sending.fetch_add(1, Ordering::SeqCst);
    drop(guard);
    // The receiver that this wakes may be the last to know the timer.
    let m = M::current();
    let before = m.firing.replace(timer as *const Timer as usize);
    timer.send_lock.lock();
    if timer.seq.get() == seq {
        HOOKS.call_go.get()(closure, arg);
    }
    timer.sending.fetch_sub(1, Ordering::SeqCst);
    // SAFETY: taken above.
    unsafe { timer.send_lock.unlock() };
    m.firing.set(before);
}

impl Timer {
    /// Never armed.
    pub const fn new() -> Timer {
        Timer {
            f: Cell::new(0),
            arg: [const { Cell::new(0) }; 2],
            heap: AtomicPtr::new(ptr::null_mut()),
            when: Cell::new(0),
            period: Cell::new(0),
            seq: Cell::new(0),
            rust: Cell::new(None),
            position: Cell::new(0),
            blocked: Cell::new(0),
            armed: Cell::new(false),
            is_chan: Cell::new(false),
            order: Cell::new(0),
            is_real: Cell::new(false),
            sending: AtomicU32::new(0),
            send_lock: RawMutex::new(LockRank::Unranked),
        }
    }

    /// Where the calling goroutine's timers go.
    fn home(real: bool) -> &'static TimerHeap {
        let m = M::current();
        // SAFETY: null or the current G, which lives for ever.
        let current = unsafe { m.curg.load(Ordering::Relaxed).as_ref() };
        if !real
            && let Some(g) = current
            && let Some(bubble) = crate::bubble::of(g)
        {
            return bubble.timers();
        }
        match m.p_opt() {
            Some(p) => &p.timers,
            None => &crate::sched::SCHED.p(0).timers,
        }
    }

    fn lock(&self) -> Locked<'static> {
        loop {
            let mut heap = self.heap.load(Ordering::Acquire) as *const TimerHeap;
            if heap.is_null() {
                let home = Timer::home(self.is_real.get()) as *const TimerHeap;
                let _ = self.heap.compare_exchange(
                    ptr::null_mut(),
                    home as *mut _,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
                heap = self.heap.load(Ordering::Acquire);
            }
            // SAFETY: heaps are parts of Ps and bubbles, never freed while timers belong to them.
            let guard = unsafe { &*heap }.lock();
            if ptr::eq(self.heap.load(Ordering::Acquire), heap) {
                return guard;
            }
        }
    }

    /// Locks the timer; if it is in no heap, moves it to the calling P's first.
    fn lock_at_home(&self) -> Locked<'static> {
        let guard = self.lock();
        // A timer of the program stays with the clock under which it was made; the runtime's own are made anew for every use.
        let bubbled = guard.0.bubbled.get();
        let program = self.rust.get().is_none();
        let home = Timer::home(self.is_real.get() || program && !bubbled);
        if self.position.get() > 0 || ptr::eq(guard.0, home) || bubbled && program {
            return guard;
        }
        self.heap
            .store(home as *const _ as *mut _, Ordering::Release);
        drop(guard);
        self.lock()
    }

    /// Arms it for `when` (nanotime), then every `period` ns if that is not 0. Returns whether it was pending.
    /// `drain` empties the channel of a channel timer and says whether there was a value.
    pub fn start(&self, when: i64, period: i64, drain: impl FnOnce() -> bool) -> bool {
        self.change(Some((when, period)), drain)
    }

    /// Disarms it; returns whether it was pending.
    pub fn stop(&self, drain: impl FnOnce() -> bool) -> bool {
        self.change(None, drain)
    }

    fn change(&self, to: Option<(i64, i64)>, drain: impl FnOnce() -> bool) -> bool {
        let is_chan = self.is_chan.get();
        if is_chan {
            self.send_lock.lock();
        }
        let guard = match to {
            Some(_) => self.lock_at_home(),
            None => self.lock(),
        };
        if guard.0.bubbled.get() && self.rust.get().is_none() && crate::bubble::current().is_none()
        {
            crate::hooks::fatal(if to.is_some() {
                "reset of synctest timer from outside bubble"
            } else {
                "stop of synctest timer from outside bubble"
            });
        }
        let mut pending = self.armed.get();
        if is_chan {
            self.seq.set(self.seq.get().wrapping_add(1));
            if self.period.get() == 0 && self.sending.load(Ordering::SeqCst) > 0 {
                pending = true;
            }
        }
        let mut wake = 0;
        match to {
            Some((when, period)) => {
                let when = when.max(1);
                self.when.set(when);
                self.period.set(period);
                self.armed.set(true);
                if self.position.get() > 0 {
                    guard.0.update(self);
                } else if !is_chan || self.blocked.get() > 0 {
                    guard.0.insert(self);
                }
                if self.position.get() == 1 && !guard.0.bubbled.get() {
                    wake = when;
                }
            }
            None => {
                self.armed.set(false);
                if self.position.get() > 0 {
                    guard.0.remove(self);
                }
            }
        }
        if let Some((when, _)) = to
            && guard.0.bubbled.get()
            && !is_chan
            && self.rust.get().is_none()
            && when <= crate::bubble::now()
        {
            // The clock of a bubble stands while its goroutines run: what is due now would wait until all are blocked.
            // SAFETY: the caller keeps the timer.
            fire(
                unsafe { &*(self as *const Timer) },
                guard,
                crate::bubble::now(),
            );
            return pending;
        }
        drop(guard);
        if is_chan {
            // SAFETY: taken above.
            unsafe { self.send_lock.unlock() };
            if drain() {
                pending = true;
            }
        }
        if wake != 0 {
            crate::thread::wake_net_poller(wake);
        }
        pending
    }

    /// Before an operation on the channel of this timer: sends now what is due.
    pub fn run_if_due(&'static self) {
        let guard = self.lock();
        if !self.armed.get() || self.position.get() > 0 {
            return;
        }
        let now = if guard.0.bubbled.get() {
            crate::bubble::now()
        } else {
            rt_os::time::nanotime()
        };
        if self.when.get() <= now {
            fire(self, guard, now);
        }
    }

    /// A goroutine is about to block on the channel.
    pub fn block(&self) {
        let guard = self.lock();
        self.blocked.set(self.blocked.get() + 1);
        let mut wake = 0;
        if self.armed.get() && self.position.get() == 0 {
            guard.0.insert(self);
            if self.position.get() == 1 && !guard.0.bubbled.get() {
                wake = self.when.get();
            }
        }
        drop(guard);
        if wake != 0 {
            crate::thread::wake_net_poller(wake);
        }
    }

    /// It no longer is.
    pub fn unblock(&self) {
        let guard = self.lock();
        self.blocked.set(self.blocked.get() - 1);
        if self.blocked.get() == 0 && self.position.get() > 0 && self.is_chan.get() {
            guard.0.remove(self);
        }
    }
}

/// Runs the P's expired timers. `now` 0: look at the clock if need be. Returns the time (0 if not looked at) and when the
/// next timer is due (0: none).
pub fn run_expired(p: &'static P, now: i64) -> (i64, i64) {
    let next = p.timers.next_when();
    if next == 0 {
        return (now, 0);
    }
    let now = if now == 0 {
        rt_os::time::nanotime()
    } else {
        now
    };
    if next > now {
        return (now, next);
    }
    (now, p.timers.run(now))
}

/// `time.Sleep` (system function).
pub extern "C" fn sleep(nanos: i64) {
    if nanos <= 0 {
        return;
    }
    fn wake(timer: &'static Timer, _: i64) {
        // SAFETY: only the timers made below have this function; Gs are never freed.
        crate::proc::ready(unsafe { &*(timer.seq.get() as *const G) });
    }
    let g = G::current();
    let bubble = crate::bubble::of(g);
    let when = crate::bubble::now().saturating_add(nanos);
    // SAFETY: null, or made below; never freed.
    let timer = match unsafe { g.sleep_timer.get().as_ref() } {
        Some(timer) => timer,
        None => {
            let at = crate::persist::alloc(size_of::<Timer>(), align_of::<Timer>()) as *mut Timer;
            // SAFETY: fresh memory of the right size; never freed.
            let timer: &'static Timer = unsafe {
                at.write(Timer::new());
                &*at
            };
            timer.rust.set(Some(wake));
            timer.seq.set(g.addr());
            g.sleep_timer.set(timer);
            timer
        }
    };
    // The bubble must not look for timers before this one is there.
    if let Some(bubble) = bubble {
        bubble.pin();
    }
    crate::proc::begin_park(g, ParkReason::Sleep);
    timer.start(when, 0, || false);
    if let Some(bubble) = bubble {
        bubble.unpin();
    }
    crate::proc::schedule()
}

/// Whether a timer of some P is due.
pub fn any_due() -> bool {
    let next = next_of_all();
    next != 0 && next <= rt_os::time::nanotime()
}

/// Runs what is due on any P, from a P; whether anything was.
pub fn run_due_of_all() -> bool {
    let now = rt_os::time::nanotime();
    let mut any = false;
    for p in crate::sched::SCHED.all_ps() {
        let next = p.timers.next_when();
        if next != 0 && next <= now {
            p.timers.run(now);
            any = true;
        }
    }
    any
}

/// The earliest timer of all Ps.
pub fn next_of_all() -> i64 {
    crate::sched::SCHED
        .all_ps()
        .fold(0, |when, p| earlier(when, p.timers.next_when()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers(count: usize) -> Vec<&'static Timer> {
        (0..count)
            .map(|_| &*Box::leak(Box::new(Timer::new())))
            .collect()
    }

    /// Random insertions, removals and changes; the heap's minimum is always the naive one's.
    #[test]
    fn earliest_timer_is_always_at_the_top() {
        let heap = TimerHeap::new();
        let timers = timers(500);
        let mut state = 12345u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        for _ in 0..20_000 {
            let timer = timers[random(500) as usize];
            match (timer.position.get() > 0, random(3)) {
                (false, _) => {
                    timer.when.set(1 + random(1000) as i64);
                    heap.insert(timer);
                }
                (true, 0) => heap.remove(timer),
                (true, _) => {
                    timer.when.set(1 + random(1000) as i64);
                    heap.update(timer);
                }
            }
            let least = timers
                .iter()
                .filter(|t| t.position.get() > 0)
                .map(|t| t.when.get())
                .min();
            assert_eq!(heap.next_when(), least.unwrap_or(0));
        }
        let mut last = 0;
        while heap.len() > 0 {
            // SAFETY: leaked above.
            let timer = unsafe { &*heap.entry(0).timer };
            assert!(timer.when.get() >= last && timer.position.get() == 1);
            last = timer.when.get();
            heap.remove(timer);
        }
    }

    #[test]
    fn due_timers_run_in_order_and_periodic_ones_skip_what_they_missed() {
        use rt_sync::atomic::AtomicUsize;
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let heap: &'static TimerHeap = Box::leak(Box::new(TimerHeap::new()));
        let timers = timers(3);
        for (index, timer) in timers.iter().enumerate() {
            timer
                .heap
                .store(heap as *const _ as *mut _, Ordering::Relaxed);
            timer.rust.set(Some(|timer, _| {
                let before = RUNS.fetch_add(1, Ordering::Relaxed);
                timer.seq.set(before + 1);
            }));
            timer.when.set(30 - 10 * index as i64);
            timer.armed.set(true);
            heap.insert(timer);
        }
        timers[0].period.set(100);
        assert_eq!(heap.run(5), 10, "nothing is due");
        assert_eq!(
            heap.run(250),
            330,
            "the periodic one is next, in its own rhythm"
        );
        assert_eq!(
            [
                timers[2].seq.get(),
                timers[1].seq.get(),
                timers[0].seq.get()
            ],
            [1, 2, 3]
        );
        assert!(!timers[1].armed.get() && timers[0].armed.get());
        assert!(timers[0].stop(|| false) && !timers[0].stop(|| false));
        assert_eq!(heap.len(), 0);
    }
}
