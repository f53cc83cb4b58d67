//! What reaches the heap, the results, and later trips of loops.

use base::Id;
use mir::{Body, Function, Value};

use super::graph::{Graph, HEAP, Node};
use super::{Derefs, Flow, MAX_DEREFS, NEVER, Summary};
use crate::loops;

/// Not reached.
const FAR: i8 = i8::MAX;

/// Least number of dereferences after which each node gets to one of the roots; -1: its address does.
struct Distances {
    of: Vec<i8>,
    work: Vec<Node>,
}

impl Distances {
    fn new(graph: &Graph) -> Distances {
        Distances {
            of: vec![FAR; graph.nodes()],
            work: Vec::new(),
        }
    }

    fn add_root(&mut self, node: Node) {
        self.reach(node, 0);
    }

    fn reach(&mut self, node: Node, distance: i8) {
        let old = &mut self.of[node as usize];
        if distance < *old {
            *old = distance;
            self.work.push(node);
        }
    }

    /// Walks back from the roots until nothing changes.
    fn run(&mut self, graph: &Graph) {
        while let Some(node) = self.work.pop() {
            // Whose address is somewhere, its content is there after no dereference less than none: what is stored in memory that
            // can be reached can be reached.
            let here = self.of[node as usize].max(0);
            for &(source, derefs) in graph.sources(node) {
                self.reach(source, (here + derefs).min(MAX_DEREFS));
            }
        }
    }

    fn has_address(&self, graph: &Graph, object: usize) -> bool {
        self.of[graph.object(object) as usize] < 0
    }
}

/// Objects that may outlive the call: their addresses get to the heap or into results.
fn outliving(graph: &Graph, results: usize) -> Distances {
    let mut distances = Distances::new(graph);
    distances.add_root(HEAP);
    for n in 0..results {
        distances.add_root(graph.result(n));
    }
    distances.run(graph);
    distances
}

/// Where the function's parameters go.
pub(super) fn summary(graph: &Graph, func: &Function) -> Summary {
    let results = func.results.len();
    let outliving = outliving(graph, results);
    let mut heap = Distances::new(graph);
    heap.add_root(HEAP);
    for object in 0..graph.objects.len() {
        if outliving.has_address(graph, object) {
            heap.add_root(graph.object(object));
        }
    }
    heap.run(graph);
    let mut flows: Vec<Flow> = graph
        .params
        .iter()
        .map(|&param| Flow {
            heap: of_param(graph, &heap, param),
            ..Flow::none(results)
        })
        .collect();
    for n in 0..results {
        if graph.sources(graph.result(n)).is_empty() {
            continue;
        }
        let mut distances = Distances::new(graph);
        distances.add_root(graph.result(n));
        distances.run(graph);
        for (flow, &param) in flows.iter_mut().zip(&graph.params) {
            flow.results[n] = of_param(graph, &distances, param);
        }
    }
    Summary(flows.into())
}

fn of_param(graph: &Graph, distances: &Distances, param: Node) -> Derefs {
    if param == HEAP {
        return NEVER;
    }
    let distance = distances.of[param as usize];
    if distance == FAR {
        return NEVER;
    }
    // The argument for an in-memory parameter is the address of the memory.
    let distance = distance + graph.as_object(param).is_some() as i8;
    distance.clamp(0, MAX_DEREFS) as Derefs
}

/// Which objects must not be in the frame.
pub(super) fn escaping(graph: &Graph, body: &Body) -> Vec<bool> {
    let mut distances = outliving(graph, graph.results());
    let made: Vec<usize> = (0..graph.objects.len())
        .filter(|&o| graph.is_allocation(o))
        .collect();
    let order = body.reverse_postorder();
    let dominators = mir::verify::Dominators::compute(body, &order);
    let mut number = vec![usize::MAX; body.blocks.len()];
    for (n, block) in order.iter().enumerate() {
        number[block.index()] = n;
    }
    let mut cyclic = false;
    let mut reducible = true;
    for &block in &order {
        for target in body.successors(block) {
            if number[target.index()] <= number[block.index()] {
                cyclic = true;
                reducible &= dominators.dominates(target, block);
            }
        }
    }
    if !reducible {
        return vec![true; graph.objects.len()];
    }
    if cyclic {
        let loops = loops::find(body, &order, &dominators);
        loop {
            let mut changed = false;
            for l in &loops {
                let inside = |object: usize| {
                    let homes = &graph.objects[object].homes;
                    !homes.is_empty() && homes.iter().all(|&b| l.contains(b))
                };
                let concerned: Vec<usize> = made
                    .iter()
                    .copied()
                    .filter(|&o| inside(o) && !distances.has_address(graph, o))
                    .collect();
                if concerned.is_empty() {
                    continue;
                }
                let mut later = Distances::new(graph);
                let params: &[Value] = &body.blocks[l.header].params;
                for &param in params {
                    later.add_root(graph.value(param));
                }
                for object in (0..graph.objects.len()).filter(|&o| !inside(o)) {
                    later.add_root(graph.object(object));
                }
                later.run(graph);
                for object in concerned {
                    if later.has_address(graph, object) {
                        distances.reach(graph.object(object), -1);
                        changed = true;
                    }
                }
                distances.run(graph);
            }
            if !changed {
                break;
            }
        }
    }
    (0..graph.objects.len())
        .map(|o| distances.has_address(graph, o))
        .collect()
}
