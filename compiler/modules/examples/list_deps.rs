//! Prints the packages of a build in dependency order, as `go list -deps` does, then errors and timings.
//!
//! `cargo run -p modules --example list_deps -- [-test] [-mod=...] patterns`

use modules::env::Env;
use modules::{LoadOptions, Loader};
use source::system::OsSystem;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let start = Instant::now();
    let mut options = LoadOptions::default();
    let mut patterns = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "-test" => options.tests = true,
            _ if argument.starts_with("-mod=") => {
                options.modules.mod_flag = argument["-mod=".len()..].to_string()
            }
            _ => patterns.push(argument),
        }
    }
    let result = Env::load(Arc::new(OsSystem::new()))
        .and_then(|env| Loader::new(&env, options))
        .and_then(|loader| loader.load(&patterns));
    match result {
        Ok(graph) => {
            for package in &graph.packages {
                println!("{}", package.display_path());
            }
            for line in graph.warnings.iter().chain(&graph.error_lines()) {
                eprintln!("{line}");
            }
        }
        Err(error) => eprintln!("{error}"),
    }
    eprintln!("# {:?}", start.elapsed());
}
