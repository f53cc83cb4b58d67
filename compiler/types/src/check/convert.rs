//! Implicit conversion of untyped values, assignability, conversions, implementation of interfaces.

use syntax::ast::{ChanDir, ExprId, ExprKind};

use super::Checker;
use super::expr::default_type;
use super::operand::Operand;
use crate::constant::{ConstValue, NotRepresentable};
use crate::model::*;
use crate::typed::*;

/// Why an untyped value cannot become a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    Truncated,
    Overflows,
    Other,
}

impl<'a> Checker<'a> {
    /// Rounds a constant to a basic type or reports that it cannot be. `ty` is the type to name.
    pub(super) fn represent(&mut self, x: &mut Operand, kind: BasicKind, ty: TypeId) {
        match self.representation(x, kind) {
            Ok(value) => x.val = Some(value),
            Err(misfit) => {
                self.report_misfit(misfit, x, ty);
                x.invalidate();
            }
        }
    }
    fn representation(&self, x: &Operand, kind: BasicKind) -> Result<ConstValue, Misfit> {
        let value = x.val.as_ref().unwrap_or(&ConstValue::Unknown);
        value.represent(kind).map_err(|why| {
            let from = self.store.basic_kind(x.ty).unwrap_or(BasicKind::Invalid);
            if !from.is_numeric() || !kind.is_numeric() || why == NotRepresentable::Kind {
                Misfit::Other
            } else if !from.is_integer() && kind.is_integer() {
                Misfit::Truncated
            } else {
                Misfit::Overflows
            }
        })
    }
    fn report_misfit(&mut self, misfit: Misfit, x: &Operand, ty: TypeId) {
        let text = self.operand_str(x);
        let target = self.type_str(ty);
        let (code, message) = match misfit {
            Misfit::Truncated => ("TruncatedFloat", format!("{text} truncated to {target}")),
            Misfit::Overflows => ("NumericOverflow", format!("{text} overflows {target}")),
            Misfit::Other => (
                "InvalidUntypedConversion",
                format!("cannot convert {text} to type {target}"),
            ),
        };
        match x.expr {
            Some(expr) => self.error_at(expr, code, message),
            None => self.error(source::Pos::NONE, code, message),
        }
    }

    /// The type (and constant value) that an untyped operand gets where `target` is wanted.
    pub(super) fn implicit_type(
        &self,
        x: &Operand,
        target: TypeId,
    ) -> Result<(TypeId, Option<ConstValue>), Misfit> {
        let store = self.store;
        if x.is_invalid() || !store.is_untyped(x.ty) || target == TypeId::INVALID {
            return Ok((x.ty, None));
        }
        if x.is_nil() {
            return if store.has_nil(target) {
                Ok((target, None))
            } else {
                Err(Misfit::Other)
            };
        }
        if store.is_untyped(target) {
            return self
                .larger_untyped(x.ty, target)
                .map(|ty| (ty, None))
                .ok_or(Misfit::Other);
        }
        match store.under(target) {
            Type::Basic(kind) => {
                if x.is_const() {
                    let value = self.representation(x, *kind)?;
                    return Ok((target, Some(value)));
                }
                let fits = match store.basic_kind(x.ty) {
                    Some(BasicKind::UntypedBool) => kind.is_boolean(),
                    Some(
                        BasicKind::UntypedInt
                        | BasicKind::UntypedRune
                        | BasicKind::UntypedFloat
                        | BasicKind::UntypedComplex,
                    ) => kind.is_numeric(),
                    Some(BasicKind::UntypedString) => kind.is_string(),
                    _ => false,
                };
                if fits {
                    Ok((target, None))
                } else {
                    Err(Misfit::Other)
                }
            }
            Type::Interface(_) => {
                if store.type_set(target).is_all() {
                    Ok((default_type(x.ty), None))
                } else {
                    Err(Misfit::Other)
                }
            }
            Type::TypeParam(param) => {
                let types = store
                    .specific_types(store.constraint(param))
                    .unwrap_or_default();
                if !types.is_empty()
                    && types
                        .iter()
                        .all(|&ty| self.implicit_type(x, store.underlying(ty)).is_ok())
                {
                    Ok((target, None))
                } else {
                    Err(Misfit::Other)
                }
            }
            _ => Err(Misfit::Other),
        }
    }
    /// The kind of an operation on two untyped operands.
    pub(super) fn larger_untyped(&self, x: TypeId, y: TypeId) -> Option<TypeId> {
        if x == y {
            return Some(x);
        }
        let (a, b) = (self.store.basic_kind(x)?, self.store.basic_kind(y)?);
        (a.is_numeric() && b.is_numeric()).then(|| if a > b { x } else { y })
    }

    /// Like [`Checker::convert_untyped`], but an operand that has no form in the type at all is left alone without report.
    /// Returns whether it was converted or an error reported.
    pub(super) fn convert_operand(&mut self, x: &mut Operand, target: TypeId) -> bool {
        if self.implicit_type(x, target) == Err(Misfit::Other) {
            return false;
        }
        self.convert_untyped(x, target);
        true
    }

    /// Gives an untyped operand the type that `target` demands, or reports that it cannot have it.
    pub(super) fn convert_untyped(&mut self, x: &mut Operand, target: TypeId) {
        match self.implicit_type(x, target) {
            Ok((ty, value)) => {
                if let Some(value) = value {
                    x.val = Some(value);
                }
                if ty != x.ty {
                    x.ty = ty;
                    if let Some(expr) = x.expr {
                        self.update_type(expr, ty, false);
                    }
                }
            }
            Err(misfit) => {
                let shown = if self.store.is_type_param(target) {
                    target
                } else {
                    self.store.underlying(target)
                };
                self.report_misfit(misfit, x, shown);
                x.invalidate();
            }
        }
    }

    /// The type of an untyped expression has become known (or another untyped kind): it and the parts it depends on
    /// are updated in the tables.
    pub(super) fn update_type(&mut self, expr: ExprId, ty: TypeId, is_final: bool) {
        stacker::maybe_grow(64 << 10, 1 << 20, || {
            self.update_type_inner(expr, ty, is_final)
        });
    }
    fn update_type_inner(&mut self, expr: ExprId, ty: TypeId, is_final: bool) {
        let store = self.store;
        let info = self.info(expr);
        let Some(old) = info.ty else { return };
        if !store.is_untyped(old) || info.mode == Mode::TypeExpr {
            return;
        }
        let mode = info.mode;
        let is_const = mode == Mode::Constant;
        match self.kind(expr) {
            ExprKind::Paren(inner) => self.update_type(*inner, ty, is_final),
            // The operands of constant operations are never values at run time.
            ExprKind::Unary { x, .. } if !is_const => self.update_type(*x, ty, is_final),
            ExprKind::Binary { op, x, y } if !is_const => {
                if op.is_comparison() {
                    // The result's type does not depend on the operands'.
                } else if op.is_shift() {
                    self.update_type(*x, ty, is_final);
                } else {
                    // The left side may be a long chain.
                    let mut right = vec![*y];
                    let mut left = *x;
                    while let ExprKind::Binary { op, x, y } = self.kind(left) {
                        let info = self.info(left);
                        if op.is_comparison()
                            || op.is_shift()
                            || info.mode == Mode::Constant
                            || !info.ty.is_some_and(|ty| store.is_untyped(ty))
                        {
                            break;
                        }
                        self.finish_type(left, ty, is_final);
                        right.push(*y);
                        left = *x;
                    }
                    self.update_type(left, ty, is_final);
                    for y in right.into_iter().rev() {
                        self.update_type(y, ty, is_final);
                    }
                }
            }
            _ => {}
        }
        self.finish_type(expr, ty, is_final);
    }
    fn finish_type(&mut self, expr: ExprId, ty: TypeId, is_final: bool) {
        let store = self.store;
        let file = self.env.file;
        if !is_final && store.is_untyped(ty) {
            self.tables[file].exprs[expr].ty = Some(ty);
            return;
        }
        if !self.shift_operands.is_empty()
            && self.shift_operands.remove(&(file as u32, expr))
            && !store.all_basic(ty, BasicKind::is_integer)
        {
            let (text, target) = (self.expr_str(expr), self.type_str(ty));
            let message = format!(
                "invalid operation: shifted operand {text} (type {target}) must be integer"
            );
            self.error_at(expr, "InvalidShiftOperand", message);
            return;
        }
        let info = &self.tables[file].exprs[expr];
        if info.mode == Mode::Constant && !store.is_untyped(ty) {
            let x = Operand {
                mode: Mode::Constant,
                ty: info.ty.unwrap_or(ty),
                val: info.value.map(|id| self.tables[file].values[id].clone()),
                expr: Some(expr),
                nth: 0,
            };
            match self.implicit_type(&x, ty) {
                Ok((_, value)) => {
                    if let Some(value) = value {
                        self.tables[file].set_value(expr, value);
                    }
                }
                Err(misfit) => {
                    let shown = if store.is_type_param(ty) {
                        ty
                    } else {
                        store.underlying(ty)
                    };
                    self.report_misfit(misfit, &x, shown);
                    return;
                }
            }
        }
        self.tables[file].exprs[expr].ty = Some(ty);
    }

    /// Checks that `x` can be assigned to a variable of type `target` (`None`: of x's own type) and converts it.
    pub(super) fn assignment(&mut self, x: &mut Operand, target: Option<TypeId>, context: &str) {
        let store = self.store;
        self.single_value(x);
        match x.mode {
            Mode::Invalid => return,
            Mode::Constant
            | Mode::Variable
            | Mode::MapIndex
            | Mode::Value
            | Mode::Nil
            | Mode::CommaOk => {}
            Mode::NoValue | Mode::Builtin(_) | Mode::TypeExpr => {
                let text = self.operand_str(x);
                let expr = x.expr.expect("has been evaluated");
                let to = target.map_or_else(|| "_".into(), |ty| self.type_str(ty));
                self.error_at(
                    expr,
                    "AssignmentMismatch",
                    format!("cannot assign {text} to {to} in {context}"),
                );
                x.invalidate();
                return;
            }
        }
        if store.is_untyped(x.ty) {
            let mut goal = target.unwrap_or(TypeId::INVALID);
            if x.is_nil() {
                let Some(target) = target else {
                    self.error_operand(
                        x,
                        "UntypedNilUse",
                        format!("use of untyped nil in {context}"),
                    );
                    x.invalidate();
                    return;
                };
                if target == TypeId::INVALID {
                    return;
                }
                if !store.has_nil(target) {
                    let ty = self.type_str(target);
                    self.error_operand(
                        x,
                        "IncompatibleAssign",
                        format!("cannot use nil as {ty} value in {context}"),
                    );
                    x.invalidate();
                    return;
                }
            } else if target.is_none_or(|ty| store.is_interface(ty)) {
                goal = default_type(x.ty);
            }
            match self.implicit_type(x, goal) {
                Ok((ty, value)) => {
                    if let Some(value) = value {
                        x.val = Some(value);
                    }
                    if ty != x.ty {
                        x.ty = ty;
                        if let Some(expr) = x.expr {
                            self.update_type(expr, ty, false);
                        }
                    }
                }
                Err(misfit) => {
                    let (text, ty) = (self.operand_str(x), self.type_str(goal));
                    let mut message = format!("cannot use {text} as {ty} value in {context}");
                    let code = match misfit {
                        Misfit::Truncated => {
                            message.push_str(" (truncated)");
                            "TruncatedFloat"
                        }
                        Misfit::Overflows => {
                            message.push_str(" (overflows)");
                            "NumericOverflow"
                        }
                        Misfit::Other => "IncompatibleAssign",
                    };
                    self.error_operand(x, code, message);
                    x.invalidate();
                    return;
                }
            }
        }
        if let Type::Signature(signature) = store.ty(store.unalias(x.ty))
            && !signature.tparams.is_empty()
        {
            let text = x.expr.map(|expr| self.expr_str(expr)).unwrap_or_default();
            self.error_operand(
                x,
                "WrongTypeArgCount",
                format!("cannot use generic function {text} without instantiation in {context}"),
            );
            x.invalidate();
            return;
        }
        let Some(target) = target else { return };
        let mut cause = Some(String::new());
        if !self.assignable(x, target, &mut cause) {
            let (text, ty) = (self.operand_str(x), self.type_str(target));
            let cause = cause.unwrap_or_default();
            let colon = if cause.is_empty() { "" } else { ": " };
            self.error_operand(
                x,
                "IncompatibleAssign",
                format!("cannot use {text} as {ty} value in {context}{colon}{cause}"),
            );
            x.invalidate();
        }
    }
    pub(super) fn error_operand(&mut self, x: &Operand, code: &'static str, message: String) {
        match x.expr {
            Some(expr) => self.error_at(expr, code, message),
            None => self.error(source::Pos::NONE, code, message),
        }
    }

    /// Whether `x` can be assigned to a variable of type `target` (spec, "Assignability"); if `cause` is `Some`, the reason
    /// why not is stored there when there is a specific one.
    pub(super) fn assignable(
        &mut self,
        x: &Operand,
        target: TypeId,
        cause: &mut Option<String>,
    ) -> bool {
        let store = self.store;
        if x.is_invalid() || target == TypeId::INVALID || x.ty == TypeId::INVALID {
            return true;
        }
        let (v, t) = (store.unalias(x.ty), store.unalias(target));
        if store.identical(v, t) {
            return true;
        }
        let (vu, tu) = (store.underlying(v), store.underlying(t));
        let (vp, tp) = (store.is_type_param(v), store.is_type_param(t));
        if store.is_untyped(v) {
            return self.implicit_type(x, target).is_ok();
        }
        if !vp && !tp && (!store.has_name(v) || !store.has_name(t)) && store.identical(vu, tu) {
            return true;
        }
        let t_interface = matches!(store.ty(tu), Type::Interface(_));
        let pointer_to_param =
            matches!(store.ty(tu), Type::Pointer(elem) if store.is_type_param(*elem));
        if t_interface || pointer_to_param || self.is_interface_pointer(tu) {
            if self.implements_with_cause(v, t, false, cause) {
                return true;
            }
            if !vp {
                return false;
            }
            if let Some(cause) = cause {
                cause.clear();
            }
        }
        if matches!(store.ty(vu), Type::Interface(_))
            && self.implements_with_cause(target, x.ty, false, &mut None)
        {
            if let Some(cause) = cause {
                *cause = "need type assertion".into();
            }
            return false;
        }
        if let (
            Type::Chan {
                dir: ChanDir::Both,
                elem,
            },
            Type::Chan { elem: other, .. },
        ) = (store.ty(vu), store.ty(tu))
            && store.identical(*elem, *other)
        {
            return !store.has_name(v) || !store.has_name(t);
        }
        if !store.has_name(v) && tp {
            let Some(types) = store
                .type_param(t)
                .and_then(|param| store.specific_types(store.constraint(param)))
            else {
                return false;
            };
            for &ty in &types {
                if !self.assignable(x, ty, cause) {
                    self.add_cause(cause, |this| {
                        format!(
                            "cannot assign {} to {} (in {})",
                            this.type_str(x.ty),
                            this.type_str(ty),
                            this.type_str(t)
                        )
                    });
                    return false;
                }
            }
            return !types.is_empty();
        }
        if vp && !store.has_name(t) {
            let Some(types) = store
                .type_param(v)
                .and_then(|param| store.specific_types(store.constraint(param)))
            else {
                return false;
            };
            for &ty in &types {
                let part = Operand { ty, ..x.clone() };
                if !self.assignable(&part, target, cause) {
                    self.add_cause(cause, |this| {
                        format!(
                            "cannot assign {} (in {}) to {}",
                            this.type_str(ty),
                            this.type_str(v),
                            this.type_str(target)
                        )
                    });
                    return false;
                }
            }
            return !types.is_empty();
        }
        false
    }
    pub(super) fn add_cause(
        &self,
        cause: &mut Option<String>,
        message: impl FnOnce(&Self) -> String,
    ) {
        if let Some(cause) = cause {
            let mut text = message(self);
            if !cause.is_empty() {
                text.push_str("\n\t");
                text.push_str(cause);
            }
            *cause = text;
        }
    }
}
