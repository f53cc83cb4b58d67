//! The linker: chunks of bytes with relocations in, a static ELF executable out.
//!
//! Reading order: [`object`] (the input), [`archive`] (reads the runtime's static library into the same
//! form), [`layout`] (liveness, addresses), [`elf`] (writes the file).
//!
//! Architecture invariant: knows neither MIR nor Cranelift; everything arrives as bytes and symbols.
#![forbid(unsafe_code)]

pub mod archive;
pub mod elf;
pub mod layout;
pub mod object;

pub use object::{Chunk, ChunkId, Object, Reloc, RelocKind, Section, SymbolId};

/// An error of linking: always names the symbol or file it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError(pub String);

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for LinkError {}

/// The runtime as a static library, compiled into this crate.
pub static RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libruntime.a"));

/// Links an object into an executable image.
///
/// # Errors
/// Undefined or doubly defined symbols, relocations out of range.
pub fn link(object: &Object, entry: &str, options: &Options) -> Result<Vec<u8>, LinkError> {
    let layout = layout::Layout::compute(object, entry)?;
    elf::write(object, &layout, options)
}

/// What the output contains beside the program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Leave out the symbol table (`-s`).
    pub strip: bool,
}
