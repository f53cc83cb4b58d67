//! Expressions.
//!
//! An expression of an SSA type gives its value; one of an in-memory type gives the address of memory that holds the
//! value until something else is executed.

use mir::{Block, Op, Ty, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::{BinaryOp, ExprId, ExprKind, UnaryOp};
use types::{Mode, ObjKind, SelectionKind};

use crate::analysis::VarKey;
use crate::func::FnCx;
use crate::vars::Cur;

impl FnCx<'_, '_> {
    /// The value of a single-valued expression, in its own type.
    pub(crate) fn expr(&mut self, e: ExprId) -> Value {
        self.ensure_reachable();
        if !self.hoisted.is_empty() {
            if let Some(values) = self.hoisted.remove(&e) {
                return values.first().copied().unwrap_or_else(|| self.iconst(0));
            }
        }
        let file = self.file;
        if let Some(c) = self.const_of(e) {
            let ty = self.ty_of(e);
            self.set_pos(file.ast.exprs[e].span.lo);
            return self.constant(c, ty);
        }
        match &file.ast.exprs[e].kind {
            ExprKind::Paren(x) => self.expr(*x),
            ExprKind::Name(name) => {
                if self.mode(e) == Mode::Nil {
                    let ty = self.ty_of(e);
                    return self.zero(ty);
                }
                let obj = self.obj_of(*name);
                self.object(e, obj)
            }
            ExprKind::BasicLit { .. } => {
                let ty = self.ty_of(e);
                match file.value(e) {
                    Some(c) => self.constant(c, ty),
                    None => self.zero(ty),
                }
            }
            ExprKind::CompositeLit { .. } => {
                let ty = self.ty_of(e);
                self.composite(e, ty)
            }
            ExprKind::FuncLit { .. } => self.func_lit(e),
            ExprKind::Selector { x, sel } => match file.selections.get(&e) {
                None => {
                    let obj = self.obj_of(*sel);
                    self.object(e, obj)
                }
                Some(selection) => match selection.kind {
                    SelectionKind::Field => {
                        let ty = self.ty_of(e);
                        let cur = self.select_field(e, *x, false);
                        self.set_pos(file.ast.exprs[e].pos);
                        self.cur_value(cur, ty)
                    }
                    SelectionKind::Method => self.method_value(e, *x),
                    SelectionKind::MethodExpr => self.method_expr(e),
                },
            },
            ExprKind::Index { x, indices } => self.index(e, *x, indices[0]),
            ExprKind::Slice { x, lo, hi, max, .. } => self.slice_expr(e, *x, *lo, *hi, *max),
            ExprKind::Call { .. } => {
                let values = self.call_expr(e);
                self.ensure_reachable();
                match values.first() {
                    Some(&v) => v,
                    None => self.iconst(0),
                }
            }
            ExprKind::Star(x) => {
                let p = self.expr(*x);
                self.set_pos(file.ast.exprs[e].pos);
                let ty = self.ty_of(e);
                if self.size(ty) == 0 || !self.is_ssa(ty) {
                    self.nil_check(p);
                }
                self.load(p, ty)
            }
            ExprKind::Unary { op, x } => self.unary(e, *op, *x),
            ExprKind::Binary { op, x, y } => self.binary(e, *op, *x, *y),
            ExprKind::TypeAssert { .. } => self.type_assert(e, false)[0],
            _ => {
                let ty = self.ty_of(e);
                self.zero(ty)
            }
        }
    }

    /// The value converted to `ty` as in an assignment.
    pub(crate) fn expr_as(&mut self, e: ExprId, ty: Ty) -> Value {
        if self.mode(e) == Mode::Nil {
            self.ensure_reachable();
            return self.zero(ty);
        }
        if !self.hoisted.contains_key(&e) {
            if let Some(c) = self.const_of(e) {
                self.ensure_reachable();
                self.set_pos(self.file.ast.exprs[e].span.lo);
                if self.cx.p.types.is_interface(ty) {
                    let mut from = self.ty_of(e);
                    if self.cx.p.types.is_interface(from) {
                        from = crate::consts::default_type(c);
                    }
                    return self.const_to_iface(c, from, ty);
                }
                return self.constant(c, ty);
            }
        }
        let from = self.ty_of(e);
        let v = self.expr(e);
        self.assign_conv(v, from, ty)
    }

    /// An implicit conversion (spec, "Assignability").
    pub(crate) fn assign_conv(&mut self, v: Value, from: Ty, to: Ty) -> Value {
        if from == to {
            return v;
        }
        if self.cx.p.types.is_interface(to) {
            return self.convert_value(v, from, to);
        }
        if self.is_ssa(to) {
            self.retype(v, to)
        } else {
            v
        }
    }

    /// Evaluates into memory that nothing else refers to; `zeroed` if it holds zeros already.
    pub(crate) fn expr_into(&mut self, e: ExprId, addr: Value, ty: Ty, zeroed: bool) {
        let file = self.file;
        let inner = file.ast.unparen(e);
        if matches!(file.ast.exprs[inner].kind, ExprKind::CompositeLit { .. })
            && !self.hoisted.contains_key(&inner)
            && self.ty_of(e) == ty
            && matches!(
                self.cx.p.types.under(ty),
                TyKind::Struct(_) | TyKind::Array(..)
            )
        {
            self.ensure_reachable();
            self.composite_into(inner, addr, ty, zeroed);
            return;
        }
        let v = self.expr_as(e, ty);
        self.store_with(addr, v, ty, mir::Barrier::Auto);
    }

    /// All values of an expression that may be multi-valued (calls, comma-ok forms).
    pub(crate) fn expr_multi(&mut self, e: ExprId) -> SmallVec<[Value; 2]> {
        self.ensure_reachable();
        let file = self.file;
        let e = file.ast.unparen(e);
        if let Some(values) = self.hoisted.remove(&e) {
            return values;
        }
        let ty = self.ty_of(e);
        let pair = matches!(self.cx.p.types.kind(ty), TyKind::Tuple(_));
        match &file.ast.exprs[e].kind {
            ExprKind::Call { .. } => self.call_expr(e),
            ExprKind::TypeAssert { .. } if pair => self.type_assert(e, true),
            ExprKind::Index { x, indices } if pair => self.map_index2(*x, indices[0]),
            ExprKind::Unary {
                op: UnaryOp::Recv,
                x,
            } if pair => self.receive2(e, *x),
            _ => smallvec![self.expr(e)],
        }
    }
    /// Types of the values that [`expr_multi`](Self::expr_multi) gives.
    pub(crate) fn multi_types(&mut self, e: ExprId) -> SmallVec<[Ty; 2]> {
        let ty = self.ty_of(e);
        match self.cx.p.types.kind(ty) {
            TyKind::Tuple(list) => SmallVec::from_slice(list),
            _ => smallvec![ty],
        }
    }

    /// Evaluates for its effects only.
    pub(crate) fn discard(&mut self, e: ExprId) {
        let file = self.file;
        let e = file.ast.unparen(e);
        if let ExprKind::Star(x) = &file.ast.exprs[e].kind {
            let p = self.expr(*x);
            self.set_pos(file.ast.exprs[e].pos);
            self.nil_check(p);
            return;
        }
        if self.const_of(e).is_some()
            || matches!(self.mode(e), Mode::Nil | Mode::TypeExpr | Mode::Invalid)
        {
            return;
        }
        self.expr_multi(e);
    }

    fn object(&mut self, e: ExprId, obj: Option<types::ObjId>) -> Value {
        let ty = self.ty_of(e);
        let Some(obj) = obj else { return self.zero(ty) };
        match &self.cx.store.obj(obj).kind {
            ObjKind::Var(_) if self.is_package_var(obj) => {
                self.set_pos(self.file.ast.exprs[e].span.lo);
                let addr = self.global_addr(obj);
                self.load(addr, ty)
            }
            ObjKind::Var(_) => self.read_var(VarKey::Obj(obj), ty),
            ObjKind::Func(_) => {
                let func = self.func_of(e).expect("a function");
                self.b.emit_value(Op::FuncVal(func), ty)
            }
            ObjKind::Const(c) => match c.get() {
                Some(c) => self.constant(c, ty),
                None => self.zero(ty),
            },
            _ => self.zero(ty),
        }
    }

    /// The function that an expression names statically (identifier, qualified identifier, instantiation).
    pub(crate) fn func_of(&mut self, e: ExprId) -> Option<mir::FuncId> {
        let file = self.file;
        let e = file.ast.unparen(e);
        let name = match &file.ast.exprs[e].kind {
            ExprKind::Name(name) => *name,
            ExprKind::Selector { sel, .. } if !file.selections.contains_key(&e) => *sel,
            ExprKind::Index { x, .. } => {
                let x = file.ast.unparen(*x);
                match &file.ast.exprs[x].kind {
                    ExprKind::Name(name) => *name,
                    ExprKind::Selector { sel, .. } if !file.selections.contains_key(&x) => *sel,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let obj = self.obj_of(name)?;
        if !matches!(self.cx.store.obj(obj).kind, ObjKind::Func(_)) {
            return None;
        }
        let targs = self.instance_targs(name);
        Some(self.cx.func_instance(obj, &targs))
    }
    /// Type arguments at an identifier.
    pub(crate) fn instance_targs(&mut self, name: syntax::ast::NameId) -> Vec<Ty> {
        let file = self.file;
        match file.instances.get(&name) {
            Some(instance) => instance
                .targs
                .iter()
                .map(|&t| self.cx.ty(&self.env, t))
                .collect(),
            None => Vec::new(),
        }
    }

    fn index(&mut self, e: ExprId, x: ExprId, i: ExprId) -> Value {
        let file = self.file;
        if let Some(func) = self.func_of(e) {
            let ty = self.ty_of(e);
            return self.b.emit_value(Op::FuncVal(func), ty);
        }
        if let Some(sel) = file.selections.get(&file.ast.unparen(x)) {
            // A generic method, instantiated explicitly.
            if sel.kind == SelectionKind::Method
                && matches!(self.cx.store.obj(sel.obj).kind, ObjKind::Func(_))
            {
                return self.expr(x);
            }
        }
        let xt = self.ty_of(x);
        match self.cx.p.types.under(xt).clone() {
            TyKind::Map(..) => {
                self.set_pos(file.ast.exprs[e].pos);
                self.map_read(x, i)
            }
            TyKind::String => {
                let s = self.expr(x);
                let (index, unsigned) = self.index_value(i);
                self.set_pos(file.ast.exprs[e].pos);
                let len = self.extract(s, 1);
                self.bounds(index, len, mir::BoundKind::Index, unsigned);
                let base = self.extract(s, 0);
                let addr = self.index_addr(base, index, TypeTable::UINT8);
                let ty = self.ty_of(e);
                self.load(addr, ty)
            }
            TyKind::Array(elem, n) if !self.is_mem(x) => {
                let v = self.expr(x);
                let (index, unsigned) = self.index_value(i);
                self.set_pos(file.ast.exprs[e].pos);
                let len = self.iconst(n as i64);
                self.bounds(index, len, mir::BoundKind::Index, unsigned);
                if self.is_ssa(xt) {
                    if n == 0 {
                        return self.zero(elem);
                    }
                    return self.extract(v, 0);
                }
                let addr = self.index_addr(v, index, elem);
                self.load(addr, elem)
            }
            _ => {
                let place = self.index_place(e, x, i, false);
                self.set_pos(file.ast.exprs[e].pos);
                self.place_load(&place)
            }
        }
    }

    fn unary(&mut self, e: ExprId, op: UnaryOp, x: ExprId) -> Value {
        let file = self.file;
        match op {
            UnaryOp::Addr => {
                let inner = file.ast.unparen(x);
                if matches!(file.ast.exprs[inner].kind, ExprKind::CompositeLit { .. }) {
                    let ty = self.ty_of(inner);
                    self.set_pos(file.ast.exprs[e].span.lo);
                    return self.composite_ptr(inner, ty);
                }
                let ty = self.ty_of(e);
                let addr = self.addr(x, true);
                self.retype(addr, ty)
            }
            UnaryOp::Recv => self.receive(e, x),
            UnaryOp::Plus | UnaryOp::Tilde => self.expr(x),
            UnaryOp::Not => {
                let v = self.expr(x);
                self.not(v)
            }
            UnaryOp::Neg => {
                let v = self.expr(x);
                self.set_pos(file.ast.exprs[e].span.lo);
                self.neg(v)
            }
            UnaryOp::BitNot => {
                let v = self.expr(x);
                let ty = self.val_ty(v);
                self.b.emit_value(Op::Unary(mir::UnOp::BitNot, v), ty)
            }
        }
    }

    fn neg(&mut self, v: Value) -> Value {
        let ty = self.val_ty(v);
        match self.cx.p.types.under(ty) {
            TyKind::Complex64 | TyKind::Complex128 => {
                let (re, im) = (self.extract(v, 0), self.extract(v, 1));
                let (re, im) = (self.neg(re), self.neg(im));
                self.make(ty, &[re, im])
            }
            _ => self.b.emit_value(Op::Unary(mir::UnOp::Neg, v), ty),
        }
    }

    /// Jumps to `then` or `els` depending on a boolean expression.
    pub(crate) fn cond(&mut self, e: ExprId, then: Block, els: Block) {
        let file = self.file;
        if let Some(b) = self.const_bool(e) {
            self.ensure_reachable();
            self.b.jump(if b { then } else { els });
            return;
        }
        if !self.hoisted.contains_key(&e) {
            match &file.ast.exprs[e].kind {
                ExprKind::Paren(x) => return self.cond(*x, then, els),
                ExprKind::Unary {
                    op: UnaryOp::Not,
                    x,
                } => return self.cond(*x, els, then),
                ExprKind::Binary {
                    op: BinaryOp::AndAnd,
                    x,
                    y,
                } => {
                    let next = self.new_block();
                    self.cond(*x, next, els);
                    self.start_block(next);
                    return self.cond(*y, then, els);
                }
                ExprKind::Binary {
                    op: BinaryOp::OrOr,
                    x,
                    y,
                } => {
                    let next = self.new_block();
                    self.cond(*x, then, next);
                    self.start_block(next);
                    return self.cond(*y, then, els);
                }
                _ => {}
            }
        }
        self.prep(&[e]);
        let v = self.expr(e);
        self.ensure_reachable();
        self.branch(v, then, els);
    }

    fn binary(&mut self, e: ExprId, op: BinaryOp, x: ExprId, y: ExprId) -> Value {
        let file = self.file;
        match op {
            BinaryOp::AndAnd | BinaryOp::OrOr => {
                let ty = self.ty_of(e);
                match self.const_bool(x) {
                    Some(b) if b == (op == BinaryOp::AndAnd) => {
                        let v = self.expr(y);
                        return self.retype(v, ty);
                    }
                    Some(b) => return self.int(b as i64, ty),
                    None => {}
                }
                let (t, f, join) = (self.new_block(), self.new_block(), self.new_block());
                let var = self.b.new_var(ty);
                self.cond(e, t, f);
                self.start_block(t);
                let one = self.int(1, ty);
                self.b.def_var(var, one);
                self.b.jump(join);
                self.start_block(f);
                let zero = self.int(0, ty);
                self.b.def_var(var, zero);
                self.b.jump(join);
                self.start_block(join);
                self.b.use_var(var)
            }
            BinaryOp::Shl | BinaryOp::Shr => {
                let ty = self.ty_of(e);
                let a = self.expr_as(x, ty);
                self.shift(op, a, y, file.ast.exprs[e].pos)
            }
            _ if op.is_comparison() => self.comparison(e, op, x, y),
            BinaryOp::Add if self.is_string(e) => self.concat_expr(e),
            _ => {
                let ty = self.ty_of(e);
                let a = self.expr_as(x, ty);
                let b = self.expr_as(y, ty);
                self.set_pos(file.ast.exprs[e].pos);
                self.arith(op, a, b)
            }
        }
    }

    pub(crate) fn is_string(&mut self, e: ExprId) -> bool {
        let ty = self.ty_of(e);
        matches!(self.cx.p.types.under(ty), TyKind::String)
    }

    /// An operand as an SSA value or, for in-memory types, an address.
    pub(crate) fn cur_of(&mut self, v: Value, ty: Ty) -> Cur {
        if self.is_ssa(ty) {
            Cur::Val(v)
        } else {
            Cur::Mem(v)
        }
    }
}
