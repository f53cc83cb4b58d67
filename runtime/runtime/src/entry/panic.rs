//! Fatal ends, printing.

use super::go_text;
use crate::fatal;
use crate::traceback::{CRASH_FD, Sink, Stderr};
use core::sync::atomic::Ordering;
use rt_os::syscall::{nr, syscall6};

extern "C" fn fatalpanic() {
    fatal::die(None, false, false)
}

extern "C" fn throw(data: *const u8, len: usize) {
    fatal::throw(go_text(data, len))
}

extern "C" fn fatal_error(data: *const u8, len: usize) {
    fatal::fatal(go_text(data, len))
}

extern "C" fn exit(code: i32) {
    rt_os::thread::exit_group(code)
}

extern "C" fn write(fd: usize, data: usize, len: i32) -> i32 {
    // SAFETY: Go's buffer.
    unsafe { syscall6(nr::WRITE, fd, data, len.max(0) as usize, 0, 0, 0) as i32 }
}

extern "C" fn write_err(data: *const u8, len: usize) {
    let bytes = super::go_str(data, len);
    if fatal::is_dying() {
        Stderr.put(bytes);
    } else {
        let _ = rt_os::poll::write_all(2, bytes);
    }
}

extern "C" fn set_crash_fd(fd: usize) -> usize {
    CRASH_FD.swap(fd as i32, Ordering::Relaxed) as isize as usize
}

extern "C" fn set_traceback(data: *const u8, len: usize) {
    crate::traceback::set_level(super::go_str(data, len));
}

#[unsafe(naked)]
#[unsafe(export_name = "runtime.abort")]
unsafe extern "C" fn abort() {
    core::arch::naked_asm!("int3", "ud2")
}

rt_sched::system_stubs! {
    "runtime.startpanic" => fatal::start_panic: 0;
    "runtime.fatalpanic" => fatalpanic: 0;
    "runtime.throw", "sync.throw", "internal/sync.throw" => throw: 2;
    "runtime.fatal", "sync.fatal", "internal/sync.fatal", "internal/runtime/maps.fatal", "crypto/internal/fips140.fatal", "crypto/internal/sysrand.fatal", "crypto/rand.fatal" => fatal_error: 2;
    "runtime.writeErr" => write_err: 2;
}

rt_sched::jump_stubs! {
    "runtime.exit", "syscall.Exit" => exit;
    "runtime.printlock" => fatal::print_lock;
    "runtime.printunlock" => fatal::print_unlock;
    "runtime.write" => write;
    "runtime.setCrashFDRaw", "runtime.setCrashFD" => set_crash_fd;
    "runtime.setTracebackRaw", "runtime/debug.SetTraceback" => set_traceback;
}
