//! What stands around the scheduler: threads, futexes and the clock of the tester; goroutines as closures; one run from start to rest.
//!
//! All threads of a run are coroutines of one thread of the process, so the state here needs no lock, only no switch while it is borrowed.

use rt_os::model::Kernel;
use rt_os::{Errno, SysResult};
use rt_sched::g::{G, GList};
use rt_sched::hooks::HOOKS;
use rt_sched::m::M;
use rt_sched::model::{self, Model, Words};
use rt_sched::proc;
use shuttle::current::{self, TaskId};
use shuttle::thread::{self, Thread};
use shuttle_engine::runtime::thread::switch;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::AtomicU32;

/// Looks that a wait with a deadline takes before the clock jumps to it.
const PATIENCE: u32 = 3;

/// Operations on shared memory of a run, at most.
const MOST_STEPS: u32 = 100_000;

/// The running thread lets all others go first every so many operations: a thread may look for work in a circle until another one that holds it
/// gets on.
const FAIR_EVERY: u32 = 512;

/// The event that breaks a waiting netpoll off.
static BREAK: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// The M of each thread.
    static MS: RefCell<HashMap<TaskId, &'static M>> = RefCell::default();
    /// Who sleeps on which futex.
    static SLEEPERS: RefCell<Vec<(usize, Thread)>> = RefCell::default();
    /// Threads that do not sleep for good, the keeper left out.
    static AWAKE: Cell<usize> = const { Cell::new(0) };
    static CLOCK: Cell<i64> = const { Cell::new(1) };
    /// The thread that begins and ends the run.
    static KEEPER: RefCell<Option<Thread>> = const { RefCell::new(None) };
    static KEEPER_M: Cell<Option<&'static M>> = const { Cell::new(None) };
    static POLL_EXISTS: Cell<bool> = const { Cell::new(false) };
    static STEPS: Cell<u32> = const { Cell::new(0) };
    static RETIRING: Cell<bool> = const { Cell::new(false) };
}

static KERNEL: Kernel = Kernel {
    point,
    pause,
    wait,
    wake,
    now,
    nap,
};

static MODEL: Model = Model {
    current: current_m,
    start_thread: |m| start(m, move || model::run_thread(m)),
};

fn current_m() -> &'static M {
    MS.with_borrow(|ms| *ms.get(&current::me()).expect("a thread without an M"))
}

fn point() {
    if current::try_get_current_task().is_none() {
        return;
    }
    if let Err(error) = model::check_owners() {
        panic!("{error}");
    }
    count_step();
    if STEPS.get().is_multiple_of(FAIR_EVERY) {
        thread::yield_now();
    } else {
        switch();
    }
}

/// Ends a run that does not end.
fn count_step() {
    STEPS.set(STEPS.get() + 1);
    if STEPS.get() > MOST_STEPS {
        STEPS.set(0);
        model::dump();
        eprintln!("clock {} awake {}", CLOCK.get(), AWAKE.get());
        panic!("the run does not end");
    }
}

/// Lets others run.
pub fn pause() {
    count_step();
    thread::yield_now();
}

/// The clock; reading it takes time.
pub fn now() -> i64 {
    advance(100)
}

fn advance(by: i64) -> i64 {
    CLOCK.set(CLOCK.get() + by);
    CLOCK.get()
}

/// Lets the clock go on, and others run.
pub fn nap(nanos: i64) {
    thread::yield_now();
    advance(nanos);
}

fn wait(word: &AtomicU32, expected: u32, timeout: i64) -> SysResult<()> {
    point();
    let look = || word.load(std::sync::atomic::Ordering::SeqCst) == expected;
    if timeout >= 0 {
        let deadline = CLOCK.get().saturating_add(timeout);
        for _ in 0..PATIENCE {
            if !look() {
                return Err(Errno::EAGAIN);
            }
            thread::yield_now();
        }
        CLOCK.set(CLOCK.get().max(deadline));
        return Err(Errno::ETIMEDOUT);
    }
    if !look() {
        return Err(Errno::EAGAIN);
    }
    let own = thread::current();
    let id = own.id();
    SLEEPERS.with_borrow_mut(|sleepers| sleepers.push((word.as_ptr() as usize, own)));
    fall_asleep();
    while SLEEPERS.with_borrow(|sleepers| sleepers.iter().any(|(_, thread)| thread.id() == id)) {
        thread::park();
    }
    Ok(())
}

fn wake(word: &AtomicU32, count: u32) -> usize {
    point();
    let mut woken = vec![];
    SLEEPERS.with_borrow_mut(|sleepers| {
        sleepers.retain(|(at, thread)| {
            let take = *at == word.as_ptr() as usize && woken.len() < count as usize;
            if take {
                woken.push(thread.clone());
            }
            !take
        });
    });
    AWAKE.set(AWAKE.get() + woken.len());
    for thread in &woken {
        thread.unpark();
    }
    woken.len()
}

/// A thread sleeps or ends; the last one tells the keeper.
fn fall_asleep() {
    AWAKE.set(AWAKE.get() - 1);
    if AWAKE.get() == 0 {
        let keeper = KEEPER.with_borrow(|keeper| keeper.clone());
        keeper.expect("a keeper").unpark();
    }
}

/// Starts a thread with this M.
fn start(m: &'static M, body: impl FnOnce() + 'static) {
    AWAKE.set(AWAKE.get() + 1);
    struct Alone<T>(T);
    // SAFETY: the tester's threads are coroutines of one thread.
    unsafe impl<T> Send for Alone<T> {}
    let body = Alone(body);
    thread::spawn(move || {
        let body = body;
        MS.with_borrow_mut(|ms| ms.insert(current::me(), m));
        (body.0)();
        fall_asleep();
    });
}

/// A thread of the runtime that is no part of the scheduler, as sysmon.
pub fn system_thread(body: impl FnOnce() + 'static) {
    start(fresh_m(), body);
}

thread_local! {
    static SYSTEM_MS: RefCell<Vec<&'static M>> = RefCell::default();
    static SYSTEM_USED: Cell<usize> = const { Cell::new(0) };
}

fn fresh_m() -> &'static M {
    let number = SYSTEM_USED.replace(SYSTEM_USED.get() + 1);
    SYSTEM_MS.with_borrow_mut(|ms| {
        if number == ms.len() {
            // `new_m` is told apart from the tester's threads by nothing but the list of all Ms.
            ms.push(rt_sched::thread::new_m());
        }
        ms[number]
    })
}

fn netpoll(delay: i64, _: &GList) {
    if delay == 0 {
        // Whoever comes here again and again waits for another thread.
        return pause();
    }
    while BREAK.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        if wait(&BREAK, 0, delay) == Err(Errno::ETIMEDOUT) {
            return;
        }
    }
    BREAK.store(0, std::sync::atomic::Ordering::SeqCst);
    if RETIRING.get() {
        model::retire_if_asked(M::current());
    }
}

fn netpoll_break() {
    BREAK.store(1, std::sync::atomic::Ordering::SeqCst);
    wake(&BREAK, 1);
}

/// Once per process.
pub fn set_up() {
    rt_os::model::set(&KERNEL);
    model::set(&MODEL);
    HOOKS.netpoll.set(netpoll);
    HOOKS.netpoll_break.set(netpoll_break);
    HOOKS.netpoll_init.set(|| POLL_EXISTS.set(true));
    HOOKS.netpoll_state.set(|| (POLL_EXISTS.get(), false));
}

/// One run: `main` is the first goroutine, `beside` starts system threads.
pub fn run(procs: u32, beside: &dyn Fn(), main: impl FnOnce() + 'static) {
    KEEPER.set(Some(thread::current()));
    MS.set(HashMap::new());
    SLEEPERS.take();
    AWAKE.set(0);
    SYSTEM_USED.set(0);
    POLL_EXISTS.set(false);
    RETIRING.set(false);
    STEPS.set(0);
    BREAK.store(0, std::sync::atomic::Ordering::SeqCst);
    let m = match KEEPER_M.get() {
        Some(m) => m,
        None => {
            let m: &'static M = Box::leak(Box::new(M::new()));
            m.init(1000);
            // Not in the list of all Ms: it owns no P while others run.
            KEEPER_M.set(Some(m));
            m
        }
    };
    MS.with_borrow_mut(|ms| ms.insert(current::me(), m));
    model::begin(m, procs);
    beside();
    go(main);
    model::end(m);
    rest();
    if let Err(error) = model::check_rest() {
        panic!("{error}");
    }
    RETIRING.set(true);
    model::retire();
    netpoll_break();
    rest();
    let left = SLEEPERS.with_borrow(|sleepers| sleepers.len());
    assert_eq!(left, 0, "threads that sleep neither idle nor in netpoll");
}

/// Waits until every thread sleeps or has ended.
fn rest() {
    while AWAKE.get() > 0 {
        thread::park();
    }
}

/// A func value: its code, then what the code needs.
#[repr(C)]
struct Closure {
    code: extern "C" fn(),
    body: Cell<Option<Box<dyn FnOnce()>>>,
}

extern "C" fn enter() {
    // SAFETY: the start of a goroutine leaves its closure here.
    let closure = unsafe { Box::from_raw(G::current().closure_ctx.replace(0) as *mut Closure) };
    let body = closure.body.take().expect("a goroutine starts once");
    drop(closure);
    body();
}

/// `go`.
pub fn go(body: impl FnOnce() + 'static) {
    let closure = Box::new(Closure {
        code: enter,
        body: Cell::new(Some(Box::new(body))),
    });
    extern "C" fn spawn(closure: usize) {
        proc::spawn(closure, 0, None);
    }
    let closure = Box::into_raw(closure) as usize;
    if is_keeper() {
        spawn(closure);
    } else {
        call(spawn, closure);
    }
}

fn is_keeper() -> bool {
    KEEPER_M
        .get()
        .is_some_and(|m| std::ptr::eq(m, M::current()))
}

fn call(function: extern "C" fn(usize), arg: usize) {
    model::system_call(function as *const () as usize, [arg, 0, 0]);
}

/// Runs a closure as a system function of the running goroutine. It may park in place of returning; then the result is what the
/// continuation left in the goroutine.
pub fn system(body: impl FnOnce() -> Words) -> Words {
    extern "C" fn enter<F: FnOnce() -> Words>(body: *mut Option<F>) -> Words {
        // SAFETY: the caller's frame, which stays until the system call returns.
        let body = unsafe { (*body).take() }.expect("called once");
        body()
    }
    fn of<F: FnOnce() -> Words>(_: &F) -> usize {
        enter::<F> as *const () as usize
    }
    let function = of(&body);
    let mut body = Some(body);
    model::system_call(function, [&raw mut body as usize, 0, 0])
}
