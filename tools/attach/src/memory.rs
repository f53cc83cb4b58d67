//! The process from the kernel's side: what is resident, and whose it is.

use diagnose::snapshot::{MappingUse, Memory, PAGE, SpanState};
use rustc_hash::FxHashMap;

use crate::heap::Walk;
use crate::runtime::Runtime;
use crate::{Result, procfs};

/// Reads counters of the collector into `memory`.
pub fn collector(runtime: &Runtime<'_>, memory: &mut Memory) -> Result<()> {
    let controller = runtime.symbol("gcController")?;
    let image = &runtime.image;
    let percent = image
        .u32(controller + runtime.field("gcController.gcPercent")?)
        .unwrap_or(0) as i32;
    memory.gogc = i64::from(percent);
    let limit = image
        .u64(controller + runtime.field("gcController.memoryLimit")?)
        .unwrap_or(0);
    memory.memory_limit = (limit > 0 && limit < i64::MAX as u64).then_some(limit);
    memory.heap_marked = image
        .u64(controller + runtime.field("gcController.heapMarked")?)
        .unwrap_or(0);
    let stats = runtime.symbol("memstats")?;
    memory.collections = u64::from(
        image
            .u32(stats + runtime.field("memstats.numgc")?)
            .unwrap_or(0),
    );
    Ok(())
}

/// Bytes of memory the runtime has obtained for its own tables.
fn runtime_system_bytes(runtime: &Runtime<'_>) -> Option<u64> {
    let stats = runtime.symbol("memstats").ok()?;
    let mut sum = 0u64;
    for field in [
        "stacks_sys",
        "mspan_sys",
        "mcache_sys",
        "buckhash_sys",
        "gcMiscSys",
        "other_sys",
    ] {
        if let Ok(offset) = runtime.field(&format!("memstats.{field}")) {
            sum = sum.saturating_add(runtime.image.u64(stats + offset)?);
        }
    }
    (sum < 1 << 42).then_some(sum)
}

/// Spans' bytes by state, whether or not residency is known.
pub fn spans(walk: &Walk, memory: &mut Memory) {
    memory.stack_bytes = walk
        .spans
        .iter()
        .filter(|span| span.state == SpanState::Manual)
        .map(|span| u64::from(span.pages) * PAGE)
        .sum();
}

/// Which heap pages are resident, from the page map of the frozen memory. Must run before the heap is read:
/// reading an untouched page maps it.
pub fn residency(walk: &Walk, reader: i32, memory: &mut Memory) {
    let Some(map) = procfs::PageMap::open(reader) else {
        return;
    };
    let page = map.page_size();
    let mut known = true;
    let mut arenas: Vec<(u64, u64)> = Vec::new();
    for span in &walk.spans {
        let arena = span.start >> 26 << 26;
        let end = (span.start + u64::from(span.pages) * PAGE).next_multiple_of(1 << 26);
        match arenas.last_mut() {
            Some(last) if last.1 >= arena => last.1 = last.1.max(end),
            _ => arenas.push((arena, end)),
        }
    }
    let Ok(mappings) = procfs::mappings(reader) else {
        return;
    };
    let kernel: FxHashMap<u64, u64> = procfs::smaps(reader)
        .into_iter()
        .map(|smap| (smap.start, smap.rss))
        .collect();
    for &(start, end) in &arenas {
        for mapping in mappings
            .iter()
            .filter(|mapping| mapping.end > start && mapping.start < end && mapping.writable)
        {
            let (low, high) = (mapping.start.max(start), mapping.end.min(end));
            let (mut in_use, mut stack, mut free) = (0u64, 0u64, 0u64);
            known &= map.resident(low, high, |address, resident| {
                let state = walk
                    .pages
                    .span(address)
                    .map(|index| walk.spans[index].state);
                match (state, resident) {
                    (Some(SpanState::InUse), true) => in_use += page,
                    (Some(SpanState::InUse), false) => memory.in_use_untouched += page,
                    (Some(SpanState::Manual), true) => stack += page,
                    (None, true) => free += page,
                    (Some(SpanState::Manual) | None, false) => {}
                }
            });
            // A page that was read but never written is the kernel's shared page of zeros: mapped, but not resident.
            let mapped = in_use + stack + free;
            let resident = kernel
                .get(&mapping.start)
                .copied()
                .filter(|_| low == mapping.start && high == mapping.end)
                .unwrap_or(mapped);
            let share = |bytes: u64| match resident < mapped {
                true => (u128::from(bytes) * u128::from(resident) / u128::from(mapped)) as u64,
                false => bytes,
            };
            memory.in_use_untouched += in_use - share(in_use);
            memory.in_use_resident += share(in_use);
            memory.stack_resident += share(stack);
            memory.free_resident += share(free);
        }
    }
    memory.resident_known = known && !arenas.is_empty();
}

/// The kernel's numbers of the process itself.
pub fn kernel(pid: i32, runtime: &Runtime<'_>, walk: &Walk, memory: &mut Memory) {
    if let Ok(fields) = procfs::status(pid) {
        memory.rss = procfs::kib_field(&fields, "VmRSS");
        memory.rss_peak = procfs::kib_field(&fields, "VmHWM");
        memory.virtual_size = procfs::kib_field(&fields, "VmSize");
        memory.swap = procfs::kib_field(&fields, "VmSwap");
        memory.threads = fields
            .get("Threads")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
    }
    let group = procfs::cgroup(pid);
    memory.cgroup_limit = group.max;
    memory.cgroup_current = group.current;
    memory.working_set = group
        .current
        .map(|current| current.saturating_sub(group.inactive_file.unwrap_or(0)));
    memory.oom_kills = group.oom_kills;
    let heap = (
        walk.spans.first().map_or(0, |span| span.start >> 26 << 26),
        walk.spans.last().map_or(0, |span| {
            (span.start + u64::from(span.pages) * PAGE).next_multiple_of(1 << 26)
        }),
    );
    let exe_name = procfs::exe_name(pid);
    let mut anonymous = 0u64;
    let mut uses: Vec<MappingUse> = Vec::new();
    for smap in procfs::smaps(pid) {
        let in_heap = smap.start >= heap.0 && smap.start < heap.1 && !smap.path.starts_with('/');
        let name = if in_heap {
            "Go heap and stacks".to_string()
        } else if smap.path == exe_name {
            memory.binary_resident += smap.rss;
            "executable".to_string()
        } else if smap.path.starts_with('/') {
            if smap.path.contains(".so") {
                memory.binary_resident += smap.rss;
            } else {
                memory.outside_resident += smap.rss;
            }
            smap.path.clone()
        } else if smap.path == "[heap]" {
            memory.outside_resident += smap.rss;
            "[heap] (C)".to_string()
        } else if smap.path.starts_with("[v") {
            continue;
        } else {
            anonymous += smap.rss;
            if smap.path.is_empty() {
                "anonymous".to_string()
            } else {
                smap.path.clone()
            }
        };
        match uses.iter_mut().find(|entry| entry.name == name) {
            Some(entry) => {
                entry.size += smap.size;
                entry.rss += smap.rss;
            }
            None => uses.push(MappingUse {
                name,
                size: smap.size,
                rss: smap.rss,
            }),
        }
    }
    uses.sort_by_key(|entry| (std::cmp::Reverse(entry.rss), entry.name.clone()));
    memory.mappings = uses;
    // Anonymous memory beyond what the runtime says it has obtained (and the program's own zeroed data) is not Go's.
    let zeroed: u64 = runtime
        .image
        .exe
        .sections
        .iter()
        .filter(|section| section.name.contains("bss"))
        .map(|section| section.size)
        .sum();
    let own = runtime_system_bytes(runtime)
        .unwrap_or(u64::MAX)
        .saturating_add(zeroed)
        .saturating_add(1 << 20);
    memory.runtime_resident = anonymous.min(own);
    memory.outside_resident += anonymous - memory.runtime_resident;
}
