//! The field and the points of the curve P-256, in the Montgomery domain with R = 2^256.
//!
//! Elements are four words below p, points are Jacobian (x/z^2, y/z^3), z = 0 is the point at infinity. Every function takes the same
//! time for all operands: selections are masks, tables are read whole.

use crate::bignum::multiply_add;

/// A field element.
pub type Element = [u64; 4];

/// 2^256 - 2^224 + 2^192 + 2^96 - 1.
const P: Element = [
    0xffff_ffff_ffff_ffff,
    0x0000_0000_ffff_ffff,
    0,
    0xffff_ffff_0000_0001,
];

/// R modulo p: one in the Montgomery domain.
const ONE: Element = [1, 0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0xffff_fffe];

/// A point; the layout of Go's `P256Point`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// x * z^2.
    pub x: Element,
    /// y * z^3.
    pub y: Element,
    /// Zero at infinity.
    pub z: Element,
}

/// An affine point; the layout of Go's `p256AffinePoint`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affine {
    #[allow(missing_docs)]
    pub x: Element,
    #[allow(missing_docs)]
    pub y: Element,
}

/// All ones if the word is zero.
#[inline(always)]
fn zero_mask(x: u64) -> u64 {
    ((x | x.wrapping_neg()) >> 63).wrapping_sub(1)
}

/// `mask ? a : b`.
#[inline(always)]
fn choose(mask: u64, a: &Element, b: &Element) -> Element {
    core::array::from_fn(|i| (a[i] & mask) | (b[i] & !mask))
}

/// Whether the element is zero, as a mask.
#[inline(always)]
fn is_zero(a: &Element) -> u64 {
    zero_mask(a[0] | a[1] | a[2] | a[3])
}

/// `a - p` if `a` (with a fifth word) is at least p.
#[inline(always)]
fn subtract_p(a: &Element, above: u64) -> Element {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (d, b1) = a[i].overflowing_sub(P[i]);
        let (d, b2) = d.overflowing_sub(borrow as u64);
        (out[i], borrow) = (d, b1 | b2);
    }
    let keep = zero_mask(above) & (borrow as u64).wrapping_neg();
    choose(keep, a, &out)
}

#[inline(always)]
fn add(a: &Element, b: &Element) -> Element {
    let mut out = [0; 4];
    let mut carry = false;
    for i in 0..4 {
        let (s, c1) = a[i].overflowing_add(b[i]);
        let (s, c2) = s.overflowing_add(carry as u64);
        (out[i], carry) = (s, c1 | c2);
    }
    subtract_p(&out, carry as u64)
}

#[inline(always)]
fn sub(a: &Element, b: &Element) -> Element {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (d, b1) = a[i].overflowing_sub(b[i]);
        let (d, b2) = d.overflowing_sub(borrow as u64);
        (out[i], borrow) = (d, b1 | b2);
    }
    let mask = (borrow as u64).wrapping_neg();
    let mut carry = false;
    for i in 0..4 {
        let (s, c1) = out[i].overflowing_add(P[i] & mask);
        let (s, c2) = s.overflowing_add(carry as u64);
        (out[i], carry) = (s, c1 | c2);
    }
    out
}

/// One word of Montgomery reduction: adds the multiple of p that clears the lowest word (the inverse of -p modulo 2^64 is 1) and drops it.
#[inline(always)]
fn reduce_word(t: [u64; 5]) -> [u64; 5] {
    let m = t[0];
    let (low3, high3) = multiply_add(m, P[3], 0, 0);
    // m * p = m * 2^96 - m + m * P[3] * 2^192; t[0] - m is zero.
    let (t1, c) = t[1].overflowing_add(m << 32);
    let (t2, c1) = t[2].overflowing_add(m >> 32);
    let (t2, c2) = t2.overflowing_add(c as u64);
    let c = c1 | c2;
    let (t3, c1) = t[3].overflowing_add(low3);
    let (t3, c2) = t3.overflowing_add(c as u64);
    let c = c1 | c2;
    let (t4, c1) = t[4].overflowing_add(high3);
    let (t4, c2) = t4.overflowing_add(c as u64);
    [t1, t2, t3, t4, (c1 | c2) as u64]
}

/// `a * b / R`.
#[inline(always)]
fn mul(a: &Element, b: &Element) -> Element {
    let mut t = [0u64; 5];
    for &word in b {
        let mut carry = 0;
        let mut row = [0u64; 4];
        for i in 0..4 {
            (row[i], carry) = multiply_add(a[i], word, t[i], carry);
        }
        let (top, over) = t[4].overflowing_add(carry);
        let reduced = reduce_word([row[0], row[1], row[2], row[3], top]);
        // The sum stays below 2p * 2^64, so the fifth word is 0 or 1.
        t = [
            reduced[0],
            reduced[1],
            reduced[2],
            reduced[3],
            reduced[4] + over as u64,
        ];
    }
    subtract_p(&[t[0], t[1], t[2], t[3]], t[4])
}

/// A multiplication that is not inlined: points need a dozen.
#[inline(never)]
fn multiply(a: &Element, b: &Element) -> Element {
    mul(a, b)
}

#[inline(always)]
fn square(a: &Element) -> Element {
    multiply(a, a)
}

#[inline(always)]
fn double(a: &Element) -> Element {
    add(a, a)
}

/// `res = a * b / R`.
///
/// # Safety
/// Elements; they may be the same.
pub unsafe extern "C" fn field_mul(res: *mut Element, a: *const Element, b: *const Element) {
    // SAFETY: the caller's promise.
    unsafe { *res = mul(&*a, &*b) }
}

/// `res = a` squared `n` times.
///
/// # Safety
/// Elements; they may be the same.
pub unsafe extern "C" fn field_sqr(res: *mut Element, a: *const Element, n: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut x = *a;
        for _ in 0..n {
            x = mul(&x, &x);
        }
        *res = x;
    }
}

/// `res = a / R`.
///
/// # Safety
/// Elements; they may be the same.
pub unsafe extern "C" fn from_mont(res: *mut Element, a: *const Element) {
    // SAFETY: the caller's promise.
    unsafe { *res = mul(&*a, &[1, 0, 0, 0]) }
}

/// `val = -val` if `cond` is not zero.
///
/// # Safety
/// An element.
pub unsafe extern "C" fn neg_cond(val: *mut Element, cond: u64) {
    // SAFETY: the caller's promise.
    unsafe { *val = choose(!zero_mask(cond), &sub(&[0; 4], &*val), &*val) }
}

#[inline(always)]
fn choose_point(mask: u64, a: &Point, b: &Point) -> Point {
    Point {
        x: choose(mask, &a.x, &b.x),
        y: choose(mask, &a.y, &b.y),
        z: choose(mask, &a.z, &b.z),
    }
}

/// `res = cond ? a : b`.
///
/// # Safety
/// Points; they may be the same.
pub unsafe extern "C" fn mov_cond(res: *mut Point, a: *const Point, b: *const Point, cond: u64) {
    // SAFETY: the caller's promise.
    unsafe { *res = choose_point(!zero_mask(cond), &*a, &*b) }
}

/// Entry `index - 1` of a table; all zeros for index 0.
///
/// # Safety
/// A table of 16 points.
pub unsafe extern "C" fn select(res: *mut Point, table: *const [Point; 16], index: u64) {
    let mut out = Point::default();
    // SAFETY: the caller's promise.
    unsafe {
        for (i, entry) in (*table).iter().enumerate() {
            out = choose_point(zero_mask(index ^ (i as u64 + 1)), entry, &out);
        }
        *res = out;
    }
}

/// Entry `index - 1` of a table; all zeros for index 0.
///
/// # Safety
/// A table of 32 points.
pub unsafe extern "C" fn select_affine(res: *mut Affine, table: *const [Affine; 32], index: u64) {
    let mut out = Affine::default();
    // SAFETY: the caller's promise.
    unsafe {
        for (i, entry) in (*table).iter().enumerate() {
            let mask = zero_mask(index ^ (i as u64 + 1));
            out.x = choose(mask, &entry.x, &out.x);
            out.y = choose(mask, &entry.y, &out.y);
        }
        *res = out;
    }
}

/// `res = a + b`, or `a - b` if `sign` is not zero; `a` if `sel` is zero, `b` if `zero` is.
///
/// # Safety
/// Points; `res` may be `a`. `a` is not `b` (unless one of the last two holds).
pub unsafe extern "C" fn add_affine(
    res: *mut Point,
    a: *const Point,
    b: *const Affine,
    sign: u64,
    sel: u64,
    zero: u64,
) {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (&*a, &*b) };
    let y2 = choose(!zero_mask(sign), &sub(&[0; 4], &b.y), &b.y);
    let zz = square(&a.z);
    let u2 = multiply(&b.x, &zz);
    let s2 = multiply(&y2, &multiply(&a.z, &zz));
    let h = sub(&u2, &a.x);
    let r = sub(&s2, &a.y);
    let sum = chord(&a.x, &a.y, &h, &r, &multiply(&a.z, &h));
    let b = Point {
        x: b.x,
        y: y2,
        z: ONE,
    };
    let out = choose_point(zero_mask(sel), a, &sum);
    // SAFETY: the caller's promise.
    unsafe { *res = choose_point(zero_mask(zero), &b, &out) }
}

/// The third point on the line: u1, s1 are the first point's scaled coordinates, h and r the differences to the second one.
#[inline(always)]
fn chord(u1: &Element, s1: &Element, h: &Element, r: &Element, z: &Element) -> Point {
    let hh = square(h);
    let hhh = multiply(h, &hh);
    let v = multiply(u1, &hh);
    let x = sub(&sub(&square(r), &hhh), &double(&v));
    let y = sub(&multiply(r, &sub(&v, &x)), &multiply(s1, &hhh));
    Point { x, y, z: *z }
}

/// `res = a + b`; returns 1 if they are the same point (the sum is then not computed).
///
/// # Safety
/// Points; they may be the same.
pub unsafe extern "C" fn point_add(res: *mut Point, a: *const Point, b: *const Point) -> u64 {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (&*a, &*b) };
    let (zz1, zz2) = (square(&a.z), square(&b.z));
    let (u1, u2) = (multiply(&a.x, &zz2), multiply(&b.x, &zz1));
    let s1 = multiply(&a.y, &multiply(&b.z, &zz2));
    let s2 = multiply(&b.y, &multiply(&a.z, &zz1));
    let (h, r) = (sub(&u2, &u1), sub(&s2, &s1));
    let z = multiply(&multiply(&a.z, &b.z), &h);
    let sum = chord(&u1, &s1, &h, &r, &z);
    // SAFETY: the caller's promise.
    unsafe { *res = sum };
    is_zero(&h) & is_zero(&r) & 1
}

/// `res = 2 a` (the formulas for a = -3 of D. Bernstein, 2001).
///
/// # Safety
/// Points; they may be the same.
pub unsafe extern "C" fn point_double(res: *mut Point, a: *const Point) {
    // SAFETY: the caller's promise.
    let a = unsafe { &*a };
    let delta = square(&a.z);
    let gamma = square(&a.y);
    let beta = multiply(&a.x, &gamma);
    let product = multiply(&sub(&a.x, &delta), &add(&a.x, &delta));
    let alpha = add(&double(&product), &product);
    let beta4 = double(&double(&beta));
    let x = sub(&square(&alpha), &double(&beta4));
    let z = sub(&sub(&square(&add(&a.y, &a.z)), &gamma), &delta);
    let gamma8 = double(&double(&double(&square(&gamma))));
    let y = sub(&multiply(&alpha, &sub(&beta4, &x)), &gamma8);
    // SAFETY: the caller's promise.
    unsafe { *res = Point { x, y, z } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator, in the Montgomery domain.
    const G: Point = Point {
        x: [
            0x79e730d418a9143c,
            0x75ba95fc5fedb601,
            0x79fb732b77622510,
            0x18905f76a53755c6,
        ],
        y: [
            0xddf25357ce95560a,
            0x8b4ab8e4ba19e45c,
            0xd2e88688dd21f325,
            0x8571ff1825885d85,
        ],
        z: ONE,
    };
    const B: Element = [
        0xd89cdf6229c4bddf,
        0xacf005cd78843090,
        0xe5a220abf7212ed6,
        0xdc30061d04874834,
    ];

    fn on_curve(p: &Point) -> bool {
        // y^2 = x^3 - 3 x z^4 + b z^6
        let zz = square(&p.z);
        let z4 = square(&zz);
        let three_x = add(&double(&p.x), &p.x);
        let right = sub(&multiply(&square(&p.x), &p.x), &multiply(&three_x, &z4));
        square(&p.y) == add(&right, &multiply(&B, &multiply(&z4, &zz)))
    }

    fn same(p: &Point, q: &Point) -> bool {
        let (pz, qz) = (square(&p.z), square(&q.z));
        multiply(&p.x, &qz) == multiply(&q.x, &pz)
            && multiply(&p.y, &multiply(&qz, &q.z)) == multiply(&q.y, &multiply(&pz, &p.z))
    }

    fn sum(a: &Point, b: &Point) -> Point {
        let mut out = Point::default();
        // SAFETY: points.
        unsafe { point_add(&mut out, a, b) };
        out
    }

    fn twice(a: &Point) -> Point {
        let mut out = Point::default();
        // SAFETY: points.
        unsafe { point_double(&mut out, a) };
        out
    }

    #[test]
    fn multiples_of_the_generator() {
        assert!(on_curve(&G));
        let two = twice(&G);
        let three = sum(&two, &G);
        let four = twice(&two);
        assert!(on_curve(&two) && on_curve(&three) && on_curve(&four));
        assert!(same(&sum(&three, &G), &four) && !same(&two, &three));
        assert!(same(&sum(&four, &three), &sum(&sum(&four, &two), &G)));
        let affine = Affine { x: G.x, y: G.y };
        let mut out = Point::default();
        let check = |sign, sel, zero, want: &Point, out: &mut Point| {
            // SAFETY: points.
            unsafe { add_affine(out, &four, &affine, sign, sel, zero) };
            assert!(same(out, want));
        };
        check(0, 1, 1, &sum(&four, &G), &mut out);
        check(1, 1, 1, &three, &mut out);
        check(0, 0, 1, &four, &mut out);
        check(0, 1, 0, &G, &mut out);
        let minus = Point {
            y: sub(&[0; 4], &G.y),
            ..G
        };
        let again = sum(&three, &minus);
        // SAFETY: points.
        let same_point = unsafe { point_add(&mut out, &two, &again) };
        assert_eq!(same_point, 1);
        assert_eq!(
            twice(&Point {
                x: ONE,
                y: ONE,
                z: [0; 4]
            })
            .z,
            [0; 4]
        );
    }

    #[test]
    fn selections() {
        let table: [Point; 16] = core::array::from_fn(|i| Point {
            x: [i as u64 + 1; 4],
            y: [7; 4],
            z: [9; 4],
        });
        let mut out = G;
        for index in 0..=16 {
            // SAFETY: a table.
            unsafe { select(&mut out, &table, index) };
            assert_eq!(out.x, [index; 4]);
        }
        let mut x = G.x;
        // SAFETY: elements.
        unsafe {
            neg_cond(&mut x, 0);
            assert_eq!(x, G.x);
            neg_cond(&mut x, 1);
            assert_eq!(add(&x, &G.x), [0; 4]);
            from_mont(&mut x, &ONE);
            assert_eq!(x, [1, 0, 0, 0]);
        }
    }
}
