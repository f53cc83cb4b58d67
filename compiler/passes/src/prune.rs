//! Drops the bodies of functions that nothing refers to any more: what was inlined wherever it was called.
//!
//! Descriptors, itabs, globals and static data count as used; the lowering made them because something reachable needs them. So do
//! all functions of package runtime, which code generation and the runtime's image know by name.

use mir::program::{Init, Reloc};
use mir::{Callee, FuncId, Op, Program};

/// The pass.
pub fn run(program: &mut Program) {
    let mut live = vec![false; program.funcs.len()];
    let mut work: Vec<FuncId> = roots(program);
    while let Some(id) = work.pop() {
        if std::mem::replace(&mut live[base::Id::index(id)], true) {
            continue;
        }
        let Some(body) = &program.funcs[id].body else {
            continue;
        };
        for block in body.blocks.iter() {
            for &inst in &block.insts {
                match body.insts[inst].op {
                    Op::Call {
                        callee: Callee::Func(f),
                        ..
                    }
                    | Op::FuncVal(f)
                    | Op::FuncCode(f) => work.push(f),
                    _ => {}
                }
            }
        }
    }
    for id in program.funcs.ids() {
        if !live[base::Id::index(id)] {
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
