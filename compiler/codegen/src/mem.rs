//! Loads, stores, copies, write barriers, checks.

use abi::g;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, condcodes::IntCC, types};
use mir::{AtomicOp, Barrier, BoundKind, Op, Scalar, Ty, TyKind, Value};
use smallvec::smallvec;

use crate::func::{Helper, SymbolSpace, Translator, Vals};
use crate::sig::clif_type;

/// Accesses at least this far from a nil pointer may hit mapped memory: the pointer is tested.
const GUARD: i64 = 4096;
/// Largest copy or zeroing that is done with inline moves.
const INLINE_BYTES: u64 = 128;

/// How an address is computed.
struct Path {
    /// The value at its start.
    root: Value,
    /// The constant offset on the way; `None` if there is a variable one.
    offset: Option<i64>,
    /// Whether an index may lead far from the root: something on the way points to a type that reaches beyond the guard.
    far: bool,
}

impl Translator<'_, '_> {
    fn path(&self, mut addr: Value) -> Path {
        let mut offset = Some(0i64);
        let mut far = false;
        loop {
            if let TyKind::Pointer(elem) = *self.program.types.under(self.body.ty(addr)) {
                far |= self.program.types.layout(elem).size >= GUARD as u64;
            }
            match self.body.def_op(addr) {
                Some(Op::Offset(base, n)) => {
                    offset = offset.map(|o| o.saturating_add(*n));
                    far |= !(0..GUARD).contains(n);
                    addr = *base;
                }
                Some(Op::Index { base, .. }) => {
                    offset = None;
                    addr = *base;
                }
                Some(Op::Bitcast(x)) if self.body.ty(*x) != self.body.ty(addr) => addr = *x,
                _ => {
                    return Path {
                        root: addr,
                        offset,
                        far,
                    };
                }
            }
        }
    }

    fn root(&self, addr: Value) -> Value {
        self.path(addr).root
    }

    /// Whether the address is certainly inside this frame.
    pub(crate) fn root_is_frame(&self, addr: Value) -> bool {
        matches!(self.body.def_op(self.root(addr)), Some(Op::SlotAddr(_)))
    }

    fn known_nonnil(&self, addr: Value) -> bool {
        if self.is_element(addr) {
            return true;
        }
        let root = self.root(addr);
        self.nonnil
            .get(&root)
            .is_some_and(|&at| self.dominators.dominates(at, self.block))
            || matches!(
                self.body.def_op(root),
                Some(
                    Op::SlotAddr(_)
                        | Op::HeapAlloc(_)
                        | Op::HeapBox { .. }
                        | Op::Global(_)
                        | Op::Data(..)
                        | Op::FuncVal(_)
                        | Op::TypeDesc(_)
                        | Op::Itab(_)
                        | Op::ClosureCtx
                        | Op::GetG
                )
            )
    }

    /// Whether the address is that of (a part of) an element of a slice or string: its index was less than the length.
    fn is_element(&self, mut addr: Value) -> bool {
        loop {
            match self.body.def_op(addr) {
                Some(Op::Offset(base, _)) => addr = *base,
                Some(Op::Bitcast(x)) if self.body.ty(*x) != self.body.ty(addr) => addr = *x,
                Some(Op::Index { base, .. }) => {
                    if let Some(Op::Extract(of, 0)) = self.body.def_op(*base)
                        && matches!(
                            self.program.types.under(self.body.ty(*of)),
                            TyKind::Slice(_) | TyKind::String
                        )
                    {
                        return true;
                    }
                    addr = *base;
                }
                _ => return false,
            }
        }
    }

    /// From here on, in this block and those that it dominates, the root is not nil.
    fn set_nonnil(&mut self, root: Value) {
        let dominated = self
            .nonnil
            .get(&root)
            .is_some_and(|&at| self.dominators.dominates(at, self.block));
        if !dominated {
            self.nonnil.insert(root, self.block);
        }
    }

    /// Makes sure that an access through `addr` raises the nil panic. Mostly the hardware does; frames that own defers cannot be unwound
    /// into from a fault, and far offsets may not fault.
    ///
    /// An index was checked against a length: that of a slice or string, which is zero if the data pointer is nil, or that of an array. A
    /// nil pointer to an array is dangerous only where the array (or what holds it) reaches beyond the guard.
    fn guard_access(&mut self, addr: Value) {
        if self.known_nonnil(addr) {
            return;
        }
        let path = self.path(addr);
        if self.vals[path.root].len() != 1 {
            return;
        }
        let near = match path.offset {
            Some(offset) => (0..GUARD).contains(&offset),
            None => !path.far,
        };
        if self.recover.is_some() || !near {
            self.explicit_nil_check(path.root);
        }
    }

    /// After an access that faults if the root is nil: the root is not.
    fn accessed(&mut self, addr: Value) {
        let path = self.path(addr);
        if path.offset.is_some_and(|o| (0..GUARD).contains(&o)) {
            self.set_nonnil(path.root);
        }
    }

    fn explicit_nil_check(&mut self, p: Value) {
        let x = self.one(p);
        if self.b.func.dfg.value_type(x) != types::I64 {
            return;
        }
        let ok = self.b.ins().icmp_imm_s(IntCC::NotEqual, x, 0);
        self.check(ok, Helper::ThrowNil, None);
        self.set_nonnil(p);
    }

    pub(crate) fn nil_check(&mut self, p: Value) {
        if self.known_nonnil(p) {
            return;
        }
        self.guard_access(p);
        if self.recover.is_some() || self.known_nonnil(p) {
            return;
        }
        let x = self.one(p);
        // A load that may trap is never dropped.
        self.b.ins().load(types::I8, MemFlagsData::new(), x, 0);
        if p == self.root(p) {
            self.set_nonnil(p);
        }
        self.accessed(p);
    }

    /// Goes on if `ok`; else stores the operands and calls the throwing helper.
    pub(crate) fn check(
        &mut self,
        ok: ir::Value,
        helper: Helper,
        operands: Option<(ir::Value, ir::Value)>,
    ) {
        let (fail, go_on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(fail);
        self.b.ins().brif(ok, go_on, &[], fail, &[]);
        self.b.switch_to_block(fail);
        if let Some((x, y)) = operands {
            self.store_g(x, g::PANIC_ARG0);
            self.store_g(y, g::PANIC_ARG1);
        }
        let f = self.helper_ref(helper, Self::throw_sig());
        self.emit_call(f, &[]);
        self.b.ins().trap(ir::TrapCode::unwrap_user(1));
        self.b.switch_to_block(go_on);
    }

    pub(crate) fn bounds_check(
        &mut self,
        index: Value,
        len: Value,
        kind: BoundKind,
        unsigned: bool,
    ) {
        use BoundKind::*;
        let (x, y) = (self.extend_to_word(index), self.extend_to_word(len));
        let (cc, helper) = match (kind, unsigned) {
            (Index, false) => (IntCC::UnsignedLessThan, Helper::ThrowIndex),
            (Index, true) => (IntCC::UnsignedLessThan, Helper::ThrowIndexU),
            (SliceAlen, false) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSliceAlen),
            (SliceAlen, true) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSliceAlenU),
            (SliceAcap, false) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSliceAcap),
            (SliceAcap, true) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSliceAcapU),
            (SliceB, false) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSliceB),
            (SliceB, true) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSliceBU),
            (Slice3Alen, false) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3Alen),
            (Slice3Alen, true) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3AlenU),
            (Slice3Acap, false) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3Acap),
            (Slice3Acap, true) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3AcapU),
            (Slice3B, false) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3B),
            (Slice3B, true) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3BU),
            (Slice3C, false) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3C),
            (Slice3C, true) => (IntCC::UnsignedLessThanOrEqual, Helper::ThrowSlice3CU),
            (Convert, _) => (IntCC::UnsignedGreaterThanOrEqual, Helper::ThrowSliceConvert),
        };
        let ok = self.b.ins().icmp(cc, x, y);
        self.check(ok, helper, Some((x, y)));
    }

    fn flags(&self, addr: Value) -> MemFlagsData {
        if self.known_nonnil(addr) {
            MemFlagsData::new().with_notrap()
        } else {
            MemFlagsData::new()
        }
    }

    /// Splits an address into base value and small constant offset, so that it becomes an addressing mode.
    fn base_offset(&self, addr: Value) -> (ir::Value, i64) {
        match self.body.def_op(addr) {
            Some(Op::Offset(base, n))
                if i32::try_from(n.saturating_add(64)).is_ok() && self.vals[*base].len() == 1 =>
            {
                let (base, m) = self.base_offset(*base);
                // Both are small: the sum does not overflow.
                if i32::try_from(m + n + 64).is_ok() {
                    (base, m + n)
                } else {
                    (self.one(addr), 0)
                }
            }
            _ => (self.one(addr), 0),
        }
    }

    pub(crate) fn load(&mut self, addr: Value, ty: Ty, parts: u32) -> Vals {
        self.guard_access(addr);
        let flags = self.flags(addr);
        let (base, at) = self.base_offset(addr);
        let leaves = self.program.types.leaves(ty).expect("an SSA type");
        if leaves.is_empty() && !self.known_nonnil(addr) {
            self.nil_check(addr);
        }
        // Components that nobody uses are not loaded. One access is the nil check of all.
        let wanted: Vec<bool> = match self.program.types.under(ty) {
            TyKind::Slice(_) | TyKind::String | TyKind::Interface(_) if parts != 0 => {
                (0..leaves.len()).map(|n| parts >> n & 1 != 0).collect()
            }
            _ => vec![true; leaves.len()],
        };
        let mut flags = flags;
        let mut vals = Vals::new();
        for ((s, offset), wanted) in leaves.into_iter().zip(wanted) {
            if !wanted {
                vals.push(self.b.ins().iconst(clif_type(s), 0));
                continue;
            }
            let at = (at + offset as i64) as i32;
            vals.push(self.b.ins().load(clif_type(s), flags, base, at));
            flags = MemFlagsData::new().with_notrap();
        }
        self.accessed(addr);
        vals
    }

    pub(crate) fn store(&mut self, addr: Value, value: Value, barrier: Barrier) {
        self.guard_access(addr);
        let ty = self.body.ty(value);
        let with_barrier = self.needs_barrier(addr, ty, barrier);
        let flags = self.flags(addr);
        let (base, at) = self.base_offset(addr);
        let leaves = self.program.types.leaves(ty).expect("an SSA type");
        if leaves.is_empty() && !self.known_nonnil(addr) {
            self.nil_check(addr);
        }
        let vals = self.vals[value].clone();
        for ((scalar, offset), val) in leaves.into_iter().zip(vals) {
            let at = (at + offset as i64) as i32;
            if with_barrier && scalar == Scalar::Ptr {
                if !flags.notrap() {
                    // The barrier reads the old value on the system stack: fault here instead.
                    self.b.ins().load(types::I8, MemFlagsData::new(), base, at);
                }
                self.store_pointer(val, base, at, true);
            } else {
                self.b.ins().store(flags, val, base, at);
            }
        }
        self.accessed(addr);
    }

    /// Stores a pointer word with the hybrid barrier: while marking, old and new value are shaded before the store.
    pub(crate) fn store_pointer(
        &mut self,
        val: ir::Value,
        base: ir::Value,
        at: i32,
        barrier: bool,
    ) {
        if barrier {
            let flag_at = self.symbol(SymbolSpace::Helper, Helper::WriteBarrier as u32);
            let flag = self
                .b
                .ins()
                .load(types::I32, MemFlagsData::trusted(), flag_at, 0);
            let (slow, go_on) = (self.b.create_block(), self.b.create_block());
            self.b.set_cold_block(slow);
            self.b.ins().brif(flag, slow, &[], go_on, &[]);
            self.b.switch_to_block(slow);
            let slot = if at == 0 {
                base
            } else {
                self.b.ins().iadd_imm_s(base, at as i64)
            };
            self.store_g(slot, g::PANIC_ARG0);
            self.store_g(val, g::PANIC_ARG1);
            self.call_preserve_all(Helper::WriteBarrierSlow);
            self.b.ins().jump(go_on, &[]);
            self.b.switch_to_block(go_on);
        }
        self.b.ins().store(MemFlagsData::new(), val, base, at);
    }

    pub(crate) fn move_value(&mut self, dst: Value, src: Value, ty: Ty, barrier: Barrier) {
        self.guard_access(dst);
        self.guard_access(src);
        if self.needs_barrier(dst, ty, barrier) {
            // typedmemmove reads and writes on the system stack: fault here instead.
            self.nil_check(dst);
            self.nil_check(src);
            let desc = self.symbol(SymbolSpace::TypeDesc, ty.0);
            let f = self.helper_ref(Helper::TypedMemMove, Self::int_sig(3, 0));
            let (dst, src) = (self.one(dst), self.one(src));
            self.emit_call(f, &[desc, dst, src]);
            return;
        }
        if self.program.types.layout(ty).size == 0 {
            self.nil_check(dst);
            self.nil_check(src);
            return;
        }
        self.nil_check_far(dst, ty);
        self.nil_check_far(src, ty);
        let (to, from) = (self.one(dst), self.one(src));
        self.copy(to, from, ty);
        self.accessed(src);
        self.accessed(dst);
    }

    /// A bulk access does not fault at a nil base if the value is large: test it.
    fn nil_check_far(&mut self, addr: Value, ty: Ty) {
        if self.program.types.layout(ty).size > INLINE_BYTES {
            self.nil_check(addr);
        }
    }

    /// Copies without barrier. The ranges may overlap.
    pub(crate) fn copy(&mut self, dst: ir::Value, src: ir::Value, ty: Ty) {
        let size = self.program.types.layout(ty).size;
        if size > INLINE_BYTES {
            let n = self.iconst(size as i64);
            let f = self.helper_ref(Helper::MemMove, Self::int_sig(3, 0));
            self.emit_call(f, &[dst, src, n]);
            return;
        }
        // All loads before all stores.
        let pieces = pieces(size);
        let loaded: Vec<_> = pieces
            .iter()
            .map(|&(ty, at)| self.b.ins().load(ty, MemFlagsData::new(), src, at))
            .collect();
        for (&(_, at), val) in pieces.iter().zip(loaded) {
            self.b.ins().store(MemFlagsData::new(), val, dst, at);
        }
    }

    pub(crate) fn zero_value(&mut self, dst: Value, ty: Ty, barrier: Barrier) {
        self.guard_access(dst);
        if self.needs_barrier(dst, ty, barrier) {
            self.nil_check(dst);
            let desc = self.symbol(SymbolSpace::TypeDesc, ty.0);
            let f = self.helper_ref(Helper::TypedMemClr, Self::int_sig(2, 0));
            let dst = self.one(dst);
            self.emit_call(f, &[desc, dst]);
            return;
        }
        let size = self.program.types.layout(ty).size;
        if size > INLINE_BYTES || size == 0 {
            self.nil_check(dst);
        }
        if size > INLINE_BYTES {
            let n = self.iconst(size as i64);
            let f = self.helper_ref(Helper::MemClr, Self::int_sig(2, 0));
            let dst = self.one(dst);
            self.emit_call(f, &[dst, n]);
            return;
        }
        let dst = self.one(dst);
        let mut vector = None;
        for (ty, at) in pieces(size) {
            let zero = if ty == types::I8X16 {
                *vector.get_or_insert_with(|| {
                    let z = self.b.func.dfg.constants.insert(vec![0u8; 16].into());
                    self.b.ins().vconst(types::I8X16, z)
                })
            } else {
                self.b.ins().iconst(ty, 0)
            };
            self.b.ins().store(MemFlagsData::new(), zero, dst, at);
        }
    }

    pub(crate) fn atomic(&mut self, op: AtomicOp, args: &[Value], result: Option<Ty>) -> Vals {
        self.guard_access(args[0]);
        let flags = MemFlagsData::new().with_aligned();
        let addr = self.one(args[0]);
        let arg = |t: &Self, n: usize| t.one(args[n]);
        let rmw = |t: &mut Self, op: ir::AtomicRmwOp| {
            let x = t.one(args[1]);
            let ty = t.b.func.dfg.value_type(x);
            t.b.ins().atomic_rmw(ty, flags, op, addr, x)
        };
        match op {
            AtomicOp::Load => {
                let ty = self.leaf_types(result.expect("a load has a result"))[0];
                smallvec![self.b.ins().atomic_load(ty, flags, addr)]
            }
            AtomicOp::Store => {
                let x = arg(self, 1);
                self.b.ins().atomic_store(flags, x, addr);
                Vals::new()
            }
            AtomicOp::Swap => smallvec![rmw(self, ir::AtomicRmwOp::Xchg)],
            AtomicOp::Add => smallvec![rmw(self, ir::AtomicRmwOp::Add)],
            AtomicOp::And => smallvec![rmw(self, ir::AtomicRmwOp::And)],
            AtomicOp::Or => smallvec![rmw(self, ir::AtomicRmwOp::Or)],
            AtomicOp::CompareAndSwap => {
                let (old, new) = (arg(self, 1), arg(self, 2));
                let seen = self.b.ins().atomic_cas(flags, addr, old, new);
                smallvec![self.b.ins().icmp(IntCC::Equal, seen, old)]
            }
        }
    }
}

/// Moves that cover `size` bytes: 16, 8, 4, 2, 1.
fn pieces(size: u64) -> Vec<(ir::Type, i32)> {
    let mut out = Vec::new();
    let mut at = 0;
    for (ty, n) in [
        (types::I8X16, 16),
        (types::I64, 8),
        (types::I32, 4),
        (types::I16, 2),
        (types::I8, 1),
    ] {
        while size - at >= n {
            out.push((ty, at as i32));
            at += n;
        }
    }
    out
}
