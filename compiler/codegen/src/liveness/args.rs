//! Where a function's parameters can still be found, for tracebacks: in words of the frame and in preserved registers that they were copied to.
//!
//! Nothing is stored for this; what the register allocator stored anyway is found again. Two steps:
//!
//! 1. Parameters come in registers. From the entry on, as long as control can have come from nowhere else, every copy of one into
//!    the frame or a preserved register is a *place* of that parameter.
//! 2. A place holds its parameter from the copy to whatever overwrites it: a forward data flow problem, and what paths
//!    disagree about does not hold. Words of variables whose address is taken are no places.
//!
//! Each parameter gets the place that holds at most calls (format in [`abi::module::args`]).

use abi::module::args;
use cranelift_codegen::ir::Signature;
use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, OpAccess,
    OpKind, Register,
};

use super::decode::preserved;
use super::ids::Ids;
use super::{Analysis, CodeBlock, Event, Flow, Unclear};
use crate::tables::uleb;

/// Integer argument registers, in order ([`abi::call`]).
const INTS: [Register; abi::call::INT_ARGS] = [
    Register::RDI,
    Register::RSI,
    Register::RDX,
    Register::RCX,
    Register::R8,
    Register::R9,
];
/// Instructions from the entry on that are looked at for copies.
const WALK: usize = 400;

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Bit of a preserved register.
    Register(u8),
    /// Offset of a word from the bottom of the frame.
    Word(u32),
}

/// A copy of a parameter, from the end of some steps on.
struct Copied {
    place: Place,
    param: u8,
    /// Steps after which it is there.
    steps: Vec<usize>,
}

/// What registers hold: parameters, by number of the register (16 general ones, 16 vectors).
type Held = [Option<u8>; 32];

fn slot_of(register: Register) -> Option<usize> {
    if register.is_gpr() {
        Some(register.full_register().number())
    } else if register.is_vector_register() {
        Some(16 + register.number()).filter(|&slot| slot < 32)
    } else {
        None
    }
}

/// The record of a function, empty if no parameter can be found at any call.
pub(super) fn record(
    analysis: &Analysis,
    ids: &Ids<'_>,
    blocks: &[CodeBlock],
    code: &[u8],
    signature: &Signature,
) -> Vec<u8> {
    find(analysis, ids, blocks, code, signature).unwrap_or_default()
}

fn find(
    analysis: &Analysis,
    ids: &Ids<'_>,
    blocks: &[CodeBlock],
    code: &[u8],
    signature: &Signature,
) -> Result<Vec<u8>, Unclear> {
    if signature.params.is_empty() || blocks.is_empty() {
        return Ok(Vec::new());
    }
    let mut copies = copies(analysis, ids, blocks, code, signature)?;
    // A bit each.
    copies.truncate(64);
    if copies.is_empty() {
        return Ok(Vec::new());
    }
    let before = hold(analysis, blocks, &copies)?;
    let mut chosen: Vec<(u8, usize)> = Vec::new();
    for param in 0..args::PARAMS as u8 {
        let best = (0..copies.len())
            .filter(|&n| copies[n].param == param)
            .map(|n| {
                let calls = analysis.steps.iter().zip(&before);
                let calls = calls.filter(|(step, set)| step.stops && *set >> n & 1 != 0);
                (calls.count(), n)
            })
            .filter(|&(calls, _)| calls > 0)
            .max_by_key(|&(calls, n)| (calls, usize::MAX - n));
        if let Some((_, n)) = best {
            chosen.push((param, n));
        }
    }
    let Some(&(last, _)) = chosen.last() else {
        return Ok(Vec::new());
    };
    let mut out = vec![last + 1];
    for param in 0..=last {
        let place = chosen
            .iter()
            .find(|c| c.0 == param)
            .map(|c| copies[c.1].place);
        uleb(
            &mut out,
            match place {
                None => 0,
                Some(Place::Register(bit)) => 1 + bit as u64,
                Some(Place::Word(at)) => args::REGISTERS as u64 + ((analysis.size - at) / 8) as u64,
            },
        );
    }
    let mut runs: Vec<(u32, u64)> = Vec::new();
    for (step, set) in analysis.steps.iter().zip(&before) {
        if !step.stops {
            continue;
        }
        let mask = chosen
            .iter()
            .enumerate()
            .fold(0, |mask, (bit, &(_, n))| mask | (set >> n & 1) << bit);
        if runs.last().map_or(0, |run| run.1) != mask {
            runs.push((step.at, mask));
        }
    }
    uleb(&mut out, runs.len() as u64);
    let mut at = 0;
    for (start, mask) in runs {
        uleb(&mut out, (start - at) as u64);
        uleb(&mut out, mask);
        at = start;
    }
    Ok(out)
}

/// Follows the parameters from the entry on.
fn copies(
    analysis: &Analysis,
    ids: &Ids<'_>,
    blocks: &[CodeBlock],
    code: &[u8],
    signature: &Signature,
) -> Result<Vec<Copied>, Unclear> {
    let mut held: Held = [None; 32];
    let (mut int, mut float) = (0, 0);
    for (n, param) in signature.params.iter().enumerate().take(args::PARAMS) {
        if param.value_type.is_int() {
            let register = INTS.get(int).and_then(|&r| slot_of(r)).ok_or(Unclear)?;
            held[register] = Some(n as u8);
            int += 1;
        } else {
            *held.get_mut(16 + float).ok_or(Unclear)? = Some(n as u8);
            float += 1;
        }
    }
    let mut ways_in = vec![0u32; blocks.len()];
    ways_in[0] = 1;
    for &next in blocks.iter().flat_map(|block| &block.next) {
        ways_in[next] += 1;
    }
    let mut out: Vec<Copied> = Vec::new();
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut info = InstructionInfoFactory::new();
    let mut instruction = Instruction::default();
    let mut left = WALK;
    let mut work = vec![(0, held)];
    while let Some((index, mut held)) = work.pop() {
        let block = &blocks[index];
        for number in block.steps.0..block.steps.1 {
            if left == 0 || held.iter().all(Option::is_none) {
                break;
            }
            left -= 1;
            let at = analysis.steps[number].at;
            decoder.set_position(at as usize).map_err(|_| Unclear)?;
            decoder.set_ip(at as u64);
            decoder.decode_out(&mut instruction);
            follow(
                analysis,
                ids,
                &instruction,
                &mut info,
                number,
                &mut held,
                &mut out,
            );
        }
        if left > 0 && held.iter().any(Option::is_some) {
            let only = block.next.iter().filter(|&&next| ways_in[next] == 1);
            work.extend(only.map(|&next| (next, held)));
        }
    }
    Ok(out)
}

fn follow(
    analysis: &Analysis,
    ids: &Ids<'_>,
    instruction: &Instruction,
    info: &mut InstructionInfoFactory,
    number: usize,
    held: &mut Held,
    out: &mut Vec<Copied>,
) {
    let source = || slot_of(instruction.op1_register()).and_then(|slot| held[slot]);
    let mut found = |place: Place, param: u8| match out
        .iter_mut()
        .find(|c| c.place == place && c.param == param)
    {
        Some(copied) => copied.steps.push(number),
        None => out.push(Copied {
            place,
            param,
            steps: vec![number],
        }),
    };
    let full = matches!(
        instruction.code(),
        Code::Mov_rm64_r64
            | Code::Mov_r64_rm64
            | Code::Movss_xmmm32_xmm
            | Code::Movsd_xmmm64_xmm
            | Code::Movups_xmmm128_xmm
            | Code::Movaps_xmmm128_xmm
            | Code::Movdqu_xmmm128_xmm
            | Code::Movaps_xmm_xmmm128
            | Code::VEX_Vmovss_m32_xmm
            | Code::VEX_Vmovsd_m64_xmm
            | Code::VEX_Vmovups_xmmm128_xmm
            | Code::VEX_Vmovdqu_xmmm128_xmm
            | Code::VEX_Vmovaps_xmm_xmmm128
    );
    if full && instruction.op1_kind() == OpKind::Register {
        if instruction.op0_kind() == OpKind::Memory {
            let at = instruction.memory_displacement64();
            if let Some(param) = source()
                && instruction.memory_base() == Register::RSP
                && instruction.memory_index() == Register::None
                && at.is_multiple_of(8)
                && at + 8 <= analysis.size as u64
                && !ids.in_variable(at as u32)
            {
                found(Place::Word(at as u32), param);
            }
            return;
        }
        if instruction.op0_kind() == OpKind::Register
            && let Some(slot) = slot_of(instruction.op0_register())
        {
            held[slot] = source();
            let mask = preserved(instruction.op0_register()) & analysis.saved;
            if let Some(param) = held[slot]
                && mask != 0
            {
                found(Place::Register(mask.trailing_zeros() as u8), param);
            }
            return;
        }
    }
    if matches!(
        instruction.flow_control(),
        FlowControl::Call | FlowControl::IndirectCall
    ) {
        for register in [Register::RBX, Register::R12, Register::R13, Register::R14] {
            if let Some(slot) = slot_of(register)
                && analysis.saved & preserved(register) == 0
            {
                held[slot] = None;
            }
        }
        for (slot, value) in held.iter_mut().enumerate() {
            // rbx, r12 to r14.
            if !matches!(slot, 3 | 12..=14) {
                *value = None;
            }
        }
        return;
    }
    for used in info.info(instruction).used_registers() {
        let writes = !matches!(
            used.access(),
            OpAccess::None | OpAccess::NoMemAccess | OpAccess::Read | OpAccess::CondRead
        );
        if writes && let Some(slot) = slot_of(used.register()) {
            held[slot] = None;
        }
    }
}

/// Which copies certainly hold their parameters before each step.
fn hold(analysis: &Analysis, blocks: &[CodeBlock], copies: &[Copied]) -> Result<Vec<u64>, Unclear> {
    let all = u64::MAX >> (64 - copies.len());
    let registers = copies.iter().enumerate().fold(0, |mask, (n, copied)| {
        mask | (matches!(copied.place, Place::Register(_)) as u64) << n
    });
    let mut gains = vec![0u64; analysis.steps.len()];
    for (n, copied) in copies.iter().enumerate() {
        for &step in &copied.steps {
            gains[step] |= 1 << n;
        }
    }
    let losses: Vec<u64> = analysis
        .steps
        .iter()
        .map(|step| {
            let events = &analysis.events[step.events.0 as usize..step.events.1 as usize];
            events
                .iter()
                .fold(0, |mask, event| mask | lost(*event, copies))
        })
        .collect();
    // A handler runs with the registers of whoever panicked.
    let mut handler = vec![false; blocks.len()];
    let index_of = |at: u32| {
        blocks
            .iter()
            .position(|block| analysis.steps[block.steps.0].at == at)
            .ok_or(Unclear)
    };
    for step in &analysis.steps {
        if let Flow::Try(to) = step.flow {
            handler[index_of(to)?] = true;
        }
    }
    let mut at_start = vec![all; blocks.len()];
    at_start[0] = 0;
    let mut changed = true;
    while changed {
        changed = false;
        for (index, block) in blocks.iter().enumerate() {
            let mut set = at_start[index];
            for number in block.steps.0..block.steps.1 {
                set = set & !losses[number] | gains[number];
            }
            for &next in &block.next {
                let kept = at_start[next] & if handler[next] { set & !registers } else { set };
                changed |= kept != at_start[next];
                at_start[next] = kept;
            }
        }
    }
    let mut before = vec![0u64; analysis.steps.len()];
    for (block, &start) in blocks.iter().zip(&at_start) {
        let mut set = start;
        for number in block.steps.0..block.steps.1 {
            before[number] = set;
            set = set & !losses[number] | gains[number];
        }
    }
    Ok(before)
}

/// The copies that an event overwrites.
fn lost(event: Event, copies: &[Copied]) -> u64 {
    let mask = |gone: &dyn Fn(Place) -> bool| {
        copies.iter().enumerate().fold(0, |mask, (n, copied)| {
            mask | (gone(copied.place) as u64) << n
        })
    };
    match event {
        Event::Read { .. } | Event::ReadRegisters(_) | Event::Call { .. } => 0,
        Event::Write { at, size } => mask(&|place| match place {
            Place::Word(word) => word < at + size && at < word + 8,
            Place::Register(_) => false,
        }),
        Event::Address { at } => mask(&|place| place == Place::Word(at & !7)),
        Event::WriteRegisters(written) => mask(&|place| match place {
            Place::Register(bit) => written >> bit & 1 != 0,
            Place::Word(_) => false,
        }),
    }
}
