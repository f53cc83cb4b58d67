//! Turns the conditions of loops so that the way out is the branch that is taken.
//!
//! Code generation places blocks in a reverse postorder that continues with the second target of a branch. Where exactly one
//! target stays in the innermost loop of the branch, that one is made the second: the body follows its condition, and a
//! trip takes one jump, the one back.

use base::IndexVec;
use mir::verify::Dominators;
use mir::{Block, Body, CmpOp, Function, Op, Program, Terminator, TyKind, TypeTable, Value};

use crate::loops;

/// The pass.
pub fn run(program: &Program, func: &mut Function) {
    let Some(body) = &mut func.body else { return };
    let order = body.reverse_postorder();
    let dominators = Dominators::compute(body, &order);
    let loops = loops::find(body, &order, &dominators);
    if loops.is_empty() {
        return;
    }
    // Headers come in reverse postorder, outer loops first: the last one that contains a block is its innermost.
    let mut innermost: IndexVec<Block, Option<usize>> =
        IndexVec::from_elem_n(None, body.blocks.len());
    for (n, l) in loops.iter().enumerate() {
        for block in body.blocks.ids() {
            if l.contains(block) {
                innermost[block] = Some(n);
            }
        }
    }
    for block in order {
        let Some(n) = innermost[block] else { continue };
        let Some(Terminator::Branch { cond, then, els }) = &body.blocks[block].term else {
            continue;
        };
        let l = &loops[n];
        if !l.contains(then.block) || l.contains(els.block) {
            continue;
        }
        let Some(cond) = inverse(program, body, block, *cond) else {
            continue;
        };
        let Some(Terminator::Branch {
            cond: old,
            then,
            els,
        }) = &mut body.blocks[block].term
        else {
            unreachable!("looked at above");
        };
        *old = cond;
        std::mem::swap(then, els);
    }
}

/// The opposite of a comparison of integers or pointers (NaN makes that of floats something else).
fn inverse(program: &Program, body: &mut Body, block: Block, cond: Value) -> Option<Value> {
    let Some(&Op::Cmp(op, x, y)) = body.def_op(cond) else {
        return None;
    };
    let exact = matches!(
        program.types.under(body.ty(x)),
        TyKind::Int(_) | TyKind::Bool | TyKind::Pointer(_) | TyKind::UnsafePointer
    );
    if !exact {
        return None;
    }
    let op = match op {
        CmpOp::Eq => CmpOp::Ne,
        CmpOp::Ne => CmpOp::Eq,
        CmpOp::Lt => CmpOp::Ge,
        CmpOp::Le => CmpOp::Gt,
        CmpOp::Gt => CmpOp::Le,
        CmpOp::Ge => CmpOp::Lt,
    };
    let loc = body.blocks[block].term_loc;
    let inst = body.make_inst(Op::Cmp(op, x, y), &[TypeTable::BOOL], loc);
    body.blocks[block].insts.push(inst);
    Some(body.insts[inst].results[0])
}
