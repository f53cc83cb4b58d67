//! Vectors of 64-bit words, least significant first: the kernels of `math/big` and of `crypto/internal/fips140/bigmod`.

/// `z = x + y + carry`; returns the carry out. `N` is known or the length of `z`.
#[inline(always)]
fn add_carry(x: u64, y: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = x.overflowing_add(y);
    let (sum, second) = sum.overflowing_add(carry as u64);
    (sum, first | second)
}

/// `x * y + a + b` as (low, high); cannot overflow.
#[inline(always)]
pub(crate) fn multiply_add(x: u64, y: u64, a: u64, b: u64) -> (u64, u64) {
    let wide = x as u128 * y as u128 + a as u128 + b as u128;
    (wide as u64, (wide >> 64) as u64)
}

/// `z = x + y`, returns the carry. `z` may be `x` or `y`.
///
/// # Safety
/// All have `len` words.
#[inline(always)]
pub unsafe fn add(z: *mut u64, x: *const u64, y: *const u64, len: usize) -> u64 {
    let mut carry = 0u8;
    // SAFETY: below `len`.
    unsafe {
        let mut i = 0;
        while i + 4 <= len {
            for j in i..i + 4 {
                let mut sum = 0;
                carry = core::arch::x86_64::_addcarry_u64(carry, *x.add(j), *y.add(j), &mut sum);
                *z.add(j) = sum;
            }
            i += 4;
        }
        while i < len {
            let (sum, out) = add_carry(*x.add(i), *y.add(i), carry != 0);
            *z.add(i) = sum;
            carry = out as u8;
            i += 1;
        }
    }
    carry as u64
}

/// `z = x - y`, returns the borrow. `z` may be `x` or `y`.
///
/// # Safety
/// All have `len` words.
#[inline(always)]
pub unsafe fn sub(z: *mut u64, x: *const u64, y: *const u64, len: usize) -> u64 {
    let mut borrow = 0u8;
    // SAFETY: below `len`.
    unsafe {
        for i in 0..len {
            let mut difference = 0;
            borrow =
                core::arch::x86_64::_subborrow_u64(borrow, *x.add(i), *y.add(i), &mut difference);
            *z.add(i) = difference;
        }
    }
    borrow as u64
}

/// `z = x << shift`, 0 < shift < 64; returns the bits shifted out. `z` may overlap `x` at higher addresses.
///
/// # Safety
/// Both have `len` words.
#[inline(always)]
pub unsafe fn shift_left(z: *mut u64, x: *const u64, len: usize, shift: u32) -> u64 {
    if len == 0 {
        return 0;
    }
    let back = 64 - shift;
    // SAFETY: below `len`.
    unsafe {
        let mut above = *x.add(len - 1);
        let out = above >> back;
        for i in (1..len).rev() {
            let word = *x.add(i - 1);
            *z.add(i) = above << shift | word >> back;
            above = word;
        }
        *z = above << shift;
        out
    }
}

/// `z = x >> shift`, 0 < shift < 64; returns the bits shifted out, at the top of a word. `z` may overlap `x` at lower addresses.
///
/// # Safety
/// Both have `len` words.
#[inline(always)]
pub unsafe fn shift_right(z: *mut u64, x: *const u64, len: usize, shift: u32) -> u64 {
    if len == 0 {
        return 0;
    }
    let back = 64 - shift;
    // SAFETY: below `len`.
    unsafe {
        let mut below = *x;
        let out = below << back;
        for i in 0..len - 1 {
            let word = *x.add(i + 1);
            *z.add(i) = below >> shift | word << back;
            below = word;
        }
        *z.add(len - 1) = below >> shift;
        out
    }
}

/// `z = x * m + a`, returns the word above. `z` may be `x`.
///
/// # Safety
/// Both have `len` words.
#[inline(always)]
pub unsafe fn multiply(z: *mut u64, x: *const u64, len: usize, m: u64, a: u64) -> u64 {
    let mut carry = a;
    // SAFETY: below `len`.
    unsafe {
        for i in 0..len {
            let (low, high) = multiply_add(*x.add(i), m, carry, 0);
            *z.add(i) = low;
            carry = high;
        }
    }
    carry
}

/// `z = x + y * m + a`, returns the word above. `z` may be `x` or `y`.
///
/// # Safety
/// All have `len` words.
#[inline(always)]
pub unsafe fn add_multiple(
    z: *mut u64,
    x: *const u64,
    y: *const u64,
    len: usize,
    m: u64,
    a: u64,
) -> u64 {
    let mut carry = a;
    // SAFETY: below `len`.
    unsafe {
        let mut i = 0;
        while i + 4 <= len {
            for j in i..i + 4 {
                let (low, high) = multiply_add(*y.add(j), m, *x.add(j), carry);
                *z.add(j) = low;
                carry = high;
            }
            i += 4;
        }
        while i < len {
            let (low, high) = multiply_add(*y.add(i), m, *x.add(i), carry);
            *z.add(i) = low;
            carry = high;
            i += 1;
        }
    }
    carry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_vectors() {
        let max = [u64::MAX; 5];
        let one = [1, 0, 0, 0, 0];
        let mut z = [9u64; 5];
        // SAFETY: five words each.
        unsafe {
            assert_eq!(add(z.as_mut_ptr(), max.as_ptr(), one.as_ptr(), 5), 1);
            assert_eq!(z, [0; 5]);
            let from = z;
            assert_eq!(sub(z.as_mut_ptr(), from.as_ptr(), one.as_ptr(), 5), 1);
            assert_eq!(z, max);
            assert_eq!(
                multiply(z.as_mut_ptr(), max.as_ptr(), 5, u64::MAX, 3),
                u64::MAX - 1
            );
            assert_eq!(z, [4, u64::MAX, u64::MAX, u64::MAX, u64::MAX]);
            assert_eq!(
                add_multiple(z.as_mut_ptr(), one.as_ptr(), max.as_ptr(), 5, 2, 5),
                2
            );
            assert_eq!(z, [4, 0, 0, 0, 0]);
            assert_eq!(shift_left(z.as_mut_ptr(), max.as_ptr(), 5, 4), 15);
            assert_eq!(z[0], !15);
            assert_eq!(shift_right(z.as_mut_ptr(), max.as_ptr(), 5, 4), 15 << 60);
            assert_eq!(z[4], u64::MAX >> 4);
        }
    }
}
