//! The parser on mutated programs: no panic, no broken node without an error, and renderings that
//! do not panic either. The mutator makes its own corpus: it starts from random programs and
//! changes them token by token.
//!
//! `cargo +nightly fuzz run parser`
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use syntax::mutate::{Rng, generate, mutate};

fuzz_target!(|src: &[u8]| {
    let map = source::SourceMap::new();
    let Some(file) = map.add("x.go", src) else { return };
    let (tree, errors) = syntax::parse_file(&file);
    let broken = tree.exprs.iter().any(|expr| matches!(expr.kind, syntax::ast::ExprKind::Bad));
    assert!(!broken || !errors.is_empty(), "a broken node without an error");
    assert!(errors.iter().all(|error| file.offset(error.pos) as usize <= src.len()));
    diagnostics::gc::render(&map, &errors, diagnostics::gc::Options { all_errors: true, ..Default::default() });
    diagnostics::json::render(&map, &errors);
    for error in errors.iter().take(20) {
        diagnostics::rich::render(&map, error, Default::default());
    }
    syntax::dump::dump(&file, &tree);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut rng = Rng::new(seed.into());
    let program = match rng.below(20) {
        0 => generate(&mut rng).into_bytes(),
        1 => return fuzzer_mutate(data, size, max_size),
        _ => mutate(&data[..size], &mut rng),
    };
    let len = program.len().min(max_size);
    data[..len].copy_from_slice(&program[..len]);
    len
});
