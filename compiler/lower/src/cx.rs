//! State of the whole lowering, and its work list.

use std::rc::Rc;

use base::{FxHashMap, Id, Symbol};
use diagnostics::Diagnostic;
use mir::{
    Body, DataId, FuncFlags, FuncId, Function, Global, GlobalId, Init, Itab, ItabId, Program,
    StaticData, Ty, TyKind, TypeTable,
};
use source::Pos;
use types::{ObjId, ObjKind, PkgId, Store, TypedFile, TypedPackage};

use crate::input::{LowerInput, PackageMeta};
use crate::intrinsics;
use crate::lookup::LookupCx;
use crate::symbols::SymbolTable;
use crate::tyconv::{Env, TypeCx};
use crate::typeinfo::ReachCx;

/// A package.
pub(crate) struct Pkg<'a> {
    pub typed: &'a TypedPackage,
    pub meta: &'a PackageMeta,
    pub link_path: Symbol,
    /// What its link names begin with: [`mir::symbol_prefix`] of the path.
    pub prefix: Symbol,
    /// Numbers of the function literals outside of functions, by position: `init.func1` and so on, in source order.
    pub init_lits: FxHashMap<source::Pos, u32>,
}

/// Something to do later; gets the function whose body it makes.
pub(crate) type Work<'a> = Box<dyn FnOnce(&mut Cx<'a>, FuncId) + 'a>;

/// The lowering.
pub(crate) struct Cx<'a> {
    pub input: &'a LowerInput<'a>,
    pub store: &'a Store,
    pub p: Program,
    pub pkgs: Vec<Pkg<'a>>,
    pkg_index: FxHashMap<PkgId, usize>,
    pub errors: Vec<Diagnostic>,
    pub empty_env: Rc<Env>,
    pub tc: TypeCx,
    pub lc: LookupCx,
    pub symbols: SymbolTable<'a>,
    pub reach: ReachCx,
    instances: FxHashMap<(ObjId, Box<[Ty]>), FuncId>,
    /// Generated functions by purpose and name.
    pub made: FxHashMap<Symbol, FuncId>,
    externs: FxHashMap<Symbol, FuncId>,
    runtime: FxHashMap<&'static str, FuncId>,
    work: Vec<(FuncId, Work<'a>)>,
    globals: FxHashMap<Symbol, GlobalId>,
    /// Static initialisers that wait for their variable to be mentioned.
    pub lazy_inits: FxHashMap<Symbol, crate::init::LazyInit<'a>>,
    pub lazy_work: Vec<(GlobalId, crate::init::LazyInit<'a>)>,
    data: FxHashMap<(Init, u64), DataId>,
    itabs: FxHashMap<(Ty, Ty), ItabId>,
    /// Whether an expression may call, by file (address of its tables) and expression: 0 unknown, 1 no, 2 yes.
    pub call_flags: FxHashMap<*const TypedFile, Rc<std::cell::RefCell<Vec<u8>>>>,
    /// Functions that are operations.
    pub known: FxHashMap<FuncId, Option<intrinsics::Known>>,
    reported_deep: bool,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(input: &'a LowerInput<'a>) -> Self {
        let pkgs: Vec<Pkg<'a>> = input
            .packages
            .iter()
            .map(|p| Pkg {
                typed: p.typed,
                meta: &p.meta,
                link_path: p.meta.link_path,
                prefix: Symbol::intern(&mir::symbol_prefix(p.meta.link_path.as_str())),
                init_lits: FxHashMap::default(),
            })
            .collect();
        let pkg_index = pkgs
            .iter()
            .enumerate()
            .map(|(i, p)| (p.typed.pkg, i))
            .collect();
        Cx {
            input,
            store: input.store,
            p: Program {
                types: TypeTable::new(),
                ..Program::default()
            },
            pkgs,
            pkg_index,
            errors: Vec::new(),
            empty_env: Rc::new(Env::default()),
            tc: TypeCx::default(),
            lc: LookupCx::default(),
            symbols: SymbolTable::default(),
            reach: ReachCx::default(),
            instances: FxHashMap::default(),
            made: FxHashMap::default(),
            externs: FxHashMap::default(),
            runtime: FxHashMap::default(),
            work: Vec::new(),
            globals: FxHashMap::default(),
            lazy_inits: FxHashMap::default(),
            lazy_work: Vec::new(),
            data: FxHashMap::default(),
            itabs: FxHashMap::default(),
            call_flags: FxHashMap::default(),
            known: FxHashMap::default(),
            reported_deep: false,
        }
    }

    /// Lowers everything reachable.
    pub(crate) fn run(mut self) -> Result<Program, Vec<Diagnostic>> {
        self.collect_symbols();
        for name in abi::symbols::RUNTIME_CALLBACKS {
            let short = name.strip_prefix("runtime.").unwrap_or(name);
            let func = self.rt(short);
            self.p.callbacks.push(func);
        }
        self.lower_inits();
        let main_pkg = &self.pkgs[self.input.main];
        let main_obj = self
            .store
            .scope_lookup(main_pkg.typed.scope, Symbol::intern("main"));
        match main_obj {
            Some(obj) if matches!(self.store.obj(obj).kind, ObjKind::Func(_)) => {
                self.p.main = Some(self.func_instance(obj, &[]));
            }
            _ => self.errors.push(Diagnostic::error(
                "MissingMain",
                Pos::NONE,
                "runtime.main_main·f: function main is undeclared in the main package",
            )),
        }
        if self.input.keep_all {
            self.keep_all();
        }
        self.drain();
        self.finish_types();
        self.p.modinfo = self.input.modinfo.clone();
        self.p.godebug = self.input.godebug.clone();
        if self.errors.is_empty() {
            Ok(self.p)
        } else {
            Err(self.errors)
        }
    }

    /// Makes every function outside of std that needs no type arguments reachable.
    fn keep_all(&mut self) {
        let store = self.store;
        let mut all: Vec<(usize, u32, ObjId)> = self
            .symbols
            .decls
            .iter()
            .filter(|(obj, decl)| {
                let object = store.obj(**obj);
                let generic = store
                    .signature(store.obj_type(**obj))
                    .is_none_or(|s| !s.tparams.is_empty() || !s.recv_tparams.is_empty());
                decl.body.is_some()
                    && !self.pkgs[decl.pkg].meta.is_std
                    && !generic
                    && !object.name.is_blank()
                    && object.name.as_str() != "init"
            })
            .map(|(&obj, decl)| (decl.pkg, store.obj(obj).pos.0, obj))
            .collect();
        all.sort_unstable();
        for (_, _, obj) in all {
            self.func_instance(obj, &[]);
        }
    }

    /// Works until nothing is left.
    pub(crate) fn drain(&mut self) {
        loop {
            if let Some((func, work)) = self.work.pop() {
                work(self, func);
                continue;
            }
            if let Some((global, init)) = self.lazy_work.pop() {
                self.run_lazy_init(global, init);
                continue;
            }
            if !self.process_types() {
                break;
            }
        }
    }

    // ---- packages

    pub(crate) fn pkg_of(&self, pkg: PkgId) -> Option<usize> {
        self.pkg_index.get(&pkg).copied()
    }
    /// What a package's link names begin with.
    pub(crate) fn link_prefix(&self, pkg: PkgId) -> Symbol {
        match self.pkg_index.get(&pkg) {
            Some(&i) => self.pkgs[i].prefix,
            None => {
                let path = self.store.package(pkg).path;
                Symbol::intern(&mir::symbol_prefix(path.as_str()))
            }
        }
    }
    /// The path of a package: that of its import, `main` for the program.
    pub(crate) fn link_path(&self, pkg: PkgId) -> Symbol {
        match self.pkg_index.get(&pkg) {
            Some(&i) => self.pkgs[i].link_path,
            None => self.store.package(pkg).path,
        }
    }

    // ---- functions

    /// Adds a function whose body comes later.
    pub(crate) fn declare(
        &mut self,
        name: Symbol,
        display: Symbol,
        pos: Pos,
        params: Box<[Ty]>,
        results: Box<[Ty]>,
        flags: FuncFlags,
    ) -> FuncId {
        self.p.funcs.push(Function {
            name,
            display,
            pos,
            params,
            results,
            flags,
            body: None,
        })
    }
    /// Queues the making of a body.
    pub(crate) fn later(&mut self, func: FuncId, work: impl FnOnce(&mut Cx<'a>, FuncId) + 'a) {
        self.work.push((func, Box::new(work)));
    }
    /// Sets a finished body.
    pub(crate) fn set_body(&mut self, func: FuncId, body: Body) {
        self.p.funcs[func].body = Some(body);
        #[cfg(debug_assertions)]
        self.check_function(func);
    }
    #[cfg(debug_assertions)]
    fn check_function(&self, func: FuncId) {
        // Layouts of every type are known once its declaration is converted, so checking needs no later state.
        if let Err(errors) = mir::verify::verify(&self.p, &self.p.funcs[func]) {
            panic!(
                "invalid MIR:\n{}\n{}",
                errors.join("\n"),
                mir::print::print_function(&self.p, &self.p.funcs[func])
            );
        }
    }

    /// A function defined outside Go code.
    pub(crate) fn extern_func(
        &mut self,
        name: Symbol,
        pos: Pos,
        params: Box<[Ty]>,
        results: Box<[Ty]>,
    ) -> FuncId {
        if let Some(&f) = self.externs.get(&name) {
            return f;
        }
        let flags = FuncFlags {
            leaf: intrinsics::is_leaf(name.as_str()),
            no_return: intrinsics::never_returns(name.as_str()),
            runtime: name.as_str().starts_with("runtime."),
            ..FuncFlags::default()
        };
        let f = self.declare(name, name, pos, params, results, flags);
        self.externs.insert(name, f);
        // The runtime defines those that depend on the frame.
        if intrinsics::known(name.as_str()).is_some()
            && !name.as_str().starts_with("internal/runtime/sys.Get")
        {
            self.later(f, intrinsics::intrinsic_body);
        }
        f
    }

    /// A function of package runtime. Missing ones are reported once and become external.
    pub(crate) fn rt(&mut self, name: &'static str) -> FuncId {
        if let Some(&f) = self.runtime.get(name) {
            return f;
        }
        let link = Symbol::intern(&format!("runtime.{name}"));
        let local = self
            .pkgs
            .iter()
            .find(|p| p.link_path.as_str() == "runtime")
            .and_then(|p| self.store.scope_lookup(p.typed.scope, Symbol::intern(name)));
        let obj = self.definition(link).or(local);
        let f = match obj {
            Some(obj) if matches!(self.store.obj(obj).kind, ObjKind::Func(_)) => {
                self.func_instance(obj, &[])
            }
            _ => {
                self.errors.push(Diagnostic::error(
                    "MissingRuntime",
                    Pos::NONE,
                    format!("package runtime lacks func {name}, which compiled code calls"),
                ));
                self.extern_func(link, Pos::NONE, Box::default(), Box::default())
            }
        };
        self.runtime.insert(name, f);
        // Escape analysis replaces calls of the first by calls of the second.
        for (with_heap, with_buffer, _) in abi::symbols::BUFFERED {
            if *with_heap == link.as_str() {
                self.rt(with_buffer.strip_prefix("runtime.").unwrap_or(with_buffer));
            }
        }
        f
    }

    /// Type arguments of a function or method: those of the receiver first, then its own.
    pub(crate) fn func_env(&mut self, obj: ObjId, targs: &[Ty]) -> Rc<Env> {
        if targs.is_empty() {
            return self.empty_env.clone();
        }
        let store = self.store;
        let Some(sig) = store.signature(store.obj_type(obj)) else {
            return self.empty_env.clone();
        };
        let map: FxHashMap<_, _> = sig
            .recv_tparams
            .iter()
            .chain(sig.tparams.iter())
            .copied()
            .zip(targs.iter().copied())
            .collect();
        self.new_env(map, targs.into())
    }

    /// The function that a declared function or method is, for these type arguments.
    pub(crate) fn func_instance(&mut self, obj: ObjId, targs: &[Ty]) -> FuncId {
        let obj = self.origin_func(obj);
        let key = (obj, Box::<[Ty]>::from(targs));
        if let Some(&f) = self.instances.get(&key) {
            return f;
        }
        let f = self.make_instance(obj, targs);
        self.instances.insert(key, f);
        f
    }

    fn make_instance(&mut self, obj: ObjId, targs: &[Ty]) -> FuncId {
        let store = self.store;
        let object = store.obj(obj);
        let decl = self.symbols.decls.get(&obj).copied();
        let is_method = store
            .signature(store.obj_type(obj))
            .is_some_and(|s| s.recv.is_some());
        if targs.is_empty() && decl.is_none_or(|d| d.body.is_none()) {
            let link = self.link_name(obj);
            if let Some(def) = self.definition(link).filter(|&d| d != obj) {
                return self.func_instance(def, &[]);
            }
            let (params, results) = self.signature_types(obj, targs);
            let f = self.extern_func(link, object.pos, params, results);
            self.p.funcs[f].flags.noescape |= decl.is_some_and(|d| d.noescape);
            return f;
        }
        if self.too_deep(targs) {
            self.infinite_instantiation(object.pos, object.name);
        }
        let (params, results) = self.signature_types(obj, targs);
        let path = object
            .pkg
            .map(|p| self.link_prefix(p))
            .unwrap_or(object.name);
        let (name, display) = if is_method {
            self.method_names(obj, path, targs)
        } else if let (true, true) = (targs.is_empty(), self.has_linkname(obj)) {
            let n = self.link_name(obj);
            (n.as_str().to_string(), n.as_str().to_string())
        } else if targs.is_empty() {
            let name = format!("{path}.{}", object.name);
            let shown = match path.as_str() {
                "runtime" => name.strip_suffix("_shown").unwrap_or(&name),
                _ => &name,
            };
            let shown = shown.to_owned();
            (name, shown)
        } else {
            let args = self.targ_list(targs);
            (
                format!("{path}.{}[{args}]", object.name),
                format!("{path}.{}[...]", object.name),
            )
        };
        let flags = FuncFlags {
            noinline: decl.is_some_and(|d| d.noinline),
            nosplit: decl.is_some_and(|d| d.nosplit),
            runtime: path.as_str() == "runtime",
            no_return: intrinsics::never_returns(&name),
            wrapper: passes_calls_on(&name),
            ..FuncFlags::default()
        };
        let f = self.declare(
            Symbol::intern(&name),
            Symbol::intern(&display),
            object.pos,
            params,
            results,
            flags,
        );
        let env = self.func_env(obj, targs);
        if let Some(decl) = decl {
            if self.errors.len() < 20 {
                self.later(f, move |cx, f| cx.lower_declared(f, decl, env));
            }
        }
        f
    }

    pub(crate) fn targ_list(&self, targs: &[Ty]) -> String {
        targs
            .iter()
            .map(|&t| self.p.types.link_string(t))
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Link name and display name of a method: `pkg.(*T[int]).M`, `pkg.(*T[...]).M`.
    fn method_names(&self, obj: ObjId, path: Symbol, targs: &[Ty]) -> (String, String) {
        let store = self.store;
        let object = store.obj(obj);
        let sig = store.signature(store.obj_type(obj)).expect("a method");
        let recv = store.unalias(store.obj_type(sig.recv.expect("a method")));
        let (pointer, base) = match store.ty(recv) {
            types::Type::Pointer(elem) => (true, store.unalias(*elem)),
            _ => (false, recv),
        };
        let base_name = store
            .named(base)
            .map_or(Symbol::intern("?"), |n| store.obj(n.obj).name);
        let recv_count = sig.recv_tparams.len().min(targs.len());
        let (recv_args, own_args) = targs.split_at(recv_count);
        let form = |args: &str, own: &str| {
            if pointer {
                format!("{path}.(*{base_name}{args}).{}{own}", object.name)
            } else {
                format!("{path}.{base_name}{args}.{}{own}", object.name)
            }
        };
        let bracket = |list: &[Ty]| {
            if list.is_empty() {
                String::new()
            } else {
                format!("[{}]", self.targ_list(list))
            }
        };
        let dots = |list: &[Ty]| if list.is_empty() { "" } else { "[...]" };
        (
            form(&bracket(recv_args), &bracket(own_args)),
            form(dots(recv_args), dots(own_args)),
        )
    }

    /// Parameter types (receiver first) and result types.
    pub(crate) fn signature_types(&mut self, obj: ObjId, targs: &[Ty]) -> (Box<[Ty]>, Box<[Ty]>) {
        let store = self.store;
        let env = self.func_env(obj, targs);
        let sig = store
            .signature(store.obj_type(obj))
            .expect("a function has a signature");
        let (func, _) = self.func_ty(&env, sig);
        match sig.recv {
            None => (func.params, func.results),
            Some(recv) => {
                let recv = self.ty(&env, store.obj_type(recv));
                let params = std::iter::once(recv)
                    .chain(func.params.iter().copied())
                    .collect();
                (params, func.results)
            }
        }
    }

    pub(crate) fn infinite_instantiation(&mut self, pos: Pos, name: Symbol) {
        if !std::mem::replace(&mut self.reported_deep, true) {
            self.errors.push(Diagnostic::error(
                "InvalidInstanceCycle",
                pos,
                format!("instantiation of {name} does not end: type arguments nest without bound"),
            ));
        }
    }

    // ---- data

    /// The variable's storage.
    pub(crate) fn global(&mut self, obj: ObjId) -> GlobalId {
        let name = self.link_name(obj);
        if let Some(&g) = self.globals.get(&name) {
            return g;
        }
        let owner = self.symbols.var_defs.get(&name).copied().unwrap_or(obj);
        let store = self.store;
        let env = self.empty_env.clone();
        let ty = self.ty(&env, store.obj_type(owner));
        // A pulled name without a definition in Go belongs to the runtime; what gc's linker would fill (`go:fipsinfo`) is zero here.
        let foreign = self.has_linkname(obj)
            && !name.as_str().starts_with("go:")
            && !self.symbols.var_defs.contains_key(&name)
            && !self.declares_var(name);
        let g = self.p.globals.push(Global {
            name,
            ty,
            init: None,
            external: foreign,
            pos: store.obj(owner).pos,
        });
        self.globals.insert(name, g);
        if let Some(init) = self.lazy_inits.remove(&name) {
            self.lazy_work.push((g, init));
        }
        g
    }
    fn declares_var(&self, name: Symbol) -> bool {
        let text = name.as_str();
        let Some(dot) = text
            .rfind('/')
            .map_or_else(|| text.find('.'), |s| text[s..].find('.').map(|d| s + d))
        else {
            return false;
        };
        let (path, local) = (&text[..dot], &text[dot + 1..]);
        self.pkgs
            .iter()
            .find(|p| p.prefix.as_str() == path)
            .is_some_and(|p| {
                self.store
                    .scope_lookup(p.typed.scope, Symbol::intern(local))
                    .is_some()
            })
    }

    /// Read-only bytes, shared between equal contents.
    pub(crate) fn rodata(&mut self, init: Init, align: u64) -> DataId {
        let key = (init, align);
        if let Some(&d) = self.data.get(&key) {
            return d;
        }
        let d = self.p.data.push(StaticData {
            init: key.0.clone(),
            align,
            readonly: true,
            ty: None,
        });
        self.data.insert(key, d);
        d
    }
    /// Bytes of a string constant.
    pub(crate) fn string_data(&mut self, bytes: &[u8]) -> DataId {
        self.rodata(
            Init {
                bytes: bytes.to_vec(),
                relocs: Vec::new(),
            },
            1,
        )
    }
    /// Writable data with a type.
    pub(crate) fn new_data(&mut self, ty: Ty, init: Init) -> DataId {
        let align = self.p.types.layout(ty).align.max(1);
        self.p.data.push(StaticData {
            init,
            align,
            readonly: false,
            ty: Some(ty),
        })
    }

    /// The itab of a concrete type for an interface with methods. Types in it get descriptors.
    pub(crate) fn itab(&mut self, iface: Ty, concrete: Ty) -> ItabId {
        let iface = self.p.types.underlying(iface);
        if let Some(&i) = self.itabs.get(&(iface, concrete)) {
            return i;
        }
        let count = match self.p.types.kind(iface) {
            TyKind::Interface(m) => m.len(),
            _ => 0,
        };
        self.need_desc(iface);
        self.need_desc(concrete);
        let i = self.p.itabs.push(Itab {
            iface,
            concrete,
            methods: vec![None; count],
        });
        self.itabs.insert((iface, concrete), i);
        i
    }
    /// Whether any value of this type was turned into this interface, statically.
    pub(crate) fn func_name(&self, func: FuncId) -> (Symbol, Symbol) {
        let f = &self.p.funcs[func];
        (f.name, f.display)
    }
    /// Number of functions so far.
    #[allow(dead_code)]
    pub(crate) fn func_count(&self) -> usize {
        self.p.funcs.next_id().index()
    }
}

/// Functions of the runtime and of reflect that stand between a function and who called it, as generated wrappers do: stacks do not
/// show them and `recover` looks through them. gc calls most deferred functions from their frame itself, and arranges the
/// arguments of reflect's calls in assembly.
fn passes_calls_on(name: &str) -> bool {
    matches!(
        name,
        "runtime.deferreturn"
            | "runtime.callFunc"
            | "runtime.callWithArea"
            | "runtime.callWithOverflow"
            | "runtime.callPlaced"
            | "runtime.callDiscarding"
            | "runtime.runFinalizer"
            | "reflect.callReflect"
            | "reflect.callMethod"
    )
}
