//! Constants as gc prints them.

/// `%.{digits}g`, or `%g` with the shortest exact form.
pub(super) fn format_g(value: f64, digits: Option<usize>) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let scientific = match digits {
        Some(digits) => format!("{:.*e}", digits - 1, value),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let mut figures: String = mantissa.chars().filter(|c| *c != '.').collect();
    while figures.len() > 1 && figures.ends_with('0') {
        figures.pop();
    }
    let limit = match digits {
        Some(digits) => digits as i32,
        None => 21,
    };
    if exponent < -4 || exponent >= limit {
        let (first, rest) = figures.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exp_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{exp_sign}{:02}", exponent.abs());
    }
    if exponent < 0 {
        return format!("{sign}0.{}{figures}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if figures.len() <= whole {
        return format!("{sign}{figures}{}", "0".repeat(whole - figures.len()));
    }
    format!("{sign}{}.{}", &figures[..whole], &figures[whole..])
}

/// A quoted string, shortened to about 72 characters.
pub(super) fn format_string(bytes: &[u8]) -> String {
    const MAX: usize = 72;
    let quoted = quote(bytes, MAX + 8);
    if quoted.chars().count() <= MAX {
        return quoted;
    }
    let mut text: String = quoted.chars().take(MAX - 3).collect();
    text.push_str("...");
    text
}

/// Go's double-quoted form of `bytes`, stopping after about `limit` characters.
pub fn quote(bytes: &[u8], limit: usize) -> String {
    use std::fmt::Write;
    let mut out = String::from("\"");
    let mut rest = bytes;
    while !rest.is_empty() && out.len() < limit.saturating_mul(4) {
        let (ch, width) = decode_rune(rest);
        match ch {
            None => {
                let _ = write!(out, "\\x{:02x}", rest[0]);
            }
            Some(ch) => match ch {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x0b' => out.push_str("\\v"),
                ch if (ch as u32) < 0x20 || ch as u32 == 0x7f => {
                    let _ = write!(out, "\\x{:02x}", ch as u32);
                }
                ch if is_printable(ch) => out.push(ch),
                ch if (ch as u32) < 0x10000 => {
                    let _ = write!(out, "\\u{:04x}", ch as u32);
                }
                ch => {
                    let _ = write!(out, "\\U{:08x}", ch as u32);
                }
            },
        }
        rest = &rest[width..];
    }
    out.push('"');
    out
}

fn is_printable(ch: char) -> bool {
    let code = ch as u32;
    !(ch.is_control()
        || (ch.is_whitespace() && ch != ' ')
        || matches!(code, 0xad | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe000..=0xf8ff | 0xfff0..=0xfffb)
        || code >= 0xe0000)
}

/// The first character of a UTF-8 string and its width; `None` (width 1) for an invalid byte.
pub fn decode_rune(bytes: &[u8]) -> (Option<char>, usize) {
    let Some(&first) = bytes.first() else {
        return (None, 0);
    };
    let width = match first {
        0..=0x7f => return (Some(first as char), 1),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return (None, 1),
    };
    match bytes
        .get(..width)
        .and_then(|head| std::str::from_utf8(head).ok())
    {
        Some(text) => (text.chars().next(), width),
        None => (None, 1),
    }
}
