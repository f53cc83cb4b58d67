//! Roots outside goroutine stacks: package variables, finalizers and cleanups.

use std::sync::Mutex;

use diagnose::snapshot::{EDGE_FAR, Label, PAGE, Provenance, Root, RootKind, Slot};
use rustc_hash::FxHashSet;

use crate::Result;
use crate::code_scan::{CodeScan, User};
use crate::edges::type_word;
use crate::heap::{LARGE_OBJECT, MAX_BITMAP_OBJECT, RawView, Walk};
use crate::image::word;
use crate::runtime::Runtime;
use crate::types::{Referent, Types};

/// Static variables followed by typed pointers.
const MAX_STATICS: usize = 1 << 21;

/// Roots collected so far.
#[derive(Default)]
pub struct Roots {
    /// The roots.
    pub list: Vec<Root>,
    /// Their targets.
    pub targets: Vec<Slot>,
    /// References into large objects from roots: `holder` is `u32::MAX`, `word` the root.
    pub views: Vec<RawView>,
}

impl Roots {
    /// Adds a root; without targets it is left out.
    pub fn add(&mut self, kind: RootKind, name: String, ty: String, targets: &[Slot]) {
        if targets.is_empty() {
            return;
        }
        let first = self.targets.len() as u32;
        self.targets.extend_from_slice(targets);
        self.list.push(Root {
            kind,
            name,
            ty,
            first,
            count: targets.len() as u32,
            users: Vec::new(),
        });
    }
}

/// A named stretch of static data.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Address in the process.
    pub address: u64,
    /// Bytes, 0 when unknown.
    pub size: u64,
    /// `main.cache` or `global@5a6ee0`.
    pub name: String,
    /// Type from DWARF.
    pub ty: Option<u32>,
    /// Belongs to the runtime.
    pub runtime: bool,
    /// Places in the program that use it.
    pub users: Vec<u64>,
}

/// An unnamed static that a variable refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Static {
    /// Address in the process.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// `*main.shared (main.account)`.
    pub name: String,
}

/// All variables, ascending, from DWARF, symbols, or code.
pub fn variables(runtime: &Runtime<'_>, types: &mut Types<'_>, scan: &CodeScan) -> Vec<Variable> {
    let slide = runtime.image.slide;
    let types_start = runtime.modules.first().map_or(0, |module| module.types.0);
    let mut result: Vec<Variable> = Vec::new();
    let is_runtime = |name: &str| {
        name.starts_with("runtime.")
            || name.starts_with("runtime/")
            || name.starts_with("internal/runtime/")
            || name.starts_with("go:")
    };
    if let Some(dwarf) = runtime.dwarf {
        for global in &dwarf.globals {
            let ty = global.ty.and_then(|ty| types.load_dwarf(ty, types_start));
            let size = ty.map_or(0, |ty| types.list[ty as usize].size);
            let runtime = is_runtime(&global.name);
            result.push(Variable {
                address: global.address.wrapping_add(slide),
                size,
                name: global.name.clone(),
                ty,
                runtime,
                users: Vec::new(),
            });
        }
    }
    let known: FxHashSet<u64> = result.iter().map(|variable| variable.address).collect();
    for (address, size, name) in &runtime.image.exe.data_symbols {
        let address = address.wrapping_add(slide);
        if !known.contains(&address) {
            result.push(Variable {
                address,
                size: *size,
                name: name.clone(),
                ty: None,
                runtime: is_runtime(name),
                users: Vec::new(),
            });
        }
    }
    // Without names, the code tells where variables begin; plugins' names are not read.
    let unnamed = result.is_empty();
    let plugins = runtime.modules.get(1..).unwrap_or_default();
    let in_plugin = |address: u64| {
        plugins
            .iter()
            .flat_map(|module| [module.data, module.bss])
            .any(|(start, end)| (start..end).contains(&address))
    };
    for (&address, users) in &scan.users {
        if !unnamed && !in_plugin(address) {
            continue;
        }
        let users: Vec<&str> = users.iter().map(|user| user.function.as_str()).collect();
        let shown = address.wrapping_sub(if in_plugin(address) { 0 } else { slide });
        result.push(Variable {
            address,
            size: 0,
            name: format!("global@{shown:x} (used by {})", users.join(", ")),
            ty: None,
            runtime: users.iter().all(|user| is_runtime(user)),
            users: Vec::new(),
        });
    }
    let mut places: Vec<(u64, &User)> = scan
        .users
        .iter()
        .flat_map(|(&address, users)| users.iter().map(move |user| (address, user)))
        .collect();
    places.sort_by_key(|(address, user)| (*address, user.rank, user.pc));
    result.sort_by(|a, b| {
        (a.address, std::cmp::Reverse(a.size), &a.name).cmp(&(
            b.address,
            std::cmp::Reverse(b.size),
            &b.name,
        ))
    });
    for (address, user) in places.into_iter().filter(|(_, user)| user.rank < 3) {
        if let Some(index) = variable_index(&result, address) {
            result[index].users.push(user.pc);
        }
    }
    result
}

/// The variable an address lies in.
pub fn variable_at(variables: &[Variable], address: u64) -> Option<&Variable> {
    variable_index(variables, address).map(|index| &variables[index])
}

fn variable_index(variables: &[Variable], address: u64) -> Option<usize> {
    let mut index = variables.partition_point(|variable| variable.address <= address);
    // A few symbols may nest or have no size; the closest one that covers the address.
    for _ in 0..8 {
        index = index.checked_sub(1)?;
        let variable = &variables[index];
        if variable.size == 0 || address < variable.address + variable.size {
            return Some(index);
        }
    }
    None
}

/// Package variables: every word the linker's masks mark.
pub fn globals(
    runtime: &Runtime<'_>,
    walk: &Walk,
    types: &Mutex<Types<'_>>,
    variables: &[Variable],
    roots: &mut Roots,
) {
    let mut runtime_targets: Vec<Slot> = Vec::new();
    for module in &runtime.modules {
        for ((start, end), (bits, mask)) in [
            (module.data, module.data_mask),
            (module.bss, module.bss_mask),
        ] {
            let size = (end - start).min(bits.saturating_mul(8));
            let (Some(mask), Some(data)) = (
                runtime.image.bytes(mask, bits.div_ceil(8)),
                runtime.image.bytes(start, size),
            ) else {
                continue;
            };
            let mut current: Option<(&Variable, Vec<Slot>, Vec<RawView>)> = None;
            let mut previous_pointer = false;
            for index in 0..(size / 8) as usize {
                let pointer = mask[index / 8] >> (index % 8) & 1 != 0;
                let value = if pointer { word(&data, index * 8) } else { 0 };
                let before = if !previous_pointer && index > 0 {
                    word(&data, index * 8 - 8)
                } else {
                    0
                };
                previous_pointer = pointer;
                if value == 0 {
                    continue;
                }
                let Some((target, offset)) = walk.find(value) else {
                    continue;
                };
                let address = start + index as u64 * 8;
                if before > 0xffff && offset == 0 && before % 8 == 0 {
                    walk.label(target, type_word(&runtime.image, walk, types, before));
                }
                let Some(variable) = variable_at(variables, address) else {
                    runtime_targets.push(target);
                    continue;
                };
                if variable.runtime {
                    runtime_targets.push(target);
                    continue;
                }
                if !current
                    .as_ref()
                    .is_some_and(|(owner, _, _)| std::ptr::eq(*owner, variable))
                {
                    flush(&mut current, types, roots);
                    current = Some((variable, Vec::new(), Vec::new()));
                }
                if let Some((_, targets, views)) = &mut current {
                    targets.push(target);
                    if walk.span_of(target).elem_size >= LARGE_OBJECT {
                        let next = [word(&data, index * 8 + 8), word(&data, index * 8 + 16)];
                        let at = ((address - variable.address) / 8).min(u64::from(EDGE_FAR)) as u32;
                        // `holder` is set to the word for now: the root's number is not known yet.
                        views.push(RawView {
                            holder: at,
                            word: 0,
                            target,
                            offset,
                            next,
                        });
                    }
                }
            }
            flush(&mut current, types, roots);
        }
    }
    roots.add(
        RootKind::Runtime,
        "the runtime's own variables".to_string(),
        String::new(),
        &runtime_targets,
    );
}

fn flush(
    current: &mut Option<(&Variable, Vec<Slot>, Vec<RawView>)>,
    types: &Mutex<Types<'_>>,
    roots: &mut Roots,
) {
    let Some((variable, targets, views)) = current.take() else {
        return;
    };
    let Ok(mut types) = types.lock() else { return };
    let name = variable
        .ty
        .map(|ty| types.list[ty as usize].name.clone())
        .unwrap_or_default();
    let words = variable.ty.map(|ty| types.words(ty));
    let root = roots.list.len() as u32;
    for mut view in views {
        let referent = words.as_ref().map(|words| {
            words
                .get(view.holder as usize)
                .copied()
                .unwrap_or(Referent::None)
        });
        let slice = match referent {
            Some(Referent::Elements(_)) => true,
            Some(Referent::Text) => false,
            // An untyped pair or triple that has the shape of a slice is taken for one.
            None => view.next[0] <= view.next[1] && view.next[1] > 0 && view.next[1] < 1 << 40,
            Some(_) => continue,
        };
        if !slice {
            view.next[1] = u64::MAX;
        }
        view.holder = u32::MAX;
        view.word = root;
        roots.views.push(view);
    }
    roots.add(RootKind::Global, variable.name.clone(), name, &targets);
}

/// Labels what typed variables refer to, through static data (`var c = &Cache{}` refers to an unnamed static).
///
/// Returns the unnamed statics met on the way, ascending.
pub fn label_globals(
    runtime: &Runtime<'_>,
    walk: &Walk,
    types: &Mutex<Types<'_>>,
    variables: &[Variable],
) -> Vec<Static> {
    let mut statics = Vec::new();
    let Ok(mut types) = types.lock() else {
        return statics;
    };
    let ranges: Vec<(u64, u64)> = runtime
        .modules
        .iter()
        .flat_map(|module| [module.data, module.bss])
        .collect();
    let memory: Vec<(u64, Vec<u8>)> = ranges
        .iter()
        .filter_map(|range| {
            runtime
                .image
                .bytes(range.0, range.1 - range.0)
                .map(|data| (range.0, data))
        })
        .collect();
    let read = |address: u64| -> Option<u64> {
        memory.iter().find_map(|(start, data)| {
            let at = usize::try_from(address.checked_sub(*start)?).ok()?;
            (at + 8 <= data.len()).then(|| word(data, at))
        })
    };
    let mut work: Vec<(u64, u32, usize)> = variables
        .iter()
        .enumerate()
        .filter(|(_, variable)| !variable.runtime)
        .filter_map(|(index, variable)| Some((variable.address, variable.ty?, index)))
        .collect();
    let mut seen: FxHashSet<(u64, u32)> = work.iter().map(|entry| (entry.0, entry.1)).collect();
    while let Some((address, ty, owner)) = work.pop() {
        let words = types.words(ty);
        for (index, referent) in words.iter().enumerate() {
            if *referent == Referent::None {
                continue;
            }
            let at = address + index as u64 * 8;
            let Some(value) = read(at).filter(|value| *value != 0) else {
                continue;
            };
            if let Some((target, 0)) = walk.find(value) {
                if let Some(label) = referent_label(&mut types, walk, target, *referent) {
                    walk.label(target, label);
                }
                continue;
            }
            let follow = match referent {
                Referent::Value(elem) => Some((*elem, 1)),
                Referent::Elements(elem) => Some((*elem, read(at + 8).unwrap_or(0).min(1 << 16))),
                _ => None,
            };
            if let Some((elem, count)) = follow {
                let size = types.list[elem as usize].size;
                for index in 0..count {
                    let next = (value + index * size, elem);
                    if seen.len() < MAX_STATICS && read(next.0).is_some() && seen.insert(next) {
                        let size = types.list[elem as usize].size;
                        let name = format!(
                            "*{} ({})",
                            variables[owner].name, types.list[elem as usize].name
                        );
                        statics.push(Static {
                            address: next.0,
                            size,
                            name,
                        });
                        work.push((next.0, next.1, owner));
                    }
                }
            }
        }
    }
    statics.sort_by_key(|entry: &Static| entry.address);
    statics
}

/// The label a typed reference to the start of an object gives it; `None` when the object's size contradicts.
pub fn referent_label(
    types: &mut Types<'_>,
    walk: &Walk,
    target: Slot,
    referent: Referent,
) -> Option<Label> {
    let room = walk.span_of(target).elem_size;
    match referent {
        Referent::Value(ty) => {
            let size = types.list[ty as usize].size;
            // Channels carry their buffer; everything else fills its size class.
            let open = size == 0;
            (open || fits(size, room)).then(|| Label::new(ty, false, Provenance::Reference))
        }
        Referent::Elements(ty) => {
            let size = types.list[ty as usize].size;
            (size > 0 && size <= room).then(|| Label::new(ty, true, Provenance::Reference))
        }
        Referent::Text => Some(Label::new(types.text(), false, Provenance::Reference)),
        _ => None,
    }
}

/// Slot sizes of small objects in bytes; the same in every release since Go 1.16.
const SLOTS: [u64; 67] = [
    8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352,
    384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048,
    2304, 2688, 3072, 3200, 3456, 4096, 4864, 5120, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728,
    10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672,
];
/// Largest small object.
const SMALL: u64 = 32768;
/// Type word before objects of more than 512 bytes with pointers.
const HEADER: u64 = 8;

/// Whether a value of this size is put into slots of that size: those it fits that are the smallest, or, above
/// 32 KiB, whole pages. Several pointer-free values below 16 bytes may share a slot of 16.
pub fn fits(size: u64, room: u64) -> bool {
    if size > room {
        return false;
    }
    if room > SMALL {
        return room - size < PAGE;
    }
    let next_smaller = SLOTS[..SLOTS.partition_point(|&slot| slot < room)].last();
    let header = if size > MAX_BITMAP_OBJECT { HEADER } else { 0 };
    room == 16 || next_smaller.is_none_or(|&smaller| size + header > smaller)
}

/// Finalizers and cleanups keep their function, and finalizers everything their object refers to.
pub fn specials(runtime: &Runtime<'_>, walk: &Walk, roots: &mut Roots) -> Result<()> {
    let (next, offset, kind) = (
        runtime.field("special.next")?,
        runtime.field("special.offset")?,
        runtime.field("special.kind")?,
    );
    let size = runtime.field("special#")? + 16;
    // Kinds moved by one in Go 1.25.
    let shift = u8::from(runtime.minor >= 25);
    let (finalizer, weak, cleanup) = (1 + shift, 2 + shift, 6 + shift);
    let mut level: Vec<(u64, u64)> = walk
        .specials()
        .map(|(span, first)| (span.start, first))
        .collect();
    let mut targets = Vec::new();
    let mut steps = 0usize;
    while !level.is_empty() && steps < 1 << 26 {
        steps += level.len();
        let addresses: Vec<u64> = level.iter().map(|entry| entry.1).collect();
        let data = runtime.image.read_records(&addresses, size as usize);
        let mut following = Vec::new();
        for (record, (start, _)) in data.chunks_exact(size as usize).zip(&level) {
            let what = record[kind as usize];
            if what == finalizer || what == cleanup || what == weak {
                if let Some((target, _)) = walk.find(word(record, size as usize - 16)) {
                    targets.push(target);
                }
            }
            if what == finalizer {
                if let Some((object, _)) = walk.find(start + word(record, offset as usize)) {
                    let range = walk.offsets[object as usize] as usize
                        ..walk.offsets[object as usize + 1] as usize;
                    // What the object refers to, but not the object itself.
                    targets.extend(
                        walk.targets[range]
                            .iter()
                            .filter(|&&target| target != object),
                    );
                }
            }
            let after = word(record, next as usize);
            if after != 0 {
                following.push((*start, after));
            }
        }
        level = following;
    }
    roots.add(
        RootKind::Special,
        "finalizers and cleanups".to_string(),
        String::new(),
        &targets,
    );
    Ok(())
}

/// Names for addresses in static data: `main.mu`, `*main.shared (main.account)+24`.
pub fn name_address(variables: &[Variable], statics: &[Static], address: u64) -> String {
    let with = |name: &str, offset: u64| {
        if offset == 0 {
            name.to_string()
        } else {
            format!("{name}+{offset}")
        }
    };
    let index = statics.partition_point(|entry| entry.address <= address);
    if let Some(found) = index
        .checked_sub(1)
        .map(|index| &statics[index])
        .filter(|found| address < found.address + found.size)
    {
        return with(&found.name, address - found.address);
    }
    variable_at(variables, address)
        .map(|variable| with(&variable.name, address - variable.address))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_into_the_smallest_slot_they_fit() {
        let check = |size, rooms: &[u64]| {
            let fitting = SLOTS.iter().chain(&[SMALL, 40960, 49152]);
            let fitting: Vec<u64> = fitting.copied().filter(|&room| fits(size, room)).collect();
            assert_eq!(fitting, rooms, "{size} bytes");
        };
        check(4, &[8, 16]);
        check(16, &[16]);
        check(17, &[24]);
        check(104, &[112]);
        check(512, &[512]);
        // With a type word before it or without.
        check(576, &[576, 640]);
        check(600, &[640]);
        check(SMALL, &[SMALL]);
        check(SMALL + 1, &[40960]);
    }
}
