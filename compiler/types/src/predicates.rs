//! Identity, comparability and other predicates on types.

use smallvec::SmallVec;

use crate::model::*;
use crate::subst::Subst;

/// Pairs of interfaces under comparison: recursive interfaces are identical if nothing shows otherwise.
type Assumed = SmallVec<[(TypeId, TypeId); 4]>;

impl Store {
    /// Whether two types are identical (spec, "Type identity").
    #[inline]
    pub fn identical(&self, x: TypeId, y: TypeId) -> bool {
        x == y || self.identical_in(x, y, false, &mut Assumed::new())
    }
    /// Like [`Store::identical`] but struct tags are ignored.
    pub fn identical_ignore_tags(&self, x: TypeId, y: TypeId) -> bool {
        x == y || self.identical_in(x, y, true, &mut Assumed::new())
    }

    fn identical_in(&self, x: TypeId, y: TypeId, ignore_tags: bool, assumed: &mut Assumed) -> bool {
        let (x, y) = (self.unalias(x), self.unalias(y));
        if x == y {
            return true;
        }
        match (self.ty(x), self.ty(y)) {
            (Type::Basic(a), Type::Basic(b)) => a == b,
            (Type::Named(a), Type::Named(b)) => {
                a.obj == b.obj
                    && !a.targs.is_empty()
                    && a.targs.len() == b.targs.len()
                    && a.targs
                        .iter()
                        .zip(&b.targs)
                        .all(|(&a, &b)| self.identical_in(a, b, ignore_tags, assumed))
            }
            (Type::Basic(_) | Type::Named(_) | Type::TypeParam(_), _)
            | (_, Type::Basic(_) | Type::Named(_) | Type::TypeParam(_)) => false,
            (a, b) if std::mem::discriminant(a) != std::mem::discriminant(b) => false,
            (a, b) => stacker::maybe_grow(64 << 10, 1 << 20, || {
                self.identical_structure((x, a), (y, b), ignore_tags, assumed)
            }),
        }
    }

    fn identical_structure(
        &self,
        (x, a): (TypeId, &Type),
        (y, b): (TypeId, &Type),
        ignore_tags: bool,
        assumed: &mut Assumed,
    ) -> bool {
        match (a, b) {
            (Type::Pointer(a), Type::Pointer(b)) | (Type::Slice(a), Type::Slice(b)) => {
                self.identical_in(*a, *b, ignore_tags, assumed)
            }
            (
                Type::Array { len, elem },
                Type::Array {
                    len: other_len,
                    elem: other,
                },
            ) => {
                // A length is negative where it could not be computed: be lenient then.
                (len == other_len || *len < 0 || *other_len < 0)
                    && self.identical_in(*elem, *other, ignore_tags, assumed)
            }
            (
                Type::Map { key, elem },
                Type::Map {
                    key: other_key,
                    elem: other,
                },
            ) => {
                self.identical_in(*key, *other_key, ignore_tags, assumed)
                    && self.identical_in(*elem, *other, ignore_tags, assumed)
            }
            (
                Type::Chan { dir, elem },
                Type::Chan {
                    dir: other_dir,
                    elem: other,
                },
            ) => dir == other_dir && self.identical_in(*elem, *other, ignore_tags, assumed),
            (Type::Tuple(a), Type::Tuple(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|(&a, &b)| self.identical_in(a, b, ignore_tags, assumed))
            }
            (Type::Struct(a), Type::Struct(b)) => {
                a.fields.len() == b.fields.len()
                    && (ignore_tags || same_tags(a, b))
                    && a.fields.iter().zip(&b.fields).all(|(&f, &g)| {
                        let (x, y) = (self.obj(f), self.obj(g));
                        matches!(x.kind, ObjKind::Var(VarKind::Embedded))
                            == matches!(y.kind, ObjKind::Var(VarKind::Embedded))
                            && self.same_name(x, y.pkg, y.name)
                            && self.identical_in(
                                self.obj_type(f),
                                self.obj_type(g),
                                ignore_tags,
                                assumed,
                            )
                    })
            }
            (Type::Signature(a), Type::Signature(b)) => {
                self.identical_signatures(a, b, ignore_tags, assumed)
            }
            (Type::Interface(_), Type::Interface(_)) => {
                let (s, t) = (self.type_set(x), self.type_set(y));
                if s.comparable != t.comparable
                    || s.methods.len() != t.methods.len()
                    || !self.same_terms(&s.terms, &t.terms)
                {
                    return false;
                }
                if assumed.contains(&(x, y)) || assumed.contains(&(y, x)) {
                    return true;
                }
                assumed.push((x, y));
                let same = s.methods.iter().zip(&t.methods).all(|(&f, &g)| {
                    let (a, b) = (self.obj(f), self.obj(g));
                    self.same_name(a, b.pkg, b.name)
                        && self.identical_in(
                            self.obj_type(f),
                            self.obj_type(g),
                            ignore_tags,
                            assumed,
                        )
                });
                assumed.pop();
                same
            }
            (Type::Union(a), Type::Union(b)) => self.same_terms(
                &Some(self.normalize_terms(a.to_vec())),
                &Some(self.normalize_terms(b.to_vec())),
            ),
            _ => false,
        }
    }

    fn identical_signatures(
        &self,
        a: &Signature,
        b: &Signature,
        ignore_tags: bool,
        assumed: &mut Assumed,
    ) -> bool {
        if a.tparams.len() != b.tparams.len()
            || a.variadic != b.variadic
            || a.params.len() != b.params.len()
            || a.results.len() != b.results.len()
        {
            return false;
        }
        // Type parameters are identified by position.
        let rename = (!a.tparams.is_empty()).then(|| Subst::new(self, &b.tparams, &a.tparams));
        let renamed = |ty: TypeId| rename.as_ref().map_or(ty, |subst| subst.ty(ty));
        for (&p, &q) in a.tparams.iter().zip(&b.tparams) {
            if let (Type::TypeParam(p), Type::TypeParam(q)) = (self.ty(p), self.ty(q))
                && let (Some(&p), Some(&q)) = (p.bound.get(), q.bound.get())
                && !self.identical_in(p, renamed(q), ignore_tags, assumed)
            {
                return false;
            }
        }
        let vars = a
            .params
            .iter()
            .zip(&b.params)
            .chain(a.results.iter().zip(&b.results));
        for (&p, &q) in vars {
            if !self.identical_in(
                self.obj_type(p),
                renamed(self.obj_type(q)),
                ignore_tags,
                assumed,
            ) {
                return false;
            }
        }
        true
    }

    /// Whether `object` is what `name` written in package `pkg` denotes (spec, "Uniqueness of identifiers").
    #[inline]
    pub fn same_name(&self, object: &Object, pkg: Option<PkgId>, name: base::Symbol) -> bool {
        object.name == name && (object.pkg == pkg || name.is_exported())
    }

    /// Whether values of the type can be compared by `==`. With `dynamic`, interfaces are (they may panic).
    pub fn comparable(&self, ty: TypeId, dynamic: bool) -> bool {
        self.incomparable(ty, dynamic, &mut Vec::new()).is_none()
    }

    /// The innermost reason why a type is not comparable: a type, and whether it is a field's.
    pub(crate) fn incomparable(
        &self,
        ty: TypeId,
        dynamic: bool,
        seen: &mut Vec<TypeId>,
    ) -> Option<Incomparable> {
        let ty = self.unalias(ty);
        // Only erroneous types nest without end.
        if seen.contains(&ty) || seen.len() > 1000 {
            return None;
        }
        match self.under(ty) {
            Type::Basic(kind) => (*kind == BasicKind::UntypedNil).then_some(Incomparable::Type),
            Type::Pointer(_) | Type::Chan { .. } => None,
            Type::Interface(_) => {
                if dynamic || self.type_set(ty).is_comparable_in(self, seen) {
                    return None;
                }
                Some(Incomparable::Interface)
            }
            Type::Struct(structure) => {
                seen.push(ty);
                let found = structure.fields.iter().find_map(|&field| {
                    let field = self.obj_type(field);
                    self.incomparable(field, dynamic, seen)
                        .map(|_| Incomparable::Field(field))
                });
                seen.pop();
                found
            }
            Type::Array { elem, .. } => {
                seen.push(ty);
                let found = self
                    .incomparable(*elem, dynamic, seen)
                    .map(|_| Incomparable::Type);
                seen.pop();
                found
            }
            Type::TypeParam(param) => {
                let set = self.type_set(self.constraint(param));
                if set.is_empty() {
                    return Some(Incomparable::EmptySet);
                }
                seen.push(ty);
                let comparable = set.is_comparable_in(self, seen);
                seen.pop();
                if comparable {
                    None
                } else {
                    Some(Incomparable::TypeParam)
                }
            }
            Type::Slice(_) | Type::Map { .. } | Type::Signature(_) => Some(Incomparable::Type),
            Type::Tuple(_) | Type::Union(_) => Some(Incomparable::Type),
            Type::Named(_) | Type::Alias(_) => None,
        }
    }

    /// Whether the type has a nil value: pointers, functions, slices, maps, channels, interfaces, unsafe.Pointer;
    /// for type parameters: whether all types of the set have.
    pub fn has_nil(&self, ty: TypeId) -> bool {
        match self.under(ty) {
            Type::Basic(kind) => matches!(kind, BasicKind::UnsafePointer | BasicKind::UntypedNil),
            Type::Pointer(_)
            | Type::Signature(_)
            | Type::Slice(_)
            | Type::Map { .. }
            | Type::Chan { .. }
            | Type::Interface(_) => true,
            Type::TypeParam(param) => self
                .specific_types(self.constraint(param))
                .is_some_and(|types| !types.is_empty() && types.iter().all(|&ty| self.has_nil(ty))),
            _ => false,
        }
    }
    /// Whether the type mentions a type parameter.
    pub fn is_parameterized(&self, ty: TypeId) -> bool {
        self.mentions(ty, &mut |_| true, &mut Vec::new())
    }
    /// Whether the type mentions one of these type parameters.
    pub fn mentions_any(&self, ty: TypeId, tparams: &[TypeId]) -> bool {
        self.mentions(ty, &mut |param| tparams.contains(&param), &mut Vec::new())
    }

    fn mentions(
        &self,
        ty: TypeId,
        wanted: &mut dyn FnMut(TypeId) -> bool,
        seen: &mut Vec<TypeId>,
    ) -> bool {
        match self.ty(ty) {
            Type::Basic(_) => false,
            Type::TypeParam(_) => wanted(ty),
            Type::Alias(alias) => {
                if alias.targs.is_empty() && alias.obj_is_predeclared(self) {
                    return false;
                }
                let target = self.unalias(ty);
                target != TypeId::INVALID && self.mentions(target, wanted, seen)
            }
            Type::Named(named) => named
                .targs
                .iter()
                .any(|&targ| self.mentions(targ, wanted, seen)),
            Type::Pointer(elem)
            | Type::Slice(elem)
            | Type::Array { elem, .. }
            | Type::Chan { elem, .. } => {
                stacker::maybe_grow(64 << 10, 1 << 20, || self.mentions(*elem, wanted, seen))
            }
            Type::Map { key, elem } => {
                self.mentions(*key, wanted, seen) || self.mentions(*elem, wanted, seen)
            }
            Type::Tuple(types) => types.iter().any(|&ty| self.mentions(ty, wanted, seen)),
            Type::Struct(structure) => structure
                .fields
                .iter()
                .any(|&field| self.mentions(self.obj_type(field), wanted, seen)),
            Type::Signature(signature) => signature
                .params
                .iter()
                .chain(&signature.results)
                .any(|&var| self.mentions(self.obj_type(var), wanted, seen)),
            Type::Interface(interface) => {
                if seen.contains(&ty) {
                    return false;
                }
                seen.push(ty);
                interface
                    .methods
                    .iter()
                    .any(|&method| self.mentions(self.obj_type(method), wanted, seen))
                    || interface
                        .embeds
                        .iter()
                        .any(|&embed| self.mentions(embed, wanted, seen))
            }
            Type::Union(terms) => terms
                .iter()
                .any(|term| self.mentions(term.ty, wanted, seen)),
        }
    }

    /// Whether a type is a type parameter (aliases looked through).
    pub fn is_type_param(&self, ty: TypeId) -> bool {
        matches!(self.ty(self.unalias(ty)), Type::TypeParam(_))
    }
    /// The type parameter, if `ty` is one.
    pub fn type_param(&self, ty: TypeId) -> Option<&TypeParam> {
        match self.ty(self.unalias(ty)) {
            Type::TypeParam(param) => Some(param),
            _ => None,
        }
    }
    /// Whether the underlying type is an interface (type parameters are none).
    pub fn is_interface(&self, ty: TypeId) -> bool {
        matches!(self.under(ty), Type::Interface(_))
    }
    /// Defined types, predeclared types and type parameters have names.
    pub fn has_name(&self, ty: TypeId) -> bool {
        matches!(
            self.ty(self.unalias(ty)),
            Type::Basic(_) | Type::Named(_) | Type::TypeParam(_)
        )
    }
    /// Whether the type is that of an untyped constant, comparison or nil.
    #[inline]
    pub fn is_untyped(&self, ty: TypeId) -> bool {
        ty.raw() >= BasicKind::UntypedBool as u32 && ty.raw() <= BasicKind::UntypedNil as u32
    }
    /// Whether all types of the type set (or the type itself) satisfy a predicate on basic kinds.
    pub fn all_basic(&self, ty: TypeId, predicate: impl Fn(BasicKind) -> bool) -> bool {
        match self.under(ty) {
            Type::Basic(kind) => predicate(*kind),
            Type::TypeParam(param) => match self.specific_types(self.constraint(param)) {
                Some(types) => {
                    !types.is_empty()
                        && types
                            .iter()
                            .all(|&ty| self.basic_kind(ty).is_some_and(&predicate))
                }
                None => false,
            },
            _ => false,
        }
    }
}

fn same_tags(a: &Struct, b: &Struct) -> bool {
    let empty = |tags: &[Box<[u8]>]| tags.iter().all(|tag| tag.is_empty());
    a.tags == b.tags || (empty(&a.tags) && empty(&b.tags))
}

impl Alias {
    fn obj_is_predeclared(&self, store: &Store) -> bool {
        store.obj(self.obj).pkg.is_none()
    }
}

/// Why a type is not comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incomparable {
    /// The kind of type.
    Type,
    /// A struct with a field of this type.
    Field(TypeId),
    /// An interface where strict comparability is wanted.
    Interface,
    /// A type parameter with incomparable types in its set.
    TypeParam,
    /// A type parameter without types in its set.
    EmptySet,
}
