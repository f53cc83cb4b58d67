//! From what the user names to something that can be shown.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use attach::session::{self, LiveProgram, Wishes};
use attach::target::Method;
use attach::{Error, Result};
use diagnose::Snapshot;
use diagnose::pprof::Profile;

use crate::args::{self, Args};

/// Largest file that is read into memory: saved snapshots and profiles.
const MAX_FILE: u64 = 4 << 30;
/// Largest profile after decompression.
const MAX_PROFILE: u64 = 1 << 30;
/// Largest text that is fetched for its counters alone.
const MAX_TEXT: u64 = 64 << 20;

/// What the argument names.
#[derive(Debug)]
pub enum Input {
    /// A live process.
    Process(i32),
    /// A core file.
    Core(PathBuf),
    /// A snapshot saved earlier.
    Saved(PathBuf),
    /// A pprof profile.
    Profile(PathBuf),
    /// An endpoint.
    Url(String),
}

/// What it gives.
pub enum Loaded {
    /// A snapshot.
    Snapshot(Box<Snapshot>),
    /// Profiles by name.
    Profile(Vec<(String, Profile)>),
}

/// Progress on stderr, if that is a terminal.
pub struct Progress {
    bar: Option<Mutex<(indicatif::ProgressBar, String)>>,
}

impl Progress {
    /// Silent when told so or when nobody looks.
    pub fn new(quiet: bool) -> Progress {
        let show = !quiet && std::io::stderr().is_terminal();
        Progress {
            bar: show.then(|| Mutex::new((indicatif::ProgressBar::new_spinner(), String::new()))),
        }
    }

    /// Tells what is being done.
    pub fn stage(&self, stage: &str, done: u64, total: u64) {
        let Some(Ok(mut bar)) = self.bar.as_ref().map(Mutex::lock) else {
            return;
        };
        if bar.1 != stage {
            bar.1 = stage.to_string();
            bar.0.set_message(stage.to_string());
        }
        if let Some(percent) = (done * 100).checked_div(total) {
            bar.0.set_message(format!("{stage} {percent} %"));
        }
        bar.0.tick();
    }

    /// Clears the line.
    pub fn finish(&self) {
        if let Some(Ok(bar)) = self.bar.as_ref().map(Mutex::lock) {
            bar.0.finish_and_clear();
        }
    }
}

impl Input {
    /// Decides what the argument is.
    pub fn parse(args: &Args) -> Result<Input> {
        let target = args.target.as_str();
        if target.starts_with("http://") || target.starts_with("https://") {
            return Ok(Input::Url(target.trim_end_matches('/').to_string()));
        }
        if !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_digit()) {
            let pid = target
                .parse::<i32>()
                .map_err(|_| Error::new(format!("there is no process {target}")))?;
            return Ok(Input::Process(pid));
        }
        let path = Path::new(target);
        let mut head = [0u8; 8];
        let mut file = std::fs::File::open(path).map_err(|error| {
            Error::new(format!("cannot open {target}: {error}"))
                .hint("give a process id, a core file, a saved snapshot, a pprof profile, or a URL")
        })?;
        if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::new(format!("{target} is not a file")));
        }
        let length = file
            .read(&mut head)
            .map_err(|error| Error::new(format!("cannot read {target}: {error}")))?;
        Ok(match &head[..length] {
            [] => return Err(Error::new(format!("{target} is empty"))),
            head if head.starts_with(b"FGSNAP") => Input::Saved(path.to_path_buf()),
            head if head.starts_with(b"\x7fELF") => Input::Core(path.to_path_buf()),
            _ => Input::Profile(path.to_path_buf()),
        })
    }

    /// Loads it; for a live process this makes a snapshot.
    pub fn load(&self, args: &Args, progress: &Progress) -> Result<Loaded> {
        let wishes = Wishes {
            method: args.method.map(|method| match method {
                args::Method::Fork => Method::Fork,
                args::Method::Stop => Method::Stop,
            }),
            exe: args.exe.clone(),
            no_dwarf: args.no_dwarf,
        };
        let tell = |stage: &str, done: u64, total: u64| progress.stage(stage, done, total);
        match self {
            Input::Process(pid) => {
                progress.stage("reading the executable", 0, 0);
                let program = LiveProgram::open(*pid, &wishes)?;
                Ok(Loaded::Snapshot(Box::new(
                    program.snapshot(&wishes, &tell)?,
                )))
            }
            Input::Core(path) => Ok(Loaded::Snapshot(Box::new(session::snapshot_core(
                path, &wishes, &tell,
            )?))),
            Input::Saved(path) => Ok(Loaded::Snapshot(Box::new(load_saved(path)?))),
            Input::Profile(path) => {
                let profile = profile_from(&read_file(path)?).map_err(|error| Error {
                    what: format!("{}: {}", path.display(), error.what),
                    hint: error.hint,
                })?;
                Ok(Loaded::Profile(vec![(path.display().to_string(), profile)]))
            }
            Input::Url(url) => fetch_profiles(url, progress).map(Loaded::Profile),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed =
        |error: std::io::Error| Error::new(format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut data = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut data)
        .map_err(failed)?;
    if data.len() as u64 > MAX_FILE {
        return Err(Error::new(format!("{} is too large", path.display())));
    }
    Ok(data)
}

/// Reads a saved snapshot.
pub fn load_saved(path: &Path) -> Result<Snapshot> {
    // A few bytes of a damaged file can announce gigabytes; reading and analysing takes about twice the sections.
    let limit = attach::procfs::available_memory().map_or(u64::MAX, |bytes| bytes / 2);
    diagnose::save::decode_within(&read_file(path)?, limit)
        .map_err(|what| Error::new(format!("{}: {what}", path.display())))
}

/// Compresses as pprof files are.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    if encoder.write_all(data).is_err() {
        return data.to_vec(); // pprof reads uncompressed profiles too
    }
    encoder.finish().unwrap_or_else(|_| data.to_vec())
}

fn profile_from(data: &[u8]) -> Result<Profile> {
    let mut plain = Vec::new();
    if data.starts_with(&[0x1f, 0x8b]) {
        let read = flate2::read::GzDecoder::new(data)
            .take(MAX_PROFILE + 1)
            .read_to_end(&mut plain);
        if read.is_err() || plain.len() as u64 > MAX_PROFILE {
            return Err(Error::new("the compressed profile is damaged or too large"));
        }
    } else {
        plain = data.to_vec();
    }
    diagnose::pprof::decode(&plain)
        .or_else(|| diagnose::text_profile::parse(std::str::from_utf8(&plain).ok()?))
        .ok_or_else(|| {
            Error::new(
                "neither a core file, nor a saved snapshot, nor a pprof profile (also in text form), nor a goroutine dump",
            )
        })
}

/// Fetches what a /debug/pprof endpoint offers. An address with `?debug=N` is taken at its word: profiles in text
/// form.
fn fetch_profiles(url: &str, progress: &Progress) -> Result<Vec<(String, Profile)>> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let base = match address.find("/debug/pprof") {
        Some(at) => &address[..at + "/debug/pprof".len()],
        None => &format!("{}/debug/pprof", address.trim_end_matches('/')),
    };
    let form = query
        .split('&')
        .find(|part| part.starts_with("debug="))
        .map_or(String::new(), |part| format!("?{part}"));
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(std::time::Duration::from_secs(60)))
        .http_status_as_error(false)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let mut profiles = Vec::new();
    for name in ["heap", "goroutine", "goroutineleak"] {
        progress.stage(&format!("fetching {name}"), 0, 0);
        let address = format!("{base}/{name}{form}");
        let Some(data) = fetch(&agent, &address, MAX_PROFILE, name != "heap")? else {
            continue; // goroutineleak exists since Go 1.27
        };
        let mut profile = profile_from(&data)
            .map_err(|_| Error::new(format!("{address} does not answer with a profile")))?;
        if name == "heap" && profile.stats.is_empty() {
            // Only the text form has the collector's counters.
            let counters = fetch(&agent, &format!("{base}/heap?debug=1"), MAX_TEXT, true);
            if let Ok(Some(Ok(text))) = counters.map(|data| data.map(String::from_utf8)) {
                profile.stats = diagnose::text_profile::parse(&text)
                    .unwrap_or_default()
                    .stats;
            }
        }
        profiles.push((name.to_string(), profile));
    }
    progress.finish();
    Ok(profiles)
}

/// One GET; `None` when there is no such thing and that is `optional`.
fn fetch(
    agent: &ureq::Agent,
    address: &str,
    limit: u64,
    optional: bool,
) -> Result<Option<Vec<u8>>> {
    let mut response = agent.get(address).call().map_err(|error| {
        Error::new(format!("cannot fetch {address}: {error}"))
            .hint("is the program running with `import _ \"net/http/pprof\"`? With shell access, use its process id instead")
    })?;
    let status = response.status().as_u16();
    if status == 404 && optional {
        return Ok(None);
    }
    if status != 200 {
        return Err(
            Error::new(format!("{address} answers with status {status}")).hint(
                "the address should lead to net/http/pprof, for example http://localhost:6060",
            ),
        );
    }
    let read = response.body_mut().with_config().limit(limit).read_to_vec();
    read.map(Some)
        .map_err(|error| Error::new(format!("cannot read {address}: {error}")))
}
