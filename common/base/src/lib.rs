//! Typed ids, vectors indexed by them, and the name interner. No IO, no policy.
//!
//! Reading order: [`id`], [`symbol`].
#![forbid(unsafe_code)]

pub mod id;
pub mod symbol;

pub use id::{Id, IndexVec};
pub use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet, FxHasher};
pub use symbol::Symbol;
