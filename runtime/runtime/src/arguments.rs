//! Arguments in tracebacks: values of parameters, as far as the frame still has them.
//!
//! `args` ([`abi::module::args`]) says where a parameter is at each call; nothing is stored for it. A parameter that no place holds is `_`.
//! A value that may have changed since the call has a `?` behind it.

use crate::stackscan::{DEAD, DEAD_SLOTS};
use crate::symtab;
use crate::traceback::Frame;
use abi::module::{FuncEntry, args};
use core::fmt::{Result, Write};
use core::sync::atomic::Ordering;
use rt_sched::g::G;
use rt_sched::stack;

/// `(0x1, {0x2, 0x3}, _, ...)` of the function that a frame belongs to.
pub fn print(out: &mut dyn Write, g: &G, frame: &Frame, func: &FuncEntry) -> Result {
    let Some(record) = Record::of(frame, func) else {
        return out.write_str("(...)");
    };
    out.write_str("(")?;
    let mut at = record.shape;
    let mut first = true;
    loop {
        let byte = record.bytes.get(at).copied().unwrap_or(args::END);
        at += 1;
        if byte == args::END {
            break;
        }
        if byte == args::CLOSE {
            out.write_str("}")?;
            first = false;
            continue;
        }
        if !first {
            out.write_str(", ")?;
        }
        first = byte == args::OPEN;
        match byte {
            args::OPEN => out.write_str("{")?,
            args::MORE => out.write_str("...")?,
            _ => {
                let (param, kind, size) = (byte >> 4, byte >> 2 & 3, byte & 3);
                let offset = match kind {
                    args::POINTED | args::COPY => number(record.bytes, &mut at).unwrap_or(0),
                    _ => 0,
                };
                let word = record.word(g, frame, param, kind, offset as usize);
                let Some(word) = word else {
                    out.write_str("_")?;
                    continue;
                };
                let bits = 8 << size;
                write!(out, "{:#x}", word & (u64::MAX >> (64 - bits)))?;
                if kind == args::COPY || frame.loose && record.in_register(param) {
                    out.write_str("?")?;
                }
            }
        }
    }
    out.write_str(")")
}

/// The value of a panic in progress, `({0x1?, 0x2?})`: the call's own parameter is gone, but the record of the panic has it.
/// Without a record for this frame nothing is written and the result is `None`.
pub fn print_panic(out: &mut dyn Write, g: &G, frame: &Frame) -> Option<Result> {
    /// How many panics within each other are looked at.
    const MOST: usize = 1000;
    let mut record = g.panic.get();
    for _ in 0..MOST {
        if record == 0 || frame.fp == 0 {
            return None;
        }
        // SAFETY: a `_panic` of package runtime, which begins with these four words; G and the records before it keep it alive, and
        // the goroutine that could take it off the list is at rest.
        let [ty, data, link, fp] = unsafe { (record as *const [usize; 4]).read_volatile() };
        if fp == frame.fp {
            return Some(write!(out, "({{{ty:#x}?, {data:#x}?}})"));
        }
        record = link;
    }
    None
}

/// What is known of a function's parameters at a place in its code.
struct Record {
    bytes: &'static [u8],
    /// Where the shape begins.
    shape: usize,
    /// Places, 0 where a parameter is not to be found here.
    places: [u32; args::PARAMS],
}

impl Record {
    fn of(frame: &Frame, func: &FuncEntry) -> Option<Record> {
        let bytes = symtab::slice(&symtab::module().args);
        let mut at = func.args as usize;
        let shape = number(bytes, &mut at)? as usize;
        let mut places = [0; args::PARAMS];
        let count = number(bytes, &mut at)? as usize;
        if count == 0 {
            return Some(Record {
                bytes,
                shape,
                places,
            });
        }
        for place in places.get_mut(..count)? {
            *place = number(bytes, &mut at)? as u32;
        }
        let offset = (frame.lookup - symtab::entry(func)) as u64;
        let (mut start, mut mask) = (0, 0);
        for _ in 0..number(bytes, &mut at)? {
            start += number(bytes, &mut at)?;
            let next = number(bytes, &mut at)?;
            if start > offset {
                break;
            }
            mask = next;
        }
        for place in places.iter_mut().filter(|place| **place != 0) {
            if mask & 1 == 0 {
                *place = 0;
            }
            mask >>= 1;
        }
        Some(Record {
            bytes,
            shape,
            places,
        })
    }

    fn in_register(&self, param: u8) -> bool {
        let place = self.places.get(param as usize).copied().unwrap_or(0) as usize;
        (1..=args::REGISTERS).contains(&place)
    }

    /// The value of a parameter, or what it points to.
    fn word(&self, g: &G, frame: &Frame, param: u8, kind: u8, offset: usize) -> Option<u64> {
        let place = self.places.get(param as usize).copied()? as usize;
        if place == 0 || frame.fp == 0 || kind == args::UNKNOWN {
            return None;
        }
        let at = match place.checked_sub(args::REGISTERS) {
            None | Some(0) => *frame.registers.get(place - 1)?,
            Some(words) => frame.fp - words * 8,
        };
        if at == 0 {
            return None;
        }
        // SAFETY: a word of a frame of a goroutine at rest, or where the walk found a saved register.
        let word = unsafe { (at as *const u64).read_volatile() };
        if word == DEAD as u64 && DEAD_SLOTS.load(Ordering::Relaxed) {
            return None;
        }
        if kind == args::DIRECT {
            return Some(word);
        }
        // Behind what may be wrong nothing is read.
        let pointed = (word as usize).checked_add(offset)?;
        if frame.loose && self.in_register(param) || !stack::on_stack(g, pointed) {
            return None;
        }
        // SAFETY: within the goroutine's stack, on which its caller made the copy; the value may be narrower and end where the
        // word does not, so never beyond the segment, whose header follows.
        Some(unsafe { (pointed as *const u64).read_unaligned() })
    }
}

fn number(bytes: &[u8], at: &mut usize) -> Option<u64> {
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
