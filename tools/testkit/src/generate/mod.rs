//! Random Go programs that compile, end, and print the same under every correct compiler: no data races, no dependence on the
//! order of maps, on addresses or on orders of evaluation that the language leaves open.
//!
//! 1. [`types`]: a table of random types, among them structs that hold the earlier ones.
//! 2. [`expr`]: expressions of a wanted type. They have no side effects, since the order between a call and the reading
//!    of a variable is open: only *pure* functions (parameters that share nothing, no statement that can panic) are called in them.
//! 3. [`stmt`]: statements; here variables change, functions with effects are called, and now and then something panics.
//! 4. [`scenes`]: functions about one corner of the language each.
//!
//! Costs are estimated as the text is made: each function knows about how many steps it takes, and a call is generated only
//! where the product with the surrounding loops stays small.

mod expr;
mod scenes;
mod stmt;
mod types;

use types::{TypeId, Types};

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Rng(u64);

impl Rng {
    #[allow(missing_docs)]
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    #[allow(missing_docs)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 <= result < n.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// from <= result < to.
    pub fn range(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from)
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A variable in scope.
#[derive(Clone)]
struct Var {
    name: String,
    typ: TypeId,
    /// A pointer or map that is not nil.
    nonnil: bool,
    /// A slice is at least so long.
    min_len: u32,
    /// Must not be assigned to: loop counters, what goroutines read.
    frozen: bool,
}

/// A function of the program.
#[derive(Clone)]
struct Func {
    name: String,
    params: Vec<TypeId>,
    results: Vec<TypeId>,
    /// May be called in expressions.
    pure: bool,
    cost: u64,
}

/// What surrounds the statement being made.
struct Gen<'a> {
    rng: &'a mut Rng,
    types: Types,
    funcs: Vec<Func>,
    vars: Vec<Var>,
    out: String,
    indent: usize,
    /// Makes names unique.
    next: usize,
    pure: bool,
    /// Statement closures in scope: name, parameters, result, cost.
    closures: Vec<Func>,
    /// Results of the function around; named if the names are there.
    results: Vec<TypeId>,
    result_names: Vec<String>,
    /// Labels of the loops around, innermost last; emptied inside of closures.
    loops: Vec<String>,
    used_labels: Vec<String>,
    /// Product of the iterations of the loops around, and the steps of the function so far.
    times: u64,
    cost: u64,
    in_closure: usize,
    /// Expressions around the one being made.
    nesting: u32,
}

const PURE_BUDGET: u64 = 300;
const BUDGET: u64 = 20_000;

/// The program of a seed, with about `functions` functions.
pub fn program(seed: u64, functions: usize) -> String {
    with_scenes(seed, functions, 0)
}

/// As [`program`], with so many functions of the kinds in [`scenes`] besides.
pub fn with_scenes(seed: u64, functions: usize, count: usize) -> String {
    let mut rng = Rng::new(seed);
    let types = Types::new(&mut rng);
    let mut make = Gen {
        rng: &mut rng,
        types,
        funcs: Vec::new(),
        vars: Vec::new(),
        out: String::new(),
        indent: 0,
        next: 0,
        pure: true,
        closures: Vec::new(),
        results: Vec::new(),
        result_names: Vec::new(),
        loops: Vec::new(),
        used_labels: Vec::new(),
        times: 1,
        cost: 0,
        in_closure: 0,
        nesting: 0,
    };
    make.methods();
    for i in 0..functions / 3 {
        make.pure_function(i);
    }
    let mut tested = Vec::new();
    for i in 0..functions - functions / 3 {
        tested.push(make.function(i));
    }
    // A stream of their own: what comes before stays as it is when scenes change.
    let (scenes, names) = scenes::make(&mut Rng::new(!seed), count);
    let mut main = "func main() {\n".to_owned();
    for name in tested.iter().chain(&names) {
        main.push_str(&format!("\trun(\"{name}\", {name})\n"));
    }
    main.push_str("}\n");
    format!(
        "{}\n{}{}{scenes}{main}",
        include_str!("prelude.go"),
        make.types.text,
        make.out
    )
}

impl Gen<'_> {
    fn fresh(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    fn line(&mut self, text: &str) {
        for _ in 0..self.indent {
            self.out.push('\t');
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn declare(&mut self, name: &str, typ: TypeId) {
        self.vars.push(Var {
            name: name.to_owned(),
            typ,
            nonnil: false,
            min_len: 0,
            frozen: false,
        });
    }

    /// Starts a function: parameters in scope, counters reset.
    fn enter(&mut self, pure: bool, params: &[(String, TypeId)]) {
        self.vars.clear();
        self.closures.clear();
        self.loops.clear();
        self.used_labels.clear();
        self.result_names.clear();
        self.pure = pure;
        self.times = 1;
        self.cost = 5;
        for (name, typ) in params {
            self.declare(name, *typ);
        }
    }

    /// Every named type gets the methods of all interfaces; one that embeds another leaves the second interface to it.
    fn methods(&mut self) {
        for typ in self.types.implementers.clone() {
            let name = self.types.text(typ).to_owned();
            let embeds = matches!(self.types.kind(typ), types::Kind::Struct(fields)
                if fields.first().is_some_and(|(f, t)| f == self.types.text(*t)));
            for (i, methods) in self.types.interfaces.clone().into_iter().enumerate() {
                if i == 1 && embeds {
                    continue;
                }
                for method in methods {
                    let params: Vec<(String, TypeId)> = method
                        .params
                        .iter()
                        .enumerate()
                        .map(|(i, t)| (format!("a{i}"), *t))
                        .collect();
                    self.enter(true, &params);
                    self.declare("r", typ);
                    self.results = vec![method.result];
                    let list = self.param_list(&params);
                    let result = self.types.text(method.result).to_owned();
                    self.line(&format!(
                        "func (r {name}) {}({list}) {result} {{",
                        method.name
                    ));
                    self.pure_body(method.result, 2);
                    self.line("}\n");
                }
            }
        }
        for (i, _) in self.types.interfaces.clone().iter().enumerate() {
            let typ = *self.rng.of(&self.types.implementers.clone());
            let value = self.types.text(typ).to_owned();
            self.line(&format!(
                "func orI{i}(v I{i}) I{i} {{\n\tif v == nil {{\n\t\treturn *new({value})\n\t}}\n\treturn v\n}}\n"
            ));
        }
    }

    fn param_list(&self, params: &[(String, TypeId)]) -> String {
        let all: Vec<String> = params
            .iter()
            .map(|(n, t)| format!("{n} {}", self.types.text(*t)))
            .collect();
        all.join(", ")
    }

    fn pure_body(&mut self, result: TypeId, statements: usize) {
        self.indent = 1;
        for _ in 0..self.rng.below(statements + 1) {
            self.statement(2);
        }
        let value = self.value(result, 3);
        self.line(&format!("return {value}"));
        self.indent = 0;
    }

    fn pure_function(&mut self, i: usize) {
        let mut params = Vec::new();
        for p in 0..self.rng.below(5) {
            let typ = loop {
                let typ = self.types.random(self.rng);
                if self.types.is_value(typ) {
                    break typ;
                }
            };
            params.push((format!("a{p}"), typ));
        }
        let result = loop {
            let typ = self.types.random(self.rng);
            if self.types.is_value(typ) {
                break typ;
            }
        };
        self.enter(true, &params);
        self.results = vec![result];
        let list = self.param_list(&params);
        let text = self.types.text(result).to_owned();
        if self.rng.chance(20) {
            self.line("//go:noinline");
        }
        self.line(&format!("func p{i}({list}) {text} {{"));
        self.pure_body(result, 5);
        self.line("}\n");
        if self.cost <= PURE_BUDGET {
            self.funcs.push(Func {
                name: format!("p{i}"),
                params: params.iter().map(|(_, t)| *t).collect(),
                results: vec![result],
                pure: true,
                cost: self.cost,
            });
        }
    }

    /// A function with effects, and one that calls it with some arguments; returns the name of the latter.
    fn function(&mut self, i: usize) -> String {
        let mut params: Vec<(String, TypeId)> = Vec::new();
        for p in 0..self.rng.below(6) {
            params.push((format!("a{p}"), self.types.random(self.rng)));
        }
        self.enter(false, &params);
        let count = self.rng.below(4);
        self.results = (0..count).map(|_| self.types.random(self.rng)).collect();
        let named = self.rng.chance(50);
        let mut texts = Vec::new();
        for r in 0..count {
            let typ = self.results[r];
            if named {
                let name = format!("r{r}");
                texts.push(format!("{name} {}", self.types.text(typ)));
                self.declare(&name, typ);
                self.result_names.push(name);
            } else {
                texts.push(self.types.text(typ).to_owned());
            }
        }
        let list = self.param_list(&params);
        let comma = if params.is_empty() { "" } else { ", " };
        self.line(&format!(
            "func f{i}(s *sum{comma}{list}) ({}) {{",
            texts.join(", ")
        ));
        self.indent = 1;
        for _ in 0..self.rng.range(4, 14) {
            self.statement(3);
        }
        self.return_statement();
        self.indent = 0;
        self.line("}\n");
        let cost = self.cost;
        let results = self.results.clone();
        self.enter(false, &[]);
        self.results.clear();
        self.line(&format!("func t{i}(s *sum) {{"));
        self.indent = 1;
        for round in 0..self.rng.range(1, 4) {
            let arguments: Vec<String> = params.iter().map(|(_, t)| self.value(*t, 2)).collect();
            let comma = if arguments.is_empty() { "" } else { ", " };
            let call = format!("f{i}(s{comma}{})", arguments.join(", "));
            if results.is_empty() {
                self.line(&call);
            } else {
                let names: Vec<String> =
                    (0..results.len()).map(|r| format!("v{round}{r}")).collect();
                self.line(&format!("{} := {call}", names.join(", ")));
                for name in names {
                    self.next += 1;
                    let id = self.next;
                    self.line(&format!("s.see({id}, {name})"));
                }
            }
        }
        self.indent = 0;
        self.line("}\n");
        if cost < BUDGET {
            self.funcs.push(Func {
                name: format!("f{i}"),
                params: params.iter().map(|(_, t)| *t).collect(),
                results,
                pure: false,
                cost,
            });
        }
        format!("t{i}")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_seed_makes_one_program() {
        assert_eq!(super::program(7, 12), super::program(7, 12));
        assert_ne!(super::program(7, 12), super::program(8, 12));
    }

    #[test]
    fn every_size_is_made() {
        for functions in 0..4 {
            for seed in 0..3 {
                assert!(super::program(seed, functions).contains("func main() {"));
            }
        }
    }
}
