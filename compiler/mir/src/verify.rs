//! The verifier: run after every pass in debug builds.

use base::Id;

use crate::ir::{Body, Def, Function, Value};
use crate::program::Program;

/// Checks a function's structure. Returns the first few violations, each naming block and instruction.
pub fn verify(program: &Program, func: &Function) -> Result<(), Vec<String>> {
    let Some(body) = &func.body else {
        return Ok(());
    };
    let mut errors = Vec::new();
    let order = body.reverse_postorder();
    let dominators = Dominators::compute(body, &order);
    let mut position = vec![None; body.insts.len()];
    for &block in &order {
        for (i, &inst) in body.blocks[block].insts.iter().enumerate() {
            if position[inst.index()].replace((block, i)).is_some() {
                errors.push(format!("{inst} is in two places"));
            }
        }
    }
    for &block in &order {
        let data = &body.blocks[block];
        let mut check_use = |value: Value, at: usize, what: &str| {
            let ok = match body.values[value].def {
                Def::Alias(_) => false,
                Def::Param(b, n) => {
                    body.blocks[b].params.get(n as usize) == Some(&value)
                        && dominators.dominates(b, block)
                }
                Def::Inst(inst, _) => match position[inst.index()] {
                    None => false,
                    Some((b, i)) if b == block => i < at,
                    Some((b, _)) => dominators.dominates(b, block),
                },
            };
            if !ok && errors.len() < 20 {
                errors.push(format!(
                    "{block}: {what} uses {value}, whose definition does not reach it"
                ));
            }
        };
        for (i, &inst) in data.insts.iter().enumerate() {
            body.insts[inst]
                .op
                .for_each_use(|v| check_use(v, i, &format!("{inst} {:?}", body.insts[inst].op)));
        }
        match &data.term {
            None => errors.push(format!("{block} has no terminator")),
            Some(term) => {
                term.for_each_use(|v| check_use(v, usize::MAX, "terminator"));
                term.for_each_target(|t| {
                    let params = &body.blocks[t.block].params;
                    if params.len() != t.args.len() {
                        errors.push(format!(
                            "{block}: {} arguments for the {} parameters of {}",
                            t.args.len(),
                            params.len(),
                            t.block
                        ));
                        return;
                    }
                    for (&arg, &param) in t.args.iter().zip(params) {
                        let same = program
                            .types
                            .leaves(body.ty(arg))
                            .map(|l| l.into_iter().map(|x| x.0.size()).collect::<Vec<_>>())
                            == program
                                .types
                                .leaves(body.ty(param))
                                .map(|l| l.into_iter().map(|x| x.0.size()).collect::<Vec<_>>());
                        if !same {
                            errors.push(format!(
                                "{block}: argument {arg} does not fit parameter {param} of {}",
                                t.block
                            ));
                        }
                    }
                });
            }
        }
    }
    for (value, data) in body.values.iter_enumerated() {
        if matches!(data.def, Def::Inst(inst, _) if position[inst.index()].is_some())
            && !program.types.is_ssa(data.ty)
        {
            errors.push(format!(
                "{value} has the in-memory type {}",
                program.types.link_string(data.ty)
            ));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Dominator tree (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm").
#[derive(Clone, Debug)]
pub struct Dominators {
    idom: Vec<usize>,
    number: Vec<usize>,
    order: Vec<crate::ir::Block>,
}

impl Dominators {
    /// For the blocks in `order` (reverse postorder). The recover block counts as a successor of the entry.
    pub fn compute(body: &Body, order: &[crate::ir::Block]) -> Self {
        let none = usize::MAX;
        let mut number = vec![none; body.blocks.len()];
        for (i, b) in order.iter().enumerate() {
            number[b.index()] = i;
        }
        let preds = body.predecessors();
        let mut idom = vec![none; order.len()];
        if !idom.is_empty() {
            idom[0] = 0;
        }
        let mut changed = true;
        while changed {
            changed = false;
            for i in 1..order.len() {
                let mut new = if body.recover_block == Some(order[i]) {
                    0
                } else {
                    none
                };
                for p in &preds[order[i]] {
                    let p = number[p.index()];
                    if p == none || idom[p] == none {
                        continue;
                    }
                    new = if new == none {
                        p
                    } else {
                        intersect(&idom, p, new)
                    };
                }
                if new != none && idom[i] != new {
                    idom[i] = new;
                    changed = true;
                }
            }
        }
        Dominators {
            idom,
            number,
            order: order.to_vec(),
        }
    }
    /// Whether every path to `b` goes through `a`.
    pub fn dominates(&self, a: crate::ir::Block, b: crate::ir::Block) -> bool {
        let (a, mut b) = (self.number[a.index()], self.number[b.index()]);
        if a == usize::MAX || b == usize::MAX {
            return false;
        }
        while b > a {
            b = self.idom[b];
        }
        a == b
    }
    /// The immediate dominator; `None` for the entry and unreachable blocks.
    pub fn idom(&self, b: crate::ir::Block) -> Option<crate::ir::Block> {
        let n = self.number[b.index()];
        (n != usize::MAX && n != 0).then(|| self.order[self.idom[n]])
    }
}

fn intersect(idom: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        while a > b {
            a = idom[a];
        }
        while b > a {
            b = idom[b];
        }
    }
    a
}
