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
