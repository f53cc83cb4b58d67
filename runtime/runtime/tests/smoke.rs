//! Builds the runtime image, links it with a hand-written program that follows the compiler's conventions, and runs it under several settings.
//! Skipped where there is no C toolchain to assemble and link with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the program prints when everything works.
const EXPECTED: &str = "ok start\nok deep recursion\nok big frame\nok channel\nok collection\nok sleep\nok unwind\nok preemption\nok goroutines\nok select\nok fault\n";

fn run(command: &mut Command) -> Option<()> {
    let output = command.output().ok()?;
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(())
}

/// The linked program, `None` without a toolchain.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            let here = Path::new(env!("CARGO_MANIFEST_DIR"));
            let image = here.join("../image");
            let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let tool = |name: &str| Command::new(name).arg("--version").output().is_ok();
            if !tool("cc") || !tool("ld") {
                return None;
            }
            // Flags of the outer build must not leak into the image's.
            run(Command::new(env!("CARGO"))
                .args(["build", "--release", "--quiet"])
                .current_dir(&image)
                .env_remove("RUSTFLAGS")
                .env_remove("CARGO_ENCODED_RUSTFLAGS")
                .env_remove("CARGO_TARGET_DIR"))?;
            let (object, binary) = (out.join("program.o"), out.join("program"));
            run(Command::new("cc")
                .arg("-c")
                .arg(here.join("tests/program.s"))
                .arg("-o")
                .arg(&object))?;
            let archive =
                image.join("target/x86_64-unknown-linux-gnu/release/libferrogo_runtime.a");
            run(Command::new("ld")
                .args(["-static", "--gc-sections", "-e", "_start", "-o"])
                .arg(&binary)
                .arg(&object)
                .arg(&archive))?;
            Some(binary)
        })
        .as_deref()
}

fn check(settings: &[(&str, &str)]) {
    let Some(program) = program() else { return };
    let output = Command::new(program)
        .envs(settings.iter().copied())
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        text,
        EXPECTED,
        "{settings:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{settings:?}: {}", output.status);
}

#[test]
fn program_runs_with_default_settings() {
    check(&[]);
}

#[test]
fn program_runs_on_one_processor() {
    check(&[("GOMAXPROCS", "1")]);
}

#[test]
fn program_runs_on_more_processors_than_there_are() {
    check(&[("GOMAXPROCS", "8")]);
}

#[test]
fn program_runs_with_poisoned_memory_and_a_second_mark() {
    check(&[
        ("GODEBUG", "gcpoison=1,gccheckmark=1,gcverify=1"),
        ("GOGC", "20"),
    ]);
}

#[test]
fn program_runs_with_collections_that_stop_the_world() {
    check(&[("GODEBUG", "gcstoptheworld=1")]);
}
