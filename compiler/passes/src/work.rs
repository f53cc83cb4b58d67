//! Which functions a run of the passes is about.
//!
//! Functions of which an earlier build left everything (see [`mir::fingerprint`]) are not gone through again. Those among them that
//! are inlined into others are brought to the state in which they are inlined; the rest are only heard about ([`Known`]). What becomes of
//! a function is the same whether its callees are known or not.

use std::sync::Arc;

use base::{Id, IndexVec};
use mir::callgraph::CallGraph;
use mir::{FuncId, Program};

use crate::escape::Summary;

/// What an earlier build found out about a function.
#[derive(Clone, Debug)]
pub struct Known {
    /// It is inlined where it is called.
    pub inlinable: bool,
    /// Its machine code is kept; otherwise nothing referred to it after inlining.
    pub code: bool,
    /// Functions that it refers to after inlining.
    pub references: Vec<FuncId>,
    /// Where its parameters go.
    pub summary: Summary,
}

/// The state of a run.
#[derive(Debug)]
pub struct Work {
    /// All functions, callees before callers except around cycles.
    pub order: Arc<[FuncId]>,
    /// Places in the order.
    pub rank: IndexVec<FuncId, u32>,
    /// By function; of those with [`Work::fresh`] unset.
    pub known: IndexVec<FuncId, Option<Known>>,
    /// Functions that are compiled anew.
    pub fresh: IndexVec<FuncId, bool>,
    /// Functions that the passes go through at the moment.
    pub active: IndexVec<FuncId, bool>,
    /// Functions that are inlined; false of those that were not gone through.
    pub inlinable: IndexVec<FuncId, bool>,
    /// Of fresh functions: what they refer to after inlining.
    pub references: IndexVec<FuncId, Vec<FuncId>>,
    /// Where the parameters go: of fresh functions with a body, and of known ones.
    pub summaries: IndexVec<FuncId, Summary>,
    /// Functions to be worked on after all.
    pub(crate) needed: Vec<FuncId>,
    /// Functions that were active.
    seen: IndexVec<FuncId, bool>,
}

impl Work {
    /// Work on all functions that nothing is known of.
    pub fn new(
        program: &Program,
        graph: &CallGraph,
        known: IndexVec<FuncId, Option<Known>>,
    ) -> Work {
        let count = program.funcs.len();
        let order: Arc<[FuncId]> = graph.callees_first().collect();
        let mut rank = IndexVec::from_elem_n(0, count);
        for (n, &id) in order.iter().enumerate() {
            rank[id] = n as u32;
        }
        let fresh: IndexVec<FuncId, bool> = known.iter().map(Option::is_none).collect();
        let needed = fresh.ids().filter(|&id| fresh[id]).collect();
        Work {
            order,
            rank,
            known,
            fresh,
            active: IndexVec::from_elem_n(false, count),
            inlinable: IndexVec::from_elem_n(false, count),
            references: IndexVec::from_elem_n(Vec::new(), count),
            summaries: IndexVec::new(),
            needed,
            seen: IndexVec::from_elem_n(false, count),
        }
    }

    /// Work on everything.
    pub fn all(program: &Program) -> Work {
        let known = program.funcs.iter().map(|_| None).collect();
        let mut work = Work::new(program, &CallGraph::new(program), known);
        work.next_round(program);
        work
    }

    /// Takes up what is needed, with the functions that are inlined into it; false if there is nothing.
    pub(crate) fn next_round(&mut self, program: &Program) -> bool {
        self.active = IndexVec::from_elem_n(false, program.funcs.len());
        let mut found = std::mem::take(&mut self.needed);
        let any = !found.is_empty();
        for &id in &found {
            self.fresh[id] = true;
            // Gone through already, as one that is inlined: nothing is left to do but what comes after.
            if self.seen[id] {
                self.references[id] = mir::callgraph::references(&program.funcs[id]);
            }
        }
        while let Some(id) = found.pop() {
            if std::mem::replace(&mut self.seen[id], true) {
                continue;
            }
            self.active[id] = true;
            for callee in mir::callgraph::references(&program.funcs[id]) {
                let inlined = self.known[callee].as_ref().is_some_and(|k| k.inlinable);
                if inlined && !self.seen[callee] {
                    found.push(callee);
                }
            }
        }
        any
    }

    /// Goes on with the functions that are compiled anew.
    pub(crate) fn only_fresh(&mut self) {
        self.active = self.fresh.ids().map(|id| self.fresh[id]).collect();
    }

    /// What is known of a function after the run, if anything.
    pub fn known_of(&self, program: &Program, id: FuncId) -> Option<Known> {
        if !self.fresh[id] || id.index() >= self.summaries.len() {
            return None;
        }
        Some(Known {
            inlinable: self.inlinable[id],
            code: program.funcs[id].body.is_some(),
            references: self.references[id].clone(),
            summary: self.summaries[id].clone(),
        })
    }
}
