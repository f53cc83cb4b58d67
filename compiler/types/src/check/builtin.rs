//! Built-in functions.

use source::Pos;
use syntax::ast::{ChanDir, ExprId, ExprKind};

use super::Checker;
use super::cycles::SizeKind;
use super::operand::{Operand, composite_kind};
use crate::constant::ConstValue;
use crate::model::*;
use crate::typed::*;

/// Smallest number of arguments, and whether there may be more.
fn arity(builtin: Builtin) -> (usize, bool) {
    use Builtin::*;
    match builtin {
        Append | Max | Min | Panic | New => (1, matches!(builtin, Append | Max | Min)),
        Cap | Clear | Close | Imag | Len | Real => (1, false),
        Complex | Copy | Delete => (2, false),
        Make => (1, true),
        Print | Println => (0, true),
        Recover => (0, false),
        Add | Slice | String => (2, false),
        Alignof | Offsetof | Sizeof | SliceData | StringData => (1, false),
        Assert => (1, false),
        Trace => (0, true),
    }
}

impl Builtin {
    /// Whether a call can stand as a statement; others' results must be used.
    pub(super) fn is_statement(self) -> bool {
        use Builtin::*;
        matches!(
            self,
            Clear | Close | Copy | Delete | Panic | Print | Println | Recover | Assert
        )
    }
    fn qualified_name(self) -> String {
        if self.in_unsafe() {
            format!("unsafe.{}", self.name())
        } else {
            self.name().to_owned()
        }
    }
}

impl<'a> Checker<'a> {
    pub(super) fn builtin_call(
        &mut self,
        expr: ExprId,
        fun: ExprId,
        builtin: Builtin,
        args: &'a [ExprId],
        ellipsis: Option<Pos>,
    ) -> Operand {
        let store = self.store;
        let invalid = Operand::invalid(expr);
        let name = builtin.name();
        if ellipsis.is_some() && builtin != Builtin::Append {
            self.error_at(
                expr,
                "InvalidDotDotDot",
                format!("invalid operation: invalid use of ... with built-in {name}"),
            );
            self.use_exprs(args);
            return invalid;
        }
        // len and cap are constant if their argument has no call or receive.
        let saved = self.env.has_call_or_recv;
        if matches!(builtin, Builtin::Len | Builtin::Cap) {
            self.env.has_call_or_recv = false;
        }
        let result = self.builtin_inner(expr, fun, builtin, args, ellipsis);
        if matches!(builtin, Builtin::Len | Builtin::Cap) {
            self.env.has_call_or_recv |= saved;
        }
        let _ = store;
        let _ = invalid;
        result
    }

    fn builtin_inner(
        &mut self,
        expr: ExprId,
        fun: ExprId,
        builtin: Builtin,
        args: &'a [ExprId],
        ellipsis: Option<Pos>,
    ) -> Operand {
        let store = self.store;
        let name = builtin.name();
        // Types as arguments are handled by the functions themselves.
        let mut operands: Vec<Operand> = Vec::new();
        let takes_type = matches!(
            builtin,
            Builtin::Make | Builtin::New | Builtin::Trace | Builtin::Offsetof
        );
        if !takes_type {
            operands = self.argument_list(args);
            if operands.len() > args.len() {
                for (x, nth) in operands.iter_mut().zip(1..) {
                    x.nth = nth;
                }
            }
            if operands.iter().any(Operand::is_invalid) {
                return Operand::invalid(expr);
            }
            for x in &mut operands.iter_mut() {
                if let Type::Signature(signature) = store.ty(store.unalias(x.ty))
                    && !signature.tparams.is_empty()
                    && x.mode == Mode::Value
                {
                    let text = x.expr.map(|expr| self.expr_str(expr)).unwrap_or_default();
                    let x = x.clone();
                    self.error_operand(
                        &x,
                        "WrongTypeArgCount",
                        format!("cannot use generic function {text} without instantiation"),
                    );
                    return Operand::invalid(expr);
                }
            }
        }
        let given = if takes_type {
            args.len()
        } else {
            operands.len()
        };
        let (wanted, variadic) = arity(builtin);
        let problem = if given < wanted {
            "not enough"
        } else if !variadic && given > wanted {
            "too many"
        } else {
            ""
        };
        if !problem.is_empty() {
            let text = self.expr_str(expr);
            let message = format!(
                "invalid operation: {problem} arguments for {text} (expected {wanted}, found {given})"
            );
            self.error_at(expr, "WrongArgCount", message);
            if takes_type {
                self.use_exprs(args);
            }
            return Operand::invalid(expr);
        }
        let _ = fun;
        match builtin {
            Builtin::Append => self.builtin_append(expr, operands, ellipsis),
            Builtin::Cap | Builtin::Len => self.builtin_len(expr, builtin, operands),
            Builtin::Clear => {
                self.require_version(self.pos(fun), 21, "clear");
                let x = &operands[0];
                let ok = self.all_under(x.ty, &mut |checker, ty| {
                    matches!(checker.store.ty(ty), Type::Map { .. } | Type::Slice(_))
                });
                if !ok {
                    let text = self.operand_str(x);
                    let message = format!(
                        "invalid argument: cannot clear {text}: argument must be (or constrained by) map or slice"
                    );
                    self.error_operand(&x.clone(), "InvalidClear", message);
                    return Operand::invalid(expr);
                }
                Operand {
                    mode: Mode::NoValue,
                    ty: TypeId::INVALID,
                    val: None,
                    expr: Some(expr),
                    nth: 0,
                }
            }
            Builtin::Close => {
                let x = operands[0].clone();
                let mut problem = None;
                self.all_under(x.ty, &mut |checker, ty| match checker.store.ty(ty) {
                    Type::Chan {
                        dir: ChanDir::Recv, ..
                    } => {
                        problem = Some("receive-only channel");
                        false
                    }
                    Type::Chan { .. } => true,
                    _ => {
                        problem = Some("non-channel");
                        false
                    }
                });
                if store.is_type_param(x.ty)
                    && problem.is_none()
                    && !self.all_under(x.ty, &mut |_, _| true)
                {
                    problem = Some("non-channel");
                }
                if let Some(problem) = problem {
                    let text = self.operand_str(&x);
                    self.error_operand(
                        &x,
                        "InvalidClose",
                        format!("invalid operation: cannot close {problem} {text}"),
                    );
                    return Operand::invalid(expr);
                }
                Operand {
                    mode: Mode::NoValue,
                    ty: TypeId::INVALID,
                    val: None,
                    expr: Some(expr),
                    nth: 0,
                }
            }
            Builtin::Complex => self.builtin_complex(expr, operands),
            Builtin::Copy => self.builtin_copy(expr, operands),
            Builtin::Delete => {
                let map = operands[0].clone();
                let mut key = None;
                let mut different = false;
                let is_map =
                    self.all_under(map.ty, &mut |checker, ty| match checker.store.ty(ty) {
                        Type::Map { key: this, .. } => {
                            if let Some(other) = key
                                && !checker.store.identical(other, *this)
                            {
                                different = true;
                                return false;
                            }
                            key = Some(*this);
                            true
                        }
                        _ => false,
                    });
                if !is_map || key.is_none() {
                    let text = self.operand_str(&map);
                    let message = if different {
                        format!("invalid argument: maps of {text} must have identical key types")
                    } else {
                        format!("invalid argument: {text} is not a map")
                    };
                    self.error_operand(&map, "InvalidDelete", message);
                    return Operand::invalid(expr);
                }
                let mut x = operands[1].clone();
                self.assignment(&mut x, key, "argument to delete");
                if x.is_invalid() {
                    return Operand::invalid(expr);
                }
                Operand {
                    mode: Mode::NoValue,
                    ty: TypeId::INVALID,
                    val: None,
                    expr: Some(expr),
                    nth: 0,
                }
            }
            Builtin::Imag | Builtin::Real => self.builtin_part(expr, builtin, operands),
            Builtin::Make => self.builtin_make(expr, args),
            Builtin::Max | Builtin::Min => self.builtin_min_max(expr, builtin, operands, fun),
            Builtin::New => self.builtin_new(expr, args[0]),
            Builtin::Panic => {
                let mut x = operands[0].clone();
                self.assignment(&mut x, Some(TypeId::INTERFACE_LITERAL), "argument to panic");
                if x.is_invalid() {
                    return Operand::invalid(expr);
                }
                Operand {
                    mode: Mode::NoValue,
                    ty: TypeId::INVALID,
                    val: None,
                    expr: Some(expr),
                    nth: 0,
                }
            }
            Builtin::Print | Builtin::Println => {
                let context = format!("argument to built-in {name}");
                for mut x in operands {
                    self.assignment(&mut x, None, &context);
                    if x.is_invalid() {
                        return Operand::invalid(expr);
                    }
                }
                Operand {
                    mode: Mode::NoValue,
                    ty: TypeId::INVALID,
                    val: None,
                    expr: Some(expr),
                    nth: 0,
                }
            }
            Builtin::Recover => Operand::new(Mode::Value, TypeId::INTERFACE_LITERAL, expr),
            Builtin::Add => {
                self.require_version(self.pos(fun), 17, "unsafe.Add");
                let pointer = TypeId::basic(BasicKind::UnsafePointer);
                let mut x = operands[0].clone();
                self.assignment(&mut x, Some(pointer), "argument to unsafe.Add");
                let mut y = operands[1].clone();
                if x.is_invalid() || !self.valid_index(&mut y, "length", true) {
                    return Operand::invalid(expr);
                }
                Operand::new(Mode::Value, pointer, expr)
            }
            Builtin::Alignof | Builtin::Sizeof => {
                let mut x = operands[0].clone();
                let context = format!("argument to {}", builtin.qualified_name());
                self.assignment(&mut x, None, &context);
                if x.is_invalid() {
                    return Operand::invalid(expr);
                }
                let uintptr = TypeId::basic(BasicKind::Uintptr);
                match self.finite_size(x.ty) {
                    SizeKind::Finite => {}
                    SizeKind::Infinite => return Operand::new(Mode::Value, uintptr, expr),
                    SizeKind::Invalid => return Operand::invalid(expr),
                }
                if self.has_variable_size(x.ty) {
                    return Operand::new(Mode::Value, uintptr, expr);
                }
                let size = if builtin == Builtin::Alignof {
                    store.alignof(x.ty)
                } else {
                    match store.sizeof(x.ty) {
                        Some(size) => size,
                        None => {
                            let text = self.operand_str(&x);
                            self.error_operand(&x, "TypeTooLarge", format!("{text} is too large"));
                            return Operand::invalid(expr);
                        }
                    }
                };
                Operand::constant(uintptr, ConstValue::Int(size), expr)
            }
            Builtin::Offsetof => self.builtin_offsetof(expr, args[0]),
            Builtin::Slice => {
                self.require_version(self.pos(fun), 17, "unsafe.Slice");
                let x = operands[0].clone();
                let under = self.shared_under(x.ty).unwrap_or(TypeId::INVALID);
                let Type::Pointer(elem) = store.ty(under) else {
                    let text = self.operand_str(&x);
                    self.error_operand(
                        &x,
                        "InvalidUnsafeSlice",
                        format!("invalid argument: {text} is not a pointer"),
                    );
                    return Operand::invalid(expr);
                };
                let mut y = operands[1].clone();
                if !self.valid_index(&mut y, "length", false) {
                    return Operand::invalid(expr);
                }
                Operand::new(Mode::Value, store.slice(*elem), expr)
            }
            Builtin::SliceData => {
                self.require_version(self.pos(fun), 20, "unsafe.SliceData");
                let x = operands[0].clone();
                match self.shared_under(x.ty).map(|under| store.ty(under)) {
                    Ok(Type::Slice(elem)) => Operand::new(Mode::Value, store.pointer(*elem), expr),
                    _ => {
                        let text = self.operand_str(&x);
                        self.error_operand(
                            &x,
                            "InvalidUnsafeSliceData",
                            format!("invalid argument: {text} is not a slice"),
                        );
                        Operand::invalid(expr)
                    }
                }
            }
            Builtin::String => {
                self.require_version(self.pos(fun), 20, "unsafe.String");
                let mut x = operands[0].clone();
                let pointer = store.pointer(TypeId::BYTE);
                self.assignment(&mut x, Some(pointer), "argument to unsafe.String");
                let mut y = operands[1].clone();
                if x.is_invalid() || !self.valid_index(&mut y, "length", false) {
                    return Operand::invalid(expr);
                }
                Operand::new(Mode::Value, TypeId::basic(BasicKind::String), expr)
            }
            Builtin::StringData => {
                self.require_version(self.pos(fun), 20, "unsafe.StringData");
                let mut x = operands[0].clone();
                self.assignment(
                    &mut x,
                    Some(TypeId::basic(BasicKind::String)),
                    "argument to unsafe.StringData",
                );
                if x.is_invalid() {
                    return Operand::invalid(expr);
                }
                Operand::new(Mode::Value, store.pointer(TypeId::BYTE), expr)
            }
            Builtin::Assert => {
                let x = operands[0].clone();
                let ok = x.is_const() && store.basic_kind(x.ty).is_some_and(BasicKind::is_boolean);
                if !ok {
                    let text = self.operand_str(&x);
                    self.error_operand(
                        &x,
                        "Test",
                        format!("invalid argument: {text} is not a boolean constant"),
                    );
                    return Operand::invalid(expr);
                }
                if x.val.as_ref().and_then(ConstValue::as_bool) == Some(false) {
                    let text = self.expr_str(expr);
                    self.error_at(expr, "Test", format!("{text} failed"));
                }
                Operand {
                    expr: Some(expr),
                    ..x
                }
            }
            Builtin::Trace => {
                if args.is_empty() {
                    return Operand {
                        mode: Mode::NoValue,
                        ty: TypeId::INVALID,
                        val: None,
                        expr: Some(expr),
                        nth: 0,
                    };
                }
                let mut last = Operand::invalid(expr);
                for &arg in args {
                    last = self.raw_expr(arg, None, None, true);
                }
                last.expr = Some(expr);
                last
            }
        }
    }

    /// Whether a predicate holds for the underlying type, or those of all types of a type parameter's set.
    pub(super) fn all_under(
        &mut self,
        ty: TypeId,
        predicate: &mut dyn FnMut(&mut Self, TypeId) -> bool,
    ) -> bool {
        let store = self.store;
        match store.type_param(ty) {
            None => predicate(self, store.underlying(ty)),
            Some(param) => {
                let types = store
                    .specific_types(store.constraint(param))
                    .unwrap_or_default();
                !types.is_empty()
                    && types
                        .into_iter()
                        .all(|ty| predicate(self, store.underlying(ty)))
            }
        }
    }
    /// Whether the size of a type depends on type parameters.
    fn has_variable_size(&self, ty: TypeId) -> bool {
        self.has_variable_size_at(ty, 0)
    }
    fn has_variable_size_at(&self, ty: TypeId, depth: u32) -> bool {
        let store = self.store;
        match store.under(ty) {
            _ if depth > 1000 => false,
            Type::TypeParam(_) => true,
            Type::Array { elem, .. } => self.has_variable_size_at(*elem, depth + 1),
            Type::Struct(structure) => structure
                .fields
                .iter()
                .any(|&field| self.has_variable_size_at(store.obj_type(field), depth + 1)),
            _ => false,
        }
    }

    fn builtin_len(&mut self, expr: ExprId, builtin: Builtin, operands: Vec<Operand>) -> Operand {
        let store = self.store;
        let mut x = operands.into_iter().next().expect("counted");
        let int = TypeId::basic(BasicKind::Int);
        let mut constant = None;
        let mut mode = Mode::Invalid;
        let deref_array = |ty: TypeId| match store.under(ty) {
            Type::Pointer(elem) if matches!(store.under(*elem), Type::Array { .. }) => {
                store.underlying(*elem)
            }
            _ => store.underlying(ty),
        };
        if store.is_type_param(x.ty) {
            let ok = self.all_under(x.ty, &mut |_, ty| match store.ty(deref_array(ty)) {
                Type::Basic(kind) => kind.is_string() && builtin == Builtin::Len,
                Type::Array { .. } | Type::Slice(_) | Type::Chan { .. } => true,
                Type::Map { .. } => builtin == Builtin::Len,
                _ => false,
            });
            if ok {
                mode = Mode::Value;
            }
        } else {
            match store.ty(deref_array(x.ty)) {
                Type::Basic(kind) if kind.is_string() && builtin == Builtin::Len => {
                    mode = Mode::Value;
                    if let Some(len) = x.val.as_ref().and_then(|value| value.text_len()) {
                        constant = Some(len as i64);
                    }
                }
                Type::Array { len, .. } => {
                    mode = Mode::Value;
                    // Constant if nothing is evaluated.
                    if !self.env.has_call_or_recv {
                        constant = Some(*len);
                    }
                }
                Type::Slice(_) | Type::Chan { .. } => mode = Mode::Value,
                Type::Map { .. } if builtin == Builtin::Len => mode = Mode::Value,
                _ => {}
            }
        }
        if mode == Mode::Invalid {
            if store.underlying(x.ty) != TypeId::INVALID {
                let text = self.operand_str(&x);
                self.error_operand(
                    &x,
                    "InvalidLen",
                    format!("invalid argument: {text} for built-in {}", builtin.name()),
                );
            }
            return Operand::invalid(expr);
        }
        if store.is_untyped(x.ty) {
            self.convert_untyped(&mut x, TypeId::basic(BasicKind::String));
        }
        match constant {
            Some(value) => Operand::constant(int, ConstValue::Int(value), expr),
            None => Operand::new(Mode::Value, int, expr),
        }
    }

    fn builtin_new(&mut self, expr: ExprId, arg: ExprId) -> Operand {
        let store = self.store;
        let mut x = self.expr_or_type(arg, false);
        match x.mode {
            Mode::Invalid => Operand::invalid(expr),
            Mode::TypeExpr => {
                let ty = x.ty;
                if ty == TypeId::INVALID {
                    return Operand::invalid(expr);
                }
                if store.is_interface(ty) && !store.type_set(ty).is_method_set() {
                    let text = self.type_str(ty);
                    let why = if store.type_set(ty).comparable {
                        "interface is (or embeds) comparable"
                    } else {
                        "interface contains type constraints"
                    };
                    self.error_at(
                        arg,
                        "MisplacedConstraintIface",
                        format!("cannot use type {text} outside a type constraint: {why}"),
                    );
                    return Operand::invalid(expr);
                }
                Operand::new(Mode::Value, store.pointer(ty), expr)
            }
            _ => {
                self.assignment(&mut x, None, "argument to new");
                if x.is_invalid() {
                    return Operand::invalid(expr);
                }
                let text = self.expr_str(arg);
                self.require_version(self.pos(expr), 26, &format!("new({text})"));
                Operand::new(Mode::Value, store.pointer(x.ty), expr)
            }
        }
    }

    fn builtin_offsetof(&mut self, expr: ExprId, arg: ExprId) -> Operand {
        let store = self.store;
        let inner = self.env.ast.unparen(arg);
        let ExprKind::Selector { x, sel } = *self.kind(inner) else {
            let text = self.expr_str(arg);
            self.error_at(
                arg,
                "BadOffsetofSyntax",
                format!("invalid argument: {text} is not a selector expression"),
            );
            self.use_exprs(&[arg]);
            return Operand::invalid(expr);
        };
        let operand = self.expr(x);
        if operand.is_invalid() {
            return Operand::invalid(expr);
        }
        // An embedded pointer may not be followed, but x itself may be a pointer.
        let base = match store.under(operand.ty) {
            Type::Pointer(elem) => *elem,
            _ => operand.ty,
        };
        let sym = self.sym(sel);
        let found = store.lookup_any(base, Some(self.pkg), sym, false);
        let (obj, index, indirect) = match found {
            Lookup::Found {
                obj,
                index,
                indirect,
            } => (obj, index, indirect),
            _ => {
                let text = self.type_str(base);
                self.error_operand(
                    &operand,
                    "MissingFieldOrMethod",
                    format!("invalid argument: {text} has no single field {sym}"),
                );
                return Operand::invalid(expr);
            }
        };
        if matches!(store.obj(obj).kind, ObjKind::Func(_)) {
            let text = self.expr_str(arg);
            self.error_at(
                arg,
                "InvalidOffsetof",
                format!("invalid argument: {text} is a method value"),
            );
            return Operand::invalid(expr);
        }
        if indirect {
            let text = self.type_str(base);
            self.error_operand(
                &operand,
                "InvalidOffsetof",
                format!("invalid argument: field {sym} is embedded via a pointer in {text}"),
            );
            return Operand::invalid(expr);
        }
        self.record_name(sel, obj);
        let selection = Selection {
            kind: SelectionKind::Field,
            recv: base,
            obj,
            index: index.clone().into(),
            indirect: false,
        };
        self.table().selections.insert(inner, selection);
        let selected = Operand::new(Mode::Variable, store.obj_type(obj), inner);
        self.record_through_parens(arg, &selected);
        let uintptr = TypeId::basic(BasicKind::Uintptr);
        match self.finite_size(base) {
            SizeKind::Finite => {}
            SizeKind::Infinite => return Operand::new(Mode::Value, uintptr, expr),
            SizeKind::Invalid => return Operand::invalid(expr),
        }
        if self.has_variable_size(base) {
            return Operand::new(Mode::Value, uintptr, expr);
        }
        let mut offset = 0i64;
        let mut ty = base;
        for &at in &index {
            let Type::Struct(structure) = store.under(ty) else {
                break;
            };
            match store.offsets(structure).get(at as usize) {
                Some(Some(field)) => offset += field,
                _ => {
                    let text = self.type_str(base);
                    self.error_operand(&operand, "TypeTooLarge", format!("type {text} too large"));
                    return Operand::invalid(expr);
                }
            }
            ty = store.obj_type(structure.fields[at as usize]);
        }
        let _ = composite_kind;
        Operand::constant(uintptr, ConstValue::Int(offset), expr)
    }
}
