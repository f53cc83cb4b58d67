//! The variables of `go env`: process environment, the user's file
//! (`os.UserConfigDir/go/env` or `$GOENV`), `$GOROOT/go.env`, defaults, in this order.

use crate::error::{Error, Result};
use crate::module_path::match_prefix_patterns;
use source::system::System;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every variable that `go env` lists and may be set by `go env -w`.
pub const KNOWN: [&str; 47] = [
    "AR",
    "CC",
    "CGO_CFLAGS",
    "CGO_CPPFLAGS",
    "CGO_CXXFLAGS",
    "CGO_ENABLED",
    "CGO_FFLAGS",
    "CGO_LDFLAGS",
    "CXX",
    "FC",
    "GCCGO",
    "GO111MODULE",
    "GO386",
    "GOAMD64",
    "GOARCH",
    "GOARM",
    "GOARM64",
    "GOAUTH",
    "GOBIN",
    "GOCACHE",
    "GOCACHEPROG",
    "GODEBUG",
    "GOEXE",
    "GOEXPERIMENT",
    "GOFIPS140",
    "GOFLAGS",
    "GOINSECURE",
    "GOMIPS",
    "GOMIPS64",
    "GOMODCACHE",
    "GONOPROXY",
    "GONOSUMCHECK",
    "GONOSUMDB",
    "GOOS",
    "GOPATH",
    "GOPPC64",
    "GOPRIVATE",
    "GOPROXY",
    "GORISCV64",
    "GOROOT",
    "GOSUMDB",
    "GOTMPDIR",
    "GOTOOLCHAIN",
    "GOVCS",
    "GOWASM",
    "GOWORK",
    "PKG_CONFIG",
];

/// A snapshot of the variables, taken once per command.
#[derive(Clone)]
pub struct Env {
    /// The machine.
    pub system: Arc<dyn System>,
    file: BTreeMap<String, String>,
    goroot_file: BTreeMap<String, String>,
    overrides: BTreeMap<String, String>,
    env_file: Option<PathBuf>,
    /// `GOFLAGS`, split.
    pub goflags: Vec<String>,
}

/// Lines `NAME=value`; comments and anything else are ignored.
fn parse_env_file(bytes: &[u8]) -> BTreeMap<String, String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .map(str::trim_end)
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// Splits a flag list on spaces; an element may be wrapped in single or double quotes.
pub fn split_quoted(text: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let Some(end) = rest[1..].find(first) else {
                return Err(format!("unterminated {first} string"));
            };
            out.push(rest[1..1 + end].to_string());
            rest = &rest[end + 2..];
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            out.push(rest[..end].to_string());
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(out)
}

impl Env {
    /// Reads the environment and the user's file.
    pub fn load(system: Arc<dyn System>) -> Result<Env> {
        let mut env = Env {
            system,
            file: BTreeMap::new(),
            goroot_file: BTreeMap::new(),
            overrides: BTreeMap::new(),
            env_file: None,
            goflags: Vec::new(),
        };
        env.env_file = env.find_env_file();
        if let Some(path) = &env.env_file {
            // Defaults hold where the file cannot be read.
            if let Ok(bytes) = env.system.read(path) {
                env.file = parse_env_file(&bytes);
            }
        }
        let flags = env.get("GOFLAGS");
        env.goflags =
            split_quoted(&flags).map_err(|text| Error::new(format!("parsing $GOFLAGS: {text}")))?;
        for flag in &env.goflags {
            let name = flag.trim_start_matches('-');
            if !flag.starts_with('-')
                || name.is_empty()
                || name.starts_with('=')
                || flag.starts_with("---")
            {
                return Err(Error::new(format!(
                    "parsing $GOFLAGS: non-flag {}",
                    crate::module_path::quote(flag)
                )));
            }
        }
        Ok(env)
    }

    fn find_env_file(&self) -> Option<PathBuf> {
        match self
            .system
            .env_var("GOENV")
            .filter(|value| !value.is_empty())
        {
            Some(value) if value == "off" => None,
            Some(value) => Some(PathBuf::from(value)),
            None => {
                let config = self
                    .system
                    .env_var("XDG_CONFIG_HOME")
                    .filter(|value| value.starts_with('/'));
                let dir = match config {
                    Some(dir) => PathBuf::from(dir),
                    None => PathBuf::from(
                        self.system
                            .env_var("HOME")
                            .filter(|home| !home.is_empty())?,
                    )
                    .join(".config"),
                };
                Some(dir.join("go/env"))
            }
        }
    }

    /// Adds `$GOROOT/go.env` below the other sources.
    pub fn set_goroot(&mut self, goroot: &Path) {
        if let Ok(bytes) = self.system.read(&goroot.join("go.env")) {
            self.goroot_file = parse_env_file(&bytes);
        }
        self.overrides
            .insert("GOROOT".to_string(), goroot.display().to_string());
    }

    /// Sets a variable above all other sources (`-C`, tests, command line flags).
    pub fn set_override(&mut self, name: &str, value: &str) {
        self.overrides.insert(name.to_string(), value.to_string());
    }

    /// The file that `go env -w` changes; `None` if `GOENV=off`.
    pub fn env_file(&self) -> Option<&Path> {
        self.env_file.as_deref()
    }

    /// The value that the sources give, without defaults.
    pub fn explicit(&self, name: &str) -> Option<String> {
        self.overrides
            .get(name)
            .cloned()
            .or_else(|| self.system.env_var(name).filter(|value| !value.is_empty()))
            .or_else(|| self.file.get(name).cloned())
            .or_else(|| self.goroot_file.get(name).cloned())
            .filter(|value| !value.is_empty())
    }

    /// The value with its default.
    pub fn get(&self, name: &str) -> String {
        self.explicit(name).unwrap_or_else(|| self.default(name))
    }

    /// The value that holds if nothing sets the variable.
    pub fn default(&self, name: &str) -> String {
        let home = || self.system.env_var("HOME").unwrap_or_default();
        match name {
            "AR" => "ar".to_string(),
            "CC" => "gcc".to_string(),
            "CXX" => "g++".to_string(),
            "FC" => "gfortran".to_string(),
            "GCCGO" => "gccgo".to_string(),
            "PKG_CONFIG" => "pkg-config".to_string(),
            "CGO_CFLAGS" | "CGO_CXXFLAGS" | "CGO_FFLAGS" | "CGO_LDFLAGS" => "-O2 -g".to_string(),
            "CGO_ENABLED" => "0".to_string(),
            "GOAMD64" => "v1".to_string(),
            "GOARCH" | "GOHOSTARCH" => "amd64".to_string(),
            "GOOS" | "GOHOSTOS" => "linux".to_string(),
            "GOAUTH" => "netrc".to_string(),
            "GOFIPS140" => "off".to_string(),
            "GOTOOLCHAIN" => "auto".to_string(),
            "GOVERSION" => format!("go{}", crate::GO_RELEASE),
            "GOPROXY" => "https://proxy.golang.org,direct".to_string(),
            "GOSUMDB" => "sum.golang.org".to_string(),
            "GOPATH" => match home() {
                home if home.is_empty() => String::new(),
                home => format!("{home}/go"),
            },
            "GOMODCACHE" => match self.gopath_list().first() {
                Some(first) => first.join("pkg/mod").display().to_string(),
                None => String::new(),
            },
            "GOCACHE" => match self
                .system
                .env_var("XDG_CACHE_HOME")
                .filter(|dir| dir.starts_with('/'))
            {
                Some(dir) => format!("{dir}/go-build"),
                None if home().is_empty() => "off".to_string(),
                None => format!("{}/.cache/go-build", home()),
            },
            "GOENV" => self
                .env_file
                .as_ref()
                .map_or(String::new(), |path| path.display().to_string()),
            "GONOPROXY" | "GONOSUMDB" => self.get("GOPRIVATE"),
            _ => String::new(),
        }
    }

    /// Where programs are installed: GOBIN, else `bin` in the first folder of GOPATH.
    pub fn install_dir(&self) -> PathBuf {
        match self.explicit("GOBIN") {
            Some(dir) => dir.into(),
            None => self
                .gopath_list()
                .into_iter()
                .next()
                .unwrap_or_default()
                .join("bin"),
        }
    }

    /// The elements of GOPATH.
    pub fn gopath_list(&self) -> Vec<PathBuf> {
        self.get("GOPATH")
            .split(':')
            .filter(|element| !element.is_empty())
            .map(PathBuf::from)
            .collect()
    }

    /// The module cache; an error if it cannot be determined or is relative.
    pub fn modcache(&self) -> Result<PathBuf> {
        let dir = self.get("GOMODCACHE");
        if dir.is_empty() {
            return Err(Error::new(
                "module cache not found: neither GOMODCACHE nor GOPATH is set, and HOME is unset",
            ));
        }
        if !dir.starts_with('/') {
            return Err(Error::new(format!(
                "GOMODCACHE entry is relative; must be absolute path: {}.",
                crate::module_path::quote(&dir)
            )));
        }
        Ok(PathBuf::from(dir))
    }

    /// True if `GOFLAGS` has the boolean flag.
    pub fn has_goflag(&self, name: &str) -> bool {
        self.goflags.iter().any(|flag| {
            let flag = flag.trim_start_matches('-');
            flag == name || flag == format!("{name}=true")
        })
    }

    /// The value of `-name=value` in `GOFLAGS`, the last one.
    pub fn goflag_value(&self, name: &str) -> Option<&str> {
        self.goflags.iter().rev().find_map(|flag| {
            flag.trim_start_matches('-')
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('='))
        })
    }

    /// True if the module must not be asked for at a proxy.
    pub fn is_no_proxy(&self, module_path: &str) -> bool {
        let globs = self.get("GONOPROXY");
        globs != "none" && match_prefix_patterns(&globs, module_path)
    }

    /// True if the checksum database must not be asked about the module.
    pub fn is_no_sumdb(&self, module_path: &str) -> bool {
        let sumdb = self.get("GOSUMDB");
        sumdb == "off"
            || self
                .system
                .env_var("GONOSUMCHECK")
                .is_some_and(|value| value == "1")
            || self.has_goflag("insecure")
            || match_prefix_patterns(&self.get("GONOSUMDB"), module_path)
    }

    /// True if the module may come over connections that are not verified.
    pub fn is_insecure(&self, module_path: &str) -> bool {
        self.has_goflag("insecure") || match_prefix_patterns(&self.get("GOINSECURE"), module_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use source::system::MemSystem;

    #[test]
    fn sources_in_order() {
        let system = MemSystem::new();
        system.set_env("HOME", "/h");
        system.set_env("GOPROXY", "https://from-env");
        system.add_file(
            "/h/.config/go/env",
            "# comment\nGOPROXY=https://from-file\nGOPRIVATE=corp.example\nGOSUMDB=from-file\n",
        );
        system.add_file("/goroot/go.env", "GOSUMDB=from-goroot\nGOTOOLCHAIN=local\n");
        let mut env = Env::load(Arc::new(system)).unwrap();
        env.set_goroot(Path::new("/goroot"));
        let check = |name: &str, want: &str| assert_eq!(env.get(name), want, "{name}");
        check("GOPROXY", "https://from-env");
        check("GOSUMDB", "from-file");
        check("GOTOOLCHAIN", "local");
        check("GONOSUMDB", "corp.example");
        check("GOMODCACHE", "/h/go/pkg/mod");
        check("GOROOT", "/goroot");
        assert!(env.is_no_proxy("corp.example/x") && !env.is_no_proxy("other.example/x"));
        assert_eq!(env.modcache().unwrap(), Path::new("/h/go/pkg/mod"));
    }

    #[test]
    fn goflags() {
        let check = |flags: &str, want: Result<Vec<&str>, &str>| {
            let system = MemSystem::new();
            system.set_env("GOFLAGS", flags);
            match (Env::load(Arc::new(system)), want) {
                (Ok(env), Ok(want)) => assert_eq!(env.goflags, want),
                (Err(error), Err(want)) => assert_eq!(error.to_string(), want),
                (got, want) => panic!("{:?} {want:?}", got.map(|env| env.goflags)),
            }
        };
        check(
            "-mod=mod '-ldflags=-s -w'",
            Ok(vec!["-mod=mod", "-ldflags=-s -w"]),
        );
        check("", Ok(vec![]));
        check("mod=mod", Err("go: parsing $GOFLAGS: non-flag \"mod=mod\""));
        check("'-x", Err("go: parsing $GOFLAGS: unterminated ' string"));
    }

    #[test]
    fn relative_module_cache_is_an_error() {
        let system = MemSystem::new();
        system.set_env("GOMODCACHE", "rel");
        assert!(Env::load(Arc::new(system)).unwrap().modcache().is_err());
    }
}
