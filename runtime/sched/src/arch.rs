//! Everything that is written in x86-64 assembly: stubs of entry points, context switch, stack
//! growth, safepoints, the slow path of the write barrier.
//!
//! Registers: r15 is G while Go code runs; Go's callee-saved registers are rbx r12 r13 r14 (and rbp, the
//! frame). A goroutine that is not running has its context on its stack:
//!
//! ```text
//!   higher   | return address into Go code   |
//!            | rbp of the Go caller          | <- G.sched_bp
//!            | rbx  r12  r13                 |
//!   lower    | r14                           | <- G.sched_sp
//! ```
//!
//! Its arguments are in G ([`G::args`]): nothing else holds them while the function is in progress.
//!
//! So there is one way to resume whatever the reason of the pause: [`gogo`] loads the result words from G,
//! pops, returns. A new goroutine is given such a context by hand.

use crate::g::G;
use crate::stack::Segment;
use abi::g as off;
use core::arch::naked_asm;
use core::mem::offset_of;

/// Words that [`gogo`] pops: r14 r13 r12 rbx rbp, return address.
pub const CONTEXT_WORDS: usize = 6;

/// Offset of `G::seg`.
pub const G_SEG: usize = offset_of!(G, seg);
/// Offset of `G::preempt`.
pub const G_PREEMPT: usize = offset_of!(G, preempt);
/// Offset of `G::start_fn`.
pub const G_START_FN: usize = offset_of!(G, start_fn);

/// Offset of `G::args`.
pub const G_ARGS: usize = offset_of!(G, args);
/// Offset of `G::arg_count`.
pub const G_ARG_COUNT: usize = offset_of!(G, arg_count);

/// Checks how many parameters a function has: `arity!(2, function)` is 2, or an error of compilation.
#[macro_export]
macro_rules! arity {
    ($count:tt, $function:path) => {{
        const fn check<F: Copy>(_: F, count: usize) -> usize {
            count
        }
        check($crate::arity!(@pointer $count, $function), $count)
    }};
    (@pointer 0, $function:path) => { $function as extern "C" fn() -> _ };
    (@pointer 1, $function:path) => { $function as extern "C" fn(_) -> _ };
    (@pointer 2, $function:path) => { $function as extern "C" fn(_, _) -> _ };
    (@pointer 3, $function:path) => { $function as extern "C" fn(_, _, _) -> _ };
    (@pointer 4, $function:path) => { $function as extern "C" fn(_, _, _, _) -> _ };
    (@pointer 5, $function:path) => { $function as extern "C" fn(_, _, _, _, _) -> _ };
    (@pointer 6, $function:path) => { $function as extern "C" fn(_, _, _, _, _, _) -> _ };
}

/// Assembles a function under each of the symbols (Go symbols have slashes, so names are quoted; `#[unsafe(naked)]` cannot do that).
#[macro_export]
macro_rules! go_symbols {
    (@one $sym:literal [$($line:expr),* $(,)?] [$($operands:tt)*]) => {
        core::arch::global_asm!(
            ".text",
            ".p2align 4",
            concat!(".globl \"", $sym, "\""),
            concat!(".type \"", $sym, "\", @function"),
            concat!("\"", $sym, "\":"),
            $($line,)*
            concat!(".size \"", $sym, "\", . - \"", $sym, "\""),
            $($operands)*
        );
    };
    ([$($sym:literal),+], $lines:tt, $operands:tt) => {
        $($crate::go_symbols!(@one $sym $lines $operands);)+
    };
}

/// What all system stubs begin with: saves the goroutine's context and its arguments, and calls `{target}` on the M's system stack.
#[doc(hidden)]
#[macro_export]
macro_rules! system_call_lines {
    () => {
        "push rbp
        mov rbp, rsp
        push rbx
        push r12
        push r13
        push r14
        mov byte ptr [r15 + {arg_count}], {arity}
        .if {arity} > 0
        mov [r15 + {args}], rdi
        .endif
        .if {arity} > 1
        mov [r15 + {args} + 8], rsi
        .endif
        .if {arity} > 2
        mov [r15 + {args} + 16], rdx
        .endif
        .if {arity} > 3
        mov [r15 + {args} + 24], rcx
        .endif
        .if {arity} > 4
        mov [r15 + {args} + 32], r8
        .endif
        .if {arity} > 5
        mov [r15 + {args} + 40], r9
        .endif
        mov [r15 + {sp}], rsp
        mov [r15 + {bp}], rbp
        mov rsp, [r15 + {system}]
        call {target}
        mov rsp, [r15 + {sp}]"
    };
}

/// Defines *system* entry points: `"symbol", ... => rust_function: parameters;`. The stub saves the goroutine's context, runs the function
/// on the M's system stack, and returns its one or two words.
#[macro_export]
macro_rules! system_stubs {
    ($($($sym:literal),+ => $target:path: $arity:tt;)*) => {$(
        $crate::go_symbols!([$($sym),+], [
            $crate::system_call_lines!(),
            "mov rcx, rdx",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            "ret",
        ], [
            arg_count = const $crate::arch::G_ARG_COUNT,
            args = const $crate::arch::G_ARGS,
            arity = const $crate::arity!($arity, $target),
            sp = const abi::g::SCHED_SP,
            bp = const abi::g::SCHED_BP,
            system = const abi::g::SYSTEM_SP,
            target = sym $target,
        ]);
    )*};
}

/// Defines *leaf* entry points: the function runs on the goroutine's stack and must need little of it.
#[macro_export]
macro_rules! leaf_stubs {
    ($($($sym:literal),+ => $target:path;)*) => {$(
        $crate::go_symbols!([$($sym),+], [
            "push rbp",
            "mov rbp, rsp",
            "call {target}",
            "mov rcx, rdx",
            "pop rbp",
            "ret",
        ], [target = sym $target,]);
    )*};
}

/// Defines leaf entry points whose functions need more stack than the slack below a goroutine's limit has for sure: they run on the system
/// stack. Unlike with [`system_stubs`], the goroutine's context is not saved: no safepoint, no parking, no panics.
#[macro_export]
macro_rules! deep_leaf_stubs {
    ($($($sym:literal),+ => $target:path;)*) => {$(
        $crate::go_symbols!([$($sym),+], [
            "push rbp",
            "mov rbp, rsp",
            // For the profiler, which finds a stack pointer that is not the goroutine's.
            "mov [r15 + {bp}], rbp",
            "mov rsp, [r15 + {system}]",
            "call {target}",
            "mov rcx, rdx",
            "mov rsp, rbp",
            "pop rbp",
            "ret",
        ], [
            bp = const abi::g::SCHED_BP,
            system = const abi::g::SYSTEM_SP,
            target = sym $target,
        ]);
    )*};
}

/// Defines entry points that return nothing more than rax and need no frame, or names of naked functions: a jump.
#[macro_export]
macro_rules! jump_stubs {
    ($($($sym:literal),+ => $target:path;)*) => {$(
        $crate::go_symbols!([$($sym),+], ["jmp {target}"], [target = sym $target,]);
    )*};
}

/// Resumes a goroutine from its saved context. The caller's stack (a system stack) is abandoned.
///
/// # Safety
/// `g` is owned by this M, its context is valid, `system_sp`, `m` and so on are set.
#[unsafe(naked)]
pub unsafe extern "C" fn gogo(g: *const G) -> ! {
    naked_asm!(
        "mov r15, rdi",
        "mov rax, [r15 + {ret0}]",
        "mov rcx, [r15 + {ret1}]",
        "mov rsp, [r15 + {sp}]",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        ret0 = const off::RET0,
        ret1 = const off::RET1,
        sp = const off::SCHED_SP,
    )
}

/// Resumes a goroutine by jumping to a Go function as if the code that called the entry point had called it instead.
///
/// # Safety
/// As [`gogo`]; `function` takes at most three integer words.
#[unsafe(naked)]
pub unsafe extern "C" fn gogo_call(
    g: *const G,
    function: usize,
    a0: usize,
    a1: usize,
    a2: usize,
) -> ! {
    naked_asm!(
        "mov r15, rdi",
        "mov rax, rsi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "mov rsp, [r15 + {sp}]",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "jmp rax",
        sp = const off::SCHED_SP,
    )
}

/// Runs a function on a fresh part of the system stack, for the scheduler loop: the frames above are abandoned.
///
/// # Safety
/// `sp` is the top of this M's system stack.
#[unsafe(naked)]
pub unsafe extern "C" fn switch_stack(sp: usize, function: extern "C" fn() -> !) -> ! {
    naked_asm!("mov rsp, rdi", "xor ebp, ebp", "call rsi", "ud2")
}

/// Where a new goroutine begins: r15 = G, rsp 16-byte aligned.
///
/// # Safety
/// Only as the return address of a new context.
#[unsafe(naked)]
pub unsafe extern "C" fn goroutine_start() {
    naked_asm!(
        "xor ebp, ebp",
        "mov rax, [r15 + {start}]",
        "mov [r15 + {ctx}], rax",
        "mov qword ptr [r15 + {start}], 0",
        "call qword ptr [rax]",
        "call {exit}",
        "ud2",
        start = const G_START_FN,
        ctx = const off::CLOSURE_CTX,
        exit = sym goexit_stub,
    )
}

/// System stub of [`crate::proc::goexit0`].
#[unsafe(naked)]
unsafe extern "C" fn goexit_stub() {
    naked_asm!(
        "mov [r15 + {sp}], rsp",
        "mov [r15 + {bp}], rbp",
        "mov rsp, [r15 + {system}]",
        "call {target}",
        "ud2",
        sp = const off::SCHED_SP,
        bp = const off::SCHED_BP,
        system = const off::SYSTEM_SP,
        target = sym crate::proc::goexit0,
    )
}

/// Calls a Go func value on the system stack with `g0` as the goroutine: `fn(a0, a1, a2, a3)`. For functions that cannot
/// park: timers, pool cleanups. See [`crate::m::call_on_g0`].
///
/// # Safety
/// `g0.system_sp` leaves room below the current stack pointer.
#[unsafe(naked)]
pub unsafe extern "C" fn call_go(
    g0: *const G,
    closure: usize,
    a0: usize,
    a1: usize,
    a2: usize,
    a3: usize,
) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov r15, rdi",
        "mov [r15 + {ctx}], rsi",
        "mov rax, [rsi]",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "mov rcx, r9",
        "call rax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        ctx = const off::CLOSURE_CTX,
    )
}

/// `runtime.morestack`. At entry: a tail call from a Go function whose stack check failed; argument registers live; `[rsp]` is the return
/// address of that function's caller.
///
/// 1. Poisoned limit: save the arguments, stop at the safepoint, start the function again.
/// 2. A next segment is cached and this is not the very first frame of the current segment: move onto it.
/// 3. Otherwise make (or replace) the next segment on the system stack, then as 2.
///
/// On the new segment the function finds `lessstack` as its return address and above it the old stack pointer:
///
/// ```text
///   segment header
///   | (pad)            |
///   | old rsp          |
///   | lessstack        | <- rsp when the function starts again (= Segment.entry_sp)
/// ```
///
/// # Safety
/// Only by tail call from compiled code.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.morestack")]
pub unsafe extern "C" fn morestack() {
    naked_asm!(
        "mov rax, {poison}",
        "cmp [r15 + {limit}], rax",
        "je 3f",
        "mov rax, [r15 + {seg}]",
        // The limit of one function (`stress.rs`).
        "mov r11, [rax + {seg_limit}]",
        "cmp [r15 + {limit}], r11",
        "jne 3f",
        "mov r11, [rax + {next}]",
        "test r11, r11",
        "jz 4f",
        "cmp rsp, [rax + {entry_sp}]",
        "je 4f",
        "mov rax, rsp",
        // Move onto the segment in r11; rax is the stack pointer that lessstack returns to.
        "5:",
        "mov [r15 + {seg}], r11",
        "mov r10, [r11 + {seg_limit}]",
        "mov [r15 + {limit}], r10",
        "mov rsp, [r11 + {entry_sp}]",
        "mov [rsp + 8], rax",
        // A request that came between check and store is noticed here or repeated by its sender.
        "cmp byte ptr [r15 + {preempt}], 0",
        "jne 6f",
        "jmp qword ptr [r15 + {fun}]",
        "6:",
        "mov rax, {poison}",
        "mov [r15 + {limit}], rax",
        "jmp qword ptr [r15 + {fun}]",
        // Safepoint.
        "3:",
        "call {save}",
        "call {entry_stub}",
        "call {restore}",
        "test rax, rax",
        "jnz 7f",
        "jmp qword ptr [r15 + {fun}]",
        // The function returns through `stress_return`; what is below it is as at the boundary of a segment.
        "7:",
        "mov rax, rsp",
        "push rax",
        "lea rax, [rip + {stress_return}]",
        "push rax",
        "jmp qword ptr [r15 + {fun}]",
        // Slow: make a segment. Its size is found by trying: a frame that does not fit comes back here.
        "4:",
        "call {save}",
        "lea rdi, [rbp + 8]",
        "call {grow_stub}",
        "call {restore}",
        "mov r11, [r15 + {seg}]",
        "mov r11, [r11 + {next}]",
        "jmp 5b",
        poison = const abi::g::STACK_LIMIT_POISON as i64,
        limit = const off::STACK_LIMIT,
        fun = const off::MORESTACK_FN,
        seg = const G_SEG,
        preempt = const G_PREEMPT,
        next = const offset_of!(Segment, next),
        entry_sp = const offset_of!(Segment, entry_sp),
        seg_limit = const offset_of!(Segment, limit),
        save = sym save_args,
        restore = sym restore_args,
        entry_stub = sym entry_stub,
        stress_return = sym stress_return,
        grow_stub = sym grow_stub,
    )
}

/// Bytes that [`morestack`] puts below a function's return address so that it returns through [`stress_return`].
pub const STRESS_BOUNDARY: usize = 16;

/// Return address of functions that were stopped at their entry under random preemption (`stress.rs`): arms the goroutine for its caller.
/// All result registers live, r11 free.
///
/// # Safety
/// Only as a return address.
#[unsafe(naked)]
pub unsafe extern "C" fn stress_return() {
    naked_asm!(
        "mov rsp, [rsp]",
        "mov r11, {poison}",
        "mov [r15 + {limit}], r11",
        "ret",
        poison = const abi::g::STACK_LIMIT_POISON as i64,
        limit = const off::STACK_LIMIT,
    )
}

/// Return address of functions that run first on a segment: back to the segment before. All result registers live, r11 free.
///
/// # Safety
/// Only as a return address.
#[unsafe(naked)]
pub unsafe extern "C" fn lessstack() {
    naked_asm!(
        "mov rsp, [rsp]",
        "mov r11, [r15 + {seg}]",
        "mov r11, [r11 + {prev}]",
        "mov [r15 + {seg}], r11",
        "mov r11, [r11 + {seg_limit}]",
        "cmp byte ptr [r15 + {preempt}], 0",
        "jne 2f",
        "mov [r15 + {limit}], r11",
        "ret",
        "2:",
        "mov r11, {poison}",
        "mov [r15 + {limit}], r11",
        "ret",
        poison = const abi::g::STACK_LIMIT_POISON as i64,
        seg = const G_SEG,
        prev = const offset_of!(Segment, prev),
        seg_limit = const offset_of!(Segment, limit),
        preempt = const G_PREEMPT,
        limit = const off::STACK_LIMIT,
    )
}

/// Saves Go's argument registers on the stack below the caller's return address. Clobbers nothing but r10, r11.
#[unsafe(naked)]
unsafe extern "C" fn save_args() {
    naked_asm!(
        "pop r11",
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 192",
        // Keep calls made from here 16-byte aligned: a function entry has rsp = 8 mod 16, after the push 0 mod 16.
        "mov [rsp + 128], rdi",
        "mov [rsp + 136], rsi",
        "mov [rsp + 144], rdx",
        "mov [rsp + 152], rcx",
        "mov [rsp + 160], r8",
        "mov [rsp + 168], r9",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "jmp r11",
    )
}

/// Undoes [`save_args`].
#[unsafe(naked)]
unsafe extern "C" fn restore_args() {
    naked_asm!(
        "pop r11",
        "mov rdi, [rsp + 128]",
        "mov rsi, [rsp + 136]",
        "mov rdx, [rsp + 144]",
        "mov rcx, [rsp + 152]",
        "mov r8, [rsp + 160]",
        "mov r9, [rsp + 168]",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "mov rsp, rbp",
        "pop rbp",
        "jmp r11",
    )
}

/// Defines a *system* stub that only assembly refers to: `name => rust_function: parameters`. Preserves nothing in rcx, rdx.
#[macro_export]
macro_rules! private_system_stub {
    ($name:ident => $target:path: $arity:tt) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                $crate::system_call_lines!(),
                "pop r14",
                "pop r13",
                "pop r12",
                "pop rbx",
                "pop rbp",
                "ret",
                arg_count = const $crate::arch::G_ARG_COUNT,
                args = const $crate::arch::G_ARGS,
                arity = const $crate::arity!($arity, $target),
                sp = const abi::g::SCHED_SP,
                bp = const abi::g::SCHED_BP,
                system = const abi::g::SYSTEM_SP,
                target = sym $target,
            )
        }
    };
}
private_system_stub!(preempt_stub => crate::proc::preempt_point: 0);
private_system_stub!(entry_stub => crate::proc::preempt_at_entry: 0);
private_system_stub!(grow_stub => crate::stack::grow: 1);

/// `runtime.pollslow`: safepoint of a loop; preserves every register.
///
/// # Safety
/// Only from compiled code.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.pollslow")]
pub unsafe extern "C" fn pollslow() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "sub rsp, 264",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "call {stub}",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "add rsp, 264",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "pop rbp",
        "ret",
        stub = sym preempt_stub,
    )
}

/// `runtime.wbslow`: appends the old value of the slot (address in `panic_arg0`) and the new value (`panic_arg1`) to the P's buffer;
/// flushes a full buffer on the system stack. Preserves every register.
///
/// # Safety
/// Only from compiled code.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.wbslow")]
pub unsafe extern "C" fn wbslow() {
    naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "2:",
        "mov rax, [r15 + {buf}]",
        "mov rcx, [rax]",
        "lea rdx, [rcx + 16]",
        "cmp rdx, [rax + 8]",
        "ja 3f",
        "mov [rax], rdx",
        "mov rax, [r15 + {arg0}]",
        "mov rax, [rax]",
        "mov [rcx], rax",
        "mov rax, [r15 + {arg1}]",
        "mov [rcx + 8], rax",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "ret",
        "3:",
        "call {flush}",
        "jmp 2b",
        buf = const off::WB_BUF,
        arg0 = const off::PANIC_ARG0,
        arg1 = const off::PANIC_ARG1,
        flush = sym wbflush_save,
    )
}

/// Flushes the write barrier buffer with all registers saved, on the system stack: there is no safepoint in it, and the way into
/// the barrier must not need much of the goroutine's. The top of the system stack is 16-byte aligned; r15, rbx and r12 to r14 are
/// preserved by Rust.
#[unsafe(naked)]
unsafe extern "C" fn wbflush_save() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov [r15 + {bp}], rbp",
        "mov rsp, [r15 + {system}]",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "sub rsp, 264",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "call {flush}",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "add rsp, 264",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        bp = const off::SCHED_BP,
        system = const off::SYSTEM_SP,
        flush = sym crate::hooks::wb_flush_current,
    )
}

/// Address of this thread's M.
#[cfg(not(any(test, feature = "std")))]
#[inline(always)]
pub fn fs_base() -> usize {
    let m: usize;
    // SAFETY: every thread of the program has its M at %fs:0, set before any Rust code that asks.
    unsafe {
        core::arch::asm!("mov {}, fs:[0]", out(reg) m, options(nostack, preserves_flags, readonly, pure))
    };
    m
}
