//! AES in Galois/counter mode (NIST SP 800-38D).
//!
//! GHASH is computed as POLYVAL (RFC 8452, appendix A): with the bytes of every block reversed and the key multiplied by x, products need no
//! bit reversal, and two multiplications by a constant reduce them. Eight blocks are multiplied by eight powers of the key and
//! reduced once.
//!
//! The product table (256 bytes) holds the powers H^1..H^8 and, for Karatsuba, the XOR of each one's halves. `T` between calls is the
//! GHASH state in the byte order of the standard.

use core::arch::x86_64::*;

use crate::aes::{self, Keys};

/// 256 bytes of the caller.
#[derive(Clone, Copy)]
struct Powers {
    h: [__m128i; 8],
    folded: [__m128i; 8],
}

#[inline]
#[target_feature(enable = "ssse3")]
fn reverse(x: __m128i) -> __m128i {
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    _mm_shuffle_epi8(x, order)
}

#[inline(always)]
fn swap_halves(x: __m128i) -> __m128i {
    // SAFETY: SSE2 is part of the architecture.
    unsafe { _mm_shuffle_epi32(x, 0x4e) }
}

/// Unreduced products: low, middle (with Karatsuba's surplus), high.
#[derive(Clone, Copy)]
struct Product {
    low: __m128i,
    middle: __m128i,
    high: __m128i,
}

impl Product {
    #[inline]
    #[target_feature(enable = "pclmulqdq,sse4.1")]
    fn add(&mut self, x: __m128i, h: __m128i, folded: __m128i) {
        let sum = _mm_xor_si128(x, swap_halves(x));
        self.low = _mm_xor_si128(self.low, _mm_clmulepi64_si128(x, h, 0x00));
        self.high = _mm_xor_si128(self.high, _mm_clmulepi64_si128(x, h, 0x11));
        self.middle = _mm_xor_si128(self.middle, _mm_clmulepi64_si128(sum, folded, 0x00));
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,sse4.1")]
    fn reduce(self) -> __m128i {
        let middle = _mm_xor_si128(self.middle, _mm_xor_si128(self.low, self.high));
        let low = _mm_xor_si128(self.low, _mm_slli_si128(middle, 8));
        let high = _mm_xor_si128(self.high, _mm_srli_si128(middle, 8));
        // Montgomery reduction modulo x^128 + x^127 + x^126 + x^121 + 1.
        let g = _mm_set1_epi64x(0xc200_0000_0000_0000u64 as i64);
        let first = _mm_xor_si128(swap_halves(_mm_clmulepi64_si128(low, g, 0x00)), low);
        let second = _mm_clmulepi64_si128(first, g, 0x11);
        _mm_xor_si128(_mm_xor_si128(high, first), second)
    }
}

#[inline(always)]
fn no_product() -> Product {
    // SAFETY: SSE2 is part of the architecture.
    let zero = unsafe { _mm_setzero_si128() };
    Product {
        low: zero,
        middle: zero,
        high: zero,
    }
}

#[inline]
#[target_feature(enable = "pclmulqdq,sse4.1")]
fn multiply(x: __m128i, h: __m128i) -> __m128i {
    let mut product = no_product();
    product.add(x, h, _mm_xor_si128(h, swap_halves(h)));
    product.reduce()
}

/// # Safety
/// The table of [`init`].
#[inline(always)]
unsafe fn load_powers(table: *const u8) -> Powers {
    // SAFETY: 256 bytes.
    unsafe {
        Powers {
            h: core::array::from_fn(|i| _mm_loadu_si128(table.add(16 * i).cast())),
            folded: core::array::from_fn(|i| _mm_loadu_si128(table.add(128 + 16 * i).cast())),
        }
    }
}

/// Fills the product table from the round keys (`key_words` of them).
///
/// # Safety
/// The table has 256 bytes, `keys` are round keys of [`aes::expand_key`].
#[target_feature(enable = "aes,pclmulqdq,sse4.1,ssse3")]
pub unsafe extern "C" fn init(table: *mut u8, keys: *const u32, key_words: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let rounds = key_words / 4 - 1;
        let keys = aes::load_keys(keys, rounds);
        let [h] = aes::encrypt(&keys, rounds, [_mm_setzero_si128()]);
        let h = reverse(h);
        // Times x: shift left by one, fold the bit that falls out.
        let carry = _mm_srai_epi32(_mm_shuffle_epi32(h, 0xff), 31);
        let shifted = _mm_or_si128(
            _mm_slli_epi64(h, 1),
            _mm_srli_epi64(_mm_slli_si128(h, 8), 63),
        );
        let fold = _mm_set_epi64x(0xc200_0000_0000_0000u64 as i64, 1);
        let h = _mm_xor_si128(shifted, _mm_and_si128(carry, fold));
        let mut power = h;
        for i in 0..8 {
            _mm_storeu_si128(table.add(16 * i).cast(), power);
            let folded = _mm_xor_si128(power, swap_halves(power));
            _mm_storeu_si128(table.add(128 + 16 * i).cast(), folded);
            power = multiply(power, h);
        }
    }
}

/// A last block of fewer than 16 bytes, filled with zeros.
///
/// # Safety
/// `len < 16` bytes at `src`.
#[inline(always)]
unsafe fn partial(src: *const u8, len: usize) -> [u8; 16] {
    let mut block = [0u8; 16];
    // SAFETY: the caller's promise.
    unsafe { core::ptr::copy_nonoverlapping(src, block.as_mut_ptr(), len) };
    block
}

#[inline]
#[target_feature(enable = "pclmulqdq,sse4.1,ssse3")]
fn hash_eight(powers: &Powers, state: __m128i, blocks: &[__m128i; 8]) -> __m128i {
    let mut product = no_product();
    for (i, block) in blocks.iter().enumerate() {
        let mut x = reverse(*block);
        if i == 0 {
            x = _mm_xor_si128(x, state);
        }
        product.add(x, powers.h[7 - i], powers.folded[7 - i]);
    }
    product.reduce()
}

/// Adds data, filled with zeros to whole blocks, to the GHASH state.
///
/// # Safety
/// The table of [`init`], `len` bytes of data, 16 bytes of state.
#[target_feature(enable = "pclmulqdq,sse4.1,ssse3")]
pub unsafe extern "C" fn data(
    table: *const u8,
    data: *const u8,
    len: usize,
    _cap: usize,
    state: *mut u8,
) {
    // SAFETY: the caller's promise; reads stay below `len`.
    unsafe {
        let powers = load_powers(table);
        let mut hash = reverse(_mm_loadu_si128(state.cast()));
        let mut at = 0;
        while at + 128 <= len {
            let blocks = core::array::from_fn(|i| _mm_loadu_si128(data.add(at + 16 * i).cast()));
            hash = hash_eight(&powers, hash, &blocks);
            at += 128;
        }
        while at < len {
            let block = if at + 16 <= len {
                _mm_loadu_si128(data.add(at).cast())
            } else {
                crate::load128(&partial(data.add(at), len - at))
            };
            hash = multiply(_mm_xor_si128(hash, reverse(block)), powers.h[0]);
            at += 16;
        }
        _mm_storeu_si128(state.cast(), reverse(hash));
    }
}

/// What to encrypt or decrypt.
#[derive(Clone, Copy, Debug)]
pub struct Crypt {
    /// `len` bytes to write; `src` itself or disjoint from it.
    pub dst: *mut u8,
    /// `len` bytes to read.
    pub src: *const u8,
    #[allow(missing_docs)]
    pub len: usize,
    /// The counter block before the first one.
    pub counter: *const u8,
    /// The GHASH state.
    pub state: *mut u8,
    /// Round keys of [`aes::expand_key`].
    pub keys: *const u32,
    /// Their number of words.
    pub key_words: usize,
}

/// Counter mode from the block after `counter` on, and GHASH of the ciphertext.
///
/// # Safety
/// All pointers as the Go declaration says; `dst` is `src` or disjoint from it.
#[inline]
#[target_feature(enable = "aes,pclmulqdq,sse4.1,ssse3")]
unsafe fn crypt<const ENCRYPT: bool>(table: *const u8, c: &Crypt) {
    // SAFETY: the caller's promise; every access is below `len`.
    unsafe {
        let rounds = c.key_words / 4 - 1;
        let keys: Keys = aes::load_keys(c.keys, rounds);
        let powers = load_powers(table);
        let mut hash = reverse(_mm_loadu_si128(c.state.cast()));
        // Only the last 32 bits of the counter count; in reversed bytes they are the first lane.
        let mut counter = reverse(_mm_loadu_si128(c.counter.cast()));
        let one = _mm_set_epi32(0, 0, 0, 1);
        let mut at = 0;
        while at + 128 <= c.len {
            let counters: [__m128i; 8] = core::array::from_fn(|_| {
                counter = _mm_add_epi32(counter, one);
                reverse(counter)
            });
            let stream = aes::encrypt(&keys, rounds, counters);
            let mut cipher = [_mm_setzero_si128(); 8];
            for i in 0..8 {
                let text = _mm_loadu_si128(c.src.add(at + 16 * i).cast());
                let out = _mm_xor_si128(text, stream[i]);
                _mm_storeu_si128(c.dst.add(at + 16 * i).cast(), out);
                cipher[i] = if ENCRYPT { out } else { text };
            }
            hash = hash_eight(&powers, hash, &cipher);
            at += 128;
        }
        while at < c.len {
            counter = _mm_add_epi32(counter, one);
            let [stream] = aes::encrypt(&keys, rounds, [reverse(counter)]);
            let cipher = if at + 16 <= c.len {
                let text = _mm_loadu_si128(c.src.add(at).cast());
                let out = _mm_xor_si128(text, stream);
                _mm_storeu_si128(c.dst.add(at).cast(), out);
                if ENCRYPT { out } else { text }
            } else {
                let rest = c.len - at;
                let text = partial(c.src.add(at), rest);
                let mut out = [0u8; 16];
                crate::store128(&mut out, _mm_xor_si128(crate::load128(&text), stream));
                core::ptr::copy_nonoverlapping(out.as_ptr(), c.dst.add(at), rest);
                out[rest..].fill(0);
                crate::load128(if ENCRYPT { &out } else { &text })
            };
            hash = multiply(_mm_xor_si128(hash, reverse(cipher)), powers.h[0]);
            at += 16;
        }
        _mm_storeu_si128(c.state.cast(), reverse(hash));
    }
}

macro_rules! directions {
    ($($(#[$doc:meta])* $name:ident = $encrypt:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The table of [`init`], the fields as they say.
        #[target_feature(enable = "aes,pclmulqdq,sse4.1,ssse3")]
        pub unsafe fn $name(table: *const u8, arguments: &Crypt) {
            // SAFETY: the caller's promise.
            unsafe { crypt::<$encrypt>(table, arguments) }
        }
    )*};
}
directions! {
    /// Encrypts and hashes.
    seal = true;
    /// Decrypts and hashes.
    open = false;
}

/// Hashes the lengths and turns the state into the tag.
///
/// # Safety
/// The table of [`init`], 16 bytes at the others.
#[target_feature(enable = "pclmulqdq,sse4.1,ssse3")]
pub unsafe extern "C" fn finish(
    table: *const u8,
    mask: *const u8,
    state: *mut u8,
    text_len: u64,
    data_len: u64,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let lengths = _mm_set_epi64x(
            data_len.wrapping_mul(8) as i64,
            text_len.wrapping_mul(8) as i64,
        );
        let hash = reverse(_mm_loadu_si128(state.cast()));
        let h = _mm_loadu_si128(table.cast());
        let tag = reverse(multiply(_mm_xor_si128(hash, lengths), h));
        let mask = _mm_loadu_si128(mask.cast());
        _mm_storeu_si128(state.cast(), _mm_xor_si128(tag, mask));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 4 of the GCM specification (McGrew and Viega), which has data and a partial last block.
    #[test]
    fn example_of_the_specification() {
        if !std::is_x86_feature_detected!("aes") || !std::is_x86_feature_detected!("pclmulqdq") {
            return;
        }
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let key = hex("feffe9928665731c6d6a8f9467308308");
        let plain = hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let additional = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let mut counter = hex("cafebabefacedbaddecaf888");
        counter.extend([0, 0, 0, 1]);
        let (mut enc, mut dec) = ([0u32; 60], [0u32; 60]);
        let (mut table, mut mask, mut state) = ([0u8; 256], [0u8; 16], [0u8; 16]);
        let mut out = vec![0u8; plain.len()];
        // SAFETY: features were detected, lengths fit.
        unsafe {
            aes::expand_key(10, key.as_ptr(), enc.as_mut_ptr(), dec.as_mut_ptr());
            init(table.as_mut_ptr(), enc.as_ptr(), 44);
            aes::encrypt_block(10, enc.as_ptr(), mask.as_mut_ptr(), counter.as_ptr());
            data(
                table.as_ptr(),
                additional.as_ptr(),
                additional.len(),
                0,
                state.as_mut_ptr(),
            );
            let after_data = state;
            let mut arguments = Crypt {
                dst: out.as_mut_ptr(),
                src: plain.as_ptr(),
                len: plain.len(),
                counter: counter.as_ptr(),
                state: state.as_mut_ptr(),
                keys: enc.as_ptr(),
                key_words: 44,
            };
            seal(table.as_ptr(), &arguments);
            finish(
                table.as_ptr(),
                mask.as_ptr(),
                state.as_mut_ptr(),
                plain.len() as u64,
                additional.len() as u64,
            );
            assert_eq!(state.to_vec(), hex("5bc94fbc3221a5db94fae95ae7121a47"));
            assert_eq!(out[..4], [0x42, 0x83, 0x1e, 0xc2]);
            state = after_data;
            let mut back = vec![0u8; plain.len()];
            arguments.src = out.as_ptr();
            arguments.dst = back.as_mut_ptr();
            arguments.state = state.as_mut_ptr();
            open(table.as_ptr(), &arguments);
            finish(
                table.as_ptr(),
                mask.as_ptr(),
                state.as_mut_ptr(),
                plain.len() as u64,
                additional.len() as u64,
            );
            assert_eq!(state.to_vec(), hex("5bc94fbc3221a5db94fae95ae7121a47"));
            assert_eq!(back, plain);
        }
    }

    #[test]
    fn eight_blocks_at_once_are_eight_single_ones() {
        if !std::is_x86_feature_detected!("aes") || !std::is_x86_feature_detected!("pclmulqdq") {
            return;
        }
        let text: Vec<u8> = (0..400u32).map(|i| (i * i / 5) as u8).collect();
        let (mut enc, mut dec, mut table) = ([0u32; 60], [0u32; 60], [0u8; 256]);
        let (mut whole, mut single) = ([7u8; 16], [7u8; 16]);
        // SAFETY: as above.
        unsafe {
            aes::expand_key(14, text.as_ptr(), enc.as_mut_ptr(), dec.as_mut_ptr());
            init(table.as_mut_ptr(), enc.as_ptr(), 60);
            data(table.as_ptr(), text.as_ptr(), 400, 0, whole.as_mut_ptr());
            for i in 0..25 {
                data(
                    table.as_ptr(),
                    text.as_ptr().add(16 * i),
                    16,
                    0,
                    single.as_mut_ptr(),
                );
            }
        }
        assert_eq!(whole, single);
    }
}
