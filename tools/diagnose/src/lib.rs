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

/// The sum, at most `u64::MAX`: the numbers in a damaged file may be anything.
pub fn total(values: impl IntoIterator<Item = u64>) -> u64 {
    values.into_iter().fold(0, u64::saturating_add)
}
