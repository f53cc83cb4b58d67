//! Live processes: a copy-on-write child read at leisure, or the process itself held still.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::inject::{Gadgets, Injector};
use crate::sys::{self, Wait};
use crate::target::{Mapping, Method, Part, Target, Thread};
use crate::{Error, Result, procfs};

/// How to take a live process.
pub struct Options {
    /// `Fork` or `Stop`.
    pub method: Method,
    /// Where an injected call runs; without it only `Stop` is possible.
    pub gadgets: Option<Gadgets>,
    /// Whether a thread with this stack pointer has `STACK_ROOM` bytes below it that are free to use.
    pub has_room: HasRoom,
}

/// See [`Options::has_room`].
pub type HasRoom = Arc<dyn Fn(i32, u64) -> bool + Send + Sync>;

/// How long threads may take to reach a stop.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// Fruitless looks for a stop after which /proc is asked whether the thread still lives.
const ENDED_EVERY: u32 = 100;

/// System calls in which Go's own threads wait on their system stacks.
const WAITING_CALLS: [i64; 5] = [
    libc::SYS_futex,
    libc::SYS_epoll_pwait,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_wait,
];

struct Stopped {
    tid: i32,
    /// A signal that was about to be delivered when the thread stopped.
    signal: i32,
}

/// All threads of a process, held in ptrace stops; dropping lets them go.
struct Hold {
    pid: i32,
    threads: Vec<Stopped>,
}

impl Hold {
    fn new(pid: i32) -> Result<Hold> {
        let mut hold = Hold {
            pid,
            threads: Vec::new(),
        };
        let deadline = Instant::now() + STOP_DEADLINE;
        loop {
            let mut fresh = Vec::new();
            for tid in procfs::threads(pid) {
                if hold.threads.iter().any(|thread| thread.tid == tid) {
                    continue;
                }
                match sys::seize(tid, libc::PTRACE_O_TRACESYSGOOD) {
                    Ok(()) => {
                        sys::interrupt(tid).ok();
                        fresh.push(tid);
                    }
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                    Err(error) => {
                        for &tid in &fresh {
                            hold.await_stop(tid, deadline)?;
                        }
                        // A thread may have ended between the listing and now.
                        if procfs::threads(pid).contains(&tid) {
                            return Err(procfs::explain_refusal(pid, &error));
                        }
                    }
                }
            }
            if fresh.is_empty() {
                break;
            }
            for tid in fresh {
                hold.await_stop(tid, deadline)?;
            }
        }
        if hold.threads.is_empty() {
            return Err(procfs::no_such_process(pid));
        }
        Ok(hold)
    }

    fn await_stop(&mut self, tid: i32, deadline: Instant) -> Result<()> {
        match stop_of(tid, deadline) {
            Ok(Wait::Stopped { signal, event }) => {
                let signal = if event == 0 { signal } else { 0 };
                self.threads.push(Stopped { tid, signal });
                Ok(())
            }
            Ok(Wait::Exited) | Err(_) => Ok(()),
            Ok(Wait::Nothing) => Err(Error::new(format!(
                "thread {tid} of process {} cannot be stopped: it hangs inside the kernel",
                self.pid
            ))
            .hint(format!(
                "see /proc/{}/task/{tid}/stack and /proc/{}/task/{tid}/wchan",
                self.pid, self.pid
            ))),
        }
    }

    fn registers(&self) -> Vec<Thread> {
        self.threads
            .iter()
            .filter_map(|thread| {
                let regs = sys::get_regs(thread.tid).ok()?;
                Some(Thread {
                    tid: thread.tid as u64,
                    pc: regs.rip,
                    sp: regs.rsp,
                    regs: vec![
                        regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi, regs.rbp,
                        regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14,
                        regs.r15,
                    ],
                })
            })
            .collect()
    }

    /// A thread that waits in the kernel, with room on its stack.
    fn volunteer(&self, options: &Options) -> Option<i32> {
        self.threads
            .iter()
            .filter(|thread| thread.signal == 0)
            .find(|thread| {
                sys::get_regs(thread.tid).is_ok_and(|regs| {
                    WAITING_CALLS.contains(&(regs.orig_rax as i64))
                        && (options.has_room)(thread.tid, regs.rsp)
                })
            })
            .map(|thread| thread.tid)
    }
}

/// Waits for a thread's next stop or its end; `Nothing` when the deadline has passed.
pub fn stop_of(tid: i32, deadline: Instant) -> std::io::Result<Wait> {
    for spins in 1u32.. {
        match sys::wait(tid, false)? {
            Wait::Nothing if spins % ENDED_EVERY == 0 && procfs::has_ended(tid) => {
                return Ok(Wait::Exited);
            }
            Wait::Nothing if Instant::now() > deadline => break,
            Wait::Nothing if spins > 50 => std::thread::sleep(Duration::from_micros(50)),
            Wait::Nothing => std::thread::yield_now(),
            told => return Ok(told),
        }
    }
    Ok(Wait::Nothing)
}

impl Drop for Hold {
    fn drop(&mut self) {
        for thread in &self.threads {
            if sys::detach(thread.tid, thread.signal).is_err() {
                sys::wait(thread.tid, false).ok(); // it was killed meanwhile
            }
        }
    }
}

/// A live process as a [`Target`].
pub struct Live {
    pid: i32,
    /// The process whose memory is read: the copy, or the target itself.
    reader: i32,
    child: Option<i32>,
    hold: Option<Hold>,
    held_since: Instant,
    options: ReapOptions,
    mappings: Vec<Mapping>,
    threads: Vec<Thread>,
    pause_ns: u64,
}

struct ReapOptions {
    gadgets: Option<Gadgets>,
    has_room: HasRoom,
}

impl Live {
    /// Takes a snapshot. Errors leave the target running as before.
    pub fn take(pid: i32, options: &Options) -> Result<Live> {
        let held_since = Instant::now();
        let hold = Hold::new(pid)?;
        sys::checkpoint("seized");
        let threads = hold.registers();
        let mut live = Live {
            pid,
            reader: pid,
            child: None,
            hold: None,
            held_since,
            options: ReapOptions {
                gadgets: options.gadgets,
                has_room: options.has_room.clone(),
            },
            mappings: Vec::new(),
            threads,
            pause_ns: 0,
        };
        if options.method == Method::Stop {
            live.mappings = procfs::mappings(pid)?;
            live.hold = Some(hold);
            return Ok(live);
        }
        let Some(gadgets) = options.gadgets else {
            return Err(Error::new(format!(
                "process {pid} has no code to make a system call with"
            )));
        };
        let Some(tid) = hold.volunteer(options) else {
            return Err(Error::new(format!(
                "no thread of process {pid} waits where a copy could be made from"
            )));
        };
        let trace = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE;
        sys::set_options(tid, trace)
            .map_err(|error| Error::new(format!("cannot trace thread {tid}: {error}")))?;
        let injector = Injector::new(pid, tid, gadgets)?;
        // No shared memory; descriptors and working directory shared, so that a connection the target closes
        // is really closed; exit signal 0, so that the target's parent and the target itself hear nothing.
        let flags = (libc::CLONE_FILES | libc::CLONE_FS | libc::CLONE_CHILD_SETTID) as u64;
        let result = injector.call(
            libc::SYS_clone,
            [flags, 0, 0, injector.child_tid_address(), 0, 0],
        );
        sys::checkpoint("copied");
        let child = match &result {
            Ok((_, child)) => *child,
            Err(_) => None,
        };
        if let Some(child) = child {
            // The copy was attached by the kernel; wait for its first stop, then tie its life to ours.
            sys::wait(child, true).ok();
            let tied = sys::set_options(child, libc::PTRACE_O_EXITKILL);
            live.child = Some(child);
            sys::checkpoint("tied");
            live.reader = child;
            if let Err(error) = tied {
                drop(hold);
                return Err(Error::new(format!(
                    "the copy of process {pid} did not start: {error}"
                )));
            }
        }
        drop(hold);
        live.pause_ns = held_since.elapsed().as_nanos() as u64;
        let (value, _) = result?;
        if value < 0 || child.is_none() {
            let error = std::io::Error::from_raw_os_error(-value as i32);
            return Err(Error::new(format!(
                "process {pid} may not be copied: clone gives {error}"
            )));
        }
        live.mappings = procfs::mappings(live.reader)?;
        Ok(live)
    }

    /// The process whose `/proc` entries show the frozen memory.
    pub fn reader(&self) -> i32 {
        self.reader
    }

    /// Kills the copy and has the target collect it.
    fn end_copy(&mut self) -> Result<()> {
        let Some(child) = self.child.take() else {
            return Ok(());
        };
        sys::kill(child, libc::SIGKILL).ok();
        let deadline = Instant::now() + STOP_DEADLINE;
        while !matches!(sys::wait(child, false), Ok(Wait::Exited) | Err(_))
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_micros(200));
        }
        if let Some(gadgets) = self.options.gadgets {
            reap(self.pid, &[child], gadgets, &self.options.has_room)?;
        }
        Ok(())
    }
}

/// Has the target wait for children that nobody else would collect. Stops one thread for well under a
/// millisecond. `has_room` as in [`Options`].
pub fn reap(pid: i32, children: &[i32], gadgets: Gadgets, has_room: &HasRoom) -> Result<()> {
    let deadline = Instant::now() + Duration::from_millis(500);
    loop {
        for tid in procfs::threads(pid) {
            // Look before stopping: the system call a thread is in is public to a tracer.
            if !waits(pid, tid, has_room) || sys::seize(tid, libc::PTRACE_O_TRACESYSGOOD).is_err() {
                continue;
            }
            sys::interrupt(tid).ok();
            let mut hold = Hold {
                pid,
                threads: Vec::new(),
            };
            hold.await_stop(tid, Instant::now() + STOP_DEADLINE)?;
            let options = Options {
                method: Method::Fork,
                gadgets: Some(gadgets),
                has_room: has_room.clone(),
            };
            if hold.volunteer(&options).is_none() {
                continue;
            }
            let injector = Injector::new(pid, tid, gadgets)?;
            for &child in children {
                let flags = (libc::__WALL | libc::WNOHANG) as u64;
                injector.call(libc::SYS_wait4, [child as u64, 0, flags, 0, 0, 0])?;
            }
            return Ok(());
        }
        if Instant::now() > deadline {
            return Ok(()); // the next run finds the zombie
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a running thread seems to wait in one of the calls of Go's scheduler, by /proc/PID/task/TID/syscall.
fn waits(pid: i32, tid: i32, has_room: &HasRoom) -> bool {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")) else {
        return true;
    };
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let number = fields.first().and_then(|field| field.parse::<i64>().ok());
    let sp = fields
        .len()
        .checked_sub(2)
        .and_then(|at| u64::from_str_radix(fields[at].trim_start_matches("0x"), 16).ok());
    match (number, sp) {
        (Some(number), Some(sp)) => WAITING_CALLS.contains(&number) && has_room(tid, sp),
        _ => false,
    }
}

impl Target for Live {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        sys::read_memory(self.reader, address, buffer) == buffer.len()
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        let mut rest = parts;
        while !rest.is_empty() {
            let count = rest.len().min(1024);
            let (now, later) = rest.split_at_mut(count);
            let mut done = 0;
            while done < now.len() {
                let mut copied = sys::read_memory_pieces(self.reader, &mut now[done..]);
                while done < now.len() && copied >= now[done].buffer.len() {
                    copied -= now[done].buffer.len();
                    now[done].ok = true;
                    done += 1;
                }
                if done < now.len() {
                    now[done].ok = false;
                    now[done].buffer.fill(0);
                    done += 1;
                }
            }
            rest = later;
        }
    }

    fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    fn threads(&self) -> &[Thread] {
        &self.threads
    }

    fn method(&self) -> Method {
        if self.child.is_some() || self.reader != self.pid {
            Method::Fork
        } else {
            Method::Stop
        }
    }

    fn pause_ns(&self) -> u64 {
        if self.hold.is_some() {
            self.held_since.elapsed().as_nanos() as u64
        } else {
            self.pause_ns
        }
    }

    fn release(&mut self) -> Result<u64> {
        if self.hold.take().is_some() {
            self.pause_ns = self.held_since.elapsed().as_nanos() as u64;
        }
        self.end_copy()?;
        Ok(self.pause_ns)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.hold = None;
        self.end_copy().ok();
    }
}
