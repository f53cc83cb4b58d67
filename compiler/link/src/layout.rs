//! Which chunks are needed, and where everything goes.

use base::{Id, IndexVec};

use crate::LinkError;
use crate::object::{ChunkId, Definition, Object, Section, SymbolId};

/// Address of the first byte of the image. Same place as other static executables on x86-64.
pub const IMAGE_BASE: u64 = 0x40_0000;
/// Size of file header and program headers, rounded: the first section starts behind them.
pub const HEADERS: u64 = 0x1000;
const PAGE: u64 = 0x1000;

/// Addresses.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Start address and size in memory of every section, in [`Section::ALL`] order.
    pub sections: [(u64, u64); Section::ALL.len()],
    /// Address of each live chunk; `None` = dropped.
    pub chunks: IndexVec<ChunkId, Option<u64>>,
    /// Live chunks of each section in address order.
    pub order: [Vec<ChunkId>; Section::ALL.len()],
    /// Entry point.
    pub entry: u64,
}

impl Layout {
    /// Keeps what the entry (and all chunks in [`Section::GoText`] and [`Section::BuildInfo`]) reaches and assigns addresses.
    ///
    /// # Errors
    /// Names all undefined symbols.
    pub fn compute(object: &Object, entry: &str) -> Result<Layout, LinkError> {
        let entry_symbol = object
            .lookup(entry)
            .ok_or_else(|| LinkError(format!("no entry point {entry}")))?;
        let live = mark(object, entry_symbol)?;
        let mut layout = Layout {
            sections: [(0, 0); Section::ALL.len()],
            chunks: IndexVec::from_elem_n(None, object.chunks.len()),
            order: Default::default(),
            entry: 0,
        };
        for (id, chunk) in object.chunks.iter_enumerated() {
            if live[id] {
                layout.order[chunk.section as usize].push(id);
            }
        }
        let mut address = IMAGE_BASE + HEADERS;
        for section in Section::ALL {
            // Segments: code | read-only | writable. Page boundaries between them.
            if matches!(section, Section::Rodata | Section::Data) {
                address = address.next_multiple_of(PAGE);
            }
            let align = layout.order[section as usize]
                .iter()
                .map(|&c| object.chunks[c].align as u64)
                .max()
                .unwrap_or(1);
            address = address.next_multiple_of(align.max(16));
            let start = address;
            for &id in &layout.order[section as usize] {
                let chunk = &object.chunks[id];
                address = address.next_multiple_of(chunk.align as u64);
                layout.chunks[id] = Some(address);
                address += chunk.size;
            }
            layout.sections[section as usize] = (start, address - start);
        }
        layout.entry = layout
            .address(object, entry_symbol)
            .ok_or_else(|| LinkError(format!("no entry point {entry}")))?;
        Ok(layout)
    }

    /// The address of a symbol; `None` if undefined or dropped.
    pub fn address(&self, object: &Object, symbol: SymbolId) -> Option<u64> {
        match object.symbols[symbol].def {
            Definition::Undefined => None,
            Definition::Weak => Some(0),
            Definition::Chunk(chunk, offset) => Some(self.chunks[chunk]? + offset),
            Definition::SectionStart(section) => Some(self.sections[section as usize].0),
            Definition::SectionEnd(section) => {
                let (start, size) = self.sections[section as usize];
                Some(start + size)
            }
            Definition::Absolute(value) => Some(value),
        }
    }
}

fn mark(object: &Object, entry: SymbolId) -> Result<IndexVec<ChunkId, bool>, LinkError> {
    let mut live = IndexVec::from_elem_n(false, object.chunks.len());
    let mut work: Vec<ChunkId> = Vec::new();
    let mut undefined: Vec<(SymbolId, ChunkId)> = Vec::new();
    let visit = |def: Definition, live: &mut IndexVec<ChunkId, bool>, work: &mut Vec<ChunkId>| {
        if let Definition::Chunk(chunk, _) = def
            && !std::mem::replace(&mut live[chunk], true)
        {
            work.push(chunk);
        }
    };
    visit(object.symbols[entry].def, &mut live, &mut work);
    for (id, chunk) in object.chunks.iter_enumerated() {
        if matches!(chunk.section, Section::GoText | Section::BuildInfo) {
            visit(Definition::Chunk(id, 0), &mut live, &mut work);
        }
    }
    while let Some(chunk) = work.pop() {
        for reloc in &object.chunks[chunk].relocs {
            match object.symbols[reloc.target].def {
                Definition::Undefined => undefined.push((reloc.target, chunk)),
                def => visit(def, &mut live, &mut work),
            }
        }
    }
    if undefined.is_empty() {
        return Ok(live);
    }
    // Say who refers to each: the symbol defined at the start of the referring chunk.
    let mut owner: IndexVec<ChunkId, Option<SymbolId>> =
        IndexVec::from_elem_n(None, object.chunks.len());
    for (id, symbol) in object.symbols.iter_enumerated() {
        if let Definition::Chunk(chunk, 0) = symbol.def
            && !symbol.name.is_empty()
        {
            owner[chunk].get_or_insert(id);
        }
    }
    let mut lines: Vec<String> = undefined
        .iter()
        .map(|&(symbol, chunk)| {
            let from = owner[chunk].map_or("?", |s| &object.symbols[s].name);
            format!(
                "{from}: relocation target {} not defined",
                object.symbols[symbol].name
            )
        })
        .collect();
    lines.sort_by(|a, b| {
        a.rsplit("target ")
            .next()
            .cmp(&b.rsplit("target ").next())
            .then(a.cmp(b))
    });
    lines.dedup_by(|a, b| a.rsplit("target ").next() == b.rsplit("target ").next());
    let _ = entry.index();
    Err(LinkError(lines.join("\n")))
}
