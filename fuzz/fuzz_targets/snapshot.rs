//! Saved snapshots: any bytes give a snapshot or an error, and what is read can be analysed. With coverage feedback
//! over a corpus of real ones (`ferrogo doctor PID --save corpus/snapshot/a`).
//!
//! `cargo +nightly fuzz run snapshot`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(snapshot) = diagnose::save::decode_within(data, 64 << 20) {
        let analysis = diagnose::analysis::Analysis::new(snapshot);
        let found = diagnose::findings::find(&analysis);
        diagnose::report::report(&analysis, &found, 100);
        diagnose::pprof::encode_retention(&diagnose::tree::merged(&analysis));
    }
});
