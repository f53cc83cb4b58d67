//! The `ferrogo` command: used like `go`.
//!
//! Reading order: [`flags`], [`session`] (what building commands share), [`build`] (build, run, install), [`test`].
#![forbid(unsafe_code)]

mod build;
mod flags;
mod session;
mod test;
mod test_json;

use std::process::ExitCode;

use session::Failure;

type Command = fn(&[String]) -> Result<ExitCode, Failure>;

/// Commands with what they do.
const COMMANDS: &[(&str, &str, Command)] = &[
    ("build", "compile packages and dependencies", build::build),
    (
        "install",
        "compile and install packages and dependencies",
        build::install,
    ),
    ("run", "compile and run Go program", build::run),
    ("test", "test packages", test::test),
    ("doctor", "tell why the memory of a Go process is high", doctor),
    ("version", "print version", version),
];

fn main() -> ExitCode {
    let pool = rayon::ThreadPoolBuilder::new()
        .stack_size(driver::frontend::THREAD_STACK)
        .build_global();
    if let Err(error) = pool {
        eprintln!("ferrogo: cannot start threads: {error}");
        return ExitCode::from(1);
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(name) = args.first() else {
        usage();
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "-h" | "--help" | "-help") {
        usage();
        return ExitCode::SUCCESS;
    }
    let Some((_, _, command)) = COMMANDS.iter().find(|(n, _, _)| n == name) else {
        eprintln!("go {name}: unknown command\nRun 'go help' for usage.");
        return ExitCode::from(2);
    };
    match command(&args[1..]) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{}", failure.text.trim_end());
            ExitCode::from(failure.status)
        }
    }
}

fn usage() {
    eprintln!(
        "ferrogo is a tool for managing Go source code.\n\nUsage:\n\n\tferrogo <command> [arguments]\n\nThe commands are:\n"
    );
    for (name, what, _) in COMMANDS {
        eprintln!("\t{name:<11} {what}");
    }
}

fn doctor(args: &[String]) -> Result<ExitCode, Failure> {
    Ok(::doctor::main(std::iter::once("ferrogo doctor").chain(args.iter().map(String::as_str)).map(Into::into)))
}

fn version(_: &[String]) -> Result<ExitCode, Failure> {
    println!(
        "go version go{} linux/amd64 (ferrogo {})",
        modules::GO_RELEASE,
        env!("CARGO_PKG_VERSION")
    );
    Ok(ExitCode::SUCCESS)
}
