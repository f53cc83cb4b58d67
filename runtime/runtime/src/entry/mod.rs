//! Entry points: the symbols that goroot/runtime/stubs.go declares and lists, by area.
//!
//! Each file has the Rust functions with their C signatures and, at its end, the table that gives them their symbols and kinds.

pub(crate) mod bytes;
pub(crate) mod chan;
pub(crate) mod cpu;
pub(crate) mod crypto;
pub(crate) mod debug;
pub(crate) mod gc;
pub(crate) mod goroutine;
pub(crate) mod memory;
pub(crate) mod os;
pub(crate) mod panic;
pub(crate) mod profile;
pub(crate) mod symbols;
pub(crate) mod sync;
pub(crate) mod time;
mod trace;

/// Two result words.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Pair(pub usize, pub usize);

/// A Go string argument or result.
pub fn go_str(data: *const u8, len: usize) -> &'static [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: a Go string: valid while its owner waits for us.
    unsafe { core::slice::from_raw_parts(data, len) }
}

/// The same as `str`, for messages: invalid UTF-8 is printed as it is.
pub fn go_text(data: *const u8, len: usize) -> &'static str {
    // SAFETY: only ever written out as bytes.
    unsafe { core::str::from_utf8_unchecked(go_str(data, len)) }
}
