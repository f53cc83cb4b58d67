//! The part of G, the goroutine descriptor, that compiled code and assembly stubs touch. The runtime's G begins
//! with these fields (`offset_of!` assertions there). All offsets in bytes from r15.

macro_rules! offsets {
    ($($(#[$meta:meta])* $name:ident = $offset:literal;)*) => {
        $($(#[$meta])* pub const $name: i32 = $offset;)*
        /// Names and offsets, for assertions and debuggers.
        pub const ALL: &[(&str, i32)] = &[$((stringify!($name), $offset)),*];
    };
}

offsets! {
    /// Lowest stack address a frame may reach; `STACK_LIMIT_POISON` requests preemption. Checked at function entry and loop polls.
    STACK_LIMIT = 0;
    /// The M that runs this G.
    M = 8;
    /// Closure object of the indirect call in progress.
    CLOSURE_CTX = 16;
    /// Innermost defer record (`DeferRecord`), null if none.
    DEFER = 24;
    /// Innermost panic in progress (the Go overlay's `_panic`).
    PANIC = 32;
    /// Function whose entry called morestack: address to enter again.
    MORESTACK_FN = 40;
    /// Saved stack pointer, program counter and frame pointer while not running Go code.
    SCHED_SP = 48;
    #[allow(missing_docs)]
    SCHED_PC = 56;
    #[allow(missing_docs)]
    SCHED_BP = 64;
    /// Result words of an entry point in which the goroutine was parked.
    RET0 = 72;
    #[allow(missing_docs)]
    RET1 = 80;
    /// Operands of throwing helpers (index and length, or value), stored right before the call. A recover block finds the address of its
    /// frame in the first when it is entered.
    PANIC_ARG0 = 88;
    #[allow(missing_docs)]
    PANIC_ARG1 = 96;
    /// The current P's mcache (changes when the G changes P).
    MCACHE = 104;
    /// The current P's write-barrier buffer: `WbBuf` {next, end}.
    WB_BUF = 112;
    /// Goroutine id.
    GOID = 120;
    /// System stack pointer of the M that runs this G: where system stubs switch to.
    SYSTEM_SP = 128;
}

/// First offset free for the runtime's own fields.
pub const RUNTIME_FIELDS: usize = 136;
/// Value of `STACK_LIMIT` that makes every check fail.
pub const STACK_LIMIT_POISON: u64 = u64::MAX - 1313;
/// Bytes that may be used below the limit without a check: leaf stubs, nosplit functions, the way into morestack, one signal-injected
/// call. A test of the runtime measures what its own need.
pub const STACK_SLACK: u64 = 768;

/// A defer record, in the deferring function's frame or on the heap (defer in a loop). The compiler fills it and pushes it on
/// `G.DEFER`; the Go overlay's `deferreturn` and `gopanic` pop and call it.
#[repr(C)]
#[derive(Debug)]
pub struct DeferRecord {
    /// Next outer record.
    pub link: usize,
    /// rbp of the frame that owns it.
    pub frame: usize,
    /// Func value (closure pointer) of type `func()`.
    pub func: usize,
    /// Address after the call that deferred: for tracebacks. 0 if not known.
    pub pc: usize,
}
