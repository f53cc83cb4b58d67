//! Drops the bodies of functions that nothing refers to any more: what was inlined wherever it was called.
//!
//! Descriptors, itabs, globals and static data count as used; the lowering made them because something reachable needs them. So do
//! all functions of package runtime, which code generation and the runtime's image know by name.

use base::IndexVec;
use mir::program::{Init, Reloc};
use mir::{FuncId, Program};

use crate::work::Work;

/// The pass. It may find functions that an earlier build dropped and this one needs: they are left to be worked on next.
pub fn run(program: &mut Program, work: &mut Work) {
    for id in program.funcs.ids() {
        if work.fresh[id] && work.active[id] {
            work.references[id] = mir::callgraph::references(&program.funcs[id]);
        }
    }
    let mut live: IndexVec<FuncId, bool> = IndexVec::from_elem_n(false, program.funcs.len());
    let mut found: Vec<FuncId> = roots(program);
    while let Some(id) = found.pop() {
        if std::mem::replace(&mut live[id], true) {
            continue;
        }
        match &work.known[id] {
            Some(known) if !work.fresh[id] => {
                if !known.code {
                    work.needed.push(id);
                }
                found.extend_from_slice(&known.references);
            }
            _ => found.extend_from_slice(&work.references[id]),
        }
    }
    if !work.needed.is_empty() {
        return;
    }
    for id in program.funcs.ids() {
        if !live[id] {
            program.funcs[id].body = None;
        }
    }
}

fn roots(program: &Program) -> Vec<FuncId> {
    let mut roots: Vec<FuncId> = program
        .inits
        .iter()
        .chain(&program.main)
        .chain(&program.callbacks)
        .copied()
        .collect();
    for (id, func) in program.funcs.iter_enumerated() {
        if func.flags.runtime {
            roots.push(id);
        }
    }
    for info in program.type_info.values() {
        roots.extend(info.equal.iter().chain(&info.hasher));
        for method in &info.methods {
            roots.extend(method.ifn.iter().chain(&method.tfn));
        }
    }
    for itab in program.itabs.iter() {
        roots.extend(itab.methods.iter().flatten());
    }
    let inits = program
        .globals
        .iter()
        .filter_map(|g| g.init.as_ref())
        .chain(program.data.iter().map(|d| &d.init));
    for Init { relocs, .. } in inits {
        for (_, reloc) in relocs {
            if let Reloc::FuncVal(f) | Reloc::FuncCode(f) = reloc {
                roots.push(*f);
            }
        }
    }
    roots
}
