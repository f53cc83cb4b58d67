//! How full maps are.
//!
//! Swiss maps (the default since Go 1.24): a header, one group or a directory of tables, each table with its
//! groups. Maps of buckets (`GOEXPERIMENT=noswissmap`, Go 1.24 and 1.25): a header and two arrays of buckets.

use std::sync::Mutex;

use diagnose::snapshot::{EDGE_INTERIOR, MapUse, Slot, TypeId};
use rustc_hash::FxHashSet;

use crate::heap::Walk;
use crate::image::{half, word};
use crate::runtime::Runtime;
use crate::types::{RtType, Types};

/// Word of a map header that refers to its directory. Large directories begin with a type word, so that the
/// reference points past their start.
pub const DIRECTORY_WORD: u16 = 2;
/// Maps and tables examined.
const MAX_MAPS: usize = 4 << 20;

/// Maps with the room of their tables.
pub fn uses(runtime: &Runtime<'_>, walk: &Walk, types: &Mutex<Types<'_>>) -> Vec<MapUse> {
    let Ok(types) = types.lock() else {
        return Vec::new();
    };
    if types.bucket_maps {
        return bucket_maps(runtime, walk, &types);
    }
    // In stripped programs a map's header is known by layout alone, as what the runtime calls it.
    let headers: Vec<bool> = {
        let typed = types.map_headers();
        let is_header = |(id, ty): (usize, &RtType)| {
            ty.name == "maps.Map" || typed.contains_key(&(id as TypeId))
        };
        types.list.iter().enumerate().map(is_header).collect()
    };
    let mut found: Vec<(Slot, u64)> = Vec::new();
    for slot in 0..walk.labels.len() as u32 {
        let label = walk.label_of(slot);
        if label
            .ty()
            .is_some_and(|ty| headers.get(ty as usize).copied().unwrap_or(false))
            && walk.is_allocated(slot)
            && found.len() < MAX_MAPS
        {
            let range =
                walk.offsets[slot as usize] as usize..walk.offsets[slot as usize + 1] as usize;
            for edge in range {
                let target = walk.targets[edge];
                if walk.words[edge] & !EDGE_INTERIOR == DIRECTORY_WORD
                    && walk.label_of(target).array()
                {
                    found.push((slot, u64::from(target)));
                }
            }
        }
    }
    let addresses: Vec<u64> = found.iter().map(|entry| walk.address(entry.0)).collect();
    let heads = runtime.image.read_records(&addresses, 8);
    let mut tables: Vec<u64> = Vec::new();
    let mut ranges = Vec::new();
    for &(_, directory) in &found {
        let range = walk.offsets[directory as usize] as usize
            ..walk.offsets[directory as usize + 1] as usize;
        let from = tables.len();
        let mut previous = u32::MAX;
        for &table in &walk.targets[range] {
            if table != previous && tables.len() < MAX_MAPS {
                tables.push(u64::from(table));
            }
            previous = table;
        }
        ranges.push(from..tables.len());
    }
    let table_addresses: Vec<u64> = tables
        .iter()
        .map(|&table| walk.address(table as u32))
        .collect();
    let capacity = runtime.layout.get("table.capacity").unwrap_or(2) as usize;
    let records = runtime.image.read_records(&table_addresses, 8);
    let mut result = Vec::new();
    for ((&(slot, directory), head), range) in found.iter().zip(heads.chunks_exact(8)).zip(ranges) {
        let mut total = 0;
        let mut bytes = walk.span_of(directory as u32).elem_size;
        for index in range {
            total += u64::from(half(&records[index * 8..index * 8 + 8], capacity) & 0xffff);
            let table = tables[index] as u32;
            let groups =
                walk.offsets[table as usize] as usize..walk.offsets[table as usize + 1] as usize;
            bytes += walk.targets[groups]
                .iter()
                .map(|&groups| walk.span_of(groups).elem_size)
                .sum::<u64>();
        }
        result.push(MapUse {
            slot,
            used: word(head, 0),
            capacity: total,
            bytes,
        });
    }
    result
}

/// Maps of buckets: the header has the number of entries in word 0, the logarithm of the number of buckets in
/// byte 9, the buckets in word 2. A bucket has 8 entries.
fn bucket_maps(runtime: &Runtime<'_>, walk: &Walk, types: &Types<'_>) -> Vec<MapUse> {
    let mut headers: FxHashSet<TypeId> = types.bucket_map_headers().collect();
    let named = types.list.iter().position(|ty| ty.name == "runtime.hmap");
    headers.extend(named.map(|id| id as TypeId));
    let slots: Vec<Slot> = (0..walk.labels.len() as u32)
        .filter(|&slot| {
            let ty = walk.label_of(slot).ty();
            ty.is_some_and(|ty| headers.contains(&ty)) && walk.is_allocated(slot)
        })
        .take(MAX_MAPS)
        .collect();
    let addresses: Vec<u64> = slots.iter().map(|&slot| walk.address(slot)).collect();
    let records = runtime.image.read_records(&addresses, 24);
    let uses = slots.iter().zip(records.chunks_exact(24));
    uses.filter_map(|(&slot, record)| {
        let (buckets, _) = walk.find(word(record, 16))?;
        Some(MapUse {
            slot,
            used: word(record, 0),
            capacity: 8u64
                .checked_shl(u32::from(record[9]))
                .filter(|room| *room < 1 << 48)?,
            bytes: walk.span_of(buckets).elem_size,
        })
    })
    .collect()
}
