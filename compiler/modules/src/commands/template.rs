//! The part of text/template that `go list -f` users need: fields, variables, `if`/`else`/`with`/`range`, `join`, `len`,
//! comparisons, `not`, `and`, `or`, `print`, `printf`, `json`, `index`, `slice`, `html`, `js`, `urlquery`, `context`, `module`,
//! `define`/`template`/`block`, `break`, `continue`, string literals, trim markers. Anything else is an error that names it.

use super::list_record::{pointer_type, text_of, type_of};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

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
    /// The template that was executed, if it is not the outermost.
    inside: Option<String>,
    text: String,
}

impl From<String> for Fault {
    fn from(text: String) -> Fault {
        Fault {
            place: None,
            inside: None,
            text,
        }
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
    /// Another template, and what it is executed for. The first word is the name.
    Template(Vec<Word>),
    Break,
    Continue,
}

/// Whether what follows in a range is executed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
    /// What `define` and `block` have named.
    defined: BTreeMap<String, Vec<Node>>,
    text: String,
}

/// What the functions give that know the command's state.
pub struct Functions<'a> {
    /// `context`
    pub context: Value,
    /// `module`
    pub module: &'a dyn Fn(&str) -> Value,
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
    defined: BTreeMap<String, Vec<Node>>,
    /// Ranges around the current place.
    ranges: usize,
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
                    Some("break" | "continue") if self.ranges == 0 => {
                        return Err(format!("{{{{{}}}}} outside {{{{range}}}}", words[0].text));
                    }
                    Some("break") => nodes.push(Node::Break),
                    Some("continue") => nodes.push(Node::Continue),
                    Some("define" | "block") => {
                        let is_block = words[0].text == "block";
                        let Some(name) = words.get(1).and_then(|w| literal(&w.text)) else {
                            return Err(format!("missing name in {} clause", words[0].text));
                        };
                        let ranges = std::mem::take(&mut self.ranges);
                        let (body, end) = self.list(depth + 1)?;
                        self.ranges = ranges;
                        if !matches!(end, Closer::End) {
                            return Err("unexpected EOF".to_string());
                        }
                        self.defined.insert(name, body);
                        if is_block {
                            check_names(&words[2..])?;
                            nodes.push(Node::Template(words[1..].to_vec()));
                        }
                    }
                    Some("template") => {
                        if words.get(1).and_then(|w| literal(&w.text)).is_none() {
                            return Err("missing name in template clause".to_owned());
                        }
                        check_names(&words[2..])?;
                        nodes.push(Node::Template(words[1..].to_vec()));
                    }
                    Some("end") => return Ok((nodes, Closer::End)),
                    Some("else") => return Ok((nodes, Closer::Else(words[1..].to_vec()))),
                    Some(keyword @ ("if" | "with" | "range")) => {
                        let keyword = keyword.to_string();
                        nodes.push(self.control(&keyword, words[1..].to_vec(), depth + 1)?);
                    }
                    Some(_) => {
                        check_names(&words)?;
                        nodes.push(Node::Print(words));
                    }
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
        if condition.is_empty() {
            return Err(format!("missing value for {keyword}"));
        }
        check_names(&condition)?;
        self.ranges += usize::from(keyword == "range");
        let (then, end) = self.list(depth)?;
        self.ranges -= usize::from(keyword == "range");
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

/// The text of a string literal.
fn literal(word: &str) -> Option<String> {
    match word.starts_with(['"', '`']) {
        true => crate::gomod::syntax::unquote(word),
        false => None,
    }
}

/// Functions that are not there.
fn check_names(words: &[Word]) -> Result<(), String> {
    for word in words {
        let name = word.text.split('.').next().unwrap_or_default();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_known = is_function(name) || matches!(name, "true" | "false" | "nil" | "context");
        if is_name && !is_known {
            return Err(format!(
                "function {} not defined",
                crate::module_path::quote(name)
            ));
        }
    }
    Ok(())
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
    template: &'a Template,
    functions: &'a Functions<'a>,
    /// Templates within each other.
    depth: usize,
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
        inside: None,
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
                return Err(fault(format!(
                    "can't evaluate field {field} in type {}",
                    type_name(&other)
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
            template: self.template,
            functions: self.functions,
            depth: self.depth,
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
            return Ok(self.functions.context.clone());
        }
        if let Some(path) = text.strip_prefix("context.") {
            return fields(self.functions.context.clone(), path, word);
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
            let start = at;
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
                    let mut value = self.eval(&words[start..at - 1], depth + 1)?;
                    // `(module "m").Path`
                    if let Some(chain) = words.get(at)
                        && chain.at == words[at - 1].at + 1
                        && let Some(path) = chain.text.strip_prefix('.')
                    {
                        value = fields(value, path, chain)?;
                        at += 1;
                    }
                    arguments.push(value);
                } else if function.is_none() && arguments.is_empty() && is_function(&word.text) {
                    function = Some(word.text.clone());
                } else {
                    arguments.push(self.operand(word)?);
                }
            }
            arguments.extend(piped.take());
            let value = match function {
                Some(name) if name == "module" => {
                    let path = arguments.first().map(show).unwrap_or_default();
                    (self.functions.module)(&path)
                }
                Some(name) => call(&name, arguments).map_err(|text| Fault {
                    place: Some((words[start].at, command_text(&words[start..at]))),
                    inside: None,
                    text: format!("error calling {name}: {text}"),
                })?,
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
        "index", "lt", "le", "gt", "ge", "slice", "html", "js", "urlquery", "module",
    ]
    .contains(&word)
}

/// A command as the official parser writes it.
fn command_text(words: &[Word]) -> String {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() && !out.ends_with('(') && word.text != ")" {
            out.push(' ');
        }
        out.push_str(&word.text);
    }
    out
}

/// The index that a value gives, up to `limit`.
fn index_of(value: &Value, limit: usize) -> Result<usize, String> {
    let Some(number) = value.as_i64() else {
        return Err(format!("cannot index slice/array with {}", show(value)));
    };
    match usize::try_from(number) {
        Ok(index) if index <= limit => Ok(index),
        _ => Err(format!("index out of range: {number}")),
    }
}

/// `slice x 1 2` is `x[1:2]`.
fn slice(arguments: &[Value]) -> Result<Value, String> {
    let (Some(of), bounds) = (arguments.first(), arguments.get(1..).unwrap_or_default()) else {
        return Err("wrong number of args for slice: want at least 1 got 0".to_owned());
    };
    let size = match of {
        Value::Array(items) => items.len(),
        Value::String(text) => text.len(),
        other => return Err(format!("can't slice item of type {}", type_name(other))),
    };
    let from = bounds.first().map_or(Ok(0), |v| index_of(v, size))?;
    let to = bounds.get(1).map_or(Ok(size), |v| index_of(v, size))?;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match of {
        Value::Array(items) => Value::Array(items[from..to].to_vec()),
        other => Value::String(String::from_utf8_lossy(&show(other).as_bytes()[from..to]).into()),
    })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "[]string",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int",
        _ => "string",
    }
}

/// The operands as `fmt.Sprint` puts them together: spaces between two that are no strings.
fn sprint(arguments: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in arguments.iter().enumerate() {
        if at > 0 && !value.is_string() && !arguments[at - 1].is_string() {
            out.push(' ');
        }
        out.push_str(&show(value));
    }
    out
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// For a string of JavaScript.
fn javascript(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// For a query in a URL.
fn url_query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
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
            Some(other) => return Err(format!("len of type {}", type_name(other))),
            None => return Err("wrong number of args for len: want 1 got 0".to_owned()),
        }),
        "slice" => slice(&arguments)?,
        "html" => Value::String(html(&sprint(&arguments))),
        "js" => Value::String(javascript(&sprint(&arguments))),
        "urlquery" => Value::String(url_query(&sprint(&arguments))),
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
        "print" => Value::String(sprint(&arguments)),
        "println" => Value::String(arguments.iter().map(show).collect::<Vec<_>>().join(" ") + "\n"),
        "json" => Value::String(arguments.first().map(Value::to_string).unwrap_or_default()),
        "index" => match (arguments.first(), arguments.get(1)) {
            (Some(Value::Array(items)), Some(index)) => {
                let at = index_of(index, items.len())?;
                let item = items.get(at).cloned();
                item.ok_or_else(|| format!("index out of range: {at}"))?
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
    /// Parses; the error text is prefixed as `go list` prefixes it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let pieces = split(text).map_err(|text| format!("template: main:1: {text}"))?;
        let mut parser = Parser {
            pieces: pieces.into_iter(),
            defined: BTreeMap::new(),
            ranges: 0,
        };
        match parser
            .list(0)
            .map_err(|text| format!("template: main:1: {text}"))?
        {
            (nodes, Closer::Eof) => Ok(Template {
                nodes,
                defined: parser.defined,
                text: text.to_owned(),
            }),
            (_, Closer::End) => Err("template: main:1: unexpected {{end}}".to_string()),
            (_, Closer::Else(_)) => Err("template: main:1: unexpected {{else}}".to_string()),
        }
    }

    /// Executes for a value. What is written before an error stays written.
    pub fn execute(
        &self,
        value: &Value,
        functions: &Functions<'_>,
        out: &mut String,
    ) -> Result<(), String> {
        let scope = Scope {
            root: value,
            dot: value.clone(),
            template: self,
            functions,
            depth: 0,
            variables: &RefCell::default(),
        };
        run(&self.nodes, &scope, out)
            .map(|_| ())
            .map_err(|fault| self.tell(&fault))
    }

    fn tell(&self, fault: &Fault) -> String {
        let Some((at, node)) = &fault.place else {
            return format!("template: main:1: {}", fault.text);
        };
        let before = &self.text[..*at];
        let line = before.matches('\n').count() + 1;
        let column = before.rfind('\n').map_or(*at, |newline| at - newline - 1);
        format!(
            "template: main:{line}:{column}: executing {} at <{node}>: {}",
            crate::module_path::quote(fault.inside.as_deref().unwrap_or("main")),
            fault.text
        )
    }
}

fn run(nodes: &[Node], scope: &Scope<'_>, out: &mut String) -> Result<Flow, Fault> {
    let mark = scope.variables.borrow().len();
    let declare = |names: Vec<String>, values: &[Value]| {
        let mut variables = scope.variables.borrow_mut();
        variables.extend(names.into_iter().zip(values.iter().cloned()));
    };
    let mut flow = Flow::Next;
    for node in nodes {
        match node {
            Node::Break => flow = Flow::Break,
            Node::Continue => flow = Flow::Continue,
            Node::Template(words) => execute_other(words, scope, out)?,
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
                flow = run(branch, scope, out)?;
                scope.variables.borrow_mut().truncate(inner);
            }
            Node::With(condition, then, otherwise) => {
                let inner = scope.variables.borrow().len();
                let (names, value) = scope.declaration(condition)?;
                declare(names, std::slice::from_ref(&value));
                flow = match is_true(&value) {
                    true => run(then, &scope.with_dot(value), out)?,
                    false => run(otherwise, scope, out)?,
                };
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
                    flow = run(otherwise, scope, out)?;
                }
                for (key, item) in items {
                    let inner = scope.variables.borrow().len();
                    match names.len() {
                        1 => declare(names.clone(), std::slice::from_ref(&item)),
                        _ => declare(names.clone(), &[key, item.clone()]),
                    }
                    let ended = run(body, &scope.with_dot(item), out)? == Flow::Break;
                    scope.variables.borrow_mut().truncate(inner);
                    if ended {
                        break;
                    }
                }
            }
        }
        if flow != Flow::Next {
            break;
        }
    }
    scope.variables.borrow_mut().truncate(mark);
    Ok(flow)
}

/// `{{template "name" pipeline}}`.
fn execute_other(words: &[Word], scope: &Scope<'_>, out: &mut String) -> Result<(), Fault> {
    let name = words
        .first()
        .and_then(|w| literal(&w.text))
        .unwrap_or_default();
    let fault = |text: String| Fault {
        place: words
            .first()
            .map(|w| (w.at, format!("{{{{template {}}}}}", command_text(words)))),
        inside: None,
        text,
    };
    let Some(nodes) = scope.template.defined.get(&name) else {
        let quoted = crate::module_path::quote(&name);
        return Err(fault(format!("template {quoted} not defined")));
    };
    if scope.depth > MAX_DEPTH {
        return Err(fault(format!(
            "exceeded maximum template depth ({MAX_DEPTH})"
        )));
    }
    let value = match words.len() {
        1 => Value::Null,
        _ => scope.eval(&words[1..], 0)?,
    };
    let inner = Scope {
        root: &value,
        dot: value.clone(),
        template: scope.template,
        functions: scope.functions,
        depth: scope.depth + 1,
        variables: &RefCell::default(),
    };
    run(nodes, &inner, out).map_err(|mut fault| {
        fault.inside.get_or_insert(name);
        fault
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, want: &str) {
        let value = serde_json::json!({
            "ImportPath": "a/b", "Imports": ["x", "y"], "Standard": true, "Module": {"Path": "m", "Version": "v1", "Replace": null}, "N": 2, "Replace": null
        });
        let functions = Functions {
            context: Value::Null,
            module: &|path| Value::from(format!("module {path}")),
        };
        let mut got = String::new();
        let done = Template::parse(template)
            .and_then(|template| template.execute(&value, &functions, &mut got));
        got.extend(done.err());
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
        check(
            "{{define \"x\"}}<{{.}}>{{end}}{{template \"x\" .N}}{{block \"y\" .ImportPath}}[{{.}}]{{end}}",
            "<2>[a/b]",
        );
        check(
            "{{range .Imports}}{{if eq . \"y\"}}{{break}}{{end}}{{.}}{{continue}}z{{end}}",
            "x",
        );
        check(
            "{{slice .Imports 1}} {{slice .ImportPath 0 1}} {{print 1 2}} {{print 1 \"a\" 2}}",
            "[y] a 1 2 1a2",
        );
        check(
            "{{html \"<a&'>\"}} {{js \"<a'=>\"}} {{urlquery \"a b/c\"}} {{module \"m\"}}",
            "&lt;a&amp;&#39;&gt; \\u003Ca\\'\\u003D\\u003E a+b%2Fc module m",
        );
    }

    #[test]
    fn template_errors() {
        check(
            "x\n{{.None}}",
            "x\ntemplate: main:2:2: executing \"main\" at <.None>: can't evaluate field None in type *load.PackagePublic",
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
        check("{{define \"x\"}}", "template: main:1: unexpected EOF");
        check("{{else}}", "template: main:1: unexpected {{else}}");
        check("{{if}}", "template: main:1: missing value for if");
        check("{{break}}", "template: main:1: {{break}} outside {{range}}");
        check(
            "{{.N}}{{len 3}}",
            "2template: main:1:8: executing \"main\" at <len 3>: error calling len: len of type int",
        );
        check(
            "{{printf \"%d\" (index .Imports 7)}}",
            "template: main:1:15: executing \"main\" at <index .Imports 7>: error calling index: index out of range: 7",
        );
        check(
            "{{template \"x\"}}",
            "template: main:1:11: executing \"main\" at <{{template \"x\"}}>: template \"x\" not defined",
        );
        check(
            "{{range .N}}{{end}}",
            "template: main:1: range can't iterate over 2",
        );
    }
}
