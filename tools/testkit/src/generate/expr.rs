//! Expressions without side effects.

use super::Gen;
use super::types::{ANY, BOOL, FLOAT64, INT, INT32, Kind, STRING, TypeId, UINT, UINT8, UINT64};

/// An expression's text, and whether Go takes it for a constant.
struct Expr {
    text: String,
    constant: bool,
}

fn value_of(text: String) -> Expr {
    Expr {
        text,
        constant: false,
    }
}

impl Gen<'_> {
    /// An expression of a type; a constant now and then.
    pub fn value(&mut self, typ: TypeId, depth: u32) -> String {
        self.expr(typ, depth).text
    }

    /// An expression that is no constant.
    pub fn operand(&mut self, typ: TypeId, depth: u32) -> String {
        let e = self.expr(typ, depth);
        if e.constant {
            format!("k({})", e.text)
        } else {
            e.text
        }
    }

    /// Way to a variable or to a part of one. For assignment, the steps lead only through what is certainly there.
    /// `want`: the type, or any.
    pub fn place(&mut self, want: Option<TypeId>, assign: bool) -> Option<(String, TypeId)> {
        if self.vars.is_empty() {
            return None;
        }
        for _ in 0..8 {
            let var = self.rng.below(self.vars.len());
            let var = self.vars[var].clone();
            let (mut text, mut typ) = (var.name.clone(), var.typ);
            let mut steps = 0;
            let mut addressable = true;
            let limit = self.rng.range(1, 5);
            loop {
                let fits = want.map_or(steps >= limit || self.is_leaf(typ), |want| want == typ);
                let guarded = var.nonnil || var.min_len > 0 || var.frozen;
                if fits && !(assign && (!addressable || steps == 0 && guarded)) {
                    return Some((text, typ));
                }
                if steps >= 4 || assign && var.frozen {
                    break;
                }
                steps += 1;
                match self.types.kind(typ).clone() {
                    Kind::Struct(fields) => {
                        let (name, field) = self.rng.of(&fields);
                        text = format!("{text}.{name}");
                        typ = *field;
                    }
                    Kind::Array(n, element) => {
                        let index = self.index(n);
                        text = format!("{text}[{index}]");
                        typ = element;
                    }
                    Kind::Pointer(element) => {
                        if assign && self.pure {
                            break;
                        }
                        text = if steps == 1 && var.nonnil {
                            format!("(*{text})")
                        } else {
                            format!("(*dp({text}))")
                        };
                        typ = element;
                    }
                    Kind::Slice(element) => {
                        if assign && self.pure {
                            break;
                        }
                        if steps == 1 && var.min_len > 0 {
                            let index = self.index(var.min_len);
                            text = format!("{text}[{index}]");
                        } else if assign {
                            break;
                        } else {
                            let index = self.operand(UINT, 1);
                            text = format!("at({text}, {index})");
                            addressable = false;
                        }
                        typ = element;
                    }
                    Kind::Map(key, element) => {
                        if assign && (self.pure || steps != 1 || !var.nonnil) {
                            break;
                        }
                        let key = self.operand(key, 1);
                        text = format!("{text}[{key}]");
                        typ = element;
                        if assign {
                            return (want.is_none() || want == Some(typ)).then_some((text, typ));
                        }
                        addressable = false;
                    }
                    Kind::String if !assign && want == Some(UINT8) => {
                        let index = self.operand(UINT, 1);
                        return Some((format!("charAt(string({text}), {index})"), UINT8));
                    }
                    _ => break,
                }
            }
        }
        None
    }

    fn is_leaf(&self, typ: TypeId) -> bool {
        !matches!(
            self.types.kind(typ),
            Kind::Struct(_) | Kind::Array(..) | Kind::Pointer(_)
        )
    }

    /// An index below n.
    fn index(&mut self, n: u32) -> String {
        if n == 1 || self.rng.chance(50) {
            return self.rng.below(n as usize).to_string();
        }
        let counters: Vec<String> = self
            .vars
            .iter()
            .filter(|v| v.frozen && v.nonnil && v.typ == INT)
            .map(|v| v.name.clone())
            .collect();
        let index = if !counters.is_empty() && self.rng.chance(70) {
            let name = self.rng.of(&counters).clone();
            // Counters are never negative.
            return match self.rng.below(2) {
                0 if n.is_power_of_two() => format!("{name}&{}", n - 1),
                _ => format!("{name}%{n}"),
            };
        } else {
            let typ = *self.rng.of(&[UINT, UINT8, UINT64]);
            self.operand(typ, 1)
        };
        if n.is_power_of_two() && n <= 128 && self.rng.chance(50) {
            format!("{index}&{}", n - 1)
        } else {
            format!("{index}%{n}")
        }
    }

    fn literal(&mut self, typ: TypeId) -> Expr {
        let name = self.types.text(typ).to_owned();
        let text = match self.types.kind(typ).clone() {
            Kind::Bool => {
                let value = self.rng.chance(50);
                match typ {
                    BOOL => format!("{value}"),
                    _ => format!("{name}({value})"),
                }
            }
            Kind::Integer(bits, signed) => {
                let value = self.integer_literal(bits, signed);
                match typ {
                    INT => format!("({value})"),
                    _ => format!("{name}({value})"),
                }
            }
            Kind::Float(bits) => {
                let value = match self.rng.below(8) {
                    0 => "0.0".to_owned(),
                    1 => "-1.5".to_owned(),
                    2 => "1e30".to_owned(),
                    3 => "0.1".to_owned(),
                    4 => format!("{}.25", self.rng.below(1000)),
                    5 if bits == 64 => "-1e300".to_owned(),
                    6 => "3e-38".to_owned(),
                    _ => format!("-{}e-3", self.rng.below(100_000)),
                };
                format!("{name}({value})")
            }
            Kind::Complex(_) => format!(
                "{name}(complex({}, {}.5))",
                self.rng.below(9),
                self.rng.below(50)
            ),
            Kind::String => {
                let value = *self.rng.of(&[
                    "\"\"",
                    "\"a\"",
                    "\"héllo, 世界\"",
                    "\"\\xff\\xc3(\"",
                    "\"The quick brown fox\"",
                    "\"ab\"",
                    "\"\\x00\\n\"",
                    "`raw`",
                    "\"0123456789abcdefghijklmnopqrstuvwxyz\"",
                ]);
                match typ {
                    STRING => value.to_owned(),
                    _ => format!("{name}({value})"),
                }
            }
            _ => {
                return value_of(self.zero(typ));
            }
        };
        Expr {
            text,
            constant: true,
        }
    }

    fn integer_literal(&mut self, bits: u32, signed: bool) -> String {
        let max: u128 = (1u128 << (bits - u32::from(signed))) - 1;
        let value = match self.rng.below(8) {
            0 => 0,
            1 => 1,
            2 => max,
            3 => max - 1,
            4 => 1u128 << self.rng.below((bits - 1) as usize),
            5 => (1u128 << self.rng.below((bits - 1) as usize)) - 1,
            6 => u128::from(self.rng.next()) & max,
            _ => u128::from(self.rng.next() & 0x7f),
        };
        if signed && self.rng.chance(40) {
            if self.rng.chance(10) {
                return format!("-{}", max + 1);
            }
            return format!("-{value}");
        }
        value.to_string()
    }

    fn zero(&mut self, typ: TypeId) -> String {
        let name = self.types.text(typ).to_owned();
        match self.types.kind(typ) {
            Kind::Struct(_) | Kind::Array(..) => format!("({name}{{}})"),
            _ => format!("*new({name})"),
        }
    }

    fn expr(&mut self, typ: TypeId, depth: u32) -> Expr {
        if self.nesting > 7 {
            // Indexes and keys within places start again with a depth of their own.
            return self.literal(typ);
        }
        self.nesting += 1;
        let e = self.nested(typ, depth);
        self.nesting -= 1;
        e
    }

    fn nested(&mut self, typ: TypeId, depth: u32) -> Expr {
        if depth == 0 || self.rng.chance(12) {
            if self.rng.chance(75)
                && let Some((text, _)) = self.place(Some(typ), false)
            {
                return value_of(text);
            }
            return match self.types.kind(typ) {
                Kind::Struct(_) | Kind::Interface(_) | Kind::Any | Kind::Func(..) if depth > 0 => {
                    self.composed(typ, depth)
                }
                Kind::Interface(_) | Kind::Any => self.composed(typ, 1),
                _ => self.literal(typ),
            };
        }
        match self.rng.below(100) {
            0..20 => {
                if let Some((text, _)) = self.place(Some(typ), false) {
                    return value_of(text);
                }
            }
            20..30 => {
                if let Some(text) = self.call(typ, depth) {
                    return value_of(text);
                }
            }
            30..36 => {
                if let Some(text) = self.method_call(typ, depth) {
                    return value_of(text);
                }
            }
            36..40 => {
                let condition = self.operand(BOOL, depth - 1);
                let (a, b) = (self.operand(typ, depth - 1), self.operand(typ, depth - 1));
                return value_of(format!("pick({condition}, {a}, {b})"));
            }
            40..44 => {
                // A closure that is called at once.
                let param = self.types.simple(self.rng);
                let name = self.fresh("q");
                let argument = self.operand(param, depth - 1);
                self.declare(&name, param);
                self.vars.last_mut().expect("declared").frozen = true;
                let hide = self.vars.len();
                let body = self.value(typ, depth - 1);
                self.vars.remove(hide - 1);
                return value_of(format!(
                    "func({name} {}) {} {{ return {body} }}({argument})",
                    self.types.text(param),
                    self.types.text(typ)
                ));
            }
            _ => {}
        }
        self.composed(typ, depth)
    }

    /// By operators and literals of the type's kind.
    fn composed(&mut self, typ: TypeId, depth: u32) -> Expr {
        let depth = depth.max(1) - 1;
        let name = self.types.text(typ).to_owned();
        match self.types.kind(typ).clone() {
            Kind::Bool => {
                let text = self.condition(depth);
                match typ {
                    BOOL => value_of(text),
                    _ => value_of(format!("{name}({text})")),
                }
            }
            Kind::Integer(bits, signed) => self.integer(typ, bits, signed, depth),
            Kind::Float(_) => self.float(typ, depth),
            Kind::Complex(bits) => {
                let text = match self.rng.below(5) {
                    0..3 => {
                        let (a, b) = (self.operand(typ, depth), self.operand(typ, depth));
                        let op = *self.rng.of(&["+", "-", "*", "/"]);
                        format!("({a} {op} {b})")
                    }
                    3 => format!("(-{})", self.operand(typ, depth)),
                    _ => {
                        let part = if bits == 64 { "float32" } else { "float64" };
                        let (a, b) = (self.operand(FLOAT64, depth), self.operand(INT, depth));
                        format!("{name}(complex({part}({a}), {part}({b})))")
                    }
                };
                value_of(text)
            }
            Kind::String => self.string(typ, depth),
            Kind::Array(n, element) => {
                let mut parts = Vec::new();
                let mut next = 0;
                while next < n && parts.len() < 5 {
                    let value = self.value(element, depth.min(1));
                    if self.rng.chance(20) {
                        next = self.rng.range(next as usize, n as usize) as u32;
                        parts.push(format!("{next}: {value}"));
                    } else {
                        parts.push(value);
                    }
                    next += 1;
                }
                value_of(format!("({name}{{{}}})", parts.join(", ")))
            }
            Kind::Struct(fields) => {
                let mut parts = Vec::new();
                for (field, t) in fields {
                    if self.rng.chance(70) {
                        let value = self.value(t, depth.min(1));
                        parts.push(format!("{field}: {value}"));
                    }
                }
                value_of(format!("({name}{{{}}})", parts.join(", ")))
            }
            Kind::Slice(element) => {
                let text = match self.rng.below(7) {
                    0..3 => {
                        let count = self.rng.below(5);
                        let all: Vec<String> = (0..count)
                            .map(|_| self.value(element, depth.min(1)))
                            .collect();
                        format!("({name}{{{}}})", all.join(", "))
                    }
                    3 => format!("make({name}, {}&7)", self.operand(UINT, depth)),
                    4 => {
                        let (a, i, j) = (
                            self.operand(typ, depth),
                            self.operand(UINT, depth),
                            self.operand(UINT, depth),
                        );
                        format!("part({a}, {i}, {j})")
                    }
                    5 => {
                        let (a, v) = (self.operand(typ, depth), self.value(element, depth));
                        format!("append(append(*new({name}), {a}...), {v})")
                    }
                    _ => {
                        let from = self.types.simple(self.rng);
                        let from_text = self.types.text(from).to_owned();
                        let count = self.rng.below(4);
                        let all: Vec<String> =
                            (0..count).map(|_| self.value(from, depth.min(1))).collect();
                        let name = self.fresh("q");
                        self.declare(&name, from);
                        self.vars.last_mut().expect("declared").frozen = true;
                        let hide = self.vars.len();
                        let body = self.value(element, depth);
                        self.vars.remove(hide - 1);
                        let element = self.types.text(element);
                        format!(
                            "apply([]{from_text}{{{}}}, func({name} {from_text}) {element} {{ return {body} }})",
                            all.join(", ")
                        )
                    }
                };
                value_of(text)
            }
            Kind::Map(key, element) => {
                // No key twice: which entry is stored last is open.
                let constants = match self.types.kind(key) {
                    Kind::Integer(..) => Some(""),
                    Kind::String => Some("\""),
                    _ => None,
                };
                let count = self.rng.below(if constants.is_some() { 5 } else { 2 });
                let mut parts = Vec::new();
                for i in 0..count {
                    let key = match constants {
                        Some(quote) => format!("{quote}{i}{quote}"),
                        None => self.operand(key, depth.min(1)),
                    };
                    let value = self.value(element, depth.min(1));
                    parts.push(format!("{key}: {value}"));
                }
                value_of(format!("({name}{{{}}})", parts.join(", ")))
            }
            Kind::Pointer(element) => {
                let free: Vec<String> = self
                    .vars
                    .iter()
                    .filter(|v| {
                        v.typ == element && !v.frozen && !v.nonnil && v.min_len == 0 && !self.pure
                    })
                    .map(|v| v.name.clone())
                    .collect();
                let text = match self.rng.below(4) {
                    0 | 1 if !free.is_empty() => format!("&{}", self.rng.of(&free)),
                    0 => format!("*new({name})"),
                    1 => {
                        let value = self.operand(element, depth);
                        format!("new({value})")
                    }
                    _ => match self.types.kind(element) {
                        Kind::Struct(_) | Kind::Array(..) => {
                            let literal = self.composed(element, depth.min(1)).text;
                            format!("&{literal}")
                        }
                        _ => format!("new({})", self.types.text(element)),
                    },
                };
                value_of(text)
            }
            Kind::Func(params, result) => {
                let mark = self.vars.len();
                let mut list = Vec::new();
                for param in params {
                    let name = self.fresh("q");
                    list.push(format!("{name} {}", self.types.text(param)));
                    self.declare(&name, param);
                    self.vars.last_mut().expect("declared").frozen = true;
                }
                let body = self.value(result, depth.min(2));
                self.vars.truncate(mark);
                let result = self.types.text(result);
                value_of(format!(
                    "({name})(func({}) {result} {{ return {body} }})",
                    list.join(", ")
                ))
            }
            Kind::Interface(_) => {
                let types = self.types.implementers.clone();
                let dynamic = *self.rng.of(&types);
                let value = match self.rng.below(3) {
                    0 => format!("new({})", self.operand(dynamic, depth)),
                    1 => format!("new({})", self.types.text(dynamic)),
                    _ => self.operand(dynamic, depth),
                };
                value_of(format!("{name}({value})"))
            }
            Kind::Any => {
                let dynamic = loop {
                    let t = self.types.random(self.rng);
                    if self.types.hashable(t) {
                        break t;
                    }
                };
                value_of(format!("any({})", self.operand(dynamic, depth)))
            }
        }
    }

    /// An expression of type bool.
    fn condition(&mut self, depth: u32) -> String {
        match self.rng.below(8) {
            0 => format!("!{}", self.operand(BOOL, depth)),
            1 | 2 => {
                let (a, b) = (self.operand(BOOL, depth), self.operand(BOOL, depth));
                let op = *self.rng.of(&["&&", "||", "==", "!="]);
                format!("({a} {op} {b})")
            }
            3 => {
                let typ = loop {
                    let t = self.types.random(self.rng);
                    if self.types.hashable(t) || t == ANY {
                        break t;
                    }
                };
                let (a, b) = (
                    self.operand(typ, depth.min(1)),
                    self.operand(typ, depth.min(1)),
                );
                let op = *self.rng.of(&["==", "!="]);
                format!("({a} {op} {b})")
            }
            _ => {
                let typ = loop {
                    let t = self.types.simple(self.rng);
                    if self.types.ordered(t) {
                        break t;
                    }
                };
                let a = self.operand(typ, depth);
                let b = self.value(typ, depth);
                let op = *self.rng.of(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({a} {op} {b})")
            }
        }
    }

    fn integer(&mut self, typ: TypeId, bits: u32, signed: bool, depth: u32) -> Expr {
        let name = self.types.text(typ).to_owned();
        let text = match self.rng.below(16) {
            0..6 => {
                let a = self.operand(typ, depth);
                let b = self.value(typ, depth);
                let op = *self.rng.of(&["+", "-", "*", "&", "|", "^", "&^", "+", "-"]);
                match self.rng.chance(50) {
                    true => format!("({a} {op} {b})"),
                    false => format!("({b} {op} {a})"),
                }
            }
            6 | 7 => {
                let a = self.operand(typ, depth);
                let op = *self.rng.of(&["/", "%"]);
                let b = if self.rng.chance(50) {
                    let literal = loop {
                        let literal = self.integer_literal(bits, signed);
                        if literal.trim_start_matches('-') != "0" {
                            break literal;
                        }
                    };
                    format!("{name}({literal})")
                } else {
                    format!("({} | 1)", self.operand(typ, depth))
                };
                format!("({a} {op} {b})")
            }
            8 | 9 => {
                let a = self.operand(typ, depth);
                let op = *self.rng.of(&["<<", ">>"]);
                let count = if self.rng.chance(50) {
                    self.rng.below(70).to_string()
                } else {
                    let t = loop {
                        let t = self.types.simple(self.rng);
                        if matches!(self.types.kind(t), Kind::Integer(_, false)) {
                            break t;
                        }
                    };
                    let count = self.operand(t, depth);
                    match self.rng.below(3) {
                        0 => count,
                        1 => format!("({count} & {})", bits - 1),
                        _ => format!("({count} % {})", bits + 3),
                    }
                };
                format!("({a} {op} {count})")
            }
            10 => {
                let op = *self.rng.of(&["-", "^", "+"]);
                format!("({op}{})", self.operand(typ, depth))
            }
            11 | 12 => {
                let from = self.types.integer(self.rng);
                format!("{name}({})", self.operand(from, depth))
            }
            13 => match self.rng.below(4) {
                0 => format!("{name}(toInt(float64({})))", self.operand(FLOAT64, depth)),
                1 => format!("{name}(len({}))", self.operand(STRING, depth)),
                2 => {
                    let f = *self.rng.of(&[
                        "bits.OnesCount64",
                        "bits.LeadingZeros64",
                        "bits.TrailingZeros64",
                        "bits.ReverseBytes64",
                        "bits.Len64",
                        "bits.Reverse64",
                    ]);
                    format!("{name}({f}({}))", self.operand(UINT64, depth))
                }
                _ => format!(
                    "{name}(bits.RotateLeft64({}, {}))",
                    self.operand(UINT64, depth),
                    self.operand(INT, depth)
                ),
            },
            14 => {
                let f = *self.rng.of(&["min", "max"]);
                let (a, b) = (self.operand(typ, depth), self.value(typ, depth));
                format!("{f}({a}, {b})")
            }
            _ => return self.literal(typ),
        };
        value_of(text)
    }

    fn float(&mut self, typ: TypeId, depth: u32) -> Expr {
        let name = self.types.text(typ).to_owned();
        let text = match self.rng.below(9) {
            0..4 => {
                let (a, b) = (self.operand(typ, depth), self.operand(typ, depth));
                let op = *self.rng.of(&["+", "-", "*", "/"]);
                format!("({a} {op} {b})")
            }
            4 => format!("(-{})", self.operand(typ, depth)),
            5 => {
                let from = self.types.integer(self.rng);
                format!("{name}({})", self.operand(from, depth))
            }
            6 => {
                let f = *self
                    .rng
                    .of(&["Sqrt", "Floor", "Ceil", "Abs", "Trunc", "RoundToEven"]);
                format!("{name}(math.{f}(float64({})))", self.operand(typ, depth))
            }
            7 => {
                let f = *self.rng.of(&["min", "max"]);
                let (a, b) = (self.operand(typ, depth), self.operand(typ, depth));
                format!("{f}({a}, {b})")
            }
            _ => return self.literal(typ),
        };
        value_of(text)
    }

    fn string(&mut self, typ: TypeId, depth: u32) -> Expr {
        let name = self.types.text(typ).to_owned();
        let text = match self.rng.below(9) {
            0..3 => {
                let (a, b) = (self.operand(typ, depth), self.value(typ, depth));
                format!("{name}(short(string({a} + {b})))")
            }
            3 | 4 => {
                let (a, i, j) = (
                    self.operand(typ, depth),
                    self.operand(UINT, depth),
                    self.operand(UINT, depth),
                );
                format!("{name}(cut(string({a}), {i}, {j}))")
            }
            5 => format!("{name}(string(rune({}&0xfff)))", self.operand(INT32, depth)),
            6 => {
                let t = *self.rng.of(&["[]byte", "[]rune"]);
                format!("{name}({t}({}))", self.operand(typ, depth))
            }
            7 => {
                let t = self.types.simple(self.rng);
                format!("{name}(short(fmt.Sprint({})))", self.operand(t, depth))
            }
            _ => return self.literal(typ),
        };
        value_of(text)
    }

    /// A call of a pure function with this result.
    fn call(&mut self, typ: TypeId, depth: u32) -> Option<String> {
        let budget = if self.pure { PURE_CALL } else { CALL };
        let able: Vec<usize> = (0..self.funcs.len())
            .filter(|i| {
                let f = &self.funcs[*i];
                f.pure && f.results == [typ] && f.cost * self.times + self.cost < budget
            })
            .collect();
        if able.is_empty() {
            return None;
        }
        let f = self.funcs[*self.rng.of(&able)].clone();
        self.cost += f.cost * self.times;
        let arguments: Vec<String> = f.params.iter().map(|t| self.value(*t, depth - 1)).collect();
        Some(format!("{}({})", f.name, arguments.join(", ")))
    }

    /// A call of a method of one of the interfaces: through the interface, directly, as a method expression or value.
    /// Not within methods, which could recurse.
    fn method_call(&mut self, typ: TypeId, depth: u32) -> Option<String> {
        if self.pure || self.cost + 100 * self.times > CALL {
            return None;
        }
        let mut able = Vec::new();
        for (i, methods) in self.types.interfaces.iter().enumerate() {
            for method in methods {
                if method.result == typ {
                    able.push((i, method.clone()));
                }
            }
        }
        if able.is_empty() {
            return None;
        }
        let (i, method) = self.rng.of(&able).clone();
        self.cost += 100 * self.times;
        let arguments: Vec<String> = method
            .params
            .iter()
            .map(|t| self.value(*t, depth - 1))
            .collect();
        let arguments = arguments.join(", ");
        let interface = self
            .types
            .all
            .iter()
            .position(|t| t.kind == Kind::Interface(i))
            .expect("declared");
        let types = self.types.implementers.clone();
        let dynamic = *self.rng.of(&types);
        let name = &method.name;
        let dynamic_text = self.types.text(dynamic).to_owned();
        let comma = if arguments.is_empty() { "" } else { ", " };
        Some(match self.rng.below(6) {
            0..3 => {
                let value = self.operand(interface, depth - 1);
                format!("orI{i}({value}).{name}({arguments})")
            }
            3 => format!("{}.{name}({arguments})", self.operand(dynamic, depth - 1)),
            4 => {
                let value = self.operand(dynamic, depth - 1);
                format!("{dynamic_text}.{name}({value}{comma}{arguments})")
            }
            _ => {
                let value = self.operand(dynamic, depth - 1);
                format!("(*{dynamic_text}).{name}(new({value}){comma}{arguments})")
            }
        })
    }
}

const PURE_CALL: u64 = 250;
const CALL: u64 = 15_000;
