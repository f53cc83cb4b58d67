//! One pass at a time over functions in text form.

/// Runs a pass over a program; what becomes of the functions with bodies is `expected`.
#[track_caller]
fn check(pass: &str, input: &str, expected: &str) {
    let mut program = mir::parse(input).unwrap_or_else(|e| panic!("{e}"));
    let verify = |program: &mir::Program| {
        for func in program.funcs.iter() {
            if let Err(errors) = mir::verify::verify(program, func) {
                panic!("{}: {}", func.name, errors.join("\n"));
            }
        }
    };
    verify(&program);
    let pass = passes::PASSES.iter().find(|p| p.name == pass);
    passes::table::apply(pass.expect("a pass of this name"), &mut program);
    verify(&program);
    let got: String = program
        .funcs
        .iter()
        .filter(|f| f.body.is_some())
        .map(|f| mir::print::print_function(&program, f))
        .collect();
    assert!(got == expected, "it becomes\n{got}");
}

#[test]
fn constants_fold_and_dead_code_goes() {
    check(
        "simplify",
        r#"func f() (int) {
b0:
  v0: int = int 2
  v1: int = int 3
  v2: int = add v0, v1
  v3: bool = cmp.lt v2, v0
  branch v3, b1, b2
b1:
  return v0
b2:
  return v2
}
"#,
        r#"func f() (int) {
b0:
  v2: int = int 5
  return v2
}
"#,
    );
}

#[test]
fn small_functions_are_inlined_with_their_place() {
    check(
        "inline",
        r#"func main.add(int, int) (int) @10 {
b0(v0: int, v1: int):
  v2: int = add v0, v1 @11
  return v2 @12
}
func main.f(int) (int) @20 {
b0(v0: int):
  v1: int = call main.add(v0, v0) @21
  return v1 @22
}
"#,
        r#"func main.add(int, int) (int) @10 {
b0(v0: int, v1: int):
  v2: int = add v0, v1 @11
  return v2 @12
}
func main.f(int) (int) @20 {
  inl1 main.add @10 at @21
b0(v0: int):
  v2: int = add v0, v0 @11:inl1
  return v2 @22
}
"#,
    );
}

#[test]
fn what_stays_here_goes_to_the_frame() {
    check(
        "escape",
        r#"extern func keep(*int) runtime
extern func look(*int) runtime noescape
global main.g: *int
func stored() {
b0:
  v0: *int = heapalloc int
  v1: **int = global main.g
  store v1, v0
  return
}
func returned() (*int) {
b0:
  v0: *int = heapalloc int
  return v0
}
func looked_at() {
b0:
  v0: *int = heapalloc int
  call look(v0)
  return
}
func kept() {
b0:
  v0: *int = heapalloc int
  call keep(v0)
  return
}
"#,
        r#"func stored() {
b0:
  v0: *int = heapalloc int
  v1: **int = global main.g
  store v1, v0
  return
}
func returned() (*int) {
b0:
  v0: *int = heapalloc int
  return v0
}
func looked_at() {
  slot0 ~alloc: int
b0:
  v0: *int = slotaddr slot0
  zeromem.nobarrier v0, int
  call look(v0)
  return
}
func kept() {
b0:
  v0: *int = heapalloc int
  call keep(v0)
  return
}
"#,
    );
}

#[test]
fn what_is_put_into_a_local_object_stays_with_it() {
    check(
        "escape",
        r#"global main.g: *int
func inside() {
b0:
  v0: **int = heapalloc *int
  v1: *int = heapalloc int
  store v0, v1
  return
}
func taken_out() {
b0:
  v0: **int = heapalloc *int
  v1: *int = heapalloc int
  store v0, v1
  v2: *int = load v0
  v3: **int = global main.g
  store v3, v2
  return
}
"#,
        r#"func inside() {
  slot0 ~alloc: *int
  slot1 ~alloc: int
b0:
  v0: **int = slotaddr slot0
  zeromem.nobarrier v0, *int
  v1: *int = slotaddr slot1
  zeromem.nobarrier v1, int
  store v0, v1
  return
}
func taken_out() {
  slot0 ~alloc: *int
b0:
  v0: **int = slotaddr slot0
  zeromem.nobarrier v0, *int
  v1: *int = heapalloc int
  store v0, v1
  v2: *int = load v0
  v3: **int = global main.g
  store v3, v2
  return
}
"#,
    );
}

#[test]
fn parameters_that_come_back_are_followed() {
    check(
        "escape",
        r#"func same(*int, int) (*int) {
b0(v0: *int, v1: int):
  v2: int = zero
  v3: bool = cmp.eq v1, v2
  branch v3, b1, b2
b1:
  return v0
b2:
  v4: *int = call same(v0, v1)
  return v4
}
func local(int) {
b0(v0: int):
  v1: *int = heapalloc int
  v2: *int = call same(v1, v0)
  store v2, v0
  return
}
func returned(int) (*int) {
b0(v0: int):
  v1: *int = heapalloc int
  v2: *int = call same(v1, v0)
  return v2
}
"#,
        r#"func same(*int, int) (*int) {
b0(v0: *int, v1: int):
  v2: int = zero
  v3: bool = cmp.eq v1, v2
  branch v3, b1, b2
b2:
  v4: *int = call same(v0, v1)
  return v4
b1:
  return v0
}
func local(int) {
  slot0 ~alloc: int
b0(v0: int):
  v1: *int = slotaddr slot0
  zeromem.nobarrier v1, int
  v2: *int = call same(v1, v0)
  store v2, v0
  return
}
func returned(int) (*int) {
b0(v0: int):
  v1: *int = heapalloc int
  v2: *int = call same(v1, v0)
  return v2
}
"#,
    );
}

#[test]
fn an_object_that_a_later_trip_sees_stays_on_the_heap() {
    check(
        "escape",
        r#"func carried(bool) {
b0(v0: bool):
  v1: *int = zero
  jump b1(v1)
b1(v2: *int):
  v3: *int = heapalloc int
  branch v0, b1(v3), b2
b2:
  return
}
func forgotten(bool) {
b0(v0: bool):
  jump b1
b1:
  v3: *int = heapalloc int
  branch v0, b1, b2
b2:
  return
}
"#,
        r#"func carried(bool) {
b0(v0: bool):
  v1: *int = zero
  jump b1(v1)
b1(v2: *int):
  v3: *int = heapalloc int
  branch v0, b1(v3), b2
b2:
  return
}
func forgotten(bool) {
  slot0 ~alloc: int
b0(v0: bool):
  jump b1
b1:
  v3: *int = slotaddr slot0
  zeromem.nobarrier v3, int
  branch v0, b1, b2
b2:
  return
}
"#,
    );
}

#[test]
fn slots_become_values() {
    check(
        "promote",
        r#"func f(bool) (int) {
  slot0 x: int
b0(v0: bool):
  v1: *int = slotaddr slot0
  v2: int = int 1
  store v1, v2
  branch v0, b1, b2
b1:
  v3: int = int 2
  store v1, v3
  jump b2
b2:
  v4: int = load v1
  return v4
}
"#,
        r#"func f(bool) (int) {
  slot0 x: int
b0(v0: bool):
  v2: int = int 1
  branch v0, b1, b2(v2)
b1:
  v3: int = int 2
  jump b2(v3)
b2(v5: int):
  return v5
}
"#,
    );
}

#[test]
fn a_load_is_known_until_a_store_may_change_it() {
    check(
        "cse",
        r#"func f(*int, *int) (int, int, int) {
b0(v0: *int, v1: *int):
  v2: int = load v0
  v3: int = load v0
  store v1, v2
  v4: int = load v0
  return v2, v3, v4
}
"#,
        r#"func f(*int, *int) (int, int, int) {
b0(v0: *int, v1: *int):
  v2: int = load v0
  store v1, v2
  v4: int = load v0
  return v2, v2, v4
}
"#,
    );
}

#[test]
fn a_check_that_was_passed_is_not_repeated() {
    check(
        "checks",
        r#"func f(*int, *int) {
b0(v0: *int, v1: *int):
  nilcheck v0
  nilcheck v1
  nilcheck v0
  return
}
"#,
        r#"func f(*int, *int) {
b0(v0: *int, v1: *int):
  nilcheck v0
  nilcheck v1
  return
}
"#,
    );
}

#[test]
fn the_index_of_a_counting_loop_is_in_range() {
    check(
        "bounds",
        r#"func f([]int) {
b0(v0: []int):
  v1: int = extract v0, 1
  v2: int = int 0
  v3: int = int 1
  jump b1(v2)
b1(v4: int):
  v5: bool = cmp.lt v4, v1
  branch v5, b2, b3
b2:
  boundscheck.index v4, v1
  v6: int = add v4, v3
  jump b1(v6)
b3:
  boundscheck.index v4, v1
  return
}
"#,
        r#"func f([]int) {
b0(v0: []int):
  v1: int = extract v0, 1
  v2: int = int 0
  v3: int = int 1
  jump b1(v2)
b1(v4: int):
  v5: bool = cmp.lt v4, v1
  branch v5, b2, b3
b3:
  boundscheck.index v4, v1
  return
b2:
  v6: int = add v4, v3
  jump b1(v6)
}
"#,
    );
}

#[test]
fn pointers_into_the_heap_need_a_barrier() {
    check(
        "barriers",
        r#"func f(**int, *int, int) {
  slot0 p: *int
b0(v0: **int, v1: *int, v2: int):
  v3: **int = slotaddr slot0
  store v3, v1
  store v0, v1
  store v1, v2
  return
}
"#,
        r#"func f(**int, *int, int) {
  slot0 p: *int
b0(v0: **int, v1: *int, v2: int):
  v3: **int = slotaddr slot0
  store.nobarrier v3, v1
  store.barrier v0, v1
  store.nobarrier v1, v2
  return
}
"#,
    );
}

#[test]
fn loops_without_calls_poll() {
    check(
        "safepoints",
        r#"func f(bool) {
b0(v0: bool):
  jump b1
b1:
  branch v0, b1, b2
b2:
  return
}
"#,
        r#"func f(bool) {
b0(v0: bool):
  jump b1
b1:
  poll
  branch v0, b1, b2
b2:
  return
}
"#,
    );
}

#[test]
fn what_is_put_into_a_large_object_stays_on_the_heap_with_it() {
    check(
        "escape",
        r#"func f() (int) {
b0:
  v0: *[4000]*int = heapalloc [4000]*int
  v1: *int = heapalloc int
  v2: **int = offset v0, 8
  store v2, v1
  v3: *int = heapalloc int
  v4: int = load v3
  return v4
}
"#,
        r#"func f() (int) {
  slot0 ~alloc: int
b0:
  v0: *[4000]*int = heapalloc [4000]*int
  v1: *int = heapalloc int
  v2: **int = offset v0, 8
  store v2, v1
  v3: *int = slotaddr slot0
  zeromem.nobarrier v3, int
  v4: int = load v3
  return v4
}
"#,
    );
}

#[test]
fn what_a_slot_that_is_kept_alive_refers_to_is_kept_alive() {
    check(
        "promote",
        r#"func f(*int, int) {
  slot0 x: [2]*int
b0(v0: *int, v1: int):
  v2: *[2]*int = slotaddr slot0
  zeromem.nobarrier v2, [2]*int
  v3: **int = offset v2, 8
  store.nobarrier v3, v0
  keepalive v2
  return
}
"#,
        r#"func f(*int, int) {
  slot0 x: [2]*int
  slot1 x: *int
b0(v0: *int, v1: int):
  keepalive v0
  return
}
"#,
    );
}

/// A function with a short way and a slow one, whose parts are small enough each, but not together: the caller gets the short way.
#[test]
fn short_ways_are_inlined_without_their_slow_ways() {
    use std::fmt::Write;
    let mut input = String::from("func main.slow(int) (int) @10 {\nb0(v0: int):\n");
    for n in 1..=40 {
        writeln!(input, "  v{n}: int = mul v{}, v0 @11", n - 1).unwrap();
    }
    input.push_str(
        r#"  return v40 @12
}
func main.short(int, int) (int) @20 {
b0(v0: int, v1: int):
  v2: int = add v0, v1 @21
  v3: bool = cmp.lt v2, v0 @22
  branch v3, b1, b2
b1:
  v4: int = call main.slow(v2) @23
  return v4 @23
b2:
  v5: int = sub v2, v1 @24
  v6: int = mul v5, v2 @24
  return v6 @24
}
func main.f(int) (int) @30 {
b0(v0: int):
  v1: int = call main.short(v0, v0) @31
  return v1 @32
}
"#,
    );
    let mut program = mir::parse(&input).unwrap_or_else(|e| panic!("{e}"));
    let pass = passes::PASSES.iter().find(|p| p.name == "inline");
    passes::table::apply(pass.expect("a pass of this name"), &mut program);
    let caller = program.funcs.iter().last().expect("three functions");
    if let Err(errors) = mir::verify::verify(&program, caller) {
        panic!("{}", errors.join("\n"));
    }
    let text = mir::print::print_function(&program, caller);
    assert!(
        text.contains("call main.slow") && !text.contains("call main.short"),
        "it becomes\n{text}"
    );
}
