//! Hashes, comparison and searching of bytes (leaf functions).

use core::arch::x86_64::*;

/// Folded 64x64 -> 128 bit multiplication.
#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;
const K2: u64 = 0x8ebc_6af0_9c88_c6e3;
const K3: u64 = 0x5899_65cc_7537_4cc3;

/// Per-process secret, so that hash values are not predictable.
static SECRET: [core::sync::atomic::AtomicU64; 2] =
    [const { core::sync::atomic::AtomicU64::new(0) }; 2];

/// Draws the secret. Once, at start.
pub fn init_secret(a: u64, b: u64) {
    SECRET[0].store(a | 1, core::sync::atomic::Ordering::Relaxed);
    SECRET[1].store(b | 1, core::sync::atomic::Ordering::Relaxed);
}

#[inline(always)]
fn secret(index: usize) -> u64 {
    SECRET[index].load(core::sync::atomic::Ordering::Relaxed)
}

#[inline(always)]
unsafe fn read8(at: *const u8) -> u64 {
    // SAFETY: the caller's bytes.
    unsafe { (at as *const u64).read_unaligned() }
}

#[inline(always)]
unsafe fn read4(at: *const u8) -> u64 {
    // SAFETY: the caller's bytes.
    unsafe { (at as *const u32).read_unaligned() as u64 }
}

/// The multiply-and-fold construction of wyhash: 48 bytes a round in three independent lanes, tails by overlapping reads.
extern "C" fn memhash(at: *const u8, seed: u64, len: usize) -> u64 {
    let mut seed = seed ^ secret(0) ^ K0;
    // SAFETY: every read below lies within the `len` bytes.
    unsafe {
        let (a, b);
        if len <= 16 {
            if len >= 4 {
                let quarter = len >> 3 << 2;
                a = read4(at) << 32 | read4(at.add(quarter));
                b = read4(at.add(len - 4)) << 32 | read4(at.add(len - 4 - quarter));
            } else if len > 0 {
                a = (*at as u64) << 16 | (*at.add(len >> 1) as u64) << 8 | *at.add(len - 1) as u64;
                b = 0;
            } else {
                a = 0;
                b = 0;
            }
        } else {
            let mut rest = len;
            let mut p = at;
            if rest > 48 {
                let (mut lane1, mut lane2) = (seed, seed);
                while rest > 48 {
                    seed = mix(read8(p) ^ K1, read8(p.add(8)) ^ seed);
                    lane1 = mix(read8(p.add(16)) ^ K2, read8(p.add(24)) ^ lane1);
                    lane2 = mix(read8(p.add(32)) ^ K3, read8(p.add(40)) ^ lane2);
                    p = p.add(48);
                    rest -= 48;
                }
                seed ^= lane1 ^ lane2;
            }
            while rest > 16 {
                seed = mix(read8(p) ^ K1, read8(p.add(8)) ^ seed);
                p = p.add(16);
                rest -= 16;
            }
            a = read8(p.add(rest).sub(16));
            b = read8(p.add(rest).sub(8));
        }
        mix(secret(1) ^ len as u64, mix(a ^ K1, b ^ seed))
    }
}

extern "C" fn memhash32_value(key: u32, seed: u64) -> u64 {
    mix(
        secret(1) ^ 4,
        mix(key as u64 ^ K1 ^ (key as u64) << 32, seed ^ secret(0) ^ K0),
    )
}

extern "C" fn memhash64_value(key: u64, seed: u64) -> u64 {
    mix(secret(1) ^ 8, mix(key ^ K1, seed ^ secret(0) ^ K0))
}

extern "C" fn memhash32(at: *const u32, seed: u64) -> u64 {
    // SAFETY: Go's key.
    memhash32_value(unsafe { at.read_unaligned() }, seed)
}

extern "C" fn memhash64(at: *const u64, seed: u64) -> u64 {
    // SAFETY: Go's key.
    memhash64_value(unsafe { at.read_unaligned() }, seed)
}

extern "C" fn strhash(at: *const [usize; 2], seed: u64) -> u64 {
    // SAFETY: the address of a Go string.
    let [data, len] = unsafe { *at };
    memhash(data as *const u8, seed, len)
}

extern "C" fn yes() -> bool {
    true
}

/// First index of a byte, or -1.
///
/// # Safety
/// `len` bytes at `at`.
#[inline(always)]
unsafe fn index_byte(at: *const u8, len: usize, byte: u8) -> isize {
    // SAFETY: vector reads stay within the bytes (the last one overlaps what was searched already).
    unsafe {
        if len < 16 {
            for index in 0..len {
                if *at.add(index) == byte {
                    return index as isize;
                }
            }
            return -1;
        }
        let needle = _mm_set1_epi8(byte as i8);
        let mut index = 0;
        loop {
            let found = _mm_movemask_epi8(_mm_cmpeq_epi8(
                _mm_loadu_si128(at.add(index).cast()),
                needle,
            ));
            if found != 0 {
                return index as isize + found.trailing_zeros() as isize;
            }
            index += 16;
            if index + 16 > len {
                if index == len {
                    return -1;
                }
                index = len - 16;
            }
        }
    }
}

extern "C" fn index_byte_slice(at: *const u8, len: usize, _cap: usize, byte: u8) -> isize {
    // SAFETY: a Go slice.
    unsafe { index_byte(at, len, byte) }
}

extern "C" fn index_byte_string(at: *const u8, len: usize, byte: u8) -> isize {
    // SAFETY: a Go string.
    unsafe { index_byte(at, len, byte) }
}

unsafe fn count(at: *const u8, len: usize, byte: u8) -> usize {
    // SAFETY: reads stay within the bytes.
    unsafe {
        let needle = _mm_set1_epi8(byte as i8);
        let (mut total, mut index) = (0usize, 0);
        while index + 16 <= len {
            let found = _mm_movemask_epi8(_mm_cmpeq_epi8(
                _mm_loadu_si128(at.add(index).cast()),
                needle,
            ));
            total += found.count_ones() as usize;
            index += 16;
        }
        while index < len {
            total += (*at.add(index) == byte) as usize;
            index += 1;
        }
        total
    }
}

extern "C" fn count_slice(at: *const u8, len: usize, _cap: usize, byte: u8) -> usize {
    // SAFETY: a Go slice.
    unsafe { count(at, len, byte) }
}

extern "C" fn count_string(at: *const u8, len: usize, byte: u8) -> usize {
    // SAFETY: a Go string.
    unsafe { count(at, len, byte) }
}

unsafe fn compare(a: *const u8, a_len: usize, b: *const u8, b_len: usize) -> isize {
    let common = a_len.min(b_len);
    let order = if core::ptr::eq(a, b) {
        0
    } else {
        // SAFETY: both have `common` bytes.
        unsafe { rt_os::memops::compare(a, b, common) }
    };
    if order != 0 {
        (order > 0) as isize - (order < 0) as isize
    } else {
        (a_len > b_len) as isize - (a_len < b_len) as isize
    }
}

extern "C" fn compare_slice(
    a: *const u8,
    a_len: usize,
    _a_cap: usize,
    b: *const u8,
    b_len: usize,
) -> isize {
    // SAFETY: Go slices.
    unsafe { compare(a, a_len, b, b_len) }
}

extern "C" fn compare_string(a: *const u8, a_len: usize, b: *const u8, b_len: usize) -> isize {
    // SAFETY: Go strings.
    unsafe { compare(a, a_len, b, b_len) }
}

/// Substring search: candidates by first and last byte, 16 positions at a time, then a comparison. Quadratic only for texts made for it; std
/// calls it for short needles.
unsafe fn index(at: *const u8, len: usize, needle: *const u8, needle_len: usize) -> isize {
    // SAFETY: reads stay within both ranges.
    unsafe {
        if needle_len == 0 {
            return 0;
        }
        if needle_len > len {
            return -1;
        }
        if needle_len == 1 {
            return index_byte(at, len, *needle);
        }
        let last = needle_len - 1;
        let (first_byte, last_byte) = (
            _mm_set1_epi8(*needle as i8),
            _mm_set1_epi8(*needle.add(last) as i8),
        );
        let positions = len - last;
        let mut position = 0;
        while position + 16 <= positions {
            let heads = _mm_cmpeq_epi8(_mm_loadu_si128(at.add(position).cast()), first_byte);
            let tails = _mm_cmpeq_epi8(_mm_loadu_si128(at.add(position + last).cast()), last_byte);
            let mut found = _mm_movemask_epi8(_mm_and_si128(heads, tails)) as u32;
            while found != 0 {
                let candidate = position + found.trailing_zeros() as usize;
                if rt_os::memops::compare(at.add(candidate + 1), needle.add(1), last) == 0 {
                    return candidate as isize;
                }
                found &= found - 1;
            }
            position += 16;
        }
        while position < positions {
            if *at.add(position) == *needle
                && rt_os::memops::compare(at.add(position + 1), needle.add(1), last) == 0
            {
                return position as isize;
            }
            position += 1;
        }
        -1
    }
}

extern "C" fn index_slice(
    at: *const u8,
    len: usize,
    _cap: usize,
    needle: *const u8,
    needle_len: usize,
) -> isize {
    // SAFETY: Go slices.
    unsafe { index(at, len, needle, needle_len) }
}

extern "C" fn index_string(
    at: *const u8,
    len: usize,
    needle: *const u8,
    needle_len: usize,
) -> isize {
    // SAFETY: Go strings.
    unsafe { index(at, len, needle, needle_len) }
}

rt_sched::jump_stubs! {
    "runtime.memhash", "internal/runtime/maps.memHashAES" => memhash;
    "internal/runtime/maps.memHash32AES" => memhash32_value;
    "internal/runtime/maps.memHash64AES" => memhash64_value;
    "internal/runtime/maps.checkMasksAndShiftsAlignment" => yes;
    "runtime.memhash32" => memhash32;
    "runtime.memhash64" => memhash64;
    "runtime.strhash" => strhash;
    "internal/bytealg.IndexByte" => index_byte_slice;
    "internal/bytealg.IndexByteString" => index_byte_string;
    "internal/bytealg.Count" => count_slice;
    "internal/bytealg.CountString" => count_string;
    "internal/bytealg.Compare" => compare_slice;
    "internal/bytealg.CompareString", "runtime.cmpstring" => compare_string;
    "internal/bytealg.Index" => index_slice;
    "internal/bytealg.IndexString" => index_string;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive_index(text: &[u8], needle: &[u8]) -> isize {
        if needle.is_empty() {
            return 0;
        }
        text.windows(needle.len())
            .position(|window| window == needle)
            .map_or(-1, |at| at as isize)
    }

    #[test]
    fn searches_agree_with_naive_ones() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            state >> 24
        };
        for len in 0..200 {
            let text: Vec<u8> = (0..len).map(|_| b'a' + (next() % 3) as u8).collect();
            for byte in b'a'..=b'd' {
                let expected = text
                    .iter()
                    .position(|b| *b == byte)
                    .map_or(-1, |at| at as isize);
                assert_eq!(index_byte_slice(text.as_ptr(), len, len, byte), expected);
                assert_eq!(
                    count_slice(text.as_ptr(), len, len, byte),
                    text.iter().filter(|b| **b == byte).count()
                );
            }
            for needle_len in 0..8 {
                let needle: Vec<u8> = (0..needle_len).map(|_| b'a' + (next() % 3) as u8).collect();
                assert_eq!(
                    index_string(text.as_ptr(), len, needle.as_ptr(), needle_len),
                    naive_index(&text, &needle),
                    "{text:?} {needle:?}"
                );
                let order = text.as_slice().cmp(&needle) as isize;
                assert_eq!(
                    compare_string(text.as_ptr(), len, needle.as_ptr(), needle_len),
                    order
                );
            }
        }
    }

    #[test]
    fn hash_depends_on_every_byte_and_on_length_and_seed() {
        init_secret(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
        let base: Vec<u8> = (0..200u8).collect();
        let mut seen = std::collections::HashSet::new();
        for len in 0..200 {
            assert!(seen.insert(memhash(base.as_ptr(), 7, len)), "length {len}");
            for at in 0..len {
                let mut changed = base[..len].to_vec();
                changed[at] ^= 1;
                assert_ne!(
                    memhash(changed.as_ptr(), 7, len),
                    memhash(base.as_ptr(), 7, len),
                    "length {len}, byte {at}"
                );
            }
            assert_ne!(
                memhash(base.as_ptr(), 8, len),
                memhash(base.as_ptr(), 7, len)
            );
        }
    }
}
