//! Lexer, syntax tree and parser for Go.
//!
//! Reading order: [`ast`] (the tree), `token`, `lexer`, `parser` (functions named after the
//! specification's productions).
//!
//! Architecture invariant: works on one file, knows nothing of packages, types or files on disk.
#![forbid(unsafe_code)]

pub mod ast;
