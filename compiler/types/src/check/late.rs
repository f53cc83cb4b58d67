//! What gc finds only after type-checking, in packages without other errors: interfaces that contain themselves without a name
//! between, and types and frames too large for its run-time system.

use base::FxHashMap;
use diagnostics::Diagnostic;
use source::Pos;
use syntax::ast::{DeclId, DeclKind, ExprId, ExprKind, StmtKind};
use syntax::visit::{Node, walk};

use super::Checker;
use crate::model::*;

/// Elements of channels are smaller than this.
const CHANNEL_ELEMENT: i64 = 1 << 16;
/// The address space.
const ADDRESS_SPACE: i64 = 1 << 50;
/// Larger variables are not kept in frames.
const STACK_VARIABLE: i64 = 128 << 10;
/// Frames are at most this large.
const FRAME: i64 = 1 << 30;

/// Whether an interface type has been looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Active,
    Done,
}

impl Checker<'_> {
    /// Adds late errors.
    pub(super) fn check_late(&mut self) {
        let before = self.late.len();
        self.anonymous_cycles();
        if self.late.len() == before {
            self.large_types();
        }
    }

    pub(super) fn late_error(&mut self, code: &'static str, pos: Pos, message: String) {
        self.late.push(Diagnostic::error(code, pos, message).late());
    }

    /// gc expands the method sets of interface literals, and does not end where one reaches itself through the signatures of
    /// methods without a defined type between.
    fn anonymous_cycles(&mut self) {
        let mut visits: FxHashMap<TypeId, Visit> = FxHashMap::default();
        for file in 0..self.asts.len() {
            let ast = self.asts[file].clone();
            let mut literals: Vec<ExprId> = ast
                .exprs
                .iter_enumerated()
                .filter(|(_, expr)| {
                    matches!(&expr.kind, ExprKind::InterfaceType { elems } if !elems.is_empty())
                })
                .map(|(id, _)| id)
                .collect();
            literals.sort_by_key(|&id| ast.exprs[id].span.lo);
            for id in literals {
                let expr = &ast.exprs[id];
                let Some(ty) = self.tables[file].exprs[id].ty else {
                    continue;
                };
                if self.reaches_itself(ty, &mut visits) {
                    // What has been seen on the way is part of this cycle or leads to it.
                    visits.values_mut().for_each(|visit| *visit = Visit::Done);
                    self.late_error(
                        "InvalidDeclCycle",
                        expr.span.lo,
                        "invalid recursive type: anonymous interface refers to itself (see https://go.dev/issue/56103)"
                            .into(),
                    );
                }
            }
        }
    }

    fn reaches_itself(&self, ty: TypeId, visits: &mut FxHashMap<TypeId, Visit>) -> bool {
        stacker::maybe_grow(64 << 10, 1 << 20, || self.reaches_itself_inside(ty, visits))
    }
    fn reaches_itself_inside(&self, ty: TypeId, visits: &mut FxHashMap<TypeId, Visit>) -> bool {
        let store = self.store;
        let ty = store.unalias(ty);
        let vars = |this: &Self, vars: &[ObjId], visits: &mut FxHashMap<TypeId, Visit>| {
            vars.iter()
                .any(|&var| this.reaches_itself(store.obj_type(var), visits))
        };
        match store.ty(ty) {
            Type::Interface(_) => {
                match visits.get(&ty) {
                    Some(Visit::Active) => return true,
                    Some(Visit::Done) => return false,
                    None => {}
                }
                visits.insert(ty, Visit::Active);
                let set = store.type_set(ty);
                if set
                    .methods
                    .iter()
                    .any(|&method| self.reaches_itself(store.obj_type(method), visits))
                {
                    return true;
                }
                visits.insert(ty, Visit::Done);
                false
            }
            Type::Signature(signature) => {
                vars(self, &signature.params, visits) || vars(self, &signature.results, visits)
            }
            Type::Struct(structure) => vars(self, &structure.fields, visits),
            Type::Pointer(elem)
            | Type::Slice(elem)
            | Type::Array { elem, .. }
            | Type::Chan { elem, .. } => self.reaches_itself(*elem, visits),
            Type::Map { key, elem } => {
                self.reaches_itself(*key, visits) || self.reaches_itself(*elem, visits)
            }
            Type::Named(named) => named
                .targs
                .iter()
                .any(|&targ| self.reaches_itself(targ, visits)),
            Type::Basic(_)
            | Type::Alias(_)
            | Type::Tuple(_)
            | Type::Union(_)
            | Type::TypeParam(_) => false,
        }
    }

    /// gc complains about types where the declaration or statement that mentions them begins.
    fn large_types(&mut self) {
        for file in 0..self.asts.len() {
            let ast = self.asts[file].clone();
            for &decl in &ast.decls {
                // Ends and beginnings of what is around.
                let mut around: Vec<(Pos, Pos)> = Vec::new();
                walk(&ast, Node::Decl(decl), |node| {
                    let span = ast.span(node);
                    while around.last().is_some_and(|&(end, _)| end <= span.lo) {
                        around.pop();
                    }
                    match node {
                        Node::Decl(id) => {
                            let name = match &ast.decl_arena[id].kind {
                                DeclKind::Var { names, .. } => names.first().copied(),
                                DeclKind::Type { name, .. } => Some(*name),
                                DeclKind::Func { name, .. } => Some(*name),
                                _ => None,
                            };
                            if let Some(name) = name {
                                around.push((span.hi, ast.names[name].pos));
                            }
                            if let DeclKind::Func {
                                name,
                                body: Some(_),
                                ..
                            } = &ast.decl_arena[id].kind
                                && let Some(obj) = self.tables[file].names[*name]
                            {
                                let locals = self.large_locals(file, id);
                                self.large_frame(obj, locals, ast.names[*name].pos);
                            }
                        }
                        Node::Stmt(id) if !matches!(ast.stmts[id].kind, StmtKind::Block { .. }) => {
                            around.push((span.hi, span.lo));
                        }
                        Node::Expr(id) => {
                            if matches!(
                                ast.exprs[id].kind,
                                ExprKind::ArrayType { .. } | ExprKind::ChanType { .. }
                            ) {
                                let pos = around.last().map_or(span.lo, |&(_, pos)| pos);
                                self.large_type(file, id, pos);
                            }
                        }
                        _ => {}
                    }
                    true
                });
            }
        }
    }

    fn large_type(&mut self, file: usize, expr: ExprId, pos: Pos) {
        let store = self.store;
        let Some(ty) = self.tables[file].exprs[expr].ty else {
            return;
        };
        match store.under(ty) {
            Type::Chan { elem, .. }
                if store
                    .sizeof(*elem)
                    .is_none_or(|size| size >= CHANNEL_ELEMENT)
                    && !store.is_parameterized(ty) =>
            {
                self.late_error(
                    "TypeTooLarge",
                    pos,
                    "channel element type too large (>64kB)".into(),
                );
            }
            Type::Array { .. }
                if store.sizeof(ty).is_none_or(|size| size >= ADDRESS_SPACE)
                    && !store.is_parameterized(ty) =>
            {
                let text = self.type_str(ty);
                self.late_error(
                    "TypeTooLarge",
                    pos,
                    format!("type {text} larger than address space"),
                );
            }
            _ => {}
        }
    }

    /// What a function's variables and temporary values take of its frame, as far as it matters: variables of sizes that gc
    /// does not move to the heap, and results of calls that are arguments of others. Beside it the largest space for the
    /// arguments of a call.
    fn large_locals(&self, file: usize, decl: DeclId) -> (i64, i64) {
        let store = self.store;
        let ast = &self.asts[file];
        let table = &self.tables[file];
        let size_of = |ty: TypeId| match store.is_parameterized(ty) {
            true => 0,
            false => store.sizeof(ty).unwrap_or(0),
        };
        let (mut locals, mut callee) = (0i64, 0i64);
        walk(ast, Node::Decl(decl), |node| {
            match node {
                Node::Name(name) => {
                    if let Some(obj) = table.names[name]
                        && matches!(store.obj(obj).kind, ObjKind::Var(VarKind::Local))
                        && store.obj(obj).pos == ast.names[name].pos
                    {
                        let size = size_of(store.obj_type(obj));
                        if size <= STACK_VARIABLE {
                            locals = locals.saturating_add(size);
                        }
                    }
                }
                Node::Expr(id) => match &ast.exprs[id].kind {
                    ExprKind::FuncLit { .. } => return false,
                    ExprKind::Call { fun, args, .. } => {
                        let signature = table.exprs[*fun].ty.and_then(|ty| store.signature(ty));
                        if let Some(signature) = signature {
                            let space = signature
                                .params
                                .iter()
                                .chain(&signature.results)
                                .map(|&var| size_of(store.obj_type(var)))
                                .fold(0, i64::saturating_add);
                            callee = callee.max(space);
                        }
                        for &arg in args {
                            if matches!(ast.exprs[arg].kind, ExprKind::Call { .. }) {
                                let size = table.exprs[arg].ty.map_or(0, size_of);
                                locals = locals.saturating_add(size);
                            }
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
            true
        });
        (locals, callee)
    }

    /// Parameters, results and local variables make the frame.
    fn large_frame(&mut self, func: ObjId, (locals, callee): (i64, i64), pos: Pos) {
        let store = self.store;
        let Some(signature) = store.signature(store.obj_type(func)) else {
            return;
        };
        if !signature.tparams.is_empty() || !signature.recv_tparams.is_empty() {
            return;
        }
        let mut size: i64 = 0;
        for &var in signature
            .recv
            .iter()
            .chain(&signature.params)
            .chain(&signature.results)
        {
            let one = store.sizeof(store.obj_type(var)).unwrap_or(i64::MAX);
            size = size.saturating_add(one);
        }
        // Room for arguments matters only beside large values: calls pass most of theirs in registers.
        let callee = if callee > FRAME / 4 { callee } else { 0 };
        let total = size.saturating_add(locals).saturating_add(callee);
        if total > FRAME {
            let mut text = format!(
                "stack frame too large (>1GB): {} MB locals + {} MB args",
                locals >> 20,
                size >> 20
            );
            if callee > 0 {
                text.push_str(&format!(" + {} MB callee", callee >> 20));
            }
            self.late_error("FrameTooLarge", pos, text);
        }
    }
}
