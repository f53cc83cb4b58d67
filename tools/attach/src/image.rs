//! A frozen process together with its executable: memory that the snapshot lacks is taken from the file.

use std::borrow::Cow;

use crate::exe::Exe;
use crate::target::{Part, Target};

/// Longest piece read at once on the word of the target's memory.
const MAX_PIECE: u64 = 1 << 30;

/// Memory as the program saw it.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    /// The frozen process.
    pub target: &'a dyn Target,
    /// Its executable.
    pub exe: &'a Exe,
    /// Added to the executable's addresses (0 unless position-independent).
    pub slide: u64,
}

impl<'a> Image<'a> {
    /// Fills `buffer`, from the process or else from the executable's read-only parts.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        if self.target.read(address, buffer) {
            return true;
        }
        match self
            .exe
            .bytes_at(address.wrapping_sub(self.slide), buffer.len() as u64)
        {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                true
            }
            None => false,
        }
    }

    /// Many pieces; missing ones are zeroed and marked.
    pub fn read_parts(&self, parts: &mut [Part<'_>]) {
        self.target.read_parts(parts);
        for part in parts.iter_mut().filter(|part| !part.ok) {
            part.ok = self.read(part.address, part.buffer);
        }
    }

    /// Equal-sized records at many addresses; unreadable ones are all zero.
    pub fn read_records(&self, addresses: &[u64], size: usize) -> Vec<u8> {
        let mut data = vec![0u8; addresses.len() * size];
        let mut parts: Vec<Part<'_>> = data
            .chunks_exact_mut(size)
            .zip(addresses)
            .map(|(buffer, &address)| Part {
                address,
                buffer,
                ok: false,
            })
            .collect();
        self.read_parts(&mut parts);
        drop(parts);
        data
    }

    /// A fresh buffer; `None` when unreadable or absurdly long.
    pub fn bytes(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        if size > MAX_PIECE {
            return None;
        }
        let mut buffer = vec![0; size as usize];
        self.read(address, &mut buffer).then_some(buffer)
    }

    /// Read-only bytes: the executable's own where it has them, else the process's.
    pub fn static_bytes(&self, address: u64, size: u64) -> Option<Cow<'a, [u8]>> {
        match self.exe.bytes_at(address.wrapping_sub(self.slide), size) {
            Some(bytes) => Some(Cow::Borrowed(bytes)),
            None => self.bytes(address, size).map(Cow::Owned),
        }
    }

    /// One word.
    pub fn u64(&self, address: u64) -> Option<u64> {
        let mut buffer = [0; 8];
        self.read(address, &mut buffer)
            .then(|| u64::from_le_bytes(buffer))
    }

    /// Half a word.
    pub fn u32(&self, address: u64) -> Option<u32> {
        let mut buffer = [0; 4];
        self.read(address, &mut buffer)
            .then(|| u32::from_le_bytes(buffer))
    }

    /// One byte.
    pub fn u8(&self, address: u64) -> Option<u8> {
        let mut buffer = [0; 1];
        self.read(address, &mut buffer).then_some(buffer[0])
    }

    /// Text of a known length.
    pub fn text(&self, address: u64, length: u64) -> Option<String> {
        if length > 1 << 16 {
            return None;
        }
        Some(String::from_utf8_lossy(&self.bytes(address, length)?).into_owned())
    }

    /// A slice header `[]T`: pointer and length.
    pub fn slice(&self, address: u64) -> Option<(u64, u64)> {
        Some((self.u64(address)?, self.u64(address.checked_add(8)?)?))
    }
}

/// Little-endian word in a record.
pub fn word(data: &[u8], at: usize) -> u64 {
    match data.get(at..at.wrapping_add(8)) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().unwrap_or_default()),
        None => 0,
    }
}

/// Little-endian half word in a record.
pub fn half(data: &[u8], at: usize) -> u32 {
    match data.get(at..at.wrapping_add(4)) {
        Some(bytes) => u32::from_le_bytes(bytes.try_into().unwrap_or_default()),
        None => 0,
    }
}
