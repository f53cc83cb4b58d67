package declarations

import "fmt"
import (
	_ "embed"
	. "strings"
	io2 "io"
)

const c = 1
const (
	a, b = iota, 1 << iota
	d, e
	_, _
	f float64 = iota
)

var x int
var y, z = 1, "s"
var (
	u    []int
	v, w float64 = 1.5, .5e-3
)

type t int
type (
	s = string
	r struct{ a, b int }
)

func f0()
func f1()                             {}
func f2(int, ...string) (bool, error) { return false, nil }
func f3(a, b int, c ...any) (x int)   { return }
func (t) m0()                         {}
func (r *r) m1(func(int) bool) func() { return nil }

func init() { fmt.Println(io2.EOF, ToUpper("x")) }
