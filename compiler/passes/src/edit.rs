//! Helpers that several passes share.

use base::{Id, IndexVec};
use mir::{Body, Def, Inst, Op, Terminator, Value};

/// Replacement of values while a body is walked in an order in which definitions come first.
#[derive(Debug)]
pub struct Aliases {
    to: IndexVec<Value, Option<Value>>,
}

impl Aliases {
    /// No replacements for a body.
    pub fn new(body: &Body) -> Self {
        Aliases {
            to: IndexVec::from_elem_n(None, body.values.len()),
        }
    }
    /// What stands for `value`.
    pub fn resolve(&self, mut value: Value) -> Value {
        while let Some(Some(to)) = self.to.get(value) {
            value = *to;
        }
        value
    }
    /// From now on `value` is `to`.
    pub fn replace(&mut self, value: Value, to: Value) {
        self.to.ensure(value, None);
        let to = self.resolve(to);
        debug_assert_ne!(value, to);
        self.to[value] = Some(to);
    }
    /// Rewrites every use in the body.
    pub fn apply(&self, body: &mut Body) {
        for inst in body.insts.iter_mut() {
            inst.op.for_each_use_mut(|v| *v = self.resolve(*v));
        }
        for block in body.blocks.iter_mut() {
            if let Some(term) = &mut block.term {
                term.for_each_use_mut(|v| *v = self.resolve(*v));
            }
        }
    }
}

/// Removes pure instructions whose results nobody uses.
pub fn remove_dead(body: &mut Body) {
    let mut uses: IndexVec<Value, u32> = IndexVec::from_elem_n(0, body.values.len());
    let mut placed = vec![false; body.insts.len()];
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            placed[inst.index()] = true;
            body.insts[inst].op.for_each_use(|v| uses[v] += 1);
        }
        if let Some(term) = &block.term {
            term.for_each_use(|v| uses[v] += 1);
        }
    }
    let unused = |data: &mir::InstData, uses: &IndexVec<Value, u32>| {
        !data.results.is_empty() && data.op.is_pure() && data.results.iter().all(|&r| uses[r] == 0)
    };
    let mut work: Vec<Inst> = body
        .insts
        .ids()
        .filter(|&i| placed[i.index()] && unused(&body.insts[i], &uses))
        .collect();
    let mut dead = vec![false; body.insts.len()];
    while let Some(inst) = work.pop() {
        if std::mem::replace(&mut dead[inst.index()], true) {
            continue;
        }
        let op = body.insts[inst].op.clone();
        op.for_each_use(|v| {
            uses[v] -= 1;
            if let Def::Inst(def, _) = body.values[v].def
                && placed[def.index()]
                && unused(&body.insts[def], &uses)
            {
                work.push(def);
            }
        });
    }
    for block in body.blocks.iter_mut() {
        block.insts.retain(|i| !dead[i.index()]);
    }
}

/// Joins a block with its only successor where that has no other predecessor.
pub fn merge_blocks(body: &mut Body) {
    let mut preds: IndexVec<mir::Block, u32> = IndexVec::from_elem_n(0, body.blocks.len());
    for block in body.blocks.iter() {
        if let Some(term) = &block.term {
            term.for_each_target(|t| preds[t.block] += 1);
        }
    }
    let mut aliases = Aliases::new(body);
    let mut changed = false;
    for block in body.reverse_postorder() {
        while let Some(Terminator::Jump(to)) = &body.blocks[block].term {
            let next = to.block;
            if preds[next] != 1
                || next == Body::ENTRY
                || Some(next) == body.recover_block
                || next == block
            {
                break;
            }
            let args = to.args.clone();
            let data = std::mem::take(&mut body.blocks[next]);
            for (&param, &arg) in data.params.iter().zip(&args) {
                aliases.replace(param, arg);
            }
            let cold = body.blocks[block].cold && data.cold;
            let into = &mut body.blocks[block];
            into.insts.extend(data.insts);
            into.term = data.term;
            into.term_loc = data.term_loc;
            into.cold = cold;
            body.blocks[next].term = Some(Terminator::Unreachable);
            preds[next] = 0;
            changed = true;
        }
    }
    if changed {
        aliases.apply(body);
    }
}

/// Whether an operation is a constant or an address that is known at link time.
pub fn is_constant(op: &Op) -> bool {
    matches!(
        op,
        Op::Int(_)
            | Op::Float(_)
            | Op::Zero
            | Op::Str(..)
            | Op::FuncVal(_)
            | Op::FuncCode(_)
            | Op::Global(_)
            | Op::Data(..)
            | Op::TypeDesc(_)
            | Op::Itab(_)
    )
}
