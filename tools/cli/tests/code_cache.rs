//! Machine code kept between builds gives the same programs as compiling everything, also when the cache was damaged.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOURCE: &str = r#"package main

import (
	"fmt"
	"os"
	"sort"
)

type shape interface{ area() float64 }
type square struct{ side float64 }

func (s square) area() float64 { return s.side * s.side }

func main() {
	defer fmt.Println("end")
	shapes := []shape{square{3}, square{2}}
	sort.Slice(shapes, func(i, j int) bool { return shapes[i].area() < shapes[j].area() })
	fmt.Fprintln(os.Stdout, shapes, VALUE)
}
"#;

fn build(dir: &Path, cache: &str, output: &str) -> Vec<u8> {
    let outcome = testkit::run(
        Command::new(env!("CARGO_BIN_EXE_ferrogo"))
            .args(["build", "-o", output, "main.go"])
            .current_dir(dir)
            .env("FERROGOCACHE", cache),
        Duration::from_secs(120),
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    std::fs::read(dir.join(output)).unwrap()
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .filter(|e| e.path().is_dir())
        .flat_map(|e| std::fs::read_dir(e.path()).unwrap().flatten())
        .map(|e| e.path())
        .collect()
}

#[test]
fn kept_code_is_the_code() {
    let dir = std::env::temp_dir().join(format!("ferrogo-code-cache-{}", std::process::id()));
    let cache = dir.join("cache");
    std::fs::create_dir_all(&dir).unwrap();
    let cache_text = cache.display().to_string();
    let write = |value: &str| {
        std::fs::write(dir.join("main.go"), SOURCE.replace("VALUE", value)).unwrap();
    };
    write("1");
    assert!(build(&dir, &cache_text, "cold") == build(&dir, "off", "plain"));
    // Positions and one function change, the rest is taken from the cache.
    write("2, \"two\", len(shapes)");
    let plain = build(&dir, "off", "plain");
    assert!(build(&dir, &cache_text, "warm") == plain);
    // Entries that were cut off, and entries of another kind under their name.
    for (number, file) in files(&cache).iter().enumerate() {
        let bytes = std::fs::read(file).unwrap();
        match number % 3 {
            0 => std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap(),
            1 => std::fs::write(file, b"something else").unwrap(),
            _ => {}
        }
    }
    assert!(build(&dir, &cache_text, "damaged") == plain);
    std::fs::remove_dir_all(&dir).unwrap();
}

const UTIL: &str = r#"package util

import "example.com/rebuild/model"

var Table = []int{1, 2, 3}

func Small(x int) int { return x + 1 }

//go:noinline
func Keep(p *int) int { return *p }

//go:noinline
func Sum[T any](list []T, f func(T) int) (n int) {
	for _, x := range list {
		n += f(x)
	}
	return n
}

func Even(n int) bool {
	if n == 0 {
		return true
	}
	return Odd(n - 1)
}

func Odd(n int) bool {
	if n == 0 {
		return false
	}
	return Even(n - 1)
}

func Describe(s model.Shape) string { return s.Name() + ":" + model.Unit }
"#;

const MODEL: &str = r#"package model

const Unit = "cm"

type Shape interface {
	Name() string
	Area() int
}

type Square struct {
	Side int
}

func (s *Square) Name() string { return "square" }
func (s *Square) Area() int    { return s.Side * s.Side }
"#;

const MAIN: &str = r#"package main

import (
	"example.com/rebuild/model"
	"example.com/rebuild/util"
)

func local(n int) int {
	x := n
	return util.Keep(&x)
}

func main() {
	defer func() {
		println("recovered", recover() != nil)
	}()
	s := &model.Square{Side: 4}
	println(util.Describe(s), s.Area(), util.Small(1), local(2), util.Even(10))
	println(util.Sum([]model.Square{{Side: 1}, {Side: 2}}, func(s model.Square) int { return s.Area() }))
	println(util.Sum(util.Table, util.Small), len(util.Table))
	var none *model.Square
	println(none.Area())
}
"#;

/// Changes one after the other: (file, what, by what).
const CHANGES: &[(&str, &str, &str)] = &[
    ("main.go", "local(2)", "local(3)"),
    // An inlined body, and a constant.
    ("util/util.go", "return x + 1", "return x + 7"),
    ("model/model.go", "\"cm\"", "\"mm\""),
    // What is behind a parameter now escapes, then does not again.
    (
        "util/util.go",
        "func Keep(p *int) int { return *p }",
        "func Keep(p *int) int { kept = p; return *kept }\n\nvar kept *int",
    ),
    ("util/util.go", "kept = p; return *kept", "return *p * 2"),
    // Layout of a type that other packages' code and instances contain.
    ("model/model.go", "Side int\n", "Color string\n\tSide int\n"),
    // Methods of an interface.
    (
        "model/model.go",
        "\tName() string\n",
        "\tBorder() int\n\tName() string\n",
    ),
    (
        "model/model.go",
        "func (s *Square) Name()",
        "func (s *Square) Border() int { return 4 * s.Side }\nfunc (s *Square) Name()",
    ),
    // Functions that call one another.
    ("util/util.go", "return Odd(n - 1)", "return !Even(n - 1)"),
    // Contents of a global, lines above everything, a function that is no longer inlined.
    ("util/util.go", "{1, 2, 3}", "{1, 2, 3, 4}"),
    ("util/util.go", "var Table", "// Table is one.\n\nvar Table"),
    ("util/util.go", "func Small", "//go:noinline\nfunc Small"),
    // Only white space.
    ("main.go", "s := &model", "s  :=  &model"),
];

#[test]
fn changed_programs_are_what_they_would_be_from_nothing() {
    let dir = std::env::temp_dir().join(format!("ferrogo-rebuild-{}", std::process::id()));
    let cache = dir.join("cache").display().to_string();
    let mut texts = vec![
        (
            "go.mod",
            "module example.com/rebuild\n\ngo 1.27\n".to_owned(),
        ),
        ("main.go", MAIN.to_owned()),
        ("util/util.go", UTIL.to_owned()),
        ("model/model.go", MODEL.to_owned()),
    ];
    for folder in ["util", "model"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let write = |texts: &[(&str, String)]| {
        for (name, text) in texts {
            std::fs::write(dir.join(name), text).unwrap();
        }
    };
    let build = |cache: &str, output: &str| {
        let outcome = testkit::run(
            Command::new(env!("CARGO_BIN_EXE_ferrogo"))
                .args(["build", "-o", output, "."])
                .current_dir(&dir)
                .env("FERROGOCACHE", cache),
            Duration::from_secs(120),
        );
        (outcome.status, outcome.stderr)
    };
    // (compiled anew, all) functions of a build.
    let compiled = || -> (u32, u32) {
        let outcome = testkit::run(
            Command::new(env!("CARGO_BIN_EXE_ferrogo"))
                .args(["build", "--timings", "-o", "counted", "."])
                .current_dir(&dir)
                .env("FERROGOCACHE", &cache),
            Duration::from_secs(120),
        );
        let line = outcome
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("functions compiled"));
        let (anew, all) = line
            .and_then(|line| line.split_once(" of "))
            .unwrap_or_else(|| panic!("no count in {}", outcome.stderr));
        (anew.trim().parse().unwrap(), all.trim().parse().unwrap())
    };
    let original = texts.clone();
    write(&texts);
    assert_eq!(build(&cache, "warm"), (Some(0), String::new()));
    let mut refused = 0;
    for &(file, old, new) in CHANGES {
        let (_, text) = texts.iter_mut().find(|t| t.0 == file).unwrap();
        assert!(text.contains(old), "{file}: no {old:?}");
        *text = text.replacen(old, new, 1);
        write(&texts);
        let (warm, plain) = (build(&cache, "warm"), build("off", "plain"));
        assert_eq!(warm, plain, "after {old:?} became {new:?}");
        if warm.0 == Some(0) {
            let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
            assert!(
                read("warm") == read("plain"),
                "after {old:?} became {new:?}"
            );
        } else {
            refused += 1;
        }
    }
    // Where the interface has a method that the type does not have yet.
    assert_eq!(refused, 1);
    // A changed function is compiled anew, with those that know of it: no others.
    let (_, main) = texts.iter_mut().find(|t| t.0 == "main.go").unwrap();
    *main = main.replacen("local(3)", "local(4)", 1);
    write(&texts);
    let (anew, all) = compiled();
    assert!(
        (1..=5).contains(&anew) && all > 200,
        "{anew} of {all} functions"
    );
    // Back to what the cache met first.
    write(&original);
    assert_eq!(build(&cache, "warm"), (Some(0), String::new()));
    assert_eq!(build("off", "plain"), (Some(0), String::new()));
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    assert!(read("warm") == read("plain"), "back at the start");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn unchanged_packages_are_not_checked_again() {
    let dir = std::env::temp_dir().join(format!("ferrogo-verdicts-{}", std::process::id()));
    let cache = dir.join("cache").display().to_string();
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("go.mod", "module example.com/verdicts\n\ngo 1.27\n");
    write("model/model.go", MODEL);
    write("util/util.go", &UTIL.replace("rebuild", "verdicts"));
    write("alone/alone.go", "package alone\n\nvar One = 1\n");
    // Status, errors, and how many packages were checked.
    let build = |cache: &str, extra: &[&str]| -> (Option<i32>, String, Option<u32>) {
        let outcome = testkit::run(
            Command::new(env!("CARGO_BIN_EXE_ferrogo"))
                .args(["build", "--timings"])
                .args(extra)
                .arg("./...")
                .current_dir(&dir)
                .env("FERROGOCACHE", cache),
            Duration::from_secs(120),
        );
        let mut checked = None;
        let mut errors = String::new();
        for line in outcome.stderr.lines() {
            match line.strip_prefix("packages checked") {
                Some(rest) => checked = rest.split_whitespace().next().unwrap().parse().ok(),
                None if line.starts_with('#') || line.contains(".go:") => {
                    errors.push_str(line);
                    errors.push('\n');
                }
                None => {}
            }
        }
        (outcome.status, errors, checked)
    };
    let check = |step: &str, want: Option<u32>, want_errors: &str| {
        let status = Some(i32::from(!want_errors.is_empty()));
        let (found, errors, checked) = build(&cache, &[]);
        assert_eq!((found, errors.as_str()), (status, want_errors), "{step}");
        if want_errors.is_empty() {
            assert_eq!(checked, want, "{step}");
        }
        let (found, errors, _) = build("off", &[]);
        assert_eq!(
            (found, errors.as_str()),
            (status, want_errors),
            "{step}, without a cache"
        );
    };
    assert!(build(&cache, &[]).2.unwrap() > 3, "all of them");
    check("nothing changed", Some(0), "");
    assert!(build(&cache, &["-a"]).2.unwrap() > 3, "-a");
    write("alone/alone.go", "package alone\n\nvar One = 2\n");
    check("one changed", Some(1), "");
    write("model/model.go", &MODEL.replace("\"cm\"", "\"mm\""));
    check("an imported one changed", Some(2), "");
    write("model/model.go", &MODEL.replace("Unit", "Unity"));
    check(
        "an imported name vanished",
        None,
        "# example.com/verdicts/util\nutil/util.go:34:69: undefined: model.Unit\n",
    );
    // What was right before is known.
    write("model/model.go", MODEL);
    check("as it was", Some(0), "");
    write("alone/alone.go", "package alone\n\nvar One int = \"\"\n");
    let wrong = "# example.com/verdicts/alone\nalone/alone.go:3:15: cannot use \"\" (untyped string constant) as int value in variable declaration\n";
    check("an error", None, wrong);
    check("the same error", None, wrong);
    for file in files(Path::new(&cache)) {
        std::fs::write(file, b"something else").unwrap();
    }
    check("a damaged cache", None, wrong);
    std::fs::remove_dir_all(&dir).unwrap();
}
