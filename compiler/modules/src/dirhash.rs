//! The `h1:` hash of modules: SHA-256 over the sorted lines `hex(sha256(file))  name\n`,
//! in base64. Source: the Go modules reference, "go.sum files".

use base64::Engine;
use sha2::{Digest, Sha256};

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// The hash of files given as (name, SHA-256 of the contents).
pub fn hash1(mut files: Vec<(String, [u8; 32])>) -> String {
    files.sort();
    let mut summary = Sha256::new();
    for (name, digest) in &files {
        summary.update(format!("{}  {name}\n", hex(digest)).as_bytes());
    }
    format!(
        "h1:{}",
        base64::engine::general_purpose::STANDARD.encode(summary.finalize())
    )
}

/// The hash that go.sum records for a go.mod file.
pub fn hash_go_mod(bytes: &[u8]) -> String {
    hash1(vec![("go.mod".to_string(), Sha256::digest(bytes).into())])
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_hash() {
        // `module github.com/davecgh/go-spew` is the whole go.mod of v1.1.1.
        assert_eq!(
            super::hash_go_mod(b"module github.com/davecgh/go-spew\n"),
            "h1:J7Y8YcW2NihsgmVo/mv3lAwl/skON4iLHjSsI+c5H38="
        );
    }
}
