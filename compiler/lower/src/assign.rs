//! Assignments.

use mir::{Barrier, Ty, TyKind, Value};
use smallvec::SmallVec;
use syntax::ast::{BinaryOp, ExprId, ExprKind, StmtId};
use types::{Mode, ObjId};

use crate::func::FnCx;
use crate::vars::Place;

impl FnCx<'_, '_> {
    fn is_blank(&self, e: ExprId) -> bool {
        let e = self.file.ast.unparen(e);
        matches!(self.file.ast.exprs[e].kind, ExprKind::Name(n) if self.file.ast.sym(n).is_blank())
    }

    /// Operands of an assignable expression, for hoisting.
    fn place_operands(&self, e: ExprId, out: &mut SmallVec<[ExprId; 8]>) {
        let ast = &self.file.ast;
        match &ast.exprs[e].kind {
            ExprKind::Paren(x) => self.place_operands(*x, out),
            ExprKind::Star(x) => out.push(*x),
            ExprKind::Selector { x, .. } if self.file.selections.contains_key(&e) => {
                self.place_operands_inner(*x, out)
            }
            ExprKind::Index { x, indices } => {
                self.place_operands_inner(*x, out);
                out.extend(indices.iter().copied());
            }
            _ => {}
        }
    }
    fn place_operands_inner(&self, e: ExprId, out: &mut SmallVec<[ExprId; 8]>) {
        out.push(e);
    }

    pub(crate) fn assign(&mut self, s: StmtId, lhs: &[ExprId], rhs: &[ExprId]) {
        let pos = self.file.ast.stmts[s].pos;
        if let ([l], [r]) = (lhs, rhs) {
            self.assign_one(*l, *r, pos);
            return;
        }
        let mut operands: SmallVec<[ExprId; 8]> = SmallVec::new();
        for &l in lhs {
            self.place_operands(l, &mut operands);
        }
        if lhs.len() == rhs.len() {
            operands.extend(rhs.iter().copied());
            self.prep(&operands);
            // Phase one: operands of the left side, values of the right side.
            let places: Vec<Place> = lhs.iter().map(|&l| self.place(l)).collect();
            let mut values: Vec<Option<Value>> = Vec::new();
            for (place, &r) in places.iter().zip(rhs) {
                values.push(match self.place_ty(place) {
                    Some(ty) => Some(self.argument(r, ty)),
                    None => {
                        if self.mode(r) != Mode::Nil {
                            self.discard_value(r);
                        }
                        None
                    }
                });
            }
            // Phase two: stores from left to right.
            for ((place, v), &l) in places.iter().zip(values).zip(lhs) {
                if let Some(v) = v {
                    self.set_pos(self.file.ast.exprs[l].span.lo);
                    self.place_store(place, v);
                }
            }
            return;
        }
        // a, b = f() and comma-ok forms.
        self.prep_multi(&operands, rhs[0]);
        let types = self.multi_types(rhs[0]);
        let values = self.expr_multi(rhs[0]);
        self.ensure_reachable();
        let values = self.keep_memory(values, &types);
        let places: Vec<Place> = lhs.iter().map(|&l| self.place(l)).collect();
        for ((place, v), from) in places.iter().zip(values).zip(types) {
            if let Some(ty) = self.place_ty(place) {
                let v = self.assign_conv(v, from, ty);
                self.set_pos(pos);
                self.place_store(place, v);
            }
        }
    }

    fn prep_multi(&mut self, operands: &[ExprId], rhs: ExprId) {
        if operands.iter().any(|&e| self.may_call(e)) {
            for &e in operands {
                self.hoist(e);
            }
        }
        self.prep(&[rhs]);
    }

    /// In-memory values of a call are copied before other calls run.
    fn keep_memory(&mut self, values: SmallVec<[Value; 2]>, types: &[Ty]) -> SmallVec<[Value; 2]> {
        values
            .into_iter()
            .zip(types)
            .map(|(v, &ty)| {
                if self.is_ssa(ty) {
                    v
                } else {
                    let t = self.temp(ty);
                    self.store_with(t, v, ty, Barrier::No);
                    t
                }
            })
            .collect()
    }

    /// The value of an expression assigned to `_`: evaluated, with its panics.
    fn discard_value(&mut self, e: ExprId) {
        self.discard(e);
    }

    fn assign_one(&mut self, l: ExprId, r: ExprId, pos: source::Pos) {
        if self.is_blank(l) {
            if self.mode(r) != Mode::Nil {
                self.prep(&[r]);
                self.discard_value(r);
            }
            return;
        }
        let mut operands: SmallVec<[ExprId; 8]> = SmallVec::new();
        self.place_operands(l, &mut operands);
        let simple = operands.is_empty();
        if simple {
            self.prep(&[r]);
        } else {
            operands.push(r);
            self.prep(&operands);
        }
        let ty = self.ty_of(l);
        if self.is_ssa(ty) {
            // Map operands come before the value, other places after it.
            let is_map = self.is_map_index(l);
            if is_map {
                let place = self.place(l);
                let v = self.expr_as(r, ty);
                self.set_pos(pos);
                self.place_store(&place, v);
                return;
            }
            let v = self.expr_as(r, ty);
            self.ensure_reachable();
            let place = self.place(l);
            self.set_pos(pos);
            self.place_store(&place, v);
            return;
        }
        let v = if self.needs_copy(r) {
            self.argument(r, ty)
        } else {
            self.expr_as(r, ty)
        };
        self.ensure_reachable();
        let place = self.place(l);
        self.set_pos(pos);
        self.place_store(&place, v);
    }

    fn is_map_index(&mut self, e: ExprId) -> bool {
        let e = self.file.ast.unparen(e);
        match &self.file.ast.exprs[e].kind {
            ExprKind::Index { x, .. } => {
                let t = self.ty_of(*x);
                matches!(self.cx.p.types.under(t), TyKind::Map(..))
            }
            _ => false,
        }
    }

    /// Whether an in-memory value might overlap its destination partly, or change while it is stored.
    fn needs_copy(&self, e: ExprId) -> bool {
        let e = self.file.ast.unparen(e);
        match &self.file.ast.exprs[e].kind {
            // Variables, fields and elements are the destination or disjoint from it.
            ExprKind::Name(_) | ExprKind::Selector { .. } | ExprKind::Index { .. } => false,
            ExprKind::Star(_) => true,
            ExprKind::Call { .. } => false,
            _ => true,
        }
    }

    pub(crate) fn inc_dec(&mut self, s: StmtId, x: ExprId, inc: bool) {
        let pos = self.file.ast.stmts[s].pos;
        let mut operands: SmallVec<[ExprId; 8]> = SmallVec::new();
        self.place_operands(x, &mut operands);
        self.prep(&operands);
        let op = if inc { BinaryOp::Add } else { BinaryOp::Sub };
        self.update(
            x,
            pos,
            true,
            |_, _| (),
            |f, old, ty, ()| {
                let one = f.constant(&types::constant::ConstValue::Int(1), ty);
                f.arith(op, old, one)
            },
        );
    }

    pub(crate) fn op_assign(&mut self, s: StmtId, l: ExprId, op: BinaryOp, r: ExprId) {
        let pos = self.file.ast.stmts[s].pos;
        let mut operands: SmallVec<[ExprId; 8]> = SmallVec::new();
        self.place_operands(l, &mut operands);
        operands.push(r);
        self.prep(&operands);
        // The variable is read after the calls of the operand.
        if self.may_call(r) {
            self.hoist(r);
        }
        if op.is_shift() {
            self.update(
                l,
                pos,
                false,
                |_, _| (),
                |f, old, _, ()| f.shift(op, old, r, pos),
            );
            return;
        }
        let in_place = !matches!(op, BinaryOp::Div | BinaryOp::Rem);
        self.update(
            l,
            pos,
            in_place,
            |f, ty| f.expr_as(r, ty),
            |f, old, ty, b| {
                f.set_pos(pos);
                if op == BinaryOp::Add && matches!(f.cx.p.types.under(ty), TyKind::String) {
                    return f.concat(&[old, b], ty);
                }
                f.arith(op, old, b)
            },
        );
    }

    /// Replaces a place's value; its operands are evaluated once. A map element is changed where it lies if
    /// `in_place`; an operation that may panic must not, for it would leave a new entry behind.
    fn update<T>(
        &mut self,
        x: ExprId,
        pos: source::Pos,
        in_place: bool,
        operand: impl FnOnce(&mut Self, Ty) -> T,
        new: impl FnOnce(&mut Self, Value, Ty, T) -> Value,
    ) {
        let place = self.place(x);
        let Some(ty) = self.place_ty(&place) else {
            return;
        };
        self.set_pos(pos);
        match &place {
            Place::Map(m) if in_place => {
                let m = m.clone();
                // Before the address is taken: the operand's evaluation may change the map.
                let operand = operand(self, ty);
                self.set_pos(pos);
                let slot = self.map_assign(&m);
                let old = self.load(slot, ty);
                let v = new(self, old, ty, operand);
                self.store(slot, v, ty);
            }
            Place::Map(m) => {
                let m = m.clone();
                let old = self.map_get(&m);
                let operand = operand(self, ty);
                let v = new(self, old, ty, operand);
                self.set_pos(pos);
                self.map_set(&m, v);
            }
            Place::Index { .. } => {
                let addr = self.place_addr(&place);
                let old = self.load(addr, ty);
                let operand = operand(self, ty);
                let v = new(self, old, ty, operand);
                self.store(addr, v, ty);
            }
            _ => {
                let old = self.place_load(&place);
                let operand = operand(self, ty);
                let v = new(self, old, ty, operand);
                self.place_store(&place, v);
            }
        }
    }

    /// `a, b := x, y`
    pub(crate) fn define(&mut self, s: StmtId, lhs: &[ExprId], rhs: &[ExprId]) {
        let pos = self.file.ast.stmts[s].pos;
        let objs: Vec<Option<ObjId>> = lhs.iter().map(|&l| self.defined_obj(l)).collect();
        let fresh: Vec<bool> = objs
            .iter()
            .zip(lhs)
            .map(|(o, &l)| match o {
                Some(o) => self.cx.store.obj(*o).pos == self.name_pos(l),
                None => true,
            })
            .collect();
        if fresh.iter().all(|&f| f) {
            self.declare_all(&objs, rhs);
            return;
        }
        // Some are assigned: evaluate everything first.
        self.prep(rhs);
        let mut values: Vec<(Value, Ty)> = Vec::new();
        if lhs.len() == rhs.len() {
            for (obj, &r) in objs.iter().zip(rhs) {
                match obj {
                    Some(obj) => {
                        let ty = self.obj_ty(*obj);
                        values.push((self.argument(r, ty), ty));
                    }
                    None => {
                        let ty = self.ty_of(r);
                        values.push((self.argument(r, ty), ty));
                    }
                }
            }
        } else {
            let types = self.multi_types(rhs[0]);
            let vals = self.expr_multi(rhs[0]);
            self.ensure_reachable();
            for ((v, from), obj) in vals.into_iter().zip(types).zip(&objs) {
                let ty = match obj {
                    Some(obj) => self.obj_ty(*obj),
                    None => from,
                };
                values.push((self.assign_conv(v, from, ty), ty));
            }
        }
        for (((obj, fresh), (v, ty)), &l) in objs.iter().zip(fresh).zip(values).zip(lhs) {
            let Some(obj) = obj else { continue };
            self.set_pos(pos);
            if fresh {
                self.declare_var(*obj, ty, Some(v));
            } else {
                let place = self.place(l);
                self.place_store(&place, v);
            }
        }
    }

    fn defined_obj(&self, e: ExprId) -> Option<ObjId> {
        match self.file.ast.exprs[self.file.ast.unparen(e)].kind {
            ExprKind::Name(n) => self.obj_of(n),
            _ => None,
        }
    }
    fn name_pos(&self, e: ExprId) -> source::Pos {
        match self.file.ast.exprs[self.file.ast.unparen(e)].kind {
            ExprKind::Name(n) => self.file.ast.names[n].pos,
            _ => source::Pos::NONE,
        }
    }

    /// Gives the variables of a range clause their values: all operands on the left are evaluated before any is assigned.
    pub(crate) fn bind_pair(
        &mut self,
        targets: [Option<ExprId>; 2],
        define: bool,
        values: [Option<(Value, Ty)>; 2],
    ) {
        let pairs: SmallVec<[(ExprId, Value, Ty); 2]> = targets
            .into_iter()
            .zip(values)
            .filter_map(|(e, v)| Some((e?, v?.0, v?.1)))
            .collect();
        if define || pairs.len() < 2 {
            for (e, v, ty) in pairs {
                self.bind(e, define, v, ty);
            }
            return;
        }
        let places: SmallVec<[Place; 2]> = pairs.iter().map(|p| self.place(p.0)).collect();
        for (place, (_, v, from)) in places.iter().zip(pairs) {
            if let Some(ty) = self.place_ty(place) {
                let v = self.assign_conv(v, from, ty);
                self.place_store(place, v);
            }
        }
    }

    /// Declares or assigns the variable that a range or receive clause gives a value.
    pub(crate) fn bind(&mut self, e: ExprId, define: bool, v: Value, from: Ty) {
        if self.is_blank(e) {
            return;
        }
        if define {
            if let Some(obj) = self.defined_obj(e) {
                let ty = self.obj_ty(obj);
                let v = self.assign_conv(v, from, ty);
                self.declare_var(obj, ty, Some(v));
                return;
            }
        }
        let place = self.place(e);
        if let Some(ty) = self.place_ty(&place) {
            let v = self.assign_conv(v, from, ty);
            self.place_store(&place, v);
        }
    }
}
