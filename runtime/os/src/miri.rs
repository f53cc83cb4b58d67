//! System calls for unit tests under Miri, which runs no inline assembly: what the runtime's crates need,
//! over std and the few C functions that Miri knows. Everything else answers `ENOSYS`.
//!
//! Limits: anonymous private mappings only, of at most [`LARGEST`] bytes, where Miri puts them (hints are
//! ignored, `MAP_FIXED` is refused); protections are not enforced; memory goes back when all of a mapping
//! is unmapped; the wall and CPU clocks run with the monotonic one, from a fixed start; resource limits read as unlimited.
//!
//! Addresses cross this interface as integers, as they do the kernel's, so pointers are made from exposed
//! provenance: Miri still notices accesses outside of a mapping, after its end, and data races within.

use crate::mem;
use crate::syscall::{Errno, nr};
use crate::thread::Timespec;
use crate::time;
use core::ptr::with_exposed_provenance_mut as pointer;
use core::sync::atomic::{AtomicU32, Ordering};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Largest mapping in bytes: one of this size costs nothing until it is touched.
const LARGEST: usize = 8 << 30;
/// Seconds since 1970 when the monotonic clock stands at 0: Miri's isolated programs have no wall clock.
const WALL_AT_START: i64 = 1_700_000_000;
/// Greatest alignment that `alloc_zeroed` reaches without writing every byte.
const CHEAP_ALIGN: usize = 16;

unsafe extern "C" {
    fn syscall(number: i64, ...) -> i64;
    fn write(fd: i32, data: *const u8, len: usize) -> isize;
    fn getrandom(buf: *mut u8, len: usize, flags: u32) -> isize;
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// A mapping's allocation, and how many of its bytes are still mapped.
struct Mapping {
    block: *mut u8,
    len: usize,
    mapped: usize,
}

// SAFETY: the block is reached under the table's lock only, and freed by whoever unmaps its last bytes.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Of the block: the mapping begins at its first page boundary.
    fn layout(len: usize) -> Layout {
        Layout::from_size_align(len + mem::OS_PAGE_SIZE, CHEAP_ALIGN).expect("bounded by LARGEST")
    }
}

/// Mappings by their first address.
static MAPPINGS: Mutex<BTreeMap<usize, Mapping>> = Mutex::new(BTreeMap::new());

/// The start of the mapping that contains the range.
fn containing(table: &BTreeMap<usize, Mapping>, addr: usize, len: usize) -> Result<usize, Errno> {
    match table.range(..=addr).next_back() {
        Some((start, mapping)) if addr + len <= start + mapping.len => Ok(*start),
        _ => Err(Errno::ENOMEM),
    }
}

fn map(len: usize, flags: usize, fd: usize) -> Result<usize, Errno> {
    let unsupported = mem::MAP_FIXED | mem::MAP_FIXED_NOREPLACE;
    if flags & unsupported != 0 || flags & mem::MAP_ANONYMOUS == 0 || fd as i32 != -1 {
        return Err(Errno::ENOSYS);
    }
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    if len > LARGEST {
        return Err(Errno::ENOMEM);
    }
    let len = len.next_multiple_of(mem::OS_PAGE_SIZE);
    // SAFETY: the size is not zero.
    let block = unsafe { alloc_zeroed(Mapping::layout(len)) };
    if block.is_null() {
        return Err(Errno::ENOMEM);
    }
    let start = block
        .expose_provenance()
        .next_multiple_of(mem::OS_PAGE_SIZE);
    let mapping = Mapping {
        block,
        len,
        mapped: len,
    };
    MAPPINGS.lock().unwrap().insert(start, mapping);
    Ok(start)
}

fn unmap(addr: usize, len: usize) -> Result<usize, Errno> {
    let len = len.next_multiple_of(mem::OS_PAGE_SIZE);
    let mut table = MAPPINGS.lock().unwrap();
    let start = containing(&table, addr, len)?;
    let mapping = table.get_mut(&start).expect("found above");
    mapping.mapped = mapping.mapped.checked_sub(len).ok_or(Errno::EINVAL)?;
    if mapping.mapped == 0 {
        // SAFETY: allocated with this layout; nobody uses it, by the promise of whoever unmapped its parts.
        unsafe { dealloc(mapping.block, Mapping::layout(mapping.len)) };
        table.remove(&start);
    }
    Ok(0)
}

/// The result of a C function: its value, or the error that it left in `errno`.
fn result(value: isize) -> Result<usize, Errno> {
    if value >= 0 {
        return Ok(value as usize);
    }
    let errno = std::io::Error::last_os_error().raw_os_error();
    Err(errno.map_or(Errno::EIO, |number| Errno(number as u16)))
}

fn thread_id() -> usize {
    static LAST: AtomicU32 = AtomicU32::new(0);
    std::thread_local! {
        static ID: u32 = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    }
    ID.with(|id| *id as usize)
}

/// # Safety
/// As [`crate::syscall::syscall6`].
unsafe fn call(n: usize, [a, b, c, d, e, _]: [usize; 6]) -> Result<usize, Errno> {
    match n {
        nr::MMAP => map(b, d, e),
        nr::MUNMAP => unmap(a, b),
        nr::MPROTECT => containing(&MAPPINGS.lock().unwrap(), a, b).map(|_| 0),
        nr::MADVISE => {
            containing(&MAPPINGS.lock().unwrap(), a, b)?;
            if c == mem::MADV_DONTNEED {
                // SAFETY: mapped; the caller gave up the contents.
                unsafe { pointer::<u8>(a).write_bytes(0, b) };
            }
            Ok(0)
        }
        // SAFETY: the word and the timeout (or null) are the caller's.
        nr::FUTEX => result(unsafe {
            let (word, timeout) = (pointer::<u32>(a), pointer::<Timespec>(d));
            syscall(n as i64, word, b as i32, c as u32, timeout) as isize
        }),
        nr::SCHED_YIELD => {
            std::thread::yield_now();
            Ok(0)
        }
        nr::NANOSLEEP => {
            // SAFETY: the caller passes a time.
            let time = unsafe { *pointer::<Timespec>(a) };
            let nanos = time.sec * 1_000_000_000 + time.nsec;
            std::thread::sleep(std::time::Duration::from_nanos(nanos as u64));
            Ok(0)
        }
        nr::CLOCK_GETTIME => {
            let time: *mut Timespec = pointer(b);
            // SAFETY: the caller passes room for a time, which Miri's clock fills.
            unsafe {
                result(clock_gettime(time::CLOCK_MONOTONIC as i32, time) as isize)?;
                if a == time::CLOCK_REALTIME {
                    (*time).sec += WALL_AT_START;
                }
            }
            Ok(0)
        }
        // SAFETY: the caller passes a buffer.
        nr::GETRANDOM => result(unsafe { getrandom(pointer(a), b, 0) }),
        // SAFETY: the caller passes a buffer.
        nr::WRITE => result(unsafe { write(a as i32, pointer(b), c) }),
        nr::GETPID => Ok(std::process::id() as usize),
        nr::GETTID => Ok(thread_id()),
        nr::SCHED_GETAFFINITY => {
            // SAFETY: the caller passes room for at least a word.
            unsafe { *pointer::<u64>(c) = 1 };
            Ok(8)
        }
        nr::PRLIMIT64 if c == 0 => {
            // SAFETY: the caller passes room for two words.
            unsafe { *pointer::<[u64; 2]>(d) = [u64::MAX; 2] };
            Ok(0)
        }
        nr::EXIT_GROUP => std::process::exit(a as i32),
        _ => Err(Errno::ENOSYS),
    }
}

/// Does what [`crate::syscall::syscall6`] does, for the calls that the module's text names.
///
/// # Safety
/// As there.
pub(crate) unsafe fn syscall6(n: usize, args: [usize; 6]) -> isize {
    // SAFETY: passed on to the caller.
    match unsafe { call(n, args) } {
        Ok(value) => value as isize,
        Err(Errno(number)) => -(number as isize),
    }
}
