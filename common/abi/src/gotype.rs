//! gc's type descriptors (`internal/abi.Type` and what follows it), as the compiler emits them
//! and as the heap, the collector and `reflect` read them.
//!
//! Offsets are those of go1.27; the tests below state each of them. Pointers are raw because a
//! descriptor lives in read-only data (or, for types made by `reflect`, anywhere in the heap).

/// `internal/abi.Kind`.
pub mod kind {
    #![allow(missing_docs)]
    pub const INVALID: u8 = 0;
    pub const BOOL: u8 = 1;
    pub const INT: u8 = 2;
    pub const INT8: u8 = 3;
    pub const INT16: u8 = 4;
    pub const INT32: u8 = 5;
    pub const INT64: u8 = 6;
    pub const UINT: u8 = 7;
    pub const UINT8: u8 = 8;
    pub const UINT16: u8 = 9;
    pub const UINT32: u8 = 10;
    pub const UINT64: u8 = 11;
    pub const UINTPTR: u8 = 12;
    pub const FLOAT32: u8 = 13;
    pub const FLOAT64: u8 = 14;
    pub const COMPLEX64: u8 = 15;
    pub const COMPLEX128: u8 = 16;
    pub const ARRAY: u8 = 17;
    pub const CHAN: u8 = 18;
    pub const FUNC: u8 = 19;
    pub const INTERFACE: u8 = 20;
    pub const MAP: u8 = 21;
    pub const POINTER: u8 = 22;
    pub const SLICE: u8 = 23;
    pub const STRING: u8 = 24;
    pub const STRUCT: u8 = 25;
    pub const UNSAFE_POINTER: u8 = 26;
}

/// `internal/abi.TFlag` bits.
pub mod tflag {
    /// An `UncommonType` follows the kind-specific part.
    pub const UNCOMMON: u8 = 1;
    /// `str_` has an extra leading `*`.
    pub const EXTRA_STAR: u8 = 2;
    /// The type has a name.
    pub const NAMED: u8 = 4;
    /// `==` and hashing may treat the value as plain bytes.
    pub const REGULAR_MEMORY: u8 = 8;
    /// `gc_data` points at a pointer-sized slot (0 = not built yet) instead of at the mask.
    pub const GC_MASK_ON_DEMAND: u8 = 16;
    /// An interface's data word is the value itself.
    pub const DIRECT_IFACE: u8 = 32;
}

/// Above this many words of pointer prefix the mask is built on demand
/// ([`tflag::GC_MASK_ON_DEMAND`]) by the runtime.
pub const MAX_PTRMASK_WORDS: usize = 128;

/// `internal/abi.Type`: the common head of every descriptor.
#[repr(C)]
#[derive(Debug)]
pub struct Type {
    /// Size in bytes.
    pub size: usize,
    /// Bytes in the prefix that may hold pointers; 0 means pointer-free.
    pub ptr_bytes: usize,
    /// Hash of the type's identity.
    pub hash: u32,
    /// [`tflag`] bits.
    pub tflag: u8,
    /// Alignment of a variable.
    pub align: u8,
    /// Alignment of a struct field.
    pub field_align: u8,
    /// [`kind`] number.
    pub kind: u8,
    /// Go func value `func(p, q unsafe.Pointer) bool`; null when not comparable.
    pub equal: *const u8,
    /// Pointer mask, 1 bit a word over `ptr_bytes`, or a slot (see [`tflag::GC_MASK_ON_DEMAND`]).
    pub gc_data: *const u8,
    /// Offset of the type string.
    pub str_: i32,
    /// Offset of `*T`'s descriptor, 0 if there is none.
    pub ptr_to_this: i32,
}

impl Type {
    /// Holds no pointers at all.
    #[inline(always)]
    pub fn noscan(&self) -> bool {
        self.ptr_bytes == 0
    }
}

/// A Go slice header inside a descriptor.
#[repr(C)]
#[derive(Debug)]
pub struct RawSlice<T> {
    /// First element.
    pub data: *const T,
    /// Length.
    pub len: usize,
    /// Capacity.
    pub cap: usize,
}

/// `internal/abi.ArrayType`.
#[repr(C)]
#[derive(Debug)]
pub struct ArrayType {
    /// Common head.
    pub typ: Type,
    /// Element type.
    pub elem: *const Type,
    /// Slice of the element type.
    pub slice: *const Type,
    /// Number of elements.
    pub len: usize,
}

/// `internal/abi.StructField`.
#[repr(C)]
#[derive(Debug)]
pub struct StructField {
    /// Encoded name.
    pub name: *const u8,
    /// Field type.
    pub typ: *const Type,
    /// Byte offset in the struct.
    pub offset: usize,
}

/// `internal/abi.StructType`.
#[repr(C)]
#[derive(Debug)]
pub struct StructType {
    /// Common head.
    pub typ: Type,
    /// Package path of unexported names.
    pub pkg_path: *const u8,
    /// Fields in order.
    pub fields: RawSlice<StructField>,
}

/// `internal/abi.PtrType`, `SliceType` and the head of `ChanType`: descriptors with one element.
#[repr(C)]
#[derive(Debug)]
pub struct ElemType {
    /// Common head.
    pub typ: Type,
    /// Element type.
    pub elem: *const Type,
}

// SAFETY-free by construction: descriptors are immutable after they are built (the on-demand mask
// slot is reached through an atomic), so sharing the struct that only holds addresses is the
// business of the crates that dereference them.

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn layouts_are_those_of_go() {
        assert_eq!(size_of::<Type>(), 48);
        assert_eq!(offset_of!(Type, ptr_bytes), 8);
        assert_eq!(offset_of!(Type, hash), 16);
        assert_eq!(offset_of!(Type, tflag), 20);
        assert_eq!(offset_of!(Type, kind), 23);
        assert_eq!(offset_of!(Type, equal), 24);
        assert_eq!(offset_of!(Type, gc_data), 32);
        assert_eq!(offset_of!(Type, str_), 40);
        assert_eq!(offset_of!(Type, ptr_to_this), 44);
        assert_eq!(size_of::<ArrayType>(), 72);
        assert_eq!(offset_of!(ArrayType, len), 64);
        assert_eq!(size_of::<StructType>(), 80);
        assert_eq!(offset_of!(StructType, fields), 56);
        assert_eq!(size_of::<StructField>(), 24);
    }
}
