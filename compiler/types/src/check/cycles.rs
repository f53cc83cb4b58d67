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
                self.valid_type(ty, &mut path, &mut valid);
            }
        }
    }

    /// Whether a value of the type has finite size; `path` holds the defined types that contain it.
    fn valid_type(
        &mut self,
        ty: TypeId,
        path: &mut Vec<TypeId>,
        valid: &mut base::FxHashSet<TypeId>,
    ) -> bool {
        stacker::maybe_grow(64 << 10, 1 << 20, || self.valid_type_inner(ty, path, valid))
    }
    fn valid_type_inner(
        &mut self,
        ty: TypeId,
        path: &mut Vec<TypeId>,
        valid: &mut base::FxHashSet<TypeId>,
    ) -> bool {
        let store = self.store;
        match store.ty(ty) {
            Type::Array { elem, .. } => self.valid_type(*elem, path, valid),
            Type::Struct(structure) => structure
                .fields
                .iter()
                .all(|&field| self.valid_type(store.obj_type(field), path, valid)),
            Type::Union(terms) => terms
                .iter()
                .all(|term| self.valid_type(term.ty, path, valid)),
            Type::Interface(interface) => interface
                .embeds
                .iter()
                .all(|&embed| self.valid_type(embed, path, valid)),
            Type::Alias(_) => {
                let target = store.unalias(ty);
                self.valid_type(target, path, valid)
            }
            Type::Named(named) => {
                let origin = named.origin.unwrap_or(ty);
                if valid.contains(&ty) || store.obj(named.obj).pkg != Some(self.pkg) {
                    return true;
                }
                if store
                    .named(origin)
                    .and_then(|origin| origin.underlying.get())
                    == Some(&TypeId::INVALID)
                {
                    return false;
                }
                // Instances of one generic type count as the same: each turn around the cycle makes another.
                let origin_of =
                    |ty: TypeId| store.named(ty).and_then(|named| named.origin).unwrap_or(ty);
                if let Some(start) = path.iter().position(|&outer| origin_of(outer) == origin)
                    && (path[start] == ty || path.len() > start + 64)
                {
                    let cycle: Vec<ObjId> = path[start..]
                        .iter()
                        .filter_map(|&ty| store.named(ty).map(|named| named.obj))
                        .collect();
                    for &ty in &path[start..] {
                        let origin = origin_of(ty);
                        if let Some(named) = store.named(origin) {
                            let _ = named.underlying.set(TypeId::INVALID);
                        }
                    }
                    self.cycle_error(&cycle);
                    return false;
                }
                path.push(ty);
                let rhs = match (named.rhs.get(), named.origin) {
                    (Some(&rhs), None) => rhs,
                    _ => store.underlying(ty),
                };
                let ok = self.valid_type(rhs, path, valid);
                path.pop();
                if ok {
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
                    if !seen.contains_key(&edges[next].to) {
                        seen.insert(edges[next].to, Some(next));
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
