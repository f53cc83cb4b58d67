//! The second mark: with the world stopped after marking, everything reachable is found again by
//! the plainest possible walk, and must be marked.
//!
//! The walk shares nothing with the mark loop but the description of objects: its own visited
//! bits, its own stack, all in memory mapped for the occasion.

use crate::gc::Gc;
use crate::world::World;
use rt_heap::ObjectRef;
use rt_heap::arena::BIT_WORDS_PER_PAGE;
use rt_heap::specials::{self, SpecialKind};

struct Walk<'a> {
    gc: &'a Gc,
    visited: *mut u64,
    stack: *mut usize,
    len: usize,
    capacity: usize,
    objects: usize,
}

impl Walk<'_> {
    fn visit(&mut self, word: usize, holder: usize) {
        let Some(object) = self.gc.heap().find_object(word) else {
            return;
        };
        let bit = object.span.first_bit_word() * 64 + object.index;
        // SAFETY: one bit for every possible mark bit.
        let seen = unsafe { &mut *self.visited.add(bit / 64) };
        if *seen >> (bit % 64) & 1 != 0 {
            return;
        }
        *seen |= 1 << (bit % 64);
        if !self.gc.heap().arena.is_marked(bit) {
            report(&object, word, holder);
        }
        self.objects += 1;
        if self.len == self.capacity {
            rt_os::throw!("gc: check stack overflow");
        }
        // SAFETY: below the capacity.
        unsafe { *self.stack.add(self.len) = object.base };
        self.len += 1;
    }

    fn children(&mut self, object: &ObjectRef) {
        // SAFETY: an allocated object; objects born in this cycle may be under construction only
        // in windows, which have no type yet.
        unsafe {
            if let Some(typ) = self.gc.heap().noted_type(object)
                && !crate::mark::plausible(typ)
            {
                return;
            }
            let heap = self.gc.heap();
            heap.for_each_pointer_slot(object, |at| self.visit(*(at as *const usize), at));
        }
    }

    fn run(&mut self) {
        while self.len > 0 {
            self.len -= 1;
            // SAFETY: below the old length.
            let base = unsafe { *self.stack.add(self.len) };
            if let Some(object) = self.gc.heap().find_object(base) {
                self.children(&object);
            }
        }
    }
}

#[cold]
fn report(object: &ObjectRef, word: usize, holder: usize) -> ! {
    rt_os::throw!(
        "gc: reachable object not marked: {:#x} ({} bytes, span {:#x} class {} slot {}), word {word:#x} held at {holder:#x}",
        object.base,
        object.size,
        object.span.start(),
        object.span.span_class(),
        object.index
    )
}

/// Walks everything reachable; throws at the first unmarked object. World stopped.
pub(crate) fn check_marks(gc: &Gc, world: &dyn World) {
    let heap = gc.heap();
    let pages = heap.arena.used() / abi::sizeclass::PAGE_SIZE;
    if pages == 0 {
        return;
    }
    let bits_bytes = pages * BIT_WORDS_PER_PAGE * 8;
    // Every object enters the stack at most once, the smallest has 8 bytes; only touched pages
    // cost memory.
    let capacity = pages * 1024;
    let (Ok(visited), Ok(stack)) = (
        rt_os::mem::map_zeroed(bits_bytes),
        rt_os::mem::map_zeroed(capacity * 8),
    ) else {
        rt_os::throw!("gc: no memory to check marks");
    };
    let mut walk = Walk {
        gc,
        visited: visited as *mut u64,
        stack: stack as *mut usize,
        len: 0,
        capacity,
        objects: 0,
    };
    world.for_each_global_root(&mut |range| {
        for word in 0..range.words {
            // SAFETY: the world reports readable ranges with their bitmaps.
            unsafe {
                if *range.bitmap.add(word / 8) >> (word % 8) & 1 != 0 {
                    let at = range.start + word * 8;
                    walk.visit(*(at as *const usize), at);
                }
            }
        }
    });
    walk.run();
    for span in heap.spans.iter() {
        specials::for_each(span, |special| match special.kind {
            SpecialKind::Profile => {}
            SpecialKind::Finalizer => {
                walk.visit(special.payload[0], 0);
                if let Some(object) = heap.find_object(span.start() + special.offset) {
                    walk.children(&object);
                }
            }
            SpecialKind::Cleanup | SpecialKind::WeakHandle => walk.visit(special.payload[0], 0),
        });
    }
    walk.run();
    // SAFETY: mapped above, with these sizes.
    unsafe {
        let _ = rt_os::mem::munmap(visited, bits_bytes);
        let _ = rt_os::mem::munmap(stack, capacity * 8);
    }
}
