//! Removes bounds checks that cannot fail.
//!
//! A check asks whether `0 <= index` and `index < len` (or `<=`). Both are questions "x <= y + c", answered on demand as in R. Bodik, R. Gupta,
//! V. Sarkar, "ABCD: Eliminating Array Bounds Checks on Demand" (PLDI 2000), with dominating branches and checks in place of their
//! renamed variables:
//!
//! 1. Facts: a branch, on the edge taken, and a check that was passed say "x <= y + c" in the blocks that they dominate.
//! 2. Definitions: `x = y + c`, masks, shifts, lengths, conversions from narrow types.
//! 3. A block parameter is below a bound if all arguments are, each seen from the end of its block. A question that comes
//!    back to itself no stronger than it was holds by induction.
//!
//! Integers wrap. `y + c` with c > 0 is at most y + c even if it wraps, and at least y + c with c < 0; the other two directions need to know that
//! nothing wraps. Lengths are at most [`MAX_LEN`].

use std::cell::Cell;

use base::FxHashMap;
use mir::verify::Dominators;
use mir::{
    BinOp, Block, Body, BoundKind, CmpOp, Def, Function, Intrinsic, Op, Program, Terminator,
    TyKind, Value,
};

/// No slice or string is longer: the address space has 47 bits.
const MAX_LEN: i64 = 1 << 47;
/// Sums of numbers between this and its negative do not wrap.
const HUGE: i64 = 1 << 61;
/// Steps for a check.
const FUEL: u32 = 400;
/// Length of a chain of reasons.
const DEPTH: u32 = 14;

/// A number or a value of a 64-bit signed type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Term {
    Zero,
    Value(Value),
}

/// `x <= y + c`, from position `at` of `block` on and in the blocks it dominates.
#[derive(Clone, Copy)]
struct Fact {
    x: Term,
    y: Term,
    c: i64,
    block: Block,
    at: usize,
}

/// A place in the function.
#[derive(Clone, Copy)]
struct Place {
    block: Block,
    at: usize,
}

struct Prover<'a> {
    program: &'a Program,
    body: &'a Body,
    dominators: &'a Dominators,
    preds: base::IndexVec<Block, Vec<Block>>,
    home: base::IndexVec<mir::Inst, Option<Block>>,
    by_left: FxHashMap<Term, Vec<Fact>>,
    by_right: FxHashMap<Term, Vec<Fact>>,
    fuel: Cell<u32>,
}

/// The pass.
pub fn run(program: &Program, func: &mut Function) {
    let Some(body) = &mut func.body else { return };
    let has_checks = body.blocks.iter().any(|b| {
        b.insts
            .iter()
            .any(|&i| matches!(body.insts[i].op, Op::BoundsCheck { .. }))
    });
    // After a recovered panic blocks are entered from anywhere: dominance says nothing there.
    if !has_checks || body.recover_block.is_some() {
        return;
    }
    let order = body.reverse_postorder();
    let dominators = Dominators::compute(body, &order);
    let mut prover = Prover {
        program,
        body,
        dominators: &dominators,
        preds: body.predecessors(),
        home: crate::loops::homes(body),
        by_left: FxHashMap::default(),
        by_right: FxHashMap::default(),
        fuel: Cell::new(0),
    };
    for &block in &order {
        prover.collect(block);
    }
    let mut dead = Vec::new();
    for &block in &order {
        for (at, &inst) in body.blocks[block].insts.iter().enumerate() {
            if let Op::BoundsCheck {
                index, len, kind, ..
            } = body.insts[inst].op
                && prover.holds(Place { block, at }, index, len, kind)
            {
                dead.push((block, inst));
            }
        }
    }
    for (block, inst) in dead {
        body.blocks[block].insts.retain(|&i| i != inst);
    }
}

impl Prover<'_> {
    fn is_word(&self, v: Value) -> bool {
        matches!(self.program.types.under(self.body.ty(v)), TyKind::Int(kind) if kind.is_signed() && kind.size() == 8)
    }

    fn term(&self, v: Value) -> (Term, i64) {
        match self.body.as_int(v) {
            Some(n) => (Term::Zero, n),
            None => (Term::Value(v), 0),
        }
    }

    /// Notes x <= y + c.
    fn add(&mut self, x: Value, y: Value, c: i64, block: Block, at: usize) {
        if !self.is_word(x) || !self.is_word(y) {
            return;
        }
        let ((x, a), (y, b)) = (self.term(x), self.term(y));
        let Some(c) = b.checked_add(c).and_then(|c| c.checked_sub(a)) else {
            return;
        };
        if x == y {
            return;
        }
        let fact = Fact { x, y, c, block, at };
        self.by_left.entry(x).or_default().push(fact);
        self.by_right.entry(y).or_default().push(fact);
    }

    fn add_zero(&mut self, y: Value, block: Block, at: usize) {
        let (y, b) = self.term(y);
        if y == Term::Zero {
            return;
        }
        let fact = Fact {
            x: Term::Zero,
            y,
            c: b,
            block,
            at,
        };
        self.by_left.entry(Term::Zero).or_default().push(fact);
        self.by_right.entry(y).or_default().push(fact);
    }

    fn collect(&mut self, block: Block) {
        if let [pred] = self.preds[block].as_slice() {
            let pred = *pred;
            match self.body.blocks[pred].term.as_ref() {
                Some(Terminator::Branch { cond, then, els }) if then.block != els.block => {
                    self.condition(*cond, then.block == block, block);
                }
                Some(Terminator::Switch {
                    value,
                    cases,
                    default,
                }) if default.block != block => {
                    let mut hits = cases.iter().filter(|(_, to)| to.block == block);
                    if let (Some(&(n, _)), None) = (hits.next(), hits.next())
                        && self.is_word(*value)
                    {
                        let v = Term::Value(*value);
                        for (x, y, c) in [(v, Term::Zero, n), (Term::Zero, v, n.saturating_neg())] {
                            let fact = Fact {
                                x,
                                y,
                                c,
                                block,
                                at: 0,
                            };
                            self.by_left.entry(x).or_default().push(fact);
                            self.by_right.entry(y).or_default().push(fact);
                        }
                    }
                }
                _ => {}
            }
        }
        for at in 0..self.body.blocks[block].insts.len() {
            let inst = self.body.blocks[block].insts[at];
            match self.body.insts[inst].op {
                Op::BoundsCheck {
                    index, len, kind, ..
                } => match kind {
                    BoundKind::Index => {
                        self.add(index, len, -1, block, at + 1);
                        self.add_zero(index, block, at + 1);
                    }
                    BoundKind::Convert => self.add(len, index, 0, block, at + 1),
                    // The comparison is unsigned: it says something only if the bound is not negative.
                    _ => {
                        self.fuel.set(FUEL);
                        if self.at_least(len, 0, Place { block, at }, 0) {
                            self.add(index, len, 0, block, at + 1);
                            self.add_zero(index, block, at + 1);
                        }
                    }
                },
                Op::ShiftCheck(x) if self.is_word(x) => self.add_zero(x, block, at + 1),
                _ => {}
            }
        }
    }

    fn condition(&mut self, cond: Value, mut holds: bool, block: Block) {
        let mut cond = cond;
        while let Some(Op::Unary(mir::UnOp::Not, inner)) = self.body.def_op(cond) {
            cond = *inner;
            holds = !holds;
        }
        let Some(&Op::Cmp(op, x, y)) = self.body.def_op(cond) else {
            return;
        };
        let op = match (op, holds) {
            (op, true) => op,
            (CmpOp::Lt, false) => CmpOp::Ge,
            (CmpOp::Le, false) => CmpOp::Gt,
            (CmpOp::Gt, false) => CmpOp::Le,
            (CmpOp::Ge, false) => CmpOp::Lt,
            (CmpOp::Eq, false) => CmpOp::Ne,
            (CmpOp::Ne, false) => CmpOp::Eq,
        };
        match op {
            CmpOp::Lt => self.add(x, y, -1, block, 0),
            CmpOp::Le => self.add(x, y, 0, block, 0),
            CmpOp::Gt => self.add(y, x, -1, block, 0),
            CmpOp::Ge => self.add(y, x, 0, block, 0),
            CmpOp::Eq => {
                self.add(x, y, 0, block, 0);
                self.add(y, x, 0, block, 0);
            }
            // A length that is not zero is at least one.
            CmpOp::Ne => {
                for (x, y) in [(x, y), (y, x)] {
                    if self.body.as_int(y) == Some(0) && self.is_length(x) {
                        self.add(y, x, -1, block, 0);
                    }
                }
            }
        }
    }

    fn is_length(&self, v: Value) -> bool {
        matches!(self.body.def_op(v), Some(Op::Extract(of, 1 | 2))
            if matches!(self.program.types.under(self.body.ty(*of)), TyKind::Slice(_) | TyKind::String))
    }

    fn holds(&self, place: Place, index: Value, len: Value, kind: BoundKind) -> bool {
        if !self.is_word(index) || !self.is_word(len) {
            return false;
        }
        self.fuel.set(FUEL);
        let ((x, a), (y, b)) = (self.term(index), self.term(len));
        let prove = |x, y, c: Option<i64>| {
            c.is_some_and(|c| self.prove(x, y, c, place, 0, &mut Vec::new()))
        };
        match kind {
            BoundKind::Convert => prove(y, x, a.checked_sub(b)),
            BoundKind::Index => {
                prove(x, y, b.checked_sub(a).and_then(|c| c.checked_sub(1)))
                    && prove(Term::Zero, x, Some(a))
            }
            _ => prove(x, y, b.checked_sub(a)) && prove(Term::Zero, x, Some(a)),
        }
    }

    fn reaches(&self, fact: &Fact, place: Place) -> bool {
        if fact.block == place.block {
            fact.at <= place.at
        } else {
            self.dominators.dominates(fact.block, place.block)
        }
    }

    /// Whether the value of `term` at the end of a predecessor is its value in `block` too: it does not change with the block's trips.
    fn is_stable(&self, term: Term, block: Block) -> bool {
        let Term::Value(v) = term else { return true };
        let home = match self.body.values[v].def {
            Def::Param(b, _) => b,
            Def::Inst(inst, _) => match self.home[inst] {
                Some(b) => b,
                None => return false,
            },
            Def::Alias(_) => return false,
        };
        home != block && self.dominators.dominates(home, block)
    }

    /// Whether x <= y + c at a place.
    fn prove(
        &self,
        x: Term,
        y: Term,
        c: i64,
        place: Place,
        depth: u32,
        open: &mut Vec<(Term, Term, i64)>,
    ) -> bool {
        if x == y {
            return c >= 0;
        }
        let Some(fuel) = self.fuel.get().checked_sub(1) else {
            return false;
        };
        self.fuel.set(fuel);
        if depth > DEPTH {
            return false;
        }
        if let Some(&(_, _, asked)) = open.iter().rev().find(|(a, b, _)| (*a, *b) == (x, y)) {
            // The same question about an earlier trip: by induction, if it is no stronger.
            return c >= asked;
        }
        let (low, high) = (self.range(x), self.range(y));
        if high.0.checked_add(c).is_some_and(|least| low.1 <= least) {
            return true;
        }
        self.by_facts(x, y, c, place, depth, open)
            || self.by_left(x, y, c, place, depth, open)
            || self.by_right(x, y, c, place, depth, open)
    }

    fn by_facts(
        &self,
        x: Term,
        y: Term,
        c: i64,
        place: Place,
        depth: u32,
        open: &mut Vec<(Term, Term, i64)>,
    ) -> bool {
        if x != Term::Zero {
            for fact in self.by_left.get(&x).map_or(&[][..], |f| f) {
                if self.reaches(fact, place)
                    && let Some(rest) = c.checked_sub(fact.c)
                    && self.prove(fact.y, y, rest, place, depth + 1, open)
                {
                    return true;
                }
            }
        }
        if y != Term::Zero {
            for fact in self.by_right.get(&y).map_or(&[][..], |f| f) {
                if self.reaches(fact, place)
                    && let Some(rest) = c.checked_sub(fact.c)
                    && self.prove(x, fact.x, rest, place, depth + 1, open)
                {
                    return true;
                }
            }
        }
        false
    }

    /// By the definition of x.
    fn by_left(
        &self,
        x: Term,
        y: Term,
        c: i64,
        place: Place,
        depth: u32,
        open: &mut Vec<(Term, Term, i64)>,
    ) -> bool {
        let Term::Value(value) = x else { return false };
        if let Def::Param(block, n) = self.body.values[value].def {
            open.push((x, y, c));
            let all = self.is_stable(y, block)
                && self.each_argument(block, n, |arg, place| {
                    let (arg, a) = self.term(arg);
                    c.checked_sub(a)
                        .is_some_and(|c| self.prove(arg, y, c, place, depth + 1, open))
                });
            open.pop();
            return all;
        }
        let mut from = |z: Value, d: i64| {
            let (z, n) = self.term(z);
            c.checked_sub(d)
                .and_then(|c| c.checked_sub(n))
                .is_some_and(|c| self.prove(z, y, c, place, depth + 1, open))
        };
        match self.body.values[value].def {
            Def::Param(..) | Def::Alias(_) => false,
            Def::Inst(inst, _) => match &self.body.insts[inst].op {
                Op::Binary(BinOp::Add, a, b) => {
                    match (self.body.as_int(*a), self.body.as_int(*b)) {
                        (_, Some(d)) if d > 0 || self.at_least(*a, -HUGE, place, depth) => {
                            from(*a, d)
                        }
                        (Some(d), _) if d > 0 || self.at_least(*b, -HUGE, place, depth) => {
                            from(*b, d)
                        }
                        _ => false,
                    }
                }
                Op::Binary(BinOp::Sub, a, b) => match self.body.as_int(*b) {
                    Some(d)
                        if d > -HUGE
                            && (d < 0 || (d < HUGE && self.at_least(*a, -HUGE, place, depth))) =>
                    {
                        from(*a, -d)
                    }
                    Some(_) => false,
                    // a - b <= a for b >= 0, if that does not wrap.
                    None => {
                        self.at_least(*b, 0, place, depth)
                            && self.at_least(*a, -HUGE, place, depth)
                            && self.at_most(*b, HUGE, place, depth)
                            && from(*a, 0)
                    }
                },
                Op::Binary(BinOp::Shr | BinOp::ShrBounded | BinOp::Div | BinOp::Rem, a, b) => {
                    // Not more than a, if a is not negative (divisors that are not negative).
                    let divisor = match &self.body.insts[inst].op {
                        Op::Binary(BinOp::Div | BinOp::Rem, ..) => {
                            self.at_least(*b, 1, place, depth)
                        }
                        _ => true,
                    };
                    let below = match &self.body.insts[inst].op {
                        Op::Binary(BinOp::Rem, ..) => divisor && from(*b, -1),
                        _ => false,
                    };
                    below || (divisor && self.at_least(*a, 0, place, depth) && from(*a, 0))
                }
                Op::Binary(BinOp::And, a, b) => {
                    (self.at_least(*a, 0, place, depth) && from(*a, 0))
                        || (self.at_least(*b, 0, place, depth) && from(*b, 0))
                }
                Op::Select(_, a, b) => from(*a, 0) && from(*b, 0),
                Op::Extract(of, 1) => {
                    // A slice's length is not above its capacity.
                    matches!(y, Term::Value(y) if c >= 0
                        && matches!(self.body.def_op(y), Some(Op::Extract(other, 2)) if other == of)
                        && matches!(self.program.types.under(self.body.ty(*of)), TyKind::Slice(_)))
                }
                _ => false,
            },
        }
    }

    /// By the definition of y.
    fn by_right(
        &self,
        x: Term,
        y: Term,
        c: i64,
        place: Place,
        depth: u32,
        open: &mut Vec<(Term, Term, i64)>,
    ) -> bool {
        let Term::Value(value) = y else { return false };
        if let Def::Param(block, n) = self.body.values[value].def {
            open.push((x, y, c));
            let all = self.is_stable(x, block)
                && self.each_argument(block, n, |arg, place| {
                    let (arg, a) = self.term(arg);
                    c.checked_add(a)
                        .is_some_and(|c| self.prove(x, arg, c, place, depth + 1, open))
                });
            open.pop();
            return all;
        }
        let mut to = |z: Value, d: i64| {
            let (z, n) = self.term(z);
            c.checked_add(d)
                .and_then(|c| c.checked_add(n))
                .is_some_and(|c| self.prove(x, z, c, place, depth + 1, open))
        };
        match self.body.values[value].def {
            Def::Param(..) | Def::Alias(_) => false,
            Def::Inst(inst, _) => match &self.body.insts[inst].op {
                Op::Binary(BinOp::Add, a, b) => {
                    match (self.body.as_int(*a), self.body.as_int(*b)) {
                        (_, Some(d))
                            if d < 0 || (d < HUGE && self.at_most(*a, HUGE, place, depth)) =>
                        {
                            to(*a, d)
                        }
                        (Some(d), _)
                            if d < 0 || (d < HUGE && self.at_most(*b, HUGE, place, depth)) =>
                        {
                            to(*b, d)
                        }
                        (None, None)
                            if self.at_most(*a, HUGE, place, depth)
                                && self.at_most(*b, HUGE, place, depth) =>
                        {
                            (self.at_least(*b, 0, place, depth) && to(*a, 0))
                                || (self.at_least(*a, 0, place, depth) && to(*b, 0))
                        }
                        _ => false,
                    }
                }
                Op::Binary(BinOp::Sub, a, b) => match self.body.as_int(*b) {
                    Some(d) if d > 0 || (d > -HUGE && self.at_most(*a, HUGE, place, depth)) => {
                        to(*a, -d)
                    }
                    // 0 <= a - b where b <= a.
                    None if x == Term::Zero && c >= 0 => {
                        let wraps = !self.at_least(*b, 0, place, depth);
                        let ((a, m), (b, n)) = (self.term(*a), self.term(*b));
                        !wraps
                            && m.checked_sub(n)
                                .is_some_and(|c| self.prove(b, a, c, place, depth + 1, open))
                    }
                    _ => false,
                },
                Op::Binary(BinOp::Shr | BinOp::ShrBounded | BinOp::Rem, a, _)
                    if x == Term::Zero && c >= 0 =>
                {
                    self.at_least(*a, 0, place, depth)
                }
                Op::Binary(BinOp::Div, a, b) if x == Term::Zero && c >= 0 => {
                    self.at_least(*a, 0, place, depth) && self.at_least(*b, 1, place, depth)
                }
                Op::Binary(BinOp::And, a, b) if x == Term::Zero && c >= 0 => {
                    self.at_least(*a, 0, place, depth) || self.at_least(*b, 0, place, depth)
                }
                Op::Select(_, a, b) => to(*a, 0) && to(*b, 0),
                _ => false,
            },
        }
    }

    /// Whether a question holds for every argument of a block's parameter, asked at the end of the block that passes it.
    fn each_argument(
        &self,
        block: Block,
        n: u32,
        mut question: impl FnMut(Value, Place) -> bool,
    ) -> bool {
        if block == Body::ENTRY || self.preds[block].is_empty() {
            return false;
        }
        let mut preds = self.preds[block].clone();
        preds.sort_unstable();
        preds.dedup();
        preds.iter().all(|&pred| {
            let mut all = true;
            let place = Place {
                block: pred,
                at: usize::MAX,
            };
            if let Some(term) = &self.body.blocks[pred].term {
                term.for_each_target(|to| {
                    if to.block == block && all {
                        all = question(to.args[n as usize], place);
                    }
                });
            }
            all
        })
    }

    fn at_least(&self, v: Value, n: i64, place: Place, depth: u32) -> bool {
        if !self.is_word(v) {
            return false;
        }
        let (term, a) = self.term(v);
        match term {
            Term::Zero => a >= n,
            _ => self.prove(
                Term::Zero,
                term,
                n.saturating_neg(),
                place,
                depth + 1,
                &mut Vec::new(),
            ),
        }
    }

    fn at_most(&self, v: Value, n: i64, place: Place, depth: u32) -> bool {
        if !self.is_word(v) {
            return false;
        }
        let (term, a) = self.term(v);
        match term {
            Term::Zero => a <= n,
            _ => self.prove(term, Term::Zero, n, place, depth + 1, &mut Vec::new()),
        }
    }

    /// What a term's definition alone says.
    fn range(&self, term: Term) -> (i64, i64) {
        let all = (i64::MIN, i64::MAX);
        let Term::Value(v) = term else { return (0, 0) };
        match self.body.def_op(v) {
            Some(Op::Extract(..)) if self.is_length(v) => (0, MAX_LEN),
            Some(Op::Convert(x)) => match self.program.types.under(self.body.ty(*x)) {
                TyKind::Int(kind) if kind.size() < 8 => {
                    let bits = kind.size() as u32 * 8;
                    if kind.is_signed() {
                        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
                    } else {
                        let mask = match self.body.def_op(*x) {
                            Some(Op::Binary(BinOp::And, a, b)) => {
                                self.body.as_int(*a).or(self.body.as_int(*b))
                            }
                            _ => None,
                        };
                        let most = (1i64 << bits) - 1;
                        (0, mask.map_or(most, |m| m & most))
                    }
                }
                // An unsigned word that is masked or shifted.
                TyKind::Int(kind) if !kind.is_signed() => match self.body.def_op(*x) {
                    Some(Op::Binary(BinOp::And, a, b)) => {
                        match self.body.as_int(*a).or(self.body.as_int(*b)) {
                            Some(m) if m >= 0 => (0, m),
                            _ => all,
                        }
                    }
                    Some(Op::Binary(BinOp::Shr | BinOp::ShrBounded, _, n)) => {
                        match self.body.as_int(*n) {
                            Some(n) if (1..64).contains(&n) => (0, i64::MAX >> (n - 1)),
                            _ => all,
                        }
                    }
                    Some(Op::Binary(BinOp::Rem, _, n)) => match self.body.as_int(*n) {
                        Some(n) if n > 0 => (0, n - 1),
                        _ => all,
                    },
                    _ => all,
                },
                _ => all,
            },
            Some(Op::Binary(BinOp::And, a, b)) => {
                match self.body.as_int(*a).or(self.body.as_int(*b)) {
                    Some(m) if m >= 0 => (0, m),
                    _ => all,
                }
            }
            Some(Op::Binary(BinOp::Rem, _, n)) => match self.body.as_int(*n) {
                Some(n) if n > 0 => (1 - n, n - 1),
                _ => all,
            },
            Some(Op::Intrinsic(
                Intrinsic::LeadingZeros | Intrinsic::TrailingZeros | Intrinsic::PopCount,
                _,
            )) => (0, 64),
            _ => all,
        }
    }
}
