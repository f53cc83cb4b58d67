//! Compares loads of real modules with the official `go` of the pinned release: build lists, module
//! graphs, package lists with their files, `mod tidy`.
//!
//! Skips with a line on standard error where there is no such `go`, or where the modules are not in the
//! module cache (set `FERROGO_TEST_NETWORK=1` to let both sides download them).

use modules::build_context::{BuildContext, DEFAULT_TAGS};
use modules::commands::list::{self, ListOptions};
use modules::commands::{mod_simple, tidy, why};
use modules::env::Env;
use modules::modload::{ModLoader, ModOptions};
use modules::{GO_RELEASE, LoadOptions, Loader};
use serde_json::Value;
use source::system::OsSystem;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

struct Case {
    dir: PathBuf,
    goroot: PathBuf,
    offline: bool,
}

impl Drop for Case {
    fn drop(&mut self) {
        // Left-over temporary files are harmless.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Case {
    fn go(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("go");
        command.args(arguments).current_dir(&self.dir);
        command
            .env("GOTOOLCHAIN", format!("go{GO_RELEASE}"))
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off")
            .env("GOFLAGS", "");
        command.env_remove("GOROOT");
        if self.offline {
            command.env("GOPROXY", "off");
        }
        let output = command.output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A module that imports the packages, tidied by the official `go`.
    fn new(name: &str, requirement: &str, imports: &[&str]) -> Option<Case> {
        let dir =
            std::env::temp_dir().join(format!("ferrogo-official-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).ok()?;
        let offline = std::env::var_os("FERROGO_TEST_NETWORK").is_none();
        let mut case = Case {
            dir,
            goroot: PathBuf::new(),
            offline,
        };
        let version = case.go(&["env", "GOVERSION"]);
        if version.as_deref().map(str::trim) != Some(&format!("go{GO_RELEASE}")) {
            eprintln!("SKIP {name}: no official go{GO_RELEASE} on PATH");
            return None;
        }
        case.goroot = PathBuf::from(case.go(&["env", "GOROOT"])?.trim());
        let lines: String = imports
            .iter()
            .map(|import| format!("import _ \"{import}\"\n"))
            .collect();
        std::fs::write(
            case.dir.join("main.go"),
            format!("package main\n\n{lines}\nfunc main() {{}}\n"),
        )
        .ok()?;
        std::fs::write(case.dir.join("go.mod"), case.untidied(requirement)).ok()?;
        if case.go(&["mod", "tidy"]).is_none() {
            eprintln!(
                "SKIP {name}: {requirement} is not in the module cache (FERROGO_TEST_NETWORK=1 downloads it)"
            );
            return None;
        }
        Some(case)
    }

    fn untidied(&self, requirement: &str) -> String {
        format!("module example.com/official\n\ngo 1.27\n\nrequire {requirement}\n")
    }

    fn env(&self) -> Env {
        let mut env = Env::load(Arc::new(OsSystem::new())).unwrap();
        env.set_override("GOWORK", "off");
        env.goflags.clear();
        if self.offline {
            env.set_override("GOPROXY", "off");
        }
        env
    }

    fn modules(&self, mode: &str) -> ModLoader {
        let options = ModOptions {
            mod_flag: mode.to_string(),
            quiet: true,
            ..ModOptions::default()
        };
        ModLoader::new(&self.env(), &self.dir, &self.goroot, &options).unwrap()
    }

    /// Our `list` output as JSON records.
    fn list(&self, patterns: &[&str], test: bool) -> Vec<Value> {
        let options = LoadOptions {
            dir: self.dir.clone(),
            tests: test,
            ..LoadOptions::default()
        };
        let loader = Loader::with_goroot(&self.env(), &self.goroot, options).unwrap();
        let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.to_string()).collect();
        // Assembly in dependencies is an error for us and none for the official build: data here.
        let flags = ListOptions {
            json: true,
            deps: true,
            test,
            errors_are_data: true,
            ..ListOptions::default()
        };
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        list::packages(&loader, &patterns, &flags, &mut out, &mut errors).unwrap();
        parse_stream(&String::from_utf8(out).unwrap())
    }

    fn official_list(&self, patterns: &[&str], test: bool) -> Vec<Value> {
        let tags = format!("-tags={}", DEFAULT_TAGS.join(","));
        let mut arguments = vec!["list", "-json", "-deps", &tags];
        if test {
            arguments.push("-test");
        }
        arguments.extend(patterns);
        parse_stream(&self.go(&arguments).unwrap())
    }

    fn output(&self, run: impl FnOnce(&ModLoader, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        run(&self.modules(""), &mut out);
        String::from_utf8(out).unwrap()
    }
}

fn parse_stream(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .map(Result::unwrap)
        .collect()
}

/// Std packages that are read without an architecture, or without the tags against assembly, differ on purpose; `unsafe` is built into the checker and
/// has no files.
fn is_deliberately_different(path: &str) -> bool {
    path == "unsafe"
        || modules::build_context::NOASM_PACKAGES.contains(&path)
        || modules::build_context::RUNTIME_ASM_PACKAGES.contains(&path)
}

fn by_path(records: &[Value]) -> BTreeMap<String, &Value> {
    records
        .iter()
        .map(|record| {
            (
                record["ImportPath"].as_str().unwrap_or("").to_string(),
                record,
            )
        })
        .collect()
}

/// The official lists of test variants are concatenations: compared as sets.
fn normal(value: &Value, path: &str) -> Value {
    match value {
        Value::Array(items) if path.contains(' ') => {
            let mut names: Vec<String> = items.iter().map(Value::to_string).collect();
            names.sort();
            names.dedup();
            Value::from(names)
        }
        other => other.clone(),
    }
}

fn compare_packages(ours: &[Value], official: &[Value]) {
    let (ours, official) = (by_path(ours), by_path(official));
    let extra: Vec<&String> = ours
        .keys()
        .filter(|path| !official.contains_key(*path))
        .collect();
    let missing: Vec<&String> = official
        .keys()
        .filter(|path| !ours.contains_key(*path))
        .collect();
    assert!(
        extra.is_empty() && missing.is_empty(),
        "extra {extra:?}, missing {missing:?}"
    );
    for (path, expected) in official {
        // The generated test main has files only in the official list.
        if is_deliberately_different(&path) || path.ends_with(".test") {
            continue;
        }
        let got = ours[&path];
        let plain = !path.contains(' ');
        // For variants the official command lists the patterns of tests in other fields.
        let embeds: &[&str] = if plain {
            &["EmbedPatterns", "EmbedFiles"]
        } else {
            &[]
        };
        let fields = [
            "Dir", "Name", "GoFiles", "Imports", "Standard", "DepOnly", "ForTest",
        ];
        for &field in fields.iter().chain(embeds) {
            assert_eq!(
                normal(&got[field], &path),
                normal(&expected[field], &path),
                "{path}: {field}"
            );
        }
        for field in ["Path", "Version", "GoVersion", "Indirect", "Dir"] {
            assert_eq!(
                got["Module"][field], expected["Module"][field],
                "{path}: Module.{field}"
            );
        }
    }
}

fn check(name: &str, requirement: &str, imports: &[&str]) {
    let Some(case) = Case::new(name, requirement, imports) else {
        return;
    };
    let ours = case.list(&["."], false);
    let official = case.official_list(&["."], false);
    compare_packages(&ours, &official);
    let order = |records: &[Value]| -> Vec<String> {
        records
            .iter()
            .map(|record| record["ImportPath"].as_str().unwrap_or("").to_string())
            .collect()
    };
    assert_eq!(order(&ours), order(&official), "dependency order");
    let first = imports[0];
    compare_packages(
        &case.list(&[first], true),
        &case.official_list(&[first], true),
    );

    // These need go.mod files that tidying does not: offline they may be missing.
    let target = requirement.split(' ').next().unwrap().to_string();
    if let Some(official) = case.go(&["list", "-m", "all"]) {
        let all = ListOptions {
            modules: true,
            ..ListOptions::default()
        };
        let ours = case.output(|modules, out| {
            list::modules(modules, &["all".to_string()], &all, out).unwrap()
        });
        assert_eq!(ours, official);
        let graph = case.output(|modules, out| mod_simple::graph(modules, out).unwrap());
        assert_eq!(graph, case.go(&["mod", "graph"]).unwrap());
        let tags = BuildContext::new(&[]);
        let chain = case.output(|modules, out| {
            why::run(modules, &tags, std::slice::from_ref(&target), true, out).unwrap()
        });
        assert_eq!(chain, case.go(&["mod", "why", "-m", &target]).unwrap());
    } else {
        eprintln!(
            "SKIP {name}: build list and graph need go.mod files that are not in the module cache"
        );
    }

    if case.offline {
        // Our search for a tidy list may pass through other versions than the official one does.
        eprintln!("SKIP {name}: tidy is compared only with FERROGO_TEST_NETWORK=1");
        return;
    }
    let read = |name: &str| std::fs::read_to_string(case.dir.join(name)).unwrap();
    let (go_mod, go_sum) = (read("go.mod"), read("go.sum"));
    std::fs::write(case.dir.join("go.mod"), case.untidied(requirement)).unwrap();
    std::fs::remove_file(case.dir.join("go.sum")).unwrap();
    tidy::run(
        &case.modules("mod"),
        &BuildContext::new(&[]),
        &tidy::TidyOptions::default(),
    )
    .unwrap();
    assert_eq!(read("go.mod"), go_mod);
    assert_eq!(read("go.sum"), go_sum);
}

#[test]
fn gin() {
    check(
        "gin",
        "github.com/gin-gonic/gin v1.12.0",
        &["github.com/gin-gonic/gin"],
    );
}

#[test]
fn go_zero() {
    check(
        "go-zero",
        "github.com/zeromicro/go-zero v1.10.3",
        &[
            "github.com/zeromicro/go-zero/rest",
            "github.com/zeromicro/go-zero/zrpc",
        ],
    );
}

#[test]
fn std_packages() {
    let Some(case) = Case::new("std", "golang.org/x/text v0.34.0", &["fmt"]) else {
        return;
    };
    let paths = |records: &[Value]| -> Vec<String> {
        records
            .iter()
            .map(|record| record["ImportPath"].as_str().unwrap_or("").to_string())
            .collect()
    };
    let ours = case.list(&["std"], false);
    let official = case.official_list(&["std"], false);
    assert_eq!(paths(&ours), paths(&official));
    compare_packages(&ours, &official);
    assert!(Path::new(&case.goroot).is_dir());
}
