//! Finalizers, cleanups, weak pointers, the heap profile.

mod mock;

use mock::{Kind, MockWorld, Mutator, simple};
use rt_gc::AttachError;
use rt_heap::{Config, Due, Finalizer, SpecialKind};
use std::sync::atomic::Ordering::SeqCst;

fn setup() -> (&'static MockWorld, Mutator, Kind) {
    let config = Config {
        reserve: 1 << 30,
        hint: 0,
        verify: true,
        poison: true,
        check_mark: true,
        ..Config::new()
    };
    let world = MockWorld::new(config, 100, 1);
    (world, world.enter(), simple("node", 4, |word| word > 1, 1))
}

/// A func value: in Go a pointer to a closure object.
fn func(mutator: &Mutator) -> usize {
    mutator.alloc(16, std::ptr::null())
}

fn finalizer(func: usize) -> Finalizer {
    Finalizer {
        func,
        arg_type: std::ptr::null(),
        result_bytes: 0,
    }
}

fn due(world: &MockWorld) -> Vec<Due> {
    std::iter::from_fn(|| world.gc.take_due()).collect()
}

#[test]
fn finalizer_runs_once_and_the_object_survives_it() {
    let (world, mutator, kind) = setup();
    let object = mutator.alloc(kind.size, kind.typ);
    mutator.set_root(0, object);
    let child = mutator.alloc(kind.size, kind.typ);
    mutator.store(object + 16, child);
    mutator.set_root(1, func(&mutator));
    let f = mutator.root(1);
    // SAFETY: the object is rooted.
    unsafe { world.gc.set_finalizer(object, finalizer(f)) }.unwrap();
    // SAFETY: as above.
    let again = unsafe { world.gc.set_finalizer(object, finalizer(f)) };
    assert_eq!(again, Err(AttachError::AlreadySet));
    mutator.set_root(1, 0);
    mutator.collect();
    assert!(due(world).is_empty());
    mutator.set_root(0, 0);
    mutator.collect();
    // Object, child and function are kept for the finalizer: by the queue.
    let live = world.heap.stats().heap_objects;
    assert_eq!(live, 3);
    mutator.collect();
    assert_eq!(world.heap.stats().heap_objects, 3);
    assert!(world.finalizer_wakes.load(SeqCst) > 0);
    let items = due(world);
    assert_eq!(items.len(), 1);
    assert_eq!(
        (items[0].kind, items[0].func, items[0].object),
        (SpecialKind::Finalizer, f, object)
    );
    mutator.collect();
    assert_eq!(world.heap.stats().heap_objects, 0);
    assert!(due(world).is_empty());
}

#[test]
fn chain_of_finalizers_runs_from_the_outside_in() {
    let (world, mutator, kind) = setup();
    let inner = mutator.alloc(kind.size, kind.typ);
    mutator.set_root(0, inner);
    let outer = mutator.alloc(kind.size, kind.typ);
    mutator.set_root(1, outer);
    mutator.store(outer + 16, inner);
    let f = func(&mutator);
    mutator.set_root(2, f);
    // SAFETY: rooted.
    unsafe {
        world.gc.set_finalizer(inner, finalizer(f)).unwrap();
        world.gc.set_finalizer(outer, finalizer(f)).unwrap();
    }
    mutator.set_root(0, 0);
    mutator.set_root(1, 0);
    mutator.collect();
    assert_eq!(
        due(world).iter().map(|d| d.object).collect::<Vec<_>>(),
        [outer]
    );
    mutator.collect();
    assert_eq!(
        due(world).iter().map(|d| d.object).collect::<Vec<_>>(),
        [inner]
    );
}

#[test]
fn finalizer_can_be_removed_and_wrong_addresses_are_refused() {
    let (world, mutator, kind) = setup();
    let object = mutator.alloc(kind.size, kind.typ);
    mutator.set_root(0, object);
    // SAFETY: rooted.
    unsafe {
        assert_eq!(
            world.gc.set_finalizer(object + 8, finalizer(0)),
            Err(AttachError::NotStart)
        );
        assert_eq!(
            world
                .gc
                .set_finalizer(&raw const world as usize, finalizer(0)),
            Err(AttachError::NotHeap)
        );
        world.gc.set_finalizer(object, finalizer(0)).unwrap();
        world.gc.remove_finalizer(object);
    }
    mutator.set_root(0, 0);
    mutator.collect();
    assert!(due(world).is_empty());
    assert_eq!(world.heap.stats().heap_objects, 0);
}

#[test]
fn large_and_headed_objects_are_finalized_by_their_own_address() {
    let (world, mutator, _) = setup();
    for words in [100, 5000] {
        let kind = simple("big", words, |word| word == 9, 1);
        let object = mutator.alloc(kind.size, kind.typ);
        mutator.set_root(0, object);
        // SAFETY: rooted.
        unsafe { world.gc.set_finalizer(object, finalizer(0)) }.unwrap();
        mutator.set_root(0, 0);
        mutator.collect();
        assert_eq!(due(world)[0].object, object);
        mutator.collect();
        assert_eq!(world.heap.stats().heap_objects, 0);
    }
}

#[test]
fn cleanups_run_after_the_object_is_gone_unless_stopped() {
    let (world, mutator, kind) = setup();
    let object = mutator.alloc(kind.size, kind.typ);
    mutator.set_root(0, object);
    let funcs: Vec<usize> = (0..3)
        .map(|index| {
            let f = func(&mutator);
            mutator.set_root(index + 1, f);
            f
        })
        .collect();
    // SAFETY: rooted.
    let ids: Vec<usize> = unsafe {
        funcs
            .iter()
            .map(|f| world.gc.add_cleanup(object, *f).unwrap())
            .collect()
    };
    // SAFETY: rooted.
    assert!(unsafe { world.gc.stop_cleanup(object, ids[1]) });
    // SAFETY: rooted.
    assert!(!unsafe { world.gc.stop_cleanup(object, ids[1]) });
    (1..4).for_each(|index| mutator.set_root(index, 0));
    mutator.collect();
    assert!(due(world).is_empty());
    // The record keeps the functions.
    assert_eq!(world.heap.stats().heap_objects, 3);
    mutator.set_root(0, 0);
    mutator.collect();
    let mut ran: Vec<usize> = due(world).iter().map(|d| d.func).collect();
    ran.sort();
    let mut want = [funcs[0], funcs[2]];
    want.sort();
    assert_eq!(ran, want);
    mutator.collect();
    assert_eq!(world.heap.stats().heap_objects, 0);
}

#[test]
fn weak_pointers_turn_nil_when_the_object_goes() {
    let (world, mutator, kind) = setup();
    let object = mutator.alloc(kind.size, kind.typ);
    mutator.set_root(0, object);
    // SAFETY: rooted; own cache.
    let (handle, same, inner) = unsafe {
        let handle = world
            .gc
            .weak_handle(world, mutator.cache(), object)
            .unwrap();
        mutator.set_root(1, handle);
        let same = world
            .gc
            .weak_handle(world, mutator.cache(), object)
            .unwrap();
        let inner = world
            .gc
            .weak_handle(world, mutator.cache(), object + 16)
            .unwrap();
        mutator.set_root(2, inner);
        (handle, same, inner)
    };
    assert_eq!(handle, same);
    assert_ne!(handle, inner);
    mutator.collect();
    // SAFETY: handles are rooted; own cache.
    unsafe {
        assert_eq!(world.gc.strong_from_weak(mutator.cache(), handle), object);
        assert_eq!(
            world.gc.strong_from_weak(mutator.cache(), inner),
            object + 16
        );
    }
    mutator.set_root(0, 0);
    mutator.collect();
    // SAFETY: as above.
    unsafe {
        assert_eq!(world.gc.strong_from_weak(mutator.cache(), handle), 0);
        assert_eq!(world.gc.strong_from_weak(mutator.cache(), inner), 0);
    }
    assert_eq!(world.heap.stats().heap_objects, 2);
}

#[test]
fn weak_pointer_is_nil_once_its_finalizer_is_queued() {
    let (world, mutator, kind) = setup();
    let object = mutator.alloc(kind.size, kind.typ);
    mutator.set_root(0, object);
    // SAFETY: rooted; own cache.
    let handle = unsafe {
        world.gc.set_finalizer(object, finalizer(0)).unwrap();
        world
            .gc
            .weak_handle(world, mutator.cache(), object)
            .unwrap()
    };
    mutator.set_root(1, handle);
    mutator.set_root(0, 0);
    mutator.collect();
    // SAFETY: rooted.
    let strong = unsafe { world.gc.strong_from_weak(mutator.cache(), handle) };
    assert_eq!(strong, 0);
    assert_eq!(due(world)[0].object, object);
}

#[test]
fn profile_samples_count_allocations_and_frees() {
    let (world, mutator, _) = setup();
    world.heap.profile.rate.store(4096, SeqCst);
    let total = 200_000;
    for index in 0..total {
        let object = mutator.alloc(64, std::ptr::null());
        mutator.set_root(index % 50, object);
        // SAFETY: own cache.
        unsafe {
            let cache = mutator.cache();
            if (*cache).sampled != 0 {
                assert_eq!(((*cache).sampled, (*cache).sampled_size), (object, 64));
                world
                    .heap
                    .record_sample(object, 64, &[0x100 + index % 3, 0x200]);
                (*cache).sampled = 0;
            }
        }
    }
    mutator.collect();
    let (mut allocs, mut frees, mut buckets) = (0, 0, 0);
    world.heap.profile.for_each(|size, a, f, stack| {
        assert_eq!((size, stack.len()), (64, 2));
        allocs += a;
        frees += f;
        buckets += 1;
    });
    assert_eq!(buckets, 3);
    // Expected: one sample per 4096 bytes.
    let expected = (total * 64 / 4096) as u64;
    assert!(
        allocs > expected * 8 / 10 && allocs < expected * 12 / 10,
        "{allocs} samples, {expected} expected"
    );
    assert!(
        frees <= allocs && frees + 50 >= allocs,
        "{frees} of {allocs}"
    );
}

#[test]
fn statistics_add_up() {
    let (world, mutator, kind) = setup();
    for index in 0..1000 {
        let object = mutator.alloc(kind.size, kind.typ);
        if index < 10 {
            mutator.set_root(index, object);
        }
        mutator.alloc(5, std::ptr::null());
    }
    let large = mutator.alloc(100_000, std::ptr::null());
    mutator.set_root(20, large);
    let before = world.heap.stats();
    assert_eq!(before.mallocs, 1000 + 1000 + 1);
    // The first object of a block of 16 bytes counts as the block.
    assert_eq!(before.tiny_allocs, 1000 - before.by_size[2].1);
    mutator.collect();
    let after = world.heap.stats();
    assert_eq!(after.heap_objects, 11);
    assert_eq!(after.mallocs - after.frees, 11);
    assert_eq!(after.heap_alloc, 10 * 32 + 106_496);
    assert_eq!(after.total_alloc, before.total_alloc);
    assert_eq!(
        after.heap_inuse + after.heap_idle + after.stacks_inuse,
        after.heap_sys + after.stacks_inuse
    );
    assert!(after.heap_released <= after.heap_idle);
    world.gc.free_os_memory(world);
    let freed = world.heap.stats();
    assert_eq!(freed.heap_released, freed.heap_idle);
}

#[test]
fn memory_limit_makes_collections_more_frequent() {
    let config = Config {
        reserve: 1 << 30,
        hint: 0,
        ..Config::new()
    };
    let world = MockWorld::new(config, -1, 1);
    let mutator = world.enter();
    world.gc.set_memory_limit(world, 64 << 20);
    for index in 0..2_000_000 {
        let object = mutator.alloc(256, std::ptr::null());
        mutator.set_root(index % 64, object);
    }
    assert!(world.gc.cycles() > 5, "{} cycles", world.gc.cycles());
    assert!(
        world.heap.mapped_ready() < 70 << 20,
        "{} bytes",
        world.heap.mapped_ready()
    );
    assert_eq!(world.gc.set_memory_limit(world, -1), 64 << 20);
}

#[test]
fn absurd_sizes_and_exhausted_space_are_errors() {
    let config = Config {
        reserve: 128 << 20,
        hint: 0,
        ..Config::new()
    };
    let world = MockWorld::new(config, 100, 1);
    let mutator = world.enter();
    // SAFETY: own cache.
    unsafe {
        let cache = mutator.cache();
        for size in [usize::MAX, 1 << 60, 1 << 46, 200 << 20] {
            let error = world
                .gc
                .malloc(world, cache, size, std::ptr::null(), true)
                .unwrap_err();
            assert_eq!(error.size, size);
        }
        let ok = world
            .gc
            .malloc(world, cache, 100 << 20, std::ptr::null(), true)
            .unwrap();
        mutator.set_root(0, ok.as_ptr() as usize);
        assert!(
            world
                .gc
                .malloc(world, cache, 100 << 20, std::ptr::null(), true)
                .is_err()
        );
        mutator.set_root(0, 0);
        assert!(
            world
                .gc
                .malloc(world, cache, 100 << 20, std::ptr::null(), true)
                .is_ok()
        );
    }
}

#[test]
fn manual_pages_are_no_objects() {
    let (world, mutator, _) = setup();
    let stack = world.heap.alloc_manual_pages(4).unwrap() as usize;
    assert!(world.heap.find_object(stack + 100).is_none());
    mutator.set_root(0, stack + 100);
    mutator.collect();
    assert_eq!(world.heap.stats().stacks_inuse, 4 * 8192);
    // SAFETY: not used any more.
    unsafe { world.heap.free_manual_pages(stack as *mut u8) };
    assert_eq!(world.heap.stats().stacks_inuse, 0);
    let free_again = std::panic::AssertUnwindSafe(|| {
        // SAFETY: wrong on purpose: the heap must notice.
        unsafe { world.heap.free_manual_pages(stack as *mut u8) }
    });
    assert!(std::panic::catch_unwind(free_again).is_err());
}

#[test]
fn goroutines_blocked_on_unreachable_objects_are_leaked() {
    let (world, mutator, kind) = setup();
    let channel = |root: usize| {
        let object = mutator.alloc(kind.size, kind.typ);
        mutator.set_root(root, object);
        object
    };
    // a is known to the running goroutine; b only to the goroutine that waits for a; c to nobody
    // but its own waiter; d and e only to two goroutines that wait for each other.
    let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(channel);
    let waits = [
        (vec![a], vec![b]),
        (vec![b], vec![]),
        (vec![c], vec![c]),
        (vec![d], vec![e]),
        (vec![e], vec![d]),
    ];
    for (on, holds) in waits {
        let (index, thread) = world.parked_thread();
        for (slot, held) in holds.iter().enumerate() {
            thread.roots[slot].store(*held, SeqCst);
        }
        world.blocked.lock().unwrap().push((index, on, false));
    }
    (2..6).for_each(|root| mutator.set_root(root, 0));
    assert_eq!(world.gc.find_leaks(world), 3);
    let verdicts: Vec<bool> = world
        .blocked
        .lock()
        .unwrap()
        .iter()
        .map(|entry| entry.2)
        .collect();
    assert_eq!(verdicts, [false, false, true, true, true]);
    // Nothing of the leaked ones was freed.
    assert_eq!(world.heap.stats().heap_objects, 5);
    assert_eq!(world.gc.find_leaks(world), 3);
}
