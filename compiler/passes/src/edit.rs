//! Helpers that several passes share.

use base::{Id, IndexVec};
use mir::{Body, Def, Inst, Op, Terminator, Value};

/// Replacement of values while a body is walked in an order in which definitions come first.
#[derive(Debug)]
pub struct Aliases {
    to: IndexVec<Value, Option<Value>>,
}

impl Aliases {
    /// No replacements for a body.
    pub fn new(body: &Body) -> Self {
        Aliases {
            to: IndexVec::from_elem_n(None, body.values.len()),
        }
    }
    /// What stands for `value`.
    pub fn resolve(&self, mut value: Value) -> Value {
        while let Some(Some(to)) = self.to.get(value) {
            value = *to;
        }
        value
    }
    /// From now on `value` is `to`.
    pub fn replace(&mut self, value: Value, to: Value) {
        self.to.ensure(value, None);
        let to = self.resolve(to);
        debug_assert_ne!(value, to);
        self.to[value] = Some(to);
    }
    /// Rewrites every use in the body.
    pub fn apply(&self, body: &mut Body) {
        for inst in body.insts.iter_mut() {
            inst.op.for_each_use_mut(|v| *v = self.resolve(*v));
        }
        for block in body.blocks.iter_mut() {
            if let Some(term) = &mut block.term {
                term.for_each_use_mut(|v| *v = self.resolve(*v));
            }
        }
    }
}

/// Removes pure instructions whose results nobody uses.
pub fn remove_dead(body: &mut Body) {
    let mut uses: IndexVec<Value, u32> = IndexVec::from_elem_n(0, body.values.len());
    let mut placed = vec![false; body.insts.len()];
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            placed[inst.index()] = true;
            body.insts[inst].op.for_each_use(|v| uses[v] += 1);
        }
        if let Some(term) = &block.term {
            term.for_each_use(|v| uses[v] += 1);
        }
    }
    let unused = |data: &mir::InstData, uses: &IndexVec<Value, u32>| {
        !data.results.is_empty() && data.op.is_pure() && data.results.iter().all(|&r| uses[r] == 0)
    };
    let mut work: Vec<Inst> = body
        .insts
        .ids()
        .filter(|&i| placed[i.index()] && unused(&body.insts[i], &uses))
        .collect();
    let mut dead = vec![false; body.insts.len()];
    while let Some(inst) = work.pop() {
        if std::mem::replace(&mut dead[inst.index()], true) {
            continue;
        }
        let op = body.insts[inst].op.clone();
        op.for_each_use(|v| {
            uses[v] -= 1;
            if let Def::Inst(def, _) = body.values[v].def
                && placed[def.index()]
                && unused(&body.insts[def], &uses)
            {
                work.push(def);
            }
        });
    }
    for block in body.blocks.iter_mut() {
        block.insts.retain(|i| !dead[i.index()]);
    }
}

/// Leads the edges into a block that does nothing but branch on one of its parameters directly to where they go: constants to the
/// target that they choose, other jumps by a branch of their own. `if f(x)` with an inlined `f` becomes plain control flow.
pub fn thread_jumps(body: &mut Body) {
    let order = body.reverse_postorder();
    let mut number = vec![usize::MAX; body.blocks.len()];
    for (i, block) in order.iter().enumerate() {
        number[block.index()] = i;
    }
    let branches_on_param = |body: &Body, block: mir::Block| {
        let data = &body.blocks[block];
        let Some(Terminator::Branch { cond, then, els }) = &data.term else {
            return None;
        };
        let at = data.params.iter().position(|p| p == cond)?;
        let plain = data.insts.is_empty()
            && block != Body::ENTRY
            && Some(block) != body.recover_block
            && then.block != block
            && els.block != block;
        plain.then_some(at)
    };
    if !order
        .iter()
        .any(|&block| branches_on_param(body, block).is_some())
    {
        return;
    }
    // Uses of values outside of the terminator of their own block.
    let mut used: IndexVec<Value, bool> = IndexVec::from_elem_n(false, body.values.len());
    for &block in &order {
        for &inst in &body.blocks[block].insts {
            body.insts[inst].op.for_each_use(|v| used[v] = true);
        }
        if let Some(term) = &body.blocks[block].term {
            term.for_each_use(|v| {
                if !matches!(body.values[v].def, Def::Param(home, _) if home == block) {
                    used[v] = true;
                }
            });
        }
    }
    let preds = body.predecessors();
    let mut changed = false;
    for &block in &order {
        let Some(at) = branches_on_param(body, block) else {
            continue;
        };
        // A loop's header stays its only entry.
        let header = preds[block]
            .iter()
            .any(|p| number[p.index()] >= number[block.index()]);
        let params = body.blocks[block].params.clone();
        if header || params.iter().any(|&p| used[p]) {
            continue;
        }
        let Some(Terminator::Branch { then, els, .. }) = body.blocks[block].term.clone() else {
            unreachable!("it branches");
        };
        let mut sources = preds[block].clone();
        sources.dedup();
        for source in sources {
            let Some(mut term) = body.blocks[source].term.take() else {
                continue;
            };
            let through = |to: &mir::BlockCall, args: &[Value]| mir::BlockCall {
                block: to.block,
                args: to
                    .args
                    .iter()
                    .map(|v| params.iter().position(|p| p == v).map_or(*v, |i| args[i]))
                    .collect(),
            };
            if let Terminator::Jump(to) = &term
                && to.block == block
                && body.as_int(to.args[at]).is_none()
            {
                let args = to.args.clone();
                term = Terminator::Branch {
                    cond: args[at],
                    then: through(&then, &args),
                    els: through(&els, &args),
                };
                changed = true;
            } else {
                term.for_each_target_mut(|to| {
                    if to.block == block
                        && let Some(n) = body.as_int(to.args[at])
                    {
                        let args = to.args.clone();
                        *to = through(if n & 1 != 0 { &then } else { &els }, &args);
                        changed = true;
                    }
                });
            }
            body.blocks[source].term = Some(term);
        }
    }
    if changed {
        mir::builder::drop_unreachable(body);
    }
}

/// Joins a block with its only successor where that has no other predecessor.
pub fn merge_blocks(body: &mut Body) {
    let mut preds: IndexVec<mir::Block, u32> = IndexVec::from_elem_n(0, body.blocks.len());
    for block in body.blocks.iter() {
        if let Some(term) = &block.term {
            term.for_each_target(|t| preds[t.block] += 1);
        }
    }
    let mut aliases = Aliases::new(body);
    let mut changed = false;
    for block in body.reverse_postorder() {
        while let Some(Terminator::Jump(to)) = &body.blocks[block].term {
            let next = to.block;
            if preds[next] != 1
                || next == Body::ENTRY
                || Some(next) == body.recover_block
                || next == block
            {
                break;
            }
            let args = to.args.clone();
            let data = std::mem::take(&mut body.blocks[next]);
            for (&param, &arg) in data.params.iter().zip(&args) {
                aliases.replace(param, arg);
            }
            let cold = body.blocks[block].cold && data.cold;
            let into = &mut body.blocks[block];
            into.insts.extend(data.insts);
            into.term = data.term;
            into.term_loc = data.term_loc;
            into.cold = cold;
            body.blocks[next].term = Some(Terminator::Unreachable);
            preds[next] = 0;
            changed = true;
        }
    }
    if changed {
        aliases.apply(body);
    }
}

/// Whether an operation is a constant or an address that is known at link time.
pub fn is_constant(op: &Op) -> bool {
    matches!(
        op,
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
    )
}
