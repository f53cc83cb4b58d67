//! Implicit conversion of untyped values, assignability, conversions, implementation of interfaces.

use syntax::ast::{ChanDir, ExprId, ExprKind};

use super::Checker;
use super::expr::default_type;
use super::operand::{Operand, format_constant};
use crate::constant::{ConstValue, NotRepresentable};
use crate::lookup::Missing;
use crate::model::*;
use crate::strings::TypeWriter;
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
                val: info.value.clone(),
                expr: Some(expr),
                nth: 0,
            };
            match self.implicit_type(&x, ty) {
                Ok((_, value)) => {
                    if value.is_some() {
                        self.tables[file].exprs[expr].value = value;
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
            if self.implements_with_cause(x.ty, target, false, cause) {
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
    fn add_cause(&self, cause: &mut Option<String>, message: impl FnOnce(&Self) -> String) {
        if let Some(cause) = cause {
            let mut text = message(self);
            if !cause.is_empty() {
                text.push_str("\n\t");
                text.push_str(cause);
            }
            *cause = text;
        }
    }
    pub(super) fn is_interface_pointer(&self, ty: TypeId) -> bool {
        match self.store.under(ty) {
            Type::Pointer(elem) => self.store.is_interface(*elem),
            _ => false,
        }
    }

    /// Whether type `v` implements interface `t`, or as type argument satisfies constraint `t`.
    pub(super) fn implements_with_cause(
        &mut self,
        v: TypeId,
        t: TypeId,
        constraint: bool,
        cause: &mut Option<String>,
    ) -> bool {
        let store = self.store;
        let (vu, tu) = (store.underlying(v), store.underlying(t));
        if vu == TypeId::INVALID || tu == TypeId::INVALID {
            return true;
        }
        if let Type::Pointer(elem) = store.ty(vu)
            && store.underlying(*elem) == TypeId::INVALID
        {
            return true;
        }
        let verb = if constraint { "satisfy" } else { "implement" };
        if !matches!(store.ty(tu), Type::Interface(_)) {
            if cause.is_some() {
                let text = self.type_str(t);
                let detail = if self.is_interface_pointer(tu) {
                    format!("type {text} is pointer to interface, not interface")
                } else if matches!(store.ty(tu), Type::Pointer(elem) if store.is_type_param(*elem))
                {
                    format!("type {text} is pointer to type parameter, not type parameter")
                } else {
                    format!("{text} is not an interface")
                };
                *cause = Some(format!(
                    "{} does not {verb} {text} ({detail})",
                    self.type_str(v)
                ));
            }
            return false;
        }
        let set = store.type_set(t);
        if set.is_all() {
            return true;
        }
        let own = match store.ty(vu) {
            Type::Interface(_) => Some(store.type_set(v)),
            Type::TypeParam(param) => Some(store.type_set(store.constraint(param))),
            _ => None,
        };
        if own.as_ref().is_some_and(|set| set.is_empty()) {
            return true;
        }
        if set.is_empty() {
            if cause.is_some() {
                *cause = Some(format!(
                    "cannot {verb} {} (empty type set)",
                    self.type_str(t)
                ));
            }
            return false;
        }
        if let Some((method, missing)) = self.missing_method(v, t, true) {
            if cause.is_some() {
                let why = self.missing_method_cause(v, t, method, missing);
                *cause = Some(format!(
                    "{} does not {verb} {} {why}",
                    self.type_str(v),
                    self.type_str(t)
                ));
            }
            return false;
        }
        if let Some(terms) = &set.terms {
            if let Some(own) = &own {
                if own.terms.is_none() || !store.terms_subset(&own.terms, &set.terms) {
                    if cause.is_some() {
                        *cause = Some(format!(
                            "{} does not {verb} {}",
                            self.type_str(v),
                            self.type_str(t)
                        ));
                    }
                    return false;
                }
            } else {
                let plain = UnionTerm {
                    tilde: false,
                    ty: v,
                };
                if !terms.iter().any(|&term| store.term_subset(plain, term)) {
                    if cause.is_some() {
                        let alternative = terms.iter().find(|term| {
                            !term.tilde
                                && store.identical(term.ty, store.underlying(term.ty))
                                && store.term_subset(
                                    plain,
                                    UnionTerm {
                                        tilde: true,
                                        ty: term.ty,
                                    },
                                )
                        });
                        let (vs, ts) = (self.type_str(v), self.type_str(t));
                        let detail = match alternative {
                            Some(term) => {
                                format!("possibly missing ~ for {} in {ts}", self.type_str(term.ty))
                            }
                            None if self.mentions_type(tu, v) => {
                                format!(
                                    "{ts} mentions {vs}, but {vs} is not in the type set of {ts}"
                                )
                            }
                            None => {
                                let qualifier =
                                    |pkg| Some(store.package(pkg).path.as_str().to_owned());
                                let mut writer = TypeWriter::new(store, &qualifier);
                                writer.terms(terms);
                                format!("{vs} missing in {}", writer.out)
                            }
                        };
                        *cause = Some(format!("{vs} does not {verb} {ts} ({detail})"));
                    }
                    return false;
                }
            }
        }
        if !set.is_comparable(store) || (!set.comparable && set.terms.is_some()) {
            return true;
        }
        if store.comparable(v, false) {
            return true;
        }
        if constraint && store.comparable(v, true) {
            if self.allows(20) {
                return true;
            }
            if cause.is_some() {
                let message = format!(
                    "{} to {verb} comparable requires go1.20 or later",
                    self.type_str(v)
                );
                *cause = Some(self.with_version_hint(message));
            }
            return false;
        }
        if cause.is_some() {
            *cause = Some(format!("{} does not {verb} comparable", self.type_str(v)));
        }
        false
    }
    /// Whether a type embeds a field of erroneous type, at any depth.
    fn has_invalid_embedding(&self, ty: TypeId, seen: &mut Vec<TypeId>) -> bool {
        let store = self.store;
        let base = store.unalias(store.deref(ty).0);
        if seen.contains(&base) || seen.len() > 100 {
            return false;
        }
        seen.push(base);
        let Type::Struct(structure) = store.under(base) else {
            return false;
        };
        structure.fields.iter().any(|&field| {
            let ty = store.obj_type(field);
            matches!(store.obj(field).kind, ObjKind::Var(VarKind::Embedded))
                && (store.underlying(store.deref(ty).0) == TypeId::INVALID
                    || self.has_invalid_embedding(ty, seen))
        })
    }

    /// Whether an interface's elements name the type without admitting it.
    fn mentions_type(&self, interface: TypeId, ty: TypeId) -> bool {
        let store = self.store;
        match store.ty(interface) {
            Type::Interface(interface) => interface
                .embeds
                .iter()
                .any(|&embed| self.mentions_type(embed, ty) || store.identical(embed, ty)),
            Type::Union(terms) => terms.iter().any(|term| store.identical(term.ty, ty)),
            Type::Named(_) | Type::Alias(_) => match store.under(interface) {
                Type::Interface(_) => self.mentions_type(store.underlying(interface), ty),
                _ => store.identical(interface, ty),
            },
            _ => store.identical(interface, ty),
        }
    }

    /// [`Store::missing_method`], after making sure that the methods to compare have their types.
    pub(super) fn missing_method(
        &mut self,
        v: TypeId,
        t: TypeId,
        static_only: bool,
    ) -> Option<(ObjId, Missing)> {
        let store = self.store;
        if self.resolving {
            for &method in &store.type_set(t).methods {
                let object = store.obj(method);
                if let Lookup::Found { obj, .. } =
                    store.lookup_any(v, object.pkg, object.name, false)
                    && matches!(store.obj(obj).kind, ObjKind::Func(_))
                {
                    self.resolve_method(obj);
                }
            }
        }
        let missing = store.missing_method(v, t, static_only);
        // The method may be that of a type which could not be found.
        if let Some((_, Missing::NotFound)) = missing
            && self.has_invalid_embedding(v, &mut Vec::new())
        {
            return None;
        }
        missing
    }

    /// The reason, in parentheses, why a type lacks a method.
    pub(super) fn missing_method_cause(
        &mut self,
        v: TypeId,
        t: TypeId,
        method: ObjId,
        missing: Missing,
    ) -> String {
        let name = self.store.obj(method).name;
        match missing {
            Missing::NotFound => {
                if self.is_interface_pointer(v) {
                    format!(
                        "(type {} is pointer to interface, not interface)",
                        self.type_str(v)
                    )
                } else if self.is_interface_pointer(t) {
                    format!(
                        "(type {} is pointer to interface, not interface)",
                        self.type_str(t)
                    )
                } else if let Type::Pointer(elem) = self.store.under(v)
                    && self.store.is_type_param(*elem)
                {
                    format!(
                        "(type {} is pointer to type parameter, not type parameter)",
                        self.type_str(v)
                    )
                } else {
                    format!("(missing method {name})")
                }
            }
            Missing::WrongName(other) => {
                let (have, want) = (
                    self.method_str(other, false),
                    self.method_str(method, false),
                );
                format!("(missing method {name})\n\t\thave {have}\n\t\twant {want}")
            }
            Missing::Unexported => format!("(unexported method {name})"),
            Missing::WrongSignature(other) => {
                let (mut have, mut want) = (
                    self.method_str(other, false),
                    self.method_str(method, false),
                );
                if have == want {
                    (have, want) = (self.method_str(other, true), self.method_str(method, true));
                }
                if have == want {
                    return format!("(wrong type for method {name})");
                }
                format!("(wrong type for method {name})\n\t\thave {have}\n\t\twant {want}")
            }
            Missing::Ambiguous => format!("(ambiguous selector {}.{name})", self.type_str(v)),
            Missing::PointerReceiver => format!("(method {name} has pointer receiver)"),
            Missing::Field => format!("({}.{name} is a field, not a method)", self.type_str(v)),
        }
    }
    /// A method's name and signature; `qualified` shows all packages by path.
    pub(super) fn method_str(&self, method: ObjId, qualified: bool) -> String {
        let store = self.store;
        let plain = |pkg| self.qualify(pkg);
        let full = |pkg: PkgId| Some(store.package(pkg).path.as_str().to_owned());
        let qualifier: &dyn Fn(PkgId) -> Option<String> = if qualified { &full } else { &plain };
        let mut writer = TypeWriter::new(store, qualifier);
        writer.param_names = false;
        writer.out.push_str(store.obj(method).name.as_str());
        if let Type::Signature(signature) = store.ty(store.obj_type(method)) {
            writer.signature(signature);
        }
        writer.out
    }

    // Explicit conversion.

    /// `T(x)`
    pub(super) fn conversion(&mut self, x: &mut Operand, target: TypeId) {
        let store = self.store;
        let constant_arg = x.is_const();
        let fits_int = x.val.as_ref().is_none_or(|v| v.to_i64().is_some());
        let target_kind = store.basic_kind(target);
        let const_type = target_kind.is_some_and(BasicKind::is_const_type);
        let mut cause = Some(String::new());
        let ok = if constant_arg && const_type {
            let kind = target_kind.expect("basic");
            match self.constant_conversion(x, kind) {
                Some(value) => {
                    x.val = Some(value);
                    true
                }
                None => {
                    if store.basic_kind(x.ty).is_some_and(BasicKind::is_integer)
                        && kind.is_integer()
                    {
                        let value = x
                            .val
                            .as_ref()
                            .map(|value| format_constant(store, x.ty, value))
                            .unwrap_or_default();
                        let ty = self.type_str(target);
                        self.error_operand(
                            x,
                            "InvalidConversion",
                            format!("constant {value} overflows {ty}"),
                        );
                        x.invalidate();
                        return;
                    }
                    false
                }
            }
        } else if constant_arg && store.is_type_param(target) {
            let ok = self.constant_to_param(x, target, &mut cause);
            x.mode = Mode::Value;
            ok
        } else if self.convertible(x, target, &mut cause) {
            if !x.is_nil() || !store.is_untyped(x.ty) {
                x.mode = Mode::Value;
            }
            true
        } else {
            false
        };
        if !ok {
            if constant_arg && !store.is_type_param(target) {
                x.mode = Mode::Constant;
            }
            let (text, ty) = (self.operand_str(x), self.type_str(target));
            let cause = cause.unwrap_or_default();
            let colon = if cause.is_empty() { "" } else { ": " };
            self.error_operand(
                x,
                "InvalidConversion",
                format!("cannot convert {text} to type {ty}{colon}{cause}"),
            );
            x.invalidate();
            return;
        }
        if store.is_untyped(x.ty) {
            let mut final_type = target;
            let to_interface =
                !x.is_nil() && (store.is_interface(target) || (constant_arg && !const_type));
            let rune_to_string = constant_arg
                && store.basic_kind(x.ty).is_some_and(BasicKind::is_integer)
                && store.all_basic(target, BasicKind::is_string);
            // An integer that becomes a string may have any size.
            if to_interface || rune_to_string && fits_int {
                final_type = default_type(x.ty);
            } else if rune_to_string {
                final_type = x.ty;
            }
            if let Some(expr) = x.expr {
                self.update_type(expr, final_type, true);
            }
        }
        if x.mode != Mode::Constant {
            x.val = None;
            x.mode = Mode::Value;
        }
        x.ty = target;
    }

    fn constant_conversion(&self, x: &Operand, kind: BasicKind) -> Option<ConstValue> {
        let value = x.val.as_ref()?;
        if let Ok(value) = value.represent(kind) {
            return Some(value);
        }
        let from = self.store.basic_kind(x.ty)?;
        if from.is_integer() && kind.is_string() {
            let ch = value
                .to_u64()
                .and_then(|code| u32::try_from(code).ok())
                .and_then(char::from_u32)
                .unwrap_or('\u{fffd}');
            let mut buffer = [0; 4];
            return Some(ConstValue::from_bytes(
                ch.encode_utf8(&mut buffer).as_bytes(),
            ));
        }
        None
    }
    fn constant_to_param(
        &mut self,
        x: &Operand,
        target: TypeId,
        cause: &mut Option<String>,
    ) -> bool {
        let store = self.store;
        let types = store
            .type_param(target)
            .and_then(|param| store.specific_types(store.constraint(param)));
        let Some(types) = types else {
            *cause = Some(format!(
                "{} does not contain specific types",
                self.type_str(target)
            ));
            return false;
        };
        if types.is_empty() {
            *cause = Some(format!(
                "{} does not contain specific types",
                self.type_str(target)
            ));
            return false;
        }
        let from = store.basic_kind(x.ty).unwrap_or(BasicKind::Invalid);
        for ty in types {
            if from.is_string() && self.is_bytes_or_runes(ty) {
                continue;
            }
            let kind = store.basic_kind(ty);
            if kind
                .and_then(|kind| self.constant_conversion(x, kind))
                .is_none()
            {
                let (u, t) = (self.type_str(store.underlying(ty)), self.type_str(target));
                *cause = Some(
                    if from.is_integer() && kind.is_some_and(BasicKind::is_integer) {
                        let value = x
                            .val
                            .as_ref()
                            .map(|value| format_constant(store, x.ty, value))
                            .unwrap_or_default();
                        format!("constant {value} overflows {u} (in {t})")
                    } else {
                        format!(
                            "cannot convert {} to type {u} (in {t})",
                            self.operand_str(x)
                        )
                    },
                );
                return false;
            }
        }
        true
    }
    pub(super) fn is_bytes_or_runes(&self, ty: TypeId) -> bool {
        match self.store.under(ty) {
            Type::Slice(elem) => matches!(
                self.store.basic_kind(*elem),
                Some(BasicKind::Uint8 | BasicKind::Int32)
            ),
            _ => false,
        }
    }

    /// Whether a non-constant value can be converted (spec, "Conversions").
    fn convertible(&mut self, x: &Operand, target: TypeId, cause: &mut Option<String>) -> bool {
        let store = self.store;
        if self.assignable(x, target, cause) {
            return true;
        }
        let (v, t) = (store.unalias(x.ty), store.unalias(target));
        let (vu, tu) = (store.underlying(v), store.underlying(t));
        let (vp, tp) = (store.is_type_param(v), store.is_type_param(t));
        if !vp && !tp && store.identical_ignore_tags(vu, tu) {
            return true;
        }
        if let (Type::Pointer(a), Type::Pointer(b)) = (store.ty(v), store.ty(t))
            && store.identical_ignore_tags(store.underlying(*a), store.underlying(*b))
            && !store.is_type_param(*a)
            && !store.is_type_param(*b)
        {
            return true;
        }
        match (store.ty(vu), store.ty(tu)) {
            (Type::Basic(a), Type::Basic(b)) => {
                let real = |kind: &BasicKind| kind.is_integer() || kind.is_float();
                if (real(a) && real(b))
                    || (a.is_complex() && b.is_complex())
                    || (a.is_integer() && b.is_string())
                {
                    return true;
                }
                if (*a == BasicKind::Uintptr && *b == BasicKind::UnsafePointer)
                    || (*a == BasicKind::UnsafePointer && *b == BasicKind::Uintptr)
                {
                    return true;
                }
                if a.is_string() && b.is_string() {
                    return true;
                }
            }
            (Type::Basic(a), Type::Slice(_)) if a.is_string() && self.is_bytes_or_runes(tu) => {
                return true;
            }
            (Type::Slice(_), Type::Basic(b)) if b.is_string() && self.is_bytes_or_runes(vu) => {
                return true;
            }
            (Type::Pointer(_), Type::Basic(BasicKind::UnsafePointer))
            | (Type::Basic(BasicKind::UnsafePointer), Type::Pointer(_)) => {
                return true;
            }
            (Type::Slice(elem), Type::Array { elem: other, .. })
                if store.identical(*elem, *other) =>
            {
                if self.allows(20) {
                    return true;
                }
                if cause.is_some() {
                    let message =
                        "conversion of slice to array requires go1.20 or later".to_owned();
                    *cause = Some(self.with_version_hint(message));
                }
                return false;
            }
            (Type::Slice(elem), Type::Pointer(array)) => {
                if let Type::Array { elem: other, .. } = store.under(*array)
                    && store.identical(*elem, *other)
                {
                    if self.allows(17) {
                        return true;
                    }
                    if cause.is_some() {
                        let message =
                            "conversion of slice to array pointer requires go1.17 or later"
                                .to_owned();
                        *cause = Some(self.with_version_hint(message));
                    }
                    return false;
                }
            }
            _ => {}
        }
        if !vp && !tp {
            return false;
        }
        let types = |ty: TypeId| {
            let param = store.type_param(ty)?;
            store.specific_types(store.constraint(param))
        };
        let sources = if vp { types(v) } else { Some(vec![v]) };
        let targets = if tp { types(t) } else { Some(vec![target]) };
        let (Some(sources), Some(targets)) = (sources, targets) else {
            return false;
        };
        for &from in &sources {
            let part = if vp {
                Operand {
                    ty: from,
                    ..x.clone()
                }
            } else {
                x.clone()
            };
            for &to in &targets {
                if !self.convertible(&part, to, cause) {
                    self.add_cause(cause, |this| {
                        let (f, s) = (
                            this.type_str(if vp { from } else { x.ty }),
                            this.type_str(to),
                        );
                        let (vs, ts) = (this.type_str(v), this.type_str(t));
                        match (vp, tp) {
                            (true, true) => {
                                format!("cannot convert {f} (in {vs}) to type {s} (in {ts})")
                            }
                            (true, false) => format!(
                                "cannot convert {f} (in {vs}) to type {}",
                                this.type_str(target)
                            ),
                            _ => format!("cannot convert {f} to type {s} (in {ts})"),
                        }
                    });
                    return false;
                }
            }
        }
        !sources.is_empty() && !targets.is_empty()
    }
}
