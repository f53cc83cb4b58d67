//! From a process id or a core file to a snapshot.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diagnose::Snapshot;
use diagnose::analysis::{is_std, places};
use diagnose::snapshot::{BigArgument, Checks, Frame, Heap, Info, Memory, RootKind, SpanState};
use rustc_hash::FxHashMap;

use crate::code_scan::{self, CodeScan};
use crate::core_file::CoreFile;
use crate::exe::Exe;
use crate::heap::Walk;
use crate::image::Image;
use crate::inject::{Gadgets, STACK_ROOM};
use crate::layout::Origin;
use crate::live::{self, HasRoom, Live};
use crate::roots::Roots;
use crate::runtime::{Program, Runtime};
use crate::target::{Mapping, Method, Target, Thread};
use crate::types::Types;
use crate::{
    Error, Result, channels, goroutines, label, locks, maps, memory, procfs, roots, sys, timers,
};

/// Tells what is being done: stage, done, total (0: unknown).
pub type Progress<'p> = &'p (dyn Fn(&str, u64, u64) + Sync);

/// Wishes for a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// How to freeze a live process; by default a copy, else a stop.
    pub method: Option<Method>,
    /// The executable, where it is not the one recorded.
    pub exe: Option<PathBuf>,
    /// Leave DWARF unread, as if the program were stripped.
    pub no_dwarf: bool,
}

/// Functions that take arguments of at least this many bytes on the stack are listed.
const BIG_ARGUMENT: u64 = 32 << 10;
/// Allocation sites kept per type.
const MAX_SITES: usize = 8;
/// Least time between the snapshot and the second look at locks.
const SECOND_LOOK: Duration = Duration::from_millis(300);

/// The running process, for what does not move: module data, g0 stacks, waiting lists.
struct Running {
    pid: i32,
    mappings: Vec<Mapping>,
}

impl Target for Running {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        sys::read_memory(self.pid, address, buffer) == buffer.len()
    }

    fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    fn threads(&self) -> &[Thread] {
        &[]
    }

    fn method(&self) -> Method {
        Method::Stop
    }

    fn pause_ns(&self) -> u64 {
        0
    }

    fn release(&mut self) -> Result<u64> {
        Ok(0)
    }
}

/// A live process, opened once, frozen as often as wanted.
pub struct LiveProgram {
    pid: i32,
    program: Program,
    slide: u64,
    name: String,
}

impl LiveProgram {
    /// Reads what does not need a stop. Fails for everything that is no readable Go program.
    pub fn open(pid: i32, wishes: &Wishes) -> Result<LiveProgram> {
        let fields = procfs::status(pid)?;
        if fields
            .get("State")
            .is_some_and(|state| state.starts_with(['Z', 'X']))
        {
            return Err(Error::new(format!(
                "process {pid} has ended and is only waiting to be collected by its parent"
            )));
        }
        if fields
            .get("Tgid")
            .is_some_and(|tgid| *tgid != pid.to_string())
        {
            let tgid = &fields["Tgid"];
            return Err(Error::new(format!("{pid} is a thread of process {tgid}"))
                .hint(format!("use {tgid}")));
        }
        let name = procfs::exe_name(pid);
        if name.is_empty() && !fields.contains_key("VmSize") {
            return Err(Error::new(format!(
                "{pid} is a kernel thread, not a Go program"
            )));
        }
        let path = wishes.exe.clone().unwrap_or_else(|| procfs::exe(pid));
        if let Err(error) = std::fs::File::open(&path) {
            if error.kind() == std::io::ErrorKind::PermissionDenied {
                return Err(procfs::explain_refusal(pid, &error));
            }
        }
        let shown = match &wishes.exe {
            Some(path) => path.display().to_string(),
            None if name.is_empty() => "the executable".to_string(),
            None => name.clone(),
        };
        let exe = Exe::open(&path, &shown)?;
        let auxv = std::fs::read(format!("/proc/{pid}/auxv"))
            .map_err(|error| procfs::explain_refusal(pid, &error))?;
        let slide = entry_point(&auxv).map_or(0, |entry| entry.wrapping_sub(exe.entry));
        let program = open_program(exe, wishes)?;
        Ok(LiveProgram {
            pid,
            program,
            slide,
            name,
        })
    }

    /// The release the program was built with.
    pub fn go_version(&self) -> &str {
        &self.program.exe.go_version
    }

    fn running(&self) -> Result<Running> {
        Ok(Running {
            pid: self.pid,
            mappings: procfs::mappings(self.pid)?,
        })
    }

    fn gadgets(&self) -> Option<Gadgets> {
        let text = self.program.exe.section(".text")?;
        Gadgets::find(
            self.program.exe.section_bytes(text)?,
            text.address.wrapping_add(self.slide),
        )
    }

    /// Threads with a system stack that is known, by thread id.
    fn has_room(&self) -> HasRoom {
        let stacks: FxHashMap<u64, (u64, u64)> = self
            .running()
            .and_then(|running| {
                let image = Image {
                    target: &running,
                    exe: &self.program.exe,
                    slide: self.slide,
                };
                Runtime::open_unchecked(&self.program, image)?.system_stacks()
            })
            .unwrap_or_default()
            .into_iter()
            .map(|(tid, low, high)| (tid, (low, high)))
            .collect();
        Arc::new(move |tid, sp| {
            stacks.get(&(tid as u64)).is_some_and(|&(low, high)| {
                sp > low + STACK_ROOM && sp <= high && high - low < 1 << 30
            })
        })
    }

    /// Collects copies that an earlier, killed run left behind; how many.
    pub fn reap_strays(&self) -> usize {
        let strays = procfs::stray_zombies(self.pid);
        if let (false, Some(gadgets)) = (strays.is_empty(), self.gadgets()) {
            live::reap(self.pid, &strays, gadgets, &self.has_room()).ok();
        }
        strays.len()
    }

    /// Freezes the process: a copy where possible, else a stop, with the reason why.
    fn freeze(&self, wishes: &Wishes) -> Result<(Live, Option<String>)> {
        let mut reason = match wishes.method {
            Some(Method::Stop) => Some("asked for".to_string()),
            Some(_) => None,
            None => self.copy_obstacle(),
        };
        if reason.is_none() {
            let options = live::Options {
                method: Method::Fork,
                gadgets: self.gadgets(),
                has_room: self.has_room(),
            };
            let mut last = None;
            for attempt in 0..5 {
                match Live::take(self.pid, &options) {
                    Ok(live) => return Ok((live, None)),
                    Err(error) => last = Some(error),
                }
                procfs::status(self.pid)?;
                std::thread::sleep(Duration::from_millis(2 << attempt));
            }
            let error = last.unwrap_or_else(|| Error::new("no copy"));
            if wishes.method.is_some() || error.hint.is_some() {
                return Err(error);
            }
            reason = Some(error.what);
        }
        let options = live::Options {
            method: Method::Stop,
            gadgets: None,
            has_room: Arc::new(|_, _| false),
        };
        Ok((Live::take(self.pid, &options)?, reason))
    }

    /// Why the process should not be copied.
    fn copy_obstacle(&self) -> Option<String> {
        let fields = procfs::status(self.pid).ok()?;
        if fields.get("Seccomp").is_some_and(|mode| mode != "0") {
            return Some("it runs under seccomp, which may forbid clone".to_string());
        }
        let rss = procfs::kib_field(&fields, "VmRSS");
        let group = procfs::cgroup(self.pid);
        if let (Some(max), Some(current)) = (group.max, group.current) {
            if max.saturating_sub(current) < rss / 4 {
                return Some("its cgroup is too close to its memory limit".to_string());
            }
        }
        None
    }

    /// One snapshot.
    pub fn snapshot(&self, wishes: &Wishes, progress: Progress<'_>) -> Result<Snapshot> {
        self.reap_strays();
        progress("freezing the process", 0, 0);
        let (mut live, reason) = self.freeze(wishes)?;
        let frozen_at = Instant::now();
        let reader = live.reader();
        let result = {
            let image = Image {
                target: &live,
                exe: &self.program.exe,
                slide: self.slide,
            };
            read(&self.program, image, Some((self.pid, reader)), progress)
        };
        let pause = live.release();
        let method = if reason.is_some() { "stop" } else { "fork" };
        drop(live);
        let (mut snapshot, heads) = result?;
        snapshot.info.method = method.to_string();
        snapshot.info.pid = self.pid;
        snapshot.info.program.clone_from(&self.name);
        snapshot.info.pause_ns = pause.unwrap_or(0);
        if let Some(reason) = reason.filter(|_| wishes.method.is_none()) {
            snapshot.info.warnings.push(format!(
                "the process was stopped while it was read, not copied: {reason}"
            ));
        }
        self.second_look(&mut snapshot, &heads, frozen_at);
        Ok(snapshot)
    }

    /// Whether the first waiter of each held lock is still the same one.
    fn second_look(&self, snapshot: &mut Snapshot, heads: &Heads, frozen_at: Instant) {
        if !snapshot.locks.iter().any(|lock| lock.locked) {
            return;
        }
        std::thread::sleep(SECOND_LOOK.saturating_sub(frozen_at.elapsed()));
        let elapsed = frozen_at.elapsed().as_nanos() as u64;
        let Ok(running) = self.running() else { return };
        let image = Image {
            target: &running,
            exe: &self.program.exe,
            slide: self.slide,
        };
        let Ok(runtime) = Runtime::open_unchecked(&self.program, image) else {
            return;
        };
        let Ok(queues) = locks::queues(&runtime) else {
            return;
        };
        for lock in &mut snapshot.locks {
            let head = heads.get(&lock.address).copied();
            let back = queues
                .iter()
                .find(|queue| queue.address >= lock.address && queue.address - lock.address <= 12);
            if back.is_some_and(|queue| Some(queue.head) == head) {
                lock.unchanged_ns = elapsed;
            }
        }
    }
}

/// First waiters seen in a snapshot, by lock address: what the second look compares with.
type Heads = FxHashMap<u64, (u64, u64, u64)>;

fn open_program(mut exe: Exe, wishes: &Wishes) -> Result<Program> {
    if wishes.no_dwarf {
        exe.has_dwarf = false;
        exe.symbols.clear();
        exe.data_symbols.clear();
    }
    Program::open(exe)
}

/// AT_ENTRY of an auxiliary vector.
fn entry_point(auxv: &[u8]) -> Option<u64> {
    auxv.chunks_exact(16)
        .find(|pair| crate::image::word(pair, 0) == 9)
        .map(|pair| crate::image::word(pair, 8))
}

/// A snapshot of a core file.
pub fn snapshot_core(path: &Path, wishes: &Wishes, progress: Progress<'_>) -> Result<Snapshot> {
    progress("opening the core file", 0, 0);
    snapshot_opened_core(CoreFile::open(path)?, path, wishes, progress)
}

/// The same of a core file that is open already; `path` is how it is called.
pub fn snapshot_opened_core(
    core: CoreFile,
    path: &Path,
    wishes: &Wishes,
    progress: Progress<'_>,
) -> Result<Snapshot> {
    let recorded = core.executable();
    let exe_path = match (&wishes.exe, &recorded) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => PathBuf::from(path),
        (None, None) => {
            return Err(Error::new(format!(
                "{} does not say which executable it is of",
                path.display()
            ))
            .hint("name it with --exe FILE"));
        }
    };
    let exe = Exe::open(&exe_path, &exe_path.display().to_string()).map_err(|error| {
        if error.hint.is_none() {
            error.hint("name the exact executable with --exe FILE")
        } else {
            error
        }
    })?;
    let slide = core.entry.map_or(0, |entry| entry.wrapping_sub(exe.entry));
    if let Some((address, id)) = &exe.build_id {
        let mut found = vec![0; id.len()];
        if core.read(address.wrapping_add(slide), &mut found) && found != *id {
            return Err(Error::new(format!(
                "{} is of another build than {}",
                path.display(),
                exe_path.display()
            ))
            .hint("the exact executable that crashed is needed: --exe FILE"));
        }
    }
    let program = open_program(exe, wishes)?;
    let truncated = core.truncated.clone();
    let image = Image {
        target: &core,
        exe: &program.exe,
        slide,
    };
    let (mut snapshot, _) =
        read(&program, image, None, progress).map_err(|error| match &truncated {
            Some(what) => Error {
                what: format!(
                    "{}: the core file is cut off ({what}), {}",
                    path.display(),
                    error.what
                ),
                hint: error.hint,
            },
            None => error,
        })?;
    if let Some(what) = truncated {
        snapshot
            .info
            .warnings
            .push(format!("the core file is cut off: {what}"));
    }
    snapshot.info.method = "core".to_string();
    snapshot.info.program = path.display().to_string();
    Ok(snapshot)
}

/// Reads everything. `process`: the target and the process whose memory is read, for /proc.
fn read(
    program: &Program,
    image: Image<'_>,
    process: Option<(i32, i32)>,
    progress: Progress<'_>,
) -> Result<(Snapshot, Heads)> {
    let runtime = Runtime::open(program, image)?;
    let mut memory = Memory::default();
    let mut walk = Walk::spans(&runtime)?;
    memory::spans(&walk, &mut memory);
    if let Some((pid, reader)) = process {
        memory::residency(&walk, reader, &mut memory);
        memory::kernel(pid, &runtime, &walk, &mut memory);
    }
    memory::collector(&runtime, &mut memory).ok();
    let types = Mutex::new(Types::open(&runtime));
    let scan: CodeScan = code_scan::scan(&runtime);
    walk.edges(&runtime, &types, &|done, total| {
        progress("reading the heap", done, total)
    })?;
    progress("reading roots and stacks", 0, 0);
    let variables = match types.lock() {
        Ok(mut types) => roots::variables(&runtime, &mut types, &scan),
        Err(_) => Vec::new(),
    };
    let mut all_roots = Roots::default();
    roots::globals(&runtime, &walk, &types, &variables, &mut all_roots);
    roots::specials(&runtime, &walk, &mut all_roots)?;
    let mut stacks =
        goroutines::walk_stacks(&runtime, &walk, image.target.threads(), &mut all_roots)?;
    goroutines::thread_roots(
        &walk,
        image.target.threads(),
        &stacks.running,
        &mut all_roots,
    );
    progress("finding types", 0, 0);
    let statics = roots::label_globals(&runtime, &walk, &types, &variables);
    channels::label_waits(&runtime, &walk, &types, &stacks.waits);
    label::propagate(&runtime, &walk, &types, label::labelled(&walk));
    for _ in 0..3 {
        let inferred = label::infer(&runtime, &walk, &types, &scan.sites);
        if inferred.is_empty() {
            break;
        }
        label::propagate(&runtime, &walk, &types, inferred);
    }
    channels::label_plain(&runtime, &walk, &types);
    let queues = locks::queues(&runtime).unwrap_or_default();
    let lock_waits = locks::locks(&runtime, &walk, &mut stacks, &variables, &statics, &queues);
    locks::conditions(&runtime, &walk, &mut stacks)?;
    let mut heads = Heads::default();
    for lock in &lock_waits {
        if let Some(queue) = queues
            .iter()
            .find(|queue| queue.address >= lock.address && queue.address - lock.address <= 12)
        {
            heads.insert(lock.address, queue.head);
        }
    }
    let timer_uses = timers::timers(&runtime, &walk, &types).unwrap_or_default();
    let map_uses = maps::uses(&runtime, &walk, &types);
    let channel_uses = channels::uses(&runtime, &walk, &types);
    let views = label::views(&walk, &types, &all_roots);
    let mut frames = std::mem::take(&mut stacks.frames);
    let mut big_arguments = Vec::new();
    for (frame, bytes) in goroutines::big_arguments(&runtime, BIG_ARGUMENT) {
        big_arguments.push(BigArgument {
            frame: frames.len() as u32,
            bytes,
        });
        frames.push(frame);
    }
    let place = |pc: u64, frames: &mut Vec<Frame>| -> Option<u32> {
        let position = runtime.functions.positions(pc).into_iter().next()?;
        frames.push(Frame {
            function: position.function,
            file: position.file,
            line: position.line,
        });
        Some(frames.len() as u32 - 1)
    };
    let by_name: FxHashMap<&str, &roots::Variable> = variables
        .iter()
        .map(|variable| (variable.name.as_str(), variable))
        .collect();
    for root in &mut all_roots.list {
        if let Some(variable) = by_name
            .get(root.name.as_str())
            .filter(|_| root.kind == RootKind::Global)
        {
            root.users = variable
                .users
                .iter()
                .take(4)
                .filter_map(|&pc| place(pc, &mut frames))
                .collect();
        }
    }
    // A wrapper of the standard library that was inlined is not the caller that is meant.
    let caller = |pc: u64, frames: &mut Vec<Frame>| -> Option<u32> {
        let positions = runtime.functions.positions(pc);
        let position = positions
            .iter()
            .find(|position| !is_std(&position.function))
            .or(positions.first())?
            .clone();
        frames.push(Frame {
            function: position.function,
            file: position.file,
            line: position.line,
        });
        Some(frames.len() as u32 - 1)
    };
    let callers = code_scan::CALLEES
        .iter()
        .filter_map(|name| {
            Some((
                name.to_string(),
                scan.callers
                    .get(name)?
                    .iter()
                    .filter_map(|&pc| caller(pc, &mut frames))
                    .collect(),
            ))
        })
        .collect();
    let type_infos = match types.lock() {
        Ok(mut types) => {
            let mut infos = types.export();
            for (index, ty) in types.list.iter().enumerate() {
                let mut frames: Vec<Frame> = scan
                    .sites
                    .get(&ty.address)
                    .into_iter()
                    .flatten()
                    .filter_map(|&site| runtime.functions.positions(site).into_iter().next())
                    .map(|position| Frame {
                        function: position.function,
                        file: position.file,
                        line: position.line,
                    })
                    .collect();
                // The program's own places first, then libraries', then the standard library's.
                frames.sort_by_key(|frame| {
                    (
                        is_std(&frame.function),
                        !frame.function.starts_with("main."),
                    )
                });
                if !ty.name.contains('.') {
                    // The standard library allocates builtin types everywhere: that tells nothing.
                    frames.retain(|frame| !is_std(&frame.function));
                }
                infos[index].sites = places(frames.iter());
                infos[index].sites.truncate(MAX_SITES);
            }
            infos
        }
        Err(_) => Vec::new(),
    };
    let labels: Vec<_> = std::mem::take(&mut walk.labels)
        .into_iter()
        .map(|label| diagnose::snapshot::Label(label.into_inner()))
        .collect();
    let mut checks = Checks {
        spans: walk
            .spans
            .iter()
            .filter(|span| span.state == SpanState::InUse)
            .count() as u64,
        span_mismatches: walk.mismatches,
        bad_headers: walk.bad_headers,
        objects: walk.objects.0,
        bytes: walk.objects.1,
        frames: stacks.counted.0,
        imprecise_frames: stacks.counted.1,
        dropped_views: walk.dropped_views,
        ..Checks::default()
    };
    let heap = Heap {
        spans: walk.spans,
        allocated: walk.allocated,
        labels,
        offsets: walk.offsets,
        targets: walk.targets,
        words: walk.words,
    };
    for span in &heap.spans {
        for slot in span.first..span.first + span.slots {
            if heap.is_allocated(slot) && heap.labels[slot as usize].ty().is_some() {
                checks.typed_objects += 1;
                checks.typed_bytes += span.elem_size;
            }
        }
    }
    let mut warnings = program.warnings.clone();
    if checks.span_mismatches * 50 > checks.spans {
        warnings.push(format!(
            "{} of {} spans do not agree with their counters: numbers may be wrong",
            checks.span_mismatches, checks.spans
        ));
    }
    if let plugins @ 1.. = runtime.unread_plugins() {
        warnings.push(format!(
            "the functions of {plugins} plugins cannot be read: the stacks of goroutines in their code are not followed, \
             so that places are missing and what only these stacks hold counts as garbage"
        ));
    }
    if checks.bad_headers > 0 {
        warnings.push(format!(
            "{} objects have a type word that is no type",
            checks.bad_headers
        ));
    }
    let info = Info {
        main_package: program.exe.main_package.clone(),
        go_version: program.exe.go_version.clone(),
        layout: match &program.layout.origin {
            Origin::Dwarf => "DWARF".to_string(),
            Origin::Table => format!("table of go{}", program.exe.release().unwrap_or_default()),
            Origin::Nearest(release) => format!("table of go{release}"),
        },
        dwarf: program.exe.has_dwarf,
        taken_at: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        warnings,
        checks,
        ..Info::default()
    };
    let snapshot = Snapshot {
        info,
        heap,
        types: type_infos,
        roots: all_roots.list,
        root_targets: all_roots.targets,
        goroutines: stacks.goroutines,
        stacks: stacks.stacks,
        frames,
        locks: lock_waits,
        timers: timer_uses,
        maps: map_uses,
        channels: channel_uses,
        views,
        callers,
        big_arguments,
        memory,
    };
    Ok((snapshot, heads))
}
