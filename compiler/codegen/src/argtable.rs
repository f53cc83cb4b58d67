//! The table of parameters for tracebacks ([`abi::module::args`]).

use abi::call::ArgPlace;
use abi::module::args::*;
use base::FxHashMap;
use mir::{Function, Ty, TyKind, TypeTable};

use crate::sig;
use crate::tables::uleb;

/// Shapes and records; equal ones are there once.
#[derive(Default)]
pub(crate) struct ArgTable {
    pub bytes: Vec<u8>,
    known: FxHashMap<Vec<u8>, u32>,
}

impl ArgTable {
    /// The offset of a function's record. `places`: what code generation found.
    pub fn add(&mut self, types: &TypeTable, func: &Function, places: &[u8]) -> u32 {
        let shape = self.intern(shape(types, func));
        let mut record = Vec::new();
        uleb(&mut record, shape as u64);
        match places {
            [] => record.push(0),
            places => record.extend_from_slice(places),
        }
        self.intern(record)
    }

    fn intern(&mut self, bytes: Vec<u8>) -> u32 {
        *self.known.entry(bytes).or_insert_with_key(|bytes| {
            let at = self.bytes.len() as u32;
            self.bytes.extend_from_slice(bytes);
            at
        })
    }
}

/// Where the words of one parameter are.
#[derive(Clone, Copy)]
enum From<'a> {
    /// Scalars of their own: machine parameter and kind, and the offset for those that are pointed to, by order.
    Scalars(&'a [(u8, u8, u32)]),
    /// A copy in memory that this machine parameter points to.
    Copy(u8),
    Nowhere,
}

struct Shape<'a> {
    types: &'a TypeTable,
    out: Vec<u8>,
    left: usize,
}

fn shape(types: &TypeTable, func: &Function) -> Vec<u8> {
    let abi = sig::func_abi(types, &func.params, &func.results, false);
    let mut next = (abi.area_size > 0) as u8;
    let pointer = (abi.sig.params.len() as u8).wrapping_sub(1);
    let scalars: Vec<(u8, u8, u32)> = abi
        .args
        .iter()
        .map(|&(_, place)| match place {
            ArgPlace::Overflow(n) => (pointer, POINTED, n as u32 * 8),
            ArgPlace::Int(_) | ArgPlace::Float(_) => {
                next += 1;
                (next - 1, DIRECT, 0)
            }
        })
        .collect();
    let mut shape = Shape {
        types,
        out: Vec::new(),
        left: WORDS,
    };
    let mut rest = &scalars[..];
    for &ty in &func.params {
        let (own, others) = rest.split_at(sig::arg_scalars(types, ty).len());
        rest = others;
        let from = match own {
            _ if types.is_ssa(ty) => From::Scalars(own),
            &[(param, DIRECT, _)] => From::Copy(param),
            _ => From::Nowhere,
        };
        if !shape.value(ty, 0, 0, from, &mut 0) {
            break;
        }
    }
    shape.out.push(END);
    shape.out
}

impl Shape<'_> {
    /// `at`: offset in the parameter, `scalar`: number of its next one. False when there was no room for it: dots stand for it and
    /// what follows at its level. What it is part of was begun, so that has room.
    fn value(&mut self, ty: Ty, at: u64, depth: usize, from: From<'_>, scalar: &mut usize) -> bool {
        if self.left == 0 {
            self.out.push(MORE);
            return false;
        }
        let types = self.types;
        let words = |count: u64, size: u8| (0..count).map(move |n| (None, n << size, size));
        let parts: Vec<(Option<Ty>, u64, u8)> = match types.under(ty) {
            TyKind::String | TyKind::Interface(_) => words(2, 3).collect(),
            TyKind::Slice(_) => words(3, 3).collect(),
            TyKind::Complex64 => words(2, 2).collect(),
            TyKind::Complex128 => words(2, 3).collect(),
            TyKind::Array(elem, count) => {
                let size = types.layout(*elem).size;
                let count = (*count).min(WORDS as u64 + 1);
                (0..count).map(|n| (Some(*elem), n * size, 0)).collect()
            }
            TyKind::Struct(fields) => fields
                .iter()
                .take(WORDS + 1)
                .enumerate()
                .map(|(n, field)| (Some(field.ty), types.field_offset(ty, n), 0))
                .collect(),
            _ => {
                let size = types.layout(ty).size.trailing_zeros() as u8;
                self.word(at, size, from, scalar);
                return true;
            }
        };
        self.out.push(OPEN);
        if depth + 1 >= DEPTH {
            self.out.extend([MORE, CLOSE]);
            self.left -= 1;
            *scalar += types.leaves(ty).map_or(0, |leaves| leaves.len());
            return true;
        }
        if parts.is_empty() {
            self.left -= 1;
        }
        for (part, offset, size) in parts {
            let fits = match part {
                Some(ty) => self.value(ty, at + offset, depth + 1, from, scalar),
                None if self.left == 0 => {
                    self.out.push(MORE);
                    false
                }
                None => {
                    self.word(at + offset, size, from, scalar);
                    true
                }
            };
            if !fits {
                break;
            }
        }
        self.out.push(CLOSE);
        true
    }

    fn word(&mut self, at: u64, size: u8, from: From<'_>, scalar: &mut usize) {
        self.left -= 1;
        let (param, kind, offset) = match from {
            From::Scalars(scalars) => {
                *scalar += 1;
                scalars.get(*scalar - 1).copied().unwrap_or((0, UNKNOWN, 0))
            }
            From::Copy(param) => (param, COPY, at as u32),
            From::Nowhere => (0, UNKNOWN, 0),
        };
        if param as usize >= PARAMS {
            self.out.push(UNKNOWN << 2);
            return;
        }
        self.out.push(param << 4 | kind << 2 | size);
        if matches!(kind, POINTED | COPY) {
            uleb(&mut self.out, offset as u64);
        }
    }
}
