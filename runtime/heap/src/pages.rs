//! The page allocator: which 8 KiB pages of the arena are taken, and which of the free ones the
//! system holds no memory for.
//!
//! 1. One bit a page says "taken"; another says "scavenged": the system has no memory behind the
//!    page, so it reads as zero. Fresh pages are born scavenged.
//! 2. 512 pages make a chunk. A chunk's summary holds its leading, longest and trailing run of
//!    free pages; the 16 chunks of a unit (64 MiB) are summed up in the same way.
//! 3. Allocation is address-ordered first fit: walk the units, then chunks, then bits, carrying
//!    the free run that ends at the border. `hint` is below every free page, so the common
//!    one-page request starts where it ends.
//! 4. Freed neighbours coalesce by themselves: a run of bits has no identity.
//!
//! Rejected: a radix tree over all levels (two levels and a hint search 64 GiB in a
//! microsecond), best fit (fragments more in practice, and costs a size index).

use crate::arena::{Arena, UNIT_PAGES};
use core::fmt;
use rt_os::{Errno, mem};

/// Pages of a chunk.
pub const CHUNK_PAGES: usize = 512;
const CHUNKS_PER_UNIT: usize = UNIT_PAGES / CHUNK_PAGES;
const WORDS: usize = CHUNK_PAGES / 64;

/// Free runs of a range of pages.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Summary {
    /// Free pages at the start.
    start: u32,
    /// Longest run.
    max: u32,
    /// Free pages at the end.
    end: u32,
}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.start, self.max, self.end)
    }
}

impl Summary {
    fn all(pages: usize) -> Summary {
        Summary {
            start: pages as u32,
            max: pages as u32,
            end: pages as u32,
        }
    }
}

/// A chunk's bits.
#[derive(Clone, Copy)]
struct Chunk {
    taken: [u64; WORDS],
    scavenged: [u64; WORDS],
    summary: Summary,
}

impl Chunk {
    fn summarize(&self) -> Summary {
        let mut summary = Summary::default();
        let mut run = 0u32;
        let mut seen_taken = false;
        for word in self.taken {
            if word == 0 {
                run += 64;
                continue;
            }
            let mut left = 64u32;
            let mut bits = word;
            while left > 0 {
                let free = bits.trailing_zeros().min(left);
                run += free;
                left -= free;
                if left == 0 {
                    break;
                }
                bits = if free == 64 { 0 } else { bits >> free };
                if !seen_taken {
                    summary.start = run;
                    seen_taken = true;
                }
                summary.max = summary.max.max(run);
                run = 0;
                let taken = (!bits).trailing_zeros().min(left);
                left -= taken;
                bits = if taken == 64 { 0 } else { bits >> taken };
            }
        }
        if !seen_taken {
            return Summary::all(CHUNK_PAGES);
        }
        summary.max = summary.max.max(run);
        summary.end = run;
        summary
    }

    /// First page of the first run of `n` pages inside the chunk.
    fn find(&self, n: usize) -> Option<usize> {
        let mut page = 0;
        while page < CHUNK_PAGES {
            page = self.next(page, false)?;
            let end = self.next(page, true).unwrap_or(CHUNK_PAGES);
            if end - page >= n {
                return Some(page);
            }
            page = end;
        }
        None
    }

    /// First page at or after `from` that is taken (or free).
    fn next(&self, from: usize, taken: bool) -> Option<usize> {
        let mut word = from / 64;
        let flip = if taken { 0 } else { u64::MAX };
        let mut bits = (self.taken.get(word)? ^ flip) & (u64::MAX << (from % 64));
        loop {
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
            word += 1;
            bits = self.taken.get(word)? ^ flip;
        }
    }
}

/// What an allocation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// First page.
    pub first: usize,
    /// Pages among them that the system held no memory for.
    pub scavenged: usize,
}

/// Page bits of an arena. Guarded by the heap lock.
pub struct PageAlloc {
    chunks: *mut Chunk,
    units: *mut Summary,
    /// Pages that the chunk table covers.
    pages: usize,
    /// No page below is free.
    hint: usize,
    /// Free pages with memory behind them.
    pub free_backed: usize,
    /// Free pages without.
    pub free_scavenged: usize,
    /// Pages that the scavenger has taken and not yet given back.
    pub in_scavenger: usize,
    /// Where the scavenger goes on (it works downwards from high addresses).
    scavenge_cursor: usize,
}

// SAFETY: the tables belong to the allocator alone, which is used under the heap lock.
unsafe impl Send for PageAlloc {}

impl fmt::Debug for PageAlloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PageAlloc({} pages, {} free, {} scavenged)",
            self.pages, self.free_backed, self.free_scavenged
        )
    }
}

impl PageAlloc {
    /// Covers nothing.
    pub const fn new() -> PageAlloc {
        PageAlloc {
            chunks: core::ptr::null_mut(),
            units: core::ptr::null_mut(),
            pages: 0,
            hint: 0,
            free_backed: 0,
            free_scavenged: 0,
            in_scavenger: 0,
            scavenge_cursor: 0,
        }
    }

    /// Prepares tables for an arena of `max_pages` pages (address space only).
    pub fn init(&mut self, max_pages: usize) -> Result<(), Errno> {
        let chunks = max_pages.div_ceil(CHUNK_PAGES);
        self.chunks = mem::map_zeroed(chunks * size_of::<Chunk>())? as *mut Chunk;
        self.units = mem::map_zeroed(chunks.div_ceil(CHUNKS_PER_UNIT) * size_of::<Summary>())?
            as *mut Summary;
        Ok(())
    }

    /// Gives the tables back.
    ///
    /// # Safety
    /// The allocator is not used again; `max_pages` as in [`PageAlloc::init`].
    pub unsafe fn release(&mut self, max_pages: usize) {
        let chunks = max_pages.div_ceil(CHUNK_PAGES);
        if !self.chunks.is_null() {
            // SAFETY: mapped by `init` with these sizes.
            unsafe {
                let _ = mem::munmap(self.chunks as usize, chunks * size_of::<Chunk>());
                let _ = mem::munmap(
                    self.units as usize,
                    chunks.div_ceil(CHUNKS_PER_UNIT) * size_of::<Summary>(),
                );
            }
            self.chunks = core::ptr::null_mut();
        }
    }

    fn chunk(&mut self, index: usize) -> &mut Chunk {
        debug_assert!(index * CHUNK_PAGES < self.pages);
        // SAFETY: the table covers `pages`; the lock makes us the only user.
        unsafe { &mut *self.chunks.add(index) }
    }

    fn chunk_ref(&self, index: usize) -> &Chunk {
        debug_assert!(index * CHUNK_PAGES < self.pages);
        // SAFETY: the table covers `pages`; the lock makes us the only user.
        unsafe { &*self.chunks.add(index) }
    }

    fn unit(&self, index: usize) -> Summary {
        debug_assert!(index * UNIT_PAGES < self.pages);
        // SAFETY: the table covers `pages`.
        unsafe { *self.units.add(index) }
    }

    /// Number of pages covered.
    pub fn covered(&self) -> usize {
        self.pages
    }

    /// Takes over fresh units of the arena (all pages free and scavenged).
    pub fn add_units(&mut self, units: usize) {
        let first = self.pages;
        self.pages += units * UNIT_PAGES;
        for index in first / CHUNK_PAGES..self.pages / CHUNK_PAGES {
            *self.chunk(index) = Chunk {
                taken: [0; WORDS],
                scavenged: [u64::MAX; WORDS],
                summary: Summary::all(CHUNK_PAGES),
            };
        }
        for unit in first / UNIT_PAGES..self.pages / UNIT_PAGES {
            // SAFETY: the table covers `pages`.
            unsafe { *self.units.add(unit) = Summary::all(UNIT_PAGES) };
        }
        self.free_scavenged += units * UNIT_PAGES;
        self.hint = self.hint.min(first);
    }

    /// Takes the lowest run of `n` free pages, or `None` if there is none.
    pub fn alloc(&mut self, n: usize) -> Option<Pages> {
        let first = self.find(n)?;
        let scavenged = self.take(first, n);
        if first <= self.hint {
            self.hint = first + n;
        }
        Some(Pages { first, scavenged })
    }

    fn find(&self, n: usize) -> Option<usize> {
        let units = self.pages / UNIT_PAGES;
        // A run that ends at the border before the current unit.
        let mut carry = 0;
        for unit in self.hint / UNIT_PAGES..units {
            let summary = self.unit(unit);
            if carry + summary.start as usize >= n {
                return Some(unit * UNIT_PAGES - carry);
            }
            if summary.max as usize >= n {
                return self.find_in_unit(unit, n);
            }
            carry = if summary.start as usize == UNIT_PAGES {
                carry + UNIT_PAGES
            } else {
                summary.end as usize
            };
        }
        None
    }

    fn find_in_unit(&self, unit: usize, n: usize) -> Option<usize> {
        let mut carry = 0;
        for index in unit * CHUNKS_PER_UNIT..(unit + 1) * CHUNKS_PER_UNIT {
            let chunk = self.chunk_ref(index);
            let summary = chunk.summary;
            if carry + summary.start as usize >= n {
                return Some(index * CHUNK_PAGES - carry);
            }
            if summary.max as usize >= n {
                return chunk.find(n).map(|page| index * CHUNK_PAGES + page);
            }
            carry = if summary.start as usize == CHUNK_PAGES {
                carry + CHUNK_PAGES
            } else {
                summary.end as usize
            };
        }
        None
    }

    /// Applies `f(chunk, word, mask)` to the words of a run of pages, then repairs summaries.
    fn update(&mut self, first: usize, n: usize, mut f: impl FnMut(&mut Chunk, usize, u64)) {
        let end = first + n;
        for index in first / CHUNK_PAGES..end.div_ceil(CHUNK_PAGES) {
            let from = first.max(index * CHUNK_PAGES) - index * CHUNK_PAGES;
            let to = end.min((index + 1) * CHUNK_PAGES) - index * CHUNK_PAGES;
            let chunk = self.chunk(index);
            crate::arena::for_each_mask(from, to - from, |word, mask| f(chunk, word, mask));
            chunk.summary = chunk.summarize();
        }
        for unit in first / UNIT_PAGES..end.div_ceil(UNIT_PAGES) {
            self.summarize_unit(unit);
        }
    }

    fn summarize_unit(&mut self, unit: usize) {
        let mut sum = Summary::default();
        let mut run = 0;
        let mut whole = true;
        for index in unit * CHUNKS_PER_UNIT..(unit + 1) * CHUNKS_PER_UNIT {
            let part = self.chunk_ref(index).summary;
            sum.max = sum.max.max(run + part.start).max(part.max);
            if part.start as usize == CHUNK_PAGES {
                run += part.start;
            } else {
                if whole {
                    sum.start = run + part.start;
                    whole = false;
                }
                run = part.end;
            }
        }
        if whole {
            sum.start = run;
        }
        sum.end = run;
        sum.max = sum.max.max(run);
        // SAFETY: the table covers `pages`.
        unsafe { *self.units.add(unit) = sum };
    }

    fn take(&mut self, first: usize, n: usize) -> usize {
        let mut scavenged = 0;
        let mut double = false;
        self.update(first, n, |chunk, word, mask| {
            double |= chunk.taken[word] & mask != 0;
            scavenged += (chunk.scavenged[word] & mask).count_ones() as usize;
            chunk.taken[word] |= mask;
            chunk.scavenged[word] &= !mask;
        });
        if double {
            rt_os::throw!("page allocator: pages {first}..{} taken twice", first + n);
        }
        self.free_scavenged -= scavenged;
        self.free_backed -= n - scavenged;
        scavenged
    }

    /// Frees pages; their memory stays with the process.
    pub fn free(&mut self, first: usize, n: usize) {
        let mut double = false;
        self.update(first, n, |chunk, word, mask| {
            double |= chunk.taken[word] & mask != mask;
            chunk.taken[word] &= !mask;
        });
        if double {
            rt_os::throw!("page allocator: pages {first}..{} freed twice", first + n);
        }
        self.free_backed += n;
        self.hint = self.hint.min(first);
        self.scavenge_cursor = self.scavenge_cursor.max(first + n);
    }

    /// Whether the page is taken.
    pub fn is_taken(&self, page: usize) -> bool {
        let chunk = self.chunk_ref(page / CHUNK_PAGES);
        chunk.taken[page % CHUNK_PAGES / 64] >> (page % 64) & 1 != 0
    }

    /// Takes a run of free, backed pages (at most `max`) from the highest addresses that the
    /// scavenger has not visited since their last free: the caller gives their memory back and
    /// then calls [`PageAlloc::scavenged`]. The pages count as taken meanwhile.
    pub fn take_for_scavenge(&mut self, max: usize) -> Option<(usize, usize)> {
        let mut cursor = self.scavenge_cursor.min(self.pages);
        while cursor > 0 {
            let index = (cursor - 1) / CHUNK_PAGES;
            let chunk = self.chunk_ref(index);
            let mut page = cursor - index * CHUNK_PAGES;
            while page > 0 {
                let word = (page - 1) / 64;
                let candidates = !chunk.taken[word] & !chunk.scavenged[word];
                let below = candidates & (u64::MAX >> (63 - (page - 1) % 64));
                if below == 0 {
                    page = word * 64;
                    continue;
                }
                let last = word * 64 + 63 - below.leading_zeros() as usize;
                // Extend downwards within the word.
                let run = (!(below << (63 - last % 64))).leading_zeros() as usize;
                let n = run.min(max).max(1);
                let first = index * CHUNK_PAGES + last + 1 - n;
                self.scavenge_cursor = first;
                self.take(first, n);
                self.in_scavenger += n;
                return Some((first, n));
            }
            cursor = index * CHUNK_PAGES;
        }
        self.scavenge_cursor = 0;
        None
    }

    /// Pages from [`PageAlloc::take_for_scavenge`] are free again, without memory.
    pub fn scavenged(&mut self, first: usize, n: usize) {
        self.update(first, n, |chunk, word, mask| {
            chunk.taken[word] &= !mask;
            chunk.scavenged[word] |= mask;
        });
        self.free_scavenged += n;
        self.in_scavenger -= n;
        self.hint = self.hint.min(first);
    }

    /// Pages from [`PageAlloc::take_for_scavenge`] are free again, memory and all: the system
    /// would not take it.
    pub fn not_scavenged(&mut self, first: usize, n: usize) {
        self.in_scavenger -= n;
        self.free(first, n);
    }

    /// Looks at every page again at the next scavenge.
    pub fn reset_scavenger(&mut self) {
        self.scavenge_cursor = self.pages;
    }

    /// Recomputes every summary and counter and reports the first that is wrong.
    pub fn verify(&self) -> Result<(), &'static str> {
        let (mut backed, mut scavenged) = (0, 0);
        for index in 0..self.pages / CHUNK_PAGES {
            let chunk = self.chunk_ref(index);
            if chunk.summary != chunk.summarize() {
                return Err("chunk summary");
            }
            for word in 0..WORDS {
                scavenged += (!chunk.taken[word] & chunk.scavenged[word]).count_ones() as usize;
                backed += (!chunk.taken[word] & !chunk.scavenged[word]).count_ones() as usize;
                if chunk.taken[word] & chunk.scavenged[word] != 0 {
                    return Err("taken page marked scavenged");
                }
                if index * CHUNK_PAGES + word * 64 + 64 <= self.hint && !chunk.taken[word] != 0 {
                    return Err("free page below the hint");
                }
            }
        }
        if backed != self.free_backed || scavenged != self.free_scavenged {
            return Err("free page counts");
        }
        Ok(())
    }
}

/// Address of the run for messages.
pub fn describe(arena: &Arena, first: usize, n: usize) -> (usize, usize) {
    (arena.page_addr(first), n * abi::sizeclass::PAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rng(u64);
    impl Rng {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % n
        }
    }

    #[test]
    fn random_allocation_agrees_with_naive_first_fit() {
        let units = 2;
        let pages = units * UNIT_PAGES;
        let mut alloc = PageAlloc::new();
        alloc.init(pages).unwrap();
        alloc.add_units(units);
        let mut naive = vec![false; pages];
        let mut live: Vec<(usize, usize)> = Vec::new();
        let mut rng = Rng(7);
        let steps = if cfg!(miri) { 40 } else { 20_000 };
        for step in 0..steps {
            let want_free = live.len() > 400 && rng.below(3) > 0 || rng.below(5) == 0;
            if want_free && !live.is_empty() {
                let (first, n) = live.swap_remove(rng.below(live.len()));
                alloc.free(first, n);
                naive[first..first + n].fill(false);
            } else {
                let n = match rng.below(10) {
                    0 => 1 + rng.below(1500),
                    1..4 => 1 + rng.below(60),
                    _ => 1,
                };
                let mut run = 0;
                let expected = (0..pages).find_map(|page| {
                    run = if naive[page] { 0 } else { run + 1 };
                    (run == n).then(|| page + 1 - n)
                });
                let got = alloc.alloc(n);
                assert_eq!(got.map(|p| p.first), expected, "step {step}, {n} pages");
                if let Some(got) = got {
                    naive[got.first..got.first + n].fill(true);
                    live.push((got.first, n));
                }
            }
            if step % 7 == 0
                && let Some((first, n)) = alloc.take_for_scavenge(32)
            {
                assert!(naive[first..first + n].iter().all(|taken| !taken));
                alloc.scavenged(first, n);
            }
            if step % 500 == 0 {
                alloc.verify().unwrap();
            }
        }
        alloc.verify().unwrap();
        // SAFETY: not used again.
        unsafe { alloc.release(pages) };
    }

    #[test]
    fn double_free_is_reported() {
        let mut alloc = PageAlloc::new();
        alloc.init(UNIT_PAGES).unwrap();
        alloc.add_units(1);
        let pages = alloc.alloc(3).unwrap();
        alloc.free(pages.first, 3);
        let second =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| alloc.free(pages.first, 3)));
        assert!(second.is_err());
    }
}
