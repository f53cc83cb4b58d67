//! CPU identification, system calls.

use core::arch::naked_asm;

extern "C" fn cpuid_raw(leaf: u32, subleaf: u32, out: *mut [u32; 4]) {
    let result = core::arch::x86_64::__cpuid_count(leaf, subleaf);
    // SAFETY: Go's array.
    unsafe { out.write([result.eax, result.ebx, result.ecx, result.edx]) };
}

/// `internal/cpu.cpuid(eax, ecx) (eax, ebx, ecx, edx)`. PCLMULQDQ (ecx bit 1 of leaf 1) is hidden: crypto/tls prefers AES-GCM where
/// both are reported, but its portable implementation is slow. AES stays visible: the map hashes use it.
#[unsafe(naked)]
unsafe extern "C" fn cpuid() {
                naked_asm!(
                    "push rbx",
                    "mov eax, edi",
                    "mov ecx, esi",
                    "cpuid",
                    "cmp edi, 1",
                    "jne 2f",
                    "and ecx, 0xfffffffd",
                    "2:",
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
    naked_asm!("mov rax, rdi", "mov rdi, rsi", "mov rsi, rdx", "mov rdx, rcx", "syscall", "mov rcx, rdx", "ret")
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

rt_sched::leaf_stubs! {
    "runtime.cpuidRaw" => cpuid_raw;
}
rt_sched::jump_stubs! {
    "internal/cpu.cpuid", "golang.org/x/sys/cpu.cpuid" => cpuid;
    "internal/cpu.xgetbv", "golang.org/x/sys/cpu.xgetbv" => xgetbv;
    "internal/runtime/syscall/linux.Syscall6" => syscall6;
    "syscall.rawSyscallNoError", "golang.org/x/sys/unix.RawSyscallNoError" => raw_syscall_no_error;
    "syscall.rawVforkSyscall" => raw_vfork_syscall;
    "internal/cpu.getGOAMD64level" => goamd64_level;
}
