//! Passes over MIR: rows of one table with declared order.
//!
//! Reading order: [`table`] (the rows, the driver, dump flags), then the passes in the order in which
//! they run: [`simplify`], [`inline`], [`promote`], [`escape`], [`checks`], [`barriers`], [`safepoints`].
//!
//! Architecture invariant: a pass sees MIR only. After every pass the verifier runs in debug builds.
#![forbid(unsafe_code)]

pub mod barriers;
pub mod checks;
pub mod edit;
pub mod escape;
pub mod inline;
pub mod promote;
pub mod safepoints;
pub mod simplify;
pub mod table;

pub use table::{Options, PASSES, run};
