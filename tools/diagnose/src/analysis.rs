//! Everything derived from a snapshot that several views need: the graph, sizes by type, by root and by size
//! class, who holds what, and the whole of the resident memory split up.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, NONE, Node};
use crate::snapshot::{EDGE_FAR, EDGE_INTERIOR, Frame, PAGE, RootKind, Slot, Snapshot, SpanState};

/// Objects examined when a path to a root is looked for.
const PATH_LIMIT: usize = 200_000;

/// Sizes of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeUse {
    /// `main.Entry`, `[]main.Entry`.
    pub name: String,
    /// Reachable objects.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
    /// Bytes that would go with them, nothing counted twice.
    pub retained: u64,
    /// Objects no longer reachable.
    pub garbage_objects: u64,
    /// Their bytes.
    pub garbage_bytes: u64,
    /// Where it is allocated.
    pub sites: Vec<String>,
    /// `header`, `reference`, `inferred` ...: the weakest evidence among its objects.
    pub known_by: String,
}

/// Sizes of one root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `main.cache`, `25 goroutines [chan receive] main.work`.
    pub name: String,
    /// Type of a global.
    pub ty: String,
    /// Bytes retained.
    pub retained: u64,
    /// `global`, `goroutines`, `runtime`, `special`, `thread`.
    pub kind: String,
    /// Where the program uses it.
    pub places: Vec<String>,
    /// Node in the graph.
    #[serde(skip)]
    pub node: Node,
}

/// One size class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassUse {
    /// Bytes of one object; 0: large objects.
    pub size: u64,
    /// Without pointers.
    pub noscan: bool,
    /// Spans.
    pub spans: u64,
    /// Bytes of their pages.
    pub bytes: u64,
    /// Objects reachable.
    pub live: u64,
    /// Objects allocated.
    pub allocated: u64,
    /// Objects there is room for.
    pub room: u64,
}

/// One line of the account of resident memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

/// A snapshot with everything derived from it.
pub struct Analysis {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Dominators.
    pub graph: Graph,
    /// By own bytes, largest first.
    pub types: Vec<TypeUse>,
    /// By retained bytes, largest first.
    pub holders: Vec<Holder>,
    /// By size, scan before noscan.
    pub classes: Vec<ClassUse>,
    /// The resident set, split; sums up to it.
    pub shares: Vec<Share>,
    /// Reachable bytes.
    pub reachable: u64,
    /// Reachable objects.
    pub reachable_objects: u64,
    /// Allocated bytes no longer reachable.
    pub garbage: u64,
    /// Goroutines that can never run again.
    pub leaked: Vec<u32>,
    /// Labels' key to index in `types`.
    type_index: FxHashMap<u64, u32>,
}

impl Analysis {
    /// Derives everything.
    pub fn new(snapshot: Snapshot) -> Analysis {
        let graph = Graph::build(&snapshot);
        let leaked = crate::leaks::leaked(&snapshot);
        let mut analysis = Analysis {
            graph,
            types: Vec::new(),
            holders: Vec::new(),
            classes: Vec::new(),
            shares: Vec::new(),
            reachable: 0,
            reachable_objects: 0,
            garbage: 0,
            leaked,
            type_index: FxHashMap::default(),
            snapshot,
        };
        analysis.reachable = analysis.graph.total();
        analysis.count_objects();
        analysis.retained_by_type();
        analysis.list_holders();
        analysis.split_resident();
        analysis
    }

    /// Key of a slot's type: label without provenance, or its size class when unknown.
    fn type_key(&self, slot: Slot, class_size: u64, noscan: bool) -> u64 {
        let label = self.snapshot.heap.labels[slot as usize];
        match label.ty() {
            Some(_) => u64::from(label.key()),
            None => 1 << 62 | class_size << 1 | u64::from(noscan),
        }
    }

    fn count_objects(&mut self) {
        let mut classes: FxHashMap<(u64, bool), ClassUse> = FxHashMap::default();
        let mut uses: Vec<TypeUse> = Vec::new();
        let mut weakest: Vec<u8> = Vec::new();
        for index in 0..self.snapshot.heap.spans.len() {
            let span = self.snapshot.heap.spans[index];
            if span.state != SpanState::InUse {
                continue;
            }
            let size = if span.class == 0 { 0 } else { span.elem_size };
            let class = classes
                .entry((size, span.noscan))
                .or_insert_with(|| ClassUse {
                    size,
                    noscan: span.noscan,
                    ..ClassUse::default()
                });
            class.spans += 1;
            class.bytes += u64::from(span.pages) * PAGE;
            class.room += u64::from(span.slots);
            for slot in span.first..span.first + span.slots {
                if !self.snapshot.heap.is_allocated(slot) {
                    continue;
                }
                class.allocated += 1;
                let live = self.graph.is_reachable(slot);
                class.live += u64::from(live);
                let key = self.type_key(slot, span.elem_size, span.noscan);
                let id = match self.type_index.get(&key) {
                    Some(&id) => id,
                    None => {
                        let id = uses.len() as u32;
                        self.type_index.insert(key, id);
                        let label = self.snapshot.heap.labels[slot as usize];
                        let sites = label
                            .ty()
                            .and_then(|ty| self.snapshot.types.get(ty as usize))
                            .map(|ty| ty.sites.clone());
                        uses.push(TypeUse {
                            name: self.snapshot.type_name(slot),
                            sites: sites.unwrap_or_default(),
                            ..TypeUse::default()
                        });
                        weakest.push(u8::MAX);
                        id
                    }
                };
                let entry = &mut uses[id as usize];
                weakest[id as usize] = weakest[id as usize]
                    .min(self.snapshot.heap.labels[slot as usize].provenance() as u8);
                if live {
                    self.reachable_objects += 1;
                    entry.objects += 1;
                    entry.bytes += span.elem_size;
                } else {
                    self.garbage += span.elem_size;
                    entry.garbage_objects += 1;
                    entry.garbage_bytes += span.elem_size;
                }
            }
        }
        for (entry, weakest) in uses.iter_mut().zip(weakest) {
            entry.known_by = [
                "unknown",
                "code",
                "inferred",
                "interior",
                "reference",
                "interface",
                "header",
            ]
            .get(weakest as usize)
            .unwrap_or(&"unknown")
            .to_string();
        }
        self.types = uses;
        self.classes = classes.into_values().collect();
        self.classes.sort_by_key(|class| {
            (
                if class.size == 0 {
                    u64::MAX
                } else {
                    class.size
                },
                class.noscan,
            )
        });
    }

    /// Retained bytes by type: an object counts unless one of its dominators is of the same type. One walk over
    /// the dominator tree in preorder of its own, with a depth counter per type.
    fn retained_by_type(&mut self) {
        let count = self.graph.len();
        let mut first_child = vec![NONE; count];
        let mut sibling = vec![NONE; count];
        for number in (1..count as u32).rev() {
            let (_, dominator, _) = self.graph.entry(number);
            sibling[number as usize] = first_child[dominator as usize];
            first_child[dominator as usize] = number;
        }
        let mut depth = vec![0u32; self.types.len()];
        // The type of each slot, span by span, to avoid a search per node.
        let mut type_of = vec![NONE; self.snapshot.heap.slots()];
        for span in &self.snapshot.heap.spans {
            for slot in span.first..span.first + span.slots {
                let key = self.type_key(slot, span.elem_size, span.noscan);
                type_of[slot as usize] = self.type_index.get(&key).copied().unwrap_or(NONE);
            }
        }
        let mut number = 0u32;
        let mut stack: Vec<u32> = Vec::new();
        let mut descending = true;
        if count == 0 {
            return;
        }
        loop {
            let (node, _, retained) = self.graph.entry(number);
            let ty = if node >= self.graph.first_slot {
                type_of[(node - self.graph.first_slot) as usize]
            } else {
                NONE
            };
            if descending {
                if ty != NONE {
                    if depth[ty as usize] == 0 {
                        self.types[ty as usize].retained += retained;
                    }
                    depth[ty as usize] += 1;
                }
                if first_child[number as usize] != NONE {
                    stack.push(number);
                    number = first_child[number as usize];
                    continue;
                }
            }
            if ty != NONE {
                depth[ty as usize] -= 1;
            }
            if sibling[number as usize] != NONE {
                number = sibling[number as usize];
                descending = true;
                continue;
            }
            match stack.pop() {
                Some(parent) => {
                    number = parent;
                    descending = false;
                }
                None => break,
            }
        }
        self.types.sort_by(|a, b| {
            (b.bytes, b.garbage_bytes, &a.name).cmp(&(a.bytes, a.garbage_bytes, &b.name))
        });
        self.type_index = FxHashMap::default();
    }

    fn list_holders(&mut self) {
        let mut holders = Vec::new();
        for (index, group) in self.graph.groups.iter().enumerate() {
            let retained = self.graph.retained_by_group(index);
            let name = self.group_name(group.members.as_slice());
            let places = group
                .members
                .first()
                .map(|&member| self.goroutine_places(member))
                .unwrap_or_default();
            holders.push(Holder {
                name,
                ty: String::new(),
                retained,
                kind: "goroutines".into(),
                places,
                node: 1 + index as u32,
            });
        }
        for (index, root) in self.snapshot.roots.iter().enumerate() {
            let kind = match root.kind {
                RootKind::Goroutine(_) => continue,
                RootKind::Global => "global",
                RootKind::Runtime => "runtime",
                RootKind::Special => "special",
                RootKind::Thread => "thread",
            };
            holders.push(Holder {
                name: root.name.clone(),
                ty: root.ty.clone(),
                retained: self.graph.retained_by_root(index),
                kind: kind.into(),
                places: places(
                    root.users
                        .iter()
                        .filter_map(|&frame| self.snapshot.frames.get(frame as usize)),
                ),
                node: self.graph.first_root + index as u32,
            });
        }
        holders.sort_by(|a, b| (b.retained, &a.name).cmp(&(a.retained, &b.name)));
        self.holders = holders;
    }

    /// `25 goroutines [chan receive] main.work:21`.
    pub fn group_name(&self, members: &[u32]) -> String {
        let Some(goroutine) = members
            .first()
            .and_then(|&member| self.snapshot.goroutines.get(member as usize))
        else {
            return "no goroutine".to_string();
        };
        let status = if goroutine.reason.is_empty() {
            format!("{:?}", goroutine.status).to_lowercase()
        } else {
            goroutine.reason.clone()
        };
        let place = self.own_frame(members[0]).map_or_else(
            || "?".to_string(),
            |frame| format!("{}:{}", frame.function, frame.line),
        );
        match members.len() {
            1 => format!("goroutine {} [{status}] {place}", goroutine.id),
            count => format!("{count} goroutines [{status}] {place}"),
        }
    }

    /// The innermost frame that is the program's or a library's own: not the runtime's, sync's or such.
    pub fn own_frame(&self, goroutine: u32) -> Option<&Frame> {
        let goroutine = self.snapshot.goroutines.get(goroutine as usize)?;
        let mut first = None;
        for frame in self.snapshot.frames_of(goroutine) {
            if !is_plumbing(&frame.function) {
                return Some(frame);
            }
            first = first.or(Some(frame));
        }
        first
    }

    /// Positions of a goroutine's frames, innermost first, the runtime's left out.
    pub fn goroutine_places(&self, goroutine: u32) -> Vec<String> {
        let Some(goroutine) = self.snapshot.goroutines.get(goroutine as usize) else {
            return Vec::new();
        };
        let mut result: Vec<String> = self
            .snapshot
            .frames_of(goroutine)
            .filter(|frame| !is_plumbing(&frame.function))
            .map(place)
            .collect();
        if result.is_empty() {
            result = self.snapshot.frames_of(goroutine).map(place).collect();
        }
        if let Some(frame) = goroutine
            .created_by
            .and_then(|frame| self.snapshot.frames.get(frame as usize))
        {
            result.push(format!("started by {}", place(frame)));
        }
        result
    }

    fn split_resident(&mut self) {
        let memory = &self.snapshot.memory;
        let mut shares: Vec<(&str, u64)> = Vec::new();
        let allocated = self.snapshot.info.checks.bytes;
        if memory.resident_known && memory.rss > 0 {
            // Objects never touched are not resident; take them off where they can only be: from what is in use.
            let in_use = memory.in_use_resident;
            let objects = allocated.min(in_use);
            let reachable = if allocated == 0 {
                0
            } else {
                (u128::from(objects) * u128::from(self.reachable) / u128::from(allocated)) as u64
            };
            // More is reachable than allocated only in damaged snapshots.
            let reachable = reachable.min(objects);
            shares.push(("reachable objects", reachable));
            shares.push(("garbage not yet collected", objects - reachable));
            shares.push(("free slots in spans (fragmentation)", in_use - objects));
            shares.push(("goroutine stacks", memory.stack_resident));
            shares.push(("free pages, not yet returned", memory.free_resident));
            shares.push(("the runtime's tables", memory.runtime_resident));
            shares.push(("executable and libraries", memory.binary_resident));
            shares.push(("outside Go", memory.outside_resident));
            let sum = crate::total(shares.iter().map(|share| share.1));
            shares.push(("not attributed", memory.rss.saturating_sub(sum)));
        } else {
            let in_use = crate::total(self.classes.iter().map(|class| class.bytes));
            shares.push(("reachable objects", self.reachable));
            shares.push(("garbage not yet collected", self.garbage));
            shares.push((
                "free slots in spans (fragmentation)",
                in_use.saturating_sub(allocated),
            ));
            shares.push(("goroutine stacks", memory.stack_bytes));
        }
        self.shares = shares
            .into_iter()
            .map(|(name, bytes)| Share {
                name: name.to_string(),
                bytes,
            })
            .collect();
    }

    /// Describes the way from a root to an object: `main.cache (map[string]*main.Entry)`, `.field -> main.Entry` ...
    pub fn path_to(&self, slot: Slot) -> Vec<String> {
        let nodes = self.graph.path(slot, PATH_LIMIT);
        let mut result = Vec::new();
        let mut previous: Option<Node> = None;
        for node in nodes {
            if node >= self.graph.first_slot {
                let slot = node - self.graph.first_slot;
                let name = self.snapshot.type_name(slot);
                let field = previous
                    .filter(|previous| *previous >= self.graph.first_slot)
                    .and_then(|previous| self.field_of(previous - self.graph.first_slot, slot));
                result.push(match field {
                    Some(field) => format!("{field} -> {name}"),
                    None => format!("-> {name}"),
                });
            } else if node >= self.graph.first_root {
                result.push(self.root_name((node - self.graph.first_root) as usize));
            }
            previous = Some(node);
        }
        result
    }

    /// The line to look at for an object: where the program uses the variable that a shortest path to it begins
    /// with, or where the goroutine waits; empty when neither is known.
    pub fn place_by_path(&self, slot: Slot) -> String {
        let path = self.graph.path(slot, PATH_LIMIT);
        let root = path
            .iter()
            .find(|&&node| (self.graph.first_root..self.graph.first_slot).contains(&node));
        let Some(root) = root.and_then(|&node| {
            self.snapshot
                .roots
                .get((node - self.graph.first_root) as usize)
        }) else {
            return String::new();
        };
        if let RootKind::Goroutine(goroutine) = root.kind {
            return self.own_frame(goroutine).map(place).unwrap_or_default();
        }
        let users = root
            .users
            .iter()
            .filter_map(|&frame| self.snapshot.frames.get(frame as usize));
        places(users).into_iter().next().unwrap_or_default()
    }

    /// A root with its type or stack.
    pub fn root_name(&self, root: usize) -> String {
        let Some(entry) = self.snapshot.roots.get(root) else {
            return String::new();
        };
        match entry.kind {
            RootKind::Goroutine(goroutine) => self.group_name(&[goroutine]),
            _ if entry.ty.is_empty() => entry.name.clone(),
            _ => format!("{} {}", entry.name, entry.ty),
        }
    }

    /// Name of the field of `from` that refers to `to`.
    fn field_of(&self, from: Slot, to: Slot) -> Option<String> {
        let label = self.snapshot.heap.labels[from as usize];
        let ty = self.snapshot.types.get(label.ty()? as usize)?;
        let (_, code) = self.snapshot.heap.edges(from).find(|edge| edge.0 == to)?;
        let word = u32::from(code & !EDGE_INTERIOR);
        if word == u32::from(EDGE_FAR) {
            return None;
        }
        let offset = if ty.size > 0 {
            (word * 8) % (ty.size as u32).max(8)
        } else {
            word * 8
        };
        let prefix = if label.array() { "[i]" } else { "" };
        let field = ty.fields.iter().rev().find(|field| field.1 <= offset);
        match field {
            Some((name, _, _)) => Some(format!("{prefix}.{name}")),
            None if label.array() => Some(prefix.to_string()),
            None => None,
        }
    }

    /// The root node above a node in the dominator tree, if one root alone holds it.
    pub fn owner(&self, slot: Slot) -> Option<Node> {
        let mut node = self.graph.first_slot + slot;
        let mut above = None;
        while let Some(next) = self.graph.dominator(node) {
            if next == 0 {
                break;
            }
            if next < self.graph.first_slot {
                above = Some(next);
            }
            node = next;
        }
        above
    }

    /// Name of a root or group node.
    pub fn node_name(&self, node: Node) -> String {
        if node >= self.graph.first_slot {
            self.snapshot.type_name(node - self.graph.first_slot)
        } else if node >= self.graph.first_root {
            self.root_name((node - self.graph.first_root) as usize)
        } else if node > 0 {
            self.group_name(&self.graph.groups[node as usize - 1].members)
        } else {
            "several holders".to_string()
        }
    }

    /// The same, a goroutine being named by its group.
    pub fn holder_name(&self, node: Node) -> String {
        let root = node
            .checked_sub(self.graph.first_root)
            .and_then(|root| self.snapshot.roots.get(root as usize));
        match root.map(|root| &root.kind) {
            Some(RootKind::Goroutine(_)) if node < self.graph.first_slot => {
                self.node_name(self.graph.dominator(node).unwrap_or(node))
            }
            _ => self.node_name(node),
        }
    }

    /// Objects of a type, by name as shown.
    pub fn slots_of_type(&self, name: &str) -> Vec<Slot> {
        (0..self.snapshot.heap.slots() as u32)
            .filter(|&slot| {
                self.snapshot.heap.is_allocated(slot)
                    && self.snapshot.heap.labels[slot as usize].ty().is_some()
            })
            .filter(|&slot| self.snapshot.type_name(slot) == name)
            .collect()
    }
}

/// `main.work (main.go:21)`.
pub fn place(frame: &Frame) -> String {
    let file = frame.file.rsplit('/').next().unwrap_or("");
    if file.is_empty() {
        frame.function.clone()
    } else {
        format!("{} ({file}:{})", frame.function, frame.line)
    }
}

/// The same for several, each once, in order.
pub fn places<'f>(frames: impl Iterator<Item = &'f Frame>) -> Vec<String> {
    let mut result: Vec<String> = Vec::new();
    for place in frames.map(place) {
        if !result.contains(&place) {
            result.push(place);
        }
    }
    result
}

/// Functions that only carry out what the program asked for: waiting, locking, starting.
pub fn is_plumbing(function: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "runtime.",
        "sync.",
        "internal/",
        "time.Sleep",
        "runtime/",
        "syscall.",
        "reflect.",
    ];
    PREFIXES.iter().any(|prefix| function.starts_with(prefix))
        && !function.starts_with("runtime.main")
}

/// Whether a function belongs to the standard library.
pub fn is_std(function: &str) -> bool {
    // Module paths have a dot in their first element; package main has no path.
    let package = function.rsplit_once('/').map_or_else(
        || function.split('.').next().unwrap_or(""),
        |(path, _)| path,
    );
    let first = package.split('/').next().unwrap_or("");
    !first.contains('.') && first != "main"
}
