//! Source files, positions, and all IO of the toolchain.
//!
//! Reading order: [`map`] (files and positions), [`system`] (the outside world).
//!
//! Architecture invariant: knows no Go syntax.
#![forbid(unsafe_code)]

pub mod map;
pub mod system;

pub use map::{FileId, LineDirective, Location, Pos, SourceFile, SourceMap, Span};
