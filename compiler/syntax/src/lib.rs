//! Lexer, syntax tree and parser for Go.
//!
//! Reading order: [`ast`] (the tree), [`token`], [`lexer`], [`parser`] (functions named after
//! the specification's productions), `directive` (what comments say), [`pragma`] (misplaced
//! directives), [`package`] (what a package's files come to), [`print`] (expressions as diagnostics
//! show them), [`visit`] (walking the tree), [`dump`] (the tree as text), [`mutate`] (programs for
//! fuzzing).
//!
//! Architecture invariant: works on one file, knows nothing of packages, types or files on disk.
#![forbid(unsafe_code)]

pub mod ast;
mod directive;
pub mod dump;
pub mod lexer;
pub mod mutate;
mod names;
pub mod package;
pub mod parser;
pub mod pragma;
pub mod print;
pub mod token;
pub mod visit;

pub use lexer::token_texts;
pub use parser::{LEXICAL, SYNTAX, parse_file, retain_parse_errors};
