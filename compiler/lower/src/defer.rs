//! `defer` and `go`: calls that happen later get their operands from a closure object.

use base::Symbol;
use mir::{Callee, FieldTy, FuncFlags, FuncTy, Op, Terminator, Ty, TyKind, TypeTable, Value};
use smallvec::SmallVec;
use syntax::ast::{ExprId, ExprKind, StmtId};
use types::{Builtin, Mode};

use crate::call::Prepared;
use crate::func::FnCx;

/// What a thunk does with its captured operands.
#[derive(Clone, Debug)]
enum Deferred {
    Call {
        callee: ThunkCallee,
        results: SmallVec<[Ty; 2]>,
        /// How many of the last captured words only have to stay alive.
        keep: usize,
    },
    Builtin(Builtin),
}

#[derive(Clone, Copy, Debug)]
enum ThunkCallee {
    Func(mir::FuncId),
    /// The first captured word is the func value.
    Closure,
    /// The first captured word is the code address.
    Code,
}

impl<'a> FnCx<'_, 'a> {
    /// `func()`
    pub(crate) fn thunk_type(&mut self) -> Ty {
        self.cx.p.types.intern(TyKind::Func(FuncTy {
            params: Box::new([]),
            results: Box::new([]),
            variadic: false,
        }))
    }
    /// Memory form of `abi::g::DeferRecord`.
    pub(crate) fn defer_record_type(&mut self) -> Ty {
        let func = self.thunk_type();
        let field = |name: &str, ty| FieldTy {
            name: Symbol::intern(name),
            pkg: None,
            ty,
            embedded: false,
            tag: None,
        };
        self.cx.p.types.intern(TyKind::Struct(Box::new([
            field("link", TypeTable::UNSAFE_POINTER),
            field("frame", TypeTable::UINTPTR),
            field("fn", func),
            field("pc", TypeTable::UINTPTR),
        ])))
    }
    /// Address of a new defer record: in the frame unless the statement may be executed again before the function ends.
    pub(crate) fn defer_record(&mut self) -> Value {
        let ty = self.defer_record_type();
        if self.loop_depth > 0 {
            self.heap(ty)
        } else {
            self.temp(ty)
        }
    }

    pub(crate) fn defer_stmt(&mut self, s: StmtId, e: ExprId) {
        let func = self.thunk(e, "deferwrap");
        if !self.b.is_reachable() {
            return;
        }
        self.set_pos(self.file.ast.stmts[s].pos);
        if self.body_of.range.is_some() {
            self.defer_in_body(func);
            return;
        }
        let record = self.defer_record();
        self.b.emit(Op::DeferPush { record, func });
    }

    pub(crate) fn go_stmt(&mut self, s: StmtId, e: ExprId) {
        let func = self.thunk(e, "gowrap");
        self.set_pos(self.file.ast.stmts[s].pos);
        self.rt("newproc", &[func]);
    }

    /// A `func()` that makes the call with operands evaluated now.
    fn thunk(&mut self, e: ExprId, kind: &str) -> Value {
        let file = self.file;
        let e = file.ast.unparen(e);
        let ty = self.thunk_type();
        let ExprKind::Call { fun, args, .. } = &file.ast.exprs[e].kind else {
            return self.zero(ty);
        };
        let (deferred, operands) = match self.mode(*fun) {
            Mode::Builtin(b) => {
                let operands = self.builtin_operands(b, args);
                (Deferred::Builtin(b), operands)
            }
            Mode::TypeExpr => {
                // A conversion as a statement is refused by the checker.
                return self.zero(ty);
            }
            _ => {
                let p = self.prepare_call(e);
                let is_literal = matches!(
                    file.ast.exprs[file.ast.unparen(*fun)].kind,
                    ExprKind::FuncLit { .. }
                );
                // The go statement itself finds out that a func value is nil.
                let direct = is_literal || kind == "gowrap";
                if let Some(direct) = self.direct_thunk(&p, ty, direct) {
                    return direct;
                }
                self.split_call(p)
            }
        };
        self.counts.wraps += 1;
        let suffix = format!(".{kind}{}", self.counts.wraps);
        let (name, display) = (
            self.name_with(self.name, &suffix),
            self.name_with(self.display, &suffix),
        );
        let pos = file.ast.exprs[e].pos;
        let types: Vec<Ty> = operands.iter().map(|o| o.1).collect();
        let object = self.cx.closure_type(&types);
        let has_object = !operands.is_empty();
        let flags = FuncFlags {
            wrapper: true,
            closure: has_object,
            runtime: self.flags.runtime,
            ..FuncFlags::default()
        };
        let func = self
            .cx
            .declare(name, display, pos, Box::new([]), Box::new([]), flags);
        self.cx.later(func, move |cx, func| {
            let mut f = FnCx::synthetic(cx, func);
            f.b.set_pos(pos);
            let mut values: Vec<(Value, Ty)> = Vec::new();
            if has_object {
                let ptr = f.ptr_to(object);
                let ctx = f.b.emit_value(Op::ClosureCtx, ptr);
                let offsets = f.cx.offsets(object);
                for (i, &ty) in types.iter().enumerate() {
                    let at = f.offset(ctx, offsets[i + 1], ty);
                    // In-memory operands: the object's copy is used up by this one call.
                    values.push((f.load(at, ty), ty));
                }
            }
            match deferred {
                Deferred::Builtin(b) => f.builtin_effect(b, &values),
                Deferred::Call {
                    callee,
                    results,
                    keep,
                } => {
                    let (values, keep) = values.split_at(values.len() - keep);
                    let (callee, args) = match callee {
                        ThunkCallee::Func(func) => (Callee::Func(func), values),
                        ThunkCallee::Closure => (Callee::Closure(values[0].0), &values[1..]),
                        ThunkCallee::Code => (Callee::Code(values[0].0), &values[1..]),
                    };
                    let p = Prepared {
                        callee,
                        args: args.to_vec(),
                        results,
                        keep: keep.iter().map(|k| k.0).collect(),
                    };
                    f.emit_call(&p);
                }
            }
            f.b.terminate(Terminator::Return(SmallVec::new()));
            f.finish_synthetic();
        });
        self.set_pos(pos);
        if !has_object {
            return self.b.emit_value(Op::FuncVal(func), ty);
        }
        self.closure_object(func, object, &operands, ty)
    }

    /// A call without operands needs no thunk. `direct`: a func value is not nil, or may be found to be right away.
    fn direct_thunk(&mut self, p: &Prepared, ty: Ty, direct: bool) -> Option<Value> {
        if !p.args.is_empty() || !p.results.is_empty() {
            return None;
        }
        match p.callee {
            Callee::Closure(v) if direct => Some(self.retype(v, ty)),
            // A func value may be nil, which must only be found out when it is called: what is called then raises the panic.
            Callee::Closure(v) => {
                let v = self.retype(v, ty);
                let nil = self.is_nil(v);
                let panics = self.cx.rt("sigpanic_shown");
                let raise = |f: &mut Self| f.b.emit_value(Op::FuncVal(panics), ty);
                Some(self.if_value(nil, ty, raise, |_| v))
            }
            Callee::Func(f) if self.cx.p.funcs[f].flags.leaf => None,
            Callee::Func(f) => Some(self.b.emit_value(Op::FuncVal(f), ty)),
            Callee::Code(_) => None,
        }
    }

    fn split_call(&mut self, p: Prepared) -> (Deferred, Vec<(Value, Ty)>) {
        let mut operands = Vec::with_capacity(p.args.len() + 1);
        let callee = match p.callee {
            Callee::Func(f) => ThunkCallee::Func(f),
            Callee::Closure(v) => {
                operands.push((v, self.val_ty(v)));
                ThunkCallee::Closure
            }
            Callee::Code(v) => {
                operands.push((v, TypeTable::UINTPTR));
                ThunkCallee::Code
            }
        };
        operands.extend(p.args);
        let keep = p.keep.len();
        for v in p.keep {
            let pointer = self.retype(v, TypeTable::UNSAFE_POINTER);
            operands.push((pointer, TypeTable::UNSAFE_POINTER));
        }
        (
            Deferred::Call {
                callee,
                results: p.results,
                keep,
            },
            operands,
        )
    }
}
