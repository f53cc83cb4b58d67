//! Package initialisation: order, static initialisers, `-X`, embedded files.

use std::rc::Rc;

use base::{FxHashMap, FxHashSet, Symbol};
use diagnostics::Diagnostic;
use mir::{FuncFlags, FuncId, GlobalId, Init, Op, Reloc, Terminator, Ty, TyKind, TypeTable};
use smallvec::SmallVec;
use source::Pos;
use syntax::ast::{DeclKind, ExprId, NameId};
use types::{Initializer, ObjId, PkgId, TypedFile};

use crate::analysis::{Analysis, analyse_expr};
use crate::consts::put_reloc;
use crate::cx::Cx;
use crate::func::FnCx;
use crate::input::EmbedFile;
use crate::statics::{Dynamic, StaticCx};

/// Literals with at least this many elements are laid out statically even if some elements are not static.
const PARTIAL_MIN: usize = 8;

/// An initialiser that becomes data when its variable is mentioned.
pub(crate) enum LazyInit<'a> {
    Expr {
        file: &'a TypedFile,
        pkg: usize,
        expr: ExprId,
    },
    Bytes(Vec<u8>),
    Embed(Vec<EmbedFile>),
}

impl<'a> Cx<'a> {
    /// Decides how every package-level variable is initialised and queues the packages' init functions, in order.
    pub(crate) fn lower_inits(&mut self) {
        for pkg in self.init_sequence() {
            self.package_init(pkg);
        }
    }

    /// Packages in initialisation order (spec, "Program initialization"): what package runtime imports and runtime itself
    /// first; among the packages that are ready, the one with the smallest import path is next.
    fn init_sequence(&self) -> Vec<usize> {
        let deps: Vec<Vec<usize>> = self
            .pkgs
            .iter()
            .map(|p| {
                p.typed
                    .imports
                    .iter()
                    .filter_map(|&i| self.pkg_of(i))
                    .collect()
            })
            .collect();
        let runtime = self
            .pkgs
            .iter()
            .position(|p| p.link_path.as_str() == "runtime");
        let mut of_runtime: FxHashSet<usize> = FxHashSet::default();
        let mut stack: Vec<usize> = runtime.into_iter().collect();
        while let Some(p) = stack.pop() {
            if of_runtime.insert(p) {
                stack.extend(deps[p].iter().copied());
            }
        }
        let mut order = Vec::with_capacity(self.pkgs.len());
        let mut done = vec![false; self.pkgs.len()];
        for first in [true, false] {
            let mut waiting: Vec<usize> = vec![0; self.pkgs.len()];
            let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.pkgs.len()];
            let mut ready: std::collections::BTreeSet<(Symbol, usize)> =
                std::collections::BTreeSet::new();
            for p in 0..self.pkgs.len() {
                if done[p] || of_runtime.contains(&p) != first {
                    continue;
                }
                let open: Vec<usize> = deps[p]
                    .iter()
                    .copied()
                    .filter(|&d| !done[d] && d != p)
                    .collect();
                waiting[p] = open.len();
                for d in open {
                    users[d].push(p);
                }
                if waiting[p] == 0 {
                    ready.insert((self.pkgs[p].link_path, p));
                }
            }
            while let Some((_, p)) = ready.pop_first() {
                done[p] = true;
                order.push(p);
                for &u in &users[p] {
                    waiting[u] -= 1;
                    if waiting[u] == 0 {
                        ready.insert((self.pkgs[u].link_path, u));
                    }
                }
            }
        }
        order
    }

    fn package_init(&mut self, pkg: usize) {
        let typed = self.pkgs[pkg].typed;
        let path = self.pkgs[pkg].prefix;
        self.number_init_lits(pkg);
        self.embedded_variables(pkg);
        let defines = self.defined_strings(pkg);
        let mut dynamic: Vec<&'a Initializer> = Vec::new();
        for init in &typed.init_order {
            let file = &typed.files[init.file as usize];
            if let [obj] = *init.lhs {
                if let Some(text) = defines.get(&self.store.obj(obj).name) {
                    let bytes = text.clone().into_bytes();
                    let link = self.link_name(obj);
                    self.lazy_inits.insert(link, LazyInit::Bytes(bytes));
                    continue;
                }
                if self.is_static_init(file, pkg, init.rhs, obj) {
                    if !self.store.obj(obj).name.is_blank() {
                        let link = self.link_name(obj);
                        self.lazy_inits.insert(
                            link,
                            LazyInit::Expr {
                                file,
                                pkg,
                                expr: init.rhs,
                            },
                        );
                    }
                    continue;
                }
            }
            dynamic.push(init);
        }
        // -X on a variable without initialiser.
        for (name, text) in &defines {
            if let Some(obj) = self.store.scope_lookup(typed.scope, *name) {
                let link = self.link_name(obj);
                self.lazy_inits
                    .entry(link)
                    .or_insert_with(|| LazyInit::Bytes(text.clone().into_bytes()));
            }
        }
        if !dynamic.is_empty() {
            let name = Symbol::intern(&format!("{path}.init"));
            let flags = FuncFlags {
                noinline: true,
                runtime: path.as_str() == "runtime",
                ..FuncFlags::default()
            };
            let func = self.declare(name, name, Pos::NONE, Box::new([]), Box::new([]), flags);
            self.p.inits.push(func);
            self.later(func, move |cx, func| {
                cx.lower_package_init(func, pkg, &dynamic)
            });
        }
        // Called by the runtime itself, so that callers see the frames that gc's programs have.
        for (i, &(_, _, obj)) in typed.init_funcs.iter().enumerate() {
            let func = self.init_func(pkg, i, obj);
            self.p.inits.push(func);
        }
    }

    fn number_init_lits(&mut self, pkg: usize) {
        let typed = self.pkgs[pkg].typed;
        let mut places: Vec<Pos> = Vec::new();
        let mut lits = Vec::new();
        for init in &typed.init_order {
            let file = &typed.files[init.file as usize];
            outer_lits(file, init.rhs, &mut lits);
            places.extend(lits.drain(..).map(|lit| file.ast.exprs[lit].span.lo));
        }
        places.sort_unstable();
        self.pkgs[pkg].init_lits = places.into_iter().zip(1..).collect();
    }

    /// `pkg.init.0` and so on.
    fn init_func(&mut self, pkg: usize, index: usize, obj: ObjId) -> FuncId {
        let path = self.pkgs[pkg].prefix;
        let name = Symbol::intern(&format!("{path}.init.{index}"));
        let flags = FuncFlags {
            noinline: true,
            runtime: path.as_str() == "runtime",
            ..FuncFlags::default()
        };
        let pos = self.store.obj(obj).pos;
        let func = self.declare(name, name, pos, Box::new([]), Box::new([]), flags);
        let (file_index, decl, _) = self.pkgs[pkg].typed.init_funcs[index];
        let file = &self.pkgs[pkg].typed.files[file_index as usize];
        let env = self.empty_env.clone();
        let DeclKind::Func { body, .. } = &file.ast.decl_arena[decl].kind else {
            return func;
        };
        let decl = crate::symbols::FuncDecl {
            file,
            pkg,
            decl,
            body: *body,
            noinline: true,
            nosplit: false,
            uintptr_keepalive: false,
            noescape: false,
        };
        self.later(func, move |cx, func| cx.lower_declared(func, decl, env));
        func
    }

    fn is_static_init(
        &mut self,
        file: &'a TypedFile,
        pkg: usize,
        expr: ExprId,
        obj: ObjId,
    ) -> bool {
        let env = self.empty_env.clone();
        let ty = self.ty(&env, self.store.obj_type(obj));
        // Literals of functions capture nothing at package level; their analysis is made when it is needed.
        let mut s = StaticCx {
            file,
            env,
            pkg,
            fresh: true,
            analysis: None,
            dynamic: None,
        };
        if contains_lit(file, expr) {
            s.analysis = Some(self.analyse_initialiser(file, expr));
        }
        self.is_static(&s, expr, ty)
    }
    fn analyse_initialiser(&mut self, file: &'a TypedFile, expr: ExprId) -> Rc<Analysis> {
        let store = self.store;
        let env = self.empty_env.clone();
        let mut is_func = |t| {
            let t = self.ty(&env, t);
            matches!(self.p.types.under(t), TyKind::Func(_))
        };
        Rc::new(analyse_expr(store, file, expr, &mut is_func))
    }

    /// A variable with a static initialiser was mentioned: make its data.
    pub(crate) fn run_lazy_init(&mut self, global: GlobalId, init: LazyInit<'a>) {
        let ty = self.p.globals[global].ty;
        let size = self.p.types.layout(ty).size;
        let mut data = Init {
            bytes: vec![0; size as usize],
            relocs: Vec::new(),
        };
        match init {
            LazyInit::Expr { file, pkg, expr } => {
                let env = self.empty_env.clone();
                let analysis =
                    contains_lit(file, expr).then(|| self.analyse_initialiser(file, expr));
                let mut s = StaticCx {
                    file,
                    env,
                    pkg,
                    fresh: true,
                    analysis,
                    dynamic: None,
                };
                let done = self.write_static(&mut s, expr, ty, &mut data, 0, None);
                debug_assert!(
                    done,
                    "static initialiser of {}",
                    self.p.globals[global].name
                );
            }
            LazyInit::Bytes(bytes) => self.put_string(&mut data, 0, &bytes),
            LazyInit::Embed(files) => self.put_embedded(&mut data, ty, files),
        }
        if data.bytes.iter().any(|&b| b != 0) || !data.relocs.is_empty() {
            self.p.globals[global].init = Some(data);
        }
    }

    fn put_string(&mut self, init: &mut Init, at: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let data = self.string_data(bytes);
        put_reloc(init, at, Reloc::Data(data, 0));
        let at = at as usize;
        init.bytes[at + 8..at + 16].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    }

    /// The code part of the initialisation of a package's variables.
    fn lower_package_init(&mut self, func: FuncId, pkg: usize, dynamic: &[&'a Initializer]) {
        let typed = self.pkgs[pkg].typed;
        let Some(first) = typed.files.first() else {
            return;
        };
        let analyses: Vec<Rc<Analysis>> = dynamic
            .iter()
            .map(|init| self.analyse_initialiser(&typed.files[init.file as usize], init.rhs))
            .collect();
        let flags = self.p.funcs[func].flags;
        let env = self.empty_env.clone();
        let empty = Rc::new(Analysis {
            nodes: vec![crate::analysis::Node::default()],
            ..Analysis::default()
        });
        let mut f = FnCx::new(self, func, first, pkg, env, empty, 0);
        f.flags = flags;
        f.is_init = true;
        for (init, analysis) in dynamic.iter().zip(analyses) {
            f.enter_file(&typed.files[init.file as usize], analysis);
            f.initialise(init);
            f.ensure_reachable();
        }
        f.b.terminate(Terminator::Return(SmallVec::new()));
        f.finish_synthetic();
    }

    // ---- -X

    fn defined_strings(&mut self, pkg: usize) -> FxHashMap<Symbol, String> {
        let path = self.pkgs[pkg].link_path.as_str();
        let typed = self.pkgs[pkg].typed;
        let mut out = FxHashMap::default();
        for (key, value) in &self.input.defines {
            let Some((p, name)) = key.rsplit_once('.') else {
                continue;
            };
            if p != path {
                continue;
            }
            let name = Symbol::intern(name);
            let Some(obj) = self.store.scope_lookup(typed.scope, name) else {
                continue;
            };
            let is_var = matches!(self.store.obj(obj).kind, types::ObjKind::Var(_));
            let env = self.empty_env.clone();
            let ty = self.ty(&env, self.store.obj_type(obj));
            // Only strings, and only if the source gives a constant or nothing.
            let constant = typed
                .init_order
                .iter()
                .find(|i| i.lhs.contains(&obj))
                .is_none_or(|i| {
                    typed.files[i.file as usize].exprs[i.rhs].mode == types::Mode::Constant
                });
            let is_string = self.p.types.underlying(ty) == TypeTable::STRING;
            if is_var && constant && is_string {
                out.insert(name, value.clone());
            } else if is_var && !is_string {
                let text = self.p.types.type_string(ty);
                self.errors.push(Diagnostic::error(
                    "BadDefine",
                    Pos::NONE,
                    format!("{key}: cannot set with -X: not a var of type string (type:{text})"),
                ));
            }
        }
        out
    }

    // ---- //go:embed

    fn embedded_variables(&mut self, pkg: usize) {
        let typed = self.pkgs[pkg].typed;
        if self.pkgs[pkg].meta.embeds.is_empty() {
            return;
        }
        for file in &typed.files {
            let ast = &file.ast;
            let mut vars: Vec<(Pos, NameId)> = Vec::new();
            for &d in &ast.decls {
                if let DeclKind::Var { names, .. } = &ast.decl_arena[d].kind {
                    vars.push((ast.names[names[0]].pos, names[0]));
                }
            }
            vars.sort_unstable_by_key(|v| v.0);
            let mut by_var: Vec<(NameId, Vec<EmbedFile>)> = Vec::new();
            for directive in &ast.directives {
                let Some(patterns) = directive.text.strip_prefix("go:embed") else {
                    continue;
                };
                let Some(&(_, name)) = vars.iter().find(|v| v.0 > directive.pos) else {
                    continue;
                };
                let mut files = Vec::new();
                for pattern in embed_patterns(patterns) {
                    if let Some(list) = self.pkgs[pkg].meta.embeds.get(&pattern) {
                        files.extend(list.iter().cloned());
                    }
                }
                match by_var.iter_mut().find(|v| v.0 == name) {
                    Some(v) => v.1.extend(files),
                    None => by_var.push((name, files)),
                }
            }
            for (name, mut files) in by_var {
                files.sort_by(|a, b| a.name.cmp(&b.name));
                files.dedup_by(|a, b| a.name == b.name);
                if let Some(obj) = file.names[name] {
                    let link = self.link_name(obj);
                    self.lazy_inits.insert(link, LazyInit::Embed(files));
                }
            }
        }
    }

    fn put_embedded(&mut self, init: &mut Init, ty: Ty, files: Vec<EmbedFile>) {
        match self.p.types.under(ty).clone() {
            TyKind::String => {
                if let Some(file) = files.first() {
                    self.put_string(init, 0, &file.data);
                }
            }
            TyKind::Slice(_) => {
                if let Some(file) = files.first().filter(|f| !f.data.is_empty()) {
                    let arr = self.p.types.array(TypeTable::UINT8, file.data.len() as u64);
                    let data = self.new_data(
                        arr,
                        Init {
                            bytes: file.data.to_vec(),
                            relocs: Vec::new(),
                        },
                    );
                    put_reloc(init, 0, Reloc::Data(data, 0));
                    let n = (file.data.len() as u64).to_le_bytes();
                    init.bytes[8..16].copy_from_slice(&n);
                    init.bytes[16..24].copy_from_slice(&n);
                }
            }
            TyKind::Struct(fields) if fields.len() == 1 => {
                self.put_embed_fs(init, fields[0].ty, files)
            }
            _ => {}
        }
    }

    /// embed.FS: a pointer to a slice of `file{name, data string; hash [16]byte}`, directories with a trailing slash,
    /// sorted by directory and then by name.
    fn put_embed_fs(&mut self, init: &mut Init, files_ptr: Ty, files: Vec<EmbedFile>) {
        let TyKind::Pointer(slice_ty) = *self.p.types.under(files_ptr) else {
            return;
        };
        let TyKind::Slice(file_ty) = *self.p.types.under(slice_ty) else {
            return;
        };
        let size = self.p.types.layout(file_ty).size;
        let mut entries: Vec<(String, Option<std::sync::Arc<[u8]>>)> = Vec::new();
        let mut dirs: FxHashSet<String> = FxHashSet::default();
        for file in files {
            let mut at = 0;
            while let Some(slash) = file.name[at..].find('/') {
                at += slash + 1;
                if dirs.insert(file.name[..at].to_string()) {
                    entries.push((file.name[..at].to_string(), None));
                }
            }
            entries.push((file.name, Some(file.data)));
        }
        let key = |name: &str| -> (String, String) {
            let name = name.strip_suffix('/').unwrap_or(name);
            match name.rsplit_once('/') {
                Some((dir, elem)) => (dir.to_string(), elem.to_string()),
                None => (".".to_string(), name.to_string()),
            }
        };
        entries.sort_by_cached_key(|e| key(&e.0));
        let n = entries.len() as u64;
        let mut table = Init {
            bytes: vec![0; (size * n).max(1) as usize],
            relocs: Vec::new(),
        };
        for (i, (name, data)) in entries.into_iter().enumerate() {
            let at = i as u64 * size;
            self.put_string(&mut table, at, name.as_bytes());
            if let Some(data) = data {
                self.put_string(&mut table, at + 16, &data);
            }
        }
        let arr = self.p.types.array(file_ty, n);
        let table = self.new_data(arr, table);
        let mut header = Init {
            bytes: vec![0; 24],
            relocs: Vec::new(),
        };
        put_reloc(&mut header, 0, Reloc::Data(table, 0));
        header.bytes[8..16].copy_from_slice(&n.to_le_bytes());
        header.bytes[16..24].copy_from_slice(&n.to_le_bytes());
        let header = self.new_data(slice_ty, header);
        put_reloc(init, 0, Reloc::Data(header, 0));
    }

    #[allow(dead_code)]
    pub(crate) fn pkg_path(&self, pkg: PkgId) -> Symbol {
        self.link_path(pkg)
    }
}

impl<'a> FnCx<'_, 'a> {
    /// `lhs... = rhs` at package level.
    fn initialise(&mut self, init: &Initializer) {
        let file = self.file;
        self.hoisted.clear();
        self.set_pos(file.ast.exprs[init.rhs].span.lo);
        let blank = |f: &Self, obj: ObjId| f.name_of(obj).is_blank();
        if let [obj] = *init.lhs {
            if blank(self, obj) {
                self.prep(&[init.rhs]);
                self.discard(init.rhs);
                return;
            }
            let ty = self.obj_ty(obj);
            if self.initialise_partly(obj, ty, init.rhs) {
                return;
            }
            self.prep(&[init.rhs]);
            let v = if self.is_ssa(ty) {
                self.expr_as(init.rhs, ty)
            } else {
                self.argument(init.rhs, ty)
            };
            self.ensure_reachable();
            let addr = self.global_addr(obj);
            self.store(addr, v, ty);
            return;
        }
        self.prep(&[init.rhs]);
        let types = self.multi_types(init.rhs);
        let values = self.expr_multi(init.rhs);
        self.ensure_reachable();
        for ((&obj, v), from) in init.lhs.iter().zip(values).zip(types) {
            if blank(self, obj) {
                continue;
            }
            let ty = self.obj_ty(obj);
            let v = self.assign_conv(v, from, ty);
            let addr = self.global_addr(obj);
            self.store(addr, v, ty);
        }
    }

    /// A large literal: its static parts become data, code fills in the rest.
    fn initialise_partly(&mut self, obj: ObjId, ty: Ty, rhs: ExprId) -> bool {
        let file = self.file;
        let inner = file.ast.unparen(rhs);
        let syntax::ast::ExprKind::CompositeLit { elems, .. } = &file.ast.exprs[inner].kind else {
            return false;
        };
        if elems.len() < PARTIAL_MIN
            || !matches!(
                self.cx.p.types.under(ty),
                TyKind::Struct(_) | TyKind::Array(..) | TyKind::Slice(_)
            )
        {
            return false;
        }
        let mut s = StaticCx {
            file,
            env: self.env.clone(),
            pkg: self.pkg,
            fresh: true,
            analysis: Some(self.analysis.clone()),
            dynamic: Some(Vec::new()),
        };
        let size = self.size(ty);
        let mut data = Init {
            bytes: vec![0; size as usize],
            relocs: Vec::new(),
        };
        if !self.cx.write_static(&mut s, inner, ty, &mut data, 0, None) {
            return false;
        }
        let global = self.cx.global(obj);
        self.cx.p.globals[global].init = Some(data);
        for d in s.dynamic.take().unwrap_or_default() {
            self.fill(d, obj);
        }
        true
    }

    fn fill(&mut self, d: Dynamic, obj: ObjId) {
        self.hoisted.clear();
        self.set_pos(self.file.ast.exprs[d.expr].span.lo);
        self.prep(&[d.expr]);
        let v = self.argument(d.expr, d.ty);
        self.ensure_reachable();
        let base = match d.base {
            Some(data) => self
                .b
                .emit_value(Op::Data(data, 0), TypeTable::UNSAFE_POINTER),
            None => self.global_addr(obj),
        };
        let at = self.offset(base, d.at, d.ty);
        self.store(at, v, d.ty);
    }
}

/// Whether a function literal is inside.
/// The function literals of an expression that are in no other, in source order.
fn outer_lits(file: &TypedFile, e: ExprId, out: &mut Vec<ExprId>) {
    use syntax::ast::ExprKind::*;
    let ast = &file.ast;
    let mut each = |list: &[ExprId]| list.iter().for_each(|&x| outer_lits(file, x, out));
    match &ast.exprs[e].kind {
        FuncLit { .. } => out.push(e),
        CompositeLit { elems, .. } => each(elems),
        KeyValue { key, value } => each(&[*key, *value]),
        Paren(x) | Star(x) | Unary { x, .. } | TypeAssert { x, .. } | Slice { x, .. } => {
            each(&[*x])
        }
        Call { fun, args, .. } => {
            each(&[*fun]);
            each(args);
        }
        Selector { x, .. } => each(&[*x]),
        Index { x, indices } => {
            each(&[*x]);
            each(indices);
        }
        Binary { x, y, .. } => each(&[*x, *y]),
        _ => {}
    }
}

fn contains_lit(file: &TypedFile, e: ExprId) -> bool {
    let mut lits = Vec::new();
    outer_lits(file, e, &mut lits);
    !lits.is_empty()
}

/// Patterns of a `//go:embed` line: words, quoted or not.
fn embed_patterns(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '`' => match rest[1..].find(first) {
                Some(end) => (rest[1..1 + end].to_string(), &rest[end + 2..]),
                None => (rest[1..].to_string(), ""),
            },
            _ => match rest.find(char::is_whitespace) {
                Some(end) => (rest[..end].to_string(), &rest[end..]),
                None => (rest.to_string(), ""),
            },
        };
        out.push(word);
        rest = after.trim_start();
    }
    out
}
