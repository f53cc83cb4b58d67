//! Declarations: constants, variables, types, functions.

use std::sync::OnceLock;

use source::Pos;
use syntax::ast::{self, DeclId, DeclKind, ExprId, ExprKind, FieldId, NameId, StmtId};

use super::operand::Operand;
use super::{Body, Checker, Source, State, Target};
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

/// An object on a cycle of declarations, as the report shows it.
pub(super) struct CycleMember {
    pub obj: ObjId,
    pub name: String,
    pub pos: Pos,
}

impl<'a> Checker<'a> {
    /// Makes sure that an object has its type. Objects of other packages and local ones do.
    pub(super) fn resolve_obj(&mut self, obj: ObjId) {
        let object = self.store.obj(obj);
        if object.order != 0 && object.pkg == Some(self.pkg) {
            self.resolve_order(object.order);
        } else if !self.path.is_empty() && self.path.contains(&obj) {
            // A local type inside its own declaration.
            self.check_cycle(obj);
        } else if let ObjKind::Func(Func {
            origin: Some(origin),
            ..
        }) = object.kind
            && object.ty.get().is_none()
        {
            self.resolve_obj(origin);
            self.store.obj_type(obj);
        }
    }

    pub(super) fn resolve_order(&mut self, order: u32) {
        let info = &mut self.decls[order as usize - 1];
        let obj = info.obj;
        match info.state {
            State::Done => {}
            State::Active => {
                let object = self.store.obj(obj);
                if let ObjKind::Func(_) = object.kind {
                    // Its value can be mentioned; see `pending_func`.
                    return;
                }
                let valid = self.check_cycle(obj);
                match object.kind {
                    ObjKind::Const(_) | ObjKind::Var(_) => {
                        // No type yet: the use is part of a cycle that is reported here or as initialisation cycle.
                        let _ = valid;
                        if object.ty.get().is_none() {
                            self.set_type(obj, TypeId::INVALID);
                        }
                    }
                    ObjKind::TypeName => {
                        if !valid {
                            self.break_cycle(obj);
                        }
                    }
                    _ => {}
                }
            }
            State::New => {
                info.state = State::Active;
                let (file, source) = (info.file, info.source.clone());
                self.path.push(obj);
                stacker::maybe_grow(256 << 10, 4 << 20, || {
                    self.with_file_env(file, order, |checker| match source {
                        Source::Const {
                            ty,
                            init,
                            iota,
                            inherited,
                        } => checker.const_decl(obj, ty, init, iota, inherited),
                        Source::Var { ty, init, lhs } => {
                            checker.package_var_decl(obj, ty, init, lhs.as_deref())
                        }
                        Source::Type { decl } => checker.type_decl(obj, decl),
                        Source::Func { decl } => checker.func_decl(obj, decl),
                    });
                });
                self.path.pop();
                self.decls[order as usize - 1].state = State::Done;
            }
        }
    }

    /// The type of a function that is mentioned in its own signature: an alias whose target is set with the signature.
    pub(super) fn pending_func(&mut self, obj: ObjId) -> TypeId {
        let store = self.store;
        *self.pending_funcs.entry(obj).or_insert_with(|| {
            store.new_type(Type::Alias(Alias {
                obj,
                origin: None,
                targs: Box::default(),
                tparams: OnceLock::from(Box::default()),
                target: OnceLock::new(),
            }))
        })
    }
    /// Whether this is the type of a function whose signature is not known yet.
    pub(super) fn is_pending_func(&self, ty: TypeId) -> bool {
        match self.store.ty(ty) {
            Type::Alias(alias) => {
                alias.target.get().is_none()
                    && matches!(self.store.obj(alias.obj).kind, ObjKind::Func(_))
            }
            _ => false,
        }
    }

    /// An invalid cycle through a type declaration: uses of the type are not followed further.
    pub(super) fn break_cycle(&mut self, obj: ObjId) {
        match self.store.obj(obj).ty.get().map(|&ty| self.store.ty(ty)) {
            Some(Type::Named(named)) => {
                let _ = named.underlying.set(TypeId::INVALID);
            }
            Some(Type::Alias(alias)) => {
                let _ = alias.target.set(TypeId::INVALID);
            }
            _ => self.set_type(obj, TypeId::INVALID),
        }
    }

    /// `obj` is under way and mentioned again. Returns whether that is fine; if not, it has been reported.
    fn check_cycle(&mut self, obj: ObjId) -> bool {
        let start = self
            .path
            .iter()
            .rposition(|&active| active == obj)
            .unwrap_or(0);
        let cycle = self.path[start..].to_vec();
        let (mut values, mut types) = (0, 0);
        for &obj in &cycle {
            match self.store.obj(obj).kind {
                ObjKind::Const(_) | ObjKind::Var(_) => values += 1,
                ObjKind::TypeName => {
                    if !self.is_alias(obj) {
                        types += 1;
                    }
                }
                _ => {}
            }
        }
        // Cycles of constants and variables only are found again when initialisers are ordered.
        if values == cycle.len() {
            return true;
        }
        // Types may mention themselves if a defined type is on the way.
        if values == 0 && types > 0 {
            return true;
        }
        self.cycle_error(&cycle);
        false
    }
    fn is_alias(&self, obj: ObjId) -> bool {
        match self.store.obj(obj).ty.get() {
            Some(&ty) => matches!(self.store.ty(ty), Type::Alias(_)),
            None => {
                let order = self.store.obj(obj).order;
                let Some(info) = (order as usize)
                    .checked_sub(1)
                    .and_then(|index| self.decls.get(index))
                else {
                    return false;
                };
                let Source::Type { decl } = info.source else {
                    return false;
                };
                matches!(
                    self.asts[info.file as usize].decl_arena[decl].kind,
                    DeclKind::Type { alias: true, .. }
                )
            }
        }
    }

    /// Reports a cycle, starting with the object that comes first in the source.
    pub(super) fn cycle_error(&mut self, cycle: &[ObjId]) {
        let store = self.store;
        let start = (0..cycle.len())
            .min_by_key(|&i| store.obj(cycle[i]).pos)
            .unwrap_or(0);
        let cycle: Vec<CycleMember> = cycle
            .iter()
            .map(|&obj| CycleMember {
                obj,
                name: store.obj(obj).name.as_str().to_owned(),
                pos: store.obj(obj).pos,
            })
            .collect();
        self.cycle_error_at(&cycle, start);
    }
    /// Reports a cycle of objects with the names and positions to show, starting with `start`.
    pub(super) fn cycle_error_at(&mut self, cycle: &[CycleMember], start: usize) {
        let first = &cycle[start];
        let pos = first.pos;
        let is_type = matches!(self.store.obj(first.obj).kind, ObjKind::TypeName);
        if is_type && self.is_alias(first.obj) {
            self.break_cycle(first.obj);
        }
        if let [only] = cycle {
            let what = if is_type {
                "invalid recursive type"
            } else {
                "invalid cycle in declaration"
            };
            let message = format!("{what}: {} refers to itself", only.name);
            self.error(pos, "InvalidDeclCycle", message);
            return;
        }
        let what = if is_type {
            "invalid recursive type"
        } else {
            "invalid cycle in declaration of"
        };
        let lines: Vec<(Pos, String)> = (0..cycle.len())
            .map(|i| {
                let member = &cycle[(start + i) % cycle.len()];
                let next = &cycle[(start + i + 1) % cycle.len()];
                (
                    member.pos,
                    format!("{} refers to {}", member.name, next.name),
                )
            })
            .collect();
        let message = format!("{what} {}", first.name);
        self.error_lines(pos, "InvalidDeclCycle", message, &lines);
    }

    // Constants.

    pub(super) fn const_decl(
        &mut self,
        obj: ObjId,
        ty: Option<ExprId>,
        init: Option<ExprId>,
        iota: u32,
        inherited: bool,
    ) {
        self.env.iota = Some(ConstValue::Int(i64::from(iota)));
        if inherited {
            self.env.error_pos = Some(self.store.obj(obj).pos);
        }
        let mut declared = None;
        if let Some(ty) = ty {
            let t = self.typ(ty);
            let constant_type =
                matches!(self.store.under(t), Type::Basic(kind) if kind.is_const_type());
            if !constant_type {
                if self.store.underlying(t) != TypeId::INVALID {
                    let text = self.type_str(t);
                    self.error_at(
                        ty,
                        "InvalidConstType",
                        format!("invalid constant type {text}"),
                    );
                }
                self.set_type(obj, TypeId::INVALID);
                self.set_const(obj, ConstValue::Unknown);
                self.env.iota = None;
                self.env.error_pos = None;
                return;
            }
            declared = Some(t);
        }
        let mut x = match init {
            Some(init) => self.expr(init),
            None => Operand {
                mode: Mode::Invalid,
                ty: TypeId::INVALID,
                val: None,
                expr: None,
                nth: 0,
            },
        };
        self.init_const(obj, declared, &mut x);
        self.env.iota = None;
        self.env.error_pos = None;
    }
    fn set_const(&mut self, obj: ObjId, value: ConstValue) {
        if let ObjKind::Const(slot) = &self.store.obj(obj).kind {
            let _ = slot.set(value);
        }
    }
    fn init_const(&mut self, obj: ObjId, declared: Option<TypeId>, x: &mut Operand) {
        if x.is_invalid() || x.ty == TypeId::INVALID {
            self.set_type(obj, declared.unwrap_or(TypeId::INVALID));
            self.set_const(obj, ConstValue::Unknown);
            return;
        }
        if !x.is_const() {
            let text = self.operand_str(x);
            let expr = x.expr.expect("initialiser");
            self.error_at(expr, "InvalidConstInit", format!("{text} is not constant"));
            self.set_type(obj, declared.unwrap_or(TypeId::INVALID));
            self.set_const(obj, ConstValue::Unknown);
            return;
        }
        let ty = declared.unwrap_or(x.ty);
        self.set_type(obj, ty);
        self.assignment(x, Some(ty), "constant declaration");
        let value = if x.is_invalid() {
            ConstValue::Unknown
        } else {
            x.val.clone().unwrap_or(ConstValue::Unknown)
        };
        self.set_const(obj, value);
    }

    // Variables.

    fn package_var_decl(
        &mut self,
        obj: ObjId,
        ty: Option<ExprId>,
        init: Option<ExprId>,
        lhs: Option<&[ObjId]>,
    ) {
        if let Some(ty) = ty {
            let t = self.var_type(ty);
            self.set_type(obj, t);
        }
        let Some(init) = init else {
            if ty.is_none() {
                self.set_type(obj, TypeId::INVALID);
            }
            return;
        };
        match lhs {
            None => {
                let mut x = self.init_expr(obj, init);
                self.init_var(obj, &mut x, "variable declaration");
            }
            Some(lhs) => {
                // All variables of the declaration get their types now.
                if ty.is_some() {
                    let t = self.store.obj_type(obj);
                    for &other in lhs {
                        self.set_type(other, t);
                    }
                    self.finish_others(obj, lhs);
                }
                self.init_vars(lhs, &[init], None);
                self.finish_others(obj, lhs);
                let order = self.store.obj(obj).order as usize - 1;
                let deps = self.decls[order].deps.clone();
                for &other in lhs {
                    let other = self.store.obj(other).order as usize - 1;
                    if other != order {
                        self.decls[other].deps.extend_from_slice(&deps);
                    }
                }
            }
        }
    }
    /// The other variables of a declaration must not start over.
    fn finish_others(&mut self, obj: ObjId, lhs: &[ObjId]) {
        for &other in lhs {
            let order = self.store.obj(other).order as usize - 1;
            if other != obj && self.decls[order].state == State::New {
                self.decls[order].state = State::Done;
            }
        }
    }

    /// Evaluates an initialiser; a generic function is instantiated for the variable's type.
    pub(super) fn init_expr(&mut self, obj: ObjId, init: ExprId) -> Operand {
        let target = self.target_for(obj, None);
        self.expr_with_target(init, target.as_ref())
    }
    /// The function type, if any, that a variable has, for inference of a generic function assigned to it.
    pub(super) fn target_for(&mut self, obj: ObjId, description: Option<&str>) -> Option<Target> {
        let object = self.store.obj(obj);
        let &ty = object.ty.get()?;
        self.target_of(ty, description.unwrap_or(object.name.as_str()))
    }
    /// The function type, if any, behind a type that a value is assigned to; `description` is what it is assigned to.
    pub(super) fn target_of(&mut self, ty: TypeId, description: &str) -> Option<Target> {
        let store = self.store;
        let signature = match store.under(ty) {
            Type::Signature(_) => store.underlying(ty),
            Type::TypeParam(_) => self.shared_under(ty).ok()?,
            _ => return None,
        };
        matches!(store.ty(signature), Type::Signature(_)).then(|| Target {
            signature,
            description: description.to_owned(),
        })
    }

    // Types.

    pub(super) fn type_decl(&mut self, obj: ObjId, decl: DeclId) {
        let ast = self.env.ast;
        let store = self.store;
        let DeclKind::Type {
            name,
            tparams,
            alias,
            ty,
            ..
        } = &ast.decl_arena[decl].kind
        else {
            return;
        };
        let _ = name;
        let order = store.obj(obj).order;
        if *alias {
            let pos = ast.decl_arena[decl].span.lo;
            match tparams.first() {
                Some(&tparam) => {
                    let at = ast.fields[tparam].span.lo;
                    self.require_version(at, 23, "generic type alias");
                }
                None => {
                    self.require_version(pos, 9, "type alias");
                }
            }
            let id = store.new_type(Type::Alias(Alias {
                obj,
                origin: None,
                targs: Box::default(),
                tparams: OnceLock::new(),
                target: OnceLock::new(),
            }));
            self.set_type(obj, id);
            let Type::Alias(alias) = store.ty(id) else {
                return;
            };
            self.locals.open();
            let declared = if tparams.is_empty() {
                Box::default()
            } else {
                self.declare_tparams(tparams, |list| {
                    let _ = alias.tparams.set(list.into());
                })
            };
            let _ = alias.tparams.set(declared);
            let target = self.definition(*ty, obj);
            let target = if store.is_type_param(target)
                && alias
                    .tparams
                    .get()
                    .is_some_and(|list| list.contains(&store.unalias(target)))
            {
                self.error_at(
                    *ty,
                    "MisplacedTypeParam",
                    "cannot use type parameter declared in alias declaration as RHS",
                );
                TypeId::INVALID
            } else {
                target
            };
            self.locals.close();
            let _ = alias.target.set(target);
            return;
        }
        let id = store.new_type(Type::Named(Named {
            obj,
            origin: None,
            targs: Box::default(),
            tparams: OnceLock::new(),
            rhs: OnceLock::new(),
            underlying: OnceLock::new(),
            methods: OnceLock::new(),
        }));
        self.set_type(obj, id);
        let Type::Named(named) = store.ty(id) else {
            return;
        };
        if order != 0 {
            let methods = std::mem::take(&mut self.decls[order as usize - 1].methods);
            let methods = self.unique_methods(obj, methods);
            let _ = named.methods.set(methods.into());
        } else {
            let _ = named.methods.set(Box::default());
        }
        self.declared_types.push(obj);
        self.locals.open();
        if tparams.is_empty() {
            let _ = named.tparams.set(Box::default());
        } else {
            let at = ast.fields[tparams[0]].span.lo;
            self.require_version(at, 18, "type parameter");
            self.declare_tparams(tparams, |list| {
                let _ = named.tparams.set(list.into());
            });
        }
        let rhs = self.definition(*ty, obj);
        self.locals.close();
        if store.is_type_param(rhs) {
            self.error_at(
                *ty,
                "MisplacedTypeParam",
                "cannot use a type parameter as RHS in type declaration",
            );
            let _ = named.underlying.set(TypeId::INVALID);
            return;
        }
        let _ = named.rhs.set(rhs);
        // Before anything asks for sizes or fields. Where types mention each other, the outermost declaration does it.
        let is_type = |obj: &ObjId| matches!(store.obj(*obj).kind, ObjKind::TypeName);
        if self.path.iter().filter(|obj| is_type(obj)).count() <= 1 {
            self.check_recursive_types();
        }
        if !named.methods.get().is_none_or(|methods| methods.is_empty()) {
            self.later(move |checker| checker.check_field_method_clash(id));
        }
    }

    /// Drops and reports methods whose name another one has.
    fn unique_methods(&mut self, base: ObjId, methods: Vec<ObjId>) -> Vec<ObjId> {
        let mut seen = base::FxHashMap::default();
        let mut unique = Vec::with_capacity(methods.len());
        for method in methods {
            let object = self.store.obj(method);
            if let Some(&other) = seen.get(&object.name) {
                let other_pos = self.store.obj(other).pos;
                let at = self.position(other_pos).unwrap_or_default();
                let base = self.store.obj(base).name;
                let name = object.name;
                self.error(
                    object.pos,
                    "DuplicateMethod",
                    format!("method {base}.{name} already declared at {at}"),
                );
            } else {
                seen.insert(object.name, method);
                unique.push(method);
            }
        }
        unique
    }
    fn check_field_method_clash(&mut self, ty: TypeId) {
        let store = self.store;
        let Type::Struct(structure) = store.under(ty) else {
            return;
        };
        let methods: base::FxHashMap<_, _> = store
            .methods(ty)
            .iter()
            .map(|&method| (store.obj(method).name, method))
            .collect();
        for &field in &structure.fields {
            let object = store.obj(field);
            if object.name == self.names.blank {
                continue;
            }
            if let Some(&method) = methods.get(&object.name) {
                let name = object.name;
                let lines = [(object.pos, format!("other declaration of {name}"))];
                let pos = store.obj(method).pos;
                self.error_lines(
                    pos,
                    "DuplicateFieldAndMethod",
                    format!("field and method with the same name {name}"),
                    &lines,
                );
            }
        }
    }

    /// Declares type parameters in the innermost block. `early` gets them before their constraints are looked at.
    pub(super) fn declare_tparams(
        &mut self,
        fields: &[FieldId],
        early: impl FnOnce(&[TypeId]),
    ) -> Box<[TypeId]> {
        let ast = self.env.ast;
        let store = self.store;
        let mut list = Vec::with_capacity(fields.len());
        for (index, &id) in fields.iter().enumerate() {
            let field = &ast.fields[id];
            let (name, pos) = match field.name {
                Some(name) => (ast.sym(name), ast.names[name].pos),
                None => (self.names.blank, field.span.lo),
            };
            let obj = store.new_object(Object::new(ObjKind::TypeName, name, pos, Some(self.pkg)));
            let ty = store.new_type(Type::TypeParam(TypeParam {
                obj,
                index: index as u32,
                bound: OnceLock::new(),
            }));
            self.set_type(obj, ty);
            self.table().fields[id] = Some(obj);
            if let Some(name) = field.name {
                self.record_name(name, obj);
            }
            self.declare_local(obj);
            list.push(ty);
        }
        early(&list);
        let saved = std::mem::replace(&mut self.env.in_tparams, true);
        let mut previous: Option<(ExprId, TypeId)> = None;
        for (&id, &ty) in fields.iter().zip(&list) {
            let constraint = ast.fields[id].ty;
            let bound = match previous {
                Some((expr, bound)) if expr == constraint => bound,
                _ => {
                    let bound = self.bound_type(constraint);
                    if store.is_type_param(bound) {
                        self.error_at(
                            constraint,
                            "MisplacedTypeParam",
                            "cannot use a type parameter as constraint",
                        );
                        TypeId::INVALID
                    } else {
                        bound
                    }
                }
            };
            previous = Some((constraint, bound));
            if let Type::TypeParam(param) = store.ty(ty) {
                let _ = param.bound.set(bound);
            }
        }
        self.env.in_tparams = saved;
        list.into()
    }

    /// The type of a constraint; `~T` and `A | B` and non-interface types are wrapped in an interface.
    fn bound_type(&mut self, expr: ExprId) -> TypeId {
        let store = self.store;
        let wrap = |this: &mut Self, ty: TypeId| {
            let pos = this.pos(expr);
            store.new_type(Type::Interface(Interface {
                methods: Box::default(),
                embeds: Box::new([ty]),
                embed_pos: Box::new([pos]),
                implicit: true,
                type_set: OnceLock::new(),
            }))
        };
        match self.kind(expr) {
            ExprKind::Binary {
                op: ast::BinaryOp::Or,
                ..
            }
            | ExprKind::Unary {
                op: ast::UnaryOp::Tilde,
                ..
            } => {
                let ty = self.union_type(expr);
                let id = wrap(self, ty);
                self.record_type(expr, id);
                id
            }
            _ => {
                let ty = self.typ(expr);
                if ty == TypeId::INVALID || store.is_type_param(ty) {
                    return ty;
                }
                // An incomplete type is a defined or alias type under way; an interface, or wrapped if it turns out not to be.
                match store.try_underlying(ty) {
                    Some(under) => match store.ty(under) {
                        Type::Interface(_) | Type::Basic(BasicKind::Invalid) => ty,
                        _ => {
                            let id = wrap(self, ty);
                            self.check_embedded_version(ty, self.pos(expr));
                            id
                        }
                    },
                    None => ty,
                }
            }
        }
    }
    pub(super) fn check_embedded_version(&mut self, ty: TypeId, pos: Pos) {
        if !self.allows(18) && !self.invalid_types.contains(&ty) {
            let text = self.type_str(ty);
            self.require_version(pos, 18, &format!("embedding non-interface type {text}"));
        }
    }

    // Functions.

    fn func_decl(&mut self, obj: ObjId, decl: DeclId) {
        let ast = self.env.ast;
        let DeclKind::Func {
            recv,
            name,
            ty,
            body,
        } = &ast.decl_arena[decl].kind
        else {
            return;
        };
        let ExprKind::FuncType(func) = &ast.exprs[*ty].kind else {
            return;
        };
        // Its own dependencies are those of its body, not of its signature.
        let order = std::mem::replace(&mut self.env.decl, 0);
        let signature = self.func_signature(*ty, func, *recv, Some(obj));
        self.set_type(obj, signature);
        if let Some(pending) = self.pending_funcs.remove(&obj)
            && let Type::Alias(alias) = self.store.ty(pending)
        {
            let _ = alias.target.set(signature);
        }
        self.env.decl = order;
        let pos = self.name_pos(*name);
        let is_generic = self
            .store
            .signature(signature)
            .is_some_and(|signature| !signature.tparams.is_empty());
        match body {
            None => {
                if is_generic {
                    self.error(pos, "BadDecl", "generic function is missing function body");
                } else if !self.input.bodyless_ok
                    && self.sym(*name) != self.names.init
                    && !self.has_linkname(*name)
                {
                    self.late.push(
                        diagnostics::Diagnostic::error("MissingBody", pos, "missing function body")
                            .late(),
                    );
                }
            }
            Some(body) => {
                if !self.input.ignore_func_bodies {
                    let body = Body {
                        signature,
                        body: *body,
                        name: Some(obj),
                    };
                    self.later(move |checker| checker.func_body(body));
                }
            }
        }
    }
    /// Whether a `//go:linkname` directive names this function as its local name.
    fn has_linkname(&self, name: NameId) -> bool {
        let name = self.sym(name).as_str();
        self.env.ast.directives.iter().any(|directive| {
            let mut words = directive.text.split_whitespace();
            matches!(words.next(), Some("go:linkname" | "go:linknamestd"))
                && words.next() == Some(name)
        })
    }

    // Local declarations.

    pub(super) fn local_decls(&mut self, decls: &[DeclId]) {
        let ast = self.env.ast;
        let mut last_const: Option<(Option<u32>, Option<ExprId>, &'a [ExprId])> = None;
        for &id in decls {
            let decl = &ast.decl_arena[id];
            match &decl.kind {
                DeclKind::Const {
                    names,
                    ty,
                    values,
                    iota,
                } => {
                    let explicit = ty.is_some() || !values.is_empty();
                    // A local group is one statement.
                    if explicit || last_const.is_none() {
                        last_const = Some((decl.group, *ty, values));
                    }
                    let (_, ty, values) = last_const.expect("set above");
                    let mut objs = Vec::with_capacity(names.len());
                    for (i, &name) in names.iter().enumerate() {
                        let kind = ObjKind::Const(OnceLock::new());
                        let object =
                            Object::new(kind, ast.sym(name), ast.names[name].pos, Some(self.pkg));
                        let obj = self.store.new_object(object);
                        self.record_name(name, obj);
                        let env = self.env.clone();
                        self.const_decl(obj, ty, values.get(i).copied(), *iota, !explicit);
                        self.env.iota = env.iota;
                        self.env.error_pos = env.error_pos;
                        objs.push(obj);
                    }
                    let first = names
                        .first()
                        .map_or(decl.span.lo, |&name| ast.names[name].pos);
                    self.check_const_arity(first, names, values, !explicit);
                    for obj in objs {
                        self.declare_local(obj);
                    }
                }
                DeclKind::Var { names, ty, values } => self.local_var_decl(names, *ty, values),
                DeclKind::Type { name, .. } => {
                    let object = Object::new(
                        ObjKind::TypeName,
                        ast.sym(*name),
                        ast.names[*name].pos,
                        Some(self.pkg),
                    );
                    let obj = self.store.new_object(object);
                    self.record_name(*name, obj);
                    self.declare_local(obj);
                    if !self.func_tparams.is_empty() {
                        self.mono.note_local(obj, self.func_tparams.clone());
                    }
                    self.path.push(obj);
                    self.type_decl(obj, id);
                    self.path.pop();
                    if self.path.is_empty() {
                        for body in std::mem::take(&mut self.pending_literals) {
                            self.function(body.signature, body.body);
                        }
                    }
                }
                DeclKind::Bad | DeclKind::Import { .. } | DeclKind::Func { .. } => {}
            }
        }
    }

    fn local_var_decl(&mut self, names: &[NameId], ty: Option<ExprId>, values: &[ExprId]) {
        let ast = self.env.ast;
        let vars: Vec<ObjId> = names
            .iter()
            .map(|&name| {
                let var = self.new_var(VarKind::Local, ast.sym(name), ast.names[name].pos);
                self.record_name(name, var);
                var
            })
            .collect();
        if let Some(ty) = ty {
            let t = self.var_type(ty);
            for &var in &vars {
                self.set_type(var, t);
            }
        }
        if !values.is_empty() {
            if names.len() == values.len() {
                for (&var, &value) in vars.iter().zip(values) {
                    let mut x = self.init_expr(var, value);
                    self.init_var(var, &mut x, "variable declaration");
                }
            } else if values.len() == 1 {
                self.init_vars(&vars, values, None);
            } else {
                self.use_exprs(values);
                self.check_var_arity(names, values);
            }
        }
        for &var in &vars {
            if self.store.obj(var).ty.get().is_none() {
                self.set_type(var, TypeId::INVALID);
            }
        }
        for var in vars {
            if self.declare_local(var) {
                self.local_vars.push(var);
            }
        }
    }

    /// Body of a declared function or (checked later) of a function literal at package level.
    pub(super) fn func_body(&mut self, body: Body) {
        let locals = std::mem::take(&mut self.locals);
        let vars = std::mem::take(&mut self.local_vars);
        let mut tparams = Vec::new();
        if body.name.is_some()
            && let Some(signature) = self.store.signature(body.signature)
        {
            tparams.extend_from_slice(&signature.recv_tparams);
            tparams.extend_from_slice(&signature.tparams);
        }
        let tparams = std::mem::replace(&mut self.func_tparams, tparams);
        self.env.in_func = true;
        self.env.error_pos = None;
        self.function(body.signature, body.body);
        self.report_unused_vars();
        self.func_tparams = tparams;
        self.local_vars = vars;
        self.locals = locals;
    }

    /// Checks a function's statements in a new block that declares parameters and results.
    pub(super) fn function(&mut self, signature: TypeId, body: StmtId) {
        let store = self.store;
        let saved = self.env.signature.replace(signature);
        let has_call = self.env.has_call_or_recv;
        self.locals.open();
        if let Type::Signature(sig) = store.ty(signature) {
            for &tparam in sig.recv_tparams.iter().chain(&sig.tparams) {
                if let Type::TypeParam(param) = store.ty(tparam) {
                    self.bind(param.obj);
                }
            }
            for &var in sig.recv.iter().chain(&sig.params).chain(&sig.results) {
                self.bind(var);
            }
        }
        let ast = self.env.ast;
        let ast::StmtKind::Block { stmts, rbrace } = &ast.stmts[body].kind else {
            self.locals.close();
            self.env.signature = saved;
            return;
        };
        self.check_branches(body);
        self.func_stmts(stmts);
        if let Type::Signature(sig) = store.ty(signature)
            && !sig.results.is_empty()
            && !self.is_terminating_list(stmts)
        {
            self.error(*rbrace, "MissingReturn", "missing return");
        }
        self.locals.close();
        self.env.signature = saved;
        self.env.has_call_or_recv = has_call;
    }
    /// Declares without complaint: duplicates have been reported with the signature.
    fn bind(&mut self, obj: ObjId) {
        let name = self.store.obj(obj).name;
        if name != self.names.blank && name != self.names.empty {
            self.locals.declare(name, obj);
        }
    }

    fn report_unused_vars(&mut self) {
        let mut unused: Vec<(Pos, ObjId)> = Vec::new();
        for &var in &self.local_vars {
            let object = self.store.obj(var);
            if object.name != self.names.blank && !self.is_used(var) {
                unused.push((object.pos, var));
            }
        }
        unused.sort();
        unused.dedup();
        for (pos, var) in unused {
            let name = self.store.obj(var).name;
            self.soft_error(pos, "UnusedVar", format!("declared and not used: {name}"));
        }
    }
}
