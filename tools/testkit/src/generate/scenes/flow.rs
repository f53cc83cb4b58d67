//! Loops of all kinds in each other, left in all ways: labelled break and continue, return with and without named results,
//! panics, deferred functions that change the results, closures that keep loop variables.

use super::Scenes;

/// Where a statement stands.
struct Place {
    vars: Vec<String>,
    /// Labels of the loops that can be left from here, and whether they were.
    loops: Vec<(String, bool)>,
    /// Inside of a switch or select or loop, so that a bare break is legal.
    breakable: bool,
    /// Result of the function around: none, or an int and an error.
    results: bool,
    closures: u32,
}

impl Scenes<'_> {
    /// One function of such loops, called with several arguments.
    pub fn flow(&mut self) -> String {
        let name = self.fresh("flow");
        let mut place = Place {
            vars: ["a", "b", "x"].map(str::to_owned).to_vec(),
            loops: Vec::new(),
            breakable: false,
            results: true,
            closures: 0,
        };
        let named = self.rng.chance(70);
        let results = if named {
            place.vars.push("r".to_owned());
            "(r int, err error)"
        } else {
            "(int, error)"
        };
        let mut body =
            "x, fuel := 1, 300\n_, _ = x, fuel\nvar fs []func() int\n_ = fs\n".to_owned();
        if self.rng.chance(75) {
            let id = self.id();
            let change = match named {
                true => format!("r += {}\nerr = errFixed\n", self.int(&place.vars, 2)),
                false => String::new(),
            };
            body.push_str(&format!(
                "defer func() {{\nif p := recover(); p != nil {{\ns.caught({id}, p)\n{change}}}\n}}()\n"
            ));
        }
        let count = self.rng.range(3, 7);
        body.push_str(&self.flow_block(&mut place, count, 4));
        let value = self.int(&place.vars, 2);
        body.push_str(&format!(
            "for i, f := range fs {{\ns.add(uint64(f() + i))\n}}\nreturn {value}, nil\n"
        ));
        self.out.push_str(&format!(
            "func {name}(s *sum, a, b int) {results} {{\n{body}}}\n\n"
        ));
        let mut text = String::new();
        for _ in 0..4 {
            let (a, b, id) = (self.small(), self.small(), self.id());
            let call = format!("r, err := {name}(s, {a}, {b})\ns.see({id}, r)\ns.see({id}, err)\n");
            text.push_str(&self.guarded(&call));
        }
        text
    }

    fn flow_block(&mut self, place: &mut Place, count: usize, depth: u32) -> String {
        let vars = place.vars.len();
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(&self.flow_statement(place, depth));
        }
        place.vars.truncate(vars);
        text
    }

    fn flow_statement(&mut self, place: &mut Place, depth: u32) -> String {
        let count = self.rng.range(1, 4);
        match self.rng.below(32) {
            0..3 => format!("x = x*31 + {}\n", self.int(&place.vars, 2)),
            3 | 4 => format!("s.add(uint64(k({})))\n", self.int(&place.vars, 2)),
            5 => {
                let (value, name) = (self.int(&place.vars, 2), self.fresh("v"));
                place.vars.push(name.clone());
                format!("{name} := {value}\n_ = {name}\n")
            }
            6 | 7 => {
                let name = self.rng.of(&place.vars).clone();
                let op = *self.rng.of(&["=", "+=", "-=", "*=", "^="]);
                format!("{name} {op} {}\n", self.int(&place.vars, 2))
            }
            8..16 if depth > 0 => self.flow_loop(place, depth - 1),
            16 | 17 if depth > 0 => {
                let condition = self.condition(&place.vars);
                let mut text = format!("if {condition} {{\n");
                text.push_str(&self.flow_block(place, count, depth - 1));
                if self.rng.chance(50) {
                    text.push_str("} else {\n");
                    text.push_str(&self.flow_block(place, count, depth - 1));
                }
                text + "}\n"
            }
            18 | 19 if depth > 0 => self.flow_switch(place, depth - 1),
            20 if depth > 0 => {
                let outer = std::mem::replace(&mut place.breakable, true);
                let value = self.int(&place.vars, 1);
                let v = self.fresh("v");
                let full = self.rng.below(2);
                let mut text = format!(
                    "{v}c := make(chan int, 1)\nif {full} == 1 {{\n{v}c <- {value}\n}}\nselect {{\ncase {v} := <-{v}c:\n_ = {v}\n"
                );
                place.vars.push(v);
                text.push_str(&self.flow_block(place, count, depth - 1));
                place.vars.pop();
                text.push_str("default:\n");
                text.push_str(&self.flow_block(place, count, depth - 1));
                place.breakable = outer;
                text + "}\n"
            }
            21 | 22 => {
                let value = self.int(&place.vars, 2);
                let changed = self.rng.of(&place.vars).clone();
                format!(
                    "if len(fs) < 12 {{\nfs = append(fs, func() int {{\n{changed} += {}\nreturn {value}\n}})\n}}\n",
                    self.small()
                )
            }
            23 if place.closures < 2 => {
                let changed = self.rng.of(&place.vars).clone();
                let value = self.int(&place.vars, 2);
                let recovers = match self.rng.chance(40) {
                    true => "s.caught(1, recover())\n",
                    false => "",
                };
                format!(
                    "defer func() {{\n{recovers}{changed} = {value}\ns.add(uint64({changed}))\n}}()\n"
                )
            }
            24 => {
                let value = self.int(&place.vars, 2);
                format!("defer s.add(uint64(k({value})))\n")
            }
            25 if depth > 0 && place.closures < 2 => {
                let mut inner = Place {
                    vars: place.vars.clone(),
                    loops: Vec::new(),
                    breakable: false,
                    results: false,
                    closures: place.closures + 1,
                };
                let body = self.flow_block(&mut inner, count, depth - 1);
                match self.rng.chance(60) {
                    true => format!(
                        "func() {{\ndefer func() {{ s.caught(2, recover()) }}()\n{body}}}()\n"
                    ),
                    false => format!("func() {{\n{body}}}()\n"),
                }
            }
            26 => {
                let (condition, value) = (self.condition(&place.vars), self.int(&place.vars, 1));
                format!("if {condition} {{\npanic({value})\n}}\n")
            }
            27 | 28 => {
                let condition = self.condition(&place.vars);
                let leave = if place.results {
                    format!(
                        "return {}, &failure{{{}}}",
                        self.int(&place.vars, 2),
                        self.small()
                    )
                } else {
                    "return".to_owned()
                };
                format!("if {condition} {{\n{leave}\n}}\n")
            }
            _ if !place.loops.is_empty() => {
                let condition = self.condition(&place.vars);
                let n = place.loops.len();
                let what = *self.rng.of(&["break", "continue"]);
                let leave = if self.rng.chance(30) {
                    what.to_owned()
                } else {
                    let label = &mut place.loops[self.rng.below(n)];
                    label.1 = true;
                    format!("{what} {}", label.0)
                };
                format!("if {condition} {{\n{leave}\n}}\n")
            }
            _ if place.breakable => {
                format!("if {} {{\nbreak\n}}\n", self.condition(&place.vars))
            }
            _ => format!("x ^= {}\n", self.int(&place.vars, 3)),
        }
    }

    fn flow_loop(&mut self, place: &mut Place, depth: u32) -> String {
        let label = self.fresh("L");
        let (i, j) = (self.fresh("i"), self.fresh("j"));
        let n = self.rng.range(1, 5);
        let vars = place.vars.len();
        let (mut before, mut after, mut two) = (String::new(), String::new(), false);
        let head = match self.rng.below(14) {
            0..3 => format!("for {i} := 0; {i} < {n}; {i}++ {{\n"),
            3 => format!("for {i} := range {n} {{\n"),
            4 => {
                two = true;
                format!("for {i}, {j} := range []int{{3, 1, {}}} {{\n", self.small())
            }
            5 => {
                two = true;
                format!("for {i}, {j} := 0, {n}; {i} < {j}; {i}, {j} = {i}+1, {j}-1 {{\n")
            }
            6 | 7 => format!("for {i} := range upTo(s, {n}) {{\n"),
            8 => {
                two = true;
                format!("for {i}, {j} := range pairs(s, {n}) {{\n")
            }
            9 => format!("for {i} := range tree({n}).all {{\n"),
            10 => {
                two = true;
                format!(
                    "for {i}, {j} := range backwards([]int{{1, {}, 3}}) {{\n",
                    self.small()
                )
            }
            11 => format!(
                "for {i} := range filtered(upTo(s, {n}+3), func(v int) bool {{ return v != k(2) }}) {{\n"
            ),
            12 => {
                before = format!("{i}n, {i}s := iter.Pull(upTo(s, {n}))\ndefer {i}s()\n");
                after = format!("{i}s()\n");
                format!("for {{\n{i}, {i}ok := {i}n()\nif !{i}ok {{\nbreak\n}}\n")
            }
            _ => {
                before = format!(
                    "{i}c := make(chan int, {n})\nfor q := range {n} {{\n{i}c <- q * 3\n}}\nclose({i}c)\n"
                );
                format!("for {i} := range {i}c {{\n")
            }
        };
        place.vars.push(i.clone());
        if two {
            place.vars.push(j.clone());
        }
        place.loops.push((label.clone(), false));
        let outer = std::mem::replace(&mut place.breakable, true);
        let count = self.rng.range(1, 5);
        let body = self.flow_block(place, count, depth);
        place.breakable = outer;
        let used = place.loops.pop().is_some_and(|l| l.1);
        place.vars.truncate(vars);
        let label = if used {
            format!("{label}:\n")
        } else {
            String::new()
        };
        let unused = if two {
            format!("_, _ = {i}, {j}\n")
        } else {
            format!("_ = {i}\n")
        };
        // Bodies may change the counters, so only fuel is sure to end the loop.
        format!("{before}{label}{head}{unused}if fuel--; fuel < 0 {{\nbreak\n}}\n{body}}}\n{after}")
    }

    fn flow_switch(&mut self, place: &mut Place, depth: u32) -> String {
        let outer = std::mem::replace(&mut place.breakable, true);
        let cases = self.rng.range(1, 6);
        let default = self.rng.below(cases + 2);
        let kind = self.rng.below(3);
        let value = self.int(&place.vars, 2);
        let mut text = match kind {
            0 => format!("switch k({value}) & 7 {{\n"),
            1 => "switch {\n".to_owned(),
            _ => format!("switch v := mixed({value}).(type) {{\n"),
        };
        let count = self.rng.range(1, 3);
        for case in 0..cases {
            text.push_str(&match kind {
                _ if case == default => "default:\n".to_owned(),
                0 => format!("case {case}, {}:\n", case + 8),
                1 => format!("case {}:\n", self.condition(&place.vars)),
                _ => format!(
                    "case {}:\n",
                    [
                        "int",
                        "string, uint8",
                        "fmt.Stringer",
                        "error",
                        "nil",
                        "[]int"
                    ][case]
                ),
            });
            if kind == 2 {
                text.push_str("s.see(3, v)\n");
            }
            text.push_str(&self.flow_block(place, count, depth));
            if kind != 2 && case + 1 < cases && self.rng.chance(25) {
                text.push_str("fallthrough\n");
            }
        }
        if kind == 2 {
            text.push_str("case float64:\n_ = v\n");
        }
        place.breakable = outer;
        text + "}\n"
    }
}
