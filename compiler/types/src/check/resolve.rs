//! Collection of package-level objects and imports.

use std::sync::Arc;

use base::Symbol;
use source::Pos;
use syntax::ast::{self, DeclKind, ExprId, ExprKind, NameId};

use super::{Checker, DeclInfo, Source, State};
use crate::constant;
use crate::model::*;

/// A method that waits to be given to its type.
struct MethodDecl {
    obj: ObjId,
    file: usize,
    pointer: bool,
    base: NameId,
}

impl<'a> Checker<'a> {
    pub(super) fn collect_objects(&mut self) {
        let mut methods = Vec::new();
        for file in 0..self.asts.len() {
            self.file_names.push(Default::default());
            self.env.file = file;
            self.env.ast = &self.asts[file];
            self.env.version = self.tables[file].go_version.1;
            self.collect_file(file, &mut methods);
        }
        self.check_file_scopes();
        self.associate_methods(methods);
        let scope = self.store.scope(self.scope);
        let _ = scope.names.set(self.pkg_names.clone());
    }

    fn new_decl(&mut self, kind: ObjKind, name: NameId, source: Source) -> ObjId {
        let mut object = Object::new(kind, self.sym(name), self.name_pos(name), Some(self.pkg));
        object.order = self.decls.len() as u32 + 1;
        let _ = object.parent.set(self.scope);
        let obj = self.store.new_object(object);
        self.decls.push(DeclInfo {
            obj,
            file: self.env.file as u32,
            state: State::New,
            source,
            deps: Vec::new(),
            methods: Vec::new(),
        });
        self.record_name(name, obj);
        obj
    }

    /// Declares a package-level constant, type or variable.
    fn declare_package(&mut self, name: NameId, obj: ObjId) {
        let sym = self.sym(name);
        let pos = self.name_pos(name);
        if sym == self.names.init {
            self.error(pos, "InvalidInitDecl", "cannot declare init - must be func");
            return;
        }
        if sym == self.names.main && self.pkg_name == self.names.main {
            self.error(pos, "InvalidMainDecl", "cannot declare main - must be func");
            return;
        }
        self.declare_in_package(sym, pos, obj);
    }
    fn declare_in_package(&mut self, name: Symbol, pos: Pos, obj: ObjId) {
        if name == self.names.blank {
            return;
        }
        if let Some(&other) = self.pkg_names.get(&name) {
            self.redeclared(pos, name, other);
        } else {
            self.pkg_names.insert(name, obj);
        }
    }

    fn collect_file(&mut self, file: usize, methods: &mut Vec<MethodDecl>) {
        let ast: &'a ast::File = &self.asts[file];
        let name = ast.sym(ast.package_name);
        let name_pos = ast.names[ast.package_name].pos;
        if name == self.names.blank {
            self.error(name_pos, "BlankPkgName", "invalid package name _");
        } else if name != self.pkg_name {
            let want = self.pkg_name;
            self.error(
                name_pos,
                "MismatchedPkgName",
                format!("package {name}; expected package {want}"),
            );
        }
        // The last specification of the current group with a type or values.
        let mut last_const: Option<(Option<u32>, Option<ExprId>, &'a [ExprId])> = None;
        for &id in &ast.decls {
            let decl = &ast.decl_arena[id];
            match &decl.kind {
                DeclKind::Bad => {}
                DeclKind::Import { name, path } => {
                    let pos = name.map_or_else(|| self.pos(*path), |name| ast.names[name].pos);
                    self.collect_import(file, *name, *path, pos);
                }
                DeclKind::Const {
                    names,
                    ty,
                    values,
                    iota,
                } => {
                    let explicit = ty.is_some() || !values.is_empty();
                    if explicit
                        || last_const
                            .is_none_or(|(group, ..)| group != decl.group || group.is_none())
                    {
                        last_const = Some((decl.group, *ty, values));
                    }
                    let (_, ty, values) = last_const.expect("set above");
                    for (i, &name) in names.iter().enumerate() {
                        let source = Source::Const {
                            ty,
                            init: values.get(i).copied(),
                            iota: *iota,
                            inherited: !explicit,
                        };
                        let obj = self.new_decl(ObjKind::Const(Default::default()), name, source);
                        self.declare_package(name, obj);
                    }
                    let first = names
                        .first()
                        .map_or(decl.span.lo, |&name| ast.names[name].pos);
                    self.check_const_arity(first, names, values, !explicit);
                }
                DeclKind::Var { names, ty, values } => {
                    if names.len() > 1 && values.len() == 1 {
                        let start = self.decls.len();
                        let mut objs = Vec::with_capacity(names.len());
                        for &name in names {
                            let source = Source::Var {
                                ty: *ty,
                                init: Some(values[0]),
                                lhs: None,
                            };
                            let obj = self.new_decl(ObjKind::Var(VarKind::Package), name, source);
                            self.declare_package(name, obj);
                            objs.push(obj);
                        }
                        let objs: Arc<[ObjId]> = objs.into();
                        for info in &mut self.decls[start..] {
                            if let Source::Var { lhs, .. } = &mut info.source {
                                *lhs = Some(objs.clone());
                            }
                        }
                    } else {
                        for (i, &name) in names.iter().enumerate() {
                            let source = Source::Var {
                                ty: *ty,
                                init: values.get(i).copied(),
                                lhs: None,
                            };
                            let obj = self.new_decl(ObjKind::Var(VarKind::Package), name, source);
                            self.declare_package(name, obj);
                        }
                    }
                    if ty.is_none() || !values.is_empty() {
                        self.check_var_arity(names, values);
                    }
                }
                DeclKind::Type { name, .. } => {
                    let obj = self.new_decl(ObjKind::TypeName, *name, Source::Type { decl: id });
                    self.declare_package(*name, obj);
                }
                DeclKind::Func {
                    recv,
                    name,
                    ty,
                    body,
                } => {
                    let func = Func {
                        decl: Some((file as u32, id)),
                        ..Func::default()
                    };
                    let obj = self.new_decl(ObjKind::Func(func), *name, Source::Func { decl: id });
                    let ExprKind::FuncType(signature) = &ast.exprs[*ty].kind else {
                        continue;
                    };
                    let sym = ast.sym(*name);
                    let pos = ast.names[*name].pos;
                    let mut tparam_error = false;
                    match recv {
                        None => {
                            let is_init = sym == self.names.init;
                            if is_init
                                || (sym == self.names.main && self.pkg_name == self.names.main)
                            {
                                let code = if is_init {
                                    "InvalidInitDecl"
                                } else {
                                    "InvalidMainDecl"
                                };
                                if let Some(&tparam) = signature.tparams.first() {
                                    let at = ast.fields[tparam].span.lo;
                                    self.soft_error(
                                        at,
                                        code,
                                        format!("func {sym} must have no type parameters"),
                                    );
                                    tparam_error = true;
                                }
                                if !signature.params.is_empty() || !signature.results.is_empty() {
                                    self.soft_error(
                                        pos,
                                        code,
                                        format!(
                                            "func {sym} must have no arguments and no return values"
                                        ),
                                    );
                                }
                            }
                            if is_init {
                                self.init_funcs.push((file as u32, id, obj));
                                if body.is_none() {
                                    self.soft_error(
                                        pos,
                                        "MissingInitBody",
                                        "func init must have a body",
                                    );
                                }
                            } else {
                                self.declare_in_package(sym, pos, obj);
                            }
                        }
                        Some(recv) => {
                            let (pointer, base) = self.unpack_receiver(ast.fields[*recv].ty);
                            if let ExprKind::Name(base) = ast.exprs[base].kind
                                && sym != self.names.blank
                            {
                                methods.push(MethodDecl {
                                    obj,
                                    file,
                                    pointer,
                                    base,
                                });
                            }
                        }
                    }
                    if let Some(&tparam) = signature.tparams.first()
                        && !tparam_error
                    {
                        let at = ast.fields[tparam].span.lo;
                        if recv.is_some() {
                            self.require_version(at, 27, "generic method");
                        } else {
                            self.require_version(at, 18, "type parameter");
                        }
                    }
                }
            }
        }
    }

    /// Whether a receiver type expression is a pointer, and the type's name without type parameters.
    pub(super) fn unpack_receiver(&self, expr: ExprId) -> (bool, ExprId) {
        let ast = self.env.ast;
        let mut pointer = false;
        let mut base = expr;
        loop {
            match &ast.exprs[base].kind {
                ExprKind::Paren(inner) => base = *inner,
                ExprKind::Star(inner) if !pointer => {
                    pointer = true;
                    base = *inner;
                }
                ExprKind::Unary {
                    op: ast::UnaryOp::Addr,
                    ..
                } => break,
                ExprKind::Index { x, .. } => base = *x,
                _ => break,
            }
        }
        (pointer, base)
    }

    pub(super) fn check_const_arity(
        &mut self,
        pos: Pos,
        names: &[NameId],
        values: &[ExprId],
        inherited: bool,
    ) {
        if names.len() < values.len() {
            let extra = values[names.len()];
            if inherited {
                let at = self.env.ast.exprs[extra].pos;
                let at = self.position(at).unwrap_or_default();
                self.error(pos, "WrongAssignCount", format!("extra init expr at {at}"));
            } else {
                let text = self.expr_str(extra);
                self.error_at(extra, "WrongAssignCount", format!("extra init expr {text}"));
            }
        } else if names.len() > values.len() {
            let name = names[values.len()];
            let (pos, sym) = (self.name_pos(name), self.sym(name));
            self.error(
                pos,
                "WrongAssignCount",
                format!("missing init expr for {sym}"),
            );
        }
    }
    pub(super) fn check_var_arity(&mut self, names: &[NameId], values: &[ExprId]) {
        if names.len() < values.len() {
            let extra = values[names.len()];
            let text = self.expr_str(extra);
            self.error_at(extra, "WrongAssignCount", format!("extra init expr {text}"));
        } else if names.len() > values.len() && values.len() != 1 {
            let name = names[values.len()];
            let (pos, sym) = (self.name_pos(name), self.sym(name));
            self.error(
                pos,
                "WrongAssignCount",
                format!("missing init expr for {sym}"),
            );
        }
    }

    fn collect_import(&mut self, file: usize, local: Option<NameId>, path_expr: ExprId, pos: Pos) {
        let ast = self.env.ast;
        let ExprKind::BasicLit { text, .. } = &ast.exprs[path_expr].kind else {
            return;
        };
        let Some(bytes) = constant::unquote(text) else {
            return;
        };
        // Invalid UTF-8 becomes a character that paths may not have.
        let path = String::from_utf8_lossy(&bytes).into_owned();
        if let Err(reason) = check_import_path(&path) {
            self.error_at(
                path_expr,
                "BadImportPath",
                format!("invalid import path ({reason})"),
            );
            return;
        }
        if path == "C" && self.input.fake_import_c {
            match local {
                Some(local) => {
                    let at = self.name_pos(local);
                    self.error(at, "ImportCRenamed", "cannot rename import \"C\"");
                }
                None => self.declare_broken_import(file, local, &path, pos),
            }
            return;
        }
        let imported = if path == "unsafe" {
            PkgId::UNSAFE
        } else {
            match (self.input.imports)(&path) {
                Ok(pkg) => pkg,
                Err(reason) => {
                    self.error_at(
                        path_expr,
                        "BrokenImport",
                        format!("could not import {path} ({reason})"),
                    );
                    self.declare_broken_import(file, local, &path, pos);
                    return;
                }
            }
        };
        let package = self.store.package(imported);
        let name = match local {
            Some(local) => {
                if path == "C" {
                    let at = self.name_pos(local);
                    self.error(at, "ImportCRenamed", "cannot rename import \"C\"");
                    return;
                }
                ast.sym(local)
            }
            None => package.name,
        };
        if name == self.names.init {
            self.error(
                pos,
                "InvalidInitDecl",
                "cannot import package as init - init must be a func",
            );
            return;
        }
        if !self.imports.contains(&imported) {
            self.imports.push(imported);
        }
        let object = Object::new(ObjKind::PkgName(imported), name, pos, Some(self.pkg));
        let obj = self.store.new_object(object.with_type(TypeId::INVALID));
        if let Some(local) = local {
            self.record_name(local, obj);
        }
        self.import_names.push(obj);
        if path == "C" {
            self.mark_used(obj);
        }
        if name == self.names.dot {
            self.collect_dot_import(
                file,
                imported,
                obj,
                local.map_or(pos, |local| ast.names[local].pos),
            );
        } else if name != self.names.blank {
            if let Some(&other) = self.file_names[file].get(&name) {
                self.redeclared(pos, name, other);
            } else {
                self.file_names[file].insert(name, obj);
            }
        }
    }

    /// Uses of a package that could not be imported are not errors of their own.
    fn declare_broken_import(&mut self, file: usize, local: Option<NameId>, path: &str, pos: Pos) {
        let name = match local {
            Some(local) => self.sym(local),
            None => {
                let last = path
                    .rsplit('/')
                    .find(|part| !is_major_version(part))
                    .unwrap_or(path);
                Symbol::intern(last)
            }
        };
        if name == self.names.init {
            let message = "cannot import package as init - init must be a func";
            self.error(pos, "InvalidInitDecl", message);
            return;
        }
        if name == self.names.dot || name == self.names.blank {
            return;
        }
        let scope = self.store.new_scope(Scope {
            parent: Some(ScopeId::UNIVERSE),
            span: Default::default(),
            names: Default::default(),
        });
        let pkg = self.store.new_package(Package {
            path: Symbol::intern(path),
            name,
            scope,
            go_version: (0, 0),
            imports: Default::default(),
            trees: Default::default(),
        });
        let object = Object::new(ObjKind::PkgName(pkg), name, pos, Some(self.pkg))
            .with_type(TypeId::INVALID);
        let obj = self.store.new_object(object);
        if let Some(local) = local {
            self.record_name(local, obj);
        }
        self.mark_used(obj);
        self.file_names[file].entry(name).or_insert(obj);
    }

    fn collect_dot_import(&mut self, file: usize, imported: PkgId, obj: ObjId, pos: Pos) {
        let Some(names) = self
            .store
            .scope(self.store.package(imported).scope)
            .names
            .get()
        else {
            return;
        };
        let mut exported: Vec<(Symbol, ObjId)> = names
            .iter()
            .map(|(&name, &member)| (name, member))
            .filter(|(name, _)| name.is_exported())
            .collect();
        exported.sort();
        for (name, member) in exported {
            if let Some(&other) = self.file_names[file].get(&name) {
                self.redeclared(pos, name, other);
            } else {
                self.file_names[file].insert(name, member);
                self.dot_imports.insert((file, name), obj);
            }
        }
    }

    /// Imported names and package-level names must differ.
    fn check_file_scopes(&mut self) {
        for file in 0..self.file_names.len() {
            let mut clashes: Vec<(Symbol, ObjId, ObjId)> = self.file_names[file]
                .iter()
                .filter_map(|(&name, &obj)| Some((name, obj, *self.pkg_names.get(&name)?)))
                .collect();
            clashes.sort();
            for (name, obj, declared) in clashes {
                let object = self.store.obj(obj);
                let pos = self.store.obj(declared).pos;
                let describe = |pkg: PkgId| {
                    let package = self.store.package(pkg);
                    format!("package {} ({:?})", package.name, package.path.as_str())
                };
                let mut lines = Vec::new();
                let message = match object.kind {
                    ObjKind::PkgName(imported) => {
                        lines.push((object.pos, format!("other declaration of {name}")));
                        format!(
                            "{name} already declared through import of {}",
                            describe(imported)
                        )
                    }
                    _ => {
                        if object.pos.is_some() {
                            lines.push((object.pos, format!("other declaration of {name}")));
                        }
                        let from = object.pkg.map(describe).unwrap_or_default();
                        format!("{name} already declared through dot-import of {from}")
                    }
                };
                self.error_lines(pos, "DuplicateDecl", message, &lines);
            }
        }
    }

    /// Gives methods to the declarations of their receiver base types (through aliases).
    fn associate_methods(&mut self, methods: Vec<MethodDecl>) {
        for method in methods {
            let mut name = self.asts[method.file].sym(method.base);
            let mut pointer = method.pointer;
            let mut seen = Vec::new();
            while let Some(&obj) = self.pkg_names.get(&name) {
                let order = self.store.obj(obj).order;
                if seen.contains(&order) {
                    break;
                }
                seen.push(order);
                let info = &self.decls[order as usize - 1];
                let Source::Type { decl } = info.source else {
                    break;
                };
                let ast: &'a ast::File = &self.asts[info.file as usize];
                let DeclKind::Type { alias, ty, .. } = &ast.decl_arena[decl].kind else {
                    break;
                };
                if !alias {
                    if let ObjKind::Func(func) = &self.store.obj(method.obj).kind {
                        let _ = func.ptr_recv.set(pointer);
                    }
                    self.decls[order as usize - 1].methods.push(method.obj);
                    break;
                }
                // An alias: continue with what it names.
                let mut expr = *ty;
                loop {
                    match &ast.exprs[expr].kind {
                        ExprKind::Paren(inner) => expr = *inner,
                        ExprKind::Star(inner) if !pointer => {
                            pointer = true;
                            expr = *inner;
                        }
                        // Methods cannot be declared for instances.
                        _ => break,
                    }
                }
                let ExprKind::Name(next) = ast.exprs[expr].kind else {
                    break;
                };
                name = ast.sym(next);
            }
        }
    }

    pub(super) fn report_unused_imports(&mut self) {
        for i in 0..self.import_names.len() {
            let obj = self.import_names[i];
            let object = self.store.obj(obj);
            if object.name == self.names.blank || self.is_used(obj) {
                continue;
            }
            let ObjKind::PkgName(imported) = object.kind else {
                continue;
            };
            let path = self.store.package(imported).path.as_str();
            let last = path.rsplit('/').next().unwrap_or(path);
            let name = object.name;
            let message = if name == self.names.dot || name.as_str() == last {
                format!("{path:?} imported and not used")
            } else {
                format!("{path:?} imported as {name} and not used")
            };
            self.soft_error(object.pos, "UnusedImport", message);
        }
    }
}

fn is_major_version(part: &str) -> bool {
    part.strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Why an import path is invalid, if it is.
fn check_import_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("empty string".into());
    }
    const ILLEGAL: &str = "!\"#$%&'()*,:;<=>?[\\]^{|}`\u{FFFD}";
    for ch in path.chars() {
        if ch.is_control() || ch.is_whitespace() || ILLEGAL.contains(ch) {
            return Err(format!("invalid character U+{:04X} {:?}", ch as u32, ch));
        }
    }
    Ok(())
}
