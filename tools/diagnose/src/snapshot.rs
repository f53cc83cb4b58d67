//! What a reader hands over: one process, frozen, as plain data.
//!
//! A *slot* is one place for an object in a span, allocated or not; slots are numbered through all spans in
//! address order. Everything about objects is an array indexed by slot, so that ten million objects cost tens
//! of bytes each:
//!
//! ```text
//! spans      [ first slot, start address, element size .. ]   ascending
//! allocated  one bit per slot
//! labels     one word per slot: type and how it is known
//! offsets    slot -> range of edges;  targets, words: one entry per edge
//! ```
//!
//! Units are bytes and nanoseconds throughout.

use serde::{Deserialize, Serialize};

/// Bytes of a page of Go's heap.
pub const PAGE: u64 = 8192;

/// Index of a slot.
pub type Slot = u32;

/// Index into [`Snapshot::types`].
pub type TypeId = u32;

/// One process at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Where it comes from and how far it can be trusted.
    pub info: Info,
    /// Objects and references.
    pub heap: Heap,
    /// Types that objects and globals have.
    pub types: Vec<TypeInfo>,
    /// What keeps objects alive.
    pub roots: Vec<Root>,
    /// Objects the roots refer to; [`Root::first`] indexes it.
    pub root_targets: Vec<Slot>,
    /// All goroutines.
    pub goroutines: Vec<Goroutine>,
    /// Distinct call stacks, as indices into `frames`, innermost first.
    pub stacks: Vec<Vec<u32>>,
    /// Distinct source positions.
    pub frames: Vec<Frame>,
    /// Waits for semaphores: mutexes, wait groups.
    pub locks: Vec<LockWait>,
    /// Tickers and timers of package time.
    pub timers: Vec<TimerUse>,
    /// Maps with more room than content.
    pub maps: Vec<MapUse>,
    /// Channels with buffers.
    pub channels: Vec<ChannelUse>,
    /// References into large objects by strings and slices.
    pub views: Vec<View>,
    /// Callers of functions that matter for advice (`time.NewTicker`): name, frames.
    pub callers: Vec<(String, Vec<u32>)>,
    /// Functions that take large arguments by value.
    pub big_arguments: Vec<BigArgument>,
    /// The process seen from the kernel, and the collector's numbers.
    pub memory: Memory,
}

/// Where a snapshot comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// `fork`, `stop`, `core`.
    pub method: String,
    /// Process id; 0 for files.
    pub pid: i32,
    /// Path of the executable or core file.
    pub program: String,
    /// Path of the main package, where recorded.
    pub main_package: String,
    /// `go1.26.8`.
    pub go_version: String,
    /// How names and layouts were found: `dwarf`, `table`, `table of go1.26`.
    pub layout: String,
    /// Whether DWARF was present.
    pub dwarf: bool,
    /// How long the process stood still.
    pub pause_ns: u64,
    /// Seconds since 1970.
    pub taken_at: u64,
    /// What did not work, in sentences.
    pub warnings: Vec<String>,
    /// Checks of the snapshot against itself.
    pub checks: Checks,
}

/// Numbers that show whether a snapshot is consistent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// Spans in use.
    pub spans: u64,
    /// Spans whose count of allocated objects disagrees with their bits.
    pub span_mismatches: u64,
    /// Objects whose type word is not a type.
    pub bad_headers: u64,
    /// Objects allocated.
    pub objects: u64,
    /// Bytes in allocated objects.
    pub bytes: u64,
    /// Objects with a known type.
    pub typed_objects: u64,
    /// Bytes in objects with a known type.
    pub typed_bytes: u64,
    /// Frames scanned conservatively for want of a stack map.
    pub imprecise_frames: u64,
    /// Frames of parked goroutines in all.
    pub frames: u64,
    /// References to large objects that were not recorded for want of room.
    pub dropped_views: u64,
}

/// Kind of a span's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpanState {
    /// Objects.
    InUse,
    /// Goroutine stacks and other memory managed by hand.
    Manual,
}

/// A run of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First address.
    pub start: u64,
    /// Bytes of one object.
    pub elem_size: u64,
    /// Pages of 8 KiB.
    pub pages: u32,
    /// Number of slots.
    pub slots: u32,
    /// Number of its first slot.
    pub first: Slot,
    /// Size class; 0 for one large object.
    pub class: u8,
    /// Objects hold no pointers.
    pub noscan: bool,
    /// What it is used for.
    pub state: SpanState,
}

/// Objects and references; see the module's drawing.
#[derive(Clone, Debug, Default)]
pub struct Heap {
    /// Spans in address order.
    pub spans: Vec<Span>,
    /// One bit per slot.
    pub allocated: Vec<u64>,
    /// One label per slot.
    pub labels: Vec<Label>,
    /// Edges of slot `s` are `offsets[s]..offsets[s + 1]`.
    pub offsets: Vec<u32>,
    /// Target slots.
    pub targets: Vec<Slot>,
    /// Word of the source object that holds the reference, modulo the element of an array with a known type;
    /// see [`EDGE_INTERIOR`].
    pub words: Vec<u16>,
}

/// Set in [`Heap::words`] when the reference does not point at the start of its target.
pub const EDGE_INTERIOR: u16 = 0x8000;
/// Word index of a reference too far inside its object.
pub const EDGE_FAR: u16 = 0x7fff;

/// How a type is known, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provenance {
    /// Not known.
    Unknown,
    /// The first word points at this closure's code.
    Code,
    /// The only type whose layout fits all such objects.
    Inferred,
    /// A typed reference points into it.
    Interior,
    /// A typed reference points at it.
    Reference,
    /// An interface holds it.
    Interface,
    /// The allocator recorded it; or the object itself, as channels do.
    Header,
}

/// Type of an object and how it is known, in one word: type + 1 in the low 24 bits, then array, then provenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label(pub u32);

impl Label {
    /// No type.
    pub const NONE: Label = Label(0);
    /// Highest type index that fits.
    pub const MAX_TYPES: usize = (1 << 24) - 2;

    /// A label.
    pub fn new(ty: TypeId, array: bool, provenance: Provenance) -> Label {
        Label((ty + 1) & 0xff_ffff | u32::from(array) << 24 | (provenance as u32) << 25)
    }

    /// The type, if known.
    pub fn ty(self) -> Option<TypeId> {
        (self.0 & 0xff_ffff).checked_sub(1)
    }

    /// Whether the object is a backing array of that type.
    pub fn array(self) -> bool {
        self.0 >> 24 & 1 != 0
    }

    /// How it is known.
    pub fn provenance(self) -> Provenance {
        match self.0 >> 25 {
            1 => Provenance::Code,
            2 => Provenance::Inferred,
            3 => Provenance::Interior,
            4 => Provenance::Reference,
            5 => Provenance::Interface,
            6 => Provenance::Header,
            _ => Provenance::Unknown,
        }
    }

    /// Type and array flag alone, for grouping.
    pub fn key(self) -> u32 {
        self.0 & 0x1ff_ffff
    }
}

impl Heap {
    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.labels.len()
    }

    /// Whether a slot holds an object.
    pub fn is_allocated(&self, slot: Slot) -> bool {
        self.allocated
            .get(slot as usize / 64)
            .is_some_and(|word| word >> (slot % 64) & 1 != 0)
    }

    /// The span of a slot.
    pub fn span_of(&self, slot: Slot) -> &Span {
        let index = self.spans.partition_point(|span| span.first <= slot);
        // Manual spans have no slots and share `first` with the next span.
        let mut index = index.saturating_sub(1);
        while index > 0 && self.spans[index].slots == 0 {
            index -= 1;
        }
        &self.spans[index]
    }

    /// Address of a slot.
    pub fn address(&self, slot: Slot) -> u64 {
        let span = self.span_of(slot);
        span.start + u64::from(slot - span.first) * span.elem_size
    }

    /// Bytes of a slot.
    pub fn size(&self, slot: Slot) -> u64 {
        self.span_of(slot).elem_size
    }

    /// The slot an address lies in, with the offset inside it; allocated or not.
    pub fn find(&self, address: u64) -> Option<(Slot, u64)> {
        let index = self
            .spans
            .partition_point(|span| span.start <= address)
            .checked_sub(1)?;
        let span = &self.spans[index];
        let offset = address - span.start;
        let slot = offset.checked_div(span.elem_size)?;
        (slot < u64::from(span.slots)).then(|| (span.first + slot as u32, offset % span.elem_size))
    }

    /// Edges of a slot: target and word.
    pub fn edges(&self, slot: Slot) -> impl Iterator<Item = (Slot, u16)> + '_ {
        let range = self.offsets[slot as usize] as usize..self.offsets[slot as usize + 1] as usize;
        let words = self.words.get(range.clone()).unwrap_or(&[]);
        self.targets[range]
            .iter()
            .enumerate()
            .map(move |(index, &target)| (target, words.get(index).copied().unwrap_or(EDGE_FAR)))
    }
}

/// A Go type (or one of the names this project gives to untyped things).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeInfo {
    /// `main.Entry`, `map[string]*main.Entry`, `closure main.run.func1`.
    pub name: String,
    /// Bytes; 0 when not fixed.
    pub size: u64,
    /// `reflect.Kind`; 0 for things that are no Go type.
    pub kind: u8,
    /// Struct fields: name, offset, name of the type.
    pub fields: Vec<(String, u32, String)>,
    /// Where the program allocates it, `main.build:28`, from its code.
    pub sites: Vec<String>,
}

/// What a root is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RootKind {
    /// A package variable of the program or a library.
    Global,
    /// The runtime's own variables.
    Runtime,
    /// The frames of the goroutine with this index.
    Goroutine(u32),
    /// A finalizer's or cleanup's function and what it keeps.
    Special,
    /// Registers of running threads, and signal stacks.
    Thread,
}

/// One root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// What it is.
    pub kind: RootKind,
    /// `main.cache`, `global@5a6ee0 (used by main.main)`.
    pub name: String,
    /// Its type, where known.
    pub ty: String,
    /// First index in [`Snapshot::root_targets`].
    pub first: u32,
    /// How many.
    pub count: u32,
    /// Where the program's code uses it (frames), writes first.
    pub users: Vec<u32>,
}

/// A source position.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Frame {
    /// Full function name.
    pub function: String,
    /// File as the compiler recorded it.
    pub file: String,
    /// Line; 0 unknown.
    pub line: u32,
}

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GoStatus {
    /// On a thread.
    Running,
    /// Would run if it had a thread.
    Runnable,
    /// In a system call.
    Syscall,
    /// Parked.
    Waiting,
}

/// What a parked goroutine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitOn {
    /// Address of the channel, or of the semaphore word.
    pub address: u64,
    /// The object it lies in; `None` for globals and stacks.
    pub slot: Option<Slot>,
    /// Channel operation or semaphore.
    pub channel: bool,
}

/// One goroutine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goroutine {
    /// Its id, as in tracebacks.
    pub id: u64,
    /// What it does.
    pub status: GoStatus,
    /// `chan receive`, `select` ...; empty unless waiting.
    pub reason: String,
    /// Index into [`Snapshot::stacks`].
    pub stack: u32,
    /// Frame of the `go` statement, if known.
    pub created_by: Option<u32>,
    /// Bytes of its stack.
    pub stack_bytes: u64,
    /// Largest frame: index into `frames`, bytes.
    pub largest_frame: Option<(u32, u64)>,
    /// How long it has been waiting, where the collector has noted it.
    pub waiting_ns: Option<u64>,
    /// What it waits for.
    pub waits_on: Vec<WaitOn>,
    /// Its own objects: the g and its wait records. They must not keep alive what it waits for.
    pub own: Vec<Slot>,
    /// Run by the runtime itself.
    pub system: bool,
}

/// Waiters of one semaphore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockWait {
    /// `sync.Mutex`, `sync.RWMutex`, `sync.WaitGroup`, `semaphore`.
    pub kind: String,
    /// Address of the lock.
    pub address: u64,
    /// Object or global it is in.
    pub slot: Option<Slot>,
    /// `main.mu`, or empty.
    pub name: String,
    /// Whether the state word says locked.
    pub locked: bool,
    /// Waiting goroutines in order (indices).
    pub waiters: Vec<u32>,
    /// Likely holders: goroutine index, strength 1 (pointer only) to 3 (it called Lock on it), reason.
    pub holders: Vec<(u32, u8, String)>,
    /// The first waiter was still the same in a second look after this long (0: no second look).
    pub unchanged_ns: u64,
}

/// A timer or ticker that the program can reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimerUse {
    /// Its object, if it is in the heap.
    pub slot: Option<Slot>,
    /// 0 for one-shot timers.
    pub period_ns: u64,
    /// Delivers on a channel (not a function call).
    pub channel: bool,
    /// Goroutines blocked on it.
    pub blocked: u32,
    /// In a P's timer heap (and so alive by itself).
    pub armed: bool,
    /// Function called when it fires, for timers of AfterFunc.
    pub function: String,
}

/// A map with its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapUse {
    /// The map header.
    pub slot: Slot,
    /// Entries.
    pub used: u64,
    /// Entries it has room for.
    pub capacity: u64,
    /// Bytes of its tables.
    pub bytes: u64,
}

/// A channel with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelUse {
    /// Its object.
    pub slot: Slot,
    /// Elements buffered.
    pub length: u64,
    /// Room.
    pub capacity: u64,
    /// Bytes of one element.
    pub elem_size: u64,
}

/// A string or slice that refers to part of a large object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The object that holds the header; `None`: a root.
    pub holder: Option<Slot>,
    /// Word of the holder.
    pub word: u16,
    /// The large object.
    pub target: Slot,
    /// Where in it.
    pub offset: u64,
    /// Bytes shown by its length.
    pub length: u64,
    /// Bytes shown by its capacity; equal to `length` for strings.
    pub capacity: u64,
    /// A string.
    pub string: bool,
}

/// A function that copies a large array on every call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BigArgument {
    /// Its frame position.
    pub frame: u32,
    /// Bytes of arguments and results on the stack.
    pub bytes: u64,
}

/// One line of the kernel's view, as pmap would group it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingUse {
    /// `go heap`, `[stack]`, a file.
    pub name: String,
    /// Address space.
    pub size: u64,
    /// Resident.
    pub rss: u64,
}

/// Memory in the kernel's and the collector's terms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident set of the process.
    pub rss: u64,
    /// Highest resident set so far.
    pub rss_peak: u64,
    /// Address space.
    pub virtual_size: u64,
    /// Swapped out.
    pub swap: u64,
    /// Threads.
    pub threads: u64,
    /// Kernel's mappings, largest resident first.
    pub mappings: Vec<MappingUse>,
    /// Resident bytes of spans that hold objects.
    pub in_use_resident: u64,
    /// Bytes of such spans that were never touched or were given back.
    pub in_use_untouched: u64,
    /// Resident bytes of stacks.
    pub stack_resident: u64,
    /// Stack spans in all.
    pub stack_bytes: u64,
    /// Heap pages in no span but still resident.
    pub free_resident: u64,
    /// Pages of the executable and of libraries.
    pub binary_resident: u64,
    /// The runtime's own tables.
    pub runtime_resident: u64,
    /// What Go does not manage: C heap, libraries, mmap by the program.
    pub outside_resident: u64,
    /// Whether residency was known.
    pub resident_known: bool,
    /// GOGC; negative: off.
    pub gogc: i64,
    /// GOMEMLIMIT; `None`: none set.
    pub memory_limit: Option<u64>,
    /// Live bytes after the last collection.
    pub heap_marked: u64,
    /// Collections so far.
    pub collections: u64,
    /// The cgroup's limit.
    pub cgroup_limit: Option<u64>,
    /// What the cgroup uses now.
    pub cgroup_current: Option<u64>,
    /// What `kubectl top` shows: usage less inactive file pages.
    pub working_set: Option<u64>,
    /// Kills for want of memory in the cgroup so far.
    pub oom_kills: u64,
}

impl Snapshot {
    /// Objects a root refers to.
    pub fn targets_of(&self, root: &Root) -> &[Slot] {
        self.root_targets
            .get(root.first as usize..(root.first + root.count) as usize)
            .unwrap_or(&[])
    }

    /// Frames of a goroutine, innermost first.
    pub fn frames_of(&self, goroutine: &Goroutine) -> impl Iterator<Item = &Frame> {
        self.stacks
            .get(goroutine.stack as usize)
            .into_iter()
            .flatten()
            .filter_map(|&index| self.frames.get(index as usize))
    }

    /// Name of an object's type.
    pub fn type_name(&self, slot: Slot) -> String {
        let label = self.heap.labels[slot as usize];
        match label.ty().and_then(|ty| self.types.get(ty as usize)) {
            Some(ty) if label.array() => format!("[]{}", ty.name),
            Some(ty) => ty.name.clone(),
            None if self.heap.span_of(slot).noscan => format!("bytes ({})", self.heap.size(slot)),
            None => format!("unknown ({})", self.heap.size(slot)),
        }
    }

    /// `1.26` as (1, 26); (0, 0) when unknown.
    pub fn release(&self) -> (u32, u32) {
        let mut parts = self
            .info
            .go_version
            .trim_start_matches("go")
            .split(|c: char| !c.is_ascii_digit());
        let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        (next(), next())
    }
}
