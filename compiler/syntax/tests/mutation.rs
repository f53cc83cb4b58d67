//! Differential test: programs with mutated tokens, judged by us and by the official compiler.
//!
//! `FERROGO_MUTANTS` sets how many (default 400), `FERROGO_SEED` the first seed;
//! `FERROGO_SHOW` prints every disagreement with its seed.

mod common;

use common::Input;
use syntax::mutate::{Rng, mutate};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

#[test]
fn mutated_programs_get_the_official_errors() {
    let Some(goroot) = common::goroot() else {
        return;
    };
    let mut sources = common::go_files(&goroot.join("src"), |path| {
        !path.components().any(|c| c.as_os_str() == "testdata")
            && std::fs::metadata(path).is_ok_and(|m| m.len() < 40_000)
    });
    if let Some(tests) = common::go_tests() {
        let tests = common::go_files(&tests, |path| {
            std::fs::metadata(path).is_ok_and(|m| m.len() < 40_000)
        });
        sources.extend(tests);
    }
    let first = setting("FERROGO_SEED", 1);
    let count = setting("FERROGO_MUTANTS", 400);
    let inputs: Vec<Input> = (first..first + count)
        .map(|seed| {
            let mut rng = Rng::new(seed);
            let path = &sources[rng.below(sources.len())];
            let src = std::fs::read(path).expect("readable source");
            Input {
                label: format!("seed {seed} ({})", path.display()),
                src: mutate(&src, &mut rng),
            }
        })
        .collect();
    let official = common::official_errors(goroot, &inputs);
    let (mut verdict, mut first_line, mut all) = (0, 0, 0);
    for (input, theirs) in inputs.iter().zip(&official) {
        let ours = common::parse("x.go", &input.src).errors;
        let same_verdict = ours.is_empty() == theirs.is_empty();
        let place = |errors: &[String]| {
            errors
                .first()
                .map(|e| e.split(':').take(2).map(str::to_owned).collect::<Vec<_>>())
        };
        verdict += !same_verdict as usize;
        first_line += (place(&ours) != place(theirs)) as usize;
        all += (ours != *theirs) as usize;
        if std::env::var_os("FERROGO_SHOW").is_some() && ours != *theirs {
            std::fs::write(std::env::temp_dir().join("mutant.go"), &input.src)
                .expect("temporary file");
            println!(
                "{}\n  official {theirs:#?}\n  ours     {ours:#?}",
                input.label
            );
        }
    }
    println!(
        "{count} mutants from seed {first}: verdicts differ {verdict}, first lines {first_line}, texts {all}"
    );
    assert!(
        verdict * 200 <= inputs.len(),
        "accepting or refusing differs for {verdict}"
    );
    assert!(
        first_line * 100 <= 3 * inputs.len(),
        "the first error's line differs for {first_line}"
    );
    assert!(all * 100 <= 5 * inputs.len(), "the errors differ for {all}");
}
