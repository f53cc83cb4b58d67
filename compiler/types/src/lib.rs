//! The type checker: packages of syntax trees in, tables of types, objects and constants out.
//!
//! Reading order: [`model`] (types, objects), [`store`] (what they live in, with the universe), its queries
//! ([`predicates`], [`subst`], [`typeset`], [`lookup`], [`sizes`], [`strings`]), [`constant`], [`typed`] (what checking a
//! package yields), [`embed`], [`unify`] and [`infer`] (type arguments), then [`check`], the checker.
//!
//! How to write a check on top of this, with an example: [`guide`].
//!
//! Vocabulary is go/types': object, scope, named type, underlying type, type set, selection, instance.
//!
//! Architecture invariant: no IO, no knowledge of MIR; packages arrive parsed, dependencies first.
#![forbid(unsafe_code)]

pub mod check;
pub mod constant;
pub mod embed;
pub mod lookup;
pub mod model;
pub mod predicates;
pub mod sizes;
pub mod store;
pub mod strings;
pub mod subst;
pub mod typed;
pub mod typeset;
pub mod unify;

#[doc = include_str!("../GUIDE.md")]
pub mod guide {
    #[cfg(doc)]
    use crate::{Mode, TypedFile, VarKind};
}

pub use check::{BranchMessages, CheckInput, check_branches, check_package};
pub use embed::embed_mistakes;
pub use model::*;
pub use typed::*;
