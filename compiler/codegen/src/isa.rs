//! Target settings.

use std::sync::Arc;

use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};

/// The x86-64 target with the settings that the ABI demands. Instructions up to x86-64-v2 (SSE4.2, POPCNT).
///
/// # Panics
/// If this Cranelift lacks x86-64 or one of the settings: a build defect.
pub fn target(optimize: bool, verify: bool) -> Arc<dyn TargetIsa> {
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", if optimize { "speed" } else { "none" }),
        ("enable_verifier", if verify { "true" } else { "false" }),
        ("preserve_frame_pointers", "true"),
        ("enable_pinned_reg", "true"),
        ("enable_probestack", "false"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "true"),
        ("unwind_info", "false"),
        ("enable_alias_analysis", "true"),
        // Where basic blocks begin, for the liveness of frames.
        ("machine_code_cfg_info", "true"),
        ("enable_nan_canonicalization", "false"),
        // Go promises nothing about speculation; switches are frequent.
        ("enable_table_access_spectre_mitigation", "false"),
        ("enable_heap_access_spectre_mitigation", "false"),
    ] {
        flags.set(name, value).expect("known setting");
    }
    let mut builder =
        isa::lookup_by_name("x86_64-unknown-linux-gnu").expect("x86-64 is compiled in");
    for feature in [
        "has_sse3",
        "has_ssse3",
        "has_sse41",
        "has_sse42",
        "has_popcnt",
        "has_cmpxchg16b",
    ] {
        builder.enable(feature).expect("known feature");
    }
    let isa: OwnedTargetIsa = builder
        .finish(settings::Flags::new(flags))
        .expect("consistent settings");
    isa
}
