//! The part of text/template that `go list -f` users need: fields, variables, `if`/`else`/`with`/`range`, `join`, `len`,
//! comparisons, `not`, `and`, `or`, `print`, `printf`, `json`, `index`, `context`, string literals, trim markers. Anything else
//! is an error that names it.

use super::list_record::{pointer_type, text_of, type_of};
use serde_json::Value;
use std::cell::RefCell;

/// A word of an action and its offset in the template.
#[derive(Clone, Debug)]
struct Word {
    text: String,
    at: usize,
}

/// What went wrong while a template was executed, and at which word.
#[derive(Debug)]
struct Fault {
    place: Option<(usize, String)>,
    text: String,
}

impl From<String> for Fault {
    fn from(text: String) -> Fault {
        Fault { place: None, text }
    }
}

impl From<&str> for Fault {
    fn from(text: &str) -> Fault {
        text.to_owned().into()
    }
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Print(Vec<Word>),
    If(Vec<Word>, Vec<Node>, Vec<Node>),
    With(Vec<Word>, Vec<Node>, Vec<Node>),
    Range(Vec<Word>, Vec<Node>, Vec<Node>),
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
    text: String,
    /// What `context` gives.
    context: Value,
}

/// Nesting deeper than this is refused.
const MAX_DEPTH: usize = 50;

enum Piece {
    Text(String),
    Action(Vec<Word>),
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
        let mut at = text.len() - inner.len();
        if action.starts_with("- ") {
            before = before.trim_end();
            action = &action[2..];
            at += 2;
        }
        trim_next = action.ends_with(" -");
        if trim_next {
            action = &action[..action.len() - 2];
        }
        pieces.push(Piece::Text(before.to_string()));
        if !action.trim_start().starts_with("/*") {
            pieces.push(Piece::Action(words(action, at)?));
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

fn words(action: &str, base: usize) -> Result<Vec<Word>, String> {
    let mut out = Vec::new();
    let mut rest = action.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '`' => rest[1..]
                .find(first)
                .map(|at| at + 2)
                .ok_or("unterminated quoted string")?,
            '(' | ')' | '|' | ',' => 1,
            _ => rest
                .find(|c: char| c.is_whitespace() || "()|,".contains(c))
                .unwrap_or(rest.len()),
        };
        out.push(Word {
            text: rest[..end].to_string(),
            at: base + action.len() - rest.len(),
        });
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
    Else(Vec<Word>),
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
                Piece::Action(words) => match words.first().map(|w| w.text.as_str()) {
                    None => return Err("missing value for command".to_string()),
                    Some("end") => return Ok((nodes, Closer::End)),
                    Some("else") => return Ok((nodes, Closer::Else(words[1..].to_vec()))),
                    Some(keyword @ ("if" | "with" | "range")) => {
                        let keyword = keyword.to_string();
                        nodes.push(self.control(&keyword, words[1..].to_vec(), depth + 1)?);
                    }
                    Some("template" | "define" | "block" | "break" | "continue") => {
                        return Err(format!(
                            "unsupported template action {{{{{}}}}}",
                            words[0].text
                        ));
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
        condition: Vec<Word>,
        depth: usize,
    ) -> Result<Node, String> {
        let (then, end) = self.list(depth)?;
        let otherwise = match end {
            Closer::Eof => return Err("unexpected EOF".to_string()),
            Closer::End => Vec::new(),
            Closer::Else(rest) => match rest.first().map(|w| w.text.as_str()) {
                None => {
                    let (nodes, end) = self.list(depth)?;
                    if !matches!(end, Closer::End) {
                        return Err("unexpected EOF".to_string());
                    }
                    nodes
                }
                Some("if" | "with") => {
                    vec![self.control(&rest[0].text.clone(), rest[1..].to_vec(), depth + 1)?]
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
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Object(map) => {
            if let Some(text) = text_of(map) {
                return text;
            }
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
    context: &'a Value,
    variables: &'a RefCell<Vec<(String, Value)>>,
}

/// The fields `path` of a value, whose first one is at offset `at` in the template.
fn fields(mut value: Value, path: &str, word: &Word) -> Result<Value, Fault> {
    // The official parser names a chain by its second element.
    let mut dots = word.text.match_indices('.').map(|(at, _)| at);
    let skipped = usize::from(word.text.starts_with('.'));
    let at = word.at + dots.nth(skipped).unwrap_or(0);
    let fault = |text: String| Fault {
        place: Some((at, word.text.clone())),
        text,
    };
    let mut nil = "";
    for field in path.split('.') {
        value = match value {
            Value::Object(mut record) => {
                let owner = type_of(&record);
                nil = pointer_type(owner, field);
                match (record.remove(field), owner) {
                    (Some(found), _) => found,
                    (None, None) => Value::String(String::new()),
                    (None, Some(owner)) => {
                        return Err(fault(format!(
                            "can't evaluate field {field} in type {owner}"
                        )));
                    }
                }
            }
            Value::Null => return Err(fault(format!("nil pointer evaluating {nil}.{field}"))),
            other => {
                let name = match other {
                    Value::Array(_) => "[]string",
                    Value::Bool(_) => "bool",
                    Value::Number(_) => "int",
                    _ => "string",
                };
                return Err(fault(format!(
                    "can't evaluate field {field} in type {name}"
                )));
            }
        };
    }
    Ok(value)
}

impl Scope<'_> {
    fn with_dot(&self, dot: Value) -> Scope<'_> {
        Scope {
            root: self.root,
            dot,
            context: self.context,
            variables: self.variables,
        }
    }

    fn variable(&self, name: &str) -> Result<Value, Fault> {
        if name == "$" {
            return Ok(self.root.clone());
        }
        let variables = self.variables.borrow();
        let known = variables.iter().rev().find(|(n, _)| n == name);
        known
            .map(|(_, value)| value.clone())
            .ok_or_else(|| format!("undefined variable {}", crate::module_path::quote(name)).into())
    }

    fn operand(&self, word: &Word) -> Result<Value, Fault> {
        let text = word.text.as_str();
        if text == "." {
            return Ok(self.dot.clone());
        }
        if let Some(path) = text.strip_prefix('.') {
            return fields(self.dot.clone(), path, word);
        }
        if text.starts_with('$') {
            return match text.split_once('.') {
                None => self.variable(text),
                Some((name, path)) => fields(self.variable(name)?, path, word),
            };
        }
        if text == "context" {
            return Ok(self.context.clone());
        }
        if let Some(path) = text.strip_prefix("context.") {
            return fields(self.context.clone(), path, word);
        }
        if text.starts_with('"') || text.starts_with('`') {
            return crate::gomod::syntax::unquote(text)
                .map(Value::String)
                .ok_or_else(|| format!("bad string {text}").into());
        }
        match text {
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            "nil" => return Err("nil is not a command".into()),
            _ => {}
        }
        text.parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("function {} not defined", crate::module_path::quote(text)).into())
    }

    /// A pipeline that may declare variables or set one: their names, and the value.
    fn declaration(&self, words: &[Word]) -> Result<(Vec<String>, Value), Fault> {
        let sign = words.iter().position(|w| w.text == ":=" || w.text == "=");
        let Some(sign) = sign else {
            return Ok((Vec::new(), self.eval(words, 0)?));
        };
        let names = words[..sign].iter().filter(|w| w.text != ",");
        let names: Vec<String> = names.map(|w| w.text.clone()).collect();
        if let Some(odd) = names
            .iter()
            .find(|n| !n.starts_with('$') || n.contains('.'))
        {
            return Err(format!("unexpected {odd} in declaration").into());
        }
        Ok((names, self.eval(&words[sign + 1..], 0)?))
    }

    /// A pipeline: commands separated by `|`.
    fn eval(&self, words: &[Word], depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return Err("template nests too deep".into());
        }
        let mut piped: Option<Value> = None;
        let mut at = 0;
        loop {
            let mut function: Option<String> = None;
            let mut arguments = Vec::new();
            while at < words.len() && words[at].text != "|" {
                let word = &words[at];
                at += 1;
                if word.text == "(" {
                    let mut level = 1;
                    let start = at;
                    while at < words.len() && level > 0 {
                        level +=
                            i32::from(words[at].text == "(") - i32::from(words[at].text == ")");
                        at += 1;
                    }
                    if level > 0 {
                        return Err("unclosed left paren".into());
                    }
                    arguments.push(self.eval(&words[start..at - 1], depth + 1)?);
                } else if function.is_none() && arguments.is_empty() && is_function(&word.text) {
                    function = Some(word.text.clone());
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
        "index", "lt", "le", "gt", "ge",
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
        "lt" | "le" | "gt" | "ge" => {
            let [Some(a), Some(b)] = [arguments.first(), arguments.get(1)] else {
                return Err("missing argument for comparison".to_string());
            };
            let order = match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => show(a).cmp(&show(b)),
            };
            Value::Bool(match name {
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        "printf" => Value::String(printf(&text(arguments.first()), &arguments[1..])?),
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

/// The verbs `%s`, `%v`, `%d`, `%t`, `%q` and `%%` with a width.
fn printf(format: &str, arguments: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest
            .find(|c: char| c != '-' && !c.is_ascii_digit())
            .ok_or("incomplete verb in printf")?;
        let (width, verb) = rest.split_at(digits);
        let verb = verb.chars().next().unwrap_or('%');
        rest = &rest[digits + verb.len_utf8()..];
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = arguments.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let text = match verb {
            's' | 'v' | 'd' | 't' => show(value),
            'q' => crate::module_path::quote(&show(value)),
            _ => return Err(format!("printf with %{verb} is not supported")),
        };
        let size = width.trim_start_matches('-').parse().unwrap_or(0);
        out.push_str(&match width.starts_with('-') {
            true => format!("{text:<size$}"),
            false => format!("{text:>size$}"),
        });
    }
    out.push_str(rest);
    Ok(out)
}

impl Template {
    /// The value of `context` in the template.
    #[must_use]
    pub fn with_context(mut self, context: Value) -> Template {
        self.context = context;
        self
    }

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
            (nodes, Closer::Eof) => Ok(Template {
                nodes,
                text: text.to_owned(),
                context: Value::Null,
            }),
            (_, Closer::End | Closer::Else(_)) => {
                Err("template: main:1: unexpected {{end}}".to_string())
            }
        }
    }

    /// Executes for a value.
    pub fn execute(&self, value: &Value) -> Result<String, String> {
        let mut out = String::new();
        let scope = Scope {
            root: value,
            dot: value.clone(),
            context: &self.context,
            variables: &RefCell::default(),
        };
        run(&self.nodes, &scope, &mut out).map_err(|fault| self.tell(&fault))?;
        Ok(out)
    }

    fn tell(&self, fault: &Fault) -> String {
        let Some((at, node)) = &fault.place else {
            return format!("template: main:1: {}", fault.text);
        };
        let before = &self.text[..*at];
        let line = before.matches('\n').count() + 1;
        let column = before.rfind('\n').map_or(*at, |newline| at - newline - 1);
        format!(
            "template: main:{line}:{column}: executing \"main\" at <{node}>: {}",
            fault.text
        )
    }
}

fn run(nodes: &[Node], scope: &Scope<'_>, out: &mut String) -> Result<(), Fault> {
    let mark = scope.variables.borrow().len();
    let declare = |names: Vec<String>, values: &[Value]| {
        let mut variables = scope.variables.borrow_mut();
        variables.extend(names.into_iter().zip(values.iter().cloned()));
    };
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(words) => {
                let (names, value) = scope.declaration(words)?;
                match names.is_empty() {
                    true => out.push_str(&show(&value)),
                    false if words.iter().any(|w| w.text == "=") => {
                        let mut variables = scope.variables.borrow_mut();
                        if let Some((_, old)) =
                            variables.iter_mut().rev().find(|(n, _)| *n == names[0])
                        {
                            *old = value;
                        }
                    }
                    false => declare(names, &[value]),
                }
            }
            Node::If(condition, then, otherwise) => {
                let inner = scope.variables.borrow().len();
                let (names, value) = scope.declaration(condition)?;
                let branch = if is_true(&value) { then } else { otherwise };
                declare(names, &[value]);
                run(branch, scope, out)?;
                scope.variables.borrow_mut().truncate(inner);
            }
            Node::With(condition, then, otherwise) => {
                let inner = scope.variables.borrow().len();
                let (names, value) = scope.declaration(condition)?;
                declare(names, std::slice::from_ref(&value));
                if is_true(&value) {
                    run(then, &scope.with_dot(value), out)?;
                } else {
                    run(otherwise, scope, out)?;
                }
                scope.variables.borrow_mut().truncate(inner);
            }
            Node::Range(condition, body, otherwise) => {
                let (names, value) = scope.declaration(condition)?;
                let items: Vec<(Value, Value)> = match value {
                    Value::Array(items) => items
                        .into_iter()
                        .enumerate()
                        .map(|(at, item)| (Value::from(at), item))
                        .collect(),
                    Value::Object(map) => map
                        .into_iter()
                        .map(|(key, value)| (Value::String(key), value))
                        .collect(),
                    Value::Null => Vec::new(),
                    other => {
                        return Err(format!("range can't iterate over {}", show(&other)).into());
                    }
                };
                if items.is_empty() {
                    run(otherwise, scope, out)?;
                }
                for (key, item) in items {
                    let inner = scope.variables.borrow().len();
                    match names.len() {
                        1 => declare(names.clone(), std::slice::from_ref(&item)),
                        _ => declare(names.clone(), &[key, item.clone()]),
                    }
                    run(body, &scope.with_dot(item), out)?;
                    scope.variables.borrow_mut().truncate(inner);
                }
            }
        }
    }
    scope.variables.borrow_mut().truncate(mark);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, want: &str) {
        let value = serde_json::json!({
            "ImportPath": "a/b", "Imports": ["x", "y"], "Standard": true, "Module": {"Path": "m", "Version": "v1", "Replace": null}, "N": 2, "Replace": null
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
        check("{{if and .Standard (not .Replace)}}1{{end}}", "1");
        check(
            "{{$x := .N}}{{range $i, $p := .Imports}}{{$i}}={{$p}}{{$x}};{{end}}",
            "0=x2;1=y2;",
        );
        check(
            "{{printf \"%-4s|%q|%d\" .ImportPath .Module.Path .N}}",
            "a/b |\"m\"|2",
        );
        check(
            "{{if gt .N 1}}more{{end}} {{.Module}} {{.Replace}}",
            "more m v1 <nil>",
        );
        check("a {{- .N -}} b", "a2b");
        check("{{.Imports | len}}", "2");
        check("{{\"\\n\"}}", "\n");
        check("{{/* c */}}x", "x");
    }

    #[test]
    fn template_errors() {
        check(
            "x\n{{.None}}",
            "template: main:2:2: executing \"main\" at <.None>: can't evaluate field None in type *load.PackagePublic",
        );
        check(
            "{{.Module.Replace.Path}}",
            "template: main:1:9: executing \"main\" at <.Module.Replace.Path>: nil pointer evaluating *modinfo.ModulePublic.Path",
        );
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
