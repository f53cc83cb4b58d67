//! `for range` over integers, arrays, slices, strings, maps and channels.

use mir::{Barrier, BinOp, Block, CmpOp, Op, Ty, TyKind, TypeTable, Value};
use syntax::ast::{ExprId, ExprKind, StmtId};
use types::ObjId;

use crate::func::{FnCx, Target};

/// Words of internal/runtime/maps.Iter.
const MAP_ITER_WORDS: u64 = 12;

/// The two variables of a range clause.
#[derive(Clone, Copy)]
pub(crate) struct Clause {
    pub key: Option<ExprId>,
    pub value: Option<ExprId>,
    /// `:=` with variables per iteration.
    pub define: bool,
}

impl FnCx<'_, '_> {
    pub(crate) fn range_stmt(
        &mut self,
        s: StmtId,
        key: Option<ExprId>,
        value: Option<ExprId>,
        define: bool,
        x: ExprId,
        body: StmtId,
    ) {
        let file = self.file;
        let blank = |e: &ExprId| !matches!(file.ast.exprs[*e].kind, ExprKind::Name(n) if file.ast.sym(n).is_blank());
        let (key, value) = (key.filter(blank), value.filter(blank));
        let xt = self.ty_of(x);
        let under = self.cx.p.types.under(xt).clone();
        if matches!(under, TyKind::Func(_)) {
            self.range_func(s, key, value, define, x, body);
            return;
        }
        let mut clause = Clause { key, value, define };
        if define && file.go_version < (1, 22) {
            // One variable for the whole loop.
            for e in [key, value].into_iter().flatten() {
                if let Some(obj) = self.range_obj(e) {
                    let ty = self.obj_ty(obj);
                    self.declare_var(obj, ty, None);
                }
            }
            clause.define = false;
        }
        self.loop_depth += 1;
        self.prep(&[x]);
        match under {
            TyKind::Int(_) => self.range_int(s, clause, x, body),
            TyKind::Array(elem, n) => self.range_array(s, clause, x, body, elem, n, false),
            TyKind::Pointer(arr) => {
                let TyKind::Array(elem, n) = *self.cx.p.types.under(arr) else {
                    unreachable!("range over pointer to array")
                };
                self.range_array(s, clause, x, body, elem, n, true);
            }
            TyKind::Slice(elem) => {
                let v = self.expr(x);
                let (base, len) = (self.extract(v, 0), self.extract(v, 1));
                self.range_elems(s, clause, base, len, elem, body);
            }
            TyKind::String => self.range_string(s, clause, x, body),
            TyKind::Map(k, e) => self.range_map(s, clause, x, body, xt, k, e),
            TyKind::Chan(_, elem) => self.range_chan(s, clause, x, body, elem),
            other => unreachable!("range over {other:?}"),
        }
        self.loop_depth -= 1;
    }

    fn range_obj(&self, e: ExprId) -> Option<ObjId> {
        match self.file.ast.exprs[e].kind {
            ExprKind::Name(n) => self.obj_of(n),
            _ => None,
        }
    }

    /// Lowers the body inside a loop whose next step is `cont` and whose end is `exit`.
    fn loop_body(&mut self, s: StmtId, body: StmtId, cont: Block, exit: Block) {
        self.targets.push(Target {
            stmt: s,
            brk: exit,
            cont: Some(cont),
        });
        self.hoisted.clear();
        self.stmt(body);
        self.targets.pop();
        self.b.jump(cont);
    }

    /// A loop over `i := 0; i < n; i++`, `n` evaluated. `each` binds variables from the index.
    fn index_loop(
        &mut self,
        s: StmtId,
        n: Value,
        body: StmtId,
        each: impl FnOnce(&mut Self, Value),
    ) {
        let ty = self.val_ty(n);
        let i = self.b.new_var(ty);
        let zero = self.int(0, ty);
        self.b.def_var(i, zero);
        let (head, inner, cont, exit) = (
            self.new_block(),
            self.new_block(),
            self.new_block(),
            self.new_block(),
        );
        self.b.jump(head);
        self.b.switch_to(head);
        let iv = self.b.use_var(i);
        let more = self.cmp(CmpOp::Lt, iv, n);
        self.b.branch(more, inner, exit);
        self.start_block(inner);
        each(self, iv);
        self.loop_body(s, body, cont, exit);
        self.b.seal(cont);
        if self.reached(cont) {
            self.b.switch_to(cont);
            let iv = self.b.use_var(i);
            let one = self.int(1, ty);
            let next = self.bin(BinOp::Add, iv, one);
            self.b.def_var(i, next);
            self.b.jump(head);
        }
        self.b.seal(head);
        self.start_block(exit);
    }

    fn range_int(&mut self, s: StmtId, c: Clause, x: ExprId, body: StmtId) {
        let mut ty = self.ty_of(x);
        if let Some(k) = c.key {
            if self.const_of(x).is_some() {
                ty = self.ty_of_target(k);
            }
        }
        let n = self.expr_as(x, ty);
        self.index_loop(s, n, body, |f, i| {
            if let Some(k) = c.key {
                f.bind(k, c.define, i, ty);
            }
        });
    }
    fn ty_of_target(&mut self, e: ExprId) -> Ty {
        match self.range_obj(e) {
            Some(obj) => self.obj_ty(obj),
            None => self.ty_of(e),
        }
    }

    fn range_array(
        &mut self,
        s: StmtId,
        c: Clause,
        x: ExprId,
        body: StmtId,
        elem: Ty,
        n: u64,
        pointer: bool,
    ) {
        let len = self.iconst(n as i64);
        if c.value.is_none() {
            // The operand is evaluated only if that may have effects.
            if self.may_call(x) {
                self.discard(x);
            }
            self.index_loop(s, len, body, |f, i| {
                if let Some(k) = c.key {
                    f.bind(k, c.define, i, TypeTable::INT);
                }
            });
            return;
        }
        let base = if pointer {
            let p = self.expr(x);
            if n > 0 {
                self.nil_check(p);
            }
            p
        } else {
            // The loop sees the array as it was.
            let ty = self.ty_of(x);
            let v = self.argument(x, ty);
            self.addressable(v, ty)
        };
        self.range_elems(s, c, base, len, elem, body);
    }

    fn range_elems(
        &mut self,
        s: StmtId,
        c: Clause,
        base: Value,
        len: Value,
        elem: Ty,
        body: StmtId,
    ) {
        self.index_loop(s, len, body, |f, i| {
            let v = c.value.map(|_| {
                let at = f.index_addr(base, i, elem);
                (f.load(at, elem), elem)
            });
            f.bind_pair([c.key, c.value], c.define, [Some((i, TypeTable::INT)), v]);
        });
    }

    fn range_string(&mut self, s: StmtId, c: Clause, x: ExprId, body: StmtId) {
        let int = TypeTable::INT;
        let rune_ty = TypeTable::INT32;
        // The bytes behind a conversion may change in the loop, so they are copied as written.
        let v = self.expr(x);
        let v = self.retype(v, TypeTable::STRING);
        let (base, len) = (self.extract(v, 0), self.extract(v, 1));
        let (at, rune, next) = (
            self.b.new_var(int),
            self.b.new_var(rune_ty),
            self.b.new_var(int),
        );
        let zero = self.iconst(0);
        self.b.def_var(at, zero);
        let (head, inner, cont, exit) = (
            self.new_block(),
            self.new_block(),
            self.new_block(),
            self.new_block(),
        );
        self.b.jump(head);
        self.b.switch_to(head);
        let i = self.b.use_var(at);
        let more = self.cmp(CmpOp::Lt, i, len);
        self.b.branch(more, inner, exit);
        self.start_block(inner);
        let addr = self.index_addr(base, i, TypeTable::UINT8);
        let byte = self.load(addr, TypeTable::UINT8);
        let r = self.b.emit_value(Op::Convert(byte), rune_ty);
        let one = self.iconst(1);
        let after = self.bin(BinOp::Add, i, one);
        self.b.def_var(rune, r);
        self.b.def_var(next, after);
        let limit = self.int(0x80, rune_ty);
        let ascii = self.cmp(CmpOp::Lt, r, limit);
        let (wide, bound) = (self.new_block(), self.new_block());
        self.b.branch(ascii, bound, wide);
        self.start_block(wide);
        let out = self.rt("decoderune", &[v, i]);
        self.b.def_var(rune, out[0]);
        self.b.def_var(next, out[1]);
        self.b.jump(bound);
        self.start_block(bound);
        let (i, r) = (self.b.use_var(at), self.b.use_var(rune));
        self.bind_pair(
            [c.key, c.value],
            c.define,
            [Some((i, int)), Some((r, rune_ty))],
        );
        self.loop_body(s, body, cont, exit);
        self.b.seal(cont);
        if self.reached(cont) {
            self.b.switch_to(cont);
            let n = self.b.use_var(next);
            self.b.def_var(at, n);
            self.b.jump(head);
        }
        self.b.seal(head);
        self.start_block(exit);
    }

    fn range_map(
        &mut self,
        s: StmtId,
        c: Clause,
        x: ExprId,
        body: StmtId,
        map_ty: Ty,
        key_ty: Ty,
        elem: Ty,
    ) {
        let ptr = TypeTable::UNSAFE_POINTER;
        let m = self.expr(x);
        let iter_ty = self.cx.p.types.array(ptr, MAP_ITER_WORDS);
        let it = self.temp(iter_ty);
        self.b.emit(Op::ZeroMem {
            dst: it,
            ty: iter_ty,
            barrier: Barrier::No,
        });
        let t = self.type_desc(map_ty);
        self.rt("mapIterStart", &[t, m, it]);
        let (head, inner, cont, exit) = (
            self.new_block(),
            self.new_block(),
            self.new_block(),
            self.new_block(),
        );
        self.b.jump(head);
        self.b.switch_to(head);
        let k = self.load(it, ptr);
        let done = self.is_nil(k);
        self.b.branch(done, exit, inner);
        self.start_block(inner);
        let kv = c.key.map(|_| {
            let p = self.ptr_to(key_ty);
            let k = self.retype(k, p);
            (self.load(k, key_ty), key_ty)
        });
        let ev = c.value.map(|_| {
            let at = self.offset(it, 8, ptr);
            let e = self.load(at, ptr);
            (self.load(e, elem), elem)
        });
        self.bind_pair([c.key, c.value], c.define, [kv, ev]);
        self.loop_body(s, body, cont, exit);
        self.b.seal(cont);
        if self.reached(cont) {
            self.b.switch_to(cont);
            self.rt("mapIterNext", &[it]);
            self.b.jump(head);
        }
        self.b.seal(head);
        self.start_block(exit);
    }

    fn range_chan(&mut self, s: StmtId, c: Clause, x: ExprId, body: StmtId, elem: Ty) {
        let ch = self.expr(x);
        let t = self.temp(elem);
        let (head, inner, exit) = (self.new_block(), self.new_block(), self.new_block());
        self.b.jump(head);
        self.b.switch_to(head);
        self.forget(t, elem);
        let ok = self.rt1("chanrecv2", &[ch, t]);
        self.b.branch(ok, inner, exit);
        self.start_block(inner);
        if let Some(k) = c.key {
            let v = self.load(t, elem);
            self.bind(k, c.define, v, elem);
        }
        self.forget(t, elem);
        self.loop_body(s, body, head, exit);
        self.b.seal(head);
        self.start_block(exit);
    }
}
