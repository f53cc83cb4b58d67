//! Fields and methods of types (spec, "Selectors", "Method sets").

use base::Symbol;
use smallvec::SmallVec;

use crate::model::*;

/// An embedded type to be searched at the next depth.
struct Level {
    ty: TypeId,
    index: SmallVec<[u32; 6]>,
    indirect: bool,
    /// Reached on several paths of the same depth.
    multiples: bool,
}

/// Why a type lacks a method of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No such method.
    NotFound,
    /// This method differs from the wanted one only in the case of its letters.
    WrongName(ObjId),
    /// The wanted one is unexported in another package.
    Unexported,
    /// This method has another signature.
    WrongSignature(ObjId),
    /// Several at the same depth.
    Ambiguous,
    /// It has a pointer receiver.
    PointerReceiver,
    /// A field has that name.
    Field,
}

impl Store {
    /// If `ty` is a pointer (not a defined pointer type), its element, and true.
    pub fn deref(&self, ty: TypeId) -> (TypeId, bool) {
        match self.ty(self.unalias(ty)) {
            Type::Pointer(elem) => (*elem, true),
            _ => (ty, false),
        }
    }

    /// The element of a pointer type that is written as such (not through an alias), or the type itself.
    pub(crate) fn deref_written(&self, ty: TypeId) -> TypeId {
        match self.ty(ty) {
            Type::Pointer(elem) => *elem,
            _ => ty,
        }
    }

    /// Finds the field or method `name`, written in package `pkg`, of a value of type `ty`.
    pub fn lookup(
        &self,
        ty: TypeId,
        addressable: bool,
        pkg: Option<PkgId>,
        name: Symbol,
    ) -> Lookup {
        let found = self.lookup_any(ty, pkg, name, false);
        if let Lookup::Found {
            obj,
            indirect: false,
            ..
        } = found
            && !addressable
            && let ObjKind::Func(func) = &self.obj(obj).kind
            && func.ptr_recv.get() == Some(&true)
        {
            return Lookup::PointerRecvMissing(obj);
        }
        found
    }

    /// Like [`Store::lookup`], without regard to addressability; with `fold` the case of letters and packages do not matter.
    pub fn lookup_any(&self, ty: TypeId, pkg: Option<PkgId>, name: Symbol, fold: bool) -> Lookup {
        if name.is_blank() {
            return Lookup::NotFound;
        }
        // Methods cannot belong to a defined pointer type, but its base's fields can be selected.
        if let Type::Named(_) = self.ty(self.unalias(ty))
            && let Type::Pointer(_) = self.under(ty)
        {
            let found = self.search(self.underlying(ty), pkg, name, fold);
            if let Lookup::Found { obj, .. } = found
                && matches!(self.obj(obj).kind, ObjKind::Func(_))
            {
                return Lookup::NotFound;
            }
            return found;
        }
        let found = self.search(ty, pkg, name, fold);
        // The core type of a type parameter's set gives access to methods only, not to fields.
        found
    }

    fn search(&self, ty: TypeId, pkg: Option<PkgId>, name: Symbol, fold: bool) -> Lookup {
        let (base, is_pointer) = self.deref(ty);
        if is_pointer && matches!(self.under(base), Type::Interface(_) | Type::TypeParam(_)) {
            return Lookup::NotFound;
        }
        let text = if fold { name.as_str() } else { "" };
        let matches = |obj: ObjId| {
            let object = self.obj(obj);
            if fold {
                equal_fold(object.name.as_str(), text)
            } else {
                self.same_name(object, pkg, name)
            }
        };
        let mut seen: SmallVec<[TypeId; 8]> = SmallVec::new();
        let mut current = vec![Level {
            ty: base,
            index: SmallVec::new(),
            indirect: is_pointer,
            multiples: false,
        }];
        while !current.is_empty() {
            let mut next: Vec<Level> = Vec::new();
            let mut found: Option<(ObjId, SmallVec<[u32; 6]>, bool)> = None;
            let mut several = None;
            let mut note = |obj: ObjId, level: &Level, at: usize| {
                let mut index = level.index.clone();
                index.push(at as u32);
                if found.is_some() || level.multiples {
                    several = Some(index.to_vec());
                }
                found = Some((obj, index, level.indirect));
            };
            for level in &current {
                let ty = self.unalias(level.ty);
                if let Type::Named(_) = self.ty(ty) {
                    if seen.contains(&ty) {
                        continue;
                    }
                    seen.push(ty);
                    let methods = self.methods(ty);
                    if let Some(at) = methods.iter().position(|&method| matches(method)) {
                        note(methods[at], level, at);
                        continue;
                    }
                }
                match self.under(ty) {
                    Type::Struct(structure) => {
                        // Of several fields of one name, which have been complained about, the first counts.
                        let mut noted = false;
                        for (at, &field) in structure.fields.iter().enumerate() {
                            if matches(field) {
                                if !std::mem::replace(&mut noted, true) || fold {
                                    note(field, level, at);
                                }
                                continue;
                            }
                            if matches!(self.obj(field).kind, ObjKind::Var(VarKind::Embedded)) {
                                let (elem, pointer) = self.deref(self.obj_type(field));
                                if matches!(
                                    self.ty(self.unalias(elem)),
                                    Type::Named(_)
                                        | Type::Struct(_)
                                        | Type::Interface(_)
                                        | Type::TypeParam(_)
                                ) {
                                    let mut index = level.index.clone();
                                    index.push(at as u32);
                                    next.push(Level {
                                        ty: elem,
                                        index,
                                        indirect: level.indirect || pointer,
                                        multiples: level.multiples,
                                    });
                                }
                            }
                        }
                    }
                    Type::Interface(_) => {
                        let set = self.type_set(ty);
                        if let Some(at) = set.methods.iter().position(|&method| matches(method)) {
                            note(set.methods[at], level, at);
                        }
                    }
                    Type::TypeParam(param) => {
                        let set = self.type_set(self.constraint(param));
                        if let Some(at) = set.methods.iter().position(|&method| matches(method)) {
                            note(set.methods[at], level, at);
                        }
                    }
                    _ => {}
                }
            }
            if let Some((obj, index, indirect)) = found {
                return match several {
                    Some(index) => Lookup::Ambiguous(index),
                    None => Lookup::Found {
                        obj,
                        index: index.to_vec(),
                        indirect,
                    },
                };
            }
            current = self.consolidate(next);
        }
        Lookup::NotFound
    }

    /// Merges entries of the same type.
    fn consolidate(&self, levels: Vec<Level>) -> Vec<Level> {
        if levels.len() < 2 {
            return levels;
        }
        let mut merged: Vec<Level> = Vec::with_capacity(levels.len());
        for level in levels {
            match merged
                .iter_mut()
                .find(|other| self.identical(other.ty, level.ty))
            {
                Some(other) => other.multiples = true,
                None => merged.push(level),
            }
        }
        merged
    }

    /// All methods of a type's method set with the way to each (`pkg`-independent), sorted by name.
    /// With `addressable`, methods with pointer receivers are included (the set of `*T`).
    pub fn method_set(&self, ty: TypeId, addressable: bool) -> Vec<(ObjId, Vec<u32>, bool)> {
        let mut names: Vec<(Symbol, Option<PkgId>)> = Vec::new();
        let mut seen = Vec::new();
        self.collect_method_names(self.deref(ty).0, &mut names, &mut seen);
        names.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        names.dedup();
        let mut set = Vec::new();
        for (name, pkg) in names {
            if let Lookup::Found {
                obj,
                index,
                indirect,
            } = self.lookup(ty, addressable, pkg, name)
                && matches!(self.obj(obj).kind, ObjKind::Func(_))
                && set.last().is_none_or(|(last, _, _)| *last != obj)
            {
                set.push((obj, index, indirect));
            }
        }
        set
    }
    fn collect_method_names(
        &self,
        ty: TypeId,
        names: &mut Vec<(Symbol, Option<PkgId>)>,
        seen: &mut Vec<TypeId>,
    ) {
        let ty = self.unalias(ty);
        if seen.contains(&ty) {
            return;
        }
        seen.push(ty);
        let mut add = |obj: ObjId| {
            let object = self.obj(obj);
            names.push((
                object.name,
                if object.name.is_exported() {
                    None
                } else {
                    object.pkg
                },
            ));
        };
        self.methods(ty).iter().for_each(|&method| add(method));
        match self.under(ty) {
            Type::Struct(structure) => {
                for &field in &structure.fields {
                    if matches!(self.obj(field).kind, ObjKind::Var(VarKind::Embedded)) {
                        self.collect_method_names(self.deref(self.obj_type(field)).0, names, seen);
                    }
                }
            }
            Type::Interface(_) => self
                .type_set(ty)
                .methods
                .iter()
                .for_each(|&method| add(method)),
            Type::TypeParam(param) => {
                self.type_set(self.constraint(param))
                    .methods
                    .iter()
                    .for_each(|&method| add(method));
            }
            _ => {}
        }
    }

    /// The first method of interface `target` that `ty` lacks, and why. With `static_only` unset, an interface `ty`
    /// need only not contradict (type assertions).
    pub fn missing_method(
        &self,
        ty: TypeId,
        target: TypeId,
        static_only: bool,
    ) -> Option<(ObjId, Missing)> {
        let wanted = self.type_set(target);
        if wanted.methods.is_empty() {
            return None;
        }
        if let Type::Interface(_) = self.under(ty) {
            let has = self.type_set(ty);
            let mut not_found = None;
            for &method in &wanted.methods {
                let object = self.obj(method);
                match has.method(self, object.pkg, object.name) {
                    None if static_only => {
                        not_found = Some(method);
                        break;
                    }
                    None => {}
                    Some((_, other)) => {
                        if !self.identical(self.obj_type(other), self.obj_type(method)) {
                            return Some((method, Missing::WrongSignature(other)));
                        }
                    }
                }
            }
            let method = not_found?;
            return Some((method, self.similar_method(ty, method)));
        }
        for &method in &wanted.methods {
            let object = self.obj(method);
            match self.lookup_any(ty, object.pkg, object.name, false) {
                Lookup::Found { obj, indirect, .. } => {
                    let ObjKind::Func(func) = &self.obj(obj).kind else {
                        return Some((method, Missing::Field));
                    };
                    if !self.identical(self.obj_type(obj), self.obj_type(method)) {
                        return Some((method, Missing::WrongSignature(obj)));
                    }
                    if !indirect && func.ptr_recv.get() == Some(&true) {
                        return Some((method, Missing::PointerReceiver));
                    }
                }
                Lookup::Ambiguous(_) => return Some((method, Missing::Ambiguous)),
                Lookup::NotFound | Lookup::PointerRecvMissing(_) => {
                    return Some((method, self.similar_method(ty, method)));
                }
            }
        }
        None
    }

    fn similar_method(&self, ty: TypeId, method: ObjId) -> Missing {
        let object = self.obj(method);
        // The pointer type may have it where a defined pointer type or value does not.
        match self.lookup_any(ty, object.pkg, object.name, true) {
            Lookup::Found { obj, .. } => match &self.obj(obj).kind {
                ObjKind::Func(_) if self.obj(obj).name == object.name => Missing::Unexported,
                ObjKind::Func(_) => Missing::WrongName(obj),
                _ => Missing::NotFound,
            },
            _ => Missing::NotFound,
        }
    }

    /// Whether `ty` implements interface `target` (spec, "Implementing an interface"); `None` if it does,
    /// otherwise the missing method if that is the reason.
    pub fn implements(&self, ty: TypeId, target: TypeId) -> Result<(), Option<(ObjId, Missing)>> {
        let set = self.type_set(target);
        if set.is_all() {
            return Ok(());
        }
        if let Some(missing) = self.missing_method(ty, target, true) {
            return Err(Some(missing));
        }
        if set.comparable && !self.comparable(ty, true) {
            return Err(None);
        }
        let Some(_) = &set.terms else { return Ok(()) };
        let own = match self.under(ty) {
            Type::Interface(_) => self.type_set(ty).terms.clone(),
            Type::TypeParam(param) => self.specific_terms(param),
            _ => Some(vec![UnionTerm { tilde: false, ty }]),
        };
        if own.is_some() && self.terms_subset(&own, &set.terms) {
            Ok(())
        } else {
            Err(None)
        }
    }
}

/// Equality of names without regard to case, as Unicode simple folding has it for the letters names use.
pub(crate) fn equal_fold(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}
