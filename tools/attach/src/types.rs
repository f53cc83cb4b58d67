//! Go's runtime type descriptors, read lazily from the process, and what each word of a typed object refers to.
//!
//! Descriptors survive stripping. Types known from DWARF only (the linker dropped their descriptor) and the
//! runtime's own structures (map tables, channels) get entries too, so that labels need one kind of number.

use std::sync::Arc;

use diagnose::snapshot::{Label, TypeId, TypeInfo};
use rustc_hash::FxHashMap;

use crate::dwarf::{DwTypeId, DwarfInfo};
use crate::image::{Image, half, word};
use crate::runtime::Runtime;

/// reflect.Kind numbers used here.
pub mod kind {
    pub const ARRAY: u8 = 17;
    pub const CHAN: u8 = 18;
    pub const FUNC: u8 = 19;
    pub const INTERFACE: u8 = 20;
    pub const MAP: u8 = 21;
    pub const POINTER: u8 = 22;
    pub const SLICE: u8 = 23;
    pub const STRING: u8 = 24;
    pub const STRUCT: u8 = 25;
    pub const UNSAFE_POINTER: u8 = 26;
}

/// Longest object whose words are described one by one.
const MAX_WORDS: u64 = 1 << 22;
/// Most fields or elements expanded for one type.
const MAX_STEPS: usize = 1 << 22;
/// Most types loaded from one process.
const MAX_TYPES: usize = 1 << 21;
/// Bytes of the common part of a descriptor.
const COMMON: u64 = 48;

/// What a word that holds a pointer refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referent {
    /// No pointer.
    None,
    /// One value of the type.
    Value(TypeId),
    /// The first of several values.
    Elements(TypeId),
    /// Bytes of a string.
    Text,
    /// A closure.
    Function,
    /// The data word of an interface.
    Interface,
    /// Something, by unsafe.Pointer.
    Opaque,
}

/// One type.
#[derive(Clone, Debug, Default)]
pub struct RtType {
    /// Descriptor, or 0.
    pub address: u64,
    /// `main.Entry`.
    pub name: String,
    /// Bytes of a value.
    pub size: u64,
    /// Prefix of a value that can hold pointers.
    pub ptr_bytes: u64,
    /// reflect.Kind; 0 for the runtime's structures.
    pub kind: u8,
    /// Stored in the data word of an interface itself.
    pub direct: bool,
    /// Descriptor address of element (pointer, slice, array, channel, map).
    elem: u64,
    /// Map group descriptor.
    group: u64,
    /// Array length.
    count: u64,
    /// Fields: name, offset, descriptor.
    fields: Vec<(String, u64, u64)>,
    /// For types without a descriptor: element and fields as ids.
    made: Option<Made>,
}

/// Structure of a type that has no descriptor.
#[derive(Clone, Debug, Default)]
struct Made {
    elem: Option<TypeId>,
    fields: Vec<(String, u64, TypeId)>,
    /// Given word by word.
    words: Option<Vec<Referent>>,
}

/// All types of a process.
pub struct Types<'a> {
    image: Image<'a>,
    dwarf: Option<&'a DwarfInfo>,
    regions: Vec<(u64, Vec<u8>)>,
    /// The types, by id.
    pub list: Vec<RtType>,
    by_address: FxHashMap<u64, Option<TypeId>>,
    by_dwarf: FxHashMap<DwTypeId, Option<TypeId>>,
    words: FxHashMap<TypeId, Arc<[Referent]>>,
    pointers: FxHashMap<TypeId, Arc<[u32]>>,
    /// Whether the direct-interface bit is in TFlag (Go 1.26 and later) or in Kind_.
    direct_in_tflag: bool,
    map_parts: FxHashMap<TypeId, MapParts>,
    /// Whether maps are made of buckets (`GOEXPERIMENT=noswissmap`).
    pub bucket_maps: bool,
    /// Element type to channel object.
    channels: FxHashMap<TypeId, TypeId>,
    named: FxHashMap<String, TypeId>,
}

/// Types of the parts of a map.
#[derive(Clone, Copy, Debug)]
pub struct MapParts {
    /// The header.
    pub header: TypeId,
    /// The directory of tables.
    pub directory: TypeId,
    /// A group of 8 entries.
    pub group: TypeId,
}

/// Pseudo type of string contents.
pub const TEXT_TYPE: &str = "string contents";

impl<'a> Types<'a> {
    /// Prepares; reads the type sections once.
    pub fn open(runtime: &Runtime<'a>) -> Types<'a> {
        let regions = runtime
            .modules
            .iter()
            .filter_map(|module| {
                let size = module.types.1.saturating_sub(module.types.0);
                runtime
                    .image
                    .bytes(module.types.0, size)
                    .map(|data| (module.types.0, data))
            })
            .collect();
        let mut types = Types {
            image: runtime.image,
            dwarf: runtime.dwarf,
            regions,
            list: Vec::new(),
            by_address: FxHashMap::default(),
            by_dwarf: FxHashMap::default(),
            words: FxHashMap::default(),
            pointers: FxHashMap::default(),
            direct_in_tflag: runtime.minor >= 26,
            map_parts: FxHashMap::default(),
            bucket_maps: runtime.image.exe.has_experiment("noswissmap"),
            channels: FxHashMap::default(),
            named: FxHashMap::default(),
        };
        types.made(TEXT_TYPE, 0, Some(Vec::new()));
        types
    }

    /// Whether an address lies among the descriptors the linker placed.
    pub fn is_static(&self, address: u64) -> bool {
        self.regions
            .iter()
            .any(|(start, data)| address >= *start && address - start < data.len() as u64)
    }

    fn bytes(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        for (start, data) in &self.regions {
            if let Some(at) = address
                .checked_sub(*start)
                .filter(|at| *at < data.len() as u64)
            {
                let at = at as usize;
                return data
                    .get(at..at.checked_add(size as usize)?)
                    .map(<[u8]>::to_vec);
            }
        }
        self.image.bytes(address, size)
    }

    /// The type with a descriptor at `address`; `None` when there is none.
    pub fn load(&mut self, address: u64) -> Option<TypeId> {
        if let Some(known) = self.by_address.get(&address) {
            return *known;
        }
        let loaded = if address.is_multiple_of(8) && self.list.len() < MAX_TYPES {
            self.read(address)
        } else {
            None
        };
        let id = loaded.map(|ty| {
            self.list.push(ty);
            self.list.len() as TypeId - 1
        });
        self.by_address.insert(address, id);
        id
    }

    fn read(&self, address: u64) -> Option<RtType> {
        let data = self.bytes(address, COMMON)?;
        let (size, ptr_bytes) = (word(&data, 0), word(&data, 8));
        let (tflag, align, kind_byte) = (data[20], data[21], data[23]);
        let kind = kind_byte & 31;
        let sane = size < 1 << 40
            && ptr_bytes <= size
            && ptr_bytes % 8 == 0
            && (1..=26).contains(&kind)
            && align.is_power_of_two()
            && align <= 16
            && tflag < 128;
        if !sane {
            return None;
        }
        let pointer_shaped = matches!(
            kind,
            kind::CHAN | kind::FUNC | kind::MAP | kind::POINTER | kind::UNSAFE_POINTER
        );
        if pointer_shaped != (size == 8 && ptr_bytes == 8 && pointer_shaped)
            || (kind == kind::STRING && size != 16)
        {
            return None;
        }
        let direct = if self.direct_in_tflag {
            tflag & 32 != 0
        } else {
            kind_byte & 32 != 0
        };
        let name = self.name(address, half(&data, 40) as i32, tflag & 2 != 0)?;
        let mut ty = RtType {
            address,
            name,
            size,
            ptr_bytes,
            kind,
            direct: direct || pointer_shaped,
            ..RtType::default()
        };
        let extra = |at: u64| self.bytes(address + at, 8).map_or(0, |data| word(&data, 0));
        match kind {
            kind::POINTER | kind::SLICE | kind::CHAN => ty.elem = extra(48),
            kind::ARRAY => {
                ty.elem = extra(48);
                ty.count = extra(64);
            }
            kind::MAP => {
                ty.elem = extra(56);
                ty.group = extra(64);
            }
            kind::STRUCT => {
                let (list, count) = (extra(56), extra(64));
                if count > 1 << 14 {
                    return None;
                }
                let fields = self.bytes(list, count * 24).unwrap_or_default();
                for field in fields.chunks_exact(24) {
                    let name = self.name_at(word(field, 0)).unwrap_or_default();
                    ty.fields.push((name, word(field, 16), word(field, 8)));
                }
            }
            _ => {}
        }
        Some(ty)
    }

    /// A name by offset from its module's types; made by reflection, it has none here.
    fn name(&self, address: u64, offset: i32, extra_star: bool) -> Option<String> {
        let Some((start, _)) = self
            .regions
            .iter()
            .find(|(start, data)| address >= *start && address - start < data.len() as u64)
        else {
            return Some("type made by reflection".to_string());
        };
        let offset = u64::try_from(offset).ok()?;
        let name = self.name_at(start + offset)?;
        if name.is_empty() {
            return None;
        }
        let name = if extra_star {
            name.strip_prefix('*').unwrap_or(&name)
        } else {
            &name
        };
        // The compiler's names of a map's groups, in words.
        let groups = name
            .strip_prefix("noalg.")
            .unwrap_or(name)
            .strip_prefix("map.group[");
        Some(groups.map_or_else(|| name.to_string(), |rest| format!("groups of map[{rest}")))
    }

    /// `abi.Name`: a flag byte, a varint length, the bytes.
    fn name_at(&self, address: u64) -> Option<String> {
        let head = self.bytes(address, 3)?;
        let (length, from) = if head[1] < 0x80 {
            (u64::from(head[1]), 2)
        } else {
            (u64::from(head[1] & 0x7f) | u64::from(head[2]) << 7, 3)
        };
        let text = self.bytes(address + from, length)?;
        String::from_utf8(text).ok()
    }

    /// Makes (or finds) a type that has no descriptor.
    pub fn made(&mut self, name: &str, size: u64, words: Option<Vec<Referent>>) -> TypeId {
        if let Some(&id) = self.named.get(name) {
            return id;
        }
        let made = Made {
            words,
            ..Made::default()
        };
        let id = self.push_made(RtType {
            name: name.to_string(),
            size,
            made: Some(made),
            ..RtType::default()
        });
        self.named.insert(name.to_string(), id);
        id
    }

    fn push_made(&mut self, ty: RtType) -> TypeId {
        self.list.push(ty);
        self.list.len() as TypeId - 1
    }

    /// The pseudo type of string contents.
    pub fn text(&self) -> TypeId {
        0
    }

    /// Element type of pointers, slices, arrays, channels and maps.
    pub fn elem(&mut self, ty: TypeId) -> Option<TypeId> {
        let entry = &self.list[ty as usize];
        match &entry.made {
            Some(made) => made.elem,
            None if entry.elem != 0 => {
                let elem = entry.elem;
                self.load(elem)
            }
            None => None,
        }
    }

    /// The type of a DWARF entry: its descriptor, or an equivalent made from DWARF.
    pub fn load_dwarf(&mut self, id: DwTypeId, types_start: u64) -> Option<TypeId> {
        stacker::maybe_grow(64 << 10, 1 << 20, || self.make_from_dwarf(id, types_start))
    }

    fn make_from_dwarf(&mut self, id: DwTypeId, types_start: u64) -> Option<TypeId> {
        if let Some(known) = self.by_dwarf.get(&id) {
            return *known;
        }
        let dwarf = self.dwarf?;
        let entry = dwarf.types.get(id as usize)?;
        if entry.descriptor != 0 {
            let address = if entry.descriptor >= types_start {
                entry.descriptor
            } else {
                types_start + entry.descriptor
            };
            let loaded = self.load(address);
            self.by_dwarf.insert(id, loaded);
            return loaded;
        }
        let known_kind = matches!(entry.kind, 1..=26);
        if !known_kind || self.list.len() >= MAX_TYPES {
            self.by_dwarf.insert(id, None);
            return None;
        }
        let made = self.push_made(RtType {
            name: entry.name.clone(),
            size: entry.size,
            kind: entry.kind,
            count: entry.count,
            made: Some(Made::default()),
            ..RtType::default()
        });
        self.by_dwarf.insert(id, Some(made));
        let elem = entry
            .elem
            .and_then(|elem| self.load_dwarf(elem, types_start));
        let mut fields = Vec::new();
        for (name, offset, field) in &entry.fields {
            if let Some(field) = self.load_dwarf(*field, types_start) {
                fields.push((name.clone(), *offset, field));
            }
        }
        let size = match entry.kind {
            kind::POINTER | kind::MAP | kind::CHAN | kind::FUNC | kind::UNSAFE_POINTER => 8,
            kind::ARRAY if entry.size == 0 => elem.map_or(0, |elem| {
                self.list[elem as usize].size.saturating_mul(entry.count)
            }),
            _ => entry.size,
        };
        let slot = &mut self.list[made as usize];
        slot.size = size;
        slot.made = Some(Made {
            elem,
            fields,
            words: None,
        });
        Some(made)
    }

    /// What each word of a value refers to; words past the last pointer are left out.
    pub fn words(&mut self, ty: TypeId) -> Arc<[Referent]> {
        if let Some(words) = self.words.get(&ty) {
            return words.clone();
        }
        let words: Arc<[Referent]> = self.build_words(ty).into();
        self.words.insert(ty, words.clone());
        words
    }

    /// Words of a value that may hold pointers, ascending.
    pub fn pointers(&mut self, ty: TypeId) -> Arc<[u32]> {
        if let Some(pointers) = self.pointers.get(&ty) {
            return pointers.clone();
        }
        let words = self.words(ty);
        let pointers: Arc<[u32]> = words
            .iter()
            .enumerate()
            .filter(|(_, referent)| **referent != Referent::None)
            .map(|(index, _)| index as u32)
            .collect::<Vec<_>>()
            .into();
        self.pointers.insert(ty, pointers.clone());
        pointers
    }

    fn build_words(&mut self, ty: TypeId) -> Vec<Referent> {
        if let Some(words) = self.list[ty as usize]
            .made
            .as_ref()
            .and_then(|made| made.words.clone())
        {
            return words;
        }
        let mut result: Vec<Referent> = Vec::new();
        let mut set = |offset: u64, referent: Referent| {
            let index = offset / 8;
            if index < MAX_WORDS {
                if result.len() <= index as usize {
                    result.resize(index as usize + 1, Referent::None);
                }
                result[index as usize] = referent;
            }
        };
        let mut work = vec![(ty, 0u64)];
        let mut steps = 0;
        while let Some((ty, offset)) = work.pop() {
            steps += 1;
            if steps > MAX_STEPS {
                break;
            }
            let entry = &self.list[ty as usize];
            match entry.kind {
                kind::POINTER => {
                    let elem = self.elem(ty);
                    set(offset, elem.map_or(Referent::Opaque, Referent::Value));
                }
                kind::SLICE => {
                    let elem = self.elem(ty);
                    set(offset, elem.map_or(Referent::Opaque, Referent::Elements));
                }
                kind::STRING => set(offset, Referent::Text),
                kind::INTERFACE => set(offset + 8, Referent::Interface),
                kind::FUNC => set(offset, Referent::Function),
                kind::UNSAFE_POINTER => set(offset, Referent::Opaque),
                kind::MAP => {
                    let header = self.map_parts(ty).map(|parts| parts.header);
                    set(offset, header.map_or(Referent::Opaque, Referent::Value));
                }
                kind::CHAN => {
                    let channel = self.channel(ty);
                    set(offset, Referent::Value(channel));
                }
                kind::ARRAY => {
                    let count = entry.count;
                    if entry.made.is_none() && entry.ptr_bytes == 0 {
                        continue;
                    }
                    if let Some(elem) = self.elem(ty) {
                        let size = self.list[elem as usize].size;
                        let has_pointers = !self.words_known_empty(elem);
                        if size > 0 && has_pointers {
                            for index in (0..count.min(MAX_WORDS)).rev() {
                                work.push((elem, offset + index * size));
                                if work.len() > MAX_STEPS {
                                    break;
                                }
                            }
                        }
                    }
                }
                kind::STRUCT if entry.name == "sync.Pool" => {
                    // Its lists per P, `local` and `victim`, are unsafe pointers to arrays of sync.poolLocal.
                    self.scan();
                    let local = self
                        .list
                        .iter()
                        .position(|ty| ty.name == "sync.poolLocal")
                        .map_or(Referent::Opaque, |id| Referent::Elements(id as TypeId));
                    set(offset, local);
                    set(offset + 16, local);
                    set(offset + 32, Referent::Function);
                }
                kind::STRUCT => {
                    if let Some(made) = &entry.made {
                        let fields: Vec<_> =
                            made.fields.iter().map(|field| (field.2, field.1)).collect();
                        work.extend(fields.into_iter().map(|(field, at)| (field, offset + at)));
                    } else if entry.ptr_bytes > 0 {
                        let fields: Vec<_> = entry
                            .fields
                            .iter()
                            .map(|field| (field.2, field.1))
                            .collect();
                        for (address, at) in fields {
                            if let Some(field) = self.load(address) {
                                work.push((field, offset + at));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        result
    }

    fn words_known_empty(&self, ty: TypeId) -> bool {
        let entry = &self.list[ty as usize];
        match entry.made {
            None => entry.ptr_bytes == 0,
            Some(_) => matches!(entry.kind, 1..=16),
        }
    }

    /// Types of the parts of a map type.
    pub fn map_parts(&mut self, ty: TypeId) -> Option<MapParts> {
        if let Some(parts) = self.map_parts.get(&ty) {
            return Some(*parts);
        }
        let name = self.list[ty as usize].name.clone();
        let descriptor = self.list[ty as usize].group;
        if descriptor == 0 {
            return None;
        }
        let group_layout = self.load(descriptor)?;
        let group_size = self.list[group_layout as usize].size;
        let ids = self.list.len() as TypeId;
        if self.bucket_maps {
            // hmap: count, B and others, buckets (word 2), older buckets; its size differs between releases.
            let parts = MapParts {
                header: ids,
                directory: group_layout,
                group: group_layout,
            };
            self.map_parts.insert(ty, parts);
            let buckets = Referent::Elements(group_layout);
            let words = vec![Referent::None, Referent::None, buckets, buckets];
            self.push_made(RtType {
                name,
                made: Some(Made {
                    words: Some(words),
                    ..Made::default()
                }),
                ..RtType::default()
            });
            return Some(parts);
        }
        // Placed first, filled later: the words of a group may lead back to the same map type.
        let parts = MapParts {
            header: ids,
            directory: ids + 1,
            group: ids + 2,
        };
        let table = ids + 3;
        self.map_parts.insert(ty, parts);
        let make = |name: String,
                    size: u64,
                    words: Option<Vec<Referent>>,
                    fields: Vec<(String, u64, TypeId)>,
                    kind: u8| RtType {
            name,
            size,
            kind,
            made: Some(Made {
                elem: None,
                fields,
                words,
            }),
            ..RtType::default()
        };
        // maps.Map: used, seed, dirPtr (word 2), dirLen ..: 48 bytes.
        self.list.push(make(
            name.clone(),
            48,
            Some(vec![Referent::None, Referent::None, Referent::Opaque]),
            Vec::new(),
            0,
        ));
        self.list.push(make(
            format!("directory of {name}"),
            8,
            Some(vec![Referent::Value(table)]),
            Vec::new(),
            0,
        ));
        self.list.push(make(
            format!("groups of {name}"),
            group_size,
            None,
            vec![(String::new(), 0, group_layout)],
            kind::STRUCT,
        ));
        // maps.table: counters, index, groups.data (word 2), lengthMask: 32 bytes.
        let words = vec![
            Referent::None,
            Referent::None,
            Referent::Elements(parts.group),
        ];
        self.list.push(make(
            format!("table of {name}"),
            32,
            Some(words),
            Vec::new(),
            0,
        ));
        Some(parts)
    }

    /// The object behind a channel type. Direction and name of the type do not matter.
    pub fn channel(&mut self, ty: TypeId) -> TypeId {
        match self.elem(ty) {
            Some(elem) => self.channel_of(elem),
            None => self.made("chan", 0, Some(Vec::new())),
        }
    }

    /// The object behind channels of an element type: its buffer is word 2.
    pub fn channel_of(&mut self, elem: TypeId) -> TypeId {
        if let Some(&id) = self.channels.get(&elem) {
            return id;
        }
        let made = Made {
            elem: Some(elem),
            words: Some(vec![
                Referent::None,
                Referent::None,
                Referent::Elements(elem),
            ]),
            ..Made::default()
        };
        let id = self.push_made(RtType {
            name: format!("chan {}", self.list[elem as usize].name),
            made: Some(made),
            ..RtType::default()
        });
        self.channels.insert(elem, id);
        id
    }

    /// Types of the headers of maps made of buckets.
    pub fn bucket_map_headers(&self) -> impl Iterator<Item = TypeId> {
        let parts = self.map_parts.values().filter(|_| self.bucket_maps);
        parts.map(|parts| parts.header)
    }

    /// All swiss map headers' types with their parts.
    pub fn map_headers(&self) -> FxHashMap<TypeId, MapParts> {
        self.map_parts
            .values()
            .filter(|_| !self.bucket_maps)
            .map(|parts| (parts.header, *parts))
            .collect()
    }

    /// The same, made anew only when maps were added since `known`.
    pub fn map_headers_if_grown(
        &self,
        known: FxHashMap<TypeId, MapParts>,
    ) -> FxHashMap<TypeId, MapParts> {
        if known.len() == self.map_parts.len() {
            known
        } else {
            self.map_headers()
        }
    }

    /// All channel object types.
    pub fn channel_objects(&self) -> rustc_hash::FxHashSet<TypeId> {
        self.channels.values().copied().collect()
    }

    /// The label of what an interface's data word points at, given its type word's descriptor.
    pub fn interface_label(&mut self, ty: TypeId) -> Label {
        use diagnose::snapshot::Provenance;
        let entry = &self.list[ty as usize];
        if !entry.direct {
            return Label::new(ty, false, Provenance::Interface);
        }
        match self.words(ty).first() {
            Some(Referent::Value(elem)) => Label::new(*elem, false, Provenance::Interface),
            _ => Label::NONE,
        }
    }

    /// Every descriptor the linker placed that looks like one: for layout inference.
    pub fn scan(&mut self) {
        let candidates: Vec<u64> = self
            .regions
            .iter()
            .flat_map(|(start, data)| {
                data.windows(48)
                    .step_by(8)
                    .enumerate()
                    .filter_map(move |(index, header)| {
                        let (size, ptr_bytes, kind) =
                            (word(header, 0), word(header, 8), header[23] & 31);
                        let plausible = size < 1 << 30
                            && ptr_bytes <= size
                            && (1..=26).contains(&kind)
                            && half(header, 16) != 0;
                        plausible.then_some(start + index as u64 * 8)
                    })
            })
            .collect();
        for address in candidates {
            self.load(address);
        }
    }

    /// Ids of all types with descriptors so far.
    pub fn described(&self) -> Vec<TypeId> {
        let mut ids: Vec<TypeId> = self.by_address.values().flatten().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// What the snapshot keeps of the types.
    pub fn export(&mut self) -> Vec<TypeInfo> {
        (0..self.list.len())
            .map(|index| {
                let entry = &self.list[index];
                let mut fields = Vec::new();
                for (name, offset, address) in entry.fields.iter().take(256) {
                    let ty = self.by_address.get(address).copied().flatten();
                    let ty = ty
                        .map(|ty| self.list[ty as usize].name.clone())
                        .unwrap_or_default();
                    fields.push((name.clone(), *offset as u32, ty));
                }
                if let Some(made) = &entry.made {
                    for (name, offset, ty) in made
                        .fields
                        .iter()
                        .filter(|field| !field.0.is_empty())
                        .take(256)
                    {
                        fields.push((
                            name.clone(),
                            *offset as u32,
                            self.list[*ty as usize].name.clone(),
                        ));
                    }
                }
                TypeInfo {
                    name: entry.name.clone(),
                    size: entry.size,
                    kind: entry.kind,
                    fields,
                    sites: Vec::new(),
                }
            })
            .collect()
    }
}
