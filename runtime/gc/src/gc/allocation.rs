//! Allocation on behalf of the program: what it owes the collector.

use super::*;

impl Gc {
    /// Allocates, collecting and assisting as needed: what compiled code calls when its window
    /// is used up, and what the runtime allocates with. See [`Heap::malloc`] for the arguments.
    /// The caller's P may change (the world may be stopped meanwhile).
    ///
    /// # Safety
    /// `cache` is the current P's; the caller is at a safepoint on a system stack, and holds no
    /// heap pointer that the world does not report. `typ` as in [`Heap::malloc`].
    pub unsafe fn malloc(
        &self,
        world: &dyn World,
        cache: *mut MCache,
        size: usize,
        typ: *const Type,
        zero: bool,
    ) -> AllocResult {
        // SAFETY: passed on.
        unsafe {
            if let Some(at) = self.heap().malloc_fast(cache, size, typ, zero) {
                return Ok(at);
            }
            self.before_slow(world, cache, size);
            let cache = world.current_mcache();
            match self.heap().malloc(cache, size, typ, zero) {
                Err(_)
                    if size <= rt_heap::malloc::MAX_ALLOC
                        && !self.heap().config().null_collector =>
                {
                    // The system is out of memory: whatever is garbage helps.
                    self.collect(world);
                    self.heap().malloc(world.current_mcache(), size, typ, zero)
                }
                result => result,
            }
        }
    }

    /// What an allocation beyond the window owes the collector. The world may be stopped inside.
    pub(super) fn before_slow(&self, world: &dyn World, cache: *mut MCache, size: usize) {
        let config = self.heap().config();
        if config.null_collector {
            return;
        }
        if config.collect_every != 0 {
            // Not every time: in a fragmented heap a window is a single slot.
            let handed_out = &self.heap().handed_out;
            if handed_out.load(Ordering::Relaxed) >= config.collect_every as usize {
                handed_out.store(0, Ordering::Relaxed);
                self.collect_whole(world);
                return;
            }
        }
        if self.phase() == Phase::Mark {
            if self.pending_len() > 0 {
                // Perhaps the caller's own.
                self.active.fetch_add(1, Ordering::SeqCst);
                let mut marker = Marker::new(self);
                self.pending_stack(world, &mut marker);
                marker.finish();
                self.active.fetch_sub(1, Ordering::SeqCst);
            }
            // SAFETY: the current P's cache.
            unsafe { self.assist(world, world.current_mcache()) };
        } else {
            let large = if size > abi::sizeclass::MAX_SMALL_REQUEST {
                size
            } else {
                0
            };
            // SAFETY: the current P's cache.
            unsafe { (*cache).assist_bytes = 0 };
            let beyond = |mark: &AtomicUsize| {
                self.live().saturating_add(large) >= mark.load(Ordering::Relaxed)
            };
            if beyond(&self.pacer.trigger) && !self.try_start(world, Cause::Heap) {
                // Somebody else is at it: ends the last cycle, or starts this one. Or it is too early without the large object, which then
                // is not waited for: the allocation after it starts the cycle.
                self.wait_while(world, || {
                    beyond(&self.pacer.goal)
                        && self.live() >= self.pacer.trigger.load(Ordering::Relaxed)
                        && !self.is_marking()
                        && !self.try_start(world, Cause::Heap)
                });
            }
        }
    }
}
