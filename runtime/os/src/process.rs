//! What the kernel leaves on the initial stack: arguments, environment, auxiliary vector.

use core::sync::atomic::{AtomicUsize, Ordering};

#[allow(missing_docs)]
pub const AT_PHDR: usize = 3;
#[allow(missing_docs)]
pub const AT_PAGESZ: usize = 6;
#[allow(missing_docs)]
pub const AT_HWCAP: usize = 16;
/// 1 for a set-uid program.
pub const AT_SECURE: usize = 23;
/// Sixteen random bytes.
pub const AT_RANDOM: usize = 25;
#[allow(missing_docs)]
pub const AT_EXECFN: usize = 31;
/// Address of the vDSO's ELF header.
pub const AT_SYSINFO_EHDR: usize = 33;

static ARGC: AtomicUsize = AtomicUsize::new(0);
static ARGV: AtomicUsize = AtomicUsize::new(0);

/// Remembers the initial stack: `stack` points at argc. Call once, first thing in the process.
///
/// # Safety
/// `stack` must be the stack pointer at process entry; the vectors stay there for ever.
pub unsafe fn init(stack: *const usize) {
    // SAFETY: the caller's promise.
    unsafe { ARGC.store(stack.read(), Ordering::Relaxed) };
    // SAFETY: argv follows argc.
    ARGV.store(unsafe { stack.add(1) } as usize, Ordering::Relaxed);
}

/// Number of arguments; 0 before [`init`].
pub fn argc() -> usize {
    ARGC.load(Ordering::Relaxed)
}

fn vector() -> *const *const u8 {
    ARGV.load(Ordering::Relaxed) as *const *const u8
}

/// Bytes of a zero-terminated string.
///
/// # Safety
/// `at` must be a zero-terminated string that lives for ever.
pub unsafe fn c_str(at: *const u8) -> &'static [u8] {
    let mut len = 0;
    // SAFETY: stops at the terminator.
    while unsafe { *at.add(len) } != 0 {
        len += 1;
    }
    // SAFETY: the bytes before the terminator.
    unsafe { core::slice::from_raw_parts(at, len) }
}

/// The arguments.
pub fn args() -> impl Iterator<Item = &'static [u8]> {
    // SAFETY: argv has argc strings that live as long as the process.
    (0..argc()).map(|index| unsafe { c_str(*vector().add(index)) })
}

/// The environment as `NAME=value` strings.
pub fn envs() -> impl Iterator<Item = &'static [u8]> {
    let mut at = if vector().is_null() {
        core::ptr::null()
    } else {
        vector().wrapping_add(argc() + 1)
    };
    core::iter::from_fn(move || {
        if at.is_null() {
            return None;
        }
        // SAFETY: the environment follows argv's terminating null and ends with a null.
        let string = unsafe { *at };
        if string.is_null() {
            return None;
        }
        at = at.wrapping_add(1);
        // SAFETY: a zero-terminated string of the initial stack.
        Some(unsafe { c_str(string) })
    })
}

/// Value of an environment variable at process start.
pub fn getenv(name: &[u8]) -> Option<&'static [u8]> {
    envs().find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

/// The auxiliary vector as (type, value) pairs, terminator excluded.
pub fn auxv_pairs() -> impl Iterator<Item = (usize, usize)> {
    let mut at: *const usize = core::ptr::null();
    if !vector().is_null() {
        let mut env = vector().wrapping_add(argc() + 1);
        // SAFETY: walks the environment to its terminating null; the auxiliary vector follows.
        while unsafe { !(*env).is_null() } {
            env = env.wrapping_add(1);
        }
        at = env.wrapping_add(1).cast();
    }
    core::iter::from_fn(move || {
        if at.is_null() {
            return None;
        }
        // SAFETY: pairs up to one with type 0.
        let pair = unsafe { (*at, *at.add(1)) };
        at = at.wrapping_add(2);
        (pair.0 != 0).then_some(pair)
    })
}

/// Value of one auxiliary vector entry.
pub fn auxv(kind: usize) -> Option<usize> {
    auxv_pairs().find_map(|(k, value)| (k == kind).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_stack_is_taken_apart() {
        let strings: [&[u8]; 4] = [b"prog\0", b"-x\0", b"HOME=/h\0", b"EMPTY=\0"];
        let p = |i: usize| strings[i].as_ptr();
        let n = core::ptr::without_provenance::<u8>;
        let stack = Box::leak(Box::new([
            n(2),
            p(0),
            p(1),
            n(0),
            p(2),
            p(3),
            n(0),
            n(AT_PAGESZ),
            n(4096),
            n(AT_RANDOM),
            n(77),
            n(0),
            n(0),
        ]));
        // SAFETY: laid out as the kernel does, leaked.
        unsafe { init(stack.as_ptr().cast()) };
        assert_eq!(args().collect::<Vec<_>>(), [b"prog".as_slice(), b"-x"]);
        assert_eq!(getenv(b"HOME"), Some(b"/h".as_slice()));
        assert_eq!(getenv(b"EMPTY"), Some(b"".as_slice()));
        assert_eq!(getenv(b"HOM"), None);
        assert_eq!(auxv(AT_RANDOM), Some(77));
        assert_eq!(auxv(AT_SYSINFO_EHDR), None);
    }
}
