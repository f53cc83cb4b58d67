//! Objects that provably do not outlive their frame move from the heap to a slot.
//!
//! 1. A pointer *leaks* through a use that may keep it: stored as a value, passed to something unknown, returned, joined in a
//!    block parameter. Compared is harmless, loaded or stored through is harmless, called is harmless (a closure cannot name its own
//!    object), deferred is harmless if the record is in the frame too (then the defer statement is in no loop, and what it defers
//!    runs before the frame ends).
//! 2. A parameter leaks if one of its uses leaks it, or if it is passed on as a parameter that leaks: reachability over the
//!    graph of direct calls. Functions without a body leak all their parameters (leaf entry points leak none).
//! 3. A [`HeapAlloc`](Op::HeapAlloc) whose pointer never leaks becomes a slot that is zeroed where the allocation stood.
//!    Pointers joined in block parameters count as leaked, so a slot inside a loop is never referred to by a
//!    later iteration. Calls that make a string ([`abi::symbols::BUFFERED`]) get a slot to put it into in the same way.

use base::{FxHashMap, IndexVec};
use mir::{
    Barrier, Block, Body, Callee, FuncId, Inst, Intrinsic, Op, Program, SlotData, Ty, TypeTable,
    Value,
};

/// Objects larger than this stay on the heap: frames are for small things.
const MAX_SLOT: u64 = 16 << 10;

/// Whether each parameter of each function leaks; parameters beyond the list do not.
type Summaries = IndexVec<FuncId, Vec<bool>>;

/// The pass.
pub fn run(program: &mut Program) {
    let summaries = summarise(program);
    let buffered = buffered(program);
    let buffer = program
        .types
        .array(TypeTable::UINT8, abi::symbols::STRING_BUFFER);
    for id in program.funcs.ids() {
        let Some(mut body) = program.funcs[id].body.take() else {
            continue;
        };
        let candidates: Vec<(Block, Inst)> = body
            .blocks
            .iter_enumerated()
            .flat_map(|(b, data)| data.insts.iter().map(move |&i| (b, i)))
            .filter(|&(_, i)| match &body.insts[i].op {
                Op::HeapAlloc(ty) => program.types.layout(*ty).size <= MAX_SLOT,
                Op::Call {
                    callee: Callee::Func(f),
                    ..
                } => buffered.contains_key(f),
                _ => false,
            })
            .collect();
        if !candidates.is_empty() {
            let uses = Uses::collect(&body);
            let stays = |&(_, i): &(Block, Inst)| {
                body.insts[i].results.first().is_some_and(|&v| {
                    let mut passed = Vec::new();
                    !leaks_value(&program.types, &body, &uses, v, &mut passed)
                        && !passed.iter().any(|&(f, n)| leaks_param(&summaries, f, n))
                })
            };
            let local: Vec<(Block, Inst)> = candidates.into_iter().filter(stays).collect();
            for (block, inst) in local {
                match body.insts[inst].op {
                    Op::HeapAlloc(_) => to_slot(&mut body, block, inst),
                    _ => to_buffered(&mut body, block, inst, &buffered, buffer),
                }
            }
        }
        program.funcs[id].body = Some(body);
    }
}

fn leaks_param(summaries: &Summaries, func: FuncId, param: usize) -> bool {
    summaries[func].get(param).copied().unwrap_or(false)
}

/// Functions that make a string, with those that take a buffer for it.
fn buffered(program: &Program) -> FxHashMap<FuncId, FuncId> {
    let find = |name: &str| {
        program
            .funcs
            .iter_enumerated()
            .find(|(_, f)| f.name.as_str() == name)
            .map(|(id, _)| id)
    };
    abi::symbols::BUFFERED
        .iter()
        .filter_map(|(from, to)| Some((find(from)?, find(to)?)))
        .collect()
}

fn summarise(program: &Program) -> Summaries {
    let mut summaries: Summaries = IndexVec::from_elem_n(Vec::new(), program.funcs.len());
    // Which parameters pass theirs on to this one.
    let mut passers: FxHashMap<(FuncId, usize), Vec<(FuncId, usize)>> = FxHashMap::default();
    let mut leaking: Vec<(FuncId, usize)> = Vec::new();
    let mut passed = Vec::new();
    for (id, func) in program.funcs.iter_enumerated() {
        let Some(body) = &func.body else {
            summaries[id] = vec![!func.flags.leaf; func.params.len()];
            leaking.extend((0..func.params.len()).map(|n| (id, n)));
            continue;
        };
        let params = &body.blocks[Body::ENTRY].params;
        summaries[id] = vec![false; params.len()];
        let uses = Uses::collect(body);
        for (n, &param) in params.iter().enumerate() {
            passed.clear();
            if leaks_value(&program.types, body, &uses, param, &mut passed) {
                summaries[id][n] = true;
                leaking.push((id, n));
                continue;
            }
            for &to in &passed {
                passers.entry(to).or_default().push((id, n));
            }
        }
    }
    while let Some(param) = leaking.pop() {
        if !leaks_param(&summaries, param.0, param.1) {
            continue;
        }
        for (func, n) in passers.remove(&param).unwrap_or_default() {
            if !std::mem::replace(&mut summaries[func][n], true) {
                leaking.push((func, n));
            }
        }
    }
    summaries
}

struct Uses {
    insts: FxHashMap<Value, Vec<Inst>>,
    terms: base::FxHashSet<Value>,
}

impl Uses {
    fn collect(body: &Body) -> Self {
        let mut uses = Uses {
            insts: FxHashMap::default(),
            terms: Default::default(),
        };
        for block in body.blocks.iter() {
            for &inst in &block.insts {
                body.insts[inst].op.for_each_use(|v| {
                    let list = uses.insts.entry(v).or_default();
                    if list.last() != Some(&inst) {
                        list.push(inst);
                    }
                });
            }
            if let Some(term) = &block.term {
                term.for_each_use(|v| {
                    uses.terms.insert(v);
                });
            }
        }
        uses
    }
}

/// Whether a use inside this function leaks `start`. Parameters of direct callees that get it are added to `passed`.
fn leaks_value(
    types: &TypeTable,
    body: &Body,
    uses: &Uses,
    start: Value,
    passed: &mut Vec<(FuncId, usize)>,
) -> bool {
    let mut work = vec![start];
    let mut seen = base::FxHashSet::default();
    while let Some(value) = work.pop() {
        if !seen.insert(value) {
            continue;
        }
        if uses.terms.contains(&value) {
            return true;
        }
        for &inst in uses.insts.get(&value).map_or(&[][..], |v| v) {
            let data = &body.insts[inst];
            match &data.op {
                Op::Load(_)
                | Op::NilCheck(_)
                | Op::Cmp(..)
                | Op::KeepAlive(_)
                | Op::ZeroMem { .. }
                | Op::Move { .. }
                | Op::Intrinsic(Intrinsic::NoEscape, _) => {}
                Op::Store { value: stored, .. } => {
                    if *stored == value {
                        return true;
                    }
                }
                Op::Offset(..) | Op::Bitcast(_) | Op::Make(_) => work.push(data.results[0]),
                Op::Extract(..) => {
                    // Lengths and capacities keep nothing alive.
                    let part = data.results[0];
                    if types.layout(body.ty(part)).ptr_bytes > 0 {
                        work.push(part);
                    }
                }
                Op::Index { base, .. } => {
                    if *base == value {
                        work.push(data.results[0]);
                    }
                }
                Op::Atomic(_, args) => {
                    if args[1..].contains(&value) {
                        return true;
                    }
                }
                Op::Call {
                    callee: Callee::Func(f),
                    args,
                    ..
                } => passed.extend(
                    args.iter()
                        .enumerate()
                        .filter(|&(_, &a)| a == value)
                        .map(|(n, _)| (*f, n)),
                ),
                Op::Call {
                    callee: Callee::Closure(f),
                    args,
                    ..
                } => {
                    if *f != value || args.contains(&value) {
                        return true;
                    }
                }
                Op::DeferPush { record, .. }
                    if matches!(body.def_op(*record), Some(Op::SlotAddr(_))) => {}
                _ => return true,
            }
        }
    }
    false
}

/// Gives a call that makes a string a buffer in the frame.
fn to_buffered(
    body: &mut Body,
    block: Block,
    inst: Inst,
    buffered: &FxHashMap<FuncId, FuncId>,
    buffer: Ty,
) {
    let slot = body.slots.push(SlotData {
        ty: buffer,
        name: "~string".into(),
    });
    let loc = body.insts[inst].loc;
    let address = body.make_inst(Op::SlotAddr(slot), &[TypeTable::UNSAFE_POINTER], loc);
    let pointer = body.insts[address].results[0];
    if let Op::Call {
        callee: Callee::Func(f),
        args,
        ..
    } = &mut body.insts[inst].op
        && let Some(&other) = buffered.get(f)
    {
        *f = other;
        args.insert(0, pointer);
    }
    let insts = &mut body.blocks[block].insts;
    let at = insts
        .iter()
        .position(|&i| i == inst)
        .expect("the call is in its block");
    insts.insert(at, address);
}

fn to_slot(body: &mut Body, block: Block, inst: Inst) {
    let Op::HeapAlloc(ty) = body.insts[inst].op else {
        unreachable!("an allocation")
    };
    let slot = body.slots.push(SlotData {
        ty,
        name: "~alloc".into(),
    });
    body.insts[inst].op = Op::SlotAddr(slot);
    let dst = body.insts[inst].results[0];
    let loc = body.insts[inst].loc;
    let zero = body.make_inst(
        Op::ZeroMem {
            dst,
            ty,
            barrier: Barrier::No,
        },
        &[],
        loc,
    );
    let insts = &mut body.blocks[block].insts;
    let at = insts
        .iter()
        .position(|&i| i == inst)
        .expect("the allocation is in its block");
    insts.insert(at + 1, zero);
}
