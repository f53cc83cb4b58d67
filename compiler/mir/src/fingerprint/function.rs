//! One function as bytes: the same in every program, whatever its numbers are there.

use base::FxHashMap;
use source::Pos;

use super::{Encoder, Files, Fingerprint, Names};
use crate::ir::{BlockCall, Body, Callee, Function, InlineSite, Loc, Op, Terminator, Value};
use crate::program::{DataId, FuncId, Program};
use crate::types::Ty;

/// Encodes one function after the other; types and data are numbered by first use.
#[derive(Default)]
pub(super) struct FuncEncoder {
    out: Encoder,
    types: FxHashMap<Ty, u64>,
    /// Files by first use.
    files: Vec<usize>,
}

impl FuncEncoder {
    /// The function alone: functions that it refers to are in it as signatures.
    pub fn function(
        &mut self,
        program: &Program,
        names: &Names,
        files: &Files,
        func: &Function,
    ) -> Fingerprint {
        self.types.clear();
        self.files.clear();
        self.out.bytes.clear();
        let mut e = FuncCx {
            e: self,
            program,
            names,
            files,
        };
        e.signature(func);
        e.pos(func.pos);
        match &func.body {
            None => {
                e.out().byte(0);
            }
            Some(body) => {
                e.out().byte(1);
                e.body(body);
            }
        }
        self.out.fingerprint()
    }
}

struct FuncCx<'a, 'e> {
    e: &'e mut FuncEncoder,
    program: &'a Program,
    names: &'a Names,
    files: &'a Files,
}

impl FuncCx<'_, '_> {
    fn out(&mut self) -> &mut Encoder {
        &mut self.e.out
    }

    fn ty(&mut self, ty: Ty) {
        let next = self.e.types.len() as u64;
        match self.e.types.entry(ty) {
            std::collections::hash_map::Entry::Occupied(known) => {
                self.e.out.number(*known.get());
            }
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(next);
                self.e.out.number(next).name_of(self.names.types[ty]);
            }
        }
    }

    fn types(&mut self, types: &[Ty]) {
        self.out().number(types.len() as u64);
        for &ty in types {
            self.ty(ty);
        }
    }

    fn signature(&mut self, func: &Function) {
        self.out()
            .text(func.name.as_str())
            .text(func.display.as_str())
            .byte(func.body.is_some() as u8);
        for (_, flag) in crate::print::flag_words(&mut { func.flags }) {
            self.out().byte(*flag as u8);
        }
        self.types(&func.params);
        self.types(&func.results);
    }

    fn pos(&mut self, pos: Pos) {
        let files = &self.files.files;
        let inside = |&n: &usize| {
            files[n].base <= pos && pos <= files[n].base.offset(files[n].src.len() as u32)
        };
        if !pos.is_some() {
            self.out().byte(0);
            return;
        }
        if let Some(at) = self.e.files.iter().position(inside) {
            let offset = pos.0 - files[self.e.files[at]].base.0;
            self.e.out.number(at as u64 + 1).number(offset as u64);
            return;
        }
        let at = self.e.files.len() as u64 + 1;
        let n = files.partition_point(|f| f.base <= pos).saturating_sub(1);
        self.e.files.push(n);
        let offset = pos.0 - files[n].base.0;
        self.e
            .out
            .number(at)
            .number(offset as u64)
            .text(&files[n].name);
    }

    fn loc(&mut self, loc: Loc) {
        self.pos(loc.pos);
        self.out().number(loc.inline.0 as u64);
    }

    fn body(&mut self, body: &Body) {
        self.out().number(body.inlines.len() as u64);
        for site in body.inlines.iter() {
            self.site(site);
        }
        self.out().number(body.slots.len() as u64);
        for slot in body.slots.iter() {
            self.out().text(slot.name.as_str());
            self.ty(slot.ty);
        }
        let recover = body.recover_block.map_or(0, |b| b.0 as u64 + 1);
        self.out().number(recover).number(body.blocks.len() as u64);
        for data in body.blocks.iter() {
            self.out()
                .byte(data.cold as u8)
                .number(data.params.len() as u64);
            for &param in &data.params {
                self.definition(body, param);
            }
            self.out().number(data.insts.len() as u64);
            for &inst in &data.insts {
                let inst = &body.insts[inst];
                self.op(&inst.op);
                self.out().number(inst.results.len() as u64);
                for &result in &inst.results {
                    self.definition(body, result);
                }
                self.loc(inst.loc);
            }
            match &data.term {
                None => {
                    self.out().byte(0);
                }
                Some(term) => self.terminator(term),
            }
            self.loc(data.term_loc);
        }
    }

    fn site(&mut self, site: &InlineSite) {
        self.out()
            .text(site.func.as_str())
            .byte(site.wrapper as u8)
            .byte(site.call.is_some() as u8);
        self.pos(site.decl);
        if let Some(call) = site.call {
            self.loc(call);
        }
    }

    fn definition(&mut self, body: &Body, value: Value) {
        self.value(value);
        self.ty(body.ty(value));
    }

    fn value(&mut self, value: Value) {
        self.out().number(value.0 as u64);
    }

    fn values(&mut self, values: &[Value]) {
        self.out().number(values.len() as u64);
        for &value in values {
            self.value(value);
        }
    }

    fn func(&mut self, func: FuncId) {
        let name = self.program.funcs[func].name.as_str();
        self.out().text(name);
    }

    fn data(&mut self, data: DataId) {
        match self.names.data[data] {
            Some(name) => self.out().byte(1).name_of(name),
            // Which data this is no other program can say, and what is made of the function is not kept.
            None => self.out().byte(0),
        };
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Int(n) => {
                self.out().byte(1).signed(*n);
            }
            Op::Float(bits) => {
                self.out().byte(2).number(*bits);
            }
            Op::Zero => {
                self.out().byte(3);
            }
            Op::Str(data, len) => {
                self.out().byte(4).number(*len);
                self.data(*data);
            }
            Op::FuncVal(f) => {
                self.out().byte(5);
                self.func(*f);
            }
            Op::FuncCode(f) => {
                self.out().byte(6);
                self.func(*f);
            }
            Op::Global(global) => {
                let name = self.program.globals[*global].name.as_str();
                self.out().byte(7).text(name);
            }
            Op::Data(data, offset) => {
                self.out().byte(8).signed(*offset);
                self.data(*data);
            }
            Op::TypeDesc(ty) => {
                self.out().byte(9);
                self.ty(*ty);
            }
            Op::Itab(itab) => {
                let itab = &self.program.itabs[*itab];
                self.out().byte(10);
                self.ty(itab.iface);
                self.ty(itab.concrete);
            }
            Op::Unary(op, x) => {
                self.out().byte(11).byte(*op as u8);
                self.value(*x);
            }
            Op::Binary(op, a, b) => {
                self.out().byte(12).byte(*op as u8);
                self.values(&[*a, *b]);
            }
            Op::Cmp(op, a, b) => {
                self.out().byte(13).byte(*op as u8);
                self.values(&[*a, *b]);
            }
            Op::Convert(x) => {
                self.out().byte(14);
                self.value(*x);
            }
            Op::Bitcast(x) => {
                self.out().byte(15);
                self.value(*x);
            }
            Op::Select(c, a, b) => {
                self.out().byte(16);
                self.values(&[*c, *a, *b]);
            }
            Op::Intrinsic(intrinsic, args) => {
                self.out().byte(17).byte(*intrinsic as u8);
                self.values(args);
            }
            Op::Make(parts) => {
                self.out().byte(18);
                self.values(parts);
            }
            Op::Extract(of, n) => {
                self.out().byte(19).number(*n as u64);
                self.value(*of);
            }
            Op::SlotAddr(slot) => {
                self.out().byte(20).number(slot.0 as u64);
            }
            Op::Offset(x, offset) => {
                self.out().byte(21).signed(*offset);
                self.value(*x);
            }
            Op::Index {
                base,
                index,
                stride,
            } => {
                self.out().byte(22).number(*stride);
                self.values(&[*base, *index]);
            }
            Op::Load(addr) => {
                self.out().byte(23);
                self.value(*addr);
            }
            Op::Store {
                addr,
                value,
                barrier,
            } => {
                self.out().byte(24).byte(*barrier as u8);
                self.values(&[*addr, *value]);
            }
            Op::Move {
                dst,
                src,
                ty,
                barrier,
            } => {
                self.out().byte(25).byte(*barrier as u8);
                self.values(&[*dst, *src]);
                self.ty(*ty);
            }
            Op::ZeroMem { dst, ty, barrier } => {
                self.out().byte(26).byte(*barrier as u8);
                self.value(*dst);
                self.ty(*ty);
            }
            Op::HeapAlloc(ty) => {
                self.out().byte(27);
                self.ty(*ty);
            }
            Op::HeapBox { ty, value, table } => {
                self.out().byte(40);
                self.values(&[*value, *table]);
                self.ty(*ty);
            }
            Op::Atomic(op, args) => {
                self.out().byte(28).byte(*op as u8);
                self.values(args);
            }
            Op::NilCheck(x) => {
                self.out().byte(29);
                self.value(*x);
            }
            Op::BoundsCheck {
                index,
                len,
                kind,
                unsigned,
            } => {
                self.out().byte(30).byte(*kind as u8).byte(*unsigned as u8);
                self.values(&[*index, *len]);
            }
            Op::DivCheck(x) => {
                self.out().byte(31);
                self.value(*x);
            }
            Op::ShiftCheck(x) => {
                self.out().byte(32);
                self.value(*x);
            }
            Op::Call {
                callee,
                args,
                results,
            } => {
                self.out().byte(33);
                match callee {
                    Callee::Func(f) => {
                        self.out().byte(0);
                        self.func(*f);
                    }
                    Callee::Closure(v) => {
                        self.out().byte(1);
                        self.value(*v);
                    }
                    Callee::Code(v) => {
                        self.out().byte(2);
                        self.value(*v);
                    }
                }
                self.values(args);
                self.types(results);
            }
            Op::ClosureCtx => {
                self.out().byte(34);
            }
            Op::FramePointer => {
                self.out().byte(35);
            }
            Op::GetG => {
                self.out().byte(36);
            }
            Op::DeferPush { record, func } => {
                self.out().byte(37);
                self.values(&[*record, *func]);
            }
            Op::KeepAlive(x) => {
                self.out().byte(38);
                self.value(*x);
            }
            Op::Poll => {
                self.out().byte(39);
            }
        }
    }

    fn target(&mut self, target: &BlockCall) {
        self.out().number(target.block.0 as u64);
        self.values(&target.args);
    }

    fn terminator(&mut self, term: &Terminator) {
        match term {
            Terminator::Jump(target) => {
                self.out().byte(1);
                self.target(target);
            }
            Terminator::Branch { cond, then, els } => {
                self.out().byte(2);
                self.value(*cond);
                self.target(then);
                self.target(els);
            }
            Terminator::Switch {
                value,
                cases,
                default,
            } => {
                self.out().byte(3);
                self.value(*value);
                self.out().number(cases.len() as u64);
                for (n, target) in cases {
                    self.out().signed(*n);
                    self.target(target);
                }
                self.target(default);
            }
            Terminator::Return(values) => {
                self.out().byte(4);
                self.values(values);
            }
            Terminator::Unreachable => {
                self.out().byte(5);
            }
        }
    }
}
