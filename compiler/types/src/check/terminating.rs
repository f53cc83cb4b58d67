//! Terminating statements (spec, "Terminating statements").

use syntax::ast::{BranchKind, ClauseId, ClauseKind, ExprKind, StmtId, StmtKind};

use super::Checker;
use crate::model::*;
use crate::typed::*;

impl<'a> Checker<'a> {
    pub(super) fn is_terminating_list(&self, stmts: &[StmtId]) -> bool {
        let last = stmts
            .iter()
            .rev()
            .find(|&&stmt| !matches!(self.env.ast.stmts[stmt].kind, StmtKind::Empty { .. }));
        last.is_some_and(|&last| self.is_terminating(last, None))
    }

    pub(super) fn is_terminating(&self, id: StmtId, label: Option<base::Symbol>) -> bool {
        stacker::maybe_grow(64 << 10, 1 << 20, || self.is_terminating_inner(id, label))
    }

    pub(super) fn is_terminating_inner(&self, id: StmtId, label: Option<base::Symbol>) -> bool {
        let ast = self.env.ast;
        match &ast.stmts[id].kind {
            StmtKind::Return(_) => true,
            StmtKind::Branch { kind, .. } => {
                matches!(kind, BranchKind::Goto | BranchKind::Fallthrough)
            }
            StmtKind::Expr(expr) => match self.kind(ast.unparen(*expr)) {
                ExprKind::Call { fun, .. } => {
                    self.info(ast.unparen(*fun)).mode == Mode::Builtin(Builtin::Panic)
                }
                _ => false,
            },
            StmtKind::Block { stmts, .. } => self.is_terminating_list(stmts),
            StmtKind::If {
                then,
                els: Some(els),
                ..
            } => self.is_terminating(*then, None) && self.is_terminating(*els, None),
            StmtKind::For {
                cond: None, body, ..
            } => !self.has_break(*body, label, true),
            StmtKind::Labeled { label, stmt } => self.is_terminating(*stmt, Some(ast.sym(*label))),
            StmtKind::Switch { clauses, .. } | StmtKind::TypeSwitch { clauses, .. } => {
                let mut has_default = false;
                for &clause in clauses {
                    let clause = &ast.clauses[clause];
                    has_default |= matches!(clause.kind, ClauseKind::Default);
                    if !self.is_terminating_list(&clause.body)
                        || clause
                            .body
                            .iter()
                            .any(|&stmt| self.has_break(stmt, label, true))
                    {
                        return false;
                    }
                }
                has_default
            }
            StmtKind::Select { clauses, .. } => clauses.iter().all(|&clause| {
                let clause = &ast.clauses[clause];
                self.is_terminating_list(&clause.body)
                    && !clause
                        .body
                        .iter()
                        .any(|&stmt| self.has_break(stmt, label, true))
            }),
            _ => false,
        }
    }

    /// Whether a `break` inside refers to the enclosing statement: without label if `implicit`, or by its label.
    pub(super) fn has_break(
        &self,
        id: StmtId,
        label: Option<base::Symbol>,
        implicit: bool,
    ) -> bool {
        stacker::maybe_grow(64 << 10, 1 << 20, || {
            let ast = self.env.ast;
            let clause_breaks = |clauses: &[ClauseId]| {
                label.is_some()
                    && clauses.iter().any(|&clause| {
                        ast.clauses[clause]
                            .body
                            .iter()
                            .any(|&stmt| self.has_break(stmt, label, false))
                    })
            };
            match &ast.stmts[id].kind {
                StmtKind::Branch {
                    kind: BranchKind::Break,
                    label: target,
                } => match target {
                    None => implicit,
                    Some(target) => label == Some(ast.sym(*target)),
                },
                StmtKind::Block { stmts, .. } => stmts
                    .iter()
                    .any(|&stmt| self.has_break(stmt, label, implicit)),
                StmtKind::If { then, els, .. } => {
                    self.has_break(*then, label, implicit)
                        || els.is_some_and(|els| self.has_break(els, label, implicit))
                }
                StmtKind::Labeled { stmt, .. } => self.has_break(*stmt, label, implicit),
                StmtKind::Switch { clauses, .. }
                | StmtKind::TypeSwitch { clauses, .. }
                | StmtKind::Select { clauses, .. } => clause_breaks(clauses),
                StmtKind::For { body, .. } | StmtKind::Range { body, .. } => {
                    label.is_some() && self.has_break(*body, label, false)
                }
                _ => false,
            }
        })
    }
}
