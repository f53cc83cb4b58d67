//! From machine code to steps and events.

use abi::module::frame;
use cranelift_codegen::CompiledCode;
use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, OpKind, Register,
};

use super::{Analysis, Event, Flow, Step, Unclear};

/// Bit of a register that calls preserve.
pub(super) fn preserved(register: Register) -> u8 {
    match register.full_register() {
        Register::RBX => 1,
        Register::R12 => 2,
        Register::R13 => 4,
        Register::R14 => 8,
        _ => 0,
    }
}

/// Whether it is a call or may fault: not with an operand in the frame or in G.
fn may_stop(instruction: &Instruction) -> bool {
    match instruction.flow_control() {
        FlowControl::Call | FlowControl::IndirectCall | FlowControl::Exception => true,
        _ => {
            matches!(instruction.mnemonic(), Mnemonic::Div | Mnemonic::Idiv)
                || instruction.mnemonic() != Mnemonic::Lea
                    && (0..instruction.op_count()).any(|n| instruction.op_kind(n) == OpKind::Memory)
                    && !matches!(
                        instruction.memory_base(),
                        Register::RSP | Register::RBP | Register::RIP | Register::R15
                    )
        }
    }
}

/// How many bytes of the frame a function writes to before its first branch, which is where it looks at the stack limit: the register
/// allocator stores arguments where they come in.
pub(crate) fn stored_before_branch(code: &[u8]) -> u32 {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let (mut frame, mut lowest) = (0u64, 0u64);
    while decoder.can_decode() {
        let instruction = decoder.decode();
        if instruction.flow_control() != FlowControl::Next {
            break;
        }
        let to_stack =
            instruction.op0_kind() == OpKind::Memory && instruction.memory_base() == Register::RSP;
        if instruction.mnemonic() == Mnemonic::Sub && instruction.op0_register() == Register::RSP {
            frame += instruction.immediate(1);
        } else if to_stack && instruction.mnemonic() != Mnemonic::Cmp {
            lowest = lowest.max(frame.saturating_sub(instruction.memory_displacement64()));
        }
    }
    lowest as u32
}

impl Analysis {
    pub(super) fn decode(
        &mut self,
        compiled: &CompiledCode,
        handlers: &[(u32, u32)],
    ) -> Result<(), Unclear> {
        let code = compiled.buffer.data();
        let mut relocs: Vec<u32> = compiled.buffer.relocs().iter().map(|r| r.offset).collect();
        relocs.sort_unstable();
        let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        let mut info = InstructionInfoFactory::new();
        let mut seen = vec![0u64; code.len().div_ceil(64)];
        let mut instruction = Instruction::default();
        let first = self.prologue(&mut decoder)?;
        let mut starts = compiled.bb_starts.clone();
        starts.sort_unstable();
        if starts.first() != Some(&first) {
            return Err(Unclear);
        }
        let mut work = vec![first];
        while let Some(start) = work.pop() {
            let mut at = start;
            loop {
                let Some(word) = seen.get_mut(at as usize / 64) else {
                    return Err(Unclear);
                };
                if *word >> (at % 64) & 1 != 0 {
                    break;
                }
                *word |= 1 << (at % 64);
                decoder.set_position(at as usize).map_err(|_| Unclear)?;
                decoder.set_ip(at as u64);
                decoder.decode_out(&mut instruction);
                if instruction.is_invalid() {
                    return Err(Unclear);
                }
                let end = instruction.next_ip() as u32;
                let from = self.events.len() as u32;
                let mut flow = match instruction.flow_control() {
                    FlowControl::Next => Flow::Next,
                    FlowControl::ConditionalBranch => {
                        Flow::Branch(instruction.near_branch64() as u32)
                    }
                    FlowControl::UnconditionalBranch => {
                        if relocs.binary_search(&(at + 1)).is_ok() {
                            Flow::End
                        } else {
                            Flow::Jump(instruction.near_branch64() as u32)
                        }
                    }
                    FlowControl::IndirectBranch => {
                        let from = self.targets.len();
                        self.jump_table(code, end, &starts)?;
                        work.extend(&self.targets[from..]);
                        Flow::Table(from as u32, self.targets.len() as u32)
                    }
                    FlowControl::Return | FlowControl::Exception => Flow::End,
                    FlowControl::Call | FlowControl::IndirectCall => Flow::Next,
                    _ => return Err(Unclear),
                };
                self.effects(&instruction, &mut info)?;
                if matches!(
                    instruction.flow_control(),
                    FlowControl::Call | FlowControl::IndirectCall
                ) {
                    let handler = handlers
                        .binary_search_by_key(&end, |h| h.0)
                        .ok()
                        .map(|index| handlers[index].1);
                    self.events.push(Event::Call { ret: end });
                    if let Some(handler) = handler {
                        flow = Flow::Try(handler);
                    }
                }
                self.steps.push(Step {
                    at,
                    end,
                    flow,
                    events: (from, self.events.len() as u32),
                    stops: may_stop(&instruction),
                });
                match flow {
                    Flow::Next => {}
                    Flow::Branch(to) | Flow::Try(to) => work.push(to),
                    Flow::Jump(to) => {
                        work.push(to);
                        break;
                    }
                    Flow::Table(..) | Flow::End => break,
                }
                at = end;
            }
        }
        self.steps.sort_unstable_by_key(|step| step.at);
        Ok(())
    }

    /// Four-byte distances of basic blocks from the table, up to the next basic block. (Cranelift's own edges are of no use: it mixes up blocks
    /// where some of them are cold.)
    fn jump_table(&mut self, code: &[u8], table: u32, starts: &[u32]) -> Result<(), Unclear> {
        let next = starts.partition_point(|&start| start < table);
        let last = next == starts.len();
        let end = starts.get(next).map_or(code.len(), |&start| start as usize);
        let from = self.targets.len();
        for entry in code[table as usize..end].chunks_exact(4) {
            let distance = i32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
            match table.checked_add_signed(distance) {
                Some(target) if starts.binary_search(&target).is_ok() => self.targets.push(target),
                // Constants may follow the last block.
                _ if last => break,
                _ => return Err(Unclear),
            }
        }
        if self.targets.len() == from {
            return Err(Unclear);
        }
        Ok(())
    }

    /// `push rbp; mov rbp, rsp; sub rsp, size`, then the saved registers. Returns the offset behind.
    fn prologue(&mut self, decoder: &mut Decoder<'_>) -> Result<u32, Unclear> {
        let push = decoder.decode();
        let mov = decoder.decode();
        if push.code() != Code::Push_r64
            || push.op0_register() != Register::RBP
            || mov.mnemonic() != Mnemonic::Mov
            || mov.op0_register() != Register::RBP
            || mov.op1_register() != Register::RSP
        {
            return Err(Unclear);
        }
        let mut end = mov.next_ip() as u32;
        if self.size == 0 {
            return Ok(end);
        }
        let sub = decoder.decode();
        if sub.mnemonic() != Mnemonic::Sub
            || sub.op0_register() != Register::RSP
            || sub.immediate(1) != self.size as u64
        {
            return Err(Unclear);
        }
        end = sub.next_ip() as u32;
        // The longest run of stores of ascending registers to where exactly that many are kept.
        let mut run = Vec::new();
        loop {
            let store = decoder.decode();
            let mask = preserved(store.op1_register());
            if store.code() != Code::Mov_rm64_r64
                || store.memory_base() != Register::RSP
                || store.memory_index() != Register::None
                || mask == 0
                || run.last().is_some_and(|&(last, _, _)| last >= mask)
            {
                break;
            }
            run.push((mask, store.memory_displacement64(), store.next_ip() as u32));
        }
        for count in (1..=run.len()).rev() {
            let base = (self.size as u64).checked_sub(frame::saved_bytes(count as u32) as u64);
            let fits = |(i, &(_, at, _)): (usize, &(u8, u64, u32))| {
                base.is_some_and(|base| at == base + 8 * i as u64)
            };
            if run[..count].iter().enumerate().all(fits) {
                self.saved = run[..count].iter().fold(0, |all, r| all | r.0);
                end = run[count - 1].2;
                break;
            }
        }
        Ok(end)
    }

    /// Bottom of the words that hold saved registers.
    fn saved_from(&self) -> u32 {
        self.size - frame::saved_bytes(self.saved.count_ones())
    }

    fn effects(
        &mut self,
        instruction: &Instruction,
        info: &mut InstructionInfoFactory,
    ) -> Result<(), Unclear> {
        let base = instruction.memory_base();
        let memory = (0..instruction.op_count()).any(|n| instruction.op_kind(n) == OpKind::Memory);
        let in_frame = memory && matches!(base, Register::RSP | Register::RBP);
        let mut registers = match memory {
            true => preserved(base) | preserved(instruction.memory_index()),
            false => 0,
        };
        for n in 0..instruction.op_count() {
            if instruction.op_kind(n) == OpKind::Register {
                let register = instruction.op_register(n);
                registers |= preserved(register);
                if n == 0 && register.full_register() == Register::RSP {
                    self.moves_sp(instruction)?;
                }
            }
        }
        if matches!(
            instruction.code(),
            Code::Cmpxchg16b_m128 | Code::Cmpxchg8b_m64 | Code::Cpuid
        ) {
            registers |= 1;
        }
        if !in_frame && registers == 0 {
            return Ok(());
        }
        if in_frame && instruction.memory_index() == Register::RSP {
            return Err(Unclear);
        }
        let at = if in_frame {
            let displacement = instruction.memory_displacement64() as i64;
            let at = match base {
                Register::RSP => displacement,
                _ => displacement + self.size as i64,
            };
            u32::try_from(at).map_err(|_| Unclear)?
        } else {
            0
        };
        let indexed = in_frame && instruction.memory_index() != Register::None;
        // Saved rbp, return address.
        let outside = at >= self.size;
        if in_frame && instruction.mnemonic() == Mnemonic::Lea {
            if outside {
                return Err(Unclear);
            }
            self.events.push(Event::Address { at });
        }
        let details = info.info(instruction);
        let (mut reads, mut writes) = (0, 0);
        for used in details.used_registers() {
            let mask = preserved(used.register());
            if mask == 0 {
                continue;
            }
            match used.access() {
                OpAccess::Read | OpAccess::CondRead => reads |= mask,
                OpAccess::Write => writes |= mask,
                OpAccess::ReadWrite | OpAccess::ReadCondWrite => {
                    reads |= mask;
                    writes |= mask;
                }
                OpAccess::CondWrite => reads |= mask,
                _ => {}
            }
        }
        if writes & !self.saved != 0 {
            return Err(Unclear);
        }
        // `xor rbx, rbx` and moves of parts are reads to the library as they are to us. A write of a part is none.
        for n in 0..instruction.op_count() {
            if instruction.op_kind(n) == OpKind::Register
                && preserved(instruction.op_register(n)) & writes != 0
                && instruction.op_register(n).size() < 4
            {
                reads |= preserved(instruction.op_register(n));
            }
        }
        if reads & self.saved != 0 {
            self.events.push(Event::ReadRegisters(reads & self.saved));
        }
        if in_frame && !outside && instruction.mnemonic() != Mnemonic::Lea {
            let restored = at >= self.saved_from();
            for used in details.used_memory() {
                // Not what a call or push does below the stack pointer.
                if used.base() != base || used.displacement() != instruction.memory_displacement64()
                {
                    continue;
                }
                let size = used.memory_size().size() as u32;
                if indexed || size == 0 {
                    self.events.push(Event::Address { at });
                    continue;
                }
                let (read, write) = match used.access() {
                    OpAccess::Read | OpAccess::CondRead => (true, false),
                    OpAccess::Write => (false, true),
                    OpAccess::CondWrite => (false, false),
                    OpAccess::None | OpAccess::NoMemAccess => (false, false),
                    _ => (true, true),
                };
                if restored {
                    // Only the epilogue looks at saved registers.
                    if write {
                        return Err(Unclear);
                    }
                    continue;
                }
                if read {
                    self.events.push(Event::Read { at, size });
                }
                if write {
                    self.events.push(Event::Write { at, size });
                }
            }
        }
        if writes != 0 {
            self.events.push(Event::WriteRegisters(writes));
        }
        Ok(())
    }

    /// Only the epilogue may change the stack pointer.
    fn moves_sp(&self, instruction: &Instruction) -> Result<(), Unclear> {
        match instruction.mnemonic() {
            Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push => Ok(()),
            Mnemonic::Mov if instruction.op1_register() == Register::RBP => Ok(()),
            Mnemonic::Add if instruction.immediate(1) == self.size as u64 => Ok(()),
            _ => Err(Unclear),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::stored_before_branch;

    #[test]
    fn stores_before_the_first_branch_are_found() {
        let enter = [
            0x55, // push rbp
            0x48, 0x89, 0xe5, // mov rbp, rsp
            0x48, 0x81, 0xec, 0x10, 0x05, 0, 0, // sub rsp, 0x510
        ];
        let store = |at: u8| [0x48, 0x89, 0xbc, 0x24, at, 0x03, 0, 0]; // mov [rsp + 0x300 + at], rdi
        let branch = [0x72, 0]; // jb
        let check = |parts: &[&[u8]], want: u32| {
            assert_eq!(stored_before_branch(&parts.concat()), want);
        };
        check(&[&enter, &branch, &store(0)], 0);
        check(&[&enter, &store(0xa8), &branch, &store(0)], 0x510 - 0x3a8);
        check(
            &[&enter, &store(0xa8), &store(0xf0), &branch],
            0x510 - 0x3a8,
        );
    }
}
