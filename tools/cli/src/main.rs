//! The `ferrogo` command.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use modules::env::Env;
use modules::{LoadOptions, Loader};
use source::system::{OsSystem, System};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("build" | "run") => match command(&args) {
            Ok(code) => code,
            Err(text) => {
                eprintln!("{}", text.trim_end());
                ExitCode::from(1)
            }
        },
        _ => {
            eprintln!("usage: ferrogo build|run [flags] packages");
            ExitCode::from(2)
        }
    }
}

#[derive(Default)]
struct Flags {
    output: Option<PathBuf>,
    timings: bool,
    check_only: bool,
    build: driver::BuildOptions,
    patterns: Vec<String>,
    program_args: Vec<String>,
}

fn parse(args: &[String]) -> Result<Flags, String> {
    let mut flags = Flags::default();
    let run = args[0] == "run";
    let mut rest = args[1..].iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().cloned().ok_or_else(|| format!("flag needs an argument: {arg}"));
        match arg.as_str() {
            "-o" => flags.output = Some(value()?.into()),
            "--timings" => flags.timings = true,
            "--check" => flags.check_only = true,
            "-N" => flags.build.no_optimize = true,
            "--dump-clif" => flags.build.dump_clif = Some(value()?),
            "--dump-before" => flags.build.passes.dump_before = Some(value()?),
            "--dump-after" => flags.build.passes.dump_after = Some(value()?),
            "--dump-func" => flags.build.passes.dump_func = Some(value()?),
            "--skip-pass" => flags.build.passes.skip.push(value()?),
            _ if arg.starts_with('-') => return Err(format!("flag provided but not defined: {arg}")),
            _ => {
                flags.patterns.push(arg.clone());
                if run && !arg.ends_with(".go") {
                    flags.program_args = rest.by_ref().cloned().collect();
                } else if run {
                    let mut more = rest.by_ref().cloned().peekable();
                    while let Some(next) = more.next_if(|a| a.ends_with(".go")) {
                        flags.patterns.push(next);
                    }
                    flags.program_args = more.collect();
                }
            }
        }
    }
    if flags.patterns.is_empty() {
        flags.patterns.push(".".into());
    }
    Ok(flags)
}

fn command(args: &[String]) -> Result<ExitCode, String> {
    let flags = parse(args)?;
    let mut timings = driver::timings::Timings::default();
    let system: Arc<dyn System> = Arc::new(OsSystem::default());
    let mut env = Env::load(system.clone()).map_err(|e| e.to_string())?;
    let (goroot, _) = modules::goroot::find(&env).map_err(|e| e.to_string())?;
    env.set_goroot(&goroot);
    let options = LoadOptions { overlay: Arc::new(driver::overlay::overlay(&goroot)), ..LoadOptions::default() };
    let (loader, graph) = timings.time("load", || -> Result<_, String> {
        let loader = Loader::with_goroot(&env, &goroot, options).map_err(|e| e.to_string())?;
        let graph = loader.load(&flags.patterns).map_err(|e| e.to_string())?;
        Ok((loader, graph))
    })?;
    for warning in &graph.warnings {
        eprintln!("{warning}");
    }
    if graph.has_errors() {
        return Err(graph.error_lines().join("\n"));
    }
    let all: Vec<_> = (0..graph.packages.len() as u32).map(modules::PackageId).collect();
    let frontend = driver::check_graph(&graph, &all, &|_| Vec::new(), Default::default(), &mut timings);
    if !frontend.errors.is_empty() {
        let mut text = String::new();
        for (id, errors) in &frontend.errors {
            text.push_str(&format!("# {}\n{errors}", graph.package(*id).display_path()));
        }
        return Err(text);
    }
    if flags.check_only {
        eprint!("{}", timings.render());
        return Ok(ExitCode::SUCCESS);
    }
    let main = graph.roots[0];
    let image = driver::build_program(&graph, &frontend, main, &goroot, &*system, &flags.build, &mut timings)?;
    let output = match &flags.output {
        Some(path) => path.clone(),
        None if args[0] == "run" => std::env::temp_dir().join(format!("ferrogo-run-{}", std::process::id())),
        None => PathBuf::from(Path::new(&graph.package(main).import_path).file_name().unwrap_or("a.out".as_ref())),
    };
    system.write_atomic(&output, &image, 0o755).map_err(|e| format!("{}: {e}", output.display()))?;
    if flags.timings {
        eprint!("{}", timings.render());
    }
    drop(loader);
    if args[0] == "run" {
        let status = std::process::Command::new(&output).args(&flags.program_args).status();
        let _ = std::fs::remove_file(&output);
        let status = status.map_err(|e| format!("{}: {e}", output.display()))?;
        return Ok(ExitCode::from(status.code().unwrap_or(2) as u8));
    }
    Ok(ExitCode::SUCCESS)
}
