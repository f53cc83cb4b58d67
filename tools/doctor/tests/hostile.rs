//! Damaged and hostile files: whatever a core file or a saved snapshot holds, the answer is a report or one sentence,
//! in bounded memory. The same inputs in every run.

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};

use attach::core_file::CoreFile;
use attach::session::{Wishes, snapshot_opened_core};
use common::*;
use diagnose::Snapshot;
use diagnose::analysis::Analysis;

/// Sections of a saved snapshot may take so much here.
const SNAPSHOT_LIMIT: u64 = 256 << 20;
/// What this process may have taken at its highest after all of it.
const PEAK: u64 = 2 << 30;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Places of panics so far: one run finds all of them.
static PANICS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn survive(work: impl FnOnce()) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map_or(String::new(), ToString::to_string);
            if place.contains("tests/hostile.rs") {
                before(info);
            } else if let Ok(mut panics) = PANICS.lock() {
                panics.insert(place);
            }
        }));
    });
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok();
}

fn no_panics() {
    let panics = PANICS.lock().expect("the list of panics");
    assert!(panics.is_empty(), "{panics:#?}");
}

/// Everything that is done with a snapshot.
fn use_all(snapshot: Snapshot) {
    let analysis = Analysis::new(snapshot);
    let found = diagnose::findings::find(&analysis);
    let report = diagnose::report::report(&analysis, &found, 100);
    serde_json::to_string(&report).expect("JSON");
    let nodes = diagnose::tree::merged(&analysis);
    diagnose::pprof::encode_retention(&nodes);
    doctor::html::page(&analysis, &found, &diagnose::tree::drawn(&nodes, 0));
    let style = doctor::text::Style::for_stdout();
    doctor::text::verdict(&analysis, &found, usize::MAX, report.cost, &style);
    doctor::text::top(&analysis, 20, &style);
    doctor::text::retained(&analysis, 20, &style);
    doctor::text::goroutines(&analysis, 20, &style);
    doctor::text::spans(&analysis, &style);
    doctor::text::holders(&analysis, "main.answer", 20, &style).ok();
}

/// `input`: what was done last, so that a failure names it.
fn check_peak(input: &str) {
    let status = attach::procfs::status(std::process::id() as i32).expect("our own status");
    let peak = attach::procfs::kib_field(&status, "VmHWM");
    assert!(peak < PEAK, "{peak} bytes were needed, at last by {input}");
}

/// Tag and content of each section.
fn sections(data: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let number = |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().expect("8 bytes"));
    let mut at = 8;
    let mut result = Vec::new();
    while at < data.len() {
        let packed = number(at + 9) as usize;
        let mut content = Vec::new();
        flate2::read::DeflateDecoder::new(&data[at + 17..at + 17 + packed])
            .read_to_end(&mut content)
            .expect("deflate");
        result.push((data[at], content));
        at += 17 + packed;
    }
    result
}

fn join(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut result = b"FGSNAP02".to_vec();
    for (tag, content) in sections {
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("deflate");
        let packed = encoder.finish().expect("deflate");
        result.push(*tag);
        result.extend((content.len() as u64).to_le_bytes());
        result.extend((packed.len() as u64).to_le_bytes());
        result.extend(packed);
    }
    result
}

/// Changes some bytes of a file or of its unpacked sections.
fn damage_snapshot(good: &[u8], random: &mut Random) -> Vec<u8> {
    let interesting = [0u8, 1, 0x7f, 0x80, 0xff];
    if random.below(4) == 0 {
        let mut data = good.to_vec();
        for _ in 0..1 + random.below(8) {
            let at = random.below(data.len());
            data[at] = interesting[random.below(5)];
        }
        if random.below(3) == 0 {
            data.truncate(random.below(good.len()));
        }
        return data;
    }
    let mut parts = sections(good);
    for _ in 0..1 + random.below(3) {
        let part = random.below(parts.len());
        let (tag, content) = &mut parts[part];
        if content.is_empty() {
            continue;
        }
        for _ in 0..1 + random.below(6) {
            let at = random.below(content.len());
            match tag {
                // JSON: a digit for a digit keeps it well-formed.
                1 => {
                    if let Some(at) = (at..content.len()).find(|&at| content[at].is_ascii_digit()) {
                        content[at] = b'0' + random.below(10) as u8;
                    }
                }
                _ => content[at] = interesting[random.below(5)],
            }
        }
        match random.below(12) {
            0 => content.truncate(random.below(content.len())),
            1 => content.extend_from_within(..random.below(content.len())),
            _ => {}
        }
    }
    join(&parts)
}

#[test]
fn damaged_snapshots_give_a_report_or_a_sentence() {
    if !have_go() {
        return;
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile.snap");
    let mut good = Vec::new();
    for example in ["mutex/leak", "ticker/leak", "cond/leak"] {
        let leak = Example::start(&build(example, Build::Plain, "local"));
        report(&[&leak.pid(), "--save", file.to_str().expect("a path")]);
        assert!(leak.finish());
        good.push(std::fs::read(&file).expect("the snapshot"));
    }
    assert_eq!(sections(&join(&sections(&good[0]))), sections(&good[0]));
    let mut random = Random(0x5eed_0000_0000_0001);
    let mut read = 0;
    let rounds = if full() { 20_000 } else { 600 };
    for round in 0..rounds {
        let data = damage_snapshot(&good[round % good.len()], &mut random);
        survive(|| {
            if let Ok(snapshot) = diagnose::save::decode_within(&data, SNAPSHOT_LIMIT) {
                read += 1;
                use_all(snapshot);
            }
        });
        check_peak(&format!("damaged snapshot {round}"));
    }
    no_panics();
    eprintln!("{rounds} damaged snapshots, {read} of them could still be read");
    assert!(
        read > rounds / 20 && read < rounds,
        "the damage is of one kind only"
    );
    // A small file that unpacks to far more than it may.
    let bomb = join(&[(1, vec![b' '; 300 << 20])]);
    let refused = diagnose::save::decode_within(&bomb, SNAPSHOT_LIMIT);
    assert!(refused.is_err_and(|what| what.contains("more memory than")));
    check_peak("an archive that unpacks to too much");
}

/// A core of a running example, by gdb's gcore or by the kernel.
fn core_of(package: &str, dir: &Path) -> Option<(Vec<u8>, PathBuf)> {
    let program = build(package, Build::Plain, "local");
    let core = common::kernel_core(&program, dir)?;
    Some((std::fs::read(core).expect("the core"), program))
}

/// Overwrites words of the memory in a core: pointers by other pointers (lists get cycles), counts by huge ones.
fn damage_core(core: &mut [u8], words: &[usize], random: &mut Random) -> Vec<(usize, [u8; 8])> {
    let mut undo = Vec::new();
    for _ in 0..1 << random.below(12) {
        let at = words[random.below(words.len())];
        let old: [u8; 8] = core[at..at + 8].try_into().expect("8 bytes");
        let value = match random.below(6) {
            0 => 0,
            1 => u64::MAX >> random.below(64),
            2 => random.next(),
            3 => u64::from_le_bytes(old).wrapping_add(8 * random.below(64) as u64),
            _ => {
                let other = words[random.below(words.len())];
                u64::from_le_bytes(core[other..other + 8].try_into().expect("8 bytes"))
            }
        };
        undo.push((at, old));
        core[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    undo
}

#[test]
fn hostile_cores_give_a_report_or_a_sentence() {
    if !have_go() {
        return;
    }
    let dir =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let mut random = Random(0x5eed_0000_0000_0002);
    for example in ["goroutine/leak", "mutex/leak"] {
        let Some((mut core, program)) = core_of(example, &dir) else {
            return;
        };
        let wishes = Wishes {
            exe: Some(program),
            ..Wishes::default()
        };
        let take = |core: &[u8]| {
            let core = CoreFile::from_bytes(core.to_vec())?;
            snapshot_opened_core(core, Path::new("core"), &wishes, &|_, _, _| {})
        };
        take(&core).expect("an intact core can be read");
        // Words that are not zero: the others are memory nobody has used.
        let words: Vec<usize> = (0x1000..core.len() - 8)
            .step_by(8)
            .filter(|&at| core[at..at + 8] != [0; 8])
            .collect();
        let (mut read, rounds) = (0, if full() { 2000 } else { 60 });
        for round in 0..rounds {
            let undo = damage_core(&mut core, &words, &mut random);
            survive(|| {
                if let Ok(snapshot) = take(&core) {
                    read += 1;
                    use_all(snapshot);
                }
            });
            check_peak(&format!("damaged core {round} of {example}"));
            for (at, old) in undo.into_iter().rev() {
                core[at..at + 8].copy_from_slice(&old);
            }
        }
        eprintln!("{example}: {rounds} damaged cores, {read} of them could still be read");
        take(&core).expect("the damage was undone");
    }
    no_panics();
    std::fs::remove_dir_all(dir).ok();
}
