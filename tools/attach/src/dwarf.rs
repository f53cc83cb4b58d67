//! What Go's DWARF adds to what the process itself holds: names and types of global variables, and layouts
//! of the runtime's structs.

use gimli::{AttributeValue, EndianSlice, LittleEndian, Reader};
use rustc_hash::FxHashMap;

/// Attributes and kinds of Go's DWARF producer.
const GO_KIND: gimli::DwAt = gimli::DwAt(0x2900);
const GO_KEY: gimli::DwAt = gimli::DwAt(0x2901);
const GO_ELEM: gimli::DwAt = gimli::DwAt(0x2902);
const GO_RUNTIME_TYPE: gimli::DwAt = gimli::DwAt(0x2904);

/// Index into [`DwarfInfo::types`].
pub type DwTypeId = u32;

/// A type as DWARF describes it, only as deep as needed to reach types with runtime descriptors.
#[derive(Clone, Debug, Default)]
pub struct DwType {
    /// Go name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// `reflect.Kind`, 0 where DWARF does not say.
    pub kind: u8,
    /// Offset of the runtime descriptor from `moduledata.types`; 0: the linker dropped it.
    pub descriptor: u64,
    /// Element of pointers, slices, arrays, maps.
    pub elem: Option<DwTypeId>,
    /// Key of maps.
    pub key: Option<DwTypeId>,
    /// Struct members: name, offset, type.
    pub fields: Vec<(String, u64, DwTypeId)>,
    /// Array length.
    pub count: u64,
}

/// A global variable.
#[derive(Clone, Debug)]
pub struct GlobalVar {
    /// `main.cache`.
    pub name: String,
    /// Link-time address.
    pub address: u64,
    /// Its type.
    pub ty: Option<DwTypeId>,
}

/// A struct's layout.
#[derive(Clone, Debug, Default)]
pub struct StructLayout {
    /// Bytes.
    pub size: u64,
    /// Member offsets.
    pub fields: Vec<(String, u64)>,
}

/// Everything read from DWARF.
#[derive(Clone, Debug, Default)]
pub struct DwarfInfo {
    /// Wanted structs by name.
    pub structs: FxHashMap<String, StructLayout>,
    /// Globals with an address, in file order.
    pub globals: Vec<GlobalVar>,
    /// Types reachable from globals.
    pub types: Vec<DwType>,
}

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A type entry as first seen, before references are followed.
#[derive(Default)]
struct RawType {
    kind: u8,
    name: String,
    size: u64,
    descriptor: u64,
    elem: Option<usize>,
    key: Option<usize>,
    /// `DW_AT_type`: element of pointers and arrays, target of typedefs.
    target: Option<usize>,
    tag: u16,
    fields: Vec<(String, u64, usize)>,
    count: u64,
}

impl DwarfInfo {
    /// Reads all units; `None` when the sections are damaged.
    pub fn read(
        sections: &gimli::DwarfSections<Vec<u8>>,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Option<DwarfInfo> {
        let dwarf = sections.borrow(|data| EndianSlice::new(data, LittleEndian));
        let mut info = DwarfInfo::default();
        let mut raw: FxHashMap<usize, RawType> = FxHashMap::default();
        let mut globals: Vec<(String, u64, Option<usize>)> = Vec::new();
        let mut units = dwarf.units();
        while let Ok(Some(header)) = units.next() {
            let Ok(unit) = dwarf.unit(header) else {
                continue;
            };
            read_unit(&dwarf, &unit, &mut raw, &mut globals);
        }
        for entry in raw.values() {
            if entry.tag == gimli::DW_TAG_structure_type.0 && wanted(&entry.name) {
                let fields = entry
                    .fields
                    .iter()
                    .map(|(name, offset, _)| (name.clone(), *offset))
                    .collect();
                info.structs.insert(
                    entry.name.clone(),
                    StructLayout {
                        size: entry.size,
                        fields,
                    },
                );
            }
        }
        let mut ids: FxHashMap<usize, DwTypeId> = FxHashMap::default();
        for (name, address, ty) in globals {
            let ty = ty.and_then(|offset| info.convert(offset, &raw, &mut ids));
            info.globals.push(GlobalVar { name, address, ty });
        }
        Some(info)
    }

    /// Converts a type and what it refers to, with an explicit work list (types may be cyclic).
    fn convert(
        &mut self,
        offset: usize,
        raw: &FxHashMap<usize, RawType>,
        ids: &mut FxHashMap<usize, DwTypeId>,
    ) -> Option<DwTypeId> {
        let mut work = Vec::new();
        let id = self.enter(offset, raw, ids, &mut work)?;
        while let Some((offset, id)) = work.pop() {
            let entry = &raw[&offset];
            let mut ty = DwType {
                name: entry.name.clone(),
                size: entry.size,
                kind: entry.kind,
                descriptor: entry.descriptor,
                count: entry.count,
                ..DwType::default()
            };
            if entry.descriptor == 0 {
                let target = entry.elem.or(entry.target);
                ty.elem = target.and_then(|target| self.enter(target, raw, ids, &mut work));
                ty.key = entry
                    .key
                    .and_then(|key| self.enter(key, raw, ids, &mut work));
                for (name, at, field) in &entry.fields {
                    if let Some(field) = self.enter(*field, raw, ids, &mut work) {
                        ty.fields.push((name.clone(), *at, field));
                    }
                }
                if entry.kind == 0 {
                    ty.kind = match gimli::DwTag(entry.tag) {
                        gimli::DW_TAG_pointer_type => 22,
                        gimli::DW_TAG_array_type => 17,
                        gimli::DW_TAG_structure_type => 25,
                        _ => 0,
                    };
                }
            }
            self.types[id as usize] = ty;
        }
        Some(id)
    }

    fn enter(
        &mut self,
        mut offset: usize,
        raw: &FxHashMap<usize, RawType>,
        ids: &mut FxHashMap<usize, DwTypeId>,
        work: &mut Vec<(usize, DwTypeId)>,
    ) -> Option<DwTypeId> {
        // Typedefs without a descriptor of their own stand for their target (maps and channels have their
        // kind on the typedef).
        for _ in 0..16 {
            let entry = raw.get(&offset)?;
            let typedef = entry.tag == gimli::DW_TAG_typedef.0;
            match entry.target {
                Some(target) if typedef && entry.descriptor == 0 && entry.elem.is_none() => {
                    offset = target
                }
                _ => break,
            }
        }
        raw.get(&offset)?;
        if let Some(&id) = ids.get(&offset) {
            return Some(id);
        }
        let id = self.types.len() as DwTypeId;
        self.types.push(DwType::default());
        ids.insert(offset, id);
        work.push((offset, id));
        Some(id)
    }
}

fn read_unit<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    raw: &mut FxHashMap<usize, RawType>,
    globals: &mut Vec<(String, u64, Option<usize>)>,
) {
    let Ok(mut entries) = unit.entries_raw(None) else {
        return;
    };
    // The struct or array whose children are being read, with its depth.
    let mut owner: Option<(usize, isize)> = None;
    while !entries.is_empty() {
        let depth = entries.next_depth();
        let offset = entries.next_offset();
        let Ok(abbreviation) = entries.read_abbreviation() else {
            return;
        };
        let Some(abbreviation) = abbreviation else {
            continue;
        };
        if owner.is_some_and(|(_, owner_depth)| depth <= owner_depth) {
            owner = None;
        }
        let tag = abbreviation.tag();
        let is_type = matches!(
            tag,
            gimli::DW_TAG_structure_type
                | gimli::DW_TAG_pointer_type
                | gimli::DW_TAG_array_type
                | gimli::DW_TAG_typedef
                | gimli::DW_TAG_base_type
                | gimli::DW_TAG_subroutine_type
                | gimli::DW_TAG_unspecified_type
        );
        let is_child =
            owner.is_some() && matches!(tag, gimli::DW_TAG_member | gimli::DW_TAG_subrange_type);
        let is_global = tag == gimli::DW_TAG_variable && depth == 1;
        if !is_type && !is_child && !is_global {
            if entries.skip_attributes(abbreviation.attributes()).is_err() {
                return;
            }
            continue;
        }
        let mut entry = RawType {
            tag: tag.0,
            ..RawType::default()
        };
        let mut member_offset = 0;
        let mut address = None;
        for &specification in abbreviation.attributes() {
            let Ok(attribute) = entries.read_attribute(specification) else {
                return;
            };
            let value = attribute.value();
            let number = attribute.udata_value();
            match attribute.name() {
                gimli::DW_AT_name => {
                    if let Ok(name) = dwarf.attr_string(unit, value) {
                        entry.name = name.to_string_lossy().into_owned();
                    }
                }
                gimli::DW_AT_byte_size => entry.size = number.unwrap_or(0),
                gimli::DW_AT_data_member_location => member_offset = number.unwrap_or(0),
                gimli::DW_AT_count => entry.count = number.unwrap_or(0),
                gimli::DW_AT_type => entry.target = reference(unit, &value),
                gimli::DW_AT_location => address = address_of(dwarf, unit, &value),
                GO_KIND => entry.kind = number.unwrap_or(0) as u8,
                GO_KEY => entry.key = reference(unit, &value),
                GO_ELEM => entry.elem = reference(unit, &value),
                GO_RUNTIME_TYPE => {
                    entry.descriptor = match value {
                        AttributeValue::Addr(address) => address,
                        _ => number.unwrap_or(0),
                    }
                }
                _ => {}
            }
        }
        if is_global {
            if let Some(address) = address {
                globals.push((entry.name, address, entry.target));
            }
        } else if is_child {
            if let Some(parent) = owner.and_then(|(parent, _)| raw.get_mut(&parent)) {
                if tag == gimli::DW_TAG_member {
                    if let Some(target) = entry.target {
                        parent.fields.push((entry.name, member_offset, target));
                    }
                } else {
                    parent.count = entry.count;
                }
            }
        } else if let Some(absolute) = offset.to_debug_info_offset(unit) {
            raw.insert(absolute.0, entry);
            if abbreviation.has_children() {
                owner = Some((absolute.0, depth));
            }
        }
    }
}

fn reference<'a>(
    unit: &gimli::Unit<Slice<'a>>,
    value: &AttributeValue<Slice<'a>>,
) -> Option<usize> {
    match value {
        AttributeValue::UnitRef(offset) => offset.to_debug_info_offset(unit).map(|offset| offset.0),
        AttributeValue::DebugInfoRef(offset) => Some(offset.0),
        _ => None,
    }
}

fn address_of<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    value: &AttributeValue<Slice<'a>>,
) -> Option<u64> {
    let AttributeValue::Exprloc(expression) = value else {
        return None;
    };
    let mut reader = expression.0;
    match reader.read_u8().ok()? {
        0x03 => reader.read_u64().ok(),
        0xa1 => {
            let index = usize::try_from(reader.read_uleb128().ok()?).ok()?;
            dwarf.address(unit, gimli::DebugAddrIndex(index)).ok()
        }
        _ => None,
    }
}
