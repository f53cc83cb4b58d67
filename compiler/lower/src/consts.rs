//! Constants.

use mir::{Init, Op, Reloc, Ty, TyKind, TypeTable, Value};
use types::constant::ConstValue;

use crate::cx::Cx;
use crate::func::FnCx;

impl FnCx<'_, '_> {
    /// A constant of this type. Interface types hold the constant's default type.
    pub(crate) fn constant(&mut self, c: &ConstValue, ty: Ty) -> Value {
        match self.cx.p.types.under(ty).clone() {
            TyKind::Bool => {
                let b = matches!(c, ConstValue::Bool(true));
                self.int(b as i64, ty)
            }
            TyKind::Int(_) | TyKind::UnsafePointer | TyKind::Pointer(_) => {
                self.int(int_bits(c), ty)
            }
            TyKind::Float32 | TyKind::Float64 => self.float(c, ty),
            TyKind::Complex64 | TyKind::Complex128 => {
                let part = self.cx.p.types.component_type(ty, 0);
                let (re, im) = c
                    .parts()
                    .unwrap_or((ConstValue::Int(0), ConstValue::Int(0)));
                let re = self.float(&re, part);
                let im = self.float(&im, part);
                self.make(ty, &[re, im])
            }
            TyKind::String => match c {
                ConstValue::Str(bytes) => self.string(bytes, ty),
                _ => self.string(b"", ty),
            },
            TyKind::Interface(_) => {
                let default = default_type(c);
                let v = self.constant(c, default);
                self.convert_value(v, default, ty)
            }
            _ => self.zero(ty),
        }
    }
    fn float(&mut self, c: &ConstValue, ty: Ty) -> Value {
        let bits = float_bits(c, matches!(self.cx.p.types.under(ty), TyKind::Float32));
        self.b.emit_value(Op::Float(bits), ty)
    }
    /// A string constant.
    pub(crate) fn string(&mut self, bytes: &[u8], ty: Ty) -> Value {
        if bytes.is_empty() {
            return self.b.emit_value(Op::Zero, ty);
        }
        let data = self.cx.string_data(bytes);
        self.b.emit_value(Op::Str(data, bytes.len() as u64), ty)
    }
}

/// The type an untyped constant takes by itself.
pub(crate) fn default_type(c: &ConstValue) -> Ty {
    match c {
        ConstValue::Bool(_) => TypeTable::BOOL,
        ConstValue::Str(_) => TypeTable::STRING,
        ConstValue::Int(_) | ConstValue::BigInt(_) => TypeTable::INT,
        ConstValue::Float(_) => TypeTable::FLOAT64,
        ConstValue::Complex(_) => TypeTable::COMPLEX128,
        ConstValue::Unknown => TypeTable::INT,
    }
}

/// The low 64 bits of an integer constant.
pub(crate) fn int_bits(c: &ConstValue) -> i64 {
    match c {
        ConstValue::Int(n) => *n,
        _ => c
            .to_i64()
            .or_else(|| c.to_u64().map(|n| n as i64))
            .unwrap_or(0),
    }
}

/// The bits of the nearest f64; for float32 of the nearest f32, widened.
pub(crate) fn float_bits(c: &ConstValue, single: bool) -> u64 {
    if single {
        (f64::from(c.to_f32().unwrap_or(0.0))).to_bits()
    } else {
        c.to_f64().unwrap_or(0.0).to_bits()
    }
}

impl Cx<'_> {
    /// Writes a constant into static data.
    pub(crate) fn write_const(&mut self, c: &ConstValue, ty: Ty, init: &mut Init, at: u64) {
        let at = at as usize;
        let mut put = |bytes: &[u8]| init.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        match self.p.types.under(ty).clone() {
            TyKind::Bool => put(&[matches!(c, ConstValue::Bool(true)) as u8]),
            TyKind::Int(kind) => put(&int_bits(c).to_le_bytes()[..kind.size() as usize]),
            TyKind::UnsafePointer | TyKind::Pointer(_) => put(&int_bits(c).to_le_bytes()),
            TyKind::Float32 => put(&c.to_f32().unwrap_or(0.0).to_le_bytes()),
            TyKind::Float64 => put(&c.to_f64().unwrap_or(0.0).to_le_bytes()),
            TyKind::Complex64 | TyKind::Complex128 => {
                let (re, im) = c
                    .parts()
                    .unwrap_or((ConstValue::Int(0), ConstValue::Int(0)));
                let part = self.p.types.component_type(ty, 0);
                let size = self.p.types.layout(part).size;
                self.write_const(&re, part, init, at as u64);
                self.write_const(&im, part, init, at as u64 + size);
            }
            TyKind::String => {
                if let ConstValue::Str(bytes) = c {
                    if !bytes.is_empty() {
                        let data = self.string_data(bytes);
                        init.bytes[at + 8..at + 16]
                            .copy_from_slice(&(bytes.len() as u64).to_le_bytes());
                        put_reloc(init, at as u64, Reloc::Data(data, 0));
                    }
                }
            }
            _ => {}
        }
    }
}

/// Adds a relocation, keeping the list sorted.
pub(crate) fn put_reloc(init: &mut Init, at: u64, reloc: Reloc) {
    let at = at as u32;
    match init.relocs.last() {
        Some(&(last, _)) if last >= at => {
            let i = init.relocs.partition_point(|&(o, _)| o < at);
            init.relocs.insert(i, (at, reloc));
        }
        _ => init.relocs.push((at, reloc)),
    }
}
