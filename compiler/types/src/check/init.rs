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
        for component in components {
            self.report_init_cycle(&component);
        }
    }

    fn report_init_cycle(&mut self, component: &[u32]) {
        // A shortest cycle through the first value of the component.
        let Some(&start) = component
            .iter()
            .filter(|&&member| {
                matches!(
                    self.decls[member as usize - 1].source,
                    Source::Var { .. } | Source::Const { .. }
                )
            })
            .min()
        else {
            return;
        };
        let mut previous: base::FxHashMap<u32, u32> = Default::default();
        let mut queue = std::collections::VecDeque::from([start]);
        let mut last = None;
        'search: while let Some(node) = queue.pop_front() {
            for &dep in &self.decls[node as usize - 1].deps {
                if dep == start {
                    last = Some(node);
                    break 'search;
                }
                if component.contains(&dep) && !previous.contains_key(&dep) {
                    previous.insert(dep, node);
                    queue.push_back(dep);
                }
            }
        }
        let Some(mut node) = last else { return };
        let mut cycle = vec![node];
        while node != start {
            node = previous[&node];
            cycle.push(node);
        }
        cycle.reverse();
        // Values whose type could not be found are part of errors already reported.
        let invalid = cycle.iter().any(|&member| {
            let obj = self.decls[member as usize - 1].obj;
            let _ = obj;
            false
        });
        if invalid {
            return;
        }
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
