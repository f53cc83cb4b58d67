//! Types and objects of a whole build, in one append-only store that checking threads share.
//!
//! Ids are valid for the store that made them, references into it for its lifetime. Fields that
//! are completed after creation (because declarations may be cyclic) are `OnceLock`s; after a
//! package has been checked all locks of its objects are set.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use base::{FxHashMap, Symbol, define_compact_id};
use source::{Pos, Span};
use syntax::ast::{ChanDir, DeclId};

use crate::constant::ConstValue;

define_compact_id! {
    /// A type. Equal ids are identical types; identical types may have different ids
    /// (see [`Store::identical`]).
    pub struct TypeId("type");
    /// A declared entity.
    pub struct ObjId("obj");
    /// A package known to the store.
    pub struct PkgId("pkg");
    /// A scope.
    pub struct ScopeId("scope");
}

/// Basic types in reflect's kind order, then the untyped ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum BasicKind {
    Invalid,
    Bool,
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Uintptr,
    Float32,
    Float64,
    Complex64,
    Complex128,
    String,
    UnsafePointer,
    UntypedBool,
    UntypedInt,
    UntypedRune,
    UntypedFloat,
    UntypedComplex,
    UntypedString,
    UntypedNil,
}

/// A type's structure.
#[derive(Debug)]
pub enum Type {
    /// Predeclared basic type. `byte` and `rune` ([`TypeId::BYTE`], [`TypeId::RUNE`]) are types of their own with the kind
    /// of uint8 and int32, so that messages can say what the source says; [`Store::identical`] does not tell them apart.
    Basic(BasicKind),
    /// Defined type or an instance of a generic one.
    Named(Named),
    /// Alias declaration (or instance of a generic alias); identical to its target. See [`Store::unalias`].
    Alias(Alias),
    #[allow(missing_docs)]
    Pointer(TypeId),
    #[allow(missing_docs)]
    Slice(TypeId),
    /// Array; `len` is -1 while unknown because of an error.
    Array {
        #[allow(missing_docs)]
        len: i64,
        #[allow(missing_docs)]
        elem: TypeId,
    },
    #[allow(missing_docs)]
    Map { key: TypeId, elem: TypeId },
    #[allow(missing_docs)]
    Chan { dir: ChanDir, elem: TypeId },
    #[allow(missing_docs)]
    Struct(Struct),
    /// Types of several values: multi-value calls.
    Tuple(Box<[TypeId]>),
    #[allow(missing_docs)]
    Signature(Signature),
    #[allow(missing_docs)]
    Interface(Interface),
    /// `~A | B` as an interface element.
    Union(Box<[UnionTerm]>),
    #[allow(missing_docs)]
    TypeParam(TypeParam),
}

/// A defined type. For instances `origin` names the generic type.
#[derive(Debug)]
pub struct Named {
    /// The declaring [`ObjKind::TypeName`] (shared by all instances).
    pub obj: ObjId,
    /// The generic type this is an instance of.
    pub origin: Option<TypeId>,
    /// Type arguments of an instance; empty otherwise.
    pub targs: Box<[TypeId]>,
    /// Type parameters of a generic type declaration (empty for instances).
    pub tparams: OnceLock<Box<[TypeId]>>,
    /// The right-hand side of the declaration as written; set before `underlying`, which may have to wait for it.
    pub rhs: OnceLock<TypeId>,
    /// Never a Named, Alias; TypeParam only in erroneous programs. Use [`Store::underlying`], which expands instances on demand.
    pub underlying: OnceLock<TypeId>,
    /// Declared methods (of an instance: instantiated on demand, same order as the origin's).
    /// Use [`Store::methods`].
    pub methods: OnceLock<Box<[ObjId]>>,
}

/// An alias declaration.
#[derive(Debug)]
pub struct Alias {
    #[allow(missing_docs)]
    pub obj: ObjId,
    #[allow(missing_docs)]
    pub origin: Option<TypeId>,
    #[allow(missing_docs)]
    pub targs: Box<[TypeId]>,
    #[allow(missing_docs)]
    pub tparams: OnceLock<Box<[TypeId]>>,
    /// What it stands for; may be another alias.
    pub target: OnceLock<TypeId>,
}

/// A struct type.
#[derive(Debug)]
pub struct Struct {
    /// Field objects ([`ObjKind::Var`] with `field`), in order; embedded ones are marked there.
    pub fields: Box<[ObjId]>,
    /// Tags (unquoted), parallel to `fields`; empty if no field has one.
    pub tags: Box<[Box<[u8]>]>,
}

/// A function type.
#[derive(Debug)]
pub struct Signature {
    /// Receiver variable of a method's own signature.
    pub recv: Option<ObjId>,
    /// Type parameters of a generic function or method.
    pub tparams: Box<[TypeId]>,
    /// Type parameters that the receiver declares (`func (r T[P]) m()`).
    pub recv_tparams: Box<[TypeId]>,
    /// Parameter variables; a variadic one has type `[]T`.
    pub params: Box<[ObjId]>,
    /// Result variables.
    pub results: Box<[ObjId]>,
    #[allow(missing_docs)]
    pub variadic: bool,
}

/// An interface type.
#[derive(Debug)]
pub struct Interface {
    /// Explicitly declared methods ([`ObjKind::Func`]).
    pub methods: Box<[ObjId]>,
    /// Embedded types and unions.
    pub embeds: Box<[TypeId]>,
    /// Positions of the embedded elements.
    pub embed_pos: Box<[Pos]>,
    /// Made from a constraint literal such as `[T ~int]`.
    pub implicit: bool,
    /// The flattened form; see [`Store::type_set`].
    pub type_set: OnceLock<Arc<TypeSet>>,
}

/// What an interface admits.
#[derive(Debug, Default)]
pub struct TypeSet {
    /// All methods, embedded ones included, sorted by (name, package for unexported names).
    pub methods: Vec<ObjId>,
    /// `None` = all types; otherwise the union of terms (empty = no type).
    pub terms: Option<Vec<UnionTerm>>,
    /// Whether types must be strictly comparable.
    pub comparable: bool,
}

/// `T` or `~T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnionTerm {
    #[allow(missing_docs)]
    pub tilde: bool,
    #[allow(missing_docs)]
    pub ty: TypeId,
}

/// A type parameter.
#[derive(Debug)]
pub struct TypeParam {
    /// Its TypeName.
    pub obj: ObjId,
    /// Position in its parameter list.
    pub index: u32,
    /// The constraint; its underlying type is an interface after checking.
    pub bound: OnceLock<TypeId>,
}

/// A declared entity.
#[derive(Debug)]
pub struct Object {
    #[allow(missing_docs)]
    pub kind: ObjKind,
    #[allow(missing_docs)]
    pub name: Symbol,
    /// Position of the declaring identifier.
    pub pos: Pos,
    /// `None` for predeclared objects.
    pub pkg: Option<PkgId>,
    /// The type; unset only while being checked, and for methods of instantiated types until
    /// [`Store::obj_type`] is asked.
    pub ty: OnceLock<TypeId>,
    /// Where it was declared; unset for objects that no scope holds (fields, methods).
    pub parent: OnceLock<ScopeId>,
    /// Package-level objects of a package are numbered from 1 in the order they are declared; 0 for others.
    pub order: u32,
    /// Whether a variable or import is used. Written by the checker of its package only.
    pub(crate) used: AtomicBool,
}

impl Object {
    /// An object whose type is not known yet.
    pub fn new(kind: ObjKind, name: Symbol, pos: Pos, pkg: Option<PkgId>) -> Object {
        Object {
            kind,
            name,
            pos,
            pkg,
            ty: OnceLock::new(),
            parent: OnceLock::new(),
            order: 0,
            used: AtomicBool::new(false),
        }
    }
    /// With its type.
    pub fn with_type(self, ty: TypeId) -> Object {
        let _ = self.ty.set(ty);
        self
    }
}

/// A lexical scope.
#[derive(Debug)]
pub struct Scope {
    /// The enclosing scope; `None` for the universe.
    pub parent: Option<ScopeId>,
    /// The text it extends over; empty for package scopes and the universe.
    pub span: Span,
    /// What it declares; set when the scope is complete.
    pub names: OnceLock<FxHashMap<Symbol, ObjId>>,
}

/// Kinds of objects.
#[derive(Debug)]
pub enum ObjKind {
    /// An imported package's local name.
    PkgName(PkgId),
    #[allow(missing_docs)]
    Const(OnceLock<ConstValue>),
    #[allow(missing_docs)]
    TypeName,
    #[allow(missing_docs)]
    Var(VarKind),
    #[allow(missing_docs)]
    Func(Func),
    #[allow(missing_docs)]
    Label,
    #[allow(missing_docs)]
    Builtin(Builtin),
    #[allow(missing_docs)]
    Nil,
}

/// Roles of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum VarKind {
    Package,
    Local,
    Recv,
    Param,
    Result,
    Field,
    /// Embedded struct field.
    Embedded,
}

/// A function or method.
#[derive(Debug, Default)]
pub struct Func {
    /// Declaration: file index in the package and declaration id; `None` for interface methods and predeclared ones.
    pub decl: Option<(u32, DeclId)>,
    /// For a method of an instantiated type, the method of the generic type.
    pub origin: Option<ObjId>,
    /// For a method of an instantiated type, that type.
    pub recv_type: Option<TypeId>,
    /// Whether the receiver is a pointer (methods of defined types).
    pub ptr_recv: OnceLock<bool>,
    /// Whether this is an interface's method.
    pub is_interface_method: bool,
}

/// Predeclared functions, and those of package unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Builtin {
    Append,
    Cap,
    Clear,
    Close,
    Complex,
    Copy,
    Delete,
    Imag,
    Len,
    Make,
    Max,
    Min,
    New,
    Panic,
    Print,
    Println,
    Real,
    Recover,
    // package unsafe
    Add,
    Alignof,
    Offsetof,
    Sizeof,
    Slice,
    SliceData,
    String,
    StringData,
    // test helpers of the type checker's own test data
    Assert,
    Trace,
}

/// A package as the store knows it.
#[derive(Debug)]
pub struct Package {
    /// Import path (`main` packages: their path too; `command-line-arguments` for files).
    pub path: Symbol,
    /// Name in the package clause.
    pub name: Symbol,
    /// Its package scope.
    pub scope: ScopeId,
    /// `go1.N` as (1, N): the module's language version.
    pub go_version: (u32, u32),
    /// Packages that it imports; set when it has been checked.
    pub imports: OnceLock<Box<[PkgId]>>,
    /// Its files, if it has any.
    pub(crate) trees: OnceLock<Box<[Arc<syntax::ast::File>]>>,
}

/// The outcome of looking up a selector's name in a type ([`Store::lookup`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Found.
    Found {
        /// Field or method.
        obj: ObjId,
        /// Path through embedded fields; the last element is the field's or method's index.
        index: Vec<u32>,
        /// Whether a pointer was followed on the way.
        indirect: bool,
    },
    /// Several at the same shallowest depth.
    Ambiguous(Vec<u32>),
    /// A method with pointer receiver, but the operand is not addressable.
    PointerRecvMissing(ObjId),
    /// Nothing.
    NotFound,
}

impl TypeId {
    /// The type of erroneous expressions.
    pub const INVALID: TypeId = TypeId::basic(BasicKind::Invalid);
    /// `byte`: uint8 by another name.
    pub const BYTE: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 1);
    /// `rune`: int32 by another name.
    pub const RUNE: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 2);
    /// The empty interface that `any` stands for.
    pub const EMPTY_INTERFACE: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 3);
    /// The predeclared alias `any`.
    pub const ANY: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 4);
    /// The predeclared type `error`.
    pub const ERROR: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 5);
    /// The predeclared constraint `comparable`.
    pub const COMPARABLE: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 6);
    /// The tuple of no values.
    pub const EMPTY_TUPLE: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 7);
    /// `interface{}` as such, printed so; identical to what `any` stands for.
    pub const INTERFACE_LITERAL: TypeId = TypeId::new(BasicKind::UntypedNil as u32 + 8);
    /// The predeclared type of this kind.
    pub const fn basic(kind: BasicKind) -> TypeId {
        TypeId::new(kind as u32)
    }
}

impl ScopeId {
    /// The scope of predeclared objects.
    pub const UNIVERSE: ScopeId = ScopeId::new(0);
}

impl PkgId {
    /// Package unsafe.
    pub const UNSAFE: PkgId = PkgId::new(0);
}

impl BasicKind {
    /// The type's name.
    pub fn name(self) -> &'static str {
        use BasicKind::*;
        match self {
            Invalid => "invalid type",
            Bool => "bool",
            Int => "int",
            Int8 => "int8",
            Int16 => "int16",
            Int32 => "int32",
            Int64 => "int64",
            Uint => "uint",
            Uint8 => "uint8",
            Uint16 => "uint16",
            Uint32 => "uint32",
            Uint64 => "uint64",
            Uintptr => "uintptr",
            Float32 => "float32",
            Float64 => "float64",
            Complex64 => "complex64",
            Complex128 => "complex128",
            String => "string",
            UnsafePointer => "Pointer",
            UntypedBool => "untyped bool",
            UntypedInt => "untyped int",
            UntypedRune => "untyped rune",
            UntypedFloat => "untyped float",
            UntypedComplex => "untyped complex",
            UntypedString => "untyped string",
            UntypedNil => "untyped nil",
        }
    }
    /// All kinds in order.
    pub const ALL: [BasicKind; 26] = {
        use BasicKind::*;
        [
            Invalid,
            Bool,
            Int,
            Int8,
            Int16,
            Int32,
            Int64,
            Uint,
            Uint8,
            Uint16,
            Uint32,
            Uint64,
            Uintptr,
            Float32,
            Float64,
            Complex64,
            Complex128,
            String,
            UnsafePointer,
            UntypedBool,
            UntypedInt,
            UntypedRune,
            UntypedFloat,
            UntypedComplex,
            UntypedString,
            UntypedNil,
        ]
    };
    /// Bool, typed or not.
    pub fn is_boolean(self) -> bool {
        matches!(self, BasicKind::Bool | BasicKind::UntypedBool)
    }
    /// Integer, typed or not.
    pub fn is_integer(self) -> bool {
        (self >= BasicKind::Int && self <= BasicKind::Uintptr)
            || matches!(self, BasicKind::UntypedInt | BasicKind::UntypedRune)
    }
    /// Typed unsigned integer.
    pub fn is_unsigned(self) -> bool {
        self >= BasicKind::Uint && self <= BasicKind::Uintptr
    }
    /// Float, typed or not.
    pub fn is_float(self) -> bool {
        matches!(
            self,
            BasicKind::Float32 | BasicKind::Float64 | BasicKind::UntypedFloat
        )
    }
    /// Complex, typed or not.
    pub fn is_complex(self) -> bool {
        matches!(
            self,
            BasicKind::Complex64 | BasicKind::Complex128 | BasicKind::UntypedComplex
        )
    }
    /// String, typed or not.
    pub fn is_string(self) -> bool {
        matches!(self, BasicKind::String | BasicKind::UntypedString)
    }
    /// Integer, float or complex.
    pub fn is_numeric(self) -> bool {
        self.is_integer() || self.is_float() || self.is_complex()
    }
    /// Values can be compared by `<`.
    pub fn is_ordered(self) -> bool {
        self.is_integer() || self.is_float() || self.is_string()
    }
    /// Of an untyped constant, or nil.
    pub fn is_untyped(self) -> bool {
        self >= BasicKind::UntypedBool
    }
    /// Types that constants can have.
    pub fn is_const_type(self) -> bool {
        self.is_boolean() || self.is_numeric() || self.is_string()
    }
}

pub use crate::store::Store;
