//! Size classes: gc's table, shared by the compiler (which knows a type's class at compile time)
//! and the heap. `cap()` after `append` shows the table, so it has to be exactly this one.
//!
//! A span class is `size class << 1 | noscan`. Objects with pointers above
//! [`MAX_BITMAP_SIZE`] bytes start with one word naming their type (the malloc header);
//! smaller ones have their pointer map beside the heap.

/// Bytes of a page, the unit of spans.
pub const PAGE_SIZE: usize = 8192;
/// log2 of [`PAGE_SIZE`].
pub const PAGE_SHIFT: usize = 13;
/// Number of size classes, class 0 (large objects) included.
pub const NUM_SIZE_CLASSES: usize = 68;
/// Number of span classes.
pub const NUM_SPAN_CLASSES: usize = NUM_SIZE_CLASSES * 2;
/// Largest size class.
pub const MAX_SMALL_SIZE: usize = 32768;
/// Bytes of the type word in front of larger objects with pointers.
pub const MALLOC_HEADER_SIZE: usize = 8;
/// Largest object with pointers whose pointer map is a bitmap, not a type word.
pub const MAX_BITMAP_SIZE: usize = 512;
/// Requests up to this many bytes are served from size classes, larger ones get their own span.
pub const MAX_SMALL_REQUEST: usize = MAX_SMALL_SIZE - MALLOC_HEADER_SIZE;
/// Pointer-free objects below this size share blocks of this size.
pub const TINY_SIZE: usize = 16;

/// Object size of each class, 0 for the class of large objects.
pub static CLASS_TO_SIZE: [u16; NUM_SIZE_CLASSES] = SIZES;

const SIZES: [u16; NUM_SIZE_CLASSES] = [
    0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320,
    352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792,
    2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728,
    10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672,
    32768,
];

/// Pages of a span: the fewest whose unusable tail is at most an eighth of the span.
const fn pages_for(size: usize) -> u8 {
    let mut bytes = PAGE_SIZE;
    while bytes % size > bytes / 8 {
        bytes += PAGE_SIZE;
    }
    (bytes / PAGE_SIZE) as u8
}

/// Pages of a span of each class.
pub static CLASS_TO_PAGES: [u8; NUM_SIZE_CLASSES] = {
    let mut pages = [0; NUM_SIZE_CLASSES];
    let mut class = 1;
    while class < NUM_SIZE_CLASSES {
        pages[class] = pages_for(SIZES[class] as usize);
        class += 1;
    }
    pages
};

/// `ceil(2^32 / size)`: `offset * magic >> 32` is `offset / size` for every offset in a span.
pub static CLASS_TO_MAGIC: [u32; NUM_SIZE_CLASSES] = {
    let mut magic = [0; NUM_SIZE_CLASSES];
    let mut class = 1;
    while class < NUM_SIZE_CLASSES {
        magic[class] = u32::MAX / SIZES[class] as u32 + 1;
        class += 1;
    }
    magic
};

/// Mark bits of a page, and so most objects of a page. Only the 8-byte class would have more;
/// the upper half of its pages stays untouched (and without memory behind it).
pub const MAX_OBJECTS_PER_PAGE: usize = 512;

/// Objects of a span of each class.
pub static CLASS_TO_OBJECTS: [u16; NUM_SIZE_CLASSES] = {
    let mut objects = [0; NUM_SIZE_CLASSES];
    let mut class = 1;
    while class < NUM_SIZE_CLASSES {
        let pages = pages_for(SIZES[class] as usize) as usize;
        let fit = pages * PAGE_SIZE / SIZES[class] as usize;
        let most = pages * MAX_OBJECTS_PER_PAGE;
        objects[class] = if fit < most { fit } else { most } as u16;
        class += 1;
    }
    objects
};

const STEPS: usize = MAX_SMALL_SIZE / 8 + 1;

/// Class by `ceil(size / 8)`.
static SIZE_TO_CLASS: [u8; STEPS] = {
    let mut table = [0; STEPS];
    let mut class = 1;
    let mut step = 0;
    while step < STEPS {
        while (SIZES[class] as usize) < step * 8 {
            class += 1;
        }
        table[step] = class as u8;
        step += 1;
    }
    table
};

/// Size class of a slot of `size` bytes, `size <= MAX_SMALL_SIZE` (headers already added).
#[inline(always)]
pub fn size_class(size: usize) -> usize {
    SIZE_TO_CLASS[size.div_ceil(8)] as usize
}

/// Where an allocation of `size` bytes goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Pointer-free and smaller than [`TINY_SIZE`]: shares a block.
    Tiny,
    /// A slot of this span class; pointer map in the heap bitmap (or none).
    Small {
        /// `size class << 1 | noscan`.
        span_class: u8,
    },
    /// A slot of this span class whose first word is the type; the object starts 8 bytes in.
    SmallHeader {
        /// `size class << 1`.
        span_class: u8,
    },
    /// Its own span.
    Large,
}

/// Placement of an object of `size > 0` bytes; the compiler uses it for inlined allocation.
pub fn placement(size: usize, noscan: bool) -> Placement {
    if noscan && size < TINY_SIZE {
        Placement::Tiny
    } else if size > MAX_SMALL_REQUEST {
        Placement::Large
    } else if noscan {
        Placement::Small {
            span_class: (size_class(size) << 1 | 1) as u8,
        }
    } else if size <= MAX_BITMAP_SIZE {
        Placement::Small {
            span_class: (size_class(size) << 1) as u8,
        }
    } else {
        Placement::SmallHeader {
            span_class: (size_class(size + MALLOC_HEADER_SIZE) << 1) as u8,
        }
    }
}

/// Bytes usable by an object allocated with `size` bytes: what `append` may grow to.
/// Saturates for sizes that no allocation can satisfy.
pub fn round_up_size(size: usize, noscan: bool) -> usize {
    if size <= MAX_SMALL_REQUEST {
        let header = if !noscan && size > MAX_BITMAP_SIZE {
            MALLOC_HEADER_SIZE
        } else {
            0
        };
        return CLASS_TO_SIZE[size_class(size + header)] as usize - header;
    }
    match size.checked_add(PAGE_SIZE - 1) {
        Some(sum) => sum & !(PAGE_SIZE - 1),
        None => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_by_magic_is_exact_within_spans() {
        for class in 1..NUM_SIZE_CLASSES {
            let size = CLASS_TO_SIZE[class] as u64;
            let step = if cfg!(miri) { 997 } else { 1 };
            for offset in (0..CLASS_TO_PAGES[class] as u64 * PAGE_SIZE as u64).step_by(step) {
                assert_eq!((offset * CLASS_TO_MAGIC[class] as u64) >> 32, offset / size);
            }
        }
    }

    /// Capacities that go1.27.3 reports for `append([]T(nil), make([]T, n)...)`.
    #[test]
    fn rounding_is_what_cap_shows() {
        let bytes = [
            (1, 8),
            (9, 16),
            (17, 24),
            (33, 48),
            (100, 112),
            (513, 576),
            (1025, 1152),
            (4865, 5376),
        ];
        for (n, cap) in bytes.into_iter().chain([
            (32750, 32768),
            (32761, 32768),
            (32769, 40960),
            (100_000, 106_496),
        ]) {
            assert_eq!(round_up_size(n, true), cap, "{n} bytes");
        }
        let pointers = [
            (1, 1),
            (3, 3),
            (5, 6),
            (9, 10),
            (63, 64),
            (64, 64),
            (65, 71),
            (70, 71),
            (127, 127),
            (128, 143),
        ];
        for (n, cap) in pointers.into_iter().chain([
            (500, 511),
            (1000, 1023),
            (4000, 4095),
            (4095, 4095),
            (4096, 4096),
            (4097, 5120),
        ]) {
            assert_eq!(round_up_size(n * 8, false), cap * 8, "{n} pointers");
        }
    }

    #[test]
    fn pages_per_span_keep_tail_waste_low() {
        assert_eq!(CLASS_TO_PAGES[1], 1);
        assert_eq!(CLASS_TO_PAGES[size_class(32768)], 4);
        for class in 1..NUM_SIZE_CLASSES {
            let (bytes, size) = (
                CLASS_TO_PAGES[class] as usize * PAGE_SIZE,
                CLASS_TO_SIZE[class] as usize,
            );
            assert!(
                bytes % size <= bytes / 8 && bytes / size <= 1024,
                "class {class}"
            );
        }
    }
}
