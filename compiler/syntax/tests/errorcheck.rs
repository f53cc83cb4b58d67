//! The ERROR comments of Go's own tests: files whose expected errors are the parser's.
//!
//! A comment `// ERROR "regexp" ...` expects errors on its line, one a regexp; `GC_ERROR` likewise.
//! The official harness (`test/README.md`) gives the rules.

mod common;

use regex::Regex;
use source::SourceMap;
use syntax::pragma::Rules;

/// Expected errors: (line, regexps).
fn expectations(src: &str) -> Vec<(u32, Vec<String>)> {
    let comment = Regex::new(r#"// (?:GC_)?ERROR (.*)"#).expect("valid");
    let quoted = Regex::new(r#""([^"]*)"|`([^`]*)`"#).expect("valid");
    let relative = Regex::new(r"LINE(?:([+-])(\d+))?").expect("valid");
    src.lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let line_number = at as u32 + 1;
            let patterns = &comment.captures(line)?[1];
            let patterns = quoted
                .captures_iter(patterns)
                .map(|c| {
                    let text = c.get(1).or(c.get(2)).expect("one of them").as_str();
                    let text = relative.replace_all(text, |c: &regex::Captures| {
                        let delta: i64 =
                            c.get(2).map_or(0, |n| n.as_str().parse().expect("digits"));
                        let sign = if c.get(1).is_some_and(|s| s.as_str() == "-") {
                            -1
                        } else {
                            1
                        };
                        (line_number as i64 + sign * delta).to_string()
                    });
                    text.into_owned()
                })
                .collect();
            Some((line_number, patterns))
        })
        .collect()
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"))
}

/// What is wrong with the errors `(line, message)`, measured by the expectations.
fn judge(expected: &[(u32, Vec<String>)], mut errors: Vec<(u32, String)>) -> Vec<String> {
    let brace = Regex::new(r"(^|[^\\])\{").expect("valid");
    let mut wrong = Vec::new();
    for (line, patterns) in expected {
        for pattern in patterns {
            // Go's regexps take a brace that repeats nothing for itself.
            let pattern = brace.replace_all(pattern, r"${1}\{");
            let regex = compile(&pattern);
            let before = errors.len();
            errors.retain(|(at, message)| at != line || !regex.is_match(message));
            if errors.len() == before {
                wrong.push(format!("line {line}: no error matches {pattern:?}"));
            }
        }
    }
    wrong.extend(
        errors
            .into_iter()
            .map(|(line, message)| format!("line {line}: unexpected {message:?}")),
    );
    wrong
}

/// Files that are not as expected, and why.
const KNOWN: &[(&str, &str)] = &[(
    "fixedbugs/issue14006.go",
    "expects errors about labels, which are the type checker's here, beside syntax errors",
)];

#[test]
fn expected_syntax_errors_of_go_tests_are_reported_and_none_besides() {
    let Some(tests) = common::go_tests() else {
        return;
    };
    let (mut files, mut comments) = (0, 0);
    let mut wrong = Vec::new();
    for path in common::go_files(&tests, |_| true) {
        let Ok(src) = std::fs::read_to_string(&path) else {
            continue;
        };
        let header = src.lines().next().unwrap_or_default();
        // Recipes with flags set language versions and the like: not the parser's business.
        if header.trim() != "// errorcheck" {
            continue;
        }
        let map = SourceMap::new();
        let file = map.add("x.go", src.as_bytes()).expect("fits");
        let (tree, mut found) = syntax::parse_file(&file);
        found.extend(syntax::pragma::check(&file, &tree, &[&tree], Rules::default()).early);
        // The type checker has the word on the others.
        if !found
            .iter()
            .any(|d| d.code == syntax::SYNTAX || d.code == syntax::pragma::DIRECTIVE)
        {
            continue;
        }
        if !found.iter().any(|d| d.code == syntax::SYNTAX) {
            found.extend(syntax::pragma::check(&file, &tree, &[&tree], Rules::default()).late);
        }
        let expected = expectations(&src);
        let errors = found
            .iter()
            .map(|d| (file.location(d.pos).line, d.message.clone()))
            .collect();
        files += 1;
        comments += expected.len();
        let judged = judge(&expected, errors);
        let known = KNOWN.iter().any(|(file, _)| path.ends_with(file));
        assert!(
            !known || !judged.is_empty(),
            "{} is as expected now: take it off the list",
            path.display()
        );
        if !judged.is_empty() && !known {
            wrong.push(format!("{}\n  {}", path.display(), judged.join("\n  ")));
        }
    }
    println!("{files} files with {comments} ERROR comments");
    assert!(files > 50, "only {files} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
