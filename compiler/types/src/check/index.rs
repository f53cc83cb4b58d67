//! Index, slice and type assertion expressions.

use syntax::ast::ExprId;

use super::operand::Operand;
use super::{Checker, Target};
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

/// What becomes of a function instance that lacks type arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partial {
    /// They are inferred now.
    Completed,
    /// It stays generic.
    Kept,
}

impl<'a> Checker<'a> {
    pub(super) fn index_expr(
        &mut self,
        expr: ExprId,
        x: ExprId,
        indices: &'a [ExprId],
        target: Option<&Target>,
    ) -> Operand {
        self.index_operand(expr, x, indices, target, Partial::Completed)
    }
    /// An index expression or function instance.
    pub(super) fn index_operand(
        &mut self,
        expr: ExprId,
        x: ExprId,
        indices: &'a [ExprId],
        target: Option<&Target>,
        partial: Partial,
    ) -> Operand {
        let operand = self.raw_expr(x, None, None, true);
        if self.is_pending_func(operand.ty) && !operand.is_invalid() {
            // An instance of a function in its own signature.
            for &index in indices {
                self.var_type(index);
            }
            return operand;
        }
        if operand.mode == Mode::Value
            && let Type::Signature(signature) = self.store.ty(self.store.unalias(operand.ty))
            && !signature.tparams.is_empty()
        {
            let mut result = operand;
            result.expr = Some(expr);
            self.require_version(self.env.ast.exprs[expr].pos, 18, "function instantiation");
            let targs: Vec<TypeId> = indices.iter().map(|&index| self.var_type(index)).collect();
            if targs.contains(&TypeId::INVALID) {
                return Operand::invalid(expr);
            }
            let (got, want) = (targs.len(), signature.tparams.len());
            if got > want {
                self.error_at(
                    indices[want],
                    "WrongTypeArgCount",
                    format!("got {got} type arguments but want {want}"),
                );
                return Operand::invalid(expr);
            }
            if got == want || partial == Partial::Completed {
                self.instantiate_function(&mut result, expr, &targs, target, true);
            }
            return result;
        }
        self.index_expr_of(expr, operand, x, indices)
    }

    pub(super) fn index_expr_of(
        &mut self,
        expr: ExprId,
        mut x: Operand,
        base: ExprId,
        indices: &'a [ExprId],
    ) -> Operand {
        let store = self.store;
        match x.mode {
            Mode::Invalid => {
                self.use_exprs(indices);
                return Operand::invalid(expr);
            }
            Mode::TypeExpr => {
                // The name stands for a type: an instance of it, or a type where a value is wanted.
                let ty = self.typ(expr);
                if ty == TypeId::INVALID {
                    return Operand::invalid(expr);
                }
                return Operand::new(Mode::TypeExpr, ty, expr);
            }
            Mode::NoValue | Mode::Builtin(_) => {
                let text = self.operand_str(&x);
                let what = if x.mode == Mode::NoValue {
                    "used as value or type"
                } else {
                    "must be called"
                };
                if let Mode::Builtin(_) = x.mode {
                    self.error_at(base, "UncalledBuiltin", format!("cannot index {text}"));
                } else {
                    self.error_at(base, "TooManyValues", format!("{text} {what}"));
                }
                self.use_exprs(indices);
                return Operand::invalid(expr);
            }
            _ => {}
        }
        self.single_value(&mut x);
        if x.is_invalid() {
            self.use_exprs(indices);
            return Operand::invalid(expr);
        }
        let mut length: i64 = -1;
        let mut valid = false;
        match store.under(x.ty) {
            Type::Basic(kind) if kind.is_string() => {
                valid = true;
                if let Some(len) = x.val.as_ref().and_then(|value| value.text_len()) {
                    length = len as i64;
                }
                // A constant string indexed by a constant is a byte, but no constant.
                if store.is_untyped(x.ty)
                    && let Some(operand) = x.expr
                {
                    self.update_type(operand, TypeId::basic(BasicKind::String), true);
                }
                x.mode = Mode::Value;
                x.val = None;
                x.ty = TypeId::BYTE;
            }
            Type::Array { len, elem } => {
                valid = true;
                length = *len;
                if x.mode != Mode::Variable {
                    x.mode = Mode::Value;
                }
                x.ty = *elem;
            }
            Type::Pointer(array) => {
                if !self.require_complete(*array) {
                    self.use_exprs(indices);
                    return Operand::invalid(expr);
                }
                if let Type::Array { len, elem } = store.under(*array) {
                    valid = true;
                    length = *len;
                    x.mode = Mode::Variable;
                    x.ty = *elem;
                }
            }
            Type::Slice(elem) => {
                valid = true;
                x.mode = Mode::Variable;
                x.ty = *elem;
            }
            Type::Map { key, elem } => {
                let Some(index) = self.single_index(expr, indices) else {
                    return Operand::invalid(expr);
                };
                let target = self.target_of(*key, "map index");
                let mut key_operand = self.expr_with_target(index, target.as_ref());
                self.assignment(&mut key_operand, Some(*key), "map index");
                return Operand::new(Mode::MapIndex, *elem, expr);
            }
            Type::TypeParam(param) => {
                return self.index_param(expr, x, param, indices);
            }
            _ => {}
        }
        if !valid {
            let text = self.operand_str(&x);
            let pos = self.env.ast.exprs[expr].pos;
            self.error(pos, "NonIndexableOperand", format!("cannot index {text}"));
            self.use_exprs(indices);
            return Operand::invalid(expr);
        }
        let Some(index) = self.single_index(expr, indices) else {
            return Operand::invalid(expr);
        };
        x.expr = Some(expr);
        self.check_index(index, length);
        x
    }

    /// All types of a type parameter's set must be indexable with the same element type.
    fn index_param(
        &mut self,
        expr: ExprId,
        x: Operand,
        param: &TypeParam,
        indices: &'a [ExprId],
    ) -> Operand {
        let store = self.store;
        let types = store
            .specific_types(store.constraint(param))
            .unwrap_or_default();
        let mut length: i64 = -1;
        let mut shared: Option<(TypeId, Option<TypeId>, Mode)> = None;
        let mut valid = !types.is_empty();
        for ty in types {
            let (key, elem, len, mode) = match store.under(ty) {
                Type::Basic(kind) if kind.is_string() => (None, TypeId::BYTE, -1, Mode::Value),
                Type::Array { len, elem } => (
                    None,
                    *elem,
                    *len,
                    if x.mode == Mode::Variable {
                        Mode::Variable
                    } else {
                        Mode::Value
                    },
                ),
                Type::Pointer(array) => match store.under(*array) {
                    Type::Array { len, elem } => (None, *elem, *len, Mode::Variable),
                    _ => {
                        valid = false;
                        break;
                    }
                },
                Type::Slice(elem) => (None, *elem, -1, Mode::Variable),
                Type::Map { key, elem } => (Some(*key), *elem, -1, Mode::Value),
                _ => {
                    valid = false;
                    break;
                }
            };
            // If the first type is no array, gc takes no index for too large.
            if shared.is_none() || (len >= 0 && len < length) {
                length = len;
            }
            match &mut shared {
                None => shared = Some((elem, key, mode)),
                Some((other, other_key, other_mode)) => {
                    let same_key = match (*other_key, key) {
                        (None, None) => true,
                        (Some(a), Some(b)) => store.identical(a, b),
                        _ => false,
                    };
                    if !same_key || !store.identical(*other, elem) {
                        valid = false;
                        break;
                    }
                    if mode == Mode::Value {
                        *other_mode = Mode::Value;
                    }
                }
            }
        }
        let (true, Some((elem, key, mode))) = (valid, shared) else {
            let text = self.operand_str(&x);
            let pos = self.env.ast.exprs[expr].pos;
            self.error(pos, "NonIndexableOperand", format!("cannot index {text}"));
            self.use_exprs(indices);
            return Operand::invalid(expr);
        };
        let Some(index) = self.single_index(expr, indices) else {
            return Operand::invalid(expr);
        };
        if let Some(key) = key {
            let target = self.target_of(key, "map index");
            let mut key_operand = self.expr_with_target(index, target.as_ref());
            self.assignment(&mut key_operand, Some(key), "map index");
            return Operand::new(Mode::MapIndex, elem, expr);
        }
        self.check_index(index, length);
        Operand::new(mode, elem, expr)
    }

    fn single_index(&mut self, expr: ExprId, indices: &'a [ExprId]) -> Option<ExprId> {
        match indices {
            [] => None,
            [index] => Some(*index),
            [_, second, ..] => {
                let _ = expr;
                self.use_exprs(indices);
                self.error_at(
                    *second,
                    "InvalidIndex",
                    "invalid operation: more than one index",
                );
                None
            }
        }
    }

    /// Checks an index expression; returns its constant value. `length` is the limit if it is known (not negative).
    pub(super) fn check_index(&mut self, index: ExprId, length: i64) -> Option<i64> {
        let mut x = self.expr(index);
        if !self.valid_index(&mut x, "index", false) {
            return None;
        }
        if !x.is_const() {
            return None;
        }
        let value = x.val.as_ref()?.to_i64()?;
        if length >= 0 && value >= length {
            let text = x
                .val
                .as_ref()
                .map(|value| value.format(BasicKind::UntypedInt))
                .unwrap_or_default();
            let shown = self.expr_str(index);
            let _ = text;
            self.error_at(
                index,
                "InvalidIndex",
                format!("invalid argument: index {shown} out of bounds [0:{length}]"),
            );
            return None;
        }
        Some(value)
    }

    /// Whether a value can be an index, a size or a length.
    pub(super) fn valid_index(
        &mut self,
        x: &mut Operand,
        what: &str,
        allow_negative: bool,
    ) -> bool {
        if x.is_invalid() {
            return false;
        }
        let store = self.store;
        self.convert_untyped(x, TypeId::basic(BasicKind::Int));
        if x.is_invalid() {
            return false;
        }
        if !store.all_basic(x.ty, BasicKind::is_integer) {
            let text = self.operand_str(x);
            self.error_operand(
                x,
                "InvalidIndex",
                format!("invalid argument: {what} {text} must be integer"),
            );
            return false;
        }
        if x.is_const() {
            let value = x.val.as_ref().unwrap_or(&ConstValue::Unknown);
            if !allow_negative && value.sign() < 0 {
                let text = self.operand_str(x);
                self.error_operand(
                    x,
                    "InvalidIndex",
                    format!("invalid argument: {what} {text} must not be negative"),
                );
                return false;
            }
            if value.represent(BasicKind::Int).is_err() {
                let text = self.operand_str(x);
                self.error_operand(
                    x,
                    "InvalidIndex",
                    format!("invalid argument: {what} {text} overflows int"),
                );
                return false;
            }
        }
        true
    }

    pub(super) fn slice_expr(
        &mut self,
        expr: ExprId,
        base: ExprId,
        bounds: [Option<ExprId>; 3],
        three: bool,
    ) -> Operand {
        let store = self.store;
        let mut x = self.expr(base);
        let given: Vec<ExprId> = bounds.iter().flatten().copied().collect();
        if x.is_invalid() {
            self.use_exprs(&given);
            return Operand::invalid(expr);
        }
        if let Type::Pointer(array) = store.under(x.ty)
            && !self.require_complete(*array)
        {
            self.use_exprs(&given);
            return Operand::invalid(expr);
        }
        let under = match self.sliceable_under(x.ty) {
            Ok(under) => under,
            Err(why) => {
                let text = self.operand_str(&x);
                let mut message = format!("cannot slice {text}: {why}");
                if why == "no specific type" {
                    message.push_str(&format!(" in {}", self.type_str(x.ty)));
                }
                self.error_at(base, "NonSliceableOperand", message);
                self.use_exprs(&given);
                return Operand::invalid(expr);
            }
        };
        let mut length: i64 = -1;
        match store.ty(under) {
            Type::Basic(kind) if kind.is_string() => {
                if three {
                    let at = bounds[2].unwrap_or(expr);
                    let _ = at;
                    self.error_at(
                        expr,
                        "InvalidSliceExpr",
                        "invalid operation: 3-index slice of string",
                    );
                    self.use_exprs(&given);
                    return Operand::invalid(expr);
                }
                if let Some(len) = x.val.as_ref().and_then(|value| value.text_len()) {
                    length = len as i64;
                }
                if store.is_untyped(x.ty) {
                    let string = TypeId::basic(BasicKind::String);
                    if let Some(operand) = x.expr {
                        self.update_type(operand, string, true);
                    }
                    x.ty = string;
                }
                x.mode = Mode::Value;
                x.val = None;
            }
            Type::Array { len, elem } => {
                length = *len;
                if x.mode != Mode::Variable {
                    let text = self.operand_str(&x);
                    self.error_at(
                        base,
                        "NonSliceableOperand",
                        format!("cannot slice unaddressable value {text}"),
                    );
                    self.use_exprs(&given);
                    return Operand::invalid(expr);
                }
                x.mode = Mode::Value;
                x.ty = store.slice(*elem);
            }
            Type::Pointer(array) => match store.under(*array) {
                Type::Array { len, elem } => {
                    length = *len;
                    x.mode = Mode::Value;
                    x.ty = store.slice(*elem);
                }
                _ => {
                    let text = self.operand_str(&x);
                    self.error_at(base, "NonSliceableOperand", format!("cannot slice {text}"));
                    self.use_exprs(&given);
                    return Operand::invalid(expr);
                }
            },
            Type::Slice(_) => x.mode = Mode::Value,
            _ => {
                let text = self.operand_str(&x);
                self.error_at(base, "NonSliceableOperand", format!("cannot slice {text}"));
                self.use_exprs(&given);
                return Operand::invalid(expr);
            }
        }
        x.expr = Some(expr);
        if three && (bounds[1].is_none() || bounds[2].is_none()) {
            // Reported by the parser.
            self.use_exprs(&given);
            return Operand::invalid(expr);
        }
        let mut constants: Vec<(i64, ExprId)> = Vec::new();
        for bound in bounds.into_iter().flatten() {
            let limit = if length >= 0 { length + 1 } else { -1 };
            if let Some(value) = self.check_index(bound, limit) {
                constants.push((value, bound));
            }
        }
        // Constant bounds must be in order.
        'check: for i in 0..constants.len() {
            for j in i + 1..constants.len() {
                if constants[j].0 < constants[i].0 {
                    let (low, high) = (constants[i].0, constants[j].0);
                    self.error_at(
                        constants[j].1,
                        "SwappedSliceIndices",
                        format!("invalid slice indices: {high} < {low}"),
                    );
                    break 'check;
                }
            }
        }
        x
    }

    /// The underlying type for slicing: byte slices and strings mixed count as strings.
    fn sliceable_under(&mut self, ty: TypeId) -> Result<TypeId, String> {
        let store = self.store;
        let Some(param) = store.type_param(ty) else {
            return Ok(store.underlying(ty));
        };
        if let Some(types) = store.specific_types(store.constraint(param))
            && types.iter().any(|&ty| store.basic_kind(ty).is_some_and(BasicKind::is_string))
            && types.iter().all(|&ty| {
                store.basic_kind(ty).is_some_and(BasicKind::is_string)
                    || matches!(store.under(ty), Type::Slice(elem) if store.basic_kind(*elem) == Some(BasicKind::Uint8))
            })
        {
            return Ok(TypeId::basic(BasicKind::String));
        }
        self.shared_under(ty)
    }

    pub(super) fn type_assertion(
        &mut self,
        expr: ExprId,
        operand: ExprId,
        ty: Option<ExprId>,
    ) -> Operand {
        let x = self.expr(operand);
        if x.is_invalid() {
            if let Some(ty) = ty {
                self.typ(ty);
            }
            return Operand::invalid(expr);
        }
        let Some(ty) = ty else {
            self.error_at(
                expr,
                "InvalidSyntaxTree",
                "invalid syntax tree: use of .(type) outside type switch",
            );
            return Operand::invalid(expr);
        };
        if !self.store.is_interface(x.ty) {
            let text = self.operand_str(&x);
            let message = if self.store.is_type_param(x.ty) {
                format!(
                    "invalid operation: cannot use type assertion on type parameter value {text}"
                )
            } else {
                format!("invalid operation: {text} is not an interface")
            };
            self.error_at(operand, "InvalidAssert", message);
            self.typ(ty);
            return Operand::invalid(expr);
        }
        let target = self.var_type(ty);
        if target == TypeId::INVALID {
            return Operand::invalid(expr);
        }
        self.check_assertion(expr, &x, target, false);
        Operand::new(Mode::CommaOk, target, expr)
    }

    /// Whether a value of interface type can have dynamic type `target`; reports if not.
    pub(super) fn check_assertion(
        &mut self,
        expr: ExprId,
        x: &Operand,
        target: TypeId,
        type_switch: bool,
    ) -> bool {
        let store = self.store;
        // A value of any type may be in another interface; what a type parameter stands for is not known yet.
        if store.is_interface(target) || store.is_type_param(target) {
            return true;
        }
        let missing = self.missing_method(target, x.ty, false);
        let Some((method, missing)) = missing else {
            return true;
        };
        let cause = self.missing_method_cause(target, x.ty, method, missing);
        let t = self.type_str(target);
        if type_switch {
            let text = self.operand_str(x);
            self.error_at(expr, "ImpossibleAssert", format!("impossible type switch case: {}\n\t{text} cannot have dynamic type {t} {cause}", self.expr_str(expr)));
        } else {
            let text = self.expr_str(expr);
            let iface = self.type_str(x.ty);
            self.error_at(
                expr,
                "ImpossibleAssert",
                format!(
                    "impossible type assertion: {text}\n\t{t} does not implement {iface} {cause}"
                ),
            );
        }
        false
    }
}
