//! The process begins here.

use crate::callbacks;
use crate::glue::{self, GC, HEAP};
use crate::symtab;
use abi::module::ModuleData;
#[cfg(feature = "image")]
use core::arch::naked_asm;
use core::sync::atomic::{AtomicI64, Ordering};
use rt_os::process;
use rt_sched::g::G;
use rt_sched::sched::SCHED;
use rt_sched::{proc, thread, world};

#[cfg(feature = "image")]
mod linked {
    unsafe extern "C" {
        #[link_name = "ferrogo.moduledata"]
        pub(super) static MODULE_DATA: abi::module::ModuleData;
    }
}

/// Process entry: the kernel's initial stack holds argc, argv, environment, auxiliary vector.
#[cfg(feature = "image")]
#[unsafe(naked)]
#[unsafe(export_name = "_start")]
unsafe extern "C" fn entry() {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {start}", "ud2", start = sym start)
}

#[cfg(feature = "image")]
extern "C" fn start(stack: *const usize) -> ! {
    run(stack, &raw const linked::MODULE_DATA)
}

/// Sets everything up and runs the program whose tables are `module`.
#[cfg_attr(
    not(feature = "image"),
    expect(dead_code, reason = "only images have an entry point")
)]
fn run(stack: *const usize, module: *const ModuleData) -> ! {
    // SAFETY: the stack pointer at process entry.
    unsafe { process::init(stack) };
    let m0 = thread::new_m();
    // SAFETY: nothing uses %fs but M::current.
    if unsafe { rt_os::thread::set_fs_base(m0.tls()) }.is_err() {
        rt_os::thread::exit_group(2);
    }
    note_vectors(stack);
    let all_threads = 1 << (crate::signals::ALL_THREADS - 1);
    let mask = rt_os::signal::current_mask() & !all_threads;
    thread::USER_MASK.store(mask, Ordering::Relaxed);
    thread::SYSTEM_SIGNALS.store(all_threads, Ordering::Relaxed);
    rt_os::signal::rt_sigprocmask(rt_os::signal::MaskHow::Set, mask);
    thread::init_thread(m0);
    ORIGIN[0].store(rt_os::time::cputicks() as i64, Ordering::Relaxed);
    ORIGIN[1].store(rt_os::time::nanotime(), Ordering::Relaxed);
    SCHED
        .start_time
        .store(rt_os::time::nanotime(), Ordering::Relaxed);
    rt_os::print::set_throw_hook(crate::fatal::throw_hook);
    // SAFETY: the linker's object.
    let module: &'static ModuleData = unsafe { &*module };
    symtab::set_module(module);
    callbacks::init(symtab::slice(&module.callbacks));
    glue::install();
    rt_netpoll::install();
    crate::profile::install();
    crate::entry::bytes::init_secret(m0.rand.next(), m0.rand.next());
    apply_settings(setting);
    if let Some(level) = process::getenv(b"GOTRACEBACK") {
        crate::traceback::set_level(level);
    }
    let config = config();
    if let Err(error) = HEAP.init(config) {
        rt_os::throw!("runtime: cannot reserve address space for the heap ({error})");
    }
    let (percent, limit) = gc_settings();
    GC.init(&HEAP, percent, limit);
    crate::signals::init();
    rt_sched::stress::init(
        number(b"randpreempt").clamp(0, u32::MAX as i64) as u32,
        number(b"randpreemptseed") as u64,
    );
    let schedtrace = number(b"schedtrace").clamp(0, i64::MAX / 1_000_000);
    thread::TRACE_PERIOD.store(schedtrace * 1_000_000, Ordering::Relaxed);
    SCHED
        .cpus
        .store(rt_os::thread::affinity_count() as u32, Ordering::Relaxed);

    // Ps: as if the world had been stopped.
    SCHED.m_count.set(1);
    SCHED.world.lock();
    SCHED.stopping.store(true, Ordering::SeqCst);
    world::resize(initial_procs());
    world::start();

    let main = proc::spawn(callbacks::func_value(callbacks::MAIN), 0, None);
    SCHED
        .main_g
        .store(main as *const G as *mut G, Ordering::Relaxed);
    SCHED.main_started.store(true, Ordering::SeqCst);
    thread::start_system_thread(thread::sysmon);
    proc::schedule()
}

static ORIGIN: [AtomicI64; 2] = [const { AtomicI64::new(0) }; 2];

/// Time stamp counter and nanotime at process start.
pub fn clock_origin() -> (i64, i64) {
    (
        ORIGIN[0].load(Ordering::Relaxed),
        ORIGIN[1].load(Ordering::Relaxed),
    )
}

/// Addresses and counts of what the kernel passed.
#[derive(Clone, Copy, Debug)]
pub struct Vectors {
    #[allow(missing_docs)]
    pub argv: usize,
    #[allow(missing_docs)]
    pub argc: usize,
    #[allow(missing_docs)]
    pub envp: usize,
    #[allow(missing_docs)]
    pub envc: usize,
    #[allow(missing_docs)]
    pub auxv: usize,
    /// Pairs.
    pub auxc: usize,
}

static VECTORS: [core::sync::atomic::AtomicUsize; 2] =
    [const { core::sync::atomic::AtomicUsize::new(0) }; 2];

fn note_vectors(stack: *const usize) {
    VECTORS[0].store(stack as usize, Ordering::Relaxed);
    VECTORS[1].store(process::envs().count(), Ordering::Relaxed);
}

/// See [`Vectors`].
pub fn vectors() -> Vectors {
    let argv = VECTORS[0].load(Ordering::Relaxed) + 8;
    let argc = process::argc();
    let envp = argv + (argc + 1) * 8;
    let envc = VECTORS[1].load(Ordering::Relaxed);
    Vectors {
        argv,
        argc,
        envp,
        envc,
        auxv: envp + (envc + 1) * 8,
        auxc: process::auxv_pairs().count(),
    }
}

/// A decimal number.
fn parse(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// GOMAXPROCS without an explicit wish: the processors we may use, fewer if the control group's quota is less (but not below 2).
pub fn default_procs() -> u32 {
    let cpus = SCHED.cpus.load(Ordering::Relaxed);
    if setting(b"containermaxprocs").is_some_and(|value| value == b"0") {
        return cpus;
    }
    match rt_os::cgroup::cpu_quota() {
        Some(quota) => {
            let whole = quota as u32;
            let rounded = if quota > whole as f64 {
                whole + 1
            } else {
                whole
            };
            cpus.min(rounded.max(2))
        }
        None => cpus,
    }
}

fn initial_procs() -> u32 {
    match process::getenv(b"GOMAXPROCS").and_then(parse) {
        Some(count) if count > 0 => {
            SCHED.procs_explicit.store(true, Ordering::Relaxed);
            count.min(rt_sched::sched::MAX_PS as i64) as u32
        }
        _ => default_procs(),
    }
}

/// Value of a GODEBUG setting: of the environment, else of the program's defaults.
pub fn setting(name: &[u8]) -> Option<&'static [u8]> {
    process::getenv(b"GODEBUG")
        .and_then(|list| find_setting(list, name))
        .or_else(|| default_setting(name))
}

fn default_setting(name: &[u8]) -> Option<&'static [u8]> {
    find_setting(symtab::slice(&symtab::module().godebug), name)
}

/// The last one of a name wins.
fn find_setting<'a>(list: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    list.split(|byte| *byte == b',')
        .rev()
        .find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

fn number(name: &[u8]) -> i64 {
    setting(name).and_then(parse).unwrap_or(0)
}

fn config() -> rt_heap::Config {
    let mut config = rt_heap::Config::new();
    config.null_collector = number(b"gcnull") > 0;
    config.collect_every = number(b"gcevery").clamp(0, u32::MAX as i64) as u32;
    config.poison = number(b"gcpoison") > 0;
    config.check_mark = number(b"gccheckmark") > 0;
    config.verify = number(b"gcverify") > 0;
    config.stop_the_world = number(b"gcstoptheworld") > 0;
    config.eager_sweep = number(b"gcstoptheworld") > 1;
    config.trace = number(b"gctrace") > 0;
    for (name, switch) in [
        (&b"gcstackconservative"[..], &crate::stackscan::CONSERVATIVE),
        (b"gcdeadslots", &crate::stackscan::DEAD_SLOTS),
    ] {
        switch.store(number(name) > 0, Ordering::Relaxed);
    }
    config
}

/// GOGC and GOMEMLIMIT.
fn gc_settings() -> (i32, i64) {
    let percent = match process::getenv(b"GOGC") {
        Some(b"off") => -1,
        Some(text) => parse(text).map_or(100, |percent| percent.clamp(-1, i32::MAX as i64) as i32),
        None => 100,
    };
    let limit = match process::getenv(b"GOMEMLIMIT") {
        None | Some(b"") | Some(b"off") => i64::MAX,
        Some(text) => match parse_bytes(text) {
            Some(limit) => limit,
            None => {
                rt_os::eprint_raw!(
                    "GOMEMLIMIT={}\n",
                    crate::entry::go_text(text.as_ptr(), text.len())
                );
                rt_os::throw!("malformed GOMEMLIMIT; see `go doc runtime/debug.SetMemoryLimit`")
            }
        },
    };
    (percent, limit)
}

/// A byte count with an optional unit: B, KiB, MiB, GiB, TiB.
fn parse_bytes(text: &[u8]) -> Option<i64> {
    let (digits, shift) = match text {
        [digits @ .., b'K', b'i', b'B'] => (digits, 10),
        [digits @ .., b'M', b'i', b'B'] => (digits, 20),
        [digits @ .., b'G', b'i', b'B'] => (digits, 30),
        [digits @ .., b'T', b'i', b'B'] => (digits, 40),
        [digits @ .., b'B'] => (digits, 0),
        digits => (digits, 0),
    };
    let value = parse(digits).filter(|value| *value >= 0)?;
    value.checked_mul(1 << shift)
}

/// `$GODEBUG` changed at run time: settings of the runtime that may.
pub fn godebug_changed(value: &[u8]) {
    apply_settings(|name| find_setting(value, name).or_else(|| default_setting(name)));
}

/// The settings that may change while the program runs.
fn apply_settings<'a>(setting: impl Fn(&[u8]) -> Option<&'a [u8]>) {
    let labels = setting(b"tracebacklabels") != Some(b"0");
    crate::traceback::LABELS.store(labels, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_counts_have_units() {
        for (text, expected) in [
            ("10", Some(10)),
            ("3KiB", Some(3072)),
            ("2MiB", Some(2 << 20)),
            ("1GiB", Some(1 << 30)),
            ("5B", Some(5)),
            ("", None),
            ("x", None),
            ("-1", None),
        ] {
            assert_eq!(parse_bytes(text.as_bytes()), expected, "{text}");
        }
    }
}
