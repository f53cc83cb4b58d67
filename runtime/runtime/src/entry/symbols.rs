//! Functions, lines and stacks for Go code.

use super::Pair;
use crate::symtab::{self, NO_LOC};
use crate::traceback::{self, Buffer, Frames, Start};
use abi::module::FuncEntry;
use rt_sched::g::G;
use rt_sched::world;

fn string(offset: u32) -> Pair {
    let text = symtab::string(offset);
    Pair(text.as_ptr() as usize, text.len())
}

fn func(at: usize) -> &'static FuncEntry {
    // SAFETY: Go passes what findfuncRaw returned.
    unsafe { &*(at as *const FuncEntry) }
}

extern "C" fn find_func(pc: usize) -> usize {
    symtab::find_func(pc).map_or(0, |func| func as *const FuncEntry as usize)
}
extern "C" fn func_entry(at: usize) -> usize {
    symtab::entry(func(at))
}
extern "C" fn func_name(at: usize) -> Pair {
    string(func(at).name)
}
extern "C" fn func_file(at: usize) -> Pair {
    string(func(at).file)
}
extern "C" fn func_line(at: usize) -> usize {
    func(at).line() as usize
}
extern "C" fn func_flags(at: usize) -> u32 {
    func(at).flags()
}
extern "C" fn pc_loc(pc: usize) -> u32 {
    symtab::location_index(pc)
}
extern "C" fn loc_file(loc: u32) -> Pair {
    symtab::location(loc).map_or(Pair(0, 0), |loc| string(loc.file))
}
extern "C" fn loc_func(loc: u32) -> Pair {
    symtab::location(loc).map_or(Pair(0, 0), |loc| string(loc.func))
}
extern "C" fn loc_line(loc: u32) -> usize {
    symtab::location(loc).map_or(0, |loc| loc.line as usize)
}
extern "C" fn loc_parent(loc: u32) -> u32 {
    symtab::location(loc).map_or(NO_LOC, |loc| loc.parent)
}
extern "C" fn loc_func_line(loc: u32) -> usize {
    symtab::location(loc).map_or(0, |loc| (loc.func_line >> 1) as usize)
}
extern "C" fn loc_wrapper(loc: u32) -> bool {
    symtab::location(loc).is_some_and(|loc| loc.func_line & 1 != 0)
}
extern "C" fn module_data() -> usize {
    symtab::module() as *const _ as usize
}

/// `abi.FuncPCABI0(f any)` and `abi.FuncPCABIInternal(f any)` of a func value that is not known when compiling.
extern "C" fn func_pc(_: usize, closure: *const usize) -> usize {
    // SAFETY: the data word of an interface with a func value is the closure object, whose first word is the code address.
    unsafe { *closure }
}

extern "C" fn callers(skip: usize, out: *mut usize, count: usize) -> usize {
    let g = G::current();
    if count == 0 {
        return 0;
    }
    // SAFETY: Go's buffer.
    let out = unsafe { core::slice::from_raw_parts_mut(out, count) };
    traceback::callers(Frames::new(Start::of_saved(g)), skip, out)
}

extern "C" fn stack_text(buf: *mut u8, len: usize, all: bool) -> usize {
    let g = G::current();
    let bytes = if len == 0 {
        &mut [][..]
    } else {
        // SAFETY: Go's buffer.
        unsafe { core::slice::from_raw_parts_mut(buf, len) }
    };
    if all {
        world::stop("all goroutines stack trace");
    }
    let mut sink = Buffer::new(bytes);
    // runtime.Stack itself is not shown.
    traceback::print_goroutine(
        &mut sink,
        g,
        Some(Start::of_saved(g).caller_with_registers()),
        false,
    );
    if all {
        traceback::print_others(&mut sink, Some(g), false);
        world::start();
    }
    sink.len()
}

rt_sched::system_stubs! {
    "runtime.callers" => callers: 3;
    "runtime.stackText" => stack_text: 3;
}

rt_sched::leaf_stubs! {
    "runtime.funcNameRaw" => func_name;
    "runtime.funcFileRaw" => func_file;
    "runtime.locFile" => loc_file;
    "runtime.locFunc" => loc_func;
}

rt_sched::jump_stubs! {
    "runtime.findfuncRaw" => find_func;
    "runtime.funcEntryPC" => func_entry;
    "runtime.funcStartLine" => func_line;
    "runtime.funcFlags" => func_flags;
    "runtime.pcLoc" => pc_loc;
    "runtime.locLine" => loc_line;
    "runtime.locParent" => loc_parent;
    "runtime.locFuncLine" => loc_func_line;
    "runtime.locWrapper" => loc_wrapper;
    "runtime.moduledataRaw" => module_data;
    "internal/abi.FuncPCABI0", "internal/abi.FuncPCABIInternal" => func_pc;
}
