//! The command line: exit statuses and messages, as `go` has them. Without a network; programs are few and small.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

mod place;

use place::{LIMIT, Place};

const BROKEN: &str = "\
-- typo/main.go --
package main

func main() {
	x := 1
	var s string = 2
	undefined()
}
-- bad/main.go --
package main

func main() {
	x = = 1
}
-- cyc1/a.go --
package cyc1

import _ \"ex.com/m/cyc2\"
-- cyc2/a.go --
package cyc2

import _ \"ex.com/m/cyc1\"
-- excl/a.go --
//go:build windows

package excl
-- missing/a.go --
package missing

import (
	_ \"example.com/other/pkg\"
	_ \"nosuchstd\"
)
-- cgo/a.go --
package cgo

import \"C\"
-- empty/a.txt --
-- lib/lib.go --
package lib

// Two is 2.
func Two() int { return 2 }
-- lib2/lib.go --
package lib2

import \"ex.com/m/lib\"

// Four is 4.
func Four() int { return 2 * lib.Two() }
";

#[test]
fn sources_with_errors() {
    let place = Place::new("broken", BROKEN);
    let fails = |line: &str, stderr: &str| place.check(line, 1, "", stderr);
    fails(
        "build -o out ./typo",
        "# ex.com/m/typo\ntypo/main.go:4:2: declared and not used: x\ntypo/main.go:5:6: declared and not used: s\ntypo/main.go:5:17: cannot use 2 (untyped int constant) as string value in variable declaration\ntypo/main.go:6:2: undefined: undefined\n",
    );
    fails(
        "build ./typo",
        "go: build output \"typo\" already exists and is a directory\n",
    );
    fails(
        "run bad/main.go",
        "# command-line-arguments\nbad/main.go:4:6: syntax error: unexpected =, expected expression\n",
    );
    fails(
        "build ./cyc1",
        "package ex.com/m/cyc1\n\timports ex.com/m/cyc2 from a.go\n\timports ex.com/m/cyc1 from a.go: import cycle not allowed\n",
    );
    fails(
        "build ./excl",
        "package ex.com/m/excl: build constraints exclude all Go files in $DIR/m/excl\n",
    );
    fails("build ./empty", "no Go files in $DIR/m/empty\n");
    fails(
        "build ./nosuch",
        "stat $DIR/m/nosuch: directory not found\n",
    );
    fails(
        "build nosuch",
        "package nosuch is not in std ($GOROOT/src/nosuch)\n",
    );
    fails(
        "build -mod=readonly ./missing",
        "missing/a.go:4:2: no required module provides package example.com/other/pkg; to add it:\n\tgo get example.com/other/pkg\nmissing/a.go:5:2: package nosuchstd is not in std ($GOROOT/src/nosuchstd)\n",
    );
    fails(
        "run nosuch.go",
        "stat nosuch.go: no such file or directory\n",
    );
    fails("run ./lib", "package ex.com/m/lib is not a main package\n");
    fails("run", "go: no go files listed\n");
    place.check_part("build ./cgo", 1, "cgo");
    place.check_part(
        "test ./typo",
        1,
        "FAIL\tex.com/m/typo [build failed]\nFAIL\n",
    );
    place.check("build ./lib ./lib2", 0, "", "");
    place.check("test ./lib", 0, "?   \tex.com/m/lib\t[no test files]\n", "");
    place.check("-C lib list", 0, "ex.com/m/lib\n", "");
    assert!(!place.work().join("out").exists(), "nothing half-written");
}

#[test]
fn command_lines() {
    let place = Place::new("flags", BROKEN);
    let usage = |line: &str, stderr: &str| place.check(line, 2, "", stderr);
    for (line, flag) in [
        ("build -race ./lib", "-race"),
        ("run -msan ./lib", "-msan"),
        ("test -cover ./lib", "-cover"),
        ("build -buildmode=plugin ./lib", "-buildmode=plugin"),
        ("list -export", "-export"),
        ("mod tidy -diff", "-diff"),
        ("test -fuzz=F ./lib", "-fuzz"),
    ] {
        place.check_part(line, 2, &format!("{flag} is not supported by ferrogo yet"));
    }
    for name in [
        "vet",
        "fmt",
        "get",
        "generate",
        "doc",
        "work",
        "tool",
        "bug",
        "fix",
        "telemetry",
        "mod edit",
        "mod vendor",
    ] {
        usage(name, &format!("ferrogo: go {name} is not supported yet\n"));
    }
    usage(
        "frobnicate",
        "go frobnicate: unknown command\nRun 'ferrogo help' for usage.\n",
    );
    usage(
        "mod frobnicate",
        "go mod: unknown command\nRun 'ferrogo help mod' for usage.\n",
    );
    usage(
        "build -zzz",
        "flag provided but not defined: -zzz\nusage: ferrogo build [-o output] [build flags] [packages]\nRun 'ferrogo help build' for details.\n",
    );
    usage(
        "mod graph -zzz",
        "flag provided but not defined: -zzz\nusage: ferrogo mod graph [-go=version] [-x]\nRun 'ferrogo help mod graph' for details.\n",
    );
    usage(
        "run -h",
        "usage: ferrogo run [build flags] [-exec xprog] package [arguments...]\nRun 'ferrogo help run' for details.\n",
    );
    place.check_part("build -o", 2, "flag needs an argument: -o\n");
    place.check_part(
        "list -v -C lib",
        2,
        "invalid value \"lib\" for flag -C: -C flag must be first flag on command line\n",
    );
    usage(
        "help frobnicate",
        "go help frobnicate: unknown help topic. Run 'ferrogo help'.\n",
    );
    place.check_part(
        "help",
        0,
        "\tbuild       compile packages and dependencies\n",
    );
    place.check_part("help mod tidy", 0, "usage: ferrogo mod tidy ");
    place.check_part("", 2, "Usage:\n\n\tferrogo <command> [arguments]\n");
    place.check(
        "build -C nosuch",
        1,
        "",
        "go: chdir nosuch: no such file or directory\n",
    );
    place.check(
        "clean -cache ./lib",
        1,
        "",
        "go: clean -cache cannot be used with package arguments\n",
    );
    place.check(
        "list -deps -m",
        1,
        "",
        "go list -deps cannot be used with -m\n",
    );
    let fails = |line: &str, stderr: &str| place.check(line, 1, "", stderr);
    fails("build -p 0 ./lib", "go: -p must be a positive integer: 0\n");
    fails(
        "build -pgo=nosuch ./lib",
        "# $DIR/m/nosuch\npreprofile: error opening profile: open $DIR/m/nosuch: no such file or directory\n",
    );
    fails(
        "build -buildmode=foo ./lib",
        "buildmode=foo not supported\n",
    );
    fails(
        "build -modfile=other.txt ./lib",
        "go: -modfile=other.txt: file does not have .mod extension\n",
    );
    fails(
        "build -modfile=other.mod ./lib",
        "go: open other.mod: no such file or directory\n",
    );
    fails(
        "install a.com/a@",
        "go: a.com/a@: version must not be empty\n",
    );
    fails(
        "install fmt@latest",
        "go: fmt@latest: argument must not be a package in the standard library\n",
    );
    fails(
        "run ./lib/...",
        "go: warning: \"./lib/...\" matched only non-main packages\ngo: no packages loaded from ./lib/...\n",
    );
    fails("build ..", "no Go files in $DIR\n");
    fails(
        "build ./nosuch/...",
        "pattern ./nosuch/...: lstat ./nosuch/: no such file or directory\n",
    );
    fails(
        "list -m ./lib",
        "go: cannot use relative path ./lib to specify module\n",
    );
    for (line, text) in [
        (
            "build -p x ./lib",
            "invalid value \"x\" for flag -p: parse error\n",
        ),
        (
            "build -compiler=foo ./lib",
            "invalid value \"foo\" for flag -compiler: unknown compiler \"foo\"\n",
        ),
        (
            "build -buildvcs=foo ./lib",
            "value is neither 'auto' nor a valid bool\n",
        ),
        (
            "build -asmflags=zzz ./lib",
            "invalid value \"zzz\" for flag -asmflags: missing =<value> in <pattern>=<value>\n",
        ),
        ("install -o x ./typo", "flag provided but not defined: -o\n"),
        (
            "test -count=x ./lib",
            "Run 'ferrogo help test' and 'ferrogo help testflag' for details.\n",
        ),
        ("test -v=x ./lib", "invalid flag -test.v=x\n"),
        ("mod tidy -go=x", "expecting a Go version like \"1.27.3\"\n"),
    ] {
        place.check_part(line, 2, text);
    }
    place.check("build -buildvcs=auto -o '' ./lib", 0, "", "");
    place.check(
        "install a.com/a@v1 b.com/b@v2",
        1,
        "",
        "go: b.com/b@v2: all arguments must refer to packages in the same module at the same version (@v1)\n",
    );
    place.check(
        "run example.com/nope@v1.0.0",
        1,
        "",
        "go: example.com/nope@v1.0.0: module lookup disabled by GOPROXY=off\n",
    );
    place.check_part("version", 0, "go version go1.27.3 linux/amd64");
    place.check(
        "version nosuch",
        1,
        "",
        "stat nosuch: no such file or directory\n",
    );

    let binary = Path::new(env!("CARGO_BIN_EXE_ferrogo"));
    for (name, value, status, stderr) in [
        (
            "GOOS",
            "windows",
            2,
            "ferrogo: GOOS=windows GOARCH=amd64 is not supported by ferrogo yet; it builds for linux/amd64\n",
        ),
        (
            "GOOS",
            "nosuch",
            2,
            "go: unsupported GOOS/GOARCH pair nosuch/amd64\n",
        ),
        (
            "GO111MODULE",
            "maybe",
            1,
            "go: unknown environment setting GO111MODULE=maybe\n",
        ),
        (
            "GOPATH",
            "rel",
            2,
            "go: GOPATH entry is relative; must be absolute path: \"rel\".\nFor more details see: 'go help gopath'\n",
        ),
    ] {
        let got = place.run_as(binary, "build ./lib", &[(name, value)]);
        assert_eq!((got.status, &*got.stderr), (Some(status), stderr));
    }
    let flags = place.run_as(binary, "build ./lib", &[("GOFLAGS", "-zzz")]);
    assert_eq!(flags.stderr, "go: parsing $GOFLAGS: unknown flag -zzz\n");
    let flags = place.run_as(binary, "build ./lib", &[("GOFLAGS", "-race")]);
    assert_eq!(flags.status, Some(2), "{flags:?}");

    let go = place.dir.join("go");
    std::os::unix::fs::symlink(binary, &go).unwrap();
    let outcome = place.run_as(&go, "build -zzz", &[]);
    assert_eq!(
        (outcome.status, outcome.stderr.as_str()),
        (
            Some(2),
            "flag provided but not defined: -zzz\nusage: go build [-o output] [build flags] [packages]\nRun 'go help build' for details.\n"
        )
    );
}

#[test]
fn questions_about_modules() {
    let place = Place::new("modules", BROKEN);
    let prints = |line: &str, stdout: &str| place.check(line, 0, stdout, "");
    prints("list ./lib ./lib2", "ex.com/m/lib\nex.com/m/lib2\n");
    prints("list -deps ./lib2", "ex.com/m/lib\nex.com/m/lib2\n");
    prints(
        "list -f '{{.Name}} {{.Imports}}' ./lib2",
        "lib2 [ex.com/m/lib]\n",
    );
    prints("list -json=Name ./lib", "{\n\t\"Name\": \"lib\"\n}\n");
    prints("list -m", "ex.com/m\n");
    prints("list fmt...", "fmt\n");
    // What was asked for is wrong: nothing is listed. What it imports is wrong: it is.
    place.check(
        "list ./lib ./cyc1",
        1,
        "",
        "package ex.com/m/cyc1\n\timports ex.com/m/cyc2 from a.go\n\timports ex.com/m/cyc1 from a.go: import cycle not allowed\n",
    );
    prints("list -mod=readonly ./missing", "ex.com/m/missing\n");
    place.check_part("list -deps ./typo", 0, "runtime\nex.com/m/typo\n");
    std::fs::write(place.work().join("go.work"), "go 1.27\n").unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_ferrogo"));
    let work = place.run_as(binary, "env GOWORK", &[("GOWORK", "")]);
    assert_eq!(work.stdout, "$DIR/m/go.work\n");
    prints("env GOMOD GOFLAGS", "$DIR/m/go.mod\n-mod=mod\n");
    prints("env -json GOOS", "{\n\t\"GOOS\": \"linux\"\n}\n");
    prints("env -w GOPRIVATE=corp.example", "");
    prints("env GOPRIVATE", "corp.example\n");
    prints("env -u GOPRIVATE", "");
    prints("env GOPRIVATE", "\n");
    prints("mod graph", "ex.com/m go@1.27\ngo@1.27 toolchain@go1.27\n");
    prints("mod verify", "all modules verified\n");
    prints("mod -C lib verify", "all modules verified\n");
    place.check(
        "mod download",
        0,
        "",
        "go: no module dependencies to download\n",
    );
    place.check(
        "mod tidy x",
        1,
        "",
        "go: 'go mod tidy' accepts no arguments\n",
    );
    place.check("mod init x", 1, "", "go: $DIR/m/go.mod already exists\n");
    place.check("env -u", 1, "", "go: 'go env -u' requires an argument\n");
    place.check_part("mod", 2, "Go mod provides access to operations on modules.");
    std::fs::create_dir(place.dir.join("new")).unwrap();
    place.check(
        "mod init -C ../new ex.com/new",
        0,
        "",
        "go: creating new go.mod: module ex.com/new\n",
    );
    assert_eq!(
        std::fs::read_to_string(place.dir.join("new/go.mod")).unwrap(),
        "module ex.com/new\n\ngo 1.27.3\n"
    );
    prints("-C ../new mod tidy", "");
    prints("mod why -C ../new", "");
    prints(
        "mod why fmt",
        "# fmt\n(main module does not need package fmt)\n",
    );
}

const PROGRAMS: &str = "\
-- hello/main.go --
package main

var version = \"none\"

func main() { println(\"version\", version) }
-- args/main.go --
package main

import \"os\"

func main() {
	for _, a := range os.Args[1:] {
		println(a)
	}
	os.Exit(len(os.Args))
}
";

#[test]
fn programs_are_built_and_run() {
    let place = Place::new("run", PROGRAMS);
    place.check("run ./hello", 0, "", "version none\n");
    place.check(
        "build -ldflags '-X main.version=v1.2' -o out ./hello",
        0,
        "",
        "",
    );
    let outcome = testkit::run(&mut Command::new(place.work().join("out")), LIMIT);
    assert_eq!(outcome.stderr, "version v1.2\n");
    place.check("run ./args a -v", 1, "", "a\n-v\nexit status 3\n");
    place.check(
        "run -exec '/usr/bin/env -u HOME' ./hello",
        0,
        "",
        "version none\n",
    );
    place.check(
        "build -ldflags=-zzz -o out ./hello",
        2,
        "",
        "ferrogo: -ldflags: flag -zzz is not supported\n",
    );
    place.check_part("build -a -n -o planned ./hello", 0, "\n#\n# ex.com/m/hello\n#\n\ncd $DIR/m/hello\ncompile -p ex.com/m/hello ./main.go\nlink -o $DIR/m/planned\n");
    assert!(!place.work().join("planned").exists(), "-n builds nothing");
    place.check_part("build -x -o shown ./hello", 0, "/m/shown\n");
    place.check(
        "run -exec nosuchprog ./hello",
        1,
        "",
        "exec: \"nosuchprog\": executable file not found in $PATH\n",
    );
    place.check("build -o new/dir/out ./hello", 0, "", "");
    assert!(place.work().join("new/dir/out").is_file());
    place.check(
        "build -o hello/main.go ./args",
        1,
        "",
        "ex.com/m/args: go build ex.com/m/args: build output \"hello/main.go\" already exists and is not an object file\n",
    );
    let relative = place.run_as(
        Path::new(env!("CARGO_BIN_EXE_ferrogo")),
        "install ./hello",
        &[("GOBIN", "rel")],
    );
    assert_eq!(
        relative.stderr,
        "cannot install, GOBIN must be an absolute path\n"
    );
    place.check("install ./hello", 0, "", "");
    assert!(place.dir.join("bin/hello").is_file());
    std::fs::copy(place.work().join("out"), place.work().join("hello/hello")).unwrap();
    place.check("clean -n ./hello", 0, "rm -f $DIR/m/hello/hello\n", "");
    place.check("clean -i ./hello", 0, "", "");
    assert!(!place.work().join("hello/hello").exists());
    assert!(!place.dir.join("bin/hello").exists());
    assert!(place.work().join("hello/main.go").is_file());
    place.check("clean -cache -testcache", 0, "", "");
    let left = std::fs::read_dir(place.dir.join("cache")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "the cache is empty");
}

const OF_ITS_BUILD: &str = "\
-- go.mod --
module ex.com/m

go 1.20

godebug http2client=0
-- old/main.go --
//go:debug panicnil=0

package main

import (
	\"fmt\"
	\"runtime\"
	\"runtime/debug\"
	\"strings\"
)

func main() {
	info, _ := debug.ReadBuildInfo()
	fmt.Println(info.Path, info.Main.Path, info.Main.Version)
	for _, s := range info.Settings {
		if s.Key != \"DefaultGODEBUG\" {
			fmt.Println(s.Key, s.Value)
			continue
		}
		for _, setting := range strings.Split(s.Value, \",\") {
			switch name, _, _ := strings.Cut(setting, \"=\"); name {
			case \"http2client\", \"panicnil\", \"httplaxcontentlength\", \"asynctimerchan\":
				fmt.Println(setting)
			}
		}
	}
	fmt.Println(runtime.GOROOT())
}
-- new/main.go --
//go:debug default=go1.27
//go:debug panicnil=1

package main

func main() {
	defer func() { println(recover() == nil) }()
	panic(nil)
}
-- unknown/main.go --
//go:debug nosuch=1
package main

func main() {}
-- removed/main.go --
//go:debug asynctimerchan=1
package main

func main() {}
-- nomain/main.go --
package main

func f() {}
-- typed/main.go --
package main

var number int

func main() {}
";

#[test]
fn programs_know_their_build() {
    let place = Place::new("buildinfo", OF_ITS_BUILD);
    let sorted = "http2client=0\nhttplaxcontentlength=1\npanicnil=0\n";
    let target = "CGO_ENABLED 0\nGOARCH amd64\nGOOS linux\nGOAMD64 v2\n";
    place.check(
        "run -exec '/usr/bin/env -u GOROOT' ./old",
        0,
        &format!(
            "ex.com/m/old ex.com/m (devel)\n-buildmode exe\n-compiler gc\n{sorted}{target}$GOROOT\n"
        ),
        "",
    );
    place.check(
        "run -exec '/usr/bin/env -u GOROOT' -trimpath -tags=a,b '-ldflags=-s -w' ./old",
        0,
        &format!(
            "ex.com/m/old ex.com/m (devel)\n-buildmode exe\n-compiler gc\n-tags a,b\n-trimpath true\n{sorted}{target}\n"
        ),
        "",
    );
    place.check("run ./new", 0, "", "true\n");
    let fails = |line: &str, stderr: &str| place.check(line, 1, "", stderr);
    fails(
        "build -o out ./unknown",
        "# ex.com/m/unknown\nunknown/main.go:1:1: invalid //go:debug: unknown //go:debug setting \"nosuch\"\n",
    );
    place.check_part("build -o out ./removed", 1, "removed GODEBUG \"asynctimerchan\" set to old value \"1\" (https://go.dev/doc/godebug#go-127)\n");
    fails(
        "build -o out ./nomain",
        "# ex.com/m/nomain\nruntime.main_main·f: function main is undeclared in the main package\n",
    );
    fails(
        "build -o out -ldflags=-X=main.number=1 ./typed",
        "# ex.com/m/typed\nmain.number: cannot set with -X: not a var of type string (type:int)\n",
    );
    for flag in ["-m", "-m=2", "-S"] {
        place.check(
            &format!("build -o out -gcflags={flag} ./typed"),
            2,
            "",
            &format!("ferrogo: -gcflags: {flag} is not supported yet: ferrogo does not print what its compiler decides\n"),
        );
    }
    place.check("build -tags=a,b -o old.exe ./old", 0, "", "");
    let settings = "-buildmode=exe -compiler=gc -tags=a,b";
    let stated = settings.replace(' ', "\n\tbuild\t");
    let target = target.trim_end().replace(' ', "=");
    let target = target.replace('\n', "\n\tbuild\t");
    let first = "old.exe: go1.27.3\n\tpath\tex.com/m/old\n\tmod\tex.com/m\t(devel)\t\n";
    let told = place.run("version -m old.exe").stdout;
    assert!(
        told.starts_with(&format!(
            "{first}\tbuild\t{stated}\n\tbuild\tDefaultGODEBUG="
        )) && told.ends_with(&format!("\n\tbuild\t{target}\n")),
        "{told}"
    );
    place.check_part("version -m -json .", 0, "\"Key\": \"-tags\",");
    place.check("version go.mod old.exe", 0, "old.exe: go1.27.3\n", "");
    let kept = place.run("build -a -work -o out ./typed");
    let dir = kept.stderr.trim().strip_prefix("WORK=").unwrap_or_default();
    let dir = dir.replace("$DIR", &place.dir.display().to_string());
    assert!(
        Path::new(&dir).join("b001/exe/a.out").is_file(),
        "-work keeps the program: {kept:?}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}

const TESTS: &str = "\
-- twice/a_test.go --
package twice

import \"testing\"

func TestMain(m *testing.M) {}
-- twice/b_test.go --
package twice_test

import \"testing\"

func TestMain(m *testing.M) {}
-- tests/a.go --
package tests
-- tests/a_test.go --
package tests

import \"testing\"

func TestGood(t *testing.T) {}

func TestBad(t *testing.T) { t.Error(\"wrong\") }
-- program/main.go --
package main

import \"fmt\"

var tests, examples, benchmarks, fuzzTargets = 1, 2, 3, 4

func main() { fmt.Println(tests, examples, benchmarks, fuzzTargets) }
-- program/main_test.go --
package main

import (
	\"crypto/sha256\"
	\"fmt\"
	\"runtime\"
	\"testing\"
)

func TestName(t *testing.T) {
	pc, _, _, _ := runtime.Caller(0)
	t.Logf(\"%s %T\", runtime.FuncForPC(pc).Name(), struct{ x failure }{}.x)
}

type failure struct{}

func Example() {
	main()
	// Output: 1 2 3 4
	_ = sha256.Size
}

func Example_two() {
	fmt.Println(1)
	// Output: 2
	_ = 2 // not run: this is the last comment
}
";

#[test]
fn tests_of_a_program_are_run() {
    let place = Place::new("program", TESTS);
    let told = "=== RUN   TestName\n    main_test.go:12: ex.com/m/program.TestName main.failure\n--- PASS: TestName (TIME)\n=== RUN   Example\n--- PASS: Example (TIME)\nPASS\nok  \tex.com/m/program\tTIME\n";
    place.check("test -vet=off -v ./program", 0, told, "");
    place.check(
        "test -vet=off -gcflags=-N ./program",
        0,
        "ok  \tex.com/m/program\tTIME\n",
        "",
    );
}

#[test]
fn tests_are_run() {
    let place = Place::new("test", TESTS);
    let passes = |line: &str, stdout: &str| place.check(line, 0, stdout, "");
    passes("test -run Good ./tests", "ok  \tex.com/m/tests\tTIME\n");
    // A profile is put where the command was given, with the program that it is about.
    passes(
        "test -run Good -cpuprofile=c.prof ./tests",
        "ok  \tex.com/m/tests\tTIME\n",
    );
    for name in ["c.prof", "tests.test"] {
        assert!(place.work().join(name).is_file(), "{name}");
    }
    place.check(
        "test -cpuprofile=c.prof ./tests ./program",
        1,
        "",
        "cannot use -cpuprofile flag with multiple packages\n",
    );
    place.check(
        "test ./twice",
        1,
        "FAIL\tex.com/m/twice [setup failed]\nFAIL\n",
        "# ex.com/m/twice\nmultiple definitions of TestMain\n",
    );
    passes(
        "test -v -run Good ./tests",
        "=== RUN   TestGood\n--- PASS: TestGood (TIME)\nPASS\nok  \tex.com/m/tests\tTIME\n",
    );
    passes(
        "test -run None ./tests",
        "ok  \tex.com/m/tests\tTIME [no tests to run]\n",
    );
    let failure = "--- FAIL: TestBad (TIME)\n    a_test.go:7: wrong\nFAIL\n";
    place.check(
        "test ./tests",
        1,
        &format!("{failure}FAIL\tex.com/m/tests\tTIME\nFAIL\n"),
        "",
    );
    place.check(
        "test -C tests",
        1,
        &format!("{failure}exit status 1\nFAIL\tex.com/m/tests\tTIME\n"),
        "",
    );
    place.check_part(
        "test -json -run Good ./tests",
        0,
        "\"Action\":\"pass\",\"Package\":\"ex.com/m/tests\",\"Test\":\"TestGood\"",
    );
}

const KEPT: &str = "\
-- good/a.go --
package good
-- good/testdata/x --
one
-- good/a_test.go --
package good

import (
	\"os\"
	\"testing\"
)

func TestFile(t *testing.T) {
	if _, err := os.ReadFile(\"testdata/x\"); err != nil {
		t.Fatal(err)
	}
	t.Log(os.Getenv(\"OF_THE_TEST\"))
}
-- typo/a.go --
package typo

var X int = \"\"
-- typo/a_test.go --
package typo

import \"testing\"

func Test(t *testing.T) {}
-- missing/a.go --
package missing

import _ \"nosuchstd\"
-- none/a.go --
package none
-- sig/a_test.go --
package sig

import \"testing\"

func TestX(t *testing.B) {}
";

#[test]
fn results_of_tests_are_kept() {
    let place = Place::new("testcache", KEPT);
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    let file = std::fs::File::options()
        .write(true)
        .open(place.work().join("good/testdata/x"))
        .unwrap();
    file.set_modified(old).unwrap();
    let fresh = "ok  \tex.com/m/good\tTIME\n";
    let kept = "ok  \tex.com/m/good\t(cached)\n";
    let check = |line: &str, stdout: &str| place.check(line, 0, stdout, "");
    check("test ./good", fresh);
    check("test ./good", kept);
    check("test -timeout=5m ./good", kept);
    check("test -count=1 ./good", fresh);
    check("test ./good -args x", fresh);
    check("test -C good", "PASS\nok  \tex.com/m/good\tTIME\n");
    let verbose = "=== RUN   TestFile\n    a_test.go:12: \n--- PASS: TestFile (TIME)\nPASS\n";
    check("test -v ./good", &format!("{verbose}{fresh}"));
    check("test -v ./good", &format!("{verbose}{kept}"));
    place.check_part("test -json ./good", 0, "\"Output\":\"ok  ");
    place.check_part("test -json ./good", 0, "(cached)\\n\"}\n");
    // What the test looked at has changed: a variable, the file's time.
    let binary = Path::new(env!("CARGO_BIN_EXE_ferrogo"));
    let with = place.run_as(binary, "test ./good", &[("OF_THE_TEST", "1")]);
    assert_eq!(with.stdout, fresh);
    file.set_modified(old - Duration::from_secs(1)).unwrap();
    check("test ./good", fresh);
    check("test ./good", kept);
    check("clean -testcache", "");
    check("test ./good", fresh);
    // What cannot be set up or built does not keep the others from running.
    place.check(
        "test ./...",
        1,
        &format!(
            "FAIL\tex.com/m/missing [setup failed]\nFAIL\tex.com/m/sig [setup failed]\n{kept}?   \tex.com/m/none\t[no test files]\n\
             FAIL\tex.com/m/typo [build failed]\nFAIL\n"
        ),
        "# ex.com/m/missing\nmissing/a.go:3:8: package nosuchstd is not in std ($GOROOT/src/nosuchstd)\n\
         # ex.com/m/sig\n$DIR/m/sig/a_test.go:5:1: wrong signature for TestX, must be: func TestX(t *testing.T)\n\
         # ex.com/m/typo [ex.com/m/typo.test]\ntypo/a.go:3:13: cannot use \"\" (untyped string constant) as int value in variable declaration\n",
    );
    place.check_part(
        "test -json ./missing",
        1,
        "\"Action\":\"fail\",\"Package\":\"ex.com/m/missing\",\"Elapsed\":0,\"FailedBuild\":\"nosuchstd\"",
    );
    check(
        "test -c -o out/ ./good ./none",
        "?   \tex.com/m/none\t[no test files]\n",
    );
    place.check(
        "test -c -o out.test ./good ./none",
        1,
        "",
        "with multiple packages, -o must refer to a directory or /dev/null\n",
    );
    assert!(place.work().join("out/good.test").is_file());
}

const NAMES: &str = "\
-- main.go --
package main

import (
	\"fmt\"
	\"reflect\"
	\"runtime\"
	\"unsafe\"

	sub \"ex.com/m/sub.v3\"
)

func main() {
	sub.T{}.M()
	(&sub.G[sub.T]{}).M()
	fmt.Println(runtime.FuncForPC(reflect.ValueOf(sub.Twice).Pointer()).Name())
	fmt.Printf(\"%T %v\\n\", sub.G[*sub.T]{}, reflect.TypeFor[sub.T]().PkgPath())
	func() {
		defer func() { fmt.Println(recover()) }()
		_ = any(1).(sub.G[sub.T])
	}()
	// What has no size has an address that may be written.
	*(*int64)(unsafe.Pointer(reflect.New(reflect.TypeFor[[0]int64]()).Pointer())) = 5
	fmt.Println(sub.Linked())
}
-- sub.v3/sub.go --
package sub

import (
	\"fmt\"
	\"runtime\"
	_ \"unsafe\"
)

type T struct{}
type G[X any] struct{ x X }

func name(skip int) string {
	pc, _, _, _ := runtime.Caller(skip)
	return runtime.FuncForPC(pc).Name()
}

func (T) M() {
	fmt.Println(name(1))
	func() { fmt.Println(name(1)) }()
}
func (*G[X]) M()       { fmt.Println(name(1)) }
func Twice(n int) int  { return 2 * n }
func init()            { fmt.Println(name(1)) }

func hidden() string { return \"linked\" }

//go:linkname Linked ex.com/m/sub%2ev3.hidden
func Linked() string
-- sub.v3/empty.s --
";

#[test]
fn names_of_packages_with_dots() {
    let place = Place::new("dots", NAMES);
    place.check(
        "run .",
        0,
        "ex.com/m/sub%2ev3.init.0\n\
         ex.com/m/sub%2ev3.T.M\n\
         ex.com/m/sub%2ev3.T.M.func1\n\
         ex.com/m/sub%2ev3.(*G[...]).M\n\
         ex.com/m/sub%2ev3.Twice\n\
         sub.G[*ex.com/m/sub%2ev3.T] ex.com/m/sub.v3\n\
         interface conversion: interface {} is int, not sub.G[ex.com/m/sub%2ev3.T]\n\
         linked\n",
        "",
    );
}
