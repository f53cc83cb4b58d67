//! The checker on mutated programs: no panic, every error inside the source, and tables that are complete where nothing is
//! reported. The mutator makes its own corpus: it starts from random programs and changes them token by token.
//!
//! `cargo +nightly fuzz run checker`
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use syntax::mutate::{Rng, generate, mutate, mutate_slightly};
use types::{CheckInput, PkgId, Store};

fuzz_target!(|src: &[u8]| {
    let map = source::SourceMap::new();
    let Some(file) = map.add("x.go", src) else { return };
    let (tree, errors) = syntax::parse_file(&file);
    if errors.iter().any(|error| error.code == syntax::SYNTAX) {
        return;
    }
    let store = Store::new();
    let resolve = |path: &str| match path {
        "unsafe" => Ok(PkgId::UNSAFE),
        _ => Err(format!("package {path} is not in std")),
    };
    let input = CheckInput::new("p".into(), vec![Arc::new(tree)], (1, 27), &resolve);
    let (package, found) = types::check_package(&store, &map, input);
    assert!(found.iter().all(|error| map.file_of(error.pos).is_some()));
    if found.is_empty() && errors.is_empty() {
        let incomplete = package.files[0].exprs.iter().any(|info| info.ty == Some(types::TypeId::INVALID));
        assert!(!incomplete, "accepted with an expression of invalid type");
    }
    diagnostics::gc::render(&map, &found, diagnostics::gc::Options { all_errors: true, ..Default::default() });
    diagnostics::json::render(&map, &found);
    for error in found.iter().take(20) {
        diagnostics::rich::render(&map, error, Default::default());
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut rng = Rng::new(seed.into());
    let program = match rng.below(20) {
        0 => generate(&mut rng).into_bytes(),
        1 => return fuzzer_mutate(data, size, max_size),
        2..=8 => mutate(&data[..size], &mut rng),
        _ => mutate_slightly(&data[..size], &mut rng),
    };
    let len = program.len().min(max_size);
    data[..len].copy_from_slice(&program[..len]);
    len
});
