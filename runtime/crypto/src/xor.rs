//! XOR of byte ranges.

use core::arch::x86_64::*;

/// `dst[i] = a[i] ^ b[i]` for `len` bytes. `dst` may be exactly `a` or `b`.
///
/// # Safety
/// All three have `len` bytes.
pub unsafe extern "C" fn xor_bytes(dst: *mut u8, a: *const u8, b: *const u8, len: usize) {
    let mut at = 0;
    // SAFETY: every access is below `len`.
    unsafe {
        while at + 16 <= len {
            let x = _mm_loadu_si128(a.add(at).cast());
            let y = _mm_loadu_si128(b.add(at).cast());
            _mm_storeu_si128(dst.add(at).cast(), _mm_xor_si128(x, y));
            at += 16;
        }
        if at + 8 <= len {
            let x: u64 = a.add(at).cast::<u64>().read_unaligned();
            let y: u64 = b.add(at).cast::<u64>().read_unaligned();
            dst.add(at).cast::<u64>().write_unaligned(x ^ y);
            at += 8;
        }
        while at < len {
            *dst.add(at) = *a.add(at) ^ *b.add(at);
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length() {
        let a: Vec<u8> = (0..100).collect();
        let b: Vec<u8> = (0..100).map(|i| (i * 7 + 3) as u8).collect();
        for len in 0..100 {
            let mut out = vec![0xaa; 100];
            // SAFETY: vectors of 100 bytes.
            unsafe { xor_bytes(out.as_mut_ptr(), a.as_ptr(), b.as_ptr(), len) };
            for i in 0..100 {
                assert_eq!(out[i], if i < len { a[i] ^ b[i] } else { 0xaa });
            }
        }
    }
}
