package expressions

var (
	_ = 1 + 2*3 - 4/5%6<<7>>8&9&^10 | 11 ^ 12
	_ = a && b || !c && d == e != (f < g) || h <= i
	_ = -x + +y ^ ^z - *p + &q.r
	_ = <-<-c
	_ = 0x1F + 0b101 + 0o17 + 017 + 1_000 + 1.5e10 + 0x1p-2 + 3i + 'a' + '\x00' + '\u1234'
	_ = "s\n" + `raw
string`
	_ = []int{1, 2: 3, a: b}
	_ = [...]string{0: "x"}
	_ = map[string][]int{"a": {1}, "b": nil}
	_ = &T{x: 1, y: &U{2}}
	_ = pkg.T{}
	_ = struct{ a int }{1}
	_ = [][]T{{{1}}, {}}
	_ = a.b.c(d, e...)[f].g
	_ = s[:] + s[1:] + s[:2] + s[1:2] + s[:2:3] + s[1:2:3]
	_ = x.(T) + x.(*pkg.T) + x.([]int)
	_ = func(a int) int { return a }(1)
	_ = (func())(nil)
	_ = []byte("x")
	_ = (<-chan int)(c)
	_ = <-chan int(c)
	_ = chan<- int(c)
	_ = (*T)(p)
	_ = interface{ m() }(x).m
	_ = map[string]func(){}["x"]
	_ = new(int)
	_ = make([]int, 1, 2)
	_ = f(
		a,
		b,
	)
)
