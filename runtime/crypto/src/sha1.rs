//! SHA-1 (FIPS 180-4) over whole blocks.

use core::arch::x86_64::*;

use crate::{blocks, load128};

/// With the SHA extensions: four rounds per step.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub fn update_ni(state: &mut [u32; 5], data: &[u8]) {
    let swap = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let pointer: *mut __m128i = state.as_mut_ptr().cast();
    // SAFETY: the state begins with four words.
    let mut abcd = _mm_shuffle_epi32(unsafe { _mm_loadu_si128(pointer) }, 0x1b);
    let mut e = _mm_set_epi32(state[4] as i32, 0, 0, 0);
    for block in blocks::<64>(data) {
        let (abcd_before, e_before) = (abcd, e);
        let words = blocks::<16>(block);
        let mut w: [__m128i; 4] =
            core::array::from_fn(|i| _mm_shuffle_epi8(load128(&words[i]), swap));
        let mut a_before = abcd;
        abcd = _mm_sha1rnds4_epu32(abcd, _mm_add_epi32(e, w[0]), 0);
        macro_rules! rounds {
            ($w:expr, $f:literal) => {{
                let next = _mm_sha1nexte_epu32(a_before, $w);
                a_before = abcd;
                abcd = _mm_sha1rnds4_epu32(abcd, next, $f);
            }};
        }
        macro_rules! extended {
            ($a:literal, $b:literal, $c:literal, $d:literal, $f:literal) => {
                w[$a] = _mm_sha1msg2_epu32(
                    _mm_xor_si128(_mm_sha1msg1_epu32(w[$a], w[$b]), w[$c]),
                    w[$d],
                );
                rounds!(w[$a], $f);
            };
        }
        rounds!(w[1], 0);
        rounds!(w[2], 0);
        rounds!(w[3], 0);
        extended!(0, 1, 2, 3, 0);
        extended!(1, 2, 3, 0, 1);
        extended!(2, 3, 0, 1, 1);
        extended!(3, 0, 1, 2, 1);
        extended!(0, 1, 2, 3, 1);
        extended!(1, 2, 3, 0, 1);
        extended!(2, 3, 0, 1, 2);
        extended!(3, 0, 1, 2, 2);
        extended!(0, 1, 2, 3, 2);
        extended!(1, 2, 3, 0, 2);
        extended!(2, 3, 0, 1, 2);
        extended!(3, 0, 1, 2, 3);
        extended!(0, 1, 2, 3, 3);
        extended!(1, 2, 3, 0, 3);
        extended!(2, 3, 0, 1, 3);
        extended!(3, 0, 1, 2, 3);
        e = _mm_sha1nexte_epu32(a_before, e_before);
        abcd = _mm_add_epi32(abcd, abcd_before);
    }
    // SAFETY: as above.
    unsafe { _mm_storeu_si128(pointer, _mm_shuffle_epi32(abcd, 0x1b)) };
    state[4] = _mm_extract_epi32(e, 3) as u32;
}

/// With the three-operand shifts of BMI2.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "bmi1,bmi2")]
pub fn update_bmi2(state: &mut [u32; 5], data: &[u8]) {
    update(state, data);
}

/// Portable.
#[inline(always)]
pub fn update(state: &mut [u32; 5], data: &[u8]) {
    for block in blocks::<64>(data) {
        let mut w = [0u32; 16];
        for (word, bytes) in w.iter_mut().zip(blocks::<4>(block)) {
            *word = u32::from_be_bytes(*bytes);
        }
        let mut s = *state;
        macro_rules! rounds {
            ($range:expr, $k:literal, $f:expr) => {
                for i in $range {
                    if i >= 16 {
                        w[i % 16] =
                            (w[(i + 13) % 16] ^ w[(i + 8) % 16] ^ w[(i + 2) % 16] ^ w[i % 16])
                                .rotate_left(1);
                    }
                    let [a, b, c, d, e] = s;
                    let f: fn(u32, u32, u32) -> u32 = $f;
                    let sum = a
                        .rotate_left(5)
                        .wrapping_add(f(b, c, d))
                        .wrapping_add(e)
                        .wrapping_add($k)
                        .wrapping_add(w[i % 16]);
                    s = [sum, a, b.rotate_left(30), c, d];
                }
            };
        }
        rounds!(0..20, 0x5a827999, |b, c, d| (b & c) | (!b & d));
        rounds!(20..40, 0x6ed9eba1, |b, c, d| b ^ c ^ d);
        rounds!(40..60, 0x8f1bbcdc, |b, c, d| (b & c) | (b & d) | (c & d));
        rounds!(60..80, 0xca62c1d6, |b, c, d| b ^ c ^ d);
        for (old, new) in state.iter_mut().zip(s) {
            *old = old.wrapping_add(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: [u32; 5] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

    #[test]
    fn the_digest_of_abc() {
        let mut block = [0u8; 64];
        block[..4].copy_from_slice(b"abc\x80");
        block[63] = 24;
        let mut state = START;
        update(&mut state, &block);
        assert_eq!(
            state,
            [0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d]
        );
    }

    #[test]
    fn all_forms_agree() {
        let data: Vec<u8> = (0..64 * 9).map(|i| (i * i / 7) as u8).collect();
        for count in 0..9 {
            let mut want = START;
            update(&mut want, &data[..count * 64]);
            if std::is_x86_feature_detected!("sha") {
                let mut state = START;
                // SAFETY: just detected; x86-64-v2 has the others.
                unsafe { update_ni(&mut state, &data[..count * 64]) };
                assert_eq!(state, want);
            }
        }
    }
}
