//! The parser: recursive descent, one token of lookahead, no backtracking.
//!
//! Functions are named after the spec's productions. What a construct is can often be told
//! only after parsing it as something more general (`a, b` may begin parameter names or
//! types, `[P *T]` an array length or a type parameter); then the general form is parsed and
//! sorted out afterwards.
//!
//! Errors: at most one syntax error per line is reported, as gc does. After an error the
//! parser skips to a token from a set that depends on the production ([`Parser::skip_to`]);
//! the sets are chosen so that the follow-up errors are the ones gc prints.
//!
//! Recursion: every recursive production goes through [`Parser::nested`], which moves to a
//! fresh stack segment when the current one is nearly used up and refuses nesting beyond
//! [`MAX_DEPTH`].

mod decl;
mod expr;
mod stmt;
mod types;

use base::{Id, IndexVec, Symbol};
use diagnostics::Diagnostic;
use source::{Pos, SourceFile, Span};

use crate::ast::*;
use crate::directive::Directives;
use crate::lexer::Lexer;
use crate::names::NameCache;
use crate::token::{Op, SemiKind, Tok, TokSet, Token};

/// Code of diagnostics that keep a package from being checked: the text says `syntax error`.
pub const SYNTAX: &str = "Syntax";
/// Code of wrong literals, characters and comments. Checking goes on after them.
pub const LEXICAL: &str = "Lexical";

/// Codes of errors that are gc's type checker's: it never prints them beside syntax errors.
pub const SYNTAX_TREE: &str = "InvalidSyntaxTree";
const CHECKER_CODES: [&str; 3] = [SYNTAX_TREE, "BadDecl", "InvalidIterVar"];

/// Whether an error that we find while parsing is one of gc's type checker.
pub(crate) fn is_type_error(diagnostic: &Diagnostic) -> bool {
    CHECKER_CODES.contains(&diagnostic.code)
}

/// Drops what gc would not print from a package's parse errors: where there are syntax errors, all
/// that its type checker would have found.
pub fn retain_parse_errors(diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.iter().any(|d| d.code == SYNTAX) {
        diagnostics.retain(|d| !is_type_error(d));
    }
}

/// Deepest nesting of productions that is accepted. A production takes under 2 KB of stack
/// in release builds, so this bounds the parser's memory.
pub const MAX_DEPTH: u32 = 100_000;
const STACK_RED_ZONE: usize = 64 * 1024;
const STACK_SEGMENT: usize = 2 * 1024 * 1024;

/// Keywords that begin a statement: inside functions recovery does not skip them.
const STATEMENT_START: TokSet = TokSet::of(&[
    Tok::Break,
    Tok::Const,
    Tok::Continue,
    Tok::Defer,
    Tok::Fallthrough,
    Tok::For,
    Tok::Go,
    Tok::Goto,
    Tok::If,
    Tok::Return,
    Tok::Select,
    Tok::Switch,
    Tok::Type,
    Tok::Var,
]);
const DECLARATION_START: &[Tok] = &[Tok::Import, Tok::Const, Tok::Type, Tok::Var, Tok::Func];

/// Parses one file. The tree is complete whatever the input; diagnostics are in the order of
/// discovery. Sets the file's line directives.
///
/// Diagnostics with code [`SYNTAX`] mean that gc would not type-check the package (see
/// [`retain_parse_errors`]). The others (wrong literals, misplaced parentheses, ...) do not keep it
/// from doing so; they are found here because the tree cannot hold what they complain about.
pub fn parse_file(file: &SourceFile) -> (File, Vec<Diagnostic>) {
    let mut parser = Parser::new(file);
    parser.source_file();
    parser.finish()
}

pub(crate) struct Parser<'a> {
    file: &'a SourceFile,
    src: &'a [u8],
    /// The source, if it is valid UTF-8.
    text: Option<&'a str>,
    lexer: Lexer<'a>,
    names: NameCache,
    directives: Directives,
    tree: File,
    diagnostics: Vec<Diagnostic>,
    /// The current token.
    token: Token,
    /// The current token's class (a copy of `token.tok`).
    tok: Tok,
    /// End of the token before the current one.
    prev_hi: u32,
    /// Line of the last syntax error.
    last_error_line: u32,
    /// Depth of functions we are in.
    function_depth: u32,
    /// Below 0 in headers of `if`, `for`, `switch`: there `{` starts a block. Counts brackets
    /// and parentheses inside, which make `{` a composite literal again.
    expr_level: i32,
    depth: u32,
    next_group: u32,
    // Stacks on which lists are gathered before their length is known.
    expr_stack: Vec<ExprId>,
    stmt_stack: Vec<StmtId>,
    field_stack: Vec<FieldId>,
    clause_stack: Vec<ClauseId>,
    name_stack: Vec<NameId>,
    decl_stack: Vec<DeclId>,
}

/// Moves what was pushed on `$stack` since it had length `$mark` into a boxed slice.
macro_rules! take_from {
    ($self:ident.$stack:ident, $mark:expr) => {{
        let items: Box<[_]> = $self.$stack[$mark..].into();
        $self.$stack.truncate($mark);
        items
    }};
}
pub(crate) use take_from;

impl<'a> Parser<'a> {
    fn new(file: &'a SourceFile) -> Parser<'a> {
        let src: &'a [u8] = &file.src;
        let lexer = Lexer::new(src);
        let size = src.len();
        let mut parser = Parser {
            file,
            src,
            text: lexer.text(),
            names: NameCache::take(),
            directives: Directives::default(),
            lexer,
            tree: File {
                file: file.id,
                package_pos: file.pos(0),
                package_name: NameId::from_index(0),
                no_package: false,
                decls: Vec::new(),
                go_version: None,
                directives: Vec::new(),
                comments: Vec::new(),
                eof: file.pos(size as u32),
                names: IndexVec::from_raw(Vec::with_capacity(size / 18)),
                exprs: IndexVec::from_raw(Vec::with_capacity(size / 11)),
                stmts: IndexVec::from_raw(Vec::with_capacity(size / 60)),
                fields: IndexVec::new(),
                clauses: IndexVec::new(),
                decl_arena: IndexVec::new(),
            },
            diagnostics: Vec::new(),
            token: Token {
                tok: Tok::Eof,
                op: Op::None,
                lit: LitKind::Int,
                bad: false,
                semi: SemiKind::Eof,
                lo: 0,
                hi: 0,
            },
            tok: Tok::Eof,
            prev_hi: 0,
            last_error_line: 0,
            function_depth: 0,
            expr_level: 0,
            depth: 0,
            next_group: 0,
            expr_stack: Vec::new(),
            stmt_stack: Vec::new(),
            field_stack: Vec::new(),
            clause_stack: Vec::new(),
            name_stack: Vec::new(),
            decl_stack: Vec::new(),
        };
        parser.next();
        parser
    }

    fn finish(mut self) -> (File, Vec<Diagnostic>) {
        self.lexer.skip_to_end();
        self.names.put_back();
        self.read_directives();
        let found = self.directives;
        if !found.diagnostics.is_empty() {
            self.diagnostics.extend(found.diagnostics);
            self.diagnostics.sort_by_key(|d| d.pos);
        }
        retain_parse_errors(&mut self.diagnostics);
        self.file.set_line_directives(found.lines);
        self.tree.directives = found.directives;
        self.tree.go_version = found.go_version;
        let comments = &self.lexer.comments;
        self.tree.comments = comments
            .iter()
            .map(|&(lo, hi)| Span::new(self.file.pos(lo), self.file.pos(hi)))
            .collect();
        (self.tree, self.diagnostics)
    }

    fn read_directives(&mut self) {
        self.directives
            .read(self.file, &self.lexer.comments, self.tree.package_pos);
    }

    /// Whether anything has been wrong so far.
    fn any_errors(&mut self) -> bool {
        self.read_directives();
        self.diagnostics.iter().any(|d| !is_type_error(d))
            || !self.directives.diagnostics.is_empty()
    }

    // Tokens.

    #[inline]
    fn next(&mut self) {
        self.prev_hi = self.token.hi;
        self.token = self.lexer.next_token();
        self.tok = self.token.tok;
        if !self.lexer.errors.is_empty() {
            self.take_lexer_errors();
        }
    }

    #[cold]
    fn take_lexer_errors(&mut self) {
        for error in std::mem::take(&mut self.lexer.errors) {
            self.diagnostics.push(Diagnostic::error(
                LEXICAL,
                self.file.pos(error.offset),
                error.message,
            ));
        }
    }

    /// Consumes a `tok`, if it is there.
    #[inline]
    fn got(&mut self, tok: Tok) -> bool {
        let found = self.tok == tok;
        if found {
            self.next();
        }
        found
    }

    /// Consumes a `tok`; if it is not there: an error, and whatever stands there is skipped.
    #[inline]
    fn want(&mut self, tok: Tok) {
        if !self.got(tok) {
            self.want_failed(tok);
        }
    }

    #[cold]
    fn want_failed(&mut self, tok: Tok) {
        self.expected(tok.expected_text());
        if self.tok != Tok::Eof {
            self.next();
        }
    }

    /// `=`, or `:=` with a complaint.
    fn got_assign(&mut self) -> bool {
        match self.tok {
            Tok::Define => {
                self.expected("=");
                self.next();
                true
            }
            Tok::Assign => {
                self.next();
                true
            }
            _ => false,
        }
    }

    /// Position of the current token.
    #[inline]
    fn pos(&self) -> Pos {
        self.file.pos(self.token.lo)
    }

    #[inline]
    fn span_from(&self, lo: Pos) -> Span {
        Span::new(lo, self.file.pos(self.prev_hi).max(lo))
    }

    fn token_text(&self) -> String {
        String::from_utf8_lossy(&self.src[self.token.lo as usize..self.token.hi as usize])
            .into_owned()
    }

    // Errors.

    /// How diagnostics name the current token.
    fn found(&self) -> String {
        match self.tok {
            Tok::Name => format!("name {}", self.token_text()),
            Tok::Literal => format!("literal {}", self.token_text()),
            Tok::Semi => self.token.semi.text().into(),
            Tok::Comma => "comma".into(),
            Tok::Eof => "EOF".into(),
            Tok::Operator | Tok::AssignOp | Tok::IncOp => self.token_text(),
            tok if tok.is_keyword() => format!("keyword {}", tok.text()),
            tok => tok.text().into(),
        }
    }

    /// `unexpected X, expected Y`
    #[cold]
    fn expected(&mut self, what: &str) {
        self.unexpected(&format!(", expected {what}"));
    }

    /// `unexpected X` with `tail` behind it.
    #[cold]
    fn unexpected(&mut self, tail: &str) {
        let message = format!("unexpected {}{tail}", self.found());
        self.syntax_error_at(self.pos(), &message);
    }

    /// `syntax error: message`. One a line; none at the end of the file if something else was
    /// wrong before.
    #[cold]
    fn syntax_error_at(&mut self, pos: Pos, message: &str) {
        if self.tok == Tok::Eof && self.any_errors() {
            return;
        }
        let line = self.file.line_col(pos).0;
        if line == self.last_error_line {
            return;
        }
        self.last_error_line = line;
        let span = if pos == self.pos() {
            Span::new(pos, self.file.pos(self.token.hi))
        } else {
            Span::at(pos)
        };
        self.diagnostics.push(
            Diagnostic::error(SYNTAX, pos, format!("syntax error: {message}")).with_span(span),
        );
    }

    #[cold]
    fn syntax_error(&mut self, message: &str) {
        self.syntax_error_at(self.pos(), message);
    }

    /// An error that does not keep the package from being checked.
    #[cold]
    fn error_at(&mut self, code: &'static str, pos: Pos, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(code, pos, message));
    }

    /// Skips to a token of `follow`; inside functions also to one that begins a statement.
    #[cold]
    fn skip_to(&mut self, follow: &[Tok]) {
        let mut follow = TokSet::of(follow).union(TokSet::of(&[Tok::Eof]));
        if self.function_depth > 0 {
            follow = follow.union(STATEMENT_START);
        }
        while !follow.contains(self.tok) {
            self.next();
        }
    }

    // Nesting.

    /// Runs a production that may contain itself.
    #[inline]
    fn nested<R>(&mut self, production: impl FnOnce(&mut Self) -> R) -> R {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.too_deep();
        }
        let result = stacker::maybe_grow(STACK_RED_ZONE, STACK_SEGMENT, || production(self));
        self.depth -= 1;
        result
    }

    #[cold]
    fn too_deep(&mut self) {
        self.syntax_error("nesting depth exceeds limit");
        self.lexer.skip_to_end();
        self.next();
        self.tok = Tok::Eof;
        self.token.tok = Tok::Eof;
    }

    // Nodes.

    #[inline]
    fn expr_node(&mut self, kind: ExprKind, span: Span, pos: Pos) -> ExprId {
        self.tree.exprs.push(Expr { kind, span, pos })
    }

    /// An expression that ends before the current token.
    #[inline]
    fn expr_to_here(&mut self, kind: ExprKind, lo: Pos, pos: Pos) -> ExprId {
        let span = self.span_from(lo);
        self.expr_node(kind, span, pos)
    }

    /// A stand-in for what was missing here.
    fn bad_expr(&mut self) -> ExprId {
        let pos = self.pos();
        self.expr_node(ExprKind::Bad, Span::at(pos), pos)
    }

    fn expr_span(&self, expr: ExprId) -> Span {
        self.tree.exprs[expr].span
    }

    // Names and literals.

    #[inline]
    fn name_here(&mut self) -> NameId {
        let sym = self
            .names
            .intern(self.src, self.token.lo as usize, self.token.hi as usize);
        let pos = self.pos();
        self.next();
        self.tree.names.push(Name { sym, pos })
    }

    fn blank_name_at(&mut self, pos: Pos) -> NameId {
        self.tree.names.push(Name {
            sym: Symbol::intern("_"),
            pos,
        })
    }

    /// identifier
    #[inline]
    fn name(&mut self) -> NameId {
        if self.tok == Tok::Name {
            return self.name_here();
        }
        let name = self.blank_name_at(self.pos());
        self.expected("name");
        if self.tok != Tok::Eof {
            self.next();
        }
        name
    }

    fn name_span(&self, name: NameId) -> Span {
        let Name { sym, pos } = self.tree.names[name];
        // Blank names that stand for missing ones are empty in the source.
        let len = sym.as_str().len() as u32;
        Span::new(pos, Pos((pos.0 + len).min(self.tree.eof.0)))
    }

    /// The name as an expression.
    #[inline]
    fn name_expr(&mut self, name: NameId, span: Span) -> ExprId {
        self.expr_node(ExprKind::Name(name), span, span.lo)
    }

    /// IdentifierList, whose first name has been read.
    fn identifier_list(&mut self, first: NameId) -> Box<[NameId]> {
        let mark = self.name_stack.len();
        self.name_stack.push(first);
        while self.got(Tok::Comma) {
            let name = self.name();
            self.name_stack.push(name);
        }
        take_from!(self.name_stack, mark)
    }

    /// BasicLit, if there is one.
    fn basic_lit(&mut self) -> Option<ExprId> {
        if self.tok != Tok::Literal {
            return None;
        }
        let token = self.token;
        let span = Span::new(self.file.pos(token.lo), self.file.pos(token.hi));
        let kind = if token.bad {
            ExprKind::Bad
        } else {
            let (lo, hi) = (token.lo as usize, token.hi as usize);
            let text = match self.text.and_then(|text| text.get(lo..hi)) {
                Some(text) => text.into(),
                None => String::from_utf8_lossy(&self.src[lo..hi]).into(),
            };
            ExprKind::BasicLit {
                kind: token.lit,
                text,
            }
        };
        self.next();
        Some(self.expr_node(kind, span, span.lo))
    }

    /// A separated list up to and including `close`. `item` parses one element and says
    /// whether it must be the last one. Returns the position of `close`.
    fn list(
        &mut self,
        context: &str,
        sep: Tok,
        close: Tok,
        mut item: impl FnMut(&mut Self) -> bool,
    ) -> Pos {
        let mut last = false;
        while self.tok != Tok::Eof && self.tok != close && !last {
            last = item(self);
            // The separator is optional before the closing token.
            if !self.got(sep) && self.tok != close {
                self.unexpected(&format!(
                    " in {context}; possibly missing {} or {}",
                    sep.expected_text(),
                    close.expected_text()
                ));
                self.skip_to(&[Tok::Rparen, Tok::Rbrack, Tok::Rbrace]);
                if self.tok != close {
                    return self.pos();
                }
            }
        }
        let pos = self.pos();
        self.want(close);
        pos
    }
}
