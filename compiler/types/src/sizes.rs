//! Sizes, alignments and field offsets as gc lays types out on amd64.

use crate::model::*;

/// Size of a word and the largest alignment.
const WORD: i64 = 8;

impl Store {
    /// Alignment of a variable of the type in bytes.
    pub fn alignof(&self, ty: TypeId) -> i64 {
        match self.under(ty) {
            Type::Array { elem, .. } => self.alignof(*elem),
            Type::Struct(structure) => {
                if structure.fields.is_empty() && self.is_align64(ty) {
                    return 8;
                }
                structure
                    .fields
                    .iter()
                    .map(|&field| self.alignof(self.obj_type(field)))
                    .max()
                    .unwrap_or(1)
            }
            Type::Slice(_) | Type::Interface(_) => WORD,
            Type::Basic(kind) if kind.is_string() => WORD,
            Type::Basic(BasicKind::Complex128) => 8,
            Type::Basic(BasicKind::Complex64) => 4,
            _ => self.sizeof(ty).unwrap_or(1).clamp(1, WORD),
        }
    }
    /// The marker type that makes 64-bit atomics aligned has no effect on amd64, where words are.
    fn is_align64(&self, _ty: TypeId) -> bool {
        false
    }

    /// Size of a variable of the type in bytes; `None` if it does not fit the address space.
    pub fn sizeof(&self, ty: TypeId) -> Option<i64> {
        match self.under(ty) {
            Type::Basic(kind) => Some(match kind {
                BasicKind::Bool | BasicKind::Int8 | BasicKind::Uint8 => 1,
                BasicKind::Int16 | BasicKind::Uint16 => 2,
                BasicKind::Int32 | BasicKind::Uint32 | BasicKind::Float32 => 4,
                BasicKind::Complex128 | BasicKind::String | BasicKind::UntypedString => 2 * WORD,
                _ => 8,
            }),
            Type::Array { len, elem } => {
                if *len <= 0 {
                    return Some(0);
                }
                let size = self.sizeof(*elem)?;
                size.checked_mul(*len)
            }
            Type::Slice(_) => Some(3 * WORD),
            Type::Struct(structure) => {
                let offsets = self.offsets(structure);
                let Some(&last) = structure.fields.last() else {
                    return Some(0);
                };
                let offset = (*offsets.last()?)?;
                let mut size = self.sizeof(self.obj_type(last))?;
                // gc adds a byte, so that the address of a last field without size stays inside.
                if offset > 0 && size == 0 {
                    size = 1;
                }
                align(offset.checked_add(size)?, self.alignof(ty))
            }
            Type::Interface(_) | Type::TypeParam(_) => Some(2 * WORD),
            _ => Some(WORD),
        }
    }

    /// Offset of each field; `None` from the first on that does not fit.
    pub fn offsets(&self, structure: &Struct) -> Vec<Option<i64>> {
        let mut next = Some(0i64);
        structure
            .fields
            .iter()
            .map(|&field| {
                let ty = self.obj_type(field);
                let offset = next.and_then(|next| align(next, self.alignof(ty)));
                next = offset.and_then(|offset| offset.checked_add(self.sizeof(ty)?));
                offset
            })
            .collect()
    }
}

fn align(value: i64, alignment: i64) -> Option<i64> {
    Some(value.checked_add(alignment - 1)? & !(alignment - 1))
}
