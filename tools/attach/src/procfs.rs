//! Reading `/proc`: mappings, limits, resident pages, and why a process cannot be traced.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::target::Mapping;
use crate::{Error, Result};

/// Longest maps file that is parsed: a process may have 65530 mappings by default.
const MAX_MAPPINGS: usize = 1 << 20;

/// `/proc/PID/maps`.
pub fn mappings(pid: i32) -> Result<Vec<Mapping>> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(|error| {
        Error::new(format!(
            "cannot read the memory map of process {pid}: {error}"
        ))
    })?;
    Ok(parse_maps(&text))
}

/// Parses the format of `/proc/PID/maps`; lines that do not fit are left out.
pub fn parse_maps(text: &str) -> Vec<Mapping> {
    let mut result = Vec::new();
    for line in text.lines().take(MAX_MAPPINGS) {
        let mut fields = line.split_ascii_whitespace();
        let (Some(range), Some(mode), Some(offset)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Some((start, end)) = range.split_once('-') else {
            continue;
        };
        let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16))
        else {
            continue;
        };
        let path = fields
            .nth(2)
            .map(|first| &line[first.as_ptr() as usize - line.as_ptr() as usize..]);
        result.push(Mapping {
            start,
            end,
            writable: mode.contains('w'),
            executable: mode.contains('x'),
            offset: u64::from_str_radix(offset, 16).unwrap_or(0),
            path: path.unwrap_or("").to_string(),
        });
    }
    result
}

/// Fields of `/proc/PID/status`.
pub fn status(pid: i32) -> Result<BTreeMap<String, String>> {
    let text =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| no_such_process(pid))?;
    Ok(text
        .lines()
        .filter_map(|line| {
            line.split_once(':')
                .map(|(key, value)| (key.to_string(), value.trim().to_string()))
        })
        .collect())
}

/// The error for a process that is not there, or not any more.
pub fn no_such_process(pid: i32) -> Error {
    Error::new(format!("there is no process {pid}")).hint(
        "process ids differ between containers: use the id seen in this PID namespace (ps -e, or pgrep NAME)",
    )
}

/// A `kB` field in bytes.
pub fn kib_field(fields: &BTreeMap<String, String>, name: &str) -> u64 {
    fields
        .get(name)
        .and_then(|value| value.split_ascii_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// Thread ids of a process.
pub fn threads(pid: i32) -> Vec<i32> {
    let Ok(dir) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut result: Vec<i32> = dir
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    result.sort_unstable();
    result
}

/// Fields of `/proc/PID/stat` after the command name: state first, then parent and so on.
fn stat_fields(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = &text[text.rfind(')')? + 1..];
    Some(rest.split_ascii_whitespace().map(str::to_string).collect())
}

/// Whether a thread has ended. The first thread of a process whose other threads are traced is a zombie that `wait`
/// does not report before those are collected.
pub fn has_ended(tid: i32) -> bool {
    let fields = stat_fields(tid);
    let state = fields.as_ref().and_then(|fields| fields.first());
    state.is_none_or(|state| state == "Z" || state == "X")
}

/// Children of `pid` that are zombies nobody will be told about (exit signal 0): what a snapshot
/// leaves behind when this program was killed before it could reap its copy.
pub fn stray_zombies(pid: i32) -> Vec<i32> {
    let Ok(dir) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut result = Vec::new();
    for child in dir
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
    {
        let Some(fields) = stat_fields(child) else {
            continue;
        };
        // man 5 proc: state is field 3, ppid 4, exit_signal 38.
        let parent = fields.get(1).and_then(|value| value.parse::<i32>().ok());
        let signal = fields.get(35).map(String::as_str);
        if fields.first().map(String::as_str) == Some("Z")
            && parent == Some(pid)
            && signal == Some("0")
        {
            result.push(child);
        }
    }
    result
}

/// The executable as the kernel holds it, also when it was deleted or lies in another mount namespace.
pub fn exe(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/exe"))
}

/// Where the executable says it is.
pub fn exe_name(pid: i32) -> String {
    fs::read_link(exe(pid))
        .map(|path| path.display().to_string())
        .unwrap_or_default()
}

/// The environment value of `name` at process start.
pub fn environment(pid: i32, name: &str) -> Option<String> {
    let data = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let prefix = format!("{name}=");
    data.split(|&byte| byte == 0)
        .filter_map(|entry| std::str::from_utf8(entry).ok())
        .find_map(|entry| entry.strip_prefix(&prefix).map(str::to_string))
}

/// Processor time of a process so far in nanoseconds, in the kernel's steps of 10 ms.
pub fn cpu_time(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; utime and stime are the 12th and 13th fields after it.
    let rest = &text[text.rfind(')')? + 1..];
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?).saturating_mul(10_000_000))
}

/// Bytes the machine can still give without swapping.
pub fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Memory limits of the cgroup a process is in; `None` where there is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// Directory read.
    pub path: String,
    /// The lowest `memory.max` (v1: limit_in_bytes) from the group up to the root.
    pub max: Option<u64>,
    /// `memory.high`.
    pub high: Option<u64>,
    /// `memory.current`.
    pub current: Option<u64>,
    /// `inactive_file` of memory.stat: working set = current - inactive_file.
    pub inactive_file: Option<u64>,
    /// `oom_kill` of memory.events.
    pub oom_kills: u64,
}

/// Reads the memory cgroup of a process, version 2 or 1.
pub fn cgroup(pid: i32) -> Cgroup {
    let mut result = Cgroup::default();
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
        return result;
    };
    let mut dir = None;
    let mut v1 = false;
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if controllers.split(',').any(|name| name == "memory") {
            dir = Some((PathBuf::from("/sys/fs/cgroup/memory"), path.to_string()));
            v1 = true;
        } else if controllers.is_empty() && dir.is_none() {
            dir = Some((PathBuf::from("/sys/fs/cgroup"), path.to_string()));
        }
    }
    let Some((base, path)) = dir else {
        return result;
    };
    let mut group = base.join(path.trim_start_matches('/'));
    if !group.exists() {
        group = base.clone(); // a container sees its own group as the root
    }
    let number = |dir: &Path, name: &str| -> Option<u64> {
        let value = fs::read_to_string(dir.join(name))
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()?;
        (value < 1 << 60).then_some(value)
    };
    let (max, current) = match v1 {
        true => ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        false => ("memory.max", "memory.current"),
    };
    result.path = group.display().to_string();
    result.current = number(&group, current);
    result.high = number(&group, "memory.high");
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    result.inactive_file = stat.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == "inactive_file" || key == "total_inactive_file").then(|| value.parse().ok())?
    });
    let events = fs::read_to_string(group.join("memory.events")).unwrap_or_default();
    result.oom_kills = events
        .lines()
        .find_map(|line| {
            line.strip_prefix("oom_kill ")
                .and_then(|value| value.parse().ok())
        })
        .unwrap_or(0);
    loop {
        if let Some(limit) = number(&group, max) {
            result.max = Some(result.max.map_or(limit, |lowest: u64| lowest.min(limit)));
        }
        if group == base || !group.pop() {
            return result;
        }
    }
}

/// Which pages of an address space are in memory, from `/proc/PID/pagemap`.
pub struct PageMap {
    file: fs::File,
    page: u64,
}

impl PageMap {
    /// Opens the page map; needs the same rights as tracing.
    pub fn open(pid: i32) -> Option<PageMap> {
        let file = fs::File::open(format!("/proc/{pid}/pagemap")).ok()?;
        Some(PageMap {
            file,
            page: crate::sys::page_size(),
        })
    }

    /// Bytes per page.
    pub fn page_size(&self) -> u64 {
        self.page
    }

    /// One bit per page of `[start, end)`: resident now (bit 63 of the entry) or not.
    pub fn resident(&self, start: u64, end: u64, mut visit: impl FnMut(u64, bool)) -> bool {
        let mut buffer = vec![0u8; 64 << 10];
        let mut at = start - start % self.page;
        while at < end {
            let entries = ((end - at).div_ceil(self.page) as usize).min(buffer.len() / 8);
            let chunk = &mut buffer[..entries * 8];
            if self.file.read_exact_at(chunk, at / self.page * 8).is_err() {
                return false;
            }
            for (index, entry) in chunk.chunks_exact(8).enumerate() {
                let entry = u64::from_le_bytes(entry.try_into().unwrap_or_default());
                visit(at + index as u64 * self.page, entry >> 63 != 0);
            }
            at += entries as u64 * self.page;
        }
        true
    }
}

/// One line of `pmap`: the kind of mapping, its size and what of it is resident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smap {
    /// File or bracketed name; empty for anonymous memory.
    pub path: String,
    /// First address.
    pub start: u64,
    /// Bytes of address space.
    pub size: u64,
    /// Bytes resident.
    pub rss: u64,
    /// Bytes swapped out.
    pub swap: u64,
}

/// `/proc/PID/smaps`, one entry per mapping.
pub fn smaps(pid: i32) -> Vec<Smap> {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps")) else {
        return Vec::new();
    };
    let mut result: Vec<Smap> = Vec::new();
    for line in text.lines() {
        let first = line.split_ascii_whitespace().next().unwrap_or("");
        if !first.ends_with(':') {
            if let Some(mapping) = parse_maps(line).pop() {
                let size = mapping.end - mapping.start;
                result.push(Smap {
                    path: mapping.path,
                    start: mapping.start,
                    size,
                    rss: 0,
                    swap: 0,
                });
            }
            continue;
        }
        let value = line
            .split_ascii_whitespace()
            .nth(1)
            .and_then(|value| value.parse::<u64>().ok())
            .unwrap_or(0)
            * 1024;
        if let Some(last) = result.last_mut() {
            match first {
                "Rss:" => last.rss = value,
                "Swap:" => last.swap = value,
                _ => {}
            }
        }
    }
    result
}

/// Why tracing was refused, in the user's terms.
pub fn explain_refusal(pid: i32, error: &std::io::Error) -> Error {
    let what = format!("not allowed to look into process {pid}: {error}");
    let Ok(fields) = status(pid) else {
        return no_such_process(pid);
    };
    let tracer = fields.get("TracerPid").map_or("0", String::as_str);
    if tracer != "0" {
        return Error::new(format!(
            "process {pid} is already traced by process {tracer}"
        ))
        .hint("end that debugger or tracer first (one process has one tracer at a time)");
    }
    let uid = |fields: &BTreeMap<String, String>| {
        fields
            .get("Uid")
            .and_then(|value| value.split_ascii_whitespace().next().map(str::to_string))
            .unwrap_or_default()
    };
    let mine = status(std::process::id() as i32)
        .map(|fields| uid(&fields))
        .unwrap_or_default();
    let theirs = uid(&fields);
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let hint = if mine != theirs {
        format!("it runs as user {theirs}, this command as user {mine}: use sudo, or the same user")
    } else {
        match scope.trim() {
            "1" => "kernel.yama.ptrace_scope is 1 (own children only): use sudo, or `sysctl kernel.yama.ptrace_scope=0`".into(),
            "2" => "kernel.yama.ptrace_scope is 2 (CAP_SYS_PTRACE only): use sudo".into(),
            "3" => "kernel.yama.ptrace_scope is 3: tracing is off until the next boot; take a core file instead \
                    (GOTRACEBACK=crash and kill -ABRT)"
                .into(),
            _ => "the process is not dumpable, or a container lacks CAP_SYS_PTRACE: docker run --cap-add=SYS_PTRACE, \
                  in Kubernetes kubectl debug --profile=sysadmin --target=CONTAINER"
                .to_string(),
        }
    };
    Error::new(what).hint(hint)
}
