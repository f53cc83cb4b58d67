//! Batches of events: memory, encoding, the queue to the reader.

use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{AtomicBool, Ordering};
use rt_sync::{LockRank, Mutex};

/// Size of a mapping; the format allows 64 KiB of events in a batch.
const SIZE: usize = 64 << 10;
/// Room kept for the batch header: a type byte and four varints.
const HEADER: usize = 48;
/// Bytes of events.
pub const CAPACITY: usize = SIZE - HEADER - 64;
/// No thread: tables belong to none.
pub const NO_THREAD: u64 = u64::MAX;

const EVENT_BATCH: u8 = 1;

/// A batch in the making, later in the queue. Lives in a mapping of its own.
#[repr(C)]
pub struct Buffer {
    next: Cell<*mut Buffer>,
    /// Kernel thread whose events these are.
    pub thread: u64,
    /// Generation.
    pub generation: u64,
    /// Time of the batch, which the first event's distance counts from.
    time: u64,
    len: usize,
    start: usize,
    bytes: [u8; HEADER + CAPACITY],
}

impl Buffer {
    /// An empty batch.
    pub fn new(thread: u64, generation: u64, time: u64) -> &'static mut Buffer {
        let free = QUEUE.lock().free.pop();
        let at = if free.is_null() {
            crate::persist::map(SIZE) as *mut Buffer
        } else {
            free
        };
        // SAFETY: a mapping of SIZE bytes that is nobody else's; any bytes are a valid Buffer.
        let buffer = unsafe { &mut *at };
        buffer.next.set(ptr::null_mut());
        buffer.thread = thread;
        buffer.generation = generation;
        buffer.time = time;
        buffer.len = 0;
        buffer.start = 0;
        buffer
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        CAPACITY - self.len
    }

    /// Appends a byte. The caller has looked at [`Self::room`].
    pub fn byte(&mut self, byte: u8) {
        self.bytes[HEADER + self.len] = byte;
        self.len += 1;
    }

    /// Appends a ULEB128 number of at most ten bytes.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let at = HEADER + self.len;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Puts the header in front of the events.
    fn finish(&mut self) {
        let mut header = [0u8; HEADER];
        header[0] = EVENT_BATCH;
        let mut at = 1;
        for mut value in [self.generation, self.thread, self.time, self.len as u64] {
            while value >= 0x80 {
                header[at] = value as u8 | 0x80;
                value >>= 7;
                at += 1;
            }
            header[at] = value as u8;
            at += 1;
        }
        self.start = HEADER - at;
        self.bytes[self.start..HEADER].copy_from_slice(&header[..at]);
    }

    /// The finished batch.
    pub fn contents(&self) -> &[u8] {
        &self.bytes[self.start..HEADER + self.len]
    }
}

/// A list of buffers, first in first out.
struct List {
    head: *mut Buffer,
    tail: *mut Buffer,
}

impl List {
    fn push(&mut self, buffer: *mut Buffer) {
        // SAFETY: buffers on lists are live and owned by the list.
        unsafe {
            (*buffer).next.set(ptr::null_mut());
            match self.tail.as_ref() {
                None => self.head = buffer,
                Some(tail) => tail.next.set(buffer),
            }
        }
        self.tail = buffer;
    }

    fn pop(&mut self) -> *mut Buffer {
        self.pop_where(|_| true)
    }

    /// The first one that fits, null if none.
    fn pop_where(&mut self, fits: impl Fn(&Buffer) -> bool) -> *mut Buffer {
        let (mut before, mut at): (*mut Buffer, _) = (ptr::null_mut(), self.head);
        // SAFETY: as above.
        while let Some(buffer) = unsafe { at.as_ref() } {
            if fits(buffer) {
                let next = buffer.next.get();
                // SAFETY: as above.
                match unsafe { before.as_ref() } {
                    None => self.head = next,
                    Some(before) => before.next.set(next),
                }
                if self.tail == at {
                    self.tail = before;
                }
                return at;
            }
            before = at;
            at = buffer.next.get();
        }
        ptr::null_mut()
    }
}

/// Batches between writers and reader.
pub struct Queue {
    full: List,
    free: List,
    /// The batch that the reader looks at, free at its next call.
    reading: *mut Buffer,
    /// Generation that is being delivered.
    current: u64,
    /// Generations up to this one are complete.
    ended: u64,
    /// Last generation of the trace, 0 while it runs.
    last: u64,
    header_due: bool,
}
// SAFETY: behind the mutex.
unsafe impl Send for Queue {}

/// See [`Queue`].
static QUEUE: Mutex<Queue> = Mutex::new(
    LockRank::Unranked,
    Queue {
        full: List {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
        },
        free: List {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
        },
        reading: ptr::null_mut(),
        current: 0,
        ended: 0,
        last: 0,
        header_due: false,
    },
);

/// There is something to read, and perhaps somebody waits for it.
pub static DELIVERABLE: AtomicBool = AtomicBool::new(false);

/// What the reader gets.
pub enum Piece {
    /// The first bytes of a trace.
    Header,
    /// A whole batch; valid until the next call.
    Batch(&'static [u8]),
    /// The generation is complete.
    EndOfGeneration,
    /// All of the trace has been read.
    End,
    /// Nothing yet.
    Wait,
}

/// Prepares the queue for a trace whose first generation is this.
pub fn begin(generation: u64) {
    let mut queue = QUEUE.lock();
    queue.current = generation;
    queue.ended = generation - 1;
    queue.last = 0;
    queue.header_due = true;
}

/// Queues a batch; an empty one is dropped.
pub fn submit(buffer: &'static mut Buffer) {
    let empty = buffer.len == 0;
    buffer.finish();
    let mut queue = QUEUE.lock();
    if empty {
        queue.free.push(buffer);
        return;
    }
    queue.full.push(buffer);
    drop(queue);
    DELIVERABLE.store(true, Ordering::SeqCst);
}

/// All batches of a generation are queued. `last`: it is the trace's last.
pub fn end_generation(generation: u64, last: bool) {
    let mut queue = QUEUE.lock();
    queue.ended = generation;
    if last {
        queue.last = generation;
    }
    drop(queue);
    DELIVERABLE.store(true, Ordering::SeqCst);
}

/// The next piece of the trace.
pub fn next_piece() -> Piece {
    let mut queue = QUEUE.lock();
    let read = core::mem::replace(&mut queue.reading, ptr::null_mut());
    if !read.is_null() {
        queue.free.push(read);
    }
    if core::mem::take(&mut queue.header_due) {
        return Piece::Header;
    }
    let current = queue.current;
    let at = queue.full.pop_where(|buffer| buffer.generation == current);
    // SAFETY: off the list: ours until it is put back.
    if let Some(buffer) = unsafe { at.as_ref() } {
        queue.reading = at;
        return Piece::Batch(buffer.contents());
    }
    if queue.ended >= current && current != 0 && (queue.last == 0 || current <= queue.last) {
        queue.current += 1;
        return Piece::EndOfGeneration;
    }
    if queue.last != 0 && current > queue.last {
        DELIVERABLE.store(false, Ordering::SeqCst);
        return Piece::End;
    }
    Piece::Wait
}
