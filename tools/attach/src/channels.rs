//! Channels: known without any reference to them, since a channel's header names its element's type.
//!
//! `makechan` allocates in three ways, and [`ChannelShape`] accepts nothing else:
//!
//! * elements with pointers: the header among objects with pointers, the buffer an object of its own;
//! * elements without: header and buffer in one object without pointers;
//! * no buffer: the header alone, without pointers, its `buf` pointing at itself.

use std::cmp::Reverse;
use std::sync::Mutex;

use diagnose::snapshot::{ChannelUse, Label, Provenance, Slot, Span};

use crate::Result;
use crate::goroutines::Wait;
use crate::heap::{MAX_BITMAP_OBJECT, Walk};
use crate::image::{half, word};
use crate::roots::{fits, referent_label};
use crate::runtime::Runtime;
use crate::types::{Referent, Types};

/// Untyped objects without pointers whose first words are looked at, the largest first.
const MAX_PLAIN: usize = 1 << 20;
/// Channels examined.
const MAX_CHANNELS: usize = 4 << 20;

/// Where a channel's header keeps what, in bytes, and where element types may be.
pub struct ChannelShape {
    size: u64,
    qcount: usize,
    dataqsiz: usize,
    buf: usize,
    elemsize: usize,
    closed: usize,
    elemtype: usize,
    sendx: usize,
    recvx: usize,
    queues: [usize; 2],
    types: Vec<(u64, u64)>,
}

impl ChannelShape {
    /// As the program's release lays it out.
    pub fn of(runtime: &Runtime<'_>) -> Result<ChannelShape> {
        let at = |name: &str| {
            let offset = runtime.field(&format!("hchan.{name}"))?;
            Ok(offset as usize)
        };
        Ok(ChannelShape {
            size: runtime.field("hchan#")?,
            qcount: at("qcount")?,
            dataqsiz: at("dataqsiz")?,
            buf: at("buf")?,
            elemsize: at("elemsize")?,
            closed: at("closed")?,
            elemtype: at("elemtype")?,
            sendx: at("sendx")?,
            recvx: at("recvx")?,
            queues: [at("recvq")?, at("sendq")?],
            types: runtime.modules.iter().map(|module| module.types).collect(),
        })
    }

    /// Whether a span of small objects with pointers may hold headers.
    pub fn fits(&self, span: &Span) -> bool {
        fits(self.size, span.elem_size)
    }

    /// The label of the object `slot` of `span`, whose first bytes are `record`, if it is a channel.
    pub fn label(
        &self,
        walk: &Walk,
        types: &Mutex<Types<'_>>,
        span: &Span,
        slot: Slot,
        record: &[u8],
    ) -> Option<Label> {
        let address = span.start + u64::from(slot - span.first) * span.elem_size;
        let (count, room) = (word(record, self.qcount), word(record, self.dataqsiz));
        let (send, receive) = (word(record, self.sendx), word(record, self.recvx));
        let descriptor = word(record, self.elemtype);
        let static_type = self
            .types
            .iter()
            .any(|range| (range.0..range.1).contains(&descriptor));
        let ring = match room {
            0 => count == 0 && send == 0 && receive == 0,
            // Both indices move before the count does: a snapshot may see them one apart.
            _ => {
                count <= room && send < room && receive < room && {
                    let ahead = (u128::from(receive) + u128::from(count)) % u128::from(room);
                    let apart = (u128::from(send) + u128::from(room) - ahead) % u128::from(room);
                    apart <= 1 || apart + 1 == u128::from(room)
                }
            }
        };
        let queues = self
            .queues
            .iter()
            .all(|&at| (word(record, at) == 0) == (word(record, at + 8) == 0));
        if !static_type || !ring || !queues || half(record, self.closed) > 1 {
            return None;
        }
        let mut types = types.lock().ok()?;
        let elem = types.load(descriptor)?;
        let size = types.list[elem as usize].size;
        let pointers = types.list[elem as usize].ptr_bytes > 0;
        if size != u64::from(half(record, self.elemsize) & 0xffff) {
            return None;
        }
        let bytes = room.checked_mul(size)?;
        let buffer = word(record, self.buf);
        let placed = match (bytes, pointers) {
            (0, _) => {
                span.noscan
                    && buffer == address + self.buf as u64
                    && fits(self.size, span.elem_size)
            }
            (_, false) => {
                span.noscan
                    && buffer == address + self.size
                    && fits(self.size.checked_add(bytes)?, span.elem_size)
            }
            (_, true) => {
                let (target, offset) = walk.find(buffer)?;
                let target = walk.span_of(target);
                let header = if target.class != 0 && target.elem_size > MAX_BITMAP_OBJECT {
                    8
                } else {
                    0
                };
                !span.noscan
                    && !target.noscan
                    && offset == header
                    && fits(bytes.checked_add(header)?, target.elem_size)
            }
        };
        placed.then(|| Label::new(types.channel_of(elem), false, Provenance::Header))
    }
}

/// Labels channels whose objects hold no pointers, which the walk of the heap does not look at.
pub fn label_plain(runtime: &Runtime<'_>, walk: &Walk, types: &Mutex<Types<'_>>) {
    let Ok(shape) = ChannelShape::of(runtime) else {
        return;
    };
    let mut spans: Vec<&Span> = walk
        .spans
        .iter()
        .filter(|span| span.noscan && span.slots > 0 && span.elem_size >= shape.size)
        .collect();
    spans.sort_by_key(|span| (Reverse(span.elem_size), span.start));
    let untyped: Vec<(&Span, Slot)> = spans
        .into_iter()
        .flat_map(|span| (span.first..span.first + span.slots).map(move |slot| (span, slot)))
        .filter(|&(_, slot)| walk.is_allocated(slot) && walk.label_of(slot).ty().is_none())
        .take(MAX_PLAIN)
        .collect();
    for batch in untyped.chunks(1 << 16) {
        let addresses: Vec<u64> = batch
            .iter()
            .map(|(span, slot)| span.start + u64::from(slot - span.first) * span.elem_size)
            .collect();
        let records = runtime.image.read_records(&addresses, shape.size as usize);
        for (&(span, slot), record) in batch.iter().zip(records.chunks_exact(shape.size as usize)) {
            if let Some(label) = shape.label(walk, types, span, slot, record) {
                walk.label(slot, label);
            }
        }
    }
}

/// A blocked sender or receiver keeps the value's place in its wait record: labels the channels that goroutines
/// wait for and what the values in flight refer to.
pub fn label_waits(runtime: &Runtime<'_>, walk: &Walk, types: &Mutex<Types<'_>>, waits: &[Wait]) {
    let (Ok(shape), Ok(mut types)) = (ChannelShape::of(runtime), types.lock()) else {
        return;
    };
    let channels: Vec<u64> = waits
        .iter()
        .map(|wait| wait.channel.wrapping_add(shape.elemtype as u64))
        .collect();
    let descriptors = runtime.image.read_records(&channels, 8);
    let mut reads: Vec<(u64, Referent)> = Vec::new();
    for (wait, descriptor) in waits.iter().zip(descriptors.chunks_exact(8)) {
        let Some(elem) = types.load(word(descriptor, 0)) else {
            continue;
        };
        if let Some((slot, 0)) = walk.find(wait.channel) {
            let channel = types.channel_of(elem);
            walk.label(slot, Label::new(channel, false, Provenance::Header));
        }
        if wait.value != 0 {
            let words = types.words(elem);
            reads.extend(
                words
                    .iter()
                    .enumerate()
                    .filter(|(_, referent)| **referent != Referent::None)
                    .map(|(index, referent)| {
                        (wait.value.wrapping_add(index as u64 * 8), *referent)
                    }),
            );
        }
    }
    let addresses: Vec<u64> = reads.iter().map(|read| read.0).collect();
    let values = runtime.image.read_records(&addresses, 8);
    for ((_, referent), value) in reads.iter().zip(values.chunks_exact(8)) {
        if let Some((target, 0)) = walk.find(word(value, 0)) {
            if let Some(label) = referent_label(&mut types, walk, target, *referent) {
                walk.label(target, label);
            }
        }
    }
}

/// Channels with a buffer.
pub fn uses(runtime: &Runtime<'_>, walk: &Walk, types: &Mutex<Types<'_>>) -> Vec<ChannelUse> {
    let (Ok(shape), Ok(types)) = (ChannelShape::of(runtime), types.lock()) else {
        return Vec::new();
    };
    let channel_types = types.channel_objects();
    let slots: Vec<Slot> = (0..walk.labels.len() as u32)
        .filter(|&slot| {
            walk.label_of(slot)
                .ty()
                .is_some_and(|ty| channel_types.contains(&ty))
                && walk.is_allocated(slot)
        })
        .take(MAX_CHANNELS)
        .collect();
    let addresses: Vec<u64> = slots.iter().map(|&slot| walk.address(slot)).collect();
    let size = shape.size as usize;
    let data = runtime.image.read_records(&addresses, size);
    slots
        .into_iter()
        .zip(data.chunks_exact(size))
        .map(|(slot, record)| ChannelUse {
            slot,
            length: word(record, shape.qcount),
            capacity: word(record, shape.dataqsiz),
            elem_size: u64::from(half(record, shape.elemsize) & 0xffff),
        })
        .filter(|channel| channel.capacity > 0)
        .collect()
}
