//! Profiles, binary and as text: no panic, and no more memory than the bounds in the readers.
//!
//! `cargo +nightly fuzz run profile`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    diagnose::pprof::decode(data);
    diagnose::text_profile::parse(&String::from_utf8_lossy(data));
});
