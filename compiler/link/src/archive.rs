//! Reads a static library of ELF relocatable objects (the runtime) into an [`Object`].

use base::FxHashMap;
use object::read::archive::ArchiveFile;
use object::read::elf::ElfFile64;
use object::{
    Object as _, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionKind,
    SymbolKind, SymbolSection, elf,
};

use crate::LinkError;
use crate::object::{Chunk, ChunkId, Definition, Object, Reloc, RelocKind, Section, SymbolId};

/// Adds all members of the archive. Sections that no live symbol needs are dropped later.
///
/// # Errors
/// The archive is damaged or uses a relocation or section that the linker does not know.
pub fn add_archive(object: &mut Object, archive: &[u8]) -> Result<(), LinkError> {
    let bad =
        |what: &str, err: object::read::Error| LinkError(format!("runtime library: {what}: {err}"));
    let file = ArchiveFile::parse(archive).map_err(|e| bad("archive", e))?;
    for member in file.members() {
        let member = member.map_err(|e| bad("member", e))?;
        let data = member.data(archive).map_err(|e| bad("member data", e))?;
        if data.starts_with(b"\x7fELF") {
            add_member(object, &String::from_utf8_lossy(member.name()), data)?;
        }
    }
    Ok(())
}

fn add_member(out: &mut Object, name: &str, data: &[u8]) -> Result<(), LinkError> {
    let bad = |what: String| LinkError(format!("runtime library member {name}: {what}"));
    let file = ElfFile64::<object::Endianness>::parse(data).map_err(|e| bad(e.to_string()))?;
    let mut chunks: FxHashMap<usize, ChunkId> = FxHashMap::default();
    for section in file.sections() {
        let kind = match section.kind() {
            SectionKind::Text => Section::Text,
            SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => Section::Rodata,
            // Relocated read-only data: the executable is not position-independent, nothing is written at start.
            SectionKind::ReadOnlyDataWithRel => Section::Rodata,
            SectionKind::Data => Section::Data,
            SectionKind::UninitializedData => Section::Bss,
            SectionKind::Tls | SectionKind::UninitializedTls => {
                return Err(bad("has thread-local storage".into()));
            }
            _ => continue,
        };
        let section_name = section.name().unwrap_or("");
        // Unwind tables are never read: the runtime aborts on panic.
        if section_name.starts_with(".eh_frame") || section_name.starts_with(".gcc_except_table") {
            continue;
        }
        let bytes = if kind.is_zero() {
            Vec::new()
        } else {
            section.data().map_err(|e| bad(e.to_string()))?.to_vec()
        };
        let chunk = Chunk {
            section: kind,
            align: section.align().max(1) as u32,
            bytes,
            size: section.size(),
            relocs: Vec::new(),
        };
        chunks.insert(section.index().0, out.add_chunk(chunk));
    }
    let mut symbols: FxHashMap<usize, SymbolId> = FxHashMap::default();
    for symbol in file.symbols() {
        let sym_name = symbol.name().unwrap_or("");
        let def = match symbol.section() {
            SymbolSection::Section(index) => match chunks.get(&index.0) {
                Some(&chunk) => Definition::Chunk(chunk, symbol.address()),
                None => continue,
            },
            SymbolSection::Absolute => Definition::Absolute(symbol.address()),
            SymbolSection::Common => return Err(bad(format!("common symbol {sym_name}"))),
            _ if symbol.is_weak() => Definition::Weak,
            _ => Definition::Undefined,
        };
        let id = if symbol.is_local() || sym_name.is_empty() {
            let id = out.anonymous(def);
            if symbol.kind() == SymbolKind::Text {
                // Never looked up, but profilers and debuggers can tell where a program spends its time.
                out.symbols[id].name = sym_name.to_owned();
                out.symbols[id].size = symbol.size();
            }
            id
        } else {
            let id = out.symbol(sym_name);
            match def {
                Definition::Undefined => {}
                Definition::Weak => {
                    if out.symbols[id].def == Definition::Undefined {
                        out.symbols[id].def = Definition::Weak;
                    }
                }
                _ => {
                    // A weak definition gives way silently; two strong ones are a defect of the runtime.
                    if !out.define(id, def, symbol.size()) && !symbol.is_weak() {
                        return Err(bad(format!("symbol {sym_name} is defined twice")));
                    }
                }
            }
            id
        };
        symbols.insert(symbol.index().0, id);
    }
    for section in file.sections() {
        let Some(&chunk) = chunks.get(&section.index().0) else {
            continue;
        };
        let mut relocs = Vec::new();
        for (offset, reloc) in section.relocations() {
            let RelocationFlags::Elf { r_type } = reloc.flags() else {
                continue;
            };
            let kind = match r_type {
                elf::R_X86_64_64 => RelocKind::Abs64,
                elf::R_X86_64_32 | elf::R_X86_64_32S => RelocKind::Abs32,
                elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 => RelocKind::Pc32,
                elf::R_X86_64_PC64 => RelocKind::Pc64,
                elf::R_X86_64_GOTPCREL | elf::R_X86_64_GOTPCRELX | elf::R_X86_64_REX_GOTPCRELX => {
                    RelocKind::GotPcRel
                }
                elf::R_X86_64_NONE => continue,
                other => {
                    return Err(bad(format!(
                        "relocation type {other:?} in {}",
                        section.name().unwrap_or("?")
                    )));
                }
            };
            let target = match reloc.target() {
                RelocationTarget::Symbol(index) => symbols.get(&index.0).copied(),
                RelocationTarget::Section(index) => chunks
                    .get(&index.0)
                    .map(|&c| out.anonymous(Definition::Chunk(c, 0))),
                _ => None,
            };
            let Some(target) = target else {
                return Err(bad(format!(
                    "relocation at {offset:#x} of {} has no target",
                    section.name().unwrap_or("?")
                )));
            };
            relocs.push(Reloc {
                offset: offset as u32,
                kind,
                target,
                addend: reloc.addend(),
            });
        }
        out.chunks[chunk].relocs = relocs;
    }
    Ok(())
}
