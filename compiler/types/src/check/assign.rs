//! Assignments, definitions and initialisations.

use source::Pos;
use syntax::ast::{BinaryOp, ExprId, ExprKind, NameId};

use super::Checker;
use super::operand::Operand;
use crate::model::*;
use crate::typed::*;

fn measure(n: usize, unit: &str) -> String {
    if n == 1 {
        format!("1 {unit}")
    } else {
        format!("{n} {unit}s")
    }
}

impl<'a> Checker<'a> {
    /// Initialises a variable; it gets the value's type if it has none.
    pub(super) fn init_var(&mut self, var: ObjId, x: &mut Operand, context: &str) {
        let store = self.store;
        let object = store.obj(var);
        if x.is_invalid()
            || (x.mode != Mode::Nil && x.ty == TypeId::INVALID)
            || object.ty.get() == Some(&TypeId::INVALID)
        {
            if object.ty.get().is_none() {
                self.set_type(var, TypeId::INVALID);
            }
            x.invalidate();
            return;
        }
        if object.ty.get().is_none() {
            let mut ty = x.ty;
            if store.is_untyped(ty) {
                if x.is_nil() {
                    self.error_operand(
                        &x.clone(),
                        "UntypedNilUse",
                        format!("use of untyped nil in {context}"),
                    );
                    self.set_type(var, TypeId::INVALID);
                    x.invalidate();
                    return;
                }
                ty = super::expr::default_type(ty);
            }
            self.set_type(var, ty);
        }
        let ty = store.obj_type(var);
        self.assignment(x, Some(ty), context);
    }

    /// `vars = values`, or a return statement's values at `returns`.
    pub(super) fn init_vars(&mut self, vars: &[ObjId], values: &[ExprId], returns: Option<Pos>) {
        let context = if returns.is_some() {
            "return statement"
        } else {
            "variable declaration"
        };
        let context = if returns.is_none() && self.env.in_func && values.len() != 1 {
            "variable declaration"
        } else {
            context
        };
        let (l, r) = (vars.len(), values.len());
        // One value each, unless there is a single call.
        let is_call = r == 1
            && matches!(
                self.kind(self.env.ast.unparen(values[0])),
                ExprKind::Call { .. }
            );
        if l == r && !is_call {
            for (&var, &value) in vars.iter().zip(values) {
                let description = returns.map(|_| "result variable");
                let target = self.target_for(var, description);
                let mut x = self.expr_with_target(value, target.as_ref());
                self.init_var(var, &mut x, context);
            }
            return;
        }
        if r != 1 {
            // Evaluate, then complain about numbers if nothing else is wrong.
            let before = self.diagnostics.len();
            let operands = self.value_list(values);
            self.spoil(vars);
            if self.diagnostics.len() > before {
                return;
            }
            match returns {
                Some(at) => self.return_error(at, vars, &operands),
                None => {
                    if r > 0 {
                        self.assign_error(values, l, r);
                    }
                }
            }
            return;
        }
        let (mut operands, comma_ok) = self.multi_value(values[0], l == 2 && returns.is_none());
        if operands.len() == l {
            let context = if l > 1 && returns.is_none() {
                "multiple assignment"
            } else {
                context
            };
            for (&var, x) in vars.iter().zip(&mut operands) {
                self.init_var(var, x, context);
            }
            if comma_ok {
                self.record_comma_ok(values[0], &operands);
            }
            return;
        }
        let invalid = operands.first().is_some_and(Operand::is_invalid);
        self.spoil(vars);
        if !invalid {
            match returns {
                Some(at) => self.return_error(at, vars, &operands),
                None => self.assign_error(values, l, operands.len()),
            }
        }
    }
    fn spoil(&mut self, vars: &[ObjId]) {
        for &var in vars {
            if self.store.obj(var).ty.get().is_none() {
                self.set_type(var, TypeId::INVALID);
            }
        }
    }
    fn value_list(&mut self, values: &[ExprId]) -> Vec<Operand> {
        values.iter().map(|&value| self.expr(value)).collect()
    }

    /// The values of an expression: several for a call, a value and a flag if `comma_ok` and the expression permits it.
    pub(super) fn multi_value(&mut self, expr: ExprId, comma_ok: bool) -> (Vec<Operand>, bool) {
        let x = self.multi_expr(expr);
        if x.is_invalid() {
            return (vec![x], false);
        }
        let part = |ty: TypeId, nth: u32| Operand {
            mode: Mode::Value,
            ty,
            val: None,
            expr: Some(expr),
            nth,
        };
        if let Type::Tuple(types) = self.store.ty(x.ty)
            && x.mode == Mode::Value
        {
            return (
                types
                    .iter()
                    .zip(1..)
                    .map(|(&ty, nth)| part(ty, nth))
                    .collect(),
                false,
            );
        }
        if comma_ok && matches!(x.mode, Mode::MapIndex | Mode::CommaOk) {
            let flag = part(
                TypeId::basic(BasicKind::UntypedBool),
                super::operand::OK_FLAG,
            );
            return (vec![x, flag], true);
        }
        (vec![x], false)
    }
    /// The expression has the tuple of both types.
    pub(super) fn record_comma_ok(&mut self, mut expr: ExprId, operands: &[Operand]) {
        let [value, flag] = operands else { return };
        if value.is_invalid() || flag.is_invalid() {
            return;
        }
        let flag_type = super::expr::default_type(flag.ty);
        let tuple = self.store.tuple(&[value.ty, flag_type]);
        loop {
            let info = &mut self.tables[self.env.file].exprs[expr];
            let Some(_) = info.ty else { return };
            // The value's own type, not the type it is assigned to.
            info.ty = Some(match self.store.ty(info.ty.expect("checked")) {
                Type::Tuple(_) => tuple,
                _ => {
                    let own = info.ty.expect("checked");
                    self.store.tuple(&[own, flag_type])
                }
            });
            match self.kind(expr) {
                ExprKind::Paren(inner) => expr = *inner,
                _ => return,
            }
        }
    }

    pub(super) fn assign_error(&mut self, values: &[ExprId], l: usize, r: usize) {
        let vars = measure(l, "variable");
        let vals = measure(r, "value");
        let first = values[0];
        if let [value] = *values
            && let ExprKind::Call { fun, .. } = self.kind(self.env.ast.unparen(value))
        {
            let text = self.expr_str(*fun);
            self.error_at(
                first,
                "WrongAssignCount",
                format!("assignment mismatch: {vars} but {text} returns {vals}")
                    .replace(&format!("{text} returns"), &format!("{text} returns")),
            );
            return;
        }
        self.error_at(
            first,
            "WrongAssignCount",
            format!("assignment mismatch: {vars} but {vals}"),
        );
    }
    fn return_error(&mut self, at: Pos, vars: &[ObjId], operands: &[Operand]) {
        let (l, r) = (vars.len(), operands.len());
        let position = |this: &Self, x: &Operand| x.expr.map_or(at, |expr| this.start(expr));
        let (what, pos) = if r > l {
            ("too many", position(self, &operands[l]))
        } else if r > 0 {
            ("not enough", position(self, &operands[r - 1]))
        } else {
            ("not enough", at)
        };
        let have: Vec<TypeId> = operands
            .iter()
            .map(|x| {
                if x.is_invalid() {
                    TypeId::INVALID
                } else {
                    x.ty
                }
            })
            .collect();
        let want: Vec<TypeId> = vars.iter().map(|&var| self.store.obj_type(var)).collect();
        let (have, want) = (
            self.types_summary(&have, false, false),
            self.types_summary(&want, false, false),
        );
        self.error(
            pos,
            "WrongResultCount",
            format!("{what} return values\n\thave {have}\n\twant {want}"),
        );
    }
    pub(super) fn return_values(&mut self, pos: Pos, results: &[ObjId], values: &[ExprId]) {
        self.init_vars(results, values, Some(pos));
    }

    // Assignments.

    /// The variable's type if `lhs` can be assigned to; `Ok(None)` for `_`.
    fn assignee(&mut self, lhs: ExprId) -> Result<Option<TypeId>, ()> {
        let inner = self.env.ast.unparen(lhs);
        if let ExprKind::Name(name) = self.kind(inner)
            && self.sym(*name) == self.names.blank
        {
            return Ok(None);
        }
        let x = self.unused(lhs, |checker| checker.expr(lhs));
        self.check_assignee(lhs, x)
    }
    /// Evaluates the left side of an assignment: assigning to a local variable is no use of it.
    fn unused<R>(&mut self, lhs: ExprId, evaluate: impl FnOnce(&mut Self) -> R) -> R {
        let obj = match self.kind(self.env.ast.unparen(lhs)) {
            ExprKind::Name(name) => self.find(self.sym(*name)).filter(|&obj| {
                let object = self.store.obj(obj);
                matches!(object.kind, ObjKind::Var(_))
                    && object.pkg == Some(self.pkg)
                    && !self.is_used(obj)
            }),
            _ => None,
        };
        let result = evaluate(self);
        if let Some(obj) = obj {
            let used = &self.store.obj(obj).used;
            used.store(false, std::sync::atomic::Ordering::Relaxed);
        }
        result
    }
    fn check_assignee(&mut self, lhs: ExprId, x: Operand) -> Result<Option<TypeId>, ()> {
        match x.mode {
            Mode::Invalid => Err(()),
            Mode::Variable | Mode::MapIndex => Ok(Some(x.ty)),
            _ => {
                if let ExprKind::Selector { x: base, .. } = self.kind(self.env.ast.unparen(lhs))
                    && self.info(self.env.ast.unparen(*base)).mode == Mode::MapIndex
                {
                    let text = self.expr_str(lhs);
                    self.error_at(
                        lhs,
                        "UnaddressableFieldAssign",
                        format!("cannot assign to struct field {text} in map"),
                    );
                    return Err(());
                }
                if let ExprKind::Selector { x: base, .. } = self.kind(self.env.ast.unparen(lhs))
                    && let ExprKind::Name(name) = *self.kind(*base)
                    && let Some(obj) = self.find(self.sym(name))
                    && matches!(self.store.obj(obj).kind, ObjKind::PkgName(_))
                {
                    let message = format!("use of package {} not in selector", self.sym(name));
                    self.error_at(*base, "InvalidPkgUse", message);
                }
                let text = self.expr_str(lhs);
                self.error_at(
                    lhs,
                    "UnassignableOperand",
                    format!(
                        "cannot assign to {text} (neither addressable nor a map index expression)"
                    )
                    .replace("cannot assign to ", "cannot assign to "),
                );
                Err(())
            }
        }
    }

    /// `lhs = rhs` with one value.
    fn assign_one(&mut self, lhs: ExprId, rhs: ExprId, context: &str) {
        let Ok(ty) = self.assignee(lhs) else {
            self.use_exprs(&[rhs]);
            return;
        };
        let target = ty.and_then(|ty| {
            let mut target = self.target_of(ty, "")?;
            target.description = self.expr_str(lhs);
            Some(target)
        });
        let mut x = self.expr_with_target(rhs, target.as_ref());
        self.assign_operand(&mut x, ty, context);
    }
    fn assign_operand(&mut self, x: &mut Operand, ty: Option<TypeId>, context: &str) {
        let context = if ty.is_none() && matches!(context, "assignment" | "multiple assignment") {
            "assignment to _ identifier"
        } else {
            context
        };
        self.assignment(x, ty, context);
    }

    pub(super) fn assign(&mut self, lhs: &[ExprId], rhs: &[ExprId]) {
        let (l, r) = (lhs.len(), rhs.len());
        let is_call = r == 1
            && matches!(
                self.kind(self.env.ast.unparen(rhs[0])),
                ExprKind::Call { .. }
            );
        if l == r && !is_call {
            for (&left, &right) in lhs.iter().zip(rhs) {
                self.assign_one(
                    left,
                    right,
                    if l > 1 {
                        "multiple assignment"
                    } else {
                        "assignment"
                    },
                );
            }
            return;
        }
        if r != 1 {
            let before = self.diagnostics.len();
            self.use_assignees(lhs);
            self.value_list(rhs);
            if self.diagnostics.len() == before {
                self.assign_error(rhs, l, r);
            }
            return;
        }
        let (mut operands, comma_ok) = self.multi_value(rhs[0], l == 2);
        if operands.len() == l {
            for (&left, x) in lhs.iter().zip(&mut operands) {
                match self.assignee(left) {
                    Ok(ty) => self.assign_operand(
                        x,
                        ty,
                        if l > 1 {
                            "multiple assignment"
                        } else {
                            "assignment"
                        },
                    ),
                    Err(()) => x.invalidate(),
                }
            }
            if comma_ok {
                self.record_comma_ok(rhs[0], &operands);
            }
            return;
        }
        let invalid = operands.first().is_some_and(Operand::is_invalid);
        if !invalid {
            self.assign_error(rhs, l, operands.len());
        }
        self.use_assignees(lhs);
    }
    /// Evaluates left sides of a failed assignment.
    pub(super) fn use_assignees(&mut self, lhs: &[ExprId]) {
        for &left in lhs {
            let inner = self.env.ast.unparen(left);
            if let ExprKind::Name(name) = self.kind(inner)
                && self.sym(*name) == self.names.blank
            {
                continue;
            }
            self.unused(left, |checker| checker.raw_expr(left, None, None, true));
        }
    }

    /// `lhs op= rhs`
    pub(super) fn assign_op(&mut self, lhs: ExprId, op: BinaryOp, rhs: ExprId) {
        let x = self.expr(lhs);
        let y = self.expr(rhs);
        if x.is_invalid() || y.is_invalid() {
            return;
        }
        let mut result = self.binary_operands(None, x, y, op);
        self.assign_result(lhs, &mut result, "assignment operation");
    }
    /// Assigns an operation's result to its left operand.
    pub(super) fn assign_result(&mut self, lhs: ExprId, x: &mut Operand, context: &str) {
        if x.is_invalid() {
            return;
        }
        // The result has no expression of its own.
        let Ok(ty) = self.assignee(lhs) else { return };
        if let Some(ty) = ty
            && self.store.identical(ty, x.ty)
        {
            return;
        }
        self.assign_operand(x, ty, context);
    }

    /// `lhs := rhs`
    pub(super) fn define(&mut self, pos: Pos, lhs: &[ExprId], rhs: &[ExprId]) {
        let ast = self.env.ast;
        let mut vars = Vec::with_capacity(lhs.len());
        let mut new_vars = Vec::new();
        let mut seen: Vec<base::Symbol> = Vec::new();
        let mut failed = false;
        for &left in lhs {
            let ExprKind::Name(name) = ast.exprs[left].kind else {
                self.use_assignees(&[left]);
                failed = true;
                let ty = self.info(left).ty.unwrap_or(TypeId::INVALID);
                let dummy = self.new_var_of(VarKind::Local, self.names.blank, self.pos(left), ty);
                vars.push(dummy);
                continue;
            };
            let sym = ast.sym(name);
            if sym != self.names.blank {
                if seen.contains(&sym) {
                    self.error_at(
                        left,
                        "RepeatedDecl",
                        format!("{sym} repeated on left side of :="),
                    );
                    failed = true;
                    let dummy = self.new_var(VarKind::Local, self.names.blank, self.pos(left));
                    vars.push(dummy);
                    continue;
                }
                seen.push(sym);
                if let Some(obj) = self.locals.lookup_block(sym) {
                    self.record_name(name, obj);
                    if matches!(self.store.obj(obj).kind, ObjKind::Var(_)) {
                        vars.push(obj);
                        let ty = self.store.obj_type(obj);
                        let x = Operand::new(Mode::Variable, ty, left);
                        self.record(left, &x);
                    } else {
                        let text = self.expr_str(left);
                        self.error_at(
                            left,
                            "UnassignableOperand",
                            format!("cannot assign to {text}"),
                        );
                        failed = true;
                        let dummy = self.new_var_of(
                            VarKind::Local,
                            self.names.blank,
                            self.pos(left),
                            TypeId::INVALID,
                        );
                        vars.push(dummy);
                    }
                    continue;
                }
            }
            let var = self.new_var(VarKind::Local, sym, ast.names[name].pos);
            self.record_name(name, var);
            vars.push(var);
            if sym != self.names.blank {
                new_vars.push((var, left));
            }
        }
        self.define_values(&vars, rhs);
        for (&var, &left) in vars.iter().zip(lhs) {
            if let ExprKind::Name(_) = ast.exprs[left].kind
                && self.info(left).ty.is_none()
                && self.store.obj(var).name != self.names.blank
            {
                let x = Operand::new(Mode::Variable, self.store.obj_type(var), left);
                self.record(left, &x);
            }
        }
        if new_vars.is_empty() && !failed {
            let any = !lhs.is_empty();
            if any {
                self.soft_error(pos, "NoNewVar", "no new variables on left side of :=");
            }
        }
        for (var, _) in new_vars {
            self.declare_local(var);
            self.local_vars.push(var);
        }
    }
    fn define_values(&mut self, vars: &[ObjId], values: &[ExprId]) {
        let (l, r) = (vars.len(), values.len());
        let is_call = r == 1
            && matches!(
                self.kind(self.env.ast.unparen(values[0])),
                ExprKind::Call { .. }
            );
        if l == r && !is_call {
            for (&var, &value) in vars.iter().zip(values) {
                let target = self.target_for(var, None);
                let mut x = self.expr_with_target(value, target.as_ref());
                self.init_var(var, &mut x, "assignment");
            }
            return;
        }
        if r != 1 {
            let before = self.diagnostics.len();
            self.value_list(values);
            self.spoil(vars);
            if self.diagnostics.len() == before && r > 0 {
                self.assign_error(values, l, r);
            }
            return;
        }
        let (mut operands, comma_ok) = self.multi_value(values[0], l == 2);
        if operands.len() == l {
            let context = if l > 1 {
                "multiple assignment"
            } else {
                "assignment"
            };
            for (&var, x) in vars.iter().zip(&mut operands) {
                self.init_var(var, x, context);
            }
            if comma_ok {
                self.record_comma_ok(values[0], &operands);
            }
            return;
        }
        let invalid = operands.first().is_some_and(Operand::is_invalid);
        self.spoil(vars);
        if !invalid {
            self.assign_error(values, l, operands.len());
        }
    }

    /// A new local variable for a name that a statement declares.
    pub(super) fn local_name(&mut self, name: NameId) -> ObjId {
        let var = self.new_var(VarKind::Local, self.sym(name), self.name_pos(name));
        self.record_name(name, var);
        var
    }
    /// Assigns a range clause's value to an existing variable.
    pub(super) fn assign_range_value(&mut self, lhs: ExprId, x: &mut Operand, context: &str) {
        match self.assignee(lhs) {
            Ok(ty) => self.assign_operand(x, ty, context),
            Err(()) => x.invalidate(),
        }
    }
}
