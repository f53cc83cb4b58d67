//! Constants, aggregates, dispatch.

use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, condcodes::IntCC, types};
use mir::{Barrier, Inst, Op, Ty, TyKind, Value};
use smallvec::smallvec;

use crate::func::{Helper, SymbolSpace, Translator, Vals};

impl Translator<'_, '_> {
    pub(crate) fn inst(&mut self, inst: Inst) {
        let body = self.body;
        let data = &body.insts[inst];
        let vals: Vals = match &data.op {
            Op::Int(n) => smallvec![self.int_const(*n, self.ty_of(inst))],
            Op::Float(bits) => smallvec![match self.program.types.under(self.ty_of(inst)) {
                TyKind::Float32 => self.b.ins().f32const(f64::from_bits(*bits) as f32),
                _ => self.b.ins().f64const(f64::from_bits(*bits)),
            }],
            Op::Zero => self.zero(self.ty_of(inst)),
            Op::Str(data, len) => {
                let ptr = if *len == 0 {
                    self.iconst(0)
                } else {
                    self.symbol(SymbolSpace::Data, data.0)
                };
                smallvec![ptr, self.iconst(*len as i64)]
            }
            Op::FuncVal(f) => smallvec![self.symbol(SymbolSpace::FuncVal, f.0)],
            Op::FuncCode(f) => smallvec![self.symbol(SymbolSpace::Func, f.0)],
            Op::Global(id) => smallvec![self.symbol(SymbolSpace::Global, id.0)],
            Op::Data(id, offset) => {
                let base = self.symbol(SymbolSpace::Data, id.0);
                smallvec![if *offset == 0 {
                    base
                } else {
                    self.b.ins().iadd_imm_s(base, *offset)
                }]
            }
            Op::TypeDesc(ty) => smallvec![self.symbol(SymbolSpace::TypeDesc, ty.0)],
            Op::Itab(id) => smallvec![self.symbol(SymbolSpace::Itab, id.0)],
            Op::Unary(op, x) => self.unary(*op, *x),
            Op::Binary(op, x, y) => self.binary(*op, *x, *y),
            Op::Cmp(op, x, y) => smallvec![self.compare(*op, *x, *y)],
            Op::Convert(x) => self.convert(*x, self.ty_of(inst)),
            Op::Bitcast(x) => self.bitcast(*x, self.ty_of(inst)),
            Op::Select(c, x, y) => {
                let c = self.one(*c);
                let pairs: Vec<_> = self.vals[*x]
                    .iter()
                    .copied()
                    .zip(self.vals[*y].iter().copied())
                    .collect();
                pairs
                    .into_iter()
                    .map(|(x, y)| self.b.ins().select(c, x, y))
                    .collect()
            }
            Op::Intrinsic(op, args) => self.intrinsic(*op, args),
            Op::Make(parts) => parts.iter().flat_map(|&p| self.vals[p].clone()).collect(),
            Op::Extract(x, index) => {
                let (start, count) = self
                    .program
                    .types
                    .component_leaves(self.body.ty(*x), *index as usize);
                self.vals[*x][start..start + count].into()
            }
            Op::SlotAddr(slot) => {
                smallvec![self.b.ins().stack_addr(types::I64, self.slots[*slot], 0)]
            }
            Op::Offset(base, n) => {
                let base = self.one(*base);
                smallvec![if *n == 0 {
                    base
                } else {
                    self.b.ins().iadd_imm_s(base, *n)
                }]
            }
            Op::Index {
                base,
                index,
                stride,
            } => smallvec![self.index(*base, *index, *stride)],
            Op::Load(addr) => {
                let result = data.results[0];
                self.load(*addr, self.body.ty(result), self.used_parts[result])
            }
            Op::Store {
                addr,
                value,
                barrier,
            } => {
                self.store(*addr, *value, *barrier);
                Vals::new()
            }
            Op::Move {
                dst,
                src,
                ty,
                barrier,
            } => {
                self.move_value(*dst, *src, *ty, *barrier);
                Vals::new()
            }
            Op::ZeroMem { dst, ty, barrier } => {
                self.zero_value(*dst, *ty, *barrier);
                Vals::new()
            }
            Op::HeapAlloc(ty) => smallvec![self.heap_alloc(*ty)],
            Op::HeapBox { ty, value, table } => smallvec![self.heap_box(*ty, *value, *table)],
            Op::Atomic(op, args) => {
                self.atomic(*op, args, data.results.first().map(|&r| self.body.ty(r)))
            }
            Op::NilCheck(p) => {
                self.nil_check(*p);
                Vals::new()
            }
            Op::BoundsCheck {
                index,
                len,
                kind,
                unsigned,
            } => {
                self.bounds_check(*index, *len, *kind, *unsigned);
                Vals::new()
            }
            Op::DivCheck(x) => {
                let x = self.one(*x);
                let ok = self.b.ins().icmp_imm_s(IntCC::NotEqual, x, 0);
                self.check(ok, Helper::ThrowDivide, None);
                Vals::new()
            }
            Op::ShiftCheck(x) => {
                let x = self.one(*x);
                let ok = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, x, 0);
                self.check(ok, Helper::ThrowShift, None);
                Vals::new()
            }
            Op::Call {
                callee,
                args,
                results,
            } => {
                let out = self.call(*callee, args, results);
                debug_assert_eq!(
                    out.len(),
                    data.results.len(),
                    "call results in {}",
                    self.func.name
                );
                for (&result, vals) in data.results.iter().zip(out) {
                    self.vals[result] = vals;
                }
                return;
            }
            Op::ClosureCtx => smallvec![self.closure_ctx.expect("only closures use their context")],
            Op::FramePointer => smallvec![self.b.ins().get_frame_pointer(types::I64)],
            Op::GetG => smallvec![self.b.ins().get_pinned_reg(types::I64)],
            Op::DeferPush { record, func } => {
                self.defer_push(*record, *func);
                Vals::new()
            }
            Op::KeepAlive(x) => {
                // No pointer is -1, -2 and so on: a use that costs a comparison. It must not look like another one of the same value, or
                // the optimiser merges the two; a store that nothing reads it drops.
                self.kept += 1;
                let never = -(self.kept & 0xffff).max(1);
                let vals = self.vals[*x].clone();
                for val in vals {
                    if self.b.func.dfg.value_type(val) == types::I64 {
                        let equal = self.b.ins().icmp_imm_s(IntCC::Equal, val, never);
                        self.b.ins().trapnz(equal, ir::TrapCode::unwrap_user(1));
                    }
                }
                Vals::new()
            }
            Op::Poll => {
                self.poll();
                Vals::new()
            }
        };
        match (data.results.as_slice(), &data.op) {
            ([], _) => {}
            ([result], _) => {
                debug_assert_eq!(
                    vals.len(),
                    self.leaf_types(self.body.ty(*result)).len(),
                    "{:?} in {}",
                    data.op,
                    self.func.name
                );
                self.vals[*result] = vals;
            }
            (results, _) => {
                for (&result, val) in results.iter().zip(vals) {
                    self.vals[result] = smallvec![val];
                }
            }
        }
    }

    fn ty_of(&self, inst: Inst) -> Ty {
        self.body.ty(self.body.insts[inst].results[0])
    }

    pub(crate) fn int_const(&mut self, n: i64, ty: Ty) -> ir::Value {
        let clif = self.leaf_types(ty)[0];
        let bits = clif.bits();
        let n = if bits == 64 {
            n
        } else {
            n & ((1i64 << bits) - 1)
        };
        self.b.ins().iconst(clif, n)
    }

    fn zero(&mut self, ty: Ty) -> Vals {
        self.leaf_types(ty)
            .into_iter()
            .map(|ty| match ty {
                types::F32 => self.b.ins().f32const(0.0),
                types::F64 => self.b.ins().f64const(0.0),
                _ => self.b.ins().iconst(ty, 0),
            })
            .collect()
    }

    fn bitcast(&mut self, x: Value, to: Ty) -> Vals {
        let to = self.leaf_types(to);
        let vals = self.vals[x].clone();
        vals.into_iter()
            .zip(to)
            .map(|(v, to)| {
                let from = self.b.func.dfg.value_type(v);
                if from == to {
                    v
                } else {
                    self.b.ins().bitcast(to, MemFlagsData::new(), v)
                }
            })
            .collect()
    }

    fn index(&mut self, base: Value, index: Value, stride: u64) -> ir::Value {
        let base = self.one(base);
        let index = self.extend_to_word(index);
        let offset = match stride {
            0 => return base,
            1 => index,
            n if n.is_power_of_two() => self.b.ins().ishl_imm_u(index, n.trailing_zeros() as i64),
            n => self.b.ins().imul_imm_s(index, n as i64),
        };
        self.b.ins().iadd(base, offset)
    }

    /// An integer value widened to 64 bits by its type's signedness.
    pub(crate) fn extend_to_word(&mut self, value: Value) -> ir::Value {
        let signed = self.is_signed(self.body.ty(value));
        let x = self.one(value);
        match self.b.func.dfg.value_type(x) {
            types::I64 => x,
            _ if signed => self.b.ins().sextend(types::I64, x),
            _ => self.b.ins().uextend(types::I64, x),
        }
    }

    pub(crate) fn is_signed(&self, ty: Ty) -> bool {
        matches!(self.program.types.under(ty), TyKind::Int(kind) if kind.is_signed())
    }

    pub(crate) fn is_float(&self, ty: Ty) -> bool {
        matches!(
            self.program.types.under(ty),
            TyKind::Float32 | TyKind::Float64
        )
    }

    pub(crate) fn is_complex(&self, ty: Ty) -> bool {
        matches!(
            self.program.types.under(ty),
            TyKind::Complex64 | TyKind::Complex128
        )
    }

    fn heap_alloc(&mut self, ty: Ty) -> ir::Value {
        let desc = self.symbol(SymbolSpace::TypeDesc, ty.0);
        let f = self.helper_ref(Helper::NewObject, Self::int_sig(1, 1));
        self.emit_call(f, &[desc])[0]
    }

    /// See [`Op::HeapBox`].
    fn heap_box(&mut self, ty: Ty, value: Value, table: Value) -> ir::Value {
        let (value, table) = (self.one(value), self.one(table));
        let of = self.b.func.dfg.value_type(value);
        let bits = match of.is_float() {
            true => self
                .b
                .ins()
                .bitcast(of.as_int(), MemFlagsData::new(), value),
            false => value,
        };
        let wide = match of.bytes() {
            8 => bits,
            _ => self.b.ins().uextend(types::I64, bits),
        };
        let small = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, wide, 256);
        let (in_table, on_heap, done) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        let address = self.b.append_block_param(done, types::I64);
        self.b.ins().brif(small, in_table, &[], on_heap, &[]);
        self.b.switch_to_block(in_table);
        let three = self.iconst(3);
        let offset = self.b.ins().ishl(wide, three);
        let place = self.b.ins().iadd(table, offset);
        self.b.ins().jump(done, &[place.into()]);
        self.b.switch_to_block(on_heap);
        let object = self.heap_alloc(ty);
        let flags = MemFlagsData::trusted();
        self.b.ins().store(flags, value, object, 0);
        self.b.ins().jump(done, &[object.into()]);
        self.b.switch_to_block(done);
        address
    }

    fn defer_push(&mut self, record: Value, func: Value) {
        let in_frame = self.root_is_frame(record);
        let rec = self.one(record);
        let fp = self.b.ins().get_frame_pointer(types::I64);
        let flags = MemFlagsData::trusted();
        let link = self.load_g(types::I64, abi::g::DEFER);
        let zero = self.iconst(0);
        self.b.ins().store(flags, link, rec, 0);
        self.b.ins().store(flags, fp, rec, 8);
        if in_frame {
            let f = self.one(func);
            self.b.ins().store(flags, f, rec, 16);
        } else {
            let at = self.b.ins().iadd_imm_s(rec, 16);
            let f = self.one(func);
            self.store_pointer(f, at, 0, true);
        }
        self.b.ins().store(flags, zero, rec, 24);
        self.store_g(rec, abi::g::DEFER);
    }

    fn poll(&mut self) {
        let g = self.b.ins().get_pinned_reg(types::I64);
        // Atomic, so that the load is neither merged with the entry check's nor hoisted out of the loop.
        let limit = self
            .b
            .ins()
            .atomic_load(types::I64, MemFlagsData::trusted(), g);
        let poisoned = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, limit, 0);
        let (slow, go_on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        self.b.ins().brif(poisoned, slow, &[], go_on, &[]);
        self.b.switch_to_block(slow);
        self.call_preserve_all(Helper::Poll);
        self.b.ins().jump(go_on, &[]);
        self.b.switch_to_block(go_on);
    }

    /// Whether a type holds pointers.
    pub(crate) fn has_pointers(&self, ty: Ty) -> bool {
        self.program.types.layout(ty).ptr_bytes > 0
    }

    pub(crate) fn needs_barrier(&self, addr: Value, ty: Ty, barrier: Barrier) -> bool {
        match barrier {
            Barrier::No => false,
            Barrier::Yes => true,
            Barrier::Auto => self.has_pointers(ty) && !self.root_is_frame(addr),
        }
    }
}
