//! Who keeps what alive: reachability, dominators, retained sizes.
//!
//! Nodes are numbered: 0 a root above everything; then one node per group of goroutines with the same stack;
//! then one per root; then the slots. A goroutine's root hangs below its group, so that what one group shares
//! belongs to the group.
//!
//! Dominators by the semi-NCA algorithm (Georgiadis, "Linear-Time Algorithms for Dominators and Related
//! Problems", 2005; the variant with path compression on the spanning tree): the tree of immediate dominators
//! of ten million objects takes about a second. All arrays are indexed by preorder number, four bytes each.

use rustc_hash::FxHashMap;

use crate::snapshot::{RootKind, Slot, Snapshot};

/// Index of a node.
pub type Node = u32;

/// No node.
pub const NONE: u32 = u32::MAX;

/// Goroutines with the same stack, state and reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Indices of the goroutines.
    pub members: Vec<u32>,
}

/// The dominator tree with sizes.
pub struct Graph {
    /// Groups of goroutines.
    pub groups: Vec<Group>,
    /// First node of a root.
    pub first_root: Node,
    /// First node of a slot.
    pub first_slot: Node,
    /// Node to preorder number; [`NONE`]: unreachable.
    order: Vec<u32>,
    /// Preorder number to node.
    vertex: Vec<Node>,
    /// Immediate dominators, by preorder number.
    idom: Vec<u32>,
    /// Bytes retained, by preorder number.
    retained: Vec<u64>,
    /// Predecessors, by preorder number.
    pred_offsets: Vec<u32>,
    preds: Vec<u32>,
}

/// Groups goroutines by stack, status and reason, in order of first member.
pub fn group_goroutines(snapshot: &Snapshot) -> Vec<Group> {
    let mut ids: FxHashMap<(u32, u8, &str), usize> = FxHashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    for (index, goroutine) in snapshot.goroutines.iter().enumerate() {
        let key = (
            goroutine.stack,
            goroutine.status as u8,
            goroutine.reason.as_str(),
        );
        let id = *ids.entry(key).or_insert_with(|| {
            groups.push(Group::default());
            groups.len() - 1
        });
        groups[id].members.push(index as u32);
    }
    groups
}

/// Successors of every node without materialising the virtual ones.
struct Successors<'s> {
    snapshot: &'s Snapshot,
    /// Children of node 0.
    top: Vec<Node>,
    /// Children of groups: root nodes.
    group_roots: Vec<Vec<Node>>,
    first_root: Node,
    first_slot: Node,
}

impl Successors<'_> {
    fn count(&self, node: Node) -> u32 {
        if node >= self.first_slot {
            let slot = (node - self.first_slot) as usize;
            self.snapshot.heap.offsets[slot + 1] - self.snapshot.heap.offsets[slot]
        } else if node >= self.first_root {
            self.snapshot.roots[(node - self.first_root) as usize].count
        } else if node > 0 {
            self.group_roots[node as usize - 1].len() as u32
        } else {
            self.top.len() as u32
        }
    }

    #[inline]
    fn get(&self, node: Node, index: u32) -> Node {
        if node >= self.first_slot {
            let slot = (node - self.first_slot) as usize;
            self.first_slot
                + self.snapshot.heap.targets[(self.snapshot.heap.offsets[slot] + index) as usize]
        } else if node >= self.first_root {
            let root = &self.snapshot.roots[(node - self.first_root) as usize];
            self.first_slot + self.snapshot.root_targets[(root.first + index) as usize]
        } else if node > 0 {
            self.group_roots[node as usize - 1][index as usize]
        } else {
            self.top[index as usize]
        }
    }
}

impl Graph {
    /// Builds everything.
    pub fn build(snapshot: &Snapshot) -> Graph {
        let groups = group_goroutines(snapshot);
        let first_root = 1 + groups.len() as u32;
        let first_slot = first_root + snapshot.roots.len() as u32;
        let mut group_of: Vec<u32> = vec![NONE; snapshot.goroutines.len()];
        for (index, group) in groups.iter().enumerate() {
            for &member in &group.members {
                group_of[member as usize] = index as u32;
            }
        }
        let mut top: Vec<Node> = (1..first_root).collect();
        let mut group_roots: Vec<Vec<Node>> = vec![Vec::new(); groups.len()];
        for (index, root) in snapshot.roots.iter().enumerate() {
            let node = first_root + index as u32;
            match root.kind {
                RootKind::Goroutine(goroutine)
                    if group_of
                        .get(goroutine as usize)
                        .is_some_and(|group| *group != NONE) =>
                {
                    group_roots[group_of[goroutine as usize] as usize].push(node);
                }
                _ => top.push(node),
            }
        }
        let successors = Successors {
            snapshot,
            top,
            group_roots,
            first_root,
            first_slot,
        };
        let total = first_slot as usize + snapshot.heap.slots();
        let mut graph = Graph {
            groups,
            first_root,
            first_slot,
            order: vec![NONE; total],
            vertex: Vec::new(),
            idom: Vec::new(),
            retained: Vec::new(),
            pred_offsets: Vec::new(),
            preds: Vec::new(),
        };
        let parent = graph.depth_first(&successors);
        graph.predecessors(&successors);
        graph.dominators(parent);
        graph.sizes(snapshot);
        graph
    }

    fn depth_first(&mut self, successors: &Successors<'_>) -> Vec<u32> {
        let mut parent: Vec<u32> = vec![0];
        let mut stack: Vec<(Node, u32)> = vec![(0, 0)];
        self.order[0] = 0;
        self.vertex.push(0);
        while let Some((node, cursor)) = stack.last_mut() {
            if *cursor == successors.count(*node) {
                stack.pop();
                continue;
            }
            let from = *node;
            let next = successors.get(from, *cursor);
            *cursor += 1;
            if self.order[next as usize] == NONE {
                self.order[next as usize] = self.vertex.len() as u32;
                self.vertex.push(next);
                parent.push(self.order[from as usize]);
                if successors.count(next) > 0 {
                    stack.push((next, 0));
                }
            }
        }
        parent
    }

    fn predecessors(&mut self, successors: &Successors<'_>) {
        let count = self.vertex.len();
        let mut offsets = vec![0u32; count + 1];
        for &node in &self.vertex {
            for index in 0..successors.count(node) {
                offsets[self.order[successors.get(node, index) as usize] as usize + 1] += 1;
            }
        }
        for index in 0..count {
            offsets[index + 1] += offsets[index];
        }
        let mut preds = vec![0u32; offsets[count] as usize];
        // Filled from the back, so that afterwards `offsets` is where it was.
        for (number, &node) in self.vertex.iter().enumerate() {
            for index in 0..successors.count(node) {
                let to = self.order[successors.get(node, index) as usize] as usize;
                offsets[to + 1] -= 1;
                preds[offsets[to + 1] as usize] = number as u32;
            }
        }
        // Every offsets[to + 1] is now the start of `to`; shift back.
        offsets.rotate_left(1);
        let last = offsets.len() - 1;
        offsets[last] = preds.len() as u32;
        self.pred_offsets = offsets;
        self.preds = preds;
    }

    fn dominators(&mut self, mut parent: Vec<u32>) {
        let count = self.vertex.len();
        let mut idom = parent.clone();
        let mut semi: Vec<u32> = (0..count as u32).collect();
        let mut label: Vec<u32> = (0..count as u32).collect();
        let mut path: Vec<u32> = Vec::new();
        for w in (1..count as u32).rev() {
            let mut best = parent[w as usize];
            for at in self.pred_offsets[w as usize]..self.pred_offsets[w as usize + 1] {
                let v = self.preds[at as usize];
                let u = evaluate(v, w + 1, &mut parent, &semi, &mut label, &mut path);
                best = best.min(semi[u as usize]);
            }
            semi[w as usize] = best;
        }
        for w in 1..count {
            let mut candidate = idom[w];
            while candidate > semi[w] {
                candidate = idom[candidate as usize];
            }
            idom[w] = candidate;
        }
        self.idom = idom;
    }

    fn sizes(&mut self, snapshot: &Snapshot) {
        let count = self.vertex.len();
        let mut retained = vec![0u64; count];
        // Slots come span by span: one pass over spans instead of a search per node.
        for span in &snapshot.heap.spans {
            for slot in span.first..span.first + span.slots {
                let number = self.order[(self.first_slot + slot) as usize];
                if number != NONE {
                    retained[number as usize] = span.elem_size;
                }
            }
        }
        for w in (1..count).rev() {
            let size = retained[w];
            retained[self.idom[w] as usize] += size;
        }
        self.retained = retained;
    }

    /// Whether an object is reachable.
    pub fn is_reachable(&self, slot: Slot) -> bool {
        self.order[(self.first_slot + slot) as usize] != NONE
    }

    /// Bytes that would be freed with a node.
    pub fn retained(&self, node: Node) -> u64 {
        match self.order[node as usize] {
            NONE => 0,
            number => self.retained[number as usize],
        }
    }

    /// Bytes retained by an object.
    pub fn retained_by_slot(&self, slot: Slot) -> u64 {
        self.retained(self.first_slot + slot)
    }

    /// Bytes retained by a root of the snapshot.
    pub fn retained_by_root(&self, root: usize) -> u64 {
        self.retained(self.first_root + root as u32)
    }

    /// Bytes retained by a group of goroutines.
    pub fn retained_by_group(&self, group: usize) -> u64 {
        self.retained(1 + group as u32)
    }

    /// All reachable bytes.
    pub fn total(&self) -> u64 {
        self.retained.first().copied().unwrap_or(0)
    }

    /// The immediate dominator of a node.
    pub fn dominator(&self, node: Node) -> Option<Node> {
        match self.order[node as usize] {
            NONE | 0 => None,
            number => Some(self.vertex[self.idom[number as usize] as usize]),
        }
    }

    /// Number of reachable nodes; preorder numbers run below it.
    pub fn len(&self) -> usize {
        self.vertex.len()
    }

    /// Node with a preorder number, its dominator's preorder number, its retained bytes.
    pub fn entry(&self, number: u32) -> (Node, u32, u64) {
        (
            self.vertex[number as usize],
            self.idom[number as usize],
            self.retained[number as usize],
        )
    }

    /// Preorder number of a node; [`NONE`] when unreachable.
    pub fn number(&self, node: Node) -> u32 {
        self.order[node as usize]
    }

    /// Nodes that refer to a node.
    pub fn referrers(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let range = match self.order[node as usize] {
            NONE => 0..0,
            number => {
                self.pred_offsets[number as usize] as usize
                    ..self.pred_offsets[number as usize + 1] as usize
            }
        };
        self.preds[range]
            .iter()
            .map(|&number| self.vertex[number as usize])
    }

    /// A shortest way from a root to an object: nodes from the root down. Looks at most at `limit` nodes.
    pub fn path(&self, slot: Slot, limit: usize) -> Vec<Node> {
        let start = self.order[(self.first_slot + slot) as usize];
        if start == NONE {
            return Vec::new();
        }
        let mut came_from: FxHashMap<u32, u32> = FxHashMap::default();
        let mut queue = std::collections::VecDeque::from([start]);
        came_from.insert(start, NONE);
        let mut found = None;
        while let Some(number) = queue.pop_front() {
            let node = self.vertex[number as usize];
            if node < self.first_slot && node >= self.first_root {
                found = Some(number);
                break;
            }
            if came_from.len() > limit {
                break;
            }
            for at in self.pred_offsets[number as usize]..self.pred_offsets[number as usize + 1] {
                let pred = self.preds[at as usize];
                if let std::collections::hash_map::Entry::Vacant(entry) = came_from.entry(pred) {
                    entry.insert(number);
                    queue.push_back(pred);
                }
            }
        }
        let mut result = Vec::new();
        let mut at = match found {
            Some(number) => number,
            None => {
                // Too wide: fall back to the chain of dominators.
                let mut chain = vec![self.vertex[start as usize]];
                let mut number = start;
                while number != 0 {
                    number = self.idom[number as usize];
                    chain.push(self.vertex[number as usize]);
                }
                chain.retain(|&node| node >= self.first_root);
                chain.reverse();
                return chain;
            }
        };
        while at != NONE {
            result.push(self.vertex[at as usize]);
            at = came_from[&at];
        }
        result
    }
}

/// The vertex of least semidominator on the compressed path above `v` inside the part linked so far.
fn evaluate(
    v: u32,
    last_linked: u32,
    parent: &mut [u32],
    semi: &[u32],
    label: &mut [u32],
    path: &mut Vec<u32>,
) -> u32 {
    if parent[v as usize] < last_linked {
        return label[v as usize];
    }
    path.clear();
    let mut at = v;
    loop {
        path.push(at);
        at = parent[at as usize];
        if parent[at as usize] < last_linked {
            break;
        }
    }
    let mut above = at;
    let mut above_label = label[at as usize];
    while let Some(node) = path.pop() {
        parent[node as usize] = parent[above as usize];
        let own = label[node as usize];
        if semi[above_label as usize] < semi[own as usize] {
            label[node as usize] = above_label;
        } else {
            above_label = own;
        }
        above = node;
    }
    label[v as usize]
}

/// Graphs for tests of this crate.
#[cfg(test)]
pub(crate) mod tests_support {
    use crate::snapshot::{Heap, Label, Root, RootKind, Snapshot, Span, SpanState};

    /// A heap of `n` objects of 16 bytes with the given edges; every root is a global.
    pub(crate) fn sample(n: u32, edges: &[(u32, u32)], roots: &[u32]) -> Snapshot {
        let mut sorted = edges.to_vec();
        sorted.sort_unstable();
        let mut heap = Heap {
            spans: vec![Span {
                start: 0x00c0_0000_0000,
                elem_size: 16,
                pages: 1,
                slots: n,
                first: 0,
                class: 2,
                noscan: false,
                state: SpanState::InUse,
            }],
            allocated: vec![u64::MAX; (n as usize).div_ceil(64)],
            labels: vec![Label::NONE; n as usize],
            ..Heap::default()
        };
        let mut at = 0;
        for slot in 0..=n {
            while at < sorted.len() && sorted[at].0 < slot {
                at += 1;
            }
            heap.offsets.push(at as u32);
        }
        heap.targets = sorted.iter().map(|edge| edge.1).collect();
        let mut snapshot = Snapshot {
            heap,
            ..Snapshot::default()
        };
        for (index, &root) in roots.iter().enumerate() {
            snapshot.root_targets.push(root);
            snapshot.roots.push(Root {
                kind: RootKind::Global,
                name: format!("g{index}"),
                ty: String::new(),
                first: index as u32,
                count: 1,
                users: Vec::new(),
            });
        }
        snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::tests_support::sample;
    use super::*;

    /// Retained sizes by definition: what becomes unreachable without the object.
    fn naive(snapshot: &Snapshot, without: Option<u32>) -> Vec<bool> {
        let mut seen = vec![false; snapshot.heap.slots()];
        let mut work: Vec<u32> = snapshot.root_targets.clone();
        while let Some(slot) = work.pop() {
            if Some(slot) == without || std::mem::replace(&mut seen[slot as usize], true) {
                continue;
            }
            work.extend(snapshot.heap.edges(slot).map(|edge| edge.0));
        }
        seen
    }

    fn check(snapshot: &Snapshot) {
        let graph = Graph::build(snapshot);
        let all = naive(snapshot, None);
        for slot in 0..snapshot.heap.slots() as u32 {
            assert_eq!(
                graph.is_reachable(slot),
                all[slot as usize],
                "reachability of {slot}"
            );
            if all[slot as usize] {
                let rest = naive(snapshot, Some(slot));
                let lost = all
                    .iter()
                    .zip(&rest)
                    .filter(|(before, after)| **before && !**after)
                    .count() as u64;
                assert_eq!(
                    graph.retained_by_slot(slot),
                    lost * 16,
                    "retained by {slot}"
                );
            }
        }
        assert_eq!(
            graph.total(),
            all.iter().filter(|seen| **seen).count() as u64 * 16
        );
    }

    #[test]
    fn a_diamond_belongs_to_its_top() {
        let snapshot = sample(5, &[(0, 1), (0, 2), (1, 3), (2, 3)], &[0]);
        check(&snapshot);
        assert_eq!(Graph::build(&snapshot).retained_by_slot(0), 64);
    }

    #[test]
    fn retained_sizes_equal_their_definition_on_random_graphs() {
        let mut state = 88_172_645_463_325_252u64;
        let mut random = move |below: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as u32 % below
        };
        for round in 0..300 {
            let n = 2 + random(40);
            let edges: Vec<(u32, u32)> = (0..random(n * 3) + 1)
                .map(|_| (random(n), random(n)))
                .collect();
            let roots: Vec<u32> = (0..1 + round % 3).map(|_| random(n)).collect();
            check(&sample(n, &edges, &roots));
        }
    }

    #[test]
    fn a_path_leads_from_a_root_to_the_object() {
        let snapshot = sample(6, &[(0, 1), (1, 2), (2, 3), (0, 4), (4, 3)], &[5, 0]);
        let graph = Graph::build(&snapshot);
        let path = graph.path(3, 1000);
        assert_eq!(path.len(), 4);
        assert_eq!(path[0], graph.first_root + 1);
        assert_eq!(path[3], graph.first_slot + 3);
    }

    #[test]
    fn long_chains_do_not_recurse() {
        let n = 300_000;
        let edges: Vec<(u32, u32)> = (0..n - 1).map(|slot| (slot, slot + 1)).collect();
        let snapshot = sample(n, &edges, &[0]);
        assert_eq!(
            Graph::build(&snapshot).retained_by_slot(0),
            u64::from(n) * 16
        );
    }
}
