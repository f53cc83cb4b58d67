package generics

type List[T any] struct {
	next *List[T]
	val  T
}
type Pair[K comparable, V any] = struct {
	k K
	v V
}
type A1[P *T,] int
type A2[P *T, _ any] int
type A3[P *struct{}] int
type A4[P (T),] int
type A5[P interface{ *T }] int
type A6[P *T | Q,] int
type A7[P ~int] int
type A8[P []int] int
type A9[P *T | ~int] int
type B1 [P * T]int
type B2 [P]int
type B3 [P * (T)]int
type B4 [P(T)]int
type B5 [P.T]int
type B6 [P + 1]int
type B7 [2]int
type C1[K comparable, V List[K]] map[K]V
type Alias[P any] = List[P]

func Map[S ~[]E, E, R any](s S, f func(E) R) []R { return nil }
func (l *List[T]) Push(v T)                     {}
func (l List[_]) Len() int                      { return 0 }
func (l List[T]) Convert[R any](f func(T) R) R  { return f(l.val) }

func use() {
	_ = Map[[]int, int, string]
	_ = Pair[string, List[int]]{"a", List[int]{}}
	f[int](1)
	x[a](b)
	x[a][b] = c[d]
	_ = a < b
	var _ List[int]
	var _ pkg.Set[pkg.T, []int,]
	switch any(x).(type) {
	case List[int], *Pair[string, int]:
	}
}
