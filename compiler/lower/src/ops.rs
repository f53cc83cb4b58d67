//! Arithmetic, shifts, string concatenation, slicing.

use mir::{BinOp, BoundKind, CmpOp, Op, Ty, TyKind, TypeTable, Value};
use source::Pos;
use syntax::ast::{BinaryOp, ExprId, ExprKind};

use crate::func::FnCx;
use crate::tyconv::int_kind;

impl FnCx<'_, '_> {
    /// Arithmetic on operands of one type.
    pub(crate) fn arith(&mut self, op: BinaryOp, a: Value, b: Value) -> Value {
        let ty = self.val_ty(a);
        match self.cx.p.types.under(ty).clone() {
            TyKind::Complex64 | TyKind::Complex128 => return self.complex_arith(op, a, b, ty),
            TyKind::String => return self.rt_as("concatstring2", &[a, b], ty),
            _ => {}
        }
        let is_int = int_kind(&self.cx.p.types, ty).is_some();
        let op = match op {
            BinaryOp::Add => BinOp::Add,
            BinaryOp::Sub => BinOp::Sub,
            BinaryOp::Mul => BinOp::Mul,
            BinaryOp::Div => BinOp::Div,
            BinaryOp::Rem => BinOp::Rem,
            BinaryOp::And => BinOp::And,
            BinaryOp::Or => BinOp::Or,
            BinaryOp::Xor => BinOp::Xor,
            BinaryOp::AndNot => BinOp::AndNot,
            _ => unreachable!("{op:?} is no arithmetic operator"),
        };
        if is_int
            && matches!(op, BinOp::Div | BinOp::Rem)
            && !matches!(self.b.body.as_int(b), Some(n) if n != 0)
        {
            self.b.emit(Op::DivCheck(b));
        }
        self.bin(op, a, b)
    }

    fn complex_arith(&mut self, op: BinaryOp, a: Value, b: Value, ty: Ty) -> Value {
        if op == BinaryOp::Div {
            let wide = TypeTable::COMPLEX128;
            let (x, y) = (self.widen_complex(a, wide), self.widen_complex(b, wide));
            let q = self.rt_as("complex128div", &[x, y], wide);
            return self.widen_complex(q, ty);
        }
        let (ar, ai) = (self.extract(a, 0), self.extract(a, 1));
        let (br, bi) = (self.extract(b, 0), self.extract(b, 1));
        let (re, im) = match op {
            BinaryOp::Add => (self.bin(BinOp::Add, ar, br), self.bin(BinOp::Add, ai, bi)),
            BinaryOp::Sub => (self.bin(BinOp::Sub, ar, br), self.bin(BinOp::Sub, ai, bi)),
            _ => {
                // Products of complex64 are computed in double precision.
                let part = self.val_ty(ar);
                let f64 = TypeTable::FLOAT64;
                let [ar, ai, br, bi] = [ar, ai, br, bi].map(|v| self.convert(v, f64));
                let (rr, ii) = (self.bin(BinOp::Mul, ar, br), self.bin(BinOp::Mul, ai, bi));
                let (ri, ir) = (self.bin(BinOp::Mul, ar, bi), self.bin(BinOp::Mul, ai, br));
                let (re, im) = (self.bin(BinOp::Sub, rr, ii), self.bin(BinOp::Add, ri, ir));
                (self.convert(re, part), self.convert(im, part))
            }
        };
        self.make(ty, &[re, im])
    }
    /// Converts between complex types.
    pub(crate) fn widen_complex(&mut self, v: Value, ty: Ty) -> Value {
        if self.val_ty(v) == ty {
            return v;
        }
        let part = self.cx.p.types.component_type(ty, 0);
        let (re, im) = (self.extract(v, 0), self.extract(v, 1));
        let (re, im) = (self.convert(re, part), self.convert(im, part));
        self.make(ty, &[re, im])
    }

    /// `a << y`, `a >> y`.
    pub(crate) fn shift(&mut self, op: BinaryOp, a: Value, y: ExprId, pos: Pos) -> Value {
        let ty = self.val_ty(a);
        let bits = int_kind(&self.cx.p.types, ty).map_or(64, |k| k.size() * 8);
        if let Some(n) = self.const_of(y).and_then(|c| c.to_u64()) {
            self.set_pos(pos);
            return self.shift_const(op, a, n, bits);
        }
        let n = self.expr(y);
        self.set_pos(pos);
        self.shift_value(op, a, n)
    }
    pub(crate) fn shift_const(&mut self, op: BinaryOp, a: Value, n: u64, bits: u64) -> Value {
        let ty = self.val_ty(a);
        let signed = int_kind(&self.cx.p.types, ty).is_some_and(|k| k.is_signed());
        let n = if n >= bits {
            if op == BinaryOp::Shl || !signed {
                return self.int(0, ty);
            }
            bits - 1
        } else {
            n
        };
        let count = self.int(n as i64, TypeTable::UINT64);
        let op = if op == BinaryOp::Shl {
            BinOp::ShlBounded
        } else {
            BinOp::ShrBounded
        };
        self.bin(op, a, count)
    }
    pub(crate) fn shift_value(&mut self, op: BinaryOp, a: Value, n: Value) -> Value {
        let count_ty = self.val_ty(n);
        if int_kind(&self.cx.p.types, count_ty).is_some_and(|k| k.is_signed()) {
            self.b.emit(Op::ShiftCheck(n));
        }
        let op = if op == BinaryOp::Shl {
            BinOp::Shl
        } else {
            BinOp::Shr
        };
        self.bin(op, a, n)
    }

    /// A chain of `+` on strings becomes one call.
    pub(crate) fn concat_expr(&mut self, e: ExprId) -> Value {
        let ty = self.ty_of(e);
        let mut operands = Vec::new();
        self.concat_operands(e, &mut operands);
        let mut values: Vec<Value> = Vec::with_capacity(operands.len());
        for x in operands {
            let empty =
                matches!(self.const_of(x).and_then(|c| c.to_bytes()), Some(b) if b.is_empty());
            if !empty {
                values.push(self.expr(x));
            }
        }
        self.set_pos(self.file.ast.exprs[e].pos);
        self.concat(&values, ty)
    }
    fn concat_operands(&mut self, e: ExprId, out: &mut Vec<ExprId>) {
        let file = self.file;
        // Left-leaning chains can be very long: iterate over them.
        let mut right = Vec::new();
        let mut at = e;
        loop {
            let inner = file.ast.unparen(at);
            if self.const_of(inner).is_none() && !self.hoisted.contains_key(&inner) {
                if let ExprKind::Binary {
                    op: BinaryOp::Add,
                    x,
                    y,
                } = &file.ast.exprs[inner].kind
                {
                    right.push(*y);
                    at = *x;
                    continue;
                }
            }
            out.push(inner);
            break;
        }
        while let Some(y) = right.pop() {
            let inner = file.ast.unparen(y);
            let nested = self.const_of(inner).is_none()
                && !self.hoisted.contains_key(&inner)
                && matches!(
                    &file.ast.exprs[inner].kind,
                    ExprKind::Binary {
                        op: BinaryOp::Add,
                        ..
                    }
                );
            if nested {
                self.concat_operands(inner, out)
            } else {
                out.push(inner)
            }
        }
    }
    pub(crate) fn concat(&mut self, values: &[Value], ty: Ty) -> Value {
        match values {
            [] => self.zero(ty),
            [one] => self.retype(*one, ty),
            [a, b] => self.rt_as("concatstring2", &[*a, *b], ty),
            [a, b, c] => self.rt_as("concatstring3", &[*a, *b, *c], ty),
            many => {
                let n = many.len() as u64;
                let arr = self.cx.p.types.array(TypeTable::STRING, n);
                let base = self.temp(arr);
                for (i, &v) in many.iter().enumerate() {
                    let at = self.offset(base, i as u64 * 16, TypeTable::STRING);
                    let v = self.retype(v, TypeTable::STRING);
                    self.store_with(at, v, TypeTable::STRING, mir::Barrier::No);
                }
                let slice = self.cx.p.types.slice(TypeTable::STRING);
                let len = self.iconst(n as i64);
                let s = self.make(slice, &[base, len, len]);
                self.rt_as("concatstrings", &[s], ty)
            }
        }
    }

    /// `x[lo:hi:max]`
    pub(crate) fn slice_expr(
        &mut self,
        e: ExprId,
        x: ExprId,
        lo: Option<ExprId>,
        hi: Option<ExprId>,
        max: Option<ExprId>,
    ) -> Value {
        let file = self.file;
        let ty = self.ty_of(e);
        let xt = self.ty_of(x);
        let operands: smallvec::SmallVec<[ExprId; 4]> =
            [Some(x), lo, hi, max].into_iter().flatten().collect();
        self.prep(&operands);
        let under = self.cx.p.types.under(xt).clone();
        let is_string = matches!(under, TyKind::String);
        let (base, len, cap, elem) = match under {
            TyKind::String => {
                let s = self.expr(x);
                let (p, n) = (self.extract(s, 0), self.extract(s, 1));
                (p, n, n, TypeTable::UINT8)
            }
            TyKind::Slice(elem) => {
                let s = self.expr(x);
                (
                    self.extract(s, 0),
                    self.extract(s, 1),
                    self.extract(s, 2),
                    elem,
                )
            }
            TyKind::Pointer(arr) => {
                let p = self.expr(x);
                self.set_pos(file.ast.exprs[e].pos);
                self.nil_check(p);
                let TyKind::Array(elem, n) = *self.cx.p.types.under(arr) else {
                    unreachable!("pointer to array")
                };
                let n = self.iconst(n as i64);
                (p, n, n, elem)
            }
            TyKind::Array(elem, n) => {
                let p = self.addr(x, true);
                let n = self.iconst(n as i64);
                (p, n, n, elem)
            }
            other => unreachable!("slice of {other:?}"),
        };
        let index = |f: &mut Self, i: Option<ExprId>| i.map(|i| f.index_value(i));
        let lo = index(self, lo);
        let hi = index(self, hi);
        let max = index(self, max);
        self.set_pos(file.ast.exprs[e].pos);
        let is_slice = matches!(self.cx.p.types.under(xt), TyKind::Slice(_));
        self.slice_parts(ty, base, len, cap, elem, lo, hi, max, is_string, is_slice)
    }

    /// The slice of a sequence given by its parts; indices come with their signedness.
    pub(crate) fn slice_parts(
        &mut self,
        ty: Ty,
        base: Value,
        len: Value,
        cap: Value,
        elem: Ty,
        lo: Option<(Value, bool)>,
        hi: Option<(Value, bool)>,
        max: Option<(Value, bool)>,
        is_string: bool,
        is_slice: bool,
    ) -> Value {
        let zero = self.iconst(0);
        let three = max.is_some();
        let bound = cap;
        if let Some((m, u)) = max {
            let kind = if is_slice {
                BoundKind::Slice3Acap
            } else {
                BoundKind::Slice3Alen
            };
            self.bounds(m, bound, kind, u);
            if let Some((h, u)) = hi {
                self.bounds(h, m, BoundKind::Slice3B, u);
            }
        } else if let Some((h, u)) = hi {
            let kind = if is_slice {
                BoundKind::SliceAcap
            } else {
                BoundKind::SliceAlen
            };
            let limit = if is_string { len } else { bound };
            self.bounds(h, limit, kind, u);
        }
        let high = hi.map_or(len, |h| h.0);
        if let Some((l, u)) = lo {
            self.bounds(
                l,
                high,
                if three {
                    BoundKind::Slice3C
                } else {
                    BoundKind::SliceB
                },
                u,
            );
        }
        let low = lo.map_or(zero, |l| l.0);
        let new_len = self.sub_int(high, low);
        if is_string {
            let p = self.advance(base, low, new_len, TypeTable::UINT8);
            return self.make(ty, &[p, new_len]);
        }
        let limit = max.map_or(cap, |m| m.0);
        let new_cap = self.sub_int(limit, low);
        let p = self.advance(base, low, new_cap, elem);
        self.make(ty, &[p, new_len, new_cap])
    }
    fn sub_int(&mut self, a: Value, b: Value) -> Value {
        match (self.b.body.as_int(a), self.b.body.as_int(b)) {
            (_, Some(0)) => a,
            (Some(x), Some(y)) => self.iconst(x - y),
            _ => self.bin(BinOp::Sub, a, b),
        }
    }
    /// The data pointer moved by `low` elements, but not when nothing remains: it must not point past its object.
    fn advance(&mut self, base: Value, low: Value, remaining: Value, elem: Ty) -> Value {
        if self.b.body.as_int(low) == Some(0) || self.size(elem) == 0 {
            return self.retype(base, TypeTable::UNSAFE_POINTER);
        }
        let base = self.retype(base, TypeTable::UNSAFE_POINTER);
        let index = match self.b.body.as_int(remaining) {
            Some(0) => return base,
            Some(_) => low,
            None => {
                let zero = self.iconst(0);
                let none = self.cmp(CmpOp::Eq, remaining, zero);
                self.b
                    .emit_value(Op::Select(none, zero, low), TypeTable::INT)
            }
        };
        let moved = self.index_addr(base, index, elem);
        self.retype(moved, TypeTable::UNSAFE_POINTER)
    }
}
