//! Order of package initialisation (spec, "Package initialization").
//!
//! Constants, variables and functions are nodes; edges lead to what an initialiser or body mentions. Functions
//! are then removed by joining their predecessors with their successors' variables: instead, for each variable, the
//! variables reachable through functions are found. Variables are emitted in declaration order as soon as all they
//! need has been.

use source::Pos;

use super::{Checker, Source};
use crate::model::*;
use crate::typed::Initializer;

impl<'a> Checker<'a> {
    pub(super) fn order_initializers(&mut self) {
        let count = self.decls.len();
        for decl in &mut self.decls {
            decl.deps.sort_unstable();
            decl.deps.dedup();
        }
        self.report_init_cycles();
        // Variables each declaration needs before it, through functions.
        let mut emitted = vec![false; count + 1];
        let mut order: Vec<u32> = Vec::new();
        let is_var = |checker: &Self, order: u32| {
            matches!(checker.decls[order as usize - 1].source, Source::Var { .. })
        };
        // Depth-first in declaration order emits what a variable needs right before it. The specification repeatedly
        // takes the earliest variable that is ready, which is the same where needs are emitted in declaration order.
        let mut needs: Vec<Vec<u32>> = vec![Vec::new(); count + 1];
        for start in 1..=count as u32 {
            if !is_var(self, start) {
                continue;
            }
            let mut seen = base::FxHashSet::default();
            let mut stack = self.decls[start as usize - 1].deps.clone();
            let mut found = Vec::new();
            while let Some(next) = stack.pop() {
                if !seen.insert(next) {
                    continue;
                }
                if is_var(self, next) {
                    if next != start {
                        found.push(next);
                    }
                } else {
                    stack.extend_from_slice(&self.decls[next as usize - 1].deps);
                }
            }
            found.sort_unstable();
            needs[start as usize] = found;
        }
        let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
        let mut users: Vec<Vec<u32>> = vec![Vec::new(); count + 1];
        for (var, list) in needs.iter().enumerate() {
            for &need in list {
                users[need as usize].push(var as u32);
            }
        }
        let mut ready: std::collections::BinaryHeap<std::cmp::Reverse<u32>> = (1..=count as u32)
            .filter(|&order| is_var(self, order) && waiting[order as usize] == 0)
            .map(std::cmp::Reverse)
            .collect();
        while let Some(std::cmp::Reverse(next)) = ready.pop() {
            if emitted[next as usize] {
                continue;
            }
            emitted[next as usize] = true;
            order.push(next);
            for &user in &users[next as usize] {
                waiting[user as usize] -= 1;
                if waiting[user as usize] == 0 {
                    ready.push(std::cmp::Reverse(user));
                }
            }
        }
        let mut done_groups: base::FxHashSet<(u32, syntax::ast::ExprId)> = Default::default();
        for next in order {
            let info = &self.decls[next as usize - 1];
            let Source::Var {
                init: Some(init),
                lhs,
                ..
            } = &info.source
            else {
                continue;
            };
            let lhs: Box<[ObjId]> = match lhs {
                Some(lhs) => {
                    if !done_groups.insert((info.file, *init)) {
                        continue;
                    }
                    lhs.iter().copied().collect()
                }
                None => Box::new([info.obj]),
            };
            self.init_order.push(Initializer {
                lhs,
                file: info.file,
                rhs: *init,
            });
        }
    }

    /// Finds cycles through at least one constant or variable: strongly connected components by Tarjan's algorithm,
    /// without recursion.
    fn report_init_cycles(&mut self) {
        let count = self.decls.len();
        let mut index = vec![0u32; count + 1];
        let mut low = vec![0u32; count + 1];
        let mut on_stack = vec![false; count + 1];
        let mut stack: Vec<u32> = Vec::new();
        let mut next_index = 1;
        let mut components: Vec<Vec<u32>> = Vec::new();
        for root in 1..=count as u32 {
            if index[root as usize] != 0 {
                continue;
            }
            let mut work: Vec<(u32, usize)> = vec![(root, 0)];
            while let Some(&mut (node, ref mut edge)) = work.last_mut() {
                let at = node as usize;
                if *edge == 0 && index[at] == 0 {
                    index[at] = next_index;
                    low[at] = next_index;
                    next_index += 1;
                    stack.push(node);
                    on_stack[at] = true;
                }
                if let Some(&dep) = self.decls[at - 1].deps.get(*edge) {
                    *edge += 1;
                    if index[dep as usize] == 0 {
                        work.push((dep, 0));
                    } else if on_stack[dep as usize] {
                        low[at] = low[at].min(index[dep as usize]);
                    }
                    continue;
                }
                work.pop();
                if let Some(&(parent, _)) = work.last() {
                    low[parent as usize] = low[parent as usize].min(low[at]);
                }
                if low[at] == index[at] {
                    let mut component = Vec::new();
                    while let Some(member) = stack.pop() {
                        on_stack[member as usize] = false;
                        component.push(member);
                        if member == node {
                            break;
                        }
                    }
                    let cyclic = component.len() > 1 || self.decls[at - 1].deps.contains(&node);
                    let has_value = component.iter().any(|&member| {
                        matches!(
                            self.decls[member as usize - 1].source,
                            Source::Var { .. } | Source::Const { .. }
                        )
                    });
                    if cyclic && has_value {
                        components.push(component);
                    }
                }
            }
        }
        if components.is_empty() {
            return;
        }
        let mut component_of: Vec<u32> = vec![0; count + 1];
        for (number, component) in (1..).zip(&components) {
            for &member in component {
                component_of[member as usize] = number;
            }
        }
        for start in self.cyclic_values(&component_of) {
            if let Some(cycle) = self.init_cycle(start, &component_of) {
                self.report_init_cycle(&cycle);
            }
        }
    }

    fn is_value(&self, order: u32) -> bool {
        let source = &self.decls[order as usize - 1].source;
        matches!(source, Source::Var { .. } | Source::Const { .. })
    }

    /// The values that still need others when their turn comes, where those with the fewest needs come first, and earlier
    /// declarations before later ones: gc looks for a cycle through each of them.
    fn cyclic_values(&self, component_of: &[u32]) -> Vec<u32> {
        let count = self.decls.len();
        let mut needs = vec![0usize; count + 1];
        let mut users: Vec<Vec<u32>> = vec![Vec::new(); count + 1];
        for start in (1..=count as u32).filter(|&order| self.is_value(order)) {
            let mut seen = base::FxHashSet::default();
            let mut stack = self.decls[start as usize - 1].deps.clone();
            while let Some(next) = stack.pop() {
                if !seen.insert(next) {
                    continue;
                }
                if self.is_value(next) {
                    needs[start as usize] += 1;
                    users[next as usize].push(start);
                } else {
                    stack.extend_from_slice(&self.decls[next as usize - 1].deps);
                }
            }
        }
        let mut queue: std::collections::BinaryHeap<std::cmp::Reverse<(usize, u32)>> = (1..=count
            as u32)
            .filter(|&order| self.is_value(order))
            .map(|order| std::cmp::Reverse((needs[order as usize], order)))
            .collect();
        let mut done = vec![false; count + 1];
        let mut found = Vec::new();
        while let Some(std::cmp::Reverse((need, next))) = queue.pop() {
            let at = next as usize;
            if done[at] || need != needs[at] {
                continue;
            }
            done[at] = true;
            if need > 0 && component_of[at] != 0 {
                found.push(next);
            }
            for &user in &users[at] {
                needs[user as usize] -= 1;
                queue.push(std::cmp::Reverse((needs[user as usize], user)));
            }
        }
        found
    }

    /// The first cycle through `start`, in the order of declarations, depth first.
    fn init_cycle(&self, start: u32, component_of: &[u32]) -> Option<Vec<u32>> {
        let component = component_of[start as usize];
        let mut seen = base::FxHashSet::default();
        seen.insert(start);
        let mut path: Vec<(u32, usize)> = vec![(start, 0)];
        while let Some((node, edge)) = path.last_mut() {
            let Some(&dep) = self.decls[*node as usize - 1].deps.get(*edge) else {
                path.pop();
                continue;
            };
            *edge += 1;
            if dep == start {
                return Some(path.into_iter().map(|(node, _)| node).collect());
            }
            if component_of[dep as usize] == component && seen.insert(dep) {
                path.push((dep, 0));
            }
        }
        None
    }

    fn report_init_cycle(&mut self, cycle: &[u32]) {
        let store = self.store;
        let objects: Vec<ObjId> = cycle
            .iter()
            .map(|&member| self.decls[member as usize - 1].obj)
            .collect();
        let first = store.obj(objects[0]);
        if objects.len() == 1 {
            self.error(
                first.pos,
                "InvalidInitCycle",
                format!("initialization cycle: {} refers to itself", first.name),
            );
            return;
        }
        let lines: Vec<(Pos, String)> = (0..objects.len())
            .map(|i| {
                let (from, to) = (
                    store.obj(objects[i]),
                    store.obj(objects[(i + 1) % objects.len()]),
                );
                (from.pos, format!("{} refers to {}", from.name, to.name))
            })
            .collect();
        self.error_lines(
            first.pos,
            "InvalidInitCycle",
            format!("initialization cycle for {}", first.name),
            &lines,
        );
    }
}
