//! `hchan`: layout as gc's, since tools and std's facts name it; queues of waiters; copies of elements.

use abi::gotype::Type;
use core::cell::Cell;
use core::ptr;
use rt_sched::g::G;
use rt_sched::hooks::{HOOKS, barrier_on};
use rt_sched::sudog::Sudog;
use rt_sched::timer::Timer;
use rt_sync::SpinLock;
use rt_sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Waiters in order of arrival.
#[repr(C)]
pub struct WaitQueue {
    first: Cell<*const Sudog>,
    last: Cell<*const Sudog>,
}

impl WaitQueue {
    /// Nobody waits. [lock, or a hint]
    pub fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// Appends. [lock]
    pub fn push(&self, sudog: &'static Sudog) {
        sudog.next.set(ptr::null());
        sudog.prev.set(self.last.get());
        // SAFETY: null or a queued sudog.
        match unsafe { self.last.get().as_ref() } {
            Some(last) => last.next.set(sudog),
            None => self.first.set(sudog),
        }
        self.last.set(sudog);
    }

    /// Removes a sudog if it is queued. [lock]
    pub fn remove(&self, sudog: &'static Sudog) {
        let (prev, next) = (sudog.prev.get(), sudog.next.get());
        if prev.is_null() && !ptr::eq(self.first.get(), sudog) {
            return;
        }
        // SAFETY: neighbours are queued.
        unsafe {
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => self.first.set(next),
            }
            match next.as_ref() {
                Some(next) => next.prev.set(prev),
                None => self.last.set(prev),
            }
        }
        sudog.next.set(ptr::null());
        sudog.prev.set(ptr::null());
    }

    /// Takes the first waiter that can still be woken: a select that another channel has won is skipped. The waiter's goroutine is told
    /// which sudog woke it. [lock]
    pub fn pop(&self) -> Option<&'static Sudog> {
        loop {
            // SAFETY: null or a queued sudog.
            let sudog = unsafe { self.first.get().as_ref() }?;
            self.remove(sudog);
            let g = sudog.g();
            if sudog.is_select.get()
                && g.select_done
                    .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed)
                    .is_err()
            {
                continue;
            }
            g.scratch[0].set(sudog as *const Sudog as usize);
            return Some(sudog);
        }
    }
}

/// A channel.
#[repr(C)]
pub struct Hchan {
    /// Elements in the buffer. Written under the lock; read without as a hint.
    pub count: AtomicUsize,
    /// Capacity.
    pub capacity: usize,
    /// Array of `capacity` elements.
    pub buffer: usize,
    /// Bytes of an element.
    pub elem_size: u16,
    /// 1 once closed.
    pub closed: AtomicU32,
    /// Timer that sends on it, null if none (heap pointer into the timer's object).
    pub timer: Cell<*const Timer>,
    #[allow(missing_docs)]
    pub elem_type: *const Type,
    /// Next slot to send to, to receive from. [lock]
    pub send_index: Cell<usize>,
    #[allow(missing_docs)]
    pub recv_index: Cell<usize>,
    /// Waiting receivers, senders. [lock]
    pub receivers: WaitQueue,
    #[allow(missing_docs)]
    pub senders: WaitQueue,
    /// synctest bubble in which it was made.
    pub bubble: Cell<usize>,
    #[allow(missing_docs)]
    pub lock: SpinLock,
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<Hchan>() == 112);
    assert!(
        offset_of!(Hchan, elem_size) == 24
            && offset_of!(Hchan, closed) == 28
            && offset_of!(Hchan, timer) == 32
    );
    assert!(
        offset_of!(Hchan, receivers) == 64
            && offset_of!(Hchan, senders) == 80
            && offset_of!(Hchan, lock) == 104
    );
};

/// Descriptor for the collector: pointers in `buffer` and `timer`.
struct StaticType(Type);
// SAFETY: read-only.
unsafe impl Sync for StaticType {}

static HCHAN_MASK: [u8; 8] = [0b1_0100, 0, 0, 0, 0, 0, 0, 0];
static HCHAN_TYPE: StaticType = StaticType(Type {
    size: size_of::<Hchan>(),
    ptr_bytes: 40,
    hash: 0,
    tflag: 0,
    align: 8,
    field_align: 8,
    kind: abi::gotype::kind::STRUCT,
    equal: ptr::null(),
    gc_data: &raw const HCHAN_MASK as *const u8,
    str_: 0,
    ptr_to_this: 0,
});

/// Address space that a buffer may take.
const MAX_BYTES: usize = 1 << 47;

impl Hchan {
    /// A new channel, or `None` if the size is absurd.
    ///
    /// # Safety
    /// `elem` is a descriptor; runs in a system function (allocates).
    pub unsafe fn make(elem: *const Type, capacity: i64) -> Option<&'static Hchan> {
        // SAFETY: the compiler's descriptor.
        let elem_size = unsafe { (*elem).size };
        let bytes = usize::try_from(capacity).ok()?.checked_mul(elem_size)?;
        if bytes > MAX_BYTES - size_of::<Hchan>() {
            return None;
        }
        let head = size_of::<Hchan>();
        let malloc = HOOKS.malloc.get();
        // SAFETY: as above.
        let (at, buffer) = if bytes == 0 || unsafe { (*elem).noscan() } {
            if bytes == 0 {
                let at = malloc(head, &raw const HCHAN_TYPE.0);
                (at, at)
            } else {
                let at = malloc(head + bytes, ptr::null());
                (at, at + head)
            }
        } else {
            // Each allocation is a safepoint at which a whole collection may run.
            let buffer = malloc(bytes, elem);
            G::current().keep(buffer);
            (malloc(head, &raw const HCHAN_TYPE.0), buffer)
        };
        let bubble = G::current().bubble.get() as usize;
        // SAFETY: fresh zeroed memory; zero is the initial state of everything not written here.
        unsafe {
            let chan = at as *mut Hchan;
            (*chan).capacity = capacity as usize;
            if barrier_on() && buffer != at {
                HOOKS.wb_slot.get()(0, buffer);
            }
            (*chan).buffer = buffer;
            (*chan).elem_size = elem_size as u16;
            (*chan).elem_type = elem;
            (*chan).bubble.set(bubble);
            Some(&*chan)
        }
    }

    /// The channel at an address, `None` for nil.
    ///
    /// # Safety
    /// `at` is 0 or a channel that the calling goroutine keeps alive.
    pub unsafe fn from_addr(at: usize) -> Option<&'static Hchan> {
        // SAFETY: the caller's promise.
        unsafe { (at as *const Hchan).as_ref() }
    }

    /// Address, for sudogs.
    pub fn addr(&self) -> usize {
        self as *const Hchan as usize
    }

    /// Releases the lock that the caller holds.
    pub fn unlock(&self) {
        // SAFETY: callers hold it.
        unsafe { self.lock.unlock() };
    }

    /// Its timer.
    pub fn timer(&self) -> Option<&'static Timer> {
        // SAFETY: null or a timer that lives at least as long as the channel (the collector follows the field).
        unsafe { self.timer.get().as_ref() }
    }

    fn slot(&self, index: usize) -> usize {
        self.buffer + index * self.elem_size as usize
    }

    /// Copies an element, with the barrier; the places do not overlap.
    pub fn copy_elem(&self, dst: usize, src: usize) {
        let size = self.elem_size as usize;
        if dst == 0 || size == 0 {
            return;
        }
        // SAFETY: both are places for an element: buffer slots, or variables of goroutines that wait or are running this operation.
        unsafe {
            if barrier_on() && !(*self.elem_type).noscan() {
                HOOKS.wb_typed.get()(self.elem_type, dst, src);
            }
            match size {
                8 => (dst as *mut u64).write_unaligned((src as *const u64).read_unaligned()),
                _ => ptr::copy_nonoverlapping(src as *const u8, dst as *mut u8, size),
            }
        }
    }

    /// Zeroes a place for an element, with the barrier.
    pub fn clear_elem(&self, dst: usize) {
        let size = self.elem_size as usize;
        if dst == 0 || size == 0 {
            return;
        }
        // SAFETY: as in copy_elem.
        unsafe {
            if barrier_on() && !(*self.elem_type).noscan() {
                HOOKS.wb_typed.get()(self.elem_type, dst, 0);
            }
            ptr::write_bytes(dst as *mut u8, 0, size);
        }
    }

    /// Puts an element into the buffer, which has room. [lock]
    pub fn enqueue(&self, src: usize) {
        let index = self.send_index.get();
        self.copy_elem(self.slot(index), src);
        self.send_index.set(if index + 1 == self.capacity {
            0
        } else {
            index + 1
        });
        self.count
            .store(self.count.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Takes an element out of the buffer, which has one. [lock]
    pub fn dequeue(&self, dst: usize) {
        let index = self.recv_index.get();
        let slot = self.slot(index);
        self.copy_elem(dst, slot);
        // SAFETY: the compiler's descriptor.
        if !unsafe { (*self.elem_type).noscan() } {
            self.clear_elem(slot);
        }
        self.recv_index.set(if index + 1 == self.capacity {
            0
        } else {
            index + 1
        });
        self.count
            .store(self.count.load(Ordering::Relaxed) - 1, Ordering::Release);
    }

    /// A buffered channel is full and a sender waits: gives the oldest element to the receiver, the sender's takes its slot. [lock]
    pub fn rotate(&self, dst: usize, src: usize) {
        let index = self.recv_index.get();
        let slot = self.slot(index);
        self.copy_elem(dst, slot);
        self.copy_elem(slot, src);
        let next = if index + 1 == self.capacity {
            0
        } else {
            index + 1
        };
        self.recv_index.set(next);
        self.send_index.set(next);
    }
}
