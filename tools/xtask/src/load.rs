//! `cargo xtask load`: the example Gin service under load, built by the official compiler and by ferrogo.
//!
//! 64 connections (`CONNECTIONS=n`) ask `/ping` over keep-alive HTTP/1.1 for `SECONDS=n` a turn. The two services take turns, `ROUNDS=n` of
//! them; requests per second of the best turn count, and the server's own CPU time per request, which a busy machine disturbs
//! less. `TOOL=ferrogo` drives one service alone (the 60-second soak: `TOOL=ferrogo ROUNDS=1 SECONDS=60 cargo xtask load`).
//! A failed request, a service that does not end on SIGTERM, or memory that grows after the first third is an error.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What one turn measured.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    requests: u64,
    failed: u64,
    seconds: f64,
    /// CPU time of the server, seconds.
    cpu: f64,
    /// Resident KiB: after a third of the turn, and the largest after that.
    rss_third: u64,
    rss_later: u64,
}

/// Runs the turns and prints a line for each; fails on what the module comment names.
pub fn run() -> Result<(), String> {
    let root = crate::tidy::root();
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(default)
    };
    let (connections, seconds, rounds) = (
        number("CONNECTIONS", 64) as usize,
        number("SECONDS", 10),
        number("ROUNDS", 3),
    );
    let only = std::env::var("TOOL").ok();
    let temp = std::env::temp_dir().join(format!("ferrogo-load-{}", std::process::id()));
    std::fs::create_dir_all(&temp).map_err(|e| e.to_string())?;
    let result = turns(&root, &temp, only.as_deref(), connections, seconds, rounds);
    let _ = std::fs::remove_dir_all(&temp);
    result
}

fn turns(
    root: &Path,
    temp: &Path,
    only: Option<&str>,
    connections: usize,
    seconds: u64,
    rounds: u64,
) -> Result<(), String> {
    let service = root.join("examples/gin-service");
    let mut tools = Vec::new();
    for tool in ["gc", "ferrogo"] {
        if only.is_some_and(|o| o != tool) {
            continue;
        }
        let binary = temp.join(tool);
        let mut command = if tool == "gc" {
            let mut go = Command::new("go");
            go.env("GOTOOLCHAIN", "go1.27.3");
            go
        } else {
            Command::new(crate::bench::build_ferrogo(root)?)
        };
        let built = command
            .current_dir(&service)
            .args(["build", "-o"])
            .arg(&binary)
            .arg(".")
            .output()
            .map_err(|e| format!("{tool}: {e}"))?;
        if !built.status.success() {
            return Err(format!(
                "{tool} cannot build the service:\n{}",
                String::from_utf8_lossy(&built.stderr)
            ));
        }
        tools.push((tool, binary, Turn::default()));
    }
    println!(
        "{:<8} {:>10} {:>8} {:>12} {:>10} {:>10} {:>7}",
        "service", "requests", "req/s", "CPU us/req", "RSS 1/3", "RSS later", "failed"
    );
    let mut problems = Vec::new();
    for _ in 0..rounds {
        for (tool, binary, best) in &mut tools {
            let turn = one_turn(binary, connections, seconds)?;
            println!(
                "{tool:<8} {:>10} {:>8.0} {:>12.1} {:>10} {:>10} {:>7}",
                turn.requests,
                turn.rate(),
                turn.cpu_per_request(),
                turn.rss_third,
                turn.rss_later,
                turn.failed
            );
            if turn.failed > 0 {
                problems.push(format!("{tool}: {} requests failed", turn.failed));
            }
            // A page or two of noise is no growth: an eighth more than after the first third is.
            if seconds >= 60 && turn.rss_later > turn.rss_third + turn.rss_third / 8 {
                problems.push(format!(
                    "{tool}: resident memory grew from {} to {} KiB",
                    turn.rss_third, turn.rss_later
                ));
            }
            if turn.rate() > best.rate() {
                *best = turn;
            }
        }
    }
    if let [(_, _, gc), (_, _, ours)] = tools.as_slice() {
        println!(
            "ferrogo/gc: {:.2} requests per second, {:.2} CPU per request",
            ours.rate() / gc.rate(),
            ours.cpu_per_request() / gc.cpu_per_request()
        );
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("; "))
    }
}

impl Turn {
    fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds.max(1e-9)
    }

    fn cpu_per_request(&self) -> f64 {
        self.cpu * 1e6 / self.requests.max(1) as f64
    }
}

/// Kills the service when a turn fails half-way.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn one_turn(binary: &Path, connections: usize, seconds: u64) -> Result<Turn, String> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .map_err(|e| e.to_string())?
        .port();
    let addr = format!("127.0.0.1:{port}");
    let mut child = Guard(
        Command::new(binary)
            .env("ADDR", &addr)
            .env("GIN_MODE", "release")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{}: {e}", binary.display()))?,
    );
    let started = Instant::now();
    while TcpStream::connect(&addr).is_err() {
        if started.elapsed() > Duration::from_secs(10) {
            return Err("the service does not listen".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.0.id();
    let (requests, failed, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let mut turn = Turn::default();
    let before = cpu_seconds(pid);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| client(&addr, &stop, &requests, &failed));
        }
        let whole = Duration::from_secs(seconds);
        while started.elapsed() < whole {
            std::thread::sleep(
                Duration::from_millis(200).min(whole - started.elapsed().min(whole)),
            );
            let rss = resident_kib(pid);
            if started.elapsed() < whole / 3 {
                turn.rss_third = turn.rss_third.max(rss);
            } else {
                turn.rss_later = turn.rss_later.max(rss);
            }
        }
        turn.seconds = started.elapsed().as_secs_f64();
        turn.cpu = cpu_seconds(pid) - before;
        turn.requests = requests.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
    });
    turn.failed = failed.load(Ordering::Relaxed);
    let _ = Command::new("kill").arg(pid.to_string()).status();
    let told = Instant::now();
    loop {
        if let Some(status) = child.0.try_wait().map_err(|e| e.to_string())? {
            if !status.success() {
                return Err(format!("the service ended with {status} on SIGTERM"));
            }
            return Ok(turn);
        }
        if told.elapsed() > Duration::from_secs(15) {
            return Err("the service does not end on SIGTERM".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One connection: request after request until told to stop.
fn client(addr: &str, stop: &AtomicBool, requests: &AtomicU64, failed: &AtomicU64) {
    let request = format!("GET /ping HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    let run = || -> std::io::Result<()> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        let (mut line, mut body) = (String::new(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            writer.write_all(request.as_bytes())?;
            line.clear();
            reader.read_line(&mut line)?;
            let mut good = line.starts_with("HTTP/1.1 200 ");
            let mut length = 0;
            loop {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                let text = line.trim_end();
                if text.is_empty() {
                    break;
                }
                if let Some((name, value)) = text.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
            good &= body == br#"{"message":"pong"}"#;
            let counter = if good { requests } else { failed };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    if run().is_err() {
        failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// User and system time of a process so far; `/proc` counts in hundredths.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = |n: usize| -> f64 {
        after_name
            .split(' ')
            .nth(n)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0.0)
    };
    (field(11) + field(12)) / 100.0
}

fn resident_kib(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    pages * 4
}
