//! Channel operations and select.

use base::Symbol;
use mir::{Barrier, BlockCall, FieldTy, Terminator, Ty, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::{ClauseId, ClauseKind, ExprId, ExprKind, StmtId, StmtKind, UnaryOp};

use crate::func::{FnCx, Target};

/// A communication clause.
enum Comm {
    Send {
        chan: ExprId,
        value: ExprId,
    },
    Recv {
        chan: ExprId,
        lhs: SmallVec<[ExprId; 2]>,
        define: bool,
    },
}

impl FnCx<'_, '_> {
    fn chan_elem(&self, ty: Ty) -> Ty {
        match self.cx.p.types.under(ty) {
            TyKind::Chan(_, elem) => *elem,
            other => unreachable!("channel operation on {other:?}"),
        }
    }

    pub(crate) fn send(&mut self, s: StmtId, chan: ExprId, value: ExprId) {
        self.prep(&[chan, value]);
        let ct = self.ty_of(chan);
        let elem = self.chan_elem(ct);
        let c = self.expr(chan);
        let v = self.argument(value, elem);
        self.set_pos(self.file.ast.stmts[s].pos);
        let addr = self.addressable(v, elem);
        self.rt("chansend1", &[c, addr]);
    }

    /// `<-x`
    pub(crate) fn receive(&mut self, e: ExprId, x: ExprId) -> Value {
        let ct = self.ty_of(x);
        let elem = self.chan_elem(ct);
        let c = self.expr(x);
        self.set_pos(self.file.ast.exprs[e].span.lo);
        let t = self.receive_temp(elem);
        self.rt("chanrecv1", &[c, t]);
        self.take(t, elem)
    }
    /// `v, ok := <-x`
    pub(crate) fn receive2(&mut self, e: ExprId, x: ExprId) -> SmallVec<[Value; 2]> {
        let ct = self.ty_of(x);
        let elem = self.chan_elem(ct);
        let c = self.expr(x);
        self.set_pos(self.file.ast.exprs[e].span.lo);
        let t = self.receive_temp(elem);
        let ok = self.rt1("chanrecv2", &[c, t]);
        smallvec![self.take(t, elem), ok]
    }

    fn comm(&self, s: StmtId) -> Comm {
        let ast = &self.file.ast;
        let chan = |e: ExprId| {
            let e = ast.unparen(e);
            match &ast.exprs[e].kind {
                ExprKind::Unary {
                    op: UnaryOp::Recv,
                    x,
                } => *x,
                _ => e,
            }
        };
        match &ast.stmts[s].kind {
            StmtKind::Send { chan, value } => Comm::Send {
                chan: *chan,
                value: *value,
            },
            StmtKind::Expr(e) => Comm::Recv {
                chan: chan(*e),
                lhs: SmallVec::new(),
                define: false,
            },
            StmtKind::Assign { lhs, rhs, .. } => Comm::Recv {
                chan: chan(rhs[0]),
                lhs: SmallVec::from_slice(lhs),
                define: false,
            },
            StmtKind::Define { lhs, rhs } => Comm::Recv {
                chan: chan(rhs[0]),
                lhs: SmallVec::from_slice(lhs),
                define: true,
            },
            other => unreachable!("communication {other:?}"),
        }
    }

    pub(crate) fn select_stmt(&mut self, s: StmtId, clauses: &[ClauseId]) {
        let file = self.file;
        let pos = file.ast.stmts[s].pos;
        if clauses.is_empty() {
            self.rt("block", &[]);
            self.b.terminate(Terminator::Unreachable);
            return;
        }
        let exit = self.new_block();
        self.targets.push(Target {
            stmt: s,
            brk: exit,
            cont: None,
        });
        let outer = self.fallthrough.take();
        let default = clauses
            .iter()
            .copied()
            .find(|&c| matches!(file.ast.clauses[c].kind, ClauseKind::Default));
        let comms: Vec<(ClauseId, StmtId)> = clauses
            .iter()
            .filter_map(|&c| match file.ast.clauses[c].kind {
                ClauseKind::Comm(s) => Some((c, s)),
                _ => None,
            })
            .collect();
        match (comms.as_slice(), default) {
            ([], Some(d)) => {
                self.stmts(&file.ast.clauses[d].body);
                self.b.jump(exit);
            }
            ([(c, comm)], None) => {
                match self.comm(*comm) {
                    // The left side is evaluated after the operation.
                    Comm::Recv { chan, lhs, define } if !lhs.is_empty() => {
                        self.prep(&[chan]);
                        let ct = self.ty_of(chan);
                        let elem = self.chan_elem(ct);
                        let ch = self.expr(chan);
                        self.set_pos(file.ast.stmts[*comm].pos);
                        let t = self.receive_temp(elem);
                        let ok = self.rt1("chanrecv2", &[ch, t]);
                        self.bind_received(&lhs, define, t, elem, ok);
                        self.hoisted.clear();
                    }
                    // Unlike in a statement of its own, the channel is read before the value's calls.
                    Comm::Send { chan, value } => {
                        let operands = self.send_operands(chan, value);
                        self.set_pos(file.ast.stmts[*comm].pos);
                        self.rt("chansend1", &operands);
                        self.hoisted.clear();
                    }
                    _ => self.stmt(*comm),
                }
                self.ensure_reachable();
                self.stmts(&file.ast.clauses[*c].body);
                self.b.jump(exit);
            }
            ([(c, comm)], Some(d)) => {
                let no = self.select_one(*c, *comm, file.ast.stmts[*comm].pos);
                self.b.jump(exit);
                self.start_block(no);
                self.hoisted.clear();
                self.stmts(&file.ast.clauses[d].body);
                self.b.jump(exit);
            }
            _ => self.select_many(&comms, default, exit, pos),
        }
        self.fallthrough = outer;
        self.targets.pop();
        self.continue_in(exit);
    }

    /// Channel and address of the value of a send in a select statement.
    fn send_operands(&mut self, chan: ExprId, value: ExprId) -> [Value; 2] {
        let ct = self.ty_of(chan);
        let elem = self.chan_elem(ct);
        self.prep(&[chan]);
        let ch = self.expr(chan);
        self.prep(&[value]);
        let v = self.argument(value, elem);
        [ch, self.addressable(v, elem)]
    }

    /// One communication and a default: a non-blocking operation.
    /// Lowers the communication's clause; returns the block for the other case.
    fn select_one(&mut self, c: ClauseId, comm: StmtId, pos: source::Pos) -> mir::Block {
        let file = self.file;
        let (yes, no) = (self.new_block(), self.new_block());
        match self.comm(comm) {
            Comm::Send { chan, value } => {
                let operands = self.send_operands(chan, value);
                self.set_pos(pos);
                let done = self.rt1("selectnbsend", &operands);
                self.b.branch(done, yes, no);
                self.start_block(yes);
            }
            Comm::Recv { chan, lhs, define } => {
                self.prep(&[chan]);
                let ct = self.ty_of(chan);
                let elem = self.chan_elem(ct);
                let ch = self.expr(chan);
                self.set_pos(pos);
                let t = self.receive_temp(elem);
                let out = self.rt("selectnbrecv", &[t, ch]);
                self.b.branch(out[0], yes, no);
                self.start_block(yes);
                self.bind_received(&lhs, define, t, elem, out[1]);
            }
        }
        self.hoisted.clear();
        self.stmts(&file.ast.clauses[c].body);
        no
    }

    fn bind_received(&mut self, lhs: &[ExprId], define: bool, temp: Value, elem: Ty, ok: Value) {
        let v = self.take(temp, elem);
        let v = lhs.first().map(|_| (v, elem));
        self.bind_pair(
            [lhs.first().copied(), lhs.get(1).copied()],
            define,
            [v, Some((ok, TypeTable::BOOL))],
        );
        if !self.is_ssa(elem) {
            self.forget(temp, elem);
        }
    }

    fn select_many(
        &mut self,
        comms: &[(ClauseId, StmtId)],
        default: Option<ClauseId>,
        exit: mir::Block,
        pos: source::Pos,
    ) {
        let file = self.file;
        let n = comms.len() as u64;
        let ptr = TypeTable::UNSAFE_POINTER;
        let field = |name: &str| FieldTy {
            name: Symbol::intern(name),
            pkg: None,
            ty: ptr,
            embedded: false,
            tag: None,
        };
        let scase = self
            .cx
            .p
            .types
            .intern(TyKind::Struct(Box::new([field("c"), field("elem")])));
        let cases_ty = self.cx.p.types.array(scase, n);
        let order_ty = self.cx.p.types.array(TypeTable::UINT16, 2 * n);
        let kinds: Vec<Comm> = comms.iter().map(|&(_, s)| self.comm(s)).collect();
        // Channels and values are evaluated in source order; unlike in expressions, each is read before the next call.
        let mut evaluated: Vec<(Value, Value, Ty)> = Vec::new();
        for k in &kinds {
            match k {
                Comm::Send { chan, value } => {
                    let ct = self.ty_of(*chan);
                    let elem = self.chan_elem(ct);
                    self.prep(&[*chan]);
                    let ch = self.expr(*chan);
                    self.prep(&[*value]);
                    let v = self.argument(*value, elem);
                    let addr = self.addressable(v, elem);
                    evaluated.push((ch, addr, elem));
                }
                Comm::Recv { chan, .. } => {
                    let ct = self.ty_of(*chan);
                    let elem = self.chan_elem(ct);
                    self.prep(&[*chan]);
                    let ch = self.expr(*chan);
                    let t = self.receive_temp(elem);
                    evaluated.push((ch, t, elem));
                }
            }
        }
        self.set_pos(pos);
        let cases = self.temp(cases_ty);
        let order = self.temp(order_ty);
        let sends: Vec<usize> = (0..kinds.len())
            .filter(|&i| matches!(kinds[i], Comm::Send { .. }))
            .collect();
        let recvs: Vec<usize> = (0..kinds.len())
            .filter(|&i| matches!(kinds[i], Comm::Recv { .. }))
            .collect();
        let sequence: Vec<usize> = sends.iter().chain(&recvs).copied().collect();
        for (at, &i) in sequence.iter().enumerate() {
            let (ch, addr, _) = evaluated[i];
            let slot = self.offset(cases, at as u64 * 16, ptr);
            self.store_with(slot, ch, ptr, Barrier::No);
            let slot = self.offset(cases, at as u64 * 16 + 8, ptr);
            self.store_with(slot, addr, ptr, Barrier::No);
        }
        let (ns, nr) = (
            self.iconst(sends.len() as i64),
            self.iconst(recvs.len() as i64),
        );
        let block = self.bool(default.is_none());
        let out = self.rt("selectgo", &[cases, order, ns, nr, block]);
        let (chosen, received) = (out[0], out[1]);
        let blocks: Vec<mir::Block> = kinds.iter().map(|_| self.new_block()).collect();
        let other = self.new_block();
        let list = sequence
            .iter()
            .enumerate()
            .map(|(at, &i)| (at as i64, BlockCall::from(blocks[i])))
            .collect();
        self.b.terminate(Terminator::Switch {
            value: chosen,
            cases: list,
            default: other.into(),
        });
        for (i, k) in kinds.iter().enumerate() {
            self.start_block(blocks[i]);
            self.hoisted.clear();
            if let Comm::Recv { lhs, define, .. } = k {
                let (_, t, elem) = evaluated[i];
                self.set_pos(file.ast.clauses[comms[i].0].span.lo);
                self.bind_received(lhs, *define, t, elem, received);
            }
            self.stmts(&file.ast.clauses[comms[i].0].body);
            self.b.jump(exit);
        }
        self.start_block(other);
        match default {
            Some(d) => {
                self.hoisted.clear();
                self.stmts(&file.ast.clauses[d].body);
                self.b.jump(exit);
            }
            None => self.b.terminate(Terminator::Unreachable),
        }
    }
}
