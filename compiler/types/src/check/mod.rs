//! The checker of one package.
//!
//! 1. [`resolve`] collects package-level objects and imports of all files.
//! 2. [`decl`] checks each object; those it mentions are checked on demand, so declarations may come in any order.
//!    A stack of objects under way finds cycles. What needs complete types (map keys, embedded interfaces, instances)
//!    and all function bodies are put off as [`Action`]s.
//! 3. Put-off actions run until none is left. Function bodies: [`stmt`], [`assign`], [`expr`] and what they use.
//! 4. [`init`] orders variable initialisers; unused imports and endless instantiations are found.
//!
//! While a file is checked its tables are filled; untyped expressions are recorded as such and get their final type
//! when their context is known ([`convert`]).

#![allow(
    clippy::mutable_key_type,
    reason = "string constants are joined when asked for their bytes, which changes neither equality nor hash"
)]

mod assign;
mod builtin;
mod builtin_numbers;
mod builtin_slices;
mod call;
mod compare;
mod conversion;
mod convert;
mod cycles;
mod decl;
mod exported;
mod expr;
mod implement;
mod index;
mod infer;
mod init;
mod labels;
mod late;
mod literal;
mod operand;
mod range;
mod report;
mod resolve;
mod selector;
mod signature;
mod stmt;
mod terminating;
mod typexpr;
mod unary;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::{FxHashMap, IndexVec, Symbol};
use diagnostics::Diagnostic;
use source::{Pos, SourceMap, Span};
use syntax::ast::{self, DeclId, ExprId, NameId, StmtId};

use crate::constant::ConstValue;
use crate::model::*;
use crate::strings;
use crate::typed::*;
use operand::Operand;

/// Finds an imported package: the path as written in, the checked package or the reason out.
pub type ImportResolver<'i> = &'i (dyn Fn(&str) -> Result<PkgId, String> + Sync);

/// Whose words are used for misuse of labels, `break`, `continue` and `goto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BranchMessages {
    /// As `go build` reports them ("label L defined and not used").
    #[default]
    Compiler,
    /// As `go vet` does ("label L declared and not used").
    Checker,
}

/// What to check.
pub struct CheckInput<'i> {
    /// Import path.
    pub path: Symbol,
    /// Package name; the first file's by default.
    pub name: Option<Symbol>,
    /// Parsed files, in the order in which they are given to the compiler.
    pub files: Vec<Arc<ast::File>>,
    /// The module's language version, (1, N).
    pub go_version: (u32, u32),
    /// Finds imported packages, which must have been checked, or at least `declared` (package unsafe is known without asking).
    pub imports: ImportResolver<'i>,
    /// Called when all declarations have been checked without error: from then on other packages may import this one, although
    /// its function bodies are still to be checked (and may have errors).
    pub declared: Option<&'i dyn Fn(PkgId)>,
    /// Whether function bodies are skipped.
    pub ignore_func_bodies: bool,
    /// Whether functions without body are allowed (the package has assembly, or is part of the standard library).
    pub bodyless_ok: bool,
    /// Wording of errors on labels.
    pub branch_messages: BranchMessages,
    /// Whether version errors say where the version was set, as the compiler does.
    pub version_hints: bool,
    /// Whether the checker's own test functions `assert` and `trace` are declared.
    pub test_builtins: bool,
    /// Whether `import "C"` denotes a package with any member (the checker's own test data).
    pub fake_import_c: bool,
}

impl<'i> CheckInput<'i> {
    /// The usual settings.
    pub fn new(
        path: Symbol,
        files: Vec<Arc<ast::File>>,
        go_version: (u32, u32),
        imports: ImportResolver<'i>,
    ) -> Self {
        CheckInput {
            path,
            name: None,
            files,
            go_version,
            imports,
            declared: None,
            ignore_func_bodies: false,
            bodyless_ok: false,
            branch_messages: BranchMessages::Compiler,
            version_hints: true,
            test_builtins: false,
            fake_import_c: false,
        }
    }
}

/// Checks a package. Its dependencies must have been checked (or declared, see [`CheckInput::declared`]) with the same store. Never fails: errors are
/// values beside the tables, in the order in which the official checker reports them.
pub fn check_package(
    store: &Store,
    sources: &SourceMap,
    input: CheckInput<'_>,
) -> (TypedPackage, Vec<Diagnostic>) {
    let files: Vec<Arc<ast::File>> = input.files.clone();
    let name = input
        .name
        .or_else(|| files.first().map(|file| file.sym(file.package_name)))
        .unwrap_or_else(|| Symbol::intern("main"));
    let scope = store.new_scope(Scope {
        parent: Some(ScopeId::UNIVERSE),
        span: Span::default(),
        names: std::sync::OnceLock::new(),
    });
    let pkg = store.new_package(Package {
        path: input.path,
        name,
        scope,
        go_version: input.go_version,
        imports: std::sync::OnceLock::new(),
        trees: std::sync::OnceLock::from(Box::from(files.as_slice())),
    });
    let mut checker = Checker::new(store, sources, &input, &files, pkg, name, scope);
    checker.check();
    let Checker {
        tables,
        diagnostics,
        imports,
        init_order,
        init_funcs,
        ..
    } = checker;
    let files = files
        .iter()
        .zip(tables)
        .map(|(ast, table)| TypedFile {
            ast: ast.clone(),
            go_version: table.go_version,
            exprs: table.exprs,
            values: table.values,
            names: table.names,
            fields: table.fields,
            selections: table.selections,
            instances: table.instances,
            clause_vars: table.clause_vars,
        })
        .collect();
    (
        TypedPackage {
            pkg,
            files,
            imports,
            init_order,
            init_funcs,
            scope,
        },
        diagnostics,
    )
}

/// Misuse of labels, `break`, `continue` and `goto` in a file that is not checked because of syntax errors: gc's parser finds
/// it, too, in function bodies without errors. `errors`: those that have been found, of any file.
pub fn check_branches(
    store: &Store,
    sources: &SourceMap,
    file: &Arc<ast::File>,
    errors: &[Diagnostic],
) -> Vec<Diagnostic> {
    let resolve = |path: &str| Err(path.to_owned());
    let files = vec![file.clone()];
    let name = file.sym(file.package_name);
    let input = CheckInput::new(name, files.clone(), (1, 27), &resolve);
    let mut checker = Checker::new(
        store,
        sources,
        &input,
        &files,
        PkgId::UNSAFE,
        name,
        ScopeId::UNIVERSE,
    );
    let declared = file.decl_arena.iter().filter_map(|decl| match decl.kind {
        ast::DeclKind::Func { body, .. } => body,
        _ => None,
    });
    let literals = file.exprs.iter().filter_map(|expr| match expr.kind {
        ast::ExprKind::FuncLit { body, .. } => Some(body),
        _ => None,
    });
    let bodies: Vec<StmtId> = declared.chain(literals).collect();
    let is_good = |body: StmtId| {
        let span = file.stmts[body].span;
        !errors
            .iter()
            .any(|error| (span.lo..=span.hi).contains(&error.pos))
    };
    for &body in &bodies {
        if is_good(body) {
            checker.check_branches(body);
        }
    }
    checker.check_fallthroughs(|pos| {
        let around = bodies.iter().copied().filter(|&body| {
            let span = file.stmts[body].span;
            (span.lo..span.hi).contains(&pos)
        });
        // The innermost function decides.
        around
            .max_by_key(|&body| file.stmts[body].span.lo)
            .is_some_and(is_good)
    });
    checker.diagnostics
}

/// Tables of a file under way.
struct Tables {
    go_version: (u32, u32),
    exprs: IndexVec<ExprId, ExprInfo>,
    values: IndexVec<ValueId, ConstValue>,
    names: IndexVec<NameId, Option<ObjId>>,
    fields: IndexVec<ast::FieldId, Option<ObjId>>,
    selections: FxHashMap<ExprId, Selection>,
    instances: FxHashMap<NameId, Instance>,
    clause_vars: FxHashMap<ast::ClauseId, ObjId>,
}

impl Tables {
    fn set_value(&mut self, expr: ExprId, value: ConstValue) {
        match self.exprs[expr].value {
            Some(id) => self.values[id] = value,
            None => self.exprs[expr].value = Some(self.values.push(value)),
        }
    }
}

/// How far the check of a package-level object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Active,
    Done,
}

/// Where a package-level object is declared.
#[derive(Clone, Debug)]
enum Source {
    Const {
        ty: Option<ExprId>,
        init: Option<ExprId>,
        iota: u32,
        inherited: bool,
    },
    /// `lhs` are the variables of a declaration with several variables and one initialiser.
    Var {
        ty: Option<ExprId>,
        init: Option<ExprId>,
        lhs: Option<Arc<[ObjId]>>,
    },
    Type {
        decl: DeclId,
    },
    Func {
        decl: DeclId,
    },
}

/// A package-level object (methods included) and how it is declared. Indexed by `Object::order - 1`.
struct DeclInfo {
    obj: ObjId,
    file: u32,
    state: State,
    source: Source,
    /// Orders of the package-level objects it mentions (spec, "Package initialization").
    deps: Vec<u32>,
    /// Methods of a type declaration, in source order.
    methods: Vec<ObjId>,
}

/// What surrounds the expression under check.
#[derive(Clone)]
struct Env<'a> {
    file: usize,
    ast: &'a ast::File,
    version: u32,
    /// Order of the package-level declaration whose dependencies are recorded; 0 for none.
    decl: u32,
    iota: Option<ConstValue>,
    /// Where errors in an inherited constant initialiser are reported.
    error_pos: Option<Pos>,
    /// Signature of the function whose body is checked.
    signature: Option<TypeId>,
    /// Whether there is a call or receive operation in the expression (it is then not constant for len and cap).
    has_call_or_recv: bool,
    /// Inside a type parameter list.
    in_tparams: bool,
    /// Local variables of the outermost function.
    in_func: bool,
}

/// Names of the blocks around the current position; innermost declarations first.
#[derive(Default)]
struct Locals {
    latest: FxHashMap<Symbol, u32>,
    bindings: Vec<Binding>,
    blocks: Vec<u32>,
}

struct Binding {
    name: Symbol,
    obj: ObjId,
    /// Index + 1 of the shadowed binding.
    shadowed: u32,
}

impl Locals {
    fn open(&mut self) {
        self.blocks.push(self.bindings.len() as u32);
    }
    fn close(&mut self) {
        let start = self.blocks.pop().expect("open block") as usize;
        while self.bindings.len() > start {
            let binding = self.bindings.pop().expect("longer than start");
            if binding.shadowed == 0 {
                self.latest.remove(&binding.name);
            } else {
                self.latest.insert(binding.name, binding.shadowed);
            }
        }
    }
    fn lookup(&self, name: Symbol) -> Option<ObjId> {
        let at = *self.latest.get(&name)?;
        Some(self.bindings[at as usize - 1].obj)
    }
    fn lookup_block(&self, name: Symbol) -> Option<ObjId> {
        let at = *self.latest.get(&name)?;
        (at > *self.blocks.last()?).then(|| self.bindings[at as usize - 1].obj)
    }
    /// The other object if the innermost block already declares the name.
    fn declare(&mut self, name: Symbol, obj: ObjId) -> Option<ObjId> {
        if let Some(other) = self.lookup_block(name) {
            return Some(other);
        }
        let index = self.bindings.len() as u32 + 1;
        let shadowed = self.latest.insert(name, index).unwrap_or(0);
        self.bindings.push(Binding {
            name,
            obj,
            shadowed,
        });
        None
    }
}

/// A function body to be checked later.
struct Body {
    signature: TypeId,
    body: StmtId,
    name: Option<ObjId>,
}

/// Work put off until types are complete.
type Action<'a> = Box<dyn FnOnce(&mut Checker<'a>) + 'a>;

struct Delayed<'a> {
    env: Env<'a>,
    action: Action<'a>,
}

/// What a function value is assigned to, for inference of its type arguments.
struct Target {
    signature: TypeId,
    description: String,
}

/// State of a check.
struct Checker<'a> {
    store: &'a Store,
    sources: &'a SourceMap,
    input: &'a CheckInput<'a>,
    asts: &'a [Arc<ast::File>],
    pkg: PkgId,
    pkg_name: Symbol,
    scope: ScopeId,
    tables: Vec<Tables>,
    env: Env<'a>,
    locals: Locals,
    pkg_names: FxHashMap<Symbol, ObjId>,
    file_names: Vec<FxHashMap<Symbol, ObjId>>,
    /// Import declarations' names, in order, with the file.
    import_names: Vec<ObjId>,
    /// By which import an object came into a file through a dot.
    dot_imports: FxHashMap<(usize, Symbol), ObjId>,
    imports: Vec<PkgId>,
    decls: Vec<DeclInfo>,
    /// Objects under way.
    path: Vec<ObjId>,
    delayed: VecDeque<Delayed<'a>>,
    diagnostics: Vec<Diagnostic>,
    /// Late errors, to be reported behind the others.
    late: Vec<Diagnostic>,
    has_errors: bool,
    init_order: Vec<Initializer>,
    init_funcs: Vec<(u32, DeclId, ObjId)>,
    /// Variables of the function body under check, for finding unused ones.
    local_vars: Vec<ObjId>,
    /// Function-local defined types, and all package-level ones, for the check of recursive types.
    declared_types: Vec<ObjId>,
    /// Instantiations with type parameters in arguments, for the check of endless instantiation.
    mono: cycles::MonoGraph,
    names: Names,
    /// Set until all package-level objects have been checked: methods may still lack their types.
    resolving: bool,
    /// How many packages have each name, of all that are imported, directly or not: those that share theirs are qualified by
    /// path. Set when a message first asks.
    imported_names: std::cell::OnceCell<FxHashMap<Symbol, u32>>,
    /// Where instances of generic types were first written.
    instance_pos: FxHashMap<TypeId, Pos>,
    /// Shift operands whose type is still open: they must become integers.
    shift_operands: base::FxHashSet<(u32, ExprId)>,
    /// Defined types that contain themselves, as reported.
    invalid_types: base::FxHashSet<TypeId>,
    /// Functions mentioned in their own signatures: aliases that stand for the signatures until these are known.
    pending_funcs: FxHashMap<ObjId, TypeId>,
    /// Function literals in a local type declaration under way: checked when it is complete.
    pending_literals: Vec<Body>,
    /// Type parameters of the declared function whose body is checked.
    func_tparams: Vec<TypeId>,
}

/// Names with a meaning.
struct Names {
    init: Symbol,
    main: Symbol,
    dot: Symbol,
    empty: Symbol,
    blank: Symbol,
}

impl<'a> Checker<'a> {
    fn new(
        store: &'a Store,
        sources: &'a SourceMap,
        input: &'a CheckInput<'a>,
        asts: &'a [Arc<ast::File>],
        pkg: PkgId,
        pkg_name: Symbol,
        scope: ScopeId,
    ) -> Checker<'a> {
        static EMPTY: std::sync::LazyLock<ast::File> = std::sync::LazyLock::new(empty_file);
        let tables = asts
            .iter()
            .map(|file| Tables {
                go_version: file_version(input.go_version, file.go_version),
                exprs: IndexVec::from_elem_n(ExprInfo::default(), file.exprs.len()),
                values: IndexVec::new(),
                names: IndexVec::from_elem_n(None, file.names.len()),
                fields: IndexVec::from_elem_n(None, file.fields.len()),
                selections: FxHashMap::default(),
                instances: FxHashMap::default(),
                clause_vars: FxHashMap::default(),
            })
            .collect::<Vec<_>>();
        let env = Env {
            file: 0,
            ast: asts.first().map_or(&*EMPTY, |file| &**file),
            version: tables
                .first()
                .map_or(input.go_version.1, |table| table.go_version.1),
            decl: 0,
            iota: None,
            error_pos: None,
            signature: None,
            has_call_or_recv: false,
            in_tparams: false,
            in_func: false,
        };
        Checker {
            store,
            sources,
            input,
            asts,
            pkg,
            pkg_name,
            scope,
            tables,
            env,
            locals: Locals::default(),
            pkg_names: FxHashMap::default(),
            file_names: Vec::new(),
            import_names: Vec::new(),
            dot_imports: FxHashMap::default(),
            imports: Vec::new(),
            decls: Vec::new(),
            path: Vec::new(),
            delayed: VecDeque::new(),
            diagnostics: Vec::new(),
            late: Vec::new(),
            has_errors: false,
            init_order: Vec::new(),
            init_funcs: Vec::new(),
            local_vars: Vec::new(),
            declared_types: Vec::new(),
            mono: cycles::MonoGraph::default(),
            names: Names {
                init: Symbol::intern("init"),
                main: Symbol::intern("main"),
                dot: Symbol::intern("."),
                empty: Symbol::intern(""),
                blank: Symbol::intern("_"),
            },
            resolving: true,
            imported_names: std::cell::OnceCell::new(),
            instance_pos: FxHashMap::default(),
            shift_operands: base::FxHashSet::default(),
            invalid_types: base::FxHashSet::default(),
            pending_funcs: FxHashMap::default(),
            pending_literals: Vec::new(),
            func_tparams: Vec::new(),
        }
    }

    fn check(&mut self) {
        self.check_versions();
        self.collect_objects();
        self.resolve_all();
        self.resolving = false;
        self.check_recursive_types();
        let _ = self
            .store
            .package(self.pkg)
            .imports
            .set(self.imports.as_slice().into());
        if let Some(declared) = self.input.declared
            && !self.has_errors
        {
            declared(self.pkg);
        }
        self.run_delayed();
        if !self.input.ignore_func_bodies {
            self.order_initializers();
            self.report_unused_imports();
        }
        if !self.has_errors {
            self.check_endless_instantiation();
        }
        if !self.has_errors && !self.input.ignore_func_bodies {
            self.check_late();
        }
        self.diagnostics.append(&mut self.late);
        for decl in &self.decls {
            let object = self.store.obj(decl.obj);
            let _ = object.ty.set(TypeId::INVALID);
            if let ObjKind::Const(value) = &object.kind {
                let _ = value.set(ConstValue::Unknown);
            }
        }
    }

    /// Checks all package-level declarations: defined types, then aliases, then the rest, each in source order. Which
    /// cycles are found, and where they are said to start, depends on that order.
    fn resolve_all(&mut self) {
        let phase = |decl: &DeclInfo| match decl.source {
            Source::Type { decl: id } => {
                let kind = &self.asts[decl.file as usize].decl_arena[id].kind;
                u8::from(matches!(kind, ast::DeclKind::Type { alias: true, .. }))
            }
            Source::Const { .. } | Source::Var { .. } | Source::Func { .. } => 2,
        };
        let phases: Vec<u8> = self.decls.iter().map(phase).collect();
        for current in 0..3 {
            for (order, _) in (1..).zip(&phases).filter(|&(_, &phase)| phase == current) {
                self.resolve_order(order);
            }
        }
    }

    fn check_versions(&mut self) {
        for file in 0..self.asts.len() {
            let version = self.tables[file].go_version;
            if version > (1, 27) {
                let pos = self.asts[file].package_pos;
                self.error(
                    pos,
                    "TooNew",
                    format!(
                        "file requires newer Go version go{}.{} (application built with go1.27)",
                        version.0, version.1
                    ),
                );
                break;
            }
        }
    }

    // Actions.

    fn later(&mut self, action: impl FnOnce(&mut Checker<'a>) + 'a) {
        self.delayed.push_back(Delayed {
            env: self.env.clone(),
            action: Box::new(action),
        });
    }
    fn run_delayed(&mut self) {
        while let Some(delayed) = self.delayed.pop_front() {
            let saved = std::mem::replace(&mut self.env, delayed.env);
            let locals = std::mem::take(&mut self.locals);
            (delayed.action)(self);
            self.locals = locals;
            self.env = saved;
        }
    }
    /// Runs `work` in the environment of a package-level declaration.
    fn with_file_env<R>(&mut self, file: u32, decl: u32, work: impl FnOnce(&mut Self) -> R) -> R {
        let file = file as usize;
        let env = Env {
            file,
            ast: &self.asts[file],
            version: self.tables[file].go_version.1,
            decl,
            iota: None,
            error_pos: None,
            signature: None,
            has_call_or_recv: false,
            in_tparams: false,
            in_func: false,
        };
        let saved = std::mem::replace(&mut self.env, env);
        let locals = std::mem::take(&mut self.locals);
        let result = work(self);
        self.locals = locals;
        self.env = saved;
        result
    }

    // Errors.

    fn span(&self, expr: ExprId) -> Span {
        self.env.ast.exprs[expr].span
    }
    fn pos(&self, expr: ExprId) -> Pos {
        self.env.ast.exprs[expr].span.lo
    }
    /// Where gc says that an expression starts: function types, and what begins with one, at their parameters; slice
    /// expressions at their bracket.
    fn start(&self, expr: ExprId) -> Pos {
        let mut at = expr;
        loop {
            let node = &self.env.ast.exprs[at];
            at = match &node.kind {
                ast::ExprKind::FuncType(_) | ast::ExprKind::Slice { .. } => return node.pos,
                ast::ExprKind::Call { fun: x, .. }
                | ast::ExprKind::Index { x, .. }
                | ast::ExprKind::Selector { x, .. }
                | ast::ExprKind::TypeAssert { x, .. }
                | ast::ExprKind::Binary { x, .. }
                | ast::ExprKind::KeyValue { key: x, .. } => *x,
                _ => return node.span.lo,
            };
        }
    }
    fn kind(&self, expr: ExprId) -> &'a ast::ExprKind {
        &self.env.ast.exprs[expr].kind
    }
    fn sym(&self, name: NameId) -> Symbol {
        self.env.ast.sym(name)
    }
    fn name_pos(&self, name: NameId) -> Pos {
        self.env.ast.names[name].pos
    }
    fn table(&mut self) -> &mut Tables {
        &mut self.tables[self.env.file]
    }
    fn info(&self, expr: ExprId) -> &ExprInfo {
        &self.tables[self.env.file].exprs[expr]
    }
    fn record_name(&mut self, name: NameId, obj: ObjId) {
        self.table().names[name] = Some(obj);
    }
    fn record(&mut self, expr: ExprId, x: &Operand) {
        let ty = match x.mode {
            Mode::Invalid | Mode::NoValue | Mode::Builtin(_) => None,
            _ => Some(x.ty),
        };
        let table = &mut self.tables[self.env.file];
        let info = &mut table.exprs[expr];
        info.mode = x.mode;
        info.ty = ty;
        match &x.val {
            Some(value) if x.mode == Mode::Constant => table.set_value(expr, value.clone()),
            _ => info.value = None,
        }
    }
    fn record_type(&mut self, expr: ExprId, ty: TypeId) {
        let info = &mut self.tables[self.env.file].exprs[expr];
        info.mode = Mode::TypeExpr;
        info.ty = Some(ty);
        info.value = None;
    }

    /// A value of a type whose declaration is under way cannot be made: reports the cycle. Returns whether the type is fine.
    fn require_complete(&mut self, ty: TypeId) -> bool {
        if self.path.is_empty() {
            return true;
        }
        let Some(obj) = self.incomplete_type(ty) else {
            return true;
        };
        if let Some(start) = self.path.iter().rposition(|&active| active == obj) {
            let cycle = self.path[start..].to_vec();
            self.cycle_error(&cycle);
            for obj in cycle {
                self.break_cycle(obj);
            }
        }
        false
    }
    /// The type declaration under way that a type waits for, if any.
    fn incomplete_type(&self, mut ty: TypeId) -> Option<ObjId> {
        let store = self.store;
        for _ in 0..1000 {
            match store.ty(ty) {
                Type::Alias(alias) => match (alias.target.get(), alias.origin) {
                    (Some(&target), _) => ty = target,
                    (None, Some(origin)) => ty = origin,
                    (None, None) => {
                        let is_type = matches!(store.obj(alias.obj).kind, ObjKind::TypeName);
                        return (is_type && self.path.contains(&alias.obj)).then_some(alias.obj);
                    }
                },
                Type::Named(named) => {
                    if store.try_underlying(ty).is_some() {
                        return None;
                    }
                    if self.path.contains(&named.obj) {
                        return Some(named.obj);
                    }
                    ty = named.origin.or_else(|| named.rhs.get().copied())?;
                }
                _ => return None,
            }
        }
        None
    }

    // Objects.

    fn new_var(&mut self, kind: VarKind, name: Symbol, pos: Pos) -> ObjId {
        self.store
            .new_object(Object::new(ObjKind::Var(kind), name, pos, Some(self.pkg)))
    }
    fn new_var_of(&mut self, kind: VarKind, name: Symbol, pos: Pos, ty: TypeId) -> ObjId {
        self.store
            .new_object(Object::new(ObjKind::Var(kind), name, pos, Some(self.pkg)).with_type(ty))
    }
    fn set_type(&self, obj: ObjId, ty: TypeId) {
        let _ = self.store.obj(obj).ty.set(ty);
    }
    fn mark_used(&self, obj: ObjId) {
        let object = self.store.obj(obj);
        if object.pkg == Some(self.pkg) {
            object.used.store(true, Ordering::Relaxed);
        }
    }
    fn is_used(&self, obj: ObjId) -> bool {
        self.store.obj(obj).used.load(Ordering::Relaxed)
    }
    /// Declares an object in the innermost block; blank ones bind nothing.
    /// Returns whether it was declared.
    fn declare_local(&mut self, obj: ObjId) -> bool {
        let object = self.store.obj(obj);
        if object.name == self.names.blank || object.name == self.names.empty {
            return true;
        }
        if let Some(other) = self.locals.declare(object.name, obj) {
            self.redeclared(object.pos, object.name, other);
            return false;
        }
        true
    }
    /// The object that a name denotes here.
    fn find(&self, name: Symbol) -> Option<ObjId> {
        if !self.locals.bindings.is_empty()
            && let Some(obj) = self.locals.lookup(name)
        {
            return Some(obj);
        }
        if let Some(&obj) = self
            .file_names
            .get(self.env.file)
            .and_then(|names| names.get(&name))
        {
            return Some(obj);
        }
        if let Some(&obj) = self.pkg_names.get(&name) {
            return Some(obj);
        }
        self.store
            .universe(name)
            .or_else(|| self.test_builtin(name))
    }
    fn test_builtin(&self, name: Symbol) -> Option<ObjId> {
        if !self.input.test_builtins {
            return None;
        }
        let builtin = match name.as_str() {
            "assert" => Builtin::Assert,
            "trace" => Builtin::Trace,
            _ => return None,
        };
        let object = Object::new(ObjKind::Builtin(builtin), name, Pos::NONE, None);
        Some(self.store.new_object(object.with_type(TypeId::INVALID)))
    }
    /// Notes that the current declaration depends on a package-level object.
    fn add_dependency(&mut self, obj: ObjId) {
        let object = self.store.obj(obj);
        if object.order == 0 || object.pkg != Some(self.pkg) || self.env.decl == 0 {
            return;
        }
        let deps = &mut self.decls[self.env.decl as usize - 1].deps;
        if deps.last() != Some(&object.order) {
            deps.push(object.order);
        }
    }
}

/// The version in force for a file: its own if it names one (not below go1.21), else the module's.
fn file_version(module: (u32, u32), file: Option<(u32, u32)>) -> (u32, u32) {
    match file {
        Some(version) => version.max((1, 21)),
        None => module,
    }
}

fn empty_file() -> ast::File {
    ast::File {
        file: source::FileId(0),
        package_pos: Pos::NONE,
        no_package: true,
        package_name: NameId::new(0),
        decls: Vec::new(),
        go_version: None,
        directives: Vec::new(),
        comments: Vec::new(),
        eof: Pos::NONE,
        names: IndexVec::new(),
        exprs: IndexVec::new(),
        stmts: IndexVec::new(),
        fields: IndexVec::new(),
        clauses: IndexVec::new(),
        decl_arena: IndexVec::new(),
    }
}
