//! Link names: which function or variable a name stands for, after `//go:linkname` and `//go:linknamestd`.
//!
//! A directive gives a local declaration another link name. A function with a body under that name is its definition
//! (push), one without a body refers to whatever has that name (pull); a definition wins over declarations
//! wherever it is. The one-argument form only marks and changes no name. Targets may be methods
//! (`net/url.(*URL).setPath`, `net/http.serverHandler.ServeHTTP`). Without any definition the name is external.

use base::{FxHashMap, FxHashSet, Symbol};
use syntax::ast::{DeclId, DeclKind, ExprId, ExprKind, StmtId};
use types::{ObjId, ObjKind, TypedFile};

use crate::cx::Cx;

/// Directives that precede a function declaration, and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FuncDecl<'a> {
    pub file: &'a TypedFile,
    pub pkg: usize,
    pub decl: DeclId,
    pub body: Option<StmtId>,
    pub noinline: bool,
    pub nosplit: bool,
    /// `//go:uintptrescapes` or `//go:uintptrkeepalive`.
    pub uintptr_keepalive: bool,
    pub noescape: bool,
}

#[derive(Default)]
pub(crate) struct SymbolTable<'a> {
    /// Definitions of functions by link name.
    defs: FxHashMap<Symbol, ObjId>,
    /// Link names given by directives.
    names: FxHashMap<ObjId, Symbol>,
    pub decls: FxHashMap<ObjId, FuncDecl<'a>>,
    /// Package-level variables with an initialiser.
    pub initialised: FxHashSet<ObjId>,
    /// Variable that defines a link name.
    pub var_defs: FxHashMap<Symbol, ObjId>,
}

impl<'a> Cx<'a> {
    /// Fills the symbol table from all packages.
    pub(crate) fn collect_symbols(&mut self) {
        for index in 0..self.pkgs.len() {
            let typed = self.pkgs[index].typed;
            for init in &typed.init_order {
                self.symbols.initialised.extend(init.lhs.iter().copied());
            }
            for file in &typed.files {
                self.collect_directives(index, file);
            }
        }
        for index in 0..self.pkgs.len() {
            let typed = self.pkgs[index].typed;
            for file in &typed.files {
                self.collect_functions(index, file);
            }
        }
        let vars: Vec<ObjId> = self.symbols.initialised.iter().copied().collect();
        for var in vars {
            if let Some(&name) = self.symbols.names.get(&var) {
                self.symbols.var_defs.insert(name, var);
            }
        }
    }

    fn collect_directives(&mut self, pkg: usize, file: &'a TypedFile) {
        let scope = self.pkgs[pkg].typed.scope;
        for directive in &file.ast.directives {
            let mut words = directive.text.split_ascii_whitespace();
            if !matches!(words.next(), Some("go:linkname" | "go:linknamestd")) {
                continue;
            }
            let (Some(local), Some(target)) = (words.next(), words.next()) else {
                continue;
            };
            if let Some(obj) = self.store.scope_lookup(scope, Symbol::intern(local)) {
                self.symbols.names.insert(obj, Symbol::intern(target));
            }
        }
    }

    fn collect_functions(&mut self, pkg: usize, file: &'a TypedFile) {
        let ast = &file.ast;
        let mut directives = ast.directives.iter().peekable();
        for &decl in &ast.decls {
            let span = ast.decl_arena[decl].span;
            let (mut noinline, mut nosplit) = (false, false);
            let (mut uintptr_keepalive, mut noescape) = (false, false);
            while let Some(d) = directives.next_if(|d| d.pos < span.lo) {
                match d.text.split_ascii_whitespace().next() {
                    Some("go:noinline") => noinline = true,
                    Some("go:nosplit") => nosplit = true,
                    Some("go:uintptrescapes" | "go:uintptrkeepalive") => uintptr_keepalive = true,
                    Some("go:noescape") => noescape = true,
                    _ => {}
                }
            }
            while directives.next_if(|d| d.pos < span.hi).is_some() {}
            let DeclKind::Func {
                recv, name, body, ..
            } = &ast.decl_arena[decl].kind
            else {
                continue;
            };
            let Some(obj) = file.names[*name] else {
                continue;
            };
            self.symbols.decls.insert(
                obj,
                FuncDecl {
                    file,
                    pkg,
                    decl,
                    body: *body,
                    noinline,
                    nosplit,
                    uintptr_keepalive,
                    noescape,
                },
            );
            if body.is_none() || ast.sym(*name).is_blank() {
                continue;
            }
            let base = match recv {
                None => None,
                Some(field) => match receiver_name(file, ast.fields[*field].ty) {
                    Some(name) => Some(name),
                    None => continue,
                },
            };
            let natural = self.natural_name(pkg, base, ast.sym(*name));
            self.symbols.defs.entry(natural).or_insert(obj);
            if let Some(&pushed) = self.symbols.names.get(&obj) {
                self.symbols.defs.insert(pushed, obj);
            }
        }
        for (file_index, decl, obj) in &self.pkgs[pkg].typed.init_funcs {
            let owner = &self.pkgs[pkg].typed.files[*file_index as usize];
            if std::ptr::eq(owner, file) {
                let DeclKind::Func { body, .. } = &ast.decl_arena[*decl].kind else {
                    continue;
                };
                self.symbols.decls.insert(
                    *obj,
                    FuncDecl {
                        file,
                        pkg,
                        decl: *decl,
                        body: *body,
                        noinline: true,
                        nosplit: false,
                        uintptr_keepalive: false,
                        noescape: false,
                    },
                );
            }
        }
    }

    fn natural_name(&self, pkg: usize, recv: Option<(bool, Symbol)>, name: Symbol) -> Symbol {
        let path = self.pkgs[pkg].prefix;
        Symbol::intern(&match recv {
            None => format!("{path}.{name}"),
            Some((true, base)) => format!("{path}.(*{base}).{name}"),
            Some((false, base)) => format!("{path}.{base}.{name}"),
        })
    }

    /// The link name of a function or package-level variable that is not generic.
    pub(crate) fn link_name(&self, obj: ObjId) -> Symbol {
        if let Some(&name) = self.symbols.names.get(&obj) {
            return name;
        }
        let object = self.store.obj(obj);
        let path = match object.pkg {
            Some(pkg) => self.link_prefix(pkg),
            None => return object.name,
        };
        Symbol::intern(&format!("{path}.{}", object.name))
    }

    /// Whether a directive named this object's link name.
    pub(crate) fn has_linkname(&self, obj: ObjId) -> bool {
        self.symbols.names.contains_key(&obj)
    }

    /// The function with a body that defines a link name.
    pub(crate) fn definition(&self, name: Symbol) -> Option<ObjId> {
        self.symbols.defs.get(&name).copied()
    }

    /// The function that an object stands for, without type arguments' methods: instances lead to their origin.
    pub(crate) fn origin_func(&self, mut obj: ObjId) -> ObjId {
        while let ObjKind::Func(f) = &self.store.obj(obj).kind {
            match f.origin {
                Some(origin) if origin != obj => obj = origin,
                _ => break,
            }
        }
        obj
    }
}

/// Whether the receiver is a pointer, and the type's name; `None` for generic receivers.
fn receiver_name(file: &TypedFile, mut ty: ExprId) -> Option<(bool, Symbol)> {
    let mut pointer = false;
    loop {
        match &file.ast.exprs[ty].kind {
            ExprKind::Paren(inner) => ty = *inner,
            ExprKind::Star(inner) => {
                pointer = true;
                ty = *inner;
            }
            ExprKind::Name(name) => return Some((pointer, file.ast.sym(*name))),
            _ => return None,
        }
    }
}
