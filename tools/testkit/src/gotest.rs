//! Go's own `test/` corpus: finding it, reading the recipes of its cases, and judging a compiler's errors by the ERROR comments.
//!
//! The rules are those of the corpus' README and harness: a case's recipe is its first line that is no build constraint; a comment
//! `// ERROR "regexp" ...` (or `GC_ERROR`) wants, for each regexp, an error on its line that matches; every error must be wanted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

/// Folders of the corpus that the official harness runs (those about generated code excepted).
const DIRS: &[&str] = &[
    ".",
    "ken",
    "chan",
    "interface",
    "internal/runtime/sys",
    "syntax",
    "dwarf",
    "fixedbugs",
    "typeparam",
    "typeparam/mdempsky",
    "abi",
    "simd",
    "stackobj",
];

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Path below `test/`, with slashes.
    pub name: String,
    /// First word of the recipe: `run`, `errorcheck` and so on.
    pub action: String,
    /// The other words.
    pub args: Vec<String>,
}

/// What the flags of a recipe ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Whether compiling must fail.
    pub want_error: bool,
    /// `-s`: each file of the folder is a package.
    pub single_file_packages: bool,
    /// `-goexperiment`, `-godebug`: another configuration than the default.
    pub other_configuration: bool,
    /// Flags for the compiler.
    pub flags: Vec<String>,
    /// Arguments for the program that the recipe runs.
    pub program_args: Vec<String>,
}

impl Recipe {
    /// The language version that the flags set: `N` of `-lang=go1.N`.
    pub fn lang(&self) -> Option<u32> {
        self.flags
            .iter()
            .find_map(|f| f.strip_prefix("-lang=go1.")?.parse().ok())
    }

    /// Whether the flags only concern the language, not what the compiler does after checking (`-m`, `-live`, `-S`, most of `-d`).
    pub fn is_about_the_language(&self) -> bool {
        self.flags.iter().all(|flag| {
            matches!(
                flag.as_str(),
                "-d=panic" | "-e" | "-e=0" | "-std" | "-+" | "-complete" | "-N" | "-l"
            ) || flag.starts_with("-lang=")
                || flag.starts_with("-p=")
        })
    }
}

impl Case {
    /// The recipe's flags, read as the official harness does.
    pub fn recipe(&self) -> Recipe {
        let mut recipe = Recipe {
            want_error: matches!(
                self.action.as_str(),
                "errorcheck" | "errorcheckdir" | "errorcheckoutput" | "errorcheckwithauto"
            ),
            ..Recipe::default()
        };
        let mut words = self.args.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-0" => recipe.want_error = false,
                "-1" => recipe.want_error = true,
                "-s" => recipe.single_file_packages = true,
                "-t" | "-gomodversion" => drop(words.next()),
                "-goexperiment" | "-godebug" => {
                    recipe.other_configuration = true;
                    words.next();
                }
                flag if flag.starts_with('-') => recipe.flags.push(flag.to_owned()),
                _ => {
                    recipe.program_args.push(word.clone());
                    recipe.program_args.extend(words.cloned());
                    break;
                }
            }
        }
        recipe
    }

    /// The folder that belongs to the case (`x.dir` of `x.go`).
    pub fn folder(&self, corpus: &Path) -> PathBuf {
        corpus.join(&self.name).with_extension("dir")
    }
}

/// `test/` of an installed official Go.
pub fn corpus() -> Option<PathBuf> {
    let output = Command::new("go")
        .env("GOTOOLCHAIN", "local")
        .args(["env", "GOROOT"])
        .output()
        .ok()?;
    let dir = Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("test");
    dir.is_dir().then_some(dir)
}

/// The cases with one of these actions, in the order of the harness.
pub fn cases(corpus: &Path, actions: &[&str]) -> Vec<Case> {
    recipes(corpus)
        .into_iter()
        .filter_map(|(name, recipe)| {
            let mut words = recipe.split_whitespace().map(str::to_owned);
            let action = words.next().filter(|a| actions.contains(&a.as_str()))?;
            Some(Case {
                name,
                action,
                args: words.collect(),
            })
        })
        .collect()
}

/// Path below `test/` and recipe (a comment's text) of every file that has one and whose build constraint holds, in the order of the
/// harness.
pub fn recipes(corpus: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for dir in DIRS {
        for file in crate::files_with_extension(&corpus.join(dir), "go") {
            let Ok(bytes) = std::fs::read(&file) else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes);
            if let Some(recipe) = recipe_of(&text)
                && constraint_holds(&text)
            {
                let name = match *dir {
                    "." => String::new(),
                    dir => format!("{dir}/"),
                } + &file.file_name().unwrap_or_default().to_string_lossy();
                found.push((name, recipe.to_owned()));
            }
        }
    }
    found
}

/// The recipe of a file: the text of its first line that is no build constraint, if that is a comment.
pub fn recipe_of(text: &str) -> Option<&str> {
    let line = text.lines().find(|l| {
        !l.trim().is_empty() && !l.starts_with("//go:build") && !l.starts_with("// +build")
    });
    line?.strip_prefix("//")
}

/// `//go:build` for linux/amd64 without cgo, with gc.
pub fn constraint_holds(text: &str) -> bool {
    let Some(line) = text
        .lines()
        .take_while(|l| !l.starts_with("package"))
        .find_map(|l| l.strip_prefix("//go:build "))
    else {
        return true;
    };
    // Expressions in the corpus are flat enough for: || of && of possibly negated tags, with parentheses dropped pairwise.
    let tag = |t: &str| {
        let holds = |t: &str| {
            matches!(t, "linux" | "amd64" | "gc" | "unix" | "test_run")
                || t.strip_prefix("go1.")
                    .and_then(|n| n.parse::<u32>().ok())
                    .is_some_and(|n| n <= 27)
        };
        match t.strip_prefix('!') {
            Some(rest) => !holds(rest),
            None => holds(t),
        }
    };
    let line = line.replace(['(', ')'], " ");
    line.split("||")
        .any(|part| part.split("&&").all(|t| tag(t.trim())))
}

/// A package of a case's folder.
#[derive(Clone, Debug)]
pub struct FolderPackage {
    /// Name in its package clause.
    pub name: String,
    /// Import path: `test/` and the first file's stem.
    pub path: String,
    /// Files, sorted.
    pub files: Vec<PathBuf>,
}

/// The packages of a case's folder, in the order in which they are compiled: files of one package name belong together unless
/// `single`.
pub fn folder_packages(folder: &Path, single: bool) -> Vec<FolderPackage> {
    let mut packages: Vec<FolderPackage> = Vec::new();
    for file in crate::files_with_extension(folder, "go") {
        let text = std::fs::read(&file).unwrap_or_default();
        let name = package_name(&String::from_utf8_lossy(&text)).unwrap_or_default();
        match packages.iter_mut().find(|p| !single && p.name == name) {
            Some(package) => package.files.push(file),
            None => {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                packages.push(FolderPackage {
                    path: format!("test/{stem}"),
                    name,
                    files: vec![file.clone()],
                });
            }
        }
    }
    packages
}

/// The name in the package clause, if a line begins with one.
pub fn package_name(text: &str) -> Option<String> {
    let line = text.lines().find(|l| l.starts_with("package "))?;
    line["package ".len()..]
        .split([' ', ';', '/', '\t', '\r'])
        .next()
        .map(str::to_owned)
}

/// A wanted error.
struct Wanted {
    file: String,
    line: u32,
    pattern: String,
    regex: Regex,
}

/// Matches what a compiler printed against the ERROR comments of the files, given as (name in the output, base name, contents).
///
/// # Errors
/// What is missing and what is too much.
pub fn error_check(output: &str, files: &[(String, String, Vec<u8>)]) -> Result<(), String> {
    let mut errors: Vec<String> = Vec::new();
    for line in output.lines() {
        if line.starts_with('\t') {
            if let Some(last) = errors.last_mut() {
                last.push('\n');
                last.push_str(line);
            }
        } else if !line.starts_with('#')
            && !line.starts_with("<autogenerated>")
            && !line.trim().is_empty()
        {
            errors.push(line.to_owned());
        }
    }
    let mut wrong = Vec::new();
    for (full, short, text) in files {
        for error in &mut errors {
            *error = error
                .replace(&format!(" {full}"), &format!(" {short}"))
                .replace(&format!("\n{full}"), &format!("\n{short}"))
                .replace(&format!("\n\t{full}"), &format!("\n\t{short}"));
            if let Some(rest) = error.strip_prefix(full.as_str()) {
                *error = format!("{short}{rest}");
            }
        }
        for wanted in wanted_errors(short, &String::from_utf8_lossy(text))? {
            let place = format!("{}:{}", wanted.file, wanted.line);
            let (here, elsewhere): (Vec<String>, Vec<String>) =
                errors.into_iter().partition(|e| stands_at(e, &place));
            errors = elsewhere;
            if here.is_empty() {
                wrong.push(format!("{place}: missing error {:?}", wanted.pattern));
                continue;
            }
            // The message, without the position.
            let message = |error: &'_ str| {
                error
                    .split_once(' ')
                    .map_or(error, |(_, rest)| rest)
                    .to_owned()
            };
            let all: String = here.iter().map(|e| format!("\n\t{e}")).collect();
            let (matched, others): (Vec<String>, Vec<String>) = here
                .into_iter()
                .partition(|error| wanted.regex.is_match(&message(error)));
            errors.extend(others);
            if matched.is_empty() {
                wrong.push(format!(
                    "{place}: no match for {:?} in:{all}",
                    wanted.pattern
                ));
            }
        }
    }
    // Messages about other files do not count.
    errors.retain(|error| {
        files.iter().any(|(full, short, _)| {
            [full, short].iter().any(|name| {
                error
                    .strip_prefix(name.as_str())
                    .is_some_and(|e| e.starts_with(':'))
            })
        })
    });
    wrong.extend(errors.into_iter().map(|e| format!("unmatched: {e}")));
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

/// Whether the message's position is `file:line`, possibly below a directory.
fn stands_at(message: &str, place: &str) -> bool {
    let Some(colon) = message.find(':') else {
        return false;
    };
    let base = message[..colon].rfind('/').map_or(0, |slash| slash + 1);
    message[base..]
        .strip_prefix(place)
        .is_some_and(|rest| rest.starts_with([':', '[']))
}

fn wanted_errors(short: &str, text: &str) -> Result<Vec<Wanted>, String> {
    static COMMENT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"// (?:GC_)?ERROR (.*)").expect("valid"));
    static QUOTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""([^"]*)""#).expect("valid"));
    static LINE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"LINE(?:([+-])(\d+))?").expect("valid"));
    // Go's regexps take a brace that repeats nothing for itself.
    static BRACE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(^|[^\\])\{").expect("valid"));
    let mut wanted = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        // A doubled comment switches the expectation off.
        if line.contains("////") {
            continue;
        }
        let number = at as u32 + 1;
        let Some(comment) = COMMENT.captures(line) else {
            continue;
        };
        for quoted in QUOTED.captures_iter(&comment[1]) {
            let pattern = LINE
                .replace_all(&quoted[1], |c: &regex::Captures<'_>| {
                    let delta: i64 = c.get(2).map_or(0, |n| n.as_str().parse().unwrap_or(0));
                    let sign = if c.get(1).is_some_and(|s| s.as_str() == "-") {
                        -1
                    } else {
                        1
                    };
                    format!("{short}:{}", i64::from(number) + sign * delta)
                })
                .into_owned();
            let regex = Regex::new(&BRACE.replace_all(&pattern, r"${1}\{"))
                .map_err(|e| format!("{short}:{number}: {e}"))?;
            wanted.push(Wanted {
                file: short.to_owned(),
                line: number,
                pattern,
                regex,
            });
        }
    }
    Ok(wanted)
}

/// The names in a committed list; lines that begin with `#` are comments.
pub fn read_list(path: &Path) -> std::collections::BTreeSet<String> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(|l| l.split_once(": ").map_or(l, |(name, _)| name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, output: &str, wrong: &[&str]) {
        let files = [(
            "/d/x.go".to_owned(),
            "x.go".to_owned(),
            text.as_bytes().to_vec(),
        )];
        let got = error_check(output, &files).err().unwrap_or_default();
        let got: Vec<&str> = got.lines().collect();
        assert_eq!(got, wrong);
    }

    #[test]
    fn each_pattern_wants_an_error_on_its_line_and_each_error_a_pattern() {
        let text = "package p\nvar x // ERROR \"bad\" \"at LINE-1\"\nvar y // GC_ERROR \"a{1\"\n//// ERROR \"off\"\n";
        check(
            text,
            "# p\n/d/x.go:2:1: bad thing\n/d/x.go:2:3: at x.go:1\n./x.go:3: a{1\n",
            &[],
        );
        check(
            text,
            "/d/x.go:2: good\n\tat /d/x.go:1\n/d/x.go:4: more\n",
            &[
                "x.go:2: no match for \"bad\" in:",
                "\tx.go:2: good",
                "\tat x.go:1",
                "x.go:3: missing error \"a{1\"",
                "unmatched: x.go:4: more",
            ],
        );
    }

    #[test]
    fn recipes_are_read_as_the_harness_reads_them() {
        let case = |words: &str| Case {
            name: "x.go".into(),
            action: "errorcheck".into(),
            args: words.split_whitespace().map(str::to_owned).collect(),
        };
        let recipe = case("-0 -lang=go1.17 -t 10 -d=panic ./a.go -m").recipe();
        assert!(!recipe.want_error && recipe.is_about_the_language());
        assert_eq!(recipe.lang(), Some(17));
        assert_eq!(recipe.program_args, ["./a.go", "-m"]);
        assert!(!case("-0 -m -l").recipe().is_about_the_language());
        assert!(
            case("-goexperiment fieldtrack")
                .recipe()
                .other_configuration
        );
    }
}
