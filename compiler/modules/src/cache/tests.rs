//! The cache against a proxy in memory.

use super::*;
use crate::zipfile::tests::make_zip;
use source::system::{HttpError, MemSystem};
use std::collections::HashMap;

/// A proxy in memory: modules given as (path, version, files).
#[derive(Default, Clone)]
pub(crate) struct FakeProxy {
    pub(crate) answers: HashMap<String, (u16, Vec<u8>)>,
    lists: BTreeMap<String, Vec<String>>,
}

impl FakeProxy {
    pub(crate) fn add(&mut self, path: &str, version: &str, files: &[(&str, &str)]) {
        let base = format!("https://proxy.example/{}/@v", escape(path));
        let go_mod = files
            .iter()
            .find(|(name, _)| *name == "go.mod")
            .map_or(format!("module {path}\n"), |(_, text)| text.to_string());
        let named: Vec<(String, &[u8])> = files
            .iter()
            .map(|(name, text)| (format!("{path}@{version}/{name}"), text.as_bytes()))
            .collect();
        let refs: Vec<(&str, &[u8])> = named
            .iter()
            .map(|(name, bytes)| (name.as_str(), *bytes))
            .collect();
        let escaped = escape(version);
        self.answers
            .insert(format!("{base}/{escaped}.zip"), (200, make_zip(&refs)));
        self.answers
            .insert(format!("{base}/{escaped}.mod"), (200, go_mod.into_bytes()));
        let info = format!("{{\"Version\":\"{version}\",\"Time\":\"2020-01-01T00:00:00Z\"}}");
        self.answers.insert(
            format!("{base}/{escaped}.info"),
            (200, info.clone().into_bytes()),
        );
        let list = self.lists.entry(path.to_string()).or_default();
        if !semver::is_pseudo(version) {
            list.push(version.to_string());
        }
        self.answers
            .insert(format!("{base}/list"), (200, list.join("\n").into_bytes()));
        if list.is_empty() {
            self.answers.insert(
                format!("https://proxy.example/{}/@latest", escape(path)),
                (200, info.into_bytes()),
            );
        }
    }

    /// A machine with a home, this proxy, and no checksum database.
    pub(crate) fn system(self) -> MemSystem {
        let system = MemSystem::new();
        system.set_env("HOME", "/h");
        system.set_env("GOPROXY", "https://proxy.example");
        system.set_env("GOSUMDB", "off");
        system.set_http(move |request| {
            Ok(self
                .answers
                .get(&request.url)
                .cloned()
                .unwrap_or((404, b"not found".to_vec())))
        });
        system
    }
}

fn fetcher(system: MemSystem, mode: SumMode) -> Fetcher {
    Fetcher::new(&Env::load(Arc::new(system)).unwrap(), mode, false).unwrap()
}

fn one_module() -> FakeProxy {
    let mut proxy = FakeProxy::default();
    proxy.add(
        "example.com/Mod",
        "v1.0.0",
        &[
            ("go.mod", "module example.com/Mod\n"),
            ("a.go", "package a\n"),
        ],
    );
    proxy
}

fn module() -> ModuleVersion {
    ModuleVersion::new("example.com/Mod", "v1.0.0")
}

#[test]
fn official_layout() {
    let fetcher = fetcher(one_module().system(), SumMode::None);
    assert_eq!(
        fetcher.versions("example.com/Mod").unwrap().as_ref(),
        ["v1.0.0"]
    );
    assert_eq!(
        fetcher.info("example.com/Mod", "v1.0.0").unwrap().version,
        "v1.0.0"
    );
    assert_eq!(
        fetcher.go_mod(&module()).unwrap().as_ref(),
        b"module example.com/Mod\n"
    );
    let dir = fetcher.download(&module()).unwrap();
    assert_eq!(dir, Path::new("/h/go/pkg/mod/example.com/!mod@v1.0.0"));
    let base = Path::new("/h/go/pkg/mod/cache/download/example.com/!mod/@v");
    for name in [
        "list",
        "v1.0.0.info",
        "v1.0.0.mod",
        "v1.0.0.zip",
        "v1.0.0.ziphash",
        "v1.0.0.lock",
    ] {
        assert!(fetcher.system().is_file(&base.join(name)), "{name}");
    }
    assert_eq!(
        fetcher.system().read(&dir.join("a.go")).unwrap(),
        b"package a\n"
    );
    assert_eq!(fetcher.system().stat(&dir).unwrap().mode, 0o555);
    assert!(fetcher.verify_unpacked(&module()).is_empty());
}

#[test]
fn go_sum_mismatch_leaves_nothing_behind() {
    let system = one_module().system();
    system.add_file("/m/go.sum", "example.com/Mod v1.0.0 h1:wrong=\n");
    let fetcher = fetcher(system, SumMode::Update);
    fetcher.load_sums(Path::new("/m/go.sum"), "go.sum").unwrap();
    let error = fetcher.download(&module()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Security);
    assert!(
        error
            .text
            .starts_with("verifying example.com/Mod@v1.0.0: checksum mismatch\n\tdownloaded: h1:"),
        "{error}"
    );
    assert!(
        error
            .text
            .contains("\n\tgo.sum:     h1:wrong=\n\nSECURITY ERROR\n"),
        "{error}"
    );
    let base = Path::new("/h/go/pkg/mod/cache/download/example.com/!mod/@v");
    assert!(!fetcher.system().is_file(&base.join("v1.0.0.zip")));
    assert!(
        !fetcher
            .system()
            .is_dir(Path::new("/h/go/pkg/mod/example.com/!mod@v1.0.0"))
    );
}

#[test]
fn read_only_mode_needs_go_sum_entries() {
    let system = one_module().system();
    let fetcher = fetcher(system, SumMode::ReadOnly);
    fetcher.load_sums(Path::new("/m/go.sum"), "go.sum").unwrap();
    let error = fetcher.go_mod(&module()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "go: example.com/Mod@v1.0.0: missing go.sum entry for go.mod file; to add it:\n\tgo mod download example.com/Mod"
    );
}

#[test]
fn hashes_are_added_to_go_sum() {
    let system = one_module().system();
    system.add_file("/m/go.mod", "module m\n");
    let fetcher = fetcher(system, SumMode::Update);
    fetcher.load_sums(Path::new("/m/go.sum"), "go.sum").unwrap();
    fetcher.go_mod(&module()).unwrap();
    fetcher.download(&module()).unwrap();
    fetcher.save_sums(false).unwrap();
    let text = String::from_utf8(fetcher.system().read(Path::new("/m/go.sum")).unwrap()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("example.com/Mod v1.0.0/go.mod h1:"));
}

fn check_failure(change: impl FnOnce(&mut FakeProxy), want: &str) {
    let mut proxy = one_module();
    change(&mut proxy);
    let fetcher = fetcher(proxy.system(), SumMode::None);
    let error = fetcher.download(&module()).unwrap_err().to_string();
    assert!(error.contains(want), "{error}");
    let left: Vec<String> = fetcher
        .system()
        .read_dir(&fetcher.version_dir("example.com/Mod"))
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(left, ["v1.0.0.lock"], "nothing half-written");
}

#[test]
fn bad_zips_and_statuses() {
    let zip = "https://proxy.example/example.com/!mod/@v/v1.0.0.zip";
    check_failure(|proxy| drop(proxy.answers.remove(zip)), "404 Not Found");
    check_failure(
        |proxy| drop(proxy.answers.insert(zip.to_string(), (500, Vec::new()))),
        "500 Internal Server Error",
    );
    check_failure(
        |proxy| {
            drop(
                proxy
                    .answers
                    .insert(zip.to_string(), (200, b"junk".to_vec())),
            )
        },
        "invalid zip file",
    );
    check_failure(
        |proxy| {
            drop(proxy.answers.insert(
                zip.to_string(),
                (200, make_zip(&[("example.com/Mod@v1.0.0/../../x", b"")])),
            ))
        },
        "invalid path element",
    );
    check_failure(
        |proxy| {
            drop(proxy.answers.insert(
                zip.to_string(),
                (200, make_zip(&[("example.com/other@v1.0.0/x", b"")])),
            ))
        },
        "does not have prefix",
    );
}

#[test]
fn answers_that_cannot_be_true() {
    let base = "https://proxy.example/example.com/!mod/@v/v1.0.0";
    let answer = |suffix: &str, body: &str| {
        let mut proxy = one_module();
        let answer = (200, body.as_bytes().to_vec());
        proxy.answers.insert(format!("{base}.{suffix}"), answer);
        fetcher(proxy.system(), SumMode::None).info("example.com/Mod", "v1.0.0")
    };
    let check = |body: &str, want: &str| {
        let error = answer("info", body).unwrap_err().text;
        assert!(error.starts_with(want), "{error}");
    };
    check(
        "{\"Version\":\"v9.9.9\"}",
        "example.com/Mod@v1.0.0: proxy returned info for version v9.9.9 instead of requested version",
    );
    check(
        "<html>",
        "example.com/Mod@v1.0.0: invalid response from proxy: ",
    );
    let refused = fetcher(one_module().system(), SumMode::None).info("example.com/Mod", "a!b");
    assert_eq!(
        refused.unwrap_err().text,
        "example.com/Mod@a!b: invalid version: disallowed version string"
    );
}

#[test]
fn a_read_only_cache_is_one_clear_error() {
    let system = one_module().system();
    system.set_read_only("/h/go");
    let error = fetcher(system, SumMode::None)
        .download(&module())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("go: could not create module cache: mkdir /h/go/pkg/mod"),
        "{error}"
    );
    assert!(error.text.ends_with("read-only file system"), "{error}");
}

#[test]
fn interrupted_unpacking_of_another_process_is_repaired() {
    let system = one_module().system();
    let base = "/h/go/pkg/mod/cache/download/example.com/!mod/@v";
    system.add_file(format!("{base}/v1.0.0.partial"), "");
    system.add_file("/h/go/pkg/mod/example.com/!mod@v1.0.0/half.go", "");
    let fetcher = fetcher(system, SumMode::None);
    let dir = fetcher.download(&module()).unwrap();
    assert!(
        fetcher.system().is_file(&dir.join("a.go"))
            && !fetcher.system().is_file(&dir.join("half.go"))
    );
}

#[test]
fn no_network() {
    let system = MemSystem::new();
    system.set_env("HOME", "/h");
    system.set_env("GOPROXY", "https://proxy.example");
    system.set_http(|_| Err(HttpError::Connect("no such host".to_string())));
    let error = fetcher(system, SumMode::None)
        .go_mod(&module())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "go: example.com/Mod@v1.0.0: Get \"https://proxy.example/example.com/!mod/@v/v1.0.0.mod\": no such host"
    );
}
