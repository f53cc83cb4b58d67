//! Natural loops: a header that dominates the source of an edge back to it, and the blocks between.

use base::{Id, IndexVec};
use mir::verify::Dominators;
use mir::{Block, Body, Def, Value};

/// A loop.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The block that every trip begins with.
    pub header: Block,
    /// Sources of the edges back.
    pub latches: Vec<Block>,
    /// Its blocks, by index.
    pub blocks: Vec<bool>,
    /// Whether another loop's header is in it.
    pub has_inner: bool,
}

impl Loop {
    #[allow(missing_docs)]
    pub fn contains(&self, block: Block) -> bool {
        self.blocks[block.index()]
    }

    /// Whether the value is the same in every trip: it is defined outside.
    pub fn is_invariant(
        &self,
        body: &Body,
        home: &IndexVec<mir::Inst, Option<Block>>,
        value: Value,
    ) -> bool {
        match body.values[value].def {
            Def::Param(block, _) => !self.contains(block),
            Def::Inst(inst, _) => home[inst].is_some_and(|b| !self.contains(b)),
            Def::Alias(_) => false,
        }
    }
}

/// The block that each instruction is in.
pub fn homes(body: &Body) -> IndexVec<mir::Inst, Option<Block>> {
    let mut home = IndexVec::from_elem_n(None, body.insts.len());
    for (block, data) in body.blocks.iter_enumerated() {
        for &inst in &data.insts {
            home[inst] = Some(block);
        }
    }
    home
}

/// All natural loops, one for each header.
pub fn find(body: &Body, order: &[Block], dominators: &Dominators) -> Vec<Loop> {
    let preds = body.predecessors();
    let mut reachable = vec![false; body.blocks.len()];
    for block in order {
        reachable[block.index()] = true;
    }
    let mut loops: Vec<Loop> = Vec::new();
    for &header in order {
        let mut latches: Vec<Block> = preds[header]
            .iter()
            .copied()
            .filter(|p| reachable[p.index()] && dominators.dominates(header, *p))
            .collect();
        latches.dedup();
        if latches.is_empty() {
            continue;
        }
        let mut blocks = vec![false; body.blocks.len()];
        blocks[header.index()] = true;
        let mut work = latches.clone();
        while let Some(block) = work.pop() {
            if !std::mem::replace(&mut blocks[block.index()], true) {
                work.extend(preds[block].iter().filter(|p| reachable[p.index()]));
            }
        }
        loops.push(Loop {
            header,
            latches,
            blocks,
            has_inner: false,
        });
    }
    let headers: Vec<Block> = loops.iter().map(|l| l.header).collect();
    for l in &mut loops {
        l.has_inner = headers.iter().any(|&h| h != l.header && l.contains(h));
    }
    loops
}
