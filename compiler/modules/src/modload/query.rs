//! Version queries: `latest`, `upgrade`, `patch`, `v1`, `v1.2`, `v1.2.3`, `<v1.2.3`, `>=v1`, branches and
//! commits. Source: the Go modules reference, "Version queries".

use super::ModLoader;
use crate::ModuleVersion;
use crate::cache::{PARALLEL, VersionInfo, parallel_map};
use crate::error::{Error, Result};
use crate::gomod::file::{self, Strictness};
use crate::module_path::{
    check_version_for_path, match_path_major, prefixes, quote, split_path_version,
};
use crate::semver;
use std::cmp::Ordering;

enum Query<'a> {
    /// `latest` and `upgrade`.
    Latest,
    /// `patch`: the same minor version as the current one.
    Patch,
    /// `v1` or `v1.2`.
    Prefix(&'a str),
    /// `<`, `<=`, `>`, `>=` and a version.
    Compare(&'a str, &'a str),
    /// A full version.
    Exact(&'a str),
    /// A branch, tag or commit.
    Revision(&'a str),
}

fn parse(query: &str) -> Result<Query<'_>> {
    Ok(match query {
        "latest" | "upgrade" => Query::Latest,
        "patch" => Query::Patch,
        _ if query.starts_with(['<', '>']) => {
            let length = if query[1..].starts_with('=') { 2 } else { 1 };
            let (operator, version) = query.split_at(length);
            if !semver::is_valid(version) {
                return Err(Error::new(format!(
                    "invalid semantic version {} in range {}",
                    quote(version),
                    quote(query)
                )));
            }
            Query::Compare(operator, version)
        }
        _ if semver::is_prefix(query) => Query::Prefix(query),
        _ if semver::is_valid(query) => Query::Exact(query),
        _ => Query::Revision(query),
    })
}

impl ModLoader {
    /// Resolves a query for one module. `current` is the version in use, or empty.
    pub fn query(&self, path: &str, query: &str, current: &str) -> Result<VersionInfo> {
        let parsed = parse(query)?;
        match parsed {
            Query::Exact(version) => {
                let canonical = semver::canonical(version).unwrap_or_else(|| version.to_string());
                if self.is_excluded(path, &canonical) {
                    return Err(Error::new(format!(
                        "{path}@{canonical}: excluded by go.mod"
                    )));
                }
                check_version_for_path(path, &canonical).map_err(|text| {
                    Error::new(format!("{path}@{canonical}: invalid version: {text}"))
                })?;
                return self.fetcher.info(path, &canonical);
            }
            Query::Revision(revision) => {
                let info = self.fetcher.info(path, revision)?;
                check_version_for_path(path, &info.version).map_err(|text| {
                    Error::new(format!("{path}@{revision}: invalid version: {text}"))
                })?;
                return Ok(info);
            }
            Query::Latest | Query::Patch | Query::Prefix(_) | Query::Compare(..) => {}
        }
        let versions = self.allowed_versions(path)?;
        let prefer_low = matches!(parsed, Query::Compare(">" | ">=", _));
        let fits = |version: &str| match &parsed {
            Query::Patch if !current.is_empty() => {
                semver::major_minor(version) == semver::major_minor(current)
            }
            Query::Prefix(prefix) => {
                version == *prefix
                    || version
                        .strip_prefix(prefix)
                        .is_some_and(|rest| rest.starts_with(['.', '-']))
            }
            Query::Compare(operator, bound) => {
                let order = semver::compare(version, bound);
                match *operator {
                    "<" => order == Ordering::Less,
                    "<=" => order != Ordering::Greater,
                    ">" => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }
            }
            Query::Latest | Query::Patch | Query::Exact(_) | Query::Revision(_) => true,
        };
        let fitting: Vec<&String> = versions.iter().filter(|version| fits(version)).collect();
        let release = |version: &&&String| semver::prerelease(version).is_empty();
        let mut chosen = if prefer_low {
            fitting.iter().find(release).or_else(|| fitting.first())
        } else {
            fitting
                .iter()
                .rev()
                .find(release)
                .or_else(|| fitting.last())
        }
        .map(|version| version.to_string());
        // An upgrade never goes below what is in use.
        if query == "upgrade"
            && !current.is_empty()
            && chosen
                .as_ref()
                .is_none_or(|version| semver::compare(version, current) == Ordering::Less)
        {
            chosen = Some(current.to_string());
        }
        match chosen {
            Some(version) => self.fetcher.info(path, &version),
            None if matches!(parsed, Query::Latest | Query::Patch) => {
                let info = self.fetcher.info(path, "@latest").map_err(|error| {
                    if error.is_not_found() {
                        Error::not_found(format!(
                            "module {path}: no matching versions for query {}",
                            quote(query)
                        ))
                    } else {
                        error
                    }
                })?;
                if self.is_excluded(path, &info.version) {
                    return Err(Error::new(format!(
                        "{path}@{}: excluded by go.mod",
                        info.version
                    )));
                }
                Ok(info)
            }
            None => Err(Error::not_found(format!(
                "module {path}: no matching versions for query {}",
                quote(query)
            ))),
        }
    }

    fn is_excluded(&self, path: &str, version: &str) -> bool {
        self.main
            .as_ref()
            .is_some_and(|main| main.file.is_excluded(path, version))
    }

    /// Tagged versions that fit the path and are neither excluded nor retracted; `+incompatible` ones only if
    /// the latest compatible version has no go.mod.
    pub fn allowed_versions(&self, path: &str) -> Result<Vec<String>> {
        let all = self.fetcher.versions(path)?;
        let Some((_, path_major)) = split_path_version(path) else {
            return Err(Error::new(format!(
                "malformed module path {}: invalid version",
                quote(path)
            )));
        };
        let compatible: Vec<&String> = all
            .iter()
            .filter(|version| {
                match_path_major(version, path_major) && semver::build(version).is_empty()
            })
            .collect();
        let mut versions: Vec<String> = compatible
            .iter()
            .map(|version| version.to_string())
            .collect();
        let has_go_mod = || {
            compatible.last().is_some_and(|latest| {
                self.fetcher
                    .go_mod_unlisted(&ModuleVersion::new(path, latest.as_str()))
                    .is_ok_and(|bytes| {
                        String::from_utf8_lossy(&bytes).trim() != format!("module {path}")
                    })
            })
        };
        let incompatible: Vec<String> = all
            .iter()
            .filter(|version| semver::build(version) == "+incompatible")
            .cloned()
            .collect();
        if path_major.is_empty() && !incompatible.is_empty() && !has_go_mod() {
            versions.extend(incompatible);
        }
        let retracted = self.retractions(path, &versions);
        versions.retain(|version| !self.is_excluded(path, version) && !retracted(version));
        versions.sort_by(|a, b| semver::compare(a, b));
        Ok(versions)
    }

    /// Retractions are written in the go.mod of the highest version. If it cannot be read, nothing counts
    /// as retracted.
    fn retractions(&self, path: &str, versions: &[String]) -> impl Fn(&str) -> bool + use<> {
        let release = versions
            .iter()
            .rev()
            .find(|version| semver::prerelease(version).is_empty())
            .or_else(|| versions.last());
        let file = release.and_then(|latest| {
            let bytes = self
                .fetcher
                .go_mod_unlisted(&ModuleVersion::new(path, latest.as_str()))
                .ok()?;
            file::parse(&bytes, "go.mod", Strictness::Dependency).ok()
        });
        move |version: &str| {
            file.as_ref()
                .is_some_and(|file| file.retraction(version).is_some())
        }
    }

    /// The module at a query with the longest path that a pattern's fixed part begins with.
    pub fn query_prefix(&self, path: &str, query: &str) -> Result<(ModuleVersion, VersionInfo)> {
        let mut first = None;
        for prefix in prefixes(path).filter(|prefix| crate::module_path::check_path(prefix).is_ok())
        {
            match self.query(prefix, query, "") {
                Ok(info) => return Ok((ModuleVersion::new(prefix, info.version.clone()), info)),
                Err(error) if error.kind == crate::error::ErrorKind::Security => return Err(error),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first
            .unwrap_or_else(|| Error::not_found(format!("malformed import path {}", quote(path)))))
    }

    /// Says that a package is looked for, unless go.mod itself tells where it is.
    pub fn announce_search(&self, package: &str) {
        let replaced = self.main.as_ref().is_some_and(|main| {
            let replace = &main.file.replace;
            prefixes(package).any(|prefix| replace.iter().any(|r| r.old_path == prefix))
        });
        if !replaced {
            self.system()
                .eprint_line(&format!("go: finding module for package {package}"));
        }
    }

    /// Like [`ModLoader::query_package`] for an import that no requirement provides: the error is told of the package.
    pub fn find_provider(&self, package: &str) -> Result<ModuleVersion> {
        match self.query_package(package, "latest") {
            Ok((module, _)) => Ok(module),
            Err(error) if error.text.contains("does not contain package") => Err(error),
            Err(error) => {
                Err(error.context(format!("cannot find module providing package {package}")))
            }
        }
    }

    /// The module with a replacement that provides a package. Where the main module replaces every version, no proxy is asked:
    /// the version is the highest that a replacement names, else one that stands before all others.
    fn query_replacements(&self, package: &str) -> Option<Result<(ModuleVersion, VersionInfo)>> {
        let main = self.main.as_ref()?;
        prefixes(package).find_map(|prefix| {
            let of_path = main.file.replace.iter().filter(|r| r.old_path == prefix);
            let version = of_path
                .map(|replace| match replace.old_version.as_str() {
                    "" => match split_path_version(prefix) {
                        Some((_, major)) if !major.is_empty() => {
                            let major = major.trim_start_matches(['/', '.']);
                            format!("{major}.0.0-00010101000000-000000000000")
                        }
                        _ => "v0.0.0-00010101000000-000000000000".to_string(),
                    },
                    version => version.to_string(),
                })
                .max_by(|a, b| semver::compare(a, b))?;
            let module = ModuleVersion::new(prefix, &version);
            let dir = match self.locate(&module) {
                Ok(located) => located.dir,
                Err(error) => return Some(Err(error)),
            };
            self.dir_in_module(package, prefix, &dir, false)?;
            let info = VersionInfo {
                version,
                time: None,
                origin: None,
            };
            Some(Ok((module, info)))
        })
    }

    /// The module at a query that provides a package: the longest path that has it. Used for imports that
    /// no requirement provides (`-mod=mod`, `mod tidy`) and for `pkg@version`.
    pub fn query_package(
        &self,
        package: &str,
        query: &str,
    ) -> Result<(ModuleVersion, VersionInfo)> {
        if matches!(query, "latest" | "upgrade")
            && let Some(found) = self.query_replacements(package)
        {
            return found;
        }
        let candidates: Vec<&str> = prefixes(package)
            .filter(|prefix| crate::module_path::check_path(prefix).is_ok())
            .collect();
        let results = parallel_map(&candidates, PARALLEL, |prefix| {
            let info = self.query(prefix, query, "")?;
            let module = ModuleVersion::new(*prefix, info.version.clone());
            let located = self.locate(&module)?;
            match self.dir_in_module(package, prefix, &located.dir, false) {
                Some(_) => Ok((module, info)),
                None => {
                    let shown = match info.version == query {
                        true => String::new(),
                        false => format!(" ({})", info.version),
                    };
                    Err(Error::not_found(format!(
                        "module {prefix}@{query} found{shown}, but does not contain package {package}"
                    )))
                }
            }
        });
        // A failure says more than that a module lacks the package, and that more than that there is no such module.
        let weight = |error: &Error| match error.is_not_found() {
            false => 2,
            true => u8::from(error.text.contains("does not contain package")),
        };
        let mut best: Option<Error> = None;
        for result in results {
            match result {
                Ok(found) => return Ok(found),
                Err(error) if error.kind == crate::error::ErrorKind::Security => return Err(error),
                Err(error) => {
                    if best
                        .as_ref()
                        .is_none_or(|best| weight(best) < weight(&error))
                    {
                        best = Some(error);
                    }
                }
            }
        }
        Err(best.unwrap_or_else(|| {
            Error::not_found(format!("malformed import path {}", quote(package)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::cache::tests::FakeProxy;
    use crate::env::Env;
    use crate::modload::{ModLoader, ModOptions};
    use std::path::Path;
    use std::sync::Arc;

    fn loader(proxy: FakeProxy, go_mod: &str) -> ModLoader {
        let system = proxy.system();
        system.add_file("/m/go.mod", go_mod);
        let options = ModOptions {
            mod_flag: "mod".to_string(),
            ..ModOptions::default()
        };
        ModLoader::new(
            &Env::load(Arc::new(system)).unwrap(),
            Path::new("/m"),
            Path::new("/go"),
            &options,
        )
        .unwrap()
    }

    fn proxy() -> FakeProxy {
        let mut proxy = FakeProxy::default();
        for version in ["v1.0.0", "v1.0.1", "v1.1.0", "v1.2.0-rc.1"] {
            proxy.add(
                "a.com/x",
                version,
                &[("go.mod", "module a.com/x\n"), ("x.go", "package x\n")],
            );
        }
        proxy.add(
            "a.com/x",
            "v1.2.0",
            &[
                ("go.mod", "module a.com/x\nretract v1.1.0\nretract v1.2.0\n"),
                ("x.go", "package x\n"),
            ],
        );
        proxy.add(
            "a.com/x/sub",
            "v0.1.0",
            &[
                ("go.mod", "module a.com/x/sub\n"),
                ("s.go", "package sub\n"),
            ],
        );
        proxy.add(
            "a.com/pre",
            "v0.1.0-alpha",
            &[("go.mod", "module a.com/pre\n")],
        );
        proxy.add(
            "a.com/untagged",
            "v0.0.0-20200101000000-abcdefabcdef",
            &[("go.mod", "module a.com/untagged\n")],
        );
        proxy.add("a.com/old", "v1.0.0", &[("old.go", "package old\n")]);
        proxy.add(
            "a.com/old",
            "v2.0.0+incompatible",
            &[("old.go", "package old\n")],
        );
        proxy.add(
            "a.com/new",
            "v1.0.0",
            &[("go.mod", "module a.com/new\n\ngo 1.20\n")],
        );
        proxy.add(
            "a.com/new",
            "v2.0.0+incompatible",
            &[("old.go", "package new\n")],
        );
        proxy
    }

    fn check(path: &str, query: &str, current: &str, want: &str) {
        let loader = loader(proxy(), "module m\ngo 1.21\nexclude a.com/x v1.0.1\n");
        let got = match loader.query(path, query, current) {
            Ok(info) => info.version,
            Err(error) => error.text,
        };
        assert_eq!(got, want, "{path}@{query}");
    }

    #[test]
    fn queries() {
        // v1.0.1 is excluded, v1.1.0 and v1.2.0 are retracted.
        check("a.com/x", "latest", "", "v1.0.0");
        check("a.com/x", "v1.2.0", "", "v1.2.0");
        check("a.com/x", "v1.0", "", "v1.0.0");
        check("a.com/x", "v1", "", "v1.0.0");
        check("a.com/x", ">=v1.0.0", "", "v1.0.0");
        check(
            "a.com/x",
            "<v1.0.0",
            "",
            "module a.com/x: no matching versions for query \"<v1.0.0\"",
        );
        check("a.com/x", "upgrade", "v1.2.0", "v1.2.0");
        check("a.com/x", "patch", "v1.0.0", "v1.0.0");
        check(
            "a.com/x",
            "v1.0.1",
            "",
            "a.com/x@v1.0.1: excluded by go.mod",
        );
        check(
            "a.com/x",
            "v2.0.0",
            "",
            "a.com/x@v2.0.0: invalid version: version \"v2.0.0\" invalid: should be v0 or v1, not v2",
        );
        check("a.com/pre", "latest", "", "v0.1.0-alpha");
        check(
            "a.com/untagged",
            "latest",
            "",
            "v0.0.0-20200101000000-abcdefabcdef",
        );
        check("a.com/old", "latest", "", "v2.0.0+incompatible");
        check("a.com/new", "latest", "", "v1.0.0");
        check(
            "a.com/x",
            ">abc",
            "",
            "invalid semantic version \"abc\" in range \">abc\"",
        );
    }

    #[test]
    fn a_failure_is_told_rather_than_what_is_not_there() {
        let system = proxy().system();
        system.set_read_only("/h/go");
        let env = Env::load(Arc::new(system)).unwrap();
        let options = ModOptions {
            no_main_module: true,
            ..ModOptions::default()
        };
        let loader = ModLoader::new(&env, Path::new("/m"), Path::new("/go"), &options).unwrap();
        let error = loader.query_package("a.com/x/cmd/tool", "v1.0.0");
        let text = error.unwrap_err().text;
        assert!(
            text.starts_with("could not create module cache: mkdir /h/go/pkg/mod")
                && text.ends_with("read-only file system"),
            "{text}"
        );
    }

    #[test]
    fn replacements_without_version_need_no_proxy() {
        let check = |replace: &str, want: &str| {
            let system = FakeProxy::default().system();
            let go_mod = format!("module m\ngo 1.21\n{replace}\n");
            system.add_file("/m/go.mod", &go_mod);
            system.add_file("/m/x/go.mod", "module a.com/x\n");
            system.add_file("/m/x/p/p.go", "package p\n");
            let env = Env::load(Arc::new(system)).unwrap();
            let options = ModOptions {
                mod_flag: "mod".to_string(),
                ..ModOptions::default()
            };
            let loader = ModLoader::new(&env, Path::new("/m"), Path::new("/go"), &options).unwrap();
            let found = loader.find_provider("a.com/x/p").unwrap();
            assert_eq!(found.to_string(), want);
        };
        check(
            "replace a.com/x => ./x",
            "a.com/x@v0.0.0-00010101000000-000000000000",
        );
        check(
            "replace a.com/x v1.2.0 => ./x\nreplace a.com/x v1.3.0 => ./x",
            "a.com/x@v1.3.0",
        );
    }

    #[test]
    fn the_longest_module_path_wins() {
        let loader = loader(proxy(), "module m\ngo 1.21\n");
        assert_eq!(
            loader
                .query_package("a.com/x/sub", "latest")
                .unwrap()
                .0
                .to_string(),
            "a.com/x/sub@v0.1.0"
        );
        assert_eq!(
            loader
                .query_package("a.com/x", "latest")
                .unwrap()
                .0
                .to_string(),
            "a.com/x@v1.0.1"
        );
        let error = loader.query_package("a.com/x/none", "latest").unwrap_err();
        assert_eq!(
            error.text,
            "module a.com/x@latest found (v1.0.1), but does not contain package a.com/x/none"
        );
    }
}
