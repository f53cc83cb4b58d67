//! Changes to go.mod that keep comments and layout.
//!
//! `set_requirements` follows the documented behaviour of `go mod tidy` for modules at
//! go 1.17 and above: direct requirements live in one block, indirect ones in another;
//! lines of blocks that carry comments stay where they are; one uncommented block that holds both
//! kinds is split.

use super::file::{GoMod, Require, is_indirect};
use super::syntax::{self, Block, Line, Stmt, auto_quote};
use std::collections::BTreeMap;

fn set_indirect(line: &mut Line, indirect: bool) {
    let is = is_indirect(line.suffix.as_deref());
    if is == indirect {
        return;
    }
    if indirect {
        line.suffix = Some(match line.suffix.take() {
            None => "// indirect".to_string(),
            Some(old) => format!("// indirect; {}", old.trim_start_matches("//").trim()),
        });
        return;
    }
    let text = line.suffix.take().unwrap_or_default();
    let rest = text.trim_start_matches("//").trim();
    line.suffix = rest
        .strip_prefix("indirect;")
        .map(|rest| format!("// {}", rest.trim()));
}

fn require_line(require: &Require, with_verb: bool) -> Line {
    let mut tokens = vec![auto_quote(&require.path), require.version.clone()];
    if with_verb {
        tokens.insert(0, "require".to_string());
    }
    let suffix = require.indirect.then(|| "// indirect".to_string());
    Line {
        before: Vec::new(),
        tokens,
        suffix,
        number: 0,
    }
}

fn sort_key(line: &Line) -> (String, String) {
    let path = line.tokens.first().cloned().unwrap_or_default();
    (path, line.tokens.get(1).cloned().unwrap_or_default())
}

fn is_require_block(block: &Block) -> bool {
    block.tokens.first().is_some_and(|verb| verb == "require")
}

fn block_is_uncommented(block: &Block) -> bool {
    block.before.is_empty() && block.open_suffix.is_none()
}

fn line_has_own_comments(line: &Line) -> bool {
    line.before.iter().any(|comment| !comment.is_empty())
        || line.suffix.as_deref().is_some_and(|suffix| {
            let text = suffix.trim_start_matches("//").trim();
            text != "indirect"
        })
}

impl GoMod {
    /// Sets `go 1.N`, adding the directive after `module` if it is missing.
    pub fn set_go(&mut self, version: &str) {
        self.set_single("go", version);
        self.go = Some(version.to_string());
    }

    /// Sets or removes the toolchain directive.
    pub fn set_toolchain(&mut self, name: Option<&str>) {
        match name {
            Some(name) => self.set_single("toolchain", name),
            None => self.syntax.stmts.retain(
                |stmt| !matches!(stmt, Stmt::Line(line) if line.tokens.first().is_some_and(|verb| verb == "toolchain")),
            ),
        }
        self.toolchain = name.map(str::to_string);
    }

    fn set_single(&mut self, verb: &str, value: &str) {
        let is = |stmt: &Stmt, verb: &str| matches!(stmt, Stmt::Line(line) if line.tokens.first().is_some_and(|word| word == verb));
        if let Some(Stmt::Line(line)) = self.syntax.stmts.iter_mut().find(|stmt| is(stmt, verb)) {
            line.tokens = vec![verb.to_string(), value.to_string()];
            return;
        }
        let line = Line {
            tokens: vec![verb.to_string(), value.to_string()],
            ..Line::default()
        };
        let anchors = if verb == "toolchain" {
            ["go", "module"]
        } else {
            ["module", "module"]
        };
        let at = anchors
            .iter()
            .find_map(|anchor| self.syntax.stmts.iter().position(|stmt| is(stmt, anchor)));
        self.syntax
            .stmts
            .insert(at.map_or(0, |at| at + 1), Stmt::Line(line));
    }

    /// Makes the requirements exactly these. `separate` splits direct from indirect
    /// ones (go 1.17 and above); else all go into the last require block.
    pub fn set_requirements(&mut self, requirements: &[Require], separate: bool) {
        let mut wanted: BTreeMap<&str, &Require> = requirements
            .iter()
            .map(|require| (require.path.as_str(), require))
            .collect();
        // Where moved and new lines of each kind go: index of a statement.
        let (direct_block, indirect_block, last_uncommented_was_mixed) =
            self.choose_blocks(separate);
        let mut moved: [Vec<Line>; 2] = [Vec::new(), Vec::new()];
        let stmts = std::mem::take(&mut self.syntax.stmts);
        let mut kept: Vec<(usize, Stmt)> = Vec::new();
        for (at, stmt) in stmts.into_iter().enumerate() {
            match stmt {
                Stmt::Line(mut line)
                    if line.tokens.first().is_some_and(|verb| verb == "require") =>
                {
                    let path = line
                        .tokens
                        .get(1)
                        .and_then(|token| syntax::unquote(token))
                        .unwrap_or_default();
                    if let Some(require) = wanted.remove(path.as_str()) {
                        line.tokens[2].clone_from(&require.version);
                        set_indirect(&mut line, require.indirect);
                        let home = if require.indirect {
                            indirect_block
                        } else {
                            direct_block
                        };
                        let wrong_home = require.indirect && direct_block == Some(at)
                            || !require.indirect && indirect_block == Some(at);
                        if separate
                            && wrong_home
                            && home != Some(at)
                            && !line_has_own_comments(&line)
                        {
                            line.tokens.remove(0);
                            moved[usize::from(require.indirect)].push(line);
                        } else {
                            kept.push((at, Stmt::Line(line)));
                        }
                    }
                }
                Stmt::Block(mut block) if is_require_block(&block) => {
                    let mut lines = Vec::new();
                    for mut line in std::mem::take(&mut block.lines) {
                        let path = line
                            .tokens
                            .first()
                            .and_then(|token| syntax::unquote(token))
                            .unwrap_or_default();
                        let Some(require) = wanted.remove(path.as_str()) else {
                            continue;
                        };
                        line.tokens[1].clone_from(&require.version);
                        set_indirect(&mut line, require.indirect);
                        let split = last_uncommented_was_mixed == Some(at) && require.indirect;
                        let wrong_home = require.indirect
                            && direct_block == Some(at)
                            && indirect_block != Some(at)
                            || !require.indirect
                                && indirect_block == Some(at)
                                && direct_block != Some(at);
                        if separate && (wrong_home || split) && !line_has_own_comments(&line) {
                            line.before.clear();
                            moved[usize::from(require.indirect)].push(line);
                        } else {
                            lines.push(line);
                        }
                    }
                    block.lines = lines;
                    kept.push((at, Stmt::Block(block)));
                }
                other => kept.push((at, other)),
            }
        }
        for require in wanted.into_values() {
            moved[usize::from(require.indirect && separate)].push(require_line(require, false));
        }
        let [direct, indirect] = moved;
        let indirect_home = if last_uncommented_was_mixed.is_some() {
            None
        } else {
            indirect_block
        };
        // Insert the indirect ones first: a new block for them goes after the direct one.
        place(&mut kept, direct, direct_block, None);
        place(&mut kept, indirect, indirect_home, direct_block);
        self.syntax.stmts = kept.into_iter().map(|(_, stmt)| stmt).collect();
        self.sort_require_blocks();
        self.cleanup();
        self.require = requirements.to_vec();
    }

    /// Statement indices of the last direct-only and the last indirect-only group, and of the
    /// only group if it holds both kinds.
    fn choose_blocks(&self, separate: bool) -> (Option<usize>, Option<usize>, Option<usize>) {
        let (mut direct, mut indirect) = (None, None);
        let mut groups = Vec::new();
        for (at, stmt) in self.syntax.stmts.iter().enumerate() {
            let (has_direct, has_indirect, plain) = match stmt {
                Stmt::Line(line) if line.tokens.first().is_some_and(|verb| verb == "require") => {
                    let indirect = is_indirect(line.suffix.as_deref());
                    (!indirect, indirect, line.before.is_empty())
                }
                Stmt::Block(block) if is_require_block(block) => {
                    let any = |want: bool| {
                        block
                            .lines
                            .iter()
                            .any(|line| is_indirect(line.suffix.as_deref()) == want)
                    };
                    (any(false), any(true), block_is_uncommented(block))
                }
                Stmt::Line(_) | Stmt::Block(_) | Stmt::Comments(_) => continue,
            };
            groups.push((at, has_direct, has_indirect, plain));
            if !plain {
                continue;
            }
            if !separate || (has_direct && !has_indirect) {
                direct = Some(at);
            } else if has_indirect && !has_direct {
                indirect = Some(at);
            }
        }
        let mixed = match groups.as_slice() {
            [(at, true, true, true)] if separate => Some(*at),
            _ => None,
        };
        (direct.or(mixed), indirect, mixed)
    }

    fn sort_require_blocks(&mut self) {
        for stmt in &mut self.syntax.stmts {
            if let Stmt::Block(block) = stmt
                && is_require_block(block)
            {
                // Blank lines separate groups; sorting merges them as `go mod tidy` does.
                block.lines.sort_by_key(sort_key);
                if let Some(first) = block.lines.first_mut() {
                    while first.before.first().is_some_and(String::is_empty) {
                        first.before.remove(0);
                    }
                }
            }
        }
    }

    /// Drops empty blocks and turns uncommented blocks of one line into lines.
    pub fn cleanup(&mut self) {
        let mut out = Vec::new();
        for stmt in std::mem::take(&mut self.syntax.stmts) {
            match stmt {
                Stmt::Block(block) if block.lines.is_empty() && block.close_before.is_empty() => {}
                Stmt::Block(mut block)
                    if block.lines.len() == 1 && block.close_before.is_empty() =>
                {
                    let mut line = block.lines.remove(0);
                    let mut before = block.before;
                    before.extend(
                        line.before
                            .into_iter()
                            .filter(|comment| !comment.is_empty()),
                    );
                    let mut tokens = block.tokens;
                    tokens.extend(line.tokens);
                    let suffix = line
                        .suffix
                        .take()
                        .or(block.open_suffix)
                        .or(block.close_suffix);
                    out.push(Stmt::Line(Line {
                        before,
                        tokens,
                        suffix,
                        number: line.number,
                    }));
                }
                other => out.push(other),
            }
        }
        self.syntax.stmts = out;
    }

    /// The file's text.
    pub fn format(&self) -> String {
        self.syntax.format()
    }
}

/// Adds lines to the group that was statement `home`, or to a new block after `after` (or the
/// last require statement, or the end).
fn place(
    kept: &mut Vec<(usize, Stmt)>,
    lines: Vec<Line>,
    home: Option<usize>,
    after: Option<usize>,
) {
    if lines.is_empty() {
        return;
    }
    let position = home.and_then(|home| kept.iter().position(|(at, _)| *at == home));
    if let Some(position) = position {
        let (at, stmt) = &mut kept[position];
        match stmt {
            Stmt::Block(block) => block.lines.extend(lines),
            Stmt::Line(line) => {
                let mut first = std::mem::take(line);
                first.tokens.remove(0);
                let before = std::mem::take(&mut first.before);
                let mut all = vec![first];
                all.extend(lines);
                let block = Block {
                    before,
                    tokens: vec!["require".to_string()],
                    lines: all,
                    ..Block::default()
                };
                *stmt = Stmt::Block(block);
            }
            Stmt::Comments(_) => {}
        }
        let _ = at;
        return;
    }
    let is_require = |stmt: &Stmt| match stmt {
        Stmt::Line(line) => line.tokens.first().is_some_and(|verb| verb == "require"),
        Stmt::Block(block) => is_require_block(block),
        Stmt::Comments(_) => false,
    };
    let block = Stmt::Block(Block {
        tokens: vec!["require".to_string()],
        lines,
        ..Block::default()
    });
    let anchor = after
        .and_then(|after| kept.iter().position(|(at, _)| *at == after))
        .or_else(|| kept.iter().rposition(|(_, stmt)| is_require(stmt)));
    // usize::MAX: no original statement, so no group chosen before refers to it.
    match anchor {
        Some(anchor) => kept.insert(anchor + 1, (usize::MAX, block)),
        None => kept.push((usize::MAX, block)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::{Strictness, parse};
    use super::*;

    fn check(before: &str, requirements: &[(&str, &str, bool)], want: &str) {
        let mut file = parse(before.as_bytes(), "go.mod", Strictness::Main).unwrap();
        let requirements: Vec<Require> = requirements
            .iter()
            .map(|(path, version, indirect)| Require {
                path: path.to_string(),
                version: version.to_string(),
                indirect: *indirect,
                line: 0,
            })
            .collect();
        file.set_requirements(&requirements, true);
        assert_eq!(file.format(), want);
        let parsed = parse(want.as_bytes(), "go.mod", Strictness::Main).unwrap();
        assert_eq!(parsed.require.len(), requirements.len());
    }

    #[test]
    fn indirect_requirements_get_their_own_block() {
        check(
            "module m\n\ngo 1.21\n\nrequire a.b/c v1.0.0\n",
            &[
                ("a.b/c", "v1.0.0", false),
                ("x.y/z", "v1.1.0", true),
                ("x.y/a", "v1.1.0", true),
            ],
            "module m\n\ngo 1.21\n\nrequire a.b/c v1.0.0\n\nrequire (\n\tx.y/a v1.1.0 // indirect\n\tx.y/z v1.1.0 // indirect\n)\n",
        );
    }

    #[test]
    fn versions_change_in_place_and_comments_stay() {
        check(
            "module m\n\nrequire (\n\t// why\n\ta.b/c v1.0.0\n\td.e/f v1.0.0 // note\n)\n",
            &[("a.b/c", "v1.2.0", false), ("d.e/f", "v1.0.0", false)],
            "module m\n\nrequire (\n\t// why\n\ta.b/c v1.2.0\n\td.e/f v1.0.0 // note\n)\n",
        );
    }

    #[test]
    fn one_mixed_block_is_split() {
        check(
            "module m\n\nrequire (\n\ta.b/c v1.0.0\n\td.e/f v1.0.0 // indirect\n\tg.h/i v1.0.0\n)\n",
            &[
                ("a.b/c", "v1.0.0", false),
                ("d.e/f", "v1.0.0", true),
                ("g.h/i", "v1.0.0", false),
            ],
            "module m\n\nrequire (\n\ta.b/c v1.0.0\n\tg.h/i v1.0.0\n)\n\nrequire d.e/f v1.0.0 // indirect\n",
        );
    }

    #[test]
    fn a_line_that_changes_kind_moves() {
        check(
            "module m\n\nrequire (\n\ta.b/c v1.0.0\n\tg.h/i v1.0.0\n)\n\nrequire (\n\td.e/f v1.0.0 // indirect\n\tz.z/z v1.0.0 // indirect\n)\n",
            &[
                ("a.b/c", "v1.0.0", true),
                ("d.e/f", "v1.0.0", false),
                ("g.h/i", "v1.0.0", false),
                ("z.z/z", "v1.0.0", true),
            ],
            "module m\n\nrequire (\n\td.e/f v1.0.0\n\tg.h/i v1.0.0\n)\n\nrequire (\n\ta.b/c v1.0.0 // indirect\n\tz.z/z v1.0.0 // indirect\n)\n",
        );
    }

    #[test]
    fn unwanted_requirements_disappear() {
        check(
            "module m\n\nrequire (\n\ta.b/c v1.0.0\n\tg.h/i v1.0.0\n)\n",
            &[("g.h/i", "v1.0.0", false)],
            "module m\n\nrequire g.h/i v1.0.0\n",
        );
        check("module m\n\nrequire a.b/c v1.0.0\n", &[], "module m\n");
        check(
            "module m\n",
            &[("g.h/i", "v1.0.0", false)],
            "module m\n\nrequire g.h/i v1.0.0\n",
        );
    }

    #[test]
    fn go_and_toolchain() {
        let mut file = parse(
            b"module m\n\nrequire a.b/c v1.0.0\n",
            "go.mod",
            Strictness::Main,
        )
        .unwrap();
        file.set_go("1.27");
        file.set_toolchain(Some("go1.27.3"));
        assert_eq!(
            file.format(),
            "module m\n\ngo 1.27\n\ntoolchain go1.27.3\n\nrequire a.b/c v1.0.0\n"
        );
        file.set_toolchain(None);
        file.set_go("1.28");
        assert_eq!(
            file.format(),
            "module m\n\ngo 1.28\n\nrequire a.b/c v1.0.0\n"
        );
    }
}
