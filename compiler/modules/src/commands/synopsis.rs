//! The first sentence of a package's comment, as `go list` shows it (package go/doc, "Synopsis").

/// The synopsis of the comment right before the package clause of a file; empty if there is none.
pub fn synopsis(source: &[u8]) -> String {
    let text = String::from_utf8_lossy(source);
    first_sentence(&comment_text(&package_comment(&text)))
}

/// The comments, each with its marks, that end on the line before `package`, without an empty line between them.
fn package_comment(text: &str) -> Vec<&str> {
    let mut comments: Vec<&str> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        let trimmed = rest.trim_start();
        let lines = rest[..rest.len() - trimmed.len()].matches('\n').count();
        rest = trimmed;
        // A line comment leaves its end of line, so one there is no gap.
        let allowed = 1;
        if lines > allowed {
            comments.clear();
        }
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else {
            return comments;
        };
        comments.push(&rest[..end]);
        rest = &rest[end..];
    }
}

/// The text of comments: without marks and directives.
fn comment_text(comments: &[&str]) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for comment in comments {
        if let Some(line) = comment.strip_prefix("//") {
            if !is_directive(line) {
                lines.push(line.trim_end());
            }
        } else {
            let inner = comment.trim_start_matches("/*").trim_end_matches("*/");
            lines.extend(inner.lines().map(str::trim_end));
        }
    }
    lines.join("\n")
}

/// `//go:build` and the like: no space, a word, a colon and more; or `//line`, `//extern`, `//export` with a space behind.
fn is_directive(line: &str) -> bool {
    if ["line ", "extern ", "export "]
        .iter()
        .any(|w| line.starts_with(w))
    {
        return true;
    }
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    line.split_once(':').is_some_and(|(word, rest)| {
        !word.is_empty() && word.bytes().all(is_word) && rest.bytes().next().is_some_and(is_word)
    })
}

/// The first sentence of the first paragraph: it ends with a period and a space behind something else than a single capital letter.
fn first_sentence(text: &str) -> String {
    let paragraph: Vec<&str> = text
        .lines()
        .map(str::trim)
        .skip_while(|l| l.is_empty())
        .take_while(|l| !l.is_empty())
        .collect();
    let words: Vec<&str> = paragraph
        .iter()
        .flat_map(|l| l.split_whitespace())
        .collect();
    let text = words.join(" ");
    let mut end = text.len();
    // The three characters before the one that is looked at.
    let (mut third, mut second, mut first) = (' ', ' ', ' ');
    for (at, c) in text.char_indices() {
        let initial = second.is_uppercase() && !third.is_uppercase();
        if (c == ' ' && first == '.' && !initial) || matches!(first, '。' | '．') {
            end = at;
            break;
        }
        (third, second, first) = (second, first, c);
    }
    let sentence = &text[..end];
    let lower = sentence.to_lowercase();
    let is_notice = ["copyright", "all rights", "author"]
        .iter()
        .any(|p| lower.starts_with(p));
    match is_notice {
        true => String::new(),
        false => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn synopses() {
        let check = |source: &str, want: &str| {
            assert_eq!(super::synopsis(source.as_bytes()), want, "{source}");
        };
        check(
            "// Package a is one. Two.\npackage a\n",
            "Package a is one.",
        );
        check(
            "// Copyright me.\n\n// Package a\n// goes on\n//\n// More.\npackage a",
            "Package a goes on",
        );
        check("// Package a.\n\npackage a", "");
        check(
            "/*\nPackage a, by J. Doe, is. Good\n*/\npackage a",
            "Package a, by J. Doe, is.",
        );
        check(
            "//go:build linux\n\n// A b.\n//go:generate x\npackage a",
            "A b.",
        );
        check("// Copyright of mine.\npackage a", "");
        check("package a // not this", "");
    }
}
