//! Values: aliasing of slices, equality and hashes of keys, conversions of strings, constants.

use super::Scenes;

impl Scenes<'_> {
    /// Operations on slices of the same arrays. What append allocates is clipped: how much it allocates is open.
    pub fn slices(&mut self) -> String {
        let (typ, make): (&str, &str) = *self.rng.of(&[
            ("int", "@"),
            ("byte", "byte(@)"),
            ("int32", "int32(@)"),
            ("string", "fmt.Sprint(@)"),
            ("mark", "mark{uint8(@), int64(@), \"m\"}"),
            ("[3]byte", "[3]byte{1, byte(@)}"),
            ("any", "mixed(@ & 7)"),
            ("struct{}", "struct{}{}"),
            ("*int", "new(@)"),
        ]);
        let n = self.rng.range(2, 5);
        let mut text = format!("var zero {typ}\n_ = zero\n");
        for v in 0..n {
            let values: Vec<String> = (0..self.rng.range(0, 9))
                .map(|_| make.replace('@', &format!("k({})", self.small())))
                .collect();
            text.push_str(&format!("w{v} := []{typ}{{{}}}\n", values.join(", ")));
        }
        for _ in 0..self.rng.range(10, 24) {
            let (a, b) = (self.rng.below(n), self.rng.below(n));
            let mut bounds: Vec<i64> = (0..3).map(|_| self.rng.below(9) as i64).collect();
            if self.rng.chance(85) {
                bounds.sort_unstable();
            }
            let opaque = self.rng.chance(50);
            let [i, j, l] = [0, 1, 2].map(|x: usize| match opaque {
                true => format!("k({})", bounds[x]),
                false => bounds[x].to_string(),
            });
            let value = make.replace('@', &format!("k({})", self.small()));
            let statement = match self.rng.below(22) {
                0 | 1 => format!("w{a} = w{b}[k({i}):k({j}):{l}]\n"),
                2 => format!("w{a} = w{b}[{i}:k({j})]\n"),
                3 => format!("w{a} = w{b}[k({i}):]\n"),
                4 => format!("w{a} = w{b}[:k({j})]\n"),
                5..8 => {
                    format!("if len(w{b}) < 40 {{\nw{a} = slices.Clip(append(w{b}, {value}))\n}}\n")
                }
                8 | 9 => format!(
                    "if len(w{b}) < 40 {{\nw{a} = slices.Clip(append(w{a}[:min({i}, len(w{a}))], w{b}...))\n}}\n"
                ),
                10 => format!("s.add(uint64(copy(w{a}, w{b}[k({i}):])))\n"),
                11 => format!("s.add(uint64(copy(w{a}[k({i}):], w{a})))\n"),
                12 => format!("w{a}[k({i})] = {value}\n"),
                // Which of two bad indices panics is open.
                13 => format!(
                    "if {} < len(w{a}) {{\nw{a}[k({i})], w{a}[k({j})] = w{a}[k({j})], w{a}[k({i})]\n}}\n",
                    bounds[0].max(bounds[1])
                ),
                14 => format!("clear(w{a}[min(k({i}), len(w{a})):])\n"),
                15 => format!(
                    "q := (*[{}]{typ})(w{a})\nq[0] = {value}\ns.see(1, *q)\n",
                    bounds[1].max(1)
                ),
                16 => format!(
                    "q := [{}]{typ}(w{a})\nq[0] = {value}\ns.see(1, q)\n",
                    bounds[1].max(1)
                ),
                17 => format!("w{a} = slices.Clip(slices.Insert(w{a}, k({i}), {value}, zero))\n"),
                18 => format!(
                    "w{a} = slices.Clip(slices.Delete(slices.Clip(slices.Clone(w{a})), k({i}), k({j})))\n"
                ),
                19 => format!(
                    "for i, v := range w{a} {{\nif i > 3 {{\nbreak\n}}\nw{a} = slices.Clip(append(w{a}[:i:i+1], v))\n}}\n"
                ),
                20 => format!(
                    "arr := [...]{typ}{{{value}, zero, {value}}}\nw{a} = arr[{}:]\narr[1] = {value}\nbrr := arr\nbrr[2] = zero\ns.see(2, brr)\n",
                    bounds[0].min(3)
                ),
                _ => format!("slices.Reverse(w{a})\nw{a} = slices.Clip(w{a})\n"),
            };
            text.push_str(&self.guarded(&statement));
            let id = self.id();
            text.push_str(&format!("s.see({id}, w{a})\ns.add(uint64(len(w{a})))\n"));
            if typ != "struct{}" && self.rng.chance(20) {
                text.push_str(&format!("s.see({id}, cap(w{a}) >= len(w{a}))\n"));
            }
        }
        text
    }

    /// A random comparable type and some of its values.
    fn key_type(&mut self, depth: u32) -> (String, Vec<String>) {
        let simple: &[(&str, &[&str])] = &[
            ("int8", &["1", "-1", "int8(k(7))"]),
            ("int64", &["1", "-1", "int64(k(1)<<40)"]),
            ("bool", &["true", "k(2) > 3"]),
            (
                "string",
                &["\"\"", "\"a\"", "fmt.Sprint(k(1))", "\"a\\x00\""],
            ),
            (
                "float64",
                &["0.0", "-k(0.0)", "k(1.5)", "math.Inf(1)", "math.NaN()"],
            ),
            ("float32", &["0", "-k(float32(0))", "1.5"]),
            ("complex128", &["0", "complex(k(0.0), -k(0.0))", "1i"]),
            (
                "any",
                &[
                    "nil",
                    "1",
                    "int8(1)",
                    "\"a\"",
                    "1.5",
                    "mark{1, 2, \"x\"}",
                    "named(1)",
                    "[2]int{1, 2}",
                ],
            ),
            ("fmt.Stringer", &["nil", "named(1)", "named(k(2))"]),
            (
                "mark",
                &[
                    "mark{}",
                    "mark{1, 2, \"x\"}",
                    "mark{1, 2, fmt.Sprint(\"x\")}",
                ],
            ),
            ("uint16", &["1", "0xffff"]),
        ];
        if depth == 0 || self.rng.chance(20) {
            let (typ, values) = *self.rng.of(simple);
            return (
                typ.to_owned(),
                values.iter().map(|v| (*v).to_owned()).collect(),
            );
        }
        if self.rng.chance(30) {
            let (typ, values) = self.key_type(depth - 1);
            let n = self.rng.range(1, 4);
            let typ = format!("[{n}]{typ}");
            let all = (0..5)
                .map(|_| {
                    let items: Vec<String> = (0..n).map(|_| self.rng.of(&values).clone()).collect();
                    format!("{typ}{{{}}}", items.join(", "))
                })
                .collect();
            return (typ, all);
        }
        let name = self.fresh("key");
        let mut fields = Vec::new();
        let mut body = String::new();
        for f in 0..self.rng.range(1, 6) {
            let (typ, values) = self.key_type(depth - 1);
            if self.rng.chance(15) {
                body.push_str(&format!("_ {typ}\n"));
            } else {
                body.push_str(&format!("f{f} {typ}\n"));
                fields.push((f, values));
            }
        }
        self.out
            .push_str(&format!("type {name} struct {{\n{body}}}\n\n"));
        let all = (0..6)
            .map(|_| {
                let items: Vec<String> = fields
                    .iter()
                    .map(|(f, values)| format!("f{f}: {}", self.rng.of(values)))
                    .collect();
                format!("{name}{{{}}}", items.join(", "))
            })
            .collect();
        (name, all)
    }

    /// Equality of values, alone, in interfaces and as keys of maps.
    pub fn keys(&mut self) -> String {
        let mut text = String::new();
        for round in 0..3 {
            let (typ, values) = self.key_type(2);
            text.push_str(&format!(
                "all{round} := []{typ}{{{}}}\nm{round} := map[{typ}]int{{}}\na{round} := map[any]int{{}}\n",
                values.join(", ")
            ));
            let id = self.id();
            text.push_str(&format!(
                "for i, a := range all{round} {{\nm{round}[a] += i + 1\na{round}[a] += i + 2\na{round}[&i]++\nfor j, b := range all{round} {{\nif a == b {{\ns.add(uint64(i*16 + j))\n}}\nif any(a) == any(b) {{\ns.add(uint64(i*17 + j))\n}}\nif a != all{round}[k(0)] {{\ns.add(3)\n}}\n}}\n}}\n"
            ));
            text.push_str(&format!(
                "for _, a := range all{round} {{\nv, ok := m{round}[a]\ns.see({id}, v)\ns.see({id}, ok)\ns.see({id}, a{round}[a])\n}}\ns.see({id}, len(m{round}))\ndelete(m{round}, all{round}[{}])\nfor _, a := range all{round} {{\ndelete(a{round}, any(a))\n}}\ns.see({id}, m{round})\ns.see({id}, len(a{round}))\n",
                self.rng.below(values.len())
            ));
        }
        let bad = *self.rng.of(&[
            "[]int{1}",
            "map[int]int{}",
            "func() {}",
            "struct{ a int; b []int }{}",
            "[1]any{[]int{}}",
            "pair[int, any]{1, func() {}}",
        ]);
        for what in [
            format!("a0[{bad}] = 1\n"),
            format!("s.see(4, any({bad}) == any({bad}))\n"),
            format!("v, ok := a1[{bad}]\ns.see(5, v)\ns.see(5, ok)\n"),
            format!("s.see(6, any({bad}) == any(k(1)))\n"),
        ] {
            text.push_str(&self.guarded(&what));
        }
        text
    }

    /// Strings, bytes and runes into each other.
    pub fn strings(&mut self) -> String {
        let mut text = String::new();
        let n = self.rng.range(2, 5);
        for v in 0..n {
            let parts: Vec<&str> = (0..self.rng.range(0, 6))
                .map(|_| {
                    *self.rng.of(&[
                        "a",
                        "bc",
                        "\\xff",
                        "\\xc3\\xa9",
                        "\\u20ac",
                        "\\U0001f600",
                        "\\xed\\xa0\\x80",
                        "\\xf4\\x90\\x80\\x80",
                        "\\xe2\\x82",
                        "\\x00",
                        "\\n",
                        "hello, world",
                        "\\xc0\\x80",
                    ])
                })
                .collect();
            let literal = format!("\"{}\"", parts.concat());
            text.push_str(&match self.rng.chance(50) {
                true => format!("t{v} := {literal}\n_ = t{v}\n"),
                false => format!("t{v} := k({literal})\n_ = t{v}\n"),
            });
        }
        for _ in 0..self.rng.range(8, 18) {
            let (a, b, id) = (self.rng.below(n), self.rng.below(n), self.id());
            let (i, j) = (self.rng.below(7), self.rng.below(12));
            let statement = match self.rng.below(20) {
                0 => format!("for i, r := range t{a} {{\ns.add(uint64(i)<<32 | uint64(r))\n}}\n"),
                1 => format!(
                    "for i, r := range []rune(t{a}) {{\ns.add(uint64(i)<<32 | uint64(r))\n}}\n"
                ),
                2 => format!(
                    "for i, r := range []byte(t{a}) {{\ns.add(uint64(i)<<32 | uint64(r))\n}}\n"
                ),
                3 => format!("s.text(string([]rune(t{a})))\n"),
                4 => format!(
                    "q := []byte(t{a})\nr := string(q)\nif len(q) > 0 {{\nq[0] ^= 1\n}}\ns.text(r)\ns.text(string(q))\n"
                ),
                5 => format!(
                    "s.text(string(rune(k({}))))\n",
                    *self
                        .rng
                        .of(&[-1, 0, 65, 0x7ff, 0x800, 0xd800, 0xfffd, 0x10ffff, 0x11_0000])
                ),
                6 => format!(
                    "if len(t{b}) < 60 {{\nt{a} = t{b} + t{a}[:min(len(t{a}), {i})] + \"-\" + t{b}\n}}\n"
                ),
                7 => format!("t{a} = t{a}[{i}:]\n"),
                8 => format!("t{a} = t{b}[k({i}):k({j})]\n"),
                9 => format!("s.add(uint64(t{a}[{i}]))\n"),
                10 => format!(
                    "s.see({id}, t{a} < t{b})\ns.see({id}, t{a} == t{b}+\"\")\ns.see({id}, t{a} >= string([]byte(t{b})))\n"
                ),
                11 => format!(
                    "m := map[string]int{{t{a}: 1, t{b} + \"x\": 2}}\ns.see({id}, m[string([]byte(t{b}))])\nm[string(append([]byte(t{b}), 'x'))]++\ns.see({id}, m)\n"
                ),
                12 => format!(
                    "switch string([]byte(t{a})) {{\ncase \"\", \"a\":\ns.add(1)\ncase \"bc\":\ns.add(2)\ncase t{b}:\ns.add(3)\ndefault:\ns.add(4)\n}}\n"
                ),
                13 => format!(
                    "s.text(strconv.Quote(t{a}))\ns.text(fmt.Sprintf(\"%q %x %+q\", t{a}, t{b}, []rune(t{a})))\n"
                ),
                14 => format!(
                    "q := append([]byte(\"<\"), t{a}...)\ns.add(uint64(copy(q, t{b})))\ns.text(string(q))\n"
                ),
                15 => format!(
                    "s.see({id}, strings.Map(func(r rune) rune {{\nif r == 'b' {{\nreturn -1\n}}\nreturn r + {i}\n}}, t{a}))\n"
                ),
                16 => format!(
                    "s.see({id}, strings.Split(t{a}, \"o\"))\ns.see({id}, strings.Index(t{a}, t{b}))\ns.see({id}, strings.Fields(t{a}))\n"
                ),
                17 => format!(
                    "q := []byte(t{a})\nq = append(q[:len(q)/2], q...)\nfor i, c := range q {{\nswitch {{\ncase c >= 'a' && c <= 'z':\nq[i] = c - 'a' + 'A'\ncase c>>7 != 0:\nq[i] = ^c\n}}\n}}\ns.see({id}, q)\n"
                ),
                18 => format!(
                    "type str string\ntype bs []byte\ns.see({id}, str(bs(t{a})) + str(t{b}))\ns.see({id}, []rune(str(t{a})))\n"
                ),
                _ => format!(
                    "var sb strings.Builder\nfor i := range {i} {{\nsb.WriteString(t{a})\nsb.WriteByte(byte(i))\nsb.WriteRune(rune(i) << 7)\n}}\ns.text(short(sb.String()))\n"
                ),
            };
            text.push_str(&self.guarded(&statement));
            text.push_str(&format!("s.text(t{a})\n"));
        }
        text
    }

    fn constant(&mut self, depth: u32) -> String {
        if depth == 0 || self.rng.chance(20) {
            return match self.rng.below(5) {
                0 => format!("(1<<{})", self.rng.below(90)),
                1 => format!("-{}", self.rng.next() >> self.rng.below(60)),
                2 => format!("'{}'", self.rng.of(&["a", "\\xff", "\\u20ac"])),
                _ => (self.rng.next() >> self.rng.below(64)).to_string(),
            };
        }
        let a = self.constant(depth - 1);
        match self.rng.below(10) {
            0..6 => {
                let b = self.constant(depth - 1);
                let op = *self.rng.of(&["+", "-", "*", "&", "|", "^", "&^"]);
                format!("({a} {op} {b})")
            }
            6 => format!("({a} / {})", self.rng.range(1, 1000)),
            7 => format!("(-({a}) % {})", self.rng.range(1, 1000)),
            8 => format!("({a} >> {})", self.rng.below(70)),
            _ => format!("(^{a})"),
        }
    }

    /// Exact constants, and the same operations on variables.
    pub fn constants(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..8 {
            let (c, id) = (self.constant(3), self.id());
            let name = self.fresh("big");
            text.push_str(&format!(
                "const {name} = {c}\ns.see({id}, uint64({name}&(1<<64-1)))\ns.see({id}, int8({name}&127))\ns.see({id}, {name} > {})\ns.see({id}, float64({name}) / 3)\ns.see({id}, float32({name}&0xffffff) * 1.1)\n",
                self.small()
            ));
        }
        for typ in [
            "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        ] {
            let signed = typ.starts_with('i');
            let edges = match signed {
                true => {
                    "v := T(-1) << (unsafe.Sizeof(T(0))*8 - 1)\nfor _, a := range []T{v, v + 1, -1, 0, 1, 7, v - 1, v - 2} {\n"
                }
                false => "v := ^T(0)\nfor _, a := range []T{v, v - 1, v / 2, v/2 + 1, 0, 1, 7} {\n",
            };
            text.push_str(&format!("{{\ntype T {typ}\n{edges}"));
            for _ in 0..8 {
                let c = if signed && self.rng.chance(40) {
                    format!("-{}", self.rng.range(1, 129))
                } else {
                    (*self.rng.of(&[1, 2, 3, 5, 7, 10, 64, 100, 127])).to_string()
                };
                let sh = self.rng.below(70);
                let expression = match self.rng.below(14) {
                    0 => format!("a / {c}"),
                    1 => format!("a % {c}"),
                    2 => format!("{c} - a"),
                    3 => format!("a * {c}"),
                    4 => format!("a << {sh} >> {}", self.rng.below(64)),
                    5 => format!("a >> {sh}"),
                    6 => format!("a >> k(uint8({sh})) << 3"),
                    7 => format!("a / (k(T({c})) | 1) + a%{c}"),
                    8 => format!("-a &^ {c}"),
                    9 => format!("T(float64(a) / {c})/4"),
                    10 => format!("(a + {c}) ^ (a - ({c}))"),
                    11 => format!("max(a, {c}) - min(a, {c}, k(T(3)))"),
                    12 => "T(int8(a)) + T(uint16(a)) + T(int32(a) >> 5)".to_owned(),
                    _ => format!("a * a / {c} * {c}"),
                };
                // Float conversions that do not fit are the machine's own affair.
                let expression = match expression.contains("float") {
                    true => format!("a ^ {c}"),
                    false => expression,
                };
                let op = *self.rng.of(&["<", "<=", ">", ">=", "==", "!="]);
                text.push_str(&format!("s.add(uint64({expression}))\nif a {op} {c} {{\ns.add(9)\n}}\nif a-({c}) {op} k(T({c})) {{\ns.add(8)\n}}\n"));
            }
            text.push_str("}\n}\n");
        }
        text
    }

    /// What selects choose among buffered, closed and nil channels.
    pub fn channels(&mut self) -> String {
        let n = self.rng.range(2, 5);
        let mut text = "for step := range 6 {\n_ = step\n".to_owned();
        let mut before = String::new();
        for c in 0..n {
            let typ = *self
                .rng
                .of(&["int", "string", "any", "mark", "struct{}", "func() int"]);
            before.push_str(&format!(
                "c{c} := make(chan {typ}, {})\n_ = c{c}\n",
                self.rng.range(1, 4)
            ));
            let value = match typ {
                "int" => "step * 3",
                "string" => "fmt.Sprint(step)",
                "any" => "mixed(step)",
                "mark" => "mark{1, int64(step), \"x\"}",
                "struct{}" => "struct{}{}",
                _ => "func() int { return step }",
            };
            let seen = match typ {
                "func() int" => "if v != nil {\ns.add(uint64(v()))\n}\n",
                _ => "s.see(1, v)\n",
            };
            let condition = self.condition(&["step".to_owned()]);
            let receive = format!("case v, ok := <-c{c}:\n{seen}s.see(2, ok)\n");
            let leave = match self.rng.below(3) {
                0 => format!("if {condition} {{\nbreak\n}}\ns.add(4)\n"),
                1 => format!("if {condition} {{\ncontinue\n}}\n"),
                _ => String::new(),
            };
            text.push_str(&match self.rng.below(5) {
                0 | 1 => format!("select {{\ncase c{c} <- {value}:\ns.add(1)\n{leave}default:\ns.add(2)\n}}\n"),
                2 => format!("select {{\n{receive}{leave}default:\ns.add(3)\n}}\n"),
                3 => format!("{{\nvar none chan int\nselect {{\ncase v := <-none:\ns.add(uint64(v))\ncase none <- step:\ns.add(7)\n{receive}default:\ns.add(uint64(len(c{c})))\n}}\n}}\n"),
                _ => {
                    let once = self.rng.below(6);
                    let id = self.id();
                    format!(
                        "func() {{\ndefer func() {{ s.caught({id}, recover()) }}()\nif step == {once} {{\nclose(c{c})\n}}\nif len(c{c}) < cap(c{c}) {{\nc{c} <- {value}\n}}\nv, ok := <-c{c}\n{seen}s.see({id}, ok)\n}}()\n"
                    )
                }
            });
        }
        before + &text + "}\n"
    }
}
