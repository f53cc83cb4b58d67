//! Goroutine stacks: chains of segments that grow on demand and never move.
//!
//! When a function's stack check fails, `morestack` starts it again on the next segment; when that function returns, `lessstack`
//! goes back. The next segment stays cached, so a call at the boundary (a "hot split") costs a dozen instructions each way and
//! some mispredicted returns. Each new segment is at least twice as large as the one before: a deep recursion makes few of them, and
//! a frame of any size fits after a few tries.
//!
//! ```text
//!  lo                                        header           hi
//!  | slack |  frames ...  <- entry_sp | pad | Segment      |
//!          ^ limit
//! ```
//!
//! 1. A goroutine gets its first segment when it first runs, and gives it back when it ends: goroutines that are spawned in masses
//!    and run one after the other all run on the same warm segment.
//! 2. First segments are [`SMALL`] where goroutines are many. A program's first [`ROOMY_COUNT`] get [`ROOMY`] bytes, of which only the pages
//!    in use cost memory: long-lived workers, which would suffer most from a hot split, are mostly among those. Beyond that, goroutines
//!    begin with a small one unless those of the same go statement turned out to need more.
//! 3. Segments up to 32 KB come from slabs of their size, each with its own free list: slabs without a segment in use go back to the system at
//!    the end of a collection ([`release_idle`]). Ps keep a few segments each ([`Stacks`]).
//!
//! Since stacks do not move, pointers into them may be kept anywhere (sudogs, defer records, Rust).

use crate::arch;
use crate::g::G;
use crate::p::P;
use crate::slab;
use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{AtomicUsize, Ordering};

/// Header at the upper end of a segment's memory.
#[repr(C)]
pub struct Segment {
    /// Towards the base; null for the first.
    pub prev: *mut Segment,
    /// Cached or abandoned next one.
    pub next: *mut Segment,
    /// Lowest address a checked frame may reach.
    pub limit: usize,
    /// Stack pointer at which the first function of the segment is entered; 0 in a first segment.
    pub entry_sp: usize,
    /// Lowest address.
    pub lo: usize,
    /// Bytes, header included.
    pub size: usize,
}

impl Segment {
    /// One past the frames.
    pub fn hi(&self) -> usize {
        self as *const Segment as usize
    }

    /// Stack pointer of the segment before, at which this one was entered. Only for segments in use.
    pub fn origin_sp(&self) -> usize {
        // SAFETY: morestack stored it above the entry's return address.
        unsafe { ((self.entry_sp + 8) as *const usize).read() }
    }

    /// Whether the address is in this segment.
    pub fn contains(&self, addr: usize) -> bool {
        self.lo <= addr && addr < self.hi()
    }
}

/// Bytes of the first segment of one goroutine among many.
pub const SMALL: usize = 2 << 10;
/// Bytes of the first segment of one goroutine among few.
pub const ROOMY: usize = 16 << 10;
/// How many goroutines count as few.
const ROOMY_COUNT: usize = 128;
/// Bytes of the main goroutine's.
const MAIN: usize = 64 << 10;
/// Bytes of the second segment at least; then they double.
const SECOND: usize = 8 << 10;

/// Bytes of segments in use by goroutines (those that Ps keep included).
pub static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// Bytes taken from the system for stacks.
pub static FROM_SYSTEM: AtomicUsize = AtomicUsize::new(0);
/// `debug.SetMaxStack`.
pub static MAX_STACK: AtomicUsize = AtomicUsize::new(1_000_000_000);
/// Segments of [`ROOMY`] bytes that goroutines and Ps have.
static ROOMY_USED: AtomicUsize = AtomicUsize::new(0);

fn init_segment(lo: usize, size: usize) -> *mut Segment {
    let segment = (lo + size - size_of::<Segment>()) as *mut Segment;
    let top = (segment as usize) & !15;
    let entry_sp = top - 24;
    // SAFETY: [lo, lo + size) is ours and unused.
    unsafe {
        segment.write(Segment {
            prev: ptr::null_mut(),
            next: ptr::null_mut(),
            limit: lo + abi::g::STACK_SLACK as usize,
            entry_sp,
            lo,
            size,
        });
        (entry_sp as *mut usize).write(arch::lessstack as *const () as usize);
    }
    segment
}

/// A segment of this size (a power of two, at least [`SMALL`]).
fn alloc(size: usize) -> *mut Segment {
    IN_USE.fetch_add(size, Ordering::Relaxed);
    init_segment(slab::alloc(size), size)
}

/// Gives a segment back.
///
/// # Safety
/// Nothing runs on it or refers to it.
unsafe fn free(segment: *mut Segment) {
    // SAFETY: a live header.
    let (lo, size) = unsafe { ((*segment).lo, (*segment).size) };
    IN_USE.fetch_sub(size, Ordering::Relaxed);
    // SAFETY: from `alloc`, unused.
    unsafe { slab::free(lo, size) };
}

/// Frees a chain through `next`.
///
/// # Safety
/// As [`free`] for each.
unsafe fn free_chain(mut segment: *mut Segment) {
    while !segment.is_null() {
        // SAFETY: live headers; read before freeing.
        unsafe {
            let next = (*segment).next;
            free(segment);
            segment = next;
        }
    }
}

/// Gives the memory of segments that nobody uses back to the system. After a collection.
pub fn release_idle() {
    slab::release_idle();
}

/// Go statements (hashed, the latest wins) whose goroutines overflowed a [`SMALL`] segment: those that follow get a [`ROOMY`] one. Now
/// and then one is started small all the same, and if it ends without having grown, its statement is forgotten. Races lose some of that.
static OVERFLOWED: [AtomicUsize; HINTS] = [const { AtomicUsize::new(0) }; HINTS];
const HINTS: usize = 512;
/// Every so many goroutines that would get a roomy segment for that reason is started small.
const PROBE_EVERY: u32 = 64;

fn hint(statement: usize) -> &'static AtomicUsize {
    &OVERFLOWED[(statement >> 2) % HINTS]
}

/// Gives a goroutine that is about to run for the first time a segment, and on it a context that calls `start_fn`.
pub fn attach_first(g: &G, p: &P) {
    let stacks = &p.stacks;
    let segment = if let Some(segment) = stacks.roomy.pop() {
        segment
    } else if cfg!(feature = "model")
        || ptr::eq(g, crate::sched::SCHED.main_g.load(Ordering::Relaxed))
    {
        // Under a concurrency tester the goroutines are Rust code, which does not look at the limit.
        alloc(MAIN)
    } else if ROOMY_USED.load(Ordering::Relaxed) < ROOMY_COUNT || needs_room(g, stacks) {
        ROOMY_USED.fetch_add(1, Ordering::Relaxed);
        alloc(ROOMY)
    } else if let Some(segment) = stacks.small.pop() {
        segment
    } else {
        alloc(SMALL)
    };
    place_context(g, segment);
}

fn needs_room(g: &G, stacks: &Stacks) -> bool {
    let statement = g.created_by.get();
    if statement == 0 || hint(statement).load(Ordering::Relaxed) != statement {
        return false;
    }
    let turn = stacks.hinted.get().wrapping_add(1);
    stacks.hinted.set(turn);
    !turn.is_multiple_of(PROBE_EVERY)
}

/// First segments that a P keeps.
pub struct Stacks {
    small: SegmentStack,
    roomy: SegmentStack,
    /// Goroutines started with a roomy segment because of their go statement.
    hinted: Cell<u32>,
}

impl Stacks {
    /// None.
    pub const fn new() -> Stacks {
        Stacks {
            small: SegmentStack::new(),
            roomy: SegmentStack::new(),
            hinted: Cell::new(0),
        }
    }

    /// Takes a first segment that is no longer used.
    ///
    /// # Safety
    /// As [`free`].
    unsafe fn put(&self, first: *mut Segment) {
        // SAFETY: a live header.
        let stack = match unsafe { (*first).size } {
            SMALL => &self.small,
            ROOMY => &self.roomy,
            // SAFETY: passed on to the caller.
            _ => return unsafe { free(first) },
        };
        if stack.len.get() == SegmentStack::CAPACITY {
            // Half of them, so that a P at the brim does not take the lock each time.
            self.shrink(stack, SegmentStack::CAPACITY / 2);
        }
        stack.push(first);
    }

    fn shrink(&self, stack: &SegmentStack, to: usize) {
        while stack.len.get() > to
            && let Some(segment) = stack.pop()
        {
            // SAFETY: kept segments are unused.
            unsafe {
                if (*segment).size == ROOMY {
                    ROOMY_USED.fetch_sub(1, Ordering::Relaxed);
                }
                free(segment);
            }
        }
    }

    /// Frees everything: the P is given up.
    pub fn clear(&self) {
        self.shrink(&self.small, 0);
        self.shrink(&self.roomy, 0);
    }
}

/// Unused segments of one size, linked through `next`, the last used on top.
struct SegmentStack {
    top: Cell<*mut Segment>,
    len: Cell<usize>,
}

impl SegmentStack {
    const CAPACITY: usize = 32;

    const fn new() -> SegmentStack {
        SegmentStack {
            top: Cell::new(ptr::null_mut()),
            len: Cell::new(0),
        }
    }

    fn push(&self, segment: *mut Segment) {
        // SAFETY: a live header.
        unsafe { (*segment).next = self.top.get() };
        self.top.set(segment);
        self.len.set(self.len.get() + 1);
    }

    fn pop(&self) -> Option<*mut Segment> {
        let segment = self.top.get();
        if segment.is_null() {
            return None;
        }
        // SAFETY: a live header.
        self.top.set(unsafe { (*segment).next });
        self.len.set(self.len.get() - 1);
        Some(segment)
    }
}

/// Makes `first` the goroutine's only segment. The context on it is what gogo pops: r14 r13 r12 rbx rbp and the address to continue
/// at; above it the stack pointer is 16-byte aligned.
fn place_context(g: &G, first: *mut Segment) {
    g.seg.set(first);
    // SAFETY: the segment is this goroutine's and unused.
    unsafe {
        (*first).entry_sp = 0;
        (*first).prev = ptr::null_mut();
        (*first).next = ptr::null_mut();
        g.stack_bytes.set((*first).size);
        let top = (*first).hi() & !15;
        let sp = top - arch::CONTEXT_WORDS * 8 - 16;
        let words = sp as *mut usize;
        for index in 0..arch::CONTEXT_WORDS - 1 {
            words.add(index).write(0);
        }
        words
            .add(arch::CONTEXT_WORDS - 1)
            .write(arch::goroutine_start as *const () as usize);
        g.sched_sp.set(sp);
        g.sched_bp.set(0);
        g.arg_count.set(0);
        g.preempt.store(false, Ordering::Relaxed);
        g.stack_limit
            .store((*first).limit as u64, Ordering::Relaxed);
    }
}

/// Takes the segments of a goroutine that ended.
pub fn detach_all(g: &G, p: &P) {
    // Before the sum is set: it takes the retired segment off.
    release_retired(g);
    let mut first = g.seg.replace(ptr::null_mut());
    if first.is_null() {
        return;
    }
    // SAFETY: the goroutine is dead; nothing runs on its segments.
    unsafe {
        while !(*first).prev.is_null() {
            first = (*first).prev;
        }
        let next = core::mem::replace(&mut (*first).next, ptr::null_mut());
        if !next.is_null() {
            free_chain(next);
        } else if (*first).size == SMALL && !g.grew.get() {
            let hint = hint(g.created_by.get());
            if hint.load(Ordering::Relaxed) == g.created_by.get() {
                hint.store(0, Ordering::Relaxed);
            }
        }
        p.stacks.put(first);
    }
    g.grew.set(false);
    g.stack_bytes.set(0);
    g.sched_bp.set(0);
}

fn release_retired(g: &G) {
    let retired = g.retired_seg.replace(ptr::null_mut());
    if !retired.is_null() {
        // SAFETY: the goroutine left it in morestack; it is linked nowhere.
        unsafe {
            g.stack_bytes.set(g.stack_bytes.get() - (*retired).size);
            free(retired);
        }
    }
}

/// Frees cached segments beyond the one in use. The caller owns the goroutine (it is stopped or is the caller).
pub fn trim(g: &G) {
    let seg = g.seg.get();
    if seg.is_null() {
        return;
    }
    // SAFETY: segments beyond the current one hold no frames.
    unsafe {
        let mut next = (*seg).next;
        (*seg).next = ptr::null_mut();
        while !next.is_null() {
            let after = (*next).next;
            g.stack_bytes.set(g.stack_bytes.get() - (*next).size);
            free(next);
            next = after;
        }
    }
}

/// `morestack`'s slow path, on the system stack: provides `seg.next` and returns the stack pointer to return to from it.
/// `sp` points at the return address of the function that did not fit.
pub extern "C" fn grow(sp: usize) -> usize {
    let g = G::current();
    release_retired(g);
    let mut seg = g.seg.get();
    let mut origin = sp;
    // SAFETY: the chain belongs to the running goroutine; all accesses are to live headers.
    unsafe {
        let size = ((*seg).size * 2).max(SECOND);
        if (*seg).size == SMALL {
            g.grew.set(true);
            let statement = g.created_by.get();
            hint(statement).store(statement, Ordering::Relaxed);
        }
        if sp == (*seg).entry_sp {
            // Not even the first function fits: replace this segment by a larger one. We still run on it until morestack
            // hops, so it is freed later.
            let small = seg;
            origin = (*small).origin_sp();
            seg = (*small).prev;
            let beyond = (*small).next;
            if !beyond.is_null() && (*beyond).size >= size {
                // A cached one is large enough to try.
                (*seg).next = beyond;
                (*beyond).prev = seg;
                (*small).next = ptr::null_mut();
            } else {
                free_rest(g, small);
                (*seg).next = ptr::null_mut();
            }
            (*small).prev = ptr::null_mut();
            g.retired_seg.set(small);
            g.seg.set(seg);
        }
        if (*seg).next.is_null() {
            if g.stack_bytes.get() + size > MAX_STACK.load(Ordering::Relaxed).max(MAIN) {
                crate::hooks::stack_overflow(g);
            }
            let new = alloc(size);
            (*new).prev = seg;
            (*seg).next = new;
            g.stack_bytes.set(g.stack_bytes.get() + size);
        }
    }
    origin
}

/// Frees the segments cached beyond `segment`.
///
/// # Safety
/// They hold no frames.
unsafe fn free_rest(g: &G, segment: *mut Segment) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut next = (*segment).next;
        (*segment).next = ptr::null_mut();
        while !next.is_null() {
            let after = (*next).next;
            g.stack_bytes.set(g.stack_bytes.get() - (*next).size);
            free(next);
            next = after;
        }
    }
}

/// Makes the segment that contains `addr` the current one: frames above it in the chain are given up (unwinding).
pub fn unwind_to(g: &G, addr: usize) {
    let mut seg = g.seg.get();
    // SAFETY: walks the chain of the running goroutine towards its base.
    unsafe {
        while !(*seg).contains(addr) {
            if (*seg).prev.is_null() {
                rt_os::throw!(
                    "unwinding: {addr:#x} is not on the stack of goroutine {}",
                    g.goid.get()
                );
            }
            seg = (*seg).prev;
        }
        g.seg.set(seg);
        let limit = (*seg).limit as u64;
        g.stack_limit.store(limit, Ordering::Relaxed);
    }
    if g.preempt.load(Ordering::Relaxed) {
        g.stack_limit
            .store(abi::g::STACK_LIMIT_POISON, Ordering::Relaxed);
    }
}

/// Calls `visit(low, high)` for each range of words in use by a goroutine that is not running, from its stack pointer on.
pub fn for_each_range(g: &G, sp: usize, mut visit: impl FnMut(usize, usize)) {
    let mut seg = g.seg.get();
    let mut sp = sp;
    // SAFETY: the caller holds the goroutine still; headers of its chain are live.
    unsafe {
        while !seg.is_null() {
            if !(*seg).contains(sp) {
                rt_os::throw!(
                    "goroutine {}: stack pointer {sp:#x} outside of its segment {:#x}..{:#x}",
                    g.goid.get(),
                    (*seg).lo,
                    (*seg).hi()
                );
            }
            visit(sp & !7, (*seg).hi());
            if (*seg).prev.is_null() {
                return;
            }
            sp = (*seg).origin_sp();
            seg = (*seg).prev;
        }
    }
}

/// Lowest and highest address of the goroutine's segments in use; not all between need be its own.
pub fn bounds(g: &G) -> (usize, usize) {
    let (mut lo, mut hi) = (usize::MAX, 0);
    let mut seg = g.seg.get();
    while !seg.is_null() {
        // SAFETY: the chain of a goroutine that does not change meanwhile.
        unsafe {
            lo = lo.min((*seg).lo);
            hi = hi.max((*seg).hi());
            seg = (*seg).prev;
        }
    }
    (lo, hi)
}

/// Whether the address is on one of the goroutine's segments in use.
pub fn on_stack(g: &G, addr: usize) -> bool {
    let mut seg = g.seg.get();
    while !seg.is_null() {
        // SAFETY: the chain of a goroutine that does not change meanwhile.
        unsafe {
            if (*seg).contains(addr) {
                return true;
            }
            seg = (*seg).prev;
        }
    }
    false
}

/// The return address of the frame whose rbp is `fp`, segment boundaries hidden.
///
/// # Safety
/// `fp` is a live frame of a goroutine that does not move meanwhile.
pub unsafe fn frame_return(fp: usize) -> usize {
    // SAFETY: rbp chain: [fp] the caller's rbp, [fp + 8] the return address. At a segment's first frame the
    // slot above the return address is the older stack pointer, which points at the real return address.
    unsafe {
        let pc = ((fp + 8) as *const usize).read();
        if is_boundary(pc) {
            return *(((fp + 16) as *const usize).read() as *const usize);
        }
        pc
    }
}

/// Whether the word where a return address belongs says that the real one is elsewhere: above it is the stack pointer to it.
fn is_boundary(ret: usize) -> bool {
    ret == arch::lessstack as *const () as usize || ret == arch::stress_return as *const () as usize
}

/// Where the return address of the frame whose rbp is `fp` is stored, segment boundaries hidden: the caller's frame begins above it.
///
/// # Safety
/// As [`frame_return`].
pub unsafe fn return_slot(fp: usize) -> usize {
    // SAFETY: as there.
    unsafe {
        if is_boundary(((fp + 8) as *const usize).read()) {
            ((fp + 16) as *const usize).read()
        } else {
            fp + 8
        }
    }
}

/// Return address into the Go code that called the system function in progress.
pub fn return_of_saved(g: &G) -> usize {
    if g.sched_bp.get() == 0 {
        return 0;
    }
    // SAFETY: the stub's frame: rbp chain of a goroutine inside a system function.
    unsafe { frame_return(g.sched_bp.get()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_goroutine_has_an_aligned_context_within_its_first_segment() {
        let g = G::new();
        place_context(&g, alloc(SMALL));
        // SAFETY: just made.
        let seg = unsafe { &*g.seg.get() };
        let start = g.sched_sp.get() + arch::CONTEXT_WORDS * 8;
        assert!(seg.contains(g.sched_sp.get()) && start.is_multiple_of(16));
        assert_eq!(seg.limit, seg.lo + abi::g::STACK_SLACK as usize);
        assert_eq!(g.stack_limit.load(Ordering::Relaxed), seg.limit as u64);
        let mut ranges = vec![];
        for_each_range(&g, g.sched_sp.get(), |lo, hi| ranges.push((lo, hi)));
        assert_eq!(ranges, [(g.sched_sp.get(), seg.hi())]);
    }

    /// Builds the chain that morestack makes, then unwinds and trims it.
    #[test]
    fn chain_of_segments_is_walked_unwound_and_trimmed() {
        let g = G::new();
        place_context(&g, alloc(SMALL));
        // SAFETY: segments made here, linked as morestack does.
        unsafe {
            let first = g.seg.get();
            let origin = (*first).hi() - 256;
            let second = alloc(SECOND);
            (*second).prev = first;
            (*first).next = second;
            (((*second).entry_sp + 8) as *mut usize).write(origin);
            g.seg.set(second);
            g.stack_bytes.set(SMALL + SECOND);
            assert_eq!(
                (((*second).entry_sp) as *const usize).read(),
                arch::lessstack as *const () as usize
            );
            let sp = (*second).entry_sp - 64;
            let mut ranges = vec![];
            for_each_range(&g, sp, |lo, hi| ranges.push((lo, hi)));
            assert_eq!(ranges, [(sp, (*second).hi()), (origin, (*first).hi())]);
            assert!(on_stack(&g, sp) && on_stack(&g, origin) && !on_stack(&g, 64));
            unwind_to(&g, origin);
            assert!(
                ptr::eq(g.seg.get(), first)
                    && g.stack_limit.load(Ordering::Relaxed) == (*first).limit as u64
            );
            assert!(!(*first).next.is_null(), "the next segment stays cached");
            trim(&g);
            assert!((*first).next.is_null() && g.stack_bytes.get() == SMALL);
        }
    }

    /// The return address of a segment's first frame is found through the older stack pointer.
    #[test]
    fn segment_boundaries_are_hidden_from_walks() {
        let real_return = [0x1234usize];
        let frame = [
            0usize,
            arch::lessstack as *const () as usize,
            real_return.as_ptr() as usize,
        ];
        // SAFETY: laid out like the first frame of a segment.
        assert_eq!(unsafe { frame_return(frame.as_ptr() as usize) }, 0x1234);
        let plain = [0usize, 0x5678];
        // SAFETY: laid out like a frame.
        assert_eq!(unsafe { frame_return(plain.as_ptr() as usize) }, 0x5678);
    }
}
