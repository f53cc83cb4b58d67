//! `go.mod`, `go.sum` and `vendor/modules.txt`.
//!
//! Reading order: [`syntax`] (lines, blocks, comments: kept for rewriting), [`file`]
//! (the directives and what they mean), [`edit`] (changes that keep formatting),
//! [`sum`] (go.sum), [`vendor`] (modules.txt).

pub mod edit;
pub mod file;
pub mod sum;
pub mod syntax;
pub mod vendor;

pub use file::{Exclude, GoMod, Replace, Require, Retract};
pub use sum::GoSum;
