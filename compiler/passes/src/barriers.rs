//! Decides which stores need a write barrier (hybrid barrier: shade the overwritten and the new pointer).
//!
//! None is needed where the memory is in the frame. A fresh heap object (no safepoint since its allocation) holds nil,
//! so nothing is overwritten, but the new pointer still has to be shaded: the object is black and will not be scanned, and the
//! frame may drop the pointer before its own scan. Only constants and other fresh (black) objects may be stored silently.

use base::FxHashSet;
use mir::{Barrier, Body, Function, Op, Program, Value};

/// The pass.
pub fn run(program: &Program, func: &mut Function) {
    let Some(body) = &mut func.body else { return };
    for block in body.blocks.ids() {
        let mut fresh: FxHashSet<Value> = FxHashSet::default();
        for index in 0..body.blocks[block].insts.len() {
            let inst = body.blocks[block].insts[index];
            let decide = |addr: Value, stored: Option<Value>, has_pointers: bool, body: &Body| {
                if !has_pointers {
                    return Barrier::No;
                }
                let root = root(body, addr);
                match body.def_op(root) {
                    Some(Op::SlotAddr(_)) => Barrier::No,
                    _ if fresh.contains(&root)
                        && stored.is_none_or(|v| is_black(body, v, &fresh)) =>
                    {
                        Barrier::No
                    }
                    _ => Barrier::Yes,
                }
            };
            let pointers = |ty| program.types.layout(ty).ptr_bytes > 0;
            match body.insts[inst].op.clone() {
                Op::Store {
                    addr,
                    value,
                    barrier: Barrier::Auto,
                } => {
                    let barrier = decide(addr, Some(value), pointers(body.ty(value)), body);
                    body.insts[inst].op = Op::Store {
                        addr,
                        value,
                        barrier,
                    };
                }
                Op::Move {
                    dst,
                    src,
                    ty,
                    barrier: Barrier::Auto,
                } => {
                    let barrier = decide(dst, Some(src), pointers(ty), body);
                    body.insts[inst].op = Op::Move {
                        dst,
                        src,
                        ty,
                        barrier,
                    };
                }
                Op::ZeroMem {
                    dst,
                    ty,
                    barrier: Barrier::Auto,
                } => {
                    let barrier = decide(dst, None, pointers(ty), body);
                    body.insts[inst].op = Op::ZeroMem { dst, ty, barrier };
                }
                Op::HeapAlloc(_) | Op::HeapBox { .. } => {
                    // An allocation is a safepoint for objects made before it.
                    fresh.clear();
                    fresh.insert(body.insts[inst].results[0]);
                }
                Op::Call { .. } | Op::Poll => fresh.clear(),
                _ => {}
            }
        }
    }
}

/// Whether storing this value can hide nothing from the collector: it is static, or an object allocated since the last safepoint.
fn is_black(body: &Body, value: Value, fresh: &FxHashSet<Value>) -> bool {
    match body.def_op(value) {
        Some(Op::Make(parts)) => parts.iter().all(|&p| is_black(body, p, fresh)),
        Some(op) if crate::edit::is_constant(op) => true,
        _ => fresh.contains(&root(body, value)),
    }
}

/// The value an address is computed from.
pub(crate) fn root(body: &Body, mut addr: Value) -> Value {
    loop {
        match body.def_op(addr) {
            Some(Op::Offset(base, _) | Op::Index { base, .. } | Op::Bitcast(base)) => addr = *base,
            _ => return addr,
        }
    }
}
