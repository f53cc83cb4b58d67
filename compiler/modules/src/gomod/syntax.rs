//! The concrete form of a go.mod file: statements with their comments, parsed and
//! printed so that an edit changes only what it means to change.
//!
//! Grammar: the Go modules reference, "go.mod files". A line is a list of tokens; a block
//! `verb ( ... )` holds lines that share the verb; only `//` comments exist.

/// A message about one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// 1-based line; 0 for the file as a whole.
    pub line: u32,
    /// 1-based column of syntax errors, else 0.
    pub column: u32,
    /// What is wrong.
    pub text: String,
}

impl FileError {
    pub(crate) fn at(line: u32, text: impl Into<String>) -> FileError {
        FileError {
            line,
            column: 0,
            text: text.into(),
        }
    }

    /// `name:line:col: text` as `go` prints it (no column 1, no line 0).
    pub fn render(&self, name: &str) -> String {
        match (self.line, self.column) {
            (0, _) => format!("{name}: {}", self.text),
            (line, 0 | 1) => format!("{name}:{line}: {}", self.text),
            (line, column) => format!("{name}:{line}:{column}: {}", self.text),
        }
    }
}

/// One directive line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Comment lines above (with their `//`); an empty string is a blank line.
    pub before: Vec<String>,
    /// Words as written, quotes included.
    pub tokens: Vec<String>,
    /// Comment at the end of the line.
    pub suffix: Option<String>,
    /// 1-based line in the file read; 0 for a new line.
    pub number: u32,
}

/// `verb ( ... )`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Comment lines above.
    pub before: Vec<String>,
    /// Words before the parenthesis.
    pub tokens: Vec<String>,
    /// Comment after the opening parenthesis.
    pub open_suffix: Option<String>,
    /// The lines inside.
    pub lines: Vec<Line>,
    /// Comment lines before the closing parenthesis.
    pub close_before: Vec<String>,
    /// Comment after the closing parenthesis.
    pub close_suffix: Option<String>,
    /// 1-based line in the file read; 0 for a new block.
    pub number: u32,
}

/// A top-level statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stmt {
    /// Comments followed by a blank line.
    Comments(Vec<String>),
    /// A directive of its own.
    Line(Line),
    /// A parenthesised group.
    Block(Block),
}

/// All statements of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSyntax {
    /// In file order.
    pub stmts: Vec<Stmt>,
    /// Comments after the last statement.
    pub trailing: Vec<String>,
}

enum Token {
    Word(String),
    Open,
    Close,
}

/// Words and comment of one physical line.
struct Lexed {
    tokens: Vec<Token>,
    comment: Option<String>,
}

fn lex_line(text: &str, number: u32) -> Result<Lexed, FileError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r']);
        let column = |rest: &str| (text[..text.len() - rest.len()].chars().count() + 1) as u32;
        let Some(first) = rest.chars().next() else {
            return Ok(Lexed {
                tokens,
                comment: None,
            });
        };
        if rest.starts_with("//") {
            return Ok(Lexed {
                tokens,
                comment: Some(rest.trim_end().to_string()),
            });
        }
        if let '\0' | '\u{feff}' = first {
            let shown = match first {
                '\0' => "\\x00",
                _ => "\\ufeff",
            };
            return Err(FileError {
                line: number,
                column: column(rest),
                text: format!("unexpected input character '{shown}'"),
            });
        }
        if rest.starts_with("/*") {
            return Err(FileError {
                line: number,
                column: column(rest),
                text: "mod files must use // comments (not /* */ comments)".to_string(),
            });
        }
        match first {
            '(' => (tokens.push(Token::Open), rest = &rest[1..]).1,
            ')' => (tokens.push(Token::Close), rest = &rest[1..]).1,
            ',' => (tokens.push(Token::Word(",".to_string())), rest = &rest[1..]).1,
            '"' | '`' => {
                let mut end = None;
                let mut escaped = false;
                for (at, c) in rest.char_indices().skip(1) {
                    if escaped {
                        escaped = false;
                    } else if c == '\\' && first == '"' {
                        escaped = true;
                    } else if c == first {
                        end = Some(at + 1);
                        break;
                    }
                }
                let Some(end) = end else {
                    let column = text.trim_end_matches('\r').chars().count() as u32 + 1;
                    return Err(FileError {
                        line: number,
                        column,
                        text: "unexpected newline in string".to_string(),
                    });
                };
                tokens.push(Token::Word(rest[..end].to_string()));
                rest = &rest[end..];
            }
            _ => {
                // A comment may start directly after a word.
                let mut end = rest.len();
                for (at, c) in rest.char_indices() {
                    let stop = c == '\0'
                        || c.is_whitespace()
                        || "()[]{},".contains(c)
                        || rest[at..].starts_with("//");
                    if stop && at > 0 {
                        end = at;
                        break;
                    }
                }
                if matches!(first, '[' | ']' | '{' | '}') {
                    tokens.push(Token::Word(first.to_string()));
                    rest = &rest[1..];
                } else {
                    tokens.push(Token::Word(rest[..end].to_string()));
                    rest = &rest[end..];
                }
            }
        }
    }
}

/// Parses the text of a go.mod file. `display_name` appears in the message about an
/// unterminated block.
pub fn parse(text: &str, display_name: &str) -> Result<FileSyntax, FileError> {
    let mut file = FileSyntax::default();
    let mut comments: Vec<String> = Vec::new();
    let mut block: Option<Block> = None;
    let mut number = 0;
    for physical in text.split('\n') {
        number += 1;
        let lexed = lex_line(physical, number)?;
        let mut words = Vec::new();
        let mut open_at_end = false;
        let mut close = false;
        let count = lexed.tokens.len();
        for (at, token) in lexed.tokens.into_iter().enumerate() {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open if block.is_none() && at > 0 && at + 1 == count => open_at_end = true,
                Token::Open => words.push("(".to_string()),
                Token::Close if block.is_some() && at == 0 => {
                    if count > 1 {
                        return Err(FileError::at(
                            number,
                            "syntax error (expected newline after closing paren)",
                        ));
                    }
                    close = true;
                }
                Token::Close => words.push(")".to_string()),
            }
        }
        if count == 0 {
            match (lexed.comment, &mut block) {
                (Some(comment), _) => comments.push(comment),
                (None, Some(block)) => {
                    // A blank line inside a block separates groups.
                    let after_something = !comments.is_empty() || !block.lines.is_empty();
                    if after_something && comments.last().is_none_or(|last| !last.is_empty()) {
                        comments.push(String::new());
                    }
                }
                (None, None) => {
                    if !comments.is_empty() {
                        file.stmts
                            .push(Stmt::Comments(std::mem::take(&mut comments)));
                    }
                }
            }
            continue;
        }
        let before = std::mem::take(&mut comments);
        if close {
            if let Some(mut done) = block.take() {
                done.close_before = before;
                while done.close_before.last().is_some_and(String::is_empty) {
                    done.close_before.pop();
                }
                done.close_suffix = lexed.comment;
                file.stmts.push(Stmt::Block(done));
            }
        } else if open_at_end {
            block = Some(Block {
                before,
                tokens: words,
                open_suffix: lexed.comment,
                number,
                ..Block::default()
            });
        } else {
            let line = Line {
                before,
                tokens: words,
                suffix: lexed.comment,
                number,
            };
            match &mut block {
                Some(block) => block.lines.push(line),
                None => file.stmts.push(Stmt::Line(line)),
            }
        }
    }
    if let Some(block) = block {
        let text = format!(
            "syntax error (unterminated block started at {display_name}:{}:1)",
            block.number
        );
        return Err(FileError::at(number, text));
    }
    file.trailing = comments;
    Ok(file)
}

fn print_line(out: &mut String, line: &Line, indent: &str) {
    for comment in &line.before {
        if comment.is_empty() {
            out.push('\n');
        } else {
            out.push_str(&format!("{indent}{comment}\n"));
        }
    }
    out.push_str(indent);
    print_tokens(out, &line.tokens);
    if let Some(suffix) = &line.suffix {
        out.push_str(&format!(" {suffix}"));
    }
    out.push('\n');
}

fn print_tokens(out: &mut String, tokens: &[String]) {
    let mut space = false;
    for token in tokens {
        if space && !matches!(token.as_str(), "," | ")" | "]" | "}") {
            out.push(' ');
        }
        out.push_str(token);
        space = !matches!(token.as_str(), "(" | "[" | "{");
    }
}

impl FileSyntax {
    /// The canonical text: tabs inside blocks, one blank line between statements.
    pub fn format(&self) -> String {
        let mut out = String::new();
        for (at, stmt) in self.stmts.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            match stmt {
                Stmt::Comments(lines) => {
                    for line in lines {
                        out.push_str(line);
                        out.push('\n');
                    }
                }
                Stmt::Line(line) => print_line(&mut out, line, ""),
                Stmt::Block(block) => {
                    for comment in &block.before {
                        out.push_str(comment);
                        out.push('\n');
                    }
                    print_tokens(&mut out, &block.tokens);
                    out.push_str(" (");
                    if let Some(suffix) = &block.open_suffix {
                        out.push_str(&format!(" {suffix}"));
                    }
                    out.push('\n');
                    for line in &block.lines {
                        print_line(&mut out, line, "\t");
                    }
                    for comment in &block.close_before {
                        out.push_str(if comment.is_empty() { "" } else { "\t" });
                        out.push_str(comment);
                        out.push('\n');
                    }
                    out.push(')');
                    if let Some(suffix) = &block.close_suffix {
                        out.push_str(&format!(" {suffix}"));
                    }
                    out.push('\n');
                }
            }
        }
        if !self.trailing.is_empty() {
            if !self.stmts.is_empty() {
                out.push('\n');
            }
            for line in &self.trailing {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }
}

/// The value of a token: itself, or what its quotes contain. `None` for bad escapes.
pub fn unquote(token: &str) -> Option<String> {
    if let Some(raw) = token.strip_prefix('`') {
        return raw.strip_suffix('`').map(str::to_string);
    }
    let Some(body) = token.strip_prefix('"') else {
        return Some(token.to_string());
    };
    let body = body.strip_suffix('"')?;
    let mut out = String::new();
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '\\' => out.push('\\'),
            '"' => out.push('"'),
            'x' => {
                let digits: String = chars.by_ref().take(2).collect();
                out.push(char::from(u8::from_str_radix(&digits, 16).ok()?));
            }
            'u' => {
                let digits: String = chars.by_ref().take(4).collect();
                out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
            }
            _ => return None,
        }
    }
    Some(out)
}

/// The token for a value: quoted only if it must be.
pub fn auto_quote(value: &str) -> String {
    let plain = !value.is_empty()
        && !value.contains("//")
        && !value.contains("/*")
        && value
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"\"'`()[]{},".contains(c));
    if plain {
        value.to_string()
    } else {
        crate::module_path::quote(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let file = parse(text, "go.mod").unwrap();
        assert_eq!(file.format(), want, "{text}");
        let again = parse(want, "go.mod").unwrap().format();
        assert_eq!(again, want, "formatting twice changes nothing");
    }

    #[test]
    fn formatting_is_kept() {
        check("module   m // name\n", "module m // name\n");
        check("module m\ngo 1.21\n", "module m\n\ngo 1.21\n");
        check(
            "// head\n\n// doc\nmodule m\n\nrequire (\n  a v1 // indirect\n\n  // about b\n  b v2\n)\n",
            "// head\n\n// doc\nmodule m\n\nrequire (\n\ta v1 // indirect\n\n\t// about b\n\tb v2\n)\n",
        );
        check(
            "retract [v1.0.0, v1.1.0] // bad\n",
            "retract [v1.0.0, v1.1.0] // bad\n",
        );
        check("module \"m\"\r\ngo 1.21\r\n", "module \"m\"\n\ngo 1.21\n");
        check(
            "require ( // open\n\ta v1\n) // close\n// end\n",
            "require ( // open\n\ta v1\n) // close\n\n// end\n",
        );
        check("replace a => ../b//x\n", "replace a => ../b //x\n");
    }

    #[test]
    fn syntax_errors_have_positions() {
        let check = |text: &str, want: &str| {
            assert_eq!(
                parse(text, "/d/go.mod").unwrap_err().render("go.mod"),
                want,
                "{text}"
            );
        };
        check(
            "module m\nrequire (\n a v1\n",
            "go.mod:4: syntax error (unterminated block started at /d/go.mod:2:1)",
        );
        check(
            "module m\nrequire \"a v1\n",
            "go.mod:2:14: unexpected newline in string",
        );
        check(
            "/* x */\n",
            "go.mod:1: mod files must use // comments (not /* */ comments)",
        );
        check(
            "require (\n a v1\n) x\n",
            "go.mod:3: syntax error (expected newline after closing paren)",
        );
    }

    #[test]
    fn quoting() {
        assert_eq!(unquote("\"a\\tb\"").as_deref(), Some("a\tb"));
        assert_eq!(unquote("`a\\tb`").as_deref(), Some("a\\tb"));
        assert_eq!(unquote("\"\\q\""), None);
        assert_eq!(auto_quote("a b"), "\"a b\"");
        assert_eq!(auto_quote("../x"), "../x");
    }
}
