//! The main package of `go test`: finds tests in the parsed test files and writes the program that runs them.

use std::fmt::Write;

use modules::Package;
use source::{SourceFile, SourceMap, Span};
use syntax::ast::{DeclKind, ExprKind, File, FuncType};

/// The functions of a package's test files that `testing` runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestFunctions {
    #[allow(missing_docs)]
    pub tests: Vec<String>,
    #[allow(missing_docs)]
    pub benchmarks: Vec<String>,
    #[allow(missing_docs)]
    pub fuzz_targets: Vec<String>,
    #[allow(missing_docs)]
    pub examples: Vec<Example>,
    /// Whether `TestMain(m *testing.M)` is declared.
    pub has_main: bool,
}

/// An example with its expected output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    #[allow(missing_docs)]
    pub name: String,
    /// What it prints.
    pub output: String,
    /// Lines may come in any order.
    pub unordered: bool,
}

impl TestFunctions {
    fn is_empty(&self) -> bool {
        self.tests.is_empty()
            && self.benchmarks.is_empty()
            && self.fuzz_targets.is_empty()
            && self.examples.is_empty()
            && !self.has_main
    }
}

/// Why no test program can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A test file has syntax errors: what the compiler says of them.
    Syntax(String),
    /// A function is named like a test but has another signature: what `go test` says of it.
    Signature(String),
}

/// Finds the test functions of a package's `_test.go` files. File names in messages are as seen from `cwd`.
///
/// # Errors
/// The first mistake.
pub fn find(package: &Package, cwd: &std::path::Path) -> Result<TestFunctions, Mistake> {
    let sources = SourceMap::new();
    let mut found = TestFunctions::default();
    for file in package
        .files
        .iter()
        .filter(|f| f.name().ends_with("_test.go"))
    {
        let Some(source) = sources.add(file.path.display().to_string(), file.bytes.clone()) else {
            continue;
        };
        let (tree, diagnostics) = syntax::parse_file(&source);
        if !diagnostics.is_empty() {
            let options = diagnostics::gc::Options::default();
            let text = diagnostics::gc::render(&sources, &diagnostics, options);
            let text = diagnostics::gc::shorten_paths(&text, &package.dir, cwd);
            return Err(Mistake::Syntax(text));
        }
        collect(&source, &tree, &mut found).map_err(Mistake::Signature)?;
    }
    Ok(found)
}

fn collect(source: &SourceFile, file: &File, found: &mut TestFunctions) -> Result<(), String> {
    for &decl in &file.decls {
        let DeclKind::Func {
            recv: None,
            name,
            ty,
            body,
        } = &file.decl_arena[decl].kind
        else {
            continue;
        };
        let ExprKind::FuncType(sig) = &file.exprs[*ty].kind else {
            continue;
        };
        let text = file.sym(*name).as_str();
        let (line, col) = source.line_col(file.decl_arena[decl].span.lo);
        let wrong = |want: &str| {
            Err(format!(
                "{}:{line}:{col}: wrong signature for {text}, must be: func {text}({want})",
                source.name
            ))
        };
        if text == "TestMain" && is_test_param(file, sig, "M") {
            found.has_main = true;
        } else if text == "TestMain" && !is_test_param(file, sig, "T") {
            return wrong("m *testing.M");
        } else if is_test_name(text, "Test") {
            if !is_test_param(file, sig, "T") {
                return wrong("t *testing.T");
            }
            found.tests.push(text.to_owned());
        } else if is_test_name(text, "Benchmark") {
            if !is_test_param(file, sig, "B") {
                return wrong("b *testing.B");
            }
            found.benchmarks.push(text.to_owned());
        } else if is_test_name(text, "Fuzz") {
            if !is_test_param(file, sig, "F") {
                return wrong("f *testing.F");
            }
            found.fuzz_targets.push(text.to_owned());
        } else if is_test_name(text, "Example")
            && sig.params.is_empty()
            && sig.results.is_empty()
            && let Some(body) = body
            && let Some((output, unordered)) = example_output(source, file, file.stmts[*body].span)
        {
            found.examples.push(Example {
                name: text.to_owned(),
                output,
                unordered,
            });
        }
    }
    Ok(())
}

/// `Test`, or `TestXxx` where `Xxx` does not start with a lower-case letter.
fn is_test_name(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_lowercase()))
}

/// One parameter of type `*T` or `*testing.T`, no results, no type parameters.
fn is_test_param(file: &File, sig: &FuncType, letter: &str) -> bool {
    if sig.params.len() != 1 || !sig.results.is_empty() || !sig.tparams.is_empty() {
        return false;
    }
    let ExprKind::Star(inner) = file.exprs[file.fields[sig.params[0]].ty].kind else {
        return false;
    };
    match &file.exprs[inner].kind {
        ExprKind::Name(n) => file.sym(*n).as_str() == letter,
        ExprKind::Selector { sel, .. } => file.sym(*sel).as_str() == letter,
        _ => false,
    }
}

/// The expected output in the last comment of an example's body, and whether it is unordered.
fn example_output(source: &SourceFile, file: &File, body: Span) -> Option<(String, bool)> {
    let comments: Vec<Span> = file
        .comments
        .iter()
        .copied()
        .filter(|c| body.lo <= c.lo && c.hi <= body.hi)
        .collect();
    let between = |from, to| &source.src[source.offset(from) as usize..source.offset(to) as usize];
    // The last group: comments on adjoining lines with nothing between them. A group that begins behind code ends with its line.
    let is_trailing = |c: Span| {
        let (line, col) = source.line_col(c.lo);
        !source.line_text(line)[..col as usize - 1]
            .iter()
            .all(u8::is_ascii_whitespace)
    };
    let mut start = 0;
    let mut reach = u32::from(!is_trailing(*comments.first()?));
    for (i, pair) in comments.windows(2).enumerate() {
        let lines = source.line_col(pair[1].lo).0 - source.line_col(pair[0].hi).0;
        let adjoining = between(pair[0].hi, pair[1].lo)
            .iter()
            .all(u8::is_ascii_whitespace);
        if !adjoining || lines > reach {
            start = i + 1;
            reach = u32::from(!is_trailing(pair[1]));
        }
    }
    let text = comment_text(
        comments[start..]
            .iter()
            .map(|c| String::from_utf8_lossy(between(c.lo, c.hi)).into_owned()),
    );
    let trimmed = text.trim_start();
    let lower = trimmed.to_ascii_lowercase();
    let (skip, unordered) = match (
        lower.starts_with("unordered output:"),
        lower.starts_with("output:"),
    ) {
        (true, _) => ("unordered output:".len(), true),
        (_, true) => ("output:".len(), false),
        _ => return None,
    };
    let output = trimmed[skip..].trim_start_matches(' ');
    Some((
        output.strip_prefix('\n').unwrap_or(output).to_owned(),
        unordered,
    ))
}

/// The text of a group of comments as documented for go/ast: markers, the first space of a line comment, directives, spaces at the
/// end of lines, and empty lines at the start, at the end and after another are taken away.
fn comment_text(comments: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for raw in comments {
        match raw.strip_prefix("//") {
            Some(line) if is_directive(line) => {}
            Some(line) => lines.push(line.strip_prefix(' ').unwrap_or(line).to_owned()),
            None => {
                let inner = raw.strip_prefix("/*").unwrap_or(&raw);
                let inner = inner.strip_suffix("*/").unwrap_or(inner);
                lines.extend(inner.split('\n').map(str::to_owned));
            }
        }
    }
    let mut text = String::new();
    let mut gap = false;
    for line in lines.iter().map(|l| l.trim_end()) {
        if line.is_empty() {
            gap = !text.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// What follows `//` is a directive: `line `, `extern `, `export `, or `tool:name`.
fn is_directive(line: &str) -> bool {
    if ["line ", "extern ", "export "]
        .iter()
        .any(|word| line.starts_with(word))
    {
        return true;
    }
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let Some((tool, name)) = line.split_once(':') else {
        return false;
    };
    !tool.is_empty() && tool.bytes().all(word) && name.bytes().next().is_some_and(word)
}

/// The source of the test program for package `import_path`, whose functions are `internal` and, in package `p_test`, `external`.
pub fn source_text(
    import_path: &str,
    module_path: &str,
    internal: &TestFunctions,
    external: &TestFunctions,
) -> String {
    let mut out = String::from(
        "// Code generated by ferrogo test. DO NOT EDIT.\n\npackage main\n\nimport (\n\t\"os\"\n",
    );
    let has_main = internal.has_main || external.has_main;
    if has_main {
        out.push_str("\t\"reflect\"\n");
    }
    out.push_str("\t\"testing\"\n\t\"testing/internal/testdeps\"\n");
    for (name, path, functions) in [
        ("_test", import_path.to_owned(), internal),
        ("_xtest", format!("{import_path}_test"), external),
    ] {
        if !functions.is_empty() {
            let _ = writeln!(out, "\t{name} {path:?}");
        } else if name == "_test" {
            let _ = writeln!(out, "\t_ {path:?}");
        }
    }
    out.push_str(")\n\n");
    let lists: [(&str, &str, fn(&TestFunctions) -> &Vec<String>); 3] = [
        ("tests", "InternalTest", |f| &f.tests),
        ("benchmarks", "InternalBenchmark", |f| &f.benchmarks),
        ("fuzzTargets", "InternalFuzzTarget", |f| &f.fuzz_targets),
    ];
    for (variable, ty, list) in lists {
        let _ = writeln!(out, "var {variable} = []testing.{ty}{{");
        for (package, functions) in [("_test", internal), ("_xtest", external)] {
            for name in list(functions) {
                let _ = writeln!(out, "\t{{{name:?}, {package}.{name}}},");
            }
        }
        out.push_str("}\n\n");
    }
    out.push_str("var examples = []testing.InternalExample{\n");
    for (package, functions) in [("_test", internal), ("_xtest", external)] {
        for e in &functions.examples {
            let output = mir::types::go_quote(e.output.as_bytes());
            let _ = writeln!(
                out,
                "\t{{{:?}, {package}.{}, {output}, {}}},",
                e.name, e.name, e.unordered
            );
        }
    }
    out.push_str("}\n\n");
    let _ = writeln!(
        out,
        "func init() {{\n\ttestdeps.ModulePath = {module_path:?}\n\ttestdeps.ImportPath = {import_path:?}\n}}\n"
    );
    out.push_str("func main() {\n\tm := testing.MainStart(testdeps.TestDeps{}, tests, benchmarks, fuzzTargets, examples)\n");
    match (internal.has_main, external.has_main) {
        (true, _) => out.push_str("\t_test.TestMain(m)\n"),
        (_, true) => out.push_str("\t_xtest.TestMain(m)\n"),
        _ => out.push_str("\tos.Exit(m.Run())\n"),
    }
    if has_main {
        out.push_str("\tos.Exit(int(reflect.ValueOf(m).Elem().FieldByName(\"exitCode\").Int()))\n");
    }
    out.push_str("}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_main_may_be_a_test() {
        let check = |params: &str, want: Result<(bool, usize), &str>| {
            let text = format!("package p\nfunc TestMain({params}) {{}}\n");
            let sources = SourceMap::new();
            let source = sources.add("a_test.go", text.as_bytes()).unwrap();
            let (tree, _) = syntax::parse_file(&source);
            let mut found = TestFunctions::default();
            let done = collect(&source, &tree, &mut found);
            let got = done.map(|()| (found.has_main, found.tests.len()));
            assert_eq!(
                got.as_ref().map_err(String::as_str),
                want.as_ref().map_err(|e| *e)
            );
        };
        check("m *testing.M", Ok((true, 0)));
        check("t *testing.T", Ok((false, 1)));
        let wrong =
            "a_test.go:2:1: wrong signature for TestMain, must be: func TestMain(m *testing.M)";
        check("", Err(wrong));
        check("b *testing.B", Err(wrong));
    }

    #[test]
    fn example_output_is_the_last_comment() {
        let sources = SourceMap::new();
        let text = "package p\nfunc ExampleA() {\n\tprintln(1) // Output: no\n\t// Unordered output:\n\t// a\n\t//  b\n}\nfunc TestX(t *testing.T) {}\nfunc Testy() {}\n";
        let source = sources.add("a_test.go", text.as_bytes()).unwrap();
        let (tree, diagnostics) = syntax::parse_file(&source);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let mut found = TestFunctions::default();
        collect(&source, &tree, &mut found).unwrap();
        assert_eq!(found.tests, ["TestX"]);
        // The comment behind println is a group of its own.
        assert_eq!(found.examples.len(), 1);
        found.examples.clear();
        // A statement may follow.
        let text = "package p\nfunc ExampleA() {\n\tprintln(1)\n\t// Unordered output:\n\t// a\n\t//  b\n\tprintln()\n}\n";
        let source = sources.add("b_test.go", text.as_bytes()).unwrap();
        let (tree, _) = syntax::parse_file(&source);
        collect(&source, &tree, &mut found).unwrap();
        assert_eq!(
            found.examples,
            [Example {
                name: "ExampleA".into(),
                output: "a\n b\n".into(),
                unordered: true
            }]
        );
        found.examples.clear();
        // Code between comments parts them; a comment behind code stands alone on its line; directives and runs of empty lines go.
        let text = "package p\nfunc ExampleA() {\n\t// Output: 3\n\t_ = 5 // tail\n}\nfunc ExampleB() {\n\tprintln() // Output: 3\n\t// 4\n}\nfunc ExampleC() {\n\t/* Output: */ // a\n\t//go:b c\n\t//\n\t//\n\t// b\n}\n";
        let source = sources.add("c_test.go", text.as_bytes()).unwrap();
        let (tree, _) = syntax::parse_file(&source);
        collect(&source, &tree, &mut found).unwrap();
        assert_eq!(
            found.examples,
            [Example {
                name: "ExampleC".into(),
                output: "a\n\nb\n".into(),
                unordered: false
            }]
        );
    }
}
