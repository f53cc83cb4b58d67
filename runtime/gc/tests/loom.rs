//! Loom: the lock-free list of work buffers, and the protocol that ends marking.
//!
//! The list is the shipped file, compiled against loom's atomics. The protocol is small and spread
//! over the state machine, so it is modelled here step by step.

mod atomic {
    pub use loom::sync::atomic::{AtomicU64, Ordering};
}
#[path = "../src/lfstack.rs"]
#[expect(dead_code, reason = "the model needs no is_empty")]
mod lfstack;

use lfstack::{LfNode, LfStack};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use loom::thread;

fn stack() -> LfStack {
    LfStack::with(AtomicU64::new(0))
}

/// Nodes are never freed while a stack may hold them: the test leaks into this box until its end.
fn node() -> *mut LfNode {
    Box::into_raw(Box::new(LfNode::new()))
}

/// Runs a model with bounded preemptions, which keeps three threads feasible.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// # Safety
/// Nobody uses the nodes any more.
unsafe fn free(nodes: impl IntoIterator<Item = *mut LfNode>) {
    for node in nodes {
        // SAFETY: made by `node`, the caller's promise.
        drop(unsafe { Box::from_raw(node) });
    }
}

#[test]
fn every_pushed_buffer_is_popped_once() {
    check(|| {
        let stack = Arc::new(stack());
        let nodes: Vec<usize> = (0..3).map(|_| node() as usize).collect();
        let pushers: Vec<_> = (0..2)
            .map(|index| {
                let (stack, mine) = (stack.clone(), nodes[index]);
                thread::spawn(move || {
                    // SAFETY: freed after all threads are through.
                    unsafe { stack.push(mine as *mut LfNode) };
                    stack.pop() as usize
                })
            })
            .collect();
        // SAFETY: as above.
        unsafe { stack.push(nodes[2] as *mut LfNode) };
        let mut popped: Vec<usize> = pushers.into_iter().map(|t| t.join().unwrap()).collect();
        loop {
            let last = stack.pop() as usize;
            if last == 0 {
                break;
            }
            popped.push(last);
        }
        popped.sort();
        let mut want = nodes.clone();
        want.sort();
        assert_eq!(popped, want);
        // SAFETY: all threads are through.
        unsafe { free(nodes.into_iter().map(|n| n as *mut LfNode)) };
    });
}

#[test]
fn popping_and_pushing_the_same_buffer_does_not_confuse_a_slow_pop() {
    check(|| {
        let stack = Arc::new(stack());
        let (a, b) = (node() as usize, node() as usize);
        // SAFETY: freed after all threads are through.
        unsafe {
            stack.push(b as *mut LfNode);
            stack.push(a as *mut LfNode);
        }
        let slow = {
            let stack = stack.clone();
            thread::spawn(move || stack.pop() as usize)
        };
        let first = stack.pop() as usize;
        let second = stack.pop() as usize;
        if first != 0 {
            // SAFETY: as above.
            unsafe { stack.push(first as *mut LfNode) };
        }
        let theirs = slow.join().unwrap();
        let mut all = vec![theirs, second];
        loop {
            let node = stack.pop() as usize;
            if node == 0 {
                break;
            }
            all.push(node);
        }
        all.retain(|n| *n != 0);
        all.sort();
        let mut want = vec![a, b];
        want.sort();
        assert_eq!(all, want);
        // SAFETY: all threads are through.
        unsafe { free([a as *mut LfNode, b as *mut LfNode]) };
    });
}

/// Two workers take jobs, one of which makes another job. `active` counts workers; the one that
/// brings it to 0 and sees no work ends the phase. Nobody may end it while a taken job is
/// unfinished; when both are through, the scheduler's poll may end it if they did not.
#[test]
fn marking_ends_only_when_no_work_is_left() {
    struct Shared {
        work: AtomicUsize,
        active: AtomicUsize,
        taken: AtomicUsize,
        finished: AtomicUsize,
    }
    impl Shared {
        fn may_end(&self) -> bool {
            self.active.load(Ordering::SeqCst) == 0 && self.work.load(Ordering::Acquire) == 0
        }
    }
    check(|| {
        let shared = Arc::new(Shared {
            work: AtomicUsize::new(1),
            active: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
        });
        let worker = |mut makes_more: bool| {
            let shared = shared.clone();
            move || {
                shared.active.fetch_add(1, Ordering::SeqCst);
                loop {
                    let left = shared.work.load(Ordering::Acquire);
                    if left == 0 {
                        break;
                    }
                    if shared
                        .work
                        .compare_exchange(left, left - 1, Ordering::AcqRel, Ordering::Relaxed)
                        .is_err()
                    {
                        continue;
                    }
                    shared.taken.fetch_add(1, Ordering::AcqRel);
                    if makes_more {
                        shared.work.fetch_add(1, Ordering::AcqRel);
                        makes_more = false;
                    }
                    shared.finished.fetch_add(1, Ordering::AcqRel);
                }
                if shared.active.fetch_sub(1, Ordering::SeqCst) == 1 && shared.may_end() {
                    let (taken, finished) = (
                        shared.taken.load(Ordering::Acquire),
                        shared.finished.load(Ordering::Acquire),
                    );
                    assert_eq!(taken, finished, "ended while a job was unfinished");
                }
            }
        };
        let other = thread::spawn(worker(false));
        worker(true)();
        other.join().unwrap();
        assert!(shared.may_end());
        assert!(shared.finished.load(Ordering::Relaxed) >= 1);
    });
}

/// Sweep hand-over: allocation and the background sweeper race for one unswept span. The list's
/// lock decides who sweeps; the other must not touch it, and sees it swept or not at all.
#[test]
fn one_thread_sweeps_a_span() {
    check(|| {
        let list = Arc::new(loom::sync::Mutex::new(Some(())));
        let sweepgen = Arc::new(AtomicUsize::new(2));
        let swept = Arc::new(AtomicUsize::new(0));
        let unswept = Arc::new(AtomicUsize::new(1));
        let sweeper = || {
            let (list, sweepgen, swept, unswept) = (
                list.clone(),
                sweepgen.clone(),
                swept.clone(),
                unswept.clone(),
            );
            move || {
                let taken = list.lock().unwrap().take();
                if taken.is_some() {
                    assert_eq!(sweepgen.swap(3, Ordering::Acquire), 2);
                    swept.fetch_add(1, Ordering::Relaxed);
                    sweepgen.store(4, Ordering::Release);
                    unswept.fetch_sub(1, Ordering::Release);
                } else if unswept.load(Ordering::Acquire) == 0 {
                    assert_eq!(sweepgen.load(Ordering::Acquire), 4);
                    assert_eq!(swept.load(Ordering::Relaxed), 1);
                }
            }
        };
        let other = thread::spawn(sweeper());
        sweeper()();
        other.join().unwrap();
        assert_eq!(swept.load(Ordering::Relaxed), 1);
    });
}
