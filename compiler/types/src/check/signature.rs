//! Function types and receivers.

use std::sync::OnceLock;

use base::Symbol;
use source::Pos;
use syntax::ast::{self, ExprId, ExprKind, FieldId, NameId};

use super::Checker;
use crate::model::*;
use crate::subst::Subst;
use crate::typed::Instance;

impl<'a> Checker<'a> {
    /// The signature that a function type, or a declaration with its receiver, denotes.
    pub(super) fn func_signature(
        &mut self,
        expr: ExprId,
        func: &'a ast::FuncType,
        recv: Option<FieldId>,
        obj: Option<ObjId>,
    ) -> TypeId {
        let store = self.store;
        let _ = obj;
        self.locals.open();
        let mut recv_tparams: Box<[TypeId]> = Box::default();
        let mut recv_var = None;
        if let Some(recv) = recv {
            let (var, tparams) = self.receiver(recv);
            recv_tparams = tparams;
            recv_var = Some(var);
        }
        let tparams = if func.tparams.is_empty() {
            Box::default()
        } else {
            self.declare_tparams(&func.tparams, |_| {})
        };
        let (params, variadic) = self.parameters(&func.params, true, VarKind::Param);
        let (results, _) = self.parameters(&func.results, false, VarKind::Result);
        // Parameters are in scope of the body only: their names cannot be used in types of the signature.
        for &var in recv_var.iter().chain(&params).chain(&results) {
            self.declare_local(var);
        }
        self.locals.close();
        let id = store.new_type(Type::Signature(Signature {
            recv: recv_var,
            tparams,
            recv_tparams,
            params: params.into(),
            results: results.into(),
            variadic,
        }));
        self.record_type(expr, id);
        id
    }

    fn parameters(
        &mut self,
        list: &[FieldId],
        variadic_ok: bool,
        kind: VarKind,
    ) -> (Vec<ObjId>, bool) {
        let ast = self.env.ast;
        let mut vars = Vec::with_capacity(list.len());
        let mut variadic = false;
        let mut previous: Option<(ExprId, TypeId)> = None;
        for (i, &id) in list.iter().enumerate() {
            let field = &ast.fields[id];
            let ty = match previous {
                Some((expr, ty)) if expr == field.ty => ty,
                _ => match &ast.exprs[field.ty].kind {
                    ExprKind::Ellipsis(elem) => {
                        let last = i + 1 == list.len();
                        let elem_type = match elem {
                            Some(elem) => self.var_type(*elem),
                            None => TypeId::INVALID,
                        };
                        if variadic_ok && last {
                            variadic = true;
                        } else {
                            self.error_at(
                                field.ty,
                                "MisplacedDotDotDot",
                                "can only use ... with final parameter in list",
                            );
                        }
                        let ty = if variadic {
                            self.store.slice(elem_type)
                        } else {
                            elem_type
                        };
                        self.record_type(field.ty, ty);
                        ty
                    }
                    _ => self.var_type(field.ty),
                },
            };
            previous = Some((field.ty, ty));
            let (name, pos) = match field.name {
                Some(name) => (ast.sym(name), ast.names[name].pos),
                None => (self.names.empty, field.span.lo),
            };
            let var = self.new_var_of(kind, name, pos, ty);
            if let Some(name) = field.name {
                self.record_name(name, var);
            }
            self.table().fields[id] = Some(var);
            vars.push(var);
        }
        (vars, variadic)
    }

    fn receiver(&mut self, id: FieldId) -> (ObjId, Box<[TypeId]>) {
        let ast = self.env.ast;
        let store = self.store;
        let field = &ast.fields[id];
        let (pointer, generic) = self.generic_receiver(field.ty);
        let mut tparams: Box<[TypeId]> = Box::default();
        let ty = match generic {
            None => self.var_type(field.ty),
            Some((index, base, names)) => {
                let (ty, list) = self.generic_receiver_type(index, base, names);
                tparams = list;
                let ty = if pointer && ty != TypeId::INVALID {
                    store.pointer(ty)
                } else {
                    ty
                };
                self.record_receiver(field.ty, ty);
                ty
            }
        };
        let (name, pos) = match field.name {
            Some(name) => (ast.sym(name), ast.names[name].pos),
            None => (self.names.empty, field.span.lo),
        };
        let var = self.new_var_of(VarKind::Recv, name, pos, ty);
        if let Some(name) = field.name {
            self.record_name(name, var);
        }
        self.table().fields[id] = Some(var);
        let at = self.pos(self.unpack_receiver(field.ty).1);
        self.later(move |checker| checker.check_receiver(at, ty));
        (var, tparams)
    }

    /// `*T[P, Q]` taken apart: whether there is a `*`, and the index expression with its operand and arguments.
    fn generic_receiver(&self, mut expr: ExprId) -> (bool, Option<(ExprId, ExprId, &'a [ExprId])>) {
        let mut pointer = false;
        loop {
            match &self.env.ast.exprs[expr].kind {
                ExprKind::Paren(inner) => expr = *inner,
                ExprKind::Star(inner) if !pointer => {
                    pointer = true;
                    expr = *inner;
                }
                ExprKind::Index { x, indices } => return (pointer, Some((expr, *x, indices))),
                _ => return (pointer, None),
            }
        }
    }
    fn record_receiver(&mut self, mut expr: ExprId, mut ty: TypeId) {
        loop {
            self.record_type(expr, ty);
            match self.kind(expr) {
                ExprKind::Paren(inner) => expr = *inner,
                ExprKind::Star(inner) => {
                    ty = self.store.deref(ty).0;
                    expr = *inner;
                }
                _ => return,
            }
        }
    }

    fn generic_receiver_type(
        &mut self,
        index: ExprId,
        base: ExprId,
        args: &'a [ExprId],
    ) -> (TypeId, Box<[TypeId]>) {
        let ast = self.env.ast;
        let store = self.store;
        let x = match &ast.exprs[ast.unparen(base)].kind {
            ExprKind::Name(name) => {
                let base = ast.unparen(base);
                let x = self.ident(base, *name, true);
                self.record(base, &x);
                if base != ast.unparen(index) {
                    self.record_type(base, x.ty);
                }
                x.ty
            }
            _ => self.typ(base),
        };
        self.require_version(self.pos(base), 18, "type instantiation");
        // The receiver's own type parameters, in scope from here on.
        let mut list = Vec::with_capacity(args.len());
        for (i, &arg) in args.iter().enumerate() {
            let (name, pos, id): (Symbol, Pos, Option<NameId>) =
                match &ast.exprs[ast.unparen(arg)].kind {
                    ExprKind::Name(name) => (ast.sym(*name), ast.names[*name].pos, Some(*name)),
                    _ => {
                        let text = self.expr_str(arg);
                        self.error_at(
                            arg,
                            "BadDecl",
                            format!("receiver type parameter {text} must be an identifier"),
                        );
                        (self.names.blank, self.pos(arg), None)
                    }
                };
            let obj = store.new_object(Object::new(ObjKind::TypeName, name, pos, Some(self.pkg)));
            let ty = store.new_type(Type::TypeParam(TypeParam {
                obj,
                index: i as u32,
                bound: OnceLock::new(),
            }));
            self.set_type(obj, ty);
            if let Some(id) = id {
                self.record_name(id, obj);
            }
            self.record_type(arg, ty);
            self.declare_local(obj);
            list.push(ty);
        }
        if x == TypeId::INVALID {
            self.set_bounds(&list, &[]);
            return (TypeId::INVALID, list.into());
        }
        let generic = store.unalias(x);
        if generic == TypeId::INVALID {
            self.set_bounds(&list, &[]);
            return (TypeId::INVALID, list.into());
        }
        if let Type::Alias(alias) = store.ty(x)
            && alias
                .tparams
                .get()
                .is_some_and(|tparams| !tparams.is_empty())
        {
            let text = self.type_str(x);
            self.error_at(
                base,
                "InvalidRecv",
                format!("cannot define new methods on generic alias type {text}"),
            );
            self.set_bounds(&list, &[]);
            return (TypeId::INVALID, list.into());
        }
        let tparams = store.tparams(generic);
        if tparams.is_empty() {
            let text = self.type_str(x);
            self.error_at(
                base,
                "NotAGenericType",
                format!("{text} is not a generic type"),
            );
            self.set_bounds(&list, &[]);
            return (TypeId::INVALID, list.into());
        }
        if tparams.len() != list.len() {
            let measure = |n: usize| {
                if n == 1 {
                    "1 type parameter".to_owned()
                } else {
                    format!("{n} type parameters")
                }
            };
            let message = format!(
                "receiver declares {}, but receiver base type declares {}",
                measure(list.len()),
                tparams.len()
            );
            self.error_at(base, "BadRecv", message);
            self.set_bounds(&list, &[]);
            return (TypeId::INVALID, list.into());
        }
        self.set_bounds(&list, tparams);
        let ty = store.instantiate(generic, &list);
        self.record_type(index, ty);
        if let Some(name) = self.denoting_name(base) {
            let instance = Instance {
                targs: list.clone().into(),
                ty,
            };
            self.table().instances.insert(name, instance);
        }
        (ty, list.into())
    }

    /// A receiver's type parameters have the constraints of those of the receiver's type.
    fn set_bounds(&mut self, list: &[TypeId], declared: &[TypeId]) {
        let store = self.store;
        if declared.len() != list.len() {
            for &ty in list {
                if let Type::TypeParam(param) = store.ty(ty) {
                    let _ = param.bound.set(TypeId::EMPTY_INTERFACE);
                }
            }
            return;
        }
        for (&param, &declared) in list.iter().zip(declared) {
            self.mono.note_receiver(param, declared);
        }
        let subst = Subst::new(store, declared, list);
        let mut pending = Vec::new();
        for (&ty, &from) in list.iter().zip(declared) {
            let (Type::TypeParam(param), Type::TypeParam(from)) = (store.ty(ty), store.ty(from))
            else {
                continue;
            };
            match from.bound.get() {
                Some(&bound) => {
                    let _ = param.bound.set(subst.ty(bound));
                }
                None => pending.push((ty, from.bound.get().copied())),
            }
        }
        if !pending.is_empty() {
            let (list, declared) = (list.to_vec(), declared.to_vec());
            self.later(move |checker| {
                let store = checker.store;
                let subst = Subst::new(store, &declared, &list);
                for (&ty, &from) in list.iter().zip(&declared) {
                    if let (Type::TypeParam(param), Type::TypeParam(from)) =
                        (store.ty(ty), store.ty(from))
                    {
                        let bound = from
                            .bound
                            .get()
                            .map_or(TypeId::EMPTY_INTERFACE, |&bound| subst.ty(bound));
                        let _ = param.bound.set(bound);
                    }
                }
            });
        }
    }

    /// The instance of a generic type or alias that a receiver type is, through aliases without type arguments.
    fn aliased_instance(&self, ty: TypeId) -> Option<TypeId> {
        let store = self.store;
        let mut ty = store.deref_written(ty);
        let mut through_alias = false;
        for _ in 0..1000 {
            match store.ty(ty) {
                Type::Alias(alias) if !alias.targs.is_empty() => return Some(ty),
                Type::Alias(alias) => {
                    ty = store.deref_written(*alias.target.get()?);
                    through_alias = true;
                }
                Type::Named(named) => {
                    let instance = through_alias && !named.targs.is_empty();
                    return instance.then_some(ty);
                }
                _ => return None,
            }
        }
        None
    }

    /// Methods can be declared for local defined types that are neither pointers nor interfaces.
    fn check_receiver(&mut self, pos: Pos, ty: TypeId) {
        let store = self.store;
        let (base, _) = store.deref(ty);
        let actual = store.unalias(base);
        if actual == TypeId::INVALID {
            return;
        }
        if let Some(instance) = self.aliased_instance(ty) {
            let text = self.type_str(instance);
            self.error(
                pos,
                "InvalidRecv",
                format!("cannot define new methods on instantiated type {text}"),
            );
            return;
        }
        match store.ty(actual) {
            Type::Named(named) => {
                let object = store.obj(named.obj);
                if object.pkg != Some(self.pkg) {
                    let text = self.type_str(base);
                    self.error(
                        pos,
                        "InvalidRecv",
                        format!("cannot define new methods on non-local type {text}"),
                    );
                    return;
                }
                let cause = match store.under(actual) {
                    Type::Basic(BasicKind::UnsafePointer) => "unsafe.Pointer",
                    Type::Pointer(_) | Type::Interface(_) => "pointer or interface type",
                    _ => {
                        // An instance with fixed arguments: methods belong to the generic type.
                        if named.origin.is_some()
                            && !named.targs.iter().all(|&targ| store.is_type_param(targ))
                        {
                            let text = self.type_str(base);
                            self.error(
                                pos,
                                "InvalidRecv",
                                format!("cannot define new methods on instantiated type {text}"),
                            );
                        }
                        return;
                    }
                };
                let text = self.type_str(base);
                self.error(
                    pos,
                    "InvalidRecv",
                    format!("invalid receiver type {text} ({cause})"),
                );
            }
            Type::Basic(_) => {
                let text = self.type_str(base);
                self.error(
                    pos,
                    "InvalidRecv",
                    format!("cannot define new methods on non-local type {text}"),
                );
            }
            _ => {
                let text = self.type_str(ty);
                self.error(pos, "InvalidRecv", format!("invalid receiver type {text}"));
            }
        }
    }
}
