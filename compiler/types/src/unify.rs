//! Type unification (spec, "Type unification").
//!
//! Type parameters to be inferred are *bound*; each has a handle. Parameters that were unified with each other share a
//! handle, so that whatever is learned of one is known of all.

use syntax::ast::ChanDir;

use crate::model::*;

/// How exactly types must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Assignability is enough at the top: a defined type matches a type literal, channels may lose a direction.
    pub assign: bool,
    /// Also for component types nothing less than identity is accepted.
    pub exact: bool,
}

/// State of a unification.
pub struct Unifier<'s> {
    store: &'s Store,
    /// The bound type parameters.
    pub tparams: Vec<TypeId>,
    /// Handle of each.
    handles: Vec<usize>,
    /// What is known of each handle.
    types: Vec<Option<TypeId>>,
    depth: u32,
    /// Whether interfaces may match types with their methods (from go1.21 on).
    interface_inference: bool,
}

const MAX_DEPTH: u32 = 100;

impl<'s> Unifier<'s> {
    /// Binds `tparams`, with what is already known of them.
    pub fn new(
        store: &'s Store,
        tparams: &[TypeId],
        known: &[Option<TypeId>],
        interface_inference: bool,
    ) -> Unifier<'s> {
        let mut types = vec![None; tparams.len()];
        for (slot, known) in types.iter_mut().zip(known) {
            *slot = *known;
        }
        Unifier {
            store,
            tparams: tparams.to_vec(),
            handles: (0..tparams.len()).collect(),
            types,
            depth: 0,
            interface_inference,
        }
    }

    fn bound(&self, ty: TypeId) -> Option<usize> {
        if !matches!(self.store.ty(ty), Type::TypeParam(_)) {
            return None;
        }
        self.tparams.iter().position(|&tparam| tparam == ty)
    }
    /// What is known of the type parameter with this index.
    pub fn at(&self, index: usize) -> Option<TypeId> {
        self.types[self.handles[index]]
    }
    /// Sets what is known.
    pub fn set(&mut self, index: usize, ty: TypeId) {
        self.types[self.handles[index]] = Some(ty);
    }
    /// Number of type parameters of which nothing is known.
    pub fn unknowns(&self) -> usize {
        (0..self.tparams.len())
            .filter(|&index| self.at(index).is_none())
            .count()
    }
    /// What is known of each type parameter.
    pub fn inferred(&self) -> Vec<Option<TypeId>> {
        (0..self.tparams.len())
            .map(|index| self.at(index))
            .collect()
    }
    /// Joins the handles of two type parameters; false if both are known.
    fn join(&mut self, x: usize, y: usize) -> bool {
        let (hx, hy) = (self.handles[x], self.handles[y]);
        if hx == hy {
            return true;
        }
        let (keep, drop) = match (self.types[hx], self.types[hy]) {
            (Some(_), Some(_)) => return false,
            (None, Some(_)) => (hy, hx),
            _ => (hx, hy),
        };
        for handle in &mut self.handles {
            if *handle == drop {
                *handle = keep;
            }
        }
        true
    }

    /// Tries to make `x` and `y` match; what was learned stays even if they do not.
    pub fn unify(&mut self, x: TypeId, y: TypeId, mode: Mode) -> bool {
        if x == y && self.bound(x).is_none() {
            return true;
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            return false;
        }
        let same = stacker::maybe_grow(64 << 10, 1 << 20, || self.match_types(x, y, mode));
        self.depth -= 1;
        same
    }

    fn is_literal(&self, ty: TypeId) -> bool {
        !matches!(self.store.ty(ty), Type::Named(_) | Type::TypeParam(_))
    }

    fn match_types(&mut self, x: TypeId, y: TypeId, mut mode: Mode) -> bool {
        let store = self.store;
        let (mut x_written, mut y_written) = (x, y);
        let (mut x, mut y) = (store.unalias(x), store.unalias(y));
        if x == y {
            return true;
        }
        // A defined type, if there is exactly one, is put in y.
        if self.bound(x).is_none()
            && self.bound(y).is_none()
            && matches!(store.ty(x), Type::Named(_))
            && !matches!(store.ty(y), Type::Named(_))
        {
            (x, y) = (y, x);
            (x_written, y_written) = (y_written, x_written);
        }
        // Inexact: a defined type matches a type literal by its underlying type, except between interfaces handled below.
        if !mode.exact
            && let Type::Named(_) = store.ty(y)
            && self.is_literal(x)
            && !(self.interface_inference && store.is_interface(x))
        {
            let under = store.underlying(y);
            if under != TypeId::INVALID
                && !(self.interface_inference && matches!(store.ty(under), Type::Interface(_)))
            {
                y = under;
                y_written = under;
            }
        }
        // Bound type parameters.
        match (self.bound(x), self.bound(y)) {
            (Some(px), Some(py)) => {
                if self.join(px, py) {
                    return true;
                }
                let (Some(x), Some(y)) = (self.at(px), self.at(py)) else {
                    return true;
                };
                return self.unify(x, y, mode);
            }
            (Some(px), None) | (None, Some(px)) => {
                if self.bound(y).is_some() {
                    std::mem::swap(&mut x, &mut y);
                    std::mem::swap(&mut x_written, &mut y_written);
                }
                return self.match_bound(px, y_written, mode);
            }
            (None, None) => {}
        }
        // Element types must match exactly if they are not themselves assigned.
        if mode.exact {
            mode.assign = false;
        }
        let element = Mode {
            assign: false,
            exact: mode.exact,
        };
        let element = if mode.assign {
            Mode {
                assign: false,
                exact: true,
            }
        } else {
            element
        };
        // Interfaces: a type matches an interface whose methods it has. Defined interface types do too, even
        // instances of one generic type: what they are instances of does not matter for assignments.
        if self.interface_inference && !mode.exact {
            let (xi, yi) = (store.is_interface(x), store.is_interface(y));
            let param = |ty| matches!(store.ty(ty), Type::TypeParam(_));
            if xi && yi {
                return self.unify_interfaces(x, y);
            } else if (xi || yi) && !param(x) && !param(y) {
                let (interface, other) = if xi { (x, y) } else { (y, x) };
                return self.unify_methods(interface, other, element);
            }
        }
        // Unbound type parameters match by identity only, except that their core type may match.
        match (store.ty(x), store.ty(y)) {
            (Type::TypeParam(_), Type::TypeParam(_)) => false,
            (Type::TypeParam(param), _) if !mode.exact => self.unify_core(param, y, mode),
            (_, Type::TypeParam(param)) if !mode.exact => self.unify_core(param, x, mode),
            (Type::Basic(a), Type::Basic(b)) => a == b,
            (Type::Named(a), Type::Named(b)) => {
                if a.obj != b.obj || a.targs.len() != b.targs.len() || a.targs.is_empty() {
                    return false;
                }
                a.targs
                    .iter()
                    .zip(&b.targs)
                    .all(|(&a, &b)| self.unify(a, b, mode))
            }
            (Type::Pointer(a), Type::Pointer(b)) | (Type::Slice(a), Type::Slice(b)) => {
                self.unify(*a, *b, element)
            }
            (
                Type::Array { len, elem },
                Type::Array {
                    len: other_len,
                    elem: other,
                },
            ) => {
                (len == other_len || *len < 0 || *other_len < 0)
                    && self.unify(*elem, *other, element)
            }
            (
                Type::Map { key, elem },
                Type::Map {
                    key: other_key,
                    elem: other,
                },
            ) => self.unify(*key, *other_key, element) && self.unify(*elem, *other, element),
            (
                Type::Chan { dir, elem },
                Type::Chan {
                    dir: other_dir,
                    elem: other,
                },
            ) => (dir == other_dir || (!mode.exact)) && self.unify(*elem, *other, element),
            (Type::Tuple(a), Type::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| self.unify(a, b, element))
            }
            (Type::Struct(a), Type::Struct(b)) => {
                a.fields.len() == b.fields.len()
                    && a.fields
                        .iter()
                        .enumerate()
                        .zip(&b.fields)
                        .all(|((i, &f), &g)| {
                            let (p, q) = (store.obj(f), store.obj(g));
                            let tag = |s: &Struct| s.tags.get(i).cloned().unwrap_or_default();
                            matches!(p.kind, ObjKind::Var(VarKind::Embedded))
                                == matches!(q.kind, ObjKind::Var(VarKind::Embedded))
                                && store.same_name(p, q.pkg, q.name)
                                && tag(a) == tag(b)
                                && self.unify(store.obj_type(f), store.obj_type(g), element)
                        })
            }
            (Type::Signature(a), Type::Signature(b)) => {
                // What the parameters tell is known even where the results differ.
                let mut vars = |a: &[ObjId], b: &[ObjId]| {
                    a.len() == b.len()
                        && a.iter().zip(b).all(|(&p, &q)| {
                            self.unify(store.obj_type(p), store.obj_type(q), element)
                        })
                };
                a.tparams.len() == b.tparams.len()
                    && a.variadic == b.variadic
                    && vars(&a.params, &b.params)
                    && vars(&a.results, &b.results)
            }
            (Type::Interface(_), Type::Interface(_)) => self.unify_interfaces(x, y),
            _ => false,
        }
    }

    /// `x` is the bound type parameter `index`, `y` a type that is none.
    fn match_bound(&mut self, index: usize, y: TypeId, mode: Mode) -> bool {
        let store = self.store;
        let Some(x) = self.at(index) else {
            self.set(index, y);
            return true;
        };
        let is_named = |ty: TypeId| matches!(store.ty(store.unalias(ty)), Type::Named(_));
        let (x_named, y_named) = (is_named(x), is_named(y));
        if self.interface_inference && !mode.exact {
            let (xi, yi) = (store.is_interface(x), store.is_interface(y));
            if xi != yi {
                // One variable cannot be both.
                return false;
            }
            if xi && x_named && y_named {
                let exact = Mode {
                    assign: false,
                    exact: true,
                };
                return self.unify(x, y, exact);
            }
            if xi && store.type_set(x).methods.len() != store.type_set(y).methods.len() {
                return false;
            }
        }
        if !self.unify(x, y, mode) {
            return false;
        }
        if store.is_untyped(x) || mode.exact {
            return true;
        }
        // A defined type is better than a type literal, then a channel with a direction than one without.
        let (x_literal, y_literal) = (
            self.is_literal(store.unalias(x)),
            self.is_literal(store.unalias(y)),
        );
        let better = match (x_literal, y_literal) {
            (true, false) => true,
            (true, true) => matches!(
                (store.under(x), store.under(y)),
                (Type::Chan { dir: ChanDir::Both, .. }, Type::Chan { dir, .. })
                    if *dir != ChanDir::Both
            ),
            (false, _) => false,
        };
        if better {
            self.set(index, y);
        }
        true
    }

    fn unify_core(&mut self, param: &TypeParam, other: TypeId, mode: Mode) -> bool {
        let store = self.store;
        let Some(terms) = store.specific_terms(param) else {
            return false;
        };
        // All types of the set must share one underlying type for the set to stand for it.
        let Some(first) = terms.first() else {
            return false;
        };
        let core = store.underlying(first.ty);
        if !terms
            .iter()
            .all(|term| store.identical(store.underlying(term.ty), core))
        {
            return false;
        }
        let core = if terms.len() == 1 && !first.tilde {
            first.ty
        } else {
            core
        };
        self.unify(core, other, mode)
    }

    /// Interfaces with a common subset of methods: one must have all methods of the other.
    fn unify_interfaces(&mut self, x: TypeId, y: TypeId) -> bool {
        let store = self.store;
        let (s, t) = (store.type_set(x), store.type_set(y));
        if s.comparable != t.comparable || !store.same_terms(&s.terms, &t.terms) {
            return false;
        }
        let subset = self.interface_inference;
        let (small, large) = if s.methods.len() <= t.methods.len() {
            (&s, &t)
        } else {
            (&t, &s)
        };
        if !subset && small.methods.len() != large.methods.len() {
            return false;
        }
        for &method in &small.methods {
            let object = store.obj(method);
            let Some((_, other)) = large.method(store, object.pkg, object.name) else {
                return false;
            };
            if !self.unify(
                store.obj_type(method),
                store.obj_type(other),
                Mode {
                    assign: false,
                    exact: true,
                },
            ) {
                return false;
            }
        }
        true
    }

    fn unify_methods(&mut self, interface: TypeId, other: TypeId, _element: Mode) -> bool {
        let store = self.store;
        let set = store.type_set(interface);
        for &method in &set.methods {
            let object = store.obj(method);
            let Lookup::Found { obj, .. } = store.lookup_any(other, object.pkg, object.name, false)
            else {
                return false;
            };
            if !matches!(store.obj(obj).kind, ObjKind::Func(_)) {
                return false;
            }
            if !self.unify(
                store.obj_type(method),
                store.obj_type(obj),
                Mode {
                    assign: false,
                    exact: true,
                },
            ) {
                return false;
            }
        }
        true
    }
}
