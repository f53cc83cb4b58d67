//! Fixtures: `ok/*.go` with the tree that comes out of them, `err/*.txt` with what is printed.
//! `UPDATE=1` writes the expectations anew. Where there is an official Go, it must agree.

mod common;

use std::path::{Path, PathBuf};

use common::Input;
use source::SourceMap;

fn fixtures(dir: &str, extension: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(dir);
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("fixtures")
        .map(|entry| entry.expect("fixtures").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Compares with the expectation in `path`, or writes it.
fn check(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, actual).expect("writable fixture");
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs (UPDATE=1 accepts):\n{actual}",
        path.display()
    );
}

#[test]
fn trees_are_as_expected() {
    for path in fixtures("ok", "go") {
        let map = SourceMap::new();
        let file = map
            .add("x.go", std::fs::read(&path).expect("readable fixture"))
            .expect("fits");
        let (tree, diagnostics) = syntax::parse_file(&file);
        assert_eq!(diagnostics, [], "{}", path.display());
        check(
            &path.with_extension("tree"),
            &syntax::dump::dump(&file, &tree),
        );
    }
}

/// The programs of an `err` fixture: blocks between lines `---`, each a program, a line `===`, and
/// its errors. A first line `RAW` says that no package clause is to be put in front.
fn blocks(text: &str) -> Vec<(&str, Vec<u8>)> {
    text.split("---\n")
        .map(|block| {
            let program = block
                .split_once("===\n")
                .map_or(block, |(program, _)| program);
            let src = match program.strip_prefix("RAW\n") {
                Some(raw) => raw.into(),
                None => format!("package p; {program}").into_bytes(),
            };
            (program, src)
        })
        .collect()
}

#[test]
fn errors_are_as_expected() {
    for path in fixtures("err", "txt") {
        let text = std::fs::read_to_string(&path).expect("readable fixture");
        let actual: Vec<String> = blocks(&text)
            .iter()
            .map(|(program, src)| {
                let mut errors = common::parse("x.go", src).errors;
                errors.push(String::new());
                format!("{program}===\n{}", errors.join("\n"))
            })
            .collect();
        check(&path, &actual.join("---\n"));
    }
}

#[test]
fn errors_are_the_official_ones() {
    let Some(goroot) = common::goroot() else {
        return;
    };
    let mut differing = Vec::new();
    for path in fixtures("err", "txt") {
        let text = std::fs::read_to_string(&path).expect("readable fixture");
        let inputs: Vec<Input> = blocks(&text)
            .into_iter()
            .map(|(program, src)| Input {
                label: format!("{}:\n{program}", path.display()),
                src,
            })
            .collect();
        for (input, official) in inputs.iter().zip(common::official_errors(goroot, &inputs)) {
            let ours = common::parse("x.go", &input.src).errors;
            if ours != official {
                differing.push(format!(
                    "{}\n  official {official:#?}\n  ours     {ours:#?}",
                    input.label
                ));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
