//! Bad input for the checker: anything that parses gives diagnostics, never a panic, an overflow of the stack, or work without end.
//!
//! The last tests do for a moment what `fuzz/fuzz_targets/checker.rs` does for long.

use source::SourceMap;
use syntax::mutate::{Rng, generate, mutate, mutate_slightly};
use types::{CheckInput, PkgId, Store};

const DEEP: usize = 10_000;

/// What the checker says about a file without imports; `None` if the parser refuses it.
fn messages(src: &[u8]) -> Option<Vec<String>> {
    let map = SourceMap::new();
    let file = map.add("x.go", src)?;
    let (tree, mut found) = syntax::parse_file(&file);
    if found.iter().any(|d| d.code == syntax::SYNTAX) {
        return None;
    }
    let store = Store::new();
    let resolve = |path: &str| match path {
        "unsafe" => Ok(PkgId::UNSAFE),
        _ => Err(format!("package {path} is not in std")),
    };
    let input = CheckInput::new("p".into(), vec![tree.into()], (1, 27), &resolve);
    let (_, errors) = types::check_package(&store, &map, input);
    found.extend(errors);
    let options = diagnostics::gc::Options {
        all_errors: true,
        ..Default::default()
    };
    let text = diagnostics::gc::render(&map, &found, options);
    diagnostics::json::render(&map, &found);
    Some(text.lines().map(str::to_owned).collect())
}

/// Runs with the stack that the driver gives its threads.
#[track_caller]
fn with_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let start = std::time::Instant::now();
    let result = run_with_stack(work);
    if start.elapsed().as_secs() >= 1 {
        eprintln!(
            "slow: {:?} up to {:?}",
            start.elapsed(),
            std::panic::Location::caller()
        );
    }
    result
}

fn run_with_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(16 << 20)
            .spawn_scoped(scope, work)
            .expect("a thread")
            .join()
            .expect("no panic")
    })
}

/// Checks `package p` with `src`; the first message must hold `expected` (empty: none).
#[track_caller]
fn check(src: &str, expected: &str) {
    if std::env::var_os("HOSTILE_VERBOSE").is_some() {
        eprintln!("{:?}", &src[..src.len().min(60)]);
    }
    let got = with_stack(|| messages(format!("package p\n{src}").as_bytes()));
    let got = got.unwrap_or_else(|| vec!["refused by the parser".into()]);
    let head = &src[..src.len().min(80)];
    match expected {
        "" => assert_eq!(got.first(), None, "{head}"),
        _ => assert!(
            got.first().is_some_and(|first| first.contains(expected)),
            "{head}: {:?}",
            got.iter().take(3).collect::<Vec<_>>()
        ),
    }
}

/// Checks that the checker ends, whatever it says.
#[track_caller]
fn check_ends(src: &str) {
    if std::env::var_os("HOSTILE_VERBOSE").is_some() {
        eprintln!("{:?}", &src[..src.len().min(60)]);
    }
    with_stack(|| messages(format!("package p\n{src}").as_bytes()));
}

#[test]
fn deep_nesting_is_checked() {
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(DEEP), close.repeat(DEEP))
    };
    check(&format!("var _ = {}\n", nested("(", "1", ")")), "");
    check(&format!("var _ int = {}\n", nested("- ", "1", "")), "");
    check(&format!("var _ = {}\n", nested("1+", "1", "")), "");
    check(&format!("var _ = {}\n", nested("(1+", "1", ")")), "");
    check(
        &format!(
            "func f(x int) int {{ return {} }}\n",
            nested("f(", "1", ")")
        ),
        "",
    );
    check(&format!("var _ {}\n", nested("*", "int", "")), "");
    check(&format!("var _ {}\n", nested("[]", "int", "")), "");
    check(&format!("var _ {}\n", nested("chan ", "int", "")), "");
    check(&format!("var _ {}\n", nested("map[int]", "int", "")), "");
    check(&format!("var _ {}\n", nested("func() ", "int", "")), "");
    check(&format!("var _ {}\n", nested("struct{ a ", "int", "}")), "");
    check(
        &format!("func f(x bool) {{ {} }}\n", nested("if x { ", "", "}")),
        "",
    );
    check(&format!("func f() {{ {} }}\n", nested("{", "", "}")), "");
    check(
        &format!(
            "func f(x bool) {{ {} }}\n",
            nested("if x {} else ", "{}", "")
        ),
        "",
    );
    // What takes quadratic time, as it does with the official compiler, is nested less.
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(300), close.repeat(300))
    };
    for (open, inner, close) in [
        ("[3]", "int", ""),
        ("map[", "int", "]int"),
        ("func(", "int", ")"),
        ("interface{ m(", "int", ") }"),
        ("interface{ ", "int", " }"),
    ] {
        check_ends(&format!(
            "type T[P any] []P\nvar _ {}\n",
            nested(open, inner, close)
        ));
    }
    for (open, inner, close) in [
        ("<-", "x", ""),
        ("*", "x", ""),
        ("x.([", "1", "]int)"),
        ("x[", "1", "]"),
        ("[]T{", "", "}"),
        ("func() { _ = ", "1", "}"),
        ("x.a(", "", ")"),
        ("!", "x", ""),
        ("&", "x", ""),
    ] {
        check_ends(&format!(
            "var x any\nvar _ = {}\n",
            nested(open, inner, close)
        ));
    }
    for (open, inner, close) in [
        ("for { ", "", "}"),
        ("switch { case true: ", "", "}"),
        ("select { default: ", "", "}"),
        ("go func() { ", "", "}()"),
        ("L: ", "", ""),
    ] {
        check_ends(&format!("func f() {{ {} }}\n", nested(open, inner, close)));
    }
}

#[test]
fn long_chains_of_declarations_are_checked() {
    const DEEP: usize = 250;
    let chain = |item: &dyn Fn(usize) -> String| (0..DEEP).map(item).collect::<String>();
    check(
        &format!(
            "{}type T{DEEP} int\n",
            chain(&|i| format!("type T{i} T{}\n", i + 1))
        ),
        "",
    );
    check(
        &format!(
            "{}type T{DEEP} int\n",
            chain(&|i| format!("type T{i} = T{}\n", i + 1))
        ),
        "",
    );
    check(
        &format!(
            "{}type T{DEEP} int\n",
            chain(&|i| format!("type T{i} struct {{ T{} }}\n", i + 1))
        ),
        "",
    );
    check(
        &format!(
            "{}type T{DEEP} interface{{}}\n",
            chain(&|i| format!("type T{i} interface {{ T{} }}\n", i + 1))
        ),
        "",
    );
    check(
        &format!(
            "{}const c{DEEP} = 1\n",
            chain(&|i| format!("const c{i} = c{}\n", i + 1))
        ),
        "",
    );
    check(
        &format!(
            "{}var v{DEEP} = 1\n",
            chain(&|i| format!("var v{i} = v{}\n", i + 1))
        ),
        "",
    );
    check(
        &format!(
            "{}func f{DEEP}() int {{ return 1 }}\n",
            chain(&|i| format!("func f{i}() int {{ return f{}() }}\n", i + 1))
        ),
        "",
    );
    check_ends(&format!(
        "{}type T{DEEP} T0\n",
        chain(&|i| format!("type T{i} T{}\n", i + 1))
    ));
    check_ends(&format!(
        "{}type T{DEEP} = T0\n",
        chain(&|i| format!("type T{i} = T{}\n", i + 1))
    ));
    check_ends(&format!(
        "{}var v{DEEP} = v0\n",
        chain(&|i| format!("var v{i} = v{}\n", i + 1))
    ));
}

#[test]
fn constants_of_any_size_end() {
    check("const c = 1 << 1000000000\n", "shift");
    check("var x = 1 << 1000000000\n", "shift");
    check("const c = 1 << -1\n", "negative shift count");
    check("const c = 1 << 500 << 500\n", "overflow");
    check(
        &format!("const c = 1{}\n", " << 1".repeat(5000)),
        "overflow",
    );
    check(&format!("const c = 9{}\n", " * 9".repeat(5000)), "overflow");
    check(
        &format!("const c = {}\n", "9".repeat(1 << 20)),
        "excessively long",
    );
    check("const c = 1e1000000000\n", "malformed constant");
    check(
        "const c = 1e-1000000000\nconst d = 1 / c\n",
        "division by zero",
    );
    check("const c = 0x1p1000000000\n", "");
    check("const c = 1e99999999999999999999\n", "malformed constant");
    check_ends(
        "const (\na = 1e100000\nb = a*a\nc = b*b\nd = c*c\ne = d*d\nf = e*e\ng = f*f*f*f*f*f\n)\n",
    );
    check_ends(&format!(
        "const s = \"{}\"\nconst t = s + s + s + s\n",
        "x".repeat(1 << 20)
    ));
    let doubling: String = (0..60)
        .map(|i| format!("const s{} = s{i} + s{i}\n", i + 1))
        .collect();
    check_ends(&format!(
        "const s0 = \"x\"\n{}",
        doubling
            .lines()
            .take(22)
            .map(|l| format!("{l}\n"))
            .collect::<String>()
    ));
    check("var a [1 << 62]int\n", "larger than address space");
    check("var a [1 << 64]int\n", "array length");
    check_ends("var a = [...]int{1 << 40: 1}\n");
    check("var a = [...]int{1 << 63: 1}\n", "overflows int");
}

#[test]
fn recursive_generic_types_end() {
    for src in [
        "type T[P any] struct { f *T[T[P]] }\n",
        "type T[P any] struct { f T[T[P]] }\n",
        "type T[P any] []T[[]P]\nvar x T[int]\n",
        "type A[P any] struct { b *B[A[P]] }\ntype B[P any] struct { a *A[B[P]] }\nvar x A[int]\n",
        "func f[P any]() { f[[]P]() }\n",
        "func f[P any]() { g[*P]() }\nfunc g[P any]() { f[P]() }\n",
        "type T[P T[P]] interface{ m(P) }\n",
        "type T[P interface{ T[P] }] int\n",
        "type T[P any] = T[[]P]\n",
        "type T[P any] = []T[P]\n",
        "type I interface { I }\n",
        "type I interface { J }\ntype J interface { I }\n",
        "type I interface { m(interface { I }) }\nvar a, b interface { m(interface { I }) }\nvar _ = a == b\n",
        "type T [len(x)]int\nvar x T\n",
        "type T [unsafe.Sizeof(x)]int\nvar x T\n",
        "type T struct { T }\n",
        "type T[P any] struct { P }\n",
        "type T[P any] P\n",
        "func f[P, Q any](p P, q Q) { f(q, &p) }\n",
        "type T[P any] struct{}\nfunc (t T[P]) m() T[T[P]] { return T[T[P]]{} }\nvar _ = T[int]{}.m().m().m()\n",
        "type Tree[K, V any] struct { l, r *Tree[V, K] }\nvar x Tree[int, string]\n",
    ] {
        check_ends(src);
    }
    let many: String = (0..20)
        .map(|i| {
            format!(
                "type T{i}[P any] struct {{ a, b *T{}[*P] }}\n",
                (i + 1) % 20
            )
        })
        .collect();
    check_ends(&format!("{many}var x T0[int]\n"));
    let wide: String = (0..10)
        .map(|i| {
            format!(
                "type D{i}[P any] struct {{ a D{n}[*P]; b D{n}[[]P] }}\n",
                n = i + 1
            )
        })
        .collect();
    check_ends(&format!(
        "{wide}type D10[P any] struct {{}}\ntype X struct {{ d D0[int] }}\n"
    ));
}

#[test]
fn odd_bytes_are_refused_or_checked() {
    for src in [
        &b""[..],
        b"\0",
        b"\xef\xbb\xbf",
        b"package p\nvar x = \"\xff\"\n",
        b"package p\nvar \xff int\n",
        b"package p\nvar x\0y int\n",
        b"package p\nvar x = '\xef\xbb\xbf'\n",
        b"package p\nimport \"\xff\"\n",
        b"package p\nimport \"a\0b\"\n",
        b"package p\nimport \"\"\n",
        b"package p\nimport \"./\"\n",
        b"package _\nfunc f() { _ = _ }\n",
        b"package p\nfunc _() { L: goto L }\nfunc init() {}\nfunc init() {}\nvar init int\n",
    ] {
        with_stack(|| messages(src));
    }
}

#[test]
fn long_flat_packages_take_linear_time() {
    const LONG: usize = 10_000;
    check(&format!("var _ = []int{{{}}}\n", "1,".repeat(LONG)), "");
    check(&format!("var _ = 1{}\n", "+1".repeat(LONG)), "");
    check(&format!("const (\n_ = iota\n{})\n", "_\n".repeat(LONG)), "");
    let map: String = (0..LONG).map(|i| format!("{i}: {i},")).collect();
    check(&format!("var _ = map[int]int{{{map}}}\n"), "");
    let cases: String = (0..LONG).map(|i| format!("case {i}:\n")).collect();
    check(&format!("func f(x int) {{ switch x {{\n{cases}}} }}\n"), "");
    let fields: String = (0..LONG).map(|i| format!("f{i} int\n")).collect();
    check(&format!("type T struct {{\n{fields}}}\n"), "");
    let methods: String = (0..LONG / 10)
        .map(|i| format!("func (T) m{i}() {{}}\n"))
        .collect();
    check(&format!("type T int\n{methods}"), "");
    let interface: String = (0..LONG / 10).map(|i| format!("m{i}()\n")).collect();
    check(
        &format!("type T int\n{methods}type I interface {{\n{interface}}}\nvar _ I = T(0)\n"),
        "",
    );
    let vars: String = (0..LONG)
        .map(|i| format!("x{i} := {i}; _ = x{i}\n"))
        .collect();
    check(&format!("func f() {{\n{vars}}}\n"), "");
    let funcs: String = (0..LONG)
        .map(|i| format!("func f{i}() {{ f{}() }}\n", (i + 1) % LONG))
        .collect();
    check(&funcs, "");
    let dup: String = "var x int\n".repeat(LONG / 10);
    check(&dup, "x redeclared");
}

#[test]
fn random_and_mutated_programs_never_panic() {
    let mut rng = Rng::new(11);
    let example: &[u8] =
        b"package p\nimport \"unsafe\"\ntype T[P ~int|~string, Q any] struct { a P; b []Q; *E }\ntype E struct { n int }\nfunc (t *T[P, Q]) m(x P, y ...Q) (z P, err error) { for i, v := range y { _, _ = i, v }; return t.a, nil }\nfunc g[P any](p P) P { return p }\nvar v = g(&T[int, string]{a: 1, b: []string{\"x\"}})\nvar w, _ = v.m(1<<3, \"a\", \"b\")\nconst ( a = iota; b; c = 1 << a; d = len(\"abc\") + b )\nfunc h(x any) int { switch y := x.(type) { case int: return y; case *T[int, string]: return y.n; case nil: default: _ = y }\nL: for i := range 10 { if i > a { break L }; defer func() { recover() }() }; return int(unsafe.Sizeof(v)) }\ntype I interface { m(int) error; ~int | E }\nvar f = func(c chan<- int, m map[string][3]float64) { select { case c <- 1: default: }; m[\"a\"][2]++ ; delete(m, \"b\") }\n";
    for _ in 0..400 {
        let mut src = match rng.below(3) {
            0 => generate(&mut rng).into_bytes(),
            _ => example.to_vec(),
        };
        for _ in 0..1 + rng.below(8) {
            src = match rng.below(4) {
                0 => mutate(&src, &mut rng),
                _ => mutate_slightly(&src, &mut rng),
            };
            messages(&src);
        }
    }
}
