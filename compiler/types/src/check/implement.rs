//! Implementation of interfaces, satisfaction of constraints, and the reasons why not.

use super::Checker;
use crate::lookup::Missing;
use crate::model::*;
use crate::strings::TypeWriter;

impl<'a> Checker<'a> {
    /// Whether type `v` implements interface `t`, or as type argument satisfies constraint `t`.
    pub(super) fn implements_with_cause(
        &mut self,
        v: TypeId,
        t: TypeId,
        constraint: bool,
        cause: &mut Option<String>,
    ) -> bool {
        let store = self.store;
        let (vu, tu) = (store.underlying(v), store.underlying(t));
        if vu == TypeId::INVALID || tu == TypeId::INVALID {
            return true;
        }
        if let Type::Pointer(elem) = store.ty(vu)
            && store.underlying(*elem) == TypeId::INVALID
        {
            return true;
        }
        let verb = if constraint { "satisfy" } else { "implement" };
        if !matches!(store.ty(tu), Type::Interface(_)) {
            if cause.is_some() {
                let text = self.type_str(t);
                let detail = if self.is_interface_pointer(tu) {
                    format!("type {text} is pointer to interface, not interface")
                } else if matches!(store.ty(tu), Type::Pointer(elem) if store.is_type_param(*elem))
                {
                    format!("type {text} is pointer to type parameter, not type parameter")
                } else {
                    format!("{text} is not an interface")
                };
                *cause = Some(format!(
                    "{} does not {verb} {text} ({detail})",
                    self.type_str(v)
                ));
            }
            return false;
        }
        let set = store.type_set(t);
        if set.is_all() {
            return true;
        }
        let own = match store.ty(vu) {
            Type::Interface(_) => Some(store.type_set(v)),
            Type::TypeParam(param) => Some(store.type_set(store.constraint(param))),
            _ => None,
        };
        if own.as_ref().is_some_and(|set| set.is_empty()) {
            return true;
        }
        if set.is_empty() {
            if cause.is_some() {
                *cause = Some(format!(
                    "cannot {verb} {} (empty type set)",
                    self.type_str(t)
                ));
            }
            return false;
        }
        if let Some((method, missing)) = self.missing_method(v, t, true) {
            if cause.is_some() {
                let why = self.missing_method_cause(v, t, method, missing);
                *cause = Some(format!(
                    "{} does not {verb} {} {why}",
                    self.type_str(v),
                    self.type_str(t)
                ));
            }
            return false;
        }
        if let Some(terms) = &set.terms {
            if let Some(own) = &own {
                if own.terms.is_none() || !store.terms_subset(&own.terms, &set.terms) {
                    if cause.is_some() {
                        *cause = Some(format!(
                            "{} does not {verb} {}",
                            self.type_str(v),
                            self.type_str(t)
                        ));
                    }
                    return false;
                }
            } else {
                let plain = UnionTerm {
                    tilde: false,
                    ty: v,
                };
                if !terms.iter().any(|&term| store.term_subset(plain, term)) {
                    if cause.is_some() {
                        let alternative = terms.iter().find(|term| {
                            !term.tilde
                                && store.identical(term.ty, store.underlying(term.ty))
                                && store.term_subset(
                                    plain,
                                    UnionTerm {
                                        tilde: true,
                                        ty: term.ty,
                                    },
                                )
                        });
                        let (vs, ts) = (self.type_str(v), self.type_str(t));
                        let detail = match alternative {
                            Some(term) => {
                                format!("possibly missing ~ for {} in {ts}", self.type_str(term.ty))
                            }
                            None if self.mentions_type(tu, v) => {
                                format!(
                                    "{ts} mentions {vs}, but {vs} is not in the type set of {ts}"
                                )
                            }
                            None => {
                                let qualifier =
                                    |pkg| Some(store.package(pkg).path.as_str().to_owned());
                                let mut writer = TypeWriter::new(store, &qualifier);
                                writer.terms(terms);
                                format!("{vs} missing in {}", writer.out)
                            }
                        };
                        *cause = Some(format!("{vs} does not {verb} {ts} ({detail})"));
                    }
                    return false;
                }
            }
        }
        if !set.is_comparable(store) || (!set.comparable && set.terms.is_some()) {
            return true;
        }
        if store.comparable(v, false) {
            return true;
        }
        if constraint && store.comparable(v, true) {
            if self.allows(20) {
                return true;
            }
            if cause.is_some() {
                let message = format!(
                    "{} to {verb} comparable requires go1.20 or later",
                    self.type_str(v)
                );
                *cause = Some(self.with_version_hint(message));
            }
            return false;
        }
        if cause.is_some() {
            *cause = Some(format!("{} does not {verb} comparable", self.type_str(v)));
        }
        false
    }

    /// Whether a type embeds a field of erroneous type, at any depth.
    pub(super) fn has_invalid_embedding(&self, ty: TypeId, seen: &mut Vec<TypeId>) -> bool {
        let store = self.store;
        let base = store.unalias(store.deref(ty).0);
        if seen.contains(&base) || seen.len() > 100 {
            return false;
        }
        seen.push(base);
        let Type::Struct(structure) = store.under(base) else {
            return false;
        };
        structure.fields.iter().any(|&field| {
            let ty = store.obj_type(field);
            matches!(store.obj(field).kind, ObjKind::Var(VarKind::Embedded))
                && (store.underlying(store.deref(ty).0) == TypeId::INVALID
                    || self.has_invalid_embedding(ty, seen))
        })
    }

    /// Whether an interface's elements name the type without admitting it.
    pub(super) fn mentions_type(&self, interface: TypeId, ty: TypeId) -> bool {
        let store = self.store;
        match store.ty(interface) {
            Type::Interface(interface) => interface
                .embeds
                .iter()
                .any(|&embed| self.mentions_type(embed, ty) || store.identical(embed, ty)),
            Type::Union(terms) => terms.iter().any(|term| store.identical(term.ty, ty)),
            Type::Named(_) | Type::Alias(_) => match store.under(interface) {
                Type::Interface(_) => self.mentions_type(store.underlying(interface), ty),
                _ => store.identical(interface, ty),
            },
            _ => store.identical(interface, ty),
        }
    }

    /// [`Store::missing_method`], after making sure that the methods to compare have their types.
    pub(super) fn missing_method(
        &mut self,
        v: TypeId,
        t: TypeId,
        static_only: bool,
    ) -> Option<(ObjId, Missing)> {
        let store = self.store;
        if self.resolving {
            for &method in &store.type_set(t).methods {
                let object = store.obj(method);
                if let Lookup::Found { obj, .. } =
                    store.lookup_any(v, object.pkg, object.name, false)
                    && matches!(store.obj(obj).kind, ObjKind::Func(_))
                {
                    self.resolve_method(obj);
                }
            }
        }
        let missing = store.missing_method(v, t, static_only);
        // The method may be that of a type which could not be found.
        if let Some((_, Missing::NotFound)) = missing
            && self.has_invalid_embedding(v, &mut Vec::new())
        {
            return None;
        }
        missing
    }

    /// The reason, in parentheses, why a type lacks a method.
    pub(super) fn missing_method_cause(
        &mut self,
        v: TypeId,
        t: TypeId,
        method: ObjId,
        missing: Missing,
    ) -> String {
        let name = self.store.obj(method).name;
        match missing {
            Missing::NotFound => {
                if self.is_interface_pointer(v) {
                    format!(
                        "(type {} is pointer to interface, not interface)",
                        self.type_str(v)
                    )
                } else if self.is_interface_pointer(t) {
                    format!(
                        "(type {} is pointer to interface, not interface)",
                        self.type_str(t)
                    )
                } else if let Type::Pointer(elem) = self.store.under(v)
                    && self.store.is_type_param(*elem)
                {
                    format!(
                        "(type {} is pointer to type parameter, not type parameter)",
                        self.type_str(v)
                    )
                } else {
                    format!("(missing method {name})")
                }
            }
            Missing::WrongName(other) => {
                let (have, want) = (
                    self.method_str(other, false),
                    self.method_str(method, false),
                );
                format!("(missing method {name})\n\t\thave {have}\n\t\twant {want}")
            }
            Missing::Unexported => format!("(unexported method {name})"),
            Missing::WrongSignature(other) => {
                let (mut have, mut want) = (
                    self.method_str(other, false),
                    self.method_str(method, false),
                );
                if have == want {
                    (have, want) = (self.method_str(other, true), self.method_str(method, true));
                }
                if have == want {
                    return format!("(wrong type for method {name})");
                }
                format!("(wrong type for method {name})\n\t\thave {have}\n\t\twant {want}")
            }
            Missing::Ambiguous => format!("(ambiguous selector {}.{name})", self.type_str(v)),
            Missing::PointerReceiver => format!("(method {name} has pointer receiver)"),
            Missing::Field => format!("({}.{name} is a field, not a method)", self.type_str(v)),
        }
    }

    /// A method's name and signature; `qualified` shows all packages by path.
    pub(super) fn method_str(&self, method: ObjId, qualified: bool) -> String {
        let store = self.store;
        let plain = |pkg| self.qualify(pkg);
        let full = |pkg: PkgId| Some(store.package(pkg).path.as_str().to_owned());
        let qualifier: &dyn Fn(PkgId) -> Option<String> = if qualified { &full } else { &plain };
        let mut writer = TypeWriter::new(store, qualifier);
        writer.param_names = false;
        writer.out.push_str(store.obj(method).name.as_str());
        if let Type::Signature(signature) = store.ty(store.obj_type(method)) {
            writer.signature(signature);
        }
        writer.out
    }

    pub(super) fn is_interface_pointer(&self, ty: TypeId) -> bool {
        match self.store.under(ty) {
            Type::Pointer(elem) => self.store.is_interface(*elem),
            _ => false,
        }
    }
}
