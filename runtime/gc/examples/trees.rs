//! Binary trees and small-object churn on the heap and collector alone, with the allocation fast
//! path written as compiled code has it. `cargo run --release -p rt-gc --example trees -- 18`
#[path = "../tests/mock/mod.rs"]
mod mock;

use abi::sizeclass::{Placement, placement};
use mock::{MockWorld, Mutator, simple};
use rt_gc::World;
use rt_heap::Config;
use rt_heap::mcache::Window;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

struct Alloc<'a> {
    mutator: &'a Mutator,
    typ: *const abi::gotype::Type,
    size: usize,
    class: usize,
    mask: u64,
    slot: usize,
}

impl Alloc<'_> {
    #[inline(always)]
    fn alloc(&self) -> usize {
        // SAFETY: our own cache, as compiled code uses it.
        unsafe {
            let cache = self.mutator.cache();
            let window: *mut Window = &raw mut (*cache).windows[self.class];
            let p = (*window).next;
            if p == (*window).end {
                return self.slow();
            }
            (*window).next = p + self.slot;
            if self.mask != 0 {
                let word = ((*cache).pointer_bits_bias + (p >> 9 << 3)) as *mut u64;
                let shift = p >> 3 & 63;
                *word |= self.mask << shift;
                if shift + self.size / 8 > 64 {
                    *word.add(1) |= self.mask >> (64 - shift);
                }
            }
            p
        }
    }

    #[cold]
    #[inline(never)]
    fn slow(&self) -> usize {
        self.mutator.alloc(self.size, self.typ)
    }
}

/// The "stack": roots are kept in the mutator's root array by depth.
fn bottom_up(alloc: &Alloc<'_>, depth: usize, at: usize) -> usize {
    let node = alloc.alloc();
    if depth > 0 {
        alloc.mutator.set_root(at, node);
        let left = bottom_up(alloc, depth - 1, at + 1);
        alloc.mutator.store(node, left);
        let right = bottom_up(alloc, depth - 1, at + 1);
        alloc.mutator.store(node + 8, right);
    }
    node
}

fn check(node: usize) -> usize {
    // SAFETY: a tree of live nodes.
    unsafe {
        let (left, right) = (*(node as *const usize), *((node + 8) as *const usize));
        if left == 0 {
            1
        } else {
            1 + check(left) + check(right)
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let depth: usize = args.next().and_then(|a| a.parse().ok()).unwrap_or(16);
    let workers: usize = args.next().and_then(|a| a.parse().ok()).unwrap_or(1);
    let trace = args.next().is_some();
    let world = MockWorld::new(
        Config {
            trace,
            ..Config::new()
        },
        100,
        1 + workers,
    );
    let node = simple("node", 2, |_| true, 1);
    // SAFETY: leaked descriptor, not shared yet; both words are pointers.
    unsafe {
        let typ = node.typ as *mut abi::gotype::Type;
        (*typ).ptr_bytes = 16;
        *((*typ).gc_data as *mut u8) = 3;
    }
    let workers: Vec<_> = (0..workers)
        .map(|_| std::thread::spawn(|| world.worker()))
        .collect();
    let mutator = world.enter();
    let class = |size, noscan| match placement(size, noscan) {
        Placement::Small { span_class } => span_class as usize,
        other => panic!("{other:?}"),
    };
    let nodes = Alloc {
        mutator: &mutator,
        typ: node.typ,
        size: 16,
        class: class(16, false),
        mask: 3,
        slot: 16,
    };
    let from = Instant::now();
    let stretch = bottom_up(&nodes, depth + 1, 1);
    println!(
        "stretch tree of depth {}\t check: {}",
        depth + 1,
        check(stretch)
    );
    let long_lived = bottom_up(&nodes, depth, 1);
    mutator.set_root(0, long_lived);
    for d in (4..=depth).step_by(4) {
        let n = 1 << (depth - d + 4);
        let total: usize = (0..n)
            .map(|_| {
                let tree = bottom_up(&nodes, d, 1);
                world.safepoint();
                check(tree)
            })
            .sum();
        println!("{n}\t trees of depth {d}\t check: {total}");
    }
    println!(
        "long lived tree of depth {depth}\t check: {}",
        check(long_lived)
    );
    println!("trees {:?}, {} cycles", from.elapsed(), world.gc.cycles());
    mutator.set_root(0, 0);

    let from = Instant::now();
    let data = Alloc {
        mutator: &mutator,
        typ: std::ptr::null(),
        size: 64,
        class: class(64, true),
        mask: 0,
        slot: 64,
    };
    for index in 0..50_000_000usize {
        let object = data.alloc();
        // SAFETY: a fresh object.
        unsafe { *(object as *mut usize) = index };
        mutator.set_root(index % 64, object);
    }
    println!(
        "churn of 50 M x 64 bytes {:?}, {} cycles",
        from.elapsed(),
        world.gc.cycles()
    );
    println!(
        "pauses: total {:?}, longest {:?}, procs {}",
        std::time::Duration::from_nanos(world.gc.stats.pause_total.load(SeqCst)),
        std::time::Duration::from_nanos(world.gc.stats.pause_max.load(SeqCst) as u64),
        world.num_procs()
    );
    mutator.leave();
    world.done.store(true, SeqCst);
    for worker in workers {
        worker.join().unwrap();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!(
        "{}",
        status.lines().find(|l| l.starts_with("VmHWM")).unwrap()
    );
}
