//! Statements: blocks, control flow, returns.

use base::Symbol;
use mir::{Block, Op, Terminator, Ty, TypeTable, Value};
use smallvec::SmallVec;
use syntax::ast::{BranchKind, DeclKind, ExprId, ExprKind, StmtId, StmtKind};
use types::ObjId;

use crate::analysis::{Exit, VarKey};
use crate::func::{FnCx, Target};

impl FnCx<'_, '_> {
    pub(crate) fn stmts(&mut self, list: &[StmtId]) {
        let labels = self.analysis.nodes[self.node as usize].has_labels;
        for &s in list {
            if !self.b.is_reachable() && !labels {
                return;
            }
            self.stmt(s);
        }
    }

    pub(crate) fn stmt(&mut self, s: StmtId) {
        let file = self.file;
        if !self.b.is_reachable() {
            if !self.analysis.nodes[self.node as usize].has_labels {
                return;
            }
            self.b.unreachable_block();
        }
        self.hoisted.clear();
        self.set_pos(file.ast.stmts[s].pos);
        match &file.ast.stmts[s].kind {
            StmtKind::Bad | StmtKind::Empty { .. } => {}
            StmtKind::Decl(decls) => {
                for &d in decls {
                    if let DeclKind::Var { names, values, .. } = &file.ast.decl_arena[d].kind {
                        let objs: Vec<Option<ObjId>> =
                            names.iter().map(|&n| self.obj_of(n)).collect();
                        self.var_decl(&objs, values);
                    }
                }
            }
            // Nothing refers to a blank label, and there may be many.
            StmtKind::Labeled { label, stmt } if file.ast.sym(*label).is_blank() => {
                self.stmt(*stmt);
            }
            StmtKind::Labeled { label, stmt } => {
                let block = self.label_block(file.ast.sym(*label));
                self.b.jump(block);
                self.b.switch_to(block);
                // A backward goto may make a loop of all that follows, not only of the labelled statement.
                let label = file.ast.sym(*label);
                if self.analysis.nodes[self.node as usize]
                    .goto_labels
                    .contains(&label)
                {
                    self.loop_depth += 1;
                }
                self.stmt(*stmt);
            }
            StmtKind::Expr(e) => {
                self.prep(&[*e]);
                self.discard(*e);
            }
            StmtKind::Send { chan, value } => self.send(s, *chan, *value),
            StmtKind::IncDec { x, inc } => self.inc_dec(s, *x, *inc),
            StmtKind::Assign {
                lhs,
                op: Some(op),
                rhs,
            } => self.op_assign(s, lhs[0], *op, rhs[0]),
            StmtKind::Assign { lhs, op: None, rhs } => self.assign(s, lhs, rhs),
            StmtKind::Define { lhs, rhs } => self.define(s, lhs, rhs),
            StmtKind::Go(e) => self.go_stmt(s, *e),
            StmtKind::Defer(e) => self.defer_stmt(s, *e),
            StmtKind::Return(results) => self.return_stmt(s, results),
            StmtKind::Branch { kind, label } => {
                self.branch_stmt(s, *kind, label.map(|l| file.ast.sym(l)))
            }
            StmtKind::Block { stmts, .. } => self.stmts(stmts),
            StmtKind::If {
                init,
                cond,
                then,
                els,
            } => self.if_stmt(*init, *cond, *then, *els),
            StmtKind::Switch {
                init, tag, clauses, ..
            } => self.switch_stmt(s, *init, *tag, clauses),
            StmtKind::TypeSwitch {
                init, x, clauses, ..
            } => self.type_switch(s, *init, *x, clauses),
            StmtKind::Select { clauses, .. } => self.select_stmt(s, clauses),
            StmtKind::For {
                init,
                cond,
                post,
                body,
            } => self.for_stmt(s, *init, *cond, *post, *body),
            StmtKind::Range {
                key,
                value,
                extra: _,
                define,
                x,
                body,
            } => self.range_stmt(s, *key, *value, *define, *x, *body),
        }
    }

    pub(crate) fn label_block(&mut self, label: Symbol) -> Block {
        if let Some(&b) = self.labels.get(&label) {
            return b;
        }
        let b = self.new_block();
        self.labels.insert(label, b);
        b
    }

    /// `var a, b T = x, y`
    fn var_decl(&mut self, objs: &[Option<ObjId>], values: &[ExprId]) {
        if values.is_empty() {
            for obj in objs.iter().flatten() {
                let ty = self.obj_ty(*obj);
                self.declare_var(*obj, ty, None);
            }
            return;
        }
        self.declare_all(objs, values);
    }

    /// Declares variables with initial values.
    pub(crate) fn declare_all(&mut self, objs: &[Option<ObjId>], values: &[ExprId]) {
        if objs.len() == values.len() {
            self.prep(values);
            if let ([obj], [value]) = (objs, values) {
                match obj {
                    Some(obj) => {
                        let ty = self.obj_ty(*obj);
                        self.declare_from(*obj, ty, *value);
                    }
                    None => self.discard(*value),
                }
                return;
            }
            let mut vals: Vec<Option<(Value, Ty)>> = Vec::new();
            for (obj, &value) in objs.iter().zip(values) {
                vals.push(match obj {
                    Some(obj) => {
                        let ty = self.obj_ty(*obj);
                        Some((self.argument(value, ty), ty))
                    }
                    None => {
                        self.discard(value);
                        None
                    }
                });
            }
            for (obj, v) in objs.iter().zip(vals) {
                if let (Some(obj), Some((v, ty))) = (obj, v) {
                    self.declare_var(*obj, ty, Some(v));
                }
            }
            return;
        }
        self.prep(values);
        let types = self.multi_types(values[0]);
        let vals = self.expr_multi(values[0]);
        for ((obj, v), from) in objs.iter().zip(vals).zip(types) {
            if let Some(obj) = obj {
                let ty = self.obj_ty(*obj);
                let v = self.assign_conv(v, from, ty);
                self.declare_var(*obj, ty, Some(v));
            }
        }
    }

    fn if_stmt(&mut self, init: Option<StmtId>, cond: ExprId, then: StmtId, els: Option<StmtId>) {
        if let Some(i) = init {
            self.stmt(i);
            self.ensure_reachable();
        }
        self.set_pos(self.file.ast.exprs[cond].span.lo);
        if let Some(b) = self.const_bool(cond) {
            // The other branch is not even lowered: what it mentions is not reached by it.
            if b {
                self.stmt(then);
            } else if let Some(e) = els {
                self.stmt(e);
            }
            return;
        }
        let (t, join) = (self.new_block(), self.new_block());
        let e = if els.is_some() {
            self.new_block()
        } else {
            join
        };
        self.cond(cond, t, e);
        self.b.seal(t);
        if self.reached(t) {
            self.b.switch_to(t);
            self.stmt(then);
            self.b.jump(join);
        }
        if let Some(els) = els {
            self.b.seal(e);
            if self.reached(e) {
                self.b.switch_to(e);
                self.stmt(els);
                self.b.jump(join);
            }
        }
        self.b.seal(join);
        if self.reached(join) {
            self.b.switch_to(join);
        }
    }

    /// Whether anything jumps to a block.
    pub(crate) fn reached(&self, block: Block) -> bool {
        self.b.has_predecessors(block)
    }
    /// Continues in `block` if something jumps to it.
    pub(crate) fn continue_in(&mut self, block: Block) {
        debug_assert!(!self.b.is_reachable());
        self.b.seal(block);
        if self.reached(block) {
            self.b.switch_to(block);
        }
    }

    fn for_stmt(
        &mut self,
        s: StmtId,
        init: Option<StmtId>,
        cond: Option<ExprId>,
        post: Option<StmtId>,
        body: StmtId,
    ) {
        let file = self.file;
        let mut renewed: SmallVec<[(ObjId, Ty); 2]> = SmallVec::new();
        if let Some(i) = init {
            self.stmt(i);
            self.ensure_reachable();
            if let (StmtKind::Define { lhs, .. }, true) =
                (&file.ast.stmts[i].kind, file.go_version >= (1, 22))
            {
                for &l in lhs {
                    let ExprKind::Name(name) = file.ast.exprs[l].kind else {
                        continue;
                    };
                    if let Some(obj) = self.obj_of(name) {
                        let ty = self.obj_ty(obj);
                        if self.is_boxed(obj, ty) {
                            renewed.push((obj, ty));
                        }
                    }
                }
            }
        }
        let (head, inner, cont, exit) = (
            self.new_block(),
            self.new_block(),
            self.new_block(),
            self.new_block(),
        );
        self.b.jump(head);
        self.b.switch_to(head);
        self.loop_depth += 1;
        match cond {
            Some(c) => {
                self.hoisted.clear();
                self.set_pos(file.ast.exprs[c].span.lo);
                self.cond(c, inner, exit);
            }
            None => self.b.jump(inner),
        }
        self.b.seal(inner);
        if self.reached(inner) {
            self.b.switch_to(inner);
            self.targets.push(Target {
                stmt: s,
                brk: exit,
                cont: Some(cont),
            });
            self.stmt(body);
            self.targets.pop();
            self.b.jump(cont);
        }
        self.b.seal(cont);
        if self.reached(cont) {
            self.b.switch_to(cont);
            for (obj, ty) in renewed {
                self.renew(obj, ty);
            }
            if let Some(p) = post {
                self.stmt(p);
            }
            self.b.jump(head);
        }
        self.loop_depth -= 1;
        self.b.seal(head);
        self.b.seal(exit);
        if self.reached(exit) {
            self.b.switch_to(exit);
        }
    }

    fn branch_stmt(&mut self, s: StmtId, kind: BranchKind, label: Option<Symbol>) {
        match kind {
            BranchKind::Fallthrough => {
                if let Some(next) = self.fallthrough {
                    self.b.jump(next);
                }
            }
            BranchKind::Goto => {
                let Some(label) = label else { return };
                if self.exits_body(Exit::Goto(label)) {
                    self.leave_body(Exit::Goto(label));
                    return;
                }
                let block = self.label_block(label);
                self.b.jump(block);
            }
            BranchKind::Break | BranchKind::Continue => {
                let Some(&target) = self.analysis.targets.get(&s) else {
                    return;
                };
                self.jump_target(target, kind == BranchKind::Break);
            }
        }
    }

    /// `break` or `continue` of a statement.
    pub(crate) fn jump_target(&mut self, target: StmtId, is_break: bool) {
        if let Some(t) = self
            .targets
            .iter()
            .rev()
            .find(|t| t.stmt == target)
            .copied()
        {
            let block = if is_break {
                t.brk
            } else {
                t.cont.unwrap_or(t.brk)
            };
            self.b.jump(block);
            return;
        }
        if self.body_of.range == Some(target) {
            if is_break {
                self.range_body_break();
            } else {
                self.range_body_continue();
            }
            return;
        }
        self.leave_body(if is_break {
            Exit::Break(target)
        } else {
            Exit::Continue(target)
        });
    }

    fn exits_body(&self, exit: Exit) -> bool {
        self.body_of.range.is_some()
            && self.analysis.nodes[self.node as usize]
                .exits
                .contains(&exit)
    }

    // ---- return

    fn return_stmt(&mut self, s: StmtId, results: &[ExprId]) {
        let pos = self.file.ast.stmts[s].pos;
        let (types, keys) = self.owner_results();
        let values: Option<Vec<Value>> = if results.is_empty() {
            None
        } else if results.len() == types.len() {
            let converted: Vec<Option<Ty>> = types.iter().copied().map(Some).collect();
            self.prep_converted(results, &converted);
            let copy = results.len() > 1 || keys.is_some();
            let mut out = Vec::new();
            for (&e, &ty) in results.iter().zip(&types) {
                let v = if copy {
                    self.argument(e, ty)
                } else {
                    self.expr_as(e, ty)
                };
                out.push(v);
            }
            Some(out)
        } else {
            let from = self.multi_types(results[0]);
            let vals = self.expr_multi(results[0]);
            let mut out = Vec::new();
            for ((v, from), &ty) in vals.into_iter().zip(from).zip(&types) {
                out.push(self.assign_conv(v, from, ty));
            }
            Some(out)
        };
        self.ensure_reachable();
        self.set_pos(pos);
        if let Some(keys) = keys {
            if let Some(values) = values {
                for ((key, v), ty) in keys.iter().zip(values).zip(&types) {
                    self.write_var(*key, v, *ty);
                }
            }
            if self.body_of.range.is_some() {
                self.leave_body(Exit::Return);
            } else {
                self.return_results();
            }
            return;
        }
        if self.body_of.range.is_some() {
            // No results to store.
            self.leave_body(Exit::Return);
            return;
        }
        let values = values.unwrap_or_default();
        self.b
            .terminate(Terminator::Return(values.into_iter().collect()));
    }

    /// Result types and variables of the function that a return statement returns from.
    fn owner_results(&mut self) -> (Vec<Ty>, Option<Vec<VarKey>>) {
        if self.body_of.range.is_none() {
            return (self.results.clone(), self.result_keys.clone());
        }
        let owner = self.analysis.nodes[self.node as usize].owner;
        let objs = self.analysis.nodes[owner as usize].results.clone();
        let types = objs.iter().map(|&o| self.obj_ty(o)).collect();
        (types, Some(objs.into_iter().map(VarKey::Obj).collect()))
    }

    /// Returns the current values of the result variables; runs deferred calls first.
    pub(crate) fn return_results(&mut self) {
        if self.has_defer {
            let frame = if self.b.body.recover_block.is_some()
                && self.b.body.recover_block == self.b.current()
            {
                // Entered from any call of the frame, or from an instruction that faulted: no value computed before may be used.
                let g = self.b.emit_value(Op::GetG, TypeTable::UNSAFE_POINTER);
                let at = self.offset(g, abi::g::PANIC_ARG0 as u64, TypeTable::UINTPTR);
                self.b.emit_value(Op::Load(at), TypeTable::UINTPTR)
            } else {
                self.b.emit_value(Op::FramePointer, TypeTable::UINTPTR)
            };
            self.rt("deferreturn", &[frame]);
        }
        let types = self.results.clone();
        let values: SmallVec<[Value; 2]> = match self.result_keys.clone() {
            Some(keys) => keys
                .iter()
                .zip(&types)
                .map(|(k, ty)| self.read_var(*k, *ty))
                .collect(),
            // Falls off the end: only reached if there are no results, or never.
            None => types.iter().map(|&ty| self.zero(ty)).collect(),
        };
        self.b.terminate(Terminator::Return(values));
    }

    /// Where execution continues after a panic was recovered.
    pub(crate) fn recover_block(&mut self) {
        let block = self.new_block();
        self.b.seal(block);
        if self.b.is_reachable() {
            self.b.terminate(Terminator::Unreachable);
        }
        self.b.body.recover_block = Some(block);
        self.b.mark_cold(block);
        self.b.switch_to(block);
        self.return_results();
    }
}
