//! Makes every loop that may run long without a call stop for the scheduler and the collector now and then.
//! Function entries are safepoints already (stack check), except in functions that have none.
//!
//! 1. Loops that meet a safepoint on every trip need nothing, nor do innermost loops with a small constant number of trips.
//! 2. A loop that counts up to an invariant bound is cut into strips of [`STRIP`] trips: its condition compares with the end of the strip, and
//!    only where that fails are the real bound and the poll looked at. So a trip costs what it cost without a poll.
//!
//!    ```text
//!    head(i, ..):      if i < n then body else exit
//!    becomes
//!    head(i, .., end): if i < end then body else strip
//!    strip:            if i < n then next else exit
//!    next:             poll; head(i, .., n - i > STRIP * step ? i + STRIP * step : n)
//!    ```
//!    The loop is entered with the end of its first strip, or with an `end` that sends it to `strip` at once.
//! 3. Others get a poll at each edge back. (Strips for every loop with a stepping variable were tried: they cost short loops more than polls.)

use base::{Id, IndexVec};
use mir::verify::Dominators;
use mir::{
    BinOp, Block, BlockCall, BlockData, Body, Callee, CmpOp, Def, Function, Inst, IntKind, Op,
    Program, Terminator, Ty, TyKind, TypeTable, Value,
};

use crate::loops::{self, Loop};

/// Trips between polls.
const STRIP: i64 = 1024;
/// Innermost loops of at most so many trips are not interrupted.
const SHORT: i64 = 128;

/// The pass.
pub fn run(program: &Program, func: &mut Function) {
    if func.flags.nosplit {
        return;
    }
    let Some(body) = &mut func.body else { return };
    let order = body.reverse_postorder();
    let mut number = vec![usize::MAX; body.blocks.len()];
    for (i, b) in order.iter().enumerate() {
        number[b.index()] = i;
    }
    let is_safepoint = |op: &Op| match op {
        Op::Poll => true,
        Op::Call {
            callee: Callee::Func(f),
            ..
        } => {
            let f = &program.funcs[*f];
            !f.flags.leaf && !f.flags.nosplit
        }
        Op::Call { .. } => true,
        _ => false,
    };
    let has_safepoint: Vec<bool> = body
        .blocks
        .iter()
        .map(|b| b.insts.iter().any(|&i| is_safepoint(&body.insts[i].op)))
        .collect();
    let dominators = Dominators::compute(body, &order);
    // A retreating edge is covered if a block with a safepoint that dominates its source is in the loop.
    let covered = |target: Block, source: Block| {
        let mut block = source;
        loop {
            if has_safepoint[block.index()] {
                return true;
            }
            if block == target {
                return false;
            }
            match dominators.idom(block) {
                Some(next) if number[next.index()] >= number[target.index()] => block = next,
                _ => return false,
            }
        }
    };
    let mut edges: Vec<(Block, Block)> = Vec::new();
    for &block in &order {
        for target in body.successors(block) {
            if number[target.index()] <= number[block.index()] && !covered(target, block) {
                edges.push((block, target));
            }
        }
    }
    if edges.is_empty() {
        return;
    }
    let mut found = loops::find(body, &order, &dominators);
    let home = loops::homes(body);
    let mut done: Vec<Block> = Vec::new();
    for &(source, target) in &edges {
        if done.contains(&target) {
            continue;
        }
        let natural = found
            .iter()
            .find(|l| l.header == target && l.latches.contains(&source));
        if let Some(natural) = natural
            && let Some(counted) = counted(program, body, &home, natural)
        {
            done.push(target);
            if natural.has_inner || !counted.is_short(body, natural) {
                cut(body, natural, &counted);
                // The two new blocks are in every loop that the header is in.
                for l in &mut found {
                    let inside = l.contains(target);
                    l.blocks.resize(body.blocks.len(), inside);
                }
            }
            continue;
        }
        let has_poll = body.blocks[source]
            .insts
            .iter()
            .any(|&i| body.insts[i].op == Op::Poll);
        if !has_poll {
            let loc = body.blocks[source].term_loc;
            let poll = body.make_inst(Op::Poll, &[], loc);
            body.blocks[source].insts.push(poll);
        }
    }
}

/// A loop whose header goes on while `param op bound`, where every trip adds `step` to the parameter.
struct Counted {
    param: usize,
    bound: Value,
    /// `Lt` or `Le`.
    op: CmpOp,
    step: i64,
    /// Whether the branch's `then` stays in the loop.
    then_stays: bool,
}

fn counted(
    program: &Program,
    body: &Body,
    home: &IndexVec<Inst, Option<Block>>,
    natural: &Loop,
) -> Option<Counted> {
    let data = &body.blocks[natural.header];
    let Some(Terminator::Branch { cond, then, els }) = &data.term else {
        return None;
    };
    let then_stays = natural.contains(then.block);
    if then_stays == natural.contains(els.block) {
        return None;
    }
    let Some(&Op::Cmp(op, x, y)) = body.def_op(*cond) else {
        return None;
    };
    let is_param = |v: Value| matches!(body.values[v].def, Def::Param(b, _) if b == natural.header);
    let (op, x, y) = if is_param(x) {
        (op, x, y)
    } else {
        (swapped(op), y, x)
    };
    let op = if then_stays { op } else { negated(op) };
    if !matches!(op, CmpOp::Lt | CmpOp::Le) || !is_word(program, body.ty(x)) {
        return None;
    }
    let Def::Param(block, index) = body.values[x].def else {
        return None;
    };
    if block != natural.header || !natural.is_invariant(body, home, y) {
        return None;
    }
    let mut step = None;
    // Earlier cuts may have added edges back: all blocks are looked at.
    for latch in body.blocks.ids().filter(|&b| natural.contains(b)) {
        let mut fits = true;
        body.blocks[latch].term.as_ref()?.for_each_target(|to| {
            if to.block != natural.header {
                return;
            }
            let added = match body.def_op(to.args[index as usize]) {
                Some(Op::Binary(BinOp::Add, a, b)) if *a == x => body.as_int(*b),
                Some(Op::Binary(BinOp::Add, a, b)) if *b == x => body.as_int(*a),
                _ => None,
            };
            fits &= added.is_some_and(|n| (1..=1 << 20).contains(&n))
                && (step.is_none() || step == added);
            step = added;
        });
        if !fits {
            return None;
        }
    }
    Some(Counted {
        param: index as usize,
        bound: y,
        op,
        step: step?,
        then_stays,
    })
}

impl Counted {
    /// Whether the number of trips is known and small.
    fn is_short(&self, body: &Body, natural: &Loop) -> bool {
        let Some(bound) = body.as_int(self.bound) else {
            return false;
        };
        let mut short = true;
        for (block, data) in body.blocks.iter_enumerated() {
            if natural.contains(block) {
                continue;
            }
            if let Some(term) = &data.term {
                term.for_each_target(|to| {
                    if to.block == natural.header {
                        short &= body.as_int(to.args[self.param]).is_some_and(|start| {
                            bound
                                .checked_sub(start)
                                .is_some_and(|n| n / self.step < SHORT)
                        });
                    }
                });
            }
        }
        short
    }
}

fn swapped(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Ge => CmpOp::Le,
        CmpOp::Eq | CmpOp::Ne => op,
    }
}

fn negated(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Ge,
        CmpOp::Ge => CmpOp::Lt,
        CmpOp::Le => CmpOp::Gt,
        CmpOp::Gt => CmpOp::Le,
        CmpOp::Eq => CmpOp::Ne,
        CmpOp::Ne => CmpOp::Eq,
    }
}

fn is_word(program: &Program, ty: Ty) -> bool {
    matches!(
        program.types.under(ty),
        TyKind::Int(IntKind::Int | IntKind::Int64)
    )
}

/// Cuts the loop into strips.
fn cut(body: &mut Body, natural: &Loop, counted: &Counted) {
    let header = natural.header;
    let i = body.blocks[header].params[counted.param];
    let ty = body.ty(i);
    let loc = body.blocks[header].term_loc;
    let before: Vec<Value> = body.blocks[header].params.clone();
    let end = body.add_block_param(header, ty);

    let place = |body: &mut Body, block: Block, op: Op, ty: Ty| {
        let inst = body.make_inst(op, &[ty], loc);
        body.blocks[block].insts.push(inst);
        body.insts[inst].results[0]
    };
    let length = STRIP * counted.step;

    // The edges into the loop. From a small constant on the first strip begins right there. Else the loop goes to `strip` first: with the start
    // as `end`, `i < end` fails at once; for `<=` the smallest integer is right for all starts.
    for block in body.blocks.ids().collect::<Vec<_>>() {
        let stays = natural.contains(block);
        let Some(mut term) = body.blocks[block].term.take() else {
            continue;
        };
        let mut starts = Vec::new();
        term.for_each_target(|to| {
            if to.block == header && !stays {
                starts.push(to.args[counted.param]);
            }
        });
        let mut ends = Vec::with_capacity(starts.len());
        for start in starts {
            ends.push(match body.as_int(start) {
                Some(n) if (0..1 << 40).contains(&n) => {
                    let most = place(body, block, Op::Int(n + length), ty);
                    let long = Op::Cmp(CmpOp::Gt, counted.bound, most);
                    let long = place(body, block, long, TypeTable::BOOL);
                    place(body, block, Op::Select(long, most, counted.bound), ty)
                }
                _ if counted.op == CmpOp::Le => place(body, block, Op::Int(i64::MIN), ty),
                _ => start,
            });
        }
        let mut ends = ends.into_iter();
        term.for_each_target_mut(|to| {
            if to.block == header {
                to.args.push(if stays {
                    end
                } else {
                    ends.next().unwrap_or(end)
                });
            }
        });
        body.blocks[block].term = Some(term);
    }

    let strip = body.blocks.push(BlockData::default());
    let next = body.blocks.push(BlockData::default());

    let Some(Terminator::Branch { cond, then, els }) = body.blocks[header].term.take() else {
        unreachable!("a counted loop's header branches")
    };
    let bool_ty = body.ty(cond);
    let (inside, outside) = if counted.then_stays {
        (then, els)
    } else {
        (els, then)
    };
    let more = place(body, header, Op::Cmp(counted.op, i, end), bool_ty);
    body.blocks[header].term = Some(Terminator::Branch {
        cond: more,
        then: inside,
        els: strip.into(),
    });

    let really = place(body, strip, Op::Cmp(counted.op, i, counted.bound), bool_ty);
    body.blocks[strip].term = Some(Terminator::Branch {
        cond: really,
        then: next.into(),
        els: outside,
    });
    body.blocks[strip].term_loc = loc;

    let poll = body.make_inst(Op::Poll, &[], loc);
    body.blocks[next].insts.push(poll);
    let rest = place(body, next, Op::Binary(BinOp::Sub, counted.bound, i), ty);
    let rest = place(body, next, Op::Bitcast(rest), TypeTable::UINT64);
    let most = place(body, next, Op::Int(length), TypeTable::UINT64);
    let long = place(body, next, Op::Cmp(CmpOp::Gt, rest, most), bool_ty);
    let length = place(body, next, Op::Int(length), ty);
    let stop = place(body, next, Op::Binary(BinOp::Add, i, length), ty);
    let stop = place(body, next, Op::Select(long, stop, counted.bound), ty);
    let mut args: smallvec::SmallVec<[Value; 2]> = before.into_iter().collect();
    args.push(stop);
    body.blocks[next].term = Some(Terminator::Jump(BlockCall {
        block: header,
        args,
    }));
    body.blocks[next].term_loc = loc;
}
