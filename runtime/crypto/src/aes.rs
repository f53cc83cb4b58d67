//! AES (FIPS 197) with the instructions for it.
//!
//! Round keys are in the order and form of the instructions: 16 bytes for each round. Only this crate reads them.

use core::arch::x86_64::*;

/// Round keys of a key, loaded.
pub type Keys = [__m128i; 15];

/// Loads `rounds + 1` round keys.
///
/// # Safety
/// That many times 16 bytes are readable.
#[inline(always)]
pub(crate) unsafe fn load_keys(keys: *const u32, rounds: usize) -> Keys {
    // SAFETY: the caller's promise; `rounds` is at most 14.
    unsafe {
        let mut out = [_mm_setzero_si128(); 15];
        for (i, key) in out.iter_mut().enumerate().take(rounds.min(14) + 1) {
            *key = _mm_loadu_si128(keys.add(4 * i).cast());
        }
        out
    }
}

/// Encrypts `N` blocks side by side.
#[inline]
#[target_feature(enable = "aes,sse4.1")]
pub(crate) fn encrypt<const N: usize>(
    keys: &Keys,
    rounds: usize,
    mut blocks: [__m128i; N],
) -> [__m128i; N] {
    for block in &mut blocks {
        *block = _mm_xor_si128(*block, keys[0]);
    }
    for key in &keys[1..rounds.clamp(1, 14)] {
        for block in &mut blocks {
            *block = _mm_aesenc_si128(*block, *key);
        }
    }
    for block in &mut blocks {
        *block = _mm_aesenclast_si128(*block, keys[rounds.min(14)]);
    }
    blocks
}

/// `SubWord` of the standard, in constant time.
#[inline]
#[target_feature(enable = "aes")]
fn substitute(word: u32) -> u32 {
    _mm_cvtsi128_si32(_mm_aeskeygenassist_si128(_mm_set1_epi32(word as i32), 0)) as u32
}

/// Expands a key of `4 * (rounds - 6)` bytes into the round keys for both directions.
///
/// # Safety
/// The key is that long, `enc` and `dec` have room for `rounds + 1` round keys.
#[target_feature(enable = "aes,sse4.1")]
pub unsafe extern "C" fn expand_key(rounds: usize, key: *const u8, enc: *mut u32, dec: *mut u32) {
    let key_words = rounds.clamp(10, 14) - 6;
    let total = 4 * (rounds.clamp(10, 14) + 1);
    let mut words = [0u32; 60];
    for (i, word) in words.iter_mut().enumerate().take(key_words) {
        // SAFETY: within the key.
        *word = u32::from_le(unsafe { key.add(4 * i).cast::<u32>().read_unaligned() });
    }
    let mut constant = 1u32;
    for i in key_words..total {
        let mut word = words[i - 1];
        if i % key_words == 0 {
            word = substitute(word.rotate_right(8)) ^ constant;
            constant = (constant << 1) ^ ((constant >> 7) * 0x11b);
        } else if key_words > 6 && i % key_words == 4 {
            word = substitute(word);
        }
        words[i] = words[i - key_words] ^ word;
    }
    // SAFETY: both have room for `total` words; `words` has 60.
    unsafe {
        for (i, &word) in words.iter().enumerate().take(total) {
            enc.add(i).write_unaligned(word);
        }
        let last = rounds.clamp(10, 14);
        for round in 0..=last {
            let mut key = _mm_loadu_si128(words.as_ptr().add(4 * (last - round)).cast());
            if round != 0 && round != last {
                key = _mm_aesimc_si128(key);
            }
            _mm_storeu_si128(dec.add(4 * round).cast(), key);
        }
    }
}

/// Encrypts one block.
///
/// # Safety
/// `keys` are the round keys of [`expand_key`], `dst` and `src` have 16 bytes.
#[target_feature(enable = "aes,sse4.1")]
pub unsafe extern "C" fn encrypt_block(
    rounds: usize,
    keys: *const u32,
    dst: *mut u8,
    src: *const u8,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut block = _mm_xor_si128(_mm_loadu_si128(src.cast()), _mm_loadu_si128(keys.cast()));
        for round in 1..rounds {
            block = _mm_aesenc_si128(block, _mm_loadu_si128(keys.add(4 * round).cast()));
        }
        block = _mm_aesenclast_si128(block, _mm_loadu_si128(keys.add(4 * rounds).cast()));
        _mm_storeu_si128(dst.cast(), block);
    }
}

/// Decrypts one block.
///
/// # Safety
/// As [`encrypt_block`], with the keys for decryption.
#[target_feature(enable = "aes,sse4.1")]
pub unsafe extern "C" fn decrypt_block(
    rounds: usize,
    keys: *const u32,
    dst: *mut u8,
    src: *const u8,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut block = _mm_xor_si128(_mm_loadu_si128(src.cast()), _mm_loadu_si128(keys.cast()));
        for round in 1..rounds {
            block = _mm_aesdec_si128(block, _mm_loadu_si128(keys.add(4 * round).cast()));
        }
        block = _mm_aesdeclast_si128(block, _mm_loadu_si128(keys.add(4 * rounds).cast()));
        _mm_storeu_si128(dst.cast(), block);
    }
}

/// Counter mode on `N` blocks: the counter is 128 bits, big-endian in the blocks, counted up by one for each.
///
/// # Safety
/// As [`encrypt_block`], for `N` blocks.
#[inline]
#[target_feature(enable = "aes,sse4.1,ssse3")]
unsafe fn ctr<const N: usize>(
    rounds: usize,
    keys: *const u32,
    dst: *mut u8,
    src: *const u8,
    low: u64,
    high: u64,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let keys = load_keys(keys, rounds);
        let counter = (high as u128) << 64 | low as u128;
        let counters: [__m128i; N] = core::array::from_fn(|i| {
            let at = counter.wrapping_add(i as u128);
            let (high, low) = ((at >> 64) as u64, at as u64);
            _mm_set_epi64x(low.swap_bytes() as i64, high.swap_bytes() as i64)
        });
        let stream = encrypt(&keys, rounds, counters);
        for (i, block) in stream.into_iter().enumerate() {
            let text = _mm_loadu_si128(src.add(16 * i).cast());
            _mm_storeu_si128(dst.add(16 * i).cast(), _mm_xor_si128(text, block));
        }
    }
}

macro_rules! counter_mode {
    ($($(#[$doc:meta])* $name:ident = $blocks:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `keys` are round keys for encryption, `dst` and `src` have that many blocks.
        #[target_feature(enable = "aes,sse4.1,ssse3")]
        pub unsafe extern "C" fn $name(rounds: usize, keys: *const u32, dst: *mut u8, src: *const u8, low: u64, high: u64) {
            // SAFETY: the caller's promise.
            unsafe { ctr::<$blocks>(rounds, keys, dst, src, low, high) }
        }
    )*};
}
counter_mode! {
    /// Counter mode, one block.
    ctr1 = 1;
    /// Counter mode, two blocks.
    ctr2 = 2;
    /// Counter mode, four blocks.
    ctr4 = 4;
    /// Counter mode, eight blocks.
    ctr8 = 8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_standard() {
        if !std::is_x86_feature_detected!("aes") {
            return;
        }
        let plain: Vec<u8> = (0..16).map(|i| i * 0x11).collect();
        let check = |rounds: usize, want: u128| {
            let key: Vec<u8> = (0..4 * (rounds as u8 - 6)).collect();
            let (mut enc, mut dec) = ([0u32; 60], [0u32; 60]);
            let (mut out, mut back) = ([0u8; 16], [0u8; 16]);
            // SAFETY: AES was detected; lengths fit.
            unsafe {
                expand_key(rounds, key.as_ptr(), enc.as_mut_ptr(), dec.as_mut_ptr());
                encrypt_block(rounds, enc.as_ptr(), out.as_mut_ptr(), plain.as_ptr());
                decrypt_block(rounds, dec.as_ptr(), back.as_mut_ptr(), out.as_ptr());
            }
            assert_eq!(out, want.to_be_bytes());
            assert_eq!(back[..], plain[..]);
            // The key stream of counter mode over zeros is the encrypted counters.
            let (zeros, mut stream) = ([0u8; 128], [0u8; 128]);
            // SAFETY: as above.
            unsafe {
                ctr8(
                    rounds,
                    enc.as_ptr(),
                    stream.as_mut_ptr(),
                    zeros.as_ptr(),
                    u64::MAX - 2,
                    5,
                )
            };
            for i in 0..8u128 {
                let counter = ((5u128 << 64) + (u64::MAX - 2) as u128 + i).to_be_bytes();
                // SAFETY: as above.
                unsafe { encrypt_block(rounds, enc.as_ptr(), out.as_mut_ptr(), counter.as_ptr()) };
                assert_eq!(stream[16 * i as usize..][..16], out);
            }
        };
        check(10, 0x69c4e0d86a7b0430d8cdb78070b4c55a);
        check(12, 0xdda97ca4864cdfe06eaf70a0ec0d7191);
        check(14, 0x8ea2b7ca516745bfeafc49904b496089);
    }
}
