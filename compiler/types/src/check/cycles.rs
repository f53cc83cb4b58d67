//! Types that contain themselves, and instantiations without end.

use source::Pos;

use super::Checker;
use crate::model::*;

/// Edges between type parameters: a type argument mentions the source where the target is instantiated.
#[derive(Default)]
pub(super) struct MonoGraph {
    edges: Vec<MonoEdge>,
}

struct MonoEdge {
    from: TypeId,
    to: TypeId,
    /// The argument is more than the bare parameter, so that each turn makes it larger.
    grows: bool,
    pos: Pos,
    targ: TypeId,
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
                if valid.contains(&ty) || (!local && named.targs.is_empty()) {
                    return true;
                }
                if local && generic.underlying.get() == Some(&TypeId::INVALID) {
                    return false;
                }
                if nest.iter().any(|&outer| store.identical(outer, ty)) || path.len() > 300 {
                    let start = path
                        .iter()
                        .position(|&outer| store.identical(outer, ty))
                        .unwrap_or(0);
                    let mut cycle = Vec::new();
                    for &member in &path[start..] {
                        let Some(named) = store.named(member) else {
                            continue;
                        };
                        let origin = named.origin.unwrap_or(member);
                        if let Some(named) = store.named(origin) {
                            let _ = named.underlying.set(TypeId::INVALID);
                        }
                        let declared = store.obj(named.obj).pos;
                        cycle.push((
                            named.obj,
                            self.instance_pos.get(&member).copied().unwrap_or(declared),
                        ));
                    }
                    if !cycle.is_empty() {
                        self.cycle_error_at(&cycle, 0);
                    }
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

    /// Remembers an instantiation whose arguments mention type parameters.
    pub(super) fn note_instance(
        &mut self,
        pos: Pos,
        generic: TypeId,
        tparams: &[TypeId],
        targs: &[TypeId],
    ) {
        let _ = generic;
        let store = self.store;
        for (&to, &targ) in tparams.iter().zip(targs) {
            if !store.is_parameterized(targ) {
                continue;
            }
            let bare = store.is_type_param(targ);
            let mut mentioned = Vec::new();
            self.collect_params(targ, &mut mentioned);
            for from in mentioned {
                self.mono.edges.push(MonoEdge {
                    from,
                    to,
                    grows: !bare,
                    pos,
                    targ,
                });
            }
        }
    }
    fn collect_params(&self, ty: TypeId, out: &mut Vec<TypeId>) {
        let store = self.store;
        let ty = store.unalias(ty);
        match store.ty(ty) {
            Type::TypeParam(_) => {
                if !out.contains(&ty) {
                    out.push(ty);
                }
            }
            Type::Pointer(elem)
            | Type::Slice(elem)
            | Type::Array { elem, .. }
            | Type::Chan { elem, .. } => {
                self.collect_params(*elem, out);
            }
            Type::Map { key, elem } => {
                self.collect_params(*key, out);
                self.collect_params(*elem, out);
            }
            Type::Named(named) => named
                .targs
                .iter()
                .for_each(|&targ| self.collect_params(targ, out)),
            Type::Struct(structure) => structure
                .fields
                .iter()
                .for_each(|&field| self.collect_params(store.obj_type(field), out)),
            Type::Signature(signature) => {
                signature
                    .params
                    .iter()
                    .chain(&signature.results)
                    .for_each(|&var| self.collect_params(store.obj_type(var), out));
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
        let mut graph: base::FxHashMap<TypeId, Vec<usize>> = Default::default();
        for (i, edge) in edges.iter().enumerate() {
            graph.entry(edge.from).or_default().push(i);
        }
        for edge in edges.iter().filter(|edge| edge.grows) {
            // A way back from the edge's target to its source.
            let mut seen: base::FxHashMap<TypeId, Option<usize>> = Default::default();
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
            let name = |ty: TypeId| self.type_str(ty);
            let mut lines = vec![(
                edge.pos,
                format!("{} instantiated as {}", name(edge.to), name(edge.targ)),
            )];
            let mut node = edge.from;
            let mut back = Vec::new();
            while let Some(&Some(at)) = seen.get(&node) {
                let other = &edges[at];
                back.push((
                    other.pos,
                    format!("{} instantiated as {}", name(other.to), name(other.targ)),
                ));
                node = other.from;
                if node == edge.to {
                    break;
                }
            }
            back.reverse();
            lines.extend(back);
            self.error_lines(
                edge.pos,
                "InvalidInstanceCycle",
                "instantiation cycle".into(),
                &lines,
            );
            return;
        }
    }
}
