//! Development commands: `cargo xtask COMMAND`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

mod bench;
mod errorcheck;
mod fuzz;
mod gotest;
mod layouts;
mod leaks;
mod load;
mod miri;
mod runtimetests;
mod soak;
mod stdtest;
mod tidy;

/// Every command with what it does.
const COMMANDS: &[(&str, &str, fn() -> Result<(), String>)] = &[
    (
        "layouts",
        "regenerate the table of runtime layouts and code anchors from the official compilers",
        layouts::run,
    ),
    (
        "bench",
        "run the benchmark programs under gc and ferrogo side by side",
        bench::run,
    ),
    (
        "fuzz-programs",
        "compare random programs under the official compiler and ours",
        fuzz::run,
    ),
    (
        "gotest",
        "run Go's own test corpus and compare with the recorded results",
        gotest::run,
    ),
    (
        "errorcheck",
        "run the cases of Go's test corpus about errors through the command line",
        errorcheck::run,
    ),
    (
        "leaks",
        "run std's leaking programs and compare the reported goroutines with what std's test expects",
        leaks::run,
    ),
    (
        "load",
        "drive the example Gin service of both compilers over HTTP and compare",
        load::run,
    ),
    (
        "miri",
        "run the runtime's unit tests under Miri: miri [CRATES]",
        miri::run,
    ),
    (
        "soak",
        "run channels, timers, maps, JSON and HTTP over a steady live heap and check everything: soak [MINUTES]",
        soak::run,
    ),
    (
        "stdtest",
        "run the tests of std and of Gin and compare with the official compiler's recorded results",
        stdtest::run,
    ),
    (
        "tidy",
        "check crate edges and unsafe code against ARCHITECTURE.md",
        tidy::run,
    ),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, _, run)) = COMMANDS.iter().find(|(command, _, _)| *command == name) else {
        eprintln!("usage: cargo xtask COMMAND");
        for (command, what, _) in COMMANDS {
            eprintln!("  {command:<10} {what}");
        }
        return ExitCode::from(2);
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error}");
            ExitCode::FAILURE
        }
    }
}
