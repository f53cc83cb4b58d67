//! Variables, addressable places, fields.

use base::Symbol;
use mir::{Barrier, BoundKind, Op, Slot, Ty, TyKind, TypeTable, Value};
use smallvec::SmallVec;
use source::Pos;
use syntax::ast::{ExprId, ExprKind, NameId};
use types::{ObjId, ObjKind, VarKind};

use crate::analysis::VarKey;
use crate::func::FnCx;
use crate::lookup::{Found, FoundKind};

/// Variables larger than this are captured by reference even if they never change.
const MAX_CAPTURE_BY_VALUE: u64 = 128;
/// Accesses below this offset from nil fault.
const NIL_PAGE: u64 = 4096;

/// Where a variable lives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum VarLoc {
    Ssa(mir::builder::Var),
    Slot(Slot),
    /// On the heap; the builder variable holds the address.
    Box(mir::builder::Var),
    /// On the heap; the slot holds the address (results of functions that defer).
    BoxSlot(Slot),
    /// A captured value that never changes (the address of it, for in-memory types).
    Value(Value),
    /// Memory at this address.
    Ref(Value),
}

/// Something that can be assigned. Index checks wait until the assignment.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Blank,
    Var(VarKey, Ty),
    /// Part of a variable held in SSA form.
    Part {
        key: VarKey,
        path: SmallVec<[PartStep; 4]>,
        ty: Ty,
    },
    Mem {
        addr: Value,
        ty: Ty,
    },
    Index {
        base: Value,
        index: Value,
        len: Value,
        unsigned: bool,
        ty: Ty,
        /// Of the bracket: where a failing check is reported.
        pos: Pos,
    },
    Map(crate::maps::MapPlace),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PartStep {
    pub component: u32,
    /// Type of the aggregate.
    pub of: Ty,
    /// For one-element arrays: the index to check.
    pub index: Option<(Value, bool, Pos)>,
}

/// A value or a place in memory while a selector path is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cur {
    Val(Value),
    Mem(Value),
}

impl FnCx<'_, '_> {
    // ---- variables

    /// Whether the variable must live on the heap as far as the lowering knows.
    pub(crate) fn is_boxed(&self, obj: ObjId, ty: Ty) -> bool {
        if self.size(ty) > crate::func::MAX_STACK_VAR {
            return true;
        }
        match self.analysis.vars.get(&obj) {
            Some(info) => info.addr_taken || info.captured && !self.by_value(obj, ty),
            None => false,
        }
    }
    /// Whether closures get a copy of the variable.
    pub(crate) fn by_value(&self, obj: ObjId, ty: Ty) -> bool {
        match self.analysis.vars.get(&obj) {
            Some(info) => {
                !info.assigned && !info.addr_taken && self.size(ty) <= MAX_CAPTURE_BY_VALUE
            }
            None => false,
        }
    }

    pub(crate) fn name_of(&self, obj: ObjId) -> Symbol {
        self.cx.store.obj(obj).name
    }

    /// Declares a variable with an initial value (`None` = zero).
    pub(crate) fn declare_var(&mut self, obj: ObjId, ty: Ty, init: Option<Value>) {
        let loc = if self.is_boxed(obj, ty) {
            let addr = self.heap(ty);
            if let Some(v) = init {
                self.store_with(addr, v, ty, Barrier::Auto);
            }
            let ptr = self.val_ty(addr);
            let var = self.b.new_var(ptr);
            self.b.def_var(var, addr);
            VarLoc::Box(var)
        } else if self.is_ssa(ty) {
            let var = self.b.new_var(ty);
            let v = match init {
                Some(v) => self.retype(v, ty),
                None => self.zero(ty),
            };
            self.b.def_var(var, v);
            VarLoc::Ssa(var)
        } else {
            let slot = self.b.new_slot(ty, self.name_of(obj));
            let addr = self.slot_addr(slot);
            match init {
                Some(v) => self.store_with(addr, v, ty, Barrier::No),
                None => self.b.emit(Op::ZeroMem {
                    dst: addr,
                    ty,
                    barrier: Barrier::No,
                }),
            }
            VarLoc::Slot(slot)
        };
        self.vars.insert(VarKey::Obj(obj), loc);
    }

    /// Declares a variable and evaluates its initial value, for in-memory types right into it.
    pub(crate) fn declare_from(&mut self, obj: ObjId, ty: Ty, init: ExprId) {
        if self.is_ssa(ty) {
            let v = self.expr_as(init, ty);
            self.declare_var(obj, ty, Some(v));
            return;
        }
        let (addr, loc) = if self.is_boxed(obj, ty) {
            let addr = self.heap(ty);
            let ptr = self.val_ty(addr);
            let var = self.b.new_var(ptr);
            self.b.def_var(var, addr);
            (addr, VarLoc::Box(var))
        } else {
            let slot = self.b.new_slot(ty, self.name_of(obj));
            (self.slot_addr(slot), VarLoc::Slot(slot))
        };
        let zeroed = matches!(loc, VarLoc::Box(_));
        self.expr_into(init, addr, ty, zeroed);
        self.vars.insert(VarKey::Obj(obj), loc);
    }

    pub(crate) fn declare_param(&mut self, obj: ObjId, ty: Ty, value: Value) {
        if !self.is_ssa(ty) && !self.is_boxed(obj, ty) {
            self.vars.insert(VarKey::Obj(obj), VarLoc::Ref(value));
            return;
        }
        self.declare_var(obj, ty, Some(value));
    }

    pub(crate) fn declare_result(&mut self, obj: ObjId, ty: Ty, in_memory: bool) {
        let key = VarKey::Obj(obj);
        if !in_memory {
            self.declare_var(obj, ty, None);
        } else if self.is_boxed(obj, ty) {
            let addr = self.heap(ty);
            let ptr = self.val_ty(addr);
            let slot = self.b.new_slot(ptr, self.name_of(obj));
            let at = self.slot_addr(slot);
            self.store_with(at, addr, ptr, Barrier::No);
            self.vars.insert(key, VarLoc::BoxSlot(slot));
        } else {
            let slot = self.b.new_slot(ty, self.name_of(obj));
            let addr = self.slot_addr(slot);
            self.b.emit(Op::ZeroMem {
                dst: addr,
                ty,
                barrier: Barrier::No,
            });
            self.vars.insert(key, VarLoc::Slot(slot));
        }
    }

    /// A variable shared with loop bodies by reference.
    pub(crate) fn declare_shared(&mut self, key: VarKey, ty: Ty) {
        let addr = self.heap(ty);
        let ptr = self.val_ty(addr);
        let var = self.b.new_var(ptr);
        self.b.def_var(var, addr);
        self.vars.insert(key, VarLoc::Box(var));
    }

    /// A new variable for the next iteration, with the value of the current one.
    pub(crate) fn renew(&mut self, obj: ObjId, ty: Ty) {
        if let Some(VarLoc::Box(var)) = self.vars.get(&VarKey::Obj(obj)).copied() {
            let old = self.b.use_var(var);
            let new = self.heap(ty);
            let v = self.load(old, ty);
            self.store_with(new, v, ty, Barrier::Auto);
            self.b.def_var(var, new);
        }
    }

    pub(crate) fn loc(&self, key: VarKey) -> Option<VarLoc> {
        self.vars.get(&key).copied()
    }

    /// Address of a variable that lives in memory.
    pub(crate) fn var_addr(&mut self, key: VarKey) -> Option<Value> {
        self.ensure_reachable();
        match self.loc(key)? {
            VarLoc::Ssa(_) | VarLoc::Value(_) => None,
            VarLoc::Slot(slot) => Some(self.slot_addr(slot)),
            VarLoc::Box(var) => Some(self.b.use_var(var)),
            VarLoc::BoxSlot(slot) => {
                let at = self.slot_addr(slot);
                let ptr = self.b.body.slots[slot].ty;
                Some(self.load(at, ptr))
            }
            VarLoc::Ref(addr) => Some(addr),
        }
    }

    pub(crate) fn read_var(&mut self, key: VarKey, ty: Ty) -> Value {
        self.ensure_reachable();
        match self.loc(key) {
            Some(VarLoc::Ssa(var)) => self.b.use_var(var),
            Some(VarLoc::Value(v)) => v,
            // Unreachable code may mention variables whose declaration was skipped.
            None => self.zero(ty),
            Some(_) => {
                let addr = self.var_addr(key).expect("in memory");
                self.load(addr, ty)
            }
        }
    }

    pub(crate) fn write_var(&mut self, key: VarKey, value: Value, ty: Ty) {
        match self.loc(key) {
            Some(VarLoc::Ssa(var)) => {
                let v = self.retype(value, ty);
                self.b.def_var(var, v);
            }
            None | Some(VarLoc::Value(_)) => {}
            Some(loc) => {
                let addr = self.var_addr(key).expect("in memory");
                let barrier = if matches!(loc, VarLoc::Slot(_)) {
                    Barrier::No
                } else {
                    Barrier::Auto
                };
                self.store_with(addr, value, ty, barrier);
            }
        }
    }

    // ---- names

    pub(crate) fn obj_of(&self, name: NameId) -> Option<ObjId> {
        self.file.names[name]
    }
    /// The object that an expression names: an identifier or a qualified identifier.
    pub(crate) fn named_obj(&self, e: ExprId) -> Option<ObjId> {
        let e = self.file.ast.unparen(e);
        match &self.file.ast.exprs[e].kind {
            ExprKind::Name(name) => self.obj_of(*name),
            ExprKind::Selector { sel, .. } if !self.file.selections.contains_key(&e) => {
                self.obj_of(*sel)
            }
            ExprKind::Index { x, .. }
                if matches!(
                    self.file.ast.exprs[*x].kind,
                    ExprKind::Name(_) | ExprKind::Selector { .. }
                ) =>
            {
                let obj = self.named_obj(*x)?;
                matches!(self.cx.store.obj(obj).kind, ObjKind::Func(_)).then_some(obj)
            }
            _ => None,
        }
    }
    pub(crate) fn is_package_var(&self, obj: ObjId) -> bool {
        matches!(self.cx.store.obj(obj).kind, ObjKind::Var(VarKind::Package))
    }
    pub(crate) fn global_addr(&mut self, obj: ObjId) -> Value {
        let g = self.cx.global(obj);
        let ty = self.cx.p.globals[g].ty;
        let ptr = self.ptr_to(ty);
        self.b.emit_value(Op::Global(g), ptr)
    }

    // ---- places

    /// Whether the expression denotes memory (rather than a value or a variable in SSA form).
    pub(crate) fn is_mem(&mut self, e: ExprId) -> bool {
        let file = self.file;
        if self.hoisted.contains_key(&e) {
            return false;
        }
        match &file.ast.exprs[e].kind {
            ExprKind::Paren(x) => self.is_mem(*x),
            ExprKind::Name(_) => match self.named_obj(e) {
                Some(obj) if self.is_package_var(obj) => true,
                Some(obj) => !matches!(
                    self.loc(VarKey::Obj(obj)),
                    None | Some(VarLoc::Ssa(_) | VarLoc::Value(_))
                ),
                None => false,
            },
            ExprKind::Star(_) => true,
            ExprKind::Selector { x, .. } => match file.selections.get(&e) {
                None => self.named_obj(e).is_some_and(|o| self.is_package_var(o)),
                Some(sel) => {
                    if sel.kind != types::SelectionKind::Field {
                        return false;
                    }
                    let xt = self.ty_of(*x);
                    sel.indirect
                        || matches!(self.cx.p.types.under(xt), TyKind::Pointer(_))
                        || self.is_mem(*x)
                }
            },
            ExprKind::Index { x, .. } => {
                let xt = self.ty_of(*x);
                match self.cx.p.types.under(xt) {
                    TyKind::Slice(_) | TyKind::Pointer(_) => true,
                    TyKind::Array(..) => self.is_mem(*x),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Address of an expression that denotes memory. With `check`, nil pointers on the way panic now.
    pub(crate) fn addr(&mut self, e: ExprId, check: bool) -> Value {
        let file = self.file;
        self.set_pos(file.ast.exprs[e].pos);
        match &file.ast.exprs[e].kind {
            ExprKind::Paren(x) => self.addr(*x, check),
            ExprKind::Star(x) => {
                let p = self.expr(*x);
                if check {
                    self.set_pos(file.ast.exprs[e].pos);
                    self.nil_check(p);
                }
                p
            }
            ExprKind::Selector { x, .. } if file.selections.contains_key(&e) => {
                let cur = self.select_field(e, *x, check);
                match cur {
                    Cur::Mem(addr) => addr,
                    Cur::Val(v) => self.spill(v),
                }
            }
            ExprKind::Index { x, indices } => {
                let place = self.index_place(e, *x, indices[0], check);
                self.place_addr(&place)
            }
            ExprKind::CompositeLit { .. } => {
                let v = self.expr(e);
                if self.is_ssa(self.val_ty(v)) {
                    self.spill(v)
                } else {
                    v
                }
            }
            _ => match self.named_obj(e) {
                Some(obj) if self.is_package_var(obj) => self.global_addr(obj),
                Some(obj) => match self.var_addr(VarKey::Obj(obj)) {
                    Some(addr) => addr,
                    None => {
                        let ty = self.ty_of(e);
                        let v = self.read_var(VarKey::Obj(obj), ty);
                        if self.is_ssa(ty) { self.spill(v) } else { v }
                    }
                },
                None => {
                    let ty = self.ty_of(e);
                    let v = self.expr(e);
                    if self.is_ssa(ty) { self.spill(v) } else { v }
                }
            },
        }
    }

    /// Address of a temporary that holds an SSA value.
    pub(crate) fn spill(&mut self, v: Value) -> Value {
        let ty = self.val_ty(v);
        let addr = self.temp(ty);
        self.store_with(addr, v, ty, Barrier::No);
        addr
    }
    /// Address of a temporary that holds a value of any type.
    pub(crate) fn addressable(&mut self, v: Value, ty: Ty) -> Value {
        if self.is_ssa(ty) {
            let v = self.retype(v, ty);
            self.spill(v)
        } else {
            v
        }
    }

    /// Follows a selector expression to its field.
    pub(crate) fn select_field(&mut self, e: ExprId, x: ExprId, check: bool) -> Cur {
        let file = self.file;
        let xt = self.ty_of(x);
        let sel = &file.selections[&e];
        let index = sel.index.clone();
        let type_param = matches!(
            self.cx.store.ty(self.cx.store.unalias(sel.recv)),
            types::Type::TypeParam(_)
        );
        let path: SmallVec<[u32; 4]> = if type_param {
            let object = self.cx.store.obj(sel.obj);
            let pkg = self.cx.unexported_pkg(object.name, object.pkg);
            match self.cx.lookup(xt, object.name, pkg).as_deref() {
                Some(Found {
                    path,
                    kind: FoundKind::Field(i),
                    ..
                }) => {
                    let mut p = path.clone();
                    p.push(*i);
                    p
                }
                _ => SmallVec::from_slice(&index),
            }
        } else {
            SmallVec::from_slice(&index)
        };
        let cur = self.operand(x, xt, check);
        self.set_pos(file.ast.exprs[e].pos);
        self.follow(cur, xt, &path, check).0
    }

    /// An operand as memory if it is there already, else as a value.
    pub(crate) fn operand(&mut self, x: ExprId, xt: Ty, check: bool) -> Cur {
        if self.is_mem(x) {
            Cur::Mem(self.addr(x, check))
        } else {
            let v = self.expr(x);
            if self.is_ssa(xt) {
                Cur::Val(v)
            } else {
                Cur::Mem(v)
            }
        }
    }

    /// Follows field indices, through pointers where they are.
    pub(crate) fn follow(
        &mut self,
        mut cur: Cur,
        mut ty: Ty,
        path: &[u32],
        check: bool,
    ) -> (Cur, Ty) {
        for &i in path {
            if let TyKind::Pointer(elem) = *self.cx.p.types.under(ty) {
                let p = self.cur_value(cur, ty);
                let offset = self.cx.offsets(elem)[i as usize];
                if check || offset >= NIL_PAGE {
                    self.nil_check(p);
                }
                cur = Cur::Mem(p);
                ty = elem;
            }
            let field = self.cx.field_ty(ty, i as usize);
            cur = match cur {
                Cur::Val(v) => Cur::Val(self.extract(v, i)),
                Cur::Mem(addr) => {
                    let offset = self.cx.offsets(ty)[i as usize];
                    Cur::Mem(self.offset(addr, offset, field))
                }
            };
            ty = field;
        }
        (cur, ty)
    }
    /// Value (or address, for in-memory types).
    pub(crate) fn cur_value(&mut self, cur: Cur, ty: Ty) -> Value {
        match cur {
            Cur::Val(v) => v,
            Cur::Mem(addr) => self.load(addr, ty),
        }
    }

    /// The place of an assignable expression; its operands are evaluated now.
    pub(crate) fn place(&mut self, e: ExprId) -> Place {
        let file = self.file;
        self.set_pos(file.ast.exprs[e].span.lo);
        match &file.ast.exprs[e].kind {
            ExprKind::Paren(x) => self.place(*x),
            ExprKind::Name(name) => {
                if file.ast.sym(*name).is_blank() {
                    return Place::Blank;
                }
                let ty = self.ty_of(e);
                match self.named_obj(e) {
                    None => Place::Blank,
                    Some(obj) if self.is_package_var(obj) => {
                        let addr = self.global_addr(obj);
                        Place::Mem { addr, ty }
                    }
                    Some(obj) => {
                        let ty = self.obj_ty(obj);
                        Place::Var(VarKey::Obj(obj), ty)
                    }
                }
            }
            ExprKind::Star(x) => {
                let addr = self.expr(*x);
                let ty = self.ty_of(e);
                if self.size(ty) == 0 {
                    self.nil_check(addr);
                }
                Place::Mem { addr, ty }
            }
            ExprKind::Selector { x, .. } if file.selections.contains_key(&e) => {
                let ty = self.ty_of(e);
                if self.is_mem(e) {
                    let addr = self.addr(e, false);
                    return Place::Mem { addr, ty };
                }
                match self.place(*x) {
                    Place::Var(key, of) => {
                        let mut path = SmallVec::new();
                        self.part_path(e, of, &mut path);
                        Place::Part { key, path, ty }
                    }
                    Place::Part {
                        key,
                        mut path,
                        ty: of,
                    } => {
                        self.part_path(e, of, &mut path);
                        Place::Part { key, path, ty }
                    }
                    Place::Mem { addr, ty: of } => {
                        let index = file.selections[&e].index.clone();
                        match self.follow(Cur::Mem(addr), of, &index, false).0 {
                            Cur::Mem(addr) => Place::Mem { addr, ty },
                            Cur::Val(_) => Place::Blank,
                        }
                    }
                    _ => Place::Blank,
                }
            }
            ExprKind::Selector { .. } => {
                let ty = self.ty_of(e);
                match self.named_obj(e) {
                    Some(obj) => {
                        let addr = self.global_addr(obj);
                        Place::Mem { addr, ty }
                    }
                    None => Place::Blank,
                }
            }
            ExprKind::Index { x, indices } => {
                let xt = self.ty_of(*x);
                if let TyKind::Map(..) = self.cx.p.types.under(xt) {
                    return Place::Map(self.map_place(*x, indices[0]));
                }
                self.index_place(e, *x, indices[0], false)
            }
            _ => {
                let ty = self.ty_of(e);
                let addr = self.addr(e, false);
                Place::Mem { addr, ty }
            }
        }
    }

    fn part_path(&mut self, e: ExprId, mut of: Ty, path: &mut SmallVec<[PartStep; 4]>) {
        let index = self.file.selections[&e].index.clone();
        for &i in index.iter() {
            path.push(PartStep {
                component: i,
                of,
                index: None,
            });
            of = self.cx.field_ty(of, i as usize);
        }
    }

    /// The place `x[i]` in an array or slice; the check is done when it is used.
    pub(crate) fn index_place(&mut self, e: ExprId, x: ExprId, i: ExprId, check: bool) -> Place {
        let xt = self.ty_of(x);
        let bracket = self.file.ast.exprs[e].pos;
        let pos = self.file.ast.exprs[x].pos;
        match *self.cx.p.types.under(xt) {
            TyKind::Slice(elem) => {
                let s = self.expr(x);
                let (index, unsigned) = self.index_value(i);
                let base = self.extract(s, 0);
                let len = self.extract(s, 1);
                Place::Index {
                    base,
                    index,
                    len,
                    unsigned,
                    ty: elem,
                    pos: bracket,
                }
            }
            TyKind::Pointer(arr) => {
                let TyKind::Array(elem, n) = *self.cx.p.types.under(arr) else {
                    unreachable!("pointer to array")
                };
                let base = self.expr(x);
                let (index, unsigned) = self.index_value(i);
                self.set_pos(pos);
                // The access itself may lie far from nil.
                if check || self.size(arr) >= NIL_PAGE || self.size(arr) == 0 {
                    self.nil_check(base);
                }
                let len = self.iconst(n as i64);
                Place::Index {
                    base,
                    index,
                    len,
                    unsigned,
                    ty: elem,
                    pos: bracket,
                }
            }
            TyKind::Array(elem, n) => {
                if self.is_mem(x) {
                    let base = self.addr(x, check);
                    let (index, unsigned) = self.index_value(i);
                    let len = self.iconst(n as i64);
                    return Place::Index {
                        base,
                        index,
                        len,
                        unsigned,
                        ty: elem,
                        pos: bracket,
                    };
                }
                match self.place(x) {
                    Place::Var(key, of) if self.is_ssa(of) => {
                        let (index, unsigned) = self.index_value(i);
                        let mut path = SmallVec::new();
                        path.push(PartStep {
                            component: 0,
                            of,
                            index: Some((index, unsigned, bracket)),
                        });
                        Place::Part {
                            key,
                            path,
                            ty: elem,
                        }
                    }
                    Place::Part {
                        key,
                        mut path,
                        ty: of,
                    } => {
                        let (index, unsigned) = self.index_value(i);
                        path.push(PartStep {
                            component: 0,
                            of,
                            index: Some((index, unsigned, bracket)),
                        });
                        Place::Part {
                            key,
                            path,
                            ty: elem,
                        }
                    }
                    place => {
                        let base = self.place_addr(&place);
                        let (index, unsigned) = self.index_value(i);
                        let len = self.iconst(n as i64);
                        Place::Index {
                            base,
                            index,
                            len,
                            unsigned,
                            ty: elem,
                            pos: bracket,
                        }
                    }
                }
            }
            ref other => unreachable!("index of {other:?}"),
        }
    }

    /// An index as int, and whether its type is unsigned.
    pub(crate) fn index_value(&mut self, i: ExprId) -> (Value, bool) {
        if let Some(c) = self.const_of(i) {
            if let Some(n) = c.to_i64() {
                return (self.iconst(n), false);
            }
        }
        let v = self.expr(i);
        let ty = self.val_ty(v);
        let unsigned =
            crate::tyconv::int_kind(&self.cx.p.types, ty).is_some_and(|k| !k.is_signed());
        (self.to_int(v), unsigned)
    }
    /// Converts an integer of any type to int (large unsigned values become negative).
    pub(crate) fn to_int(&mut self, v: Value) -> Value {
        let ty = self.val_ty(v);
        if ty == TypeTable::INT {
            return v;
        }
        self.b.emit_value(Op::Convert(v), TypeTable::INT)
    }

    pub(crate) fn place_ty(&self, place: &Place) -> Option<Ty> {
        match place {
            Place::Blank => None,
            Place::Var(_, ty)
            | Place::Part { ty, .. }
            | Place::Mem { ty, .. }
            | Place::Index { ty, .. } => Some(*ty),
            Place::Map(m) => Some(m.elem),
        }
    }

    /// Address of a place in memory; checks an index.
    pub(crate) fn place_addr(&mut self, place: &Place) -> Value {
        match place {
            Place::Mem { addr, .. } => *addr,
            Place::Index {
                base,
                index,
                len,
                unsigned,
                ty,
                pos,
            } => {
                self.set_pos(*pos);
                self.bounds(*index, *len, BoundKind::Index, *unsigned);
                self.index_addr(*base, *index, *ty)
            }
            Place::Var(key, ty) => match self.var_addr(*key) {
                Some(addr) => addr,
                None => {
                    let v = self.read_var(*key, *ty);
                    if self.is_ssa(*ty) { self.spill(v) } else { v }
                }
            },
            Place::Part { ty, .. } => {
                let ty = *ty;
                let v = self.place_load(place);
                self.addressable(v, ty)
            }
            Place::Blank | Place::Map(_) => {
                let ty = self.place_ty(place).unwrap_or(TypeTable::INT);
                self.temp(ty)
            }
        }
    }
    /// Address of an element; the index has been checked.
    pub(crate) fn index_addr(&mut self, base: Value, index: Value, elem: Ty) -> Value {
        let stride = self.size(elem);
        let ptr = self.ptr_to(elem);
        if let Some(n) = self.b.body.as_int(index) {
            if n >= 0 && (n as u64).saturating_mul(stride) < 1 << 30 {
                return self.offset(base, n as u64 * stride, elem);
            }
        }
        self.b.emit_value(
            Op::Index {
                base,
                index,
                stride,
            },
            ptr,
        )
    }

    pub(crate) fn place_load(&mut self, place: &Place) -> Value {
        match place {
            Place::Blank => self.zero(TypeTable::INT),
            Place::Var(key, ty) => self.read_var(*key, *ty),
            Place::Part { key, path, .. } => {
                let mut v = self.read_var(*key, path[0].of);
                for step in path {
                    self.check_step(step);
                    v = self.extract(v, step.component);
                }
                v
            }
            Place::Mem { addr, ty } => self.load(*addr, *ty),
            Place::Index { ty, .. } => {
                let ty = *ty;
                let addr = self.place_addr(place);
                self.load(addr, ty)
            }
            Place::Map(m) => {
                let m = m.clone();
                self.map_get(&m)
            }
        }
    }
    fn check_step(&mut self, step: &PartStep) {
        if let Some((index, unsigned, pos)) = step.index {
            self.set_pos(pos);
            let one = self.iconst(1);
            self.bounds(index, one, BoundKind::Index, unsigned);
        }
    }

    pub(crate) fn place_store(&mut self, place: &Place, value: Value) {
        match place {
            Place::Blank => {}
            Place::Var(key, ty) => self.write_var(*key, value, *ty),
            Place::Part { key, path, .. } => {
                let mut olds: SmallVec<[Value; 4]> = SmallVec::new();
                let mut v = self.read_var(*key, path[0].of);
                for step in path {
                    self.check_step(step);
                    olds.push(v);
                    v = self.extract(v, step.component);
                }
                let mut new = value;
                for (step, old) in path.iter().zip(olds.iter()).rev() {
                    new = self.with_component(*old, step.of, step.component, new);
                }
                self.write_var(*key, new, path[0].of);
            }
            Place::Mem { addr, ty } => self.store(*addr, value, *ty),
            Place::Index { ty, .. } => {
                let ty = *ty;
                let addr = self.place_addr(place);
                self.store(addr, value, ty);
            }
            Place::Map(m) => {
                let m = m.clone();
                self.map_set(&m, value);
            }
        }
    }
    /// An aggregate with one component replaced.
    fn with_component(&mut self, old: Value, ty: Ty, component: u32, new: Value) -> Value {
        let count = match self.cx.p.types.under(ty) {
            TyKind::Struct(fields) => fields.len(),
            _ => 1,
        };
        let parts: SmallVec<[Value; 4]> = (0..count)
            .map(|i| {
                if i as u32 == component {
                    new
                } else {
                    self.extract(old, i as u32)
                }
            })
            .collect();
        self.make(ty, &parts)
    }
}
