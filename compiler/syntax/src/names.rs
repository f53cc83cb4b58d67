//! A small cache in front of the process-wide interner, kept per thread across files.

use std::cell::Cell;

use base::Symbol;

const SLOTS: usize = 4096;

thread_local! {
    static SPARE: Cell<Option<Box<[Slot]>>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Slot {
    text: &'static str,
    sym: Symbol,
}

/// A direct-mapped cache: name hash to symbol.
pub(crate) struct NameCache {
    slots: Box<[Slot]>,
}

impl NameCache {
    /// This thread's cache, or a new one.
    pub(crate) fn take() -> NameCache {
        let slots = SPARE.take().unwrap_or_else(|| {
            let blank = Symbol::intern("_");
            vec![
                Slot {
                    text: "",
                    sym: blank
                };
                SLOTS
            ]
            .into()
        });
        NameCache { slots }
    }

    /// Leaves the cache for the thread's next file.
    pub(crate) fn put_back(&mut self) {
        SPARE.set(Some(std::mem::take(&mut self.slots)));
    }

    /// The symbol of an identifier; `hash` is its token's.
    #[inline]
    pub(crate) fn intern(&mut self, text: &[u8], hash: u32) -> Symbol {
        let slot = &mut self.slots[(hash >> 20) as usize % SLOTS];
        if slot.text.as_bytes() == text {
            return slot.sym;
        }
        let sym = match std::str::from_utf8(text) {
            Ok(text) => Symbol::intern(text),
            Err(_) => Symbol::intern(&String::from_utf8_lossy(text)),
        };
        // An invalid name is cached under its repaired text: its bytes never match.
        *slot = Slot {
            text: sym.as_str(),
            sym,
        };
        sym
    }
}
