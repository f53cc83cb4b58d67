//! The text form of functions.

use std::fmt::Write;

use crate::ir::{BlockCall, Body, Function, Terminator, Value};
use crate::program::Program;

/// A function as text: one instruction a line, `results: types = Op`.
pub fn print_function(program: &Program, func: &Function) -> String {
    let mut out = String::new();
    let types = &program.types;
    let _ = write!(out, "func {:?} (", func.name.as_str());
    for (i, ty) in func.params.iter().enumerate() {
        let _ = write!(
            out,
            "{}{}",
            if i > 0 { ", " } else { "" },
            types.link_string(*ty)
        );
    }
    out.push_str(") (");
    for (i, ty) in func.results.iter().enumerate() {
        let _ = write!(
            out,
            "{}{}",
            if i > 0 { ", " } else { "" },
            types.link_string(*ty)
        );
    }
    out.push(')');
    match &func.body {
        None => out.push_str(" extern\n"),
        Some(body) => {
            out.push_str(" {\n");
            print_body(program, body, &mut out);
            out.push_str("}\n");
        }
    }
    out
}

fn print_body(program: &Program, body: &Body, out: &mut String) {
    let types = &program.types;
    for (slot, data) in body.slots.iter_enumerated() {
        let _ = writeln!(
            out,
            "  {slot}: {} // {}",
            types.link_string(data.ty),
            data.name
        );
    }
    if let Some(block) = body.recover_block {
        let _ = writeln!(out, "  recover {block}");
    }
    for block in body.reverse_postorder() {
        let data = &body.blocks[block];
        let _ = write!(out, "{block}(");
        for (i, &p) in data.params.iter().enumerate() {
            let _ = write!(
                out,
                "{}{p}: {}",
                if i > 0 { ", " } else { "" },
                types.link_string(body.ty(p))
            );
        }
        let _ = writeln!(out, "){}:", if data.cold { " cold" } else { "" });
        for &inst in &data.insts {
            let data = &body.insts[inst];
            out.push_str("  ");
            for (i, &r) in data.results.iter().enumerate() {
                let _ = write!(
                    out,
                    "{}{r}: {}",
                    if i > 0 { ", " } else { "" },
                    types.link_string(body.ty(r))
                );
            }
            if !data.results.is_empty() {
                out.push_str(" = ");
            }
            let _ = writeln!(out, "{:?} @{}", data.op, data.loc.pos.0);
        }
        let target = |t: &BlockCall| format!("{}({})", t.block, list(&t.args));
        out.push_str("  ");
        let _ = match &data.term {
            None => writeln!(out, "<unfinished>"),
            Some(Terminator::Jump(t)) => writeln!(out, "jump {}", target(t)),
            Some(Terminator::Branch { cond, then, els }) => {
                writeln!(out, "branch {cond}, {}, {}", target(then), target(els))
            }
            Some(Terminator::Switch {
                value,
                cases,
                default,
            }) => {
                let cases: Vec<String> = cases
                    .iter()
                    .map(|(n, t)| format!("{n} => {}", target(t)))
                    .collect();
                writeln!(
                    out,
                    "switch {value} [{}], {}",
                    cases.join(", "),
                    target(default)
                )
            }
            Some(Terminator::Return(values)) => writeln!(out, "return {}", list(values)),
            Some(Terminator::Unreachable) => writeln!(out, "unreachable"),
        };
    }
}

fn list(values: &[Value]) -> String {
    values
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
