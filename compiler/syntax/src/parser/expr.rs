//! Expressions.

use source::{Pos, Span};

use super::types::Bare;
use super::{Parser, take_from};
use crate::ast::*;
use crate::print;
use crate::token::{Op, Tok, precedence};

impl Parser<'_> {
    /// ExpressionList
    pub(super) fn expression_list(&mut self) -> Box<[ExprId]> {
        let first = self.expression();
        self.expression_list_from(first)
    }

    /// ExpressionList whose first expression has been parsed.
    pub(super) fn expression_list_from(&mut self, first: ExprId) -> Box<[ExprId]> {
        if self.tok != Tok::Comma {
            return Box::new([first]);
        }
        let mark = self.expr_stack.len();
        self.expr_stack.push(first);
        while self.got(Tok::Comma) {
            let expr = self.expression();
            self.expr_stack.push(expr);
        }
        take_from!(self.expr_stack, mark)
    }

    /// Expression
    #[inline]
    pub(super) fn expression(&mut self) -> ExprId {
        let x = self.unary_expr();
        self.binary_expr_from(x, 0)
    }

    /// The operators and operands behind operand `x` whose precedence is above `floor`.
    pub(super) fn binary_expr_from(&mut self, mut x: ExprId, floor: u8) -> ExprId {
        while matches!(self.tok, Tok::Operator | Tok::Star) {
            let Some(op) = self.token.op.binary() else {
                break;
            };
            let strength = precedence(op);
            if strength <= floor {
                break;
            }
            let pos = self.pos();
            self.next();
            let mut y = self.unary_expr();
            if matches!(self.tok, Tok::Operator | Tok::Star) {
                y = self.binary_expr_from(y, strength);
            }
            let span = self.expr_span(x).to(self.expr_span(y));
            x = self.expr_node(ExprKind::Binary { op, x, y }, span, pos);
        }
        x
    }

    /// UnaryExpr
    pub(super) fn unary_expr(&mut self) -> ExprId {
        let lo = self.pos();
        match self.tok {
            Tok::Star => {
                self.next();
                let x = self.nested(Self::unary_expr);
                self.expr_to_here(ExprKind::Star(x), lo, lo)
            }
            Tok::Operator => match self.token.op.unary() {
                Some(op) => {
                    self.next();
                    let mut x = self.nested(Self::unary_expr);
                    if op == UnaryOp::Addr {
                        // `&(T{})` is `&T{}`.
                        let inner = self.tree.unparen(x);
                        if matches!(self.tree.exprs[inner].kind, ExprKind::CompositeLit { .. }) {
                            x = inner;
                        }
                    }
                    self.expr_to_here(ExprKind::Unary { op, x }, lo, lo)
                }
                None => self.primary_expr(),
            },
            Tok::Arrow => self.receive_or_channel_type(),
            _ => self.primary_expr(),
        }
    }

    /// `<-x`, or `<-chan T`, which reads like a receive from the type `chan T`.
    fn receive_or_channel_type(&mut self) -> ExprId {
        let lo = self.pos();
        self.next();
        let x = self.nested(Self::unary_expr);
        if !matches!(self.tree.exprs[x].kind, ExprKind::ChanType { .. }) {
            return self.expr_to_here(
                ExprKind::Unary {
                    op: UnaryOp::Recv,
                    x,
                },
                lo,
                lo,
            );
        }
        // `<-chan T` takes the arrow; in `<-(chan<- T)`-like chains each arrow moves one type in:
        // `<-chan<- chan T` is `<-chan (<-chan T)`.
        let mut outer = x;
        let mut arrow = lo;
        loop {
            let node = &mut self.tree.exprs[outer];
            let ExprKind::ChanType { dir, elem } = &mut node.kind else {
                unreachable!("outer is a channel type")
            };
            if *dir == ChanDir::Recv {
                // `<-` in front of a type that has taken its arrow already.
                self.syntax_error("unexpected <-, expected chan");
                break;
            }
            let was_send = *dir == ChanDir::Send;
            *dir = ChanDir::Recv;
            node.span.lo = arrow;
            node.pos = arrow;
            let elem = *elem;
            if !was_send {
                break;
            }
            arrow = self.tree.exprs[elem].span.lo;
            if !matches!(self.tree.exprs[elem].kind, ExprKind::ChanType { .. }) {
                let text = print::expr_string(&self.tree, elem);
                self.syntax_error(&format!("unexpected {text}, expected chan"));
                break;
            }
            outer = elem;
        }
        x
    }

    /// Operand
    fn operand(&mut self) -> ExprId {
        let lo = self.pos();
        match self.tok {
            Tok::Name => {
                let span = Span::new(lo, self.file.pos(self.token.hi));
                let name = self.name_here();
                self.name_expr(name, span)
            }
            Tok::Literal => self.basic_lit().expect("at a literal"),
            Tok::Lparen => {
                self.next();
                self.expr_level += 1;
                let x = self.nested(Self::expression);
                self.expr_level -= 1;
                self.want(Tok::Rparen);
                self.expr_to_here(ExprKind::Paren(x), lo, lo)
            }
            Tok::Func => {
                self.next();
                let pos = self.pos();
                let signature = self.signature(lo, Some(Bare::FunctionType));
                let ty = self.expr_to_here(ExprKind::FuncType(Box::new(signature)), lo, pos);
                if self.tok != Tok::Lbrace {
                    return ty;
                }
                self.expr_level += 1;
                let body = self.nested(Self::function_body);
                self.expr_level -= 1;
                self.expr_to_here(ExprKind::FuncLit { ty, body }, lo, lo)
            }
            Tok::Lbrack | Tok::Chan | Tok::Map | Tok::Struct | Tok::Interface => self.type_(),
            _ => {
                let bad = self.bad_expr();
                self.expected("expression");
                self.skip_to(&[Tok::Rparen, Tok::Rbrack, Tok::Rbrace]);
                bad
            }
        }
    }

    /// PrimaryExpr
    #[inline]
    pub(super) fn primary_expr(&mut self) -> ExprId {
        let x = self.operand();
        self.primary_expr_from(x)
    }

    /// What may follow the operand `x` in a PrimaryExpr.
    pub(super) fn primary_expr_from(&mut self, mut x: ExprId) -> ExprId {
        let lo = self.expr_span(x).lo;
        loop {
            let pos = self.pos();
            match self.tok {
                Tok::Dot => {
                    self.next();
                    match self.tok {
                        Tok::Name => {
                            let sel = self.name_here();
                            x = self.expr_to_here(ExprKind::Selector { x, sel }, lo, pos);
                        }
                        Tok::Lparen => {
                            self.next();
                            let ty = if self.got(Tok::Type) {
                                None
                            } else {
                                Some(self.type_())
                            };
                            self.want(Tok::Rparen);
                            x = self.expr_to_here(ExprKind::TypeAssert { x, ty }, lo, pos);
                        }
                        _ => {
                            self.expected("name or (");
                            self.skip_to(&[Tok::Semi, Tok::Rparen]);
                        }
                    }
                }
                Tok::Lbrack => x = self.nested(|p| p.index_or_slice(x)),
                Tok::Lparen => x = self.nested(|p| p.arguments(x)),
                Tok::Lbrace => {
                    let ty = self.tree.unparen(x);
                    if !self.starts_composite_lit(ty) {
                        return x;
                    }
                    if ty != x {
                        self.syntax_error("cannot parenthesize type in composite literal");
                    }
                    x = self.nested(|p| p.literal_value(Some(ty), lo));
                }
                _ => return x,
            }
        }
    }

    /// Whether `{` behind the type `ty` begins a literal value rather than a block.
    fn starts_composite_lit(&self, ty: ExprId) -> bool {
        match &self.tree.exprs[ty].kind {
            ExprKind::Name(_) | ExprKind::Selector { .. } => self.expr_level >= 0,
            ExprKind::Index { indices, .. } => {
                self.expr_level >= 0 && !indices.iter().any(|&i| self.is_value(i))
            }
            ExprKind::ArrayType { .. }
            | ExprKind::SliceType(_)
            | ExprKind::StructType { .. }
            | ExprKind::MapType { .. } => true,
            _ => false,
        }
    }

    /// Whether an expression cannot be a type.
    fn is_value(&self, mut x: ExprId) -> bool {
        loop {
            match &self.tree.exprs[x].kind {
                ExprKind::BasicLit { .. }
                | ExprKind::CompositeLit { .. }
                | ExprKind::FuncLit { .. }
                | ExprKind::Slice { .. }
                | ExprKind::TypeAssert { .. }
                | ExprKind::Unary { .. }
                | ExprKind::Binary { .. }
                | ExprKind::Call { .. } => return true,
                ExprKind::Paren(inner) => x = *inner,
                ExprKind::Index { x: base, indices } => match **indices {
                    [index] if self.is_value_shallow(index) => return true,
                    _ => x = *base,
                },
                _ => return false,
            }
        }
    }

    /// [`Self::is_value`] without looking into nested indices.
    fn is_value_shallow(&self, x: ExprId) -> bool {
        matches!(
            self.tree.exprs[self.tree.unparen(x)].kind,
            ExprKind::BasicLit { .. }
                | ExprKind::CompositeLit { .. }
                | ExprKind::FuncLit { .. }
                | ExprKind::Slice { .. }
                | ExprKind::TypeAssert { .. }
                | ExprKind::Unary { .. }
                | ExprKind::Binary { .. }
                | ExprKind::Call { .. }
        )
    }

    /// Arguments
    fn arguments(&mut self, fun: ExprId) -> ExprId {
        let lo = self.expr_span(fun).lo;
        let lparen = self.pos();
        self.next();
        self.expr_level += 1;
        let mark = self.expr_stack.len();
        let mut ellipsis = None;
        let rparen = self.list("argument list", Tok::Comma, Tok::Rparen, |p| {
            let arg = p.expression();
            p.expr_stack.push(arg);
            let dots = p.pos();
            if p.got(Tok::DotDotDot) {
                ellipsis = Some(dots);
            }
            ellipsis.is_some()
        });
        self.expr_level -= 1;
        let args = take_from!(self.expr_stack, mark);
        self.expr_to_here(
            ExprKind::Call {
                fun,
                args,
                ellipsis,
                rparen,
            },
            lo,
            lparen,
        )
    }

    /// Index, Slice or TypeArgs.
    fn index_or_slice(&mut self, x: ExprId) -> ExprId {
        let lo = self.expr_span(x).lo;
        let lbrack = self.pos();
        self.next();
        if self.tok == Tok::Rbrack {
            self.expected("operand");
            let index = self.bad_expr();
            self.next();
            return self.expr_to_here(
                ExprKind::Index {
                    x,
                    indices: Box::new([index]),
                },
                lo,
                lbrack,
            );
        }
        self.expr_level += 1;
        let result = self.index_or_slice_inside(x, lo, lbrack);
        self.expr_level -= 1;
        result
    }

    fn index_or_slice_inside(&mut self, x: ExprId, lo: Pos, lbrack: Pos) -> ExprId {
        let mut first = None;
        if self.tok != Tok::Colon {
            let index = if self.tok == Tok::Comma {
                let bad = self.bad_expr();
                self.expected("expression");
                self.skip_to(&[Tok::Rparen, Tok::Rbrack, Tok::Rbrace]);
                bad
            } else {
                self.expression()
            };
            if self.tok == Tok::Comma {
                let indices = self.type_list_from(index);
                self.want(Tok::Rbrack);
                return self.expr_to_here(ExprKind::Index { x, indices }, lo, lbrack);
            }
            if self.got(Tok::Rbrack) {
                return self.expr_to_here(
                    ExprKind::Index {
                        x,
                        indices: Box::new([index]),
                    },
                    lo,
                    lbrack,
                );
            }
            first = Some(index);
        }
        if !self.got(Tok::Colon) {
            self.expected("comma, : or ]");
            self.skip_to(&[Tok::Comma, Tok::Colon, Tok::Rbrack]);
        }
        let mut hi = None;
        let mut max = None;
        let mut three = false;
        if self.tok != Tok::Colon && self.tok != Tok::Rbrack {
            hi = Some(self.expression());
        }
        if self.tok == Tok::Colon {
            three = true;
            if hi.is_none() {
                self.error_at(
                    super::LEXICAL,
                    self.pos(),
                    "middle index required in 3-index slice",
                );
                hi = Some(self.bad_expr());
            }
            self.next();
            if self.tok == Tok::Rbrack {
                self.error_at(
                    super::LEXICAL,
                    self.pos(),
                    "final index required in 3-index slice",
                );
                max = Some(self.bad_expr());
            } else {
                max = Some(self.expression());
            }
        }
        self.want(Tok::Rbrack);
        self.expr_to_here(
            ExprKind::Slice {
                x,
                lo: first,
                hi,
                max,
                three,
            },
            lo,
            lbrack,
        )
    }

    /// LiteralValue; `lo` is where the whole literal starts.
    fn literal_value(&mut self, ty: Option<ExprId>, lo: Pos) -> ExprId {
        let lbrace = self.pos();
        self.expr_level += 1;
        self.want(Tok::Lbrace);
        let mark = self.expr_stack.len();
        let rbrace = self.list("composite literal", Tok::Comma, Tok::Rbrace, |p| {
            let mut elem = p.element();
            if p.tok == Tok::Colon {
                let colon = p.pos();
                p.next();
                let value = p.element();
                let span = p.expr_span(elem).to(p.expr_span(value));
                elem = p.expr_node(ExprKind::KeyValue { key: elem, value }, span, colon);
            }
            p.expr_stack.push(elem);
            false
        });
        self.expr_level -= 1;
        let elems = take_from!(self.expr_stack, mark);
        self.expr_to_here(ExprKind::CompositeLit { ty, elems, rbrace }, lo, lbrace)
    }

    /// Element
    fn element(&mut self) -> ExprId {
        if self.tok == Tok::Lbrace {
            let lo = self.pos();
            return self.nested(|p| p.literal_value(None, lo));
        }
        self.expression()
    }

    /// Whether the current token is the unary or binary operator `op`.
    pub(super) fn at_operator(&self, op: Op) -> bool {
        self.tok == Tok::Operator && self.token.op == op
    }
}
