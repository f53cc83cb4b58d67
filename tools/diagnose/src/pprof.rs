//! The pprof format (profile.proto): writing retention for `go tool pprof`, reading profiles of a program.
//!
//! Encoded by hand: a dozen fields of four messages.

use rustc_hash::FxHashMap;

use crate::snapshot::Frame;
use crate::tree::Merged;

/// Entries of one kind that are read at most.
const MAX_ENTRIES: usize = 1 << 22;
/// Frames of one stack, and of all stacks together: a few bytes of a hostile file can name the same long stack again
/// and again.
const MAX_STACK: usize = 1 << 12;
const MAX_FRAMES: usize = 1 << 23;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        varint(out, field << 3);
        varint(out, value);
    }
}

fn bytes(out: &mut Vec<u8>, field: u64, data: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, data.len() as u64);
    out.extend_from_slice(data);
}

#[derive(Default)]
struct Strings {
    list: Vec<String>,
    ids: FxHashMap<String, u64>,
}

impl Strings {
    fn id(&mut self, text: &str) -> u64 {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = self.list.len() as u64;
        self.list.push(text.to_string());
        self.ids.insert(text.to_string(), id);
        id
    }
}

/// Retention as a profile (not compressed): every merged node is a sample, its stack the chain of holders with
/// the root outermost; `cum` in pprof is the retained size.
pub fn encode_retention(nodes: &[Merged]) -> Vec<u8> {
    let mut strings = Strings::default();
    strings.id("");
    let mut out = Vec::new();
    for (kind, unit) in [("retained_objects", "count"), ("retained_space", "bytes")] {
        let mut value = Vec::new();
        number(&mut value, 1, strings.id(kind));
        number(&mut value, 2, strings.id(unit));
        bytes(&mut out, 1, &value);
    }
    let mut functions: FxHashMap<&str, u64> = FxHashMap::default();
    let mut order: Vec<&str> = Vec::new();
    for node in nodes.iter().skip(1) {
        if !functions.contains_key(node.name.as_str()) {
            functions.insert(&node.name, order.len() as u64 + 1);
            order.push(&node.name);
        }
    }
    for node in nodes.iter().skip(1).filter(|node| node.own > 0) {
        let mut locations = Vec::new();
        varint(&mut locations, functions[node.name.as_str()]);
        let mut at = node.parent;
        while at != 0 {
            varint(&mut locations, functions[nodes[at as usize].name.as_str()]);
            at = nodes[at as usize].parent;
        }
        let mut values = Vec::new();
        varint(&mut values, node.objects);
        varint(&mut values, node.own);
        let mut sample = Vec::new();
        bytes(&mut sample, 1, &locations);
        bytes(&mut sample, 2, &values);
        bytes(&mut out, 2, &sample);
    }
    for (index, name) in order.iter().enumerate() {
        let id = index as u64 + 1;
        let mut line = Vec::new();
        number(&mut line, 1, id);
        let mut location = Vec::new();
        number(&mut location, 1, id);
        bytes(&mut location, 4, &line);
        bytes(&mut out, 4, &location);
        let name = strings.id(name);
        let mut function = Vec::new();
        number(&mut function, 1, id);
        number(&mut function, 2, name);
        number(&mut function, 3, name);
        bytes(&mut out, 5, &function);
    }
    for text in &strings.list {
        bytes(&mut out, 6, text.as_bytes());
    }
    number(&mut out, 14, strings.ids["retained_space"]);
    out
}

/// A decoded profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// `inuse_space/bytes` ...
    pub kinds: Vec<String>,
    /// Samples: stack (leaf first), values by kind.
    pub samples: Vec<(Vec<Frame>, Vec<i64>)>,
    /// Counters beside the samples (`HeapInuse`), in text form only.
    pub stats: Vec<(String, u64)>,
}

impl Profile {
    /// Index of a kind of value.
    pub fn kind(&self, name: &str) -> Option<usize> {
        self.kinds
            .iter()
            .position(|kind| kind.split('/').next() == Some(name))
    }
}

struct Reader<'a> {
    data: &'a [u8],
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut result = 0u64;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.data.split_first()?;
            self.data = rest;
            result |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Some(result);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let value = self.data.get(..length)?;
                self.data = &self.data[length..];
                Value::Bytes(value)
            }
            1 | 5 => {
                let length = if key & 7 == 1 { 8 } else { 4 };
                self.data = self.data.get(length..)?;
                Value::Number(0)
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn fields(data: &'a [u8], mut visit: impl FnMut(u64, Value<'a>)) -> Option<()> {
        let mut reader = Reader { data };
        while !reader.data.is_empty() {
            let (field, value) = reader.field()?;
            visit(field, value);
        }
        Some(())
    }
}

fn numbers(value: Value<'_>, into: &mut Vec<u64>) {
    match value {
        Value::Number(number) => into.push(number),
        Value::Bytes(data) => {
            let mut reader = Reader { data };
            while let Some(number) = reader.varint() {
                into.push(number);
            }
        }
    }
}

/// Decodes an uncompressed profile; `None` when it is none.
pub fn decode(data: &[u8]) -> Option<Profile> {
    let mut strings: Vec<&str> = Vec::new();
    let mut kinds: Vec<(u64, u64)> = Vec::new();
    let mut samples: Vec<(Vec<u64>, Vec<u64>)> = Vec::new();
    let mut locations: FxHashMap<u64, Vec<(u64, u64)>> = FxHashMap::default();
    let mut functions: FxHashMap<u64, (u64, u64)> = FxHashMap::default();
    let mut valid = true;
    Reader::fields(data, |field, value| {
        let Value::Bytes(message) = value else { return };
        if samples.len().max(strings.len()).max(locations.len()) > MAX_ENTRIES {
            valid = false;
            return;
        }
        match field {
            1 => {
                let mut pair = (0, 0);
                valid &= Reader::fields(message, |field, value| match (field, value) {
                    (1, Value::Number(number)) => pair.0 = number,
                    (2, Value::Number(number)) => pair.1 = number,
                    _ => {}
                })
                .is_some();
                kinds.push(pair);
            }
            2 => {
                let (mut stack, mut values) = (Vec::new(), Vec::new());
                valid &= Reader::fields(message, |field, value| match field {
                    1 => numbers(value, &mut stack),
                    2 => numbers(value, &mut values),
                    _ => {}
                })
                .is_some();
                samples.push((stack, values));
            }
            4 => {
                let mut id = 0;
                let mut lines = Vec::new();
                valid &= Reader::fields(message, |field, value| match (field, value) {
                    (1, Value::Number(number)) => id = number,
                    (4, Value::Bytes(line)) => {
                        let mut pair = (0, 0);
                        Reader::fields(line, |field, value| match (field, value) {
                            (1, Value::Number(number)) => pair.0 = number,
                            (2, Value::Number(number)) => pair.1 = number,
                            _ => {}
                        });
                        lines.push(pair);
                    }
                    _ => {}
                })
                .is_some();
                locations.insert(id, lines);
            }
            5 => {
                let (mut id, mut name, mut file) = (0, 0, 0);
                valid &= Reader::fields(message, |field, value| match (field, value) {
                    (1, Value::Number(number)) => id = number,
                    (2, Value::Number(number)) => name = number,
                    (4, Value::Number(number)) => file = number,
                    _ => {}
                })
                .is_some();
                functions.insert(id, (name, file));
            }
            6 => match std::str::from_utf8(message) {
                Ok(text) => strings.push(text),
                Err(_) => strings.push("?"),
            },
            _ => {}
        }
    })?;
    if !valid || strings.first() != Some(&"") || kinds.is_empty() {
        return None;
    }
    let text = |id: u64| {
        usize::try_from(id)
            .ok()
            .and_then(|id| strings.get(id))
            .copied()
            .unwrap_or("")
            .to_string()
    };
    let mut room = MAX_FRAMES;
    let mut frames = |stack: &[u64]| -> Vec<Frame> {
        let kept: Vec<Frame> = stack
            .iter()
            .filter_map(|id| locations.get(id))
            .flatten()
            .take(room.min(MAX_STACK))
            .map(|&(function, line)| {
                let (name, file) = functions.get(&function).copied().unwrap_or((0, 0));
                Frame {
                    function: text(name),
                    file: text(file),
                    line: line as u32,
                }
            })
            .collect();
        room -= kept.len();
        kept
    };
    Some(Profile {
        kinds: kinds
            .iter()
            .map(|&(kind, unit)| format!("{}/{}", text(kind), text(unit)))
            .collect(),
        samples: samples
            .iter()
            .map(|(stack, values)| {
                (
                    frames(stack),
                    values.iter().map(|&value| value as i64).collect(),
                )
            })
            .collect(),
        stats: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let node = |name: &str, parent, own| Merged {
            name: name.into(),
            parent,
            own,
            retained: 0,
            objects: 1,
        };
        encode_retention(&[
            node("heap", 0, 0),
            node("main.cache", 0, 0),
            node("main.Entry", 1, 64),
            node("string contents", 2, 32),
        ])
    }

    #[test]
    fn what_is_written_is_read_back() {
        let profile = decode(&sample()).unwrap();
        assert_eq!(
            profile.kinds,
            ["retained_objects/count", "retained_space/bytes"]
        );
        assert_eq!(profile.samples.len(), 2);
        let (stack, values) = &profile.samples[1];
        assert_eq!(
            stack
                .iter()
                .map(|frame| frame.function.as_str())
                .collect::<Vec<_>>(),
            ["string contents", "main.Entry", "main.cache"]
        );
        assert_eq!(values, &[1, 32]);
    }

    #[test]
    fn damaged_profiles_never_panic() {
        let good = sample();
        let mut state = 7u64;
        for _ in 0..20_000 {
            let mut data = good.clone();
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % data.len();
            data[at] = (state >> 20) as u8;
            if state.is_multiple_of(3) {
                data.truncate((state >> 40) as usize % good.len());
            }
            decode(&data);
        }
    }
}
