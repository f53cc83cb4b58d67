//! Commands over archives in memory.

use super::env_command::{self, EnvAction};
use super::list::{self, ListOptions};
use super::{mod_simple, tidy, why};
use crate::build_context::BuildContext;
use crate::env::Env;
use crate::load::scripts::system;
use crate::load::{LoadOptions, Loader};
use crate::modload::{ModLoader, ModOptions};
use source::system::{MemSystem, System};
use std::path::Path;
use std::sync::Arc;

/// Runs a command line over the files; gives standard output and the error, then the named files.
fn run(system: &Arc<MemSystem>, line: &str) -> String {
    let env = Env::load(Arc::clone(system) as Arc<dyn System>).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let rest = |from: usize| -> Vec<String> {
        words[from..]
            .iter()
            .filter(|word| !word.starts_with('-'))
            .map(|word| word.to_string())
            .collect()
    };
    let flag = |name: &str| words.contains(&name);
    let mut out = Vec::new();
    let mut errors = Vec::new();
    let modules = |mode: &str| {
        let options = ModOptions {
            mod_flag: mode.to_string(),
            ..ModOptions::default()
        };
        ModLoader::new(&env, Path::new("/m"), Path::new("/goroot"), &options)
    };
    let tags = BuildContext::new(&[]);
    let result = match words[0] {
        "tidy" => modules("mod")
            .and_then(|modules| tidy::run(&modules, &tags, &tidy::TidyOptions::default())),
        "init" => mod_simple::init(
            &env,
            Path::new("/m"),
            None,
            rest(1).first().map(String::as_str),
        ),
        "graph" => modules("").and_then(|modules| mod_simple::graph(&modules, &mut out)),
        "verify" => modules("")
            .and_then(|modules| mod_simple::verify(&modules, &mut out, &mut errors).map(|_| ())),
        "download" => modules("").and_then(|modules| {
            mod_simple::download(&modules, &rest(1), flag("-json"), &mut out, &mut errors)
                .map(|_| ())
        }),
        "why" => modules("")
            .and_then(|modules| why::run(&modules, &tags, &rest(1), flag("-m"), &mut out)),
        "env" => {
            let names = rest(1);
            let action = if flag("-w") {
                EnvAction::Write(names)
            } else if flag("-u") {
                EnvAction::Unset(names)
            } else {
                EnvAction::Print {
                    names,
                    json: flag("-json"),
                    changed: flag("-changed"),
                }
            };
            env_command::run(&env, "/m/go.mod", "/goroot", &action, &mut out)
        }
        "list" => {
            let format = words
                .iter()
                .find_map(|word| word.strip_prefix("-f="))
                .map(str::to_string);
            let options = ListOptions {
                json: flag("-json"),
                format,
                modules: flag("-m"),
                deps: flag("-deps"),
                ..ListOptions::default()
            };
            if options.modules {
                modules("")
                    .and_then(|modules| list::modules(&modules, &rest(1), &options, &mut out))
            } else {
                Loader::with_goroot(&env, Path::new("/goroot"), LoadOptions::default()).and_then(
                    |loader| {
                        list::packages(&loader, &rest(1), &options, &mut out, &mut errors)
                            .map(|_| ())
                    },
                )
            }
        }
        other => panic!("unknown command {other}"),
    };
    let mut text = String::from_utf8(out).unwrap() + &String::from_utf8(errors).unwrap();
    if let Err(error) = result {
        text.push_str(&format!("{error}\n"));
    }
    text
}

fn read(system: &MemSystem, path: &str) -> String {
    String::from_utf8(system.read(Path::new(path)).unwrap_or_default()).unwrap()
}

const UNTIDY: &str = "-- go.mod --\nmodule ex.com/m\n\ngo 1.27\n\nrequire (\n\ta.com/two/sub v0.1.0\n\t// pinned\n\ta.com/two v1.2.0\n)\n-- m.go --\npackage m\n\nimport _ \"a.com/one\"\n";

fn tidied() -> Arc<MemSystem> {
    let system = Arc::new(system(UNTIDY));
    assert_eq!(run(&system, "tidy"), "");
    system
}

#[test]
fn tidy_adds_drops_and_keeps_comments() {
    let system = tidied();
    assert_eq!(
        read(&system, "/m/go.mod"),
        "module ex.com/m\n\ngo 1.27\n\nrequire (\n\ta.com/one v1.0.0\n\t// pinned\n\ta.com/two v1.2.0 // indirect\n)\n"
    );
    assert_eq!(read(&system, "/m/go.sum").lines().count(), 4);
    let before = (read(&system, "/m/go.mod"), read(&system, "/m/go.sum"));
    assert_eq!(run(&system, "tidy"), "");
    assert_eq!(
        (read(&system, "/m/go.mod"), read(&system, "/m/go.sum")),
        before,
        "tidying twice changes nothing"
    );
}

#[test]
fn tidy_names_what_it_cannot_find() {
    let system = Arc::new(system(
        "-- go.mod --\nmodule ex.com/m\n\ngo 1.27\n-- m.go --\npackage m\n\nimport _ \"no.com/x\"\n",
    ));
    assert_eq!(
        run(&system, "tidy"),
        "go: ex.com/m imports\n\tno.com/x: cannot find module providing package no.com/x: module no.com/x: reading https://proxy.example/no.com/x/@v/list: 404 Not Found\n\tserver response: not found\n"
    );
    assert_eq!(
        read(&system, "/m/go.mod"),
        "module ex.com/m\n\ngo 1.27\n",
        "nothing half-written"
    );
}

#[test]
fn init_writes_a_module_once() {
    let system = Arc::new(system("-- a/a.go --\npackage a\n"));
    assert!(
        run(&system, "init")
            .starts_with("go: cannot determine module path for source directory /m")
    );
    assert_eq!(run(&system, "init ex.com/new"), "");
    assert_eq!(
        read(&system, "/m/go.mod"),
        "module ex.com/new\n\ngo 1.27.3\n"
    );
    assert_eq!(
        system.stderr_lines(),
        [
            "go: creating new go.mod: module ex.com/new",
            "go: to add module requirements and sums:\n\tgo mod tidy"
        ]
    );
    assert_eq!(
        run(&system, "init ex.com/new"),
        "go: /m/go.mod already exists\n"
    );
}

#[test]
fn graph_verify_why_list() {
    let system = tidied();
    let check = |line: &str, want: &str| assert_eq!(run(&system, line), want, "{line}");
    check(
        "graph",
        "ex.com/m a.com/one@v1.0.0\nex.com/m a.com/two@v1.2.0\nex.com/m go@1.27\na.com/one@v1.0.0 a.com/two@v1.1.0\ngo@1.27 toolchain@go1.27\n",
    );
    check("verify", "all modules verified\n");
    check(
        "why a.com/two fmt",
        "# a.com/two\nex.com/m\na.com/one\na.com/two\n\n# fmt\n(main module does not need package fmt)\n",
    );
    check(
        "why -m a.com/two",
        "# a.com/two\nex.com/m\na.com/one\na.com/two\n",
    );
    check(
        "list -m all",
        "ex.com/m\na.com/one v1.0.0\na.com/two v1.2.0\n",
    );
    check(
        "list -m a.com/nosuch",
        "go: module a.com/nosuch: not a known dependency\n",
    );
    check(
        "list -m -f={{.Path}}@{{.Version}} a.com/one",
        "a.com/one@v1.0.0\n",
    );
    check("list -m a.com/two@v1.1", "a.com/two v1.1.0\n");
    check("list ./...", "ex.com/m\n");
    check(
        "list -f={{.ImportPath}}:{{.Name}}:{{join_.Imports}} .",
        "template: main:1: function \"join_\" not defined\n",
    );
    check(
        "list -f={{.ImportPath}}{{range_.Imports}} .",
        "template: main:1: function \"range_\" not defined\n",
    );
    check("list -deps", "a.com/two\na.com/one\nex.com/m\n");
    check(
        "list nosuch",
        "package nosuch is not in std (/goroot/src/nosuch)\n",
    );
    assert!(run(&system, "list -json .").starts_with("{\n\t\"Dir\": \"/m\",\n\t\"ImportPath\": \"ex.com/m\",\n\t\"Name\": \"m\",\n\t\"Root\": \"/m\",\n\t\"Module\": {"));
}

#[test]
fn modified_cache_is_found() {
    let system = tidied();
    system.add_file("/h/go/pkg/mod/a.com/two@v1.2.0/two.go", "package evil\n");
    assert_eq!(
        run(&system, "verify"),
        "a.com/two v1.2.0: dir has been modified (/h/go/pkg/mod/a.com/two@v1.2.0)\n"
    );
}

#[test]
fn download_reports_each_module() {
    let system = tidied();
    let text = run(&system, "download -json a.com/two@v1.1.0");
    for part in [
        "\"Path\": \"a.com/two\"",
        "\"Version\": \"v1.1.0\"",
        "\"Sum\": \"h1:",
        "\"GoModSum\": \"h1:",
        "\"Zip\": \"/h/go/pkg/mod/cache/download/a.com/two/@v/v1.1.0.zip\"",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(run(&system, "download a.com/two@v9.0.0").contains("invalid version"));
    assert_eq!(
        run(&system, "download nosuch.com/x"),
        "go: module nosuch.com/x: not a known dependency\n"
    );
}

#[test]
fn commands_outside_a_module() {
    let system = Arc::new(system("-- x.txt --\n"));
    let want = "go: go.mod file not found in current directory or any parent directory; see 'go help modules'\n";
    for line in ["graph", "verify", "tidy", "why fmt"] {
        assert_eq!(run(&system, line), want, "{line}");
    }
}

#[test]
fn env_reads_writes_and_unsets() {
    let system = Arc::new(system("-- go.mod --\nmodule m\n"));
    let check = |line: &str, want: &str| assert_eq!(run(&system, line), want, "{line}");
    check("env GOMOD GOROOT GOOS", "/m/go.mod\n/goroot\nlinux\n");
    check("env -json GOARCH", "{\n\t\"GOARCH\": \"amd64\"\n}\n");
    check("env -w GOPRIVATE=corp.example GOBIN=/b", "");
    check("env GOPRIVATE GONOPROXY", "corp.example\ncorp.example\n");
    assert_eq!(
        read(&system, "/h/.config/go/env"),
        "GOBIN=/b\nGOPRIVATE=corp.example\n"
    );
    check("env -u GOPRIVATE", "");
    check("env GOPRIVATE", "\n");
    check("env -w FOO=bar", "go: unknown go command variable FOO\n");
    check(
        "env -w GOMODCACHE=rel",
        "go: GOMODCACHE entry is relative; must be absolute path: \"rel\"\n",
    );
    check("env -w GOMOD=x", "go: GOMOD cannot be modified\n");
    check("env -w GOWORK=x", "go: GOWORK cannot be modified\n");
    check("env -w GOROOT=/x", "go: GOROOT cannot be modified\n");
    check(
        "env -w GOTMPDIR=rel",
        "go: GOTMPDIR must be an absolute path\n",
    );
    check(
        "env -w GO111MODULE=maybe",
        "go: invalid GO111MODULE value \"maybe\"\n",
    );
    check(
        "env -w GOBIN=/a GOBIN=/b",
        "go: multiple values for key: GOBIN\n",
    );
    check(
        "env -w GOOS=windows",
        "go: unsupported GOOS/GOARCH pair windows/amd64\n",
    );
    check(
        "env -w GOBIN",
        "go: arguments must be KEY=VALUE: invalid argument: GOBIN\n",
    );
    assert!(run(&system, "env").contains("\nGOPROXY='https://proxy.example'\n"));
}
