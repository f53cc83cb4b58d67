//! Signals: actions, masks, alternate stacks, timers that raise them.

use crate::syscall::{SysResult, call3, call6, nr};
use core::arch::naked_asm;

#[allow(missing_docs)]
pub mod sig {
    pub const HUP: u32 = 1;
    pub const INT: u32 = 2;
    pub const QUIT: u32 = 3;
    pub const ILL: u32 = 4;
    pub const TRAP: u32 = 5;
    pub const ABRT: u32 = 6;
    pub const BUS: u32 = 7;
    pub const FPE: u32 = 8;
    pub const KILL: u32 = 9;
    pub const USR1: u32 = 10;
    pub const SEGV: u32 = 11;
    pub const USR2: u32 = 12;
    pub const PIPE: u32 = 13;
    pub const ALRM: u32 = 14;
    pub const TERM: u32 = 15;
    pub const URG: u32 = 23;
    pub const PROF: u32 = 27;
    pub const SYS: u32 = 31;
    /// Signals are numbered 1 to this.
    pub const MAX: u32 = 64;
}

#[allow(missing_docs)]
pub mod flags {
    pub const SA_NOCLDSTOP: u64 = 1;
    pub const SA_SIGINFO: u64 = 4;
    pub const SA_RESTORER: u64 = 0x0400_0000;
    pub const SA_ONSTACK: u64 = 0x0800_0000;
    pub const SA_RESTART: u64 = 0x1000_0000;
    pub const SA_NODEFER: u64 = 0x4000_0000;
}

/// Default and ignoring handlers.
pub const SIG_DFL: usize = 0;
#[allow(missing_docs)]
pub const SIG_IGN: usize = 1;

/// The kernel's `struct sigaction`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SigAction {
    /// Address of `extern "C" fn(signal, *mut SigInfo, *mut UContext)`, or [`SIG_DFL`], [`SIG_IGN`].
    pub handler: usize,
    /// [`flags`].
    pub flags: u64,
    /// Set by [`rt_sigaction`].
    pub restorer: usize,
    /// Signals blocked while the handler runs.
    pub mask: u64,
}

/// `siginfo_t`, the fields that the runtime reads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SigInfo {
    /// Signal number.
    pub signo: i32,
    #[allow(missing_docs)]
    pub errno: i32,
    /// Who or what raised it (`SI_*`, `SEGV_*`).
    pub code: i32,
    _pad: i32,
    /// Fault address, or sender's pid and uid.
    pub addr: usize,
    _rest: [usize; 13],
}

/// Alternate stack.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StackT {
    /// Lowest address.
    pub sp: usize,
    /// 0, or [`SS_DISABLE`].
    pub flags: i32,
    _pad: i32,
    /// Bytes.
    pub size: usize,
}

/// No alternate stack.
pub const SS_DISABLE: i32 = 2;

impl StackT {
    /// An alternate stack at this address.
    pub fn new(sp: usize, size: usize, flags: i32) -> StackT {
        StackT {
            sp,
            flags,
            _pad: 0,
            size,
        }
    }
}

/// `ucontext_t` of x86-64 up to the general registers and the mask.
#[repr(C)]
#[derive(Debug)]
pub struct UContext {
    #[allow(missing_docs)]
    pub flags: u64,
    #[allow(missing_docs)]
    pub link: usize,
    #[allow(missing_docs)]
    pub stack: StackT,
    /// General registers in the order of [`reg`].
    pub gregs: [u64; 23],
    /// Address of the floating-point state.
    pub fpregs: usize,
    _reserved: [u64; 8],
    /// Signals blocked in the interrupted code.
    pub sigmask: u64,
}

/// Indices into [`UContext::gregs`].
#[allow(missing_docs)]
pub mod reg {
    pub const R8: usize = 0;
    pub const R9: usize = 1;
    pub const R10: usize = 2;
    pub const R11: usize = 3;
    pub const R12: usize = 4;
    pub const R13: usize = 5;
    pub const R14: usize = 6;
    pub const R15: usize = 7;
    pub const RDI: usize = 8;
    pub const RSI: usize = 9;
    pub const RBP: usize = 10;
    pub const RBX: usize = 11;
    pub const RDX: usize = 12;
    pub const RAX: usize = 13;
    pub const RCX: usize = 14;
    pub const RSP: usize = 15;
    pub const RIP: usize = 16;
    pub const EFL: usize = 17;
    pub const ERR: usize = 19;
    pub const TRAPNO: usize = 20;
    pub const CR2: usize = 22;
}

#[unsafe(naked)]
extern "C" fn restore_rt() {
    naked_asm!("mov eax, 15", "syscall")
}

/// Installs `new` (if given) for the signal and returns the action before.
///
/// # Safety
/// The handler must be safe to run at any instruction of any thread.
pub unsafe fn rt_sigaction(signal: u32, new: Option<&SigAction>) -> SysResult<SigAction> {
    let mut old = SigAction::default();
    let mut action;
    let new_ptr = match new {
        None => 0,
        Some(new) => {
            action = *new;
            action.flags |= flags::SA_RESTORER;
            action.restorer = restore_rt as *const () as usize;
            &mut action as *mut SigAction as usize
        }
    };
    // SAFETY: both structs have the kernel's layout; the handler is the caller's promise.
    unsafe {
        call6(
            nr::RT_SIGACTION,
            signal as usize,
            new_ptr,
            &mut old as *mut SigAction as usize,
            8,
            0,
            0,
        )
    }?;
    Ok(old)
}

/// How [`rt_sigprocmask`] combines masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum MaskHow {
    /// Adds.
    Block = 0,
    /// Removes.
    Unblock = 1,
    /// Replaces.
    Set = 2,
}

/// Changes the calling thread's signal mask; returns the mask before. Bit n-1 is signal n.
pub fn rt_sigprocmask(how: MaskHow, mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: two words of ours; cannot fail with valid arguments.
    let _ = unsafe {
        call6(
            nr::RT_SIGPROCMASK,
            how as usize,
            &mask as *const u64 as usize,
            &mut old as *mut u64 as usize,
            8,
            0,
            0,
        )
    };
    old
}

/// The calling thread's signal mask.
pub fn current_mask() -> u64 {
    rt_sigprocmask(MaskHow::Block, 0)
}

/// Sets the calling thread's alternate stack; returns the one before.
///
/// # Safety
/// The stack must stay valid while it is installed.
pub unsafe fn sigaltstack(new: Option<&StackT>) -> SysResult<StackT> {
    let mut old = StackT::new(0, 0, 0);
    let new_ptr = new.map_or(0, |new| new as *const StackT as usize);
    // SAFETY: both structs have the kernel's layout.
    unsafe {
        call3(
            nr::SIGALTSTACK,
            new_ptr,
            &mut old as *mut StackT as usize,
            0,
        )
    }?;
    Ok(old)
}

/// `ITIMER_PROF`: raises SIGPROF every `interval_us` of consumed CPU time; 0 stops it.
pub fn set_profile_timer(interval_us: u64) -> SysResult<()> {
    const ITIMER_PROF: usize = 2;
    let value = [
        interval_us / 1_000_000,
        interval_us % 1_000_000,
        interval_us / 1_000_000,
        interval_us % 1_000_000,
    ];
    // SAFETY: the kernel reads four words.
    unsafe { call3(nr::SETITIMER, ITIMER_PROF, value.as_ptr() as usize, 0) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};
    use core::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn layouts_are_those_of_the_kernel() {
        assert_eq!(size_of::<SigInfo>(), 128);
        assert_eq!(offset_of!(SigInfo, addr), 16);
        assert_eq!(offset_of!(UContext, gregs), 40);
        assert_eq!(offset_of!(UContext, sigmask), 296);
        assert_eq!(size_of::<StackT>(), 24);
    }

    #[test]
    #[cfg_attr(miri, ignore = "needs signals")]
    fn handler_runs_and_returns() {
        static SEEN: AtomicU32 = AtomicU32::new(0);
        extern "C" fn handler(signal: u32, info: *mut SigInfo, _context: *mut UContext) {
            // SAFETY: the kernel passes a valid siginfo.
            SEEN.store(signal + unsafe { (*info).signo } as u32, Ordering::SeqCst);
        }
        let action = SigAction {
            handler: handler as *const () as usize,
            flags: flags::SA_SIGINFO | flags::SA_RESTART,
            ..Default::default()
        };
        // SAFETY: the handler only stores to an atomic.
        let old = unsafe { rt_sigaction(sig::USR2, Some(&action)) }.unwrap();
        crate::thread::tgkill(crate::thread::getpid(), crate::thread::gettid(), sig::USR2).unwrap();
        assert_eq!(SEEN.load(Ordering::SeqCst), 2 * sig::USR2);
        // SAFETY: restores what was there.
        unsafe { rt_sigaction(sig::USR2, Some(&old)) }.unwrap();
    }
}
