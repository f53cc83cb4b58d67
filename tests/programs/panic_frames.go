// What runtime.Callers shows of the runtime between a panic and the deferred function that recovers it, at the ends of goroutines,
// and of what stands between callers and callees: reflect, method values, wrappers.
package main

import (
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"reflect"
	"runtime"
	"sort"
	"sync"
	"text/template"
	"time"
)

type T struct{ a, b int }

func show(what string) {
	if e := recover(); e != nil {
		pcs := make([]uintptr, 50)
		n := runtime.Callers(1, pcs)
		fr := runtime.CallersFrames(pcs[:n])
		fmt.Println(what, e)
		for {
			f, more := fr.Next()
			fmt.Println("   ", f.Function, filepath.Base(f.File), f.Line)
			if !more {
				break
			}
		}
	}
}

//go:noinline
func nilp(p *T) int { defer show("nil"); return p.b }

//go:noinline
func idx(s []int, i int) int { defer show("index"); return s[i] }

//go:noinline
func slc(s []int, i int) []int { defer show("slice"); return s[i:] }

//go:noinline
func slc2(s string, i, j int) string { defer show("slice2"); return s[i:j] }

//go:noinline
func div(a, b int) int { defer show("div"); return a / b }

//go:noinline
func assert(x any) int { defer show("assert"); return x.(int) }

//go:noinline
func assertI(x any) fmt.Stringer { defer show("assertI"); return x.(fmt.Stringer) }

//go:noinline
func nilmap(m map[string]int) { defer show("nilmap"); m["a"] = 1 }

//go:noinline
func closed(c chan int) { defer show("closed"); close(c); close(c) }

//go:noinline
func mk(n int) []int { defer show("makeslice"); return make([]int, n) }

//go:noinline
func shift(n int) int { defer show("shift"); return 1 << n }

//go:noinline
func conv(s []int) [4]int { defer show("conv"); return [4]int(s) }

//go:noinline
func nilf(f func()) { defer show("nilfunc"); f() }

//go:noinline
func deferNils(f func()) {
	defer show("defernils")
	for range 2 {
		defer f()
	}
}

//go:noinline
func iface(x fmt.Stringer) { defer show("nilIface"); _ = x.String() }

//go:noinline
func hash(m map[any]int, k any) { defer show("hash"); m[k] = 1 }

//go:noinline
func cmp(a, b any) bool { defer show("cmp"); return a == b }

//go:noinline
func user() { defer show("user"); panic("x") }

//go:noinline
func send(c chan int) { defer show("send"); c <- 1 }

//go:noinline
func sendSel(c, d chan int) {
	defer show("sendSel")
	select {
	case c <- 1:
	case d <- 2:
	}
}

//go:noinline
func sendSel1(c chan int) {
	defer show("sendSel1")
	select {
	case c <- 1:
	default:
	}
}

//go:noinline
func mkchan(n int) chan int { defer show("makechan"); return make(chan int, n) }

//go:noinline
func mkcap(n int) []int { defer show("makecap"); return make([]int, 0, n) }

type E struct{}

//go:noinline
func mkmany(n int) []string { defer show("makemany"); return make([]string, n) }

//go:noinline
func assertII(x fmt.Stringer) int { defer show("assertII"); return int(x.(Y)) }

//go:noinline
func assertNil(x any) int { defer show("assertNil"); return x.(int) }

//go:noinline
func assertNilI(x any) fmt.Stringer { defer show("assertNilI"); return x.(fmt.Stringer) }

//go:noinline
func assertI2I(x io.Reader) fmt.Stringer { defer show("assertI2I"); return x.(fmt.Stringer) }

type Y int

func (Y) String() string           { return "" }
func (Y) Read([]byte) (int, error) { return 0, nil }

type Z []int

func (Z) String() string { return "" }

type R []int

func (R) Read([]byte) (int, error) { return 0, nil }

//go:noinline
func ifaceEq(a, b fmt.Stringer) bool { defer show("ifaceEq"); return a == b }

//go:noinline
func structEq(a, b struct{ x, y any }) bool { defer show("structEq"); return a == b }

//go:noinline
func wrapped(x fmt.Stringer) { defer show("panicwrap"); _ = x.String() }

//go:noinline
func over(seq iter.Seq[int]) {
	defer show("range")
	for x := range seq {
		_ = x
		break
	}
}

//go:noinline
func nilLoad(p *[1 << 20]int, i int) int { defer show("nilLoad"); return p[i] }

//go:noinline
func nilStore(p *T) { defer show("nilStore"); p.b = 1 }

//go:noinline
func nilMethod(p *T) { defer show("nilMethod"); f := p.val; f() }

func (t T) val() {}

//go:noinline
func repanic() {
	defer show("repanic")
	defer func() {
		panic(fmt.Sprint("again ", recover()))
	}()
	panic("first")
}

//go:noinline
func nested() {
	defer show("nested")
	defer func() {
		panic("second")
	}()
	panic("first")
}

func callers(what string) {
	pcs := make([]uintptr, 50)
	n := runtime.Callers(1, pcs)
	fr := runtime.CallersFrames(pcs[:n])
	fmt.Println(what)
	for {
		f, more := fr.Next()
		fmt.Println("   ", f.Function, filepath.Base(f.File), f.Line)
		if !more {
			break
		}
	}
}

var initialised = func() int { callers("var init"); return 1 }()

func init() { callers("init") }

//go:noinline
func loops() {
	for i := range 2 {
		defer callers(fmt.Sprint("deferred ", i))
	}
}

func main() {
	c := make(chan int)
	close(c)
	send(c)
	sendSel(c, nil)
	sendSel1(c)
	closed(nil)
	mkchan(-1)
	mkcap(-1)
	mkmany(1 << 62)
	assertII(Z{})
	assertNil(nil)
	assertNilI(nil)
	assertI2I(R{})
	ifaceEq(Z{}, Z{})
	structEq(struct{ x, y any }{Z{}, 1}, struct{ x, y any }{Z{}, 1})
	wrapped((*Y)(nil))
	over(func(yield func(int) bool) { yield(1); yield(2) })
	nilLoad(nil, 1000)
	nilStore(nil)
	nilMethod(nil)
	repanic()
	nested()
	loops()
	done := make(chan int)
	go func() {
		defer close(done)
		defer callers("goexit")
		runtime.Goexit()
	}()
	<-done
	fin := make(chan int)
	{
		type big struct{ a [10]int }
		x := new(big)
		runtime.SetFinalizer(x, func(*big) { callers("finalizer"); close(fin) })
	}
	for ok := true; ok; {
		runtime.GC()
		select {
		case <-fin:
			ok = false
		case <-time.After(10 * time.Millisecond):
		}
	}

	nilp(nil)
	idx(nil, 3)
	slc(nil, 3)
	slc2("abc", 2, 1)
	div(1, 0)
	assert("a")
	assertI("a")
	nilmap(nil)
	closed(make(chan int))
	mk(-1)
	shift(-1)
	conv(nil)
	nilf(nil)
	deferNils(nil)
	iface(nil)
	hash(map[any]int{}, []int{})
	cmp([]int{}, []int{})
	user()
	after := make(chan int)
	go func() {
		defer close(after)
		user()
	}()
	<-after
	timer := make(chan int)
	time.AfterFunc(time.Millisecond, func() {
		defer close(timer)
		user()
	})
	<-timer
	calls()
}

// Calls through reflect, method values, wrappers and std.
func calls() {
	reflect.ValueOf(func() { callers("f()") }).Call(nil)
	reflect.ValueOf(func(a, b, c int) { callers("f(3)") }).Call([]reflect.Value{reflect.ValueOf(1), reflect.ValueOf(1), reflect.ValueOf(1)})
	reflect.ValueOf(func(a string, b ...string) string { callers("f(v)"); return "" }).Call([]reflect.Value{reflect.ValueOf("")})
	reflect.ValueOf(func(t [4]V) { callers("f(T)") }).Call([]reflect.Value{reflect.ValueOf([4]V{})})
	reflect.ValueOf(V{}).Method(0).Call([]reflect.Value{reflect.ValueOf(1)})
	reflect.ValueOf(&V{}).Method(1).Call([]reflect.Value{reflect.ValueOf(1)})
	f := reflect.MakeFunc(reflect.TypeOf(func() {}), func([]reflect.Value) []reflect.Value { callers("makefunc"); return nil }).Interface().(func())
	f()
	g := reflect.ValueOf(V{}).Method(0).Interface().(func(int))
	g(1)
	viaM(V{})
	viaM(&V{})
	viaM(Emb{&V{}})
	h := (&V{}).P
	h(1)
	k := V.M
	k(V{}, 1)
	sort.Slice([]int{1, 2}, func(i, j int) bool { callers("sort"); return true })
	template.Must(template.New("").Funcs(template.FuncMap{"f": func() string { callers("template"); return "" }}).Parse("{{f}}")).Execute(io.Discard, nil)
	var o sync.Once
	o.Do(func() { callers("once") })
	defer V{}.M(1)
	w := (&V{}).P
	o.Do(func() { w(2) })
}

type V struct{ a, b, c, d int }

func (V) M(x int)  { callers("method") }
func (*V) P(x int) { callers("pmethod") }

type M interface{ M(int) }

//go:noinline
func viaM(m M) { m.M(1) }

type Emb struct{ *V }
