//! MIR: functions in SSA form with Go types, and the program they make up.
//!
//! Reading order: [`types`] (concrete Go types and their layout), [`ir`] (functions), [`program`]
//! (everything that becomes the executable), [`builder`] (SSA construction), [`print`](mod@print) and [`parse`](mod@parse) (text form), [`verify`],
//! [`callgraph`] and [`fingerprint`] (what earlier builds can be asked for).
//!
//! Architecture invariant: knows neither syntax trees nor Cranelift. All types are concrete: generics are
//! gone, identical types have equal ids.
#![forbid(unsafe_code)]

pub mod builder;
pub mod callgraph;
pub mod fingerprint;
pub mod ir;
pub mod parse;
pub mod print;
pub mod program;
mod text;
pub mod types;
pub mod verify;

pub use builder::FuncBuilder;
pub use ir::*;
pub use parse::{ParseError, parse, parse_into};
pub use program::*;
pub use types::*;
