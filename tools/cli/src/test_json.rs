//! `go test -json`: events of `cmd/test2json`, made from the marked output (`-test.v=test2json`).
//!
//! A control line (*frame*: `=== RUN`, `--- PASS:`, `PASS` ...) begins with the byte 0x16, which may stand behind output without an end of line. The text
//! of a failure is between the bytes 0x0f and 0x0e. What a test's result is, is told when the next frame comes: what is
//! printed in between (a panic's text) is the test's.

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
    elapsed: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_build: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// Serialised as Go does: whole numbers without a point.
#[derive(Clone, Copy)]
struct Seconds(f64);

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.fract() == 0.0 {
            true => serializer.serialize_u64(self.0 as u64),
            false => serializer.serialize_f64(self.0),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BuildEvent<'a> {
    import_path: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

fn print(event: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(event) {
        println!("{text}");
    }
}

impl<'a> Event<'a> {
    fn new(action: &'a str, package: &'a str) -> Self {
        Event {
            time: now(),
            action,
            package,
            test: None,
            elapsed: None,
            output: None,
            output_type: None,
            failed_build: None,
            key: None,
            value: None,
        }
    }
}

/// The package's first event.
pub fn start(package: &str) {
    print(&Event::new("start", package));
}

/// A line of output of the package itself; `frame`: it is one of `go test`'s own.
pub fn output(package: &str, text: &str, frame: bool) {
    print(&Event {
        output: Some(text),
        output_type: frame.then_some("frame"),
        ..Event::new("output", package)
    });
}

/// The package's last event; `failed_build` names the build that kept its tests from running.
pub fn end(package: &str, action: &str, elapsed: f64, failed_build: Option<&str>) {
    print(&Event {
        elapsed: Some(Seconds((elapsed * 1000.0).round() / 1000.0)),
        failed_build,
        ..Event::new(action, package)
    });
}

/// What a failed build printed.
pub fn build_failed(import_path: &str, text: &str) {
    for line in text.split_inclusive('\n') {
        print(&BuildEvent {
            import_path,
            action: "build-output",
            output: Some(line),
        });
    }
    print(&BuildEvent {
        import_path,
        action: "build-fail",
        output: None,
    });
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
    /// In a failure's text: on its first line, or behind it.
    error: Option<&'static str>,
    /// A test's result that waits for the next frame.
    result: Option<(&'static str, String, Option<f64>)>,
}

const FRAME: u8 = 0x16;
const ERROR_START: u8 = 0x0f;
const ERROR_END: u8 = 0x0e;

impl Converter {
    #[allow(missing_docs)]
    pub fn new(package: &str) -> Self {
        Converter {
            package: package.to_owned(),
            line: Vec::new(),
            test: None,
            error: None,
            result: None,
        }
    }

    /// Takes some more output.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &b in bytes {
            if b == FRAME || b == ERROR_START {
                self.flush();
            }
            self.line.push(b);
            if b == b'\n' {
                self.flush();
            }
        }
    }

    /// The output is at its end.
    pub fn finish(&mut self) {
        self.flush();
        self.tell_result();
    }

    fn tell_result(&mut self) {
        if let Some((action, test, elapsed)) = self.result.take() {
            print(&Event {
                test: Some(&test),
                elapsed: elapsed.map(Seconds),
                ..Event::new(action, &self.package)
            });
        }
    }

    fn output(&self, text: &str, kind: Option<&str>) {
        print(&Event {
            test: self.test.as_deref(),
            output: Some(text),
            output_type: kind,
            ..Event::new("output", &self.package)
        });
    }

    fn action(&self, action: &str) {
        print(&Event {
            test: self.test.as_deref(),
            ..Event::new(action, &self.package)
        });
    }

    fn flush(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        match line.first() {
            None => return,
            Some(&FRAME) => {
                let text = String::from_utf8_lossy(&line[1..]).into_owned();
                return self.frame(&text);
            }
            Some(&ERROR_START) => {
                self.error = Some("error");
                line.remove(0);
            }
            Some(_) => {}
        }
        let kind = self.error;
        let ends = line.contains(&ERROR_END);
        line.retain(|&b| b != ERROR_END);
        self.error = match kind {
            Some(_) if !ends => Some("error-continue"),
            _ => None,
        };
        if !line.is_empty() {
            self.output(&String::from_utf8_lossy(&line), kind);
        }
    }

    fn frame(&mut self, text: &str) {
        self.tell_result();
        let plain = text.trim_end_matches('\n');
        if let Some(name) = plain.strip_prefix("=== NAME  ") {
            self.test = Some(name.to_owned()).filter(|n| !n.is_empty());
            return;
        }
        for (prefix, action) in [
            ("=== RUN   ", "run"),
            ("=== PAUSE ", "pause"),
            ("=== CONT  ", "cont"),
        ] {
            if let Some(name) = plain.strip_prefix(prefix) {
                self.test = Some(name.to_owned());
                if action == "pause" {
                    self.output(text, Some("frame"));
                    self.action(action);
                } else {
                    self.action(action);
                    self.output(text, Some("frame"));
                }
                return;
            }
        }
        if let Some(attribute) = plain.strip_prefix("=== ATTR  ") {
            let mut words = attribute.splitn(3, ' ');
            self.test = words.next().map(str::to_owned);
            print(&Event {
                test: self.test.as_deref(),
                key: words.next(),
                value: words.next(),
                ..Event::new("attr", &self.package)
            });
            return self.output(text, Some("frame"));
        }
        for (prefix, action) in [
            ("--- PASS: ", "pass"),
            ("--- FAIL: ", "fail"),
            ("--- SKIP: ", "skip"),
            ("--- BENCH: ", "bench"),
        ] {
            if let Some(body) = plain.trim_start_matches(' ').strip_prefix(prefix) {
                let (name, time) = body.split_once(" (").unwrap_or((body, ""));
                let elapsed = time
                    .trim_end_matches(')')
                    .trim_end_matches('s')
                    .parse()
                    .ok();
                self.test = Some(name.to_owned());
                self.output(text, Some("frame"));
                self.result = Some((action, name.to_owned(), elapsed));
                return;
            }
        }
        if matches!(plain, "PASS" | "FAIL") {
            self.test = None;
        }
        self.output(text, Some("frame"));
    }
}
