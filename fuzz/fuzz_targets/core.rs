//! Core files: any bytes as a core, and a real core whose memory is changed word by word.
//!
//! The first byte chooses. With `FERROGO_FUZZ_CORE` and `FERROGO_FUZZ_EXE` naming a core and its executable, the rest
//! is a list of changes: where (4 bytes, in words), what (1 byte: zero, all ones, a value, the word at a place), value
//! (8 bytes).
//!
//! `FERROGO_FUZZ_CORE=core FERROGO_FUZZ_EXE=program cargo +nightly fuzz run core`
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use attach::core_file::CoreFile;
use attach::session::{Wishes, snapshot_opened_core};
use attach::target::Target;
use libfuzzer_sys::fuzz_target;

struct Base {
    core: Vec<u8>,
    /// Offsets of words that are not zero.
    words: Vec<usize>,
    wishes: Wishes,
}

fn base() -> Option<&'static Base> {
    static BASE: OnceLock<Option<Base>> = OnceLock::new();
    BASE.get_or_init(|| {
        let core = std::fs::read(std::env::var_os("FERROGO_FUZZ_CORE")?).ok()?;
        let exe = PathBuf::from(std::env::var_os("FERROGO_FUZZ_EXE")?);
        let words = (0..core.len().saturating_sub(8))
            .step_by(8)
            .filter(|&at| core[at..at + 8] != [0; 8])
            .collect();
        let wishes = Wishes { exe: Some(exe), ..Wishes::default() };
        Some(Base { core, words, wishes })
    })
    .as_ref()
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let Some(base) = base().filter(|base| choice % 4 != 0 && !base.words.is_empty()) else {
        if let Ok(core) = CoreFile::from_bytes(rest.to_vec()) {
            for mapping in core.mappings().iter().take(64) {
                core.read(mapping.start, &mut [0; 64]);
                core.read(mapping.end.wrapping_sub(32), &mut [0; 64]);
            }
        }
        return;
    };
    let mut core = base.core.clone();
    for change in rest.chunks_exact(13).take(4096) {
        let pick = |bytes: &[u8]| {
            let number = bytes.iter().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
            base.words[number % base.words.len()]
        };
        let at = pick(&change[..4]);
        let value: [u8; 8] = match change[4] % 4 {
            0 => [0; 8],
            1 => [0xff; 8],
            2 => change[5..13].try_into().unwrap_or_default(),
            _ => {
                let from = pick(&change[5..9]);
                base.core[from..from + 8].try_into().unwrap_or_default()
            }
        };
        core[at..at + 8].copy_from_slice(&value);
    }
    let core = CoreFile::from_bytes(core).and_then(|core| {
        snapshot_opened_core(core, Path::new("core"), &base.wishes, &|_, _, _| {})
    });
    if let Ok(snapshot) = core {
        let analysis = diagnose::analysis::Analysis::new(snapshot);
        diagnose::findings::find(&analysis);
    }
});
