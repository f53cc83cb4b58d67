//! go.sum: known hashes of module zips and go.mod files.

use std::collections::BTreeMap;

/// Hashes by module path and version (`v1.0.0` for the zip, `v1.0.0/go.mod` for go.mod).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoSum {
    entries: BTreeMap<(String, VersionKey), Vec<String>>,
}

/// Orders versions as go.sum does: by version, a zip before its go.mod.
#[derive(Clone, Debug, PartialEq, Eq)]
struct VersionKey(String);

impl PartialOrd for VersionKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VersionKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let split = |text: &str| match text.split_once('/') {
            Some((version, rest)) => (version.to_string(), rest.to_string()),
            None => (text.to_string(), String::new()),
        };
        let ((a, a_rest), (b, b_rest)) = (split(&self.0), split(&other.0));
        crate::semver::compare(&a, &b)
            .then_with(|| a.cmp(&b))
            .then_with(|| a_rest.cmp(&b_rest))
    }
}

impl GoSum {
    /// Reads the lines of a file; the error names the bad line.
    pub fn parse(bytes: &[u8], display_name: &str) -> Result<GoSum, String> {
        let mut sum = GoSum::default();
        for (at, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            match fields.as_slice() {
                [] => {}
                [path, version, hash] => {
                    // An old bug recorded the hash of an empty go.mod; it is known to be wrong.
                    if *hash != "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=" {
                        sum.add(path, version, hash);
                    }
                }
                _ => {
                    return Err(format!(
                        "malformed go.sum:\n{display_name}:{}: wrong number of fields {}",
                        at + 1,
                        fields.len()
                    ));
                }
            }
        }
        Ok(sum)
    }

    /// Adds a hash unless it is there.
    pub fn add(&mut self, path: &str, version: &str, hash: &str) {
        let hashes = self
            .entries
            .entry((path.to_string(), VersionKey(version.to_string())))
            .or_default();
        if !hashes.iter().any(|known| known == hash) {
            hashes.push(hash.to_string());
        }
    }

    /// Hashes known for a key, all algorithms.
    pub fn hashes(&self, path: &str, version: &str) -> &[String] {
        let key = (path.to_string(), VersionKey(version.to_string()));
        self.entries.get(&key).map_or(&[], Vec::as_slice)
    }

    /// True if an `h1:` hash is known.
    pub fn has(&self, path: &str, version: &str) -> bool {
        self.hashes(path, version)
            .iter()
            .any(|hash| hash.starts_with("h1:"))
    }

    /// Keeps the entries that the predicate wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.entries
            .retain(|(path, version), _| keep(path, &version.0));
    }

    /// Every (path, version key, hash).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.entries.iter().flat_map(|((path, version), hashes)| {
            hashes
                .iter()
                .map(move |hash| (path.as_str(), version.0.as_str(), hash.as_str()))
        })
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The file's text.
    pub fn format(&self) -> String {
        self.iter()
            .map(|(path, version, hash)| format!("{path} {version} {hash}\n"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_and_unique() {
        let text =
            "b v1.10.0 h1:x\nb v1.9.0/go.mod h1:y\nb v1.9.0 h1:z\n\na v1.0.0 h1:q\nb v1.9.0 h1:z\n";
        let sum = GoSum::parse(text.as_bytes(), "go.sum").unwrap();
        assert_eq!(
            sum.format(),
            "a v1.0.0 h1:q\nb v1.9.0 h1:z\nb v1.9.0/go.mod h1:y\nb v1.10.0 h1:x\n"
        );
        assert!(sum.has("b", "v1.9.0/go.mod") && !sum.has("b", "v2.0.0"));
    }

    #[test]
    fn bad_lines_are_named() {
        let error = GoSum::parse(b"a v1 h1:x\nb v1\n", "go.sum").unwrap_err();
        assert_eq!(
            error,
            "malformed go.sum:\ngo.sum:2: wrong number of fields 2"
        );
    }
}
