//! MIR: functions in SSA form with Go types, and the program they make up.
//!
//! Reading order: [`types`] (concrete Go types and their layout), [`ir`] (functions), [`program`]
//! (everything that becomes the executable), [`builder`] (SSA construction), [`print`] (text form), [`verify`].
//!
//! Architecture invariant: knows neither syntax trees nor Cranelift. All types are concrete: generics are
//! gone, identical types have equal ids.
#![forbid(unsafe_code)]

pub mod builder;
pub mod ir;
pub mod print;
pub mod program;
pub mod types;
pub mod verify;

pub use builder::FuncBuilder;
pub use ir::*;
pub use program::*;
pub use types::*;
