//! Clocks. The vDSO's `__vdso_clock_gettime` answers without entering the kernel; its address
//! comes from the ELF image that the auxiliary vector names. Without it the system call is used.

use crate::process;
use crate::syscall::{nr, syscall6};
use crate::thread::Timespec;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Wall clock.
pub const CLOCK_REALTIME: usize = 0;
/// Monotonic clock.
pub const CLOCK_MONOTONIC: usize = 1;
/// CPU time of the process.
pub const CLOCK_PROCESS_CPUTIME: usize = 2;
/// CPU time of the thread.
pub const CLOCK_THREAD_CPUTIME: usize = 3;

/// 0: not looked up; 1: absent; else the function.
static VDSO_CLOCK_GETTIME: AtomicUsize = AtomicUsize::new(0);

type ClockGettime = extern "C" fn(usize, *mut Timespec) -> i32;

/// Reads a clock. The vDSO needs a few hundred bytes of stack more than a leaf function.
pub fn clock_gettime(clock: usize) -> Timespec {
    let mut now = Timespec::default();
    let function = match VDSO_CLOCK_GETTIME.load(Ordering::Relaxed) {
        0 => init(),
        function => function,
    };
    if function != 1 {
        // SAFETY: `find` checked that the address is the vDSO's function of this signature.
        let call: ClockGettime =
            unsafe { core::mem::transmute(core::ptr::with_exposed_provenance::<()>(function)) };
        if call(clock, &mut now) == 0 {
            return now;
        }
    }
    // SAFETY: the kernel writes one timespec.
    unsafe {
        syscall6(
            nr::CLOCK_GETTIME,
            clock,
            &mut now as *mut Timespec as usize,
            0,
            0,
            0,
            0,
        )
    };
    now
}

/// Nanoseconds of the monotonic clock.
pub fn nanotime() -> i64 {
    #[cfg(feature = "model")]
    if let Some(kernel) = crate::model::kernel() {
        return (kernel.now)();
    }
    let now = clock_gettime(CLOCK_MONOTONIC);
    now.sec * 1_000_000_000 + now.nsec
}

/// Wall clock: seconds since 1970 and nanoseconds.
pub fn walltime() -> Timespec {
    clock_gettime(CLOCK_REALTIME)
}

/// CPU nanoseconds that the calling thread has used.
pub fn thread_cputime() -> i64 {
    let now = clock_gettime(CLOCK_THREAD_CPUTIME);
    now.sec * 1_000_000_000 + now.nsec
}

/// Time stamp counter.
#[inline(always)]
pub fn cputicks() -> u64 {
    #[cfg(feature = "model")]
    if let Some(kernel) = crate::model::kernel() {
        return (kernel.now)() as u64;
    }
    #[cfg(miri)]
    return nanotime() as u64;
    // SAFETY: rdtsc has no effect on memory.
    #[cfg(not(miri))]
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
}

#[cold]
fn init() -> usize {
    let function = find(process::auxv(process::AT_SYSINFO_EHDR).unwrap_or(0)).unwrap_or(1);
    VDSO_CLOCK_GETTIME.store(function, Ordering::Relaxed);
    function
}

/// Looks the function up in the vDSO image at `base` through its dynamic section.
fn find(base: usize) -> Option<usize> {
    if base == 0 {
        return None;
    }
    // SAFETY: the kernel maps a complete, well-formed ELF image at `base`; every address read in
    // this function is derived from its headers.
    let word = |addr: usize| unsafe { (addr as *const u64).read_unaligned() } as usize;
    // SAFETY: as above.
    let half = |addr: usize| unsafe { (addr as *const u16).read_unaligned() } as usize;
    // SAFETY: as above.
    let int = |addr: usize| unsafe { (addr as *const u32).read_unaligned() } as usize;
    let (phoff, phentsize, phnum) = (word(base + 32), half(base + 54), half(base + 56));
    let (mut load, mut dynamic) = (None, None);
    for index in 0..phnum {
        let header = base + phoff + index * phentsize;
        match int(header) {
            1 if load.is_none() => {
                load = Some(
                    base.wrapping_add(word(header + 8))
                        .wrapping_sub(word(header + 16)),
                )
            }
            2 => dynamic = Some(base + word(header + 8)),
            _ => {}
        }
    }
    let (bias, dynamic) = (load?, dynamic?);
    let (mut strtab, mut symtab, mut hash, mut gnu_hash) = (0, 0, 0, 0);
    let mut entry = dynamic;
    while word(entry) != 0 {
        let value = bias.wrapping_add(word(entry + 8));
        match word(entry) {
            4 => hash = value,
            5 => strtab = value,
            6 => symtab = value,
            0x6fff_fef5 => gnu_hash = value,
            _ => {}
        }
        entry += 16;
    }
    if strtab == 0 || symtab == 0 {
        return None;
    }
    let count = if hash != 0 {
        int(hash + 4)
    } else if gnu_hash != 0 {
        gnu_hash_symbols(gnu_hash)
    } else {
        return None;
    };
    let name = b"__vdso_clock_gettime\0";
    for index in 0..count {
        let symbol = symtab + index * 24;
        let at = strtab + int(symbol);
        // SAFETY: names in the string table end with a zero, so the comparison stops in time.
        let same = (0..name.len()).all(|i| unsafe { *((at + i) as *const u8) } == name[i]);
        if same && half(symbol + 6) != 0 {
            return Some(bias.wrapping_add(word(symbol + 8)));
        }
    }
    None
}

/// Number of symbols that a GNU hash table covers.
fn gnu_hash_symbols(table: usize) -> usize {
    // SAFETY: the table is part of the vDSO image.
    let int = |addr: usize| unsafe { (addr as *const u32).read_unaligned() } as usize;
    let (buckets, first, bloom) = (int(table), int(table + 4), int(table + 8));
    let bucket_base = table + 16 + bloom * 8;
    let chains = bucket_base + buckets * 4;
    let mut last = (0..buckets)
        .map(|b| int(bucket_base + b * 4))
        .max()
        .unwrap_or(0);
    if last < first {
        return first;
    }
    while int(chains + (last - first) * 4) & 1 == 0 {
        last += 1;
    }
    last + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_clock_does_not_go_back() {
        let mut last = nanotime();
        for _ in 0..1000 {
            let now = nanotime();
            assert!(now >= last);
            last = now;
        }
        assert!(walltime().sec > 1_600_000_000);
        assert!(thread_cputime() > 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "needs the vDSO")]
    fn vdso_function_is_found_and_agrees_with_the_kernel() {
        // Read the auxiliary vector as the kernel exports it: the test process has libc's entry.
        let bytes = std::fs::read("/proc/self/auxv").unwrap();
        let words: Vec<usize> = bytes
            .chunks(8)
            .map(|c| usize::from_ne_bytes(c.try_into().unwrap()))
            .collect();
        let base = words
            .chunks(2)
            .find(|pair| pair[0] == process::AT_SYSINFO_EHDR)
            .map(|pair| pair[1]);
        let Some(base) = base else { return };
        let function = find(base).expect("vDSO without clock_gettime");
        // SAFETY: found in the vDSO.
        let call: ClockGettime = unsafe { core::mem::transmute(function) };
        let (mut ours, mut kernel) = (Timespec::default(), Timespec::default());
        assert_eq!(call(CLOCK_REALTIME, &mut ours), 0);
        // SAFETY: the kernel writes one timespec.
        unsafe {
            syscall6(
                nr::CLOCK_GETTIME,
                CLOCK_REALTIME,
                &mut kernel as *mut Timespec as usize,
                0,
                0,
                0,
                0,
            )
        };
        assert!((kernel.sec - ours.sec).abs() <= 5);
    }
}
