//! One system call made by a stopped thread of the target, safe against this program's own death.
//!
//! If this process is killed while a thread of the target runs with the registers we gave it, the kernel
//! simply lets that thread go on from there. So those registers must lead home by themselves:
//!
//! ```text
//!   rsp of the stopped thread
//!     | red zone (128 bytes)
//!     v
//!   base+632  end
//!   base+328  frame B: the thread's own registers and signal mask
//!   base+320  address of the sigreturn trampoline
//!   base+8    frame A: rip = `syscall; ret`, rax = tkill, rdi = no such thread, rsi = SIGKILL, rsp = base+320
//!   base      address of the sigreturn trampoline    <- rsp of the injected call
//! ```
//!
//! 1. The injected call runs at a `syscall; ret` of the target's own text, all signals blocked.
//! 2. Normally we stop the thread at the call's exit and put its registers back at once.
//! 3. If we died, `ret` enters rt_sigreturn with frame A, which calls tkill. In the target that names no
//!    thread and fails; `ret` enters rt_sigreturn with frame B and the thread continues where it was, its
//!    interrupted call restarted or answered with EINTR.
//! 4. A forked copy takes the same way, but the kernel (CLONE_CHILD_SETTID) has written the copy's own id into
//!    frame A's rdi, in the copy's memory only: it kills itself before it runs any code of the program.
//!
//! The bytes below the red zone are dead by the ABI, if the stack has room: callers choose a thread that
//! waits in the kernel on a system stack with room. Rejected: code written into the target (text pages would
//! have to be changed), a copy sharing the parent's signal handlers (it would print a Go crash).

use std::time::{Duration, Instant};

use crate::sys::{self, Regs, Wait};
use crate::{Error, Result, live};

/// Stack bytes used below the stopped thread's stack pointer, red zone and alignment included.
pub const STACK_ROOM: u64 = 1024;

/// Code of the target that an injected call runs through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gadgets {
    /// Address of `syscall; ret`.
    pub syscall_ret: u64,
    /// Address of `mov $15, %eax; syscall`.
    pub sigreturn: u64,
}

impl Gadgets {
    /// Finds both in the bytes of a text segment at `address`.
    pub fn find(text: &[u8], address: u64) -> Option<Gadgets> {
        let position = |pattern: &[u8]| {
            text.windows(pattern.len())
                .position(|window| window == pattern)
        };
        let syscall_ret = position(&[0x0f, 0x05, 0xc3])?;
        let sigreturn = position(&[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05])
            .or_else(|| position(&[0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05]))?;
        Some(Gadgets {
            syscall_ret: address + syscall_ret as u64,
            sigreturn: address + sigreturn as u64,
        })
    }
}

/// `-ERESTARTSYS`, `-ERESTARTNOINTR`, `-ERESTARTNOHAND`: the call is made again with the same registers.
fn restarts_plainly(rax: i64) -> bool {
    matches!(rax, -514..=-512)
}

/// `-ERESTART_RESTARTBLOCK`: the call goes on through `restart_syscall`.
fn restarts_by_block(rax: i64) -> bool {
    rax == -516
}

/// The registers that let a thread stopped in (or after) a system call go on exactly as the kernel would.
fn resumed(regs: &Regs) -> Regs {
    let mut result = *regs;
    if regs.orig_rax as i64 >= 0 {
        if restarts_plainly(regs.rax as i64) {
            result.rax = regs.orig_rax;
            result.rip -= 2;
        } else if restarts_by_block(regs.rax as i64) {
            result.rax = libc::SYS_restart_syscall as u64;
            result.rip -= 2;
        }
    }
    result.orig_rax = u64::MAX;
    result
}

/// A `struct ucontext` for rt_sigreturn: 304 bytes (asm/ucontext.h, asm/sigcontext.h).
fn ucontext(regs: &Regs, mask: u64) -> [u8; 304] {
    let mut words = [0u64; 38];
    words[0] = 6; // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
    // words 2..5 are uc_stack: size 0 makes the kernel keep the alternate stack it has.
    let registers = [
        regs.r8,
        regs.r9,
        regs.r10,
        regs.r11,
        regs.r12,
        regs.r13,
        regs.r14,
        regs.r15,
        regs.rdi,
        regs.rsi,
        regs.rbp,
        regs.rbx,
        regs.rdx,
        regs.rax,
        regs.rcx,
        regs.rsp,
        regs.rip,
        regs.eflags,
    ];
    words[5..23].copy_from_slice(&registers);
    words[23] = regs.cs & 0xffff | regs.ss << 48;
    words[37] = mask;
    let mut result = [0; 304];
    for (bytes, word) in result.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    result
}

/// Offset of rdi inside a ucontext.
const UCONTEXT_RDI: u64 = 104;

/// A stopped thread through which calls are made.
pub struct Injector {
    pid: i32,
    tid: i32,
    gadgets: Gadgets,
    /// Registers as found.
    saved: Regs,
    mask: u64,
    base: u64,
}

impl Injector {
    /// Prepares the way home on the thread's stack. The thread must be in a ptrace stop, its stack must have
    /// [`STACK_ROOM`] bytes below the stack pointer.
    pub fn new(pid: i32, tid: i32, gadgets: Gadgets) -> Result<Injector> {
        let failed = |error| {
            Error::new(format!(
                "cannot prepare thread {tid} of process {pid}: {error}"
            ))
        };
        let saved = sys::get_regs(tid).map_err(failed)?;
        let mask = sys::get_sigmask(tid).map_err(failed)?;
        let base = (saved.rsp - STACK_ROOM + 64) & !15;
        let mut home = resumed(&saved);
        if restarts_by_block(saved.rax as i64) {
            // sigreturn forgets the restart block, so the call is answered instead.
            home = saved;
            home.rax = -i64::from(libc::EINTR) as u64;
        }
        let suicide = Regs {
            rip: gadgets.syscall_ret,
            rax: libc::SYS_tkill as u64,
            rdi: 0x7fff_ffff,
            rsi: libc::SIGKILL as u64,
            rsp: base + 320,
            ..saved
        };
        let mut image = Vec::with_capacity(632);
        image.extend(gadgets.sigreturn.to_le_bytes());
        image.extend(ucontext(&suicide, u64::MAX));
        image.resize(320, 0);
        image.extend(gadgets.sigreturn.to_le_bytes());
        image.extend(ucontext(&home, mask));
        if !sys::write_memory(pid, base, &image) {
            return Err(Error::new(format!(
                "cannot write below the stack of thread {tid} of process {pid}"
            )));
        }
        Ok(Injector {
            pid,
            tid,
            gadgets,
            saved,
            mask,
            base,
        })
    }

    /// The address whose 32 bits a forked copy must find overwritten with its own thread id.
    pub fn child_tid_address(&self) -> u64 {
        self.base + 8 + UCONTEXT_RDI
    }

    /// Scratch memory an injected call may write to: 8 bytes of frame A that nobody reads (its oldmask).
    pub fn scratch(&self) -> u64 {
        self.base + 8 + 208
    }

    /// Makes one call; returns its result (negative: -errno) and the process a clone event announced.
    /// The thread has its own registers back afterwards, whatever happened.
    pub fn call(&self, number: i64, args: [u64; 6]) -> Result<(i64, Option<i32>)> {
        let failed = |error| {
            Error::new(format!(
                "system call in process {} failed to start: {error}",
                self.pid
            ))
        };
        let regs = Regs {
            rip: self.gadgets.syscall_ret,
            rsp: self.base,
            rax: number as u64,
            orig_rax: u64::MAX,
            rdi: args[0],
            rsi: args[1],
            rdx: args[2],
            r10: args[3],
            r8: args[4],
            r9: args[5],
            ..self.saved
        };
        sys::set_sigmask(self.tid, u64::MAX).map_err(failed)?;
        let result = sys::set_regs(self.tid, &regs)
            .map_err(failed)
            .and_then(|()| self.run(number));
        let restored = sys::set_regs(self.tid, &resumed(&self.saved))
            .and_then(|()| sys::set_sigmask(self.tid, self.mask));
        let result = result?;
        restored.map_err(|error| {
            Error::new(format!(
                "process {} went away during the snapshot: {error}",
                self.pid
            ))
        })?;
        Ok(result)
    }

    /// Resumes up to the exit of the system call.
    fn run(&self, number: i64) -> Result<(i64, Option<i32>)> {
        let gone = || Error::new(format!("process {} ended during the snapshot", self.pid));
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut syscall_stops = 0;
        let mut child = None;
        sys::checkpoint(if number == libc::SYS_clone {
            "prepared"
        } else {
            "reaping"
        });
        while syscall_stops < 2 {
            sys::resume_to_syscall(self.tid).map_err(|_| gone())?;
            match live::stop_of(self.tid, deadline).map_err(|_| gone())? {
                Wait::Stopped { signal, event: 0 } if signal == libc::SIGTRAP | 0x80 => {
                    syscall_stops += 1;
                    sys::checkpoint("entered");
                }
                Wait::Stopped { event, .. } if event == libc::PTRACE_EVENT_CLONE => {
                    sys::checkpoint("cloned");
                    child = sys::event_message(self.tid)
                        .ok()
                        .and_then(|id| i32::try_from(id).ok());
                }
                // A stop of the group, or a trap left over from attaching: go on.
                Wait::Stopped { .. } => {}
                Wait::Exited => return Err(gone()),
                Wait::Nothing => {
                    return Err(Error::new(format!(
                        "a system call in process {} does not come back",
                        self.pid
                    )));
                }
            }
        }
        let regs = sys::get_regs(self.tid).map_err(|_| gone())?;
        Ok((regs.rax as i64, child))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gadgets_are_found_in_text() {
        let text = [
            0x90, 0x0f, 0x05, 0xc3, 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05, 0xcc,
        ];
        assert_eq!(
            Gadgets::find(&text, 0x1000),
            Some(Gadgets {
                syscall_ret: 0x1001,
                sigreturn: 0x1004
            })
        );
        assert_eq!(Gadgets::find(&text[..8], 0x1000), None);
    }

    #[test]
    fn an_interrupted_call_is_made_again() {
        // SAFETY: a struct of integers; all zeroes is a value of it.
        let mut regs: Regs = unsafe { std::mem::zeroed() };
        regs.rip = 100;
        regs.orig_rax = 202;
        regs.rax = -512i64 as u64;
        assert_eq!((resumed(&regs).rip, resumed(&regs).rax), (98, 202));
        regs.rax = -516i64 as u64;
        assert_eq!((resumed(&regs).rip, resumed(&regs).rax), (98, 219));
        regs.rax = 7;
        assert_eq!((resumed(&regs).rip, resumed(&regs).rax), (100, 7));
    }
}
