//! Processes and core files of Go programs: stopping them safely, and turning what their memory holds into
//! a [`diagnose`] snapshot.
//!
//! Reading order: [`target`] (what a frozen process is), [`live`] and [`inject`] (how a live one is frozen),
//! [`core_file`]; [`runtime`] and [`layout`] (where the runtime's variables and fields are), [`heap`], [`edges`],
//! [`roots`] and [`goroutines`] (what is there), [`types`], [`label`], [`channels`] and [`maps`] (what it is);
//! [`session`] (all of it in order).
//!
//! Architecture invariant: `unsafe` lives in [`sys`] only, one system call per function.

#[macro_use]
pub mod error;
pub mod anchors;
pub mod channels;
pub mod code_scan;
pub mod core_file;
pub mod dwarf;
pub mod edges;
pub mod exe;
pub mod goroutines;
pub mod heap;
pub mod image;
pub mod inject;
pub mod label;
pub mod layout;
pub mod live;
pub mod locks;
pub mod maps;
pub mod memory;
pub mod pclntab;
pub mod procfs;
pub mod roots;
pub mod runtime;
pub mod session;
pub mod sys;
pub mod target;
pub mod timers;
pub mod types;

pub use error::{Error, Result};
