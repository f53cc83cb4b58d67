//! `cargo xtask stdtest`: the tests of std's packages and of Gin through a `go`-like tool, compared test by test with what the official
//! compiler of the pinned release gets.
//!
//! - `TOOL=go UPDATE=1 cargo xtask stdtest` records the official results in `tests/conformance/{std,gin}-official.txt`: for each
//!   package the top-level tests (examples and fuzz seeds too) that pass, with the number of their subtests that pass.
//! - `cargo xtask stdtest` runs ferrogo, prints counts and compares with `tests/conformance/{std,gin}-failing.txt`: a failing test that
//!   is not listed there is an error. `UPDATE=1` renews that list; reasons that stand in it are kept, new entries get the test's first
//!   line of output.
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
const FLAGS: &[&str] = &["test", "-short", "-json", "-vet=off", "-timeout=240s"];
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
    runtime/debug runtime/metrics internal/sync internal/fmtsort internal/reflectlite internal/poll internal/godebug internal/zstd";

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
    let outcomes: Mutex<BTreeMap<String, Outcome>> = Mutex::default();
    let next = AtomicUsize::new(0);
    let threads = std::env::var("THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(pattern) = suite.patterns.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = run_pattern(tool, suite, pattern);
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.extend(found);
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().map_err(|_| "a worker panicked")?;
    let folder = root.join("tests/conformance");
    let official = folder.join(format!("{}-official.txt", suite.name));
    if tool == Path::new("go") {
        return record(&official, &outcomes, suite.complete);
    }
    let failing = folder.join(format!("{}-failing.txt", suite.name));
    compare(&read_official(&official)?, &failing, &outcomes, suite)
}

/// Runs what a pattern matches. A test that hangs or takes the process down hides those after it: they run once more without it.
fn run_pattern(tool: &Path, suite: &Suite, pattern: &str) -> BTreeMap<String, Outcome> {
    let run = |skip: Option<String>| {
        let mut command = command(tool, &suite.dir);
        if let Some(tree) = &suite.tree {
            let path = std::env::var("PATH").unwrap_or_default();
            command
                .env("GOROOT", &tree.goroot)
                .env("GOTOOLCHAIN", "local")
                .env("PATH", format!("{}:{path}", tree.bin.display()));
        }
        command.args(FLAGS);
        if let Some(names) = skip {
            command.arg(format!("-skip=^({names})$"));
        }
        let outcome = testkit::run(command.arg(pattern), LIMIT);
        read(&outcome.stdout, &outcome.stderr, pattern)
    };
    let mut found = run(None);
    let guilty: Vec<String> = found.values().flat_map(culprits).collect();
    if guilty.is_empty() {
        return found;
    }
    for (package, again) in run(Some(guilty.join("|"))) {
        let outcome = found.entry(package).or_default();
        for (name, test) in again.tests {
            let passes = |t: &Test| t.state == "pass";
            if !outcome.tests.get(&name).is_some_and(passes) {
                outcome.tests.insert(name, test);
            }
        }
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

/// Packages that `suite` names replace their entries, all others stay.
fn record(list: &Path, outcomes: &BTreeMap<String, Outcome>, complete: bool) -> Result<(), String> {
    let mut official = match complete {
        true => Official::new(),
        false => read_official(list).unwrap_or_default(),
    };
    for (package, outcome) in outcomes {
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
        official.insert(package.clone(), passing);
    }
    let mut text = String::from(
        "# Tests that pass under the official compiler of the pinned release, TEST/n with n passing subtests. Written by\n\
         # TOOL=go UPDATE=1 cargo xtask stdtest\n",
    );
    for (package, tests) in &official {
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
    match std::env::var_os("UPDATE") {
        Some(_) => std::fs::write(list, text).map_err(|e| format!("{}: {e}", list.display())),
        None => Ok(()),
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

fn compare(
    official: &Official,
    list: &Path,
    outcomes: &BTreeMap<String, Outcome>,
    suite: &Suite,
) -> Result<(), String> {
    let known = read_failing(list);
    let required: BTreeSet<&str> = REQUIRED.split_whitespace().collect();
    let (mut total, mut must, mut tops) = (Count::default(), Count::default(), Count::default());
    let mut failed: BTreeMap<(String, String), String> = BTreeMap::new();
    let empty = Outcome::default();
    for (package, tests) in official {
        if !suite.complete && !outcomes.contains_key(package) {
            continue;
        }
        let outcome = outcomes.get(package).unwrap_or(&empty);
        let mut count = Count::default();
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
                failed.insert(
                    (package.clone(), name.clone()),
                    reason(outcome, test, passing, subtests),
                );
            }
        }
        println!("{package:<30} {:>5} of {:>5}", count.pass, count.all);
        total.add(count);
        if required.contains(package.as_str()) {
            must.add(count);
        }
    }
    for (what, count) in [
        ("required", must),
        ("all, with subtests", total),
        ("top-level tests", tops),
    ] {
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
    let covered = |package: &str| suite.complete || outcomes.contains_key(package);
    for (package, name) in known.keys() {
        if covered(package) && !failed.contains_key(&(package.clone(), name.clone())) {
            println!("now passes: {package} {name}");
        }
    }
    let lost: Vec<String> = failed
        .iter()
        .filter(|(key, _)| !known.contains_key(*key))
        .map(|((package, name), why)| format!("{package} {name}: {why}"))
        .collect();
    if std::env::var_os("UPDATE").is_some() {
        for line in &lost {
            println!("new: {line}");
        }
        let mut renewed: BTreeMap<(String, String), String> = known
            .iter()
            .filter(|((package, _), _)| !covered(package))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        for (key, why) in failed {
            let why = known.get(&key).cloned().unwrap_or(why);
            renewed.insert(key, why);
        }
        return write_failing(list, &renewed);
    }
    match lost.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{} tests fail that are not in {}:\n{}",
            lost.len(),
            list.display(),
            lost.join("\n")
        )),
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

fn read_failing(list: &Path) -> BTreeMap<(String, String), String> {
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

fn write_failing(list: &Path, failing: &BTreeMap<(String, String), String>) -> Result<(), String> {
    let mut text = String::from(
        "# PACKAGE TEST: why it fails though it passes under the official compiler. Renewed by UPDATE=1 cargo xtask stdtest,\n\
         # which keeps the reasons written here.\n",
    );
    for ((package, name), why) in failing {
        let _ = writeln!(text, "{package} {name}: {why}");
    }
    std::fs::write(list, text).map_err(|e| format!("{}: {e}", list.display()))
}
