//! Servers: nothing is reported on healthy ones, and they are not disturbed.

mod common;

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::*;

/// Runs `work` while some clients send requests; returns how many were answered and how many failed.
fn under_load(address: &str, path: &'static str, work: impl FnOnce()) -> (u64, u64) {
    /// Ends the clients also when `work` panics.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    let (good, bad) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (stop, good, bad) = (&stop, &good, &bad);
            scope.spawn(move || {
                let mut stream = None;
                let mut count = client;
                while !stop.load(Ordering::Relaxed) {
                    count += 1;
                    // A new connection now and then: accepting must work during a snapshot too.
                    if count % 50 == 0 {
                        stream = None;
                    }
                    let open = match &mut stream {
                        Some(open) => open,
                        None => {
                            let Ok(open) = TcpStream::connect(address) else {
                                bad.fetch_add(1, Ordering::Relaxed);
                                continue;
                            };
                            open.set_read_timeout(Some(Duration::from_secs(10))).ok();
                            stream.insert(open)
                        }
                    };
                    if get(open, &path.replace('*', &count.to_string())) {
                        good.fetch_add(1, Ordering::Relaxed);
                    } else {
                        bad.fetch_add(1, Ordering::Relaxed);
                        stream = None;
                    }
                    std::thread::sleep(Duration::from_micros(300));
                }
            });
        }
        let _stop = Stop(&stop);
        work();
    });
    (good.into_inner(), bad.into_inner())
}

fn zombies_of(pid: u32) -> usize {
    attach::procfs::stray_zombies(pid as i32).len()
}

#[test]
fn a_healthy_server_gives_no_finding() {
    if !have_go() {
        return;
    }
    let server = Example::start(&build("server", Build::Plain, "local"));
    let idle = serious(&report(&[&server.pid()]));
    assert!(idle.is_empty(), "idle: {idle:?}");
    let (good, bad) = under_load(&server.said, "/item/*", || {
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..3 {
            let loaded = serious(&report(&[&server.pid()]));
            assert!(loaded.is_empty(), "loaded: {loaded:?}");
        }
    });
    assert!(good > 0 && bad == 0, "{good} answered, {bad} failed");
    assert!(server.finish());
}

#[test]
fn frameworks_give_no_finding() {
    if !have_go() {
        return;
    }
    if !full() {
        eprintln!("SKIPPED: Gin and go-zero take minutes to build (set FERROGO_DOCTOR_FULL=1)");
        return;
    }
    for (package, arguments, path) in [
        ("gin", &["-clean"][..], "/ping"),
        ("gozero", &[][..], "/hello/*"),
    ] {
        let mut command = std::process::Command::new(build(package, Build::Plain, "local"));
        command.args(arguments);
        let server = Example::spawn(command);
        std::thread::sleep(Duration::from_millis(500));
        let idle = serious(&report(&[&server.pid()]));
        assert!(idle.is_empty(), "idle {package}: {idle:?}");
        let (good, bad) = under_load(&server.said, path, || {
            std::thread::sleep(Duration::from_millis(300));
            let loaded = serious(&report(&[&server.pid()]));
            assert!(loaded.is_empty(), "loaded {package}: {loaded:?}");
        });
        assert!(
            good > 0 && bad == 0,
            "{package}: {good} answered, {bad} failed"
        );
    }
}

#[test]
fn snapshots_and_killed_doctors_do_not_disturb_a_busy_server() {
    if !have_go() {
        return;
    }
    let rounds = if full() { 200 } else { 16 };
    let server = Example::start(&build("server", Build::Plain, "local"));
    let pid = server.child.id();
    let threads =
        |pid: u32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let (good, bad) = under_load(&server.said, "/item/*", || {
        std::thread::sleep(Duration::from_millis(200));
        for round in 0..rounds {
            let mut command = doctor();
            command
                .args([&server.pid(), "--json", "-q"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            let mut child = command.spawn().expect("the doctor runs");
            if round % 2 == 1 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                std::thread::sleep(Duration::from_micros(random % 120_000));
                child.kill().ok();
                child.wait().ok();
            } else {
                assert!(child.wait().expect("it ends").success(), "round {round}");
            }
            assert_eq!(
                attach::procfs::status(pid as i32).expect("alive")["TracerPid"],
                "0",
                "round {round}"
            );
        }
        // The next run collects what killed ones left.
        report(&[&server.pid()]);
        assert_eq!(zombies_of(pid), 0);
        // Nothing of the copies is left running.
        let deadline = Instant::now() + Duration::from_secs(5);
        while threads(pid) > 64 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(threads(pid) <= 64);
    });
    eprintln!("{rounds} snapshots: {good} requests answered, {bad} failed");
    assert!(good > 0 && bad == 0, "{good} answered, {bad} failed");
    assert!(server.finish(), "the server ended badly");
}

/// Processes whose parent is `pid`, zombies too.
fn children(pid: u32) -> usize {
    let dir = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    dir.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            let rest = stat.rfind(')').map_or("", |at| &stat[at + 1..]);
            rest.split_ascii_whitespace().nth(1) == Some(&pid.to_string())
        })
        .count()
}

#[test]
fn death_at_any_step_of_a_snapshot_leaves_the_target_whole() {
    if !have_go() {
        return;
    }
    if !cfg!(debug_assertions) {
        eprintln!("SKIPPED: release builds have no points to die at (run it without --release)");
        return;
    }
    let server = Example::start(&build("server", Build::Plain, "local"));
    let pid = server.child.id();
    let (good, bad) = under_load(&server.said, "/item/*", || {
        std::thread::sleep(Duration::from_millis(100));
        for point in [
            "seized", "prepared", "entered", "cloned", "copied", "tied", "reaping",
        ] {
            for _ in 0..if full() { 20 } else { 2 } {
                let status = doctor()
                    .args([&server.pid(), "-q"])
                    .env("FERROGO_DOCTOR_DIE_AT", point)
                    .stdout(std::process::Stdio::null())
                    .status()
                    .expect("the doctor runs");
                assert!(status.code().is_none(), "the doctor did not die at {point}");
                // Whatever copy there is has ended by itself; the next run collects it.
                std::thread::sleep(Duration::from_millis(50));
                assert_eq!(
                    children(pid),
                    zombies_of(pid),
                    "a copy runs on after {point}"
                );
                report(&[&server.pid()]);
                assert_eq!(children(pid), 0, "a zombie stays after {point}");
            }
        }
    });
    assert!(good > 0 && bad == 0, "{good} answered, {bad} failed");
    assert!(server.finish(), "the server ended badly");
}

#[test]
fn an_endpoint_tells_allocations_and_goroutines() {
    if !have_go() {
        return;
    }
    let server = Example::start(&build("server", Build::Plain, "local"));
    let output = run(&[&format!("http://{}/debug/pprof/", server.said), "-q"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("goroutines, by where they are") && text.contains("main.worker"),
        "{text}"
    );
    assert!(text.contains("not who holds it"), "{text}");
    let output = run(&[&format!("http://{}/nowhere", server.said), "-q"]);
    assert!(
        output.status.success() || String::from_utf8_lossy(&output.stderr).contains("status 404")
    );
}

#[test]
fn profiles_in_text_form_tell_the_same() {
    if !have_go() {
        return;
    }
    let server = Example::start(&build("server", Build::Plain, "local"));
    let base = format!("http://{}/debug/pprof", server.said);
    let shown = |argument: &str| {
        let output = run(&[argument, "-q"]);
        assert!(
            output.status.success(),
            "{argument}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for form in ["", "?debug=1", "/goroutine?debug=1", "/heap?debug=1"] {
        let text = shown(&format!("{base}{form}"));
        assert!(text.contains("main.worker (main.go:"), "{form}: {text}");
        assert!(
            text.contains("memory Go has from the system"),
            "{form}: {text}"
        );
        assert!(
            text.contains("live at the last collection"),
            "{form}: {text}"
        );
    }
    // Saved by hand: one stack each, and all goroutines with their states.
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, query) in [("one", "goroutine?debug=1"), ("two", "goroutine?debug=2")] {
        let mut stream = TcpStream::connect(&server.said).expect("connected");
        let request = format!("GET /debug/pprof/{query} HTTP/1.0\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("asked");
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).expect("answered");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        let file = dir.join(format!("goroutines-{name}.txt"));
        std::fs::write(&file, body).expect("written");
        let text = shown(file.to_str().expect("a path"));
        assert!(
            text.contains("8  ") && text.contains("main.worker (main.go:"),
            "{name}: {text}"
        );
    }
    assert!(server.finish());
}
