//! Type descriptors (internal/abi's layouts, the contract with reflect and the collector) and the names they refer to, all in
//! one chunk at the start of the types section, so that name and type offsets are chunk offsets.

use base::{FxHashMap, FxHashSet, Symbol};
use mir::{ChanDir, FieldTy, FuncId, Function, IntKind, Op, Program, Reloc, Ty, TyKind, TypeInfo};

use crate::unit::Kept;

/// Size of internal/abi.Type.
const TYPE: usize = 48;
const UNCOMMON: usize = 16;
/// Pointer words beyond which the mask is built by the runtime on demand.
const MAX_MASK_WORDS: u64 = 128;
/// Map keys and elements larger than this are stored behind a pointer.
const MAX_MAP_INLINE: u64 = 128;

/// The types chunk and where things are in it.
#[derive(Debug, Default)]
pub struct TypeData {
    #[allow(missing_docs)]
    pub bytes: Vec<u8>,
    /// 8-byte address words.
    pub relocs: Vec<(u32, DescReloc)>,
    /// 4-byte text offsets of methods.
    pub text_offsets: Vec<(u32, FuncId)>,
    /// Offset of each descriptor.
    pub offsets: FxHashMap<Ty, u32>,
    /// Descriptors that reflect may search by type string, sorted by it.
    pub typelinks: Vec<u32>,
    /// Words for masks built on demand.
    pub mask_slots: u32,
}

/// What an address word of a descriptor refers to.
#[derive(Clone, Copy, Debug)]
pub enum DescReloc {
    /// Inside the types chunk.
    Here(u32),
    /// A func value.
    FuncVal(FuncId),
    /// n-th mask slot.
    MaskSlot(u32),
}

/// Calls `f` with the types whose descriptors a function's code may refer to.
pub(crate) fn for_each_type(func: &Function, mut f: impl FnMut(Ty)) {
    let Some(body) = &func.body else { return };
    for block in body.blocks.iter() {
        for &inst in &block.insts {
            match &body.insts[inst].op {
                Op::TypeDesc(ty) | Op::HeapAlloc(ty) | Op::HeapBox { ty, .. } => f(*ty),
                Op::Move { ty, .. } | Op::ZeroMem { ty, .. } => f(*ty),
                _ => {}
            }
        }
    }
}

/// Adds to `type_info` every type whose descriptor code or data refers to and the component types of all descriptors. Types that only the
/// collector sees get no methods.
pub fn close_type_info(program: &mut Program, kept: &FxHashMap<FuncId, Kept>) {
    let mut work: Vec<Ty> = program.type_info.keys().copied().collect();
    work.sort();
    for (id, func) in program.funcs.iter_enumerated() {
        match kept.get(&id) {
            Some(kept) => work.extend_from_slice(&kept.unit.types),
            None => for_each_type(func, |ty| work.push(ty)),
        }
    }
    let relocs = |init: &mir::Init, work: &mut Vec<Ty>| {
        work.extend(init.relocs.iter().filter_map(|(_, r)| match r {
            Reloc::TypeDesc(ty) => Some(*ty),
            _ => None,
        }));
    };
    for data in program.data.iter() {
        relocs(&data.init, &mut work);
    }
    for global in program.globals.iter() {
        if let Some(init) = &global.init {
            relocs(init, &mut work);
        }
    }
    for itab in program.itabs.iter() {
        work.extend([itab.iface, itab.concrete]);
    }
    let mut seen: FxHashSet<Ty> = FxHashSet::default();
    while let Some(ty) = work.pop() {
        if !seen.insert(ty) {
            continue;
        }
        let group = match *program.types.under(ty) {
            TyKind::Map(key, elem) => Some(map_group(program, key, elem)),
            _ => None,
        };
        let info = program.type_info.entry(ty).or_default();
        if group.is_some() && info.map_group.is_none() {
            info.map_group = group;
        }
        work.extend(info.map_group);
        work.extend(info.ptr_to);
        work.extend(
            info.methods
                .iter()
                .filter(|m| m.ifn.is_some() || m.tfn.is_some())
                .map(|m| m.sig),
        );
        match program.types.under(ty).clone() {
            TyKind::Pointer(e) | TyKind::Slice(e) | TyKind::Chan(_, e) => work.push(e),
            TyKind::Array(e, _) => {
                work.push(e);
                work.push(program.types.slice(e));
            }
            TyKind::Map(k, e) => work.extend([k, e]),
            TyKind::Func(f) => work.extend(f.params.iter().chain(f.results.iter()).copied()),
            TyKind::Struct(fields) => work.extend(fields.iter().map(|f| f.ty)),
            TyKind::Interface(methods) => work.extend(methods.iter().map(|m| m.sig)),
            _ => {}
        }
    }
    // A pointer descriptor that exists must be found from its element.
    for ty in seen {
        if let TyKind::Pointer(elem) = *program.types.kind(ty)
            && let Some(info) = program.type_info.get_mut(&elem)
        {
            info.ptr_to.get_or_insert(ty);
        }
    }
}

/// The group type of a map (internal/runtime/maps): a control word and eight slots.
pub fn map_group(program: &mut Program, key: Ty, elem: Ty) -> Ty {
    let types = &mut program.types;
    let slot_type = |types: &mut mir::TypeTable, ty: Ty| {
        if types.layout(ty).size > MAX_MAP_INLINE {
            types.pointer(ty)
        } else {
            ty
        }
    };
    let (key, elem) = (slot_type(types, key), slot_type(types, elem));
    let field = |name: &str, ty: Ty| FieldTy {
        name: name.into(),
        pkg: None,
        ty,
        embedded: false,
        tag: None,
    };
    let slot = types.intern(TyKind::Struct(Box::new([
        field("Key", key),
        field("Elem", elem),
    ])));
    let slots = types.array(slot, 8);
    types.intern(TyKind::Struct(Box::new([
        field("Ctrl", mir::TypeTable::UINT64),
        field("Slots", slots),
    ])))
}

/// Lays out and fills all descriptors. Call after [`close_type_info`].
pub fn build(program: &Program) -> TypeData {
    let mut sorted: Vec<(String, Ty)> = program
        .type_info
        .keys()
        .map(|&ty| (program.types.link_string(ty), ty))
        .collect();
    sorted.sort();
    // Offset 0 means "none".
    let mut out = Builder {
        program,
        data: TypeData {
            bytes: vec![0; 64],
            ..TypeData::default()
        },
        names: FxHashMap::default(),
    };
    for (_, ty) in &sorted {
        let size = out.descriptor_size(*ty);
        out.align(16);
        out.data.offsets.insert(*ty, out.data.bytes.len() as u32);
        out.data.bytes.resize(out.data.bytes.len() + size, 0);
    }
    let mut links: Vec<(String, u32)> = Vec::new();
    for (link, ty) in &sorted {
        out.fill(*ty, link);
        if matches!(
            program.types.kind(*ty),
            TyKind::Pointer(_)
                | TyKind::Array(..)
                | TyKind::Chan(..)
                | TyKind::Func(_)
                | TyKind::Map(..)
                | TyKind::Slice(_)
                | TyKind::Struct(_)
        ) {
            links.push((program.types.type_string(*ty), out.data.offsets[ty]));
        }
    }
    links.sort();
    out.data.typelinks = links.into_iter().map(|(_, offset)| offset).collect();
    out.data
}

struct Builder<'a> {
    program: &'a Program,
    data: TypeData,
    names: FxHashMap<Vec<u8>, u32>,
}

impl Builder<'_> {
    fn align(&mut self, n: usize) {
        self.data
            .bytes
            .resize(self.data.bytes.len().next_multiple_of(n), 0);
    }
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.data.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
    fn put_u64(&mut self, at: usize, v: u64) {
        self.put(at, &v.to_le_bytes());
    }
    fn put_u32(&mut self, at: usize, v: u32) {
        self.put(at, &v.to_le_bytes());
    }
    fn address(&mut self, at: usize, target: DescReloc) {
        self.data.relocs.push((at as u32, target));
    }
    fn type_pointer(&mut self, at: usize, ty: Ty) {
        let offset = self.data.offsets[&ty];
        self.address(at, DescReloc::Here(offset));
    }

    fn has_uncommon(&self, ty: Ty) -> bool {
        let has_name = !matches!(
            self.program.types.kind(ty),
            TyKind::Pointer(_)
                | TyKind::Slice(_)
                | TyKind::Array(..)
                | TyKind::Map(..)
                | TyKind::Chan(..)
                | TyKind::Func(_)
                | TyKind::Struct(_)
                | TyKind::Interface(_)
                | TyKind::Tuple(_)
        );
        has_name || !self.program.type_info[&ty].methods.is_empty()
    }

    fn kind_size(&self, ty: Ty) -> usize {
        match self.program.types.under(ty) {
            TyKind::Pointer(_) | TyKind::Slice(_) => TYPE + 8,
            TyKind::Func(_) => TYPE + 8,
            TyKind::Chan(..) => TYPE + 16,
            TyKind::Array(..) => TYPE + 24,
            TyKind::Struct(_) | TyKind::Interface(_) => TYPE + 32,
            TyKind::Map(..) => TYPE + 88,
            _ => TYPE,
        }
    }

    fn descriptor_size(&self, ty: Ty) -> usize {
        let uncommon = if self.has_uncommon(ty) { UNCOMMON } else { 0 };
        let tail = match self.program.types.under(ty) {
            TyKind::Func(f) => 8 * (f.params.len() + f.results.len()),
            TyKind::Struct(fields) => 24 * fields.len(),
            TyKind::Interface(methods) => 8 * methods.len(),
            _ => 0,
        };
        self.kind_size(ty) + uncommon + tail + 16 * self.program.type_info[&ty].methods.len()
    }

    fn fill(&mut self, ty: Ty, link: &str) {
        let types = &self.program.types;
        let info: &TypeInfo = &self.program.type_info[&ty];
        let at = self.data.offsets[&ty] as usize;
        let layout = types.layout(ty);
        let named = match types.kind(ty) {
            TyKind::Named(id) => Some(types.named(*id)),
            _ => None,
        };
        let predeclared = matches!(
            types.kind(ty),
            TyKind::Bool
                | TyKind::Int(_)
                | TyKind::Float32
                | TyKind::Float64
                | TyKind::Complex64
                | TyKind::Complex128
                | TyKind::String
                | TyKind::UnsafePointer
        );
        let uncommon = self.has_uncommon(ty);
        let mask_words = layout.ptr_bytes / 8;
        let mut flags = 0u8;
        flags |= if uncommon { 1 } else { 0 };
        flags |= if named.is_some() || predeclared { 4 } else { 0 };
        flags |= if types.is_regular_memory(ty) { 8 } else { 0 };
        flags |= if mask_words > MAX_MASK_WORDS { 16 } else { 0 };
        flags |= if types.is_direct_iface(ty) { 32 } else { 0 };
        self.put_u64(at, layout.size);
        self.put_u64(at + 8, layout.ptr_bytes);
        self.put_u32(at + 16, fnv(link.as_bytes()));
        self.put(
            at + 20,
            &[
                flags,
                layout.align as u8,
                layout.align as u8,
                kind_number(types.under(ty)),
            ],
        );
        if let Some(equal) = info.equal {
            self.address(at + 24, DescReloc::FuncVal(equal));
        }
        if mask_words > MAX_MASK_WORDS {
            self.address(at + 32, DescReloc::MaskSlot(self.data.mask_slots));
            self.data.mask_slots += 1;
        } else if mask_words > 0 {
            let mut mask = vec![0u8; (mask_words as usize).div_ceil(8).next_multiple_of(8)];
            types.for_each_pointer(ty, 0, &mut |offset| {
                mask[offset as usize / 64] |= 1 << (offset / 8 % 8)
            });
            let offset = self.intern(mask, 8);
            self.address(at + 32, DescReloc::Here(offset));
        }
        let text = types.type_string(ty);
        // A pointer to a defined type counts as exported, and as of the package, as that type does.
        let base = named.or_else(|| match types.kind(ty) {
            TyKind::Pointer(elem) => match types.kind(*elem) {
                TyKind::Named(id) => Some(types.named(*id)),
                _ => None,
            },
            _ => None,
        });
        let exported = base.is_some_and(|n| n.name.chars().next().is_some_and(char::is_uppercase));
        let name = self.name(&text, exported, None, None, false);
        self.put_u32(at + 40, name);
        if let Some(offset) = info.ptr_to.and_then(|p| self.data.offsets.get(&p)).copied() {
            self.put_u32(at + 44, offset);
        }
        let mut tail = at + self.kind_size(ty) + if uncommon { UNCOMMON } else { 0 };
        match types.under(ty).clone() {
            TyKind::Pointer(elem) | TyKind::Slice(elem) => self.type_pointer(at + 48, elem),
            TyKind::Array(elem, len) => {
                self.type_pointer(at + 48, elem);
                // The slice type was closed over; find it without changing the table.
                if let Some(slice) = self.find_slice(elem) {
                    self.type_pointer(at + 56, slice);
                }
                self.put_u64(at + 64, len);
            }
            TyKind::Chan(dir, elem) => {
                self.type_pointer(at + 48, elem);
                let dir = match dir {
                    ChanDir::Recv => 1,
                    ChanDir::Send => 2,
                    ChanDir::Both => 3,
                };
                self.put_u64(at + 56, dir);
            }
            TyKind::Func(f) => {
                self.put(at + 48, &(f.params.len() as u16).to_le_bytes());
                let out = f.results.len() as u16 | if f.variadic { 1 << 15 } else { 0 };
                self.put(at + 50, &out.to_le_bytes());
                for &ty in f.params.iter().chain(f.results.iter()) {
                    self.type_pointer(tail, ty);
                    tail += 8;
                }
            }
            TyKind::Struct(fields) => {
                if let Some(pkg) = fields.iter().find_map(|f| f.pkg) {
                    let name = self.name(pkg.as_str(), false, None, None, false);
                    self.address(at + 48, DescReloc::Here(name));
                }
                self.address(at + 56, DescReloc::Here(tail as u32));
                self.put_u64(at + 64, fields.len() as u64);
                self.put_u64(at + 72, fields.len() as u64);
                let (_, offsets) = types.struct_layout(&fields);
                for (field, offset) in fields.iter().zip(offsets) {
                    let name = self.name(
                        field.name.as_str(),
                        field.pkg.is_none(),
                        field.tag.as_deref(),
                        None,
                        field.embedded,
                    );
                    self.address(tail, DescReloc::Here(name));
                    self.type_pointer(tail + 8, field.ty);
                    self.put_u64(tail + 16, offset);
                    tail += 24;
                }
            }
            TyKind::Interface(methods) => {
                let pkg = named
                    .and_then(|n| n.pkg_path)
                    .or_else(|| methods.iter().find_map(|m| m.pkg));
                if let Some(pkg) = pkg {
                    let name = self.name(pkg.as_str(), false, None, None, false);
                    self.address(at + 48, DescReloc::Here(name));
                }
                self.address(at + 56, DescReloc::Here(tail as u32));
                self.put_u64(at + 64, methods.len() as u64);
                self.put_u64(at + 72, methods.len() as u64);
                for method in &methods {
                    let name = self.name(
                        method.name.as_str(),
                        method.pkg.is_none(),
                        None,
                        method.pkg,
                        false,
                    );
                    self.put_u32(tail, name);
                    let sig = self.data.offsets[&method.sig];
                    self.put_u32(tail + 4, sig);
                    tail += 8;
                }
            }
            TyKind::Map(key, elem) => self.fill_map(at, info, key, elem),
            _ => {}
        }
        if uncommon {
            let u = at + self.kind_size(ty);
            // Names of unexported methods tell their package only if it is another one.
            let home = match types.kind(ty) {
                TyKind::UnsafePointer => Some("unsafe".into()),
                _ => base.and_then(|n| n.pkg_path),
            };
            if let Some(pkg) = home {
                let name = self.name(pkg.as_str(), false, None, None, false);
                self.put_u32(u, name);
            }
            let exported = info.methods.iter().filter(|m| m.pkg.is_none()).count();
            self.put(u + 4, &(info.methods.len() as u16).to_le_bytes());
            self.put(u + 6, &(exported as u16).to_le_bytes());
            self.put_u32(u + 8, (tail - u) as u32);
            for method in &info.methods {
                let name = self.name(
                    method.name.as_str(),
                    method.pkg.is_none(),
                    None,
                    method.pkg.filter(|&pkg| Some(pkg) != home),
                    false,
                );
                self.put_u32(tail, name);
                let sig = self
                    .data
                    .offsets
                    .get(&method.sig)
                    .copied()
                    .unwrap_or(u32::MAX);
                self.put_u32(tail + 4, sig);
                for (n, f) in [(8, method.ifn), (12, method.tfn)] {
                    match f {
                        Some(f) => self.data.text_offsets.push(((tail + n) as u32, f)),
                        None => self.put_u32(tail + n, u32::MAX),
                    }
                }
                tail += 16;
            }
        }
    }

    fn find_slice(&self, elem: Ty) -> Option<Ty> {
        self.program
            .types
            .find(&TyKind::Slice(elem))
            .filter(|s| self.data.offsets.contains_key(s))
    }

    fn fill_map(&mut self, at: usize, info: &TypeInfo, key: Ty, elem: Ty) {
        let types = &self.program.types;
        let group = info.map_group.expect("closed type info");
        self.type_pointer(at + 48, key);
        self.type_pointer(at + 56, elem);
        self.type_pointer(at + 64, group);
        if let Some(hasher) = info.hasher {
            self.address(at + 72, DescReloc::FuncVal(hasher));
        }
        let TyKind::Struct(parts) = types.under(group).clone() else {
            unreachable!("a group is a struct")
        };
        let TyKind::Array(slot, _) = *types.under(parts[1].ty) else {
            unreachable!("slots are an array")
        };
        let slot_size = types.layout(slot).size;
        let elem_offset = types.field_offset(slot, 1);
        let slots_offset = types.field_offset(group, 1);
        self.put_u64(at + 80, types.layout(group).size);
        self.put_u64(at + 88, slots_offset);
        self.put_u64(at + 96, slot_size);
        self.put_u64(at + 104, slots_offset + elem_offset);
        self.put_u64(at + 112, slot_size);
        self.put_u64(at + 120, elem_offset);
        let mut flags = 0;
        flags |= if needs_key_update(types, key) { 1 } else { 0 };
        flags |= if hash_might_panic(types, key) { 2 } else { 0 };
        flags |= if types.layout(key).size > MAX_MAP_INLINE {
            4
        } else {
            0
        };
        flags |= if types.layout(elem).size > MAX_MAP_INLINE {
            8
        } else {
            0
        };
        self.put_u32(at + 128, flags);
    }

    /// An encoded name (internal/abi.Name): flags, varint length, text, tag, package path offset.
    fn name(
        &mut self,
        text: &str,
        exported: bool,
        tag: Option<&[u8]>,
        pkg: Option<Symbol>,
        embedded: bool,
    ) -> u32 {
        let pkg = pkg.map(|p| self.name(p.as_str(), false, None, None, false));
        let mut flags = 0u8;
        flags |= if exported { 1 } else { 0 };
        flags |= if tag.is_some_and(|t| !t.is_empty()) {
            2
        } else {
            0
        };
        flags |= if pkg.is_some() { 4 } else { 0 };
        flags |= if embedded { 8 } else { 0 };
        let mut bytes = vec![flags];
        varint(&mut bytes, text.len());
        bytes.extend_from_slice(text.as_bytes());
        if let Some(tag) = tag.filter(|t| !t.is_empty()) {
            varint(&mut bytes, tag.len());
            bytes.extend_from_slice(tag);
        }
        if let Some(pkg) = pkg {
            bytes.extend_from_slice(&pkg.to_le_bytes());
        }
        self.intern(bytes, 1)
    }

    fn intern(&mut self, bytes: Vec<u8>, align: usize) -> u32 {
        if let Some(&at) = self.names.get(&bytes) {
            // A name may equal a mask; the mask's alignment decides.
            if (at as usize).is_multiple_of(align) {
                return at;
            }
        }
        self.align(align);
        let at = self.data.bytes.len() as u32;
        self.data.bytes.extend_from_slice(&bytes);
        self.names.insert(bytes, at);
        at
    }
}

fn varint(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// 32-bit FNV-1 of the type's link string.
pub fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5u32, |h, &b| {
        h.wrapping_mul(0x0100_0193) ^ b as u32
    })
}

/// reflect's kind numbers.
fn kind_number(kind: &TyKind) -> u8 {
    match kind {
        TyKind::Bool => 1,
        TyKind::Int(kind) => match kind {
            IntKind::Int => 2,
            IntKind::Int8 => 3,
            IntKind::Int16 => 4,
            IntKind::Int32 => 5,
            IntKind::Int64 => 6,
            IntKind::Uint => 7,
            IntKind::Uint8 => 8,
            IntKind::Uint16 => 9,
            IntKind::Uint32 => 10,
            IntKind::Uint64 => 11,
            IntKind::Uintptr => 12,
        },
        TyKind::Float32 => 13,
        TyKind::Float64 => 14,
        TyKind::Complex64 => 15,
        TyKind::Complex128 => 16,
        TyKind::Array(..) => 17,
        TyKind::Chan(..) => 18,
        TyKind::Func(_) => 19,
        TyKind::Interface(_) => 20,
        TyKind::Map(..) => 21,
        TyKind::Pointer(_) => 22,
        TyKind::Slice(_) => 23,
        TyKind::String => 24,
        TyKind::Struct(_) => 25,
        TyKind::UnsafePointer => 26,
        TyKind::Named(_) | TyKind::Tuple(_) => 0,
    }
}

/// Keys for which an equal key may have other bits (+0 and -0, strings with another pointer): an overwrite stores the key again.
fn needs_key_update(types: &mir::TypeTable, ty: Ty) -> bool {
    match types.under(ty) {
        TyKind::Float32
        | TyKind::Float64
        | TyKind::Complex64
        | TyKind::Complex128
        | TyKind::Interface(_)
        | TyKind::String => true,
        TyKind::Array(elem, _) => needs_key_update(types, *elem),
        TyKind::Struct(fields) => fields.iter().any(|f| needs_key_update(types, f.ty)),
        _ => false,
    }
}

/// Keys with interfaces inside: hashing an uncomparable dynamic type panics.
fn hash_might_panic(types: &mir::TypeTable, ty: Ty) -> bool {
    match types.under(ty) {
        TyKind::Interface(_) => true,
        TyKind::Array(elem, _) => hash_might_panic(types, *elem),
        TyKind::Struct(fields) => fields.iter().any(|f| hash_might_panic(types, f.ty)),
        _ => false,
    }
}
