//! Unary operations, and what all types of a type parameter's set have in common.

use syntax::ast::{ExprId, ExprKind, UnaryOp};

use super::Checker;
use super::operand::Operand;
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

impl<'a> Checker<'a> {
    pub(super) fn star(&mut self, expr: ExprId, inner: ExprId) -> Operand {
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

    pub(super) fn check_no_constraint(&mut self, ty: TypeId, expr: ExprId) {
        if let Type::Interface(interface) = self.store.under(ty) {
            let set = self.store.type_set(ty);
            let broken = interface
                .embeds
                .iter()
                .any(|embed| self.invalid_types.contains(embed));
            if !set.is_method_set() && !broken {
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

    pub(super) fn unary(&mut self, expr: ExprId, mut op: UnaryOp, operand: ExprId) -> Operand {
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

    pub(super) fn address(&mut self, expr: ExprId, operand: ExprId) -> Operand {
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
}
