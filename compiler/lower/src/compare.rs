//! Comparison of values of any type.

use mir::{CmpOp, Ty, TyKind, TypeTable, Value};
use syntax::ast::{BinaryOp, ExprId};
use types::Mode;

use crate::func::FnCx;

impl FnCx<'_, '_> {
    pub(crate) fn comparison(&mut self, e: ExprId, op: BinaryOp, x: ExprId, y: ExprId) -> Value {
        let result_ty = self.ty_of(e);
        let v = self.compare_exprs(e, op, x, y);
        self.retype(v, result_ty)
    }

    fn compare_exprs(&mut self, e: ExprId, op: BinaryOp, x: ExprId, y: ExprId) -> Value {
        let pos = self.file.ast.exprs[e].pos;
        let cmp = cmp_op(op);
        // Comparison with nil.
        for (a, b) in [(x, y), (y, x)] {
            if self.mode(b) == Mode::Nil {
                if self.mode(a) == Mode::Nil {
                    return self.bool(cmp == CmpOp::Eq);
                }
                let ty = self.ty_of(a);
                let v = self.expr(a);
                self.set_pos(pos);
                let word = match self.cx.p.types.under(ty) {
                    TyKind::Slice(_) | TyKind::Interface(_) => self.extract(v, 0),
                    _ => v,
                };
                let zero = {
                    let t = self.val_ty(word);
                    self.zero(t)
                };
                return self.cmp(cmp, word, zero);
            }
        }
        let (xt, yt) = (self.ty_of(x), self.ty_of(y));
        let (x_iface, y_iface) = (
            self.cx.p.types.is_interface(xt),
            self.cx.p.types.is_interface(yt),
        );
        let ty = match (x_iface, y_iface) {
            (true, false) if self.const_of(y).is_none() || !self.cx.p.types.is_interface(yt) => {
                return self.mixed(cmp, x, xt, y, yt, pos);
            }
            (false, true) => return self.mixed(cmp, y, yt, x, xt, pos),
            (true, true)
                if self.cx.p.types.is_empty_interface(xt)
                    != self.cx.p.types.is_empty_interface(yt) =>
            {
                // One side converts to the other's (wider) interface.
                if self.cx.p.types.is_empty_interface(xt) {
                    xt
                } else {
                    yt
                }
            }
            (true, true)
                if xt != yt
                    && self.cx.iface_methods(xt).len() > self.cx.iface_methods(yt).len() =>
            {
                yt
            }
            // Untyped constants take the other side's type.
            _ if self.const_of(x).is_some() => yt,
            _ => xt,
        };
        if matches!(self.cx.p.types.under(ty), TyKind::String) {
            if let Some(v) = self.compare_string_conversions(op, x, y, ty, pos) {
                return v;
            }
        }
        let a = self.expr_as(x, ty);
        let a = self.keep_operand(a, ty, y);
        let b = self.expr_as(y, ty);
        self.set_pos(pos);
        self.compare(cmp, a, b, ty)
    }

    /// An in-memory operand must survive calls in the other one.
    fn keep_operand(&mut self, v: Value, ty: Ty, other: ExprId) -> Value {
        if self.is_ssa(ty) || !self.may_call(other) {
            return v;
        }
        let t = self.temp(ty);
        self.store(t, v, ty);
        t
    }

    /// `string(b) == s` needs no copy of the bytes.
    fn compare_string_conversions(
        &mut self,
        op: BinaryOp,
        x: ExprId,
        y: ExprId,
        ty: Ty,
        pos: source::Pos,
    ) -> Option<Value> {
        let bx = self.bytes_in_string_conversion(x);
        let by = self.bytes_in_string_conversion(y);
        if bx.is_none() && by.is_none() {
            return None;
        }
        // Nothing runs between the reading of the bytes and the comparison: calls come first, as in gc.
        self.prep(&[x, y]);
        let a = self.borrowed_string(x, bx, ty);
        let b = self.borrowed_string(y, by, ty);
        self.set_pos(pos);
        Some(self.compare(cmp_op(op), a, b, ty))
    }
    /// The operand of a conversion `string(bytes)`.
    pub(crate) fn bytes_in_string_conversion(&mut self, e: ExprId) -> Option<ExprId> {
        let file = self.file;
        let e = file.ast.unparen(e);
        if self.hoisted.contains_key(&e) || self.const_of(e).is_some() {
            return None;
        }
        let syntax::ast::ExprKind::Call { fun, args, .. } = &file.ast.exprs[e].kind else {
            return None;
        };
        if self.mode(*fun) != Mode::TypeExpr || args.len() != 1 {
            return None;
        }
        let to = self.ty_of(e);
        let from = self.ty_of(args[0]);
        if !matches!(self.cx.p.types.under(to), TyKind::String) {
            return None;
        }
        match self.cx.p.types.under(from) {
            TyKind::Slice(elem) if self.cx.p.types.underlying(*elem) == TypeTable::UINT8 => {
                Some(args[0])
            }
            _ => None,
        }
    }
    /// A string that shares the bytes' memory; only for uses that end before anything else runs.
    pub(crate) fn borrowed_string(&mut self, e: ExprId, bytes: Option<ExprId>, ty: Ty) -> Value {
        match bytes {
            Some(b) => {
                let s = self.expr(b);
                let (p, n) = (self.extract(s, 0), self.extract(s, 1));
                self.make(ty, &[p, n])
            }
            None => self.expr_as(e, ty),
        }
    }

    /// `iface == concrete`
    fn mixed(
        &mut self,
        op: CmpOp,
        iface: ExprId,
        it: Ty,
        concrete: ExprId,
        ct: Ty,
        pos: source::Pos,
    ) -> Value {
        // Operands are evaluated in source order only as far as calls go; those were hoisted by the statement.
        let i = self.expr(iface);
        let c = if let Some(k) = self.const_of(concrete) {
            self.constant(k, ct)
        } else {
            self.expr(concrete)
        };
        self.set_pos(pos);
        self.compare_mixed(op, i, it, c, ct)
    }
    pub(crate) fn compare_mixed(&mut self, op: CmpOp, i: Value, it: Ty, c: Value, ct: Ty) -> Value {
        let word = self.extract(i, 0);
        let want = if self.cx.p.types.is_empty_interface(it) {
            self.type_desc(ct)
        } else {
            let itab = self.cx.itab(it, ct);
            self.b
                .emit_value(mir::Op::Itab(itab), TypeTable::UNSAFE_POINTER)
        };
        let same = self.cmp(CmpOp::Eq, word, want);
        let eq = self.if_value(
            same,
            TypeTable::BOOL,
            |f| {
                let v = f.iface_data(i, ct);
                f.equal(v, c, ct)
            },
            |f| f.bool(false),
        );
        if op == CmpOp::Eq { eq } else { self.not(eq) }
    }

    /// Compares two values of one type (addresses, for in-memory types).
    pub(crate) fn compare(&mut self, op: CmpOp, a: Value, b: Value, ty: Ty) -> Value {
        match self.cx.p.types.under(ty) {
            TyKind::String if !matches!(op, CmpOp::Eq | CmpOp::Ne) => {
                let (x, y) = (
                    self.retype(a, TypeTable::STRING),
                    self.retype(b, TypeTable::STRING),
                );
                let c = self.rt_as("cmpstring", &[x, y], TypeTable::INT);
                let zero = self.iconst(0);
                self.cmp(op, c, zero)
            }
            TyKind::String
            | TyKind::Interface(_)
            | TyKind::Struct(_)
            | TyKind::Array(..)
            | TyKind::Complex64
            | TyKind::Complex128 => {
                let eq = self.equal(a, b, ty);
                if op == CmpOp::Eq { eq } else { self.not(eq) }
            }
            _ => self.cmp(op, a, b),
        }
    }

    /// Whether two values are equal (spec, "Comparison operators"); may panic for interfaces.
    pub(crate) fn equal(&mut self, a: Value, b: Value, ty: Ty) -> Value {
        match self.cx.p.types.under(ty).clone() {
            TyKind::String => self.string_equal(a, b),
            TyKind::Interface(methods) => self.iface_equal(a, b, methods.is_empty()),
            TyKind::Complex64 | TyKind::Complex128 => {
                let parts: Vec<(Value, Value, Ty)> = (0..2)
                    .map(|i| {
                        let (x, y) = (self.extract(a, i), self.extract(b, i));
                        (x, y, self.cx.p.types.component_type(ty, 0))
                    })
                    .collect();
                self.all_equal(parts)
            }
            TyKind::Struct(_) | TyKind::Array(..) if !self.is_ssa(ty) => {
                if self.cx.p.types.is_regular_memory(ty) {
                    let n = self.size(ty);
                    return self.memory_equal(a, b, n);
                }
                let func = self.cx.equal_func(ty);
                self.call(func, &[a, b])[0]
            }
            TyKind::Struct(fields) => {
                let mut parts = Vec::new();
                for (i, f) in fields.iter().enumerate() {
                    if f.name.as_str() != "_" {
                        parts.push((self.extract(a, i as u32), self.extract(b, i as u32), f.ty));
                    }
                }
                // Cheap fields first, as a mismatch there saves the calls; a panic of an interface field is kept in
                // order with respect to other interface fields.
                self.all_equal(parts)
            }
            TyKind::Array(_, 0) => self.bool(true),
            TyKind::Array(elem, _) => {
                let (x, y) = (self.extract(a, 0), self.extract(b, 0));
                self.equal(x, y, elem)
            }
            _ => self.cmp(CmpOp::Eq, a, b),
        }
    }

    pub(crate) fn all_equal(&mut self, parts: Vec<(Value, Value, Ty)>) -> Value {
        if let [(x, y, ty)] = *parts.as_slice() {
            return self.equal(x, y, ty);
        }
        let conditions = parts
            .into_iter()
            .map(|(x, y, ty)| Condition::Value(x, y, ty))
            .collect();
        self.all_hold(conditions)
    }

    /// Whether all conditions hold. Conditions that call something come after the cheap ones, but none is moved across
    /// one that may panic.
    pub(crate) fn all_hold(&mut self, conditions: Vec<Condition>) -> Value {
        let mut order: Vec<Condition> = Vec::new();
        let mut late: Vec<Condition> = Vec::new();
        for c in conditions {
            match c {
                Condition::Value(x, y, ty) => match self.cx.p.types.under(ty) {
                    TyKind::String => {
                        order.push(Condition::Lengths(x, y));
                        late.push(c);
                    }
                    TyKind::Interface(_) | TyKind::Struct(_) | TyKind::Array(..) => {
                        order.append(&mut late);
                        order.push(c);
                    }
                    _ => order.push(c),
                },
                Condition::Lengths(..) => order.push(c),
                Condition::Memory(_, _, n) if n > 8 => late.push(c),
                Condition::Memory(..) => order.push(c),
            }
        }
        order.append(&mut late);
        let var = self.b.new_var(TypeTable::BOOL);
        let (no, join) = (self.new_block(), self.new_block());
        for c in order {
            let eq = match c {
                Condition::Value(x, y, ty) => self.equal(x, y, ty),
                Condition::Lengths(x, y) => {
                    let (n, m) = (self.extract(x, 1), self.extract(y, 1));
                    self.cmp(CmpOp::Eq, n, m)
                }
                Condition::Memory(p, q, n) => self.memory_equal(p, q, n),
            };
            let next = self.new_block();
            self.b.branch(eq, next, no);
            self.start_block(next);
        }
        let yes = self.bool(true);
        self.b.def_var(var, yes);
        self.b.jump(join);
        self.start_block(no);
        let f = self.bool(false);
        self.b.def_var(var, f);
        self.b.jump(join);
        self.start_block(join);
        self.b.use_var(var)
    }

    fn string_equal(&mut self, a: Value, b: Value) -> Value {
        let (n, m) = (self.extract(a, 1), self.extract(b, 1));
        let zero = self.iconst(0);
        // Against the empty string only lengths count.
        for (v, len) in [(a, m), (b, n)] {
            if matches!(self.b.body.def_op(v), Some(mir::Op::Zero)) {
                return self.cmp(CmpOp::Eq, len, zero);
            }
        }
        let same = self.cmp(CmpOp::Eq, n, m);
        self.if_value(
            same,
            TypeTable::BOOL,
            |f| {
                let (p, q) = (f.extract(a, 0), f.extract(b, 0));
                let len = match (f.b.body.def_op(a).cloned(), f.b.body.def_op(b).cloned()) {
                    (Some(mir::Op::Str(_, k)), _) | (_, Some(mir::Op::Str(_, k))) => {
                        f.int(k as i64, TypeTable::UINTPTR)
                    }
                    _ => f.convert(n, TypeTable::UINTPTR),
                };
                f.rt1("memequal", &[p, q, len])
            },
            |f| f.bool(false),
        )
    }

    /// Equality of `n` bytes at two addresses.
    pub(crate) fn memory_equal(&mut self, a: Value, b: Value, n: u64) -> Value {
        let word = match n {
            0 => return self.bool(true),
            1 => Some(TypeTable::UINT8),
            2 => Some(TypeTable::UINT16),
            4 => Some(TypeTable::UINT32),
            8 => Some(TypeTable::UINT64),
            _ => None,
        };
        if let Some(word) = word {
            let (x, y) = (self.load(a, word), self.load(b, word));
            return self.cmp(CmpOp::Eq, x, y);
        }
        let n = self.int(n as i64, TypeTable::UINTPTR);
        self.rt1("memequal", &[a, b, n])
    }

    fn iface_equal(&mut self, a: Value, b: Value, empty: bool) -> Value {
        let (t, u) = (self.extract(a, 0), self.extract(b, 0));
        let same = self.cmp(CmpOp::Eq, t, u);
        self.if_value(
            same,
            TypeTable::BOOL,
            |f| {
                let (x, y) = (f.extract(a, 1), f.extract(b, 1));
                f.rt1(if empty { "efaceeq" } else { "ifaceeq" }, &[t, x, y])
            },
            |f| f.bool(false),
        )
    }
}

/// A part of an equality.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Condition {
    Value(Value, Value, Ty),
    /// Strings of equal length.
    Lengths(Value, Value),
    /// So many equal bytes at two addresses.
    Memory(Value, Value, u64),
}

pub(crate) fn cmp_op(op: BinaryOp) -> CmpOp {
    match op {
        BinaryOp::Eq => CmpOp::Eq,
        BinaryOp::Ne => CmpOp::Ne,
        BinaryOp::Lt => CmpOp::Lt,
        BinaryOp::Le => CmpOp::Le,
        BinaryOp::Gt => CmpOp::Gt,
        BinaryOp::Ge => CmpOp::Ge,
        _ => unreachable!("{op:?} is no comparison"),
    }
}
