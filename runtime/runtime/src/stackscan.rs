//! Scanning goroutine stacks: only the words that are live.
//!
//! A stopped goroutine is inside a system function, called from Go code directly or through assembly. Its frames are walked along
//! the rbp chain. For each frame of Go code the linker's table says what of it is live at the call in progress
//! ([`abi::module::frame`]); words have no types, so a live word counts if it leads to an object.
//!
//! 1. *Registers.* Calls preserve rbx and r12 to r14. The walk knows where the values are that the current frame had in them: in the
//!    stopped context, until a frame that saved them is passed, from there on in that frame. Such a value is live if the table says so.
//! 2. *Variables* whose address is taken are live where the table says so, and where a pointer to them is: in a live word of this frame or of
//!    one further in, in G, in the arguments of the system function. Pointers into the stack that were found wait in `pending` for the
//!    frame that they point into. They point outwards: escape analysis keeps nothing in a frame that a frame further out, or the heap,
//!    refers to. Defer records are the exception: their list, innermost first, runs through frames and heap. Should a live word point inwards
//!    all the same, the whole stack is scanned.
//! 3. *Frames of anything else* (assembly, and what it called without a frame of its own), frames with a faulting instruction, and functions
//!    whose table says that it is unclear are scanned whole, and so are the four registers.
//!
//! With `gcdeadslots=1` every word that is not live is overwritten, so that a wrong table shows at once.

use crate::callbacks;
use crate::symtab;
use abi::module::frame;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use rt_gc::ConservativeRange;
use rt_sched::g::{G, Status};
use rt_sched::stack;
use rt_sched::world::Stopped;

/// Scan whole stacks (`gcstackconservative=1`).
pub static CONSERVATIVE: AtomicBool = AtomicBool::new(false);
/// Overwrite dead words (`gcdeadslots=1`).
pub static DEAD_SLOTS: AtomicBool = AtomicBool::new(false);

/// What dead words are overwritten with: a canonical address that nothing maps.
pub const DEAD: usize = 0x5dea_d510_7ead;

/// Pointers that may wait for their frame. With more the rest of the stack is scanned whole.
const PENDING: usize = 256;
/// Variables of a frame whose states are kept. A frame with more is scanned whole.
const VARIABLES: usize = 1024;

/// Finds everything that the stopped goroutine's stack and registers refer to.
pub fn scan(g: &G, stopped: &Stopped, emit: &mut dyn FnMut(ConservativeRange)) {
    let mut scan = Scan {
        g,
        emit,
        bounds: stack::bounds(g),
        pending: [0; PENDING],
        pending_len: 0,
        registers: stopped.registers,
        certain: !stopped.loose,
        defer: 0,
        sp: stopped.sp,
        current: stopped.sp,
        whole: CONSERVATIVE.load(Ordering::Relaxed),
        inward: false,
        poison: DEAD_SLOTS.load(Ordering::Relaxed),
        loose: stopped.loose,
    };
    scan.run(stopped);
}

struct Scan<'a> {
    g: &'a G,
    emit: &'a mut dyn FnMut(ConservativeRange),
    bounds: (usize, usize),
    /// Addresses in frames not yet reached.
    pending: [usize; PENDING],
    pending_len: usize,
    /// Where the values of the preserved registers are.
    registers: [usize; frame::REGISTERS],
    /// They are certainly there: no unknown frame has been passed.
    certain: bool,
    /// Innermost defer record in a frame not yet passed; 0 for none.
    defer: usize,
    /// Lowest address in use, and where the current frame begins: frames between are done.
    sp: usize,
    current: usize,
    /// Nothing is left out from here on.
    whole: bool,
    /// A live word points into a frame that is done: everything has to be looked at again.
    inward: bool,
    poison: bool,
    /// The goroutine may run in the innermost frame.
    loose: bool,
}

impl Scan<'_> {
    fn run(&mut self, stopped: &Stopped) {
        let g = self.g;
        for cell in [&g.defer, &g.panic] {
            self.word(cell.as_ptr() as usize);
        }
        if g.status() == Status::Waiting {
            self.word(g.sudog.elem.as_ptr() as usize);
        }
        for cell in &g.args[..usize::from(g.arg_count.get()).min(g.args.len())] {
            self.word(cell.as_ptr() as usize);
        }
        if stopped.pc == 0 {
            return;
        }
        if !symtab::is_go(stopped.pc) {
            // In morestack: the callee has not loaded its closure yet.
            self.word(g.closure_ctx.as_ptr() as usize);
        }
        if self.whole {
            return self.rest(stopped.sp);
        }
        self.defer = self.on_stack_defer(g.defer.get());
        let sigpanic = callbacks::address(callbacks::SIGPANIC);
        let (mut pc, mut lo, mut fp) = (stopped.pc, stopped.sp, stopped.fp);
        let mut innermost = true;
        let mut callee_entry = 0;
        while fp != 0 {
            self.current = lo;
            if fp < lo || fp & 7 != 0 || !stack::on_stack(g, fp) {
                rt_os::throw!(
                    "goroutine {}: frame pointer {fp:#x} of {pc:#x} is not on the stack",
                    g.goid.get()
                );
            }
            let faulted = callee_entry != 0 && callee_entry == sigpanic;
            callee_entry = 0;
            let record = match find(pc) {
                Some(found) => {
                    callee_entry = found.entry;
                    Some(found).filter(|found| !faulted && found.record != frame::NONE)
                }
                None => None,
            };
            while lo <= self.defer && self.defer < fp {
                self.add_pending(self.defer);
                // SAFETY: a record that the list refers to; its first word is the link.
                self.defer = self.on_stack_defer(unsafe { *(self.defer as *const usize) });
            }
            let known = record.is_some_and(|found| {
                self.frame(found, lo, fp, self.poison && !(self.loose && innermost))
            });
            if !known {
                self.unknown(lo, fp);
            }
            self.passed(lo, fp);
            if self.inward {
                return self.rest(stopped.sp);
            }
            if self.whole {
                return self.rest(fp + 16);
            }
            innermost = false;
            // SAFETY: a frame of a goroutine that is stopped.
            unsafe {
                let slot = stack::return_slot(fp);
                pc = *(slot as *const usize);
                lo = slot + 8;
                fp = *(fp as *const usize);
            }
        }
    }

    /// The first of the defer records from this one on that is in a frame.
    fn on_stack_defer(&self, mut record: usize) -> usize {
        while record != 0 && !stack::on_stack(self.g, record) {
            // SAFETY: a heap object that the goroutine's list holds; its first word is the link.
            record = unsafe { *(record as *const usize) };
        }
        record
    }

    /// Everything from here to the base of the stack, and the registers.
    fn rest(&mut self, sp: usize) {
        self.all_registers();
        // Segments further in hold nothing any more.
        let mut lo = 0;
        let mut seg = self.g.seg.get();
        while !seg.is_null() {
            // SAFETY: the chain of a stopped goroutine; segments above the first have an origin.
            unsafe {
                if (*seg).contains(sp) {
                    lo = sp;
                }
                if lo != 0 {
                    (self.emit)(ConservativeRange {
                        lo,
                        hi: (*seg).hi(),
                    });
                }
                let prev = (*seg).prev;
                if lo != 0 && !prev.is_null() {
                    lo = (*seg).origin_sp();
                }
                seg = prev;
            }
        }
    }

    fn all_registers(&mut self) {
        for register in self.registers {
            self.word(register);
        }
    }

    /// A frame of which nothing is known.
    fn unknown(&mut self, lo: usize, fp: usize) {
        self.all_registers();
        self.words(lo, fp);
        self.certain = false;
    }

    /// One live word.
    fn word(&mut self, at: usize) {
        self.words(at, at + 8);
    }

    fn words(&mut self, lo: usize, hi: usize) {
        if lo >= hi {
            return;
        }
        for at in (lo..hi).step_by(8) {
            // SAFETY: words of a live frame, or of G.
            let word = unsafe { (at as *const usize).read_volatile() };
            if self.bounds.0 <= word && word < self.bounds.1 {
                self.add_pending(word);
            }
        }
        (self.emit)(ConservativeRange { lo, hi });
    }

    fn add_pending(&mut self, word: usize) {
        self.inward |= self.is_done(word);
        if self.pending[..self.pending_len].contains(&word) {
            return;
        }
        if self.pending_len == PENDING {
            self.whole = true;
            return;
        }
        self.pending[self.pending_len] = word;
        self.pending_len += 1;
    }

    /// Whether an address within the bounds is in a frame that the walk has left behind.
    fn is_done(&self, word: usize) -> bool {
        let mut low = self.sp;
        let mut seg = self.g.seg.get();
        while !seg.is_null() {
            // SAFETY: the chain of a stopped goroutine; segments above the first have an origin.
            unsafe {
                if (*seg).contains(self.current) {
                    return low <= word && word < self.current;
                }
                if low <= word && word < (*seg).hi() {
                    return true;
                }
                low = (*seg).origin_sp();
                seg = (*seg).prev;
            }
        }
        false
    }

    fn is_pending(&self, lo: usize, hi: usize) -> bool {
        self.pending[..self.pending_len]
            .iter()
            .any(|&word| lo <= word && word < hi)
    }

    /// Forgets pointers into a frame that is done.
    fn passed(&mut self, lo: usize, fp: usize) {
        let mut at = 0;
        while at < self.pending_len {
            if lo <= self.pending[at] && self.pending[at] < fp + 16 {
                self.pending_len -= 1;
                self.pending[at] = self.pending[self.pending_len];
            } else {
                at += 1;
            }
        }
    }

    /// A frame of Go code; false if its table does not help.
    fn frame(&mut self, found: Found, lo: usize, fp: usize, poison: bool) -> bool {
        let bytes = symtab::slice(&symtab::module().frames);
        let mut r = Reader {
            bytes,
            at: found.record as usize,
        };
        let header = r.byte();
        if header & frame::UNCLEAR != 0 {
            return false;
        }
        let saved = header & 0xf;
        let variables = Reader { ..r };
        let mut count = 0;
        if header & frame::VARIABLES != 0 {
            count = r.number();
            if count > VARIABLES {
                return false;
            }
            for _ in 0..count * 2 {
                r.number();
            }
        }
        let map = Map {
            bytes,
            at: found.map as usize,
        };
        let mut bit = 0;
        for register in 0..frame::REGISTERS {
            if saved >> register & 1 != 0 {
                let at = self.registers[register];
                if map.get(bit) {
                    self.word(at);
                } else if poison && self.certain {
                    // SAFETY: where the function would find a value that it does not need.
                    unsafe { (at as *mut usize).write_volatile(DEAD) };
                }
                bit += 1;
            }
        }
        let mut live = [0u64; VARIABLES / 64];
        for index in 0..count {
            if map.get(bit + index) {
                live[index / 64] |= 1 << (index % 64);
            }
        }
        bit += count;
        // Live columns, neighbours together.
        let mut columns = Reader { ..r };
        let mut column_count = 0;
        if header & frame::SITES != 0 {
            column_count = columns.number();
            if found.map != 0 {
                let mut r = Reader { ..columns };
                let mut word = 0;
                let mut run: Option<(usize, usize)> = None;
                for column in 0..column_count {
                    word += r.number();
                    let at = fp - 8 * (word + 1);
                    word += 1;
                    if !map.get(bit + column) {
                        continue;
                    }
                    run = match run {
                        Some((run_lo, run_hi)) if run_lo == at + 8 => Some((at, run_hi)),
                        other => {
                            if let Some((run_lo, run_hi)) = other {
                                self.words(run_lo, run_hi);
                            }
                            Some((at, at + 8))
                        }
                    };
                }
                if let Some((run_lo, run_hi)) = run {
                    self.words(run_lo, run_hi);
                }
            }
        }
        if count > 0 {
            self.variables(variables, &mut live, fp);
        }
        if poison {
            self.overwrite(
                saved,
                variables,
                count,
                &live,
                columns,
                column_count,
                &map,
                bit,
                lo,
                fp,
            );
        }
        let below = fp - frame::saved_bytes(saved.count_ones()) as usize;
        let mut place = below;
        for register in 0..frame::REGISTERS {
            if saved >> register & 1 != 0 {
                self.registers[register] = place;
                place += 8;
            }
        }
        true
    }

    /// Scans the live variables, and those that pointers were found to, until there are no more.
    fn variables(&mut self, table: Reader<'_>, live: &mut [u64; VARIABLES / 64], fp: usize) {
        let mut done = [0u64; VARIABLES / 64];
        loop {
            let mut changed = false;
            let mut r = Reader { ..table };
            let count = r.number();
            let mut word = 0;
            for index in 0..count {
                word += r.number();
                let words = r.number();
                word += words;
                let (lo, hi) = (fp - 8 * word, fp - 8 * (word - words));
                let (slot, mask) = (index / 64, 1 << (index % 64));
                if done[slot] & mask != 0 {
                    continue;
                }
                if live[slot] & mask == 0 {
                    if !self.is_pending(lo, hi) {
                        continue;
                    }
                    live[slot] |= mask;
                }
                done[slot] |= mask;
                changed = true;
                self.words(lo, hi);
            }
            if !changed {
                return;
            }
        }
    }

    /// Overwrites the words of a frame that are not live.
    #[expect(clippy::too_many_arguments, reason = "the parts of one table record")]
    fn overwrite(
        &self,
        saved: u8,
        mut variables: Reader<'_>,
        count: usize,
        live: &[u64; VARIABLES / 64],
        mut columns: Reader<'_>,
        column_count: usize,
        map: &Map<'_>,
        bit: usize,
        lo: usize,
        fp: usize,
    ) {
        // Words are visited downwards; both tables are in that order.
        let mut variable = None;
        let (mut next_variable, mut variable_word) = (0, 0);
        if count > 0 {
            variables.number();
        }
        let mut column = None;
        let (mut next_column, mut column_word) = (0, 0);
        let first = frame::saved_bytes(saved.count_ones()) as usize / 8;
        for word in 0..(fp - lo) / 8 {
            while next_variable < count && variable.is_none_or(|(_, end, _)| end <= word) {
                let start = variable_word + variables.number();
                variable_word = start + variables.number();
                let index = next_variable;
                variable = Some((
                    start,
                    variable_word,
                    live[index / 64] >> (index % 64) & 1 != 0,
                ));
                next_variable += 1;
            }
            while next_column < column_count && column.is_none_or(|(at, _)| at < word) {
                column_word += columns.number();
                column = Some((column_word, map.get(bit + next_column)));
                column_word += 1;
                next_column += 1;
            }
            let kept = variable
                .is_some_and(|(start, end, live)| live && start <= word && word < end)
                || column.is_some_and(|(at, live)| live && at == word);
            if word >= first && !kept {
                // SAFETY: a word of the frame that the function will not read before writing it.
                unsafe { ((fp - 8 * (word + 1)) as *mut usize).write_volatile(DEAD) };
            }
        }
    }
}

/// What the tables say of a return address.
#[derive(Clone, Copy)]
struct Found {
    /// Address of the function.
    entry: usize,
    /// Offset of its record in `frames`, or [`frame::NONE`].
    record: u32,
    /// Offset of the map in `frames`; 0 if nothing is live.
    map: u32,
}

struct Map<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Map<'_> {
    fn get(&self, bit: usize) -> bool {
        self.at != 0 && self.bytes[self.at + bit / 8] >> (bit % 8) & 1 != 0
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.bytes[self.at];
        self.at += 1;
        byte
    }
    fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= ((byte & 0x7f) as usize) << shift;
            if byte & 0x80 == 0 {
                return number;
            }
            shift += 7;
        }
    }
}

/// Return addresses looked up lately: three words (function, record, map), each with the return address' text offset above.
const CACHED: usize = 512;
static CACHE: [[AtomicU64; 3]; CACHED] = [const { [const { AtomicU64::new(0) }; 3] }; CACHED];

fn find(pc: usize) -> Option<Found> {
    if !symtab::is_go(pc.wrapping_sub(1)) {
        return None;
    }
    let text = symtab::module().text;
    let offset = (pc - text) as u32;
    let slot = &CACHE[(offset.wrapping_mul(0x9e37_79b9) >> 23) as usize % CACHED];
    let words = [0, 1, 2].map(|n| slot[n].load(Ordering::Relaxed));
    if words.iter().all(|word| (word >> 32) as u32 == offset) {
        return Some(Found {
            entry: text + words[0] as u32 as usize,
            record: words[1] as u32,
            map: words[2] as u32,
        });
    }
    let func = symtab::find_func(pc - 1)?;
    let map = if func.frame == frame::NONE {
        0
    } else {
        map_of(func.frame, offset - func.start)
    };
    for (word, value) in slot.iter().zip([func.start, func.frame, map]) {
        word.store((offset as u64) << 32 | value as u64, Ordering::Relaxed);
    }
    Some(Found {
        entry: text + func.start as usize,
        record: func.frame,
        map,
    })
}

/// Offset of the map of the call that returns to `ret`, 0 if nothing is live at it.
fn map_of(record: u32, ret: u32) -> u32 {
    let mut r = Reader {
        bytes: symtab::slice(&symtab::module().frames),
        at: record as usize,
    };
    let header = r.byte();
    if header & frame::UNCLEAR != 0 || header & frame::SITES == 0 {
        return 0;
    }
    let mut bits = (header & 0xf).count_ones() as usize;
    if header & frame::VARIABLES != 0 {
        let count = r.number();
        bits += count;
        for _ in 0..count * 2 {
            r.number();
        }
    }
    let columns = r.number();
    bits += columns;
    for _ in 0..columns {
        r.number();
    }
    let bytes = bits.div_ceil(8);
    let mut list = 0;
    if bits > 8 {
        let count = r.number();
        list = r.at;
        r.at += count * bytes;
    }
    let count = r.number();
    let (mut at, mut map) = (0usize, 0usize);
    for _ in 0..count {
        let entry = r.number();
        at += entry >> 1;
        if entry & 1 == 0 {
            map = if bits > 8 {
                list + r.number() * bytes
            } else {
                r.at += 1;
                r.at - 1
            };
        }
        if at >= ret as usize {
            return if at == ret as usize { map as u32 } else { 0 };
        }
    }
    0
}
