//! The per-P allocation cache, whose head compiled code knows.
//!
//! For every span class the cache has a *window*: a run of free slots of the class's current
//! span, ready to use: zeroed, pointer bits clear, counted, and marked if a collection is in its
//! mark phase. Allocation inside a window is a bump of `next`; nothing else is needed for
//! pointer-free objects, and one OR into the pointer bits for objects with pointers:
//!
//! ```text
//!   w = mcache + WINDOWS + span_class * 16
//!   p = [w]; q = p + slot size; if q > [w + 8] call slow; [w] = q
//!   object with pointers of at most 512 bytes, n words, mask m (bit i: word i holds a pointer):
//!       a = [mcache + POINTER_BITS_BIAS] + (p >> 9 << 3); s = p >> 3 & 63
//!       qword [a] |= m << s; if s + n > 64: qword [a + 8] |= m >> (64 - s)
//!   object with pointers above 512 bytes: [p] = type; the object is p + 8
//! ```
//! Pointer-free classes of [`NO_WINDOW_SIZE`] and more have no window (always call): their memory
//! is cleared only when asked.
//!
//! Everything that must happen "every so often" happens when a window is used up, so it costs the
//! fast path nothing: sampling for the heap profile ends a window before the sampled object, the
//! collector's assists and trigger are looked at per window, the stress switch "collect at every
//! Nth allocation" makes windows of N objects.
//!
//! Closing a window (world stopped, or by its owner) gives the unused tail back to the span:
//! `free_index` moves down, counts are corrected and, during marking, the tail's marks cleared.

use crate::span::MSpan;
use abi::sizeclass::{NUM_SPAN_CLASSES, TINY_SIZE};
use core::mem::offset_of;
use core::ptr;

/// Pointer-free slots of this size and more are not allocated through windows.
pub const NO_WINDOW_SIZE: usize = 1024;
/// Most bytes of a window of several objects.
pub const WINDOW_BYTES: usize = 8192;
/// Entries of a write-barrier buffer.
pub const WB_ENTRIES: usize = 512;

/// Offset of the windows, [`Window`] each, by span class.
pub const WINDOWS: usize = offset_of!(MCache, windows);
/// Offset of the current tiny block's next free byte and end (0 if none).
pub const TINY_NEXT: usize = offset_of!(MCache, tiny_next);
/// Offset of the tiny block's end.
pub const TINY_END: usize = offset_of!(MCache, tiny_end);
/// Offset of the word to add to `address >> 9 << 3` for the address of its word of pointer bits.
pub const POINTER_BITS_BIAS: usize = offset_of!(MCache, pointer_bits_bias);
/// Offset of the count of objects in tiny blocks (compiled code adds 1 to it).
pub const TINY_ALLOCS: usize = offset_of!(MCache, tiny_allocs);
/// Offset of the write-barrier buffer: {next, end} and entries.
pub const WB_BUF: usize = offset_of!(MCache, wb_buf);

/// A run of ready slots.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// Next free slot.
    pub next: usize,
    /// End of the run.
    pub end: usize,
}

/// Pointers to shade, appended by compiled code while the barrier is on. `next == end` asks for
/// a flush before the next append; each barrier appends the old value and the new one, and always
/// leaves room for two.
#[repr(C)]
#[derive(Debug)]
pub struct WbBuf {
    /// Address of the next free entry.
    pub next: usize,
    /// Address past the last entry.
    pub end: usize,
    /// Entries (values may be null or no pointers into the heap).
    pub entries: [usize; WB_ENTRIES],
}

impl WbBuf {
    /// Empties the buffer.
    pub fn reset(&mut self) {
        self.next = self.entries.as_ptr() as usize;
        self.end = self.next + size_of_val(&self.entries);
    }

    /// The entries in use.
    pub fn used(&self) -> &[usize] {
        let len = (self.next - self.entries.as_ptr() as usize) / 8;
        &self.entries[..len]
    }

    /// Appends; returns whether the buffer is full now.
    #[inline]
    pub fn push(&mut self, value: usize) -> bool {
        let index = (self.next - self.entries.as_ptr() as usize) / 8;
        self.entries[index] = value;
        self.next += 8;
        self.next == self.end
    }
}

/// Counts of a P since it was last asked.
#[derive(Clone, Copy, Debug)]
pub struct LocalStats {
    /// Objects allocated by span class (windows count whole when opened).
    pub small_allocs: [u64; NUM_SPAN_CLASSES],
    /// Large objects.
    pub large_allocs: u64,
    /// Their bytes.
    pub large_bytes: u64,
}

/// The cache of one P. Used by the P's current thread, or by anybody while the world is stopped.
#[repr(C)]
#[derive(Debug)]
pub struct MCache {
    /// By span class.
    pub windows: [Window; NUM_SPAN_CLASSES],
    /// Next free byte of the tiny block, 0 if there is none.
    pub tiny_next: usize,
    /// Its end.
    pub tiny_end: usize,
    /// See [`POINTER_BITS_BIAS`].
    pub pointer_bits_bias: usize,
    /// Objects put into tiny blocks.
    pub tiny_allocs: u64,
    /// Barrier buffer.
    pub wb_buf: WbBuf,
    /// Where the windows come from.
    pub(crate) spans: [*mut MSpan; NUM_SPAN_CLASSES],
    /// Bytes to allocate until the next profile sample, by span class; the last entry is for
    /// large objects.
    pub(crate) sample_left: [i64; NUM_SPAN_CLASSES + 1],
    /// Profile rate that `sample_left` was drawn for.
    pub(crate) sample_rate: i64,
    /// Object that the last allocation chose for the heap profile, 0 if none; whoever called
    /// takes the stack, calls `Heap::record_sample` and resets it.
    pub sampled: usize,
    /// Its size.
    pub sampled_size: usize,
    pub(crate) stats: LocalStats,
    /// Bytes of windows opened and not yet added to the heap's live bytes.
    pub(crate) pending_live: usize,
    /// Bytes allocated since the collector last asked (for assists); it resets this.
    pub assist_bytes: usize,
    /// Left until a forced collection (stress).
    pub(crate) stress_left: u32,
    /// Random state.
    pub(crate) rng: u64,
    /// Credit of mark work that the assists of this P share.
    pub assist_credit: i64,
    /// The collector's local work buffers (opaque here).
    pub gc_work: [usize; 16],
    /// Next in the heap's list of all caches.
    pub(crate) all_next: *mut MCache,
    /// Next in the list of unused caches.
    pub(crate) free_next: *mut MCache,
    /// Whether it belongs to a P.
    pub(crate) in_use: bool,
}

impl MCache {
    /// Brings zeroed memory to the initial state.
    pub(crate) fn init(&mut self, pointer_bits_bias: usize, seed: u64) {
        self.windows = [Window::default(); NUM_SPAN_CLASSES];
        self.spans = [ptr::null_mut(); NUM_SPAN_CLASSES];
        self.pointer_bits_bias = pointer_bits_bias;
        self.rng = seed | 1;
        self.wb_buf.reset();
        self.sample_rate = -1;
    }

    /// A fresh tiny block with `size` bytes taken becomes the current one if it has more room left than that.
    #[inline]
    pub(crate) fn keep_tiny(&mut self, block: usize, size: usize) {
        if self.tiny_end.wrapping_sub(self.tiny_next) < TINY_SIZE - size || self.tiny_next == 0 {
            self.tiny_next = block + size;
            self.tiny_end = block + TINY_SIZE;
        }
    }

    /// Some random bits (xorshift).
    pub(crate) fn random(&mut self) -> u64 {
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        self.rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiled code has these numbers built in: a change here is a change of the ABI.
    #[test]
    fn head_has_fixed_offsets() {
        assert_eq!(size_of::<Window>(), 16);
        assert_eq!((WINDOWS, TINY_NEXT, TINY_END), (0, 2176, 2184));
        assert_eq!((POINTER_BITS_BIAS, TINY_ALLOCS, WB_BUF), (2192, 2200, 2208));
    }
}
