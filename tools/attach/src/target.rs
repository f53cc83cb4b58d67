//! What the readers need of a process, whether it lives, is stopped, or is a file.

use crate::Result;

/// One mapping of the address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// `rwxp` as /proc shows them.
    pub writable: bool,
    /// Whether code may run from it.
    pub executable: bool,
    /// Offset in the file behind it.
    pub offset: u64,
    /// The file, or `[heap]`, `[stack]`, or empty.
    pub path: String,
}

/// General registers of one thread at the moment of the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Kernel thread id, `m.procid` in Go's runtime.
    pub tid: u64,
    /// Program counter.
    pub pc: u64,
    /// Stack pointer.
    pub sp: u64,
    /// All general registers, in no particular order: conservative roots.
    pub regs: Vec<u64>,
}

/// How the memory was made to stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A copy-on-write child of the target.
    Fork,
    /// The target itself, stopped until the reading is over.
    Stop,
    /// A core file.
    Core,
}

/// One piece of a batched read.
pub struct Part<'a> {
    /// Where in the target.
    pub address: u64,
    /// Filled on success, zeroed otherwise.
    pub buffer: &'a mut [u8],
    /// Whether all of it could be read.
    pub ok: bool,
}

/// A process image that does not change while it is read.
///
/// Implementations are read from several threads at once.
pub trait Target: Send + Sync {
    /// Fills `buffer` from `address`; false when any byte of it is not there.
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool;

    /// Reads many pieces; each tells whether it succeeded.
    fn read_parts(&self, parts: &mut [Part<'_>]) {
        for part in parts {
            part.ok = self.read(part.address, part.buffer);
            if !part.ok {
                part.buffer.fill(0);
            }
        }
    }

    /// The address space, ascending.
    fn mappings(&self) -> &[Mapping];

    /// Threads with their registers.
    fn threads(&self) -> &[Thread];

    /// Bytes of memory that are really there: bounds what a damaged file can make us allocate.
    fn present_bytes(&self) -> u64 {
        u64::MAX
    }

    /// How it was taken.
    fn method(&self) -> Method;

    /// How long the target stood still so far, in nanoseconds (0 for files).
    fn pause_ns(&self) -> u64;

    /// Gives the target back; called once, also when the analysis failed.
    /// For a stopped target this ends the pause, whose length it returns in nanoseconds.
    fn release(&mut self) -> Result<u64>;
}

/// Looks an address up in ascending mappings.
pub fn mapping_at(mappings: &[Mapping], address: u64) -> Option<&Mapping> {
    let index = mappings.partition_point(|mapping| mapping.end <= address);
    mappings
        .get(index)
        .filter(|mapping| mapping.start <= address)
}
