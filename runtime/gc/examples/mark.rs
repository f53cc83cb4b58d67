//! How fast marking is: a binary tree of 48-byte nodes, collected three times.
//! `cargo run --release -p rt-gc --example mark -- 22 [stw]`
#[path = "../tests/mock/mod.rs"]
mod mock;

use mock::{MockWorld, Mutator, simple};
use rt_heap::Config;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

fn build(mutator: &Mutator, typ: *const abi::gotype::Type, depth: usize, at: usize) -> usize {
    let node = mutator.alloc(48, typ);
    mutator.set_root(at, node);
    if depth > 0 {
        let left = build(mutator, typ, depth - 1, at + 1);
        mutator.store(node + 8, left);
        let right = build(mutator, typ, depth - 1, at + 1);
        mutator.store(node + 16, right);
    }
    node
}

fn main() {
    let mut args = std::env::args().skip(1);
    let depth: usize = args.next().and_then(|a| a.parse().ok()).unwrap_or(20);
    let stop_the_world = args.next().is_some();
    let world = MockWorld::new(
        Config {
            stop_the_world,
            ..Config::new()
        },
        100,
        2,
    );
    let node = simple("node", 6, |word| word == 1 || word == 2, 1);
    let worker = (!stop_the_world).then(|| std::thread::spawn(|| world.worker()));
    let mutator = world.enter();
    let from = Instant::now();
    build(&mutator, node.typ, depth, 0);
    println!(
        "built in {:?}, {} cycles",
        from.elapsed(),
        world.gc.cycles()
    );
    for _ in 0..4 {
        let (from, cpu_from) = (Instant::now(), rt_os::time::thread_cputime());
        mutator.collect();
        let (elapsed, cpu) = (from.elapsed(), rt_os::time::thread_cputime() - cpu_from);
        let objects = world.heap.stats().heap_objects;
        let each = |nanos: f64| nanos / objects as f64;
        println!(
            "{objects} objects: {elapsed:?}, {:.1} ns each; CPU of this thread {:.1} ns each",
            each(elapsed.as_nanos() as f64),
            each(cpu as f64)
        );
    }
    mutator.leave();
    world.done.store(true, SeqCst);
    if let Some(worker) = worker {
        worker.join().unwrap();
    }
}
