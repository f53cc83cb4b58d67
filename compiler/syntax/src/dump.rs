//! The tree as text, for tests and for the curious.
//!
//! One node a line, indented by depth: kind, what the kind adds, and where it stands
//! (`line:col-line:col`).

use std::fmt::Write as _;

use source::{Pos, SourceFile};

use crate::ast::*;
use crate::visit::Node;

/// All declarations of `tree`, which was parsed from `file`.
pub fn dump(file: &SourceFile, tree: &File) -> String {
    let mut out = format!(
        "package {} {}\n",
        tree.sym(tree.package_name),
        place(file, tree.package_pos)
    );
    if let Some((major, minor)) = tree.go_version {
        let _ = writeln!(out, "go version {major}.{minor}");
    }
    for directive in &tree.directives {
        let _ = writeln!(
            out,
            "directive {:?} {}",
            directive.text,
            place(file, directive.pos)
        );
    }
    let mut work: Vec<(Node, usize)> = tree
        .decls
        .iter()
        .rev()
        .map(|&decl| (Node::Decl(decl), 0))
        .collect();
    while let Some((node, depth)) = work.pop() {
        let span = tree.span(node);
        let _ = writeln!(
            out,
            "{:indent$}{} {}-{}",
            "",
            describe(tree, node),
            place(file, span.lo),
            place(file, span.hi.min(tree.eof)),
            indent = depth * 2
        );
        let at = work.len();
        tree.children(node, |child| work.push((child, depth + 1)));
        work[at..].reverse();
    }
    out
}

fn place(file: &SourceFile, pos: Pos) -> String {
    let (line, col) = file.line_col(pos);
    format!("{line}:{col}")
}

fn describe(tree: &File, node: Node) -> String {
    match node {
        Node::Name(id) => format!("name {}", tree.sym(id)),
        Node::Field(id) => match &tree.fields[id] {
            Field { embedded: true, .. } => "embedded".into(),
            Field { name: Some(_), .. } => "field".into(),
            Field { name: None, .. } => "unnamed".into(),
        },
        Node::Clause(id) => match tree.clauses[id].kind {
            ClauseKind::Case(_) => "case".into(),
            ClauseKind::Comm(_) => "comm".into(),
            ClauseKind::Default => "default".into(),
        },
        Node::Expr(id) => match &tree.exprs[id].kind {
            ExprKind::BasicLit { kind, text } => format!("{kind:?} {text}"),
            ExprKind::Unary { op, .. } => format!("Unary {}", op.as_str()),
            ExprKind::Binary { op, .. } => format!("Binary {}", op.as_str()),
            ExprKind::ChanType { dir, .. } => format!("ChanType {dir:?}"),
            ExprKind::ArrayType {
                len: ArrayLen::Auto,
                ..
            } => "ArrayType auto".into(),
            ExprKind::Call {
                ellipsis: Some(_), ..
            } => "Call ...".into(),
            ExprKind::TypeAssert { ty: None, .. } => "TypeAssert type".into(),
            kind => variant(kind),
        },
        Node::Stmt(id) => match &tree.stmts[id].kind {
            StmtKind::Empty { implicit: true } => "Empty implicit".into(),
            StmtKind::IncDec { inc, .. } => format!("IncDec {}", if *inc { "++" } else { "--" }),
            StmtKind::Assign { op: Some(op), .. } => format!("Assign {}=", op.as_str()),
            StmtKind::Branch { kind, .. } => format!("{kind:?}"),
            StmtKind::Range { define: true, .. } => "Range :=".into(),
            kind => variant(kind),
        },
        Node::Decl(id) => {
            let decl = &tree.decl_arena[id];
            let mut text = match &decl.kind {
                DeclKind::Const { iota, .. } => format!("const iota={iota}"),
                DeclKind::Type { alias: true, .. } => "type alias".into(),
                kind => variant(kind).to_lowercase(),
            };
            if let Some(group) = decl.group {
                let _ = write!(text, " group={group}");
            }
            text
        }
    }
}

/// The name of an enum value's variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    /// Stops formatting at the end of the first word.
    struct FirstWord(String);
    impl std::fmt::Write for FirstWord {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            let end = text.find(|c: char| !c.is_alphanumeric());
            self.0.push_str(&text[..end.unwrap_or(text.len())]);
            if end.is_some() {
                Err(std::fmt::Error)
            } else {
                Ok(())
            }
        }
    }
    let mut word = FirstWord(String::new());
    // The error only says that the word has ended.
    let _ = write!(word, "{value:?}");
    word.0
}
