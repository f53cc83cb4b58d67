//! Substitution of type arguments for type parameters.

use std::sync::OnceLock;

use smallvec::SmallVec;

use crate::model::*;

/// Replaces type parameters `from[i]` by `to[i]`. Types that mention none of them are returned as they are.
pub struct Subst<'s> {
    store: &'s Store,
    from: SmallVec<[TypeId; 4]>,
    to: SmallVec<[TypeId; 4]>,
}

impl<'s> Subst<'s> {
    /// Both lists must have the same length.
    pub fn new(store: &'s Store, from: &[TypeId], to: &[TypeId]) -> Subst<'s> {
        debug_assert_eq!(from.len(), to.len());
        Subst {
            store,
            from: from.into(),
            to: to.into(),
        }
    }

    /// Substitutes in a type.
    pub fn ty(&self, ty: TypeId) -> TypeId {
        let store = self.store;
        match store.ty(ty) {
            Type::Basic(_) => ty,
            Type::TypeParam(_) => match self.from.iter().position(|&from| from == ty) {
                Some(index) => self.to[index],
                None => ty,
            },
            Type::Named(named) if named.targs.is_empty() => ty,
            _ => stacker::maybe_grow(64 << 10, 1 << 20, || self.composite(ty)),
        }
    }

    fn composite(&self, ty: TypeId) -> TypeId {
        let store = self.store;
        match store.ty(ty) {
            Type::Basic(_) | Type::TypeParam(_) => ty,
            Type::Named(named) => match (self.types(&named.targs), named.origin) {
                // A wrong number of arguments has been reported where the instance is written.
                (Some(targs), Some(origin))
                    if !store.tparams(origin).is_empty()
                        && store.tparams(origin).len() != targs.len() =>
                {
                    TypeId::INVALID
                }
                (Some(targs), Some(origin)) => store.instantiate(origin, &targs),
                _ => ty,
            },
            Type::Alias(alias) => {
                match (self.types(&alias.targs), alias.origin, alias.target.get()) {
                    (Some(targs), Some(origin), _) => store.instantiate(origin, &targs),
                    // A local alias may mention type parameters of its function.
                    (None, None, Some(&target)) => {
                        let changed = self.ty(target);
                        if changed == target { ty } else { changed }
                    }
                    _ => ty,
                }
            }
            Type::Pointer(elem) => self.with(ty, *elem, |elem| store.pointer(elem)),
            Type::Slice(elem) => self.with(ty, *elem, |elem| store.slice(elem)),
            Type::Array { len, elem } => self.with(ty, *elem, |elem| store.array(*len, elem)),
            Type::Chan { dir, elem } => self.with(ty, *elem, |elem| store.chan(*dir, elem)),
            Type::Map { key, elem } => {
                let (new_key, new_elem) = (self.ty(*key), self.ty(*elem));
                if new_key == *key && new_elem == *elem {
                    ty
                } else {
                    store.map(new_key, new_elem)
                }
            }
            Type::Tuple(types) => match self.types(types) {
                Some(types) => store.tuple(&types),
                None => ty,
            },
            Type::Struct(structure) => match self.vars(&structure.fields) {
                Some(fields) => store.new_type(Type::Struct(Struct {
                    fields,
                    tags: structure.tags.clone(),
                })),
                None => ty,
            },
            Type::Signature(signature) => self.signature(ty, signature),
            Type::Interface(interface) => self.interface(ty, interface),
            Type::Union(terms) => {
                let new: Box<[UnionTerm]> = terms
                    .iter()
                    .map(|term| UnionTerm {
                        tilde: term.tilde,
                        ty: self.ty(term.ty),
                    })
                    .collect();
                if new == *terms {
                    ty
                } else {
                    store.new_type(Type::Union(new))
                }
            }
        }
    }

    fn with(&self, ty: TypeId, elem: TypeId, make: impl FnOnce(TypeId) -> TypeId) -> TypeId {
        let new = self.ty(elem);
        if new == elem { ty } else { make(new) }
    }

    /// `None` if nothing changes.
    pub fn types(&self, types: &[TypeId]) -> Option<Box<[TypeId]>> {
        let first = types.iter().position(|&ty| self.ty(ty) != ty)?;
        let rest = types[first..].iter().map(|&ty| self.ty(ty));
        Some(types[..first].iter().copied().chain(rest).collect())
    }

    fn var(&self, var: ObjId) -> ObjId {
        let object = self.store.obj(var);
        let old = self.store.obj_type(var);
        let new = self.ty(old);
        if new == old {
            return var;
        }
        let ObjKind::Var(kind) = object.kind else {
            return var;
        };
        self.store.new_object(
            Object::new(ObjKind::Var(kind), object.name, object.pos, object.pkg).with_type(new),
        )
    }
    fn vars(&self, vars: &[ObjId]) -> Option<Box<[ObjId]>> {
        let mut new: Option<Vec<ObjId>> = None;
        for (i, &var) in vars.iter().enumerate() {
            let changed = self.var(var);
            if let Some(list) = &mut new {
                list.push(changed);
            } else if changed != var {
                let mut list = Vec::with_capacity(vars.len());
                list.extend_from_slice(&vars[..i]);
                list.push(changed);
                new = Some(list);
            }
        }
        new.map(Vec::into_boxed_slice)
    }

    fn signature(&self, ty: TypeId, signature: &Signature) -> TypeId {
        let store = self.store;
        let bounds_change = signature
            .tparams
            .iter()
            .any(|&tparam| match store.ty(tparam) {
                Type::TypeParam(param) => param
                    .bound
                    .get()
                    .is_some_and(|&bound| self.ty(bound) != bound),
                _ => false,
            });
        if bounds_change {
            let (inner, tparams) = self.fresh_tparams(&signature.tparams);
            return store.new_type(Type::Signature(inner.signature_parts(signature, tparams)));
        }
        let params = self.vars(&signature.params);
        let results = self.vars(&signature.results);
        let recv = signature.recv.map(|recv| self.var(recv));
        if params.is_none() && results.is_none() && recv == signature.recv {
            return ty;
        }
        store.new_type(Type::Signature(Signature {
            recv,
            tparams: signature.tparams.clone(),
            recv_tparams: Box::default(),
            params: params.unwrap_or_else(|| signature.params.clone()),
            results: results.unwrap_or_else(|| signature.results.clone()),
            variadic: signature.variadic,
        }))
    }
    fn signature_parts(&self, signature: &Signature, tparams: Box<[TypeId]>) -> Signature {
        Signature {
            recv: signature.recv.map(|recv| self.var(recv)),
            tparams,
            recv_tparams: Box::default(),
            params: self
                .vars(&signature.params)
                .unwrap_or_else(|| signature.params.clone()),
            results: self
                .vars(&signature.results)
                .unwrap_or_else(|| signature.results.clone()),
            variadic: signature.variadic,
        }
    }
    /// The signature without its type parameters, which this substitution replaces.
    pub(crate) fn signature_instance(&self, signature: &Signature) -> TypeId {
        self.store.new_type(Type::Signature(
            self.signature_parts(signature, Box::default()),
        ))
    }
    /// New type parameters with substituted constraints, and the substitution extended by them.
    pub(crate) fn fresh_tparams(&self, tparams: &[TypeId]) -> (Subst<'s>, Box<[TypeId]>) {
        let store = self.store;
        let fresh: Box<[TypeId]> = tparams
            .iter()
            .map(|&tparam| {
                let Type::TypeParam(param) = store.ty(tparam) else {
                    return tparam;
                };
                let object = store.obj(param.obj);
                let obj = store.new_object(Object::new(
                    ObjKind::TypeName,
                    object.name,
                    object.pos,
                    object.pkg,
                ));
                let ty = store.new_type(Type::TypeParam(TypeParam {
                    obj,
                    index: param.index,
                    bound: OnceLock::new(),
                }));
                let _ = store.obj(obj).ty.set(ty);
                ty
            })
            .collect();
        let mut inner = Subst {
            store,
            from: self.from.clone(),
            to: self.to.clone(),
        };
        inner.from.extend_from_slice(tparams);
        inner.to.extend_from_slice(&fresh);
        for (&old, &new) in tparams.iter().zip(&fresh) {
            if let (Type::TypeParam(old), Type::TypeParam(new)) = (store.ty(old), store.ty(new))
                && let Some(&bound) = old.bound.get()
            {
                let _ = new.bound.set(inner.ty(bound));
            }
        }
        (inner, fresh)
    }

    fn interface(&self, ty: TypeId, interface: &Interface) -> TypeId {
        let store = self.store;
        let embeds = self.types(&interface.embeds);
        let mut changed = embeds.is_some();
        let methods: Box<[ObjId]> = interface
            .methods
            .iter()
            .map(|&method| {
                let old = store.obj_type(method);
                let new = self.ty(old);
                if new == old {
                    return method;
                }
                changed = true;
                let object = store.obj(method);
                let kind = ObjKind::Func(Func {
                    is_interface_method: true,
                    ..Func::default()
                });
                store.new_object(
                    Object::new(kind, object.name, object.pos, object.pkg).with_type(new),
                )
            })
            .collect();
        if !changed {
            return ty;
        }
        store.new_type(Type::Interface(Interface {
            methods,
            embeds: embeds.unwrap_or_else(|| interface.embeds.clone()),
            embed_pos: interface.embed_pos.clone(),
            implicit: interface.implicit,
            type_set: OnceLock::new(),
        }))
    }
}

impl Store {
    /// `ty` with `targs` for `tparams`.
    pub fn subst(&self, ty: TypeId, tparams: &[TypeId], targs: &[TypeId]) -> TypeId {
        if tparams.is_empty() {
            ty
        } else {
            Subst::new(self, tparams, targs).ty(ty)
        }
    }
}
