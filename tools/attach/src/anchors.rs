//! Addresses of runtime variables without symbols: places in the runtime's code that refer to them.
//!
//! 1. From an unstripped binary of a release, record (function, n-th RIP-relative memory operand of m, operand
//!    minus variable) for every variable wanted.
//! 2. In a stripped binary find the function by name (the function table is never stripped), decode it, and let
//!    every anchor vote whose function has the same number of such operands.
//! 3. Believe at least 3 votes (2 where there are only 2 anchors) and 60 % agreement.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use rustc_hash::FxHashMap;

use crate::exe::Exe;
use crate::layout::{Anchor, SYMBOLS};
use crate::pclntab::{Func, FuncTable};

/// At most this many anchors per variable are recorded.
const MAX_ANCHORS: usize = 12;

/// RIP-relative operands of a function, as addresses in the process, in code order.
pub fn rip_operands(exe: &Exe, func: &Func<'_>, slide: u64) -> Vec<u64> {
    let mut result = Vec::new();
    let size = func.end.saturating_sub(func.entry);
    let Some(code) = exe.bytes_at(func.entry.wrapping_sub(slide), size) else {
        return result;
    };
    visit_code(code, func, |instruction| {
        if instruction.memory_base() == Register::RIP
            && (0..instruction.op_count()).any(|op| instruction.op_kind(op) == OpKind::Memory)
        {
            result.push(instruction.memory_displacement64());
        }
    });
    result
}

/// Decodes one function, whose bytes are `code`.
pub fn visit_code(code: &[u8], func: &Func<'_>, mut visit: impl FnMut(&Instruction)) {
    let mut decoder = Decoder::with_ip(64, code, func.entry, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        visit(&instruction);
    }
}

/// Records anchors in an unstripped executable that is not position-independent.
pub fn record(exe: &Exe, table: &FuncTable<'_>) -> Vec<Anchor> {
    let mut found: FxHashMap<&str, Vec<Anchor>> = FxHashMap::default();
    let ranges: Vec<(&str, u64, u64)> = SYMBOLS
        .iter()
        .filter_map(|symbol| {
            let address = *exe.symbols.get(&format!("runtime.{symbol}"))?;
            let index = exe.data_symbols.partition_point(|entry| entry.0 < address);
            let size = exe
                .data_symbols
                .get(index)
                .filter(|entry| entry.0 == address)
                .map_or(8, |entry| entry.1);
            Some((*symbol, address, size))
        })
        .collect();
    for func in table.all() {
        let name = func.name();
        if !name.starts_with("runtime.") || name.contains("func") || name.contains(' ') {
            continue;
        }
        let operands = rip_operands(exe, &func, 0);
        for (ordinal, operand) in operands.iter().enumerate() {
            for &(symbol, address, size) in &ranges {
                if (address..address + size).contains(operand) {
                    found.entry(symbol).or_default().push(Anchor {
                        symbol: symbol.to_string(),
                        function: name.to_string(),
                        ordinal: ordinal as u32,
                        total: operands.len() as u32,
                        addend: (operand - address) as i64,
                    });
                }
            }
        }
    }
    let mut result = Vec::new();
    for symbol in SYMBOLS {
        let mut anchors = found.remove(symbol).unwrap_or_default();
        // Small functions change least between builds; one or two anchors of each.
        anchors.sort_by_key(|anchor| (anchor.total, anchor.function.clone(), anchor.ordinal));
        let mut per_function: FxHashMap<String, usize> = FxHashMap::default();
        anchors.retain(|anchor| {
            let count = per_function.entry(anchor.function.clone()).or_default();
            *count += 1;
            *count <= 2
        });
        result.extend(anchors);
    }
    result
}

/// Keeps anchors that also hold in a second executable of the release, at most a dozen per variable.
pub fn confirm(anchors: Vec<Anchor>, exe: &Exe, table: &FuncTable<'_>) -> Vec<Anchor> {
    let others: rustc_hash::FxHashSet<(String, String, u32, u32, i64)> = record(exe, table)
        .into_iter()
        .map(|anchor| {
            (
                anchor.symbol,
                anchor.function,
                anchor.ordinal,
                anchor.total,
                anchor.addend,
            )
        })
        .collect();
    let mut count: FxHashMap<String, usize> = FxHashMap::default();
    anchors
        .into_iter()
        .filter(|a| {
            others.contains(&(
                a.symbol.clone(),
                a.function.clone(),
                a.ordinal,
                a.total,
                a.addend,
            ))
        })
        .filter(|anchor| {
            let count = count.entry(anchor.symbol.clone()).or_default();
            *count += 1;
            *count <= MAX_ANCHORS
        })
        .collect()
}

/// Lets the anchors vote; addresses in the process.
pub fn resolve(
    exe: &Exe,
    table: &FuncTable<'_>,
    slide: u64,
    anchors: &[Anchor],
) -> FxHashMap<String, u64> {
    let mut wanted: FxHashMap<&str, Vec<&Anchor>> = FxHashMap::default();
    for anchor in anchors {
        wanted
            .entry(anchor.function.as_str())
            .or_default()
            .push(anchor);
    }
    let mut votes: FxHashMap<(&str, u64), u32> = FxHashMap::default();
    for func in table.all() {
        let Some(anchors) = wanted.get(func.name()) else {
            continue;
        };
        let operands = rip_operands(exe, &func, slide);
        for anchor in anchors {
            if operands.len() != anchor.total as usize {
                continue;
            }
            if let Some(operand) = operands.get(anchor.ordinal as usize) {
                *votes
                    .entry((&anchor.symbol, operand.wrapping_sub(anchor.addend as u64)))
                    .or_default() += 1;
            }
        }
    }
    let mut result = FxHashMap::default();
    for symbol in SYMBOLS {
        let available = anchors
            .iter()
            .filter(|anchor| anchor.symbol == *symbol)
            .count() as u32;
        let mut candidates: Vec<(u64, u32)> = votes
            .iter()
            .filter(|((name, _), _)| name == symbol)
            .map(|((_, address), count)| (*address, *count))
            .collect();
        candidates.sort_by_key(|&(address, count)| (std::cmp::Reverse(count), address));
        let total: u32 = candidates.iter().map(|candidate| candidate.1).sum();
        if let Some(&(address, count)) = candidates.first() {
            if count >= available.min(3) && count * 10 >= total * 6 {
                result.insert((*symbol).to_string(), address);
            }
        }
    }
    result
}
