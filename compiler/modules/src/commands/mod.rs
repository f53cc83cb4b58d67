//! Commands as functions: they print to a writer and return, so that the command line only parses flags.
//!
//! [`env`](mod@env_command), [`clean`], [`list`] (with [`template`] and [`package_json`]), and the `mod` family:
//! [`mod_simple`] (init, download, verify, graph), [`tidy`] with [`all_packages`], [`why`].

pub mod all_packages;
pub mod clean;
pub mod env_command;
pub mod list;
pub mod list_record;
pub mod mod_simple;
pub mod package_json;
pub mod synopsis;
pub mod template;
pub mod tidy;
pub mod why;

#[cfg(test)]
mod scripts;
