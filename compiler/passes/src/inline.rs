//! Inlines small functions, callees before callers, keeping positions: every inlined instruction remembers the call.

use base::{FxHashMap, FxHashSet, Id, IndexVec};
use mir::{
    Block, BlockCall, BlockData, Body, Callee, Def, FuncId, Function, InlineId, InlineSite, Inst,
    Intrinsic, Loc, Op, Program, SlotData, Terminator, Value,
};
use smallvec::SmallVec;

use crate::work::Work;

/// Cost up to which a function is inlined. An ordinary instruction costs 1, constants nothing.
const BUDGET: u32 = 44;
/// A call inside the callee costs this much.
const CALL_COST: u32 = 12;
/// A call of an entry point that does one small thing, or of one that ends in a panic.
const LEAF_COST: u32 = 6;
/// Cost up to which a closure is inlined where it is called and its object was made (bodies of loops over functions, mostly).
const CLOSURE_BUDGET: u32 = 120;
/// How often a function is gone through for calls of closures that inlining itself made known.
const ROUNDS: usize = 5;
/// Callers do not grow beyond this many instructions.
const MAX_CALLER: usize = 8000;

/// Functions with more instructions are not tried as thin ones, see [`thin`].
const MAX_THIN: usize = 200;

/// The pass, over the functions that are being worked on.
pub fn run(program: &mut Program, work: &mut Work) {
    let order = work.order.clone();
    for &id in order.iter() {
        if !work.active[id] {
            continue;
        }
        let original = program.funcs[id]
            .body
            .as_ref()
            .is_some_and(|body| body.insts.len() <= MAX_THIN)
            .then(|| program.funcs[id].clone());
        let mut values = None;
        for _ in 0..ROUNDS {
            let Some(mut body) = program.funcs[id].body.take() else {
                break;
            };
            let changed = inline_calls(program, id, &mut body, work, values.as_ref(), u32::MAX);
            function_values(&body, values.get_or_insert_default());
            program.funcs[id].body = Some(body);
            if !changed {
                break;
            }
            let mut func = std::mem::replace(&mut program.funcs[id], placeholder());
            crate::simplify::run(program, &mut func);
            program.funcs[id] = func;
        }
        let mut cost = inline_cost(program, &program.funcs[id]);
        if cost.is_none()
            && let Some((func, thin_cost)) = original.and_then(|f| thin(program, id, f, work))
        {
            program.funcs[id] = func;
            cost = Some(thin_cost);
        }
        if cost.is_some() && callees(program, id).contains(&id) {
            unroll_recursion(program, id);
            cost = None;
        }
        work.inlinable[id] = cost.is_some();
    }
}

/// A function that inlining made too large to be inlined itself, with that undone as far as it must be: a short way, and one call for the
/// rest (`RUnlock` and its slow way, say). Where it is inlined, the short way costs no call, and the other as many as before.
fn thin(program: &Program, id: FuncId, mut func: Function, work: &Work) -> Option<(Function, u32)> {
    inline_calls(program, id, func.body.as_mut()?, work, None, CALL_COST);
    crate::simplify::run(program, &mut func);
    let cost = inline_cost(program, &func)?;
    let body = func.body.as_ref()?;
    let mut seen: IndexVec<Block, bool> = IndexVec::from_elem_n(false, body.blocks.len());
    let mut calls = 0;
    for block in body.reverse_postorder() {
        seen[block] = true;
        if body.successors(block).iter().any(|&next| seen[next]) {
            // A loop, which may go through a call often.
            return None;
        }
        let data = &body.blocks[block];
        for &inst in &data.insts {
            if let Op::Call { callee, .. } = &body.insts[inst].op {
                if *callee == Callee::Func(id) {
                    return None;
                }
                calls += !data.cold as usize;
            }
        }
    }
    (calls <= 1).then_some((func, cost))
}

/// Inlines a small function once into itself: half of the calls of a recursion, or more, go away.
fn unroll_recursion(program: &mut Program, id: FuncId) {
    let original = program.funcs[id].clone();
    let mut func = std::mem::replace(&mut program.funcs[id], placeholder());
    if let Some(body) = &mut func.body {
        // The copies' own calls stay: only blocks of the original and what follows its calls is looked at.
        let mut work: Vec<Block> = body.blocks.ids().collect();
        while let Some(block) = work.pop() {
            let call = body.blocks[block].insts.iter().position(|&inst| {
                matches!(body.insts[inst].op, Op::Call { callee: Callee::Func(f), .. } if f == id)
            });
            if let Some(at) = call {
                let inst = body.blocks[block].insts[at];
                work.push(splice(body, block, at, inst, &original, None));
            }
        }
    }
    crate::simplify::run(program, &mut func);
    program.funcs[id] = func;
}

fn placeholder() -> Function {
    Function {
        name: "".into(),
        display: "".into(),
        pos: source::Pos::NONE,
        params: Box::new([]),
        results: Box::new([]),
        flags: Default::default(),
        body: None,
    }
}

fn callees(program: &Program, id: FuncId) -> Vec<FuncId> {
    let Some(body) = &program.funcs[id].body else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            match body.insts[inst].op {
                Op::Call {
                    callee: Callee::Func(f),
                    ..
                }
                | Op::FuncCode(f) => out.push(f),
                _ => {}
            }
        }
    }
    out
}

/// What inlining the function costs; `None` = it cannot or should not be inlined.
fn inline_cost(program: &Program, func: &Function) -> Option<u32> {
    let body = func.body.as_ref()?;
    if func.flags.noinline || func.flags.recovers || body.recover_block.is_some() {
        return None;
    }
    let budget = if func.flags.closure {
        CLOSURE_BUDGET
    } else {
        BUDGET
    };
    let mut cost = 0;
    for block in body.reverse_postorder() {
        let data = &body.blocks[block];
        for &inst in &data.insts {
            cost += match &body.insts[inst].op {
                Op::FramePointer | Op::DeferPush { .. } => return None,
                Op::Intrinsic(Intrinsic::CallerPc | Intrinsic::CallerSp, _) => return None,
                Op::Call { .. } if data.cold => 4,
                Op::Call {
                    callee: Callee::Func(f),
                    ..
                } if program.funcs[*f].flags.leaf || program.funcs[*f].flags.no_return => LEAF_COST,
                Op::Call { args, .. } => CALL_COST + args.len() as u32,
                Op::HeapAlloc(_) | Op::HeapBox { .. } => 6,
                Op::Move { .. } | Op::ZeroMem { .. } => 3,
                Op::Extract(..)
                | Op::Make(_)
                | Op::Bitcast(_)
                | Op::SlotAddr(_)
                | Op::ClosureCtx
                | Op::Offset(..) => 0,
                op if crate::edit::is_constant(op) => 0,
                _ => 1,
            };
        }
        cost += match &data.term {
            Some(Terminator::Branch { .. }) => 1,
            Some(Terminator::Switch { cases, .. }) => 2 + cases.len() as u32,
            _ => 0,
        };
        if cost > budget {
            return None;
        }
    }
    Some(cost)
}

/// The functions that func values stand for: calls of them become direct ones where inlining makes the value known.
fn function_values(body: &Body, found: &mut FxHashSet<FuncId>) {
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            if let Op::FuncVal(f) = body.insts[inst].op {
                found.insert(f);
            }
        }
    }
}

/// Inlines calls of functions that cost at most `most`; with `values` only those of func values: of closures whose object is made here,
/// and of the functions named.
fn inline_calls(
    program: &Program,
    id: FuncId,
    body: &mut Body,
    work: &Work,
    values: Option<&FxHashSet<FuncId>>,
    most: u32,
) -> bool {
    let nosplit = program.funcs[id].flags.nosplit;
    let closures = closures(body);
    let mut changed = false;
    let mut blocks: Vec<Block> = body.blocks.ids().collect();
    while let Some(block) = blocks.pop() {
        let mut index = 0;
        while index < body.blocks[block].insts.len() {
            let inst = body.blocks[block].insts[index];
            index += 1;
            let (f, object) = match body.insts[inst].op {
                Op::Call {
                    callee: Callee::Func(f),
                    ..
                } if !program.funcs[f].flags.closure
                    && values.is_none_or(|values| values.contains(&f)) =>
                {
                    (f, None)
                }
                Op::Call {
                    callee: Callee::Closure(func),
                    ..
                } => match closures.get(&crate::barriers::root(body, func)) {
                    Some(&Some(f)) => (f, Some(func)),
                    _ => continue,
                },
                _ => continue,
            };
            // In a cycle only what comes before, whatever else was done already.
            if work.rank[f] >= work.rank[id] || !work.inlinable[f] || body.insts.len() > MAX_CALLER
            {
                continue;
            }
            let callee = &program.funcs[f];
            if most != u32::MAX && inline_cost(program, callee).is_none_or(|cost| cost > most) {
                continue;
            }
            if nosplit && !callee.flags.nosplit {
                continue;
            }
            let rest = splice(body, block, index - 1, inst, callee, object);
            blocks.push(rest);
            changed = true;
            break;
        }
    }
    changed
}

/// The functions of closure objects that are made here; `None` for an object that gets several code pointers.
fn closures(body: &Body) -> FxHashMap<Value, Option<FuncId>> {
    let mut found: FxHashMap<Value, Option<FuncId>> = FxHashMap::default();
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            let Op::Store { addr, value, .. } = body.insts[inst].op else {
                continue;
            };
            let root = crate::barriers::root(body, addr);
            if let (Some(&Op::FuncCode(f)), Some(Op::HeapAlloc(_))) =
                (body.def_op(value), body.def_op(root))
            {
                let known = found.entry(root).or_insert(Some(f));
                if *known != Some(f) {
                    *known = None;
                }
            }
        }
    }
    found
}

/// Replaces the call at `at` of `block` by the callee's body; `object` is the func value that a closure is called through.
/// Returns the block with the instructions after the call.
fn splice(
    body: &mut Body,
    block: Block,
    at: usize,
    call: Inst,
    callee: &Function,
    object: Option<Value>,
) -> Block {
    let inner = callee.body.as_ref().expect("inlined functions have a body");
    let Op::Call { args, .. } = body.insts[call].op.clone() else {
        unreachable!("a call")
    };
    let call_loc = body.insts[call].loc;
    let results = body.insts[call].results.clone();

    // Positions: the callee's inline tree hangs below the call.
    let mut inlines: Vec<InlineId> = Vec::with_capacity(inner.inlines.len());
    for (i, site) in inner.inlines.iter_enumerated() {
        let call = match site.call {
            None => call_loc,
            Some(loc) => Loc {
                pos: loc.pos,
                inline: inlines[loc.inline.index()],
            },
        };
        let (func, decl, wrapper) = if i.index() == 0 {
            (callee.display, callee.pos, callee.flags.wrapper)
        } else {
            (site.func, site.decl, site.wrapper)
        };
        inlines.push(body.inlines.push(InlineSite {
            func,
            decl,
            call: Some(call),
            wrapper,
        }));
    }
    let map_loc = |loc: Loc| Loc {
        pos: loc.pos,
        inline: inlines[loc.inline.index()],
    };

    // Split the caller's block.
    let rest = body.blocks.push(BlockData::default());
    let tail = body.blocks[block].insts.split_off(at + 1);
    body.blocks[block].insts.pop();
    let cold = body.blocks[block].cold;
    let (term, term_loc) = (body.blocks[block].term.take(), body.blocks[block].term_loc);
    body.blocks[rest] = BlockData {
        params: Vec::new(),
        insts: tail,
        term,
        term_loc,
        cold,
    };
    for (i, &result) in results.iter().enumerate() {
        body.values[result].def = Def::Param(rest, i as u32);
        body.blocks[rest].params.push(result);
    }
    body.insts[call].results.clear();

    // Copy slots, blocks, values, instructions.
    let slots: Vec<mir::Slot> = inner
        .slots
        .iter()
        .map(|s| {
            body.slots.push(SlotData {
                ty: s.ty,
                name: s.name,
            })
        })
        .collect();
    let order = inner.reverse_postorder();
    let mut blocks: FxHashMap<Block, Block> = FxHashMap::default();
    let mut values: IndexVec<Value, Option<Value>> =
        IndexVec::from_elem_n(None, inner.values.len());
    for &b in &order {
        let new = body.blocks.push(BlockData {
            cold: inner.blocks[b].cold || cold,
            ..BlockData::default()
        });
        blocks.insert(b, new);
        if b == Body::ENTRY {
            for (&param, &arg) in inner.blocks[b].params.iter().zip(&args) {
                values[param] = Some(arg);
            }
        } else {
            for &param in &inner.blocks[b].params {
                let v = body.add_block_param(new, inner.ty(param));
                values[param] = Some(v);
            }
        }
    }
    // Instructions whose operands are the caller's already.
    let mut outside: Vec<Inst> = Vec::new();
    for &b in &order {
        for &inst in &inner.blocks[b].insts {
            let data = &inner.insts[inst];
            let types: SmallVec<[mir::Ty; 2]> = data.results.iter().map(|&r| inner.ty(r)).collect();
            let op = match (&data.op, object) {
                (Op::ClosureCtx, Some(object)) => Op::Bitcast(object),
                (op, _) => op.clone(),
            };
            let is_object = object.is_some() && data.op == Op::ClosureCtx;
            let new = body.make_inst(op, &types, map_loc(data.loc));
            if is_object {
                outside.push(new);
            }
            for (&old, &fresh) in data.results.iter().zip(&body.insts[new].results.clone()) {
                values[old] = Some(fresh);
            }
            body.blocks[blocks[&b]].insts.push(new);
        }
    }
    let value = |v: Value| values[v].expect("definitions are reachable");
    for &b in &order {
        let new_block = blocks[&b];
        for index in 0..body.blocks[new_block].insts.len() {
            let inst = body.blocks[new_block].insts[index];
            if outside.contains(&inst) {
                continue;
            }
            let op = &mut body.insts[inst].op;
            op.for_each_use_mut(|v| *v = value(*v));
            if let Op::SlotAddr(slot) = op {
                *slot = slots[slot.index()];
            }
        }
        let mut term = inner.blocks[b].term.clone().expect("a finished body");
        term.for_each_use_mut(|v| *v = value(*v));
        term.for_each_target_mut(|t| t.block = blocks[&t.block]);
        if let Terminator::Return(values) = term {
            term = Terminator::Jump(BlockCall {
                block: rest,
                args: values.into_iter().collect(),
            });
        }
        body.blocks[new_block].term = Some(term);
        body.blocks[new_block].term_loc = map_loc(inner.blocks[b].term_loc);
    }
    body.blocks[block].term = Some(Terminator::Jump(blocks[&Body::ENTRY].into()));
    body.blocks[block].term_loc = call_loc;
    rest
}
