//! Statements.

use base::FxHashMap;
use source::Pos;
use syntax::ast::{
    self, BinaryOp, BranchKind, ChanDir, ClauseId, ClauseKind, ExprId, ExprKind, StmtId, StmtKind,
    UnaryOp,
};

use super::Checker;
use super::call::CallKind;
use super::literal::{ConstKey, const_key};
use super::operand::Operand;
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

/// What a statement may do because of where it stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Context {
    fallthrough_ok: bool,
    final_case: bool,
    in_type_switch: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn func_stmts(&mut self, stmts: &[StmtId]) {
        self.stmt_list(stmts, Context::default());
    }

    fn stmt_list(&mut self, stmts: &[StmtId], context: Context) {
        // Trailing empty statements do not count as last.
        let mut last = stmts.len();
        while last > 0
            && matches!(
                self.env.ast.stmts[stmts[last - 1]].kind,
                StmtKind::Empty { .. }
            )
        {
            last -= 1;
        }
        for (i, &stmt) in stmts.iter().enumerate() {
            let inner = Context {
                fallthrough_ok: context.fallthrough_ok && i + 1 == last,
                ..context
            };
            self.stmt(stmt, inner);
        }
    }

    pub(super) fn stmt(&mut self, id: StmtId, context: Context) {
        stacker::maybe_grow(128 << 10, 2 << 20, || self.stmt_inner(id, context));
    }

    fn stmt_inner(&mut self, id: StmtId, context: Context) {
        let ast = self.env.ast;
        let stmt = &ast.stmts[id];
        // Blocks inside are not the end of a case.
        let inner = Context {
            fallthrough_ok: false,
            final_case: false,
            in_type_switch: false,
        };
        match &stmt.kind {
            StmtKind::Bad | StmtKind::Empty { .. } => {}
            StmtKind::Decl(decls) => self.local_decls(decls),
            StmtKind::Labeled { stmt, .. } => self.stmt(*stmt, context),
            StmtKind::Expr(expr) => self.expr_stmt(*expr),
            StmtKind::Send { chan, value } => self.send_stmt(*chan, *value, stmt.pos),
            StmtKind::IncDec { x, inc } => self.inc_dec(*x, *inc),
            StmtKind::Assign {
                lhs,
                op: Some(op),
                rhs,
            } => {
                if let ([left], [right]) = (&**lhs, &**rhs) {
                    self.assign_op(*left, *op, *right);
                }
            }
            StmtKind::Assign { lhs, op: None, rhs } => self.assign(lhs, rhs),
            StmtKind::Define { lhs, rhs } => self.define(stmt.pos, lhs, rhs),
            StmtKind::Go(call) => self.suspended_call("go", *call),
            StmtKind::Defer(call) => self.suspended_call("defer", *call),
            StmtKind::Return(values) => self.return_stmt(stmt.span.lo, values),
            StmtKind::Branch { kind, label } => {
                if *kind == BranchKind::Fallthrough && label.is_none() && !context.fallthrough_ok {
                    let message = if context.final_case {
                        "cannot fallthrough final case in switch"
                    } else if context.in_type_switch {
                        "cannot fallthrough in type switch"
                    } else {
                        "fallthrough statement out of place"
                    };
                    self.error(stmt.span.lo, "MisplacedFallthrough", message);
                }
            }
            StmtKind::Block { stmts, .. } => {
                self.locals.open();
                self.stmt_list(stmts, inner);
                self.locals.close();
            }
            StmtKind::If {
                init,
                cond,
                then,
                els,
            } => {
                self.locals.open();
                if let Some(init) = init {
                    self.stmt(*init, Context::default());
                }
                let x = self.expr(*cond);
                if !x.is_invalid() && !self.store.all_basic(x.ty, BasicKind::is_boolean) {
                    self.error_at(
                        *cond,
                        "InvalidCond",
                        "non-boolean condition in if statement",
                    );
                }
                self.default_bool(&x);
                self.block_in_place(*then, inner);
                if let Some(els) = els {
                    self.stmt(*els, inner);
                }
                self.locals.close();
            }
            StmtKind::Switch {
                init,
                tag,
                clauses,
                rbrace,
            } => self.switch_stmt(*init, *tag, clauses, inner, stmt.span.lo, *rbrace),
            StmtKind::TypeSwitch {
                init,
                name,
                x,
                clauses,
                ..
            } => self.type_switch(*init, *name, *x, clauses, inner),
            StmtKind::Select { clauses, .. } => self.select_stmt(clauses, inner),
            StmtKind::For {
                init,
                cond,
                post,
                body,
            } => {
                self.locals.open();
                if let Some(init) = init {
                    self.stmt(*init, Context::default());
                }
                if let Some(cond) = cond {
                    let x = self.expr(*cond);
                    if !x.is_invalid() && !self.store.all_basic(x.ty, BasicKind::is_boolean) {
                        self.error_at(
                            *cond,
                            "InvalidCond",
                            "non-boolean condition in for statement",
                        );
                    }
                    self.default_bool(&x);
                }
                if let Some(post) = post {
                    self.stmt(*post, Context::default());
                    if let StmtKind::Define { lhs, .. } = &ast.stmts[*post].kind {
                        // Reported by the parser; what is declared is not also unused.
                        self.use_exprs(lhs);
                    }
                }
                self.stmt(*body, inner);
                self.locals.close();
            }
            StmtKind::Range {
                key,
                value,
                extra,
                define,
                x,
                body,
            } => self.range_stmt(stmt.pos, [*key, *value, *extra], *define, *x, *body, inner),
        }
    }

    /// A condition that is an untyped boolean has type bool.
    fn default_bool(&mut self, x: &Operand) {
        if !x.is_invalid()
            && self.store.is_untyped(x.ty)
            && let Some(expr) = x.expr
            && self.store.basic_kind(x.ty) == Some(BasicKind::UntypedBool)
        {
            self.update_type(expr, TypeId::basic(BasicKind::Bool), true);
        }
    }
    fn block_in_place(&mut self, id: StmtId, context: Context) {
        self.stmt(id, context);
    }

    fn expr_stmt(&mut self, expr: ExprId) {
        let x = self.raw_expr(expr, None, None, false);
        let what = match x.mode {
            Mode::Invalid | Mode::NoValue => return,
            Mode::Builtin(_) => "must be called",
            Mode::TypeExpr => "is not an expression",
            _ => {
                if self.call_kind(expr) == Some(CallKind::Statement) {
                    return;
                }
                "is not used"
            }
        };
        let text = self.operand_str(&x);
        self.error_at(expr, "UnusedExpr", format!("{text} {what}"));
    }
    /// What kind of call (or receive operation) an evaluated expression is; `None` for others.
    fn call_kind(&self, expr: ExprId) -> Option<CallKind> {
        let inner = self.env.ast.unparen(expr);
        match self.kind(inner) {
            ExprKind::Unary {
                op: UnaryOp::Recv, ..
            } => Some(CallKind::Statement),
            ExprKind::Call { fun, .. } => Some(match self.info(self.env.ast.unparen(*fun)).mode {
                Mode::TypeExpr => CallKind::Conversion,
                Mode::Builtin(builtin) if !builtin.is_statement() => CallKind::Expression,
                _ => CallKind::Statement,
            }),
            _ => None,
        }
    }

    fn suspended_call(&mut self, keyword: &str, expr: ExprId) {
        let inner = self.env.ast.unparen(expr);
        if !matches!(self.kind(inner), ExprKind::Call { .. }) {
            self.use_exprs(&[expr]);
            self.error_at(
                expr,
                "InvalidCall",
                format!("expression in {keyword} must be function call"),
            );
            return;
        }
        let x = self.raw_expr(expr, None, None, false);
        if x.is_invalid() {
            return;
        }
        let what = match self.call_kind(expr) {
            Some(CallKind::Conversion) => "requires function call, not conversion",
            Some(CallKind::Expression) => "discards result of",
            Some(CallKind::Statement) | None => return,
        };
        let text = self.operand_str(&x);
        self.error_at(expr, "UnusedResults", format!("{keyword} {what} {text}"));
    }

    fn send_stmt(&mut self, chan: ExprId, value: ExprId, _pos: Pos) {
        let store = self.store;
        let ch = self.expr(chan);
        let target = match store.under(ch.ty) {
            Type::Chan { elem, .. } if !ch.is_invalid() => self.target_of(*elem, "send"),
            _ => None,
        };
        let mut x = self.expr_with_target(value, target.as_ref());
        if ch.is_invalid() || x.is_invalid() {
            return;
        }
        let text = self.operand_str(&ch);
        let elem = if store.is_type_param(ch.ty) {
            self.chan_param_elem(ch.ty, ChanDir::Recv)
                .map_err(|why| format!("invalid operation: cannot send to {text}: {why}"))
        } else {
            match store.under(ch.ty) {
                Type::Chan {
                    dir: ChanDir::Recv, ..
                } => {
                    let ty = self.type_str(ch.ty);
                    Err(format!(
                        "invalid operation: cannot send to receive-only channel {ty} {text}"
                    ))
                }
                Type::Chan { elem, .. } => Ok(*elem),
                _ => {
                    let ty = self.type_str(ch.ty);
                    Err(format!(
                        "invalid operation: cannot send to non-channel {ty} {text}"
                    ))
                }
            }
        };
        match elem {
            Ok(elem) => self.assignment(&mut x, Some(elem), "send"),
            Err(message) => self.error_at(chan, "InvalidSend", message),
        }
    }

    fn inc_dec(&mut self, expr: ExprId, inc: bool) {
        let x = self.expr(expr);
        if x.is_invalid() {
            return;
        }
        let op = if inc { "++" } else { "--" };
        if !self.store.all_basic(x.ty, BasicKind::is_numeric) {
            let (text, ty) = (self.expr_str(expr), self.type_str(x.ty));
            self.error_at(
                expr,
                "NonNumericIncDec",
                format!("invalid operation: {text}{op} (non-numeric type {ty})"),
            );
            return;
        }
        let ty = x.ty;
        let mut result = Operand {
            mode: Mode::Value,
            ty,
            val: None,
            expr: Some(expr),
            nth: 0,
        };
        if x.is_const() || self.store.is_untyped(ty) {
            result = x;
        }
        self.assign_result(expr, &mut result, "assignment");
    }

    fn return_stmt(&mut self, pos: Pos, values: &[ExprId]) {
        let store = self.store;
        let Some(signature) = self
            .env
            .signature
            .and_then(|signature| store.signature(signature))
        else {
            return;
        };
        if signature.results.is_empty() {
            if let Some(&first) = values.first() {
                self.use_exprs(values);
                if values
                    .iter()
                    .any(|&value| self.info(value).mode == Mode::Invalid)
                {
                    return;
                }
                let operands: Vec<TypeId> = values
                    .iter()
                    .map(|&value| self.info(value).ty.unwrap_or(TypeId::INVALID))
                    .collect();
                let have = self.types_summary(&operands, false, false);
                self.error_at(
                    first,
                    "WrongResultCount",
                    format!("too many return values\n\thave {have}\n\twant ()"),
                );
            }
            return;
        }
        if values.is_empty() {
            let named = signature
                .results
                .first()
                .is_some_and(|&result| store.obj(result).name != self.names.empty);
            if named {
                // The results must not be shadowed here.
                for &result in &signature.results {
                    let name = store.obj(result).name;
                    if name == self.names.blank {
                        continue;
                    }
                    if let Some(other) = self.find(name)
                        && other != result
                    {
                        let lines = [(
                            store.obj(other).pos,
                            // The result is named, at the place of the other.
                            format!("inner declaration of {}", self.object_str(result)),
                        )];
                        self.error_lines(
                            pos,
                            "OutOfScopeResult",
                            format!("result parameter {name} not in scope at return"),
                            &lines,
                        );
                    }
                }
                return;
            }
        }
        self.return_values(pos, &signature.results, values);
    }
    fn object_str(&self, obj: ObjId) -> String {
        let object = self.store.obj(obj);
        let what = match &object.kind {
            ObjKind::Var(_) => "var",
            ObjKind::Const(_) => "const",
            ObjKind::TypeName => "type",
            ObjKind::Func(_) => "func",
            _ => "",
        };
        let ty = self.type_str(self.store.obj_type(obj));
        format!("{what} {} {ty}", object.name)
    }

    // Switches.

    fn switch_stmt(
        &mut self,
        init: Option<StmtId>,
        tag: Option<ExprId>,
        clauses: &[ClauseId],
        context: Context,
        pos: Pos,
        _rbrace: Pos,
    ) {
        let ast = self.env.ast;
        let store = self.store;
        self.locals.open();
        if let Some(init) = init {
            self.stmt(init, Context::default());
        }
        let mut x;
        match tag {
            Some(tag) => {
                x = self.expr(tag);
                // The tag is evaluated once and has a type.
                let mut y = x.clone();
                self.assignment(&mut y, None, "switch expression");
                if !y.is_invalid() && !store.comparable(y.ty, true) && !store.has_nil(y.ty) {
                    let text = self.operand_str(&y);
                    let ty = self.type_str(y.ty);
                    let message = format!("cannot switch on {text} ({ty} is not comparable)");
                    self.error_at(tag, "InvalidExprSwitch", message);
                    y.invalidate();
                }
                x = y;
            }
            None => {
                // `switch {` is `switch true {`.
                let ty = TypeId::basic(BasicKind::Bool);
                x = Operand {
                    mode: Mode::Constant,
                    ty,
                    val: Some(ConstValue::Bool(true)),
                    expr: None,
                    nth: 0,
                };
                let _ = pos;
            }
        }
        self.check_defaults(clauses);
        let mut seen: FxHashMap<ConstKey, Vec<(Pos, TypeId)>> = FxHashMap::default();
        for (i, &id) in clauses.iter().enumerate() {
            let clause = &ast.clauses[id];
            if let ClauseKind::Case(values) = &clause.kind {
                self.case_values(&x, values, &mut seen);
            }
            self.locals.open();
            let last = i + 1 == clauses.len();
            let inner = Context {
                fallthrough_ok: !last,
                final_case: last,
                ..context
            };
            self.stmt_list(&clause.body, inner);
            self.locals.close();
        }
        self.locals.close();
    }

    fn check_defaults(&mut self, clauses: &[ClauseId]) {
        let ast = self.env.ast;
        let mut first: Option<Pos> = None;
        for &id in clauses {
            let clause = &ast.clauses[id];
            if !matches!(clause.kind, ClauseKind::Default) {
                continue;
            }
            match first {
                None => first = Some(clause.span.lo),
                Some(other) => {
                    let at = self.position(other).unwrap_or_default();
                    self.error(
                        clause.span.lo,
                        "DuplicateDefault",
                        format!("multiple defaults (first at {at})"),
                    );
                }
            }
        }
    }

    fn case_values(
        &mut self,
        x: &Operand,
        values: &[ExprId],
        seen: &mut FxHashMap<ConstKey, Vec<(Pos, TypeId)>>,
    ) {
        let store = self.store;
        for &value in values {
            let mut v = self.expr(value);
            if x.is_invalid() || v.is_invalid() {
                continue;
            }
            let tag = x.clone();
            self.convert_untyped(&mut v, tag.ty);
            if v.is_invalid() {
                continue;
            }
            let mut compared = v.clone();
            let mut subject = tag.clone();
            self.comparison(&mut compared, &mut subject, BinaryOp::Eq, true);
            if compared.is_invalid() {
                continue;
            }
            if !v.is_const() {
                continue;
            }
            // An untyped constant compared with an interface has its default type.
            let ty = if store.is_untyped(v.ty) {
                super::expr::default_type(v.ty)
            } else {
                v.ty
            };
            if x.expr.is_none() {
                self.default_bool(&v);
            }
            if store.is_untyped(v.ty) {
                self.update_type(value, ty, true);
            }
            let Some(key) = v.val.as_ref().and_then(const_key) else {
                continue;
            };
            // gc compares integers, floats and strings only.
            if matches!(key, ConstKey::Bool(_)) || matches!(v.val, Some(ConstValue::Complex(_))) {
                continue;
            }
            let known = seen.entry(key).or_default();
            if let Some((pos, _)) = known.iter().find(|(_, other)| store.identical(*other, ty)) {
                let lines = [(*pos, "previous case".to_owned())];
                let text = self.operand_str(&v);
                let pos = self.pos(value);
                self.error_lines(
                    pos,
                    "DuplicateCase",
                    format!("duplicate case {text} in expression switch"),
                    &lines,
                );
            } else {
                known.push((self.pos(value), ty));
            }
        }
    }

    fn type_switch(
        &mut self,
        init: Option<StmtId>,
        name: Option<ast::NameId>,
        operand: ExprId,
        clauses: &[ClauseId],
        context: Context,
    ) {
        let ast = self.env.ast;
        let store = self.store;
        self.locals.open();
        if let Some(init) = init {
            self.stmt(init, Context::default());
        }
        let mut bound = name;
        if let Some(name) = name
            && ast.sym(name) == self.names.blank
        {
            let pos = self.name_pos(name);
            self.soft_error(pos, "NoNewVar", "no new variable on left side of :=");
            bound = None;
        }
        let x = self.expr(operand);
        let mut subject = None;
        if !x.is_invalid() {
            if store.is_type_param(x.ty) {
                let text = self.operand_str(&x);
                self.error_at(
                    operand,
                    "InvalidTypeSwitch",
                    format!("cannot use type switch on type parameter value {text}"),
                );
            } else if store.is_interface(x.ty) {
                subject = Some(x.clone());
            } else {
                let text = self.operand_str(&x);
                self.error_at(
                    operand,
                    "InvalidTypeSwitch",
                    format!("{text} is not an interface"),
                );
            }
        }
        self.check_defaults(clauses);
        let mut vars: Vec<ObjId> = Vec::new();
        let mut seen: Vec<(TypeId, Pos)> = Vec::new();
        let mut by_hash: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
        let mut seen_nil: Option<Pos> = None;
        for &id in clauses {
            let clause = &ast.clauses[id];
            let mut single = None;
            if let ClauseKind::Case(types) = &clause.kind {
                for &expr in types {
                    let ty = self.case_type(expr);
                    let Some(ty) = ty else {
                        if let [_] = **types {
                            single = Some(TypeId::INVALID);
                        }
                        continue;
                    };
                    if let [_] = **types {
                        single = Some(ty);
                    }
                    let pos = self.start(expr);
                    if ty == TypeId::basic(BasicKind::UntypedNil) {
                        match seen_nil {
                            None => seen_nil = Some(pos),
                            Some(other) => {
                                let lines = [(other, "previous case".to_owned())];
                                self.error_lines(
                                    pos,
                                    "DuplicateCase",
                                    "duplicate case nil in type switch".to_owned(),
                                    &lines,
                                );
                            }
                        }
                        continue;
                    }
                    let known = by_hash.entry(store.type_hash(ty, 0)).or_default();
                    let other = known
                        .iter()
                        .copied()
                        .find(|&at| store.identical(seen[at].0, ty));
                    match other {
                        Some(at) => {
                            let lines = [(seen[at].1, "previous case".to_owned())];
                            let text = self.type_str(ty);
                            self.error_lines(
                                pos,
                                "DuplicateCase",
                                format!("duplicate case {text} in type switch"),
                                &lines,
                            );
                            continue;
                        }
                        None => {
                            known.push(seen.len());
                            seen.push((ty, pos));
                        }
                    }
                    if let Some(subject) = &subject {
                        self.check_assertion(expr, subject, ty, true);
                    }
                }
            }
            self.locals.open();
            if let Some(name) = bound {
                let nil = TypeId::basic(BasicKind::UntypedNil);
                let ty = match single {
                    Some(ty) if ty != nil => ty,
                    _ => subject.as_ref().map_or(TypeId::INVALID, |x| x.ty),
                };
                let var = self.new_var_of(VarKind::Local, ast.sym(name), self.name_pos(name), ty);
                self.table().clause_vars.insert(id, var);
                self.declare_local(var);
                vars.push(var);
            }
            let inner = Context {
                in_type_switch: true,
                ..context
            };
            self.stmt_list(&clause.body, inner);
            self.locals.close();
        }
        if let Some(name) = bound {
            let used = vars.iter().any(|&var| self.is_used(var));
            if !used {
                let (pos, sym) = (self.name_pos(name), self.sym(name));
                self.soft_error(pos, "UnusedVar", format!("{sym} declared and not used"));
            }
        }
        self.locals.close();
    }

    /// The type of a type switch case; nil has its untyped type.
    fn case_type(&mut self, expr: ExprId) -> Option<TypeId> {
        let inner = self.env.ast.unparen(expr);
        let is_nil = match self.kind(inner) {
            ExprKind::Name(name) => self
                .find(self.sym(*name))
                .is_some_and(|obj| matches!(self.store.obj(obj).kind, ObjKind::Nil)),
            _ => false,
        };
        let x = if is_nil {
            self.expr_or_type(expr, false)
        } else {
            Operand::new(Mode::TypeExpr, self.typ(expr), expr)
        };
        match x.mode {
            Mode::Invalid => None,
            Mode::Nil => Some(TypeId::basic(BasicKind::UntypedNil)),
            Mode::TypeExpr => {
                if x.ty == TypeId::INVALID {
                    return None;
                }
                if self.store.is_interface(x.ty) && !self.store.type_set(x.ty).is_method_set() {
                    let text = self.type_str(x.ty);
                    let why = if self.store.type_set(x.ty).comparable {
                        "interface is (or embeds) comparable"
                    } else {
                        "interface contains type constraints"
                    };
                    self.error_at(
                        expr,
                        "MisplacedConstraintIface",
                        format!("cannot use type {text} outside a type constraint: {why}"),
                    );
                    return None;
                }
                Some(x.ty)
            }
            _ => {
                let text = self.operand_str(&x);
                self.error_at(expr, "NotAType", format!("{text} is not a type"));
                None
            }
        }
    }

    fn select_stmt(&mut self, clauses: &[ClauseId], context: Context) {
        let ast = self.env.ast;
        self.check_defaults(clauses);
        for &id in clauses {
            let clause = &ast.clauses[id];
            self.locals.open();
            if let ClauseKind::Comm(comm) = clause.kind {
                let receive = |expr: ExprId| {
                    matches!(
                        ast.exprs[ast.unparen(expr)].kind,
                        ExprKind::Unary {
                            op: UnaryOp::Recv,
                            ..
                        }
                    )
                };
                let valid = match &ast.stmts[comm].kind {
                    StmtKind::Send { .. } => true,
                    StmtKind::Expr(expr) => receive(*expr),
                    StmtKind::Assign { rhs, op: None, .. } | StmtKind::Define { rhs, .. } => {
                        matches!(**rhs, [value] if receive(value))
                    }
                    StmtKind::Bad => true,
                    _ => false,
                };
                if valid {
                    self.stmt(comm, Context::default());
                } else {
                    let pos = match ast.stmts[comm].kind {
                        StmtKind::Expr(expr) => ast.exprs[expr].pos,
                        _ => ast.stmts[comm].span.lo,
                    };
                    self.error(
                        pos,
                        "InvalidSelectCase",
                        "select case must be send or receive (possibly with assignment)",
                    );
                }
            }
            self.stmt_list(&clause.body, context);
            self.locals.close();
        }
    }
}
