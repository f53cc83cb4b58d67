//! Programs for fuzzing and differential tests: random ones that parse, and mutations of programs.
//!
//! Everything follows from the seed, so that a failure is named by a number.

use std::fmt::Write as _;

use crate::lexer::Lexer;
use crate::token::Tok;

/// Pseudo-random numbers (xorshift64*), the same for the same seed.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    /// A number below `n`, or 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n.max(1)
    }
    /// One of `items`, which are not empty.
    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What mutations put into programs.
const INSERTS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    ":",
    ":=",
    "=",
    ".",
    "...",
    "*",
    "<-",
    "~",
    "|",
    "+",
    "&",
    "!",
    "++",
    "+=",
    "if ",
    "for ",
    "func ",
    "range ",
    "type ",
    "var ",
    "case ",
    "else ",
    "return ",
    "x ",
    "1 ",
    "\"s\"",
    "'c'",
    "\n",
    "struct ",
    "interface ",
    "chan ",
    "map ",
    "go ",
    "switch ",
    "import ",
    "package ",
    "default ",
    "`",
    "'",
    "\"",
    "/*",
    "//",
    "#",
    "\u{e9}",
    "0x",
    "\\",
    "\0",
];

/// Changes one token of a program: deletes, doubles, swaps with the next, replaces by another or by
/// something new, or inserts something new.
pub fn mutate(src: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut lexer = Lexer::new(src);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next_token();
        if token.tok == Tok::Eof {
            break;
        }
        if token.hi > token.lo {
            tokens.push(token.lo as usize..token.hi as usize);
        }
    }
    if tokens.is_empty() {
        return src.to_vec();
    }
    let at = rng.below(tokens.len());
    let token = tokens[at].clone();
    let text = |range: &std::ops::Range<usize>| &src[range.clone()];
    let splice = |range: std::ops::Range<usize>, new: &[u8]| {
        [&src[..range.start], new, &src[range.end..]].concat()
    };
    match rng.below(6) {
        0 => splice(token, b""),
        1 => splice(token.clone(), &[text(&token), b" ", text(&token)].concat()),
        2 if at + 1 < tokens.len() => {
            let next = tokens[at + 1].clone();
            let between = &src[token.end..next.start];
            splice(
                token.start..next.end,
                &[text(&next), between, text(&token)].concat(),
            )
        }
        3 => {
            let other = &tokens[rng.below(tokens.len())];
            splice(token, text(other))
        }
        4 => splice(token.start..token.start, rng.pick(INSERTS).as_bytes()),
        _ => splice(token, rng.pick(INSERTS).as_bytes()),
    }
}

/// Changes a program by deleting, doubling or swapping one of its tokens, or by putting other identifiers of the
/// program into the place of one or two: what slips of the hand do. More of the results parse than of [`mutate`]'s,
/// so that it is the type checker that finds what is wrong. Nothing before the package clause's name is changed.
pub fn mutate_slightly(src: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut lexer = Lexer::new(src);
    let (mut tokens, mut names) = (Vec::new(), Vec::new());
    loop {
        let token = lexer.next_token();
        if token.tok == Tok::Eof {
            break;
        }
        let range = token.lo as usize..token.hi as usize;
        if range.is_empty() || src[range.clone()].starts_with(b"\n") {
            continue;
        }
        if token.tok == Tok::Name {
            names.push(range.clone());
        }
        tokens.push(range);
    }
    // The package clause.
    tokens.drain(..tokens.len().min(2));
    names.drain(..names.len().min(1));
    if tokens.is_empty() || names.len() < 2 {
        return src.to_vec();
    }
    let replace = |changes: &mut [(std::ops::Range<usize>, &[u8])]| {
        changes.sort_by_key(|(range, _)| range.start);
        let (mut out, mut at) = (Vec::with_capacity(src.len() + 16), 0);
        for (range, text) in changes.iter() {
            out.extend_from_slice(&src[at..range.start]);
            out.extend_from_slice(text);
            at = range.end;
        }
        out.extend_from_slice(&src[at..]);
        out
    };
    let text = |range: &std::ops::Range<usize>| &src[range.clone()];
    let at = rng.below(tokens.len());
    let token = tokens[at].clone();
    let (one, other) = (rng.below(names.len()), rng.below(names.len()));
    match rng.below(8) {
        0 => replace(&mut [(token, b"")]),
        1 => {
            let double = [text(&token), b" ", text(&token)].concat();
            replace(&mut [(token, &double)])
        }
        2 if at + 1 < tokens.len() => {
            let next = tokens[at + 1].clone();
            replace(&mut [(token.clone(), text(&next)), (next, text(&token))])
        }
        3 => replace(&mut [(names[one].clone(), b"")]),
        // Two identifiers that stand near each other.
        4 | 5 => {
            let near = (one + 1 + other % 12).min(names.len() - 1);
            if near == one {
                return src.to_vec();
            }
            replace(&mut [
                (names[one].clone(), text(&names[near])),
                (names[near].clone(), text(&names[one])),
            ])
        }
        _ => replace(&mut [(names[one].clone(), text(&names[other]))]),
    }
}

/// A program that parses. It need not type-check; names come from a small set, so that it often
/// nearly does.
pub fn generate(rng: &mut Rng) -> String {
    let mut generator = Generator {
        rng,
        out: String::from("package p\n\n"),
        fuel: 0,
        indent: 0,
    };
    for _ in 0..generator.rng.below(3) {
        generator.out.push_str("import \"fmt\"\n");
    }
    for _ in 0..1 + generator.rng.below(6) {
        generator.fuel = 60;
        generator.declaration();
    }
    generator.out
}

const NAMES: &[&str] = &[
    "a", "b", "c", "x", "y", "f", "g", "T", "U", "P", "fmt", "len", "int", "string", "error", "_",
];

struct Generator<'r> {
    rng: &'r mut Rng,
    out: String,
    /// Productions that may still nest in this declaration.
    fuel: u32,
    indent: usize,
}

impl Generator<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn name(&mut self) {
        let name = *self.rng.pick(NAMES);
        self.put(name);
    }

    /// Whether to nest further.
    fn spend(&mut self) -> bool {
        let left = self.fuel > 0;
        self.fuel = self.fuel.saturating_sub(1);
        left
    }

    fn line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.indent {
            self.out.push('\t');
        }
    }

    fn comma_list(&mut self, least: usize, most: usize, mut item: impl FnMut(&mut Self)) {
        let count = least + self.rng.below(most - least + 1);
        for at in 0..count {
            if at > 0 {
                self.put(", ");
            }
            item(self);
        }
    }

    fn declaration(&mut self) {
        match self.rng.below(6) {
            0 => self.group("var", Self::var_spec),
            1 => self.group("const", |g| {
                g.name();
                g.put(" = ");
                g.expr(0);
            }),
            2 => self.group("type", Self::type_spec),
            _ => {
                self.put("func ");
                let method = self.rng.chance(30);
                if method {
                    self.put("(x *T) ");
                }
                self.name();
                if self.rng.chance(25) {
                    self.type_params();
                }
                self.signature();
                self.put(" ");
                self.block();
            }
        }
        self.put("\n\n");
    }

    fn group(&mut self, keyword: &str, spec: fn(&mut Self)) {
        self.put(keyword);
        self.put(" ");
        if self.rng.chance(70) {
            spec(self);
            return;
        }
        self.put("(");
        self.indent += 1;
        for _ in 0..self.rng.below(4) {
            self.line();
            spec(self);
        }
        self.indent -= 1;
        self.line();
        self.put(")");
    }

    fn var_spec(&mut self) {
        self.comma_list(1, 3, Self::name);
        let typed = self.rng.chance(50);
        if typed {
            self.put(" ");
            self.ty();
        }
        if !typed || self.rng.chance(50) {
            self.put(" = ");
            self.comma_list(1, 2, |g| g.expr(0));
        }
    }

    fn type_spec(&mut self) {
        self.name();
        if self.rng.chance(30) {
            self.type_params();
        }
        let alias = self.rng.chance(20);
        self.put(if alias { " = " } else { " " });
        self.ty();
    }

    fn type_params(&mut self) {
        self.put("[");
        self.comma_list(1, 2, |g| {
            g.put("P ");
            g.constraint();
        });
        self.put(",]");
    }

    fn constraint(&mut self) {
        let terms = 1 + self.rng.below(3);
        for at in 0..terms {
            if at > 0 {
                self.put(" | ");
            }
            if self.rng.chance(40) {
                self.put("~");
            }
            self.ty();
        }
    }

    fn signature(&mut self) {
        self.put("(");
        if self.rng.chance(70) {
            self.comma_list(0, 3, |g| {
                g.name();
                g.put(" ");
                g.ty();
            });
        } else {
            self.comma_list(0, 3, Self::ty);
        }
        self.put(")");
        match self.rng.below(4) {
            0 => {
                self.put(" ");
                self.ty();
            }
            1 => {
                self.put(" (");
                self.comma_list(1, 2, Self::ty);
                self.put(")");
            }
            _ => {}
        }
    }

    fn ty(&mut self) {
        if !self.spend() {
            return self.put("int");
        }
        match self.rng.below(16) {
            0 => {
                self.put("*");
                self.ty();
            }
            1 => {
                self.put("[]");
                self.ty();
            }
            2 => {
                self.put("[3]");
                self.ty();
            }
            3 => {
                self.put("map[");
                self.ty();
                self.put("]");
                self.ty();
            }
            4 => {
                let dir = *self.rng.pick(&["chan ", "<-chan ", "chan<- "]);
                self.put(dir);
                self.ty();
            }
            5 => {
                self.put("func");
                self.signature();
            }
            6 => {
                self.put("struct {");
                self.indent += 1;
                for _ in 0..self.rng.below(4) {
                    self.line();
                    self.comma_list(1, 2, Self::name);
                    self.put(" ");
                    self.ty();
                }
                self.indent -= 1;
                self.line();
                self.put("}");
            }
            7 => {
                self.put("interface {");
                self.indent += 1;
                for _ in 0..self.rng.below(3) {
                    self.line();
                    if self.rng.chance(60) {
                        self.name();
                        self.signature();
                    } else {
                        self.constraint();
                    }
                }
                self.indent -= 1;
                self.line();
                self.put("}");
            }
            8 => {
                self.put("T[");
                self.comma_list(1, 2, Self::ty);
                self.put("]");
            }
            9 => self.put("fmt.Stringer"),
            _ => self.name(),
        }
    }

    /// An expression; `level` > 0 in headers, where composite literals are left out.
    fn expr(&mut self, level: u32) {
        if !self.spend() {
            return self.name();
        }
        match self.rng.below(22) {
            0..=3 => {
                self.expr(level);
                let op = *self.rng.pick(&[
                    "+", "-", "*", "/", "%", "&", "|", "^", "&^", "<<", ">>", "==", "!=", "<",
                    "<=", ">", ">=", "&&", "||",
                ]);
                let _ = write!(self.out, " {op} ");
                self.expr(level);
            }
            4 => {
                let op = *self.rng.pick(&["-", "+ ", "!", "^", "*", "& ", "<-"]);
                self.put(op);
                self.put("(");
                self.expr(0);
                self.put(")");
            }
            5 => {
                self.put("(");
                self.expr(0);
                self.put(")");
            }
            6 | 7 => {
                self.name();
                self.put("(");
                self.comma_list(0, 3, |g| g.expr(0));
                self.put(")");
            }
            8 => {
                self.name();
                self.put("[");
                self.expr(0);
                self.put("]");
            }
            9 => {
                self.name();
                self.put("[");
                self.expr(0);
                self.put(":");
                self.expr(0);
                self.put("]");
            }
            10 => {
                self.name();
                self.put(".(");
                self.ty();
                self.put(")");
            }
            11 => {
                self.name();
                self.put(".");
                self.name();
            }
            12 if level == 0 => {
                let ty = *self.rng.pick(&[
                    "T",
                    "[]int",
                    "map[string]int",
                    "[...]string",
                    "struct{ a int }",
                    "T[int]",
                ]);
                self.put(ty);
                self.put("{");
                let keyed = self.rng.chance(40);
                self.comma_list(0, 3, |g| {
                    if keyed {
                        g.expr(0);
                        g.put(": ");
                    }
                    g.expr(0);
                });
                self.put("}");
            }
            13 if level == 0 => {
                self.put("func");
                self.signature();
                self.put(" ");
                self.block();
            }
            14 => {
                self.put("[]byte(");
                self.expr(0);
                self.put(")");
            }
            15..=17 => {
                let literal = *self.rng.pick(&[
                    "0", "1", "42", "1.5", "0x1F", "1e3", "2i", "'a'", "'\\n'", "\"s\"", "`raw`",
                    "0b101", "1_000", "nil", "true", "iota",
                ]);
                self.put(literal);
            }
            _ => self.name(),
        }
    }

    fn block(&mut self) {
        self.put("{");
        self.indent += 1;
        let count = self.rng.below(5);
        for _ in 0..count {
            self.line();
            self.statement();
        }
        self.indent -= 1;
        self.line();
        self.put("}");
    }

    fn statement(&mut self) {
        if !self.spend() {
            return self.put("return");
        }
        match self.rng.below(18) {
            0..=2 => {
                self.comma_list(1, 2, Self::name);
                let op = *self.rng.pick(&[" := ", " = "]);
                self.put(op);
                self.comma_list(1, 2, |g| g.expr(0));
            }
            3 => {
                self.name();
                let op = *self.rng.pick(&[" += ", " -= ", " &^= ", " <<= ", " |= "]);
                self.put(op);
                self.expr(0);
            }
            4 => {
                self.name();
                let op = *self.rng.pick(&["++", "--"]);
                self.put(op);
            }
            5 => {
                self.put("if ");
                if self.rng.chance(30) {
                    self.put("x := ");
                    self.expr(1);
                    self.put("; ");
                }
                self.expr(1);
                self.put(" ");
                self.block();
                if self.rng.chance(40) {
                    self.put(" else ");
                    self.block();
                }
            }
            6 => {
                let header = *self.rng.pick(&[
                    "for ",
                    "for x ",
                    "for i := 0; i < 10; i++ ",
                    "for range x ",
                    "for a := range x ",
                    "for a, b = range x ",
                    "for ;; ",
                ]);
                self.put(header);
                self.block();
            }
            7 => {
                let header = *self
                    .rng
                    .pick(&["switch {", "switch x {", "switch x := y; x {"]);
                self.put(header);
                self.clauses("case ", |g| g.expr(0));
            }
            8 => {
                let header = *self
                    .rng
                    .pick(&["switch x.(type) {", "switch y := x.(type) {"]);
                self.put(header);
                self.clauses("case ", Self::ty);
            }
            9 => {
                self.put("select {");
                self.clauses("case ", |g| {
                    let comm = *g.rng.pick(&["<-c", "x := <-c", "c <- x", "x, y = <-c"]);
                    g.put(comm);
                });
            }
            10 => {
                let keyword = *self.rng.pick(&["go ", "defer "]);
                self.put(keyword);
                self.name();
                self.put("(");
                self.comma_list(0, 2, |g| g.expr(0));
                self.put(")");
            }
            11 => {
                self.put("return ");
                self.comma_list(0, 2, |g| g.expr(0));
            }
            12 => self.group("var", Self::var_spec),
            13 => self.group("type", Self::type_spec),
            14 => {
                self.put("c <- ");
                self.expr(0);
            }
            15 => self.block(),
            16 => {
                self.put("L:\n");
                self.statement();
            }
            _ => {
                self.name();
                self.put("(");
                self.comma_list(0, 2, |g| g.expr(0));
                self.put(")");
            }
        }
    }

    fn clauses(&mut self, keyword: &str, mut guard: impl FnMut(&mut Self)) {
        for _ in 0..self.rng.below(3) {
            self.line();
            self.put(keyword);
            guard(self);
            self.put(":");
            self.indent += 1;
            self.line();
            self.statement();
            self.indent -= 1;
        }
        self.line();
        self.put("}");
    }
}
