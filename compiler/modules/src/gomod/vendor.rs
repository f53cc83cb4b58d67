//! `vendor/modules.txt`: which package of the vendor directory comes from which module.

use crate::ModuleVersion;
use std::collections::BTreeMap;

/// A module of modules.txt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendoredModule {
    /// Path and version (empty for a module replaced by a directory).
    pub module: ModuleVersion,
    /// `## explicit`: it is in go.mod's requirements.
    pub explicit: bool,
    /// `go 1.N` of the module.
    pub go_version: String,
    /// Replacement, if any (an empty version means a directory).
    pub replacement: Option<ModuleVersion>,
    /// Its packages that are vendored.
    pub packages: Vec<String>,
}

/// The parsed file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModulesTxt {
    /// In file order.
    pub modules: Vec<VendoredModule>,
    /// Replacements of modules without vendored packages: path, version, target.
    pub unused_replacements: Vec<(ModuleVersion, ModuleVersion)>,
    /// Package to index into `modules`.
    pub package_module: BTreeMap<String, usize>,
}

fn parse_target(words: &[&str]) -> Option<ModuleVersion> {
    match words {
        [path] => Some(ModuleVersion::new(*path, "")),
        [path, version] => Some(ModuleVersion::new(*path, *version)),
        _ => None,
    }
}

/// Parses modules.txt; lines that are not understood are skipped, as `go` does.
pub fn parse_modules_txt(bytes: &[u8]) -> ModulesTxt {
    let mut out = ModulesTxt::default();
    let mut current: Option<usize> = None;
    for line in String::from_utf8_lossy(bytes).lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            current = None;
            let words: Vec<&str> = rest.split_whitespace().collect();
            let arrow = words.iter().position(|word| *word == "=>");
            let (left, right) = match arrow {
                Some(at) => (&words[..at], Some(&words[at + 1..])),
                None => (&words[..], None),
            };
            let Some(module) = parse_target(left) else {
                continue;
            };
            let replacement = right.and_then(parse_target);
            let valid_version = crate::semver::is_valid(&module.version);
            if valid_version {
                current = Some(out.modules.len());
                out.modules.push(VendoredModule {
                    module,
                    explicit: false,
                    go_version: String::new(),
                    replacement,
                    packages: Vec::new(),
                });
            } else if let Some(replacement) = replacement {
                out.unused_replacements.push((module, replacement));
            }
        } else if let Some(rest) = line.strip_prefix("## ") {
            if let Some(module) = current.and_then(|at| out.modules.get_mut(at)) {
                for annotation in rest.split(';').map(str::trim) {
                    if annotation == "explicit" {
                        module.explicit = true;
                    } else if let Some(version) = annotation.strip_prefix("go ") {
                        module.go_version = version.to_string();
                    }
                }
            }
        } else if let Some(at) = current {
            let package = line.trim();
            if !package.is_empty() && !package.starts_with('#') && !package.contains(' ') {
                out.modules[at].packages.push(package.to_string());
                out.package_module.insert(package.to_string(), at);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_packages_and_replacements() {
        let text = "# a.com/x v1.0.0\n## explicit; go 1.20\na.com/x\na.com/x/sub\n# b.com/y v1.1.0 => ../y\n## explicit\nb.com/y\n# c.com/z => ../z\n";
        let parsed = parse_modules_txt(text.as_bytes());
        assert_eq!(parsed.modules.len(), 2);
        assert!(parsed.modules[0].explicit);
        assert_eq!(parsed.modules[0].go_version, "1.20");
        assert_eq!(parsed.modules[0].packages, ["a.com/x", "a.com/x/sub"]);
        assert_eq!(
            parsed.modules[1].replacement,
            Some(ModuleVersion::new("../y", ""))
        );
        assert_eq!(parsed.package_module["a.com/x/sub"], 0);
        assert_eq!(parsed.unused_replacements.len(), 1);
    }
}
