//! Types that contain themselves, and instantiations without end.

use source::Pos;
use syntax::ast::ExprId;

use super::Checker;
use super::decl::CycleMember;
use crate::model::*;

/// Edges between type parameters: a type argument mentions the source where the target is instantiated.
#[derive(Default)]
pub(super) struct MonoGraph {
    edges: Vec<MonoEdge>,
    /// The type's own parameter for each parameter that a receiver declares.
    canonical: base::FxHashMap<TypeId, TypeId>,
    /// Types declared in generic functions, with the functions' type parameters, on which they depend.
    locals: base::FxHashMap<ObjId, Vec<TypeId>>,
}

/// A type parameter, or a type declared in a generic function.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum MonoNode {
    Param(TypeId),
    Local(ObjId),
}

struct MonoEdge {
    from: MonoNode,
    to: MonoNode,
    /// The argument is more than the bare parameter, so that each turn makes it larger.
    grows: bool,
    pos: Pos,
    /// The type argument; none where a local type depends on the function around it.
    targ: Option<TypeId>,
}

impl MonoGraph {
    /// A receiver's type parameter stands for that of its type.
    pub(super) fn note_receiver(&mut self, param: TypeId, declared: TypeId) {
        self.canonical.insert(param, declared);
    }
    /// A type is declared in a function with these type parameters.
    pub(super) fn note_local(&mut self, obj: ObjId, tparams: Vec<TypeId>) {
        self.locals.insert(obj, tparams);
    }
    fn param(&self, ty: TypeId) -> MonoNode {
        MonoNode::Param(self.canonical.get(&ty).copied().unwrap_or(ty))
    }
}

impl<'a> Checker<'a> {
    /// Reports defined types whose values would contain themselves.
    pub(super) fn check_recursive_types(&mut self) {
        let store = self.store;
        let types = std::mem::take(&mut self.declared_types);
        let mut valid: base::FxHashSet<TypeId> = Default::default();
        for obj in types {
            let ty = store.obj_type(obj);
            if store.named(ty).is_some() {
                let mut path = Vec::new();
                self.valid_type(ty, &[], &mut path, &mut valid);
            }
        }
    }

    /// Whether a value of the type has finite size. `nest` holds the defined types that enclose it, with type
    /// parameters standing for the arguments of the innermost; `path` all that were passed, for the report.
    fn valid_type(
        &mut self,
        ty: TypeId,
        nest: &[TypeId],
        path: &mut Vec<TypeId>,
        valid: &mut base::FxHashSet<TypeId>,
    ) -> bool {
        stacker::maybe_grow(64 << 10, 1 << 20, || {
            self.valid_type_inner(ty, nest, path, valid)
        })
    }
    fn valid_type_inner(
        &mut self,
        ty: TypeId,
        nest: &[TypeId],
        path: &mut Vec<TypeId>,
        valid: &mut base::FxHashSet<TypeId>,
    ) -> bool {
        let store = self.store;
        match store.ty(ty) {
            Type::Array { elem, .. } => self.valid_type(*elem, nest, path, valid),
            Type::Struct(structure) => structure
                .fields
                .iter()
                .all(|&field| self.valid_type(store.obj_type(field), nest, path, valid)),
            Type::Union(terms) => terms
                .iter()
                .all(|term| self.valid_type(term.ty, nest, path, valid)),
            Type::Interface(interface) => interface
                .embeds
                .iter()
                .all(|&embed| self.valid_type(embed, nest, path, valid)),
            Type::Alias(_) => {
                let target = store.unalias(ty);
                self.valid_type(target, nest, path, valid)
            }
            Type::TypeParam(param) => {
                let Some((&inner, outer)) = nest.split_last() else {
                    return true;
                };
                let Some(named) = store.named(inner) else {
                    return true;
                };
                let declared = named.origin.map_or(&[][..], |origin| store.tparams(origin));
                match (
                    declared.iter().position(|&tparam| tparam == ty),
                    named.targs.get(param.index as usize),
                ) {
                    // The argument belongs to where the type was instantiated.
                    (Some(_), Some(&targ)) => self.valid_type(targ, outer, path, valid),
                    _ => true,
                }
            }
            Type::Named(named) => {
                let origin = named.origin.unwrap_or(ty);
                let Some(generic) = store.named(origin) else {
                    return true;
                };
                let local = store.obj(named.obj).pkg == Some(self.pkg);
                // What has been reported is no part of further cycles.
                if valid.contains(&ty)
                    || self.invalid_types.contains(&ty)
                    || (!local && named.targs.is_empty())
                    || (local && generic.underlying.get() == Some(&TypeId::INVALID))
                {
                    return true;
                }
                if nest.iter().any(|&outer| store.identical(outer, ty)) || path.len() > 300 {
                    let start = path
                        .iter()
                        .position(|&outer| store.identical(outer, ty))
                        .unwrap_or(0);
                    self.recursive_type_error(&path[start..]);
                    return false;
                }
                path.push(ty);
                let rhs = match generic.rhs.get() {
                    Some(&rhs) => rhs,
                    None => store.underlying(origin),
                };
                let mut inner = nest.to_vec();
                inner.push(ty);
                let ok = self.valid_type(rhs, &inner, path, valid);
                path.pop();
                // What holds inside another instance depends on that instance's arguments.
                if ok && (named.targs.is_empty() || !store.is_parameterized(ty)) {
                    valid.insert(ty);
                }
                ok
            }
            _ => true,
        }
    }

    /// Reports types each of which contains the next, and the last the first.
    fn recursive_type_error(&mut self, cycle: &[TypeId]) {
        let store = self.store;
        let mut members = Vec::new();
        self.invalid_types.extend(cycle.first());
        for &ty in cycle {
            let Some(named) = store.named(ty) else {
                continue;
            };
            // What has no structure at all must not be asked for it again.
            if store.try_underlying(ty).is_none() {
                let _ = named.underlying.set(TypeId::INVALID);
            }
            let declared = store.obj(named.obj).pos;
            let is_instance = named.origin.is_some();
            members.push(CycleMember {
                obj: named.obj,
                name: if is_instance {
                    self.type_str(ty)
                } else {
                    store.obj(named.obj).name.as_str().to_owned()
                },
                pos: self.instance_pos.get(&ty).copied().unwrap_or(declared),
            });
        }
        if !members.is_empty() {
            self.cycle_error_at(&members, 0);
        }
    }

    /// Whether the size of a type is finite and known; if not, that has been reported.
    pub(super) fn finite_size(&mut self, ty: TypeId) -> SizeKind {
        self.finite_size_in(ty, &mut Vec::new(), &mut base::FxHashSet::default())
    }
    fn finite_size_in(
        &mut self,
        ty: TypeId,
        path: &mut Vec<TypeId>,
        done: &mut base::FxHashSet<TypeId>,
    ) -> SizeKind {
        stacker::maybe_grow(64 << 10, 1 << 20, || self.finite_size_inner(ty, path, done))
    }
    fn finite_size_inner(
        &mut self,
        ty: TypeId,
        path: &mut Vec<TypeId>,
        done: &mut base::FxHashSet<TypeId>,
    ) -> SizeKind {
        let store = self.store;
        let ty = store.unalias(ty);
        match store.ty(ty) {
            Type::Array { elem, .. } => self.finite_size_in(*elem, path, done),
            Type::Struct(structure) => structure
                .fields
                .iter()
                .map(|&field| self.finite_size_in(store.obj_type(field), path, done))
                .find(|&size| size != SizeKind::Finite)
                .unwrap_or(SizeKind::Finite),
            Type::Named(named) => {
                if done.contains(&ty) {
                    return SizeKind::Finite;
                }
                if path.contains(&ty) || path.len() > 100 {
                    let start = path.iter().position(|&outer| outer == ty).unwrap_or(0);
                    let cycle = path[start..].to_vec();
                    let generic = named.origin.is_some();
                    if generic && !self.resolving {
                        return SizeKind::Invalid;
                    }
                    if !cycle
                        .iter()
                        .any(|member| self.invalid_types.contains(member))
                    {
                        self.recursive_type_error(&cycle);
                    }
                    return SizeKind::Infinite;
                }
                let Some(underlying) = store.try_underlying(ty) else {
                    if let Some(obj) = self.incomplete_type(ty) {
                        let between = path.iter().filter_map(|&ty| Some(store.named(ty)?.obj));
                        let cycle: Vec<ObjId> = std::iter::once(obj).chain(between).collect();
                        self.cycle_error(&cycle);
                        self.break_cycle(obj);
                    }
                    return SizeKind::Infinite;
                };
                path.push(ty);
                let size = self.finite_size_in(underlying, path, done);
                path.pop();
                if size == SizeKind::Finite {
                    done.insert(ty);
                }
                size
            }
            _ => SizeKind::Finite,
        }
    }

    /// Remembers an instantiation whose arguments mention type parameters. `positions` are those of the arguments
    /// that are written; `pos` stands for the others.
    pub(super) fn note_instance(
        &mut self,
        pos: Pos,
        positions: &[ExprId],
        tparams: &[TypeId],
        targs: &[TypeId],
    ) {
        let store = self.store;
        for (i, (&to, &targ)) in tparams.iter().zip(targs).enumerate() {
            let mut mentioned = Vec::new();
            self.collect_nodes(targ, &mut mentioned);
            let bare = matches!(
                store.ty(store.unalias(targ)),
                Type::TypeParam(_) | Type::Named(_)
            ) && store
                .named(store.unalias(targ))
                .is_none_or(|named| named.targs.is_empty());
            let pos = positions.get(i).map_or(pos, |&expr| self.pos(expr));
            let to = self.mono.param(to);
            for from in mentioned {
                self.mono.edges.push(MonoEdge {
                    from,
                    to,
                    grows: !bare,
                    pos,
                    targ: Some(targ),
                });
            }
        }
    }
    fn collect_nodes(&mut self, ty: TypeId, out: &mut Vec<MonoNode>) {
        let store = self.store;
        let ty = store.unalias(ty);
        match store.ty(ty) {
            Type::TypeParam(_) => {
                let node = self.mono.param(ty);
                if !out.contains(&node) {
                    out.push(node);
                }
            }
            Type::Pointer(elem)
            | Type::Slice(elem)
            | Type::Array { elem, .. }
            | Type::Chan { elem, .. } => self.collect_nodes(*elem, out),
            Type::Map { key, elem } => {
                self.collect_nodes(*key, out);
                self.collect_nodes(*elem, out);
            }
            Type::Named(named) => {
                if let Some(tparams) = self.mono.locals.get(&named.obj).cloned() {
                    // The first mention also links the type to the function around it.
                    let node = MonoNode::Local(named.obj);
                    if !out.contains(&node) {
                        out.push(node);
                    }
                    let known = self.mono.edges.iter().any(|edge| edge.to == node);
                    for tparam in tparams.into_iter().filter(|_| !known) {
                        let from = self.mono.param(tparam);
                        self.mono.edges.push(MonoEdge {
                            from,
                            to: node,
                            grows: true,
                            pos: store.obj(named.obj).pos,
                            targ: None,
                        });
                    }
                }
                for &targ in &named.targs {
                    self.collect_nodes(targ, out);
                }
            }
            Type::Struct(structure) => {
                for &field in &structure.fields {
                    self.collect_nodes(store.obj_type(field), out);
                }
            }
            Type::Signature(signature) => {
                for &var in signature.params.iter().chain(&signature.results) {
                    self.collect_nodes(store.obj_type(var), out);
                }
            }
            _ => {}
        }
    }

    /// Reports cycles of instantiations that grow.
    pub(super) fn check_endless_instantiation(&mut self) {
        let edges = std::mem::take(&mut self.mono.edges);
        if !edges.iter().any(|edge| edge.grows) {
            return;
        }
        let mut graph: base::FxHashMap<MonoNode, Vec<usize>> = Default::default();
        for (i, edge) in edges.iter().enumerate() {
            graph.entry(edge.from).or_default().push(i);
        }
        let mut growing: Vec<&MonoEdge> = edges.iter().filter(|edge| edge.grows).collect();
        growing.sort_by_key(|edge| edge.pos);
        for edge in growing {
            // A way back from the edge's target to its source.
            let mut seen: base::FxHashMap<MonoNode, Option<usize>> = Default::default();
            let mut queue = std::collections::VecDeque::from([edge.to]);
            seen.insert(edge.to, None);
            while let Some(node) = queue.pop_front() {
                if node == edge.from {
                    break;
                }
                for &next in graph.get(&node).into_iter().flatten() {
                    if let std::collections::hash_map::Entry::Vacant(slot) =
                        seen.entry(edges[next].to)
                    {
                        slot.insert(Some(next));
                        queue.push_back(edges[next].to);
                    }
                }
            }
            if !seen.contains_key(&edge.from) {
                continue;
            }
            // The cycle's edges from the last to the first.
            let mut cycle = vec![edge];
            let mut node = edge.from;
            while let Some(&Some(at)) = seen.get(&node) {
                cycle.push(&edges[at]);
                node = edges[at].from;
                if node == edge.to {
                    break;
                }
            }
            if matches!(edge.to, MonoNode::Local(_)) {
                // A type parameter is shown first.
                cycle.rotate_left(1);
            }
            let object = |node: MonoNode| match node {
                MonoNode::Param(ty) => match self.store.ty(ty) {
                    Type::TypeParam(param) => self.store.obj(param.obj),
                    _ => self.store.obj(ObjId::new(0)),
                },
                MonoNode::Local(obj) => self.store.obj(obj),
            };
            let lines: Vec<(Pos, String)> = cycle
                .iter()
                .map(|edge| {
                    let name = object(edge.to).name;
                    let text = match edge.targ {
                        Some(targ) => format!("{name} instantiated as {}", self.type_str(targ)),
                        None => {
                            let from = object(edge.from).name;
                            format!("{name} implicitly parameterized by {from}")
                        }
                    };
                    (edge.pos, text)
                })
                .collect();
            let pos = object(cycle[0].to).pos;
            let message = "instantiation cycle:".to_owned();
            self.error_lines(pos, "InvalidInstanceCycle", message, &lines);
            return;
        }
    }
}

/// What [`Checker::finite_size`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SizeKind {
    Finite,
    /// The type contains itself, or is declared by means of its own size.
    Infinite,
    /// An instance of a generic type that was reported with its declaration.
    Invalid,
}
