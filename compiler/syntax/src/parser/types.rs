//! Types, signatures, parameter lists.

use source::{Pos, Span};

use super::{Parser, take_from};
use crate::ast::*;
use crate::token::{Op, Tok};

/// An entry of a parameter list before names and types are sorted out.
struct Param {
    /// `name`, or the name of `name Type`.
    name: Option<NameId>,
    ty: Option<ExprId>,
    span: Span,
}

/// Signatures that cannot have type parameters.
#[derive(Clone, Copy)]
pub(super) enum Bare {
    FunctionType,
    InterfaceMethod,
}

const OR: Op = Op::Binary(BinaryOp::Or);

impl Parser<'_> {
    /// Type
    pub(super) fn type_(&mut self) -> ExprId {
        match self.type_opt() {
            Some(ty) => ty,
            None => {
                let bad = self.bad_expr();
                self.expected("type");
                self.skip_to(&[
                    Tok::Comma,
                    Tok::Colon,
                    Tok::Semi,
                    Tok::Rparen,
                    Tok::Rbrack,
                    Tok::Rbrace,
                ]);
                bad
            }
        }
    }

    /// Type, if one starts here.
    pub(super) fn type_opt(&mut self) -> Option<ExprId> {
        let lo = self.pos();
        Some(match self.tok {
            Tok::Name => self.type_name(None),
            Tok::Star => {
                self.next();
                let elem = self.nested(Self::type_);
                self.expr_to_here(ExprKind::Star(elem), lo, lo)
            }
            Tok::Arrow => {
                self.next();
                self.want(Tok::Chan);
                let elem = self.nested(Self::channel_elem);
                self.expr_to_here(
                    ExprKind::ChanType {
                        dir: ChanDir::Recv,
                        elem,
                    },
                    lo,
                    lo,
                )
            }
            Tok::Chan => {
                self.next();
                let dir = if self.got(Tok::Arrow) {
                    ChanDir::Send
                } else {
                    ChanDir::Both
                };
                let elem = self.nested(Self::channel_elem);
                self.expr_to_here(ExprKind::ChanType { dir, elem }, lo, lo)
            }
            Tok::Func => {
                self.next();
                let pos = self.pos();
                let signature = self.nested(|p| p.signature(lo, Some(Bare::FunctionType)));
                self.expr_to_here(ExprKind::FuncType(Box::new(signature)), lo, pos)
            }
            Tok::Lbrack => {
                self.next();
                if self.got(Tok::Rbrack) {
                    return Some(self.slice_type_from(lo));
                }
                self.nested(|p| p.array_type_from(lo, None))
            }
            Tok::Map => {
                self.next();
                self.want(Tok::Lbrack);
                let key = self.nested(Self::type_);
                self.want(Tok::Rbrack);
                let value = self.nested(Self::type_);
                self.expr_to_here(ExprKind::MapType { key, value }, lo, lo)
            }
            Tok::Struct => self.nested(Self::struct_type),
            Tok::Interface => self.nested(Self::interface_type),
            Tok::Lparen => {
                self.next();
                // As in gc, a parenthesised type leaves no trace where only types can stand.
                let inner = self.nested(Self::type_);
                self.want(Tok::Rparen);
                inner
            }
            _ => return None,
        })
    }

    fn channel_elem(&mut self) -> ExprId {
        match self.type_opt() {
            Some(ty) => ty,
            None => {
                let bad = self.bad_expr();
                self.syntax_error("missing channel element type");
                bad
            }
        }
    }

    /// SliceType behind its `[]`.
    pub(super) fn slice_type_from(&mut self, lo: Pos) -> ExprId {
        let elem = self.nested(Self::type_);
        self.expr_to_here(ExprKind::SliceType(elem), lo, lo)
    }

    /// ArrayType behind its `[`, or behind its length if that is given.
    pub(super) fn array_type_from(&mut self, lo: Pos, len: Option<ExprId>) -> ExprId {
        let len = match len {
            Some(len) => ArrayLen::Expr(len),
            None if self.got(Tok::DotDotDot) => ArrayLen::Auto,
            None => {
                self.expr_level += 1;
                let len = self.expression();
                self.expr_level -= 1;
                ArrayLen::Expr(len)
            }
        };
        if self.tok == Tok::Comma {
            self.syntax_error("unexpected comma; expected ]");
            self.next();
        }
        self.want(Tok::Rbrack);
        let elem = self.nested(Self::type_);
        self.expr_to_here(ExprKind::ArrayType { len, elem }, lo, lo)
    }

    /// TypeName with TypeArgs, qualified or not; `first` if its first name has been read.
    fn type_name(&mut self, first: Option<NameId>) -> ExprId {
        let mut x = match first {
            Some(name) => {
                let span = self.name_span(name);
                self.name_expr(name, span)
            }
            None if self.tok == Tok::Name => {
                let span = Span::new(self.pos(), self.file.pos(self.token.hi));
                let name = self.name_here();
                self.name_expr(name, span)
            }
            None => {
                let pos = self.pos();
                let name = self.blank_name_at(pos);
                self.expected("name");
                self.skip_to(&[Tok::Dot, Tok::Semi, Tok::Rbrace]);
                self.name_expr(name, Span::at(pos))
            }
        };
        if self.tok == Tok::Dot {
            x = self.qualified_ident_from(x);
        }
        if self.tok == Tok::Lbrack {
            x = self.nested(|p| p.type_args(x));
        }
        x
    }

    /// `.name` behind a package name.
    fn qualified_ident_from(&mut self, x: ExprId) -> ExprId {
        let lo = self.expr_span(x).lo;
        let dot = self.pos();
        self.next();
        let sel = self.name();
        self.expr_to_here(ExprKind::Selector { x, sel }, lo, dot)
    }

    /// TypeArgs of the generic type `x`.
    fn type_args(&mut self, x: ExprId) -> ExprId {
        let lo = self.expr_span(x).lo;
        let lbrack = self.pos();
        self.next();
        self.expr_level += 1;
        let indices: Box<[ExprId]> = if self.tok == Tok::Rbrack {
            self.expected("type argument list");
            Box::new([self.bad_expr()])
        } else {
            let first = self.type_();
            self.type_list_from(first)
        };
        self.expr_level -= 1;
        self.want(Tok::Rbrack);
        self.expr_to_here(ExprKind::Index { x, indices }, lo, lbrack)
    }

    /// TypeList behind its first type. A trailing comma is allowed.
    pub(super) fn type_list_from(&mut self, first: ExprId) -> Box<[ExprId]> {
        let mark = self.expr_stack.len();
        self.expr_stack.push(first);
        while self.got(Tok::Comma) {
            match self.type_opt() {
                Some(ty) => self.expr_stack.push(ty),
                None => break,
            }
        }
        take_from!(self.expr_stack, mark)
    }

    /// Behind `name` in a field or parameter declaration: `[]E`, `[n]E`, or type arguments of
    /// `name`. Returns the type of the field in the first two cases.
    fn array_or_type_args(&mut self, name: NameId) -> Result<ExprId, ExprId> {
        let lbrack = self.pos();
        self.next();
        if self.got(Tok::Rbrack) {
            return Ok(self.slice_type_from(lbrack));
        }
        let mark = self.expr_stack.len();
        self.expr_level += 1;
        let first = self.expression();
        self.expr_stack.push(first);
        while self.tok == Tok::Comma {
            self.next();
            if self.tok == Tok::Rbrack {
                break;
            }
            let arg = self.expression();
            self.expr_stack.push(arg);
        }
        self.expr_level -= 1;
        self.want(Tok::Rbrack);
        if self.expr_stack.len() == mark + 1 {
            if let Some(elem) = self.type_opt() {
                self.expr_stack.truncate(mark);
                return Ok(self.expr_to_here(
                    ExprKind::ArrayType {
                        len: ArrayLen::Expr(first),
                        elem,
                    },
                    lbrack,
                    lbrack,
                ));
            }
        }
        let indices = take_from!(self.expr_stack, mark);
        let span = self.name_span(name);
        let x = self.name_expr(name, span);
        Err(self.expr_to_here(ExprKind::Index { x, indices }, span.lo, lbrack))
    }

    /// StructType
    fn struct_type(&mut self) -> ExprId {
        let lo = self.pos();
        self.next();
        self.want(Tok::Lbrace);
        let mark = self.field_stack.len();
        self.list("struct type", Tok::Semi, Tok::Rbrace, |p| {
            p.field_decl();
            false
        });
        let fields = take_from!(self.field_stack, mark);
        self.expr_to_here(ExprKind::StructType { fields }, lo, lo)
    }

    /// FieldDecl: pushes its fields on the field stack.
    fn field_decl(&mut self) {
        let lo = self.pos();
        match self.tok {
            Tok::Name => {
                let first = self.name_here();
                if matches!(self.tok, Tok::Dot | Tok::Literal | Tok::Semi | Tok::Rbrace) {
                    let ty = self.type_name(Some(first));
                    self.embedded_field(lo, ty);
                    return;
                }
                let mark = self.name_stack.len();
                self.name_stack.push(first);
                while self.got(Tok::Comma) {
                    let name = self.name();
                    self.name_stack.push(name);
                }
                let ty = if self.name_stack.len() == mark + 1 && self.tok == Tok::Lbrack {
                    match self.nested(|p| p.array_or_type_args(first)) {
                        Ok(ty) => ty,
                        Err(instance) => {
                            self.name_stack.truncate(mark);
                            self.embedded_field(lo, instance);
                            return;
                        }
                    }
                } else {
                    self.type_()
                };
                let tag = self.tag();
                for at in mark..self.name_stack.len() {
                    let name = self.name_stack[at];
                    let span = self.span_from(self.tree.names[name].pos);
                    let field = self.tree.fields.push(Field {
                        name: Some(name),
                        ty,
                        tag,
                        embedded: false,
                        span,
                    });
                    self.field_stack.push(field);
                }
                self.name_stack.truncate(mark);
            }
            Tok::Star | Tok::Lparen => {
                let ty = self.embedded_type();
                self.embedded_field(lo, ty);
            }
            _ => {
                self.expected("field name or embedded type");
                self.skip_to(&[Tok::Semi, Tok::Rbrace]);
            }
        }
    }

    /// EmbeddedField that starts with `*` or, wrongly, `(`.
    fn embedded_type(&mut self) -> ExprId {
        let lo = self.pos();
        match self.tok {
            Tok::Star => {
                self.next();
                let inner = if self.tok == Tok::Lparen {
                    self.embedded_parens()
                } else {
                    self.type_name(None)
                };
                self.expr_to_here(ExprKind::Star(inner), lo, lo)
            }
            _ => self.embedded_parens(),
        }
    }

    /// `(T)` or `(*T)` as an embedded field: not allowed, read anyway.
    fn embedded_parens(&mut self) -> ExprId {
        let lo = self.pos();
        self.syntax_error("cannot parenthesize embedded type");
        self.next();
        let inner_lo = self.pos();
        let inner = if self.got(Tok::Star) {
            let name = self.type_name(None);
            self.expr_to_here(ExprKind::Star(name), inner_lo, inner_lo)
        } else {
            self.type_name(None)
        };
        // The parenthesis was wrong in the first place: its missing end is not worth a word.
        self.got(Tok::Rparen);
        self.expr_to_here(ExprKind::Paren(inner), lo, lo)
    }

    fn embedded_field(&mut self, lo: Pos, ty: ExprId) {
        let tag = self.tag();
        let span = self.span_from(lo);
        let field = self.tree.fields.push(Field {
            name: None,
            ty,
            tag,
            embedded: true,
            span,
        });
        self.field_stack.push(field);
    }

    /// Tag
    fn tag(&mut self) -> Option<ExprId> {
        if self.tok != Tok::Literal {
            return None;
        }
        if self.token.lit != LitKind::String && !self.token.bad {
            let message = format!(
                "invalid syntax tree: incorrect tag syntax: {:?}",
                self.token_text()
            );
            self.error_at(super::SYNTAX_TREE, self.pos(), message);
        }
        self.basic_lit()
    }

    /// InterfaceType
    fn interface_type(&mut self) -> ExprId {
        let lo = self.pos();
        self.next();
        self.want(Tok::Lbrace);
        let mark = self.field_stack.len();
        self.list("interface type", Tok::Semi, Tok::Rbrace, |p| {
            p.interface_elem();
            false
        });
        let elems = take_from!(self.field_stack, mark);
        self.expr_to_here(ExprKind::InterfaceType { elems }, lo, lo)
    }

    /// InterfaceElem: pushes it on the field stack.
    fn interface_elem(&mut self) {
        let lo = self.pos();
        let (name, ty) = if self.tok == Tok::Name {
            let name = self.name_here();
            match self.tok {
                Tok::Lparen => {
                    let signature = self.signature(lo, Some(Bare::InterfaceMethod));
                    (
                        Some(name),
                        self.expr_to_here(ExprKind::FuncType(Box::new(signature)), lo, lo),
                    )
                }
                Tok::Lbrack => self.method_or_instance(name),
                _ => {
                    let ty = self.type_name(Some(name));
                    (None, self.type_elem_from(ty))
                }
            }
        } else {
            (None, self.type_elem())
        };
        let span = self.span_from(lo);
        let field = self.tree.fields.push(Field {
            name,
            ty,
            tag: None,
            embedded: name.is_none(),
            span,
        });
        self.field_stack.push(field);
    }

    /// `name[` in an interface: type arguments of an embedded type, or (wrongly) the type
    /// parameters of a method.
    fn method_or_instance(&mut self, name: NameId) -> (Option<NameId>, ExprId) {
        let lo = self.tree.names[name].pos;
        let lbrack = self.pos();
        self.next();
        if self.tok == Tok::Rbrack {
            let pos = self.pos();
            self.next();
            if self.tok == Tok::Lparen {
                self.error_at(super::LEXICAL, pos, "empty type parameter list");
                let signature = self.signature(lo, Some(Bare::InterfaceMethod));
                return (
                    Some(name),
                    self.expr_to_here(ExprKind::FuncType(Box::new(signature)), lo, lo),
                );
            }
            self.error_at(super::LEXICAL, pos, "empty type argument list");
            let span = self.name_span(name);
            let ty = self.name_expr(name, span);
            return (None, self.type_elem_from(ty));
        }
        let params = self.raw_parameter_list(Tok::Rbrack, None);
        if params
            .entries
            .first()
            .is_some_and(|p| p.name.is_some() && p.ty.is_some())
        {
            self.error_at(
                super::LEXICAL,
                lbrack,
                "interface method must have no type parameters",
            );
            self.parameter_fields(params, false);
            let signature = self.signature(lo, Some(Bare::InterfaceMethod));
            return (
                Some(name),
                self.expr_to_here(ExprKind::FuncType(Box::new(signature)), lo, lo),
            );
        }
        let mut indices = Vec::new();
        for param in &params.entries {
            let index = match (param.ty, param.name) {
                (Some(ty), _) => ty,
                (None, Some(name)) => {
                    let span = self.name_span(name);
                    self.name_expr(name, span)
                }
                (None, None) => self.bad_expr(),
            };
            indices.push(index);
        }
        let span = self.name_span(name);
        let x = self.name_expr(name, span);
        let ty = self.expr_to_here(
            ExprKind::Index {
                x,
                indices: indices.into(),
            },
            span.lo,
            lbrack,
        );
        (None, self.type_elem_from(ty))
    }

    /// TypeElem
    pub(super) fn type_elem(&mut self) -> ExprId {
        let first = self.type_term();
        self.type_elem_from(first)
    }

    /// TypeElem behind its first term.
    fn type_elem_from(&mut self, mut x: ExprId) -> ExprId {
        while self.at_operator(OR) {
            let pos = self.pos();
            self.next();
            let y = self.type_term();
            let span = self.expr_span(x).to(self.expr_span(y));
            x = self.expr_node(
                ExprKind::Binary {
                    op: BinaryOp::Or,
                    x,
                    y,
                },
                span,
                pos,
            );
        }
        x
    }

    /// TypeTerm
    fn type_term(&mut self) -> ExprId {
        let lo = self.pos();
        if self.at_operator(Op::Tilde) {
            self.next();
            let x = self.type_();
            return self.expr_to_here(
                ExprKind::Unary {
                    op: UnaryOp::Tilde,
                    x,
                },
                lo,
                lo,
            );
        }
        match self.type_opt() {
            Some(ty) => ty,
            None => {
                let bad = self.bad_expr();
                self.expected("~ term or type");
                self.skip_to(&[
                    Tok::Operator,
                    Tok::Semi,
                    Tok::Rparen,
                    Tok::Rbrack,
                    Tok::Rbrace,
                ]);
                bad
            }
        }
    }

    /// TypeParameters, Parameters and Result; `pos` goes to [`FuncType::pos`]. `no_tparams`
    /// names what cannot have type parameters.
    pub(super) fn signature(&mut self, pos: Pos, no_tparams: Option<Bare>) -> FuncType {
        let mut tparams: Box<[FieldId]> = Box::new([]);
        if self.tok == Tok::Lbrack {
            let lbrack = self.pos();
            self.next();
            match no_tparams {
                None => {}
                Some(Bare::FunctionType) => {
                    self.syntax_error_at(lbrack, "function type must have no type parameters");
                }
                Some(Bare::InterfaceMethod) => {
                    self.error_at(
                        super::LEXICAL,
                        lbrack,
                        "interface method must have no type parameters",
                    );
                }
            }
            if self.tok == Tok::Rbrack {
                self.syntax_error("empty type parameter list");
                self.next();
            } else {
                let list = self.parameter_list(Tok::Rbrack, None);
                self.forbid_dots(&list);
                if no_tparams.is_none() {
                    tparams = list;
                }
            }
        }
        self.want(Tok::Lparen);
        let params = self.parameter_list(Tok::Rparen, None);
        if let [init @ .., _] = &*params {
            self.take_dots(init, "can only use ... with final parameter");
        }
        let results = self.result();
        FuncType {
            pos,
            tparams,
            params,
            results,
        }
    }

    /// `...T` stands in receivers, results and type parameters: reports it and leaves `T`.
    pub(super) fn forbid_dots(&mut self, fields: &[FieldId]) {
        self.take_dots(fields, "invalid use of ...");
    }

    fn take_dots(&mut self, fields: &[FieldId], message: &str) {
        // Once for the whole list.
        let mut reported = false;
        for &field in fields {
            let ty = self.tree.fields[field].ty;
            let ExprKind::Ellipsis(Some(elem)) = self.tree.exprs[ty].kind else {
                continue;
            };
            if !std::mem::replace(&mut reported, true) {
                self.error_at("MisplacedDotDotDot", self.expr_span(ty).lo, message);
            }
            self.tree.fields[field].ty = elem;
        }
    }

    /// Result
    fn result(&mut self) -> Box<[FieldId]> {
        if self.got(Tok::Lparen) {
            let results = self.parameter_list(Tok::Rparen, None);
            self.forbid_dots(&results);
            return results;
        }
        match self.type_opt() {
            Some(ty) => {
                let span = self.expr_span(ty);
                Box::new([self.tree.fields.push(Field {
                    name: None,
                    ty,
                    tag: None,
                    embedded: false,
                    span,
                })])
            }
            None => Box::new([]),
        }
    }

    /// Parameters or TypeParameters behind the opening token. `first`: name and, if known,
    /// type of the first one, when they have been read already.
    pub(super) fn parameter_list(
        &mut self,
        close: Tok,
        first: Option<(NameId, Option<ExprId>)>,
    ) -> Box<[FieldId]> {
        let params = self.raw_parameter_list(close, first);
        self.parameter_fields(params, close == Tok::Rbrack)
    }

    fn raw_parameter_list(
        &mut self,
        close: Tok,
        mut first: Option<(NameId, Option<ExprId>)>,
    ) -> ParamList {
        let mut entries = Vec::new();
        self.expr_level += 1;
        let end = self.list("parameter list", Tok::Comma, close, |p| {
            let entry = match first.take() {
                Some((name, Some(ty))) => {
                    let lo = p.tree.names[name].pos;
                    Some(Param {
                        name: Some(name),
                        ty: Some(ty),
                        span: p.span_from(lo),
                    })
                }
                Some((name, None)) => p.parameter_decl(Some(name), close),
                None => p.parameter_decl(None, close),
            };
            entries.extend(entry);
            false
        });
        self.expr_level -= 1;
        ParamList { entries, end }
    }

    /// ParameterDecl or TypeParamDecl with one name or type.
    fn parameter_decl(&mut self, name: Option<NameId>, close: Tok) -> Option<Param> {
        let lo = name.map_or(self.pos(), |name| self.tree.names[name].pos);
        let constraint = close == Tok::Rbrack;
        let name = match name {
            None if self.tok == Tok::Name => Some(self.name_here()),
            name => name,
        };
        let (name, ty) = match name {
            Some(name) => match self.tok {
                Tok::Lbrack => match self.nested(|p| p.array_or_type_args(name)) {
                    Ok(ty) => (Some(name), Some(self.maybe_type_elem(ty, constraint))),
                    Err(instance) => (None, Some(self.maybe_type_elem(instance, constraint))),
                },
                Tok::Dot => {
                    let ty = self.type_name(Some(name));
                    (None, Some(self.maybe_type_elem(ty, constraint)))
                }
                Tok::DotDotDot => (Some(name), Some(self.dots_type())),
                Tok::Operator if constraint && self.token.op == OR => {
                    let span = self.name_span(name);
                    let ty = self.name_expr(name, span);
                    (None, Some(self.type_elem_from(ty)))
                }
                Tok::Operator if constraint && self.token.op == Op::Tilde => {
                    (Some(name), Some(self.type_elem()))
                }
                _ => match self.type_opt() {
                    Some(ty) => (Some(name), Some(self.maybe_type_elem(ty, constraint))),
                    None => (Some(name), None),
                },
            },
            None => match self.tok {
                Tok::DotDotDot => (None, Some(self.dots_type())),
                Tok::Operator if constraint && self.token.op == Op::Tilde => {
                    (None, Some(self.type_elem()))
                }
                _ => match self.type_opt() {
                    Some(ty) => (None, Some(self.maybe_type_elem(ty, constraint))),
                    None => {
                        self.expected(close.expected_text());
                        self.skip_to(&[Tok::Comma, close]);
                        return None;
                    }
                },
            },
        };
        Some(Param {
            name,
            ty,
            span: self.span_from(lo),
        })
    }

    fn maybe_type_elem(&mut self, ty: ExprId, constraint: bool) -> ExprId {
        if constraint {
            self.type_elem_from(ty)
        } else {
            ty
        }
    }

    /// `...T`
    fn dots_type(&mut self) -> ExprId {
        let lo = self.pos();
        self.next();
        let elem = self.type_opt();
        if elem.is_none() {
            self.syntax_error("... is missing type");
            return self.expr_to_here(ExprKind::Bad, lo, lo);
        }
        self.expr_to_here(ExprKind::Ellipsis(elem), lo, lo)
    }

    /// Decides which entries are names and which are types. Entries are all types, or all
    /// have names and take the next type to their right; type parameters always have names.
    fn parameter_fields(&mut self, list: ParamList, type_params: bool) -> Box<[FieldId]> {
        let ParamList { mut entries, end } = list;
        let named = entries
            .iter()
            .filter(|e| e.name.is_some() && e.ty.is_some())
            .count();
        if named == 0 && !type_params {
            for entry in &mut entries {
                if let (Some(name), None) = (entry.name, entry.ty) {
                    let span = self.name_span(name);
                    entry.ty = Some(self.name_expr(name, span));
                    entry.name = None;
                }
            }
        } else if named != entries.len() {
            let all_types_named = entries.iter().all(|e| e.name.is_some() || e.ty.is_none());
            let mut wrong: Option<Pos> = None;
            let mut current = None;
            for at in (0..entries.len()).rev() {
                let (name, ty, span) = (entries[at].name, entries[at].ty, entries[at].span);
                match (name, ty) {
                    (Some(_), Some(ty)) => current = Some(ty),
                    (None, Some(ty)) => {
                        current = Some(ty);
                        wrong = Some(match self.tree.exprs[ty].kind {
                            ExprKind::FuncType(_) => self.tree.exprs[ty].pos,
                            _ => self.expr_span(ty).lo,
                        });
                        entries[at].name = Some(self.blank_name_at(span.lo));
                    }
                    _ => match current {
                        Some(ty) => entries[at].ty = Some(ty),
                        None => {
                            wrong = Some(span.lo);
                            entries[at].ty =
                                Some(self.expr_node(ExprKind::Bad, Span::at(span.lo), span.lo));
                        }
                    },
                }
            }
            if let Some(pos) = wrong {
                match (type_params, all_types_named) {
                    (true, true) => self.syntax_error_at(end, "missing type constraint"),
                    (false, true) => self.syntax_error_at(end, "missing parameter type"),
                    (true, false) if entries.len() == 1 => {
                        self.syntax_error_at(
                            pos,
                            "missing type parameter name or invalid array length",
                        );
                    }
                    (true, false) => self.syntax_error_at(pos, "missing type parameter name"),
                    (false, false) => self.syntax_error_at(pos, "missing parameter name"),
                }
            }
        }
        let mark = self.field_stack.len();
        for Param { name, ty, span } in entries {
            let ty = ty.expect("every entry has a type by now");
            let field = self.tree.fields.push(Field {
                name,
                ty,
                tag: None,
                embedded: false,
                span,
            });
            self.field_stack.push(field);
        }
        take_from!(self.field_stack, mark)
    }
}

/// A parameter list as written.
struct ParamList {
    entries: Vec<Param>,
    /// Position of the closing token.
    end: Pos,
}
