//! Builds: from a loaded package graph to an executable.
//!
//! Reading order: [`overlay`] (the embedded `goroot/`), [`frontend`] (parsing and checking a graph in parallel),
//! [`build`] (the whole path to bytes), [`cache`] (results kept), [`codecache`] (machine code of functions kept), `memo` (optimised functions kept), [`verdicts`] (packages known to be without errors),
//! [`godebug`] and [`buildinfo`] (what the binary knows of its build), [`testmain`] (programs of `go test`),
//! [`timings`].
//!
//! Architecture invariant: the only crate that knows all stages; holds no logic of any of them.
#![forbid(unsafe_code)]

pub mod build;
pub mod buildinfo;
pub mod cache;
pub mod codecache;
pub mod frontend;
pub mod godebug;
mod memo;
pub mod overlay;
pub mod testmain;
pub mod timings;
pub mod verdicts;

pub use build::{BuildOptions, build_program, drop_later};
pub use frontend::{CheckRequest, ExtraFiles, Frontend, check_graph};
