//! Puts a poll into every loop that may run long without a call, so that the scheduler and the collector can stop it.
//! Function entries are safepoints already (stack check), except in functions that have none.

use base::Id;
use mir::verify::Dominators;
use mir::{Callee, Function, Op, Program};

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
    for &block in &order {
        for target in body.successors(block) {
            // A retreating edge: the poll goes to its source, unless every trip certainly meets a safepoint in a
            // block that dominates the source inside the loop (only the source and the header are looked at).
            if number[target.index()] > number[block.index()] {
                continue;
            }
            let covered = has_safepoint[block.index()]
                || (has_safepoint[target.index()] && dominators.dominates(target, block));
            if covered
                || body.blocks[block]
                    .insts
                    .iter()
                    .any(|&i| body.insts[i].op == Op::Poll)
            {
                continue;
            }
            let loc = body.blocks[block].term_loc;
            let poll = body.make_inst(Op::Poll, &[], loc);
            body.blocks[block].insts.push(poll);
        }
    }
}
