//! Link names that generated code, linker and runtime agree on. Everything else is found through Go
//! declarations: package runtime's Go overlay declares what the lowering calls, body-less ones are
//! runtime entry points under the same name.

/// The [`ModuleData`](crate::module::ModuleData) object; emitted by the linker.
pub const MODULE_DATA: &str = "ferrogo.moduledata";
/// Process entry, in the runtime.
pub const ENTRY: &str = "_start";
/// `u32`: nonzero while the write barrier is on.
pub const WRITE_BARRIER: &str = "runtime.writeBarrier";
/// Tail-called at entry when the stack check fails; all argument registers live; `G.MORESTACK_FN` set. No return value of its own.
pub const MORESTACK: &str = "runtime.morestack";
/// `preserve_all`, no arguments: called by loop polls when `STACK_LIMIT` is poisoned.
pub const POLL: &str = "runtime.pollslow";
/// `preserve_all`: (slot address in `PANIC_ARG0`, new value in `PANIC_ARG1`): shade the old value of the slot and the new value.
/// Called before the store when the barrier is on.
pub const WRITE_BARRIER_SLOW: &str = "runtime.wbslow";

/// Throwing helpers without arguments (`tail` convention, do not return): operands are in `G.PANIC_ARG0/1`.
pub mod throws {
    /// `index out of range [arg0] with length arg1` (signed index).
    pub const PANIC_INDEX: &str = "runtime.throwIndex";
    /// Same, the index is unsigned.
    pub const PANIC_INDEX_U: &str = "runtime.throwIndexU";
    /// `slice bounds out of range [:arg0] with length arg1` (s[?:x], string or array).
    pub const PANIC_SLICE_ALEN: &str = "runtime.throwSliceAlen";
    #[allow(missing_docs)]
    pub const PANIC_SLICE_ALEN_U: &str = "runtime.throwSliceAlenU";
    /// `slice bounds out of range [:arg0] with capacity arg1`.
    pub const PANIC_SLICE_ACAP: &str = "runtime.throwSliceAcap";
    #[allow(missing_docs)]
    pub const PANIC_SLICE_ACAP_U: &str = "runtime.throwSliceAcapU";
    /// `slice bounds out of range [arg0:arg1]`.
    pub const PANIC_SLICE_B: &str = "runtime.throwSliceB";
    #[allow(missing_docs)]
    pub const PANIC_SLICE_B_U: &str = "runtime.throwSliceBU";
    /// `slice bounds out of range [::arg0] with length arg1`.
    pub const PANIC_SLICE3_ALEN: &str = "runtime.throwSlice3Alen";
    #[allow(missing_docs)]
    pub const PANIC_SLICE3_ALEN_U: &str = "runtime.throwSlice3AlenU";
    /// `slice bounds out of range [::arg0] with capacity arg1`.
    pub const PANIC_SLICE3_ACAP: &str = "runtime.throwSlice3Acap";
    #[allow(missing_docs)]
    pub const PANIC_SLICE3_ACAP_U: &str = "runtime.throwSlice3AcapU";
    /// `slice bounds out of range [:arg0:arg1]`.
    pub const PANIC_SLICE3_B: &str = "runtime.throwSlice3B";
    #[allow(missing_docs)]
    pub const PANIC_SLICE3_B_U: &str = "runtime.throwSlice3BU";
    /// `slice bounds out of range [arg0:arg1:]`.
    pub const PANIC_SLICE3_C: &str = "runtime.throwSlice3C";
    #[allow(missing_docs)]
    pub const PANIC_SLICE3_C_U: &str = "runtime.throwSlice3CU";
    /// `cannot convert slice with length arg0 to array or pointer to array with length arg1`.
    pub const PANIC_SLICE_CONVERT: &str = "runtime.throwSliceConvert";
    /// Integer divide by zero.
    pub const PANIC_DIVIDE: &str = "runtime.throwDivide";
    /// Negative shift amount.
    pub const PANIC_SHIFT: &str = "runtime.throwShift";
    /// Nil dereference where a fault would not do (frames that own defers, large offsets).
    pub const PANIC_NIL: &str = "runtime.throwNil";
}

/// Go functions of the runtime overlay that make a string (or the bytes or runes of one) for their result, those that put it
/// into a buffer of the caller, their first argument, if it fits, and the size of that buffer in bytes. Escape analysis replaces one by
/// the other.
pub const BUFFERED: &[(&str, &str, u64)] = &[
    (
        "runtime.slicebytetostring",
        "runtime.slicebytetostringbuf",
        32,
    ),
    (
        "runtime.slicerunetostring",
        "runtime.slicerunetostringbuf",
        32,
    ),
    ("runtime.intstring", "runtime.intstringbuf", 32),
    ("runtime.concatstring2", "runtime.concatstring2buf", 32),
    ("runtime.concatstring3", "runtime.concatstring3buf", 32),
    ("runtime.concatstrings", "runtime.concatstringsbuf", 32),
    (
        "runtime.stringtoslicebyte",
        "runtime.stringtoslicebytebuf",
        32,
    ),
    (
        "runtime.stringtoslicerune",
        "runtime.stringtoslicerunebuf",
        128,
    ),
];

/// Go functions of the runtime overlay that the Rust runtime calls, in the order of
/// [`ModuleData::callbacks`](crate::module::ModuleData::callbacks). The compiler keeps them reachable.
/// They are plain functions (no closure context); arguments in Go's registers.
pub const RUNTIME_CALLBACKS: &[&str] = &[
    // Body of the main goroutine: runs inits, main.main, exits the process.
    "runtime.main",
    // func(arg0, arg1 uintptr, code int): raises the panic of a bounds check (codes: `throws` in order of declaration).
    "runtime.panicBounds",
    // func(sig, addr, pc uintptr): raises the run-time panic for a fault in Go code.
    "runtime.sigpanic",
    // func(): runs queued finalizers and cleanups for ever (its own goroutine).
    "runtime.runFinalizers",
    // func(msg string): panic(plainError/runtime error with this text).
    "runtime.panicText",
    // func(): stands for the end of every goroutine's stack in walks; never called.
    "runtime.goexit",
    // func(): stands for the runtime's own work in CPU profiles; never called.
    "runtime._System",
    // func(): stands for the collector's workers in execution traces; never called.
    "runtime.gcBgMarkWorker",
    // func(): raise the panics of the other throwing helpers.
    "runtime.panicdivide",
    "runtime.panicshift",
    "runtime.sigpanic_shown",
    // func(msg string, detail bool): panic(plainError(msg)) in the place of the operation on a channel that failed.
    "runtime.chansend1_shown",
    "runtime.selectnbsend_shown",
    "runtime.selectgo_shown",
    "runtime.closechan_shown",
    "runtime.makechan_shown",
];
