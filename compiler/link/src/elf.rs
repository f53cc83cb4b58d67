//! Writes the executable: ELF header, three loadable segments, optional symbol table.

use crate::layout::{HEADERS, IMAGE_BASE, Layout};
use crate::object::{Definition, Object, RelocKind, Section};
use crate::{LinkError, Options};

const INT3: u8 = 0xcc;
const EHDR: usize = 64;
const PHDR: usize = 56;
const SHDR: usize = 64;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PF_R: u32 = 4;

struct Segment {
    flags: u32,
    sections: std::ops::RangeInclusive<usize>,
}

/// Builds the file's bytes.
///
/// # Errors
/// A relocation does not fit.
pub fn write(object: &Object, layout: &Layout, options: &Options) -> Result<Vec<u8>, LinkError> {
    let segments = [
        Segment {
            flags: PF_R | PF_X,
            sections: Section::GoText as usize..=Section::Text as usize,
        },
        Segment {
            flags: PF_R,
            sections: Section::Rodata as usize..=Section::Types as usize,
        },
        Segment {
            flags: PF_R | PF_W,
            sections: Section::Data as usize..=Section::Bss as usize,
        },
    ];
    // File offsets equal addresses minus the image base: pages then map directly.
    let offset_of = |address: u64| (address - IMAGE_BASE) as usize;
    let last_file_section = Section::GoData as usize;
    let (start, size) = layout.sections[last_file_section];
    let mut image = vec![0u8; offset_of(start + size)];
    // What jumps between functions traps.
    let (start, size) = layout.sections[Section::GoText as usize];
    image[offset_of(start)..offset_of(start + size)].fill(INT3);
    for section in Section::ALL {
        if section.is_zero() {
            continue;
        }
        for &id in &layout.order[section as usize] {
            let chunk = &object.chunks[id];
            let address = layout.chunks[id].expect("live chunks have addresses");
            let at = offset_of(address);
            image[at..at + chunk.bytes.len()].copy_from_slice(&chunk.bytes);
            apply_relocs(
                object,
                layout,
                chunk,
                address,
                &mut image[at..at + chunk.bytes.len()],
            )?;
        }
    }

    let mut header = Vec::with_capacity(HEADERS as usize);
    header.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    put(
        &mut header,
        &[
            &2u16.to_le_bytes(),
            &62u16.to_le_bytes(),
            &1u32.to_le_bytes(),
        ],
    );
    put(
        &mut header,
        &[&layout.entry.to_le_bytes(), &(EHDR as u64).to_le_bytes()],
    );
    let shoff_at = header.len();
    put(&mut header, &[&0u64.to_le_bytes(), &0u32.to_le_bytes()]);
    let phnum = segments.len() as u16 + 1;
    put(
        &mut header,
        &[
            &(EHDR as u16).to_le_bytes(),
            &(PHDR as u16).to_le_bytes(),
            &phnum.to_le_bytes(),
        ],
    );
    let shnum_at = header.len() + 2;
    put(
        &mut header,
        &[
            &(SHDR as u16).to_le_bytes(),
            &0u16.to_le_bytes(),
            &0u16.to_le_bytes(),
        ],
    );
    for segment in &segments {
        let first = layout.sections[*segment.sections.start()].0;
        let (last, last_size) = layout.sections[*segment.sections.end()];
        let address = if segment.flags & PF_X != 0 {
            IMAGE_BASE
        } else {
            first
        };
        let file_end = segment
            .sections
            .clone()
            .filter(|&s| !Section::ALL[s].is_zero())
            .map(|s| layout.sections[s].0 + layout.sections[s].1)
            .max()
            .unwrap_or(address);
        put(
            &mut header,
            &[&1u32.to_le_bytes(), &segment.flags.to_le_bytes()],
        );
        for value in [
            address - IMAGE_BASE,
            address,
            address,
            file_end - address,
            last + last_size - address,
            0x1000,
        ] {
            header.extend_from_slice(&value.to_le_bytes());
        }
    }
    // PT_GNU_STACK: the stack is not executable.
    put(
        &mut header,
        &[
            &0x6474_e551u32.to_le_bytes(),
            &(PF_R | PF_W).to_le_bytes(),
            &[0; 48],
        ],
    );
    image[..header.len()].copy_from_slice(&header);

    let table = section_table(object, layout, options, &mut image);
    image[shoff_at..shoff_at + 8].copy_from_slice(&table.offset.to_le_bytes());
    image[shnum_at..shnum_at + 2].copy_from_slice(&table.count.to_le_bytes());
    image[shnum_at + 2..shnum_at + 4].copy_from_slice(&table.names.to_le_bytes());
    Ok(image)
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn apply_relocs(
    object: &Object,
    layout: &Layout,
    chunk: &crate::Chunk,
    address: u64,
    bytes: &mut [u8],
) -> Result<(), LinkError> {
    for reloc in &chunk.relocs {
        let name = || &object.symbols[reloc.target].name;
        let target = layout
            .address(object, reloc.target)
            .ok_or_else(|| LinkError(format!("relocation target {} not defined", name())))?;
        let at = reloc.offset as usize;
        let value = target.wrapping_add_signed(reloc.addend);
        let place = address + at as u64;
        let out_of_range = || {
            LinkError(format!(
                "relocation to {} out of range at {place:#x}",
                name()
            ))
        };
        let fits = |v: i64| i32::try_from(v).map_err(|_| out_of_range());
        match reloc.kind {
            RelocKind::Abs64 => bytes[at..at + 8].copy_from_slice(&value.to_le_bytes()),
            RelocKind::Pc64 => {
                bytes[at..at + 8].copy_from_slice(&value.wrapping_sub(place).to_le_bytes())
            }
            RelocKind::Abs32 => {
                let v = u32::try_from(value).map_err(|_| out_of_range())?;
                bytes[at..at + 4].copy_from_slice(&v.to_le_bytes());
            }
            RelocKind::Pc32 => bytes[at..at + 4]
                .copy_from_slice(&fits(value.wrapping_sub(place) as i64)?.to_le_bytes()),
            RelocKind::SectionOff32(section) => {
                let v = fits(value.wrapping_sub(layout.sections[section as usize].0) as i64)?;
                bytes[at..at + 4].copy_from_slice(&v.to_le_bytes());
            }
            RelocKind::GotPcRel => {
                relax_got(bytes, at).ok_or_else(|| {
                    LinkError(format!(
                        "cannot relax the GOT access to {} at {place:#x}",
                        name()
                    ))
                })?;
                // `call *foo(%rip)` became `addr32 call foo`, `mov` became `lea`: same displacement rule.
                bytes[at..at + 4]
                    .copy_from_slice(&fits(value.wrapping_sub(place) as i64)?.to_le_bytes());
            }
        }
    }
    Ok(())
}

/// Rewrites the instruction before the 4-byte displacement at `at` so that it uses the symbol's address instead of loading it
/// from a GOT slot.
fn relax_got(bytes: &mut [u8], at: usize) -> Option<()> {
    let (op, modrm) = (bytes.get(at.checked_sub(2)?).copied()?, bytes[at - 1]);
    match (op, modrm) {
        // mov foo@GOTPCREL(%rip), %reg -> lea foo(%rip), %reg
        (0x8b, m) if m & 0xc7 == 0x05 => bytes[at - 2] = 0x8d,
        // call *foo@GOTPCREL(%rip) -> addr32 call foo
        (0xff, 0x15) => {
            bytes[at - 2] = 0x67;
            bytes[at - 1] = 0xe8;
        }
        // jmp *foo@GOTPCREL(%rip) -> addr32-free: nop-prefixed jmp foo (0x67 prefix keeps the length)
        (0xff, 0x25) => {
            bytes[at - 2] = 0x67;
            bytes[at - 1] = 0xe9;
        }
        _ => return None,
    }
    Some(())
}

struct SectionTable {
    offset: u64,
    count: u16,
    names: u16,
}

fn section_table(
    object: &Object,
    layout: &Layout,
    options: &Options,
    image: &mut Vec<u8>,
) -> SectionTable {
    let mut names = vec![0u8];
    let mut add_name = |name: &str| {
        let at = names.len() as u32;
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        at
    };
    let mut headers: Vec<[u64; 10]> = vec![[0; 10]];
    for section in Section::ALL {
        let (address, size) = layout.sections[section as usize];
        let (kind, flags) = match section {
            Section::GoText | Section::Text => (1, 2 | 4),
            Section::Rodata | Section::BuildInfo | Section::Types => (1, 2),
            Section::Data | Section::GoData => (1, 2 | 1),
            Section::GoBss | Section::Bss => (8, 2 | 1),
        };
        let offset = address - IMAGE_BASE;
        headers.push([
            add_name(section.name()) as u64,
            kind,
            flags,
            address,
            offset,
            size,
            0,
            0,
            16,
            0,
        ]);
    }
    if !options.strip {
        let (symtab, strtab) = symbol_table(object, layout);
        image.resize(image.len().next_multiple_of(8), 0);
        let strtab_index = headers.len() as u64 + 1;
        headers.push([
            add_name(".symtab") as u64,
            2,
            0,
            0,
            image.len() as u64,
            symtab.len() as u64,
            strtab_index,
            1,
            8,
            24,
        ]);
        image.extend_from_slice(&symtab);
        headers.push([
            add_name(".strtab") as u64,
            3,
            0,
            0,
            image.len() as u64,
            strtab.len() as u64,
            0,
            0,
            1,
            0,
        ]);
        image.extend_from_slice(&strtab);
    }
    let name = add_name(".shstrtab") as u64;
    headers.push([
        name,
        3,
        0,
        0,
        image.len() as u64,
        names.len() as u64,
        0,
        0,
        1,
        0,
    ]);
    image.extend_from_slice(&names);
    image.resize(image.len().next_multiple_of(8), 0);
    let offset = image.len() as u64;
    for h in &headers {
        image.extend_from_slice(&(h[0] as u32).to_le_bytes());
        image.extend_from_slice(&(h[1] as u32).to_le_bytes());
        for v in &h[2..6] {
            image.extend_from_slice(&v.to_le_bytes());
        }
        image.extend_from_slice(&(h[6] as u32).to_le_bytes());
        image.extend_from_slice(&(h[7] as u32).to_le_bytes());
        image.extend_from_slice(&h[8].to_le_bytes());
        image.extend_from_slice(&h[9].to_le_bytes());
    }
    SectionTable {
        offset,
        count: headers.len() as u16,
        names: headers.len() as u16 - 1,
    }
}

fn symbol_table(object: &Object, layout: &Layout) -> (Vec<u8>, Vec<u8>) {
    let mut symtab = vec![0u8; 24];
    let mut strtab = vec![0u8];
    for symbol in object.symbols.iter() {
        let Definition::Chunk(chunk, offset) = symbol.def else {
            continue;
        };
        let (Some(address), false) = (layout.chunks[chunk], symbol.name.is_empty()) else {
            continue;
        };
        let section = object.chunks[chunk].section;
        let kind = if matches!(section, Section::GoText | Section::Text) {
            2
        } else {
            1
        };
        symtab.extend_from_slice(&(strtab.len() as u32).to_le_bytes());
        symtab.push(0x10 | kind);
        symtab.push(0);
        symtab.extend_from_slice(&(section as u16 + 1).to_le_bytes());
        symtab.extend_from_slice(&(address + offset).to_le_bytes());
        symtab.extend_from_slice(&symbol.size.to_le_bytes());
        strtab.extend_from_slice(symbol.name.as_bytes());
        strtab.push(0);
    }
    (symtab, strtab)
}
