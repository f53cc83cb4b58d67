//! Removes nil, bounds and division checks that an earlier one on every path has made already.
//!
//! Walks the dominator tree with a scoped set of facts; a fact is an operation that did not panic.

use base::{FxHashSet, IndexVec};
use mir::verify::Dominators;
use mir::{Block, Body, BoundKind, Function, Op, Program, Value};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Fact {
    NonNil(Value),
    NonZero(Value),
    NotNegative(Value),
    Bound(Value, Value, BoundKind),
}

/// The pass.
pub fn run(_program: &Program, func: &mut Function) {
    let Some(body) = &mut func.body else { return };
    let order = body.reverse_postorder();
    let dominators = Dominators::compute(body, &order);
    let mut children: IndexVec<Block, Vec<Block>> =
        IndexVec::from_elem_n(Vec::new(), body.blocks.len());
    for &block in &order {
        if let Some(parent) = dominators.idom(block) {
            children[parent].push(block);
        }
    }
    let mut facts: FxHashSet<Fact> = FxHashSet::default();
    // (block, next child, facts added by the block)
    let mut stack: Vec<(Block, usize, Vec<Fact>)> = Vec::new();
    let added = visit(body, Body::ENTRY, &mut facts);
    stack.push((Body::ENTRY, 0, added));
    while let Some((block, next, _)) = stack.last_mut() {
        if let Some(&child) = children[*block].get(*next) {
            *next += 1;
            let added = visit(body, child, &mut facts);
            stack.push((child, 0, added));
        } else if let Some((_, _, added)) = stack.pop() {
            for fact in added {
                facts.remove(&fact);
            }
        }
    }
}

fn visit(body: &mut Body, block: Block, facts: &mut FxHashSet<Fact>) -> Vec<Fact> {
    let mut added = Vec::new();
    let insts = std::mem::take(&mut body.blocks[block].insts);
    let mut kept = Vec::with_capacity(insts.len());
    for inst in insts {
        let fact = match &body.insts[inst].op {
            Op::NilCheck(p) => Some(Fact::NonNil(*p)),
            Op::DivCheck(x) => Some(Fact::NonZero(*x)),
            Op::ShiftCheck(x) => Some(Fact::NotNegative(*x)),
            Op::BoundsCheck {
                index, len, kind, ..
            } => Some(Fact::Bound(*index, *len, *kind)),
            _ => None,
        };
        if let Some(fact) = fact {
            if !facts.insert(fact) {
                continue;
            }
            added.push(fact);
        }
        kept.push(inst);
    }
    body.blocks[block].insts = kept;
    added
}
