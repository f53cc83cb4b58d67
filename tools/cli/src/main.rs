//! The `ferrogo` command: used like `go`, and the same when it is called `go`.
//!
//! Reading order: [`output`], [`help`] (the table of commands), [`flags`], [`gcflags`], [`session`] (what building commands share), [`build`] (build, run,
//! install), [`test`] ([`test_run`], [`test_cache`], [`test_json`]), [`list`], [`env`](mod@env), [`version`], [`clean`], [`mod_command`].
#![forbid(unsafe_code)]

#[macro_use]
mod output;

mod build;
mod clean;
mod env;
mod flags;
mod gcflags;
mod help;
mod list;
mod mod_command;
mod session;
mod test;
mod test_cache;
mod test_json;
mod test_run;
mod version;

use std::io::Write;
use std::process::ExitCode;

use session::Failure;

/// Checking allocates many small lists, which this allocator packs more densely than the system's, and without locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The word before the command of `mod`: such commands have a word more before their flags.
const FAMILIES: &[&str] = &["mod", "work"];

fn main() -> ExitCode {
    let pool = rayon::ThreadPoolBuilder::new()
        .stack_size(driver::frontend::THREAD_STACK)
        .build_global();
    if let Err(error) = pool {
        eprintln!("ferrogo: cannot start threads: {error}");
        return ExitCode::from(1);
    }
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let ended = dispatch(args);
    if let Err(error) = std::io::stdout().flush() {
        output::give_up(&error);
    }
    match ended {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{}", failure.text.trim_end());
            ExitCode::from(failure.status)
        }
    }
}

fn dispatch(mut args: Vec<String>) -> Result<ExitCode, Failure> {
    change_dir(&mut args)?;
    let Some((name, rest)) = args.split_first() else {
        eprint!("{}", help::overview());
        return Ok(ExitCode::from(2));
    };
    if matches!(name.as_str(), "-h" | "--help" | "-help") {
        eprint!("{}", help::overview());
        return Ok(ExitCode::from(2));
    }
    if name == "help" {
        return help::help(rest);
    }
    if let Some(command) = help::find(name) {
        return (command.run)(rest);
    }
    if help::NOT_YET.contains(&name.as_str()) {
        return Err(help::not_yet(name));
    }
    if name.starts_with('-') {
        return Err(Failure::usage(format!(
            "flag provided but not defined: {name}\n{}",
            help::overview()
        )));
    }
    Err(Failure::usage(format!(
        "go {name}: unknown command\nRun '{} help' for usage.",
        help::tool()
    )))
}

/// Takes `-C dir` out of the command line, where it may only be the first flag (before or after the command), and goes there.
fn change_dir(args: &mut Vec<String>) -> Result<(), Failure> {
    let words = match args.first().map(String::as_str) {
        Some(first) if first.starts_with('-') => 0,
        Some(first) if FAMILIES.contains(&first) => {
            1 + usize::from(args.get(1).is_some_and(|a| !a.starts_with('-')))
        }
        _ => 1,
    };
    let Some(flag) = args.get(words) else {
        return Ok(());
    };
    let body = flag.strip_prefix("--").or_else(|| flag.strip_prefix('-'));
    let (dir, used) = match body.and_then(|b| b.strip_prefix('C')) {
        Some("") => match args.get(words + 1) {
            Some(dir) => (dir.clone(), 2),
            // The command's own flags report what is missing.
            None => return Ok(()),
        },
        Some(value) if value.starts_with('=') => (value[1..].to_owned(), 1),
        _ => return Ok(()),
    };
    std::env::set_current_dir(&dir)
        .map_err(|e| format!("go: chdir {dir}: {}", modules::error::io_text(&e)))?;
    args.drain(words..words + used);
    Ok(())
}

fn doctor(args: &[String]) -> Result<ExitCode, Failure> {
    let args = std::iter::once("ferrogo doctor").chain(args.iter().map(String::as_str));
    Ok(::doctor::main(args.map(Into::into)))
}
