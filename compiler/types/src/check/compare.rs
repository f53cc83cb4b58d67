//! Comparisons and shifts.

use source::Pos;
use syntax::ast::{BinaryOp, ExprId};

use super::Checker;
use super::expr::default_type;
use super::operand::{self, Operand};
use crate::constant::ConstValue;
use crate::model::*;
use crate::predicates::Incomparable;
use crate::typed::*;

/// Largest shift count of a constant shift.
const MAX_SHIFT: u64 = 1023 - 1 + 52;

impl<'a> Checker<'a> {
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

    pub(super) fn shift(
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
            } else if !store.all_basic(y.ty, BasicKind::is_integer) && !x.is_const() {
                // gc's type checker lets it pass, what comes behind it does not.
                let (value, ty) = (
                    y.val.clone().unwrap_or(ConstValue::Unknown),
                    self.type_str(y.ty),
                );
                let value = match store.basic_kind(y.ty) {
                    Some(kind @ BasicKind::Float64) => value.format(kind),
                    Some(kind) if kind.is_float() => format!("{ty}({})", value.format(kind)),
                    Some(kind) => {
                        let (re, im) = value.parts().unwrap_or((value.clone(), 0.into()));
                        let part = |part: ConstValue| part.format(kind);
                        format!("{ty}(({} + {}i))", part(re), part(im))
                    }
                    None => value.format(BasicKind::UntypedFloat),
                };
                let assigned = if is_expr { "" } else { "=" };
                let (text, op) = (self.expr_str(left), op.as_str());
                self.late_error(
                    "InvalidShiftCount",
                    op_pos,
                    format!(
                        "invalid operation: {text} {op}{assigned} {value} (shift count type {ty}, must be integer)"
                    ),
                );
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
                    self.start(right),
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
