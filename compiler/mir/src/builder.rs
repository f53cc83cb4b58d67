//! SSA construction while lowering: variables are assigned and read; block parameters appear where control flow joins.
//!
//! Algorithm: Braun, Buchwald, Hack, Leißa, Mallon, Zwinkau: "Simple and Efficient Construction of Static Single
//! Assignment Form" (CC 2013). A block is *sealed* once all its predecessors are known. Parameters that turn
//! out to be copies of one value are removed in [`FuncBuilder::finish`].

use base::{FxHashMap, Id, IndexVec, Symbol, define_id};
use smallvec::SmallVec;
use source::Pos;

use crate::ir::{
    Block, BlockCall, BlockData, Body, Def, InlineId, Loc, Op, Slot, SlotData, Terminator, Value,
};
use crate::types::Ty;

define_id! {
    /// A source variable that lives in SSA form.
    pub struct Var("var");
}

/// Builds one [`Body`].
#[derive(Debug)]
pub struct FuncBuilder {
    /// The body being built. Read freely; change blocks' terminators only through the builder.
    pub body: Body,
    current: Option<Block>,
    loc: Loc,
    vars: IndexVec<Var, Ty>,
    defs: FxHashMap<(Var, Block), Value>,
    preds: IndexVec<Block, Vec<Block>>,
    sealed: IndexVec<Block, bool>,
    incomplete: FxHashMap<Block, Vec<(Var, Value)>>,
    param_var: FxHashMap<Value, Var>,
}

impl FuncBuilder {
    /// Starts a function; the current block is the (sealed) entry.
    pub fn new(func: Symbol, decl: Pos) -> Self {
        let mut b = FuncBuilder {
            body: Body::new(func, decl),
            current: Some(Body::ENTRY),
            loc: Loc {
                pos: decl,
                inline: InlineId(0),
            },
            vars: IndexVec::new(),
            defs: FxHashMap::default(),
            preds: IndexVec::new(),
            sealed: IndexVec::new(),
            incomplete: FxHashMap::default(),
            param_var: FxHashMap::default(),
        };
        b.preds.push(Vec::new());
        b.sealed.push(true);
        b
    }

    /// Location of instructions emitted from now on.
    pub fn set_pos(&mut self, pos: Pos) {
        self.loc.pos = pos;
    }
    /// The location in force.
    pub fn loc(&self) -> Loc {
        self.loc
    }
    /// Adds a parameter to the entry block.
    pub fn add_param(&mut self, ty: Ty) -> Value {
        self.body.add_block_param(Body::ENTRY, ty)
    }

    // ---- blocks

    /// A new unsealed block.
    pub fn new_block(&mut self) -> Block {
        self.preds.push(Vec::new());
        self.sealed.push(false);
        self.body.blocks.push(BlockData::default())
    }
    /// Marks a block as rarely executed.
    pub fn mark_cold(&mut self, block: Block) {
        self.body.blocks[block].cold = true;
    }
    /// Emits into this block from now on.
    pub fn switch_to(&mut self, block: Block) {
        debug_assert!(
            self.body.blocks[block].term.is_none(),
            "{block} is finished"
        );
        self.current = Some(block);
    }
    /// The block being emitted into; `None` after a terminator.
    pub fn current(&self) -> Option<Block> {
        self.current
    }
    /// Whether the current point is reachable at all.
    pub fn is_reachable(&self) -> bool {
        self.current.is_some()
    }
    /// Whether any finished block jumps to this one.
    pub fn has_predecessors(&self, block: Block) -> bool {
        !self.preds[block].is_empty()
    }
    /// All predecessors of the block are known.
    pub fn seal(&mut self, block: Block) {
        if std::mem::replace(&mut self.sealed[block], true) {
            return;
        }
        for (var, param) in self.incomplete.remove(&block).unwrap_or_default() {
            self.add_param_operands(block, var, param);
        }
    }
    /// `new_block`, `switch_to`; for code after a terminator that nothing reaches. Sealed.
    pub fn unreachable_block(&mut self) -> Block {
        let block = self.new_block();
        self.seal(block);
        self.switch_to(block);
        block
    }

    // ---- variables

    /// A new variable of an SSA type.
    pub fn new_var(&mut self, ty: Ty) -> Var {
        self.vars.push(ty)
    }
    /// Type of a variable.
    pub fn var_type(&self, var: Var) -> Ty {
        self.vars[var]
    }
    /// Assigns a variable at the current point.
    pub fn def_var(&mut self, var: Var, value: Value) {
        let Some(block) = self.current else { return };
        self.defs.insert((var, block), value);
    }
    /// The variable's value at the current point. A variable that was never assigned on some path reads as zero there.
    pub fn use_var(&mut self, var: Var) -> Value {
        let block = self
            .current
            .expect("reading a variable in unreachable code: start an unreachable_block first");
        self.read(var, block)
    }

    fn read(&mut self, var: Var, block: Block) -> Value {
        // Walks single-predecessor chains without recursion: straight-line functions may have very many blocks.
        let mut at = block;
        let mut chain = Vec::new();
        let value = loop {
            if let Some(&value) = self.defs.get(&(var, at)) {
                break value;
            }
            if !self.sealed[at] {
                let param = self.new_var_param(var, at);
                self.incomplete.entry(at).or_default().push((var, param));
                break param;
            }
            match self.preds[at].as_slice() {
                [] => break self.zero_at_start(var, at),
                [single] => {
                    chain.push(at);
                    at = *single;
                }
                _ => {
                    let param = self.new_var_param(var, at);
                    self.add_param_operands(at, var, param);
                    break param;
                }
            }
        };
        self.defs.insert((var, at), value);
        for block in chain {
            self.defs.insert((var, block), value);
        }
        value
    }

    fn new_var_param(&mut self, var: Var, block: Block) -> Value {
        let param = self.body.add_block_param(block, self.vars[var]);
        self.defs.insert((var, block), param);
        self.param_var.insert(param, var);
        param
    }

    fn zero_at_start(&mut self, var: Var, block: Block) -> Value {
        let inst = self.body.make_inst(Op::Zero, &[self.vars[var]], self.loc);
        self.body.blocks[block].insts.insert(0, inst);
        self.body.insts[inst].results[0]
    }

    fn add_param_operands(&mut self, block: Block, var: Var, param: Value) {
        let Def::Param(_, index) = self.body.values[param].def else {
            unreachable!("a block parameter")
        };
        let preds = self.preds[block].clone();
        let mut seen = SmallVec::<[Block; 8]>::new();
        for pred in preds {
            if seen.contains(&pred) {
                continue;
            }
            seen.push(pred);
            let value = self.read_guarded(var, pred);
            let mut term = self.body.blocks[pred]
                .term
                .take()
                .expect("predecessors are finished");
            term.for_each_target_mut(|t| {
                if t.block == block {
                    debug_assert_eq!(t.args.len(), index as usize);
                    t.args.push(value);
                }
            });
            self.body.blocks[pred].term = Some(term);
        }
    }

    fn read_guarded(&mut self, var: Var, block: Block) -> Value {
        // Depth is bounded by the nesting of joins, which follows the nesting of the source.
        self.read(var, block)
    }

    // ---- instructions

    /// Emits an instruction without result.
    pub fn emit(&mut self, op: Op) {
        self.emit_multi(op, &[]);
    }
    /// Emits an instruction with one result.
    pub fn emit_value(&mut self, op: Op, ty: Ty) -> Value {
        self.emit_multi(op, &[ty])[0]
    }
    /// Emits an instruction with any number of results. In unreachable code a detached block takes it.
    pub fn emit_multi(&mut self, op: Op, result_types: &[Ty]) -> SmallVec<[Value; 1]> {
        if self.current.is_none() {
            self.unreachable_block();
        }
        let block = self.current.expect("just set");
        let inst = self.body.make_inst(op, result_types, self.loc);
        self.body.blocks[block].insts.push(inst);
        self.body.insts[inst].results.clone()
    }
    /// A new stack slot.
    pub fn new_slot(&mut self, ty: Ty, name: Symbol) -> Slot {
        self.body.slots.push(SlotData { ty, name })
    }

    // ---- terminators

    /// Ends the current block. Does nothing in unreachable code.
    pub fn terminate(&mut self, term: Terminator) {
        let Some(block) = self.current.take() else {
            return;
        };
        term.for_each_target(|t| {
            debug_assert!(!self.sealed[t.block], "{} is sealed", t.block);
            self.preds[t.block].push(block);
        });
        let data = &mut self.body.blocks[block];
        data.term_loc = self.loc;
        data.term = Some(term);
    }
    /// Jump without explicit arguments (variables need none).
    pub fn jump(&mut self, block: Block) {
        self.terminate(Terminator::Jump(block.into()));
    }
    /// Conditional jump.
    pub fn branch(&mut self, cond: Value, then: Block, els: Block) {
        self.terminate(Terminator::Branch {
            cond,
            then: then.into(),
            els: els.into(),
        });
    }

    /// Ends construction: seals what is left, removes redundant block parameters and unreachable blocks' contents.
    pub fn finish(mut self) -> Body {
        for block in self.body.blocks.ids() {
            self.seal(block);
        }
        if let Some(block) = self.current.take() {
            self.body.blocks[block].term = Some(Terminator::Unreachable);
        }
        for data in self.body.blocks.iter_mut() {
            if data.term.is_none() {
                data.term = Some(Terminator::Unreachable);
            }
        }
        drop_unreachable(&mut self.body);
        remove_trivial_params(&mut self.body);
        let body = &mut self.body;
        body.insts = exact(std::mem::take(&mut body.insts));
        body.values = exact(std::mem::take(&mut body.values));
        body.blocks = exact(std::mem::take(&mut body.blocks));
        for block in body.blocks.iter_mut() {
            block.insts = block.insts.as_slice().to_vec();
        }
        self.body
    }
}

/// Moves elements to memory of their own size. What they grew in is free for the next function, so that a program's bodies lie
/// close together: new pages cost more than the copy.
fn exact<I: Id, T>(grown: IndexVec<I, T>) -> IndexVec<I, T> {
    let mut grown = grown.into_raw();
    let mut exact = Vec::with_capacity(grown.len());
    exact.append(&mut grown);
    IndexVec::from_raw(exact)
}

/// Empties blocks that nothing reaches (they stay as `unreachable` so that ids keep their meaning).
pub fn drop_unreachable(body: &mut Body) {
    let mut live = vec![false; body.blocks.len()];
    for block in body.reverse_postorder() {
        live[block.index()] = true;
    }
    for (block, data) in body.blocks.as_mut_slice().iter_mut().enumerate() {
        if !live[block] {
            *data = BlockData {
                term: Some(Terminator::Unreachable),
                ..BlockData::default()
            };
        }
    }
}

/// Replaces block parameters that always receive one and the same value (or themselves) by that value.
pub fn remove_trivial_params(body: &mut Body) {
    fn resolve(body: &mut Body, mut value: Value) -> Value {
        let mut path = SmallVec::<[Value; 8]>::new();
        while let Def::Alias(to) = body.values[value].def {
            path.push(value);
            value = to;
        }
        for v in path {
            body.values[v].def = Def::Alias(value);
        }
        value
    }
    // Incoming argument lists per block, as (pred block) edges; recomputed lazily from the terminators.
    let preds = body.predecessors();
    let mut work: Vec<Block> = body
        .blocks
        .ids()
        .filter(|b| *b != Body::ENTRY && !body.blocks[*b].params.is_empty())
        .collect();
    let mut queued: Vec<bool> = body.blocks.iter().map(|_| false).collect();
    for b in &work {
        queued[b.index()] = true;
    }
    // Users of a parameter among jump arguments: when it becomes an alias, parameters it feeds may become trivial.
    let mut feeds: FxHashMap<Value, Vec<Block>> = FxHashMap::default();
    for data in body.blocks.iter() {
        if let Some(term) = &data.term {
            term.for_each_target(|t| {
                for &arg in &t.args {
                    feeds.entry(arg).or_default().push(t.block);
                }
            });
        }
    }
    let mut removed: FxHashMap<Block, Vec<usize>> = FxHashMap::default();
    while let Some(block) = work.pop() {
        queued[block.index()] = false;
        for index in 0..body.blocks[block].params.len() {
            let param = body.blocks[block].params[index];
            if matches!(body.values[param].def, Def::Alias(_)) {
                continue;
            }
            let mut unique = None;
            let mut trivial = true;
            let mut edges: SmallVec<[Value; 8]> = SmallVec::new();
            for &pred in &preds[block] {
                if let Some(term) = &body.blocks[pred].term {
                    term.for_each_target(|t| {
                        if t.block == block {
                            edges.push(t.args[index]);
                        }
                    });
                }
            }
            for arg in edges {
                let arg = resolve(body, arg);
                if arg == param || Some(arg) == unique {
                    continue;
                }
                if unique.is_some() {
                    trivial = false;
                    break;
                }
                unique = Some(arg);
            }
            let (true, Some(to)) = (trivial, unique) else {
                continue;
            };
            body.values[param].def = Def::Alias(to);
            removed.entry(block).or_default().push(index);
            let fed = feeds.remove(&param).unwrap_or_default();
            for &next in &fed {
                if !std::mem::replace(&mut queued[next.index()], true) {
                    work.push(next);
                }
            }
            feeds.entry(to).or_default().extend(fed);
        }
    }
    if removed.is_empty() {
        return;
    }
    // Rewrite uses, then drop the parameters and their arguments.
    let mut blocks = std::mem::take(&mut body.blocks);
    let mut insts = std::mem::take(&mut body.insts);
    for inst in insts.iter_mut() {
        inst.op.for_each_use_mut(|v| *v = resolve(body, *v));
    }
    for data in blocks.iter_mut() {
        if let Some(term) = &mut data.term {
            term.for_each_use_mut(|v| *v = resolve(body, *v));
            term.for_each_target_mut(|t: &mut BlockCall| {
                if let Some(gone) = removed.get(&t.block) {
                    let mut index = 0;
                    t.args.retain(|_| {
                        index += 1;
                        !gone.contains(&(index - 1))
                    });
                }
            });
        }
    }
    for (&block, gone) in &removed {
        let mut index = 0;
        blocks[block].params.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
        for (i, &param) in blocks[block].params.iter().enumerate() {
            body.values[param].def = Def::Param(block, i as u32);
        }
    }
    body.blocks = blocks;
    body.insts = insts;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{BinOp, CmpOp};
    use crate::types::TypeTable;

    #[test]
    fn loop_variable_becomes_one_block_parameter() {
        let mut b = FuncBuilder::new("f".into(), Pos::NONE);
        let n = b.add_param(TypeTable::INT);
        let i = b.new_var(TypeTable::INT);
        let k = b.new_var(TypeTable::INT);
        let zero = b.emit_value(Op::Int(0), TypeTable::INT);
        b.def_var(i, zero);
        b.def_var(k, n);
        let (head, body_block, exit) = (b.new_block(), b.new_block(), b.new_block());
        b.jump(head);
        b.switch_to(head);
        let iv = b.use_var(i);
        let kv = b.use_var(k);
        let cond = b.emit_value(Op::Cmp(CmpOp::Lt, iv, kv), TypeTable::BOOL);
        b.branch(cond, body_block, exit);
        b.seal(body_block);
        b.switch_to(body_block);
        let iv = b.use_var(i);
        let one = b.emit_value(Op::Int(1), TypeTable::INT);
        let next = b.emit_value(Op::Binary(BinOp::Add, iv, one), TypeTable::INT);
        b.def_var(i, next);
        b.jump(head);
        b.seal(head);
        b.seal(exit);
        b.switch_to(exit);
        let iv = b.use_var(i);
        b.terminate(Terminator::Return(SmallVec::from_slice(&[iv])));
        let body = b.finish();
        assert_eq!(
            body.blocks[head].params.len(),
            1,
            "the bound is no parameter"
        );
        let Some(Terminator::Return(values)) = &body.blocks[exit].term else {
            panic!()
        };
        assert_eq!(values[0], body.blocks[head].params[0]);
    }
}
