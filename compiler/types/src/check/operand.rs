//! Operands: what evaluating an expression yields while checking.

use syntax::ast::{ExprId, ExprKind};

use super::Checker;
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::Mode;

/// An operand.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub mode: Mode,
    /// [`TypeId::INVALID`] where the mode has no type.
    pub ty: TypeId,
    /// Set iff the mode is [`Mode::Constant`].
    pub val: Option<ConstValue>,
    pub expr: Option<ExprId>,
    /// Which of several values of the expression: 0 for the only one, [`OK_FLAG`] for the flag of a comma-ok form.
    pub nth: u32,
}

/// See [`Operand::nth`].
pub(super) const OK_FLAG: u32 = u32::MAX;

impl Operand {
    pub fn invalid(expr: ExprId) -> Operand {
        Operand {
            mode: Mode::Invalid,
            ty: TypeId::INVALID,
            val: None,
            expr: Some(expr),
            nth: 0,
        }
    }
    pub fn new(mode: Mode, ty: TypeId, expr: ExprId) -> Operand {
        Operand {
            mode,
            ty,
            val: None,
            expr: Some(expr),
            nth: 0,
        }
    }
    pub fn constant(ty: TypeId, val: ConstValue, expr: ExprId) -> Operand {
        Operand {
            mode: Mode::Constant,
            ty,
            val: Some(val),
            expr: Some(expr),
            nth: 0,
        }
    }
    pub fn is_invalid(&self) -> bool {
        self.mode == Mode::Invalid
    }
    pub fn invalidate(&mut self) {
        self.mode = Mode::Invalid;
        self.val = None;
    }
    pub fn is_nil(&self) -> bool {
        self.mode == Mode::Nil
    }
    pub fn is_const(&self) -> bool {
        self.mode == Mode::Constant
    }
}

/// The structure of a type in a word, for types with a name; empty for basic types.
pub(super) fn composite_kind(store: &Store, ty: TypeId) -> &'static str {
    match store.under(ty) {
        Type::Basic(_) | Type::TypeParam(_) => "",
        Type::Array { .. } => "array",
        Type::Slice(_) => "slice",
        Type::Struct(_) => "struct",
        Type::Pointer(_) => "pointer",
        Type::Signature(_) => "func",
        Type::Interface(_) => "interface",
        Type::Map { .. } => "map",
        Type::Chan { .. } => "chan",
        Type::Tuple(_) => "tuple",
        Type::Union(_) => "union",
        Type::Named(_) | Type::Alias(_) => "",
    }
}

/// `expr (untyped kind mode value of type T)`, as messages describe operands.
pub(super) fn describe(checker: &Checker<'_>, x: &Operand) -> String {
    let store = checker.store;
    if x.mode == Mode::Nil {
        return match x.ty {
            TypeId::INVALID => "nil (with invalid type)".into(),
            ty if store.is_untyped(ty) => "nil".into(),
            _ => "nil".into(),
        };
    }
    let value = match (&x.val, x.mode) {
        (Some(val), Mode::Constant) => Some(format_constant(store, x.ty, val)),
        _ => None,
    };
    let mut expr = match x.expr {
        Some(_) if x.nth == OK_FLAG => "ok value of (comma, ok) expression".into(),
        Some(_) if x.nth != 0 => format!("{} function result", ordinal(x.nth)),
        Some(expr) => checker.expr_str(expr),
        None => match x.mode {
            Mode::Builtin(builtin) => builtin.name().into(),
            Mode::TypeExpr => checker.type_str(x.ty),
            Mode::Constant => value.clone().unwrap_or_default(),
            _ => String::new(),
        },
    };
    let shown = expr.clone();
    let parens = !expr.is_empty();
    if parens {
        expr.push_str(" (");
    }
    let mut out = expr;
    let mut typed = false;
    if !matches!(
        x.mode,
        Mode::Invalid | Mode::NoValue | Mode::Builtin(_) | Mode::TypeExpr
    ) {
        if store.is_untyped(x.ty) {
            out.push_str(&checker.type_str(x.ty));
            out.push(' ');
        } else {
            typed = true;
        }
    }
    out.push_str(match x.mode {
        Mode::Invalid => "invalid operand",
        Mode::NoValue => "no value",
        Mode::Builtin(_) => "built-in",
        Mode::TypeExpr => "type",
        Mode::Constant => "constant",
        Mode::Variable => "variable",
        Mode::MapIndex => "map index expression",
        Mode::Value => "value",
        Mode::Nil => "nil",
        Mode::CommaOk => "comma, ok expression",
    });
    if let Some(value) = value
        && value != shown
    {
        out.push(' ');
        out.push_str(&value);
    }
    if typed {
        if x.ty == TypeId::INVALID {
            out.push_str(" with invalid type");
        } else {
            out.push_str(" of ");
            if store.is_generic(x.ty) {
                out.push_str("generic ");
            }
            let param = store.type_param(x.ty);
            if param.is_none() && matches!(store.ty(x.ty), Type::Named(_) | Type::Alias(_)) {
                let what = composite_kind(store, x.ty);
                if !what.is_empty() {
                    out.push_str(what);
                    out.push(' ');
                } else if let Some(kind) = store.basic_kind(x.ty) {
                    out.push_str(kind.name());
                    out.push(' ');
                }
            }
            out.push_str("type ");
            out.push_str(&named_results(checker, x).unwrap_or_else(|| checker.type_str(x.ty)));
            if let Some(param) = param {
                out.push_str(" constrained by ");
                let bound = param.bound.get().copied().unwrap_or(TypeId::INVALID);
                out.push_str(&checker.type_str(bound));
                if store.type_set(store.constraint(param)).is_empty() {
                    out.push_str(" with empty type set");
                }
            }
        }
    }
    if parens {
        out.push(')');
    }
    out
}

/// The results of a call with their names, if they have some and are several.
fn named_results(checker: &Checker<'_>, x: &Operand) -> Option<String> {
    let store = checker.store;
    let Type::Tuple(types) = store.ty(x.ty) else {
        return None;
    };
    let ExprKind::Call { fun, .. } = checker.kind(checker.env.ast.unparen(x.expr?)) else {
        return None;
    };
    let signature = store.signature(checker.info(*fun).ty?)?;
    if signature.results.len() != types.len() {
        return None;
    }
    let results: Vec<String> = signature
        .results
        .iter()
        .map(|&result| {
            let (name, ty) = (store.obj(result).name, store.obj_type(result));
            let ty = checker.type_str(ty);
            match name.as_str() {
                "" => ty,
                name => format!("{name} {ty}"),
            }
        })
        .collect();
    Some(format!("({})", results.join(", ")))
}

fn ordinal(n: u32) -> String {
    let suffix = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

/// A constant's value as printed for its type.
pub(super) fn format_constant(store: &Store, ty: TypeId, val: &ConstValue) -> String {
    let kind = store.basic_kind(ty).unwrap_or(BasicKind::UntypedInt);
    let kind = match kind {
        // A real value of complex type keeps the form it has.
        BasicKind::Invalid => BasicKind::UntypedInt,
        kind => kind,
    };
    val.format(kind)
}
