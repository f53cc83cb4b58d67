//! Expressions whose value is known before the program runs become data instead of code.
//!
//! Two uses: package-level initialisers, which run once, so that literals behind pointers and slices may be data too
//! (`fresh`); and constant parts of literals in functions, which are copied.

use std::rc::Rc;

use mir::{DataId, Init, Reloc, StaticData, Ty, TyKind, TypeTable};
use syntax::ast::{ExprId, ExprKind, UnaryOp};
use types::{Builtin, Mode, ObjKind, SelectionKind, TypedFile, VarKind};

use crate::analysis::Analysis;
use crate::consts::{default_type, put_reloc};
use crate::cx::Cx;
use crate::tyconv::Env;

/// Context of a static expression.
pub(crate) struct StaticCx<'a> {
    pub file: &'a TypedFile,
    pub env: Rc<Env>,
    pub pkg: usize,
    /// Whether the expression is evaluated once, so that addressable data may be made for it.
    pub fresh: bool,
    /// For function literals in package-level initialisers.
    pub analysis: Option<Rc<Analysis>>,
    /// If set, parts that are not static are collected here instead of failing.
    pub dynamic: Option<Vec<Dynamic>>,
}

/// A part of a static literal that code must fill in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dynamic {
    /// Data that holds it; `None` = the variable itself.
    pub base: Option<DataId>,
    pub at: u64,
    pub expr: ExprId,
    pub ty: Ty,
}

impl<'a> StaticCx<'a> {
    pub(crate) fn by_value(file: &'a TypedFile, env: Rc<Env>, pkg: usize) -> Self {
        StaticCx {
            file,
            env,
            pkg,
            fresh: false,
            analysis: None,
            dynamic: None,
        }
    }
    fn kind(&self, e: ExprId) -> &'a ExprKind {
        &self.file.ast.exprs[e].kind
    }
    fn mode(&self, e: ExprId) -> Mode {
        self.file.exprs[e].mode
    }
}

impl<'a> Cx<'a> {
    fn static_ty(&mut self, s: &StaticCx<'a>, e: ExprId) -> Ty {
        match s.file.exprs[e].ty {
            Some(ty) => self.ty(&s.env, ty),
            None => TypeTable::INT,
        }
    }

    /// Whether [`write_static`](Self::write_static) would succeed without dynamic parts.
    pub(crate) fn is_static(&mut self, s: &StaticCx<'a>, e: ExprId, ty: Ty) -> bool {
        let e = s.file.ast.unparen(e);
        if s.mode(e) == Mode::Nil {
            return true;
        }
        if s.mode(e) == Mode::Constant {
            return s.file.exprs[e].value.is_some();
        }
        let from = self.static_ty(s, e);
        if self.p.types.is_interface(ty) {
            return s.fresh && !self.p.types.is_interface(from) && self.is_static(s, e, from);
        }
        match s.kind(e) {
            ExprKind::Name(_) | ExprKind::Selector { .. } | ExprKind::Index { .. } => {
                self.static_func(s, e, true).is_some()
            }
            ExprKind::FuncLit { .. } => {
                s.fresh && s.analysis.as_ref().is_some_and(|a| no_captures(a, e))
            }
            ExprKind::CompositeLit { .. } => self.is_static_literal(s, e, from),
            ExprKind::Unary {
                op: UnaryOp::Addr,
                x,
            } => {
                let x = s.file.ast.unparen(*x);
                if matches!(s.kind(x), ExprKind::CompositeLit { .. }) {
                    let t = self.static_ty(s, x);
                    return s.fresh && self.is_static(s, x, t);
                }
                self.static_addr(s, x, true).is_some()
            }
            ExprKind::Call { fun, args, .. } => match s.mode(*fun) {
                Mode::TypeExpr => {
                    let arg = args[0];
                    let at = self.static_ty(s, arg);
                    if self.p.types.is_interface(from) || self.p.types.is_interface(at) {
                        return false;
                    }
                    if s.fresh && self.is_bytes_of_constant(s, from, arg) {
                        return true;
                    }
                    s.mode(arg) == Mode::Nil
                        || same_shape(self, at, from) && self.is_static(s, arg, at)
                }
                Mode::Builtin(Builtin::New) => s.fresh && s.mode(args[0]) == Mode::TypeExpr,
                _ => false,
            },
            _ => false,
        }
    }

    fn is_bytes_of_constant(&mut self, s: &StaticCx<'a>, to: Ty, arg: ExprId) -> bool {
        let bytes = matches!(self.p.types.under(to), TyKind::Slice(elem) if self.p.types.underlying(*elem) == TypeTable::UINT8);
        bytes
            && s.mode(arg) == Mode::Constant
            && s.file.value(arg).is_some_and(|c| c.text_len().is_some())
    }

    fn is_static_literal(&mut self, s: &StaticCx<'a>, e: ExprId, ty: Ty) -> bool {
        match self.p.types.under(ty).clone() {
            TyKind::Struct(_) => self
                .struct_literal(s.file, e, ty)
                .into_iter()
                .all(|elem| self.is_static(s, elem.value, elem.ty)),
            TyKind::Array(elem, _) => self
                .indexed_literal(s.file, e)
                .0
                .into_iter()
                .all(|(_, x)| self.is_static(s, x, elem)),
            TyKind::Slice(elem) => {
                s.fresh
                    && self
                        .indexed_literal(s.file, e)
                        .0
                        .into_iter()
                        .all(|(_, x)| self.is_static(s, x, elem))
            }
            TyKind::Pointer(elem) => s.fresh && self.is_static_literal(s, e, elem),
            _ => false,
        }
    }

    /// Writes the value of `e`, converted to `ty`, at offset `at`. `base` is the data that `init` belongs to, for
    /// dynamic parts. False if it is not static; then nothing useful was written.
    pub(crate) fn write_static(
        &mut self,
        s: &mut StaticCx<'a>,
        e: ExprId,
        ty: Ty,
        init: &mut Init,
        at: u64,
        base: Option<DataId>,
    ) -> bool {
        let e = s.file.ast.unparen(e);
        if s.mode(e) == Mode::Nil {
            return true;
        }
        let from = self.static_ty(s, e);
        if s.mode(e) == Mode::Constant {
            let Some(c) = s.file.value(e) else {
                return false;
            };
            if self.p.types.is_interface(ty) {
                let from = if self.p.types.is_interface(from) {
                    default_type(c)
                } else {
                    from
                };
                let (data, offset) = self.const_box(c, from);
                self.put_iface(init, at, from, ty, Reloc::Data(data, offset));
            } else {
                self.write_const(c, ty, init, at);
            }
            return true;
        }
        if self.p.types.is_interface(ty) {
            return self.write_static_iface(s, e, from, ty, init, at);
        }
        match s.kind(e) {
            ExprKind::Name(_) | ExprKind::Selector { .. } | ExprKind::Index { .. } => {
                match self.static_func(s, e, false) {
                    Some(f) => {
                        put_reloc(init, at, Reloc::FuncVal(f));
                        true
                    }
                    None => false,
                }
            }
            ExprKind::FuncLit { .. } => {
                let Some(analysis) = s.analysis.clone().filter(|a| s.fresh && no_captures(a, e))
                else {
                    return false;
                };
                let f = self.package_closure(s.file, s.pkg, s.env.clone(), analysis, e);
                put_reloc(init, at, Reloc::FuncVal(f));
                true
            }
            ExprKind::CompositeLit { .. } => self.write_literal(s, e, from, init, at, base),
            ExprKind::Unary {
                op: UnaryOp::Addr,
                x,
            } => {
                let x = s.file.ast.unparen(*x);
                if matches!(s.kind(x), ExprKind::CompositeLit { .. }) {
                    let t = self.static_ty(s, x);
                    return s.fresh && self.write_pointer(s, x, t, init, at);
                }
                match self.static_addr(s, x, false) {
                    Some(reloc) => {
                        put_reloc(init, at, reloc);
                        true
                    }
                    None => false,
                }
            }
            ExprKind::Call { fun, args, .. } => match s.mode(*fun) {
                Mode::TypeExpr => {
                    let arg = args[0];
                    if s.fresh && self.is_bytes_of_constant(s, from, arg) {
                        let bytes = s
                            .file
                            .value(arg)
                            .and_then(|c| c.to_bytes().cloned())
                            .unwrap_or_default();
                        let arr = self.p.types.array(TypeTable::UINT8, bytes.len() as u64);
                        let n = bytes.len() as u64;
                        let data = self.new_data(
                            arr,
                            Init {
                                bytes: bytes.to_vec(),
                                relocs: Vec::new(),
                            },
                        );
                        put_slice(init, at, data, n);
                        return true;
                    }
                    let t = self.static_ty(s, arg);
                    if self.p.types.is_interface(from)
                        || !(s.mode(arg) == Mode::Nil || same_shape(self, t, from))
                    {
                        return false;
                    }
                    self.write_static(s, arg, t, init, at, base)
                }
                Mode::Builtin(Builtin::New) if s.fresh && s.mode(args[0]) == Mode::TypeExpr => {
                    let t = self.static_ty(s, args[0]);
                    let size = self.p.types.layout(t).size;
                    let data = self.new_data(
                        t,
                        Init {
                            bytes: vec![0; size as usize],
                            relocs: Vec::new(),
                        },
                    );
                    put_reloc(init, at, Reloc::Data(data, 0));
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// An element of a literal: static, or noted as dynamic if that is allowed.
    fn write_elem(
        &mut self,
        s: &mut StaticCx<'a>,
        e: ExprId,
        ty: Ty,
        init: &mut Init,
        at: u64,
        base: Option<DataId>,
    ) -> bool {
        // Literals of structs and arrays are split further; for the rest it is all or nothing.
        let inner = s.file.ast.unparen(e);
        let splits = matches!(s.kind(inner), ExprKind::CompositeLit { .. })
            && !self.p.types.is_interface(ty)
            && matches!(
                self.p.types.under(ty),
                TyKind::Struct(_) | TyKind::Array(..)
            );
        if s.dynamic.is_none() || splits || self.is_static(s, e, ty) {
            return self.write_static(s, e, ty, init, at, base);
        }
        if let Some(dynamic) = &mut s.dynamic {
            dynamic.push(Dynamic {
                base,
                at,
                expr: e,
                ty,
            });
        }
        true
    }

    fn write_literal(
        &mut self,
        s: &mut StaticCx<'a>,
        e: ExprId,
        ty: Ty,
        init: &mut Init,
        at: u64,
        base: Option<DataId>,
    ) -> bool {
        match self.p.types.under(ty).clone() {
            TyKind::Struct(_) => {
                for elem in self.struct_literal(s.file, e, ty) {
                    // Blank fields stay zero.
                    if elem.blank && self.is_static(s, elem.value, elem.ty) {
                        continue;
                    }
                    if !self.write_elem(s, elem.value, elem.ty, init, at + elem.offset, base) {
                        return false;
                    }
                }
                true
            }
            TyKind::Array(elem, _) => {
                let size = self.p.types.layout(elem).size;
                for (i, x) in self.indexed_literal(s.file, e).0 {
                    if !self.write_elem(s, x, elem, init, at + i * size, base) {
                        return false;
                    }
                }
                true
            }
            TyKind::Slice(elem) if s.fresh => {
                let (elems, n) = self.indexed_literal(s.file, e);
                let arr = self.p.types.array(elem, n);
                let size = self.p.types.layout(elem).size;
                let mut content = Init {
                    bytes: vec![0; (size * n).max(1) as usize],
                    relocs: Vec::new(),
                };
                let data = self.reserve_data(arr);
                for (i, x) in elems {
                    if !self.write_elem(s, x, elem, &mut content, i * size, Some(data)) {
                        return false;
                    }
                }
                self.p.data[data].init = content;
                put_slice(init, at, data, n);
                true
            }
            TyKind::Pointer(elem) if s.fresh => self.write_pointer(s, e, elem, init, at),
            _ => false,
        }
    }

    /// `&T{...}`
    fn write_pointer(
        &mut self,
        s: &mut StaticCx<'a>,
        literal: ExprId,
        ty: Ty,
        init: &mut Init,
        at: u64,
    ) -> bool {
        let size = self.p.types.layout(ty).size;
        let data = self.reserve_data(ty);
        let mut content = Init {
            bytes: vec![0; size.max(1) as usize],
            relocs: Vec::new(),
        };
        if !self.write_literal(s, literal, ty, &mut content, 0, Some(data)) {
            return false;
        }
        self.p.data[data].init = content;
        put_reloc(init, at, Reloc::Data(data, 0));
        true
    }

    fn reserve_data(&mut self, ty: Ty) -> DataId {
        let layout = self.p.types.layout(ty);
        self.p.data.push(StaticData {
            init: Init::default(),
            align: layout.align.max(1),
            readonly: false,
            ty: Some(ty),
        })
    }

    fn write_static_iface(
        &mut self,
        s: &mut StaticCx<'a>,
        e: ExprId,
        from: Ty,
        ty: Ty,
        init: &mut Init,
        at: u64,
    ) -> bool {
        if !s.fresh || self.p.types.is_interface(from) || !self.is_static(s, e, from) {
            return false;
        }
        let layout = self.p.types.layout(from);
        let mut content = Init {
            bytes: vec![0; layout.size.max(8) as usize],
            relocs: Vec::new(),
        };
        if !self.write_static(s, e, from, &mut content, 0, None) {
            return false;
        }
        if self.p.types.is_direct_iface(from) {
            match content.relocs.first() {
                Some(&(_, reloc)) => self.put_iface(init, at, from, ty, reloc),
                None => self.put_iface_word(init, at, from, ty),
            }
            return true;
        }
        // The boxed value may point to heap objects stored into data behind it later, so it is a root like any other.
        let data = if content.relocs.is_empty() {
            self.rodata(content, layout.align.max(8))
        } else {
            self.new_data(from, content)
        };
        self.put_iface(init, at, from, ty, Reloc::Data(data, 0));
        true
    }

    fn put_iface_word(&mut self, init: &mut Init, at: u64, concrete: Ty, iface: Ty) {
        self.mark_in_iface(concrete);
        if self.p.types.is_empty_interface(iface) {
            self.need_desc(concrete);
            put_reloc(init, at, Reloc::TypeDesc(concrete));
        } else {
            let itab = self.itab(iface, concrete);
            put_reloc(init, at, Reloc::Itab(itab));
        }
    }
    fn put_iface(&mut self, init: &mut Init, at: u64, concrete: Ty, iface: Ty, data: Reloc) {
        self.put_iface_word(init, at, concrete, iface);
        put_reloc(init, at + 8, data);
    }

    /// The declared function that an expression names. With `probe` the function is not asked for yet.
    fn static_func(&mut self, s: &StaticCx<'a>, e: ExprId, probe: bool) -> Option<mir::FuncId> {
        let name = match s.kind(e) {
            ExprKind::Name(name) => *name,
            ExprKind::Selector { sel, .. } if !s.file.selections.contains_key(&e) => *sel,
            ExprKind::Index { x, .. } => match s.kind(s.file.ast.unparen(*x)) {
                ExprKind::Name(name) => *name,
                ExprKind::Selector { sel, .. }
                    if !s.file.selections.contains_key(&s.file.ast.unparen(*x)) =>
                {
                    *sel
                }
                _ => return None,
            },
            _ => return None,
        };
        let obj = s.file.names[name]?;
        if !matches!(self.store.obj(obj).kind, ObjKind::Func(_)) {
            return None;
        }
        if probe {
            return Some(mir::FuncId(0));
        }
        let targs: Vec<Ty> = match s.file.instances.get(&name) {
            Some(i) => i.targs.iter().map(|&t| self.ty(&s.env, t)).collect(),
            None => Vec::new(),
        };
        Some(self.func_instance(obj, &targs))
    }

    /// Address of a package-level variable or a part of one.
    fn static_addr(&mut self, s: &StaticCx<'a>, e: ExprId, probe: bool) -> Option<Reloc> {
        let e = s.file.ast.unparen(e);
        let named = match s.kind(e) {
            ExprKind::Name(name) => s.file.names[*name],
            ExprKind::Selector { sel, .. } if !s.file.selections.contains_key(&e) => {
                s.file.names[*sel]
            }
            _ => None,
        };
        if let Some(obj) = named {
            if !matches!(self.store.obj(obj).kind, ObjKind::Var(VarKind::Package)) {
                return None;
            }
            if probe {
                return Some(Reloc::Global(mir::GlobalId(0), 0));
            }
            return Some(Reloc::Global(self.global(obj), 0));
        }
        let plus = |reloc: Reloc, n: u64| match reloc {
            Reloc::Global(g, at) => Reloc::Global(g, at + n as i64),
            other => other,
        };
        match s.kind(e) {
            ExprKind::Selector { x, .. } => {
                let sel = s.file.selections.get(&e)?;
                if sel.kind != SelectionKind::Field || sel.indirect {
                    return None;
                }
                let mut at = self.static_ty(s, *x);
                if matches!(self.p.types.under(at), TyKind::Pointer(_)) {
                    return None;
                }
                let mut offset = 0;
                for &i in sel.index.iter() {
                    offset += self.offsets(at)[i as usize];
                    at = self.field_ty(at, i as usize);
                }
                Some(plus(self.static_addr(s, *x, probe)?, offset))
            }
            ExprKind::Index { x, indices } => {
                let at = self.static_ty(s, *x);
                let TyKind::Array(elem, n) = *self.p.types.under(at) else {
                    return None;
                };
                let i = s.file.value(indices[0])?.to_u64()?;
                if i >= n {
                    return None;
                }
                let size = self.p.types.layout(elem).size;
                Some(plus(self.static_addr(s, *x, probe)?, i * size))
            }
            _ => None,
        }
    }
}

fn no_captures(analysis: &Analysis, lit: ExprId) -> bool {
    analysis
        .lits
        .get(&lit)
        .is_some_and(|&n| analysis.nodes[n as usize].captures.is_empty())
}

/// Whether a conversion between the types changes nothing in memory.
fn same_shape(cx: &Cx<'_>, from: Ty, to: Ty) -> bool {
    let (a, b) = (cx.p.types.under(from), cx.p.types.under(to));
    match (a, b) {
        (
            TyKind::Pointer(_) | TyKind::UnsafePointer,
            TyKind::Pointer(_) | TyKind::UnsafePointer,
        ) => true,
        (TyKind::Slice(_), TyKind::Slice(_))
        | (TyKind::Struct(_), TyKind::Struct(_))
        | (TyKind::Array(..), TyKind::Array(..))
        | (TyKind::Func(_), TyKind::Func(_)) => true,
        _ => a == b,
    }
}

/// Writes a slice header over all of `data`.
fn put_slice(init: &mut Init, at: u64, data: DataId, n: u64) {
    put_reloc(init, at, Reloc::Data(data, 0));
    let at = at as usize;
    init.bytes[at + 8..at + 16].copy_from_slice(&n.to_le_bytes());
    init.bytes[at + 16..at + 24].copy_from_slice(&n.to_le_bytes());
}
