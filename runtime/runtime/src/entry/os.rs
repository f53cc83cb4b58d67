//! Process, files, signals, forks.

use super::Pair;
use crate::signals;
use core::sync::atomic::Ordering;
use rt_netpoll as netpoll;
use rt_os::signal::{MaskHow, rt_sigprocmask};
use rt_os::syscall::{nr, syscall6};
use rt_sched::m::M;
use rt_sched::syscall;

extern "C" fn argv() -> Pair {
    Pair(crate::start::vectors().argv, crate::start::vectors().argc)
}
extern "C" fn envp() -> Pair {
    Pair(crate::start::vectors().envp, crate::start::vectors().envc)
}
extern "C" fn auxv() -> Pair {
    Pair(crate::start::vectors().auxv, crate::start::vectors().auxc)
}

extern "C" fn fcntl(fd: i32, command: i32, arg: i32) -> Pair {
    // SAFETY: std passes commands with integer arguments.
    let result = unsafe {
        syscall6(
            nr::FCNTL,
            fd as usize,
            command as usize,
            arg as usize,
            0,
            0,
            0,
        )
    };
    if result < 0 {
        Pair(-1i32 as u32 as usize, -result as usize)
    } else {
        Pair(result as u32 as usize, 0)
    }
}

extern "C" fn vgetrandom(_data: usize, _len: usize, _cap: usize, _flags: u32) -> Pair {
    Pair(-1isize as usize, 0)
}

extern "C" fn page_size() -> usize {
    rt_os::mem::OS_PAGE_SIZE
}

/// Timeval {sec, usec}.
extern "C" fn gettimeofday(out: *mut [i64; 2]) -> usize {
    let now = rt_os::time::walltime();
    // SAFETY: Go's struct.
    unsafe { out.write([now.sec, now.nsec / 1000]) };
    0
}

extern "C" fn before_fork() {
    let m = M::current();
    m.in_fork.set(true);
    m.saved_mask.set(rt_sigprocmask(MaskHow::Set, u64::MAX));
}

extern "C" fn after_fork() {
    let m = M::current();
    rt_sigprocmask(MaskHow::Set, m.saved_mask.get());
    m.in_fork.set(false);
}

/// In the child, which shares the parent's memory: default handlers, no blocked signals, nothing else.
extern "C" fn after_fork_in_child() {
    signals::reset_for_child();
    rt_sigprocmask(
        MaskHow::Set,
        rt_sched::thread::USER_MASK.load(Ordering::Relaxed),
    );
}

static EXEC_LOCK: rt_sync::RawMutex = rt_sync::RawMutex::new(rt_sync::LockRank::Unranked);

extern "C" fn before_exec() {
    syscall::blocking(|| EXEC_LOCK.lock());
}

extern "C" fn after_exec() {
    // SAFETY: taken in before_exec.
    unsafe { EXEC_LOCK.unlock() };
}

extern "C" fn cgocaller() {
    crate::fatal::throw("syscall.cgocaller: programs built by ferrogo have no cgo")
}

/// (r1, r2, err) of the calling thread; all threads ran the same call.
extern "C" fn all_threads(args: *const usize, out: *mut [usize; 3]) {
    // SAFETY: the stub's arrays: number and six arguments.
    let args: [usize; 7] = unsafe { *(args as *const [usize; 7]) };
    let result = signals::on_all_threads(args);
    // SAFETY: as above.
    unsafe {
        out.write(if (-4095..0).contains(&result) {
            [usize::MAX, 0, -result as usize]
        } else {
            [result as usize, 0, 0]
        });
    }
}

/// `runtime_doAllThreadsSyscall(trap, a1..a6) (r1, r2, err)`: seven arguments (the last two behind r9), three results.
#[unsafe(naked)]
#[unsafe(export_name = "syscall.runtime_doAllThreadsSyscall")]
unsafe extern "C" fn do_all_threads_syscall() {
    core::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 96",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov rax, [r9]",
        "mov [rsp + 40], rax",
        "mov rax, [r9 + 8]",
        "mov [rsp + 48], rax",
        "mov rdi, rsp",
        "lea rsi, [rsp + 64]",
        "call {stub}",
        "mov rax, [rsp + 64]",
        "mov rcx, [rsp + 72]",
        "mov rdx, [rsp + 80]",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        stub = sym all_threads_stub,
    )
}

rt_sched::private_system_stub! { all_threads_stub => all_threads: 2 }

extern "C" fn poll_open(fd: usize) -> Pair {
    match netpoll::open(fd as i32) {
        Ok(handle) => Pair(handle, 0),
        Err(errno) => Pair(0, errno.0 as usize),
    }
}

rt_sched::system_stubs! {
    "runtime.entersyscall", "syscall.runtime_entersyscall" => syscall::enter: 0;
    "runtime.exitsyscall", "syscall.runtime_exitsyscall" => syscall::exit: 0;
    "internal/poll.runtime_pollServerInit" => netpoll::init: 0;
    "internal/poll.runtime_pollOpen" => poll_open: 1;
    "internal/poll.runtime_pollClose" => netpoll::close: 1;
    "internal/poll.runtime_pollWait" => netpoll::wait: 2;
    "internal/poll.runtime_pollWaitCanceled" => netpoll::wait_canceled: 2;
    "internal/poll.runtime_pollReset" => netpoll::reset: 2;
    "internal/poll.runtime_pollSetDeadline" => netpoll::set_deadline: 3;
    "internal/poll.runtime_pollUnblock" => netpoll::unblock: 1;
    "os.sigpipe" => signals::sigpipe: 0;
    "os.ignoreSIGSYS" => signals::ignore_sigsys: 0;
    "os.restoreSIGSYS" => signals::restore_sigsys: 0;
    "os/signal.signalWaitUntilIdle" => signals::wait_until_idle: 0;
    "os/signal.signal_disable" => signals::disable: 1;
    "os/signal.signal_enable" => signals::enable: 1;
    "os/signal.signal_ignore" => signals::ignore: 1;
    "os/signal.signal_recv" => signals::receive: 0;
    "syscall.runtime_BeforeExec" => before_exec: 0;
    "syscall.runtime_AfterExec" => after_exec: 0;
    "syscall.cgocaller" => cgocaller: 0;
    "syscall.runtime_AfterFork" => after_fork: 0;
}

rt_sched::leaf_stubs! {
    "runtime.argvData" => argv;
    "runtime.envpData" => envp;
    "runtime.auxvData" => auxv;
    "runtime.fcntl" => fcntl;
    "runtime.vgetrandom" => vgetrandom;
}

rt_sched::jump_stubs! {
    "internal/poll.runtime_isPollServerDescriptor" => netpoll::is_poll_descriptor;
    "os/signal.signal_ignored" => signals::is_ignored;
    "syscall.Getpagesize" => page_size;
    "syscall.runtime_BeforeFork" => before_fork;
    "syscall.runtime_AfterForkInChild" => after_fork_in_child;
}

rt_sched::deep_leaf_stubs! {
    "syscall.gettimeofday", "golang.org/x/sys/unix.gettimeofday" => gettimeofday;
}
