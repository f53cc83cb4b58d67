//! Memory of the scheduler that is never freed: Gs, Ms, Ps, stack slabs. Chunks from the system, bumped.

use core::cell::Cell;
use rt_sync::{LockRank, Mutex};

const CHUNK: usize = 256 << 10;

struct Bump {
    next: Cell<usize>,
    end: Cell<usize>,
    total: Cell<usize>,
}

static BUMP: Mutex<Bump> = Mutex::new(
    LockRank::Persistent,
    Bump {
        next: Cell::new(0),
        end: Cell::new(0),
        total: Cell::new(0),
    },
);

/// Zeroed memory; throws if the system has none.
pub fn alloc(size: usize, align: usize) -> usize {
    let bump = BUMP.lock();
    let mut at = bump.next.get().next_multiple_of(align);
    if bump.next.get() == 0 || at + size > bump.end.get() {
        if size > CHUNK / 4 {
            bump.total.set(bump.total.get() + size);
            drop(bump);
            return map(size);
        }
        let chunk = map(CHUNK);
        bump.next.set(chunk);
        bump.end.set(chunk + CHUNK);
        bump.total.set(bump.total.get() + CHUNK);
        at = chunk.next_multiple_of(align);
    }
    bump.next.set(at + size);
    at
}

/// Maps zeroed memory, or dies of memory exhaustion as Go does.
pub fn map(size: usize) -> usize {
    match rt_os::mem::map_zeroed(size) {
        Ok(at) => at,
        Err(err) => rt_os::throw!("runtime: cannot allocate {size} bytes of memory ({err})"),
    }
}

/// Bytes taken from the system.
pub fn total() -> usize {
    BUMP.lock().total.get()
}
