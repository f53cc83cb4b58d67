//! Conversions (spec, "Conversions").

use super::Checker;
use super::expr::default_type;
use super::operand::{Operand, format_constant};
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

impl<'a> Checker<'a> {
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

    pub(super) fn constant_conversion(&self, x: &Operand, kind: BasicKind) -> Option<ConstValue> {
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

    pub(super) fn constant_to_param(
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
    pub(super) fn convertible(
        &mut self,
        x: &Operand,
        target: TypeId,
        cause: &mut Option<String>,
    ) -> bool {
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
