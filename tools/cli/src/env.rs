//! `ferrogo env`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use modules::commands::env_command::{self, EnvAction};
use modules::env::Env;
use source::system::{OsSystem, System};

use crate::flags::{self, Flag, boolean};
use crate::help;
use crate::output;
use crate::session::Failure;

const ENV_FLAGS: &[Flag] = &[
    boolean("json"),
    boolean("changed"),
    boolean("w"),
    boolean("u"),
    boolean("n"),
    boolean("x"),
];

/// Variables that only make sense with a GOROOT.
const OF_GOROOT: &[&str] = &["GOROOT", "GOTOOLDIR"];

/// `ferrogo env`.
///
/// # Errors
/// Text and exit status.
pub fn env(args: &[String]) -> Result<ExitCode, Failure> {
    let parsed =
        flags::parse(args, &[ENV_FLAGS], false).map_err(|text| help::usage_error("env", &text))?;
    let fail = |text: &str| Err(Failure::from(format!("go: {text}")));
    let (write, unset) = (parsed.is_set("w"), parsed.is_set("u"));
    let names = parsed.args.clone();
    let json = parsed.is_set("json");
    match (write, unset, json) {
        (true, true, _) => return fail("cannot use -u with -w"),
        (true, _, true) => return fail("cannot use -json with -w"),
        (_, true, true) => return fail("cannot use -json with -u"),
        _ => {}
    }
    if write && names.is_empty() {
        return fail("no KEY=VALUE arguments given");
    }
    if unset && names.is_empty() {
        return fail("'go env -u' requires an argument");
    }
    let system: Arc<dyn System> = Arc::new(OsSystem::default());
    let mut env = Env::load(system.clone())?;
    let (action, needs_goroot) = match (write, unset) {
        (true, _) => (EnvAction::Write(names), None),
        (_, true) => (EnvAction::Unset(names), None),
        _ => {
            let named = names.iter().any(|n| OF_GOROOT.contains(&n.as_str()));
            let changed = parsed.is_set("changed");
            (
                EnvAction::Print {
                    names,
                    json,
                    changed,
                },
                Some(named),
            )
        }
    };
    let mut goroot = String::new();
    if let Some(must) = needs_goroot {
        // GOROOT's own file has defaults for other variables; without GOROOT those can still be shown.
        match modules::goroot::find(&env) {
            Ok((dir, _)) => {
                env.set_goroot(&dir);
                goroot = dir.display().to_string();
            }
            Err(error) if must => return Err(error.into()),
            Err(_) => {}
        }
    }
    let dir = system
        .current_dir()
        .map_err(|e| format!("go: getwd: {e}"))?;
    if env.get("GO111MODULE") != "off"
        && env.explicit("GOWORK").is_none()
        && let Some(file) = modules::modload::find_workspace(&env, &dir)
    {
        env.set_override("GOWORK", &file.display().to_string());
    }
    let go_mod = modules::modload::find_module_root(&*system, &dir).map_or_else(
        || "/dev/null".to_owned(),
        |dir| dir.join("go.mod").display().to_string(),
    );
    let mut out = std::io::stdout().lock();
    env_command::run(&env, &go_mod, &goroot, &action, &mut out)?;
    out.flush().unwrap_or_else(|e| output::give_up(&e));
    Ok(ExitCode::SUCCESS)
}
