//! Spans of one class that no mcache holds: four lists, by "has free slots" (partial or full)
//! and by swept or not. The two sweep states swap their meaning when `sweepgen` advances, so
//! starting a sweep moves no span.

use crate::span::{MSpan, SpanList};
use rt_sync::{LockRank, Mutex};

/// Lists of a span class.
#[derive(Debug)]
pub struct Lists {
    partial: [SpanList; 2],
    full: [SpanList; 2],
}

impl Lists {
    /// Spans with free slots; `swept` says which kind.
    pub fn partial(&mut self, sweepgen: u32, swept: bool) -> &mut SpanList {
        &mut self.partial[index(sweepgen, swept)]
    }

    /// Spans without known free slots.
    pub fn full(&mut self, sweepgen: u32, swept: bool) -> &mut SpanList {
        &mut self.full[index(sweepgen, swept)]
    }

    /// Spans on all lists.
    pub fn len(&self) -> usize {
        self.partial
            .iter()
            .chain(&self.full)
            .map(SpanList::len)
            .sum()
    }

    /// Visits all spans.
    pub fn for_each(&self, mut f: impl FnMut(&MSpan)) {
        for list in self.partial.iter().chain(&self.full) {
            list.for_each(&mut f);
        }
    }
}

fn index(sweepgen: u32, swept: bool) -> usize {
    (sweepgen / 2 + swept as u32) as usize & 1
}

/// The central of a span class, on its own cache lines.
#[repr(align(128))]
#[derive(Debug)]
pub struct Central {
    lists: Mutex<Lists>,
}

impl Central {
    /// Empty.
    pub const fn new() -> Central {
        let lists = Lists {
            partial: [SpanList::new(), SpanList::new()],
            full: [SpanList::new(), SpanList::new()],
        };
        Central {
            lists: Mutex::new(LockRank::Central, lists),
        }
    }

    /// The lists, locked.
    pub fn lock(&self) -> rt_sync::MutexGuard<'_, Lists> {
        self.lists.lock()
    }
}
