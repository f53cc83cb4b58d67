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
    pub const fn text(self) -> &'static str {
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

/// Bytes `lo..hi`, at most the first eight, as a number.
#[inline]
pub(crate) fn head_word(src: &[u8], lo: usize, hi: usize) -> u64 {
    let len = hi - lo;
    match src.get(lo..lo + 8) {
        Some(bytes) => {
            let word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
            if len >= 8 {
                word
            } else {
                word & !(u64::MAX << (len * 8))
            }
        }
        None => src[lo..hi]
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | byte as u64),
    }
}

const KEYWORDS: [Tok; 25] = [
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

const SLOT_BITS: u32 = 7;

const fn const_head_word(text: &[u8]) -> u64 {
    let (mut word, mut at) = (0, if text.len() < 8 { text.len() } else { 8 });
    while at > 0 {
        at -= 1;
        word = word << 8 | text[at] as u64;
    }
    word
}

/// A perfect hash of the keywords: their head words, and the multiplier that gives each a slot of
/// its own.
const KEYWORD_TABLE: ([(u64, Tok); 1 << SLOT_BITS], u64) = {
    let mut multiplier: u64 = 0x9E37_79B9_7F4A_7C15;
    loop {
        let mut slots = [(0, Tok::Eof); 1 << SLOT_BITS];
        let mut at = 0;
        while at < KEYWORDS.len() {
            let word = const_head_word(KEYWORDS[at].text().as_bytes());
            let slot = (word.wrapping_mul(multiplier) >> (64 - SLOT_BITS)) as usize;
            if slots[slot].0 != 0 {
                break;
            }
            slots[slot] = (word, KEYWORDS[at]);
            at += 1;
        }
        if at == KEYWORDS.len() {
            break (slots, multiplier);
        }
        multiplier = multiplier.wrapping_mul(0xD134_2543_DE82_EF95) | 1;
    }
};

/// The keyword at bytes `lo..hi`, if that is one.
#[inline]
pub fn keyword(src: &[u8], lo: usize, hi: usize) -> Option<Tok> {
    static SLOTS: [(u64, Tok); 1 << SLOT_BITS] = KEYWORD_TABLE.0;
    let word = head_word(src, lo, hi);
    let (text, tok) = SLOTS[(word.wrapping_mul(KEYWORD_TABLE.1) >> (64 - SLOT_BITS)) as usize];
    let len = hi - lo;
    (text == word && (len <= 8 || tok.text().as_bytes() == &src[lo..hi]))
        .then_some(tok)
        .filter(|_| len > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found_and_nothing_else() {
        let check = |text: &str, expected: Option<Tok>| {
            for tail in ["", " and more text", "("] {
                let src = format!("{text}{tail}");
                assert_eq!(keyword(src.as_bytes(), 0, text.len()), expected, "{src}");
            }
        };
        for (at, &tok) in KEYWORDS.iter().enumerate() {
            assert_eq!(tok as usize, Tok::Break as usize + at);
            check(tok.text(), Some(tok));
            check(&format!("{}x", tok.text()), None);
            check(&tok.text()[1..], None);
        }
        check("x", None);
        check("interfacf", None);
    }
}
