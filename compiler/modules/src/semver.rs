//! Semantic versions with Go's leading `v`, pseudo-versions, and Go release versions.
//!
//! Source of the order: semver.org 2.0.0, and the Go modules reference for the short
//! forms `v1`, `v1.2` and for pseudo-versions.

use std::cmp::Ordering;

struct Parsed<'a> {
    major: &'a str,
    minor: &'a str,
    patch: &'a str,
    /// How many of the three numbers were written.
    numbers: usize,
    /// With its leading `-`, or empty.
    prerelease: &'a str,
    /// With its leading `+`, or empty.
    build: &'a str,
}

fn take_number(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    if end == 0 || (end > 1 && text.starts_with('0')) {
        return None;
    }
    Some(text.split_at(end))
}

/// Splits `-a.b` or `+a.b` off the front; `numeric_rule` forbids leading zeros.
fn take_identifiers(text: &str, numeric_rule: bool) -> Option<(&str, &str)> {
    let body = &text[1..];
    let end = body
        .bytes()
        .take_while(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        .count();
    for identifier in body[..end].split('.') {
        let leading_zero = identifier.len() > 1
            && identifier.starts_with('0')
            && identifier.bytes().all(|b| b.is_ascii_digit());
        if identifier.is_empty() || (numeric_rule && leading_zero) {
            return None;
        }
    }
    Some(text.split_at(end + 1))
}

fn parse(version: &str) -> Option<Parsed<'_>> {
    let rest = version.strip_prefix('v')?;
    let (major, rest) = take_number(rest)?;
    let mut parsed = Parsed {
        major,
        minor: "0",
        patch: "0",
        numbers: 1,
        prerelease: "",
        build: "",
    };
    if rest.is_empty() {
        return Some(parsed);
    }
    let (minor, rest) = take_number(rest.strip_prefix('.')?)?;
    (parsed.minor, parsed.numbers) = (minor, 2);
    if rest.is_empty() {
        return Some(parsed);
    }
    let (patch, mut rest) = take_number(rest.strip_prefix('.')?)?;
    (parsed.patch, parsed.numbers) = (patch, 3);
    if rest.starts_with('-') {
        (parsed.prerelease, rest) = take_identifiers(rest, true)?;
    }
    if rest.starts_with('+') {
        (parsed.build, rest) = take_identifiers(rest, false)?;
    }
    rest.is_empty().then_some(parsed)
}

fn compare_numbers(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn compare_prerelease(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (a[1..].split('.'), b[1..].split('.'));
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let order = match (numeric(x), numeric(y)) {
            (true, true) => compare_numbers(x, y),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// True for `v1`, `v1.2`, `v1.2.3`, `v1.2.3-pre+build`.
pub fn is_valid(version: &str) -> bool {
    parse(version).is_some()
}

/// Compares two versions; an invalid one is less than every valid one. Build metadata
/// is ignored.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(x), Some(y)) => compare_numbers(x.major, y.major)
            .then_with(|| compare_numbers(x.minor, y.minor))
            .then_with(|| compare_numbers(x.patch, y.patch))
            .then_with(|| compare_prerelease(x.prerelease, y.prerelease)),
    }
}

/// All three numbers, prerelease kept, build dropped except `+incompatible`.
/// `None` for an invalid version.
pub fn canonical(version: &str) -> Option<String> {
    let parsed = parse(version)?;
    let mut out = format!(
        "v{}.{}.{}{}",
        parsed.major, parsed.minor, parsed.patch, parsed.prerelease
    );
    if parsed.build == "+incompatible" {
        out.push_str(parsed.build);
    }
    Some(out)
}

/// `v1` of `v1.2.3`; empty for an invalid version.
pub fn major(version: &str) -> &str {
    parse(version).map_or("", |parsed| &version[..1 + parsed.major.len()])
}

/// `v1.2` of `v1.2.3`; empty for an invalid version.
pub fn major_minor(version: &str) -> String {
    parse(version).map_or_else(String::new, |parsed| {
        format!("v{}.{}", parsed.major, parsed.minor)
    })
}

/// `-pre` of `v1.2.3-pre`, else empty.
pub fn prerelease(version: &str) -> &str {
    parse(version).map_or("", |parsed| parsed.prerelease)
}

/// `+meta` of `v1.2.3+meta`, else empty.
pub fn build(version: &str) -> &str {
    parse(version).map_or("", |parsed| parsed.build)
}

/// True if fewer than three numbers are written: a query such as `v1` or `v1.2`.
pub fn is_prefix(version: &str) -> bool {
    parse(version).is_some_and(|parsed| parsed.numbers < 3)
}

/// A pseudo-version taken apart: `v1.2.4-0.20200101120000-abcdefabcdef`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pseudo<'a> {
    /// Everything before the time stamp, with its separator.
    pub base: &'a str,
    /// `yyyymmddhhmmss`.
    pub time: &'a str,
    /// The abbreviated revision.
    pub revision: &'a str,
}

/// Takes a pseudo-version apart; `None` if it is none.
pub fn pseudo(version: &str) -> Option<Pseudo<'_>> {
    let parsed = parse(version)?;
    if parsed.prerelease.is_empty() || version.bytes().filter(|&b| b == b'-').count() < 2 {
        return None;
    }
    let plain = &version[..version.len() - parsed.build.len()];
    let (head, revision) = plain.rsplit_once('-')?;
    let stamp_at = head.len().checked_sub(14)?;
    let (base, time) = (head.get(..stamp_at)?, head.get(stamp_at..)?);
    let good_base = base.ends_with("-0.")
        || base.ends_with(".0.")
        || (base.ends_with('-') && base.ends_with(".0.0-"))
        || is_untagged_base(base);
    let good = time.bytes().all(|b| b.is_ascii_digit())
        && !revision.is_empty()
        && revision.bytes().all(|b| b.is_ascii_alphanumeric())
        && good_base;
    good.then_some(Pseudo {
        base,
        time,
        revision,
    })
}

/// `vX.0.0-` is the base of a pseudo-version without an earlier tag.
fn is_untagged_base(base: &str) -> bool {
    base.strip_prefix('v')
        .and_then(|rest| rest.strip_suffix(".0.0-"))
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// True for a pseudo-version.
pub fn is_pseudo(version: &str) -> bool {
    pseudo(version).is_some()
}

/// A Go release version (`1.21`, `1.21rc1`, `1.21.3`) in comparable form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoVersion {
    major: u32,
    minor: u32,
    /// From go 1.21 on, `1.N` precedes `1.NrcM` precedes `1.N.0`; before, `1.N` means `1.N.0`.
    stage: (u8, u32),
    patch: u32,
}

/// Parses a release version without its `go` prefix.
pub fn parse_go_version(text: &str) -> Option<GoVersion> {
    // A vendor suffix after a space or dash ("1.21.3-custom") does not count.
    let text = text.split([' ', '-']).next()?;
    let (major, rest) = take_number(text)?;
    let major = major.parse().ok()?;
    if rest.is_empty() {
        return Some(GoVersion {
            major,
            minor: 0,
            stage: (3, 0),
            patch: 0,
        });
    }
    let (minor, rest) = take_number(rest.strip_prefix('.')?)?;
    let minor: u32 = minor.parse().ok()?;
    if rest.is_empty() {
        let stage = if major > 1 || minor >= 21 {
            (0, 0)
        } else {
            (3, 0)
        };
        return Some(GoVersion {
            major,
            minor,
            stage,
            patch: 0,
        });
    }
    if let Some(rest) = rest.strip_prefix('.') {
        let (patch, rest) = take_number(rest)?;
        return rest.is_empty().then_some(GoVersion {
            major,
            minor,
            stage: (3, 0),
            patch: patch.parse().ok()?,
        });
    }
    let (stage, rest) = if let Some(rest) = rest.strip_prefix("beta") {
        (1, rest)
    } else if let Some(rest) = rest.strip_prefix("rc") {
        (2, rest)
    } else {
        return None;
    };
    let (number, rest) = take_number(rest)?;
    rest.is_empty().then_some(GoVersion {
        major,
        minor,
        stage: (stage, number.parse().ok()?),
        patch: 0,
    })
}

/// Compares release versions; an invalid one is least.
pub fn compare_go(a: &str, b: &str) -> Ordering {
    parse_go_version(a).cmp(&parse_go_version(b))
}

/// The language version `1.N` of a release version `1.N.M`; the text itself if it is none.
pub fn go_language(version: &str) -> String {
    match parse_go_version(version) {
        Some(parsed) => format!("{}.{}", parsed.major, parsed.minor),
        None => version.to_string(),
    }
}

/// Compares versions of one module path: the names `go` and `toolchain` are releases
/// of Go, everything else is semver. The word `none` and the empty version are least... the
/// main module's empty version is handled by callers.
pub fn compare_for_path(path: &str, a: &str, b: &str) -> Ordering {
    match path {
        "go" => compare_go(a, b),
        "toolchain" => compare_go(toolchain_version(a), toolchain_version(b)),
        _ => compare(a, b),
    }
}

/// `1.21.3` of `go1.21.3` or `go1.21.3-custom`; empty for `default` and other names.
pub fn toolchain_version(name: &str) -> &str {
    match name
        .strip_prefix("go")
        .or_else(|| name.split_once("-go").map(|(_, rest)| rest))
    {
        Some(rest) => rest.split('-').next().unwrap_or(rest),
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_versions() {
        // Each is less than the next.
        let sorted = [
            "bad",
            "v0.0.0-20200101120000-abcdefabcdef",
            "v0.0.1",
            "v0.9.0",
            "v1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-alpha.beta",
            "v1.0.0-beta.2",
            "v1.0.0-beta.11",
            "v1.0.0-rc.1",
            "v1.0.0",
            "v1.2.0",
            "v1.10.0",
            "v2.0.0+incompatible",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn validity_and_canonical_form() {
        let check = |version: &str, want: Option<&str>| {
            assert_eq!(canonical(version).as_deref(), want, "{version}")
        };
        check("v1", Some("v1.0.0"));
        check("v1.2", Some("v1.2.0"));
        check("v1.2.3-pre+meta", Some("v1.2.3-pre"));
        check("v2.0.0+incompatible", Some("v2.0.0+incompatible"));
        check("1.2.3", None);
        check("v01.2.3", None);
        check("v1.2.3-01", None);
        check("v1.2.3-", None);
        check("v1.2-pre", None);
        check("v1.2.3.4", None);
        check("", None);
    }

    #[test]
    fn pseudo_versions() {
        let check = |version: &str, want: Option<(&str, &str)>| {
            let got = pseudo(version).map(|pseudo| (pseudo.time, pseudo.revision));
            assert_eq!(got, want, "{version}");
        };
        check(
            "v0.0.0-20191109021931-daa7c04131f5",
            Some(("20191109021931", "daa7c04131f5")),
        );
        check(
            "v1.2.4-0.20191109021931-daa7c04131f5",
            Some(("20191109021931", "daa7c04131f5")),
        );
        check(
            "v1.2.3-pre.0.20191109021931-daa7c04131f5",
            Some(("20191109021931", "daa7c04131f5")),
        );
        check(
            "v2.0.0-20191109021931-daa7c04131f5+incompatible",
            Some(("20191109021931", "daa7c04131f5")),
        );
        check("v1.2.3-20191109021931-daa7c04131f5", None);
        check("v1.2.3-pre", None);
        check("v1.2.3", None);
    }

    #[test]
    fn order_of_go_releases() {
        let sorted = [
            "1.9",
            "1.9.1",
            "1.20rc1",
            "1.20",
            "1.21",
            "1.21beta1",
            "1.21rc2",
            "1.21.0",
            "1.21.10",
            "1.27.3",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare_go(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(go_language("1.27.3"), "1.27");
        assert_eq!(compare_go("1.20", "1.20.0"), Ordering::Equal);
        assert!(parse_go_version("1.x").is_none());
    }
}
