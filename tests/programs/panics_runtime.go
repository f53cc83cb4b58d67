// The text and the type of every panic that the language itself raises.
package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

type named struct{ x int }

func (n *named) value() int { return n.x }

type shower interface{ Show() string }
type other interface {
	Show() string
	Hide(int) error
}
type impl int

func (impl) Show() string { return "impl" }

type myErr struct{ code int }

func (e myErr) Error() string { return fmt.Sprint("myErr ", e.code) }

func try(name string, f func()) {
	defer func() {
		r := recover()
		_, isRuntime := r.(runtime.Error)
		text := fmt.Sprint(r)
		if err, ok := r.(error); ok {
			text = err.Error()
		}
		fmt.Printf("%s: %T %v: %s\n", name, r, isRuntime, text)
	}()
	f()
}

//go:noinline
func opaque[T any](v T) T { return v }

func indexes() {
	s := opaque([]int{1, 2, 3})
	arr := opaque([4]int{})
	pa := &arr
	str := opaque("héllo")
	n := opaque(-1)
	five := opaque(5)
	try("slice neg", func() { _ = s[n] })
	try("slice high", func() { _ = s[five] })
	try("slice store", func() { s[five] = 1 })
	try("array", func() { _ = arr[five] })
	try("array ptr", func() { pa[five]++ })
	try("string", func() { _ = str[opaque(6)] })
	try("uint64 index", func() { _ = s[opaque(uint64(1<<63+5))] })
	try("int8 index", func() { _ = s[opaque(int8(-128))] })
	try("uint8 index", func() { _ = s[opaque(uint8(200))] })
	try("empty", func() { var e []byte; e[opaque(0)] = 1 })
}

func slices() {
	s := opaque(make([]int, 3, 5))
	arr := opaque([4]int{})
	str := opaque("hello")
	n := opaque(-1)
	one, two, six := opaque(1), opaque(2), opaque(6)
	try("s[:6]", func() { _ = s[:six] })
	try("s[-1:]", func() { _ = s[n:] })
	try("s[2:1]", func() { _ = s[two:one] })
	try("s[6:]", func() { _ = s[six:] })
	try("s[4:]", func() { _ = s[opaque(4):] })
	try("s[::6]", func() { _ = s[0:1:six] })
	try("s[:6:5]", func() { _ = s[0:six:5] })
	try("s[2:1:3]", func() { _ = s[two:one:3] })
	try("s[::-1]", func() { _ = s[0:0:n] })
	try("arr[:6]", func() { _ = arr[:six] })
	try("arr[2:1]", func() { _ = arr[two:one] })
	try("arr[:5:6]", func() { _ = arr[0:2:six] })
	try("str[6:]", func() { _ = str[six:] })
	try("str[:6]", func() { _ = str[:six] })
	try("str[2:1]", func() { _ = str[two:one] })
	try("str[-1:]", func() { _ = str[n:] })
	try("to array", func() { _ = [4]int(s) })
	try("to array pointer", func() { _ = (*[9]int)(s) })
	try("str uint", func() { _ = str[opaque(uint8(9)):] })
	try("str int64", func() { _ = str[:opaque(int64(-9))] })
}

func assertions() {
	var e any = opaque(any(7))
	var nilAny any
	var sh shower = impl(1)
	var nilSh shower
	try("int to string", func() { _ = e.(string) })
	try("nil to string", func() { _ = nilAny.(string) })
	try("int to iface", func() { _ = e.(shower) })
	try("nil to iface", func() { _ = nilAny.(shower) })
	try("iface to wider", func() { _ = sh.(other) })
	try("iface to concrete", func() { _ = sh.(interface{ shower }).(*implPtr) })
	try("nil iface to concrete", func() { _ = nilSh.(impl) })
	try("nil iface call", func() { nilSh.Show() })
	try("unnamed", func() { _ = e.(struct{ a, b int }) })
	try("func", func() { _ = e.(func(int, ...string) (error, bool)) })
	try("chan", func() { _ = e.(<-chan map[string][]*named) })
	try("generic", func() { _ = e.(pair[string, []int]) })
	try("stringer", func() { _ = e.(fmt.Stringer) })
	try("error", func() { _ = e.(error) })
	try("switch", func() {
		switch e.(type) {
		case string:
		default:
			panic(fmt.Sprintf("no case for %T", e))
		}
	})
}

type implPtr struct{}

func (*implPtr) Show() string { return "" }

type pair[K comparable, V any] struct {
	k K
	v V
}

func others() {
	zero := opaque(0)
	var nilMap map[string]int
	var nilPtr *named
	var nilSh shower
	var nilFunc func()
	var nilChan chan int
	closed := make(chan int)
	close(closed)
	neg := opaque(-1)
	big := opaque(1 << 62)
	try("divide", func() { _ = 1 / zero })
	try("modulo", func() { _ = 1 % zero })
	try("divide u8", func() { _ = uint8(3) / opaque(uint8(0)) })
	try("divide i64", func() { _ = int64(3) % opaque(int64(0)) })
	try("nil map", func() { nilMap["a"] = 1 })
	try("nil map op", func() { nilMap["a"]++ })
	try("nil pointer", func() { _ = nilPtr.x })
	try("nil method", func() { _ = nilPtr.value() })
	try("nil func", func() { nilFunc() })
	try("close nil", func() { close(nilChan) })
	try("close twice", func() { close(closed) })
	try("send closed", func() { closed <- 1 })
	try("select send closed", func() {
		select {
		case closed <- 1:
		default:
		}
	})
	try("make slice len", func() { _ = make([]int, neg) })
	try("make slice cap", func() { _ = make([]int, 2, opaque(1)) })
	try("make slice big", func() { _ = make([]int64, big) })
	try("make slice big cap", func() { _ = make([]int64, 0, big) })
	try("make chan", func() { _ = make(chan int, neg) })
	try("make map", func() { fmt.Print(len(make(map[int]int, neg)), " ") })
	try("shift", func() { _ = 1 << neg })
	try("shift assign", func() { x := 1; x >>= opaque(int8(-3)) })
	try("hash slice", func() { m := map[any]int{}; m[[]int{1}] = 2 })
	try("hash func", func() { m := map[any]int{}; _ = m[func() {}] })
	try("hash nested", func() { m := map[any]int{}; _ = m[struct{ a any }{map[int]int{}}] })
	try("hash iface key", func() { m := map[error]int{}; m[sliceErr{1}]++ })
	try("compare slices", func() { var a, b any = []int{}, []int{}; _ = a == b })
	try("compare structs", func() {
		var a, b any = struct{ f func() }{}, struct{ f func() }{}
		_ = a == b
	})
	try("compare differing", func() { var a, b any = []int{}, map[int]int{}; fmt.Print(a == b, " ") })
	try("custom error", func() { panic(myErr{3}) })
	try("panic nil", func() { panic(nil) })
	try("wrapped", func() { panic(fmt.Errorf("outer: %w", myErr{4})) })
	try("joined", func() { panic(errors.Join(myErr{1}, myErr{2})) })
	try("strings.Repeat", func() { strings.Repeat("x", neg) })
	try("unsafe.Slice", func() { var p *int; _ = unsafe.Slice(p, opaque(1)) })
	try("unsafe.Slice neg", func() { x := 1; _ = unsafe.Slice(&x, neg) })
	try("unsafe.String", func() { var b byte; _ = unsafe.String(&b, neg) })
	try("append nil func", func() { var fs []func(); fs = append(fs, nil); fs[0]() })
	try("nil pointer array", func() { var p *[10]int; _ = p[opaque(3)] })
	try("nil array slice", func() { var p *[10]int; _ = p[1:] })
	try("nil array range len", func() {
		var p *[3]int
		for i := range p {
			fmt.Print(i, " ")
		}
	})
	try("nil array range", func() {
		var p *[3]int
		for i, v := range p {
			fmt.Print(i, v, " ")
		}
	})
	try("large offset", func() {
		var p *struct {
			pad [1 << 20]byte
			x   int
		}
		_ = p.x
	})
	try("embedded nil", func() { var v struct{ *named }; _ = v.x })
	try("embedded iface nil", func() { var v struct{ shower }; _ = v.Show() })
	try("method value of nil iface", func() { f := nilSh.Show; f() })
	try("method value of nil pointer", func() { f := nilPtr.value; fmt.Print("bound "); f() })
	try("value method via nil pointer", func() { var p *impl; _ = p.Show() })
	try("value method via iface holding nil", func() { var p *impl; s := opaque(shower(p)); _ = s.Show() })
}

type sliceErr []int

func (sliceErr) Error() string { return "sliceErr" }

func main() {
	indexes()
	slices()
	assertions()
	others()
}
