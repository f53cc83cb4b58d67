//! Messages to standard error that never allocate and never lock: fatal errors, traces, signal
//! handlers. A message is built in a buffer on the stack and leaves in as few writes as possible.

use crate::poll;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Buffered writer on a descriptor; flushes when full and when dropped. Write errors are ignored:
/// there is nowhere to report them.
#[derive(Debug)]
pub struct FdWriter {
    fd: i32,
    len: usize,
    buf: [u8; 512],
}

impl FdWriter {
    /// A writer on this descriptor.
    pub fn new(fd: i32) -> FdWriter {
        FdWriter {
            fd,
            len: 0,
            buf: [0; 512],
        }
    }

    /// Appends bytes.
    pub fn bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.len == self.buf.len() {
                self.flush();
            }
            let n = bytes.len().min(self.buf.len() - self.len);
            self.buf[self.len..self.len + n].copy_from_slice(&bytes[..n]);
            self.len += n;
            bytes = &bytes[n..];
        }
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) {
        let _ = poll::write_all(self.fd, &self.buf[..self.len]);
        self.len = 0;
    }
}

impl Write for FdWriter {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.bytes(s.as_bytes());
        Ok(())
    }
}

impl Drop for FdWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Writes formatted text to standard error.
pub fn write_stderr(args: fmt::Arguments<'_>) {
    let _ = FdWriter::new(2).write_fmt(args);
}

/// `eprint!` without std.
#[macro_export]
macro_rules! eprint_raw {
    ($($arg:tt)*) => { $crate::print::write_stderr(format_args!($($arg)*)) };
}

/// Reports a broken invariant of the runtime and ends the process as Go does: exit status 2.
/// The traceback is the business of the hook that the runtime installs.
#[cold]
pub fn throw(args: fmt::Arguments<'_>) -> ! {
    static THROWING: AtomicUsize = AtomicUsize::new(0);
    let nested = THROWING.fetch_add(1, Ordering::Relaxed);
    if nested == 0 {
        write_stderr(format_args!("fatal error: {args}\n"));
        let hook = THROW_HOOK.load(Ordering::Acquire);
        if !hook.is_null() {
            // SAFETY: only `set_throw_hook` stores here, and only functions of this type.
            let hook = unsafe { core::mem::transmute::<*mut (), fn()>(hook) };
            hook();
        }
    }
    #[cfg(any(test, feature = "std"))]
    {
        THROWING.store(0, Ordering::Relaxed);
        panic!("runtime threw: {args}");
    }
    #[cfg(not(any(test, feature = "std")))]
    crate::thread::exit_group(2)
}

static THROW_HOOK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Installs what runs between the message and the end of the process (traceback, core dump).
pub fn set_throw_hook(hook: fn()) {
    THROW_HOOK.store(hook as *mut (), Ordering::Release);
}

/// `throw` with formatting.
#[macro_export]
macro_rules! throw {
    ($($arg:tt)*) => { $crate::print::throw(format_args!($($arg)*)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "needs a pipe")]
    fn long_messages_arrive_whole() {
        let (r, w) = poll::pipe2(0).unwrap();
        let mut out = FdWriter::new(w);
        for i in 0..200 {
            write!(out, "{i:04}").unwrap();
        }
        drop(out);
        poll::close(w).unwrap();
        let mut buf = [0; 2000];
        let mut len = 0;
        loop {
            let n = poll::read(r, &mut buf[len..]).unwrap();
            if n == 0 {
                break;
            }
            len += n;
        }
        poll::close(r).unwrap();
        assert_eq!(len, 800);
        assert_eq!(&buf[796..800], b"0199");
    }
}
