//! Whole loads over archives in memory: a small GOROOT, a proxy, and the main module of each test.

use crate::cache::tests::FakeProxy;
use crate::env::Env;
use crate::load::{LoadOptions, Loader, PackageGraph, Variant};
use crate::modload::ModOptions;
use crate::overlay::{Overlay, OverlayFile, OverlayMode, PackageOverlay};
use source::system::MemSystem;
use std::path::Path;
use std::sync::Arc;

const GOROOT: &str = "
-- src/fmt/print.go --
package fmt
import \"internal/abi\"
-- src/internal/abi/type.go --
package abi
import \"unsafe\"
-- src/runtime/runtime.go --
package runtime
import \"internal/abi\"
-- src/os/os.go --
package os
-- src/reflect/value.go --
package reflect
-- src/internal/reflectlite/a.go --
package reflectlite
-- src/testing/testing.go --
package testing
-- src/testing/internal/testdeps/deps.go --
package testdeps
-- src/embed/embed.go --
package embed
-- src/math/exp_asm.go --
//go:build amd64
package math
-- src/math/exp_noasm.go --
//go:build !amd64
package math
-- src/math/exp_amd64.s --
TEXT x
-- src/net/http/http.go --
package http
import \"golang.org/x/net/idna\"
-- src/vendor/golang.org/x/net/idna/idna.go --
package idna
";

pub(crate) fn proxy() -> FakeProxy {
    let mut proxy = FakeProxy::default();
    proxy.add(
        "a.com/one",
        "v1.0.0",
        &[
            (
                "go.mod",
                "module a.com/one\n\ngo 1.20\n\nrequire a.com/two v1.1.0\n",
            ),
            ("one.go", "package one\n\nimport _ \"a.com/two\"\n"),
            ("cmd/tool/main.go", "package main\n\nfunc main() {}\n"),
            ("internal/x/x.go", "package x\n"),
        ],
    );
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        proxy.add(
            "a.com/two",
            version,
            &[
                ("go.mod", "module a.com/two\n\ngo 1.20\n"),
                ("two.go", "package two\n"),
                ("sub/sub.go", "package sub\n"),
            ],
        );
    }
    proxy.add(
        "a.com/two/sub",
        "v0.1.0",
        &[
            ("go.mod", "module a.com/two/sub\n"),
            ("sub.go", "package sub\n"),
        ],
    );
    proxy.add(
        "a.com/wrong",
        "v1.0.0",
        &[("go.mod", "module b.com/other\n"), ("x.go", "package x\n")],
    );
    proxy.add(
        "a.com/broken",
        "v1.0.0",
        &[
            ("go.mod", "module a.com/broken\nrequire (\n"),
            ("x.go", "package x\n"),
        ],
    );
    proxy.add(
        "a.com/future",
        "v1.0.0",
        &[
            ("go.mod", "module a.com/future\ngo 1.99\n"),
            ("x.go", "package x\n"),
        ],
    );
    proxy.add(
        "a.com/asm",
        "v1.0.0",
        &[
            ("go.mod", "module a.com/asm\n"),
            ("x.go", "package asm\n\nfunc F()\n"),
            ("x_amd64.s", "TEXT F\n"),
        ],
    );
    proxy
}

pub(crate) fn system(files: &str) -> MemSystem {
    let system = proxy().system();
    system.add_txtar("/goroot", GOROOT);
    system.add_txtar("/m", files);
    system.set_current_dir("/m");
    system
}

fn load_with(
    system: MemSystem,
    options: LoadOptions,
    patterns: &[&str],
) -> Result<PackageGraph, String> {
    let env = Env::load(Arc::new(system)).map_err(|error| error.to_string())?;
    let loader = Loader::with_goroot(&env, Path::new("/goroot"), options)
        .map_err(|error| error.to_string())?;
    let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.to_string()).collect();
    loader.load(&patterns).map_err(|error| error.to_string())
}

fn options(mod_flag: &str) -> LoadOptions {
    LoadOptions {
        modules: ModOptions {
            mod_flag: mod_flag.to_string(),
            ..ModOptions::default()
        },
        ..LoadOptions::default()
    }
}

/// Loads `.` (or the patterns) and compares the error lines; "" expects a clean graph.
fn check_errors(files: &str, patterns: &[&str], want: &str) {
    let got = match load_with(system(files), options("mod"), patterns) {
        Ok(graph) => graph
            .warnings
            .iter()
            .cloned()
            .chain(graph.error_lines())
            .collect::<Vec<_>>()
            .join("\n"),
        Err(text) => text,
    };
    assert_eq!(got, want, "{files}");
}

fn names(graph: &PackageGraph) -> String {
    let skipped = ["unsafe", "internal/abi", "runtime"];
    let list: Vec<String> = graph
        .packages
        .iter()
        .map(|package| package.display_path())
        .filter(|path| !skipped.contains(&path.as_str()))
        .collect();
    list.join(" ")
}

const MOD: &str = "-- go.mod --\nmodule ex.com/m\n\ngo 1.27\n";

fn main_go(body: &str) -> String {
    format!("{MOD}-- main.go --\npackage main\n\n{body}\n\nfunc main() {{}}\n")
}

#[test]
fn dependencies_come_first() {
    let graph = load_with(
        system(&main_go("import \"fmt\"\nimport _ \"a.com/one\"")),
        options("mod"),
        &["."],
    )
    .unwrap();
    assert_eq!(names(&graph), "a.com/two a.com/one fmt ex.com/m");
    let main = graph.find("ex.com/m").unwrap();
    assert_eq!(
        (main.language.as_str(), main.name.as_str(), main.is_root),
        ("go1.27", "main", true)
    );
    let one = graph.find("a.com/one").unwrap();
    assert_eq!(
        (
            one.language.as_str(),
            one.module.as_ref().unwrap().module.version.as_str()
        ),
        ("go1.20", "v1.0.0")
    );
    for package in &graph.packages {
        assert!(
            package.imports.values().all(|import| *import < package.id),
            "{}",
            package.import_path
        );
    }
    assert!(graph.find("fmt").unwrap().body_less_ok && !main.body_less_ok);
}

#[test]
fn loading_twice_gives_the_same_ids_and_hashes() {
    let load = || {
        load_with(
            system(&main_go("import \"fmt\"\nimport _ \"a.com/one\"")),
            options("mod"),
            &["./..."],
        )
        .unwrap()
    };
    let (a, b) = (load(), load());
    assert_eq!(names(&a), names(&b));
    for (x, y) in a.packages.iter().zip(&b.packages) {
        assert_eq!(x.content_hash(), y.content_hash());
    }
}

#[test]
fn import_errors_have_positions() {
    check_errors(
        &main_go("import \"nosuch\""),
        &["."],
        "main.go:3:8: package nosuch is not in std (/goroot/src/nosuch)",
    );
    check_errors(
        &main_go("import \"ex.com/m/none\""),
        &["."],
        "main.go:3:8: cannot find module providing package ex.com/m/none: module ex.com/m/none: reading https://proxy.example/ex.com/m/none/@v/list: 404 Not Found\n\tserver response: not found",
    );
    check_errors(
        &main_go("import \"./x\""),
        &["."],
        "main.go:3:8: \"./x\" is relative, but relative import paths are not supported in module mode",
    );
    check_errors(
        &main_go("import \"/x\""),
        &["."],
        "main.go:3:8: cannot import absolute path",
    );
    check_errors(
        &main_go("import \"a b\""),
        &["."],
        "/m/main.go:3:8: invalid import path: a b",
    );
    check_errors(
        &main_go("import \"internal/abi\""),
        &["."],
        "package ex.com/m\n\tmain.go:3:8: use of internal package internal/abi not allowed",
    );
    check_errors(
        &main_go("import \"a.com/one/internal/x\""),
        &["."],
        "package ex.com/m\n\tmain.go:3:8: use of internal package a.com/one/internal/x not allowed",
    );
    check_errors(
        &main_go("import _ \"a.com/one/cmd/tool\""),
        &["."],
        "main.go:3:8: import \"a.com/one/cmd/tool\" is a program, not an importable package",
    );
    check_errors(
        &main_go("import \"fmt"),
        &["."],
        "main.go:3:8: string literal not terminated",
    );
}

#[test]
fn read_only_mode_says_what_to_do() {
    let check = |files: &str, want: &str| {
        let got = match load_with(system(files), options(""), &["."]) {
            Ok(graph) => graph.error_lines().join("\n"),
            Err(text) => text,
        };
        assert_eq!(got, want);
    };
    check(
        &main_go("import _ \"a.com/one\""),
        "main.go:3:8: no required module provides package a.com/one; to add it:\n\tgo get a.com/one",
    );
    let requires = main_go("import _ \"a.com/one\"")
        .replace("go 1.27\n", "go 1.27\n\nrequire a.com/one v1.0.0\n");
    check(
        &requires,
        "main.go:3:8: missing go.sum entry for module providing package a.com/one (imported by ex.com/m); to add:\n\tgo get ex.com/m",
    );
    let replaced = main_go("import _ \"x.com/y\"")
        .replace("go 1.27\n", "go 1.27\n\nreplace x.com/y v1.0.0 => ../y\n");
    check(
        &replaced,
        "main.go:3:8: module x.com/y provides package x.com/y and is replaced but not required; to add it:\n\tgo get x.com/y@v1.0.0",
    );
    let vendored = format!(
        "{}-- vendor/modules.txt --\n",
        main_go("import _ \"a.com/one\"")
    );
    check(
        &vendored,
        "main.go:3:8: cannot find module providing package a.com/one: import lookup disabled by -mod=vendor\n\t(Go version in go.mod is at least 1.14 and vendor directory exists.)",
    );
    check(
        "-- main.go --\npackage main\n",
        "go: go.mod file not found in current directory or any parent directory; see 'go help modules'",
    );
}

#[test]
fn adding_requirements_writes_go_mod_and_go_sum() {
    let system = Arc::new(system(&main_go("import _ \"a.com/one\"")));
    let env = Env::load(system.clone()).unwrap();
    let loader = Loader::with_goroot(&env, Path::new("/goroot"), options("mod")).unwrap();
    loader.load(&[]).unwrap();
    use source::system::System;
    let text = String::from_utf8(system.read(Path::new("/m/go.mod")).unwrap()).unwrap();
    assert_eq!(
        text,
        "module ex.com/m\n\ngo 1.27\n\nrequire a.com/one v1.0.0\n\nrequire a.com/two v1.1.0 // indirect\n"
    );
    let sums = String::from_utf8(system.read(Path::new("/m/go.sum")).unwrap()).unwrap();
    assert_eq!(sums.lines().count(), 4, "{sums}");
    // What was written is complete: a read-only load of the same tree works.
    let loader = Loader::with_goroot(&env, Path::new("/goroot"), options("")).unwrap();
    assert!(!loader.load(&[]).unwrap().has_errors());
}

#[test]
fn go_mod_that_needs_updates_is_refused() {
    let system = Arc::new(system(&main_go("import _ \"a.com/one\"")));
    let env = Env::load(system.clone()).unwrap();
    Loader::with_goroot(&env, Path::new("/goroot"), options("mod"))
        .unwrap()
        .load(&[])
        .unwrap();
    // The indirect requirement is missing now.
    system.add_file(
        "/m/go.mod",
        "module ex.com/m\n\ngo 1.27\n\nrequire a.com/one v1.0.0\n",
    );
    let loader = Loader::with_goroot(&env, Path::new("/goroot"), options("readonly")).unwrap();
    assert_eq!(
        loader.load(&[]).unwrap_err().to_string(),
        "go: updates to go.mod needed; to update it:\n\tgo mod tidy"
    );
}

#[test]
fn cycles_print_their_stack() {
    let files = format!(
        "{MOD}-- a/a.go --\npackage a\n\nimport _ \"ex.com/m/b\"\n-- b/b.go --\npackage b\n\nimport _ \"ex.com/m/a\"\n"
    );
    check_errors(
        &files,
        &["./a"],
        "package ex.com/m/a\n\timports ex.com/m/b from a.go\n\timports ex.com/m/a from b.go: import cycle not allowed",
    );
    let own = format!("{MOD}-- a/a.go --\npackage a\n\nimport _ \"ex.com/m/a\"\n");
    check_errors(
        &own,
        &["./a"],
        "package ex.com/m/a\n\timports ex.com/m/a from a.go: import cycle not allowed",
    );
}

#[test]
fn directories_without_packages() {
    let files = format!(
        "{MOD}-- none/x.txt --\n-- excluded/x.go --\n//go:build ignore\n\npackage x\n-- tests/x_test.go --\npackage x\n-- mix/a.go --\npackage a\n-- mix/b.go --\npackage b\n-- cgo/c.go --\npackage c\n\nimport \"C\"\n"
    );
    check_errors(&files, &["./none"], "no Go files in /m/none");
    check_errors(
        &files,
        &["./excluded"],
        "package ex.com/m/excluded: build constraints exclude all Go files in /m/excluded",
    );
    check_errors(
        &files,
        &["./tests"],
        "ex.com/m/tests: no non-test Go files in /m/tests",
    );
    check_errors(
        &files,
        &["./mix"],
        "found packages a (a.go) and b (b.go) in /m/mix",
    );
    check_errors(
        &files,
        &["./cgo"],
        "package ex.com/m/cgo: cgo is not supported: every Go file imports \"C\" (cgo/c.go:3:8)",
    );
    check_errors(&files, &["./nodir"], "stat /m/nodir: directory not found");
    check_errors(&files, &[".."], "no Go files in /");
    check_errors(
        &files,
        &["./none/..."],
        "go: warning: \"./none/...\" matched no packages",
    );
    check_errors(
        &files,
        &["./nodir/..."],
        "pattern ./nodir/...: lstat ./nodir/: no such file or directory",
    );
    check_errors(
        &files,
        &["fmt@v1"],
        "package fmt@v1: can only use path@version syntax with 'go get' and 'go install' in module-aware mode",
    );
}

#[test]
fn named_files() {
    let files = format!("{MOD}-- x.go --\npackage main\n-- d/y.go --\npackage main\n-- z.txt --\n");
    let graph = load_with(system(&files), options(""), &["x.go"]).unwrap();
    assert_eq!(names(&graph), "command-line-arguments");
    check_errors(
        &files,
        &["x.go", "d/y.go"],
        "named files must all be in one directory; have . and d",
    );
    check_errors(
        &files,
        &["x.go", "z.txt"],
        "named files must be .go files: z.txt",
    );
    check_errors(
        &files,
        &["no.go"],
        "no required module provides package no.go; to add it:\n\tgo get no.go",
    );
    // Constraints do not apply to named files.
    let ignored = format!("{MOD}-- x.go --\n//go:build ignore\n\npackage main\n");
    assert_eq!(
        load_with(system(&ignored), options(""), &["x.go"])
            .unwrap()
            .find("command-line-arguments")
            .unwrap()
            .files
            .len(),
        1
    );
}

#[test]
fn bad_go_mod_files() {
    check_errors(
        "-- go.mod --\nmodule ex.com/m\nfoo bar\n",
        &["."],
        "go: errors parsing go.mod:\ngo.mod:2: unknown directive: foo",
    );
    check_errors(
        "-- go.mod --\ngo 1.27\n",
        &["."],
        "go: error reading go.mod: missing module declaration. To specify the module path:\n\tgo mod edit -module=example.com/mod",
    );
    check_errors(
        "-- go.mod --\nmodule ex.com/m\ngo 1.99\n",
        &["."],
        "go: go.mod requires go >= 1.99 (running go 1.27.3)",
    );
    check_errors(
        "-- go.mod --\nmodule ex.com/m\ngo 1.27\n-- go.sum --\nbad\n",
        &["."],
        "malformed go.sum:\n/m/go.sum:1: wrong number of fields 1",
    );
    check_errors(
        &main_go("import _ \"a.com/one\"")
            .replace("go 1.27\n", "go 1.27\nrequire a.com/one v1.9.9\n"),
        &["."],
        "main.go:3:8: a.com/one@v1.9.9: reading https://proxy.example/a.com/one/@v/v1.9.9.zip: 404 Not Found\n\tserver response: not found",
    );
    check_errors(
        &main_go("import _ \"a.com/wrong\"")
            .replace("go 1.27\n", "go 1.27\nrequire a.com/wrong v1.0.0\n"),
        &["."],
        "main.go:3:8: a.com/wrong@v1.0.0: parsing go.mod:\n\tmodule declares its path as: b.com/other\n\t        but was required as: a.com/wrong",
    );
    check_errors(
        &main_go("import _ \"a.com/future\"")
            .replace("go 1.27\n", "go 1.27\nrequire a.com/future v1.0.0\n"),
        &["."],
        "main.go:3:8: a.com/future@v1.0.0 requires go >= 1.99 (running go 1.27.3)",
    );
    check_errors(
        &main_go("import _ \"a.com/broken\"")
            .replace("go 1.27\n", "go 1.27\nrequire a.com/broken v1.0.0\n"),
        &["."],
        "main.go:3:8: a.com/broken@v1.0.0: parsing go.mod: a.com/broken@v1.0.0/go.mod:3: syntax error (unterminated block started at a.com/broken@v1.0.0/go.mod:2:1)",
    );
    check_errors(
        &format!("{MOD}-- go.work --\ngo 1.27\n"),
        &["."],
        "go: workspaces are not supported yet (go.work); set GOWORK=off to ignore the file",
    );
}

#[test]
fn sums_that_do_not_match_stop_the_command() {
    let files = format!(
        "{}-- go.sum --\na.com/one v1.0.0 h1:AAAA\na.com/one v1.0.0/go.mod h1:AAAA\n",
        main_go("import _ \"a.com/one\"")
            .replace("go 1.27\n", "go 1.27\nrequire a.com/one v1.0.0\n")
    );
    let error = load_with(system(&files), options(""), &["."]).unwrap_err();
    assert!(
        error.starts_with("verifying a.com/one@v1.0.0: checksum mismatch\n\tdownloaded: h1:"),
        "{error}"
    );
    assert!(error.contains("SECURITY ERROR"), "{error}");
}

#[test]
fn ambiguous_imports_name_the_modules() {
    let files = main_go("import _ \"a.com/two/sub\"").replace(
        "go 1.27\n",
        "go 1.27\nrequire a.com/two v1.1.0\nrequire a.com/two/sub v0.1.0\n",
    );
    check_errors(
        &files,
        &["."],
        "main.go:3:8: ambiguous import: found package a.com/two/sub in multiple modules:\n\ta.com/two/sub v0.1.0 (/h/go/pkg/mod/a.com/two/sub@v0.1.0)\n\ta.com/two v1.1.0 (/h/go/pkg/mod/a.com/two@v1.1.0/sub)",
    );
}

#[test]
fn replacements_by_directory_and_module() {
    let base = main_go("import _ \"x.com/y\"");
    let by_dir = format!(
        "{}-- y/go.mod --\nmodule x.com/y\n-- y/y.go --\npackage y\n",
        base.replace(
            "go 1.27\n",
            "go 1.27\nrequire x.com/y v1.0.0\nreplace x.com/y => ./y\n"
        )
    );
    let graph = load_with(system(&by_dir), options("mod"), &["."]).unwrap();
    assert_eq!(graph.find("x.com/y").unwrap().dir, Path::new("/m/y"));
    let by_module = base.replace(
        "go 1.27\n",
        "go 1.27\nrequire x.com/y v1.0.0\nreplace x.com/y v1.0.0 => a.com/two v1.2.0\n",
    );
    let graph = load_with(system(&by_module), options("mod"), &["."]).unwrap();
    assert_eq!(
        graph.find("x.com/y").unwrap().dir,
        Path::new("/h/go/pkg/mod/a.com/two@v1.2.0")
    );
    let missing = base.replace(
        "go 1.27\n",
        "go 1.27\nrequire x.com/y v1.0.0\nreplace x.com/y => ./nodir\n",
    );
    check_errors(
        &missing,
        &["."],
        "main.go:3:8: x.com/y@v1.0.0: replacement directory ./nodir does not exist",
    );
}

#[test]
fn vendored_packages() {
    let files = format!(
        "{}-- vendor/modules.txt --\n# a.com/one v1.0.0\n## explicit; go 1.20\na.com/one\n-- vendor/a.com/one/one.go --\npackage one\n",
        main_go("import _ \"a.com/one\"")
            .replace("go 1.27\n", "go 1.27\nrequire a.com/one v1.0.0\n")
    );
    let graph = load_with(system(&files), options(""), &["."]).unwrap();
    assert_eq!(
        graph.find("a.com/one").unwrap().dir,
        Path::new("/m/vendor/a.com/one")
    );
    let stale = files.replace("v1.0.0\n## explicit", "v1.1.0\n## explicit");
    let error = load_with(system(&stale), options(""), &["."]).unwrap_err();
    assert!(error.starts_with("go: inconsistent vendoring in /m:\n\ta.com/one@v1.0.0: is explicitly required in go.mod, but not marked as explicit"), "{error}");
    assert!(load_with(system(&stale), options("mod"), &["."]).is_ok());
    let error = load_with(system(&stale), options("foo"), &["."]).unwrap_err();
    assert_eq!(
        error,
        "-mod=foo not supported (can be '', 'mod', 'readonly', or 'vendor')"
    );
}

#[test]
fn std_selection_and_vendored_std_packages() {
    let graph = load_with(system(MOD), options(""), &["math", "net/http"]).unwrap();
    assert!(!graph.has_errors());
    let math = graph.find("math").unwrap();
    assert_eq!(
        math.files
            .iter()
            .map(|file| file.name())
            .collect::<Vec<_>>(),
        ["exp_noasm.go"]
    );
    let http = graph.find("net/http").unwrap();
    assert_eq!(
        graph
            .package(http.imports["golang.org/x/net/idna"])
            .import_path,
        "vendor/golang.org/x/net/idna"
    );
}

#[test]
fn assembly_of_other_modules_is_an_error_that_names_the_file() {
    let files = main_go("import _ \"a.com/asm\"")
        .replace("go 1.27\n", "go 1.27\nrequire a.com/asm v1.0.0\n");
    check_errors(
        &files,
        &["."],
        "/h/go/pkg/mod/a.com/asm@v1.0.0/x_amd64.s: assembly is not supported: \"x_amd64.s\"",
    );
    let empty = format!("{MOD}-- x.go --\npackage x\n\nfunc F()\n-- x.s --\n// empty\n");
    let graph = load_with(system(&empty), options(""), &["."]).unwrap();
    assert!(!graph.has_errors() && graph.find("ex.com/m").unwrap().body_less_ok);
}

#[test]
fn embedded_files() {
    let files = format!(
        "{MOD}-- x.go --\npackage x\n\nimport _ \"embed\"\n\n//go:embed a.txt d\nvar s string\n-- a.txt --\n-- d/b.txt --\n"
    );
    let graph = load_with(system(&files), options(""), &["."]).unwrap();
    let embeds = &graph.find("ex.com/m").unwrap().embeds;
    assert_eq!(
        (embeds[0].files.as_slice(), embeds[1].files.as_slice()),
        (&["a.txt".to_string()][..], &["d/b.txt".to_string()][..])
    );
    check_errors(
        &files.replace("a.txt d", "none"),
        &["."],
        "x.go:5:12: pattern none: no matching files found",
    );
}

#[test]
fn overlays_replace_and_patch() {
    let file = |name: &str, text: &str| OverlayFile {
        name: name.to_string(),
        bytes: text.as_bytes().into(),
    };
    let overlay = Overlay {
        packages: vec![
            Arc::new(PackageOverlay {
                import_path: "runtime".to_string(),
                mode: OverlayMode::Replace,
                files: vec![file("ours.go", "package runtime\n\nimport _ \"unsafe\"\n")],
                drops_assembly: true,
            }),
            Arc::new(PackageOverlay {
                import_path: "reflect".to_string(),
                mode: OverlayMode::Patch {
                    removed: vec!["Value.call".to_string()],
                },
                files: vec![file(
                    "zz_ours.go",
                    "package reflect\n\nimport \"internal/abi\"\n",
                )],
                drops_assembly: true,
            }),
        ],
        display_root: "<ferrogo>".to_string(),
    };
    let options = LoadOptions {
        overlay: Arc::new(overlay),
        ..options("")
    };
    let graph = load_with(system(&main_go("import _ \"reflect\"")), options, &["."]).unwrap();
    let runtime = graph.find("runtime").unwrap();
    assert_eq!(
        runtime
            .files
            .iter()
            .map(|file| file.path.display().to_string())
            .collect::<Vec<_>>(),
        ["<ferrogo>/runtime/ours.go"]
    );
    assert!(!runtime.imports.contains_key("internal/abi"));
    let reflect = graph.find("reflect").unwrap();
    assert_eq!(
        (
            reflect.files.len(),
            reflect.body_less_ok,
            reflect.overlay.is_some()
        ),
        (2, true, true)
    );
    assert!(reflect.imports.contains_key("internal/abi"));
}

#[test]
fn test_variants() {
    let files = format!(
        "{MOD}-- p/p.go --\npackage p\n-- p/p_test.go --\npackage p\n\nimport _ \"fmt\"\n-- p/x_test.go --\npackage p_test\n\nimport _ \"ex.com/m/p\"\nimport _ \"ex.com/m/q\"\n-- q/q.go --\npackage q\n\nimport _ \"ex.com/m/p\"\n-- none/n.go --\npackage n\n"
    );
    let options = LoadOptions {
        tests: true,
        ..options("")
    };
    let graph = load_with(system(&files), options.clone(), &["./p"]).unwrap();
    assert!(!graph.has_errors(), "{:?}", graph.error_lines());
    let test = &graph.tests[0];
    let internal = graph.package(test.internal);
    assert_eq!(
        (internal.display_path().as_str(), internal.files.len()),
        ("ex.com/m/p [ex.com/m/p.test]", 2)
    );
    let external = graph.package(test.external.unwrap());
    assert_eq!(external.display_path(), "ex.com/m/p_test [ex.com/m/p.test]");
    assert_eq!(external.imports["ex.com/m/p"], test.internal);
    let recompiled = graph.package(external.imports["ex.com/m/q"]);
    assert_eq!(
        (recompiled.display_path().as_str(), &recompiled.variant),
        ("ex.com/m/q [ex.com/m/p.test]", &Variant::Recompiled)
    );
    assert_eq!(recompiled.imports["ex.com/m/p"], test.internal);
    let main = graph.package(test.main);
    assert_eq!(
        (main.import_path.as_str(), main.name.as_str()),
        ("ex.com/m/p.test", "main")
    );
    assert!(main.imports.contains_key("testing/internal/testdeps"));
    let graph = load_with(system(&files), options, &["./none"]).unwrap();
    assert_eq!(
        (graph.tests[0].internal, graph.tests[0].external),
        (graph.tests[0].package, None)
    );
}

#[test]
fn test_cycles_are_reported() {
    let files = format!(
        "{MOD}-- p/p.go --\npackage p\n-- p/p_test.go --\npackage p\n\nimport _ \"ex.com/m/q\"\n-- q/q.go --\npackage q\n\nimport _ \"ex.com/m/p\"\n"
    );
    let graph = load_with(
        system(&files),
        LoadOptions {
            tests: true,
            ..options("")
        },
        &["./p"],
    )
    .unwrap();
    assert_eq!(
        graph.error_lines(),
        [
            "package ex.com/m/p\n\timports ex.com/m/q from p_test.go\n\timports ex.com/m/p from q.go: import cycle not allowed in test"
        ]
    );
}

#[test]
fn wildcards_skip_what_they_must() {
    let files = format!(
        "{MOD}-- a/a.go --\npackage a\n-- testdata/t.go --\npackage t\n-- _x/x.go --\npackage x\n-- .y/y.go --\npackage y\n-- nested/go.mod --\nmodule n\n-- nested/n.go --\npackage n\n-- ignored/i.go --\n//go:build ignore\n\npackage i\n-- vendor2/v.go --\npackage v\n"
    );
    let graph = load_with(system(&files), options(""), &["./..."]).unwrap();
    assert_eq!(names(&graph), "ex.com/m/a ex.com/m/vendor2");
    let graph = load_with(
        system(&files.replace("go 1.27\n", "go 1.27\n\nignore ./a\n")),
        options(""),
        &["ex.com/m/..."],
    )
    .unwrap();
    assert_eq!(names(&graph), "ex.com/m/vendor2");
    check_errors(
        &files,
        &["./nested"],
        "main module (ex.com/m) does not contain package ex.com/m/nested",
    );
}

#[test]
fn a_package_at_a_version() {
    let system = system("-- x.txt --\n");
    let env = Env::load(Arc::new(system)).unwrap();
    let at = |spec: &str| {
        let mut env = env.clone();
        env.set_override("GOROOT", "/goroot");
        Loader::at_version(&env, spec, LoadOptions::default())
    };
    // GOROOT of the tests has no VERSION file; the spec is checked before anything else.
    assert!(at("nonsense").is_err());
    let loader = Loader::with_goroot(
        &env,
        Path::new("/goroot"),
        LoadOptions {
            modules: ModOptions {
                no_main_module: true,
                ..ModOptions::default()
            },
            ..LoadOptions::default()
        },
    )
    .unwrap();
    let (module, _) = loader
        .modules
        .query_package("a.com/one/cmd/tool", "latest")
        .unwrap();
    assert_eq!(module.to_string(), "a.com/one@v1.0.0");
    let mut requirements = loader.modules.requirements();
    requirements.raise(&module);
    loader.modules.set_requirements(requirements);
    let graph = loader
        .load(&["a.com/one/cmd/tool".to_string(), "a.com/one".to_string()])
        .unwrap();
    assert!(!graph.has_errors(), "{:?}", graph.error_lines());
    assert_eq!(names(&graph), "a.com/one/cmd/tool a.com/two a.com/one");
}
