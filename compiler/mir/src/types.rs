//! Concrete Go types, hash-consed: identical types (spec, "Type identity") have equal ids.

use std::borrow::Cow;

use base::{FxHashMap, IndexVec, Symbol, define_id};
use smallvec::SmallVec;

define_id! {
    /// A concrete Go type.
    pub struct Ty("t");
    /// A defined type (or one instance of a generic one).
    pub struct NamedId("named");
}

/// Integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum IntKind {
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Uintptr,
}

impl IntKind {
    /// Size in bytes.
    pub fn size(self) -> u64 {
        use IntKind::*;
        match self {
            Int8 | Uint8 => 1,
            Int16 | Uint16 => 2,
            Int32 | Uint32 => 4,
            Int | Int64 | Uint | Uint64 | Uintptr => 8,
        }
    }
    /// Whether negative values exist.
    pub fn is_signed(self) -> bool {
        use IntKind::*;
        matches!(self, Int | Int8 | Int16 | Int32 | Int64)
    }
}

/// Channel directions, with internal/abi's bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ChanDir {
    Recv = 1,
    Send = 2,
    Both = 3,
}

/// A type's structure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum TyKind {
    Bool,
    Int(IntKind),
    Float32,
    Float64,
    Complex64,
    Complex128,
    String,
    UnsafePointer,
    Pointer(Ty),
    Slice(Ty),
    Array(Ty, u64),
    Map(Ty, Ty),
    Chan(ChanDir, Ty),
    Func(FuncTy),
    Struct(Box<[FieldTy]>),
    /// All methods, flattened, in [`method order`](method_order).
    Interface(Box<[IfaceMethod]>),
    Named(NamedId),
    /// Several results of a call; never the type of a value.
    Tuple(Box<[Ty]>),
}

/// A function type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct FuncTy {
    pub params: Box<[Ty]>,
    pub results: Box<[Ty]>,
    pub variadic: bool,
}

/// A struct field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldTy {
    #[allow(missing_docs)]
    pub name: Symbol,
    /// Import path of the declaring package, for unexported names (they differ between packages); `None` if exported.
    pub pkg: Option<Symbol>,
    #[allow(missing_docs)]
    pub ty: Ty,
    #[allow(missing_docs)]
    pub embedded: bool,
    /// Unquoted tag.
    pub tag: Option<Box<[u8]>>,
}

/// An interface's method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IfaceMethod {
    #[allow(missing_docs)]
    pub name: Symbol,
    /// Import path for unexported names.
    pub pkg: Option<Symbol>,
    /// A [`TyKind::Func`] without receiver.
    pub sig: Ty,
}

/// The order of methods in interfaces, itabs and descriptors: exported first, then by name, then by package path.
pub fn method_order(
    a: (Symbol, Option<Symbol>),
    b: (Symbol, Option<Symbol>),
) -> std::cmp::Ordering {
    (a.1.is_some(), a.0, a.1).cmp(&(b.1.is_some(), b.0, b.1))
}

/// A defined type.
#[derive(Clone, Debug)]
pub struct NamedTy {
    /// Name with type arguments as reflect prints it (`Pair[int,string]`); arguments qualified by full import path.
    pub name: String,
    /// Import path; `None` for predeclared types (`error`).
    pub pkg_path: Option<Symbol>,
    /// Package name, the qualifier in type strings.
    pub pkg_name: Option<Symbol>,
    /// Distinguishes local types of one name: `·1` ... in link names; empty for package-level types.
    pub local_suffix: String,
    /// Set once known; never `Named`.
    pub underlying: Option<Ty>,
}

/// Scalars that a value in SSA form consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Scalar {
    I8,
    I16,
    I32,
    I64,
    /// A word that may hold a pointer.
    Ptr,
    F32,
    F64,
}

impl Scalar {
    /// Size in bytes.
    pub fn size(self) -> u64 {
        match self {
            Scalar::I8 => 1,
            Scalar::I16 => 2,
            Scalar::I32 | Scalar::F32 => 4,
            Scalar::I64 | Scalar::Ptr | Scalar::F64 => 8,
        }
    }
    /// Register class.
    pub fn class(self) -> abi::call::Class {
        match self {
            Scalar::F32 | Scalar::F64 => abi::call::Class::Float,
            _ => abi::call::Class::Int,
        }
    }
}

/// Size, alignment and pointer extent, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    #[allow(missing_docs)]
    pub size: u64,
    #[allow(missing_docs)]
    pub align: u64,
    /// Prefix that may hold pointers; 0 = none.
    pub ptr_bytes: u64,
}

/// All types of a program.
#[derive(Clone, Debug)]
pub struct TypeTable {
    kinds: IndexVec<Ty, TyKind>,
    ids: FxHashMap<TyKind, Ty>,
    named: IndexVec<NamedId, NamedTy>,
    cache: IndexVec<Ty, Option<Layout>>,
}

macro_rules! well_known {
    ($($name:ident = $index:literal => $kind:expr;)*) => {
        impl TypeTable {
            $(#[allow(missing_docs)] pub const $name: Ty = Ty($index);)*
        }
        const WELL_KNOWN: &[TyKind] = &[$($kind),*];
    };
}

well_known! {
    BOOL = 0 => TyKind::Bool;
    INT = 1 => TyKind::Int(IntKind::Int);
    INT8 = 2 => TyKind::Int(IntKind::Int8);
    INT16 = 3 => TyKind::Int(IntKind::Int16);
    INT32 = 4 => TyKind::Int(IntKind::Int32);
    INT64 = 5 => TyKind::Int(IntKind::Int64);
    UINT = 6 => TyKind::Int(IntKind::Uint);
    UINT8 = 7 => TyKind::Int(IntKind::Uint8);
    UINT16 = 8 => TyKind::Int(IntKind::Uint16);
    UINT32 = 9 => TyKind::Int(IntKind::Uint32);
    UINT64 = 10 => TyKind::Int(IntKind::Uint64);
    UINTPTR = 11 => TyKind::Int(IntKind::Uintptr);
    FLOAT32 = 12 => TyKind::Float32;
    FLOAT64 = 13 => TyKind::Float64;
    COMPLEX64 = 14 => TyKind::Complex64;
    COMPLEX128 = 15 => TyKind::Complex128;
    STRING = 16 => TyKind::String;
    UNSAFE_POINTER = 17 => TyKind::UnsafePointer;
}

impl Default for TypeTable {
    fn default() -> Self {
        Self::new()
    }
}

impl TypeTable {
    /// A table with the predeclared types.
    pub fn new() -> Self {
        let mut table = TypeTable {
            kinds: IndexVec::new(),
            ids: FxHashMap::default(),
            named: IndexVec::new(),
            cache: IndexVec::new(),
        };
        for kind in WELL_KNOWN {
            table.intern(kind.clone());
        }
        table
    }
    /// The id of a type.
    pub fn intern(&mut self, kind: TyKind) -> Ty {
        if let Some(&ty) = self.ids.get(&kind) {
            return ty;
        }
        let ty = self.kinds.push(kind.clone());
        self.cache.push(None);
        self.ids.insert(kind, ty);
        ty
    }
    /// The id of a type, if it is in the table.
    pub fn find(&self, kind: &TyKind) -> Option<Ty> {
        self.ids.get(kind).copied()
    }
    /// A new defined type; its underlying type is set later.
    pub fn new_named(&mut self, named: NamedTy) -> (Ty, NamedId) {
        let id = self.named.push(named);
        (self.intern(TyKind::Named(id)), id)
    }
    /// Replaces what is known of a defined type that nothing uses yet.
    pub(crate) fn rename(&mut self, id: NamedId, named: NamedTy) {
        self.named[id] = named;
    }
    /// Completes a defined type.
    pub fn set_underlying(&mut self, id: NamedId, underlying: Ty) {
        self.named[id].underlying = Some(self.underlying(underlying));
    }
    /// A defined type's data.
    pub fn named(&self, id: NamedId) -> &NamedTy {
        &self.named[id]
    }
    /// Number of defined types; ids are dense.
    pub fn named_len(&self) -> usize {
        self.named.len()
    }
    /// Number of types; ids are dense.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }
    /// The structure, `Named` not resolved.
    pub fn kind(&self, ty: Ty) -> &TyKind {
        &self.kinds[ty]
    }
    /// The structure of the underlying type.
    pub fn under(&self, ty: Ty) -> &TyKind {
        self.kind(self.underlying(ty))
    }
    /// The underlying type.
    ///
    /// # Panics
    /// If a defined type has not been completed.
    pub fn underlying(&self, ty: Ty) -> Ty {
        match self.kinds[ty] {
            TyKind::Named(id) => self.named[id].underlying.expect("defined type is complete"),
            _ => ty,
        }
    }
    #[allow(missing_docs)]
    pub fn pointer(&mut self, elem: Ty) -> Ty {
        self.intern(TyKind::Pointer(elem))
    }
    #[allow(missing_docs)]
    pub fn slice(&mut self, elem: Ty) -> Ty {
        self.intern(TyKind::Slice(elem))
    }
    #[allow(missing_docs)]
    pub fn array(&mut self, elem: Ty, len: u64) -> Ty {
        self.intern(TyKind::Array(elem, len))
    }
    /// `interface{}`
    pub fn empty_interface(&mut self) -> Ty {
        self.intern(TyKind::Interface(Box::new([])))
    }
    /// Whether this is an interface without methods.
    pub fn is_empty_interface(&self, ty: Ty) -> bool {
        matches!(self.under(ty), TyKind::Interface(m) if m.is_empty())
    }
    /// Whether this is an interface.
    pub fn is_interface(&self, ty: Ty) -> bool {
        matches!(self.under(ty), TyKind::Interface(_))
    }

    /// Size, alignment and pointer extent as gc lays types out on amd64.
    pub fn layout(&self, ty: Ty) -> Layout {
        if let Some(layout) = self.cache[ty] {
            return layout;
        }
        self.compute_layout(ty)
    }

    /// Fills the layout cache for every complete type; afterwards [`layout`](Self::layout) is a table lookup.
    pub fn cache_layouts(&mut self) {
        for ty in self.kinds.ids() {
            let complete = match self.kinds[ty] {
                TyKind::Named(id) => self.named[id].underlying.is_some(),
                TyKind::Tuple(_) => false,
                _ => true,
            };
            if complete && self.cache[ty].is_none() {
                self.cache[ty] = Some(self.compute_layout(ty));
            }
        }
    }

    fn compute_layout(&self, ty: Ty) -> Layout {
        let plain = |size: u64| Layout {
            size,
            align: size,
            ptr_bytes: 0,
        };
        let words = |words: u64, ptr_words: u64| Layout {
            size: words * 8,
            align: 8,
            ptr_bytes: ptr_words * 8,
        };
        match self.kind(ty) {
            TyKind::Bool => plain(1),
            TyKind::Int(kind) => plain(kind.size()),
            TyKind::Float32 => plain(4),
            TyKind::Float64 => plain(8),
            TyKind::Complex64 => Layout {
                size: 8,
                align: 4,
                ptr_bytes: 0,
            },
            TyKind::Complex128 => Layout {
                size: 16,
                align: 8,
                ptr_bytes: 0,
            },
            TyKind::String => words(2, 1),
            TyKind::UnsafePointer
            | TyKind::Pointer(_)
            | TyKind::Map(..)
            | TyKind::Chan(..)
            | TyKind::Func(_) => words(1, 1),
            TyKind::Slice(_) => words(3, 1),
            TyKind::Interface(_) => words(2, 2),
            TyKind::Array(elem, len) => {
                let elem = self.layout(*elem);
                let size = elem.size.saturating_mul(*len);
                let ptr_bytes = if elem.ptr_bytes == 0 || *len == 0 {
                    0
                } else {
                    size - elem.size + elem.ptr_bytes
                };
                Layout {
                    size,
                    align: elem.align,
                    ptr_bytes,
                }
            }
            TyKind::Struct(fields) => self.struct_layout(fields).0,
            TyKind::Named(id) => self.layout(
                self.named[*id]
                    .underlying
                    .expect("defined type is complete"),
            ),
            TyKind::Tuple(_) => unreachable!("a tuple has no layout"),
        }
    }

    /// Layout of a struct and the offsets of its fields. A final zero-size field of a non-empty struct gets a byte of
    /// padding, so that its address does not point past the object.
    pub fn struct_layout(&self, fields: &[FieldTy]) -> (Layout, SmallVec<[u64; 8]>) {
        let mut offsets = SmallVec::new();
        let mut layout = Layout {
            size: 0,
            align: 1,
            ptr_bytes: 0,
        };
        for (i, field) in fields.iter().enumerate() {
            let f = self.layout(field.ty);
            layout.size = layout.size.next_multiple_of(f.align);
            offsets.push(layout.size);
            if f.ptr_bytes > 0 {
                layout.ptr_bytes = layout.size + f.ptr_bytes;
            }
            layout.size += f.size;
            layout.align = layout.align.max(f.align);
            if i + 1 == fields.len() && f.size == 0 && layout.size > 0 {
                layout.size += 1;
            }
        }
        layout.size = layout.size.next_multiple_of(layout.align);
        (layout, offsets)
    }

    /// Offset of field `index` of a struct type.
    pub fn field_offset(&self, ty: Ty, index: usize) -> u64 {
        let TyKind::Struct(fields) = self.under(ty) else {
            unreachable!("field of a non-struct")
        };
        self.struct_layout(fields).1[index]
    }

    /// Scalars with their offsets, in order, if the type is held in SSA form ([`abi::call`]); `None` = in memory.
    pub fn leaves(&self, ty: Ty) -> Option<SmallVec<[(Scalar, u64); 4]>> {
        let mut out = SmallVec::new();
        self.push_leaves(ty, 0, &mut out).then_some(out)
    }

    /// Whether values of this type are held in SSA form.
    pub fn is_ssa(&self, ty: Ty) -> bool {
        self.leaves(ty).is_some()
    }

    fn push_leaves(&self, ty: Ty, at: u64, out: &mut SmallVec<[(Scalar, u64); 4]>) -> bool {
        use Scalar::*;
        let before = out.len();
        match self.under(ty) {
            TyKind::Bool => out.push((I8, at)),
            TyKind::Int(kind) => out.push((
                match kind.size() {
                    1 => I8,
                    2 => I16,
                    4 => I32,
                    _ => I64,
                },
                at,
            )),
            TyKind::Float32 => out.push((F32, at)),
            TyKind::Float64 => out.push((F64, at)),
            TyKind::Complex64 => out.extend([(F32, at), (F32, at + 4)]),
            TyKind::Complex128 => out.extend([(F64, at), (F64, at + 8)]),
            TyKind::String => out.extend([(Ptr, at), (I64, at + 8)]),
            TyKind::UnsafePointer
            | TyKind::Pointer(_)
            | TyKind::Map(..)
            | TyKind::Chan(..)
            | TyKind::Func(_) => out.push((Ptr, at)),
            TyKind::Slice(_) => out.extend([(Ptr, at), (I64, at + 8), (I64, at + 16)]),
            TyKind::Interface(_) => out.extend([(Ptr, at), (Ptr, at + 8)]),
            TyKind::Array(_, 0) => {}
            TyKind::Array(elem, 1) => return self.push_leaves(*elem, at, out),
            TyKind::Array(..) => return false,
            TyKind::Struct(fields) => {
                if fields.len() > 16 {
                    return false;
                }
                let (_, offsets) = self.struct_layout(fields);
                for (field, offset) in fields.iter().zip(offsets) {
                    if !self.push_leaves(field.ty, at + offset, out) {
                        return false;
                    }
                }
            }
            TyKind::Named(_) => unreachable!("underlying type"),
            TyKind::Tuple(_) => return false,
        }
        out.len() - before <= abi::call::MAX_LEAVES && out.len() <= abi::call::MAX_LEAVES
    }

    /// Range of leaves (start, count) that component `index` of an SSA aggregate occupies, as [`Op::Extract`](crate::Op::Extract) numbers
    /// components: struct fields, the element of a one-element array, 0..2 of strings, 0..3 of slices, 0..2 of interfaces
    /// (type or itab word, data word) and complex numbers.
    pub fn component_leaves(&self, ty: Ty, index: usize) -> (usize, usize) {
        match self.under(ty) {
            TyKind::Struct(fields) => {
                let count = |f: &FieldTy| self.leaves(f.ty).expect("part of an SSA type").len();
                (
                    fields[..index].iter().map(count).sum(),
                    count(&fields[index]),
                )
            }
            TyKind::Array(elem, 1) => (0, self.leaves(*elem).expect("part of an SSA type").len()),
            _ => (index, 1),
        }
    }

    /// Type of component `index` as numbered by [`component_leaves`](Self::component_leaves). Parts without a Go type of their own
    /// (data pointers, type words) are `unsafe.Pointer`; lengths are `int`.
    pub fn component_type(&self, ty: Ty, index: usize) -> Ty {
        match self.under(ty) {
            TyKind::Struct(fields) => fields[index].ty,
            TyKind::Array(elem, 1) => *elem,
            TyKind::String | TyKind::Slice(_) if index > 0 => Self::INT,
            TyKind::Complex64 => Self::FLOAT32,
            TyKind::Complex128 => Self::FLOAT64,
            _ => Self::UNSAFE_POINTER,
        }
    }

    /// Visits the pointer words of a type: calls `f` with each byte offset (multiple of 8) that holds a pointer.
    pub fn for_each_pointer(&self, ty: Ty, at: u64, f: &mut dyn FnMut(u64)) {
        if self.layout(ty).ptr_bytes == 0 {
            return;
        }
        match self.under(ty) {
            TyKind::String | TyKind::Slice(_) => f(at),
            TyKind::UnsafePointer
            | TyKind::Pointer(_)
            | TyKind::Map(..)
            | TyKind::Chan(..)
            | TyKind::Func(_) => f(at),
            TyKind::Interface(_) => {
                f(at);
                f(at + 8);
            }
            TyKind::Array(elem, len) => {
                let size = self.layout(*elem).size;
                for i in 0..*len {
                    self.for_each_pointer(*elem, at + i * size, f);
                }
            }
            TyKind::Struct(fields) => {
                let (_, offsets) = self.struct_layout(fields);
                for (field, offset) in fields.iter().zip(offsets) {
                    self.for_each_pointer(field.ty, at + offset, f);
                }
            }
            _ => {}
        }
    }

    /// Whether the data word of an interface holds the value itself (internal/abi's TFlagDirectIface).
    pub fn is_direct_iface(&self, ty: Ty) -> bool {
        let layout = self.layout(ty);
        layout.size == 8 && layout.ptr_bytes == 8
    }

    /// Whether `==` is defined without a run-time panic being possible or impossible: no func, map or slice inside.
    pub fn is_comparable(&self, ty: Ty) -> bool {
        match self.under(ty) {
            TyKind::Func(_) | TyKind::Map(..) | TyKind::Slice(_) => false,
            TyKind::Array(elem, _) => self.is_comparable(*elem),
            TyKind::Struct(fields) => fields.iter().all(|f| self.is_comparable(f.ty)),
            _ => true,
        }
    }

    /// Whether equality and hashing may treat the value as bytes: no padding, floats, strings or interfaces.
    pub fn is_regular_memory(&self, ty: Ty) -> bool {
        match self.under(ty) {
            TyKind::Bool
            | TyKind::Int(_)
            | TyKind::UnsafePointer
            | TyKind::Pointer(_)
            | TyKind::Chan(..) => true,
            TyKind::Array(elem, len) => {
                *len == 0 && self.is_comparable(*elem) || self.is_regular_memory(*elem)
            }
            TyKind::Struct(fields) => {
                let (layout, offsets) = self.struct_layout(fields);
                let mut end = 0;
                fields.iter().zip(&offsets).all(|(f, &o)| {
                    let packed = o == end;
                    end = o + self.layout(f.ty).size;
                    packed && f.name.as_str() != "_" && self.is_regular_memory(f.ty)
                }) && end == layout.size
            }
            _ => false,
        }
    }

    /// The type's text as reflect prints it: packages by name.
    pub fn type_string(&self, ty: Ty) -> String {
        let mut out = String::new();
        self.write_type(ty, &mut out, false);
        out
    }

    /// The type's text with full import paths: unique per type, used in link names.
    pub fn link_string(&self, ty: Ty) -> String {
        let mut out = String::new();
        self.write_type(ty, &mut out, true);
        out
    }

    fn write_type(&self, ty: Ty, out: &mut String, full: bool) {
        use std::fmt::Write;
        match self.kind(ty) {
            TyKind::Bool => out.push_str("bool"),
            TyKind::Int(kind) => out.push_str(match kind {
                IntKind::Int => "int",
                IntKind::Int8 => "int8",
                IntKind::Int16 => "int16",
                IntKind::Int32 => "int32",
                IntKind::Int64 => "int64",
                IntKind::Uint => "uint",
                IntKind::Uint8 => "uint8",
                IntKind::Uint16 => "uint16",
                IntKind::Uint32 => "uint32",
                IntKind::Uint64 => "uint64",
                IntKind::Uintptr => "uintptr",
            }),
            TyKind::Float32 => out.push_str("float32"),
            TyKind::Float64 => out.push_str("float64"),
            TyKind::Complex64 => out.push_str("complex64"),
            TyKind::Complex128 => out.push_str("complex128"),
            TyKind::String => out.push_str("string"),
            TyKind::UnsafePointer => out.push_str("unsafe.Pointer"),
            TyKind::Pointer(elem) => {
                out.push('*');
                self.write_type(*elem, out, full);
            }
            TyKind::Slice(elem) => {
                out.push_str("[]");
                self.write_type(*elem, out, full);
            }
            TyKind::Array(elem, len) => {
                let _ = write!(out, "[{len}]");
                self.write_type(*elem, out, full);
            }
            TyKind::Map(key, elem) => {
                out.push_str("map[");
                self.write_type(*key, out, full);
                out.push(']');
                self.write_type(*elem, out, full);
            }
            TyKind::Chan(dir, elem) => {
                out.push_str(match dir {
                    ChanDir::Both => "chan ",
                    ChanDir::Send => "chan<- ",
                    ChanDir::Recv => "<-chan ",
                });
                let parens = *dir == ChanDir::Both
                    && matches!(self.kind(*elem), TyKind::Chan(ChanDir::Recv, _));
                if parens {
                    out.push('(');
                }
                self.write_type(*elem, out, full);
                if parens {
                    out.push(')');
                }
            }
            TyKind::Func(func) => {
                out.push_str("func");
                self.write_signature(func, out, full);
            }
            TyKind::Struct(fields) => {
                out.push_str("struct {");
                for (i, field) in fields.iter().enumerate() {
                    out.push_str(if i > 0 { "; " } else { " " });
                    if !field.embedded {
                        if let (true, Some(pkg)) = (full, field.pkg) {
                            let _ = write!(out, "{pkg}.");
                        }
                        let _ = write!(out, "{} ", field.name);
                    }
                    self.write_type(field.ty, out, full);
                    if let Some(tag) = &field.tag {
                        let _ = write!(out, " {}", go_quote(tag));
                    }
                }
                out.push_str(if fields.is_empty() { "}" } else { " }" });
            }
            TyKind::Interface(methods) => {
                out.push_str("interface {");
                for (i, method) in methods.iter().enumerate() {
                    out.push_str(if i > 0 { "; " } else { " " });
                    if let Some(pkg) = method.pkg {
                        let pkg = pkg.as_str();
                        let _ = write!(
                            out,
                            "{}.",
                            if full {
                                symbol_prefix(pkg)
                            } else {
                                pkg.rsplit('/').next().unwrap_or(pkg).into()
                            }
                        );
                    }
                    let _ = write!(out, "{}", method.name);
                    if let TyKind::Func(func) = self.kind(method.sig) {
                        self.write_signature(func, out, full);
                    }
                }
                out.push_str(if methods.is_empty() { "}" } else { " }" });
            }
            TyKind::Named(id) => {
                let named = &self.named[*id];
                match (full, named.pkg_path, named.pkg_name) {
                    (true, Some(path), _) => {
                        let _ = write!(out, "{}.", symbol_prefix(path.as_str()));
                    }
                    (false, _, Some(name)) => {
                        let _ = write!(out, "{name}.");
                    }
                    _ => {}
                }
                out.push_str(&named.name);
                if full {
                    out.push_str(&named.local_suffix);
                }
            }
            TyKind::Tuple(types) => {
                out.push('(');
                for (i, ty) in types.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    self.write_type(*ty, out, full);
                }
                out.push(')');
            }
        }
    }

    fn write_signature(&self, func: &FuncTy, out: &mut String, full: bool) {
        out.push('(');
        for (i, param) in func.params.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            match self.kind(*param) {
                TyKind::Slice(elem) if func.variadic && i + 1 == func.params.len() => {
                    out.push_str("...");
                    self.write_type(*elem, out, full);
                }
                _ => self.write_type(*param, out, full),
            }
        }
        out.push(')');
        match &*func.results {
            [] => {}
            [one] => {
                out.push(' ');
                self.write_type(*one, out, full);
            }
            many => {
                out.push_str(" (");
                for (i, ty) in many.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    self.write_type(*ty, out, full);
                }
                out.push(')');
            }
        }
    }
}

/// A Go string literal for these bytes (`strconv.Quote`'s form, as in type strings with tags).
pub fn go_quote(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::from('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\u{b}' => out.push_str("\\v"),
                c if (c as u32) < 0x20 || c == '\u{7f}' => {
                    let _ = write!(out, "\\x{:02x}", c as u32);
                }
                c => out.push(c),
            }
        }
        for b in chunk.invalid() {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    out.push('"');
    out
}

/// What the link names of a package's members begin with, from its path: dots after the last slash, `%`, `"` and whatever
/// is not printable ASCII are written `%xx`, so that the first dot after the last slash ends the package's part.
/// `runtime.FuncForPC` and tracebacks show names in this form (`gopkg.in/yaml%2ev3.Unmarshal`), `reflect`'s `PkgPath` does not.
pub fn symbol_prefix(path: &str) -> Cow<'_, str> {
    use std::fmt::Write;
    let last = path.rfind('/').map_or(0, |slash| slash + 1);
    let escapes = |(i, c): (usize, u8)| {
        c <= b' ' || c == b'%' || c == b'"' || c >= 0x7f || (c == b'.' && i >= last)
    };
    if !path.bytes().enumerate().any(escapes) {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len() + 8);
    for (i, c) in path.bytes().enumerate() {
        if escapes((i, c)) {
            let _ = write!(out, "%{c:02x}");
        } else {
            out.push(char::from(c));
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_names_escape_the_last_element() {
        for (path, prefix) in [
            ("main", "main"),
            ("github.com/a.b/c", "github.com/a.b/c"),
            ("gopkg.in/yaml.v3", "gopkg.in/yaml%2ev3"),
            ("example.com", "example%2ecom"),
            ("a/b%c\"d", "a/b%25c%22d"),
            ("a b/\u{e9}.x", "a%20b/%c3%a9%2ex"),
        ] {
            assert_eq!(symbol_prefix(path), prefix);
        }
    }

    #[test]
    fn layouts_follow_gc() {
        let mut t = TypeTable::new();
        let field = |name: &str, ty| FieldTy {
            name: name.into(),
            pkg: None,
            ty,
            embedded: false,
            tag: None,
        };
        let empty = t.intern(TyKind::Struct(Box::new([])));
        let s = t.intern(TyKind::Struct(Box::new([
            field("A", TypeTable::BOOL),
            field("B", TypeTable::STRING),
            field("C", TypeTable::INT16),
            field("D", empty),
        ])));
        assert_eq!(
            t.layout(s),
            Layout {
                size: 32,
                align: 8,
                ptr_bytes: 16
            }
        );
        assert_eq!(t.leaves(s).unwrap().len(), 4);
        assert_eq!(t.component_leaves(s, 2), (3, 1));
        assert_eq!(
            t.type_string(s),
            "struct { A bool; B string; C int16; D struct {} }"
        );
        let a2 = t.array(TypeTable::INT, 2);
        assert!(!t.is_ssa(a2));
        let p = t.pointer(s);
        assert!(t.is_direct_iface(p) && !t.is_direct_iface(TypeTable::INT));
    }
}
