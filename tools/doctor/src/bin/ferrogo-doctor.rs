//! `ferrogo doctor` as a program of its own, for tests.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    doctor::main(std::env::args_os())
}
