//! Go's own test corpus: what the committed lists say passes must pass.
//!
//! Without `GOTEST_ALL` in the environment, a sample that depends on the cases' names alone, and every case that failed at some time;
//! `cargo xtask gotest` runs all, with numbers.

use std::path::Path;

use testkit::corpus::{self, Runner, Verdict};

/// One of so many cases is in the sample.
const SAMPLE: u32 = 8;

/// FNV-1a.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[test]
fn go_test_corpus() {
    let Some(dir) = testkit::gotest::corpus() else {
        println!("SKIP Go's test corpus: no installed Go with a test folder");
        return;
    };
    let lists = testkit::repository().join("tests/conformance");
    let [official, failing, watch] = ["official", "failing", "watch"]
        .map(|list| corpus::read_list(&lists.join(format!("gotest-{list}.txt"))));
    for (name, why) in &failing {
        assert!(
            !why.is_empty(),
            "{name} is listed as failing without a reason"
        );
    }
    let all = std::env::var_os("GOTEST_ALL").is_some();
    let cases: Vec<_> = corpus::find_cases(&dir)
        .into_iter()
        .filter(|c| !official.contains_key(&c.name) && !failing.contains_key(&c.name))
        .filter(|c| all || watch.contains_key(&c.name) || hash(&c.name).is_multiple_of(SAMPLE))
        .collect();
    assert!(cases.len() > 100, "the corpus is there");
    let runner = Runner {
        tool: Path::new(env!("CARGO_BIN_EXE_ferrogo")).to_owned(),
        corpus: dir,
        threads: std::thread::available_parallelism().map_or(2, usize::from),
        on_failure: |case, why| println!("FAIL {} ({}): {why}", case.name, case.action),
    };
    let lost: Vec<String> = runner
        .run(&cases)
        .into_iter()
        .filter(|(_, (_, verdict))| matches!(verdict, Verdict::Fail(_)))
        .map(|(name, _)| name)
        .collect();
    assert!(
        lost.is_empty(),
        "{} cases of Go's test corpus are lost (cargo xtask gotest NAME runs one):\n{}",
        lost.len(),
        lost.join("\n")
    );
}
