//! Source files and declarations.

use source::{Pos, Span};

use super::{DECLARATION_START, Parser, take_from};
use crate::ast::*;
use crate::token::Tok;

/// The specifications that can stand in a group.
#[derive(Clone, Copy)]
enum Spec {
    Import,
    Const,
    Type,
    Var,
}

impl Spec {
    fn of(tok: Tok) -> Option<Spec> {
        match tok {
            Tok::Import => Some(Spec::Import),
            Tok::Const => Some(Spec::Const),
            Tok::Type => Some(Spec::Type),
            Tok::Var => Some(Spec::Var),
            _ => None,
        }
    }
}

impl Parser<'_> {
    /// SourceFile
    pub(super) fn source_file(&mut self) {
        self.tree.package_pos = self.pos();
        if self.tok != Tok::Package {
            self.syntax_error("package statement must be first");
            self.tree.package_name = self.blank_name_at(self.pos());
            self.tree.no_package = true;
            return;
        }
        self.next();
        self.tree.package_name = self.name();
        self.want(Tok::Semi);
        if self.any_errors() {
            self.tree.no_package = true;
            return;
        }
        let mut previous = Tok::Import;
        while self.tok != Tok::Eof {
            if self.tok == Tok::Import && previous != Tok::Import {
                self.syntax_error("imports must appear before other declarations");
            }
            let keyword = self.tok;
            previous = keyword;
            match Spec::of(keyword) {
                Some(spec) => self.declaration(spec),
                None if keyword == Tok::Func => self.function_decl(),
                None => {
                    let after_signature = self.tok == Tok::Lbrace
                        && self.decl_stack.last().is_some_and(|&decl| {
                            matches!(
                                self.tree.decl_arena[decl].kind,
                                DeclKind::Func { body: None, .. }
                            )
                        });
                    if after_signature {
                        self.syntax_error("unexpected semicolon or newline before {");
                    } else {
                        self.syntax_error("non-declaration statement outside function body");
                    }
                    self.skip_to(DECLARATION_START);
                    continue;
                }
            }
            if self.tok != Tok::Eof && !self.got(Tok::Semi) {
                self.unexpected(" after top level declaration");
                self.skip_to(DECLARATION_START);
            }
        }
        self.tree.decls = std::mem::take(&mut self.decl_stack);
    }

    /// ImportDecl, ConstDecl, TypeDecl or VarDecl: pushes its specifications.
    fn declaration(&mut self, spec: Spec) {
        let lo = self.pos();
        self.next();
        if self.tok != Tok::Lparen {
            self.spec(spec, lo, None, 0);
            return;
        }
        self.next();
        let group = self.next_group;
        self.next_group += 1;
        let mut iota = 0;
        self.list("grouped declaration", Tok::Semi, Tok::Rparen, |p| {
            let lo = p.pos();
            p.spec(spec, lo, Some(group), iota);
            iota += 1;
            false
        });
    }

    fn spec(&mut self, spec: Spec, lo: Pos, group: Option<u32>, iota: u32) {
        let kind = match spec {
            Spec::Import => self.import_spec(),
            Spec::Const => self.const_spec(iota),
            Spec::Type => self.type_spec(),
            Spec::Var => self.var_spec(),
        };
        self.push_decl(kind, lo, group);
    }

    fn push_decl(&mut self, kind: DeclKind, lo: Pos, group: Option<u32>) {
        let span = self.span_from(lo);
        let decl = self.tree.decl_arena.push(Decl { kind, span, group });
        self.decl_stack.push(decl);
    }

    /// The declarations of a DeclStmt.
    pub(super) fn local_declarations(&mut self) -> Box<[DeclId]> {
        let spec = Spec::of(self.tok).expect("at var, const or type");
        let mark = self.decl_stack.len();
        self.declaration(spec);
        take_from!(self.decl_stack, mark)
    }

    /// ImportSpec
    fn import_spec(&mut self) -> DeclKind {
        let name = match self.tok {
            Tok::Name => Some(self.name_here()),
            Tok::Dot => {
                let pos = self.pos();
                self.next();
                Some(self.tree.names.push(Name {
                    sym: base::Symbol::intern("."),
                    pos,
                }))
            }
            _ => None,
        };
        let literal = (self.tok, self.token.lit, self.token.bad);
        match self.basic_lit() {
            Some(path) => {
                if literal.1 != LitKind::String && !literal.2 {
                    let pos = self.expr_span(path).lo;
                    self.syntax_error_at(pos, "import path must be a string");
                    return DeclKind::Bad;
                }
                DeclKind::Import { name, path }
            }
            None => {
                self.syntax_error("missing import path");
                self.skip_to(&[Tok::Semi, Tok::Rparen]);
                DeclKind::Bad
            }
        }
    }

    /// ConstSpec
    fn const_spec(&mut self, iota: u32) -> DeclKind {
        let first = self.name();
        let names = self.identifier_list(first);
        let mut ty = None;
        let mut values: Box<[ExprId]> = Box::new([]);
        if !matches!(self.tok, Tok::Eof | Tok::Semi | Tok::Rparen) {
            ty = self.type_opt();
            if self.got_assign() {
                values = self.expression_list();
            }
        }
        DeclKind::Const {
            names,
            ty,
            values,
            iota,
        }
    }

    /// VarSpec
    fn var_spec(&mut self) -> DeclKind {
        let first = self.name();
        let names = self.identifier_list(first);
        let mut ty = None;
        let mut values: Box<[ExprId]> = Box::new([]);
        if self.got_assign() {
            values = self.expression_list();
        } else {
            ty = Some(self.type_());
            if self.got_assign() {
                values = self.expression_list();
            }
        }
        DeclKind::Var { names, ty, values }
    }

    /// TypeSpec: AliasDecl or TypeDef
    fn type_spec(&mut self) -> DeclKind {
        let name = self.name();
        let mut tparams: Box<[FieldId]> = Box::new([]);
        let mut alias = false;
        let ty = if self.tok == Tok::Lbrack {
            let lbrack = self.pos();
            self.next();
            match self.tok {
                Tok::Name => match self.type_params_or_length() {
                    Ok(length) => self.nested(|p| p.array_type_from(lbrack, Some(length))),
                    Err(list) => {
                        self.forbid_dots(&list);
                        tparams = list;
                        alias = self.got_assign();
                        self.defined_type()
                    }
                },
                Tok::Rbrack => {
                    self.next();
                    self.slice_type_from(lbrack)
                }
                _ => self.nested(|p| p.array_type_from(lbrack, None)),
            }
        } else {
            alias = self.got_assign();
            self.defined_type()
        };
        DeclKind::Type {
            name,
            tparams,
            alias,
            ty,
        }
    }

    /// The type that a TypeSpec gives its name to.
    fn defined_type(&mut self) -> ExprId {
        match self.type_opt() {
            Some(ty) => ty,
            None => {
                let bad = self.bad_expr();
                self.unexpected(" in type declaration");
                self.skip_to(&[Tok::Semi, Tok::Rparen]);
                bad
            }
        }
    }

    /// Behind `type T [` at a name: the length of an array type, or type parameters.
    ///
    /// `[P *C]`, `[P (C)]` and `[P *C|Q]` are array lengths, unless what follows `P` can only
    /// be a type or a comma comes next (spec, "Type parameter declarations").
    fn type_params_or_length(&mut self) -> Result<ExprId, Box<[FieldId]>> {
        let span = Span::new(self.pos(), self.file.pos(self.token.hi));
        let name = self.name_here();
        // Everything that is no operator, call or selector settles it.
        let ambiguous = match self.tok {
            Tok::Lbrack => false,
            Tok::Rbrack | Tok::Dot | Tok::Star | Tok::Lparen => true,
            Tok::Operator => self.token.op.binary().is_some(),
            _ => false,
        };
        if !ambiguous {
            return Err(self.parameter_list(Tok::Rbrack, Some((name, None))));
        }
        let operand = self.name_expr(name, span);
        self.expr_level += 1;
        let x = self.primary_expr_from(operand);
        let x = self.binary_expr_from(x, 0);
        self.expr_level -= 1;
        match self.constraint_of(x, operand) {
            Some(constraint) => {
                Err(self.parameter_list(Tok::Rbrack, Some((name, Some(constraint)))))
            }
            None => Ok(x),
        }
    }

    /// If `x`, read as an expression that starts with the name `operand`, is rather a type
    /// parameter declaration: its constraint.
    fn constraint_of(&mut self, x: ExprId, operand: ExprId) -> Option<ExprId> {
        let comma = self.tok == Tok::Comma;
        // Down the left side of a union to the term that begins with the name.
        let mut terms = Vec::new();
        let mut first = x;
        while let ExprKind::Binary {
            op: BinaryOp::Or,
            x: left,
            y,
        } = self.tree.exprs[first].kind
        {
            terms.push((first, y));
            first = left;
        }
        let type_only = terms.iter().any(|&(_, y)| self.is_type_elem(y));
        let node = self.tree.exprs[first].clone();
        let mut constraint = match node.kind {
            ExprKind::Name(_) if terms.is_empty() && comma && first == operand => return None,
            ExprKind::Binary {
                op: BinaryOp::Mul,
                x: left,
                y,
            } if left == operand => {
                if !(comma || type_only || self.is_type_elem(y)) {
                    return None;
                }
                let span = Span::new(node.pos, self.expr_span(y).hi);
                self.expr_node(ExprKind::Star(y), span, node.pos)
            }
            ExprKind::Call {
                fun,
                args,
                ellipsis: None,
                ..
            } if fun == operand && args.len() == 1 => {
                if !(comma || type_only || self.is_type_elem(args[0])) {
                    return None;
                }
                self.expr_node(
                    ExprKind::Paren(args[0]),
                    Span::new(node.pos, node.span.hi),
                    node.pos,
                )
            }
            _ => return None,
        };
        for &(union, y) in terms.iter().rev() {
            let pos = self.tree.exprs[union].pos;
            let span = self.expr_span(constraint).to(self.expr_span(y));
            constraint = self.expr_node(
                ExprKind::Binary {
                    op: BinaryOp::Or,
                    x: constraint,
                    y,
                },
                span,
                pos,
            );
        }
        Some(constraint)
    }

    /// Whether an expression contains, outside of calls and the like, something that only a
    /// type can contain.
    fn is_type_elem(&self, x: ExprId) -> bool {
        let mut work = vec![x];
        while let Some(x) = work.pop() {
            match &self.tree.exprs[x].kind {
                ExprKind::ArrayType { .. }
                | ExprKind::SliceType(_)
                | ExprKind::StructType { .. }
                | ExprKind::FuncType(_)
                | ExprKind::InterfaceType { .. }
                | ExprKind::MapType { .. }
                | ExprKind::ChanType { .. }
                | ExprKind::Unary {
                    op: UnaryOp::Tilde, ..
                } => return true,
                ExprKind::Paren(inner)
                | ExprKind::Star(inner)
                | ExprKind::Unary { x: inner, .. } => work.push(*inner),
                ExprKind::Binary { x, y, .. } => work.extend([*x, *y]),
                _ => {}
            }
        }
        false
    }

    /// FunctionDecl or MethodDecl
    fn function_decl(&mut self) {
        let lo = self.pos();
        self.next();
        let mut recv = None;
        let method = self.got(Tok::Lparen);
        if method {
            let list = self.parameter_list(Tok::Rparen, None);
            self.forbid_dots(&list);
            match *list {
                [] => self.error_at("InvalidRecv", self.pos(), "method has no receiver"),
                [only] => recv = Some(only),
                [first, ..] => {
                    recv = Some(first);
                    self.error_at("InvalidRecv", self.pos(), "method has multiple receivers");
                }
            }
        }
        let (name, signature) = if self.tok == Tok::Name {
            let name = self.name_here();
            (name, self.signature(lo, None))
        } else {
            let name = self.blank_name_at(self.pos());
            self.expected(if method { "name" } else { "name or (" });
            self.skip_to(&[Tok::Lbrace, Tok::Semi]);
            (
                name,
                FuncType {
                    pos: lo,
                    ..FuncType::default()
                },
            )
        };
        let ty = self.expr_to_here(ExprKind::FuncType(Box::new(signature)), lo, lo);
        let body = if self.tok == Tok::Lbrace {
            Some(self.function_body())
        } else {
            None
        };
        self.push_decl(
            DeclKind::Func {
                recv,
                name,
                ty,
                body,
            },
            lo,
            None,
        );
    }
}
