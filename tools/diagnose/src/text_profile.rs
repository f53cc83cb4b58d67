//! Profiles in text form: what /debug/pprof answers with `?debug=1` and `?debug=2`, and the dump of a program that
//! was killed by SIGQUIT or crashed.
//!
//! ```text
//! heap profile: 3: 96 [5: 160] @ heap/1048576      goroutine profile: total 7      goroutine 9 [chan send, 3 minutes]:
//! 1: 64 [1: 64] @ 0x47d0 0x4a11                    5 @ 0x47d0 0x4a11               main.ask(0xc000012345)
//! #   0x47cf  main.build+0x1f  /src/main.go:28     #   0x47cf  main.ask+0x1f  ..       /src/main.go:31 +0x1f
//! # HeapAlloc = 112233                                                             created by main.run in goroutine 1
//! ```

use crate::pprof::Profile;
use crate::snapshot::Frame;

/// Samples, and frames of all samples together, that are read at most.
const MAX_SAMPLES: usize = 1 << 22;
const MAX_FRAMES: usize = 1 << 24;
/// Frames of one stack.
const MAX_STACK: usize = 1 << 12;

/// Reads a profile in text form; `None` when it is none.
pub fn parse(text: &str) -> Option<Profile> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    if let Some(rest) = first.strip_prefix("heap profile: ") {
        return Some(heap(text, rest));
    }
    if let Some((name, total)) = first.split_once(" profile: total ") {
        total.trim().parse::<u64>().ok()?;
        return Some(counts(text, name));
    }
    if first.starts_with("--- mutex:") || first.starts_with("--- contention:") {
        return Some(contention(text));
    }
    dump(text)
}

/// Profiles of counts: goroutine, goroutineleak, threadcreate.
fn counts(text: &str, name: &str) -> Profile {
    let mut profile = Profile {
        kinds: vec![format!("{name}/count")],
        ..Profile::default()
    };
    read_samples(text, &mut profile, |head| {
        head.trim().parse().ok().map(|count| vec![count])
    });
    profile
}

/// Contention: `CYCLES COUNT @ ...`.
fn contention(text: &str) -> Profile {
    let mut profile = Profile {
        kinds: vec!["contentions/count".into(), "delay/cycles".into()],
        ..Profile::default()
    };
    read_samples(text, &mut profile, |head| {
        let (cycles, count) = head.trim().split_once(' ')?;
        Some(vec![count.trim().parse().ok()?, cycles.parse().ok()?])
    });
    profile
}

/// The heap profile: samples `objects: bytes [all objects: all bytes]`, scaled to what they stand for, and the
/// collector's counters at the end.
fn heap(text: &str, header: &str) -> Profile {
    // The header names twice the sampling rate.
    let rate = header
        .rsplit_once("heap/")
        .and_then(|(_, rate)| rate.trim().parse::<f64>().ok())
        .map_or(0.0, |twice| twice / 2.0);
    let scale = |count: i64, bytes: i64| -> (i64, i64) {
        if count <= 0 || bytes <= 0 || rate <= 1.0 {
            return (count, bytes);
        }
        let average = bytes as f64 / count as f64;
        let factor = 1.0 / (1.0 - (-average / rate).exp());
        (
            (count as f64 * factor) as i64,
            (bytes as f64 * factor) as i64,
        )
    };
    let pair = |text: &str| -> Option<(i64, i64)> {
        let (count, bytes) = text.trim().split_once(": ")?;
        Some((count.trim().parse().ok()?, bytes.trim().parse().ok()?))
    };
    let mut profile = Profile {
        kinds: [
            "alloc_objects/count",
            "alloc_space/bytes",
            "inuse_objects/count",
            "inuse_space/bytes",
        ]
        .map(String::from)
        .to_vec(),
        ..Profile::default()
    };
    read_samples(text, &mut profile, |head| {
        let (live, all) = head.split_once(" [")?;
        let live = pair(live)?;
        let all = pair(all.trim_end().strip_suffix(']')?)?;
        let (live, all) = (scale(live.0, live.1), scale(all.0, all.1));
        Some(vec![all.0, all.1, live.0, live.1])
    });
    for line in text.lines() {
        let entry = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(" = "));
        let Some((name, value)) = entry else { continue };
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain || profile.stats.len() >= 256 {
            continue;
        }
        // `Stack = 1 / 2`: in use, and taken from the system.
        let (name, value) = match value.split_once(" / ") {
            Some((_, system)) => (format!("{name}Sys"), system),
            None => (name.to_string(), value),
        };
        if let Ok(value) = value.trim().parse() {
            profile.stats.push((name, value));
        }
    }
    profile
}

/// Samples `VALUES @ ADDRESSES`, each followed by its frames: `#`, address, function and offset, place.
fn read_samples(text: &str, profile: &mut Profile, values: impl Fn(&str) -> Option<Vec<i64>>) {
    let mut frames = 0;
    for line in text.lines() {
        if let Some(frame) = line.strip_prefix('#') {
            let (Some(sample), Some(frame)) = (profile.samples.last_mut(), symbol(frame)) else {
                continue;
            };
            if frames < MAX_FRAMES && sample.0.len() < MAX_STACK {
                frames += 1;
                sample.0.push(frame);
            }
        } else if let Some((head, _)) = line.split_once(" @") {
            if let Some(values) = values(head).filter(|_| profile.samples.len() < MAX_SAMPLES) {
                profile.samples.push((Vec::new(), values));
            }
        }
    }
}

/// Address, function with offset, place, separated by tabs: `0x47cf`, `main.build+0x1f`, `/src/main.go:28`.
fn symbol(line: &str) -> Option<Frame> {
    let mut parts = line.split('\t').filter(|part| !part.is_empty());
    let address = parts.next()?.trim();
    if !address.starts_with("0x") {
        return None;
    }
    let function = parts.next()?.trim();
    let function = function
        .rsplit_once("+0x")
        .map_or(function, |(function, _)| function);
    let (file, line) = place(parts.next().unwrap_or("").trim());
    Some(Frame {
        function: function.to_string(),
        file,
        line,
    })
}

/// `/src/main.go:28 +0x1f` as file and line.
fn place(text: &str) -> (String, u32) {
    let text = text.split(" +0x").next().unwrap_or(text);
    match text.rsplit_once(':') {
        Some((file, line)) => (file.to_string(), line.trim().parse().unwrap_or(0)),
        None => (text.to_string(), 0),
    }
}

/// Tracebacks of all goroutines, one after the other.
fn dump(text: &str) -> Option<Profile> {
    let mut profile = Profile {
        kinds: vec!["goroutine/count".into(), "goroutineleak/count".into()],
        ..Profile::default()
    };
    let mut frames = 0;
    let mut inside = false;
    let mut pending: Option<Frame> = None;
    for line in text.lines() {
        if let Some(state) = header(line) {
            let leaked = i64::from(state.contains("(leaked)"));
            inside = profile.samples.len() < MAX_SAMPLES;
            pending = None;
            if inside {
                profile.samples.push((Vec::new(), vec![1, leaked]));
            }
            continue;
        }
        if line.trim().is_empty() {
            inside = false;
            continue;
        }
        let Some(sample) = profile.samples.last_mut().filter(|_| inside) else {
            continue;
        };
        if line.starts_with(['\t', ' ']) {
            if let Some(mut frame) = pending.take() {
                (frame.file, frame.line) = place(line.trim());
                if frames < MAX_FRAMES && sample.0.len() < MAX_STACK {
                    frames += 1;
                    sample.0.push(frame);
                }
            }
        } else if let Some(creator) = line.strip_prefix("created by ") {
            // The place that started a goroutine is no frame of it.
            let _ = creator;
            pending = None;
        } else {
            let function = line.rfind('(').map_or(line, |at| &line[..at]);
            pending = Some(Frame {
                function: function.to_string(),
                file: String::new(),
                line: 0,
            });
        }
    }
    (!profile.samples.is_empty()).then_some(profile)
}

/// The state of `goroutine 9 [chan send, 3 minutes]:` (also `goroutine 9 gp=0x.. m=nil [running]:`).
fn header(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("goroutine ")?;
    let rest = rest.trim_end().strip_suffix("]:")?;
    let (id, state) = rest.split_once(" [").map(|(head, state)| {
        let id = head.split(' ').next().unwrap_or("");
        (id, state)
    })?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kinds: &[&str], samples: &[(&[i64], &str)]) -> Profile {
        let profile = parse(text).expect("a profile");
        assert_eq!(profile.kinds, kinds);
        let got: Vec<(Vec<i64>, String)> = profile
            .samples
            .iter()
            .map(|(stack, values)| {
                let frames: Vec<String> = stack
                    .iter()
                    .map(|frame| format!("{} {}:{}", frame.function, frame.file, frame.line))
                    .collect();
                (values.clone(), frames.join(" < "))
            })
            .collect();
        let want: Vec<(Vec<i64>, String)> = samples
            .iter()
            .map(|(values, stack)| (values.to_vec(), (*stack).to_string()))
            .collect();
        assert_eq!(got, want);
        profile
    }

    const GOROUTINES: &str = "goroutine profile: total 6\n5 @ 0x47d0 0x4a11\n# labels: {\"a\":\"b\"}\n\
        #\t0x47cf\truntime.gopark+0xce\t/go/src/runtime/proc.go:398\n#\t0x4a10\tmain.(*T).ask+0x1f\t\t/src/main.go:31\n\n\
        1 @ 0x4000\n#\t0x4000\tmain.main+0x1\t/src/main.go:9\n";

    #[test]
    fn goroutines_with_their_stacks() {
        check(
            GOROUTINES,
            &["goroutine/count"],
            &[
                (
                    &[5],
                    "runtime.gopark /go/src/runtime/proc.go:398 < main.(*T).ask /src/main.go:31",
                ),
                (&[1], "main.main /src/main.go:9"),
            ],
        );
    }

    #[test]
    fn live_bytes_are_scaled_and_counters_read() {
        let text = "heap profile: 1: 1048576 [2: 2097152] @ heap/1048576\n\
            1: 1048576 [2: 2097152] @ 0x47d0\n#\t0x47cf\tmain.fill+0x1f\t/src/main.go:12\n\n\
            # runtime.MemStats\n# Alloc = 123\n# HeapInuse = 4567\n# Stack = 8 / 16\n# PauseNs = [1 2 3]\n# DebugGC = false\n";
        // A sample of a megabyte at a rate of half a megabyte stands for 1 / (1 - e^-2) megabytes.
        let profile = check(
            text,
            &[
                "alloc_objects/count",
                "alloc_space/bytes",
                "inuse_objects/count",
                "inuse_space/bytes",
            ],
            &[(&[2, 2_425_393, 1, 1_212_696], "main.fill /src/main.go:12")],
        );
        assert_eq!(
            profile.stats,
            [("Alloc", 123), ("HeapInuse", 4567), ("StackSys", 16)]
                .map(|(name, value)| (name.to_string(), value))
        );
    }

    #[test]
    fn tracebacks_tell_leaked_ones() {
        check(
            "SIGQUIT: quit\nPC=0x46 m=0\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:9 +0x1d\n\n\
             goroutine 9 gp=0xc0001 m=nil [chan send (leaked), 3 minutes]:\nmain.ask(0xc000, {0x1, 0x2})\n\
             \t/src/main.go:31 +0x1f\nmain.run.func1(...)\n\t/src/main.go:40\n\
             created by main.run in goroutine 1\n\t/src/main.go:39 +0x7\n",
            &["goroutine/count", "goroutineleak/count"],
            &[
                (&[1, 0], "main.main /src/main.go:9"),
                (
                    &[1, 1],
                    "main.ask /src/main.go:31 < main.run.func1 /src/main.go:40",
                ),
            ],
        );
    }

    #[test]
    fn other_text_is_refused() {
        assert_eq!(parse("hello\n"), None);
        assert_eq!(parse(""), None);
        assert_eq!(parse("goroutine profile: total many\n"), None);
    }

    #[test]
    fn damaged_text_never_panics() {
        let mut state = 11u64;
        for _ in 0..20_000 {
            let mut data = GOROUTINES.as_bytes().to_vec();
            for _ in 0..3 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let at = (state >> 33) as usize % data.len();
                data[at] = b"#@ \n\t:[]0x9+"[(state >> 20) as usize % 12];
            }
            parse(&String::from_utf8_lossy(&data));
        }
    }
}
