//! `ferrogo list`.

use std::io::Write;
use std::process::ExitCode;

use modules::Loader;
use modules::commands::list::{self, ListOptions};
use modules::modload::ModLoader;

use crate::flags::{self, BUILD, Flag, boolean, optional, value};
use crate::help;
use crate::output;
use crate::session::{Failure, Session};

/// Flags of `go list` itself.
pub const FLAGS: &[Flag] = &[
    optional("json"),
    value("f"),
    boolean("m"),
    boolean("deps"),
    boolean("test"),
    boolean("e"),
    boolean("u"),
    boolean("versions"),
    boolean("find"),
    boolean("compiled"),
    boolean("export"),
    boolean("retracted"),
    value("reuse"),
];

/// Flags that are known and not there yet.
const NOT_YET: &[&str] = &["export", "retracted", "reuse"];

/// `ferrogo list`.
///
/// # Errors
/// Text and exit status.
pub fn list(args: &[String]) -> Result<ExitCode, Failure> {
    let known = &[FLAGS, BUILD];
    let parsed =
        flags::parse(args, known, false).map_err(|text| help::usage_error("list", &text))?;
    let refused = |text: &str| Err(Failure::from(text.to_owned()));
    if parsed.get("reuse").is_some_and(|file| !file.is_empty()) && !parsed.is_set("m") {
        return refused("go list -reuse cannot be used without -m");
    }
    if parsed.is_set("export") && parsed.is_set("find") {
        return refused("go list -export cannot be used with -find");
    }
    if parsed.is_set("export") && parsed.is_set("m") {
        return refused("go list -export cannot be used with -m");
    }
    if let Some(name) = NOT_YET
        .iter()
        .find(|n| parsed.get(n).is_some_and(|v| v != "false"))
    {
        return Err(Failure::usage(format!(
            "ferrogo list: -{name} is not supported by ferrogo yet"
        )));
    }
    let json = parsed.get("json").unwrap_or("false");
    let options = ListOptions {
        json: json != "false",
        json_fields: match json {
            "true" | "false" => Vec::new(),
            fields => fields.split(',').map(str::to_owned).collect(),
        },
        format: parsed.get("f").map(str::to_owned),
        modules: parsed.is_set("m"),
        deps: parsed.is_set("deps"),
        test: parsed.is_set("test"),
        errors_are_data: parsed.is_set("e"),
        updates: parsed.is_set("u"),
        versions: parsed.is_set("versions"),
        find: parsed.is_set("find"),
        compiled: parsed.is_set("compiled"),
    };
    if options.json && options.format.is_some() {
        return Err(Failure::from(
            "go list -f cannot be used with -json".to_owned(),
        ));
    }
    for name in ["deps", "test", "find", "compiled", "export"] {
        if options.modules && parsed.is_set(name) {
            return Err(Failure::from(format!(
                "go list -{name} cannot be used with -m"
            )));
        }
    }
    for (name, is_set) in [("deps", options.deps), ("test", options.test)] {
        if options.find && is_set {
            return Err(Failure::from(format!(
                "go list -{name} cannot be used with -find"
            )));
        }
    }
    for (name, is_set) in [("u", options.updates), ("versions", options.versions)] {
        if !options.modules && is_set {
            return Err(Failure::from(format!(
                "go list -{name} can only be used with -m"
            )));
        }
    }
    let session = Session::new("list", parsed, known)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let good = if options.modules {
        let modules = ModLoader::new(
            &session.env,
            &session.dir,
            &session.goroot,
            &session.mod_options(),
        )?;
        list::modules(&modules, &session.flags.args, &options, &mut out).map(|()| true)
    } else {
        // What is listed is what GOROOT and the modules hold, without ferrogo's replacements.
        let load = session.load_options(options.test, false);
        let loader = Loader::with_goroot(&session.env, &session.goroot, load)?;
        let errors = &mut std::io::stderr();
        list::packages(&loader, &session.flags.args, &options, &mut out, errors)
    };
    // What was listed before an error is printed before it.
    out.flush().unwrap_or_else(|e| output::give_up(&e));
    Ok(ExitCode::from(u8::from(!good?)))
}
