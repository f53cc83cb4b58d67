//! The six kinds of leak are found, their clean twins are not accused.

mod common;

use common::*;

/// An example, the kind of the first finding on it, whether a line of the program is known for it.
type Cause = (&'static str, &'static str, bool);

/// The six leaks.
const LEAKS: &[Cause] = &[
    ("goroutine", "goroutine-leak", true),
    ("mutex", "lock-stuck", true),
    ("ticker", "ticker-leak", true),
    ("substring", "substring-pin", true),
    ("subslice", "subslice-pin", true),
    ("array", "array-copy", true),
];

/// The other causes.
const CAUSES: &[Cause] = &[
    ("mapshrunk", "map-shrunk", true),
    ("backlog", "channel-backlog", true),
    ("fragmentation", "fragmentation", false),
    ("gcoff", "gc-settings", false),
    ("deepstack", "deep-stack", true),
    ("pool", "pool", true),
    ("cond", "goroutine-leak", true),
    ("timers", "timer-pileup", true),
    ("outside", "outside-go", false),
];

/// Every leak is the first finding on its program, and nothing is reported on its clean twin; all builds are
/// looked at before the test fails.
fn check(causes: &[Cause], builds: &[(&str, Build)]) {
    let mut faults = Vec::new();
    let mut right = 0;
    for &(toolchain, kind) in builds {
        for &(example, expected, line) in causes {
            let leak = Example::start(&build(&format!("{example}/leak"), kind, toolchain));
            let report = report(&[&leak.pid()]);
            assert_eq!(report["schema"], "ferrogo.doctor/1");
            let found = serious(&report);
            let named = found.first().is_some_and(|(kind, place)| {
                kind == expected && (!line || place.contains("main.go:"))
            });
            let unharmed = leak.finish();
            let clean = Example::start(&build(&format!("{example}/clean"), kind, toolchain));
            let accused = serious(&common::report(&[&clean.pid()]));
            let unharmed = clean.finish() && unharmed;
            if named && accused.is_empty() && unharmed {
                right += 1;
            } else {
                faults.push(format!(
                    "{example} {kind:?} {toolchain}: {found:?}, on the twin {accused:?}, unharmed: {unharmed}"
                ));
            }
        }
    }
    eprintln!("{right} of {} pairs are right", right + faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn leaks_are_named_and_twins_are_not() {
    if !have_go() {
        return;
    }
    let mut builds = vec![("local", Build::Plain), ("local", Build::Stripped)];
    if full() {
        builds = all_builds(&["go1.24.0", "go1.25.0", "local", "go1.27.3"]);
    }
    check(LEAKS, &builds);
}

#[test]
fn other_causes_are_named_and_twins_are_not() {
    if !have_go() {
        return;
    }
    let mut builds = vec![("local", Build::Plain)];
    if full() {
        builds = all_builds(&["go1.24.0", "go1.25.0", "local", "go1.27.3"]);
    }
    check(CAUSES, &builds);
}

/// Plain, stripped and position-independent builds by several toolchains.
fn all_builds(toolchains: &[&'static str]) -> Vec<(&'static str, Build)> {
    let kinds = [Build::Plain, Build::Stripped, Build::Pie];
    toolchains
        .iter()
        .flat_map(|&toolchain| kinds.map(|kind| (toolchain, kind)))
        .collect()
}

#[test]
fn shapes_are_counted_exactly_and_not_accused() {
    if !have_go() {
        return;
    }
    let mut builds = vec![("local", Build::Plain), ("local", Build::Stripped)];
    if full() {
        builds = all_builds(&["go1.24.0", "go1.25.0", "local", "go1.27.3"]);
    }
    for (toolchain, kind) in builds {
        let shapes = Example::start(&build("shapes", kind, toolchain));
        let told = report(&[&shapes.pid(), "--limit", "10000"]);
        assert_eq!(serious(&told), [], "{toolchain} {kind:?}");
        for (name, count) in [
            ("chan *main.item", 2000),
            ("chan int", 2000),
            ("chan struct {}", 2001),
            ("chan [64]uint8", 1),
            ("main.decoy", 1000),
            ("main.ring", 10_000),
            ("main.link", 100_000),
            ("main.tracked", 1000),
        ] {
            assert_eq!(objects(&told, name), count, "{name}: {toolchain} {kind:?}");
        }
        assert!(shapes.finish());
    }
}

#[test]
fn every_way_to_wait_for_good_is_told() {
    if !have_go() {
        return;
    }
    let example = Example::start(&build("blocked", Build::Plain, "local"));
    let report = report(&[&example.pid()]);
    let found: Vec<(String, String)> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["confidence"] == "certain" && finding["count"] == 20)
        .map(|finding| {
            let place = finding["place"].as_str().unwrap_or("");
            (
                finding["title"].as_str().unwrap_or("").to_string(),
                place.split(' ').next().unwrap_or("").to_string(),
            )
        })
        .collect();
    for (reason, function) in [
        ("chan send", "main.send"),
        ("chan receive", "main.receive"),
        ("select", "main.choose"),
        ("chan receive (nil chan)", "main.nilReceive"),
        ("chan send (nil chan)", "main.nilSend"),
        ("select (no cases)", "main.noCases"),
        ("sync.WaitGroup.Wait", "main.waitGroup"),
        ("sync.Mutex.Lock", "main.mutex"),
        ("sync.RWMutex.RLock", "main.readLock"),
        ("sync.RWMutex.Lock", "main.writeLock"),
        ("sync.Cond.Wait", "main.condition"),
    ] {
        let title = format!("20 goroutines blocked for good in {reason}");
        assert!(
            found.contains(&(title, function.to_string())),
            "{reason} at {function} is not among {found:?}"
        );
    }
    assert!(example.finish());
}

#[test]
fn a_heap_that_may_outgrow_its_container_is_told() {
    if !have_go() {
        return;
    }
    let Some(group) = MemoryGroup::new(160 << 20) else {
        eprintln!("SKIPPED: no memory cgroup can be made here");
        return;
    };
    let program = build("limit", Build::Plain, "local");
    let example = Example::spawn(group.command(&program));
    let found = serious(&report(&[&example.pid()]));
    assert_eq!(
        found.first().map(|finding| finding.0.as_str()),
        Some("gc-settings"),
        "{found:?}"
    );
    assert!(example.finish());
    let mut command = group.command(&program);
    command.env("GOMEMLIMIT", "140MiB");
    let example = Example::spawn(command);
    let found = serious(&report(&[&example.pid()]));
    assert!(found.is_empty(), "with GOMEMLIMIT: {found:?}");
    assert!(example.finish());
}

#[test]
fn stopping_gives_the_same_findings_as_copying() {
    if !have_go() {
        return;
    }
    let leak = Example::start(&build("goroutine/leak", Build::Plain, "local"));
    let report = report(&[&leak.pid(), "--method", "stop"]);
    assert_eq!(report["info"]["method"], "stop");
    assert_eq!(serious(&report)[0].0, "goroutine-leak");
    assert!(leak.finish());
}

#[test]
fn a_cache_that_grows_is_told_by_two_snapshots() {
    if !have_go() {
        return;
    }
    let leak = Example::start(&build("cache/leak", Build::Plain, "local"));
    let found = serious(&report(&[&leak.pid(), "--interval", "700ms"]));
    assert_eq!(
        found.first().map(|finding| finding.0.as_str()),
        Some("growth"),
        "{found:?}"
    );
    assert!(found[0].1.contains("main.go:"), "{found:?}");
    assert!(leak.finish());
    let clean = Example::start(&build("cache/clean", Build::Plain, "local"));
    let found = serious(&report(&[&clean.pid(), "--interval", "700ms"]));
    assert!(found.is_empty(), "{found:?}");
    assert!(clean.finish());
}

#[test]
fn objects_and_bytes_agree_with_memstats() {
    if !have_go() {
        return;
    }
    let mut cases = vec![("local", Build::Plain), ("local", Build::Stripped)];
    if full() {
        for toolchain in [
            "go1.24.0",
            "go1.24.13",
            "go1.25.0",
            "go1.25.14",
            "local",
            "go1.27.3",
        ] {
            cases.extend([
                (toolchain, Build::Plain),
                (toolchain, Build::Stripped),
                (toolchain, Build::Pie),
                (toolchain, Build::PieStripped),
            ]);
            // Without optimisation the whole standard library is compiled anew: once is enough.
            if toolchain == "local" {
                cases.push((toolchain, Build::Debug));
            }
        }
    }
    for (toolchain, kind) in cases {
        let mixed = Example::start(&build("mixed", kind, toolchain));
        let words: Vec<&str> = mixed.said.split(' ').collect();
        let number = |name: &str| -> f64 {
            let at = words.iter().position(|word| *word == name).expect(name);
            words[at + 1].parse().expect(name)
        };
        let report = report(&[&mixed.pid()]);
        let checks = &report["info"]["checks"];
        for (own_name, walked) in [("HeapAlloc", "bytes"), ("HeapObjects", "objects")] {
            let (own, walked) = (number(own_name), checks[walked].as_f64().unwrap());
            assert!(
                (own - walked).abs() <= own / 1000.0,
                "{toolchain} {kind:?}: {own} against {walked}"
            );
            let off = (walked - own) / own * 100.0;
            eprintln!("{toolchain} {kind:?}: {own_name} {own}, seen {walked}: {off:+.3} %");
        }
        assert_eq!(checks["span_mismatches"], 0, "{toolchain} {kind:?}");
        assert_eq!(checks["bad_headers"], 0, "{toolchain} {kind:?}");
        assert!(
            checks["typed_bytes"].as_f64().unwrap() > 0.9 * checks["bytes"].as_f64().unwrap(),
            "{toolchain} {kind:?}"
        );
    }
}
