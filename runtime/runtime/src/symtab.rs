//! The linker's tables: functions, lines, inlining, handlers.

use abi::module::{CallHandler, FuncEntry, LocEntry, ModuleData, SiteEntry, Table};
use core::sync::atomic::{AtomicPtr, Ordering};

static MODULE: AtomicPtr<ModuleData> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the tables known. Once, at start.
pub fn set_module(module: &'static ModuleData) {
    MODULE.store(
        module as *const ModuleData as *mut ModuleData,
        Ordering::Release,
    );
}

/// The tables.
#[inline]
pub fn module() -> &'static ModuleData {
    // SAFETY: set at start, before anything asks; never changes.
    unsafe { &*MODULE.load(Ordering::Acquire) }
}

/// Whether the tables are known yet.
pub fn is_ready() -> bool {
    !MODULE.load(Ordering::Acquire).is_null()
}

/// A table as a slice.
pub fn slice<T>(table: &'static Table<T>) -> &'static [T] {
    if table.len == 0 {
        return &[];
    }
    // SAFETY: the linker's table.
    unsafe { core::slice::from_raw_parts(table.ptr, table.len) }
}

/// No location.
pub const NO_LOC: u32 = u32::MAX;

/// Whether the address is in compiled Go code.
#[inline]
pub fn is_go(pc: usize) -> bool {
    let module = module();
    module.text <= pc && pc < module.etext
}

/// The function that covers an address; of the runtime's own, only the first byte of those that Go code calls.
pub fn find_func(pc: usize) -> Option<&'static FuncEntry> {
    if !is_ready() {
        return None;
    }
    if !is_go(pc) {
        return find_entry(pc);
    }
    let offset = (pc - module().text) as u32;
    let funcs = slice(&module().funcs);
    let index = funcs
        .partition_point(|func| func.start <= offset)
        .checked_sub(1)?;
    let func = &funcs[index];
    (offset < func.start + func.size.max(1)).then_some(func)
}

/// The function of the runtime that begins at an address, if Go code calls it.
pub fn find_entry(pc: usize) -> Option<&'static FuncEntry> {
    let offset = pc.wrapping_sub(module().text) as u32;
    let near = module().text.abs_diff(pc) < i32::MAX as usize;
    slice(&module().entries)
        .iter()
        .find(|func| near && func.start == offset)
}

/// The function of the runtime that a `call` instruction of Go code before this return address calls.
pub fn called_entry(ret: usize) -> Option<&'static FuncEntry> {
    const CALL: u8 = 0xe8;
    if !is_go(ret.wrapping_sub(5)) {
        return None;
    }
    // SAFETY: five bytes of code before a return address in Go's text.
    let (code, distance) = unsafe {
        let at = (ret - 5) as *const u8;
        (*at, (at.add(1) as *const i32).read_unaligned())
    };
    let target = ret.wrapping_add_signed(distance as isize);
    if code != CALL || is_go(target) {
        return None;
    }
    find_entry(target)
}

/// Entry address.
pub fn entry(func: &FuncEntry) -> usize {
    // Functions of the runtime may come before Go's text.
    module()
        .text
        .wrapping_add_signed(func.start as i32 as isize)
}

/// A string of the table.
pub fn string(offset: u32) -> &'static str {
    let bytes = slice(&module().strings);
    let mut at = offset as usize;
    let Some(len) = uleb(bytes, &mut at) else {
        return "?";
    };
    match bytes.get(at..at + len as usize) {
        // SAFETY: names and paths; printing them does not depend on UTF-8 validity, and `str` is used as bytes only.
        Some(bytes) => unsafe { core::str::from_utf8_unchecked(bytes) },
        None => "?",
    }
}

fn uleb(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= ((byte & 0x7f) as u64) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            return Some(value);
        }
    }
}

fn sleb(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let (mut value, mut shift) = (0i64, 0);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= ((byte & 0x7f) as i64) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            if byte & 0x40 != 0 && shift < 64 {
                value |= -1 << shift;
            }
            return Some(value);
        }
    }
}

/// Index of the location of the instruction at `pc`.
pub fn location_index(pc: usize) -> u32 {
    let Some(func) = find_func(pc).filter(|_| is_go(pc)) else {
        return NO_LOC;
    };
    let bytes = slice(&module().lines);
    let target = (pc - entry(func)) as u64;
    let (mut at, mut offset, mut index) = (func.lines as usize, 0u64, 0i64);
    let mut found = NO_LOC;
    let mut first = true;
    while let (Some(code), Some(delta)) = (uleb(bytes, &mut at), sleb(bytes, &mut at)) {
        if code == 0 && delta == 0 && !first {
            break;
        }
        first = false;
        offset += code;
        index += delta;
        if offset > target {
            break;
        }
        found = index as u32;
    }
    if (found as usize) < module().locs.len {
        found
    } else {
        NO_LOC
    }
}

/// A location with what its body adds to it; the fields are those of [`LocEntry`] and [`SiteEntry`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Location {
    pub file: u32,
    pub line: u32,
    pub func: u32,
    pub parent: u32,
    pub func_line: u32,
}

/// A location.
pub fn location(index: u32) -> Option<Location> {
    let entry: LocEntry = *slice(&module().locs).get(index as usize)?;
    let (line, site) = (entry.line(), entry.site());
    let SiteEntry {
        file,
        func,
        parent,
        func_line,
    } = *slice(&module().sites).get(site as usize)?;
    Some(Location {
        file,
        line,
        func,
        parent,
        func_line,
    })
}

/// Where a frame continues after a recovered panic, by the return address of the call it is in. A frame whose instruction
/// before `ret` faulted continues where its calls do: a recover block takes nothing from registers, so that any call's handler will do.
pub fn handler(ret: usize) -> Option<&'static CallHandler> {
    if !is_go(ret.wrapping_sub(1)) {
        return None;
    }
    let offset = (ret - module().text) as u32;
    let handlers = slice(&module().handlers);
    let next = match handlers.binary_search_by_key(&offset, |handler| handler.ret) {
        Ok(index) => return Some(&handlers[index]),
        Err(next) => next,
    };
    let func = find_func(ret - 1)?;
    let within = |index: usize| {
        let handler = handlers.get(index)?;
        (handler.ret > func.start && handler.ret <= func.start + func.size).then_some(handler)
    };
    next.checked_sub(1)
        .and_then(within)
        .or_else(|| within(next))
}
