//! Scenes: small self-contained functions, each about one corner of the language, with a random structure inside. Their
//! variables are mostly ints, so that what varies is control flow, instantiation, aliasing and order of evaluation and not types.

mod data;
mod flow;
mod generics;
mod order;

use super::Rng;

/// A maker of scenes; everything that it makes is text to be put together.
pub struct Scenes<'a> {
    rng: &'a mut Rng,
    /// Declarations of the package.
    out: String,
    /// Makes names unique.
    next: usize,
    generic_functions: Vec<String>,
}

/// Declarations of `count` scenes, and the names of their functions.
pub fn make(rng: &mut Rng, count: usize) -> (String, Vec<String>) {
    let mut scenes = Scenes {
        rng,
        out: include_str!("prelude.go").to_owned(),
        next: 0,
        generic_functions: Vec::new(),
    };
    let mut names = Vec::new();
    for i in 0..count {
        let name = format!("g{i}");
        let body = match i % 10 {
            0..3 => scenes.flow(),
            3 => scenes.generic_functions(),
            4 => scenes.generic_types(),
            5 => scenes.slices(),
            6 => scenes.keys(),
            7 => scenes.strings(),
            8 => scenes.order(),
            _ => match scenes.rng.below(4) {
                0 => scenes.constants(),
                1 => scenes.embedding(),
                2 => scenes.channels(),
                _ => scenes.bound(),
            },
        };
        scenes
            .out
            .push_str(&format!("func {name}(s *sum) {{\n{body}}}\n\n"));
        names.push(name);
    }
    (scenes.out, names)
}

impl Scenes<'_> {
    fn fresh(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    fn id(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn small(&mut self) -> i64 {
        *self
            .rng
            .of(&[0, 1, 2, 3, 4, 5, 7, 8, 10, 16, 31, 63, 100, 255, -1, -2, -7])
    }

    /// An int expression of these variables that neither panics nor has effects.
    fn int(&mut self, vars: &[String], depth: u32) -> String {
        if depth == 0 || self.rng.chance(30) {
            return match vars.is_empty() || self.rng.chance(25) {
                true => self.small().to_string(),
                false => self.rng.of(vars).clone(),
            };
        }
        let a = self.int(vars, depth - 1);
        match self.rng.below(10) {
            0..6 => {
                let b = self.int(vars, depth - 1);
                let op = *self.rng.of(&["+", "-", "*", "^", "&", "|", "&^"]);
                format!("(k({a}) {op} {b})")
            }
            6 => format!("(k({a}) % {})", self.rng.range(1, 9)),
            7 => format!("(k({a}) / {})", *self.rng.of(&[1, 2, 3, 4, 7, 8, -1, -4])),
            8 => {
                let b = self.int(vars, depth - 1);
                let op = *self.rng.of(&["<<", ">>"]);
                format!(
                    "(k({a}) {op} (k({b}) & {}))",
                    *self.rng.of(&[3, 7, 63, 127])
                )
            }
            _ => {
                let t = *self
                    .rng
                    .of(&["int8", "uint8", "int16", "uint16", "int32", "uint32"]);
                format!("int({t}(k({a})))")
            }
        }
    }

    fn condition(&mut self, vars: &[String]) -> String {
        let a = self.int(vars, 2);
        match self.rng.below(6) {
            0 | 1 => {
                let m = self.rng.range(2, 5);
                let (m, r) = (m, self.rng.below(m));
                format!("(k({a})&0xffff)%{m} == {r}")
            }
            2 => {
                let (b, c) = (self.condition(vars), self.condition(vars));
                let op = *self.rng.of(&["&&", "||"]);
                format!("({b}) {op} ({c})")
            }
            3 => format!("!({})", self.condition(vars)),
            _ => {
                let b = self.int(vars, 2);
                let op = *self.rng.of(&["<", "<=", ">", ">=", "==", "!="]);
                format!("k({a}) {op} {b}")
            }
        }
    }

    /// Statements in a function that recovers.
    fn guarded(&mut self, text: &str) -> String {
        let id = self.id();
        format!("func() {{\ndefer func() {{ s.caught({id}, recover()) }}()\n{text}}}()\n")
    }
}
