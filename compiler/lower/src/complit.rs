//! Composite literals in code.

use base::Symbol;
use mir::{Barrier, BinOp, CmpOp, Init, Op, StaticData, Ty, TyKind, TypeTable, Value};
use smallvec::SmallVec;
use syntax::ast::{ExprId, ExprKind};

use crate::func::FnCx;
use crate::statics::StaticCx;

/// Literals with at least this many elements are copied from static data if they are constant.
const TEMPLATE_MIN: usize = 5;
/// Constant map literals with more entries are filled by a loop over static tables.
const MAP_TABLE_MIN: usize = 20;

impl<'a> FnCx<'_, 'a> {
    /// A composite literal's value.
    pub(crate) fn composite(&mut self, e: ExprId, ty: Ty) -> Value {
        self.ensure_reachable();
        let file = self.file;
        self.set_pos(file.ast.exprs[e].span.lo);
        match self.cx.p.types.under(ty).clone() {
            TyKind::Pointer(elem) => {
                let p = self.composite_ptr(e, elem);
                self.retype(p, ty)
            }
            TyKind::Struct(_) if self.is_ssa(ty) => self.struct_value(e, ty),
            TyKind::Array(elem, n) if self.is_ssa(ty) => {
                let ExprKind::CompositeLit { elems, .. } = &file.ast.exprs[e].kind else {
                    unreachable!("a literal")
                };
                match elems.last() {
                    Some(&x) if n == 1 => {
                        let value = match &file.ast.exprs[x].kind {
                            ExprKind::KeyValue { value, .. } => *value,
                            _ => x,
                        };
                        let v = self.expr_as(value, elem);
                        self.make(ty, &[v])
                    }
                    _ => self.zero(ty),
                }
            }
            TyKind::Struct(_) | TyKind::Array(..) => {
                let t = self.temp(ty);
                self.composite_into(e, t, ty, false);
                t
            }
            TyKind::Slice(elem) => self.slice_literal(e, ty, elem),
            TyKind::Map(..) => self.map_literal(e, ty),
            other => unreachable!("composite literal of {other:?}"),
        }
    }

    /// `&T{...}`
    pub(crate) fn composite_ptr(&mut self, e: ExprId, ty: Ty) -> Value {
        match self.cx.p.types.under(ty) {
            TyKind::Struct(_) | TyKind::Array(..) => {
                let elems = self.literal_values(e);
                self.prep(&elems);
                let p = self.heap(ty);
                self.composite_into(e, p, ty, true);
                p
            }
            _ => {
                let v = self.composite(e, ty);
                let p = self.heap(ty);
                self.store_with(p, v, ty, Barrier::Auto);
                p
            }
        }
    }

    /// The value expressions of a literal.
    fn literal_values(&self, e: ExprId) -> SmallVec<[ExprId; 8]> {
        let file = self.file;
        let ExprKind::CompositeLit { elems, .. } = &file.ast.exprs[e].kind else {
            return SmallVec::new();
        };
        elems
            .iter()
            .map(|&x| match &file.ast.exprs[x].kind {
                ExprKind::KeyValue { value, .. } => *value,
                _ => x,
            })
            .collect()
    }

    /// Field index and value of a struct literal's elements.
    fn struct_elems(&mut self, e: ExprId, ty: Ty) -> Vec<StructElem> {
        self.cx.struct_literal(self.file, e, ty)
    }
    fn indexed_elems(&mut self, e: ExprId) -> (Vec<(u64, ExprId)>, u64) {
        self.cx.indexed_literal(self.file, e)
    }

    fn struct_value(&mut self, e: ExprId, ty: Ty) -> Value {
        let elems = self.struct_elems(e, ty);
        if elems.iter().any(|x| x.index.is_none()) {
            // Promoted fields are parts of parts: built in memory.
            let addr = self.temp(ty);
            self.composite_into(e, addr, ty, false);
            return self.load(addr, ty);
        }
        let exprs: SmallVec<[ExprId; 8]> = elems.iter().map(|x| x.value).collect();
        self.prep(&exprs);
        let TyKind::Struct(fields) = self.cx.p.types.under(ty).clone() else {
            unreachable!("a struct")
        };
        let mut values: Vec<Option<Value>> = vec![None; fields.len()];
        for elem in elems {
            let v = self.expr_as(elem.value, elem.ty);
            // Blank fields stay zero.
            if let (Some(i), false) = (elem.index, elem.blank) {
                values[i] = Some(v);
            }
        }
        let parts: SmallVec<[Value; 4]> = values
            .into_iter()
            .zip(fields.iter())
            .map(|(v, f)| match v {
                Some(v) => v,
                None => self.zero(f.ty),
            })
            .collect();
        self.make(ty, &parts)
    }

    /// Builds a struct or array literal in fresh memory.
    pub(crate) fn composite_into(&mut self, e: ExprId, addr: Value, ty: Ty, zeroed: bool) {
        let file = self.file;
        let exprs = self.literal_values(e);
        if exprs.len() >= TEMPLATE_MIN && self.from_template(e, addr, ty) {
            return;
        }
        self.prep(&exprs);
        match self.cx.p.types.under(ty).clone() {
            TyKind::Struct(fields) => {
                let elems = self.struct_elems(e, ty);
                // Padding bytes are never read: equality and hashing go field by field where there is padding.
                if !zeroed
                    && (elems.len() < fields.len()
                        || elems.iter().any(|x| x.index.is_none())
                        || fields.iter().any(|f| f.name.is_blank()))
                {
                    self.b.emit(Op::ZeroMem {
                        dst: addr,
                        ty,
                        barrier: Barrier::No,
                    });
                }
                for elem in elems {
                    if elem.blank {
                        self.discard(elem.value);
                        continue;
                    }
                    let at = self.offset(addr, elem.offset, elem.ty);
                    self.set_pos(file.ast.exprs[elem.value].span.lo);
                    self.expr_into(elem.value, at, elem.ty, zeroed);
                }
            }
            TyKind::Array(elem, n) => {
                let (elems, _) = self.indexed_elems(e);
                if !zeroed && (elems.len() as u64) < n {
                    self.b.emit(Op::ZeroMem {
                        dst: addr,
                        ty,
                        barrier: Barrier::No,
                    });
                }
                let size = self.size(elem);
                for (i, x) in elems {
                    let at = self.offset(addr, i * size, elem);
                    self.expr_into(x, at, elem, zeroed);
                }
            }
            other => unreachable!("literal of {other:?} in memory"),
        }
    }

    /// Copies a literal from read-only data if all of it is constant.
    fn from_template(&mut self, e: ExprId, addr: Value, ty: Ty) -> bool {
        let Some(init) = self.constant_bytes(e, ty) else {
            return false;
        };
        let align = self.cx.p.types.layout(ty).align;
        let data = self.cx.rodata(init, align);
        let src = self
            .b
            .emit_value(Op::Data(data, 0), TypeTable::UNSAFE_POINTER);
        self.b.emit(Op::Move {
            dst: addr,
            src,
            ty,
            barrier: Barrier::Auto,
        });
        true
    }
    fn constant_bytes(&mut self, e: ExprId, ty: Ty) -> Option<Init> {
        let size = self.size(ty);
        let mut s = StaticCx::by_value(self.file, self.env.clone(), self.pkg);
        if size > 1 << 24 || !self.cx.is_static(&s, e, ty) {
            return None;
        }
        let mut init = Init {
            bytes: vec![0; size as usize],
            relocs: Vec::new(),
        };
        self.cx
            .write_static(&mut s, e, ty, &mut init, 0, None)
            .then_some(init)
    }

    fn slice_literal(&mut self, e: ExprId, ty: Ty, elem: Ty) -> Value {
        let (elems, n) = self.indexed_elems(e);
        let arr = self.cx.p.types.array(elem, n);
        let exprs = self.literal_values(e);
        let templated = exprs.len() >= TEMPLATE_MIN;
        if !templated || exprs.iter().any(|&x| self.may_call(x)) {
            self.prep(&exprs);
        }
        let base = self.heap(arr);
        let len = self.iconst(n as i64);
        if templated {
            let s = StaticCx::by_value(self.file, self.env.clone(), self.pkg);
            if elems.iter().all(|&(_, x)| self.cx.is_static(&s, x, elem)) {
                let size = self.size(elem);
                let mut init = Init {
                    bytes: vec![0; (size * n) as usize],
                    relocs: Vec::new(),
                };
                let mut s = s;
                for &(i, x) in &elems {
                    self.cx
                        .write_static(&mut s, x, elem, &mut init, i * size, None);
                }
                let align = self.cx.p.types.layout(elem).align;
                let data = self.cx.rodata(init, align.max(1));
                let src = self
                    .b
                    .emit_value(Op::Data(data, 0), TypeTable::UNSAFE_POINTER);
                self.b.emit(Op::Move {
                    dst: base,
                    src,
                    ty: arr,
                    barrier: Barrier::Auto,
                });
                return self.make(ty, &[base, len, len]);
            }
        }
        let size = self.size(elem);
        for (i, x) in elems {
            let at = self.offset(base, i * size, elem);
            self.expr_into(x, at, elem, true);
        }
        self.make(ty, &[base, len, len])
    }

    fn map_literal(&mut self, e: ExprId, ty: Ty) -> Value {
        let file = self.file;
        let ExprKind::CompositeLit { elems, .. } = &file.ast.exprs[e].kind else {
            unreachable!("a literal")
        };
        let TyKind::Map(key_ty, elem) = *self.cx.p.types.under(ty) else {
            unreachable!("a map")
        };
        let pairs: Vec<(ExprId, ExprId)> = elems
            .iter()
            .filter_map(|&x| match &file.ast.exprs[x].kind {
                ExprKind::KeyValue { key, value } => Some((*key, *value)),
                _ => None,
            })
            .collect();
        let hint = self.iconst(pairs.len() as i64);
        let map = self.make_map(ty, Some(hint));
        if pairs.len() > MAP_TABLE_MIN {
            let s = StaticCx::by_value(file, self.env.clone(), self.pkg);
            if pairs
                .iter()
                .all(|&(k, v)| self.cx.is_static(&s, k, key_ty) && self.cx.is_static(&s, v, elem))
            {
                self.map_from_tables(map, ty, &pairs);
                return map;
            }
        }
        for (k, v) in pairs {
            self.prep(&[k, v]);
            let key = self.argument(k, key_ty);
            let value = self.argument(v, elem);
            self.set_pos(file.ast.exprs[k].span.lo);
            let place = crate::maps::MapPlace {
                map_ty: ty,
                map,
                key,
                key_ty,
                elem,
            };
            self.map_set(&place, value);
        }
        map
    }

    fn map_from_tables(&mut self, map: Value, ty: Ty, pairs: &[(ExprId, ExprId)]) {
        let TyKind::Map(key_ty, elem) = *self.cx.p.types.under(ty) else {
            unreachable!("a map")
        };
        let n = pairs.len() as u64;
        let table = |f: &mut Self, ty: Ty, value: fn(&(ExprId, ExprId)) -> ExprId| {
            let size = f.size(ty);
            let mut init = Init {
                bytes: vec![0; (size * n) as usize],
                relocs: Vec::new(),
            };
            let mut s = StaticCx::by_value(f.file, f.env.clone(), f.pkg);
            for (i, pair) in pairs.iter().enumerate() {
                f.cx.write_static(&mut s, value(pair), ty, &mut init, i as u64 * size, None);
            }
            let align = f.cx.p.types.layout(ty).align.max(1);
            f.cx.p.data.push(StaticData {
                init,
                align,
                readonly: true,
                ty: None,
            })
        };
        let keys = table(self, key_ty, |p| p.0);
        let values = table(self, elem, |p| p.1);
        let i = self.b.new_var(TypeTable::INT);
        let zero = self.iconst(0);
        self.b.def_var(i, zero);
        let (head, body, exit) = (self.new_block(), self.new_block(), self.new_block());
        self.b.jump(head);
        self.b.switch_to(head);
        let iv = self.b.use_var(i);
        let count = self.iconst(n as i64);
        let more = self.cmp(CmpOp::Lt, iv, count);
        self.b.branch(more, body, exit);
        self.start_block(body);
        let key_base = self
            .b
            .emit_value(Op::Data(keys, 0), TypeTable::UNSAFE_POINTER);
        let at = self.index_addr(key_base, iv, key_ty);
        let key = self.load(at, key_ty);
        let value_base = self
            .b
            .emit_value(Op::Data(values, 0), TypeTable::UNSAFE_POINTER);
        let at = self.index_addr(value_base, iv, elem);
        let value = self.load(at, elem);
        let place = crate::maps::MapPlace {
            map_ty: ty,
            map,
            key,
            key_ty,
            elem,
        };
        self.map_set(&place, value);
        let one = self.iconst(1);
        let next = self.bin(BinOp::Add, iv, one);
        self.b.def_var(i, next);
        self.b.jump(head);
        self.b.seal(head);
        self.start_block(exit);
    }
}

/// An element of a struct literal.
pub(crate) struct StructElem {
    /// Index of the field; `None` for a promoted one.
    pub(crate) index: Option<usize>,
    /// Byte offset in the struct.
    pub(crate) offset: u64,
    pub(crate) ty: Ty,
    /// The field is `_`: the value is computed and dropped.
    pub(crate) blank: bool,
    pub(crate) value: ExprId,
}

impl crate::cx::Cx<'_> {
    /// Place and value of each element of a struct literal. Keys may name promoted fields (go1.27): those are found through
    /// embedded structs, shallowest first.
    pub(crate) fn struct_literal(
        &mut self,
        file: &types::TypedFile,
        e: ExprId,
        ty: Ty,
    ) -> Vec<StructElem> {
        let ExprKind::CompositeLit { elems, .. } = &file.ast.exprs[e].kind else {
            return Vec::new();
        };
        let TyKind::Struct(fields) = self.p.types.under(ty).clone() else {
            return Vec::new();
        };
        let offsets = self.offsets(ty);
        let direct = |i: usize, value: ExprId| StructElem {
            index: Some(i),
            offset: offsets[i],
            ty: fields[i].ty,
            blank: fields[i].name.is_blank(),
            value,
        };
        elems
            .iter()
            .enumerate()
            .filter_map(|(i, &x)| match &file.ast.exprs[x].kind {
                ExprKind::KeyValue { key, value } => {
                    let ExprKind::Name(name) = file.ast.exprs[*key].kind else {
                        return None;
                    };
                    let sym: Symbol = file.ast.sym(name);
                    match fields.iter().position(|f| f.name == sym) {
                        Some(i) => Some(direct(i, *value)),
                        None => self.promoted_field(ty, sym).map(|(offset, ty)| StructElem {
                            index: None,
                            offset,
                            ty,
                            blank: false,
                            value: *value,
                        }),
                    }
                }
                _ => Some(direct(i, x)),
            })
            .collect()
    }

    /// Offset and type of a field that embedded structs promote.
    fn promoted_field(&self, ty: Ty, name: Symbol) -> Option<(u64, Ty)> {
        let mut level = vec![(ty, 0)];
        while !level.is_empty() {
            let mut next = Vec::new();
            for (ty, base) in level {
                let TyKind::Struct(fields) = self.p.types.under(ty) else {
                    continue;
                };
                let (_, offsets) = self.p.types.struct_layout(fields);
                for (field, offset) in fields.iter().zip(offsets) {
                    if field.name == name {
                        return Some((base + offset, field.ty));
                    }
                    if field.embedded {
                        next.push((field.ty, base + offset));
                    }
                }
            }
            level = next;
        }
        None
    }

    /// Index and value of each element of an array or slice literal, and its length.
    pub(crate) fn indexed_literal(
        &mut self,
        file: &types::TypedFile,
        e: ExprId,
    ) -> (Vec<(u64, ExprId)>, u64) {
        let ExprKind::CompositeLit { elems, .. } = &file.ast.exprs[e].kind else {
            return (Vec::new(), 0);
        };
        let mut next = 0;
        let mut max = 0;
        let mut out = Vec::with_capacity(elems.len());
        for &x in elems {
            let value = match &file.ast.exprs[x].kind {
                ExprKind::KeyValue { key, value } => {
                    if let Some(n) = file.value(*key).and_then(|c| c.to_i64()) {
                        next = n as u64;
                    }
                    *value
                }
                _ => x,
            };
            out.push((next, value));
            next += 1;
            max = max.max(next);
        }
        (out, max)
    }
}
