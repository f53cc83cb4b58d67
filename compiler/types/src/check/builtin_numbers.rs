//! Built-in functions on numbers: `complex`, `real`, `imag`, `min`, `max`.

use syntax::ast::{BinaryOp, ExprId};

use super::Checker;
use super::expr::default_type;
use super::operand::Operand;
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

impl<'a> Checker<'a> {
    /// Reports complex number functions on type parameters, which the language does not define yet.
    pub(super) fn no_type_param(&mut self, x: &Operand, builtin: Builtin) -> bool {
        let store = self.store;
        let fits = match builtin {
            Builtin::Complex => BasicKind::is_float,
            _ => BasicKind::is_complex,
        };
        if !store.is_type_param(x.ty) || !store.all_basic(x.ty, fits) {
            return true;
        }
        let text = self.operand_str(x);
        let name = builtin.name();
        self.error_operand(
            x,
            "InvalidComplex",
            format!(
                "{text} not supported as argument to built-in {name} for go1.18 (see go.dev/issue/50937)"
            ),
        );
        false
    }

    pub(super) fn builtin_complex(&mut self, expr: ExprId, operands: Vec<Operand>) -> Operand {
        let store = self.store;
        let [mut x, mut y] = <[Operand; 2]>::try_from(operands).expect("counted");
        // Untyped operands take the type of the other one, or become float64.
        match (store.is_untyped(x.ty), store.is_untyped(y.ty)) {
            (false, false) => {}
            (true, false) => self.convert_untyped(&mut x, y.ty),
            (false, true) => self.convert_untyped(&mut y, x.ty),
            (true, true) => {
                if x.is_const() && y.is_const() {
                    let float = |x: &mut Operand| {
                        let kind = store.basic_kind(x.ty);
                        if kind.is_some_and(BasicKind::is_numeric)
                            && x.val.as_ref().and_then(|value| value.to_real()).is_some()
                        {
                            x.val = x.val.as_ref().and_then(|value| value.to_real());
                            x.ty = TypeId::basic(BasicKind::UntypedFloat);
                        }
                    };
                    float(&mut x);
                    float(&mut y);
                } else {
                    let float = TypeId::basic(BasicKind::Float64);
                    self.convert_untyped(&mut x, float);
                    self.convert_untyped(&mut y, float);
                }
            }
        }
        if x.is_invalid() || y.is_invalid() {
            return Operand::invalid(expr);
        }
        if !store.identical(x.ty, y.ty) {
            let (text, s, t) = (
                self.expr_str(expr),
                self.type_str(x.ty),
                self.type_str(y.ty),
            );
            self.error_operand(
                &x,
                "InvalidComplex",
                format!("invalid operation: {text} (mismatched types {s} and {t})"),
            );
            return Operand::invalid(expr);
        }
        if !self.no_type_param(&x, Builtin::Complex) {
            return Operand::invalid(expr);
        }
        let kind = store
            .basic_kind(x.ty)
            .filter(|_| !store.is_type_param(x.ty));
        let result = match kind {
            Some(BasicKind::Float32) => BasicKind::Complex64,
            Some(BasicKind::Float64) => BasicKind::Complex128,
            Some(BasicKind::UntypedFloat) => BasicKind::UntypedComplex,
            _ => {
                let ty = self.type_str(x.ty);
                self.error_operand(
                    &x,
                    "InvalidComplex",
                    format!("invalid argument: arguments have type {ty}, expected floating-point"),
                );
                return Operand::invalid(expr);
            }
        };
        let ty = TypeId::basic(result);
        if let (true, true, Some(re), Some(im)) = (x.is_const(), y.is_const(), &x.val, &y.val) {
            return Operand::constant(ty, ConstValue::complex(re.clone(), im.clone()), expr);
        }
        Operand::new(Mode::Value, ty, expr)
    }

    pub(super) fn builtin_part(
        &mut self,
        expr: ExprId,
        builtin: Builtin,
        operands: Vec<Operand>,
    ) -> Operand {
        let store = self.store;
        let mut x = operands.into_iter().next().expect("counted");
        if store.is_untyped(x.ty) {
            if x.is_const() {
                if store.basic_kind(x.ty).is_some_and(BasicKind::is_numeric) {
                    x.ty = TypeId::basic(BasicKind::UntypedComplex);
                }
            } else {
                self.convert_untyped(&mut x, TypeId::basic(BasicKind::Complex128));
                if x.is_invalid() {
                    return Operand::invalid(expr);
                }
            }
        }
        if !self.no_type_param(&x, builtin) {
            return Operand::invalid(expr);
        }
        let kind = store
            .basic_kind(x.ty)
            .filter(|_| !store.is_type_param(x.ty));
        let result = match kind {
            Some(BasicKind::Complex64) => BasicKind::Float32,
            Some(BasicKind::Complex128) => BasicKind::Float64,
            Some(BasicKind::UntypedComplex) => BasicKind::UntypedFloat,
            _ => {
                let ty = self.type_str(x.ty);
                self.error_operand(
                    &x,
                    "InvalidComplex",
                    format!("invalid argument: argument has type {ty}, expected complex type"),
                );
                return Operand::invalid(expr);
            }
        };
        let ty = TypeId::basic(result);
        if x.is_const() {
            let parts = x
                .val
                .as_ref()
                .and_then(ConstValue::parts)
                .unwrap_or((ConstValue::Unknown, ConstValue::Unknown));
            let value = if builtin == Builtin::Real {
                parts.0
            } else {
                parts.1
            };
            return Operand::constant(ty, value, expr);
        }
        Operand::new(Mode::Value, ty, expr)
    }

    pub(super) fn builtin_min_max(
        &mut self,
        expr: ExprId,
        builtin: Builtin,
        operands: Vec<Operand>,
        fun: ExprId,
    ) -> Operand {
        let store = self.store;
        let name = builtin.name();
        self.require_version(self.pos(fun), 21, &format!("built-in {name}"));
        let op = if builtin == Builtin::Max {
            BinaryOp::Gt
        } else {
            BinaryOp::Lt
        };
        for x in &operands {
            if !store.all_basic(x.ty, BasicKind::is_ordered) {
                let text = self.operand_str(x);
                self.error_operand(
                    &x.clone(),
                    "InvalidMinMaxOperand",
                    format!("invalid argument: {text} cannot be ordered"),
                );
                return Operand::invalid(expr);
            }
        }
        let exprs: Vec<Option<ExprId>> = operands.iter().map(|x| x.expr).collect();
        let mut rest = operands.into_iter();
        let mut x = rest.next().expect("counted");
        for mut y in rest {
            self.match_operands(&mut x, &mut y);
            if x.is_invalid() {
                return Operand::invalid(expr);
            }
            if !store.identical(x.ty, y.ty) {
                let (s, t) = (self.type_str(x.ty), self.type_str(y.ty));
                let text = y.expr.map(|expr| self.expr_str(expr)).unwrap_or_default();
                self.error_operand(&y.clone(), "MismatchedTypes", format!("invalid argument: mismatched types {s} (previous argument) and {t} (type of {text})"));
                return Operand::invalid(expr);
            }
            if x.is_const() && y.is_const() {
                if let (Some(a), Some(b)) = (&x.val, &y.val)
                    && b.compare(op, a) == Some(true)
                {
                    x.val = y.val.clone();
                }
            } else {
                x.mode = Mode::Value;
                x.val = None;
            }
        }
        if x.mode != Mode::Constant {
            x.mode = Mode::Value;
            self.env.has_call_or_recv = true;
        }
        // Untyped arguments of a typed or non-constant result.
        if !store.is_untyped(x.ty) || x.mode != Mode::Constant {
            let ty = if x.mode != Mode::Constant {
                default_type(x.ty)
            } else {
                x.ty
            };
            for expr in exprs.into_iter().flatten() {
                self.update_type(expr, ty, true);
            }
            x.ty = ty;
        }
        x.expr = Some(expr);
        x
    }
}
