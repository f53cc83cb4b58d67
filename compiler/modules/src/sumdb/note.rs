//! Signed notes: a text, a blank line, and lines `— name base64(signature)`.
//!
//! Format: golang.org/x/mod/sumdb/note's documentation. Keys read `name+hash+base64`, where the hash is
//! the first four bytes of SHA-256 over `name\n` and the key, in hexadecimal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// A public key with its name.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// The server's name.
    pub name: String,
    hash: u32,
    key: VerifyingKey,
}

const ED25519: u8 = 1;

impl Verifier {
    /// Parses `name+hash+key`.
    pub fn parse(text: &str) -> Result<Verifier, String> {
        let malformed = || "malformed verifier id".to_string();
        let (name, rest) = text.split_once('+').ok_or_else(malformed)?;
        let (hash, key) = rest.split_once('+').ok_or_else(malformed)?;
        let hash = u32::from_str_radix(hash, 16).map_err(|_| malformed())?;
        let key = STANDARD.decode(key).map_err(|_| malformed())?;
        let (&algorithm, bytes) = key.split_first().ok_or_else(malformed)?;
        if algorithm != ED25519 {
            return Err("unknown verifier algorithm".to_string());
        }
        let mut digest = Sha256::new();
        digest.update(name.as_bytes());
        digest.update(b"\n");
        digest.update(&key);
        let sum = digest.finalize();
        if name.is_empty() || u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]]) != hash {
            return Err("invalid verifier hash".to_string());
        }
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| malformed())?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| malformed())?;
        Ok(Verifier {
            name: name.to_string(),
            hash,
            key,
        })
    }

    /// Returns the text of a note that this key signed (with its final newline).
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, String> {
        let split = note.rfind("\n\n").ok_or("malformed note")?;
        let (text, signatures) = (&note[..split + 1], &note[split + 2..]);
        if signatures.is_empty() || !signatures.ends_with('\n') {
            return Err("malformed note".to_string());
        }
        for line in signatures.lines() {
            let rest = line.strip_prefix("\u{2014} ").ok_or("malformed note")?;
            let (name, signature) = rest.split_once(' ').ok_or("malformed note")?;
            let bytes = STANDARD.decode(signature).map_err(|_| "malformed note")?;
            if bytes.len() < 5 {
                return Err("malformed note".to_string());
            }
            let hash = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            if name != self.name || hash != self.hash {
                continue;
            }
            let signature = Signature::from_slice(&bytes[4..]).map_err(|_| "malformed note")?;
            self.key
                .verify_strict(text.as_bytes(), &signature)
                .map_err(|_| {
                    format!("invalid signature for key {}+{:08x}", self.name, self.hash)
                })?;
            return Ok(text);
        }
        Err(format!(
            "note has no verifiable signatures (no signature by {})",
            self.name
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    pub(crate) const SUM_KEY: &str =
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

    /// A test key pair: the verifier text and the signing key.
    pub(crate) fn test_key(name: &str) -> (String, SigningKey) {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let mut key = vec![ED25519];
        key.extend_from_slice(signing.verifying_key().as_bytes());
        let mut digest = Sha256::new();
        digest.update(name.as_bytes());
        digest.update(b"\n");
        digest.update(&key);
        let sum = digest.finalize();
        let hash = u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]]);
        (
            format!("{name}+{hash:08x}+{}", STANDARD.encode(&key)),
            signing,
        )
    }

    /// Signs a text that ends with a newline.
    pub(crate) fn sign(name: &str, text: &str) -> String {
        let (verifier, signing) = test_key(name);
        let hash = u32::from_str_radix(verifier.split('+').nth(1).unwrap(), 16).unwrap();
        let mut bytes = hash.to_be_bytes().to_vec();
        bytes.extend_from_slice(&signing.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode(bytes))
    }

    #[test]
    fn a_real_tree_note() {
        let note = "go.sum database tree\n71909756\niHqVxqh8cyFgqTcentUiEjZ88MD/U2r6w+0h9y1wcFA=\n\n\u{2014} sum.golang.org Az3gruqca1CkvBUmiVQwTbA/gaUFzmjGdeKsltdaxDjB0sALZnZFiokxoLeuELkWgcacVEQfWPJ8/AdDoOHPspHuDgk=\n";
        let verifier = Verifier::parse(SUM_KEY).unwrap();
        assert!(
            verifier
                .open(note)
                .unwrap()
                .starts_with("go.sum database tree\n71909756\n")
        );
        assert!(
            verifier
                .open(&note.replace("71909756", "71909757"))
                .unwrap_err()
                .contains("invalid signature")
        );
        assert!(
            verifier
                .open(&note.replace("sum.golang.org", "sum.example"))
                .unwrap_err()
                .contains("no verifiable")
        );
        assert!(verifier.open("text only\n").is_err());
    }

    #[test]
    fn bad_keys_are_refused() {
        let check =
            |key: &str, want: &str| assert_eq!(Verifier::parse(key).unwrap_err(), want, "{key}");
        check("sum.golang.org", "malformed verifier id");
        check(
            "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "invalid verifier hash",
        );
        check("x+00000000+Ag==", "unknown verifier algorithm");
    }

    #[test]
    fn own_signatures_open() {
        let (key, _) = test_key("db.example");
        let verifier = Verifier::parse(&key).unwrap();
        assert_eq!(
            verifier.open(&sign("db.example", "hello\n")).unwrap(),
            "hello\n"
        );
    }
}
