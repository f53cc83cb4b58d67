//! Calls, selectors.

use source::Pos;
use syntax::ast::{ExprId, ExprKind};

use super::Checker;
use super::operand::Operand;
use crate::model::*;
use crate::typed::*;

/// What kind of call an expression statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Conversion,
    /// A built-in function whose result must be used.
    Expression,
    Statement,
}

impl<'a> Checker<'a> {
    pub(super) fn call(
        &mut self,
        expr: ExprId,
        fun: ExprId,
        args: &'a [ExprId],
        ellipsis: Option<Pos>,
        rparen: Pos,
    ) -> Operand {
        let store = self.store;
        // Explicit type arguments may be completed from the call's arguments.
        let mut targs: Vec<TypeId> = Vec::new();
        let mut index_expr = None;
        let inner = fun;
        let mut x = match self.kind(inner) {
            ExprKind::Index {
                x: generic,
                indices,
            } => {
                let mut operand = self.generic_callee(*generic);
                if operand.mode == Mode::Value
                    && let Type::Signature(signature) = store.ty(store.unalias(operand.ty))
                    && !signature.tparams.is_empty()
                {
                    self.require_version(self.pos(inner), 18, "function instantiation");
                    let mut valid = true;
                    for &index in indices {
                        let ty = self.var_type(index);
                        valid &= ty != TypeId::INVALID;
                        targs.push(ty);
                    }
                    if !valid {
                        self.use_exprs(args);
                        return Operand::invalid(expr);
                    }
                    let (got, want) = (targs.len(), signature.tparams.len());
                    if got > want {
                        self.error_at(
                            indices[want],
                            "WrongTypeArgCount",
                            format!("got {got} type arguments but want {want}"),
                        );
                        self.use_exprs(args);
                        return Operand::invalid(expr);
                    }
                    index_expr = Some(inner);
                    operand.expr = Some(inner);
                    self.record(inner, &operand);
                    operand
                } else {
                    let mut x = self.index_expr_of(inner, operand, *generic, indices);
                    x.expr = Some(inner);
                    self.record(inner, &x);
                    x
                }
            }
            _ => self.callee(fun),
        };
        match x.mode {
            Mode::Invalid => {
                self.use_exprs(args);
                return Operand::invalid(expr);
            }
            Mode::TypeExpr => return self.conversion_call(expr, fun, x.ty, args, ellipsis),
            Mode::Builtin(builtin) => {
                let x = self.builtin_call(expr, fun, builtin, args, ellipsis);
                if !x.is_invalid() && x.mode != Mode::Constant {
                    self.env.has_call_or_recv = true;
                }
                return x;
            }
            _ => {}
        }
        if self.is_pending_func(x.ty) {
            // Nothing is known of its results yet.
            self.use_exprs(args);
            return Operand::new(Mode::NoValue, TypeId::INVALID, expr);
        }
        let called = self.shared_under_with(x.ty, &|this, ty, under| {
            let is_func = matches!(this.store.ty(under), Type::Signature(_));
            (!is_func).then(|| format!("{} is not a function", this.type_str(ty)))
        });
        let under = match called {
            Ok(under) => under,
            Err(why) => {
                let text = self.operand_str(&x);
                self.error_at(
                    expr,
                    "InvalidCall",
                    format!("invalid operation: cannot call {text}: {why}"),
                );
                self.use_exprs(args);
                return Operand::invalid(expr);
            }
        };
        let Type::Signature(_) = store.ty(under) else {
            if under != TypeId::INVALID {
                let text = self.operand_str(&x);
                let shown = if store.is_type_param(x.ty) {
                    under
                } else {
                    x.ty
                };
                let ty = self.type_str(shown);
                self.error_at(
                    expr,
                    "InvalidCall",
                    format!("invalid operation: cannot call {text}: {ty} is not a function"),
                );
            }
            self.use_exprs(args);
            return Operand::invalid(expr);
        };
        let mut under = under;
        if index_expr.is_some()
            && matches!(store.ty(under), Type::Signature(sig) if sig.tparams.len() == targs.len())
        {
            // Wrong arguments do not matter for the instance.
            let mut instance = TypeId::INVALID;
            if !self.instantiate_checked(expr, fun, index_expr, under, &targs, &mut instance) {
                instance = store.instantiate(under, &targs);
            }
            under = instance;
            targs.clear();
            index_expr = None;
        } else if targs.is_empty()
            && index_expr.is_none()
            && matches!(store.ty(under), Type::Signature(sig) if !sig.tparams.is_empty())
        {
            targs = self.partial_targs(fun).unwrap_or_default();
        }
        let operands = self.argument_list(args);
        // After an error the results are still known, unless they depend on type arguments.
        let signature = self
            .arguments(
                expr, fun, index_expr, under, &targs, args, operands, ellipsis, rparen,
            )
            .unwrap_or(under);
        let Type::Signature(sig) = store.ty(signature) else {
            return Operand::invalid(expr);
        };
        x.expr = Some(expr);
        x.val = None;
        match *sig.results {
            [] => {
                // The type stays: it is shown where the call is counted as an argument.
                x.mode = Mode::NoValue;
            }
            [result] => {
                x.mode = Mode::Value;
                x.ty = store.obj_type(result);
                if x.ty == TypeId::INVALID {
                    x.mode = Mode::Invalid;
                }
            }
            _ => {
                let types: Vec<TypeId> = sig
                    .results
                    .iter()
                    .map(|&result| store.obj_type(result))
                    .collect();
                x.mode = Mode::Value;
                x.ty = store.tuple(&types);
            }
        }
        if x.mode == Mode::Value && store.mentions_any(x.ty, &sig.tparams) {
            x.mode = Mode::Invalid;
        }
        self.env.has_call_or_recv = true;
        x
    }

    fn callee(&mut self, fun: ExprId) -> Operand {
        let mut x = self.raw_expr(fun, None, None, true);
        self.callee_value(&mut x);
        x
    }
    fn generic_callee(&mut self, fun: ExprId) -> Operand {
        self.raw_expr(fun, None, None, true)
    }
    fn callee_value(&mut self, x: &mut Operand) {
        let expr = x.expr.expect("evaluated");
        match x.mode {
            Mode::NoValue => {
                let text = self.operand_str(x);
                self.error_at(
                    expr,
                    "TooManyValues",
                    format!("{text} used as value or type"),
                );
                x.invalidate();
            }
            Mode::TypeExpr
                if self.store.is_generic(x.ty)
                    && !matches!(self.store.ty(x.ty), Type::Signature(_)) =>
            {
                let text = self.expr_str(expr);
                self.error_at(
                    expr,
                    "WrongTypeArgCount",
                    format!("cannot use generic type {text} without instantiation"),
                );
                x.invalidate();
            }
            _ => self.single_value(x),
        }
    }

    fn conversion_call(
        &mut self,
        expr: ExprId,
        fun: ExprId,
        ty: TypeId,
        args: &'a [ExprId],
        ellipsis: Option<Pos>,
    ) -> Operand {
        let store = self.store;
        let _ = fun;
        if args.len() != 1 {
            let text = self.type_str(ty);
            if args.is_empty() {
                self.error_at(
                    expr,
                    "WrongArgCount",
                    format!("missing argument in conversion to {text}"),
                );
            } else {
                self.use_exprs(args);
                self.error_at(
                    args[args.len() - 1],
                    "WrongArgCount",
                    format!("too many arguments in conversion to {text}"),
                );
            }
            return Operand::invalid(expr);
        }
        if store.is_interface(ty) && !store.type_set(ty).is_method_set() {
            let text = self.type_str(ty);
            self.error_at(expr, "MisplacedConstraintIface", format!("cannot use interface {text} in conversion (contains specific type constraints or is comparable)"));
            self.use_exprs(args);
            return Operand::invalid(expr);
        }
        if ellipsis.is_some() {
            let text = self.type_str(ty);
            self.error_at(
                args[0],
                "BadDotDotDotSyntax",
                format!("invalid use of ... in conversion to {text}"),
            );
            self.use_exprs(args);
            return Operand::invalid(expr);
        }
        if !self.require_complete(ty) {
            self.use_exprs(args);
            return Operand::invalid(expr);
        }
        let target = self.target_of(ty, "conversion");
        let mut x = self.expr_with_target(args[0], target.as_ref());
        if x.is_invalid() {
            return Operand::invalid(expr);
        }
        if ty == TypeId::INVALID {
            return Operand::invalid(expr);
        }
        self.conversion(&mut x, ty);
        x.expr = Some(expr);
        x
    }

    /// Evaluates arguments; a single call with several results yields all of them.
    pub(super) fn argument_list(&mut self, args: &[ExprId]) -> Vec<Operand> {
        if let [arg] = *args {
            let x = self.generic_expr(arg);
            if x.mode == Mode::Value
                && let Type::Tuple(types) = self.store.ty(x.ty)
            {
                return types
                    .iter()
                    .map(|&ty| Operand {
                        mode: Mode::Value,
                        ty,
                        val: None,
                        expr: x.expr,
                        nth: 0,
                    })
                    .collect();
            }
            return vec![x];
        }
        args.iter()
            .map(|&arg| {
                let mut x = self.generic_expr(arg);
                self.single_value(&mut x);
                x
            })
            .collect()
    }
    /// Evaluates expressions for their side effects on the tables: names in them count as used.
    pub(super) fn use_exprs(&mut self, exprs: &[ExprId]) {
        for &expr in exprs {
            match self.kind(expr) {
                ExprKind::KeyValue { value, .. } => {
                    self.raw_expr(*value, None, None, true);
                }
                _ => {
                    self.raw_expr(expr, None, None, true);
                }
            }
        }
    }

    /// `(int, string...)`, for messages about numbers of values.
    pub(super) fn types_summary(&self, types: &[TypeId], variadic: bool, spread: bool) -> String {
        let mut out = String::from("(");
        for (i, &ty) in types.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            let last = i + 1 == types.len();
            if ty == TypeId::INVALID {
                out.push_str("unknown type");
            } else if self.store.is_untyped(ty) {
                match self.store.basic_kind(ty) {
                    Some(kind) if kind.is_numeric() => out.push_str("number"),
                    Some(kind) => out.push_str(kind.name().trim_start_matches("untyped ")),
                    None => {}
                }
            } else if variadic && last {
                match self.store.ty(ty) {
                    Type::Slice(elem) => {
                        out.push_str("...");
                        out.push_str(&self.type_str(*elem));
                    }
                    _ => out.push_str(&self.type_str(ty)),
                }
            } else {
                out.push_str(&self.type_str(ty));
            }
            if spread && last {
                out.push_str("...");
            }
        }
        out.push(')');
        out
    }

    /// Checks arguments against parameters, infers type arguments. Returns the (instantiated) signature.
    fn arguments(
        &mut self,
        call: ExprId,
        fun: ExprId,
        index_expr: Option<ExprId>,
        signature: TypeId,
        targs: &[TypeId],
        arg_exprs: &[ExprId],
        mut args: Vec<Operand>,
        ellipsis: Option<Pos>,
        rparen: Pos,
    ) -> Option<TypeId> {
        let store = self.store;
        let Type::Signature(sig) = store.ty(signature) else {
            return None;
        };
        let mut params: Vec<TypeId> = sig
            .params
            .iter()
            .map(|&param| store.obj_type(param))
            .collect();
        let mut wanted = params.len();
        let spread = ellipsis.is_some();
        let mut given = args.len();
        if sig.variadic {
            if spread {
                if arg_exprs.len() == 1 && args.len() > 1 {
                    self.error_spread(call, arg_exprs[0], args.len());
                    return None;
                }
            } else {
                // One parameter for each extra argument.
                if args.len() >= wanted - 1 {
                    let last = params.pop().expect("variadic");
                    let elem = match store.under(last) {
                        Type::Slice(elem) => *elem,
                        _ => last,
                    };
                    while params.len() < args.len() {
                        params.push(elem);
                    }
                    wanted = args.len();
                } else {
                    given = args.len();
                }
            }
        } else if spread {
            let text = self.expr_str(fun);
            self.error_at(
                call,
                "NonVariadicDotDotDot",
                format!("cannot use ... in call to non-variadic {text}"),
            );
            return None;
        }
        if given != wanted {
            let types: Vec<TypeId> = args.iter().map(|arg| arg.ty).collect();
            let declared: Vec<TypeId> = sig
                .params
                .iter()
                .map(|&param| store.obj_type(param))
                .collect();
            let have = self.types_summary(&types, false, spread);
            let want = self.types_summary(&declared, sig.variadic, false);
            let text = self.expr_str(fun);
            let (what, pos) = if given > wanted {
                (
                    "too many",
                    args[wanted].expr.map_or(rparen, |expr| self.start(expr)),
                )
            } else {
                (
                    "not enough",
                    args.last()
                        .and_then(|arg| arg.expr)
                        .map_or(self.pos(call), |expr| self.start(expr)),
                )
            };
            self.error(
                pos,
                "WrongArgCount",
                format!("{what} arguments in call to {text}\n\thave {have}\n\twant {want}"),
            );
            return None;
        }
        let mut result = signature;
        // Generic functions as arguments take part in inference.
        let generic_args: Vec<usize> = (0..args.len())
            .filter(|&i| {
                !args[i].is_invalid()
                    && matches!(store.ty(store.unalias(args[i].ty)), Type::Signature(s) if !s.tparams.is_empty())
            })
            .collect();
        if !sig.tparams.is_empty() || !generic_args.is_empty() {
            if !sig.tparams.is_empty() && targs.is_empty() {
                self.require_version(self.pos(call), 18, "implicit function instantiation");
            }
            let mut tparams: Vec<TypeId> = Vec::new();
            let mut known: Vec<Option<TypeId>> = Vec::new();
            if !sig.tparams.is_empty() {
                // Fresh parameters: the call may be inside the generic function itself.
                let empty = crate::subst::Subst::new(store, &[], &[]);
                let (rename, fresh) = empty.fresh_tparams(&sig.tparams);
                for param in &mut params {
                    *param = rename.ty(*param);
                }
                known.extend((0..fresh.len()).map(|i| targs.get(i).copied()));
                tparams.extend_from_slice(&fresh);
            }
            let own = tparams.len();
            let mut spans = Vec::new();
            for &i in &generic_args {
                let arg = &mut args[i];
                let Type::Signature(generic) = store.ty(store.unalias(arg.ty)) else {
                    continue;
                };
                let empty = crate::subst::Subst::new(store, &[], &[]);
                let (rename, fresh) = empty.fresh_tparams(&generic.tparams);
                let explicit = arg
                    .expr
                    .and_then(|expr| self.partial_targs(expr))
                    .unwrap_or_default();
                let start = tparams.len();
                known.extend((0..fresh.len()).map(|k| explicit.get(k).copied()));
                tparams.extend_from_slice(&fresh);
                spans.push((i, start, arg.ty));
                let renamed = rename.signature_instance(generic);
                arg.ty = renamed;
            }
            if !generic_args.is_empty() && !self.allows(21) {
                let at = args[generic_args[0]]
                    .expr
                    .map_or(rparen, |expr| self.pos(expr));
                self.require_version(at, 21, "implicitly instantiated function as argument");
            }
            let inferred = self.infer(
                super::infer::Site {
                    pos: self.env.ast.exprs[call].pos,
                    call: Some(fun),
                    report: true,
                },
                &tparams,
                &known,
                &params,
                &args,
            );
            let inferred = inferred?;
            if own > 0 {
                let targs = &inferred[..own];
                if !self.instantiate_checked(call, fun, index_expr, signature, targs, &mut result) {
                    return None;
                }
                // Parameters of the instance, spread over the arguments.
                let subst = crate::subst::Subst::new(store, &tparams, &inferred);
                for param in &mut params {
                    *param = subst.ty(*param);
                }
            } else {
                let subst = crate::subst::Subst::new(store, &tparams, &inferred);
                for param in &mut params {
                    *param = subst.ty(*param);
                }
            }
            for (i, start, generic) in spans {
                let Type::Signature(sig) = store.ty(store.unalias(generic)) else {
                    continue;
                };
                let count = sig.tparams.len();
                let targs = inferred[start..start + count].to_vec();
                let Some(expr) = args[i].expr else { continue };
                let mut instance = generic;
                if !self.instantiate_checked(
                    expr,
                    expr,
                    None,
                    store.unalias(generic),
                    &targs,
                    &mut instance,
                ) {
                    return None;
                }
                args[i].ty = instance;
                let x = args[i].clone();
                self.record_through_parens(expr, &x);
            }
        }
        if !args.is_empty() {
            let text = self.expr_str(fun);
            let context = format!("argument to {text}");
            for (arg, &param) in args.iter_mut().zip(&params) {
                self.assignment(arg, Some(param), &context);
            }
        }
        Some(result)
    }

    /// `f(g()...)` where g returns several values.
    pub(super) fn error_spread(&mut self, call: ExprId, arg: ExprId, count: usize) {
        let text = self.expr_str(arg);
        let message = format!("cannot use ... with {count}-valued {text}");
        self.error_at(call, "InvalidDotDotDot", message);
    }

    pub(super) fn record_through_parens(&mut self, mut expr: ExprId, x: &Operand) {
        loop {
            self.record(expr, x);
            match self.kind(expr) {
                ExprKind::Paren(inner) => expr = *inner,
                _ => return,
            }
        }
    }

    /// Instantiates a signature after verifying its type arguments; records the instance at the name in `fun`.
    pub(super) fn instantiate_checked(
        &mut self,
        at: ExprId,
        fun: ExprId,
        index_expr: Option<ExprId>,
        signature: TypeId,
        targs: &[TypeId],
        result: &mut TypeId,
    ) -> bool {
        let store = self.store;
        let Type::Signature(sig) = store.ty(signature) else {
            return false;
        };
        let pos = self.env.ast.exprs[at].pos;
        if let Err((index, why)) = self.verify(&sig.tparams, targs) {
            let at = match index_expr.map(|expr| self.kind(expr)) {
                Some(ExprKind::Index { indices, .. }) if index < indices.len() => {
                    self.start(indices[index])
                }
                _ => pos,
            };
            self.error(at, "InvalidTypeArg", why);
            return false;
        }
        let written = match index_expr.map(|expr| self.kind(expr)) {
            Some(ExprKind::Index { indices, .. }) => &**indices,
            _ => &[],
        };
        self.note_instance(pos, written, &sig.tparams, targs);
        *result = store.instantiate(signature, targs);
        if let Some(name) = self.denoting_name(fun) {
            let instance = Instance {
                targs: targs.into(),
                ty: *result,
            };
            self.table().instances.insert(name, instance);
        }
        // The callee has the instance's type.
        let mut expr = fun;
        loop {
            let info = &mut self.tables[self.env.file].exprs[expr];
            if info.mode == Mode::Value || info.mode == Mode::Variable {
                info.ty = Some(*result);
            }
            match self.kind(expr) {
                ExprKind::Paren(inner) => expr = *inner,
                ExprKind::Index { x, .. } => expr = *x,
                _ => break,
            }
        }
        true
    }
}
