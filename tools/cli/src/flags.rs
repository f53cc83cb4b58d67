//! Flags as the `go` command takes them: `-name value`, `-name=value`, one or two dashes, booleans without value.

/// A flag of a command.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name without dash.
    pub name: &'static str,
    /// Takes no value (or `=true`, `=false`).
    pub is_bool: bool,
    /// A boolean flag whose `=` may carry any text (`-json=Dir,Name`).
    pub any_value: bool,
}

/// A value flag.
pub const fn value(name: &'static str) -> Flag {
    Flag {
        name,
        is_bool: false,
        any_value: false,
    }
}

/// A boolean flag.
pub const fn boolean(name: &'static str) -> Flag {
    Flag {
        name,
        is_bool: true,
        any_value: false,
    }
}

/// A flag with an optional value; without one it is `true`.
pub const fn optional(name: &'static str) -> Flag {
    Flag {
        name,
        is_bool: true,
        any_value: true,
    }
}

/// Flags of every command that builds.
pub const BUILD: &[Flag] = &[
    value("C"),
    boolean("v"),
    boolean("x"),
    boolean("n"),
    boolean("a"),
    value("p"),
    boolean("work"),
    value("tags"),
    value("ldflags"),
    boolean("trimpath"),
    value("mod"),
    value("modfile"),
    value("gcflags"),
    value("asmflags"),
    optional("buildvcs"),
    value("buildmode"),
    value("compiler"),
    boolean("modcacherw"),
    boolean("json"),
    value("overlay"),
    value("pgo"),
    value("pkgdir"),
    value("toolexec"),
    value("installsuffix"),
    value("gccgoflags"),
    boolean("linkshared"),
    boolean("race"),
    boolean("msan"),
    boolean("asan"),
    boolean("cover"),
    value("covermode"),
    value("coverpkg"),
    boolean("timings"),
    boolean("keep-all"),
    value("dump-before"),
    value("dump-after"),
    value("dump-func"),
    value("dump-clif"),
    value("skip-pass"),
];

/// Flags of the language's own build flags that ferrogo does not support: named, exit status 2.
pub const UNSUPPORTED: &[&str] = &[
    "race",
    "msan",
    "asan",
    "cover",
    "covermode",
    "coverpkg",
    "linkshared",
    "toolexec",
    "pkgdir",
    "installsuffix",
    "coverprofile",
];

/// Every flag that `GOFLAGS` may name: those of any command.
const ALL: &[&[Flag]] = &[
    BUILD,
    crate::test::TEST_FLAGS,
    crate::test::OWN_FLAGS,
    crate::build::OWN_FLAGS,
    crate::list::FLAGS,
    crate::clean::FLAGS,
    &[
        boolean("insecure"),
        boolean("changed"),
        boolean("w"),
        boolean("diff"),
    ],
];

/// Parsed command line.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// In order of appearance.
    pub flags: Vec<(&'static str, String)>,
    /// What is left.
    pub args: Vec<String>,
}

impl Parsed {
    /// The last value of a flag.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.flags
            .iter()
            .rev()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v.as_str())
    }
    /// Whether a boolean flag is on.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
    /// All values of a flag.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.flags
            .iter()
            .filter(move |(n, _)| *n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// Puts the flags of `GOFLAGS` that a command knows before those of its command line.
///
/// # Errors
/// A flag that no command knows, or one without the value that it needs.
pub fn add_goflags(
    parsed: &mut Parsed,
    goflags: &[String],
    known: &[&[Flag]],
) -> Result<(), String> {
    let mut flags = Vec::new();
    for text in goflags {
        let body = text.trim_start_matches('-');
        let (name, inline) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        let find = |sets: &[&[Flag]]| {
            sets.iter()
                .flat_map(|set| set.iter())
                .find(|f| f.name == name)
                .copied()
        };
        match (find(known), inline) {
            (Some(flag), Some(value)) => flags.push((flag.name, value.to_owned())),
            (Some(flag), None) if flag.is_bool => flags.push((flag.name, "true".to_owned())),
            (Some(_), None) => {
                return Err(format!(
                    "go: flag needs an argument: -{name} (from $GOFLAGS)"
                ));
            }
            (None, _) if find(ALL).is_none() => {
                return Err(format!("go: parsing $GOFLAGS: unknown flag -{name}"));
            }
            (None, _) => {}
        }
    }
    parsed.flags.splice(0..0, flags);
    Ok(())
}

/// Parses flags up to the first argument that is none. `more` continues after arguments (`go test pkg -v`); what is not ours then
/// (unknown flags, everything after `-args`) ends the arguments, after the word `-args`.
///
/// # Errors
/// The text that `go` prints before its usage line; empty if help is asked for.
pub fn parse(args: &[String], known: &[&[Flag]], more: bool) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    // What the test binary gets; whether a flag has stood after the packages.
    let (mut explicit, mut list_ended) = (Vec::new(), false);
    let mut at = 0;
    while at < args.len() {
        let arg = &args[at];
        let Some(body) = arg
            .strip_prefix("--")
            .or_else(|| arg.strip_prefix('-'))
            .filter(|b| !b.is_empty())
        else {
            if arg == "--" {
                parsed.args.extend_from_slice(&args[at + 1..]);
                break;
            }
            if !more {
                parsed.args.extend_from_slice(&args[at..]);
                break;
            }
            // A second run of arguments, or one after a flag that is not ours (perhaps its value), is the test binary's with all after it.
            if !explicit.is_empty() || list_ended {
                explicit.extend_from_slice(&args[at..]);
                break;
            }
            parsed.args.push(arg.clone());
            at += 1;
            continue;
        };
        list_ended = !parsed.args.is_empty();
        let (name, inline) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        if name == "args" && more {
            // Everything after belongs to the test binary.
            parsed.flags.push(("args", String::new()));
            explicit.extend_from_slice(&args[at + 1..]);
            break;
        }
        let Some(flag) = known.iter().flat_map(|k| k.iter()).find(|f| f.name == name) else {
            if matches!(name, "h" | "help") {
                return Err(String::new());
            }
            if more {
                explicit.push(arg.clone());
                at += 1;
                continue;
            }
            return Err(format!("flag provided but not defined: -{name}"));
        };
        let value = match (inline, flag.is_bool) {
            (Some(v), true) if flag.name == "buildvcs" => match v.as_str() {
                "auto" => v,
                _ => boolean_value(&v)
                    .ok_or_else(|| {
                        format!("invalid boolean value {v:?} for -buildvcs: value is neither 'auto' nor a valid bool")
                    })?
                    .to_owned(),
            },
            (Some(v), true) if flag.any_value => v,
            // What `go test -v` prints for tools.
            (Some(v), true) if flag.name == "v" && more && v == "test2json" => v,
            (Some(v), true) => boolean_value(&v)
                .ok_or_else(|| match flag.name {
                    "v" if more => {
                        format!("invalid boolean value {v:?} for -v: invalid flag -test.v={v}")
                    }
                    _ => format!("invalid boolean value {v:?} for -{name}: parse error"),
                })?
                .to_owned(),
            (Some(v), false) => v,
            (None, true) => "true".to_owned(),
            (None, false) => {
                at += 1;
                args.get(at)
                    .cloned()
                    .ok_or_else(|| format!("flag needs an argument: -{name}"))?
            }
        };
        check_value(flag.name, &value)?;
        if flag.name == "C" {
            return Err(format!(
                "invalid value {value:?} for flag -C: -C flag must be first flag on command line"
            ));
        }
        parsed.flags.push((flag.name, value));
        at += 1;
    }
    if !explicit.is_empty() {
        parsed.args.push("-args".to_owned());
        parsed.args.extend(explicit);
    }
    Ok(parsed)
}

/// The value of a boolean flag as `true` or `false`.
fn boolean_value(text: &str) -> Option<&'static str> {
    match text {
        "true" | "1" | "t" | "T" | "TRUE" | "True" => Some("true"),
        "false" | "0" | "f" | "F" | "FALSE" | "False" => Some("false"),
        _ => None,
    }
}

/// Whether Go's `strconv.ParseInt` with base 0 takes the text.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (&digits[2..], 16),
        Some("0o" | "0O") => (&digits[2..], 8),
        Some("0b" | "0B") => (&digits[2..], 2),
        _ => (digits, 10),
    };
    i64::from_str_radix(digits, radix).is_ok() && !digits.starts_with(['-', '+'])
}

/// What the command itself says about the value of a flag, whoever reads it in the end.
fn check_value(name: &str, value: &str) -> Result<(), String> {
    match name {
        "p"
        | "count"
        | "parallel"
        | "blockprofilerate"
        | "memprofilerate"
        | "mutexprofilefraction"
            if !is_integer(value) =>
        {
            Err(format!(
                "invalid value {value:?} for flag -{name}: parse error"
            ))
        }
        "compiler" if !matches!(value, "gc" | "gccgo") => Err(format!(
            "invalid value {value:?} for flag -compiler: unknown compiler {value:?}"
        )),
        "gcflags" | "asmflags" | "ldflags" | "gccgoflags"
            if !value.is_empty() && !value.starts_with('-') && !value.contains('=') =>
        {
            Err(format!(
                "invalid value {value:?} for flag -{name}: missing =<value> in <pattern>=<value>"
            ))
        }
        _ => Ok(()),
    }
}

/// Flags that are known but do nothing yet: their names, if given.
pub fn unsupported(parsed: &Parsed) -> Option<String> {
    let name = UNSUPPORTED
        .iter()
        .find(|n| parsed.get(n).is_some_and(|v| v != "false"))?;
    Some(format!("-{name} is not supported by ferrogo yet"))
}

/// Seconds, of what Go's `time.ParseDuration` takes: numbers with units, a sign before them.
pub fn duration(text: &str) -> Option<f64> {
    let number_char = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(number_char);
        let number: f64 = rest[..rest.len() - after.len()].parse().ok()?;
        let unit = after.find(number_char).unwrap_or(after.len());
        let seconds = match &after[..unit] {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number * seconds;
        rest = &after[unit..];
    }
    // No more than an int64 of nanoseconds.
    let fits = total < i64::MAX as f64 / 1e9;
    fits.then_some(if text.starts_with('-') { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str]) -> Result<Parsed, String> {
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        parse(&args, &[BUILD, crate::build::OWN_FLAGS], false)
    }

    #[test]
    fn go_style_flags() {
        let p = check(&["-o", "out", "--v", "-tags=a,b", "./...", "-x"]).unwrap();
        assert_eq!(p.get("o"), Some("out"));
        assert!(p.is_set("v"));
        assert_eq!(p.get("tags"), Some("a,b"));
        assert_eq!(p.args, ["./...", "-x"]);
        assert_eq!(
            check(&["-nope"]).unwrap_err(),
            "flag provided but not defined: -nope"
        );
        assert_eq!(check(&["-o"]).unwrap_err(), "flag needs an argument: -o");
        assert_eq!(
            unsupported(&check(&["-race"]).unwrap()).unwrap(),
            "-race is not supported by ferrogo yet"
        );
        assert_eq!(check(&["--help"]).unwrap_err(), "");
    }

    #[test]
    fn what_is_not_ours_goes_to_the_test_binary() {
        let check = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
            parse(&args, &[BUILD], true).unwrap().args.join(" ")
        };
        assert_eq!(check(&["-v", "a", "b", "-x"]), "a b");
        assert_eq!(check(&["a", "-update", "-v"]), "a -args -update");
        assert_eq!(
            check(&["a", "-level=2", "3", "-v"]),
            "a -args -level=2 3 -v"
        );
        assert_eq!(check(&["a", "-v", "b", "-x"]), "a -args b -x");
        assert_eq!(check(&["-update", "a"]), "-args -update a");
        assert_eq!(check(&["a", "-args", "-v", "b"]), "a -args -v b");
    }

    #[test]
    fn durations_are_those_of_go() {
        let check = |text: &str, want: Option<f64>| assert_eq!(duration(text), want, "{text}");
        check("0", Some(0.0));
        check("1.5h", Some(5400.0));
        check("1m2.25s", Some(62.25));
        check("-3s", Some(-3.0));
        check("+.5s", Some(0.5));
        check("500000us", Some(0.5));
        let wrong = [
            "",
            "x",
            "1",
            "1x",
            "s",
            "-",
            ".s",
            "1.2.3s",
            "1s2",
            "9999999999h",
        ];
        for text in wrong {
            check(text, None);
        }
    }

    #[test]
    fn goflags_come_first() {
        let check = |goflags: &[&str], args: &[&str]| -> Result<String, String> {
            let mut parsed = check(args)?;
            let goflags: Vec<String> = goflags.iter().map(|f| (*f).to_owned()).collect();
            add_goflags(&mut parsed, &goflags, &[BUILD])?;
            Ok(parsed.get("tags").unwrap_or("none").to_owned())
        };
        assert_eq!(check(&["-tags=a"], &[]).unwrap(), "a");
        assert_eq!(check(&["-tags=a"], &["-tags=b"]).unwrap(), "b");
        assert_eq!(check(&["-benchmem"], &[]).unwrap(), "none");
        assert_eq!(
            check(&["-nope"], &[]).unwrap_err(),
            "go: parsing $GOFLAGS: unknown flag -nope"
        );
        assert_eq!(
            check(&["-tags"], &[]).unwrap_err(),
            "go: flag needs an argument: -tags (from $GOFLAGS)"
        );
    }
}
