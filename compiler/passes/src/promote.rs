//! Turns slots that are only loaded and stored as a whole into SSA values (iterated dominance frontiers, Cytron et al. 1991), after
//! [`split`](crate::split) has taken apart those that are accessed by parts.

use base::{FxHashMap, Id, IndexVec};
use mir::verify::Dominators;
use mir::{Block, Body, Function, Loc, Op, Program, Scalar, Slot, Ty, Value};
use smallvec::SmallVec;

use crate::edit::{Aliases, remove_dead};

/// Promoted closure objects hold addresses of other slots, which can be promoted only then, and so on.
const ROUNDS: usize = 4;

/// The pass.
pub fn run(program: &Program, func: &mut Function) {
    let Some(body) = &mut func.body else { return };
    for _ in 0..ROUNDS {
        if body.slots.is_empty() {
            return;
        }
        crate::split::run(program, body);
        let candidates = candidates(program, body);
        if candidates.iter().all(|c| !c) {
            return;
        }
        Promotion::new(body, candidates).run();
        mir::builder::remove_trivial_params(body);
        remove_dead(body);
    }
}

fn shape(program: &Program, ty: Ty) -> Option<SmallVec<[(Scalar, u64); 4]>> {
    program.types.leaves(ty)
}

/// Slots whose address is used for nothing but whole loads and stores, outside the recover block's region.
fn candidates(program: &Program, body: &Body) -> IndexVec<Slot, bool> {
    let mut ok: IndexVec<Slot, bool> = body
        .slots
        .iter()
        .map(|s| program.types.is_ssa(s.ty))
        .collect();
    let address = |v: Value| match body.def_op(v) {
        Some(Op::SlotAddr(slot)) => Some(*slot),
        _ => None,
    };
    let after_recover = reachable_from(body, body.recover_block);
    for (block, data) in body.blocks.iter_enumerated() {
        let outside = after_recover[block.index()];
        for &inst in &data.insts {
            let whole =
                |ty: Ty, slot: Slot| shape(program, ty) == shape(program, body.slots[slot].ty);
            match &body.insts[inst].op {
                Op::Load(addr)
                    if address(*addr)
                        .is_some_and(|s| whole(body.ty(body.insts[inst].results[0]), s))
                        && !outside => {}
                Op::Store { addr, value, .. }
                    if address(*addr).is_some_and(|s| whole(body.ty(*value), s)) && !outside =>
                {
                    if let Some(slot) = address(*value) {
                        ok[slot] = false;
                    }
                }
                op => op.for_each_use(|v| {
                    if let Some(slot) = address(v) {
                        ok[slot] = false;
                    }
                }),
            }
        }
        if let Some(term) = &data.term {
            term.for_each_use(|v| {
                if let Some(slot) = address(v) {
                    ok[slot] = false;
                }
            });
        }
    }
    ok
}

/// Blocks that can be reached from one, by index.
pub(crate) fn reachable_from(body: &Body, start: Option<Block>) -> Vec<bool> {
    let mut seen = vec![false; body.blocks.len()];
    let mut work: Vec<Block> = start.into_iter().collect();
    while let Some(block) = work.pop() {
        if !std::mem::replace(&mut seen[block.index()], true) {
            work.extend(body.successors(block));
        }
    }
    seen
}

struct Promotion<'a> {
    body: &'a mut Body,
    wanted: IndexVec<Slot, bool>,
    aliases: Aliases,
    /// Parameter added to a block for a slot.
    params: FxHashMap<(Block, Slot), Value>,
    zeros: FxHashMap<Slot, Value>,
}

impl<'a> Promotion<'a> {
    fn new(body: &'a mut Body, wanted: IndexVec<Slot, bool>) -> Self {
        let aliases = Aliases::new(body);
        Promotion {
            body,
            wanted,
            aliases,
            params: FxHashMap::default(),
            zeros: FxHashMap::default(),
        }
    }

    fn slot_of(&self, addr: Value) -> Option<Slot> {
        match self.body.def_op(addr) {
            Some(Op::SlotAddr(slot)) if self.wanted[*slot] => Some(*slot),
            _ => None,
        }
    }

    fn run(mut self) {
        let order = self.body.reverse_postorder();
        let dominators = Dominators::compute(self.body, &order);
        let preds = self.body.predecessors();
        // Dominance frontiers of join blocks.
        let mut frontier: IndexVec<Block, Vec<Block>> =
            IndexVec::from_elem_n(Vec::new(), self.body.blocks.len());
        for &block in &order {
            if preds[block].len() < 2 {
                continue;
            }
            let stop = dominators.idom(block);
            for &pred in &preds[block] {
                let mut runner = Some(pred);
                while let Some(r) = runner {
                    if Some(r) == stop || (dominators.idom(r).is_none() && r != Body::ENTRY) {
                        break;
                    }
                    if frontier[r].last() != Some(&block) {
                        frontier[r].push(block);
                    }
                    if r == Body::ENTRY {
                        break;
                    }
                    runner = dominators.idom(r);
                }
            }
        }
        let mut defs: FxHashMap<Slot, Vec<Block>> = FxHashMap::default();
        for &block in &order {
            for &inst in &self.body.blocks[block].insts {
                if let Op::Store { addr, .. } = self.body.insts[inst].op
                    && let Some(slot) = self.slot_of(addr)
                {
                    defs.entry(slot).or_default().push(block);
                }
            }
        }
        let slots: Vec<Slot> = self.wanted.ids().filter(|&s| self.wanted[s]).collect();
        for &slot in &slots {
            let mut work = defs.get(&slot).cloned().unwrap_or_default();
            while let Some(block) = work.pop() {
                for join in frontier[block].clone() {
                    if Some(join) != self.body.recover_block
                        && !self.params.contains_key(&(join, slot))
                    {
                        let param = self.body.add_block_param(join, self.body.slots[slot].ty);
                        self.params.insert((join, slot), param);
                        work.push(join);
                    }
                }
            }
        }
        // Parameters were added slot by slot, so every block has them in slot order: arguments follow the same order.
        let mut children: IndexVec<Block, Vec<Block>> =
            IndexVec::from_elem_n(Vec::new(), self.body.blocks.len());
        for &block in &order {
            if let Some(parent) = dominators.idom(block) {
                children[parent].push(block);
            }
        }
        let mut current: FxHashMap<Slot, Value> = FxHashMap::default();
        let mut stack: Vec<(Block, usize, Vec<(Slot, Option<Value>)>)> = Vec::new();
        let undo = self.rename(Body::ENTRY, &slots, &mut current);
        stack.push((Body::ENTRY, 0, undo));
        while let Some((block, next, _)) = stack.last_mut() {
            if let Some(&child) = children[*block].get(*next) {
                *next += 1;
                let undo = self.rename(child, &slots, &mut current);
                stack.push((child, 0, undo));
            } else if let Some((_, _, undo)) = stack.pop() {
                for (slot, old) in undo.into_iter().rev() {
                    match old {
                        Some(v) => current.insert(slot, v),
                        None => current.remove(&slot),
                    };
                }
            }
        }
        self.aliases.apply(self.body);
    }

    fn rename(
        &mut self,
        block: Block,
        slots: &[Slot],
        current: &mut FxHashMap<Slot, Value>,
    ) -> Vec<(Slot, Option<Value>)> {
        let mut undo = Vec::new();
        for &slot in slots {
            if let Some(&param) = self.params.get(&(block, slot)) {
                undo.push((slot, current.insert(slot, param)));
            }
        }
        let insts = std::mem::take(&mut self.body.blocks[block].insts);
        let mut kept = Vec::with_capacity(insts.len());
        for inst in insts {
            match self.body.insts[inst].op {
                Op::Load(addr) if self.slot_of(addr).is_some() => {
                    let slot = self.slot_of(addr).expect("just seen");
                    let value = self.value(slot, current);
                    let result = self.body.insts[inst].results[0];
                    if self.body.ty(value) == self.body.ty(result) {
                        self.aliases.replace(result, value);
                    } else {
                        self.body.insts[inst].op = Op::Bitcast(value);
                        kept.push(inst);
                    }
                }
                Op::Store { addr, value, .. } if self.slot_of(addr).is_some() => {
                    let slot = self.slot_of(addr).expect("just seen");
                    undo.push((slot, current.insert(slot, value)));
                }
                _ => kept.push(inst),
            }
        }
        // Values of other types than the slot's are cast where they are stored.
        self.body.blocks[block].insts = kept;
        if let Some(mut term) = self.body.blocks[block].term.take() {
            let mut extra: Vec<(Block, SmallVec<[Value; 4]>)> = Vec::new();
            term.for_each_target(|t| {
                let mut args = SmallVec::new();
                for &slot in slots {
                    if self.params.contains_key(&(t.block, slot)) {
                        args.push(self.value(slot, current));
                    }
                }
                extra.push((t.block, args));
            });
            let mut next = extra.into_iter();
            term.for_each_target_mut(|t| {
                if let Some((_, args)) = next.next() {
                    t.args.extend(args);
                }
            });
            self.body.blocks[block].term = Some(term);
        }
        undo
    }

    /// The slot's value here; zero where it was never stored (its contents are then unspecified).
    fn value(&mut self, slot: Slot, current: &FxHashMap<Slot, Value>) -> Value {
        if let Some(&v) = current.get(&slot) {
            return self.aliases.resolve(v);
        }
        if let Some(&v) = self.zeros.get(&slot) {
            return v;
        }
        let inst = self
            .body
            .make_inst(Op::Zero, &[self.body.slots[slot].ty], Loc::default());
        self.body.blocks[Body::ENTRY].insts.insert(0, inst);
        let value = self.body.insts[inst].results[0];
        self.zeros.insert(slot, value);
        value
    }
}
