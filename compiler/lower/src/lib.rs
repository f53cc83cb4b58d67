//! From typed packages to MIR: the whole program, on demand from its roots.
//!
//! Reading order: [`input`] (what comes in), [`cx`] (state of the whole lowering and the work list), [`tyconv`] and
//! [`lookup`] (concrete types, fields, method sets), [`symbols`] (link names, `//go:linkname`), [`analysis`]
//! (variables of a function before it is lowered), [`func`] (one function being lowered), then by
//! topic: [`vars`], [`expr`], [`ops`], [`compare`], [`convert`], [`consts`], [`call`], [`builtin`],
//! [`maps`], [`complit`], [`statics`], [`closure`], [`stmt`], [`assign`], [`switch`], [`select`], [`range`],
//! [`rangefunc`], [`defer`], [`intrinsics`], [`wrappers`], [`alg`], [`typeinfo`] (descriptors and
//! reachability of methods), [`init`] (package initialisation).
//!
//! Every generic function is lowered once per list of type arguments; nothing generic is left in MIR. A function is
//! lowered when something that is itself reachable mentions it. Methods become reachable by being called, or, for types
//! that end up in interfaces, when a method of that name is called through an interface or by reflection.
//!
//! Architecture invariant: no IO; knows syntax, types and MIR, nothing of machine code.
#![forbid(unsafe_code)]

pub(crate) mod alg;
pub(crate) mod analysis;
pub(crate) mod assign;
pub(crate) mod builtin;
pub(crate) mod call;
pub(crate) mod closure;
pub(crate) mod compare;
pub(crate) mod complit;
pub(crate) mod consts;
pub(crate) mod convert;
pub(crate) mod cx;
pub(crate) mod defer;
pub(crate) mod expr;
pub(crate) mod func;
pub(crate) mod init;
pub mod input;
pub(crate) mod intrinsics;
pub(crate) mod lookup;
pub(crate) mod maps;
pub(crate) mod ops;
pub(crate) mod range;
pub(crate) mod rangefunc;
pub(crate) mod select;
pub(crate) mod statics;
pub(crate) mod stmt;
pub(crate) mod switch;
pub(crate) mod symbols;
pub(crate) mod tyconv;
pub(crate) mod typeinfo;
pub(crate) mod vars;
pub(crate) mod wrappers;

pub use input::{EmbedFile, InputPackage, LowerInput, PackageMeta};

use diagnostics::Diagnostic;

/// Lowers the program whose packages are given. Errors are things that type checking cannot see: infinite
/// instantiation, a missing `main`, functions that the runtime overlay lacks.
pub fn lower_program(input: LowerInput<'_>) -> Result<mir::Program, Vec<Diagnostic>> {
    // Expressions nest as deep as the source does; the parser bounds that depth, this stack holds it.
    let mut program = stacker::grow(STACK_BYTES, || cx::Cx::new(&input).run())?;
    mir::callgraph::mark_chains(&mut program);
    Ok(program)
}

/// Enough for the nesting that the parser admits.
const STACK_BYTES: usize = 1 << 29;
