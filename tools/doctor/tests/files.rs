//! Core files, saved snapshots, pprof and HTML output.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::*;

fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a scratch folder");
    dir
}

fn core_of(package: &str, kind: Build, dir: &Path) -> Option<(PathBuf, PathBuf)> {
    let program = build(package, kind, "local");
    Some((kernel_core(&program, dir)?, program))
}

#[test]
fn a_core_gives_the_same_findings_as_the_process() {
    if !have_go() {
        return;
    }
    let mut cases = vec![
        ("goroutine/leak", Build::Plain, Some("goroutine-leak")),
        ("mutex/leak", Build::Plain, Some("lock-stuck")),
        ("substring/leak", Build::Stripped, Some("substring-pin")),
        ("ticker/leak", Build::Pie, Some("ticker-leak")),
        ("cond/leak", Build::Plain, Some("goroutine-leak")),
    ];
    if full() {
        for kind in [Build::Plain, Build::Stripped, Build::Pie] {
            cases.extend([
                ("goroutine/leak", kind, Some("goroutine-leak")),
                ("mutex/leak", kind, Some("lock-stuck")),
                ("ticker/leak", kind, Some("ticker-leak")),
                ("substring/leak", kind, Some("substring-pin")),
                ("subslice/leak", kind, Some("subslice-pin")),
                ("array/leak", kind, Some("array-copy")),
                ("goroutine/clean", kind, None),
                ("mutex/clean", kind, None),
                ("ticker/clean", kind, None),
                ("substring/clean", kind, None),
                ("subslice/clean", kind, None),
                ("array/clean", kind, None),
            ]);
        }
    }
    for (package, kind, expected) in cases {
        let dir = scratch(&package.replace('/', "-"));
        let Some((core, _)) = core_of(package, kind, &dir) else {
            return;
        };
        let report = report(&[core.to_str().expect("a path")]);
        let found = serious(&report);
        assert_eq!(
            found.first().map(|finding| finding.0.as_str()),
            expected,
            "{package} {kind:?}: {found:?}"
        );
        assert_eq!(report["info"]["checks"]["span_mismatches"], 0);
        std::fs::remove_dir_all(dir).ok();
    }
}

#[test]
fn damaged_cores_are_refused_in_one_sentence() {
    if !have_go() {
        return;
    }
    let dir = scratch("damaged");
    let Some((core, program)) = core_of("substring/clean", Build::Plain, &dir) else {
        return;
    };
    let core_path = core.to_str().expect("a path");
    // Of another build.
    let other = build("substring/leak", Build::Plain, "local");
    let output = run(&[core_path, "--exe", other.to_str().expect("a path"), "-q"]);
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("another build"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Cut off.
    let data = std::fs::read(&core).expect("the core");
    for part in [3, 50, 1000, data.len() / 3, data.len() * 3 / 4] {
        let cut = dir.join("cut");
        std::fs::write(&cut, &data[..part]).expect("written");
        let output = run(&[
            cut.to_str().expect("a path"),
            "--exe",
            program.to_str().expect("a path"),
            "-q",
        ]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(!message.contains("panicked"), "{part}: {message}");
        assert!(
            !output.status.success() || message.contains("cut off"),
            "{part}: {message}"
        );
    }
    std::fs::remove_dir_all(dir).ok();
}

#[test]
fn a_saved_snapshot_tells_the_same() {
    if !have_go() {
        return;
    }
    let dir = scratch("saved");
    let file = |name: &str| dir.join(name).to_str().expect("a path").to_string();
    let leak = Example::start(&build("ticker/leak", Build::Plain, "local"));
    let live = report(&[
        &leak.pid(),
        "--save",
        &file("a.snap"),
        "--pprof",
        &file("a.pb.gz"),
    ]);
    let saved = report(&[&file("a.snap")]);
    assert_eq!(live["findings"], saved["findings"]);
    assert_eq!(live["types"], saved["types"]);
    let output = run(&[&leak.pid(), "--diff", &file("a.snap"), "-q"]);
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("RSS"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = Command::new("go")
        .args(["tool", "pprof", "-top", &file("a.pb.gz")])
        .output()
        .expect("go runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("retained_space") && text.contains("main.session"),
        "{text}"
    );
    let output = run(&[
        &file("a.snap"),
        "--top",
        "--retained",
        "--goroutines",
        "--spans",
        "--holders",
        "main.session",
    ]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("500 objects of main.session") && text.contains("main.sessions"),
        "{text}"
    );
    assert!(leak.finish());
    std::fs::remove_dir_all(dir).ok();
}

#[test]
fn the_page_opens_in_a_browser() {
    let browser = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            Command::new(name)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        });
    let Some(browser) = browser else {
        eprintln!("SKIPPED: no Chromium on PATH");
        return;
    };
    if !have_go() {
        return;
    }
    let dir = scratch("page");
    let page = dir.join("page.html");
    let leak = Example::start(&build("substring/leak", Build::Plain, "local"));
    report(&[&leak.pid(), "--html", page.to_str().expect("a path")]);
    assert!(leak.finish());
    // A click into the icicle, made by the page itself once it is drawn.
    let mut text = std::fs::read_to_string(&page).expect("the page");
    assert!(
        !text.contains("http://") && !text.contains("https://"),
        "the page refers to the network"
    );
    text = text.replace(
        "</body>",
        "<script>document.querySelector('#icicle [data-name^=\"main.titles\"]').click();\
         document.body.dataset.crumbs = document.querySelector('#crumbs').textContent;</script></body>",
    );
    std::fs::write(&page, text).expect("written");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            "--virtual-time-budget=3000",
        ])
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser runs");
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(dom.contains("strings keep"), "the finding is not shown");
    assert!(
        dom.contains("data-crumbs=\"heap › main.titles"),
        "the icicle does not answer a click"
    );
    std::fs::remove_dir_all(dir).ok();
}
