//! Objects that provably do not outlive their frame move from the heap to a slot.
//!
//! 1. [`graph`] turns a function into locations and assignments between them, each with the number of pointers that are
//!    followed on the way (-1: the address is taken). How pointers flow through direct calls is told by the callees'
//!    [`Summary`]; the summaries of the whole program are computed together, from "nothing leaks" downwards until nothing changes,
//!    so recursion costs no precision.
//! 2. [`solve`] walks back from the heap and from what the function returns. An object whose address arrives there stays on the
//!    heap, and then so does everything that is put into it. An object made in a loop also stays if its address can be met again
//!    in a later trip.
//! 3. The others become slots, zeroed where the allocation stood. Calls that make a string
//!    ([`abi::symbols::BUFFERED`]) get a slot to put it into in the same way.
//!
//! The method is that of the literature on interprocedural, field-insensitive escape analysis with counted dereferences (as the
//! documentation of the official compiler describes its own); objects are told apart better here: stores through a pointer that can
//! only be to one object of this function are stores into that object.

mod graph;
mod solve;

use base::{FxHashMap, IndexVec};
use mir::{
    Barrier, Block, Body, Callee, FuncId, Function, Inst, Op, Program, SlotData, Ty, TypeTable,
};
use rayon::prelude::*;

use crate::work::Work;
use graph::Graph;

/// Objects larger than this stay on the heap: frames are for small things.
const MAX_SLOT: u64 = 16 << 10;
/// Objects may move to a frame until they take this much of it.
const MAX_FRAME: u64 = 64 << 10;

/// How often the value of a parameter is dereferenced before it gets somewhere: 0 = the value itself does, `NEVER` = it does not.
type Derefs = u8;
const NEVER: Derefs = u8::MAX;
/// More dereferences than this are not told apart.
const MAX_DEREFS: i8 = 8;

/// Where one parameter of a function goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Flow {
    heap: Derefs,
    /// For each result. Of in-memory results: into the memory.
    results: Box<[Derefs]>,
}

impl Flow {
    fn none(results: usize) -> Flow {
        Flow {
            heap: NEVER,
            results: vec![NEVER; results].into(),
        }
    }
}

/// Where the parameters of a function go: those of its type, then the closure object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary(Box<[Flow]>);

impl Summary {
    /// As bytes: the number of results, then for each parameter where it goes.
    pub fn encode(&self) -> Vec<u8> {
        let results = self.0.first().map_or(0, |flow| flow.results.len());
        let mut out = (results as u32).to_le_bytes().to_vec();
        for flow in &self.0 {
            out.push(flow.heap);
            out.extend_from_slice(&flow.results);
        }
        out
    }

    /// Reads what [`Summary::encode`] wrote of a function with these numbers of parameters and results; `None` for anything else.
    pub fn decode(bytes: &[u8], params: usize, results: usize) -> Option<Summary> {
        let (count, rest) = bytes.split_first_chunk()?;
        if u32::from_le_bytes(*count) as usize != results
            || rest.len() != (params + 1) * (results + 1)
        {
            return None;
        }
        let flows = rest.chunks_exact(results + 1).map(|row| Flow {
            heap: row[0],
            results: row[1..].into(),
        });
        Some(Summary(flows.collect()))
    }
}

/// Functions that make a string, with those that take a buffer for it, and its size.
type Buffered = FxHashMap<FuncId, (FuncId, u64)>;

/// The pass, over the functions that are compiled anew.
pub fn run(program: &mut Program, work: &mut Work) {
    let buffered = buffered(program);
    let summaries = summarise(program, work, &buffered);
    let buffers: FxHashMap<u64, Ty> = abi::symbols::BUFFERED
        .iter()
        .map(|&(_, _, size)| (size, program.types.array(TypeTable::UINT8, size)))
        .collect();
    let funcs = program.funcs.as_slice();
    let local: Vec<Vec<(Block, Inst)>> = funcs
        .par_iter()
        .zip(work.fresh.as_slice())
        .map(|(func, &fresh)| match fresh {
            true => local_objects(program, func, &summaries, &buffered),
            false => Vec::new(),
        })
        .collect();
    for (id, local) in program.funcs.ids().zip(local) {
        let Some(body) = &mut program.funcs[id].body else {
            continue;
        };
        for (block, inst) in local {
            match body.insts[inst].op {
                Op::HeapAlloc(ty) => to_slot(body, block, inst, ty, None),
                Op::HeapBox { ty, value, .. } => to_slot(body, block, inst, ty, Some(value)),
                Op::Call {
                    callee: Callee::Func(f),
                    ..
                } => {
                    let (other, size) = buffered[&f];
                    to_buffered(body, block, inst, other, buffers[&size]);
                }
                _ => unreachable!("a candidate"),
            }
        }
    }
    work.summaries = summaries;
}

/// The allocations that go to the frame.
fn local_objects(
    program: &Program,
    func: &Function,
    summaries: &IndexVec<FuncId, Summary>,
    buffered: &Buffered,
) -> Vec<(Block, Inst)> {
    let Some(body) = &func.body else {
        return Vec::new();
    };
    let candidates = candidates(program, body, buffered);
    if candidates.is_empty() {
        return candidates;
    }
    let graph = Graph::build(program, func, body, &candidates, summaries, buffered);
    let escaping = solve::escaping(&graph, body);
    candidates
        .into_iter()
        .filter(|&(_, inst)| graph.object_of(inst).is_some_and(|o| !escaping[o]))
        .collect()
}

/// Instructions that make an object which could be in the frame. Others stay on the heap even if nothing outlives the call: what is put
/// into them must stay there too, for the collector looks for pointers into frames in frames only.
fn candidates(program: &Program, body: &Body, buffered: &Buffered) -> Vec<(Block, Inst)> {
    let mut room = MAX_FRAME;
    body.blocks
        .iter_enumerated()
        .flat_map(|(b, data)| data.insts.iter().map(move |&i| (b, i)))
        .filter(|&(_, i)| {
            let size = match &body.insts[i].op {
                Op::HeapAlloc(ty) | Op::HeapBox { ty, .. } => program.types.layout(*ty).size,
                Op::Call {
                    callee: Callee::Func(f),
                    ..
                } if let Some(&(_, size)) = buffered.get(f) => size,
                _ => return false,
            };
            let fits = size <= MAX_SLOT.min(room);
            if fits {
                room -= size;
            }
            fits
        })
        .collect()
}

fn buffered(program: &Program) -> Buffered {
    let mut found: FxHashMap<&str, FuncId> = FxHashMap::default();
    for (id, func) in program.funcs.iter_enumerated() {
        if func.flags.runtime {
            found.insert(func.name.as_str(), id);
        }
    }
    abi::symbols::BUFFERED
        .iter()
        .filter_map(|(from, to, size)| Some((*found.get(from)?, (*found.get(to)?, *size))))
        .collect()
}

/// Summaries of all functions: the greatest solution, found by repeating functions whose callees turned out to leak more.
fn summarise(program: &Program, work: &Work, buffered: &Buffered) -> IndexVec<FuncId, Summary> {
    let mut summaries: IndexVec<FuncId, Summary> = program
        .funcs
        .iter_enumerated()
        .map(|(id, func)| match &work.known[id] {
            Some(known) if !work.fresh[id] => known.summary.clone(),
            _ => assumed(program, func),
        })
        .collect();
    let mut callers: IndexVec<FuncId, Vec<FuncId>> =
        IndexVec::from_elem_n(Vec::new(), program.funcs.len());
    for (id, func) in program.funcs.iter_enumerated() {
        if !work.fresh[id] {
            continue;
        }
        for_each_callee(func, |callee| {
            if callers[callee].last() != Some(&id) {
                callers[callee].push(id);
            }
        });
    }
    // Lowest rank first: callees before callers, whatever is repeated.
    let mut next: std::collections::BTreeSet<u32> = work
        .order
        .iter()
        .enumerate()
        .filter(|&(_, &id)| work.fresh[id])
        .map(|(n, _)| n as u32)
        .collect();
    while let Some(n) = next.pop_first() {
        let id = work.order[n as usize];
        let func = &program.funcs[id];
        let Some(body) = &func.body else { continue };
        if func.params.is_empty() && !func.flags.closure {
            continue;
        }
        let candidates = candidates(program, body, buffered);
        let graph = Graph::build(program, func, body, &candidates, &summaries, buffered);
        let summary = solve::summary(&graph, func);
        if summaries[id] != summary {
            summaries[id] = summary;
            next.extend(callers[id].iter().map(|&caller| work.rank[caller]));
        }
    }
    summaries
}

/// What is taken for true of a function before its body is looked at; of one without body, for good.
fn assumed(program: &Program, func: &Function) -> Summary {
    let mut flows = vec![Flow::none(func.results.len()); func.params.len() + 1];
    if func.body.is_none() {
        for (flow, &ty) in flows.iter_mut().zip(&func.params) {
            let layout = program.types.layout(ty);
            flow.heap = if func.flags.leaf || func.flags.noescape {
                // Copies memory at most; and it may give the pointer back.
                flow.results.fill(0);
                1
            } else if layout.ptr_bytes == 0 {
                // Integers; the kernel's addresses of memory are not kept beyond the call.
                NEVER
            } else {
                0
            };
        }
    }
    Summary(flows.into())
}

/// Functions that are called directly, or whose closure objects are made here.
fn for_each_callee(func: &Function, mut f: impl FnMut(FuncId)) {
    let Some(body) = &func.body else { return };
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            match body.insts[inst].op {
                Op::Call {
                    callee: Callee::Func(callee),
                    ..
                }
                | Op::FuncCode(callee) => f(callee),
                _ => {}
            }
        }
    }
}

/// Gives a call that makes a string a buffer in the frame.
fn to_buffered(body: &mut Body, block: Block, inst: Inst, other: FuncId, buffer: Ty) {
    let slot = body.slots.push(SlotData {
        ty: buffer,
        name: "~string".into(),
    });
    let loc = body.insts[inst].loc;
    let address = body.make_inst(Op::SlotAddr(slot), &[TypeTable::UNSAFE_POINTER], loc);
    let pointer = body.insts[address].results[0];
    if let Op::Call {
        callee: Callee::Func(f),
        args,
        ..
    } = &mut body.insts[inst].op
    {
        *f = other;
        args.insert(0, pointer);
    }
    let insts = &mut body.blocks[block].insts;
    let at = insts
        .iter()
        .position(|&i| i == inst)
        .expect("the call is in its block");
    insts.insert(at, address);
}

/// Puts the object into the frame; it holds the value, or zero.
fn to_slot(body: &mut Body, block: Block, inst: Inst, ty: Ty, value: Option<mir::Value>) {
    let slot = body.slots.push(SlotData {
        ty,
        name: "~alloc".into(),
    });
    body.insts[inst].op = Op::SlotAddr(slot);
    let dst = body.insts[inst].results[0];
    let loc = body.insts[inst].loc;
    let barrier = Barrier::No;
    let fill = match value {
        Some(value) => Op::Store {
            addr: dst,
            value,
            barrier,
        },
        None => Op::ZeroMem { dst, ty, barrier },
    };
    let fill = body.make_inst(fill, &[], loc);
    let insts = &mut body.blocks[block].insts;
    let at = insts
        .iter()
        .position(|&i| i == inst)
        .expect("the allocation is in its block");
    insts.insert(at + 1, fill);
}
