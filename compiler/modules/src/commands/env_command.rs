//! `go env`.

use crate::env::{Env, KNOWN};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::io::Write;

/// Variables that are shown but cannot be set with `-w`.
const DERIVED: [&str; 13] = [
    "GOEXE",
    "GOROOT",
    "GOWORK",
    "GOPACKAGESDRIVER",
    "GOENV",
    "GOHOSTARCH",
    "GOHOSTOS",
    "GOMOD",
    "GOVERSION",
    "GOTOOLDIR",
    "GOGCCFLAGS",
    "GOTELEMETRY",
    "GOTELEMETRYDIR",
];

/// Variables of other architectures: shown only if asked for.
const HIDDEN: [&str; 12] = [
    "GO386",
    "GOARM",
    "GOARM64",
    "GOMIPS",
    "GOMIPS64",
    "GOPPC64",
    "GORISCV64",
    "GOWASM",
    "FC",
    "GONOSUMCHECK",
    "GOROOT_FINAL",
    "GOTELEMETRYDIR",
];

/// What `env` shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvAction {
    /// Print the named variables, or all.
    Print {
        /// Names; empty for all.
        names: Vec<String>,
        /// `-json`.
        json: bool,
        /// `-changed`.
        changed: bool,
    },
    /// `-w NAME=VALUE...`
    Write(Vec<String>),
    /// `-u NAME...`
    Unset(Vec<String>),
}

/// All variables with their values. `go_mod` is the main module's file; `goroot` is empty if it was not
/// looked for.
pub fn variables(env: &Env, go_mod: &str, goroot: &str) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = KNOWN
        .iter()
        .filter(|name| !HIDDEN.contains(name))
        .map(|name| (name.to_string(), env.get(name)))
        .collect();
    for name in ["GOENV", "GOHOSTARCH", "GOHOSTOS", "GOVERSION"] {
        all.insert(name.to_string(), env.get(name));
    }
    all.insert(
        "GOENV".to_string(),
        env.env_file()
            .map_or(String::new(), |path| path.display().to_string()),
    );
    all.insert("GOMOD".to_string(), go_mod.to_string());
    if !goroot.is_empty() {
        all.insert("GOROOT".to_string(), goroot.to_string());
        all.insert(
            "GOTOOLDIR".to_string(),
            format!("{goroot}/pkg/tool/linux_amd64"),
        );
    }
    all
}

fn shell_quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Runs `env`.
pub fn run(
    env: &Env,
    go_mod: &str,
    goroot: &str,
    action: &EnvAction,
    out: &mut dyn Write,
) -> Result<()> {
    match action {
        EnvAction::Print {
            names,
            json,
            changed,
        } => print(env, go_mod, goroot, names, *json, *changed, out),
        EnvAction::Write(settings) => {
            let mut changes = BTreeMap::new();
            for setting in settings {
                let Some((name, value)) = setting.split_once('=') else {
                    return Err(Error::new(format!(
                        "arguments must be KEY=VALUE: invalid argument: {setting}"
                    )));
                };
                check_settable(name)?;
                check_value(name, value)?;
                if changes.contains_key(name) {
                    return Err(Error::new(format!("multiple values for key: {name}")));
                }
                if env
                    .system
                    .env_var(name)
                    .is_some_and(|value| !value.is_empty())
                {
                    env.system.eprint_line(&format!("warning: go env -w {name}=... does not override conflicting OS environment variable"));
                }
                changes.insert(name.to_string(), Some(value.to_string()));
            }
            update(env, &changes)
        }
        EnvAction::Unset(names) => {
            let mut changes = BTreeMap::new();
            for name in names {
                check_settable(name)?;
                changes.insert(name.clone(), None);
            }
            update(env, &changes)
        }
    }
}

fn print(
    env: &Env,
    go_mod: &str,
    goroot: &str,
    names: &[String],
    json: bool,
    changed: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let mut all = variables(env, go_mod, goroot);
    let io = |error: std::io::Error| Error::new(error.to_string());
    if changed {
        // Where GOROOT is was found out, not set.
        all.remove("GOROOT");
        all.retain(|name, value| KNOWN.contains(&name.as_str()) && *value != env.default(name));
    }
    if !names.is_empty() {
        let value = |name: &String| all.get(name).cloned().unwrap_or_else(|| env.get(name));
        if json {
            let chosen: BTreeMap<&String, String> =
                names.iter().map(|name| (name, value(name))).collect();
            return writeln!(out, "{}", super::package_json::to_json(&chosen)?).map_err(io);
        }
        for name in names {
            writeln!(out, "{}", value(name)).map_err(io)?;
        }
        return Ok(());
    }
    if json {
        return writeln!(out, "{}", super::package_json::to_json(&all)?).map_err(io);
    }
    for (name, value) in all {
        writeln!(out, "{name}={}", shell_quote(&value)).map_err(io)?;
    }
    Ok(())
}

fn check_settable(name: &str) -> Result<()> {
    if name == "GOENV" {
        return Err(Error::new("GOENV can only be set using the OS environment"));
    }
    if DERIVED.contains(&name) {
        return Err(Error::new(format!("{name} cannot be modified")));
    }
    if !KNOWN.contains(&name) {
        return Err(Error::new(format!("unknown go command variable {name}")));
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<()> {
    let fail = |text: String| Err(Error::new(text));
    if value.contains(['\n', '\r', '\0']) {
        return fail(format!("invalid newline in {name}=... value"));
    }
    match name {
        "GOPATH" => {
            for element in value.split(':') {
                if element.starts_with('~') {
                    return fail(format!(
                        "GOPATH entry cannot start with shell metacharacter '~': {}",
                        crate::module_path::quote(element)
                    ));
                }
                if !element.is_empty() && !element.starts_with('/') {
                    return fail(format!(
                        "GOPATH entry is relative; must be absolute path: {}",
                        crate::module_path::quote(element)
                    ));
                }
            }
        }
        "GOTMPDIR" if !value.is_empty() && !value.starts_with('/') => {
            return fail("GOTMPDIR must be an absolute path".to_string());
        }
        "GO111MODULE" if !matches!(value, "" | "on" | "off" | "auto") => {
            return fail(format!(
                "invalid GO111MODULE value {}",
                crate::module_path::quote(value)
            ));
        }
        "GOMODCACHE" | "GOCACHE"
            if !value.is_empty() && !value.starts_with('/') && value != "off" =>
        {
            return fail(format!(
                "{name} entry is relative; must be absolute path: {}",
                crate::module_path::quote(value)
            ));
        }
        "GOOS" if value != "linux" && !value.is_empty() => {
            return fail(format!("unsupported GOOS/GOARCH pair {value}/amd64"));
        }
        "GOARCH" if value != "amd64" && !value.is_empty() => {
            return fail(format!("unsupported GOOS/GOARCH pair linux/{value}"));
        }
        _ => {}
    }
    Ok(())
}

/// Rewrites the user's file, keeping comments and the order of other lines.
fn update(env: &Env, changes: &BTreeMap<String, Option<String>>) -> Result<()> {
    let Some(path) = env.env_file() else {
        return Err(Error::new("GOENV can only be set using the OS environment"));
    };
    let old = match env.system.read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::io("open", path, &error)),
    };
    let mut lines: Vec<String> = old
        .lines()
        .filter(|line| {
            line.split_once('=')
                .is_none_or(|(name, _)| !changes.contains_key(name))
        })
        .map(str::to_string)
        .collect();
    lines.extend(
        changes
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))),
    );
    let is_setting = |line: &String| line.starts_with(|c: char| c.is_ascii_uppercase());
    // Settings are sorted, as the official command does; comments stay above what they precede.
    if lines.iter().all(is_setting) {
        lines.sort();
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if let Some(dir) = path.parent() {
        env.system
            .create_dir_all(dir)
            .map_err(|error| Error::io("mkdir", dir, &error))?;
    }
    env.system
        .write_atomic(path, text.as_bytes(), 0o666)
        .map_err(|error| Error::io("write", path, &error))
}
