//! Misplaced and wrong compiler directives.

mod common;

use source::SourceMap;

/// What is reported about a program: with the syntax errors, and behind the type checker.
fn mistakes(src: &str) -> (Vec<String>, Vec<String>) {
    let map = SourceMap::new();
    let file = map.add("x.go", src.as_bytes()).expect("fits");
    let (tree, diagnostics) = syntax::parse_file(&file);
    assert_eq!(diagnostics, []);
    let found = syntax::pragma::check(&file, &tree, &[&tree], Default::default());
    let lines = |list| -> Vec<String> {
        diagnostics::gc::render(&map, list, Default::default())
            .lines()
            .map(|l| l["x.go:".len()..].to_owned())
            .collect()
    };
    (lines(&found.early), lines(&found.late))
}

/// Checks what is reported about a program, and that the official compiler says the same: the
/// early errors, or if there are none the late ones.
fn check(src: &str, early: &[&str], late: &[&str]) {
    let src = format!("package p\n{src}");
    assert_eq!(
        mistakes(&src),
        (
            early.iter().map(|s| s.to_string()).collect(),
            late.iter().map(|s| s.to_string()).collect()
        )
    );
    let Some(goroot) = common::goroot() else {
        return;
    };
    let official = common::official_output(goroot, &src);
    let expected: Vec<String> = if early.is_empty() { late } else { early }
        .iter()
        .map(|e| format!("x.go:{e}"))
        .collect();
    assert_eq!(official, expected, "{src}");
}

#[test]
fn flags_belong_to_functions() {
    let at = |line: u32, col: u32| format!("{line}:{col}: misplaced compiler directive");
    check(
        "//go:noinline\nfunc f() {}\n\n//go:nosplit\n\n//go:norace\nfunc g()\n",
        &[],
        &[],
    );
    check("//go:noinline\nvar x int\n", &[], &[&at(2, 3)]);
    check(
        "//go:noinline\ntype T int\n//go:nosplit\nconst c = 1\n",
        &[],
        &[&at(2, 3), &at(4, 3)],
    );
    check("//go:noinline\nimport _ \"unsafe\"\n", &[], &[&at(2, 3)]);
    check("type (\n\t//go:noinline\n\tT int\n)\n", &[], &[&at(3, 4)]);
    check(
        "//go:noinline\ntype (\n\tT int //go:nosplit\n)\n",
        &[&at(2, 3), &at(4, 10)],
        &[],
    );
    check(
        "func f() {} //go:noinline\n//go:noinline\n",
        &[&at(2, 15), &at(3, 3)],
        &[],
    );
    check(
        "func f() {\n\t//go:noinline\n\tx := 1\n\t_ = x //go:nosplit\n\t//go:norace\n}\n",
        &[&at(3, 4), &at(5, 10), &at(6, 4)],
        &[],
    );
    check(
        "func f() {\n\t//go:noinline\n\tvar x int\n\t_ = x\n}\n",
        &[],
        &[&at(3, 4)],
    );
    check("//go:build linux\nfunc f() {}\n", &[], &[&at(2, 3)]);
    check("func f() {}\n//go:build linux\n", &[&at(3, 3)], &[]);
    check(
        "var x = []int{\n\t//go:noinline\n\t1,\n}\n",
        &[&at(3, 4)],
        &[],
    );
    check(
        "//go:noescape\nfunc f() {}\n",
        &[],
        &["3:6: can only use //go:noescape with external func implementations"],
    );
    check(
        "//go:unknown\nvar x int\n//go:generate x\n//export f\n",
        &[],
        &[],
    );
}

#[test]
fn some_directives_are_not_for_everyone() {
    check(
        "//go:systemstack\nfunc f() {}\n",
        &["2:3: //go:systemstack only allowed in runtime"],
        &[],
    );
    check(
        "//go:cgo_ldflag \"x\"\n",
        &["2:3: //go:cgo_ldflag \"x\" only allowed in cgo-generated code"],
        &[],
    );
    check(
        "//go:uintptrkeepalive\nfunc f(uintptr)\n",
        &["2:3: //go:uintptrkeepalive is only allowed in the standard library"],
        &["3:6: go:uintptrkeepalive requires go:nosplit"],
    );
}

#[test]
fn linknames_name_declarations() {
    let unsafe_ = "3:3: //go:linkname only allowed in Go files that import \"unsafe\"";
    check("func f() {}\n//go:linkname f a.b\n", &[], &[unsafe_]);
    let import = "import _ \"unsafe\"\n";
    check(
        &format!("{import}//go:linkname f a.b\nfunc f()\n//go:linkname v\nvar v int\n"),
        &[],
        &[],
    );
    check(
        &format!("{import}//go:linkname f a.b c\nfunc f() {{}}\n"),
        &["3:3: usage: //go:linkname localname [linkname]"],
        &[],
    );
    check(
        &format!(
            "{import}//go:linkname x a.b\n//go:linkname f a.b\n//go:linkname f a.c\nfunc f()\n"
        ),
        &[],
        &[
            "3:3: //go:linkname must refer to declared function or variable",
            "5:3: duplicate //go:linkname for f",
        ],
    );
}

#[test]
fn embed_directives_belong_to_variables() {
    check(
        "//go:embed\nvar x string\n",
        &["2:3: usage: //go:embed pattern..."],
        &[
            "2:3: go:embed requires import \"embed\" (or import _ \"embed\", if package is not used)",
        ],
    );
    check(
        "//go:embed \"x\nvar x string\n",
        &[
            "2:3: invalid quoted string in //go:embed: \"x",
            "2:3: usage: //go:embed pattern...",
        ],
        &[
            "2:3: go:embed requires import \"embed\" (or import _ \"embed\", if package is not used)",
        ],
    );
    check(
        "//go:embed x\nfunc f() {}\n",
        &[],
        &["2:3: misplaced go:embed directive"],
    );
    check(
        "//go:embed x\nvar (\n\tx string\n)\n",
        &["2:3: misplaced go:embed directive"],
        &[],
    );
    // The official compiler needs the embed package for these: compared by hand.
    let late = |src: &str| mistakes(&format!("package p\nimport _ \"embed\"\n{src}")).1;
    assert_eq!(
        late("//go:embed x\nvar a, b string\n"),
        ["3:3: go:embed cannot apply to multiple vars"]
    );
    assert_eq!(
        late("//go:embed x\nvar a = \"\"\n"),
        ["3:3: go:embed cannot apply to var with initializer"]
    );
    assert_eq!(late("//go:embed x\n//go:embed y\nvar a string\n"), [""; 0]);
}
