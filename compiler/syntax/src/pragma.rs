//! Compiler directives that stand in the wrong place or are written wrongly.
//!
//! A directive belongs to the declaration whose first token is the next token. gc finds mistakes
//! at two times, and so [`check`] returns two lists: what its parser finds (reported with the
//! syntax errors, and not keeping the package from being type-checked), and what it finds only in
//! packages that have passed the type checker.
//!
//! The kinds of directives are those of `go doc cmd/compile`, "Compiler Directives".

use base::{FxHashMap, FxHashSet};
use diagnostics::Diagnostic;
use source::{Pos, SourceFile};

use crate::ast::*;
use crate::lexer::Lexer;
use crate::token::Tok;

/// Code of these errors.
pub const DIRECTIVE: &str = "Directive";

/// Directives about functions.
const FUNCTION_FLAGS: &[&str] = &[
    "go:noinline",
    "go:nosplit",
    "go:noescape",
    "go:norace",
    "go:nocheckptr",
    "go:systemstack",
    "go:nowritebarrier",
    "go:nowritebarrierrec",
    "go:yeswritebarrierrec",
    "go:nointerface",
    "go:uintptrescapes",
    "go:uintptrkeepalive",
    "go:registerparams",
    "go:cgo_unsafe_args",
];
const RUNTIME_ONLY: &[&str] = &[
    "go:systemstack",
    "go:nowritebarrier",
    "go:nowritebarrierrec",
    "go:yeswritebarrierrec",
];

/// What is wrong with a file's directives.
#[derive(Debug, Default)]
pub struct Mistakes {
    /// To be reported with the file's syntax errors.
    pub early: Vec<Diagnostic>,
    /// To be reported if the package has no other errors.
    pub late: Vec<Diagnostic>,
}

/// What a package may use.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// It belongs to the standard library, whose directives are all known.
    pub std: bool,
    /// It is part of the runtime, which has directives of its own.
    pub runtime: bool,
    /// The module's language version, (1, N).
    pub go_version: (u32, u32),
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            std: false,
            runtime: false,
            go_version: (1, 27),
        }
    }
}

/// Directives of the standard library besides those about functions.
const OTHER_VERBS: &[&str] = &[
    "go:build",
    "go:embed",
    "go:generate",
    "go:linkname",
    "go:linknamestd",
    "go:fix",
    "go:debug",
    "go:notinheap",
    "go:wasmimport",
    "go:wasmexport",
];

/// Checks the directives of `tree`, which was parsed from `file`. `package`: all files of the package.
pub fn check(file: &SourceFile, tree: &File, package: &[&File], rules: Rules) -> Mistakes {
    if tree.directives.is_empty() || tree.no_package {
        return Mistakes::default();
    }
    let mut checker = Checker {
        file,
        tree,
        package,
        rules,
        found: Mistakes::default(),
    };
    checker.check_texts();
    checker.check_places();
    checker.check_linknames();
    for list in [&mut checker.found.early, &mut checker.found.late] {
        list.sort_by_key(|d| d.pos);
    }
    checker.found
}

/// What a directive is about, as far as its place matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Embed,
    /// `//go:build`, which belongs in front of the package clause.
    Build,
    /// No matter where.
    Other,
}

fn kind(text: &str) -> Kind {
    let (verb, _) = split_verb(text);
    match verb {
        "go:embed" => Kind::Embed,
        "go:build" => Kind::Build,
        _ if FUNCTION_FLAGS.contains(&verb) => Kind::Flag,
        _ => Kind::Other,
    }
}

fn split_verb(text: &str) -> (&str, &str) {
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.split_once([' ', '\t']) {
        // Only embed patterns may be set off by a tab.
        Some((verb, rest)) if verb == "go:embed" || text.as_bytes()[verb.len()] == b' ' => {
            (verb, rest)
        }
        _ => (text, ""),
    }
}

struct Checker<'a> {
    file: &'a SourceFile,
    tree: &'a File,
    package: &'a [&'a File],
    rules: Rules,
    found: Mistakes,
}

impl Checker<'_> {
    fn early(&mut self, directive: &Directive, message: impl Into<String>) {
        self.found.early.push(Diagnostic::error(
            DIRECTIVE,
            directive.pos.offset(2),
            message,
        ));
    }

    fn late(&mut self, pos: Pos, message: impl Into<String>) {
        self.found
            .late
            .push(Diagnostic::error(DIRECTIVE, pos, message));
    }

    fn imports(&self, path: &str) -> bool {
        self.tree
            .decls
            .iter()
            .any(|&decl| match &self.tree.decl_arena[decl].kind {
                DeclKind::Import { path: literal, .. } => match &self.tree.exprs[*literal].kind {
                    ExprKind::BasicLit { text, .. } => &text[1..text.len() - 1] == path,
                    _ => false,
                },
                _ => false,
            })
    }

    /// Wrong forms, and directives that are not for everyone.
    fn check_texts(&mut self) {
        for directive in &self.tree.directives {
            let (verb, rest) = split_verb(&directive.text);
            let line = directive.text.trim_end_matches('\r');
            match verb {
                "go:linkname"
                    if !matches!(rest.split_whitespace().count(), 1 | 2) && !rest.is_empty() =>
                {
                    self.early(directive, "usage: //go:linkname localname [linkname]");
                }
                "go:wasmimport" if rest.split_whitespace().count() != 2 => {
                    self.early(directive, "usage: //go:wasmimport importmodule importname");
                }
                "go:wasmexport" if rest.split_whitespace().count() != 1 && !rest.is_empty() => {
                    self.early(directive, "usage: //go:wasmexport exportname");
                }
                "go:embed" => match embed_patterns(rest) {
                    Ok(patterns) if !patterns.is_empty() => {}
                    Ok(_) => self.early(directive, "usage: //go:embed pattern..."),
                    Err(at) => {
                        self.early(
                            directive,
                            format!("invalid quoted string in //go:embed: {at}"),
                        );
                        self.early(directive, "usage: //go:embed pattern...");
                    }
                },
                _ if self.rules.std || self.rules.runtime => {
                    let known = FUNCTION_FLAGS.contains(&verb)
                        || OTHER_VERBS.contains(&verb)
                        || verb.starts_with("go:cgo_")
                        || !verb.starts_with("go:");
                    if !known && self.rules.std {
                        self.early(
                            directive,
                            format!("//{verb} is not allowed in the standard library"),
                        );
                    }
                }
                "go:uintptrkeepalive" => {
                    self.early(
                        directive,
                        "//go:uintptrkeepalive is only allowed in the standard library",
                    );
                }
                _ if RUNTIME_ONLY.contains(&verb) => {
                    self.early(directive, format!("//{verb} only allowed in runtime"));
                }
                "go:cgo_import_dynamic" if rest.split_whitespace().count() >= 3 => {}
                _ if verb.starts_with("go:cgo_") => {
                    self.early(
                        directive,
                        format!("//{line} only allowed in cgo-generated code"),
                    );
                }
                _ => {}
            }
        }
    }

    /// Directives that no declaration takes, or the wrong one.
    fn check_places(&mut self) {
        let tree = self.tree;
        let placed: Vec<&Directive> = tree
            .directives
            .iter()
            .filter(|d| kind(&d.text) != Kind::Other)
            .collect();
        if placed.is_empty() {
            return;
        }
        let mut starts: FxHashMap<Pos, DeclId> = FxHashMap::default();
        for (id, decl) in tree.decl_arena.iter_enumerated() {
            starts.insert(decl.span.lo, id);
        }
        let local: FxHashSet<DeclId> = {
            let top: FxHashSet<DeclId> = tree.decls.iter().copied().collect();
            tree.decl_arena
                .ids()
                .filter(|id| !top.contains(id))
                .collect()
        };
        let mut lexer = Lexer::new(&self.file.src);
        let mut token = lexer.next_token();
        let mut first_decl = None;
        // Embed directives by the declaration that takes them.
        let mut embeds: Vec<(DeclId, &Directive)> = Vec::new();
        for directive in placed {
            let kind = kind(&directive.text);
            while self.file.pos(token.lo) < directive.pos && token.tok != Tok::Eof {
                token = lexer.next_token();
            }
            let mut owner = starts
                .get(&self.file.pos(token.lo))
                .copied()
                .filter(|_| token.tok != Tok::Eof);
            if directive.pos < tree.package_pos {
                match kind {
                    Kind::Build => continue,
                    Kind::Embed => {
                        self.early(directive, "misplaced go:embed directive");
                        continue;
                    }
                    // Waits for the first declaration.
                    Kind::Flag | Kind::Other => {
                        let &mut decl = first_decl.get_or_insert(tree.decls.first().copied());
                        owner = decl;
                    }
                }
            }
            let Some(owner) = owner else {
                self.early(directive, misplaced(kind));
                continue;
            };
            match (&tree.decl_arena[owner].kind, kind) {
                (DeclKind::Func { .. }, Kind::Flag) if directive.pos > tree.package_pos => {}
                (DeclKind::Var { .. }, Kind::Embed) => embeds.push((owner, directive)),
                (_, kind) => self.late(directive.pos.offset(2), misplaced(kind)),
            }
            if let DeclKind::Func { name, .. } = &tree.decl_arena[owner].kind
                && split_verb(&directive.text).0 == "go:uintptrkeepalive"
                && !flags_of(tree, owner).any(|verb| verb == "go:nosplit")
            {
                let pos = tree.names[*name].pos;
                self.late(pos, "go:uintptrkeepalive requires go:nosplit");
            }
            if let (
                DeclKind::Func {
                    body: Some(_),
                    name,
                    ..
                },
                "go:noescape",
            ) = (&tree.decl_arena[owner].kind, split_verb(&directive.text).0)
            {
                let pos = tree.names[*name].pos;
                self.late(
                    pos,
                    "can only use //go:noescape with external func implementations",
                );
            }
        }
        embeds.dedup_by_key(|(owner, _)| *owner);
        let imported = self.imports("embed");
        for (owner, directive) in embeds {
            let DeclKind::Var { names, values, .. } = &tree.decl_arena[owner].kind else {
                continue;
            };
            let (major, minor) = self.rules.go_version;
            let old;
            let message = if (major, minor) < (1, 16) {
                old = format!(
                    "go:embed requires go1.16 or later (-lang was set to go{major}.{minor}; check go.mod)"
                );
                &old
            } else if !imported {
                "go:embed requires import \"embed\" (or import _ \"embed\", if package is not used)"
            } else if names.len() > 1 {
                "go:embed cannot apply to multiple vars"
            } else if !values.is_empty() {
                "go:embed cannot apply to var with initializer"
            } else if local.contains(&owner) {
                "go:embed cannot apply to var inside func"
            } else {
                continue;
            };
            self.late(directive.pos.offset(2), message);
        }
    }

    fn check_linknames(&mut self) {
        let tree = self.tree;
        let linknames: Vec<(&Directive, &str)> = tree
            .directives
            .iter()
            .filter_map(|directive| {
                let (verb, rest) = split_verb(&directive.text);
                let mut words = rest.split_whitespace();
                let local = words.next().filter(|_| verb == "go:linkname")?;
                (words.count() <= 1).then_some((directive, local))
            })
            .collect();
        if linknames.is_empty() {
            return;
        }
        if !self.imports("unsafe") {
            for (directive, _) in linknames {
                self.late(
                    directive.pos.offset(2),
                    "//go:linkname only allowed in Go files that import \"unsafe\"",
                );
            }
            return;
        }
        let mut declared: FxHashSet<&str> = FxHashSet::default();
        for tree in self.package {
            for &decl in &tree.decls {
                match &tree.decl_arena[decl].kind {
                    DeclKind::Var { names, .. } => {
                        declared.extend(names.iter().map(|&name| tree.sym(name).as_str()))
                    }
                    DeclKind::Func {
                        recv: None, name, ..
                    } if tree.sym(*name).as_str() != "init" => {
                        declared.insert(tree.sym(*name).as_str());
                    }
                    _ => {}
                }
            }
        }
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        for (directive, local) in linknames {
            let pos = directive.pos.offset(2);
            let instantiated = directive.text.contains("[go.shape.")
                || directive
                    .text
                    .split_whitespace()
                    .nth(2)
                    .is_some_and(|target| target.contains('['));
            if instantiated {
                self.late(
                    pos,
                    "//go:linkname reference of an instantiation is not allowed",
                );
            } else if !declared.contains(local) {
                // Old code may refer to what is not there.
                if self.rules.go_version >= (1, 18) {
                    self.late(
                        pos,
                        "//go:linkname must refer to declared function or variable",
                    );
                }
            } else if !seen.insert(local) {
                self.late(pos, format!("duplicate //go:linkname for {local}"));
            }
        }
    }
}

/// The directives between a declaration and what comes before it.
fn flags_of(tree: &File, owner: DeclId) -> impl Iterator<Item = &str> {
    let start = tree.decl_arena[owner].span.lo;
    let before = tree
        .decls
        .iter()
        .map(|&decl| tree.decl_arena[decl].span.hi)
        .filter(|&end| end <= start)
        .max()
        .unwrap_or(tree.package_pos);
    tree.directives
        .iter()
        .filter(move |directive| before <= directive.pos && directive.pos < start)
        .map(|directive| split_verb(&directive.text).0)
}

fn misplaced(kind: Kind) -> &'static str {
    match kind {
        Kind::Embed => "misplaced go:embed directive",
        Kind::Flag | Kind::Build | Kind::Other => "misplaced compiler directive",
    }
}

/// The patterns of a `//go:embed` directive: words, or Go strings for patterns with spaces. On
/// failure the rest of the text from the broken string on.
pub fn embed_patterns(text: &str) -> Result<Vec<String>, &str> {
    let mut patterns = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let len = match rest.as_bytes()[0] {
            b'`' => rest[1..].find('`').ok_or(rest)? + 2,
            b'"' => {
                let mut escaped = false;
                let close = rest[1..].bytes().position(|b| {
                    let end = b == b'"' && !escaped;
                    escaped = b == b'\\' && !escaped;
                    end
                });
                close.ok_or(rest)? + 2
            }
            _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, tail) = rest.split_at(len);
        if tail.starts_with(|c: char| !c.is_whitespace()) {
            return Err(tail);
        }
        patterns.push(unquote(word).ok_or(rest)?);
        rest = tail.trim_start();
    }
    Ok(patterns)
}

/// The value of a word: that of the string literal if it is one.
fn unquote(word: &str) -> Option<String> {
    match word.as_bytes()[0] {
        b'`' => Some(word[1..word.len() - 1].replace('\r', "")),
        b'"' => {
            let mut lexer = Lexer::new(word.as_bytes());
            let token = lexer.next_token();
            if token.bad || token.hi as usize != word.len() {
                return None;
            }
            let mut value = Vec::new();
            let mut chars = word[1..word.len() - 1].chars();
            while let Some(c) = chars.next() {
                if c != '\\' {
                    value.extend(c.encode_utf8(&mut [0; 4]).bytes());
                    continue;
                }
                let escape = chars.next()?;
                let mut number = |digits: usize, base: u32, start: u32| {
                    (0..digits)
                        .try_fold(start, |n, _| Some(n * base + chars.next()?.to_digit(base)?))
                };
                match escape {
                    'a' => value.push(7),
                    'b' => value.push(8),
                    'f' => value.push(12),
                    'n' => value.push(b'\n'),
                    'r' => value.push(b'\r'),
                    't' => value.push(b'\t'),
                    'v' => value.push(11),
                    'x' => value.push(number(2, 16, 0)? as u8),
                    'u' | 'U' => {
                        let c = char::from_u32(number(if escape == 'u' { 4 } else { 8 }, 16, 0)?)?;
                        value.extend(c.encode_utf8(&mut [0; 4]).bytes());
                    }
                    '0'..='7' => value.push(number(2, 8, escape.to_digit(8)?)? as u8),
                    other => value.push(other as u8),
                }
            }
            Some(String::from_utf8_lossy(&value).into_owned())
        }
        _ => Some(word.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embed_patterns_are_words_and_strings() {
        let check = |text: &str, expected: Result<&[&str], &str>| {
            let actual = embed_patterns(text);
            let actual = actual
                .as_ref()
                .map(|list| list.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(actual.as_deref().map_err(|e| **e), expected, "{text}");
        };
        check("a b/c.txt\t*", Ok(&["a", "b/c.txt", "*"]));
        check("\"x y\" `z w`", Ok(&["x y", "z w"]));
        check("\"\\u00e9\\x41\\101\\\"\"", Ok(&["éAA\""]));
        check("", Ok(&[]));
        check("\"x", Err("\"x"));
        check("\"x\"y", Err("y"));
        check("a \"\\z\"", Err("\"\\z\""));
        check("x\"y z`", Ok(&["x\"y", "z`"]));
    }
}
