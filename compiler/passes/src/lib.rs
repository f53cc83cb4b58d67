//! Passes over MIR: rows of one table with declared order.
//!
//! Reading order: [`table`] (the rows, the driver, dump flags), [`work`] (which functions it is about, what is known of others), then the passes in the order in which
//! they run: [`simplify`], [`inline`], [`prune`], [`escape`], [`promote`] (with [`split`]), [`cse`], [`checks`], [`bounds`], [`barriers`], [`safepoints`]
//! (with [`loops`]), [`layout`].
//!
//! Architecture invariant: a pass sees MIR only. After every pass the verifier runs in debug builds.
#![forbid(unsafe_code)]

pub mod barriers;
pub mod bounds;
pub mod checks;
pub mod cse;
pub mod edit;
pub mod escape;
pub mod inline;
pub mod layout;
pub mod loops;
pub mod promote;
pub mod prune;
pub mod safepoints;
pub mod simplify;
pub mod split;
pub mod table;
pub mod work;

pub use table::{Options, PASSES, run};
pub use work::{Known, Work};
