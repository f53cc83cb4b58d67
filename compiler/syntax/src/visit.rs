//! Walking the tree.
//!
//! [`File::children`] lists a node's direct children in source order; everything else (a
//! recursive walk, a search) is a few lines on top of it. [`walk`] is the common one and needs
//! no recursion, so the depth of the tree does not matter.

use source::{Pos, Span};

use crate::ast::*;

/// Any node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Node {
    Name(NameId),
    Expr(ExprId),
    Stmt(StmtId),
    Field(FieldId),
    Clause(ClauseId),
    Decl(DeclId),
}

/// Calls `enter` for every node below (and including) `root`, parents before children, in source
/// order. Where `enter` returns `false` the node's children are skipped.
pub fn walk(file: &File, root: Node, mut enter: impl FnMut(Node) -> bool) {
    let mut work = vec![root];
    while let Some(node) = work.pop() {
        if enter(node) {
            let at = work.len();
            file.children(node, |child| work.push(child));
            work[at..].reverse();
        }
    }
}

/// [`walk`] over all declarations of a file.
pub fn walk_file(file: &File, mut enter: impl FnMut(Node) -> bool) {
    for &decl in &file.decls {
        walk(file, Node::Decl(decl), &mut enter);
    }
}

impl File {
    /// The node's text. Names that stand for missing ones have an empty span.
    pub fn span(&self, node: Node) -> Span {
        match node {
            Node::Name(id) => {
                let Name { sym, pos } = self.names[id];
                Span::new(pos, Pos(pos.0 + sym.as_str().len() as u32))
            }
            Node::Expr(id) => self.exprs[id].span,
            Node::Stmt(id) => self.stmts[id].span,
            Node::Field(id) => self.fields[id].span,
            Node::Clause(id) => self.clauses[id].span,
            Node::Decl(id) => self.decl_arena[id].span,
        }
    }

    /// Calls `f` for each direct child of `node`, in source order. A type that several names share
    /// (`a, b T`) is a child of the last of them only.
    pub fn children(&self, node: Node, mut f: impl FnMut(Node)) {
        match node {
            Node::Name(_) => {}
            Node::Expr(id) => self.expr_children(&self.exprs[id].kind, &mut f),
            Node::Stmt(id) => self.stmt_children(&self.stmts[id].kind, &mut f),
            Node::Field(id) => {
                let field = &self.fields[id];
                if let Some(name) = field.name {
                    f(Node::Name(name));
                }
                let shared = field.name.is_some()
                    && self
                        .fields
                        .get(FieldId::new(id.raw() + 1))
                        .is_some_and(|next| next.ty == field.ty);
                if !shared {
                    f(Node::Expr(field.ty));
                    each(field.tag, Node::Expr, &mut f);
                }
            }
            Node::Clause(id) => {
                let clause = &self.clauses[id];
                match &clause.kind {
                    ClauseKind::Case(exprs) => all(exprs, Node::Expr, &mut f),
                    ClauseKind::Comm(stmt) => f(Node::Stmt(*stmt)),
                    ClauseKind::Default => {}
                }
                all(&clause.body, Node::Stmt, &mut f);
            }
            Node::Decl(id) => self.decl_children(&self.decl_arena[id].kind, &mut f),
        }
    }

    fn expr_children(&self, kind: &ExprKind, f: &mut impl FnMut(Node)) {
        match kind {
            ExprKind::Bad | ExprKind::BasicLit { .. } => {}
            ExprKind::Name(name) => f(Node::Name(*name)),
            ExprKind::CompositeLit { ty, elems, .. } => {
                each(*ty, Node::Expr, f);
                all(elems, Node::Expr, f);
            }
            ExprKind::FuncLit { ty, body } => {
                f(Node::Expr(*ty));
                f(Node::Stmt(*body));
            }
            ExprKind::Paren(x)
            | ExprKind::Star(x)
            | ExprKind::Unary { x, .. }
            | ExprKind::SliceType(x) => {
                f(Node::Expr(*x));
            }
            ExprKind::Selector { x, sel } => {
                f(Node::Expr(*x));
                f(Node::Name(*sel));
            }
            ExprKind::Index { x, indices } => {
                f(Node::Expr(*x));
                all(indices, Node::Expr, f);
            }
            ExprKind::Slice {
                x,
                lo,
                hi,
                max,
                three: _,
            } => {
                f(Node::Expr(*x));
                each(*lo, Node::Expr, f);
                each(*hi, Node::Expr, f);
                each(*max, Node::Expr, f);
            }
            ExprKind::TypeAssert { x, ty } => {
                f(Node::Expr(*x));
                each(*ty, Node::Expr, f);
            }
            ExprKind::Call { fun, args, .. } => {
                f(Node::Expr(*fun));
                all(args, Node::Expr, f);
            }
            ExprKind::Binary { x, y, .. } => {
                f(Node::Expr(*x));
                f(Node::Expr(*y));
            }
            ExprKind::KeyValue { key, value } | ExprKind::MapType { key, value } => {
                f(Node::Expr(*key));
                f(Node::Expr(*value));
            }
            ExprKind::ArrayType { len, elem } => {
                if let ArrayLen::Expr(len) = len {
                    f(Node::Expr(*len));
                }
                f(Node::Expr(*elem));
            }
            ExprKind::StructType { fields } => all(fields, Node::Field, f),
            ExprKind::FuncType(signature) => {
                all(&signature.tparams, Node::Field, f);
                all(&signature.params, Node::Field, f);
                all(&signature.results, Node::Field, f);
            }
            ExprKind::InterfaceType { elems } => all(elems, Node::Field, f),
            ExprKind::ChanType { elem, .. } => f(Node::Expr(*elem)),
            ExprKind::Ellipsis(elem) => each(*elem, Node::Expr, f),
        }
    }

    fn stmt_children(&self, kind: &StmtKind, f: &mut impl FnMut(Node)) {
        match kind {
            StmtKind::Bad | StmtKind::Empty { .. } => {}
            StmtKind::Decl(decls) => all(decls, Node::Decl, f),
            StmtKind::Labeled { label, stmt } => {
                f(Node::Name(*label));
                f(Node::Stmt(*stmt));
            }
            StmtKind::Expr(x)
            | StmtKind::Go(x)
            | StmtKind::Defer(x)
            | StmtKind::IncDec { x, .. } => {
                f(Node::Expr(*x));
            }
            StmtKind::Send { chan, value } => {
                f(Node::Expr(*chan));
                f(Node::Expr(*value));
            }
            StmtKind::Assign { lhs, rhs, .. } | StmtKind::Define { lhs, rhs } => {
                all(lhs, Node::Expr, f);
                all(rhs, Node::Expr, f);
            }
            StmtKind::Return(results) => all(results, Node::Expr, f),
            StmtKind::Branch { label, .. } => each(*label, Node::Name, f),
            StmtKind::Block { stmts, .. } => all(stmts, Node::Stmt, f),
            StmtKind::If {
                init,
                cond,
                then,
                els,
            } => {
                each(*init, Node::Stmt, f);
                f(Node::Expr(*cond));
                f(Node::Stmt(*then));
                each(*els, Node::Stmt, f);
            }
            StmtKind::Switch {
                init, tag, clauses, ..
            } => {
                each(*init, Node::Stmt, f);
                each(*tag, Node::Expr, f);
                all(clauses, Node::Clause, f);
            }
            StmtKind::TypeSwitch {
                init,
                name,
                x,
                clauses,
                ..
            } => {
                each(*init, Node::Stmt, f);
                each(*name, Node::Name, f);
                f(Node::Expr(*x));
                all(clauses, Node::Clause, f);
            }
            StmtKind::Select { clauses, .. } => all(clauses, Node::Clause, f),
            StmtKind::For {
                init,
                cond,
                post,
                body,
            } => {
                each(*init, Node::Stmt, f);
                each(*cond, Node::Expr, f);
                each(*post, Node::Stmt, f);
                f(Node::Stmt(*body));
            }
            StmtKind::Range {
                key,
                value,
                extra,
                x,
                body,
                ..
            } => {
                each(*key, Node::Expr, f);
                each(*value, Node::Expr, f);
                each(*extra, Node::Expr, f);
                f(Node::Expr(*x));
                f(Node::Stmt(*body));
            }
        }
    }

    fn decl_children(&self, kind: &DeclKind, f: &mut impl FnMut(Node)) {
        match kind {
            DeclKind::Bad => {}
            DeclKind::Import { name, path } => {
                each(*name, Node::Name, f);
                f(Node::Expr(*path));
            }
            DeclKind::Const {
                names, ty, values, ..
            }
            | DeclKind::Var { names, ty, values } => {
                all(names, Node::Name, f);
                each(*ty, Node::Expr, f);
                all(values, Node::Expr, f);
            }
            DeclKind::Type {
                name, tparams, ty, ..
            } => {
                f(Node::Name(*name));
                all(tparams, Node::Field, f);
                f(Node::Expr(*ty));
            }
            DeclKind::Func {
                recv,
                name,
                ty,
                body,
            } => {
                each(*recv, Node::Field, f);
                f(Node::Name(*name));
                f(Node::Expr(*ty));
                each(*body, Node::Stmt, f);
            }
        }
    }
}

fn each<T>(item: Option<T>, node: impl Fn(T) -> Node, f: &mut impl FnMut(Node)) {
    if let Some(item) = item {
        f(node(item));
    }
}

fn all<T: Copy>(items: &[T], node: impl Fn(T) -> Node, f: &mut impl FnMut(Node)) {
    for &item in items {
        f(node(item));
    }
}
