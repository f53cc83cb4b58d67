//! The syntax tree of one file.
//!
//! Nodes live in per-file arenas and are named by dense ids, so that later stages keep their
//! results in tables beside the tree (`IndexVec<ExprId, ..>`) and never change it. Types are
//! expressions, as in the grammar of conversions and instantiations they cannot be told apart
//! before checking. Every identifier occurrence, declaring or using, has a [`NameId`].
//!
//! Positions: `span` covers the node's text. `pos` is where gc's syntax tree places the node
//! (a binary expression at its operator, a selector at its dot's right... see each field);
//! most diagnostics are reported at `span.lo`.

use base::{IndexVec, Symbol, define_compact_id};
use source::{FileId, Pos, Span};

define_compact_id! {
    /// An identifier occurrence.
    pub struct NameId("name");
    /// An expression or type expression.
    pub struct ExprId("expr");
    /// A statement.
    pub struct StmtId("stmt");
    /// A field, parameter or interface element declaration.
    pub struct FieldId("field");
    /// A case or communication clause of a switch or select.
    pub struct ClauseId("clause");
    /// A top-level or local declaration (one specification of a group).
    pub struct DeclId("decl");
}

/// A parsed file. Always a complete tree: where the source was broken it holds [`ExprKind::Bad`].
#[derive(Debug)]
pub struct File {
    /// Which file.
    pub file: FileId,
    /// Position of the `package` keyword.
    pub package_pos: Pos,
    /// The package name.
    pub package_name: NameId,
    /// Whether something was wrong up to the package clause's end. Nothing behind it was read, and gc
    /// prints no errors of the package's files that come after this one.
    pub no_package: bool,
    /// Top-level declarations in source order (imports included).
    pub decls: Vec<DeclId>,
    /// `//go:build go1.N` language version demanded by the file's build constraint, as (1, N), if any.
    pub go_version: Option<(u32, u32)>,
    /// Compiler directives (`//go:...`, `//export`, `//line` excluded) in source order.
    pub directives: Vec<Directive>,
    /// All comments in source order (text spans include the `//` or `/* */`).
    pub comments: Vec<Span>,
    /// Position one past the last byte.
    pub eof: Pos,
    /// Arenas.
    pub names: IndexVec<NameId, Name>,
    #[allow(missing_docs)]
    pub exprs: IndexVec<ExprId, Expr>,
    #[allow(missing_docs)]
    pub stmts: IndexVec<StmtId, Stmt>,
    #[allow(missing_docs)]
    pub fields: IndexVec<FieldId, Field>,
    #[allow(missing_docs)]
    pub clauses: IndexVec<ClauseId, Clause>,
    #[allow(missing_docs)]
    pub decl_arena: IndexVec<DeclId, Decl>,
}

/// An identifier occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The identifier.
    pub sym: Symbol,
    /// Its first byte.
    pub pos: Pos,
}

/// A `//go:` directive comment, attached by position: it belongs to the declaration that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Position of the `//`.
    pub pos: Pos,
    /// Text after `//`, e.g. `go:linkname localname importpath.name`.
    pub text: Box<str>,
}

/// An expression with its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Its text.
    pub span: Span,
    /// Where gc's tree places it: operator of binary expressions, `(` of calls, `[` of index and slice
    /// expressions, `.` of selectors and type assertions; otherwise `span.lo`.
    pub pos: Pos,
}

/// Expressions and type expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// Broken source; already diagnosed.
    Bad,
    /// An identifier.
    Name(NameId),
    /// A literal token.
    BasicLit {
        /// Token class.
        kind: LitKind,
        /// Exact source text.
        text: Box<str>,
    },
    /// `T{...}`, or `{...}` inside another composite literal (no type).
    CompositeLit {
        /// The type, `None` if elided.
        ty: Option<ExprId>,
        /// Elements; keyed ones are [`ExprKind::KeyValue`].
        elems: Box<[ExprId]>,
        /// Position of `}`.
        rbrace: Pos,
    },
    /// `func(...) ... { ... }`
    FuncLit {
        /// An [`ExprKind::FuncType`].
        ty: ExprId,
        /// The body, a [`StmtKind::Block`].
        body: StmtId,
    },
    /// `(x)`
    Paren(ExprId),
    /// `x.sel`
    Selector {
        /// Operand or package name.
        x: ExprId,
        /// Selected name.
        sel: NameId,
    },
    /// `x[i]`, `F[T1, T2]`
    Index {
        /// Indexed or instantiated.
        x: ExprId,
        /// At least one unless broken.
        indices: Box<[ExprId]>,
    },
    /// `x[lo:hi:max]`
    Slice {
        /// Operand.
        x: ExprId,
        /// Bounds.
        lo: Option<ExprId>,
        #[allow(missing_docs)]
        hi: Option<ExprId>,
        #[allow(missing_docs)]
        max: Option<ExprId>,
        /// Whether both colons are there.
        three: bool,
    },
    /// `x.(T)`; `x.(type)` has no type.
    TypeAssert {
        /// Operand.
        x: ExprId,
        /// `None` = `type` keyword.
        ty: Option<ExprId>,
    },
    /// `f(args...)`; also conversions and builtin calls.
    Call {
        /// Called.
        fun: ExprId,
        /// Arguments (types for make and new).
        args: Box<[ExprId]>,
        /// Position of `...` after the last argument.
        ellipsis: Option<Pos>,
        /// Position of `)`.
        rparen: Pos,
    },
    /// `*x`: dereference or pointer type.
    Star(ExprId),
    /// Unary operation; `&x`, `<-x`, `~T` too.
    Unary {
        /// Operator.
        op: UnaryOp,
        /// Operand.
        x: ExprId,
    },
    /// Binary operation; `A | B` in constraints too.
    Binary {
        /// Operator, its position is `Expr::pos`.
        op: BinaryOp,
        #[allow(missing_docs)]
        x: ExprId,
        #[allow(missing_docs)]
        y: ExprId,
    },
    /// `k: v` in a composite literal.
    KeyValue {
        #[allow(missing_docs)]
        key: ExprId,
        #[allow(missing_docs)]
        value: ExprId,
    },
    /// `[len]elem`; `[...]elem` has [`ArrayLen::Auto`].
    ArrayType {
        #[allow(missing_docs)]
        len: ArrayLen,
        #[allow(missing_docs)]
        elem: ExprId,
    },
    /// `[]elem`
    SliceType(ExprId),
    /// `struct { ... }`
    StructType {
        /// One entry per name (or embedded field), sharing `ty` for `a, b T`.
        fields: Box<[FieldId]>,
    },
    /// `func(params) results`, also the signature of declarations and methods.
    FuncType(Box<FuncType>),
    /// `interface { ... }`
    InterfaceType {
        /// Methods (named, `ty` is a FuncType) and embedded elements (no name).
        elems: Box<[FieldId]>,
    },
    /// `map[key]value`
    MapType {
        #[allow(missing_docs)]
        key: ExprId,
        #[allow(missing_docs)]
        value: ExprId,
    },
    /// `chan T`, `<-chan T`, `chan<- T`
    ChanType {
        #[allow(missing_docs)]
        dir: ChanDir,
        #[allow(missing_docs)]
        elem: ExprId,
    },
    /// `...T` as the type of the last parameter.
    Ellipsis(Option<ExprId>),
}

/// Length of an array type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayLen {
    /// `[n]T`
    Expr(ExprId),
    /// `[...]T`
    Auto,
}

/// A signature.
#[derive(Clone, Debug, Default)]
pub struct FuncType {
    /// Position of `func` or, for methods in interfaces, of the name.
    pub pos: Pos,
    /// Type parameters; one entry per name.
    pub tparams: Box<[FieldId]>,
    /// Parameters; one entry per name or unnamed type.
    pub params: Box<[FieldId]>,
    /// Results.
    pub results: Box<[FieldId]>,
}

/// A struct field, parameter, result, type parameter or interface element.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name; `None`: embedded field or element, unnamed parameter.
    pub name: Option<NameId>,
    /// The type; names of a group share it. For embedded fields the (possibly starred, instantiated, parenthesised) type.
    pub ty: ExprId,
    /// Struct tag literal, an [`ExprKind::BasicLit`].
    pub tag: Option<ExprId>,
    /// Whether this is an embedded struct field.
    pub embedded: bool,
    /// Its text.
    pub span: Span,
}

/// Literal token classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum LitKind {
    Int,
    Float,
    Imag,
    Char,
    String,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Plus,
    Neg,
    Not,
    /// `^x`
    BitNot,
    /// `&x`
    Addr,
    /// `<-x`
    Recv,
    /// `~T`
    Tilde,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    OrOr,
    AndAnd,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Sub,
    Or,
    Xor,
    Mul,
    Div,
    Rem,
    And,
    AndNot,
    Shl,
    Shr,
}

impl BinaryOp {
    /// The operator's text.
    pub fn as_str(self) -> &'static str {
        use BinaryOp::*;
        match self {
            OrOr => "||",
            AndAnd => "&&",
            Eq => "==",
            Ne => "!=",
            Lt => "<",
            Le => "<=",
            Gt => ">",
            Ge => ">=",
            Add => "+",
            Sub => "-",
            Or => "|",
            Xor => "^",
            Mul => "*",
            Div => "/",
            Rem => "%",
            And => "&",
            AndNot => "&^",
            Shl => "<<",
            Shr => ">>",
        }
    }
    /// `==`, `!=`, `<`, `<=`, `>`, `>=`.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
        )
    }
    /// `<<`, `>>`.
    pub fn is_shift(self) -> bool {
        matches!(self, BinaryOp::Shl | BinaryOp::Shr)
    }
}

impl UnaryOp {
    /// The operator's text.
    pub fn as_str(self) -> &'static str {
        match self {
            UnaryOp::Plus => "+",
            UnaryOp::Neg => "-",
            UnaryOp::Not => "!",
            UnaryOp::BitNot => "^",
            UnaryOp::Addr => "&",
            UnaryOp::Recv => "<-",
            UnaryOp::Tilde => "~",
        }
    }
}

/// Channel directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChanDir {
    /// `chan T`
    Both,
    /// `chan<- T`
    Send,
    /// `<-chan T`
    Recv,
}

/// A statement with its place.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What.
    pub kind: StmtKind,
    /// Its text.
    pub span: Span,
    /// Where gc's tree places it: assignment operator of assignments and sends, otherwise `span.lo`.
    pub pos: Pos,
}

/// Statements.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// Broken source; already diagnosed.
    Bad,
    /// Nothing; `implicit` if even the semicolon is missing (before `}`).
    Empty {
        #[allow(missing_docs)]
        implicit: bool,
    },
    /// Local const, type or var declarations (one per specification, in order; see [`Decl::group`]).
    Decl(Box<[DeclId]>),
    /// `label: stmt`
    Labeled {
        #[allow(missing_docs)]
        label: NameId,
        #[allow(missing_docs)]
        stmt: StmtId,
    },
    /// An expression as statement.
    Expr(ExprId),
    /// `ch <- value`
    Send {
        #[allow(missing_docs)]
        chan: ExprId,
        #[allow(missing_docs)]
        value: ExprId,
    },
    /// `x++`, `x--`
    IncDec {
        #[allow(missing_docs)]
        x: ExprId,
        #[allow(missing_docs)]
        inc: bool,
    },
    /// `lhs = rhs`, `lhs op= rhs`
    Assign {
        #[allow(missing_docs)]
        lhs: Box<[ExprId]>,
        /// `Some` for `op=`; both sides then have one element.
        op: Option<BinaryOp>,
        #[allow(missing_docs)]
        rhs: Box<[ExprId]>,
    },
    /// `lhs := rhs`
    Define {
        /// Names as parsed (non-names are already diagnosed).
        lhs: Box<[ExprId]>,
        #[allow(missing_docs)]
        rhs: Box<[ExprId]>,
    },
    /// `go call`
    Go(ExprId),
    /// `defer call`
    Defer(ExprId),
    /// `return results`
    Return(Box<[ExprId]>),
    /// `break`, `continue`, `goto`, `fallthrough`
    Branch {
        #[allow(missing_docs)]
        kind: BranchKind,
        #[allow(missing_docs)]
        label: Option<NameId>,
    },
    /// `{ ... }`; `rbrace` is the closing brace.
    Block {
        #[allow(missing_docs)]
        stmts: Box<[StmtId]>,
        #[allow(missing_docs)]
        rbrace: Pos,
    },
    /// `if init; cond { then } else els`
    If {
        #[allow(missing_docs)]
        init: Option<StmtId>,
        #[allow(missing_docs)]
        cond: ExprId,
        /// A block.
        then: StmtId,
        /// A block or another `if`.
        els: Option<StmtId>,
    },
    /// `switch init; tag { clauses }`
    Switch {
        #[allow(missing_docs)]
        init: Option<StmtId>,
        #[allow(missing_docs)]
        tag: Option<ExprId>,
        #[allow(missing_docs)]
        clauses: Box<[ClauseId]>,
        #[allow(missing_docs)]
        rbrace: Pos,
    },
    /// `switch init; name := x.(type) { clauses }`
    TypeSwitch {
        #[allow(missing_docs)]
        init: Option<StmtId>,
        /// The declared name, if any.
        name: Option<NameId>,
        /// The operand `x` (without `.(type)`).
        x: ExprId,
        #[allow(missing_docs)]
        clauses: Box<[ClauseId]>,
        #[allow(missing_docs)]
        rbrace: Pos,
    },
    /// `select { clauses }`
    Select {
        #[allow(missing_docs)]
        clauses: Box<[ClauseId]>,
        #[allow(missing_docs)]
        rbrace: Pos,
    },
    /// `for init; cond; post { body }`
    For {
        #[allow(missing_docs)]
        init: Option<StmtId>,
        #[allow(missing_docs)]
        cond: Option<ExprId>,
        #[allow(missing_docs)]
        post: Option<StmtId>,
        /// A block.
        body: StmtId,
    },
    /// `for key, value := range x { body }`
    Range {
        #[allow(missing_docs)]
        key: Option<ExprId>,
        #[allow(missing_docs)]
        value: Option<ExprId>,
        /// A third operand on the left, which the type checker refuses.
        extra: Option<ExprId>,
        /// Whether `:=` was used.
        define: bool,
        #[allow(missing_docs)]
        x: ExprId,
        /// A block.
        body: StmtId,
    },
}

/// Kinds of branch statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BranchKind {
    Break,
    Continue,
    Goto,
    Fallthrough,
}

/// A clause of a switch, type switch or select.
#[derive(Clone, Debug)]
pub struct Clause {
    /// What selects it.
    pub kind: ClauseKind,
    /// Statements.
    pub body: Box<[StmtId]>,
    /// From `case` or `default` to the end of the body.
    pub span: Span,
    /// Position of the colon.
    pub colon: Pos,
}

/// What selects a clause.
#[derive(Clone, Debug)]
pub enum ClauseKind {
    /// `case exprs:` (types in a type switch)
    Case(Box<[ExprId]>),
    /// `case comm:` of a select: a send, an expression statement, an assignment or a definition.
    Comm(StmtId),
    /// `default:`
    Default,
}

/// A declaration: one specification.
#[derive(Clone, Debug)]
pub struct Decl {
    /// What.
    pub kind: DeclKind,
    /// Its text, from the keyword (or the specification's start inside a group) on.
    pub span: Span,
    /// Group it belongs to: specifications inside one `const ( ... )` share a number unique in the file.
    pub group: Option<u32>,
}

/// Declarations.
#[derive(Clone, Debug)]
pub enum DeclKind {
    /// Broken source; already diagnosed.
    Bad,
    /// `import name "path"`
    Import {
        /// Local name; `.` and `_` included.
        name: Option<NameId>,
        /// The path literal, an [`ExprKind::BasicLit`].
        path: ExprId,
    },
    /// `const names T = values`; inside groups `values` may be empty (implicit repetition).
    Const {
        #[allow(missing_docs)]
        names: Box<[NameId]>,
        #[allow(missing_docs)]
        ty: Option<ExprId>,
        #[allow(missing_docs)]
        values: Box<[ExprId]>,
        /// Value of `iota`: index of the specification in its group.
        iota: u32,
    },
    /// `var names T = values`
    Var {
        #[allow(missing_docs)]
        names: Box<[NameId]>,
        #[allow(missing_docs)]
        ty: Option<ExprId>,
        #[allow(missing_docs)]
        values: Box<[ExprId]>,
    },
    /// `type name[tparams] T`, `type name = T`
    Type {
        #[allow(missing_docs)]
        name: NameId,
        #[allow(missing_docs)]
        tparams: Box<[FieldId]>,
        /// Whether this declares an alias.
        alias: bool,
        #[allow(missing_docs)]
        ty: ExprId,
    },
    /// `func (recv) name(sig) { body }`
    Func {
        /// Receiver, if a method. (More than one is diagnosed by the parser; the first is kept.)
        recv: Option<FieldId>,
        #[allow(missing_docs)]
        name: NameId,
        /// An [`ExprKind::FuncType`].
        ty: ExprId,
        /// A block; `None` = implemented elsewhere.
        body: Option<StmtId>,
    },
}

impl File {
    /// The symbol of a name.
    pub fn sym(&self, name: NameId) -> Symbol {
        self.names[name].sym
    }
    /// `expr` without enclosing parentheses.
    pub fn unparen(&self, mut expr: ExprId) -> ExprId {
        while let ExprKind::Paren(inner) = self.exprs[expr].kind {
            expr = inner;
        }
        expr
    }
}
