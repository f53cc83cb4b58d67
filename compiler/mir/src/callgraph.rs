//! Which functions refer to which, and an order in which callees come before callers.

use base::{Id, IndexVec};

use crate::ir::{Body, Callee, Function, Op};
use crate::program::{FuncId, Program};

/// References between functions: direct calls, func values, code pointers.
#[derive(Debug)]
pub struct CallGraph {
    /// What each function refers to, in the order of its blocks, without repetitions in a row.
    pub references: IndexVec<FuncId, Vec<FuncId>>,
    /// The strongly connected components, callees first. Members stand in an order that depends on the component alone: depth first
    /// from the member with the least link name, callees first.
    pub components: Vec<Vec<FuncId>>,
}

/// Calls `f` with every function that the body refers to.
pub fn for_each_reference(body: &Body, mut f: impl FnMut(FuncId)) {
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            match body.insts[inst].op {
                Op::Call {
                    callee: Callee::Func(callee),
                    ..
                }
                | Op::FuncVal(callee)
                | Op::FuncCode(callee) => f(callee),
                _ => {}
            }
        }
    }
}

/// The functions that a function refers to, without repetitions in a row.
pub fn references(func: &Function) -> Vec<FuncId> {
    let mut out = Vec::new();
    if let Some(body) = &func.body {
        for_each_reference(body, |f| {
            if out.last() != Some(&f) {
                out.push(f);
            }
        });
    }
    out
}

/// Sets [`FuncFlags::chains`](crate::ir::FuncFlags::chains) of all functions, from their bodies before any pass, so that what is made of
/// one function does not depend on how far another was taken.
pub fn mark_chains(program: &mut Program) {
    let unchecked: IndexVec<FuncId, bool> = program
        .funcs
        .iter()
        .map(|func| func.flags.nosplit && func.body.is_some())
        .collect();
    for func in program.funcs.iter_mut().filter(|f| f.flags.nosplit) {
        let Some(body) = &func.body else { continue };
        let mut insts = body.blocks.iter().flat_map(|block| &block.insts);
        func.flags.chains = insts.any(|&inst| match body.insts[inst].op {
            Op::Call {
                callee: Callee::Func(f),
                ..
            } => unchecked[f],
            Op::Call { .. } => true,
            _ => false,
        });
    }
}

impl CallGraph {
    /// The graph of a program as it is now.
    pub fn new(program: &Program) -> CallGraph {
        let references: IndexVec<FuncId, Vec<FuncId>> =
            program.funcs.iter().map(references).collect();
        let mut components = components(&references);
        let mut inside: IndexVec<FuncId, bool> = IndexVec::from_elem_n(false, program.funcs.len());
        for component in components.iter_mut().filter(|c| c.len() > 1) {
            component.sort_by_key(|&f| program.funcs[f].name);
            *component = depth_first(component, &references, &mut inside);
        }
        CallGraph {
            references,
            components,
        }
    }

    /// All functions, callees before callers except around cycles.
    pub fn callees_first(&self) -> impl Iterator<Item = FuncId> + '_ {
        self.components.iter().flatten().copied()
    }
}

/// Members of a component, callees first from the first member; `inside` is all false before and after.
fn depth_first(
    members: &[FuncId],
    references: &IndexVec<FuncId, Vec<FuncId>>,
    inside: &mut IndexVec<FuncId, bool>,
) -> Vec<FuncId> {
    for &member in members {
        inside[member] = true;
    }
    let mut order = Vec::with_capacity(members.len());
    for &root in members {
        if !std::mem::replace(&mut inside[root], false) {
            continue;
        }
        let mut stack = vec![(root, 0usize)];
        while let Some((id, next)) = stack.last_mut() {
            if let Some(&callee) = references[*id].get(*next) {
                *next += 1;
                if std::mem::replace(&mut inside[callee], false) {
                    stack.push((callee, 0));
                }
            } else {
                order.push(*id);
                stack.pop();
            }
        }
    }
    order
}

/// Tarjan, "Depth-first search and linear graph algorithms" (1972), with a stack of our own.
fn components(references: &IndexVec<FuncId, Vec<FuncId>>) -> Vec<Vec<FuncId>> {
    const NEW: u32 = u32::MAX;
    let n = references.len();
    let mut number = vec![NEW; n];
    let mut low = vec![0u32; n];
    let mut on_path = vec![false; n];
    let mut path: Vec<FuncId> = Vec::new();
    let mut out = Vec::new();
    let mut count = 0;
    for root in references.ids() {
        if number[root.index()] != NEW {
            continue;
        }
        let mut stack = vec![(root, 0usize)];
        while let Some(&mut (id, ref mut next)) = stack.last_mut() {
            let i = id.index();
            if *next == 0 && number[i] == NEW {
                number[i] = count;
                low[i] = count;
                count += 1;
                on_path[i] = true;
                path.push(id);
            }
            if let Some(&callee) = references[id].get(*next) {
                *next += 1;
                let c = callee.index();
                if number[c] == NEW {
                    stack.push((callee, 0));
                } else if on_path[c] {
                    low[i] = low[i].min(number[c]);
                }
                continue;
            }
            stack.pop();
            if let Some(&(caller, _)) = stack.last() {
                let c = caller.index();
                low[c] = low[c].min(low[i]);
            }
            if low[i] == number[i] {
                let at = path
                    .iter()
                    .rposition(|&f| f == id)
                    .expect("the root of a component is on the path");
                let component = path.split_off(at);
                for &member in &component {
                    on_path[member.index()] = false;
                }
                out.push(component);
            }
        }
    }
    out
}
