//! A function as locations and assignments.

use base::{FxHashMap, FxHashSet, Id, IndexVec};
use mir::{
    AtomicOp, Block, Body, Callee, FuncId, Function, Inst, Op, Program, Terminator, Ty, TypeTable,
    Value,
};
use smallvec::SmallVec;

use super::{Buffered, MAX_DEREFS, NEVER, Summary};

/// A place that can hold pointers: a value, the memory of an object, the heap, a result.
pub(super) type Node = u32;
/// Index of an object.
pub(super) type Object = usize;

/// Everything outside of the function: heap, globals, other goroutines.
pub(super) const HEAP: Node = 0;

/// What the values of this function point to, and how they flow.
pub(super) struct Graph {
    /// Where each object was made.
    pub(super) objects: Vec<ObjectData>,
    by_inst: FxHashMap<Inst, Object>,
    allocations: FxHashSet<Object>,
    results: usize,
    values: usize,
    /// For each node (compressed rows): what is assigned to it, and how often that is dereferenced.
    starts: Vec<u32>,
    sources: Vec<(Node, i8)>,
    /// The nodes of the parameters, then of the closure object; in-memory parameters are objects.
    pub(super) params: Vec<Node>,
}

/// Memory that belongs to the function.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectData {
    /// The block that makes it new each time. Of a slot: all blocks that name it; a variable that only blocks of a loop name is
    /// initialised in every trip. None: it is there for the whole call.
    pub(super) homes: SmallVec<[Block; 2]>,
}

/// Which object of the function an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// Nothing seen yet, or nil.
    Nothing,
    One(Object),
    /// Several, or memory of somebody else.
    Unknown,
}

impl Target {
    fn join(self, other: Target) -> Target {
        match (self, other) {
            (Target::Nothing, x) | (x, Target::Nothing) => x,
            (a, b) if a == b => a,
            _ => Target::Unknown,
        }
    }
}

impl Graph {
    pub(super) fn object_of(&self, inst: Inst) -> Option<Object> {
        self.by_inst.get(&inst).copied()
    }

    pub(super) fn nodes(&self) -> usize {
        1 + self.results + self.values + self.objects.len()
    }

    pub(super) fn result(&self, n: usize) -> Node {
        1 + n as Node
    }

    pub(super) fn value(&self, value: Value) -> Node {
        (1 + self.results + value.index()) as Node
    }

    pub(super) fn object(&self, object: Object) -> Node {
        (1 + self.results + self.values + object) as Node
    }

    /// The object whose memory the node is.
    pub(super) fn as_object(&self, node: Node) -> Option<Object> {
        (node as usize).checked_sub(1 + self.results + self.values)
    }

    /// Number of results.
    pub(super) fn results(&self) -> usize {
        self.results
    }

    /// Whether the object is one that an instruction makes and that the pass may move.
    pub(super) fn is_allocation(&self, object: Object) -> bool {
        self.allocations.contains(&object)
    }

    /// What is assigned to the node.
    pub(super) fn sources(&self, node: Node) -> &[(Node, i8)] {
        let (from, to) = (self.starts[node as usize], self.starts[node as usize + 1]);
        &self.sources[from as usize..to as usize]
    }

    pub(super) fn build(
        program: &Program,
        func: &Function,
        body: &Body,
        candidates: &[(Block, Inst)],
        summaries: &IndexVec<FuncId, Summary>,
        buffered: &Buffered,
    ) -> Graph {
        let mut builder = Builder {
            program,
            body,
            graph: Graph {
                objects: Vec::new(),
                by_inst: FxHashMap::default(),
                allocations: FxHashSet::default(),
                results: func.results.len(),
                values: body.values.len(),
                starts: Vec::new(),
                sources: Vec::new(),
                params: Vec::new(),
            },
            edges: Vec::new(),
            slots: Vec::new(),
            closures: FxHashMap::default(),
            memory_results: FxHashMap::default(),
            targets: IndexVec::from_elem_n(Target::Nothing, body.values.len()),
        };
        builder.objects(func, candidates, buffered);
        builder.targets();
        builder.closures();
        builder.assignments(func, summaries);
        builder.finish()
    }
}

struct Builder<'a> {
    program: &'a Program,
    body: &'a Body,
    graph: Graph,
    /// (to, from, dereferences)
    edges: Vec<(Node, Node, i8)>,
    /// Objects of slots.
    slots: Vec<Object>,
    /// The function that each closure object made here is of; `None` if more than one.
    closures: FxHashMap<Object, Option<FuncId>>,
    /// Objects that hold in-memory results of calls.
    memory_results: FxHashMap<Value, Object>,
    targets: IndexVec<Value, Target>,
}

impl Builder<'_> {
    fn new_object(&mut self, home: Option<Block>) -> Object {
        self.graph.objects.push(ObjectData {
            homes: home.into_iter().collect(),
        });
        self.graph.objects.len() - 1
    }

    /// Whether values of this type can carry an address. Integers of other types than uintptr do not: that is no valid way to keep one.
    fn carries(&self, ty: Ty) -> bool {
        ty == TypeTable::UINTPTR
            || self.program.types.layout(ty).ptr_bytes > 0
            || matches!(
                self.program.types.under(ty),
                mir::TyKind::Int(mir::IntKind::Uintptr)
            )
    }

    fn value_carries(&self, value: Value) -> bool {
        self.carries(self.body.ty(value))
    }

    /// Numbers the objects, and the values that are their addresses.
    fn objects(&mut self, func: &Function, candidates: &[(Block, Inst)], buffered: &Buffered) {
        let body = self.body;
        let candidates: FxHashSet<Inst> = candidates.iter().map(|&(_, inst)| inst).collect();
        for _ in body.slots.iter() {
            let object = self.new_object(None);
            self.slots.push(object);
        }
        for (n, &param) in body.blocks[Body::ENTRY].params.iter().enumerate() {
            let in_memory = func
                .params
                .get(n)
                .is_some_and(|&ty| !self.program.types.is_ssa(ty));
            if in_memory {
                let object = self.new_object(None);
                self.address(param, object);
                let node = self.graph.object(object);
                self.graph.params.push(node);
            } else {
                let node = self.graph.value(param);
                self.graph.params.push(node);
                self.targets[param] = Target::Unknown;
            }
        }
        for (block, data) in body.blocks.iter_enumerated() {
            for &inst in &data.insts {
                let results = &body.insts[inst].results;
                match &body.insts[inst].op {
                    Op::SlotAddr(slot) => {
                        let object = self.slots[slot.index()];
                        self.address(results[0], object);
                        let homes = &mut self.graph.objects[object].homes;
                        if homes.last() != Some(&block) {
                            homes.push(block);
                        }
                    }
                    Op::HeapAlloc(_) | Op::HeapBox { .. } => {
                        let object = self.new_object(Some(block));
                        self.graph.by_inst.insert(inst, object);
                        self.graph.allocations.insert(object);
                        self.address(results[0], object);
                        if !candidates.contains(&inst) {
                            self.edges.push((HEAP, self.graph.object(object), -1));
                        }
                    }
                    Op::Call {
                        callee,
                        results: types,
                        ..
                    } => {
                        if let Callee::Func(f) = callee
                            && buffered.contains_key(f)
                            && let Some(&string) = results.first()
                        {
                            let object = self.new_object(Some(block));
                            self.graph.by_inst.insert(inst, object);
                            self.graph.allocations.insert(object);
                            self.address(string, object);
                            self.targets[string] = Target::Unknown;
                            continue;
                        }
                        for (n, &ty) in types.iter().enumerate() {
                            let Some(&value) = results.get(n) else { break };
                            if self.program.types.is_ssa(ty) {
                                self.targets[value] = Target::Unknown;
                            } else {
                                let object = self.new_object(Some(block));
                                self.memory_results.insert(value, object);
                                self.address(value, object);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn address(&mut self, value: Value, object: Object) {
        self.targets[value] = Target::One(object);
        let (to, from) = (self.graph.value(value), self.graph.object(object));
        self.edges.push((to, from, -1));
    }

    /// Which object each address is in: forwards until nothing changes.
    fn targets(&mut self) {
        let body = self.body;
        let order = body.reverse_postorder();
        loop {
            let mut changed = false;
            for &block in &order {
                for &inst in &body.blocks[block].insts {
                    let data = &body.insts[inst];
                    let target = match &data.op {
                        Op::Offset(x, _) | Op::Bitcast(x) | Op::Index { base: x, .. } => {
                            self.targets[*x]
                        }
                        Op::Extract(x, _) => self.targets[*x],
                        Op::Make(parts) => parts
                            .iter()
                            .filter(|&&p| self.value_carries(p))
                            .fold(Target::Nothing, |t, &p| t.join(self.targets[p])),
                        Op::Select(_, a, b) => self.targets[*a].join(self.targets[*b]),
                        Op::SlotAddr(_)
                        | Op::HeapAlloc(_)
                        | Op::HeapBox { .. }
                        | Op::Call { .. } => continue,
                        Op::Zero | Op::Int(_) | Op::TypeDesc(_) | Op::Itab(_) => Target::Nothing,
                        _ => Target::Unknown,
                    };
                    for &result in &data.results {
                        let joined = self.targets[result].join(target);
                        if joined != self.targets[result] {
                            self.targets[result] = joined;
                            changed = true;
                        }
                    }
                }
                if let Some(term) = &body.blocks[block].term {
                    term.for_each_target(|call| {
                        let params = &body.blocks[call.block].params;
                        for (&param, &arg) in params.iter().zip(&call.args) {
                            let joined = self.targets[param].join(self.targets[arg]);
                            if joined != self.targets[param] {
                                self.targets[param] = joined;
                                changed = true;
                            }
                        }
                    });
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Finds what the code pointers are that are put into objects.
    fn closures(&mut self) {
        let body = self.body;
        for block in body.blocks.iter() {
            for &inst in &block.insts {
                if let Op::Store { addr, value, .. } = &body.insts[inst].op
                    && let Some(&Op::FuncCode(f)) = body.def_op(*value)
                    && let Target::One(object) = self.targets[*addr]
                {
                    let known = self.closures.entry(object).or_insert(Some(f));
                    if *known != Some(f) {
                        *known = None;
                    }
                }
            }
        }
    }

    /// The function that a call of a func value calls, if its closure object was made here (objects that hold code pointers are
    /// closure objects, and nothing but their making stores one).
    fn called(&self, func: Value) -> Option<FuncId> {
        match self.targets[func] {
            Target::One(object) if self.graph.allocations.contains(&object) => {
                *self.closures.get(&object)?
            }
            _ => None,
        }
    }

    fn assign(&mut self, to: Node, from: Value, derefs: i8) {
        // A memory address may be of any type; a value that is kept must be able to carry one.
        if derefs > 0 || self.value_carries(from) {
            let from = self.graph.value(from);
            self.edges.push((to, from, derefs));
        }
    }

    fn copy(&mut self, to: Value, from: Value) {
        if self.value_carries(to) {
            self.assign(self.graph.value(to), from, 0);
        }
    }

    /// The memory that a store through this address goes to.
    fn memory(&self, addr: Value) -> Node {
        match self.targets[addr] {
            Target::One(object) => self.graph.object(object),
            _ => HEAP,
        }
    }

    fn assignments(&mut self, func: &Function, summaries: &IndexVec<FuncId, Summary>) {
        let body = self.body;
        let mut closure = None;
        for (block, data) in body.blocks.iter_enumerated() {
            for &inst in &data.insts {
                self.instruction(inst, summaries, &mut closure);
            }
            let Some(term) = &body.blocks[block].term else {
                continue;
            };
            if let Terminator::Return(values) = term {
                for (n, &value) in values.iter().enumerate() {
                    let in_memory = func
                        .results
                        .get(n)
                        .is_some_and(|&ty| !self.program.types.is_ssa(ty));
                    self.assign(self.graph.result(n), value, in_memory as i8);
                }
            }
            term.for_each_target(|call| {
                let params = &body.blocks[call.block].params;
                for (&param, &arg) in params.iter().zip(&call.args) {
                    self.copy(param, arg);
                }
            });
        }
        self.graph.params.resize(func.params.len(), HEAP);
        // Without use of the context its node is that of nothing: the heap's own sources are never asked for.
        self.graph.params.push(closure.unwrap_or(HEAP));
    }

    fn instruction(
        &mut self,
        inst: Inst,
        summaries: &IndexVec<FuncId, Summary>,
        closure: &mut Option<Node>,
    ) {
        let data = &self.body.insts[inst];
        match &data.op {
            Op::Offset(x, _) | Op::Bitcast(x) | Op::Extract(x, _) | Op::Convert(x) => {
                self.copy(data.results[0], *x)
            }
            Op::Index { base, .. } => self.copy(data.results[0], *base),
            Op::Make(parts) => {
                for &part in parts {
                    self.copy(data.results[0], part);
                }
            }
            Op::Select(_, a, b) | Op::Binary(_, a, b) => {
                self.copy(data.results[0], *a);
                self.copy(data.results[0], *b);
            }
            Op::Unary(_, x) => self.copy(data.results[0], *x),
            Op::Load(addr) => self.load(data.results[0], *addr),
            Op::Store { addr, value, .. } => {
                let memory = self.memory(*addr);
                self.assign(memory, *value, 0);
                // Whoever gets at the closure object may call the function at any time.
                if let Some(Op::FuncCode(f)) = self.body.def_op(*value)
                    && let Target::One(object) = self.targets[*addr]
                {
                    self.closure_object(object, *f, summaries);
                }
            }
            Op::Move { dst, src, ty, .. } => {
                if self.carries(*ty) {
                    let memory = self.memory(*dst);
                    self.assign(memory, *src, 1);
                }
            }
            Op::Atomic(op, args) => {
                if matches!(op, AtomicOp::Load | AtomicOp::Swap) {
                    self.load(data.results[0], args[0]);
                }
                for &arg in &args[1..] {
                    self.assign(HEAP, arg, 0);
                }
            }
            Op::Call { callee, args, .. } => match callee {
                Callee::Func(f) => self.direct_call(inst, *f, args, summaries),
                // What the called function does with its closure object was taken into account where the object was made.
                Callee::Closure(func) if let Some(f) = self.called(*func) => {
                    self.direct_call(inst, f, args, summaries)
                }
                Callee::Closure(_) | Callee::Code(_) => {
                    for &arg in args {
                        self.assign(HEAP, arg, 0);
                    }
                }
            },
            Op::DeferPush { record, func } => {
                // A record in the frame: the statement is in no loop, and what it defers runs before the frame ends.
                if !matches!(self.body.def_op(*record), Some(Op::SlotAddr(_))) {
                    self.assign(HEAP, *record, 0);
                    self.assign(HEAP, *func, 0);
                }
            }
            Op::ClosureCtx => *closure = Some(self.graph.value(data.results[0])),
            Op::Intrinsic(..)
            | Op::NilCheck(_)
            | Op::Cmp(..)
            | Op::KeepAlive(_)
            | Op::ZeroMem { .. }
            | Op::BoundsCheck { .. }
            | Op::DivCheck(_)
            | Op::ShiftCheck(_)
            | Op::Int(_)
            | Op::Float(_)
            | Op::Zero
            | Op::Str(..)
            | Op::FuncVal(_)
            | Op::FuncCode(_)
            | Op::Global(_)
            | Op::Data(..)
            | Op::TypeDesc(_)
            | Op::Itab(_)
            | Op::SlotAddr(_)
            | Op::HeapAlloc(_)
            | Op::HeapBox { .. }
            | Op::FramePointer
            | Op::GetG
            | Op::Poll => {}
        }
    }

    fn load(&mut self, to: Value, addr: Value) {
        if self.value_carries(to) {
            self.assign(self.graph.value(to), addr, 1);
        }
    }

    fn direct_call(
        &mut self,
        inst: Inst,
        callee: FuncId,
        args: &[Value],
        summaries: &IndexVec<FuncId, Summary>,
    ) {
        let summary = &summaries[callee].0;
        let results = &self.body.insts[inst].results;
        for (n, &arg) in args.iter().enumerate() {
            let Some(flow) = summary.get(n) else { break };
            if flow.heap != NEVER {
                self.assign(HEAP, arg, flow.heap as i8);
            }
            for (&derefs, &result) in flow.results.iter().zip(results) {
                if derefs == NEVER {
                    continue;
                }
                match self.memory_results.get(&result) {
                    Some(&object) => {
                        let memory = self.graph.object(object);
                        self.assign(memory, arg, derefs as i8);
                    }
                    None if self.value_carries(result) => {
                        self.assign(self.graph.value(result), arg, derefs as i8);
                    }
                    None => {}
                }
            }
        }
    }

    fn closure_object(
        &mut self,
        object: Object,
        func: FuncId,
        summaries: &IndexVec<FuncId, Summary>,
    ) {
        let Some(flow) = summaries[func].0.last() else {
            return;
        };
        let least = flow
            .results
            .iter()
            .fold(flow.heap, |least, &derefs| least.min(derefs));
        if least == NEVER {
            return;
        }
        // The summary counts from the object's address, the node of the object from its content.
        let node = self.graph.object(object);
        self.edges.push((HEAP, node, least as i8 - 1));
    }

    fn finish(mut self) -> Graph {
        self.edges.sort_unstable();
        self.edges.dedup();
        let nodes = self.graph.nodes();
        let mut starts = vec![0u32; nodes + 1];
        for &(to, _, _) in &self.edges {
            starts[to as usize + 1] += 1;
        }
        for n in 0..nodes {
            starts[n + 1] += starts[n];
        }
        self.graph.sources = self
            .edges
            .iter()
            .map(|&(_, from, derefs)| (from, derefs.min(MAX_DEREFS)))
            .collect();
        self.graph.starts = starts;
        self.graph
    }
}
