//! Timers and tickers: those armed in a P's heap, and channel timers that only their objects in the heap show
//! (since Go 1.23 a channel timer is armed only while somebody waits for it).

use std::sync::Mutex;

use diagnose::snapshot::{Slot, TimerUse};
use rustc_hash::FxHashSet;

use crate::Result;
use crate::heap::Walk;
use crate::image::word;
use crate::runtime::Runtime;
use crate::types::Types;

const MAX_TIMERS: usize = 4 << 20;

/// All timers that still can fire.
pub fn timers(
    runtime: &Runtime<'_>,
    walk: &Walk,
    types: &Mutex<Types<'_>>,
) -> Result<Vec<TimerUse>> {
    let at = |name: &str| {
        runtime
            .field(&format!("timer.{name}"))
            .map(|offset| offset as usize)
    };
    let (when, period, function, channel, blocked) = (
        at("when")?,
        at("period")?,
        at("f")?,
        at("isChan")?,
        at("blocked")?,
    );
    let argument = at("arg")?;
    let size = runtime.field("timer#")? as usize;
    let (heap_at, timers_at) = (runtime.field("timers.heap")?, runtime.field("p.timers")?);
    let mut armed: Vec<u64> = Vec::new();
    for p in runtime.processors()? {
        let Some((pointer, length)) = runtime.image.slice(p + timers_at + heap_at) else {
            continue;
        };
        let length = length.min((MAX_TIMERS - armed.len().min(MAX_TIMERS)) as u64);
        let Some(data) = runtime.image.bytes(pointer, length * 16) else {
            continue;
        };
        armed.extend(data.chunks_exact(16).map(|entry| word(entry, 0)));
    }
    let armed_set: FxHashSet<u64> = armed.iter().copied().collect();
    // time.Timer and time.Ticker are views of runtime.timeTimer, which holds the timer at an offset.
    let inner = runtime.field("timeTimer.timer").unwrap_or(16);
    let timer_size = runtime.field("timeTimer#").unwrap_or(112);
    let mut slots: Vec<Slot> = Vec::new();
    if let Ok(types) = types.lock() {
        let wanted: FxHashSet<u32> = types
            .list
            .iter()
            .enumerate()
            .filter(|(_, ty)| {
                matches!(
                    ty.name.as_str(),
                    "time.Ticker" | "time.Timer" | "runtime.timeTimer"
                )
            })
            .map(|(index, _)| index as u32)
            .collect();
        for slot in 0..walk.labels.len() as u32 {
            let label = walk.label_of(slot);
            if label.ty().is_some_and(|ty| wanted.contains(&ty))
                && walk.is_allocated(slot)
                && walk.span_of(slot).elem_size >= timer_size
            {
                slots.push(slot);
                if slots.len() >= MAX_TIMERS {
                    break;
                }
            }
        }
    }
    let mut addresses: Vec<u64> = slots
        .iter()
        .map(|&slot| walk.address(slot) + inner)
        .collect();
    let known: FxHashSet<u64> = addresses.iter().copied().collect();
    let first_armed = addresses.len();
    addresses.extend(
        armed
            .iter()
            .copied()
            .filter(|address| !known.contains(address)),
    );
    let records = runtime.image.read_records(&addresses, size);
    let mut result = Vec::new();
    for (index, (record, &address)) in records.chunks_exact(size).zip(&addresses).enumerate() {
        let period_ns = word(record, period);
        let fires = word(record, when) != 0;
        if !fires || period_ns > 1 << 62 {
            continue;
        }
        let code = runtime.image.u64(word(record, function)).unwrap_or(0);
        let is_channel = record[channel] != 0;
        let function_at = |code: u64| runtime.functions.find(code).map_or("", |func| func.name());
        let mut name = if is_channel { "" } else { function_at(code) };
        if name == "time.goFunc" {
            // time.AfterFunc: the argument is an interface whose data word is the function value.
            let closure = word(record, argument + 8);
            let code = runtime.image.u64(closure).unwrap_or(0);
            name = function_at(code);
        }
        let slot = if index < first_armed {
            Some(slots[index])
        } else {
            walk.find(address).map(|found| found.0)
        };
        let blocked = word(record, blocked) as u32;
        result.push(TimerUse {
            slot,
            period_ns,
            channel: is_channel,
            blocked,
            armed: armed_set.contains(&address),
            function: name.to_string(),
        });
    }
    Ok(result)
}
