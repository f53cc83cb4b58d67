//! Go's own `test/` corpus: the cases that are about errors, judged as the official harness does, and those that must compile.
//!
//! The corpus of an installed Go may be older than the pinned release: cases that the official compiler of that release fails
//! are in `gocorpus_official.txt` with what it prints instead, which is then expected byte for byte (`UPDATE=1` asks it anew).
//! Cases in `gocorpus_exceptions.txt` are known to fail; a listed case that passes fails the test, so that the list stays true.
//! `GOCORPUS=text` runs the cases whose names contain the text.

mod world;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use syntax::pragma::Rules;
use testkit::gotest::{self, Case, Recipe};
use testkit::official::Compiler;
use types::PkgId;
use world::{Compile, World};

const ACTIONS: &[&str] = &[
    "errorcheck",
    "errorcheckdir",
    "errorcheckoutput",
    "compile",
    "compiledir",
    "build",
];

/// A package of a case: import path, name, files by (name in messages, contents).
struct Package {
    path: String,
    files: Vec<(String, Arc<[u8]>)>,
}

/// What a case compiles, in order.
fn packages(corpus: &Path, case: &Case, recipe: &Recipe) -> Result<Vec<Package>, String> {
    let read = |file: &Path| -> (String, Arc<[u8]>) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        (
            name.into_owned(),
            std::fs::read(file).unwrap_or_default().into(),
        )
    };
    let own_path = recipe
        .flags
        .iter()
        .find_map(|f| f.strip_prefix("-p="))
        .unwrap_or("p");
    match case.action.as_str() {
        "errorcheckdir" | "compiledir" => {
            let folder = case.folder(corpus);
            Ok(
                gotest::folder_packages(&folder, recipe.single_file_packages)
                    .into_iter()
                    .map(|package| Package {
                        path: match package.name.as_str() {
                            "main" => "main".to_owned(),
                            _ => package.path,
                        },
                        files: package.files.iter().map(|file| read(file)).collect(),
                    })
                    .collect(),
            )
        }
        "errorcheckoutput" => {
            let output = Command::new("go")
                .env("GOTOOLCHAIN", "local")
                .env("GOFLAGS", "")
                .current_dir(corpus)
                .args(["run", &case.name])
                .args(&recipe.program_args)
                .output()
                .map_err(|e| format!("go run: {e}"))?;
            match output.status.success() {
                true => Ok(vec![Package {
                    path: own_path.to_owned(),
                    files: vec![("tmp__.go".into(), output.stdout.into())],
                }]),
                false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            }
        }
        _ => Ok(vec![Package {
            path: own_path.to_owned(),
            files: vec![read(&corpus.join(&case.name))],
        }]),
    }
}

/// Compiles packages, one after the other, by `compile` (which returns what is printed); judges. The output is returned, too.
fn judge(
    case: &Case,
    recipe: &Recipe,
    packages: &[Package],
    mut compile: impl FnMut(&Package) -> String,
) -> (Result<(), String>, String) {
    let mut all = String::new();
    for (at, package) in packages.iter().enumerate() {
        let output = compile(package);
        all.push_str(&output);
        let want_error = recipe.want_error && at + 1 == packages.len();
        if !case.action.starts_with("errorcheck") {
            if !output.is_empty() {
                return (Err(format!("refused:\n{output}")), all);
            }
            continue;
        }
        if output.is_empty() && want_error {
            return (Err("accepted".into()), all);
        }
        if !output.is_empty() && !want_error {
            return (Err(format!("refused:\n{output}")), all);
        }
        let files: Vec<_> = package
            .files
            .iter()
            .map(|(name, text)| (name.clone(), name.clone(), text.to_vec()))
            .collect();
        if let Err(why) = gotest::error_check(&output, &files) {
            return (Err(why), all);
        }
    }
    (Ok(()), all)
}

fn ours(
    world: &World,
    case: &Case,
    recipe: &Recipe,
    packages: &[Package],
) -> (Result<(), String>, String) {
    let mut imports: HashMap<String, PkgId> = HashMap::new();
    let has = |flag: &str| recipe.flags.iter().any(|f| f == flag);
    judge(case, recipe, packages, |package| {
        let compile = Compile {
            path: &package.path,
            files: package.files.clone(),
            rules: Rules {
                std: has("-std"),
                runtime: has("-+"),
                go_version: (1, recipe.lang().unwrap_or(27)),
            },
            bodyless_ok: !has("-complete"),
            all_errors: !has("-e=0"),
            late_errors: true,
            imports: &imports,
        };
        let (pkg, output) = world.compile(&compile);
        if let Some(stem) = package.path.strip_prefix("test/") {
            imports.insert(package.path.clone(), pkg);
            imports.insert(format!("./{stem}"), pkg);
        }
        output
    })
}

fn official(
    compiler: &Compiler,
    case: &Case,
    recipe: &Recipe,
    packages: &[Package],
) -> (Result<(), String>, String) {
    let _ = std::fs::remove_dir_all(compiler.dir.join("test"));
    std::fs::create_dir_all(compiler.dir.join("test")).expect("temporary directory");
    let mut config = String::new();
    judge(case, recipe, packages, |package| {
        let files: Vec<PathBuf> = package
            .files
            .iter()
            .map(|(name, text)| {
                std::fs::write(compiler.dir.join(name), text).expect("temporary file");
                PathBuf::from(name)
            })
            .collect();
        let path = format!("-p={}", package.path);
        let object = format!("{}.a", package.path);
        let mut flags = vec!["-e", "-D", "test", "-o", &object];
        // Those of `build` are the go command's.
        if case.action != "build" {
            flags.extend(
                recipe
                    .flags
                    .iter()
                    .map(String::as_str)
                    .filter(|f| !f.starts_with("-p=")),
            );
        }
        flags.push(&path);
        let (_, output) = compiler.compile(&flags, &config, &files);
        config.push_str(&format!("packagefile {}={}\n", package.path, object));
        output
    })
}

#[test]
fn cases_about_errors_and_cases_that_must_compile() {
    let Some(goroot) = world::goroot() else {
        return world::skip("Go's test corpus");
    };
    let Some(corpus) = gotest::corpus() else {
        eprintln!("skipped: Go's test corpus: no installed Go with a test folder");
        return;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let exceptions = gotest::read_list(&here.join("gocorpus_exceptions.txt"));
    let official_path = here.join("gocorpus_official.txt");
    let mut contradicting: BTreeMap<String, String> = std::fs::read_to_string(&official_path)
        .unwrap_or_default()
        .split("==== ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect();
    let only = std::env::var("GOCORPUS").ok();
    let temp = std::env::temp_dir().join(format!("ferrogo-gocorpus-{}", std::process::id()));
    let compiler = std::env::var_os("UPDATE")
        .map(|_| Compiler::find(&temp).expect("UPDATE needs the official go"));
    let world = World::new(&goroot);
    let mut by_action: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    let all = gotest::cases(&corpus, ACTIONS);
    for case in &all {
        if only
            .as_ref()
            .is_some_and(|only| !case.name.contains(only.as_str()))
        {
            continue;
        }
        let recipe = case.recipe();
        let is_error_case = case.action.starts_with("errorcheck");
        if recipe.other_configuration || is_error_case && !recipe.is_about_the_language() {
            continue;
        }
        let packages = match packages(&corpus, case, &recipe) {
            Ok(packages) => packages,
            Err(why) => {
                wrong.push(format!("{}: {why}", case.name));
                continue;
            }
        };
        if let Some(compiler) = &compiler {
            match official(compiler, case, &recipe, &packages) {
                (Ok(()), _) => drop(contradicting.remove(&case.name)),
                (Err(_), output) => drop(contradicting.insert(case.name.clone(), output)),
            }
        }
        seen.insert(case.name.clone());
        let (mut result, output) = ours(&world, case, &recipe, &packages);
        if let Some(expected) = contradicting.get(&case.name) {
            result = match *expected == output {
                true => Ok(()),
                false => Err(format!(
                    "the official compiler prints\n{expected}not\n{output}"
                )),
            };
        }
        let slot = by_action.entry(&case.action).or_default();
        slot.1 += 1;
        match (result, exceptions.contains(&case.name)) {
            (Ok(()), false) => slot.0 += 1,
            (Ok(()), true) => {
                slot.0 += 1;
                wrong.push(format!(
                    "{}: passes, but is listed as an exception",
                    case.name
                ));
            }
            (Err(_), true) => {}
            (Err(why), false) => wrong.push(format!("{}: {why}", case.name)),
        }
    }
    let _ = std::fs::remove_dir_all(&temp);
    if compiler.is_some() && only.is_none() {
        let text: String = contradicting
            .iter()
            .map(|(name, output)| format!("==== {name}\n{output}"))
            .collect();
        std::fs::write(&official_path, text).expect("writable record");
    }
    for (action, (passed, all)) in &by_action {
        eprintln!("{action:<16} {passed:>4} of {all:>4}");
    }
    eprintln!(
        "{} cases as the pinned release says, not the corpus",
        contradicting.len()
    );
    if only.is_none() {
        wrong.extend(
            exceptions
                .iter()
                .filter(|name| !seen.contains(*name))
                .map(|name| format!("{name}: listed as an exception, but not run")),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}
