//! CPU quota and memory limit of the control group, versions 1 and 2.
//!
//! 1. `/proc/self/cgroup` names the group: a line `0::/path` for version 2, lines
//!    `n:controller,..:/path` for version 1.
//! 2. The usual mount points are tried (`/sys/fs/cgroup`, `/sys/fs/cgroup/<controller>`), first
//!    with the path, then without: inside a container the path often is the host's.
//! 3. Version 2 limits are the least along the path up to the root.

use crate::poll::read_file;

/// A path built without allocation, zero-terminated.
struct Path {
    buf: [u8; 1024],
    len: usize,
}

impl Path {
    fn join(parts: &[&[u8]]) -> Option<Path> {
        let mut path = Path {
            buf: [0; 1024],
            len: 0,
        };
        for part in parts {
            let end = path.len + part.len();
            if end >= path.buf.len() {
                return None;
            }
            path.buf[path.len..end].copy_from_slice(part);
            path.len = end;
        }
        Some(path)
    }

    fn c_bytes(&self) -> &[u8] {
        &self.buf[..=self.len]
    }
}

fn parse_u64(text: &[u8]) -> Option<u64> {
    let digits = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    if digits == 0 {
        return None;
    }
    text[..digits].iter().try_fold(0u64, |acc, b| {
        acc.checked_mul(10)?.checked_add((b - b'0') as u64)
    })
}

/// `cpu.max`: `max 100000` or `quota period`, as a number of CPUs.
fn parse_cpu_max(text: &[u8]) -> Option<f64> {
    let quota = parse_u64(text)?;
    let space = text.iter().position(|b| *b == b' ')?;
    let period = parse_u64(&text[space + 1..])?;
    (period > 0).then(|| quota as f64 / period as f64)
}

/// Path of this process in the group of a controller; an empty name asks for version 2.
fn group_path<'a>(cgroup: &'a [u8], controller: &[u8]) -> Option<&'a [u8]> {
    cgroup.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.splitn(3, |b| *b == b':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        controllers
            .split(|b| *b == b',')
            .any(|name| name == controller)
            .then_some(path)
    })
}

/// Least value of `file` along the group's path, as `parse` reads it.
fn least<T: PartialOrd>(
    mount: &[u8],
    mut path: &[u8],
    file: &[u8],
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Option<T> {
    let mut best: Option<T> = None;
    loop {
        let trimmed = if path == b"/" { b"".as_slice() } else { path };
        let mut buf = [0u8; 256];
        if let Some(name) = Path::join(&[mount, trimmed, b"/", file])
            && let Ok(text) = read_file(name.c_bytes(), &mut buf)
            && let Some(value) = parse(text)
            && best.as_ref().is_none_or(|b| value < *b)
        {
            best = Some(value);
        }
        match trimmed.iter().rposition(|b| *b == b'/') {
            None => return best,
            Some(slash) => path = &trimmed[..slash],
        }
    }
}

/// CPUs that the quota allows (may be a fraction), `None` without a quota.
pub fn cpu_quota() -> Option<f64> {
    let mut buf = [0u8; 4096];
    let cgroup = read_file(b"/proc/self/cgroup\0", &mut buf).ok()?;
    if let Some(path) = group_path(cgroup, b"cpu") {
        let read = |file: &[u8]| least(b"/sys/fs/cgroup/cpu", path, file, parse_u64);
        let (quota, period) = (read(b"cpu.cfs_quota_us")?, read(b"cpu.cfs_period_us")?);
        return (period > 0).then(|| quota as f64 / period as f64);
    }
    least(
        b"/sys/fs/cgroup",
        group_path(cgroup, b"")?,
        b"cpu.max",
        parse_cpu_max,
    )
}

/// Bytes that the group may use, `None` without a limit.
pub fn memory_limit() -> Option<u64> {
    let mut buf = [0u8; 4096];
    let cgroup = read_file(b"/proc/self/cgroup\0", &mut buf).ok()?;
    // Version 1 writes "no limit" as a number near the top of the address space.
    let limited = |value: u64| (value < 1 << 60).then_some(value);
    if let Some(path) = group_path(cgroup, b"memory") {
        return least(
            b"/sys/fs/cgroup/memory",
            path,
            b"memory.limit_in_bytes",
            parse_u64,
        )
        .and_then(limited);
    }
    least(
        b"/sys/fs/cgroup",
        group_path(cgroup, b"")?,
        b"memory.max",
        parse_u64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_lines_are_found() {
        let v1: &[u8] = b"5:cpu,cpuacct:/a/b\n4:memory:/m\n0::/v2\n";
        assert_eq!(group_path(v1, b"cpu"), Some(b"/a/b".as_slice()));
        assert_eq!(group_path(v1, b"memory"), Some(b"/m".as_slice()));
        assert_eq!(group_path(v1, b""), Some(b"/v2".as_slice()));
        assert_eq!(group_path(v1, b"pids"), None);
    }

    #[test]
    fn values_are_parsed() {
        assert_eq!(parse_cpu_max(b"max 100000\n"), None);
        assert_eq!(parse_cpu_max(b"150000 100000\n"), Some(1.5));
        assert_eq!(parse_u64(b"-1\n"), None);
        assert_eq!(parse_u64(b"42\n"), Some(42));
        assert_eq!(parse_u64(b"99999999999999999999999"), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "needs files")]
    fn least_value_along_the_path_wins() {
        let dir = std::env::temp_dir().join(format!("cgroup-test-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("a/b")).unwrap();
        std::fs::write(dir.join("memory.max"), "900\n").unwrap();
        std::fs::write(dir.join("a/memory.max"), "300\n").unwrap();
        std::fs::write(dir.join("a/b/memory.max"), "max\n").unwrap();
        let mount = dir.to_str().unwrap().as_bytes().to_vec();
        assert_eq!(least(&mount, b"/a/b", b"memory.max", parse_u64), Some(300));
        assert_eq!(least(&mount, b"/", b"memory.max", parse_u64), Some(900));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
