//! Generic functions that call each other with other arguments, and generic types with methods.

use super::Scenes;

const INTEGERS: &[&str] = &[
    "int8", "uint8", "int16", "int", "uint32", "uint64", "small8", "named",
];
const ORDERED: &[&str] = &[
    "float32", "float64", "string", "words", "int8", "uint16", "small8",
];
const COMPARABLE: &[&str] = &[
    "mark",
    "[2]string",
    "any",
    "*int",
    "pair[int8, string]",
    "bool",
    "int",
    "fmt.Stringer",
    "struct{ a any; b int8 }",
    "complex64",
    "chan int",
];

impl Scenes<'_> {
    fn types3(&mut self) -> String {
        let (t, u, v) = (
            *self.rng.of(INTEGERS),
            *self.rng.of(ORDERED),
            *self.rng.of(COMPARABLE),
        );
        format!("{t}, {u}, {v}")
    }

    /// An expression of the type parameter T, an integer.
    fn t(&mut self, depth: u32) -> String {
        if depth == 0 {
            return (*self
                .rng
                .of(&["a", "b", "t", "T(len(us))", "T(3)", "T(100)", "ts[1]"]))
            .to_owned();
        }
        let (x, y) = (self.t(depth - 1), self.t(depth - 1));
        match self.rng.below(12) {
            0..5 => format!(
                "({x} {} {y})",
                *self.rng.of(&["+", "-", "*", "&", "|", "^", "&^"])
            ),
            5 => format!("({x} / ({y} | 1))"),
            6 => format!("({x} % 7)"),
            7 => format!("({x} << ({y} & 7))"),
            8 => format!("({x} >> {})", self.rng.below(12)),
            9 => format!("(^{x})"),
            10 => format!("max({x}, {y})"),
            _ => format!("T(uint8({x}))"),
        }
    }

    fn t_condition(&mut self) -> String {
        match self.rng.below(5) {
            0 => "c < d".to_owned(),
            1 => "e == f".to_owned(),
            2 => "any(e) != any(v)".to_owned(),
            _ => format!(
                "{} {} {}",
                self.t(1),
                *self.rng.of(&["<", ">=", "==", "!="]),
                self.t(1)
            ),
        }
    }

    fn generic_block(&mut self, depth: u32) -> String {
        let mut text = String::new();
        for _ in 0..self.rng.range(2, 6) {
            let id = self.id();
            text.push_str(&match self.rng.below(20) {
                0..3 => format!("{} = {}\n", *self.rng.of(&["t", "a", "b", "ts[2]"]), self.t(2)),
                3 => "u = c + d\n".to_owned(),
                4 => "c, d = max(c, d), min(c, d, u)\n".to_owned(),
                5 => "us = append(us, c, u)[:min(len(us)+1, 9)]\n".to_owned(),
                6 => "e, f, v = f, v, e\n".to_owned(),
                7 => format!("m[e] = {}\ns.see({id}, len(m))\n", self.t(1)),
                8 => format!("{{\np := pair[T, U]{{{}, u}}\ns.see({id}, p.swap() == pair[U, T]{{c, a}})\np.set(t, d)\ns.see({id}, p)\n}}\n", self.t(1)),
                9 => format!("s.text(kindOf({}))\n", *self.rng.of(&["a", "u", "e", "ts", "us", "any(e)", "pair[U, T]{}", "*new([]V)"])),
                10 => format!("switch q := any({}).(type) {{\ncase T:\ns.see({id}, q + 1)\ncase U:\ns.see({id}, q + c)\ncase fmt.Stringer:\ns.text(q.String())\ncase []V:\ns.add(uint64(len(q)))\n}}\n", *self.rng.of(&["t", "u", "e", "[]V{e}"])),
                11 => format!("func() {{\ndefer func() {{ t++ }}()\nif {} {{\npanic(any(t))\n}}\n}}()\n", self.t_condition()),
                12 => format!("fs = append(fs, func(x T) T {{\nt += x\nreturn {}\n}})\n", self.t(2)),
                13 => "for _, g := range fs {\nb ^= g(t)\n}\n".to_owned(),
                14 if depth > 0 => format!("if {} {{\n{}}} else {{\n{}}}\n", self.t_condition(), self.generic_block(depth - 1), self.generic_block(depth - 1)),
                15 if depth > 0 => format!("for i := T(0); i < 3; i++ {{\nt += i\n{}}}\n", self.generic_block(0)),
                16 if depth > 0 => format!("for i, x := range backwards(us) {{\nif i > 4 {{\nbreak\n}}\nu += x\nu = lessU(u)\n{}}}\n", self.generic_block(0)),
                17 => format!("s.see({id}, [2]V{{e, f}} == [2]V{{f, e}})\ns.see({id}, struct {{\na T\nb V\n}}{{t, e}} == struct {{\na T\nb V\n}}{{a, f}})\n"),
                18 => format!("{{\nch := make(chan U, 2)\nch <- u\nclose(ch)\nx, ok := <-ch\ny, no := <-ch\ns.see({id}, x == u && ok)\ns.see({id}, y)\ns.see({id}, no)\n}}\n"),
                _ => format!("s.see({id}, {})\n", *self.rng.of(&["t", "u", "ts", "us", "a", "pair[V, U]{e, u}.swap().first"])),
            });
        }
        text
    }

    /// A function of three type parameters, with all of its callers' arguments in other places.
    pub fn generic_functions(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..2 {
            let name = self.fresh("gf");
            let mut body = "var t T\nvar u U\nvar v V\nts := [3]T{a, b}\nvar us []U\nm := map[V]T{e: a}\nvar fs []func(T) T\n_, _, _, _ = fs, m, ts, us\nlessU := func(x U) U {\nif x > c+d {\nreturn c\n}\nreturn x\n}\n_ = lessU\n".to_owned();
            body.push_str(&self.generic_block(2));
            if !self.generic_functions.is_empty() {
                let other = self.rng.of(&self.generic_functions).clone();
                body.push_str(&match self.rng.below(4) {
                    0 => format!("{{\nx, y, z := {other}(s, b, t, u, c, f, v)\ns.see(1, x)\ns.see(2, y)\ns.see(3, z)\n}}\n"),
                    1 => format!("{{\nx, _, _ := {other}(s, t, a, a, t, u, c)\nt ^= x\n}}\n"),
                    2 => format!("{{\nh := {other}[T, T, pair[V, U]]\n_, _, p := h(s, a, b, t, t, pair[V, U]{{e, u}}, pair[V, U]{{f, u}})\nv = p.first\n}}\n"),
                    _ => format!("{{\n_, y, z := {other}[int16, U, [1]T](s, 3, int16(t), c, u, [1]T{{t}}, [1]T{{b}})\nu = y\ns.see(4, z)\n}}\n"),
                });
            }
            body.push_str("return t, u, v\n");
            self.out.push_str(&format!(
                "func {name}[T integer, U ordered, V comparable](s *sum, a, b T, c, d U, e, f V) (T, U, V) {{\n{body}}}\n\n"
            ));
            for _ in 0..3 {
                let types = self.types3();
                let id = self.id();
                let call = format!(
                    "t, u, v := call3(s, {name}[{types}])\ns.see({id}, t)\ns.see({id}, u)\ns.see({id}, v)\n"
                );
                text.push_str(&self.guarded(&call));
            }
            if self.generic_functions.len() > 3 {
                self.generic_functions.clear();
            }
            self.generic_functions.push(name);
        }
        text
    }

    /// Generic types that embed each other; their methods called directly, as values, through interfaces.
    pub fn generic_types(&mut self) -> String {
        let (g, h, i) = (self.fresh("G"), self.fresh("H"), self.fresh("I"));
        let (e1, e2, e3) = (self.t(2), self.t(1), self.t(2));
        let fields = ["a T", "c U", "us []U", "e, f V"];
        let first = self.rng.below(4);
        let fields: Vec<&str> = (0..4).map(|x| fields[(x + first) % 4]).collect();
        let embed = *self.rng.of(&["", "*"]);
        self.out.push_str(&format!(
            "type {g}[T integer, U ordered, V comparable] struct {{\n{}\n}}\n\n\
             func (g *{g}[T, U, V]) step(b T, d U) (T, bool) {{\na, c, us, t := g.a, g.c, g.us, b\nts := [3]T{{a, t, b}}\ng.a = {e1}\ng.us = append(us, c, d)\nif c < d {{\ng.c = d\n}}\nreturn {e2} + ts[0], g.e == g.f\n}}\n\n\
             func (g {g}[T, U, V]) show() string {{ return fmt.Sprintf(\"%T %v %v %d\", g, g.a, g.c, len(g.us)) }}\n\n\
             func (g {g}[T, U, V]) each(yield func(T, U) bool) {{\nfor i, u := range g.us {{\nif !yield(T(i) + g.a, u) {{\nreturn\n}}\n}}\n}}\n\n\
             type {i}[T, U any] interface {{\nstep(T, U) (T, bool)\nshow() string\n}}\n\n\
             type {h}[T integer, U ordered] struct {{\npair[U, T]\n{embed}{g}[T, U, pair[T, U]]\nx {i}[T, U]\n}}\n\n\
             func (h {h}[T, U]) show() string {{\na, b, t, us, ts := h.first2(), h.second, h.second, h.us, [3]T{{}}\n_, _, _, _, _ = a, b, t, us, ts\nreturn h.{g}.show() + fmt.Sprint({e3})\n}}\n\n\
             func (h {h}[T, U]) first2() T {{ return h.second + h.a }}\n\n\
             func new{h}[T integer, U ordered](a T, c U) *{h}[T, U] {{\nh := &{h}[T, U]{{pair: pair[U, T]{{c, a}}}}\n{}h.x = h\nreturn h\n}}\n\n",
            fields.join("\n"),
            if embed == "*" { format!("h.{g} = &{g}[T, U, pair[T, U]]{{a: a, c: c}}\n") } else { format!("h.{g}.a = a\n") },
        ));
        let mut text = String::new();
        for _ in 0..3 {
            let (t, u) = (*self.rng.of(INTEGERS), *self.rng.of(ORDERED));
            let (id, n) = (self.id(), self.rng.range(1, 100));
            let call = format!(
                "var c {u}\nh := new{h}({t}({n}), c)\nf := h.step\nk := (*{h}[{t}, {u}]).step\nshow := h.show\n\
                 for j := {t}(0); j < 3; j++ {{\nx, ok := f(j, c)\ns.see({id}, x)\ns.see({id}, ok)\nx, _ = k(h, x, c)\ns.see({id}, x)\n}}\n\
                 s.text(show())\ns.text(h.x.show())\ns.text({h}[{t}, {u}].show(*h))\nfor a, b := range h.each {{\ns.see({id}, a)\ns.see({id}, b)\nif a == 5 {{\nbreak\n}}\n}}\n\
                 var any any = h\nif q, ok := any.({i}[{t}, {u}]); ok {{\ns.text(q.show())\n}}\n_, no := any.({i}[{u}, string])\ns.see({id}, no)\ns.see({id}, h.swap())\nh.set(c, 1)\ns.see({id}, h.pair)\n"
            );
            text.push_str(&self.guarded(&call));
        }
        text + "s.see(1, filled[counter](1, 2, k(3)))\ns.see(2, filled[list](1, k(5)))\ns.see(3, weigh(small8(k(3)), 4))\ns.see(4, weigh(words(\"ab\"), \"\"))\n"
    }
}
