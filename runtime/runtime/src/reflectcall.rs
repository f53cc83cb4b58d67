//! Calls whose signature is known at run time only, for package reflect: `goroot/runtime/call.go` decides where
//! arguments and results travel, these two stubs move the registers. `CallFrame` is its `callFrame`.
//!
//! Both keep an rbp frame on the goroutine's stack. Their code is not in the function table: walks skip them.

use abi::call::{FLOAT_ARGS, FLOAT_RESULTS, INT_ARGS, INT_RESULTS};
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

/// Registers of a call.
#[repr(C)]
pub struct CallFrame {
    ints: [u64; INT_ARGS],
    floats: [u64; FLOAT_ARGS],
    ret_ints: [u64; INT_RESULTS],
    ret_floats: [u64; FLOAT_RESULTS],
}

const FLOATS: usize = offset_of!(CallFrame, floats);
const RET_INTS: usize = offset_of!(CallFrame, ret_ints);
const RET_FLOATS: usize = offset_of!(CallFrame, ret_floats);

// The stub below reserves this many bytes and must leave the stack pointer aligned.
const _: () = assert!(size_of::<CallFrame>() % 16 == 0);

/// `func reflectcall(fn unsafe.Pointer, f *callFrame)`: loads the argument registers, calls the closure object, stores the result registers.
///
/// # Safety
/// Called by Go code; the frame holds what the callee's signature asks for.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.reflectcall")]
pub unsafe extern "C" fn reflectcall() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rsi",
        "sub rsp, 8",
        "mov [r15 + {ctx}], rdi",
        "mov rax, [rdi]",
        "mov r11, rsi",
        "movq xmm0, qword ptr [r11 + {floats}]",
        "movq xmm1, qword ptr [r11 + {floats} + 8]",
        "movq xmm2, qword ptr [r11 + {floats} + 16]",
        "movq xmm3, qword ptr [r11 + {floats} + 24]",
        "movq xmm4, qword ptr [r11 + {floats} + 32]",
        "movq xmm5, qword ptr [r11 + {floats} + 40]",
        "movq xmm6, qword ptr [r11 + {floats} + 48]",
        "movq xmm7, qword ptr [r11 + {floats} + 56]",
        "mov rdi, [r11]",
        "mov rsi, [r11 + 8]",
        "mov rdx, [r11 + 16]",
        "mov rcx, [r11 + 24]",
        "mov r8, [r11 + 32]",
        "mov r9, [r11 + 40]",
        "call rax",
        "mov r11, [rbp - 8]",
        "mov [r11 + {ret_ints}], rax",
        "mov [r11 + {ret_ints} + 8], rcx",
        "mov [r11 + {ret_ints} + 16], rdx",
        "mov [r11 + {ret_ints} + 24], rsi",
        "mov [r11 + {ret_ints} + 32], rdi",
        "mov [r11 + {ret_ints} + 40], r8",
        "mov [r11 + {ret_ints} + 48], r9",
        "mov [r11 + {ret_ints} + 56], r10",
        "movq qword ptr [r11 + {ret_floats}], xmm0",
        "movq qword ptr [r11 + {ret_floats} + 8], xmm1",
        "movq qword ptr [r11 + {ret_floats} + 16], xmm2",
        "movq qword ptr [r11 + {ret_floats} + 24], xmm3",
        "movq qword ptr [r11 + {ret_floats} + 32], xmm4",
        "movq qword ptr [r11 + {ret_floats} + 40], xmm5",
        "movq qword ptr [r11 + {ret_floats} + 48], xmm6",
        "movq qword ptr [r11 + {ret_floats} + 56], xmm7",
        "leave",
        "ret",
        ctx = const abi::g::CLOSURE_CTX,
        floats = const FLOATS,
        ret_ints = const RET_INTS,
        ret_floats = const RET_FLOATS,
    )
}

/// Code of closure objects `{address of this, address of handler, ..}`: spills the argument registers to a [`CallFrame`], calls
/// `handler(closure object, frame)`, a plain Go function, and loads the result registers from the frame.
///
/// # Safety
/// Called by Go code through a closure object of that form.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.makeFuncStub")]
pub unsafe extern "C" fn make_func_stub() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, {size}",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "movq qword ptr [rsp + {floats}], xmm0",
        "movq qword ptr [rsp + {floats} + 8], xmm1",
        "movq qword ptr [rsp + {floats} + 16], xmm2",
        "movq qword ptr [rsp + {floats} + 24], xmm3",
        "movq qword ptr [rsp + {floats} + 32], xmm4",
        "movq qword ptr [rsp + {floats} + 40], xmm5",
        "movq qword ptr [rsp + {floats} + 48], xmm6",
        "movq qword ptr [rsp + {floats} + 56], xmm7",
        "mov rdi, [r15 + {ctx}]",
        "mov rsi, rsp",
        "call qword ptr [rdi + 8]",
        "mov rax, [rsp + {ret_ints}]",
        "mov rcx, [rsp + {ret_ints} + 8]",
        "mov rdx, [rsp + {ret_ints} + 16]",
        "mov rsi, [rsp + {ret_ints} + 24]",
        "mov rdi, [rsp + {ret_ints} + 32]",
        "mov r8, [rsp + {ret_ints} + 40]",
        "mov r9, [rsp + {ret_ints} + 48]",
        "mov r10, [rsp + {ret_ints} + 56]",
        "movq xmm0, qword ptr [rsp + {ret_floats}]",
        "movq xmm1, qword ptr [rsp + {ret_floats} + 8]",
        "movq xmm2, qword ptr [rsp + {ret_floats} + 16]",
        "movq xmm3, qword ptr [rsp + {ret_floats} + 24]",
        "movq xmm4, qword ptr [rsp + {ret_floats} + 32]",
        "movq xmm5, qword ptr [rsp + {ret_floats} + 40]",
        "movq xmm6, qword ptr [rsp + {ret_floats} + 48]",
        "movq xmm7, qword ptr [rsp + {ret_floats} + 56]",
        "leave",
        "ret",
        size = const size_of::<CallFrame>(),
        ctx = const abi::g::CLOSURE_CTX,
        floats = const FLOATS,
        ret_ints = const RET_INTS,
        ret_floats = const RET_FLOATS,
    )
}
