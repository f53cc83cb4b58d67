//! `cargo xtask soak [MINUTES]`: the program in `tests/soak`, which checks itself, for two minutes unless told otherwise.
//!
//! `SOAK_LIVE` sets the live heap in MB (1024), `SOAK_GC=1` runs it under the official compiler instead, to tell a defect of the program
//! from one of the runtime. The program fails on wrong results, waits that do not end, and memory that grows; the time limit here is
//! for a process that no longer runs at all.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What building, the last rounds and the final checks may take on top.
const GRACE: Duration = Duration::from_secs(300);

/// Builds and runs it.
pub fn run() -> Result<(), String> {
    let minutes = match std::env::args().nth(2) {
        None => 2.0,
        Some(text) => text
            .parse::<f64>()
            .ok()
            .filter(|minutes| *minutes > 0.0 && *minutes < 1e5)
            .ok_or(format!("{text} is not a number of minutes"))?,
    };
    let live = std::env::var("SOAK_LIVE").unwrap_or_else(|_| "1024".into());
    let root = crate::tidy::root();
    let temp = std::env::temp_dir().join(format!("ferrogo-soak-{}", std::process::id()));
    std::fs::create_dir_all(&temp).map_err(|e| e.to_string())?;
    let program = temp.join("soak");
    let mut build = if std::env::var_os("SOAK_GC").is_some() {
        testkit::official_go().ok_or("no official go of the pinned release")?
    } else {
        Command::new(crate::bench::build_ferrogo(&root)?)
    };
    let built = build
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(root.join("tests/soak"))
        .status();
    let result = match built {
        Ok(status) if status.success() => watch(
            Command::new(&program)
                .arg(format!("-minutes={minutes}"))
                .arg(format!("-live={live}")),
            Duration::from_secs_f64(minutes * 60.0) + GRACE,
        ),
        Ok(status) => Err(format!("tests/soak does not build: {status}")),
        Err(error) => Err(format!("{build:?}: {error}")),
    };
    let _ = std::fs::remove_dir_all(&temp);
    result
}

fn watch(command: &mut Command, limit: Duration) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|e| format!("{command:?}: {e}"))?;
    let start = Instant::now();
    loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("the program fails: {status}")),
            None if start.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the program hangs after {:?}", start.elapsed()));
            }
            None => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}
