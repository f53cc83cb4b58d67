//! Grey work: buffers of candidate pointers, passed between threads through lock-free lists.
//!
//! An entry is an address that was found in a root or an object and lies in the arena, not yet
//! looked up or marked; or, with the top bit set, the address of a piece of a large object that
//! is marked and waits to be scanned. Owners work on private buffers; full ones and what a worker
//! leaves behind go to `full`.

use crate::lfstack::{LfNode, LfStack};
use core::ptr;
use rt_heap::persistent::Persistent;
use rt_sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes of a buffer.
const BUF_BYTES: usize = 4096;
/// Entries of a buffer.
pub const ENTRIES: usize = BUF_BYTES / 8 - 2;
/// Marks an entry as a piece of a large object.
pub const PIECE: usize = 1 << 63;

/// A buffer.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct WorkBuf {
    node: LfNode,
    /// Entries in use.
    pub len: usize,
    /// The entries.
    pub entries: [usize; ENTRIES],
}

/// The shared lists.
#[derive(Debug)]
pub struct WorkLists {
    full: LfStack,
    empty: LfStack,
    /// Buffers ever made.
    made: AtomicUsize,
}

impl WorkLists {
    /// No buffers.
    pub const fn new() -> WorkLists {
        WorkLists {
            full: LfStack::with(AtomicU64::new(0)),
            empty: LfStack::with(AtomicU64::new(0)),
            made: AtomicUsize::new(0),
        }
    }

    /// Whether there is shared work (a hint while others push).
    pub fn has_work(&self) -> bool {
        !self.full.is_empty()
    }

    /// A buffer with work, or null.
    pub fn take_full(&self) -> *mut WorkBuf {
        self.full.pop().cast()
    }

    /// An empty buffer. Throws without memory: marking cannot go on, nor can it be given up.
    pub fn take_empty(&self, memory: &Persistent) -> *mut WorkBuf {
        let buf: *mut WorkBuf = self.empty.pop().cast();
        if !buf.is_null() {
            return buf;
        }
        const BATCH: usize = 8;
        let Some(block) = memory.alloc(BATCH * BUF_BYTES, 64) else {
            rt_os::throw!("runtime: cannot allocate memory for marking");
        };
        let block = block as *mut WorkBuf;
        for index in 0..BATCH {
            // SAFETY: inside the zeroed block.
            unsafe {
                let buf = block.add(index);
                ptr::addr_of_mut!((*buf).node).write(LfNode::new());
                if index > 0 {
                    self.empty.push(buf.cast());
                }
            }
        }
        self.made.fetch_add(BATCH, Ordering::Relaxed);
        block
    }

    /// Hands a buffer over: to the full list, or to the empty one.
    ///
    /// # Safety
    /// The buffer is the caller's and is not used by it any more.
    pub unsafe fn give(&self, buf: *mut WorkBuf) {
        // SAFETY: buffers are never freed; this one is on no list.
        unsafe {
            if (*buf).len > 0 {
                self.full.push(buf.cast());
            } else {
                self.empty.push(buf.cast());
            }
        }
    }
}

const _: () = assert!(size_of::<WorkBuf>() == BUF_BYTES);
