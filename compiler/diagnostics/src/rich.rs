//! Diagnostics with the source line, for people.
//!
//! ```text
//! error[MismatchedTypes]: invalid operation: a + b (mismatched types int and string)
//!   --> main.go:7:9
//!    |
//!  7 |     c := a + b
//!    |          ^^^^^
//!    |
//!  3 |     var b string
//!    |         - declared here
//!    = help: convert one of them
//! ```

use std::fmt::Write as _;

use source::{SourceFile, SourceMap, Span};

use crate::{Diagnostic, Severity};

/// Options of [`render`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether to use ANSI colours.
    pub color: bool,
}

const BOLD: &str = "\x1b[1m";
const BLUE: &str = "\x1b[1;34m";
const RESET: &str = "\x1b[0m";
/// Longer source lines are cut around what is underlined.
const MAX_WIDTH: usize = 120;
const TAB: usize = 4;

/// One diagnostic, with a newline at the end.
pub fn render(map: &SourceMap, diagnostic: &Diagnostic, options: Options) -> String {
    let (accent, mark) = match diagnostic.severity {
        Severity::Error => ("\x1b[1;31m", '^'),
        Severity::Warning => ("\x1b[1;33m", '^'),
        Severity::Note => ("\x1b[1;36m", '^'),
    };
    let paint = |style: &'static str| if options.color { style } else { "" };
    let reset = paint(RESET);
    let mut message = diagnostic.message.lines();
    let mut out = format!(
        "{}{}[{}]{reset}{}: {}{reset}\n",
        paint(accent),
        diagnostic.severity.as_str(),
        diagnostic.code,
        paint(BOLD),
        message.next().unwrap_or_default(),
    );
    for line in message {
        let _ = writeln!(out, "{line}");
    }
    // (place, underline, text), the diagnostic's own first.
    let span = if diagnostic.span.hi > diagnostic.span.lo {
        diagnostic.span
    } else {
        Span::at(diagnostic.pos)
    };
    let mut places = vec![(diagnostic.pos, span, mark, "")];
    places.extend(
        diagnostic
            .labels
            .iter()
            .map(|label| (label.span.lo, label.span, '-', label.text.as_str())),
    );
    let located: Vec<_> = places
        .iter()
        .filter_map(|place| Some((map.file_of(place.0)?, place)))
        .collect();
    let widest = located
        .iter()
        .map(|(file, place)| file.line_col(place.1.lo).0.max(file.line_col(place.0).0))
        .max();
    let gutter = widest.map_or(1, |line| line.to_string().len());
    let mut previous: Option<&SourceFile> = None;
    for (file, (pos, span, mark, text)) in &located {
        let blue = paint(BLUE);
        let same = previous.is_some_and(|previous| previous.id == file.id);
        if !same {
            let location = file.location(*pos);
            let _ = write!(
                out,
                "{blue}{:gutter$}-->{reset} {}:{}",
                "", location.file, location.line
            );
            if location.col != 0 {
                let _ = write!(out, ":{}", location.col);
            }
            out.push('\n');
        }
        let _ = writeln!(out, "{blue}{:gutter$} |{reset}", "");
        let (number, _) = file.line_col(span.lo);
        let (source, start, len) = excerpt(file, *span);
        let source = format!("{blue}{number:gutter$} |{reset} {source}");
        let _ = writeln!(out, "{}", source.trim_end());
        let style = if *mark == '-' {
            paint(BLUE)
        } else {
            paint(accent)
        };
        let underline = mark.to_string().repeat(len.max(1));
        let line = format!("{:start$}{style}{underline} {text}", "");
        let _ = writeln!(
            out,
            "{blue}{:gutter$} |{reset} {}{reset}",
            "",
            line.trim_end()
        );
        previous = Some(file);
    }
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(out, "{}{:gutter$} ={reset} help: {hint}", paint(BLUE), "");
    }
    out
}

/// The line where `span` starts, printable, and where in it (in columns) how much is to be
/// underlined.
fn excerpt(file: &SourceFile, span: Span) -> (String, usize, usize) {
    let (number, col) = file.line_col(span.lo);
    let bytes = file.line_text(number);
    let from = (col as usize - 1).min(bytes.len());
    let len = (span.hi.0.saturating_sub(span.lo.0)) as usize;
    let to = (from + len).clamp(from, bytes.len());
    let (before, marked, after) = (printable(&bytes[..from], 0), &bytes[from..to], &bytes[to..]);
    let start = before.chars().count();
    let marked = printable(marked, start);
    let len = marked.chars().count();
    let line = format!("{before}{marked}{}", printable(after, start + len));
    let count = line.chars().count();
    if count <= MAX_WIDTH {
        return (line, start, len);
    }
    let skip = start.saturating_sub(MAX_WIDTH / 2);
    let cut: String = line.chars().skip(skip).take(MAX_WIDTH).collect();
    let (head, shift) = if skip > 0 { ("…", 1) } else { ("", 0) };
    let tail = if skip + MAX_WIDTH < count { "…" } else { "" };
    let start = start - skip + shift;
    (
        format!("{head}{cut}{tail}"),
        start,
        len.min(MAX_WIDTH + shift - start),
    )
}

/// Text with tabs expanded and control characters replaced.
fn printable(bytes: &[u8], mut column: usize) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        if c == '\t' {
            let width = TAB - column % TAB;
            out.push_str(&" ".repeat(width));
            column += width;
        } else {
            out.push(if c.is_control() { '\u{FFFD}' } else { c });
            column += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(src: &str, make: impl Fn(&SourceFile) -> Diagnostic, expected: &str) {
        let map = SourceMap::new();
        let file = map.add("x.go", src.as_bytes()).expect("fits");
        let diagnostic = make(&file);
        assert_eq!(render(&map, &diagnostic, Options::default()), expected);
        let colored = render(&map, &diagnostic, Options { color: true });
        assert!(colored.contains("\x1b["), "{colored:?}");
    }

    #[test]
    fn underlines_the_span_and_shows_labels_and_hint() {
        check(
            "a\n\tb := c + 1\n",
            |file| {
                Diagnostic::error("UndeclaredName", file.pos(8), "undefined: c")
                    .with_span(Span::new(file.pos(8), file.pos(9)))
                    .with_label(Span::new(file.pos(0), file.pos(1)), "seen here")
                    .with_hint("declare it")
            },
            "error[UndeclaredName]: undefined: c\n --> x.go:2:7\n  |\n2 |     b := c + 1\n  |          ^\n  |\n\
             1 | a\n  | - seen here\n  = help: declare it\n",
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_error() {
        let src = format!("{}y{}\n", "x".repeat(500), "z".repeat(500));
        check(
            &src,
            |file| {
                Diagnostic::error("E", file.pos(500), "m")
                    .with_span(Span::new(file.pos(500), file.pos(501)))
            },
            &format!(
                "error[E]: m\n --> x.go:1:501\n  |\n1 | …{}y{}…\n  | {}^\n",
                "x".repeat(60),
                "z".repeat(59),
                " ".repeat(61)
            ),
        );
    }

    #[test]
    fn no_position_is_no_problem() {
        check(
            "",
            |_| Diagnostic::error("E", source::Pos::NONE, "m"),
            "error[E]: m\n",
        );
        check(
            "",
            |file| Diagnostic::error("E", file.pos(0), "m"),
            "error[E]: m\n --> x.go:1:1\n  |\n1 |\n  | ^\n",
        );
    }
}
