//! Function literals, method values, method expressions.

use std::rc::Rc;

use base::Symbol;
use mir::{
    Barrier, Callee, FieldTy, FuncFlags, FuncId, Op, Terminator, Ty, TyKind, TypeTable, Value,
};
use smallvec::SmallVec;
use source::Pos;
use syntax::ast::{ExprId, ExprKind, FieldId};
use types::TypedFile;

use crate::analysis::{Analysis, VarKey};
use crate::call::Receiver;
use crate::cx::Cx;
use crate::func::FnCx;
use crate::lookup::FoundKind;
use crate::tyconv::Env;
use crate::vars::VarLoc;

/// What a closure object holds after its code address.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The object's type: code address, then captured values and addresses.
    pub ty: Ty,
    pub captures: Vec<Capture>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Capture {
    pub key: VarKey,
    /// Type of the variable.
    pub ty: Ty,
    pub by_ref: bool,
}

impl<'a> Cx<'a> {
    /// Type of a closure object with these captured words.
    pub(crate) fn closure_type(&mut self, captured: &[Ty]) -> Ty {
        let field = |name: String, ty: Ty| FieldTy {
            name: Symbol::intern(&name),
            pkg: None,
            ty,
            embedded: false,
            tag: None,
        };
        let fields: Box<[FieldTy]> = std::iter::once(field("F".to_string(), TypeTable::UINTPTR))
            .chain(
                captured
                    .iter()
                    .enumerate()
                    .map(|(i, &ty)| field(format!("X{i}"), ty)),
            )
            .collect();
        self.p.types.intern(TyKind::Struct(fields))
    }

    /// A function literal of a package-level initialiser that captures nothing.
    pub(crate) fn package_closure(
        &mut self,
        file: &'a TypedFile,
        pkg: usize,
        env: Rc<Env>,
        analysis: Rc<Analysis>,
        lit: ExprId,
    ) -> FuncId {
        let name = self.init_lit_name(pkg, file, lit);
        let func = self.declare_lit(file, &env, lit, name, name);
        let node = analysis.lits[&lit];
        self.lower_lit_later(func, file, pkg, env, analysis, node, lit, None);
        func
    }
    pub(crate) fn init_lit_name(&self, pkg: usize, file: &TypedFile, lit: ExprId) -> Symbol {
        let p = &self.pkgs[pkg];
        let number = p.init_lits.get(&file.ast.exprs[lit].span.lo);
        let number = number.copied().unwrap_or(0);
        Symbol::intern(&format!("{}.init.func{number}", p.prefix))
    }

    pub(crate) fn declare_lit(
        &mut self,
        file: &'a TypedFile,
        env: &Rc<Env>,
        lit: ExprId,
        name: Symbol,
        display: Symbol,
    ) -> FuncId {
        let ty = self.ty(env, file.exprs[lit].ty.expect("a literal has a type"));
        let TyKind::Func(sig) = self.p.types.under(ty).clone() else {
            unreachable!("a function literal")
        };
        let pos = file.ast.exprs[lit].span.lo;
        let flags = FuncFlags {
            runtime: name.as_str().starts_with("runtime."),
            ..FuncFlags::default()
        };
        self.declare(name, display, pos, sig.params, sig.results, flags)
    }

    pub(crate) fn lower_lit_later(
        &mut self,
        func: FuncId,
        file: &'a TypedFile,
        pkg: usize,
        env: Rc<Env>,
        analysis: Rc<Analysis>,
        node: u32,
        lit: ExprId,
        layout: Option<Layout>,
    ) {
        self.later(func, move |cx, func| {
            let ExprKind::FuncLit { ty, body } = &file.ast.exprs[lit].kind else {
                return;
            };
            let ExprKind::FuncType(sig) = &file.ast.exprs[*ty].kind else {
                return;
            };
            let params: Vec<FieldId> = sig.params.to_vec();
            let results: Vec<FieldId> = sig.results.to_vec();
            let flags = cx.p.funcs[func].flags;
            let mut f = FnCx::new(cx, func, file, pkg, env, analysis, node);
            f.flags = FuncFlags {
                closure: layout.is_some(),
                ..flags
            };
            if let Some(layout) = &layout {
                f.load_captures(layout);
            }
            f.start(&params, &results);
            f.body(*body);
            f.done();
        });
    }
}

impl<'a> FnCx<'_, 'a> {
    /// How a variable is captured by closures made here.
    pub(crate) fn capture_of(&mut self, key: VarKey) -> Capture {
        match key {
            VarKey::Obj(obj) => {
                let ty = self.obj_ty(obj);
                let by_ref = !self.by_value(obj, ty);
                Capture { key, ty, by_ref }
            }
            VarKey::Next | VarKey::State(_) => Capture {
                key,
                ty: TypeTable::INT,
                by_ref: true,
            },
            VarKey::Frame => Capture {
                key,
                ty: TypeTable::UINTPTR,
                by_ref: false,
            },
            VarKey::Marker => Capture {
                key,
                ty: TypeTable::UNSAFE_POINTER,
                by_ref: false,
            },
        }
    }

    pub(crate) fn layout_for(&mut self, keys: &[VarKey]) -> Option<Layout> {
        if keys.is_empty() {
            return None;
        }
        let captures: Vec<Capture> = keys.iter().map(|&k| self.capture_of(k)).collect();
        let types: Vec<Ty> = captures
            .iter()
            .map(|c| {
                if c.by_ref {
                    self.cx.p.types.pointer(c.ty)
                } else {
                    c.ty
                }
            })
            .collect();
        Some(Layout {
            ty: self.cx.closure_type(&types),
            captures,
        })
    }

    /// First thing in a closure: its captured variables.
    pub(crate) fn load_captures(&mut self, layout: &Layout) {
        let ptr = self.ptr_to(layout.ty);
        let ctx = self.b.emit_value(Op::ClosureCtx, ptr);
        let offsets = self.cx.offsets(layout.ty);
        for (i, c) in layout.captures.iter().enumerate() {
            let loc = if c.by_ref {
                let pty = self.ptr_to(c.ty);
                let at = self.offset(ctx, offsets[i + 1], pty);
                VarLoc::Ref(self.load(at, pty))
            } else {
                let at = self.offset(ctx, offsets[i + 1], c.ty);
                VarLoc::Value(self.load(at, c.ty))
            };
            self.vars.insert(c.key, loc);
        }
    }

    /// A func value for code with captured variables.
    pub(crate) fn make_closure(&mut self, func: FuncId, layout: Option<&Layout>, ty: Ty) -> Value {
        let Some(layout) = layout else {
            return self.b.emit_value(Op::FuncVal(func), ty);
        };
        let mut values: Vec<(Value, Ty)> = Vec::with_capacity(layout.captures.len());
        for c in &layout.captures {
            let pty = self.ptr_to(c.ty);
            let v = if c.by_ref {
                let addr = match self.var_addr(c.key) {
                    Some(addr) => addr,
                    None => self.zero(pty),
                };
                (addr, pty)
            } else {
                (self.read_var(c.key, c.ty), c.ty)
            };
            values.push(v);
        }
        self.closure_object(func, layout.ty, &values, ty)
    }

    /// Allocates and fills a closure object.
    pub(crate) fn closure_object(
        &mut self,
        func: FuncId,
        object: Ty,
        values: &[(Value, Ty)],
        ty: Ty,
    ) -> Value {
        let addr = self.heap(object);
        let code = self.b.emit_value(Op::FuncCode(func), TypeTable::UINTPTR);
        let at = self.offset(addr, 0, TypeTable::UINTPTR);
        self.store_with(at, code, TypeTable::UINTPTR, Barrier::No);
        let offsets = self.cx.offsets(object);
        for (i, &(v, vt)) in values.iter().enumerate() {
            let at = self.offset(addr, offsets[i + 1], vt);
            let v = if self.is_ssa(vt) {
                self.retype(v, vt)
            } else {
                v
            };
            self.store_with(at, v, vt, Barrier::Auto);
        }
        self.retype(addr, ty)
    }

    /// Names of a literal here: numbered within the function around it, loop bodies looked through.
    fn lit_name(&self, lit: ExprId, node: u32) -> (Symbol, Symbol) {
        let nodes = &self.analysis.nodes;
        let inner = nodes[self.node as usize].owner != 0;
        if self.is_init && !inner {
            let n = self.cx.init_lit_name(self.pkg, self.file, lit);
            return (n, n);
        }
        let n = nodes[node as usize].number;
        // Inside a literal only the number is appended.
        let suffix = match inner {
            true => format!(".{n}"),
            false => format!(".func{n}"),
        };
        let (name, display) = self.owner_names;
        (
            self.name_with(name, &suffix),
            self.name_with(display, &suffix),
        )
    }
    pub(crate) fn name_with(&self, name: Symbol, suffix: &str) -> Symbol {
        Symbol::intern(&format!("{name}{suffix}"))
    }

    pub(crate) fn func_lit(&mut self, e: ExprId) -> Value {
        let ty = self.ty_of(e);
        let Some(&node) = self.analysis.lits.get(&e) else {
            return self.zero(ty);
        };
        let (name, display) = self.lit_name(e, node);
        let file = self.file;
        let func = self.cx.declare_lit(file, &self.env, e, name, display);
        let keys = self.analysis.nodes[node as usize].captures.clone();
        let layout = self.layout_for(&keys);
        self.cx.lower_lit_later(
            func,
            file,
            self.pkg,
            self.env.clone(),
            self.analysis.clone(),
            node,
            e,
            layout.clone(),
        );
        self.set_pos(file.ast.exprs[e].span.lo);
        self.make_closure(func, layout.as_ref(), ty)
    }

    /// `x.M` as a value: a closure that holds the receiver.
    pub(crate) fn method_value(&mut self, e: ExprId, x: ExprId) -> Value {
        let ty = self.ty_of(e);
        let xt = self.ty_of(x);
        let Some(found) = self.find_method(e, xt) else {
            return self.zero(ty);
        };
        let TyKind::Func(sig) = self.cx.p.types.under(ty).clone() else {
            return self.zero(ty);
        };
        let ExprKind::Selector { sel, .. } = &self.file.ast.exprs[e].kind else {
            unreachable!("a selector")
        };
        self.note_reflection(&found, None);
        let targs = self.instance_targs(*sel);
        let (callee, held, held_ty, base_name) = match self.receiver(x, e, &found) {
            Receiver::Func {
                obj,
                named,
                value,
                ty,
            } => {
                let mut all: Vec<Ty> = self
                    .cx
                    .named_info(named)
                    .map(|i| i.targs.to_vec())
                    .unwrap_or_default();
                all.extend(targs);
                let func = self.cx.func_instance(obj, &all);
                let names = self.cx.func_name(func);
                (Bound::Func(func), value, ty, names)
            }
            Receiver::Iface {
                value,
                iface,
                index,
            } => {
                let word = self.extract(value, 0);
                self.nil_check(word);
                let (name, pkg, sig) = self.cx.iface_methods(iface)[index];
                self.cx.live_iface_method(name, pkg, sig);
                let n = Symbol::intern(&format!("{}.{name}", self.cx.p.types.link_string(iface)));
                (Bound::Iface(index), value, iface, (n, n))
            }
        };
        let func = self
            .cx
            .bound_method(callee, held_ty, &sig.params, &sig.results, base_name);
        let object = self.cx.closure_type(&[held_ty]);
        self.closure_object(func, object, &[(held, held_ty)], ty)
    }

    /// `T.M`
    pub(crate) fn method_expr(&mut self, e: ExprId) -> Value {
        let ty = self.ty_of(e);
        match self.method_expr_func(e) {
            Some(func) => self.b.emit_value(Op::FuncVal(func), ty),
            None => self.zero(ty),
        }
    }
    pub(crate) fn method_expr_func(&mut self, e: ExprId) -> Option<FuncId> {
        let sel = &self.file.selections[&e];
        let recv_id = sel.recv;
        let recv = self.ty_id(recv_id);
        let found = self.find_method(e, recv)?;
        self.note_reflection(&found, None);
        let ExprKind::Selector { sel: name, .. } = &self.file.ast.exprs[e].kind else {
            return None;
        };
        let targs = self.instance_targs(*name);
        if let FoundKind::Method {
            recv: named,
            func,
            ptr_recv,
            ..
        } = found.kind
        {
            let direct = found.path.is_empty()
                && if ptr_recv {
                    recv != named
                } else {
                    recv == named
                };
            if direct {
                let mut all: Vec<Ty> = self
                    .cx
                    .named_info(named)
                    .map(|i| i.targs.to_vec())
                    .unwrap_or_default();
                all.extend(targs);
                return Some(self.cx.func_instance(func, &all));
            }
        }
        let object = self.cx.store.obj(self.file.selections[&e].obj);
        let (name, pkg) = (object.name, self.cx.unexported_pkg(object.name, object.pkg));
        Some(self.cx.method_entry(recv, name, pkg, &found))
    }
}

/// What a bound method calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    Func(FuncId),
    Iface(usize),
}

impl<'a> Cx<'a> {
    /// The function behind a method value: calls the method with the receiver in its closure object.
    pub(crate) fn bound_method(
        &mut self,
        callee: Bound,
        held: Ty,
        params: &[Ty],
        results: &[Ty],
        (base, display): (Symbol, Symbol),
    ) -> FuncId {
        let name = Symbol::intern(&format!("{base}-fm"));
        if let Some(&f) = self.made.get(&name) {
            return f;
        }
        let display = Symbol::intern(&format!("{display}-fm"));
        let flags = FuncFlags {
            wrapper: true,
            closure: true,
            ..FuncFlags::default()
        };
        let func = self.declare(
            name,
            display,
            Pos::NONE,
            params.into(),
            results.into(),
            flags,
        );
        self.made.insert(name, func);
        self.later(func, move |cx, func| {
            let object = cx.closure_type(&[held]);
            let mut f = FnCx::synthetic(cx, func);
            let ptr = f.ptr_to(object);
            let params = f.synthetic_params();
            let ctx = f.b.emit_value(Op::ClosureCtx, ptr);
            let offset = f.cx.offsets(object)[1];
            let at = f.offset(ctx, offset, held);
            let recv = f.load(at, held);
            let (callee, first) = match callee {
                Bound::Func(func) => {
                    let recv = if f.is_ssa(held) {
                        recv
                    } else {
                        let t = f.temp(held);
                        f.store_with(t, recv, held, Barrier::No);
                        t
                    };
                    (Callee::Func(func), recv)
                }
                Bound::Iface(index) => {
                    let data = f.extract(recv, 1);
                    (Callee::Code(f.iface_method(recv, held, index)), data)
                }
            };
            let args: SmallVec<[Value; 8]> = std::iter::once(first).chain(params).collect();
            f.tail(callee, &args);
        });
        func
    }
}

impl<'c, 'a> FnCx<'c, 'a> {
    /// A function without source of its own.
    pub(crate) fn synthetic(cx: &'c mut Cx<'a>, func: FuncId) -> Self {
        let file = cx
            .pkgs
            .iter()
            .find_map(|p| p.typed.files.first())
            .expect("a program has a file");
        let env = cx.empty_env.clone();
        let analysis = Rc::new(Analysis {
            nodes: vec![crate::analysis::Node::default()],
            ..Analysis::default()
        });
        let flags = cx.p.funcs[func].flags;
        let mut f = FnCx::new(cx, func, file, 0, env, analysis, 0);
        f.flags = flags;
        f
    }
    /// The function's parameters.
    pub(crate) fn synthetic_params(&mut self) -> Vec<Value> {
        let types = self.cx.p.funcs[self.func].params.to_vec();
        types
            .into_iter()
            .map(|ty| {
                let t = if self.is_ssa(ty) { ty } else { self.ptr_to(ty) };
                self.b.add_param(t)
            })
            .collect()
    }
    /// Calls and returns the results.
    pub(crate) fn tail(mut self, callee: Callee, args: &[Value]) {
        let results: SmallVec<[Ty; 2]> = SmallVec::from_slice(&self.cx.p.funcs[self.func].results);
        let values = match callee {
            Callee::Func(f) => match self.intrinsic_call(f, args, &results) {
                Some(out) => out,
                None => self.call_any(callee, args, &results),
            },
            _ => self.call_any(callee, args, &results),
        };
        self.b.terminate(Terminator::Return(values));
        self.finish_synthetic();
    }
    pub(crate) fn finish_synthetic(self) {
        let FnCx { cx, b, func, .. } = self;
        cx.set_body(func, b.finish());
    }
}
