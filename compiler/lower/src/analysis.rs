//! What must be known about a function's variables before it is lowered.
//!
//! One walk over a declaration (or a package-level initialiser), nested function literals and bodies of
//! range-over-func loops included. Each of those is a *node*, because it becomes a MIR function. The walk finds which
//! variables have their address taken, are assigned after their declaration, or are captured by other nodes, and which
//! jumps leave the body of a range-over-func loop.

use base::{FxHashMap, FxHashSet, Symbol};
use smallvec::SmallVec;
use syntax::ast::{
    BranchKind, ClauseId, ClauseKind, DeclId, DeclKind, ExprId, ExprKind, FieldId, StmtId,
    StmtKind, UnaryOp,
};
use types::{
    Builtin, Mode, ObjId, ObjKind, SelectionKind, Store, Type, TypeId, TypedFile, VarKind,
};

/// A variable, or something that nodes share like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum VarKey {
    Obj(ObjId),
    /// Where to go after a range-over-func loop was left.
    Next,
    /// State of a range-over-func loop.
    State(StmtId),
    /// Frame of the owner function: for recover and defer in loop bodies.
    Frame,
    /// The owner's defer record behind which loop bodies link theirs.
    Marker,
}

/// Facts about a declared variable.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VarInfo {
    /// Where it is declared.
    pub node: u32,
    /// Assigned after its declaration.
    pub assigned: bool,
    pub addr_taken: bool,
    pub captured: bool,
}

/// A jump out of a range-over-func body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Exit {
    Return,
    Break(StmtId),
    Continue(StmtId),
    Goto(Symbol),
}

/// A part that becomes a MIR function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub parent: Option<u32>,
    /// The nearest enclosing node that is not a loop body (itself, if it is none).
    pub owner: u32,
    /// The loop, for a body of range over func.
    pub range: Option<StmtId>,
    /// Position among the literals (among the loop bodies) of the owner around it, from 1, in source order.
    pub number: u32,
    /// Owners: literals and loop bodies so far.
    numbered: [u32; 2],
    pub captures: Vec<VarKey>,
    captured: FxHashSet<VarKey>,
    /// Contains a defer statement (for owners: in loop bodies too).
    pub has_defer: bool,
    /// A loop body of this owner contains a defer statement.
    pub defers_in_bodies: bool,
    pub recovers: bool,
    pub has_labels: bool,
    /// Labels that some goto names.
    pub goto_labels: FxHashSet<Symbol>,
    /// Loop bodies: jumps that leave them.
    pub exits: Vec<Exit>,
    /// Owners: a range-over-func loop is inside.
    pub has_range_func: bool,
    /// Owners: a loop body contains a return statement.
    pub returns_in_bodies: bool,
    /// Owners: the result variables, unnamed ones too.
    pub results: Vec<ObjId>,
}

/// The result of the walk.
#[derive(Debug, Default)]
pub(crate) struct Analysis {
    pub nodes: Vec<Node>,
    pub lits: FxHashMap<ExprId, u32>,
    pub ranges: FxHashMap<StmtId, u32>,
    pub vars: FxHashMap<ObjId, VarInfo>,
    /// The statement that an unlabelled or labelled break or continue refers to.
    pub targets: FxHashMap<StmtId, StmtId>,
}

struct Enclosing {
    stmt: StmtId,
    label: Option<Symbol>,
    is_loop: bool,
    node: u32,
}

/// The walk.
pub(crate) struct Walker<'a, 'f> {
    store: &'a Store,
    file: &'a TypedFile,
    /// Whether a type is a function type once type parameters are replaced.
    is_func: &'f mut dyn FnMut(TypeId) -> bool,
    out: Analysis,
    node: u32,
    enclosing: Vec<Enclosing>,
    /// Labels declared per node, known before their statements are walked.
    labels: Vec<FxHashSet<Symbol>>,
    next_label: Option<Symbol>,
}

/// Analyses a function declaration.
pub(crate) fn analyse_decl(
    store: &Store,
    file: &TypedFile,
    decl: DeclId,
    is_func: &mut dyn FnMut(TypeId) -> bool,
) -> Analysis {
    let mut w = Walker::new(store, file, is_func);
    if let DeclKind::Func { recv, ty, body, .. } = &file.ast.decl_arena[decl].kind {
        if let Some(recv) = recv {
            w.declare_field(*recv);
        }
        w.signature(*ty);
        if let Some(body) = body {
            w.stmt(*body);
        }
    }
    w.out
}

/// Analyses a package-level initialiser.
pub(crate) fn analyse_expr(
    store: &Store,
    file: &TypedFile,
    expr: ExprId,
    is_func: &mut dyn FnMut(TypeId) -> bool,
) -> Analysis {
    let mut w = Walker::new(store, file, is_func);
    w.expr(expr);
    w.out
}

impl<'a, 'f> Walker<'a, 'f> {
    fn new(
        store: &'a Store,
        file: &'a TypedFile,
        is_func: &'f mut dyn FnMut(TypeId) -> bool,
    ) -> Self {
        let out = Analysis {
            nodes: vec![Node::default()],
            ..Analysis::default()
        };
        Walker {
            store,
            file,
            is_func,
            out,
            node: 0,
            enclosing: Vec::new(),
            labels: vec![FxHashSet::default()],
            next_label: None,
        }
    }

    fn declare(&mut self, obj: ObjId) {
        let node = self.node;
        self.out.vars.entry(obj).or_insert(VarInfo {
            node,
            ..VarInfo::default()
        });
    }
    fn declare_field(&mut self, field: FieldId) {
        if let Some(obj) = self.file.fields[field] {
            self.declare(obj);
        }
    }
    fn signature(&mut self, ty: ExprId) {
        if let ExprKind::FuncType(sig) = &self.file.ast.exprs[ty].kind {
            for &f in sig.params.iter().chain(sig.results.iter()) {
                self.declare_field(f);
            }
            let results: Vec<ObjId> = sig
                .results
                .iter()
                .filter_map(|&f| self.file.fields[f])
                .collect();
            for result in &results {
                if let Some(info) = self.out.vars.get_mut(result) {
                    // Return statements assign them.
                    info.assigned = true;
                }
            }
            self.out.nodes[self.node as usize].results = results;
        }
    }

    fn capture(&mut self, key: VarKey, home: u32) {
        let mut at = self.node;
        while at != home {
            let node = &mut self.out.nodes[at as usize];
            if node.captured.insert(key) {
                node.captures.push(key);
            }
            match node.parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
    fn use_obj(&mut self, obj: ObjId) {
        let Some(info) = self.out.vars.get_mut(&obj) else {
            return;
        };
        if info.node != self.node {
            info.captured = true;
            let home = info.node;
            self.capture(VarKey::Obj(obj), home);
        }
    }
    fn local_var(&self, e: ExprId) -> Option<ObjId> {
        let e = self.file.ast.unparen(e);
        let ExprKind::Name(name) = self.file.ast.exprs[e].kind else {
            return None;
        };
        let obj = self.file.names[name]?;
        match self.store.obj(obj).kind {
            ObjKind::Var(VarKind::Local | VarKind::Param | VarKind::Result | VarKind::Recv) => {
                Some(obj)
            }
            _ => None,
        }
    }
    fn under(&self, e: ExprId) -> Option<&'a Type> {
        self.file.exprs[e]
            .ty
            .map(|t| self.store.ty(self.store.underlying(t)))
    }
    /// The variable that `e` is a part of, without following pointers.
    fn base_var(&self, e: ExprId) -> Option<ObjId> {
        let e = self.file.ast.unparen(e);
        match &self.file.ast.exprs[e].kind {
            ExprKind::Name(_) => self.local_var(e),
            ExprKind::Selector { x, .. } => {
                let selection = self.file.selections.get(&e)?;
                if selection.indirect || matches!(self.under(*x), Some(Type::Pointer(_))) {
                    return None;
                }
                self.base_var(*x)
            }
            ExprKind::Index { x, .. } => match self.under(*x) {
                Some(Type::Array { .. } | Type::TypeParam(_)) => self.base_var(*x),
                _ => None,
            },
            _ => None,
        }
    }
    fn take_addr(&mut self, e: ExprId) {
        if let Some(info) = self.base_var(e).and_then(|v| self.out.vars.get_mut(&v)) {
            info.addr_taken = true;
        }
    }
    fn assign(&mut self, e: ExprId) {
        if let Some(info) = self.base_var(e).and_then(|v| self.out.vars.get_mut(&v)) {
            info.assigned = true;
        }
        self.expr(e);
    }
    fn define(&mut self, e: ExprId) {
        let ExprKind::Name(name) = self.file.ast.exprs[e].kind else {
            self.assign(e);
            return;
        };
        let Some(obj) = self.file.names[name] else {
            return;
        };
        if self.out.vars.contains_key(&obj) {
            self.assign(e);
        } else {
            self.declare(obj);
        }
    }

    fn exprs(&mut self, list: &[ExprId]) {
        for &e in list {
            self.expr(e);
        }
    }

    fn expr(&mut self, e: ExprId) {
        let file = self.file;
        match &file.ast.exprs[e].kind {
            ExprKind::Bad | ExprKind::BasicLit { .. } => {}
            ExprKind::Name(name) => {
                if let Some(obj) = file.names[*name] {
                    self.use_obj(obj);
                }
            }
            ExprKind::CompositeLit { elems, .. } => {
                let is_struct = matches!(self.under(e), Some(Type::Struct(_)))
                    || matches!(self.under(e), Some(Type::Pointer(p)) if matches!(self.store.ty(self.store.underlying(*p)), Type::Struct(_)));
                for &elem in elems {
                    match &file.ast.exprs[elem].kind {
                        ExprKind::KeyValue { key, value } => {
                            if !is_struct {
                                self.expr(*key);
                            }
                            self.expr(*value);
                        }
                        _ => self.expr(elem),
                    }
                }
            }
            ExprKind::FuncLit { ty, body } => {
                let outer = self.enter(None);
                self.out.lits.insert(e, self.node);
                self.signature(*ty);
                let enclosing = std::mem::take(&mut self.enclosing);
                self.stmt(*body);
                self.enclosing = enclosing;
                self.leave(outer);
            }
            ExprKind::Paren(x) => self.expr(*x),
            ExprKind::Selector { x, .. } => {
                if let Some(sel) = file.selections.get(&e) {
                    if sel.kind == SelectionKind::MethodExpr {
                        return;
                    }
                    self.expr(*x);
                    if sel.kind == SelectionKind::Method && !sel.indirect {
                        let ptr_recv = match &self.store.obj(sel.obj).kind {
                            ObjKind::Func(f) => f.ptr_recv.get().copied().unwrap_or(false),
                            _ => false,
                        };
                        if ptr_recv && !matches!(self.under(*x), Some(Type::Pointer(_))) {
                            self.take_addr(*x);
                        }
                    }
                }
            }
            ExprKind::Index { x, indices } => {
                self.expr(*x);
                for &i in indices {
                    if file.exprs[i].mode != Mode::TypeExpr {
                        self.expr(i);
                    }
                }
            }
            ExprKind::Slice { x, lo, hi, max, .. } => {
                self.expr(*x);
                if matches!(
                    self.under(*x),
                    Some(Type::Array { .. } | Type::TypeParam(_))
                ) {
                    self.take_addr(*x);
                }
                for i in [lo, hi, max].into_iter().flatten() {
                    self.expr(*i);
                }
            }
            ExprKind::TypeAssert { x, .. } => self.expr(*x),
            ExprKind::Call { fun, args, .. } => {
                if file.exprs[*fun].mode == Mode::TypeExpr {
                    self.exprs(args);
                    return;
                }
                if let Mode::Builtin(builtin) = file.exprs[*fun].mode {
                    if builtin == Builtin::Recover {
                        self.recover();
                    }
                    for &arg in args {
                        if file.exprs[arg].mode != Mode::TypeExpr {
                            self.expr(arg);
                        }
                    }
                    return;
                }
                self.expr(*fun);
                self.exprs(args);
            }
            ExprKind::Star(x) => self.expr(*x),
            ExprKind::Unary { op, x } => {
                self.expr(*x);
                if *op == UnaryOp::Addr {
                    self.take_addr(*x);
                }
            }
            ExprKind::Binary { x, y, .. } => {
                self.expr(*x);
                self.expr(*y);
            }
            ExprKind::KeyValue { key, value } => {
                self.expr(*key);
                self.expr(*value);
            }
            ExprKind::ArrayType { .. }
            | ExprKind::SliceType(_)
            | ExprKind::StructType { .. }
            | ExprKind::FuncType(_)
            | ExprKind::InterfaceType { .. }
            | ExprKind::MapType { .. }
            | ExprKind::ChanType { .. }
            | ExprKind::Ellipsis(_) => {}
        }
    }

    fn recover(&mut self) {
        let owner = self.out.nodes[self.node as usize].owner;
        self.out.nodes[owner as usize].recovers = true;
        self.out.nodes[self.node as usize].recovers = true;
        if owner != self.node {
            self.capture(VarKey::Frame, owner);
        }
    }

    fn enter(&mut self, range: Option<StmtId>) -> u32 {
        let outer = self.node;
        let id = self.out.nodes.len() as u32;
        let around = self.out.nodes[outer as usize].owner;
        let owner = if range.is_some() { around } else { id };
        let count = &mut self.out.nodes[around as usize].numbered[usize::from(range.is_some())];
        *count += 1;
        let number = *count;
        self.out.nodes.push(Node {
            parent: Some(outer),
            owner,
            range,
            number,
            ..Node::default()
        });
        self.labels.push(FxHashSet::default());
        self.node = id;
        outer
    }
    fn leave(&mut self, outer: u32) {
        self.node = outer;
    }

    fn stmts(&mut self, list: &[StmtId]) {
        // Labels of a block are visible in all of it: a goto may come before its label.
        for &s in list {
            self.collect_label(s);
        }
        for &s in list {
            self.stmt(s);
        }
    }
    fn collect_label(&mut self, mut s: StmtId) {
        while let StmtKind::Labeled { label, stmt } = &self.file.ast.stmts[s].kind {
            self.labels[self.node as usize].insert(self.file.ast.sym(*label));
            self.out.nodes[self.node as usize].has_labels = true;
            s = *stmt;
        }
    }

    fn block(&mut self, s: StmtId) {
        self.stmt(s);
    }

    fn stmt(&mut self, s: StmtId) {
        let file = self.file;
        let label = self.next_label.take();
        match &file.ast.stmts[s].kind {
            StmtKind::Bad | StmtKind::Empty { .. } => {}
            StmtKind::Decl(decls) => {
                for &d in decls {
                    if let DeclKind::Var { names, values, .. } = &file.ast.decl_arena[d].kind {
                        self.exprs(values);
                        for &n in names {
                            if let Some(obj) = file.names[n] {
                                self.declare(obj);
                            }
                        }
                    }
                }
            }
            StmtKind::Labeled { label, stmt } => {
                self.collect_label(s);
                self.next_label = Some(file.ast.sym(*label));
                self.stmt(*stmt);
            }
            StmtKind::Expr(e) => self.expr(*e),
            StmtKind::Send { chan, value } => {
                self.expr(*chan);
                self.expr(*value);
            }
            StmtKind::IncDec { x, .. } => self.assign(*x),
            StmtKind::Assign { lhs, rhs, .. } => {
                for &l in lhs {
                    self.assign(l);
                }
                self.exprs(rhs);
            }
            StmtKind::Define { lhs, rhs } => {
                self.exprs(rhs);
                for &l in lhs {
                    self.define(l);
                }
            }
            StmtKind::Go(e) => self.expr(*e),
            StmtKind::Defer(e) => {
                self.expr(*e);
                let owner = self.out.nodes[self.node as usize].owner;
                self.out.nodes[owner as usize].has_defer = true;
                if owner != self.node {
                    self.out.nodes[owner as usize].defers_in_bodies = true;
                    self.capture(VarKey::Frame, owner);
                    self.capture(VarKey::Marker, owner);
                }
                // `defer recover()` needs no frame; anything else is found in its expression.
            }
            StmtKind::Return(results) => {
                self.exprs(results);
                if self.out.nodes[self.node as usize].range.is_some() {
                    let owner = self.out.nodes[self.node as usize].owner;
                    self.out.nodes[owner as usize].returns_in_bodies = true;
                    self.exit_to(Exit::Return, owner);
                }
            }
            StmtKind::Branch { kind, label } => {
                self.branch(s, *kind, label.map(|l| file.ast.sym(l)))
            }
            StmtKind::Block { stmts, .. } => self.stmts(stmts),
            StmtKind::If {
                init,
                cond,
                then,
                els,
            } => {
                if let Some(i) = init {
                    self.stmt(*i);
                }
                self.expr(*cond);
                self.block(*then);
                if let Some(e) = els {
                    self.stmt(*e);
                }
            }
            StmtKind::Switch {
                init, tag, clauses, ..
            } => {
                if let Some(i) = init {
                    self.stmt(*i);
                }
                if let Some(t) = tag {
                    self.expr(*t);
                }
                self.push(s, label, false);
                for &c in clauses {
                    self.clause(c, true);
                }
                self.enclosing.pop();
            }
            StmtKind::TypeSwitch {
                init, x, clauses, ..
            } => {
                if let Some(i) = init {
                    self.stmt(*i);
                }
                self.expr(*x);
                self.push(s, label, false);
                for &c in clauses {
                    if let Some(&var) = file.clause_vars.get(&c) {
                        self.declare(var);
                    }
                    self.clause(c, false);
                }
                self.enclosing.pop();
            }
            StmtKind::Select { clauses, .. } => {
                self.push(s, label, false);
                for &c in clauses {
                    self.clause(c, true);
                }
                self.enclosing.pop();
            }
            StmtKind::For {
                init,
                cond,
                post,
                body,
            } => {
                if let Some(i) = init {
                    self.stmt(*i);
                }
                if let Some(c) = cond {
                    self.expr(*c);
                }
                if let Some(p) = post {
                    self.stmt(*p);
                }
                self.push(s, label, true);
                self.block(*body);
                self.enclosing.pop();
            }
            StmtKind::Range {
                key,
                value,
                extra: _,
                define,
                x,
                body,
            } => self.range(s, label, *key, *value, *define, *x, *body),
        }
    }

    fn range(
        &mut self,
        s: StmtId,
        label: Option<Symbol>,
        key: Option<ExprId>,
        value: Option<ExprId>,
        define: bool,
        x: ExprId,
        body: StmtId,
    ) {
        self.expr(x);
        let over_func = self.file.exprs[x].ty.is_some_and(|t| (self.is_func)(t));
        let per_iteration = self.file.go_version >= (1, 22);
        if over_func {
            let owner = self.out.nodes[self.node as usize].owner;
            self.out.nodes[owner as usize].has_range_func = true;
            self.push(s, label, true);
            let outer = self.enter(Some(s));
            self.out.ranges.insert(s, self.node);
            self.capture(VarKey::State(s), outer);
        } else {
            self.push(s, label, true);
        }
        for e in [key, value].into_iter().flatten() {
            if define {
                self.define(e);
                if !per_iteration {
                    if let Some(info) = self.base_var(e).and_then(|v| self.out.vars.get_mut(&v)) {
                        info.assigned = true;
                    }
                }
            } else {
                self.assign(e);
            }
        }
        self.block(body);
        self.enclosing.pop();
        if over_func {
            let outer = self.out.nodes[self.node as usize]
                .parent
                .expect("a loop body has a parent");
            self.leave(outer);
        }
    }

    fn clause(&mut self, c: ClauseId, exprs: bool) {
        let file = self.file;
        match &file.ast.clauses[c].kind {
            ClauseKind::Case(list) if exprs => self.exprs(list),
            ClauseKind::Case(_) | ClauseKind::Default => {}
            ClauseKind::Comm(s) => self.stmt(*s),
        }
        self.stmts(&file.ast.clauses[c].body);
    }

    fn push(&mut self, stmt: StmtId, label: Option<Symbol>, is_loop: bool) {
        self.enclosing.push(Enclosing {
            stmt,
            label,
            is_loop,
            node: self.node,
        });
    }

    fn branch(&mut self, s: StmtId, kind: BranchKind, label: Option<Symbol>) {
        let target = match kind {
            BranchKind::Fallthrough => return,
            BranchKind::Goto => {
                let Some(label) = label else { return };
                let mut at = self.node;
                while !self.labels[at as usize].contains(&label) {
                    let node = &self.out.nodes[at as usize];
                    match node.parent {
                        Some(parent) if node.range.is_some() => at = parent,
                        _ => break,
                    }
                }
                self.out.nodes[at as usize].goto_labels.insert(label);
                self.exit_to(Exit::Goto(label), at);
                return;
            }
            BranchKind::Break | BranchKind::Continue => {
                self.enclosing.iter().rev().find(|e| match label {
                    Some(label) => e.label == Some(label),
                    None => e.is_loop || kind == BranchKind::Break,
                })
            }
        };
        let Some(target) = target else { return };
        let (stmt, node) = (target.stmt, target.node);
        self.out.targets.insert(s, stmt);
        // Leaving or continuing the innermost range-over-func loop is a return of its body.
        let own = self.out.nodes[self.node as usize].range == Some(stmt);
        if own {
            return;
        }
        match kind {
            BranchKind::Break => self.exit_to(Exit::Break(stmt), node),
            _ => self.exit_to(Exit::Continue(stmt), node),
        }
    }

    /// Records a jump from the current node to one in `home`.
    fn exit_to(&mut self, exit: Exit, home: u32) {
        if self.node == home {
            return;
        }
        let owner = self.out.nodes[self.node as usize].owner;
        self.capture(VarKey::Next, owner);
        let mut at = self.node;
        let mut states: SmallVec<[(StmtId, u32); 4]> = SmallVec::new();
        while at != home {
            let node = &mut self.out.nodes[at as usize];
            // A body whose own loop is continued or left handles that itself.
            let own = match exit {
                Exit::Break(s) | Exit::Continue(s) => node.range == Some(s),
                _ => false,
            };
            if own {
                break;
            }
            if !node.exits.contains(&exit) {
                node.exits.push(exit);
            }
            let Some(parent) = node.parent else { break };
            if let Some(range) = node.range {
                states.push((range, parent));
            }
            at = parent;
        }
        for (range, home) in states {
            self.capture(VarKey::State(range), home);
        }
        if exit == Exit::Return {
            self.return_keys(owner);
        }
    }

    fn return_keys(&mut self, owner: u32) {
        for obj in self.out.nodes[owner as usize].results.clone() {
            self.use_obj(obj);
        }
    }
}
