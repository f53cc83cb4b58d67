//! `for` statements with range clause.

use source::Pos;
use syntax::ast::{ChanDir, ExprId, ExprKind, StmtId};

use super::Checker;
use super::operand::Operand;
use super::stmt::Context;
use crate::model::*;
use crate::typed::*;

impl<'a> Checker<'a> {
    pub(super) fn range_stmt(
        &mut self,
        pos: Pos,
        [key, value, extra]: [Option<ExprId>; 3],
        define: bool,
        operand: ExprId,
        body: StmtId,
        context: Context,
    ) {
        let ast = self.env.ast;
        let store = self.store;
        self.locals.open();
        // `range len(a)` and the like may be constant.
        let mut x = self.expr(operand);
        if x.is_const() && store.basic_kind(x.ty) == Some(BasicKind::UntypedString) {
            self.convert_untyped(&mut x, TypeId::basic(BasicKind::String));
        }
        let mut types: [Option<TypeId>; 2] = [None, None];
        let mut is_int = false;
        let mut failed = x.is_invalid();
        if !failed {
            match self.range_types(&x) {
                Err(why) => {
                    let text = self.operand_str(&x);
                    let colon = if why.is_empty() { "" } else { ": " };
                    self.error_at(
                        operand,
                        "InvalidRangeExpr",
                        format!("cannot range over {text}{colon}{why}"),
                    );
                    failed = true;
                }
                Ok((key_type, value_type, is_func)) => {
                    is_int = matches!(store.under(x.ty), Type::Basic(kind) if kind.is_numeric());
                    let text = self.operand_str(&x);
                    if let (Some(key), None) = (key, key_type) {
                        self.error_at(
                            key,
                            "InvalidIterVar",
                            format!("range over {text} permits no iteration variables"),
                        );
                    } else if let (Some(value), None) = (value, value_type) {
                        self.error_at(
                            value,
                            "InvalidIterVar",
                            format!("range over {text} permits only one iteration variable"),
                        );
                    } else if let Some(extra) = extra {
                        let message = "range clause permits at most two iteration variables";
                        self.error_at(extra, "InvalidIterVar", message);
                    }
                    let _ = is_func;
                    types = [key_type, value_type];
                }
            }
        }
        let sides = [key, value];
        let untyped_int = is_int && store.is_untyped(x.ty);
        if define {
            let mut vars = Vec::new();
            for (i, side) in sides.into_iter().enumerate() {
                let Some(side) = side else { continue };
                let var = match ast.exprs[side].kind {
                    ExprKind::Name(name) => {
                        let var = self.local_name(name);
                        let sym = ast.sym(name);
                        if sym != self.names.blank {
                            vars.push(var);
                        }
                        var
                    }
                    _ => {
                        let text = self.expr_str(side);
                        self.error_at(
                            side,
                            "InvalidSyntaxTree",
                            format!("non-name {text} on left side of :="),
                        );
                        self.new_var(VarKind::Local, self.names.blank, self.pos(side))
                    }
                };
                match types[i] {
                    Some(ty) if !failed => {
                        if untyped_int {
                            // `for i := range 10`: i has the default type.
                            let mut y = x.clone();
                            self.init_var(var, &mut y, "range clause");
                            failed |= y.is_invalid();
                        } else {
                            self.set_type(var, ty);
                        }
                    }
                    _ => {
                        self.set_type(var, TypeId::INVALID);
                        self.mark_used(var);
                    }
                }
                let ty = store.obj_type(var);
                if ty != TypeId::INVALID && store.obj(var).name != self.names.blank {
                    let recorded = Operand::new(Mode::Variable, ty, side);
                    self.record(side, &recorded);
                }
            }
            if vars.is_empty() && sides.iter().any(Option::is_some) {
                let all_blank = sides
                    .into_iter()
                    .flatten()
                    .all(|side| matches!(ast.exprs[side].kind, ExprKind::Name(_)));
                if all_blank {
                    self.error(pos, "NoNewVar", "no new variables on left side of :=");
                }
            }
            for var in vars {
                if self.declare_local(var) {
                    self.local_vars.push(var);
                }
            }
        } else {
            for (i, side) in sides.into_iter().enumerate() {
                let Some(side) = side else { continue };
                let Some(ty) = types[i].filter(|_| !failed) else {
                    self.use_assignees(&[side]);
                    continue;
                };
                let mut y = if untyped_int {
                    x.clone()
                } else {
                    Operand {
                        mode: Mode::Value,
                        ty,
                        val: None,
                        expr: Some(side),
                        nth: 0,
                    }
                };
                if is_int && !untyped_int {
                    y = Operand {
                        mode: x.mode,
                        ty: x.ty,
                        val: x.val.clone(),
                        expr: x.expr,
                        nth: 0,
                    };
                }
                self.assign_range_value(
                    side,
                    &mut y,
                    if is_int { "range clause" } else { "assignment" },
                );
                failed |= is_int && y.is_invalid();
                // The value is an integer, which the constant must not hide.
                if untyped_int
                    && !y.is_invalid()
                    && !store.is_untyped(y.ty)
                    && !store.all_basic(y.ty, BasicKind::is_integer)
                {
                    let text = self.type_str(y.ty);
                    let message = format!("cannot use iteration variable of type {text}");
                    self.error_at(side, "InvalidRangeExpr", message);
                }
            }
            if sides.iter().all(Option::is_none) && untyped_int && !failed {
                self.assignment(&mut x, None, "range clause");
                failed |= x.is_invalid();
            }
        }
        // The range expression is evaluated with its final type.
        if untyped_int
            && !failed
            && let Some(expr) = x.expr
            && self.info(expr).ty.is_some_and(|ty| store.is_untyped(ty))
        {
            let mut y = Operand {
                ty: self.info(expr).ty.unwrap_or(x.ty),
                ..x.clone()
            };
            self.assignment(&mut y, None, "range clause");
        }
        self.stmt(body, context);
        self.locals.close();
    }

    /// Types of the iteration values, and whether x is an iterator function; or why x cannot be ranged over.
    pub(super) fn range_types(
        &mut self,
        x: &Operand,
    ) -> Result<(Option<TypeId>, Option<TypeId>, bool), String> {
        let store = self.store;
        let int = TypeId::basic(BasicKind::Int);
        let under = self.range_under(x.ty)?;
        match store.ty(under) {
            Type::Basic(kind) if kind.is_string() => Ok((Some(int), Some(TypeId::RUNE), false)),
            Type::Basic(kind) if kind.is_integer() => {
                if !self.allows(22) {
                    return Err(self.with_version_hint("requires go1.22 or later".into()));
                }
                Ok((Some(x.ty), None, false))
            }
            Type::Array { elem, .. } | Type::Slice(elem) => Ok((Some(int), Some(*elem), false)),
            Type::Pointer(array) => match store.under(*array) {
                Type::Array { elem, .. } => Ok((Some(int), Some(*elem), false)),
                _ => Err(String::new()),
            },
            Type::Map { key, elem } => Ok((Some(*key), Some(*elem), false)),
            Type::Chan {
                dir: ChanDir::Send, ..
            } => Err(format!(
                "receive from send-only channel {}",
                self.type_str(under)
            )),
            Type::Chan { elem, .. } => Ok((Some(*elem), None, false)),
            Type::Signature(signature) => {
                if !self.allows(23) {
                    return Err(self.with_version_hint("requires go1.23 or later".into()));
                }
                let shape =
                    |why: &str| Err(format!("func must be func(yield func(...) bool): {why}"));
                if signature.params.len() != 1 {
                    return shape("wrong argument count");
                }
                if !signature.results.is_empty() {
                    return shape("unexpected results");
                }
                let yield_type = store.obj_type(signature.params[0]);
                let inner = match self.shared_under(yield_type) {
                    Ok(inner) => inner,
                    Err(why) => return shape(&format!("in yield type, {why}")),
                };
                let Type::Signature(inner) = store.ty(inner) else {
                    return shape("argument is not func");
                };
                if inner.params.len() > 2 {
                    return shape("yield func has too many parameters");
                }
                let bool_result = match *inner.results {
                    [result] => store
                        .basic_kind(store.obj_type(result))
                        .is_some_and(BasicKind::is_boolean)
                        .then(|| store.obj_type(result)),
                    _ => None,
                };
                match bool_result {
                    None => return shape("yield func does not return bool"),
                    Some(ty) if !matches!(store.ty(store.unalias(ty)), Type::Basic(_)) => {
                        return shape("yield func returns user-defined boolean, not bool");
                    }
                    Some(_) => {}
                }
                if inner.variadic {
                    let text = self.type_str(yield_type);
                    return Err(format!("yield func of type {text} cannot be variadic"));
                }
                let ty = |at: usize| inner.params.get(at).map(|&param| store.obj_type(param));
                Ok((ty(0), ty(1), true))
            }
            _ => Err(String::new()),
        }
    }

    pub(super) fn range_under(&mut self, ty: TypeId) -> Result<TypeId, String> {
        self.shared_under(ty)
    }
}
