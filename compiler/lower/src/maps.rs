//! Maps: access, assignment, deletion, through the entry points of internal/runtime/maps.

use mir::{CmpOp, Op, Ty, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::ExprId;

use crate::func::FnCx;

/// Elements larger than this have no shared zero value.
const MAX_ZERO: u64 = 1024;

/// `m[key]`
#[derive(Clone, Debug)]
pub(crate) struct MapPlace {
    pub map_ty: Ty,
    pub map: Value,
    /// The key, or its address for in-memory types.
    pub key: Value,
    pub key_ty: Ty,
    pub elem: Ty,
}

/// Which entry points serve a map type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fast {
    No,
    Word32,
    Word64,
    /// A 64-bit pointer-like key.
    Ptr64,
    Str,
}

impl FnCx<'_, '_> {
    fn fast(&self, key: Ty, elem: Ty) -> Fast {
        let types = &self.cx.p.types;
        if types.layout(elem).size > 128 {
            return Fast::No;
        }
        let layout = types.layout(key);
        match types.under(key) {
            TyKind::String => Fast::Str,
            TyKind::Int(k) if k.size() == 4 => Fast::Word32,
            TyKind::Int(k) if k.size() == 8 => Fast::Word64,
            TyKind::Pointer(_) | TyKind::UnsafePointer | TyKind::Chan(..) => Fast::Ptr64,
            TyKind::Struct(_) | TyKind::Array(..) if types.is_regular_memory(key) => {
                match (layout.size, layout.ptr_bytes) {
                    (4, 0) => Fast::Word32,
                    (8, 0) => Fast::Word64,
                    _ => Fast::No,
                }
            }
            _ => Fast::No,
        }
    }

    /// Evaluates map and key.
    pub(crate) fn map_place(&mut self, m: ExprId, k: ExprId) -> MapPlace {
        let map_ty = self.ty_of(m);
        let TyKind::Map(key_ty, elem) = *self.cx.p.types.under(map_ty) else {
            unreachable!("a map")
        };
        let map = self.expr(m);
        let key = self.expr_as(k, key_ty);
        MapPlace {
            map_ty,
            map,
            key,
            key_ty,
            elem,
        }
    }
    /// Map and key of a read, where a key converted from bytes needs no copy.
    fn map_read_place(&mut self, m: ExprId, k: ExprId) -> MapPlace {
        let bytes = if self.may_call(k) {
            None
        } else {
            self.bytes_in_string_conversion(k)
        };
        let map_ty = self.ty_of(m);
        match (bytes, self.cx.p.types.under(map_ty).clone()) {
            (Some(b), TyKind::Map(key_ty, elem))
                if matches!(self.cx.p.types.under(key_ty), TyKind::String) =>
            {
                let map = self.expr(m);
                let key = self.borrowed_string(k, Some(b), key_ty);
                MapPlace {
                    map_ty,
                    map,
                    key,
                    key_ty,
                    elem,
                }
            }
            _ => self.map_place(m, k),
        }
    }

    /// Operand for an entry point: the key itself or its address.
    fn key_arg(&mut self, m: &MapPlace, fast: Fast, assign: bool) -> Value {
        match fast {
            Fast::No => self.addressable(m.key, m.key_ty),
            Fast::Str => self.retype(m.key, TypeTable::STRING),
            Fast::Word32 | Fast::Word64 => {
                let word = if fast == Fast::Word32 {
                    TypeTable::UINT32
                } else {
                    TypeTable::UINT64
                };
                if self.is_ssa(m.key_ty)
                    && crate::tyconv::int_kind(&self.cx.p.types, m.key_ty).is_some()
                {
                    self.retype(m.key, word)
                } else {
                    let addr = self.addressable(m.key, m.key_ty);
                    self.load(addr, word)
                }
            }
            Fast::Ptr64 if assign => self.retype(m.key, TypeTable::UNSAFE_POINTER),
            Fast::Ptr64 => self.retype(m.key, TypeTable::UINT64),
        }
    }

    /// Address of the element, of a zero value if there is none.
    fn map_access1(&mut self, m: &MapPlace) -> Value {
        let fast = self.fast(m.key_ty, m.elem);
        let key = self.key_arg(m, fast, false);
        let t = self.type_desc(m.map_ty);
        let name = match fast {
            Fast::No => "mapaccess1",
            Fast::Word32 => "mapaccess1_fast32",
            Fast::Word64 | Fast::Ptr64 => "mapaccess1_fast64",
            Fast::Str => "mapaccess1_faststr",
        };
        self.rt1(name, &[t, m.map, key])
    }
    fn map_access2(&mut self, m: &MapPlace) -> (Value, Value) {
        let fast = self.fast(m.key_ty, m.elem);
        let key = self.key_arg(m, fast, false);
        let t = self.type_desc(m.map_ty);
        let name = match fast {
            Fast::No => "mapaccess2",
            Fast::Word32 => "mapaccess2_fast32",
            Fast::Word64 | Fast::Ptr64 => "mapaccess2_fast64",
            Fast::Str => "mapaccess2_faststr",
        };
        let out = self.rt(name, &[t, m.map, key]);
        (out[0], out[1])
    }
    /// Address of the element, made if it is missing.
    pub(crate) fn map_assign(&mut self, m: &MapPlace) -> Value {
        let fast = self.fast(m.key_ty, m.elem);
        let key = self.key_arg(m, fast, true);
        let t = self.type_desc(m.map_ty);
        let name = match fast {
            Fast::No => "mapassign",
            Fast::Word32 => "mapassign_fast32",
            Fast::Word64 => "mapassign_fast64",
            Fast::Ptr64 => "mapassign_fast64ptr",
            Fast::Str => "mapassign_faststr",
        };
        let p = self.rt1(name, &[t, m.map, key]);
        let ptr = self.ptr_to(m.elem);
        self.retype(p, ptr)
    }

    /// `m[k]`
    pub(crate) fn map_get(&mut self, m: &MapPlace) -> Value {
        if self.size(m.elem) > MAX_ZERO {
            return self.map_get2(m)[0];
        }
        let p = self.map_access1(m);
        if self.is_ssa(m.elem) {
            return self.load(p, m.elem);
        }
        let t = self.temp(m.elem);
        self.store_with(t, p, m.elem, mir::Barrier::No);
        t
    }
    /// `v, ok := m[k]`
    pub(crate) fn map_get2(&mut self, m: &MapPlace) -> SmallVec<[Value; 2]> {
        let (p, ok) = self.map_access2(m);
        if self.size(m.elem) <= MAX_ZERO && self.is_ssa(m.elem) {
            let v = self.load(p, m.elem);
            return smallvec![v, ok];
        }
        let t = self.temp(m.elem);
        let (yes, no, join) = (self.new_block(), self.new_block(), self.new_block());
        self.branch(ok, yes, no);
        self.start_block(yes);
        self.store_with(t, p, m.elem, mir::Barrier::No);
        self.b.jump(join);
        self.start_block(no);
        self.b.emit(Op::ZeroMem {
            dst: t,
            ty: m.elem,
            barrier: mir::Barrier::No,
        });
        self.b.jump(join);
        self.start_block(join);
        smallvec![t, ok]
    }
    pub(crate) fn map_index2(&mut self, m: ExprId, k: ExprId) -> SmallVec<[Value; 2]> {
        let place = self.map_read_place(m, k);
        self.map_get2(&place)
    }
    /// A read `m[k]` as an expression.
    pub(crate) fn map_read(&mut self, m: ExprId, k: ExprId) -> Value {
        let place = self.map_read_place(m, k);
        self.map_get(&place)
    }

    /// `m[k] = v`
    pub(crate) fn map_set(&mut self, m: &MapPlace, value: Value) {
        let p = self.map_assign(m);
        self.store(p, value, m.elem);
    }

    pub(crate) fn map_delete(&mut self, m: &MapPlace) {
        let fast = self.fast(m.key_ty, m.elem);
        let key = self.key_arg(m, fast, false);
        let t = self.type_desc(m.map_ty);
        let name = match fast {
            Fast::No => "mapdelete",
            Fast::Word32 => "mapdelete_fast32",
            Fast::Word64 | Fast::Ptr64 => "mapdelete_fast64",
            Fast::Str => "mapdelete_faststr",
        };
        self.rt(name, &[t, m.map, key]);
    }

    /// `len(m)`: the first word of the map.
    pub(crate) fn map_len(&mut self, m: Value) -> Value {
        let m = self.retype(m, TypeTable::UNSAFE_POINTER);
        let zero = self.zero(TypeTable::UNSAFE_POINTER);
        let nil = self.cmp(CmpOp::Eq, m, zero);
        self.if_value(
            nil,
            TypeTable::INT,
            |f| f.iconst(0),
            |f| f.load(m, TypeTable::INT),
        )
    }

    /// `make(map[K]V, hint)`
    pub(crate) fn make_map(&mut self, ty: Ty, hint: Option<Value>) -> Value {
        let small = match hint {
            None => true,
            Some(h) => matches!(self.b.body.as_int(h), Some(n) if (0..=8).contains(&n)),
        };
        if small {
            self.cx.need_desc(ty);
            return self.rt_as("makemap_small", &[], ty);
        }
        let t = self.type_desc(ty);
        let hint = hint.expect("not small");
        let none = self.zero(TypeTable::UNSAFE_POINTER);
        self.rt_as("makemap", &[t, hint, none], ty)
    }
}
