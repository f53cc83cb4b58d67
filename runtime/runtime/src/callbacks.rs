//! Go functions that Rust calls, and the throwing helpers that jump to one of them.

use abi::symbols::RUNTIME_CALLBACKS;
use core::arch::naked_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Code addresses in the order of [`RUNTIME_CALLBACKS`].
pub static CALLBACKS: [AtomicUsize; RUNTIME_CALLBACKS.len()] =
    [const { AtomicUsize::new(0) }; RUNTIME_CALLBACKS.len()];

/// Indices into [`CALLBACKS`].
pub const MAIN: usize = 0;
const PANIC_BOUNDS: usize = 1;
#[allow(missing_docs)]
pub const SIGPANIC: usize = 2;
#[allow(missing_docs)]
pub const RUN_FINALIZERS: usize = 3;
#[allow(missing_docs)]
pub const PANIC_TEXT: usize = 4;
#[allow(missing_docs)]
pub const GOEXIT: usize = 5;
#[allow(missing_docs)]
pub const SYSTEM: usize = 6;
#[allow(missing_docs)]
pub const MARK_WORKER: usize = 7;
const PANIC_DIVIDE: usize = 8;
const PANIC_SHIFT: usize = 9;
const PANIC_NIL: usize = 10;
/// The functions of [`rt_sched::hooks::Place`], in its order, begin here.
pub const PLACES: usize = 11;

/// Copies the linker's table.
pub fn init(table: &[usize]) {
    if table.len() != CALLBACKS.len() {
        rt_os::throw!(
            "module has {} callbacks, the runtime knows {}",
            table.len(),
            CALLBACKS.len()
        );
    }
    for (slot, address) in CALLBACKS.iter().zip(table) {
        slot.store(*address, Ordering::Relaxed);
    }
}

/// Address of a callback.
pub fn address(index: usize) -> usize {
    CALLBACKS[index].load(Ordering::Relaxed)
}

/// A func value for a plain Go function: an object whose first word is the code address.
pub fn func_value(index: usize) -> usize {
    &CALLBACKS[index] as *const AtomicUsize as usize
}

/// Jumps to `panicBounds(panic_arg0, panic_arg1, code)`; the code is in edx.
#[unsafe(naked)]
unsafe extern "C" fn bounds_common() {
    naked_asm!(
        "mov rdi, [r15 + {arg0}]",
        "mov rsi, [r15 + {arg1}]",
        "jmp qword ptr [rip + {callbacks} + {offset}]",
        arg0 = const abi::g::PANIC_ARG0,
        arg1 = const abi::g::PANIC_ARG1,
        callbacks = sym CALLBACKS,
        offset = const PANIC_BOUNDS * 8,
    )
}

macro_rules! throws {
    ($($sym:literal = $code:literal;)*) => {
        $(const _: () = {
            #[unsafe(naked)]
            #[unsafe(export_name = $sym)]
            unsafe extern "C" fn stub() {
                naked_asm!("mov edx, {code}", "jmp {common}", code = const $code, common = sym bounds_common)
            }
        };)*
        #[cfg(test)]
        const BOUNDS: &[&str] = &[$($sym),*];
    };
}

/// Helpers without operands jump to their function.
macro_rules! jumps {
    ($($sym:literal = $index:ident;)*) => {
        $(const _: () = {
            #[unsafe(naked)]
            #[unsafe(export_name = $sym)]
            unsafe extern "C" fn stub() {
                naked_asm!(
                    "jmp qword ptr [rip + {callbacks} + {offset}]",
                    callbacks = sym CALLBACKS,
                    offset = const $index * 8,
                )
            }
        };)*
        #[cfg(test)]
        const JUMPS: &[&str] = &[$($sym),*];
    };
}

// Codes: order of declaration in abi::symbols::throws.
throws! {
    "runtime.throwIndex" = 0;
    "runtime.throwIndexU" = 1;
    "runtime.throwSliceAlen" = 2;
    "runtime.throwSliceAlenU" = 3;
    "runtime.throwSliceAcap" = 4;
    "runtime.throwSliceAcapU" = 5;
    "runtime.throwSliceB" = 6;
    "runtime.throwSliceBU" = 7;
    "runtime.throwSlice3Alen" = 8;
    "runtime.throwSlice3AlenU" = 9;
    "runtime.throwSlice3Acap" = 10;
    "runtime.throwSlice3AcapU" = 11;
    "runtime.throwSlice3B" = 12;
    "runtime.throwSlice3BU" = 13;
    "runtime.throwSlice3C" = 14;
    "runtime.throwSlice3CU" = 15;
    "runtime.throwSliceConvert" = 16;
}

jumps! {
    "runtime.throwDivide" = PANIC_DIVIDE;
    "runtime.throwShift" = PANIC_SHIFT;
    "runtime.throwNil" = PANIC_NIL;
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::symbols::throws as t;
    use rt_sched::hooks::Place;

    #[test]
    fn throw_codes_follow_the_abi() {
        let declared = [
            t::PANIC_INDEX,
            t::PANIC_INDEX_U,
            t::PANIC_SLICE_ALEN,
            t::PANIC_SLICE_ALEN_U,
            t::PANIC_SLICE_ACAP,
            t::PANIC_SLICE_ACAP_U,
            t::PANIC_SLICE_B,
            t::PANIC_SLICE_B_U,
            t::PANIC_SLICE3_ALEN,
            t::PANIC_SLICE3_ALEN_U,
            t::PANIC_SLICE3_ACAP,
            t::PANIC_SLICE3_ACAP_U,
            t::PANIC_SLICE3_B,
            t::PANIC_SLICE3_B_U,
            t::PANIC_SLICE3_C,
            t::PANIC_SLICE3_C_U,
            t::PANIC_SLICE_CONVERT,
            t::PANIC_DIVIDE,
            t::PANIC_SHIFT,
            t::PANIC_NIL,
        ];
        assert_eq!([BOUNDS, JUMPS].concat(), declared);
    }

    #[test]
    fn callback_indices_name_the_right_functions() {
        let name = |index: usize| RUNTIME_CALLBACKS[index];
        assert_eq!(name(MAIN), "runtime.main");
        assert_eq!(name(PANIC_BOUNDS), "runtime.panicBounds");
        assert_eq!(name(SIGPANIC), "runtime.sigpanic");
        assert_eq!(name(RUN_FINALIZERS), "runtime.runFinalizers");
        assert_eq!(name(PANIC_TEXT), "runtime.panicText");
        assert_eq!(name(GOEXIT), "runtime.goexit");
        assert_eq!(name(SYSTEM), "runtime._System");
        assert_eq!(name(MARK_WORKER), "runtime.gcBgMarkWorker");
        assert_eq!(name(PANIC_DIVIDE), "runtime.panicdivide");
        assert_eq!(name(PANIC_SHIFT), "runtime.panicshift");
        assert_eq!(name(PANIC_NIL), "runtime.sigpanic_shown");
        for (place, want) in [
            (Place::Send, "runtime.chansend1_shown"),
            (Place::TrySend, "runtime.selectnbsend_shown"),
            (Place::Select, "runtime.selectgo_shown"),
            (Place::Close, "runtime.closechan_shown"),
            (Place::Make, "runtime.makechan_shown"),
        ] {
            assert_eq!(name(PLACES + place as usize), want);
        }
    }
}
