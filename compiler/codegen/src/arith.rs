//! Arithmetic, comparisons, conversions, intrinsics.

use cranelift_codegen::ir::{self, InstBuilder, Type, condcodes::FloatCC, condcodes::IntCC, types};
use mir::{BinOp, CmpOp, Intrinsic, Ty, UnOp, Value};
use smallvec::smallvec;

use crate::func::{Helper, Translator, Vals};

impl Translator<'_, '_> {
    pub(crate) fn unary(&mut self, op: UnOp, x: Value) -> Vals {
        let ty = self.body.ty(x);
        let vals = self.vals[x].clone();
        vals.into_iter()
            .map(|v| match op {
                UnOp::Neg if self.is_float(ty) || self.is_complex(ty) => self.b.ins().fneg(v),
                UnOp::Neg => self.b.ins().ineg(v),
                UnOp::Not => self.b.ins().bxor_imm_u(v, 1),
                UnOp::BitNot => self.b.ins().bnot(v),
            })
            .collect()
    }

    pub(crate) fn binary(&mut self, op: BinOp, x: Value, y: Value) -> Vals {
        let ty = self.body.ty(x);
        if self.is_complex(ty) {
            return self.complex(op, x, y);
        }
        let (a, b) = (self.one(x), self.one(y));
        if self.is_float(ty) {
            return smallvec![match op {
                BinOp::Add => self.b.ins().fadd(a, b),
                BinOp::Sub => self.b.ins().fsub(a, b),
                BinOp::Mul => self.b.ins().fmul(a, b),
                BinOp::Div => self.b.ins().fdiv(a, b),
                other => unreachable!("{other:?} of floats"),
            }];
        }
        let signed = self.is_signed(ty);
        smallvec![match op {
            BinOp::Add => self.b.ins().iadd(a, b),
            BinOp::Sub => self.b.ins().isub(a, b),
            BinOp::Mul => self.b.ins().imul(a, b),
            BinOp::And => self.b.ins().band(a, b),
            BinOp::Or => self.b.ins().bor(a, b),
            BinOp::Xor => self.b.ins().bxor(a, b),
            BinOp::AndNot => self.b.ins().band_not(a, b),
            BinOp::Div if !signed => self.b.ins().udiv(a, b),
            BinOp::Rem if !signed => self.b.ins().urem(a, b),
            BinOp::Div | BinOp::Rem => self.signed_division(op, a, b, self.body.as_int(y)),
            BinOp::Shl | BinOp::Shr | BinOp::ShlBounded | BinOp::ShrBounded =>
                self.shift(op, a, y, signed),
        }]
    }

    /// MIN / -1 wraps (spec, "Integer operators"); the machine instruction traps, so -1 is taken out of its way.
    fn signed_division(
        &mut self,
        op: BinOp,
        a: ir::Value,
        b: ir::Value,
        divisor: Option<i64>,
    ) -> ir::Value {
        if divisor.is_some_and(|d| d != -1 && d != 0) {
            return if op == BinOp::Div {
                self.b.ins().sdiv(a, b)
            } else {
                self.b.ins().srem(a, b)
            };
        }
        let ty = self.b.func.dfg.value_type(a);
        let minus_one = self.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
        let one = self.b.ins().iconst(ty, 1);
        let safe = self.b.ins().select(minus_one, one, b);
        if op == BinOp::Div {
            let quotient = self.b.ins().sdiv(a, safe);
            let negated = self.b.ins().ineg(a);
            self.b.ins().select(minus_one, negated, quotient)
        } else {
            // x rem 1 == 0 == x rem -1.
            self.b.ins().srem(a, safe)
        }
    }

    fn shift(&mut self, op: BinOp, a: ir::Value, count: Value, signed: bool) -> ir::Value {
        let ty = self.b.func.dfg.value_type(a);
        let bits = ty.bits() as i64;
        let bounded = matches!(op, BinOp::ShlBounded | BinOp::ShrBounded)
            || self
                .body
                .as_int(count)
                .is_some_and(|n| (0..bits).contains(&n));
        let left = matches!(op, BinOp::Shl | BinOp::ShlBounded);
        let n = {
            // A signed count is not negative here, so zero extension is right for both.
            let n = self.one(count);
            if self.b.func.dfg.value_type(n) == types::I64 {
                n
            } else {
                self.b.ins().uextend(types::I64, n)
            }
        };
        if !left && signed {
            // Shifting in copies of the sign: any larger count acts like width - 1.
            let n = if bounded {
                n
            } else {
                let max = self.iconst(bits - 1);
                let small = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, n, bits);
                self.b.ins().select(small, n, max)
            };
            return self.b.ins().sshr(a, n);
        }
        let shifted = if left {
            self.b.ins().ishl(a, n)
        } else {
            self.b.ins().ushr(a, n)
        };
        if bounded {
            return shifted;
        }
        let zero = self.b.ins().iconst(ty, 0);
        let small = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, n, bits);
        self.b.ins().select(small, shifted, zero)
    }

    fn complex(&mut self, op: BinOp, x: Value, y: Value) -> Vals {
        let (a, b) = (self.vals[x].clone(), self.vals[y].clone());
        match op {
            BinOp::Add => smallvec![self.b.ins().fadd(a[0], b[0]), self.b.ins().fadd(a[1], b[1])],
            BinOp::Sub => smallvec![self.b.ins().fsub(a[0], b[0]), self.b.ins().fsub(a[1], b[1])],
            BinOp::Mul => {
                // gc computes complex64 products in float64 precision and rounds once.
                let narrow = self.b.func.dfg.value_type(a[0]) == types::F32;
                let widen = |t: &mut Self, v| {
                    if narrow {
                        t.b.ins().fpromote(types::F64, v)
                    } else {
                        v
                    }
                };
                let (ar, ai, br, bi) = (
                    widen(self, a[0]),
                    widen(self, a[1]),
                    widen(self, b[0]),
                    widen(self, b[1]),
                );
                let (rr, ii) = (self.b.ins().fmul(ar, br), self.b.ins().fmul(ai, bi));
                let (ri, ir) = (self.b.ins().fmul(ar, bi), self.b.ins().fmul(ai, br));
                let (re, im) = (self.b.ins().fsub(rr, ii), self.b.ins().fadd(ri, ir));
                if narrow {
                    smallvec![
                        self.b.ins().fdemote(types::F32, re),
                        self.b.ins().fdemote(types::F32, im)
                    ]
                } else {
                    smallvec![re, im]
                }
            }
            other => unreachable!("{other:?} of complex numbers is a runtime call"),
        }
    }

    pub(crate) fn compare(&mut self, op: CmpOp, x: Value, y: Value) -> ir::Value {
        let ty = self.body.ty(x);
        let (a, b) = (self.one(x), self.one(y));
        if self.is_float(ty) {
            let cc = match op {
                CmpOp::Eq => FloatCC::Equal,
                CmpOp::Ne => FloatCC::NotEqual,
                CmpOp::Lt => FloatCC::LessThan,
                CmpOp::Le => FloatCC::LessThanOrEqual,
                CmpOp::Gt => FloatCC::GreaterThan,
                CmpOp::Ge => FloatCC::GreaterThanOrEqual,
            };
            return self.b.ins().fcmp(cc, a, b);
        }
        let signed = self.is_signed(ty);
        let cc = match (op, signed) {
            (CmpOp::Eq, _) => IntCC::Equal,
            (CmpOp::Ne, _) => IntCC::NotEqual,
            (CmpOp::Lt, true) => IntCC::SignedLessThan,
            (CmpOp::Le, true) => IntCC::SignedLessThanOrEqual,
            (CmpOp::Gt, true) => IntCC::SignedGreaterThan,
            (CmpOp::Ge, true) => IntCC::SignedGreaterThanOrEqual,
            (CmpOp::Lt, false) => IntCC::UnsignedLessThan,
            (CmpOp::Le, false) => IntCC::UnsignedLessThanOrEqual,
            (CmpOp::Gt, false) => IntCC::UnsignedGreaterThan,
            (CmpOp::Ge, false) => IntCC::UnsignedGreaterThanOrEqual,
        };
        self.b.ins().icmp(cc, a, b)
    }

    pub(crate) fn convert(&mut self, x: Value, to: Ty) -> Vals {
        let from = self.body.ty(x);
        let to_types = self.leaf_types(to);
        let vals = self.vals[x].clone();
        if self.is_complex(from) {
            return vals
                .into_iter()
                .zip(to_types)
                .map(|(v, t)| self.float_to_float(v, t))
                .collect();
        }
        let (v, t) = (vals[0], to_types[0]);
        let (from_signed, to_signed) = (self.is_signed(from), self.is_signed(to));
        smallvec![match (self.is_float(from), self.is_float(to)) {
            (true, true) => self.float_to_float(v, t),
            (true, false) => self.float_to_int(v, t, to_signed),
            (false, true) => self.int_to_float(v, t, from_signed),
            (false, false) => self.int_to_int(v, t, from_signed),
        }]
    }

    fn float_to_float(&mut self, v: ir::Value, to: Type) -> ir::Value {
        match (self.b.func.dfg.value_type(v), to) {
            (types::F32, types::F64) => self.b.ins().fpromote(types::F64, v),
            (types::F64, types::F32) => self.b.ins().fdemote(types::F32, v),
            _ => v,
        }
    }

    fn int_to_int(&mut self, v: ir::Value, to: Type, signed: bool) -> ir::Value {
        let from = self.b.func.dfg.value_type(v);
        match from.bits().cmp(&to.bits()) {
            std::cmp::Ordering::Equal => v,
            std::cmp::Ordering::Greater => self.b.ins().ireduce(to, v),
            std::cmp::Ordering::Less if signed => self.b.ins().sextend(to, v),
            std::cmp::Ordering::Less => self.b.ins().uextend(to, v),
        }
    }

    fn int_to_float(&mut self, v: ir::Value, to: Type, signed: bool) -> ir::Value {
        let wide = self.int_to_int(v, types::I64, signed);
        // Narrow unsigned values are not negative in 64 bits.
        let from = self.b.func.dfg.value_type(v);
        if signed || from.bits() < 64 {
            self.b.ins().fcvt_from_sint(to, wide)
        } else {
            self.b.ins().fcvt_from_uint(to, wide)
        }
    }

    /// As the amd64 instruction: values out of the 64-bit range (and NaN) give 1 << 63; narrower types take the low bits. For uint64
    /// the upper half of the range is converted with an offset.
    fn float_to_int(&mut self, v: ir::Value, to: Type, signed: bool) -> ir::Value {
        let v = self.float_to_float(v, types::F64);
        if signed || to.bits() < 64 {
            // int32 uses the 32-bit instruction, whose overflow result is 1 << 31.
            if signed && to == types::I32 {
                let r = self.truncate(v, types::I32, 2147483648.0, i32::MIN as i64);
                return r;
            }
            let r = self.truncate(v, types::I64, 9223372036854775808.0, i64::MIN);
            return if to == types::I64 {
                r
            } else {
                self.b.ins().ireduce(to, r)
            };
        }
        let two63 = self.b.ins().f64const(9223372036854775808.0);
        let low = self.truncate(v, types::I64, 9223372036854775808.0, i64::MIN);
        let shifted = self.b.ins().fsub(v, two63);
        let high = self.truncate(shifted, types::I64, 9223372036854775808.0, i64::MIN);
        let min = self.iconst(i64::MIN);
        let high = self.b.ins().bxor(high, min);
        let is_low = self.b.ins().fcmp(FloatCC::LessThan, v, two63);
        self.b.ins().select(is_low, low, high)
    }

    fn truncate(&mut self, v: ir::Value, to: Type, bound: f64, overflow: i64) -> ir::Value {
        let saturated = self.b.ins().fcvt_to_sint_sat(to, v);
        let bound = self.b.ins().f64const(bound);
        let fits = self.b.ins().fcmp(FloatCC::LessThan, v, bound);
        let overflow = self.b.ins().iconst(
            to,
            if to == types::I32 {
                overflow & 0xffff_ffff
            } else {
                overflow
            },
        );
        // Below the range the saturated value is the overflow value already; NaN compares false.
        self.b.ins().select(fits, saturated, overflow)
    }

    pub(crate) fn intrinsic(&mut self, op: Intrinsic, args: &[Value]) -> Vals {
        let arg = |t: &Self, n: usize| t.one(args[n]);
        let to_int = |t: &mut Self, v: ir::Value| t.int_to_int(v, types::I64, false);
        match op {
            Intrinsic::Sqrt => {
                let x = arg(self, 0);
                smallvec![self.b.ins().sqrt(x)]
            }
            Intrinsic::Floor => {
                let x = arg(self, 0);
                smallvec![self.b.ins().floor(x)]
            }
            Intrinsic::Ceil => {
                let x = arg(self, 0);
                smallvec![self.b.ins().ceil(x)]
            }
            Intrinsic::Trunc => {
                let x = arg(self, 0);
                smallvec![self.b.ins().trunc(x)]
            }
            Intrinsic::Nearest => {
                let x = arg(self, 0);
                smallvec![self.b.ins().nearest(x)]
            }
            Intrinsic::Abs => {
                let x = arg(self, 0);
                smallvec![self.b.ins().fabs(x)]
            }
            Intrinsic::Copysign => {
                let (x, y) = (arg(self, 0), arg(self, 1));
                smallvec![self.b.ins().fcopysign(x, y)]
            }
            Intrinsic::Fma => {
                let (x, y, z) = (arg(self, 0), arg(self, 1), arg(self, 2));
                let mut sig = Self::int_sig(0, 0);
                sig.params
                    .extend(std::iter::repeat_n(ir::AbiParam::new(types::F64), 3));
                sig.returns.push(ir::AbiParam::new(types::F64));
                let f = self.helper_ref(Helper::Fma, sig);
                self.emit_call(f, &[x, y, z])
            }
            Intrinsic::LeadingZeros => {
                let x = arg(self, 0);
                let n = self.b.ins().clz(x);
                smallvec![to_int(self, n)]
            }
            Intrinsic::TrailingZeros => {
                let x = arg(self, 0);
                let n = self.b.ins().ctz(x);
                smallvec![to_int(self, n)]
            }
            Intrinsic::PopCount => {
                let x = arg(self, 0);
                let n = self.b.ins().popcnt(x);
                smallvec![to_int(self, n)]
            }
            Intrinsic::ByteSwap => {
                let x = arg(self, 0);
                smallvec![self.b.ins().bswap(x)]
            }
            Intrinsic::BitReverse => {
                let x = arg(self, 0);
                smallvec![self.b.ins().bitrev(x)]
            }
            Intrinsic::RotateLeft => {
                let (x, k) = (arg(self, 0), arg(self, 1));
                smallvec![self.b.ins().rotl(x, k)]
            }
            Intrinsic::MulWide => {
                let (x, y) = (arg(self, 0), arg(self, 1));
                smallvec![self.b.ins().umulhi(x, y), self.b.ins().imul(x, y)]
            }
            Intrinsic::AddCarry => {
                let (x, y, c) = (arg(self, 0), arg(self, 1), arg(self, 2));
                let sum = self.b.ins().iadd(x, y);
                let carry1 = self.b.ins().icmp(IntCC::UnsignedLessThan, sum, x);
                let total = self.b.ins().iadd(sum, c);
                let carry2 = self.b.ins().icmp(IntCC::UnsignedLessThan, total, sum);
                let carry = self.b.ins().bor(carry1, carry2);
                smallvec![total, to_int(self, carry)]
            }
            Intrinsic::SubBorrow => {
                let (x, y, c) = (arg(self, 0), arg(self, 1), arg(self, 2));
                let diff = self.b.ins().isub(x, y);
                let borrow1 = self.b.ins().icmp(IntCC::UnsignedLessThan, x, y);
                let total = self.b.ins().isub(diff, c);
                let borrow2 = self.b.ins().icmp(IntCC::UnsignedLessThan, diff, c);
                let borrow = self.b.ins().bor(borrow1, borrow2);
                smallvec![total, to_int(self, borrow)]
            }
            Intrinsic::DivWide => {
                let (hi, lo, y) = (arg(self, 0), arg(self, 1), arg(self, 2));
                let f = self.helper_ref(Helper::DivWide, Self::int_sig(3, 2));
                self.emit_call(f, &[hi, lo, y])
            }
            Intrinsic::NoEscape => smallvec![arg(self, 0)],
            Intrinsic::Prefetch => Vals::new(),
            Intrinsic::Pause => Vals::new(),
            Intrinsic::CallerPc => smallvec![self.b.ins().get_return_address(types::I64)],
            Intrinsic::CallerSp => {
                // The caller's stack pointer before the call: above saved rbp and return address.
                let fp = self.b.ins().get_frame_pointer(types::I64);
                smallvec![self.b.ins().iadd_imm_s(fp, 16)]
            }
            Intrinsic::FloatMin => {
                let (x, y) = (arg(self, 0), arg(self, 1));
                smallvec![self.b.ins().fmin(x, y)]
            }
            Intrinsic::FloatMax => {
                let (x, y) = (arg(self, 0), arg(self, 1));
                smallvec![self.b.ins().fmax(x, y)]
            }
        }
    }
}
