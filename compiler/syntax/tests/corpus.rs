//! The official corpora: everything that comes with Go parses, every byte is accounted for, and
//! what the official compiler's parser refuses is refused with its words.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::Input;
use source::SourceMap;
use syntax::ast::File;
use syntax::pragma::Rules;
use syntax::token::Tok;
use syntax::visit::{Node, walk};

/// Calls `f` with chunks of `items` on two threads.
fn in_parallel<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let half = items.len().div_ceil(2).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(half)
            .map(|chunk| scope.spawn(|| chunk.iter().map(&f).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    })
}

/// Children lie inside their parents.
fn check_spans(path: &Path, tree: &File) {
    for &decl in &tree.decls {
        walk(tree, Node::Decl(decl), |node| {
            let outer = tree.span(node);
            tree.children(node, |child| {
                let inner = tree.span(child);
                assert!(
                    outer.lo <= inner.lo && inner.hi <= outer.hi,
                    "{}: {child:?} at {inner:?} is not inside of {node:?} at {outer:?}",
                    path.display()
                );
            });
            true
        });
    }
}

/// Tokens, comments and white space make up the whole file.
fn check_coverage(path: &Path, src: &[u8]) {
    let mut lexer = syntax::lexer::Lexer::new(src);
    let mut pieces = Vec::new();
    loop {
        let token = lexer.next_token();
        if token.tok == Tok::Eof {
            break;
        }
        pieces.push((token.lo, token.hi));
    }
    pieces.extend(&lexer.comments);
    pieces.sort_unstable();
    let mut at = if src.starts_with("\u{FEFF}".as_bytes()) {
        3
    } else {
        0
    };
    for (lo, hi) in pieces
        .into_iter()
        .chain([(src.len() as u32, src.len() as u32)])
    {
        assert!(lo >= at, "{}: overlapping tokens at {lo}", path.display());
        let gap = &src[at as usize..lo as usize];
        assert!(
            gap.iter().all(|b| b" \t\r\n".contains(b)),
            "{}: bytes {at}..{lo} are in no token",
            path.display()
        );
        at = hi;
    }
}

#[test]
fn all_of_std_and_cmd_parses_and_every_byte_is_accounted_for() {
    let Some(goroot) = common::goroot() else {
        return;
    };
    let paths = common::go_files(&goroot.join("src"), |p| {
        !p.components().any(|c| c.as_os_str() == "testdata")
    });
    assert!(paths.len() > 6000, "only {} files", paths.len());
    let mut packages: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        packages
            .entry(path.parent().expect("has a directory").to_owned())
            .or_default()
            .push(path);
    }
    let packages: Vec<Vec<PathBuf>> = packages.into_values().collect();
    let wrong: Vec<String> = in_parallel(&packages, |paths| {
        let map = SourceMap::new();
        let mut all = Vec::new();
        let mut files = Vec::new();
        for path in paths {
            let src = std::fs::read(path).expect("readable source");
            check_coverage(path, &src);
            let file = map.add(path.display().to_string(), src).expect("fits");
            let (tree, diagnostics) = syntax::parse_file(&file);
            check_spans(path, &tree);
            all.extend(diagnostics);
            files.push((file, tree));
        }
        let trees: Vec<&File> = files.iter().map(|(_, tree)| tree).collect();
        for (file, tree) in &files {
            let mistakes = syntax::pragma::check(
                file,
                tree,
                &trees,
                Rules {
                    runtime: true,
                    ..Rules::default()
                },
            );
            all.extend(mistakes.early);
            all.extend(mistakes.late);
        }
        diagnostics::gc::render(&map, &all, Default::default())
    });
    assert_eq!(wrong.concat(), "");
}

/// The corpus of wrong programs: Go's own tests, and the type checker's and parser's test data.
fn wrong_programs(goroot: &Path) -> Vec<PathBuf> {
    let mut paths = common::go_files(&goroot.join("src/internal/types/testdata"), |_| true);
    paths.extend(common::go_files(
        &goroot.join("src/cmd/compile/internal/syntax/testdata"),
        |_| true,
    ));
    if let Some(tests) = common::go_tests() {
        // A single line of a megabyte, a file that is generated, and the like are all welcome.
        paths.extend(common::go_files(&tests, |_| true));
    }
    paths
}

#[test]
fn go_tests_and_test_data_get_the_official_errors() {
    let Some(goroot) = common::goroot() else {
        return;
    };
    let paths = wrong_programs(goroot);
    let inputs: Vec<Input> = paths
        .iter()
        .map(|path| Input {
            label: path.display().to_string(),
            src: std::fs::read(path).expect("readable source"),
        })
        .collect();
    let halves: Vec<&[Input]> = inputs.chunks(inputs.len().div_ceil(2)).collect();
    let official: Vec<Vec<String>> =
        in_parallel(&halves, |half| common::official_errors(goroot, half))
            .into_iter()
            .flatten()
            .collect();
    let ours = in_parallel(&inputs, |input| common::parse("x.go", &input.src).errors);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differing = Vec::new();
    for ((input, ours), theirs) in inputs.iter().zip(&ours).zip(&official) {
        *counts.entry("files").or_default() += 1;
        *counts.entry("official errors").or_default() += theirs.len();
        *counts.entry("errors in common").or_default() +=
            theirs.iter().filter(|e| ours.contains(e)).count();
        *counts.entry("refused").or_default() += !theirs.is_empty() as usize;
        if ours != theirs {
            differing.push(format!(
                "{}\n  official {theirs:#?}\n  ours     {ours:#?}",
                input.label
            ));
        }
    }
    println!("{counts:?}; {} files differ", differing.len());
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
