//! Type expressions.

use std::sync::OnceLock;

use base::{FxHashMap, Symbol};
use source::Pos;
use syntax::ast::{ArrayLen, BinaryOp, ExprId, ExprKind, FieldId, NameId, UnaryOp};

use super::Checker;
use super::operand::Operand;
use crate::constant;
use crate::model::*;
use crate::typed::*;

/// Unions may not have more terms, embedded ones included.
const MAX_TERMS: usize = 100;
const TOO_MANY_TERMS: &str = "cannot handle more than 100 union terms (implementation limitation)";

impl<'a> Checker<'a> {
    /// Evaluates an identifier as an operand (or type).
    pub(super) fn ident(&mut self, expr: ExprId, name: NameId, want_type: bool) -> Operand {
        let sym = self.sym(name);
        let mut x = Operand::invalid(expr);
        let Some(obj) = self.find(sym) else {
            if sym == self.names.blank {
                self.error_at(expr, "InvalidBlank", "cannot use _ as value or type");
            } else {
                self.error_at(expr, "UndeclaredName", format!("undefined: {sym}"));
            }
            return x;
        };
        let store = self.store;
        let object = store.obj(obj);
        if object.pkg.is_none()
            && let Some(&ty) = object.ty.get()
            && (ty == TypeId::ANY || ty == TypeId::COMPARABLE)
        {
            self.require_version(self.pos(expr), 18, &format!("predeclared {sym}"));
        }
        if want_type && !matches!(object.kind, ObjKind::TypeName | ObjKind::PkgName(_)) {
            // Its own type does not matter.
            self.record_name(name, obj);
            self.mark_used(obj);
            x.mode = Mode::Value;
            let text = self.not_a_type_str(&x);
            self.error_at(expr, "NotAType", format!("{text} is not a type"));
            return Operand::invalid(expr);
        }
        if object.ty.get().is_none() || !self.path.is_empty() {
            self.resolve_obj(obj);
        }
        self.record_name(name, obj);
        if object.pkg != Some(self.pkg)
            && !self.dot_imports.is_empty()
            && let Some(&import) = self.dot_imports.get(&(self.env.file, sym))
            && self.file_names[self.env.file].get(&sym) == Some(&obj)
        {
            self.mark_used(import);
        }
        let ty = match object.kind {
            ObjKind::Func(_) if object.order != 0 && object.ty.get().is_none() => {
                self.pending_func(obj)
            }
            _ => store.obj_type(obj),
        };
        match &object.kind {
            ObjKind::PkgName(_) => {
                let message = if want_type {
                    format!("{sym} (package name) is not a type")
                } else {
                    format!("use of package {sym} not in selector")
                };
                self.error_at(expr, "InvalidPkgUse", message);
                return x;
            }
            ObjKind::Const(value) => {
                self.add_dependency(obj);
                if ty == TypeId::INVALID {
                    return x;
                }
                let value = if object.pkg.is_none() && sym.as_str() == "iota" {
                    match &self.env.iota {
                        Some(iota) => iota.clone(),
                        None => {
                            self.error_at(
                                expr,
                                "InvalidIota",
                                "cannot use iota outside constant declaration",
                            );
                            return x;
                        }
                    }
                } else {
                    value
                        .get()
                        .cloned()
                        .unwrap_or(constant::ConstValue::Unknown)
                };
                x.mode = Mode::Constant;
                x.val = Some(value);
            }
            ObjKind::TypeName => {
                if !want_type && ty == TypeId::INVALID {
                    return x;
                }
                x.mode = Mode::TypeExpr;
            }
            ObjKind::Var(_) => {
                self.mark_used(obj);
                self.add_dependency(obj);
                if ty == TypeId::INVALID {
                    return x;
                }
                x.mode = Mode::Variable;
            }
            ObjKind::Func(_) => {
                self.add_dependency(obj);
                if ty == TypeId::INVALID {
                    return x;
                }
                x.mode = Mode::Value;
            }
            ObjKind::Builtin(builtin) => x.mode = Mode::Builtin(*builtin),
            ObjKind::Nil => x.mode = Mode::Nil,
            ObjKind::Label => return x,
        }
        x.ty = ty;
        x
    }

    /// The type that an expression denotes; not generic. [`TypeId::INVALID`] after an error.
    pub(super) fn typ(&mut self, expr: ExprId) -> TypeId {
        self.definition_type(expr, None)
    }
    /// The right-hand side of the declaration of `obj`.
    pub(super) fn definition(&mut self, expr: ExprId, obj: ObjId) -> TypeId {
        self.definition_type(expr, Some(obj))
    }
    fn definition_type(&mut self, expr: ExprId, def: Option<ObjId>) -> TypeId {
        let ty = stacker::maybe_grow(128 << 10, 2 << 20, || self.type_internal(expr, def));
        if self.store.is_generic(ty) && !matches!(self.store.ty(ty), Type::Signature(_)) {
            let text = self.type_str(ty);
            self.error_at(
                expr,
                "WrongTypeArgCount",
                format!("cannot use generic type {text} without instantiation"),
            );
            self.record_type(expr, TypeId::INVALID);
            return TypeId::INVALID;
        }
        self.record_type(expr, ty);
        ty
    }
    /// The type of a variable: not a constraint interface.
    pub(super) fn var_type(&mut self, expr: ExprId) -> TypeId {
        let ty = self.typ(expr);
        self.check_var_type(ty, expr);
        ty
    }
    fn check_var_type(&mut self, ty: TypeId, expr: ExprId) {
        let pos = self.span(expr);
        let _ = pos;
        self.later(move |checker| {
            if checker.invalid_types.contains(&checker.store.unalias(ty)) {
                return;
            }
            if let Type::Interface(interface) = checker.store.under(ty) {
                let set = checker.store.type_set(ty);
                let broken = interface
                    .embeds
                    .iter()
                    .any(|embed| checker.invalid_types.contains(embed));
                if !set.is_method_set() && !broken {
                    let text = checker.type_str(ty);
                    let why = if set.comparable {
                        "interface is (or embeds) comparable"
                    } else {
                        "interface contains type constraints"
                    };
                    checker.error_at(
                        expr,
                        "MisplacedConstraintIface",
                        format!("cannot use type {text} outside a type constraint: {why}"),
                    );
                }
            }
        });
    }
    /// A type that must be generic (and is to be instantiated).
    fn generic_type(&mut self, expr: ExprId) -> Result<TypeId, String> {
        let ty = stacker::maybe_grow(128 << 10, 2 << 20, || self.type_internal(expr, None));
        self.record_type(expr, ty);
        if let Type::Alias(alias) = self.store.ty(ty)
            && alias.target.get() == Some(&TypeId::INVALID)
            && self.store.is_generic(ty)
            && !self.path.contains(&alias.obj)
        {
            // The alias stands for nothing that could be instantiated.
            let text = self.type_str(ty);
            let message = format!("cannot use generic type {text} without instantiation");
            self.error_at(expr, "WrongTypeArgCount", message);
        }
        if self.store.unalias(ty) == TypeId::INVALID {
            return Ok(TypeId::INVALID);
        }
        if !self.store.is_generic(ty) {
            let text = self.type_str(ty);
            return Err(format!("{text} is not a generic type"));
        }
        Ok(ty)
    }

    fn type_internal(&mut self, expr: ExprId, def: Option<ObjId>) -> TypeId {
        let store = self.store;
        let ast = self.env.ast;
        match &ast.exprs[expr].kind {
            ExprKind::Bad => TypeId::INVALID,
            ExprKind::Name(name) => {
                let x = self.ident(expr, *name, true);
                self.type_of_operand(x)
            }
            ExprKind::Selector { x: operand, sel } => {
                let x = self.selector(expr, *operand, *sel, true);
                self.type_of_operand(x)
            }
            ExprKind::Index { x, indices } => {
                self.require_version(self.pos(expr), 18, "type instantiation");
                self.instantiated_type(expr, *x, indices)
            }
            ExprKind::Paren(inner) => self.definition_type(*inner, def),
            ExprKind::ArrayType { len, elem } => {
                let length = match len {
                    ArrayLen::Expr(len) => self.array_length(*len),
                    ArrayLen::Auto => {
                        self.error_at(
                            expr,
                            "BadDotDotDotSyntax",
                            "invalid use of [...] array (outside a composite literal)",
                        );
                        -1
                    }
                };
                let elem = self.var_type(*elem);
                if length < 0 {
                    return TypeId::INVALID;
                }
                store.array(length, elem)
            }
            ExprKind::SliceType(elem) => {
                let elem = self.var_type(*elem);
                store.slice(elem)
            }
            ExprKind::Ellipsis(elem) => {
                self.error_at(expr, "InvalidSyntaxTree", "invalid use of ...");
                if let Some(elem) = elem {
                    self.typ(*elem);
                }
                TypeId::INVALID
            }
            ExprKind::StructType { fields } => self.struct_type(fields),
            ExprKind::Star(elem) => {
                let elem = self.var_type(*elem);
                if elem == TypeId::INVALID {
                    TypeId::INVALID
                } else {
                    store.pointer(elem)
                }
            }
            ExprKind::FuncType(func) => {
                self.locals.open();
                let signature = self.func_signature(expr, func, None, None);
                self.locals.close();
                signature
            }
            ExprKind::InterfaceType { elems } => self.interface_type(elems),
            ExprKind::MapType { key, value } => {
                let key_type = self.var_type(*key);
                let elem = self.var_type(*value);
                let key = *key;
                self.later(move |checker| checker.check_map_key(key, key_type));
                store.map(key_type, elem)
            }
            ExprKind::ChanType { dir, elem } => {
                let elem = self.var_type(*elem);
                store.chan(*dir, elem)
            }
            ExprKind::Unary {
                op: UnaryOp::Tilde, ..
            } => {
                let text = "cannot use ~ outside of interface or type constraint";
                self.error_at(expr, "BadTypeUse", text);
                TypeId::INVALID
            }
            ExprKind::Unary {
                op: UnaryOp::Addr | UnaryOp::Recv,
                ..
            }
            | ExprKind::BasicLit { .. }
            | ExprKind::CompositeLit { .. }
            | ExprKind::FuncLit { .. }
            | ExprKind::Slice { .. }
            | ExprKind::TypeAssert { .. }
            | ExprKind::Call { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::KeyValue { .. } => {
                let text = self.expr_str(expr);
                self.error_at(expr, "NotAType", format!("{text} is not a type"));
                self.use_exprs(&[expr]);
                TypeId::INVALID
            }
        }
    }

    fn type_of_operand(&mut self, x: Operand) -> TypeId {
        let expr = x.expr.expect("type expression");
        match x.mode {
            Mode::TypeExpr => x.ty,
            Mode::Invalid => TypeId::INVALID,
            Mode::NoValue => {
                let text = self.expr_str(expr);
                self.error_at(expr, "NotAType", format!("{text} used as type"));
                TypeId::INVALID
            }
            _ => {
                let text = self.not_a_type_str(&x);
                self.error_at(expr, "NotAType", format!("{text} is not a type"));
                TypeId::INVALID
            }
        }
    }
    fn not_a_type_str(&self, x: &Operand) -> String {
        let expr = x.expr.expect("type expression");
        let text = self.expr_str(expr);
        let what = match self.kind(expr) {
            ExprKind::Name(name) => {
                self.tables[self.env.file].names[*name].map(|obj| match &self.store.obj(obj).kind {
                    ObjKind::Const(_) => "constant",
                    ObjKind::Var(VarKind::Package) => "package-level variable",
                    ObjKind::Var(VarKind::Param) => "parameter",
                    ObjKind::Var(VarKind::Result) => "result parameter",
                    ObjKind::Var(VarKind::Recv) => "receiver",
                    ObjKind::Var(_) => "local variable",
                    ObjKind::Func(_) => "function",
                    ObjKind::Builtin(_) => "built-in function",
                    ObjKind::Nil => "untyped nil",
                    ObjKind::PkgName(_) => "package name",
                    ObjKind::TypeName | ObjKind::Label => "",
                })
            }
            _ => None,
        };
        match what {
            Some(what) => format!("{text} ({what})"),
            None => self.operand_str(x),
        }
    }

    pub(super) fn check_map_key(&mut self, key: ExprId, ty: TypeId) {
        if ty == TypeId::INVALID || self.store.comparable(ty, true) {
            return;
        }
        let why = if self.store.is_type_param(ty) {
            " (missing comparable constraint)"
        } else {
            ""
        };
        let text = self.type_str(ty);
        self.error_at(
            key,
            "IncomparableMapKey",
            format!("invalid map key type {text}{why}"),
        );
    }

    /// The length of an array type; -1 after an error.
    fn array_length(&mut self, expr: ExprId) -> i64 {
        // A name that is no constant gets a message that considers a generic type declaration gone wrong.
        if let ExprKind::Name(name) = self.kind(expr) {
            let sym = self.sym(*name);
            match self.find(sym) {
                None => {
                    self.error_at(
                        expr,
                        "InvalidArrayLen",
                        format!("undefined array length {sym} or missing type constraint"),
                    );
                    return -1;
                }
                Some(obj) => {
                    if !matches!(self.store.obj(obj).kind, ObjKind::Const(_)) {
                        self.error_at(
                            expr,
                            "InvalidArrayLen",
                            format!("invalid array length {sym}"),
                        );
                        return -1;
                    }
                }
            }
        }
        let saved = std::mem::replace(&mut self.env.has_call_or_recv, false);
        let mut x = self.expr(expr);
        self.env.has_call_or_recv = saved;
        if !x.is_const() {
            if !x.is_invalid() {
                let text = self.operand_str(&x);
                self.error_at(
                    expr,
                    "InvalidArrayLen",
                    format!("array length {text} must be constant"),
                );
            }
            return -1;
        }
        if self.store.is_untyped(x.ty) || self.store.all_basic(x.ty, BasicKind::is_integer) {
            let value = x.val.clone().unwrap_or(constant::ConstValue::Unknown);
            if let Some(int) = value.to_int() {
                if let Ok(constant::ConstValue::Int(n)) = int.represent(BasicKind::Int)
                    && n >= 0
                {
                    self.convert_untyped(&mut x, TypeId::basic(BasicKind::Int));
                    return n;
                }
            }
        }
        let text = self.operand_str(&x);
        let message = if self.store.all_basic(x.ty, BasicKind::is_integer) {
            format!("invalid array length {text}")
        } else {
            format!("array length {text} must be integer")
        };
        self.error_at(expr, "InvalidArrayLen", message);
        -1
    }

    // Structs.

    fn struct_type(&mut self, list: &[FieldId]) -> TypeId {
        let ast = self.env.ast;
        let store = self.store;
        let mut fields = Vec::with_capacity(list.len());
        let mut tags: Vec<Box<[u8]>> = Vec::new();
        let mut seen: FxHashMap<Symbol, ObjId> = FxHashMap::default();
        let mut previous: Option<(ExprId, TypeId)> = None;
        for (index, &id) in list.iter().enumerate() {
            let field = &ast.fields[id];
            let ty = match previous {
                Some((expr, ty)) if expr == field.ty => ty,
                _ => self.var_type(field.ty),
            };
            previous = Some((field.ty, ty));
            let (name, pos) = match field.name {
                Some(name) => (ast.sym(name), ast.names[name].pos),
                None => self.embedded_name(field.ty),
            };
            let kind = if field.embedded {
                VarKind::Embedded
            } else {
                VarKind::Field
            };
            let obj = self.new_var_of(kind, name, pos, ty);
            if let Some(name) = field.name {
                self.record_name(name, obj);
            }
            self.table().fields[id] = Some(obj);
            if name != self.names.blank {
                if let Some(&other) = seen.get(&name) {
                    let lines = [(store.obj(other).pos, format!("other declaration of {name}"))];
                    self.error_lines(pos, "DuplicateDecl", format!("{name} redeclared"), &lines);
                } else {
                    seen.insert(name, obj);
                }
            }
            if let Some(tag) = field.tag
                && let ExprKind::BasicLit { text, .. } = &ast.exprs[tag].kind
                && let Some(value) = constant::unquote(text)
            {
                tags.resize(index, Box::default());
                tags.push(value.into());
            }
            fields.push(obj);
            if field.embedded {
                let expr = field.ty;
                self.later(move |checker| checker.check_embedded_field(expr, ty));
            }
        }
        if !tags.is_empty() {
            tags.resize(fields.len(), Box::default());
        }
        store.new_type(Type::Struct(Struct {
            fields: fields.into(),
            tags: tags.into(),
        }))
    }

    /// The name of an embedded field: that of its type.
    fn embedded_name(&self, mut expr: ExprId) -> (Symbol, Pos) {
        loop {
            match self.kind(expr) {
                ExprKind::Paren(inner) | ExprKind::Star(inner) => expr = *inner,
                ExprKind::Index { x, .. } => expr = *x,
                ExprKind::Name(name) | ExprKind::Selector { sel: name, .. } => {
                    return (self.sym(*name), self.name_pos(*name));
                }
                _ => return (self.names.blank, self.pos(expr)),
            }
        }
    }
    fn check_embedded_field(&mut self, expr: ExprId, ty: TypeId) {
        let store = self.store;
        let (base, is_pointer) = store.deref(ty);
        let message = if store.is_type_param(base) {
            // The pointer to a type parameter is reported the same way.
            "embedded field type cannot be a (pointer to a) type parameter"
        } else {
            match store.under(base) {
                Type::Basic(BasicKind::Invalid) => return,
                Type::Basic(BasicKind::UnsafePointer) => {
                    "embedded field type cannot be unsafe.Pointer"
                }
                Type::Pointer(_) => "embedded field type cannot be a pointer",
                Type::Interface(_) if is_pointer => {
                    "embedded field type cannot be a pointer to an interface"
                }
                _ => return,
            }
        };
        self.error_at(expr, "InvalidPtrEmbed", message);
    }

    // Interfaces.

    fn interface_type(&mut self, elems: &[FieldId]) -> TypeId {
        let ast = self.env.ast;
        let store = self.store;
        if elems.is_empty() {
            return TypeId::INTERFACE_LITERAL;
        }
        let mut methods = Vec::new();
        let mut embeds = Vec::new();
        let mut embed_pos = Vec::new();
        let mut embed_exprs = Vec::new();
        for &id in elems {
            let field = &ast.fields[id];
            match (field.name, &ast.exprs[field.ty].kind) {
                (Some(name), ExprKind::FuncType(func)) => {
                    let sym = ast.sym(name);
                    let pos = ast.names[name].pos;
                    if sym == self.names.blank {
                        self.error(
                            pos,
                            "BlankIfaceMethod",
                            "methods must have a unique non-blank name",
                        );
                        continue;
                    }
                    let kind = ObjKind::Func(Func {
                        is_interface_method: true,
                        ..Func::default()
                    });
                    let method = store.new_object(Object::new(kind, sym, pos, Some(self.pkg)));
                    self.record_name(name, method);
                    self.table().fields[id] = Some(method);
                    self.locals.open();
                    let ty = self.func_signature(field.ty, func, None, None);
                    self.locals.close();
                    if let Type::Signature(signature) = store.ty(ty)
                        && !signature.tparams.is_empty()
                    {
                        let at = func
                            .tparams
                            .first()
                            .map_or(pos, |&tparam| ast.fields[tparam].span.lo);
                        self.error(
                            at,
                            "InvalidMethodTypeParams",
                            "interface method must have no type parameters",
                        );
                    }
                    self.record_type(field.ty, ty);
                    self.set_type(method, ty);
                    methods.push(method);
                }
                _ => {
                    let ty = self.union_type(field.ty);
                    // Before go1.18 such elements are complained about and count for nothing.
                    if !self.allows(18)
                        && matches!(store.ty(ty), Type::Basic(kind) if *kind != BasicKind::Invalid)
                    {
                        let pos = self.pos(field.ty);
                        self.later(move |checker| checker.check_embedded_version(ty, pos));
                        continue;
                    }
                    embeds.push(ty);
                    embed_pos.push(self.pos(field.ty));
                    embed_exprs.push(field.ty);
                }
            }
        }
        // gc prints and numbers methods in the order of their names.
        methods.sort_by_key(|&method| store.obj(method).name);
        let id = store.new_type(Type::Interface(Interface {
            methods: methods.into(),
            embeds: embeds.into(),
            embed_pos: embed_pos.into(),
            implicit: false,
            type_set: OnceLock::new(),
        }));
        self.later(move |checker| checker.check_interface(id, &embed_exprs));
        id
    }

    /// Duplicate methods and embedded elements that are not allowed.
    fn check_interface(&mut self, id: TypeId, embed_exprs: &[ExprId]) {
        let store = self.store;
        let Type::Interface(interface) = store.ty(id) else {
            return;
        };
        // Methods with the place where they came in.
        let mut seen: FxHashMap<(Symbol, Option<PkgId>), (ObjId, Pos)> = FxHashMap::default();
        let key = |object: &Object| {
            (
                object.name,
                if object.name.is_exported() {
                    None
                } else {
                    object.pkg
                },
            )
        };
        for &method in &interface.methods {
            let object = store.obj(method);
            if let Some(&(_, at)) = seen.get(&key(object)) {
                let name = object.name;
                let lines = [(at, format!("other declaration of method {name}"))];
                self.error_lines(
                    object.pos,
                    "DuplicateDecl",
                    format!("duplicate method {name}"),
                    &lines,
                );
            } else {
                seen.insert(key(object), (method, object.pos));
            }
        }
        for (i, &embed) in interface.embeds.iter().enumerate() {
            let pos = interface.embed_pos[i];
            match store.under(embed) {
                Type::Interface(_) => {
                    let set = store.type_set(embed);
                    // That of this package is reported where it is declared.
                    if !set.is_method_set() && !self.allows(18) && self.is_imported(embed) {
                        let text = self.type_str(embed);
                        self.require_version(
                            pos,
                            18,
                            &format!("embedding constraint interface {text}"),
                        );
                    }
                    for &method in &set.methods {
                        let object = store.obj(method);
                        match seen.get(&key(object)) {
                            None => {
                                seen.insert(key(object), (method, pos));
                            }
                            Some(&(other, _)) if other == method && self.allows(14) => {}
                            Some(&(other, at)) => {
                                let same =
                                    store.identical(store.obj_type(other), store.obj_type(method));
                                if !same || !self.allows(14) {
                                    let name = object.name;
                                    let lines =
                                        [(at, format!("other declaration of method {name}"))];
                                    self.error_lines(
                                        pos,
                                        "DuplicateDecl",
                                        format!("duplicate method {name}"),
                                        &lines,
                                    );
                                }
                            }
                        }
                    }
                }
                Type::Basic(BasicKind::Invalid) => {}
                Type::Union(_) => {
                    if !self.allows(18) {
                        let text = self.type_str(embed);
                        self.require_version(
                            pos,
                            18,
                            &format!("embedding interface element {text}"),
                        );
                    }
                }
                _ => {
                    self.check_embedded_version(embed, pos);
                }
            }
        }
        let _ = embed_exprs;
        store.type_set(id);
    }

    /// Whether a defined type comes from another package than this one.
    fn is_imported(&self, ty: TypeId) -> bool {
        let named = self.store.named(self.store.unalias(ty));
        named.is_some_and(|named| {
            let pkg = self.store.obj(named.obj).pkg;
            pkg.is_some() && pkg != Some(self.pkg)
        })
    }

    /// An interface element: a type, `~T`, or a union of such.
    pub(super) fn union_type(&mut self, expr: ExprId) -> TypeId {
        let mut parts = Vec::new();
        let mut rest = expr;
        while let ExprKind::Binary {
            op: BinaryOp::Or,
            x,
            y,
        } = self.kind(rest)
        {
            parts.push(*y);
            rest = *x;
        }
        parts.push(rest);
        parts.reverse();
        let single = parts.len() == 1;
        let mut terms = Vec::with_capacity(parts.len());
        for &part in &parts {
            let (tilde, ty_expr) = match self.kind(part) {
                ExprKind::Unary {
                    op: UnaryOp::Tilde,
                    x,
                } => (true, *x),
                _ => (false, part),
            };
            let ty = self.typ(ty_expr);
            // An embedded type parameter is an error also when it is alone.
            if single && !tilde {
                if self.store.is_type_param(ty) {
                    self.error_at(
                        ty_expr,
                        "MisplacedTypeParam",
                        "term cannot be a type parameter",
                    );
                    self.record_type(expr, TypeId::INVALID);
                    return TypeId::INVALID;
                }
                return ty;
            }
            terms.push(UnionTerm { tilde, ty });
            if tilde {
                self.record_type(part, ty);
            }
        }
        if terms.iter().any(|term| term.ty == TypeId::INVALID) && single {
            return TypeId::INVALID;
        }
        if let Some(&extra) = parts.get(MAX_TERMS) {
            self.error_at(extra, "InvalidUnion", TOO_MANY_TERMS);
            return TypeId::INVALID;
        }
        let id = self.store.new_type(Type::Union(terms.into()));
        self.record_type(expr, id);
        self.later(move |checker| checker.check_union(id, &parts));
        id
    }

    fn check_union(&mut self, id: TypeId, parts: &[ExprId]) {
        let store = self.store;
        let Type::Union(terms) = store.ty(id) else {
            return;
        };
        let single = terms.len() == 1;
        let flat: usize = terms.iter().map(|term| self.term_count(term.ty)).sum();
        if flat > MAX_TERMS {
            self.error_at(parts[0], "InvalidUnion", TOO_MANY_TERMS);
            return;
        }
        for (i, (term, &part)) in terms.iter().zip(parts).enumerate() {
            if term.ty == TypeId::INVALID {
                continue;
            }
            let under = store.underlying(term.ty);
            if store.is_type_param(term.ty) {
                let text = self.type_str(term.ty);
                let message = if term.tilde {
                    format!("type in term ~{text} cannot be a type parameter")
                } else {
                    "term cannot be a type parameter".to_owned()
                };
                let at = match *self.kind(part) {
                    ExprKind::Unary { x, .. } if term.tilde => x,
                    _ => part,
                };
                self.error_at(at, "MisplacedTypeParam", message);
                continue;
            }
            let interface = matches!(store.ty(under), Type::Interface(_));
            if term.tilde {
                let text = self.type_str(term.ty);
                if interface {
                    self.error_at(
                        part,
                        "InvalidUnion",
                        format!("invalid use of ~ ({text} is an interface)"),
                    );
                    continue;
                }
                if under != TypeId::INVALID && !store.identical(under, term.ty) {
                    let under = self.type_str(under);
                    self.error_at(
                        part,
                        "InvalidUnion",
                        format!("invalid use of ~ (underlying type of {text} is {under})"),
                    );
                    continue;
                }
            }
            if interface {
                if single {
                    continue;
                }
                let set = store.type_set(term.ty);
                let text = self.full_type_str(term.ty);
                if !set.methods.is_empty() {
                    self.error_at(
                        part,
                        "InvalidUnion",
                        format!("cannot use {text} in union ({text} contains methods)"),
                    );
                } else if term.ty == TypeId::COMPARABLE {
                    self.error_at(part, "InvalidUnion", "cannot use comparable in union");
                } else if set.comparable {
                    self.error_at(
                        part,
                        "InvalidUnion",
                        format!("cannot use {text} in union ({text} embeds comparable)"),
                    );
                }
                continue;
            }
            for other in &terms[..i] {
                if matches!(store.under(other.ty), Type::Interface(_))
                    || other.ty == TypeId::INVALID
                {
                    continue;
                }
                if !store.terms_disjoint(*term, *other) {
                    let mut writer = String::new();
                    let show = |this: &Self, term: &UnionTerm| {
                        let ty = this.full_type_str(term.ty);
                        if term.tilde { format!("~{ty}") } else { ty }
                    };
                    writer.push_str(&show(self, term));
                    let other = show(self, other);
                    self.error_at(
                        part,
                        "InvalidUnion",
                        format!("overlapping terms {writer} and {other}"),
                    );
                    break;
                }
            }
        }
    }

    /// Number of terms that an element of a union contributes.
    fn term_count(&self, ty: TypeId) -> usize {
        match self.store.under(ty) {
            Type::Interface(_) => self.store.type_set(ty).terms.as_ref().map_or(1, Vec::len),
            _ => 1,
        }
    }

    // Instances.

    fn instantiated_type(&mut self, expr: ExprId, x: ExprId, indices: &[ExprId]) -> TypeId {
        let store = self.store;
        let generic = match self.generic_type(x) {
            Ok(ty) => ty,
            Err(why) => {
                let text = self.expr_str(expr);
                self.error_at(
                    x,
                    "NotAGenericType",
                    format!("invalid operation: {text} ({why})"),
                );
                return TypeId::INVALID;
            }
        };
        if generic == TypeId::INVALID {
            return TypeId::INVALID;
        }
        let mut targs = Vec::with_capacity(indices.len());
        for &index in indices {
            targs.push(self.var_type(index));
        }
        if targs.contains(&TypeId::INVALID) {
            return TypeId::INVALID;
        }
        let tparams = store.tparams(generic);
        let (got, want) = (targs.len(), tparams.len());
        if got != want {
            if let Type::Named(_) = store.ty(generic) {
                // An instance without structure: what it is used for can still be told from other types.
                self.later(move |checker| checker.error_targ_count(expr, generic, got, want));
                return store.instantiate(generic, &targs);
            }
            self.error_targ_count(expr, generic, got, want);
            return TypeId::INVALID;
        }
        let ty = store.instantiate(generic, &targs);
        self.instance_pos
            .entry(ty)
            .or_insert(match self.env.ast.exprs[x].kind {
                // At the dot.
                ExprKind::Selector { .. } => self.env.ast.exprs[x].pos,
                _ => self.env.ast.exprs[x].span.lo,
            });
        if let Some(name) = self.denoting_name(x) {
            let instance = Instance {
                targs: targs.clone().into(),
                ty,
            };
            self.table().instances.insert(name, instance);
        }
        self.note_instance(self.pos(expr), indices, tparams, &targs);
        let indices = indices.to_vec();
        let pos = self.pos(x);
        self.later(move |checker| {
            if let Err((index, why)) = checker.verify_instance(generic, &targs) {
                let at = indices.get(index).copied().unwrap_or(expr);
                let _ = pos;
                checker.error_at(at, "InvalidTypeArg", why);
            }
        });
        ty
    }

    fn error_targ_count(&mut self, expr: ExprId, generic: TypeId, got: usize, want: usize) {
        let (Type::Named(Named { obj, .. }) | Type::Alias(Alias { obj, .. })) =
            self.store.ty(generic)
        else {
            return;
        };
        let name = self.store.obj(*obj).name;
        let what = if got < want { "not enough" } else { "too many" };
        let at = match *self.kind(expr) {
            // At the dot.
            ExprKind::Index { x, .. } if matches!(self.kind(x), ExprKind::Selector { .. }) => {
                self.env.ast.exprs[x].pos
            }
            _ => self.pos(expr),
        };
        self.error(
            at,
            "WrongTypeArgCount",
            format!("{what} type arguments for type {name}: have {got}, want {want}"),
        );
    }

    /// The identifier that denotes a generic type or function.
    pub(super) fn denoting_name(&self, mut expr: ExprId) -> Option<NameId> {
        loop {
            match self.kind(expr) {
                ExprKind::Paren(inner) => expr = *inner,
                ExprKind::Name(name) | ExprKind::Selector { sel: name, .. } => return Some(*name),
                ExprKind::Index { x, .. } => expr = *x,
                _ => return None,
            }
        }
    }
}
