//! `//go:build` expressions: `||`, `&&`, `!`, parentheses, tags; and the older `// +build` lines.

/// A constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// A tag.
    Tag(String),
    /// `!x`
    Not(Box<Expr>),
    /// `x && y`
    And(Box<Expr>, Box<Expr>),
    /// `x || y`
    Or(Box<Expr>, Box<Expr>),
}

/// Deeper nesting than this is refused.
const MAX_DEPTH: usize = 100;
/// More operators than this are refused: chains nest as deep as they are long.
const MAX_OPERATORS: usize = 1000;

impl Expr {
    /// The value if `is_on` decides about tags.
    pub fn eval(&self, is_on: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Expr::Tag(tag) => is_on(tag),
            Expr::Not(x) => !x.eval(is_on),
            Expr::And(x, y) => x.eval(is_on) && y.eval(is_on),
            Expr::Or(x, y) => x.eval(is_on) || y.eval(is_on),
        }
    }

    /// True unless the expression needs the tag `ignore` (or a negation that only `ignore` meets):
    /// every other tag may be on or off as convenient.
    pub fn satisfiable_without_ignore(&self) -> bool {
        self.any(true)
    }

    fn any(&self, prefer: bool) -> bool {
        match self {
            Expr::Tag(tag) if tag == "ignore" => false,
            Expr::Tag(_) => prefer,
            Expr::Not(x) => !x.any(!prefer),
            Expr::And(x, y) => x.any(prefer) && y.any(prefer),
            Expr::Or(x, y) => x.any(prefer) || y.any(prefer),
        }
    }

    /// The least `N` such that the expression implies `go1.N`.
    pub fn minimum_go(&self) -> Option<u32> {
        match self {
            Expr::Tag(tag) => tag.strip_prefix("go1.")?.parse().ok(),
            Expr::Not(_) => None,
            Expr::And(x, y) => x.minimum_go().max(y.minimum_go()),
            Expr::Or(x, y) => Some(x.minimum_go()?.min(y.minimum_go()?)),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    operators: usize,
}

/// Parses the text after `//go:build`.
pub fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser {
        rest: text,
        operators: 0,
    };
    let expr = parser.or(0)?;
    parser.skip();
    if parser.rest.is_empty() {
        Ok(expr)
    } else {
        Err(format!("unexpected token {}", parser.token_text()))
    }
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn token_text(&self) -> String {
        for operator in ["&&", "||", "!", "(", ")"] {
            if self.rest.starts_with(operator) {
                return operator.to_string();
            }
        }
        let end = self
            .rest
            .find(|c| !is_tag_char(c))
            .unwrap_or(self.rest.len());
        if end == 0 {
            self.rest.chars().take(1).collect()
        } else {
            self.rest[..end].to_string()
        }
    }

    fn eat(&mut self, operator: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(operator) {
            Some(rest) => {
                self.rest = rest;
                self.operators += 1;
                true
            }
            None => false,
        }
    }

    fn or(&mut self, depth: usize) -> Result<Expr, String> {
        let mut left = self.and(depth)?;
        while self.eat("||") {
            left = Expr::Or(Box::new(left), Box::new(self.and(depth)?));
        }
        Ok(left)
    }

    fn and(&mut self, depth: usize) -> Result<Expr, String> {
        let mut left = self.not(depth)?;
        while self.eat("&&") {
            left = Expr::And(Box::new(left), Box::new(self.not(depth)?));
        }
        Ok(left)
    }

    fn not(&mut self, depth: usize) -> Result<Expr, String> {
        if depth > MAX_DEPTH || self.operators > MAX_OPERATORS {
            return Err("build expression too large".to_string());
        }
        if self.eat("!") {
            self.skip();
            if self.rest.starts_with('!') {
                return Err("double negation not allowed".to_string());
            }
            return Ok(Expr::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.eat("(") {
            let inner = self.or(depth + 1)?;
            return if self.eat(")") {
                Ok(inner)
            } else {
                Err("missing close paren".to_string())
            };
        }
        self.skip();
        let end = self
            .rest
            .find(|c| !is_tag_char(c))
            .unwrap_or(self.rest.len());
        if end == 0 {
            return Err(match self.rest.chars().next() {
                None => "unexpected end of expression".to_string(),
                Some('&' | '|' | ')') => format!("unexpected token {}", self.token_text()),
                Some(c) => format!("invalid syntax at {c}"),
            });
        }
        let (tag, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Expr::Tag(tag.to_string()))
    }
}

/// Parses the text after `// +build`: spaces mean or, commas mean and. Malformed terms are never true;
/// `None` for a line without terms.
pub fn parse_plus_build(text: &str) -> Option<Expr> {
    let mut result: Option<Expr> = None;
    for clause in text.split_whitespace().take(MAX_DEPTH) {
        let mut all: Option<Expr> = None;
        for term in clause.split(',').take(MAX_DEPTH) {
            let (negated, tag) = match term.strip_prefix('!') {
                Some(tag) => (true, tag),
                None => (false, term),
            };
            let valid = !tag.is_empty() && tag.chars().all(is_tag_char);
            let expr = match (valid, negated) {
                (false, _) => Expr::Tag("ignore".to_string()),
                (true, false) => Expr::Tag(tag.to_string()),
                (true, true) => Expr::Not(Box::new(Expr::Tag(tag.to_string()))),
            };
            all = Some(match all {
                None => expr,
                Some(left) => Expr::And(Box::new(left), Box::new(expr)),
            });
        }
        result = match (result, all) {
            (Some(left), Some(right)) => Some(Expr::Or(Box::new(left), Box::new(right))),
            (left, right) => left.or(right),
        };
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let check = |text: &str, want: bool| {
            let expr = parse(text).unwrap();
            assert_eq!(expr.eval(&|tag| tag.starts_with('t')), want, "{text}");
        };
        check("t", true);
        check("f", false);
        check("!f", true);
        check("t && f", false);
        check("t && f || t1", true);
        check("t && (f || t1)", true);
        check("!(t && f)", true);
        check("!t||f", false);
    }

    #[test]
    fn errors() {
        let check = |text: &str, want: &str| assert_eq!(parse(text).unwrap_err(), want, "{text}");
        check("", "unexpected end of expression");
        check("a b", "unexpected token b");
        check("a &&", "unexpected end of expression");
        check("(a", "missing close paren");
        check("!!a", "double negation not allowed");
        check("a && || b", "unexpected token ||");
        check("a-b", "unexpected token -");
        check(&"(".repeat(5000), "build expression too large");
        check(
            &format!("a{}", " || a".repeat(5000)),
            "build expression too large",
        );
    }

    #[test]
    fn go_versions() {
        let check = |text: &str, want: Option<u32>| {
            assert_eq!(parse(text).unwrap().minimum_go(), want, "{text}")
        };
        check("go1.21", Some(21));
        check("go1.18 && linux", Some(18));
        check("go1.18 || go1.20", Some(18));
        check("go1.18 || linux", None);
        check("!go1.20", None);
    }

    #[test]
    fn any_tags() {
        let check = |text: &str, want: bool| {
            assert_eq!(
                parse(text).unwrap().satisfiable_without_ignore(),
                want,
                "{text}"
            )
        };
        check("windows", true);
        check("!windows", true);
        check("ignore", false);
        check("ignore || windows", true);
        check("windows && !windows", true);
        check("!ignore", true);
    }
}
