//! Random preemption (`GODEBUG=randpreempt=N`, optionally `randpreemptseed=S`), to find what goes wrong when goroutines stop at unlikely places.
//!
//! 1. Every safepoint enters the runtime, and one in N yields: to the global queue, from where any other M may continue the goroutine, or to
//!    its P's. A loop's poll leaves the stack limit poisoned when it returns, and so does every resumption.
//! 2. A function's entry cannot: the function starts again and looks at the limit again. So for the time that it runs, the limit is
//!    the lowest address of its own frame: its callees' entries come here. When it returns it passes [`arch::stress_return`], which
//!    poisons the limit again, so its caller's next call or poll comes here too. Stacks have one boundary per such function,
//!    like those between segments, which [`stack::frame_return`] hides.
//! 3. Choices that the scheduler is free to make are random: whether a goroutine made ready is next, in which order those of a list are queued.
//!
//! `G::preempt` is always set, so that changes of segments poison the limit; what is asked of a P shows in `P::preempt`. With one P and a seed
//! runs differ only by what comes from outside.

use crate::arch;
use crate::g::{G, GList};
use crate::m::M;
use crate::sched::SCHED;
use rt_sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// One in how many safepoints yields; 0 is off.
static EVERY: AtomicU32 = AtomicU32::new(0);
/// Seed of the Ms' generators; 0 is none.
static SEED: AtomicU64 = AtomicU64::new(0);

/// Sets the switches; before any goroutine exists.
pub fn init(every: u32, seed: u64) {
    EVERY.store(every, Ordering::Relaxed);
    SEED.store(seed, Ordering::Relaxed);
    seed_m(M::current());
}

/// Gives an M its random numbers if there is a seed.
pub fn seed_m(m: &M) {
    let seed = SEED.load(Ordering::Relaxed);
    if seed != 0 {
        m.fast_rand
            .set((seed ^ (m.id.get() << 48)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
}

/// Whether goroutines are preempted at random.
#[inline(always)]
pub fn on() -> bool {
    EVERY.load(Ordering::Relaxed) != 0
}

/// A random bit.
#[cold]
pub fn coin() -> bool {
    M::current().cheaprandn(2) == 0
}

/// Whether the safepoint that the running goroutine is at yields.
pub fn due(m: &M) -> bool {
    m.p().preempt.load(Ordering::Relaxed)
        || SCHED.stopping.load(Ordering::Relaxed)
        || m.cheaprandn(EVERY.load(Ordering::Relaxed).max(1)) == 0
}

/// Arms a goroutine that stopped at a function's entry: sets the limit for the time of that function. Returns whether the function is
/// to return through [`arch::stress_return`].
pub fn arm_at_entry(g: &G) -> bool {
    g.preempt.store(true, Ordering::Relaxed);
    let real = g.real_limit();
    g.stack_limit.store(real, Ordering::Relaxed);
    // SAFETY: in morestack: the stub's rbp chain leads to the frame of `save_args`, above which is the function's return address.
    let (slot, ret) = unsafe {
        let slot = *(g.sched_bp.get() as *const usize) + 8;
        (slot, *(slot as *const usize))
    };
    // SAFETY: the address of a function's code.
    let Some(frame) = (unsafe { frame_size(g.morestack_fn.get()) }) else {
        return false;
    };
    let boundary = ret != arch::lessstack as *const () as usize
        && ret != arch::stress_return as *const () as usize;
    let low = slot - usize::from(boundary) * arch::STRESS_BOUNDARY - 8 - frame;
    if (low as u64) < real {
        // It needs another segment first.
        return false;
    }
    g.stack_limit.store(low as u64, Ordering::Relaxed);
    boundary
}

/// Bytes that a function takes for its frame below the saved rbp, from its first instructions; `None` if they are not the usual ones.
///
/// # Safety
/// `function` is the address of compiled code.
unsafe fn frame_size(function: usize) -> Option<usize> {
    // SAFETY: functions are longer than this: the check alone is.
    let code = unsafe { &*(function as *const [u8; 11]) };
    match code {
        // push rbp; mov rbp, rsp; sub rsp, imm8 or imm32 (or, without a frame, something else)
        [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, size, ..] => Some(usize::from(*size)),
        [0x55, 0x48, 0x89, 0xe5, 0x48, 0x81, 0xec, size @ ..] => {
            Some(u32::from_le_bytes(*size) as usize)
        }
        [0x55, 0x48, 0x89, 0xe5, ..] => Some(0),
        _ => None,
    }
}

/// Puts a list into another order.
pub fn shuffle(list: &GList) {
    let (first, second) = (GList::new(), GList::new());
    while let Some(g) = list.pop_front() {
        match coin() {
            true => first.push_back(g),
            false => second.push_front(g),
        }
    }
    list.append(&first);
    list.append(&second);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_measured_by_the_first_instructions() {
        let check = |code: [u8; 11], expected| {
            // SAFETY: bytes to read.
            assert_eq!(unsafe { frame_size(code.as_ptr() as usize) }, expected);
        };
        check(
            [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0, 0, 0],
            Some(16),
        );
        check(
            [0x55, 0x48, 0x89, 0xe5, 0x48, 0x81, 0xec, 0x60, 0x1f, 0, 0],
            Some(0x1f60),
        );
        check(
            [0x55, 0x48, 0x89, 0xe5, 0x49, 0x89, 0xfe, 0, 0, 0, 0],
            Some(0),
        );
        check([0x48, 0x83, 0xec, 0x10, 0x55, 0, 0, 0, 0, 0, 0], None);
    }
}
