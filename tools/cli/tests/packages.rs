//! What `build`, `install`, `test` and `list` say of packages, in the words of `go`.

mod place;

use place::Place;

const MISTAKES: &str = "\
-- e1/e.go --
package e

import _ \"embed\"

//go:embed e.go
var x int
-- e2/e.go --
package e

import \"embed\"

//go:embed e.go f.txt
var a string

//go:embed *
var b embed.FS

type T []byte

//go:embed f.txt e.go
var c T

//go:embed f.txt
//go:embed f.txt
var d []byte

//go:embed f.txt
var p *embed.FS
-- e2/f.txt --
-- d1/d.go --
//go:debug nosuch=1
package main

func main() {}
-- d2/d.go --
//go:debug panicnil
package main

func main() {}
-- d3/d.go --
//go:debug panicnil=1 2
package main

func main() {}
-- d4/d.go --
package d
-- d4/e_test.go --
//go:debug nosuch=1
package d

import \"testing\"

func Test(t *testing.T) {}
-- d5/d.go --
package d
-- d5/d_test.go --
package d

import \"testing\"

func Test(t *testing.T) {}
-- d5/x_test.go --
//go:debug panicnil=1,2
package d_test
";

#[test]
fn directives_that_cannot_be_met() {
    let place = Place::new("directives", MISTAKES);
    let fails = |path: &str, name: &str, lines: &str| {
        place.check(
            &format!("build -o /dev/null ./{path}"),
            1,
            "",
            &format!("# ex.com/m/{path}\n{lines}"),
        );
        place.check(
            &format!("test ./{path}"),
            1,
            &format!("FAIL\tex.com/m/{path} [build failed]\nFAIL\n"),
            &format!("# {name}\n{lines}"),
        );
    };
    fails(
        "e1",
        "ex.com/m/e1",
        "e1/e.go:6:5: go:embed cannot apply to var of type int\n",
    );
    fails(
        "e2",
        "ex.com/m/e2",
        "e2/e.go:6:5: invalid go:embed: multiple files for type string\ne2/e.go:14:5: invalid go:embed: multiple files for type T\ne2/e.go:21:5: go:embed cannot apply to var of type *embed.FS\n",
    );
    for (path, why) in [
        ("d1", "unknown //go:debug setting \"nosuch\""),
        ("d2", "missing key=value"),
        ("d3", "value contains space"),
    ] {
        fails(
            path,
            &format!("ex.com/m/{path}"),
            &format!("{path}/d.go:1:1: invalid //go:debug: {why}\n"),
        );
    }
    // Those of tests count for the tests.
    place.check("build ./d4 ./d5", 0, "", "");
    place.check(
        "test ./d4",
        1,
        "FAIL\tex.com/m/d4 [build failed]\nFAIL\n",
        "# ex.com/m/d4 [ex.com/m/d4.test]\nd4/e_test.go:1:1: invalid //go:debug: unknown //go:debug setting \"nosuch\"\n",
    );
    place.check(
        "test ./d5",
        1,
        "FAIL\tex.com/m/d5 [build failed]\nFAIL\n",
        "# ex.com/m/d5_test [ex.com/m/d5.test]\nd5/x_test.go:1:1: invalid //go:debug: value contains comma\n",
    );
}

const MANY: &str = "\
-- a/a.go --
package main

func main() {}
-- b/b.go --
package main

import _ \"ex.com/m/lib\"

func main() {}
-- c/c.go --
package main

func main() { var x int = \"\" }
-- d/d.go --
package main

func main() {}
-- lib/lib.go --
package lib

func f() { return 1 }
-- tests/a_test.go --
package tests

import \"testing\"

func Test(t *testing.T) {}
";

#[test]
fn one_broken_package_does_not_keep_others_from_being_built() {
    let place = Place::new("many", MANY);
    let errors = "# ex.com/m/lib\nlib/lib.go:3:19: too many return values\n\thave (number)\n\twant ()\n# ex.com/m/c\nc/c.go:3:19: declared and not used: x\nc/c.go:3:27: cannot use \"\" (untyped string constant) as int value in variable declaration\n";
    let there = |dir: &str| -> Vec<String> {
        let entries = std::fs::read_dir(place.dir.join(dir)).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    place.check("install ./a ./b ./c ./d ./lib", 1, "", errors);
    assert_eq!(there("bin"), ["a", "d"]);
    place.check_part("build -o out/ ./a ./b ./c ./d", 1, "lib/lib.go:3:19");
    place.check(
        "build -o lib/lib.go/x ./a",
        1,
        "",
        "ex.com/m/a: go build ex.com/m/a: mkdir lib/lib.go/: file exists\n",
    );
    assert_eq!(there("m/out"), ["a", "d"]);
}

#[test]
fn flags_of_tests() {
    let place = Place::new("testflags", MANY);
    for (list, why) in [
        (
            "foo",
            "must be a supported analyzer or a distinguished value; found foo",
        ),
        (
            "printf,foo",
            "must be a supported analyzer or a distinguished value; found foo",
        ),
        (
            "printf, bools",
            "is comma-separated list, cannot contain spaces",
        ),
        (",", "contains empty list element"),
    ] {
        place.check_part(
            &format!("test '-vet={list}' ./tests"),
            2,
            &format!("invalid value {list:?} for flag -vet: -vet argument {why}\n"),
        );
    }
    for list in ["off", "all", "printf,bools"] {
        place.check_part(&format!("test -vet={list} ./tests"), 0, "ok  \t");
    }
    // A directory for profiles is seen from where the command was given.
    std::fs::create_dir(place.work().join("out")).unwrap();
    place.check_part(
        "test -outputdir out -memprofile m.prof ./tests",
        0,
        "ok  \t",
    );
    assert!(place.work().join("out/m.prof").is_file());
    for command in ["build", "test", "install"] {
        place.check(
            &format!("{command} -tags 'a b,c' ./tests"),
            2,
            "",
            "go: -tags space-separated list contains comma\n",
        );
    }
}

const LISTED: &str = "\
-- lib/lib.go --
// Package lib is there.
package lib
-- lib/_no.go --
package no
-- lib/lib_windows.go --
package lib
-- lib/lib_test.go --
package lib

import \"testing\"

func Test(t *testing.T) {}
-- testdata/x/x.go --
package x
-- tests/two_test.go --
package tests
-- two/a.go --
package a
-- two/b_test.go --
package b
-- syntax/a.go --
package syntax
-- syntax/b.go --
//go:build linux &&

package syntax
-- twice/a.go --
//go:build linux
//go:build amd64

package twice
-- hidden/_a.go --
package hidden
-- quote/q.go --
package quote

import _ \"embed\"

//go:embed \"unterminated
var a string
-- missing/a.go --
package missing

import _ \"fmt/internal\"
-- path/a.go --
package path

import \"a b\"
import \"/abs\"
-- nul/a.go --
package nul
-- own/a.go --
package own

import _ \"ex.com/m/own\"
-- wants/a.go --
package wants
-- wants/a_test.go --
package wants

import _ \"nosuchstd\"
";

#[test]
fn packages_that_cannot_be_loaded() {
    let place = Place::new("listed", LISTED);
    let fails = |path: &str, why: &str| {
        place.check(&format!("list ./{path}"), 1, "", &format!("{why}\n"));
        place.check(&format!("build ./{path}"), 1, "", &format!("{why}\n"));
    };
    fails(
        "two",
        "found packages a (a.go) and b (b_test.go) in $DIR/m/two",
    );
    fails(
        "syntax",
        "b.go: parsing //go:build line: unexpected end of expression",
    );
    fails("twice", "a.go: multiple //go:build comments");
    fails("hidden", "no Go files in $DIR/m/hidden");
    fails("path", "$DIR/m/path/a.go:3:8: invalid import path: a b");
    fails(
        "nul",
        "malformed import path \"ex.com/m/nul\": \"nul\" disallowed as path element component on Windows",
    );
    place.check("list ./missing", 0, "ex.com/m/missing\n", "");
    place.check(
        "build ./missing",
        1,
        "",
        "missing/a.go:3:8: package fmt/internal is not in std ($GOROOT/src/fmt/internal)\n",
    );
    place.check("list ./quote", 0, "ex.com/m/quote\n", "");
    place.check(
        "build ./quote",
        1,
        "",
        "# ex.com/m/quote\nquote/q.go:5:3: invalid quoted string in //go:embed: \"unterminated\nquote/q.go:5:3: usage: //go:embed pattern...\n",
    );
    std::fs::write(place.work().join("hidden/a.go"), b"\xff\xfep\0a\0").unwrap();
    fails(
        "hidden",
        "hidden/a.go:1:1: illegal UTF-8 encoding (got UTF-16)",
    );
    std::os::unix::fs::symlink("nowhere", place.work().join("lib/link.go")).unwrap();
    fails("lib", "open $DIR/m/lib/link.go: no such file or directory");
    // Nothing to compile is found last.
    place.check(
        "build ./tests ./two",
        1,
        "",
        "found packages a (a.go) and b (b_test.go) in $DIR/m/two\n",
    );
    place.check(
        "build ./tests",
        1,
        "",
        "ex.com/m/tests: no non-test Go files in $DIR/m/tests\n",
    );
    place.check("build tests/two_test.go", 0, "", "");
    place.check(
        "run ./tests",
        1,
        "",
        "package ex.com/m/tests is not a main package\n",
    );
}

#[test]
fn templates_of_list() {
    let place = Place::new("templates", LISTED);
    let list = |arguments: &str, stdout: &str| {
        place.check(&format!("list {arguments}"), 0, stdout, "");
    };
    list("-f '' ./lib", "ex.com/m/lib\n");
    list(
        "-f '{{.IgnoredGoFiles}} {{(module \"ex.com/m\").Main}}' ./lib",
        "[lib_windows.go] true\n",
    );
    list(
        "-e -f '{{.Error}}|{{.InvalidGoFiles}}|{{.GoFiles}}|{{.Incomplete}}' ./two ./syntax ./twice ./path",
        "found packages a (a.go) and b (b_test.go) in $DIR/m/two|[b_test.go]|[a.go]|true\n\
         b.go: parsing //go:build line: unexpected end of expression|[b.go]|[a.go]|true\n\
         a.go: multiple //go:build comments|[a.go]|[]|true\n\
         $DIR/m/path/a.go:3:8: invalid import path: a b|[a.go]|[a.go]|true\n",
    );
    let cycle = "package ex.com/m/own\n\timports ex.com/m/own from a.go: import cycle not allowed";
    list(
        "-e -f '{{.Error}}|{{.DepsErrors}}' ./own",
        &format!("{cycle}|[{cycle}]\n"),
    );
    list(
        "-e -json=Error ./two",
        "{\n\t\"Error\": {\n\t\t\"ImportStack\": [],\n\t\t\"Pos\": \"\",\n\t\t\"Err\": \"found packages a (a.go) and b (b_test.go) in $DIR/m/two\"\n\t}\n}\n",
    );
    list(
        "-test -f '{{.ImportPath}} {{.Name}} {{.ForTest}}' ./lib",
        "ex.com/m/lib lib \nex.com/m/lib.test main \nex.com/m/lib [ex.com/m/lib.test] lib ex.com/m/lib\n",
    );
    // What was written before an error is there.
    place.check(
        "list -f '{{.Name}}{{index .GoFiles 7}}' ./lib",
        1,
        "lib\n",
        "template: main:1:11: executing \"main\" at <index .GoFiles 7>: error calling index: index out of range: 7\n",
    );
    place.check(
        "list ./testdata/...",
        0,
        "",
        "go: warning: \"./testdata/...\" matched no packages\n",
    );
    list("./testdata/x/...", "ex.com/m/testdata/x\n");
    let all = place.run("list -e work").stdout;
    assert_eq!(all, place.run("list -e ./...").stdout);
    let fails = |line: &str, stderr: &str| place.check(line, 1, "", stderr);
    fails(
        "list -test ./wants",
        "go: can't load test package: wants/a_test.go:3:8: package nosuchstd is not in std ($GOROOT/src/nosuchstd)\n",
    );
    for name in ["find", "compiled", "export", "test"] {
        fails(
            &format!("list -m -{name}"),
            &format!("go list -{name} cannot be used with -m\n"),
        );
    }
    fails(
        "list -reuse=x",
        "go list -reuse cannot be used without -m\n",
    );
}

#[test]
fn errors_of_builds_as_json() {
    let place = Place::new("json", MANY);
    place.check(
        "build -json ./lib",
        1,
        "{\"ImportPath\":\"ex.com/m/lib\",\"Action\":\"build-output\",\"Output\":\"# ex.com/m/lib\\n\"}\n\
         {\"ImportPath\":\"ex.com/m/lib\",\"Action\":\"build-output\",\"Output\":\"lib/lib.go:3:19: too many return values\\n\"}\n\
         {\"ImportPath\":\"ex.com/m/lib\",\"Action\":\"build-output\",\"Output\":\"\\thave (number)\\n\"}\n\
         {\"ImportPath\":\"ex.com/m/lib\",\"Action\":\"build-output\",\"Output\":\"\\twant ()\\n\"}\n\
         {\"ImportPath\":\"ex.com/m/lib\",\"Action\":\"build-fail\"}\n",
        "",
    );
}

const NAMED: &str = "\
-- a/a.go --
package main

import _ \"ex.com/m/lib\"

func main() {}
-- b/b.go --
package main

import _ \"ex.com/m/lib\"

func main() {}
-- lib/lib.go --
package lib
";

#[test]
fn only_what_is_compiled_is_named() {
    let place = Place::new("named", NAMED);
    let names = |line: &str| {
        let got = place.run(line);
        assert_eq!(got.status, Some(0), "{got:?}");
        got.stderr
    };
    let first = names("build -v -o /dev/null ./a");
    for part in ["\nruntime\n", "ex.com/m/lib\nex.com/m/a\n"] {
        assert!(first.contains(part), "{first}");
    }
    assert_eq!(names("build -v -o /dev/null ./a"), "");
    assert_eq!(names("build -v ./..."), "ex.com/m/b\n");
    let file = place.work().join("lib/lib.go");
    std::fs::write(file, "package lib\n\nvar X = 1\n").unwrap();
    assert_eq!(names("build -v ./lib"), "ex.com/m/lib\n");
    assert_eq!(names("build -v ./lib"), "");
}

const OVERLAID: &str = "\
-- main.go --
package main

import \"ex.com/m/lib\"

func main() { println(lib.Name) }
-- lib/lib.go --
package lib

const Name = \"lib\"
-- lib/more.go --
package lib

const Name = \"twice\"
-- lib/lib_test.go --
package lib
-- other.txt --
package lib

const Name = \"other\"
-- wrong.txt --
package lib

const Name int = \"other\"
";

#[test]
fn files_may_be_replaced() {
    let place = Place::new("overlay", OVERLAID);
    let overlay = |text: &str| std::fs::write(place.work().join("o.json"), text).unwrap();
    let fails = |line: &str, stderr: &str| place.check(line, 1, "", stderr);
    fails(
        "build -overlay none.json",
        "go: reading overlay: open none.json: no such file or directory\n",
    );
    overlay("{");
    fails(
        "list -overlay o.json",
        "go: parsing overlay JSON: unexpected end of JSON input\n",
    );
    overlay("{\"Replace\": {\"lib/more.go\": \"\"}}");
    place.check("run -overlay o.json .", 0, "", "lib\n");
    overlay("{\"Replace\": {\"lib/more.go\": \"\", \"lib/lib.go\": \"other.txt\"}}");
    place.check("run -overlay o.json .", 0, "", "other\n");
    overlay("{\"Replace\": {\"lib/more.go\": \"wrong.txt\", \"lib/lib.go\": \"\"}}");
    fails(
        "build -overlay o.json",
        "# ex.com/m/lib\nlib/more.go:3:18: cannot use \"other\" (untyped string constant) as int value in constant declaration\n",
    );
    overlay("{\"Replace\": {\"lib/more.go\": \"\", \"lib/lib.go\": \"\"}}");
    fails(
        "build -overlay o.json",
        "ex.com/m/lib: no non-test Go files in $DIR/m/lib\n",
    );
    overlay("{\"Replace\": {\"new/n.go\": \"other.txt\"}}");
    place.check(
        "list -overlay o.json ./...",
        0,
        "ex.com/m\nex.com/m/lib\nex.com/m/new\n",
        "",
    );
}
