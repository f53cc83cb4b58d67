//! `ferrogo version`: its own release, or what executables say of themselves (package debug/buildinfo).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use object::{Object, ObjectSection};
use serde::Serialize;

use crate::flags::{self, Flag, boolean};
use crate::help;
use crate::session::Failure;

const FLAGS: &[Flag] = &[boolean("m"), boolean("v"), boolean("json")];
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The module text stands between two marks of so many bytes.
const MARK: usize = 16;

/// `ferrogo version`.
///
/// # Errors
/// Text and exit status.
pub fn version(args: &[String]) -> Result<ExitCode, Failure> {
    let parsed =
        flags::parse(args, &[FLAGS], false).map_err(|text| help::usage_error("version", &text))?;
    if parsed.args.is_empty() {
        if let Some(name) = ["json", "m", "v"].into_iter().find(|n| parsed.is_set(n)) {
            return Err(Failure::usage(format!(
                "go: 'go version' only accepts -{name} flag with arguments"
            )));
        }
        println!(
            "go version go{} linux/amd64 (ferrogo {})",
            modules::GO_RELEASE,
            env!("CARGO_PKG_VERSION")
        );
        return Ok(ExitCode::SUCCESS);
    }
    let shown = Shown {
        modules: parsed.is_set("m"),
        json: parsed.is_set("json"),
        failures: parsed.is_set("v"),
    };
    if shown.json && !shown.modules {
        return Err(Failure::from(
            "go: 'go version' with -json flag requires -m flag".to_owned(),
        ));
    }
    let mut good = true;
    for name in &parsed.args {
        match std::fs::metadata(name) {
            Err(e) => {
                eprintln!("stat {name}: {}", modules::error::io_text(&e));
                good = false;
            }
            Ok(meta) if meta.is_dir() => {
                for file in files_below(Path::new(name)) {
                    shown.show(&file, false);
                }
            }
            Ok(_) => good &= shown.show(Path::new(name), true),
        }
    }
    Ok(ExitCode::from(u8::from(!good)))
}

/// The files below a directory, in the order of their names.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(path) = pending.pop() {
        let Ok(meta) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        if !meta.is_dir() {
            found.push(path);
            continue;
        }
        let mut inner: Vec<PathBuf> = std::fs::read_dir(&path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        inner.sort();
        pending.extend(inner.into_iter().rev());
    }
    found
}

/// What is shown of a file.
struct Shown {
    modules: bool,
    json: bool,
    failures: bool,
}

impl Shown {
    /// Shows a file that can be executed; of one that was `named` also why it cannot be shown. False if it cannot.
    fn show(&self, file: &Path, named: bool) -> bool {
        let is_candidate = std::fs::metadata(file)
            .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
        if !is_candidate {
            return !(named && self.modules);
        }
        let name = file.display();
        let (release, text) = match read(file) {
            Ok(found) => found,
            Err(why) => {
                if named || self.failures {
                    eprintln!("{name}: could not read Go build info from {name}: {why}");
                }
                return false;
            }
        };
        if self.json {
            if let Ok(text) = modules::commands::package_json::to_json(&record(&release, &text)) {
                println!("{text}");
            }
            return true;
        }
        println!("{name}: {release}");
        if self.modules && !text.is_empty() {
            println!("\t{}", text.trim_end_matches('\n').replace('\n', "\n\t"));
        }
        true
    }
}

/// Release and module text of an executable.
fn read(file: &Path) -> Result<(String, String), String> {
    let not_go = || "not a Go executable".to_owned();
    let bytes = std::fs::read(file).map_err(|e| modules::error::io_text(&e))?;
    let object = object::File::parse(&*bytes).map_err(|_| "unrecognized file format".to_owned())?;
    let section = [".go.buildinfo", "__go_buildinfo", ".data"]
        .into_iter()
        .find_map(|name| object.section_by_name(name))
        .ok_or_else(not_go)?;
    let data = section.uncompressed_data().map_err(|e| e.to_string())?;
    let at = (0..data.len())
        .step_by(16)
        .find(|&at| data[at..].starts_with(MAGIC))
        .ok_or_else(not_go)?;
    // Bit 1 of byte 15: the strings stand here, as since Go 1.18.
    if data.get(at + 15).is_none_or(|flags| flags & 2 == 0) {
        return Err("build info of Go 1.17 or older is not supported by ferrogo".to_owned());
    }
    let mut rest = data.get(at + 32..).ok_or_else(not_go)?;
    let release = take_text(&mut rest).ok_or_else(not_go)?;
    let framed = take_text(&mut rest).unwrap_or_default();
    let text = framed
        .len()
        .checked_sub(MARK)
        .and_then(|end| framed.get(MARK..end))
        .unwrap_or_default();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((lossy(release), lossy(text)))
}

/// A string behind its length (a varint).
fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let (text, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            *rest = tail;
            return Some(text);
        }
    }
    None
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BuildInfo {
    go_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    main: Module,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deps: Vec<Module>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<Setting>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    sum: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replace: Option<Box<Module>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Setting {
    key: String,
    value: String,
}

/// The module text as the record that `-json` prints.
fn record(release: &str, text: &str) -> BuildInfo {
    let mut info = BuildInfo {
        go_version: release.to_owned(),
        ..BuildInfo::default()
    };
    for line in text.lines() {
        let mut words = line.split('\t');
        let kind = words.next().unwrap_or_default();
        let mut word = || words.next().unwrap_or_default().to_owned();
        match kind {
            "path" => info.path = word(),
            "mod" | "dep" | "=>" => {
                let module = Module {
                    path: word(),
                    version: word(),
                    sum: word(),
                    replace: None,
                };
                match kind {
                    "mod" => info.main = module,
                    "dep" => info.deps.push(module),
                    _ => {
                        let of = info.deps.last_mut().unwrap_or(&mut info.main);
                        of.replace = Some(Box::new(module));
                    }
                }
            }
            "build" => {
                let setting = word();
                let (key, value) = setting.split_once('=').unwrap_or((&setting, ""));
                // Values with spaces are Go string literals, of which JSON's are a part.
                let value = serde_json::from_str(value)
                    .unwrap_or_else(|_: serde_json::Error| value.trim_matches('`').to_owned());
                info.settings.push(Setting {
                    key: key.to_owned(),
                    value,
                });
            }
            _ => {}
        }
    }
    info
}
