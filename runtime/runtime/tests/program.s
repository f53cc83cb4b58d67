# A program as the compiler would emit it, by hand: Go functions in the Tail convention with stack checks, tables, types.
# Prints "ok <part>" for each part that works; see smoke.rs.
    .intel_syntax noprefix

# Function with a frame and a stack check, like the compiler's.
    .macro GOFUNC name, frame
    .p2align 4
    .globl "\name"
    .type "\name", @function
"\name":
    push rbp
    mov rbp, rsp
    sub rsp, \frame
    cmp rsp, [r15]
    ja 1f
    mov rsp, rbp
    pop rbp
    lea rax, "\name"[rip]
    mov [r15 + 40], rax
    jmp "runtime.morestack"
1:
    .endm
    .macro GORET
    mov rsp, rbp
    pop rbp
    ret
    .endm
    .macro SAY text
    mov edi, 1
    lea rsi, 8f[rip]
    mov edx, 9f - 8f
    call "runtime.write"
    .pushsection .rodata
8:  .ascii "\text\n"
9:
    .popsection
    .endm
    .macro FAIL
    mov edi, 100
    call "runtime.exit"
    .endm

    .text
text_start:

GOFUNC runtime.main, 64
    SAY "ok start"
    mov edi, 100000
    call test.sum
    mov rcx, 5000050000
    cmp rax, rcx
    jne fail
    SAY "ok deep recursion"
    # A frame larger than any segment so far.
    call test.bigframe
    SAY "ok big frame"
    # Unbuffered channel of int, one sender.
    lea rdi, chan_int[rip]
    xor esi, esi
    call "runtime.makechan"
    mov the_chan[rip], rax
    lea rdi, sender_closure[rip]
    call "runtime.newproc"
    xor ebx, ebx
    mov r12d, 10000
2:  mov rdi, the_chan[rip]
    lea rsi, [rbp - 8]
    call "runtime.chanrecv1"
    add rbx, [rbp - 8]
    dec r12
    jnz 2b
    cmp rbx, 50005000
    jne fail
    SAY "ok channel"
    # Garbage: a list of 200000 nodes in a loop, collections included.
    mov r12d, 2000000
    xor ebx, ebx
3:  lea rdi, node_type[rip]
    call "runtime.newobject"
    mov [rax + 8], r12
    test r12d, 0xff
    jnz 4f
    # Keep every 256th in a list through the barrier.
    mov r14, rax
    mov rcx, list[rip]
    mov [rax], rcx
    cmp dword ptr "runtime.writeBarrier"[rip], 0
    je 5f
    lea rcx, list[rip]
    mov [r15 + 88], rcx
    mov [r15 + 96], rax
    call "runtime.wbslow"
5:  mov list[rip], r14
    inc rbx
4:  dec r12
    jnz 3b
    call "runtime.gcRun"
    # The list must be whole.
    mov rax, list[rip]
    xor ecx, ecx
6:  test rax, rax
    jz 7f
    inc rcx
    mov rax, [rax]
    jmp 6b
7:  cmp rcx, rbx
    jne fail
    SAY "ok collection"
    # Sleep.
    mov edi, 2000000
    call "time.Sleep"
    SAY "ok sleep"
    # A recovered "panic": a callee unwinds to this frame.
    mov ebx, 7
    mov r13d, 3000
    lea rdi, [rbp]
    call test.thrower
recover_ret:
    FAIL
recover_handler:
    lea rax, [rbp - 64]
    cmp rax, rsp
    jne fail
    SAY "ok unwind"
    # Spinning goroutine with polls, preempted by a stop of the world.
    lea rdi, spinner_closure[rip]
    call "runtime.newproc"
    mov edi, 1000000
    call "time.Sleep"
    call "runtime.gcRun"
    mov dword ptr stop_spinning[rip], 1
    SAY "ok preemption"
    # Many goroutines.
    mov r12d, 100000
9:  lea rdi, counter_closure[rip]
    call "runtime.newproc"
    dec r12
    jnz 9b
9:  call "runtime.gosched"
    cmp dword ptr counter[rip], 100000
    jne 9b
    SAY "ok goroutines"
    # select with two receive cases, one ready.
    lea rdi, chan_int[rip]
    mov esi, 1
    call "runtime.makechan"
    mov [rbp - 16], rax
    mov qword ptr [rbp - 24], 77
    mov rdi, rax
    lea rsi, [rbp - 24]
    call "runtime.chansend1"
    mov rax, the_chan[rip]
    mov cases[rip], rax
    mov rax, [rbp - 16]
    mov cases[rip + 16], rax
    lea rcx, [rbp - 32]
    mov cases[rip + 24], rcx
    lea rdi, cases[rip]
    lea rsi, order[rip]
    xor edx, edx
    mov ecx, 2
    mov r8d, 1
    call "runtime.selectgo"
    cmp rax, 1
    jne fail
    cmp cl, 1
    jne fail
    cmp qword ptr [rbp - 32], 77
    jne fail
    SAY "ok select"
    # Nil dereference becomes sigpanic, which ends the process here.
    xor eax, eax
    mov rax, [rax + 16]
    FAIL
fail:
    FAIL
runtime.main.end:

GOFUNC test.sum, 32
    test rdi, rdi
    jz 2f
    mov [rbp - 8], rdi
    dec rdi
    call test.sum
    add rax, [rbp - 8]
    GORET
2:  xor eax, eax
    GORET

GOFUNC test.bigframe, 5000000
    mov qword ptr [rsp], 1
    call test.leaf
    GORET

GOFUNC test.leaf, 16
    GORET

GOFUNC test.sender, 32
    mov ebx, 1
2:  mov [rbp - 8], rbx
    mov rdi, the_chan[rip]
    lea rsi, [rbp - 8]
    call "runtime.chansend1"
    inc rbx
    cmp rbx, 10000
    jbe 2b
    GORET

# Recurses, then unwinds to the frame in rdi.
GOFUNC test.thrower, 32
    mov [rbp - 8], rdi
    dec r13
    jz 2f
    call test.thrower
    ud2
2:  call "runtime.unwindto"
    ud2

GOFUNC test.spinner, 32
2:  cmp dword ptr stop_spinning[rip], 0
    jne 3f
    mov rax, -1314
    cmp [r15], rax
    jne 2b
    call "runtime.pollslow"
    jmp 2b
3:  GORET

GOFUNC test.counter, 32
    lock inc dword ptr counter[rip]
    GORET

GOFUNC runtime.panicBounds, 32
    FAIL
GOFUNC runtime.sigpanic, 32
    cmp edi, 11
    jne fail
    cmp rsi, 16
    jne fail
    SAY "ok fault"
    xor edi, edi
    call "runtime.exit"
GOFUNC runtime.runFinalizers, 32
    FAIL
GOFUNC runtime.panicText, 32
    FAIL
GOFUNC runtime.goexit, 32
    FAIL
GOFUNC runtime._System, 32
    FAIL
text_end:

    .section .rodata
    .p2align 3
callbacks:
    .quad "runtime.main", "runtime.panicBounds", "runtime.sigpanic", "runtime.runFinalizers", "runtime.panicText", "runtime.goexit", "runtime._System", "runtime.goexit", "runtime.panicText", "runtime.panicText", "runtime.panicText", "runtime.panicText", "runtime.panicText", "runtime.panicText", "runtime.panicText", "runtime.panicText"
sender_closure: .quad test.sender
spinner_closure: .quad test.spinner
counter_closure: .quad test.counter
handlers:
    .long recover_ret - text_start, recover_handler - text_start, 64
    .p2align 3
# Type descriptors: size, ptr bytes, hash, flags, equal, gc data, names.
int_type:
    .quad 8, 0
    .long 1
    .byte 0, 8, 8, 6
    .quad 0, 0
    .long 0, 0
chan_int:
    .quad 8, 8
    .long 2
    .byte 0, 8, 8, 18
    .quad 0, one_pointer
    .long 0, 0
    .quad int_type, 3
node_type:
    .quad 16, 8
    .long 3
    .byte 0, 8, 8, 25
    .quad 0, one_pointer
    .long 0, 0
one_pointer: .quad 1
root_bitmap: .quad 3

    .data
    .p2align 4
roots_start:
the_chan: .quad 0
list: .quad 0
roots_end:
counter: .long 0
stop_spinning: .long 0
cases: .quad 0, 0, 0, 0
order: .zero 16
roots: .quad roots_start, 2, root_bitmap
    .globl "ferrogo.moduledata"
"ferrogo.moduledata":
    .quad text_start, text_end
    .quad 0, 0                  # funcs
    .quad 0, 0                  # locs
    .quad 0, 0                  # lines
    .quad 0, 0                  # strings
    .quad handlers, 1
    .quad 0, 0                  # types
    .quad 0, 0                  # typelinks
    .quad 0, 0                  # itabs
    .quad roots, 1
    .quad 0, 0                  # inits
    .quad 0                     # main.main
    .quad 0, 0                  # modinfo
    .quad 0, 0                  # godebug
    .quad callbacks, 16
    .quad roots_start, roots_end
    .quad 0, 0                  # sites
    .quad 0, 0                  # frames
    .quad 0, 0                  # entries
    .section .note.GNU-stack, "", @progbits
