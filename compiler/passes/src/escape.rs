//! Objects that provably do not outlive their frame move from the heap to a slot.
//!
//! 1. A pointer *leaks* through a use that may keep it: stored as a value, passed to something unknown, returned, joined in a
//!    block parameter, compared is harmless, loaded or stored through is harmless.
//! 2. Parameters of direct callees are looked up in summaries, computed callees first; functions in a cycle and functions
//!    without a body leak all their parameters (leaf entry points leak none).
//! 3. A [`HeapAlloc`](Op::HeapAlloc) whose pointer never leaks becomes a slot that is zeroed where the allocation stood.
//!    Pointers joined in block parameters count as leaked, so a slot inside a loop is never referred to by a
//!    later iteration.

use base::{FxHashMap, IndexVec};
use mir::{Barrier, Block, Body, Callee, FuncId, Inst, Op, Program, SlotData, Value};

/// Objects larger than this stay on the heap: frames are for small things.
const MAX_SLOT: u64 = 16 << 10;

/// The pass.
pub fn run(program: &mut Program) {
    let mut summaries: IndexVec<FuncId, Option<Vec<bool>>> =
        IndexVec::from_elem_n(None, program.funcs.len());
    for id in crate::inline::callees_first(program) {
        let Some(mut body) = program.funcs[id].body.take() else {
            if program.funcs[id].flags.leaf {
                summaries[id] = Some(vec![false; program.funcs[id].params.len()]);
            }
            continue;
        };
        let uses = Uses::collect(&body);
        let leaks: Vec<bool> = body.blocks[Body::ENTRY]
            .params
            .iter()
            .map(|&p| leaks_value(&body, &uses, &summaries, p))
            .collect();
        let allocs: Vec<(Block, Inst)> = body
            .blocks
            .iter_enumerated()
            .flat_map(|(b, data)| data.insts.iter().map(move |&i| (b, i)))
            .filter(|&(_, i)| matches!(body.insts[i].op, Op::HeapAlloc(ty) if program.types.layout(ty).size <= MAX_SLOT))
            .filter(|&(_, i)| !leaks_value(&body, &uses, &summaries, body.insts[i].results[0]))
            .collect();
        for (block, inst) in allocs {
            to_slot(&mut body, block, inst);
        }
        summaries[id] = Some(leaks);
        program.funcs[id].body = Some(body);
    }
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

fn leaks_value(
    body: &Body,
    uses: &Uses,
    summaries: &IndexVec<FuncId, Option<Vec<bool>>>,
    start: Value,
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
                | Op::Move { .. } => {}
                Op::Store { value: stored, .. } => {
                    if *stored == value {
                        return true;
                    }
                }
                Op::Offset(..) | Op::Bitcast(_) | Op::Make(_) | Op::Extract(..) => {
                    work.push(data.results[0])
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
                } => {
                    let Some(summary) = &summaries[*f] else {
                        return true;
                    };
                    if args
                        .iter()
                        .zip(summary)
                        .any(|(&a, &leak)| a == value && leak)
                    {
                        return true;
                    }
                }
                _ => return true,
            }
        }
    }
    false
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
