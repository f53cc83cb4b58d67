//! The linker's input: chunks of section contents, symbols, relocations.

use base::{FxHashMap, IndexVec, define_id};

define_id! {
    /// A piece of a section that is kept or dropped as a whole.
    pub struct ChunkId("chunk");
    /// A symbol.
    pub struct SymbolId("sym");
}

/// Output sections, in address order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Compiled Go code; chunks keep their order.
    GoText,
    /// Other code.
    Text,
    /// Read-only data.
    Rodata,
    /// What `go version -m` reads; kept though nothing refers to it.
    BuildInfo,
    /// Type descriptors and names; offsets count from its start.
    Types,
    /// Initialised writable data that the collector does not scan.
    Data,
    /// Initialised globals with pointers.
    GoData,
    /// Zeroed globals with pointers.
    GoBss,
    /// Zeroed data that the collector does not scan.
    Bss,
}

impl Section {
    /// All, in address order.
    pub const ALL: [Section; 9] = [
        Section::GoText,
        Section::Text,
        Section::Rodata,
        Section::BuildInfo,
        Section::Types,
        Section::Data,
        Section::GoData,
        Section::GoBss,
        Section::Bss,
    ];
    /// Name in the section table.
    pub fn name(self) -> &'static str {
        match self {
            Section::GoText => ".text",
            Section::Text => ".text.rt",
            Section::Rodata => ".rodata",
            Section::BuildInfo => ".go.buildinfo",
            Section::Types => ".go.type",
            Section::Data => ".data",
            Section::GoData => ".go.data",
            Section::GoBss => ".go.bss",
            Section::Bss => ".bss",
        }
    }
    /// Whether it occupies no file space.
    pub fn is_zero(self) -> bool {
        matches!(self, Section::GoBss | Section::Bss)
    }
}

/// How a relocation is applied: S = symbol address, A = addend, P = place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelocKind {
    /// S + A, 8 bytes.
    Abs64,
    /// S + A, 4 bytes, must fit zero- or sign-extended.
    Abs32,
    /// S + A - P, 4 bytes.
    Pc32,
    /// S + A - P, 8 bytes.
    Pc64,
    /// S + A - start of the section, 4 bytes (type, name and text offsets).
    SectionOff32(Section),
    /// `mov foo@GOTPCREL(%rip), %reg` and friends: the linker rewrites the instruction to use the address directly
    /// (x86-64 psABI, "Optimize GOTPCRELX relocations").
    GotPcRel,
}

/// A relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloc {
    /// Byte offset in the chunk.
    pub offset: u32,
    #[allow(missing_docs)]
    pub kind: RelocKind,
    #[allow(missing_docs)]
    pub target: SymbolId,
    #[allow(missing_docs)]
    pub addend: i64,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub struct Chunk {
    #[allow(missing_docs)]
    pub section: Section,
    /// Power of two.
    pub align: u32,
    /// Contents; empty for zero sections.
    pub bytes: Vec<u8>,
    /// Size in memory; equals `bytes.len()` except in zero sections.
    pub size: u64,
    #[allow(missing_docs)]
    pub relocs: Vec<Reloc>,
}

/// A symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Name; empty for anonymous symbols.
    pub name: String,
    #[allow(missing_docs)]
    pub def: Definition,
    /// Size in bytes, for the symbol table; 0 = unknown.
    pub size: u64,
}

/// Where a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// Nowhere yet.
    Undefined,
    /// As `Undefined`, but resolves to 0.
    Weak,
    /// In a chunk.
    Chunk(ChunkId, u64),
    /// Start of an output section.
    SectionStart(Section),
    /// End of an output section.
    SectionEnd(Section),
    /// A number.
    Absolute(u64),
}

/// Everything to be linked.
#[derive(Clone, Debug, Default)]
pub struct Object {
    #[allow(missing_docs)]
    pub chunks: IndexVec<ChunkId, Chunk>,
    #[allow(missing_docs)]
    pub symbols: IndexVec<SymbolId, Symbol>,
    names: FxHashMap<String, SymbolId>,
}

impl Object {
    /// Adds contents.
    pub fn add_chunk(&mut self, chunk: Chunk) -> ChunkId {
        self.chunks.push(chunk)
    }
    /// Adds contents with its own anonymous symbol.
    pub fn add_data(
        &mut self,
        section: Section,
        align: u32,
        bytes: Vec<u8>,
        relocs: Vec<Reloc>,
    ) -> SymbolId {
        let size = bytes.len() as u64;
        let chunk = self.add_chunk(Chunk {
            section,
            align,
            bytes,
            size,
            relocs,
        });
        self.anonymous(Definition::Chunk(chunk, 0))
    }
    /// A symbol without a name.
    pub fn anonymous(&mut self, def: Definition) -> SymbolId {
        self.symbols.push(Symbol {
            name: String::new(),
            def,
            size: 0,
        })
    }
    /// The symbol of a name, undefined if it is new.
    pub fn symbol(&mut self, name: &str) -> SymbolId {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        let id = self.symbols.push(Symbol {
            name: name.to_owned(),
            def: Definition::Undefined,
            size: 0,
        });
        self.names.insert(name.to_owned(), id);
        id
    }
    /// The symbol of a name, if there is one.
    pub fn lookup(&self, name: &str) -> Option<SymbolId> {
        self.names.get(name).copied()
    }
    /// Defines a symbol. Returns `false` if it was defined before (the first definition stays).
    pub fn define(&mut self, id: SymbolId, def: Definition, size: u64) -> bool {
        let symbol = &mut self.symbols[id];
        if !matches!(symbol.def, Definition::Undefined | Definition::Weak) {
            return false;
        }
        symbol.def = def;
        symbol.size = size;
        true
    }
}
