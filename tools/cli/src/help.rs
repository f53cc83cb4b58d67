//! The table of commands, their usage lines and texts.

use std::path::Path;
use std::process::ExitCode;

use crate::session::Failure;
use crate::{build, clean, env, list, mod_command, test};

/// What runs a command.
pub type Run = fn(&[String]) -> Result<ExitCode, Failure>;

/// A command or a command of `mod`.
pub struct Command {
    /// As on the command line.
    pub name: &'static str,
    /// One line of the overview.
    pub short: &'static str,
    /// The usage line without the tool's name.
    pub usage: &'static str,
    /// What `help` tells beyond that.
    pub long: &'static str,
    #[allow(missing_docs)]
    pub run: Run,
}

const BUILD_FLAGS: &str = "\
Build flags:
	-o file       write to this file or directory
	-a            rebuild even what is up to date
	-n            print the commands but do not run them
	-x            print the commands
	-v            print the names of packages as they are compiled
	-tags list    build tags, separated by commas
	-ldflags list -X importpath.name=value, -s, -w
	-gcflags list -N switches optimisation off
	-trimpath     remove file system paths from the program
	-mod mode     readonly, vendor or mod
	-modfile file read this file instead of go.mod
	-timings      print what each phase took
";

/// The commands, in the order of the overview.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "build",
        short: "compile packages and dependencies",
        usage: "build [-o output] [build flags] [packages]",
        long: BUILD_FLAGS,
        run: build::build,
    },
    Command {
        name: "clean",
        short: "remove object files and cached files",
        usage: "clean [-i] [-r] [-cache] [-testcache] [-modcache] [-fuzzcache] [build flags] [packages]",
        long: "\
Without the flags that name a cache, removes from the directories of the packages what building left there:
programs that are named like the directory or a file, test programs, object files.

	-cache     remove the build cache
	-testcache expire cached test results (there are none: tests always run)
	-modcache  remove the module cache
	-fuzzcache remove files of fuzzing (there are none)
	-i         remove the installed program too
	-r         go through all dependencies too
	-n, -x     print the commands; with -n do not run them
",
        run: clean::clean,
    },
    Command {
        name: "doctor",
        short: "tell why the memory of a Go process is high",
        usage: "doctor [flags] process|file|URL",
        long: "Run 'ferrogo doctor --help' for the flags.\n",
        run: crate::doctor,
    },
    Command {
        name: "env",
        short: "print Go environment information",
        usage: "env [-json] [-changed] [-u] [-w] [var ...]",
        long: "\
Prints all variables, or the values of those that are named.

	-json    as JSON
	-changed only those that differ from their defaults
	-w       set defaults: arguments are NAME=VALUE
	-u       remove defaults that -w has set
",
        run: env::env,
    },
    Command {
        name: "install",
        short: "compile and install packages and dependencies",
        usage: "install [build flags] [packages]",
        long: "\
Writes programs to $GOBIN, else to the bin directory of $GOPATH. With path@version, go.mod of the current
directory is not looked at.
",
        run: build::install,
    },
    Command {
        name: "list",
        short: "list packages or modules",
        usage: "list [-f format] [-json] [-m] [list flags] [build flags] [packages]",
        long: "\
	-f format         a template per package or module
	-json[=fields]    JSON, of all or these fields
	-m                list modules
	-deps             packages with their dependencies
	-test             also the packages of tests
	-e                keep packages with errors
	-u, -versions     with -m: available upgrades, known versions
",
        run: list::list,
    },
    Command {
        name: "mod",
        short: "module maintenance",
        usage: "mod <command> [arguments]",
        long: "",
        run: mod_command::run,
    },
    Command {
        name: "run",
        short: "compile and run Go program",
        usage: "run [build flags] [-exec xprog] package [arguments...]",
        long: "The package is a directory, an import path, path@version, or a list of .go files.\n",
        run: build::run,
    },
    Command {
        name: "test",
        short: "test packages",
        usage: "test [build/test flags] [packages] [build/test flags & test binary flags]",
        long: "\
Test flags: -run -skip -bench -benchtime -benchmem -count -cpu -parallel -timeout -short -failfast -shuffle
-list -json -v -c -exec; everything after -args goes to the test program.
",
        run: test::test,
    },
    Command {
        name: "version",
        short: "print Go version",
        usage: "version [-m] [-v] [-json] [file ...]",
        long: "",
        run: crate::version::version,
    },
];

/// Commands of `go` that are still to come.
pub const NOT_YET: &[&str] = &[
    "bug",
    "doc",
    "fix",
    "fmt",
    "generate",
    "get",
    "telemetry",
    "tool",
    "vet",
    "work",
];

/// A command of the table.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.name == name)
}

/// What a command that is not there yet says.
pub fn not_yet(what: &str) -> Failure {
    Failure::usage(format!("ferrogo: go {what} is not supported yet"))
}

/// `go` if the program was called so, else `ferrogo`.
pub fn tool() -> &'static str {
    let is_go = std::env::args_os()
        .next()
        .is_some_and(|name| Path::new(&name).file_name().is_some_and(|n| n == "go"));
    if is_go { "go" } else { "ferrogo" }
}

/// What a wrong flag of a command leads to; `text` is empty if help was asked for.
pub fn usage_error(command: &str, text: &str) -> Failure {
    let usage = match command.strip_prefix("mod ") {
        Some(name) => mod_command::find(name),
        None => find(command),
    }
    .map_or(command, |c| c.usage);
    let tool = tool();
    let newline = if text.is_empty() { "" } else { "\n" };
    let more = match command {
        "test" => format!(" and '{tool} help testflag'"),
        _ => String::new(),
    };
    Failure::usage(format!(
        "{text}{newline}usage: {tool} {usage}\nRun '{tool} help {command}'{more} for details."
    ))
}

/// The text of the tool without a command.
pub fn overview() -> String {
    let tool = tool();
    table(
        &format!(
            "{} is a tool for managing Go source code.",
            if tool == "go" { "Go" } else { "Ferrogo" }
        ),
        tool,
        COMMANDS,
    )
}

/// The text of `mod` without a command.
pub fn mod_overview() -> String {
    table(
        "Go mod provides access to operations on modules.",
        &format!("{} mod", tool()),
        mod_command::COMMANDS,
    )
}

fn table(title: &str, prefix: &str, commands: &[Command]) -> String {
    let mut text =
        format!("{title}\n\nUsage:\n\n\t{prefix} <command> [arguments]\n\nThe commands are:\n\n");
    for command in commands {
        text.push_str(&format!("\t{:<11} {}\n", command.name, command.short));
    }
    let help = prefix.replacen(' ', " help ", 1);
    let help = if help == prefix {
        format!("{prefix} help")
    } else {
        help
    };
    text.push_str(&format!(
        "\nUse \"{help} <command>\" for more information about a command.\n"
    ));
    text
}

/// `ferrogo help [command]`.
///
/// # Errors
/// An unknown topic.
pub fn help(args: &[String]) -> Result<ExitCode, Failure> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let command = match words[..] {
        [] => {
            print!("{}", overview());
            return Ok(ExitCode::SUCCESS);
        }
        ["mod"] => {
            print!("{}", mod_overview());
            return Ok(ExitCode::SUCCESS);
        }
        ["mod", name] => mod_command::find(name),
        ["testflag"] => find("test"),
        [name] => find(name),
        _ => None,
    };
    let Some(command) = command else {
        // The longest beginning of the words that is a topic.
        let known = match words[..] {
            ["mod", ..] => " mod".to_owned(),
            [name, ..] if find(name).is_some() => format!(" {name}"),
            _ => String::new(),
        };
        return Err(Failure::usage(format!(
            "go help {}: unknown help topic. Run '{} help{known}'.",
            words.join(" "),
            tool()
        )));
    };
    println!("usage: {} {}\n", tool(), command.usage);
    println!("{}.", capitalised(command.short));
    if !command.long.is_empty() {
        print!("\n{}", command.long);
    }
    if matches!(command.name, "install" | "run" | "test") {
        print!("\n{BUILD_FLAGS}");
    }
    Ok(ExitCode::SUCCESS)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
