//! What the tests share: finding an official Go, asking it for syntax errors, parsing text.
#![allow(dead_code, reason = "every test binary uses its part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use source::SourceMap;
use syntax::ast::File;

/// The release that decides.
pub const RELEASE: &str = "go1.27.3";

/// GOROOT of [`RELEASE`], if there is one.
pub fn goroot() -> Option<&'static Path> {
    static FOUND: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let is_release = |root: &PathBuf| {
            std::fs::read_to_string(root.join("VERSION"))
                .is_ok_and(|v| v.lines().next() == Some(RELEASE))
        };
        let given = std::env::var_os("GOROOT").map(PathBuf::from);
        given
            .filter(is_release)
            .or_else(|| go_env(RELEASE).filter(is_release))
    });
    if FOUND.is_none() {
        println!("skipped: needs an official Go {RELEASE} (GOROOT or `go` on the PATH)");
    }
    FOUND.as_deref()
}

/// The `test` folder of an installed official Go.
pub fn go_tests() -> Option<PathBuf> {
    let tests = go_env("local")?.join("test");
    if tests.is_dir() {
        return Some(tests);
    }
    println!("skipped: the installed Go has no test folder");
    None
}

fn go_env(toolchain: &str) -> Option<PathBuf> {
    let output = Command::new("go")
        .args(["env", "GOROOT"])
        .env("GOTOOLCHAIN", toolchain)
        .output()
        .ok()?;
    let root = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !root.trim().is_empty()).then(|| PathBuf::from(root.trim()))
}

/// All `.go` files below `root` that `keep` accepts, sorted.
pub fn go_files(root: &Path, keep: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).expect("readable directory") {
            let path = entry.expect("readable directory").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == "go") && keep(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A parsed text and what gc would print about it with `-e`.
pub struct Parsed {
    pub tree: File,
    pub errors: Vec<String>,
    pub fatal: bool,
}

/// Parses `src` as the file `name`.
pub fn parse(name: &str, src: &[u8]) -> Parsed {
    let map = SourceMap::new();
    let file = map.add(name, src).expect("fits");
    let (tree, diagnostics) = syntax::parse_file(&file);
    let text = diagnostics::gc::render(
        &map,
        &diagnostics,
        diagnostics::gc::Options {
            all_errors: true,
            ..Default::default()
        },
    );
    let fatal = diagnostics.iter().any(|d| d.code == syntax::SYNTAX);
    Parsed {
        tree,
        errors: split_errors(&text, memmem(src, b"line "))
            .into_iter()
            .filter(|error| from_parser(error))
            .collect(),
        fatal,
    }
}

/// Lines; those that do not begin with a position belong to the one before. `renamed`: line
/// directives may have given any name to the files; else they are called `x.go`, `zzz.go`, `f000.go`.
fn split_errors(text: &str, renamed: bool) -> Vec<String> {
    let has_position = |line: &str| {
        line.match_indices(':').any(|(at, _)| {
            let known = matches!(&line[..at], "x.go" | "zzz.go")
                || line.starts_with('f') && line[..at].ends_with(".go") && at == 7;
            let plausible = renamed && !line[..at].contains(['\t', '"', '`', ' ']);
            (known || plausible) && line[at + 1..].starts_with(|c: char| c.is_ascii_digit())
        })
    };
    let mut errors: Vec<String> = Vec::new();
    for line in text.lines() {
        match errors.last_mut() {
            Some(last) if !has_position(line) => {
                last.push('\n');
                last.push_str(line);
            }
            _ => errors.push(line.to_owned()),
        }
    }
    errors
}

/// A file to be judged by the official compiler.
pub struct Input {
    pub label: String,
    pub src: Vec<u8>,
}

/// Asks the official compiler for everything its parser says about each input, parsed alone.
pub fn official_errors(goroot: &Path, inputs: &[Input]) -> Vec<Vec<String>> {
    let compile = goroot.join("pkg/tool/linux_amd64/compile");
    let dir = std::env::temp_dir().join(format!(
        "ferrogo-syntax-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&dir).expect("temporary directory");
    // An error in a last file keeps the compiler from type-checking the others.
    std::fs::write(dir.join("zzz.go"), "package p\nvar x y z\n").expect("temporary file");
    let mut results: Vec<Vec<String>> = inputs.iter().map(|_| Vec::new()).collect();
    // Files that end the compiler's work, or rename themselves, go alone.
    let (alone, together): (Vec<usize>, Vec<usize>) = (0..inputs.len()).partition(|&at| {
        let input = &inputs[at];
        parse("x.go", &input.src).tree.no_package || memmem(&input.src, b"line ")
    });
    let batches = together
        .chunks(40)
        .map(<[usize]>::to_vec)
        .chain(alone.iter().map(|&at| vec![at]));
    for batch in batches {
        let names: Vec<String> = (0..batch.len()).map(|i| format!("f{i:03}.go")).collect();
        for (name, &at) in names.iter().zip(&batch) {
            std::fs::write(dir.join(name), &inputs[at].src).expect("temporary file");
        }
        let output = Command::new(&compile)
            // A compiler that fails removes its output file: never name a device here.
            .args(["-e", "-p", "p", "-o", "out.o"])
            .args(&names)
            .arg("zzz.go")
            .current_dir(&dir)
            .output()
            .expect("the compiler runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let by_name: HashMap<&str, usize> = names
            .iter()
            .map(String::as_str)
            .zip(batch.iter().copied())
            .collect();
        for error in split_errors(&text, batch.len() == 1) {
            let file = error.split(':').next().unwrap_or_default();
            let at = match by_name.get(file) {
                Some(&at) => at,
                None if batch.len() == 1 && file != "zzz.go" => batch[0],
                None if file == "zzz.go" => continue,
                None => panic!("the compiler says {error:?}"),
            };
            if from_parser(&error) {
                results[at].push(match batch.len() {
                    1 => error.replace("f000.go", "x.go"),
                    _ => error.replacen(file, "x.go", 1),
                });
            }
        }
    }
    std::fs::remove_dir_all(&dir).expect("temporary directory");
    results
}

fn memmem(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

/// Whether an error is gc's parser's: labels are the type checker's here, directives the driver's,
/// and some that we find while parsing are its type checker's.
fn from_parser(error: &str) -> bool {
    let other = [
        "compiler directive",
        "//go:",
        " label ",
        "goto ",
        "is not in a loop",
        "break is not",
        "continue is not",
        "fallthrough statement",
        "go:embed",
        "pattern ",
        "non-name ",
        "cannot fallthrough",
        "range clause permits",
        "invalid syntax tree",
    ];
    error.contains("syntax error") || !other.iter().any(|text| error.contains(text))
}

/// All that the official compiler says about one program, which is called `x.go`.
pub fn official_output(goroot: &Path, src: &str) -> Vec<String> {
    let dir = std::env::temp_dir().join(format!(
        "ferrogo-one-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&dir).expect("temporary directory");
    std::fs::write(dir.join("x.go"), src).expect("temporary file");
    let output = Command::new(goroot.join("pkg/tool/linux_amd64/compile"))
        .args(["-e", "-p", "p", "-o", "out.o", "x.go"])
        .current_dir(&dir)
        .output()
        .expect("the compiler runs");
    std::fs::remove_dir_all(&dir).expect("temporary directory");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    split_errors(&text, false)
}
