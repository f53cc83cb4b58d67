//! `go test -json`: events of `cmd/test2json`, made from the marked output (`-test.v=test2json`).
//!
//! Control lines start with the byte 0x16 or stand at the start of a line: `=== RUN`, `=== PAUSE`, `=== CONT`, `=== NAME`,
//! `--- PASS:`, `--- FAIL:`, `--- SKIP:`, `--- BENCH:`.

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    time: String,
    action: &'a str,
    package: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

fn write(
    action: &str,
    package: &str,
    test: Option<&str>,
    elapsed: Option<f64>,
    output: Option<&str>,
) {
    let event = Event {
        time: now(),
        action,
        package,
        test,
        elapsed,
        output,
    };
    if let Ok(text) = serde_json::to_string(&event) {
        println!("{text}");
    }
}

/// A line of output of the package itself.
pub fn output(package: &str, text: &str) {
    write("output", package, None, None, Some(text));
}

/// The package's last event.
pub fn end(package: &str, action: &str, elapsed: Option<f64>) {
    let milliseconds = elapsed.map(|seconds| (seconds * 1000.0).round() / 1000.0);
    write(action, package, None, milliseconds, None);
}

/// RFC 3339 in UTC.
fn now() -> String {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let (days, secs) = (since.as_secs() / 86400, since.as_secs() % 86400);
    // Civil date from days (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let z = days as i64 + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
        secs / 3600,
        secs / 60 % 60,
        secs % 60,
        since.subsec_nanos()
    )
}

/// Turns a test binary's output into events.
pub struct Converter {
    package: String,
    line: Vec<u8>,
    test: Option<String>,
    started: bool,
}

const MARKER: u8 = 0x16;

impl Converter {
    #[allow(missing_docs)]
    pub fn new(package: &str) -> Self {
        Converter {
            package: package.to_owned(),
            line: Vec::new(),
            test: None,
            started: false,
        }
    }

    /// Takes some more output.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !std::mem::replace(&mut self.started, true) {
            write("start", &self.package, None, None, None);
        }
        for &b in bytes {
            self.line.push(b);
            if b == b'\n' {
                self.flush();
            }
        }
    }

    /// The output is at its end.
    pub fn finish(&mut self) {
        if !self.line.is_empty() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let raw = std::mem::take(&mut self.line);
        let mut rest = raw.as_slice();
        // Output before a marker in mid-line belongs to the test that ran so far.
        if let Some(at) = rest.iter().position(|&b| b == MARKER)
            && at > 0
        {
            let text = String::from_utf8_lossy(&rest[..at]).into_owned();
            write(
                "output",
                &self.package,
                self.test.as_deref(),
                None,
                Some(&text),
            );
            rest = &rest[at..];
        }
        let rest = rest.strip_prefix(&[MARKER]).unwrap_or(rest);
        let text = String::from_utf8_lossy(rest).into_owned();
        let trimmed = text.trim_start_matches(' ').trim_end_matches('\n');
        let indent = text.len() - text.trim_start_matches(' ').len();
        for (prefix, action) in [
            ("=== RUN   ", "run"),
            ("=== PAUSE ", "pause"),
            ("=== CONT  ", "cont"),
            ("=== NAME  ", ""),
        ] {
            if let Some(name) = trimmed.strip_prefix(prefix).filter(|_| indent == 0) {
                self.test = Some(name.to_owned()).filter(|n| !n.is_empty());
                if !action.is_empty() {
                    write(action, &self.package, self.test.as_deref(), None, None);
                }
                if action.is_empty() {
                    return;
                }
                write(
                    "output",
                    &self.package,
                    self.test.as_deref(),
                    None,
                    Some(&text),
                );
                return;
            }
        }
        for (prefix, action) in [
            ("--- PASS: ", "pass"),
            ("--- FAIL: ", "fail"),
            ("--- SKIP: ", "skip"),
            ("--- BENCH: ", "bench"),
        ] {
            if let Some(body) = trimmed.strip_prefix(prefix) {
                let (name, time) = body.split_once(" (").unwrap_or((body, ""));
                let elapsed = time
                    .trim_end_matches(')')
                    .trim_end_matches('s')
                    .parse()
                    .ok();
                self.test = Some(name.to_owned());
                write("output", &self.package, Some(name), None, Some(&text));
                write(action, &self.package, Some(name), elapsed, None);
                return;
            }
        }
        if matches!(trimmed, "PASS" | "FAIL") {
            self.test = None;
        }
        write(
            "output",
            &self.package,
            self.test.as_deref(),
            None,
            Some(&text),
        );
    }
}
