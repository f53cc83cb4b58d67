//! Fields and methods of concrete types (spec, "Selectors", "Method sets").

use std::rc::Rc;

use base::{FxHashMap, FxHashSet, Symbol};
use mir::{FieldTy, Ty, TyKind, method_order};
use smallvec::SmallVec;
use types::ObjId;

use crate::cx::Cx;

/// A selector's target.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Embedded fields on the way (indices in their structs).
    pub path: SmallVec<[u32; 4]>,
    pub kind: FoundKind,
    /// Whether an embedded pointer is followed on the way.
    pub through_pointer: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum FoundKind {
    /// Field of the struct at the end of the path.
    Field(u32),
    /// Declared method of the defined type at the end of the path.
    Method {
        recv: Ty,
        func: ObjId,
        ptr_recv: bool,
        generic: bool,
    },
    /// Method of the interface at the end of the path.
    Iface { iface: Ty, index: usize },
}

/// A method set's entry.
#[derive(Clone, Debug)]
pub(crate) struct MethodEntry {
    pub name: Symbol,
    pub pkg: Option<Symbol>,
    /// Function type without receiver.
    pub sig: Ty,
    pub found: Rc<Found>,
}

#[derive(Default)]
pub(crate) struct LookupCx {
    found: FxHashMap<(Ty, Symbol, Option<Symbol>), Option<Rc<Found>>>,
    sets: FxHashMap<Ty, Rc<[MethodEntry]>>,
    struct_offsets: FxHashMap<Ty, Rc<[u64]>>,
}

impl Cx<'_> {
    /// What `x.name` means for `x` of type `ty` (or `*ty`).
    pub(crate) fn lookup(
        &mut self,
        ty: Ty,
        name: Symbol,
        pkg: Option<Symbol>,
    ) -> Option<Rc<Found>> {
        let key = (ty, name, pkg);
        if let Some(found) = self.lc.found.get(&key) {
            return found.clone();
        }
        let found = self.search(ty, name, pkg).map(Rc::new);
        self.lc.found.insert(key, found.clone());
        found
    }

    fn search(&mut self, ty: Ty, name: Symbol, pkg: Option<Symbol>) -> Option<Found> {
        struct At {
            ty: Ty,
            path: SmallVec<[u32; 4]>,
            through: bool,
        }
        let mut start = ty;
        // A defined pointer type has no methods of its base, but its fields.
        if let TyKind::Pointer(elem) = self.p.types.under(ty) {
            start = *elem;
        }
        let mut level = vec![At {
            ty: start,
            path: SmallVec::new(),
            through: false,
        }];
        let mut seen: FxHashSet<Ty> = FxHashSet::default();
        while !level.is_empty() {
            let mut found: Option<Found> = None;
            let mut count = 0;
            let mut next: Vec<At> = Vec::new();
            for at in &level {
                let is_named = matches!(self.p.types.kind(at.ty), TyKind::Named(_));
                if is_named && seen.contains(&at.ty) {
                    continue;
                }
                let info = self.named_info(at.ty);
                if let Some(m) =
                    info.and_then(|i| i.methods.iter().find(|m| m.name == name && m.pkg == pkg))
                {
                    count += 1;
                    found = Some(Found {
                        path: at.path.clone(),
                        kind: FoundKind::Method {
                            recv: at.ty,
                            func: m.func,
                            ptr_recv: m.ptr_recv,
                            generic: m.generic,
                        },
                        through_pointer: at.through,
                    });
                    continue;
                }
                match self.p.types.under(at.ty) {
                    TyKind::Struct(fields) => {
                        for (i, f) in fields.iter().enumerate() {
                            if f.name == name && f.pkg == pkg {
                                count += 1;
                                found = Some(Found {
                                    path: at.path.clone(),
                                    kind: FoundKind::Field(i as u32),
                                    through_pointer: at.through,
                                });
                                continue;
                            }
                            if f.embedded {
                                let (ty, through) = deref(self, f);
                                let mut path = at.path.clone();
                                path.push(i as u32);
                                next.push(At {
                                    ty,
                                    path,
                                    through: at.through || through,
                                });
                            }
                        }
                    }
                    TyKind::Interface(methods) => {
                        if let Some(index) =
                            methods.iter().position(|m| m.name == name && m.pkg == pkg)
                        {
                            count += 1;
                            found = Some(Found {
                                path: at.path.clone(),
                                kind: FoundKind::Iface {
                                    iface: at.ty,
                                    index,
                                },
                                through_pointer: at.through,
                            });
                        }
                    }
                    _ => {}
                }
            }
            if count == 1 {
                return found;
            }
            if count > 1 {
                return None;
            }
            for at in &level {
                if matches!(self.p.types.kind(at.ty), TyKind::Named(_)) {
                    seen.insert(at.ty);
                }
            }
            level = next;
        }
        None
    }

    /// The method set of a type that is not an interface, in method order.
    pub(crate) fn method_set(&mut self, ty: Ty) -> Rc<[MethodEntry]> {
        if let Some(set) = self.lc.sets.get(&ty) {
            return set.clone();
        }
        let mut names: Vec<(Symbol, Option<Symbol>)> = Vec::new();
        let is_pointer = matches!(self.p.types.kind(ty), TyKind::Pointer(_));
        let base = match self.p.types.kind(ty) {
            TyKind::Pointer(elem) => Some(*elem),
            TyKind::Named(_) | TyKind::Struct(_) => Some(ty),
            _ => None,
        };
        let defined_pointer = !is_pointer && matches!(self.p.types.under(ty), TyKind::Pointer(_));
        if let Some(base) = base.filter(|_| !defined_pointer) {
            let pointer_to_iface = is_pointer && self.p.types.is_interface(base);
            let pointer_to_pointer =
                is_pointer && matches!(self.p.types.under(base), TyKind::Pointer(_));
            if !pointer_to_iface && !pointer_to_pointer {
                self.collect_names(base, &mut names, &mut FxHashSet::default());
            }
        }
        names.sort_by(|a, b| method_order(*a, *b));
        names.dedup();
        let mut set = Vec::with_capacity(names.len());
        for (name, pkg) in names {
            let Some(found) = self.lookup(ty, name, pkg) else {
                continue;
            };
            let sig = match found.kind {
                FoundKind::Field(_) => continue,
                FoundKind::Method {
                    recv,
                    func,
                    ptr_recv,
                    generic,
                } => {
                    if generic || ptr_recv && !is_pointer && !found.through_pointer {
                        continue;
                    }
                    self.method_sig(recv, func)
                }
                FoundKind::Iface { iface, index } => self.iface_methods(iface)[index].2,
            };
            set.push(MethodEntry {
                name,
                pkg,
                sig,
                found,
            });
        }
        let set: Rc<[MethodEntry]> = set.into();
        self.lc.sets.insert(ty, set.clone());
        set
    }

    fn collect_names(
        &self,
        ty: Ty,
        out: &mut Vec<(Symbol, Option<Symbol>)>,
        seen: &mut FxHashSet<Ty>,
    ) {
        if !seen.insert(ty) {
            return;
        }
        if let Some(info) = self.named_info(ty) {
            out.extend(info.methods.iter().map(|m| (m.name, m.pkg)));
        }
        match self.p.types.under(ty) {
            TyKind::Struct(fields) => {
                for f in fields.iter().filter(|f| f.embedded) {
                    let (ty, _) = deref(self, f);
                    self.collect_names(ty, out, seen);
                }
            }
            TyKind::Interface(methods) => out.extend(methods.iter().map(|m| (m.name, m.pkg))),
            _ => {}
        }
    }

    /// The function type (without receiver) of a declared method of the defined type `recv`.
    pub(crate) fn method_sig(&mut self, recv: Ty, func: ObjId) -> Ty {
        let targs = self
            .named_info(recv)
            .map(|i| i.targs.clone())
            .unwrap_or_default();
        let env = self.func_env(func, &targs);
        let ty = self.store.obj_type(func);
        self.ty(&env, ty)
    }

    /// Name, package and signature of an interface's methods.
    pub(crate) fn iface_methods(&self, iface: Ty) -> Vec<(Symbol, Option<Symbol>, Ty)> {
        match self.p.types.under(iface) {
            TyKind::Interface(methods) => methods.iter().map(|m| (m.name, m.pkg, m.sig)).collect(),
            _ => Vec::new(),
        }
    }

    /// Offsets of a struct type's fields.
    pub(crate) fn offsets(&mut self, ty: Ty) -> Rc<[u64]> {
        let ty = self.p.types.underlying(ty);
        if let Some(o) = self.lc.struct_offsets.get(&ty) {
            return o.clone();
        }
        let TyKind::Struct(fields) = self.p.types.kind(ty) else {
            unreachable!("a struct")
        };
        let offsets: Rc<[u64]> = self.p.types.struct_layout(fields).1.to_vec().into();
        self.lc.struct_offsets.insert(ty, offsets.clone());
        offsets
    }

    /// Field `index` of a struct type.
    pub(crate) fn field_ty(&self, ty: Ty, index: usize) -> Ty {
        match self.p.types.under(ty) {
            TyKind::Struct(fields) => fields[index].ty,
            other => unreachable!("field {index} of {other:?}"),
        }
    }
}

fn deref(cx: &Cx<'_>, field: &FieldTy) -> (Ty, bool) {
    match cx.p.types.kind(field.ty) {
        TyKind::Pointer(elem) => (*elem, true),
        _ => (field.ty, false),
    }
}
