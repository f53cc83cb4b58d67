//! SHA-256 (FIPS 180-4) over whole blocks.

use core::arch::x86_64::*;

use crate::{blocks, load128};

/// Round constants.
static K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// With the SHA extensions: four rounds per step, the state as the registers that the instructions want.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub fn update_ni(state: &mut [u32; 8], data: &[u8]) {
    let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let pointer: *mut __m128i = state.as_mut_ptr().cast();
    // SAFETY: the state is two vectors long.
    let (abcd, efgh) = unsafe { (_mm_loadu_si128(pointer), _mm_loadu_si128(pointer.add(1))) };
    let cdab = _mm_shuffle_epi32(abcd, 0xb1);
    let hgfe = _mm_shuffle_epi32(efgh, 0x1b);
    let mut abef = _mm_alignr_epi8(cdab, hgfe, 8);
    let mut cdgh = _mm_blend_epi16(hgfe, cdab, 0xf0);
    for block in blocks::<64>(data) {
        let (abef_before, cdgh_before) = (abef, cdgh);
        let words = blocks::<16>(block);
        let mut w: [__m128i; 4] =
            core::array::from_fn(|i| _mm_shuffle_epi8(load128(&words[i]), swap));
        macro_rules! rounds {
            ($step:literal, $w:expr) => {{
                // SAFETY: 64 constants, 16 steps of four.
                let k = unsafe { _mm_loadu_si128(K.as_ptr().add($step * 4).cast()) };
                let wk = _mm_add_epi32($w, k);
                cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
                abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
            }};
        }
        macro_rules! extend {
            ($a:literal, $b:literal, $c:literal, $d:literal) => {
                w[$a] = _mm_sha256msg2_epu32(
                    _mm_add_epi32(
                        _mm_sha256msg1_epu32(w[$a], w[$b]),
                        _mm_alignr_epi8(w[$d], w[$c], 4),
                    ),
                    w[$d],
                )
            };
        }
        rounds!(0, w[0]);
        rounds!(1, w[1]);
        rounds!(2, w[2]);
        rounds!(3, w[3]);
        macro_rules! four_steps {
            ($a:literal, $b:literal, $c:literal, $d:literal) => {
                extend!(0, 1, 2, 3);
                rounds!($a, w[0]);
                extend!(1, 2, 3, 0);
                rounds!($b, w[1]);
                extend!(2, 3, 0, 1);
                rounds!($c, w[2]);
                extend!(3, 0, 1, 2);
                rounds!($d, w[3]);
            };
        }
        four_steps!(4, 5, 6, 7);
        four_steps!(8, 9, 10, 11);
        four_steps!(12, 13, 14, 15);
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    let feba = _mm_shuffle_epi32(abef, 0x1b);
    let dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    // SAFETY: as above.
    unsafe {
        _mm_storeu_si128(pointer, _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128(pointer.add(1), _mm_alignr_epi8(dchg, feba, 8));
    }
}

/// With the three-operand shifts of BMI2.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "bmi1,bmi2")]
pub fn update_bmi2(state: &mut [u32; 8], data: &[u8]) {
    update(state, data);
}

/// Portable.
#[inline(always)]
pub fn update(state: &mut [u32; 8], data: &[u8]) {
    for block in blocks::<64>(data) {
        let mut w = [0u32; 16];
        for (word, bytes) in w.iter_mut().zip(blocks::<4>(block)) {
            *word = u32::from_be_bytes(*bytes);
        }
        let mut s = *state;
        for group in 0..4 {
            for i in 0..16 {
                if group > 0 {
                    let (near, far) = (w[(i + 14) % 16], w[(i + 1) % 16]);
                    let s1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
                    let s0 = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
                    w[i] = w[i]
                        .wrapping_add(s0)
                        .wrapping_add(w[(i + 9) % 16])
                        .wrapping_add(s1);
                }
                let [a, b, c, d, e, f, g, h] = s;
                let e1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
                let t1 = h
                    .wrapping_add(e1)
                    .wrapping_add((e & f) ^ (!e & g))
                    .wrapping_add(K[group * 16 + i])
                    .wrapping_add(w[i]);
                let a0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
                let t2 = a0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
                s = [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g];
            }
        }
        for (old, new) in state.iter_mut().zip(s) {
            *old = old.wrapping_add(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: [u32; 8] = [
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
        0x5be0cd19,
    ];

    #[test]
    fn the_digest_of_abc() {
        let mut block = [0u8; 64];
        block[..4].copy_from_slice(b"abc\x80");
        block[63] = 24;
        let mut state = START;
        update(&mut state, &block);
        assert_eq!(
            state,
            [
                0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61,
                0xf20015ad
            ]
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
            if std::is_x86_feature_detected!("bmi2") {
                let mut state = START;
                // SAFETY: just detected.
                unsafe { update_bmi2(&mut state, &data[..count * 64]) };
                assert_eq!(state, want);
            }
        }
    }
}
