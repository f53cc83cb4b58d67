//! Switches over values and types.

use mir::{Block, BlockCall, CmpOp, Terminator, Ty, TyKind, TypeTable, Value};
use syntax::ast::{BinaryOp, ClauseId, ClauseKind, ExprId, StmtId};
use types::Mode;

use crate::func::{FnCx, Target};
use crate::tyconv::int_kind;

/// From this many constant integer cases on, one multi-way branch.
const MIN_INT_SWITCH: usize = 4;
/// From this many constant string cases on, the length is looked at first.
const MIN_STRING_SWITCH: usize = 6;

impl FnCx<'_, '_> {
    pub(crate) fn switch_stmt(
        &mut self,
        s: StmtId,
        init: Option<StmtId>,
        tag: Option<ExprId>,
        clauses: &[ClauseId],
    ) {
        if let Some(i) = init {
            self.stmt(i);
            self.ensure_reachable();
            self.hoisted.clear();
        }
        let file = self.file;
        let exit = self.new_block();
        let bodies: Vec<Block> = clauses.iter().map(|_| self.new_block()).collect();
        let default = clauses
            .iter()
            .position(|&c| matches!(file.ast.clauses[c].kind, ClauseKind::Default))
            .map_or(exit, |i| bodies[i]);
        let cases: Vec<(ExprId, Block)> = clauses
            .iter()
            .zip(&bodies)
            .flat_map(|(&c, &b)| match &file.ast.clauses[c].kind {
                ClauseKind::Case(list) => list.iter().map(|&e| (e, b)).collect::<Vec<_>>(),
                _ => Vec::new(),
            })
            .collect();
        match tag {
            None => {
                for &(e, body) in &cases {
                    self.hoisted.clear();
                    self.set_pos(file.ast.exprs[e].span.lo);
                    let next = self.new_block();
                    self.ensure_reachable();
                    let ty = self.ty_of(e);
                    if self.cx.p.types.is_interface(ty) {
                        // `case x` means `true == x`.
                        self.prep(&[e]);
                        let yes = self.bool(true);
                        let eq = self.compare_case(yes, TypeTable::BOOL, e);
                        self.branch(eq, body, next);
                    } else {
                        self.cond(e, body, next);
                    }
                    self.b.seal(next);
                    self.b.switch_to(next);
                }
                self.b.jump(default);
            }
            Some(tag) => self.tag_switch(tag, &cases, default),
        }
        self.clause_bodies(s, clauses, &bodies, exit);
    }

    fn clause_bodies(&mut self, s: StmtId, clauses: &[ClauseId], bodies: &[Block], exit: Block) {
        let file = self.file;
        self.targets.push(Target {
            stmt: s,
            brk: exit,
            cont: None,
        });
        let outer = self.fallthrough;
        let has_labels = self.analysis.nodes[self.node as usize].has_labels;
        for (i, &c) in clauses.iter().enumerate() {
            // A later body may be entered by fallthrough from this one, so it is sealed when it is started.
            self.b.seal(bodies[i]);
            if !self.reached(bodies[i]) && !has_labels {
                continue;
            }
            self.b.switch_to(bodies[i]);
            self.fallthrough = bodies.get(i + 1).copied();
            self.hoisted.clear();
            self.stmts(&file.ast.clauses[c].body);
            self.b.jump(exit);
        }
        self.fallthrough = outer;
        self.targets.pop();
        self.continue_in(exit);
    }

    fn tag_switch(&mut self, tag: ExprId, cases: &[(ExprId, Block)], default: Block) {
        self.prep(&[tag]);
        let mut ty = self.ty_of(tag);
        if let Some(c) = self.const_of(tag) {
            if self.cx.p.types.is_interface(ty) {
                ty = crate::consts::default_type(c);
            }
        }
        let v = if self.mode(tag) == Mode::Nil {
            self.zero(ty)
        } else {
            self.argument(tag, ty)
        };
        self.ensure_reachable();
        let constant = cases.iter().all(|&(e, _)| self.const_of(e).is_some());
        if let (Some(tag), true) = (self.const_of(tag), constant) {
            // Only one clause is code: gc's programs may call functions that do not exist in the others.
            let taken = cases.iter().find(|&&(e, _)| {
                let case = self.const_of(e);
                case.and_then(|c| tag.compare(BinaryOp::Eq, c)) == Some(true)
            });
            self.b.jump(taken.map_or(default, |t| t.1));
            return;
        }
        if constant && int_kind(&self.cx.p.types, ty).is_some() && cases.len() >= MIN_INT_SWITCH {
            let mut seen = base::FxHashSet::default();
            let mut list = Vec::new();
            for &(e, b) in cases {
                let n = crate::consts::int_bits(self.const_of(e).expect("constant"));
                let n = self.truncate(n, ty);
                if seen.insert(n) {
                    list.push((n, BlockCall::from(b)));
                }
            }
            self.b.terminate(Terminator::Switch {
                value: v,
                cases: list,
                default: default.into(),
            });
            return;
        }
        if constant
            && matches!(self.cx.p.types.under(ty), TyKind::String)
            && cases.len() >= MIN_STRING_SWITCH
        {
            self.string_switch(v, ty, cases, default);
            return;
        }
        for &(e, body) in cases {
            self.hoisted.clear();
            self.set_pos(self.file.ast.exprs[e].span.lo);
            self.prep(&[e]);
            let eq = self.compare_case(v, ty, e);
            self.ensure_reachable();
            let next = self.new_block();
            self.branch(eq, body, next);
            self.b.seal(next);
            self.b.switch_to(next);
        }
        self.b.jump(default);
    }

    /// The value as the switch instruction compares it: within the width of the type.
    fn truncate(&self, n: i64, ty: Ty) -> i64 {
        let Some(kind) = int_kind(&self.cx.p.types, ty) else {
            return n;
        };
        let shift = 64 - kind.size() as u32 * 8;
        (n << shift) >> shift
    }

    fn compare_case(&mut self, v: Value, ty: Ty, e: ExprId) -> Value {
        if self.mode(e) == Mode::Nil {
            let word = match self.cx.p.types.under(ty) {
                TyKind::Slice(_) | TyKind::Interface(_) => self.extract(v, 0),
                _ => v,
            };
            return self.is_nil(word);
        }
        let et = self.ty_of(e);
        let (tag_iface, case_iface) = (
            self.cx.p.types.is_interface(ty),
            self.cx.p.types.is_interface(et),
        );
        if tag_iface && !case_iface {
            let c = self.expr(e);
            return self.compare_mixed(CmpOp::Eq, v, ty, c, et);
        }
        if case_iface && !tag_iface {
            if self.const_of(e).is_some() {
                let c = self.expr_as(e, ty);
                return self.compare(CmpOp::Eq, v, c, ty);
            }
            let c = self.expr(e);
            return self.compare_mixed(CmpOp::Eq, c, et, v, ty);
        }
        if case_iface && et != ty {
            let empty = self.cx.p.types.empty_interface();
            let c = self.expr_as(e, empty);
            let v = self.convert_value(v, ty, empty);
            return self.compare(CmpOp::Eq, v, c, empty);
        }
        let c = self.expr_as(e, ty);
        self.compare(CmpOp::Eq, v, c, ty)
    }

    fn string_switch(&mut self, v: Value, ty: Ty, cases: &[(ExprId, Block)], default: Block) {
        let len = self.extract(v, 1);
        let mut by_len: Vec<(i64, Vec<(ExprId, Block)>)> = Vec::new();
        for &(e, b) in cases {
            let n = self
                .const_of(e)
                .and_then(|c| c.to_bytes())
                .map_or(0, |s| s.len()) as i64;
            match by_len.iter_mut().find(|g| g.0 == n) {
                Some(group) => group.1.push((e, b)),
                None => by_len.push((n, vec![(e, b)])),
            }
        }
        let blocks: Vec<Block> = by_len.iter().map(|_| self.new_block()).collect();
        let list = by_len
            .iter()
            .zip(&blocks)
            .map(|(g, &b)| (g.0, b.into()))
            .collect();
        self.b.terminate(Terminator::Switch {
            value: len,
            cases: list,
            default: default.into(),
        });
        for ((_, group), block) in by_len.into_iter().zip(blocks) {
            self.start_block(block);
            for (e, body) in group {
                let c = self.expr_as(e, ty);
                let eq = self.compare(CmpOp::Eq, v, c, ty);
                let next = self.new_block();
                self.branch(eq, body, next);
                self.b.seal(next);
                self.b.switch_to(next);
            }
            self.b.jump(default);
        }
    }

    // ---- type switches

    pub(crate) fn type_switch(
        &mut self,
        s: StmtId,
        init: Option<StmtId>,
        x: ExprId,
        clauses: &[ClauseId],
    ) {
        if let Some(i) = init {
            self.stmt(i);
            self.ensure_reachable();
            self.hoisted.clear();
        }
        let file = self.file;
        self.prep(&[x]);
        let have = self.ty_of(x);
        let v = self.expr(x);
        self.ensure_reachable();
        self.set_pos(file.ast.stmts[s].pos);
        let word = self.extract(v, 0);
        let mut typ = None;
        for &c in clauses {
            if let ClauseKind::Case(list) = &file.ast.clauses[c].kind {
                for &e in list {
                    if self.mode(e) != Mode::Nil {
                        let t = self.ty_of(e);
                        if self.cx.p.types.is_interface(t) && typ.is_none() {
                            typ = Some(self.dynamic_type(v, have));
                        }
                    }
                }
            }
        }
        let exit = self.new_block();
        let mut default = None;
        // (block, clause, bound value)
        let mut bodies: Vec<(Block, ClauseId, Option<(Value, Ty)>)> = Vec::new();
        for &c in clauses {
            let body = self.new_block();
            match &file.ast.clauses[c].kind {
                ClauseKind::Default => {
                    default = Some(body);
                    bodies.push((body, c, Some((v, have))));
                }
                ClauseKind::Case(list) => {
                    self.set_pos(file.ast.clauses[c].span.lo);
                    let single = list.len() == 1;
                    for &e in list {
                        let next = self.new_block();
                        let bound = self.type_case(v, have, word, typ, e, body, next, single);
                        if single {
                            bodies.push((body, c, bound));
                        }
                        self.b.seal(next);
                        self.b.switch_to(next);
                    }
                    if !single {
                        bodies.push((body, c, Some((v, have))));
                    }
                }
                ClauseKind::Comm(_) => {}
            }
        }
        self.b.jump(default.unwrap_or(exit));
        self.targets.push(Target {
            stmt: s,
            brk: exit,
            cont: None,
        });
        let outer = self.fallthrough.take();
        for (body, c, bound) in bodies {
            self.b.seal(body);
            if !self.reached(body) {
                continue;
            }
            self.b.switch_to(body);
            self.hoisted.clear();
            if let (Some(&var), Some((value, from))) = (file.clause_vars.get(&c), bound) {
                let ty = self.obj_ty(var);
                self.set_pos(file.ast.clauses[c].span.lo);
                let value = if from == have && ty != have {
                    // A concrete type: its value is in the interface.
                    self.iface_data(value, ty)
                } else {
                    value
                };
                self.declare_var(var, ty, Some(value));
            }
            self.stmts(&file.ast.clauses[c].body);
            self.b.jump(exit);
        }
        self.fallthrough = outer;
        self.targets.pop();
        self.continue_in(exit);
    }

    /// Tests for one case; returns what the clause's variable gets if it is the only case.
    fn type_case(
        &mut self,
        v: Value,
        have: Ty,
        word: Value,
        typ: Option<Value>,
        e: ExprId,
        body: Block,
        next: Block,
        single: bool,
    ) -> Option<(Value, Ty)> {
        if self.mode(e) == Mode::Nil {
            let nil = self.is_nil(word);
            self.branch(nil, body, next);
            return Some((v, have));
        }
        let want = self.ty_of(e);
        if !self.cx.p.types.is_interface(want) {
            let expected = self.type_test_word(have, want);
            let same = self.cmp(CmpOp::Eq, word, expected);
            self.branch(same, body, next);
            return Some((v, have));
        }
        let typ = typ.expect("computed for interface cases");
        let ptr = TypeTable::UNSAFE_POINTER;
        let nil = self.is_nil(typ);
        if self.cx.p.types.is_empty_interface(want) {
            let value = if single && have != want {
                let data = self.extract(v, 1);
                (self.make(want, &[typ, data]), want)
            } else {
                (v, have)
            };
            self.branch(nil, next, body);
            return Some(value);
        }
        let iface = self.cx.p.types.underlying(want);
        let test = self.new_block();
        self.branch(nil, next, test);
        self.start_block(test);
        let inter = self.type_desc(iface);
        let itab = self.rt_as("assertE2I2", &[inter, typ], ptr);
        let made = if single {
            let data = self.extract(v, 1);
            Some((self.make(want, &[itab, data]), want))
        } else {
            None
        };
        let missing = self.is_nil(itab);
        self.branch(missing, next, body);
        made.or(Some((v, have)))
    }
}
