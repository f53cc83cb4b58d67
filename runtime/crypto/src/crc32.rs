//! CRC-32 by carry-less multiplication and by the instruction of SSE4.2.

use core::arch::x86_64::*;

use crate::{blocks, load128};

/// CRC-32 with the IEEE polynomial, bit-reflected, without the inversions before and after. The length is a multiple of 16 and at least 64.
///
/// Folding as in V. Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009); the
/// constants are x^n mod P, bit-reflected: n = 4*128+64 and 4*128 (pairs of 512 bits), 128+64 and 128, 64.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "pclmulqdq,sse4.1")]
pub fn ieee_clmul(crc: u32, data: &[u8]) -> u32 {
    let lanes = blocks::<16>(data);
    let (head, mut rest) = lanes.split_at(4);
    let mut x: [__m128i; 4] = core::array::from_fn(|i| load128(&head[i]));
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128(crc as i32));
    let far = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    let near = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    let fold = |x: __m128i, k: __m128i, y: __m128i| {
        let low = _mm_clmulepi64_si128(x, k, 0x00);
        let high = _mm_clmulepi64_si128(x, k, 0x11);
        _mm_xor_si128(_mm_xor_si128(low, high), y)
    };
    while let Some((four, tail)) = rest.split_first_chunk::<4>() {
        for (x, lane) in x.iter_mut().zip(four) {
            *x = fold(*x, far, load128(lane));
        }
        rest = tail;
    }
    let mut one = x[0];
    for x in &x[1..] {
        one = fold(one, near, *x);
    }
    for lane in rest {
        one = fold(one, near, load128(lane));
    }
    // 128 bits to 96, to 64, to 32 (Barrett).
    let low32 = _mm_set_epi32(0, -1, 0, -1);
    one = _mm_xor_si128(
        _mm_srli_si128(one, 8),
        _mm_clmulepi64_si128(one, near, 0x10),
    );
    let short = _mm_set_epi64x(0, 0x163cd6124);
    one = _mm_xor_si128(
        _mm_srli_si128(one, 4),
        _mm_clmulepi64_si128(_mm_and_si128(one, low32), short, 0x00),
    );
    let barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    let quotient = _mm_clmulepi64_si128(_mm_and_si128(one, low32), barrett, 0x10);
    let product = _mm_clmulepi64_si128(_mm_and_si128(quotient, low32), barrett, 0x00);
    _mm_extract_epi32(_mm_xor_si128(one, product), 1) as u32
}

/// CRC-32C, bit-reflected, without the inversions.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "sse4.2")]
pub fn castagnoli(crc: u32, data: &[u8]) -> u32 {
    let (words, tail) = data.as_chunks::<8>();
    let mut crc = crc as u64;
    for word in words {
        crc = _mm_crc32_u64(crc, u64::from_le_bytes(*word));
    }
    tail.iter()
        .fold(crc as u32, |crc, &byte| _mm_crc32_u8(crc, byte))
}

/// Three CRC-32C at once, of the first `rounds` times 24 bytes of each range: the instruction has a latency of three cycles.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "sse4.2")]
pub fn castagnoli_triple(crcs: [u32; 3], data: [&[u8]; 3], rounds: usize) -> [u32; 3] {
    let [a, b, c] = data.map(blocks::<8>);
    let mut out = crcs.map(u64::from);
    for ((a, b), c) in a.iter().zip(b).zip(c).take(rounds * 3) {
        out[0] = _mm_crc32_u64(out[0], u64::from_le_bytes(*a));
        out[1] = _mm_crc32_u64(out[1], u64::from_le_bytes(*b));
        out[2] = _mm_crc32_u64(out[2], u64::from_le_bytes(*c));
    }
    out.map(|crc| crc as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bitwise(polynomial: u32, crc: u32, data: &[u8]) -> u32 {
        data.iter().fold(crc, |crc, &byte| {
            (0..8).fold(crc ^ byte as u32, |crc, _| {
                (crc >> 1) ^ (polynomial & 0u32.wrapping_sub(crc & 1))
            })
        })
    }

    #[test]
    fn agrees_with_the_definition() {
        let data: Vec<u8> = (0..600u32).map(|i| (i * i / 3) as u8).collect();
        for len in (64..592).step_by(16) {
            let want = bitwise(0xedb88320, 0x1234_5678, &data[3..3 + len]);
            // SAFETY: the machines that build have the instructions (the portable form is std's).
            let got = unsafe { ieee_clmul(0x1234_5678, &data[3..3 + len]) };
            assert_eq!(got, want, "{len}");
        }
        for len in 0..100 {
            let want = bitwise(0x82f63b78, 7, &data[1..1 + len]);
            // SAFETY: as above.
            assert_eq!(unsafe { castagnoli(7, &data[1..1 + len]) }, want);
        }
        let parts = [&data[..48], &data[100..148], &data[200..260]];
        // SAFETY: as above.
        let got = unsafe { castagnoli_triple([1, 2, 3], parts, 2) };
        for i in 0..3 {
            assert_eq!(got[i], bitwise(0x82f63b78, i as u32 + 1, &parts[i][..48]));
        }
    }
}
