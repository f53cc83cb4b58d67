//! One function being lowered.

use std::rc::Rc;

use base::{FxHashMap, Symbol};
use mir::{
    Barrier, BinOp, Block, Body, BoundKind, Callee, CmpOp, FuncBuilder, FuncFlags, FuncId, Op,
    Slot, Terminator, Ty, TyKind, TypeTable, Value,
};
use smallvec::{SmallVec, smallvec};
use source::Pos;
use syntax::ast::{DeclKind, ExprId, ExprKind, FieldId, StmtId};
use types::{Mode, ObjId, TypedFile, constant::ConstValue};

use crate::analysis::{Analysis, Exit, VarKey};
use crate::cx::Cx;
use crate::symbols::FuncDecl;
use crate::tyconv::Env;
use crate::vars::VarLoc;

/// Variables larger than this are on the heap, as gc has it.
pub(crate) const MAX_STACK_VAR: u64 = 128 << 10;
/// Larger memory is not cleared before something is received in it.
const MAX_FORGET: u64 = 256;

/// A statement that break or continue may refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub stmt: StmtId,
    pub brk: Block,
    pub cont: Option<Block>,
}

/// How the function being lowered relates to range-over-func loops.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyOf {
    /// The loop whose body this is.
    pub range: Option<StmtId>,
}

/// The function being lowered.
pub(crate) struct FnCx<'c, 'a> {
    pub cx: &'c mut Cx<'a>,
    pub b: FuncBuilder,
    pub file: &'a TypedFile,
    pub pkg: usize,
    pub env: Rc<Env>,
    pub func: FuncId,
    pub name: Symbol,
    pub display: Symbol,
    /// Name and display name of the function that is not a loop body around this one (or is this one).
    pub owner_names: (Symbol, Symbol),
    pub vars: FxHashMap<VarKey, VarLoc>,
    pub analysis: Rc<Analysis>,
    pub node: u32,
    /// Result types and where they are kept, if they are variables.
    pub results: Vec<Ty>,
    pub result_keys: Option<Vec<VarKey>>,
    pub has_defer: bool,
    pub body_of: BodyOf,
    pub targets: Vec<Target>,
    pub labels: FxHashMap<Symbol, Block>,
    pub fallthrough: Option<Block>,
    /// Values of calls that were evaluated ahead of the expression that contains them.
    pub hoisted: FxHashMap<ExprId, SmallVec<[Value; 2]>>,
    pub flags: FuncFlags,
    /// Numbering of generated functions inside this one.
    pub counts: Counts,
    /// Numbers of exits from range-over-func bodies, shared by all bodies of an owner.
    pub exit_codes: Rc<std::cell::RefCell<Vec<Exit>>>,
    /// Nesting of loops at this point: defers inside need heap records.
    pub loop_depth: u32,
    call_flags: Rc<std::cell::RefCell<Vec<u8>>>,
    /// Whether this is a package's variable initialiser code.
    pub is_init: bool,
}

/// Numbering of thunks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub wraps: u32,
}

impl<'a> Cx<'a> {
    /// Makes the body of a declared function.
    pub(crate) fn lower_declared(&mut self, func: FuncId, decl: FuncDecl<'a>, env: Rc<Env>) {
        let store = self.store;
        let DeclKind::Func { recv, ty, body, .. } = &decl.file.ast.decl_arena[decl.decl].kind
        else {
            return;
        };
        let Some(body) = *body else { return };
        let analysis = {
            let mut is_func = |t| {
                let t = self.ty(&env, t);
                matches!(self.p.types.under(t), TyKind::Func(_))
            };
            crate::analysis::analyse_decl(store, decl.file, decl.decl, &mut is_func)
        };
        if crate::intrinsics::replace_body(self, func) {
            return;
        }
        let ExprKind::FuncType(sig) = &decl.file.ast.exprs[*ty].kind else {
            return;
        };
        let params: Vec<FieldId> = recv
            .iter()
            .copied()
            .chain(sig.params.iter().copied())
            .collect();
        let results: Vec<FieldId> = sig.results.to_vec();
        let flags = self.p.funcs[func].flags;
        let mut f = FnCx::new(self, func, decl.file, decl.pkg, env, Rc::new(analysis), 0);
        f.flags = flags;
        f.start(&params, &results);
        f.body(body);
        f.done();
    }
}

impl<'c, 'a> FnCx<'c, 'a> {
    pub(crate) fn new(
        cx: &'c mut Cx<'a>,
        func: FuncId,
        file: &'a TypedFile,
        pkg: usize,
        env: Rc<Env>,
        analysis: Rc<Analysis>,
        node: u32,
    ) -> Self {
        let (name, display) = cx.func_name(func);
        let pos = cx.p.funcs[func].pos;
        let call_flags = cx
            .call_flags
            .entry(file as *const TypedFile)
            .or_insert_with(|| Rc::new(std::cell::RefCell::new(vec![0; file.ast.exprs.len()])))
            .clone();
        FnCx {
            cx,
            b: FuncBuilder::new(display, pos),
            file,
            pkg,
            env,
            func,
            name,
            display,
            owner_names: (name, display),
            vars: FxHashMap::default(),
            analysis,
            node,
            results: Vec::new(),
            result_keys: None,
            has_defer: false,
            body_of: BodyOf::default(),
            targets: Vec::new(),
            labels: FxHashMap::default(),
            fallthrough: None,
            hoisted: FxHashMap::default(),
            flags: FuncFlags::default(),
            counts: Counts::default(),
            exit_codes: Rc::default(),
            loop_depth: 0,
            call_flags,
            is_init: false,
        }
    }

    /// Continues with an expression of another file of the package (package initialisers).
    pub(crate) fn enter_file(&mut self, file: &'a TypedFile, analysis: Rc<Analysis>) {
        self.file = file;
        self.analysis = analysis;
        self.call_flags = self
            .cx
            .call_flags
            .entry(file as *const TypedFile)
            .or_insert_with(|| Rc::new(std::cell::RefCell::new(vec![0; file.ast.exprs.len()])))
            .clone();
    }

    /// Parameters become variables, results get their places.
    pub(crate) fn start(&mut self, params: &[FieldId], results: &[FieldId]) {
        let node = self.analysis.nodes[self.node as usize].clone();
        self.has_defer = node.has_defer;
        let types: Vec<Ty> = self.cx.p.funcs[self.func].params.to_vec();
        let mut values = Vec::with_capacity(types.len());
        for &ty in &types {
            let param_ty = if self.cx.p.types.is_ssa(ty) {
                ty
            } else {
                self.cx.p.types.pointer(ty)
            };
            values.push(self.b.add_param(param_ty));
        }
        for ((&field, &ty), value) in params.iter().zip(&types).zip(values) {
            let Some(obj) = self.file.fields[field] else {
                continue;
            };
            if self.cx.store.obj(obj).name.is_blank()
                || self.cx.store.obj(obj).name.as_str().is_empty()
            {
                continue;
            }
            self.declare_param(obj, ty, value);
        }
        self.results = self.cx.p.funcs[self.func].results.to_vec();
        let named = results
            .iter()
            .any(|&f| self.file.ast.fields[f].name.is_some());
        if named || node.has_defer || node.returns_in_bodies {
            let mut keys = Vec::new();
            let types = self.results.clone();
            for (&field, ty) in results.iter().zip(types) {
                let obj = self.file.fields[field].expect("a result has an object");
                self.declare_result(obj, ty, node.has_defer);
                keys.push(VarKey::Obj(obj));
            }
            self.result_keys = Some(keys);
        }
        if node.recovers || node.has_defer {
            self.flags.noinline = true;
        }
        self.flags.recovers = node.recovers;
        if node.has_range_func {
            self.declare_shared(VarKey::Next, TypeTable::INT);
            let frame = self.b.emit_value(Op::FramePointer, TypeTable::UINTPTR);
            self.vars.insert(VarKey::Frame, VarLoc::Value(frame));
        }
    }

    /// Lowers the body block and the implicit return.
    pub(crate) fn body(&mut self, body: StmtId) {
        let file = self.file;
        if let syntax::ast::StmtKind::Block { stmts, rbrace } = &file.ast.stmts[body].kind {
            self.stmts(stmts);
            if self.b.is_reachable() {
                self.b.set_pos(*rbrace);
                if self.body_of.range.is_some() {
                    self.range_body_continue();
                } else {
                    self.return_results();
                }
            }
        }
    }

    /// Finishes the function.
    pub(crate) fn done(mut self) {
        if self.has_defer && self.body_of.range.is_none() {
            self.recover_block();
        }
        let FnCx {
            cx, b, func, flags, ..
        } = self;
        let body = b.finish();
        cx.p.funcs[func].flags = FuncFlags {
            no_return: cx.p.funcs[func].flags.no_return,
            ..flags
        };
        cx.set_body(func, body);
    }

    // ---- short forms

    pub(crate) fn ty_id(&mut self, ty: types::TypeId) -> Ty {
        self.cx.ty(&self.env, ty)
    }
    /// The type of an expression.
    pub(crate) fn ty_of(&mut self, e: ExprId) -> Ty {
        match self.file.exprs[e].ty {
            Some(ty) => self.cx.ty(&self.env, ty),
            None => TypeTable::INT,
        }
    }
    pub(crate) fn mode(&self, e: ExprId) -> Mode {
        self.file.exprs[e].mode
    }
    pub(crate) fn const_of(&self, e: ExprId) -> Option<&'a ConstValue> {
        match self.file.value(e) {
            Some(ConstValue::Unknown) | None => None,
            Some(v) if self.file.exprs[e].mode == Mode::Constant => Some(v),
            Some(_) => None,
        }
    }
    pub(crate) fn const_bool(&self, e: ExprId) -> Option<bool> {
        match self.const_of(e)? {
            ConstValue::Bool(b) => Some(*b),
            _ => None,
        }
    }
    pub(crate) fn is_ssa(&self, ty: Ty) -> bool {
        self.cx.p.types.is_ssa(ty)
    }
    pub(crate) fn size(&self, ty: Ty) -> u64 {
        self.cx.p.types.layout(ty).size
    }
    pub(crate) fn ptr_to(&mut self, ty: Ty) -> Ty {
        self.cx.p.types.pointer(ty)
    }
    pub(crate) fn val_ty(&self, v: Value) -> Ty {
        self.b.body.ty(v)
    }
    pub(crate) fn obj_ty(&mut self, obj: ObjId) -> Ty {
        let ty = self.cx.store.obj_type(obj);
        self.ty_id(ty)
    }
    pub(crate) fn set_pos(&mut self, pos: Pos) {
        if pos.is_some() {
            self.b.set_pos(pos);
        }
    }
    /// Starts unreachable code if the current point is dead, so that values can be made.
    pub(crate) fn ensure_reachable(&mut self) {
        if !self.b.is_reachable() {
            self.b.unreachable_block();
        }
    }

    // ---- instructions

    pub(crate) fn int(&mut self, n: i64, ty: Ty) -> Value {
        self.b.emit_value(Op::Int(n), ty)
    }
    pub(crate) fn iconst(&mut self, n: i64) -> Value {
        self.int(n, TypeTable::INT)
    }
    pub(crate) fn bool(&mut self, v: bool) -> Value {
        self.int(v as i64, TypeTable::BOOL)
    }
    /// Zero value of an SSA type, or the address of a zeroed temporary.
    pub(crate) fn zero(&mut self, ty: Ty) -> Value {
        if self.is_ssa(ty) {
            self.b.emit_value(Op::Zero, ty)
        } else {
            let addr = self.temp(ty);
            self.b.emit(Op::ZeroMem {
                dst: addr,
                ty,
                barrier: Barrier::No,
            });
            addr
        }
    }
    /// Address of a new temporary; of a large one, on the heap: stacks are limited.
    pub(crate) fn temp(&mut self, ty: Ty) -> Value {
        if self.size(ty) > MAX_STACK_VAR {
            return self.heap(ty);
        }
        let slot = self.b.new_slot(ty, Symbol::intern("·tmp"));
        self.slot_addr(slot)
    }
    /// Memory for something to be received. While a goroutine waits for it the memory is reachable: what an earlier trip of a loop
    /// received must not be in it.
    pub(crate) fn receive_temp(&mut self, ty: Ty) -> Value {
        let temp = self.temp(ty);
        self.forget(temp, ty);
        temp
    }
    /// What was received in a temporary. Its slot must not keep it alive: in a loop the slot's address is often in a register throughout.
    pub(crate) fn take(&mut self, temp: Value, ty: Ty) -> Value {
        let v = self.load(temp, ty);
        if self.is_ssa(ty) {
            self.forget(temp, ty);
        }
        v
    }
    /// Clears pointers in memory that is about to be overwritten, or was read for the last time. Not in large memory: that costs more than it is worth.
    pub(crate) fn forget(&mut self, dst: Value, ty: Ty) {
        let layout = self.cx.p.types.layout(ty);
        if layout.ptr_bytes > 0 && layout.size <= MAX_FORGET {
            let barrier = Barrier::No;
            self.b.emit(Op::ZeroMem { dst, ty, barrier });
        }
    }
    pub(crate) fn slot_addr(&mut self, slot: Slot) -> Value {
        let ty = self.b.body.slots[slot].ty;
        let ptr = self.ptr_to(ty);
        self.b.emit_value(Op::SlotAddr(slot), ptr)
    }
    /// A zeroed heap object.
    pub(crate) fn heap(&mut self, ty: Ty) -> Value {
        self.cx.need_desc(ty);
        let ptr = self.ptr_to(ty);
        self.b.emit_value(Op::HeapAlloc(ty), ptr)
    }
    /// The value at an address: loaded, or the address itself for in-memory types.
    pub(crate) fn load(&mut self, addr: Value, ty: Ty) -> Value {
        if self.is_ssa(ty) {
            self.b.emit_value(Op::Load(addr), ty)
        } else {
            addr
        }
    }
    /// Stores a value (for in-memory types: copies from its address).
    pub(crate) fn store(&mut self, addr: Value, value: Value, ty: Ty) {
        self.store_with(addr, value, ty, Barrier::Auto);
    }
    pub(crate) fn store_with(&mut self, addr: Value, value: Value, ty: Ty, barrier: Barrier) {
        if self.is_ssa(ty) {
            if self.size(ty) > 0 {
                self.b.emit(Op::Store {
                    addr,
                    value,
                    barrier,
                });
            }
        } else if addr != value {
            self.b.emit(Op::Move {
                dst: addr,
                src: value,
                ty,
                barrier,
            });
        }
    }
    pub(crate) fn offset(&mut self, addr: Value, n: u64, ty: Ty) -> Value {
        let ptr = self.ptr_to(ty);
        if n == 0 && self.val_ty(addr) == ptr {
            return addr;
        }
        self.b.emit_value(Op::Offset(addr, n as i64), ptr)
    }
    pub(crate) fn nil_check(&mut self, addr: Value) {
        self.b.emit(Op::NilCheck(addr));
    }
    pub(crate) fn make(&mut self, ty: Ty, parts: &[Value]) -> Value {
        self.b.emit_value(Op::Make(SmallVec::from_slice(parts)), ty)
    }
    pub(crate) fn extract(&mut self, v: Value, index: u32) -> Value {
        if let Some(Op::Make(parts)) = self.b.body.def_op(v) {
            if let Some(&part) = parts.get(index as usize) {
                return part;
            }
        }
        let ty = self.val_ty(v);
        let part = self.cx.p.types.component_type(ty, index as usize);
        self.b.emit_value(Op::Extract(v, index), part)
    }
    pub(crate) fn bitcast(&mut self, v: Value, ty: Ty) -> Value {
        if self.val_ty(v) == ty {
            v
        } else {
            self.b.emit_value(Op::Bitcast(v), ty)
        }
    }
    pub(crate) fn cmp(&mut self, op: CmpOp, x: Value, y: Value) -> Value {
        self.b.emit_value(Op::Cmp(op, x, y), TypeTable::BOOL)
    }
    pub(crate) fn bin(&mut self, op: BinOp, x: Value, y: Value) -> Value {
        let ty = self.val_ty(x);
        self.b.emit_value(Op::Binary(op, x, y), ty)
    }
    pub(crate) fn convert(&mut self, v: Value, ty: Ty) -> Value {
        if self.val_ty(v) == ty {
            v
        } else {
            self.b.emit_value(Op::Convert(v), ty)
        }
    }
    pub(crate) fn not(&mut self, v: Value) -> Value {
        let ty = self.val_ty(v);
        self.b.emit_value(Op::Unary(mir::UnOp::Not, v), ty)
    }
    pub(crate) fn is_nil(&mut self, v: Value) -> Value {
        let ty = self.val_ty(v);
        let zero = self.b.emit_value(Op::Zero, ty);
        self.cmp(CmpOp::Eq, v, zero)
    }
    pub(crate) fn bounds(&mut self, index: Value, len: Value, kind: BoundKind, unsigned: bool) {
        if let (Some(i), Some(n)) = (self.b.body.as_int(index), self.b.body.as_int(len)) {
            let fine = match kind {
                BoundKind::Index => i >= 0 && i < n,
                BoundKind::Convert => n <= i,
                _ => i >= 0 && i <= n,
            };
            if fine && !(unsigned && i < 0) {
                return;
            }
        }
        self.b.emit(Op::BoundsCheck {
            index,
            len,
            kind,
            unsigned,
        });
    }
    /// Address of a type's descriptor.
    pub(crate) fn type_desc(&mut self, ty: Ty) -> Value {
        self.cx.need_desc(ty);
        self.b
            .emit_value(Op::TypeDesc(ty), TypeTable::UNSAFE_POINTER)
    }

    // ---- calls

    /// Calls a function; in-memory arguments are addresses of fresh copies. Results as instructions give them.
    pub(crate) fn call(&mut self, func: FuncId, args: &[Value]) -> SmallVec<[Value; 2]> {
        let results: SmallVec<[Ty; 2]> = SmallVec::from_slice(&self.cx.p.funcs[func].results);
        let never = self.cx.p.funcs[func].flags.no_return;
        let out = self.call_any(Callee::Func(func), args, &results);
        if never {
            self.b.terminate(Terminator::Unreachable);
        }
        out
    }
    pub(crate) fn call_any(
        &mut self,
        callee: Callee,
        args: &[Value],
        results: &[Ty],
    ) -> SmallVec<[Value; 2]> {
        let mut types: SmallVec<[Ty; 4]> = SmallVec::new();
        for &ty in results {
            let t = if self.is_ssa(ty) { ty } else { self.ptr_to(ty) };
            types.push(t);
        }
        self.b
            .emit_multi(
                Op::Call {
                    callee,
                    args: SmallVec::from_slice(args),
                    results: SmallVec::from_slice(results),
                },
                &types,
            )
            .into_iter()
            .collect()
    }
    /// Calls a function of package runtime.
    pub(crate) fn rt(&mut self, name: &'static str, args: &[Value]) -> SmallVec<[Value; 2]> {
        let func = self.cx.rt(name);
        self.call(func, args)
    }
    /// Same, one result.
    pub(crate) fn rt1(&mut self, name: &'static str, args: &[Value]) -> Value {
        let func = self.cx.rt(name);
        let out = self.call(func, args);
        match out.first() {
            Some(&v) => v,
            None => {
                self.ensure_reachable();
                self.zero(TypeTable::UNSAFE_POINTER)
            }
        }
    }
    /// Same, one result, of this type.
    pub(crate) fn rt_as(&mut self, name: &'static str, args: &[Value], ty: Ty) -> Value {
        let v = self.rt1(name, args);
        self.retype(v, ty)
    }
    /// Gives a value another type with the same leaves.
    pub(crate) fn retype(&mut self, v: Value, ty: Ty) -> Value {
        self.bitcast(v, ty)
    }

    // ---- control flow

    pub(crate) fn new_block(&mut self) -> Block {
        self.b.new_block()
    }
    /// Seals a block and continues in it.
    pub(crate) fn start_block(&mut self, block: Block) {
        self.b.seal(block);
        self.b.switch_to(block);
    }
    /// Code for a condition that holds in `then`, which must be started afterwards.
    pub(crate) fn branch(&mut self, cond: Value, then: Block, els: Block) {
        match self.b.body.as_int(cond) {
            Some(0) => self.b.jump(els),
            Some(_) => self.b.jump(then),
            None => self.b.branch(cond, then, els),
        }
    }
    /// `if cond { call }` where the call does not return.
    pub(crate) fn panic_if(&mut self, cond: Value, emit: impl FnOnce(&mut Self)) {
        let (bad, good) = (self.new_block(), self.new_block());
        self.b.mark_cold(bad);
        self.branch(cond, bad, good);
        self.start_block(bad);
        emit(self);
        self.b.terminate(Terminator::Unreachable);
        self.start_block(good);
    }
    /// A value that two branches give.
    pub(crate) fn if_value(
        &mut self,
        cond: Value,
        ty: Ty,
        then: impl FnOnce(&mut Self) -> Value,
        els: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let var = self.b.new_var(ty);
        let (t, e, join) = (self.new_block(), self.new_block(), self.new_block());
        self.branch(cond, t, e);
        self.start_block(t);
        let v = then(self);
        self.b.def_var(var, v);
        self.b.jump(join);
        self.start_block(e);
        let v = els(self);
        self.b.def_var(var, v);
        self.b.jump(join);
        self.start_block(join);
        self.b.use_var(var)
    }

    // ---- what calls where: see `hoist`

    /// Whether evaluating the expression may run other code or must keep its place among calls.
    pub(crate) fn may_call(&self, e: ExprId) -> bool {
        self.contains(e, Sought::Call)
    }
    /// Whether a call, or an operation that gc evaluates in its place among the calls, is in the expression.
    fn has_place(&self, e: ExprId) -> bool {
        self.contains(e, Sought::Place)
    }
    fn contains(&self, e: ExprId, sought: Sought) -> bool {
        let (no, yes) = match sought {
            Sought::Call => (1, 2),
            Sought::Place => (4, 8),
        };
        let known = self.call_flags.borrow()[e.raw() as usize];
        if known & (no | yes) != 0 {
            return known & yes != 0;
        }
        let result = self.contains_uncached(e, sought);
        self.call_flags.borrow_mut()[e.raw() as usize] |= if result { yes } else { no };
        result
    }

    fn contains_uncached(&self, e: ExprId, sought: Sought) -> bool {
        let ast = &self.file.ast;
        let within = |x: ExprId| self.contains(x, sought);
        if self.mode(e) == Mode::Constant || self.mode(e) == Mode::TypeExpr {
            return false;
        }
        match &ast.exprs[e].kind {
            ExprKind::Call { fun, args, .. } => {
                if self.mode(*fun) == Mode::TypeExpr {
                    // Some conversions have a place: `hoist` looks closer.
                    return sought == Sought::Place || args.iter().any(|&a| within(a));
                }
                if let Mode::Builtin(b) = self.mode(*fun) {
                    if sought == Sought::Place && is_ordered(b) {
                        return true;
                    }
                    if is_operator(b) {
                        return args.iter().any(|&a| within(a));
                    }
                }
                true
            }
            ExprKind::TypeAssert { .. } | ExprKind::Slice { .. } => true,
            ExprKind::Unary {
                op: syntax::ast::UnaryOp::Recv,
                ..
            } => true,
            ExprKind::Unary { x, .. } | ExprKind::Paren(x) | ExprKind::Star(x) => within(*x),
            ExprKind::Selector { x, .. } => self.file.selections.contains_key(&e) && within(*x),
            ExprKind::Index { x, indices } => within(*x) || indices.iter().any(|&i| within(i)),
            ExprKind::Binary { op, x, y, .. } => {
                sought == Sought::Place && is_conditional(*op) || within(*x) || within(*y)
            }
            ExprKind::KeyValue { key, value } => within(*value) || within(*key),
            ExprKind::CompositeLit { elems, .. } => elems.iter().any(|&x| within(x)),
            _ => false,
        }
    }

    /// Evaluates the calls (receives, conditional operators, lengths and so on) inside an expression now, in order; what is
    /// left is evaluated later, from their values. This is gc's order: variables are read after the calls of the statement.
    pub(crate) fn hoist(&mut self, e: ExprId) {
        if !self.has_place(e) || self.hoisted.contains_key(&e) {
            return;
        }
        let file = self.file;
        match &file.ast.exprs[e].kind {
            ExprKind::Call { fun, args, .. } if self.mode(*fun) == Mode::TypeExpr => {
                for &a in args {
                    self.hoist(a);
                }
                let to = self.ty_of(e);
                if self.makes_slice_of_string(e, args) {
                    self.hoist_value(e);
                } else if self.cx.p.types.is_interface(to) {
                    for &a in args {
                        if self.is_early_in_interface(a) {
                            self.hoist_value(self.file.ast.unparen(a));
                        }
                    }
                }
            }
            ExprKind::Call { fun, args, .. } if matches!(self.mode(*fun), Mode::Builtin(b) if is_operator(b) && !is_ordered(b)) => {
                for &a in args {
                    self.hoist(a);
                }
            }
            ExprKind::Call { .. } => {
                let values = self.expr_multi(e);
                let values = self.stabilise(e, values);
                self.hoisted.insert(e, values);
            }
            ExprKind::TypeAssert { .. }
            | ExprKind::Slice { .. }
            | ExprKind::Unary {
                op: syntax::ast::UnaryOp::Recv,
                ..
            } => {
                let values = self.expr_multi(e);
                let values = self.stabilise(e, values);
                self.hoisted.insert(e, values);
            }
            ExprKind::Binary {
                op: syntax::ast::BinaryOp::AndAnd | syntax::ast::BinaryOp::OrOr,
                ..
            } => {
                let v = self.expr(e);
                self.hoisted.insert(e, smallvec![v]);
            }
            ExprKind::CompositeLit { .. } if matches!(self.lit_kind(e), TyKind::Map(..)) => {
                let v = self.expr(e);
                self.hoisted.insert(e, smallvec![v]);
            }
            ExprKind::Unary { x, .. }
            | ExprKind::Paren(x)
            | ExprKind::Star(x)
            | ExprKind::Selector { x, .. } => self.hoist(*x),
            ExprKind::Index { x, indices } => {
                self.hoist(*x);
                for &i in indices {
                    self.hoist(i);
                }
                // gc does not copy the bytes for the look-up, so that follows at once.
                if self.mode(e) == Mode::MapIndex
                    && indices.iter().any(|&i| self.is_string_of_bytes(i))
                {
                    self.hoist_value(e);
                }
            }
            ExprKind::Binary { x, y, .. } => {
                self.hoist(*x);
                self.hoist(*y);
            }
            ExprKind::KeyValue { key, value } => {
                if self.mode(*key) != Mode::Invalid {
                    self.hoist(*key);
                }
                self.hoist(*value);
            }
            ExprKind::CompositeLit { elems, .. } => {
                for &x in elems {
                    self.hoist(x);
                }
            }
            _ => {}
        }
    }

    /// Evaluates an expression in its place among the calls.
    fn hoist_value(&mut self, e: ExprId) {
        if self.hoisted.contains_key(&e) {
            return;
        }
        let values = self.expr_multi(e);
        let values = self.stabilise(e, values);
        self.hoisted.insert(e, values);
    }

    /// A conversion of a string to a slice, which gc has the runtime make.
    fn makes_slice_of_string(&mut self, e: ExprId, args: &[ExprId]) -> bool {
        let ty = self.ty_of(e);
        let &[arg] = args else { return false };
        let from = self.ty_of(arg);
        let types = &self.cx.p.types;
        matches!(types.under(ty), TyKind::Slice(_)) && matches!(types.under(from), TyKind::String)
    }

    /// A conversion of a slice of bytes to a string.
    fn is_string_of_bytes(&mut self, e: ExprId) -> bool {
        let file = self.file;
        let ExprKind::Call { fun, args, .. } = &file.ast.exprs[file.ast.unparen(e)].kind else {
            return false;
        };
        if self.mode(*fun) != Mode::TypeExpr || args.len() != 1 {
            return false;
        }
        let from = self.ty_of(args[0]);
        let TyKind::Slice(elem) = *self.cx.p.types.under(from) else {
            return false;
        };
        self.size(elem) == 1
    }

    /// Whether gc, when it converts the value of an expression to an interface, evaluates the expression in its place among the
    /// calls: it is no variable (those are read late), and its type is none of those that the runtime takes by value (2, 4 or 8
    /// bytes without pointers, strings, slices, and structs or arrays of just one such).
    fn is_early_in_interface(&mut self, e: ExprId) -> bool {
        let file = self.file;
        let inner = file.ast.unparen(e);
        let computed = matches!(self.mode(inner), Mode::Value | Mode::MapIndex)
            && !matches!(file.ast.exprs[inner].kind, ExprKind::FuncLit { .. });
        if !computed {
            return false;
        }
        let mut ty = self.ty_of(inner);
        let types = &self.cx.p.types;
        if matches!(types.under(ty), TyKind::Tuple(_)) {
            return false;
        }
        let layout = types.layout(ty);
        if types.is_interface(ty) || matches!(layout.size, 2 | 4 | 8) && layout.ptr_bytes == 0 {
            return false;
        }
        loop {
            ty = match types.under(ty) {
                TyKind::Struct(fields) if fields.len() == 1 => fields[0].ty,
                TyKind::Array(elem, 1) => *elem,
                kind => {
                    return !matches!(kind, TyKind::String | TyKind::Slice(_));
                }
            };
        }
    }

    /// [`prep`](Self::prep) of operands of which some are converted to interfaces.
    pub(crate) fn prep_converted(&mut self, operands: &[ExprId], types: &[Option<Ty>]) {
        if !operands.iter().any(|&e| self.may_call(e)) {
            return;
        }
        let is_converted = |f: &mut Self, i: usize| {
            types
                .get(i)
                .copied()
                .flatten()
                .is_some_and(|ty| f.cx.p.types.is_interface(ty))
                && f.is_early_in_interface(operands[i])
        };
        if !(0..operands.len()).any(|i| is_converted(self, i)) {
            self.prep(operands);
            return;
        }
        for (i, &e) in operands.iter().enumerate() {
            self.hoist(e);
            if is_converted(self, i) {
                self.hoist_value(self.file.ast.unparen(e));
            }
        }
    }

    fn lit_kind(&mut self, e: ExprId) -> TyKind {
        let ty = self.ty_of(e);
        self.cx.p.types.under(ty).clone()
    }

    /// In-memory results of calls live until the call is executed again: copy them.
    fn stabilise(&mut self, e: ExprId, mut values: SmallVec<[Value; 2]>) -> SmallVec<[Value; 2]> {
        let ty = self.ty_of(e);
        let types: SmallVec<[Ty; 2]> = match self.cx.p.types.kind(ty) {
            TyKind::Tuple(list) => SmallVec::from_slice(list),
            _ => smallvec![ty],
        };
        for (v, ty) in values.iter_mut().zip(types) {
            if !self.is_ssa(ty) {
                let t = self.temp(ty);
                self.store(t, *v, ty);
                *v = t;
            }
        }
        values
    }

    /// Prepares operands that are evaluated together: their calls come first, in order.
    pub(crate) fn prep(&mut self, operands: &[ExprId]) {
        if operands.len() < 2 && !operands.iter().any(|&e| self.hides_calls(e)) {
            return;
        }
        if operands.iter().any(|&e| self.may_call(e)) {
            for &e in operands {
                self.hoist(e);
            }
        }
    }
    /// Whether calls are inside the expression rather than at its top.
    fn hides_calls(&self, e: ExprId) -> bool {
        self.may_call(e)
            && !matches!(
                self.file.ast.exprs[self.file.ast.unparen(e)].kind,
                ExprKind::Call { .. } | ExprKind::TypeAssert { .. } | ExprKind::Slice { .. }
            )
    }

    /// The body without code, for functions that cannot be lowered.
    #[allow(dead_code)]
    pub(crate) fn empty_body(self) -> Body {
        self.b.finish()
    }
}

/// What [`FnCx::contains`] looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sought {
    Call,
    Place,
}

/// Builtins that run no code but that gc evaluates in order with the calls around them.
fn is_ordered(b: types::Builtin) -> bool {
    use types::Builtin::*;
    matches!(b, Len | Cap | Real | Imag | Complex | Min | Max)
}

/// `&&` or `||`.
fn is_conditional(op: syntax::ast::BinaryOp) -> bool {
    matches!(
        op,
        syntax::ast::BinaryOp::AndAnd | syntax::ast::BinaryOp::OrOr
    )
}

fn is_operator(b: types::Builtin) -> bool {
    use types::Builtin::*;
    matches!(
        b,
        Len | Cap
            | Real
            | Imag
            | Complex
            | Sizeof
            | Alignof
            | Offsetof
            | Add
            | SliceData
            | StringData
            | Min
            | Max
    )
}
