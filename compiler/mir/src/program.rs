//! A whole program: everything the back end turns into an executable.

use base::{FxHashMap, IndexVec, Symbol, define_id};
use source::Pos;

use crate::ir::Function;
use crate::types::{Ty, TypeTable};

define_id! {
    /// A function.
    pub struct FuncId("fn");
    /// A package-level variable.
    pub struct GlobalId("global");
    /// Anonymous static data.
    pub struct DataId("data");
    /// A static itab.
    pub struct ItabId("itab");
}

/// Everything reachable.
#[derive(Debug, Default)]
pub struct Program {
    #[allow(missing_docs)]
    pub types: TypeTable,
    #[allow(missing_docs)]
    pub funcs: IndexVec<FuncId, Function>,
    #[allow(missing_docs)]
    pub globals: IndexVec<GlobalId, Global>,
    #[allow(missing_docs)]
    pub data: IndexVec<DataId, StaticData>,
    #[allow(missing_docs)]
    pub itabs: IndexVec<ItabId, Itab>,
    /// Types that need a run-time descriptor. Closed: a descriptor's component types (elements, fields, parameters, pointers to them if
    /// `ptr_to` says so) are here too.
    pub type_info: FxHashMap<Ty, TypeInfo>,
    /// Package initialisers in order (`func()`), the runtime's own first.
    pub inits: Vec<FuncId>,
    /// `main.main`.
    pub main: Option<FuncId>,
    /// The functions of `abi::symbols::RUNTIME_CALLBACKS`, in that order.
    pub callbacks: Vec<FuncId>,
    /// `runtime/debug.modinfo` text with sentinels.
    pub modinfo: Vec<u8>,
    /// Default GODEBUG of the main module (`//go:debug`, go.mod).
    pub godebug: String,
}

/// What a descriptor needs beside the type's structure.
#[derive(Clone, Debug, Default)]
pub struct TypeInfo {
    /// `func(p, q unsafe.Pointer) bool`; `None` = not comparable.
    pub equal: Option<FuncId>,
    /// Maps: `func(p unsafe.Pointer, seed uintptr) uintptr` over the key.
    pub hasher: Option<FuncId>,
    /// Maps: the group type.
    pub map_group: Option<Ty>,
    /// The method set in [`method order`](crate::types::method_order); empty for interfaces.
    pub methods: Vec<MethodInfo>,
    /// The descriptor of `*T` if that has one (PtrToThis).
    pub ptr_to: Option<Ty>,
}

/// A method in a descriptor.
#[derive(Clone, Debug)]
pub struct MethodInfo {
    #[allow(missing_docs)]
    pub name: Symbol,
    /// Import path for unexported names.
    pub pkg: Option<Symbol>,
    /// Function type without receiver; its descriptor exists iff `ifn` is set.
    pub sig: Ty,
    /// Entry that takes the interface data word; `None` = pruned.
    pub ifn: Option<FuncId>,
    /// Entry that takes the receiver itself.
    pub tfn: Option<FuncId>,
}

/// A static itab.
#[derive(Clone, Debug)]
pub struct Itab {
    #[allow(missing_docs)]
    pub iface: Ty,
    #[allow(missing_docs)]
    pub concrete: Ty,
    /// Entries taking the data word, in the interface's method order. `None` = never called (pruned).
    pub methods: Vec<Option<FuncId>>,
}

/// A package-level variable.
#[derive(Clone, Debug)]
pub struct Global {
    /// Link name, `pkgpath.name`.
    pub name: Symbol,
    #[allow(missing_docs)]
    pub ty: Ty,
    /// Initial contents; `None` = zero.
    pub init: Option<Init>,
    /// Defined elsewhere under this name (runtime variable).
    pub external: bool,
    #[allow(missing_docs)]
    pub pos: Pos,
}

/// Static data without a name of its own: string bytes, composite literals, embedded files.
#[derive(Clone, Debug)]
pub struct StaticData {
    #[allow(missing_docs)]
    pub init: Init,
    #[allow(missing_docs)]
    pub align: u64,
    /// Read-only data may be merged and lies outside the collector's roots; it must not point to writable memory that holds heap pointers
    /// unless that is a root itself.
    pub readonly: bool,
    /// Type, for the pointer bitmap of writable data.
    pub ty: Option<Ty>,
}

/// Contents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Init {
    #[allow(missing_docs)]
    pub bytes: Vec<u8>,
    /// 8-byte words to be filled with addresses, sorted by offset.
    pub relocs: Vec<(u32, Reloc)>,
}

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reloc {
    /// Static closure object.
    FuncVal(FuncId),
    #[allow(missing_docs)]
    FuncCode(FuncId),
    #[allow(missing_docs)]
    Global(GlobalId, i64),
    #[allow(missing_docs)]
    Data(DataId, i64),
    #[allow(missing_docs)]
    TypeDesc(Ty),
    #[allow(missing_docs)]
    Itab(ItabId),
}
