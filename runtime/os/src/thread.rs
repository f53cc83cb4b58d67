//! Threads: clone, futex, identity, affinity.

use crate::syscall::{SysResult, call3, call6, nr, syscall6};
use core::arch::naked_asm;
use core::sync::atomic::AtomicU32;

/// Flags of a thread that shares everything with its creator.
pub const CLONE_THREAD_FLAGS: usize = 0x100 // VM
    | 0x200 // FS
    | 0x400 // FILES
    | 0x800 // SIGHAND
    | 0x1_0000 // THREAD
    | 0x4_0000; // SYSVSEM
/// Sets the new thread's `%fs` base.
pub const CLONE_SETTLS: usize = 0x8_0000;
/// Stores the thread id at `parent_tid` before clone returns.
pub const CLONE_PARENT_SETTID: usize = 0x10_0000;
/// Zeroes `child_tid` and wakes its futex when the thread ends.
pub const CLONE_CHILD_CLEARTID: usize = 0x20_0000;

/// Everything `clone(2)` needs for a new thread.
#[derive(Clone, Copy, Debug)]
pub struct NewThread {
    /// Upper end of the stack, 16-byte aligned.
    pub stack_top: usize,
    /// `%fs` base of the new thread.
    pub tls: usize,
    /// Runs on the new stack and must not return.
    pub entry: extern "C" fn(usize) -> !,
    /// Argument of `entry`.
    pub arg: usize,
    /// If not null, receives the id before `spawn` returns.
    pub parent_tid: *mut u32,
    /// If not null, is zeroed and woken when the thread ends.
    pub child_tid: *mut u32,
}

/// Starts a thread; returns its id.
///
/// # Safety
/// The stack and TLS block must be valid for the thread's whole life.
pub unsafe fn spawn(new: &NewThread) -> SysResult<u32> {
    let mut flags = CLONE_THREAD_FLAGS | CLONE_SETTLS;
    if !new.parent_tid.is_null() {
        flags |= CLONE_PARENT_SETTID;
    }
    if !new.child_tid.is_null() {
        flags |= CLONE_CHILD_CLEARTID;
    }
    // The child finds entry and argument on its stack.
    let top = (new.stack_top & !15) - 16;
    // SAFETY: the caller owns the stack; the two words are at its top.
    unsafe {
        (top as *mut usize).write(new.entry as *const () as usize);
        (top as *mut usize).add(1).write(new.arg);
    }
    // SAFETY: flags ask for a thread sharing everything; stack and TLS are the caller's promise.
    let ret = unsafe {
        clone_raw(
            flags,
            top,
            new.parent_tid as usize,
            new.child_tid as usize,
            new.tls,
        )
    };
    if ret < 0 {
        Err(crate::Errno(-ret as u16))
    } else {
        Ok(ret as u32)
    }
}

/// `clone(flags, stack, parent_tid, child_tid, tls)`; the child pops entry and argument from its
/// stack and calls it.
#[unsafe(naked)]
unsafe extern "C" fn clone_raw(
    _flags: usize,
    _stack: usize,
    _parent: usize,
    _child: usize,
    _tls: usize,
) -> isize {
    naked_asm!(
        "mov r10, rcx",
        "mov eax, 56",
        "syscall",
        "test rax, rax",
        "jz 2f",
        "ret",
        "2:",
        "xor ebp, ebp",
        "pop rax",
        "pop rdi",
        "call rax",
        "ud2",
    )
}

/// Ends the calling thread only.
pub fn exit_thread() -> ! {
    loop {
        // SAFETY: the thread gives up its existence.
        unsafe { syscall6(nr::EXIT, 0, 0, 0, 0, 0, 0) };
    }
}

/// Ends the process.
pub fn exit_group(code: i32) -> ! {
    loop {
        // SAFETY: the process gives up its existence.
        unsafe { syscall6(nr::EXIT_GROUP, code as usize, 0, 0, 0, 0, 0) };
    }
}

/// Sets the `%fs` base of the calling thread.
///
/// # Safety
/// Everything that uses `%fs` must agree.
pub unsafe fn set_fs_base(base: usize) -> SysResult<()> {
    const ARCH_SET_FS: usize = 0x1002;
    // SAFETY: passed on to the caller.
    unsafe { call3(nr::ARCH_PRCTL, ARCH_SET_FS, base, 0) }.map(drop)
}

/// Seconds and nanoseconds as the kernel takes them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timespec {
    /// Whole seconds.
    pub sec: i64,
    /// 0..1_000_000_000.
    pub nsec: i64,
}

impl Timespec {
    /// From nanoseconds (not negative).
    pub fn from_nanos(nanos: i64) -> Timespec {
        Timespec {
            sec: nanos / 1_000_000_000,
            nsec: nanos % 1_000_000_000,
        }
    }
}

const FUTEX_WAIT_PRIVATE: usize = 128;
const FUTEX_WAKE_PRIVATE: usize = 1 | 128;

/// Sleeps while `*word == expected`, at most `timeout_ns` (negative: for ever). Returns on wake,
/// on a changed word (`EAGAIN`), timeout (`ETIMEDOUT`) or a signal (`EINTR`).
pub fn futex_wait(word: &AtomicU32, expected: u32, timeout_ns: i64) -> SysResult<()> {
    #[cfg(feature = "model")]
    if let Some(kernel) = crate::model::kernel() {
        return (kernel.wait)(word, expected, timeout_ns);
    }
    let timeout = Timespec::from_nanos(timeout_ns.max(0));
    let timeout_ptr = if timeout_ns < 0 {
        0
    } else {
        &timeout as *const Timespec as usize
    };
    // SAFETY: the word outlives the call; the kernel only reads it.
    unsafe {
        call6(
            nr::FUTEX,
            word.as_ptr() as usize,
            FUTEX_WAIT_PRIVATE,
            expected as usize,
            timeout_ptr,
            0,
            0,
        )
    }
    .map(drop)
}

/// Wakes up to `count` waiters; returns how many.
pub fn futex_wake(word: &AtomicU32, count: u32) -> usize {
    #[cfg(feature = "model")]
    if let Some(kernel) = crate::model::kernel() {
        return (kernel.wake)(word, count);
    }
    // SAFETY: the kernel uses the address as a key only.
    unsafe {
        call3(
            nr::FUTEX,
            word.as_ptr() as usize,
            FUTEX_WAKE_PRIVATE,
            count as usize,
        )
    }
    .unwrap_or(0)
}

/// Process id.
pub fn getpid() -> u32 {
    // SAFETY: no memory involved.
    unsafe { syscall6(nr::GETPID, 0, 0, 0, 0, 0, 0) as u32 }
}

/// Thread id.
pub fn gettid() -> u32 {
    // SAFETY: no memory involved.
    unsafe { syscall6(nr::GETTID, 0, 0, 0, 0, 0, 0) as u32 }
}

/// Sends a signal to one thread of a process.
pub fn tgkill(pid: u32, tid: u32, signal: u32) -> SysResult<()> {
    // SAFETY: delivers a signal; handlers are the receiver's business.
    unsafe { call3(nr::TGKILL, pid as usize, tid as usize, signal as usize) }.map(drop)
}

/// Sends a signal to a process.
pub fn kill(pid: u32, signal: u32) -> SysResult<()> {
    // SAFETY: delivers a signal; handlers are the receiver's business.
    unsafe { call3(nr::KILL, pid as usize, signal as usize, 0) }.map(drop)
}

/// Yields the processor.
pub fn sched_yield() {
    #[cfg(feature = "model")]
    if let Some(kernel) = crate::model::kernel() {
        return (kernel.pause)();
    }
    // SAFETY: no memory involved.
    unsafe { syscall6(nr::SCHED_YIELD, 0, 0, 0, 0, 0, 0) };
}

/// Sleeps for some nanoseconds (less when a signal arrives).
pub fn nanosleep(nanos: i64) {
    #[cfg(feature = "model")]
    if let Some(kernel) = crate::model::kernel() {
        return (kernel.nap)(nanos);
    }
    let time = Timespec::from_nanos(nanos.max(0));
    // SAFETY: the kernel reads `time`.
    unsafe {
        syscall6(
            nr::NANOSLEEP,
            &time as *const Timespec as usize,
            0,
            0,
            0,
            0,
            0,
        )
    };
}

/// Processors that the process may run on; at least 1.
pub fn affinity_count() -> usize {
    let mut mask = [0u64; 1024];
    // SAFETY: the kernel writes at most the size of `mask`.
    let bytes = unsafe {
        call3(
            nr::SCHED_GETAFFINITY,
            0,
            size_of_val(&mask),
            mask.as_mut_ptr() as usize,
        )
    }
    .unwrap_or(0);
    let bits: u32 = mask[..bytes / 8].iter().map(|word| word.count_ones()).sum();
    bits.max(1) as usize
}

/// A resource limit (`RLIMIT_*` number): soft and hard value, `u64::MAX` = unlimited.
pub fn getrlimit(resource: u32) -> SysResult<(u64, u64)> {
    let mut limit = [0u64; 2];
    // SAFETY: the kernel writes two words.
    unsafe {
        call6(
            nr::PRLIMIT64,
            0,
            resource as usize,
            0,
            limit.as_mut_ptr() as usize,
            0,
            0,
        )
    }?;
    Ok((limit[0], limit[1]))
}

/// Sets a resource limit of this process.
pub fn setrlimit(resource: u32, soft: u64, hard: u64) -> SysResult<()> {
    let limit = [soft, hard];
    // SAFETY: the kernel reads two words.
    unsafe {
        call6(
            nr::PRLIMIT64,
            0,
            resource as usize,
            limit.as_ptr() as usize,
            0,
            0,
            0,
        )
    }
    .map(drop)
}

/// `RLIMIT_AS`.
pub const RLIMIT_AS: u32 = 9;
/// `RLIMIT_NOFILE`.
pub const RLIMIT_NOFILE: u32 = 7;
/// `RLIMIT_STACK`.
pub const RLIMIT_STACK: u32 = 3;

/// Names the calling thread (at most 15 bytes and a zero).
pub fn set_name(name: &[u8; 16]) {
    const PR_SET_NAME: usize = 15;
    // SAFETY: the kernel reads 16 bytes.
    unsafe { syscall6(nr::PRCTL, PR_SET_NAME, name.as_ptr() as usize, 0, 0, 0, 0) };
}

/// Fills the buffer with random bytes; blocks only until the kernel's generator is seeded.
pub fn getrandom(buf: &mut [u8]) -> SysResult<()> {
    let mut done = 0;
    while done < buf.len() {
        let rest = &mut buf[done..];
        // SAFETY: the kernel writes at most the rest of the buffer.
        done += crate::syscall::retry(|| unsafe {
            call3(nr::GETRANDOM, rest.as_mut_ptr() as usize, rest.len(), 0)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_affinity_are_plausible() {
        assert!(getpid() > 0 && gettid() > 0);
        assert!((1..=8192).contains(&affinity_count()));
        assert!(getrlimit(RLIMIT_NOFILE).unwrap().0 > 0);
    }

    #[test]
    fn futex_reports_a_changed_word_and_a_timeout() {
        let word = AtomicU32::new(1);
        assert_eq!(futex_wait(&word, 0, -1), Err(crate::Errno::EAGAIN));
        assert_eq!(futex_wait(&word, 1, 1000), Err(crate::Errno::ETIMEDOUT));
        assert_eq!(futex_wake(&word, 1), 0);
    }

    #[test]
    fn random_bytes_differ() {
        let (mut a, mut b) = ([0u8; 300], [0u8; 300]);
        getrandom(&mut a).unwrap();
        getrandom(&mut b).unwrap();
        assert_ne!(a, b);
    }

    #[test]
    #[cfg_attr(miri, ignore = "needs clone")]
    fn spawned_thread_runs_its_entry_and_clears_its_tid() {
        use core::sync::atomic::{AtomicUsize, Ordering};
        static SEEN: AtomicUsize = AtomicUsize::new(0);
        extern "C" fn entry(arg: usize) -> ! {
            SEEN.store(arg, Ordering::SeqCst);
            exit_thread()
        }
        let stack = crate::mem::map_zeroed(65536).unwrap();
        let mut tls = [0usize; 8];
        let mut tid = 0u32;
        let alive = AtomicU32::new(1);
        let new = NewThread {
            stack_top: stack + 65536,
            tls: tls.as_mut_ptr() as usize,
            entry,
            arg: 42,
            parent_tid: &mut tid,
            child_tid: alive.as_ptr(),
        };
        // SAFETY: stack and TLS live until the thread is gone (waited for below).
        let id = unsafe { spawn(&new) }.unwrap();
        while alive.load(Ordering::SeqCst) == 1 {
            let mut rest = 200;
            while alive.load(Ordering::SeqCst) == 1 && rest > 0 {
                nanosleep(100_000);
                rest -= 1;
            }
        }
        assert_eq!((SEEN.load(Ordering::SeqCst), tid), (42, id));
    }
}
