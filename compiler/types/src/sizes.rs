//! Sizes, alignments and field offsets as gc lays types out on amd64.

use crate::model::*;

/// Size of a word and the largest alignment.
const WORD: i64 = 8;
/// Types nested deeper count as too large; only erroneous types are (they may contain themselves).
const MAX_DEPTH: u32 = 5000;

/// Size (`None` if it does not fit the address space) and alignment of a type.
#[derive(Clone, Copy)]
struct Layout {
    size: Option<i64>,
    align: i64,
}

impl Layout {
    fn new(size: i64) -> Layout {
        Layout {
            size: Some(size),
            align: size.clamp(1, WORD),
        }
    }
}

impl Store {
    /// Alignment of a variable of the type in bytes.
    pub fn alignof(&self, ty: TypeId) -> i64 {
        self.layout(ty, 0).align
    }
    /// Size of a variable of the type in bytes; `None` if it does not fit the address space.
    pub fn sizeof(&self, ty: TypeId) -> Option<i64> {
        self.layout(ty, 0).size
    }
    /// Offset of each field; `None` from the first on that does not fit.
    pub fn offsets(&self, structure: &Struct) -> Vec<Option<i64>> {
        let mut offsets = Vec::with_capacity(structure.fields.len());
        self.struct_layout(structure, 0, |offset| offsets.push(offset));
        offsets
    }

    fn layout(&self, ty: TypeId, depth: u32) -> Layout {
        if depth > MAX_DEPTH {
            return Layout {
                size: None,
                align: 1,
            };
        }
        match self.under(ty) {
            Type::Basic(kind) => match kind {
                BasicKind::Bool | BasicKind::Int8 | BasicKind::Uint8 => Layout::new(1),
                BasicKind::Int16 | BasicKind::Uint16 => Layout::new(2),
                BasicKind::Int32 | BasicKind::Uint32 | BasicKind::Float32 => Layout::new(4),
                BasicKind::Complex64 => Layout {
                    size: Some(8),
                    align: 4,
                },
                BasicKind::Complex128 | BasicKind::String | BasicKind::UntypedString => {
                    Layout::new(2 * WORD)
                }
                _ => Layout::new(WORD),
            },
            Type::Array { len, elem } => {
                let elem = stacker::maybe_grow(64 << 10, 1 << 20, || self.layout(*elem, depth + 1));
                let size = elem.size.and_then(|size| size.checked_mul((*len).max(0)));
                Layout {
                    size,
                    align: elem.align,
                }
            }
            Type::Slice(_) => Layout::new(3 * WORD),
            Type::Struct(structure) => stacker::maybe_grow(64 << 10, 1 << 20, || {
                self.struct_layout(structure, depth, |_| {})
            }),
            Type::Interface(_) | Type::TypeParam(_) => Layout::new(2 * WORD),
            _ => Layout::new(WORD),
        }
    }

    fn struct_layout(
        &self,
        structure: &Struct,
        depth: u32,
        mut offset_is: impl FnMut(Option<i64>),
    ) -> Layout {
        let mut end = Some(0i64);
        let mut align = 1;
        let mut last_is_empty = false;
        for &field in &structure.fields {
            let field = self.layout(self.obj_type(field), depth + 1);
            let offset = end.and_then(|end| round_up(end, field.align));
            offset_is(offset);
            align = align.max(field.align);
            end = match (offset, field.size) {
                (Some(offset), Some(size)) => offset.checked_add(size),
                _ => None,
            };
            // The address of a last field without size stays inside: gc adds a byte.
            last_is_empty = field.size == Some(0) && offset.is_some_and(|offset| offset > 0);
        }
        if last_is_empty {
            end = end.and_then(|end| end.checked_add(1));
        }
        Layout {
            size: end.and_then(|end| round_up(end, align)),
            align,
        }
    }
}

fn round_up(value: i64, alignment: i64) -> Option<i64> {
    Some(value.checked_add(alignment - 1)? & !(alignment - 1))
}
