//! Calls of functions, methods, func values and interface methods.

use std::rc::Rc;

use mir::{Callee, FuncId, FuncTy, Op, Terminator, Ty, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::{ExprId, ExprKind};
use types::{Mode, SelectionKind};

use crate::convert::ITAB_FUN;
use crate::func::FnCx;
use crate::lookup::{Found, FoundKind};
use crate::vars::Cur;

/// A call whose operands have been evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub callee: Callee,
    /// Arguments, receiver first; fresh copies of in-memory ones.
    pub args: Vec<(Value, Ty)>,
    pub results: SmallVec<[Ty; 2]>,
    /// Values to keep alive until after the call.
    pub keep: Vec<Value>,
}

/// What a call's function operand is, before its operands are evaluated.
enum Target {
    Static(FuncId),
    Method {
        x: ExprId,
        sel: ExprId,
        found: Rc<Found>,
        targs: Vec<Ty>,
    },
    MethodExpr(FuncId),
    Value(ExprId),
}

impl FnCx<'_, '_> {
    /// All results of a call expression (conversion, builtin or call).
    pub(crate) fn call_expr(&mut self, e: ExprId) -> SmallVec<[Value; 2]> {
        let file = self.file;
        let ExprKind::Call {
            fun,
            args,
            ellipsis,
            ..
        } = &file.ast.exprs[e].kind
        else {
            unreachable!("a call")
        };
        match self.mode(*fun) {
            Mode::TypeExpr => return smallvec![self.conversion(e, args[0])],
            Mode::Builtin(b) => return self.builtin_call(e, b, args, ellipsis.is_some()),
            _ => {}
        }
        if let Some(out) = self.special_call(e, *fun, args) {
            return out;
        }
        let prepared = self.prepare_call(e);
        self.set_pos(file.ast.exprs[e].pos);
        self.emit_call(&prepared)
    }

    pub(crate) fn emit_call(&mut self, p: &Prepared) -> SmallVec<[Value; 2]> {
        let args: SmallVec<[Value; 8]> = p.args.iter().map(|a| a.0).collect();
        if let Callee::Func(func) = p.callee {
            if let Some(out) = self.intrinsic_call(func, &args, &p.results) {
                return out;
            }
        }
        let out = self.call_any(p.callee, &args, &p.results);
        for &v in &p.keep {
            self.b.emit(Op::KeepAlive(v));
        }
        if let Callee::Func(func) = p.callee {
            if self.cx.p.funcs[func].flags.no_return {
                self.b.terminate(Terminator::Unreachable);
            }
        }
        out
    }

    fn target(&mut self, fun: ExprId) -> Target {
        let file = self.file;
        let fun = file.ast.unparen(fun);
        if let Some(func) = self.func_of(fun) {
            return Target::Static(func);
        }
        let sel = match &file.ast.exprs[fun].kind {
            ExprKind::Selector { .. } => Some(fun),
            ExprKind::Index { x, .. } => Some(file.ast.unparen(*x)),
            _ => None,
        };
        if let Some(sel) = sel.filter(|s| file.selections.contains_key(s)) {
            let ExprKind::Selector { x, sel: name } = &file.ast.exprs[sel].kind else {
                return Target::Value(fun);
            };
            let targs = self.instance_targs(*name);
            match file.selections[&sel].kind {
                SelectionKind::Method => {
                    let xt = self.ty_of(*x);
                    if let Some(found) = self.find_method(sel, xt) {
                        return Target::Method {
                            x: *x,
                            sel,
                            found,
                            targs,
                        };
                    }
                }
                SelectionKind::MethodExpr => {
                    if let Some(func) = self.method_expr_func(sel) {
                        return Target::MethodExpr(func);
                    }
                }
                SelectionKind::Field => {}
            }
        }
        Target::Value(fun)
    }

    /// The method that a selector means for an operand of concrete type `xt`.
    pub(crate) fn find_method(&mut self, sel: ExprId, xt: Ty) -> Option<Rc<Found>> {
        let object = self.cx.store.obj(self.file.selections[&sel].obj);
        let pkg = self.cx.unexported_pkg(object.name, object.pkg);
        let found = self.cx.lookup(xt, object.name, pkg)?;
        (!matches!(found.kind, FoundKind::Field(_))).then_some(found)
    }

    /// Evaluates what a call needs.
    pub(crate) fn prepare_call(&mut self, e: ExprId) -> Prepared {
        let file = self.file;
        let ExprKind::Call {
            fun,
            args,
            ellipsis,
            ..
        } = &file.ast.exprs[e].kind
        else {
            unreachable!("a call")
        };
        let target = self.target(*fun);
        // Operands whose inner calls come first.
        let mut operands: SmallVec<[ExprId; 8]> = SmallVec::new();
        match &target {
            Target::Method { x, .. } => operands.push(*x),
            Target::Value(f) => operands.push(*f),
            Target::Static(_) | Target::MethodExpr(_) => {}
        }
        let fun_ty = self.ty_of(*fun);
        let TyKind::Func(sig) = self.cx.p.types.under(fun_ty).clone() else {
            unreachable!("call of a non-function")
        };
        let mut params: SmallVec<[Option<Ty>; 8]> = SmallVec::new();
        params.resize(operands.len(), None);
        operands.extend(args.iter().copied());
        params.extend((0..args.len()).map(|i| self.param_ty(&sig, i, ellipsis.is_some())));
        self.prep_converted(&operands, &params);
        let results: SmallVec<[Ty; 2]> = SmallVec::from_slice(&sig.results);
        let mut out: Vec<(Value, Ty)> = Vec::with_capacity(args.len() + 1);
        let mut keep = Vec::new();
        match target {
            Target::Static(func) | Target::MethodExpr(func) => {
                let keeps = self.keeps_uintptr(*fun);
                self.arguments(
                    &sig,
                    args,
                    ellipsis.is_some(),
                    &mut out,
                    keeps.then_some(&mut keep),
                );
                Prepared {
                    callee: Callee::Func(func),
                    args: out,
                    results,
                    keep,
                }
            }
            Target::Value(f) => {
                let v = self.expr(f);
                self.arguments(&sig, args, ellipsis.is_some(), &mut out, None);
                Prepared {
                    callee: Callee::Closure(v),
                    args: out,
                    results,
                    keep,
                }
            }
            Target::Method {
                x,
                sel,
                found,
                targs,
            } => {
                self.note_reflection(&found, Some(args));
                let receiver = self.receiver(x, sel, &found);
                let callee = match receiver {
                    Receiver::Func {
                        obj,
                        named,
                        value,
                        ty,
                    } => {
                        out.push((value, ty));
                        let mut all: Vec<Ty> = self
                            .cx
                            .named_info(named)
                            .map(|i| i.targs.to_vec())
                            .unwrap_or_default();
                        all.extend(targs);
                        let func = self.cx.func_instance(obj, &all);
                        let keeps = self
                            .cx
                            .symbols
                            .decls
                            .get(&obj)
                            .is_some_and(|d| d.uintptr_keepalive);
                        self.arguments(
                            &sig,
                            args,
                            ellipsis.is_some(),
                            &mut out,
                            keeps.then_some(&mut keep),
                        );
                        Callee::Func(func)
                    }
                    Receiver::Iface {
                        value,
                        iface,
                        index,
                    } => {
                        let data = self.extract(value, 1);
                        out.push((data, TypeTable::UNSAFE_POINTER));
                        self.arguments(&sig, args, ellipsis.is_some(), &mut out, None);
                        self.set_pos(file.ast.exprs[e].pos);
                        Callee::Code(self.iface_method(value, iface, index))
                    }
                };
                Prepared {
                    callee,
                    args: out,
                    results,
                    keep,
                }
            }
        }
    }

    /// Code address of an interface's method; faults if the interface is nil.
    pub(crate) fn iface_method(&mut self, value: Value, iface: Ty, index: usize) -> Value {
        let (name, pkg, sig) = self.cx.iface_methods(iface)[index];
        self.cx.live_iface_method(name, pkg, sig);
        let itab = self.extract(value, 0);
        let offset = ITAB_FUN + 8 * index as u64;
        if offset >= 4096 {
            self.nil_check(itab);
        }
        let at = self.offset(itab, offset, TypeTable::UINTPTR);
        self.load(at, TypeTable::UINTPTR)
    }

    /// Evaluates the receiver of a method call or method value.
    pub(crate) fn receiver(&mut self, x: ExprId, sel: ExprId, found: &Found) -> Receiver {
        let xt = self.ty_of(x);
        let check = matches!(found.kind, FoundKind::Method { ptr_recv: true, .. });
        let cur = self.operand(x, xt, check);
        self.set_pos(self.file.ast.exprs[sel].pos);
        self.receiver_from(cur, xt, found)
    }

    /// The receiver that a method found in `xt` takes, from an operand.
    pub(crate) fn receiver_from(&mut self, cur: Cur, xt: Ty, found: &Found) -> Receiver {
        let check = matches!(found.kind, FoundKind::Method { ptr_recv: true, .. });
        let (cur, at) = self.follow(cur, xt, &found.path, check);
        match found.kind {
            FoundKind::Method {
                recv,
                func,
                ptr_recv,
                ..
            } => {
                let is_pointer =
                    at != recv && matches!(self.cx.p.types.kind(at), TyKind::Pointer(_));
                let pointer_ty = self.ptr_to(recv);
                match (ptr_recv, is_pointer) {
                    (true, true) => {
                        let v = self.cur_value(cur, at);
                        Receiver::Func {
                            obj: func,
                            named: recv,
                            value: v,
                            ty: pointer_ty,
                        }
                    }
                    (true, false) => {
                        let v = match cur {
                            Cur::Mem(addr) => addr,
                            Cur::Val(v) => {
                                // Not addressable: the method gets a variable of its own.
                                let h = self.heap(at);
                                self.store_with(h, v, at, mir::Barrier::Auto);
                                h
                            }
                        };
                        Receiver::Func {
                            obj: func,
                            named: recv,
                            value: v,
                            ty: pointer_ty,
                        }
                    }
                    (false, pointer) => {
                        let addr_or_value = if pointer {
                            let p = self.cur_value(cur, at);
                            if self.size(recv) == 0 {
                                self.nil_check(p);
                            }
                            Cur::Mem(p)
                        } else {
                            cur
                        };
                        let value = match addr_or_value {
                            Cur::Val(v) => v,
                            Cur::Mem(addr) if self.is_ssa(recv) => self.load(addr, recv),
                            Cur::Mem(addr) => {
                                let t = self.temp(recv);
                                self.store_with(t, addr, recv, mir::Barrier::No);
                                t
                            }
                        };
                        Receiver::Func {
                            obj: func,
                            named: recv,
                            value,
                            ty: recv,
                        }
                    }
                }
            }
            FoundKind::Iface { iface, index } => {
                let value = self.cur_value(cur, at);
                Receiver::Iface {
                    value,
                    iface,
                    index,
                }
            }
            FoundKind::Field(_) => unreachable!("a method"),
        }
    }

    /// The type that argument `i` is converted to.
    fn param_ty(&self, sig: &FuncTy, i: usize, spread: bool) -> Option<Ty> {
        let last = sig.params.len().checked_sub(1)?;
        if !sig.variadic || spread || i < last {
            return sig.params.get(i).copied();
        }
        match self.cx.p.types.under(sig.params[last]) {
            TyKind::Slice(elem) => Some(*elem),
            _ => None,
        }
    }

    /// Evaluates arguments into `out` in parameter order.
    pub(crate) fn arguments(
        &mut self,
        sig: &FuncTy,
        args: &[ExprId],
        spread: bool,
        out: &mut Vec<(Value, Ty)>,
        mut keep: Option<&mut Vec<Value>>,
    ) {
        // f(g()) with a multi-valued g.
        if args.len() == 1 && !spread {
            let types = self.multi_types(args[0]);
            let multi = {
                let t = self.ty_of(args[0]);
                matches!(self.cx.p.types.kind(t), TyKind::Tuple(_))
                    && self.mode(args[0]) != Mode::Constant
            };
            if multi {
                let values = self.expr_multi(args[0]);
                let list: Vec<(Value, Ty)> = values.into_iter().zip(types).collect();
                self.spread_values(sig, &list, out);
                return;
            }
        }
        let fixed = if sig.variadic && !spread {
            sig.params.len() - 1
        } else {
            sig.params.len()
        };
        for (i, &a) in args.iter().enumerate().take(fixed) {
            let ty = sig.params[i];
            if let (Some(keep), Some(p)) = (keep.as_deref_mut(), self.pointer_in_uintptr(a)) {
                let v = self.expr(p);
                keep.push(v);
                let v = self.retype(v, TypeTable::UINTPTR);
                let v = self.retype(v, ty);
                out.push((v, ty));
                continue;
            }
            let v = self.argument(a, ty);
            out.push((v, ty));
        }
        if sig.variadic && !spread {
            let slice_ty = sig.params[fixed];
            let TyKind::Slice(elem) = *self.cx.p.types.under(slice_ty) else {
                unreachable!("a variadic parameter")
            };
            let rest = &args[fixed.min(args.len())..];
            if let Some(keep) = keep {
                for &a in rest {
                    if let Some(p) = self.pointer_in_uintptr(a) {
                        let v = self.expr(p);
                        keep.push(v);
                        let v = self.retype(v, TypeTable::UINTPTR);
                        self.hoisted.insert(a, smallvec![v]);
                    }
                }
            }
            let v = if rest.is_empty() {
                self.zero(slice_ty)
            } else {
                let arr = self.cx.p.types.array(elem, rest.len() as u64);
                // Values first: an element's evaluation must not find its siblings half stored.
                let base = self.heap(arr);
                let size = self.size(elem);
                for (i, &a) in rest.iter().enumerate() {
                    if self.is_ssa(elem) {
                        let v = self.expr_as(a, elem);
                        let at = self.offset(base, i as u64 * size, elem);
                        self.store_with(at, v, elem, mir::Barrier::Auto);
                    } else {
                        let at = self.offset(base, i as u64 * size, elem);
                        self.expr_into(a, at, elem, true);
                    }
                }
                let n = self.iconst(rest.len() as i64);
                self.make(slice_ty, &[base, n, n])
            };
            out.push((v, slice_ty));
        }
    }

    fn spread_values(&mut self, sig: &FuncTy, list: &[(Value, Ty)], out: &mut Vec<(Value, Ty)>) {
        let fixed = if sig.variadic {
            sig.params.len() - 1
        } else {
            sig.params.len()
        };
        for (i, &(v, from)) in list.iter().enumerate().take(fixed) {
            let to = sig.params[i];
            let v = self.assign_conv(v, from, to);
            let v = if self.is_ssa(to) {
                v
            } else {
                let t = self.temp(to);
                self.store_with(t, v, to, mir::Barrier::No);
                t
            };
            out.push((v, to));
        }
        if sig.variadic {
            let slice_ty = sig.params[fixed];
            let TyKind::Slice(elem) = *self.cx.p.types.under(slice_ty) else {
                unreachable!("a variadic parameter")
            };
            let rest = &list[fixed.min(list.len())..];
            let v = if rest.is_empty() {
                self.zero(slice_ty)
            } else {
                let arr = self.cx.p.types.array(elem, rest.len() as u64);
                let base = self.heap(arr);
                let size = self.size(elem);
                for (i, &(v, from)) in rest.iter().enumerate() {
                    let v = self.assign_conv(v, from, elem);
                    let at = self.offset(base, i as u64 * size, elem);
                    self.store_with(at, v, elem, mir::Barrier::Auto);
                }
                let n = self.iconst(rest.len() as i64);
                self.make(slice_ty, &[base, n, n])
            };
            out.push((v, slice_ty));
        }
    }

    /// One argument: a value, or the address of a fresh copy.
    pub(crate) fn argument(&mut self, a: ExprId, ty: Ty) -> Value {
        if self.is_ssa(ty) {
            return self.expr_as(a, ty);
        }
        let t = self.temp(ty);
        self.expr_into(a, t, ty, false);
        t
    }

    /// Whether pointers converted to uintptr in the arguments must stay alive during the call.
    fn keeps_uintptr(&self, fun: ExprId) -> bool {
        self.named_obj(fun)
            .map(|o| self.cx.origin_func(o))
            .and_then(|o| self.cx.symbols.decls.get(&o))
            .is_some_and(|d| d.uintptr_keepalive)
    }
    /// The pointer in `uintptr(p)`.
    fn pointer_in_uintptr(&mut self, e: ExprId) -> Option<ExprId> {
        let file = self.file;
        let e = file.ast.unparen(e);
        if self.hoisted.contains_key(&e) {
            return None;
        }
        let ExprKind::Call { fun, args, .. } = &file.ast.exprs[e].kind else {
            return None;
        };
        if self.mode(*fun) != Mode::TypeExpr || self.const_of(e).is_some() {
            return None;
        }
        let (to, from) = (self.ty_of(e), self.ty_of(args[0]));
        (self.cx.p.types.underlying(to) == TypeTable::UINTPTR
            && self.cx.p.types.underlying(from) == TypeTable::UNSAFE_POINTER)
            .then_some(args[0])
    }
}

/// An evaluated receiver.
pub(crate) enum Receiver {
    /// Of a declared method.
    Func {
        obj: types::ObjId,
        named: Ty,
        value: Value,
        ty: Ty,
    },
    /// Of an interface's method.
    Iface {
        value: Value,
        iface: Ty,
        index: usize,
    },
}
