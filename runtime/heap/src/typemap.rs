//! Reading gc's type descriptors: where the pointers of a value are.

use crate::persistent::Persistent;
use abi::gotype::{ArrayType, StructType, Type, kind, tflag};
use core::ptr;
use rt_sync::atomic::{AtomicPtr, Ordering};

/// The pointer mask of a type with pointers: one bit a word over `ptr_bytes`.
///
/// Descriptors with large prefixes have no mask but a slot; the mask is built at the first use
/// and published there. `None` when the system has no memory for it.
///
/// # Safety
/// `typ` must be a valid descriptor with `ptr_bytes > 0`.
#[inline]
pub unsafe fn pointer_mask(typ: *const Type, memory: &Persistent) -> Option<*const u8> {
    // SAFETY: the caller's promise.
    let (flags, data) = unsafe { ((*typ).tflag, (*typ).gc_data) };
    if flags & tflag::GC_MASK_ON_DEMAND == 0 {
        return Some(data);
    }
    // SAFETY: with this flag `gc_data` is a writable, pointer-sized slot.
    let slot = unsafe { &*(data as *const AtomicPtr<u8>) };
    let mask = slot.load(Ordering::Acquire);
    if mask.is_null() {
        // SAFETY: the caller's promise.
        unsafe { build(typ, slot, memory) }
    } else {
        Some(mask)
    }
}

#[cold]
unsafe fn build(typ: *const Type, slot: &AtomicPtr<u8>, memory: &Persistent) -> Option<*const u8> {
    // SAFETY: the caller's promise.
    let words = unsafe { (*typ).ptr_bytes } / 8;
    let mask = memory.alloc(words.div_ceil(64) * 8, 8)?;
    // SAFETY: the mask has a bit for every word of the prefix.
    unsafe { add_pointers(typ, mask, 0) };
    match slot.compare_exchange(ptr::null_mut(), mask, Ordering::Release, Ordering::Acquire) {
        Ok(_) => Some(mask),
        // Somebody was faster; ours is wasted (once per type at most).
        Err(other) => Some(other),
    }
}

/// Sets the bits of a value of `typ` that starts at word `at`. Recursion is as deep as the type's
/// literal nesting of arrays and structs (descriptors, not user data).
unsafe fn add_pointers(typ: *const Type, mask: *mut u8, at: usize) {
    // SAFETY: descriptors refer to descriptors; offsets stay within the outer type's prefix.
    unsafe {
        if (*typ).ptr_bytes == 0 {
            return;
        }
        if (*typ).tflag & tflag::GC_MASK_ON_DEMAND == 0 {
            let source = (*typ).gc_data;
            for word in 0..(*typ).ptr_bytes / 8 {
                if *source.add(word / 8) >> (word % 8) & 1 != 0 {
                    set(mask, at + word);
                }
            }
            return;
        }
        match (*typ).kind {
            kind::ARRAY => {
                let array = typ as *const ArrayType;
                let elem = (*array).elem;
                for index in 0..(*array).len {
                    add_pointers(elem, mask, at + index * (*elem).size / 8);
                }
            }
            kind::STRUCT => {
                let fields = &(*(typ as *const StructType)).fields;
                for index in 0..fields.len {
                    let field = &*fields.data.add(index);
                    if (*field.typ).ptr_bytes != 0 {
                        add_pointers(field.typ, mask, at + field.offset / 8);
                    }
                }
            }
            other => rt_os::throw!("type descriptor {typ:p}: kind {other} with a mask on demand"),
        }
    }
}

unsafe fn set(mask: *mut u8, word: usize) {
    // SAFETY: the caller stays within the mask.
    unsafe { *mask.add(word / 8) |= 1 << (word % 8) };
}

/// The type to note for an object made of values of `typ`: arrays without a ready mask are
/// described by their element type, so no mask as long as the array is ever built.
///
/// # Safety
/// `typ` must be a valid descriptor.
pub unsafe fn element_type(mut typ: *const Type) -> *const Type {
    // SAFETY: descriptors refer to descriptors.
    unsafe {
        while (*typ).tflag & tflag::GC_MASK_ON_DEMAND != 0 && (*typ).kind == kind::ARRAY {
            typ = (*(typ as *const ArrayType)).elem;
        }
    }
    typ
}

/// Pointer bits of an object of `size <= 512` bytes made of values of `typ`.
///
/// # Safety
/// `typ` must be a valid descriptor with pointers and a size that divides `size` or is at least
/// `size` (a prefix of the type).
#[inline]
pub unsafe fn small_mask(typ: *const Type, size: usize) -> u64 {
    // SAFETY: a type of at most 512 bytes has a mask of at most 8 bytes, padded to 8.
    let (one, words, prefix) = unsafe {
        (
            (*typ).gc_data as *const u64,
            (*typ).size / 8,
            (*typ).ptr_bytes / 8,
        )
    };
    // SAFETY: masks are padded to a multiple of 8 bytes.
    let mut mask = unsafe { one.read_unaligned() };
    if prefix < 64 {
        mask &= (1 << prefix) - 1;
    }
    let total = size / 8;
    if total <= words || words == 0 {
        return mask;
    }
    // Repeat by doubling.
    let mut have = words;
    while have < total {
        mask |= mask << have;
        have *= 2;
    }
    if total < 64 {
        mask & ((1 << total) - 1)
    } else {
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(size: usize, ptr_bytes: usize, mask: &'static [u8], flags: u8, kind: u8) -> Type {
        Type {
            size,
            ptr_bytes,
            hash: 0,
            tflag: flags,
            align: 8,
            field_align: 8,
            kind,
            equal: ptr::null(),
            gc_data: mask.as_ptr(),
            str_: 0,
            ptr_to_this: 0,
        }
    }

    #[test]
    fn small_masks_repeat() {
        // struct { *T; uintptr; *T }
        let typ = plain(24, 24, &[0b101, 0, 0, 0, 0, 0, 0, 0], 0, kind::STRUCT);
        // SAFETY: valid descriptor.
        unsafe {
            assert_eq!(small_mask(&typ, 24), 0b101);
            assert_eq!(small_mask(&typ, 48), 0b101101);
            let full = small_mask(&typ, 504);
            assert_eq!(full.count_ones(), 42);
            assert_eq!(full >> 63, 0);
        }
    }

    #[test]
    fn masks_on_demand_follow_the_structure() {
        let memory = Persistent::new();
        let pointer = plain(8, 8, &[1, 0, 0, 0, 0, 0, 0, 0], 0, kind::POINTER);
        static SLOT: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
        static SLOT2: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
        let mut array_head = plain(300 * 8, 300 * 8, &[], tflag::GC_MASK_ON_DEMAND, kind::ARRAY);
        array_head.gc_data = &SLOT as *const _ as *const u8;
        let array = ArrayType {
            typ: array_head,
            elem: &raw const pointer,
            slice: ptr::null(),
            len: 300,
        };
        let mut head = plain(
            8 + 2400,
            8 + 2400,
            &[],
            tflag::GC_MASK_ON_DEMAND,
            kind::STRUCT,
        );
        head.gc_data = &SLOT2 as *const _ as *const u8;
        let word = plain(8, 0, &[], 0, kind::UINTPTR);
        let fields = [
            abi::gotype::StructField {
                name: ptr::null(),
                typ: &word,
                offset: 0,
            },
            abi::gotype::StructField {
                name: ptr::null(),
                typ: (&raw const array).cast(),
                offset: 8,
            },
        ];
        let strukt = StructType {
            typ: head,
            pkg_path: ptr::null(),
            fields: abi::gotype::RawSlice {
                data: fields.as_ptr(),
                len: 2,
                cap: 2,
            },
        };
        // SAFETY: valid descriptors.
        unsafe {
            assert_eq!(element_type((&raw const array).cast()), &raw const pointer);
            let strukt: *const Type = (&raw const strukt).cast();
            let mask = pointer_mask(strukt, &memory).unwrap();
            let bits: Vec<bool> = (0..301)
                .map(|i| *mask.add(i / 8) >> (i % 8) & 1 != 0)
                .collect();
            assert!(!bits[0] && bits[1..].iter().all(|b| *b));
            assert_eq!(pointer_mask(strukt, &memory), Some(mask));
        }
    }
}
