//! Constant folding, forwarding of aggregate components, removal of checks that cannot fail, straight-line merging, dead code.

use mir::{
    BinOp, BoundKind, Callee, CmpOp, Function, IntKind, Op, Program, Terminator, Ty, TyKind,
    TypeTable, UnOp, Value,
};

use crate::edit::{Aliases, merge_blocks, remove_dead};

/// The pass.
pub fn run(program: &Program, func: &mut Function) {
    let Some(body) = &mut func.body else { return };
    let mut aliases = Aliases::new(body);
    for block in body.reverse_postorder() {
        let insts = std::mem::take(&mut body.blocks[block].insts);
        let mut kept = Vec::with_capacity(insts.len());
        for inst in insts {
            body.insts[inst]
                .op
                .for_each_use_mut(|v| *v = aliases.resolve(*v));
            let result = body.insts[inst].results.first().copied();
            match fold(
                program,
                body,
                &body.insts[inst].op,
                result.map(|r| body.ty(r)),
            ) {
                Folded::Keep => {}
                Folded::Alias(to) => {
                    aliases.replace(result.expect("an aliased instruction has a result"), to);
                    continue;
                }
                Folded::Drop => continue,
                Folded::Op(op) => body.insts[inst].op = op,
            }
            if let Op::Move {
                dst,
                src,
                ty,
                barrier,
            } = body.insts[inst].op
                && program.types.is_ssa(ty)
            {
                let loc = body.insts[inst].loc;
                let load = body.make_inst(Op::Load(src), &[ty], loc);
                let value = body.insts[load].results[0];
                body.insts[inst].op = Op::Store {
                    addr: dst,
                    value,
                    barrier,
                };
                kept.push(load);
            } else if let Op::ZeroMem { dst, ty, barrier } = body.insts[inst].op
                && program.types.is_ssa(ty)
                && program.types.layout(ty).size > 0
            {
                let loc = body.insts[inst].loc;
                let zero = body.make_inst(Op::Zero, &[ty], loc);
                let value = body.insts[zero].results[0];
                body.insts[inst].op = Op::Store {
                    addr: dst,
                    value,
                    barrier,
                };
                kept.push(zero);
            }
            kept.push(inst);
        }
        body.blocks[block].insts = kept;
        if let Some(mut term) = body.blocks[block].term.take() {
            term.for_each_use_mut(|v| *v = aliases.resolve(*v));
            while let Terminator::Branch { cond, then, els } = &mut term
                && let Some(Op::Unary(UnOp::Not, inner)) = body.def_op(*cond)
            {
                *cond = aliases.resolve(*inner);
                std::mem::swap(then, els);
            }
            if let Terminator::Branch { cond, then, els } = &term
                && let Some(n) = body.as_int(*cond)
            {
                term = Terminator::Jump(if n & 1 != 0 {
                    then.clone()
                } else {
                    els.clone()
                });
            } else if let Terminator::Switch {
                value,
                cases,
                default,
            } = &term
                && let Some(n) = body.as_int(*value)
            {
                let to = cases
                    .iter()
                    .find(|(c, _)| *c == n)
                    .map_or(default, |(_, t)| t);
                term = Terminator::Jump(to.clone());
            }
            body.blocks[block].term = Some(term);
        }
    }
    aliases.apply(body);
    mir::builder::drop_unreachable(body);
    crate::edit::thread_jumps(body);
    merge_blocks(body);
    mir::builder::remove_trivial_params(body);
    remove_dead(body);
}

enum Folded {
    Keep,
    Alias(Value),
    Op(Op),
    Drop,
}

fn fold(program: &Program, body: &mir::Body, op: &Op, result: Option<Ty>) -> Folded {
    let types = &program.types;
    match op {
        Op::Extract(x, index) => match body.def_op(*x) {
            Some(Op::Make(parts)) => Folded::Alias(parts[*index as usize]),
            Some(Op::Str(data, len)) => Folded::Op(match index {
                0 if *len == 0 => Op::Zero,
                0 => Op::Data(*data, 0),
                _ => Op::Int(*len as i64),
            }),
            Some(Op::Zero) => Folded::Op(Op::Zero),
            _ => Folded::Keep,
        },
        Op::Offset(base, 0) => Folded::Alias(*base),
        Op::Offset(base, n) => match body.def_op(*base) {
            Some(Op::Offset(inner, m)) => match n.checked_add(*m) {
                Some(sum) => Folded::Op(Op::Offset(*inner, sum)),
                None => Folded::Keep,
            },
            _ => Folded::Keep,
        },
        Op::Index {
            base,
            index,
            stride,
        } => match body
            .as_int(*index)
            .and_then(|i| i.checked_mul(i64::try_from(*stride).ok()?))
        {
            Some(0) => Folded::Alias(*base),
            Some(n) => Folded::Op(Op::Offset(*base, n)),
            None => Folded::Keep,
        },
        Op::Bitcast(x) if Some(body.ty(*x)) == result => Folded::Alias(*x),
        Op::Bitcast(x) => match body.def_op(*x) {
            Some(Op::Bitcast(inner)) => Folded::Op(Op::Bitcast(*inner)),
            Some(Op::Zero) => Folded::Op(Op::Zero),
            _ => Folded::Keep,
        },
        Op::Convert(x) => match (
            int_kind(types, body.ty(*x)),
            result.and_then(|r| int_kind(types, r)),
            body.as_int(*x),
        ) {
            (Some(from), Some(to), Some(n)) => Folded::Op(Op::Int(wrap(to, wrap(from, n)))),
            (Some(from), Some(to), None) if from == to && Some(body.ty(*x)) == result => {
                Folded::Alias(*x)
            }
            _ => Folded::Keep,
        },
        Op::Binary(op, x, y) => {
            let Some(kind) = int_kind(types, body.ty(*x)) else {
                return Folded::Keep;
            };
            binary(*op, kind, *x, *y, body)
        }
        Op::Unary(UnOp::Not, x) => match body.as_int(*x) {
            Some(n) => Folded::Op(Op::Int(1 - (n & 1))),
            None => match body.def_op(*x) {
                Some(Op::Unary(UnOp::Not, inner)) => Folded::Alias(*inner),
                _ => Folded::Keep,
            },
        },
        Op::Unary(op, x) => match (int_kind(types, body.ty(*x)), body.as_int(*x)) {
            (Some(kind), Some(n)) => Folded::Op(Op::Int(wrap(
                kind,
                if *op == UnOp::Neg {
                    n.wrapping_neg()
                } else {
                    !n
                },
            ))),
            _ => Folded::Keep,
        },
        Op::Cmp(op, x, y) => compare(types, body, *op, *x, *y),
        Op::Select(c, x, y) => match body.as_int(*c) {
            Some(n) => Folded::Alias(if n & 1 != 0 { *x } else { *y }),
            None if x == y => Folded::Alias(*x),
            None => Folded::Keep,
        },
        Op::NilCheck(p) if is_nonnil(body, *p) => Folded::Drop,
        Op::DivCheck(x) if body.as_int(*x).is_some_and(|n| n != 0) => Folded::Drop,
        Op::ShiftCheck(x) if body.as_int(*x).is_some_and(|n| n >= 0) => Folded::Drop,
        Op::BoundsCheck {
            index, len, kind, ..
        } => match (body.as_int(*index), body.as_int(*len)) {
            (Some(i), Some(n)) => {
                let ok = match kind {
                    BoundKind::Index => (i as u64) < n as u64,
                    BoundKind::Convert => i as u64 >= n as u64,
                    _ => i as u64 <= n as u64,
                };
                if ok { Folded::Drop } else { Folded::Keep }
            }
            // x[0:...] is in bounds of everything.
            (Some(0), None) if !matches!(kind, BoundKind::Index | BoundKind::Convert) => {
                Folded::Drop
            }
            _ if index == len && !matches!(kind, BoundKind::Index) => Folded::Drop,
            _ => Folded::Keep,
        },
        Op::Call {
            callee: Callee::Closure(f),
            args,
            results,
        } => match body.def_op(*f) {
            Some(Op::FuncVal(id)) if !program.funcs[*id].flags.closure => Folded::Op(Op::Call {
                callee: Callee::Func(*id),
                args: args.clone(),
                results: results.clone(),
            }),
            _ => Folded::Keep,
        },
        Op::Call {
            callee: Callee::Code(f),
            args,
            results,
        } => match body.def_op(*f) {
            Some(Op::FuncCode(id)) => Folded::Op(Op::Call {
                callee: Callee::Func(*id),
                args: args.clone(),
                results: results.clone(),
            }),
            _ => Folded::Keep,
        },
        _ => Folded::Keep,
    }
}

/// Whether the pointer is certainly not nil.
pub(crate) fn is_nonnil(body: &mir::Body, p: Value) -> bool {
    match body.def_op(p) {
        Some(
            Op::SlotAddr(_)
            | Op::HeapAlloc(_)
            | Op::HeapBox { .. }
            | Op::Global(_)
            | Op::Data(..)
            | Op::FuncVal(_)
            | Op::TypeDesc(_)
            | Op::Itab(_)
            | Op::ClosureCtx,
        ) => true,
        Some(Op::Offset(base, n)) => *n > 0 || is_nonnil(body, *base),
        Some(Op::Bitcast(x)) => is_nonnil(body, *x),
        _ => false,
    }
}

pub(crate) fn int_kind(types: &TypeTable, ty: Ty) -> Option<IntKind> {
    match types.under(ty) {
        TyKind::Int(kind) => Some(*kind),
        _ => None,
    }
}

/// The value modulo the type's width, extended by its signedness.
pub(crate) fn wrap(kind: IntKind, n: i64) -> i64 {
    let bits = kind.size() as u32 * 8;
    if bits == 64 {
        return n;
    }
    let shift = 64 - bits;
    if kind.is_signed() {
        n << shift >> shift
    } else {
        ((n as u64) << shift >> shift) as i64
    }
}

fn binary(op: BinOp, kind: IntKind, x: Value, y: Value, body: &mir::Body) -> Folded {
    let (a, b) = (body.as_int(x).map(|n| wrap(kind, n)), body.as_int(y));
    let bits = kind.size() as i64 * 8;
    if matches!(
        op,
        BinOp::Shl | BinOp::Shr | BinOp::ShlBounded | BinOp::ShrBounded
    ) {
        let Some(n) = b else { return Folded::Keep };
        let n = n as u64;
        let left = matches!(op, BinOp::Shl | BinOp::ShlBounded);
        if n == 0 {
            return Folded::Alias(x);
        }
        return match a {
            Some(a) => {
                let value = match (left, kind.is_signed()) {
                    (true, _) => a.checked_shl(n.min(64) as u32).unwrap_or(0),
                    (false, true) => a >> n.min(63),
                    (false, false) => (a as u64).checked_shr(n.min(64) as u32).unwrap_or(0) as i64,
                };
                Folded::Op(Op::Int(wrap(kind, value)))
            }
            None if n < bits as u64 && matches!(op, BinOp::Shl | BinOp::Shr) => {
                Folded::Op(Op::Binary(
                    if left {
                        BinOp::ShlBounded
                    } else {
                        BinOp::ShrBounded
                    },
                    x,
                    y,
                ))
            }
            None => Folded::Keep,
        };
    }
    let b = b.map(|n| wrap(kind, n));
    if let (Some(a), Some(b)) = (a, b) {
        let (ua, ub) = (a as u64, b as u64);
        let value = match op {
            BinOp::Add => a.wrapping_add(b),
            BinOp::Sub => a.wrapping_sub(b),
            BinOp::Mul => a.wrapping_mul(b),
            BinOp::And => a & b,
            BinOp::Or => a | b,
            BinOp::Xor => a ^ b,
            BinOp::AndNot => a & !b,
            BinOp::Div | BinOp::Rem if b == 0 => return Folded::Keep,
            BinOp::Div if kind.is_signed() => a.wrapping_div(b),
            BinOp::Rem if kind.is_signed() => a.wrapping_rem(b),
            BinOp::Div => (ua / ub) as i64,
            BinOp::Rem => (ua % ub) as i64,
            BinOp::Shl | BinOp::Shr | BinOp::ShlBounded | BinOp::ShrBounded => return Folded::Keep,
        };
        return Folded::Op(Op::Int(wrap(kind, value)));
    }
    match (op, a, b) {
        (BinOp::Add | BinOp::Or | BinOp::Xor, Some(0), None) => Folded::Alias(y),
        (BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor | BinOp::AndNot, None, Some(0)) => {
            Folded::Alias(x)
        }
        (BinOp::Mul, Some(1), None) => Folded::Alias(y),
        (BinOp::Mul | BinOp::Div, None, Some(1)) => Folded::Alias(x),
        (BinOp::Mul | BinOp::And, None, Some(0)) | (BinOp::Mul | BinOp::And, Some(0), None) => {
            Folded::Op(Op::Int(0))
        }
        _ => Folded::Keep,
    }
}

fn compare(types: &TypeTable, body: &mir::Body, op: CmpOp, x: Value, y: Value) -> Folded {
    let ty = body.ty(x);
    let scalar_int = matches!(types.under(ty), TyKind::Int(_) | TyKind::Bool);
    let pointer = types.layout(ty).ptr_bytes > 0;
    if x == y && (scalar_int || pointer) {
        return Folded::Op(Op::Int(
            matches!(op, CmpOp::Eq | CmpOp::Le | CmpOp::Ge) as i64
        ));
    }
    if pointer && matches!(op, CmpOp::Eq | CmpOp::Ne) {
        let zero = |v: Value| matches!(body.def_op(v), Some(Op::Zero | Op::Int(0)));
        if (zero(x) && is_nonnil(body, y)) || (zero(y) && is_nonnil(body, x)) {
            return Folded::Op(Op::Int((op == CmpOp::Ne) as i64));
        }
        if let (Some(Op::TypeDesc(a)), Some(Op::TypeDesc(b))) = (body.def_op(x), body.def_op(y)) {
            return Folded::Op(Op::Int(((a == b) == (op == CmpOp::Eq)) as i64));
        }
    }
    let (true, Some(a), Some(b)) = (scalar_int, body.as_int(x), body.as_int(y)) else {
        return Folded::Keep;
    };
    let kind = int_kind(types, ty).unwrap_or(IntKind::Uint8);
    let (a, b) = (wrap(kind, a), wrap(kind, b));
    let order = if kind.is_signed() {
        a.cmp(&b)
    } else {
        (a as u64).cmp(&(b as u64))
    };
    let holds = match op {
        CmpOp::Eq => order.is_eq(),
        CmpOp::Ne => order.is_ne(),
        CmpOp::Lt => order.is_lt(),
        CmpOp::Le => order.is_le(),
        CmpOp::Gt => order.is_gt(),
        CmpOp::Ge => order.is_ge(),
    };
    Folded::Op(Op::Int(holds as i64))
}
