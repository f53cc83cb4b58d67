// fmt: every verb on every kind of value, flags, widths, wrong uses, Formatter, GoStringer, scanning.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

type inner struct {
	A int
	b string
}
type outer struct {
	inner
	P   *int
	S   []inner
	M   map[string]inner
	I   any
	F   func()
	C   chan int
	E   error
	T   time.Duration
	arr [2]bool
}
type str string
type stringerV struct{ n int }

func (s stringerV) String() string { return fmt.Sprintf("stringer%d", s.n) }

type stringerP struct{ n int }

func (s *stringerP) String() string { return fmt.Sprintf("pointer%d", s.n) }

type goer struct{}

func (goer) GoString() string { return "goer!" }

type formatter struct{}

func (formatter) Format(f fmt.State, verb rune) {
	w, wok := f.Width()
	p, pok := f.Precision()
	fmt.Fprintf(f, "[%c %d %v %d %v", verb, w, wok, p, pok)
	for _, c := range "+-# 0" {
		if f.Flag(int(c)) {
			fmt.Fprintf(f, " %q", c)
		}
	}
	fmt.Fprintf(f, " %s]", fmt.FormatString(f, verb))
}

type panicker struct{ v any }

func (p panicker) String() string { panic(p.v) }

type errType int

func (e errType) Error() string { return fmt.Sprint("err", int(e)) }

type bytesType []byte
type recursive struct {
	name string
	next *recursive
}
type scanned struct{ v string }

func (s *scanned) Scan(st fmt.ScanState, verb rune) error {
	tok, err := st.Token(true, func(r rune) bool { return r != ';' })
	s.v = string(tok)
	st.ReadRune()
	return err
}

func main() {
	values := []any{nil, true, 42, -7, int8(-128), uint8(255), uint64(1 << 63), uintptr(4096), 'x', '世', 3.25, float32(-0.1), 2 + 3i,
		"hello", "a\tb\"c\\\x00é\u2028\xff", str("named"), []byte("bytes\xff"), bytesType("bt"), [3]byte{1, 2, 3}, []int{1, 2}, []string{"a b", "c"},
		[]any{1, "x", nil}, map[string]int{"b": 2, "a": 1}, map[int]bool{}, inner{1, "x"}, &inner{2, "y"}, []inner{{3, "z"}}, []*int{nil},
		stringerV{1}, &stringerV{2}, &stringerP{3}, stringerP{4}, goer{}, formatter{}, errType(5), errors.New("plain"),
		time.Duration(1500) * time.Millisecond, time.March, struct{}{}, struct {
			X any
			Y error
		}{stringerV{6}, errType(7)}, (*int)(nil), (*stringerV)(nil), []error{nil, errType(1)}, map[stringerV]errType{{1}: 2}, [2][2]int{{1, 2}, {3, 4}},
		(func())(nil), (chan int)(nil), (map[string]int)(nil), ([]int)(nil), (error)(nil), panicker{"oops"}, panicker{errType(3)}, (*panicker)(nil), new(any) == nil}
	verbs := []string{"%v", "%+v", "%#v", "%T", "%d", "%s", "%q", "%x", "%X", "% x", "%#x", "%t", "%c", "%U", "%#U", "%e", "%g", "%6.2f", "%b", "%o", "%O", "%8v|", "%-8v|", "%08d", "%+d", "% d", "%+q", "%#q", "%.2s", "%8.3s|", "%z"}
	for _, v := range values {
		for i, verb := range verbs {
			if _, isPtr := v.(*inner); isPtr && strings.ContainsAny(verb, "dxXobcOUq") {
				continue
			}
			if i > 0 {
				fmt.Print(" ")
			}
			fmt.Printf(verb, v)
		}
		fmt.Println()
	}
	n := 7
	o := outer{inner: inner{1, "b"}, S: []inner{{2, "c"}}, M: map[string]inner{"k": {3, "d"}}, I: inner{4, "e"}, E: errType(2), T: time.Second}
	fmt.Printf("%v\n%+v\n%#v\n", o, o, o)
	fmt.Printf("%v %+v %t\n", recursive{"a", nil}, recursive{"b", nil}, &n == nil)
	fmt.Printf("%d %s\n", 1)
	fmt.Printf("%d\n", 1, 2, "x")
	fmt.Printf("%!\n")
	fmt.Printf("%[2]d %[1]d %d %[5]d %[x]d %[1]*d\n", 1, 2)
	fmt.Printf("%*d|%-*d|%.*f|%*d\n", 5, 1, 5, 2, 2, 3.14159, "bad", 4)
	fmt.Printf("%[3]*.[2]*[1]f|%6.3[1]f|%%|%c%c\n", 12.0, 2, 6, 0x4E16, -1)
	fmt.Printf("%v %v %d %s\n", []byte(nil), [0]int{}, []byte("az"), [2]byte{65, 66})
	fmt.Printf("%x %X %#x % X %# x %x\n", "hello", []byte{1, 171}, "hi", "hi", []byte("hi"), []string{"ab", "c"})
	fmt.Printf("%6d|%-6d|%06d|%+06d|%x|%#o|%#b|%#X|%+x|% d|%.3d|%8.3d|%+.0d\n", 42, 42, -42, 42, -255, 8, 5, 255, 255, 5, 7, 7, 0)
	fmt.Printf("%10.3v|%-10v|%10q|%+10.2e|%010.2f|%+.3g|%#g|%#.3x|%t\n", "abcdef", "ab", "q", 12345.678, -3.14159, 1234567.0, 1.0, 1.5, false)
	fmt.Printf("%v %s %v %+v\n", fmt.Errorf("a: %w, b: %w", errType(1), errType(2)), fmt.Errorf("no %d", 1), errors.Unwrap(fmt.Errorf("x %w", errType(3))), errors.Join(errType(1), nil, errType(2)))
	fmt.Println(fmt.Sprint("a", 1, 2, "b", "c", 3.0, nil, nil, errType(1), 'x'), fmt.Sprintln("x", 1), fmt.Sprint(), fmt.Append(nil, "ap", 1, 2), fmt.Sprint([]any{nil, "s"}))
	fmt.Fprintln(os.Stdout, "padded:", fmt.Sprintf("%5t|%-7t|%5c|%-5c|%05s|%.1q|%5.1q", true, false, 'x', 'y', "z", "quoted", "日本"))
	fmt.Printf("%s %v %d\n", &[]int{1}, &map[string]int{"a": 1}, &struct{ a, b int }{1, 2})
	fmt.Printf("%#v %#v %#v %#v %#v %#v\n", 1.0, float32(2.5), uint8(3), 'c', "a`b", []any{1, "a", nil, 2.0, map[string]any{"k": []int(nil)}})
	fmt.Printf("%#v %#v %#v %#v\n", struct{ P *int }{}, [2]*inner{}, time.Second, str("s"))

	var i1, i2 int
	var s1 string
	var f1 float64
	var r1 rune
	var b1 bool
	var u8 uint8
	k, err := fmt.Sscanf("10 abc 2.5 x true", "%d %s %f %c %t", &i1, &s1, &f1, &r1, &b1)
	fmt.Println(k, err, i1, s1, f1, r1, b1)
	k, err = fmt.Sscan("0x1f 077\n hello", &i1, &i2, &s1)
	fmt.Println(k, err, i1, i2, s1)
	k, err = fmt.Sscanln("1 2\n3", &i1, &i2)
	fmt.Println(k, err, i1, i2)
	k, err = fmt.Sscan("300", &u8)
	fmt.Println(k, err, u8)
	k, err = fmt.Sscanf("a:5", "b:%d", &i1)
	fmt.Println(k, err)
	k, err = fmt.Sscanf("ff 1010 \"q s\" %", "%x %b %q %%", &i1, &i2, &s1)
	fmt.Println(k, err, i1, i2, s1)
	k, err = fmt.Sscanf("12345", "%2d%3d", &i1, &i2)
	fmt.Println(k, err, i1, i2)
	var sc scanned
	k, err = fmt.Sscan("up to;rest", &sc)
	fmt.Println(k, err, sc)
	k, err = fmt.Sscan("", &i1)
	fmt.Println(k, err)
	k, err = fmt.Sscan("x", &i1)
	fmt.Println(k, err)
}
