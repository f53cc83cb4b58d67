//! Module and import paths: validity, escaping for proxies and caches, major-version
//! suffixes, glob lists. Rules: the Go modules reference, "Module paths and versions".

use crate::semver;

/// Why a path is not acceptable. `Display` gives the sentence `go` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    kind: &'static str,
    path: String,
    reason: String,
}

impl std::fmt::Display for PathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "malformed {} {}: {}",
            self.kind,
            quote(&self.path),
            self.reason
        )
    }
}

impl std::error::Error for PathError {}

/// The name of the program that a package with this import path makes: the last element that is no major version (`v2` and up).
pub fn program_name(import_path: &str) -> &str {
    let mut parts = import_path.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let is_version = last
        .strip_prefix('v')
        .is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n >= 2));
    match parts.next() {
        Some(previous) if is_version => previous,
        _ => last,
    }
}

/// A Go string literal of the text.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", c as u32))
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PathKind {
    Module,
    Import,
    File,
}

impl PathKind {
    fn name(self) -> &'static str {
        match self {
            PathKind::Module => "module path",
            PathKind::Import => "import path",
            PathKind::File => "file path",
        }
    }
}

fn path_char_ok(c: char, kind: PathKind) -> bool {
    if c.is_ascii() {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        return match kind {
            PathKind::Module => plain,
            PathKind::Import => plain || c == '+',
            PathKind::File => {
                c == ' ' || c.is_ascii_alphanumeric() || "!#$%&()+,-.=@[]^_{}~".contains(c)
            }
        };
    }
    kind == PathKind::File && c.is_alphabetic()
}

/// Names that Windows reserves whatever their extension.
const RESERVED: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8",
    "COM9", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

fn check_element(element: &str, kind: PathKind) -> Result<(), String> {
    if element.is_empty() {
        return Err("empty path element".to_string());
    }
    if element.bytes().all(|b| b == b'.') {
        return Err(format!("invalid path element {}", quote(element)));
    }
    if element.starts_with('.') && kind == PathKind::Module {
        return Err("leading dot in path element".to_string());
    }
    if element.ends_with('.') {
        return Err("trailing dot in path element".to_string());
    }
    if let Some(c) = element.chars().find(|&c| !path_char_ok(c, kind)) {
        return Err(format!("invalid char '{c}'"));
    }
    let short = element.split('.').next().unwrap_or(element);
    if RESERVED.iter().any(|name| name.eq_ignore_ascii_case(short)) {
        return Err(format!(
            "{} disallowed as path element component on Windows",
            quote(short)
        ));
    }
    if kind == PathKind::File {
        return Ok(());
    }
    if let Some((_, suffix)) = short.rsplit_once('~')
        && !suffix.is_empty()
        && suffix.bytes().all(|b| b.is_ascii_digit())
    {
        return Err("trailing tilde and digits in path element".to_string());
    }
    Ok(())
}

fn check_elements(path: &str, kind: PathKind) -> Result<(), String> {
    if path.is_empty() {
        return Err("empty string".to_string());
    }
    if path.starts_with('-') && kind != PathKind::File {
        return Err("leading dash".to_string());
    }
    if path.contains("//") {
        return Err("double slash".to_string());
    }
    if path.ends_with('/') {
        return Err("trailing slash".to_string());
    }
    path.split('/')
        .try_for_each(|element| check_element(element, kind))
}

fn error(kind: PathKind, path: &str, reason: impl Into<String>) -> PathError {
    PathError {
        kind: kind.name(),
        path: path.to_string(),
        reason: reason.into(),
    }
}

/// Checks a path that a proxy could be asked for: a domain name comes first.
pub fn check_path(path: &str) -> Result<(), PathError> {
    let fail = |reason: &str| Err(error(PathKind::Module, path, reason));
    if let Err(reason) = check_elements(path, PathKind::Module) {
        return fail(&reason);
    }
    let first = path.split('/').next().unwrap_or(path);
    if !first.contains('.') {
        return fail("missing dot in first path element");
    }
    if first.starts_with('-') {
        return fail("leading dash in first path element");
    }
    if let Some(c) = first
        .chars()
        .find(|&c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.'))
    {
        return fail(&format!("invalid char '{c}' in first path element"));
    }
    if split_path_version(path).is_none() {
        return fail("invalid version");
    }
    Ok(())
}

/// Checks a path that may appear in an import declaration.
pub fn check_import_path(path: &str) -> Result<(), PathError> {
    check_elements(path, PathKind::Import).map_err(|reason| error(PathKind::Import, path, reason))
}

/// Checks a slash-separated file name inside a module zip.
pub fn check_file_path(path: &str) -> Result<(), PathError> {
    check_elements(path, PathKind::File).map_err(|reason| error(PathKind::File, path, reason))
}

/// Splits `prefix/vN` (or gopkg.in's `prefix.vN`) into prefix and `/vN` (`.vN`), the second
/// empty if there is none. `None` if the suffix is malformed (`/v1`, `/v02`).
pub fn split_path_version(path: &str) -> Option<(&str, &str)> {
    if path.starts_with("gopkg.in/") {
        return split_gopkg(path);
    }
    let digits = path
        .bytes()
        .rev()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    let start = path.len() - digits;
    let dotted = path[start..].contains('.');
    if digits == 0 || !path[..start].ends_with("/v") {
        return Some((path, ""));
    }
    let number = &path[start..];
    if dotted || number.starts_with('0') || number == "1" {
        return None;
    }
    Some((&path[..start - 2], &path[start - 2..]))
}

fn split_gopkg(path: &str) -> Option<(&str, &str)> {
    let plain = path.strip_suffix("-unstable").unwrap_or(path);
    let digits = plain.bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = plain.len() - digits;
    if digits == 0 || !plain[..start].ends_with(".v") {
        return None;
    }
    let number = &plain[start..];
    if number.starts_with('0') && number != "0" {
        return None;
    }
    Some((&path[..start - 2], &path[start - 2..]))
}

/// True if the version's major number agrees with the path's suffix (`/v2`, `.v2`, none).
pub fn match_path_major(version: &str, path_major: &str) -> bool {
    let suffix = path_major.strip_suffix("-unstable").unwrap_or(path_major);
    if suffix.starts_with(".v") && version.starts_with("v0.0.0-") && suffix == ".v1" {
        // gopkg.in once produced v0.0.0 pseudo-versions for .v1 paths.
        return true;
    }
    let major = semver::major(version);
    match suffix.strip_prefix(['/', '.']) {
        None => matches!(major, "v0" | "v1") || semver::build(version) == "+incompatible",
        Some(wanted) => major == wanted,
    }
}

/// Checks that a version is canonical and fits the path; the text is `go`'s.
pub fn check_version_for_path(path: &str, version: &str) -> Result<(), String> {
    let Some((_, path_major)) = split_path_version(path) else {
        return Err(format!(
            "malformed module path {}: invalid version",
            quote(path)
        ));
    };
    if match_path_major(version, path_major) {
        return Ok(());
    }
    let wanted = match path_major
        .strip_suffix("-unstable")
        .unwrap_or(path_major)
        .strip_prefix(['/', '.'])
    {
        None => "v0 or v1".to_string(),
        Some(major) => major.to_string(),
    };
    Err(format!(
        "version {} invalid: should be {wanted}, not {}",
        quote(version),
        semver::major(version)
    ))
}

/// Case-escaping of proxies and caches: an upper-case letter becomes `!` and its lower case.
pub fn escape(path_or_version: &str) -> String {
    let mut out = String::with_capacity(path_or_version.len());
    for c in path_or_version.chars() {
        if c.is_ascii_uppercase() {
            out.push('!');
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// Undoes [`escape`]; `None` for text it cannot have produced.
pub fn unescape(escaped: &str) -> Option<String> {
    let mut out = String::with_capacity(escaped.len());
    let mut chars = escaped.chars();
    while let Some(c) = chars.next() {
        match c {
            '!' => out.push(
                chars
                    .next()
                    .filter(char::is_ascii_lowercase)?
                    .to_ascii_uppercase(),
            ),
            c if c.is_ascii_uppercase() => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

/// True if a comma-separated list of globs (GOPRIVATE and its like) matches a prefix of
/// the path. Each glob is compared with as many leading elements as it has itself.
pub fn match_prefix_patterns(globs: &str, target: &str) -> bool {
    globs
        .split(',')
        .map(|glob| glob.trim_end_matches('/'))
        .filter(|glob| !glob.is_empty())
        .any(|glob| {
            let wanted = glob.matches('/').count() + 1;
            let elements: Vec<&str> = target.split('/').collect();
            elements.len() >= wanted && glob_match(glob, &elements[..wanted].join("/"))
        })
}

/// `path.Match`: `*` and `?` do not cross slashes, `[a-z]` and `[^a-z]` are classes,
/// `\` quotes. A malformed pattern matches nothing.
pub fn glob_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            retry = Some((p, n));
            p += 1;
            continue;
        }
        if n == name.len() {
            return p == pattern.len();
        }
        if p < pattern.len()
            && let Some(next) = match_one(&pattern, p, name[n])
        {
            p = next;
            n += 1;
            continue;
        }
        match retry {
            Some((star, at)) if name[at] != '/' => {
                retry = Some((star, at + 1));
                p = star + 1;
                n = at + 1;
            }
            _ => return false,
        }
    }
}

/// Matches one character; returns the pattern index after the matched part.
fn match_one(pattern: &[char], p: usize, c: char) -> Option<usize> {
    match pattern[p] {
        '?' => (c != '/').then_some(p + 1),
        '\\' => (*pattern.get(p + 1)? == c).then_some(p + 2),
        '[' => {
            let mut i = p + 1;
            let negated = *pattern.get(i)? == '^';
            i += usize::from(negated);
            let mut hit = false;
            let mut first = true;
            while first || *pattern.get(i)? != ']' {
                first = false;
                let low = class_char(pattern, &mut i)?;
                let high = if pattern.get(i) == Some(&'-') {
                    i += 1;
                    class_char(pattern, &mut i)?
                } else {
                    low
                };
                hit |= low <= c && c <= high;
            }
            (hit != negated && c != '/').then_some(i + 1)
        }
        literal => (literal == c).then_some(p + 1),
    }
}

fn class_char(pattern: &[char], i: &mut usize) -> Option<char> {
    let mut c = *pattern.get(*i)?;
    if c == '-' || c == ']' {
        return None;
    }
    if c == '\\' {
        *i += 1;
        c = *pattern.get(*i)?;
    }
    *i += 1;
    Some(c)
}

/// True if a glob is well formed.
pub fn glob_is_valid(pattern: &str) -> bool {
    let chars: Vec<char> = pattern.chars().collect();
    let mut i = 0;
    while i < chars.len() {
        match chars[i] {
            '\\' => {
                if i + 1 >= chars.len() {
                    return false;
                }
                i += 2;
            }
            '[' => {
                i += 1;
                if chars.get(i) == Some(&'^') {
                    i += 1;
                }
                let mut first = true;
                while first || chars.get(i) != Some(&']') {
                    first = false;
                    if class_char(&chars, &mut i).is_none() {
                        return false;
                    }
                    if chars.get(i) == Some(&'-') {
                        i += 1;
                        if class_char(&chars, &mut i).is_none() {
                            return false;
                        }
                    }
                }
                i += 1;
            }
            _ => i += 1,
        }
    }
    true
}

/// True if `path` is `prefix` or lies below it.
pub fn has_path_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.is_empty())
}

/// True for import paths of the standard library and toolchain: no dot in the first element.
pub fn is_std_like(path: &str) -> bool {
    !path.split('/').next().unwrap_or(path).contains('.')
}

/// The path and its parents, longest first: `a/b/c`, `a/b`, `a`.
pub fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind('/').map(|at| &path[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_paths() {
        let check = |path: &str, want: &str| {
            let got = check_path(path)
                .err()
                .map_or(String::new(), |error| error.to_string());
            assert_eq!(got, want, "{path}");
        };
        check("github.com/BurntSushi/toml", "");
        check("gopkg.in/yaml.v3", "");
        check("example.com/m/v2", "");
        check(
            "m",
            "malformed module path \"m\": missing dot in first path element",
        );
        check(
            "example.com//m",
            "malformed module path \"example.com//m\": double slash",
        );
        check(
            "example.com/m/",
            "malformed module path \"example.com/m/\": trailing slash",
        );
        check(
            "example.com/m/v1",
            "malformed module path \"example.com/m/v1\": invalid version",
        );
        check(
            "example.com/a b",
            "malformed module path \"example.com/a b\": invalid char ' '",
        );
        check(
            "example.com/../x",
            "malformed module path \"example.com/../x\": invalid path element \"..\"",
        );
        check(
            "Example.com/x",
            "malformed module path \"Example.com/x\": invalid char 'E' in first path element",
        );
        check(
            "-x.com/y",
            "malformed module path \"-x.com/y\": leading dash",
        );
        check(
            "example.com/con/x",
            "malformed module path \"example.com/con/x\": \"con\" disallowed as path element component on Windows",
        );
    }

    #[test]
    fn import_paths() {
        let check =
            |path: &str, ok: bool| assert_eq!(check_import_path(path).is_ok(), ok, "{path}");
        check("fmt", true);
        check("example.com/c++/x", true);
        check("", false);
        check("a//b", false);
        check("/abs", false);
        check("a b", false);
        check("a\"b", false);
    }

    #[test]
    fn major_suffixes() {
        let check = |path: &str, want: Option<(&str, &str)>| {
            assert_eq!(split_path_version(path), want, "{path}")
        };
        check("example.com/m", Some(("example.com/m", "")));
        check("example.com/m/v2", Some(("example.com/m", "/v2")));
        check("example.com/m/v0", None);
        check("example.com/m/v1", None);
        check("example.com/m/v02", None);
        check("gopkg.in/yaml.v2", Some(("gopkg.in/yaml", ".v2")));
        check(
            "gopkg.in/check.v1-unstable",
            Some(("gopkg.in/check", ".v1-unstable")),
        );
        check("gopkg.in/yaml", None);
        check("example.com/mv2", Some(("example.com/mv2", "")));
        assert!(match_path_major("v1.2.3", ""));
        assert!(match_path_major("v2.0.0+incompatible", ""));
        assert!(!match_path_major("v2.0.0", ""));
        assert!(match_path_major("v2.1.0", "/v2"));
        assert!(!match_path_major("v1.1.0", "/v2"));
        assert!(match_path_major("v3.0.0", ".v3"));
    }

    #[test]
    fn escaping_is_reversible() {
        for (plain, escaped) in [
            ("github.com/BurntSushi/toml", "github.com/!burnt!sushi/toml"),
            ("v1.0.0-RC1", "v1.0.0-!r!c1"),
        ] {
            assert_eq!(escape(plain), escaped);
            assert_eq!(unescape(escaped).as_deref(), Some(plain));
        }
        assert_eq!(unescape("a!"), None);
        assert_eq!(unescape("a!B"), None);
        assert_eq!(unescape("AB"), None);
    }

    #[test]
    fn private_patterns() {
        let check = |globs: &str, target: &str, want: bool| {
            assert_eq!(
                match_prefix_patterns(globs, target),
                want,
                "{globs} {target}"
            );
        };
        check("example.com", "example.com/a/b", true);
        check(
            "*.corp.example.com,rsc.io/private",
            "git.corp.example.com/x",
            true,
        );
        check(
            "*.corp.example.com,rsc.io/private",
            "rsc.io/private/quux",
            true,
        );
        check("*.corp.example.com", "corp.example.com/x", false);
        check("example.com/a/*", "example.com/a", false);
        check("", "example.com", false);
        check("example.com/", "example.com/z", true);
        check("*", "anything/at/all", true);
    }

    #[test]
    fn globs() {
        let check = |pattern: &str, name: &str, want: bool| {
            assert_eq!(glob_match(pattern, name), want, "{pattern} {name}")
        };
        check("*.txt", "a.txt", true);
        check("*.txt", "d/a.txt", false);
        check("a*b*c", "aXbYbZc", true);
        check("a?c", "abc", true);
        check("a?c", "a/c", false);
        check("[a-c]x", "bx", true);
        check("[^a-c]x", "bx", false);
        check("\\*", "*", true);
        check("[", "a", false);
        check("*", "", true);
        assert!(!glob_is_valid("[a"));
        assert!(!glob_is_valid("a\\"));
        assert!(glob_is_valid("[a-z]*"));
    }
}
