//! Which unexported objects of an imported package gc knows.
//!
//! gc reads imported packages from their export data, which hold what is exported, what the types of that mention, and what the
//! bodies of functions mention that may be inlined or are generic. For any other name it says `undefined`, for these that they are
//! not exported. Only asked to word an error, so the answer is found anew each time, from the syntax trees: how much a function
//! costs to inline is estimated, as its nodes and what the called functions cost, which is what gc's inliner prints with `-m=2`.

use std::sync::Arc;

use base::{FxHashMap, FxHashSet, Symbol};
use syntax::ast::{self, DeclId, DeclKind, ExprKind, NameId, StmtKind};
use syntax::visit::{Node, walk};

use crate::model::*;

/// Functions that cost more are not inlined.
const BUDGET: u32 = 80;
/// What a call costs that is not inlined itself.
const CALL: u32 = 57;

/// Whether `name`, unexported, is mentioned in the export data of a package that has been declared.
pub(super) fn mentions(store: &Store, pkg: PkgId, name: Symbol) -> bool {
    let package = store.package(pkg);
    let (Some(trees), Some(wanted)) =
        (package.trees.get(), store.scope_lookup(package.scope, name))
    else {
        return true;
    };
    let mut search = Search {
        store,
        pkg,
        trees,
        costs: FxHashMap::default(),
        methods: FxHashMap::default(),
        seen: FxHashSet::default(),
        seen_types: FxHashSet::default(),
        work: Vec::new(),
    };
    search.collect_methods();
    if let Some(names) = store.scope(package.scope).names.get() {
        search.work = names
            .iter()
            .filter(|(name, _)| name.is_exported())
            .map(|(_, &obj)| obj)
            .collect();
    }
    while let Some(obj) = search.work.pop() {
        if obj == wanted {
            return true;
        }
        if search.seen.insert(obj) {
            search.visit(obj);
        }
    }
    false
}

struct Search<'s> {
    store: &'s Store,
    pkg: PkgId,
    trees: &'s [Arc<ast::File>],
    /// What inlining a function costs; `None` while that is being found out, and for what cannot be inlined.
    costs: FxHashMap<(u32, DeclId), Option<u32>>,
    /// Methods by name, where only one type has such a method.
    methods: FxHashMap<Symbol, Option<(u32, DeclId)>>,
    seen: FxHashSet<ObjId>,
    seen_types: FxHashSet<TypeId>,
    work: Vec<ObjId>,
}

impl Search<'_> {
    fn collect_methods(&mut self) {
        for (file, tree) in (0..).zip(self.trees) {
            for &decl in &tree.decls {
                if let DeclKind::Func {
                    recv: Some(_),
                    name,
                    ..
                } = tree.decl_arena[decl].kind
                {
                    self.methods
                        .entry(tree.sym(name))
                        .and_modify(|known| *known = None)
                        .or_insert(Some((file, decl)));
                }
            }
        }
    }

    /// Adds what an object mentions to the work.
    fn visit(&mut self, obj: ObjId) {
        let store = self.store;
        let object = store.obj(obj);
        let ty = store.obj_type(obj);
        self.types_in(ty);
        match &object.kind {
            ObjKind::TypeName => {
                self.types_in(store.underlying(ty));
                self.work.extend_from_slice(store.methods(ty));
            }
            ObjKind::Func(Func {
                decl: Some((file, decl)),
                ..
            }) => {
                let is_generic = store.signature(ty).is_some_and(|signature| {
                    !signature.tparams.is_empty() || !signature.recv_tparams.is_empty()
                });
                if is_generic || self.cost(*file, *decl).is_some() {
                    self.mentions_in(*file, *decl);
                }
            }
            _ => {}
        }
    }

    /// Adds the defined types of the package in a type.
    fn types_in(&mut self, ty: TypeId) {
        let store = self.store;
        let mut types = vec![ty];
        while let Some(ty) = types.pop() {
            if !self.seen_types.insert(ty) {
                continue;
            }
            let mut vars = |vars: &[ObjId]| {
                types.extend(vars.iter().map(|&var| store.obj_type(var)));
            };
            match store.ty(ty) {
                Type::Basic(_) | Type::Union(_) => {}
                Type::Struct(structure) => vars(&structure.fields),
                Type::Signature(signature) => {
                    vars(&signature.params);
                    vars(&signature.results);
                    types.extend_from_slice(&signature.tparams);
                }
                Type::Interface(interface) => {
                    vars(&interface.methods);
                    types.extend_from_slice(&interface.embeds);
                }
                Type::Named(Named { obj, targs, .. }) | Type::Alias(Alias { obj, targs, .. }) => {
                    if store.obj(*obj).pkg == Some(self.pkg) {
                        self.work.push(*obj);
                    }
                    types.extend_from_slice(targs);
                }
                Type::Pointer(elem)
                | Type::Slice(elem)
                | Type::Array { elem, .. }
                | Type::Chan { elem, .. } => types.push(*elem),
                Type::Map { key, elem } => types.extend([*key, *elem]),
                Type::Tuple(list) => types.extend_from_slice(list),
                Type::TypeParam(param) => types.extend(param.bound.get()),
            }
        }
    }

    /// The package's object that a name in a function body stands for, if no local one hides it.
    fn object(&self, tree: &ast::File, name: NameId) -> Option<ObjId> {
        let scope = self.store.package(self.pkg).scope;
        self.store.scope_lookup(scope, tree.sym(name))
    }

    fn mentions_in(&mut self, file: u32, decl: DeclId) {
        let tree = self.trees[file as usize].clone();
        walk(&tree, Node::Decl(decl), |node| {
            if let Node::Expr(expr) = node {
                match tree.exprs[expr].kind {
                    // Of constants only the values are left.
                    ExprKind::Name(name) => self.work.extend(
                        self.object(&tree, name)
                            .filter(|&obj| !matches!(self.store.obj(obj).kind, ObjKind::Const(_))),
                    ),
                    ExprKind::Selector { sel, .. } => {
                        if let Some(Some((file, method))) = self.methods.get(&tree.sym(sel)) {
                            let tree = &self.trees[*file as usize];
                            if self
                                .costs
                                .get(&(*file, *method))
                                .is_some_and(Option::is_some)
                                && let DeclKind::Func {
                                    recv: Some(recv), ..
                                } = tree.decl_arena[*method].kind
                            {
                                // Its type is mentioned, and so are its methods.
                                let ty = tree.fields[recv].ty;
                                let base = base_name(tree, ty);
                                self.work
                                    .extend(base.and_then(|name| self.object(tree, name)));
                            }
                        }
                    }
                    _ => {}
                }
            }
            true
        });
    }

    /// What inlining a function costs, if it can be.
    fn cost(&mut self, file: u32, decl: DeclId) -> Option<u32> {
        if let Some(&known) = self.costs.get(&(file, decl)) {
            return known;
        }
        self.costs.insert((file, decl), None);
        let cost = stacker::maybe_grow(64 << 10, 1 << 20, || self.estimate(file, decl));
        self.costs.insert((file, decl), cost);
        cost
    }

    fn estimate(&mut self, file: u32, decl: DeclId) -> Option<u32> {
        let tree = self.trees[file as usize].clone();
        let DeclKind::Func {
            body: Some(body), ..
        } = tree.decl_arena[decl].kind
        else {
            return None;
        };
        let start = tree.decl_arena[decl].span.lo;
        let before = tree.decls.iter().map(|&id| tree.decl_arena[id].span.hi);
        let before = before.filter(|&hi| hi <= start).max();
        let kept = tree.directives.iter().any(|directive| {
            directive.pos < start
                && before.is_none_or(|hi| directive.pos >= hi)
                && directive.text.starts_with("go:noinline")
        });
        if kept {
            return None;
        }
        let mut cost = 0u32;
        let mut possible = true;
        walk(&tree, Node::Stmt(body), |node| {
            if !possible || cost > BUDGET {
                return false;
            }
            match node {
                Node::Expr(expr) => match &tree.exprs[expr].kind {
                    ExprKind::Paren(_) | ExprKind::Bad | ExprKind::Ellipsis(_) => {}
                    ExprKind::ArrayType { .. }
                    | ExprKind::SliceType(_)
                    | ExprKind::StructType { .. }
                    | ExprKind::FuncType(_)
                    | ExprKind::InterfaceType { .. }
                    | ExprKind::MapType { .. }
                    | ExprKind::ChanType { .. } => return false,
                    ExprKind::Call { fun, .. } => {
                        cost += 1;
                        match self.call_cost(&tree, *fun) {
                            Some(more) => cost += more,
                            None => possible = false,
                        }
                    }
                    _ => cost += 1,
                },
                Node::Stmt(stmt) => match &tree.stmts[stmt].kind {
                    StmtKind::Block { .. }
                    | StmtKind::Expr(_)
                    | StmtKind::Empty { .. }
                    | StmtKind::Bad
                    | StmtKind::Decl(_) => {}
                    StmtKind::Go(_) | StmtKind::Defer(_) | StmtKind::Select { .. } => {
                        possible = false;
                    }
                    StmtKind::Define { lhs, .. } => cost += 1 + 2 * lhs.len() as u32,
                    StmtKind::IncDec { .. } => cost += 2,
                    _ => cost += 1,
                },
                Node::Decl(decl) => {
                    if let DeclKind::Var { names, .. } = &tree.decl_arena[decl].kind {
                        cost += 3 * names.len() as u32 + 1;
                    } else {
                        return false;
                    }
                }
                Node::Clause(_) => cost += 1,
                Node::Name(_) | Node::Field(_) => {}
            }
            true
        });
        (possible && cost <= BUDGET).then_some(cost)
    }

    /// What a call adds to its operands; `None` if it keeps a function from being inlined.
    fn call_cost(&mut self, tree: &ast::File, fun: ast::ExprId) -> Option<u32> {
        let store = self.store;
        Some(match tree.exprs[tree.unparen(fun)].kind {
            ExprKind::Name(name) => {
                let found = self
                    .object(tree, name)
                    .or_else(|| store.universe(tree.sym(name)));
                match found.map(|obj| &store.obj(obj).kind) {
                    Some(ObjKind::Builtin(Builtin::Recover)) => return None,
                    Some(ObjKind::Builtin(_) | ObjKind::TypeName) => 0,
                    Some(ObjKind::Func(Func {
                        decl: Some((file, decl)),
                        ..
                    })) => self.cost(*file, *decl).unwrap_or(CALL),
                    _ => CALL,
                }
            }
            ExprKind::Selector { sel, .. } => match self.methods.get(&tree.sym(sel)) {
                Some(&Some((file, decl))) => self.cost(file, decl).unwrap_or(CALL),
                _ => CALL,
            },
            ExprKind::ArrayType { .. }
            | ExprKind::SliceType(_)
            | ExprKind::MapType { .. }
            | ExprKind::InterfaceType { .. } => 0,
            _ => CALL,
        })
    }
}

/// The type's name in a receiver.
fn base_name(tree: &ast::File, mut expr: ast::ExprId) -> Option<NameId> {
    loop {
        expr = match tree.exprs[expr].kind {
            ExprKind::Name(name) => return Some(name),
            ExprKind::Paren(x) | ExprKind::Star(x) | ExprKind::Index { x, .. } => x,
            _ => return None,
        };
    }
}
