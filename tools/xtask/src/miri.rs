//! `cargo xtask miri [CRATES]`: the runtime's unit tests under Miri, which finds undefined behaviour that the
//! processor forgives: accesses out of bounds, aliasing against Rust's rules, data races, wild pointers.
//!
//! Needs a nightly toolchain with Miri. TESTING.md says what runs there and what cannot.

use std::process::Command;

/// Crates that pass, with the arguments that select their tests: `tests/loom.rs` switches stacks, which Miri cannot.
const CRATES: &[(&str, &[&str])] = &[
    ("abi", &["--lib"]),
    ("rt-sync", &["--lib"]),
    ("rt-os", &["--lib"]),
    ("rt-heap", &["--lib"]),
];

/// The heap computes addresses, so pointers come from integers (exposed provenance); worlds of tests are never freed.
const FLAGS: &str = "-Zmiri-permissive-provenance -Zmiri-ignore-leaks";

/// Runs all of them, or those that are named.
pub fn run() -> Result<(), String> {
    let wanted: Vec<String> = std::env::args().skip(2).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| CRATES.iter().all(|(krate, _)| krate != name))
    {
        let known: Vec<_> = CRATES.iter().map(|(krate, _)| *krate).collect();
        return Err(format!(
            "{unknown} is none of the crates that pass: {}",
            known.join(", ")
        ));
    }
    let root = crate::tidy::root();
    // Not the cargo that runs this command, which knows one toolchain only, but the one that chooses.
    let cargo = |args: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(&root).args(["+nightly", "miri"]);
        command.args(args).env_remove("RUSTUP_TOOLCHAIN");
        for variable in ["CARGO", "RUSTC", "RUSTDOC"] {
            command.env_remove(variable);
        }
        command
    };
    match cargo(&["--version"]).output() {
        Ok(output) if output.status.success() => {}
        _ => return Err(
            "no Miri: install it with `rustup toolchain install nightly --component miri,rust-src`"
                .into(),
        ),
    }
    let flags = match std::env::var("MIRIFLAGS") {
        Ok(more) => format!("{FLAGS} {more}"),
        Err(_) => FLAGS.into(),
    };
    let mut failed = Vec::new();
    for (krate, selection) in CRATES {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == krate) {
            continue;
        }
        println!("miri: {krate}");
        let status = cargo(&["test", "--target-dir", "target/miri", "-p", krate])
            .args(*selection)
            .env("MIRIFLAGS", &flags)
            .status()
            .map_err(|e| format!("cargo: {e}"))?;
        if !status.success() {
            failed.push(*krate);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", failed.join(", ")))
    }
}
