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
    // The executable that is named is the one that is blamed.
    let own = std::process::id().to_string();
    refused(&[&own, "--exe", "/bin/true", "-q"], "/bin/true is not");
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
    refused(
        &[&write("profile", b"x"), "--interval", "1s"],
        "needs a live process",
    );
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

#[test]
fn a_process_killed_at_any_step_of_a_snapshot_is_told() {
    if !have_go() {
        return;
    }
    if !cfg!(debug_assertions) {
        eprintln!("SKIPPED: release builds have no points to kill at (run it without --release)");
        return;
    }
    let path = build("goroutine/leak", Build::Plain, "local");
    for point in [
        "seized", "prepared", "entered", "cloned", "copied", "tied", "reaping",
    ] {
        let mut example = Example::start(&path);
        let mut doctor = doctor()
            .args([&example.pid(), "-q"])
            .env(
                "FERROGO_DOCTOR_KILL_AT",
                format!("{point} {}", example.pid()),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the doctor runs");
        // Far more than any snapshot of it takes: a doctor that waits for the dead would wait for ever.
        let ended = (0..1200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            doctor.try_wait().is_ok_and(|status| status.is_some())
        });
        doctor.kill().ok();
        let output = doctor.wait_with_output().expect("it ends");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(ended, "killed at {point}: the doctor hangs");
        assert!(
            output.status.success() || message.starts_with("ferrogo doctor: "),
            "killed at {point}: {message}"
        );
        assert!(example.child.wait().is_ok_and(|status| !status.success()));
    }
}

#[test]
fn without_permission_the_reason_and_a_way_are_told() {
    use std::os::unix::process::CommandExt;
    if !have_go() {
        return;
    }
    // Another user, who must be able to run the doctor: from a folder everybody may enter.
    let dir = std::env::temp_dir().join(format!("ferrogo-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let copy = dir.join("doctor");
    std::fs::copy(env!("CARGO_BIN_EXE_ferrogo-doctor"), &copy).expect("copied");
    let example = Example::start(&build("goroutine/clean", Build::Plain, "local"));
    let output = Command::new(&copy)
        .args([&example.pid(), "-q"])
        .uid(65534)
        .gid(65534)
        .output();
    std::fs::remove_dir_all(&dir).ok();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: nothing can be run as another user here: {error}");
            return;
        }
    };
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        message.contains("not allowed to look into process")
            && message.contains("as user 65534: use sudo"),
        "{message}"
    );
    assert!(example.finish());
}

#[test]
fn a_process_that_may_not_clone_is_stopped_instead() {
    if !have_go() {
        return;
    }
    let example = Example::start(&build("seccomp", Build::Plain, "local"));
    if example.said.contains("refused") {
        eprintln!("SKIPPED: no seccomp filter can be installed here");
        return;
    }
    let told = report(&[&example.pid()]);
    assert_eq!(told["info"]["method"], "stop");
    assert!(
        told["info"]["warnings"].to_string().contains("seccomp"),
        "{}",
        told["info"]["warnings"]
    );
    assert_eq!(serious(&told)[0].0, "goroutine-leak");
    // Insisting on a copy fails in one sentence and harms nobody.
    let output = run(&[&example.pid(), "--method", "fork", "-q"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && !message.contains("panicked"),
        "{message}"
    );
    assert_eq!(serious(&report(&[&example.pid()]))[0].0, "goroutine-leak");
    assert!(example.finish());
}

#[test]
fn unoptimised_programs_can_be_read() {
    if !have_go() {
        return;
    }
    for (example, expected) in [
        ("goroutine/leak", "goroutine-leak"),
        ("mutex/leak", "lock-stuck"),
    ] {
        let leak = Example::start(&build(example, Build::Debug, "local"));
        assert_eq!(serious(&report(&[&leak.pid()]))[0].0, expected);
        assert!(leak.finish());
    }
}

#[test]
fn c_memory_is_told_apart() {
    if !have_go() {
        return;
    }
    if !Command::new("gcc")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("SKIPPED: no C compiler");
        return;
    }
    let leak = Example::start(&build("cgo", Build::Plain, "local"));
    let found = serious(&report(&[&leak.pid()]));
    assert_eq!(found[0].0, "outside-go", "{found:?}");
    assert!(leak.finish());
}

#[test]
fn what_a_plugin_holds_and_where_it_waits_is_found() {
    if !have_go() {
        return;
    }
    if !full() {
        eprintln!("SKIPPED: plugins take minutes to build (set FERROGO_DOCTOR_FULL=1)");
        return;
    }
    let part = build_with("plugin/part", &["-buildmode=plugin"], "local");
    let mut command = Command::new(build("plugin/host", Build::Plain, "local"));
    command.arg(part);
    let example = Example::spawn(command);
    let told = report(&[&example.pid()]);
    assert_eq!(told["info"]["checks"]["span_mismatches"], 0);
    let found = serious(&told);
    assert_eq!(found[0].0, "goroutine-leak", "{found:?}");
    assert!(found[0].1.contains("part.Run.func1 (part.go:"), "{found:?}");
    assert!(
        told["info"]["warnings"]
            .as_array()
            .is_some_and(Vec::is_empty),
        "{}",
        told["info"]["warnings"]
    );
    assert!(example.finish());
}

#[test]
fn programs_of_ferrogo_are_named() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // The sections its linker writes, in an executable that is otherwise empty.
    let mut names = vec![0u8];
    let mut headers = vec![[0u8; 64]];
    for (index, name) in [".text.rt", ".go.type", ".go.data", ".go.bss", ".shstrtab"]
        .iter()
        .enumerate()
    {
        let mut header = [0u8; 64];
        header[..4].copy_from_slice(&(names.len() as u32).to_le_bytes());
        header[4] = if *name == ".shstrtab" { 3 } else { 8 };
        if *name != ".shstrtab" {
            header[8] = 2;
            header[16..24].copy_from_slice(&(0x40_1000u64 + index as u64 * 4096).to_le_bytes());
            header[32] = 64;
        }
        names.extend(name.as_bytes());
        names.push(0);
        headers.push(header);
    }
    let names_at = 64 + headers.len() * 64;
    let last = headers.len() - 1;
    headers[last][24..32].copy_from_slice(&(names_at as u64).to_le_bytes());
    headers[last][32..40].copy_from_slice(&(names.len() as u64).to_le_bytes());
    let mut elf = vec![0u8; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (elf[16], elf[18], elf[20], elf[40], elf[52], elf[58]) = (2, 62, 1, 64, 64, 64);
    (elf[60], elf[62]) = (headers.len() as u8, last as u8);
    elf.extend(headers.concat());
    elf.extend(names);
    let path = dir.join("by-ferrogo");
    std::fs::write(&path, elf).expect("written");
    let error = attach::exe::Exe::open(&path, "service")
        .err()
        .expect("refused");
    assert!(
        error.what.contains("service was built by ferrogo"),
        "{error}"
    );
    assert!(
        error
            .hint
            .is_some_and(|hint| hint.contains("what works on it"))
    );
}
