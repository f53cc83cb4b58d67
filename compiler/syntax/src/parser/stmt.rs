//! Statements.

use source::{Pos, Span};

use super::{Parser, take_from};
use crate::ast::*;
use crate::print;
use crate::token::{Op, SemiKind, Tok};

/// A simple statement (or range clause, or type switch guard) that has not become a node yet.
enum Simple {
    Expr(ExprId),
    Stmt {
        kind: StmtKind,
        span: Span,
        pos: Pos,
    },
    /// `name := x.(type)` in a switch header; `pos` of the operator.
    Guard {
        name: NameId,
        lhs: ExprId,
        assert: ExprId,
        pos: Pos,
    },
    Range {
        key: Option<ExprId>,
        value: Option<ExprId>,
        extra: Option<ExprId>,
        define: bool,
        x: ExprId,
    },
}

/// What stands between `if`, `switch` or `for` and the block.
#[derive(Default)]
struct Header {
    init: Option<StmtId>,
    cond: Option<Simple>,
    post: Option<StmtId>,
}

impl Parser<'_> {
    /// FunctionBody
    pub(super) fn function_body(&mut self) -> StmtId {
        self.function_depth += 1;
        let level = std::mem::replace(&mut self.expr_level, 0);
        let body = self.block_here();
        self.expr_level = level;
        self.function_depth -= 1;
        body
    }

    /// Block, at its `{`.
    fn block_here(&mut self) -> StmtId {
        let lo = self.pos();
        self.want(Tok::Lbrace);
        let stmts = self.statement_list();
        let rbrace = self.pos();
        self.want(Tok::Rbrace);
        let span = self.span_from(lo);
        self.stmt_node(StmtKind::Block { stmts, rbrace }, span, lo)
    }

    /// The block behind a clause; complains if it is not there.
    fn block_after(&mut self, clause: &str) -> StmtId {
        if self.tok == Tok::Lbrace {
            return self.nested(Self::block_here);
        }
        let lo = self.pos();
        self.expected(&format!("{{ after {clause}"));
        self.skip_to(&[Tok::Name, Tok::Rbrace]);
        let stmts = self.nested(Self::statement_list);
        let rbrace = self.pos();
        self.want(Tok::Rbrace);
        let span = self.span_from(lo);
        self.stmt_node(StmtKind::Block { stmts, rbrace }, span, lo)
    }

    fn stmt_node(&mut self, kind: StmtKind, span: Span, pos: Pos) -> StmtId {
        self.tree.stmts.push(Stmt { kind, span, pos })
    }

    fn stmt_to_here(&mut self, kind: StmtKind, lo: Pos) -> StmtId {
        let span = self.span_from(lo);
        self.stmt_node(kind, span, lo)
    }

    /// StatementList
    fn statement_list(&mut self) -> Box<[StmtId]> {
        let mark = self.stmt_stack.len();
        while !matches!(self.tok, Tok::Eof | Tok::Rbrace | Tok::Case | Tok::Default) {
            let Some(stmt) = self.statement() else { break };
            self.stmt_stack.push(stmt);
            // The semicolon is optional before `}` (and `)`, which ends no list of ours).
            if !self.got(Tok::Semi) && self.tok != Tok::Rbrace {
                self.unexpected(" at end of statement");
                self.skip_to(&[Tok::Semi, Tok::Rbrace, Tok::Case, Tok::Default]);
                self.got(Tok::Semi);
            }
        }
        take_from!(self.stmt_stack, mark)
    }

    /// Statement, if one starts here.
    fn statement(&mut self) -> Option<StmtId> {
        let lo = self.pos();
        let stmt = match self.tok {
            Tok::Name => {
                let first = self.expression();
                if self.tok == Tok::Colon {
                    if let ExprKind::Name(label) = self.tree.exprs[first].kind {
                        return self.nested(|p| p.labeled_stmt(label, lo));
                    }
                }
                let lhs = self.expression_list_from(first);
                let simple = self.simple_stmt_from(lhs, None);
                self.simple_node(simple)
            }
            Tok::Var | Tok::Const | Tok::Type => {
                let decls = self.nested(Self::local_declarations);
                self.stmt_to_here(StmtKind::Decl(decls), lo)
            }
            Tok::Operator => match self.token.op {
                Op::Not
                | Op::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::And | BinaryOp::Xor) => {
                    self.simple_statement()
                }
                _ => return None,
            },
            Tok::Star
            | Tok::Arrow
            | Tok::Literal
            | Tok::Func
            | Tok::Lparen
            | Tok::Lbrack
            | Tok::Struct
            | Tok::Map
            | Tok::Chan
            | Tok::Interface => self.simple_statement(),
            Tok::Lbrace => self.nested(Self::block_here),
            Tok::For => self.nested(Self::for_stmt),
            Tok::Switch => self.nested(Self::switch_stmt),
            Tok::Select => self.nested(Self::select_stmt),
            Tok::If => self.nested(Self::if_stmt),
            Tok::Fallthrough => {
                self.next();
                self.stmt_to_here(
                    StmtKind::Branch {
                        kind: BranchKind::Fallthrough,
                        label: None,
                    },
                    lo,
                )
            }
            Tok::Break | Tok::Continue => {
                let kind = if self.tok == Tok::Break {
                    BranchKind::Break
                } else {
                    BranchKind::Continue
                };
                self.next();
                let label = if self.tok == Tok::Name {
                    Some(self.name_here())
                } else {
                    None
                };
                self.stmt_to_here(StmtKind::Branch { kind, label }, lo)
            }
            Tok::Goto => {
                self.next();
                let label = Some(self.name());
                self.stmt_to_here(
                    StmtKind::Branch {
                        kind: BranchKind::Goto,
                        label,
                    },
                    lo,
                )
            }
            Tok::Go | Tok::Defer => self.go_or_defer_stmt(),
            Tok::Return => {
                self.next();
                let results: Box<[ExprId]> = match self.tok {
                    Tok::Semi | Tok::Rbrace => Box::new([]),
                    _ => self.expression_list(),
                };
                self.stmt_to_here(StmtKind::Return(results), lo)
            }
            Tok::Semi => self.stmt_node(StmtKind::Empty { implicit: false }, Span::at(lo), lo),
            _ => return None,
        };
        Some(stmt)
    }

    fn simple_statement(&mut self) -> StmtId {
        let simple = self.simple_stmt(None);
        self.simple_node(simple)
    }

    /// LabeledStmt, at the colon. `None` (and a complaint) if the statement is missing.
    fn labeled_stmt(&mut self, label: NameId, lo: Pos) -> Option<StmtId> {
        let colon = self.pos();
        self.next();
        let pos = self.file.pos(self.prev_hi);
        let stmt = if self.tok == Tok::Rbrace {
            self.stmt_node(StmtKind::Empty { implicit: true }, Span::at(pos), pos)
        } else {
            let stmt = self.statement();
            if stmt.is_none() {
                self.syntax_error_at(colon, "missing statement after label");
            }
            stmt?
        };
        // An empty statement may lie behind a comment.
        let span = self.span_from(lo).to(self.tree.stmts[stmt].span);
        Some(self.stmt_node(StmtKind::Labeled { label, stmt }, span, lo))
    }

    /// GoStmt, DeferStmt
    fn go_or_defer_stmt(&mut self) -> StmtId {
        let lo = self.pos();
        let keyword = self.tok;
        self.next();
        let x = self.primary_expr();
        let call = self.tree.unparen(x);
        if call != x {
            let pos = self.expr_span(x).lo;
            let message = format!("expression in {} must not be parenthesized", keyword.text());
            self.error_at(super::LEXICAL, pos, message);
        }
        let kind = if keyword == Tok::Go {
            StmtKind::Go(call)
        } else {
            StmtKind::Defer(call)
        };
        self.stmt_to_here(kind, lo)
    }

    /// SimpleStmt, or RangeClause behind `for`; `header` is the keyword whose header we are in.
    fn simple_stmt(&mut self, header: Option<Tok>) -> Simple {
        if header == Some(Tok::For) && self.tok == Tok::Range {
            return self.range_clause(&[], false);
        }
        let lhs = self.expression_list();
        self.simple_stmt_from(lhs, header)
    }

    /// SimpleStmt behind its first expressions.
    fn simple_stmt_from(&mut self, lhs: Box<[ExprId]>, header: Option<Tok>) -> Simple {
        let lo = self.expr_span(lhs[0]).lo;
        let pos = self.pos();
        if let [x] = *lhs {
            match self.tok {
                Tok::AssignOp => {
                    let op = self.token.op.binary();
                    self.next();
                    let y = self.expression();
                    let kind = StmtKind::Assign {
                        lhs,
                        op,
                        rhs: Box::new([y]),
                    };
                    return Simple::Stmt {
                        kind,
                        span: self.span_from(lo),
                        pos,
                    };
                }
                Tok::IncOp => {
                    let inc = self.token.op == Op::Binary(BinaryOp::Add);
                    self.next();
                    return Simple::Stmt {
                        kind: StmtKind::IncDec { x, inc },
                        span: self.span_from(lo),
                        pos,
                    };
                }
                Tok::Arrow => {
                    self.next();
                    let value = self.expression();
                    return Simple::Stmt {
                        kind: StmtKind::Send { chan: x, value },
                        span: self.span_from(lo),
                        pos,
                    };
                }
                Tok::Assign | Tok::Define => {}
                _ => return Simple::Expr(x),
            }
        }
        match self.tok {
            Tok::Assign | Tok::Define => {
                let define = self.tok == Tok::Define;
                self.next();
                if header == Some(Tok::For) && self.tok == Tok::Range {
                    return self.range_clause(&lhs, define);
                }
                let rhs = self.expression_list();
                if let (true, Some(Tok::Switch), [left], [right]) = (define, header, &*lhs, &*rhs) {
                    let guard = matches!(
                        self.tree.exprs[*right].kind,
                        ExprKind::TypeAssert { ty: None, .. }
                    );
                    if let (true, ExprKind::Name(name)) = (guard, &self.tree.exprs[*left].kind) {
                        return Simple::Guard {
                            name: *name,
                            lhs: *left,
                            assert: *right,
                            pos,
                        };
                    }
                }
                let span = self.span_from(lo);
                let kind = if define {
                    StmtKind::Define { lhs, rhs }
                } else {
                    StmtKind::Assign { lhs, op: None, rhs }
                };
                Simple::Stmt { kind, span, pos }
            }
            _ => {
                self.expected(":= or = or comma");
                self.skip_to(&[Tok::Semi, Tok::Rbrace]);
                Simple::Expr(lhs[0])
            }
        }
    }

    /// RangeClause, at `range`.
    fn range_clause(&mut self, lhs: &[ExprId], define: bool) -> Simple {
        self.next();
        let x = self.expression();
        Simple::Range {
            key: lhs.first().copied(),
            value: lhs.get(1).copied(),
            extra: lhs.get(2).copied(),
            define,
            x,
        }
    }

    /// Makes a node of a simple statement.
    fn simple_node(&mut self, simple: Simple) -> StmtId {
        match simple {
            Simple::Expr(x) => {
                let span = self.expr_span(x);
                self.stmt_node(StmtKind::Expr(x), span, span.lo)
            }
            Simple::Stmt { kind, span, pos } => {
                if let StmtKind::Define { lhs, .. } = &kind {
                    self.require_names(&lhs.clone());
                }
                self.stmt_node(kind, span, pos)
            }
            Simple::Guard {
                lhs, assert, pos, ..
            } => {
                let span = self.expr_span(lhs).to(self.expr_span(assert));
                self.stmt_node(
                    StmtKind::Define {
                        lhs: Box::new([lhs]),
                        rhs: Box::new([assert]),
                    },
                    span,
                    pos,
                )
            }
            Simple::Range { .. } => unreachable!("only `for` headers ask for range clauses"),
        }
    }

    /// Complains about everything on the left of `:=` that is no name.
    fn require_names(&mut self, lhs: &[ExprId]) {
        for &x in lhs {
            if !matches!(self.tree.exprs[x].kind, ExprKind::Name(_) | ExprKind::Bad) {
                let pos = match self.tree.exprs[x].kind {
                    ExprKind::Slice { .. } | ExprKind::FuncType(_) => self.tree.exprs[x].pos,
                    _ => self.expr_span(x).lo,
                };
                let text = print::expr_string(&self.tree, x);
                self.error_at(
                    "BadDecl",
                    pos,
                    format!("non-name {text} on left side of :="),
                );
            }
        }
    }

    /// What stands between the keyword and the block of `if`, `switch` and `for`.
    fn header(&mut self, keyword: Tok) -> Header {
        self.next();
        let mut header = Header::default();
        if self.tok == Tok::Lbrace {
            if keyword == Tok::If {
                self.syntax_error("missing condition in if statement");
                let bad = self.bad_expr();
                header.cond = Some(Simple::Expr(bad));
            }
            return header;
        }
        let level = std::mem::replace(&mut self.expr_level, -1);
        self.header_inside(keyword, &mut header);
        self.expr_level = level;
        header
    }

    fn header_inside(&mut self, keyword: Tok, header: &mut Header) {
        let mut init = None;
        if self.tok != Tok::Semi {
            if self.got(Tok::Var) {
                let message = format!(
                    "var declaration not allowed in {} initializer",
                    keyword.text()
                );
                self.syntax_error(&message);
            }
            let simple = self.simple_stmt(Some(keyword));
            if matches!(simple, Simple::Range { .. }) {
                header.cond = Some(simple);
                return;
            }
            init = Some(simple);
        }
        let mut semi: Option<(Pos, SemiKind)> = None;
        if self.tok == Tok::Lbrace {
            header.cond = init.take();
        } else {
            if self.tok == Tok::Semi {
                semi = Some((self.pos(), self.token.semi));
                self.next();
            } else {
                // The block is what is most likely missing.
                self.want(Tok::Lbrace);
                if self.tok != Tok::Lbrace {
                    self.skip_to(&[Tok::Lbrace, Tok::Rbrace]);
                }
            }
            if keyword == Tok::For {
                if self.tok != Tok::Semi {
                    if self.tok == Tok::Lbrace {
                        self.expected("for loop condition");
                        header.init = init.map(|simple| self.simple_node(simple));
                        return;
                    }
                    header.cond = Some(self.simple_stmt(None));
                }
                self.want(Tok::Semi);
                if self.tok != Tok::Lbrace {
                    let post = self.simple_stmt(None);
                    if let Simple::Stmt {
                        kind: StmtKind::Define { .. },
                        pos,
                        ..
                    } = post
                    {
                        self.syntax_error_at(pos, "cannot declare in post statement of for loop");
                    }
                    header.post = Some(self.simple_node(post));
                }
            } else if self.tok != Tok::Lbrace {
                header.cond = Some(self.simple_stmt(Some(keyword)));
            }
        }
        header.init = init.map(|simple| self.simple_node(simple));
        if keyword == Tok::If && header.cond.is_none() {
            match semi {
                Some((pos, kind)) if kind != SemiKind::Semicolon => {
                    let message =
                        format!("unexpected {}, expected {{ after if clause", kind.text());
                    self.syntax_error_at(pos, &message);
                }
                Some((pos, _)) => self.syntax_error_at(pos, "missing condition in if statement"),
                None => {}
            }
            let bad = self.bad_expr();
            header.cond = Some(Simple::Expr(bad));
        }
    }

    /// The condition or tag of a header: an expression, or a complaint.
    fn header_expr(&mut self, cond: Simple) -> ExprId {
        let (kind, span, pos) = match cond {
            Simple::Expr(x) => return x,
            Simple::Stmt { kind, span, pos } => (kind, span, pos),
            Simple::Guard {
                lhs, assert, pos, ..
            } => {
                let span = self.expr_span(lhs).to(self.expr_span(assert));
                (
                    StmtKind::Define {
                        lhs: Box::new([lhs]),
                        rhs: Box::new([assert]),
                    },
                    span,
                    pos,
                )
            }
            Simple::Range { x, .. } => return x,
        };
        // Most likely `=` was written for `==`: parentheses show how it was read.
        let text = match &kind {
            StmtKind::Assign { lhs, op: None, rhs } => {
                format!(
                    "assignment {} = {}",
                    print::emphasized(&self.tree, lhs),
                    print::emphasized(&self.tree, rhs)
                )
            }
            kind => print::simple_stmt_string(&self.tree, kind),
        };
        self.syntax_error_at(pos, &format!("cannot use {text} as value"));
        self.expr_node(ExprKind::Bad, span, span.lo)
    }

    /// IfStmt
    fn if_stmt(&mut self) -> StmtId {
        let lo = self.pos();
        let header = self.header(Tok::If);
        let cond = match header.cond {
            Some(cond) => self.header_expr(cond),
            None => self.bad_expr(),
        };
        let then = self.block_after("if clause");
        let mut els = None;
        if self.got(Tok::Else) {
            match self.tok {
                Tok::If => els = Some(self.nested(Self::if_stmt)),
                Tok::Lbrace => els = Some(self.nested(Self::block_here)),
                _ => {
                    self.syntax_error("else must be followed by if or statement block");
                    self.skip_to(&[Tok::Name, Tok::Rbrace]);
                }
            }
        }
        self.stmt_to_here(
            StmtKind::If {
                init: header.init,
                cond,
                then,
                els,
            },
            lo,
        )
    }

    /// ForStmt
    fn for_stmt(&mut self) -> StmtId {
        let lo = self.pos();
        let header = self.header(Tok::For);
        if let Some(Simple::Range {
            key,
            value,
            extra,
            define,
            x,
        }) = header.cond
        {
            let body = self.block_after("for clause");
            return self.stmt_to_here(
                StmtKind::Range {
                    key,
                    value,
                    extra,
                    define,
                    x,
                    body,
                },
                lo,
            );
        }
        let cond = header.cond.map(|cond| self.header_expr(cond));
        let body = self.block_after("for clause");
        self.stmt_to_here(
            StmtKind::For {
                init: header.init,
                cond,
                post: header.post,
                body,
            },
            lo,
        )
    }

    /// SwitchStmt: ExprSwitchStmt or TypeSwitchStmt
    fn switch_stmt(&mut self) -> StmtId {
        let lo = self.pos();
        let header = self.header(Tok::Switch);
        let init = header.init;
        let mut guard = None;
        let mut tag = None;
        match header.cond {
            Some(Simple::Guard { name, assert, .. }) => guard = Some((Some(name), assert)),
            Some(Simple::Expr(x))
                if matches!(
                    self.tree.exprs[x].kind,
                    ExprKind::TypeAssert { ty: None, .. }
                ) =>
            {
                guard = Some((None, x));
            }
            Some(cond) => tag = Some(self.header_expr(cond)),
            None => {}
        }
        if !self.got(Tok::Lbrace) {
            self.syntax_error("missing { after switch clause");
            self.skip_to(&[Tok::Case, Tok::Default, Tok::Rbrace]);
        }
        let (clauses, rbrace) = self.clauses(false);
        let kind = match guard {
            Some((name, assert)) => {
                let ExprKind::TypeAssert { x, .. } = self.tree.exprs[assert].kind else {
                    unreachable!("seen above")
                };
                StmtKind::TypeSwitch {
                    init,
                    name,
                    x,
                    clauses,
                    rbrace,
                }
            }
            None => StmtKind::Switch {
                init,
                tag,
                clauses,
                rbrace,
            },
        };
        self.stmt_to_here(kind, lo)
    }

    /// SelectStmt
    fn select_stmt(&mut self) -> StmtId {
        let lo = self.pos();
        self.next();
        if !self.got(Tok::Lbrace) {
            self.syntax_error("missing { after select clause");
            self.skip_to(&[Tok::Case, Tok::Default, Tok::Rbrace]);
        }
        let (clauses, rbrace) = self.clauses(true);
        self.stmt_to_here(StmtKind::Select { clauses, rbrace }, lo)
    }

    /// Clauses up to and including `}`, and where that is.
    fn clauses(&mut self, select: bool) -> (Box<[ClauseId]>, Pos) {
        let mark = self.clause_stack.len();
        while !matches!(self.tok, Tok::Eof | Tok::Rbrace) {
            let clause = self.clause(select);
            self.clause_stack.push(clause);
        }
        let rbrace = self.pos();
        self.want(Tok::Rbrace);
        (take_from!(self.clause_stack, mark), rbrace)
    }

    /// ExprCaseClause, TypeCaseClause, CommClause
    fn clause(&mut self, select: bool) -> ClauseId {
        let lo = self.pos();
        let kind = match self.tok {
            Tok::Case => {
                self.next();
                if select {
                    let simple = self.simple_stmt(None);
                    ClauseKind::Comm(self.simple_node(simple))
                } else {
                    ClauseKind::Case(self.expression_list())
                }
            }
            Tok::Default => {
                self.next();
                ClauseKind::Default
            }
            _ => {
                self.expected("case or default or }");
                self.skip_to(&[Tok::Colon, Tok::Case, Tok::Default, Tok::Rbrace]);
                ClauseKind::Case(Box::new([]))
            }
        };
        let colon = self.pos();
        self.want(Tok::Colon);
        let body = self.statement_list();
        let span = self.span_from(lo);
        self.tree.clauses.push(Clause {
            kind,
            body,
            span,
            colon,
        })
    }
}
