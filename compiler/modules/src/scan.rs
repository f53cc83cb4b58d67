//! Reads the header of a Go file: constraints, package clause, imports, directives. Much faster
//! than a parse of the whole file, and never fails on what comes after the imports.
//!
//! Grammar: the language specification, "Packages"; directives as `go help buildconstraint` and the
//! embed package describe them.

/// A place in a file: 1-based line and byte column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column in bytes.
    pub column: u32,
}

/// One import declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The path, unquoted.
    pub path: String,
    /// Local name, `_`, `.`, or empty.
    pub name: String,
    /// Where the import spec starts (its name, if it has one).
    pub place: Place,
}

/// One pattern of a `//go:embed` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedPattern {
    /// The pattern, unquoted.
    pub pattern: String,
    /// Where it is written.
    pub place: Place,
}

/// A `//go:debug key=value` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoDebug {
    /// Text after `//go:debug `.
    pub text: String,
    /// Where it is written.
    pub place: Place,
}

/// The error of a second `//go:build` line.
pub const MULTIPLE_BUILD_LINES: &str = "multiple //go:build comments";

/// How the error of an import path begins that none can be.
pub const INVALID_IMPORT: &str = "invalid import path: ";

/// What is wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// Where.
    pub place: Place,
    /// The text, as `go list` prints it.
    pub text: String,
}

/// The header of a Go file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Package name; empty if the clause could not be read.
    pub package: String,
    /// Where the package name is.
    pub package_place: Place,
    /// Imports in order.
    pub imports: Vec<Import>,
    /// The `//go:build` expression, with its line.
    pub go_build: Option<(String, Place)>,
    /// `// +build` lines (text after `+build`), which count only without `//go:build`.
    pub plus_build: Vec<String>,
    /// `//go:debug` lines before the package clause.
    pub go_debug: Vec<GoDebug>,
    /// `//go:embed` patterns of the whole file; empty unless it imports "embed".
    pub embeds: Vec<EmbedPattern>,
    /// The first error; what precedes it is valid.
    pub error: Option<ScanError>,
}

/// Constraint lines of any file with `//` comments (assembly, C).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    /// See [`Header::go_build`].
    pub go_build: Option<(String, Place)>,
    /// See [`Header::plus_build`].
    pub plus_build: Vec<String>,
    /// A second `//go:build` line.
    pub error: Option<ScanError>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'a> {
    Ident(&'a str),
    Str(String),
    Punct(u8),
    Eof,
}

struct Scanner<'a> {
    src: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
    /// The language inserts a semicolon at the next newline.
    semicolon: bool,
}

type ScanResult<T> = Result<T, ScanError>;

fn is_ident_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'a> Scanner<'a> {
    fn new(src: &'a [u8]) -> Scanner<'a> {
        let start = if src.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Scanner {
            src,
            at: start,
            line: 1,
            line_start: 0,
            semicolon: false,
        }
    }

    fn place_at(&self, at: usize) -> Place {
        Place {
            line: self.line,
            column: (at - self.line_start) as u32 + 1,
        }
    }

    fn error<T>(&self, at: usize, text: impl Into<String>) -> ScanResult<T> {
        Err(ScanError {
            place: self.place_at(at),
            text: text.into(),
        })
    }

    fn newline(&mut self) {
        self.line += 1;
        self.line_start = self.at;
    }

    /// Skips spaces and comments; returns true if a newline after which a semicolon is inserted was passed.
    fn skip_space(&mut self) -> ScanResult<bool> {
        loop {
            match self.src.get(self.at) {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    self.newline();
                    if std::mem::take(&mut self.semicolon) {
                        return Ok(true);
                    }
                }
                Some(b'/') if self.src.get(self.at + 1) == Some(&b'/') => {
                    while self.src.get(self.at).is_some_and(|&byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                Some(b'/') if self.src.get(self.at + 1) == Some(&b'*') => {
                    let start = self.place_at(self.at);
                    self.at += 2;
                    let mut newline = false;
                    loop {
                        match self.src.get(self.at) {
                            None => {
                                return Err(ScanError {
                                    place: start,
                                    text: "comment not terminated".to_string(),
                                });
                            }
                            Some(b'*') if self.src.get(self.at + 1) == Some(&b'/') => break,
                            Some(b'\n') => {
                                self.at += 1;
                                self.newline();
                                newline = true;
                            }
                            Some(_) => self.at += 1,
                        }
                    }
                    self.at += 2;
                    if newline && std::mem::take(&mut self.semicolon) {
                        return Ok(true);
                    }
                }
                None => return Ok(std::mem::take(&mut self.semicolon)),
                Some(_) => return Ok(false),
            }
        }
    }

    /// The next token and where it starts. Inserted semicolons are `Punct(b';')`.
    fn next(&mut self) -> ScanResult<(Token<'a>, Place)> {
        let before = self.place_at(self.at);
        if self.skip_space()? {
            return Ok((Token::Punct(b';'), before));
        }
        let start = self.at;
        let place = self.place_at(start);
        let Some(&byte) = self.src.get(start) else {
            return Ok((Token::Eof, place));
        };
        self.semicolon = false;
        if is_ident_byte(byte) {
            while self
                .src
                .get(self.at)
                .is_some_and(|&byte| is_ident_byte(byte))
            {
                self.at += 1;
            }
            let text = std::str::from_utf8(&self.src[start..self.at]).unwrap_or("");
            self.semicolon = !matches!(text, "package" | "import");
            return Ok((Token::Ident(text), place));
        }
        if byte == b'"' || byte == b'`' {
            let text = self.string(byte)?;
            self.semicolon = true;
            return Ok((Token::Str(text), place));
        }
        self.at += 1;
        self.semicolon = byte == b')';
        Ok((Token::Punct(byte), place))
    }

    fn string(&mut self, quote: u8) -> ScanResult<String> {
        let start = self.at;
        let start_place = self.place_at(start);
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.src.get(self.at) else {
                let text = if quote == b'`' {
                    "raw string literal not terminated"
                } else {
                    "string literal not terminated"
                };
                return Err(ScanError {
                    place: start_place,
                    text: text.to_string(),
                });
            };
            self.at += 1;
            match byte {
                b'\n' if quote == b'"' => {
                    return Err(ScanError {
                        place: start_place,
                        text: "string literal not terminated".to_string(),
                    });
                }
                b'\n' => {
                    self.newline();
                    out.push(byte);
                }
                b'\r' if quote == b'`' => {}
                b'\\' if quote == b'"' => {
                    let escape = self.src.get(self.at).copied().unwrap_or(0);
                    self.at += 1;
                    match escape {
                        b'n' => out.push(b'\n'),
                        b't' => out.push(b'\t'),
                        b'r' => out.push(b'\r'),
                        b'a' => out.push(7),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'v' => out.push(11),
                        b'\\' | b'"' => out.push(escape),
                        b'x' => self.hex_escape(2, &mut out, false)?,
                        b'u' => self.hex_escape(4, &mut out, true)?,
                        b'U' => self.hex_escape(8, &mut out, true)?,
                        b'0'..=b'7' => {
                            let digits = self
                                .src
                                .get(self.at - 1..self.at + 2)
                                .and_then(|text| std::str::from_utf8(text).ok());
                            match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                                Some(byte) => out.push(byte),
                                None => return self.error(self.at - 2, "unknown escape sequence"),
                            }
                            self.at += 2;
                        }
                        _ => return self.error(self.at - 2, "unknown escape sequence"),
                    }
                }
                byte if byte == quote => break,
                byte => out.push(byte),
            }
        }
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    fn hex_escape(&mut self, digits: usize, out: &mut Vec<u8>, is_rune: bool) -> ScanResult<()> {
        let text = self
            .src
            .get(self.at..self.at + digits)
            .and_then(|text| std::str::from_utf8(text).ok());
        let value = text.and_then(|text| u32::from_str_radix(text, 16).ok());
        let Some(value) = value else {
            return self.error(self.at, "illegal character in escape sequence");
        };
        self.at += digits;
        if !is_rune {
            out.push(value as u8);
            return Ok(());
        }
        let Some(c) = char::from_u32(value) else {
            return self.error(self.at - digits, "escape is invalid Unicode code point");
        };
        out.extend_from_slice(c.to_string().as_bytes());
        Ok(())
    }
}

fn describe(token: &Token<'_>) -> String {
    match token {
        Token::Ident(text) => {
            const KEYWORDS: [&str; 6] = ["import", "package", "func", "var", "type", "const"];
            if KEYWORDS.contains(text) {
                format!("'{text}'")
            } else {
                (*text).to_string()
            }
        }
        Token::Str(text) => crate::module_path::quote(text),
        Token::Punct(b';') => "newline".to_string(),
        Token::Punct(byte) => format!("'{}'", char::from(*byte)),
        Token::Eof => "'EOF'".to_string(),
    }
}

/// Reads constraint lines: the run of blank lines and comments at the top of a file.
pub fn constraints(src: &[u8]) -> Constraints {
    let mut out = Constraints::default();
    leading_lines(src, &mut |line, place, _| {
        note_constraint(&mut out, line, place)
    });
    drop_attached_plus_build(src, &mut out);
    out
}

fn note_constraint(out: &mut Constraints, line: &str, place: Place) {
    if let Some(expression) = line
        .strip_prefix("//go:build")
        .filter(|rest| rest.starts_with([' ', '\t']))
    {
        if out.go_build.is_some() {
            out.error.get_or_insert(ScanError {
                place,
                text: MULTIPLE_BUILD_LINES.to_string(),
            });
        } else {
            out.go_build = Some((expression.trim().to_string(), place));
        }
    }
}

/// Calls `visit` for each `//` comment line of the leading comments; block comments are passed over. The
/// last argument is the offset of the line.
fn leading_lines(src: &[u8], visit: &mut dyn FnMut(&str, Place, usize)) -> usize {
    let mut at = if src.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let mut line = 1;
    let mut in_block = false;
    while at < src.len() {
        let end = src[at..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(src.len(), |length| at + length);
        let text = String::from_utf8_lossy(&src[at..end]);
        let mut rest = text.trim_matches([' ', '\t', '\r']);
        if !in_block && rest.starts_with("//") {
            let column = (text.len() - text.trim_start_matches([' ', '\t']).len()) as u32 + 1;
            visit(rest, Place { line, column }, at);
            rest = "";
        }
        while !rest.is_empty() {
            if in_block {
                match rest.find("*/") {
                    Some(close) => {
                        in_block = false;
                        rest = rest[close + 2..].trim_start();
                    }
                    None => rest = "",
                }
            } else if let Some(after) = rest.strip_prefix("/*") {
                in_block = true;
                rest = after;
            } else if rest.starts_with("//") {
                rest = "";
            } else {
                return at;
            }
        }
        at = end + 1;
        line += 1;
    }
    src.len()
}

/// `// +build` lines count only above a blank line, so that a package comment cannot hold them.
fn drop_attached_plus_build(src: &[u8], out: &mut Constraints) {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let header_end = leading_lines(src, &mut |line, _, offset| {
        if let Some(rest) = line
            .strip_prefix("//")
            .map(str::trim_start)
            .and_then(|rest| rest.strip_prefix("+build"))
            && (rest.is_empty() || rest.starts_with([' ', '\t']))
        {
            lines.push((offset, rest.trim().to_string()));
        }
    });
    if lines.is_empty() {
        return;
    }
    let header = String::from_utf8_lossy(&src[..header_end.min(src.len())]).into_owned();
    let mut last_blank = 0;
    let mut offset = 0;
    for line in header.split_inclusive('\n') {
        if line.trim().is_empty() {
            last_blank = offset;
        }
        offset += line.len();
    }
    out.plus_build = lines
        .into_iter()
        .filter(|(at, _)| *at < last_blank)
        .map(|(_, text)| text)
        .collect();
}

/// Reads the header of a Go file.
pub fn header(src: &[u8]) -> Header {
    let mut out = Header::default();
    if src.starts_with(b"\xff\xfe") || src.starts_with(b"\xfe\xff") {
        out.error = Some(ScanError {
            place: Place { line: 1, column: 1 },
            text: "illegal UTF-8 encoding (got UTF-16)".to_owned(),
        });
        return out;
    }
    let mut found = Constraints::default();
    let mut go_debug = Vec::new();
    leading_lines(src, &mut |line, place, _| {
        note_constraint(&mut found, line, place);
        if let Some(text) = line
            .strip_prefix("//go:debug")
            .filter(|rest| rest.starts_with([' ', '\t']))
        {
            go_debug.push(GoDebug {
                text: text.trim().to_string(),
                place,
            });
        }
    });
    drop_attached_plus_build(src, &mut found);
    out.go_debug = go_debug;
    out.go_build = found.go_build;
    out.plus_build = found.plus_build;
    out.error = found.error;
    let mut scanner = Scanner::new(src);
    let result = read_clauses(&mut scanner, &mut out);
    if let Err(error) = result {
        if error.text.starts_with(INVALID_IMPORT) {
            out.imports.clear();
        }
        out.error.get_or_insert(error);
        return out;
    }
    if out.imports.iter().any(|import| import.path == "embed") {
        out.embeds = embed_patterns(src);
    }
    out
}

fn read_clauses(scanner: &mut Scanner<'_>, out: &mut Header) -> ScanResult<()> {
    let (token, place) = scanner.next()?;
    if token != Token::Ident("package") {
        return Err(ScanError {
            place,
            text: format!("expected 'package', found {}", describe(&token)),
        });
    }
    let (token, place) = scanner.next()?;
    match token {
        Token::Ident(name) if !name.starts_with(|c: char| c.is_ascii_digit()) => {
            out.package = name.to_string();
            out.package_place = place;
        }
        other => {
            return Err(ScanError {
                place,
                text: format!("expected 'IDENT', found {}", describe(&other)),
            });
        }
    }
    let (token, place) = scanner.next()?;
    if !matches!(token, Token::Punct(b';') | Token::Eof) {
        return Err(ScanError {
            place,
            text: format!("expected ';', found {}", describe(&token)),
        });
    }
    loop {
        let (token, _) = scanner.next()?;
        match token {
            Token::Punct(b';') => continue,
            Token::Ident("import") => {}
            Token::Ident(_) | Token::Str(_) | Token::Punct(_) | Token::Eof => return Ok(()),
        }
        let (token, place) = scanner.next()?;
        if token != Token::Punct(b'(') {
            import_spec(scanner, token, place, out)?;
            continue;
        }
        loop {
            let (token, place) = scanner.next()?;
            match token {
                Token::Punct(b')') => break,
                Token::Punct(b';') => {}
                token => import_spec(scanner, token, place, out)?,
            }
        }
    }
}

fn import_spec(
    scanner: &mut Scanner<'_>,
    first: Token<'_>,
    place: Place,
    out: &mut Header,
) -> ScanResult<()> {
    let (name, path, place) = match first {
        Token::Str(path) => (String::new(), path, place),
        // Positions of imports are where the whole spec starts.
        Token::Ident(name) => {
            let (token, at) = scanner.next()?;
            (name.to_string(), expect_path(token, at)?, place)
        }
        Token::Punct(b'.') => {
            let (token, at) = scanner.next()?;
            (".".to_string(), expect_path(token, at)?, place)
        }
        other @ (Token::Punct(_) | Token::Eof) => {
            (String::new(), expect_path(other, place)?, place)
        }
    };
    if !is_valid_import(&path) {
        return Err(ScanError {
            place,
            text: format!("{INVALID_IMPORT}{path}"),
        });
    }
    out.imports.push(Import { path, name, place });
    Ok(())
}

fn expect_path(token: Token<'_>, place: Place) -> ScanResult<String> {
    match token {
        Token::Str(path) => Ok(path),
        Token::Ident(_) | Token::Punct(_) | Token::Eof => Err(ScanError {
            place,
            text: "missing import path; require quoted string".to_string(),
        }),
    }
}

fn is_valid_import(path: &str) -> bool {
    const ILLEGAL: &str = "!\"#$%&'()*,:;<=>?[\\]^{|}`\u{FFFD}";
    !path.is_empty()
        && !path
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || ILLEGAL.contains(c))
}

/// Finds `//go:embed` lines outside strings and block comments.
fn embed_patterns(src: &[u8]) -> Vec<EmbedPattern> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut line = 1;
    let mut line_start = 0;
    let mut blank_so_far = true;
    while at < src.len() {
        match src[at] {
            b'\n' => {
                at += 1;
                line += 1;
                line_start = at;
                blank_so_far = true;
                continue;
            }
            b' ' | b'\t' | b'\r' => {
                at += 1;
                continue;
            }
            b'/' if src.get(at + 1) == Some(&b'/') => {
                let end = src[at..]
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .map_or(src.len(), |length| at + length);
                let text = String::from_utf8_lossy(&src[at..end]).into_owned();
                if blank_so_far
                    && let Some(rest) = text
                        .strip_prefix("//go:embed")
                        .filter(|rest| rest.starts_with([' ', '\t']))
                {
                    let start = Place {
                        line,
                        column: (at - line_start) as u32 + 1 + 10,
                    };
                    // What is wrong with quotes is for the compiler to tell.
                    out.extend(split_patterns(rest, start).unwrap_or_default());
                }
                at = end;
            }
            b'/' if src.get(at + 1) == Some(&b'*') => {
                at += 2;
                while at < src.len() && !(src[at] == b'*' && src.get(at + 1) == Some(&b'/')) {
                    if src[at] == b'\n' {
                        line += 1;
                        line_start = at + 1;
                    }
                    at += 1;
                }
                at += 2;
            }
            b'`' => {
                at += 1;
                while at < src.len() && src[at] != b'`' {
                    if src[at] == b'\n' {
                        line += 1;
                        line_start = at + 1;
                    }
                    at += 1;
                }
                at += 1;
            }
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < src.len() && src[at] != quote && src[at] != b'\n' {
                    at += if src[at] == b'\\' { 2 } else { 1 };
                }
                if src.get(at) == Some(&quote) {
                    at += 1;
                }
            }
            _ => at += 1,
        }
        blank_so_far = false;
    }
    out
}

/// `None` if quotes do not end, or end within a word.
fn split_patterns(text: &str, start: Place) -> Option<Vec<EmbedPattern>> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let offset = (text.len() - rest.len()) as u32;
        let place = Place {
            line: start.line,
            column: start.column + offset,
        };
        let Some(first) = rest.chars().next() else {
            return Some(out);
        };
        let (pattern, length) = match first {
            '`' => {
                let end = rest[1..].find('`')?;
                (rest[1..1 + end].to_string(), end + 2)
            }
            '"' => {
                let mut scanner = Scanner::new(rest.as_bytes());
                let value = scanner.string(b'"').ok()?;
                (value, scanner.at)
            }
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (rest[..end].to_string(), end)
            }
        };
        rest = &rest[length..];
        if matches!(first, '`' | '"') && !rest.is_empty() && !rest.starts_with(char::is_whitespace)
        {
            return None;
        }
        out.push(EmbedPattern { pattern, place });
    }
}

/// True if an assembly file has nothing but comments, blank lines and preprocessor lines: it only
/// permits functions without body.
pub fn assembly_is_empty(src: &[u8]) -> bool {
    let mut at = 0;
    while at < src.len() {
        match src[at] {
            b' ' | b'\t' | b'\r' | b'\n' | b';' => at += 1,
            b'/' if src.get(at + 1) == Some(&b'/') => {
                at = src[at..]
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .map_or(src.len(), |length| at + length);
            }
            b'/' if src.get(at + 1) == Some(&b'*') => {
                at = src[at..]
                    .windows(2)
                    .position(|pair| pair == b"*/")
                    .map_or(src.len(), |length| at + length + 2);
            }
            b'#' => {
                // A directive, with its continued lines.
                while at < src.len() && src[at] != b'\n' {
                    at += if src[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(src: &str) -> String {
        let header = header(src.as_bytes());
        let imports: Vec<String> = header
            .imports
            .iter()
            .map(|import| {
                format!(
                    "{}{}@{}:{}",
                    import.name, import.path, import.place.line, import.place.column
                )
            })
            .collect();
        let error = header.error.map_or(String::new(), |error| {
            format!(
                " !{}:{}: {}",
                error.place.line, error.place.column, error.text
            )
        });
        format!("{} [{}]{error}", header.package, imports.join(" "))
    }

    fn check(src: &str, want: &str) {
        assert_eq!(summary(src), want, "{src}");
    }

    #[test]
    fn clauses() {
        check("package p", "p []");
        check(
            "package p; import \"a\"; import . \"b\"\nimport (\n\tx \"c\"; _ `d`\n\t\"e\" // c\n)\nfunc f() {",
            "p [a@1:19 .b@1:31 xc@3:2 _d@3:9 e@4:2]",
        );
        check("\u{feff}package p\nimport()\nimport \"a\"", "p [a@3:8]");
        check(
            "/* c */ package /* d */ p /* e\n */ import \"a\"",
            "p [a@2:12]",
        );
        check("package p\nimport \"a\\x62\"", "p [ab@2:8]");
        check("package p\nvar x = 1\nimport \"late\"", "p []");
        check("// only", " [] !1:8: expected 'package', found 'EOF'");
        check("func f()", " [] !1:1: expected 'package', found 'func'");
        check("package\n", " [] !2:1: expected 'IDENT', found 'EOF'");
        check("package p x", "p [] !1:11: expected ';', found x");
        check(
            "package p\n\nimport \"fmt\n",
            "p [] !3:8: string literal not terminated",
        );
        check(
            "package p\nimport fmt\n",
            "p [] !2:11: missing import path; require quoted string",
        );
        check(
            "package p\nimport \"a b\"\n",
            "p [] !2:8: invalid import path: a b",
        );
        check(
            "package p\nimport \"\"\n",
            "p [] !2:8: invalid import path: ",
        );
        check("package p\n/* open", "p [] !2:1: comment not terminated");
        check("", " [] !1:1: expected 'package', found 'EOF'");
        // The compiler refuses it.
        check("package _", "_ []");
    }

    #[test]
    fn constraint_lines() {
        let check = |src: &str, go_build: Option<&str>, plus: &[&str]| {
            let header = header(src.as_bytes());
            assert_eq!(
                header.go_build.map(|(text, _)| text).as_deref(),
                go_build,
                "{src}"
            );
            assert_eq!(header.plus_build, plus, "{src}");
        };
        check("//go:build linux\n\npackage p", Some("linux"), &[]);
        check(
            "// Copyright\n\n//go:build a && b\n// +build a,b\n\npackage p",
            Some("a && b"),
            &["a,b"],
        );
        check("// +build ignore\npackage p", None, &[]);
        check("// +build ignore\n\npackage p", None, &["ignore"]);
        check("/* x */\n//go:build x\npackage p", Some("x"), &[]);
        check("package p\n//go:build late\n", None, &[]);
        check("//go:buildx\npackage p", None, &[]);
        assert!(
            header(b"//go:build a\n//go:build b\npackage p")
                .error
                .is_some()
        );
    }

    #[test]
    fn embed_lines() {
        let src = "package p\nimport _ \"embed\"\n\n//go:embed a.txt \"b c\" `d`\nvar s string\nconst x = `\n//go:embed no\n`\n/*\n//go:embed no\n*/\nvar c = '\"' //go:embed trailing\n\t//go:embed last\n";
        let patterns: Vec<String> = header(src.as_bytes())
            .embeds
            .iter()
            .map(|embed| {
                format!(
                    "{}@{}:{}",
                    embed.pattern, embed.place.line, embed.place.column
                )
            })
            .collect();
        assert_eq!(patterns, ["a.txt@4:12", "b c@4:18", "d@4:24", "last@13:13"]);
        assert!(
            header(b"package p\n//go:embed x\n").embeds.is_empty(),
            "only with import \"embed\""
        );
    }

    #[test]
    fn go_debug_lines() {
        let header = header(b"//go:debug panicnil=1\npackage main\n");
        assert_eq!(header.go_debug[0].text, "panicnil=1");
    }

    #[test]
    fn empty_assembly() {
        assert!(assembly_is_empty(
            b"// nothing\n\n#include \"x.h\"\n/* c\n */\n"
        ));
        assert!(assembly_is_empty(b""));
        assert!(!assembly_is_empty(b"// x\nTEXT f(SB), $0\n"));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic() {
        for src in [
            &b"\xff\xfe"[..],
            b"package \xff",
            b"package p\nimport \"\\",
            b"package p\nimport \"\\x",
            b"/*",
            b"`",
            b"package p\nimport _ \"embed\"\n//go:embed \"x\\",
            b"//go:embed `",
        ] {
            header(src);
            constraints(src);
            assembly_is_empty(src);
        }
    }
}
