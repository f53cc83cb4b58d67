//! Recovered panics: from deep in a deferred call back into the frame that owns the defer.

use crate::symtab;
use core::arch::naked_asm;
use rt_sched::g::G;
use rt_sched::stack;

/// Where to continue.
#[repr(C)]
pub struct Target {
    handler: usize,
    sp: usize,
}

/// The call in progress in the frame `frame`, seen from `fp` inwards of it: its return address.
fn return_into(frame: usize, fp: usize) -> Option<usize> {
    let mut fp = fp;
    while fp != 0 {
        // SAFETY: rbp chain of the running goroutine.
        let (ret, next) = unsafe { (stack::frame_return(fp), *(fp as *const usize)) };
        if next == frame {
            return Some(ret);
        }
        fp = next;
    }
    None
}

extern "C" fn find(frame: usize, fp: usize) -> Target {
    let g = G::current();
    let Some(ret) = return_into(frame, fp) else {
        rt_os::throw!(
            "unwindto: frame {frame:#x} is not on the stack of goroutine {}",
            g.goid.get()
        )
    };
    let Some(handler) = symtab::handler(ret) else {
        let name = symtab::find_func(ret - 1).map_or("?", |func| symtab::string(func.name));
        rt_os::throw!("unwindto: the call that returns to {ret:#x} ({name}) has no handler")
    };
    stack::unwind_to(g, frame);
    Target {
        handler: symtab::module().text + handler.handler as usize,
        sp: frame - handler.sp_below_fp as usize,
    }
}

/// `runtime.unwindto(frame)`.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.unwindto")]
unsafe extern "C" fn unwindto() {
    naked_asm!(
        "mov rbx, rdi",
        "mov rsi, rbp",
        "mov rsp, [r15 + {system}]",
        "call {find}",
        "mov rbp, rbx",
        "mov rsp, rdx",
        // The recover block finds its frame there.
        "mov [r15 + {arg0}], rbp",
        "jmp rax",
        arg0 = const abi::g::PANIC_ARG0,
        system = const abi::g::SYSTEM_SP,
        find = sym find,
    )
}

/// `runtime.canUnwindto(frame)`: `fp` is the caller's frame pointer.
extern "C" fn can_unwind(frame: usize, fp: usize) -> bool {
    return_into(frame, fp).is_some_and(|ret| symtab::handler(ret).is_some())
}

#[unsafe(naked)]
#[unsafe(export_name = "runtime.canUnwindto")]
unsafe extern "C" fn can_unwindto() {
    naked_asm!("mov rsi, rbp", "jmp {}", sym can_unwind)
}

/// `runtime.getfp`.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.getfp")]
unsafe extern "C" fn getfp() {
    naked_asm!("mov rax, rbp", "ret")
}

/// `runtime.getg`.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.getg")]
unsafe extern "C" fn getg() {
    naked_asm!("mov rax, r15", "ret")
}

extern "C" fn frame_return(fp: usize) -> usize {
    // SAFETY: Go code passes live frames of its own stack.
    unsafe { stack::frame_return(fp) }
}
rt_sched::jump_stubs! { "runtime.frameReturn" => frame_return; }

/// `runtime.reflectcall(fn, frame)`: see goroot/runtime/stubs_call.go.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.reflectcall")]
unsafe extern "C" fn reflectcall() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "sub rsp, 8",
        "mov rbx, rsi",
        "mov [r15 + {ctx}], rdi",
        "mov rax, [rdi]",
        "movq xmm0, [rbx + 48]",
        "movq xmm1, [rbx + 56]",
        "movq xmm2, [rbx + 64]",
        "movq xmm3, [rbx + 72]",
        "movq xmm4, [rbx + 80]",
        "movq xmm5, [rbx + 88]",
        "movq xmm6, [rbx + 96]",
        "movq xmm7, [rbx + 104]",
        "mov rdi, [rbx]",
        "mov rsi, [rbx + 8]",
        "mov rdx, [rbx + 16]",
        "mov rcx, [rbx + 24]",
        "mov r8, [rbx + 32]",
        "mov r9, [rbx + 40]",
        "call rax",
        "mov [rbx + 112], rax",
        "mov [rbx + 120], rcx",
        "mov [rbx + 128], rdx",
        "mov [rbx + 136], rsi",
        "mov [rbx + 144], rdi",
        "mov [rbx + 152], r8",
        "mov [rbx + 160], r9",
        "mov [rbx + 168], r10",
        "movq [rbx + 176], xmm0",
        "movq [rbx + 184], xmm1",
        "movq [rbx + 192], xmm2",
        "movq [rbx + 200], xmm3",
        "movq [rbx + 208], xmm4",
        "movq [rbx + 216], xmm5",
        "movq [rbx + 224], xmm6",
        "movq [rbx + 232], xmm7",
        "add rsp, 8",
        "pop rbx",
        "pop rbp",
        "ret",
        ctx = const abi::g::CLOSURE_CTX,
    )
}

/// `runtime.makeFuncStub`: see goroot/runtime/stubs_call.go.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.makeFuncStub")]
unsafe extern "C" fn make_func_stub() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 240",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "movq [rsp + 48], xmm0",
        "movq [rsp + 56], xmm1",
        "movq [rsp + 64], xmm2",
        "movq [rsp + 72], xmm3",
        "movq [rsp + 80], xmm4",
        "movq [rsp + 88], xmm5",
        "movq [rsp + 96], xmm6",
        "movq [rsp + 104], xmm7",
        // The result registers are scanned conservatively with the stack: start from zero.
        "xor eax, eax",
        "mov [rsp + 112], rax",
        "mov [rsp + 120], rax",
        "mov [rsp + 128], rax",
        "mov [rsp + 136], rax",
        "mov [rsp + 144], rax",
        "mov [rsp + 152], rax",
        "mov [rsp + 160], rax",
        "mov [rsp + 168], rax",
        "mov [rsp + 176], rax",
        "mov [rsp + 184], rax",
        "mov [rsp + 192], rax",
        "mov [rsp + 200], rax",
        "mov [rsp + 208], rax",
        "mov [rsp + 216], rax",
        "mov [rsp + 224], rax",
        "mov [rsp + 232], rax",
        "mov rdi, [r15 + {ctx}]",
        "mov rsi, rsp",
        "call qword ptr [rdi + 8]",
        "mov rax, [rsp + 112]",
        "mov rcx, [rsp + 120]",
        "mov rdx, [rsp + 128]",
        "mov rsi, [rsp + 136]",
        "mov rdi, [rsp + 144]",
        "mov r8, [rsp + 152]",
        "mov r9, [rsp + 160]",
        "mov r10, [rsp + 168]",
        "movq xmm0, [rsp + 176]",
        "movq xmm1, [rsp + 184]",
        "movq xmm2, [rsp + 192]",
        "movq xmm3, [rsp + 200]",
        "movq xmm4, [rsp + 208]",
        "movq xmm5, [rsp + 216]",
        "movq xmm6, [rsp + 224]",
        "movq xmm7, [rsp + 232]",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        ctx = const abi::g::CLOSURE_CTX,
    )
}
