//! Expressions: dispatch, unary and binary operations.

use source::Pos;
use syntax::ast::{BinaryOp, ExprId, ExprKind, LitKind, UnaryOp};

use super::index::Partial;
use super::operand::Operand;
use super::{Checker, Target};
use crate::constant::{self, ConstValue};
use crate::model::*;
use crate::typed::*;

/// Constants of untyped integer type must not need more bits.
const MAX_INT_BITS: u64 = 512;

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

    pub(super) fn exclude(&mut self, x: &mut Operand, types: bool, builtins: bool) {
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
            || x.ty <= TypeId::EMPTY_TUPLE
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
                // What a function value is assigned to says nothing about what is in parentheses.
                let mut x = self.raw_expr(*inner, None, None, false);
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
            const MAX_STRING: usize = 1 << 30;
            if value.text_len().is_some_and(|len| len > MAX_STRING) {
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
            // type parameter are numeric it is the value that does not fit, and so it is with strings and booleans beside
            // interfaces.
            let is_text = |ty: TypeId| {
                store.is_untyped(ty)
                    && store
                        .basic_kind(ty)
                        .is_some_and(|kind| kind.is_string() || kind.is_boolean())
            };
            let beside_interface = (is_text(x.ty) && store.is_interface(y.ty))
                || (is_text(y.ty) && store.is_interface(x.ty));
            if beside_interface || store.is_type_param(x.ty) || store.is_type_param(y.ty) {
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
}

/// The type an untyped value gets where the context gives none.
pub(super) fn default_type(ty: TypeId) -> TypeId {
    let kind = match ty.raw() {
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
