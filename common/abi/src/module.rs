//! Tables that the linker emits and the runtime reads. One `ModuleData` under the symbol
//! [`symbols::MODULE_DATA`](crate::symbols::MODULE_DATA). Pointers are absolute (static executable).

/// Root of all tables.
#[repr(C)]
#[derive(Debug)]
pub struct ModuleData {
    /// Bounds of compiled Go code; text offsets (`abi.TextOff`, [`FuncEntry`]) count from `text`.
    pub text: usize,
    #[allow(missing_docs)]
    pub etext: usize,
    /// Sorted by `start`.
    pub funcs: Table<FuncEntry>,
    /// Source locations, see [`LocEntry`].
    pub locs: Table<LocEntry>,
    /// Line programs, see [`FuncEntry::lines`].
    pub lines: Table<u8>,
    /// Strings by offset: ULEB128 length, bytes.
    pub strings: Table<u8>,
    /// Sorted by `ret`.
    pub handlers: Table<CallHandler>,
    /// Section of type descriptors and names; `abi.NameOff` and `abi.TypeOff` count from `types`.
    pub types: usize,
    #[allow(missing_docs)]
    pub etypes: usize,
    /// Unnamed pointer, chan, func, map, slice, array and struct descriptors sorted by type string (offsets from `types`).
    pub typelinks: Table<i32>,
    /// All static itabs (addresses).
    pub itabs: Table<usize>,
    /// Memory with pointers: globals.
    pub roots: Table<RootRange>,
    /// Package initialisation: code addresses of `func()`, in order. The runtime's own first.
    pub inits: Table<usize>,
    /// Code address of `main.main`, or of the test main.
    pub main_main: usize,
    /// Build information text with its 16-byte sentinels, as `runtime/debug.modinfo` returns it.
    pub modinfo: Table<u8>,
    /// Default GODEBUG settings of the main module.
    pub godebug: Table<u8>,
    /// Go code addresses that the runtime calls, see [`crate::symbols::RUNTIME_CALLBACKS`].
    pub callbacks: Table<usize>,
    /// Bounds of the whole writable data of the program (data, bss), for conservative checks.
    pub data: usize,
    #[allow(missing_docs)]
    pub edata: usize,
    /// Bodies of locations, see [`SiteEntry`].
    pub sites: Table<SiteEntry>,
    /// What of frames is live at calls, see [`frame`].
    pub frames: Table<u8>,
    /// Functions of the runtime image that compiled code calls, for profiles: `start` counts from `text` and may be negative
    /// (as `i32`); no code belongs to them here.
    pub entries: Table<FuncEntry>,
    /// Parameters of functions, see [`args`].
    pub args: Table<u8>,
}

/// Address and element count.
#[repr(C)]
#[derive(Debug)]
pub struct Table<T> {
    #[allow(missing_docs)]
    pub ptr: *const T,
    #[allow(missing_docs)]
    pub len: usize,
}

impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Table<T> {}

/// A compiled function.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuncEntry {
    /// Offset of its first byte from `text`.
    pub start: u32,
    /// Bytes of code.
    pub size: u32,
    /// String offset of the name as tracebacks print it (`net/http.(*Server).Serve`).
    pub name: u32,
    /// String offset of the file of its declaration.
    pub file: u32,
    /// Line of its declaration, shifted by [`FuncEntry::LINE_SHIFT`]; [`func_flags`] below.
    pub line_flags: u32,
    /// Offset of its line program in `lines`: pairs (ULEB128 code-offset delta, SLEB128 location-index delta) from (0, 0): from that
    /// code offset on, the location is that index into `locs`. Ends with the pair (0, 0).
    pub lines: u32,
    /// Offset of its record in `frames`; [`frame::NONE`] if it makes no calls.
    pub frame: u32,
    /// Offset of its record in `args`; meaningless if it has no parameters.
    pub args: u32,
}

impl FuncEntry {
    /// Bits of `line_flags` below the line.
    pub const LINE_SHIFT: u32 = 5;

    /// Line of its declaration.
    pub const fn line(&self) -> u32 {
        self.line_flags >> Self::LINE_SHIFT
    }
    /// [`func_flags`].
    pub const fn flags(&self) -> u32 {
        self.line_flags & ((1 << Self::LINE_SHIFT) - 1)
    }
}

/// Records of `frames`: which words of a function's frame are live when a call in it is in progress. Words count downwards from the frame
/// pointer: word 0 is at `rbp - 8`. Numbers are ULEB128.
///
/// ```text
///   header byte: mask of saved registers | VARIABLES | SITES | UNCLEAR
///   VARIABLES: count, then per variable, outermost first: words between it and the one before (or rbp), its words
///   SITES:     count of columns, then per column the words between it and the one before
///              more than 8 bits in a map: count of maps, then the maps
///              count of calls, then per call, ascending: (return offset - the one before) * 2 + (same map as before);
///              if not the same: the map itself (one byte), or its number in the list
/// ```
///
/// A map has a bit for each saved register, each variable, each column in this order; least significant first, whole bytes. A call that is
/// not listed has no bit set. A bit of a register means that the function itself needs the register's value after the call.
///
/// The saved registers of the caller are in the lowest words of the [`saved_bytes`](frame::saved_bytes) below rbp, in ascending order. Variables are
/// those whose address is taken: they are live as well where a pointer to them is.
pub mod frame {
    /// [`FuncEntry::frame`](super::FuncEntry::frame) of a function without calls.
    pub const NONE: u32 = u32::MAX;
    /// Registers that calls preserve, by bit of the mask: rbx r12 r13 r14.
    pub const REGISTERS: usize = 4;
    /// Header: has variables.
    pub const VARIABLES: u8 = 1 << 4;
    /// Header: something is live at some call.
    pub const SITES: u8 = 1 << 5;
    /// Header: nothing is known, every word may be live; nothing follows.
    pub const UNCLEAR: u8 = 1 << 6;

    /// Bytes below rbp that `count` saved registers take.
    pub const fn saved_bytes(count: u32) -> u32 {
        (count * 8).next_multiple_of(16)
    }
}

/// Records of `args`: what a function's parameters look like in tracebacks, and where they can be found. Numbers are ULEB128.
///
/// ```text
///   offset in `args` of the shape
///   count of places; if not 0:
///     per parameter (of the machine's calling convention, result area and overflow pointer included): its place
///       0           nowhere
///       1 + n       n-th preserved register (by bit of frame's mask)
///       4 + n       the word at rbp - 8 n, n > 0
///     count of runs, then per run, ascending: code offset - the one before; mask: bit n is set if the n-th parameter that has a place is
///     there before every instruction from there to the next run that is a call or may fault
/// ```
///
/// Shape, in the order of printing: bytes [`OPEN`](args::OPEN), [`CLOSE`](args::CLOSE), [`MORE`](args::MORE), at last [`END`](args::END),
/// and values: `parameter << 4 | kind << 2 | log2 of its bytes`.
pub mod args {
    /// Preserved registers that can be places.
    pub const REGISTERS: usize = super::frame::REGISTERS;
    /// Parameters that can have a place.
    pub const PARAMS: usize = 14;
    /// `{`
    pub const OPEN: u8 = 0xe0;
    /// `}`
    pub const CLOSE: u8 = 0xe1;
    /// `...`
    pub const MORE: u8 = 0xe2;
    /// The last byte.
    pub const END: u8 = 0xe3;
    /// Kind: the parameter itself.
    pub const DIRECT: u8 = 0;
    /// Kind: in memory that the parameter points to and nobody changes; the offset follows.
    pub const POINTED: u8 = 1;
    /// Kind: the same, and the function may have changed it.
    pub const COPY: u8 = 2;
    /// Kind: not known.
    pub const UNKNOWN: u8 = 3;
    /// Words printed at most.
    pub const WORDS: usize = 10;
    /// Depth of braces, from which on there are only dots.
    pub const DEPTH: usize = 5;
}

/// Bits of [`FuncEntry::flags`].
pub mod func_flags {
    /// Generated adapter (method wrapper, defer or go thunk): hidden in tracebacks, transparent to `recover`.
    pub const WRAPPER: u32 = 1;
    /// Part of package runtime (hidden in tracebacks of user panics unless exported).
    pub const RUNTIME: u32 = 2;
    /// Has no stack check.
    pub const NOSPLIT: u32 = 4;
    /// The entry function of goroutines: tracebacks end here.
    pub const TOP: u32 = 8;
    /// Takes no parameters: tracebacks print `f()`, other functions print `f(...)`.
    pub const NO_PARAMS: u32 = 16;
}

/// A source location: there are many, so what lines of one body share is in [`SiteEntry`], and the two numbers are packed in six bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocEntry(pub [u16; 3]);

impl LocEntry {
    const LINE_BITS: u32 = 22;

    /// A line (lines beyond 4 million become 0) and an index into `sites` (below 64 million).
    pub const fn new(line: u32, site: u32) -> LocEntry {
        let line = if line >> Self::LINE_BITS == 0 {
            line
        } else {
            0
        };
        let word = line as u64 | (site as u64) << Self::LINE_BITS;
        LocEntry([word as u16, (word >> 16) as u16, (word >> 32) as u16])
    }
    const fn word(self) -> u64 {
        self.0[0] as u64 | (self.0[1] as u64) << 16 | (self.0[2] as u64) << 32
    }
    /// The line.
    pub const fn line(self) -> u32 {
        self.word() as u32 & ((1 << Self::LINE_BITS) - 1)
    }
    /// Index into `sites`.
    pub const fn site(self) -> u32 {
        (self.word() >> Self::LINE_BITS) as u32
    }
}

/// The body that a location is in: a compiled function's own or an inlined one; `parent` makes inlining a chain.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SiteEntry {
    /// String offset of the file name.
    pub file: u32,
    /// String offset of the function's name: the inlined function's, or the compiled function's own.
    pub func: u32,
    /// Location of the call that was inlined; `u32::MAX` in the compiled function itself.
    pub parent: u32,
    /// Declaration line of `func`, times two, plus one if it is a wrapper.
    pub func_line: u32,
}

/// Where a call in a frame with defers continues after a recovered panic.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallHandler {
    /// Return address as offset from `text`.
    pub ret: u32,
    /// Handler address as offset from `text`.
    pub handler: u32,
    /// rsp at the handler is rbp minus this.
    pub sp_below_fp: u32,
}

/// A range of globals with its pointer bitmap.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RootRange {
    /// First word (8-byte aligned).
    pub start: usize,
    /// Words covered by the bitmap.
    pub words: usize,
    /// One bit a word, least significant first.
    pub bitmap: *const u8,
}
