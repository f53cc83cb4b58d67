//! ELF core files, also truncated, sparse or hostile ones: every number in them is checked against the file.

use std::path::Path;

use crate::sys::MappedFile;
use crate::target::{Mapping, Method, Target, Thread};
use crate::{Error, Result};

const ELF_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const MAX_SEGMENTS: usize = 1 << 17;
const MAX_THREADS: usize = 1 << 16;
const NT_PRSTATUS: u32 = 1;
const NT_AUXV: u32 = 6;
const NT_FILE: u32 = 0x4649_4c45;

/// Bytes of the address space that the file holds.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    /// One past the last address present in the file.
    end: u64,
    offset: u64,
}

/// Where bytes come from: a mapped file, or memory in tests.
enum Source {
    File(MappedFile),
    Bytes(Vec<u8>),
}

impl Source {
    fn bytes(&self) -> &[u8] {
        match self {
            Source::File(file) => file.bytes(),
            Source::Bytes(bytes) => bytes,
        }
    }
}

/// A core file as a [`Target`].
pub struct CoreFile {
    source: Source,
    segments: Vec<Segment>,
    mappings: Vec<Mapping>,
    threads: Vec<Thread>,
    /// Entry point of the program (AT_ENTRY).
    pub entry: Option<u64>,
    /// Set when segments announced by the headers lie past the end of the file.
    pub truncated: Option<String>,
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        data.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

impl CoreFile {
    /// Opens and checks a core file.
    pub fn open(path: &Path) -> Result<CoreFile> {
        let file = MappedFile::open(path).map_err(|error| {
            Error::new(format!("cannot open core file {}: {error}", path.display()))
        })?;
        CoreFile::parse(Source::File(file)).map_err(|error| Error {
            what: format!("{}: {}", path.display(), error.what),
            hint: error.hint,
        })
    }

    /// A core file held in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<CoreFile> {
        CoreFile::parse(Source::Bytes(bytes))
    }

    fn parse(source: Source) -> Result<CoreFile> {
        let data = source.bytes();
        if data.get(..4) != Some(b"\x7fELF") {
            fail!("not a core file (no ELF header)");
        }
        if data.len() < ELF_HEADER {
            fail!("the core file is cut off inside its header");
        }
        if data[4] != 2 {
            fail!("a 32-bit core file: only 64-bit programs can be read");
        }
        if data[5] != 1 || u16_at(data, 18) != Some(62) {
            fail!("a core file of another architecture: only linux/amd64 can be read");
        }
        if u16_at(data, 16) != Some(4) {
            fail!("an ELF file, but not a core file");
        }
        let table = u64_at(data, 32).unwrap_or(0);
        let mut count = usize::from(u16_at(data, 56).unwrap_or(0));
        if count == 0xffff {
            // PN_XNUM: the number is in sh_info of section header 0.
            let section = usize::try_from(u64_at(data, 40).unwrap_or(0)).unwrap_or(usize::MAX);
            count = section
                .checked_add(44)
                .and_then(|at| u32_at(data, at))
                .unwrap_or(0) as usize;
        }
        let file_length = data.len() as u64;
        let table_end = table.checked_add((count as u64) * PROGRAM_HEADER as u64);
        if count == 0 || count > MAX_SEGMENTS || table_end.is_none_or(|end| end > file_length) {
            fail!("the core file's segment table is missing or cut off");
        }
        let mut segments = Vec::new();
        let mut mappings = Vec::new();
        let mut notes = Vec::new();
        let mut missing = 0u64;
        for index in 0..count {
            let at = table as usize + index * PROGRAM_HEADER;
            let kind = u32_at(data, at).unwrap_or(0);
            let flags = u32_at(data, at + 4).unwrap_or(0);
            let word = |field: usize| u64_at(data, at + field).unwrap_or(0);
            let (offset, start, file_size, memory_size) = (word(8), word(16), word(32), word(40));
            let present = file_size.min(file_length.saturating_sub(offset));
            missing = missing.saturating_add(file_size - present);
            match kind {
                1 => {
                    let (Some(end), Some(memory_end)) =
                        (start.checked_add(present), start.checked_add(memory_size))
                    else {
                        fail!("the core file has a segment that wraps around the address space");
                    };
                    if present > 0 {
                        segments.push(Segment { start, end, offset });
                    }
                    mappings.push(Mapping {
                        start,
                        end: memory_end.max(end),
                        writable: flags & 2 != 0,
                        executable: flags & 1 != 0,
                        offset: 0,
                        path: String::new(),
                    });
                }
                4 if present > 0 => notes.push((offset, present)),
                _ => {}
            }
        }
        segments.sort_unstable_by_key(|segment| segment.start);
        mappings.sort_by_key(|mapping| mapping.start);
        if segments.windows(2).any(|pair| pair[0].end > pair[1].start) {
            fail!("the core file has overlapping segments");
        }
        let mut threads = Vec::new();
        let mut entry = None;
        for (offset, size) in notes {
            let note = &data[offset as usize..(offset + size) as usize];
            read_notes(note, &mut threads, &mut mappings, &mut entry);
        }
        let truncated =
            (missing > 0).then(|| format!("{missing} bytes announced by its headers are missing"));
        Ok(CoreFile {
            source,
            segments,
            mappings,
            threads,
            entry,
            truncated,
        })
    }

    /// Path of the executable: the file mapped where the program starts.
    pub fn executable(&self) -> Option<String> {
        let entry = self.entry?;
        let mapping = crate::target::mapping_at(&self.mappings, entry)?;
        (!mapping.path.is_empty()).then(|| mapping.path.clone())
    }
}

/// Reads NT_PRSTATUS and NT_FILE; anything odd ends the reading.
fn read_notes(
    data: &[u8],
    threads: &mut Vec<Thread>,
    mappings: &mut [Mapping],
    entry: &mut Option<u64>,
) {
    let mut at = 0usize;
    while let (Some(name_size), Some(size), Some(kind)) =
        (u32_at(data, at), u32_at(data, at + 4), u32_at(data, at + 8))
    {
        let name_size = (name_size as usize).next_multiple_of(4);
        let Some(start) = at.checked_add(12 + name_size) else {
            return;
        };
        let Some(body) = start
            .checked_add(size as usize)
            .and_then(|end| data.get(start..end))
        else {
            return;
        };
        match kind {
            // struct elf_prstatus: pr_pid at 32, pr_reg (user_regs_struct) at 112.
            NT_PRSTATUS if body.len() >= 112 + 27 * 8 && threads.len() < MAX_THREADS => {
                let regs: Vec<u64> = (0..27)
                    .map(|index| u64_at(body, 112 + index * 8).unwrap_or(0))
                    .collect();
                threads.push(Thread {
                    tid: u64::from(u32_at(body, 32).unwrap_or(0)),
                    pc: regs[16],
                    sp: regs[19],
                    regs: regs[..15].to_vec(),
                });
            }
            NT_FILE => name_files(body, mappings),
            NT_AUXV => {
                *entry = body
                    .chunks_exact(16)
                    .find(|pair| u64_at(pair, 0) == Some(9))
                    .and_then(|pair| u64_at(pair, 8))
            }
            _ => {}
        }
        at = start + (size as usize).next_multiple_of(4);
    }
}

fn name_files(body: &[u8], mappings: &mut [Mapping]) {
    let (Some(count), Some(page)) = (u64_at(body, 0), u64_at(body, 8)) else {
        return;
    };
    let count = count.min(body.len() as u64 / 24) as usize;
    let Some(names) = body.get(16 + count * 24..) else {
        return;
    };
    let mut names = names.split(|&byte| byte == 0);
    for index in 0..count {
        let at = 16 + index * 24;
        let (Some(start), Some(offset)) = (u64_at(body, at), u64_at(body, at + 16)) else {
            return;
        };
        let Some(name) = names.next() else { return };
        if let Ok(found) = mappings.binary_search_by_key(&start, |mapping| mapping.start) {
            mappings[found].path = String::from_utf8_lossy(name).into_owned();
            mappings[found].offset = offset.saturating_mul(page);
        }
    }
}

impl Target for CoreFile {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let Some(end) = address.checked_add(buffer.len() as u64) else {
            return false;
        };
        let mut at = address;
        let mut done = 0usize;
        while at < end {
            let index = self.segments.partition_point(|segment| segment.end <= at);
            let Some(segment) = self
                .segments
                .get(index)
                .filter(|segment| segment.start <= at)
            else {
                return false;
            };
            let stop = end.min(segment.end);
            let from = (segment.offset + (at - segment.start)) as usize;
            let length = (stop - at) as usize;
            let Some(bytes) = self.source.bytes().get(from..from + length) else {
                return false;
            };
            buffer[done..done + length].copy_from_slice(bytes);
            done += length;
            at = stop;
        }
        true
    }

    fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    fn threads(&self) -> &[Thread] {
        &self.threads
    }

    fn present_bytes(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.end - segment.start)
            .sum()
    }

    fn method(&self) -> Method {
        Method::Core
    }

    fn pause_ns(&self) -> u64 {
        0
    }

    fn release(&mut self) -> Result<u64> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small core: one segment of 64 bytes at 0x10000, one thread.
    pub(crate) fn sample() -> Vec<u8> {
        let mut file = vec![0u8; 0x400];
        file[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        file[16] = 4;
        file[18] = 62;
        file[32] = 64;
        file[56] = 2;
        let header =
            |file: &mut Vec<u8>, at: usize, kind: u32, offset: u64, address: u64, size: u64| {
                file[at..at + 4].copy_from_slice(&kind.to_le_bytes());
                file[at + 4] = 6;
                file[at + 8..at + 16].copy_from_slice(&offset.to_le_bytes());
                file[at + 16..at + 24].copy_from_slice(&address.to_le_bytes());
                file[at + 32..at + 40].copy_from_slice(&size.to_le_bytes());
                file[at + 40..at + 48].copy_from_slice(&size.to_le_bytes());
            };
        header(&mut file, 64, 1, 0x100, 0x10000, 64);
        header(&mut file, 120, 4, 0x200, 0, 20 + 336);
        file[0x100..0x140].fill(7);
        file[0x200] = 5;
        file[0x204..0x206].copy_from_slice(&336u16.to_le_bytes());
        file[0x208] = 1;
        file[0x20c..0x210].copy_from_slice(b"CORE");
        file[0x214 + 32] = 42;
        file
    }

    #[test]
    fn reads_memory_and_threads() {
        let core = CoreFile::from_bytes(sample()).unwrap();
        let mut buffer = [0u8; 8];
        assert!(core.read(0x10038, &mut buffer));
        assert_eq!(buffer, [7; 8]);
        assert!(!core.read(0x10039, &mut buffer));
        assert_eq!(core.threads()[0].tid, 42);
        assert!(core.truncated.is_none());
    }

    #[test]
    fn truncation_is_told() {
        let mut file = sample();
        file.truncate(0x120);
        let core = CoreFile::from_bytes(file).unwrap();
        assert!(core.truncated.is_some());
        assert!(core.read(0x10000, &mut [0; 32]));
        assert!(!core.read(0x10000, &mut [0; 33]));
    }

    #[test]
    fn damaged_files_never_panic() {
        let good = sample();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..20_000 {
            let mut file = good.clone();
            for _ in 0..1 + random() % 6 {
                let at = random() as usize % 0x260;
                file[at] = match random() % 3 {
                    0 => 0xff,
                    1 => 0,
                    _ => random() as u8,
                };
            }
            if random() % 4 == 0 {
                file.truncate(random() as usize % good.len());
            }
            if let Ok(core) = CoreFile::from_bytes(file) {
                core.read(0x10000, &mut [0; 64]);
                core.read(u64::MAX - 3, &mut [0; 16]);
                assert!(core.threads().len() <= MAX_THREADS);
            }
        }
    }
}
