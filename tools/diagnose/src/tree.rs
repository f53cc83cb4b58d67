//! Retention as a tree for drawing: along dominators, objects of one type below one parent merged, and runs of
//! the same type (lists, trees) folded into one node.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::analysis::Analysis;

/// Nodes at most; smaller contributions go to their parent.
const MAX_NODES: usize = 1 << 16;

/// A node of the merged tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Type, root or group.
    pub name: String,
    /// Index of the parent; the root is its own.
    pub parent: u32,
    /// Bytes of the objects merged here.
    pub own: u64,
    /// Bytes with everything below.
    pub retained: u64,
    /// Objects merged here.
    pub objects: u64,
}

/// Builds the merged tree: parents come before children, index 0 is the whole heap.
pub fn merged(analysis: &Analysis) -> Vec<Merged> {
    let graph = &analysis.graph;
    let snapshot = &analysis.snapshot;
    let mut nodes = vec![Merged {
        name: "heap".to_string(),
        ..Merged::default()
    }];
    let mut names: FxHashMap<String, u32> = FxHashMap::default();
    let mut name_of_node: Vec<u32> = vec![u32::MAX];
    let mut index: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    let mut place = vec![0u32; graph.len()];
    // Names by label, so that ten million objects do not make ten million strings.
    let mut label_names: FxHashMap<u64, u32> = FxHashMap::default();
    for number in 1..graph.len() as u32 {
        let (node, dominator, _) = graph.entry(number);
        let parent = place[dominator as usize];
        let mut size = 0;
        let name = if node >= graph.first_slot {
            let slot = node - graph.first_slot;
            let span = snapshot.heap.span_of(slot);
            size = span.elem_size;
            let label = snapshot.heap.labels[slot as usize];
            let key = match label.ty() {
                Some(_) => u64::from(label.key()),
                None => 1 << 62 | span.elem_size << 1 | u64::from(span.noscan),
            };
            *label_names
                .entry(key)
                .or_insert_with(|| intern(&mut names, snapshot.type_name(slot)))
        } else {
            // A goroutine is drawn as its group, into which it is folded.
            intern(&mut names, analysis.holder_name(node))
        };
        let at = if name_of_node[parent as usize] == name {
            parent
        } else {
            match index.get(&(parent, name)) {
                Some(&at) => at,
                None if nodes.len() >= MAX_NODES => parent,
                None => {
                    let at = nodes.len() as u32;
                    nodes.push(Merged {
                        parent,
                        ..Merged::default()
                    });
                    name_of_node.push(name);
                    index.insert((parent, name), at);
                    at
                }
            }
        };
        place[number as usize] = at;
        nodes[at as usize].own += size;
        nodes[at as usize].objects += u64::from(size > 0);
    }
    let mut texts = vec![String::new(); names.len()];
    for (text, id) in names {
        texts[id as usize] = text;
    }
    for (node, name) in nodes.iter_mut().zip(name_of_node).skip(1) {
        node.name.clone_from(&texts[name as usize]);
    }
    for at in (0..nodes.len()).rev() {
        nodes[at].retained += nodes[at].own;
        let (parent, retained) = (nodes[at].parent, nodes[at].retained);
        if at > 0 {
            nodes[parent as usize].retained += retained;
        }
    }
    nodes
}

fn intern(names: &mut FxHashMap<String, u32>, name: String) -> u32 {
    let next = names.len() as u32;
    *names.entry(name).or_insert(next)
}

/// A node for the page: name, retained bytes, objects, children.
#[derive(Clone, Debug, Serialize)]
pub struct Drawn {
    /// Name.
    pub n: String,
    /// Retained bytes.
    pub r: u64,
    /// Objects.
    pub o: u64,
    /// Children, largest first.
    pub c: Vec<Drawn>,
}

/// The merged tree without nodes below `least` bytes.
pub fn drawn(nodes: &[Merged], least: u64) -> Drawn {
    let mut built: Vec<Option<Drawn>> = nodes
        .iter()
        .map(|node| {
            Some(Drawn {
                n: node.name.clone(),
                r: node.retained,
                o: node.objects,
                c: Vec::new(),
            })
        })
        .collect();
    for at in (1..nodes.len()).rev() {
        let Some(mut node) = built[at].take() else {
            continue;
        };
        node.c.sort_by(|a, b| (b.r, &a.n).cmp(&(a.r, &b.n)));
        if node.r >= least {
            if let Some(parent) = &mut built[nodes[at].parent as usize] {
                parent.c.push(node);
            }
        }
    }
    let mut root = built.first_mut().and_then(Option::take).unwrap_or(Drawn {
        n: String::new(),
        r: 0,
        o: 0,
        c: Vec::new(),
    });
    root.c.sort_by(|a, b| (b.r, &a.n).cmp(&(a.r, &b.n)));
    root
}
