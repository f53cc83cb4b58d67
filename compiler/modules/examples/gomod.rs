//! A bare command line over the library, to compare with the official `go`:
//! `cargo run -p modules --example gomod -- list -deps ./...`. The product's command line is in `tools/cli`.

use modules::commands::list::{self, ListOptions};
use modules::commands::{env_command, mod_simple, tidy, why};
use modules::env::Env;
use modules::modload::{ModLoader, ModOptions};
use modules::{Error, LoadOptions, Loader, Result, goroot};
use source::system::{OsSystem, System};
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let system = Arc::new(OsSystem::new());
    let start = system.monotonic();
    let mut out = BufWriter::new(std::io::stdout());
    let result = run(&arguments, Arc::clone(&system), &mut out);
    if out.flush().is_err() {
        return ExitCode::FAILURE;
    }
    if system.env_var("TIMINGS").is_some() {
        eprintln!("# {:?}", system.monotonic() - start);
    }
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String], system: Arc<OsSystem>, out: &mut dyn Write) -> Result<bool> {
    let cwd = system
        .current_dir()
        .map_err(|error| Error::new(error.to_string()))?;
    let env = Env::load(system)?;
    let flags: Vec<&str> = arguments
        .iter()
        .filter(|word| word.starts_with('-'))
        .map(String::as_str)
        .collect();
    let words: Vec<String> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .cloned()
        .collect();
    let flag = |name: &str| flags.contains(&name);
    let value = |name: &str| {
        flags
            .iter()
            .find_map(|flag| flag.strip_prefix(name)?.strip_prefix('='))
    };
    let mod_options = ModOptions {
        mod_flag: value("-mod").unwrap_or("").to_string(),
        ..ModOptions::default()
    };
    let errors = &mut std::io::stderr();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let rest = |from: usize| {
        words[from..]
            .iter()
            .map(|word| word.to_string())
            .collect::<Vec<String>>()
    };
    let loader = |mode: &str| -> Result<ModLoader> {
        let options = ModOptions {
            mod_flag: mode.to_string(),
            ..ModOptions::default()
        };
        ModLoader::new(&env, &cwd, &goroot::find(&env)?.0, &options)
    };
    let tags = modules::build_context::BuildContext::new(&[]);
    match words.as_slice() {
        ["list", ..] => {
            let options = ListOptions {
                json: flag("-json"),
                format: value("-f").map(str::to_string),
                modules: flag("-m"),
                deps: flag("-deps"),
                test: flag("-test"),
                errors_are_data: flag("-e"),
                versions: flag("-versions"),
                updates: flag("-u"),
                ..ListOptions::default()
            };
            if options.modules {
                return list::modules(&loader(&mod_options.mod_flag)?, &rest(1), &options, out)
                    .map(|()| true);
            }
            let load = LoadOptions {
                tests: options.test,
                modules: mod_options,
                ..LoadOptions::default()
            };
            list::packages(&Loader::new(&env, load)?, &rest(1), &options, out, errors)
        }
        ["load", ..] => {
            let load = LoadOptions {
                tests: flag("-test"),
                modules: mod_options,
                ..LoadOptions::default()
            };
            let graph = Loader::new(&env, load)?.load(&rest(1))?;
            writeln!(out, "{} packages", graph.packages.len())
                .map_err(|error| Error::new(error.to_string()))?;
            Ok(true)
        }
        ["at", spec] => {
            let (loader, path) = Loader::at_version(&env, spec, LoadOptions::default())?;
            let graph = loader.load(&[path])?;
            for package in &graph.packages {
                writeln!(out, "{}", package.display_path())
                    .map_err(|error| Error::new(error.to_string()))?;
            }
            for line in graph.error_lines() {
                eprintln!("{line}");
            }
            Ok(!graph.has_errors())
        }
        ["mod", "tidy"] => {
            let options = tidy::TidyOptions {
                verbose: flag("-v"),
                ignore_errors: flag("-e"),
                ..Default::default()
            };
            tidy::run(&loader("mod")?, &tags, &options).map(|()| true)
        }
        ["mod", "init"] => mod_simple::init(&env, &cwd, None, None).map(|()| true),
        ["mod", "init", path] => mod_simple::init(&env, &cwd, None, Some(path)).map(|()| true),
        ["mod", "graph"] => mod_simple::graph(&loader("")?, out).map(|()| true),
        ["mod", "verify"] => mod_simple::verify(&loader("")?, out, errors),
        ["mod", "download", ..] => {
            mod_simple::download(&loader("")?, &rest(2), flag("-json"), out, errors)
        }
        ["mod", "why", ..] => {
            why::run(&loader("")?, &tags, &rest(2), flag("-m"), out).map(|()| true)
        }
        ["env", ..] => {
            let names = rest(1);
            let action = env_command::EnvAction::Print {
                names,
                json: flag("-json"),
                changed: false,
            };
            env_command::run(&env, "", "", &action, out).map(|()| true)
        }
        _ => Err(Error::new("usage: gomod list|load|at|mod|env")),
    }
}
