func upTo(s *sum, n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer s.add(uint64(n))
		for i := 0; i < n; i++ {
			if !yield(i) {
				s.add(5)
				return
			}
		}
	}
}

func pairs(s *sum, n int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for i := range upTo(s, n) {
			for j := range upTo(s, 2) {
				if !yield(i, i*j) {
					return
				}
			}
		}
	}
}

type node struct {
	left, right *node
	value       int
}

func tree(depth int) *node {
	if depth <= 0 {
		return nil
	}
	return &node{tree(depth - 1), tree(depth - 2), depth}
}

func (n *node) all(yield func(int) bool) { n.walk(yield) }

func (n *node) walk(yield func(int) bool) bool {
	return n == nil || n.left.walk(yield) && yield(n.value) && n.right.walk(yield)
}

func backwards[S ~[]T, T any](all S) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i := len(all) - 1; i >= 0; i-- {
			if !yield(i, all[i]) {
				break
			}
		}
	}
}

func filtered[T any](all iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		all(func(v T) bool { return !keep(v) || yield(v) })
	}
}

type named int

func (n named) String() string { return fmt.Sprint("named ", int(n)) }

// mixed is a value of one of some types.
func mixed(n int) any {
	switch n & 7 {
	case 0:
		return n
	case 1:
		return fmt.Sprint(n)
	case 2:
		return uint8(n)
	case 3:
		return named(n)
	case 4:
		return error(&failure{n})
	case 5:
		return []int{n}
	case 6:
		return float64(n)
	}
	return nil
}

// tr notes that it was called.
//
//go:noinline
func tr(s *sum, id int, v int) int {
	s.add(uint64(id))
	s.add(uint64(v))
	return v
}

func trp[T any](s *sum, id int, v T) T {
	s.add(uint64(id))
	return v
}

type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

type ordered interface {
	integer | ~float32 | ~float64 | ~string
}

type small8 int8

func (v small8) weight() int { return int(v) + 3 }

type words string

func (v words) weight() int { return len(v) }

type pair[T, U any] struct {
	first  T
	second U
}

func (p pair[T, U]) swap() pair[U, T] { return pair[U, T]{p.second, p.first} }

func (p *pair[T, U]) set(first T, second U) { p.first, p.second = first, second }

type mark struct {
	a uint8
	b int64
	c string
}

// setter is a pointer type whose values can be set.
type setter[T any] interface {
	*T
	put(int)
}

type counter struct{ n int }

func (c *counter) put(n int) { c.n = n*2 + c.n }

type list []int

func (l *list) put(n int) { *l = append(*l, n, n+1) }

func filled[T any, P setter[T]](ns ...int) (all [2]T) {
	for i, n := range ns {
		P(&all[i%2]).put(n)
	}
	return
}

func weigh[T interface {
	~int8 | ~string
	weight() int
}](vs ...T) (n int) {
	for _, v := range vs {
		f := v.weight
		n = n*5 + f() + T.weight(v)
	}
	return
}

func kindOf[T any](v T) string {
	switch any(v).(type) {
	case int, small8:
		return "int or small8"
	case T:
		return fmt.Sprintf("%T", v)
	}
	return "nil"
}

// call3 calls with the zero and some other values.
func call3[T integer, U ordered, V comparable](s *sum, f func(*sum, T, T, U, U, V, V) (T, U, V)) (T, U, V) {
	var c U
	var e V
	if p, ok := any(&c).(*string); ok {
		*p = "go"
	}
	f(s, 1, 0, c, c, e, e)
	return f(s, 5, 120, c, c+c, e, e)
}

