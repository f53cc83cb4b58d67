//! Numbers of what is live, and the table that tells it.

use abi::module::frame;

use super::{Analysis, Effect, Event, Unclear, get, set};
use crate::tables::uleb;

/// Variables of more words count as one.
const CELLS: u32 = 32;

/// Numbers of what the data flow is about: saved registers, variables, words.
pub(super) struct Ids<'a> {
    slots: &'a [(u32, u32)],
    saved: u8,
    /// Slots whose address is taken, ascending.
    pub variables: Vec<(u32, u32)>,
    /// Of each variable, and of one more: how many cells those before have.
    cells: Vec<u32>,
    /// Words that are read, as offsets from the bottom of the frame, ascending.
    words: Vec<u32>,
}

impl<'a> Ids<'a> {
    pub fn new(analysis: &Analysis, slots: &'a [(u32, u32)]) -> Result<Self, Unclear> {
        let mut ids = Ids {
            slots,
            saved: analysis.saved,
            variables: Vec::new(),
            cells: vec![0],
            words: Vec::new(),
        };
        for event in &analysis.events {
            if let Event::Address { at } = *event {
                let slot = ids.slot_of(at).ok_or(Unclear)?;
                ids.variables.push(slot);
            }
        }
        ids.variables.sort_unstable();
        ids.variables.dedup();
        let mut cells = 0;
        for &(_, size) in &ids.variables {
            let words = size.div_ceil(8);
            cells += if words > CELLS { 1 } else { words };
            ids.cells.push(cells);
        }
        for event in &analysis.events {
            if let Event::Read { at, size } = *event {
                ids.words.extend((at & !7..at + size).step_by(8));
            }
        }
        ids.words.sort_unstable();
        ids.words.dedup();
        let mut words = std::mem::take(&mut ids.words);
        words.retain(|&word| ids.variable_at(word).is_none());
        ids.words = words;
        Ok(ids)
    }

    fn slot_of(&self, at: u32) -> Option<(u32, u32)> {
        let next = self.slots.partition_point(|slot| slot.0 <= at);
        let slot = *self.slots.get(next.checked_sub(1)?)?;
        (at < slot.0 + slot.1.next_multiple_of(8)).then_some(slot)
    }

    fn variable_at(&self, at: u32) -> Option<usize> {
        let next = self.variables.partition_point(|slot| slot.0 <= at);
        let index = next.checked_sub(1)?;
        let (start, size) = self.variables[index];
        (at < start + size.next_multiple_of(8)).then_some(index)
    }

    /// Whether the word at an offset from the bottom of the frame belongs to a variable whose address is taken.
    pub fn in_variable(&self, at: u32) -> bool {
        self.variable_at(at).is_some()
    }

    fn registers(&self) -> u32 {
        self.saved.count_ones()
    }

    pub fn count(&self) -> usize {
        self.registers() as usize + self.variables.len() + self.words.len()
    }

    #[cfg(test)]
    pub fn is_variable(&self, id: u32) -> bool {
        self.variable_ids().contains(&id)
    }

    pub fn variable_ids(&self) -> std::ops::Range<u32> {
        self.registers()..self.registers() + self.variables.len() as u32
    }

    /// Number of what the data flow is about: registers, cells of variables, words.
    pub fn cell_count(&self) -> usize {
        self.cell_ids().end as usize + self.words.len()
    }

    pub fn cell_ids(&self) -> std::ops::Range<u32> {
        let first = self.registers();
        first..first + self.cells[self.variables.len()]
    }

    /// The cells of a variable.
    fn cells_of(&self, variable: usize) -> std::ops::Range<u32> {
        let first = self.registers();
        first + self.cells[variable]..first + self.cells[variable + 1]
    }

    /// Turns a row of cells into one of variables: live with any cell that is live and has been touched.
    pub fn outside(&self, row: &[u64], touched: &[u64]) -> Vec<u64> {
        let mut out = vec![0u64; self.count().div_ceil(64).max(1)];
        for id in (0..self.registers()).filter(|&id| get(row, id)) {
            set(&mut out, id);
        }
        for index in 0..self.variables.len() {
            if self
                .cells_of(index)
                .any(|id| get(row, id) && get(touched, id))
            {
                set(&mut out, self.registers() + index as u32);
            }
        }
        let (from, to) = (self.cell_ids().end, self.variable_ids().end);
        for index in (0..self.words.len() as u32).filter(|&index| get(row, from + index)) {
            set(&mut out, to + index);
        }
        out
    }

    /// Calls `f` with the event's effects in execution order.
    pub fn effects(&self, event: Event, f: &mut dyn FnMut(Effect, u32)) {
        let registers = |mask: u8, effect: Effect, f: &mut dyn FnMut(Effect, u32)| {
            for bit in 0..4 {
                if mask & self.saved & 1 << bit != 0 {
                    f(effect, (self.saved & ((1 << bit) - 1)).count_ones());
                }
            }
        };
        match event {
            Event::ReadRegisters(mask) => registers(mask, Effect::Need, f),
            Event::WriteRegisters(mask) => registers(mask, Effect::Kill, f),
            Event::Call { ret } => f(Effect::Call, ret),
            Event::Address { at } => {
                if let Some(index) = self.variable_at(at) {
                    self.cells_of(index).for_each(|id| f(Effect::Need, id));
                }
            }
            Event::Read { at, size } => self.each(at, size, &mut |id, _, _| f(Effect::Need, id)),
            Event::Write { at, size } => self.each(at, size, &mut |id, start, bytes| {
                let whole = at <= start && start + bytes <= at + size;
                f(if whole { Effect::Kill } else { Effect::Touch }, id);
            }),
        }
    }

    /// Calls `f` with (id, start, bytes in use) of the cells and words in a range.
    fn each(&self, at: u32, size: u32, f: &mut dyn FnMut(u32, u32, u32)) {
        let mut last = None;
        for word in (at & !7..at + size).step_by(8) {
            if let Some(index) = self.variable_at(word) {
                let (start, bytes) = self.variables[index];
                let ids = self.cells_of(index);
                let (id, start, bytes) = if bytes.div_ceil(8) > CELLS {
                    (ids.start, start, bytes)
                } else {
                    let cell = (word - start) / 8;
                    (ids.start + cell, word, (bytes - cell * 8).min(8))
                };
                if last != Some(id) {
                    f(id, start, bytes);
                    last = Some(id);
                }
            } else if let Ok(index) = self.words.binary_search(&word) {
                // Of a narrow variable only its own bytes matter.
                let bytes = match self.slot_of(word) {
                    Some((start, bytes)) if start == word => bytes.min(8),
                    _ => 8,
                };
                f(self.cell_ids().end + index as u32, word, bytes);
            }
        }
    }

    pub fn encode(&self, analysis: &Analysis, sites: &[(u32, Vec<u64>)]) -> Vec<u8> {
        let words = analysis.size / 8;
        // Words that are live somewhere, nearest to the frame pointer first.
        let first = self.registers() + self.variables.len() as u32;
        let columns: Vec<u32> = (first..self.count() as u32)
            .rev()
            .filter(|&id| sites.iter().any(|(_, row)| get(row, id)))
            .collect();
        let live: Vec<&(u32, Vec<u64>)> = sites
            .iter()
            .filter(|(_, row)| row.iter().any(|&w| w != 0))
            .collect();
        let mut out = vec![self.saved];
        if !self.variables.is_empty() {
            out[0] |= frame::VARIABLES;
        }
        if live.is_empty() && self.variables.is_empty() {
            return out;
        }
        let mut bits: Vec<u32> = (0..self.registers()).collect();
        if !self.variables.is_empty() {
            uleb(&mut out, self.variables.len() as u64);
            let mut last = 0;
            for (index, &(start, size)) in self.variables.iter().enumerate().rev() {
                bits.push(self.registers() + index as u32);
                let count = size.div_ceil(8);
                let top = words - (start / 8 + count);
                uleb(&mut out, (top - last) as u64);
                uleb(&mut out, count as u64);
                last = top + count;
            }
        }
        if live.is_empty() {
            return out;
        }
        out[0] |= frame::SITES;
        uleb(&mut out, columns.len() as u64);
        let mut last = 0;
        for &id in &columns {
            let word = words - 1 - self.words[(id - first) as usize] / 8;
            uleb(&mut out, (word - last) as u64);
            last = word + 1;
        }
        bits.extend(&columns);
        let map = |row: &[u64]| -> Vec<u8> {
            let mut bytes = vec![0u8; bits.len().div_ceil(8)];
            for (n, &id) in bits.iter().enumerate() {
                if get(row, id) {
                    bytes[n / 8] |= 1 << (n % 8);
                }
            }
            bytes
        };
        // Short maps stand with each call, long ones in a list.
        let mut list: Vec<Vec<u8>> = Vec::new();
        let mut entries = Vec::new();
        let (mut last_ret, mut last_map) = (0, None);
        for (ret, row) in &live {
            let map = map(row);
            let same = last_map.as_ref() == Some(&map);
            uleb(&mut entries, ((ret - last_ret) as u64) << 1 | same as u64);
            if !same {
                if map.len() == 1 {
                    entries.push(map[0]);
                } else {
                    let at = list.iter().position(|m| *m == map).unwrap_or_else(|| {
                        list.push(map.clone());
                        list.len() - 1
                    });
                    uleb(&mut entries, at as u64);
                }
            }
            last_ret = *ret;
            last_map = Some(map);
        }
        if bits.len() > 8 {
            uleb(&mut out, list.len() as u64);
            out.extend(list.iter().flatten());
        }
        uleb(&mut out, live.len() as u64);
        out.extend(entries);
        out
    }
}
