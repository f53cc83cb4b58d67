//! Input and surroundings that no command can do anything with: one clear message, the right exit status, nothing half-written.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

mod place;

use place::{LIMIT, Place, goroot};

const HELLO: &str = "\
-- main.go --
package main

func main() { println(\"hi\") }
";

fn place(name: &str) -> Place {
    Place::new(&format!("bad-{name}"), HELLO)
}

/// Building the module with this main file fails with these words, and leaves no program.
#[track_caller]
fn check_source(name: &str, source: &[u8], error: &str) {
    let place = place(name);
    std::fs::write(place.work().join("main.go"), source).unwrap();
    place.check("build -o out", 1, "", error);
    assert!(!place.work().join("out").exists(), "nothing is written");
}

#[test]
fn bytes_that_are_no_go() {
    let error = |text: &str| format!("# ex.com/m\n./main.go:{text}\n");
    check_source(
        "utf8",
        b"package main\nfunc main() { println(\"\xff\") }\n",
        &error("2:24: invalid UTF-8 encoding"),
    );
    check_source(
        "nul",
        b"package main\nfunc main() { \0 }\n",
        &error("2:15: invalid NUL character"),
    );
    check_source(
        "bom",
        b"package main\nfunc main() { \xef\xbb\xbf }\n",
        &error("2:15: invalid BOM in the middle of the file"),
    );
    for (name, before, after) in [
        ("parens", "var x = ", "\nfunc main() {}\n"),
        ("calls", "func main() { f", " }\n"),
    ] {
        let deep = "(".repeat(200_000) + "1" + &")".repeat(200_000);
        let source = format!("package main\n{before}{deep}{after}");
        let depth = error("2: syntax error: nesting depth exceeds limit");
        check_source(name, source.as_bytes(), &depth);
    }
    let good = place("crlf");
    let source = b"\xef\xbb\xbfpackage main\r\nfunc main() {}\r\n";
    std::fs::write(good.work().join("main.go"), source).unwrap();
    good.check("build -o out", 0, "", "");
}

#[test]
fn go_mod_with_bytes_that_are_no_text() {
    let check = |name: &str, text: &str, error: &str| {
        let place = place(name);
        std::fs::write(place.work().join("go.mod"), text).unwrap();
        place.check("build", 1, "", &format!("go: {error}\n"));
    };
    check(
        "mod-bom",
        "\u{feff}module ex.com/m\n",
        "errors parsing go.mod:\ngo.mod:1: unexpected input character '\\ufeff'",
    );
    check(
        "mod-nul",
        "module ex.com/m\0\n",
        "errors parsing go.mod:\ngo.mod:1:16: unexpected input character '\\x00'",
    );
    check(
        "mod-replaced-twice",
        "module ex.com/m\ngo 1.27\nreplace a.com/x => ./a\nreplace a.com/x => ./b\n",
        "conflicting replacements for a.com/x:\n\t./a\n\t./b",
    );
    let needs = "updates to go.mod needed; to update it:\n\tgo mod tidy";
    let require = "require a.com/x v1.0.0\n";
    let readonly = |name: &str, text: String, error: &str| {
        let place = place(name);
        std::fs::write(place.work().join("go.mod"), text).unwrap();
        place.check("build -mod=readonly", 1, "", error);
    };
    readonly(
        "mod-required-twice",
        format!("module ex.com/m\ngo 1.27\n{require}require a.com/x v1.1.0\n"),
        &format!("go: {needs}\n"),
    );
    readonly(
        "mod-excluded",
        format!("module ex.com/m\ngo 1.27\n{require}exclude a.com/x v1.0.0\n"),
        &format!("go: ignoring requirement on excluded version a.com/x v1.0.0\ngo: {needs}\n"),
    );
}

#[test]
fn directories_in_place_of_files() {
    let sum = place("go-sum");
    std::fs::create_dir(sum.work().join("go.sum")).unwrap();
    sum.check("build", 1, "", "open $DIR/m/go.sum: is a directory\n");
    let go_mod = place("go-mod");
    std::fs::remove_file(go_mod.work().join("go.mod")).unwrap();
    std::fs::create_dir(go_mod.work().join("go.mod")).unwrap();
    go_mod.check(
        "build",
        1,
        "",
        "go: go.mod file not found in current directory or any parent directory; see 'go help modules'\n",
    );
    let source = place("source");
    std::fs::rename(
        source.work().join("main.go"),
        source.work().join("main.txt"),
    )
    .unwrap();
    std::fs::create_dir(source.work().join("main.go")).unwrap();
    source.check("build", 1, "", "no Go files in $DIR/m\n");
    let output = place("output");
    std::fs::create_dir(output.work().join("m")).unwrap();
    output.check(
        "build",
        1,
        "",
        "go: build output \"m\" already exists and is a directory\n",
    );
}

#[test]
fn links_that_lead_nowhere_or_around() {
    let place = place("links");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, place.work().join(name)).unwrap();
    };
    for (target, name) in [
        (".", "loop"),
        (".", "dir.go"),
        ("nosuch", "gone_windows.go"),
    ] {
        link(target, name);
    }
    place.check("list ./...", 0, "ex.com/m\n", "");
    place.check("build -o out ./...", 0, "", "");
    for (target, why) in [
        ("link.go", "too many levels of symbolic links"),
        ("nosuch", "no such file or directory"),
    ] {
        link(target, "link.go");
        let error = format!("open $DIR/m/link.go: {why}\n");
        place.check("list ./...", 1, "", &error);
        place.check("build -o out ./...", 1, "", &error);
        std::fs::remove_file(place.work().join("link.go")).unwrap();
    }
}

#[test]
fn a_cache_that_cannot_be_used_is_done_without() {
    let place = place("cache");
    std::fs::write(place.dir.join("file"), "not a directory").unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_ferrogo"));
    let file = place.dir.join("file").display().to_string();
    let got = place.run_as(binary, "run .", &[("FERROGOCACHE", &file)]);
    assert_eq!((got.status, &*got.stderr), (Some(0), "hi\n"));
    let gone = place.dir.join("nosuch").display().to_string();
    for (name, what) in [("TMPDIR", "run"), ("GOTMPDIR", "run")] {
        let env = [("FERROGOCACHE", "off"), (name, &*gone)];
        let got = place.run_as(binary, "run .", &env);
        assert_eq!(got.status, Some(1), "{name}: {got:?}");
        assert!(
            got.stderr
                .starts_with("go: creating work dir: mkdir $DIR/nosuch/ferrogo-")
                && got.stderr.ends_with(": no such file or directory\n"),
            "{what} with {name}: {got:?}"
        );
    }
}

#[test]
fn output_that_nobody_reads() {
    let place = place("output-full");
    let command = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrogo"));
        command
            .args(line.split(' '))
            .current_dir(place.work())
            .env("GOROOT", goroot())
            .env("FERROGOCACHE", place.dir.join("cache"))
            .env("GOENV", "off")
            .env("GOPROXY", "off");
        command
    };
    let lines = ["version", "help", "env GOOS", "list std", "mod graph"];
    for line in lines {
        // A full disk.
        let full = File::options().write(true).open("/dev/full").unwrap();
        let outcome = command(line).stdout(full).output().unwrap();
        let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert_eq!(
            (outcome.status.code(), &*told),
            (Some(1), "go: writing output: no space left on device\n"),
            "{line}"
        );
        // A reader that has gone.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let outcome = command(line).stdout(writer).output().unwrap();
        let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert_eq!((outcome.status.code(), &*told), (Some(141), ""), "{line}");
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = command("build ./nosuch").stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

/// Whatever a build had done when it ended: there is no program, or a whole one, and nothing beside it.
#[test]
fn an_interrupted_build_leaves_nothing_half_written() {
    let place = place("interrupt");
    for millis in [5, 20, 60, 120, 250] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrogo"))
            .args(["build", "-o", "out"])
            .current_dir(place.work())
            .env("GOROOT", goroot())
            .env("FERROGOCACHE", place.dir.join("cache"))
            .env("GOENV", "off")
            .env("GOPROXY", "off")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        let _ = child.kill();
        let _ = child.wait();
        let out = place.work().join("out");
        if out.exists() {
            let outcome = testkit::run(&mut Command::new(&out), LIMIT);
            assert_eq!((outcome.status, &*outcome.stderr), (Some(0), "hi\n"));
            std::fs::remove_file(&out).unwrap();
        }
    }
    place.check("build -o out", 0, "", "");
    let outcome = testkit::run(&mut Command::new(place.work().join("out")), LIMIT);
    assert_eq!((outcome.status, &*outcome.stderr), (Some(0), "hi\n"));
}
