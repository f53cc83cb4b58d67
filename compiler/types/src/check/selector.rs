//! Selectors.

use source::Pos;
use syntax::ast::{ExprId, ExprKind, NameId};

use super::Checker;
use super::operand::Operand;
use crate::lookup::equal_fold;
use crate::model::*;
use crate::typed::*;

impl<'a> Checker<'a> {
    pub(super) fn selector(
        &mut self,
        expr: ExprId,
        operand: ExprId,
        sel: NameId,
        want_type: bool,
    ) -> Operand {
        let store = self.store;
        let sym = self.sym(sel);
        if let ExprKind::Name(name) = self.kind(operand)
            && let Some(obj) = self.find(self.sym(*name))
            && let ObjKind::PkgName(imported) = store.obj(obj).kind
        {
            self.record_name(*name, obj);
            self.mark_used(obj);
            return self.package_member(expr, imported, sel);
        }
        let mut x = self.raw_expr(operand, None, None, false);
        if let Mode::Builtin(_) = x.mode {
            let text = self.operand_str(&x);
            self.error_at(
                operand,
                "UncalledBuiltin",
                format!("invalid use of {text} in selector expression"),
            );
            return Operand::invalid(expr);
        }
        if x.mode == Mode::NoValue {
            let text = self.operand_str(&x);
            self.error_at(
                operand,
                "TooManyValues",
                format!("{text} used as value or type"),
            );
            return Operand::invalid(expr);
        }
        self.single_value(&mut x);
        if x.is_invalid() {
            return Operand::invalid(expr);
        }
        let (base, is_pointer) = store.deref(x.ty);
        // What is selected from an instance under way is looked for in the generic type.
        let generic_instance = want_type
            && store
                .named(store.unalias(base))
                .is_some_and(|named| named.origin.is_some());
        if (x.mode == Mode::TypeExpr || is_pointer)
            && !generic_instance
            && !self.require_complete(base)
        {
            return Operand::invalid(expr);
        }
        // A field or method of a value or type is no type.
        if want_type {
            let text = self.expr_str(expr);
            let pos = self.name_pos(sel);
            self.error(pos, "NotAType", format!("{text} is not a type"));
            return Operand::invalid(expr);
        }
        if x.is_nil() {
            let pos = self.name_pos(sel);
            self.error(
                pos,
                "MissingFieldOrMethod",
                format!("nil.{sym} undefined (type untyped nil has no field or method {sym})"),
            );
            return Operand::invalid(expr);
        }
        let addressable = x.mode == Mode::Variable;
        let found = store.lookup(x.ty, addressable, Some(self.pkg), sym);
        let (obj, index, indirect) = match found {
            Lookup::Found {
                obj,
                index,
                indirect,
            } => (obj, index, indirect),
            failed => {
                self.selector_error(&x, sel, failed);
                return Operand::invalid(expr);
            }
        };
        if let ObjKind::Func(_) = store.obj(obj).kind {
            self.resolve_method(obj);
        }
        self.record_name(sel, obj);
        let ty = store.obj_type(obj);
        let is_method = matches!(store.obj(obj).kind, ObjKind::Func(_));
        let kind = if x.mode == Mode::TypeExpr {
            SelectionKind::MethodExpr
        } else if is_method {
            SelectionKind::Method
        } else {
            SelectionKind::Field
        };
        if kind == SelectionKind::MethodExpr && !is_method {
            let recv = self.type_str(x.ty);
            self.error_at(
                expr,
                "MissingFieldOrMethod",
                format!("operand for field selector {sym} must be value of type {recv}"),
            );
            return Operand::invalid(expr);
        }
        let recv = x.ty;
        let selection = Selection {
            kind,
            recv,
            obj,
            index: index.into(),
            indirect,
        };
        self.table().selections.insert(expr, selection);
        if is_method {
            let origin = match &store.obj(obj).kind {
                ObjKind::Func(Func {
                    origin: Some(origin),
                    ..
                }) => *origin,
                _ => obj,
            };
            self.add_dependency(origin);
        }
        if ty == TypeId::INVALID {
            return Operand::invalid(expr);
        }
        match kind {
            SelectionKind::Field => {
                let mode = if x.mode == Mode::Variable || indirect {
                    Mode::Variable
                } else {
                    Mode::Value
                };
                Operand::new(mode, ty, expr)
            }
            SelectionKind::Method => Operand::new(Mode::Value, ty, expr),
            SelectionKind::MethodExpr => {
                let Type::Signature(signature) = store.ty(ty) else {
                    return Operand::invalid(expr);
                };
                let first = signature.params.first().map(|&param| store.obj(param).name);
                let name = match first {
                    Some(name) if name != self.names.empty => {
                        let own = signature
                            .recv
                            .map_or(self.names.empty, |recv| store.obj(recv).name);
                        if own == self.names.empty {
                            self.names.blank
                        } else {
                            own
                        }
                    }
                    _ => self.names.empty,
                };
                let pos = signature.recv.map_or(Pos::NONE, |recv| store.obj(recv).pos);
                let receiver = self.new_var_of(VarKind::Param, name, pos, recv);
                let params = std::iter::once(receiver)
                    .chain(signature.params.iter().copied())
                    .collect();
                let ty = store.new_type(Type::Signature(Signature {
                    recv: None,
                    tparams: signature.tparams.clone(),
                    recv_tparams: Box::default(),
                    params,
                    results: signature.results.clone(),
                    variadic: signature.variadic,
                }));
                Operand::new(Mode::Value, ty, expr)
            }
        }
    }

    /// Makes sure a method has its type.
    pub(super) fn resolve_method(&mut self, obj: ObjId) {
        let object = self.store.obj(obj);
        if object.ty.get().is_some() && object.order == 0 {
            return;
        }
        self.resolve_obj(obj);
    }

    pub(super) fn package_member(&mut self, expr: ExprId, pkg: PkgId, sel: NameId) -> Operand {
        let store = self.store;
        let sym = self.sym(sel);
        let pos = self.name_pos(sel);
        let package = store.package(pkg);
        let member = store
            .scope_lookup(package.scope, sym)
            .filter(|_| sym.is_exported() || super::exported::mentions(store, pkg, sym));
        let Some(obj) = member else {
            let text = self.expr_str(expr);
            if package.go_version == (0, 0) {
                // Could not be imported.
                return Operand::invalid(expr);
            }
            let names = store.scope(package.scope).names.get();
            let mut similar: Vec<base::Symbol> = names
                .map(|names| {
                    names
                        .keys()
                        .copied()
                        .filter(|name| {
                            name.is_exported() && equal_fold(name.as_str(), sym.as_str())
                        })
                        .collect()
                })
                .unwrap_or_default();
            similar.sort();
            let hint = match similar.first() {
                Some(name) => format!(" (but have {name})"),
                _ => String::new(),
            };
            self.error(
                pos,
                "UndeclaredImportedName",
                format!("undefined: {text}{hint}"),
            );
            return Operand::invalid(expr);
        };
        if !sym.is_exported() {
            let name = package.name;
            self.error(
                pos,
                "UnexportedName",
                format!("name {sym} not exported by package {name}"),
            );
        }
        self.record_name(sel, obj);
        let object = store.obj(obj);
        let ty = store.obj_type(obj);
        let mut x = Operand::new(Mode::Value, ty, expr);
        match &object.kind {
            ObjKind::Const(value) => {
                x.mode = Mode::Constant;
                x.val = value.get().cloned();
            }
            ObjKind::TypeName => x.mode = Mode::TypeExpr,
            ObjKind::Var(_) => x.mode = Mode::Variable,
            ObjKind::Func(_) => x.mode = Mode::Value,
            ObjKind::Builtin(builtin) => {
                x.mode = Mode::Builtin(*builtin);
                return x;
            }
            _ => x.mode = Mode::Invalid,
        }
        if ty == TypeId::INVALID {
            return Operand::invalid(expr);
        }
        x
    }

    pub(super) fn selector_error(&mut self, x: &Operand, sel: NameId, failed: Lookup) {
        let store = self.store;
        let sym = self.sym(sel);
        let pos = self.name_pos(sel);
        if store.underlying(x.ty) == TypeId::INVALID {
            return;
        }
        let text = x.expr.map(|expr| self.expr_str(expr)).unwrap_or_default();
        let ty = self.type_str(x.ty);
        match failed {
            Lookup::Ambiguous(_) => self.error(
                pos,
                "AmbiguousSelector",
                format!("ambiguous selector {text}.{sym}"),
            ),
            Lookup::PointerRecvMissing(_) => {
                let message = if x.mode == Mode::TypeExpr {
                    format!(
                        "invalid method expression {ty}.{sym} (needs pointer receiver (*{ty}).{sym})"
                    )
                } else {
                    format!("cannot call pointer method {sym} on {ty}")
                };
                self.error(pos, "InvalidMethodExpr", message);
            }
            _ => {
                let why = if self.is_interface_pointer(x.ty) {
                    format!("type {ty} is pointer to interface, not interface")
                } else if let Type::Pointer(elem) = store.under(x.ty)
                    && store.is_type_param(*elem)
                {
                    format!("type {ty} is pointer to type parameter, not type parameter")
                } else {
                    let similar = store.lookup_any(x.ty, Some(self.pkg), sym, true);
                    self.lookup_hint(x.ty, sym, similar, false)
                };
                self.error(
                    pos,
                    "MissingFieldOrMethod",
                    format!("{text}.{sym} undefined ({why})"),
                );
            }
        }
    }

    /// Why a name is not a field or method, considering one that differs in case only.
    pub(super) fn lookup_hint(
        &self,
        ty: TypeId,
        sym: base::Symbol,
        similar: Lookup,
        in_literal: bool,
    ) -> String {
        let store = self.store;
        let ty = self.type_str(ty);
        let missing = |but: String| {
            if in_literal {
                format!("unknown field {sym} in struct literal of type {ty}{but}")
            } else {
                format!("type {ty} has no field or method {sym}{but}")
            }
        };
        let Lookup::Found { obj, .. } = similar else {
            return missing(String::new());
        };
        let object = store.obj(obj);
        let is_method = matches!(object.kind, ObjKind::Func(_));
        let what = if is_method { "method" } else { "field" };
        if in_literal && is_method {
            return missing(String::new());
        }
        let name = object.name;
        let kind = if in_literal {
            String::new()
        } else {
            format!("{what} ")
        };
        if name == sym {
            return if in_literal {
                format!("cannot refer to unexported field {name} in struct literal of type {ty}")
            } else {
                format!("cannot refer to unexported {what} {name}")
            };
        }
        fn tail(name: &str) -> &str {
            let mut chars = name.chars();
            chars.next();
            chars.as_str()
        }
        let same_tail = tail(name.as_str()) == tail(sym.as_str());
        if object.pkg == Some(self.pkg) {
            return missing(format!(", but does have {kind}{name}"));
        }
        if name.is_exported() {
            if sym.is_exported() || same_tail {
                return missing(format!(", but does have {kind}{name}"));
            }
        } else if same_tail {
            let kind = if in_literal {
                "".to_owned()
            } else {
                format!("{what} ")
            };
            let unexported = if in_literal {
                format!(", but does have unexported {name}")
            } else {
                format!(", but does have unexported {kind}{name}")
            };
            return missing(unexported);
        }
        missing(String::new())
    }
}
