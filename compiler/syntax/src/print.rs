//! Expressions and simple statements as text, the way gc's diagnostics show them: function
//! bodies and literal values are shortened to `…`.

use crate::ast::*;

/// Texts end about here, in bytes.
const LONGEST: usize = 1 << 20;

/// `expr` in gc's short form.
pub fn expr_string(file: &File, expr: ExprId) -> String {
    let mut printer = Printer {
        file,
        out: String::new(),
    };
    printer.expr(expr);
    printer.out
}

/// A list of expressions; a binary one in parentheses.
pub(crate) fn emphasized(file: &File, list: &[ExprId]) -> String {
    let mut printer = Printer {
        file,
        out: String::new(),
    };
    match *list {
        [x] if matches!(file.exprs[x].kind, ExprKind::Binary { .. }) => {
            printer.out.push('(');
            printer.expr(x);
            printer.out.push(')');
        }
        _ => printer.exprs(list),
    }
    printer.out
}

/// A simple statement in gc's short form; empty for other statements.
pub fn simple_stmt_string(file: &File, stmt: &StmtKind) -> String {
    let mut printer = Printer {
        file,
        out: String::new(),
    };
    match stmt {
        StmtKind::Expr(x) => printer.expr(*x),
        StmtKind::Send { chan, value } => {
            printer.expr(*chan);
            printer.out.push_str(" <- ");
            printer.expr(*value);
        }
        StmtKind::IncDec { x, inc } => {
            printer.expr(*x);
            printer.out.push_str(if *inc { "++" } else { "--" });
        }
        StmtKind::Assign { lhs, op, rhs } => {
            printer.exprs(lhs);
            printer.out.push(' ');
            printer.out.push_str(op.map_or("", BinaryOp::as_str));
            printer.out.push_str("= ");
            printer.exprs(rhs);
        }
        StmtKind::Define { lhs, rhs } => {
            printer.exprs(lhs);
            printer.out.push_str(" := ");
            printer.exprs(rhs);
        }
        _ => {}
    }
    printer.out
}

struct Printer<'a> {
    file: &'a File,
    out: String,
}

impl Printer<'_> {
    fn exprs(&mut self, list: &[ExprId]) {
        for (at, &expr) in list.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            self.expr(expr);
        }
    }

    fn name(&mut self, name: NameId) {
        self.out.push_str(self.file.sym(name).as_str());
    }

    fn expr(&mut self, expr: ExprId) {
        // Enough for any reader; each of many errors may show a part of one huge expression.
        if self.out.len() > LONGEST {
            self.out.push('…');
            return;
        }
        stacker::maybe_grow(32 * 1024, 1024 * 1024, || self.expr_inside(expr));
    }

    fn expr_inside(&mut self, expr: ExprId) {
        match &self.file.exprs[expr].kind {
            ExprKind::Bad => self.out.push_str("<bad expr>"),
            ExprKind::Name(name) => self.name(*name),
            ExprKind::BasicLit { text, .. } => self.out.push_str(text),
            ExprKind::CompositeLit { ty, elems, .. } => {
                if let Some(ty) = ty {
                    self.expr(*ty);
                }
                self.out
                    .push_str(if elems.is_empty() { "{}" } else { "{…}" });
            }
            ExprKind::FuncLit { ty, body } => {
                self.expr(*ty);
                let empty = matches!(&self.file.stmts[*body].kind, StmtKind::Block { stmts, .. } if stmts.is_empty());
                self.out.push_str(if empty { " {}" } else { " {…}" });
            }
            ExprKind::Paren(x) => {
                self.out.push('(');
                self.expr(*x);
                self.out.push(')');
            }
            ExprKind::Selector { x, sel } => {
                self.expr(*x);
                self.out.push('.');
                self.name(*sel);
            }
            ExprKind::Index { x, indices } => {
                self.expr(*x);
                self.out.push('[');
                self.exprs(indices);
                self.out.push(']');
            }
            ExprKind::Slice {
                x,
                lo,
                hi,
                max,
                three,
            } => {
                self.expr(*x);
                self.out.push('[');
                if let Some(lo) = lo {
                    self.expr(*lo);
                }
                self.out.push(':');
                if let Some(hi) = hi {
                    self.expr(*hi);
                }
                if *three {
                    self.out.push(':');
                    if let Some(max) = max {
                        self.expr(*max);
                    }
                }
                self.out.push(']');
            }
            ExprKind::TypeAssert { x, ty } => {
                self.expr(*x);
                self.out.push_str(".(");
                match ty {
                    Some(ty) => self.expr(*ty),
                    None => self.out.push_str("type"),
                }
                self.out.push(')');
            }
            ExprKind::Call {
                fun,
                args,
                ellipsis,
                ..
            } => {
                self.expr(*fun);
                self.out.push('(');
                self.exprs(args);
                if ellipsis.is_some() {
                    self.out.push_str("...");
                }
                self.out.push(')');
            }
            ExprKind::Star(x) => {
                self.out.push('*');
                self.expr(*x);
            }
            ExprKind::Unary { op, x } => {
                self.out.push_str(op.as_str());
                self.expr(*x);
            }
            ExprKind::Binary { op, x, y } => {
                self.expr(*x);
                self.out.push(' ');
                self.out.push_str(op.as_str());
                self.out.push(' ');
                self.expr(*y);
            }
            ExprKind::KeyValue { key, value } => {
                self.expr(*key);
                self.out.push_str(": ");
                self.expr(*value);
            }
            ExprKind::ArrayType { len, elem } => {
                self.out.push('[');
                match len {
                    ArrayLen::Expr(len) => self.expr(*len),
                    ArrayLen::Auto => self.out.push_str("..."),
                }
                self.out.push(']');
                self.expr(*elem);
            }
            ExprKind::SliceType(elem) => {
                self.out.push_str("[]");
                self.expr(*elem);
            }
            ExprKind::StructType { fields } => self.struct_fields(fields),
            ExprKind::InterfaceType { elems } => self.interface_elems(elems),
            ExprKind::FuncType(signature) => {
                self.out.push_str("func");
                self.signature(signature);
            }
            ExprKind::MapType { key, value } => {
                self.out.push_str("map[");
                self.expr(*key);
                self.out.push(']');
                self.expr(*value);
            }
            ExprKind::ChanType { dir, elem } => {
                self.out.push_str(match dir {
                    ChanDir::Both => "chan ",
                    ChanDir::Send => "chan<- ",
                    ChanDir::Recv => "<-chan ",
                });
                let inner = matches!(
                    self.file.exprs[*elem].kind,
                    ExprKind::ChanType {
                        dir: ChanDir::Recv,
                        ..
                    }
                );
                if inner && *dir == ChanDir::Both {
                    self.out.push('(');
                    self.expr(*elem);
                    self.out.push(')');
                } else {
                    self.expr(*elem);
                }
            }
            ExprKind::Ellipsis(elem) => {
                self.out.push_str("...");
                if let Some(elem) = elem {
                    self.expr(*elem);
                }
            }
        }
    }

    fn struct_fields(&mut self, fields: &[FieldId]) {
        self.out.push_str("struct{");
        for (at, &id) in fields.iter().enumerate() {
            let field = &self.file.fields[id];
            if at > 0 {
                let previous = &self.file.fields[fields[at - 1]];
                let grouped =
                    field.name.is_some() && previous.name.is_some() && previous.ty == field.ty;
                self.out.push_str(if grouped { ", " } else { "; " });
            }
            if let Some(name) = field.name {
                self.name(name);
                let next = fields.get(at + 1).map(|&next| &self.file.fields[next]);
                if next.is_some_and(|next| next.name.is_some() && next.ty == field.ty) {
                    continue;
                }
                self.out.push(' ');
            }
            self.expr(field.ty);
            if let Some(tag) = field.tag {
                self.out.push(' ');
                self.expr(tag);
            }
        }
        self.out.push('}');
    }

    fn interface_elems(&mut self, elems: &[FieldId]) {
        self.out.push_str("interface{");
        for (at, &id) in elems.iter().enumerate() {
            let elem = &self.file.fields[id];
            if at > 0 {
                self.out.push_str("; ");
            }
            match (elem.name, &self.file.exprs[elem.ty].kind) {
                (Some(name), ExprKind::FuncType(signature)) => {
                    self.name(name);
                    self.signature(signature);
                }
                _ => self.expr(elem.ty),
            }
        }
        self.out.push('}');
    }

    fn signature(&mut self, signature: &FuncType) {
        if !signature.tparams.is_empty() {
            self.parameters(&signature.tparams, ['[', ']']);
        }
        self.parameters(&signature.params, ['(', ')']);
        match *signature.results {
            [] => {}
            [only] if self.file.fields[only].name.is_none() => {
                self.out.push(' ');
                self.expr(self.file.fields[only].ty);
            }
            _ => {
                self.out.push(' ');
                self.parameters(&signature.results, ['(', ')']);
            }
        }
    }

    fn parameters(&mut self, fields: &[FieldId], [open, close]: [char; 2]) {
        self.out.push(open);
        for (at, &id) in fields.iter().enumerate() {
            let field = &self.file.fields[id];
            if at > 0 {
                self.out.push_str(", ");
            }
            let next = fields.get(at + 1).map(|&next| &self.file.fields[next]);
            if let Some(name) = field.name {
                self.name(name);
                if next.is_some_and(|next| next.name.is_some() && next.ty == field.ty) {
                    continue;
                }
                self.out.push(' ');
            }
            self.expr(field.ty);
        }
        self.out.push(close);
    }
}
