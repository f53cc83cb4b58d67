//! Functions: blocks with parameters, instructions, values.
//!
//! Value conventions
//! - A value's type is *SSA* (`TypeTable::is_ssa`): scalars, strings, slices, interfaces, complex numbers, small structs. Codegen
//!   splits it into its leaves. Everything larger lives in memory and is handled by address ([`Op::Move`], [`Op::ZeroMem`]).
//! - Entry block parameters are the function's parameters. One of an in-memory type is a pointer to a
//!   copy that the function owns (it may write to it; it dies with the caller's frame: if the variable escapes, copy it).
//! - A call's argument of in-memory type is the address of a fresh copy, its result of in-memory type is the address of a
//!   temporary in the caller's frame that the next execution of the same call overwrites: move it out at once.
//! - `Return` takes a value per result; for in-memory results the address to copy from.

use base::{Id, IndexVec, Symbol, define_id};
use smallvec::SmallVec;
use source::Pos;

use crate::program::{DataId, FuncId, GlobalId, ItabId};
use crate::types::Ty;

define_id! {
    /// An SSA value.
    pub struct Value("v");
    /// An instruction.
    pub struct Inst("inst");
    /// A basic block.
    pub struct Block("b");
    /// A stack slot: memory in the frame.
    pub struct Slot("slot");
    /// An inlined call; 0 = the function itself.
    pub struct InlineId("inl");
}

/// A source position and the inlined call it came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loc {
    #[allow(missing_docs)]
    pub pos: Pos,
    #[allow(missing_docs)]
    pub inline: InlineId,
}

impl Default for Loc {
    fn default() -> Self {
        Loc {
            pos: Pos::NONE,
            inline: InlineId(0),
        }
    }
}

/// An inlined call (or, at index 0, the function itself).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineSite {
    /// Function whose body the instructions come from.
    pub func: Symbol,
    /// Position of its declaration.
    pub decl: Pos,
    /// Where it was called; `None` for index 0.
    pub call: Option<Loc>,
    /// Whether that function is a generated wrapper.
    pub wrapper: bool,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Link name, unique: `net/http.(*Server).Serve`, `main.main.func1`, `slices.Sort[go.shape-free full type args]`.
    pub name: Symbol,
    /// Name as tracebacks print it (instantiations as `pkg.F[...]`).
    pub display: Symbol,
    /// Position of the declaration.
    pub pos: Pos,
    /// Parameter types, receiver first.
    pub params: Box<[Ty]>,
    #[allow(missing_docs)]
    pub results: Box<[Ty]>,
    #[allow(missing_docs)]
    pub flags: FuncFlags,
    /// `None`: defined elsewhere (runtime entry point) under `name`.
    pub body: Option<Body>,
}

/// Properties of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FuncFlags {
    /// `//go:noinline`, or contains recover or defer.
    pub noinline: bool,
    /// `//go:nosplit`: no stack check, no safepoint.
    pub nosplit: bool,
    /// Generated adapter.
    pub wrapper: bool,
    /// Declared in package runtime.
    pub runtime: bool,
    /// Calls recover.
    pub recovers: bool,
    /// Never returns normally (calls that end in panic, exit ...).
    pub no_return: bool,
    /// Closure: uses [`Op::ClosureCtx`].
    pub closure: bool,
    /// Extern function that can neither allocate, park, panic, nor touch Go-visible memory except through its pointer arguments.
    pub leaf: bool,
    /// Extern function that keeps none of its pointer arguments beyond the call (`//go:noescape`); what they point to it may copy.
    pub noescape: bool,
    /// `//go:nosplit`, and calls others of that kind, or what it does not know: see `callgraph::mark_chains`.
    pub chains: bool,
}

/// A function's code.
#[derive(Clone, Debug)]
pub struct Body {
    #[allow(missing_docs)]
    pub blocks: IndexVec<Block, BlockData>,
    #[allow(missing_docs)]
    pub insts: IndexVec<Inst, InstData>,
    #[allow(missing_docs)]
    pub values: IndexVec<Value, ValueData>,
    #[allow(missing_docs)]
    pub slots: IndexVec<Slot, SlotData>,
    #[allow(missing_docs)]
    pub inlines: IndexVec<InlineId, InlineSite>,
    /// Functions that own defer records: where execution continues after a recovered panic. The block takes no
    /// parameters and uses no SSA values of other blocks (only slots). Every call in the function implicitly may go there.
    pub recover_block: Option<Block>,
}

impl Body {
    /// The entry block is the first.
    pub const ENTRY: Block = Block(0);
}

/// A basic block.
#[derive(Clone, Debug, Default)]
pub struct BlockData {
    #[allow(missing_docs)]
    pub params: Vec<Value>,
    #[allow(missing_docs)]
    pub insts: Vec<Inst>,
    /// Set when the block is finished.
    pub term: Option<Terminator>,
    /// Location of the terminator.
    pub term_loc: Loc,
    /// Rarely executed (panics, slow paths).
    pub cold: bool,
}

/// An instruction with its results.
#[derive(Clone, Debug)]
pub struct InstData {
    #[allow(missing_docs)]
    pub op: Op,
    /// None, one, or (calls, some intrinsics) several.
    pub results: SmallVec<[Value; 1]>,
    #[allow(missing_docs)]
    pub loc: Loc,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueData {
    #[allow(missing_docs)]
    pub ty: Ty,
    #[allow(missing_docs)]
    pub def: Def,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Def {
    /// n-th parameter of a block.
    Param(Block, u32),
    /// n-th result of an instruction.
    Inst(Inst, u32),
    /// Replaced by another value; only between passes of the builder, never in a finished body.
    Alias(Value),
}

/// Memory in the frame. Not zeroed on entry: the lowering initialises it.
#[derive(Clone, Debug)]
pub struct SlotData {
    #[allow(missing_docs)]
    pub ty: Ty,
    /// Variable name, for diagnostics.
    pub name: Symbol,
}

/// What an indirect or direct call calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    #[allow(missing_docs)]
    Func(FuncId),
    /// A func value (pointer to a closure object); codegen sets the closure context. Nil faults.
    Closure(Value),
    /// A code address (from an itab); the receiver word is the first argument.
    Code(Value),
}

/// Two-operand arithmetic. Operands have the result's type, except shift counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinOp {
    /// Integers wrap; floats and complex numbers too.
    Add,
    #[allow(missing_docs)]
    Sub,
    #[allow(missing_docs)]
    Mul,
    /// Integer: the divisor is known not to be zero ([`Op::DivCheck`] comes before); MIN / -1 wraps.
    Div,
    #[allow(missing_docs)]
    Rem,
    #[allow(missing_docs)]
    And,
    #[allow(missing_docs)]
    Or,
    #[allow(missing_docs)]
    Xor,
    #[allow(missing_docs)]
    AndNot,
    /// Go's shift: the count has its own integer type, is taken as unsigned (a negative one was refused before) and may exceed the width.
    Shl,
    /// Arithmetic for signed operands.
    Shr,
    /// Shifts whose count is known to be less than the width.
    ShlBounded,
    #[allow(missing_docs)]
    ShrBounded,
}

/// One-operand arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnOp {
    #[allow(missing_docs)]
    Neg,
    /// Boolean not.
    Not,
    #[allow(missing_docs)]
    BitNot,
}

/// Comparisons of scalars: integers by the operand type's signedness, floats by IEEE, pointers and booleans for (in)equality
/// (pointers also ordered, unsigned).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CmpOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Which bound a check tests; decides the panic text. See `abi::symbols::throws`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoundKind {
    /// `index < len`
    Index,
    /// `s[?:x]` with x <= len (strings, arrays)
    SliceAlen,
    /// `s[?:x]` with x <= cap
    SliceAcap,
    /// `s[x:y]` with x <= y
    SliceB,
    #[allow(missing_docs)]
    Slice3Alen,
    #[allow(missing_docs)]
    Slice3Acap,
    #[allow(missing_docs)]
    Slice3B,
    #[allow(missing_docs)]
    Slice3C,
    /// slice to array conversion: index = slice length, len = array length, needs len <= index
    Convert,
}

/// Memory orderings are all sequentially consistent. The access width is the value type's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtomicOp {
    /// (addr) -> value
    Load,
    /// (addr, value). Pointers: the lowering emits the write barrier form [`Op::AtomicPtr`]-free via runtime calls.
    Store,
    /// (addr, new) -> old
    Swap,
    /// (addr, old, new) -> bool
    CompareAndSwap,
    /// (addr, delta) -> old
    Add,
    /// (addr, mask) -> old
    And,
    #[allow(missing_docs)]
    Or,
}

/// Operations with a machine instruction or a well-known short sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intrinsic {
    #[allow(missing_docs)]
    Sqrt,
    #[allow(missing_docs)]
    Floor,
    #[allow(missing_docs)]
    Ceil,
    #[allow(missing_docs)]
    Trunc,
    /// Round half to even.
    Nearest,
    #[allow(missing_docs)]
    Fma,
    #[allow(missing_docs)]
    Abs,
    #[allow(missing_docs)]
    Copysign,
    /// Leading zeros of the operand's width -> int.
    LeadingZeros,
    /// Trailing zeros (width for zero) -> int.
    TrailingZeros,
    /// -> int
    PopCount,
    #[allow(missing_docs)]
    ByteSwap,
    #[allow(missing_docs)]
    BitReverse,
    /// (x, k): rotate left by k modulo width.
    RotateLeft,
    /// (x, y uint64) -> (hi, lo)
    MulWide,
    /// (x, y, carry) -> (sum, carry out)
    AddCarry,
    /// (x, y, borrow) -> (diff, borrow out)
    SubBorrow,
    /// (hi, lo, y) -> (quo, rem); y > hi is known.
    DivWide,
    /// Hint.
    Prefetch,
    /// Spin-wait hint.
    Pause,
    /// The same pointer, of which the source promises that what is done with it does not outlive the object (`abi.NoEscape`).
    NoEscape,
    /// Return address of this function.
    CallerPc,
    /// Stack pointer of the caller.
    CallerSp,
    /// (x, y float64) -> float64: `MINSD`-free Go min/max semantics (NaN wins, -0 < +0).
    FloatMin,
    #[allow(missing_docs)]
    FloatMax,
}

/// Whether a store needs a write barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Barrier {
    /// Not decided: the barrier pass decides (pointer-typed leaves into memory that may be heap or global).
    #[default]
    Auto,
    /// Proven unnecessary: frame memory, initialising store of a fresh object, no pointers.
    No,
    #[allow(missing_docs)]
    Yes,
}

/// Instructions.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    // ---- constants
    /// Integer or boolean (0, 1) or non-Go pointer constant of the result's type; sign-extended.
    Int(i64),
    /// Bits of an f64 (for float32 results: the value, converted exactly).
    Float(u64),
    /// The zero value of the result's type.
    Zero,
    /// A string constant.
    Str(DataId, u64),
    /// Pointer to the static closure object of a function (its func value).
    FuncVal(FuncId),
    /// Code address of a function.
    FuncCode(FuncId),
    /// Address of a global.
    Global(GlobalId),
    /// Address of static data plus an offset.
    Data(DataId, i64),
    /// Address of a type descriptor.
    TypeDesc(Ty),
    /// Address of a static itab.
    Itab(ItabId),

    // ---- computation
    #[allow(missing_docs)]
    Unary(UnOp, Value),
    #[allow(missing_docs)]
    Binary(BinOp, Value, Value),
    #[allow(missing_docs)]
    Cmp(CmpOp, Value, Value),
    /// Go numeric conversion between the operand's and the result's type (integer widths, int<->float as gc on amd64, complex).
    Convert(Value),
    /// Same bits, other type: types with the same leaves (defined types, pointers and unsafe.Pointer and uintptr, float bits and integers).
    Bitcast(Value),
    /// `cond ? a : b`
    Select(Value, Value, Value),
    #[allow(missing_docs)]
    Intrinsic(Intrinsic, SmallVec<[Value; 3]>),

    // ---- aggregates in SSA form
    /// Builds a value of the result's type from its components (see `TypeTable::component_leaves`).
    Make(SmallVec<[Value; 4]>),
    /// Component of an aggregate.
    Extract(Value, u32),

    // ---- memory
    /// Address of a slot.
    SlotAddr(Slot),
    /// Address plus constant. The base is known not to be nil, or the access faults below 4096.
    Offset(Value, i64),
    /// `base + index * stride`; the index (any integer type, extended by its sign) has been checked.
    Index {
        #[allow(missing_docs)]
        base: Value,
        #[allow(missing_docs)]
        index: Value,
        #[allow(missing_docs)]
        stride: u64,
    },
    /// Loads a value of the result's (SSA) type. A nil address faults and becomes the Go panic.
    Load(Value),
    /// Stores an SSA value.
    Store {
        #[allow(missing_docs)]
        addr: Value,
        #[allow(missing_docs)]
        value: Value,
        #[allow(missing_docs)]
        barrier: Barrier,
    },
    /// Copies a value of any type; the ranges are equal or disjoint unless `overlap`.
    Move {
        #[allow(missing_docs)]
        dst: Value,
        #[allow(missing_docs)]
        src: Value,
        #[allow(missing_docs)]
        ty: Ty,
        #[allow(missing_docs)]
        barrier: Barrier,
    },
    /// Zeroes a value of any type.
    ZeroMem {
        #[allow(missing_docs)]
        dst: Value,
        #[allow(missing_docs)]
        ty: Ty,
        #[allow(missing_docs)]
        barrier: Barrier,
    },
    /// A new zeroed heap object of this type: address. Escape analysis may turn it into a slot.
    HeapAlloc(Ty),
    /// The data word of an interface that holds this integer or float: address of a heap object of the type `ty`, or of the place of the
    /// value's bits in `table` (the words 0 to 255) if they have one. Never written. Escape analysis may turn it into a slot.
    HeapBox {
        #[allow(missing_docs)]
        ty: Ty,
        #[allow(missing_docs)]
        value: Value,
        #[allow(missing_docs)]
        table: Value,
    },
    #[allow(missing_docs)]
    Atomic(AtomicOp, SmallVec<[Value; 3]>),

    // ---- checks: no result, do not return when they fail
    /// Panics if the pointer is nil. Codegen drops it where a following access faults anyway.
    NilCheck(Value),
    /// `index` and `len` are of type int (converted, see `unsigned`).
    BoundsCheck {
        #[allow(missing_docs)]
        index: Value,
        #[allow(missing_docs)]
        len: Value,
        #[allow(missing_docs)]
        kind: BoundKind,
        /// The index was unsigned in the source (decides the text).
        unsigned: bool,
    },
    /// Panics if the integer is zero.
    DivCheck(Value),
    /// Panics if the (signed) shift count is negative.
    ShiftCheck(Value),

    // ---- calls and control
    /// Results are the call's SSA results; see the module head for in-memory ones.
    Call {
        #[allow(missing_docs)]
        callee: Callee,
        #[allow(missing_docs)]
        args: SmallVec<[Value; 4]>,
        /// Declared result types.
        results: SmallVec<[Ty; 2]>,
    },
    /// The closure object this function was called through. Entry block only.
    ClosureCtx,
    /// rbp of this frame.
    FramePointer,
    /// The current G.
    GetG,
    /// Fills the defer record at `record` (a slot or heap object of 4 words) with func value `func` and this frame, and makes it the
    /// innermost one.
    DeferPush {
        #[allow(missing_docs)]
        record: Value,
        #[allow(missing_docs)]
        func: Value,
    },
    /// Keeps the value alive (and its object from being collected) until here.
    KeepAlive(Value),
    /// Safepoint in a loop without calls.
    Poll,
}

/// A jump target with arguments for its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockCall {
    #[allow(missing_docs)]
    pub block: Block,
    #[allow(missing_docs)]
    pub args: SmallVec<[Value; 2]>,
}

impl From<Block> for BlockCall {
    fn from(block: Block) -> Self {
        BlockCall {
            block,
            args: SmallVec::new(),
        }
    }
}

/// Ends of blocks.
#[derive(Clone, Debug, PartialEq)]
pub enum Terminator {
    #[allow(missing_docs)]
    Jump(BlockCall),
    /// `cond` is a bool.
    Branch {
        #[allow(missing_docs)]
        cond: Value,
        #[allow(missing_docs)]
        then: BlockCall,
        #[allow(missing_docs)]
        els: BlockCall,
    },
    /// On an integer value.
    Switch {
        #[allow(missing_docs)]
        value: Value,
        #[allow(missing_docs)]
        cases: Vec<(i64, BlockCall)>,
        #[allow(missing_docs)]
        default: BlockCall,
    },
    #[allow(missing_docs)]
    Return(SmallVec<[Value; 2]>),
    /// Control does not get here (after a call that does not return).
    Unreachable,
}

impl Terminator {
    /// Calls `f` with every target.
    pub fn for_each_target<'a>(&'a self, mut f: impl FnMut(&'a BlockCall)) {
        match self {
            Terminator::Jump(t) => f(t),
            Terminator::Branch { then, els, .. } => {
                f(then);
                f(els);
            }
            Terminator::Switch { cases, default, .. } => {
                for (_, t) in cases {
                    f(t);
                }
                f(default);
            }
            Terminator::Return(_) | Terminator::Unreachable => {}
        }
    }
    /// Calls `f` with every target, mutable.
    pub fn for_each_target_mut(&mut self, mut f: impl FnMut(&mut BlockCall)) {
        match self {
            Terminator::Jump(t) => f(t),
            Terminator::Branch { then, els, .. } => {
                f(then);
                f(els);
            }
            Terminator::Switch { cases, default, .. } => {
                for (_, t) in cases {
                    f(t);
                }
                f(default);
            }
            Terminator::Return(_) | Terminator::Unreachable => {}
        }
    }
    /// Calls `f` with every used value (block arguments included), mutable.
    pub fn for_each_use_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Terminator::Branch { cond, .. } => f(cond),
            Terminator::Switch { value, .. } => f(value),
            Terminator::Return(values) => values.iter_mut().for_each(&mut f),
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
        self.for_each_target_mut(|t| t.args.iter_mut().for_each(&mut f));
    }
    /// Calls `f` with every used value.
    pub fn for_each_use(&self, mut f: impl FnMut(Value)) {
        match self {
            Terminator::Branch { cond, .. } => f(*cond),
            Terminator::Switch { value, .. } => f(*value),
            Terminator::Return(values) => values.iter().for_each(|v| f(*v)),
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
        self.for_each_target(|t| t.args.iter().for_each(|v| f(*v)));
    }
}

impl Op {
    /// Calls `f` with every operand, mutable.
    pub fn for_each_use_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Op::Int(_)
            | Op::Float(_)
            | Op::Zero
            | Op::Str(..)
            | Op::FuncVal(_)
            | Op::FuncCode(_)
            | Op::Global(_)
            | Op::Data(..)
            | Op::TypeDesc(_)
            | Op::Itab(_)
            | Op::SlotAddr(_)
            | Op::HeapAlloc(_)
            | Op::ClosureCtx
            | Op::FramePointer
            | Op::GetG
            | Op::Poll => {}
            Op::Unary(_, a)
            | Op::Convert(a)
            | Op::Bitcast(a)
            | Op::Extract(a, _)
            | Op::Offset(a, _)
            | Op::Load(a)
            | Op::NilCheck(a)
            | Op::DivCheck(a)
            | Op::ShiftCheck(a)
            | Op::KeepAlive(a) => f(a),
            Op::ZeroMem { dst, .. } => f(dst),
            Op::Binary(_, a, b) | Op::Cmp(_, a, b) => {
                f(a);
                f(b);
            }
            Op::Index { base, index, .. } => {
                f(base);
                f(index);
            }
            Op::Store { addr, value, .. } => {
                f(addr);
                f(value);
            }
            Op::HeapBox { value, table, .. } => {
                f(value);
                f(table);
            }
            Op::Move { dst, src, .. } => {
                f(dst);
                f(src);
            }
            Op::BoundsCheck { index, len, .. } => {
                f(index);
                f(len);
            }
            Op::DeferPush { record, func } => {
                f(record);
                f(func);
            }
            Op::Select(c, a, b) => {
                f(c);
                f(a);
                f(b);
            }
            Op::Intrinsic(_, args) => args.iter_mut().for_each(f),
            Op::Make(args) => args.iter_mut().for_each(f),
            Op::Atomic(_, args) => args.iter_mut().for_each(f),
            Op::Call { callee, args, .. } => {
                match callee {
                    Callee::Func(_) => {}
                    Callee::Closure(v) | Callee::Code(v) => f(v),
                }
                args.iter_mut().for_each(f);
            }
        }
    }

    /// Calls `f` with every operand.
    pub fn for_each_use(&self, mut f: impl FnMut(Value)) {
        // Operands are few; a clone keeps the list of variants in one place.
        self.clone().for_each_use_mut(|v| f(*v));
    }

    /// Whether the instruction may be dropped when its results are unused and moved freely otherwise.
    pub fn is_pure(&self) -> bool {
        match self {
            Op::Int(_)
            | Op::Float(_)
            | Op::Zero
            | Op::Str(..)
            | Op::FuncVal(_)
            | Op::FuncCode(_)
            | Op::Global(_)
            | Op::Data(..)
            | Op::TypeDesc(_)
            | Op::Itab(_)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Cmp(..)
            | Op::Convert(_)
            | Op::Bitcast(_)
            | Op::Select(..)
            | Op::Make(_)
            | Op::Extract(..)
            | Op::SlotAddr(_)
            | Op::Offset(..)
            | Op::Index { .. }
            | Op::GetG
            | Op::FramePointer => true,
            Op::Intrinsic(i, _) => !matches!(i, Intrinsic::Prefetch | Intrinsic::Pause),
            Op::Load(_)
            | Op::Store { .. }
            | Op::Move { .. }
            | Op::ZeroMem { .. }
            | Op::HeapAlloc(_)
            | Op::HeapBox { .. }
            | Op::Atomic(..)
            | Op::NilCheck(_)
            | Op::BoundsCheck { .. }
            | Op::DivCheck(_)
            | Op::ShiftCheck(_)
            | Op::Call { .. }
            | Op::ClosureCtx
            | Op::DeferPush { .. }
            | Op::KeepAlive(_)
            | Op::Poll => false,
        }
    }
}

impl Body {
    /// A body with an empty entry block.
    pub fn new(func: Symbol, decl: Pos) -> Self {
        let mut inlines = IndexVec::new();
        inlines.push(InlineSite {
            func,
            decl,
            call: None,
            wrapper: false,
        });
        let mut blocks = IndexVec::new();
        blocks.push(BlockData::default());
        Body {
            blocks,
            insts: IndexVec::new(),
            values: IndexVec::new(),
            slots: IndexVec::new(),
            inlines,
            recover_block: None,
        }
    }
    /// A value's type.
    pub fn ty(&self, value: Value) -> Ty {
        self.values[value].ty
    }
    /// The instruction that defines a value, if one does.
    pub fn def_op(&self, value: Value) -> Option<&Op> {
        match self.values[value].def {
            Def::Inst(inst, _) => Some(&self.insts[inst].op),
            _ => None,
        }
    }
    /// The constant that a value is, if it is an integer or boolean constant.
    pub fn as_int(&self, value: Value) -> Option<i64> {
        match self.def_op(value)? {
            Op::Int(n) => Some(*n),
            Op::Zero => Some(0),
            _ => None,
        }
    }
    /// Appends a parameter to a block.
    pub fn add_block_param(&mut self, block: Block, ty: Ty) -> Value {
        let index = self.blocks[block].params.len() as u32;
        let value = self.values.push(ValueData {
            ty,
            def: Def::Param(block, index),
        });
        self.blocks[block].params.push(value);
        value
    }
    /// Creates an instruction without placing it in a block.
    pub fn make_inst(&mut self, op: Op, result_types: &[Ty], loc: Loc) -> Inst {
        let inst = self.insts.push(InstData {
            op,
            results: SmallVec::new(),
            loc,
        });
        for (i, &ty) in result_types.iter().enumerate() {
            let value = self.values.push(ValueData {
                ty,
                def: Def::Inst(inst, i as u32),
            });
            self.insts[inst].results.push(value);
        }
        inst
    }
    /// Predecessors of every block (a block occurs once per edge).
    pub fn predecessors(&self) -> IndexVec<Block, Vec<Block>> {
        let mut preds: IndexVec<Block, Vec<Block>> =
            IndexVec::from_elem_n(Vec::new(), self.blocks.len());
        for (block, data) in self.blocks.iter_enumerated() {
            if let Some(term) = &data.term {
                term.for_each_target(|t| preds[t.block].push(block));
            }
        }
        preds
    }
    /// Blocks reachable from the entry (and the recover block) in reverse postorder.
    pub fn reverse_postorder(&self) -> Vec<Block> {
        let mut seen = vec![false; self.blocks.len()];
        let mut order = Vec::with_capacity(self.blocks.len());
        // Roots are visited last-first so that the entry ends up in front.
        for root in self.recover_block.into_iter().chain([Body::ENTRY]) {
            if std::mem::replace(&mut seen[root.index()], true) {
                continue;
            }
            let mut stack = vec![(root, self.successors(root), 0usize)];
            while let Some((block, succs, next)) = stack.last_mut() {
                if let Some(&succ) = succs.get(*next) {
                    *next += 1;
                    if !std::mem::replace(&mut seen[succ.index()], true) {
                        stack.push((succ, self.successors(succ), 0));
                    }
                } else {
                    order.push(*block);
                    stack.pop();
                }
            }
        }
        order.reverse();
        order
    }
    /// Successors in terminator order.
    pub fn successors(&self, block: Block) -> SmallVec<[Block; 2]> {
        let mut out = SmallVec::new();
        if let Some(term) = &self.blocks[block].term {
            term.for_each_target(|t| out.push(t.block));
        }
        out
    }
}
