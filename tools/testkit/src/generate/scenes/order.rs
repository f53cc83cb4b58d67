//! What is called in which order, what method values and deferred calls keep, and whose method a selector means.

use super::Scenes;

impl Scenes<'_> {
    fn call(&mut self) -> String {
        let (id, v) = (self.id(), self.rng.below(4));
        format!("tr(s, {id}, {v})")
    }

    /// An int expression all of whose operands are calls.
    fn calls(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.call();
        }
        let (a, b) = (self.calls(depth - 1), self.calls(depth - 1));
        match self.rng.below(9) {
            0..3 => format!("({a} {} {b})", *self.rng.of(&["+", "-", "*", "^", "|"])),
            3 => format!("tr(s, {a}, {b})"),
            4 => format!("[4]int{{{a}, {b}}}[{}&3]", self.call()),
            5 => format!("pair[int, int]{{second: {a}, first: {b}}}.first"),
            6 => format!("map[int]int{{1: {a}, 2: {b}}}[{}]", self.call()),
            7 => format!("(func(x, y int) int {{ return x - y*3 }})({a}, {b})"),
            _ => format!("len([]int{{{a}, {b}}}[{}&1:])", self.call()),
        }
    }

    /// Assignments, calls, literals and returns made of calls that are noted. Calls happen in lexical order, so
    /// nothing here reads a variable that one of them changes.
    pub fn order(&mut self) -> String {
        let mut text = "var arr [4]int\nsl := []int{1, 2, 3, 4}\nm := map[int]int{}\npt := &pair[int, string]{}\nvar none *pair[int, string]\nvar nm map[int]int\n_, _, _, _, _, _ = arr, sl, m, pt, none, nm\n".to_owned();
        for _ in 0..self.rng.range(8, 16) {
            let [a, b, c, d] = [0, 1, 1, 2].map(|depth| self.calls(depth));
            let i = self.rng.below(6);
            let statement = match self.rng.below(20) {
                0 => format!("arr[{a}&3], m[{b}] = {c}, {d}\n"),
                1 => format!("m[{a}] += {d}\n"),
                2 => format!("sl[{a}] <<= {b} & 7\n"),
                3 => format!("trp(s, 1, &arr)[{a}&3], *trp(s, 2, &sl[1]) = {c}, {d}\n"),
                4 => format!("s.see(1, {a} > {b} && {c} < {d} || {a} == 1)\n"),
                5 => {
                    format!("switch ({a}) {{\ncase {b}, {c}:\ns.add(1)\ncase {d}:\ns.add(2)\n}}\n")
                }
                6 => format!("defer tr(s, {a}, {d})\ntr(s, {b}, 1)\n"),
                7 => format!(
                    "s.see(2, []any{{{a}, trp(s, {b}, \"x\"), trp(s, 4, mark{{c: fmt.Sprint({c})}})}})\n"
                ),
                8 => format!("sl[{a}+{i}], arr[{b}&3] = {c}, {d}\n"),
                9 => format!("trp(s, 1, none).first, m[{b}] = {c}, {d}\n"),
                10 => format!("trp(s, 1, nm)[{b}] = {d}\n"),
                11 => format!(
                    "func() (x, y int) {{\ndefer func() {{\nx, y = y*2, x+1\ns.see(3, x-y)\n}}()\nx = {a}\nreturn {b}, {d}\n}}()\n"
                ),
                12 => format!(
                    "x, y := func() (int, int) {{ return {a}, {d} }}()\ns.add(uint64(x*3 + y))\n"
                ),
                13 => format!(
                    "ch := make(chan int, 2)\nch <- {a}\nch <- {b}\ns.see(4, <-ch - <-ch*{c})\n"
                ),
                14 => format!("s.see(5, trp(s, 1, sl)[{a}:{b}+2:{c}&3+4])\n"),
                15 => format!("sl = append(trp(s, 1, sl[:2]), {a}, {d}, trp(s, 7, {b}))\n"),
                16 => format!("i := {a}\ni, sl[i] = {b}, {c}\ns.see(6, i)\n"),
                17 => format!("s.see(7, {d} / ({a} - {b}))\n"),
                18 => format!(
                    "for i, v := range trp(s, 1, [3]int{{{a}, {b}, {c}}}) {{\narr[i] ^= v + {i}\n}}\n"
                ),
                _ => format!(
                    "if x := ({a}); x > ({b}) {{\ns.add(uint64(x))\n}} else if y := ({c}); y+x == ({d}) {{\ns.add(uint64(y))\n}}\n"
                ),
            };
            text.push_str(&self.guarded(&statement));
            text.push_str("s.see(8, arr)\ns.see(9, sl)\ns.see(10, m)\n");
        }
        text
    }

    /// Method values, method expressions and deferred methods: when receivers are copied.
    pub fn bound(&mut self) -> String {
        let name = self.fresh("B");
        let array = *self.rng.of(&[
            "",
            "pad [3]int\n",
            "pad [200]byte\n",
            "pad any\n",
            "pad string\n",
        ]);
        self.out.push_str(&format!(
            "type {name} struct {{\nn int\n{array}}}\n\nfunc (b {name}) get(x int) int {{ return b.n*10 + x }}\n\nfunc (b *{name}) inc(x int) int {{\nb.n += x\nreturn b.n\n}}\n\ntype {name}i interface {{\nget(int) int\n}}\n\ntype {name}e struct {{\nq int8\n*{name}\n}}\n\ntype {name}v struct {{\n{name}\nf func(int) int\n}}\n\n"
        ));
        let mut text = format!(
            "b := {name}{{n: k(1)}}\np := &b\ne := {name}e{{1, p}}\nv := {name}v{{b, b.get}}\nvar i {name}i = b\nvar j {name}i = p\nvar none *{name}\nvar noi {name}i\nfs := []func(int) int{{}}\n_, _, _, _, _, _, _ = none, noi, i, j, v, e, p\n"
        );
        for _ in 0..self.rng.range(8, 20) {
            let n = self.rng.range(1, 9);
            let source = *self.rng.of(&[
                "b.get", "b.inc", "p.get", "p.inc", "e.get", "e.inc", "v.get", "v.inc", "i.get",
                "j.get", "v.f", "none.get", "noi.get", "none.inc", "e.get", "(&v).get", "(*p).inc",
            ]);
            let statement = match self.rng.below(8) {
                0..3 => format!("fs = append(fs, {source})\n"),
                3 => format!("defer func() {{ s.see(1, b.n) }}()\ndefer {source}({n})\n"),
                4 => format!("s.see(2, {source}({n}))\n"),
                5 => format!(
                    "f := (*{name}).inc\ng := {name}.get\nh := {name}e.get\nw := {name}i.get\ns.see(3, f(p, {n}) + g(b, 1) + h(e, 2) + w(j, 3))\n"
                ),
                6 => format!("b.n += {n}\nv.n ^= {n}\ni = b\n"),
                _ => "for x, f := range fs {\ns.see(4, f(x))\n}\n".to_owned(),
            };

            text.push_str(&self.guarded(&statement));
        }
        text + "for x, f := range fs {\nfunc() {\ndefer func() { s.caught(1, recover()) }()\ns.see(5, f(x))\n}()\n}\n"
    }

    /// Embedding some levels deep: values, pointers and interfaces; nil ones too.
    pub fn embedding(&mut self) -> String {
        let base = self.fresh("E");
        let levels = self.rng.range(2, 6);
        self.out.push_str(&format!(
            "type {base}i interface {{\nm0(int) int\n}}\n\ntype {base}j interface {{\n{base}i\nm1() string\n}}\n\ntype {base}_0 struct {{\nx0 int\n}}\n\nfunc (e {base}_0) m0(a int) int {{ return e.x0 + a }}\n\nfunc (e *{base}_0) m1() string {{\ne.x0++\nreturn fmt.Sprint(e.x0)\n}}\n\n"
        ));
        let mut make = format!("{base}_0{{k(7)}}");
        for level in 1..=levels {
            let below = format!("{base}_{}", level - 1);
            let pads = ["", "p int8\n", "q string\n", "r [2]any\n"];
            let pad = *self.rng.of(&pads);
            let (embed, value) = match self.rng.below(3) {
                0 => (format!("*{below}"), format!("{below}: new({make})")),
                1 => (below.clone(), format!("{below}: {make}")),
                _ if level == 1 => (format!("{base}j"), format!("{base}j: new({make})")),
                _ => (below.clone(), format!("{below}: {make}")),
            };
            self.out.push_str(&format!(
                "type {base}_{level} struct {{\n{pad}{embed}\nx{level} int\n}}\n\n"
            ));
            if self.rng.chance(30) {
                self.out.push_str(&format!(
                    "func (e {base}_{level}) m0(a int) int {{ return e.{}.m0(a)*3 + e.x{level} }}\n\n",
                    embed.trim_start_matches('*')
                ));
            }
            make = format!("{base}_{level}{{{value}, x{level}: k({level})}}");
        }
        let mut text = String::new();
        for source in [make, format!("{base}_{levels}{{}}")] {
            let mut body = format!("e := {source}\np := &e\ns.text(fmt.Sprintf(\"%T\", e))\n");
            for what in [
                "s.see(1, e.m0(1))\n",
                "s.text(e.m1())\n",
                "s.text(p.m1())\n",
                "f := e.m0\ne.m1()\ns.see(2, f(k(3)))\n",
                "f := p.m1\ns.text(f())\ns.text(f())\n",
                "switch v := any(e).(type) {\ncase @j:\ns.text(v.m1())\ncase @i:\ns.see(3, v.m0(2))\n}\n",
                "switch v := any(p).(type) {\ncase fmt.Stringer:\ns.text(v.String())\ncase @j:\ns.text(v.m1())\ns.see(4, v.m0(k(4)))\n}\n",
                "var i @i = p\nj := i.(@j)\ns.text(j.m1())\ndefer j.m1()\ns.see(5, @i.m0(j, 3))\n",
                "q := e\nq.m1()\ns.see(6, q.m0(0) - e.m0(0))\ns.see(7, any(q) == any(e))\n",
            ] {
                let what = what.replace('@', &base);
                body.push_str(&self.guarded(&what));
            }
            text.push_str(&format!("{{\n{body}}}\n"));
        }
        text
    }
}
