//! Which goroutines can never run again.
//!
//! A goroutine that waits for a channel, lock or condition which nobody else can reach waits for
//! ever. With the world stopped:
//!
//! 1. Mark from globals, specials, timers and the stacks of all goroutines that are not blocked on
//!    such a thing (running, runnable, in system calls, sleeping, waiting for IO).
//! 2. A blocked goroutine one of whose objects is marked may be woken: scan its stack too.
//! 3. Repeat 2 until nothing changes. The others are leaked; report them.
//! 4. Scan the leaked ones after all: nothing of theirs is freed, so tracebacks and their defers
//!    stay valid. The marks then are those of an ordinary cycle, which ends as usual.

use crate::gc::{Cause, Gc, Phase};
use crate::mark::{DrainEnd, Marker};
use crate::world::{StopReason, World};

/// What leak detection needs beyond [`World`]. World stopped during all calls.
///
/// # Safety
/// As [`World`]: together the methods must report every pointer that `World` reports.
pub unsafe trait LeakWorld: World {
    /// If goroutine `index` is blocked on objects that only other goroutines can signal, calls
    /// `f` with an address in each (all channels of a select) and returns true. Otherwise, or if
    /// it belongs to the runtime, returns false: it is a root.
    fn blocked_on(&self, index: usize, f: &mut dyn FnMut(usize)) -> bool;

    /// As [`World::for_each_runtime_root`], without the words that belong to one goroutine.
    fn for_each_shared_root(&self, f: &mut dyn FnMut(usize));

    /// The words left out there, of goroutine `index`.
    fn for_each_goroutine_root(&self, index: usize, f: &mut dyn FnMut(usize));

    /// The verdict on goroutine `index`; told once for every goroutine.
    fn set_leaked(&self, index: usize, leaked: bool);
}

impl Gc {
    /// Runs a whole cycle with the world stopped that finds leaked goroutines; returns how many.
    /// The stop is as long as marking takes.
    pub fn find_leaks(&self, world: &dyn LeakWorld) -> usize {
        loop {
            if self.phase() == Phase::Mark {
                // An ordinary cycle ends first.
                self.background_mark(world, i64::MAX, false);
                self.try_finish(world);
            }
            if self.start.try_lock() {
                let found = (self.phase() == Phase::Off).then(|| self.find_leaks_locked(world));
                // SAFETY: taken above.
                unsafe { self.start.unlock() };
                if let Some(found) = found {
                    return found;
                }
            }
            world.yield_now();
        }
    }

    fn find_leaks_locked(&self, world: &dyn LeakWorld) -> usize {
        self.finish_sweep(world);
        let from = world.now();
        world.stop_the_world(StopReason::GcWhole);
        let stacks = world.stack_roots();
        self.start_marking_from(world, Cause::Forced, 0, &mut |push| {
            world.for_each_shared_root(push)
        });
        let mut marker = Marker::new(self);
        while self.root_job(world, &mut marker) {}
        // One byte of state a goroutine, in memory of the occasion.
        let Ok(states) = rt_os::mem::map_zeroed(stacks.max(1)) else {
            rt_os::throw!("runtime: cannot allocate memory to find leaks");
        };
        let reached = states as *mut u8;
        let scan = |marker: &mut Marker<'_>, index: usize| {
            // SAFETY: one byte for each goroutine.
            unsafe { *reached.add(index) = 1 };
            while !world.scan_stack(index, &mut |range| marker.scan_conservative(range)) {}
            world.for_each_goroutine_root(index, &mut |word| marker.push_conservative(word));
        };
        for index in 0..stacks {
            if !world.blocked_on(index, &mut |_| {}) {
                scan(&mut marker, index);
            }
        }
        loop {
            while marker.drain(|_| false) != DrainEnd::Empty {}
            let mut changed = false;
            for index in 0..stacks {
                // SAFETY: one byte for each goroutine.
                if unsafe { *reached.add(index) } != 0 {
                    continue;
                }
                let mut alive = false;
                world.blocked_on(index, &mut |addr| alive |= self.is_reached(addr));
                if alive {
                    scan(&mut marker, index);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let mut leaked = 0;
        for index in 0..stacks {
            // SAFETY: one byte for each goroutine.
            let lost = unsafe { *reached.add(index) } == 0;
            world.set_leaked(index, lost);
            if lost {
                leaked += 1;
                scan(&mut marker, index);
            }
        }
        while marker.drain(|_| false) != DrainEnd::Empty {}
        marker.finish();
        // SAFETY: mapped above.
        let _ = unsafe { rt_os::mem::munmap(states, stacks.max(1)) };
        self.finish_whole(world, from);
        leaked
    }

    /// Whether marking has reached the object of an address; everything outside of the heap is
    /// reachable.
    fn is_reached(&self, addr: usize) -> bool {
        match self.heap().arena.slot_of(addr) {
            Some(slot) => self.heap().arena.is_marked(slot.bit),
            None => true,
        }
    }
}
