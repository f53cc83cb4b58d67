//! Methods under other receivers: promoted methods, pointer forms of value methods, entries for itabs.

use base::Symbol;
use mir::{Callee, FuncFlags, FuncId, Ty, TyKind, Value};
use smallvec::SmallVec;
use source::Pos;

use crate::call::Receiver;
use crate::cx::Cx;
use crate::func::FnCx;
use crate::lookup::{Found, FoundKind, MethodEntry};

impl<'a> Cx<'a> {
    /// The function that takes a receiver of type `recv` and does what the selector `recv.name` does.
    pub(crate) fn method_entry(
        &mut self,
        recv: Ty,
        name: Symbol,
        pkg: Option<Symbol>,
        found: &Found,
    ) -> FuncId {
        if let FoundKind::Method {
            recv: named,
            func,
            ptr_recv,
            ..
        } = found.kind
        {
            let pointer = self.p.types.kind(recv) == &TyKind::Pointer(named);
            if found.path.is_empty() && (ptr_recv && pointer || !ptr_recv && recv == named) {
                let targs = self
                    .named_info(named)
                    .map(|i| i.targs.to_vec())
                    .unwrap_or_default();
                return self.func_instance(func, &targs);
            }
        }
        let (link, display) = self.wrapper_names(recv, name, pkg);
        if let Some(&f) = self.made.get(&link) {
            return f;
        }
        let sig = match found.kind {
            FoundKind::Method { recv, func, .. } => self.method_sig(recv, func),
            FoundKind::Iface { iface, index } => self.iface_methods(iface)[index].2,
            FoundKind::Field(_) => unreachable!("a method"),
        };
        let TyKind::Func(sig) = self.p.types.kind(sig).clone() else {
            unreachable!("a signature")
        };
        let params: Box<[Ty]> = std::iter::once(recv)
            .chain(sig.params.iter().copied())
            .collect();
        let flags = FuncFlags {
            wrapper: true,
            ..FuncFlags::default()
        };
        let func = self.declare(link, display, Pos::NONE, params, sig.results, flags);
        self.made.insert(link, func);
        let found = found.clone();
        self.later(func, move |cx, func| {
            let mut f = FnCx::synthetic(cx, func);
            let params = f.synthetic_params();
            f.wrapper_body(recv, &found, &params);
        });
        func
    }

    fn wrapper_names(&self, recv: Ty, name: Symbol, pkg: Option<Symbol>) -> (Symbol, Symbol) {
        let types = &self.p.types;
        let form = |full: bool| {
            let (pointer, base) = match types.kind(recv) {
                TyKind::Pointer(elem) => (true, *elem),
                _ => (false, recv),
            };
            let own = match types.kind(base) {
                TyKind::Named(id) => {
                    let named = types.named(*id);
                    let mut text = named.name.clone();
                    if !full {
                        if let Some(open) = text.find('[') {
                            text.truncate(open);
                            text.push_str("[...]");
                        }
                    } else {
                        text.push_str(&named.local_suffix);
                    }
                    named
                        .pkg_path
                        .map(|p| (mir::symbol_prefix(p.as_str()).into_owned(), text.clone()))
                        .or(Some(("go".into(), text)))
                }
                _ => None,
            };
            let (path, base) = own.unwrap_or_else(|| ("go".to_string(), types.link_string(base)));
            // Two unexported methods of one name may come from different packages.
            let qualifier = match pkg {
                Some(p) if full && mir::symbol_prefix(p.as_str()) != path => {
                    format!("{}.", mir::symbol_prefix(p.as_str()))
                }
                _ => String::new(),
            };
            if pointer {
                format!("{path}.(*{base}).{qualifier}{name}")
            } else {
                format!("{path}.{base}.{qualifier}{name}")
            }
        };
        (Symbol::intern(&form(true)), Symbol::intern(&form(false)))
    }

    /// Entries for a method of a type in interfaces: with the data word, with the receiver itself.
    pub(crate) fn method_entries(&mut self, ty: Ty, m: &MethodEntry) -> (FuncId, FuncId) {
        let tfn = self.method_entry(ty, m.name, m.pkg, &m.found);
        if self.p.types.is_direct_iface(ty) {
            // The receiver is one pointer word, passed like the data word.
            return (tfn, tfn);
        }
        let pointer = self.p.types.pointer(ty);
        let ifn = self.method_entry(pointer, m.name, m.pkg, &m.found);
        (ifn, tfn)
    }
}

impl FnCx<'_, '_> {
    fn wrapper_body(mut self, recv: Ty, found: &Found, params: &[Value]) {
        let value = params[0];
        if let (
            FoundKind::Method {
                ptr_recv: false, ..
            },
            TyKind::Pointer(_),
            true,
        ) = (
            &found.kind,
            self.cx.p.types.kind(recv),
            found.path.is_empty(),
        ) {
            let nil = self.is_nil(value);
            self.panic_if(nil, |f| {
                f.rt("panicwrap", &[]);
            });
        }
        let cur = self.cur_of(value, recv);
        let (callee, first) = match self.receiver_from(cur, recv, found) {
            Receiver::Func {
                obj, named, value, ..
            } => {
                let targs = self
                    .cx
                    .named_info(named)
                    .map(|i| i.targs.to_vec())
                    .unwrap_or_default();
                (Callee::Func(self.cx.func_instance(obj, &targs)), value)
            }
            Receiver::Iface {
                value,
                iface,
                index,
            } => {
                let data = self.extract(value, 1);
                (Callee::Code(self.iface_method(value, iface, index)), data)
            }
        };
        let args: SmallVec<[Value; 8]> = std::iter::once(first)
            .chain(params[1..].iter().copied())
            .collect();
        self.tail(callee, &args);
    }
}
