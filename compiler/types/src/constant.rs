//! Exact constants (spec, "Constants").
//!
//! Canonical form: a number that is an integer of reasonable size is `Int` (fits i64) or
//! `BigInt`, whatever its Go type; everything else real is `Float`. Which kind of constant a
//! value is (integer, rune, float) is said by its type, never by its representation.
//! Real arithmetic is exact on ratios until numerator or denominator passes [`MAX_RATIO_BITS`];
//! then it continues with [`MANTISSA_BITS`] bits of mantissa, as the official compiler documents.

mod format;
mod literal;
mod text;

use std::cmp::Ordering;
use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};
use syntax::ast::{BinaryOp, UnaryOp};

use crate::model::BasicKind;

pub use format::{decode_rune, quote};
use format::{format_g, format_string};
pub use literal::{from_literal, unquote};
pub use text::ConstStr;

/// Ratios with longer parts are rounded to [`MANTISSA_BITS`].
const MAX_RATIO_BITS: u64 = 4096;
/// Precision of large floating-point constants.
const MANTISSA_BITS: u64 = 512;
/// Binary exponents beyond this are infinite (or zero).
const MAX_EXP: i64 = i32::MAX as i64;

/// The value of a constant expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstValue {
    /// Unknown because of an error.
    Unknown,
    #[allow(missing_docs)]
    Bool(bool),
    /// Any bytes.
    Str(ConstStr),
    /// A small integer.
    Int(i64),
    /// An integer outside i64.
    BigInt(Arc<BigInt>),
    /// A number that is not an integer, exact: see the checker for limits.
    Float(Arc<Float>),
    /// A complex number; parts are Int, BigInt or Float.
    Complex(Arc<(ConstValue, ConstValue)>),
}

/// A non-integer (or huge) real constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Float {
    /// `num / den`, in lowest terms, `den > 0`.
    Ratio(BigInt, BigInt),
    /// `mantissa * 2^exp` with a mantissa of at most 512 bits, for values whose ratio would be too large.
    Binary(BigInt, i64),
}

/// Why a constant has no representation in a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRepresentable {
    /// A float that is not an integer, wanted as integer.
    Truncated,
    /// Out of range.
    Overflows,
    /// Wrong kind of constant.
    Kind,
}

/// A number as `mant * 2^exp / den`; the working form of conversions.
struct Real {
    num: BigInt,
    den: BigInt,
    exp: i64,
}

impl From<i64> for ConstValue {
    fn from(value: i64) -> Self {
        ConstValue::Int(value)
    }
}
impl From<bool> for ConstValue {
    fn from(value: bool) -> Self {
        ConstValue::Bool(value)
    }
}

impl ConstValue {
    /// The integer `value`.
    pub fn from_big(value: BigInt) -> ConstValue {
        match value.to_i64() {
            Some(small) => ConstValue::Int(small),
            None => ConstValue::BigInt(Arc::new(value)),
        }
    }
    /// A string constant.
    pub fn from_bytes(bytes: &[u8]) -> ConstValue {
        ConstValue::Str(bytes.into())
    }
    /// `num / den`; `den` must not be zero.
    pub fn ratio(num: BigInt, den: BigInt) -> ConstValue {
        let gcd = num.gcd(&den);
        let (mut num, mut den) = if gcd.is_one() {
            (num, den)
        } else {
            (num / &gcd, den / &gcd)
        };
        if den.is_negative() {
            num = -num;
            den = -den;
        }
        if num.bits() > MAX_RATIO_BITS || den.bits() > MAX_RATIO_BITS {
            let (mant, exp) = divide(&num, &den);
            return ConstValue::binary_float(mant, exp);
        }
        if den.is_one() {
            return ConstValue::from_big(num);
        }
        ConstValue::Float(Arc::new(Float::Ratio(num, den)))
    }
    /// `mant * 2^exp`, rounded to 512 bits, in canonical form; [`ConstValue::Unknown`] if infinite.
    pub fn binary_float(mant: BigInt, exp: i64) -> ConstValue {
        let (mant, exp) = round_bits(mant, exp, MANTISSA_BITS);
        if mant.is_zero() {
            return ConstValue::Int(0);
        }
        let zeros = mant.trailing_zeros().unwrap_or(0);
        let (mant, exp) = (mant >> zeros, exp + zeros as i64);
        let top = exp.saturating_add(mant.bits() as i64);
        if top > MAX_EXP {
            return ConstValue::Unknown;
        }
        if top < -MAX_EXP {
            return ConstValue::Int(0);
        }
        if exp >= 0 && top <= MAX_RATIO_BITS as i64 {
            return ConstValue::from_big(mant << exp as u64);
        }
        if exp < 0 && exp >= -(MAX_RATIO_BITS as i64) {
            return ConstValue::Float(Arc::new(Float::Ratio(mant, BigInt::one() << (-exp) as u64)));
        }
        ConstValue::Float(Arc::new(Float::Binary(mant, exp)))
    }
    /// The exact value of a finite float; [`ConstValue::Unknown`] otherwise.
    pub fn from_f64(value: f64) -> ConstValue {
        if !value.is_finite() {
            return ConstValue::Unknown;
        }
        if value == 0.0 {
            return ConstValue::Int(0);
        }
        let bits = value.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as i64;
        let fraction = bits & ((1 << 52) - 1);
        let (mant, exp) = if exponent == 0 {
            (fraction, -1074)
        } else {
            (fraction | 1 << 52, exponent - 1075)
        };
        let mant = if value < 0.0 {
            -BigInt::from(mant)
        } else {
            BigInt::from(mant)
        };
        ConstValue::binary_float(mant, exp)
    }
    /// `re + im*i`.
    pub fn complex(re: ConstValue, im: ConstValue) -> ConstValue {
        if matches!(re, ConstValue::Unknown) || matches!(im, ConstValue::Unknown) {
            return ConstValue::Unknown;
        }
        ConstValue::Complex(Arc::new((re, im)))
    }
    /// Whether the squares of both parts are zero in our precision.
    pub fn vanishes_squared(&self) -> bool {
        let square = |part: &ConstValue| part.binary(BinaryOp::Mul, part, false).is_zero();
        match self {
            ConstValue::Complex(parts) => square(&parts.0) && square(&parts.1),
            _ => square(self),
        }
    }
    /// Whether this is [`ConstValue::Unknown`].
    pub fn is_unknown(&self) -> bool {
        matches!(self, ConstValue::Unknown)
    }
    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            ConstValue::Bool(value) => Some(*value),
            _ => None,
        }
    }
    /// The bytes of a string constant. See [`ConstStr`] for what can be had without joining them.
    pub fn to_bytes(&self) -> Option<&Arc<[u8]>> {
        match self {
            ConstValue::Str(text) => Some(text.bytes()),
            _ => None,
        }
    }
    /// The length of a string constant in bytes.
    pub fn text_len(&self) -> Option<usize> {
        match self {
            ConstValue::Str(text) => Some(text.len()),
            _ => None,
        }
    }
    /// The value as an integer, if it is one (floats and complex numbers with integer value included).
    pub fn to_int(&self) -> Option<ConstValue> {
        match self {
            ConstValue::Int(_) | ConstValue::BigInt(_) => Some(self.clone()),
            ConstValue::Float(float) => match &**float {
                Float::Ratio(num, den) => {
                    // A ratio within rounding distance of an integer is not one: exactness is kept.
                    den.is_one().then(|| ConstValue::from_big(num.clone()))
                }
                Float::Binary(mant, exp) if *exp >= 0 && *exp < 1 << 16 => {
                    Some(ConstValue::from_big(mant << *exp as u64))
                }
                Float::Binary(..) => None,
            },
            ConstValue::Complex(parts) if parts.1.is_zero() => parts.0.to_int(),
            _ => None,
        }
    }
    /// The value as a real number, if it is one.
    pub fn to_real(&self) -> Option<ConstValue> {
        match self {
            ConstValue::Int(_) | ConstValue::BigInt(_) | ConstValue::Float(_) => Some(self.clone()),
            ConstValue::Complex(parts) if parts.1.is_zero() => Some(parts.0.clone()),
            _ => None,
        }
    }
    /// The value as an `i64`, if it is an integer in range.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            ConstValue::Int(value) => Some(*value),
            ConstValue::BigInt(_) => None,
            _ => match self.to_int()? {
                ConstValue::Int(value) => Some(value),
                _ => None,
            },
        }
    }
    /// The value as a `u64`, if it is an integer in range.
    pub fn to_u64(&self) -> Option<u64> {
        match self.to_int()? {
            ConstValue::Int(value) => u64::try_from(value).ok(),
            ConstValue::BigInt(value) => value.to_u64(),
            _ => None,
        }
    }
    /// The value as an arbitrary integer, if it is one.
    pub fn to_big(&self) -> Option<BigInt> {
        match self.to_int()? {
            ConstValue::Int(value) => Some(BigInt::from(value)),
            ConstValue::BigInt(value) => Some((*value).clone()),
            _ => None,
        }
    }
    /// The nearest `f64` (ties to even) of a real number; infinite if out of range.
    pub fn to_f64(&self) -> Option<f64> {
        if let ConstValue::Int(value) = self {
            return Some(*value as f64);
        }
        Some(round_ieee(&self.real()?, 53, -1074, 1024))
    }
    /// The nearest `f32` (ties to even) of a real number; infinite if out of range.
    pub fn to_f32(&self) -> Option<f32> {
        if let ConstValue::Int(value) = self {
            return Some(*value as f32);
        }
        Some(round_ieee(&self.real()?, 24, -149, 128) as f32)
    }
    /// Real and imaginary part of a number.
    pub fn parts(&self) -> Option<(ConstValue, ConstValue)> {
        match self {
            ConstValue::Complex(parts) => Some((parts.0.clone(), parts.1.clone())),
            ConstValue::Int(_) | ConstValue::BigInt(_) | ConstValue::Float(_) => {
                Some((self.clone(), ConstValue::Int(0)))
            }
            _ => None,
        }
    }
    fn real(&self) -> Option<Real> {
        Some(match self {
            ConstValue::Int(value) => Real {
                num: BigInt::from(*value),
                den: BigInt::one(),
                exp: 0,
            },
            ConstValue::BigInt(value) => Real {
                num: (**value).clone(),
                den: BigInt::one(),
                exp: 0,
            },
            ConstValue::Float(float) => match &**float {
                Float::Ratio(num, den) => Real {
                    num: num.clone(),
                    den: den.clone(),
                    exp: 0,
                },
                Float::Binary(mant, exp) => Real {
                    num: mant.clone(),
                    den: BigInt::one(),
                    exp: *exp,
                },
            },
            ConstValue::Complex(parts) if parts.1.is_zero() => return parts.0.real(),
            _ => return None,
        })
    }
    /// Whether this is the number zero.
    pub fn is_zero(&self) -> bool {
        match self {
            ConstValue::Int(value) => *value == 0,
            ConstValue::Complex(parts) => parts.0.is_zero() && parts.1.is_zero(),
            _ => false,
        }
    }
    /// -1, 0 or 1 for real numbers; for complex ones 0 iff zero.
    pub fn sign(&self) -> i32 {
        match self {
            ConstValue::Int(value) => value.signum() as i32,
            ConstValue::BigInt(value) => {
                if value.is_negative() {
                    -1
                } else {
                    1
                }
            }
            ConstValue::Float(float) => match &**float {
                Float::Ratio(num, _) | Float::Binary(num, _) => {
                    if num.is_negative() {
                        -1
                    } else {
                        1
                    }
                }
            },
            ConstValue::Complex(parts) => parts.0.sign() | parts.1.sign(),
            _ => 1,
        }
    }
    /// Number of bits of an integer's magnitude; 0 for other constants.
    pub fn bit_len(&self) -> u64 {
        match self {
            ConstValue::Int(value) => 64 - value.unsigned_abs().leading_zeros() as u64,
            ConstValue::BigInt(value) => value.bits(),
            _ => 0,
        }
    }
    /// Whether this is an integer by representation.
    pub fn is_int(&self) -> bool {
        matches!(self, ConstValue::Int(_) | ConstValue::BigInt(_))
    }

    /// A binary operation other than comparison and shift. `integer` selects truncated division.
    /// Division by zero is excluded by the caller. Unknown if an operand is, or the result is infinite.
    pub fn binary(&self, op: BinaryOp, other: &ConstValue, integer: bool) -> ConstValue {
        use ConstValue::*;
        match (self, other) {
            (Bool(x), Bool(y)) => match op {
                BinaryOp::AndAnd => Bool(*x && *y),
                BinaryOp::OrOr => Bool(*x || *y),
                _ => Unknown,
            },
            (Str(x), Str(y)) if op == BinaryOp::Add => Str(x.concat(y)),
            (Int(x), Int(y)) => {
                let small = match op {
                    BinaryOp::Add => x.checked_add(*y),
                    BinaryOp::Sub => x.checked_sub(*y),
                    BinaryOp::Mul => x.checked_mul(*y),
                    BinaryOp::Div if integer => x.checked_div(*y),
                    BinaryOp::Rem => x.checked_rem(*y),
                    BinaryOp::And => Some(x & y),
                    BinaryOp::Or => Some(x | y),
                    BinaryOp::Xor => Some(x ^ y),
                    BinaryOp::AndNot => Some(x & !y),
                    _ => None,
                };
                match small {
                    Some(value) => Int(value),
                    None => big_op(
                        &num_bigint::BigInt::from(*x),
                        op,
                        &num_bigint::BigInt::from(*y),
                        integer,
                    ),
                }
            }
            (Int(_) | BigInt(_), Int(_) | BigInt(_)) => match (self.to_big(), other.to_big()) {
                (Some(x), Some(y)) => big_op(&x, op, &y, integer),
                _ => Unknown,
            },
            (Complex(_), Int(_) | BigInt(_) | Float(_) | Complex(_))
            | (Int(_) | BigInt(_) | Float(_), Complex(_)) => complex_op(self, op, other),
            (Int(_) | BigInt(_) | Float(_), Int(_) | BigInt(_) | Float(_)) => {
                match (self.real(), other.real()) {
                    (Some(x), Some(y)) => real_op(x, op, y),
                    _ => Unknown,
                }
            }
            _ => Unknown,
        }
    }

    /// A unary operation. `width` is the number of bits of an unsigned type (for `^`).
    pub fn unary(&self, op: UnaryOp, width: Option<u32>) -> ConstValue {
        match (op, self) {
            (UnaryOp::Plus, _) => self.clone(),
            (UnaryOp::Not, ConstValue::Bool(value)) => ConstValue::Bool(!value),
            (UnaryOp::Neg, ConstValue::Int(value)) if *value != i64::MIN => ConstValue::Int(-value),
            (UnaryOp::Neg, ConstValue::Complex(parts)) => {
                ConstValue::complex(parts.0.unary(op, None), parts.1.unary(op, None))
            }
            (UnaryOp::Neg, ConstValue::Float(float)) => {
                ConstValue::Float(Arc::new(match &**float {
                    Float::Ratio(num, den) => Float::Ratio(-num, den.clone()),
                    Float::Binary(mant, exp) => Float::Binary(-mant, *exp),
                }))
            }
            (UnaryOp::Neg, _) => self
                .to_big()
                .map_or(ConstValue::Unknown, |value| ConstValue::from_big(-value)),
            (UnaryOp::BitNot, _) => match (self.to_big(), width) {
                (Some(value), None) => ConstValue::from_big(!value),
                (Some(value), Some(bits)) => {
                    let mask: BigInt = (BigInt::one() << bits) - 1;
                    ConstValue::from_big(!value & mask)
                }
                _ => ConstValue::Unknown,
            },
            _ => ConstValue::Unknown,
        }
    }

    /// `self << count` or `self >> count` of an integer.
    pub fn shift(&self, left: bool, count: u64) -> ConstValue {
        if let (ConstValue::Int(value), false) = (self, left) {
            return ConstValue::Int(value >> count.min(63));
        }
        match self.to_big() {
            Some(value) if left => ConstValue::from_big(value << count),
            Some(value) => ConstValue::from_big(value >> count),
            None => ConstValue::Unknown,
        }
    }

    /// A comparison of two constants of the same kind.
    pub fn compare(&self, op: BinaryOp, other: &ConstValue) -> Option<bool> {
        use ConstValue::*;
        let ordering = match (self, other) {
            (Bool(x), Bool(y)) => x.cmp(y),
            (Str(x), Str(y)) => x.cmp(y),
            (Int(x), Int(y)) => x.cmp(y),
            (Complex(_), _) | (_, Complex(_)) => {
                let ((a, b), (c, d)) = (self.parts()?, other.parts()?);
                let same = a.compare(BinaryOp::Eq, &c)? && b.compare(BinaryOp::Eq, &d)?;
                return match op {
                    BinaryOp::Eq => Some(same),
                    BinaryOp::Ne => Some(!same),
                    _ => None,
                };
            }
            _ => {
                let (a, b) = (self.sign(), other.sign());
                if a != b {
                    a.cmp(&b)
                } else {
                    compare_real(&self.real()?, &other.real()?)
                }
            }
        };
        Some(match op {
            BinaryOp::Eq => ordering == Ordering::Equal,
            BinaryOp::Ne => ordering != Ordering::Equal,
            BinaryOp::Lt => ordering == Ordering::Less,
            BinaryOp::Le => ordering != Ordering::Greater,
            BinaryOp::Gt => ordering == Ordering::Greater,
            BinaryOp::Ge => ordering != Ordering::Less,
            _ => return None,
        })
    }

    /// The value as represented in a basic type (rounded for floats), or why it cannot be (spec, "Representability").
    /// Unknown values are representable in everything.
    pub fn represent(&self, kind: BasicKind) -> Result<ConstValue, NotRepresentable> {
        use BasicKind::*;
        if self.is_unknown() {
            return Ok(ConstValue::Unknown);
        }
        let numeric = !matches!(self, ConstValue::Bool(_) | ConstValue::Str(_));
        match kind {
            Bool | UntypedBool => matches!(self, ConstValue::Bool(_))
                .then(|| self.clone())
                .ok_or(NotRepresentable::Kind),
            String | UntypedString => matches!(self, ConstValue::Str(_))
                .then(|| self.clone())
                .ok_or(NotRepresentable::Kind),
            _ if !numeric => Err(NotRepresentable::Kind),
            UntypedInt | UntypedRune => self.to_int().ok_or(NotRepresentable::Truncated),
            Int | Int8 | Int16 | Int32 | Int64 | Uint | Uint8 | Uint16 | Uint32 | Uint64
            | Uintptr => {
                let value = self.to_int().ok_or(NotRepresentable::Truncated)?;
                let fits = match (&value, kind) {
                    (ConstValue::Int(_), Int | Int64) => true,
                    (ConstValue::Int(v), Int8) => i8::try_from(*v).is_ok(),
                    (ConstValue::Int(v), Int16) => i16::try_from(*v).is_ok(),
                    (ConstValue::Int(v), Int32) => i32::try_from(*v).is_ok(),
                    (ConstValue::Int(v), Uint8) => u8::try_from(*v).is_ok(),
                    (ConstValue::Int(v), Uint16) => u16::try_from(*v).is_ok(),
                    (ConstValue::Int(v), Uint32) => u32::try_from(*v).is_ok(),
                    (ConstValue::Int(v), Uint | Uint64 | Uintptr) => *v >= 0,
                    (ConstValue::BigInt(v), Uint | Uint64 | Uintptr) => v.to_u64().is_some(),
                    _ => false,
                };
                if fits {
                    Ok(value)
                } else {
                    Err(NotRepresentable::Overflows)
                }
            }
            UntypedFloat => self.to_real().ok_or(NotRepresentable::Truncated),
            UntypedComplex => Ok(self.clone()),
            Float32 | Float64 => {
                let value = self.to_real().ok_or(NotRepresentable::Truncated)?;
                round_to(&value, kind).ok_or(NotRepresentable::Overflows)
            }
            Complex64 | Complex128 => {
                let (re, im) = self.parts().ok_or(NotRepresentable::Kind)?;
                let part = if kind == Complex64 { Float32 } else { Float64 };
                let re = round_to(&re, part).ok_or(NotRepresentable::Overflows)?;
                let im = round_to(&im, part).ok_or(NotRepresentable::Overflows)?;
                Ok(ConstValue::complex(re, im))
            }
            Invalid | UnsafePointer | UntypedNil => Err(NotRepresentable::Kind),
        }
    }

    /// The value as gc prints it in messages for a constant of kind `kind`.
    pub fn format(&self, kind: BasicKind) -> String {
        use BasicKind::*;
        match self {
            ConstValue::Unknown => "unknown".into(),
            ConstValue::Bool(value) => value.to_string(),
            ConstValue::Str(text) => format_string(&text.prefix(512)),
            ConstValue::Complex(parts) => {
                format!(
                    "({} + {}i)",
                    parts.0.format(UntypedFloat),
                    parts.1.format(UntypedFloat)
                )
            }
            ConstValue::Int(_) | ConstValue::BigInt(_) | ConstValue::Float(_) => match kind {
                Float32 | Float64 | UntypedFloat => self.format_float(),
                Complex64 | Complex128 | UntypedComplex => {
                    format!("({} + 0i)", self.format_float())
                }
                _ => match self {
                    ConstValue::Int(value) => value.to_string(),
                    ConstValue::BigInt(value) => value.to_string(),
                    _ => self.format_float(),
                },
            },
        }
    }

    fn format_float(&self) -> String {
        let value = self.to_f64().unwrap_or(0.0);
        if value.is_finite() && (value != 0.0 || self.is_zero()) {
            let text = format_g(value, Some(6));
            let is_integer = self.is_int();
            if !is_integer && !text.contains('.') {
                return format_g(value, None);
            }
            return text;
        }
        // Out of float64's range: about six decimal digits from the binary form.
        let Some(real) = self.real() else {
            return "unknown".into();
        };
        let (mant, exp) = divide(&real.num, &real.den);
        let exp = exp + real.exp;
        let bits = mant.bits() as i64;
        let (short, shift) = if bits > 60 {
            (&mant >> (bits - 60) as u64, bits - 60)
        } else {
            (mant.clone(), 0)
        };
        let m = short.to_f64().unwrap_or(1.0) / 2f64.powi((bits - shift) as i32);
        let d = (exp + bits) as f64 * (std::f64::consts::LN_2 / std::f64::consts::LN_10);
        let mut e = d as i64;
        let mut m = m * 10f64.powf(d - e as f64);
        if m.abs() < 1.0 - 0.5e-6 {
            m *= 10.0;
            e -= 1;
        } else if m.abs() >= 10.0 {
            m /= 10.0;
            e += 1;
        }
        format!("{}e{:+}", format_g(m, Some(6)), e)
    }
}

/// Rounds to float32 or float64; `None` on overflow.
fn round_to(value: &ConstValue, kind: BasicKind) -> Option<ConstValue> {
    let rounded = if kind == BasicKind::Float32 {
        value.to_f32()? as f64
    } else {
        value.to_f64()?
    };
    if rounded.is_infinite() {
        return None;
    }
    if let ConstValue::Int(small) = value
        && rounded.abs() < 9e15
        && rounded as i64 == *small
    {
        return Some(value.clone());
    }
    Some(ConstValue::from_f64(rounded))
}

fn big_op(x: &BigInt, op: BinaryOp, y: &BigInt, integer: bool) -> ConstValue {
    ConstValue::from_big(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div if y.is_zero() => return ConstValue::Unknown,
        BinaryOp::Div if integer => x / y,
        BinaryOp::Div => return ConstValue::ratio(x.clone(), y.clone()),
        BinaryOp::Rem if y.is_zero() => return ConstValue::Unknown,
        BinaryOp::Rem => x % y,
        BinaryOp::And => x & y,
        BinaryOp::Or => x | y,
        BinaryOp::Xor => x ^ y,
        BinaryOp::AndNot => x & !y,
        _ => return ConstValue::Unknown,
    })
}

fn real_op(x: Real, op: BinaryOp, y: Real) -> ConstValue {
    if x.exp == 0 && y.exp == 0 {
        return match op {
            BinaryOp::Add => ConstValue::ratio(&x.num * &y.den + &y.num * &x.den, x.den * y.den),
            BinaryOp::Sub => ConstValue::ratio(&x.num * &y.den - &y.num * &x.den, x.den * y.den),
            BinaryOp::Mul => ConstValue::ratio(x.num * y.num, x.den * y.den),
            BinaryOp::Div if y.num.is_zero() => ConstValue::Unknown,
            BinaryOp::Div => ConstValue::ratio(x.num * y.den, x.den * y.num),
            _ => ConstValue::Unknown,
        };
    }
    let (xm, mut xe) = divide(&x.num, &x.den);
    let (ym, mut ye) = divide(&y.num, &y.den);
    xe += x.exp;
    ye += y.exp;
    match op {
        BinaryOp::Mul => ConstValue::binary_float(xm * ym, xe + ye),
        BinaryOp::Div if ym.is_zero() => ConstValue::Unknown,
        BinaryOp::Div => {
            let (mant, exp) = divide(&xm, &ym);
            ConstValue::binary_float(mant, exp + xe - ye)
        }
        BinaryOp::Add | BinaryOp::Sub => {
            let ym = if op == BinaryOp::Sub { -ym } else { ym };
            if xm.is_zero() {
                return ConstValue::binary_float(ym, ye);
            }
            if ym.is_zero() {
                return ConstValue::binary_float(xm, xe);
            }
            let (xtop, ytop) = (xe + xm.bits() as i64, ye + ym.bits() as i64);
            // The smaller operand is below the last bit of the larger one.
            if xtop - ytop > 2 * MANTISSA_BITS as i64 {
                return ConstValue::binary_float(xm, xe);
            }
            if ytop - xtop > 2 * MANTISSA_BITS as i64 {
                return ConstValue::binary_float(ym, ye);
            }
            let low = xe.min(ye);
            ConstValue::binary_float((xm << (xe - low) as u64) + (ym << (ye - low) as u64), low)
        }
        _ => ConstValue::Unknown,
    }
}

fn complex_op(x: &ConstValue, op: BinaryOp, y: &ConstValue) -> ConstValue {
    let (Some((a, b)), Some((c, d))) = (x.parts(), y.parts()) else {
        return ConstValue::Unknown;
    };
    let f = |x: &ConstValue, op, y: &ConstValue| x.binary(op, y, false);
    use BinaryOp::{Add, Div, Mul, Sub};
    match op {
        Add | Sub => ConstValue::complex(f(&a, op, &c), f(&b, op, &d)),
        Mul => ConstValue::complex(
            f(&f(&a, Mul, &c), Sub, &f(&b, Mul, &d)),
            f(&f(&b, Mul, &c), Add, &f(&a, Mul, &d)),
        ),
        Div => {
            let norm = f(&f(&c, Mul, &c), Add, &f(&d, Mul, &d));
            if norm.is_zero() {
                return ConstValue::Unknown;
            }
            let re = f(&f(&a, Mul, &c), Add, &f(&b, Mul, &d));
            let im = f(&f(&b, Mul, &c), Sub, &f(&a, Mul, &d));
            ConstValue::complex(f(&re, Div, &norm), f(&im, Div, &norm))
        }
        _ => ConstValue::Unknown,
    }
}

fn compare_real(x: &Real, y: &Real) -> Ordering {
    if x.exp == 0 && y.exp == 0 {
        return (&x.num * &y.den).cmp(&(&y.num * &x.den));
    }
    let (xm, xe) = divide(&x.num, &x.den);
    let (ym, ye) = divide(&y.num, &y.den);
    let (xe, ye) = (xe + x.exp, ye + y.exp);
    let (xtop, ytop) = (xe + xm.bits() as i64, ye + ym.bits() as i64);
    let by_magnitude = xtop.cmp(&ytop);
    if by_magnitude != Ordering::Equal {
        return if xm.is_negative() {
            by_magnitude.reverse()
        } else {
            by_magnitude
        };
    }
    let low = xe.min(ye);
    (xm << (xe - low) as u64).cmp(&(ym << (ye - low) as u64))
}

/// `num / den` as `mant * 2^exp` with at least 512 bits of precision (exact if `den` is a power of two).
fn divide(num: &BigInt, den: &BigInt) -> (BigInt, i64) {
    if den.is_one() {
        return (num.clone(), 0);
    }
    if num.is_zero() {
        return (BigInt::zero(), 0);
    }
    let want = MANTISSA_BITS as i64 + 66;
    let shift = (want - (num.bits() as i64 - den.bits() as i64)).max(0);
    let (mut quotient, rest) = (num.abs() << shift as u64).div_rem(&den.abs());
    let mut exp = -shift;
    if !rest.is_zero() {
        // A sticky bit keeps later rounding correct.
        quotient = (quotient << 1) + 1;
        exp -= 1;
    }
    (
        if num.is_negative() != den.is_negative() {
            -quotient
        } else {
            quotient
        },
        exp,
    )
}

/// Rounds a mantissa to `bits` bits, ties to even.
fn round_bits(mant: BigInt, exp: i64, bits: u64) -> (BigInt, i64) {
    let have = mant.bits();
    if have <= bits {
        return (mant, exp);
    }
    let drop = have - bits;
    let negative = mant.is_negative();
    let magnitude = mant.magnitude();
    let mut kept: BigUint = magnitude >> drop;
    let rest = magnitude - (&kept << drop);
    let half = BigUint::one() << (drop - 1);
    if rest > half || (rest == half && kept.bit(0)) {
        kept += 1u32;
    }
    (
        BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, kept),
        exp + drop as i64,
    )
}

/// Rounds to an IEEE format with `precision` bits, smallest exponent `min_exp` (of the last bit of a
/// subnormal) and values below `2^max_exp`.
fn round_ieee(real: &Real, precision: u64, min_exp: i64, max_exp: i64) -> f64 {
    if real.num.is_zero() {
        return 0.0;
    }
    let (mant, exp) = divide(&real.num, &real.den);
    let exp = exp + real.exp;
    let bits = mant.bits() as i64;
    let top = exp + bits;
    if top > max_exp + 1 {
        return if mant.is_negative() {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
    }
    if top < min_exp - 1 {
        return if mant.is_negative() { -0.0 } else { 0.0 };
    }
    // The last bit kept is at 2^last.
    let last = (top - precision as i64).max(min_exp);
    let (mant, exp) = if last > exp {
        let drop = (last - exp) as u64;
        let negative = mant.is_negative();
        let magnitude = mant.magnitude();
        let mut kept: BigUint = magnitude >> drop;
        let rest = magnitude - (&kept << drop);
        let half = BigUint::one() << (drop - 1);
        if rest > half || (rest == half && kept.bit(0)) {
            kept += 1u32;
        }
        (
            BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, kept),
            last,
        )
    } else {
        (mant, exp)
    };
    if exp + mant.bits() as i64 > max_exp {
        return if mant.is_negative() {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
    }
    let value = mant.to_f64().unwrap_or(0.0);
    // Two steps, so that the power itself stays in range.
    let half = exp / 2;
    value * 2f64.powi(half as i32) * 2f64.powi((exp - half) as i32)
}

#[cfg(test)]
mod tests {
    use syntax::ast::LitKind;

    use super::*;

    fn literal(text: &str) -> ConstValue {
        let kind = if text.contains(['.', 'e', 'p']) && !text.starts_with("0xe") {
            LitKind::Float
        } else {
            LitKind::Int
        };
        from_literal(kind, text).expect(text)
    }

    #[test]
    fn numbers_print_as_gc_prints_them() {
        let check = |text: &str, want: &str| {
            let kind = if text.contains(['.', 'e', 'p']) {
                BasicKind::UntypedFloat
            } else {
                BasicKind::UntypedInt
            };
            assert_eq!(literal(text).format(kind), want, "{text}");
        };
        check("1", "1");
        check("1e3", "1000");
        check("1e7", "1e+07");
        check("1.5", "1.5");
        check("0.1", "0.1");
        check("1e10000", "1e+10000");
        check("1e-10000", "1e-10000");
        check("1000000000000000000000000", "1000000000000000000000000");
        check("0x1p-2", "0.25");
        check("123456789.5", "1.23457e+08");
        check("0b101", "5");
        check("0o17", "15");
        check("017", "15");
        check("1_000", "1000");
    }

    #[test]
    fn floats_round_to_nearest_even() {
        let check = |text: &str| {
            assert_eq!(
                literal(text).to_f64().unwrap(),
                text.parse::<f64>().unwrap(),
                "{text}"
            )
        };
        for text in [
            "0.1",
            "1.7976931348623157e308",
            "4.9e-324",
            "2.4703282292062328e-324",
            "2.4703282292062327e-324",
            "9007199254740993.0",
            "1e23",
            "8.5e-320",
            "3.14159265358979323846264338327950288419716939937510582097494459",
        ] {
            check(text);
        }
        assert!(
            literal("1.7976931348623159e308")
                .to_f64()
                .unwrap()
                .is_infinite()
        );
        assert_eq!(literal("3.4e38").to_f32().unwrap(), 3.4e38f32);
        assert!(literal("3.5e38").to_f32().unwrap().is_infinite());
        assert_eq!(literal("1e-45").to_f32().unwrap(), 1e-45f32);
    }

    #[test]
    fn arithmetic_is_exact() {
        let third = literal("1.0").binary(BinaryOp::Div, &literal("3.0"), false);
        let one = third.binary(BinaryOp::Mul, &literal("3.0"), false);
        assert_eq!(one, ConstValue::Int(1));
        assert_eq!(
            ConstValue::Int(-7).binary(BinaryOp::Div, &ConstValue::Int(2), true),
            ConstValue::Int(-3)
        );
        assert_eq!(
            ConstValue::Int(-7).binary(BinaryOp::Rem, &ConstValue::Int(2), true),
            ConstValue::Int(-1)
        );
        assert_eq!(
            ConstValue::Int(i64::MAX)
                .binary(BinaryOp::Add, &ConstValue::Int(1), true)
                .bit_len(),
            64
        );
        assert_eq!(
            ConstValue::Int(0).unary(UnaryOp::BitNot, Some(8)),
            ConstValue::Int(255)
        );
        let huge = literal("1e1000000");
        assert_eq!(huge.binary(BinaryOp::Div, &huge, false), ConstValue::Int(1));
        assert_eq!(huge.compare(BinaryOp::Gt, &literal("1e999999")), Some(true));
        assert_eq!(from_literal(LitKind::Float, "1e99999999999"), None);
    }

    #[test]
    fn strings_unquote() {
        let check = |text: &str, want: &[u8]| assert_eq!(unquote(text).unwrap(), want, "{text}");
        check(r#""a\n\x00\377\u00e9\"""#, b"a\n\x00\xff\xc3\xa9\"");
        check("`a\r\n\\`", b"a\n\\");
        assert_eq!(
            from_literal(LitKind::Char, r"'\''"),
            Some(ConstValue::Int(39))
        );
        assert_eq!(
            from_literal(LitKind::Char, "'é'"),
            Some(ConstValue::Int(0xe9))
        );
        assert_eq!(
            from_literal(LitKind::Imag, "010i"),
            Some(ConstValue::complex(0.into(), 10.into()))
        );
    }
}
