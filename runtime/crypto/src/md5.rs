//! MD5 (RFC 1321) over whole blocks.

use crate::blocks;

/// Updates the state.
pub fn update(state: &mut [u32; 4], data: &[u8]) {
    for block in blocks::<64>(data) {
        let mut w = [0u32; 16];
        for (word, bytes) in w.iter_mut().zip(blocks::<4>(block)) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [mut a, mut b, mut c, mut d] = *state;
        macro_rules! step {
            ($a:ident, $b:ident, $f:expr, $index:expr, $k:literal, $shift:literal) => {
                $a = $a
                    .wrapping_add($f)
                    .wrapping_add(w[$index % 16])
                    .wrapping_add($k)
                    .rotate_left($shift)
                    .wrapping_add($b)
            };
        }
        macro_rules! round {
            ($f:ident, $first:literal, $stride:literal, [$s0:literal $s1:literal $s2:literal $s3:literal], $($k0:literal $k1:literal $k2:literal $k3:literal),*) => {{
                let mut index = $first;
                $(
                    step!(a, b, $f!(b, c, d), index, $k0, $s0);
                    step!(d, a, $f!(a, b, c), index + $stride, $k1, $s1);
                    step!(c, d, $f!(d, a, b), index + 2 * $stride, $k2, $s2);
                    step!(b, c, $f!(c, d, a), index + 3 * $stride, $k3, $s3);
                    index += 4 * $stride;
                )*
                let _ = index;
            }};
        }
        macro_rules! f {
            ($x:ident, $y:ident, $z:ident) => {
                (($y ^ $z) & $x) ^ $z
            };
        }
        // The two terms have no common bits: adding them shortens the chain of dependencies.
        macro_rules! g {
            ($x:ident, $y:ident, $z:ident) => {
                ($x & $z).wrapping_add($y & !$z)
            };
        }
        macro_rules! h {
            ($x:ident, $y:ident, $z:ident) => {
                $x ^ ($y ^ $z)
            };
        }
        macro_rules! i {
            ($x:ident, $y:ident, $z:ident) => {
                $y ^ ($x | !$z)
            };
        }
        round!(f, 0usize, 1, [7 12 17 22],
            0xd76aa478 0xe8c7b756 0x242070db 0xc1bdceee, 0xf57c0faf 0x4787c62a 0xa8304613 0xfd469501,
            0x698098d8 0x8b44f7af 0xffff5bb1 0x895cd7be, 0x6b901122 0xfd987193 0xa679438e 0x49b40821);
        round!(g, 1usize, 5, [5 9 14 20],
            0xf61e2562 0xc040b340 0x265e5a51 0xe9b6c7aa, 0xd62f105d 0x02441453 0xd8a1e681 0xe7d3fbc8,
            0x21e1cde6 0xc33707d6 0xf4d50d87 0x455a14ed, 0xa9e3e905 0xfcefa3f8 0x676f02d9 0x8d2a4c8a);
        round!(h, 5usize, 3, [4 11 16 23],
            0xfffa3942 0x8771f681 0x6d9d6122 0xfde5380c, 0xa4beea44 0x4bdecfa9 0xf6bb4b60 0xbebfbc70,
            0x289b7ec6 0xeaa127fa 0xd4ef3085 0x04881d05, 0xd9d4d039 0xe6db99e5 0x1fa27cf8 0xc4ac5665);
        round!(i, 0usize, 7, [6 10 15 21],
            0xf4292244 0x432aff97 0xab9423a7 0xfc93a039, 0x655b59c3 0x8f0ccc92 0xffeff47d 0x85845dd1,
            0x6fa87e4f 0xfe2ce6e0 0xa3014314 0x4e0811a1, 0xf7537e82 0xbd3af235 0x2ad7d2bb 0xeb86d391);
        *state = [
            state[0].wrapping_add(a),
            state[1].wrapping_add(b),
            state[2].wrapping_add(c),
            state[3].wrapping_add(d),
        ];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc() {
        let mut block = [0u8; 64];
        block[..4].copy_from_slice(b"abc\x80");
        block[56] = 24;
        let mut state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
        update(&mut state, &block);
        let digest: Vec<u8> = state.iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(digest[..4], [0x90, 0x01, 0x50, 0x98]);
        assert_eq!(digest[12..], [0x28, 0xe1, 0x7f, 0x72]);
    }
}
