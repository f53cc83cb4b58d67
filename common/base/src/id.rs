//! Typed indices. A bare `u32` index never crosses a function boundary in this project.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A type that wraps a dense `u32` index. Made by [`define_id!`](crate::define_id).
pub trait Id: Copy + Eq + std::hash::Hash + fmt::Debug {
    /// The id with this index.
    ///
    /// # Panics
    /// If `index` does not fit 32 bits.
    fn from_index(index: usize) -> Self;
    /// The index of this id.
    fn index(self) -> usize;
}

/// Defines newtype ids over `u32`: `define_id! { /// doc
/// pub struct FuncId("func"); }`. The string prefixes the `Debug` form (`func12`).
#[macro_export]
macro_rules! define_id {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident($prefix:literal);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name(pub u32);
        impl $crate::Id for $name {
            #[inline]
            fn from_index(index: usize) -> Self { $name(u32::try_from(index).expect("id overflow")) }
            #[inline]
            fn index(self) -> usize { self.0 as usize }
        }
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { write!(f, concat!($prefix, "{}"), self.0) }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { write!(f, concat!($prefix, "{}"), self.0) }
        }
    )*};
}

/// Like [`define_id!`](crate::define_id), with ids that are never zero inside, so that `Option` of one is no larger than the id.
/// Made by [`Id::from_index`] or `new`; for tables that hold many optional ids.
#[macro_export]
macro_rules! define_compact_id {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident($prefix:literal);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name(::std::num::NonZeroU32);
        impl $name {
            /// The id with this index.
            #[inline]
            $vis const fn new(index: u32) -> Self {
                match ::std::num::NonZeroU32::new(index + 1) {
                    Some(inside) => $name(inside),
                    None => panic!("id overflow"),
                }
            }
            /// The index of this id.
            #[inline]
            $vis const fn raw(self) -> u32 { self.0.get() - 1 }
        }
        impl $crate::Id for $name {
            #[inline]
            fn from_index(index: usize) -> Self { $name::new(u32::try_from(index).expect("id overflow")) }
            #[inline]
            fn index(self) -> usize { self.raw() as usize }
        }
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { write!(f, concat!($prefix, "{}"), self.raw()) }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { write!(f, concat!($prefix, "{}"), self.raw()) }
        }
    )*};
}

/// A `Vec` whose index is a typed id.
#[derive(Clone, PartialEq, Eq)]
pub struct IndexVec<I, T> {
    raw: Vec<T>,
    _marker: PhantomData<fn(I)>,
}

impl<I: Id, T> IndexVec<I, T> {
    /// An empty vector.
    pub const fn new() -> Self {
        Self {
            raw: Vec::new(),
            _marker: PhantomData,
        }
    }
    /// A vector of `n` clones of `value`.
    pub fn from_elem_n(value: T, n: usize) -> Self
    where
        T: Clone,
    {
        Self {
            raw: vec![value; n],
            _marker: PhantomData,
        }
    }
    /// Wraps a plain vector.
    pub fn from_raw(raw: Vec<T>) -> Self {
        Self {
            raw,
            _marker: PhantomData,
        }
    }
    /// Appends and returns the new element's id.
    #[inline]
    pub fn push(&mut self, value: T) -> I {
        let id = I::from_index(self.raw.len());
        self.raw.push(value);
        id
    }
    /// The id that the next [`push`](Self::push) returns.
    pub fn next_id(&self) -> I {
        I::from_index(self.raw.len())
    }
    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.raw.len()
    }
    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
    /// The element, if the id is in range.
    #[inline]
    pub fn get(&self, id: I) -> Option<&T> {
        self.raw.get(id.index())
    }
    /// The element, mutable, if the id is in range.
    #[inline]
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.raw.get_mut(id.index())
    }
    /// Elements in id order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.raw.iter()
    }
    /// Elements in id order, mutable.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.raw.iter_mut()
    }
    /// `(id, element)` pairs in id order.
    pub fn iter_enumerated(&self) -> impl DoubleEndedIterator<Item = (I, &T)> + ExactSizeIterator {
        self.raw
            .iter()
            .enumerate()
            .map(|(i, t)| (I::from_index(i), t))
    }
    /// All ids.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.raw.len()).map(I::from_index)
    }
    /// The elements as a slice.
    pub fn as_slice(&self) -> &[T] {
        &self.raw
    }
    /// The elements as a mutable slice.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.raw
    }
    /// The plain vector.
    pub fn into_raw(self) -> Vec<T> {
        self.raw
    }
    /// Grows with clones of `value` until `id` is in range.
    pub fn ensure(&mut self, id: I, value: T)
    where
        T: Clone,
    {
        if self.raw.len() <= id.index() {
            self.raw.resize(id.index() + 1, value);
        }
    }
}

impl<I: Id, T> Default for IndexVec<I, T> {
    fn default() -> Self {
        Self::new()
    }
}
impl<I: Id, T: fmt::Debug> fmt::Debug for IndexVec<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}
impl<I: Id, T> Index<I> for IndexVec<I, T> {
    type Output = T;
    #[inline]
    fn index(&self, id: I) -> &T {
        &self.raw[id.index()]
    }
}
impl<I: Id, T> IndexMut<I> for IndexVec<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.raw[id.index()]
    }
}
impl<I: Id, T> FromIterator<T> for IndexVec<I, T> {
    fn from_iter<It: IntoIterator<Item = T>>(iter: It) -> Self {
        Self::from_raw(iter.into_iter().collect())
    }
}
impl<'a, I: Id, T> IntoIterator for &'a IndexVec<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.raw.iter()
    }
}
