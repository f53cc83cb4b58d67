//! Predeclared functions and those of package unsafe.

use mir::{Barrier, BinOp, CmpOp, Intrinsic, Op, Terminator, Ty, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::{BinaryOp, ExprId, ExprKind};
use types::{Builtin, Mode};

use crate::analysis::VarKey;
use crate::func::FnCx;
use crate::tyconv::int_kind;

impl FnCx<'_, '_> {
    /// A call of a predeclared function.
    pub(crate) fn builtin_call(
        &mut self,
        e: ExprId,
        b: Builtin,
        args: &[ExprId],
        spread: bool,
    ) -> SmallVec<[Value; 2]> {
        let pos = self.file.ast.exprs[e].pos;
        if let Some(operands) = self.spread_operands(b, args) {
            self.set_pos(pos);
            return self.builtin_spread(e, b, operands);
        }
        match b {
            Builtin::Len | Builtin::Cap => smallvec![self.len_cap(e, args[0], b == Builtin::Cap)],
            Builtin::Append => smallvec![self.append(e, args, spread)],
            Builtin::Copy => smallvec![self.copy(e, args[0], args[1])],
            Builtin::Make => smallvec![self.make_call(e, args)],
            Builtin::New => smallvec![self.new_call(e, args[0])],
            Builtin::Min | Builtin::Max => smallvec![self.min_max(e, args, b == Builtin::Max)],
            Builtin::Complex => {
                let ty = self.ty_of(e);
                let part = self.cx.p.types.component_type(ty, 0);
                let (re, im) = (self.expr_as(args[0], part), self.expr_as(args[1], part));
                smallvec![self.make(ty, &[re, im])]
            }
            Builtin::Real | Builtin::Imag => {
                let ty = self.ty_of(e);
                let v = self.expr(args[0]);
                let part = self.extract(v, (b == Builtin::Imag) as u32);
                smallvec![self.retype(part, ty)]
            }
            Builtin::Recover => {
                let ty = self.ty_of(e);
                let frame = self.owner_frame();
                self.set_pos(pos);
                smallvec![self.rt_as("gorecover", &[frame], ty)]
            }
            Builtin::Sizeof | Builtin::Alignof | Builtin::Offsetof => {
                smallvec![self.size_query(e, b, args[0])]
            }
            Builtin::Add => {
                let p = self.expr(args[0]);
                let n = self.expr(args[1]);
                let n = self.to_int(n);
                smallvec![self.b.emit_value(
                    Op::Index {
                        base: p,
                        index: n,
                        stride: 1
                    },
                    TypeTable::UNSAFE_POINTER
                )]
            }
            Builtin::SliceData | Builtin::StringData => {
                let ty = self.ty_of(e);
                let v = self.expr(args[0]);
                let p = self.extract(v, 0);
                smallvec![self.retype(p, ty)]
            }
            Builtin::Slice => {
                let ty = self.ty_of(e);
                let TyKind::Slice(elem) = *self.cx.p.types.under(ty) else {
                    unreachable!("a slice")
                };
                self.prep(args);
                let p = self.expr(args[0]);
                let n = self.length_arg(args[1]);
                self.set_pos(pos);
                let t = self.type_desc(elem);
                self.rt("unsafeslice", &[t, p, n]);
                smallvec![self.make(ty, &[p, n, n])]
            }
            Builtin::String => {
                let ty = self.ty_of(e);
                self.prep(args);
                let p = self.expr(args[0]);
                let n = self.length_arg(args[1]);
                self.set_pos(pos);
                self.rt("unsafestring", &[p, n]);
                smallvec![self.make(ty, &[p, n])]
            }
            Builtin::Clear
            | Builtin::Close
            | Builtin::Delete
            | Builtin::Panic
            | Builtin::Print
            | Builtin::Println => {
                let values = self.builtin_operands(b, args);
                self.set_pos(pos);
                self.builtin_effect(b, &values);
                SmallVec::new()
            }
            Builtin::Assert | Builtin::Trace => SmallVec::new(),
        }
    }

    /// Operands from one multi-valued call: `append(f())`.
    fn spread_operands(&mut self, b: Builtin, args: &[ExprId]) -> Option<Vec<(Value, Ty)>> {
        let [arg] = *args else { return None };
        if self.mode(arg) == Mode::TypeExpr
            || matches!(b, Builtin::Sizeof | Builtin::Alignof | Builtin::Offsetof)
        {
            return None;
        }
        let ty = self.ty_of(arg);
        if !matches!(self.cx.p.types.kind(ty), TyKind::Tuple(_)) {
            return None;
        }
        let types = self.multi_types(arg);
        let values = self.expr_multi(arg);
        self.ensure_reachable();
        Some(values.into_iter().zip(types).collect())
    }

    fn builtin_spread(
        &mut self,
        e: ExprId,
        b: Builtin,
        mut operands: Vec<(Value, Ty)>,
    ) -> SmallVec<[Value; 2]> {
        let ty = if self.file.exprs[e].ty.is_some() {
            self.ty_of(e)
        } else {
            TypeTable::INT
        };
        match b {
            Builtin::Append => {
                let TyKind::Slice(elem) = *self.cx.p.types.under(ty) else {
                    unreachable!("append to a slice")
                };
                let s = self.assign_conv(operands[0].0, operands[0].1, ty);
                let values = operands[1..]
                    .iter()
                    .map(|&(v, from)| self.assign_conv(v, from, elem))
                    .collect();
                smallvec![self.append_values(s, values, ty, elem)]
            }
            Builtin::Copy => {
                let [(d, dt), (s, st)] = [operands[0], operands[1]];
                smallvec![self.copy_values(d, dt, s, st)]
            }
            Builtin::Complex => smallvec![self.make(ty, &[operands[0].0, operands[1].0])],
            Builtin::Min | Builtin::Max => {
                let values = operands.into_iter().map(|o| o.0).collect();
                smallvec![self.min_max_values(values, ty, b == Builtin::Max)]
            }
            Builtin::Delete => {
                let TyKind::Map(key, _) = *self.cx.p.types.under(operands[0].1) else {
                    unreachable!("a map")
                };
                let (v, from) = operands[1];
                operands[1] = (self.assign_conv(v, from, key), key);
                self.builtin_effect(b, &operands);
                SmallVec::new()
            }
            Builtin::Slice | Builtin::String | Builtin::Add => {
                let n = self.to_int(operands[1].0);
                let p = operands[0].0;
                match (b, self.cx.p.types.under(ty).clone()) {
                    (Builtin::Slice, TyKind::Slice(elem)) => {
                        let t = self.type_desc(elem);
                        self.rt("unsafeslice", &[t, p, n]);
                        smallvec![self.make(ty, &[p, n, n])]
                    }
                    (Builtin::String, _) => {
                        self.rt("unsafestring", &[p, n]);
                        smallvec![self.make(ty, &[p, n])]
                    }
                    _ => smallvec![self.b.emit_value(
                        Op::Index {
                            base: p,
                            index: n,
                            stride: 1
                        },
                        TypeTable::UNSAFE_POINTER
                    )],
                }
            }
            _ => {
                self.builtin_effect(b, &operands);
                SmallVec::new()
            }
        }
    }

    /// Evaluated operands of a builtin that is used as a statement: what `go` and `defer` capture.
    pub(crate) fn builtin_operands(&mut self, b: Builtin, args: &[ExprId]) -> Vec<(Value, Ty)> {
        if let Some(operands) = self.spread_operands(b, args) {
            return operands;
        }
        if b == Builtin::Recover {
            // A deferred recover counts as called by the function that defers it.
            return vec![(self.owner_frame(), TypeTable::UINTPTR)];
        }
        self.prep(args);
        let mut out = Vec::new();
        for (i, &a) in args.iter().enumerate() {
            let mut ty = self.ty_of(a);
            if b == Builtin::Panic {
                ty = self.cx.p.types.empty_interface();
            }
            if b == Builtin::Delete && i == 1 {
                let TyKind::Map(key, _) = *self.cx.p.types.under(out_ty(&out)) else {
                    unreachable!("a map")
                };
                ty = key;
            }
            if matches!(b, Builtin::Print | Builtin::Println) {
                if let Some(c) = self.const_of(a) {
                    // Untyped integer constants print as int64.
                    if self.cx.p.types.is_interface(ty) {
                        ty = crate::consts::default_type(c);
                    }
                }
            }
            let v = self.argument(a, ty);
            out.push((v, ty));
        }
        out
    }

    /// What a statement-like builtin does with its operands.
    pub(crate) fn builtin_effect(&mut self, b: Builtin, args: &[(Value, Ty)]) {
        match b {
            Builtin::Close => {
                self.rt("closechan", &[args[0].0]);
            }
            Builtin::Panic => {
                self.rt("gopanic", &[args[0].0]);
                self.b.terminate(Terminator::Unreachable);
            }
            Builtin::Delete => {
                let (map, map_ty) = args[0];
                let TyKind::Map(key_ty, elem) = *self.cx.p.types.under(map_ty) else {
                    unreachable!("a map")
                };
                let place = crate::maps::MapPlace {
                    map_ty,
                    map,
                    key: args[1].0,
                    key_ty,
                    elem,
                };
                self.map_delete(&place);
            }
            Builtin::Clear => {
                let (v, ty) = args[0];
                match *self.cx.p.types.under(ty) {
                    TyKind::Map(..) => {
                        let t = self.type_desc(ty);
                        self.rt("mapclear", &[t, v]);
                    }
                    TyKind::Slice(elem) => {
                        let (p, n) = (self.extract(v, 0), self.extract(v, 1));
                        self.clear_elems(p, n, elem);
                    }
                    _ => {}
                }
            }
            Builtin::Print | Builtin::Println => self.print(args, b == Builtin::Println),
            Builtin::Copy => {
                self.copy_values(args[0].0, args[0].1, args[1].0, args[1].1);
            }
            Builtin::Recover => {
                self.rt("gorecover", &[args[0].0]);
            }
            _ => {}
        }
    }

    pub(crate) fn clear_elems(&mut self, p: Value, n: Value, elem: Ty) {
        let size = self.size(elem);
        if size == 0 {
            return;
        }
        let n = self.convert(n, TypeTable::UINTPTR);
        let size = self.int(size as i64, TypeTable::UINTPTR);
        let bytes = self.bin(BinOp::Mul, n, size);
        let pointers = self.cx.p.types.layout(elem).ptr_bytes > 0;
        self.rt(
            if pointers {
                "memclrHasPointers"
            } else {
                "memclrNoHeapPointers"
            },
            &[p, bytes],
        );
    }

    fn print(&mut self, args: &[(Value, Ty)], line: bool) {
        self.rt("printlock", &[]);
        for (i, &(v, ty)) in args.iter().enumerate() {
            if line && i > 0 {
                self.rt("printsp", &[]);
            }
            match self.cx.p.types.under(ty).clone() {
                TyKind::Bool => {
                    let v = self.retype(v, TypeTable::BOOL);
                    self.rt("printbool", &[v]);
                }
                TyKind::Int(k) => {
                    let hex = matches!(self.cx.p.types.type_string(ty).as_str(), "runtime.hex");
                    if hex {
                        let v = self.b.emit_value(Op::Convert(v), TypeTable::UINT64);
                        self.rt("printhex", &[v]);
                    } else if k.is_signed() {
                        let v = self.convert(v, TypeTable::INT64);
                        self.rt("printint", &[v]);
                    } else {
                        let v = self.convert(v, TypeTable::UINT64);
                        self.rt("printuint", &[v]);
                    }
                }
                TyKind::Float32 => {
                    let v = self.retype(v, TypeTable::FLOAT32);
                    self.rt("printfloat32", &[v]);
                }
                TyKind::Float64 => {
                    let v = self.retype(v, TypeTable::FLOAT64);
                    self.rt("printfloat", &[v]);
                }
                TyKind::Complex64 => {
                    let v = self.retype(v, TypeTable::COMPLEX64);
                    self.rt("printcomplex64", &[v]);
                }
                TyKind::Complex128 => {
                    let v = self.retype(v, TypeTable::COMPLEX128);
                    self.rt("printcomplex", &[v]);
                }
                TyKind::String => {
                    let v = self.retype(v, TypeTable::STRING);
                    self.rt("printstring", &[v]);
                }
                TyKind::Slice(_) => {
                    self.rt("printslice", &[v]);
                }
                TyKind::Interface(methods) => {
                    self.rt(
                        if methods.is_empty() {
                            "printeface"
                        } else {
                            "printiface"
                        },
                        &[v],
                    );
                }
                _ => {
                    self.rt("printpointer", &[v]);
                }
            }
        }
        if line {
            self.rt("printnl", &[]);
        }
        self.rt("printunlock", &[]);
    }

    fn len_cap(&mut self, e: ExprId, x: ExprId, cap: bool) -> Value {
        let xt = self.ty_of(x);
        match *self.cx.p.types.under(xt) {
            TyKind::String => {
                if !cap {
                    // len([]rune(s)) counts without converting; len(string(b)) is the length of b.
                    if let Some(b) = self.bytes_in_string_conversion(x) {
                        let s = self.expr(b);
                        return self.extract(s, 1);
                    }
                }
                let s = self.expr(x);
                self.extract(s, 1)
            }
            TyKind::Slice(_) => {
                if let (false, Some(s)) = (cap, self.string_in_rune_conversion(x)) {
                    let s = self.expr(s);
                    let s = self.retype(s, TypeTable::STRING);
                    return self.rt1("countrunes", &[s]);
                }
                let s = self.expr(x);
                self.extract(s, if cap { 2 } else { 1 })
            }
            TyKind::Map(..) => {
                let m = self.expr(x);
                self.map_len(m)
            }
            TyKind::Chan(..) => {
                let c = self.expr(x);
                self.set_pos(self.file.ast.exprs[e].pos);
                self.rt1(if cap { "chancap" } else { "chanlen" }, &[c])
            }
            TyKind::Array(_, n) => {
                if self.may_call(x) {
                    self.discard(x);
                }
                self.iconst(n as i64)
            }
            TyKind::Pointer(arr) => {
                let TyKind::Array(_, n) = *self.cx.p.types.under(arr) else {
                    unreachable!("pointer to array")
                };
                if self.may_call(x) {
                    self.discard(x);
                }
                self.iconst(n as i64)
            }
            ref other => unreachable!("len of {other:?}"),
        }
    }
    fn string_in_rune_conversion(&mut self, e: ExprId) -> Option<ExprId> {
        let file = self.file;
        let e = file.ast.unparen(e);
        if self.hoisted.contains_key(&e) {
            return None;
        }
        let ExprKind::Call { fun, args, .. } = &file.ast.exprs[e].kind else {
            return None;
        };
        if self.mode(*fun) != Mode::TypeExpr {
            return None;
        }
        let (to, from) = (self.ty_of(e), self.ty_of(args[0]));
        match (self.cx.p.types.under(to), self.cx.p.types.under(from)) {
            (TyKind::Slice(elem), TyKind::String)
                if self.cx.p.types.underlying(*elem) == TypeTable::INT32 =>
            {
                Some(args[0])
            }
            _ => None,
        }
    }

    /// A length operand as int; an unsigned one beyond int becomes negative and is refused by the callee.
    fn length_arg(&mut self, e: ExprId) -> Value {
        if let Some(n) = self.const_of(e).and_then(|c| c.to_i64()) {
            return self.iconst(n);
        }
        let v = self.expr(e);
        self.to_int(v)
    }

    fn make_call(&mut self, e: ExprId, args: &[ExprId]) -> Value {
        let ty = self.ty_of(e);
        let pos = self.file.ast.exprs[e].pos;
        self.prep(&args[1..]);
        match *self.cx.p.types.under(ty) {
            TyKind::Slice(elem) => {
                let len = self.length_arg(args[1]);
                let cap = match args.get(2) {
                    Some(&c) => self.length_arg(c),
                    None => len,
                };
                self.set_pos(pos);
                self.make_slice(ty, elem, len, cap)
            }
            TyKind::Map(..) => {
                let hint = args.get(1).map(|&h| self.length_arg(h));
                self.set_pos(pos);
                self.make_map(ty, hint)
            }
            TyKind::Chan(..) => {
                let size = match args.get(1) {
                    Some(&n) => self.length_arg(n),
                    None => self.iconst(0),
                };
                self.set_pos(pos);
                let t = self.type_desc(ty);
                self.rt_as("makechan", &[t, size], ty)
            }
            _ => self.zero(ty),
        }
    }

    pub(crate) fn make_slice(&mut self, ty: Ty, elem: Ty, len: Value, cap: Value) -> Value {
        // Small constant sizes are fixed-size allocations, which escape analysis may keep off the heap.
        if let (Some(l), Some(c)) = (self.b.body.as_int(len), self.b.body.as_int(cap)) {
            let bytes = (c as u64).saturating_mul(self.size(elem).max(1));
            if l >= 0 && l <= c && bytes <= 1 << 16 {
                let arr = self.cx.p.types.array(elem, c as u64);
                let base = self.heap(arr);
                return self.make(ty, &[base, len, cap]);
            }
        }
        let t = self.type_desc(elem);
        let p = self.rt1("makeslice", &[t, len, cap]);
        self.make(ty, &[p, len, cap])
    }

    fn new_call(&mut self, e: ExprId, arg: ExprId) -> Value {
        let ty = self.ty_of(e);
        let TyKind::Pointer(elem) = *self.cx.p.types.under(ty) else {
            unreachable!("new gives a pointer")
        };
        if self.mode(arg) == Mode::TypeExpr {
            self.set_pos(self.file.ast.exprs[e].pos);
            let p = self.heap(elem);
            return self.retype(p, ty);
        }
        // new(expr)
        let v = self.argument(arg, elem);
        self.set_pos(self.file.ast.exprs[e].pos);
        let p = self.heap(elem);
        self.store_with(p, v, elem, Barrier::Auto);
        self.retype(p, ty)
    }

    fn min_max(&mut self, e: ExprId, args: &[ExprId], max: bool) -> Value {
        let ty = self.ty_of(e);
        let values: Vec<Value> = args.iter().map(|&a| self.expr_as(a, ty)).collect();
        self.set_pos(self.file.ast.exprs[e].pos);
        self.min_max_values(values, ty, max)
    }
    fn min_max_values(&mut self, values: Vec<Value>, ty: Ty, max: bool) -> Value {
        let mut acc = values[0];
        for &v in &values[1..] {
            acc = match self.cx.p.types.under(ty) {
                TyKind::Float32 | TyKind::Float64 => {
                    let op = if max {
                        Intrinsic::FloatMax
                    } else {
                        Intrinsic::FloatMin
                    };
                    // The intrinsic works in double precision; widening and narrowing an exact value changes nothing.
                    let f64 = TypeTable::FLOAT64;
                    let (a, b) = (self.convert(acc, f64), self.convert(v, f64));
                    let r = self.b.emit_value(Op::Intrinsic(op, smallvec![a, b]), f64);
                    self.convert(r, ty)
                }
                TyKind::String => {
                    let less = self.compare(if max { CmpOp::Gt } else { CmpOp::Lt }, v, acc, ty);
                    let old = acc;
                    self.if_value(less, ty, |_| v, |_| old)
                }
                _ => {
                    let less = self.cmp(if max { CmpOp::Gt } else { CmpOp::Lt }, v, acc);
                    self.b.emit_value(Op::Select(less, v, acc), ty)
                }
            };
        }
        acc
    }

    fn size_query(&mut self, e: ExprId, b: Builtin, arg: ExprId) -> Value {
        let ty = self.ty_of(e);
        let n = match b {
            Builtin::Offsetof => {
                let file = self.file;
                let sel = file.ast.unparen(arg);
                match &file.ast.exprs[sel].kind {
                    ExprKind::Selector { x, .. } if file.selections.contains_key(&sel) => {
                        let mut at = self.ty_of(*x);
                        let mut sum = 0;
                        for &i in file.selections[&sel].index.iter() {
                            if let TyKind::Pointer(elem) = *self.cx.p.types.under(at) {
                                at = elem;
                                sum = 0;
                            }
                            sum += self.cx.offsets(at)[i as usize];
                            at = self.cx.field_ty(at, i as usize);
                        }
                        sum
                    }
                    _ => 0,
                }
            }
            _ => {
                let t = self.ty_of(arg);
                let layout = self.cx.p.types.layout(t);
                if b == Builtin::Sizeof {
                    layout.size
                } else {
                    layout.align
                }
            }
        };
        self.int(n as i64, ty)
    }

    fn copy(&mut self, e: ExprId, dst: ExprId, src: ExprId) -> Value {
        self.prep(&[dst, src]);
        let (dt, st) = (self.ty_of(dst), self.ty_of(src));
        let d = self.expr(dst);
        let s = self.expr(src);
        self.set_pos(self.file.ast.exprs[e].pos);
        self.copy_values(d, dt, s, st)
    }
    /// `copy(d, s)`
    pub(crate) fn copy_values(&mut self, d: Value, dt: Ty, s: Value, _st: Ty) -> Value {
        let TyKind::Slice(elem) = *self.cx.p.types.under(dt) else {
            unreachable!("copy to a slice")
        };
        let (dp, dn) = (self.extract(d, 0), self.extract(d, 1));
        let (sp, sn) = (self.extract(s, 0), self.extract(s, 1));
        if self.cx.p.types.layout(elem).ptr_bytes > 0 {
            let t = self.type_desc(elem);
            return self.rt1("typedslicecopy", &[t, dp, dn, sp, sn]);
        }
        let less = self.cmp(CmpOp::Lt, dn, sn);
        let n = self.b.emit_value(Op::Select(less, dn, sn), TypeTable::INT);
        self.move_elems(dp, sp, n, elem);
        n
    }
    /// Copies `n` elements without pointers; ranges may overlap.
    pub(crate) fn move_elems(&mut self, dst: Value, src: Value, n: Value, elem: Ty) {
        let size = self.size(elem);
        if size == 0 {
            return;
        }
        let n = self.convert(n, TypeTable::UINTPTR);
        let size = self.int(size as i64, TypeTable::UINTPTR);
        let bytes = if self.b.body.as_int(size) == Some(1) {
            n
        } else {
            self.bin(BinOp::Mul, n, size)
        };
        self.rt("memmove", &[dst, src, bytes]);
    }

    // ---- append

    fn append(&mut self, e: ExprId, args: &[ExprId], spread: bool) -> Value {
        let ty = self.ty_of(e);
        let pos = self.file.ast.exprs[e].pos;
        let TyKind::Slice(elem) = *self.cx.p.types.under(ty) else {
            unreachable!("append to a slice")
        };
        if spread {
            if let Some(v) = self.append_make(e, args[0], args[1], ty, elem) {
                return v;
            }
            self.prep(args);
            let s = self.expr_as(args[0], ty);
            if self.mode(args[1]) == Mode::Nil {
                return s;
            }
            let tail = self.expr(args[1]);
            self.set_pos(pos);
            return self.append_slice(s, tail, ty, elem);
        }
        self.prep(args);
        let s = self.expr_as(args[0], ty);
        if args.len() == 1 {
            return s;
        }
        let values: Vec<Value> = args[1..].iter().map(|&a| self.argument(a, elem)).collect();
        self.set_pos(pos);
        self.append_values(s, values, ty, elem)
    }
    fn append_values(&mut self, s: Value, values: Vec<Value>, ty: Ty, elem: Ty) -> Value {
        let num = self.iconst(values.len() as i64);
        let (s, old_len) = self.grow(s, num, ty, elem);
        let base = self.extract(s, 0);
        let first = self.index_addr(base, old_len, elem);
        let size = self.size(elem);
        for (i, v) in values.into_iter().enumerate() {
            let at = self.offset(first, i as u64 * size, elem);
            self.store(at, v, elem);
        }
        s
    }

    /// Makes room for `num` more elements: the longer slice, and the old length.
    fn grow(&mut self, s: Value, num: Value, ty: Ty, elem: Ty) -> (Value, Value) {
        let (p, len, cap) = (self.extract(s, 0), self.extract(s, 1), self.extract(s, 2));
        let new_len = self.bin(BinOp::Add, len, num);
        // Unsigned, so that an overflowing sum goes to growslice, which refuses it.
        let (a, b) = (
            self.retype(new_len, TypeTable::UINT),
            self.retype(cap, TypeTable::UINT),
        );
        let full = self.cmp(CmpOp::Gt, a, b);
        let (grow, fits, join) = (self.new_block(), self.new_block(), self.new_block());
        let ptr = TypeTable::UNSAFE_POINTER;
        let (vp, vc) = (self.b.new_var(ptr), self.b.new_var(TypeTable::INT));
        self.b.mark_cold(grow);
        self.branch(full, grow, fits);
        self.start_block(grow);
        let t = self.type_desc(elem);
        let grown = self.rt1("growslice", &[p, new_len, cap, num, t]);
        let (np, nc) = (self.extract(grown, 0), self.extract(grown, 2));
        self.b.def_var(vp, np);
        self.b.def_var(vc, nc);
        self.b.jump(join);
        self.start_block(fits);
        let p = self.retype(p, ptr);
        self.b.def_var(vp, p);
        self.b.def_var(vc, cap);
        self.b.jump(join);
        self.start_block(join);
        let (p, c) = (self.b.use_var(vp), self.b.use_var(vc));
        (self.make(ty, &[p, new_len, c]), len)
    }

    /// `append(s, tail...)`; the tail may be a string.
    pub(crate) fn append_slice(&mut self, s: Value, tail: Value, ty: Ty, elem: Ty) -> Value {
        let (tp, tn) = (self.extract(tail, 0), self.extract(tail, 1));
        let (s, old_len) = self.grow(s, tn, ty, elem);
        let base = self.extract(s, 0);
        if self.cx.p.types.layout(elem).ptr_bytes > 0 {
            let at = self.append_at(base, old_len, tn, elem);
            let t = self.type_desc(elem);
            self.rt("typedslicecopy", &[t, at, tn, tp, tn]);
        } else if self.size(elem) > 0 {
            let at = self.append_at(base, old_len, tn, elem);
            self.move_elems(at, tp, tn, elem);
        }
        s
    }
    /// Where elements are appended; the base itself if there are none (nothing may point past the array).
    fn append_at(&mut self, base: Value, old_len: Value, n: Value, elem: Ty) -> Value {
        let zero = self.iconst(0);
        let none = self.cmp(CmpOp::Eq, n, zero);
        let index = self
            .b
            .emit_value(Op::Select(none, zero, old_len), TypeTable::INT);
        self.index_addr(base, index, elem)
    }

    /// `append(s, make([]T, n)...)` extends without making the temporary slice.
    fn append_make(
        &mut self,
        e: ExprId,
        s: ExprId,
        tail: ExprId,
        ty: Ty,
        elem: Ty,
    ) -> Option<Value> {
        let file = self.file;
        let tail = file.ast.unparen(tail);
        let ExprKind::Call { fun, args, .. } = &file.ast.exprs[tail].kind else {
            return None;
        };
        if self.mode(*fun) != Mode::Builtin(Builtin::Make)
            || args.len() != 2
            || self.hoisted.contains_key(&tail)
        {
            return None;
        }
        let n = args[1];
        self.prep(&[s, n]);
        let s = self.expr_as(s, ty);
        let n = self.length_arg(n);
        self.set_pos(file.ast.exprs[e].pos);
        let zero = self.iconst(0);
        let negative = self.cmp(CmpOp::Lt, n, zero);
        self.panic_if(negative, |f| {
            f.rt("panicmakeslicelen", &[]);
        });
        let (s, old_len) = self.grow(s, n, ty, elem);
        let base = self.extract(s, 0);
        let at = self.append_at(base, old_len, n, elem);
        self.clear_elems(at, n, elem);
        Some(s)
    }

    /// Frame of the function that a `recover` belongs to.
    pub(crate) fn owner_frame(&mut self) -> Value {
        if self.body_of.range.is_some() {
            return self.read_var(VarKey::Frame, TypeTable::UINTPTR);
        }
        self.b.emit_value(Op::FramePointer, TypeTable::UINTPTR)
    }

    /// Whether an operator is integer arithmetic that may panic.
    #[allow(dead_code)]
    pub(crate) fn may_divide(&self, op: BinaryOp, ty: Ty) -> bool {
        matches!(op, BinaryOp::Div | BinaryOp::Rem) && int_kind(&self.cx.p.types, ty).is_some()
    }
}

fn out_ty(out: &[(Value, Ty)]) -> Ty {
    out[0].1
}
