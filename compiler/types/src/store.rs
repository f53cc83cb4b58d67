//! The store: types, objects, scopes and packages of a build, and the universe.

use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock, RwLock};

use base::{FxBuildHasher, FxHashMap, Symbol};
use smallvec::SmallVec;
use source::{Pos, Span};
use syntax::ast::ChanDir;

use crate::constant::ConstValue;
use crate::model::*;
use crate::subst::Subst;

const SHARDS: usize = 16;

/// Types without objects are made once each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Pointer(TypeId),
    Slice(TypeId),
    Array(i64, TypeId),
    Map(TypeId, TypeId),
    Chan(ChanDir, TypeId),
    Pair(TypeId, TypeId),
}

/// All types, objects, scopes and packages of a build. Append-only and shared by checking threads.
#[derive(Debug)]
pub struct Store {
    types: boxcar::Vec<Type>,
    objects: boxcar::Vec<Object>,
    packages: boxcar::Vec<Package>,
    scopes: boxcar::Vec<Scope>,
    /// Read and added to by all checking threads; ids only ever get added.
    interned: [RwLock<FxHashMap<Key, TypeId>>; SHARDS],
    /// Instances by hash of origin and type arguments; the few of one hash are told apart by identity.
    instances: [RwLock<FxHashMap<u64, SmallVec<[TypeId; 1]>>>; SHARDS],
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Default for Store {
    fn default() -> Self {
        Store::new()
    }
}

impl Store {
    /// A store with the universe and package unsafe.
    pub fn new() -> Store {
        let store = Store {
            types: boxcar::Vec::new(),
            objects: boxcar::Vec::new(),
            packages: boxcar::Vec::new(),
            scopes: boxcar::Vec::new(),
            interned: std::array::from_fn(|_| RwLock::default()),
            instances: std::array::from_fn(|_| RwLock::default()),
        };
        store.declare_universe();
        store
    }

    fn declare_universe(&self) {
        let mut names = FxHashMap::default();
        let mut declare = |object: Object| {
            let _ = object.parent.set(ScopeId::UNIVERSE);
            let name = object.name;
            let id = self.new_object(object);
            names.insert(name, id);
            id
        };
        let named =
            |name: &str| Object::new(ObjKind::TypeName, Symbol::intern(name), Pos::NONE, None);
        let universe = self.new_scope(Scope {
            parent: None,
            span: Span::default(),
            names: OnceLock::new(),
        });
        debug_assert_eq!(universe, ScopeId::UNIVERSE);
        for kind in BasicKind::ALL {
            let id = self.new_type(Type::Basic(kind));
            debug_assert_eq!(id, TypeId::basic(kind));
            if kind != BasicKind::Invalid && kind != BasicKind::UnsafePointer && !kind.is_untyped()
            {
                declare(named(kind.name()).with_type(id));
            }
        }
        for (id, kind, name) in [
            (TypeId::BYTE, BasicKind::Uint8, "byte"),
            (TypeId::RUNE, BasicKind::Int32, "rune"),
        ] {
            let ty = self.new_type(Type::Basic(kind));
            debug_assert_eq!(ty, id);
            declare(named(name).with_type(ty));
        }
        let interface = |methods: Box<[ObjId]>, set: TypeSet| {
            self.new_type(Type::Interface(Interface {
                methods,
                embeds: Box::default(),
                embed_pos: Box::default(),
                implicit: false,
                type_set: OnceLock::from(Arc::new(set)),
            }))
        };
        let empty = interface(Box::default(), TypeSet::default());
        debug_assert_eq!(empty, TypeId::EMPTY_INTERFACE);
        let any = declare(named("any").with_type(TypeId::ANY));
        self.new_type(Type::Alias(Alias {
            obj: any,
            origin: None,
            targs: Box::default(),
            tparams: OnceLock::from(Box::default()),
            target: OnceLock::from(empty),
        }));
        let predeclared = |obj: ObjId| {
            self.new_type(Type::Named(Named {
                obj,
                origin: None,
                targs: Box::default(),
                tparams: OnceLock::from(Box::default()),
                rhs: OnceLock::new(),
                underlying: OnceLock::new(),
                methods: OnceLock::from(Box::default()),
            }))
        };
        let error_obj = declare(named("error").with_type(TypeId::ERROR));
        let error = predeclared(error_obj);
        debug_assert_eq!(error, TypeId::ERROR);
        let comparable_obj = declare(named("comparable").with_type(TypeId::COMPARABLE));
        let comparable = predeclared(comparable_obj);
        debug_assert_eq!(comparable, TypeId::COMPARABLE);
        let tuple = self.new_type(Type::Tuple(Box::default()));
        debug_assert_eq!(tuple, TypeId::EMPTY_TUPLE);

        let literal = interface(Box::default(), TypeSet::default());
        debug_assert_eq!(literal, TypeId::INTERFACE_LITERAL);
        let var = |name: &str, kind: VarKind, ty: TypeId| {
            self.new_object(
                Object::new(ObjKind::Var(kind), Symbol::intern(name), Pos::NONE, None)
                    .with_type(ty),
            )
        };
        let signature = self.new_type(Type::Signature(Signature {
            recv: Some(var("", VarKind::Recv, error)),
            tparams: Box::default(),
            recv_tparams: Box::default(),
            params: Box::default(),
            results: Box::new([var("", VarKind::Result, TypeId::basic(BasicKind::String))]),
            variadic: false,
        }));
        let method = self.new_object(
            Object::new(
                ObjKind::Func(Func {
                    is_interface_method: true,
                    ..Func::default()
                }),
                Symbol::intern("Error"),
                Pos::NONE,
                None,
            )
            .with_type(signature),
        );
        let set = TypeSet {
            methods: vec![method],
            terms: None,
            comparable: false,
        };
        let error_interface = interface(Box::new([method]), set);
        let comparable_interface = interface(
            Box::default(),
            TypeSet {
                comparable: true,
                ..TypeSet::default()
            },
        );
        for (ty, underlying) in [(error, error_interface), (comparable, comparable_interface)] {
            let _ = self
                .named(ty)
                .expect("made above")
                .underlying
                .set(underlying);
        }

        for (name, value) in [("true", true), ("false", false)] {
            let kind = ObjKind::Const(OnceLock::from(ConstValue::Bool(value)));
            declare(
                Object::new(kind, Symbol::intern(name), Pos::NONE, None)
                    .with_type(TypeId::basic(BasicKind::UntypedBool)),
            );
        }
        let iota = ObjKind::Const(OnceLock::from(ConstValue::Int(0)));
        declare(
            Object::new(iota, Symbol::intern("iota"), Pos::NONE, None)
                .with_type(TypeId::basic(BasicKind::UntypedInt)),
        );
        declare(
            Object::new(ObjKind::Nil, Symbol::intern("nil"), Pos::NONE, None)
                .with_type(TypeId::basic(BasicKind::UntypedNil)),
        );
        for builtin in Builtin::ALL {
            if !builtin.in_unsafe() && !matches!(builtin, Builtin::Assert | Builtin::Trace) {
                let object = Object::new(
                    ObjKind::Builtin(builtin),
                    Symbol::intern(builtin.name()),
                    Pos::NONE,
                    None,
                );
                declare(object.with_type(TypeId::INVALID));
            }
        }
        self.scope(ScopeId::UNIVERSE)
            .names
            .set(names)
            .expect("set once");

        let scope = self.new_scope(Scope {
            parent: Some(ScopeId::UNIVERSE),
            span: Span::default(),
            names: OnceLock::new(),
        });
        let pkg = self.new_package(Package {
            path: "unsafe".into(),
            name: "unsafe".into(),
            scope,
            go_version: (1, 27),
            imports: OnceLock::new(),
            trees: OnceLock::new(),
        });
        debug_assert_eq!(pkg, PkgId::UNSAFE);
        let mut names = FxHashMap::default();
        let mut declare = |kind: ObjKind, name: &str, ty: TypeId| {
            let object =
                Object::new(kind, Symbol::intern(name), Pos::NONE, Some(pkg)).with_type(ty);
            let _ = object.parent.set(scope);
            names.insert(object.name, self.new_object(object));
        };
        declare(
            ObjKind::TypeName,
            "Pointer",
            TypeId::basic(BasicKind::UnsafePointer),
        );
        for builtin in Builtin::ALL {
            if builtin.in_unsafe() {
                declare(ObjKind::Builtin(builtin), builtin.name(), TypeId::INVALID);
            }
        }
        self.scope(scope).names.set(names).expect("set once");
    }

    /// The structure of a type.
    #[inline]
    pub fn ty(&self, id: TypeId) -> &Type {
        &self.types[id.raw() as usize]
    }
    /// An object.
    #[inline]
    pub fn obj(&self, id: ObjId) -> &Object {
        &self.objects[id.raw() as usize]
    }
    /// A package.
    #[inline]
    pub fn package(&self, id: PkgId) -> &Package {
        &self.packages[id.raw() as usize]
    }
    /// A scope.
    #[inline]
    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.raw() as usize]
    }
    /// What a complete scope declares under `name` (enclosing scopes are not searched).
    pub fn scope_lookup(&self, scope: ScopeId, name: Symbol) -> Option<ObjId> {
        self.scope(scope).names.get()?.get(&name).copied()
    }
    /// The predeclared object `name`.
    pub fn universe(&self, name: Symbol) -> Option<ObjId> {
        self.scope_lookup(ScopeId::UNIVERSE, name)
    }
    /// Adds a type.
    pub fn new_type(&self, ty: Type) -> TypeId {
        TypeId::new(self.types.push(ty) as u32)
    }
    /// Adds an object.
    pub fn new_object(&self, object: Object) -> ObjId {
        ObjId::new(self.objects.push(object) as u32)
    }
    /// Adds a package.
    pub fn new_package(&self, package: Package) -> PkgId {
        PkgId::new(self.packages.push(package) as u32)
    }
    /// Adds a scope.
    pub fn new_scope(&self, scope: Scope) -> ScopeId {
        ScopeId::new(self.scopes.push(scope) as u32)
    }
    /// The predeclared type of a basic kind.
    pub fn basic(&self, kind: BasicKind) -> TypeId {
        TypeId::basic(kind)
    }

    fn intern(&self, key: Key, make: impl FnOnce() -> Type) -> TypeId {
        let shard = &self.interned[(FxBuildHasher.hash_one(key) >> 59) as usize % SHARDS];
        if let Some(&id) = shard.read().expect("not poisoned").get(&key) {
            return id;
        }
        let mut shard = shard.write().expect("not poisoned");
        *shard.entry(key).or_insert_with(|| self.new_type(make()))
    }
    /// `*elem`
    pub fn pointer(&self, elem: TypeId) -> TypeId {
        self.intern(Key::Pointer(elem), || Type::Pointer(elem))
    }
    /// `[]elem`
    pub fn slice(&self, elem: TypeId) -> TypeId {
        self.intern(Key::Slice(elem), || Type::Slice(elem))
    }
    /// `[len]elem`
    pub fn array(&self, len: i64, elem: TypeId) -> TypeId {
        self.intern(Key::Array(len, elem), || Type::Array { len, elem })
    }
    /// `map[key]elem`
    pub fn map(&self, key: TypeId, elem: TypeId) -> TypeId {
        self.intern(Key::Map(key, elem), || Type::Map { key, elem })
    }
    /// A channel type.
    pub fn chan(&self, dir: ChanDir, elem: TypeId) -> TypeId {
        self.intern(Key::Chan(dir, elem), || Type::Chan { dir, elem })
    }
    /// The tuple of these types.
    pub fn tuple(&self, types: &[TypeId]) -> TypeId {
        match *types {
            [] => TypeId::EMPTY_TUPLE,
            [a, b] => self.intern(Key::Pair(a, b), || Type::Tuple(Box::new([a, b]))),
            _ => self.new_type(Type::Tuple(types.into())),
        }
    }

    /// The defined type, if `ty` is one (aliases are not looked through).
    pub fn named(&self, ty: TypeId) -> Option<&Named> {
        match self.ty(ty) {
            Type::Named(named) => Some(named),
            _ => None,
        }
    }
    /// The type that an alias stands for, in the end; the type itself if it is none.
    /// [`TypeId::INVALID`] for an alias whose declaration is not complete.
    pub fn unalias(&self, mut ty: TypeId) -> TypeId {
        let mut steps = 0;
        while let Type::Alias(alias) = self.ty(ty) {
            let target = match (alias.target.get(), alias.origin) {
                (Some(&target), _) => target,
                (None, Some(origin)) => {
                    let Type::Alias(generic) = self.ty(origin) else {
                        return TypeId::INVALID;
                    };
                    let (Some(&target), Some(tparams)) =
                        (generic.target.get(), generic.tparams.get())
                    else {
                        return TypeId::INVALID;
                    };
                    let target = Subst::new(self, tparams, &alias.targs).ty(target);
                    *alias.target.get_or_init(|| target)
                }
                (None, None) => return TypeId::INVALID,
            };
            ty = target;
            steps += 1;
            if steps > 10_000 {
                return TypeId::INVALID;
            }
        }
        ty
    }

    /// The underlying type (spec, "Underlying types"). A type parameter is its own; see [`Store::constraint`].
    /// [`TypeId::INVALID`] for a type whose declaration is not complete.
    #[inline]
    pub fn underlying(&self, ty: TypeId) -> TypeId {
        match self.ty(ty) {
            Type::Named(named) => match named.underlying.get() {
                Some(&underlying) => underlying,
                None => self.resolve_underlying(ty, 0).unwrap_or(TypeId::INVALID),
            },
            Type::Alias(_) => self.underlying(self.unalias(ty)),
            _ => ty,
        }
    }
    /// Like [`Store::underlying`], `None` if the declaration is not complete.
    pub fn try_underlying(&self, ty: TypeId) -> Option<TypeId> {
        self.try_underlying_at(ty, 0)
    }
    fn try_underlying_at(&self, ty: TypeId, depth: u32) -> Option<TypeId> {
        match self.ty(ty) {
            Type::Named(named) => named
                .underlying
                .get()
                .copied()
                .or_else(|| self.resolve_underlying(ty, depth)),
            Type::Alias(_) => match self.unalias(ty) {
                TypeId::INVALID => None,
                target => self.try_underlying_at(target, depth),
            },
            _ => Some(ty),
        }
    }
    /// `depth` counts generic types on the way: a generic type may (wrongly) be an instance of itself.
    fn resolve_underlying(&self, start: TypeId, depth: u32) -> Option<TypeId> {
        if depth > 100 {
            return None;
        }
        let mut ty = start;
        let mut seen: SmallVec<[TypeId; 8]> = SmallVec::new();
        let found = loop {
            ty = self.unalias(ty);
            let Type::Named(named) = self.ty(ty) else {
                break (ty != TypeId::INVALID || !seen.is_empty()).then_some(ty)?;
            };
            if let Some(&underlying) = named.underlying.get() {
                break underlying;
            }
            if seen.contains(&ty) || seen.len() > 1000 {
                return None;
            }
            seen.push(ty);
            if let Some(origin) = named.origin {
                let generic = self.named(origin)?;
                let underlying = self.try_underlying_at(origin, depth + 1)?;
                let tparams = generic.tparams.get()?;
                if tparams.len() != named.targs.len() {
                    break TypeId::INVALID;
                }
                break Subst::new(self, tparams, &named.targs).ty(underlying);
            }
            ty = *named.rhs.get()?;
        };
        for ty in seen {
            if let Some(named) = self.named(ty) {
                let _ = named.underlying.set(found);
            }
        }
        // Another thread or the substitution itself may have been first.
        Some(
            self.named(start)
                .and_then(|named| named.underlying.get().copied())
                .unwrap_or(found),
        )
    }
    /// The structure of the underlying type.
    #[inline]
    pub fn under(&self, ty: TypeId) -> &Type {
        self.ty(self.underlying(ty))
    }
    /// The interface that constrains a type parameter.
    pub fn constraint(&self, tparam: &TypeParam) -> TypeId {
        let Some(&bound) = tparam.bound.get() else {
            return TypeId::EMPTY_INTERFACE;
        };
        let underlying = self.underlying(bound);
        match self.ty(underlying) {
            Type::Interface(_) => underlying,
            Type::Basic(BasicKind::Invalid) => TypeId::EMPTY_INTERFACE,
            // A type that was not complete when the parameter was declared: it stands for the interface that embeds it.
            _ => self.new_type(Type::Interface(Interface {
                methods: Box::default(),
                embeds: Box::new([bound]),
                embed_pos: Box::new([Pos::NONE]),
                implicit: true,
                type_set: OnceLock::new(),
            })),
        }
    }
    /// The basic kind of the underlying type.
    #[inline]
    pub fn basic_kind(&self, ty: TypeId) -> Option<BasicKind> {
        match self.under(ty) {
            Type::Basic(kind) => Some(*kind),
            _ => None,
        }
    }
    /// The signature, if the underlying type is a function type.
    pub fn signature(&self, ty: TypeId) -> Option<&Signature> {
        match self.under(ty) {
            Type::Signature(signature) => Some(signature),
            _ => None,
        }
    }

    /// The type of an object; computed now for methods of instantiated types.
    /// [`TypeId::INVALID`] if it is not known yet.
    pub fn obj_type(&self, id: ObjId) -> TypeId {
        let object = self.obj(id);
        if let Some(&ty) = object.ty.get() {
            return ty;
        }
        let ObjKind::Func(Func {
            origin: Some(origin),
            recv_type: Some(recv),
            ..
        }) = &object.kind
        else {
            return TypeId::INVALID;
        };
        let Some(&generic) = self.obj(*origin).ty.get() else {
            return TypeId::INVALID;
        };
        let (Type::Signature(signature), Some(named)) = (self.ty(generic), self.named(*recv))
        else {
            return TypeId::INVALID;
        };
        let ty = if signature.recv_tparams.len() == named.targs.len() {
            Subst::new(self, &signature.recv_tparams, &named.targs).ty(generic)
        } else {
            generic
        };
        *object.ty.get_or_init(|| ty)
    }

    /// The methods declared for a defined type, in the order of the declaration; those of instances are
    /// instantiated (their types by [`Store::obj_type`]). Empty for other types.
    pub fn methods(&self, ty: TypeId) -> &[ObjId] {
        let Type::Named(named) = self.ty(ty) else {
            return &[];
        };
        if let Some(methods) = named.methods.get() {
            return methods;
        }
        let Some(generic) = named.origin.and_then(|origin| self.named(origin)) else {
            return &[];
        };
        let Some(methods) = generic.methods.get() else {
            return &[];
        };
        named.methods.get_or_init(|| {
            methods
                .iter()
                .map(|&method| {
                    let object = self.obj(method);
                    let ObjKind::Func(func) = &object.kind else {
                        return method;
                    };
                    let kind = ObjKind::Func(Func {
                        decl: func.decl,
                        origin: Some(method),
                        recv_type: Some(ty),
                        ptr_recv: func.ptr_recv.clone(),
                        is_interface_method: false,
                    });
                    self.new_object(Object::new(kind, object.name, object.pos, object.pkg))
                })
                .collect()
        })
    }

    /// The type parameters of a generic type or function; empty for others and for instances.
    pub fn tparams(&self, ty: TypeId) -> &[TypeId] {
        match self.ty(ty) {
            Type::Named(named) if named.targs.is_empty() => {
                named.tparams.get().map_or(&[], |list| list)
            }
            Type::Alias(alias) if alias.targs.is_empty() => {
                alias.tparams.get().map_or(&[], |list| list)
            }
            Type::Signature(signature) => &signature.tparams,
            _ => &[],
        }
    }
    /// Whether `ty` is a generic type or function that has not been instantiated.
    pub fn is_generic(&self, ty: TypeId) -> bool {
        !self.tparams(ty).is_empty()
    }

    /// Instantiates a generic type or function. The number of arguments must be that of the type parameters;
    /// whether the arguments satisfy the constraints is not looked at.
    pub fn instantiate(&self, origin: TypeId, targs: &[TypeId]) -> TypeId {
        match self.ty(origin) {
            Type::Named(named) => {
                let hash = targs
                    .iter()
                    .fold(u64::from(named.obj.raw()), |hash, &targ| {
                        FxBuildHasher.hash_one((hash, self.type_hash(targ, 0)))
                    });
                let shard = &self.instances[(hash >> 59) as usize % SHARDS];
                loop {
                    // Comparing may instantiate, so no lock is held meanwhile.
                    let known = shard
                        .read()
                        .expect("not poisoned")
                        .get(&hash)
                        .cloned()
                        .unwrap_or_default();
                    let found = known.iter().copied().find(|&candidate| {
                        self.named(candidate).is_some_and(|instance| {
                            instance.origin == Some(origin)
                                && instance.targs.len() == targs.len()
                                && instance
                                    .targs
                                    .iter()
                                    .zip(targs)
                                    .all(|(&x, &y)| self.identical(x, y))
                        })
                    });
                    if let Some(found) = found {
                        return found;
                    }
                    let mut shard = shard.write().expect("not poisoned");
                    let list = shard.entry(hash).or_default();
                    if list.len() != known.len() {
                        continue;
                    }
                    let id = self.new_type(Type::Named(Named {
                        obj: named.obj,
                        origin: Some(origin),
                        targs: targs.into(),
                        tparams: OnceLock::from(Box::default()),
                        rhs: OnceLock::new(),
                        underlying: OnceLock::new(),
                        methods: OnceLock::new(),
                    }));
                    list.push(id);
                    return id;
                }
            }
            Type::Alias(alias) => self.new_type(Type::Alias(Alias {
                obj: alias.obj,
                origin: Some(origin),
                targs: targs.into(),
                tparams: OnceLock::from(Box::default()),
                target: OnceLock::new(),
            })),
            Type::Signature(signature)
                if signature.tparams.len() == targs.len() && !targs.is_empty() =>
            {
                Subst::new(self, &signature.tparams, targs).signature_instance(signature)
            }
            _ => origin,
        }
    }

    /// A hash that identical types share.
    pub(crate) fn type_hash(&self, ty: TypeId, depth: u32) -> u64 {
        let ty = self.unalias(ty);
        if depth > 6 {
            return 0;
        }
        let next = |ty: TypeId| self.type_hash(ty, depth + 1);
        let hash = |value: (u32, u64, u64)| FxBuildHasher.hash_one(value);
        match self.ty(ty) {
            Type::Basic(kind) => hash((0, *kind as u64, 0)),
            Type::Named(named) => named
                .targs
                .iter()
                .fold(hash((1, u64::from(named.obj.raw()), 0)), |sum, &targ| {
                    hash((1, sum, next(targ)))
                }),
            Type::Alias(_) => 0,
            Type::Pointer(elem) => hash((2, next(*elem), 0)),
            Type::Slice(elem) => hash((3, next(*elem), 0)),
            Type::Array { len, elem } => hash((4, *len as u64, next(*elem))),
            Type::Map { key, elem } => hash((5, next(*key), next(*elem))),
            Type::Chan { dir, elem } => hash((6, *dir as u64, next(*elem))),
            Type::Struct(structure) => structure.fields.iter().fold(7, |sum, &field| {
                let object = self.obj(field);
                hash((
                    7,
                    sum ^ FxBuildHasher.hash_one(object.name),
                    next(self.obj_type(field)),
                ))
            }),
            Type::Tuple(types) => types.iter().fold(8, |sum, &ty| hash((8, sum, next(ty)))),
            Type::Signature(signature) if signature.tparams.is_empty() => {
                let vars = signature.params.iter().chain(&signature.results);
                vars.fold(9, |sum, &var| hash((9, sum, next(self.obj_type(var)))))
            }
            Type::Signature(signature) => hash((
                10,
                signature.params.len() as u64,
                signature.results.len() as u64,
            )),
            Type::Interface(_) => 11,
            Type::Union(terms) => hash((12, terms.len() as u64, 0)),
            Type::TypeParam(_) => hash((13, u64::from(ty.raw()), 0)),
        }
    }
}

impl Builtin {
    /// All predeclared functions and those of package unsafe.
    pub const ALL: [Builtin; 28] = {
        use Builtin::*;
        [
            Append, Cap, Clear, Close, Complex, Copy, Delete, Imag, Len, Make, Max, Min, New,
            Panic, Print, Println, Real, Recover, Add, Alignof, Offsetof, Sizeof, Slice, SliceData,
            String, StringData, Assert, Trace,
        ]
    };
    /// The name it is declared by.
    pub fn name(self) -> &'static str {
        use Builtin::*;
        match self {
            Append => "append",
            Cap => "cap",
            Clear => "clear",
            Close => "close",
            Complex => "complex",
            Copy => "copy",
            Delete => "delete",
            Imag => "imag",
            Len => "len",
            Make => "make",
            Max => "max",
            Min => "min",
            New => "new",
            Panic => "panic",
            Print => "print",
            Println => "println",
            Real => "real",
            Recover => "recover",
            Add => "Add",
            Alignof => "Alignof",
            Offsetof => "Offsetof",
            Sizeof => "Sizeof",
            Slice => "Slice",
            SliceData => "SliceData",
            String => "String",
            StringData => "StringData",
            Assert => "assert",
            Trace => "trace",
        }
    }
    /// Whether package unsafe declares it.
    pub fn in_unsafe(self) -> bool {
        use Builtin::*;
        matches!(
            self,
            Add | Alignof | Offsetof | Sizeof | Slice | SliceData | String | StringData
        )
    }
}
