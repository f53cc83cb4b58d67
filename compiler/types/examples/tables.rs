//! Prints the checker's tables for packages of std, one line per entry, for comparison with go/types
//! (`tests/tables/main.go` prints the same from the official checker).
//!
//! `tables list` prints the packages with their files; `tables` reads such a list and dumps.

#[path = "../tests/world/mod.rs"]
mod world;

use std::fmt::Write as _;
use std::io::Write as _;

use syntax::ast::{self, ExprKind};
use types::constant::{ConstValue, Float};
use types::{BasicKind, Mode, ObjId, PkgId, SelectionKind, TypedPackage};

#[expect(
    clippy::only_used_in_recursion,
    reason = "the kind belongs to the printed form"
)]
fn exact(value: &ConstValue, kind: Option<BasicKind>) -> String {
    match value {
        ConstValue::Unknown => "unknown".into(),
        ConstValue::Bool(value) => value.to_string(),
        ConstValue::Str(bytes) => types::constant::quote(bytes, usize::MAX / 8),
        ConstValue::Int(value) => value.to_string(),
        ConstValue::BigInt(value) => value.to_string(),
        ConstValue::Float(float) => match &**float {
            Float::Ratio(num, den) => format!("{num}/{den}"),
            Float::Binary(mant, exp) => format!("{mant}p{exp}"),
        },
        ConstValue::Complex(parts) => {
            format!("({} + {}i)", exact(&parts.0, kind), exact(&parts.1, kind))
        }
    }
}

fn main() {
    let goroot = world::goroot().expect("GOROOT");
    let world = world::World::new(&goroot);
    let packages = world.std_packages();
    if std::env::args().nth(1).as_deref() == Some("list") {
        // Dependencies first.
        for path in &packages {
            let _ = world.import(path);
        }
        for (path, package) in world.typed.lock().unwrap().iter() {
            let files: Vec<String> = package
                .files
                .iter()
                .map(|file| world.sources.file(file.ast.file).name.to_string())
                .collect();
            println!("{path} {}", files.join(" "));
        }
        return;
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for path in &packages {
        let _ = world.import(path);
    }
    for (path, package) in world.typed.lock().unwrap().iter() {
        let text = dump(&world, package);
        writeln!(out, "P {path}").unwrap();
        out.write_all(text.as_bytes()).unwrap();
    }
}

fn dump(world: &world::World, package: &TypedPackage) -> String {
    let store = &world.store;
    let qualifier = |pkg: PkgId| Some(store.package(pkg).path.as_str().to_owned());
    let mut lines: Vec<String> = Vec::new();
    let object = |obj: ObjId| {
        let object = store.obj(obj);
        match world.sources.file_of(object.pos) {
            Some(file) => {
                let name = file.name.rsplit('/').next().unwrap_or_default().to_owned();
                format!("{}@{name}:{}", object.name, file.offset(object.pos))
            }
            None => format!("{}@:0", object.name),
        }
    };
    for file in &package.files {
        let ast: &ast::File = &file.ast;
        let source = world.sources.file(ast.file);
        let name = source
            .name
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let span = |span: source::Span| {
            format!(
                "{name}:{}-{}",
                source.offset(span.lo),
                source.offset(span.hi)
            )
        };
        for (id, info) in file.exprs.iter_enumerated() {
            let (Some(ty), expr) = (info.ty, &ast.exprs[id]) else {
                continue;
            };
            if matches!(expr.kind, ExprKind::KeyValue { .. }) {
                continue;
            }
            let mode = match info.mode {
                Mode::TypeExpr => "type",
                Mode::Constant => "const",
                Mode::Nil => "nil",
                Mode::Variable => "var",
                _ => "value",
            };
            let value = file
                .value(id)
                .map(|value| exact(value, store.basic_kind(ty)))
                .unwrap_or_default();
            lines.push(format!(
                "T {} {mode} {} {value}",
                span(expr.span),
                store.type_string(ty, &qualifier)
            ));
        }
        for (id, obj) in file.names.iter_enumerated() {
            if let Some(obj) = *obj {
                let at = ast.names[id];
                let lo = source.offset(at.pos);
                lines.push(format!(
                    "U {name}:{lo}-{} {}",
                    lo as usize + at.sym.as_str().len(),
                    object(obj)
                ));
            }
        }
        for (id, selection) in &file.selections {
            let kind = match selection.kind {
                SelectionKind::Field => 0,
                SelectionKind::Method => 1,
                SelectionKind::MethodExpr => 2,
            };
            let index: Vec<String> = selection.index.iter().map(u32::to_string).collect();
            lines.push(format!(
                "S {} {kind} {} [{}] {}",
                span(ast.exprs[*id].span),
                store.type_string(selection.recv, &qualifier),
                index.join(" "),
                selection.indirect
            ));
        }
        for (id, instance) in &file.instances {
            let at = ast.names[*id];
            let lo = source.offset(at.pos);
            let targs: Vec<String> = instance
                .targs
                .iter()
                .map(|&ty| store.type_string(ty, &qualifier))
                .collect();
            lines.push(format!(
                "I {name}:{lo}-{} {}",
                lo as usize + at.sym.as_str().len(),
                targs.join(";")
            ));
        }
    }
    lines.sort();
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{}", line.replace('\n', "\\n"));
    }
    for (i, init) in package.init_order.iter().enumerate() {
        let names: Vec<&str> = init
            .lhs
            .iter()
            .map(|&obj| store.obj(obj).name.as_str())
            .collect();
        let _ = writeln!(text, "O {i} {}", names.join(","));
    }
    text
}
