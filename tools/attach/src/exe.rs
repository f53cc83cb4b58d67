//! The executable behind a process: sections, symbols, build information.

use std::path::Path;

use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};
use rustc_hash::FxHashMap;

use crate::dwarf::DwarfInfo;
use crate::sys::MappedFile;
use crate::{Error, Result};

/// One section that is part of the address space.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name in the file.
    pub name: String,
    /// Link-time address; add the slide for the address in the process.
    pub address: u64,
    /// Bytes in memory.
    pub size: u64,
    /// Where its bytes are in the file, if it has any.
    file: Option<(u64, u64)>,
}

/// A Go executable, open for as long as its process is looked at.
pub struct Exe {
    file: MappedFile,
    /// Allocated sections, ascending.
    pub sections: Vec<Section>,
    segments: Vec<(u64, u64, u64)>,
    /// `runtime.*` symbols (link-time addresses); empty in stripped files.
    pub symbols: FxHashMap<String, u64>,
    /// Data symbols, ascending (address, size, name).
    pub data_symbols: Vec<(u64, u64, String)>,
    /// Entry point at link time.
    pub entry: u64,
    /// `go1.26.8`, as the linker recorded it, with experiments after a space.
    pub go_version: String,
    /// `key=value` build settings (`-ldflags`, `CGO_ENABLED`, `GOAMD64` ...).
    pub settings: Vec<(String, String)>,
    /// Path of the main package.
    pub main_package: String,
    /// Go's own build id note, where present: its link-time address and content.
    pub build_id: Option<(u64, Vec<u8>)>,
    /// Whether the file carries DWARF.
    pub has_dwarf: bool,
    /// Position-independent.
    pub pie: bool,
}

const BUILDINFO_MAGIC: &[u8] = b"\xff Go buildinf:";

impl Exe {
    /// Opens and checks an executable. Errors say what kind of file it is instead.
    pub fn open(path: &Path, shown: &str) -> Result<Exe> {
        let file = MappedFile::open(path)
            .map_err(|error| Error::new(format!("cannot open the executable {shown}: {error}")))?;
        let data = file.bytes();
        if data.get(..4) != Some(b"\x7fELF") {
            fail!("{shown} is not an ELF executable");
        }
        if data.get(4) == Some(&1) {
            fail!("{shown} is a 32-bit program: only 64-bit linux/amd64 programs can be read");
        }
        if data.get(18..20) != Some(&[62, 0]) {
            fail!(
                "{shown} is built for another architecture: only linux/amd64 programs can be read"
            );
        }
        let object = object::File::parse(data)
            .map_err(|error| Error::new(format!("{shown}: damaged ELF file: {error}")))?;
        let mut sections: Vec<Section> = object
            .sections()
            .filter(|section| section.address() != 0)
            .map(|section| Section {
                name: section.name().unwrap_or("").to_string(),
                address: section.address(),
                size: section.size(),
                file: section.file_range(),
            })
            .collect();
        sections.sort_by_key(|section| section.address);
        let segments = object
            .segments()
            .map(|segment| {
                (
                    segment.address(),
                    segment.file_range().0,
                    segment.file_range().1,
                )
            })
            .collect::<Vec<_>>();
        let mut symbols = FxHashMap::default();
        let mut data_symbols = Vec::new();
        for symbol in object.symbols() {
            let Ok(name) = symbol.name() else { continue };
            if name.starts_with("runtime.") {
                symbols.insert(name.to_string(), symbol.address());
            }
            if symbol.kind() == SymbolKind::Data && symbol.size() > 0 {
                data_symbols.push((symbol.address(), symbol.size(), name.to_string()));
            }
        }
        data_symbols.sort();
        let has_dwarf = object
            .section_by_name(".debug_info")
            .or_else(|| object.section_by_name(".zdebug_info"))
            .is_some();
        let pie = object.kind() == object::ObjectKind::Dynamic;
        let entry = object.entry();
        let mut exe = Exe {
            sections,
            segments,
            symbols,
            data_symbols,
            entry,
            go_version: String::new(),
            settings: Vec::new(),
            main_package: String::new(),
            build_id: None,
            has_dwarf,
            pie,
            file,
        };
        if exe.built_by_ferrogo() {
            return Err(Error::new(format!(
                "{shown} was built by ferrogo, whose runtime lays out spans, goroutines and types in its own way: \
                 its heap cannot be read yet"
            ))
            .hint(
                "what works on it: top, pmap and /proc as on any process, kill -QUIT for the stacks of its goroutines, \
                 runtime.ReadMemStats inside; `ferrogo doctor` reads programs of the official compiler",
            ));
        }
        if !exe.read_build_info() {
            let packed = exe
                .file
                .bytes()
                .windows(4)
                .take(1 << 12)
                .any(|window| window == b"UPX!");
            let what = format!("{shown} is not a Go program (it has no Go build information)");
            return Err(match packed {
                true => Error::new(what)
                    .hint("it is packed with UPX: unpack it with `upx -d` and restart it"),
                false => Error::new(what),
            });
        }
        if exe.pclntab_section().is_none() {
            fail!(
                "{shown} is a Go program whose section headers were removed: its tables cannot be found"
            );
        }
        exe.build_id = exe.section(".note.go.buildid").and_then(|section| {
            Some((
                section.address,
                exe.bytes_at(section.address, section.size)?.to_vec(),
            ))
        });
        Ok(exe)
    }

    /// Whether ferrogo's linker wrote it: it keeps the runtime's own code and the program's data in sections of
    /// their own.
    fn built_by_ferrogo(&self) -> bool {
        [".text.rt", ".go.type", ".go.data", ".go.bss"]
            .iter()
            .all(|name| self.section(name).is_some())
    }

    /// A section by name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The function table; external linkers prefix its name.
    pub fn pclntab_section(&self) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.name.ends_with(".gopclntab"))
    }

    /// File bytes at a link-time address, as far as one section or segment has them.
    pub fn bytes_at(&self, address: u64, size: u64) -> Option<&[u8]> {
        for &(start, offset, length) in &self.segments {
            if address >= start && address.checked_add(size)? <= start + length {
                let from = usize::try_from(offset + (address - start)).ok()?;
                return self
                    .file
                    .bytes()
                    .get(from..from.checked_add(usize::try_from(size).ok()?)?);
            }
        }
        None
    }

    /// File bytes of a section.
    pub fn section_bytes(&self, section: &Section) -> Option<&[u8]> {
        let (offset, size) = section.file?;
        self.file
            .bytes()
            .get(offset as usize..offset.checked_add(size)? as usize)
    }

    /// `1.26` of `go1.26.8 X:...`; `None` for development versions.
    pub fn release(&self) -> Option<String> {
        let version = self.go_version.split(' ').next()?.strip_prefix("go")?;
        let mut parts = version.split(|c: char| !c.is_ascii_digit());
        let (major, minor) = (parts.next()?, parts.next()?);
        (!major.is_empty() && !minor.is_empty()).then(|| format!("{major}.{minor}"))
    }

    /// Value of a build setting.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Whether it was built with a GOEXPERIMENT.
    pub fn has_experiment(&self, name: &str) -> bool {
        let experiments = self.setting("GOEXPERIMENT").unwrap_or("");
        experiments.split(',').any(|experiment| experiment == name)
    }

    /// Parses DWARF: struct layouts and global variables with their types. `wanted` picks structs by name.
    pub fn dwarf(&self, wanted: &dyn Fn(&str) -> bool) -> Option<DwarfInfo> {
        let object = object::File::parse(self.file.bytes()).ok()?;
        let load = |id: gimli::SectionId| -> std::result::Result<Vec<u8>, gimli::Error> {
            let data = object
                .section_by_name(id.name())
                .and_then(|section| section.uncompressed_data().ok());
            Ok(data.map(|data| data.into_owned()).unwrap_or_default())
        };
        let sections = gimli::DwarfSections::load(load).ok()?;
        DwarfInfo::read(&sections, wanted)
    }

    fn read_build_info(&mut self) -> bool {
        let section = self.section(".go.buildinfo").cloned();
        let candidates: Vec<Section> = match section {
            Some(section) => vec![section],
            None => self
                .sections
                .iter()
                .filter(|section| section.name.contains("data"))
                .cloned()
                .collect(),
        };
        for section in candidates {
            let Some(bytes) = self.section_bytes(&section) else {
                continue;
            };
            let Some(at) = (0..bytes.len().saturating_sub(31))
                .step_by(16)
                .find(|&at| bytes[at..].starts_with(BUILDINFO_MAGIC))
            else {
                continue;
            };
            // Byte 15 bit 1: two varint-prefixed strings follow at 32 (Go 1.18 and later).
            if bytes[at + 15] & 2 == 0 {
                continue;
            }
            let mut rest = &bytes[at + 32..];
            let version =
                take_string(&mut rest).map(|text| String::from_utf8_lossy(text).into_owned());
            let module =
                take_string(&mut rest).map(|text| String::from_utf8_lossy(text).into_owned());
            let Some(version) = version else { continue };
            for line in module.unwrap_or_default().lines() {
                // The text is framed by 16 bytes of marker; "path" may follow the first marker directly.
                if let Some((_, path)) = line
                    .split_once("path\t")
                    .filter(|_| self.main_package.is_empty())
                {
                    self.main_package = path.to_string();
                }
                if let Some((key, value)) = line
                    .strip_prefix("build\t")
                    .and_then(|line| line.split_once('='))
                {
                    self.settings
                        .push((key.to_string(), value.trim_matches('"').to_string()));
                }
            }
            self.go_version = version;
            return true;
        }
        false
    }
}

fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let length = usize::try_from(length).ok()?;
            let text = rest.get(..length)?;
            *rest = &rest[length..];
            return Some(text);
        }
    }
    None
}
