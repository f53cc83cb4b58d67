//! String constants. Long concatenations are kept as trees and joined when somebody asks for the bytes, so that a series of
//! constants that double each other takes no memory.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

/// Shorter concatenations are joined at once.
const JOIN_LATER: usize = 4096;

/// The value of a string constant: any bytes. Cheap to clone.
#[derive(Clone)]
pub struct ConstStr(Text);

#[derive(Clone)]
enum Text {
    Flat(Arc<[u8]>),
    Joined(Arc<Joined>),
}

/// `left + right`.
struct Joined {
    len: usize,
    /// Set when the bytes have been asked for.
    flat: OnceLock<Arc<[u8]>>,
    left: ConstStr,
    right: ConstStr,
}

impl ConstStr {
    /// `self + other`
    pub fn concat(&self, other: &ConstStr) -> ConstStr {
        let len = self.len() + other.len();
        if self.is_empty() {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        if len < JOIN_LATER {
            let mut joined = Vec::with_capacity(len);
            joined.extend_from_slice(self.bytes());
            joined.extend_from_slice(other.bytes());
            return joined.into();
        }
        ConstStr(Text::Joined(Arc::new(Joined {
            len,
            flat: OnceLock::new(),
            left: self.clone(),
            right: other.clone(),
        })))
    }
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Text::Flat(bytes) => bytes.len(),
            Text::Joined(joined) => joined.len,
        }
    }
    /// Whether it is `""`.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// All bytes; joined now if they have not been.
    pub fn bytes(&self) -> &Arc<[u8]> {
        match &self.0 {
            Text::Flat(bytes) => bytes,
            Text::Joined(joined) => joined.flat.get_or_init(|| {
                let mut bytes = Vec::with_capacity(joined.len);
                for piece in self.pieces() {
                    bytes.extend_from_slice(piece);
                }
                bytes.into()
            }),
        }
    }
    /// The first `n` bytes, fewer if it is shorter. Does not join the rest.
    pub fn prefix(&self, n: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(n.min(self.len()));
        for piece in self.pieces() {
            let room = n - bytes.len();
            bytes.extend_from_slice(&piece[..room.min(piece.len())]);
            if bytes.len() == n {
                break;
            }
        }
        bytes
    }
    /// The bytes in pieces, none of them empty.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            loop {
                match &stack.pop()?.0 {
                    Text::Flat(bytes) if bytes.is_empty() => {}
                    Text::Flat(bytes) => return Some(&**bytes),
                    Text::Joined(joined) => match joined.flat.get() {
                        Some(bytes) => return Some(&**bytes),
                        None => stack.extend([&joined.right, &joined.left]),
                    },
                }
            }
        })
    }
    fn is_same(&self, other: &ConstStr) -> bool {
        match (&self.0, &other.0) {
            (Text::Flat(a), Text::Flat(b)) => Arc::ptr_eq(a, b),
            (Text::Joined(a), Text::Joined(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // Trees may be as deep as the source has constants: no recursion.
        let empty = || ConstStr(Text::Flat(Arc::new([])));
        let mut pending = vec![
            std::mem::replace(&mut self.left, empty()),
            std::mem::replace(&mut self.right, empty()),
        ];
        while let Some(text) = pending.pop() {
            if let Text::Joined(joined) = text.0
                && let Some(mut joined) = Arc::into_inner(joined)
            {
                pending.push(std::mem::replace(&mut joined.left, empty()));
                pending.push(std::mem::replace(&mut joined.right, empty()));
            }
        }
    }
}

impl std::ops::Deref for ConstStr {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}
impl From<Vec<u8>> for ConstStr {
    fn from(bytes: Vec<u8>) -> Self {
        ConstStr(Text::Flat(bytes.into()))
    }
}
impl From<&[u8]> for ConstStr {
    fn from(bytes: &[u8]) -> Self {
        ConstStr(Text::Flat(bytes.into()))
    }
}
impl Ord for ConstStr {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.is_same(other) {
            return Ordering::Equal;
        }
        let (mut left, mut right) = (self.pieces(), other.pieces());
        let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
        loop {
            if a.is_empty() {
                a = left.next().unwrap_or_default();
            }
            if b.is_empty() {
                b = right.next().unwrap_or_default();
            }
            let common = a.len().min(b.len());
            if common == 0 {
                return a.len().cmp(&b.len());
            }
            match a[..common].cmp(&b[..common]) {
                Ordering::Equal => (a, b) = (&a[common..], &b[common..]),
                unequal => return unequal,
            }
        }
    }
}
impl PartialOrd for ConstStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for ConstStr {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.cmp(other) == Ordering::Equal
    }
}
impl Eq for ConstStr {}
impl std::hash::Hash for ConstStr {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.prefix(64).hash(state);
    }
}
impl std::fmt::Debug for ConstStr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&super::quote(&self.prefix(80), 80))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_concatenations_are_joined_late_and_compared_in_pieces() {
        let text = |s: &str| ConstStr::from(s.as_bytes());
        assert_eq!(&**text("ab").concat(&text("c")).bytes(), b"abc");
        let mut huge = text("x");
        for _ in 0..30 {
            huge = huge.concat(&huge);
        }
        assert_eq!(huge.len(), 1 << 30);
        assert_eq!(huge.prefix(3), b"xxx");
        assert_ne!(huge, huge.concat(&text("y")));
        assert!(huge < text("y") && huge > text("w"));
        let half = text(&"ab".repeat(3000));
        let (left, right) = (half.concat(&text("ab")), text("ab").concat(&half));
        assert_eq!(left, right);
        assert_eq!(&**left.bytes(), "ab".repeat(3001).as_bytes());
        // A tree as deep as it has parts.
        let mut deep = half.clone();
        for _ in 0..200_000 {
            deep = deep.concat(&text("z"));
        }
        assert_eq!(deep.bytes().len(), 206_000);
    }
}
