//! A small cache in front of the process-wide interner, kept per thread across files.

use std::cell::Cell;

use base::Symbol;

use crate::token::head_word;

const SLOT_BITS: u32 = 13;
const SLOTS: usize = 1 << SLOT_BITS;

thread_local! {
    static SPARE: Cell<Option<NameCache>> = const { Cell::new(None) };
}

/// A name of at most 16 bytes is told by its first and last eight bytes and its length; longer ones
/// are compared with `NameCache::texts`.
#[derive(Clone, Copy)]
struct Slot {
    head: u64,
    tail: u64,
    len: u32,
    sym: Symbol,
}

/// A direct-mapped cache: name hash to symbol.
#[derive(Default)]
pub(crate) struct NameCache {
    slots: Box<[Slot]>,
    /// The slots' texts.
    texts: Box<[&'static str]>,
}

impl NameCache {
    /// This thread's cache, or a new one.
    pub(crate) fn take() -> NameCache {
        SPARE.take().unwrap_or_else(|| {
            let empty = Slot {
                head: 0,
                tail: 0,
                len: 0,
                sym: Symbol::intern("_"),
            };
            NameCache {
                slots: vec![empty; SLOTS].into(),
                texts: vec![""; SLOTS].into(),
            }
        })
    }

    /// Leaves the cache for the thread's next file.
    pub(crate) fn put_back(&mut self) {
        SPARE.set(Some(std::mem::take(self)));
    }

    /// The symbol of the identifier at bytes `lo..hi`.
    #[inline]
    pub(crate) fn intern(&mut self, src: &[u8], lo: usize, hi: usize) -> Symbol {
        let len = hi - lo;
        let head = head_word(src, lo, hi);
        let tail = if len > 8 {
            head_word(src, hi - 8, hi)
        } else {
            0
        };
        let hash = (head ^ tail.rotate_left(29) ^ len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let at = (hash >> (64 - SLOT_BITS)) as usize % SLOTS;
        let slot = &self.slots[at];
        let same = slot.head == head && slot.tail == tail && slot.len == len as u32;
        if same && (len <= 16 || self.texts[at].as_bytes() == &src[lo..hi]) {
            return slot.sym;
        }
        self.intern_anew(
            at,
            Slot {
                head,
                tail,
                len: len as u32,
                sym: slot.sym,
            },
            &src[lo..hi],
        )
    }

    #[cold]
    fn intern_anew(&mut self, at: usize, slot: Slot, bytes: &[u8]) -> Symbol {
        let text = String::from_utf8_lossy(bytes);
        let sym = Symbol::intern(&text);
        self.slots[at] = Slot { sym, ..slot };
        self.texts[at] = sym.as_str();
        sym
    }
}
