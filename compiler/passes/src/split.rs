//! Takes apart slots of which only fixed parts are loaded and stored: each part becomes a slot of its own, which promotion can then
//! turn into values.
//!
//! A slot qualifies if every use of its address is a load or store of an SSA value at a constant offset or the zeroing of the whole,
//! and if any two accesses are of the same part or of disjoint ones.

use std::collections::BTreeMap;

use base::{Id, IndexVec};
use mir::{Barrier, Block, Body, Inst, Op, Program, Slot, SlotData, Ty, TypeTable, Value};

/// Slots larger than this stay whole.
const MAX_SIZE: u64 = 512;
/// Slots with more parts stay whole.
const MAX_PARTS: usize = 24;

/// The parts of a slot by offset; `None`: it stays whole.
type Parts = Option<BTreeMap<u64, Ty>>;

/// Splits what can be split.
pub(crate) fn run(program: &Program, body: &mut Body) {
    let places = places(body);
    let parts = parts(program, body, &places);
    if parts.iter().all(Option::is_none) {
        return;
    }
    let mut slots: IndexVec<Slot, BTreeMap<u64, Slot>> =
        IndexVec::from_elem_n(BTreeMap::new(), body.slots.len());
    for (slot, parts) in parts.iter_enumerated() {
        for (&offset, &ty) in parts.iter().flatten() {
            let name = body.slots[slot].name;
            let part = body.slots.push(SlotData { ty, name });
            slots[slot].insert(offset, part);
        }
    }
    for block in body.blocks.ids() {
        rewrite(program, body, block, &places, &parts, &slots);
    }
    crate::edit::remove_dead(body);
}

/// The slot and offset that each value is the address of.
fn places(body: &Body) -> IndexVec<Value, Option<(Slot, u64)>> {
    let mut places = IndexVec::from_elem_n(None, body.values.len());
    // Operands come first in this order.
    for block in body.reverse_postorder() {
        for &inst in &body.blocks[block].insts {
            let data = &body.insts[inst];
            let place = match data.op {
                Op::SlotAddr(slot) => Some((slot, 0)),
                Op::Bitcast(x) => places[x],
                Op::Offset(x, n) => places[x]
                    .and_then(|(slot, at): (Slot, u64)| Some((slot, at.checked_add_signed(n)?))),
                _ => continue,
            };
            places[data.results[0]] = place;
        }
    }
    places
}

fn parts(
    program: &Program,
    body: &Body,
    places: &IndexVec<Value, Option<(Slot, u64)>>,
) -> IndexVec<Slot, Parts> {
    let mut parts: IndexVec<Slot, Parts> = body
        .slots
        .iter()
        .map(|slot| {
            let size = program.types.layout(slot.ty).size;
            (size > 0 && size <= MAX_SIZE).then(BTreeMap::new)
        })
        .collect();
    let mut zeroed: IndexVec<Slot, bool> = IndexVec::from_elem_n(false, body.slots.len());
    let after_recover = crate::promote::reachable_from(body, body.recover_block);
    for (block, data) in body.blocks.iter_enumerated() {
        for &inst in &data.insts {
            let op = &body.insts[inst].op;
            let access = match op {
                Op::Load(addr) => Some((*addr, body.ty(body.insts[inst].results[0]))),
                Op::Store { addr, value, .. } => {
                    refuse(&mut parts, places[*value]);
                    Some((*addr, body.ty(*value)))
                }
                Op::Bitcast(_) | Op::Offset(..) => {
                    // An address that is none of ours any more (a negative offset, say) is a use like any other.
                    if places[body.insts[inst].results[0]].is_some() {
                        continue;
                    }
                    None
                }
                Op::ZeroMem { dst, ty, .. } => match places[*dst] {
                    Some((slot, 0))
                        if program.types.layout(*ty).size
                            == program.types.layout(body.slots[slot].ty).size
                            && !after_recover[block.index()] =>
                    {
                        zeroed[slot] = true;
                        continue;
                    }
                    _ => None,
                },
                Op::NilCheck(_) | Op::KeepAlive(_) => continue,
                _ => None,
            };
            let Some((addr, ty)) = access else {
                op.for_each_use(|v| refuse(&mut parts, places[v]));
                continue;
            };
            let Some((slot, offset)) = places[addr] else {
                continue;
            };
            let fits = !after_recover[block.index()]
                && match &mut parts[slot] {
                    Some(parts) => add(program, parts, offset, ty),
                    None => continue,
                };
            let size = program.types.layout(body.slots[slot].ty).size;
            if !fits || offset + program.types.layout(ty).size > size {
                parts[slot] = None;
            }
        }
        if let Some(term) = &data.term {
            term.for_each_use(|v| refuse(&mut parts, places[v]));
        }
    }
    for slot in body.slots.ids() {
        let parts = &mut parts[slot];
        // Those that are accessed as a whole are fine as they are.
        let whole = |parts: &BTreeMap<u64, Ty>| {
            parts.len() == 1
                && parts.first_key_value().is_some_and(|(&at, &ty)| {
                    at == 0 && program.types.leaves(ty) == program.types.leaves(body.slots[slot].ty)
                })
        };
        // One that is only zeroed splits into nothing.
        if parts
            .as_ref()
            .is_some_and(|p| p.len() > MAX_PARTS || (p.is_empty() || whole(p)) && !zeroed[slot])
        {
            *parts = None;
        }
    }
    parts
}

fn refuse(parts: &mut IndexVec<Slot, Parts>, place: Option<(Slot, u64)>) {
    if let Some((slot, _)) = place {
        parts[slot] = None;
    }
}

/// Adds an access; false if it overlaps others.
fn add(program: &Program, parts: &mut BTreeMap<u64, Ty>, offset: u64, ty: Ty) -> bool {
    let size = program.types.layout(ty).size;
    if !program.types.is_ssa(ty) || size == 0 {
        return false;
    }
    if let Some(&known) = parts.get(&offset) {
        return known == ty || program.types.leaves(known) == program.types.leaves(ty);
    }
    let before = parts
        .range(..offset)
        .next_back()
        .is_none_or(|(&at, &ty)| at + program.types.layout(ty).size <= offset);
    let after = parts
        .range(offset..)
        .next()
        .is_none_or(|(&at, _)| offset + size <= at);
    if before && after {
        parts.insert(offset, ty);
    }
    before && after
}

fn rewrite(
    program: &Program,
    body: &mut Body,
    block: Block,
    places: &IndexVec<Value, Option<(Slot, u64)>>,
    parts: &IndexVec<Slot, Parts>,
    slots: &IndexVec<Slot, BTreeMap<u64, Slot>>,
) {
    let insts = std::mem::take(&mut body.blocks[block].insts);
    let mut out: Vec<Inst> = Vec::with_capacity(insts.len());
    // Values made here are not in the table: they are no addresses of slots that are split.
    let place = |v: Value| {
        places
            .get(v)
            .copied()
            .flatten()
            .filter(|(slot, _)| parts[*slot].is_some())
    };
    for inst in insts {
        let loc = body.insts[inst].loc;
        match body.insts[inst].op.clone() {
            Op::Load(addr) if place(addr).is_some() => {
                let (slot, offset) = place(addr).expect("just seen");
                let addr = part_addr(body, slots[slot][&offset], loc, &mut out);
                body.insts[inst].op = Op::Load(addr);
                out.push(inst);
            }
            Op::Store { addr, value, .. } if place(addr).is_some() => {
                let (slot, offset) = place(addr).expect("just seen");
                let addr = part_addr(body, slots[slot][&offset], loc, &mut out);
                body.insts[inst].op = Op::Store {
                    addr,
                    value,
                    barrier: Barrier::No,
                };
                out.push(inst);
            }
            Op::ZeroMem { dst, .. } if place(dst).is_some() => {
                let (slot, _) = place(dst).expect("just seen");
                for &part in slots[slot].values() {
                    let ty = body.slots[part].ty;
                    let zero = body.make_inst(Op::Zero, &[ty], loc);
                    out.push(zero);
                    let value = body.insts[zero].results[0];
                    let addr = part_addr(body, part, loc, &mut out);
                    let store = body.make_inst(
                        Op::Store {
                            addr,
                            value,
                            barrier: Barrier::No,
                        },
                        &[],
                        loc,
                    );
                    out.push(store);
                }
            }
            // The address of a slot is not nil, and nothing else looks at it.
            Op::NilCheck(addr) if place(addr).is_some() => {}
            // What keeps the slot keeps everything that it refers to.
            Op::KeepAlive(addr) if place(addr).is_some() => {
                let (slot, _) = place(addr).expect("just seen");
                for &part in slots[slot].values() {
                    let ty = body.slots[part].ty;
                    if program.types.layout(ty).ptr_bytes == 0 {
                        continue;
                    }
                    let addr = part_addr(body, part, loc, &mut out);
                    let load = body.make_inst(Op::Load(addr), &[ty], loc);
                    out.push(load);
                    let value = body.insts[load].results[0];
                    out.push(body.make_inst(Op::KeepAlive(value), &[], loc));
                }
            }
            _ => out.push(inst),
        }
    }
    body.blocks[block].insts = out;
}

fn part_addr(body: &mut Body, part: Slot, loc: mir::Loc, out: &mut Vec<Inst>) -> Value {
    let inst = body.make_inst(Op::SlotAddr(part), &[TypeTable::UNSAFE_POINTER], loc);
    out.push(inst);
    body.insts[inst].results[0]
}
