//! Equality and hash functions for descriptors and in-memory types.

use base::Symbol;
use mir::{BinOp, CmpOp, FuncFlags, FuncId, Op, Terminator, Ty, TyKind, TypeTable, Value};
use smallvec::smallvec;
use source::Pos;

use crate::compare::Condition;
use crate::cx::Cx;
use crate::func::FnCx;

impl<'a> Cx<'a> {
    /// `func(p, q unsafe.Pointer) bool` for a comparable type, as descriptors hold it.
    pub(crate) fn desc_equal(&mut self, ty: Ty) -> Option<FuncId> {
        if !self.p.types.is_comparable(ty) {
            return None;
        }
        if self.p.types.is_regular_memory(ty) {
            let name = match self.p.types.layout(ty).size {
                0 => Some("memequal0"),
                1 => Some("memequal8"),
                2 => Some("memequal16"),
                4 => Some("memequal32"),
                8 => Some("memequal64"),
                16 => Some("memequal128"),
                _ => None,
            };
            if let Some(name) = name {
                return Some(self.rt(name));
            }
        }
        Some(match self.p.types.under(ty) {
            TyKind::Float32 => self.rt("f32equal"),
            TyKind::Float64 => self.rt("f64equal"),
            TyKind::Complex64 => self.rt("c64equal"),
            TyKind::Complex128 => self.rt("c128equal"),
            TyKind::String => self.rt("strequalptr"),
            TyKind::Interface(m) => {
                let name = if m.is_empty() {
                    "nilinterequal"
                } else {
                    "interequal"
                };
                self.rt(name)
            }
            _ => self.equal_func(ty),
        })
    }

    /// Generated equality of a struct or array type.
    pub(crate) fn equal_func(&mut self, ty: Ty) -> FuncId {
        let ty = self.p.types.underlying(ty);
        let name = Symbol::intern(&format!("type:.eq.{}", self.p.types.link_string(ty)));
        if let Some(&f) = self.made.get(&name) {
            return f;
        }
        let ptr = TypeTable::UNSAFE_POINTER;
        let flags = FuncFlags {
            wrapper: true,
            ..FuncFlags::default()
        };
        let func = self.declare(
            name,
            name,
            Pos::NONE,
            Box::new([ptr, ptr]),
            Box::new([TypeTable::BOOL]),
            flags,
        );
        self.made.insert(name, func);
        self.later(func, move |cx, func| {
            let mut f = FnCx::synthetic(cx, func);
            let params = f.synthetic_params();
            let eq = f.equal_memory(params[0], params[1], ty);
            f.b.terminate(Terminator::Return(smallvec![eq]));
            f.finish_synthetic();
        });
        func
    }

    /// `func(p unsafe.Pointer, seed uintptr) uintptr` for a map's key type.
    pub(crate) fn desc_hash(&mut self, ty: Ty) -> FuncId {
        if self.p.types.is_regular_memory(ty) {
            let name = match self.p.types.layout(ty).size {
                1 => Some("memhash8"),
                2 => Some("memhash16"),
                4 => Some("memhash32"),
                8 => Some("memhash64"),
                16 => Some("memhash128"),
                _ => None,
            };
            if let Some(name) = name {
                return self.rt(name);
            }
        }
        match self.p.types.under(ty) {
            TyKind::Float32 => self.rt("f32hash"),
            TyKind::Float64 => self.rt("f64hash"),
            TyKind::Complex64 => self.rt("c64hash"),
            TyKind::Complex128 => self.rt("c128hash"),
            TyKind::String => self.rt("strhash"),
            TyKind::Interface(m) => {
                let name = if m.is_empty() {
                    "nilinterhash"
                } else {
                    "interhash"
                };
                self.rt(name)
            }
            _ => self.hash_func(ty),
        }
    }

    fn hash_func(&mut self, ty: Ty) -> FuncId {
        let ty = self.p.types.underlying(ty);
        let name = Symbol::intern(&format!("type:.hash.{}", self.p.types.link_string(ty)));
        if let Some(&f) = self.made.get(&name) {
            return f;
        }
        let (ptr, word) = (TypeTable::UNSAFE_POINTER, TypeTable::UINTPTR);
        let flags = FuncFlags {
            wrapper: true,
            ..FuncFlags::default()
        };
        let func = self.declare(
            name,
            name,
            Pos::NONE,
            Box::new([ptr, word]),
            Box::new([word]),
            flags,
        );
        self.made.insert(name, func);
        self.later(func, move |cx, func| {
            let mut f = FnCx::synthetic(cx, func);
            let params = f.synthetic_params();
            let h = f.hash_memory(params[0], params[1], ty);
            f.b.terminate(Terminator::Return(smallvec![h]));
            f.finish_synthetic();
        });
        func
    }
}

/// A part of a struct for equality and hashing.
enum Run {
    /// Bytes that may be treated as memory: offset, size.
    Memory(u64, u64),
    Field(u64, Ty),
}

impl FnCx<'_, '_> {
    /// Adjacent plain fields are joined; blank fields and padding are skipped.
    fn runs(&mut self, ty: Ty) -> Vec<Run> {
        let TyKind::Struct(fields) = self.cx.p.types.under(ty).clone() else {
            unreachable!("a struct")
        };
        let offsets = self.cx.offsets(ty);
        let mut runs: Vec<Run> = Vec::new();
        for (f, &offset) in fields.iter().zip(offsets.iter()) {
            let size = self.size(f.ty);
            if f.name.is_blank() || size == 0 {
                continue;
            }
            if self.cx.p.types.is_regular_memory(f.ty) {
                if let Some(Run::Memory(start, len)) = runs.last_mut() {
                    if *start + *len == offset {
                        *len += size;
                        continue;
                    }
                }
                runs.push(Run::Memory(offset, size));
            } else {
                runs.push(Run::Field(offset, f.ty));
            }
        }
        runs
    }

    fn equal_memory(&mut self, p: Value, q: Value, ty: Ty) -> Value {
        if self.cx.p.types.is_regular_memory(ty) {
            let n = self.size(ty);
            return self.memory_equal(p, q, n);
        }
        match self.cx.p.types.under(ty).clone() {
            TyKind::Struct(_) => {
                let mut conditions = Vec::new();
                for run in self.runs(ty) {
                    conditions.push(match run {
                        Run::Memory(at, n) => {
                            let byte = TypeTable::UINT8;
                            Condition::Memory(self.offset(p, at, byte), self.offset(q, at, byte), n)
                        }
                        Run::Field(at, fty) => {
                            let (a, b) = (self.offset(p, at, fty), self.offset(q, at, fty));
                            Condition::Value(self.load(a, fty), self.load(b, fty), fty)
                        }
                    });
                }
                self.all_hold(conditions)
            }
            TyKind::Array(elem, n) => {
                let var = self.b.new_var(TypeTable::BOOL);
                let (no, join) = (self.new_block(), self.new_block());
                self.counted_loop(n, |f, i| {
                    let (a, b) = (f.index_addr(p, i, elem), f.index_addr(q, i, elem));
                    let (a, b) = (f.load(a, elem), f.load(b, elem));
                    let eq = f.equal(a, b, elem);
                    let next = f.new_block();
                    f.b.branch(eq, next, no);
                    f.start_block(next);
                });
                let yes = self.bool(true);
                self.b.def_var(var, yes);
                self.b.jump(join);
                self.start_block(no);
                let f = self.bool(false);
                self.b.def_var(var, f);
                self.b.jump(join);
                self.start_block(join);
                self.b.use_var(var)
            }
            _ => {
                let (a, b) = (self.load(p, ty), self.load(q, ty));
                self.equal(a, b, ty)
            }
        }
    }

    fn hash_memory(&mut self, p: Value, h: Value, ty: Ty) -> Value {
        if self.cx.p.types.is_regular_memory(ty) {
            let n = self.int(self.size(ty) as i64, TypeTable::UINTPTR);
            return self.rt1("memhash", &[p, h, n]);
        }
        match self.cx.p.types.under(ty).clone() {
            TyKind::Struct(fields) => {
                // Field by field: maps made by reflection hash that way, and both kinds meet.
                let offsets = self.cx.offsets(ty);
                let mut h = h;
                for (f, &at) in fields.iter().zip(offsets.iter()) {
                    if f.name.is_blank() {
                        continue;
                    }
                    let a = self.offset(p, at, f.ty);
                    let func = self.cx.desc_hash(f.ty);
                    h = self.call(func, &[a, h])[0];
                }
                h
            }
            TyKind::Array(elem, n) => {
                let var = self.b.new_var(TypeTable::UINTPTR);
                self.b.def_var(var, h);
                let func = self.cx.desc_hash(elem);
                self.counted_loop(n, |f, i| {
                    let a = f.index_addr(p, i, elem);
                    let h = f.b.use_var(var);
                    let h = f.call(func, &[a, h])[0];
                    f.b.def_var(var, h);
                });
                self.b.use_var(var)
            }
            _ => {
                let func = self.cx.desc_hash(ty);
                self.call(func, &[p, h])[0]
            }
        }
    }

    /// `for i := 0; i < n; i++`
    pub(crate) fn counted_loop(&mut self, n: u64, body: impl FnOnce(&mut Self, Value)) {
        let i = self.b.new_var(TypeTable::INT);
        let zero = self.iconst(0);
        self.b.def_var(i, zero);
        let (head, inner, exit) = (self.new_block(), self.new_block(), self.new_block());
        self.b.jump(head);
        self.b.switch_to(head);
        let iv = self.b.use_var(i);
        let count = self.iconst(n as i64);
        let more = self.cmp(CmpOp::Lt, iv, count);
        self.b.branch(more, inner, exit);
        self.start_block(inner);
        body(self, iv);
        let one = self.iconst(1);
        let next = self
            .b
            .emit_value(Op::Binary(BinOp::Add, iv, one), TypeTable::INT);
        self.b.def_var(i, next);
        self.b.jump(head);
        self.b.seal(head);
        self.start_block(exit);
    }
}
