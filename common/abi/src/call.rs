//! Where arguments and results of a Go function travel.
//!
//! 1. Every value is flattened to scalars ([`Class`]): a string is (pointer, int), a slice (pointer, int, int),
//!    an interface (pointer, pointer), a complex number two floats; a struct or one-element array flattens to its
//!    fields. A value that flattens to more than [`MAX_LEAVES`] scalars, or holds an array of more than one element, is
//!    *in memory*: an argument is passed as a pointer to a copy that the caller made and the callee owns; a result
//!    is written to the result area. Values of size zero take no place.
//! 2. Arguments: the first [`INT_ARGS`] integer and [`FLOAT_ARGS`] float scalars are in registers. If the function has
//!    a result area its address is the first integer argument. If scalars remain, the last integer register
//!    instead holds the address of an overflow area in the caller's frame with one 8-byte word for
//!    each scalar that has no register, in order.
//! 3. Results: whole values are assigned in order while all of their scalars fit the remaining [`INT_RESULTS`] /
//!    [`FLOAT_RESULTS`] registers; the first value that does not fit and every value after it (and every in-memory
//!    value) is in the result area, laid out like a struct of those values (Go alignment rules).

/// Integer argument registers (rdi rsi rdx rcx r8 r9).
pub const INT_ARGS: usize = 6;
/// Float argument registers (xmm0..7).
pub const FLOAT_ARGS: usize = 8;
/// Integer result registers (rax rcx rdx rsi rdi r8 r9 r10).
pub const INT_RESULTS: usize = 8;
/// Float result registers (xmm0..7).
pub const FLOAT_RESULTS: usize = 8;
/// Most scalars of a value that is passed, returned and held in SSA form.
pub const MAX_LEAVES: usize = 4;

/// Register class of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Integers, booleans, pointers.
    Int,
    /// float32, float64.
    Float,
}

/// Place of one argument scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgPlace {
    /// n-th integer argument register.
    Int(u8),
    /// n-th float argument register.
    Float(u8),
    /// n-th word of the overflow area.
    Overflow(u16),
}

/// Assigns argument scalars to places. Feed scalars in order to [`ArgAssigner::place`] after telling the counts.
#[derive(Clone, Copy, Debug)]
pub struct ArgAssigner {
    int_limit: usize,
    int: usize,
    float: usize,
    overflow: u16,
    has_overflow: bool,
}

impl ArgAssigner {
    /// For `ints` integer and `floats` float scalars, with or without a result area.
    pub const fn new(ints: usize, floats: usize, result_area: bool) -> Self {
        let first = result_area as usize;
        let has_overflow = ints + first > INT_ARGS || floats > FLOAT_ARGS;
        let int_limit = if has_overflow { INT_ARGS - 1 } else { INT_ARGS };
        ArgAssigner {
            int_limit,
            int: first,
            float: 0,
            overflow: 0,
            has_overflow,
        }
    }
    /// Whether the last integer register carries the overflow area's address.
    pub const fn has_overflow(&self) -> bool {
        self.has_overflow
    }
    /// The place of the next scalar.
    pub const fn place(&mut self, class: Class) -> ArgPlace {
        match class {
            Class::Int if self.int < self.int_limit => {
                self.int += 1;
                ArgPlace::Int((self.int - 1) as u8)
            }
            Class::Float if self.float < FLOAT_ARGS => {
                self.float += 1;
                ArgPlace::Float((self.float - 1) as u8)
            }
            _ => {
                self.overflow += 1;
                ArgPlace::Overflow(self.overflow - 1)
            }
        }
    }
    /// Words in the overflow area so far.
    pub const fn overflow_words(&self) -> u16 {
        self.overflow
    }
}

/// Decides which results are in registers. Feed values in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResultAssigner {
    int: usize,
    float: usize,
    spilled: bool,
}

impl ResultAssigner {
    /// Whether the next value, with so many scalars (`None` = in memory), is returned in registers.
    pub const fn in_registers(&mut self, scalars: Option<(usize, usize)>) -> bool {
        let Some((ints, floats)) = scalars else {
            self.spilled = true;
            return false;
        };
        if self.spilled || self.int + ints > INT_RESULTS || self.float + floats > FLOAT_RESULTS {
            // A value without scalars (size zero) is never a reason for a result area.
            if ints + floats == 0 {
                return true;
            }
            self.spilled = true;
            return false;
        }
        self.int += ints;
        self.float += floats;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seventh_integer_moves_the_tail_to_the_overflow_area() {
        let mut a = ArgAssigner::new(7, 0, false);
        let places: [ArgPlace; 7] = core::array::from_fn(|_| a.place(Class::Int));
        assert_eq!(places[4], ArgPlace::Int(4));
        assert_eq!(places[5], ArgPlace::Overflow(0));
        assert_eq!(places[6], ArgPlace::Overflow(1));
        let mut b = ArgAssigner::new(5, 1, true);
        assert_eq!(b.place(Class::Int), ArgPlace::Int(1));
        assert_eq!(b.place(Class::Float), ArgPlace::Float(0));
        assert!(!b.has_overflow());
    }
}
