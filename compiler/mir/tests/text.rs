//! The text form: what is printed reads back as the same, and no text makes the reader panic.

use mir::print::print_program;

/// One of everything.
const EVERYTHING: &str = r#"
type main.T = struct { A int; main.next *main.T; .E main.E "json:\"x\\n\""; $"odd name" bool }
type main.E = interface { M(int, ...string) (main.T, error); main.m() func() }
type error = interface { Error() string }
type $"a b" (name "b", path "x.y/v2", package "v", suffix "·1") = map[string]chan (<-chan [4]uint8)
type main.Pair[int,struct { A string "]" }] = func(chan<- int) tuple(int, bool)
data data7: [2]*main.T, align 8 = zeros 24 "a\x00\n" zeros 17, 0: data9 + 4, 8: funcval main.f, 16: global main.g + -8
data data9, align 1, readonly = "hello \xff"
data data10, align 8 = zeros 24, 0: typedesc func() int, 8: itab3, 16: funccode runtime.entry
global main.g: *main.T, external, @12
global main.h: int = "\x01" zeros 16
itab itab3: main.E, *main.T = main.(*T).M, -
descriptor *main.T, equal runtime.entry, hasher main.f, group [2]int, pointer **main.T
  method M func(int) bool, ifn main.(*T).M, tfn main.(*T).M
  method main.m func()
extern func runtime.entry(unsafe.Pointer, uintptr) (bool) runtime nosplit leaf noescape
func main.(*T).M(*main.T) display main.(*T[...]).M noinline wrapper @40 {
b0(v0: *main.T):
  return
}
func $"type:.eq main"(int) recovers noreturn closure {
b0(v0: int):
  unreachable @3
}
func main.f(int, [9]int, float64, string) (int, string) @100 {
  inl1 main.inlined @90 wrapper at @110
  inl2 main.deep @95 at @93:inl1
  slot0 x: [4]int
  slot1: func()
  recover b9
b0(v0: int, v1: *[9]int, v2: float64, v3: string):
  v4: int = int -5 @120:inl2
  v5: float64 = float -0.0
  v6: float32 = float 0x7ff8000000000001
  v7: string = str data9, 6
  v8: func() = funcval $"type:.eq main"
  v9: unsafe.Pointer = funccode main.f
  v10: *int = global main.h
  v11: unsafe.Pointer = data data7, 8
  v12: unsafe.Pointer = typedesc func() int @9
  v13: unsafe.Pointer = itab itab3
  v14: int = neg v4
  v15: int = shl.bounded v14, v4
  v16: bool = cmp.le v14, v15
  v17: int = select v16, v14, v15
  v18: uint64, v19: uint64 = intrinsic.mul_wide v4, v4
  intrinsic.pause
  v20: string = make v11, v4
  v21: int = extract v20, 1
  v22: *[4]int = slotaddr slot0
  v23: *int = offset v22, 8
  v24: *int = index v23, v4, 8
  v25: int = load v24
  store v24, v25
  store.barrier v24, v25
  store.nobarrier v24, v25
  move v22, v22, [4]int
  zeromem.nobarrier v22, [4]int @1
  v26: *main.T = heapalloc main.T
  v126: unsafe.Pointer = heapbox v4, v26, int
  v27: bool = atomic.cas v24, v25, v25
  nilcheck v26
  boundscheck.slice3_acap.unsigned v4, v25
  divcheck v4
  shiftcheck v4
  call main.(*T).M(v26) @130
  v28: int, v29: unsafe.Pointer = call.closure v8(v4) -> (int, [9]int)
  v30: int = call.code v9()
  v31: unsafe.Pointer = closurectx
  v32: uintptr = framepointer
  v33: unsafe.Pointer = getg
  deferpush v22, v8
  keepalive v26
  poll
  v34: struct {} = make
  v35: int = zero
  v36: int = convert v35
  v37: uint = bitcast v36
  branch v16, b2(v4), b5 @140
b2(v40: int) cold:
  switch v40, 1: b3, -2: b2(v40), b5
b3:
  jump b2(v4)
b5:
  return v4, v20
b9:
  unreachable
}
inits main.f, main.(*T).M
callbacks runtime.entry
main main.f
modinfo "mod\x00"
godebug "a=1"
"#;

fn check(text: &str) {
    let program = mir::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let printed = print_program(&program);
    let again = mir::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
    assert_eq!(print_program(&again), printed);
}

#[test]
fn what_is_printed_reads_back() {
    check(EVERYTHING);
    // All operations are kept, though the order of items is the printer's.
    let printed = print_program(&mir::parse(EVERYTHING).expect("it reads"));
    let body = |text: &str| {
        let start = text.find("func main.f(").expect("the function");
        let lines: Vec<String> = text[start..]
            .lines()
            .take_while(|line| *line != "}")
            .map(|line| line.split(" //").next().unwrap_or("").to_owned())
            .map(|line| {
                line.replace("data9", "data1")
                    .replace("data7", "data0")
                    .replace("itab3", "itab0")
            })
            .collect();
        let mut lines = lines;
        lines.sort();
        lines
    };
    assert_eq!(body(&printed), body(EVERYTHING));
}

#[test]
fn mistakes_are_told_with_their_place() {
    fn check(text: &str, error: &str) {
        let got = match mir::parse(text) {
            Ok(_) => "no error".to_owned(),
            Err(e) => e.to_string(),
        };
        assert_eq!(got, error, "{text}");
    }
    check("thing x", "1:1: there is no item `thing`");
    check(
        "extern func f()\nextern func f()",
        "2:13: it is declared already",
    );
    check(
        "extern func f(main.T)",
        "1:15: type `main.T` is not declared",
    );
    check(
        "type T = struct { x [3]T }",
        "1:1: the type contains itself",
    );
    check(
        "type T = U\ntype U = int",
        "1:10: an underlying type is no defined type",
    );
    check("func f() {\nb0:\n  jump b7\n}", "3:8: there is no block b7");
    check(
        "func f() {\nb0:\n  nilcheck v1\n  return\n}",
        "3:12: v1 is not defined",
    );
    check(
        "func f() {\nb0:\n  zero\n  return\n}",
        "3:3: the operation has 1 results",
    );
    check(
        "func f() {\nb0:\n  v0: int = frob\n  return\n}",
        "3:13: there is no operation `frob`",
    );
    check(
        "func f(int) {\nb0:\n  return\n}",
        "2:1: b0 must have the function's parameters",
    );
    check(
        "func f() {\nb0:\n  v999999999: int = zero\n  return\n}",
        "3:3: the number is much too large for the text",
    );
    check(
        "data data0 = \"abc",
        "1:15: the string does not end on its line",
    );
    check(
        &format!("extern func f({}int)", "*".repeat(5000)),
        "1:215: the type nests too deep",
    );
    check("data data0 = zeros 99999999999", "1:20: too many zeros");
}

#[test]
fn no_text_makes_the_reader_panic() {
    // Changed copies: bytes dropped, doubled, replaced, lines swapped.
    let mut seed = 1u64;
    let mut random = |n: usize| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as usize % n
    };
    let pieces = [
        "",
        "\"",
        "$\"",
        "{",
        "}",
        "(",
        "[",
        "0",
        "99999999999999999999",
        "v1",
        "b0",
        "\n",
        ",",
        "@",
        ":",
        "é",
        "func ",
        "zeros 9",
    ];
    for _ in 0..4000 {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        for _ in 0..1 + random(3) {
            let at = random(text.len());
            let end = (at + random(6)).min(text.len());
            text.splice(at..end, pieces[random(pieces.len())].chars());
        }
        let text: String = text.into_iter().collect();
        if let Ok(program) = mir::parse(&text) {
            let printed = print_program(&program);
            let again = mir::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
            assert_eq!(print_program(&again), printed);
        }
    }
}
