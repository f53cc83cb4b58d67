//! CPU identification, system calls.

use core::arch::naked_asm;

extern "C" fn cpuid_raw(leaf: u32, subleaf: u32, out: *mut [u32; 4]) {
    let result = core::arch::x86_64::__cpuid_count(leaf, subleaf);
    // SAFETY: Go's array.
    unsafe { out.write([result.eax, result.ebx, result.ecx, result.edx]) };
}

/// `internal/cpu.cpuid(eax, ecx) (eax, ebx, ecx, edx)`.
#[unsafe(naked)]
unsafe extern "C" fn cpuid() {
    naked_asm!(
        "push rbx",
        "mov eax, edi",
        "mov ecx, esi",
        "cpuid",
        "mov esi, edx",
        "mov edx, ecx",
        "mov ecx, ebx",
        "pop rbx",
        "ret",
    )
}

#[unsafe(naked)]
unsafe extern "C" fn xgetbv() {
    naked_asm!("xor ecx, ecx", "xgetbv", "mov ecx, edx", "ret")
}

extern "C" fn goamd64_level() -> i32 {
    1
}

/// `Syscall6(num, a1..a6) (r1, r2, errno)`: seven arguments, so r9 points to the overflow area with the last two.
#[unsafe(naked)]
unsafe extern "C" fn syscall6() {
    naked_asm!(
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov r10, r8",
        "mov r11, r9",
        "mov r8, [r11]",
        "mov r9, [r11 + 8]",
        "syscall",
        "cmp rax, -4095",
        "jae 2f",
        "mov rcx, rdx",
        "xor edx, edx",
        "ret",
        "2:",
        "neg rax",
        "mov rdx, rax",
        "mov rax, -1",
        "xor ecx, ecx",
        "ret",
    )
}

/// `rawSyscallNoError(trap, a1, a2, a3) (r1, r2)`.
#[unsafe(naked)]
unsafe extern "C" fn raw_syscall_no_error() {
    naked_asm!(
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "syscall",
        "mov rcx, rdx",
        "ret"
    )
}

/// `rawVforkSyscall(trap, a1, a2, a3) (r1, err)`. The child runs on this stack until it execs, so the return address is kept in a register
/// across the call.
#[unsafe(naked)]
unsafe extern "C" fn raw_vfork_syscall() {
    naked_asm!(
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "xor r10d, r10d",
        "xor r8d, r8d",
        "pop r9",
        "syscall",
        "push r9",
        "cmp rax, -4095",
        "jae 2f",
        "xor ecx, ecx",
        "ret",
        "2:",
        "neg rax",
        "mov rcx, rax",
        "mov rax, -1",
        "ret",
    )
}

/// `golang.org/x/sys/unix.RawSyscall(trap, a1, a2, a3) (r1, r2, err)`.
#[unsafe(naked)]
unsafe extern "C" fn raw_syscall() {
    naked_asm!(
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "xor r10d, r10d",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "syscall",
        "cmp rax, -4095",
        "jae 2f",
        "mov rcx, rdx",
        "xor edx, edx",
        "ret",
        "2:",
        "neg rax",
        "mov rdx, rax",
        "mov rax, -1",
        "xor ecx, ecx",
        "ret",
    )
}

rt_sched::private_system_stub! { enter_stub => rt_sched::syscall::enter: 0 }
rt_sched::private_system_stub! { exit_stub => rt_sched::syscall::exit: 0 }

/// `golang.org/x/sys/unix.Syscall6(trap, a1..a6) (r1, r2, err)`: a call that may block.
#[unsafe(naked)]
unsafe extern "C" fn blocking_syscall6() {
    naked_asm!(
        "mov rax, [r9 + 8]",
        "mov r9, [r9]",
        "jmp {common}",
        common = sym blocking_common,
    )
}

/// `golang.org/x/sys/unix.Syscall(trap, a1, a2, a3) (r1, r2, err)`.
#[unsafe(naked)]
unsafe extern "C" fn blocking_syscall() {
    naked_asm!(
        "xor r8d, r8d",
        "xor r9d, r9d",
        "xor eax, eax",
        "jmp {common}",
        common = sym blocking_common,
    )
}

/// Number and arguments in rdi rsi rdx rcx r8 r9 rax.
#[unsafe(naked)]
unsafe extern "C" fn blocking_common() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 64",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "mov [rsp + 48], rax",
        "call {enter}",
        "mov rax, [rsp]",
        "mov rdi, [rsp + 8]",
        "mov rsi, [rsp + 16]",
        "mov rdx, [rsp + 24]",
        "mov r10, [rsp + 32]",
        "mov r8, [rsp + 40]",
        "mov r9, [rsp + 48]",
        "syscall",
        "xor ecx, ecx",
        "cmp rax, -4095",
        "jb 2f",
        "neg rax",
        "mov rcx, rax",
        "mov rax, -1",
        "xor edx, edx",
        "2:",
        "mov [rsp], rax",
        "mov [rsp + 8], rdx",
        "mov [rsp + 16], rcx",
        "call {exit}",
        "mov rax, [rsp]",
        "mov rcx, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        enter = sym enter_stub,
        exit = sym exit_stub,
    )
}

rt_sched::leaf_stubs! {
    "runtime.cpuidRaw" => cpuid_raw;
}
rt_sched::jump_stubs! {
    "internal/cpu.cpuid", "golang.org/x/sys/cpu.cpuid" => cpuid;
    "internal/cpu.xgetbv", "golang.org/x/sys/cpu.xgetbv" => xgetbv;
    "internal/runtime/syscall/linux.Syscall6", "golang.org/x/sys/unix.RawSyscall6" => syscall6;
    "syscall.rawSyscallNoError", "golang.org/x/sys/unix.RawSyscallNoError" => raw_syscall_no_error;
    "syscall.rawVforkSyscall" => raw_vfork_syscall;
    "golang.org/x/sys/unix.RawSyscall" => raw_syscall;
    "golang.org/x/sys/unix.Syscall" => blocking_syscall;
    "golang.org/x/sys/unix.SyscallNoError" => blocking_syscall;
    "golang.org/x/sys/unix.Syscall6" => blocking_syscall6;
    "internal/cpu.getGOAMD64level" => goamd64_level;
}
