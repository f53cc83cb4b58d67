//! `cargo xtask errorcheck`: the cases of Go's `test/` corpus that are about errors, through `TOOL build -gcflags=-e` (ferrogo by
//! default), judged as the official harness does.
//!
//! The same cases run in process, and faster, as a test of the type checker; this command shows that the command line gives the same.
//! Results are compared with `tests/conformance/errorcheck-failing.txt`: a loss fails, `UPDATE=1` records. With `TOOL=go` the cases are
//! recorded that the pinned release itself does not pass this way (`errorcheck-official.txt`): the go command refuses some before the
//! compiler sees them, and the corpus may be of an older release. They are not counted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::gotest::{self, Case, Recipe};

const LIMIT: Duration = Duration::from_secs(120);

/// Runs the cases; arguments are substrings that select some.
pub fn run() -> Result<(), String> {
    let Some(corpus) = gotest::corpus() else {
        println!("SKIP: no installed Go with a test folder");
        return Ok(());
    };
    let filters: Vec<String> = std::env::args().skip(2).collect();
    let root = crate::tidy::root();
    let tool = match std::env::var("TOOL") {
        Ok(tool) => PathBuf::from(tool),
        Err(_) => crate::bench::build_ferrogo(&root)?,
    };
    let official = tool == Path::new("go");
    let cases: Vec<(Case, Recipe)> = gotest::cases(&corpus, &["errorcheck", "errorcheckdir"])
        .into_iter()
        .filter(|c| filters.is_empty() || filters.iter().any(|f| c.name.contains(f.as_str())))
        .map(|case| {
            let recipe = case.recipe();
            (case, recipe)
        })
        .filter(|(_, recipe)| recipe.is_about_the_language() && !recipe.other_configuration)
        .collect();
    let folder = root.join("tests/conformance");
    let excused = match official {
        true => BTreeSet::new(),
        false => gotest::read_list(&folder.join("errorcheck-official.txt")),
    };
    let next = AtomicUsize::new(0);
    let failed: Mutex<BTreeSet<String>> = Mutex::default();
    let temp = std::env::temp_dir().join(format!("ferrogo-errorcheck-{}", std::process::id()));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (cases, next, failed, tool, corpus, excused) =
                (&cases, &next, &failed, &tool, &corpus, &excused);
            let dir = temp.join(thread.to_string());
            scope.spawn(move || {
                while let Some((case, recipe)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if excused.contains(&case.name) {
                        continue;
                    }
                    let _ = std::fs::remove_dir_all(&dir);
                    if let Err(why) = judge(tool, corpus, case, recipe, &dir) {
                        println!("FAIL {}: {why}", case.name);
                        failed.lock().expect("no panic").insert(case.name.clone());
                    }
                }
            });
        }
    });
    let _ = std::fs::remove_dir_all(&temp);
    let failed = failed.into_inner().map_err(|_| "a worker panicked")?;
    let counted = cases
        .iter()
        .filter(|(case, _)| !excused.contains(&case.name))
        .count();
    println!("{} of {counted} cases", counted - failed.len());
    let list = folder.join(match official {
        true => "errorcheck-official.txt",
        false => "errorcheck-failing.txt",
    });
    if std::env::var_os("UPDATE").is_some() && filters.is_empty() {
        let text: String = failed.iter().map(|name| format!("{name}\n")).collect();
        return std::fs::write(&list, text).map_err(|e| format!("{}: {e}", list.display()));
    }
    let known = gotest::read_list(&list);
    let lost: Vec<&str> = failed.difference(&known).map(String::as_str).collect();
    match lost.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "cases fail that are not in {}:\n{}",
            list.display(),
            lost.join("\n")
        )),
    }
}

/// Builds a module made of the case's files.
fn judge(
    tool: &Path,
    corpus: &Path,
    case: &Case,
    recipe: &Recipe,
    dir: &Path,
) -> Result<(), String> {
    let write = |path: &Path, bytes: &[u8]| -> Result<(), String> {
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(path, bytes))
            .map_err(|e| format!("{}: {e}", path.display()))
    };
    write(&dir.join("go.mod"), b"module test\n\ngo 1.27\n")?;
    // As the compiler prints their names, their base names, and what is in them.
    let mut files: Vec<(String, String, Vec<u8>)> = Vec::new();
    let base = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    if case.action == "errorcheckdir" {
        for package in gotest::folder_packages(&case.folder(corpus), recipe.single_file_packages) {
            let name = package.path.trim_start_matches("test/").to_owned();
            for file in package.files {
                let text = std::fs::read_to_string(&file).map_err(|e| e.to_string())?;
                let short = base(&file);
                write(
                    &dir.join(&name).join(&short),
                    text.replace("\"./", "\"test/").as_bytes(),
                )?;
                files.push((format!("{name}/{short}"), short, text.into_bytes()));
            }
        }
    } else {
        let file = corpus.join(&case.name);
        let text = std::fs::read(&file).map_err(|e| e.to_string())?;
        let short = base(&file);
        write(&dir.join(&short), &text)?;
        // Functions may lack bodies where there is assembly.
        if !recipe.flags.iter().any(|flag| flag == "-complete") {
            write(&dir.join("empty.s"), b"")?;
        }
        files.push((format!("./{short}"), short, text));
    }
    let mut flags = String::from("-gcflags=-e");
    if let Some(lang) = recipe.lang() {
        flags.push_str(&format!(" -lang=go1.{lang}"));
    }
    let mut command = Command::new(tool);
    command
        .current_dir(dir)
        .env("GOTOOLCHAIN", "go1.27.3")
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0")
        .args(["build", &flags, "./..."]);
    let outcome = testkit::run(&mut command, LIMIT);
    match (outcome.status, recipe.want_error) {
        (None, _) => return Err("runs too long".into()),
        (Some(0), true) => return Err("accepted".into()),
        (Some(code), false) if code != 0 => return Err(format!("refused: {}", outcome.stderr)),
        _ => {}
    }
    gotest::error_check(&outcome.stderr, &files)
}
