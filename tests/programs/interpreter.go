// A small language: scanner, parser, tree-walking evaluator and a stack machine must agree.
package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

type Kind int

const (
	EOF Kind = iota
	Number
	Ident
	Op
	Keyword
)

//go:noinline
func (k Kind) String() string { return [...]string{"EOF", "Number", "Ident", "Op", "Keyword"}[k] }

type Token struct {
	Kind Kind
	Text string
	Pos  int
}
type SyntaxError struct {
	Pos int
	Msg string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d: %s", e.Pos, e.Msg) }

var ErrDivide = errors.New("division by zero")

func scan(src string) (out []Token, err error) {
	rs := []rune(src)
	for i := 0; i < len(rs); {
		start := i
		switch r := rs[i]; {
		case unicode.IsSpace(r):
			i++
			continue
		case unicode.IsDigit(r):
			for i < len(rs) && (unicode.IsDigit(rs[i]) || rs[i] == '.') {
				i++
			}
			out = append(out, Token{Number, string(rs[start:i]), start})
		case unicode.IsLetter(r):
			for i < len(rs) && (unicode.IsLetter(rs[i]) || unicode.IsDigit(rs[i])) {
				i++
			}
			t := Token{Ident, string(rs[start:i]), start}
			switch t.Text {
			case "let", "fn", "if", "else", "while":
				t.Kind = Keyword
			}
			out = append(out, t)
		case strings.ContainsRune("+-*/%(){},;=<>!&|", r):
			i++
			if i < len(rs) && strings.Contains("== <= >= != && ||", string(rs[start:i+1])) && rs[i] != ' ' {
				i++
			}
			out = append(out, Token{Op, string(rs[start:i]), start})
		default:
			return nil, &SyntaxError{i, "bad character " + strconv.QuoteRune(r)}
		}
	}
	return append(out, Token{Kind: EOF, Pos: len(rs)}), nil
}

type Node interface{ Eval(*Env) float64 }
type (
	Num    float64
	Var    string
	Assign struct {
		name string
		x    Node
		decl bool
	}
	Binary struct {
		op   string
		l, r Node
	}
	Unary struct {
		op string
		x  Node
	}
	Call struct {
		fn   string
		args []Node
	}
	If    struct{ cond, then, els Node }
	While struct{ cond, body Node }
	Block []Node
	Fn    struct {
		name   string
		params []string
		body   Node
	}
)
type Env struct {
	vars  map[string]float64
	funcs map[string]*Fn
	up    *Env
	steps *int
}

func (e *Env) find(n string) *Env {
	for ; e != nil; e = e.up {
		if _, ok := e.vars[n]; ok {
			return e
		}
	}
	return nil
}
func (n Num) Eval(*Env) float64 { return float64(n) }
func (v Var) Eval(e *Env) float64 {
	if f := e.find(string(v)); f != nil {
		return f.vars[string(v)]
	}
	panic(fmt.Errorf("undefined: %s", string(v)))
}
func (a Assign) Eval(e *Env) float64 {
	v := a.x.Eval(e)
	to := e
	if !a.decl {
		if to = e.find(a.name); to == nil {
			panic(fmt.Errorf("undeclared: %s", a.name))
		}
	}
	to.vars[a.name] = v
	return v
}
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
func (b *Binary) Eval(e *Env) float64 {
	l := b.l.Eval(e)
	if b.op == "&&" && l == 0 || b.op == "||" && l != 0 {
		return truth(l != 0)
	}
	return apply(b.op, l, b.r.Eval(e))
}
func apply(op string, l, r float64) float64 {
	switch op {
	case "+":
		return l + r
	case "-":
		return l - r
	case "*":
		return l * r
	case "/":
		if r == 0 {
			panic(ErrDivide)
		}
		return l / r
	case "%":
		return float64(int(l) % int(r))
	case "<":
		return truth(l < r)
	case ">":
		return truth(l > r)
	case "<=":
		return truth(l <= r)
	case ">=":
		return truth(l >= r)
	case "==":
		return truth(l == r)
	case "!=":
		return truth(l != r)
	case "&&", "||":
		return truth(r != 0)
	}
	panic("op " + op)
}
func (u *Unary) Eval(e *Env) float64 {
	if u.op == "-" {
		return -u.x.Eval(e)
	}
	return truth(u.x.Eval(e) == 0)
}
func (c *Call) Eval(e *Env) float64 {
	if *e.steps--; *e.steps < 0 {
		panic(errors.New("too many steps"))
	}
	f, ok := e.funcs[c.fn]
	if !ok || len(f.params) != len(c.args) {
		panic(fmt.Errorf("bad call of %s", c.fn))
	}
	in := &Env{map[string]float64{}, e.funcs, nil, e.steps}
	for i, a := range c.args {
		in.vars[f.params[i]] = a.Eval(e)
	}
	return f.body.Eval(in)
}
func (i *If) Eval(e *Env) float64 {
	if i.cond.Eval(e) != 0 {
		return i.then.Eval(e)
	} else if i.els != nil {
		return i.els.Eval(e)
	}
	return 0
}
func (w *While) Eval(e *Env) (v float64) {
	for w.cond.Eval(e) != 0 {
		v = w.body.Eval(e)
	}
	return
}
func (b Block) Eval(e *Env) (v float64) {
	in := &Env{map[string]float64{}, e.funcs, e, e.steps}
	for _, n := range b {
		v = n.Eval(in)
	}
	return
}
func (f *Fn) Eval(e *Env) float64 { e.funcs[f.name] = f; return 0 }

type parser struct {
	toks []Token
	at   int
}

func (p *parser) peek() Token { return p.toks[p.at] }
func (p *parser) next() Token { t := p.toks[p.at]; p.at++; return t }
func (p *parser) accept(s string) bool {
	if p.peek().Text == s && p.peek().Kind != EOF {
		p.at++
		return true
	}
	return false
}
func (p *parser) want(s string) {
	if !p.accept(s) {
		t := p.peek()
		panic(&SyntaxError{t.Pos, fmt.Sprintf("want %q, got %v %q", s, t.Kind, t.Text)})
	}
}

var levels = [][]string{{"||"}, {"&&"}, {"==", "!=", "<", ">", "<=", ">="}, {"+", "-"}, {"*", "/", "%"}}

func (p *parser) binary(level int) Node {
	if level == len(levels) {
		return p.unary()
	}
	l := p.binary(level + 1)
again:
	for _, op := range levels[level] {
		if p.accept(op) {
			l = &Binary{op, l, p.binary(level + 1)}
			goto again
		}
	}
	return l
}
func (p *parser) unary() Node {
	for _, op := range []string{"-", "!"} {
		if p.accept(op) {
			return &Unary{op, p.unary()}
		}
	}
	switch t := p.next(); t.Kind {
	case Number:
		f, err := strconv.ParseFloat(t.Text, 64)
		if err != nil {
			panic(&SyntaxError{t.Pos, err.Error()})
		}
		return Num(f)
	case Ident:
		if p.accept("(") {
			c := &Call{fn: t.Text}
			for !p.accept(")") {
				if len(c.args) > 0 {
					p.want(",")
				}
				c.args = append(c.args, p.binary(0))
			}
			return c
		}
		if p.accept("=") {
			return Assign{name: t.Text, x: p.binary(0)}
		}
		return Var(t.Text)
	default:
		if t.Text == "(" {
			defer p.want(")")
			return p.binary(0)
		}
		panic(&SyntaxError{t.Pos, "unexpected " + t.Kind.String() + " " + t.Text})
	}
}
func (p *parser) block() (b Block) {
	p.want("{")
	for !p.accept("}") {
		b = append(b, p.stmt())
	}
	return
}
func (p *parser) stmt() Node {
	switch {
	case p.accept("let"):
		n := p.next().Text
		p.want("=")
		a := Assign{n, p.binary(0), true}
		p.want(";")
		return a
	case p.accept("if"):
		n := &If{cond: p.binary(0), then: p.block()}
		if p.accept("else") {
			n.els = p.block()
		}
		return n
	case p.accept("while"):
		return &While{p.binary(0), p.block()}
	case p.accept("fn"):
		f := &Fn{name: p.next().Text}
		p.want("(")
		for !p.accept(")") {
			p.accept(",")
			f.params = append(f.params, p.next().Text)
		}
		f.body = p.block()
		return f
	}
	x := p.binary(0)
	p.want(";")
	return x
}

func run(src string) (v float64, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("run: %w", r)
		default:
			panic(r)
		}
	}()
	toks, err := scan(src)
	if err != nil {
		return 0, err
	}
	p := &parser{toks: toks}
	steps := 30000
	env := &Env{map[string]float64{}, map[string]*Fn{}, nil, &steps}
	for p.peek().Kind != EOF {
		v = p.stmt().Eval(env)
	}
	return
}

func main() {
	for _, src := range []string{
		"1 + 2 * 3 - -4;", "let x = 10; while x > 1 { x = x - 3; } x;",
		"fn fib(n) { if n < 2 { n; } else { fib(n-1) + fib(n-2); } } fib(18);",
		"fn gcd(a, b) { if b == 0 { a; } else { gcd(b, a % b); } } gcd(1071, 462) * 1.5;",
		"let s = 0; let i = 0; while i < 1000 { if i % 3 == 0 || i % 5 == 0 { s = s + i; } i = i + 1; } s;",
		"1 / 0;", "y;", "let a = 1; { }", "1 + ;", "let π = 3.14; π * 2;", "a $ b;", "f(1);", "fn loop(n) { loop(n + 1); } loop(0);", "!(1 && 0) + (2 <= 2);", "1 % 0;", "(1 + 2", "1.2.3;",
	} {
		v, err := run(src)
		var se *SyntaxError
		fmt.Println(v, err, errors.As(err, &se), errors.Is(err, ErrDivide))
	}
}
