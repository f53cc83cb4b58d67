// Promoted fields and methods: through values, pointers, interfaces, several levels, with shadowing and in interface tables.
package main

import (
	"fmt"
	"sync"
)

type Base struct {
	id   int
	name string
}

func (b Base) ID() int          { return b.id }
func (b *Base) SetID(i int)     { b.id = i }
func (b Base) Describe() string { return fmt.Sprintf("Base(%d,%s)", b.id, b.name) }
func (b *Base) Ptr() *Base      { return b }
func (b Base) Many(a int, s ...string) (int, string, error) {
	return b.id + a, fmt.Sprint(s), nil
}

type Mid struct {
	*Base
	level int
}

func (m Mid) Describe() string { return "Mid:" + m.Base.Describe() }

type Top struct {
	Mid
	sync.Mutex
	Logger
	count int
}

type Logger interface {
	Log(string) string
}
type prefix string

func (p prefix) Log(s string) string { return string(p) + s }

type counting struct {
	Logger
	n int
}

func (c *counting) Log(s string) string { c.n++; return c.Logger.Log(fmt.Sprint(c.n, " ", s)) }

type IDer interface{ ID() int }
type Setter interface {
	IDer
	SetID(int)
}
type Describer interface{ Describe() string }

type A struct{ x, y int }
type B struct{ y, z int }
type C struct {
	A
	B
	z string
}

func (A) Hello() string  { return "A" }
func (B) Hello2() string { return "B" }

type L3 struct{ L2 }
type L2 struct{ *L1 }
type L1 struct{ l0 }
type l0 struct{ deep []int }

func (l *l0) Add(v int) int { l.deep = append(l.deep, v); return len(l.deep) }
func (l l0) Sum() (s int) {
	for _, v := range l.deep {
		s += v
	}
	return
}

type adder interface {
	Add(int) int
	Sum() int
}

type Func func(int) int

func (f Func) Call(i int) int { return f(i) }

type WithFunc struct {
	Func
	err error
}
type errHolder struct{ error }
type Int int

func (i *Int) Inc()    { *i++ }
func (i Int) Get() int { return int(i) }

type Counter struct{ Int }
type node struct {
	*node
	v int
}

func (n *node) depth() int {
	if n == nil {
		return 0
	}
	return 1 + n.node.depth()
}

type big struct {
	pad  [100]int
	tail int
}

func (b big) Tail() int      { return b.tail + b.pad[99] }
func (b *big) SetTail(v int) { b.tail, b.pad[99] = v, v }

type holder struct {
	first string
	big
}

func main() {
	top := &Top{Mid: Mid{Base: &Base{1, "one"}, level: 2}, Logger: prefix("> ")}
	top.SetID(10)
	top.Lock()
	top.count++
	top.Unlock()
	fmt.Println(top.ID(), top.id, top.Describe(), top.Mid.Base.Describe(), top.Log("hi"), top.Ptr() == top.Base)
	var s Setter = top
	s.SetID(11)
	var i IDer = top.Mid
	var d Describer = top
	fmt.Println(s.ID(), i.ID(), d.Describe())
	fmt.Println(top.Many(1, "a", "b"))
	var l sync.Locker = top
	l.Lock()
	fmt.Println(top.TryLock())
	l.Unlock()

	c := &counting{Logger: prefix("# ")}
	outer := counting{Logger: c}
	fmt.Println(outer.Log("x"), outer.Log("y"), c.n, outer.n)

	cc := C{A{1, 2}, B{3, 4}, "z"}
	fmt.Println(cc.x, cc.A.y, cc.B.y, cc.z, cc.B.z, cc.Hello(), cc.Hello2())
	fmt.Printf("%+v %v\n", cc, cc == C{A{1, 2}, B{3, 4}, "z"})

	l3 := L3{L2{&L1{}}}
	copied := l3
	l3.Add(1)
	copied.Add(2)
	var ad adder = l3
	fmt.Println(ad.Add(3), l3.Sum(), copied.deep, adder.Sum(ad))

	w := WithFunc{Func: func(i int) int { return i * i }}
	fmt.Println(w.Call(5), w.Func(6), errHolder{fmt.Errorf("held")}.Error(), errHolder{fmt.Errorf("printed")})

	var ctr Counter
	inc := ctr.Inc
	inc()
	inc()
	get := ctr.Get
	inc()
	fmt.Println(ctr.Get(), get(), Counter.Get(ctr))
	(*Counter).Inc(&ctr)
	fmt.Println(ctr)
	fmt.Println((&node{&node{&node{}, 1}, 2}).depth(), (&node{v: 1}).node == nil)

	h := holder{first: "f"}
	tail := h.Tail
	h.SetTail(21)
	var t interface{ Tail() int } = h
	h.SetTail(5)
	fmt.Println(tail(), t.Tail(), h.Tail(), holder.Tail(h), (*holder).Tail(&h))

	var anon struct {
		Base
		*Counter
	}
	anon.Counter = new(Counter)
	anon.Inc()
	anon.SetID(77)
	var both interface {
		Setter
		Inc()
	} = &anon
	both.Inc()
	fmt.Println(anon.Get(), anon.ID(), both.ID())
	func() {
		defer func() { fmt.Println(recover()) }()
		var nilTop Top
		fmt.Println(nilTop.level)
		fmt.Println(nilTop.ID())
	}()
}
