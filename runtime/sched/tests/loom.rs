//! Loom: the run queue. The queue is the shipped file, compiled against loom's atomics and a G of one byte.

mod atomic {
    pub use loom::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
}
mod g {
    pub struct G(#[expect(dead_code, reason = "distinct addresses need a size")] pub u8);
}
#[path = "../src/runq.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
mod runq;

use atomic::{AtomicPtr, AtomicU32};
use g::G;
use loom::sync::Arc;
use loom::thread;
use runq::{CAPACITY, RunQueue};
use std::ptr;

/// Goroutines of all models: the queue holds `&'static G`.
static GS: [G; 4] = [G(0), G(1), G(2), G(3)];

fn queue() -> RunQueue {
    RunQueue::with(
        AtomicU32::new(0),
        AtomicU32::new(0),
        AtomicPtr::new(ptr::null_mut()),
        std::array::from_fn::<_, { CAPACITY as usize }, _>(|_| AtomicPtr::new(ptr::null_mut())),
    )
}

fn index(g: &'static G) -> usize {
    (g as *const G as usize - GS.as_ptr() as usize) / size_of::<G>()
}

/// Runs a model with bounded preemptions.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    // A queue alone has 258 atomics.
    builder.max_branches = 50_000;
    builder.check(model);
}

fn drain(queue: &RunQueue, seen: &mut Vec<usize>) {
    while let Some((g, _)) = queue.pop() {
        seen.push(index(g));
    }
}

#[test]
fn every_goroutine_is_run_by_owner_or_thief_once() {
    check(|| {
        let owner = Arc::new(queue());
        for g in &GS[..2] {
            assert!(owner.push(g));
        }
        let victim = owner.clone();
        let thief = thread::spawn(move || {
            let own = queue();
            let mut seen: Vec<usize> = victim
                .steal_into(&own, false)
                .map(index)
                .into_iter()
                .collect();
            drain(&own, &mut seen);
            seen
        });
        let mut seen = vec![];
        if let Some((g, _)) = owner.pop() {
            seen.push(index(g));
        }
        assert!(owner.push(&GS[2]));
        drain(&owner, &mut seen);
        seen.extend(thief.join().unwrap());
        // What the thief took and the owner missed at its last look is with the thief.
        drain(&owner, &mut seen);
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
    });
}

#[test]
fn next_slot_goes_to_one_of_owner_and_thief() {
    check(|| {
        let owner = Arc::new(queue());
        assert!(owner.put_next(&GS[0]).is_none());
        let victim = owner.clone();
        let thief = thread::spawn(move || victim.steal_into(&queue(), true).map(index));
        let mut seen = vec![];
        // The owner replaces it: the kicked one goes to the ring.
        if let Some(kicked) = owner.put_next(&GS[1]) {
            assert!(owner.push(kicked));
        }
        drain(&owner, &mut seen);
        seen.extend(thief.join().unwrap());
        drain(&owner, &mut seen);
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
    });
}

#[test]
fn queue_with_work_never_looks_empty() {
    check(|| {
        let owner = Arc::new(queue());
        assert!(owner.put_next(&GS[0]).is_none());
        let observer = owner.clone();
        let looks = thread::spawn(move || observer.is_empty());
        // Moves the first from `next` to the ring: at no moment is there nothing.
        if let Some(kicked) = owner.put_next(&GS[1]) {
            assert!(owner.push(kicked));
        }
        assert!(!looks.join().unwrap());
    });
}
