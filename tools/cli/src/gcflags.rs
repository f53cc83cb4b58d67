//! `-gcflags`: flags of the official compiler. What asks for something that ferrogo has no counterpart of is accepted if programs are
//! the same without it, and named otherwise.

use driver::BuildOptions;

use crate::session::Failure;

/// Keys of `-d` that programs do not depend on: checks that gc makes of itself or of pointers, and choices between ways to the same
/// result.
const DEBUG_WITHOUT_EFFECT: &[&str] = &[
    "abiwrap",
    "alignhot",
    "checkptr",
    "compressinstructions",
    "disablenil",
    "dwarfinl",
    "escapealias",
    "escapealiascheck",
    "fipshash",
    "fmahash",
    "freeappend",
    "gcadjust",
    "gccheck",
    "gossahash",
    "inlbudgetslack",
    "inlfuncswithclosures",
    "inlscoreadj",
    "inlstaticinit",
    "interfacecycles",
    "libfuzzer",
    "literalallochash",
    "locationlists",
    "maxshapelen",
    "mergelocals",
    "mergelocalshash",
    "nodeadlocals",
    "noopendefer",
    "norefname",
    "panic",
    "pgodebug",
    "pgodevirtualize",
    "pgohash",
    "pgoinline",
    "pgoinlinebudget",
    "pgoinlinecdfthreshold",
    "rangefunccheck",
    "reshape",
    "shapify",
    "simd",
    "softfloat",
    "staticcopy",
    "syncframes",
    "variablemakehash",
    "variablemakethreshold",
    "wrapglobalmapctl",
];
/// Keys that make gc print what it decides.
const DEBUG_PRINTING: &[&str] = &[
    "append",
    "astdump",
    "closure",
    "defer",
    "dumpinlcallsitescores",
    "dumpinlfuncprops",
    "dumpptrs",
    "escapedebug",
    "escapemutationscalls",
    "export",
    "gcprog",
    "mergelocalsdumpfunc",
    "mergelocalshtrace",
    "mergelocalstrace",
    "nil",
    "pctab",
    "slice",
    "tailcall",
    "typeassert",
    "wb",
    "wrapglobalmapdbg",
    "zerocopy",
];
/// Keys that change what programs do.
const DEBUG_CHANGING: &[&str] = &[
    "converthash",
    "gcstart",
    "loopvar",
    "loopvarhash",
    "maymorestack",
];

/// Applies one value of `-gcflags`.
///
/// # Errors
/// Names the flag that is unknown or not supported.
pub fn apply(value: &str, options: &mut BuildOptions) -> Result<(), Failure> {
    for flag in value.trim_start_matches("all=").split_whitespace() {
        match flag {
            "-N" => options.no_optimize = true,
            "-l" => options.passes.skip.push("inline".to_owned()),
            // All errors (the session checks with it); more inlining; no bounds checks; errors without columns; no DWARF, of which
            // there is none.
            "-e" | "-B" | "-C" | "-dwarf=false" => {}
            f if f.starts_with("-l=") || f.starts_with("-c=") || f.starts_with("-lang=") => {}
            f if f.starts_with("-d=") => debug(f)?,
            f if is_printing(f) => return Err(does_not_print(f)),
            other => {
                return Err(Failure::usage(format!(
                    "ferrogo: -gcflags: flag {other} is not supported"
                )));
            }
        }
    }
    Ok(())
}

/// Flags that make gc print inlining and escape decisions, or assembly.
fn is_printing(flag: &str) -> bool {
    matches!(
        flag.split('=').next(),
        Some("-m" | "-S" | "-live" | "-W" | "-json")
    )
}

fn does_not_print(flag: &str) -> Failure {
    Failure::usage(format!(
        "ferrogo: -gcflags: {flag} is not supported yet: ferrogo does not print what its compiler decides"
    ))
}

/// `-d=key,key=value,ssa/phase/flag=value`.
fn debug(flag: &str) -> Result<(), Failure> {
    let list = flag.trim_start_matches("-d=");
    for item in list.split(',').filter(|item| !item.is_empty()) {
        let (key, value) = item.split_once('=').unwrap_or((item, "1"));
        let is_off = value == "0" || value == "off";
        if let Some(phase) = key.strip_prefix("ssa/") {
            // Phases are gc's own; whether they run makes no difference to a program, what they print would.
            let prints = ["/debug", "/stats", "/dump"]
                .iter()
                .any(|w| phase.contains(w));
            if (prints && !is_off) || phase == "help" {
                return Err(does_not_print(&format!("-d={item}")));
            }
        } else if DEBUG_PRINTING.contains(&key) && !is_off {
            return Err(does_not_print(&format!("-d={item}")));
        } else if DEBUG_CHANGING.contains(&key) {
            return Err(Failure::usage(format!(
                "ferrogo: -gcflags: -d={item} is not supported"
            )));
        } else if !DEBUG_PRINTING.contains(&key) && !DEBUG_WITHOUT_EFFECT.contains(&key) {
            return Err(Failure::usage(format!(
                "ferrogo: -gcflags: invalid value {list:?} for flag -d: unknown debug key {key}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_keys() {
        let check = |flags: &str, want: &str| {
            let got = apply(flags, &mut BuildOptions::default());
            let got = got.map_or_else(|failure| failure.text, |()| String::new());
            assert_eq!(got, want, "{flags}");
        };
        check("all=-N -l -d=checkptr", "");
        check("-d=checkptr=0,ssa/check/on", "");
        check("-d=ssa/check_bce/debug=0,nil=0", "");
        let silent = |flag: &str| {
            format!(
                "ferrogo: -gcflags: {flag} is not supported yet: ferrogo does not print what its compiler decides"
            )
        };
        check("-d=append,slice", &silent("-d=append"));
        check("-d=ssa/prove/debug=1", &silent("-d=ssa/prove/debug=1"));
        check("-m=2", &silent("-m=2"));
        check(
            "-d=maymorestack=main",
            "ferrogo: -gcflags: -d=maymorestack=main is not supported",
        );
        check(
            "-d=panic,nosuch=1",
            "ferrogo: -gcflags: invalid value \"panic,nosuch=1\" for flag -d: unknown debug key nosuch",
        );
    }
}
