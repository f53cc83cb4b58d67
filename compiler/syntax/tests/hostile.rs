//! Bad input: any bytes give diagnostics, at any depth, without overflowing the stack.

mod common;

use common::parse;
use syntax::mutate::{Rng, generate, mutate};

const DEEP: usize = 20_000;

fn check_parses(src: &str) {
    let parsed = parse("x.go", format!("package p\n{src}").as_bytes());
    assert_eq!(
        parsed.errors.first(),
        None,
        "{}...",
        &src[..src.len().min(60)]
    );
}

fn check_fails(src: &str) {
    let parsed = parse("x.go", format!("package p\n{src}").as_bytes());
    assert!(parsed.fatal, "{}... is accepted", &src[..src.len().min(60)]);
}

#[test]
fn deep_nesting_is_accepted() {
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("f(", "", ")"),
        ("a[", "1", "]"),
        ("[]T{", "", "}"),
        ("- ", "1", ""),
        ("*", "x", ""),
        ("<-", "x", ""),
        ("func() { _ = ", "1", "}"),
        ("x.([", "1", "]int)"),
        ("a[b:", "c", "]"),
        ("1+", "1", ""),
        ("(1+", "1", ")*2"),
    ] {
        check_parses(&format!(
            "var _ = {}{inner}{}\n",
            open.repeat(DEEP),
            close.repeat(DEEP)
        ));
    }
    for (open, inner, close) in [
        ("*", "int", ""),
        ("[]", "int", ""),
        ("[3]", "int", ""),
        ("chan ", "int", ""),
        ("<-chan ", "int", ""),
        ("map[int]", "int", ""),
        ("map[", "int", "]int"),
        ("func(", "int", ")"),
        ("func() ", "int", ""),
        ("struct{ a ", "int", "}"),
        ("interface{ m(", "int", ") }"),
        ("T[", "int", "]"),
        ("(", "int", ")"),
    ] {
        check_parses(&format!(
            "var _ {}{inner}{}\n",
            open.repeat(DEEP),
            close.repeat(DEEP)
        ));
    }
    for (open, inner, close) in [
        ("{", "", "}"),
        ("if x { ", "", "}"),
        ("if x {} else ", "{}", ""),
        ("for { ", "", "}"),
        ("switch { case x: ", "", "}"),
        ("select { default: ", "", "}"),
        ("L: ", "", ""),
        ("go func() { ", "", "}()"),
        ("var x = func() { ", "", "}"),
    ] {
        check_parses(&format!(
            "func f() {{ {}{inner}{} }}\n",
            open.repeat(DEEP),
            close.repeat(DEEP)
        ));
    }
}

#[test]
fn unfinished_nesting_is_refused() {
    for open in [
        "(",
        "f(",
        "a[",
        "T{",
        "-",
        "func() { ",
        "x.(",
        "[",
        "struct{ a ",
        "interface{ m(",
        "map[",
        "func(",
        "chan ",
    ] {
        check_fails(&format!("var x = {}", open.repeat(DEEP)));
        check_fails(&format!("type x {}", open.repeat(DEEP)));
        check_fails(&format!("func f() {{ {}", open.repeat(DEEP)));
    }
    for open in [
        "{",
        "if ",
        "if x {",
        "for ",
        "switch ",
        "switch {",
        "select { case ",
        "case ",
        "L:",
        "go ",
        "return ",
    ] {
        check_fails(&format!("func f() {{ {}", open.repeat(DEEP)));
    }
}

#[test]
fn nesting_beyond_the_limit_is_refused_once() {
    let deep = syntax::parser::MAX_DEPTH as usize + 10;
    for (open, close) in [("(", ")"), ("- ", ""), ("f(", ")")] {
        let src = format!(
            "package p\nvar x = {}1{}\nvar y z w\n",
            open.repeat(deep),
            close.repeat(deep)
        );
        let errors = parse("x.go", src.as_bytes()).errors;
        assert_eq!(
            errors,
            ["x.go:2: syntax error: nesting depth exceeds limit"]
        );
    }
}

#[test]
fn long_flat_input_takes_linear_time() {
    const LONG: usize = 200_000;
    check_parses(&format!("var _ = 1{}\n", "+1".repeat(LONG)));
    check_parses(&format!("var _ = a{}\n", ".b".repeat(LONG)));
    check_parses(&format!("var _ = f{}\n", "()".repeat(LONG)));
    check_parses(&format!("var _ = []int{{{}}}\n", "1,".repeat(LONG)));
    check_parses(&format!("const (\n{})\n", "x = iota\n".repeat(LONG)));
    check_parses(&format!("type T interface {{ a{} }}\n", "|a".repeat(LONG)));
    check_parses(&format!(
        "type T[P *{}interface{{}}] int\n",
        "Q|".repeat(LONG)
    ));
    check_parses(&format!("var _ = \"{}\"\n", "x".repeat(LONG * 10)));
    check_parses(&format!("var {} int\n", "x".repeat(LONG * 10)));
    check_parses(&format!("var _ = {}\n", "1".repeat(LONG * 10)));
    check_parses(&"// comment\n".repeat(LONG));
    check_parses(&format!("/*{}*/\n", "*\n".repeat(LONG)));
    check_parses(&"/*line x.go:3*/".repeat(LONG));
    check_fails(&"x y\n".repeat(LONG));
    check_fails(&format!("func f() {{\n{}}}\n", "x y\n".repeat(LONG / 10)));
    check_fails(&"@\n".repeat(LONG / 10).replace('@', "} else {"));
}

#[test]
fn unterminated_things_and_odd_bytes_are_refused() {
    let check = |src: &[u8], message: &str| {
        let errors = parse("x.go", src).errors;
        assert!(
            errors.iter().any(|e| e.contains(message)),
            "{:?}: {errors:?}",
            String::from_utf8_lossy(src)
        );
    };
    check(
        b"",
        "x.go:1:1: syntax error: package statement must be first",
    );
    check(
        b"package",
        "x.go:1:8: syntax error: unexpected EOF, expected name",
    );
    check(
        b"package p; var x = \"abc",
        "x.go:1:20: string not terminated",
    );
    check(
        b"package p; var x = `abc",
        "x.go:1:20: string not terminated",
    );
    check(
        b"package p; var x = 'a",
        "x.go:1:20: rune literal not terminated",
    );
    check(b"package p; /* abc", "x.go:1:12: comment not terminated");
    check(
        b"package p; var x = \"\\",
        "x.go:1:20: string not terminated",
    );
    check(
        b"package p; var x\0y int",
        "x.go:1:17: invalid NUL character",
    );
    check(
        b"package p; var x = \"\xff\"",
        "x.go:1:21: invalid UTF-8 encoding",
    );
    check(
        b"package p; // \xff\xfe",
        "x.go:1:15: invalid UTF-8 encoding",
    );
    check(
        b"package p; var \xc3 int",
        "x.go:1:16: invalid UTF-8 encoding",
    );
    check(
        b"package p; \xef\xbb\xbf var x int",
        "x.go:1:12: invalid BOM in the middle of the file",
    );
    check(
        b"package p; var x = '\\UFFFFFFFF'",
        "escape is invalid Unicode code point U+FFFFFFFF",
    );
    let with_bom = parse("x.go", b"\xef\xbb\xbfpackage p\n");
    assert_eq!(with_bom.errors, [""; 0]);
}

/// What `cargo fuzz` does for long, here for a moment: random bytes, and random programs mutated
/// several times over, never panic; a file that is accepted has no broken nodes.
#[test]
fn random_and_mutated_bytes_never_panic() {
    let mut rng = Rng::new(7);
    let alphabet: Vec<&[u8]> = "package p func ( ) [ ] { } , ; : := = . ... * <- ~ | + & ! ++ += if for range type var case else \
         return x y 1 0x 1e 'c' ' \" ` /* */ // \n struct interface chan map go defer switch select import const \\ \0 \u{e9} \u{feff}"
        .split(' ')
        .map(str::as_bytes)
        .chain([&b"\xff"[..], b" ", b"\n", b"//line x.go:1\n", b"/*line :1:2*/", b"//go:build go1.2\n"])
        .collect();
    for _ in 0..3000 {
        let mut src = b"package p\n".to_vec();
        for _ in 0..rng.below(60) {
            src.extend_from_slice(alphabet[rng.below(alphabet.len())]);
            if rng.below(2) == 0 {
                src.push(b' ');
            }
        }
        check_any(&src);
        let raw: Vec<u8> = (0..rng.below(80)).map(|_| rng.next() as u8).collect();
        check_any(&raw);
    }
    for _ in 0..2000 {
        let program = generate(&mut rng);
        let errors = parse("x.go", program.as_bytes()).errors;
        assert!(errors.is_empty(), "{errors:?} in\n{program}");
        let mut src = program.into_bytes();
        for _ in 0..1 + rng.below(6) {
            src = mutate(&src, &mut rng);
            check_any(&src);
        }
    }
}

fn check_any(src: &[u8]) {
    let parsed = parse("x.go", src);
    if parsed.errors.is_empty() {
        let bad = parsed
            .tree
            .exprs
            .iter()
            .any(|e| matches!(e.kind, syntax::ast::ExprKind::Bad));
        assert!(
            !bad,
            "accepted with broken nodes: {:?}",
            String::from_utf8_lossy(src)
        );
    }
}
