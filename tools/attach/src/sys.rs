//! The system calls this crate makes, each behind a safe function. The only unsafe code here.

use std::io;
use std::mem::{size_of, zeroed};
use std::ptr;

/// `struct user_regs_struct` of x86-64.
pub type Regs = libc::user_regs_struct;

/// What `waitpid` reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing yet (only with `block` false).
    Nothing,
    /// Stopped: the signal, and the ptrace event (0 for a signal-delivery stop).
    Stopped {
        /// Which signal.
        signal: i32,
        /// `PTRACE_EVENT_*`.
        event: i32,
    },
    /// Gone.
    Exited,
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn request(request: libc::c_uint, tid: i32, address: usize, data: usize) -> io::Result<()> {
    // SAFETY: the requests passed by this module take integers here, never pointers into this process.
    check(unsafe { libc::ptrace(request, tid, address, data) }).map(drop)
}

/// Attaches without stopping.
pub fn seize(tid: i32, options: i32) -> io::Result<()> {
    request(libc::PTRACE_SEIZE, tid, 0, options as usize)
}

/// Asks an attached thread to stop; the stop is then waited for.
pub fn interrupt(tid: i32) -> io::Result<()> {
    request(libc::PTRACE_INTERRUPT, tid, 0, 0)
}

/// Lets a stopped thread go for good, delivering `signal` (0: none).
pub fn detach(tid: i32, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_DETACH, tid, 0, signal as usize)
}

/// Resumes until the next entry to or exit from a system call.
pub fn resume_to_syscall(tid: i32) -> io::Result<()> {
    request(libc::PTRACE_SYSCALL, tid, 0, 0)
}

/// Sets `PTRACE_O_*`.
pub fn set_options(tid: i32, options: i32) -> io::Result<()> {
    request(libc::PTRACE_SETOPTIONS, tid, 0, options as usize)
}

/// The number a ptrace event carries: the new process's id after a clone.
pub fn event_message(tid: i32) -> io::Result<u64> {
    let mut value: libc::c_ulong = 0;
    // SAFETY: the kernel writes one unsigned long to the address given, which is `value`'s.
    check(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, 0usize, &raw mut value) })?;
    Ok(value)
}

/// General registers of a stopped thread.
pub fn get_regs(tid: i32) -> io::Result<Regs> {
    // SAFETY: a struct of integers; all zeroes is a value of it.
    let mut regs: Regs = unsafe { zeroed() };
    // SAFETY: the kernel writes one `user_regs_struct` to the address given.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0usize, &raw mut regs) })?;
    Ok(regs)
}

/// Replaces all general registers of a stopped thread at once.
pub fn set_regs(tid: i32, regs: &Regs) -> io::Result<()> {
    // SAFETY: the kernel reads one `user_regs_struct` from the address given.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGS, tid, 0usize, ptr::from_ref(regs)) }).map(drop)
}

/// The blocked signals of a stopped thread.
pub fn get_sigmask(tid: i32) -> io::Result<u64> {
    let mut mask = 0u64;
    // SAFETY: the kernel writes the 8 bytes announced in the third argument.
    check(unsafe { libc::ptrace(libc::PTRACE_GETSIGMASK, tid, 8usize, &raw mut mask) })?;
    Ok(mask)
}

/// Replaces the blocked signals of a stopped thread.
pub fn set_sigmask(tid: i32, mask: u64) -> io::Result<()> {
    // SAFETY: the kernel reads the 8 bytes announced in the third argument.
    check(unsafe { libc::ptrace(libc::PTRACE_SETSIGMASK, tid, 8usize, &raw const mask) }).map(drop)
}

/// Waits for (or polls) one thread, whatever kind of child it is.
pub fn wait(tid: i32, block: bool) -> io::Result<Wait> {
    let mut status = 0;
    let flags = libc::__WALL | if block { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: the kernel writes one int to `status`.
        let result = unsafe { libc::waitpid(tid, &raw mut status, flags) };
        if result == 0 {
            return Ok(Wait::Nothing);
        }
        if result == -1 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() == Some(libc::EINTR) {
                continue;
            }
            return Err(error);
        }
        if libc::WIFSTOPPED(status) {
            return Ok(Wait::Stopped {
                signal: libc::WSTOPSIG(status),
                event: status >> 16,
            });
        }
        return Ok(Wait::Exited);
    }
}

/// Sends a signal to a process.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes two integers.
    check(unsafe { libc::kill(pid, signal) }.into()).map(drop)
}

/// Sends a signal to one thread.
pub fn tgkill(pid: i32, tid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes three integers.
    check(unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signal) }).map(drop)
}

/// Copies from another process; the number of bytes that were there.
pub fn read_memory(pid: i32, address: u64, buffer: &mut [u8]) -> usize {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: buffer.len(),
    };
    // SAFETY: `local` covers exactly `buffer`; `remote` is only dereferenced in the other process.
    let count =
        unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(count).unwrap_or(0)
}

/// Copies many pieces in one call; the total of bytes copied, in order, up to the first that failed.
/// At most 1024 pieces.
pub fn read_memory_pieces(pid: i32, parts: &mut [crate::target::Part<'_>]) -> usize {
    let mut local = Vec::with_capacity(parts.len());
    let mut remote = Vec::with_capacity(parts.len());
    for part in parts.iter_mut() {
        local.push(libc::iovec {
            iov_base: part.buffer.as_mut_ptr().cast(),
            iov_len: part.buffer.len(),
        });
        remote.push(libc::iovec {
            iov_base: part.address as *mut libc::c_void,
            iov_len: part.buffer.len(),
        });
    }
    let count = parts.len() as libc::c_ulong;
    // SAFETY: every local iovec covers a distinct buffer borrowed mutably for this call; remote ones are only
    // dereferenced in the other process.
    let copied =
        unsafe { libc::process_vm_readv(pid, local.as_ptr(), count, remote.as_ptr(), count, 0) };
    usize::try_from(copied).unwrap_or(0)
}

/// Copies into another process; true when all of it was written.
pub fn write_memory(pid: i32, address: u64, data: &[u8]) -> bool {
    let local = libc::iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: data.len(),
    };
    // SAFETY: `local` covers exactly `data`, which is only read; `remote` lies in the other process.
    let count =
        unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    count == data.len() as isize
}

/// Ends this program by SIGKILL when FERROGO_DOCTOR_DIE_AT names the point, and the process that
/// FERROGO_DOCTOR_KILL_AT names after the point and a space: how tests show that target and doctor survive each
/// other's death at every step. Does nothing in release builds.
pub fn checkpoint(point: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    let wish = |name: &str| std::env::var(name).unwrap_or_default();
    if wish("FERROGO_DOCTOR_DIE_AT") == point {
        kill(std::process::id() as i32, libc::SIGKILL).ok();
    }
    if let Some((name, Ok(pid))) = wish("FERROGO_DOCTOR_KILL_AT")
        .split_once(' ')
        .map(|(name, pid)| (name, pid.parse()))
    {
        if name == point {
            kill(pid, libc::SIGKILL).ok();
        }
    }
}

/// Bytes per page.
pub fn page_size() -> u64 {
    // SAFETY: takes an integer.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// A file mapped read-only.
pub struct MappedFile {
    start: *const u8,
    length: usize,
}

// SAFETY: the mapping is private, read-only and lives as long as the value.
unsafe impl Send for MappedFile {}
// SAFETY: as above; shared reads only.
unsafe impl Sync for MappedFile {}

impl MappedFile {
    /// Maps a regular file. Reads past a later truncation fault, as with every mapped file.
    pub fn open(path: &std::path::Path) -> io::Result<MappedFile> {
        use std::os::fd::AsRawFd;
        let file = std::fs::File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let length = usize::try_from(metadata.len())
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if length == 0 {
            return Ok(MappedFile {
                start: ptr::NonNull::dangling().as_ptr(),
                length,
            });
        }
        // SAFETY: a fresh private read-only mapping of an open descriptor; the result is checked.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(MappedFile {
            start: start.cast_const().cast(),
            length,
        })
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `start` maps `length` readable bytes (or length is 0) until drop.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: exactly the mapping made in `open`.
            unsafe { libc::munmap(self.start.cast_mut().cast(), self.length) };
        }
    }
}

static INTERRUPTED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

extern "C" fn on_interrupt(_: libc::c_int) {
    INTERRUPTED.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// From now on the first SIGINT or SIGTERM only sets a flag, so that a snapshot is given back in order;
/// the second one ends the program (the kernel then kills the copy).
pub fn catch_interrupts() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: a zeroed sigaction is valid; the handler only stores to an atomic; SA_RESETHAND restores
        // the default after the first signal.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = on_interrupt as *const () as usize;
            action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
}

/// Whether the user asked to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(std::sync::atomic::Ordering::Relaxed)
}

/// CPU time this process has used so far.
pub fn cpu_time_ns() -> u64 {
    // SAFETY: a zeroed timespec is valid and the kernel fills it.
    let time = unsafe {
        let mut time: libc::timespec = zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        time
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Peak resident bytes of this process.
pub fn peak_rss() -> u64 {
    // SAFETY: a zeroed rusage is valid and the kernel fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    usage.ru_maxrss as u64 * 1024
}

const _: () = assert!(size_of::<Regs>() == 27 * 8);
