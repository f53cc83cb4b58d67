//! Descriptors and the reachability of methods.
//!
//! Two sets of types grow while functions are lowered: types that need a descriptor, and those whose values may be in
//! interfaces, where methods can be found dynamically. A method of a type of the second set is lowered once
//!
//! 1. a method of its name and signature is called through an interface somewhere, or
//! 2. it is exported and reflection looks methods up in a way that is not known statically (or by its name).
//!
//! Reflection gets from a value to its parts, so the components of such a type are in the set too, as is `*T` for a
//! defined type `T` (`reflect.Value.Addr`).

use base::{FxHashMap, FxHashSet, Symbol};
use mir::{FieldTy, FuncId, MethodInfo, Ty, TyKind, TypeInfo, TypeTable};

use crate::cx::Cx;

/// Slots of a Swiss map group.
const GROUP_SLOTS: u64 = 8;
/// Keys and elements larger than this are stored indirectly.
const MAX_INLINE: u64 = 128;

type MethodKey = (Symbol, Option<Symbol>, Ty);

#[derive(Default)]
pub(crate) struct ReachCx {
    desc: FxHashSet<Ty>,
    in_iface: FxHashSet<Ty>,
    /// Types whose descriptor has not been prepared yet.
    desc_queue: Vec<Ty>,
    iface_queue: Vec<Ty>,
    live: FxHashSet<MethodKey>,
    reflect_names: FxHashSet<Symbol>,
    reflect_all: bool,
    /// Methods of types in interfaces that are not live yet.
    waiting: FxHashMap<MethodKey, Vec<(Ty, usize)>>,
    /// The same, exported ones by name.
    waiting_names: FxHashMap<Symbol, Vec<(Ty, usize)>>,
    entries: FxHashMap<(Ty, usize), (FuncId, FuncId)>,
    prepared: FxHashMap<Ty, TypeInfo>,
    wanted: Vec<(Ty, usize)>,
}

impl Cx<'_> {
    /// The type's descriptor is mentioned.
    pub(crate) fn need_desc(&mut self, ty: Ty) {
        if self.reach.desc.insert(ty) {
            self.reach.desc_queue.push(ty);
        }
    }
    /// Values of this type get into interfaces.
    pub(crate) fn mark_in_iface(&mut self, ty: Ty) {
        if self.reach.in_iface.insert(ty) {
            self.reach.iface_queue.push(ty);
            self.need_desc(ty);
        }
    }
    /// A method is called through an interface.
    pub(crate) fn live_iface_method(&mut self, name: Symbol, pkg: Option<Symbol>, sig: Ty) {
        let key = (name, pkg, sig);
        if self.reach.live.insert(key) {
            if let Some(list) = self.reach.waiting.remove(&key) {
                self.reach.wanted.extend(list);
            }
        }
    }
    /// Reflection may find the exported methods of this name.
    pub(crate) fn live_reflect_name(&mut self, name: Symbol) {
        if self.reach.reflect_names.insert(name) {
            if let Some(list) = self.reach.waiting_names.remove(&name) {
                self.reach.wanted.extend(list);
            }
        }
    }
    /// Reflection may find any exported method.
    pub(crate) fn live_all_exported(&mut self) {
        if !std::mem::replace(&mut self.reach.reflect_all, true) {
            for (_, list) in std::mem::take(&mut self.reach.waiting_names) {
                self.reach.wanted.extend(list);
            }
        }
    }

    /// One round of work on types; false if there was nothing to do.
    pub(crate) fn process_types(&mut self) -> bool {
        let mut any = false;
        while let Some(ty) = self.reach.desc_queue.pop() {
            any = true;
            self.prepare_desc(ty);
        }
        while let Some(ty) = self.reach.iface_queue.pop() {
            any = true;
            self.enter_interface(ty);
        }
        let mut wanted = std::mem::take(&mut self.reach.wanted);
        wanted.sort_unstable();
        wanted.dedup();
        for (ty, index) in wanted {
            any = true;
            self.want_method(ty, index);
        }
        any
    }

    fn want_method(&mut self, ty: Ty, index: usize) {
        if self.reach.entries.contains_key(&(ty, index)) {
            return;
        }
        let set = self.method_set(ty);
        let entries = self.method_entries(ty, &set[index]);
        self.reach.entries.insert((ty, index), entries);
        // Reflection can call it: its parameters and results are visible through its type.
        self.need_desc(set[index].sig);
        self.mark_in_iface(set[index].sig);
    }

    fn enter_interface(&mut self, ty: Ty) {
        for part in self.components(ty) {
            self.mark_in_iface(part);
        }
        let is_iface = self.p.types.is_interface(ty);
        // Reflection may take the address of a value: types whose pointers have methods bring those along.
        let has_methods = match self.p.types.kind(ty) {
            TyKind::Named(_) => !is_iface,
            TyKind::Struct(fields) => fields.iter().any(|f| f.embedded),
            _ => false,
        };
        if has_methods {
            let pointer = self.p.types.pointer(ty);
            self.mark_in_iface(pointer);
        }
        if is_iface {
            return;
        }
        let set = self.method_set(ty);
        for (index, m) in set.iter().enumerate() {
            let key = (m.name, m.pkg, m.sig);
            let exported = m.pkg.is_none();
            let reflected =
                exported && (self.reach.reflect_all || self.reach.reflect_names.contains(&m.name));
            if reflected || self.reach.live.contains(&key) {
                self.reach.wanted.push((ty, index));
            } else {
                self.reach.waiting.entry(key).or_default().push((ty, index));
                if exported {
                    self.reach
                        .waiting_names
                        .entry(m.name)
                        .or_default()
                        .push((ty, index));
                }
            }
        }
    }

    /// Types that a type's descriptor refers to.
    fn components(&mut self, ty: Ty) -> Vec<Ty> {
        match self.p.types.under(ty).clone() {
            TyKind::Pointer(e) | TyKind::Slice(e) | TyKind::Chan(_, e) => vec![e],
            TyKind::Array(e, _) => vec![e, self.p.types.slice(e)],
            TyKind::Map(k, e) => vec![k, e],
            TyKind::Func(f) => f.params.iter().chain(f.results.iter()).copied().collect(),
            TyKind::Struct(fields) => fields.iter().map(|f| f.ty).collect(),
            TyKind::Interface(methods) => methods.iter().map(|m| m.sig).collect(),
            _ => Vec::new(),
        }
    }

    fn prepare_desc(&mut self, ty: Ty) {
        for part in self.components(ty) {
            self.need_desc(part);
        }
        let mut info = TypeInfo {
            equal: self.desc_equal(ty),
            ..TypeInfo::default()
        };
        if let TyKind::Map(key, elem) = *self.p.types.under(ty) {
            info.hasher = if self.p.types.is_comparable(key) {
                Some(self.desc_hash(key))
            } else {
                None
            };
            let group = self.map_group(key, elem);
            self.need_desc(group);
            info.map_group = Some(group);
        }
        self.reach.prepared.insert(ty, info);
    }

    /// `struct{ctrl uint64; slots [8]struct{key K; elem E}}`, large keys and elements as pointers.
    fn map_group(&mut self, key: Ty, elem: Ty) -> Ty {
        let mut inline = |t: Ty| {
            if self.p.types.layout(t).size > MAX_INLINE {
                self.p.types.pointer(t)
            } else {
                t
            }
        };
        let (key, elem) = (inline(key), inline(elem));
        let field = |name: &str, ty: Ty| FieldTy {
            name: Symbol::intern(name),
            pkg: Some(Symbol::intern("internal/runtime/maps")),
            ty,
            embedded: false,
            tag: None,
        };
        let slot = self.p.types.intern(TyKind::Struct(Box::new([
            field("key", key),
            field("elem", elem),
        ])));
        let slots = self.p.types.array(slot, GROUP_SLOTS);
        self.p.types.intern(TyKind::Struct(Box::new([
            field("ctrl", TypeTable::UINT64),
            field("slots", slots),
        ])))
    }

    /// Whether a concrete type has all methods of an interface.
    pub(crate) fn implements(&mut self, concrete: Ty, iface: Ty) -> bool {
        let set = self.method_set(concrete);
        let iface = self.p.types.underlying(iface);
        self.iface_methods(iface)
            .into_iter()
            .all(|(name, pkg, sig)| {
                set.iter()
                    .any(|m| m.name == name && m.pkg == pkg && m.sig == sig)
            })
    }

    /// Fills `type_info` and the itabs once everything reachable is known.
    pub(crate) fn finish_types(&mut self) {
        let prepared = std::mem::take(&mut self.reach.prepared);
        for (ty, mut info) in prepared {
            if !self.p.types.is_interface(ty) {
                let set = self.method_set(ty);
                info.methods = set
                    .iter()
                    .enumerate()
                    .map(|(i, m)| {
                        let entry = self.reach.entries.get(&(ty, i)).copied();
                        MethodInfo {
                            name: m.name,
                            pkg: m.pkg,
                            sig: m.sig,
                            ifn: entry.map(|e| e.0),
                            tfn: entry.map(|e| e.1),
                        }
                    })
                    .collect();
            }
            let pointer = self.p.types.pointer(ty);
            info.ptr_to = self.reach.desc.contains(&pointer).then_some(pointer);
            self.p.type_info.insert(ty, info);
        }
        for id in self.p.itabs.ids() {
            let (iface, concrete) = (self.p.itabs[id].iface, self.p.itabs[id].concrete);
            let set = self.method_set(concrete);
            let methods = self
                .iface_methods(iface)
                .into_iter()
                .map(|(name, pkg, _)| {
                    let index = set.iter().position(|m| m.name == name && m.pkg == pkg)?;
                    self.reach.entries.get(&(concrete, index)).map(|e| e.0)
                })
                .collect();
            self.p.itabs[id].methods = methods;
        }
        self.p.types.cache_layouts();
    }
}
