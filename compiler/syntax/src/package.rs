//! The files of a package together: what gc reports of its parser's findings, and when it goes on.

use diagnostics::Diagnostic;
use source::SourceFile;

use crate::ast::File;
use crate::parser::{SYNTAX, is_type_error, retain_parse_errors};
use crate::pragma::{self, Rules};

/// What parsing a package has found.
#[derive(Debug, Default)]
pub struct Report {
    /// In gc's order of discovery; the type checker's errors come behind them.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether gc stops here, without type-checking.
    pub stop: bool,
}

impl Report {
    /// Adds what the type checker has found, where gc does not stop before it. Behind it come those
    /// of our findings that are gc's type checker's, which are the last about their position.
    pub fn with_type_errors(self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let (mut late, mut all): (Vec<_>, Vec<_>) =
            self.diagnostics.into_iter().partition(is_type_error);
        // A complaint about the second variable of a range clause, which stands right before, hides that about the third.
        late.retain(|ours| {
            !found.iter().any(|theirs| {
                theirs.code == "InvalidIterVar"
                    && ours.code == theirs.code
                    && (theirs.span.hi.0..theirs.span.hi.0 + 4).contains(&ours.pos.0)
            })
        });
        all.extend(found);
        all.extend(late);
        all
    }
}

/// Puts together what [`crate::parse_file`] has found in a package's files, given in the order in
/// which they are given to the compiler, and mistakes in their directives.
pub fn report<'a>(
    files: impl IntoIterator<Item = (&'a SourceFile, &'a File, Vec<Diagnostic>)>,
    rules: Rules,
) -> Report {
    let mut report = Report::default();
    for (file, tree, diagnostics) in files {
        report.stop |= diagnostics.iter().any(|d| d.code == SYNTAX);
        report.diagnostics.extend(diagnostics);
        if tree.no_package {
            report.stop = true;
            break;
        }
        report
            .diagnostics
            .extend(pragma::check(file, tree, &[], rules).early);
    }
    retain_parse_errors(&mut report.diagnostics);
    report
}

/// Mistakes in directives that gc reports only where nothing else is wrong with the package.
pub fn late_mistakes(files: &[(&SourceFile, &File)], rules: Rules) -> Vec<Diagnostic> {
    let trees: Vec<&File> = files.iter().map(|&(_, tree)| tree).collect();
    files
        .iter()
        .flat_map(|&(file, tree)| pragma::check(file, tree, &trees, rules).late)
        .map(Diagnostic::late)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages reported for a package of these files, and whether that stops gc.
    fn check(sources: &[&str], expected: &[&str], stop: bool) {
        let map = source::SourceMap::new();
        let files: Vec<_> = sources
            .iter()
            .map(|src| map.add("x.go", src.as_bytes()).expect("fits"))
            .collect();
        let parsed: Vec<_> = files
            .iter()
            .map(|file| (file, crate::parse_file(file)))
            .collect();
        let report = report(
            parsed
                .iter()
                .map(|(file, (tree, found))| (&***file, tree, found.clone())),
            Rules::default(),
        );
        let messages: Vec<&str> = report
            .diagnostics
            .iter()
            .map(|d| d.message.as_str())
            .collect();
        assert_eq!(messages, expected);
        assert_eq!(report.stop, stop);
    }

    #[test]
    fn syntax_errors_stop_and_hide_what_the_type_checker_would_find() {
        let wrong = "package p\nvar x y z\n";
        let syntax = "syntax error: unexpected name z after top level declaration";
        let later = "package p\nfunc f() { 1 := 2; _ = '\\z' }\n";
        check(
            &[later],
            &["non-name 1 on left side of :=", "unknown escape"],
            false,
        );
        check(&[later, wrong], &["unknown escape", syntax], true);
        check(
            &["package p q\n", wrong],
            &["syntax error: unexpected name q, expected semicolon or newline"],
            true,
        );
        check(
            &["package p\n//go:noinline\n", "package p\n"],
            &["misplaced compiler directive"],
            false,
        );
        check(&["package p\n"], &[], false);
    }
}
