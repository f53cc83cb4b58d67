//! What checking a package yields: tables beside the syntax trees.

use std::sync::Arc;

use base::{FxHashMap, IndexVec, define_compact_id};
use syntax::ast::{self, ClauseId, ExprId, FieldId, NameId};

use crate::constant::ConstValue;
use crate::model::{Builtin, ObjId, PkgId, ScopeId, TypeId};

define_compact_id! {
    /// A constant value of a file's table.
    pub struct ValueId("value");
}

/// A checked package. Complete (every table filled) only if no error was reported.
#[derive(Debug)]
pub struct TypedPackage {
    #[allow(missing_docs)]
    pub pkg: PkgId,
    /// Its files with their tables, in the order given.
    pub files: Vec<TypedFile>,
    /// Packages that its files import (direct).
    pub imports: Vec<PkgId>,
    /// Package-level variable initialisers in initialisation order (spec, "Package initialization").
    /// Variables without initialiser do not appear.
    pub init_order: Vec<Initializer>,
    /// Functions named `init`, in source order (files in the order given): file index and declaration.
    pub init_funcs: Vec<(u32, ast::DeclId, ObjId)>,
    #[allow(missing_docs)]
    pub scope: ScopeId,
}

/// `lhs... = rhs` at package level.
#[derive(Clone, Debug)]
pub struct Initializer {
    /// Assigned variables (blank ones included as objects).
    pub lhs: Box<[ObjId]>,
    /// File index of the expression.
    pub file: u32,
    #[allow(missing_docs)]
    pub rhs: ExprId,
}

/// A file's tables. Indexed by the ids of its tree.
#[derive(Debug)]
pub struct TypedFile {
    #[allow(missing_docs)]
    pub ast: Arc<ast::File>,
    /// Language version in force for this file, (1, N).
    pub go_version: (u32, u32),
    /// Mode, type and constant value of every expression that is one (types included).
    /// Types are final: untyped expressions have the type they were converted to; constant expressions
    /// carry the value of that type.
    pub exprs: IndexVec<ExprId, ExprInfo>,
    /// Values of constant expressions; see [`TypedFile::value`].
    pub values: IndexVec<ValueId, ConstValue>,
    /// Object that an identifier declares or denotes. For an embedded field's type name: the type (the field is in `fields`).
    /// For a selector's name: the field, method or package member. Label names too. `None` for `_` and keys such as `package p`.
    /// In a type switch `switch x := ...` the name itself has no object (each clause has one, see `clause_vars`).
    pub names: IndexVec<NameId, Option<ObjId>>,
    /// Object of each struct field, parameter, result, type parameter and interface method declaration
    /// (unnamed parameters too).
    pub fields: IndexVec<FieldId, Option<ObjId>>,
    /// Every selector expression that is not a qualified identifier.
    pub selections: FxHashMap<ExprId, Selection>,
    /// Type arguments (explicit or inferred) at each identifier that denotes an instantiated generic function or type.
    pub instances: FxHashMap<NameId, Instance>,
    /// The variable that a type switch declares in each clause.
    pub clause_vars: FxHashMap<ClauseId, ObjId>,
}

impl TypedFile {
    /// The value of a constant expression, represented for its type.
    #[inline]
    pub fn value(&self, expr: ExprId) -> Option<&ConstValue> {
        Some(&self.values[self.exprs[expr].value?])
    }
}

/// What kind of operand an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Not checked (unreachable by errors) or not an expression of its own (a key, a package name).
    #[default]
    Invalid,
    /// A call without result.
    NoValue,
    #[allow(missing_docs)]
    Builtin(Builtin),
    /// A type.
    TypeExpr,
    /// A constant; `value` is set.
    Constant,
    /// Addressable.
    Variable,
    /// `m[k]`: assignable, not addressable, comma-ok.
    MapIndex,
    /// A computed value.
    Value,
    /// `nil` (typed by its context; `ty` is the type it converts to).
    Nil,
    /// A value that permits the comma-ok form (receive, type assertion); its type is a 2-tuple where that form is used.
    CommaOk,
}

/// Type and value of an expression.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExprInfo {
    #[allow(missing_docs)]
    pub mode: Mode,
    /// Its type; `None` iff `Mode::Invalid`, `NoValue`, or a builtin. A multi-value call has a tuple type.
    /// An expression in comma-ok position has the tuple `(T, bool)`.
    pub ty: Option<TypeId>,
    /// Constant value, represented for `ty`: see [`TypedFile::value`].
    pub value: Option<ValueId>,
}

/// Kinds of selector expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectionKind {
    /// `x.f`
    Field,
    /// `x.m`, x a value
    Method,
    /// `T.m`
    MethodExpr,
}

/// A resolved selector.
#[derive(Clone, Debug)]
pub struct Selection {
    #[allow(missing_docs)]
    pub kind: SelectionKind,
    /// Type of `x` (or `T`).
    pub recv: TypeId,
    /// The field or method. For a receiver whose type is a type parameter: the constraint's method.
    pub obj: ObjId,
    /// Path: all but the last are embedded fields, the last is the field's index in its struct or the method's index.
    pub index: Box<[u32]>,
    /// Whether a pointer was dereferenced on the way.
    pub indirect: bool,
}

/// An instantiation.
#[derive(Clone, Debug)]
pub struct Instance {
    #[allow(missing_docs)]
    pub targs: Box<[TypeId]>,
    /// The instantiated function or type.
    pub ty: TypeId,
}
