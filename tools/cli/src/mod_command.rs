//! `ferrogo mod`: download, graph, init, tidy, verify, why.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use modules::build_context::BuildContext;
use modules::commands::{mod_simple, tidy, why};
use modules::modload::{ModLoader, ModOptions};

use crate::flags::{self, Flag, boolean, value};
use crate::help::{self, Command};
use crate::output;
use crate::session::{Failure, Session};

/// The commands of `mod`.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "download",
        short: "download modules to local cache",
        usage: "mod download [-x] [-json] [-reuse=old.json] [modules]",
        long: "Without arguments: the modules that the main module needs. -json prints a record of each.\n",
        run: download,
    },
    Command {
        name: "graph",
        short: "print module requirement graph",
        usage: "mod graph [-go=version] [-x]",
        long: "",
        run: graph,
    },
    Command {
        name: "init",
        short: "initialize new module in current directory",
        usage: "mod init [module-path]",
        long: "",
        run: init,
    },
    Command {
        name: "tidy",
        short: "add missing and remove unused modules",
        usage: "mod tidy [-e] [-v] [-x] [-diff] [-go=version] [-compat=version]",
        long: "	-e  go on despite packages that cannot be found\n	-v  print modules that are removed\n	-go set the version of the go directive\n",
        run: tidy,
    },
    Command {
        name: "verify",
        short: "verify dependencies have expected content",
        usage: "mod verify",
        long: "",
        run: verify,
    },
    Command {
        name: "why",
        short: "explain why packages or modules are needed",
        usage: "mod why [-m] [-vendor] packages...",
        long: "Prints a shortest chain of imports from the main module to each package; with -m, to each module.\n",
        run: why,
    },
];

const NOT_YET: &[&str] = &["edit", "vendor"];

/// Flags that every command of `mod` takes.
const COMMON: &[Flag] = &[value("modfile"), boolean("modcacherw")];

/// A command of `mod`.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.name == name)
}

/// `ferrogo mod`.
///
/// # Errors
/// Text and exit status.
pub fn run(args: &[String]) -> Result<ExitCode, Failure> {
    let Some((name, rest)) = args.split_first() else {
        return Err(Failure::usage(help::mod_overview()));
    };
    match find(name) {
        Some(command) => (command.run)(rest),
        None if NOT_YET.contains(&name.as_str()) => Err(help::not_yet(&format!("mod {name}"))),
        None if name == "help" => help::help(&[&["mod".to_owned()], rest].concat()),
        None if matches!(name.as_str(), "-h" | "-help" | "--help") => {
            Err(Failure::usage(help::mod_overview()))
        }
        None => Err(Failure::usage(format!(
            "go mod: unknown command\nRun '{} help mod' for usage.",
            help::tool()
        ))),
    }
}

/// Parses the flags of a command of `mod`; flags in `not_yet` are named as missing.
fn start(name: &str, args: &[String], own: &[Flag], not_yet: &[&str]) -> Result<Session, Failure> {
    let command = format!("mod {name}");
    let known = &[own, COMMON];
    let parsed =
        flags::parse(args, known, false).map_err(|text| help::usage_error(&command, &text))?;
    if let Some(flag) = not_yet
        .iter()
        .find(|n| parsed.get(n).is_some_and(|v| v != "false"))
    {
        return Err(Failure::usage(format!(
            "ferrogo {command}: -{flag} is not supported by ferrogo yet"
        )));
    }
    Session::new(&command, parsed, known)
}

fn no_arguments(session: &Session, text: &str) -> Result<(), Failure> {
    match session.flags.args.is_empty() {
        true => Ok(()),
        false => Err(Failure::from(format!("go: {text}"))),
    }
}

fn modules(session: &Session, mode: &str) -> Result<ModLoader, Failure> {
    let options = ModOptions {
        mod_flag: mode.to_owned(),
        tolerant: mode.is_empty(),
        ..session.mod_options()
    };
    Ok(ModLoader::new(
        &session.env,
        &session.dir,
        &session.goroot,
        &options,
    )?)
}

/// Runs what prints to standard output; a result of false is exit status 1.
fn printing(
    modules: &ModLoader,
    action: impl FnOnce(&mut dyn Write) -> modules::Result<bool>,
) -> Result<ExitCode, Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let result = action(&mut out);
    modules.fetcher.finish_progress();
    out.flush().unwrap_or_else(|e| output::give_up(&e));
    Ok(ExitCode::from(u8::from(!result?)))
}

fn download(args: &[String]) -> Result<ExitCode, Failure> {
    let own = &[boolean("json"), boolean("x"), value("reuse")];
    let session = start("download", args, own, &["reuse"])?;
    let options = ModOptions {
        quiet: true,
        tolerant: true,
        ..session.mod_options()
    };
    let modules = ModLoader::new(&session.env, &session.dir, &session.goroot, &options)?;
    let json = session.flags.is_set("json");
    printing(&modules, |out| {
        let errors = &mut std::io::stderr();
        mod_simple::download(&modules, &session.flags.args, json, out, errors)
    })
}

fn graph(args: &[String]) -> Result<ExitCode, Failure> {
    let session = start("graph", args, &[boolean("x"), value("go")], &["go"])?;
    no_arguments(&session, "'go mod graph' accepts no arguments")?;
    let modules = modules(&session, "")?;
    printing(&modules, |out| {
        mod_simple::graph(&modules, out).map(|()| true)
    })
}

fn verify(args: &[String]) -> Result<ExitCode, Failure> {
    let session = start("verify", args, &[], &[])?;
    no_arguments(&session, "verify takes no arguments")?;
    let modules = modules(&session, "")?;
    printing(&modules, |out| {
        mod_simple::verify(&modules, out, &mut std::io::stderr())
    })
}

fn why(args: &[String]) -> Result<ExitCode, Failure> {
    let session = start("why", args, &[boolean("m"), boolean("vendor")], &["vendor"])?;
    let modules = modules(&session, "")?;
    let mut targets = session.flags.args.clone();
    // Without arguments: the package of the directory, if it has one.
    if targets.is_empty()
        && let Some(main) = &modules.main
        && modules.has_go_files(&session.dir)
        && let Ok(rest) = session.dir.strip_prefix(&main.dir)
    {
        let path = format!("{}/{}", main.path, rest.display());
        targets.push(path.trim_end_matches('/').to_owned());
    }
    let by_module = session.flags.is_set("m");
    if by_module && targets.iter().any(|target| target == "all") {
        let all = modules.graph()?.build_list();
        let main = modules.main.iter().map(|main| main.path.clone());
        let paths = main.chain(all.into_iter().map(|module| module.path));
        let paths: Vec<String> = paths
            .filter(|path| !matches!(&**path, "go" | "toolchain"))
            .collect();
        targets = targets
            .into_iter()
            .flat_map(|target| match target.as_str() {
                "all" => paths.clone(),
                _ => vec![target],
            })
            .collect();
    }
    printing(&modules, |out| {
        let tags = BuildContext::new(&session.tags());
        why::run(&modules, &tags, &targets, by_module, out).map(|()| true)
    })
}

fn init(args: &[String]) -> Result<ExitCode, Failure> {
    let session = start("init", args, &[], &[])?;
    if session.flags.args.len() > 1 {
        return Err(Failure::from(
            "go: 'go mod init' accepts at most one argument".to_owned(),
        ));
    }
    let path = session.flags.args.first().map(String::as_str);
    let mod_file = session.flags.get("modfile").filter(|file| !file.is_empty());
    mod_simple::init(&session.env, &session.dir, mod_file.map(Path::new), path)?;
    Ok(ExitCode::SUCCESS)
}

/// `1.N`, `1.N.P`, `1.NrcK`.
fn is_go_version(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.splitn(3, '.');
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    let minor_is_good = |minor: &str| {
        let digits = minor.trim_end_matches(|c: char| c.is_ascii_digit());
        match digits.strip_suffix("rc").or(digits.strip_suffix("beta")) {
            Some(start) => patch.is_none() && number(start),
            None => number(minor),
        }
    };
    major.is_some_and(number) && minor.is_none_or(minor_is_good) && patch.is_none_or(number)
}

fn tidy(args: &[String]) -> Result<ExitCode, Failure> {
    let own = &[
        boolean("e"),
        boolean("v"),
        boolean("x"),
        boolean("diff"),
        value("go"),
        value("compat"),
    ];
    let session = start("tidy", args, own, &["diff", "compat"])?;
    no_arguments(&session, "'go mod tidy' accepts no arguments")?;
    if let Some(version) = session.flags.get("go").filter(|v| !is_go_version(v)) {
        let text = format!(
            "invalid value {version:?} for flag -go: expecting a Go version like {:?}",
            modules::GO_RELEASE
        );
        return Err(help::usage_error("mod tidy", &text));
    }
    let modules = modules(&session, "mod")?;
    let options = tidy::TidyOptions {
        ignore_errors: session.flags.is_set("e"),
        verbose: session.flags.is_set("v"),
        go_version: session.flags.get("go").map(str::to_owned),
    };
    let tags = BuildContext::new(&session.tags());
    printing(&modules, |_| {
        tidy::run(&modules, &tags, &options).map(|()| true)
    })
}
