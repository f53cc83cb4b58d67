//! Diagnostics exactly as `go build` prints them.
//!
//! gc's reporting works on a stream: diagnostics arrive in the order of discovery (all syntax
//! errors file by file, then the type checker's), some are dropped on arrival, and after the
//! tenth, or at the end, the collected ones are sorted and printed:
//!
//! 1. Dropped on arrival: a syntax error on the line of the previous syntax error; another error
//!    with the line and text of the previous other error.
//! 2. Sorting is stable: by file in the order in which files were first reported in (a line
//!    directive counts as a file of its own), then by real line and column.
//! 3. Of equal neighbours one is printed.
//! 4. At the tenth error, without `-e`, printing ends with `pos: too many errors`.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use source::{Pos, SourceFile, SourceMap};

use crate::{Diagnostic, Severity};

/// How many errors are printed without `-e`.
const MAX_ERRORS: usize = 10;

/// gc's positions do not tell columns from here on apart, and it does not print them.
const MAX_COLUMN: u32 = 255;

/// Options of [`render`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-gcflags=-e`: no limit on the number of errors.
    pub all_errors: bool,
    /// `-gcflags=-C`: no columns in front of messages (inside of them there are).
    pub no_columns: bool,
}

/// The text gc prints for a package's diagnostics, given in the order of discovery. Warnings and
/// notes are not printed. Paths are those of the source map: see [`shorten_paths`].
pub fn render(map: &SourceMap, diagnostics: &[Diagnostic], options: Options) -> String {
    let mut stream = Stream {
        no_columns: options.no_columns,
        ..Stream::default()
    };
    for diagnostic in diagnostics.iter().filter(|d| d.severity == Severity::Error) {
        stream.add(map, diagnostic);
        if stream.entries.len() >= MAX_ERRORS && !options.all_errors {
            let pos = stream
                .entries
                .last()
                .map(|e| e.place.clone())
                .unwrap_or_default();
            let mut out = stream.flush();
            out.push_str(&format!("{pos}: too many errors\n"));
            return out;
        }
    }
    stream.flush()
}

/// `file:line:col`, or what is known of it, as gc prints it in front of messages.
pub fn position(map: &SourceMap, pos: Pos) -> String {
    place(map, pos, true)
}

fn place(map: &SourceMap, pos: Pos, columns: bool) -> String {
    let Some(file) = map.file_of(pos) else {
        return "<unknown line number>".into();
    };
    let location = file.location(pos);
    match location.col {
        col @ 1..MAX_COLUMN if columns && file.line_col(pos).1 < MAX_COLUMN => {
            format!("{}:{}:{col}", location.file, location.line)
        }
        _ => format!("{}:{}", location.file, location.line),
    }
}

/// A position as gc prints it inside of messages (`other declaration of x`): with any column, and
/// where a line directive applies, with the real position in brackets.
pub fn position_with_origin(map: &SourceMap, pos: Pos) -> String {
    let Some(file) = map.file_of(pos) else {
        return position(map, pos);
    };
    let place = |name: &str, line: u32, col: u32| match col {
        0 => format!("{name}:{line}"),
        _ => format!("{name}:{line}:{col}"),
    };
    let location = file.location(pos);
    let (line, col) = file.line_col(pos);
    let (shown, real) = (
        place(&location.file, location.line, location.col),
        place(&file.name, line, col),
    );
    if shown == real {
        shown
    } else {
        format!("{shown}[{real}]")
    }
}

/// Number of line directives of the file that stand before `pos`.
fn base_of(file: &SourceFile, pos: Pos) -> usize {
    let offset = file.offset(pos);
    file.line_directives()
        .partition_point(|d| d.offset <= offset)
}

struct Entry {
    /// Index in `Stream::bases`.
    base: usize,
    line_col: (u32, u32),
    place: String,
    text: String,
}

#[derive(Default)]
struct Stream {
    no_columns: bool,
    entries: Vec<Entry>,
    /// (file, number of line directives before): files in the order of their first error.
    bases: Vec<(u32, usize)>,
    last_syntax: Option<(u32, u32)>,
    last_other: Option<((u32, u32), String)>,
}

impl Stream {
    fn add(&mut self, map: &SourceMap, diagnostic: &Diagnostic) {
        let (key, line_col) = match map.file_of(diagnostic.pos) {
            Some(file) => {
                let (line, col) = file.line_col(diagnostic.pos);
                (
                    (file.id.0, base_of(&file, diagnostic.pos)),
                    (line, col.min(MAX_COLUMN)),
                )
            }
            None => ((u32::MAX, 0), (0, 0)),
        };
        let line = (key.0, line_col.0);
        if diagnostic.message.starts_with("syntax error") {
            if self.last_syntax == Some(line) {
                return;
            }
            self.last_syntax = Some(line);
        } else {
            if self
                .last_other
                .as_ref()
                .is_some_and(|(at, message)| *at == line && *message == diagnostic.message)
            {
                return;
            }
            self.last_other = Some((line, diagnostic.message.clone()));
        }
        let base = self
            .bases
            .iter()
            .position(|&b| b == key)
            .unwrap_or_else(|| {
                self.bases.push(key);
                self.bases.len() - 1
            });
        let place = place(map, diagnostic.pos, !self.no_columns);
        let text = format!("{place}: {}\n", diagnostic.message);
        self.entries.push(Entry {
            base,
            line_col,
            place,
            text,
        });
    }

    fn flush(mut self) -> String {
        self.entries
            .sort_by_key(|entry| (entry.base, entry.line_col));
        self.entries.dedup_by(|b, a| a.text == b.text);
        self.entries
            .into_iter()
            .fold(String::new(), |mut out, entry| {
                let _ = out.write_str(&entry.text);
                out
            })
    }
}

/// Rewrites absolute paths in `text` the way `go build` does: where a path relative to `cwd` is
/// shorter, it replaces the directory `package_dir` or one of its parents at the beginning of a
/// line or behind a space. Both directories are absolute.
pub fn shorten_paths(text: &str, package_dir: &Path, cwd: &Path) -> String {
    let mut text = text.to_owned();
    for dir in package_dir.ancestors() {
        let (Some(long), short) = (dir.to_str(), relative(dir, cwd)) else {
            continue;
        };
        let Some(short) = short.to_str().filter(|short| short.len() < long.len()) else {
            continue;
        };
        text = replace_prefix(&text, long, short);
    }
    text
}

fn replace_prefix(text: &str, long: &str, short: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(long) {
        let before = rest[..at]
            .chars()
            .next_back()
            .or_else(|| out.chars().next_back());
        let tab_at_line_start = before == Some('\t') && {
            let head = &rest[..at - 1];
            head.ends_with('\n')
        };
        out.push_str(&rest[..at]);
        let replaced = matches!(before, None | Some(' ' | '\n')) || tab_at_line_start;
        out.push_str(if replaced { short } else { long });
        rest = &rest[at + long.len()..];
    }
    out.push_str(rest);
    out
}

/// `path` seen from `from`; both absolute and clean.
fn relative(path: &Path, from: &Path) -> PathBuf {
    let mut path_parts: Vec<Component> = path.components().collect();
    let from_parts: Vec<Component> = from.components().collect();
    let common = path_parts
        .iter()
        .zip(&from_parts)
        .take_while(|(a, b)| a == b)
        .count();
    let mut out: PathBuf = std::iter::repeat_n("..", from_parts.len() - common).collect();
    out.extend(path_parts.drain(common..));
    if out.as_os_str().is_empty() {
        ".".into()
    } else {
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Renders errors given as (file, offset, message) in files made of ten-byte lines.
    fn check(errors: &[(usize, u32, &str)], all_errors: bool, expected: &str) {
        let map = SourceMap::new();
        let files: Vec<_> = ["a.go", "b.go"]
            .map(|name| {
                map.add(name, "123456789\n".repeat(20).into_bytes())
                    .expect("fits")
            })
            .into();
        let diagnostics: Vec<_> = errors
            .iter()
            .map(|&(file, offset, message)| {
                Diagnostic::error("X", files[file].pos(offset), message)
            })
            .collect();
        assert_eq!(
            render(
                &map,
                &diagnostics,
                Options {
                    all_errors,
                    ..Default::default()
                }
            ),
            expected
        );
    }

    #[test]
    fn errors_are_sorted_by_position_and_files_by_first_error() {
        check(
            &[(1, 5, "x"), (0, 3, "y"), (1, 2, "z")],
            false,
            "b.go:1:3: z\nb.go:1:6: x\na.go:1:4: y\n",
        );
    }

    #[test]
    fn one_syntax_error_a_line_and_equal_errors_once() {
        check(
            &[
                (0, 1, "syntax error: a"),
                (0, 2, "syntax error: b"),
                (1, 3, "syntax error: c"),
            ],
            false,
            "a.go:1:2: syntax error: a\nb.go:1:4: syntax error: c\n",
        );
        check(
            &[(0, 1, "x"), (0, 2, "x"), (0, 3, "y"), (0, 3, "y")],
            false,
            "a.go:1:2: x\na.go:1:4: y\n",
        );
        check(
            &[(0, 1, "x"), (0, 11, "y"), (0, 1, "x")],
            false,
            "a.go:1:2: x\na.go:2:2: y\n",
        );
    }

    #[test]
    fn the_tenth_error_ends_the_report() {
        let errors: Vec<_> = (0..12).map(|line| (0, (11 - line) * 10, "x")).collect();
        let mut expected: String = (3..=12).map(|line| format!("a.go:{line}:1: x\n")).collect();
        let all: String = (1..=12).map(|line| format!("a.go:{line}:1: x\n")).collect();
        check(&errors, true, &all);
        expected.push_str("a.go:3:1: too many errors\n");
        check(&errors, false, &expected);
    }

    #[test]
    fn far_columns_are_not_printed() {
        let map = SourceMap::new();
        let file = map.add("a.go", vec![b'x'; 400]).expect("fits");
        let errors = [(300, "b"), (290, "a"), (253, "c")]
            .map(|(at, m)| Diagnostic::error("X", file.pos(at), m));
        assert_eq!(
            render(&map, &errors, Options::default()),
            "a.go:1:254: c\na.go:1: b\na.go:1: a\n"
        );
    }

    #[test]
    fn line_directives_rename_and_group() {
        let map = SourceMap::new();
        let file = map
            .add("/d/a.go", &b"x\n//line y.y:7\nz\n"[..])
            .expect("fits");
        file.set_line_directives(vec![source::LineDirective {
            offset: 15,
            file: "/d/y.y".into(),
            line: 7,
            col: 0,
        }]);
        let errors = [
            Diagnostic::error("X", file.pos(15), "late"),
            Diagnostic::error("X", file.pos(0), "early"),
        ];
        assert_eq!(
            render(&map, &errors, Options::default()),
            "/d/y.y:7: late\n/d/a.go:1:1: early\n"
        );
        assert_eq!(
            position_with_origin(&map, file.pos(15)),
            "/d/y.y:7[/d/a.go:3:1]"
        );
        assert_eq!(position_with_origin(&map, file.pos(0)), "/d/a.go:1:1");
    }

    #[test]
    fn paths_are_shortened_as_go_build_does() {
        let check = |text: &str, dir: &str, cwd: &str, expected: &str| {
            assert_eq!(
                shorten_paths(text, Path::new(dir), Path::new(cwd)),
                expected
            );
        };
        check(
            "/w/m/a.go:1: x\n\t/w/m/b.go:2: y\n",
            "/w/m",
            "/w/m",
            "./a.go:1: x\n\t./b.go:2: y\n",
        );
        check("/w/m/d/a.go:1: x", "/w/m/d", "/w/m", "d/a.go:1: x");
        check("/w/m/d/a.go:1: x", "/w/m/d", "/w/m/e", "../d/a.go:1: x");
        check(
            "/w/m/a.go:1[/w/m/b.go:1:1]: see /w/m/c.go",
            "/w/m",
            "/w/m",
            "./a.go:1[/w/m/b.go:1:1]: see ./c.go",
        );
        check("/work/n/a.go:1: x", "/work/m", "/work/m", "../n/a.go:1: x");
        check("/w/n/a.go:1: x", "/w/m", "/w/m", "/w/n/a.go:1: x");
    }
}
