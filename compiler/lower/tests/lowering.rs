//! Lowers small programs against a package runtime of declarations only. Debug builds verify every function.

use std::sync::Arc;

use base::{FxHashMap, Symbol};
use lower::{InputPackage, LowerInput, PackageMeta, lower_program};
use mir::{Program, TyKind};
use source::SourceMap;
use types::{CheckInput, PkgId, Store, TypedPackage, check_package};

const RUNTIME: &str = r#"
package runtime

import "unsafe"

func main() {}
func panicBounds(arg0, arg1 uintptr, code int) {}
func panicdivide() {}
func panicshift() {}
func sigpanic_shown() {}
func chansend1_shown(msg string, parked bool) {}
func selectnbsend_shown(msg string) {}
func selectgo_shown(msg string) {}
func closechan_shown(msg string, closed bool) {}
func makechan_shown(msg string) {}
func sigpanic(sig, addr, pc uintptr) {}
func runFinalizers() {}
func panicText(msg string) {}
func goexit() {}
func _System() {}
func gcBgMarkWorker() {}

func newproc(fn func())
func deferreturn(frame uintptr)
func gopanic(e any)
func gorecover(frame uintptr) any
func panicrangestate(state int)
func panicwrap()
func concatstring2(a, b string) string
func concatstring2buf(buf unsafe.Pointer, a, b string) string
func memequal(p, q unsafe.Pointer, n uintptr) bool
func efaceeq(t, x, y unsafe.Pointer) bool
func ifaceeq(t, x, y unsafe.Pointer) bool
func memequal0(p, q unsafe.Pointer) bool
func memequal8(p, q unsafe.Pointer) bool
func memequal16(p, q unsafe.Pointer) bool
func memequal32(p, q unsafe.Pointer) bool
func memequal64(p, q unsafe.Pointer) bool
func memequal128(p, q unsafe.Pointer) bool
func strequalptr(p, q unsafe.Pointer) bool
func interequal(p, q unsafe.Pointer) bool
func nilinterequal(p, q unsafe.Pointer) bool
func panicdottypeE(have, want, iface unsafe.Pointer)
func panicdottypeI(have, want, iface unsafe.Pointer)
func assertE2I2(inter, typ unsafe.Pointer) unsafe.Pointer
func growslice(oldPtr unsafe.Pointer, newLen, oldCap, num int, et unsafe.Pointer) struct{ p unsafe.Pointer; l, c int }
func printlock()
func printunlock()
func printint(v int64)
func printfloat(v float64)
func printstring(s string)
func f64equal(p, q unsafe.Pointer) bool
func strequal(p, q unsafe.Pointer) bool
func strhash(p unsafe.Pointer, seed uintptr) uintptr
func printnl()
func printsp()
"#;

struct Case {
    store: Store,
    sources: SourceMap,
    packages: Vec<TypedPackage>,
}

fn check(
    store: &Store,
    sources: &SourceMap,
    path: &str,
    text: &str,
    known: &[TypedPackage],
) -> TypedPackage {
    let file = sources
        .add(format!("{path}.go"), text.as_bytes())
        .expect("room for a file");
    let (tree, diagnostics) = syntax::parse_file(&file);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let resolve = |import: &str| -> Result<PkgId, String> {
        known
            .iter()
            .map(|p| p.pkg)
            .find(|&p| store.package(p).path.as_str() == import)
            .ok_or_else(|| format!("no package {import}"))
    };
    let mut input = CheckInput::new(
        Symbol::intern(path),
        vec![Arc::new(tree)],
        (1, 27),
        &resolve,
    );
    input.bodyless_ok = true;
    let (typed, diagnostics) = check_package(store, sources, input);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    typed
}

/// Lowers package main with these declarations.
fn lower(declarations: &str) -> Program {
    let mut case = Case {
        store: Store::new(),
        sources: SourceMap::new(),
        packages: Vec::new(),
    };
    let runtime = check(&case.store, &case.sources, "runtime", RUNTIME, &[]);
    case.packages.push(runtime);
    let text = format!("package main\n{declarations}");
    let main = check(&case.store, &case.sources, "main", &text, &case.packages);
    case.packages.push(main);
    let meta = |name: &str| PackageMeta {
        import_path: name.into(),
        name: name.into(),
        link_path: name.into(),
        is_std: name != "main",
        embeds: FxHashMap::default(),
    };
    let packages = case
        .packages
        .iter()
        .zip(["runtime", "main"])
        .map(|(typed, name)| InputPackage {
            typed,
            meta: meta(name),
        })
        .collect();
    lower_program(LowerInput {
        store: &case.store,
        sources: &case.sources,
        packages,
        main: 1,
        defines: vec![("main.version".into(), "v7".into())],
        keep_all: false,
        godebug: String::new(),
        modinfo: Vec::new(),
    })
    .unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"))
}

fn names(program: &Program) -> Vec<&'static str> {
    program
        .funcs
        .iter()
        .filter(|f| f.body.is_some())
        .map(|f| f.name.as_str())
        .collect()
}
fn text(program: &Program, name: &str) -> String {
    let func = program
        .funcs
        .iter()
        .find(|f| f.name.as_str() == name)
        .unwrap_or_else(|| panic!("no function {name}; there are {:?}", names(program)));
    mir::print::print_function(program, func)
}

#[test]
fn only_reachable_functions_are_lowered() {
    let p = lower(
        "const debug = false\nfunc used() {}\nfunc unused() {}\nfunc main() { used(); if debug { unused() } }",
    );
    assert!(names(&p).contains(&"main.used"));
    assert!(!names(&p).contains(&"main.unused"));
}

#[test]
fn methods_of_types_in_interfaces_are_live_if_called_through_one() {
    let p = lower(
        "type T int\nfunc (T) Called() {}\nfunc (T) Idle() {}\ntype I interface{ Called(); Idle() }\n\
         var sink I\nfunc main() { sink = T(1); sink.Called() }",
    );
    assert!(names(&p).contains(&"main.T.Called"));
    assert!(
        names(&p).contains(&"main.(*T).Called"),
        "the entry that takes the data word"
    );
    assert!(!names(&p).contains(&"main.T.Idle"));
    let itab = p.itabs.iter().next().expect("an itab");
    assert!(itab.methods[0].is_some() && itab.methods[1].is_none());
}

#[test]
fn generic_functions_are_instantiated_per_type_argument() {
    let p = lower("func id[T any](x T) T { return x }\nfunc main() { id(1); id(\"a\"); id(2) }");
    let instances: Vec<_> = names(&p)
        .into_iter()
        .filter(|n| n.starts_with("main.id["))
        .collect();
    assert_eq!(instances.len(), 2, "{instances:?}");
    let display = p
        .funcs
        .iter()
        .find(|f| f.name.as_str() == "main.id[int]")
        .expect("an instance")
        .display;
    assert_eq!(display.as_str(), "main.id[...]");
}

#[test]
fn endless_instantiation_is_refused() {
    // Through a type argument that grows in each call.
    let case = std::panic::catch_unwind(|| {
        lower("func f[T any](n int) { if n > 0 { f[[]T](n - 1) } }\nfunc main() { f[int](3) }")
    });
    assert!(case.is_err());
}

#[test]
fn closures_capture_by_value_unless_assigned() {
    let p =
        lower("func main() { a, b := 1, 2; f := func() int { b++; return a + b }; println(f()) }");
    let body = text(&p, "main.main");
    assert_eq!(
        body.matches("= heapalloc ").count(),
        2,
        "b and the closure object: {body}"
    );
    assert!(text(&p, "main.main.func1").contains("= closurectx"));
}

#[test]
fn initialised_tables_are_data() {
    let p = lower(
        "type R struct{ lo, hi int; next *R }\nvar table = []R{{1, 2, nil}, {3, 4, &R{lo: 5}}}\n\
         var version = \"dev\"\nfunc main() { println(len(table), len(version)) }",
    );
    assert!(
        !names(&p).contains(&"main.init"),
        "no code initialises anything"
    );
    let global = p
        .globals
        .iter()
        .find(|g| g.name.as_str() == "main.table")
        .expect("the table");
    let init = global.init.as_ref().expect("static contents");
    assert_eq!(
        (init.bytes[8], init.bytes[16], init.relocs.len()),
        (2, 2, 1)
    );
    let version = p
        .globals
        .iter()
        .find(|g| g.name.as_str() == "main.version")
        .expect("the version");
    assert_eq!(version.init.as_ref().expect("set by -X").bytes[8], 2);
}

#[test]
fn functions_that_defer_have_a_recover_block() {
    let p = lower(
        "func f() (n int) { defer func() { recover(); n = 3 }(); panic(1) }\nfunc main() { f() }",
    );
    assert!(text(&p, "main.f").contains("recover b"));
    let f = p
        .funcs
        .iter()
        .find(|f| f.name.as_str() == "main.f")
        .expect("f");
    assert!(f.flags.noinline);
}

#[test]
fn bodies_of_loops_over_functions_leave_through_codes() {
    let p = lower(
        "func seq(yield func(int) bool) { yield(1) }\n\
         func find() int { for x := range seq { if x == 1 { return x } }; return 0 }\nfunc main() { find() }",
    );

    assert!(names(&p).contains(&"main.find-range1"));
}

#[test]
fn promoted_and_bound_methods_get_wrappers() {
    let p = lower(
        "type A struct{}\nfunc (A) M() {}\ntype B struct{ *A; n int }\ntype I interface{ M() }\n\
         func main() { b := B{A: &A{}}; var i I = b; i.M(); f := b.M; f() }",
    );
    let wrapper = p
        .funcs
        .iter()
        .find(|f| f.name.as_str() == "main.(*B).M")
        .expect("a promoted method");
    assert!(wrapper.flags.wrapper);
    assert!(names(&p).contains(&"main.A.M-fm"));
}

#[test]
fn descriptors_are_closed_over_their_components() {
    let p =
        lower("type T struct{ m []*T; f func(string) [2]int }\nvar x any\nfunc main() { x = T{} }");
    for (&ty, info) in &p.type_info {
        let parts: Vec<mir::Ty> = match p.types.under(ty) {
            TyKind::Pointer(e) | TyKind::Slice(e) | TyKind::Array(e, _) => vec![*e],
            TyKind::Struct(fields) => fields.iter().map(|f| f.ty).collect(),
            TyKind::Func(f) => f.params.iter().chain(f.results.iter()).copied().collect(),
            _ => Vec::new(),
        };
        for part in parts.into_iter().chain(info.ptr_to) {
            assert!(
                p.type_info.contains_key(&part),
                "{} lacks {}",
                p.types.link_string(ty),
                p.types.link_string(part)
            );
        }
    }
}

/// What is printed reads back as the same: after the lowering and after every pass.
#[test]
fn lowered_programs_have_a_text_form() {
    let mut program = lower(
        "import \"unsafe\"\n\
         type Node[K any] struct{ key K; next *Node[K]; f func(K) (int, error) `t:\"x\"` }\n\
         type Shape interface{ Area() float64; name() string }\n\
         type Square struct{ side float64; Embedded }\ntype Embedded struct{ big [9]int; m map[string]chan<- []int }\n\
         func (s Square) Area() float64 { return s.side * s.side }\nfunc (Square) name() string { return \"square\\n\" }\n\
         var shapes = []Shape{Square{side: 2}, &Square{}}\nvar table = [4]string{\"a\", \"b\"}\n\
         func sum(n *Node[int]) (t int) { for ; n != nil; n = n.next { t += n.key }; return }\n\
         func f(x int) (n int) { defer func() { recover(); n = x }(); switch x { case 1, 7: panic(x); case 3: return 4 }; return x / n }\n\
         func local(v any) int { type T struct{ a, b int }; t, ok := v.(T); if ok { return t.a }; return int(uintptr(unsafe.Pointer(&t.b))) }\n\
         func main() {\n\
             l := &Node[int]{key: 1, next: &Node[int]{key: 2}}\n\
             println(sum(l), f(3), local(l), len(table[sum(l)&3]), shapes[0].Area(), shapes[1].name())\n\
             s := make([]byte, 0, 4)\n\
             for i := range 10 { s = append(s, byte(i)); defer func() { println(i) }() }\n\
             go f(len(s) % 3)\n\
             var big Embedded; big.big[2] = cap(s[1:3]); println(big.big[len(s)] << len(s))\n\
         }",
    );
    let check = |program: &Program, when: &str| {
        let printed = mir::print::print_program(program);
        let again = mir::parse(&printed).unwrap_or_else(|e| panic!("{when}: {e}\n{printed}"));
        assert!(
            mir::print::print_program(&again) == printed,
            "{when}:\n{printed}"
        );
    };
    check(&program, "lowering");
    for pass in passes::PASSES {
        passes::table::apply(pass, &mut program);
        check(&program, pass.name);
    }
}
