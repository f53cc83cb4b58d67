//! Hashes that are the same in every program in which a function means the same.
//!
//! What passes and code generation make of a function depends on its own code, on the types in it, and on what they are told
//! of the functions that it refers to: their signatures and flags, and, through inlining and escape analysis, their code, and so on
//! downwards. The [`Fingerprints::funcs`] cover all of that: a hash tree over the call graph's strongly connected components.
//! They leave out what only the linker fills in: addresses, contents of globals, whole descriptors.
//!
//! Reading order: this file (names of types and data, the tree), `function` (one function alone).
//!
//! [`Names`] tell what a reference in one program stands for in another.

mod function;

use base::{FxHashMap, IndexVec, Symbol};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use source::{Pos, SourceFile, SourceMap};
use std::sync::Arc;

use crate::callgraph::CallGraph;
use crate::program::{DataId, FuncId, GlobalId, ItabId, Program, Reloc};
use crate::types::{Ty, TyKind, TypeTable};

use function::FuncEncoder;

/// SHA-256.
pub type Fingerprint = [u8; 32];

/// The first half of a SHA-256: names something in every program.
pub type Name = u128;

/// The files of a source map by position and by name.
#[derive(Debug)]
pub struct Files {
    files: Vec<Arc<SourceFile>>,
    by_name: FxHashMap<Arc<str>, usize>,
}

impl Files {
    /// The files that a map holds now.
    pub fn new(sources: &SourceMap) -> Files {
        let files = sources.files();
        let mut by_name = FxHashMap::default();
        for (n, file) in files.iter().enumerate() {
            by_name.entry(file.name.clone()).or_insert(n);
        }
        Files { files, by_name }
    }

    /// File name and offset of a position; `None` for none.
    pub fn place(&self, pos: Pos) -> Option<(&Arc<str>, u32)> {
        if !pos.is_some() {
            return None;
        }
        let n = self.files.partition_point(|f| f.base <= pos);
        let file = &self.files[n.checked_sub(1)?];
        Some((&file.name, pos.0 - file.base.0))
    }

    /// The position of a place; `None` if there is no such file, or it is shorter.
    pub fn pos(&self, name: &str, offset: u32) -> Option<Pos> {
        let file = &self.files[*self.by_name.get(name)?];
        (offset as usize <= file.src.len()).then(|| file.pos(offset))
    }
}

/// Names of what code refers to.
#[derive(Debug)]
pub struct Names {
    /// A type with what it contains: two types with one name have the same layout.
    pub types: IndexVec<Ty, Name>,
    /// Read-only data by its contents; `None` where contents do not tell which it is.
    pub data: IndexVec<DataId, Option<Name>>,
}

/// The entities of a program by name. What two have in common is not found.
#[derive(Debug)]
pub struct Entities {
    #[allow(missing_docs)]
    pub types: FxHashMap<Name, Option<Ty>>,
    #[allow(missing_docs)]
    pub data: FxHashMap<Name, DataId>,
    #[allow(missing_docs)]
    pub funcs: FxHashMap<Name, Option<FuncId>>,
    #[allow(missing_docs)]
    pub globals: FxHashMap<Name, Option<GlobalId>>,
    #[allow(missing_docs)]
    pub itabs: FxHashMap<Name, Option<ItabId>>,
}

/// The name of a function or global.
pub fn name_of(link_name: Symbol) -> Name {
    Encoder::default().text(link_name.as_str()).name()
}

impl Names {
    /// Names everything in a program.
    pub fn new(program: &Program) -> Names {
        let types = type_names(&program.types);
        let data = DataNames {
            program,
            types: &types,
            names: IndexVec::from_elem_n(State::New, program.data.len()),
        }
        .all();
        Names { types, data }
    }

    /// The name of a static itab.
    pub fn itab(&self, program: &Program, itab: ItabId) -> Name {
        let itab = &program.itabs[itab];
        let mut out = Encoder::default();
        out.name_of(self.types[itab.iface])
            .name_of(self.types[itab.concrete]);
        out.name()
    }
}

impl Entities {
    /// Collects them.
    pub fn new(program: &Program, names: &Names) -> Entities {
        fn unique<T: Copy>(pairs: impl Iterator<Item = (Name, T)>) -> FxHashMap<Name, Option<T>> {
            let mut map = FxHashMap::default();
            for (name, id) in pairs {
                map.entry(name)
                    .and_modify(|known| *known = None)
                    .or_insert(Some(id));
            }
            map
        }
        let mut data = FxHashMap::default();
        for (id, name) in names.data.iter_enumerated() {
            if let Some(name) = name {
                data.entry(*name).or_insert(id);
            }
        }
        Entities {
            types: unique(names.types.iter_enumerated().map(|(id, &name)| (name, id))),
            data,
            funcs: unique(
                program
                    .funcs
                    .iter_enumerated()
                    .map(|(id, func)| (name_of(func.name), id)),
            ),
            globals: unique(
                program
                    .globals
                    .iter_enumerated()
                    .map(|(id, global)| (name_of(global.name), id)),
            ),
            itabs: unique(program.itabs.ids().map(|id| (names.itab(program, id), id))),
        }
    }
}

/// Fingerprints of all functions with a body, before any pass; `salt` is whatever else decides how they are compiled.
pub fn functions(
    program: &Program,
    graph: &CallGraph,
    names: &Names,
    files: &Files,
    salt: &[u8],
) -> IndexVec<FuncId, Option<Fingerprint>> {
    let own: Vec<[u8; 32]> = program
        .funcs
        .as_slice()
        .par_iter()
        .map_init(FuncEncoder::default, |encoder, func| {
            encoder.function(program, names, files, func)
        })
        .collect();
    let own = IndexVec::<FuncId, [u8; 32]>::from_raw(own);
    let mut out: IndexVec<FuncId, [u8; 32]> = own.clone();
    for component in &graph.components {
        let mut hash = Sha256::new();
        hash.update((salt.len() as u64).to_le_bytes());
        hash.update(salt);
        for &member in component {
            hash.update(own[member]);
            for &callee in &graph.references[member] {
                // Of a member of this component that is not a whole tree yet, but all of them are in the hash.
                hash.update(out[callee]);
            }
            hash.update([0; 32]);
        }
        let whole: [u8; 32] = hash.finalize().into();
        for &member in component {
            let mut hash = Sha256::new();
            hash.update(whole);
            hash.update(own[member]);
            out[member] = hash.finalize().into();
        }
    }
    out.iter_enumerated()
        .map(|(id, hash)| program.funcs[id].body.is_some().then_some(*hash))
        .collect()
}

/// Bytes on their way to a hash. Every part says how long it is, or has a fixed length.
#[derive(Default)]
struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    fn byte(&mut self, n: u8) -> &mut Self {
        self.bytes.push(n);
        self
    }
    fn number(&mut self, mut n: u64) -> &mut Self {
        while n >= 0x80 {
            self.bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
        self
    }
    fn signed(&mut self, n: i64) -> &mut Self {
        self.number((n << 1 ^ n >> 63) as u64)
    }
    fn text(&mut self, text: &str) -> &mut Self {
        self.raw(text.as_bytes())
    }
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self
    }
    fn symbol(&mut self, symbol: Option<Symbol>) -> &mut Self {
        match symbol {
            None => self.byte(0),
            Some(symbol) => self.byte(1).text(symbol.as_str()),
        }
    }
    fn name_of(&mut self, name: Name) -> &mut Self {
        self.bytes.extend_from_slice(&name.to_le_bytes());
        self
    }
    fn fingerprint(&mut self) -> Fingerprint {
        let hash = Sha256::digest(&self.bytes).into();
        self.bytes.clear();
        hash
    }
    fn name(&mut self) -> Name {
        let hash = self.fingerprint();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Name::from_le_bytes(half)
    }
}

// ---- types

fn type_names(types: &TypeTable) -> IndexVec<Ty, Name> {
    let count = types.len();
    // First with defined types by their names alone: components of other types have lower numbers.
    let mut shallow: Vec<Name> = Vec::with_capacity(count);
    let mut out = Encoder::default();
    for n in 0..count {
        let ty = Ty(n as u32);
        shallow_type(types, ty, &shallow, &mut out);
        shallow.push(out.name());
    }
    // Then with what they contain.
    let mut full: Vec<Option<Name>> = vec![None; count];
    let mut stack: Vec<Ty> = Vec::new();
    for n in 0..count {
        stack.push(Ty(n as u32));
        while let Some(&ty) = stack.last() {
            let at = ty.0 as usize;
            if full[at].is_some() {
                stack.pop();
                continue;
            }
            let before = stack.len();
            for_each_contained(types, ty, |part| {
                if full[part.0 as usize].is_none() {
                    stack.push(part);
                }
            });
            if stack.len() > before {
                continue;
            }
            out.name_of(shallow[at]);
            for_each_contained(types, ty, |part| {
                out.name_of(full[part.0 as usize].expect("parts come first"));
            });
            let mut layout = |elem: Ty| {
                let layout = types.layout(elem);
                out.number(layout.size)
                    .number(layout.align)
                    .number(layout.ptr_bytes);
            };
            match types.kind(ty) {
                TyKind::Pointer(elem) | TyKind::Slice(elem) | TyKind::Chan(_, elem) => {
                    layout(*elem)
                }
                TyKind::Map(key, elem) => {
                    layout(*key);
                    layout(*elem);
                }
                _ => {}
            }
            full[at] = Some(out.name());
            stack.pop();
        }
    }
    IndexVec::from_raw(
        full.into_iter()
            .map(|name| name.expect("all were named"))
            .collect(),
    )
}

/// The types whose values lie within a value of this type.
fn for_each_contained(types: &TypeTable, ty: Ty, mut f: impl FnMut(Ty)) {
    match types.kind(ty) {
        TyKind::Array(elem, _) => f(*elem),
        TyKind::Struct(fields) => fields.iter().for_each(|field| f(field.ty)),
        TyKind::Tuple(parts) => parts.iter().copied().for_each(f),
        TyKind::Named(id) => types.named(*id).underlying.into_iter().for_each(f),
        _ => {}
    }
}

fn shallow_type(types: &TypeTable, ty: Ty, known: &[Name], out: &mut Encoder) {
    let part = |ty: Ty| known[ty.0 as usize];
    match types.kind(ty) {
        TyKind::Bool => out.byte(1),
        TyKind::Int(kind) => out.byte(2).byte(*kind as u8),
        TyKind::Float32 => out.byte(3),
        TyKind::Float64 => out.byte(4),
        TyKind::Complex64 => out.byte(5),
        TyKind::Complex128 => out.byte(6),
        TyKind::String => out.byte(7),
        TyKind::UnsafePointer => out.byte(8),
        TyKind::Pointer(elem) => out.byte(9).name_of(part(*elem)),
        TyKind::Slice(elem) => out.byte(10).name_of(part(*elem)),
        TyKind::Array(elem, len) => out.byte(11).name_of(part(*elem)).number(*len),
        TyKind::Map(key, elem) => out.byte(12).name_of(part(*key)).name_of(part(*elem)),
        TyKind::Chan(dir, elem) => out.byte(13).byte(*dir as u8).name_of(part(*elem)),
        TyKind::Func(func) => {
            out.byte(14).byte(func.variadic as u8);
            for list in [&func.params, &func.results] {
                out.number(list.len() as u64);
                list.iter().for_each(|&ty| {
                    out.name_of(part(ty));
                });
            }
            out
        }
        TyKind::Struct(fields) => {
            out.byte(15).number(fields.len() as u64);
            for field in fields {
                out.text(field.name.as_str())
                    .symbol(field.pkg)
                    .name_of(part(field.ty))
                    .byte(field.embedded as u8);
                match &field.tag {
                    None => out.byte(0),
                    Some(tag) => out.byte(1).raw(tag),
                };
            }
            out
        }
        TyKind::Interface(methods) => {
            out.byte(16).number(methods.len() as u64);
            for method in methods {
                out.text(method.name.as_str())
                    .symbol(method.pkg)
                    .name_of(part(method.sig));
            }
            out
        }
        TyKind::Named(id) => {
            let named = types.named(*id);
            out.byte(17)
                .text(&named.name)
                .symbol(named.pkg_path)
                .symbol(named.pkg_name)
                .text(&named.local_suffix)
        }
        TyKind::Tuple(parts) => {
            out.byte(18).number(parts.len() as u64);
            for &ty in parts {
                out.name_of(part(ty));
            }
            out
        }
    };
}

// ---- static data

#[derive(Clone, Copy)]
enum State {
    New,
    Open,
    Done(Option<Name>),
}

struct DataNames<'a> {
    program: &'a Program,
    types: &'a IndexVec<Ty, Name>,
    names: IndexVec<DataId, State>,
}

impl DataNames<'_> {
    fn all(mut self) -> IndexVec<DataId, Option<Name>> {
        let mut out = Encoder::default();
        for root in self.program.data.ids() {
            let mut stack = vec![root];
            while let Some(&id) = stack.last() {
                match self.names[id] {
                    State::Done(_) => {
                        stack.pop();
                    }
                    State::New => {
                        self.names[id] = State::Open;
                        for (_, reloc) in &self.program.data[id].init.relocs {
                            if let Reloc::Data(part, _) = *reloc
                                && matches!(self.names[part], State::New)
                            {
                                stack.push(part);
                            }
                        }
                    }
                    State::Open => {
                        let name = self.name(id, &mut out);
                        self.names[id] = State::Done(name);
                        stack.pop();
                    }
                }
            }
        }
        let names = self.names.into_raw().into_iter();
        names
            .map(|state| match state {
                State::Done(name) => name,
                State::New | State::Open => None,
            })
            .collect::<Vec<_>>()
            .into_iter()
            .collect()
    }

    /// Parts that refer back to what is being named make it nameless.
    fn name(&self, id: DataId, out: &mut Encoder) -> Option<Name> {
        let data = &self.program.data[id];
        if !data.readonly {
            return None;
        }
        out.bytes.clear();
        out.number(data.align).raw(&data.init.bytes);
        match data.ty {
            None => out.byte(0),
            Some(ty) => out.byte(1).name_of(self.types[ty]),
        };
        for (at, reloc) in &data.init.relocs {
            out.number(*at as u64);
            match *reloc {
                Reloc::FuncVal(f) => out.byte(1).name_of(name_of(self.program.funcs[f].name)),
                Reloc::FuncCode(f) => out.byte(2).name_of(name_of(self.program.funcs[f].name)),
                Reloc::Global(g, n) => out
                    .byte(3)
                    .name_of(name_of(self.program.globals[g].name))
                    .signed(n),
                Reloc::Data(d, n) => match self.names[d] {
                    State::Done(Some(part)) => out.byte(4).name_of(part).signed(n),
                    _ => return None,
                },
                Reloc::TypeDesc(ty) => out.byte(5).name_of(self.types[ty]),
                Reloc::Itab(i) => {
                    let itab = &self.program.itabs[i];
                    out.byte(6)
                        .name_of(self.types[itab.iface])
                        .name_of(self.types[itab.concrete])
                }
            };
        }
        Some(out.name())
    }
}
