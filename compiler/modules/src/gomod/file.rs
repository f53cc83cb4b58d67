//! The directives of go.mod and their checks. Error texts are `go`'s.

use super::syntax::{self, Block, FileError, FileSyntax, Line, Stmt};
use crate::module_path::{self, quote};
use crate::semver;

/// `require path version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Require {
    /// Module path.
    pub path: String,
    /// Canonical version, or a query still to be resolved (`master`, `v1`).
    pub version: String,
    /// Marked `// indirect`.
    pub indirect: bool,
    /// 1-based line.
    pub line: u32,
}

/// `replace old [version] => new [version]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replace {
    /// Replaced module.
    pub old_path: String,
    /// Replaced version; empty: all.
    pub old_version: String,
    /// Module path, or a directory.
    pub new_path: String,
    /// Version of the replacement; empty for a directory.
    pub new_version: String,
    /// 1-based line.
    pub line: u32,
}

impl Replace {
    /// True if the replacement is a directory.
    pub fn is_dir(&self) -> bool {
        self.new_version.is_empty()
    }
}

/// `exclude path version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclude {
    /// Module path.
    pub path: String,
    /// Version.
    pub version: String,
}

/// `retract low` or `retract [low, high]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retract {
    /// First retracted version.
    pub low: String,
    /// Last retracted version.
    pub high: String,
    /// The comment that says why.
    pub rationale: String,
}

/// A parsed go.mod file.
#[derive(Clone, Debug, Default)]
pub struct GoMod {
    /// Its text, for rewriting.
    pub syntax: FileSyntax,
    /// Module path; `None` if the directive is missing.
    pub module: Option<String>,
    /// Text after `Deprecated:` in the comment of the module directive.
    pub deprecated: String,
    /// `go 1.N`; `None` if missing.
    pub go: Option<String>,
    /// `toolchain goX`.
    pub toolchain: Option<String>,
    /// `godebug key=value`.
    pub godebug: Vec<(String, String)>,
    /// `require` lines in file order.
    pub require: Vec<Require>,
    /// `exclude` lines.
    pub exclude: Vec<Exclude>,
    /// `replace` lines.
    pub replace: Vec<Replace>,
    /// `retract` lines.
    pub retract: Vec<Retract>,
    /// `tool` lines.
    pub tool: Vec<String>,
    /// `ignore` lines.
    pub ignore: Vec<String>,
}

/// How strictly a go.mod is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// The main module's: every directive must be known.
    Main,
    /// A dependency's: unknown directives and those without effect are skipped.
    Dependency,
}

/// Parses go.mod. All errors of a file come together.
pub fn parse(
    bytes: &[u8],
    display_name: &str,
    strictness: Strictness,
) -> Result<GoMod, Vec<FileError>> {
    let text = String::from_utf8_lossy(bytes);
    let syntax = syntax::parse(&text, display_name).map_err(|error| vec![error])?;
    let mut reader = Reader {
        file: GoMod::default(),
        errors: Vec::new(),
        strictness,
    };
    for stmt in &syntax.stmts {
        match stmt {
            Stmt::Comments(_) => {}
            Stmt::Line(line) => {
                let Some((verb, args)) = line.tokens.split_first() else {
                    continue;
                };
                reader.directive(line, None, verb, args);
            }
            Stmt::Block(block) => reader.block(block),
        }
    }
    let Reader {
        mut file, errors, ..
    } = reader;
    file.syntax = syntax;
    if errors.is_empty() {
        Ok(file)
    } else {
        Err(errors)
    }
}

struct Reader {
    file: GoMod,
    errors: Vec<FileError>,
    strictness: Strictness,
}

/// True for a `// indirect` comment, alone or followed by `;`.
pub(super) fn is_indirect(suffix: Option<&str>) -> bool {
    let Some(text) = suffix.and_then(|comment| comment.strip_prefix("//")) else {
        return false;
    };
    let text = text.trim_start();
    text.trim_end() == "indirect" || text.starts_with("indirect;")
}

/// Refuses what is no version but asks for one (`v1`, `master`).
fn exact(verb: &str, path: &str, version: &str) -> Result<(), String> {
    match semver::canonical(version) {
        Some(canonical) if canonical == version => Ok(()),
        _ => Err(format!(
            "{verb} {path}: version {} invalid: must be of the form v1.2.3",
            quote(version)
        )),
    }
}

fn is_dir_path(path: &str) -> bool {
    path == "."
        || path == ".."
        || path.starts_with("./")
        || path.starts_with("../")
        || path.starts_with('/')
}

impl Reader {
    fn error(&mut self, line: u32, text: impl Into<String>) {
        self.errors.push(FileError::at(line, text));
    }

    fn block(&mut self, block: &Block) {
        let known = [
            "module", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore",
        ];
        let verb = block.tokens[0].as_str();
        if block.tokens.len() > 1 || !known.contains(&verb) {
            if self.strictness == Strictness::Main {
                let name = block.tokens.join(" ");
                self.error(block.number, format!("unknown block type: {name}"));
            }
            return;
        }
        for line in &block.lines {
            self.directive(line, Some(block), verb, &line.tokens);
        }
    }

    fn directive(&mut self, line: &Line, block: Option<&Block>, verb: &str, args: &[String]) {
        if self.strictness == Strictness::Dependency
            && !matches!(
                verb,
                "go" | "module" | "retract" | "require" | "ignore" | "toolchain"
            )
        {
            return;
        }
        let number = line.number;
        let mut values = Vec::new();
        for token in args {
            if !token.starts_with('"') && token.contains(['"', '`']) {
                let text = "invalid quoted string: unquoted string cannot contain quote";
                return self.error(number, text);
            }
            match syntax::unquote(token) {
                Some(value) => values.push(value),
                None => return self.error(number, format!("invalid quoted string: {token}")),
            }
        }
        let result = match verb {
            "go" => self.go(&values),
            "toolchain" => self.toolchain(&values),
            "module" => self.module(line, block, &values),
            "godebug" => self.godebug(&values),
            "require" => self.require(line, &values),
            "exclude" => self.exclude(&values),
            "replace" => self.replace(line, &values),
            "retract" => self.retract(line, block, &values),
            "tool" | "ignore" => match values.as_slice() {
                [value] => {
                    if verb == "tool" {
                        &mut self.file.tool
                    } else {
                        &mut self.file.ignore
                    }
                    .push(value.clone());
                    Ok(())
                }
                _ => Err(format!("{verb} directive expects exactly one argument")),
            },
            _ => Err(format!("unknown directive: {verb}")),
        };
        if let Err(text) = result {
            self.error(number, text);
        }
    }

    fn go(&mut self, values: &[String]) -> Result<(), String> {
        if self.file.go.is_some() {
            return Err("repeated go statement".to_string());
        }
        let [version] = values else {
            return Err("go directive expects exactly one argument".to_string());
        };
        let mut version = version.clone();
        if semver::parse_go_version(&version).is_none() || version.contains(['-', ' ']) {
            // Dependencies written for old releases sometimes say `go 1.13x`.
            let lax =
                lax_go_version(&version).filter(|_| self.strictness == Strictness::Dependency);
            version = lax.ok_or(format!(
                "invalid go version '{version}': must match format 1.23.0"
            ))?;
        }
        self.file.go = Some(version);
        Ok(())
    }

    fn toolchain(&mut self, values: &[String]) -> Result<(), String> {
        if self.file.toolchain.is_some() {
            return Err("repeated toolchain statement".to_string());
        }
        let [name] = values else {
            return Err("toolchain directive expects exactly one argument".to_string());
        };
        let good = name == "default"
            || name
                .strip_prefix("go1")
                .is_some_and(|_| semver::parse_go_version(&name[2..]).is_some());
        if !good && self.strictness == Strictness::Main {
            return Err(format!(
                "invalid toolchain version '{name}': must match format go1.23.0 or default"
            ));
        }
        self.file.toolchain = Some(name.clone());
        Ok(())
    }

    fn module(
        &mut self,
        line: &Line,
        block: Option<&Block>,
        values: &[String],
    ) -> Result<(), String> {
        if self.file.module.is_some() {
            return Err("repeated module statement".to_string());
        }
        let [path] = values else {
            return Err("usage: module module/path".to_string());
        };
        self.file.module = Some(path.clone());
        self.file.deprecated = deprecation(&comment_text(line, block));
        Ok(())
    }

    fn godebug(&mut self, values: &[String]) -> Result<(), String> {
        let usage = || "usage: godebug key=value".to_string();
        let [setting] = values else {
            return Err(usage());
        };
        let (key, value) = setting.split_once('=').ok_or_else(usage)?;
        if setting.contains(['"', '`', '\'', ',']) {
            return Err(usage());
        }
        self.file.godebug.push((key.to_string(), value.to_string()));
        Ok(())
    }

    fn versioned(&self, verb: &str, path: &str, version: &str) -> Result<String, String> {
        if path != "go" && path != "toolchain" {
            module_path::split_path_version(path)
                .ok_or_else(|| format!("malformed module path {}: invalid version", quote(path)))?;
        }
        match semver::canonical(version) {
            Some(canonical) if canonical == version => {
                module_path::check_version_for_path(path, version)
                    .map_err(|text| format!("{verb} {path}: {text}"))?;
                Ok(canonical)
            }
            // A query: resolved later with -mod=mod, an error otherwise.
            _ => Ok(version.to_string()),
        }
    }

    fn require(&mut self, line: &Line, values: &[String]) -> Result<(), String> {
        let [path, version] = values else {
            return Err("usage: require module/path v1.2.3".to_string());
        };
        let version = self.versioned("require", path, version)?;
        let indirect = is_indirect(line.suffix.as_deref());
        self.file.require.push(Require {
            path: path.clone(),
            version,
            indirect,
            line: line.number,
        });
        Ok(())
    }

    fn exclude(&mut self, values: &[String]) -> Result<(), String> {
        let [path, version] = values else {
            return Err("usage: exclude module/path v1.2.3".to_string());
        };
        let version = self.versioned("exclude", path, version)?;
        if self.strictness == Strictness::Main {
            exact("exclude", path, &version)?;
        }
        self.file.exclude.push(Exclude {
            path: path.clone(),
            version,
        });
        Ok(())
    }

    fn replace(&mut self, line: &Line, values: &[String]) -> Result<(), String> {
        let usage = || {
            "usage: replace module/path [v1.2.3] => other/module v1.4\n\t or replace module/path [v1.2.3] => ../local/directory"
                .to_string()
        };
        let arrow = values
            .iter()
            .position(|value| value == "=>")
            .ok_or_else(usage)?;
        let (old, new) = (&values[..arrow], &values[arrow + 1..]);
        let (old_path, old_version) = match old {
            [path] => (path.clone(), String::new()),
            [path, version] => (path.clone(), version.clone()),
            _ => return Err(usage()),
        };
        if !old_version.is_empty() {
            if semver::canonical(&old_version).is_none() {
                return Err(format!(
                    "replace {old_path}: version {} invalid: must be of the form v1.2.3",
                    quote(&old_version)
                ));
            }
            module_path::check_version_for_path(&old_path, &old_version)
                .map_err(|text| format!("replace {old_path}: {text}"))?;
        }
        let (new_path, new_version) = match new {
            [path] => (path.clone(), String::new()),
            [path, version] => (path.clone(), version.clone()),
            _ => return Err(usage()),
        };
        if new_version.is_empty() {
            if !is_dir_path(&new_path) {
                if new_path.contains('@') {
                    return Err(
                        "replacement module must match format 'path version', not 'path@version'"
                            .to_string(),
                    );
                }
                return Err(
                    "replacement module without version must be directory path (rooted or starting with . or ..)"
                        .to_string(),
                );
            }
        } else if is_dir_path(&new_path) {
            return Err(format!(
                "replacement module directory path {} cannot have version",
                quote(&new_path)
            ));
        }
        self.file.replace.push(Replace {
            old_path,
            old_version,
            new_path,
            new_version,
            line: line.number,
        });
        Ok(())
    }

    fn retract(
        &mut self,
        line: &Line,
        block: Option<&Block>,
        values: &[String],
    ) -> Result<(), String> {
        let words: Vec<&str> = values.iter().map(String::as_str).collect();
        let (low, high) = match words.as_slice() {
            [version] => (*version, *version),
            ["[", low, ",", high, "]"] => (*low, *high),
            _ if self.strictness == Strictness::Dependency => return Ok(()),
            ["[", ..] => {
                return Err("expected '[', low version, ',', high version, ']'".to_string());
            }
            _ => return Err("expected version or '[' after 'retract'".to_string()),
        };
        if self.strictness == Strictness::Main
            && (!semver::is_valid(low) || !semver::is_valid(high))
        {
            let bad = if semver::is_valid(low) { high } else { low };
            return Err(format!(
                "version {} invalid: must be of the form v1.2.3",
                quote(bad)
            ));
        }
        if self.strictness == Strictness::Main
            && let Some(module) = self.file.module.clone()
        {
            for version in [low, high] {
                self.versioned("retract", &module, version)?;
                exact("retract", &module, version)?;
            }
        }
        let rationale = comment_text(line, block);
        self.file.retract.push(Retract {
            low: low.to_string(),
            high: high.to_string(),
            rationale,
        });
        Ok(())
    }
}

/// `1.13` of `1.13x` or `v1.13`.
fn lax_go_version(text: &str) -> Option<String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (major, rest) = text.split_once('.')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let good = !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty();
    good.then(|| format!("{major}.{digits}"))
}

/// The words of the comments of a line; those of its block if it has none itself.
fn comment_text(line: &Line, block: Option<&Block>) -> String {
    let mut comments: Vec<&String> = line.before.iter().chain(&line.suffix).collect();
    if let Some(block) = block
        && comments.iter().all(|comment| comment.is_empty())
    {
        comments = block.before.iter().chain(&block.open_suffix).collect();
    }
    let texts: Vec<&str> = comments
        .iter()
        .filter_map(|comment| comment.strip_prefix("//"))
        .map(str::trim)
        .collect();
    texts.join("\n")
}

/// The paragraph that starts with `Deprecated:`.
fn deprecation(text: &str) -> String {
    for paragraph in text.split("\n\n") {
        if let Some(rest) = paragraph.trim().strip_prefix("Deprecated:") {
            return rest.trim().to_string();
        }
    }
    String::new()
}

impl GoMod {
    /// The replacement for a module version, the exact version's line first.
    pub fn replacement(&self, path: &str, version: &str) -> Option<&Replace> {
        let of_path = || {
            self.replace
                .iter()
                .filter(|replace| replace.old_path == path)
        };
        of_path()
            .rfind(|replace| !replace.old_version.is_empty() && replace.old_version == version)
            .or_else(|| of_path().rfind(|replace| replace.old_version.is_empty()))
    }

    /// True if the version is excluded.
    pub fn is_excluded(&self, path: &str, version: &str) -> bool {
        self.exclude
            .iter()
            .any(|exclude| exclude.path == path && exclude.version == version)
    }

    /// Why the version is retracted, if it is.
    pub fn retraction(&self, version: &str) -> Option<&Retract> {
        use std::cmp::Ordering::Greater;
        self.retract.iter().find(|retract| {
            semver::compare(&retract.low, version) != Greater
                && semver::compare(version, &retract.high) != Greater
                && semver::compare(&retract.low, &retract.high) != Greater
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        match parse(text.as_bytes(), "go.mod", Strictness::Main) {
            Ok(_) => String::new(),
            Err(errors) => errors
                .iter()
                .map(|error| error.render("go.mod"))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    #[test]
    fn every_directive() {
        let text = "// Deprecated: use n.\nmodule example.com/m\n\ngo 1.27\n\ntoolchain go1.27.3\n\ngodebug (\n\tdefault=go1.21\n)\n\nrequire (\n\texample.com/a v1.2.3\n\texample.com/b/v2 v2.0.0 // indirect\n)\n\nexclude example.com/a v1.2.2\n\nreplace example.com/a v1.2.3 => ../a\n\nreplace example.com/c => example.com/d v1.0.0\n\nretract (\n\tv1.0.0 // oops\n\t[v1.1.0, v1.1.9]\n)\n\ntool example.com/a/cmd\n\nignore ./node_modules\n";
        let file = parse(text.as_bytes(), "go.mod", Strictness::Main).unwrap();
        assert_eq!(file.module.as_deref(), Some("example.com/m"));
        assert_eq!(file.deprecated, "use n.");
        assert_eq!(
            (file.go.as_deref(), file.toolchain.as_deref()),
            (Some("1.27"), Some("go1.27.3"))
        );
        assert_eq!(
            file.godebug,
            [("default".to_string(), "go1.21".to_string())]
        );
        assert_eq!(file.require.len(), 2);
        assert!(!file.require[0].indirect && file.require[1].indirect);
        assert!(file.is_excluded("example.com/a", "v1.2.2"));
        assert!(
            file.replacement("example.com/a", "v1.2.3")
                .unwrap()
                .is_dir()
        );
        assert!(file.replacement("example.com/a", "v1.2.4").is_none());
        assert_eq!(
            file.replacement("example.com/c", "v9.9.9")
                .unwrap()
                .new_path,
            "example.com/d"
        );
        assert_eq!(file.retraction("v1.0.0").unwrap().rationale, "oops");
        assert!(file.retraction("v1.1.5").is_some() && file.retraction("v1.2.0").is_none());
        assert_eq!((file.tool.len(), file.ignore.len()), (1, 1));
        assert_eq!(file.syntax.format(), text);
    }

    #[test]
    fn error_texts() {
        let check = |text: &str, want: &str| assert_eq!(errors(text), want, "{text}");
        check("module m\nfoo bar\n", "go.mod:2: unknown directive: foo");
        check(
            "module m\nrequire example.com/x v2.0.0\n",
            "go.mod:2: require example.com/x: version \"v2.0.0\" invalid: should be v0 or v1, not v2",
        );
        check(
            "module m\nrequire example.com/x\n",
            "go.mod:2: usage: require module/path v1.2.3",
        );
        check(
            "module m\ngo abc\n",
            "go.mod:2: invalid go version 'abc': must match format 1.23.0",
        );
        check(
            "module m\nmodule n\n",
            "go.mod:2: repeated module statement",
        );
        check(
            "module m\ntoolchain foo\n",
            "go.mod:2: invalid toolchain version 'foo': must match format go1.23.0 or default",
        );
        check(
            "module m\nreplace a => b\n",
            "go.mod:2: replacement module without version must be directory path (rooted or starting with . or ..)",
        );
        check(
            "module m\nreplace example.com/a v1.0.0 => ./b v1.0.0\n",
            "go.mod:2: replacement module directory path \"./b\" cannot have version",
        );
        check(
            "module m\nexclude example.com/a\n",
            "go.mod:2: usage: exclude module/path v1.2.3",
        );
        check(
            "module m\ngodebug foo\n",
            "go.mod:2: usage: godebug key=value",
        );
        check(
            "module m\nrequire )\n",
            "go.mod:2: usage: require module/path v1.2.3",
        );
        check("module m m2\n", "go.mod:1: usage: module module/path");
        check(
            "module m\ngo 1.21\ngo 1.22\n",
            "go.mod:3: repeated go statement",
        );
        check(
            "module m\nunknown (\n a b\n)\n",
            "go.mod:2: unknown block type: unknown",
        );
        check(
            "module m\nfoo\nbar\n",
            "go.mod:2: unknown directive: foo\ngo.mod:3: unknown directive: bar",
        );
    }

    #[test]
    fn dependencies_are_read_leniently() {
        let file = parse(
            b"module m\ngo 1.13x\nfoo bar\nweird (\n a\n)\n",
            "go.mod",
            Strictness::Dependency,
        )
        .unwrap();
        assert_eq!(file.go.as_deref(), Some("1.13"));
    }
}
