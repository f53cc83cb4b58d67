//! Random graphs, mutations and collections, compared with a naive reachability set.

mod mock;

use mock::{Kind, MockWorld, Mutator, ROOTS, Rng, kinds};
use rt_heap::Config;
use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;

fn config() -> Config {
    Config {
        reserve: 4 << 30,
        hint: 0,
        ..Config::new()
    }
}

/// Steps of a test; `HEAP_STRESS=20` makes all tests twenty times longer.
fn scaled(steps: usize) -> usize {
    let factor = std::env::var("HEAP_STRESS")
        .ok()
        .and_then(|text| text.parse().ok());
    steps * factor.unwrap_or(1)
}

/// What the test believes about an object.
struct Node {
    addr: usize,
    kind: usize,
    /// (index into the kind's pointers, id): kept small however large the object is.
    children: Vec<(usize, u64)>,
}

/// A graph that one mutator owns, with its shadow.
struct Graph<'a> {
    mutator: Mutator,
    kinds: &'a [Kind],
    nodes: HashMap<u64, Node>,
    roots: [u64; ROOTS],
    next_id: u64,
    rng: Rng,
    largest: usize,
}

impl<'a> Graph<'a> {
    fn new(mutator: Mutator, kinds: &'a [Kind], seed: u64) -> Graph<'a> {
        let base = seed << 40;
        Graph {
            mutator,
            kinds,
            nodes: HashMap::new(),
            roots: [0; ROOTS],
            next_id: base + 1,
            rng: Rng(seed),
            largest: usize::MAX,
        }
    }

    fn alloc(&mut self) -> u64 {
        let kind = loop {
            // Small kinds are more frequent, large ones rare.
            let n = self.kinds.len();
            let kind = self.rng.below(n).min(self.rng.below(n));
            let size = self.kinds[kind].size;
            if size <= self.largest && (size < 4096 || self.rng.below(20) == 0) {
                break kind;
            }
        };
        let Kind { typ, size, .. } = self.kinds[kind];
        let addr = self.mutator.alloc(size, typ);
        // SAFETY: a fresh object of this size.
        let words = unsafe { std::slice::from_raw_parts_mut(addr as *mut u64, size / 8) };
        assert!(
            words.iter().all(|word| *word == 0),
            "{} not zeroed at {addr:#x}",
            self.kinds[kind].name
        );
        let id = self.next_id;
        self.next_id += 1;
        words[0] = id;
        if self.kinds[kind].pointers.is_empty() {
            let last = words.len() - 1;
            words[last] = id;
        }
        self.nodes.insert(
            id,
            Node {
                addr,
                kind,
                children: Vec::new(),
            },
        );
        id
    }

    fn addr(&self, id: u64) -> usize {
        if id == 0 { 0 } else { self.nodes[&id].addr }
    }

    fn set_root(&mut self, index: usize, id: u64) {
        self.roots[index] = id;
        let inner = if id != 0 && self.rng.below(3) == 0 {
            self.rng.below(self.kinds[self.nodes[&id].kind].size)
        } else {
            0
        };
        // Interior pointers keep objects alive too.
        self.mutator.set_root(index, self.addr(id) + inner);
    }

    /// A reachable object, by walking from a root.
    fn some_reachable(&mut self) -> u64 {
        let mut at = self.roots[self.rng.below(ROOTS)];
        for _ in 0..self.rng.below(12) {
            let Some(node) = self.nodes.get(&at) else {
                break;
            };
            if node.children.is_empty() {
                break;
            }
            let next = node.children[self.rng.below(node.children.len())].1;
            if next == 0 {
                break;
            }
            at = next;
        }
        at
    }

    fn link(&mut self, from: u64, to: u64) {
        let kind = self.nodes[&from].kind;
        let pointers = &self.kinds[kind].pointers;
        if pointers.is_empty() {
            return;
        }
        let existing = &self.nodes[&from].children;
        let slot = if existing.len() >= 8 {
            existing[self.rng.below(existing.len())].0
        } else {
            self.rng.below(pointers.len())
        };
        let at = self.nodes[&from].addr + pointers[slot] * 8;
        let value = self.addr(to);
        self.mutator.store(at, value);
        let node = self.nodes.get_mut(&from).unwrap();
        node.children.retain(|(s, _)| *s != slot);
        if to != 0 {
            node.children.push((slot, to));
        }
    }

    fn step(&mut self) {
        match self.rng.below(10) {
            0..5 => {
                let id = self.alloc();
                if self.rng.below(3) > 0 {
                    let parent = self.some_reachable();
                    if parent != 0 && !self.kinds[self.nodes[&parent].kind].pointers.is_empty() {
                        self.link(parent, id);
                        return;
                    }
                }
                let root = self.rng.below(ROOTS);
                self.set_root(root, id);
            }
            5..7 => {
                let (from, to) = (self.some_reachable(), self.some_reachable());
                if from != 0 {
                    self.link(from, to);
                }
            }
            7 => {
                let from = self.some_reachable();
                if from != 0 {
                    self.link(from, 0);
                }
            }
            8 if self.rng.below(2) == 0 => {
                // Move a child to a root: nothing but the barrier sees it if the root is scanned
                // already and the parent is not yet.
                let parent = self.some_reachable();
                let Some((slot, child)) = self
                    .nodes
                    .get(&parent)
                    .and_then(|node| node.children.last().copied())
                else {
                    return;
                };
                let root = self.rng.below(ROOTS);
                self.set_root(root, child);
                let at = self.nodes[&parent].addr
                    + self.kinds[self.nodes[&parent].kind].pointers[slot] * 8;
                self.mutator.store(at, 0);
                self.nodes
                    .get_mut(&parent)
                    .unwrap()
                    .children
                    .retain(|(s, _)| *s != slot);
            }
            8 => {
                let (root, id) = (self.rng.below(ROOTS), self.some_reachable());
                self.set_root(root, id);
            }
            _ => {
                let root = self.rng.below(ROOTS);
                if self.rng.below(4) == 0 {
                    self.set_root(root, 0);
                }
            }
        }
    }

    /// Drops what the naive walk does not reach and checks the content of the rest.
    fn check_reachable(&mut self) -> usize {
        let mut seen: HashMap<u64, ()> = HashMap::new();
        let mut stack: Vec<u64> = self.roots.iter().copied().filter(|id| *id != 0).collect();
        while let Some(id) = stack.pop() {
            if seen.insert(id, ()).is_some() {
                continue;
            }
            let node = &self.nodes[&id];
            let kind = &self.kinds[node.kind];
            assert_eq!(
                self.mutator.load(node.addr) as u64,
                id,
                "{} at {:#x} lost its content",
                kind.name,
                node.addr
            );
            if kind.pointers.is_empty() {
                assert_eq!(self.mutator.load(node.addr + kind.size - 8) as u64, id);
            }
            let found = self
                .mutator
                .world
                .heap
                .find_object(node.addr + kind.size - 1)
                .expect("live object not found");
            assert_eq!(found.data(), node.addr);
            for (slot, child) in &node.children {
                let word = self.mutator.load(node.addr + kind.pointers[*slot] * 8);
                assert_eq!(
                    word, self.nodes[child].addr,
                    "{}: pointer {slot} changed",
                    kind.name
                );
                stack.push(*child);
            }
        }
        self.nodes.retain(|id, _| seen.contains_key(id));
        seen.len()
    }
}

fn run_single(
    config: Config,
    percent: i32,
    steps: usize,
    check_every: usize,
    largest: usize,
) -> &'static MockWorld {
    let steps = scaled(steps);
    let world = MockWorld::new(config, percent, 1);
    let kinds = kinds();
    let mut graph = Graph::new(world.enter(), &kinds, 99);
    graph.largest = largest;
    for step in 1..=steps {
        graph.step();
        if step % check_every == 0 {
            graph.mutator.collect();
            let reachable = graph.check_reachable();
            let stats = world.heap.stats();
            assert_eq!(stats.heap_objects as usize, reachable, "after {step} steps");
            world.heap.verify().unwrap();
        }
    }
    assert_eq!(world.gc.strays(), 0);
    world
}

#[test]
fn one_mutator_keeps_exactly_what_is_reachable() {
    let world = run_single(config(), 20, 400_000, 10_000, usize::MAX);
    assert!(world.gc.cycles() > 40);
    assert_eq!(world.gc.cycles() as usize, world.pools_cleared.load(SeqCst));
}

#[test]
fn stop_the_world_mode_keeps_exactly_what_is_reachable() {
    let config = Config {
        stop_the_world: true,
        eager_sweep: true,
        verify: true,
        poison: true,
        check_mark: true,
        ..config()
    };
    run_single(config, 50, 60_000, 5_000, 10_000);
}

#[test]
fn collection_at_every_allocation_loses_nothing() {
    let config = Config {
        collect_every: 1,
        verify: true,
        poison: true,
        check_mark: true,
        ..config()
    };
    let world = run_single(config, 100, 2_500, 500, 10_000);
    assert!(world.gc.cycles() > 1_000);
}

#[test]
fn null_collector_never_collects() {
    let config = Config {
        null_collector: true,
        ..config()
    };
    let world = MockWorld::new(config, 100, 1);
    let mutator = world.enter();
    for _ in 0..200_000 {
        mutator.alloc(64, std::ptr::null());
    }
    mutator.collect();
    assert_eq!(world.gc.cycles(), 0);
    assert_eq!(world.heap.stats().heap_objects, 200_000);
}

fn run_threads(
    config: Config,
    percent: i32,
    mutators: usize,
    workers: usize,
    steps: usize,
) -> &'static MockWorld {
    let steps = scaled(steps);
    let world = MockWorld::new(config, percent, mutators + workers);
    let kinds = kinds();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| scope.spawn(|| world.worker()))
            .collect();
        let threads: Vec<_> = (0..mutators)
            .map(|index| {
                let kinds = &kinds;
                scope.spawn(move || {
                    let mut graph = Graph::new(world.enter(), kinds, index as u64 + 1);
                    for step in 1..=steps {
                        graph.step();
                        if step % 5_000 == 0 {
                            graph.check_reachable();
                        }
                        if step % 20_000 == 0 {
                            graph.mutator.collect();
                            graph.check_reachable();
                        }
                    }
                    graph.check_reachable();
                    graph.mutator.leave();
                })
            })
            .collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                world.done.store(true, SeqCst);
                std::panic::resume_unwind(panic);
            }
        }
        world.done.store(true, SeqCst);
        for worker in workers {
            worker.join().unwrap();
        }
    });
    let mutator = world.enter();
    mutator.collect();
    mutator.collect();
    assert_eq!(
        world.heap.stats().heap_objects,
        0,
        "everything is garbage at the end"
    );
    world.heap.verify().unwrap();
    mutator.leave();
    world
}

#[test]
fn several_mutators_and_workers_lose_nothing() {
    let world = run_threads(config(), 20, 3, 1, 100_000);
    assert!(world.gc.cycles() > 10);
}

#[test]
fn concurrent_marks_pass_the_second_mark_with_poison() {
    let config = Config {
        check_mark: true,
        poison: true,
        verify: true,
        ..config()
    };
    run_threads(config, 30, 2, 2, 40_000);
}

#[test]
fn assists_alone_end_a_cycle() {
    let world = run_threads(config(), 20, 2, 0, 60_000);
    assert!(world.gc.cycles() > 5);
}

#[test]
fn collections_at_every_window_of_several_threads_lose_nothing() {
    let config = Config {
        collect_every: 50,
        poison: true,
        ..config()
    };
    run_threads(config, 100, 2, 1, 8_000);
}
