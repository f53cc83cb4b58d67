// Interfaces: embedding, promotion, type switches, comparison, nil, method sets, assertion.
package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

type Shape interface {
	Area() float64
	Named
}
type Named interface{ Name() string }

type base struct{ name string }

func (b *base) Name() string     { return b.name }
func (b *base) SetName(s string) { b.name = s }

type Rect struct {
	*base
	w, h float64
}

func (r Rect) Area() float64 { return r.w * r.h }

type Circle struct {
	base
	r float64
}

func (c *Circle) Area() float64 { return 3 * c.r * c.r }

type upper struct{ io.Reader }

func (u upper) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	copy(p, strings.ToUpper(string(p[:n])))
	return n, err
}

type wrapErr struct{ err error }

func (w *wrapErr) Error() string { return "wrap: " + w.err.Error() }
func (w *wrapErr) Unwrap() error { return w.err }

func maybe(fail bool) error {
	var e *wrapErr
	if fail {
		e = &wrapErr{io.EOF}
	}
	return e
}

func describe(x any) string {
	switch v := x.(type) {
	case nil:
		return "nil"
	case int, int64:
		return fmt.Sprintf("integer %v", v)
	case error:
		return "error " + v.Error()
	case Shape:
		return fmt.Sprint("shape ", v.Name(), v.Area())
	case func() string:
		return v()
	case []int:
		return fmt.Sprint("slice ", len(v))
	case fmt.Stringer:
		return "stringer"
	default:
		return fmt.Sprintf("other %T", v)
	}
}

type small struct{ p *int }
type empty struct{}

func main() {
	shapes := []Shape{Rect{&base{"rect"}, 2, 3}, &Circle{base{"circle"}, 2}}
	for _, s := range shapes {
		s.(interface{ SetName(string) }).SetName("new " + s.Name())
		fmt.Println(describe(s))
	}
	data, _ := io.ReadAll(upper{strings.NewReader("embedded reader")})
	fmt.Println(string(data))
	fmt.Println(maybe(false) == nil, maybe(true), errors.Is(maybe(true), io.EOF))
	for _, x := range []any{nil, 1, int64(2), io.EOF, func() string { return "called" }, []int{1}, 'x', 2.5, struct{}{}, &Circle{}} {
		fmt.Println(describe(x))
	}
	n := 1
	var a, b any = small{&n}, small{&n}
	fmt.Println(a == b, any(empty{}) == any(empty{}), any(1) == any(1.0), any("a") == any("a"), a != nil)
	var e1, e2 error = io.EOF, io.ErrUnexpectedEOF
	fmt.Println(e1 == e2, e1 == io.EOF, any(e1) == any(io.EOF))
	_, ok := any(3).(fmt.Stringer)
	_, ok2 := any(&strings.Builder{}).(fmt.Stringer)
	fmt.Println(ok, ok2)
	f := Shape.Area
	fmt.Println(f(shapes[0]), (*Circle).Area(&Circle{r: 1}))
}
