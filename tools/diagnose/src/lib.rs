//! Why memory is high: findings from a frozen process.
//!
//! Architecture invariant: pure. No file, process or clock is touched here; a [`Snapshot`] comes in, an
//! analysis and findings go out.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod findings;
pub mod graph;
pub mod leaks;
pub mod pprof;
pub mod report;
pub mod save;
pub mod snapshot;
pub mod text_profile;
pub mod tree;

pub use snapshot::Snapshot;
