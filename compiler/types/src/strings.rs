//! Types as gc writes them in messages (for expressions see [`syntax::print`]).

use source::Pos;
use syntax::ast::ChanDir;

use crate::constant;
use crate::model::*;

/// Decides how a package is named before its members: `None` for not at all.
pub type Qualifier<'q> = &'q dyn Fn(PkgId) -> Option<String>;

/// Writes types.
pub struct TypeWriter<'s> {
    store: &'s Store,
    qualifier: Qualifier<'s>,
    /// Whether parameter names are written.
    pub param_names: bool,
    /// Says where a type parameter is declared that has the name of a predeclared type.
    pub positions: Option<&'s dyn Fn(Pos) -> Option<String>>,
    /// What has been written.
    pub out: String,
    depth: u32,
}

impl Store {
    /// The type as gc prints it.
    pub fn type_string(&self, ty: TypeId, qualifier: Qualifier<'_>) -> String {
        let mut writer = TypeWriter::new(self, qualifier);
        writer.ty(ty);
        writer.out
    }
}

impl<'s> TypeWriter<'s> {
    /// An empty writer.
    pub fn new(store: &'s Store, qualifier: Qualifier<'s>) -> TypeWriter<'s> {
        TypeWriter {
            store,
            qualifier,
            param_names: true,
            positions: None,
            out: String::new(),
            depth: 0,
        }
    }

    fn qualified(&mut self, obj: ObjId) {
        let object = self.store.obj(obj);
        if let Some(pkg) = object.pkg
            && let Some(prefix) = (self.qualifier)(pkg)
        {
            self.out.push_str(&prefix);
            self.out.push('.');
        }
        self.out.push_str(object.name.as_str());
    }

    fn list(&mut self, types: &[TypeId], separator: &str) {
        for (i, &ty) in types.iter().enumerate() {
            if i > 0 {
                self.out.push_str(separator);
            }
            self.ty(ty);
        }
    }

    /// Appends a type.
    pub fn ty(&mut self, ty: TypeId) {
        if self.depth > 2000 || self.out.len() > 1 << 20 {
            self.out.push_str("...");
            return;
        }
        self.depth += 1;
        stacker::maybe_grow(64 << 10, 1 << 20, || self.write(ty));
        self.depth -= 1;
    }

    fn write(&mut self, ty: TypeId) {
        let store = self.store;
        match store.ty(ty) {
            Type::Basic(BasicKind::UnsafePointer) => self.out.push_str("unsafe.Pointer"),
            Type::Basic(kind) => self.out.push_str(match ty {
                TypeId::BYTE => "byte",
                TypeId::RUNE => "rune",
                _ => kind.name(),
            }),
            Type::Named(Named {
                obj,
                targs,
                tparams,
                ..
            })
            | Type::Alias(Alias {
                obj,
                targs,
                tparams,
                ..
            }) => {
                self.qualified(*obj);
                if !targs.is_empty() {
                    self.out.push('[');
                    self.list(targs, ", ");
                    self.out.push(']');
                } else if let Some(tparams) = tparams.get()
                    && !tparams.is_empty()
                {
                    self.tparams(tparams);
                }
            }
            Type::Pointer(elem) => {
                self.out.push('*');
                self.ty(*elem);
            }
            Type::Slice(elem) => {
                self.out.push_str("[]");
                self.ty(*elem);
            }
            Type::Array { len, elem } => {
                self.out.push_str(&format!("[{len}]"));
                self.ty(*elem);
            }
            Type::Map { key, elem } => {
                self.out.push_str("map[");
                self.ty(*key);
                self.out.push(']');
                self.ty(*elem);
            }
            Type::Chan { dir, elem } => {
                self.out.push_str(match dir {
                    ChanDir::Both => "chan ",
                    ChanDir::Send => "chan<- ",
                    ChanDir::Recv => "<-chan ",
                });
                let parens = *dir != ChanDir::Send
                    && matches!(
                        store.ty(*elem),
                        Type::Chan {
                            dir: ChanDir::Recv,
                            ..
                        }
                    )
                    && *dir == ChanDir::Both;
                if parens {
                    self.out.push('(');
                }
                self.ty(*elem);
                if parens {
                    self.out.push(')');
                }
            }
            Type::Struct(structure) => {
                self.out.push_str("struct{");
                for (i, &field) in structure.fields.iter().enumerate() {
                    if i > 0 {
                        self.out.push_str("; ");
                    }
                    let object = store.obj(field);
                    if !matches!(object.kind, ObjKind::Var(VarKind::Embedded)) {
                        self.out.push_str(object.name.as_str());
                        self.out.push(' ');
                    }
                    self.ty(store.obj_type(field));
                    if let Some(tag) = structure.tags.get(i)
                        && !tag.is_empty()
                    {
                        self.out.push(' ');
                        self.out.push_str(&constant::quote(tag, usize::MAX / 8));
                    }
                }
                self.out.push('}');
            }
            Type::Tuple(types) => {
                self.out.push('(');
                self.list(types, ", ");
                self.out.push(')');
            }
            Type::Signature(signature) => {
                self.out.push_str("func");
                self.signature(signature);
            }
            Type::Interface(interface) => self.interface(ty, interface),
            Type::Union(terms) => self.terms(terms),
            Type::TypeParam(param) => {
                let object = store.obj(param.obj);
                self.out.push_str(object.name.as_str());
                if store.universe(object.name).is_some()
                    && let Some(at) = self.positions.and_then(|position| position(object.pos))
                {
                    let note = format!(" /* with {} declared at {at} */", object.name);
                    self.out.push_str(&note);
                }
            }
        }
    }

    /// Appends `A | ~B`.
    pub fn terms(&mut self, terms: &[UnionTerm]) {
        for (i, term) in terms.iter().enumerate() {
            if i > 0 {
                self.out.push_str(" | ");
            }
            if term.tilde {
                self.out.push('~');
            }
            self.ty(term.ty);
        }
    }

    fn interface(&mut self, ty: TypeId, interface: &Interface) {
        let store = self.store;
        if ty == TypeId::EMPTY_INTERFACE {
            self.out.push_str("any");
            return;
        }
        if interface.implicit && interface.methods.is_empty() && interface.embeds.len() == 1 {
            self.ty(interface.embeds[0]);
            return;
        }
        if interface.methods.is_empty()
            && interface.embeds.is_empty()
            && interface.type_set.get().is_some_and(|set| set.comparable)
        {
            self.out.push_str("interface{comparable}");
            return;
        }
        self.out.push_str("interface{");
        let mut first = true;
        for &method in &interface.methods {
            if !std::mem::take(&mut first) {
                self.out.push_str("; ");
            }
            self.out.push_str(store.obj(method).name.as_str());
            if let Type::Signature(signature) = store.ty(store.obj_type(method)) {
                self.signature(signature);
            }
        }
        for &embed in &interface.embeds {
            if !std::mem::take(&mut first) {
                self.out.push_str("; ");
            }
            self.ty(embed);
        }
        self.out.push('}');
    }

    /// Appends `[P any, Q C]`.
    pub fn tparams(&mut self, tparams: &[TypeId]) {
        self.out.push('[');
        let mut previous = None;
        for (i, &tparam) in tparams.iter().enumerate() {
            let bound = match self.store.ty(tparam) {
                Type::TypeParam(param) => param.bound.get().copied(),
                _ => None,
            };
            if i > 0 {
                if bound != previous {
                    if let Some(previous) = previous {
                        self.out.push(' ');
                        self.ty(previous);
                    }
                }
                self.out.push_str(", ");
            }
            previous = bound;
            self.ty(tparam);
        }
        if let Some(previous) = previous {
            self.out.push(' ');
            self.ty(previous);
        }
        self.out.push(']');
    }

    /// Appends a signature without `func`.
    pub fn signature(&mut self, signature: &Signature) {
        if !signature.tparams.is_empty() {
            self.tparams(&signature.tparams);
        }
        self.vars(&signature.params, signature.variadic);
        match *signature.results {
            [] => {}
            [result] if self.store.obj(result).name.as_str().is_empty() || !self.param_names => {
                self.out.push(' ');
                self.ty(self.store.obj_type(result));
            }
            _ => {
                self.out.push(' ');
                self.vars(&signature.results, false);
            }
        }
    }

    fn vars(&mut self, vars: &[ObjId], variadic: bool) {
        self.out.push('(');
        for (i, &var) in vars.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            let object = self.store.obj(var);
            if self.param_names && !object.name.as_str().is_empty() {
                self.out.push_str(object.name.as_str());
                self.out.push(' ');
            }
            let ty = self.store.obj_type(var);
            if variadic && i + 1 == vars.len() {
                match self.store.ty(ty) {
                    Type::Slice(elem) => {
                        self.out.push_str("...");
                        self.ty(*elem);
                    }
                    // append([]byte, string...)
                    _ => {
                        self.ty(ty);
                        self.out.push_str("...");
                    }
                }
            } else {
                self.ty(ty);
            }
        }
        self.out.push(')');
    }
}
