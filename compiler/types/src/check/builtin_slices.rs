//! Built-in functions on slices: `append`, `copy`, `make` (of maps and channels, too).

use source::Pos;
use syntax::ast::ExprId;

use super::Checker;
use super::operand::Operand;
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

impl<'a> Checker<'a> {
    pub(super) fn builtin_append(
        &mut self,
        expr: ExprId,
        operands: Vec<Operand>,
        ellipsis: Option<Pos>,
    ) -> Operand {
        let store = self.store;
        let slice = operands[0].clone();
        let ty = slice.ty;
        if slice.is_nil() {
            let message = "invalid append: argument must be a slice; have untyped nil".to_owned();
            self.error_operand(&slice, "InvalidAppend", message);
            return Operand::invalid(expr);
        }
        let elem = match self.slice_elem(ty) {
            Ok(elem) => elem,
            Err(why) => {
                let text = self.operand_str(&slice);
                let message = match why {
                    Some(why) => format!("invalid append: {why} in {text}"),
                    None => format!("invalid append: argument must be a slice; have {text}"),
                };
                self.error_operand(&slice, "InvalidAppend", message);
                return Operand::invalid(expr);
            }
        };
        if ellipsis.is_some() && slice.nth != 0 {
            if let Some(arg) = slice.expr {
                self.error_spread(expr, arg, operands.len());
            }
            return Operand::invalid(expr);
        }
        // append([]byte, string...)
        if ellipsis.is_some()
            && operands.len() == 2
            && store.basic_kind(elem) == Some(BasicKind::Uint8)
        {
            let mut text = operands[1].clone();
            let bytes_or_string =
                self.all_under(text.ty, &mut |checker, ty| match checker.store.ty(ty) {
                    Type::Basic(kind) => kind.is_string(),
                    Type::Slice(elem) => checker.store.basic_kind(*elem) == Some(BasicKind::Uint8),
                    _ => false,
                });
            let any_string = self.any_string(text.ty);
            if bytes_or_string && any_string {
                if store.is_untyped(text.ty) {
                    self.convert_untyped(&mut text, TypeId::basic(BasicKind::String));
                }
                return Operand::new(Mode::Value, ty, expr);
            }
        }
        if ellipsis.is_some() {
            // append(s, t...)
            if operands.len() == 2 {
                let mut x = operands[1].clone();
                if x.is_nil() {
                    self.assignment(&mut x, Some(store.slice(elem)), "argument to append");
                    return if x.is_invalid() {
                        Operand::invalid(expr)
                    } else {
                        Operand::new(Mode::Value, ty, expr)
                    };
                }
                let target = store.slice(elem);
                self.assignment(&mut x, Some(target), "argument to append");
                if x.is_invalid() {
                    return Operand::invalid(expr);
                }
                return Operand::new(Mode::Value, ty, expr);
            }
            if operands.len() != 2 {
                let types: Vec<TypeId> = operands.iter().map(|x| x.ty).collect();
                let have = self.types_summary(&types, false, true);
                let want = self.types_summary(&[ty, store.slice(elem)], true, false);
                let (what, at) = if operands.len() < 2 {
                    ("not enough", 0)
                } else {
                    ("too many", 2)
                };
                let at = operands[at].clone();
                self.error_operand(
                    &at,
                    "WrongArgCount",
                    format!("{what} arguments in call to append\n\thave {have}\n\twant {want}"),
                );
                return Operand::invalid(expr);
            }
        }
        let mut valid = true;
        for mut x in operands.into_iter().skip(1) {
            self.assignment(&mut x, Some(elem), "argument to append");
            valid &= !x.is_invalid();
        }
        let _ = valid;
        Operand::new(Mode::Value, ty, expr)
    }

    pub(super) fn any_string(&mut self, ty: TypeId) -> bool {
        let mut any = false;
        self.all_under(ty, &mut |checker, ty| {
            any |= checker
                .store
                .basic_kind(ty)
                .is_some_and(BasicKind::is_string);
            true
        });
        any
    }

    /// The element type that all slice types of a type share. `Err(None)`: not a slice.
    pub(super) fn slice_elem(&mut self, ty: TypeId) -> Result<TypeId, Option<String>> {
        let mut elem = None;
        let mut why = None;
        let ok = self.all_under(ty, &mut |checker, ty| match checker.store.ty(ty) {
            Type::Slice(this) => {
                if let Some(other) = elem
                    && !checker.store.identical(other, *this)
                {
                    let (s, t) = (checker.type_str(other), checker.type_str(*this));
                    why = Some(format!("mismatched slice element types {s} and {t}"));
                    return false;
                }
                elem = Some(*this);
                true
            }
            _ => false,
        });
        match (ok, elem) {
            (true, Some(elem)) => Ok(elem),
            _ => Err(why),
        }
    }

    pub(super) fn builtin_copy(&mut self, expr: ExprId, operands: Vec<Operand>) -> Operand {
        let store = self.store;
        let [dst, mut src] = <[Operand; 2]>::try_from(operands).expect("counted");
        let not_a_slice = |this: &mut Self, x: &Operand, why: Option<String>| {
            let text = if x.is_nil() {
                "untyped nil".to_owned()
            } else {
                this.operand_str(x)
            };
            let message = match why {
                Some(why) => format!("invalid copy: {why} in {text}"),
                None => format!("invalid copy: argument must be a slice; have {text}"),
            };
            this.error_operand(x, "InvalidCopy", message);
            Operand::invalid(expr)
        };
        let dst_elem = match self.slice_elem(dst.ty) {
            Ok(elem) if !dst.is_nil() => elem,
            Ok(_) => return not_a_slice(self, &dst, None),
            Err(why) => return not_a_slice(self, &dst, why),
        };
        if src.is_nil() {
            return not_a_slice(self, &src, None);
        }
        let written = src.clone();
        let src_elem = if self.any_string(src.ty)
            && self.all_under(src.ty, &mut |checker, ty| match checker.store.ty(ty) {
                Type::Basic(kind) => kind.is_string(),
                Type::Slice(elem) => checker.store.basic_kind(*elem) == Some(BasicKind::Uint8),
                _ => false,
            }) {
            if store.is_untyped(src.ty) {
                self.convert_untyped(&mut src, TypeId::basic(BasicKind::String));
            }
            TypeId::BYTE
        } else {
            match self.slice_elem(src.ty) {
                Ok(elem) => elem,
                Err(why) => return not_a_slice(self, &src, why),
            }
        };
        if !store.identical(dst_elem, src_elem) {
            let (a, b) = (self.operand_str(&dst), self.operand_str(&written));
            let (s, t) = (self.type_str(dst_elem), self.type_str(src_elem));
            self.error_operand(
                &dst,
                "InvalidCopy",
                format!(
                    "invalid copy: arguments {a} and {b} have different element types {s} and {t}"
                ),
            );
            return Operand::invalid(expr);
        }
        Operand::new(Mode::Value, TypeId::basic(BasicKind::Int), expr)
    }

    pub(super) fn builtin_make(&mut self, expr: ExprId, args: &'a [ExprId]) -> Operand {
        let store = self.store;
        let ty = self.var_type(args[0]);
        if ty == TypeId::INVALID {
            self.use_exprs(&args[1..]);
            return Operand::invalid(expr);
        }
        let makeable = |store: &Store, ty: TypeId| {
            matches!(
                store.ty(ty),
                Type::Slice(_) | Type::Map { .. } | Type::Chan { .. }
            )
        };
        let all_makeable = self.all_under(ty, &mut |checker, ty| makeable(checker.store, ty));
        let under = match self.shared_under(ty) {
            Ok(under) => under,
            Err(why) => {
                let why = if all_makeable || why == "no specific type" {
                    why
                } else {
                    "type must be slice, map, or channel".to_owned()
                };
                let text = self.expr_str(args[0]);
                self.error_at(
                    args[0],
                    "InvalidMake",
                    format!("invalid argument: cannot make {text}: {why}"),
                );
                self.use_exprs(&args[1..]);
                return Operand::invalid(expr);
            }
        };
        let min = match store.ty(under) {
            Type::Slice(_) => 2,
            Type::Map { .. } | Type::Chan { .. } => 1,
            Type::Basic(BasicKind::Invalid) => {
                self.use_exprs(&args[1..]);
                return Operand::invalid(expr);
            }
            _ => {
                let text = self.expr_str(args[0]);
                self.error_at(
                    args[0],
                    "InvalidMake",
                    format!(
                        "invalid argument: cannot make {text}: type must be slice, map, or channel"
                    ),
                );
                self.use_exprs(&args[1..]);
                return Operand::invalid(expr);
            }
        };
        if args.len() < min || args.len() > min + 1 {
            let text = self.expr_str(expr);
            let n = args.len();
            self.error_at(
                expr,
                "WrongArgCount",
                format!(
                    "invalid operation: {text} expects {min} or {} arguments; found {n}",
                    min + 1
                ),
            );
            self.use_exprs(&args[1..]);
            return Operand::invalid(expr);
        }
        let mut sizes = Vec::new();
        for &arg in &args[1..] {
            let mut x = self.expr(arg);
            // A size may be an integral float constant.
            if self.valid_index(&mut x, "index", false)
                && x.is_const()
                && let Some(value) = x.val.as_ref().and_then(ConstValue::to_i64)
            {
                sizes.push(value);
            }
        }
        if let [len, cap] = *sizes
            && len > cap
        {
            self.error_at(
                args[1],
                "SwappedMakeArgs",
                "invalid argument: length and capacity swapped",
            );
        }
        Operand::new(Mode::Value, ty, expr)
    }
}
