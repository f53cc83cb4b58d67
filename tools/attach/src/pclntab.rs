//! Go's function table: names, lines, inlining and stack maps. Never stripped.
//!
//! Format (Go 1.20 and later, magic 0xfffffff1): a header of offsets, function entries sorted by pc, and
//! delta-coded tables of values per pc. The program's is read from the executable's own bytes, without copying;
//! a plugin's from the process, where the linker's addresses are already right.

use std::borrow::Cow;

use crate::exe::Exe;
use crate::image::Image;
use crate::runtime::Module;
use crate::target::mapping_at;
use crate::{Error, Result};

const MAGIC: u32 = 0xffff_fff1;
/// Bytes of `_func` before its pcdata offsets.
const FUNC_HEADER: usize = 44;
/// Longest table of a plugin that is read.
const MAX_PLUGIN_TABLE: u64 = 256 << 20;

/// `PCDATA_StackMapIndex`, `PCDATA_InlTreeIndex`.
pub const PCDATA_STACK_MAP: u32 = 1;
const PCDATA_INLINE: u32 = 2;
/// `FUNCDATA_ArgsPointerMaps`, `LocalsPointerMaps`, `StackObjects`, `InlTree`.
pub const FUNCDATA_ARGS: u32 = 0;
pub const FUNCDATA_LOCALS: u32 = 1;
pub const FUNCDATA_OBJECTS: u32 = 2;
const FUNCDATA_INLINE: u32 = 3;

/// The table of one module.
pub struct FuncTable<'a> {
    data: Cow<'a, [u8]>,
    names: usize,
    cu: usize,
    files: usize,
    pc: usize,
    functions: usize,
    count: usize,
    /// Address of the first instruction in the process.
    pub text: u64,
    /// `moduledata.gofunc` content from its start, and what follows it.
    funcdata: Cow<'a, [u8]>,
    /// Start of the module's read-only data in the process.
    rodata: u64,
}

/// The tables of all modules: the program's first, then those of plugins that could be read.
pub struct Functions<'a> {
    tables: Vec<FuncTable<'a>>,
}

impl<'a> Functions<'a> {
    /// Only the program's own functions.
    pub fn of_program(table: FuncTable<'a>) -> Functions<'a> {
        Functions {
            tables: vec![table],
        }
    }

    /// Adds a plugin's functions.
    pub fn add(&mut self, table: FuncTable<'a>) {
        self.tables.push(table);
    }

    /// The program's own table.
    pub fn program(&self) -> &FuncTable<'a> {
        &self.tables[0]
    }

    /// The function that contains `pc`.
    pub fn find(&'a self, pc: u64) -> Option<Func<'a>> {
        self.tables.iter().find_map(|table| table.find(pc))
    }

    /// All functions, module by module.
    pub fn all(&'a self) -> impl Iterator<Item = Func<'a>> {
        self.tables.iter().flat_map(FuncTable::all)
    }

    /// Source positions of the instruction before a return address, innermost inlined call first.
    pub fn positions(&'a self, pc: u64) -> Vec<Position> {
        self.find(pc)
            .map_or_else(Vec::new, |func| func.positions(pc))
    }
}

/// One function.
#[derive(Clone, Copy)]
pub struct Func<'a> {
    table: &'a FuncTable<'a>,
    at: usize,
    /// First instruction, in the process.
    pub entry: u64,
    /// First instruction after it.
    pub end: u64,
}

/// A source position in a (possibly inlined) function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Full function name.
    pub function: String,
    /// File as the compiler recorded it.
    pub file: String,
    /// Line, 1-based; 0 unknown.
    pub line: u32,
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        data.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        data.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

fn text_at(data: &[u8], at: usize) -> &str {
    let Some(rest) = data.get(at..) else {
        return "";
    };
    let end = rest
        .iter()
        .take(1 << 16)
        .position(|&byte| byte == 0)
        .unwrap_or(0);
    std::str::from_utf8(&rest[..end]).unwrap_or("")
}

impl<'a> FuncTable<'a> {
    /// Opens the table of `exe`. `module`: where it is in the process; `slide`: process addresses minus those of
    /// the file.
    pub fn open(exe: &'a Exe, module: &Module, slide: u64) -> Result<FuncTable<'a>> {
        let section = exe.pclntab_section();
        let Some(data) = section.and_then(|section| exe.section_bytes(section)) else {
            fail!("the executable's function table is missing");
        };
        let gofunc = module.gofunc.wrapping_sub(slide);
        let available = exe
            .sections
            .iter()
            .find(|section| gofunc >= section.address && gofunc < section.address + section.size);
        let funcdata = available
            .and_then(|section| exe.bytes_at(gofunc, section.address + section.size - gofunc))
            .unwrap_or(&[]);
        FuncTable::parse(Cow::Borrowed(data), Cow::Borrowed(funcdata), module)
    }

    /// Reads a plugin's table and function metadata from the process: each to the end of its mapping.
    pub fn of_plugin(image: &Image<'_>, module: &Module) -> Result<FuncTable<'a>> {
        let rest = |address: u64| {
            let end = mapping_at(image.target.mappings(), address)?.end;
            image.bytes(address, (end - address).min(MAX_PLUGIN_TABLE))
        };
        let data = rest(module.functions)
            .ok_or_else(|| Error::new("the plugin's function table cannot be read"))?;
        let funcdata = rest(module.gofunc).unwrap_or_default();
        FuncTable::parse(Cow::Owned(data), Cow::Owned(funcdata), module)
    }

    fn parse(
        data: Cow<'a, [u8]>,
        funcdata: Cow<'a, [u8]>,
        module: &Module,
    ) -> Result<FuncTable<'a>> {
        if u32_at(&data, 0) != Some(MAGIC) || data.get(7) != Some(&8) {
            fail!("the executable's function table has an unknown format (Go older than 1.20?)");
        }
        let field = |at: usize| {
            u64_at(&data, at)
                .and_then(|value| usize::try_from(value).ok())
                .unwrap_or(usize::MAX)
        };
        let count = field(8);
        let functions = field(64);
        let needed = count
            .checked_mul(8)
            .and_then(|size| size.checked_add(functions)?.checked_add(4));
        if needed.is_none_or(|needed| needed > data.len()) {
            fail!("the executable's function table is damaged");
        }
        let (names, cu, files, pc) = (field(32), field(40), field(48), field(56));
        Ok(FuncTable {
            data,
            names,
            cu,
            files,
            pc,
            functions,
            count,
            text: module.text.0,
            funcdata,
            rodata: module.rodata,
        })
    }

    fn entry_offset(&self, index: usize) -> u32 {
        u32_at(&self.data, self.functions + index * 8).unwrap_or(u32::MAX)
    }

    /// The function that contains `pc`.
    pub fn find(&'a self, pc: u64) -> Option<Func<'a>> {
        let offset = u32::try_from(pc.checked_sub(self.text)?).ok()?;
        if self.count == 0
            || offset >= self.entry_offset(self.count)
            || offset < self.entry_offset(0)
        {
            return None;
        }
        let (mut low, mut high) = (0, self.count);
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            if self.entry_offset(middle) <= offset {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.at(low)
    }

    fn at(&'a self, index: usize) -> Option<Func<'a>> {
        let offset = u32_at(&self.data, self.functions + index * 8 + 4)? as usize;
        let at = self.functions.checked_add(offset)?;
        self.data.get(at..at.checked_add(FUNC_HEADER)?)?;
        let entry = self.text + u64::from(self.entry_offset(index));
        Some(Func {
            table: self,
            at,
            entry,
            end: self.text + u64::from(self.entry_offset(index + 1)),
        })
    }

    /// All functions, ascending.
    pub fn all(&'a self) -> impl Iterator<Item = Func<'a>> {
        (0..self.count).filter_map(|index| self.at(index))
    }
}

impl<'a> Func<'a> {
    fn field(&self, offset: usize) -> u32 {
        u32_at(&self.table.data, self.at + offset).unwrap_or(0)
    }

    /// Full name: `main.(*Server).Handle`.
    pub fn name(&self) -> &'a str {
        text_at(
            &self.table.data,
            self.table.names.saturating_add(self.field(4) as usize),
        )
    }

    /// Start of the read-only data of the function's module, in the process.
    pub fn rodata(&self) -> u64 {
        self.table.rodata
    }

    /// Source positions of the instruction before a return address, innermost inlined call first.
    pub fn positions(&self, pc: u64) -> Vec<Position> {
        let mut result = Vec::new();
        let mut pc = pc;
        let tree = self.funcdata(FUNCDATA_INLINE);
        for _ in 0..64 {
            let line = self.value(self.field(24), pc).unwrap_or(0).max(0) as u32;
            let file = self.file(pc).to_string();
            let index = self.pcdata(PCDATA_INLINE, pc).unwrap_or(-1);
            let Some((tree, index)) = tree.zip(usize::try_from(index).ok()) else {
                result.push(Position {
                    function: self.name().to_string(),
                    file,
                    line,
                });
                return result;
            };
            // InlinedCall: funcID u8, pad, nameOff i32, parentPc i32, startLine i32.
            let (Some(name), Some(parent)) =
                (u32_at(tree, index * 16 + 4), u32_at(tree, index * 16 + 8))
            else {
                return result;
            };
            let name = self.table.names.saturating_add(name as usize);
            result.push(Position {
                function: text_at(&self.table.data, name).to_string(),
                file,
                line,
            });
            pc = self.entry + u64::from(parent) + 1;
        }
        result
    }

    /// Bytes of arguments and results passed on the stack (a multiple of 8; negative: unknown).
    pub fn args(&self) -> i32 {
        self.field(8) as i32
    }

    /// Bytes between the stack pointer at `pc` and the return address.
    pub fn sp_delta(&self, pc: u64) -> Option<i32> {
        self.value(self.field(16), pc)
    }

    fn file(&self, pc: u64) -> &'a str {
        let table = self.table;
        let Some(index) = self
            .value(self.field(20), pc)
            .and_then(|value| usize::try_from(value).ok())
        else {
            return "";
        };
        let at = (self.field(32) as usize + index).saturating_mul(4);
        match u32_at(&table.data, table.cu.saturating_add(at)) {
            Some(offset) if offset != u32::MAX => {
                text_at(&table.data, table.files.saturating_add(offset as usize))
            }
            _ => "",
        }
    }

    /// A pcdata value at `pc` (the instruction before a return address is meant: `pc - 1` is looked up).
    pub fn pcdata(&self, table: u32, pc: u64) -> Option<i32> {
        if table >= self.field(28) {
            return None;
        }
        let offset = u32_at(&self.table.data, self.at + FUNC_HEADER + table as usize * 4)?;
        self.value(offset, pc)
    }

    /// The bytes a funcdata entry points at, to the end of the section.
    pub fn funcdata(&self, table: u32) -> Option<&'a [u8]> {
        let count = self.table.data.get(self.at + 43)?;
        if table >= u32::from(*count) {
            return None;
        }
        let at = self.at
            + FUNC_HEADER
            + (self.field(28) as usize)
                .checked_add(table as usize)?
                .checked_mul(4)?;
        match u32_at(&self.table.data, at)? {
            u32::MAX => None,
            offset => self.table.funcdata.get(offset as usize..),
        }
    }

    /// Looks `pc - 1` up in a delta table at `offset` (0: no table).
    fn value(&self, offset: u32, pc: u64) -> Option<i32> {
        if offset == 0 {
            return None;
        }
        let target = pc.checked_sub(1)?.max(self.entry);
        let mut data = self
            .table
            .data
            .get(self.table.pc.checked_add(offset as usize)?..)?;
        let mut value = -1i32;
        let mut at = self.entry;
        let mut first = true;
        loop {
            let delta = varint(&mut data)?;
            if delta == 0 && !first {
                return None;
            }
            first = false;
            value = value.wrapping_add(((delta >> 1) as i32) ^ -((delta & 1) as i32));
            at += u64::from(varint(&mut data)?);
            if target < at {
                return Some(value);
            }
        }
    }
}

fn varint(data: &mut &[u8]) -> Option<u32> {
    let mut result = 0u32;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        result |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Some(result);
        }
    }
    None
}
