//! Type sets of interfaces (spec, "Interface types").

use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::*;

impl TypeSet {
    /// Whether all types of the set are strictly comparable.
    pub fn is_comparable(&self, store: &Store) -> bool {
        self.is_comparable_in(store, &mut Vec::new())
    }
    /// `seen`: types that are being looked at already.
    pub(crate) fn is_comparable_in(&self, store: &Store, seen: &mut Vec<TypeId>) -> bool {
        match &self.terms {
            None => self.comparable,
            Some(terms) => {
                self.comparable
                    || terms
                        .iter()
                        .all(|term| store.incomparable(term.ty, false, seen).is_none())
            }
        }
    }
    /// Whether the interface has neither type elements nor `comparable`.
    pub fn is_method_set(&self) -> bool {
        !self.comparable && self.terms.is_none()
    }
    /// Whether no type is in the set (as far as terms say).
    pub fn is_empty(&self) -> bool {
        self.terms.as_ref().is_some_and(Vec::is_empty)
    }
    /// Whether every type is in the set.
    pub fn is_all(&self) -> bool {
        self.methods.is_empty() && self.is_method_set()
    }
    /// The method `name` as seen from package `pkg`, with its index.
    pub fn method(
        &self,
        store: &Store,
        pkg: Option<PkgId>,
        name: base::Symbol,
    ) -> Option<(usize, ObjId)> {
        self.methods
            .iter()
            .copied()
            .enumerate()
            .find(|&(_, method)| store.same_name(store.obj(method), pkg, name))
    }
}

impl Store {
    /// The type set of an interface type (defined or literal). Empty default for other types.
    pub fn type_set(&self, ty: TypeId) -> Arc<TypeSet> {
        let underlying = self.underlying(ty);
        if let Type::Interface(interface) = self.ty(underlying)
            && let Some(set) = interface.type_set.get()
        {
            return set.clone();
        }
        self.compute_type_set(underlying, &mut SmallVec::new()).0
    }

    /// The flag says whether every embedded type's declaration was complete.
    fn compute_type_set(
        &self,
        ty: TypeId,
        path: &mut SmallVec<[TypeId; 8]>,
    ) -> (Arc<TypeSet>, bool) {
        let Type::Interface(interface) = self.ty(ty) else {
            return (Arc::default(), false);
        };
        if let Some(set) = interface.type_set.get() {
            return (set.clone(), true);
        }
        if path.contains(&ty) || path.len() > 500 {
            return (Arc::default(), false);
        }
        path.push(ty);
        let mut complete = true;
        let mut set = TypeSet {
            methods: interface.methods.to_vec(),
            terms: None,
            comparable: false,
        };
        for &embed in &interface.embeds {
            let Some(underlying) = self.try_underlying(embed) else {
                complete = false;
                continue;
            };
            let terms = match self.ty(underlying) {
                Type::Interface(_) => {
                    let (inner, done) = self.compute_type_set(underlying, path);
                    complete &= done;
                    for &method in &inner.methods {
                        let object = self.obj(method);
                        if !set
                            .methods
                            .iter()
                            .any(|&m| self.same_name(self.obj(m), object.pkg, object.name))
                        {
                            set.methods.push(method);
                        }
                    }
                    set.comparable |= inner.comparable;
                    inner.terms.clone()
                }
                Type::Union(terms) => {
                    let (terms, done) = self.union_terms(terms, path);
                    complete &= done;
                    terms
                }
                Type::Basic(BasicKind::Invalid) => continue,
                _ => Some(vec![UnionTerm {
                    tilde: false,
                    ty: embed,
                }]),
            };
            set.terms = self.intersect_terms(set.terms.take(), terms);
        }
        if set.comparable
            && let Some(terms) = &mut set.terms
        {
            terms.retain(|term| self.comparable(term.ty, false));
            set.comparable = false;
        }
        path.pop();
        set.methods.sort_by(|&a, &b| self.method_order(a, b));
        let set = Arc::new(set);
        if complete {
            return (interface.type_set.get_or_init(|| set).clone(), true);
        }
        (set, false)
    }

    /// By name, then package for unexported names.
    fn method_order(&self, a: ObjId, b: ObjId) -> std::cmp::Ordering {
        let (a, b) = (self.obj(a), self.obj(b));
        a.name.cmp(&b.name).then_with(|| {
            let path = |object: &Object| object.pkg.map(|pkg| self.package(pkg).path);
            if a.name.is_exported() {
                std::cmp::Ordering::Equal
            } else {
                path(a).cmp(&path(b))
            }
        })
    }

    fn union_terms(
        &self,
        terms: &[UnionTerm],
        path: &mut SmallVec<[TypeId; 8]>,
    ) -> (Option<Vec<UnionTerm>>, bool) {
        let mut all = Vec::with_capacity(terms.len());
        let mut complete = true;
        for term in terms {
            let Some(underlying) = self.try_underlying(term.ty) else {
                complete = false;
                continue;
            };
            match self.ty(underlying) {
                Type::Interface(_) => {
                    let (set, done) = self.compute_type_set(underlying, path);
                    complete &= done;
                    match &set.terms {
                        None => return (None, complete),
                        Some(inner) => all.extend_from_slice(inner),
                    }
                }
                Type::Basic(BasicKind::Invalid) => {}
                // No type has a defined type as its underlying type.
                _ if term.tilde && !self.identical(underlying, term.ty) => {}
                _ => all.push(*term),
            }
        }
        (Some(self.normalize_terms(all)), complete)
    }

    /// Whether every type of term `x` is in term `y`.
    pub(crate) fn term_subset(&self, x: UnionTerm, y: UnionTerm) -> bool {
        if y.tilde {
            self.identical(self.underlying(x.ty), self.underlying(y.ty))
        } else {
            !x.tilde && self.identical(x.ty, y.ty)
        }
    }
    /// Whether two terms have no type in common.
    pub(crate) fn terms_disjoint(&self, x: UnionTerm, y: UnionTerm) -> bool {
        let a = if y.tilde { self.underlying(x.ty) } else { x.ty };
        let b = if x.tilde { self.underlying(y.ty) } else { y.ty };
        !self.identical(a, b)
    }
    /// Drops terms that others include.
    pub(crate) fn normalize_terms(&self, terms: Vec<UnionTerm>) -> Vec<UnionTerm> {
        let mut kept: Vec<UnionTerm> = Vec::with_capacity(terms.len());
        for term in terms {
            if kept.iter().any(|&other| self.term_subset(term, other)) {
                continue;
            }
            kept.retain(|&other| !self.term_subset(other, term));
            kept.push(term);
        }
        kept
    }
    pub(crate) fn intersect_terms(
        &self,
        x: Option<Vec<UnionTerm>>,
        y: Option<Vec<UnionTerm>>,
    ) -> Option<Vec<UnionTerm>> {
        let (x, y) = match (x, y) {
            (None, other) | (other, None) => return other,
            (Some(x), Some(y)) => (x, y),
        };
        let mut both = Vec::new();
        for &a in &x {
            for &b in &y {
                if !self.terms_disjoint(a, b) {
                    both.push(if a.tilde && !b.tilde { b } else { a });
                }
            }
        }
        Some(self.normalize_terms(both))
    }
    /// Whether the sets of terms are equal.
    pub(crate) fn same_terms(
        &self,
        x: &Option<Vec<UnionTerm>>,
        y: &Option<Vec<UnionTerm>>,
    ) -> bool {
        self.terms_subset(x, y) && self.terms_subset(y, x)
    }
    /// Whether every type that `x` admits is admitted by `y`.
    pub(crate) fn terms_subset(
        &self,
        x: &Option<Vec<UnionTerm>>,
        y: &Option<Vec<UnionTerm>>,
    ) -> bool {
        match (x, y) {
            (_, None) => true,
            (Some(x), Some(y)) => x.iter().all(|&a| y.iter().any(|&b| self.term_subset(a, b))),
            (None, Some(_)) => false,
        }
    }
    /// The types of a constraint's terms (without tildes); `None` if it has none ("no specific types").
    pub fn specific_types(&self, constraint: TypeId) -> Option<Vec<TypeId>> {
        let set = self.type_set(constraint);
        Some(set.terms.as_ref()?.iter().map(|term| term.ty).collect())
    }
    /// The terms of a type parameter's constraint; `None` if it has none.
    pub fn specific_terms(&self, param: &TypeParam) -> Option<Vec<UnionTerm>> {
        self.type_set(self.constraint(param)).terms.clone()
    }
}
