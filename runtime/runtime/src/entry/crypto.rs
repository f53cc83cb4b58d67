//! Assembly functions of std's hashes, ciphers and big numbers (leaf functions over `rt_crypto`).
//!
//! Arguments beyond the fifth integer are in the overflow area, whose address is the sixth (see `abi::call`).

use core::arch::naked_asm;
use core::slice::from_raw_parts;
use rt_crypto::{
    aes, bignum, chacha, crc32, field25519, gcm, keccak, md5, p256, sha1, sha256, sha512, xor,
};

/// The bytes of a Go slice.
///
/// # Safety
/// A Go slice that lives during the call.
#[inline(always)]
unsafe fn slice<'a>(data: *const u8, len: usize) -> &'a [u8] {
    match len {
        0 => &[],
        // SAFETY: the caller's promise.
        _ => unsafe { from_raw_parts(data, len) },
    }
}

/// Functions `(digest, data []byte)` where the digest begins with the state. Those with features are called by std after it saw them.
macro_rules! block_functions {
    ($($name:ident = $update:path, $state:ty;)*) => {$(
        unsafe extern "C" fn $name(state: &mut $state, data: *const u8, len: usize) {
            // SAFETY: Go's slice; std has checked the features of the processor.
            #[allow(unused_unsafe)]
            unsafe { $update(state, slice(data, len)) }
        }
    )*};
}
block_functions! {
    sha1_ni = sha1::update_ni, [u32; 5];
    sha1_bmi2 = sha1::update_bmi2, [u32; 5];
    sha256_ni = sha256::update_ni, [u32; 8];
    sha256_bmi2 = sha256::update_bmi2, [u32; 8];
    sha512_bmi2 = sha512::update_bmi2, [u64; 8];
    md5_block = md5::update, [u32; 4];
}

extern "C" fn keccak_permute(state: *mut [u64; 25]) {
    // SAFETY: Go's array of 200 bytes; it may be unaligned.
    unsafe {
        let mut words = state.read_unaligned();
        keccak::permute(&mut words);
        state.write_unaligned(words);
    }
}

unsafe extern "C" fn crc32_ieee(crc: u32, data: *const u8, len: usize) -> u32 {
    // SAFETY: Go's slice; std has checked the features.
    unsafe { crc32::ieee_clmul(crc, slice(data, len)) }
}

unsafe extern "C" fn crc32_castagnoli(crc: u32, data: *const u8, len: usize) -> u32 {
    // SAFETY: as above.
    unsafe { crc32::castagnoli(crc, slice(data, len)) }
}

#[repr(C)]
struct TripleRest {
    a_cap: usize,
    b: *const u8,
    b_len: usize,
    b_cap: usize,
    c: *const u8,
    c_len: usize,
    c_cap: usize,
    rounds: u32,
}

#[repr(C)]
struct Three([u32; 3]);

unsafe extern "C" fn castagnoli_triple_packed(
    a_crc: u32,
    b_crc: u32,
    c_crc: u32,
    a: *const u8,
    a_len: usize,
    rest: &TripleRest,
) -> Three {
    // SAFETY: as above.
    unsafe {
        let data = [
            slice(a, a_len),
            slice(rest.b, rest.b_len),
            slice(rest.c, rest.c_len),
        ];
        Three(crc32::castagnoli_triple(
            [a_crc, b_crc, c_crc],
            data,
            rest.rounds as usize,
        ))
    }
}

/// Three results: rax and rdx of the packed form become rax, rcx, rdx.
#[unsafe(naked)]
unsafe extern "C" fn crc32_castagnoli_triple() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "call {packed}",
        "mov rcx, rax",
        "shr rcx, 32",
        "mov eax, eax",
        "pop rbp",
        "ret",
        packed = sym castagnoli_triple_packed,
    )
}

/// `addVV(z, x, y []Word)`: the rest is {x cap, y}.
unsafe extern "C" fn big_add(
    z: *mut u64,
    len: usize,
    _cap: usize,
    x: *const u64,
    _x_len: usize,
    rest: &[usize; 4],
) -> u64 {
    // SAFETY: Go's vectors, as long as `z`.
    unsafe { bignum::add(z, x, rest[1] as *const u64, len) }
}

unsafe extern "C" fn big_sub(
    z: *mut u64,
    len: usize,
    _cap: usize,
    x: *const u64,
    _x_len: usize,
    rest: &[usize; 4],
) -> u64 {
    // SAFETY: as above.
    unsafe { bignum::sub(z, x, rest[1] as *const u64, len) }
}

/// `lshVU(z, x []Word, s uint)`: the rest is {x cap, s}.
unsafe extern "C" fn big_shift_left(
    z: *mut u64,
    len: usize,
    _cap: usize,
    x: *const u64,
    _x_len: usize,
    rest: &[usize; 2],
) -> u64 {
    // SAFETY: as above.
    unsafe { bignum::shift_left(z, x, len, rest[1] as u32) }
}

unsafe extern "C" fn big_shift_right(
    z: *mut u64,
    len: usize,
    _cap: usize,
    x: *const u64,
    _x_len: usize,
    rest: &[usize; 2],
) -> u64 {
    // SAFETY: as above.
    unsafe { bignum::shift_right(z, x, len, rest[1] as u32) }
}

/// `mulAddVWW(z, x []Word, m, a Word)`: the rest is {x cap, m, a}.
unsafe extern "C" fn big_multiply(
    z: *mut u64,
    len: usize,
    _cap: usize,
    x: *const u64,
    _x_len: usize,
    rest: &[usize; 3],
) -> u64 {
    // SAFETY: as above.
    unsafe { bignum::multiply(z, x, len, rest[1] as u64, rest[2] as u64) }
}

/// `addMulVVWW(z, x, y []Word, m, a Word)`: the rest is {x cap, y, m, a}.
unsafe extern "C" fn big_add_multiple(
    z: *mut u64,
    len: usize,
    _cap: usize,
    x: *const u64,
    _x_len: usize,
    rest: &[usize; 6],
) -> u64 {
    // SAFETY: as above.
    unsafe {
        bignum::add_multiple(
            z,
            x,
            rest[1] as *const u64,
            len,
            rest[4] as u64,
            rest[5] as u64,
        )
    }
}

/// `addMulVVW1024(z, x *uint, y uint)`: z += x * y.
unsafe extern "C" fn nat_16(z: *mut u64, x: *const u64, y: u64) -> u64 {
    // SAFETY: Go's numbers of that size.
    unsafe { bignum::add_multiple(z, z, x, 16, y, 0) }
}

unsafe extern "C" fn nat_24(z: *mut u64, x: *const u64, y: u64) -> u64 {
    // SAFETY: as above.
    unsafe { bignum::add_multiple(z, z, x, 24, y, 0) }
}

unsafe extern "C" fn nat_32(z: *mut u64, x: *const u64, y: u64) -> u64 {
    // SAFETY: as above.
    unsafe { bignum::add_multiple(z, z, x, 32, y, 0) }
}

unsafe extern "C" fn field_mul(out: *mut [u64; 5], a: *const [u64; 5], b: *const [u64; 5]) {
    // SAFETY: Go's elements; they may be the same.
    unsafe { *out = field25519::multiply(&*a, &*b) }
}

unsafe extern "C" fn poly1305_update(mac: &mut chacha::Mac, data: *const u8, len: usize) {
    // SAFETY: Go's slice.
    mac.update(unsafe { slice(data, len) });
}

/// `gcmAesEnc(table, dst, src []byte, ctr, T *[16]byte, ks []uint32)`: the rest is {src len, src cap, ctr, T, ks}.
macro_rules! gcm_directions {
    ($($name:ident = $crypt:path;)*) => {$(
        unsafe extern "C" fn $name(table: *const u8, dst: *mut u8, _len: usize, _cap: usize, src: *const u8, rest: &[usize; 7]) {
            let arguments = gcm::Crypt {
                dst,
                src,
                len: rest[0],
                counter: rest[2] as *const u8,
                state: rest[3] as *mut u8,
                keys: rest[4] as *const u32,
                key_words: rest[5],
            };
            // SAFETY: Go's promises; std has checked the features.
            unsafe { $crypt(table, &arguments) }
        }
    )*};
}
gcm_directions! {
    gcm_seal = gcm::seal;
    gcm_open = gcm::open;
}

rt_sched::jump_stubs! {
    "crypto/sha1.blockSHANI" => sha1_ni;
    "crypto/sha1.blockAVX2" => sha1_bmi2;
    "crypto/internal/fips140/sha256.blockSHANI" => sha256_ni;
    "crypto/internal/fips140/sha256.blockAVX2" => sha256_bmi2;
    "crypto/internal/fips140/sha512.blockAVX2" => sha512_bmi2;
    "crypto/md5.block" => md5_block;
    "hash/crc32.ieeeCLMUL" => crc32_ieee;
    "hash/crc32.castagnoliSSE42" => crc32_castagnoli;
    "hash/crc32.castagnoliSSE42Triple" => crc32_castagnoli_triple;
    "crypto/internal/fips140/aes.encryptBlockAsm" => aes::encrypt_block;
    "crypto/internal/fips140/aes.decryptBlockAsm" => aes::decrypt_block;
    "crypto/internal/fips140/aes/gcm.gcmAesFinish" => gcm::finish;
    "crypto/internal/fips140/subtle.xorBytes" => xor::xor_bytes;
    "math/big.addVV" => big_add;
    "math/big.subVV" => big_sub;
    "math/big.lshVU" => big_shift_left;
    "math/big.rshVU" => big_shift_right;
    "math/big.mulAddVWW" => big_multiply;
    "math/big.addMulVVWW" => big_add_multiple;
    "crypto/internal/fips140/bigmod.addMulVVW1024" => nat_16;
    "crypto/internal/fips140/bigmod.addMulVVW1536" => nat_24;
    "crypto/internal/fips140/bigmod.addMulVVW2048" => nat_32;
    "crypto/internal/fips140/edwards25519/field.feMul" => field_mul;
    "crypto/internal/fips140/nistec.p256Mul" => p256::field_mul;
    "crypto/internal/fips140/nistec.p256Sqr" => p256::field_sqr;
    "crypto/internal/fips140/nistec.p256FromMont" => p256::from_mont;
    "crypto/internal/fips140/nistec.p256NegCond" => p256::neg_cond;
    "crypto/internal/fips140/nistec.p256MovCond" => p256::mov_cond;
    "crypto/internal/fips140/nistec.p256Select" => p256::select;
    "crypto/internal/fips140/nistec.p256SelectAffine" => p256::select_affine;
    "vendor/golang.org/x/crypto/internal/poly1305.update" => poly1305_update;
}

rt_sched::deep_leaf_stubs! {
    "crypto/internal/fips140/sha3.keccakF1600" => keccak_permute;
    "crypto/internal/fips140/aes/gcm.gcmAesInit" => gcm::init;
    "crypto/internal/fips140/aes/gcm.gcmAesData" => gcm::data;
    "crypto/internal/fips140/aes/gcm.gcmAesEnc" => gcm_seal;
    "crypto/internal/fips140/aes/gcm.gcmAesDec" => gcm_open;
    "crypto/internal/fips140/nistec.p256PointAddAffineAsm" => p256::add_affine;
    "crypto/internal/fips140/nistec.p256PointAddAsm" => p256::point_add;
    "crypto/internal/fips140/nistec.p256PointDoubleAsm" => p256::point_double;
    "vendor/golang.org/x/crypto/chacha20poly1305.chacha20Poly1305Seal" => chacha::seal;
    "vendor/golang.org/x/crypto/chacha20poly1305.chacha20Poly1305Open" => chacha::open;
    "crypto/internal/fips140/aes.ctrBlocks1Asm" => aes::ctr1;
    "crypto/internal/fips140/aes.ctrBlocks2Asm" => aes::ctr2;
    "crypto/internal/fips140/aes.ctrBlocks4Asm" => aes::ctr4;
    "crypto/internal/fips140/aes.ctrBlocks8Asm" => aes::ctr8;
    "crypto/internal/fips140/aes.expandKeyAsm" => aes::expand_key;
}
