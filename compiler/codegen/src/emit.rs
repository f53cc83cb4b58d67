//! The program to linker input.

use abi::symbols;
use base::{FxHashMap, IndexVec};
use link::object::{Definition, Object, Reloc, RelocKind, Section, SymbolId};
use mir::fingerprint::{Name, Names};
use mir::{DataId, FuncId, GlobalId, Program, Ty};
use rayon::prelude::*;
use source::SourceMap;

use crate::argtable::ArgTable;
use crate::artifact::CodeCache;
use crate::compile::{CompiledFunc, FuncCompiler};
use crate::func::{HELPERS, Helper, SymbolSpace};
use crate::tables::{LineTables, PosResolver, Strings};
use crate::typedesc::{self, DescReloc, TypeData};
use crate::unit::{Kept, Unit};

/// Bytes of a function's entry.
const ENTRY: u64 = size_of::<abi::module::FuncEntry>() as u64;

/// Largest variable in bytes, as for the official linker.
const MAX_SYMBOL: u64 = 2_000_000_000;

/// How to generate code.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Without optimisation (`-gcflags=-N`).
    pub no_optimize: bool,
    /// Link name of a function whose Cranelift IR is printed to stderr.
    pub dump: Option<String>,
}

/// Compiles every function and lays out all data and tables. Functions are compiled in parallel.
///
/// `trim` maps source file names to those that tracebacks show; functions are looked up in `cache` and left there. Functions in `kept` are
/// not looked at: their code is there. `names` are those of the program's data. With a cache, also returns what the others' code refers to.
///
/// # Errors
/// A variable that is too large; a defect in our MIR that Cranelift found, with the function's name.
pub fn emit_program(
    program: &mut Program,
    sources: &SourceMap,
    trim: &dyn Fn(&str) -> String,
    options: &Options,
    cache: Option<&dyn CodeCache>,
    mut kept: FxHashMap<FuncId, Kept>,
    names: &Names,
) -> Result<(Object, Vec<(FuncId, Unit)>), String> {
    typedesc::close_type_info(program, &kept);
    program.types.cache_layouts();
    for (&id, kept) in &mut kept {
        if let Some(body) = &mut program.funcs[id].body {
            body.inlines = std::mem::take(&mut kept.unit.inlines);
        }
    }
    // Relocations reach 2 GiB.
    for global in program.globals.iter().filter(|g| !g.external) {
        let size = program.types.layout(global.ty).size;
        if size > MAX_SYMBOL {
            let at = sources.file_of(global.pos).map_or(String::new(), |file| {
                let place = file.location(global.pos);
                format!("{}:{}:{}: ", place.file, place.line, place.col)
            });
            return Err(format!(
                "{at}{}: symbol too large ({size} bytes > {MAX_SYMBOL} bytes)",
                global.name
            ));
        }
    }
    let program = &*program;
    let isa = crate::isa::target(!options.no_optimize, cfg!(debug_assertions));
    let bodies: Vec<FuncId> = program
        .funcs
        .iter_enumerated()
        .filter(|(_, f)| f.body.is_some())
        .map(|(id, _)| id)
        .collect();
    let compiled: Vec<(CompiledFunc, Option<Unit>)> = bodies
        .par_iter()
        .map_init(FuncCompiler::default, |compiler, &id| match kept.get(&id) {
            Some(kept) => Ok((kept.code(id)?, None)),
            None => compiler.compile(program, id, &*isa, options.dump.as_deref(), cache),
        })
        .collect::<Result<_, _>>()?;
    let (compiled, units): (Vec<_>, Vec<_>) = compiled.into_iter().unzip();
    let units = bodies
        .iter()
        .zip(units)
        .filter_map(|(&id, unit)| Some((id, unit?)))
        .collect();
    let mut emitter = Emitter::new(program, names);
    emitter.types();
    emitter.globals();
    emitter.static_data();
    emitter.functions(&bodies, compiled, sources, trim);
    emitter.fill_relocs();
    emitter.module_data();
    Ok((emitter.object, units))
}

struct Emitter<'a> {
    program: &'a Program,
    names: &'a Names,
    object: Object,
    funcs: IndexVec<FuncId, SymbolId>,
    func_vals: FxHashMap<FuncId, SymbolId>,
    globals: IndexVec<GlobalId, SymbolId>,
    data: IndexVec<DataId, SymbolId>,
    itabs: Vec<SymbolId>,
    types: SymbolId,
    type_data: TypeData,
    /// Contents waiting for relocations to symbols that were not known yet: (chunk, base offset, relocations).
    pending: Vec<(link::ChunkId, u32, Vec<(u32, mir::Reloc)>)>,
    roots: Vec<(SymbolId, u64, Vec<u8>)>,
    tables: Tables,
}

#[derive(Default)]
struct Tables {
    funcs: Option<(SymbolId, u64)>,
    locs: Option<(SymbolId, u64)>,
    lines: Option<(SymbolId, u64)>,
    strings: Option<(SymbolId, u64)>,
    handlers: Option<(SymbolId, u64)>,
    sites: Option<(SymbolId, u64)>,
    frames: Option<(SymbolId, u64)>,
    entries: Option<(SymbolId, u64)>,
    args: Option<(SymbolId, u64)>,
}

impl<'a> Emitter<'a> {
    fn new(program: &'a Program, names: &'a Names) -> Self {
        let mut object = Object::default();
        let funcs = program
            .funcs
            .iter()
            .map(|f| object.symbol(f.name.as_str()))
            .collect();
        let types = object.anonymous(Definition::SectionStart(Section::Types));
        Emitter {
            program,
            names,
            object,
            funcs,
            func_vals: FxHashMap::default(),
            globals: IndexVec::new(),
            data: IndexVec::new(),
            itabs: Vec::new(),
            types,
            type_data: TypeData::default(),
            pending: Vec::new(),
            roots: Vec::new(),
            tables: Tables::default(),
        }
    }

    fn func_val(&mut self, id: FuncId) -> SymbolId {
        if let Some(&symbol) = self.func_vals.get(&id) {
            return symbol;
        }
        let reloc = Reloc {
            offset: 0,
            kind: RelocKind::Abs64,
            target: self.funcs[id],
            addend: 0,
        };
        let symbol = self
            .object
            .add_data(Section::Rodata, 8, vec![0; 8], vec![reloc]);
        self.func_vals.insert(id, symbol);
        symbol
    }

    fn types(&mut self) {
        self.type_data = typedesc::build(self.program);
        let slots = self.type_data.mask_slots;
        let slot_base = (slots > 0).then(|| {
            let chunk = self.object.add_chunk(link::Chunk {
                section: Section::Bss,
                align: 8,
                bytes: Vec::new(),
                size: slots as u64 * 8,
                relocs: Vec::new(),
            });
            self.object.anonymous(Definition::Chunk(chunk, 0))
        });
        let mut relocs = Vec::with_capacity(self.type_data.relocs.len());
        for (offset, target) in std::mem::take(&mut self.type_data.relocs) {
            let (target, addend) = match target {
                DescReloc::Here(at) => (self.types, at as i64),
                DescReloc::FuncVal(f) => (self.func_val(f), 0),
                DescReloc::MaskSlot(n) => (slot_base.expect("slots exist"), n as i64 * 8),
            };
            relocs.push(Reloc {
                offset,
                kind: RelocKind::Abs64,
                target,
                addend,
            });
        }
        for &(offset, f) in &self.type_data.text_offsets {
            let kind = RelocKind::SectionOff32(Section::GoText);
            relocs.push(Reloc {
                offset,
                kind,
                target: self.funcs[f],
                addend: 0,
            });
        }
        let bytes = std::mem::take(&mut self.type_data.bytes);
        // Alignment of the section is the chunk's, so that the section starts with it.
        let symbol = self.object.add_data(Section::Types, 4096, bytes, relocs);
        // Descriptors are addressed through the chunk, which keeps it alive.
        self.types = symbol;
        self.itabs = (0..self.program.itabs.len())
            .map(|_| self.object.anonymous(Definition::Undefined))
            .collect();
    }

    /// Concatenates globals into one block per kind, with a pointer bitmap for those that the collector scans.
    fn globals(&mut self) {
        let program = self.program;
        let mut blocks: [Block; 4] =
            [Section::GoData, Section::GoBss, Section::Data, Section::Bss].map(Block::new);
        let mut placed: Vec<Option<(usize, u64)>> = Vec::new();
        // Where everything without size is: at one address, as gc's programs have it.
        let zero_base = (3, blocks[3].add(program, 8, 8, None, None));
        for global in program.globals.iter() {
            if global.external {
                placed.push(None);
                continue;
            }
            let layout = program.types.layout(global.ty);
            if layout.size == 0 || global.name.as_str() == "runtime.zerobase" {
                placed.push(Some(zero_base));
                continue;
            }
            let kind =
                usize::from(global.init.is_none()) + if layout.ptr_bytes > 0 { 0 } else { 2 };
            placed.push(Some((
                kind,
                blocks[kind].add(
                    program,
                    layout.size,
                    layout.align,
                    global.init.as_ref(),
                    Some(global.ty),
                ),
            )));
        }
        let mut data_placed: Vec<Option<(usize, u64)>> = Vec::new();
        for data in program.data.iter() {
            if data.readonly {
                data_placed.push(None);
                continue;
            }
            let pointers = data
                .ty
                .is_none_or(|ty| program.types.layout(ty).ptr_bytes > 0);
            let kind = if pointers { 0 } else { 2 };
            let size = data.init.bytes.len() as u64;
            if size == 0 {
                data_placed.push(Some(zero_base));
                continue;
            }
            data_placed.push(Some((
                kind,
                blocks[kind].add(program, size, data.align, Some(&data.init), data.ty),
            )));
        }
        let mut symbols = Vec::new();
        for block in blocks {
            let section = block.section;
            let size = block.size.next_multiple_of(8);
            let mut bytes = block.bytes;
            if !section.is_zero() {
                bytes.resize(size as usize, 0);
            }
            let chunk = self.object.add_chunk(link::Chunk {
                section,
                align: 64,
                bytes,
                size,
                relocs: Vec::new(),
            });
            self.pending.push((chunk, 0, block.relocs));
            let symbol = self.object.anonymous(Definition::Chunk(chunk, 0));
            if matches!(section, Section::GoData | Section::GoBss) && size > 0 {
                let mut bitmap = block.bitmap;
                bitmap.resize((size as usize / 8).div_ceil(8), 0);
                self.roots.push((symbol, size / 8, bitmap));
            }
            symbols.push(chunk);
        }
        for (global, place) in program.globals.iter().zip(placed) {
            let symbol = self.object.symbol(global.name.as_str());
            if let Some((kind, offset)) = place {
                let size = program.types.layout(global.ty).size;
                self.object
                    .define(symbol, Definition::Chunk(symbols[kind], offset), size);
            }
            self.globals.push(symbol);
        }
        // Read-only data of one name is one: kept code refers to any of them.
        let mut named: FxHashMap<Name, SymbolId> = FxHashMap::default();
        for ((id, data), place) in program.data.iter_enumerated().zip(data_placed) {
            let name = self.names.data[id];
            let symbol = match (place, name.and_then(|name| named.get(&name))) {
                (Some((kind, offset)), _) => self
                    .object
                    .anonymous(Definition::Chunk(symbols[kind], offset)),
                (None, Some(&symbol)) => symbol,
                (None, None) => {
                    let symbol = self.object.add_data(
                        Section::Rodata,
                        data.align.max(1) as u32,
                        data.init.bytes.clone(),
                        Vec::new(),
                    );
                    if !data.init.relocs.is_empty()
                        && let Definition::Chunk(chunk, _) = self.object.symbols[symbol].def
                    {
                        self.pending.push((chunk, 0, data.init.relocs.clone()));
                    }
                    named.extend(name.map(|name| (name, symbol)));
                    symbol
                }
            };
            self.data.push(symbol);
        }
    }

    fn static_data(&mut self) {
        for (id, itab) in self.program.itabs.iter_enumerated() {
            let mut bytes = vec![0u8; 24 + 8 * itab.methods.len().max(1)];
            let link = self.program.types.link_string(itab.concrete);
            bytes[16..20].copy_from_slice(&typedesc::fnv(link.as_bytes()).to_le_bytes());
            let mut relocs = vec![
                self.type_reloc(0, itab.iface),
                self.type_reloc(8, itab.concrete),
            ];
            let pruned = self.object.symbol(symbols::throws::PANIC_NIL);
            for (i, method) in itab.methods.iter().enumerate() {
                let target = method.map_or(pruned, |m| self.funcs[m]);
                relocs.push(Reloc {
                    offset: 24 + 8 * i as u32,
                    kind: RelocKind::Abs64,
                    target,
                    addend: 0,
                });
            }
            let data = self.object.add_data(Section::Rodata, 8, bytes, relocs);
            let def = self.object.symbols[data].def;
            let slot = self.itabs[base::Id::index(id)];
            self.object.symbols[slot].def = def;
        }
    }

    fn type_reloc(&self, offset: u32, ty: Ty) -> Reloc {
        Reloc {
            offset,
            kind: RelocKind::Abs64,
            target: self.types,
            addend: self.type_data.offsets[&ty] as i64,
        }
    }

    /// Fills in the address words of globals and static data.
    fn fill_relocs(&mut self) {
        for (chunk, base, relocs) in std::mem::take(&mut self.pending) {
            let mut out = Vec::with_capacity(relocs.len());
            for (offset, reloc) in relocs {
                let (target, addend) = match reloc {
                    mir::Reloc::FuncVal(f) => (self.func_val(f), 0),
                    mir::Reloc::FuncCode(f) => (self.funcs[f], 0),
                    mir::Reloc::Global(g, n) => (self.globals[g], n),
                    mir::Reloc::Data(d, n) => (self.data[d], n),
                    mir::Reloc::TypeDesc(ty) => (self.types, self.type_data.offsets[&ty] as i64),
                    mir::Reloc::Itab(i) => (self.itabs[base::Id::index(i)], 0),
                };
                out.push(Reloc {
                    offset: base + offset,
                    kind: RelocKind::Abs64,
                    target,
                    addend,
                });
            }
            self.object.chunks[chunk].relocs.extend(out);
        }
    }

    fn functions(
        &mut self,
        ids: &[FuncId],
        compiled: Vec<CompiledFunc>,
        sources: &SourceMap,
        trim: &dyn Fn(&str) -> String,
    ) {
        let helpers: Vec<SymbolId> = HELPERS
            .iter()
            .map(|name| self.object.symbol(name))
            .collect();
        let mut strings = Strings::default();
        let mut lines = LineTables::default();
        let mut resolver = PosResolver::new(sources, trim);
        let (mut entries, mut entry_relocs) = (Vec::new(), Vec::new());
        let (mut handlers, mut handler_relocs) = (Vec::new(), Vec::new());
        let mut frames: Vec<u8> = Vec::new();
        let mut known_frames: FxHashMap<Vec<u8>, u32> = FxHashMap::default();
        let mut args = ArgTable::default();
        let text_off = RelocKind::SectionOff32(Section::GoText);
        let mut targets: Vec<SymbolId> = Vec::new();
        for (&id, code) in ids.iter().zip(compiled) {
            let func = &self.program.funcs[id];
            let relocs: Vec<Reloc> = code
                .relocs
                .iter()
                .map(|r| self.code_reloc(r, &helpers))
                .collect();
            targets.extend(relocs.iter().map(|r| r.target));
            let size = code.code.len() as u64;
            let chunk = self.object.add_chunk(link::Chunk {
                section: Section::GoText,
                align: code.align,
                bytes: code.code,
                size,
                relocs,
            });
            let symbol = self.funcs[id];
            self.object
                .define(symbol, Definition::Chunk(chunk, 0), size);
            let (file, line) = resolver.resolve(func.pos, &mut strings);
            let program = lines.add_function(func, &code.lines, &mut resolver, &mut strings);
            let flag = |bit: u32, on: bool| if on { bit } else { 0 };
            let f = flag(abi::module::func_flags::WRAPPER, func.flags.wrapper)
                | flag(abi::module::func_flags::RUNTIME, func.flags.runtime)
                | flag(abi::module::func_flags::NOSPLIT, func.flags.nosplit)
                | flag(abi::module::func_flags::NO_PARAMS, func.params.is_empty());
            let frame = if code.frame.is_empty() {
                abi::module::frame::NONE
            } else {
                *known_frames.entry(code.frame).or_insert_with_key(|bytes| {
                    let at = frames.len() as u32;
                    frames.extend_from_slice(bytes);
                    at
                })
            };
            let arg_record = match func.params.is_empty() {
                true => 0,
                false => args.add(&self.program.types, func, &code.args),
            };
            entry_relocs.push(Reloc {
                offset: entries.len() as u32,
                kind: text_off,
                target: symbol,
                addend: 0,
            });
            for word in [
                0,
                size as u32,
                strings.add(func.display.as_str()),
                file,
                line << abi::module::FuncEntry::LINE_SHIFT | f,
                program,
                frame,
                arg_record,
            ] {
                entries.extend_from_slice(&word.to_le_bytes());
            }
            for (ret, handler, below) in code.handlers {
                let at = handlers.len() as u32;
                handler_relocs.push(Reloc {
                    offset: at,
                    kind: text_off,
                    target: symbol,
                    addend: ret as i64,
                });
                handler_relocs.push(Reloc {
                    offset: at + 4,
                    kind: text_off,
                    target: symbol,
                    addend: handler as i64,
                });
                for word in [0, 0, below] {
                    handlers.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
        // What is called and defined nowhere here is the runtime's.
        let (mut runtime, mut runtime_relocs) = (Vec::new(), Vec::new());
        // They are shown where Go declares them.
        let declared: FxHashMap<SymbolId, source::Pos> = (self.program.funcs.iter_enumerated())
            .filter(|(_, func)| func.body.is_none() && func.pos.is_some())
            .map(|(id, func)| (self.funcs[id], func.pos))
            .collect();
        let unknown = strings.add("<runtime>");
        targets.sort_unstable_by_key(|&t| base::Id::index(t));
        targets.dedup();
        for target in targets {
            let symbol = &self.object.symbols[target];
            if symbol.def != Definition::Undefined || symbol.name.is_empty() {
                continue;
            }
            let name = &symbol.name;
            runtime_relocs.push(Reloc {
                offset: runtime.len() as u32,
                kind: text_off,
                target,
                addend: 0,
            });
            let f = abi::module::func_flags::RUNTIME | abi::module::func_flags::NOSPLIT;
            let (file, line) = match declared.get(&target) {
                Some(&pos) => resolver.resolve(pos, &mut strings),
                None => (unknown, 1),
            };
            let line_flags = line << abi::module::FuncEntry::LINE_SHIFT | f;
            let none = abi::module::frame::NONE;
            for word in [0, 1, strings.add(name), file, line_flags, 0, none, 0] {
                runtime.extend_from_slice(&word.to_le_bytes());
            }
        }
        let runtime_count = runtime.len() as u64 / ENTRY;
        let locs: Vec<u8> = lines
            .locs
            .iter()
            .flat_map(|&[line, site]| abi::module::LocEntry::new(line, site).0)
            .flat_map(|w| w.to_le_bytes())
            .collect();
        let sites: Vec<u8> = lines
            .sites
            .iter()
            .flatten()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        let site_count = lines.sites.len() as u64;
        let frame_count = frames.len() as u64;
        let arg_count = args.bytes.len() as u64;
        let counts = (
            entries.len() / ENTRY as usize,
            lines.locs.len(),
            lines.lines.len(),
            strings.bytes.len(),
            handlers.len() / 12,
        );
        let mut add = |bytes, relocs| self.object.add_data(Section::Rodata, 8, bytes, relocs);
        self.tables = Tables {
            funcs: Some((add(entries, entry_relocs), counts.0 as u64)),
            locs: Some((add(locs, Vec::new()), counts.1 as u64)),
            lines: Some((add(lines.lines, Vec::new()), counts.2 as u64)),
            strings: Some((add(strings.bytes, Vec::new()), counts.3 as u64)),
            handlers: Some((add(handlers, handler_relocs), counts.4 as u64)),
            sites: Some((add(sites, Vec::new()), site_count)),
            frames: Some((add(frames, Vec::new()), frame_count)),
            entries: Some((add(runtime, runtime_relocs), runtime_count)),
            args: Some((add(args.bytes, Vec::new()), arg_count)),
        };
    }

    fn code_reloc(&mut self, reloc: &crate::compile::CodeReloc, helpers: &[SymbolId]) -> Reloc {
        let index = reloc.index;
        let (target, addend) = match reloc.space {
            SymbolSpace::Func => (self.funcs[FuncId(index)], 0),
            SymbolSpace::FuncVal => (self.func_val(FuncId(index)), 0),
            SymbolSpace::Global => (self.globals[GlobalId(index)], 0),
            SymbolSpace::Data => (self.data[DataId(index)], 0),
            SymbolSpace::TypeDesc => (self.types, self.type_data.offsets[&Ty(index)] as i64),
            SymbolSpace::Itab => (self.itabs[index as usize], 0),
            SymbolSpace::Helper => (helpers[index as usize], 0),
        };
        let kind = if reloc.absolute {
            RelocKind::Abs64
        } else {
            RelocKind::Pc32
        };
        Reloc {
            offset: reloc.offset,
            kind,
            target,
            addend: addend + reloc.addend,
        }
    }

    fn module_data(&mut self) {
        let mut words = Words::default();
        let section = |e: &mut Self, def| e.object.anonymous(def);
        let text = section(self, Definition::SectionStart(Section::GoText));
        let etext = section(self, Definition::SectionEnd(Section::GoText));
        words.address(text, 0);
        words.address(etext, 0);
        let tables = std::mem::take(&mut self.tables);
        for table in [
            tables.funcs,
            tables.locs,
            tables.lines,
            tables.strings,
            tables.handlers,
        ] {
            let (symbol, count) = table.expect("functions come first");
            words.table(symbol, count);
        }
        let etypes = section(self, Definition::SectionEnd(Section::Types));
        words.address(self.types, 0);
        words.address(etypes, 0);
        let links: Vec<u8> = self
            .type_data
            .typelinks
            .iter()
            .flat_map(|o| o.to_le_bytes())
            .collect();
        let count = self.type_data.typelinks.len() as u64;
        let links = self.object.add_data(Section::Rodata, 8, links, Vec::new());
        words.table(links, count);
        let itabs = self.itabs.clone();
        let (symbol, count) = self.address_table(&itabs);
        words.table(symbol, count);
        let roots = std::mem::take(&mut self.roots);
        let mut root_words = Words::default();
        let count = roots.len() as u64;
        for (symbol, n, bitmap) in roots {
            let bitmap = self.object.add_data(Section::Rodata, 8, bitmap, Vec::new());
            root_words.address(symbol, 0);
            root_words.number(n);
            root_words.address(bitmap, 0);
        }
        let symbol = self
            .object
            .add_data(Section::Rodata, 8, root_words.bytes, root_words.relocs);
        words.table(symbol, count);
        let inits: Vec<SymbolId> = self.program.inits.iter().map(|&f| self.funcs[f]).collect();
        let (symbol, count) = self.address_table(&inits);
        words.table(symbol, count);
        match self.program.main {
            Some(main) => words.address(self.funcs[main], 0),
            None => words.number(0),
        }
        for text in [
            self.program.modinfo.clone(),
            self.program.godebug.clone().into_bytes(),
        ] {
            let count = text.len() as u64;
            let symbol = self.object.add_data(Section::Rodata, 1, text, Vec::new());
            words.table(symbol, count);
        }
        let callbacks: Vec<SymbolId> = self
            .program
            .callbacks
            .iter()
            .map(|&f| self.funcs[f])
            .collect();
        let (symbol, count) = self.address_table(&callbacks);
        words.table(symbol, count);
        let data = section(self, Definition::SectionStart(Section::Data));
        let edata = section(self, Definition::SectionEnd(Section::Bss));
        words.address(data, 0);
        words.address(edata, 0);
        for table in [tables.sites, tables.frames, tables.entries, tables.args] {
            let (symbol, count) = table.expect("functions come first");
            words.table(symbol, count);
        }
        debug_assert_eq!(words.bytes.len(), size_of::<abi::module::ModuleData>());
        let symbol = self
            .object
            .add_data(Section::Rodata, 8, words.bytes, words.relocs);
        let def = self.object.symbols[symbol].def;
        let named = self.object.symbol(symbols::MODULE_DATA);
        self.object
            .define(named, def, size_of::<abi::module::ModuleData>() as u64);
        let _ = Helper::Morestack;
    }

    fn address_table(&mut self, targets: &[SymbolId]) -> (SymbolId, u64) {
        let mut words = Words::default();
        for &target in targets {
            words.address(target, 0);
        }
        (
            self.object
                .add_data(Section::Rodata, 8, words.bytes, words.relocs),
            targets.len() as u64,
        )
    }
}

/// A table of 8-byte words under construction.
#[derive(Default)]
struct Words {
    bytes: Vec<u8>,
    relocs: Vec<Reloc>,
}

impl Words {
    fn number(&mut self, n: u64) {
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }
    fn address(&mut self, target: SymbolId, addend: i64) {
        self.relocs.push(Reloc {
            offset: self.bytes.len() as u32,
            kind: RelocKind::Abs64,
            target,
            addend,
        });
        self.number(0);
    }
    fn table(&mut self, target: SymbolId, count: u64) {
        self.address(target, 0);
        self.number(count);
    }
}

/// Globals of one section, concatenated.
struct Block {
    section: Section,
    bytes: Vec<u8>,
    size: u64,
    bitmap: Vec<u8>,
    relocs: Vec<(u32, mir::Reloc)>,
}

impl Block {
    fn new(section: Section) -> Self {
        Block {
            section,
            bytes: Vec::new(),
            size: 0,
            bitmap: Vec::new(),
            relocs: Vec::new(),
        }
    }

    /// Appends and returns the offset. Data of unknown type is scanned word by word.
    fn add(
        &mut self,
        program: &Program,
        size: u64,
        align: u64,
        init: Option<&mir::Init>,
        ty: Option<Ty>,
    ) -> u64 {
        let at = self.size.next_multiple_of(align.max(1));
        self.size = at + size;
        if let Some(init) = init {
            self.bytes.resize(at as usize, 0);
            self.bytes.extend_from_slice(&init.bytes);
            self.bytes.resize(self.size as usize, 0);
            self.relocs.extend(
                init.relocs
                    .iter()
                    .map(|&(offset, r)| (at as u32 + offset, r)),
            );
        }
        if matches!(self.section, Section::GoData | Section::GoBss) {
            self.bitmap.resize((self.size as usize).div_ceil(64), 0);
            let bitmap = &mut self.bitmap;
            let mut mark = |offset: u64| bitmap[offset as usize / 64] |= 1 << (offset / 8 % 8);
            match ty {
                Some(ty) => program.types.for_each_pointer(ty, at, &mut mark),
                None => (at.next_multiple_of(8)..self.size.saturating_sub(7))
                    .step_by(8)
                    .for_each(mark),
            }
        }
        at
    }
}
