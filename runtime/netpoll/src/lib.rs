//! Network poller: goroutines wait for descriptors on one epoll instance, edge-triggered.
//!
//! 1. Every descriptor of package internal/poll has a [`PollDesc`]. Per direction a word `waiter` is 0 (nothing known), READY
//!    (an event came that nobody has consumed), WAITING (a goroutine is about to park) or the address of the parked G.
//! 2. The scheduler calls [`poll`]: events turn the words into READY and yield the goroutines.
//! 3. Deadlines are timers; `seq` numbers tell a timer that was superseded. An expired or closed descriptor wakes its waiters too.
//! 4. Descriptors are reused, never freed; an epoll event that was under way for the previous user of a descriptor is told
//!    by the tag in the event's data.
//!
//! Architecture invariant: knows nothing of files beyond the descriptor number.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use rt_os::Errno;
use rt_os::poll::{EpollEvent, epoll, epoll_create, epoll_ctl, epoll_wait, eventfd};
use rt_sched::g::{G, GList};
use rt_sched::hooks::HOOKS;
use rt_sched::proc;
use rt_sched::reason::ParkReason;
use rt_sched::timer::Timer;
use rt_sync::{LockRank, RawMutex};

/// Directions, as std names them.
const READ: i64 = b'r' as i64;
const WRITE: i64 = b'w' as i64;

const READY: usize = 1;
const WAITING: usize = 2;

/// Results of wait and reset.
const OK: i64 = 0;
const CLOSING: i64 = 1;
const TIMEOUT: i64 = 2;
const NOT_POLLABLE: i64 = 3;

/// One direction of a descriptor.
struct Half {
    waiter: AtomicUsize,
    /// Absolute nanotime; 0 none; negative: expired. [lock]; copied to `expired` for lock-free reads.
    deadline: Cell<i64>,
    expired: AtomicBool,
    timer: Timer,
    /// Number of the timer's deadline in force; the timer keeps the one it was started with in `Timer::seq`. [lock]
    seq: Cell<usize>,
}

/// A registered descriptor.
#[repr(C)]
pub struct PollDesc {
    lock: RawMutex,
    fd: Cell<i32>,
    /// Incremented at each reuse.
    tag: AtomicU32,
    closing: AtomicBool,
    /// The last event was an error without readiness.
    error: AtomicBool,
    read: Half,
    write: Half,
    free: Cell<*const PollDesc>,
}

// SAFETY: cells under the lock (or, `free`, under the pool's).
unsafe impl Sync for PollDesc {}

struct Pool {
    free: *const PollDesc,
}
// SAFETY: behind the mutex.
unsafe impl Send for Pool {}

static POOL: rt_sync::Mutex<Pool> =
    rt_sync::Mutex::new(LockRank::Unranked, Pool { free: ptr::null() });
static INIT: rt_sync::Once = rt_sync::Once::new();
static EPOLL: AtomicI32 = AtomicI32::new(-1);
static EVENT: AtomicI32 = AtomicI32::new(-1);
static WAKE_PENDING: AtomicU32 = AtomicU32::new(0);
static WAITERS: AtomicU32 = AtomicU32::new(0);

impl Half {
    const fn new() -> Half {
        Half {
            waiter: AtomicUsize::new(0),
            deadline: Cell::new(0),
            expired: AtomicBool::new(false),
            timer: Timer::new(),
            seq: Cell::new(0),
        }
    }

    /// Marks it ready (or only wakes, without leaving a mark) and takes the parked goroutine, if there is one.
    fn unblock(&self, ready: bool) -> Option<&'static G> {
        loop {
            let old = self.waiter.load(Ordering::SeqCst);
            if old == READY || (old == 0 && !ready) {
                return None;
            }
            let new = if ready { READY } else { 0 };
            if self
                .waiter
                .compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
            {
                if old == 0 || old == WAITING {
                    return None;
                }
                WAITERS.fetch_sub(1, Ordering::SeqCst);
                // SAFETY: any other value is a parked G.
                return Some(unsafe { &*(old as *const G) });
            }
        }
    }
}

impl PollDesc {
    const fn new() -> PollDesc {
        PollDesc {
            lock: RawMutex::new(LockRank::PollDesc),
            fd: Cell::new(-1),
            tag: AtomicU32::new(0),
            closing: AtomicBool::new(false),
            error: AtomicBool::new(false),
            read: Half::new(),
            write: Half::new(),
            free: Cell::new(ptr::null()),
        }
    }

    fn half(&self, mode: i64) -> &Half {
        if mode == READ {
            &self.read
        } else {
            &self.write
        }
    }

    fn check(&self, mode: i64) -> i64 {
        if self.closing.load(Ordering::SeqCst) {
            CLOSING
        } else if self.half(mode).expired.load(Ordering::SeqCst) {
            TIMEOUT
        } else if mode == READ && self.error.load(Ordering::SeqCst) {
            NOT_POLLABLE
        } else {
            OK
        }
    }

    fn unlock(&self) {
        // SAFETY: callers hold it.
        unsafe { self.lock.unlock() };
    }
}

fn desc(handle: usize) -> &'static PollDesc {
    // SAFETY: handles come from `open`; descriptors are never freed.
    unsafe { &*(handle as *const PollDesc) }
}

/// `runtime_pollServerInit`.
pub extern "C" fn init() {
    init_once();
}

fn init_once() {
    INIT.call(|| {
        let epfd = match epoll_create() {
            Ok(fd) => fd,
            Err(err) => rt_os::throw!("runtime: netpollinit failed with {err}"),
        };
        let event = match eventfd() {
            Ok(fd) => fd,
            Err(err) => rt_os::throw!("runtime: eventfd failed with {err}"),
        };
        if let Err(err) = epoll_ctl(
            epfd,
            epoll::CTL_ADD,
            event,
            Some(EpollEvent {
                events: epoll::IN,
                data: 0,
            }),
        ) {
            rt_os::throw!("runtime: epollctl failed with {err}");
        }
        EVENT.store(event, Ordering::Release);
        EPOLL.store(epfd, Ordering::Release);
        rt_sched::sched::SCHED
            .last_poll
            .store(rt_os::time::nanotime(), Ordering::SeqCst);
    });
}

/// Tells the scheduler of this poller. Once, at start.
pub fn install() {
    HOOKS.netpoll.set(poll);
    HOOKS.netpoll_break.set(interrupt);
    HOOKS.netpoll_init.set(init_once);
    HOOKS.netpoll_state.set(|| {
        (
            EPOLL.load(Ordering::Acquire) >= 0,
            WAITERS.load(Ordering::Relaxed) > 0,
        )
    });
}

/// Ends a waiting [`poll`].
fn interrupt() {
    // Without a poller nobody waits; a wake-up noted now would be pending for ever.
    let event = EVENT.load(Ordering::Acquire);
    if event < 0 {
        return;
    }
    if WAKE_PENDING
        .compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
    {
        let _ = rt_os::poll::write(event, &1u64.to_ne_bytes());
    }
}

/// Collects ready goroutines. `delay` ns: 0 does not wait, negative waits for an event.
fn poll(delay: i64, ready: &GList) {
    let epfd = EPOLL.load(Ordering::Acquire);
    if epfd < 0 {
        return;
    }
    let mut timeout = match delay {
        ..0 => -1,
        0 => 0,
        // Not less than asked: a timer that is not due yet would make this loop.
        _ => ((delay + 999_999) / 1_000_000).min(1_000_000_000) as i32,
    };
    // Short waits are slept exactly: epoll counts in milliseconds.
    if delay > 0 && delay < 1_000_000 {
        timeout = 0;
    }
    let mut events = [EpollEvent::default(); 128];
    let mut deadline = 0;
    if delay > 0 && delay < 1_000_000 {
        deadline = rt_os::time::nanotime() + delay;
    }
    loop {
        let count = match if deadline != 0 {
            wait_short(epfd, &mut events, deadline)
        } else {
            epoll_wait(epfd, &mut events, timeout)
        } {
            Ok(count) => count,
            Err(Errno::EINTR) if timeout >= 0 => return,
            Err(Errno::EINTR) => continue,
            Err(err) => rt_os::throw!("runtime: epollwait on fd {epfd} failed with {err}"),
        };
        for event in &events[..count] {
            let (bits, data) = (event.events, event.data);
            if data == 0 {
                if timeout != 0 || deadline != 0 {
                    // Only the waiting poller consumes the wake-up.
                    let mut sink = [0u8; 8];
                    let _ = rt_os::poll::read(EVENT.load(Ordering::Relaxed), &mut sink);
                    WAKE_PENDING.store(0, Ordering::SeqCst);
                }
                continue;
            }
            let desc = desc((data & ((1 << 48) - 1)) as usize);
            if desc.tag.load(Ordering::SeqCst) & 0xffff != (data >> 48) as u32 {
                continue;
            }
            desc.error.store(bits == epoll::ERR, Ordering::SeqCst);
            if bits & (epoll::IN | epoll::RDHUP | epoll::HUP | epoll::ERR) != 0
                && let Some(g) = desc.read.unblock(true)
            {
                ready.push_back(g);
            }
            if bits & (epoll::OUT | epoll::HUP | epoll::ERR) != 0
                && let Some(g) = desc.write.unblock(true)
            {
                ready.push_back(g);
            }
        }
        return;
    }
}

/// `epoll_pwait2` with a nanosecond timeout; where the kernel lacks it, a millisecond's wait.
fn wait_short(epfd: i32, events: &mut [EpollEvent], deadline: i64) -> Result<usize, Errno> {
    const EPOLL_PWAIT2: usize = 441;
    let left = (deadline - rt_os::time::nanotime()).max(0);
    let timeout = rt_os::thread::Timespec::from_nanos(left);
    // SAFETY: the kernel writes at most `events.len()` entries and reads the timeout; no mask.
    let result = unsafe {
        rt_os::syscall::call6(
            EPOLL_PWAIT2,
            epfd as usize,
            events.as_mut_ptr() as usize,
            events.len(),
            &timeout as *const _ as usize,
            0,
            8,
        )
    };
    match result {
        Err(Errno::ENOSYS) => epoll_wait(epfd, events, 1),
        result => result,
    }
}

/// `runtime_pollOpen`: registers a descriptor.
pub fn open(fd: i32) -> Result<usize, Errno> {
    init_once();
    let desc = take();
    desc.lock.lock();
    let tag = desc.tag.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
    desc.fd.set(fd);
    desc.closing.store(false, Ordering::SeqCst);
    desc.error.store(false, Ordering::SeqCst);
    for half in [&desc.read, &desc.write] {
        half.waiter.store(0, Ordering::SeqCst);
        half.deadline.set(0);
        half.expired.store(false, Ordering::SeqCst);
        half.seq.set(half.seq.get().wrapping_add(1));
    }
    desc.unlock();
    let data = desc as *const PollDesc as u64 | ((tag & 0xffff) as u64) << 48;
    let events = epoll::IN | epoll::OUT | epoll::RDHUP | epoll::ET;
    match epoll_ctl(
        EPOLL.load(Ordering::Acquire),
        epoll::CTL_ADD,
        fd,
        Some(EpollEvent { events, data }),
    ) {
        Ok(()) => Ok(desc as *const PollDesc as usize),
        Err(err) => {
            give(desc);
            Err(err)
        }
    }
}

fn take() -> &'static PollDesc {
    const BATCH: usize = 16;
    let mut pool = POOL.lock();
    if pool.free.is_null() {
        let memory = rt_sched::persist::alloc(BATCH * size_of::<PollDesc>(), 64) as *mut PollDesc;
        for index in 0..BATCH {
            // SAFETY: fresh memory for BATCH descriptors.
            unsafe {
                memory.add(index).write(PollDesc::new());
                (*memory.add(index)).free.set(pool.free);
            }
            pool.free = memory.wrapping_add(index);
        }
    }
    // SAFETY: free descriptors are initialised.
    let desc = unsafe { &*pool.free };
    pool.free = desc.free.get();
    desc
}

fn give(desc: &'static PollDesc) {
    desc.tag.fetch_add(1, Ordering::SeqCst);
    let mut pool = POOL.lock();
    desc.free.set(pool.free);
    pool.free = desc;
}

/// `runtime_pollClose`.
pub extern "C" fn close(handle: usize) {
    let desc = desc(handle);
    if !desc.closing.load(Ordering::SeqCst) {
        rt_os::throw!("runtime: close polldesc w/o unblock");
    }
    for half in [&desc.read, &desc.write] {
        if half.waiter.load(Ordering::SeqCst) > WAITING {
            rt_os::throw!("runtime: blocked goroutine on closing polldesc");
        }
    }
    let _ = epoll_ctl(
        EPOLL.load(Ordering::Acquire),
        epoll::CTL_DEL,
        desc.fd.get(),
        None,
    );
    give(desc);
}

/// `runtime_pollReset`.
pub extern "C" fn reset(handle: usize, mode: i64) -> i64 {
    let desc = desc(handle);
    let result = desc.check(mode);
    if result == OK {
        desc.half(mode).waiter.store(0, Ordering::SeqCst);
    }
    result
}

/// `runtime_pollWait` (may park).
pub extern "C" fn wait(handle: usize, mode: i64) -> i64 {
    let desc = desc(handle);
    let result = desc.check(mode);
    if result != OK {
        return result;
    }
    block(desc, mode, false)
}

/// `runtime_pollWaitCanceled` (may park).
pub extern "C" fn wait_canceled(handle: usize, mode: i64) {
    block(desc(handle), mode, true);
}

/// Waits for readiness of the direction. `always`: whatever the deadline says.
fn block(desc: &'static PollDesc, mode: i64, always: bool) -> i64 {
    let half = desc.half(mode);
    loop {
        if half
            .waiter
            .compare_exchange(READY, 0, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            return OK;
        }
        match half
            .waiter
            .compare_exchange(0, WAITING, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) => break,
            Err(READY) => {}
            Err(_) => rt_os::throw!("runtime: double wait"),
        }
    }
    // Deadlines and closing look at the word after they set their flags; we look at the flags after we set the word.
    let result = desc.check(mode);
    if !always && result != OK {
        return finish(half, result);
    }
    let g = G::current();
    g.scratch[1].set(desc as *const PollDesc as usize);
    g.scratch[2].set(mode as usize | (always as usize) << 16);
    g.on_resume.set(Some(resumed));
    WAITERS.fetch_add(1, Ordering::SeqCst);
    proc::begin_park(g, ParkReason::IoWait);
    if half
        .waiter
        .compare_exchange(WAITING, g.addr(), Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
    {
        proc::schedule();
    }
    // Readiness came first: do not park after all.
    WAITERS.fetch_sub(1, Ordering::SeqCst);
    g.on_resume.set(None);
    if rt_sched::trace::on() {
        rt_sched::trace::unblocks(g);
        rt_sched::trace::started(g);
    }
    g.change_status(rt_sched::g::Status::Waiting, rt_sched::g::Status::Running);
    finish(half, desc.check(mode))
}

fn finish(half: &Half, result: i64) -> i64 {
    let old = half.waiter.swap(0, Ordering::SeqCst);
    if old == READY { OK } else { result }
}

fn resumed(g: &'static G) {
    let desc = desc(g.scratch[1].get());
    let mode = (g.scratch[2].get() & 0xffff) as i64;
    let half = desc.half(mode);
    let ready = half.waiter.swap(0, Ordering::SeqCst) == READY;
    let result = if ready { OK } else { desc.check(mode) };
    if result == OK && !ready {
        // Woken by a deadline that was moved meanwhile: wait on.
        g.ret0
            .set(block(desc, mode, g.scratch[2].get() >> 16 != 0) as usize);
        return;
    }
    g.ret0.set(result as usize);
}

fn expire_read(timer: &'static Timer, _: i64) {
    // SAFETY: only read halves have this function.
    expire(
        unsafe {
            &*((timer as *const Timer as usize - core::mem::offset_of!(PollDesc, read.timer))
                as *const PollDesc)
        },
        READ,
        timer.seq.get(),
    );
}

fn expire_write(timer: &'static Timer, _: i64) {
    // SAFETY: only write halves have this function.
    expire(
        unsafe {
            &*((timer as *const Timer as usize - core::mem::offset_of!(PollDesc, write.timer))
                as *const PollDesc)
        },
        WRITE,
        timer.seq.get(),
    );
}

fn expire(desc: &'static PollDesc, mode: i64, seq: usize) {
    let half = desc.half(mode);
    desc.lock.lock();
    let mut woken = None;
    if half.seq.get() == seq && half.deadline.get() > 0 {
        half.deadline.set(-1);
        half.expired.store(true, Ordering::SeqCst);
        woken = half.unblock(false);
    }
    desc.unlock();
    if let Some(g) = woken {
        proc::ready(g);
    }
}

/// `runtime_pollSetDeadline`: `d` ns from now, 0 none, negative: expired.
pub extern "C" fn set_deadline(handle: usize, d: i64, mode: i64) {
    let desc = desc(handle);
    desc.lock.lock();
    if desc.closing.load(Ordering::SeqCst) {
        desc.unlock();
        return;
    }
    let when = if d > 0 {
        rt_os::time::nanotime().saturating_add(d)
    } else {
        d
    };
    let mut woken = [None, None];
    for (index, (which, half, function)) in [
        (READ, &desc.read, expire_read as fn(&'static Timer, i64)),
        (WRITE, &desc.write, expire_write),
    ]
    .into_iter()
    .enumerate()
    {
        if mode != which && mode != READ + WRITE {
            continue;
        }
        half.seq.set(half.seq.get().wrapping_add(1));
        half.deadline.set(when);
        half.expired.store(when < 0, Ordering::SeqCst);
        if when > 0 {
            half.timer.stop(|| false);
            half.timer.is_real.set(true);
            half.timer.rust.set(Some(function));
            half.timer.seq.set(half.seq.get());
            half.timer.start(when, 0, || false);
        } else {
            half.timer.stop(|| false);
        }
        if when < 0 {
            woken[index] = half.unblock(false);
        }
    }
    desc.unlock();
    for g in woken.into_iter().flatten() {
        proc::ready(g);
    }
}

/// `runtime_pollUnblock`: the descriptor is being closed.
pub extern "C" fn unblock(handle: usize) {
    let desc = desc(handle);
    desc.lock.lock();
    if desc.closing.swap(true, Ordering::SeqCst) {
        rt_os::throw!("runtime: unblock on closing polldesc");
    }
    let mut woken = [None, None];
    for (index, half) in [&desc.read, &desc.write].into_iter().enumerate() {
        half.seq.set(half.seq.get().wrapping_add(1));
        woken[index] = half.unblock(false);
        half.timer.stop(|| false);
    }
    desc.unlock();
    for g in woken.into_iter().flatten() {
        proc::ready(g);
    }
}

/// `runtime_isPollServerDescriptor`.
pub extern "C" fn is_poll_descriptor(fd: usize) -> bool {
    fd as i32 == EPOLL.load(Ordering::Relaxed) || fd as i32 == EVENT.load(Ordering::Relaxed)
}
