//! The types of a generated program.

use super::Rng;

/// Index into [`Types`].
pub type TypeId = usize;

/// What can be done with a type.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Bool,
    /// (bits, signed)
    Integer(u32, bool),
    Float(u32),
    Complex(u32),
    String,
    Array(u32, TypeId),
    Slice(TypeId),
    Map(TypeId, TypeId),
    Pointer(TypeId),
    /// Fields; an embedded field has its type's name.
    Struct(Vec<(String, TypeId)>),
    Func(Vec<TypeId>, TypeId),
    /// Interface with the methods of this number; see `Types::interfaces`.
    Interface(usize),
    Any,
}

#[derive(Clone, Debug)]
pub struct Type {
    /// Go's text.
    pub text: String,
    pub kind: Kind,
    /// Declared by the program, so composite conversions need its name.
    pub named: bool,
}

/// A method that can be called in expressions: pure, with a value receiver.
#[derive(Clone, Debug)]
pub struct Method {
    pub name: String,
    pub params: Vec<TypeId>,
    pub result: TypeId,
}

#[derive(Default)]
pub struct Types {
    pub all: Vec<Type>,
    /// Declarations of the named ones.
    pub text: String,
    /// Methods of each interface.
    pub interfaces: Vec<Vec<Method>>,
    /// Named types that implement all interfaces.
    pub implementers: Vec<TypeId>,
}

pub const BOOL: TypeId = 0;
pub const INT: TypeId = 1;
pub const STRING: TypeId = 2;
pub const UINT8: TypeId = 3;
pub const INT32: TypeId = 4;
pub const FLOAT64: TypeId = 5;
pub const UINT64: TypeId = 6;
pub const ANY: TypeId = 7;
pub const UINT: TypeId = 8;

impl Types {
    /// Basic types, then `structs` random structs and other named and unnamed types.
    pub fn new(rng: &mut Rng) -> Types {
        let mut types = Types::default();
        let basic = [
            ("bool", Kind::Bool),
            ("int", Kind::Integer(64, true)),
            ("string", Kind::String),
            ("uint8", Kind::Integer(8, false)),
            ("int32", Kind::Integer(32, true)),
            ("float64", Kind::Float(64)),
            ("uint64", Kind::Integer(64, false)),
            ("any", Kind::Any),
            ("uint", Kind::Integer(64, false)),
            ("int8", Kind::Integer(8, true)),
            ("int16", Kind::Integer(16, true)),
            ("int64", Kind::Integer(64, true)),
            ("uint16", Kind::Integer(16, false)),
            ("uint32", Kind::Integer(32, false)),
            ("uintptr", Kind::Integer(64, false)),
            ("float32", Kind::Float(32)),
            ("complex128", Kind::Complex(128)),
            ("complex64", Kind::Complex(64)),
        ];
        for (text, kind) in basic {
            types.add(text.to_owned(), kind);
        }
        let numbers = types.all.len();
        for i in 0..3 {
            let base = loop {
                let base = rng.below(numbers);
                if !matches!(types.all[base].kind, Kind::Any) {
                    break base;
                }
            };
            let kind = types.all[base].kind.clone();
            let text = types.all[base].text.clone();
            types.declare(format!("N{i}"), &text, kind);
        }
        for i in 0..2 {
            let methods = (0..rng.range(1, 3))
                .map(|m| Method {
                    name: format!("M{i}{m}"),
                    params: (0..rng.below(3)).map(|_| types.simple(rng)).collect(),
                    result: types.simple(rng),
                })
                .collect::<Vec<_>>();
            let id = types.interfaces.len();
            types.interfaces.push(methods);
            let body = types.interface_body(id);
            types.declare(format!("I{i}"), &body, Kind::Interface(id));
        }
        for i in 0..7 {
            types.random_struct(rng, i);
            for _ in 0..3 {
                types.random_composite(rng);
            }
        }
        types
    }

    fn interface_body(&self, id: usize) -> String {
        let methods: Vec<String> = self.interfaces[id]
            .iter()
            .map(|m| {
                let params: Vec<&str> = m.params.iter().map(|p| self.text(*p)).collect();
                format!("{}({}) {}", m.name, params.join(", "), self.text(m.result))
            })
            .collect();
        format!("interface {{ {} }}", methods.join("; "))
    }

    fn add(&mut self, text: String, kind: Kind) -> TypeId {
        if let Some(id) = self.all.iter().position(|t| t.text == text) {
            return id;
        }
        self.all.push(Type {
            text,
            kind,
            named: false,
        });
        self.all.len() - 1
    }

    fn declare(&mut self, name: String, body: &str, kind: Kind) -> TypeId {
        self.text.push_str(&format!("type {name} {body}\n\n"));
        self.all.push(Type {
            text: name,
            kind,
            named: true,
        });
        let id = self.all.len() - 1;
        if !matches!(self.all[id].kind, Kind::Interface(_)) {
            self.implementers.push(id);
        }
        id
    }

    pub fn text(&self, id: TypeId) -> &str {
        &self.all[id].text
    }

    pub fn kind(&self, id: TypeId) -> &Kind {
        &self.all[id].kind
    }

    fn random_struct(&mut self, rng: &mut Rng, i: usize) {
        let count = if rng.chance(15) {
            rng.range(12, 20)
        } else {
            rng.range(1, 6)
        };
        let mut fields: Vec<(String, TypeId)> = Vec::new();
        let mut body = "struct {\n".to_owned();
        for f in 0..count {
            let typ = self.random(rng);
            let embeds = f == 0
                && rng.chance(30)
                && self.all[typ].named
                && matches!(self.all[typ].kind, Kind::Struct(_));
            let name = if embeds {
                self.text(typ).to_owned()
            } else {
                format!("f{i}{f}")
            };
            body.push_str(&match embeds {
                true => format!("\t{name}\n"),
                false => format!("\t{name} {}\n", self.text(typ)),
            });
            fields.push((name, typ));
        }
        if rng.chance(20) {
            body.push_str("\t_ int16\n");
        }
        body.push('}');
        let text = format!("S{i}");
        let id = self.declare(text, &body, Kind::Struct(fields));
        self.pointer(id);
        self.slice(id);
    }

    fn random_composite(&mut self, rng: &mut Rng) {
        let element = self.random(rng);
        match rng.below(7) {
            0 | 1 => {
                let n = *rng.of(&[0u32, 1, 2, 3, 4, 7, 8, 16, 40]);
                let text = format!("[{n}]{}", self.text(element));
                if self.size(element) * u64::from(n) < 4000 && n > 0 {
                    self.add(text, Kind::Array(n, element));
                }
            }
            2 | 3 => {
                self.slice(element);
            }
            4 => {
                let key = loop {
                    let key = self.random(rng);
                    if self.hashable(key) {
                        break key;
                    }
                };
                let text = format!("map[{}]{}", self.text(key), self.text(element));
                self.add(text, Kind::Map(key, element));
            }
            5 => {
                self.pointer(element);
            }
            _ => {
                let params: Vec<TypeId> = (0..rng.below(3)).map(|_| self.random(rng)).collect();
                let texts: Vec<&str> = params.iter().map(|p| self.text(*p)).collect();
                let text = format!("func({}) {}", texts.join(", "), self.text(element));
                self.add(text, Kind::Func(params, element));
            }
        }
    }

    pub fn pointer(&mut self, element: TypeId) -> TypeId {
        let text = format!("*{}", self.text(element));
        self.add(text, Kind::Pointer(element))
    }

    pub fn slice(&mut self, element: TypeId) -> TypeId {
        let text = format!("[]{}", self.text(element));
        self.add(text, Kind::Slice(element))
    }

    /// Any type, basic ones more often.
    pub fn random(&self, rng: &mut Rng) -> TypeId {
        if rng.chance(45) {
            self.simple(rng)
        } else {
            rng.below(self.all.len())
        }
    }

    /// A basic type or a named one of such.
    pub fn simple(&self, rng: &mut Rng) -> TypeId {
        loop {
            let id = rng.below(self.all.len().min(21));
            if !matches!(self.all[id].kind, Kind::Any) {
                return id;
            }
        }
    }

    pub fn integer(&self, rng: &mut Rng) -> TypeId {
        loop {
            let id = self.simple(rng);
            if matches!(self.all[id].kind, Kind::Integer(..)) {
                return id;
            }
        }
    }

    /// Whether a copy shares nothing, so that a function of such values is pure.
    pub fn is_value(&self, id: TypeId) -> bool {
        match self.kind(id) {
            Kind::Bool | Kind::Integer(..) | Kind::Float(_) | Kind::Complex(_) | Kind::String => {
                true
            }
            Kind::Array(_, element) => self.is_value(*element),
            Kind::Struct(fields) => fields.iter().all(|(_, t)| self.is_value(*t)),
            Kind::Slice(_)
            | Kind::Map(..)
            | Kind::Pointer(_)
            | Kind::Func(..)
            | Kind::Interface(_)
            | Kind::Any => false,
        }
    }

    /// Comparable, never by address and never panicking.
    pub fn hashable(&self, id: TypeId) -> bool {
        self.is_value(id)
    }

    /// Whether a value can be any of the ordered operators' operands.
    pub fn ordered(&self, id: TypeId) -> bool {
        matches!(
            self.kind(id),
            Kind::Integer(..) | Kind::Float(_) | Kind::String
        )
    }

    /// Bytes, roughly.
    pub fn size(&self, id: TypeId) -> u64 {
        match self.kind(id) {
            Kind::Array(n, element) => u64::from(*n) * self.size(*element),
            Kind::Struct(fields) => fields.iter().map(|(_, t)| self.size(*t)).sum(),
            _ => 8,
        }
    }
}
