//! The text form, written. [`parse`](mod@crate::parse) reads it; its head describes the grammar.

use std::fmt::Write;

use base::{Id, Symbol};

use crate::ir::{
    Barrier, BlockCall, Body, Callee, FuncFlags, Function, InlineSite, Loc, Op, Terminator, Value,
};
use crate::program::{Init, Program, Reloc};
use crate::text::{PREDECLARED, Word, split_type_name, write_name};
use crate::types::{ChanDir, FuncTy, NamedId, Ty, TyKind, TypeTable, go_quote};

/// Runs of zeros from this length on are counted, not written.
const ZEROS: usize = 16;
/// Bytes of a string that a comment shows.
const PREVIEW: usize = 48;

/// The whole program. What cannot be reached in a function is not printed.
pub fn print_program(program: &Program) -> String {
    let mut p = Printer {
        program,
        out: String::new(),
    };
    p.program();
    p.out
}

/// A function.
pub fn print_function(program: &Program, func: &Function) -> String {
    let mut p = Printer {
        program,
        out: String::new(),
    };
    p.function(func);
    p.out
}

/// The name that stands for a defined type.
pub(crate) fn type_name(types: &TypeTable, id: NamedId) -> String {
    let named = types.named(id);
    let mut name = String::new();
    if let Some(path) = named.pkg_path {
        name.push_str(path.as_str());
        name.push('.');
    }
    name.push_str(&named.name);
    name.push_str(&named.local_suffix);
    name
}

/// The words of a function's properties, in the order in which they are printed.
pub(crate) fn flag_words(flags: &mut FuncFlags) -> [(&'static str, &mut bool); 10] {
    let FuncFlags {
        noinline,
        nosplit,
        wrapper,
        runtime,
        recovers,
        no_return,
        closure,
        leaf,
        noescape,
        chains,
    } = flags;
    [
        ("noinline", noinline),
        ("nosplit", nosplit),
        ("wrapper", wrapper),
        ("runtime", runtime),
        ("recovers", recovers),
        ("noreturn", no_return),
        ("closure", closure),
        ("leaf", leaf),
        ("noescape", noescape),
        ("chains", chains),
    ]
}

/// What the first entry of a function's inline sites is unless the text says something else.
pub(crate) fn own_site(func: &Function) -> InlineSite {
    InlineSite {
        func: func.display,
        decl: func.pos,
        call: None,
        wrapper: false,
    }
}

struct Printer<'a> {
    program: &'a Program,
    out: String,
}

macro_rules! put {
    ($p:expr, $($arg:tt)*) => {{ let _ = write!($p.out, $($arg)*); }};
}

impl Printer<'_> {
    fn program(&mut self) {
        let program = self.program;
        for n in 0..program.types.named_len() {
            self.named(NamedId::from_index(n));
        }
        for (id, data) in program.data.iter_enumerated() {
            put!(self, "data {id}");
            if let Some(ty) = data.ty {
                put!(self, ": ");
                self.ty(ty);
            }
            put!(self, ", align {}", data.align);
            if data.readonly {
                put!(self, ", readonly");
            }
            self.init(&data.init);
            put!(self, "\n");
        }
        for global in program.globals.iter() {
            put!(self, "global ");
            self.name(global.name);
            put!(self, ": ");
            self.ty(global.ty);
            if global.external {
                put!(self, ", external");
            }
            if global.pos.is_some() {
                put!(self, ", @{}", global.pos.0);
            }
            if let Some(init) = &global.init {
                self.init(init);
            }
            put!(self, "\n");
        }
        for (id, itab) in program.itabs.iter_enumerated() {
            put!(self, "itab {id}: ");
            self.ty(itab.iface);
            put!(self, ", ");
            self.ty(itab.concrete);
            put!(self, " =");
            for (i, method) in itab.methods.iter().enumerate() {
                put!(self, "{}", if i > 0 { ", " } else { " " });
                match method {
                    Some(f) => self.func(*f),
                    None => put!(self, "-"),
                }
            }
            put!(self, "\n");
        }
        self.descriptors();
        for func in program.funcs.iter() {
            self.function(func);
        }
        for (word, funcs) in [("inits", &program.inits), ("callbacks", &program.callbacks)] {
            if funcs.is_empty() {
                continue;
            }
            put!(self, "{word}");
            for (i, &f) in funcs.iter().enumerate() {
                put!(self, "{}", if i > 0 { ", " } else { " " });
                self.func(f);
            }
            put!(self, "\n");
        }
        if let Some(main) = program.main {
            put!(self, "main ");
            self.func(main);
            put!(self, "\n");
        }
        if !program.modinfo.is_empty() {
            put!(self, "modinfo {}\n", go_quote(&program.modinfo));
        }
        if !program.godebug.is_empty() {
            put!(self, "godebug {}\n", go_quote(program.godebug.as_bytes()));
        }
    }

    fn named(&mut self, id: NamedId) {
        let named = self.program.types.named(id);
        let whole = type_name(&self.program.types, id);
        put!(self, "type ");
        write_name(&whole, &mut self.out);
        let (path, package) = (
            named.pkg_path.map(Symbol::as_str),
            named.pkg_name.map(Symbol::as_str),
        );
        let parts = (path, package, &*named.name, &*named.local_suffix);
        if parts != split_type_name(&whole) {
            put!(self, " (name {}", go_quote(named.name.as_bytes()));
            for (word, text) in [
                ("path", path),
                ("package", package),
                (
                    "suffix",
                    Some(&*named.local_suffix).filter(|s| !s.is_empty()),
                ),
            ] {
                if let Some(text) = text {
                    put!(self, ", {word} {}", go_quote(text.as_bytes()));
                }
            }
            put!(self, ")");
        }
        if let Some(underlying) = named.underlying {
            put!(self, " = ");
            self.ty(underlying);
        }
        put!(self, "\n");
    }

    fn descriptors(&mut self) {
        let program = self.program;
        let mut infos: Vec<_> = program
            .type_info
            .iter()
            .map(|(&ty, info)| {
                let mut p = Printer {
                    program,
                    out: String::new(),
                };
                p.ty(ty);
                (p.out, info)
            })
            .collect();
        infos.sort_by(|a, b| a.0.cmp(&b.0));
        for (ty, info) in infos {
            put!(self, "descriptor {ty}");
            for (word, func) in [("equal", info.equal), ("hasher", info.hasher)] {
                if let Some(func) = func {
                    put!(self, ", {word} ");
                    self.func(func);
                }
            }
            for (word, ty) in [("group", info.map_group), ("pointer", info.ptr_to)] {
                if let Some(ty) = ty {
                    put!(self, ", {word} ");
                    self.ty(ty);
                }
            }
            put!(self, "\n");
            for method in &info.methods {
                put!(self, "  method ");
                self.member(method.pkg, method.name);
                put!(self, " ");
                self.ty(method.sig);
                for (word, func) in [("ifn", method.ifn), ("tfn", method.tfn)] {
                    if let Some(func) = func {
                        put!(self, ", {word} ");
                        self.func(func);
                    }
                }
                put!(self, "\n");
            }
        }
    }

    fn init(&mut self, init: &Init) {
        put!(self, " =");
        let mut rest = &init.bytes[..];
        while !rest.is_empty() {
            let zeros = rest.iter().take_while(|&&b| b == 0).count();
            if zeros >= ZEROS {
                put!(self, " zeros {zeros}");
                rest = &rest[zeros..];
                continue;
            }
            let end = rest
                .windows(ZEROS)
                .position(|w| w.iter().all(|&b| b == 0))
                .unwrap_or(rest.len());
            put!(self, " {}", go_quote(&rest[..end]));
            rest = &rest[end..];
        }
        for (offset, reloc) in &init.relocs {
            put!(self, ", {offset}: ");
            match *reloc {
                Reloc::FuncVal(f) => {
                    put!(self, "funcval ");
                    self.func(f);
                }
                Reloc::FuncCode(f) => {
                    put!(self, "funccode ");
                    self.func(f);
                }
                Reloc::Global(g, n) => {
                    put!(self, "global ");
                    self.name(self.program.globals[g].name);
                    self.addend(n);
                }
                Reloc::Data(d, n) => {
                    put!(self, "{d}");
                    self.addend(n);
                }
                Reloc::TypeDesc(ty) => {
                    put!(self, "typedesc ");
                    self.ty(ty);
                }
                Reloc::Itab(itab) => put!(self, "{itab}"),
            }
        }
    }

    fn addend(&mut self, n: i64) {
        if n != 0 {
            put!(self, " + {n}");
        }
    }

    // ---- names and types

    fn name(&mut self, name: Symbol) {
        write_name(name.as_str(), &mut self.out);
    }

    fn func(&mut self, func: crate::FuncId) {
        self.name(self.program.funcs[func].name);
    }

    /// A field's or method's name with its package.
    fn member(&mut self, pkg: Option<Symbol>, name: Symbol) {
        let bare = |s: Symbol| crate::text::name_len(s.as_str()) == s.as_str().len();
        let plain = !name.as_str().is_empty() && !name.as_str().contains('.') && bare(name);
        match pkg {
            None if plain => put!(self, "{name}"),
            None => put!(self, "${}", go_quote(name.as_str().as_bytes())),
            Some(pkg) if plain && bare(pkg) && !pkg.as_str().is_empty() => {
                put!(self, "{pkg}.{name}")
            }
            Some(pkg) => put!(
                self,
                "${}.${}",
                go_quote(pkg.as_str().as_bytes()),
                go_quote(name.as_str().as_bytes())
            ),
        }
    }

    fn types(&mut self, types: &[Ty]) {
        put!(self, "(");
        for (i, &ty) in types.iter().enumerate() {
            if i > 0 {
                put!(self, ", ");
            }
            self.ty(ty);
        }
        put!(self, ")");
    }

    fn ty(&mut self, ty: Ty) {
        let types = &self.program.types;
        match types.kind(ty) {
            TyKind::Bool
            | TyKind::Int(_)
            | TyKind::Float32
            | TyKind::Float64
            | TyKind::Complex64
            | TyKind::Complex128
            | TyKind::String
            | TyKind::UnsafePointer => {
                let word = PREDECLARED.iter().find(|(_, t)| *t == ty);
                put!(self, "{}", word.map_or("?", |(word, _)| *word));
            }
            TyKind::Pointer(elem) => {
                put!(self, "*");
                self.ty(*elem);
            }
            TyKind::Slice(elem) => {
                put!(self, "[]");
                self.ty(*elem);
            }
            TyKind::Array(elem, len) => {
                put!(self, "[{len}]");
                self.ty(*elem);
            }
            TyKind::Map(key, elem) => {
                put!(self, "map[");
                self.ty(*key);
                put!(self, "]");
                self.ty(*elem);
            }
            TyKind::Chan(dir, elem) => {
                put!(
                    self,
                    "{}",
                    match dir {
                        ChanDir::Both => "chan ",
                        ChanDir::Send => "chan<- ",
                        ChanDir::Recv => "<-chan ",
                    }
                );
                let parens = matches!(types.kind(*elem), TyKind::Chan(ChanDir::Recv, _));
                put!(self, "{}", if parens { "(" } else { "" });
                self.ty(*elem);
                put!(self, "{}", if parens { ")" } else { "" });
            }
            TyKind::Func(func) => {
                put!(self, "func");
                self.signature(func);
            }
            TyKind::Struct(fields) => {
                put!(self, "struct {{");
                for (i, field) in fields.iter().enumerate() {
                    put!(self, "{}", if i > 0 { "; " } else { " " });
                    if field.embedded {
                        put!(self, ".");
                    }
                    self.member(field.pkg, field.name);
                    put!(self, " ");
                    self.ty(field.ty);
                    if let Some(tag) = &field.tag {
                        put!(self, " {}", go_quote(tag));
                    }
                }
                put!(self, "{}", if fields.is_empty() { "}" } else { " }" });
            }
            TyKind::Interface(methods) => {
                put!(self, "interface {{");
                for (i, method) in methods.iter().enumerate() {
                    put!(self, "{}", if i > 0 { "; " } else { " " });
                    self.member(method.pkg, method.name);
                    if let TyKind::Func(func) = types.kind(method.sig) {
                        self.signature(func);
                    }
                }
                put!(self, "{}", if methods.is_empty() { "}" } else { " }" });
            }
            TyKind::Named(id) => write_name(&type_name(types, *id), &mut self.out),
            TyKind::Tuple(elems) => {
                put!(self, "tuple");
                self.types(elems);
            }
        }
    }

    fn signature(&mut self, func: &FuncTy) {
        put!(self, "(");
        for (i, &param) in func.params.iter().enumerate() {
            if i > 0 {
                put!(self, ", ");
            }
            match self.program.types.kind(param) {
                TyKind::Slice(elem) if func.variadic && i + 1 == func.params.len() => {
                    put!(self, "...");
                    self.ty(*elem);
                }
                _ => self.ty(param),
            }
        }
        put!(self, ")");
        match &*func.results {
            [] => {}
            [one] => {
                put!(self, " ");
                self.ty(*one);
            }
            many => {
                put!(self, " ");
                self.types(many);
            }
        }
    }

    // ---- functions

    fn function(&mut self, func: &Function) {
        put!(
            self,
            "{}",
            if func.body.is_none() {
                "extern func "
            } else {
                "func "
            }
        );
        self.name(func.name);
        self.types(&func.params);
        if !func.results.is_empty() {
            put!(self, " ");
            self.types(&func.results);
        }
        if func.display != func.name {
            put!(self, " display ");
            self.name(func.display);
        }
        let mut flags = func.flags;
        for (word, set) in flag_words(&mut flags) {
            if *set {
                put!(self, " {word}");
            }
        }
        if func.pos.is_some() {
            put!(self, " @{}", func.pos.0);
        }
        let Some(body) = &func.body else {
            put!(self, "\n");
            return;
        };
        put!(self, " {{\n");
        self.body(func, body);
        put!(self, "}}\n");
    }

    fn body(&mut self, func: &Function, body: &Body) {
        for (id, site) in body.inlines.iter_enumerated() {
            if id.index() == 0 && *site == own_site(func) {
                continue;
            }
            put!(self, "  {id} ");
            self.name(site.func);
            put!(self, " @{}", site.decl.0);
            if site.wrapper {
                put!(self, " wrapper");
            }
            if let Some(call) = site.call {
                put!(self, " at");
                self.loc(call, true);
            }
            put!(self, "\n");
        }
        for (slot, data) in body.slots.iter_enumerated() {
            put!(self, "  {slot}");
            if !data.name.as_str().is_empty() {
                put!(self, " ");
                self.name(data.name);
            }
            put!(self, ": ");
            self.ty(data.ty);
            put!(self, "\n");
        }
        if let Some(block) = body.recover_block {
            put!(self, "  recover {block}\n");
        }
        for block in body.reverse_postorder() {
            let data = &body.blocks[block];
            put!(self, "{block}");
            if !data.params.is_empty() {
                put!(self, "(");
                self.definitions(body, &data.params);
                put!(self, ")");
            }
            put!(self, "{}:\n", if data.cold { " cold" } else { "" });
            for &inst in &data.insts {
                let data = &body.insts[inst];
                put!(self, "  ");
                if !data.results.is_empty() {
                    self.definitions(body, &data.results);
                    put!(self, " = ");
                }
                self.op(body, &data.op, &data.results);
                self.loc(data.loc, false);
                self.comment(&data.op);
                put!(self, "\n");
            }
            put!(self, "  ");
            self.terminator(data.term.as_ref());
            self.loc(data.term_loc, false);
            put!(self, "\n");
        }
    }

    fn definitions(&mut self, body: &Body, values: &[Value]) {
        for (i, &v) in values.iter().enumerate() {
            put!(self, "{}{v}: ", if i > 0 { ", " } else { "" });
            self.ty(body.ty(v));
        }
    }

    fn loc(&mut self, loc: Loc, always: bool) {
        if loc == Loc::default() && !always {
            return;
        }
        put!(self, " @{}", loc.pos.0);
        if loc.inline.index() != 0 {
            put!(self, ":{}", loc.inline);
        }
    }

    fn values(&mut self, values: &[Value]) {
        for (i, v) in values.iter().enumerate() {
            put!(self, "{}{v}", if i > 0 { ", " } else { "" });
        }
    }

    fn operands(&mut self, word: &str, values: &[Value]) {
        put!(self, "{word}{}", if values.is_empty() { "" } else { " " });
        self.values(values);
    }

    fn op(&mut self, body: &Body, op: &Op, results: &[Value]) {
        match op {
            Op::Int(n) => put!(self, "int {n}"),
            Op::Float(bits) => {
                let value = f64::from_bits(*bits);
                if value.is_finite() {
                    put!(self, "float {value:?}");
                } else {
                    put!(self, "float {bits:#x}");
                }
            }
            Op::Zero => put!(self, "zero"),
            Op::Str(data, len) => put!(self, "str {data}, {len}"),
            Op::FuncVal(f) => {
                put!(self, "funcval ");
                self.func(*f);
            }
            Op::FuncCode(f) => {
                put!(self, "funccode ");
                self.func(*f);
            }
            Op::Global(g) => {
                put!(self, "global ");
                self.name(self.program.globals[*g].name);
            }
            Op::Data(data, n) => put!(self, "data {data}, {n}"),
            Op::TypeDesc(ty) => {
                put!(self, "typedesc ");
                self.ty(*ty);
            }
            Op::Itab(itab) => put!(self, "itab {itab}"),
            Op::Unary(op, a) => put!(self, "{} {a}", op.word()),
            Op::Binary(op, a, b) => put!(self, "{} {a}, {b}", op.word()),
            Op::Cmp(op, a, b) => put!(self, "cmp.{} {a}, {b}", op.word()),
            Op::Convert(a) => put!(self, "convert {a}"),
            Op::Bitcast(a) => put!(self, "bitcast {a}"),
            Op::Select(c, a, b) => put!(self, "select {c}, {a}, {b}"),
            Op::Intrinsic(i, args) => self.operands(&format!("intrinsic.{}", i.word()), args),
            Op::Make(parts) => self.operands("make", parts),
            Op::Extract(a, n) => put!(self, "extract {a}, {n}"),
            Op::SlotAddr(slot) => put!(self, "slotaddr {slot}"),
            Op::Offset(a, n) => put!(self, "offset {a}, {n}"),
            Op::Index {
                base,
                index,
                stride,
            } => put!(self, "index {base}, {index}, {stride}"),
            Op::Load(a) => put!(self, "load {a}"),
            Op::Store {
                addr,
                value,
                barrier,
            } => put!(self, "store{} {addr}, {value}", barrier_suffix(*barrier)),
            Op::Move {
                dst,
                src,
                ty,
                barrier,
            } => {
                put!(self, "move{} {dst}, {src}, ", barrier_suffix(*barrier));
                self.ty(*ty);
            }
            Op::ZeroMem { dst, ty, barrier } => {
                put!(self, "zeromem{} {dst}, ", barrier_suffix(*barrier));
                self.ty(*ty);
            }
            Op::HeapAlloc(ty) => {
                put!(self, "heapalloc ");
                self.ty(*ty);
            }
            Op::HeapBox { ty, value, table } => {
                put!(self, "heapbox {value}, {table}, ");
                self.ty(*ty);
            }
            Op::Atomic(op, args) => self.operands(&format!("atomic.{}", op.word()), args),
            Op::NilCheck(a) => put!(self, "nilcheck {a}"),
            Op::BoundsCheck {
                index,
                len,
                kind,
                unsigned,
            } => put!(
                self,
                "boundscheck.{}{} {index}, {len}",
                kind.word(),
                if *unsigned { ".unsigned" } else { "" }
            ),
            Op::DivCheck(a) => put!(self, "divcheck {a}"),
            Op::ShiftCheck(a) => put!(self, "shiftcheck {a}"),
            Op::Call {
                callee,
                args,
                results: declared,
            } => {
                match callee {
                    Callee::Func(f) => {
                        put!(self, "call ");
                        self.func(*f);
                    }
                    Callee::Closure(v) => put!(self, "call.closure {v}"),
                    Callee::Code(v) => put!(self, "call.code {v}"),
                }
                put!(self, "(");
                self.values(args);
                put!(self, ")");
                if !results
                    .iter()
                    .map(|&r| body.ty(r))
                    .eq(declared.iter().copied())
                {
                    put!(self, " -> ");
                    self.types(declared);
                }
            }
            Op::ClosureCtx => put!(self, "closurectx"),
            Op::FramePointer => put!(self, "framepointer"),
            Op::GetG => put!(self, "getg"),
            Op::DeferPush { record, func } => put!(self, "deferpush {record}, {func}"),
            Op::KeepAlive(a) => put!(self, "keepalive {a}"),
            Op::Poll => put!(self, "poll"),
        }
    }

    /// What the reader of a dump would have to look up.
    fn comment(&mut self, op: &Op) {
        match op {
            Op::Str(data, len) => {
                let Some(data) = self.program.data.get(*data) else {
                    return;
                };
                let len = usize::try_from(*len).unwrap_or(usize::MAX);
                let bytes = &data.init.bytes[..len.min(data.init.bytes.len())];
                let shown = &bytes[..bytes.len().min(PREVIEW)];
                let more = if shown.len() < len { "..." } else { "" };
                put!(self, " // {}{more}", go_quote(shown));
            }
            Op::Itab(itab) => {
                let Some(itab) = self.program.itabs.get(*itab) else {
                    return;
                };
                put!(self, " // ");
                self.ty(itab.concrete);
                put!(self, " as ");
                self.ty(itab.iface);
            }
            _ => {}
        }
    }

    fn target(&mut self, target: &BlockCall) {
        put!(self, "{}", target.block);
        if !target.args.is_empty() {
            put!(self, "(");
            self.values(&target.args);
            put!(self, ")");
        }
    }

    fn terminator(&mut self, term: Option<&Terminator>) {
        match term {
            None => put!(self, "unfinished"),
            Some(Terminator::Jump(to)) => {
                put!(self, "jump ");
                self.target(to);
            }
            Some(Terminator::Branch { cond, then, els }) => {
                put!(self, "branch {cond}, ");
                self.target(then);
                put!(self, ", ");
                self.target(els);
            }
            Some(Terminator::Switch {
                value,
                cases,
                default,
            }) => {
                put!(self, "switch {value}, ");
                for (n, to) in cases {
                    put!(self, "{n}: ");
                    self.target(to);
                    put!(self, ", ");
                }
                self.target(default);
            }
            Some(Terminator::Return(values)) => self.operands("return", values),
            Some(Terminator::Unreachable) => put!(self, "unreachable"),
        }
    }
}

fn barrier_suffix(barrier: Barrier) -> &'static str {
    match barrier {
        Barrier::Auto => "",
        Barrier::No => ".nobarrier",
        Barrier::Yes => ".barrier",
    }
}
