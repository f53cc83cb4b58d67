//! What comments tell the compiler: line directives, `//go:` directives, the language version.

use std::sync::Arc;

use diagnostics::Diagnostic;
use source::{LineDirective, Pos, SourceFile};

use crate::ast::Directive;
use crate::parser::LEXICAL;

/// Largest line and column number a directive can give (gc's position encoding).
const MAX_LINE: u64 = 1 << 30;

/// Everything the comments of a file say, read bit by bit while the file is parsed.
#[derive(Default)]
pub(crate) struct Directives {
    pub(crate) lines: Vec<LineDirective>,
    pub(crate) directives: Vec<Directive>,
    pub(crate) go_version: Option<(u32, u32)>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Comments read so far.
    read: usize,
}

impl Directives {
    /// Reads the comments behind those that have been read, given as byte ranges in source order.
    pub(crate) fn read(&mut self, file: &SourceFile, comments: &[(u32, u32)], package: Pos) {
        let src = &file.src;
        for &(lo, hi) in &comments[self.read..] {
            let text = &src[lo as usize..hi as usize];
            match text {
                [b'/', b'/', rest @ ..] => {
                    if rest.starts_with(b"line ") && (lo == 0 || src[lo as usize - 1] == b'\n') {
                        // The directive holds from the next line on.
                        let newline =
                            memchr::memchr(b'\n', &src[hi as usize..]).map(|n| hi + n as u32 + 1);
                        self.line_directive(file, lo + 7, &rest[5..], newline);
                    } else if rest.starts_with(b"go:") || rest.starts_with(b"export ") {
                        let text = String::from_utf8_lossy(rest);
                        if file.pos(lo) < package {
                            if let Some(constraint) = text.strip_prefix("go:build ") {
                                self.go_version =
                                    constraint_version(constraint).or(self.go_version);
                            }
                        }
                        self.directives.push(Directive {
                            pos: file.pos(lo),
                            text: text.into(),
                        });
                    }
                }
                [b'/', b'*', rest @ .., b'*', b'/'] if rest.starts_with(b"line ") => {
                    self.line_directive(file, lo + 7, &rest[5..], Some(hi));
                }
                _ => {}
            }
        }
        self.read = comments.len();
    }
}

impl Directives {
    /// Reads `file:line` or `file:line:col`; `text` starts at byte `lo`, the directive holds
    /// from byte `from` on.
    fn line_directive(&mut self, file: &SourceFile, lo: u32, text: &[u8], from: Option<u32>) {
        let Some((at, last)) = trailing_number(text) else {
            return; // no colon: not a directive
        };
        let mut wrong = |what: &str, at: usize, end: usize| {
            let number = String::from_utf8_lossy(&text[at..end]);
            let pos = file.pos(lo + at as u32);
            self.diagnostics.push(Diagnostic::error(
                LEXICAL,
                pos,
                format!("invalid {what} number: {number}"),
            ));
        };
        let Some(last) = last else {
            return wrong("line", at, text.len());
        };
        let (mut name_end, mut line, mut col) = (at - 1, last, 0);
        if let Some((line_at, Some(number))) = trailing_number(&text[..at - 1]) {
            if last == 0 || last > MAX_LINE {
                return wrong("column", at, text.len());
            }
            if number == 0 || number > MAX_LINE {
                return wrong("line", line_at, at - 1);
            }
            (name_end, line, col) = (line_at - 1, number, last);
        } else if last == 0 || last > MAX_LINE {
            return wrong("line", at, text.len());
        }
        let Some(offset) = from else { return };
        let name = &text[..name_end];
        let reported: Arc<str> = if !name.is_empty() {
            clean_path(&file.name, &String::from_utf8_lossy(name)).into()
        } else if col != 0 {
            // `:line:col` keeps the file name.
            self.lines
                .last()
                .map_or_else(|| file.name.clone(), |d| d.file.clone())
        } else {
            "".into()
        };
        self.lines.push(LineDirective {
            offset,
            file: reported,
            line: line as u32,
            col: col as u32,
        });
    }
}

/// `name`, relative to the directory of `file`, without needless elements.
fn clean_path(file: &str, name: &str) -> String {
    let joined = match file.rfind('/') {
        Some(slash) if !name.starts_with('/') => format!("{}/{name}", &file[..slash]),
        _ => name.to_owned(),
    };
    let rooted = joined.starts_with('/');
    let mut elements: Vec<&str> = Vec::new();
    for element in joined.split('/') {
        match element {
            "" | "." => {}
            ".." if elements.last().is_some_and(|&last| last != "..") => {
                elements.pop();
            }
            ".." if rooted => {}
            _ => elements.push(element),
        }
    }
    match (rooted, elements.is_empty()) {
        (true, _) => format!("/{}", elements.join("/")),
        (false, true) => ".".into(),
        (false, false) => elements.join("/"),
    }
}

/// The number behind the last colon: where it starts, and its value if it is one.
fn trailing_number(text: &[u8]) -> Option<(usize, Option<u64>)> {
    let colon = text.iter().rposition(|&b| b == b':')?;
    let digits = std::str::from_utf8(&text[colon + 1..]).ok();
    let value = digits
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|d| d.parse().ok());
    Some((colon + 1, value))
}

/// The language version that a build constraint implies: files are only built with go1.N or
/// later (package go/build/constraint documents the rule).
fn constraint_version(text: &str) -> Option<(u32, u32)> {
    let mut parser = Constraint {
        rest: text.as_bytes(),
        failed: false,
        depth: 0,
    };
    let (with, _) = parser.or();
    parser.space();
    if parser.failed || !parser.rest.is_empty() {
        return None;
    }
    let minor = with?;
    Some((1, minor))
}

/// Smallest N such that `go1.N` is implied by (an expression, its negation); `None` if nothing is.
type Implied = (Option<u32>, Option<u32>);

struct Constraint<'a> {
    rest: &'a [u8],
    failed: bool,
    depth: u32,
}

impl Constraint<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn got(&mut self, text: &[u8]) -> bool {
        self.space();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// x || y: either may hold, so only what both imply is implied.
    fn or(&mut self) -> Implied {
        let mut x = self.and();
        while !self.failed && self.got(b"||") {
            let y = self.and();
            x = (weaker(x.0, y.0), x.1.max(y.1));
        }
        x
    }

    fn and(&mut self) -> Implied {
        let mut x = self.not();
        while !self.failed && self.got(b"&&") {
            let y = self.not();
            x = (x.0.max(y.0), weaker(x.1, y.1));
        }
        x
    }

    fn not(&mut self) -> Implied {
        if self.got(b"!") {
            // Two negations in a row are an error, so this recurses once.
            if self.got(b"!") {
                self.failed = true;
                return (None, None);
            }
            let (with, without) = self.atom();
            return (without, with);
        }
        self.atom()
    }

    fn atom(&mut self) -> Implied {
        if self.got(b"(") {
            self.depth += 1;
            if self.depth > 1000 {
                self.failed = true;
                return (None, None);
            }
            let x = self.or();
            self.failed |= !self.got(b")");
            self.depth -= 1;
            return x;
        }
        self.space();
        let is_tag = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.' || b >= 0x80;
        let len = self
            .rest
            .iter()
            .position(|&b| !is_tag(b))
            .unwrap_or(self.rest.len());
        if len == 0 {
            self.failed = true;
            return (None, None);
        }
        let (tag, rest) = self.rest.split_at(len);
        self.rest = rest;
        let version = match tag {
            b"go1" => Some(0),
            _ => tag
                .strip_prefix(b"go1.")
                .and_then(|n| std::str::from_utf8(n).ok()?.parse().ok()),
        };
        (version, None)
    }
}

fn weaker(x: Option<u32>, y: Option<u32>) -> Option<u32> {
    Some(x?.min(y?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_versions_of_build_constraints() {
        let check = |text: &str, minor: Option<u32>| {
            assert_eq!(
                constraint_version(text),
                minor.map(|minor| (1, minor)),
                "{text}"
            );
        };
        check("go1.21", Some(21));
        check("go1", Some(0));
        check("linux", None);
        check("linux && go1.22", Some(22));
        check("linux || go1.22", None);
        check("go1.20 || go1.22", Some(20));
        check("go1.20 && go1.22", Some(22));
        check("!go1.22", None);
        check("!(linux || !go1.22)", Some(22));
        check("!!go1.22", None);
        check("(go1.22", None);
        check("", None);
    }
}
