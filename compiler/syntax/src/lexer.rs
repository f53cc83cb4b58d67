//! From bytes to tokens, without copying.
//!
//! The lexer works on bytes; a check of the whole file up front (NUL bytes, byte order marks,
//! invalid UTF-8) lets the loops below ignore encoding. Comments are collected as spans.
//! Semicolons are inserted by the spec's rule; an inserted one is an empty token at the
//! newline (or at the comment that contains the newline, or at the end of the file).

use crate::ast::{BinaryOp, LitKind};
use crate::token::{Op, SemiKind, Tok, Token, keyword};

/// A lexical error: byte offset and gc's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LexError {
    /// Byte offset in the file.
    pub offset: u32,
    /// gc's text.
    pub message: String,
}

/// Tokens of one file.
pub struct Lexer<'a> {
    src: &'a [u8],
    /// `src`, if it is valid UTF-8.
    text: Option<&'a str>,
    pos: usize,
    insert_semi: bool,
    /// Comments met so far, as byte ranges.
    pub comments: Vec<(u32, u32)>,
    /// Errors met so far.
    pub errors: Vec<LexError>,
    /// Encoding errors found up front and not yet passed, last one first.
    encoding: Vec<LexError>,
}

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const SPACE: u8 = 4;

const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 128 {
        let byte = b as u8;
        if byte.is_ascii_alphabetic() || byte == b'_' {
            table[b] = LETTER;
        } else if byte.is_ascii_digit() {
            table[b] = DIGIT;
        } else if byte == b' ' || byte == b'\t' || byte == b'\r' {
            table[b] = SPACE;
        }
        b += 1;
    }
    table
};

/// Tokens of one byte with which no longer token begins; `Eof` for other bytes.
const SINGLE: [Tok; 256] = {
    let mut table = [Tok::Eof; 256];
    table[b'(' as usize] = Tok::Lparen;
    table[b'[' as usize] = Tok::Lbrack;
    table[b'{' as usize] = Tok::Lbrace;
    table[b')' as usize] = Tok::Rparen;
    table[b']' as usize] = Tok::Rbrack;
    table[b'}' as usize] = Tok::Rbrace;
    table[b',' as usize] = Tok::Comma;
    table[b';' as usize] = Tok::Semi;
    table
};

impl<'a> Lexer<'a> {
    /// A lexer at the start of `src`.
    pub fn new(src: &'a [u8]) -> Lexer<'a> {
        let pos = if src.starts_with(BOM) { BOM.len() } else { 0 };
        let text = std::str::from_utf8(src).ok();
        let encoding = encoding_errors(src, text, pos);
        Lexer {
            src,
            text,
            pos,
            insert_semi: false,
            comments: Vec::new(),
            errors: Vec::new(),
            encoding,
        }
    }

    /// The source, if it is valid UTF-8.
    pub fn text(&self) -> Option<&'a str> {
        self.text
    }

    /// The source.
    pub fn src(&self) -> &'a [u8] {
        self.src
    }

    /// Skips everything that is left.
    pub fn skip_to_end(&mut self) {
        self.pos = self.src.len();
        self.insert_semi = false;
        self.encoding.clear();
    }

    /// Moves encoding errors that lie before the current position to `errors`.
    fn pass_encoding_errors(&mut self) {
        while let Some(error) = self.encoding.last() {
            if error.offset as usize > self.pos {
                break;
            }
            let error = self.encoding.pop().expect("just seen");
            self.errors.push(error);
        }
    }

    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.src.get(self.pos + ahead).copied().unwrap_or(0)
    }

    fn error(&mut self, offset: usize, message: impl Into<String>) {
        self.errors.push(LexError {
            offset: offset as u32,
            message: message.into(),
        });
    }

    #[inline]
    fn token(&self, tok: Tok, lo: usize) -> Token {
        Token {
            tok,
            op: Op::None,
            lit: LitKind::Int,
            bad: false,
            semi: SemiKind::Semicolon,
            lo: lo as u32,
            hi: self.pos as u32,
        }
    }

    fn inserted_semi(&mut self, at: usize, semi: SemiKind) -> Token {
        self.insert_semi = false;
        Token {
            semi,
            hi: at as u32,
            ..self.token(Tok::Semi, at)
        }
    }

    /// The next token. At the end: `Eof`, again and again.
    #[inline]
    pub fn next_token(&mut self) -> Token {
        let token = self.scan();
        if !self.encoding.is_empty() {
            self.pass_encoding_errors();
        }
        token
    }

    fn scan(&mut self) -> Token {
        loop {
            let src = self.src;
            let mut lo = self.pos;
            let newline_is_space = !self.insert_semi;
            while let Some(&byte) = src.get(lo) {
                if CLASS[byte as usize] != SPACE && !(newline_is_space && byte == b'\n') {
                    break;
                }
                lo += 1;
            }
            self.pos = lo;
            let Some(&byte) = src.get(lo) else {
                if self.insert_semi {
                    return self.inserted_semi(lo, SemiKind::Eof);
                }
                return self.token(Tok::Eof, lo);
            };
            match CLASS[byte as usize] {
                LETTER => return self.name(),
                DIGIT => return self.number(lo, false),
                _ => {}
            }
            let single = SINGLE[byte as usize];
            if single != Tok::Eof {
                self.pos = lo + 1;
                self.insert_semi = matches!(single, Tok::Rparen | Tok::Rbrack | Tok::Rbrace);
                return self.token(single, lo);
            }
            match byte {
                b'\n' => {
                    // Otherwise it would have been skipped as space.
                    let token = self.inserted_semi(lo, SemiKind::Newline);
                    self.pos += 1;
                    return token;
                }
                b'/' if self.peek(1) == b'/' => {
                    self.line_comment();
                }
                b'/' if self.peek(1) == b'*' => {
                    if let Some(token) = self.block_comment() {
                        return token;
                    }
                }
                0 if self.has_encoding_error_at(lo) => self.pos += 1,
                0x80.. => {
                    if self.src[lo..].starts_with(BOM) {
                        self.pos += BOM.len();
                        continue;
                    }
                    let (c, _) = decode(&self.src[lo..]);
                    if c.is_some_and(|c| is_letter(c) || is_digit(c)) {
                        return self.name();
                    }
                    if let Some(token) = self.stray(lo) {
                        return token;
                    }
                }
                _ => match self.operator(byte) {
                    Some(token) => return token,
                    None => {
                        if let Some(token) = self.stray(lo) {
                            return token;
                        }
                    }
                },
            }
        }
    }

    fn has_encoding_error_at(&self, offset: usize) -> bool {
        self.src.get(offset) == Some(&0)
    }

    /// A character that starts no token: reported and skipped. In front of something that
    /// continues an identifier gc takes it for the identifier's start.
    fn stray(&mut self, lo: usize) -> Option<Token> {
        let (c, len) = decode(&self.src[lo..]);
        match c {
            // Reported as an encoding error already.
            None => {
                self.pos += len;
                None
            }
            Some(c) if c.is_ascii() => {
                self.pos += len;
                self.error(
                    lo,
                    format!("invalid character U+{:04X}{}", c as u32, quoted_suffix(c)),
                );
                None
            }
            Some(_) => Some(self.name()),
        }
    }

    fn line_comment(&mut self) {
        let lo = self.pos;
        let rest = &self.src[lo..];
        self.pos = lo + find_newline(rest);
        let hi = if self.src[self.pos - 1] == b'\r' && self.pos > lo + 2 {
            self.pos - 1
        } else {
            self.pos
        };
        self.comments.push((lo as u32, hi as u32));
    }

    /// Skips a `/* */` comment, or gives the semicolon that it stands for.
    fn block_comment(&mut self) -> Option<Token> {
        let lo = self.pos;
        let body = &self.src[lo + 2..];
        let mut at = 0;
        let mut newline = false;
        let end = loop {
            match body.get(at) {
                None => break None,
                Some(b'*') if body.get(at + 1) == Some(&b'/') => break Some(at + 2),
                Some(b'\n') => newline = true,
                Some(_) => {}
            }
            at += 1;
        };
        if end.is_some() && newline && self.insert_semi {
            // The comment itself is skipped by the next call.
            return Some(self.inserted_semi(lo, SemiKind::Newline));
        }
        match end {
            Some(len) => self.pos = lo + 2 + len,
            None => {
                self.pos = self.src.len();
                self.error(lo, "comment not terminated");
                if self.insert_semi && newline {
                    self.comments.push((lo as u32, self.pos as u32));
                    return Some(self.inserted_semi(lo, SemiKind::Newline));
                }
            }
        }
        self.comments.push((lo as u32, self.pos as u32));
        None
    }

    #[inline]
    fn name(&mut self) -> Token {
        let lo = self.pos;
        let src = self.src;
        let mut at = lo;
        while let Some(&byte) = src.get(at) {
            if CLASS[byte as usize] & (LETTER | DIGIT) == 0 {
                if byte >= 0x80 || byte == 0 {
                    return self.unicode_name(lo);
                }
                break;
            }
            at += 1;
        }
        self.pos = at;
        if let Some(tok) = keyword(src, lo, at) {
            self.insert_semi = matches!(
                tok,
                Tok::Break | Tok::Continue | Tok::Fallthrough | Tok::Return
            );
            return self.token(tok, lo);
        }
        self.insert_semi = true;
        self.token(Tok::Name, lo)
    }

    #[cold]
    fn unicode_name(&mut self, lo: usize) -> Token {
        self.pos = lo;
        while self.pos < self.src.len() {
            let byte = self.src[self.pos];
            if CLASS[byte as usize] & (LETTER | DIGIT) != 0 {
                self.pos += 1;
                continue;
            }
            if byte == 0 {
                self.pos += 1;
                continue;
            }
            if byte < 0x80 {
                break;
            }
            let at = self.pos;
            let (c, len) = decode(&self.src[at..]);
            match c {
                Some('\u{FEFF}') => {}
                Some(c) if is_letter(c) => {}
                Some(c) if is_digit(c) && at > lo => {}
                Some(c) if is_digit(c) => {
                    let suffix = quoted_suffix(c);
                    self.error(
                        at,
                        format!(
                            "identifier cannot begin with digit U+{:04X}{suffix}",
                            c as u32
                        ),
                    );
                }
                Some(c) => {
                    self.error(
                        at,
                        format!(
                            "invalid character U+{:04X}{} in identifier",
                            c as u32,
                            quoted_suffix(c)
                        ),
                    );
                }
                // Reported as an encoding error already.
                None => {}
            }
            self.pos += len;
        }
        self.insert_semi = true;
        self.token(Tok::Name, lo)
    }

    fn literal(&mut self, kind: LitKind, lo: usize, bad: bool) -> Token {
        self.insert_semi = true;
        Token {
            lit: kind,
            bad,
            ..self.token(Tok::Literal, lo)
        }
    }

    fn operator(&mut self, byte: u8) -> Option<Token> {
        use BinaryOp as B;
        let lo = self.pos;
        // (class, operator, length); binary operators take `=` behind them.
        let plain = |tok| (tok, Op::None, 1);
        let (tok, op, len) = match byte {
            b'"' => return Some(self.string(lo)),
            b'`' => return Some(self.raw_string(lo)),
            b'\'' => return Some(self.rune(lo)),
            b'.' => {
                if self.peek(1).is_ascii_digit() {
                    return Some(self.number(lo, true));
                }
                if self.peek(1) == b'.' && self.peek(2) == b'.' {
                    (Tok::DotDotDot, Op::None, 3)
                } else {
                    plain(Tok::Dot)
                }
            }
            b':' if self.peek(1) == b'=' => (Tok::Define, Op::None, 2),
            b':' => plain(Tok::Colon),
            b'=' if self.peek(1) == b'=' => (Tok::Operator, Op::Binary(B::Eq), 2),
            b'=' => plain(Tok::Assign),
            b'!' if self.peek(1) == b'=' => (Tok::Operator, Op::Binary(B::Ne), 2),
            b'!' => (Tok::Operator, Op::Not, 1),
            b'~' => (Tok::Operator, Op::Tilde, 1),
            b'+' if self.peek(1) == b'+' => (Tok::IncOp, Op::Binary(B::Add), 2),
            b'-' if self.peek(1) == b'-' => (Tok::IncOp, Op::Binary(B::Sub), 2),
            b'<' if self.peek(1) == b'-' => (Tok::Arrow, Op::Arrow, 2),
            b'<' if self.peek(1) == b'=' => (Tok::Operator, Op::Binary(B::Le), 2),
            b'<' if self.peek(1) != b'<' => (Tok::Operator, Op::Binary(B::Lt), 1),
            b'>' if self.peek(1) == b'=' => (Tok::Operator, Op::Binary(B::Ge), 2),
            b'>' if self.peek(1) != b'>' => (Tok::Operator, Op::Binary(B::Gt), 1),
            b'&' if self.peek(1) == b'&' => (Tok::Operator, Op::Binary(B::AndAnd), 2),
            b'|' if self.peek(1) == b'|' => (Tok::Operator, Op::Binary(B::OrOr), 2),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'&' | b'|' | b'^' | b'<' | b'>' => {
                let (op, len) = match byte {
                    b'+' => (B::Add, 1),
                    b'-' => (B::Sub, 1),
                    b'*' => (B::Mul, 1),
                    b'/' => (B::Div, 1),
                    b'%' => (B::Rem, 1),
                    b'&' if self.peek(1) == b'^' => (B::AndNot, 2),
                    b'&' => (B::And, 1),
                    b'|' => (B::Or, 1),
                    b'^' => (B::Xor, 1),
                    b'<' => (B::Shl, 2),
                    _ => (B::Shr, 2),
                };
                if self.peek(len) == b'=' {
                    (Tok::AssignOp, Op::Binary(op), len + 1)
                } else if op == B::Mul {
                    (Tok::Star, Op::Binary(op), len)
                } else {
                    (Tok::Operator, Op::Binary(op), len)
                }
            }
            _ => return None,
        };
        self.insert_semi = tok == Tok::IncOp;
        self.pos += len;
        Some(Token {
            op,
            ..self.token(tok, lo)
        })
    }

    /// A number; `fraction` if it starts with the radix point.
    fn number(&mut self, lo: usize, fraction: bool) -> Token {
        let mut scan = Number {
            base: 10,
            prefix: 0,
            kind: LitKind::Int,
            digits: false,
            separators: false,
            bad: false,
            invalid: None,
        };
        if !fraction {
            // Most numbers are plain.
            let plain = |byte: &u8| byte.is_ascii_digit();
            let len = self.src[lo..]
                .iter()
                .position(|b| !plain(b))
                .unwrap_or(self.src.len() - lo);
            let next = self.src.get(lo + len).copied().unwrap_or(b' ');
            if (self.src[lo] != b'0' || len == 1)
                && CLASS[next as usize] & LETTER == 0
                && !matches!(next, b'.' | 0)
            {
                self.pos = lo + len;
                return self.literal(LitKind::Int, lo, false);
            }
            if self.peek(0) == b'0' {
                let (base, prefix) = match self.peek(1) | 0x20 {
                    b'x' => (16, b'x'),
                    b'o' => (8, b'o'),
                    b'b' => (2, b'b'),
                    _ => (8, b'0'),
                };
                (scan.base, scan.prefix) = (base, prefix);
                self.pos += if prefix == b'0' { 1 } else { 2 };
                scan.digits = prefix == b'0';
            }
            self.digits(&mut scan);
        }
        if self.peek(0) == b'.' {
            scan.kind = LitKind::Float;
            if matches!(scan.prefix, b'o' | b'b') {
                let message = format!("invalid radix point in {}", scan.base_name());
                self.number_error(&mut scan, self.pos, message);
            }
            self.pos += 1;
            self.digits(&mut scan);
        }
        if !scan.digits {
            let message = format!("{} has no digits", scan.base_name());
            self.number_error(&mut scan, self.pos, message);
        }
        let exponent = self.peek(0) | 0x20;
        if exponent == b'e' || exponent == b'p' {
            if exponent == b'e' && !matches!(scan.prefix, 0 | b'0') {
                let message = format!(
                    "{} exponent requires decimal mantissa",
                    quote_byte(self.peek(0))
                );
                self.number_error(&mut scan, self.pos, message);
            } else if exponent == b'p' && scan.prefix != b'x' {
                let message = format!(
                    "{} exponent requires hexadecimal mantissa",
                    quote_byte(self.peek(0))
                );
                self.number_error(&mut scan, self.pos, message);
            }
            self.pos += 1;
            scan.kind = LitKind::Float;
            if matches!(self.peek(0), b'+' | b'-') {
                self.pos += 1;
            }
            let (base, digits) = (scan.base, std::mem::replace(&mut scan.digits, false));
            scan.base = 10;
            let invalid = scan.invalid;
            self.digits(&mut scan);
            scan.invalid = invalid;
            scan.base = base;
            if !scan.digits {
                self.number_error(&mut scan, self.pos, "exponent has no digits".into());
            }
            scan.digits |= digits;
        } else if scan.prefix == b'x' && scan.kind == LitKind::Float {
            self.number_error(
                &mut scan,
                self.pos,
                "hexadecimal mantissa requires a 'p' exponent".into(),
            );
        }
        if self.peek(0) == b'i' {
            scan.kind = LitKind::Imag;
            self.pos += 1;
        }
        if scan.kind == LitKind::Int {
            if let Some(at) = scan.invalid {
                let message = format!(
                    "invalid digit {} in {}",
                    quote_byte(self.src[at]),
                    scan.base_name()
                );
                self.number_error(&mut scan, at, message);
            }
        }
        if scan.separators && !scan.bad {
            if let Some(at) = misplaced_separator(&self.src[lo..self.pos]) {
                self.number_error(
                    &mut scan,
                    lo + at,
                    "'_' must separate successive digits".into(),
                );
            }
        }
        self.literal(scan.kind, lo, scan.bad)
    }

    fn number_error(&mut self, scan: &mut Number, at: usize, message: String) {
        if !scan.bad {
            scan.bad = true;
            self.error(at, message);
        }
    }

    /// Digits and separators; notes the first digit that the base does not have.
    fn digits(&mut self, scan: &mut Number) {
        loop {
            let byte = self.peek(0);
            match byte {
                // Reported as an encoding error already; gc does not see it.
                0 if self.pos < self.src.len() => {}
                b'_' => scan.separators = true,
                b'0'..=b'9' => {
                    if byte - b'0' >= scan.base && scan.invalid.is_none() {
                        scan.invalid = Some(self.pos);
                    }
                    scan.digits = true;
                }
                b'a'..=b'f' | b'A'..=b'F' if scan.base == 16 => scan.digits = true,
                _ => return,
            }
            self.pos += 1;
        }
    }

    fn string(&mut self, lo: usize) -> Token {
        let src = self.src;
        let mut at = lo + 1;
        let mut bad = false;
        loop {
            match src.get(at) {
                Some(b'"') => {
                    at += 1;
                    break;
                }
                Some(b'\\') => {
                    self.pos = at + 1;
                    bad |= !self.escape(b'"');
                    at = self.pos;
                }
                Some(b'\n') => {
                    self.error(at, "newline in string");
                    bad = true;
                    break;
                }
                Some(_) => at += 1,
                None => {
                    self.error(lo, "string not terminated");
                    bad = true;
                    break;
                }
            }
        }
        self.pos = at;
        self.literal(LitKind::String, lo, bad)
    }

    fn raw_string(&mut self, lo: usize) -> Token {
        let body = &self.src[lo + 1..];
        let bad = match body.iter().position(|&b| b == b'`') {
            Some(len) => {
                self.pos = lo + len + 2;
                false
            }
            None => {
                self.pos = self.src.len();
                self.error(lo, "string not terminated");
                true
            }
        };
        self.literal(LitKind::String, lo, bad)
    }

    fn rune(&mut self, lo: usize) -> Token {
        self.pos += 1;
        let mut count = 0;
        let mut bad = false;
        loop {
            match self.src.get(self.pos) {
                Some(b'\'') => {
                    if !bad {
                        if count == 0 {
                            self.error(lo + 1, "empty rune literal or unescaped '");
                            bad = true;
                        } else if count != 1 {
                            self.error(lo, "more than one character in rune literal");
                            bad = true;
                        }
                    }
                    self.pos += 1;
                    break;
                }
                Some(b'\\') => {
                    self.pos += 1;
                    bad |= !self.escape(b'\'');
                    count += 1;
                    continue;
                }
                Some(b'\n') => {
                    if !bad {
                        self.error(self.pos, "newline in rune literal");
                        bad = true;
                    }
                    break;
                }
                Some(_) => {
                    let (_, len) = decode(&self.src[self.pos..]);
                    self.pos += len;
                    count += 1;
                }
                None => {
                    if !bad {
                        self.error(lo, "rune literal not terminated");
                        bad = true;
                    }
                    break;
                }
            }
        }
        self.literal(LitKind::Char, lo, bad)
    }

    /// What follows a backslash. `false` if it was wrong (and reported); then nothing beyond
    /// the wrong character is consumed.
    fn escape(&mut self, quote: u8) -> bool {
        let at = self.pos;
        let Some(&byte) = self.src.get(at) else {
            return true; // reported as not terminated
        };
        let (digits, base, limit) = match byte {
            b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' => {
                self.pos += 1;
                return true;
            }
            _ if byte == quote => {
                self.pos += 1;
                return true;
            }
            b'0'..=b'7' => (3, 8, 255),
            b'x' => (2, 16, 255),
            b'u' => (4, 16, char::MAX as u32),
            b'U' => (8, 16, char::MAX as u32),
            _ => {
                self.error(at, "unknown escape");
                return false;
            }
        };
        if base == 16 {
            self.pos += 1;
        }
        let mut value: u32 = 0;
        for _ in 0..digits {
            let Some(&byte) = self.src.get(self.pos) else {
                return true; // reported as not terminated
            };
            let Some(digit) = (byte as char).to_digit(base) else {
                let (c, _) = decode(&self.src[self.pos..]);
                let base = if base == 8 { "octal" } else { "hexadecimal" };
                let c = quote_char(c.unwrap_or(char::REPLACEMENT_CHARACTER));
                self.error(self.pos, format!("invalid character {c} in {base} escape"));
                return false;
            };
            value = value.wrapping_mul(base).wrapping_add(digit);
            self.pos += 1;
        }
        if value > limit && base == 8 {
            self.error(self.pos, format!("octal escape value {value} > 255"));
            return false;
        }
        if value > limit || limit > 255 && (0xD800..0xE000).contains(&value) {
            self.error(
                self.pos,
                format!("escape is invalid Unicode code point U+{value:04X}"),
            );
            return false;
        }
        true
    }
}

/// What a number scan has seen.
struct Number {
    base: u8,
    /// `x`, `o`, `b`, `0` (a leading zero) or 0.
    prefix: u8,
    kind: LitKind,
    digits: bool,
    separators: bool,
    bad: bool,
    /// Offset of the first digit the base lacks.
    invalid: Option<usize>,
}

impl Number {
    fn base_name(&self) -> &'static str {
        match self.base {
            2 => "binary literal",
            8 => "octal literal",
            16 => "hexadecimal literal",
            _ => "decimal literal",
        }
    }
}

/// Index of a `_` that does not stand between digits (or between a base prefix and a digit).
fn misplaced_separator(literal: &[u8]) -> Option<usize> {
    let prefixed =
        literal.len() >= 2 && literal[0] == b'0' && matches!(literal[1] | 0x20, b'x' | b'o' | b'b');
    let hex = prefixed && literal[1] | 0x20 == b'x';
    let mut previous = b'.';
    let start = if prefixed {
        previous = b'0';
        2
    } else {
        0
    };
    for (at, &byte) in literal.iter().enumerate().skip(start) {
        let class = match byte {
            b'_' => {
                if previous != b'0' {
                    return Some(at);
                }
                b'_'
            }
            b'0'..=b'9' => b'0',
            b'a'..=b'f' | b'A'..=b'F' if hex => b'0',
            _ => {
                if previous == b'_' {
                    return Some(at - 1);
                }
                b'.'
            }
        };
        previous = class;
    }
    (previous == b'_').then(|| literal.len() - 1)
}

const BOM: &[u8] = "\u{FEFF}".as_bytes();

/// Length of the line that `text` starts with.
#[inline]
fn find_newline(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).unwrap_or(text.len())
}

/// First character and its length; `None` for a byte that is not UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> (Option<char>, usize) {
    let head = &bytes[..bytes.len().min(4)];
    match std::str::from_utf8(head) {
        Ok(text) => text
            .chars()
            .next()
            .map_or((None, 1), |c| (Some(c), c.len_utf8())),
        Err(error) if error.valid_up_to() > 0 => {
            let text = std::str::from_utf8(&head[..error.valid_up_to()]).expect("valid up to here");
            text.chars()
                .next()
                .map_or((None, 1), |c| (Some(c), c.len_utf8()))
        }
        Err(_) => (None, 1),
    }
}

/// NUL bytes, byte order marks and bytes that are not UTF-8, last one first.
fn encoding_errors(src: &[u8], text: Option<&str>, start: usize) -> Vec<LexError> {
    let mut errors = Vec::new();
    let marks = |text: &str| !text.is_ascii() && memchr::memmem::find(&src[start..], BOM).is_some();
    if text.is_some_and(|text| !marks(text)) && memchr::memchr(0, src).is_none() {
        return errors;
    }
    let mut push = |at: usize, message: &str| {
        errors.push(LexError {
            offset: at as u32,
            message: message.into(),
        })
    };
    let mut base = start;
    for chunk in src[start..].utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        for at in memchr::memchr_iter(0, valid) {
            push(base + at, "invalid NUL character");
        }
        for at in memchr::memmem::find_iter(valid, BOM) {
            push(base + at, "invalid BOM in the middle of the file");
        }
        base += valid.len();
        for at in 0..chunk.invalid().len() {
            push(base + at, "invalid UTF-8 encoding");
        }
        base += chunk.invalid().len();
    }
    errors.sort_by_key(|error| std::cmp::Reverse(error.offset));
    errors
}

/// Whether the spec calls it a letter (Unicode categories Lu, Ll, Lt, Lm, Lo).
fn is_letter(c: char) -> bool {
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    matches!(
        get_general_category(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
    )
}

/// Whether the spec calls it a digit (Unicode category Nd).
fn is_digit(c: char) -> bool {
    unicode_general_category::get_general_category(c)
        == unicode_general_category::GeneralCategory::DecimalNumber
}

fn quote_byte(byte: u8) -> String {
    quote_char(byte as char)
}

fn quote_char(c: char) -> String {
    match c {
        '\'' => "'\\''".into(),
        '\\' => "'\\\\'".into(),
        '\n' => "'\\n'".into(),
        '\r' => "'\\r'".into(),
        '\t' => "'\\t'".into(),
        '\x07' => "'\\a'".into(),
        '\x08' => "'\\b'".into(),
        '\x0b' => "'\\v'".into(),
        '\x0c' => "'\\f'".into(),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => format!("'\\x{:02x}'", c as u32),
        c => format!("'{c}'"),
    }
}

/// ` '?'` where the character can be printed.
fn quoted_suffix(c: char) -> String {
    if c.is_control() {
        String::new()
    } else {
        format!(" '{c}'")
    }
}

/// The texts of all tokens of `src`, comments left out; automatic semicolons read `;`.
pub fn token_texts(src: &[u8]) -> Vec<String> {
    let mut lexer = Lexer::new(src);
    let mut out = Vec::new();
    loop {
        let token = lexer.next_token();
        match token.tok {
            Tok::Eof => return out,
            Tok::Semi => out.push(";".to_owned()),
            _ => out.push(
                String::from_utf8_lossy(&src[token.lo as usize..token.hi as usize]).into_owned(),
            ),
        }
    }
}
