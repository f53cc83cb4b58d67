//! Tokens.

use crate::ast::{BinaryOp, LitKind, UnaryOp};

/// Token classes. Operators that the grammar treats alike share a class and are told apart by
/// [`Token::op`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Tok {
    Eof,
    Name,
    Literal,
    /// A binary or unary operator other than `*` and `<-`.
    Operator,
    /// `op=`
    AssignOp,
    /// `++`, `--`
    IncOp,
    Assign,
    Define,
    Arrow,
    Star,
    Lparen,
    Lbrack,
    Lbrace,
    Rparen,
    Rbrack,
    Rbrace,
    Comma,
    Semi,
    Colon,
    Dot,
    DotDotDot,
    Break,
    Case,
    Chan,
    Const,
    Continue,
    Default,
    Defer,
    Else,
    Fallthrough,
    For,
    Func,
    Go,
    Goto,
    If,
    Import,
    Interface,
    Map,
    Package,
    Range,
    Return,
    Select,
    Struct,
    Switch,
    Type,
    Var,
}

impl Tok {
    /// The class's text as diagnostics print it where it was expected.
    pub fn expected_text(self) -> &'static str {
        match self {
            Tok::Comma => "comma",
            Tok::Semi => "semicolon or newline",
            _ if self.is_keyword() => self.keyword_text(),
            _ => self.text(),
        }
    }

    /// Whether this is a keyword.
    pub fn is_keyword(self) -> bool {
        self as u8 >= Tok::Break as u8
    }

    fn keyword_text(self) -> &'static str {
        match self {
            Tok::Chan => "keyword chan",
            Tok::Interface => "keyword interface",
            Tok::Struct => "keyword struct",
            Tok::Package => "keyword package",
            _ => self.text(),
        }
    }

    /// The class's text.
    pub fn text(self) -> &'static str {
        match self {
            Tok::Eof => "EOF",
            Tok::Name => "name",
            Tok::Literal => "literal",
            Tok::Operator => "op",
            Tok::AssignOp => "op=",
            Tok::IncOp => "opop",
            Tok::Assign => "=",
            Tok::Define => ":=",
            Tok::Arrow => "<-",
            Tok::Star => "*",
            Tok::Lparen => "(",
            Tok::Lbrack => "[",
            Tok::Lbrace => "{",
            Tok::Rparen => ")",
            Tok::Rbrack => "]",
            Tok::Rbrace => "}",
            Tok::Comma => ",",
            Tok::Semi => ";",
            Tok::Colon => ":",
            Tok::Dot => ".",
            Tok::DotDotDot => "...",
            Tok::Break => "break",
            Tok::Case => "case",
            Tok::Chan => "chan",
            Tok::Const => "const",
            Tok::Continue => "continue",
            Tok::Default => "default",
            Tok::Defer => "defer",
            Tok::Else => "else",
            Tok::Fallthrough => "fallthrough",
            Tok::For => "for",
            Tok::Func => "func",
            Tok::Go => "go",
            Tok::Goto => "goto",
            Tok::If => "if",
            Tok::Import => "import",
            Tok::Interface => "interface",
            Tok::Map => "map",
            Tok::Package => "package",
            Tok::Range => "range",
            Tok::Return => "return",
            Tok::Select => "select",
            Tok::Struct => "struct",
            Tok::Switch => "switch",
            Tok::Type => "type",
            Tok::Var => "var",
        }
    }
}

/// Which operator a [`Tok::Operator`], [`Tok::AssignOp`], [`Tok::IncOp`], [`Tok::Star`] or
/// [`Tok::Arrow`] token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    None,
    Not,
    Tilde,
    Arrow,
    Binary(BinaryOp),
}

impl Op {
    /// The binary operator, if it is one.
    #[inline]
    pub fn binary(self) -> Option<BinaryOp> {
        match self {
            Op::Binary(op) => Some(op),
            _ => None,
        }
    }
    /// The unary operator, if it is one (`*` and `<-` excluded: they also build types).
    pub fn unary(self) -> Option<UnaryOp> {
        match self {
            Op::Not => Some(UnaryOp::Not),
            Op::Tilde => Some(UnaryOp::Tilde),
            Op::Binary(BinaryOp::Add) => Some(UnaryOp::Plus),
            Op::Binary(BinaryOp::Sub) => Some(UnaryOp::Neg),
            Op::Binary(BinaryOp::Xor) => Some(UnaryOp::BitNot),
            Op::Binary(BinaryOp::And) => Some(UnaryOp::Addr),
            _ => None,
        }
    }
}

/// Binding strength of a binary operator, 1 (weakest) to 5 (spec, "Operator precedence").
#[inline]
pub fn precedence(op: BinaryOp) -> u8 {
    use BinaryOp::*;
    match op {
        OrOr => 1,
        AndAnd => 2,
        Eq | Ne | Lt | Le | Gt | Ge => 3,
        Add | Sub | Or | Xor => 4,
        Mul | Div | Rem | And | AndNot | Shl | Shr => 5,
    }
}

/// Why a semicolon is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SemiKind {
    Semicolon,
    Newline,
    Eof,
}

impl SemiKind {
    /// How diagnostics name it.
    pub fn text(self) -> &'static str {
        match self {
            SemiKind::Semicolon => "semicolon",
            SemiKind::Newline => "newline",
            SemiKind::Eof => "EOF",
        }
    }
}

/// One token: bytes `lo..hi` of the file. Automatically inserted semicolons are empty.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Its class.
    pub tok: Tok,
    /// Its operator, if any.
    pub op: Op,
    /// For literals: which kind.
    pub lit: LitKind,
    /// For literals: contains an error that was reported.
    pub bad: bool,
    /// For semicolons: which kind.
    pub semi: SemiKind,
    /// First byte.
    pub lo: u32,
    /// One past the last byte.
    pub hi: u32,
    /// For names: a hash of the text (see `lexer::hash_name`).
    pub hash: u32,
}

/// A set of token classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokSet(u64);

impl TokSet {
    /// The set of these classes.
    pub const fn of(toks: &[Tok]) -> TokSet {
        let (mut bits, mut i) = (0, 0);
        while i < toks.len() {
            bits |= 1 << toks[i] as u8;
            i += 1;
        }
        TokSet(bits)
    }
    /// Both sets.
    pub const fn union(self, other: TokSet) -> TokSet {
        TokSet(self.0 | other.0)
    }
    /// Whether `tok` is in the set.
    #[inline]
    pub const fn contains(self, tok: Tok) -> bool {
        self.0 >> tok as u8 & 1 != 0
    }
}

/// The keyword with this text.
#[inline]
pub fn keyword(text: &[u8]) -> Option<Tok> {
    if text.len() < 2 || text.len() > 11 {
        return None;
    }
    let tok = match (text[0], text.len()) {
        (b'b', 5) => Tok::Break,
        (b'c', 4) => {
            if text[1] == b'a' {
                Tok::Case
            } else {
                Tok::Chan
            }
        }
        (b'c', 5) => Tok::Const,
        (b'c', 8) => Tok::Continue,
        (b'd', 7) => Tok::Default,
        (b'd', 5) => Tok::Defer,
        (b'e', 4) => Tok::Else,
        (b'f', 11) => Tok::Fallthrough,
        (b'f', 3) => Tok::For,
        (b'f', 4) => Tok::Func,
        (b'g', 2) => Tok::Go,
        (b'g', 4) => Tok::Goto,
        (b'i', 2) => Tok::If,
        (b'i', 6) => Tok::Import,
        (b'i', 9) => Tok::Interface,
        (b'm', 3) => Tok::Map,
        (b'p', 7) => Tok::Package,
        (b'r', 5) => Tok::Range,
        (b'r', 6) => Tok::Return,
        (b's', 6) => match text[1] {
            b'e' => Tok::Select,
            b't' => Tok::Struct,
            _ => Tok::Switch,
        },
        (b't', 4) => Tok::Type,
        (b'v', 3) => Tok::Var,
        _ => return None,
    };
    (tok.text().as_bytes() == text).then_some(tok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found_and_nothing_else() {
        for raw in Tok::Break as u8..=Tok::Var as u8 {
            let all = [
                Tok::Break,
                Tok::Case,
                Tok::Chan,
                Tok::Const,
                Tok::Continue,
                Tok::Default,
                Tok::Defer,
                Tok::Else,
                Tok::Fallthrough,
                Tok::For,
                Tok::Func,
                Tok::Go,
                Tok::Goto,
                Tok::If,
                Tok::Import,
                Tok::Interface,
                Tok::Map,
                Tok::Package,
                Tok::Range,
                Tok::Return,
                Tok::Select,
                Tok::Struct,
                Tok::Switch,
                Tok::Type,
                Tok::Var,
            ];
            let tok = all[(raw - Tok::Break as u8) as usize];
            assert_eq!(tok as u8, raw);
            assert_eq!(keyword(tok.text().as_bytes()), Some(tok));
            let mut other = tok.text().to_owned().into_bytes();
            *other.last_mut().unwrap() = b'_';
            assert_eq!(keyword(&other), None);
        }
        assert_eq!(keyword(b"x"), None);
        assert_eq!(keyword(b""), None);
    }
}
