//! The official checker's own test data: every file of `internal/types/testdata` with ERROR comments.
//!
//! A comment `ERROR "text"` expects an error whose message contains the text, `ERRORx` one that matches the
//! regular expression, at the token before the comment. Columns may differ as much as the official test allows.
//! Files that are known to differ are listed with the reason in `testdata_exceptions.txt`; a listed file that passes
//! fails the test, so that the list stays true. `UPDATE=1` writes the list anew; with `TESTDATA=name` all differences
//! of the files whose name contains `name` are shown.

mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostics::Diagnostic;
use syntax::lexer::Lexer;
use syntax::token::{SemiKind, Tok};
use types::{BranchMessages, CheckInput};

struct Expected {
    line: u32,
    col: u32,
    pattern: String,
    is_regex: bool,
}

/// The ERROR comments of a file, at the token before each.
fn expectations(src: &[u8]) -> Vec<Expected> {
    let mut lexer = Lexer::new(src);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next_token();
        if token.tok == Tok::Eof {
            break;
        }
        if token.tok == Tok::Semi && token.semi != SemiKind::Semicolon {
            continue;
        }
        tokens.push(token.lo);
    }
    let mut starts = vec![0u32];
    starts.extend(
        src.iter()
            .enumerate()
            .filter(|&(_, &b)| b == b'\n')
            .map(|(i, _)| i as u32 + 1),
    );
    let mut found = Vec::new();
    for &(lo, hi) in &lexer.comments {
        let text = String::from_utf8_lossy(&src[lo as usize..hi as usize]).into_owned();
        let body = text
            .strip_prefix("//")
            .unwrap_or_else(|| text.trim_start_matches("/*").trim_end_matches("*/"));
        let (rest, is_regex) = match (body.strip_prefix(" ERROR "), body.strip_prefix(" ERRORx ")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => continue,
        };
        let Some(bytes) = types::constant::unquote(rest.trim()) else {
            continue;
        };
        let at = tokens.partition_point(|&token| token < lo);
        let offset = if at == 0 { 0 } else { tokens[at - 1] };
        let line = starts.partition_point(|&start| start <= offset) as u32;
        let col = offset - starts[line as usize - 1] + 1;
        found.push(Expected {
            line,
            col,
            pattern: String::from_utf8_lossy(&bytes).into_owned(),
            is_regex,
        });
    }
    found
}

/// `-lang=go1.17 -fakeImportC` in a comment on the first line.
fn flags(src: &[u8]) -> Vec<String> {
    let first = src.split(|&b| b == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(first).into_owned();
    match text.strip_prefix("// ") {
        Some(rest) if rest.trim_start().starts_with('-') => {
            rest.split_whitespace().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Braces that are no repetition stand for themselves, as Go's regular expressions have it.
fn literal_braces(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let repetition = rest[at + 1..].starts_with(|ch: char| ch.is_ascii_digit());
        let escaped = out.ends_with('\\');
        out.push_str(if repetition || escaped { "{" } else { "\\{" });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out
}

fn check_files(world: &world::World, files: &[PathBuf], tolerance: u32) -> Vec<String> {
    let mut problems = Vec::new();
    let mut asts = Vec::new();
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let mut wanted: BTreeMap<(String, u32), Vec<Expected>> = BTreeMap::new();
    let mut version = (1, 27);
    let mut fake_c = false;
    for (i, file) in files.iter().enumerate() {
        let src = std::fs::read(file).unwrap();
        if i == 0 {
            for flag in flags(&src) {
                if let Some(lang) = flag.strip_prefix("-lang=go1.") {
                    version = (1, lang.parse().unwrap());
                } else if flag == "-fakeImportC" {
                    fake_c = true;
                }
            }
        }
        let name = file.to_string_lossy().into_owned();
        for expected in expectations(&src) {
            wanted
                .entry((name.clone(), expected.line))
                .or_default()
                .push(expected);
        }
        let (ast, found) = world.parse(&name, src);
        diagnostics.extend(found);
        asts.push(ast);
    }
    let package = asts[0].sym(asts[0].package_name);
    let resolve = |import: &str| world.import(import);
    let mut input = CheckInput::new(package, asts, version, &resolve);
    input.branch_messages = BranchMessages::Checker;
    input.version_hints = false;
    input.test_builtins = true;
    input.fake_import_c = fake_c;
    input.bodyless_ok = true;
    let (_, found) = types::check_package(&world.store, &world.sources, input);
    // The official rig ends before the compiler looks for those.
    diagnostics.extend(found.into_iter().filter(|diagnostic| !diagnostic.late));
    for diagnostic in &diagnostics {
        let file = world.sources.file_of(diagnostic.pos);
        let (name, line, col) = match &file {
            Some(file) => {
                let (line, col) = file.line_col(diagnostic.pos);
                (file.name.to_string(), line, col)
            }
            None => (String::new(), 0, 0),
        };
        let list = wanted.get_mut(&(name.clone(), line));
        let mut best: Option<(u32, usize)> = None;
        for (i, expected) in list.iter().flat_map(|list| list.iter().enumerate()) {
            let matches = if expected.is_regex {
                regex::Regex::new(&literal_braces(&expected.pattern))
                    .is_ok_and(|rx| rx.is_match(&diagnostic.message))
            } else {
                diagnostic.message.contains(&expected.pattern)
            };
            let delta = expected.col.abs_diff(col);
            if matches && best.is_none_or(|(best, _)| delta < best) {
                best = Some((delta, i));
            }
        }
        let short = name.rsplit('/').next().unwrap_or_default().to_owned();
        match best {
            None => problems.push(format!(
                "{short}:{line}:{col}: unexpected: {}",
                diagnostic.message
            )),
            Some((delta, i)) => {
                let list = wanted.get_mut(&(name, line)).unwrap();
                if delta > tolerance {
                    problems.push(format!(
                        "{short}:{line}: column {col}, want {}: {}",
                        list[i].col, diagnostic.message
                    ));
                }
                list.remove(i);
            }
        }
    }
    for ((name, line), list) in wanted {
        let short = name.rsplit('/').next().unwrap_or_default();
        for expected in list {
            problems.push(format!(
                "{short}:{line}:{}: not reported: {}",
                expected.col, expected.pattern
            ));
        }
    }
    problems
}

#[test]
fn official_testdata() {
    let Some(goroot) = world::goroot() else {
        return world::skip("official_testdata");
    };
    let root = goroot.join("src/internal/types/testdata");
    let exceptions: BTreeMap<&str, &str> = include_str!("testdata_exceptions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .collect();
    let only = std::env::var("TESTDATA").ok();
    let world = world::World::new(&goroot);
    let update = std::env::var_os("UPDATE").is_some();
    let mut list = String::from(
        "# Files of internal/types/testdata whose errors differ, each with the reason: how many errors differ, and the first.\n",
    );
    let (mut total, mut passed) = (0, 0);
    let mut report = Vec::new();
    for (dir, tolerance) in [
        ("check", 50),
        ("spec", 20),
        ("examples", 125),
        ("fixedbugs", 100),
    ] {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(root.join(dir))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for entry in entries {
            let name = format!("{dir}/{}", entry.file_name().unwrap().to_string_lossy());
            if only
                .as_ref()
                .is_some_and(|only| !name.contains(only.as_str()))
            {
                continue;
            }
            let files = if entry.is_dir() {
                go_files(&entry)
            } else {
                vec![entry]
            };
            if files.is_empty()
                || files
                    .iter()
                    .any(|file| file.extension().is_none_or(|ext| ext != "go"))
            {
                continue;
            }
            total += 1;
            if std::env::var_os("TESTDATA_VERBOSE").is_some() {
                eprintln!("{name}");
            }
            let problems = check_files(&world, &files, tolerance);
            let listed = exceptions.contains_key(name.as_str());
            if let Some(first) = problems.first() {
                let first = first.lines().next().unwrap_or_default();
                let count = problems.len();
                list.push_str(&format!("{name}: {count} differing, first: {first}\n"));
                if only.is_some() {
                    eprintln!("{name}:\n    {}", problems.join("\n    "));
                }
            }
            match (problems.is_empty(), listed) {
                (true, false) => passed += 1,
                (true, true) => {
                    passed += 1;
                    report.push(format!("{name}: passes, but is listed as an exception"));
                }
                (false, true) => {}
                (false, false) => report.push(format!("{name}:\n    {}", problems.join("\n    "))),
            }
        }
    }
    eprintln!("{passed} of {total} files pass");
    if update && only.is_none() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata_exceptions.txt");
        std::fs::write(file, list).unwrap();
        return;
    }
    assert!(
        report.is_empty(),
        "{} files differ:\n{}",
        report.len(),
        report.join("\n")
    );
}

fn go_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
