//! The type checker: packages of syntax trees in, tables of types, objects and constants out.
//!
//! Reading order: [`model`] (types, objects, the store they live in), [`typed`] (what checking a
//! package yields), then the checker's modules.
//!
//! Vocabulary is go/types': object, scope, named type, underlying type, type set, selection, instance.
//!
//! Architecture invariant: no IO, no knowledge of MIR; packages arrive parsed, dependencies first.
#![forbid(unsafe_code)]

pub mod constant;
pub mod model;
pub mod typed;

pub use model::*;
pub use typed::*;
