//! Checking, hashing and unpacking module zips. Limits and rules: the Go modules
//! reference, "Module zip files".

use crate::ModuleVersion;
use crate::error::{Error, Result, io_text};
use crate::{dirhash, module_path};
use sha2::{Digest, Sha256};
use source::system::{ReadSeek, System};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use zip::ZipArchive;

/// Limit of the compressed and of the unpacked size of a module.
pub const MAX_ZIP: u64 = 500 << 20;
/// Limit of go.mod.
pub const MAX_GO_MOD: u64 = 16 << 20;
/// Limit of LICENSE.
pub const MAX_LICENSE: u64 = 16 << 20;

type Archive = ZipArchive<Box<dyn ReadSeek>>;

fn bad(module: &ModuleVersion, text: impl std::fmt::Display) -> Error {
    Error::new(format!("{}: {text}", module_zip(module)))
}

fn module_zip(module: &ModuleVersion) -> String {
    format!("{module}: invalid zip file")
}

/// A zip whose names and declared sizes have been checked.
pub struct ModuleZip {
    archive: Archive,
    module: ModuleVersion,
    /// Index in the archive and name below the module prefix; directories left out.
    files: Vec<(usize, String, u64)>,
    prefix: String,
}

impl ModuleZip {
    /// Opens and checks: every name lies below `path@version/`, is a valid file path, and differs
    /// from the others also when case is ignored; sizes are within the limits.
    pub fn open(reader: Box<dyn ReadSeek>, size: u64, module: &ModuleVersion) -> Result<ModuleZip> {
        if size > MAX_ZIP {
            return Err(bad(
                module,
                format!("zip file is too large ({size} bytes; limit is {MAX_ZIP} bytes)"),
            ));
        }
        let mut archive = ZipArchive::new(reader).map_err(|error| bad(module, error))?;
        if archive.has_duplicate_names() {
            return Err(bad(module, "multiple entries with the same name"));
        }
        if archive
            .has_overlapping_entries()
            .map_err(|error| bad(module, error))?
        {
            return Err(bad(module, "entries overlap (zip bomb)"));
        }
        let prefix = format!("{}@{}/", module.path, module.version);
        let mut files = Vec::new();
        let mut folded: BTreeMap<String, String> = BTreeMap::new();
        let mut total: u64 = 0;
        for index in 0..archive.len() {
            let entry = archive
                .by_index_raw(index)
                .map_err(|error| bad(module, error))?;
            let full = String::from_utf8(entry.name_raw().to_vec()).map_err(|_| {
                bad(
                    module,
                    format!("entry {index} has a name that is not UTF-8"),
                )
            })?;
            let size = entry.size();
            let Some(name) = full.strip_prefix(&prefix) else {
                return Err(bad(
                    module,
                    format!(
                        "path does not have prefix {}: {}",
                        module_path::quote(&prefix),
                        module_path::quote(&full)
                    ),
                ));
            };
            if name.is_empty() || name.ends_with('/') {
                continue;
            }
            if entry
                .unix_mode()
                .is_some_and(|mode| mode & 0o170000 == 0o120000)
            {
                return Err(bad(
                    module,
                    format!("{name}: symbolic links are not allowed"),
                ));
            }
            module_path::check_file_path(name).map_err(|error| bad(module, error))?;
            check_case_collisions(name, &mut folded).map_err(|text| bad(module, text))?;
            total = total.saturating_add(size);
            if total > MAX_ZIP {
                return Err(bad(
                    module,
                    format!(
                        "total uncompressed size of module contents too large (max size is {MAX_ZIP} bytes)"
                    ),
                ));
            }
            if name == "go.mod" && size > MAX_GO_MOD {
                return Err(bad(
                    module,
                    format!("go.mod file too large (max size is {MAX_GO_MOD} bytes)"),
                ));
            }
            if name == "LICENSE" && size > MAX_LICENSE {
                return Err(bad(
                    module,
                    format!("LICENSE file too large (max size is {MAX_LICENSE} bytes)"),
                ));
            }
            if name.eq_ignore_ascii_case("go.mod") && name != "go.mod" {
                return Err(bad(
                    module,
                    format!("{name}: go.mod file not in lower case"),
                ));
            }
            files.push((index, name.to_string(), size));
        }
        Ok(ModuleZip {
            archive,
            module: module.clone(),
            files,
            prefix,
        })
    }

    /// The `h1:` hash; reads everything, so it also finds truncated and lying entries.
    pub fn hash(&mut self) -> Result<String> {
        let mut hashes = Vec::with_capacity(self.files.len());
        let mut buffer = vec![0; 64 << 10];
        for (index, name, size) in &self.files {
            let mut entry = self
                .archive
                .by_index(*index)
                .map_err(|error| bad(&self.module, error))?;
            let mut digest = Sha256::new();
            let mut seen: u64 = 0;
            loop {
                let count = entry
                    .read(&mut buffer)
                    .map_err(|error| bad(&self.module, format!("{name}: {}", io_text(&error))))?;
                if count == 0 {
                    break;
                }
                seen += count as u64;
                if seen > *size {
                    return Err(bad(
                        &self.module,
                        format!("{name}: more bytes than the directory declares (zip bomb)"),
                    ));
                }
                digest.update(&buffer[..count]);
            }
            if seen != *size {
                return Err(bad(
                    &self.module,
                    format!("{name}: {seen} bytes instead of {size}"),
                ));
            }
            hashes.push((format!("{}{name}", self.prefix), digest.finalize().into()));
        }
        Ok(dirhash::hash1(hashes))
    }

    /// Sum of the unpacked sizes in bytes.
    pub fn unpacked_size(&self) -> u64 {
        self.files.iter().map(|(_, _, size)| size).sum()
    }

    /// Unpacks into an existing empty directory; files are read-only. `progress` gets the bytes written so far.
    pub fn unpack(
        &mut self,
        system: &dyn System,
        dir: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let mut made: BTreeSet<std::path::PathBuf> = BTreeSet::new();
        let mut written = 0;
        for (index, name, size) in &self.files {
            let target = dir.join(name);
            if let Some(parent) = target.parent()
                && made.insert(parent.to_path_buf())
            {
                system
                    .create_dir_all(parent)
                    .map_err(|error| Error::io("mkdir", parent, &error))?;
            }
            let entry = self
                .archive
                .by_index(*index)
                .map_err(|error| bad(&self.module, error))?;
            let mut limited = entry.take(size.saturating_add(1));
            let count = system
                .write_file(&target, &mut limited, 0o444)
                .map_err(|error| Error::io("write", &target, &error))?;
            if count != *size {
                return Err(bad(
                    &self.module,
                    format!("{name}: {count} bytes instead of {size}"),
                ));
            }
            written += count;
            progress(written);
        }
        Ok(())
    }
}

/// Refuses names that differ only in case, also of their directories, and a file where another
/// name needs a directory.
fn check_case_collisions(name: &str, folded: &mut BTreeMap<String, String>) -> Result<(), String> {
    for (at, prefix) in module_path::prefixes(name).enumerate() {
        // A directory is remembered with its slash, a file without.
        let written = if at == 0 {
            prefix.to_string()
        } else {
            format!("{prefix}/")
        };
        let key = prefix.to_lowercase();
        match folded.get(&key) {
            None => {
                folded.insert(key, written);
            }
            Some(known) if *known == written && at > 0 => return Ok(()),
            Some(known) if known.trim_end_matches('/') == prefix => {
                return Err(format!(
                    "multiple entries for file {}",
                    module_path::quote(prefix)
                ));
            }
            Some(known) => {
                return Err(format!(
                    "case-insensitive file name collision: {} and {}",
                    module_path::quote(known.trim_end_matches('/')),
                    module_path::quote(prefix)
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use source::system::MemSystem;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    /// A zip with the given names and contents.
    pub(crate) fn make_zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, contents) in files {
            writer
                .start_file(
                    *name,
                    SimpleFileOptions::default()
                        .compression_method(zip::CompressionMethod::Deflated),
                )
                .unwrap();
            writer.write_all(contents).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn open(bytes: Vec<u8>) -> Result<String> {
        let size = bytes.len() as u64;
        let mut zip = ModuleZip::open(
            Box::new(Cursor::new(bytes)),
            size,
            &ModuleVersion::new("example.com/m", "v1.0.0"),
        )?;
        let hash = zip.hash()?;
        let system = MemSystem::new();
        zip.unpack(&system, Path::new("/out"), &mut |_| {})?;
        Ok(format!("{hash} {}", system.files().len()))
    }

    fn check(files: &[(&str, &[u8])], want: &str) {
        let got = match open(make_zip(files)) {
            Ok(text) => text,
            Err(error) => error.to_string(),
        };
        assert!(got.contains(want), "{got}");
    }

    #[test]
    fn a_good_zip_unpacks() {
        check(
            &[
                ("example.com/m@v1.0.0/go.mod", b"module example.com/m\n"),
                ("example.com/m@v1.0.0/a/a.go", b"package a\n"),
            ],
            "h1:",
        );
    }

    #[test]
    fn bad_names_are_refused() {
        check(
            &[("other/m@v1.0.0/go.mod", b"")],
            "path does not have prefix \"example.com/m@v1.0.0/\"",
        );
        check(
            &[("example.com/m@v1.0.0/../evil", b"x")],
            "invalid path element \"..\"",
        );
        check(
            &[("example.com/m@v1.0.0//etc/passwd", b"x")],
            "malformed file path",
        );
        check(
            &[
                ("example.com/m@v1.0.0/a.go", b"x"),
                ("example.com/m@v1.0.0/A.go", b"y"),
            ],
            "case-insensitive file name collision",
        );
        check(
            &[
                ("example.com/m@v1.0.0/d/a.go", b"x"),
                ("example.com/m@v1.0.0/D/b.go", b"y"),
            ],
            "case-insensitive file name collision",
        );
        check(
            &[
                ("example.com/m@v1.0.0/d", b"x"),
                ("example.com/m@v1.0.0/d/b.go", b"y"),
            ],
            "multiple entries for file",
        );
        check(
            &[("example.com/m@v1.0.0/GO.MOD", b"x")],
            "not in lower case",
        );
        check(&[("example.com/m@v1.0.0/con", b"x")], "disallowed");
    }

    #[test]
    fn broken_bytes_are_refused() {
        assert!(open(b"not a zip".to_vec()).is_err());
        let mut bytes = make_zip(&[("example.com/m@v1.0.0/a.go", &[b'x'; 4000])]);
        bytes.truncate(bytes.len() / 2);
        assert!(open(bytes).is_err());
        let mut bytes = make_zip(&[(
            "example.com/m@v1.0.0/a.go",
            b"package a // some text that is long enough",
        )]);
        // Damage the compressed data: the checksum no longer fits.
        bytes[70] ^= 0x55;
        assert!(open(bytes).is_err());
    }

    #[test]
    fn declared_sizes_are_limits() {
        let good = make_zip(&[("example.com/m@v1.0.0/a.go", &[b'x'; 100_000])]);
        // The uncompressed size in the central directory: lie downwards.
        let at = good
            .windows(4)
            .rposition(|window| window == b"PK\x01\x02")
            .unwrap()
            + 24;
        let mut small = good.clone();
        small[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
        assert!(open(small).is_err());
        let mut huge = good;
        huge[at..at + 4].copy_from_slice(&(600u32 << 20).to_le_bytes());
        assert!(open(huge).unwrap_err().to_string().contains("too large"));
    }
}
