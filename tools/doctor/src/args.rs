//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// How to freeze a live process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// A copy-on-write child is read; the process runs on.
    Fork,
    /// The process stands still while it is read.
    Stop,
}

/// Tells why the memory of a Go process is high: what holds it, since which line, and what to do.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "ferrogo doctor",
    bin_name = "ferrogo doctor",
    after_help = "The process is not restarted and needs no endpoint; any Go 1.24 to 1.27 program works, stripped or not.\n\
                  It is paused for some milliseconds while a copy-on-write snapshot is made."
)]
pub struct Args {
    /// Process id, core file, saved snapshot, pprof profile, or URL of a /debug/pprof endpoint.
    pub target: String,
    /// Executable of a core file, where it is not the one recorded.
    #[arg(long, value_name = "FILE")]
    pub exe: Option<PathBuf>,
    /// How to freeze a live process [default: fork, or stop where that is impossible].
    #[arg(long, value_enum)]
    pub method: Option<Method>,
    /// Take a second snapshot after this time (30s, 2m) and tell what grew.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub interval: Option<Duration>,
    /// Types by their own bytes.
    #[arg(long)]
    pub top: bool,
    /// Types and roots by the bytes they keep alive.
    #[arg(long)]
    pub retained: bool,
    /// Goroutines grouped by stack, with the bytes they keep alive.
    #[arg(long)]
    pub goroutines: bool,
    /// Spans by size class: objects live, allocated, room.
    #[arg(long)]
    pub spans: bool,
    /// Who holds objects of a type, or the object at an address.
    #[arg(long, value_name = "TYPE|ADDR")]
    pub holders: Option<String>,
    /// What changed since a saved snapshot.
    #[arg(long, value_name = "OLD")]
    pub diff: Option<PathBuf>,
    /// All findings, not only the first three.
    #[arg(long)]
    pub all: bool,
    /// The report as JSON (schema in docs/doctor-json.md).
    #[arg(long)]
    pub json: bool,
    /// Write retained bytes and holders as a pprof profile.
    #[arg(long, value_name = "FILE")]
    pub pprof: Option<PathBuf>,
    /// Write one self-contained page to click through.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Save the snapshot, to be read again later.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Lines of each list.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,
    /// Treat the executable as stripped (for tests).
    #[arg(long, hide = true)]
    pub no_dwarf: bool,
    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let value: f64 = text[..split]
        .parse()
        .map_err(|_| format!("{text:?} is no time: write 30s, 500ms or 2m"))?;
    let unit = match &text[split..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{text:?} is no time: write 30s, 500ms or 2m")),
    };
    Duration::try_from_secs_f64(value * unit).map_err(|error| error.to_string())
}
