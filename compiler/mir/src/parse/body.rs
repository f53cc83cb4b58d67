//! Bodies of functions.

use base::{FxHashSet, Id, IndexVec, Symbol};
use smallvec::SmallVec;
use source::Pos;

use super::{Parser, Result};
use crate::ir::{
    AtomicOp, Barrier, BinOp, Block, BlockCall, BlockData, Body, BoundKind, Callee, CmpOp, Def,
    Function, InlineId, InlineSite, InstData, Intrinsic, Loc, Op, Slot, SlotData, Terminator, UnOp,
    Value, ValueData,
};
use crate::print::own_site;
use crate::text::Word;
use crate::types::{Ty, TypeTable};

/// Numbers of values and blocks may have gaps: so many for each byte of text, and these.
const GAPS: usize = 4096;
const GAPS_PER_BYTE: usize = 16;

/// A body while it is read.
struct Unfinished {
    values: Vec<Option<ValueData>>,
    blocks: Vec<Option<BlockData>>,
    body: Body,
    /// The block that instructions go to.
    current: Option<Block>,
    /// Whether it has its terminator.
    ended: bool,
    /// Uses, with their places in the text.
    value_uses: Vec<(Value, usize)>,
    block_uses: Vec<(Block, usize)>,
    /// Values that are used already: each needs one entry.
    seen: FxHashSet<Value>,
}

impl Parser<'_, '_> {
    /// Reads up to the closing brace.
    pub(super) fn body(&mut self, func: &Function) -> Result<Body> {
        let mut body = Body::new(func.display, func.pos);
        body.blocks = IndexVec::new();
        body.inlines = IndexVec::from_raw(vec![own_site(func)]);
        let mut u = Unfinished {
            values: Vec::new(),
            blocks: Vec::new(),
            body,
            current: None,
            ended: true,
            value_uses: Vec::new(),
            block_uses: Vec::new(),
            seen: FxHashSet::default(),
        };
        let start = self.cursor.here();
        while !self.cursor.eat("}") {
            if self.cursor.at_end() {
                return self.cursor.error_at(start, "the body does not end");
            }
            self.line(&mut u)?;
            self.cursor.end_line()?;
        }
        if !u.ended {
            return self.cursor.error_at(start, "the last block does not end");
        }
        self.finish(u, func, start)
    }

    fn finish(&mut self, u: Unfinished, func: &Function, start: usize) -> Result<Body> {
        for &(block, at) in &u.block_uses {
            if !matches!(u.blocks.get(block.index()), Some(Some(_))) {
                return self
                    .cursor
                    .error_at(at, format!("there is no block {block}"));
            }
        }
        for &(value, at) in &u.value_uses {
            if !matches!(u.values.get(value.index()), Some(Some(_))) {
                return self.cursor.error_at(at, format!("{value} is not defined"));
            }
        }
        let mut body = u.body;
        match u.blocks.first() {
            Some(Some(entry)) if entry.params.len() == func.params.len() => {}
            Some(Some(_)) => {
                return self
                    .cursor
                    .error_at(start, "b0 must have the function's parameters");
            }
            _ => return self.cursor.error_at(start, "there is no block b0"),
        }
        // Numbers that the text does not use: blocks and values that nothing reaches.
        body.blocks = u
            .blocks
            .into_iter()
            .map(|block| {
                block.unwrap_or(BlockData {
                    term: Some(Terminator::Unreachable),
                    ..BlockData::default()
                })
            })
            .collect();
        body.values = u
            .values
            .into_iter()
            .map(|value| {
                value.unwrap_or(ValueData {
                    ty: TypeTable::BOOL,
                    def: Def::Param(Body::ENTRY, u32::MAX),
                })
            })
            .collect();
        Ok(body)
    }

    fn line(&mut self, u: &mut Unfinished) -> Result<()> {
        let at = self.cursor.here();
        if let Some(n) = self.cursor.eat_id("b")? {
            return self.block_header(u, Block(n), at);
        }
        if u.current.is_none() {
            if let Some(n) = self.cursor.eat_id("slot")? {
                return self.slot(u, n, at);
            }
            if let Some(n) = self.cursor.eat_id("inl")? {
                return self.inline_site(u, n, at);
            }
            if self.cursor.eat_word("recover") {
                u.body.recover_block = Some(self.block(u)?);
                return Ok(());
            }
            return self.cursor.error("expected a block");
        }
        let mut results = Vec::new();
        if self.cursor.peek_id("v") {
            self.definitions(u, &mut results)?;
            self.cursor.expect("=")?;
        } else if self.terminator(u)? {
            return Ok(());
        }
        self.instruction(u, results)
    }

    fn slot(&mut self, u: &mut Unfinished, n: u32, at: usize) -> Result<()> {
        if n as usize != u.body.slots.len() {
            return self
                .cursor
                .error_at(at, "slots are declared in order from slot0");
        }
        let name = if self.cursor.peek() == Some(':') {
            Symbol::intern("")
        } else {
            Symbol::intern(&self.cursor.name("a name")?)
        };
        self.cursor.expect(":")?;
        let ty = self.ty()?;
        u.body.slots.push(SlotData { ty, name });
        Ok(())
    }

    fn inline_site(&mut self, u: &mut Unfinished, n: u32, at: usize) -> Result<()> {
        let next = u.body.inlines.len();
        if n as usize != next && !(n == 0 && next == 1) {
            return self
                .cursor
                .error_at(at, "inlined calls are declared in order");
        }
        let func = Symbol::intern(&self.cursor.name("a function")?);
        self.cursor.expect("@")?;
        let decl = Pos(self.cursor.number("a position")?);
        let wrapper = self.cursor.eat_word("wrapper");
        let call = if self.cursor.eat_word("at") {
            // A call in a function that was inlined itself, earlier in the list.
            let known = u.body.inlines.len();
            self.loc(known)?
        } else {
            None
        };
        if call.is_none() != (n == 0) {
            return self
                .cursor
                .error_at(at, "every inlined call, and nothing else, says where it is");
        }
        let site = InlineSite {
            func,
            decl,
            call,
            wrapper,
        };
        if n == 0 {
            u.body.inlines[InlineId(0)] = site;
        } else {
            u.body.inlines.push(site);
        }
        Ok(())
    }

    /// A location, if there is one.
    fn loc(&mut self, inlines: usize) -> Result<Option<Loc>> {
        if !self.cursor.eat("@") {
            return Ok(None);
        }
        let pos = Pos(self.cursor.number("a position")?);
        let mut inline = InlineId(0);
        if self.cursor.eat_here(":") {
            let at = self.cursor.here();
            inline = InlineId(self.cursor.id("inl", "an inlined call")?);
            if inline.index() >= inlines {
                return self
                    .cursor
                    .error_at(at, format!("{inline} is not declared"));
            }
        }
        Ok(Some(Loc { pos, inline }))
    }

    fn check_number(&mut self, n: u32, at: usize) -> Result<()> {
        if n as usize > GAPS + GAPS_PER_BYTE * self.text_len {
            return self
                .cursor
                .error_at(at, "the number is much too large for the text");
        }
        Ok(())
    }

    fn block_header(&mut self, u: &mut Unfinished, block: Block, at: usize) -> Result<()> {
        self.check_number(block.0, at)?;
        if !u.ended {
            return self.cursor.error_at(at, "the block before does not end");
        }
        if u.blocks.len() <= block.index() {
            u.blocks.resize(block.index() + 1, None);
        }
        if u.blocks[block.index()].is_some() {
            return self
                .cursor
                .error_at(at, format!("there are two blocks {block}"));
        }
        let mut params = Vec::new();
        if self.cursor.eat("(") {
            self.definitions(u, &mut params)?;
            self.cursor.expect(")")?;
        }
        let cold = self.cursor.eat_word("cold");
        self.cursor.expect(":")?;
        for (n, &value) in params.iter().enumerate() {
            if let Some(Some(data)) = u.values.get_mut(value.index()) {
                data.def = Def::Param(block, n as u32);
            }
        }
        u.blocks[block.index()] = Some(BlockData {
            params,
            cold,
            ..BlockData::default()
        });
        u.current = Some(block);
        u.ended = false;
        Ok(())
    }

    /// `v1: type, v2: type`
    fn definitions(&mut self, u: &mut Unfinished, out: &mut Vec<Value>) -> Result<()> {
        loop {
            let at = self.cursor.here();
            let value = Value(self.cursor.id("v", "a value")?);
            self.check_number(value.0, at)?;
            self.cursor.expect(":")?;
            let ty = self.ty()?;
            if u.values.len() <= value.index() {
                u.values.resize(value.index() + 1, None);
            }
            let def = Def::Param(Body::ENTRY, u32::MAX);
            if u.values[value.index()]
                .replace(ValueData { ty, def })
                .is_some()
            {
                return self
                    .cursor
                    .error_at(at, format!("{value} is defined twice"));
            }
            out.push(value);
            if !self.cursor.eat(",") {
                return Ok(());
            }
        }
    }

    // ---- operands

    fn value(&mut self, u: &mut Unfinished) -> Result<Value> {
        let at = self.cursor.here();
        let value = Value(self.cursor.id("v", "a value")?);
        if u.seen.insert(value) {
            u.value_uses.push((value, at));
        }
        Ok(value)
    }

    fn next_value(&mut self, u: &mut Unfinished) -> Result<Value> {
        self.cursor.expect(",")?;
        self.value(u)
    }

    fn next_number<T: std::str::FromStr>(&mut self) -> Result<T> {
        self.cursor.expect(",")?;
        self.cursor.number("a number")
    }

    fn next_type(&mut self) -> Result<Ty> {
        self.cursor.expect(",")?;
        self.ty()
    }

    /// Values up to what cannot be one.
    fn values<const N: usize>(&mut self, u: &mut Unfinished) -> Result<SmallVec<[Value; N]>>
    where
        [Value; N]: smallvec::Array<Item = Value>,
    {
        let mut out = SmallVec::new();
        if self.cursor.peek_id("v") {
            out.push(self.value(u)?);
            while self.cursor.eat(",") {
                out.push(self.value(u)?);
            }
        }
        Ok(out)
    }

    fn block(&mut self, u: &mut Unfinished) -> Result<Block> {
        let at = self.cursor.here();
        let block = Block(self.cursor.id("b", "a block")?);
        u.block_uses.push((block, at));
        Ok(block)
    }

    fn target(&mut self, u: &mut Unfinished) -> Result<BlockCall> {
        let block = self.block(u)?;
        let mut args = SmallVec::new();
        if self.cursor.eat("(") {
            args = self.values(u)?;
            self.cursor.expect(")")?;
        }
        Ok(BlockCall { block, args })
    }

    // ---- instructions

    /// Reads a terminator, if there is one.
    fn terminator(&mut self, u: &mut Unfinished) -> Result<bool> {
        let at = self.cursor.here();
        let term = if self.cursor.eat_word("jump") {
            Some(Terminator::Jump(self.target(u)?))
        } else if self.cursor.eat_word("branch") {
            let cond = self.value(u)?;
            self.cursor.expect(",")?;
            let then = self.target(u)?;
            self.cursor.expect(",")?;
            let els = self.target(u)?;
            Some(Terminator::Branch { cond, then, els })
        } else if self.cursor.eat_word("switch") {
            let value = self.value(u)?;
            let mut cases = Vec::new();
            loop {
                self.cursor.expect(",")?;
                if self.cursor.peek_id("b") {
                    break;
                }
                let n = self.cursor.number("a number")?;
                self.cursor.expect(":")?;
                cases.push((n, self.target(u)?));
            }
            let default = self.target(u)?;
            Some(Terminator::Switch {
                value,
                cases,
                default,
            })
        } else if self.cursor.eat_word("return") {
            Some(Terminator::Return(self.values(u)?))
        } else if self.cursor.eat_word("unreachable") {
            Some(Terminator::Unreachable)
        } else if self.cursor.eat_word("unfinished") {
            None
        } else {
            return Ok(false);
        };
        let loc = self.loc(u.body.inlines.len())?.unwrap_or_default();
        let Some(block) = u.current.and_then(|b| u.blocks[b.index()].as_mut()) else {
            return self.cursor.error_at(at, "expected a block");
        };
        if std::mem::replace(&mut u.ended, true) {
            return self.cursor.error_at(at, "the block has ended");
        }
        block.term = term;
        block.term_loc = loc;
        Ok(true)
    }

    fn instruction(&mut self, u: &mut Unfinished, results: Vec<Value>) -> Result<()> {
        let at = self.cursor.here();
        let types: SmallVec<[Ty; 2]> = results
            .iter()
            .filter_map(|r| u.values[r.index()].map(|data| data.ty))
            .collect();
        let op = self.op(u, types)?;
        let expected = match &op {
            Op::Call { .. } | Op::Intrinsic(..) | Op::Atomic(..) => None,
            Op::Store { .. }
            | Op::Move { .. }
            | Op::ZeroMem { .. }
            | Op::NilCheck(_)
            | Op::BoundsCheck { .. }
            | Op::DivCheck(_)
            | Op::ShiftCheck(_)
            | Op::DeferPush { .. }
            | Op::KeepAlive(_)
            | Op::Poll => Some(0),
            _ => Some(1),
        };
        if let Some(n) = expected.filter(|&n| n != results.len()) {
            return self
                .cursor
                .error_at(at, format!("the operation has {n} results"));
        }
        let loc = self.loc(u.body.inlines.len())?.unwrap_or_default();
        let Some(block) = u.current.and_then(|b| u.blocks[b.index()].as_mut()) else {
            return self.cursor.error_at(at, "expected a block");
        };
        if u.ended {
            return self.cursor.error_at(at, "the block has ended");
        }
        let inst = u.body.insts.next_id();
        for (n, result) in results.iter().enumerate() {
            if let Some(data) = &mut u.values[result.index()] {
                data.def = Def::Inst(inst, n as u32);
            }
        }
        block.insts.push(inst);
        u.body.insts.push(InstData {
            op,
            results: results.into(),
            loc,
        });
        Ok(())
    }

    fn op(&mut self, u: &mut Unfinished, results: SmallVec<[Ty; 2]>) -> Result<Op> {
        let at = self.cursor.here();
        let word = self.cursor.word("an operation")?;
        if let Some(op) = BinOp::from_word(word) {
            return Ok(Op::Binary(op, self.value(u)?, self.next_value(u)?));
        }
        if let Some(op) = UnOp::from_word(word) {
            return Ok(Op::Unary(op, self.value(u)?));
        }
        let (head, tail) = match word.split_once('.') {
            Some((head, tail)) => (head, Some(tail)),
            None => (word, None),
        };
        if let Some(tail) = tail {
            if let Some(op) = self.op_of_family(u, head, tail, &results)? {
                return Ok(op);
            }
            return self
                .cursor
                .error_at(at, format!("there is no operation `{word}`"));
        }
        Ok(match head {
            "int" => Op::Int(self.cursor.number("a number")?),
            "float" => Op::Float(self.cursor.float()?),
            "zero" => Op::Zero,
            "str" => {
                let n = self.cursor.id("data", "data")?;
                Op::Str(self.data_id(n)?, self.next_number()?)
            }
            "funcval" => Op::FuncVal(self.func()?),
            "funccode" => Op::FuncCode(self.func()?),
            "global" => Op::Global(self.global_name()?),
            "data" => {
                let n = self.cursor.id("data", "data")?;
                Op::Data(self.data_id(n)?, self.next_number()?)
            }
            "typedesc" => Op::TypeDesc(self.ty()?),
            "itab" => {
                let n = self.cursor.id("itab", "an itab")?;
                Op::Itab(self.itab_id(n)?)
            }
            "convert" => Op::Convert(self.value(u)?),
            "bitcast" => Op::Bitcast(self.value(u)?),
            "select" => Op::Select(self.value(u)?, self.next_value(u)?, self.next_value(u)?),
            "make" => Op::Make(self.values(u)?),
            "extract" => Op::Extract(self.value(u)?, self.next_number()?),
            "slotaddr" => {
                let at = self.cursor.here();
                let slot = Slot(self.cursor.id("slot", "a slot")?);
                if slot.index() >= u.body.slots.len() {
                    return self.cursor.error_at(at, format!("{slot} is not declared"));
                }
                Op::SlotAddr(slot)
            }
            "offset" => Op::Offset(self.value(u)?, self.next_number()?),
            "index" => Op::Index {
                base: self.value(u)?,
                index: self.next_value(u)?,
                stride: self.next_number()?,
            },
            "load" => Op::Load(self.value(u)?),
            "store" | "move" | "zeromem" => self.write(u, head, Barrier::Auto)?,
            "heapalloc" => Op::HeapAlloc(self.ty()?),
            "heapbox" => {
                let (value, table) = (self.value(u)?, self.next_value(u)?);
                self.cursor.expect(",")?;
                let ty = self.ty()?;
                Op::HeapBox { ty, value, table }
            }
            "nilcheck" => Op::NilCheck(self.value(u)?),
            "divcheck" => Op::DivCheck(self.value(u)?),
            "shiftcheck" => Op::ShiftCheck(self.value(u)?),
            "call" => {
                let callee = Callee::Func(self.func()?);
                self.call(u, callee, results)?
            }
            "closurectx" => Op::ClosureCtx,
            "framepointer" => Op::FramePointer,
            "getg" => Op::GetG,
            "deferpush" => Op::DeferPush {
                record: self.value(u)?,
                func: self.next_value(u)?,
            },
            "keepalive" => Op::KeepAlive(self.value(u)?),
            "poll" => Op::Poll,
            _ => {
                return self
                    .cursor
                    .error_at(at, format!("there is no operation `{word}`"));
            }
        })
    }

    /// Operations whose word has two parts; `None` if there is none of that name.
    fn op_of_family(
        &mut self,
        u: &mut Unfinished,
        head: &str,
        tail: &str,
        results: &SmallVec<[Ty; 2]>,
    ) -> Result<Option<Op>> {
        Ok(match head {
            "cmp" => match CmpOp::from_word(tail) {
                Some(op) => Some(Op::Cmp(op, self.value(u)?, self.next_value(u)?)),
                None => None,
            },
            "intrinsic" => match Intrinsic::from_word(tail) {
                Some(op) => Some(Op::Intrinsic(op, self.values(u)?)),
                None => None,
            },
            "atomic" => match AtomicOp::from_word(tail) {
                Some(op) => {
                    let at = self.cursor.here();
                    let args: SmallVec<[Value; 3]> = self.values(u)?;
                    if args.is_empty() {
                        return self.cursor.error_at(at, "expected an address");
                    }
                    Some(Op::Atomic(op, args))
                }
                None => None,
            },
            "boundscheck" => {
                let (kind, unsigned) = match tail.strip_suffix(".unsigned") {
                    Some(kind) => (kind, true),
                    None => (tail, false),
                };
                match BoundKind::from_word(kind) {
                    Some(kind) => Some(Op::BoundsCheck {
                        index: self.value(u)?,
                        len: self.next_value(u)?,
                        kind,
                        unsigned,
                    }),
                    None => None,
                }
            }
            "store" | "move" | "zeromem" => match tail {
                "barrier" => Some(self.write(u, head, Barrier::Yes)?),
                "nobarrier" => Some(self.write(u, head, Barrier::No)?),
                _ => None,
            },
            "call" => {
                let callee = match tail {
                    "closure" => Callee::Closure(self.value(u)?),
                    "code" => Callee::Code(self.value(u)?),
                    _ => return Ok(None),
                };
                Some(self.call(u, callee, results.clone())?)
            }
            _ => None,
        })
    }

    fn write(&mut self, u: &mut Unfinished, word: &str, barrier: Barrier) -> Result<Op> {
        let dst = self.value(u)?;
        Ok(match word {
            "store" => Op::Store {
                addr: dst,
                value: self.next_value(u)?,
                barrier,
            },
            "move" => Op::Move {
                dst,
                src: self.next_value(u)?,
                ty: self.next_type()?,
                barrier,
            },
            _ => Op::ZeroMem {
                dst,
                ty: self.next_type()?,
                barrier,
            },
        })
    }

    fn call(
        &mut self,
        u: &mut Unfinished,
        callee: Callee,
        mut results: SmallVec<[Ty; 2]>,
    ) -> Result<Op> {
        self.cursor.expect("(")?;
        let args = self.values(u)?;
        self.cursor.expect(")")?;
        if self.cursor.eat("->") {
            results = self.type_list()?.into();
        }
        Ok(Op::Call {
            callee,
            args,
            results,
        })
    }
}
