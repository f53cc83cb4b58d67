//! Finalizers, cleanups, weak pointers: what the program attaches to objects.

use crate::gc::Gc;
use crate::mark::Marker;
use crate::world::World;
use rt_heap::specials::{self, SpecialKind};
use rt_heap::{Finalizer, MCache, ObjectRef, OutOfMemory};
use rt_sync::atomic::{AtomicUsize, Ordering};

/// Why nothing was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The address is in no heap object (a global, the zero-size object): nothing to wait for.
    NotHeap,
    /// Not the object's beginning (finalizers only; tiny objects may begin anywhere).
    NotStart,
    /// It has a finalizer already.
    AlreadySet,
    /// No memory for the record.
    NoMemory,
}

impl Gc {
    /// Makes sure that the object's span is swept, so that what is attached now is not taken for
    /// something of the past cycle.
    fn swept_object(&self, addr: usize) -> Option<ObjectRef> {
        let object = self.heap().find_object(addr)?;
        self.heap().ensure_swept(object.span);
        // Still there: the caller holds it.
        self.heap().find_object(addr)
    }

    fn attach(
        &self,
        object: &ObjectRef,
        addr: usize,
        kind: SpecialKind,
        payload: [usize; 3],
    ) -> Result<(), AttachError> {
        let heap = self.heap();
        let offset = addr - object.span.start();
        let Some(special) = heap.specials.make(&heap.memory, kind, offset, payload) else {
            return Err(AttachError::NoMemory);
        };
        // SAFETY: fresh record; the object is allocated and its span swept.
        unsafe {
            if !specials::attach(object.span, special) {
                heap.specials.give(special);
                return Err(AttachError::AlreadySet);
            }
            // The root job for this span may be over.
            if self.is_marking() {
                let mut marker = Marker::new(self);
                self.shade_special(&mut marker, object.span, &*special);
                marker.finish();
            }
        }
        Ok(())
    }

    /// `runtime.SetFinalizer` with a function. The caller has checked the types.
    ///
    /// # Safety
    /// The caller's goroutine holds the object; runs with a P, not at a safepoint.
    pub unsafe fn set_finalizer(
        &self,
        addr: usize,
        finalizer: Finalizer,
    ) -> Result<(), AttachError> {
        let object = self.swept_object(addr).ok_or(AttachError::NotHeap)?;
        if addr != object.data()
            && !(object.span.noscan() && object.size == abi::sizeclass::TINY_SIZE)
        {
            return Err(AttachError::NotStart);
        }
        let payload = [
            finalizer.func,
            finalizer.arg_type as usize,
            finalizer.result_bytes,
        ];
        self.attach(&object, addr, SpecialKind::Finalizer, payload)
    }

    /// `runtime.SetFinalizer(obj, nil)`.
    ///
    /// # Safety
    /// As [`Gc::set_finalizer`].
    pub unsafe fn remove_finalizer(&self, addr: usize) {
        self.remove(addr, |special| special.kind == SpecialKind::Finalizer);
    }

    fn remove(&self, addr: usize, matches: impl Fn(&specials::Special) -> bool) -> bool {
        let Some(object) = self.swept_object(addr) else {
            return false;
        };
        let removed = specials::detach(object.span, addr - object.span.start(), matches);
        if let Some(special) = removed {
            // SAFETY: detached.
            unsafe { self.heap().specials.give(special) };
        }
        removed.is_some()
    }

    /// `runtime.AddCleanup`: `func` (a func value without parameters, its argument bound) runs
    /// once the object is unreachable. Returns the cleanup's id.
    ///
    /// # Safety
    /// As [`Gc::set_finalizer`].
    pub unsafe fn add_cleanup(&self, addr: usize, func: usize) -> Result<usize, AttachError> {
        let object = self.swept_object(addr).ok_or(AttachError::NotHeap)?;
        let id = self.heap().specials.next_cleanup_id();
        self.attach(&object, addr, SpecialKind::Cleanup, [func, id, 0])?;
        Ok(id)
    }

    /// `Cleanup.Stop`; false if it ran or runs already.
    ///
    /// # Safety
    /// As [`Gc::set_finalizer`], except that the object may be gone.
    pub unsafe fn stop_cleanup(&self, addr: usize, id: usize) -> bool {
        self.remove(addr, |special| {
            special.kind == SpecialKind::Cleanup && special.payload[1] == id
        })
    }

    /// `weak.Make`: the handle of the address, an 8-byte pointer-free heap word that holds the
    /// address until the object is gone. The same address always has the same handle.
    ///
    /// # Safety
    /// As [`Gc::set_finalizer`], at a safepoint on a system stack (may allocate).
    pub unsafe fn weak_handle(
        &self,
        world: &dyn World,
        cache: *mut MCache,
        addr: usize,
    ) -> Result<usize, WeakError> {
        // Allocate first: afterwards nothing stops the world until the record is attached.
        // 16 bytes: not a tiny object, which would share its block's life.
        // SAFETY: the caller's promise.
        let fresh = unsafe { self.malloc(world, cache, 16, core::ptr::null(), true) }
            .map_err(WeakError::NoMemory)?;
        let fresh = fresh.as_ptr() as usize;
        let object = self.swept_object(addr).ok_or(WeakError::NotHeap)?;
        let offset = addr - object.span.start();
        let mut found = 0;
        specials::for_each(object.span, |special| {
            if special.offset == offset && special.kind == SpecialKind::WeakHandle {
                found = special.payload[0];
            }
        });
        if found == 0 {
            // SAFETY: a fresh object of ours.
            unsafe { (*(fresh as *const AtomicUsize)).store(addr, Ordering::Release) };
            match self.attach(&object, addr, SpecialKind::WeakHandle, [fresh, 0, 0]) {
                Ok(()) => return Ok(fresh),
                Err(AttachError::AlreadySet) => {
                    // Another thread was faster; the handle is in the list now.
                    specials::for_each(object.span, |special| {
                        if special.offset == offset && special.kind == SpecialKind::WeakHandle {
                            found = special.payload[0];
                        }
                    });
                }
                Err(_) => {
                    return Err(WeakError::NoMemory(OutOfMemory {
                        size: size_of::<specials::Special>(),
                    }));
                }
            }
        }
        // SAFETY: the current P's cache; the handle was reachable only from the record so far.
        unsafe { self.shade(world.current_mcache(), found) };
        Ok(found)
    }

    /// `weak.Pointer.Value`: the address in a handle if its object is still there, else 0. During
    /// marking the object is shaded: it is strong from now on.
    ///
    /// # Safety
    /// `handle` came from [`Gc::weak_handle`]; runs with a P, not at a safepoint; `cache` is that
    /// P's.
    pub unsafe fn strong_from_weak(&self, cache: *mut MCache, handle: usize) -> usize {
        // SAFETY: handles are heap words that the caller keeps alive.
        let word = unsafe { &*(handle as *const AtomicUsize) };
        loop {
            let addr = word.load(Ordering::Acquire);
            if addr == 0 {
                return 0;
            }
            let Some(span) = self.heap().span_of(addr) else {
                return 0;
            };
            // An unswept span may hold the object only because nobody swept it yet.
            if span.sweepgen() != self.heap().sweepgen() {
                self.heap().ensure_swept(span);
                continue;
            }
            // SAFETY: the caller's promise.
            unsafe { self.shade(cache, addr) };
            return if word.load(Ordering::Acquire) == addr {
                addr
            } else {
                0
            };
        }
    }
}

/// Why there is no handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeakError {
    /// The address is in no heap object: it never goes away.
    NotHeap,
    /// No memory.
    NoMemory(OutOfMemory),
}
