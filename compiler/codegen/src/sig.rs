//! From MIR types to Cranelift signatures, by the rules of [`abi::call`].

use abi::call::{ArgAssigner, ArgPlace, Class, INT_ARGS, ResultAssigner};
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, Signature, Type, types};
use cranelift_codegen::isa::CallConv;
use mir::{Scalar, Ty, TypeTable};
use smallvec::SmallVec;

/// Cranelift's type of a scalar.
pub fn clif_type(scalar: Scalar) -> Type {
    match scalar {
        Scalar::I8 => types::I8,
        Scalar::I16 => types::I16,
        Scalar::I32 => types::I32,
        Scalar::I64 | Scalar::Ptr => types::I64,
        Scalar::F32 => types::F32,
        Scalar::F64 => types::F64,
    }
}

/// How the values of one signature travel.
#[derive(Clone, Debug)]
pub struct FuncAbi {
    /// The Cranelift signature: result area pointer, then register scalars in order, then the overflow pointer.
    pub sig: Signature,
    /// Place of each argument scalar, in order.
    pub args: SmallVec<[(Scalar, ArgPlace); 8]>,
    /// 8-byte words in the overflow area.
    pub overflow_words: u32,
    /// Unused integer parameters before the overflow pointer.
    pub padding: usize,
    /// Where each result is.
    pub results: SmallVec<[ResultPlace; 4]>,
    /// Size and alignment of the result area; size 0 = none.
    pub area_size: u32,
}

/// Where a result is.
#[derive(Clone, Debug)]
pub enum ResultPlace {
    /// In registers: its scalars are the next ones among the signature's returns.
    Registers(SmallVec<[Scalar; 4]>),
    /// In the result area at this offset, held in SSA form by the function.
    AreaSsa(u32),
    /// In the result area at this offset, an in-memory type of this size.
    AreaMemory(u32),
}

/// Scalars of an argument: an in-memory value travels as one pointer.
pub fn arg_scalars(types: &TypeTable, ty: Ty) -> SmallVec<[Scalar; 4]> {
    match types.leaves(ty) {
        Some(leaves) => leaves.into_iter().map(|(s, _)| s).collect(),
        None => SmallVec::from_slice(&[Scalar::Ptr]),
    }
}

/// The ABI of a function with these parameter and result types. `external` functions are written in Rust or assembly against
/// the C convention: narrow integers are zero-extended for them.
pub fn func_abi(types: &TypeTable, params: &[Ty], results: &[Ty], external: bool) -> FuncAbi {
    let mut sig = Signature::new(CallConv::Tail);
    let mut result_assigner = ResultAssigner::default();
    let mut area = 0u64;
    let mut places = SmallVec::new();
    for &ty in results {
        let leaves = types.leaves(ty);
        let counts = leaves.as_ref().map(|l| {
            let floats = l.iter().filter(|(s, _)| s.class() == Class::Float).count();
            (l.len() - floats, floats)
        });
        if result_assigner.in_registers(counts) {
            let scalars: SmallVec<[Scalar; 4]> =
                leaves.into_iter().flatten().map(|(s, _)| s).collect();
            sig.returns
                .extend(scalars.iter().map(|&s| AbiParam::new(clif_type(s))));
            places.push(ResultPlace::Registers(scalars));
        } else {
            let layout = types.layout(ty);
            area = area.next_multiple_of(layout.align);
            places.push(if leaves.is_some() {
                ResultPlace::AreaSsa(area as u32)
            } else {
                ResultPlace::AreaMemory(area as u32)
            });
            area += layout.size;
        }
    }
    // A result area of zero-size in-memory values still needs an address.
    let has_area = places
        .iter()
        .any(|p| !matches!(p, ResultPlace::Registers(_)));
    let area_size = if has_area {
        area.max(8).next_multiple_of(8)
    } else {
        0
    } as u32;
    let scalars: SmallVec<[Scalar; 8]> = params
        .iter()
        .flat_map(|&ty| arg_scalars(types, ty))
        .collect();
    let floats = scalars.iter().filter(|s| s.class() == Class::Float).count();
    let mut assigner = ArgAssigner::new(scalars.len() - floats, floats, has_area);
    if has_area {
        sig.params.push(AbiParam::new(types::I64));
    }
    let mut args = SmallVec::new();
    let mut padding = 0;
    for scalar in scalars {
        let place = assigner.place(scalar.class());
        if !matches!(place, ArgPlace::Overflow(_)) {
            let mut param = AbiParam::new(clif_type(scalar));
            if external && matches!(scalar, Scalar::I8 | Scalar::I16 | Scalar::I32) {
                param.extension = ArgumentExtension::Uext;
            }
            sig.params.push(param);
        }
        args.push((scalar, place));
    }
    if assigner.has_overflow() {
        // The overflow pointer takes the last integer register: unused ones before it are padded.
        let used = sig.params.iter().filter(|p| p.value_type.is_int()).count();
        padding = INT_ARGS - 1 - used;
        sig.params
            .extend(std::iter::repeat_n(AbiParam::new(types::I64), padding + 1));
    }
    FuncAbi {
        sig,
        args,
        overflow_words: assigner.overflow_words() as u32,
        padding,
        results: places,
        area_size,
    }
}

impl FuncAbi {
    /// Whether an overflow pointer is passed.
    pub fn has_overflow(&self) -> bool {
        self.overflow_words > 0
    }
}
