//! What cannot be read is refused in one clear message, with a status that is not 0.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::*;

fn refused(args: &[&str], expected: &str) {
    let output = run(args);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(message.contains(expected), "{args:?}: {message}");
    assert!(
        !message.contains("panicked") && message.lines().count() <= 3,
        "{args:?}: {message}"
    );
}

#[test]
fn processes_that_are_none() {
    refused(&["999999999"], "there is no process 999999999");
    refused(&["99999999999999999999"], "there is no process");
    refused(&["2"], "");
    let zombie = Command::new("true").spawn().expect("true");
    std::thread::sleep(std::time::Duration::from_millis(100));
    refused(&[&zombie.id().to_string()], "has ended");
    let mut zombie = zombie;
    zombie.wait().ok();
}

#[test]
fn programs_that_are_not_go() {
    let mut child = Command::new("sleep").arg("100").spawn().expect("sleep");
    refused(&[&child.id().to_string(), "-q"], "not a Go program");
    child.kill().ok();
    child.wait().ok();
}

#[test]
fn files_that_are_none() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let write = |name: &str, data: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, data).expect("written");
        path.to_str().expect("a path").to_string()
    };
    refused(&["/nonexistent/core"], "cannot open");
    refused(&[dir.to_str().expect("a path")], "not a file");
    refused(&[&write("empty", b"")], "is empty");
    refused(
        &[&write("text", b"hello, this is no profile")],
        "neither a core file",
    );
    refused(
        &[&write(
            "snapshot",
            b"FGSNAP02 and then nonsense that is long enough",
        )],
        "the snapshot is",
    );
    refused(
        &[&write("old-snapshot", b"FGSNAP01........")],
        "another version",
    );
    let mut elf = b"\x7fELF\x02\x01".to_vec();
    elf.resize(64, 0);
    refused(&[&write("elf", &elf)], "another architecture");
    elf[18] = 62;
    elf[16] = 2;
    refused(&[&write("exe", &elf)], "not a core file");
    elf[16] = 4;
    refused(&[&write("core-short", &elf)], "segment table");
    elf[4] = 1;
    refused(&[&write("core32", &elf)], "32-bit");
    refused(&["http://127.0.0.1:1/debug/pprof"], "cannot fetch");
}

#[test]
fn a_traced_process_names_its_tracer() {
    if !have_go() {
        return;
    }
    let example = Example::start(&build("goroutine/clean", Build::Plain, "local"));
    let pid = example.child.id() as i32;
    attach::sys::seize(pid, 0).expect("seized");
    refused(&[&pid.to_string(), "-q"], "already traced by process");
    attach::sys::interrupt(pid).expect("interrupted");
    attach::sys::wait(pid, true).expect("stopped");
    attach::sys::detach(pid, 0).expect("detached");
    assert!(serious(&report(&[&pid.to_string()])).is_empty());
    assert!(example.finish());
}

#[test]
fn other_architectures_are_named() {
    if !have_go() {
        return;
    }
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("goroutine-386");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&output)
        .arg("./goroutine/clean")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/leaks"))
        .env("GOARCH", "386")
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let child = Command::new(&output)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let (true, Ok(mut child)) = (built, child) else {
        eprintln!("SKIPPED: 32-bit programs cannot be built or run here");
        return;
    };
    refused(&[&child.id().to_string(), "-q"], "32-bit");
    child.kill().ok();
    child.wait().ok();
}

#[test]
fn a_process_that_ends_in_the_middle_is_no_disaster() {
    if !have_go() {
        return;
    }
    let path = build("goroutine/leak", Build::Plain, "local");
    for delay in [0, 5, 20, 40, 60, 80, 100, 150] {
        let mut example = Example::start(&path);
        let doctor = doctor()
            .args([&example.pid(), "-q"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the doctor runs");
        std::thread::sleep(std::time::Duration::from_millis(delay));
        example.child.kill().ok();
        let output = doctor.wait_with_output().expect("it ends");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!message.contains("panicked"), "{delay}: {message}");
        assert!(
            output.status.success() || message.starts_with("ferrogo doctor: "),
            "{delay}: {message}"
        );
    }
}
