package types

type (
	Array    [3]int
	Length   [n * 2]int
	Auto     = [len(x)]struct{}
	Slice    []*T
	Map      map[string][]int
	Chan     chan int
	Send     chan<- func()
	Recv     <-chan chan<- <-chan int
	Pointer  **T
	Paren    (((T)))
	Function func(a, b int, _ string) (c int, err error)
	Plain    func(int, pkg.T, []U, ...V) func() W
	Struct   struct {
		a, b int `tag`
		c    string "other"
		T
		*pkg.U "embedded"
		G[int]
		*H[K, V]
		d [4]byte
		e []byte
		_ struct{}
	}
	Interface interface {
		m()
		n(x, y int) (z string)
		error
		pkg.Iface
		G[int]
		~int | ~string | pkg.T
		*T | []int
		func()
	}
	Empty interface{}
)
