//! Exact constants (spec, "Constants").

use std::sync::Arc;

use num_bigint::BigInt;

/// The value of a constant expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstValue {
    /// Unknown because of an error.
    Unknown,
    #[allow(missing_docs)]
    Bool(bool),
    /// Any bytes.
    Str(Arc<[u8]>),
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
