//! The inner loops of hashes, ciphers and big numbers: what the standard library has in assembly files.
//!
//! Std's own Go code around them (padding, modes, run-time choice by CPU features) is used as it is; a function here has the contract of
//! the assembly function of the same name. Functions with `#[target_feature]` are only called after std's Go code has seen the
//! feature in `internal/cpu`.
//!
//! Reading order: [`sha1`], [`sha256`], [`sha512`], [`md5`], [`keccak`], [`crc32`] (hashes); [`aes`], [`gcm`], [`chacha`] (ciphers);
//! [`bignum`], [`field25519`], [`p256`] (numbers); [`xor`].
//!
//! Architecture invariant: pure computation on the caller's memory. Needs little stack (it runs on goroutine stacks), never allocates, and
//! takes time that does not depend on secrets.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod aes;
pub mod bignum;
pub mod chacha;
pub mod crc32;
pub mod field25519;
pub mod gcm;
pub mod keccak;
pub mod md5;
pub mod p256;
pub mod sha1;
pub mod sha256;
pub mod sha512;
pub mod xor;

/// A 16-byte load.
#[inline(always)]
pub(crate) fn load128(bytes: &[u8; 16]) -> core::arch::x86_64::__m128i {
    // SAFETY: 16 readable bytes; the load needs no alignment.
    unsafe { core::arch::x86_64::_mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// A 16-byte store.
#[inline(always)]
pub(crate) fn store128(bytes: &mut [u8; 16], value: core::arch::x86_64::__m128i) {
    // SAFETY: 16 writable bytes; the store needs no alignment.
    unsafe { core::arch::x86_64::_mm_storeu_si128(bytes.as_mut_ptr().cast(), value) }
}

/// The bytes of `data` in whole blocks of `N`.
#[inline(always)]
pub(crate) fn blocks<const N: usize>(data: &[u8]) -> &[[u8; N]] {
    data.as_chunks().0
}
