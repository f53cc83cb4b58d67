//! Composite and function literals.

use base::FxHashMap;
use source::Pos;
use syntax::ast::{ArrayLen, ExprId, ExprKind, StmtId};

use super::operand::{Operand, format_constant};
use super::{Body, Checker};
use crate::constant::{ConstStr, ConstValue};
use crate::model::*;
use crate::typed::*;

/// A constant as key of a duplicate check.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum ConstKey {
    Bool(bool),
    Int(i64),
    Str(ConstStr),
    /// Other numbers, by their exact text.
    Other(String),
}

pub(super) fn const_key(value: &ConstValue) -> Option<ConstKey> {
    Some(match value {
        ConstValue::Unknown => return None,
        ConstValue::Bool(value) => ConstKey::Bool(*value),
        ConstValue::Int(value) => ConstKey::Int(*value),
        ConstValue::Str(bytes) => ConstKey::Str(bytes.clone()),
        ConstValue::Complex(parts) if parts.1.is_zero() => return const_key(&parts.0),
        ConstValue::BigInt(_) | ConstValue::Float(_) | ConstValue::Complex(_) => {
            ConstKey::Other(format!("{value:?}"))
        }
    })
}

impl<'a> Checker<'a> {
    pub(super) fn func_literal(&mut self, expr: ExprId, ty: ExprId, body: StmtId) -> Operand {
        let signature = self.typ(ty);
        if !matches!(self.store.ty(signature), Type::Signature(_)) {
            return Operand::invalid(expr);
        }
        if !self.input.ignore_func_bodies {
            let body_later = Body {
                signature,
                body,
                name: None,
            };
            if self.env.in_func && !self.path.is_empty() {
                // In a local type declaration: the type is not complete yet.
                self.pending_literals.push(body_later);
            } else if self.env.in_func {
                // Inside a function all types are complete, and outer variables are in scope now.
                let has_call = self.env.has_call_or_recv;
                self.function(signature, body);
                self.env.has_call_or_recv = has_call;
            } else {
                self.later(move |checker| checker.func_body(body_later));
            }
        }
        Operand::new(Mode::Value, signature, expr)
    }

    pub(super) fn composite_literal(
        &mut self,
        expr: ExprId,
        ty: Option<ExprId>,
        elems: &'a [ExprId],
        rbrace: Pos,
        hint: Option<TypeId>,
    ) -> Operand {
        let store = self.store;
        let (literal, base) = match (ty, hint) {
            (Some(ty), _) => {
                // `[...]T` gets its length from the elements.
                if let ExprKind::ArrayType {
                    len: ArrayLen::Auto,
                    elem,
                } = self.kind(ty)
                {
                    let elem_type = self.var_type(*elem);
                    let length = self.array_elements(elems, elem_type, -1);
                    let array = store.array(length, elem_type);
                    self.record_type(ty, array);
                    return Operand::new(Mode::Value, array, expr);
                }
                let ty = self.typ(ty);
                (ty, ty)
            }
            (None, Some(hint)) => {
                // `{...}` for an element of pointer type is `&T{...}`.
                let base = match self.shared_under(hint) {
                    Ok(under) => match store.ty(under) {
                        Type::Pointer(elem) => *elem,
                        _ => hint,
                    },
                    Err(_) => hint,
                };
                (hint, base)
            }
            (None, None) => {
                self.error_at(
                    expr,
                    "UntypedLit",
                    "invalid composite literal type: missing type"
                        .replace(": missing type", "")
                        .replace(
                            "invalid composite literal type",
                            "missing type in composite literal or generic type",
                        ),
                );
                self.use_exprs(elems);
                return Operand::invalid(expr);
            }
        };
        if !self.require_complete(base) {
            self.use_exprs(elems);
            return Operand::invalid(expr);
        }
        let under = match self.shared_under(base) {
            Ok(under) => under,
            Err(_) => {
                let text = self.type_str(literal);
                let what = if ty.is_none() { " element" } else { "" };
                self.error_at(
                    expr,
                    "InvalidLit",
                    format!(
                        "invalid composite literal{what} type {text} (no common underlying type)"
                    ),
                );
                self.use_exprs(elems);
                return Operand::invalid(expr);
            }
        };
        match store.ty(under) {
            Type::Struct(structure) => {
                let lookup = if store.is_type_param(base) {
                    under
                } else {
                    base
                };
                self.struct_literal(expr, base, lookup, structure, elems, rbrace)
            }
            Type::Array { len, elem } => {
                self.array_elements(elems, *elem, *len);
            }
            Type::Slice(elem) => {
                self.array_elements(elems, *elem, -1);
            }
            Type::Map { key, elem } => self.map_elements(elems, *key, *elem),
            Type::Basic(BasicKind::Invalid) => {
                self.use_exprs(elems);
                if literal == TypeId::INVALID {
                    return Operand::invalid(expr);
                }
            }
            _ => {
                for &elem in elems {
                    match self.kind(elem) {
                        ExprKind::KeyValue { value, .. } => self.use_exprs(&[*value]),
                        _ => self.use_exprs(&[elem]),
                    }
                }
                let text = self.type_str(literal);
                let what = if ty.is_none() { " element" } else { "" };
                self.error_at(
                    expr,
                    "InvalidLit",
                    format!("invalid composite literal{what} type {text}"),
                );
                return Operand::invalid(expr);
            }
        }
        Operand::new(Mode::Value, literal, expr)
    }

    fn struct_literal(
        &mut self,
        expr: ExprId,
        ty: TypeId,
        lookup: TypeId,
        structure: &'a Struct,
        elems: &'a [ExprId],
        rbrace: Pos,
    ) {
        let store = self.store;
        let Some(&first) = elems.first() else { return };
        if matches!(self.kind(first), ExprKind::KeyValue { .. }) {
            let mut seen: FxHashMap<ObjId, Vec<u32>> = FxHashMap::default();
            let mut paths: Vec<(Vec<u32>, base::Symbol)> = Vec::new();
            for &elem in elems {
                let ExprKind::KeyValue { key, value } = self.kind(elem) else {
                    self.error_at(
                        elem,
                        "MixedStructLit",
                        "mixture of field:value and value elements in struct literal",
                    );
                    self.use_exprs(&[elem]);
                    continue;
                };
                let ExprKind::Name(name) = self.kind(*key) else {
                    let text = self.expr_str(*key);
                    self.error_at(
                        elem,
                        "InvalidLitField",
                        format!("invalid field name {text} in struct literal"),
                    );
                    self.use_exprs(&[*value]);
                    continue;
                };
                let sym = self.sym(*name);
                let found = store.lookup_any(lookup, Some(self.pkg), sym, false);
                let (field, index, indirect) = match found {
                    Lookup::Found {
                        obj,
                        index,
                        indirect,
                    } if matches!(store.obj(obj).kind, ObjKind::Var(_)) => (obj, index, indirect),
                    _ => {
                        let similar = store.lookup_any(lookup, Some(self.pkg), sym, true);
                        let message = match found {
                            Lookup::Ambiguous(_) => format!("ambiguous selector {sym}"),
                            _ => self.lookup_hint(ty, sym, similar, true),
                        };
                        let pos = self.pos(*key);
                        self.error(pos, "MissingLitField", message);
                        self.use_exprs(&[*value]);
                        continue;
                    }
                };
                if index.len() > 1 && indirect {
                    let pos = self.pos(*key);
                    let message = format!("invalid implicit pointer indirection to reach {sym}");
                    self.error(pos, "InvalidLitField", message);
                    self.use_exprs(&[*value]);
                    continue;
                }
                if index.len() > 1 {
                    // Promoted fields can be set since go1.27.
                    let text = self.type_str(ty);
                    let path = self.field_path(structure, &index);
                    if !self.allows(27) {
                        let pos = self.pos(*key);
                        self.require_version(
                            pos,
                            27,
                            &format!(
                                "use of promoted field {path} in struct literal of type {text}"
                            ),
                        );
                    }
                }
                self.record_name(*name, field);
                let target = self.target_for(field, Some("struct literal"));
                let mut x = self.expr_with_target(*value, target.as_ref());
                self.assignment(&mut x, Some(store.obj_type(field)), "struct literal");
                if seen.contains_key(&field) {
                    let pos = self.start(elem);
                    self.error(
                        pos,
                        "DuplicateLitField",
                        format!("duplicate field name {sym} in struct literal"),
                    );
                    continue;
                }
                for (other, other_name) in &paths {
                    if other.len() != index.len()
                        && (index.starts_with(other) || other.starts_with(&index))
                    {
                        let message = if index.len() > other.len() {
                            format!(
                                "cannot specify promoted field {sym} and enclosing embedded field {other_name}"
                            )
                        } else {
                            format!(
                                "cannot specify embedded field {sym} and enclosed promoted field {other_name}"
                            )
                        };
                        let pos = self.start(elem);
                        self.error(pos, "DuplicateLitField", message);
                        break;
                    }
                }
                seen.insert(field, index.clone());
                paths.push((index, sym));
            }
            return;
        }
        for (i, &elem) in elems.iter().enumerate() {
            if let ExprKind::KeyValue { value, .. } = self.kind(elem) {
                self.error_at(
                    elem,
                    "MixedStructLit",
                    "mixture of field:value and value elements in struct literal",
                );
                self.use_exprs(&[*value]);
                continue;
            }
            let Some(&field) = structure.fields.get(i) else {
                self.use_exprs(&[elem]);
                let text = self.type_str(ty);
                self.error_at(
                    elem,
                    "InvalidStructLit",
                    format!("too many values in struct literal of type {text}"),
                );
                self.use_exprs(&elems[i + 1..]);
                return;
            };
            let object = store.obj(field);
            let target = self.target_for(field, Some("struct literal"));
            let mut x = self.expr_with_target(elem, target.as_ref());
            if !object.name.is_exported() && object.pkg != Some(self.pkg) {
                let text = self.type_str(ty);
                let name = object.name;
                self.error_operand(&x.clone(), "UnexportedLitField", format!("implicit assignment to unexported field {name} in struct literal of type {text}"));
                continue;
            }
            self.assignment(&mut x, Some(store.obj_type(field)), "struct literal");
        }
        if elems.len() < structure.fields.len() {
            let text = self.type_str(ty);
            let _ = expr;
            let is_hidden = |&field: &ObjId| {
                let field = store.obj(field);
                field.pkg != Some(self.pkg) && !field.name.is_exported()
            };
            let hint = match structure.fields.iter().any(is_hidden) {
                true => " (type has unexported fields - use key:value pairs)",
                false => "",
            };
            self.error(
                rbrace,
                "InvalidStructLit",
                format!("too few values in struct literal of type {text}{hint}"),
            );
        }
    }
    fn field_path(&self, structure: &Struct, index: &[u32]) -> String {
        let store = self.store;
        let mut names = Vec::new();
        let mut fields: Vec<ObjId> = structure.fields.to_vec();
        for &at in index {
            let Some(&field) = fields.get(at as usize) else {
                break;
            };
            names.push(store.obj(field).name.as_str());
            let (elem, _) = store.deref(store.obj_type(field));
            fields = match store.under(elem) {
                Type::Struct(inner) => inner.fields.to_vec(),
                _ => Vec::new(),
            };
        }
        names.join(".")
    }
    /// Elements of an array or slice literal. Returns one more than the largest index.
    fn array_elements(&mut self, elems: &'a [ExprId], elem_type: TypeId, length: i64) -> i64 {
        let mut seen: Option<base::FxHashSet<i64>> = None;
        let keyed = elems
            .iter()
            .any(|&elem| matches!(self.kind(elem), ExprKind::KeyValue { .. }));
        if keyed {
            seen = Some(base::FxHashSet::default());
        }
        let target = self.target_of(elem_type, "array or slice literal");
        let (mut index, mut max) = (0i64, 0i64);
        for &elem in elems {
            let mut valid = false;
            let mut value = elem;
            let mut at = elem;
            if let ExprKind::KeyValue { key, value: keyed } = self.kind(elem) {
                value = *keyed;
                at = *key;
                if let Some(i) = self.const_index(*key, length) {
                    index = i;
                    valid = true;
                } else if !matches!(self.info(*key).mode, Mode::Constant)
                    && self.info(*key).mode != Mode::Invalid
                {
                    let text = self.expr_str(*key);
                    self.error_at(
                        *key,
                        "InvalidLitIndex",
                        format!("index {text} must be integer constant"),
                    );
                }
            } else if length >= 0 && index >= length {
                self.error_at(
                    elem,
                    "OversizeArrayLit",
                    format!("index {index} is out of bounds (>= {length})"),
                );
            } else {
                valid = true;
            }
            if valid
                && let Some(seen) = &mut seen
                && !seen.insert(index)
            {
                self.error_at(
                    at,
                    "DuplicateLitKey",
                    format!("duplicate index {index} in array or slice literal"),
                );
            }
            index += 1;
            max = max.max(index);
            let mut x = self.expr_with_hint(value, elem_type, target.as_ref());
            self.assignment(&mut x, Some(elem_type), "array or slice literal");
        }
        max
    }
    fn const_index(&mut self, key: ExprId, length: i64) -> Option<i64> {
        self.check_index(key, length)
    }

    fn map_elements(&mut self, elems: &'a [ExprId], key_type: TypeId, elem_type: TypeId) {
        let store = self.store;
        let key_interface = store.is_interface(key_type);
        let key_target = self.target_of(key_type, "map literal");
        let elem_target = self.target_of(elem_type, "map literal");
        let mut seen: FxHashMap<ConstKey, Vec<TypeId>> = FxHashMap::default();
        for &elem in elems {
            let ExprKind::KeyValue { key, value } = self.kind(elem) else {
                self.error_at(elem, "MissingLitKey", "missing key in map literal");
                self.use_exprs(&[elem]);
                continue;
            };
            let mut x = self.expr_with_hint(*key, key_type, key_target.as_ref());
            self.assignment(&mut x, Some(key_type), "map literal");
            if x.is_invalid() {
                continue;
            }
            if !x.is_invalid()
                && x.is_const()
                && let Some(constant) = x.val.as_ref().and_then(const_key)
            {
                let known = seen.entry(constant).or_default();
                let duplicate = if key_interface {
                    known.iter().any(|&ty| store.identical(ty, x.ty))
                } else {
                    !known.is_empty()
                };
                if duplicate {
                    let text = x
                        .val
                        .as_ref()
                        .map(|value| format_constant(store, x.ty, value))
                        .unwrap_or_default();
                    self.error_at(
                        *key,
                        "DuplicateLitKey",
                        format!("duplicate key {text} in map literal"),
                    );
                } else {
                    known.push(x.ty);
                }
            }
            let mut x = self.expr_with_hint(*value, elem_type, elem_target.as_ref());
            self.assignment(&mut x, Some(elem_type), "map literal");
        }
    }
}
