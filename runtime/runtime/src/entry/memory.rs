//! Allocation, memory moves, barriers.

use super::Pair;
use crate::glue::{self, GC, HEAP};
use abi::gotype::Type;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use rt_sched::hooks::{barrier_on, raise_panic};
use rt_sched::m::M;

extern "C" fn mallocgc(size: usize, typ: *const Type, needzero: bool) -> usize {
    glue::malloc(size, typ, needzero)
}

extern "C" fn newobject(typ: *const Type) -> usize {
    // SAFETY: the compiler's descriptor.
    glue::malloc(unsafe { (*typ).size }, typ, true)
}

extern "C" fn newarray(typ: *const Type, count: i64) -> usize {
    // SAFETY: the compiler's descriptor.
    let elem = unsafe { (*typ).size };
    match usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(elem))
    {
        Some(bytes) if bytes <= rt_heap::malloc::MAX_ALLOC => glue::malloc(bytes, typ, true),
        _ => raise_panic("runtime: allocation size out of range"),
    }
}

extern "C" fn persistentalloc(size: usize, align: usize) -> usize {
    rt_sched::persist::alloc(size, align.max(8))
}

extern "C" fn roundupsize(size: usize, noscan: bool) -> usize {
    abi::sizeclass::round_up_size(size, noscan)
}

extern "C" fn memmove(dst: *mut u8, src: *const u8, size: usize) {
    // SAFETY: Go's promise: both ranges are valid; they may overlap.
    unsafe { rt_os::memops::copy_overlapping(dst, src, size) };
}

extern "C" fn memclr(dst: *mut u8, size: usize) {
    // SAFETY: Go's promise.
    unsafe { rt_os::memops::fill(dst, 0, size) };
}

extern "C" fn memclr_pointers(dst: *mut u8, size: usize) {
    glue::wb_words(dst as usize, size);
    memclr(dst, size);
}

extern "C" fn memequal(a: *const u8, b: *const u8, size: usize) -> bool {
    // SAFETY: Go's promise.
    ptr::eq(a, b) || unsafe { rt_os::memops::compare(a, b, size) } == 0
}

/// The size is the second word of the closure object.
#[unsafe(naked)]
#[unsafe(export_name = "runtime.memequal_varlen")]
unsafe extern "C" fn memequal_varlen() {
    core::arch::naked_asm!("mov rdx, [r15 + {ctx}]", "mov rdx, [rdx + 8]", "jmp {equal}", ctx = const abi::g::CLOSURE_CTX, equal = sym memequal)
}

extern "C" fn typedmemmove(typ: *const Type, dst: *mut u8, src: *const u8) {
    if ptr::eq(dst, src) {
        return;
    }
    // SAFETY: the compiler's descriptor; both places hold a value of it.
    unsafe {
        if barrier_on() && !(*typ).noscan() {
            glue::wb_typed(typ, dst as usize, src as usize);
        }
        rt_os::memops::copy_overlapping(dst, src, (*typ).size);
    }
}

extern "C" fn typedmemclr(typ: *const Type, dst: *mut u8) {
    // SAFETY: as above.
    unsafe {
        if barrier_on() && !(*typ).noscan() {
            glue::wb_typed(typ, dst as usize, 0);
        }
        rt_os::memops::fill(dst, 0, (*typ).size);
    }
}

/// [off, off + size) of a value at `dst - off`.
extern "C" fn typedmemclrpartial(typ: *const Type, dst: *mut u8, _off: usize, size: usize) {
    // SAFETY: as above.
    unsafe {
        if barrier_on() && !(*typ).noscan() {
            glue::wb_words(dst as usize, size);
        }
        rt_os::memops::fill(dst, 0, size);
    }
}

extern "C" fn typedarraycopy(typ: *const Type, dst: *mut u8, src: *const u8, count: usize) {
    // SAFETY: as above, for `count` values.
    unsafe {
        let size = (*typ).size * count;
        if size == 0 || ptr::eq(dst, src) {
            return;
        }
        if barrier_on() && !(*typ).noscan() {
            glue::wb_range(typ, dst as usize, src as usize, size);
        }
        rt_os::memops::copy_overlapping(dst, src, size);
    }
}

extern "C" fn typedarrayclear(typ: *const Type, dst: *mut u8, count: usize) {
    // SAFETY: as above, for `count` values.
    unsafe {
        let size = (*typ).size * count;
        if size == 0 {
            return;
        }
        if barrier_on() && !(*typ).noscan() {
            glue::wb_range(typ, dst as usize, 0, size);
        }
        rt_os::memops::fill(dst, 0, size);
    }
}

extern "C" fn bulk_barrier(dst: usize, src: usize, size: usize, typ: *const Type) {
    if !barrier_on() {
        return;
    }
    if typ.is_null() {
        glue::wb_words(dst, size);
        if src != 0 {
            glue::wb_words(src, size);
        }
        return;
    }
    glue::wb_range(typ, dst, src, size);
}

extern "C" fn gc_write_barrier(slot: usize, new: usize) {
    glue::wb_slot(slot, new);
}

extern "C" fn store_pointer(slot: usize, new: usize) {
    glue::wb_slot(slot, new);
    // SAFETY: Go's pointer variable.
    unsafe { AtomicUsize::from_ptr(slot as *mut usize) }.store(new, Ordering::SeqCst);
}

extern "C" fn swap_pointer(slot: usize, new: usize) -> usize {
    glue::wb_slot(slot, new);
    // SAFETY: Go's pointer variable.
    unsafe { AtomicUsize::from_ptr(slot as *mut usize) }.swap(new, Ordering::SeqCst)
}

extern "C" fn cas_pointer(slot: usize, old: usize, new: usize) -> bool {
    glue::wb_slot(slot, new);
    // SAFETY: Go's pointer variable.
    unsafe { AtomicUsize::from_ptr(slot as *mut usize) }
        .compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
}

extern "C" fn find_object(addr: usize) -> Pair {
    match HEAP.find_object(addr) {
        Some(object) => Pair(object.data(), object.base + object.size - object.data()),
        None => Pair(0, 0),
    }
}

extern "C" fn in_heap_or_stack(addr: usize) -> bool {
    HEAP.arena.contains(addr) || rt_sched::stack::on_stack(M::current().curg(), addr)
}

extern "C" fn verify_not_in_heap(addr: usize) -> bool {
    !HEAP.arena.contains(addr)
}

extern "C" fn identity(value: usize) -> usize {
    value
}

/// Values 0..=255, for boxing small integers without allocation.
static STATIC_UINT64S: [u64; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = index as u64;
        index += 1;
    }
    table
};

extern "C" fn get_static_uint64s() -> usize {
    STATIC_UINT64S.as_ptr() as usize
}

extern "C" fn register_weak(addr: usize) -> usize {
    if addr == 0 {
        return 0;
    }
    // SAFETY: system function: at a safepoint, with a P; the object is held.
    match unsafe { GC.weak_handle(&glue::WORLD, M::current().p().mcache.get() as *mut _, addr) } {
        Ok(handle) => handle,
        Err(rt_gc::WeakError::NotHeap) => glue::immortal_handle(addr),
        Err(rt_gc::WeakError::NoMemory(_)) => crate::fatal::fatal("runtime: out of memory"),
    }
}

extern "C" fn strong_from_weak(handle: usize) -> usize {
    if handle == 0 {
        return 0;
    }
    if let Some(addr) = glue::immortal_value(handle) {
        return addr;
    }
    // SAFETY: with a P, not at a safepoint; the handle is a live heap word.
    unsafe { GC.strong_from_weak(M::current().p().mcache.get() as *mut _, handle) }
}

// Allocation first tries the current window, on the goroutine's stack: no safepoint, nothing saved. Then it tries the next run of the span, on
// the system stack but without a safepoint. 0 asks for the whole way.

unsafe extern "C" fn mallocgc_fast(size: usize, typ: *const Type, zero: bool) -> usize {
    // SAFETY: the compiler's descriptor, the current P's cache; no safepoint here.
    unsafe {
        HEAP.malloc_fast(glue::current_cache(), size, typ, zero)
            .map_or(0, |at| at.as_ptr() as usize)
    }
}

unsafe extern "C" fn newobject_fast(typ: *const Type) -> usize {
    // SAFETY: as above.
    unsafe { mallocgc_fast((*typ).size, typ, true) }
}

unsafe extern "C" fn newarray_fast(typ: *const Type, count: usize) -> usize {
    // SAFETY: as above.
    unsafe {
        match count.checked_mul((*typ).size) {
            Some(bytes) if bytes <= abi::sizeclass::MAX_SMALL_REQUEST => {
                mallocgc_fast(bytes, typ, true)
            }
            _ => 0,
        }
    }
}

unsafe extern "C" fn mallocgc_run(size: usize, typ: *const Type) -> usize {
    // SAFETY: as above.
    unsafe { HEAP.malloc_next_run(glue::current_cache(), size, typ) }
        .map_or(0, |at| at.as_ptr() as usize)
}

unsafe extern "C" fn newobject_run(typ: *const Type) -> usize {
    // SAFETY: as above.
    unsafe { mallocgc_run((*typ).size, typ) }
}

unsafe extern "C" fn newarray_run(typ: *const Type, count: usize) -> usize {
    // SAFETY: as above.
    unsafe {
        match count.checked_mul((*typ).size) {
            Some(bytes) if bytes <= abi::sizeclass::MAX_SMALL_REQUEST => mallocgc_run(bytes, typ),
            _ => 0,
        }
    }
}

rt_sched::private_system_stub! { mallocgc_slow => mallocgc: 3 }
rt_sched::private_system_stub! { newobject_slow => newobject: 1 }
rt_sched::private_system_stub! { newarray_slow => newarray: 2 }

/// Entry points with up to three arguments that try `fast` on the goroutine's stack, `run` on the system stack, and end in `slow`.
macro_rules! allocation_stubs {
    ($([$($sym:literal),+] => $fast:path, $run:path, $slow:path;)*) => {$(
        rt_sched::go_symbols!([$($sym),+], [
            "push rbp",
            "mov rbp, rsp",
            "push rdi",
            "push rsi",
            "push rdx",
            "sub rsp, 8",
            "call {fast}",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, [rbp - 8]",
            "mov rsi, [rbp - 16]",
            // For the profiler, which finds a stack pointer that is not the goroutine's.
            "mov [r15 + {bp}], rbp",
            "mov rsp, [r15 + {system}]",
            "call {run}",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, [rbp - 8]",
            "mov rsi, [rbp - 16]",
            "mov rdx, [rbp - 24]",
            "mov rsp, rbp",
            "pop rbp",
            "jmp {slow}",
            "2:",
            "mov rsp, rbp",
            "pop rbp",
            "ret",
        ], [
            fast = sym $fast,
            run = sym $run,
            slow = sym $slow,
            bp = const abi::g::SCHED_BP,
            system = const abi::g::SYSTEM_SP,
        ]);
    )*};
}

allocation_stubs! {
    ["runtime.mallocgc"] => mallocgc_fast, mallocgc_run, mallocgc_slow;
    ["runtime.newobject", "internal/runtime/maps.newobject", "reflect.unsafe_New", "internal/reflectlite.unsafe_New"]
        => newobject_fast, newobject_run, newobject_slow;
    ["runtime.newarray", "internal/runtime/maps.newarray", "reflect.unsafe_NewArray"]
        => newarray_fast, newarray_run, newarray_slow;
}

rt_sched::system_stubs! {
    "runtime.memclrHasPointers" => memclr_pointers: 2;
    "reflect.typedmemclrpartial" => typedmemclrpartial: 4;
    "runtime.typedarraycopy" => typedarraycopy: 4;
    "runtime.typedarrayclear", "reflect.typedarrayclear" => typedarrayclear: 3;
    "runtime.bulkBarrierPreWrite" => bulk_barrier: 4;
    "runtime.gcWriteBarrier" => gc_write_barrier: 2;
    "weak.runtime_registerWeakPointer" => register_weak: 1;
    "weak.runtime_makeStrongFromWeak" => strong_from_weak: 1;
    "runtime.persistentalloc" => persistentalloc: 2;
}

rt_sched::private_system_stub! { typedmemmove_slow => typedmemmove: 3 }
rt_sched::private_system_stub! { typedmemclr_slow => typedmemclr: 2 }
rt_sched::private_system_stub! { store_pointer_slow => store_pointer: 2 }
rt_sched::private_system_stub! { swap_pointer_slow => swap_pointer: 2 }
rt_sched::private_system_stub! { cas_pointer_slow => cas_pointer: 3 }

// While the barrier is off these are leaf functions.
rt_sched::go_symbols!(
    ["runtime.typedmemmove", "internal/runtime/maps.typedmemmove", "reflect.typedmemmove", "internal/reflectlite.typedmemmove"],
    [
        "cmp dword ptr [rip + {barrier}], 0",
        "jne {slow}",
        "mov rax, [rdi]",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rax",
        "jmp {fast}",
    ],
    [barrier = sym rt_sched::hooks::WRITE_BARRIER, slow = sym typedmemmove_slow, fast = sym memmove,]
);
rt_sched::go_symbols!(
    ["runtime.typedmemclr", "internal/runtime/maps.typedmemclr", "reflect.typedmemclr"],
    [
        "cmp dword ptr [rip + {barrier}], 0",
        "jne {slow}",
        "mov rax, [rdi]",
        "mov rdi, rsi",
        "mov rsi, rax",
        "jmp {fast}",
    ],
    [barrier = sym rt_sched::hooks::WRITE_BARRIER, slow = sym typedmemclr_slow, fast = sym memclr,]
);
rt_sched::go_symbols!(
    ["internal/runtime/atomic.storePointer", "sync/atomic.StorePointer"],
    ["cmp dword ptr [rip + {barrier}], 0", "jne {slow}", "xchg [rdi], rsi", "ret"],
    [barrier = sym rt_sched::hooks::WRITE_BARRIER, slow = sym store_pointer_slow,]
);
rt_sched::go_symbols!(
    ["sync/atomic.SwapPointer"],
    ["cmp dword ptr [rip + {barrier}], 0", "jne {slow}", "mov rax, rsi", "xchg [rdi], rax", "ret"],
    [barrier = sym rt_sched::hooks::WRITE_BARRIER, slow = sym swap_pointer_slow,]
);
rt_sched::go_symbols!(
    ["internal/runtime/atomic.casPointer", "sync/atomic.CompareAndSwapPointer"],
    ["cmp dword ptr [rip + {barrier}], 0", "jne {slow}", "mov rax, rsi", "lock cmpxchg [rdi], rdx", "sete al", "ret"],
    [barrier = sym rt_sched::hooks::WRITE_BARRIER, slow = sym cas_pointer_slow,]
);

rt_sched::leaf_stubs! {
    "runtime.findObjectRaw" => find_object;
}

rt_sched::jump_stubs! {
    "runtime.roundupsize" => roundupsize;
    "runtime.memmove", "reflect.memmove" => memmove;
    "runtime.memclrNoHeapPointers" => memclr;
    "runtime.memequal" => memequal;
    "runtime.inHeapOrStack" => in_heap_or_stack;
    "reflect.verifyNotInHeapPtr" => verify_not_in_heap;
    "reflect.adjustAIXGCDataForRuntime" => identity;
    "runtime.getStaticuint64s" => get_static_uint64s;
}
