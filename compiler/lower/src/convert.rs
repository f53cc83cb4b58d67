//! Conversions, interface values, type assertions.

use mir::{Barrier, BoundKind, CmpOp, Init, Op, Ty, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::{ExprId, ExprKind};
use types::Mode;
use types::constant::{ConstValue, decode_rune};

use crate::func::FnCx;

/// Offset of the dynamic type in an itab.
pub(crate) const ITAB_TYPE: u64 = 8;
/// Offset of the first method in an itab.
pub(crate) const ITAB_FUN: u64 = 24;

/// The characters of a string; an invalid byte is U+FFFD.
fn runes(mut text: &[u8]) -> impl Iterator<Item = char> {
    std::iter::from_fn(move || {
        let (rune, width) = decode_rune(text);
        text = text.get(width..)?;
        (width > 0).then(|| rune.unwrap_or(char::REPLACEMENT_CHARACTER))
    })
}

impl FnCx<'_, '_> {
    /// `T(x)`
    pub(crate) fn conversion(&mut self, e: ExprId, arg: ExprId) -> Value {
        let to = self.ty_of(e);
        let pos = self.file.ast.exprs[e].pos;
        if self.mode(arg) == Mode::Nil {
            return self.zero(to);
        }
        let from = self.ty_of(arg);
        if let (Some(c), false) = (self.const_of(arg), self.hoisted.contains_key(&arg)) {
            let c = c.clone();
            return self.convert_const(&c, from, to, pos);
        }
        let v = self.expr(arg);
        self.set_pos(pos);
        self.convert_value(v, from, to)
    }

    fn convert_const(&mut self, c: &ConstValue, from: Ty, to: Ty, pos: source::Pos) -> Value {
        self.set_pos(pos);
        let to_kind = self.cx.p.types.under(to).clone();
        match (&to_kind, c) {
            (TyKind::Interface(_), _) => {
                let from = if self.cx.p.types.is_interface(from) {
                    crate::consts::default_type(c)
                } else {
                    from
                };
                self.const_to_iface(c, from, to)
            }
            (TyKind::String, ConstValue::Int(_) | ConstValue::BigInt(_)) => {
                let rune = c
                    .to_i64()
                    .and_then(|n| u32::try_from(n).ok())
                    .and_then(char::from_u32)
                    .unwrap_or('\u{fffd}');
                let mut buf = [0; 4];
                self.string(rune.encode_utf8(&mut buf).as_bytes(), to)
            }
            (TyKind::Slice(elem), ConstValue::Str(text)) => {
                self.slice_of_constant(text.bytes(), *elem, to)
            }
            // Values that the target type cannot hold exactly occur with type parameters only.
            (TyKind::Int(_), ConstValue::Float(_)) => {
                let v = self.constant(c, TypeTable::FLOAT64);
                self.convert_value(v, TypeTable::FLOAT64, to)
            }
            _ => self.constant(c, to),
        }
    }

    /// A slice of a constant's bytes or runes, with room for no more (as gc makes it).
    fn slice_of_constant(&mut self, text: &[u8], elem: Ty, to: Ty) -> Value {
        let size = self.size(elem);
        let bytes = match size {
            1 => text.to_vec(),
            _ => runes(text).flat_map(|r| (r as u32).to_le_bytes()).collect(),
        };
        let n = bytes.len() as u64 / size;
        let array = self.cx.p.types.array(elem, n);
        let base = self.heap(array);
        if n > 0 {
            let init = Init {
                bytes,
                relocs: Vec::new(),
            };
            let data = self.cx.rodata(init, size);
            let src = self
                .b
                .emit_value(Op::Data(data, 0), TypeTable::UNSAFE_POINTER);
            self.b.emit(Op::Move {
                dst: base,
                src,
                ty: array,
                barrier: Barrier::No,
            });
        }
        let len = self.iconst(n as i64);
        self.make(to, &[base, len, len])
    }

    /// Converts a value of any type (spec, "Conversions"); implicit conversions too.
    pub(crate) fn convert_value(&mut self, v: Value, from: Ty, to: Ty) -> Value {
        if from == to {
            return v;
        }
        if self.cx.p.types.is_interface(to) {
            return if self.cx.p.types.is_interface(from) {
                self.iface_to_iface(v, from, to)
            } else {
                self.to_iface(v, from, to)
            };
        }
        let (f, t) = (
            self.cx.p.types.under(from).clone(),
            self.cx.p.types.under(to).clone(),
        );
        match (&f, &t) {
            (
                TyKind::Int(_) | TyKind::Float32 | TyKind::Float64,
                TyKind::Int(_) | TyKind::Float32 | TyKind::Float64,
            ) => self.b.emit_value(Op::Convert(v), to),
            (TyKind::Complex64 | TyKind::Complex128, TyKind::Complex64 | TyKind::Complex128) => {
                self.widen_complex(v, to)
            }
            (TyKind::Int(kind), TyKind::String) => {
                let wide = if kind.is_signed() || kind.size() < 8 {
                    self.convert(v, TypeTable::INT64)
                } else {
                    // Beyond int64 there is no rune.
                    let w = self.convert(v, TypeTable::INT64);
                    let zero = self.int(0, TypeTable::INT64);
                    let neg = self.cmp(CmpOp::Lt, w, zero);
                    let bad = self.int(0xfffd, TypeTable::INT64);
                    self.b.emit_value(Op::Select(neg, bad, w), TypeTable::INT64)
                };
                self.rt_as("intstring", &[wide], to)
            }
            (TyKind::Slice(elem), TyKind::String) => {
                if self.size(*elem) == 1 {
                    let (p, n) = (self.extract(v, 0), self.extract(v, 1));
                    self.rt_as("slicebytetostring", &[p, n], to)
                } else {
                    self.rt_as("slicerunetostring", &[v], to)
                }
            }
            (TyKind::String, TyKind::Slice(elem)) => {
                let s = self.retype(v, TypeTable::STRING);
                let name = if self.size(*elem) == 1 {
                    "stringtoslicebyte"
                } else {
                    "stringtoslicerune"
                };
                self.rt_as(name, &[s], to)
            }
            (TyKind::Slice(_), TyKind::Array(elem, n)) => {
                let p = self.slice_to_array_ptr(v, *n);
                let elem = *elem;
                if *n == 0 || self.size(elem) == 0 {
                    return self.zero(to);
                }
                let addr = self.offset(p, 0, to);
                if self.is_ssa(to) {
                    self.load(addr, to)
                } else {
                    // The array is a copy, whatever happens to the slice afterwards.
                    let t = self.temp(to);
                    self.store_with(t, addr, to, Barrier::No);
                    t
                }
            }
            (TyKind::Slice(_), TyKind::Pointer(arr)) => {
                let TyKind::Array(_, n) = *self.cx.p.types.under(*arr) else {
                    return self.retype(v, to);
                };
                let p = self.slice_to_array_ptr(v, n);
                self.retype(p, to)
            }
            _ => {
                if self.is_ssa(to) {
                    self.retype(v, to)
                } else {
                    v
                }
            }
        }
    }

    fn slice_to_array_ptr(&mut self, v: Value, n: u64) -> Value {
        let len = self.extract(v, 1);
        let want = self.iconst(n as i64);
        self.bounds(len, want, BoundKind::Convert, false);
        self.extract(v, 0)
    }

    // ---- interfaces

    /// The first word of an interface value that holds a `concrete`.
    pub(crate) fn iface_word(&mut self, concrete: Ty, iface: Ty) -> Value {
        if self.cx.p.types.is_empty_interface(iface) {
            self.cx.mark_in_iface(concrete);
            self.type_desc(concrete)
        } else {
            let itab = self.cx.itab(iface, concrete);
            self.cx.mark_in_iface(concrete);
            self.b.emit_value(Op::Itab(itab), TypeTable::UNSAFE_POINTER)
        }
    }

    /// A concrete value in an interface.
    pub(crate) fn to_iface(&mut self, v: Value, from: Ty, to: Ty) -> Value {
        let word = self.iface_word(from, to);
        let data = self.iface_box(v, from);
        self.make(to, &[word, data])
    }

    /// The data word for a value.
    fn iface_box(&mut self, v: Value, from: Ty) -> Value {
        let ptr = TypeTable::UNSAFE_POINTER;
        if self.cx.p.types.is_direct_iface(from) {
            if self.is_ssa(from) {
                let v = self.retype(v, from);
                return self.retype(v, ptr);
            }
            return self.load(v, ptr);
        }
        let size = self.size(from);
        if size == 0 {
            let data = self.cx.rodata(
                Init {
                    bytes: vec![0; 8],
                    relocs: Vec::new(),
                },
                8,
            );
            return self.b.emit_value(Op::Data(data, 0), ptr);
        }
        if size == 1
            && self.is_ssa(from)
            && matches!(self.cx.p.types.under(from), TyKind::Bool | TyKind::Int(_))
        {
            let table = self.cx.small_values();
            let base = self.b.emit_value(Op::Data(table, 0), ptr);
            let byte = self.retype(v, TypeTable::UINT8);
            let index = self.b.emit_value(Op::Convert(byte), TypeTable::INT);
            return self.b.emit_value(
                Op::Index {
                    base,
                    index,
                    stride: 8,
                },
                ptr,
            );
        }
        if matches!(self.b.body.def_op(v), Some(Op::Zero)) && size <= 1024 && self.is_ssa(from) {
            let data = self.cx.rodata(
                Init {
                    bytes: vec![0; size as usize],
                    relocs: Vec::new(),
                },
                8,
            );
            return self.b.emit_value(Op::Data(data, 0), ptr);
        }
        if self.is_ssa(from)
            && matches!(
                self.cx.p.types.under(from),
                TyKind::Int(_) | TyKind::Float32 | TyKind::Float64
            )
        {
            self.cx.need_desc(from);
            let table = self.cx.small_values();
            let table = self.b.emit_value(Op::Data(table, 0), ptr);
            let boxed = Op::HeapBox {
                ty: from,
                value: v,
                table,
            };
            return self.b.emit_value(boxed, ptr);
        }
        let addr = self.heap(from);
        self.store_with(addr, v, from, Barrier::Auto);
        self.retype(addr, ptr)
    }

    /// A constant in an interface: its bytes are static.
    pub(crate) fn const_to_iface(&mut self, c: &ConstValue, from: Ty, to: Ty) -> Value {
        let word = self.iface_word(from, to);
        let data = self.cx.const_box(c, from);
        let data = self
            .b
            .emit_value(Op::Data(data.0, data.1), TypeTable::UNSAFE_POINTER);
        self.make(to, &[word, data])
    }

    /// The dynamic type of an interface value: nil if it holds nothing.
    pub(crate) fn dynamic_type(&mut self, v: Value, ty: Ty) -> Value {
        let word = self.extract(v, 0);
        if self.cx.p.types.is_empty_interface(ty) {
            return word;
        }
        let nil = self.is_nil(word);
        self.if_value(
            nil,
            TypeTable::UNSAFE_POINTER,
            |f| f.zero(TypeTable::UNSAFE_POINTER),
            |f| {
                let at = f.offset(word, ITAB_TYPE, TypeTable::UNSAFE_POINTER);
                f.load(at, TypeTable::UNSAFE_POINTER)
            },
        )
    }

    fn iface_to_iface(&mut self, v: Value, from: Ty, to: Ty) -> Value {
        if self.cx.p.types.underlying(from) == self.cx.p.types.underlying(to) {
            return self.retype(v, to);
        }
        let data = self.extract(v, 1);
        if self.cx.p.types.is_empty_interface(to) {
            let word = self.dynamic_type(v, from);
            return self.make(to, &[word, data]);
        }
        let typ = self.dynamic_type(v, from);
        let nil = self.is_nil(typ);
        let iface = self.cx.p.types.underlying(to);
        let word = self.if_value(
            nil,
            TypeTable::UNSAFE_POINTER,
            |f| f.zero(TypeTable::UNSAFE_POINTER),
            |f| {
                let inter = f.type_desc(iface);
                f.rt_as("assertE2I", &[inter, typ], TypeTable::UNSAFE_POINTER)
            },
        );
        self.make(to, &[word, data])
    }

    /// The value of type `ty` in an interface that is known to hold one. For in-memory types the address of the
    /// (immutable) copy in the interface.
    pub(crate) fn iface_data(&mut self, v: Value, ty: Ty) -> Value {
        let data = self.extract(v, 1);
        if self.cx.p.types.is_direct_iface(ty) {
            return self.retype_leaf(data, ty);
        }
        if self.size(ty) == 0 && self.is_ssa(ty) {
            return self.zero(ty);
        }
        self.load(data, ty)
    }
    /// A word as a value of a type with that single leaf.
    fn retype_leaf(&mut self, word: Value, ty: Ty) -> Value {
        if self.is_ssa(ty) {
            self.retype(word, ty)
        } else {
            let t = self.temp(ty);
            self.store_with(t, word, TypeTable::UNSAFE_POINTER, Barrier::No);
            t
        }
    }

    /// `x.(T)`, with or without the second value.
    pub(crate) fn type_assert(&mut self, e: ExprId, comma_ok: bool) -> SmallVec<[Value; 2]> {
        let file = self.file;
        let ExprKind::TypeAssert {
            x,
            ty: Some(target),
        } = &file.ast.exprs[e].kind
        else {
            unreachable!("an assertion")
        };
        let (x, target) = (*x, *target);
        let want = self.ty_of(target);
        let have = self.ty_of(x);
        let v = self.expr(x);
        self.set_pos(file.ast.exprs[e].pos);
        self.assert_value(v, have, want, comma_ok)
    }

    pub(crate) fn assert_value(
        &mut self,
        v: Value,
        have: Ty,
        want: Ty,
        comma_ok: bool,
    ) -> SmallVec<[Value; 2]> {
        if self.cx.p.types.is_interface(want) {
            return self.assert_iface(v, have, want, comma_ok);
        }
        let word = self.extract(v, 0);
        let expected = self.type_test_word(have, want);
        let same = self.cmp(CmpOp::Eq, word, expected);
        if !comma_ok {
            let empty = self.cx.p.types.is_empty_interface(have);
            let bad = self.not(same);
            self.panic_if(bad, |f| {
                let want = f.type_desc(want);
                let iface = f.type_desc(have);
                f.rt(
                    if empty {
                        "panicdottypeE"
                    } else {
                        "panicdottypeI"
                    },
                    &[word, want, iface],
                );
            });
            return smallvec![self.iface_data(v, want)];
        }
        if self.is_ssa(want) {
            let value = self.if_value(same, want, |f| f.iface_data(v, want), |f| f.zero(want));
            return smallvec![value, same];
        }
        let t = self.temp(want);
        let (yes, no, join) = (self.new_block(), self.new_block(), self.new_block());
        self.branch(same, yes, no);
        self.start_block(yes);
        let data = self.iface_data(v, want);
        self.store_with(t, data, want, Barrier::No);
        self.b.jump(join);
        self.start_block(no);
        self.b.emit(Op::ZeroMem {
            dst: t,
            ty: want,
            barrier: Barrier::No,
        });
        self.b.jump(join);
        self.start_block(join);
        smallvec![t, same]
    }

    /// What the first word of an interface of type `have` is, if it holds a `want`.
    pub(crate) fn type_test_word(&mut self, have: Ty, want: Ty) -> Value {
        // Type arguments may make a test that cannot hold: no itab is a type descriptor, and there must be no itab for this
        // pair, since assertions at run time find the program's itabs.
        if self.cx.p.types.is_empty_interface(have) || !self.cx.implements(want, have) {
            self.type_desc(want)
        } else {
            let itab = self.cx.itab(have, want);
            self.b.emit_value(Op::Itab(itab), TypeTable::UNSAFE_POINTER)
        }
    }

    fn assert_iface(
        &mut self,
        v: Value,
        have: Ty,
        want: Ty,
        comma_ok: bool,
    ) -> SmallVec<[Value; 2]> {
        let data = self.extract(v, 1);
        let typ = self.dynamic_type(v, have);
        let iface = self.cx.p.types.underlying(want);
        let ptr = TypeTable::UNSAFE_POINTER;
        let nil = self.is_nil(typ);
        let empty = self.cx.p.types.is_empty_interface(want);
        if !comma_ok {
            self.panic_if(nil, |f| {
                let want = f.type_desc(want);
                f.rt("panicnildottype", &[want]);
            });
            let word = if empty {
                typ
            } else {
                let inter = self.type_desc(iface);
                let word = self.rt_as("assertE2I2", &[inter, typ], ptr);
                let failed = self.is_nil(word);
                // The message names the interface as written; its itabs are those of the underlying type.
                self.panic_if(failed, |f| {
                    let want = f.type_desc(want);
                    f.rt("typeAssert_shown", &[typ, want]);
                });
                word
            };
            return smallvec![self.make(want, &[word, data])];
        }
        let word = if empty {
            typ
        } else {
            self.if_value(
                nil,
                ptr,
                |f| f.zero(ptr),
                |f| {
                    let inter = f.type_desc(iface);
                    f.rt_as("assertE2I2", &[inter, typ], ptr)
                },
            )
        };
        let missing = self.is_nil(word);
        let ok = self.not(missing);
        let none = self.zero(ptr);
        let data = self.b.emit_value(Op::Select(missing, none, data), ptr);
        let value = self.make(want, &[word, data]);
        smallvec![value, ok]
    }
}

impl crate::cx::Cx<'_> {
    /// Data word for a constant: read-only data and an offset.
    pub(crate) fn const_box(&mut self, c: &ConstValue, ty: Ty) -> (mir::DataId, i64) {
        let layout = self.p.types.layout(ty);
        if layout.size == 1 {
            let mut init = Init {
                bytes: vec![0; 1],
                relocs: Vec::new(),
            };
            self.write_const(c, ty, &mut init, 0);
            let table = self.small_values();
            return (table, i64::from(init.bytes[0]) * 8);
        }
        let mut init = Init {
            bytes: vec![0; layout.size as usize],
            relocs: Vec::new(),
        };
        self.write_const(c, ty, &mut init, 0);
        (self.rodata(init, layout.align.max(8)), 0)
    }
    /// The values 0 to 255 as words: what one-byte values in interfaces point to.
    pub(crate) fn small_values(&mut self) -> mir::DataId {
        let bytes = (0..256u64).flat_map(u64::to_le_bytes).collect();
        self.rodata(
            Init {
                bytes,
                relocs: Vec::new(),
            },
            8,
        )
    }
}
