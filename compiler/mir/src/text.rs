//! Lexical rules and words of the text form; [`print`](crate::print) and [`parse`](crate::parse) share them.
//!
//! - One item, block header or instruction a line; `//` starts a comment.
//! - Names (of functions, globals, defined types) stand as they are where they can be told from what follows them:
//!   letters, digits, `_./~·-%`, type arguments in brackets, receivers (`net/http.(*Server).Serve`). Others are quoted: `$"a b"`.
//! - Strings have Go's escapes: `\n`, `\"`, `\x00` (a byte).

use crate::ir::{AtomicOp, BinOp, BoundKind, CmpOp, Intrinsic, UnOp};
use crate::types::{TypeTable, go_quote};

/// An enumeration with a word for each variant.
pub(crate) trait Word: Sized + Copy {
    fn word(self) -> &'static str;
    fn from_word(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($name:ident { $($variant:ident $word:literal)* })*) => {$(
        impl Word for $name {
            fn word(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }
    )*};
}

words! {
    BinOp {
        Add "add" Sub "sub" Mul "mul" Div "div" Rem "rem" And "and" Or "or" Xor "xor" AndNot "andnot"
        Shl "shl" Shr "shr" ShlBounded "shl.bounded" ShrBounded "shr.bounded"
    }
    UnOp { Neg "neg" Not "not" BitNot "bitnot" }
    CmpOp { Eq "eq" Ne "ne" Lt "lt" Le "le" Gt "gt" Ge "ge" }
    BoundKind {
        Index "index" SliceAlen "slice_alen" SliceAcap "slice_acap" SliceB "slice_b" Slice3Alen "slice3_alen"
        Slice3Acap "slice3_acap" Slice3B "slice3_b" Slice3C "slice3_c" Convert "convert"
    }
    AtomicOp { Load "load" Store "store" Swap "swap" CompareAndSwap "cas" Add "add" And "and" Or "or" }
    Intrinsic {
        Sqrt "sqrt" Floor "floor" Ceil "ceil" Trunc "trunc" Nearest "nearest" Fma "fma" Abs "abs" Copysign "copysign"
        LeadingZeros "leading_zeros" TrailingZeros "trailing_zeros" PopCount "pop_count" ByteSwap "byte_swap"
        BitReverse "bit_reverse" RotateLeft "rotate_left" MulWide "mul_wide" AddCarry "add_carry" SubBorrow "sub_borrow"
        DivWide "div_wide" Prefetch "prefetch" Pause "pause" NoEscape "no_escape" CallerPc "caller_pc"
        CallerSp "caller_sp" FloatMin "float_min" FloatMax "float_max"
    }
}

/// The predeclared types by name.
pub(crate) const PREDECLARED: &[(&str, crate::Ty)] = &[
    ("bool", TypeTable::BOOL),
    ("int", TypeTable::INT),
    ("int8", TypeTable::INT8),
    ("int16", TypeTable::INT16),
    ("int32", TypeTable::INT32),
    ("int64", TypeTable::INT64),
    ("uint", TypeTable::UINT),
    ("uint8", TypeTable::UINT8),
    ("uint16", TypeTable::UINT16),
    ("uint32", TypeTable::UINT32),
    ("uint64", TypeTable::UINT64),
    ("uintptr", TypeTable::UINTPTR),
    ("float32", TypeTable::FLOAT32),
    ("float64", TypeTable::FLOAT64),
    ("complex64", TypeTable::COMPLEX64),
    ("complex128", TypeTable::COMPLEX128),
    ("string", TypeTable::STRING),
    ("unsafe.Pointer", TypeTable::UNSAFE_POINTER),
];

/// Words that start other types.
const KEYWORDS: &[&str] = &["map", "chan", "func", "struct", "interface", "tuple"];

/// Length of the unquoted name at the start of `text`; 0 = there is none.
pub(crate) fn name_len(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut last = '\0';
    while let Some(&(at, c)) = chars.peek() {
        let plain = c.is_alphabetic() || c == '_' || c == '~';
        let inner = c.is_numeric() || "./·-%".contains(c);
        if plain || (inner && at > 0) {
            last = c;
            chars.next();
        } else if at > 0 && (c == '[' || (c == '(' && last == '.' && text[at..].starts_with("(*")))
        {
            let Some(len) = group_len(&text[at..]) else {
                return at;
            };
            while chars.peek().is_some_and(|&(i, _)| i < at + len) {
                chars.next();
            }
            last = ']';
        } else {
            return at;
        }
    }
    text.len()
}

/// Length of the bracketed text at the start, with what it nests; `None` if it does not end on this line.
fn group_len(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a name needs no quotes.
pub(crate) fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && !name.ends_with('.')
        && !name.contains("//")
        && name_len(name) == name.len()
        && !KEYWORDS.contains(&name)
        && PREDECLARED.iter().all(|(word, _)| *word != name)
}

/// Appends a name, quoted if it must be.
pub(crate) fn write_name(name: &str, out: &mut String) {
    if is_bare(name) {
        out.push_str(name);
    } else {
        out.push('$');
        out.push_str(&go_quote(name.as_bytes()));
    }
}

/// Parts of a defined type's name, as far as its whole name tells: import path, package name, name, suffix.
pub(crate) fn split_type_name(whole: &str) -> (Option<&str>, Option<&str>, &str, &str) {
    let head = &whole[..whole.find('[').unwrap_or(whole.len())];
    let start = head.rfind('/').map_or(0, |i| i + 1);
    let Some(dot) = head[start..].find('.').map(|i| i + start) else {
        return (None, None, whole, "");
    };
    let rest = &whole[dot + 1..];
    let mut end = rest.len();
    while let Some(mark) = rest[..end].rfind('·') {
        let digits = &rest[mark + '·'.len_utf8()..end];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        end = mark;
    }
    (
        Some(&whole[..dot]),
        Some(&whole[start..dot]),
        &rest[..end],
        &rest[end..],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_the_grammar_goes_on() {
        let check = |text: &str, name: &str| assert_eq!(&text[..name_len(text)], name, "{text}");
        check("main.f(v1, v2)", "main.f");
        check("net/http.(*Server).Serve(v0)", "net/http.(*Server).Serve");
        check(
            "main.id[struct { A int \"]\" }](v0)",
            "main.id[struct { A int \"]\" }]",
        );
        check("main.(*T[int]).M-fm = ", "main.(*T[int]).M-fm");
        check("main.T·1, int", "main.T·1");
        check("(v0)", "");
        check("1a", "");
        check("a[1", "a");
        assert!(is_bare("gopkg.in/yaml.v3.Node"));
        assert!(!is_bare("type:.eq") && !is_bare("map") && !is_bare("a b") && !is_bare(""));
    }

    #[test]
    fn names_of_types_tell_their_package() {
        assert_eq!(
            split_type_name("net/http.T[a.b/c.D]·1·2"),
            (Some("net/http"), Some("http"), "T[a.b/c.D]", "·1·2")
        );
        assert_eq!(split_type_name("error"), (None, None, "error", ""));
    }
}
