//! runtime/debug, GODEBUG, traces.

use core::sync::atomic::Ordering;
use rt_sched::stack::MAX_STACK;

extern "C" fn set_max_stack(bytes: i64) -> i64 {
    MAX_STACK.swap(bytes.max(0) as usize, Ordering::Relaxed) as i64
}

extern "C" fn write_heap_dump(fd: usize) {
    let _ = rt_os::poll::write_all(
        fd as i32,
        b"heap dumps in gc's format are not supported by this runtime\n",
    );
}

extern "C" fn reparse_godebug(data: *const u8, len: usize) {
    crate::start::godebug_changed(super::go_str(data, len));
}

rt_sched::system_stubs! {
    "runtime/debug.WriteHeapDump" => write_heap_dump: 1;
}

rt_sched::jump_stubs! {
    "runtime/debug.setMaxStack" => set_max_stack;
    "runtime.reparseGODEBUG" => reparse_godebug;
}
