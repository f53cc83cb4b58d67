//! `for range` over functions.
//!
//! The body becomes a closure that the iterator calls. Jumps out of it, returns included, store a code in a variable
//! of the owner function (`Next`), mark the loop done and make the closure return false; after the iterator has
//! returned, the code decides where to go. A state per loop catches iterators that misuse the closure (the
//! states are internal/abi's `RF_*`).

use mir::{Barrier, Callee, CmpOp, FuncFlags, Op, Terminator, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::{ExprId, StmtId};

use crate::analysis::{Exit, VarKey};
use crate::func::FnCx;
use crate::vars::VarLoc;

const RF_DONE: i64 = 0;
const RF_READY: i64 = 1;
const RF_PANIC: i64 = 2;
const RF_EXHAUSTED: i64 = 3;
const RF_MISSING_PANIC: i64 = 4;

impl<'a> FnCx<'_, 'a> {
    pub(crate) fn range_func(
        &mut self,
        s: StmtId,
        key: Option<ExprId>,
        value: Option<ExprId>,
        define: bool,
        x: ExprId,
        body: StmtId,
    ) {
        let file = self.file;
        let pos = file.ast.stmts[s].pos;
        let Some(&node) = self.analysis.ranges.get(&s) else {
            return;
        };
        self.prep(&[x]);
        let xt = self.ty_of(x);
        let iterator = self.expr(x);
        self.ensure_reachable();
        self.set_pos(pos);
        let TyKind::Func(sig) = self.cx.p.types.under(xt).clone() else {
            unreachable!("a function")
        };
        let yield_ty = sig.params[0];
        let TyKind::Func(yield_sig) = self.cx.p.types.under(yield_ty).clone() else {
            unreachable!("a yield function")
        };
        self.declare_shared(VarKey::State(s), TypeTable::INT);
        self.set_state(s, RF_READY);
        let owner = self.analysis.nodes[node as usize].owner;
        if self.analysis.nodes[owner as usize].defers_in_bodies && self.body_of.range.is_none() {
            self.push_marker();
        }
        let number = self.analysis.nodes[node as usize].number;
        let suffix = format!("-range{number}");
        let owner_names = self.owner_names;
        let (name, display) = (
            self.name_with(owner_names.0, &suffix),
            self.name_with(owner_names.1, &suffix),
        );
        let flags = FuncFlags {
            closure: true,
            runtime: self.flags.runtime,
            noinline: false,
            ..FuncFlags::default()
        };
        let func = self.cx.declare(
            name,
            display,
            pos,
            yield_sig.params,
            yield_sig.results,
            flags,
        );
        let keys = self.analysis.nodes[node as usize].captures.clone();
        let layout = self
            .layout_for(&keys)
            .expect("a loop body shares its state");
        let (pkg, env, analysis, codes) = (
            self.pkg,
            self.env.clone(),
            self.analysis.clone(),
            self.exit_codes.clone(),
        );
        let inner_layout = layout.clone();
        self.cx.later(func, move |cx, func| {
            let flags = cx.p.funcs[func].flags;
            let mut f = FnCx::new(cx, func, file, pkg, env, analysis, node);
            f.flags = flags;
            f.owner_names = owner_names;
            f.exit_codes = codes;
            f.body_of.range = Some(s);
            let params = f.synthetic_params();
            f.load_captures(&inner_layout);
            f.results = vec![TypeTable::BOOL];
            f.range_body_start(s);
            let types = f.cx.p.funcs[func].params.to_vec();
            let mut values = params.into_iter().zip(types);
            f.bind_pair([key, value], define, [values.next(), values.next()]);
            f.body(body);
            f.done();
        });
        let closure = self.make_closure(func, Some(&layout), yield_ty);
        self.set_pos(pos);
        let iter_callee = match self.func_of(x) {
            Some(func) => Callee::Func(func),
            None => Callee::Closure(iterator),
        };
        self.call_any(iter_callee, &[closure], &[]);
        // The iterator must not swallow a panic of the body.
        let state = self.read_var(VarKey::State(s), TypeTable::INT);
        let panicking = self.iconst(RF_PANIC);
        let swallowed = self.cmp(CmpOp::Eq, state, panicking);
        self.panic_if(swallowed, |f| {
            let code = f.iconst(RF_MISSING_PANIC);
            f.rt("panicrangestate", &[code]);
        });
        self.set_state(s, RF_EXHAUSTED);
        self.dispatch_exits(node);
    }

    fn set_state(&mut self, s: StmtId, state: i64) {
        let v = self.iconst(state);
        self.write_var(VarKey::State(s), v, TypeTable::INT);
    }

    /// After the iterator: go where the body wanted to go.
    fn dispatch_exits(&mut self, node: u32) {
        let exits = self.analysis.nodes[node as usize].exits.clone();
        if exits.is_empty() {
            return;
        }
        let next = self.read_var(VarKey::Next, TypeTable::INT);
        for exit in exits {
            let code = self.exit_code(exit);
            let code = self.iconst(code);
            let taken = self.cmp(CmpOp::Eq, next, code);
            let (go, on) = (self.new_block(), self.new_block());
            self.b.branch(taken, go, on);
            self.start_block(go);
            self.take_exit(exit);
            if self.b.is_reachable() {
                self.b.terminate(Terminator::Unreachable);
            }
            self.start_block(on);
        }
    }

    fn take_exit(&mut self, exit: Exit) {
        let local = match exit {
            Exit::Return => self.body_of.range.is_none(),
            Exit::Break(s) | Exit::Continue(s) => {
                self.targets.iter().any(|t| t.stmt == s) || self.body_of.range == Some(s)
            }
            Exit::Goto(_) => !self.analysis.nodes[self.node as usize]
                .exits
                .contains(&exit),
        };
        if !local {
            self.leave_body(exit);
            return;
        }
        let zero = self.iconst(0);
        self.write_var(VarKey::Next, zero, TypeTable::INT);
        match exit {
            Exit::Return => self.return_results_of_body(),
            Exit::Break(s) => self.jump_target(s, true),
            Exit::Continue(s) => self.jump_target(s, false),
            Exit::Goto(label) => {
                let block = self.label_block(label);
                self.b.jump(block);
            }
        }
    }
    fn return_results_of_body(&mut self) {
        self.return_results();
    }

    fn exit_code(&self, exit: Exit) -> i64 {
        let mut codes = self.exit_codes.borrow_mut();
        let index = match codes.iter().position(|&e| e == exit) {
            Some(i) => i,
            None => {
                codes.push(exit);
                codes.len() - 1
            }
        };
        index as i64 + 1
    }

    // ---- inside the body

    fn range_body_start(&mut self, s: StmtId) {
        let state = self.read_var(VarKey::State(s), TypeTable::INT);
        let ready = self.iconst(RF_READY);
        let bad = self.cmp(CmpOp::Ne, state, ready);
        self.panic_if(bad, |f| {
            f.rt("panicrangestate", &[state]);
        });
        self.set_state(s, RF_PANIC);
    }
    /// Ends this iteration normally.
    pub(crate) fn range_body_continue(&mut self) {
        self.end_body(RF_READY, true);
    }
    /// Ends the loop.
    pub(crate) fn range_body_break(&mut self) {
        self.end_body(RF_DONE, false);
    }
    fn end_body(&mut self, state: i64, go_on: bool) {
        if let Some(s) = self.body_of.range {
            self.set_state(s, state);
        }
        let v = self.bool(go_on);
        self.b.terminate(Terminator::Return(smallvec![v]));
    }
    /// Leaves the loop for a place outside of its body.
    pub(crate) fn leave_body(&mut self, exit: Exit) {
        let code = self.exit_code(exit);
        let code = self.iconst(code);
        self.write_var(VarKey::Next, code, TypeTable::INT);
        self.range_body_break();
    }

    // ---- deferred calls of bodies

    /// Pushes a defer record without a function: bodies link theirs behind it.
    fn push_marker(&mut self) {
        let record = self.defer_record();
        let func_ty = self.thunk_type();
        let none = self.zero(func_ty);
        self.b.emit(Op::DeferPush { record, func: none });
        let marker = self.retype(record, TypeTable::UNSAFE_POINTER);
        self.vars.insert(VarKey::Marker, VarLoc::Value(marker));
    }

    /// Defers a call of a loop body for the owner function.
    pub(crate) fn defer_in_body(&mut self, func: Value) {
        let ptr = TypeTable::UNSAFE_POINTER;
        let ty = self.defer_record_type();
        let record = self.heap(ty);
        let marker = self.read_var(VarKey::Marker, ptr);
        let frame = self.read_var(VarKey::Frame, TypeTable::UINTPTR);
        let link = self.load(marker, ptr);
        let parts: SmallVec<[(u64, Value, mir::Ty); 3]> = smallvec![
            (0, link, ptr),
            (8, frame, TypeTable::UINTPTR),
            (16, func, ptr)
        ];
        for (at, v, ty) in parts {
            let at = self.offset(record, at, ty);
            self.store_with(at, v, ty, Barrier::Auto);
        }
        let record = self.retype(record, ptr);
        self.store_with(marker, record, ptr, Barrier::Auto);
    }
}
