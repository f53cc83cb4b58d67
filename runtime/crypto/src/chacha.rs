//! ChaCha20-Poly1305 (RFC 8439).

use crate::bignum::multiply_add;

/// Poly1305's accumulator and key; the layout of `macState` in `golang.org/x/crypto/internal/poly1305`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Mac {
    /// The sum so far, below 2 * (2^130 - 5).
    pub h: [u64; 3],
    /// The clamped multiplier.
    pub r: [u64; 2],
    /// What is added at the end.
    pub s: [u64; 2],
}

impl Mac {
    fn new(key: &[u8; 32]) -> Self {
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&key[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        Mac {
            h: [0; 3],
            r: [
                word(0) & 0x0fff_fffc_0fff_ffff,
                word(8) & 0x0fff_fffc_0fff_fffc,
            ],
            s: [word(16), word(24)],
        }
    }

    /// Adds a block (`top` = 1, or 0 if the block has its end marker inside) and multiplies.
    #[inline(always)]
    fn block(&mut self, block: &[u8; 16], top: u64) {
        let value = u128::from_le_bytes(*block);
        let (h0, c) = self.h[0].overflowing_add(value as u64);
        let (h1, c1) = self.h[1].overflowing_add((value >> 64) as u64);
        let (h1, c2) = h1.overflowing_add(c as u64);
        let h2 = self.h[2] + top + (c1 | c2) as u64;
        let [r0, r1] = self.r;
        // h2 is at most 7 and r is clamped: the upper products fit a word.
        let (m0, carry) = multiply_add(h0, r0, 0, 0);
        let (m1, carry) = multiply_add(h1, r0, carry, 0);
        let m2 = h2 * r0 + carry;
        let (n1, carry) = multiply_add(h0, r1, m1, 0);
        let (n2, carry) = multiply_add(h1, r1, m2, carry);
        let n3 = h2 * r1 + carry;
        // Fold what is above 2^130: it counts five times, a fourth plus the whole.
        let h2 = n2 & 3;
        let above = [n2 & !3, n3];
        let (a0, c) = m0.overflowing_add(above[0]);
        let (a1, c1) = n1.overflowing_add(above[1]);
        let (a1, c2) = a1.overflowing_add(c as u64);
        let a2 = h2 + (c1 | c2) as u64;
        let quarter = [above[0] >> 2 | above[1] << 62, above[1] >> 2];
        let (b0, c) = a0.overflowing_add(quarter[0]);
        let (b1, c1) = a1.overflowing_add(quarter[1]);
        let (b1, c2) = b1.overflowing_add(c as u64);
        self.h = [b0, b1, a2 + (c1 | c2) as u64];
    }

    /// Adds a message; a partial block at the end gets its marker.
    pub fn update(&mut self, message: &[u8]) {
        let (blocks, rest) = message.as_chunks::<16>();
        for block in blocks {
            self.block(block, 1);
        }
        if !rest.is_empty() {
            let mut block = [0; 16];
            block[..rest.len()].copy_from_slice(rest);
            block[rest.len()] = 1;
            self.block(&block, 0);
        }
    }

    /// Adds a message filled with zeros to whole blocks.
    fn update_padded(&mut self, message: &[u8]) {
        let (blocks, rest) = message.as_chunks::<16>();
        for block in blocks {
            self.block(block, 1);
        }
        if !rest.is_empty() {
            let mut block = [0; 16];
            block[..rest.len()].copy_from_slice(rest);
            self.block(&block, 1);
        }
    }

    fn tag(mut self, data: usize, text: usize) -> [u8; 16] {
        let lengths = (text as u128) << 64 | data as u128;
        self.block(&lengths.to_le_bytes(), 1);
        // h - p if that is not negative, without a branch.
        let [h0, h1, h2] = self.h;
        let (t0, b) = h0.overflowing_sub(0xffff_ffff_ffff_fffb);
        let (t1, b1) = h1.overflowing_sub(u64::MAX);
        let (t1, b2) = t1.overflowing_sub(b as u64);
        let (_, b1) = h2.overflowing_sub(3 + (b1 | b2) as u64);
        let keep = (b1 as u64).wrapping_neg();
        let low = (h0 & keep) | (t0 & !keep);
        let high = (h1 & keep) | (t1 & !keep);
        let sum = ((high as u128) << 64 | low as u128)
            .wrapping_add((self.s[1] as u128) << 64 | self.s[0] as u128);
        sum.to_le_bytes()
    }
}

/// Blocks of key stream that are computed side by side, one in each lane of a vector.
const LANES: usize = 8;

type Vector = [u32; LANES];

#[inline(always)]
fn quarter_round(x: &mut [Vector; 16], a: usize, b: usize, c: usize, d: usize) {
    for lane in 0..LANES {
        x[a][lane] = x[a][lane].wrapping_add(x[b][lane]);
        x[d][lane] = (x[d][lane] ^ x[a][lane]).rotate_left(16);
    }
    for lane in 0..LANES {
        x[c][lane] = x[c][lane].wrapping_add(x[d][lane]);
        x[b][lane] = (x[b][lane] ^ x[c][lane]).rotate_left(12);
    }
    for lane in 0..LANES {
        x[a][lane] = x[a][lane].wrapping_add(x[b][lane]);
        x[d][lane] = (x[d][lane] ^ x[a][lane]).rotate_left(8);
    }
    for lane in 0..LANES {
        x[c][lane] = x[c][lane].wrapping_add(x[d][lane]);
        x[b][lane] = (x[b][lane] ^ x[c][lane]).rotate_left(7);
    }
}

/// The key stream of `LANES` blocks from counter `state[12] + first` on: word `w` of block `b` at `[w][b]`.
#[inline(always)]
fn key_stream(state: &[u32; 16], first: u32) -> [Vector; 16] {
    let mut start: [Vector; 16] = core::array::from_fn(|i| [state[i]; LANES]);
    for (lane, counter) in start[12].iter_mut().enumerate() {
        *counter = counter.wrapping_add(first).wrapping_add(lane as u32);
    }
    let mut x = start;
    for _ in 0..10 {
        quarter_round(&mut x, 0, 4, 8, 12);
        quarter_round(&mut x, 1, 5, 9, 13);
        quarter_round(&mut x, 2, 6, 10, 14);
        quarter_round(&mut x, 3, 7, 11, 15);
        quarter_round(&mut x, 0, 5, 10, 15);
        quarter_round(&mut x, 1, 6, 11, 12);
        quarter_round(&mut x, 2, 7, 8, 13);
        quarter_round(&mut x, 3, 4, 9, 14);
    }
    for (x, start) in x.iter_mut().zip(&start) {
        for lane in 0..LANES {
            x[lane] = x[lane].wrapping_add(start[lane]);
        }
    }
    x
}

/// The one-time key for the tag: the first half of block 0.
#[inline(always)]
fn mac_of(state: &[u32; 16]) -> Mac {
    let stream = key_stream(state, 0);
    let mut key = [0u8; 32];
    for (bytes, word) in key.as_chunks_mut::<4>().0.iter_mut().zip(&stream) {
        *bytes = word[0].to_le_bytes();
    }
    Mac::new(&key)
}

/// XORs the key stream from block 1 on.
///
/// # Safety
/// `len` bytes each; `dst` is `src` or disjoint from it.
#[inline(always)]
unsafe fn apply(state: &[u32; 16], dst: *mut u8, src: *const u8, len: usize) {
    let mut at = 0;
    let mut block = 1u32;
    while at < len {
        let stream = key_stream(state, block);
        for lane in 0..LANES {
            for (index, words) in stream.iter().enumerate() {
                let here = at + lane * 64 + index * 4;
                let word = words[lane].to_le_bytes();
                // SAFETY: below `len`.
                unsafe {
                    if here + 4 <= len {
                        let text: u32 = src.add(here).cast::<u32>().read_unaligned();
                        let out = text ^ u32::from_le_bytes(word);
                        dst.add(here).cast::<u32>().write_unaligned(out);
                    } else {
                        for (i, byte) in word.iter().enumerate() {
                            if here + i < len {
                                *dst.add(here + i) = *src.add(here + i) ^ byte;
                            }
                        }
                    }
                }
            }
        }
        at += 64 * LANES;
        block = block.wrapping_add(LANES as u32);
    }
}

/// The arguments of `chacha20Poly1305Seal` that have no register.
#[repr(C)]
#[derive(Debug)]
pub struct Rest {
    key_cap: usize,
    src: *const u8,
    src_len: usize,
    src_cap: usize,
    data: *const u8,
    data_len: usize,
    data_cap: usize,
}

/// # Safety
/// Go slices.
unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(data, len) }
}

/// Encrypts `src` to `dst` and puts the tag after it.
///
/// # Safety
/// As the Go declaration says: `dst` has 16 bytes more than `src`, `key` is the 16 words of the state; `rest` begins with the sixth word.
#[target_feature(enable = "avx2,bmi2")]
pub unsafe extern "C" fn seal(
    dst: *mut u8,
    _len: usize,
    _cap: usize,
    state: &[u32; 16],
    _key_len: usize,
    rest: &Rest,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut mac = mac_of(state);
        apply(state, dst, rest.src, rest.src_len);
        mac.update_padded(bytes(rest.data, rest.data_len));
        mac.update_padded(bytes(dst, rest.src_len));
        let tag = mac.tag(rest.data_len, rest.src_len);
        core::ptr::copy_nonoverlapping(tag.as_ptr(), dst.add(rest.src_len), 16);
    }
}

/// Decrypts `src` to `dst` and tells whether the tag that follows `src` in memory is right.
///
/// # Safety
/// As the Go declaration says; the 16 bytes after `src` are readable; `rest` begins with the sixth word.
#[target_feature(enable = "avx2,bmi2")]
pub unsafe extern "C" fn open(
    dst: *mut u8,
    _len: usize,
    _cap: usize,
    state: &[u32; 16],
    _key_len: usize,
    rest: &Rest,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let mut mac = mac_of(state);
        mac.update_padded(bytes(rest.data, rest.data_len));
        mac.update_padded(bytes(rest.src, rest.src_len));
        let tag = mac.tag(rest.data_len, rest.src_len);
        let mut difference = 0;
        for (i, byte) in tag.iter().enumerate() {
            difference |= byte ^ *rest.src.add(rest.src_len + i);
        }
        apply(state, dst, rest.src, rest.src_len);
        difference == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_of_the_rfc() {
        if !std::is_x86_feature_detected!("avx2") {
            return;
        }
        let mut state = [0u32; 16];
        state[..4].copy_from_slice(&[0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
        for i in 0..8 {
            let at = 0x80 + 4 * i as u8;
            state[4 + i] = u32::from_le_bytes([at, at + 1, at + 2, at + 3]);
        }
        state[13..].copy_from_slice(&[0x00000007, 0x43424140, 0x47464544]);
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let data = [
            0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
        ];
        let mut out = vec![0u8; text.len() + 16];
        let rest = |src: &[u8]| Rest {
            key_cap: 0,
            src: src.as_ptr(),
            src_len: text.len(),
            src_cap: 0,
            data: data.as_ptr(),
            data_len: data.len(),
            data_cap: 0,
        };
        let mut back = vec![0u8; text.len()];
        // SAFETY: AVX2 was detected (BMI2 came with it); lengths fit.
        unsafe {
            seal(out.as_mut_ptr(), 0, 0, &state, 16, &rest(text));
            assert_eq!(out[..4], [0xd3, 0x1a, 0x8d, 0x34]);
            let tag = 0x1ae10b594f09e26a7e902ecbd0600691u128;
            assert_eq!(out[text.len()..], tag.to_be_bytes());
            assert!(open(back.as_mut_ptr(), 0, 0, &state, 16, &rest(&out)));
            assert_eq!(back[..], text[..]);
            out[3] ^= 1;
            assert!(!open(back.as_mut_ptr(), 0, 0, &state, 16, &rest(&out)));
        }
    }

    #[test]
    fn the_tag_of_the_rfc() {
        // RFC 8439, 2.5.2, without the lengths block: the sum before it.
        let key: [u8; 32] = [
            0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33, 0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5,
            0x06, 0xa8, 0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd, 0x4a, 0xbf, 0xf6, 0xaf,
            0x41, 0x49, 0xf5, 0x1b,
        ];
        let mut mac = Mac::new(&key);
        mac.update(b"Cryptographic Forum Research Group");
        // 0x28d31b7caff946c77c8844335369d03a7 modulo 2^130 - 5, as the RFC prints it.
        let value = |h: [u64; 3]| (h[2], (h[1] as u128) << 64 | h[0] as u128);
        assert_eq!(value(mac.h), (2, 0x8d31b7caff946c77c8844335369d03a7));
    }
}
