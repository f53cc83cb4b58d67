//! Which files belong to a build: constraint expressions, file-name suffixes, tags.
//!
//! Rules: `go help buildconstraint`. The selection for std without assembly (extra tags, packages
//! read as for an unknown architecture) is the project's own.

pub mod constraint;

use crate::scan::{Constraints, Header, Place};
use constraint::Expr;
use std::collections::BTreeSet;

/// Operating systems that file names may end with.
/// Whether GOOS and GOARCH name systems and processors that Go knows.
pub fn is_platform(os: &str, arch: &str) -> bool {
    KNOWN_OS.contains(&os) && KNOWN_ARCH.contains(&arch)
}

const KNOWN_OS: [&str; 18] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

/// Architectures that file names may end with.
const KNOWN_ARCH: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

const UNIX_OS: [&str; 12] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "linux",
    "netbsd",
    "openbsd",
    "solaris",
];

/// Tags that every build has besides the user's: they select Go code where a package offers it instead
/// of assembly.
pub const DEFAULT_TAGS: [&str; 3] = ["purego", "noasm", "math_big_pure_go"];

/// Experiments that are on in go1.27 for linux/amd64.
pub const TOOL_TAGS: [&str; 7] = [
    "goexperiment.regabiwrappers",
    "goexperiment.regabiargs",
    "goexperiment.dwarf5",
    "goexperiment.jsonv2",
    "goexperiment.greenteagc",
    "goexperiment.randomizedheapbase64",
    "goexperiment.sizespecializedmalloc",
];

/// Std packages that choose assembly by architecture alone: their files are selected as for an
/// architecture that has none.
pub const NOASM_PACKAGES: [&str; 4] = [
    "math",
    "internal/bytealg",
    "internal/chacha8rand",
    "crypto/internal/boring/sig",
];

/// Std packages whose assembly functions the runtime defines: the tags that would select Go code instead are off for them.
pub const RUNTIME_ASM_PACKAGES: [&str; 15] = [
    "crypto/internal/fips140/aes",
    "crypto/internal/fips140/aes/gcm",
    "crypto/internal/fips140/bigmod",
    "crypto/internal/fips140/edwards25519/field",
    "crypto/internal/fips140/nistec",
    "crypto/internal/fips140/sha256",
    "crypto/internal/fips140/sha3",
    "crypto/internal/fips140/sha512",
    "crypto/internal/fips140/subtle",
    "crypto/md5",
    "crypto/sha1",
    "hash/crc32",
    "math/big",
    "vendor/golang.org/x/crypto/chacha20poly1305",
    "vendor/golang.org/x/crypto/internal/poly1305",
];

/// Std packages whose remaining assembly is replaced by the runtime or by compiler intrinsics.
/// The same list as the table of packages with assembly in the facts.
pub const STD_ASSEMBLY_DROPPED: [&str; 15] = [
    "internal/abi",
    "internal/cpu",
    "internal/reflectlite",
    "internal/runtime/atomic",
    "internal/runtime/gc/scan",
    "internal/runtime/maps",
    "internal/runtime/sys",
    "internal/runtime/syscall/linux",
    "os/signal",
    "reflect",
    "runtime",
    "runtime/debug",
    "sync/atomic",
    "syscall",
    "vendor/golang.org/x/sys/cpu",
];

/// The tags of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildContext {
    /// `linux`.
    pub goos: String,
    /// `amd64`.
    pub goarch: String,
    /// From `-tags` and [`DEFAULT_TAGS`].
    pub tags: BTreeSet<String>,
    /// Latest release tag: `go1.N` for N up to this are on.
    pub release_minor: u32,
    /// Read architecture constraints and suffixes as for an architecture that nothing matches.
    pub architecture_matches_nothing: bool,
    /// The runtime defines the assembly functions of [`RUNTIME_ASM_PACKAGES`]. Off where packages are only listed, as GOROOT has them.
    pub runtime_assembly: bool,
    /// Every tag except `ignore` counts both as on and off (`go mod tidy`).
    pub any_tags: bool,
}

/// Why a file is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It belongs to the build.
    Include,
    /// Its name or its constraints exclude it.
    Exclude,
}

impl BuildContext {
    /// linux/amd64 with the default tags and the user's (`-tags a,b`).
    pub fn new(user_tags: &[String]) -> BuildContext {
        let mut tags: BTreeSet<String> = DEFAULT_TAGS.iter().map(|tag| tag.to_string()).collect();
        tags.extend(user_tags.iter().cloned());
        BuildContext {
            goos: "linux".to_string(),
            goarch: "amd64".to_string(),
            tags,
            release_minor: 27,
            architecture_matches_nothing: false,
            runtime_assembly: true,
            any_tags: false,
        }
    }

    /// The context for a package of std: some are read without an architecture, some without the tags against assembly.
    pub fn for_std_package(&self, import_path: &str) -> BuildContext {
        let mut context = self.clone();
        context.architecture_matches_nothing = NOASM_PACKAGES.contains(&import_path);
        if self.runtime_assembly && RUNTIME_ASM_PACKAGES.contains(&import_path) {
            for tag in DEFAULT_TAGS {
                context.tags.remove(tag);
            }
        }
        context
    }

    /// All release tags.
    pub fn release_tags(&self) -> Vec<String> {
        (1..=self.release_minor)
            .map(|minor| format!("go1.{minor}"))
            .collect()
    }

    /// True if a tag is on.
    pub fn match_tag(&self, tag: &str) -> bool {
        let arch = if self.architecture_matches_nothing {
            ""
        } else {
            self.goarch.as_str()
        };
        if tag == self.goos || tag == arch || tag == "gc" || self.tags.contains(tag) {
            return true;
        }
        if tag == "unix" {
            return UNIX_OS.contains(&self.goos.as_str());
        }
        if let Some(level) = tag.strip_prefix("amd64.v") {
            return arch == "amd64" && level == "1";
        }
        if let Some(minor) = tag.strip_prefix("go1.") {
            let good = !minor.is_empty()
                && !minor.starts_with('0')
                && minor.bytes().all(|byte| byte.is_ascii_digit());
            return good
                && minor
                    .parse::<u32>()
                    .is_ok_and(|minor| minor <= self.release_minor);
        }
        let tag = if tag == "boringcrypto" {
            "goexperiment.boringcrypto"
        } else {
            tag
        };
        TOOL_TAGS.contains(&tag)
    }

    /// True if the suffixes `_GOOS`, `_GOARCH`, `_GOOS_GOARCH` of a file name fit.
    pub fn match_file_name(&self, name: &str) -> bool {
        let stem = name.split('.').next().unwrap_or(name);
        let Some((_, rest)) = stem.split_once('_') else {
            return true;
        };
        let mut parts: Vec<&str> = rest.split('_').collect();
        if parts.last() == Some(&"test") {
            parts.pop();
        }
        let known_os = |part: &str| KNOWN_OS.contains(&part);
        let known_arch = |part: &str| KNOWN_ARCH.contains(&part);
        let (os, arch) = match parts.as_slice() {
            [.., os, arch] if known_os(os) && known_arch(arch) => (Some(*os), Some(*arch)),
            [.., os] if known_os(os) => (Some(*os), None),
            [.., arch] if known_arch(arch) => (None, Some(*arch)),
            _ => return true,
        };
        if self.any_tags {
            return true;
        }
        os.is_none_or(|os| self.match_tag(os)) && arch.is_none_or(|arch| self.match_tag(arch))
    }

    /// Evaluates constraint lines.
    pub fn match_constraints(
        &self,
        go_build: Option<&(String, Place)>,
        plus_build: &[String],
    ) -> Result<bool, (Place, String)> {
        let evaluate = |expression: &Expr| {
            if self.any_tags {
                expression.satisfiable_without_ignore()
            } else {
                expression.eval(&|tag| self.match_tag(tag))
            }
        };
        if let Some((text, place)) = go_build {
            let expression = constraint::parse(text)
                .map_err(|text| (*place, format!("parsing //go:build line: {text}")))?;
            return Ok(evaluate(&expression));
        }
        for line in plus_build {
            if let Some(expression) = constraint::parse_plus_build(line)
                && !evaluate(&expression)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decides about a Go file.
    pub fn decide(&self, name: &str, header: &Header) -> Result<Decision, (Place, String)> {
        if !self.match_file_name(name) {
            return Ok(Decision::Exclude);
        }
        let included = self.match_constraints(header.go_build.as_ref(), &header.plus_build)?;
        Ok(if included {
            Decision::Include
        } else {
            Decision::Exclude
        })
    }

    /// Decides about an assembly or C file.
    pub fn decide_other(&self, name: &str, constraints: &Constraints) -> bool {
        self.match_file_name(name)
            && self
                .match_constraints(constraints.go_build.as_ref(), &constraints.plus_build)
                .unwrap_or(false)
    }
}

/// The highest `go1.N` that a file's constraint demands: it sets the file's language version.
pub fn file_go_version(go_build: Option<&(String, Place)>) -> Option<u32> {
    let (text, _) = go_build?;
    constraint::parse(text).ok()?.minimum_go()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> BuildContext {
        BuildContext::new(&["custom".to_string()])
    }

    #[test]
    fn file_names() {
        let check =
            |name: &str, want: bool| assert_eq!(context().match_file_name(name), want, "{name}");
        check("a.go", true);
        check("a_linux.go", true);
        check("a_windows.go", false);
        check("a_amd64.go", true);
        check("a_arm64.go", false);
        check("a_linux_amd64.go", true);
        check("a_linux_arm64.go", false);
        check("a_windows_test.go", false);
        check("a_linux_test.go", true);
        check("linux.go", true);
        check("windows.go", true);
        check("a_zos.go", false);
        check("a_unix.go", true);
        check("a_linux_x.go", true);
        check("a_windows.x_linux.go", false);
        check("_windows.go", false);
    }

    #[test]
    fn tags() {
        let check = |tag: &str, want: bool| assert_eq!(context().match_tag(tag), want, "{tag}");
        check("linux", true);
        check("unix", true);
        check("amd64", true);
        check("gc", true);
        check("gccgo", false);
        check("cgo", false);
        check("purego", true);
        check("noasm", true);
        check("custom", true);
        check("go1.1", true);
        check("go1.27", true);
        check("go1.28", false);
        check("go1.01", false);
        check("ignore", false);
        check("goexperiment.jsonv2", true);
        check("goexperiment.simd", false);
        check("amd64.v1", true);
        check("amd64.v3", false);
        check("race", false);
    }

    #[test]
    fn packages_without_architecture() {
        let context = context().for_std_package("math");
        assert!(
            !context.match_tag("amd64")
                && !context.match_file_name("x_amd64.go")
                && context.match_tag("linux")
        );
        assert!(!context.match_tag("amd64.v1"));
        assert!(
            !super::BuildContext::new(&[])
                .for_std_package("net")
                .architecture_matches_nothing
        );
    }

    #[test]
    fn packages_whose_assembly_is_the_runtimes() {
        let context = context().for_std_package("math/big");
        assert!(!context.match_tag("purego") && !context.match_tag("math_big_pure_go"));
        assert!(context.match_tag("custom") && context.match_file_name("x_amd64.go"));
    }

    #[test]
    fn constraint_lines_decide() {
        let check = |src: &str, want: Option<bool>| {
            let header = crate::scan::header(src.as_bytes());
            let got = context()
                .decide("a.go", &header)
                .ok()
                .map(|decision| decision == Decision::Include);
            assert_eq!(got, want, "{src}");
        };
        check("//go:build linux && !cgo\npackage p", Some(true));
        check(
            "//go:build windows\n// +build linux\n\npackage p",
            Some(false),
        );
        check("// +build windows linux,amd64\n\npackage p", Some(true));
        check("// +build !linux\n\npackage p", Some(false));
        check("// +build linux\n// +build cgo\n\npackage p", Some(false));
        check("//go:build (\npackage p", None);
    }
}
