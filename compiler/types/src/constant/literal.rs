//! Values of literals.

use num_bigint::BigInt;
use num_traits::{One, Zero};
use syntax::ast::LitKind;

use super::{ConstValue, MANTISSA_BITS, MAX_EXP, MAX_RATIO_BITS, decode_rune, divide, round_bits};

/// The value of a literal token, `None` if malformed or out of every range.
pub fn from_literal(kind: LitKind, text: &str) -> Option<ConstValue> {
    match kind {
        LitKind::Int => parse_int(text),
        LitKind::Float => parse_float(text),
        LitKind::Imag => {
            let digits = text.strip_suffix('i')?;
            // For backward compatibility a leading 0 does not make an imaginary literal octal.
            let im = if digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
                parse_decimal(&digits.replace('_', ""), 0)
            } else if is_prefixed_int(digits) {
                parse_int(digits)
            } else {
                parse_float(digits)
            }?;
            Some(ConstValue::complex(ConstValue::Int(0), im))
        }
        LitKind::Char => {
            let inner = text.strip_prefix('\'')?.strip_suffix('\'')?.as_bytes();
            let mut bytes = Vec::new();
            let (value, used) = unescape(inner, b'\'', &mut bytes)?;
            (used == inner.len()).then_some(ConstValue::Int(value as i64))
        }
        LitKind::String => unquote(text).map(|bytes| ConstValue::Str(bytes.into())),
    }
}

fn is_prefixed_int(digits: &str) -> bool {
    let lower = digits.to_ascii_lowercase();
    lower.starts_with("0b")
        || lower.starts_with("0o")
        || (lower.starts_with("0x") && !lower.contains(['.', 'p']))
}

fn parse_int(text: &str) -> Option<ConstValue> {
    let clean: String;
    let digits = if text.contains('_') {
        clean = text.replace('_', "");
        &clean
    } else {
        text
    };
    let bytes = digits.as_bytes();
    let (radix, rest) = match bytes {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if let Ok(small) = i64::from_str_radix(rest, radix) {
        return (!rest.starts_with(['+', '-'])).then_some(ConstValue::Int(small));
    }
    BigInt::parse_bytes(rest.as_bytes(), radix).map(ConstValue::from_big)
}

fn parse_float(text: &str) -> Option<ConstValue> {
    let clean = text.replace('_', "");
    let lower = clean.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        let (digits, exp) = hex.split_once('p')?;
        let exp: i64 = parse_exponent(exp)?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let joined = format!("{whole}{fraction}");
        let mant = BigInt::parse_bytes(joined.as_bytes(), 16)?;
        let value = ConstValue::binary_float(mant, exp.saturating_sub(4 * fraction.len() as i64));
        return (!value.is_unknown()).then_some(value);
    }
    let (digits, exp) = match lower.split_once('e') {
        Some((digits, exp)) => (digits, parse_exponent(exp)?),
        None => (&*lower, 0),
    };
    parse_decimal(digits, exp)
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    Some(if text.starts_with('-') { -value } else { value })
}

/// `digits * 10^exp` where `digits` may have a decimal point.
fn parse_decimal(digits: &str, exp: i64) -> Option<ConstValue> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut joined = format!("{whole}{fraction}");
    let mut exp = exp - fraction.len() as i64;
    // Trailing zeros only make the ratio longer.
    if joined.len() > 40 {
        let kept = joined.trim_end_matches('0').len().max(1);
        exp += (joined.len() - kept) as i64;
        joined.truncate(kept);
    }
    let mant = BigInt::parse_bytes(joined.as_bytes(), 10)?;
    if mant.is_zero() {
        return Some(ConstValue::Int(0));
    }
    if exp.unsigned_abs() <= MAX_RATIO_BITS / 3 {
        let power = BigInt::from(10).pow(exp.unsigned_abs() as u32);
        let value = if exp >= 0 {
            ConstValue::ratio(mant * power, BigInt::one())
        } else {
            ConstValue::ratio(mant, power)
        };
        return Some(value);
    }
    // 10^|exp| by repeated squaring with a rounded mantissa.
    let (mut base, mut base_exp) = (BigInt::from(10), 0i64);
    let (mut power, mut power_exp) = (BigInt::one(), 0i64);
    let mut n = exp.unsigned_abs();
    while n > 0 {
        if n & 1 == 1 {
            (power, power_exp) =
                round_bits(&power * &base, power_exp + base_exp, MANTISSA_BITS + 64);
        }
        (base, base_exp) = round_bits(&base * &base, base_exp * 2, MANTISSA_BITS + 64);
        if base_exp > MAX_EXP * 4 {
            break;
        }
        n >>= 1;
    }
    let value = if exp >= 0 {
        if n > 1 {
            ConstValue::Unknown
        } else {
            ConstValue::binary_float(mant * power, power_exp)
        }
    } else if n > 1 {
        ConstValue::Int(0)
    } else {
        let (mant, mant_exp) = divide(&mant, &power);
        ConstValue::binary_float(mant, mant_exp - power_exp)
    };
    (!value.is_unknown()).then_some(value)
}

/// The bytes of a string literal (either form).
pub fn unquote(text: &str) -> Option<Vec<u8>> {
    if let Some(raw) = text.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return Some(if raw.contains('\r') {
            raw.replace('\r', "").into_bytes()
        } else {
            raw.as_bytes().to_vec()
        });
    }
    let inner = text.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let mut out = Vec::with_capacity(inner.len());
    let mut at = 0;
    while at < inner.len() {
        let run = inner[at..]
            .iter()
            .position(|&b| b == b'\\')
            .unwrap_or(inner.len() - at);
        out.extend_from_slice(&inner[at..at + run]);
        at += run;
        if at < inner.len() {
            at += unescape(&inner[at..], b'"', &mut out)?.1;
        }
    }
    Some(out)
}

/// Decodes one character or escape sequence; appends its bytes and returns its value and source length.
fn unescape(text: &[u8], quote: u8, out: &mut Vec<u8>) -> Option<(u32, usize)> {
    let push_char = |value: u32, out: &mut Vec<u8>| {
        let ch = char::from_u32(value)?;
        let mut buffer = [0; 4];
        out.extend_from_slice(ch.encode_utf8(&mut buffer).as_bytes());
        Some(())
    };
    if *text.first()? != b'\\' {
        let (ch, width) = decode_rune(text);
        push_char(ch? as u32, out)?;
        return Some((ch? as u32, width));
    }
    let digits = |from: usize, count: usize, radix: u32| -> Option<u32> {
        let digits = std::str::from_utf8(text.get(from..from + count)?).ok()?;
        u32::from_str_radix(digits, radix).ok()
    };
    let value = match *text.get(1)? {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => 10,
        b'r' => 13,
        b't' => 9,
        b'v' => 11,
        b'\\' => b'\\' as u32,
        ch if ch == quote => quote as u32,
        b'x' => {
            let value = digits(2, 2, 16)?;
            out.push(value as u8);
            return Some((value, 4));
        }
        b'0'..=b'7' => {
            let value = digits(1, 3, 8)?;
            out.push(u8::try_from(value).ok()?);
            return Some((value, 4));
        }
        b'u' => {
            let value = digits(2, 4, 16)?;
            push_char(value, out)?;
            return Some((value, 6));
        }
        b'U' => {
            let value = digits(2, 8, 16)?;
            push_char(value, out)?;
            return Some((value, 10));
        }
        _ => return None,
    };
    out.push(value as u8);
    Some((value, 2))
}
