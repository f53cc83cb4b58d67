//! From the checker's types to concrete MIR types.
//!
//! An [`Env`] gives type parameters their arguments. Generic defined types become one MIR type per argument list;
//! a type declared inside a generic function depends on that function's arguments too.

use std::rc::Rc;

use base::{FxHashMap, Id, Symbol};
use mir::{
    ChanDir, FieldTy, FuncTy, IfaceMethod, IntKind, NamedId, NamedTy, Ty, TyKind, TypeTable,
    method_order,
};
use syntax::ast;
use types::{BasicKind, ObjId, ObjKind, PkgId, Signature, Type, TypeId, VarKind};

use crate::cx::Cx;

/// Type arguments in force.
#[derive(Debug, Default)]
pub(crate) struct Env {
    /// Distinguishes environments; 0 is the empty one.
    pub id: u32,
    /// Argument of each type parameter.
    pub map: FxHashMap<TypeId, Ty>,
    /// The arguments in order: what local types are keyed by.
    pub targs: Box<[Ty]>,
}

/// What is known of a MIR defined type beside its structure.
#[derive(Clone, Debug)]
pub(crate) struct NamedInfo {
    /// Arguments of an instance.
    pub targs: Box<[Ty]>,
    /// Declared methods that belong to method sets (generic methods are listed too, marked).
    pub methods: Rc<[DeclMethod]>,
}

/// A declared method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeclMethod {
    pub name: Symbol,
    /// Import path, for unexported names.
    pub pkg: Option<Symbol>,
    /// The generic type's method object.
    pub func: ObjId,
    pub ptr_recv: bool,
    /// Has type parameters of its own: callable, but in no method set.
    pub generic: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct NamedKey {
    obj: ObjId,
    targs: Box<[Ty]>,
    /// Of the enclosing function, for local types.
    outer: Box<[Ty]>,
}

/// State of type conversion.
#[derive(Default)]
pub(crate) struct TypeCx {
    memo: FxHashMap<(u32, TypeId), Ty>,
    /// Types without type parameters, whatever the environment.
    closed: FxHashMap<TypeId, Ty>,
    named: FxHashMap<NamedKey, Ty>,
    pub info: Vec<Option<NamedInfo>>,
    /// Numbers of local types, by package.
    local_numbers: FxHashMap<PkgId, FxHashMap<ObjId, u32>>,
    envs: u32,
    depth: FxHashMap<Ty, u32>,
}

impl<'a> Cx<'a> {
    /// A new environment.
    pub(crate) fn new_env(&mut self, map: FxHashMap<TypeId, Ty>, targs: Box<[Ty]>) -> Rc<Env> {
        if map.is_empty() {
            return self.empty_env.clone();
        }
        self.tc.envs += 1;
        Rc::new(Env {
            id: self.tc.envs,
            map,
            targs,
        })
    }

    /// The concrete type.
    pub(crate) fn ty(&mut self, env: &Rc<Env>, ty: TypeId) -> Ty {
        self.conv(env, ty).0
    }

    /// The concrete type, and whether it is free of type parameters.
    fn conv(&mut self, env: &Rc<Env>, ty: TypeId) -> (Ty, bool) {
        if let Some(&t) = self.tc.closed.get(&ty) {
            return (t, true);
        }
        if env.id != 0 {
            if let Some(&t) = self.tc.memo.get(&(env.id, ty)) {
                return (t, false);
            }
        }
        let (t, closed) = self.conv_uncached(env, ty);
        if closed {
            self.tc.closed.insert(ty, t);
        } else {
            self.tc.memo.insert((env.id, ty), t);
        }
        (t, closed)
    }

    fn conv_uncached(&mut self, env: &Rc<Env>, ty: TypeId) -> (Ty, bool) {
        let store = self.store;
        match store.ty(ty) {
            Type::Basic(kind) => (basic(*kind), true),
            Type::Alias(_) => {
                let target = store.unalias(ty);
                self.conv(env, target)
            }
            Type::TypeParam(_) => match env.map.get(&ty) {
                Some(&t) => (t, false),
                None => {
                    // A parameter of a declaration that is not instantiated here: code that cannot run.
                    (self.p.types.empty_interface(), false)
                }
            },
            Type::Pointer(elem) => {
                let (e, c) = self.conv(env, *elem);
                (self.p.types.pointer(e), c)
            }
            Type::Slice(elem) => {
                let (e, c) = self.conv(env, *elem);
                (self.p.types.slice(e), c)
            }
            Type::Array { len, elem } => {
                let (e, c) = self.conv(env, *elem);
                (self.p.types.array(e, (*len).max(0) as u64), c)
            }
            Type::Map { key, elem } => {
                let (k, c1) = self.conv(env, *key);
                let (e, c2) = self.conv(env, *elem);
                (self.p.types.intern(TyKind::Map(k, e)), c1 && c2)
            }
            Type::Chan { dir, elem } => {
                let (e, c) = self.conv(env, *elem);
                let dir = match dir {
                    ast::ChanDir::Both => ChanDir::Both,
                    ast::ChanDir::Send => ChanDir::Send,
                    ast::ChanDir::Recv => ChanDir::Recv,
                };
                (self.p.types.intern(TyKind::Chan(dir, e)), c)
            }
            Type::Struct(s) => {
                let mut closed = true;
                let mut fields = Vec::with_capacity(s.fields.len());
                for (i, &field) in s.fields.iter().enumerate() {
                    let object = store.obj(field);
                    let (t, c) = self.conv(env, store.obj_type(field));
                    closed &= c;
                    fields.push(FieldTy {
                        name: object.name,
                        pkg: self.unexported_pkg(object.name, object.pkg),
                        ty: t,
                        embedded: matches!(object.kind, ObjKind::Var(VarKind::Embedded)),
                        tag: s.tags.get(i).filter(|t| !t.is_empty()).cloned(),
                    });
                }
                (self.p.types.intern(TyKind::Struct(fields.into())), closed)
            }
            Type::Tuple(types) => {
                let mut closed = true;
                let list = types
                    .iter()
                    .map(|&t| {
                        let (t, c) = self.conv(env, t);
                        closed &= c;
                        t
                    })
                    .collect();
                (self.p.types.intern(TyKind::Tuple(list)), closed)
            }
            Type::Signature(sig) => {
                let (f, closed) = self.func_ty(env, sig);
                (self.p.types.intern(TyKind::Func(f)), closed)
            }
            Type::Interface(_) => {
                let mut methods = Vec::new();
                let mut closed = true;
                self.flatten_interface(env, ty, &mut methods, &mut closed, 0);
                methods
                    .sort_by(|a: &IfaceMethod, b| method_order((a.name, a.pkg), (b.name, b.pkg)));
                methods.dedup_by(|a, b| a.name == b.name && a.pkg == b.pkg);
                (
                    self.p.types.intern(TyKind::Interface(methods.into())),
                    closed,
                )
            }
            Type::Union(_) => (self.p.types.empty_interface(), true),
            Type::Named(named) => {
                let mut closed = true;
                let targs: Box<[Ty]> = named
                    .targs
                    .iter()
                    .map(|&t| {
                        let (t, c) = self.conv(env, t);
                        closed &= c;
                        t
                    })
                    .collect();
                let local = self.is_local(named.obj);
                let outer: Box<[Ty]> = if local {
                    env.targs.clone()
                } else {
                    Box::default()
                };
                closed &= outer.is_empty();
                let key = NamedKey {
                    obj: named.obj,
                    targs,
                    outer,
                };
                if let Some(&t) = self.tc.named.get(&key) {
                    return (t, closed);
                }
                (
                    self.new_named(env, named.origin.unwrap_or(ty), key, local),
                    closed,
                )
            }
        }
    }

    fn new_named(&mut self, env: &Rc<Env>, generic: TypeId, key: NamedKey, local: bool) -> Ty {
        let store = self.store;
        let object = store.obj(key.obj);
        let mut name = object.name.as_str().to_string();
        let outer = self.targ_list(&key.outer);
        let own = self.targ_list(&key.targs);
        match (outer.is_empty(), own.is_empty()) {
            (true, true) => {}
            (false, false) => name.push_str(&format!("[{outer};{own}]")),
            _ => name.push_str(&format!("[{outer}{own}]")),
        }
        let local_suffix = if local {
            format!("·{}", self.local_number(key.obj))
        } else {
            String::new()
        };
        let (t, id) = self.p.types.new_named(NamedTy {
            name,
            pkg_path: object.pkg.map(|p| self.link_path(p)),
            pkg_name: object.pkg.map(|p| store.package(p).name),
            local_suffix,
            underlying: None,
        });
        self.tc.named.insert(key.clone(), t);
        let methods: Rc<[DeclMethod]> = store
            .methods(generic)
            .iter()
            .map(|&func| {
                let m = store.obj(func);
                let ObjKind::Func(f) = &m.kind else {
                    unreachable!("a method")
                };
                DeclMethod {
                    name: m.name,
                    pkg: self.unexported_pkg(m.name, m.pkg),
                    func,
                    ptr_recv: f.ptr_recv.get().copied().unwrap_or(false),
                    generic: store
                        .signature(store.obj_type(func))
                        .is_some_and(|s| !s.tparams.is_empty()),
                }
            })
            .collect();
        if self.tc.info.len() <= id.index() {
            self.tc.info.resize(id.index() + 1, None);
        }
        self.tc.info[id.index()] = Some(NamedInfo {
            targs: key.targs.clone(),
            methods,
        });
        let tparams = store.tparams(generic);
        let inner = if tparams.is_empty() && key.outer.is_empty() {
            if local {
                env.clone()
            } else {
                self.empty_env.clone()
            }
        } else {
            let mut map = if local {
                env.map.clone()
            } else {
                FxHashMap::default()
            };
            map.extend(tparams.iter().copied().zip(key.targs.iter().copied()));
            self.new_env(map, key.outer.clone())
        };
        if self.too_deep(&key.targs) {
            self.infinite_instantiation(object.pos, object.name);
            self.p.types.set_underlying(id, TypeTable::INT);
            return t;
        }
        let under = self.ty(&inner, store.underlying(generic));
        self.p.types.set_underlying(id, under);
        t
    }

    fn flatten_interface(
        &mut self,
        env: &Rc<Env>,
        ty: TypeId,
        out: &mut Vec<IfaceMethod>,
        closed: &mut bool,
        depth: u32,
    ) {
        let store = self.store;
        let Type::Interface(iface) = store.ty(ty) else {
            return;
        };
        if depth > 1000 {
            return;
        }
        for &m in &iface.methods {
            let object = store.obj(m);
            let (sig, c) = self.conv(env, store.obj_type(m));
            *closed &= c;
            out.push(IfaceMethod {
                name: object.name,
                pkg: self.unexported_pkg(object.name, object.pkg),
                sig,
            });
        }
        for &embed in &iface.embeds {
            let embed = store.unalias(embed);
            match store.ty(embed) {
                Type::Interface(_) => self.flatten_interface(env, embed, out, closed, depth + 1),
                Type::Named(named) => {
                    let generic = named.origin.unwrap_or(embed);
                    let under = store.underlying(generic);
                    if !matches!(store.ty(under), Type::Interface(_)) {
                        continue;
                    }
                    let mut map = FxHashMap::default();
                    for (&p, &a) in store.tparams(generic).iter().zip(named.targs.iter()) {
                        let (t, c) = self.conv(env, a);
                        *closed &= c;
                        map.insert(p, t);
                    }
                    let inner = if self.is_local(named.obj) {
                        let mut all = env.map.clone();
                        all.extend(map);
                        *closed &= env.id == 0;
                        self.new_env(all, env.targs.clone())
                    } else {
                        self.new_env(map, Box::default())
                    };
                    let mut inner_closed = true;
                    self.flatten_interface(&inner, under, out, &mut inner_closed, depth + 1);
                }
                _ => {}
            }
        }
    }

    /// A function type without receiver.
    pub(crate) fn func_ty(&mut self, env: &Rc<Env>, sig: &Signature) -> (FuncTy, bool) {
        let mut closed = true;
        let mut list = |cx: &mut Self, vars: &[ObjId]| -> Box<[Ty]> {
            vars.iter()
                .map(|&v| {
                    let (t, c) = cx.conv(env, cx.store.obj_type(v));
                    closed &= c;
                    t
                })
                .collect()
        };
        let params = list(self, &sig.params);
        let results = list(self, &sig.results);
        (
            FuncTy {
                params,
                results,
                variadic: sig.variadic,
            },
            closed,
        )
    }

    /// The import path that an unexported name belongs to.
    pub(crate) fn unexported_pkg(&self, name: Symbol, pkg: Option<PkgId>) -> Option<Symbol> {
        if name.is_exported() {
            None
        } else {
            pkg.map(|p| self.link_path(p))
        }
    }

    /// Whether a type is declared inside a function: no package scope holds it.
    fn is_local(&self, obj: ObjId) -> bool {
        let object = self.store.obj(obj);
        match object.pkg {
            Some(pkg) => object.parent.get() != Some(&self.store.package(pkg).scope),
            None => false,
        }
    }
    /// Local types of a package are numbered in source order.
    fn local_number(&mut self, obj: ObjId) -> u32 {
        let Some(pkg) = self.store.obj(obj).pkg else {
            return 0;
        };
        if !self.tc.local_numbers.contains_key(&pkg) {
            let mut list = Vec::new();
            if let Some(index) = self.pkg_of(pkg) {
                for file in &self.pkgs[index].typed.files {
                    for decl in file.ast.decl_arena.iter() {
                        if let ast::DeclKind::Type {
                            name, alias: false, ..
                        } = decl.kind
                        {
                            if let Some(t) = file.names[name].filter(|&t| self.is_local(t)) {
                                list.push((file.ast.names[name].pos, t));
                            }
                        }
                    }
                }
            }
            list.sort_unstable();
            let numbers = list
                .into_iter()
                .zip(1..)
                .map(|((_, t), n)| (t, n))
                .collect();
            self.tc.local_numbers.insert(pkg, numbers);
        }
        self.tc.local_numbers[&pkg].get(&obj).copied().unwrap_or(0)
    }

    /// Data of a defined type.
    pub(crate) fn named_info(&self, ty: Ty) -> Option<&NamedInfo> {
        match self.p.types.kind(ty) {
            TyKind::Named(id) => self.named_info_of(*id),
            _ => None,
        }
    }
    pub(crate) fn named_info_of(&self, id: NamedId) -> Option<&NamedInfo> {
        self.tc.info.get(id.index()).and_then(Option::as_ref)
    }

    /// Nesting depth of a type's text, to find instantiations without end.
    fn type_depth(&mut self, ty: Ty) -> u32 {
        if let Some(&d) = self.tc.depth.get(&ty) {
            return d;
        }
        let parts: Vec<Ty> = match self.p.types.kind(ty) {
            TyKind::Pointer(e) | TyKind::Slice(e) | TyKind::Array(e, _) | TyKind::Chan(_, e) => {
                vec![*e]
            }
            TyKind::Map(k, e) => vec![*k, *e],
            TyKind::Func(f) => f.params.iter().chain(f.results.iter()).copied().collect(),
            TyKind::Struct(fields) => fields.iter().map(|f| f.ty).collect(),
            TyKind::Interface(methods) => methods.iter().map(|m| m.sig).collect(),
            TyKind::Named(id) => self
                .named_info_of(*id)
                .map(|i| i.targs.to_vec())
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let d = 1 + parts
            .into_iter()
            .map(|t| self.type_depth(t))
            .max()
            .unwrap_or(0);
        self.tc.depth.insert(ty, d);
        d
    }
    pub(crate) fn too_deep(&mut self, targs: &[Ty]) -> bool {
        targs.iter().any(|&t| self.type_depth(t) > MAX_TYPE_DEPTH)
    }
}

/// Type arguments nested deeper than this mean that instantiation does not end.
const MAX_TYPE_DEPTH: u32 = 100;

pub(crate) fn basic(kind: BasicKind) -> Ty {
    use BasicKind::*;
    match kind {
        Bool | UntypedBool => TypeTable::BOOL,
        Int | UntypedInt => TypeTable::INT,
        Int8 => TypeTable::INT8,
        Int16 => TypeTable::INT16,
        Int32 | UntypedRune => TypeTable::INT32,
        Int64 => TypeTable::INT64,
        Uint => TypeTable::UINT,
        Uint8 => TypeTable::UINT8,
        Uint16 => TypeTable::UINT16,
        Uint32 => TypeTable::UINT32,
        Uint64 => TypeTable::UINT64,
        Uintptr => TypeTable::UINTPTR,
        Float32 => TypeTable::FLOAT32,
        Float64 | UntypedFloat => TypeTable::FLOAT64,
        Complex64 => TypeTable::COMPLEX64,
        Complex128 | UntypedComplex => TypeTable::COMPLEX128,
        String | UntypedString => TypeTable::STRING,
        UnsafePointer | UntypedNil => TypeTable::UNSAFE_POINTER,
        Invalid => TypeTable::INT,
    }
}

/// The integer kind of a type whose underlying type is an integer.
pub(crate) fn int_kind(types: &TypeTable, ty: Ty) -> Option<IntKind> {
    match types.under(ty) {
        TyKind::Int(k) => Some(*k),
        _ => None,
    }
}
