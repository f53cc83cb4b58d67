//! All runtime crates in one archive: `target/x86_64-unknown-linux-gnu/release/libferrogo_runtime.a`, built from this
//! directory with `cargo build --release`. Its entry point is `_start`; it refers to one symbol, `ferrogo.moduledata`.
#![no_std]

extern crate rt;

/// A Rust panic in the runtime is a broken invariant: the same end as `throw`.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    rt_os::throw!("runtime: {}", info)
}

/// LLVM makes calls of it out of loops that look for a zero byte.
///
/// # Safety
/// `text` ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: stops at the terminator.
    while unsafe { *text.add(len) } != 0 {
        len += 1;
        // SAFETY: no instruction; keeps this loop from becoming a call of itself.
        unsafe { core::arch::asm!("", options(nomem, nostack, preserves_flags)) };
    }
    len
}

/// Referred to by the precompiled `compiler_builtins`; nothing unwinds here.
#[unsafe(no_mangle)]
pub extern "C" fn rust_eh_personality() {}
