//! Walking goroutine stacks by frame pointers; goroutine dumps in gc's format.

use crate::arguments;
use crate::callbacks;
use crate::symtab::{self, NO_LOC};
use abi::module::{FuncEntry, frame, func_flags};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use rt_sched::g::{G, Status};
use rt_sched::m::M;
use rt_sched::sched::SCHED;
use rt_sched::stack;

/// Where a walk begins: a code address (return address unless `exact`) and the rbp of its frame.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Code address.
    pub pc: usize,
    /// Frame pointer of the function that `pc` is in.
    pub fp: usize,
    /// `pc` is an instruction that faulted, not a return address.
    pub exact: bool,
    /// Where the preserved registers of the frame are; 0: not known.
    pub registers: Registers,
}

/// Addresses of the saved rbx, r12, r13, r14.
pub type Registers = [usize; frame::REGISTERS];

impl Start {
    /// Where a goroutine that is inside a system function called it; nowhere if it has not run yet.
    pub fn of_saved(g: &G) -> Start {
        let stub = g.sched_bp.get();
        if stub == 0 {
            return Start {
                pc: 0,
                fp: 0,
                exact: false,
                registers: [0; _],
            };
        }
        // SAFETY: the stub's frame is live while the goroutine is at rest: [rbp] is the Go caller's rbp.
        let fp = unsafe { *(stub as *const usize) };
        Start {
            pc: stack::return_of_saved(g),
            fp,
            exact: false,
            registers: rt_sched::world::saved_registers(g),
        }
    }
}

impl Start {
    /// The caller's frame, without its registers.
    pub fn caller(self) -> Start {
        if self.fp == 0 {
            return self;
        }
        // SAFETY: a live frame of a goroutine at rest.
        let (pc, fp) = unsafe { (stack::frame_return(self.fp), *(self.fp as *const usize)) };
        Start {
            pc,
            fp,
            exact: false,
            registers: [0; _],
        }
    }
}

impl Start {
    /// The caller's frame with its registers.
    pub fn caller_with_registers(self) -> Start {
        Start {
            registers: self.caller_registers(),
            ..self.caller()
        }
    }

    /// Where the caller's registers are: where this function saved those that it uses, else where they were.
    fn caller_registers(self) -> Registers {
        let lookup = self.pc.wrapping_sub(!self.exact as usize);
        let frames = symtab::slice(&symtab::module().frames);
        let header = symtab::find_func(lookup)
            .filter(|func| symtab::is_go(lookup) && func.frame != frame::NONE)
            .and_then(|func| frames.get(func.frame as usize));
        let Some(saved) = header.filter(|header| *header & frame::UNCLEAR == 0) else {
            return [0; _];
        };
        let saved = saved & 0xf;
        let mut place = self.fp - frame::saved_bytes(saved.count_ones()) as usize;
        let mut registers = self.registers;
        for (bit, register) in registers.iter_mut().enumerate() {
            if saved >> bit & 1 != 0 {
                *register = place;
                place += 8;
            }
        }
        registers
    }
}

/// Frames of a goroutine, innermost first.
pub struct Frames {
    next: Option<Start>,
    left: usize,
    /// The frame that stands for the end of the goroutine has not been delivered.
    end: bool,
    /// The frame before was a panic's that began with a fault.
    faulted: bool,
    /// Find out where registers are: it takes a look at the tables for each frame.
    registers: bool,
}

/// A physical frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Address within the call or faulting instruction.
    pub lookup: usize,
    /// Return address (fault address for an exact start).
    pub pc: usize,
    /// Frame pointer; 0 if there is no frame.
    pub fp: usize,
    /// Where the preserved registers of the frame are; 0: not known.
    pub registers: Registers,
    /// The code was left in a way that may have changed registers, or anywhere.
    pub loose: bool,
}

impl Frame {
    /// A place in code without a frame.
    fn at_call(pc: usize) -> Frame {
        Frame {
            lookup: pc - 1,
            pc,
            fp: 0,
            registers: [0; _],
            loose: true,
        }
    }
}

impl Frames {
    /// From here outwards.
    pub fn new(start: Start) -> Frames {
        Frames {
            next: Some(start),
            left: 1 << 24,
            end: start.pc != 0,
            faulted: false,
            registers: false,
        }
    }

    /// Of a goroutine that is inside a system function, parked, runnable or in a system call; the caller makes sure that it
    /// stays so.
    pub fn of(g: &G) -> Frames {
        let start = match g.status() {
            Status::Dead | Status::Idle => None,
            Status::Syscall => Some(Start {
                pc: g.syscall_pc.get(),
                fp: g.syscall_bp.get(),
                exact: false,
                registers: [0; _],
            }),
            // Not started yet: the entry of its function, which is the func value's first word.
            _ if g.sched_bp.get() == 0 && g.start_fn.get() != 0 => Some(Start {
                // SAFETY: a func value that the G keeps.
                pc: unsafe { *(g.start_fn.get() as *const usize) },
                fp: 0,
                exact: true,
                registers: [0; _],
            }),
            _ if g.sched_bp.get() == 0 => None,
            _ => Some(Start::of_saved(g)),
        };
        Frames {
            next: start,
            left: 1 << 24,
            end: start.is_some(),
            faulted: false,
            registers: false,
        }
    }
}

impl Iterator for Frames {
    type Item = Frame;
    /// The next frame of Go code; assembly stubs in between are skipped. After the goroutine's first function comes `runtime.goexit`.
    fn next(&mut self) -> Option<Frame> {
        loop {
            let Some(start) = self.next.take() else {
                let goexit = callbacks::address(callbacks::GOEXIT);
                let end = core::mem::take(&mut self.end) && goexit != 0;
                return end.then_some(Frame {
                    lookup: goexit,
                    pc: goexit + 1,
                    fp: 0,
                    registers: [0; _],
                    loose: true,
                });
            };
            if self.left == 0 {
                return None;
            }
            self.left -= 1;
            if start.fp != 0 {
                // The chain ends with 0 in the first frame. What a fault left in registers is not certain further out either.
                let known = if self.faulted {
                    [0; _]
                } else {
                    start.registers
                };
                let start = Start {
                    registers: known,
                    ..start
                };
                self.next = Some(match self.registers {
                    true => start.caller_with_registers(),
                    false => start.caller(),
                });
            }
            let lookup = if start.exact {
                start.pc
            } else {
                start.pc.wrapping_sub(1)
            };
            if symtab::is_go(lookup) {
                let fault = self.registers && is_sigpanic(lookup);
                let loose = core::mem::replace(&mut self.faulted, fault);
                return Some(Frame {
                    lookup,
                    pc: start.pc,
                    fp: start.fp,
                    registers: start.registers,
                    loose: loose || start.exact,
                });
            }
        }
    }
}

/// Whether an address is in the function that faults call.
fn is_sigpanic(lookup: usize) -> bool {
    let sigpanic = callbacks::address(callbacks::SIGPANIC);
    sigpanic != 0 && symtab::find_func(lookup).is_some_and(|func| symtab::entry(func) == sigpanic)
}

/// Whether headers show the goroutine's profiler labels (GODEBUG=tracebacklabels).
pub static LABELS: AtomicBool = AtomicBool::new(true);
/// GOTRACEBACK: 0 none, 1 single, 2 all, 3 system, 4 crash.
pub static LEVEL: AtomicU32 = AtomicU32::new(1);
/// Descriptor of `debug.SetCrashOutput`, -1 for none.
pub static CRASH_FD: AtomicI32 = AtomicI32::new(-1);

/// Applies a GOTRACEBACK value.
pub fn set_level(text: &[u8]) {
    let level = match text {
        b"none" => 0,
        b"single" | b"" => 1,
        b"all" => 2,
        b"system" => 3,
        b"crash" | b"wer" => 4,
        digits => match core::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse::<u32>().ok())
        {
            Some(number) => number.min(3),
            None => 2,
        },
    };
    LEVEL.store(level, Ordering::Relaxed);
}

/// Where dumps go.
pub trait Sink {
    /// Appends.
    fn put(&mut self, bytes: &[u8]);
}

/// Standard error, and the crash output if there is one.
pub struct Stderr;

impl Sink for Stderr {
    fn put(&mut self, bytes: &[u8]) {
        let _ = rt_os::poll::write_all(2, bytes);
        let crash = CRASH_FD.load(Ordering::Relaxed);
        if crash >= 0 {
            let _ = rt_os::poll::write_all(crash, bytes);
        }
    }
}

/// A byte buffer; what does not fit is dropped.
pub struct Buffer<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Buffer<'a> {
    /// Empty.
    pub fn new(bytes: &'a mut [u8]) -> Buffer<'a> {
        Buffer { bytes, len: 0 }
    }
    /// Bytes written.
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Sink for Buffer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.bytes.len() - self.len);
        self.bytes[self.len..self.len + count].copy_from_slice(&bytes[..count]);
        self.len += count;
    }
}

/// Collects pieces of a line so that they leave in one write.
pub struct Line<'a> {
    sink: &'a mut dyn Sink,
    buf: [u8; 512],
    len: usize,
}

impl<'a> Line<'a> {
    /// Writes to this sink.
    pub fn new(sink: &'a mut dyn Sink) -> Line<'a> {
        Line {
            sink,
            buf: [0; 512],
            len: 0,
        }
    }
    fn flush(&mut self) {
        self.sink.put(&self.buf[..self.len]);
        self.len = 0;
    }
}

impl Write for Line<'_> {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        let mut bytes = s.as_bytes();
        while !bytes.is_empty() {
            if self.len == self.buf.len() {
                self.flush();
            }
            let count = bytes.len().min(self.buf.len() - self.len);
            self.buf[self.len..self.len + count].copy_from_slice(&bytes[..count]);
            self.len += count;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A frame as printed: a function, perhaps inlined, at a place.
struct Logical {
    name: &'static str,
    file: &'static str,
    line: u32,
    inlined: bool,
    runtime: bool,
    wrapper: bool,
    no_params: bool,
    /// Offset of the return address in the function.
    offset: usize,
    /// Of a function that is not inlined.
    func: Option<&'static FuncEntry>,
}

/// Calls `visit` for the function at an address and everything it is inlined into, innermost first.
fn expand(frame: &Frame, mut visit: impl FnMut(Logical)) {
    let Some(func) = symtab::find_func(frame.lookup) else {
        return;
    };
    let offset = frame.pc - symtab::entry(func);
    let flags = func.flags();
    let mut index = symtab::location_index(frame.lookup);
    if index == NO_LOC {
        visit(Logical {
            name: symtab::string(func.name),
            file: symtab::string(func.file),
            line: func.line(),
            inlined: false,
            runtime: flags & func_flags::RUNTIME != 0,
            wrapper: flags & func_flags::WRAPPER != 0,
            no_params: flags & func_flags::NO_PARAMS != 0,
            offset,
            func: Some(func),
        });
        return;
    }
    while let Some(loc) = symtab::location(index) {
        let outermost = loc.parent == NO_LOC;
        let name = symtab::string(if outermost { func.name } else { loc.func });
        visit(Logical {
            name,
            file: symtab::string(loc.file),
            line: loc.line,
            inlined: !outermost,
            // By name too: other packages of std define functions of package runtime.
            runtime: outermost && flags & func_flags::RUNTIME != 0 || is_runtime_name(name),
            wrapper: if outermost {
                flags & func_flags::WRAPPER != 0
            } else {
                loc.func_line & 1 != 0
            },
            no_params: outermost && flags & func_flags::NO_PARAMS != 0,
            offset,
            func: outermost.then_some(func),
        });
        if outermost {
            break;
        }
        index = loc.parent;
    }
}

/// What the trace wants to know of a return address; see [`rt_sched::hooks::Hooks::trace_frames`].
pub fn trace_frames(pc: usize, visit: &mut dyn FnMut(u64, &'static str, &'static str, u32)) {
    let mut depth = 0;
    expand(&Frame::at_call(pc), |logical| {
        if !logical.wrapper {
            visit(
                pc as u64 | depth << 56,
                logical.name,
                logical.file,
                logical.line,
            );
        }
        depth += 1;
    });
}

/// The return addresses of a goroutine's stack; see [`rt_sched::hooks::Hooks::trace_stack`].
pub fn trace_stack(g: &'static G, here: bool, out: &mut [usize]) -> usize {
    let frames = if here {
        Frames::new(Start::of_saved(g))
    } else {
        Frames::of(g)
    };
    // The frame that stands for a goroutine's end is not part of the stack in traces.
    let end = callbacks::address(callbacks::GOEXIT) + 1;
    let count = callers(frames, 0, out);
    if count > 0 && out[count - 1] == end {
        count - 1
    } else {
        count
    }
}

fn is_runtime_name(name: &str) -> bool {
    name.starts_with("runtime.") || name.starts_with("internal/runtime/")
}

/// Exported functions of package runtime are shown in tracebacks.
fn is_exported_runtime(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("runtime.") else {
        return false;
    };
    let rest = rest.strip_prefix("(*").unwrap_or(rest);
    rest.bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_uppercase())
}

/// Frames printed at each end of a long stack.
const INNER: usize = 50;
const OUTER: usize = 50;

fn print_frames(sink: &mut dyn Sink, g: &G, frames: impl Fn() -> Frames, show_runtime: bool) {
    let frames = || Frames {
        registers: true,
        ..frames()
    };
    // First pass: how many there are.
    let mut total = 0;
    walk_shown(frames(), show_runtime, |_, _| total += 1);
    let mut number = 0;
    let system = LEVEL.load(Ordering::Relaxed) >= 3;
    // Where the frame that was printed last ended.
    let mut below = 0;
    walk_shown(frames(), show_runtime, |physical, frame| {
        number += 1;
        if total > INNER + OUTER && number > INNER && number <= total - OUTER {
            if number == INNER + 1 {
                let _ = writeln!(
                    Line::new(sink),
                    "...{} frames elided...",
                    total - INNER - OUTER
                );
            }
            return;
        }
        let is_panic = frame.name == "runtime.gopanic";
        let mut line = Line::new(sink);
        let _ = line.write_str(if is_panic { "panic" } else { frame.name });
        let value = match is_panic {
            true => arguments::print_panic(&mut line, g, physical),
            false => None,
        };
        let _ = match frame.func {
            _ if value.is_some() => Ok(()),
            _ if frame.no_params => line.write_str("()"),
            Some(func) => arguments::print(&mut line, g, physical, func),
            None => line.write_str("(...)"),
        };
        let _ = write!(line, "\n\t{}:{}", frame.file, frame.line);
        if !frame.inlined {
            let _ = write!(line, " +{:#x}", frame.offset);
            if system && physical.fp != 0 {
                // As the ABI counts: a frame ends with the return address.
                let end = physical.fp + 16;
                let start = if below != 0 { below } else { physical.fp };
                let _ = write!(line, " fp={end:#x} sp={start:#x}");
                below = end;
            }
            if system {
                let _ = write!(line, " pc={:#x}", physical.pc);
            }
        }
        let _ = line.write_str("\n");
    });
}

fn walk_shown(frames: Frames, show_runtime: bool, mut visit: impl FnMut(&Frame, &Logical)) {
    let mut seen_user = false;
    let mut callee_panics = false;
    for frame in frames {
        expand(&frame, |logical| {
            // A wrapper that panics itself is where it happened.
            let hidden = logical.wrapper && !callee_panics;
            callee_panics = matches!(
                logical.name,
                "runtime.gopanic" | "runtime.sigpanic" | "runtime.panicwrap"
            );
            let shown = show_runtime
                || (!hidden && (!logical.runtime || is_exported_runtime(logical.name)))
                || (logical.name == "runtime.gopanic" && seen_user);
            // The report of a panic begins with the call of panic.
            if shown && logical.name != "runtime.dieOfPanic" {
                seen_user = true;
                visit(&frame, &logical);
            }
        });
    }
}

/// `goroutine N [state]:` line.
fn print_header(sink: &mut dyn Sink, g: &G, running_here: bool) {
    let mut line = Line::new(sink);
    let _ = write!(line, "goroutine {} [", g.goid.get());
    let _ = match g.status() {
        _ if running_here => line.write_str("running"),
        Status::Idle => line.write_str("idle"),
        Status::Runnable => line.write_str("runnable"),
        Status::Running => line.write_str("running"),
        Status::Syscall => line.write_str("syscall"),
        Status::Waiting => line.write_str(g.reason().text()),
        Status::Dead => line.write_str("dead"),
    };
    if g.leaked.load(Ordering::Relaxed) {
        let _ = line.write_str(" (leaked)");
    }
    let since = g.wait_since.get();
    if matches!(g.status(), Status::Waiting | Status::Syscall) && since != 0 {
        let minutes = (rt_os::time::nanotime() - since) / 60_000_000_000;
        if minutes >= 1 {
            let _ = write!(line, ", {minutes} minutes");
        }
    }
    if !g.locked_m.get().is_null() {
        let _ = line.write_str(", locked to thread");
    }
    let _ = line.write_str("]");
    if LABELS.load(Ordering::Relaxed) {
        print_labels(&mut line, g);
    }
    let _ = line.write_str(":\n");
}

/// ` {key: value, ...}` for the labels that runtime/pprof has set: a slice of pairs of strings, sorted by key.
fn print_labels(line: &mut Line<'_>, g: &G) {
    let labels = g.labels.load(Ordering::Relaxed) as *const [usize; 3];
    if labels.is_null() {
        return;
    }
    // SAFETY: the G keeps the object, which does not change once it is set.
    let [list, len, _] = unsafe { *labels };
    if len == 0 {
        return;
    }
    // SAFETY: the slice's array.
    let pairs = unsafe { core::slice::from_raw_parts(list as *const [usize; 4], len) };
    let _ = line.write_str(" {");
    for (n, &[key, key_len, value, value_len]) in pairs.iter().enumerate() {
        let _ = line.write_str(if n > 0 { ", " } else { "" });
        for (text, len, after) in [(key, key_len, ": "), (value, value_len, "")] {
            let text = match len {
                0 => &[][..],
                // SAFETY: a Go string.
                len => unsafe { core::slice::from_raw_parts(text as *const u8, len) },
            };
            print_label(line, text);
            let _ = line.write_str(after);
        }
    }
    let _ = line.write_str("}");
}

/// A key or value, in quotes with escapes unless it is of letters, digits and `./_`.
fn print_label(line: &mut Line<'_>, text: &[u8]) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"./_".contains(byte);
    if text.iter().all(plain) {
        let _ = line.write_str(core::str::from_utf8(text).unwrap_or_default());
        return;
    }
    let _ = line.write_str("\"");
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let _ = match c {
                '"' => line.write_str("\\\""),
                '\\' => line.write_str("\\\\"),
                '\n' => line.write_str("\\n"),
                '\r' => line.write_str("\\r"),
                '\t' => line.write_str("\\t"),
                '\0'..' ' => write!(line, "\\x{:02x}", c as u32),
                ' '..='~' => line.write_char(c),
                '\u{7f}'..='\u{ffff}' => write!(line, "\\u{:04x}", c as u32),
                _ => write!(line, "\\U{:08x}", c as u32),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
    let _ = line.write_str("\"");
}

fn print_creator(sink: &mut dyn Sink, g: &G) {
    let pc = g.created_by.get();
    if pc == 0 || g.goid.get() == 1 {
        return;
    }
    let frame = Frame::at_call(pc);
    let mut done = false;
    expand(&frame, |logical| {
        if done || logical.wrapper {
            return;
        }
        done = true;
        let mut line = Line::new(sink);
        let _ = write!(line, "created by {}", logical.name);
        if g.parent.get() != 0 {
            let _ = write!(line, " in goroutine {}", g.parent.get());
        }
        let _ = write!(line, "\n\t{}:{}", logical.file, logical.line);
        if !logical.inlined {
            let _ = write!(line, " +{:#x}", logical.offset);
        }
        let _ = line.write_str("\n");
    });
}

/// One goroutine: header, frames, creator. `start`: from here instead of from its saved context.
pub fn print_goroutine(sink: &mut dyn Sink, g: &G, start: Option<Start>, show_runtime: bool) {
    let here = start.is_some();
    print_header(sink, g, here);
    if !here && g.status() == Status::Running && !core::ptr::eq(g.m.get(), M::current()) {
        sink.put(b"\tgoroutine running on other thread; stack unavailable\n");
    } else {
        print_frames(
            sink,
            g,
            || match start {
                Some(start) => Frames::new(start),
                None => Frames::of(g),
            },
            show_runtime,
        );
    }
    print_creator(sink, g);
}

/// All goroutines but `except`, by id as far as that is cheap: in order of creation of their descriptors.
pub fn print_others(sink: &mut dyn Sink, except: Option<&G>, show_runtime: bool) {
    // Descriptors are listed newest first; print oldest first.
    let mut last_printed = 0u64;
    loop {
        let mut next: Option<&'static G> = None;
        for g in SCHED.all_gs() {
            let id = g.goid.get();
            if id > last_printed
                && !matches!(g.status(), Status::Dead | Status::Idle)
                && (show_runtime || !g.system.get())
                && except.is_none_or(|except| !core::ptr::eq(except, g))
                && next.is_none_or(|next| id < next.goid.get())
            {
                next = Some(g);
            }
        }
        let Some(g) = next else { return };
        last_printed = g.goid.get();
        sink.put(b"\n");
        print_goroutine(sink, g, None, show_runtime);
    }
}

/// Puts the function of the runtime that the innermost frame has called in front of a stack of return addresses: its entry plus 1, as
/// if that were one. Returns the new length.
pub fn prepend_entry(pcs: &mut [usize], count: usize) -> usize {
    let Some(entry) = pcs[..count]
        .first()
        .and_then(|pc| symtab::called_entry(*pc))
    else {
        return count;
    };
    let count = (count + 1).min(pcs.len());
    pcs.copy_within(..count - 1, 1);
    pcs[0] = symtab::entry(entry) + 1;
    count
}

/// The physical return addresses of a stack.
pub fn callers(frames: Frames, skip: usize, out: &mut [usize]) -> usize {
    let mut count = 0;
    for (slot, frame) in out.iter_mut().zip(frames.skip(skip)) {
        *slot = frame.pc;
        count += 1;
    }
    count
}
