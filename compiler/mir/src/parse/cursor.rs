//! A place in the text, and its words.

use std::borrow::Cow;

use super::ParseError;
use crate::text::name_len;

type Result<T> = std::result::Result<T, ParseError>;

pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Nesting of the type being read.
    pub(super) depth: u32,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Cursor { text, at, depth: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips spaces and a comment, not the end of the line.
    fn skip(&mut self) {
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
        self.at += blank;
        if self.rest().starts_with("//") {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// Offset of the next token.
    pub(super) fn here(&mut self) -> usize {
        self.skip();
        self.at
    }

    pub(super) fn error_at<T>(&self, at: usize, message: impl Into<String>) -> Result<T> {
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Err(ParseError {
            line: before.matches('\n').count() + 1,
            column: at - line_start + 1,
            message: message.into(),
        })
    }

    pub(super) fn error<T>(&mut self, message: impl Into<String>) -> Result<T> {
        let at = self.here();
        self.error_at(at, message)
    }

    fn expected<T>(&mut self, what: &str) -> Result<T> {
        self.skip();
        let rest = self.rest();
        let line = rest.lines().next().unwrap_or("");
        let found: String = line
            .split(' ')
            .next()
            .unwrap_or("")
            .chars()
            .take(30)
            .collect();
        if found.is_empty() {
            self.error(format!("expected {what} before the end of the line"))
        } else {
            self.error(format!("expected {what}, found `{found}`"))
        }
    }

    /// Whether the next token starts with this character; nothing is consumed.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.skip();
        self.rest().chars().next()
    }

    /// Consumes these characters if they come next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        self.skip();
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Like [`eat`](Self::eat), but not across a space.
    pub(super) fn eat_here(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<()> {
        if self.eat(text) {
            Ok(())
        } else {
            self.expected(&format!("`{text}`"))
        }
    }

    fn word_here(&self) -> &'a str {
        let rest = self.rest();
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
        if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            &rest[..end]
        } else {
            ""
        }
    }

    /// A word of the grammar: letters, digits, `_`, `.`.
    pub(super) fn word(&mut self, what: &str) -> Result<&'a str> {
        self.skip();
        let word = self.word_here();
        if word.is_empty() {
            return self.expected(what);
        }
        self.at += word.len();
        Ok(word)
    }

    /// Consumes this whole word if it comes next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.skip();
        let found = self.word_here() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    /// A number after a prefix (`v12`), if that comes next.
    pub(super) fn eat_id(&mut self, prefix: &str) -> Result<Option<u32>> {
        self.skip();
        let word = self.word_here();
        let Some(digits) = word.strip_prefix(prefix) else {
            return Ok(None);
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(None);
        }
        match digits.parse::<u32>() {
            Ok(n) if n < u32::MAX => {
                self.at += word.len();
                Ok(Some(n))
            }
            _ => self.error("the number is too large"),
        }
    }

    /// Whether a number after a prefix comes next.
    pub(super) fn peek_id(&mut self, prefix: &str) -> bool {
        self.skip();
        self.word_here()
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    pub(super) fn id(&mut self, prefix: &str, what: &str) -> Result<u32> {
        match self.eat_id(prefix)? {
            Some(n) => Ok(n),
            None => self.expected(what),
        }
    }

    /// A number as it stands, with sign, fraction or `0x`.
    pub(super) fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T> {
        self.skip();
        let rest = self.rest();
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '+';
        let token = &rest[..rest.find(|c| !inner(c)).unwrap_or(rest.len())];
        match token.parse() {
            Ok(n) => {
                self.at += token.len();
                Ok(n)
            }
            Err(_) => self.expected(what),
        }
    }

    /// Bits of a floating-point number: the number, or the bits after `0x`.
    pub(super) fn float(&mut self) -> Result<u64> {
        self.skip();
        let Some(rest) = self.rest().strip_prefix("0x") else {
            return self.number::<f64>("a number").map(f64::to_bits);
        };
        let end = rest
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(rest.len());
        match u64::from_str_radix(&rest[..end], 16) {
            Ok(bits) => {
                self.at += 2 + end;
                Ok(bits)
            }
            Err(_) => self.error("expected the 64 bits of a number"),
        }
    }

    /// A quoted string.
    pub(super) fn string(&mut self) -> Result<Vec<u8>> {
        self.expect("\"")?;
        let start = self.at;
        let mut out = Vec::new();
        loop {
            let Some(c) = self.rest().chars().next().filter(|&c| c != '\n') else {
                return self.error_at(start, "the string does not end on its line");
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => {
                    let escape = self.rest().as_bytes().first().copied();
                    let byte = match escape {
                        Some(b @ (b'"' | b'\\')) => b,
                        Some(b'n') => b'\n',
                        Some(b't') => b'\t',
                        Some(b'r') => b'\r',
                        Some(b'a') => 7,
                        Some(b'b') => 8,
                        Some(b'f') => 12,
                        Some(b'v') => 11,
                        Some(b'x') => {
                            let digits = self.rest().get(1..3);
                            match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
                                Some(byte) => {
                                    self.at += 2;
                                    byte
                                }
                                None => {
                                    return self
                                        .error_at(self.at, "expected two hexadecimal digits");
                                }
                            }
                        }
                        _ => return self.error_at(self.at, "no such escape"),
                    };
                    self.at += 1;
                    out.push(byte);
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    pub(super) fn text_string(&mut self) -> Result<String> {
        let at = self.here();
        match String::from_utf8(self.string()?) {
            Ok(text) => Ok(text),
            Err(_) => self.error_at(at, "the text is not UTF-8"),
        }
    }

    /// A name, quoted or not.
    pub(super) fn name(&mut self, what: &str) -> Result<Cow<'a, str>> {
        self.skip();
        if self.eat_here("$") {
            return self.text_string().map(Cow::Owned);
        }
        let rest = self.rest();
        let len = name_len(rest);
        if len == 0 {
            return self.expected(what);
        }
        self.at += len;
        Ok(Cow::Borrowed(&rest[..len]))
    }

    /// The unquoted name that comes next, not consumed.
    pub(super) fn peek_name(&mut self) -> &'a str {
        self.skip();
        let rest = self.rest();
        &rest[..name_len(rest)]
    }

    pub(super) fn at_line_end(&mut self) -> bool {
        self.skip();
        self.rest().is_empty() || self.rest().starts_with('\n')
    }

    /// Ends a line; empty lines after it are skipped.
    pub(super) fn end_line(&mut self) -> Result<()> {
        if !self.at_line_end() {
            return self.expected("the end of the line");
        }
        self.skip_empty_lines();
        Ok(())
    }

    /// Skips empty lines.
    pub(super) fn skip_empty_lines(&mut self) {
        while self.at_line_end() && !self.rest().is_empty() {
            self.at += 1;
        }
    }

    /// Goes on elsewhere.
    pub(super) fn move_to(&mut self, at: usize) {
        self.at = at;
        self.depth = 0;
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.skip();
        self.rest().is_empty()
    }

    /// Goes on after the next line that is a closing brace.
    pub(super) fn skip_body(&mut self) {
        for line in self.rest().split_inclusive('\n') {
            self.at += line.len();
            if line.trim() == "}" {
                return;
            }
        }
    }

    /// Goes to the next line.
    pub(super) fn skip_line(&mut self) {
        self.at += self.rest().find('\n').map_or(self.rest().len(), |i| i + 1);
        self.skip_empty_lines();
    }
}
