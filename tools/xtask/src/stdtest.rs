//! `cargo xtask stdtest`: the tests of std's packages and of Gin through a `go`-like tool, compared test by test with what the official
//! compiler of the pinned release gets.
//!
//! - `TOOL=go UPDATE=1 cargo xtask stdtest` records the official results in `tests/conformance/{std,gin}-official.txt`: for each
//!   package the top-level tests (examples and fuzz seeds too) that pass, with the number of their subtests that pass.
//! - `cargo xtask stdtest` runs ferrogo, prints counts and compares with `tests/conformance/{std,gin}-failing.txt`: a failing test that
//!   is not listed there is an error. `UPDATE=1` renews that list; reasons that stand in it are kept, new entries get the test's first
//!   line of output.
//!
//! Packages run one after the other (`THREADS=n`: n at a time), each with a time limit. Under `UPDATE=1` the list is written after each
//! package, so an interrupted run keeps what it has found.
//!
//! `runtime` is a suite of its own, not part of a run without arguments: see [`crate::runtimetests`].
//!
//! Arguments select packages: `gin`, `runtime`, `required` (the packages that must reach 97 %), or names of packages (`net/http`, `encoding/...`).
//! Both tools run with the same flags. A test counts as failed if it, or one of its subtests that passes officially, does not pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;

use crate::runtimetests::{self, Tree};

/// For building and running the tests of one package.
const LIMIT: Duration = Duration::from_secs(900);
const FLAGS: &[&str] = &[
    "test",
    "-short",
    "-json",
    "-vet=off",
    "-p=1",
    "-timeout=240s",
];
/// The time limit of a test that is known to hang.
const ALONE: &str = "-timeout=60s";
/// How often the tests of a package are repeated without those that hid others.
const ROUNDS: usize = 4;
const GIN: &str = "github.com/gin-gonic/gin@v1.12.0";
/// Columns of the recorded lists.
const WIDTH: usize = 140;

/// Packages that must reach 97 %.
const REQUIRED: &str = "strings bytes strconv sort slices maps fmt errors bufio container/heap container/list container/ring \
    encoding/json encoding/json/jsontext encoding/json/v2 encoding/binary text/template text/template/parse regexp regexp/syntax unicode \
    unicode/utf8 unicode/utf16 sync sync/atomic time context math math/bits math/cmplx os path/filepath io net/url net/http/httptest";

/// The others.
const MORE: &str = "net/http net/http/internal net/http/internal/ascii net/http/cookiejar net/http/httptrace net/http/httputil net net/netip \
    net/textproto net/mail net/smtp net/rpc net/rpc/jsonrpc crypto/tls database/sql database/sql/driver html html/template encoding/xml \
    encoding/gob encoding/csv encoding/base64 encoding/base32 encoding/ascii85 encoding/asn1 encoding/pem encoding/hex log log/slog \
    compress/bzip2 compress/flate compress/gzip compress/lzw compress/zlib archive/tar archive/zip go/ast go/build/constraint go/constant \
    go/doc go/doc/comment go/format go/parser go/printer go/scanner go/token go/types go/version reflect testing testing/fstest \
    testing/iotest testing/quick testing/slogtest testing/synctest hash hash/adler32 hash/crc32 hash/crc64 hash/fnv hash/maphash image \
    image/color image/color/palette image/draw image/gif image/jpeg image/png index/suffixarray mime mime/multipart \
    mime/quotedprintable text/scanner text/tabwriter io/fs io/ioutil embed embed/internal/embedtest iter math/big math/rand math/rand/v2 \
    cmp path os/exec os/signal os/user expvar flag unique weak debug/elf debug/dwarf debug/buildinfo crypto crypto/aes crypto/cipher \
    crypto/des crypto/dsa crypto/ecdh crypto/ecdsa crypto/ed25519 crypto/elliptic crypto/hkdf crypto/hmac crypto/md5 crypto/mlkem \
    crypto/pbkdf2 crypto/rand crypto/rc4 crypto/rsa crypto/sha1 crypto/sha256 crypto/sha3 crypto/sha512 crypto/subtle crypto/x509 \
    runtime/debug runtime/metrics runtime/pprof runtime/trace internal/synctest internal/sync internal/fmtsort internal/reflectlite internal/poll internal/godebug internal/zstd";

/// An event of `go test -json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    test: Option<String>,
    output: Option<String>,
}

/// What one top-level test did.
#[derive(Default)]
struct Test {
    /// The last of run, pass, fail, skip.
    state: String,
    /// Subtests that pass.
    subtests: usize,
    /// Subtests that fail or never end, first lines of output: what a reason is made of.
    trouble: Vec<String>,
}

/// Tests of a package by name; an empty map if none ran.
#[derive(Default)]
struct Outcome {
    tests: BTreeMap<String, Test>,
    /// Output outside of tests and of the build.
    text: String,
}

/// Package path to passing tests with the number of their passing subtests.
type Official = BTreeMap<String, BTreeMap<String, usize>>;

/// A set of packages with its pair of lists.
struct Suite {
    name: &'static str,
    dir: PathBuf,
    patterns: Vec<String>,
    complete: bool,
    /// GOROOT and `go` of its own.
    tree: Option<Tree>,
}

/// Runs both suites, or what the arguments select.
pub fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let root = crate::tidy::root();
    let tool = match std::env::var("TOOL") {
        Ok(tool) => PathBuf::from(tool),
        Err(_) => crate::bench::build_ferrogo(&root)?,
    };
    let temp = std::env::temp_dir().join(format!("ferrogo-stdtest-{}", std::process::id()));
    let mut result = Ok(());
    for suite in suites(&tool, &root, &temp, &arguments)? {
        result = result.and(run_suite(&tool, &root, &suite));
    }
    let _ = std::fs::remove_dir_all(&temp);
    result
}

fn suites(
    tool: &Path,
    root: &Path,
    temp: &Path,
    arguments: &[String],
) -> Result<Vec<Suite>, String> {
    let all = || REQUIRED.split_whitespace().chain(MORE.split_whitespace());
    let mut patterns: Vec<String> = Vec::new();
    for argument in arguments.iter().filter(|a| *a != "gin" && *a != "runtime") {
        match (argument.as_str(), argument.strip_suffix("...")) {
            ("required", _) => patterns.extend(REQUIRED.split_whitespace().map(str::to_owned)),
            (_, Some(prefix)) => {
                patterns.extend(all().filter(|p| p.starts_with(prefix)).map(str::to_owned));
            }
            _ => patterns.push(argument.clone()),
        }
    }
    let mut suites = Vec::new();
    if arguments.is_empty() || !patterns.is_empty() {
        let complete = patterns.is_empty();
        if complete {
            patterns = all().map(str::to_owned).collect();
        }
        suites.push(Suite {
            name: "std",
            dir: Path::new(&environment(tool, root, "GOROOT")?).join("src"),
            patterns,
            complete,
            tree: None,
        });
    }
    if arguments.is_empty() || arguments.iter().any(|a| a == "gin") {
        let service = root.join("examples/gin-service");
        let download = testkit::run(
            command(tool, &service).args(["mod", "download"]),
            Duration::from_secs(600),
        );
        if download.status != Some(0) {
            return Err(format!("mod download: {}", download.stderr));
        }
        let dir = temp.join("gin");
        let cache = environment(tool, root, "GOMODCACHE")?;
        testkit::corpus::copy_tree(&Path::new(&cache).join(GIN), &dir)
            .and_then(|()| make_writable(&dir))
            .map_err(|e| format!("copy of {GIN}: {e}"))?;
        suites.push(Suite {
            name: "gin",
            dir,
            patterns: vec!["./...".to_owned()],
            complete: true,
            tree: None,
        });
    }
    if arguments.iter().any(|a| a == "runtime") {
        let goroot = environment(tool, root, "GOROOT")?;
        let run = |dir: &Path| command(tool, dir);
        let tree = runtimetests::prepare(tool, root, Path::new(&goroot), temp, run)?;
        suites.push(Suite {
            name: "runtime",
            dir: tree.goroot.join("src/runtime"),
            patterns: vec!["runtime".to_owned()],
            complete: true,
            tree: Some(tree),
        });
    }
    Ok(suites)
}

/// The module cache is read-only; tests write beside their sources.
fn make_writable(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path| {
        let mode = std::fs::metadata(path)?.permissions().mode();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode | 0o200))
    };
    set(dir)?;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        match path.is_dir() {
            true => make_writable(&path)?,
            false => set(&path)?,
        }
    }
    Ok(())
}

fn command(tool: &Path, dir: &Path) -> Command {
    let mut command = Command::new(tool);
    command
        .current_dir(dir)
        .env("GOTOOLCHAIN", "go1.27.3")
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env("GO_TEST_TIMEOUT_SCALE", "4")
        .env("CGO_ENABLED", "0")
        .env_remove("GODEBUG");
    command
}

fn environment(tool: &Path, root: &Path, name: &str) -> Result<String, String> {
    let outcome = testkit::run(
        command(tool, root).args(["env", name]),
        Duration::from_secs(300),
    );
    match outcome.stdout.trim() {
        "" => Err(format!("env {name}: {}", outcome.stderr)),
        text => Ok(text.to_owned()),
    }
}

fn run_suite(tool: &Path, root: &Path, suite: &Suite) -> Result<(), String> {
    let folder = root.join("tests/conformance");
    let official = folder.join(format!("{}-official.txt", suite.name));
    let failing = folder.join(format!("{}-failing.txt", suite.name));
    let run = match tool == Path::new("go") {
        true => Run::Record(Recording {
            official: read_official(&official).unwrap_or_default(),
            list: official,
        }),
        false => Run::Compare(Comparison {
            official: read_official(&official)?,
            known: read_failing(&failing),
            list: failing,
            failed: BTreeMap::new(),
            counts: [Count::default(); 3],
        }),
    };
    let mut hung: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Run::Compare(comparison) = &run {
        for ((package, name), why) in &comparison.known {
            if why.starts_with("hangs") || why.starts_with("does not end") {
                hung.entry(package.clone()).or_default().push(name.clone());
            }
        }
    }
    let hanging = |package: &str| hung.get(package).map_or(&[][..], Vec::as_slice);
    let state = Mutex::new((run, BTreeSet::new()));
    let next = AtomicUsize::new(0);
    let threads = std::env::var("THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    std::thread::scope(|scope| {
        let worker = || -> Result<(), String> {
            while let Some(pattern) = suite.patterns.get(next.fetch_add(1, Ordering::Relaxed)) {
                let found = run_pattern(tool, suite, pattern, hanging(pattern));
                let mut state = state.lock().map_err(|_| "a worker panicked")?;
                let (run, done) = &mut *state;
                for (package, outcome) in &found {
                    run.add(package, outcome)?;
                    done.insert(package.clone());
                }
            }
            Ok(())
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err("a worker panicked".to_owned()))
        })
    })?;
    let (run, done) = state.into_inner().map_err(|_| "a worker panicked")?;
    run.finish(suite, &done)
}

/// Runs what a pattern matches. A test that hangs or takes the process down hides those after it: these run once more without it.
/// Tests in `hanging` hung before: they run alone, each with a short time limit.
fn run_pattern(
    tool: &Path,
    suite: &Suite,
    pattern: &str,
    hanging: &[String],
) -> BTreeMap<String, Outcome> {
    let run = |arguments: &[String]| {
        let mut command = command(tool, &suite.dir);
        if let Some(tree) = &suite.tree {
            let path = std::env::var("PATH").unwrap_or_default();
            command
                .env("GOROOT", &tree.goroot)
                .env("GOTOOLCHAIN", "local")
                .env("PATH", format!("{}:{path}", tree.bin.display()));
        }
        command.args(FLAGS).args(arguments);
        let outcome = testkit::run(command.arg(pattern), LIMIT);
        read(&outcome.stdout, &outcome.stderr, pattern)
    };
    let skip = |names: &[String]| match names.is_empty() {
        true => Vec::new(),
        false => vec![format!("-skip=^({})$", names.join("|"))],
    };
    let mut skipped = hanging.to_vec();
    let mut found = run(&skip(&skipped));
    let add = |found: &mut BTreeMap<String, Outcome>, again: BTreeMap<String, Outcome>| {
        for (package, again) in again {
            let outcome = found.entry(package).or_default();
            for (name, test) in again.tests {
                let passes = |t: &Test| t.state == "pass";
                if !outcome.tests.get(&name).is_some_and(passes) {
                    outcome.tests.insert(name, test);
                }
            }
        }
    };
    for _ in 0..ROUNDS {
        let mut guilty: Vec<String> = found.values().flat_map(culprits).collect();
        guilty.retain(|name| !skipped.contains(name));
        if guilty.is_empty() {
            break;
        }
        skipped.extend(guilty);
        add(&mut found, run(&skip(&skipped)));
    }
    for name in hanging {
        let alone = run(&[format!("-run=^{name}$"), ALONE.to_owned()]);
        add(&mut found, alone);
    }
    found
}

/// Tests that did not end: those that the time-out names, or those with the panic.
fn culprits(outcome: &Outcome) -> Vec<String> {
    let unfinished = || outcome.tests.iter().filter(|(_, t)| t.state == "run");
    let named: BTreeSet<&str> = unfinished()
        .flat_map(|(_, t)| &t.trouble)
        .chain(std::iter::once(&outcome.text))
        .flat_map(|text| text.lines())
        .filter_map(|line| line.trim().split_once(" ("))
        .map(|(name, _)| name.split('/').next().unwrap_or(name))
        .collect();
    let pick = |good: &dyn Fn(&str, &Test) -> bool| -> Vec<String> {
        unfinished()
            .filter(|(n, t)| good(n, t))
            .map(|(n, _)| n.clone())
            .collect()
    };
    let by_name = pick(&|name, _| named.contains(name));
    match by_name.is_empty() {
        false => by_name,
        true => pick(&|_, test| {
            test.trouble
                .iter()
                .any(|l| l.contains("panic:") || l.contains("fatal error:"))
        }),
    }
}

/// Events to tests. Lines that are no events belong to the package.
fn read(stdout: &str, stderr: &str, pattern: &str) -> BTreeMap<String, Outcome> {
    let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
    let mut loose = String::new();
    for line in stdout.lines() {
        let Ok(event) = serde_json::from_str::<Event>(line) else {
            loose.push_str(line);
            loose.push('\n');
            continue;
        };
        if event.package.is_empty() {
            loose.push_str(&event.output.unwrap_or_default());
            continue;
        }
        let outcome = outcomes.entry(event.package).or_default();
        let Some(name) = event.test else {
            outcome.text.push_str(&event.output.unwrap_or_default());
            continue;
        };
        let (top, sub) = match name.split_once('/') {
            Some((top, sub)) => (top, Some(sub)),
            None => (name.as_str(), None),
        };
        let test = outcome.tests.entry(top.to_owned()).or_default();
        match (event.action.as_str(), sub) {
            ("run" | "pass" | "fail" | "skip", None) => test.state = event.action,
            ("pass", Some(_)) => test.subtests += 1,
            ("output", _) => {
                let text = event.output.unwrap_or_default();
                let text = text.trim();
                if test.trouble.len() < 40 && !text.is_empty() && !is_frame_line(text) {
                    test.trouble.push(text.to_owned());
                }
            }
            _ => {}
        }
    }
    if outcomes.is_empty() {
        outcomes.entry(pattern.to_owned()).or_default();
    }
    if outcomes.len() == 1 {
        for outcome in outcomes.values_mut() {
            outcome.text = format!("{stderr}{loose}{}", outcome.text);
        }
    }
    outcomes
}

/// Lines that the testing package writes around a test's own.
fn is_frame_line(text: &str) -> bool {
    ["=== ", "--- PASS", "--- SKIP", "--- FAIL"]
        .iter()
        .any(|p| text.starts_with(p))
}

/// What becomes of outcomes.
enum Run {
    Record(Recording),
    Compare(Comparison),
}

impl Run {
    fn add(&mut self, package: &str, outcome: &Outcome) -> Result<(), String> {
        match self {
            Run::Record(recording) => recording.add(package, outcome),
            Run::Compare(comparison) => comparison.add(package, outcome),
        }
    }

    fn finish(self, suite: &Suite, done: &BTreeSet<String>) -> Result<(), String> {
        match self {
            Run::Record(recording) => recording.finish(suite, done),
            Run::Compare(comparison) => comparison.finish(suite, done),
        }
    }
}

fn renews() -> bool {
    std::env::var_os("UPDATE").is_some()
}

/// A run of the official compiler. Packages that it covers replace their entries.
struct Recording {
    list: PathBuf,
    official: Official,
}

impl Recording {
    fn add(&mut self, package: &str, outcome: &Outcome) -> Result<(), String> {
        let passing: BTreeMap<String, usize> = outcome
            .tests
            .iter()
            .filter(|(_, t)| t.state == "pass")
            .map(|(n, t)| (n.clone(), t.subtests))
            .collect();
        let failing: Vec<&str> = outcome
            .tests
            .iter()
            .filter(|(_, t)| !matches!(t.state.as_str(), "pass" | "skip"))
            .map(|(n, _)| n.as_str())
            .collect();
        println!(
            "{package:<30} {} pass {}",
            passing.len(),
            match failing.is_empty() {
                true => String::new(),
                false => format!("FAIL {}", failing.join(" ")),
            }
        );
        self.official.insert(package.to_owned(), passing);
        self.write()
    }

    /// Entries of packages that a complete run did not meet go.
    fn finish(mut self, suite: &Suite, done: &BTreeSet<String>) -> Result<(), String> {
        if suite.complete {
            self.official.retain(|package, _| done.contains(package));
        }
        self.write()
    }

    fn write(&self) -> Result<(), String> {
        if !renews() {
            return Ok(());
        }
        let mut text = String::from(
            "# Tests that pass under the official compiler of the pinned release, TEST/n with n passing subtests. Written by\n\
             # TOOL=go UPDATE=1 cargo xtask stdtest\n",
        );
        for (package, tests) in &self.official {
            let mut line = format!("{package}:");
            for (name, subtests) in tests {
                let word = match subtests {
                    0 => name.clone(),
                    n => format!("{name}/{n}"),
                };
                if line.len() + 1 + word.len() > WIDTH {
                    text.push_str(&line);
                    text.push('\n');
                    line = String::from(" ");
                }
                line.push(' ');
                line.push_str(&word);
            }
            text.push_str(&line);
            text.push('\n');
        }
        let error = |e| format!("{}: {e}", self.list.display());
        std::fs::write(&self.list, text).map_err(error)
    }
}

fn read_official(list: &Path) -> Result<Official, String> {
    let text = std::fs::read_to_string(list).map_err(|e| format!("{}: {e}", list.display()))?;
    let mut official = Official::new();
    let mut package = String::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let mut words = line.split_whitespace();
        if !line.starts_with(' ') {
            package = words
                .next()
                .unwrap_or_default()
                .trim_end_matches(':')
                .to_owned();
        }
        let tests = official.entry(package.clone()).or_default();
        for word in words {
            let (name, count) = word.split_once('/').unwrap_or((word, "0"));
            tests.insert(name.to_owned(), count.parse().unwrap_or(0));
        }
    }
    Ok(official)
}

/// Tests that pass, with subtests, of all that pass officially.
#[derive(Clone, Copy, Default)]
struct Count {
    pass: usize,
    all: usize,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.pass += other.pass;
        self.all += other.all;
    }
    fn percent(self) -> f64 {
        100.0 * self.pass as f64 / self.all.max(1) as f64
    }
}

/// Package and test to the reason why it fails.
type Failing = BTreeMap<(String, String), String>;

/// A run of the tool under test.
struct Comparison {
    official: Official,
    list: PathBuf,
    /// As the list had it, renewed package by package under `UPDATE=1`.
    known: Failing,
    /// Tests that failed in this run though the list does not have them.
    failed: Failing,
    /// Of the required packages, of all, of top-level tests.
    counts: [Count; 3],
}

impl Comparison {
    fn add(&mut self, package: &str, outcome: &Outcome) -> Result<(), String> {
        let Some(tests) = self.official.get(package) else {
            println!("{package:<30} no official results");
            return Ok(());
        };
        let [must, total, tops] = &mut self.counts;
        let mut count = Count::default();
        let mut failing = BTreeMap::new();
        for (name, &subtests) in tests {
            let test = outcome.tests.get(name);
            let passes = test.is_some_and(|t| t.state == "pass");
            let passing = test.map_or(0, |t| t.subtests.min(subtests));
            count.add(Count {
                pass: passing + usize::from(passes),
                all: subtests + 1,
            });
            let good = passes && passing == subtests;
            tops.add(Count {
                pass: usize::from(good),
                all: 1,
            });
            if !good {
                failing.insert(name, reason(outcome, test, passing, subtests));
            }
        }
        println!("{package:<30} {:>5} of {:>5}", count.pass, count.all);
        total.add(count);
        if REQUIRED.split_whitespace().any(|p| p == package) {
            must.add(count);
        }
        let fixed: Vec<(String, String)> = self
            .known
            .keys()
            .filter(|(p, name)| p == package && !failing.contains_key(name))
            .cloned()
            .collect();
        for key in &fixed {
            println!("now passes: {} {}", key.0, key.1);
        }
        for (name, why) in failing {
            let key = (package.to_owned(), name.clone());
            if !self.known.contains_key(&key) {
                println!("new: {package} {name}: {why}");
                self.failed.insert(key, why);
            }
        }
        if !renews() {
            return Ok(());
        }
        self.known.retain(|key, _| !fixed.contains(key));
        self.known.append(&mut self.failed);
        write_failing(&self.list, &self.known)
    }

    fn finish(mut self, suite: &Suite, done: &BTreeSet<String>) -> Result<(), String> {
        if suite.complete {
            let missed: Vec<String> = self.official.keys().cloned().collect();
            for package in missed.iter().filter(|p| !done.contains(*p)) {
                self.add(package, &Outcome::default())?;
            }
        }
        let names = ["required", "all, with subtests", "top-level tests"];
        for (what, count) in names.iter().zip(self.counts) {
            if count.all > 0 {
                println!(
                    "{}: {what}: {} of {} ({:.2} %)",
                    suite.name,
                    count.pass,
                    count.all,
                    count.percent()
                );
            }
        }
        match self.failed.len() {
            0 => Ok(()),
            lost => Err(format!(
                "{lost} tests fail that are not in {}",
                self.list.display()
            )),
        }
    }
}

/// One line that tells what went wrong, for a list that is read by people.
fn reason(outcome: &Outcome, test: Option<&Test>, passing: usize, subtests: usize) -> String {
    let first = |lines: &mut dyn Iterator<Item = &str>| {
        let text = lines
            .map(str::trim)
            .find(|l| !l.is_empty() && !l.starts_with('#'))
            .unwrap_or("no output")
            .to_owned();
        text.chars().take(110).collect::<String>()
    };
    let ended = |outcome: &Outcome| {
        let mut notable = outcome.text.lines().filter(|l| {
            ["panic:", "fatal error:", "SIG", "error:", "signal:"]
                .iter()
                .any(|p| l.contains(p))
        });
        match notable.next() {
            Some(line) => first(&mut std::iter::once(line)),
            None => first(&mut outcome.text.lines()),
        }
    };
    match test {
        None => format!("not run: {}", ended(outcome)),
        Some(test) if test.state == "run" => {
            let panic = test.trouble.iter().find(|l| l.contains("panic:"));
            match panic {
                Some(line) => format!("does not end: {line}"),
                None => format!("does not end: {}", ended(outcome)),
            }
        }
        Some(test) if test.state == "pass" => {
            format!("{passing} of {subtests} subtests pass")
        }
        Some(test) => first(&mut test.trouble.iter().map(String::as_str)),
    }
}

fn read_failing(list: &Path) -> Failing {
    std::fs::read_to_string(list)
        .unwrap_or_default()
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .filter_map(|l| {
            let (key, why) = l.split_once(": ").unwrap_or((l, ""));
            let (package, name) = key.split_once(' ')?;
            Some(((package.to_owned(), name.to_owned()), why.to_owned()))
        })
        .collect()
}

fn write_failing(list: &Path, failing: &Failing) -> Result<(), String> {
    let mut text = String::from(
        "# PACKAGE TEST: why it fails though it passes under the official compiler. Renewed by UPDATE=1 cargo xtask stdtest,\n\
         # which keeps the reasons written here.\n",
    );
    for ((package, name), why) in failing {
        let _ = writeln!(text, "{package} {name}: {why}");
    }
    std::fs::write(list, text).map_err(|e| format!("{}: {e}", list.display()))
}
