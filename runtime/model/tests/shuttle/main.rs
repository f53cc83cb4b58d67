//! The scheduler, channels, select, timers and semaphores under Shuttle: the shipped code, with the tester's threads as Ms.

mod world;

use abi::gotype::Type;
use rt_chan::select::{self, Scase};
use rt_chan::{Hchan, RecvReturn};
use rt_sched::g::G;
use rt_sched::hooks::HOOKS;
use rt_sched::model::{self, Words};
use rt_sched::p::{P, PStatus};
use rt_sched::reason::ParkReason;
use rt_sched::sched::SCHED;
use rt_sched::timer::{self, Timer};
use rt_sched::{proc, sema, syscall};
use rt_sync::atomic::{AtomicU32, Ordering};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner};
use std::cell::Cell;
use std::rc::Rc;
use world::{go, now, run, system};

static WORD: StaticType = StaticType(Type {
    size: 8,
    ptr_bytes: 0,
    hash: 0,
    tflag: 0,
    align: 8,
    field_align: 8,
    kind: abi::gotype::kind::STRUCT,
    equal: std::ptr::null(),
    gc_data: std::ptr::null(),
    str_: 0,
    ptr_to_this: 0,
});
struct StaticType(Type);
// SAFETY: read-only.
unsafe impl Sync for StaticType {}

/// A channel of words.
#[derive(Clone, Copy)]
struct Chan(&'static Hchan);

impl Chan {
    /// In a goroutine.
    fn new(capacity: i64) -> Chan {
        // SAFETY: a descriptor; the default hook allocates for good.
        Chan(unsafe { Hchan::make(&WORD.0, capacity) }.unwrap())
    }

    fn send(self, value: u64) {
        let at = &raw const value as usize;
        system(|| Words(rt_chan::send(Some(self.0), at, true) as usize, 0));
    }

    /// The next value, `None` once closed and empty.
    fn recv(self) -> Option<u64> {
        let mut value = 0u64;
        let at = &raw mut value as usize;
        let received = system(|| {
            let (_, received) = rt_chan::recv(Some(self.0), at, true, RecvReturn::Received);
            Words(received as usize, 0)
        });
        // SAFETY: the variable, which others wrote through its address.
        (received.0 != 0).then_some(unsafe { (&raw const value).read_volatile() })
    }

    fn close(self) {
        system_unit(|| rt_chan::close(Some(self.0)));
    }

    /// A channel on which a value arrives after some time, and its timer.
    fn after(nanos: i64) -> (Chan, &'static Timer) {
        let chan = Chan::new(1);
        let timer: &'static Timer = Box::leak(Box::new(Timer::new()));
        timer.f.set(&raw const TICK as usize);
        timer.arg[0].set(chan.0.addr());
        timer.is_chan.set(true);
        chan.0.timer.set(timer);
        system_unit(|| {
            timer.start(now() + nanos, 0, || false);
        });
        (chan, timer)
    }
}

/// The func value of channel timers.
static TICK: extern "C" fn(usize, usize, usize, usize) = tick;

extern "C" fn tick(chan: usize, _: usize, _: usize, _: usize) {
    // SAFETY: the argument that `Chan::after` gave to the timer.
    let chan = unsafe { Hchan::from_addr(chan) };
    let value = 1u64;
    rt_chan::send(chan, &raw const value as usize, false);
}

/// A select over receives: which one, and the value if there was one.
fn select<const N: usize>(chans: [Chan; N]) -> (usize, Option<u64>) {
    let mut values = [0u64; N];
    let places = &raw mut values as *mut u64;
    let cases: [Scase; N] = std::array::from_fn(|at| Scase {
        chan: chans[at].0.addr(),
        elem: places.wrapping_add(at) as usize,
    });
    let mut order = [0u16; 16];
    let order = &raw mut order as *mut u16;
    let chosen = system(|| {
        // SAFETY: arrays of this frame.
        let (case, received) = unsafe { select::select(cases.as_ptr(), order, 0, N, true) };
        Words(case as usize, received as usize)
    });
    // SAFETY: a place of the array, which others wrote through its address.
    let value = unsafe { places.wrapping_add(chosen.0).read_volatile() };
    (chosen.0, (chosen.1 != 0).then_some(value))
}

/// A system function without results.
fn system_unit(body: impl FnOnce()) {
    system(|| {
        body();
        Words(0, 0)
    });
}

fn sleep(nanos: usize) {
    model::system_call(timer::sleep as *const () as usize, [nanos, 0, 0]);
}

fn gosched() {
    system_unit(|| proc::yield_global(G::current(), "test"));
}

/// A safepoint.
fn safepoint() {
    if G::current().preempt.load(Ordering::Relaxed) {
        model::system_call(proc::preempt_point as *const () as usize, [0; 3]);
    }
}

/// A system call that takes some turns.
fn kernel(turns: u32) {
    model::system_call(syscall::enter as *const () as usize, [0; 3]);
    for _ in 0..turns {
        world::pause();
    }
    model::system_call(syscall::exit as *const () as usize, [0; 3]);
}

thread_local! {
    /// How often sysmon took a P from a system call, over all runs.
    static TAKEN: Cell<u32> = const { Cell::new(0) };
}

/// Sysmon: as many rounds as a run may need.
fn sysmon() {
    world::system_thread(|| {
        for _ in 0..12 {
            world::nap(6_000_000);
            TAKEN.set(TAKEN.get() + rt_sched::thread::retake(now()) as u32);
        }
    });
}

/// A number that goroutines count in.
type Count = Rc<Cell<u64>>;

fn add(count: &Count, by: u64) {
    count.set(count.get() + by);
}

/// Counts goroutines that have ended down to zero, then sends.
fn join(count: u64, done: Chan) -> impl Fn() + Clone {
    let left = Rc::new(Cell::new(count));
    move || {
        left.set(left.get() - 1);
        if left.get() == 0 {
            done.send(0);
        }
    }
}

/// Two goroutines hand a value to and fro.
fn ping_pong() {
    run(2, &|| {}, || {
        let (ping, pong) = (Chan::new(0), Chan::new(0));
        go(move || {
            while let Some(value) = ping.recv() {
                pong.send(value + 1);
            }
            pong.close();
        });
        for turn in 0..3 {
            ping.send(turn);
            assert_eq!(pong.recv(), Some(turn + 1));
        }
        ping.close();
        assert_eq!(pong.recv(), None);
    });
}

/// Stages with buffers; a goroutine per stage.
fn pipeline() {
    run(3, &|| {}, || {
        let (first, second) = (Chan::new(2), Chan::new(1));
        go(move || {
            for value in 0..6 {
                first.send(value);
            }
            first.close();
        });
        go(move || {
            while let Some(value) = first.recv() {
                second.send(value * 2);
            }
            second.close();
        });
        let mut next = 0;
        while let Some(value) = second.recv() {
            assert_eq!(value, next);
            next += 2;
        }
        assert_eq!(next, 12);
    });
}

/// Selects over channels that several goroutines send to, and a timer that fires once.
fn select_with_timer() {
    run(3, &|| {}, || {
        let (left, right) = (Chan::new(0), Chan::new(1));
        let (timer, _) = Chan::after(500_000);
        for chan in [left, right] {
            go(move || {
                chan.send(10);
                sleep(300_000);
                chan.send(20);
            });
        }
        let (mut sum, mut ticks) = (0, 0);
        while sum < 60 || ticks == 0 {
            match select([left, timer, right]) {
                (1, value) => {
                    assert_eq!(value, Some(1));
                    ticks += 1;
                }
                (_, value) => sum += value.unwrap(),
            }
        }
        assert_eq!((sum, ticks), (60, 1));
        let (never, timer) = Chan::after(1 << 50);
        let mut stopped = false;
        system_unit(|| stopped = timer.stop(|| rt_chan::drain(never.0)));
        assert!(stopped);
    });
}

/// A close wakes all who wait, in receives and in selects.
fn close_with_waiters() {
    run(3, &|| {}, || {
        let (gate, other, done) = (Chan::new(0), Chan::new(0), Chan::new(1));
        let ended = join(4, done);
        for number in 0..4 {
            let ended = ended.clone();
            go(move || {
                if number % 2 == 0 {
                    assert_eq!(gate.recv(), None);
                } else {
                    assert_eq!(select([other, gate]), (1, None));
                }
                ended();
            });
        }
        gosched();
        gate.close();
        done.recv();
    });
}

/// A lock on a semaphore, with and without hand-off.
fn semaphore() {
    run(3, &|| {}, || {
        let word: &'static AtomicU32 = Box::leak(Box::new(AtomicU32::new(1)));
        let at = word.as_ptr() as usize;
        let (inside, total) = (Count::default(), Count::default());
        let done = Chan::new(1);
        let ended = join(4, done);
        for number in 0..4 {
            let (inside, total, ended) = (inside.clone(), total.clone(), ended.clone());
            go(move || {
                for turn in 0..2 {
                    system_unit(|| sema::acquire(at, turn == 1, ParkReason::SyncMutexLock));
                    assert_eq!(inside.replace(1), 0);
                    if number == turn {
                        gosched();
                    }
                    add(&total, 1);
                    inside.set(0);
                    system_unit(|| sema::release(at, number == 3));
                }
                ended();
            });
        }
        done.recv();
        assert_eq!((total.get(), word.load(Ordering::Relaxed)), (8, 1));
    });
}

/// Sleepers, and system calls from which sysmon takes the Ps.
fn sleepers_and_system_calls() {
    run(2, &sysmon, || {
        let done = Chan::new(1);
        let woken = Count::default();
        let ended = join(4, done);
        for number in 0..4 {
            let (woken, ended) = (woken.clone(), ended.clone());
            go(move || {
                if number < 2 {
                    for _ in 0..2 {
                        sleep(100_000 * (number + 1));
                        add(&woken, 1);
                    }
                } else {
                    kernel(number as u32 * 2);
                    safepoint();
                    kernel(1);
                }
                ended();
            });
        }
        done.recv();
        assert_eq!(woken.get(), 4);
    });
}

/// While the world is stopped nothing runs.
fn stop_the_world() {
    run(3, &|| {}, || {
        let done = Chan::new(1);
        let ended = join(4, done);
        let chan = Chan::new(0);
        for number in 0..4u64 {
            let ended = ended.clone();
            go(move || {
                match number {
                    0 => (0..3).for_each(|value| chan.send(value)),
                    1 => (0..3).for_each(|value| assert_eq!(chan.recv(), Some(value))),
                    2 => {
                        kernel(2);
                        safepoint();
                        sleep(1000);
                    }
                    _ => {}
                }
                system_unit(|| {
                    rt_sched::world::stop("test");
                    let running = |p: &P| p.status() == PStatus::Running;
                    assert!(!SCHED.all_ps().any(running));
                    rt_sched::world::start();
                });
                ended();
            });
        }
        done.recv();
    });
}

/// The number of Ps goes up and down under work.
fn change_of_procs() {
    run(2, &|| {}, || {
        let done = Chan::new(1);
        let ended = join(3, done);
        let chan = Chan::new(1);
        for number in 0..3u64 {
            let ended = ended.clone();
            go(move || {
                match number {
                    0 => (0..4).for_each(|value| chan.send(value)),
                    1 => (0..4).for_each(|value| assert_eq!(chan.recv(), Some(value))),
                    _ => {
                        sleep(2000);
                        kernel(2);
                    }
                }
                ended();
            });
        }
        for procs in [4, 1, 3] {
            system(|| Words(rt_sched::world::set_procs(procs) as usize, 0));
            gosched();
        }
        done.recv();
        assert_eq!(SCHED.p_count.load(Ordering::Relaxed), 3);
    });
}

/// A goroutine that never comes to the scheduler waits for one that it started: another thread has to find that.
fn work_beside_a_busy_goroutine() {
    run(2, &|| {}, || {
        for _ in 0..4 {
            let ended = Count::default();
            let set = ended.clone();
            go(move || set.set(1));
            while ended.get() == 0 {
                world::pause();
            }
        }
    });
}

thread_local! {
    /// How often the collector still wants something of a scheduling thread.
    static COLLECTOR: Cell<u32> = const { Cell::new(0) };
}

/// Threads that look for work wait for the collector meanwhile, in between and in functions of timers: they go on with another P.
fn waiting_in_the_scheduler() {
    fn collect() {
        if COLLECTOR.get() > 0 {
            COLLECTOR.set(COLLECTOR.get() - 1);
            syscall::blocking(world::pause);
        }
    }
    COLLECTOR.set(4);
    HOOKS.gc_work.set(|_, _| {
        collect();
        false
    });
    run(2, &|| {}, || {
        let timer: &'static Timer = Box::leak(Box::new(Timer::new()));
        timer.rust.set(Some(|_, _| collect()));
        let done = Chan::new(1);
        let ended = join(3, done);
        system_unit(|| {
            timer.start(now() + 1000, 0, || false);
        });
        for number in 0..3 {
            let ended = ended.clone();
            go(move || {
                gosched();
                if number == 1 {
                    sleep(1000);
                }
                kernel(1);
                ended();
            });
        }
        done.recv();
    });
    COLLECTOR.set(0);
}

/// Schedules of each scenario and tester.
fn schedules() -> usize {
    std::env::var("FERROGO_SCHEDULES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200)
}

thread_local! {
    static SCHEDULE: Cell<usize> = const { Cell::new(0) };
    static NAME: Cell<(&'static str, &'static str)> = const { Cell::new(("", "")) };
}

/// Runs a scenario under both testers, if it is wanted.
fn check(name: &'static str, scenario: fn()) -> bool {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part.as_str())) {
        return false;
    }
    let began = std::time::Instant::now();
    let mut config = Config::new();
    config.stack_size = 256 << 10;
    config.failure_persistence = shuttle::FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(1_000_000);
    config.silence_warnings = true;
    let counted = move || {
        SCHEDULE.set(SCHEDULE.get() + 1);
        scenario();
    };
    for tester in ["random", "pct"] {
        SCHEDULE.set(0);
        NAME.set((name, tester));
        let seed = 0x5eed;
        match tester {
            "random" => Runner::new(
                RandomScheduler::new_from_seed(seed, schedules()),
                config.clone(),
            )
            .run(counted),
            _ => Runner::new(
                PctScheduler::new_from_seed(seed, 4, schedules()),
                config.clone(),
            )
            .run(counted),
        };
    }
    println!(
        "{name}: {} schedules, {:.1?}",
        2 * schedules(),
        began.elapsed()
    );
    true
}

fn main() {
    // Stacks of goroutines cannot be unwound: the first panic is the end.
    std::panic::set_hook(Box::new(|info| {
        let (name, tester) = NAME.get();
        eprintln!("{name}: {tester} schedule {}: {info}", SCHEDULE.get());
        if std::env::var_os("FERROGO_BACKTRACE").is_some() {
            eprintln!("{}", std::backtrace::Backtrace::force_capture());
        }
        std::process::exit(101);
    }));
    world::set_up();
    check("ping_pong", ping_pong);
    check("pipeline", pipeline);
    check("select_with_timer", select_with_timer);
    check("close_with_waiters", close_with_waiters);
    check("semaphore", semaphore);
    if check("sleepers_and_system_calls", sleepers_and_system_calls) {
        assert!(TAKEN.get() > 0, "sysmon took no P from a system call");
    }
    check("stop_the_world", stop_the_world);
    check("change_of_procs", change_of_procs);
    check("work_beside_a_busy_goroutine", work_beside_a_busy_goroutine);
    check("waiting_in_the_scheduler", waiting_in_the_scheduler);
}
