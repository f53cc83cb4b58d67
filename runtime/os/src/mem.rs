//! Address space: reserve, commit, give back.

use crate::syscall::{SysResult, call3, call6, nr};

#[allow(missing_docs)]
pub const PROT_NONE: usize = 0;
#[allow(missing_docs)]
pub const PROT_READ: usize = 1;
#[allow(missing_docs)]
pub const PROT_WRITE: usize = 2;
#[allow(missing_docs)]
pub const MAP_PRIVATE: usize = 2;
#[allow(missing_docs)]
pub const MAP_FIXED: usize = 0x10;
#[allow(missing_docs)]
pub const MAP_ANONYMOUS: usize = 0x20;
#[allow(missing_docs)]
pub const MAP_NORESERVE: usize = 0x4000;
#[allow(missing_docs)]
pub const MAP_FIXED_NOREPLACE: usize = 0x10_0000;

#[allow(missing_docs)]
pub const MADV_DONTNEED: usize = 4;

/// `mmap(2)`.
///
/// # Safety
/// With `MAP_FIXED` it replaces what was mapped there.
pub unsafe fn mmap(
    hint: usize,
    len: usize,
    prot: usize,
    flags: usize,
    fd: i32,
    offset: usize,
) -> SysResult<usize> {
    // SAFETY: passed on to the caller.
    unsafe {
        call6(
            nr::MMAP,
            hint,
            len,
            prot,
            flags,
            fd as isize as usize,
            offset,
        )
    }
}

/// `munmap(2)`.
///
/// # Safety
/// Nothing may use the range afterwards.
pub unsafe fn munmap(addr: usize, len: usize) -> SysResult<()> {
    // SAFETY: passed on to the caller.
    unsafe { call3(nr::MUNMAP, addr, len, 0) }.map(drop)
}

/// `madvise(2)`.
///
/// # Safety
/// `MADV_DONTNEED` discards the contents of the range.
pub unsafe fn madvise(addr: usize, len: usize, advice: usize) -> SysResult<()> {
    // SAFETY: passed on to the caller.
    unsafe { call3(nr::MADVISE, addr, len, advice) }.map(drop)
}

/// `mprotect(2)`.
///
/// # Safety
/// Accesses that the new protection forbids fault.
pub unsafe fn mprotect(addr: usize, len: usize, prot: usize) -> SysResult<()> {
    // SAFETY: passed on to the caller.
    unsafe { call3(nr::MPROTECT, addr, len, prot) }.map(drop)
}

/// Reserves address space without access and without commit charge.
pub fn reserve(hint: usize, len: usize) -> SysResult<usize> {
    // SAFETY: a fresh private mapping, nothing is replaced (no MAP_FIXED).
    unsafe {
        mmap(
            hint,
            len,
            PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1,
            0,
        )
    }
}

/// Maps zeroed, readable and writable memory, charged only when touched.
pub fn map_zeroed(len: usize) -> SysResult<usize> {
    // SAFETY: a fresh private mapping, nothing is replaced (no MAP_FIXED).
    unsafe {
        mmap(
            0,
            len,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1,
            0,
        )
    }
}

/// Makes part of a reservation usable (zeroed).
///
/// # Safety
/// The range must lie in a reservation that the caller owns and must not be in use.
pub unsafe fn commit(addr: usize, len: usize) -> SysResult<()> {
    // SAFETY: the caller owns the range.
    unsafe { mprotect(addr, len, PROT_READ | PROT_WRITE) }
}

/// Gives the pages back to the system; they read as zero afterwards.
///
/// # Safety
/// The contents of the range are lost.
pub unsafe fn discard(addr: usize, len: usize) -> SysResult<()> {
    // SAFETY: the caller gave up the contents.
    unsafe { madvise(addr, len, MADV_DONTNEED) }
}

/// The size of a page of the hardware.
pub const OS_PAGE_SIZE: usize = 4096;

/// Resident pages of the range, by `mincore(2)`; counts at most `len / 4096`.
pub fn resident_pages(addr: usize, len: usize) -> usize {
    let mut vector = [0u8; 4096];
    let mut resident = 0;
    let mut done = 0;
    while done < len {
        let step = (len - done).min(vector.len() * OS_PAGE_SIZE);
        // SAFETY: `vector` has a byte for each page of the step; mincore reads no user memory else.
        if unsafe { call3(nr::MINCORE, addr + done, step, vector.as_mut_ptr() as usize) }.is_ok() {
            resident += vector[..step.div_ceil(OS_PAGE_SIZE)]
                .iter()
                .filter(|byte| **byte & 1 != 0)
                .count();
        }
        done += step;
    }
    resident
}
