//! Inference and verification of type arguments (spec, "Type inference", "Satisfying a type constraint").

use source::Pos;
use syntax::ast::{ExprId, ExprKind};

use super::expr::default_type;
use super::operand::Operand;
use super::{Checker, Target};
use crate::model::*;
use crate::subst::Subst;
use crate::typed::*;
use crate::unify::{Mode as UnifyMode, Unifier};

/// Where type arguments are inferred.
#[derive(Clone, Copy)]
pub(super) struct Site {
    pub pos: Pos,
    /// The called function, for messages.
    pub call: Option<ExprId>,
    pub report: bool,
}

const ASSIGN: UnifyMode = UnifyMode {
    assign: true,
    exact: false,
};
const INEXACT: UnifyMode = UnifyMode {
    assign: false,
    exact: false,
};
const EXACT: UnifyMode = UnifyMode {
    assign: false,
    exact: true,
};

impl<'a> Checker<'a> {
    /// Infers the type arguments of `tparams` that are not `known` from `args` assigned to parameters of types
    /// `params`. The type parameters must not occur in the arguments' types. `None` after a reported error.
    pub(super) fn infer(
        &mut self,
        site: Site,
        tparams: &[TypeId],
        known: &[Option<TypeId>],
        params: &[TypeId],
        args: &[Operand],
    ) -> Option<Vec<TypeId>> {
        let store = self.store;
        if known.iter().all(Option::is_some) {
            return known.iter().copied().collect();
        }
        if args.iter().any(Operand::is_invalid) {
            return None;
        }
        let mut unifier = Unifier::new(store, tparams, known, self.allows(21));
        let mut untyped = Vec::new();
        // What is known is not to be inferred from arguments: they are assigned to it.
        let given: Vec<(TypeId, TypeId)> = tparams
            .iter()
            .zip(known)
            .filter_map(|(&from, to)| Some((from, (*to)?)))
            .collect();
        let (from, to): (Vec<TypeId>, Vec<TypeId>) = given.into_iter().unzip();
        let subst = Subst::new(store, &from, &to);
        let params: Vec<TypeId> = params.iter().map(|&param| subst.ty(param)).collect();
        if self.resolving {
            for arg in args {
                self.resolve_methods_of(arg.ty);
            }
        }
        // Typed arguments.
        for (i, arg) in args.iter().enumerate() {
            let param = params[i];
            if !store.mentions_any(param, tparams) && !store.mentions_any(arg.ty, tparams) {
                continue;
            }
            if store.is_untyped(arg.ty) {
                if store.is_type_param(param) && !arg.is_nil() {
                    untyped.push(i);
                }
                continue;
            }
            if !unifier.unify(param, arg.ty, ASSIGN) {
                self.unify_error(&unifier, site, tparams, param, arg);
                return None;
            }
        }
        // Constraints: core types and methods.
        loop {
            let before = unifier.unknowns();
            for (index, &tparam) in tparams.iter().enumerate() {
                let Type::TypeParam(param) = store.ty(tparam) else {
                    continue;
                };
                let known = unifier.at(index);
                if let Some((core, single)) = self.core_term(param) {
                    match known {
                        Some(ty) => {
                            let ty = if core.tilde && !store.is_type_param(ty) {
                                store.underlying(ty)
                            } else {
                                ty
                            };
                            if !unifier.unify(ty, core.ty, INEXACT) {
                                if site.report {
                                    let why = self.constraint_mismatch(
                                        tparam,
                                        known.unwrap_or(ty),
                                        param,
                                        "",
                                    );
                                    self.infer_error(site, why);
                                }
                                return None;
                            }
                        }
                        None if single && !core.tilde => unifier.set(index, core.ty),
                        None => {}
                    }
                }
                // A pointer to a parameter has no methods yet.
                if let Some(ty) = unifier.at(index)
                    && !store.is_type_param(store.deref(ty).0)
                {
                    let constraint = store.constraint(param);
                    let set = store.type_set(constraint);
                    for &method in &set.methods {
                        let object = store.obj(method);
                        let Lookup::Found { obj, indirect, .. } =
                            store.lookup_any(ty, object.pkg, object.name, false)
                        else {
                            if site.report {
                                let missing = store.missing_method(ty, constraint, true);
                                let cause = match missing {
                                    Some((method, missing)) => {
                                        self.missing_method_cause(ty, constraint, method, missing)
                                    }
                                    None => String::new(),
                                };
                                let why = self.constraint_mismatch(tparam, ty, param, &cause);
                                self.infer_error(site, why);
                            }
                            return None;
                        };
                        let is_method = matches!(store.obj(obj).kind, ObjKind::Func(_));
                        self.resolve_method(obj);
                        let pointer_recv = matches!(&store.obj(obj).kind, ObjKind::Func(func) if func.ptr_recv.get() == Some(&true));
                        if !is_method
                            || (pointer_recv && !indirect)
                            || !unifier.unify(store.obj_type(obj), store.obj_type(method), EXACT)
                        {
                            if site.report {
                                let cause = if is_method && pointer_recv && !indirect {
                                    format!("(method {} has pointer receiver)", object.name)
                                } else {
                                    self.missing_method_cause(
                                        ty,
                                        constraint,
                                        method,
                                        crate::lookup::Missing::WrongSignature(obj),
                                    )
                                };
                                let why = self.constraint_mismatch(tparam, ty, param, &cause);
                                self.infer_error(site, why);
                            }
                            return None;
                        }
                    }
                }
            }
            if unifier.unknowns() == before {
                break;
            }
        }
        // Untyped constants.
        if !untyped.is_empty() {
            let mut kinds: Vec<(usize, TypeId)> = Vec::new();
            for &i in &untyped {
                let Some(index) = tparams
                    .iter()
                    .position(|&tparam| tparam == store.unalias(params[i]))
                else {
                    continue;
                };
                if unifier.at(index).is_some() {
                    continue;
                }
                let ty = args[i].ty;
                match kinds.iter_mut().find(|(known, _)| *known == index) {
                    None => kinds.push((index, ty)),
                    Some((_, kind)) => {
                        match self.larger_untyped(*kind, ty) {
                            Some(larger) => *kind = larger,
                            _ => {
                                if site.report {
                                    let name = self.type_str(tparams[index]);
                                    let (s, t) = (self.type_str(*kind), self.type_str(ty));
                                    let arg = args[i].clone();
                                    let prefix = self.call_prefix(site);
                                    self.error_operand(
                                    &arg,
                                    "CannotInferTypeArgs",
                                    format!("{prefix}mismatched types {s} and {t} (cannot infer {name})"),
                                );
                                }
                                return None;
                            }
                        }
                    }
                }
            }
            for (index, kind) in kinds {
                unifier.set(index, default_type(kind));
            }
        }
        // Inferred types may mention each other's parameters.
        let mut inferred = unifier.inferred();
        for _ in 0..tparams.len() + 1 {
            let mut from = Vec::new();
            let mut to = Vec::new();
            for (&tparam, ty) in tparams.iter().zip(&inferred) {
                if let Some(ty) = ty {
                    from.push(tparam);
                    to.push(*ty);
                }
            }
            let subst = Subst::new(store, &from, &to);
            let mut changed = false;
            for (index, slot) in inferred.iter_mut().enumerate() {
                if let Some(ty) = slot
                    && store.mentions_any(*ty, tparams)
                {
                    // A parameter that depends on itself has no solution.
                    if store.mentions_any(*ty, &tparams[index..=index]) {
                        *slot = None;
                        changed = true;
                        continue;
                    }
                    let new = subst.ty(*ty);
                    changed |= new != *ty;
                    *slot = Some(new);
                }
            }
            if !changed {
                break;
            }
        }
        for slot in &mut inferred {
            if slot.is_some_and(|ty| store.mentions_any(ty, tparams)) {
                *slot = None;
            }
        }
        if let Some(index) = inferred.iter().position(Option::is_none) {
            if site.report {
                let name = self.type_str(tparams[index]);
                let prefix = self.call_prefix(site);
                self.error(
                    site.pos,
                    "CannotInferTypeArgs",
                    format!("{prefix}cannot infer {name}").also_declared(self, tparams[index]),
                );
            }
            return None;
        }
        inferred.into_iter().collect()
    }
    fn call_prefix(&self, site: Site) -> String {
        site.call.map_or(String::new(), |fun| {
            format!("in call to {}, ", self.expr_str(fun))
        })
    }
    fn infer_error(&mut self, site: Site, why: String) {
        let prefix = self.call_prefix(site);
        self.error(site.pos, "CannotInferTypeArgs", format!("{prefix}{why}"));
    }
    fn constraint_mismatch(
        &self,
        tparam: TypeId,
        ty: TypeId,
        param: &TypeParam,
        cause: &str,
    ) -> String {
        let bound = param.bound.get().copied().unwrap_or(TypeId::INVALID);
        let space = if cause.is_empty() { "" } else { " " };
        format!(
            "{} (type {}) does not satisfy {}{space}{cause}",
            self.type_str(tparam),
            self.type_str(ty),
            self.type_str(bound)
        )
    }

    fn unify_error(
        &mut self,
        unifier: &Unifier<'_>,
        site: Site,
        tparams: &[TypeId],
        param: TypeId,
        arg: &Operand,
    ) {
        if !site.report {
            return;
        }
        let store = self.store;
        let inferred = unifier.inferred();
        let mut from = Vec::new();
        let mut to = Vec::new();
        for (&tparam, ty) in tparams.iter().zip(&inferred) {
            if let Some(ty) = ty {
                from.push(tparam);
                to.push(*ty);
            }
        }
        let text = arg.expr.map(|expr| self.expr_str(expr)).unwrap_or_default();
        // A generic function is shown as it was declared.
        let declared = arg
            .expr
            .and_then(|expr| self.info(expr).ty)
            .filter(|&ty| store.is_generic(ty));
        let ty = self.type_str(declared.unwrap_or(arg.ty));
        let shown = self.type_str(param);
        let prefix = self.call_prefix(site);
        let substituted = Subst::new(store, &from, &to).ty(param);
        let mut message = format!("{prefix}type {ty} of {text} does not match ");
        if from.is_empty() {
            let names = self.tparam_names(tparams);
            message.push_str(&format!("{shown} (cannot infer {names})"));
        } else if substituted != param {
            let inferred = self.type_str(substituted);
            message.push_str(&format!("inferred type {inferred} for {shown}"));
        } else {
            message.push_str(&shown);
        }
        self.error_operand(arg, "CannotInferTypeArgs", message);
    }

    /// `P`, `P and Q`, `P, Q, and R`
    fn tparam_names(&self, tparams: &[TypeId]) -> String {
        let names: Vec<String> = tparams
            .iter()
            .map(|&tparam| self.type_str(tparam))
            .collect();
        match &*names {
            [one] => one.clone(),
            [first, last] => format!("{first} and {last}"),
            [init @ .., last] => format!("{}, and {last}", init.join(", ")),
            [] => String::new(),
        }
    }
    /// Where a failed inference for a function value is reported: at the `[` of a partial instantiation.
    fn instance_site(&self, expr: ExprId) -> Pos {
        let inner = self.env.ast.unparen(expr);
        match self.kind(inner) {
            ExprKind::Index { .. } => self.env.ast.exprs[inner].pos,
            _ => self.pos(expr),
        }
    }

    /// Gives the methods of a type their types.
    fn resolve_methods_of(&mut self, ty: TypeId) {
        let store = self.store;
        let (base, _) = store.deref(ty);
        for &method in store.methods(store.unalias(base)) {
            self.resolve_method(method);
        }
    }

    /// The type that a constraint's terms share: exactly, or as underlying type (tilde). The flag says that there is one term only.
    fn core_term(&self, param: &TypeParam) -> Option<(UnionTerm, bool)> {
        let store = self.store;
        let terms = store.specific_terms(param)?;
        let [first, rest @ ..] = &*terms else {
            return None;
        };
        if rest.is_empty() {
            return Some((*first, true));
        }
        let under = store.underlying(first.ty);
        let same = |ty: TypeId| store.identical(store.underlying(ty), under);
        if !rest.iter().all(|term| same(term.ty)) {
            // Channels of one element type share the one with a direction.
            let mut shared = first.ty;
            for term in rest {
                let (Type::Chan { dir: a, elem: x }, Type::Chan { dir: b, elem: y }) =
                    (store.under(shared), store.under(term.ty))
                else {
                    return None;
                };
                use syntax::ast::ChanDir::Both;
                if !store.identical(*x, *y) || (a != b && *a != Both && *b != Both) {
                    return None;
                }
                if *a == Both {
                    shared = term.ty;
                }
            }
            return Some((
                UnionTerm {
                    tilde: true,
                    ty: store.underlying(shared),
                },
                false,
            ));
        }
        Some((
            UnionTerm {
                tilde: true,
                ty: under,
            },
            false,
        ))
    }

    /// Whether type arguments satisfy the constraints; otherwise the index of the first that does not, and why.
    pub(super) fn verify(
        &mut self,
        tparams: &[TypeId],
        targs: &[TypeId],
    ) -> Result<(), (usize, String)> {
        let store = self.store;
        let subst = Subst::new(store, tparams, targs);
        for (index, (&tparam, &targ)) in tparams.iter().zip(targs).enumerate() {
            let Type::TypeParam(param) = store.ty(tparam) else {
                continue;
            };
            let Some(&bound) = param.bound.get() else {
                continue;
            };
            if bound == TypeId::ANY || bound == TypeId::INVALID {
                continue;
            }
            let bound = match store.under(bound) {
                Type::Interface(_) | Type::Basic(BasicKind::Invalid) => bound,
                _ => store.constraint(param),
            };
            let bound = subst.ty(bound);
            let mut cause = Some(String::new());
            if !self.implements_with_cause(targ, bound, true, &mut cause) {
                return Err((index, cause.unwrap_or_default()));
            }
        }
        Ok(())
    }
    pub(super) fn verify_instance(
        &mut self,
        generic: TypeId,
        targs: &[TypeId],
    ) -> Result<(), (usize, String)> {
        let tparams = self.store.tparams(generic);
        if tparams.len() != targs.len() {
            return Ok(());
        }
        self.verify(tparams, targs)
    }

    /// Type arguments written in a partial instantiation `f[A]`.
    pub(super) fn partial_targs(&self, expr: ExprId) -> Option<Vec<TypeId>> {
        let expr = self.env.ast.unparen(expr);
        let ExprKind::Index { indices, .. } = self.kind(expr) else {
            return None;
        };
        Some(
            indices
                .iter()
                .filter_map(|&index| self.info(index).ty)
                .collect(),
        )
    }

    /// `f[A, B]` as a value, or a generic function assigned to `target`. With `infer`, what is missing is inferred from
    /// the target; without a target, partial instantiations stay generic.
    pub(super) fn instantiate_function(
        &mut self,
        x: &mut Operand,
        expr: ExprId,
        targs: &[TypeId],
        target: Option<&Target>,
        report: bool,
    ) {
        let store = self.store;
        let signature = store.unalias(x.ty);
        let Type::Signature(sig) = store.ty(signature) else {
            return;
        };
        let mut targs = targs.to_vec();
        if targs.is_empty()
            && let Some(explicit) = self.partial_targs(expr)
        {
            targs = explicit;
        }
        if targs.len() < sig.tparams.len() {
            let Some(target) = target else {
                // What constraints say may be enough.
                let empty = Subst::new(store, &[], &[]);
                let (_, fresh) = empty.fresh_tparams(&sig.tparams);
                let known: Vec<Option<TypeId>> =
                    (0..fresh.len()).map(|i| targs.get(i).copied()).collect();
                let site = Site {
                    pos: self.instance_site(expr),
                    call: None,
                    report,
                };
                match self.infer(site, &fresh, &known, &[], &[]) {
                    Some(inferred) => targs = inferred,
                    None => {
                        x.invalidate();
                        return;
                    }
                }
                self.finish_instantiation(x, expr, signature, &targs);
                return;
            };
            if !self.allows(18) {
                self.require_version(self.pos(expr), 18, "function instantiation");
            } else if !self.allows(21) {
                let what = if targs.is_empty() {
                    "implicitly instantiated function in assignment"
                } else {
                    "partially instantiated function in assignment"
                };
                self.require_version(self.pos(expr), 21, what);
            }
            let empty = Subst::new(store, &[], &[]);
            let (rename, fresh) = empty.fresh_tparams(&sig.tparams);
            let renamed = rename.signature_instance(sig);
            let known: Vec<Option<TypeId>> =
                (0..fresh.len()).map(|i| targs.get(i).copied()).collect();
            let arg = Operand {
                mode: Mode::Value,
                ty: target.signature,
                val: None,
                expr: Some(expr),
                nth: 0,
            };
            let mut unifier = Unifier::new(store, &fresh, &known, self.allows(21));
            let matches = unifier.unify(renamed, target.signature, ASSIGN);
            if !matches {
                if report {
                    let inferred = unifier.inferred();
                    let pairs: Vec<(TypeId, TypeId)> = fresh
                        .iter()
                        .zip(&inferred)
                        .filter_map(|(&from, to)| Some((from, (*to)?)))
                        .collect();
                    let (from, to): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
                    let substituted = Subst::new(store, &from, &to).ty(renamed);
                    let show = |ty: TypeId| self.type_str(ty);
                    let message = if from.is_empty() {
                        format!(
                            "type {} of {} does not match {} (cannot infer {})",
                            show(target.signature),
                            target.description,
                            show(renamed),
                            self.tparam_names(&fresh)
                        )
                    } else {
                        format!(
                            "inferred type {} for {} does not match type {} of {}",
                            show(substituted),
                            show(renamed),
                            show(target.signature),
                            target.description
                        )
                    };
                    let at = self.env.ast.exprs[expr].pos;
                    self.error(at, "CannotInferTypeArgs", message);
                }
                x.invalidate();
                return;
            }
            let site = Site {
                pos: self.instance_site(expr),
                call: None,
                report,
            };
            let known = unifier.inferred();
            match self.infer(site, &fresh, &known, &[renamed], &[arg]) {
                Some(inferred) => targs = inferred,
                None => {
                    x.invalidate();
                    return;
                }
            }
        }
        self.finish_instantiation(x, expr, signature, &targs);
    }
    fn finish_instantiation(
        &mut self,
        x: &mut Operand,
        expr: ExprId,
        signature: TypeId,
        targs: &[TypeId],
    ) {
        let mut result = signature;
        let index_expr = Some(self.env.ast.unparen(expr));
        if !self.instantiate_checked(expr, expr, index_expr, signature, targs, &mut result) {
            x.invalidate();
            return;
        }
        x.ty = result;
        x.mode = Mode::Value;
    }
}

trait AlsoDeclared {
    fn also_declared(self, checker: &Checker<'_>, tparam: TypeId) -> String;
}
impl AlsoDeclared for String {
    /// Says where the type parameter was declared.
    fn also_declared(self, checker: &Checker<'_>, tparam: TypeId) -> String {
        let Type::TypeParam(param) = checker.store.ty(tparam) else {
            return self;
        };
        match checker.position(checker.store.obj(param.obj).pos) {
            Some(at) => format!("{self} (declared at {at})"),
            None => self,
        }
    }
}
