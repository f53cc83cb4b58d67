//! Labels and the statements that use them: `break`, `continue`, `goto`.
//!
//! One walk over a function body collects its labels and jumps with the blocks and variable declarations around
//! them; function literals are bodies of their own.

use base::{FxHashMap, Symbol};
use source::Pos;
use syntax::ast::{BranchKind, NameId, StmtId, StmtKind};

use super::{BranchMessages, Checker};
use crate::model::*;

/// A label of the function.
struct Label {
    name: NameId,
    obj: ObjId,
    used: bool,
    /// The block that holds it, as index into `Walk::blocks`.
    block: usize,
    stmt: StmtId,
}

/// A `goto` that waits for its label.
struct Jump {
    name: NameId,
    block: usize,
    /// Number of statements seen: variables declared later are jumped over.
    at: usize,
}

#[derive(Default)]
struct Walk {
    /// Parent of each block and its start.
    blocks: Vec<(usize, Pos)>,
    labels: FxHashMap<Symbol, Label>,
    order: Vec<Symbol>,
    jumps: Vec<Jump>,
    /// Variable declarations: block, sequence number, position.
    declarations: Vec<(usize, usize, Pos, Option<Symbol>)>,
    /// Sequence number of each label.
    label_at: FxHashMap<Symbol, usize>,
    sequence: usize,
}

/// What encloses a statement.
#[derive(Clone)]
struct Around {
    block: usize,
    in_loop: bool,
    in_breakable: bool,
    /// Labels of enclosing statements, innermost last, with whether they label a loop or another breakable statement.
    enclosing: Vec<(Symbol, bool, bool)>,
}

impl<'a> Checker<'a> {
    pub(super) fn check_branches(&mut self, body: StmtId) {
        let ast = self.env.ast;
        let StmtKind::Block { stmts, .. } = &ast.stmts[body].kind else {
            return;
        };
        let mut walk = Walk::default();
        walk.blocks.push((usize::MAX, ast.stmts[body].span.lo));
        let mut around = Around {
            block: 0,
            in_loop: false,
            in_breakable: false,
            enclosing: Vec::new(),
        };
        self.walk_stmts(stmts, &mut walk, &mut around);
        let compiler = self.input.branch_messages == BranchMessages::Compiler;
        for jump in std::mem::take(&mut walk.jumps) {
            let sym = self.sym(jump.name);
            let pos = self.name_pos(jump.name);
            let Some(label) = walk.labels.get_mut(&sym) else {
                let message = if compiler {
                    format!("label {sym} not defined")
                } else {
                    format!("label {sym} not declared")
                };
                self.error(pos, "UndeclaredLabel", message);
                continue;
            };
            label.used = true;
            let obj = label.obj;
            let target = label.block;
            self.record_name(jump.name, obj);
            // The label's block must enclose the jump.
            let mut block = jump.block;
            while block != target && block != usize::MAX {
                block = walk.blocks[block].0;
            }
            if block == usize::MAX {
                // The outermost block that the jump enters.
                let mut entered = target;
                loop {
                    let parent = walk.blocks[entered].0;
                    let mut outer = jump.block;
                    while outer != parent && outer != usize::MAX {
                        outer = walk.blocks[outer].0;
                    }
                    if parent == usize::MAX || outer == parent {
                        break;
                    }
                    entered = parent;
                }
                let _ = entered;
                let message = if compiler {
                    let at = self.position(walk.blocks[target].1).unwrap_or_default();
                    format!("goto {sym} jumps into block starting at {at}")
                } else {
                    format!("goto {sym} jumps into block")
                };
                self.error(pos, "JumpIntoBlock", message);
                continue;
            }
            let at = walk.label_at[&sym];
            if let Some((_, _, declared, declared_name)) =
                walk.declarations.iter().rfind(|(block, sequence, _, _)| {
                    *block == target && *sequence > jump.at && *sequence < at
                })
            {
                let declared = *declared;
                let message = if compiler {
                    let at = self.position(declared).unwrap_or_default();
                    let name = declared_name.map_or("variable", Symbol::as_str);
                    format!("goto {sym} jumps over declaration of {name} at {at}")
                } else {
                    let line = self
                        .sources
                        .file_of(declared)
                        .map_or(0, |file| file.line_col(declared).0);
                    format!("goto {sym} jumps over variable declaration at line {line}")
                };
                self.error(pos, "JumpOverDecl", message);
            }
        }
        for sym in walk.order {
            let label = &walk.labels[&sym];
            if !label.used && sym != self.names.blank {
                let pos = self.name_pos(label.name);
                let message = if compiler {
                    format!("label {sym} defined and not used")
                } else {
                    format!("label {sym} declared and not used")
                };
                self.soft_error(pos, "UnusedLabel", message);
            }
        }
    }

    fn walk_stmts(&mut self, stmts: &[StmtId], walk: &mut Walk, around: &mut Around) {
        for &stmt in stmts {
            self.walk_stmt(stmt, walk, around);
        }
    }
    fn walk_block(&mut self, id: StmtId, walk: &mut Walk, around: &mut Around) {
        let ast = self.env.ast;
        match &ast.stmts[id].kind {
            StmtKind::Block { stmts, .. } => {
                let saved = around.block;
                walk.blocks.push((saved, ast.stmts[id].span.lo));
                around.block = walk.blocks.len() - 1;
                self.walk_stmts(stmts, walk, around);
                around.block = saved;
            }
            _ => self.walk_stmt(id, walk, around),
        }
    }

    fn walk_stmt(&mut self, id: StmtId, walk: &mut Walk, around: &mut Around) {
        stacker::maybe_grow(64 << 10, 1 << 20, || self.walk_stmt_inner(id, walk, around));
    }
    fn walk_stmt_inner(&mut self, id: StmtId, walk: &mut Walk, around: &mut Around) {
        let ast = self.env.ast;
        walk.sequence += 1;
        match &ast.stmts[id].kind {
            StmtKind::Decl(decls) => {
                for &decl in decls {
                    if let syntax::ast::DeclKind::Var { names, .. } = &ast.decl_arena[decl].kind {
                        let pos = names
                            .first()
                            .map_or(ast.decl_arena[decl].span.lo, |&name| ast.names[name].pos);
                        let name = names.first().map(|&name| ast.sym(name));
                        walk.declarations
                            .push((around.block, walk.sequence, pos, name));
                    }
                }
            }
            StmtKind::Define { lhs, .. } => {
                let name = lhs.first().and_then(|&left| match ast.exprs[left].kind {
                    syntax::ast::ExprKind::Name(name) => Some(ast.sym(name)),
                    _ => None,
                });
                walk.declarations
                    .push((around.block, walk.sequence, ast.stmts[id].pos, name));
            }
            StmtKind::Labeled { label, stmt } => self.walk_label(*label, *stmt, walk, around),
            StmtKind::Branch { kind, label } => self.walk_branch(id, *kind, *label, walk, around),
            StmtKind::Block { .. } => self.walk_block(id, walk, around),
            StmtKind::If { then, els, .. } => {
                self.walk_block(*then, walk, around);
                if let Some(els) = els {
                    self.walk_block(*els, walk, around);
                }
            }
            StmtKind::Switch { clauses, .. }
            | StmtKind::TypeSwitch { clauses, .. }
            | StmtKind::Select { clauses, .. } => {
                let (saved, breakable) = (
                    around.block,
                    std::mem::replace(&mut around.in_breakable, true),
                );
                for &clause in clauses {
                    let clause = &ast.clauses[clause];
                    walk.blocks.push((saved, clause.span.lo));
                    around.block = walk.blocks.len() - 1;
                    self.walk_stmts(&clause.body, walk, around);
                }
                around.block = saved;
                around.in_breakable = breakable;
            }
            StmtKind::For { body, .. } | StmtKind::Range { body, .. } => {
                let saved = (around.in_loop, around.in_breakable);
                (around.in_loop, around.in_breakable) = (true, true);
                self.walk_block(*body, walk, around);
                (around.in_loop, around.in_breakable) = saved;
            }
            _ => {}
        }
    }

    /// Misplaced `fallthrough` statements in a file that is not checked, where `wanted`.
    pub(super) fn check_fallthroughs(&mut self, wanted: impl Fn(Pos) -> bool) {
        let ast = self.env.ast;
        // What the statements directly in a clause may not, or may, do.
        let mut places: FxHashMap<StmtId, Option<&'static str>> = FxHashMap::default();
        for stmt in ast.stmts.iter() {
            let (clauses, in_type_switch) = match &stmt.kind {
                StmtKind::Switch { clauses, .. } => (clauses, false),
                StmtKind::TypeSwitch { clauses, .. } => (clauses, true),
                _ => continue,
            };
            for (i, &clause) in clauses.iter().enumerate() {
                let body = &ast.clauses[clause].body;
                let is_empty =
                    |&&id: &&StmtId| matches!(ast.stmts[id].kind, StmtKind::Empty { .. });
                let empty = body.iter().rev().take_while(is_empty).count();
                for (at, &inner) in body.iter().enumerate() {
                    let mut inner = inner;
                    while let StmtKind::Labeled { stmt, .. } = ast.stmts[inner].kind {
                        inner = stmt;
                    }
                    let place = if in_type_switch {
                        Some("cannot fallthrough in type switch")
                    } else if i + 1 == clauses.len() {
                        Some("cannot fallthrough final case in switch")
                    } else if at + 1 + empty == body.len() {
                        None
                    } else {
                        continue;
                    };
                    places.insert(inner, place);
                }
            }
        }
        for (id, stmt) in ast.stmts.iter_enumerated() {
            if let StmtKind::Branch {
                kind: BranchKind::Fallthrough,
                label: None,
            } = stmt.kind
                && wanted(stmt.span.lo)
                && let Some(message) = places
                    .get(&id)
                    .copied()
                    .unwrap_or(Some("fallthrough statement out of place"))
            {
                self.error(stmt.span.lo, "MisplacedFallthrough", message);
            }
        }
    }

    fn walk_label(&mut self, name: NameId, stmt: StmtId, walk: &mut Walk, around: &mut Around) {
        let ast = self.env.ast;
        let sym = ast.sym(name);
        let pos = ast.names[name].pos;
        let compiler = self.input.branch_messages == BranchMessages::Compiler;
        let obj = self.store.new_object(
            Object::new(ObjKind::Label, sym, pos, Some(self.pkg)).with_type(TypeId::INVALID),
        );
        self.record_name(name, obj);
        if sym != self.names.blank {
            if let Some(other) = walk.labels.get(&sym) {
                let other_pos = self.name_pos(other.name);
                if compiler {
                    let at = self.position(other_pos).unwrap_or_default();
                    self.error(
                        pos,
                        "DuplicateLabel",
                        format!("label {sym} already defined at {at}"),
                    );
                } else {
                    let lines = [(other_pos, format!("other declaration of {sym}"))];
                    self.error_lines(
                        pos,
                        "DuplicateLabel",
                        format!("label {sym} already declared"),
                        &lines,
                    );
                }
            } else {
                walk.labels.insert(
                    sym,
                    Label {
                        name,
                        obj,
                        used: false,
                        block: around.block,
                        stmt,
                    },
                );
                walk.order.push(sym);
                walk.label_at.insert(sym, walk.sequence);
            }
        }
        let (is_loop, is_breakable) = match &ast.stmts[stmt].kind {
            StmtKind::For { .. } | StmtKind::Range { .. } => (true, true),
            StmtKind::Switch { .. } | StmtKind::TypeSwitch { .. } | StmtKind::Select { .. } => {
                (false, true)
            }
            _ => (false, false),
        };
        around.enclosing.push((sym, is_loop, is_breakable));
        self.walk_stmt(stmt, walk, around);
        around.enclosing.pop();
    }

    fn walk_branch(
        &mut self,
        id: StmtId,
        kind: BranchKind,
        label: Option<NameId>,
        walk: &mut Walk,
        around: &mut Around,
    ) {
        let ast = self.env.ast;
        let stmt_pos = ast.stmts[id].span.lo;
        let compiler = self.input.branch_messages == BranchMessages::Compiler;
        let Some(name) = label else {
            match kind {
                BranchKind::Break if !around.in_breakable => {
                    let message = if compiler {
                        "break is not in a loop, switch, or select"
                    } else {
                        "break not in for, switch, or select statement"
                    };
                    self.error(stmt_pos, "MisplacedBreak", message);
                }
                BranchKind::Continue if !around.in_loop => {
                    let message = if compiler {
                        "continue is not in a loop"
                    } else {
                        "continue not in for statement"
                    };
                    self.error(stmt_pos, "MisplacedContinue", message);
                }
                _ => {}
            }
            return;
        };
        let sym = ast.sym(name);
        let pos = ast.names[name].pos;
        match kind {
            BranchKind::Goto => walk.jumps.push(Jump {
                name,
                block: around.block,
                at: walk.sequence,
            }),
            BranchKind::Break | BranchKind::Continue => {
                let what = if kind == BranchKind::Break {
                    "break"
                } else {
                    "continue"
                };
                let found = around
                    .enclosing
                    .iter()
                    .rev()
                    .find(|(enclosing, ..)| *enclosing == sym)
                    .copied();
                match found {
                    Some((_, is_loop, is_breakable)) => {
                        let fits = sym != self.names.blank
                            && if kind == BranchKind::Break {
                                is_breakable
                            } else {
                                is_loop
                            };
                        if (fits || compiler)
                            && let Some(label) = walk.labels.get_mut(&sym)
                        {
                            label.used = true;
                            let obj = label.obj;
                            self.record_name(name, obj);
                        }
                        if !fits {
                            self.error(
                                pos,
                                "MisplacedLabel",
                                format!("invalid {what} label {sym}"),
                            );
                        }
                    }
                    None => {
                        // A label elsewhere in the function, or none at all.
                        if let Some(label) = walk.labels.get_mut(&sym) {
                            label.used = true;
                            let _ = label.stmt;
                        }
                        let known = self.function_has_label(sym, walk);
                        let message = if known || !compiler {
                            format!("invalid {what} label {sym}")
                        } else {
                            format!("{what} label not defined: {sym}")
                        };
                        self.error(pos, "MisplacedLabel", message);
                    }
                }
            }
            BranchKind::Fallthrough => {}
        }
    }
    fn function_has_label(&self, sym: Symbol, walk: &Walk) -> bool {
        walk.labels.contains_key(&sym)
    }
}
