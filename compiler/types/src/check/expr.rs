//! Expressions: dispatch, unary and binary operations.

use source::Pos;
use syntax::ast::{BinaryOp, ExprId, ExprKind, LitKind, UnaryOp};

use super::index::Partial;
use super::operand::{self, Operand};
use super::{Checker, Target};
use crate::constant::{self, ConstValue};
use crate::model::*;
use crate::predicates::Incomparable;
use crate::typed::*;

/// Constants of untyped integer type must not need more bits.
const MAX_INT_BITS: u64 = 512;
/// Largest shift count of a constant shift.
const MAX_SHIFT: u64 = 1023 - 1 + 52;

impl<'a> Checker<'a> {
    /// A single value.
    pub(super) fn expr(&mut self, expr: ExprId) -> Operand {
        let mut x = self.raw_expr(expr, None, None, false);
        self.exclude(&mut x, true, true);
        self.single_value(&mut x);
        x
    }
    /// A single value that is assigned to something of function type `target`.
    pub(super) fn expr_with_target(&mut self, expr: ExprId, target: Option<&Target>) -> Operand {
        let mut x = self.raw_expr(expr, None, target, false);
        self.exclude(&mut x, true, true);
        self.single_value(&mut x);
        x
    }
    /// A single value; composite literals without type have type `hint`, generic functions are instantiated for `target`.
    pub(super) fn expr_with_hint(
        &mut self,
        expr: ExprId,
        hint: TypeId,
        target: Option<&Target>,
    ) -> Operand {
        let mut x = self.raw_expr(expr, Some(hint), target, false);
        self.exclude(&mut x, true, true);
        self.single_value(&mut x);
        x
    }
    /// A value or several (a tuple).
    pub(super) fn multi_expr(&mut self, expr: ExprId) -> Operand {
        let mut x = self.raw_expr(expr, None, None, false);
        self.exclude(&mut x, true, true);
        x
    }
    /// A value, which may be a generic function, or several.
    pub(super) fn generic_expr(&mut self, expr: ExprId) -> Operand {
        let mut x = match self.kind(expr) {
            // What is missing of a partial instantiation may be inferred by the caller.
            ExprKind::Index { x, indices } => {
                let partial = if self.allows(21) {
                    Partial::Kept
                } else {
                    Partial::Completed
                };
                let x = self.index_operand(expr, *x, indices, None, partial);
                self.finish_expr(expr, x)
            }
            _ => self.raw_expr(expr, None, None, true),
        };
        self.exclude(&mut x, true, true);
        x
    }
    /// A value or a type.
    pub(super) fn expr_or_type(&mut self, expr: ExprId, allow_generic: bool) -> Operand {
        let mut x = self.raw_expr(expr, None, None, allow_generic);
        self.exclude(&mut x, false, true);
        self.single_value(&mut x);
        x
    }

    fn exclude(&mut self, x: &mut Operand, types: bool, builtins: bool) {
        let (code, what) = match x.mode {
            Mode::NoValue => (
                "TooManyValues",
                if types {
                    "used as value"
                } else {
                    "used as value or type"
                },
            ),
            Mode::Builtin(_) if builtins => ("UncalledBuiltin", "must be called"),
            Mode::TypeExpr if types => ("NotAnExpr", "is not an expression"),
            _ => return,
        };
        let text = self.operand_str(x);
        self.error_at(
            x.expr.expect("has been evaluated"),
            code,
            format!("{text} {what}"),
        );
        x.invalidate();
    }
    pub(super) fn single_value(&mut self, x: &mut Operand) {
        if x.mode == Mode::Value
            && let Type::Tuple(types) = self.store.ty(x.ty)
            && types.len() != 1
        {
            let text = self.operand_str(x);
            self.error_at(
                x.expr.expect("a call"),
                "TooManyValues",
                format!("multiple-value {text} in single-value context"),
            );
            x.invalidate();
        }
    }

    /// Evaluates any expression and records what it is.
    pub(super) fn raw_expr(
        &mut self,
        expr: ExprId,
        hint: Option<TypeId>,
        target: Option<&Target>,
        allow_generic: bool,
    ) -> Operand {
        let mut x = stacker::maybe_grow(128 << 10, 2 << 20, || {
            self.expr_internal(expr, hint, target)
        });
        if !allow_generic {
            self.instantiate_or_reject(&mut x, target);
        }
        self.finish_expr(expr, x)
    }
    /// Records an evaluated expression, if its type is complete.
    fn finish_expr(&mut self, expr: ExprId, mut x: Operand) -> Operand {
        x.expr = Some(expr);
        if !self.path.is_empty()
            && !matches!(
                x.mode,
                Mode::Invalid | Mode::NoValue | Mode::TypeExpr | Mode::Builtin(_)
            )
            && !self.require_complete(x.ty)
        {
            x.invalidate();
        }
        self.record(expr, &x);
        x
    }

    /// Generic types and functions are not values, but a function may be instantiated for its target.
    fn instantiate_or_reject(&mut self, x: &mut Operand, target: Option<&Target>) {
        if matches!(x.mode, Mode::Invalid | Mode::NoValue | Mode::Builtin(_))
            || x.ty.0 <= TypeId::EMPTY_TUPLE.0
        {
            return;
        }
        let what = match self.store.ty(x.ty) {
            Type::Named(_) | Type::Alias(_) if self.store.is_generic(x.ty) => "type",
            Type::Signature(signature)
                if !signature.tparams.is_empty() && x.mode != Mode::TypeExpr =>
            {
                let expr = x.expr.expect("has been evaluated");
                let partial = self.partial_targs(expr).is_some();
                if target.is_some() || partial {
                    self.instantiate_function(x, expr, &[], target, true);
                    return;
                }
                "function"
            }
            _ => return,
        };
        let expr = x.expr.expect("has been evaluated");
        let text = self.expr_str(expr);
        self.error_at(
            expr,
            "WrongTypeArgCount",
            format!("cannot use generic {what} {text} without instantiation"),
        );
        x.invalidate();
        x.ty = TypeId::INVALID;
    }

    fn expr_internal(
        &mut self,
        expr: ExprId,
        hint: Option<TypeId>,
        target: Option<&Target>,
    ) -> Operand {
        let ast = self.env.ast;
        match &ast.exprs[expr].kind {
            ExprKind::Bad => Operand::invalid(expr),
            ExprKind::Name(name) => self.ident(expr, *name, false),
            ExprKind::BasicLit { kind, text } => self.basic_literal(expr, *kind, text),
            ExprKind::CompositeLit { ty, elems, rbrace } => {
                self.composite_literal(expr, *ty, elems, *rbrace, hint)
            }
            ExprKind::FuncLit { ty, body } => self.func_literal(expr, *ty, *body),
            ExprKind::Paren(inner) => {
                let mut x = self.raw_expr(*inner, None, target, true);
                x.expr = Some(expr);
                x
            }
            ExprKind::Selector { x, sel } => self.selector(expr, *x, *sel, false),
            ExprKind::Index { x, indices } => self.index_expr(expr, *x, indices, target),
            ExprKind::Slice {
                x,
                lo,
                hi,
                max,
                three,
            } => self.slice_expr(expr, *x, [*lo, *hi, *max], *three),
            ExprKind::TypeAssert { x, ty } => self.type_assertion(expr, *x, *ty),
            ExprKind::Call {
                fun,
                args,
                ellipsis,
                rparen,
            } => self.call(expr, *fun, args, *ellipsis, *rparen),
            ExprKind::Star(inner) => self.star(expr, *inner),
            ExprKind::Unary { op, x } => self.unary(expr, *op, *x),
            ExprKind::Binary { op, x, y } => self.binary_chain(expr, *op, *x, *y),
            ExprKind::KeyValue { .. } => {
                self.error_at(expr, "InvalidSyntaxTree", "no key:value expected");
                Operand::invalid(expr)
            }
            ExprKind::Ellipsis(_) => {
                self.error_at(expr, "InvalidSyntaxTree", "invalid use of ...");
                Operand::invalid(expr)
            }
            ExprKind::ArrayType { .. }
            | ExprKind::SliceType(_)
            | ExprKind::StructType { .. }
            | ExprKind::FuncType(_)
            | ExprKind::InterfaceType { .. }
            | ExprKind::MapType { .. }
            | ExprKind::ChanType { .. } => {
                let ty = self.typ(expr);
                if ty == TypeId::INVALID {
                    return Operand::invalid(expr);
                }
                Operand::new(Mode::TypeExpr, ty, expr)
            }
        }
    }

    fn basic_literal(&mut self, expr: ExprId, kind: LitKind, text: &str) -> Operand {
        if matches!(kind, LitKind::Int | LitKind::Float | LitKind::Imag) {
            self.check_literal_version(expr, kind, text);
            const LIMIT: usize = 10_000;
            if text.len() > LIMIT {
                let head: String = text.chars().take(10).collect();
                let message = format!(
                    "excessively long constant: {head}... ({} chars)",
                    text.len()
                );
                self.error_at(expr, "InvalidConstVal", message);
                return Operand::invalid(expr);
            }
        }
        let ty = TypeId::basic(match kind {
            LitKind::Int => BasicKind::UntypedInt,
            LitKind::Float => BasicKind::UntypedFloat,
            LitKind::Imag => BasicKind::UntypedComplex,
            LitKind::Char => BasicKind::UntypedRune,
            LitKind::String => BasicKind::UntypedString,
        });
        let Some(value) = constant::from_literal(kind, text) else {
            self.error_at(
                expr,
                "InvalidConstVal",
                format!("malformed constant: {text}"),
            );
            return Operand::invalid(expr);
        };
        let mut x = Operand::constant(ty, value, expr);
        self.check_overflow(&mut x, self.pos(expr));
        x
    }
    /// Literal forms of go1.13.
    fn check_literal_version(&mut self, expr: ExprId, kind: LitKind, text: &str) {
        if self.allows(13) {
            return;
        }
        let bytes = text.as_bytes();
        let what = if text.contains('_') {
            "underscore in numeric literal"
        } else {
            match bytes {
                [b'0', b'b' | b'B', ..] => "binary literal",
                [b'0', b'o' | b'O', ..] => "0o/0O-style octal literal",
                [b'0', b'x' | b'X', ..]
                    if kind == LitKind::Imag || text.contains(['.', 'p', 'P']) =>
                {
                    "hexadecimal floating-point literal"
                }
                _ => return,
            }
        };
        self.require_version(self.pos(expr), 13, what);
    }

    fn star(&mut self, expr: ExprId, inner: ExprId) -> Operand {
        let store = self.store;
        let mut x = self.raw_expr(inner, None, None, false);
        self.exclude(&mut x, false, false);
        self.single_value(&mut x);
        match x.mode {
            Mode::Invalid => return Operand::invalid(expr),
            Mode::TypeExpr => {
                let ty = x.ty;
                self.later(move |checker| checker.check_no_constraint(ty, inner));
                x.ty = store.pointer(ty);
            }
            Mode::Nil => {
                self.error_at(
                    inner,
                    "InvalidIndirection",
                    "invalid operation: cannot indirect nil",
                );
                return Operand::invalid(expr);
            }
            _ => {
                let mut only_pointers = false;
                let elem = match self.shared_under(x.ty) {
                    Ok(under) => match store.ty(under) {
                        Type::Pointer(elem) => Some(*elem),
                        _ => None,
                    },
                    Err(_) => {
                        only_pointers = self.all_under(x.ty, &mut |checker, ty| {
                            matches!(checker.store.ty(ty), Type::Pointer(_))
                        });
                        None
                    }
                };
                match elem {
                    Some(elem) => {
                        x.mode = Mode::Variable;
                        x.ty = elem;
                    }
                    None => {
                        let text = self.operand_str(&x);
                        let message = if only_pointers {
                            format!(
                                "invalid operation: pointers of {text} must have identical base types"
                            )
                        } else {
                            format!("invalid operation: cannot indirect {text}")
                        };
                        self.error_at(inner, "InvalidIndirection", message);
                        return Operand::invalid(expr);
                    }
                }
            }
        }
        x.expr = Some(expr);
        x
    }
    fn check_no_constraint(&mut self, ty: TypeId, expr: ExprId) {
        if self.store.is_interface(ty) {
            let set = self.store.type_set(ty);
            if !set.is_method_set() {
                let text = self.type_str(ty);
                let why = if set.comparable {
                    "interface is (or embeds) comparable"
                } else {
                    "interface contains type constraints"
                };
                let message = format!("cannot use type {text} outside a type constraint: {why}");
                self.error_at(expr, "MisplacedConstraintIface", message);
            }
        }
    }

    /// The underlying type that all types of a type's type set share; for other types the underlying type.
    /// Otherwise the reason why there is none.
    pub(super) fn shared_under(&mut self, ty: TypeId) -> Result<TypeId, String> {
        self.shared_under_with(ty, &|_, _, _| None)
    }
    /// [`Checker::shared_under`] for a type parameter whose types must not be refused: `refuse` gets each type of the
    /// set with its underlying type.
    pub(super) fn shared_under_with(
        &mut self,
        ty: TypeId,
        refuse: &dyn Fn(&Self, TypeId, TypeId) -> Option<String>,
    ) -> Result<TypeId, String> {
        let store = self.store;
        let Some(param) = store.type_param(ty) else {
            return Ok(store.underlying(ty));
        };
        let Some(types) = store.specific_types(store.constraint(param)) else {
            return Err("no specific type".into());
        };
        let mut shared: Option<TypeId> = None;
        for ty in types {
            let under = store.underlying(ty);
            if let Some(why) = refuse(self, ty, under) {
                return Err(why);
            }
            match shared {
                None => shared = Some(under),
                Some(other) => {
                    if store.identical(other, under) {
                        continue;
                    }
                    // Channels may differ in direction if they do not conflict.
                    if let (Type::Chan { dir: a, elem: x }, Type::Chan { dir: b, elem: y }) =
                        (store.ty(other), store.ty(under))
                    {
                        use syntax::ast::ChanDir::Both;
                        if !store.identical(*x, *y) {
                            let (s, t) = (self.type_str(other), self.type_str(under));
                            return Err(format!(
                                "channels {s} and {t} have different element types"
                            ));
                        }
                        if *a != Both && *b != Both {
                            let (s, t) = (self.type_str(other), self.type_str(under));
                            return Err(format!(
                                "channels {s} and {t} have conflicting directions"
                            ));
                        }
                        if *a == Both {
                            shared = Some(under);
                        }
                        continue;
                    }
                    let (s, t) = (self.type_str(other), self.type_str(under));
                    return Err(format!("{s} and {t} have different underlying types"));
                }
            }
        }
        shared.ok_or_else(|| "no specific type".into())
    }

    fn unary(&mut self, expr: ExprId, mut op: UnaryOp, operand: ExprId) -> Operand {
        let store = self.store;
        if op == UnaryOp::Addr {
            return self.address(expr, operand);
        }
        let mut x = self.expr(operand);
        if x.is_invalid() {
            return Operand::invalid(expr);
        }
        match op {
            UnaryOp::Recv => {
                match self.receive_elem(&x) {
                    Ok(elem) => {
                        x.mode = Mode::CommaOk;
                        x.ty = elem;
                        x.val = None;
                        self.env.has_call_or_recv = true;
                    }
                    Err(message) => {
                        self.error_at(operand, "InvalidReceive", message);
                        return Operand::invalid(expr);
                    }
                }
                x.expr = Some(expr);
                return x;
            }
            UnaryOp::Tilde => {
                if !store.all_basic(x.ty, BasicKind::is_integer) {
                    self.error_at(
                        expr,
                        "UndefinedOp",
                        "cannot use ~ outside of interface or type constraint",
                    );
                    return Operand::invalid(expr);
                }
                let message = "cannot use ~ outside of interface or type constraint (use ^ for bitwise complement)";
                self.error_at(expr, "UndefinedOp", message);
                op = UnaryOp::BitNot;
            }
            _ => {}
        }
        let defined = match op {
            UnaryOp::Plus | UnaryOp::Neg => store.all_basic(x.ty, BasicKind::is_numeric),
            UnaryOp::BitNot => store.all_basic(x.ty, BasicKind::is_integer),
            UnaryOp::Not => store.all_basic(x.ty, BasicKind::is_boolean),
            UnaryOp::Addr | UnaryOp::Recv | UnaryOp::Tilde => true,
        };
        if !defined {
            let text = self.operand_str(&x);
            let op = op.as_str();
            self.error_at(
                operand,
                "UndefinedOp",
                format!("invalid operation: operator {op} not defined on {text}"),
            );
            return Operand::invalid(expr);
        }
        if x.is_const() {
            let value = x.val.take().unwrap_or(ConstValue::Unknown);
            let width = match store.basic_kind(x.ty) {
                Some(kind) if kind.is_unsigned() => store.sizeof(x.ty).map(|size| size as u32 * 8),
                _ => None,
            };
            let unknown = value.is_unknown();
            x.val = Some(value.unary(op, width));
            x.expr = Some(expr);
            if !unknown {
                self.check_overflow(&mut x, self.pos(expr));
            }
            return x;
        }
        x.mode = Mode::Value;
        x.expr = Some(expr);
        x
    }

    fn address(&mut self, expr: ExprId, operand: ExprId) -> Operand {
        let inner = self.env.ast.unparen(operand);
        let is_literal = matches!(self.kind(inner), ExprKind::CompositeLit { .. });
        let mut x = self.raw_expr(operand, None, None, false);
        self.exclude(&mut x, true, true);
        self.single_value(&mut x);
        if x.is_invalid() {
            return Operand::invalid(expr);
        }
        if !is_literal && x.mode != Mode::Variable {
            let text = self.operand_str(&x);
            self.error_at(
                operand,
                "UnaddressableOperand",
                format!("invalid operation: cannot take address of {text}"),
            );
            return Operand::invalid(expr);
        }
        Operand::new(Mode::Value, self.store.pointer(x.ty), expr)
    }

    /// The element type of a channel that is received from.
    pub(super) fn receive_elem(&mut self, x: &Operand) -> Result<TypeId, String> {
        use syntax::ast::ChanDir;
        let store = self.store;
        let text = self.operand_str(x);
        if store.is_type_param(x.ty) {
            let elem = self.chan_param_elem(x.ty, ChanDir::Send);
            return elem
                .map_err(|why| format!("invalid operation: cannot receive from {text}: {why}"));
        }
        match store.under(x.ty) {
            Type::Chan {
                dir: ChanDir::Send, ..
            } => {
                let ty = self.type_str(x.ty);
                Err(format!(
                    "invalid operation: cannot receive from send-only channel {ty} {text}"
                ))
            }
            Type::Chan { elem, .. } => Ok(*elem),
            _ => {
                let ty = self.type_str(x.ty);
                Err(format!(
                    "invalid operation: cannot receive from non-channel {ty} {text}"
                ))
            }
        }
    }
    /// The element type of a type parameter's channel types, none of which may have direction `not`.
    pub(super) fn chan_param_elem(
        &mut self,
        ty: TypeId,
        not: syntax::ast::ChanDir,
    ) -> Result<TypeId, String> {
        use syntax::ast::ChanDir;
        let store = self.store;
        let Some(param) = store.type_param(ty) else {
            return Err(String::new());
        };
        let types = store
            .specific_types(store.constraint(param))
            .unwrap_or_default();
        let mut shared: Option<(TypeId, TypeId)> = None;
        for ty in types {
            match store.under(ty) {
                Type::Chan { dir, .. } if *dir == not => {
                    let text = self.type_str(ty);
                    let what = if not == ChanDir::Send {
                        "send-only"
                    } else {
                        "receive-only"
                    };
                    return Err(format!("{what} channel {text}"));
                }
                Type::Chan { elem, .. } => match shared {
                    None => shared = Some((*elem, ty)),
                    Some((other, first)) => {
                        if !store.identical(other, *elem) {
                            let (s, t) = (self.type_str(first), self.type_str(ty));
                            return Err(format!(
                                "channels {s} and {t} have different element types"
                            ));
                        }
                    }
                },
                _ => {
                    let text = self.type_str(ty);
                    return Err(format!("non-channel {text}"));
                }
            }
        }
        shared
            .map(|(elem, _)| elem)
            .ok_or_else(|| "no specific channel type".into())
    }

    /// A constant must fit its type, or if untyped the limit for integers.
    pub(super) fn check_overflow(&mut self, x: &mut Operand, op_pos: Pos) {
        let Some(value) = &x.val else { return };
        if value.is_unknown() {
            self.error(
                op_pos,
                "InvalidConstVal",
                "constant result is not representable",
            );
            return;
        }
        if !self.store.is_untyped(x.ty) {
            if let Some(kind) = self.store.basic_kind(x.ty) {
                self.represent(x, kind, x.ty);
            }
            return;
        }
        let is_integer = matches!(
            self.store.basic_kind(x.ty),
            Some(BasicKind::UntypedInt | BasicKind::UntypedRune)
        );
        if is_integer && value.bit_len() > MAX_INT_BITS {
            let name = x.expr.map_or("", |expr| self.operation_name(expr));
            self.error(
                op_pos,
                "InvalidConstVal",
                format!("constant {name}overflow"),
            );
            x.val = Some(ConstValue::Unknown);
        }
    }
    fn operation_name(&self, expr: ExprId) -> &'static str {
        match self.kind(expr) {
            ExprKind::Binary { op, .. } => match op {
                BinaryOp::Add => "addition ",
                BinaryOp::Sub => "subtraction ",
                BinaryOp::Xor => "bitwise XOR ",
                BinaryOp::Mul => "multiplication ",
                BinaryOp::Shl => "shift ",
                _ => "",
            },
            ExprKind::Unary {
                op: UnaryOp::BitNot,
                ..
            } => "bitwise complement ",
            _ => "",
        }
    }

    /// A binary expression. Operands to the left are taken from a list, so that long chains need no deep stack, and
    /// long concatenations of string constants are joined once.
    fn binary_chain(&mut self, expr: ExprId, op: BinaryOp, x: ExprId, y: ExprId) -> Operand {
        let mut chain = vec![(expr, op, y)];
        let mut left = x;
        while let ExprKind::Binary { op, x, y } = self.kind(left) {
            chain.push((left, *op, *y));
            left = *x;
        }
        if chain.len() > 32
            && let Some(x) = self.string_chain(&chain, left)
        {
            return x;
        }
        let mut x = self.expr(left);
        while let Some((expr, op, right)) = chain.pop() {
            x = self.binary(expr, x, right, op);
            if !chain.is_empty() {
                x.expr = Some(expr);
                self.record(expr, &x);
            }
        }
        x
    }
    /// `"a" + "b" + ...` with literals only. Its parts but the whole are left without value.
    fn string_chain(
        &mut self,
        chain: &[(ExprId, BinaryOp, ExprId)],
        first: ExprId,
    ) -> Option<Operand> {
        let is_literal = |this: &Self, expr: ExprId| {
            matches!(
                this.kind(expr),
                ExprKind::BasicLit {
                    kind: LitKind::String,
                    ..
                }
            )
        };
        if !is_literal(self, first)
            || !chain
                .iter()
                .all(|&(_, op, right)| op == BinaryOp::Add && is_literal(self, right))
        {
            return None;
        }
        let mut joined = Vec::new();
        for part in std::iter::once(first).chain(chain.iter().rev().map(|&(_, _, right)| right)) {
            let x = self.expr(part);
            joined.extend_from_slice(x.val.as_ref()?.to_bytes()?);
        }
        let ty = TypeId::basic(BasicKind::UntypedString);
        for &(expr, ..) in &chain[1..] {
            let x = Operand {
                mode: Mode::Value,
                ty,
                val: None,
                expr: Some(expr),
                nth: 0,
            };
            self.record(expr, &x);
        }
        Some(Operand::constant(
            ty,
            ConstValue::Str(joined.into()),
            chain[0].0,
        ))
    }

    fn binary(&mut self, expr: ExprId, x: Operand, right: ExprId, op: BinaryOp) -> Operand {
        let y = self.expr(right);
        if x.is_invalid() || y.is_invalid() {
            return Operand::invalid(expr);
        }
        self.binary_operands(Some(expr), x, y, op)
    }

    /// `x op y`; `expr` is the whole expression, or the statement's left side for `x op= y`.
    pub(super) fn binary_operands(
        &mut self,
        expr: Option<ExprId>,
        mut x: Operand,
        mut y: Operand,
        op: BinaryOp,
    ) -> Operand {
        let store = self.store;
        let (left, right) = (
            x.expr.expect("has been evaluated"),
            y.expr.expect("has been evaluated"),
        );
        let whole = expr.unwrap_or(left);
        let op_pos = match expr {
            Some(expr) => self.env.ast.exprs[expr].pos,
            None => self.pos(left),
        };
        if op.is_shift() {
            self.shift(&mut x, &mut y, whole, expr.is_some(), op, op_pos);
            return x;
        }
        // Numbers beside an interface are shown with the type they had.
        let shown = |this: &Self, x: &Operand, other: &Operand| {
            (this.store.is_untyped(x.ty)
                && this
                    .store
                    .basic_kind(x.ty)
                    .is_some_and(BasicKind::is_numeric)
                && this.store.is_interface(other.ty))
            .then_some(x.ty)
        };
        let (x_shown, y_shown) = (shown(self, &x, &y), shown(self, &y, &x));
        self.match_operands(&mut x, &mut y);
        if x.is_invalid() {
            return x;
        }
        if op.is_comparison() {
            self.comparison(&mut x, &mut y, op, false);
            x.expr = Some(whole);
            return x;
        }
        if !store.identical(x.ty, y.ty) {
            if x.ty != TypeId::INVALID && y.ty != TypeId::INVALID {
                let (s, t) = (
                    self.type_str(x_shown.unwrap_or(x.ty)),
                    self.type_str(y_shown.unwrap_or(y.ty)),
                );
                let text = match expr {
                    Some(expr) => self.expr_str(expr),
                    None => format!(
                        "{} {}= {}",
                        self.expr_str(left),
                        op.as_str(),
                        self.expr_str(right)
                    ),
                };
                self.error_at(
                    left,
                    "MismatchedTypes",
                    format!("invalid operation: {text} (mismatched types {s} and {t})"),
                );
            }
            return Operand::invalid(whole);
        }
        let defined = match op {
            BinaryOp::Add => store.all_basic(x.ty, |kind| kind.is_numeric() || kind.is_string()),
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => {
                store.all_basic(x.ty, BasicKind::is_numeric)
            }
            BinaryOp::Rem | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::AndNot => {
                store.all_basic(x.ty, BasicKind::is_integer)
            }
            BinaryOp::AndAnd | BinaryOp::OrOr => store.all_basic(x.ty, BasicKind::is_boolean),
            _ => true,
        };
        if !defined {
            let text = self.operand_str(&x);
            let op = op.as_str();
            self.error_at(
                left,
                "UndefinedOp",
                format!("invalid operation: operator {op} not defined on {text}"),
            );
            return Operand::invalid(whole);
        }
        if matches!(op, BinaryOp::Div | BinaryOp::Rem) && y.is_const() {
            // Dividing by a complex number divides by the sum of its squares, which may be too small for a constant.
            let zero = y.val.as_ref().is_some_and(|value| {
                value.is_zero()
                    || store.all_basic(x.ty, BasicKind::is_complex) && value.vanishes_squared()
            });
            let integer = store.all_basic(x.ty, BasicKind::is_integer);
            if zero && (x.is_const() || integer) {
                self.error_at(right, "DivByZero", "invalid operation: division by zero");
                return Operand::invalid(whole);
            }
        }
        if x.is_const() && y.is_const() {
            let (a, b) = (
                x.val.take().unwrap_or(ConstValue::Unknown),
                y.val.take().unwrap_or(ConstValue::Unknown),
            );
            x.expr = Some(whole);
            if a.is_unknown() || b.is_unknown() {
                x.val = Some(ConstValue::Unknown);
                return x;
            }
            let integer = store.basic_kind(x.ty).is_some_and(BasicKind::is_integer);
            let value = a.binary(op, &b, integer);
            const MAX_STRING: usize = 1 << 26;
            if value
                .to_bytes()
                .is_some_and(|bytes| bytes.len() > MAX_STRING)
            {
                self.error(op_pos, "InvalidConstVal", "constant string too long");
                x.val = Some(ConstValue::Unknown);
                return x;
            }
            x.val = Some(value);
            self.check_overflow(&mut x, op_pos);
            return x;
        }
        x.mode = Mode::Value;
        x.val = None;
        x.expr = Some(whole);
        x
    }

    /// Converts an untyped operand to the type of the other, where that can be meant.
    pub(super) fn match_operands(&mut self, x: &mut Operand, y: &mut Operand) {
        let store = self.store;
        let may_convert = {
            let (xu, yu) = (store.is_untyped(x.ty), store.is_untyped(y.ty));
            if !xu && !yu {
                false
            } else if store.is_interface(x.ty) || store.is_interface(y.ty) {
                true
            } else if store.all_basic(x.ty, BasicKind::is_boolean)
                != store.all_basic(y.ty, BasicKind::is_boolean)
                || (!x.is_nil()
                    && !y.is_nil()
                    && store.all_basic(x.ty, BasicKind::is_numeric)
                        != store.all_basic(y.ty, BasicKind::is_numeric))
                || store.all_basic(x.ty, BasicKind::is_string)
                    != store.all_basic(y.ty, BasicKind::is_string)
            {
                false
            } else if x.is_nil() {
                store.has_nil(y.ty)
            } else if y.is_nil() {
                store.has_nil(x.ty)
            } else {
                !matches!(store.under(x.ty), Type::Pointer(_))
                    && !matches!(store.under(y.ty), Type::Pointer(_))
            }
        };
        if may_convert {
            // What cannot be converted at all is a mismatch of types, which the caller reports, but where all types of a
            // type parameter are numeric it is the value that does not fit.
            if store.is_type_param(x.ty) || store.is_type_param(y.ty) {
                self.convert_untyped(x, y.ty);
                if !x.is_invalid() {
                    self.convert_untyped(y, x.ty);
                }
                if y.is_invalid() {
                    x.invalidate();
                }
            } else if self.convert_operand(x, y.ty) {
                if x.is_invalid() {
                    return;
                }
                self.convert_operand(y, x.ty);
                if y.is_invalid() {
                    x.invalidate();
                }
            }
        }
    }

    /// `x op y` for a comparison operator. `switch_case`: x is a case of a switch on y.
    pub(super) fn comparison(
        &mut self,
        x: &mut Operand,
        y: &mut Operand,
        op: BinaryOp,
        switch_case: bool,
    ) {
        let store = self.store;
        let op = if switch_case { BinaryOp::Eq } else { op };
        if x.ty == TypeId::INVALID || y.ty == TypeId::INVALID {
            x.invalidate();
            return;
        }
        let failure: Option<(&'static str, bool, String)> = 'check: {
            if !self.assignable(x, y.ty, &mut None) && !self.assignable(y, x.ty, &mut None) {
                let (s, t) = (self.type_str(x.ty), self.type_str(y.ty));
                break 'check Some((
                    "MismatchedTypes",
                    false,
                    format!("mismatched types {s} and {t}"),
                ));
            }
            match op {
                BinaryOp::Eq | BinaryOp::Ne => {
                    if x.is_nil() || y.is_nil() {
                        let ty = if x.is_nil() { y.ty } else { x.ty };
                        if !store.has_nil(ty) || (x.is_nil() && y.is_nil()) {
                            break 'check Some(("UndefinedOp", false, String::new()));
                        }
                    } else if !store.comparable(x.ty, true) {
                        let why = self.incomparable_cause(x.ty);
                        break 'check Some(("UndefinedOp", true, why));
                    } else if !store.comparable(y.ty, true) {
                        let why = self.incomparable_cause(y.ty);
                        break 'check Some(("UndefinedOp", false, why));
                    }
                }
                _ => {
                    if !store.all_basic(x.ty, BasicKind::is_ordered) {
                        break 'check Some(("UndefinedOp", true, String::new()));
                    }
                    if !store.all_basic(y.ty, BasicKind::is_ordered) {
                        break 'check Some(("UndefinedOp", false, String::new()));
                    }
                }
            }
            None
        };
        let Some((code, mut at_x, mut cause)) = failure else {
            if let (true, true) = (x.is_const(), y.is_const()) {
                let (Some(a), Some(b)) = (&x.val, &y.val) else {
                    return;
                };
                let value = match a.compare(op, b) {
                    _ if a.is_unknown() || b.is_unknown() => ConstValue::Unknown,
                    Some(result) => ConstValue::Bool(result),
                    None => ConstValue::Unknown,
                };
                x.val = Some(value);
            } else {
                x.mode = Mode::Value;
                x.val = None;
                // The operands get the types they have at run time.
                for (operand, other) in [(&*x, y.ty), (&*y, x.ty)] {
                    if store.is_untyped(operand.ty) {
                        let ty = if matches!(
                            store.basic_kind(operand.ty),
                            Some(BasicKind::UntypedNil)
                        ) {
                            other
                        } else {
                            default_type(operand.ty)
                        };
                        if let Some(expr) = operand.expr {
                            self.update_type(expr, ty, true);
                        }
                    }
                }
            }
            x.ty = TypeId::basic(BasicKind::UntypedBool);
            return;
        };
        if cause.is_empty() {
            if store.is_type_param(x.ty) || store.is_type_param(y.ty) {
                if !store.is_type_param(x.ty) {
                    at_x = false;
                }
                let ty = self.type_str(if at_x { x.ty } else { y.ty });
                cause = format!("type parameter {ty} cannot use operator {}", op.as_str());
            } else {
                let ty = if at_x { x.ty } else { y.ty };
                let kind = operand::composite_kind(store, ty);
                let what = if kind.is_empty() {
                    self.type_str(ty)
                } else {
                    kind.to_owned()
                };
                cause = format!("operator {} not defined on {what}", op.as_str());
            }
        }
        let (left, right) = (x.expr.expect("has been evaluated"), y.expr);
        let y_text = right.map_or_else(|| "true".to_owned(), |expr| self.expr_str(expr));
        let x_text = self.expr_str(left);
        if switch_case {
            self.error_at(
                left,
                code,
                format!("invalid case {x_text} in switch on {y_text} ({cause})"),
            );
        } else {
            let at = if at_x { left } else { right.unwrap_or(left) };
            self.error_at(
                at,
                code,
                format!(
                    "invalid operation: {x_text} {} {y_text} ({cause})",
                    op.as_str()
                ),
            );
        }
        x.invalidate();
    }

    pub(super) fn incomparable_cause(&mut self, ty: TypeId) -> String {
        let store = self.store;
        match store.under(ty) {
            Type::Slice(_) | Type::Signature(_) | Type::Map { .. } => {
                return format!(
                    "{} can only be compared to nil",
                    operand::composite_kind(store, ty)
                );
            }
            _ => {}
        }
        match store.incomparable(ty, true, &mut Vec::new()) {
            Some(Incomparable::Field(field)) => format!(
                "struct containing {} cannot be compared",
                self.type_str(field)
            ),
            Some(Incomparable::TypeParam) => "incomparable types in type set".into(),
            Some(Incomparable::EmptySet) => "empty type set".into(),
            Some(_) if matches!(store.under(ty), Type::Array { .. }) => {
                format!("{} cannot be compared", self.type_str(ty))
            }
            _ => String::new(),
        }
    }

    fn shift(
        &mut self,
        x: &mut Operand,
        y: &mut Operand,
        whole: ExprId,
        is_expr: bool,
        op: BinaryOp,
        op_pos: Pos,
    ) {
        let store = self.store;
        let left = x.expr.expect("has been evaluated");
        let right = y.expr.expect("has been evaluated");
        let int_value = x.val.as_ref().and_then(ConstValue::to_int);
        let untyped = store.is_untyped(x.ty);
        let unknown = x.val.as_ref().is_some_and(ConstValue::is_unknown);
        let integer = store.all_basic(x.ty, BasicKind::is_integer);
        if !(integer || (untyped && (int_value.is_some() || unknown))) {
            let text = self.operand_str(x);
            self.error_at(
                left,
                "InvalidShiftOperand",
                format!("invalid operation: shifted operand {text} must be integer"),
            );
            *x = Operand::invalid(whole);
            return;
        }
        let mut count = None;
        if y.is_const() {
            count = y.val.as_ref().and_then(ConstValue::to_int);
            if count.as_ref().is_some_and(|count| count.sign() < 0) {
                let text = self.operand_str(y);
                self.error_at(
                    right,
                    "InvalidShiftCount",
                    format!("invalid operation: negative shift count {text}"),
                );
                *x = Operand::invalid(whole);
                return;
            }
            if store.is_untyped(y.ty) {
                let uint = TypeId::basic(BasicKind::Uint);
                self.represent(y, BasicKind::Uint, uint);
                if y.is_invalid() {
                    *x = Operand::invalid(whole);
                    return;
                }
            } else if !store.all_basic(y.ty, BasicKind::is_integer) && count.is_none() {
                let text = self.operand_str(y);
                self.error_at(
                    right,
                    "InvalidShiftCount",
                    format!("invalid operation: invalid shift count {text}"),
                );
                *x = Operand::invalid(whole);
                return;
            }
            // A constant count has type uint where it needs one.
            if store.is_untyped(y.ty) && !(x.is_const()) {
                self.update_type(right, TypeId::basic(BasicKind::Uint), true);
            }
        } else if store.all_basic(y.ty, BasicKind::is_integer) && !store.is_untyped(y.ty) {
            if !store.all_basic(y.ty, BasicKind::is_unsigned) {
                let text = self.operand_str(y);
                if !self.require_version(
                    self.pos(right),
                    13,
                    &format!("invalid operation: signed shift count {text}"),
                ) {
                    *x = Operand::invalid(whole);
                    return;
                }
            }
        } else if store.is_untyped(y.ty) {
            self.convert_untyped(y, TypeId::basic(BasicKind::Uint));
            if y.is_invalid() {
                *x = Operand::invalid(whole);
                return;
            }
        } else {
            let text = self.operand_str(y);
            self.error_at(
                right,
                "InvalidShiftCount",
                format!("invalid operation: shift count {text} must be integer"),
            );
            *x = Operand::invalid(whole);
            return;
        }
        if x.is_const() {
            if y.is_const() {
                x.expr = Some(whole);
                if unknown || y.val.as_ref().is_some_and(ConstValue::is_unknown) {
                    x.val = Some(ConstValue::Unknown);
                    if !integer {
                        x.ty = TypeId::basic(BasicKind::UntypedInt);
                    }
                    return;
                }
                let Some(count) = count
                    .and_then(|count| count.to_u64())
                    .filter(|&count| count <= MAX_SHIFT)
                else {
                    let text = self.operand_str(y);
                    self.error_at(
                        right,
                        "InvalidShiftCount",
                        format!("invalid operation: invalid shift count {text}"),
                    );
                    *x = Operand::invalid(whole);
                    return;
                };
                if !integer {
                    x.ty = TypeId::basic(BasicKind::UntypedInt);
                }
                x.val = int_value.map(|value| value.shift(op == BinaryOp::Shl, count));
                self.check_overflow(x, op_pos);
                return;
            }
            if untyped {
                // The type of the operand is that of the context; see update_type.
                if is_expr {
                    self.shift_operands.insert((self.env.file as u32, left));
                }
                x.mode = Mode::Value;
                x.val = None;
                x.expr = Some(whole);
                return;
            }
        }
        if !integer {
            let text = self.operand_str(x);
            self.error_at(
                left,
                "InvalidShiftOperand",
                format!("invalid operation: shifted operand {text} must be integer"),
            );
            *x = Operand::invalid(whole);
            return;
        }
        x.mode = Mode::Value;
        x.val = None;
        x.expr = Some(whole);
    }
}

/// The type an untyped value gets where the context gives none.
pub(super) fn default_type(ty: TypeId) -> TypeId {
    let kind = match ty.0 {
        k if k == BasicKind::UntypedBool as u32 => BasicKind::Bool,
        k if k == BasicKind::UntypedInt as u32 => BasicKind::Int,
        k if k == BasicKind::UntypedRune as u32 => return TypeId::RUNE,
        k if k == BasicKind::UntypedFloat as u32 => BasicKind::Float64,
        k if k == BasicKind::UntypedComplex as u32 => BasicKind::Complex128,
        k if k == BasicKind::UntypedString as u32 => BasicKind::String,
        _ => return ty,
    };
    TypeId::basic(kind)
}
