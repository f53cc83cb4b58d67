//! The memory routines that rustc and the code generator call by name: `memcpy`, `memmove`,
//! `memset`, `memcmp`, `bcmp`. With the feature `mem` they carry those names, for an image
//! without libc; the implementations are always compiled and tested under their own.
//!
//! Method: up to 16 bytes by two overlapping moves of the largest power of two; up to 256 bytes
//! by 16-byte SSE moves, tail overlapping; above 2 KiB by `rep movsb`/`stosb`, which is the
//! fastest way on every processor with ERMS (all since 2013) and correct on the others; between
//! these by a loop of 64 bytes. Overlapping moves load everything before they store or run
//! backwards. None of them touches the heap's bitmaps: write barriers are the caller's.

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8, _mm_storeu_si128,
};

/// Above this many bytes the string instructions win (Miri runs none).
const REP_THRESHOLD: usize = if cfg!(miri) { usize::MAX } else { 2048 };

/// Keeps LLVM from recognising the loops as the very routines that they implement.
#[inline(always)]
fn no_idiom() {
    // SAFETY: no instruction at all.
    #[cfg(not(miri))]
    unsafe {
        asm!("", options(nostack, preserves_flags))
    };
}

macro_rules! pair {
    ($ty:ty, $dst:ident, $src:ident, $n:ident) => {{
        let head = ($src as *const $ty).read_unaligned();
        let tail = ($src.add($n - size_of::<$ty>()) as *const $ty).read_unaligned();
        ($dst as *mut $ty).write_unaligned(head);
        ($dst.add($n - size_of::<$ty>()) as *mut $ty).write_unaligned(tail);
    }};
}

/// Copies up to 32 bytes; the ranges may overlap (everything is loaded before the first store).
///
/// # Safety
/// `n <= 32` bytes must be valid at both places.
#[inline(always)]
unsafe fn move_small(dst: *mut u8, src: *const u8, n: usize) {
    // SAFETY: both accesses of each pair lie within the n bytes.
    unsafe {
        if n >= 16 {
            let head = _mm_loadu_si128(src.cast());
            let tail = _mm_loadu_si128(src.add(n - 16).cast());
            _mm_storeu_si128(dst.cast(), head);
            _mm_storeu_si128(dst.add(n - 16).cast(), tail);
        } else if n >= 8 {
            pair!(u64, dst, src, n)
        } else if n >= 4 {
            pair!(u32, dst, src, n)
        } else if n >= 2 {
            pair!(u16, dst, src, n)
        } else if n == 1 {
            *dst = *src;
        }
    }
}

/// `memcpy`: the ranges do not overlap.
///
/// # Safety
/// `n` bytes must be valid at both places.
#[inline(always)]
pub unsafe fn copy(dst: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: all accesses lie within the n bytes.
    unsafe {
        if n <= 32 {
            move_small(dst, src, n);
        } else if n < REP_THRESHOLD {
            copy_forward(dst, src, n);
        } else {
            asm!("rep movsb", inout("rcx") n => _, inout("rdi") dst => _, inout("rsi") src => _, options(nostack, preserves_flags));
        }
    }
    dst
}

/// Copies `n > 32` bytes from low to high; correct also when `dst < src` overlap, because the
/// tail is loaded first and each block is loaded before it is stored.
///
/// # Safety
/// As [`copy`].
#[inline(always)]
unsafe fn copy_forward(dst: *mut u8, src: *const u8, n: usize) {
    // SAFETY: the loop stays 64 (then 16) bytes below n; the tail covers the last 16.
    unsafe {
        let tail = _mm_loadu_si128(src.add(n - 16).cast());
        let mut i = 0;
        while i + 64 <= n {
            let (from, to) = (src.add(i), dst.add(i));
            let a = _mm_loadu_si128(from.cast());
            let b = _mm_loadu_si128(from.add(16).cast());
            let c = _mm_loadu_si128(from.add(32).cast());
            let d = _mm_loadu_si128(from.add(48).cast());
            _mm_storeu_si128(to.cast(), a);
            _mm_storeu_si128(to.add(16).cast(), b);
            _mm_storeu_si128(to.add(32).cast(), c);
            _mm_storeu_si128(to.add(48).cast(), d);
            no_idiom();
            i += 64;
        }
        while i + 16 <= n {
            let block = _mm_loadu_si128(src.add(i).cast());
            _mm_storeu_si128(dst.add(i).cast(), block);
            i += 16;
        }
        _mm_storeu_si128(dst.add(n - 16).cast(), tail);
    }
}

/// Copies `n > 32` bytes from high to low, for `src < dst` overlap.
///
/// # Safety
/// As [`copy`].
unsafe fn copy_backward(dst: *mut u8, src: *const u8, n: usize) {
    // SAFETY: the loops stay within [0, n); the head covers the first 16.
    unsafe {
        let head = _mm_loadu_si128(src.cast());
        let mut i = n;
        while i >= 64 {
            let (from, to) = (src.add(i - 64), dst.add(i - 64));
            let a = _mm_loadu_si128(from.cast());
            let b = _mm_loadu_si128(from.add(16).cast());
            let c = _mm_loadu_si128(from.add(32).cast());
            let d = _mm_loadu_si128(from.add(48).cast());
            _mm_storeu_si128(to.add(48).cast(), d);
            _mm_storeu_si128(to.add(32).cast(), c);
            _mm_storeu_si128(to.add(16).cast(), b);
            _mm_storeu_si128(to.cast(), a);
            no_idiom();
            i -= 64;
        }
        while i >= 16 {
            let block = _mm_loadu_si128(src.add(i - 16).cast());
            _mm_storeu_si128(dst.add(i - 16).cast(), block);
            i -= 16;
        }
        _mm_storeu_si128(dst.cast(), head);
    }
}

/// `memmove`: the ranges may overlap.
///
/// # Safety
/// `n` bytes must be valid at both places.
#[inline(always)]
pub unsafe fn copy_overlapping(dst: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: all accesses lie within the n bytes; directions chosen by the overlap.
    unsafe {
        if n <= 32 {
            move_small(dst, src, n);
        } else if (dst as usize).wrapping_sub(src as usize) >= n {
            // dst below src, or no overlap. Forward string moves with a small positive distance
            // are slow microcode, so they are used for disjoint ranges only.
            if n < REP_THRESHOLD || (src as usize).wrapping_sub(dst as usize) < n {
                copy_forward(dst, src, n);
            } else {
                return copy(dst, src, n);
            }
        } else if !core::ptr::eq(dst, src) {
            copy_backward(dst, src, n);
        }
    }
    dst
}

/// `memset`.
///
/// # Safety
/// `n` bytes must be writable at `dst`.
#[inline(always)]
pub unsafe fn fill(dst: *mut u8, value: u8, n: usize) -> *mut u8 {
    // SAFETY: all accesses lie within the n bytes.
    unsafe {
        if n < 16 {
            let wide = (value as u64).wrapping_mul(0x0101_0101_0101_0101);
            if n >= 8 {
                (dst as *mut u64).write_unaligned(wide);
                (dst.add(n - 8) as *mut u64).write_unaligned(wide);
            } else if n >= 4 {
                (dst as *mut u32).write_unaligned(wide as u32);
                (dst.add(n - 4) as *mut u32).write_unaligned(wide as u32);
            } else if n >= 2 {
                (dst as *mut u16).write_unaligned(wide as u16);
                (dst.add(n - 2) as *mut u16).write_unaligned(wide as u16);
            } else if n == 1 {
                *dst = value;
            }
        } else if n < REP_THRESHOLD {
            let block = _mm_set1_epi8(value as i8);
            let mut i = 0;
            while i + 64 <= n {
                let to = dst.add(i);
                _mm_storeu_si128(to.cast(), block);
                _mm_storeu_si128(to.add(16).cast(), block);
                _mm_storeu_si128(to.add(32).cast(), block);
                _mm_storeu_si128(to.add(48).cast(), block);
                no_idiom();
                i += 64;
            }
            while i + 16 <= n {
                _mm_storeu_si128(dst.add(i).cast(), block);
                i += 16;
            }
            _mm_storeu_si128(dst.add(n - 16).cast(), block);
        } else {
            asm!("rep stosb", inout("rcx") n => _, inout("rdi") dst => _, in("al") value, options(nostack, preserves_flags));
        }
    }
    dst
}

/// `memcmp`.
///
/// # Safety
/// `n` bytes must be readable at both places.
#[inline(always)]
pub unsafe fn compare(a: *const u8, b: *const u8, n: usize) -> i32 {
    let mut i = 0;
    // SAFETY: all accesses lie within the n bytes.
    unsafe {
        while i + 16 <= n {
            let x: __m128i = _mm_loadu_si128(a.add(i).cast());
            let y: __m128i = _mm_loadu_si128(b.add(i).cast());
            let equal = _mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) as u32;
            if equal != 0xffff {
                let at = i + (!equal).trailing_zeros() as usize;
                return *a.add(at) as i32 - *b.add(at) as i32;
            }
            i += 16;
        }
        if i + 8 <= n {
            let x = u64::from_be_bytes((a.add(i) as *const [u8; 8]).read());
            let y = u64::from_be_bytes((b.add(i) as *const [u8; 8]).read());
            if x != y {
                return if x < y { -1 } else { 1 };
            }
            i += 8;
        }
        while i < n {
            let difference = *a.add(i) as i32 - *b.add(i) as i32;
            if difference != 0 {
                return difference;
            }
            i += 1;
        }
    }
    0
}

#[cfg(feature = "mem")]
mod symbols {
    /// C's `memcpy`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(dst: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: C's contract.
        unsafe { super::copy(dst, src, n) }
    }
    /// C's `memmove`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(dst: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: C's contract.
        unsafe { super::copy_overlapping(dst, src, n) }
    }
    /// C's `memset`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(dst: *mut u8, value: i32, n: usize) -> *mut u8 {
        // SAFETY: C's contract.
        unsafe { super::fill(dst, value as u8, n) }
    }
    /// C's `memcmp`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
        // SAFETY: C's contract.
        unsafe { super::compare(a, b, n) }
    }
    /// BSD's `bcmp`: only zero or not matters.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
        // SAFETY: C's contract.
        unsafe { super::compare(a, b, n) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    /// Miri takes minutes for the long ones, which have no path of their own there.
    const SIZES: &[usize] = if cfg!(miri) {
        &[0, 1, 3, 8, 15, 16, 31, 33, 65, 127, 200]
    } else {
        &[
            0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 200, 255, 1000, 2047,
            2048, 5000,
        ]
    };

    #[test]
    fn copies_and_fills_touch_exactly_their_bytes() {
        for &n in SIZES {
            let src = pattern(n + 2);
            let mut dst = vec![0xee; n + 2];
            // SAFETY: one byte of margin on both sides.
            unsafe { copy(dst.as_mut_ptr().add(1), src.as_ptr().add(1), n) };
            assert_eq!((dst[0], dst[n + 1]), (0xee, 0xee));
            assert_eq!(dst[1..=n], src[1..=n], "{n}");
            // SAFETY: as above.
            unsafe { fill(dst.as_mut_ptr().add(1), 0x5a, n) };
            assert_eq!((dst[0], dst[n + 1]), (0xee, 0xee));
            assert!(dst[1..=n].iter().all(|b| *b == 0x5a), "{n}");
        }
    }

    #[test]
    fn overlapping_moves_agree_with_a_copy() {
        let far = if cfg!(miri) { 101 } else { 3000 };
        for &n in SIZES {
            for distance in [0usize, 1, 7, 8, 15, 16, 17, 40, 63, 64, 100, far] {
                for up in [false, true] {
                    let mut buf = pattern(n + distance);
                    let (from, to) = if up { (0, distance) } else { (distance, 0) };
                    let mut want = buf.clone();
                    want.copy_within(from..from + n, to);
                    let base = buf.as_mut_ptr();
                    // SAFETY: both ranges lie in the buffer.
                    unsafe { copy_overlapping(base.add(to), base.add(from), n) };
                    assert!(buf == want, "n {n} distance {distance} up {up}");
                }
            }
        }
    }

    #[test]
    fn comparison_orders_as_slices_do() {
        for &n in SIZES {
            let a = pattern(n);
            for at in (0..n).step_by(n / 9 + 1) {
                let mut b = a.clone();
                b[at] ^= 0x81;
                // SAFETY: both have n bytes.
                let got = unsafe { compare(a.as_ptr(), b.as_ptr(), n) };
                assert_eq!(got.cmp(&0), a.cmp(&b), "n {n} at {at}");
            }
            // SAFETY: both have n bytes.
            assert_eq!(unsafe { compare(a.as_ptr(), a.clone().as_ptr(), n) }, 0);
        }
    }
}
