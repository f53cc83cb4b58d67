//! Execution traces: control, reading, annotations of the program.

use super::go_str;
use rt_sched::trace;

extern "C" fn start() {
    trace::start();
}
extern "C" fn advance(stop: bool) {
    trace::advance(stop);
}
extern "C" fn read(out: *mut [usize; 2]) {
    trace::read(out);
}
extern "C" fn set_system() {
    rt_sched::proc::become_system(rt_sched::g::G::current());
}
extern "C" fn clock() -> u64 {
    trace::clock()
}
extern "C" fn clock_units_per_second() -> u64 {
    1_000_000_000
}
extern "C" fn task(id: u64, parent: u64, name: *const u8, len: usize) {
    trace::user_task(id, parent, go_str(name, len));
}
extern "C" fn task_end(id: u64) {
    trace::user_task_end(id);
}
extern "C" fn region(task: u64, end: u64, name: *const u8, len: usize) {
    trace::user_region(task, end != 0, go_str(name, len));
}
extern "C" fn log(
    task: u64,
    category: *const u8,
    category_len: usize,
    message: *const u8,
    message_len: usize,
) {
    trace::user_log(
        task,
        go_str(category, category_len),
        go_str(message, message_len),
    );
}

rt_sched::system_stubs! {
    "runtime.traceStartRaw" => start: 0;
    "runtime.traceAdvanceRaw" => advance: 1;
    "runtime.traceReadRaw" => read: 1;
    "runtime.becomeSystemGoroutine" => set_system: 0;
    "runtime.traceClockNow" => clock: 0;
    "runtime/trace.runtime_traceClockUnitsPerSecond" => clock_units_per_second: 0;
    "runtime/trace.userTaskCreate" => task: 4;
    "runtime/trace.userTaskEnd" => task_end: 1;
    "runtime/trace.userRegion" => region: 4;
    "runtime/trace.userLog" => log: 5;
}
