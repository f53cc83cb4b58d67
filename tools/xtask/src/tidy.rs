//! Checks the structure of the repository: crate edges against ARCHITECTURE.md, unsafe code only where it may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates of the toolchain that may contain unsafe code, as ARCHITECTURE.md says.
const MAY_BE_UNSAFE: &[&str] = &["attach"];

/// Runs all checks.
pub fn run() -> Result<(), String> {
    let root = root();
    let mut errors = edges(&root)?;
    errors.extend(unsafe_code(&root)?);
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.join("\n")),
    }
}

/// The repository's top folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn edges(root: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md"))
        .map_err(|e| format!("ARCHITECTURE.md: {e}"))?;
    let allowed = edge_table(&text);
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata: no packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut errors = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(may) = allowed.get(name) else {
            errors.push(format!(
                "crate {name} has no row in ARCHITECTURE.md's table of edges"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let is_dev = dependency["kind"].as_str() == Some("dev");
            if ours.contains(to) && !is_dev && !may.contains(to) {
                errors.push(format!(
                    "crate {name} depends on {to}, which ARCHITECTURE.md does not allow"
                ));
            }
        }
    }
    for name in allowed.keys() {
        if !ours.contains(name.as_str()) {
            errors.push(format!(
                "ARCHITECTURE.md's table of edges names {name}, which is no crate"
            ));
        }
    }
    Ok(errors)
}

/// Rows `| crate | a b c |` of the table below the heading "Allowed crate edges".
fn edge_table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    text.lines()
        .skip_while(|l| !l.starts_with("## Allowed crate edges"))
        .skip(1)
        .take_while(|l| !l.starts_with("## "))
        .filter_map(|l| {
            let mut cells = l.strip_prefix("| ")?.split('|').map(str::trim);
            let (name, edges) = (cells.next()?, cells.next()?);
            (name != "crate").then(|| {
                (
                    name.to_owned(),
                    edges.split_whitespace().map(str::to_owned).collect(),
                )
            })
        })
        .collect()
}

fn unsafe_code(root: &Path) -> Result<Vec<String>, String> {
    let mut errors = Vec::new();
    for folder in ["common", "compiler", "tools"] {
        let entries = std::fs::read_dir(root.join(folder)).map_err(|e| format!("{folder}: {e}"))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let source = entry.path().join("src");
            let file = ["lib.rs", "main.rs"]
                .iter()
                .map(|f| source.join(f))
                .find(|p| p.is_file());
            let Some(file) = file else { continue };
            let text =
                std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            if !text.contains("#![forbid(unsafe_code)]") && !MAY_BE_UNSAFE.contains(&name.as_str())
            {
                errors.push(format!("{folder}/{name} does not forbid unsafe code"));
            }
        }
    }
    Ok(errors)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_is_tidy() {
        super::run().unwrap();
    }
}
