//! A lock-free stack of nodes that are never freed.
//!
//! The head is one word: the node's address and a tag that grows at each push, so a pop that was
//! overtaken by pop-push of the same node fails its exchange (the ABA problem). Addresses have 47
//! significant bits of which the low three are zero, which leaves 20 bits for the tag.
//!
//! This file is also compiled by the loom test with loom's atomics as `crate::atomic`.

use crate::atomic::{AtomicU64, Ordering};

/// The link at the start of a node.
#[repr(C)]
#[derive(Debug)]
pub struct LfNode {
    next: AtomicU64,
}

impl LfNode {
    /// On no stack.
    pub fn new() -> LfNode {
        LfNode {
            next: AtomicU64::new(0),
        }
    }
}

const TAG_BITS: u32 = 20;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

fn pack(node: *mut LfNode, tag: u64) -> u64 {
    (node as u64) << (TAG_BITS - 3) | (tag & TAG_MASK)
}

fn unpack(word: u64) -> *mut LfNode {
    (word >> TAG_BITS << 3) as *mut LfNode
}

/// The stack.
#[derive(Debug)]
pub struct LfStack {
    head: AtomicU64,
}

impl LfStack {
    /// Empty, from a fresh atomic (a parameter because loom's are not const).
    pub const fn with(head: AtomicU64) -> LfStack {
        LfStack { head }
    }

    /// Whether it was empty at some moment during the call.
    pub fn is_empty(&self) -> bool {
        unpack(self.head.load(Ordering::Acquire)).is_null()
    }

    /// Pushes a node.
    ///
    /// # Safety
    /// The node is on no stack, 8-byte aligned, below 2^47, and is never freed.
    pub unsafe fn push(&self, node: *mut LfNode) {
        // SAFETY: the caller's promise.
        let link = unsafe { &(*node).next };
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            link.store(unpack(head) as u64, Ordering::Relaxed);
            let new = pack(node, head.wrapping_add(1));
            match self
                .head
                .compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Pops the node pushed last, or null.
    pub fn pop(&self) -> *mut LfNode {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let node = unpack(head);
            if node.is_null() {
                return node;
            }
            // SAFETY: nodes are never freed; a stale value makes the exchange fail by its tag.
            let next = unsafe { (*node).next.load(Ordering::Relaxed) } as *mut LfNode;
            let new = pack(next, head.wrapping_add(1));
            match self
                .head
                .compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return node,
                Err(now) => head = now,
            }
        }
    }
}
