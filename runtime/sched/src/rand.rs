//! Random numbers for Go code: ChaCha8 per M, seeded from the kernel, rekeyed from its own output (so that a stolen state
//! does not tell the past).

use core::cell::{Cell, UnsafeCell};

/// Words of output that one refill makes.
const WORDS: usize = 32;

/// The generator. Belongs to its M's thread.
pub struct Generator {
    key: UnsafeCell<[u32; 8]>,
    counter: Cell<u64>,
    out: UnsafeCell<[u64; WORDS]>,
    used: Cell<usize>,
    seeded: Cell<bool>,
}

impl Generator {
    /// Not seeded.
    pub const fn new() -> Generator {
        Generator {
            key: UnsafeCell::new([0; 8]),
            counter: Cell::new(0),
            out: UnsafeCell::new([0; WORDS]),
            used: Cell::new(WORDS),
            seeded: Cell::new(false),
        }
    }

    /// 64 random bits. Only on the generator's own thread.
    #[inline]
    pub fn next(&self) -> u64 {
        if self.used.get() == WORDS {
            self.refill();
        }
        let index = self.used.get();
        self.used.set(index + 1);
        // SAFETY: one thread, no reference outlives this function.
        unsafe { (&mut *self.out.get())[index] }
    }

    #[cold]
    fn refill(&self) {
        // SAFETY: one thread, no other reference.
        let (key, out) = unsafe { (&mut *self.key.get(), &mut *self.out.get()) };
        if !self.seeded.get() {
            let mut seed = [0u8; 32];
            if rt_os::thread::getrandom(&mut seed).is_err() {
                // No getrandom: the clock and addresses; the kernel of the last twenty years has it.
                let ticks = rt_os::time::cputicks() ^ self as *const _ as u64;
                seed[..8].copy_from_slice(&ticks.to_le_bytes());
            }
            for (word, bytes) in key.iter_mut().zip(seed.chunks_exact(4)) {
                *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
            self.seeded.set(true);
        }
        for block in 0..WORDS / 8 {
            let counter = self.counter.get();
            self.counter.set(counter.wrapping_add(1));
            let words = chacha8(key, counter);
            for pair in 0..8 {
                out[block * 8 + pair] = words[pair * 2] as u64 | (words[pair * 2 + 1] as u64) << 32;
            }
        }
        // The last 32 bytes become the next key and are not given out.
        for index in 0..4 {
            let word = core::mem::take(&mut out[WORDS - 4 + index]);
            key[index * 2] = word as u32;
            key[index * 2 + 1] = (word >> 32) as u32;
        }
        // Move the rest to the end so that `used` counts up to WORDS.
        out.copy_within(0..WORDS - 4, 4);
        self.used.set(4);
    }
}

/// One block of ChaCha with 8 rounds (RFC 8439's layout with a 64-bit counter and a zero nonce).
fn chacha8(key: &[u32; 8], counter: u64) -> [u32; 16] {
    let initial = [
        0x6170_7865,
        0x3320_646e,
        0x7962_2d32,
        0x6b20_6574,
        key[0],
        key[1],
        key[2],
        key[3],
        key[4],
        key[5],
        key[6],
        key[7],
        counter as u32,
        (counter >> 32) as u32,
        0,
        0,
    ];
    let mut state = initial;
    for _ in 0..4 {
        quarter(&mut state, 0, 4, 8, 12);
        quarter(&mut state, 1, 5, 9, 13);
        quarter(&mut state, 2, 6, 10, 14);
        quarter(&mut state, 3, 7, 11, 15);
        quarter(&mut state, 0, 5, 10, 15);
        quarter(&mut state, 1, 6, 11, 12);
        quarter(&mut state, 2, 7, 8, 13);
        quarter(&mut state, 3, 4, 9, 14);
    }
    for (word, start) in state.iter_mut().zip(initial) {
        *word = word.wrapping_add(start);
    }
    state
}

#[inline(always)]
fn quarter(state: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(16);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(12);
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(8);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_differ_by_counter_and_key() {
        let key = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_ne!(chacha8(&key, 0), chacha8(&key, 1));
        assert_ne!(chacha8(&key, 0), chacha8(&[0; 8], 0));
    }

    #[test]
    fn zero_key_gives_the_published_chacha8_stream() {
        // First words of the ChaCha8 keystream for an all-zero 256-bit key and IV (Strombergson's test vectors, TC1).
        let words = chacha8(&[0; 8], 0);
        assert_eq!(words[0].to_le_bytes(), [0x3e, 0x00, 0xef, 0x2f]);
        assert_eq!(words[1].to_le_bytes(), [0x89, 0x5f, 0x40, 0xd6]);
    }

    #[test]
    fn output_does_not_repeat_across_refills() {
        let generator = Generator::new();
        let mut seen = std::collections::HashSet::new();
        assert!((0..500).all(|_| seen.insert(generator.next())));
    }
}
