//! Files, pipes, event descriptors and epoll.

use crate::syscall::{SysResult, call3, call6, nr, retry};

#[allow(missing_docs)]
pub mod open_flags {
    pub const O_RDONLY: usize = 0;
    pub const O_WRONLY: usize = 1;
    pub const O_CREAT: usize = 0o100;
    pub const O_TRUNC: usize = 0o1000;
    pub const O_APPEND: usize = 0o2000;
    pub const O_NONBLOCK: usize = 0o4000;
    pub const O_CLOEXEC: usize = 0o2000000;
}

/// Opens a file; `path` ends with a zero byte.
pub fn open(path: &[u8], flags: usize, mode: usize) -> SysResult<i32> {
    const AT_FDCWD: isize = -100;
    assert!(path.last() == Some(&0));
    // SAFETY: the kernel reads the zero-terminated path.
    retry(|| unsafe {
        call6(
            nr::OPENAT,
            AT_FDCWD as usize,
            path.as_ptr() as usize,
            flags,
            mode,
            0,
            0,
        )
    })
    .map(|fd| fd as i32)
}

/// Reads into the buffer once.
pub fn read(fd: i32, buf: &mut [u8]) -> SysResult<usize> {
    // SAFETY: the kernel writes at most the buffer.
    retry(|| unsafe { call3(nr::READ, fd as usize, buf.as_mut_ptr() as usize, buf.len()) })
}

/// Writes once.
pub fn write(fd: i32, bytes: &[u8]) -> SysResult<usize> {
    // SAFETY: the kernel reads the buffer.
    retry(|| unsafe { call3(nr::WRITE, fd as usize, bytes.as_ptr() as usize, bytes.len()) })
}

/// Writes everything, or stops at the first error.
pub fn write_all(fd: i32, mut bytes: &[u8]) -> SysResult<()> {
    while !bytes.is_empty() {
        let n = write(fd, bytes)?;
        bytes = &bytes[n..];
    }
    Ok(())
}

/// Closes a descriptor (never retried: Linux frees it even on EINTR).
pub fn close(fd: i32) -> SysResult<()> {
    // SAFETY: the caller owns the descriptor.
    unsafe { call3(nr::CLOSE, fd as usize, 0, 0) }.map(drop)
}

/// `fcntl(2)` with an integer argument.
pub fn fcntl(fd: i32, command: usize, arg: usize) -> SysResult<usize> {
    // SAFETY: commands with integer arguments touch no memory; others are not for this wrapper.
    unsafe { call3(nr::FCNTL, fd as usize, command, arg) }
}

/// Reads a small file into the buffer; returns the filled part. `path` ends with a zero byte.
pub fn read_file<'a>(path: &[u8], buf: &'a mut [u8]) -> SysResult<&'a [u8]> {
    let fd = open(path, open_flags::O_RDONLY | open_flags::O_CLOEXEC, 0)?;
    let mut len = 0;
    while len < buf.len() {
        match read(fd, &mut buf[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(err) => {
                let _ = close(fd);
                return Err(err);
            }
        }
    }
    let _ = close(fd);
    Ok(&buf[..len])
}

/// Counter descriptor, non-blocking and close-on-exec.
pub fn eventfd() -> SysResult<i32> {
    // SAFETY: no memory involved.
    unsafe {
        call3(
            nr::EVENTFD2,
            0,
            open_flags::O_NONBLOCK | open_flags::O_CLOEXEC,
            0,
        )
    }
    .map(|fd| fd as i32)
}

/// A pipe: read end, write end.
pub fn pipe2(flags: usize) -> SysResult<(i32, i32)> {
    let mut fds = [0i32; 2];
    // SAFETY: the kernel writes two integers.
    unsafe { call3(nr::PIPE2, fds.as_mut_ptr() as usize, flags, 0) }?;
    Ok((fds[0], fds[1]))
}

#[allow(missing_docs)]
pub mod epoll {
    pub const IN: u32 = 1;
    pub const OUT: u32 = 4;
    pub const ERR: u32 = 8;
    pub const HUP: u32 = 16;
    pub const RDHUP: u32 = 0x2000;
    pub const ET: u32 = 1 << 31;
    pub const CTL_ADD: usize = 1;
    pub const CTL_DEL: usize = 2;
    pub const CTL_MOD: usize = 3;
}

/// The kernel's packed `struct epoll_event`.
#[repr(C, packed)]
#[derive(Clone, Copy, Debug, Default)]
pub struct EpollEvent {
    /// [`epoll`] bits.
    pub events: u32,
    /// Ours to choose.
    pub data: u64,
}

/// New epoll instance, close-on-exec.
pub fn epoll_create() -> SysResult<i32> {
    // SAFETY: no memory involved.
    unsafe { call3(nr::EPOLL_CREATE1, open_flags::O_CLOEXEC, 0, 0) }.map(|fd| fd as i32)
}

/// Adds, changes or removes a descriptor.
pub fn epoll_ctl(epfd: i32, op: usize, fd: i32, event: Option<EpollEvent>) -> SysResult<()> {
    let event = event.unwrap_or_default();
    // SAFETY: the kernel reads one event.
    unsafe {
        call6(
            nr::EPOLL_CTL,
            epfd as usize,
            op,
            fd as usize,
            &event as *const EpollEvent as usize,
            0,
            0,
        )
    }
    .map(drop)
}

/// Waits for events; `timeout_ms` negative waits for ever. Returns `EINTR` as an error.
pub fn epoll_wait(epfd: i32, events: &mut [EpollEvent], timeout_ms: i32) -> SysResult<usize> {
    // SAFETY: the kernel writes at most `events.len()` entries; no signal mask is passed.
    unsafe {
        call6(
            nr::EPOLL_PWAIT,
            epfd as usize,
            events.as_mut_ptr() as usize,
            events.len(),
            timeout_ms as isize as usize,
            0,
            8,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "needs the kernel's epoll")]
    fn eventfd_wakes_epoll() {
        let (epfd, event) = (epoll_create().unwrap(), eventfd().unwrap());
        epoll_ctl(
            epfd,
            epoll::CTL_ADD,
            event,
            Some(EpollEvent {
                events: epoll::IN,
                data: 7,
            }),
        )
        .unwrap();
        let mut ready = [EpollEvent::default(); 4];
        assert_eq!(epoll_wait(epfd, &mut ready, 0), Ok(0));
        write_all(event, &1u64.to_ne_bytes()).unwrap();
        assert_eq!(epoll_wait(epfd, &mut ready, -1), Ok(1));
        assert_eq!({ ready[0].data }, 7);
        close(event).unwrap();
        close(epfd).unwrap();
    }

    #[test]
    #[cfg_attr(miri, ignore = "needs files")]
    fn missing_file_is_an_error() {
        assert_eq!(
            read_file(b"/no/such/file\0", &mut [0; 8]),
            Err(crate::Errno::ENOENT)
        );
    }
}
