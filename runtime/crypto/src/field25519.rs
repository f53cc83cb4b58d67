//! Multiplication in the field of edwards25519 and curve25519: five limbs of 51 bits.

/// `a * b` modulo 2^255 - 19, limbs a little above 51 bits as the callers expect.
pub fn multiply(a: &[u64; 5], b: &[u64; 5]) -> [u64; 5] {
    let wide = |x: u64, y: u64| x as u128 * y as u128;
    // A product of limbs i and j with i + j >= 5 counts 19 times.
    let folded: [u64; 5] = core::array::from_fn(|i| b[i].wrapping_mul(19));
    let r0 = wide(a[0], b[0])
        + wide(a[1], folded[4])
        + wide(a[2], folded[3])
        + wide(a[3], folded[2])
        + wide(a[4], folded[1]);
    let r1 = wide(a[0], b[1])
        + wide(a[1], b[0])
        + wide(a[2], folded[4])
        + wide(a[3], folded[3])
        + wide(a[4], folded[2]);
    let r2 = wide(a[0], b[2])
        + wide(a[1], b[1])
        + wide(a[2], b[0])
        + wide(a[3], folded[4])
        + wide(a[4], folded[3]);
    let r3 = wide(a[0], b[3])
        + wide(a[1], b[2])
        + wide(a[2], b[1])
        + wide(a[3], b[0])
        + wide(a[4], folded[4]);
    let r4 = wide(a[0], b[4])
        + wide(a[1], b[3])
        + wide(a[2], b[2])
        + wide(a[3], b[1])
        + wide(a[4], b[0]);
    const MASK: u64 = (1 << 51) - 1;
    let carry = [r0, r1, r2, r3, r4].map(|r| (r >> 51) as u64);
    let low = [r0, r1, r2, r3, r4].map(|r| r as u64 & MASK);
    let sum = [
        low[0] + carry[4] * 19,
        low[1] + carry[0],
        low[2] + carry[1],
        low[3] + carry[2],
        low[4] + carry[3],
    ];
    let carry = sum.map(|limb| limb >> 51);
    [
        (sum[0] & MASK) + carry[4] * 19,
        (sum[1] & MASK) + carry[0],
        (sum[2] & MASK) + carry[1],
        (sum[3] & MASK) + carry[2],
        (sum[4] & MASK) + carry[3],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products() {
        let two255 = [19u64, 0, 0, 0, 0];
        // 2^254 * 2 = 19 modulo p.
        let half = [0, 0, 0, 0, 1 << 50];
        assert_eq!(multiply(&half, &[2, 0, 0, 0, 0]), two255);
        let minus_one = [
            (1 << 51) - 20,
            (1 << 51) - 1,
            (1 << 51) - 1,
            (1 << 51) - 1,
            (1 << 51) - 1,
        ];
        let square = multiply(&minus_one, &minus_one);
        // 1, or 1 + p: both stand for one.
        assert!(
            square == [1, 0, 0, 0, 0]
                || square
                    == [
                        (1 << 51) - 18,
                        (1 << 51) - 1,
                        (1 << 51) - 1,
                        (1 << 51) - 1,
                        (1 << 51) - 1
                    ]
        );
    }
}
