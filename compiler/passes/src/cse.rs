//! Computes every pure operation once: a later one with the same operands, in a block that the first dominates, is replaced by it. Loads
//! are computed once as long as nothing in between can have stored there.
//!
//! What is known about memory flows from a block to those that it is the only predecessor of; joins forget it. A store forgets the loads
//! that it may reach: those of another range of the same base address, of other frame slots, of slots whose address is never
//! taken are kept.

use base::{FxHashMap, Id, IndexVec};
use mir::verify::Dominators;
use mir::{Block, Body, Callee, Function, Inst, Op, Program, Slot, Ty, TyKind, TypeTable, Value};

use crate::edit::Aliases;

/// Blocks with more known loads than this forget them all: the lists are searched.
const MOST_LOADS: usize = 48;

/// A pure operation with its operands, comparable.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    op: u32,
    a: u64,
    b: u64,
    ty: Ty,
}

/// A load (or store) that later loads can use.
#[derive(Clone, Copy)]
struct Known {
    base: Value,
    offset: i64,
    size: u64,
    ty: Ty,
    value: Value,
}

/// The pass.
pub fn run(program: &Program, func: &mut Function) {
    let Some(body) = &mut func.body else { return };
    let order = body.reverse_postorder();
    let dominators = Dominators::compute(body, &order);
    let preds = body.predecessors();
    let mut children: IndexVec<Block, Vec<Block>> =
        IndexVec::from_elem_n(Vec::new(), body.blocks.len());
    for &block in &order {
        if let Some(parent) = dominators.idom(block) {
            children[parent].push(block);
        }
    }
    // Blocks that run after a recovered panic use no values of others: they may be entered from the middle of any block.
    let isolated = crate::promote::reachable_from(body, body.recover_block);
    let mut pass = Pass {
        program,
        private: private_slots(body),
        aliases: Aliases::new(body),
        known: FxHashMap::default(),
        body,
    };
    // (block, next child, keys added, loads known at its end)
    let mut stack: Vec<(Block, usize, Vec<Key>, Vec<Known>)> = Vec::new();
    let (added, loads) = pass.visit(Body::ENTRY, Vec::new());
    stack.push((Body::ENTRY, 0, added, loads));
    while let Some((block, next, _, loads)) = stack.last_mut() {
        if let Some(&child) = children[*block].get(*next) {
            *next += 1;
            let start = if preds[child].len() == 1 && preds[child][0] == *block {
                loads.clone()
            } else {
                Vec::new()
            };
            let (added, loads) = if isolated[child.index()] {
                let outside = std::mem::take(&mut pass.known);
                let (_, loads) = pass.visit(child, start);
                pass.known = outside;
                (Vec::new(), loads)
            } else {
                pass.visit(child, start)
            };
            stack.push((child, 0, added, loads));
        } else if let Some((_, _, added, _)) = stack.pop() {
            for key in added {
                pass.known.remove(&key);
            }
        }
    }
    let Pass { aliases, body, .. } = pass;
    aliases.apply(body);
    crate::edit::remove_dead(body);
}

/// Slots whose address is only loaded from and stored to: nothing else can reach them.
fn private_slots(body: &Body) -> IndexVec<Slot, bool> {
    let mut private = IndexVec::from_elem_n(true, body.slots.len());
    let slot_of = |v: Value| match body.def_op(crate::barriers::root(body, v)) {
        Some(Op::SlotAddr(slot)) => Some(*slot),
        _ => None,
    };
    let mut leak = |v: Value| {
        if let Some(slot) = slot_of(v) {
            private[slot] = false;
        }
    };
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            match &body.insts[inst].op {
                Op::Load(_)
                | Op::ZeroMem { .. }
                | Op::Move { .. }
                | Op::Offset(..)
                | Op::NilCheck(_)
                | Op::KeepAlive(_) => {}
                Op::Bitcast(_) => {}
                Op::Index { index, .. } => leak(*index),
                Op::Store { value, .. } => leak(*value),
                op => op.for_each_use(&mut leak),
            }
        }
        if let Some(term) = &block.term {
            term.for_each_use(&mut leak);
        }
    }
    private
}

struct Pass<'a> {
    program: &'a Program,
    body: &'a mut Body,
    private: IndexVec<Slot, bool>,
    aliases: Aliases,
    known: FxHashMap<Key, Value>,
}

impl Pass<'_> {
    fn visit(&mut self, block: Block, mut loads: Vec<Known>) -> (Vec<Key>, Vec<Known>) {
        let mut added = Vec::new();
        let insts = std::mem::take(&mut self.body.blocks[block].insts);
        let mut kept = Vec::with_capacity(insts.len());
        for inst in insts {
            let aliases = &self.aliases;
            self.body.insts[inst]
                .op
                .for_each_use_mut(|v| *v = aliases.resolve(*v));
            if let Some(key) = self.key(inst) {
                let result = self.body.insts[inst].results[0];
                if let Some(&first) = self.known.get(&key) {
                    self.aliases.replace(result, first);
                    continue;
                }
                self.known.insert(key, result);
                added.push(key);
            } else {
                let parts = self.changed_parts(inst, &loads);
                if !self.memory(inst, &mut loads) {
                    continue;
                }
                if let Some(parts) = parts {
                    kept.extend(parts);
                    continue;
                }
            }
            kept.push(inst);
        }
        self.body.blocks[block].insts = kept;
        if let Some(mut term) = self.body.blocks[block].term.take() {
            term.for_each_use_mut(|v| *v = self.aliases.resolve(*v));
            self.body.blocks[block].term = Some(term);
        }
        (added, loads)
    }

    /// A store of an aggregate of which some components are what the memory holds already (`s = s[:n]`) becomes stores of the others.
    fn changed_parts(&mut self, inst: Inst, loads: &[Known]) -> Option<Vec<Inst>> {
        let Op::Store {
            addr,
            value,
            barrier,
        } = self.body.insts[inst].op
        else {
            return None;
        };
        let Some(Op::Make(parts)) = self.body.def_op(value) else {
            return None;
        };
        let ty = self.body.ty(value);
        if !matches!(
            self.program.types.under(ty),
            TyKind::Slice(_) | TyKind::String | TyKind::Interface(..)
        ) {
            return None;
        }
        let (base, offset) = self.place(addr);
        let held = loads
            .iter()
            .find(|k| k.base == base && k.offset == offset && k.ty == ty)?
            .value;
        let same = |n: usize, part: Value| {
            matches!(self.body.def_op(self.aliases.resolve(part)),
                Some(Op::Extract(of, m)) if *m as usize == n && self.aliases.resolve(*of) == held)
        };
        let parts = parts.clone();
        if !parts.iter().enumerate().any(|(n, &part)| same(n, part)) {
            return None;
        }
        let different: Vec<(usize, Value)> = parts
            .iter()
            .copied()
            .enumerate()
            .filter(|&(n, part)| !same(n, part))
            .collect();
        let loc = self.body.insts[inst].loc;
        let mut out = Vec::new();
        for (n, part) in different {
            let at = self.body.make_inst(
                Op::Offset(addr, 8 * n as i64),
                &[TypeTable::UNSAFE_POINTER],
                loc,
            );
            let store = Op::Store {
                addr: self.body.insts[at].results[0],
                value: part,
                barrier,
            };
            let store = self.body.make_inst(store, &[], loc);
            out.extend([at, store]);
        }
        Some(out)
    }

    fn key(&self, inst: Inst) -> Option<Key> {
        let data = &self.body.insts[inst];
        let [result] = data.results.as_slice() else {
            return None;
        };
        let v = |v: &Value| v.index() as u64;
        let (op, a, b) = match &data.op {
            Op::Int(n) => (0, *n as u64, 0),
            Op::Zero => (1, 0, 0),
            Op::Float(bits) => (2, *bits, 0),
            Op::Global(id) => (3, id.index() as u64, 0),
            Op::Data(id, n) => (4, id.index() as u64, *n as u64),
            Op::TypeDesc(ty) => (5, ty.index() as u64, 0),
            Op::Itab(id) => (6, id.index() as u64, 0),
            Op::FuncVal(f) => (7, f.index() as u64, 0),
            Op::SlotAddr(slot) => (8, slot.index() as u64, 0),
            Op::Str(id, len) => (9, id.index() as u64, *len),
            Op::Extract(x, n) => (10, v(x), *n as u64),
            Op::Offset(x, n) => (11, v(x), *n as u64),
            Op::Convert(x) => (12, v(x), 0),
            Op::Bitcast(x) => (13, v(x), 0),
            Op::Unary(op, x) => (32 + *op as u32, v(x), 0),
            Op::Binary(op, x, y) => (64 + *op as u32, v(x), v(y)),
            Op::Cmp(op, x, y) => (128 + *op as u32, v(x), v(y)),
            Op::Index {
                base,
                index,
                stride,
            } => (
                256 + u32::try_from(*stride).ok()?.checked_mul(2)?,
                v(base),
                v(index),
            ),
            _ => return None,
        };
        Some(Key {
            op,
            a,
            b,
            ty: self.body.ty(*result),
        })
    }

    fn place(&self, addr: Value) -> (Value, i64) {
        match self.body.def_op(addr) {
            Some(Op::Offset(base, n)) => {
                let (base, m) = self.place(self.aliases.resolve(*base));
                (base, m.saturating_add(*n))
            }
            _ => (addr, 0),
        }
    }

    /// The slot that an address is in, and whether only loads and stores of this function reach it.
    fn slot_of(&self, addr: Value) -> Option<(Slot, bool)> {
        match self.body.def_op(crate::barriers::root(self.body, addr)) {
            Some(Op::SlotAddr(slot)) => Some((*slot, self.private[*slot])),
            _ => None,
        }
    }

    /// Follows an instruction's effect on memory. False: it is a load whose value is known.
    fn memory(&mut self, inst: Inst, loads: &mut Vec<Known>) -> bool {
        match self.body.insts[inst].op.clone() {
            Op::Load(addr) => {
                let result = self.body.insts[inst].results[0];
                let ty = self.body.ty(result);
                let (base, offset) = self.place(addr);
                let found = loads
                    .iter()
                    .find(|k| k.base == base && k.offset == offset && k.ty == ty);
                if let Some(known) = found {
                    let value = known.value;
                    self.aliases.replace(result, value);
                    return false;
                }
                self.remember(loads, base, offset, ty, result);
            }
            Op::Store { addr, value, .. } => {
                let ty = self.body.ty(value);
                let (base, offset) = self.place(addr);
                let size = self.program.types.layout(ty).size;
                self.forget(loads, base, Some((offset, size)));
                self.remember(loads, base, offset, ty, value);
            }
            Op::Move { dst, ty, .. } | Op::ZeroMem { dst, ty, .. } => {
                let (base, offset) = self.place(dst);
                let size = self.program.types.layout(ty).size;
                self.forget(loads, base, Some((offset, size)));
            }
            Op::Call {
                callee: Callee::Func(f),
                args,
                ..
            } if self.program.funcs[f].flags.leaf => {
                // It writes through its arguments alone.
                for arg in args {
                    let (base, _) = self.place(arg);
                    self.forget(loads, base, None);
                }
            }
            // Other goroutines and callees may write whatever they can reach.
            Op::Call { .. } | Op::Atomic(..) | Op::DeferPush { .. } | Op::Poll => {
                loads.retain(|k| self.slot_of(k.base).is_some_and(|(_, private)| private));
            }
            _ => {}
        }
        true
    }

    fn remember(&self, loads: &mut Vec<Known>, base: Value, offset: i64, ty: Ty, value: Value) {
        if loads.len() >= MOST_LOADS {
            loads.clear();
        }
        loads.push(Known {
            base,
            offset,
            size: self.program.types.layout(ty).size,
            ty,
            value,
        });
    }

    /// Forgets what a store through `base`, to `range` if that is known, may change.
    fn forget(&self, loads: &mut Vec<Known>, base: Value, range: Option<(i64, u64)>) {
        let target = self.slot_of(base);
        loads.retain(|k| {
            if k.base == base
                && let Some((offset, size)) = range
            {
                let before = offset.saturating_add(size as i64) <= k.offset;
                let after = k.offset.saturating_add(k.size as i64) <= offset;
                return before || after;
            }
            match (target, self.slot_of(k.base)) {
                (Some((a, _)), Some((b, _))) => a != b,
                (Some((_, private)), None) => private,
                (None, Some((_, private))) => private,
                (None, None) => false,
            }
        });
    }
}
