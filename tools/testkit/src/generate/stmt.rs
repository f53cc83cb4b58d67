//! Statements.

use super::types::{ANY, BOOL, INT, Kind, STRING, TypeId, UINT};
use super::{BUDGET, Func, Gen, PURE_BUDGET};

/// Steps that a loop's body may take all in all.
const LOOP_BUDGET: u64 = 6000;

impl Gen<'_> {
    /// One statement; nested ones up to a depth.
    pub fn statement(&mut self, depth: u32) {
        self.cost += self.times;
        if self.pure && self.cost > PURE_BUDGET {
            return;
        }
        match self.rng.below(100) {
            0..16 => self.declaration(),
            16..38 => self.assignment(),
            38..46 if !self.pure => self.see(),
            46..54 if depth > 0 => self.if_statement(depth - 1),
            54..64 if depth > 0 => self.for_statement(depth - 1),
            64..70 if depth > 0 => self.switch_statement(depth - 1),
            70..73 if depth > 0 => self.goto_statement(depth - 1),
            73..77 => self.append_statement(),
            77..80 if !self.pure => self.builtin_statement(),
            80..86 if !self.pure => self.call_statement(),
            86..89 if !self.pure && depth > 0 && self.loops.is_empty() => self.defer_statement(),
            89..92 if !self.pure && depth > 0 => self.closure_statement(depth - 1),
            92..94 if !self.pure => self.goroutines(),
            94..97 if !self.pure => self.panicking(),
            97..99 if !self.pure => self.generic_statement(),
            _ => self.leave(),
        }
    }

    fn block(&mut self, statements: usize, depth: u32) {
        let (vars, closures) = (self.vars.len(), self.closures.len());
        self.indent += 1;
        for _ in 0..self.rng.range(1, statements + 1) {
            self.statement(depth);
        }
        self.indent -= 1;
        self.vars.truncate(vars);
        self.closures.truncate(closures);
    }

    fn see(&mut self) {
        let typ = self.types.random(self.rng);
        let value = match self.place(None, false) {
            Some((text, _)) if self.rng.chance(60) => text,
            _ => self.value(typ, 2),
        };
        self.next += 1;
        let id = self.next;
        self.line(&format!("s.see({id}, {value})"));
    }

    fn declaration(&mut self) {
        let typ = self.types.random(self.rng);
        let name = self.fresh("v");
        let text = self.types.text(typ).to_owned();
        let depth = if self.pure { 2 } else { 3 };
        let (mut nonnil, mut min_len) = (false, 0);
        match self.types.kind(typ).clone() {
            Kind::Slice(element) if self.rng.chance(60) => {
                min_len = *self.rng.of(&[1u32, 2, 3, 4, 8, 16]);
                if self.rng.chance(50) {
                    self.line(&format!(
                        "{name} := make({text}, {min_len}, {})",
                        min_len + 3
                    ));
                } else {
                    let all: Vec<String> = (0..min_len).map(|_| self.value(element, 1)).collect();
                    self.line(&format!("{name} := {text}{{{}}}", all.join(", ")));
                }
            }
            Kind::Map(key, element) if self.rng.chance(60) => {
                nonnil = true;
                let (key, value) = (self.operand(key, 1), self.value(element, 1));
                self.line(&format!("{name} := {text}{{{key}: {value}}}"));
            }
            Kind::Pointer(element) if self.rng.chance(60) => {
                nonnil = true;
                let value = self.operand(element, 2);
                self.line(&format!("{name} := new({value})"));
            }
            _ if self.rng.chance(20) => self.line(&format!("var {name} {text}")),
            _ => {
                let value = self.value(typ, depth);
                match self.rng.chance(50) {
                    true => self.line(&format!("{name} := {value}")),
                    false => self.line(&format!("var {name} {text} = {value}")),
                }
            }
        }
        self.line(&format!("_ = {name}"));
        self.declare(&name, typ);
        let var = self.vars.last_mut().expect("declared");
        var.nonnil = nonnil;
        var.min_len = min_len;
    }

    fn assignment(&mut self) {
        let Some((place, typ)) = self.place(None, true) else {
            return self.declaration();
        };
        match (self.types.kind(typ).clone(), self.rng.below(10)) {
            (Kind::Integer(..), 0..3) => {
                let op = *self.rng.of(&["+", "-", "*", "&", "|", "^", "&^"]);
                let value = self.value(typ, 2);
                self.line(&format!("{place} {op}= {value}"));
            }
            (Kind::Integer(..), 3) => {
                let op = *self.rng.of(&["++", "--"]);
                self.line(&format!("{place}{op}"));
            }
            (Kind::Integer(..), 4) => {
                let op = *self.rng.of(&["<<", ">>"]);
                let count = self.operand(UINT, 1);
                self.line(&format!("{place} {op}= {count} & 15"));
            }
            (Kind::Float(_), 0..3) => {
                let op = *self.rng.of(&["+", "-", "*", "/"]);
                let value = self.operand(typ, 2);
                self.line(&format!("{place} {op}= {value}"));
            }
            (Kind::String, 0..2) => {
                let value = self.value(typ, 1);
                let text = self.types.text(typ).to_owned();
                self.line(&format!("{place} += {value}"));
                self.line(&format!("{place} = {text}(short(string({place})))"));
            }
            (_, 5 | 6) => {
                // Two at once; the places must not depend on what is assigned.
                if let (Some((a, t)), Some((b, u))) = (self.simple_place(), self.simple_place()) {
                    let (x, y) = match t == u && self.rng.chance(70) {
                        true => (b.clone(), a.clone()),
                        false => (self.value(t, 1), self.value(u, 1)),
                    };
                    self.line(&format!("{a}, {b} = {x}, {y}"));
                }
            }
            _ => {
                let value = self.value(typ, 3);
                self.line(&format!("{place} = {value}"));
            }
        }
    }

    /// A variable, or a part of one at constant indexes.
    fn simple_place(&mut self) -> Option<(String, TypeId)> {
        for _ in 0..5 {
            let var = self.rng.below(self.vars.len().max(1));
            let var = self.vars.get(var)?.clone();
            if var.frozen || var.nonnil || var.min_len > 0 {
                continue;
            }
            let (mut text, mut typ) = (var.name, var.typ);
            while self.rng.chance(60) {
                match self.types.kind(typ).clone() {
                    Kind::Struct(fields) => {
                        let (name, field) = self.rng.of(&fields);
                        text = format!("{text}.{name}");
                        typ = *field;
                    }
                    Kind::Array(n, element) => {
                        text = format!("{text}[{}]", self.rng.below(n as usize));
                        typ = element;
                    }
                    _ => break,
                }
            }
            return Some((text, typ));
        }
        None
    }

    fn if_statement(&mut self, depth: u32) {
        let mut head = "if ".to_owned();
        let vars = self.vars.len();
        if self.rng.chance(25) {
            let typ = self.types.simple(self.rng);
            let value = self.value(typ, 2);
            let name = self.fresh("v");
            self.declare(&name, typ);
            let same = self.value(typ, 1);
            head.push_str(&format!("{name} := {value}; {name} == {same} || "));
        }
        let condition = self.operand(BOOL, 2);
        self.line(&format!("{head}{condition} {{"));
        self.block(3, depth);
        while self.rng.chance(30) {
            let condition = self.operand(BOOL, 2);
            self.line(&format!("}} else if {condition} {{"));
            self.block(2, depth);
        }
        if self.rng.chance(40) {
            self.line("} else {");
            self.block(3, depth);
        }
        self.line("}");
        self.vars.truncate(vars);
    }

    fn counter(&mut self, name: &str) {
        self.declare(name, INT);
        let var = self.vars.last_mut().expect("declared");
        var.frozen = true;
        var.nonnil = true;
    }

    fn for_statement(&mut self, depth: u32) {
        let mut n = self.rng.range(1, 9) as u64;
        if self.pure {
            n = n.min(4);
        }
        if self.times * n > LOOP_BUDGET || self.pure && self.times * n > 16 {
            return self.assignment();
        }
        let vars = self.vars.len();
        let label = self.fresh("L");
        let at = self.out.len();
        let name = self.fresh("i");
        let times = self.times;
        match self.rng.below(9) {
            0 | 1 => {
                self.line(&format!("for {name} := 0; {name} < {n}; {name}++ {{"));
                self.counter(&name);
            }
            2 | 3 => {
                self.line(&format!("for {name} := range {n} {{\n_ = {name}"));
                self.counter(&name);
            }
            4 => {
                self.line(&format!("for {name} := {n}; {name} > 0; {name} -= 2 {{"));
                self.counter(&name);
            }
            5 => {
                let element = self.types.random(self.rng);
                let slice = self.types.slice(element);
                let value = self.operand(slice, 2);
                let item = self.fresh("v");
                self.line(&format!("for {name}, {item} := range {value} {{"));
                self.indent += 1;
                self.line(&format!(
                    "if {name} > 8 {{\n\t\tbreak\n\t}}\n_, _ = {name}, {item}"
                ));
                self.indent -= 1;
                n = 9;
                self.counter(&name);
                self.declare(&item, element);
            }
            6 => {
                let value = self.operand(STRING, 2);
                let item = self.fresh("v");
                self.line(&format!("for {name}, {item} := range {value} {{"));
                self.indent += 1;
                self.line(&format!(
                    "if {name} > 8 {{\n\t\tbreak\n\t}}\n_, _ = {name}, {item}"
                ));
                self.indent -= 1;
                n = 9;
                self.counter(&name);
                self.declare(&item, super::types::INT32);
                self.vars.last_mut().expect("declared").frozen = true;
            }
            7 => {
                // An array or a pointer to one, by a place.
                let arrays: Vec<(String, u32, TypeId)> = self
                    .vars
                    .iter()
                    .filter_map(|v| match self.types.kind(v.typ) {
                        Kind::Array(n, element) => Some((v.name.clone(), *n, *element)),
                        _ => None,
                    })
                    .collect();
                let item = self.fresh("v");
                let (value, element) = if arrays.is_empty() || self.rng.chance(20) {
                    let element = self.types.simple(self.rng);
                    let all: Vec<String> = (0..n).map(|_| self.value(element, 1)).collect();
                    let text = self.types.text(element);
                    (format!("[...]{text}{{{}}}", all.join(", ")), element)
                } else {
                    let (value, len, element) = self.rng.of(&arrays).clone();
                    n = u64::from(len);
                    let by_pointer = !self.pure && self.rng.chance(30);
                    (
                        if by_pointer {
                            format!("&{value}")
                        } else {
                            value
                        },
                        element,
                    )
                };
                self.line(&format!("for {name}, {item} := range {value} {{"));
                self.indent += 1;
                self.line(&format!("_, _ = {name}, {item}"));
                self.indent -= 1;
                self.counter(&name);
                self.declare(&item, element);
            }
            _ => {
                let element = self.types.simple(self.rng);
                let slice = self.types.slice(element);
                let value = self.operand(slice, 2);
                let item = self.fresh("v");
                self.line(&format!("for {name}, {item} := range each({value}) {{"));
                self.indent += 1;
                self.line(&format!(
                    "if {name} > 8 {{\n\t\tbreak\n\t}}\n_, _ = {name}, {item}"
                ));
                self.indent -= 1;
                n = 9;
                self.counter(&name);
                self.declare(&item, element);
            }
        }
        self.times *= n;
        self.loops.push(label.clone());
        self.block(4, depth);
        self.loops.pop();
        self.times = times;
        self.line("}");
        self.vars.truncate(vars);
        if let Some(used) = self.used_labels.iter().position(|l| *l == label) {
            self.used_labels.remove(used);
            self.out.insert_str(at, &format!("{label}:\n"));
        }
    }

    /// break, continue, return.
    fn leave(&mut self) {
        let condition = self.operand(BOOL, 2);
        if !self.loops.is_empty() && self.rng.chance(85) {
            let what = *self.rng.of(&["break", "continue"]);
            let labels = self.loops.clone();
            let label = self.rng.of(&labels).clone();
            // Always with a label: the statement may be inside of a switch.
            self.line(&format!("if {condition} {{\n\t{what} {label}\n}}"));
            self.used_labels.push(label.clone());
            self.used_labels.sort();
            self.used_labels.dedup();
        } else if self.in_closure == 0 {
            self.line(&format!("if {condition} {{"));
            self.indent += 1;
            self.return_statement();
            self.indent -= 1;
            self.line("}");
        }
    }

    pub fn return_statement(&mut self) {
        if !self.result_names.is_empty() && self.rng.chance(40) {
            self.line("return");
            return;
        }
        let all: Vec<String> = self
            .results
            .clone()
            .into_iter()
            .map(|t| self.value(t, 2))
            .collect();
        self.line(&format!("return {}", all.join(", ")));
    }

    fn switch_statement(&mut self, depth: u32) {
        match self.rng.below(4) {
            0 => {
                let value = self.operand(ANY, 2);
                let name = self.fresh("t");
                self.line(&format!("switch {name} := {value}.(type) {{"));
                let mut seen: Vec<TypeId> = Vec::new();
                for _ in 0..self.rng.range(1, 5) {
                    let typ = self.types.random(self.rng);
                    if !seen.contains(&typ) && typ != ANY {
                        seen.push(typ);
                        self.line(&format!("case {}:", self.types.text(typ)));
                        self.indent += 1;
                        self.line(&format!("_ = {name}"));
                        self.indent -= 1;
                        self.declare(&name, typ);
                        self.block(2, depth);
                        self.vars.pop();
                    }
                }
                self.line("default:");
                self.indent += 1;
                self.line(&format!("_ = {name}"));
                self.indent -= 1;
                self.declare(&name, ANY);
                self.block(2, depth);
                self.vars.pop();
                self.line("}");
            }
            1 => {
                self.line("switch {");
                for _ in 0..self.rng.range(1, 4) {
                    let condition = self.operand(BOOL, 2);
                    self.line(&format!("case {condition}:"));
                    self.block(2, depth);
                }
                if self.rng.chance(50) {
                    self.line("default:");
                    self.block(2, depth);
                }
                self.line("}");
            }
            _ => {
                let typ = self.types.integer(self.rng);
                let (strings, typ) = match self.rng.chance(25) {
                    true => (true, STRING),
                    false => (false, typ),
                };
                let value = self.operand(typ, 2);
                let value = match strings || self.rng.chance(40) {
                    true => value,
                    false => format!("({value}) & 15"),
                };
                self.line(&format!("switch {value} {{"));
                let cases = self.rng.range(1, 9);
                let mut next = 0;
                for case in 0..cases {
                    let mut list = Vec::new();
                    for _ in 0..self.rng.range(1, 3) {
                        next += self.rng.range(1, 3);
                        list.push(match strings {
                            true => format!(
                                "\"{}\"",
                                [
                                    "", "a", "ab", "raw", "b", "abc", "x", "true", "0", "1", "-1",
                                    "2", "3", "4", "5", "6", "7", "8", "9"
                                ]
                                .get(next)
                                .map_or_else(|| format!("z{next}"), |s| (*s).to_owned())
                            ),
                            false => next.to_string(),
                        });
                    }
                    self.line(&format!("case {}:", list.join(", ")));
                    self.block(2, depth);
                    if case + 1 < cases && self.rng.chance(15) {
                        self.indent += 1;
                        self.line("fallthrough");
                        self.indent -= 1;
                    }
                }
                if self.rng.chance(50) {
                    self.line("default:");
                    self.block(2, depth);
                }
                self.line("}");
            }
        }
    }

    fn goto_statement(&mut self, depth: u32) {
        let label = self.fresh("G");
        if self.rng.chance(50) {
            let condition = self.operand(BOOL, 2);
            self.line(&format!(
                "{{\n\tif {condition} {{\n\t\tgoto {label}\n\t}}\n\t{{"
            ));
            self.indent += 1;
            self.block(3, depth);
            self.indent -= 1;
            self.line(&format!("\t}}\n{label}:\n\t_ = 0\n}}"));
        } else if self.times * 4 < LOOP_BUDGET && !self.pure {
            // Backwards, a few times.
            let name = self.fresh("n");
            let n = self.rng.range(1, 4);
            self.line(&format!("{{\n\t{name} := 0\n{label}:\n\t{name}++\n\t{{"));
            let times = self.times;
            self.times *= n as u64;
            self.counter(&name);
            self.indent += 1;
            self.block(3, depth);
            self.indent -= 1;
            self.vars.pop();
            self.times = times;
            self.line(&format!(
                "\t}}\n\tif {name} < {n} {{\n\t\tgoto {label}\n\t}}\n}}"
            ));
        }
    }

    fn append_statement(&mut self) {
        let slices: Vec<(String, TypeId)> = self
            .vars
            .iter()
            .filter(|v| !v.frozen && !self.pure)
            .filter_map(|v| match self.types.kind(v.typ) {
                Kind::Slice(element) => Some((v.name.clone(), *element)),
                _ => None,
            })
            .collect();
        if slices.is_empty() {
            return self.declaration();
        }
        let (name, element) = self.rng.of(&slices).clone();
        match self.rng.below(4) {
            0 => {
                let typ = self.types.slice(element);
                let value = self.operand(typ, 1);
                self.line(&format!(
                    "if len({name}) < 40 {{\n\t{name} = append({name}, {value}...)\n}}"
                ));
            }
            1 => {
                let typ = self.types.slice(element);
                let value = self.operand(typ, 1);
                let i = self.operand(UINT, 1);
                self.line(&format!("copy(part({name}, {i}, 40), {value})"));
            }
            _ => {
                let values: Vec<String> = (0..self.rng.range(1, 4))
                    .map(|_| self.value(element, 2))
                    .collect();
                self.line(&format!(
                    "if len({name}) < 60 {{\n\t{name} = append({name}, {})\n}}",
                    values.join(", ")
                ));
            }
        }
    }

    fn builtin_statement(&mut self) {
        let maps: Vec<(String, TypeId, TypeId)> = self
            .vars
            .iter()
            .filter(|v| !v.frozen)
            .filter_map(|v| match self.types.kind(v.typ) {
                Kind::Map(key, element) => Some((v.name.clone(), *key, *element)),
                _ => None,
            })
            .collect();
        if maps.is_empty() {
            return self.declaration();
        }
        let (name, key, element) = self.rng.of(&maps).clone();
        match self.rng.below(6) {
            0 | 1 => {
                let key = self.operand(key, 1);
                self.line(&format!("delete({name}, {key})"));
            }
            2 => {
                let condition = self.operand(BOOL, 1);
                self.line(&format!("if {condition} {{\n\tclear({name})\n}}"));
            }
            3 => {
                let (value, ok) = (self.fresh("v"), self.fresh("v"));
                let key = self.operand(key, 1);
                self.line(&format!(
                    "{value}, {ok} := {name}[{key}]\n_, _ = {value}, {ok}"
                ));
                self.declare(&value, element);
                self.declare(&ok, BOOL);
            }
            _ => {
                // What a loop over a map computes must not depend on its order.
                let (k, v, all) = (self.fresh("q"), self.fresh("q"), self.fresh("v"));
                self.next += 1;
                let id = self.next;
                self.line(&format!(
                    "{all} := sum(0)\nfor {k}, {v} := range {name} {{\n\tone := sum(0)\n\tone.see({id}, {k})\n\tone.see({id}, {v})\n\t{all} ^= one\n}}\ns.see({id}, {all})"
                ));
            }
        }
    }

    /// Calls a function with effects, or a closure; the results go into new variables.
    fn call_statement(&mut self) {
        let able: Vec<Func> = self
            .funcs
            .iter()
            .rev()
            .take(12)
            .filter(|f| !f.pure && f.cost * self.times + self.cost < BUDGET)
            .chain(
                self.closures
                    .iter()
                    .filter(|f| f.cost * self.times + self.cost < BUDGET),
            )
            .cloned()
            .collect();
        // Or a func variable.
        let values: Vec<(String, Vec<TypeId>, TypeId)> = self
            .vars
            .iter()
            .filter_map(|v| match self.types.kind(v.typ) {
                Kind::Func(params, result) => Some((v.name.clone(), params.clone(), *result)),
                _ => None,
            })
            .collect();
        if !values.is_empty()
            && (able.is_empty() || self.rng.chance(40))
            && self.cost + 300 * self.times < BUDGET
        {
            let (f, params, result) = self.rng.of(&values).clone();
            let name = self.fresh("v");
            let text = self.types.text(result).to_owned();
            let arguments: Vec<String> = params.iter().map(|t| self.value(*t, 2)).collect();
            self.cost += 300 * self.times;
            self.line(&format!(
                "var {name} {text}\nif {f} != nil {{\n\t{name} = {f}({})\n}}\n_ = {name}",
                arguments.join(", ")
            ));
            self.declare(&name, result);
            return;
        }
        if able.is_empty() {
            return self.see();
        }
        let f = self.rng.of(&able).clone();
        self.cost += f.cost * self.times;
        let mut arguments: Vec<String> = f.params.iter().map(|t| self.value(*t, 2)).collect();
        if f.name.starts_with('f') {
            arguments.insert(0, "s".to_owned());
        }
        let call = format!("{}({})", f.name, arguments.join(", "));
        if f.results.is_empty() {
            self.line(&call);
            return;
        }
        let names: Vec<String> = f.results.iter().map(|_| self.fresh("v")).collect();
        self.line(&format!("{} := {call}", names.join(", ")));
        for (name, typ) in names.iter().zip(&f.results) {
            self.line(&format!("_ = {name}"));
            self.declare(name, *typ);
        }
    }

    /// Starts the text of a function literal: what is around cannot be left from inside.
    fn inner<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> R {
        let loops = std::mem::take(&mut self.loops);
        self.in_closure += 1;
        let result = body(self);
        self.in_closure -= 1;
        self.loops = loops;
        result
    }

    fn defer_statement(&mut self) {
        if self.in_closure > 0 {
            return self.see();
        }
        self.next += 1;
        let id = self.next;
        match self.rng.below(3) {
            0 => {
                let value = self.value(INT, 2);
                self.line(&format!("defer s.see({id}, {value})"));
            }
            1 => {
                self.line("defer func() {");
                self.inner(|g| g.block(2, 1));
                if !self.result_names.is_empty() {
                    let which = self.rng.below(self.result_names.len());
                    let (name, typ) = (self.result_names[which].clone(), self.results[which]);
                    let value = self.value(typ, 2);
                    self.line(&format!("\t{name} = {value}"));
                }
                self.line("}()");
            }
            _ => {
                self.line(&format!("defer func() {{\n\ts.caught({id}, recover())"));
                self.inner(|g| g.block(2, 1));
                self.line("}()");
            }
        }
    }

    fn closure_statement(&mut self, depth: u32) {
        let name = self.fresh("c");
        let count = self.rng.below(3);
        let params: Vec<(String, TypeId)> = (0..count)
            .map(|_| (self.fresh("a"), self.types.random(self.rng)))
            .collect();
        let result = self.types.random(self.rng);
        let list = self.param_list(&params);
        let text = self.types.text(result).to_owned();
        self.line(&format!("{name} := func({list}) {text} {{"));
        let (times, cost, vars) = (self.times, self.cost, self.vars.len());
        self.times = 1;
        self.cost = 5;
        for (name, typ) in &params {
            self.declare(name, *typ);
        }
        let closures = self.closures.len();
        self.inner(|g| {
            g.block(4, depth.min(1));
            let value = g.value(result, 2);
            g.line(&format!("\treturn {value}"));
        });
        self.closures.truncate(closures);
        self.vars.truncate(vars);
        let own = self.cost;
        self.times = times;
        self.cost = cost;
        self.line(&format!("}}\n_ = {name}"));
        self.closures.push(Func {
            name,
            params: params.iter().map(|(_, t)| *t).collect(),
            results: vec![result],
            pure: false,
            cost: own,
        });
    }

    /// Goroutines that only read what is around, while the caller waits for them.
    fn goroutines(&mut self) {
        if self.times > 20 {
            return self.see();
        }
        let typ = self.types.random(self.rng);
        let text = self.types.text(typ).to_owned();
        let n = self.rng.range(1, 5);
        let i = self.fresh("i");
        self.next += 1;
        let id = self.next;
        let vars = self.vars.len();
        self.counter(&i);
        let value = self.value(typ, 2);
        self.vars.truncate(vars);
        let ch = self.fresh("ch");
        match self.rng.below(4) {
            0 => self.line(&format!(
                "{ch} := make(chan {text}, {})\ngo func() {{\n\tdefer close({ch})\n\tfor {i} := range {n} {{\n\t\t_ = {i}\n\t\t{ch} <- {value}\n\t}}\n}}()\nfor x := range {ch} {{\n\ts.see({id}, x)\n}}",
                self.next % 3
            )),
            1 => self.line(&format!(
                "{{\n\tvar wg sync.WaitGroup\n\tvar all [{n}]{text}\n\tfor {i} := range {n} {{\n\t\twg.Go(func() {{\n\t\t\tall[{i}] = {value}\n\t\t}})\n\t}}\n\twg.Wait()\n\ts.see({id}, all)\n}}"
            )),
            2 => self.line(&format!(
                "{ch} := make(chan {text})\nfor {i} := range {n} {{\n\t_ = {i}\n\tgo func() {{ {ch} <- {value} }}()\n\tselect {{\n\tcase x, ok := <-{ch}:\n\t\ts.see({id}, x)\n\t\ts.see({id}, ok)\n\t}}\n}}"
            )),
            _ => self.line(&format!(
                "{{\n\tvar mu sync.Mutex\n\tvar wg sync.WaitGroup\n\tall := sum(0)\n\tfor {i} := range {n} {{\n\t\t_ = {i}\n\t\twg.Add(1)\n\t\tgo func() {{\n\t\t\tdefer wg.Done()\n\t\t\tone := sum(0)\n\t\t\tone.walk(reflect.ValueOf({value}), 0)\n\t\t\tmu.Lock()\n\t\t\tdefer mu.Unlock()\n\t\t\tall += one\n\t\t}}()\n\t}}\n\twg.Wait()\n\ts.see({id}, all)\n}}"
            )),
        }
    }

    /// One operation that may panic, with operands that cannot.
    fn panicking(&mut self) {
        self.next += 1;
        let id = self.next;
        let typ = self.types.integer(self.rng);
        let condition = self.operand(BOOL, 2);
        let text = match self.rng.below(8) {
            0 => {
                let (a, b) = (self.operand(typ, 1), self.operand(typ, 1));
                let name = self.fresh("v");
                let op = *self.rng.of(&["/", "%"]);
                format!("{name} := {b}\ns.see({id}, {a} {op} {name})")
            }
            1 | 2 => {
                let element = self.types.random(self.rng);
                let slice = self.types.slice(element);
                let (a, b) = (self.operand(slice, 1), self.operand(typ, 1));
                let (x, i) = (self.fresh("v"), self.fresh("v"));
                let form = match self.rng.below(5) {
                    0 => format!("{x}[{i}]"),
                    1 => format!("{x}[{i}:]"),
                    2 => format!("{x}[:{i}]"),
                    3 => format!("{x}[1:{i}:3]"),
                    _ => format!("[2]{}({x})", self.types.text(element)),
                };
                format!("{x} := {a}\n{i} := {b}\n_ = {i}\ns.see({id}, {form})")
            }
            3 => {
                let (a, to) = (self.operand(ANY, 2), self.types.random(self.rng));
                format!("s.see({id}, {a}.({}))", self.types.text(to))
            }
            4 => {
                let (x, i) = (self.fresh("v"), self.fresh("v"));
                let (a, b) = (self.operand(STRING, 2), self.operand(typ, 1));
                let form = *self.rng.of(&["[{i}]", "[{i}:]", "[1:{i}]"]);
                let form = form.replace("{i}", &i);
                format!("{x} := {a}\n{i} := {b}\ns.see({id}, {x}{form})")
            }
            5 => format!("panic(&failure{{{id}}})"),
            6 => {
                let value = self.operand(typ, 1);
                format!("panic({value})")
            }
            _ => "panic(errFixed)".to_owned(),
        };
        if self.rng.chance(60) {
            // In a function of its own that recovers.
            self.line(&format!(
                "func() {{\n\tdefer func() {{ s.caught({id}, recover()) }}()\n\tif {condition} {{\n{text}\n}}\n}}()"
            ));
        } else {
            self.line(&format!("if {condition} {{\n{text}\n}}"));
        }
    }

    fn generic_statement(&mut self) {
        let typ = self.types.random(self.rng);
        let text = self.types.text(typ).to_owned();
        self.next += 1;
        let id = self.next;
        match self.rng.below(3) {
            0 => {
                let name = self.fresh("c");
                let (a, b) = (self.value(typ, 2), self.value(typ, 2));
                self.line(&format!(
                    "{name} := &cell[{text}]{{value: {a}}}\ns.see({id}, {name}.set({b}))\n{name}_v, {name}_n := {name}.get()\ns.see({id}, {name}_v)\ns.see({id}, {name}_n)"
                ));
                let name = format!("{name}_v");
                self.declare(&name, typ);
            }
            1 => {
                let slice = self.types.slice(typ);
                let values = self.operand(slice, 2);
                let result = self.types.simple(self.rng);
                let result_text = self.types.text(result).to_owned();
                let start = self.operand(result, 1);
                let (a, v) = (self.fresh("q"), self.fresh("q"));
                let vars = self.vars.len();
                self.declare(&a, result);
                self.declare(&v, typ);
                for var in &mut self.vars[vars..] {
                    var.frozen = true;
                }
                let body = self.value(result, 2);
                self.vars.truncate(vars);
                let name = self.fresh("v");
                self.line(&format!(
                    "{name} := fold({values}, {start}, func({a} {result_text}, {v} {text}) {result_text} {{ return {body} }})\n_ = {name}"
                ));
                self.declare(&name, result);
            }
            _ => {
                let typ = loop {
                    let typ = self.types.integer(self.rng);
                    // A named type may be a uintptr.
                    if !self.types.all[typ].named && self.types.text(typ) != "uintptr" {
                        break typ;
                    }
                };
                let all: Vec<String> = (0..self.rng.range(1, 5))
                    .map(|_| self.operand(typ, 1))
                    .collect();
                self.line(&format!("s.see({id}, total({}))", all.join(", ")));
            }
        }
    }
}
