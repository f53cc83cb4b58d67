//! The part of text/template that `go list -f` users need: fields, `if`/`else`/`with`/`range`, `join`, `len`,
//! `eq`, `ne`, `not`, `and`, `or`, `print`, `json`, string literals, trim markers. Anything else is an
//! error that names it.

use serde_json::Value;

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Print(Vec<String>),
    If(Vec<String>, Vec<Node>, Vec<Node>),
    With(Vec<String>, Vec<Node>, Vec<Node>),
    Range(Vec<String>, Vec<Node>, Vec<Node>),
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
}

/// Nesting deeper than this is refused.
const MAX_DEPTH: usize = 50;

enum Piece {
    Text(String),
    Action(Vec<String>),
}

fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim_next = false;
    while let Some(open) = rest.find("{{") {
        let mut before = &rest[..open];
        if trim_next {
            before = before.trim_start();
        }
        let inner = &rest[open + 2..];
        let close = inner.find("}}").ok_or("unclosed action")?;
        let mut action = &inner[..close];
        if action.starts_with("- ") {
            before = before.trim_end();
            action = &action[2..];
        }
        trim_next = action.ends_with(" -");
        if trim_next {
            action = &action[..action.len() - 2];
        }
        pieces.push(Piece::Text(before.to_string()));
        if !action.trim_start().starts_with("/*") {
            pieces.push(Piece::Action(words(action)?));
        }
        rest = &inner[close + 2..];
    }
    pieces.push(Piece::Text(if trim_next {
        rest.trim_start().to_string()
    } else {
        rest.to_string()
    }));
    Ok(pieces)
}

fn words(action: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut rest = action.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '`' => rest[1..]
                .find(first)
                .map(|at| at + 2)
                .ok_or("unterminated quoted string")?,
            '(' | ')' | '|' => 1,
            _ => rest
                .find(|c: char| c.is_whitespace() || "()|".contains(c))
                .unwrap_or(rest.len()),
        };
        out.push(rest[..end].to_string());
        rest = rest[end..].trim_start();
    }
    Ok(out)
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
}

/// What ended a list of nodes.
enum Closer {
    Eof,
    End,
    Else(Vec<String>),
}

impl Parser {
    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, Closer), String> {
        if depth > MAX_DEPTH {
            return Err("template nests too deep".to_string());
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text(text) if text.is_empty() => {}
                Piece::Text(text) => nodes.push(Node::Text(text)),
                Piece::Action(words) => match words.first().map(String::as_str) {
                    None => return Err("missing value for command".to_string()),
                    Some("end") => return Ok((nodes, Closer::End)),
                    Some("else") => return Ok((nodes, Closer::Else(words[1..].to_vec()))),
                    Some(keyword @ ("if" | "with" | "range")) => {
                        let keyword = keyword.to_string();
                        nodes.push(self.control(&keyword, words[1..].to_vec(), depth + 1)?);
                    }
                    Some("template" | "define" | "block" | "break" | "continue") => {
                        return Err(format!("unsupported template action {{{{{}}}}}", words[0]));
                    }
                    Some(_) => nodes.push(Node::Print(words)),
                },
            }
        }
        Ok((nodes, Closer::Eof))
    }

    fn control(
        &mut self,
        keyword: &str,
        condition: Vec<String>,
        depth: usize,
    ) -> Result<Node, String> {
        let (then, end) = self.list(depth)?;
        let otherwise = match end {
            Closer::Eof => return Err("unexpected EOF".to_string()),
            Closer::End => Vec::new(),
            Closer::Else(rest) => match rest.first().map(String::as_str) {
                None => {
                    let (nodes, end) = self.list(depth)?;
                    if !matches!(end, Closer::End) {
                        return Err("unexpected EOF".to_string());
                    }
                    nodes
                }
                Some("if" | "with") => {
                    vec![self.control(&rest[0].clone(), rest[1..].to_vec(), depth + 1)?]
                }
                Some(other) => return Err(format!("unexpected {other} after else")),
            },
        };
        Ok(match keyword {
            "if" => Node::If(condition, then, otherwise),
            "with" => Node::With(condition, then, otherwise),
            _ => Node::Range(condition, then, otherwise),
        })
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Object(map) => {
            format!(
                "map[{}]",
                map.iter()
                    .map(|(key, value)| format!("{key}:{}", show(value)))
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        }
    }
}

struct Scope<'a> {
    root: &'a Value,
    dot: Value,
}

impl Scope<'_> {
    fn operand(&self, word: &str) -> Result<Value, String> {
        if word == "." {
            return Ok(self.dot.clone());
        }
        if let Some(path) = word.strip_prefix("$.").or_else(|| word.strip_prefix('.')) {
            let mut value = if word.starts_with('$') {
                self.root.clone()
            } else {
                self.dot.clone()
            };
            for field in path.split('.') {
                value = value.get_mut(field).map(Value::take).unwrap_or(Value::Null);
            }
            return Ok(value);
        }
        if word == "$" {
            return Ok(self.root.clone());
        }
        if word.starts_with('"') || word.starts_with('`') {
            return crate::gomod::syntax::unquote(word)
                .map(Value::String)
                .ok_or_else(|| format!("bad string {word}"));
        }
        match word {
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            _ => {}
        }
        word.parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("function {} not defined", crate::module_path::quote(word)))
    }

    /// A pipeline: commands separated by `|`.
    fn eval(&self, words: &[String], depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("template nests too deep".to_string());
        }
        let mut piped: Option<Value> = None;
        let mut at = 0;
        loop {
            let mut function: Option<String> = None;
            let mut arguments = Vec::new();
            while at < words.len() && words[at] != "|" {
                let word = &words[at];
                at += 1;
                if word == "(" {
                    let mut level = 1;
                    let start = at;
                    while at < words.len() && level > 0 {
                        level += i32::from(words[at] == "(") - i32::from(words[at] == ")");
                        at += 1;
                    }
                    if level > 0 {
                        return Err("unclosed left paren".to_string());
                    }
                    arguments.push(self.eval(&words[start..at - 1], depth + 1)?);
                } else if function.is_none() && arguments.is_empty() && is_function(word) {
                    function = Some(word.clone());
                } else {
                    arguments.push(self.operand(word)?);
                }
            }
            arguments.extend(piped.take());
            let value = match function {
                Some(name) => call(&name, arguments)?,
                None => arguments
                    .into_iter()
                    .next()
                    .ok_or("missing value for command")?,
            };
            if at >= words.len() {
                return Ok(value);
            }
            at += 1;
            piped = Some(value);
        }
    }
}

fn is_function(word: &str) -> bool {
    [
        "join", "len", "eq", "ne", "not", "and", "or", "print", "println", "printf", "json",
        "index",
    ]
    .contains(&word)
}

fn call(name: &str, arguments: Vec<Value>) -> Result<Value, String> {
    let text = |value: Option<&Value>| value.map(show).unwrap_or_default();
    Ok(match name {
        "join" => {
            let separator = text(arguments.get(1));
            let items = arguments
                .first()
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            Value::String(items.iter().map(show).collect::<Vec<_>>().join(&separator))
        }
        "len" => Value::from(match arguments.first() {
            Some(Value::Array(items)) => items.len(),
            Some(Value::Object(map)) => map.len(),
            Some(Value::String(text)) => text.len(),
            _ => 0,
        }),
        "eq" => Value::Bool(
            arguments
                .iter()
                .skip(1)
                .any(|other| arguments.first().map(show) == Some(show(other))),
        ),
        "ne" => Value::Bool(text(arguments.first()) != text(arguments.get(1))),
        "not" => Value::Bool(!arguments.first().is_some_and(is_true)),
        "and" => arguments
            .iter()
            .find(|value| !is_true(value))
            .or(arguments.last())
            .cloned()
            .unwrap_or(Value::Null),
        "or" => arguments
            .iter()
            .find(|value| is_true(value))
            .or(arguments.last())
            .cloned()
            .unwrap_or(Value::Null),
        "print" => Value::String(arguments.iter().map(show).collect()),
        "println" => Value::String(arguments.iter().map(show).collect::<Vec<_>>().join(" ") + "\n"),
        "json" => Value::String(arguments.first().map(Value::to_string).unwrap_or_default()),
        "index" => match (arguments.first(), arguments.get(1)) {
            (Some(Value::Array(items)), Some(index)) => {
                let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                index
                    .and_then(|index| items.get(index))
                    .cloned()
                    .ok_or("index out of range")?
            }
            (Some(Value::Object(map)), Some(key)) => {
                map.get(&show(key)).cloned().unwrap_or(Value::Null)
            }
            _ => return Err("cannot index".to_string()),
        },
        _ => {
            return Err(format!(
                "function {} is not supported",
                crate::module_path::quote(name)
            ));
        }
    })
}

impl Template {
    /// Parses; the error text is prefixed as `go list` prefixes it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let pieces = split(text).map_err(|text| format!("template: main:1: {text}"))?;
        let mut parser = Parser {
            pieces: pieces.into_iter(),
        };
        match parser
            .list(0)
            .map_err(|text| format!("template: main:1: {text}"))?
        {
            (nodes, Closer::Eof) => Ok(Template { nodes }),
            (_, Closer::End | Closer::Else(_)) => {
                Err("template: main:1: unexpected {{end}}".to_string())
            }
        }
    }

    /// Executes for a value.
    pub fn execute(&self, value: &Value) -> Result<String, String> {
        let mut out = String::new();
        run(
            &self.nodes,
            &Scope {
                root: value,
                dot: value.clone(),
            },
            &mut out,
        )
        .map_err(|text| format!("template: main:1: {text}"))?;
        Ok(out)
    }
}

fn run(nodes: &[Node], scope: &Scope<'_>, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(words) => out.push_str(&show(&scope.eval(words, 0)?)),
            Node::If(condition, then, otherwise) => {
                let branch = if is_true(&scope.eval(condition, 0)?) {
                    then
                } else {
                    otherwise
                };
                run(branch, scope, out)?;
            }
            Node::With(condition, then, otherwise) => {
                let value = scope.eval(condition, 0)?;
                if is_true(&value) {
                    run(
                        then,
                        &Scope {
                            root: scope.root,
                            dot: value,
                        },
                        out,
                    )?;
                } else {
                    run(otherwise, scope, out)?;
                }
            }
            Node::Range(condition, body, otherwise) => {
                let items: Vec<Value> = match scope.eval(condition, 0)? {
                    Value::Array(items) => items,
                    Value::Object(map) => map.into_iter().map(|(_, value)| value).collect(),
                    Value::Null => Vec::new(),
                    other => return Err(format!("range can't iterate over {}", show(&other))),
                };
                if items.is_empty() {
                    run(otherwise, scope, out)?;
                }
                for item in items {
                    run(
                        body,
                        &Scope {
                            root: scope.root,
                            dot: item,
                        },
                        out,
                    )?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, want: &str) {
        let value = serde_json::json!({
            "ImportPath": "a/b", "Imports": ["x", "y"], "Standard": true, "Module": {"Path": "m", "Version": "v1"}, "N": 2
        });
        let got = match Template::parse(template).and_then(|template| template.execute(&value)) {
            Ok(text) | Err(text) => text,
        };
        assert_eq!(got, want, "{template}");
    }

    #[test]
    fn templates() {
        check(
            "{{.ImportPath}} {{.Module.Path}}@{{.Module.Version}}",
            "a/b m@v1",
        );
        check("{{join .Imports \",\"}}", "x,y");
        check("{{range .Imports}}<{{.}}>{{end}}", "<x><y>");
        check("{{if .Standard}}std{{else}}other{{end}}", "std");
        check("{{if not .Standard}}a{{else if .Module}}b{{end}}", "b");
        check("{{with .Module}}{{.Path}} {{$.ImportPath}}{{end}}", "m a/b");
        check("{{.Imports}}", "[x y]");
        check("{{len .Imports}} {{.N}}", "2 2");
        check("{{if eq .ImportPath \"a/b\"}}yes{{end}}", "yes");
        check("{{if and .Standard (not .Missing)}}1{{end}}", "1");
        check("a {{- .N -}} b", "a2b");
        check("{{.Imports | len}}", "2");
        check("{{\"\\n\"}}", "\n");
        check("{{.None}}", "");
        check("{{/* c */}}x", "x");
    }

    #[test]
    fn template_errors() {
        check("{{", "template: main:1: unclosed action");
        check("{{if .X}}", "template: main:1: unexpected EOF");
        check("{{end}}", "template: main:1: unexpected {{end}}");
        check(
            "{{foo .X}}",
            "template: main:1: function \"foo\" not defined",
        );
        check(
            "{{define \"x\"}}",
            "template: main:1: unsupported template action {{define}}",
        );
        check(
            "{{range .N}}{{end}}",
            "template: main:1: range can't iterate over 2",
        );
    }
}
