//! One function: MIR blocks to Cranelift blocks, MIR values to the Cranelift values of their scalars.

use abi::g;
use base::{FxHashMap, IndexVec};
use cranelift_codegen::ir::{
    self, AbiParam, ExtFuncData, ExternalName, FuncRef, GlobalValue, GlobalValueData, InstBuilder,
    MemFlagsData, Signature, SourceLoc, StackSlot, StackSlotData, StackSlotKind, UserExternalName,
    types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use mir::verify::Dominators;
use mir::{Block, Body, Function, Loc, Op, Program, Slot, Terminator, Ty, Value};
use smallvec::SmallVec;

use crate::sig::{self, FuncAbi, ResultPlace, clif_type};

/// What a symbol in generated code refers to: the namespace of Cranelift's user names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum SymbolSpace {
    /// Code of a function.
    Func,
    /// Static closure object of a function.
    FuncVal,
    #[allow(missing_docs)]
    Global,
    #[allow(missing_docs)]
    Data,
    #[allow(missing_docs)]
    TypeDesc,
    #[allow(missing_docs)]
    Itab,
    /// Runtime helper by index into [`HELPERS`].
    Helper,
}

impl SymbolSpace {
    /// The space with this number.
    ///
    /// # Panics
    /// If there is none.
    pub fn from_u32(n: u32) -> Self {
        Self::try_from_u32(n).expect("a symbol space")
    }

    /// The space with this number, if there is one.
    pub fn try_from_u32(n: u32) -> Option<Self> {
        use SymbolSpace::*;
        let spaces = [Func, FuncVal, Global, Data, TypeDesc, Itab, Helper];
        spaces.get(n as usize).copied()
    }
}

macro_rules! helpers {
    ($($variant:ident => $name:expr;)*) => {
        /// Runtime symbols that code generation itself refers to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Helper { $($variant),* }
        /// Link names, by [`Helper`].
        pub const HELPERS: &[&str] = &[$($name),*];
    };
}

helpers! {
    Morestack => abi::symbols::MORESTACK;
    Poll => abi::symbols::POLL;
    WriteBarrier => abi::symbols::WRITE_BARRIER;
    WriteBarrierSlow => abi::symbols::WRITE_BARRIER_SLOW;
    NewObject => "runtime.newobject";
    TypedMemMove => "runtime.typedmemmove";
    TypedMemClr => "runtime.typedmemclr";
    MemMove => "runtime.memmove";
    MemClr => "runtime.memclrNoHeapPointers";
    ThrowIndex => abi::symbols::throws::PANIC_INDEX;
    ThrowIndexU => abi::symbols::throws::PANIC_INDEX_U;
    ThrowSliceAlen => abi::symbols::throws::PANIC_SLICE_ALEN;
    ThrowSliceAlenU => abi::symbols::throws::PANIC_SLICE_ALEN_U;
    ThrowSliceAcap => abi::symbols::throws::PANIC_SLICE_ACAP;
    ThrowSliceAcapU => abi::symbols::throws::PANIC_SLICE_ACAP_U;
    ThrowSliceB => abi::symbols::throws::PANIC_SLICE_B;
    ThrowSliceBU => abi::symbols::throws::PANIC_SLICE_B_U;
    ThrowSlice3Alen => abi::symbols::throws::PANIC_SLICE3_ALEN;
    ThrowSlice3AlenU => abi::symbols::throws::PANIC_SLICE3_ALEN_U;
    ThrowSlice3Acap => abi::symbols::throws::PANIC_SLICE3_ACAP;
    ThrowSlice3AcapU => abi::symbols::throws::PANIC_SLICE3_ACAP_U;
    ThrowSlice3B => abi::symbols::throws::PANIC_SLICE3_B;
    ThrowSlice3BU => abi::symbols::throws::PANIC_SLICE3_B_U;
    ThrowSlice3C => abi::symbols::throws::PANIC_SLICE3_C;
    ThrowSlice3CU => abi::symbols::throws::PANIC_SLICE3_C_U;
    ThrowSliceConvert => abi::symbols::throws::PANIC_SLICE_CONVERT;
    ThrowDivide => abi::symbols::throws::PANIC_DIVIDE;
    ThrowShift => abi::symbols::throws::PANIC_SHIFT;
    ThrowNil => abi::symbols::throws::PANIC_NIL;
    Fma => "runtime.fma";
    DivWide => "runtime.divwide";
}

pub(crate) type Vals = SmallVec<[ir::Value; 4]>;

/// Translation state of one function.
pub(crate) struct Translator<'a, 'f> {
    pub program: &'a Program,
    pub func: &'a Function,
    /// It looks at the stack limit on entry.
    pub checked: bool,
    /// And uses copies of its arguments from there on, see [`StackCheck::Copies`].
    copies: bool,
    pub body: &'a Body,
    pub b: FunctionBuilder<'f>,
    pub abi: FuncAbi,
    pub vals: IndexVec<Value, Vals>,
    pub blocks: IndexVec<Block, ir::Block>,
    pub slots: IndexVec<Slot, StackSlot>,
    pub globals: FxHashMap<(SymbolSpace, u32), GlobalValue>,
    pub funcs: FxHashMap<(SymbolSpace, u32), FuncRef>,
    pub result_area: Option<ir::Value>,
    pub closure_ctx: Option<ir::Value>,
    pub recover: Option<ir::Block>,
    pub locs: &'a mut LocTable,
    /// Values known not to be nil, with the block from whose end on (and in which, from here on) they are.
    pub nonnil: FxHashMap<Value, Block>,
    pub dominators: Dominators,
    /// Which components of a value are used (bit n: the n-th; all where it is used as a whole).
    pub used_parts: IndexVec<Value, u32>,
    /// The block being translated.
    pub block: Block,
    /// Uses that keep a value alive, so far.
    pub kept: i64,
    pub loc: Loc,
}

/// Locations of one function; a Cranelift source location is an index plus one.
#[derive(Debug, Default)]
pub struct LocTable {
    #[allow(missing_docs)]
    pub locs: Vec<Loc>,
    index: FxHashMap<Loc, u32>,
}

impl LocTable {
    fn intern(&mut self, loc: Loc) -> SourceLoc {
        let locs = &mut self.locs;
        let n = *self.index.entry(loc).or_insert_with(|| {
            locs.push(loc);
            locs.len() as u32 - 1
        });
        SourceLoc::new(n)
    }
    pub(crate) fn clear(&mut self) {
        self.locs.clear();
        self.index.clear();
    }
}

/// When a function looks at the stack limit on entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StackCheck {
    /// Not if it is `//go:nosplit` (in chains of at most two), nor if it is small and calls nothing: it runs in the slack below the limit then.
    IfNeeded,
    /// Its frame turned out too large for the slack.
    Always,
    /// Arguments were stored in a large frame before the look at the limit, beyond the slack: what follows the look uses copies.
    Copies,
}

/// Whether [`StackCheck::IfNeeded`] means one for this function.
fn needs_stack_check(program: &Program, func: &Function, body: &Body) -> bool {
    if func.flags.nosplit {
        // The slack has room for two such frames: whoever starts a longer chain, or is part of a recursion, looks.
        let mut insts = body.blocks.iter().flat_map(|block| &block.insts);
        return insts.any(|&inst| match body.insts[inst].op {
            Op::Call {
                callee: mir::Callee::Func(f),
                ..
            } => program.funcs[f].flags.chains,
            // It may start a chain of two itself.
            Op::Call { .. } => true,
            _ => false,
        });
    }
    let frame: u64 = body
        .slots
        .iter()
        .map(|s| program.types.layout(s.ty).size.next_multiple_of(8))
        .sum();
    frame > 128
        || body.insts.len() > 200
        || body.blocks.iter().any(|b| {
            b.insts.iter().any(|&i| {
                matches!(
                    body.insts[i].op,
                    Op::Call { .. }
                        | Op::HeapAlloc(_)
                        | Op::HeapBox { .. }
                        | Op::Move { .. }
                        | Op::ZeroMem { .. }
                        | Op::DeferPush { .. }
                        | Op::Poll
                )
            })
        })
}

/// Fills `clif` with the translation of `func`; returns whether it has a stack check.
#[expect(clippy::too_many_arguments, reason = "the state of the one caller")]
pub(crate) fn translate(
    program: &Program,
    func: &Function,
    number: u32,
    clif: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    locs: &mut LocTable,
    frontend: TargetFrontendConfig,
    check: StackCheck,
) -> bool {
    let body = func
        .body
        .as_ref()
        .expect("only functions with a body are compiled");
    let abi = sig::func_abi(&program.types, &func.params, &func.results, false);
    clif.signature = abi.sig.clone();
    clif.name = ir::UserFuncName::user(0, number);
    let checked = check != StackCheck::IfNeeded || needs_stack_check(program, func, body);
    let mut t = Translator {
        program,
        func,
        checked,
        copies: check == StackCheck::Copies,
        body,
        b: FunctionBuilder::new(clif, context),
        abi,
        vals: IndexVec::from_elem_n(Vals::new(), body.values.len()),
        blocks: IndexVec::new(),
        slots: IndexVec::new(),
        globals: FxHashMap::default(),
        funcs: FxHashMap::default(),
        result_area: None,
        closure_ctx: None,
        recover: None,
        locs,
        nonnil: Default::default(),
        dominators: Dominators::compute(body, &body.reverse_postorder()),
        block: Body::ENTRY,
        kept: 0,
        used_parts: used_parts(body),
        loc: Loc::default(),
    };
    t.run();
    t.b.seal_all_blocks();
    t.b.finalize(frontend);
    checked
}

fn used_parts(body: &Body) -> IndexVec<Value, u32> {
    let mut used = IndexVec::from_elem_n(0, body.values.len());
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            match &body.insts[inst].op {
                Op::Extract(of, n) if *n < 32 => used[*of] |= 1 << n,
                op => op.for_each_use(|v| used[v] = u32::MAX),
            }
        }
        if let Some(term) = &block.term {
            term.for_each_use(|v| used[v] = u32::MAX);
        }
    }
    used
}

impl Translator<'_, '_> {
    fn run(&mut self) {
        let order = self.body.reverse_postorder();
        let entry = self.b.create_block();
        for _ in 0..self.body.blocks.len() {
            let block = self.b.create_block();
            self.blocks.push(block);
        }
        for &block in &order {
            if block != Body::ENTRY {
                for &param in &self.body.blocks[block].params {
                    let vals: Vals = self
                        .leaf_types(self.body.ty(param))
                        .into_iter()
                        .map(|ty| self.b.append_block_param(self.blocks[block], ty))
                        .collect();
                    self.vals[param] = vals;
                }
            }
            if self.body.blocks[block].cold {
                let clif = self.blocks[block];
                self.b.set_cold_block(clif);
            }
        }
        for slot in self.body.slots.iter() {
            let layout = self.program.types.layout(slot.ty);
            let shift = layout.align.max(8).trailing_zeros() as u8;
            let data = StackSlotData::new(
                StackSlotKind::ExplicitSlot,
                layout.size.max(1) as u32,
                shift,
            );
            let slot = self.b.create_sized_stack_slot(data);
            self.slots.push(slot);
        }
        self.recover = self.body.recover_block.map(|b| self.blocks[b]);

        self.b.append_block_params_for_function_params(entry);
        self.b.switch_to_block(entry);
        self.set_loc(Loc {
            pos: self.func.pos,
            inline: mir::InlineId(0),
        });
        self.prologue(entry);
        let first = self.blocks[Body::ENTRY];
        self.b.ins().jump(first, &[]);
        for &block in &order {
            self.b.switch_to_block(self.blocks[block]);
            self.block = block;
            let data = &self.body.blocks[block];
            for &inst in &data.insts {
                self.set_loc(self.body.insts[inst].loc);
                self.inst(inst);
            }
            self.set_loc(data.term_loc);
            self.terminator(data.term.as_ref().expect("a finished body"));
        }
    }

    pub(crate) fn set_loc(&mut self, loc: Loc) {
        self.loc = loc;
        let srcloc = self.locs.intern(loc);
        self.b.set_srcloc(srcloc);
    }

    pub(crate) fn leaf_types(&self, ty: Ty) -> SmallVec<[ir::Type; 4]> {
        self.program
            .types
            .leaves(ty)
            .expect("values have SSA types")
            .into_iter()
            .map(|(s, _)| clif_type(s))
            .collect()
    }

    fn prologue(&mut self, entry: ir::Block) {
        let mut params: SmallVec<[ir::Value; 16]> =
            SmallVec::from_slice(self.b.block_params(entry));
        if self.checked {
            let sp = self.b.ins().get_stack_pointer(types::I64);
            let limit = self.load_g(types::I64, g::STACK_LIMIT);
            let low = self
                .b
                .ins()
                .icmp(ir::condcodes::IntCC::UnsignedLessThan, sp, limit);
            let (grow, go_on) = (self.b.create_block(), self.b.create_block());
            self.b.set_cold_block(grow);
            self.b.ins().brif(low, grow, &[], go_on, &[]);
            self.b.switch_to_block(grow);
            // The name of the function being compiled is (0, number): a self reference.
            let this = self.self_ref();
            let address = self.b.ins().func_addr(types::I64, this);
            self.store_g(address, g::MORESTACK_FN);
            let sig = self.abi.sig.clone();
            let morestack = self.helper_ref(Helper::Morestack, sig);
            self.b.ins().return_call(morestack, &params);
            self.b.switch_to_block(go_on);
            if self.copies {
                self.copy_params(&mut params, limit);
            }
        }
        if self.func.flags.closure {
            self.closure_ctx = Some(self.load_g(types::I64, g::CLOSURE_CTX));
        }
        let mut next = 0;
        if self.abi.area_size > 0 {
            self.result_area = Some(params[0]);
            next = 1;
        }
        let overflow = self.abi.has_overflow().then(|| params[params.len() - 1]);
        let args = self.abi.args.clone();
        let mut scalars = args.iter().map(|&(scalar, place)| match place {
            abi::call::ArgPlace::Overflow(n) => {
                let base = overflow.expect("an overflow pointer");
                self.b.ins().load(
                    clif_type(scalar),
                    MemFlagsData::trusted(),
                    base,
                    n as i32 * 8,
                )
            }
            _ => {
                next += 1;
                params[next - 1]
            }
        });
        let mut placed: Vec<Vals> = Vec::new();
        for &ty in &self.func.params {
            let n = sig::arg_scalars(&self.program.types, ty).len();
            placed.push(scalars.by_ref().take(n).collect());
        }
        drop(scalars);
        for (&param, vals) in self.body.blocks[Body::ENTRY].params.iter().zip(placed) {
            self.vals[param] = vals;
        }
    }

    /// Values that equal the parameters and that the register allocator knows nothing of: they go through memory. `limit` is the stack
    /// limit that the function has just been found to keep.
    fn copy_params(&mut self, params: &mut [ir::Value], limit: ir::Value) {
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, params.len() as u32 * 8, 3);
        let slot = self.b.create_sized_stack_slot(data);
        let at = self.b.ins().stack_addr(types::I64, slot, 0);
        // The limit is a user space address, so this is the same address. The optimiser does not know, and loads what was stored.
        let zero = self.b.ins().ushr_imm_u(limit, 63);
        let same = self.b.ins().iadd(at, zero);
        let flags = MemFlagsData::trusted();
        for (n, &param) in params.iter().enumerate() {
            self.b.ins().store(flags, param, at, n as i32 * 8);
        }
        for (n, param) in params.iter_mut().enumerate() {
            let ty = self.b.func.dfg.value_type(*param);
            *param = self.b.ins().load(ty, flags, same, n as i32 * 8);
        }
    }

    fn self_ref(&mut self) -> FuncRef {
        let ir::UserFuncName::User(name) = self.b.func.name.clone() else {
            unreachable!("user names only")
        };
        let sig = self.abi.sig.clone();
        self.func_ref_with(SymbolSpace::Func, name.index, || sig)
    }

    pub(crate) fn func_ref_with(
        &mut self,
        space: SymbolSpace,
        index: u32,
        sig: impl FnOnce() -> Signature,
    ) -> FuncRef {
        if let Some(&f) = self.funcs.get(&(space, index)) {
            return f;
        }
        let signature = self.b.import_signature(sig());
        let name = self
            .b
            .func
            .declare_imported_user_function(UserExternalName {
                namespace: space as u32,
                index,
            });
        let f = self.b.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        self.funcs.insert((space, index), f);
        f
    }

    /// A helper with a signature of its own. One helper must always be used with one signature within a function.
    pub(crate) fn helper_ref(&mut self, helper: Helper, sig: Signature) -> FuncRef {
        self.func_ref_with(SymbolSpace::Helper, helper as u32, || sig)
    }

    pub(crate) fn symbol(&mut self, space: SymbolSpace, index: u32) -> ir::Value {
        let gv = match self.globals.get(&(space, index)) {
            Some(&gv) => gv,
            None => {
                let name = self
                    .b
                    .func
                    .declare_imported_user_function(UserExternalName {
                        namespace: space as u32,
                        index,
                    });
                let data = GlobalValueData::Symbol {
                    name: ExternalName::user(name),
                    offset: 0.into(),
                    colocated: true,
                    tls: false,
                };
                let gv = self.b.create_global_value(data);
                self.globals.insert((space, index), gv);
                gv
            }
        };
        self.b.ins().symbol_value(types::I64, gv)
    }

    pub(crate) fn load_g(&mut self, ty: ir::Type, offset: i32) -> ir::Value {
        let g = self.b.ins().get_pinned_reg(types::I64);
        self.b.ins().load(ty, MemFlagsData::trusted(), g, offset)
    }

    pub(crate) fn store_g(&mut self, value: ir::Value, offset: i32) {
        let g = self.b.ins().get_pinned_reg(types::I64);
        self.b
            .ins()
            .store(MemFlagsData::trusted(), value, g, offset);
    }

    /// `preserve_all` helper without arguments.
    pub(crate) fn call_preserve_all(&mut self, helper: Helper) {
        let f = self.helper_ref(helper, Signature::new(CallConv::PreserveAll));
        self.b.ins().call(f, &[]);
    }

    pub(crate) fn iconst(&mut self, n: i64) -> ir::Value {
        self.b.ins().iconst(types::I64, n)
    }

    pub(crate) fn one(&self, value: Value) -> ir::Value {
        debug_assert_eq!(self.vals[value].len(), 1, "{value} in {}", self.func.name);
        self.vals[value][0]
    }

    fn target(&self, call: &mir::BlockCall) -> (ir::Block, Vec<ir::BlockArg>) {
        let args = call
            .args
            .iter()
            .flat_map(|&v| self.vals[v].iter().map(|&x| ir::BlockArg::Value(x)))
            .collect();
        (self.blocks[call.block], args)
    }

    fn terminator(&mut self, term: &Terminator) {
        match term {
            Terminator::Jump(to) => {
                let (block, args) = self.target(to);
                self.b.ins().jump(block, &args);
            }
            Terminator::Branch { cond, then, els } => {
                let cond = self.one(*cond);
                let (then, then_args) = self.target(then);
                let (els, els_args) = self.target(els);
                self.b.ins().brif(cond, then, &then_args, els, &els_args);
            }
            Terminator::Switch {
                value,
                cases,
                default,
            } => self.switch(*value, cases, default),
            Terminator::Return(values) => self.ret(values),
            Terminator::Unreachable => {
                self.b.ins().trap(ir::TrapCode::unwrap_user(1));
            }
        }
    }

    fn switch(&mut self, value: Value, cases: &[(i64, mir::BlockCall)], default: &mir::BlockCall) {
        // Targets with arguments go through a block of their own: Switch takes plain blocks.
        let x = self.one(value);
        let ty = self.b.func.dfg.value_type(x);
        let mut switch = cranelift_frontend::Switch::new();
        let mut trampolines: Vec<(ir::Block, &mir::BlockCall)> = Vec::new();
        let mask = if ty.bits() == 64 {
            u64::MAX as u128
        } else {
            (1u128 << ty.bits()) - 1
        };
        for (n, to) in cases {
            let known = trampolines.iter().find(|(_, other)| *other == to);
            let block = if to.args.is_empty() {
                self.blocks[to.block]
            } else if let Some(&(block, _)) = known {
                block
            } else {
                let block = self.b.create_block();
                trampolines.push((block, to));
                block
            };
            switch.set_entry(*n as i128 as u128 & mask, block);
        }
        let otherwise = if default.args.is_empty() {
            self.blocks[default.block]
        } else {
            let block = self.b.create_block();
            trampolines.push((block, default));
            block
        };
        switch.emit(&mut self.b, x, otherwise);
        for (block, to) in trampolines {
            self.b.switch_to_block(block);
            let (target, args) = self.target(to);
            self.b.ins().jump(target, &args);
        }
    }

    fn ret(&mut self, values: &[Value]) {
        let mut returns = Vals::new();
        let places = self.abi.results.clone();
        for ((&value, &ty), place) in values.iter().zip(&self.func.results).zip(&places) {
            match place {
                ResultPlace::Registers(_) => {
                    let vals = self.vals[value].clone();
                    returns.extend(vals);
                }
                ResultPlace::AreaSsa(at) => {
                    let area = self.result_area.expect("a result area");
                    self.store_leaves(value, ty, area, *at as i64);
                }
                ResultPlace::AreaMemory(at) => {
                    let area = self.result_area.expect("a result area");
                    let dst = if *at == 0 {
                        area
                    } else {
                        self.b.ins().iadd_imm_s(area, *at as i64)
                    };
                    let src = self.one(value);
                    self.copy(dst, src, ty);
                }
            }
        }
        self.b.ins().return_(&returns);
    }

    /// Stores the scalars of an SSA value, without barrier.
    pub(crate) fn store_leaves(&mut self, value: Value, ty: Ty, addr: ir::Value, at: i64) {
        let leaves = self.program.types.leaves(ty).expect("an SSA type");
        let vals = self.vals[value].clone();
        for ((_, offset), val) in leaves.into_iter().zip(vals) {
            self.b.ins().store(
                MemFlagsData::trusted(),
                val,
                addr,
                (at + offset as i64) as i32,
            );
        }
    }

    /// Parameterless signature in Go's convention, for throwing helpers.
    pub(crate) fn throw_sig() -> Signature {
        Signature::new(CallConv::Tail)
    }

    /// Signature of integer parameters and at most one integer result in Go's convention.
    pub(crate) fn int_sig(params: usize, results: usize) -> Signature {
        let mut sig = Signature::new(CallConv::Tail);
        sig.params
            .extend(std::iter::repeat_n(AbiParam::new(types::I64), params));
        sig.returns
            .extend(std::iter::repeat_n(AbiParam::new(types::I64), results));
        sig
    }
}
