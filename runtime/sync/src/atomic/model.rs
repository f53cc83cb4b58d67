//! Atomics of the same layout as core's that tell a concurrency tester of every operation before it happens. All operations are
//! sequentially consistent then: the tester tries orders of whole operations.

use core::ops::Deref;
pub use core::sync::atomic::Ordering;
use core::sync::atomic::{self, Ordering::SeqCst};
use rt_os::model::point;

/// A fence: nothing to do but to let others come first.
pub fn fence(_: Ordering) {
    point();
}

macro_rules! common {
    ([$($generic:tt)*] $name:ty, $core:ty, $value:ty) => {
        impl$($generic)* Deref for $name {
            type Target = $core;
            fn deref(&self) -> &$core {
                &self.0
            }
        }
        impl$($generic)* $name {
            /// With this value.
            pub const fn new(value: $value) -> Self {
                Self(<$core>::new(value))
            }
            /// The atomic at an address.
            ///
            /// # Safety
            /// As core's.
            pub const unsafe fn from_ptr<'a>(at: *mut $value) -> &'a Self {
                // SAFETY: the caller's promise; the layouts are the same.
                unsafe { &*(at as *mut Self) }
            }
            #[allow(missing_docs)]
            pub fn load(&self, _: Ordering) -> $value {
                point();
                self.0.load(SeqCst)
            }
            #[allow(missing_docs)]
            pub fn store(&self, value: $value, _: Ordering) {
                point();
                self.0.store(value, SeqCst);
            }
            #[allow(missing_docs)]
            pub fn swap(&self, value: $value, _: Ordering) -> $value {
                point();
                self.0.swap(value, SeqCst)
            }
            #[allow(missing_docs)]
            pub fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                _: Ordering,
                _: Ordering,
            ) -> Result<$value, $value> {
                point();
                self.0.compare_exchange(from, to, SeqCst, SeqCst)
            }
            #[allow(missing_docs)]
            pub fn compare_exchange_weak(
                &self,
                from: $value,
                to: $value,
                _: Ordering,
                _: Ordering,
            ) -> Result<$value, $value> {
                point();
                self.0.compare_exchange(from, to, SeqCst, SeqCst)
            }
        }
    };
}

macro_rules! fetch {
    ($name:ty, $value:ty: $($op:ident)*) => {
        impl $name {
            $(
                #[allow(missing_docs)]
                pub fn $op(&self, value: $value, _: Ordering) -> $value {
                    point();
                    self.0.$op(value, SeqCst)
                }
            )*
        }
    };
}

macro_rules! integers {
    ($($name:ident $value:ty;)*) => {$(
        /// As core's.
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub struct $name(atomic::$name);
        common!([] $name, atomic::$name, $value);
        fetch!($name, $value: fetch_add fetch_sub fetch_or fetch_and fetch_xor fetch_max fetch_min);
    )*};
}
integers! {
    AtomicI32 i32;
    AtomicI64 i64;
    AtomicIsize isize;
    AtomicU8 u8;
    AtomicU16 u16;
    AtomicU32 u32;
    AtomicU64 u64;
    AtomicUsize usize;
}

/// As core's.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct AtomicBool(atomic::AtomicBool);
common!([] AtomicBool, atomic::AtomicBool, bool);
fetch!(AtomicBool, bool: fetch_or fetch_and);

/// As core's.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct AtomicPtr<T>(atomic::AtomicPtr<T>);
common!([<T>] AtomicPtr<T>, atomic::AtomicPtr<T>, *mut T);
