// Structs, arrays, copying, comparison, embedding depth, anonymous types, big values.
package main

import "fmt"

type A struct {
	x int
	y string
	z [3]float64
}
type B struct {
	A
	_ int
	p *A
}
type Big struct {
	data [100]int
	name string
}

func modify(b Big) Big { b.data[0] = 99; b.name += "!"; return b }

func multi() (Big, [3]string, error, complex128, A) {
	return Big{name: "multi"}, [3]string{"a", "b", "c"}, nil, 1 + 2i, A{1, "one", [3]float64{1}}
}

func many(a int, b string, c []int, d float64, e Big, f any, g, h, i, j, k int, l float32, m string) string {
	return fmt.Sprint(a, b, c, d, e.name, f, g, h, i, j, k, l, m)
}

func floats(a, b, c, d, e, f, g, h, i, j float64, n int) float64 {
	return a + b*2 + c*3 + d*4 + e*5 + f*6 + g*7 + h*8 + i*9 + j*10 + float64(n)
}

func main() {
	a := A{1, "a", [3]float64{1, 2, 3}}
	b := a
	b.z[1] = 9
	fmt.Println(a == b, a != A{1, "a", [3]float64{1, 2, 3}}, a, b)
	c := B{A: a, p: &a}
	c.x++
	c.p.y = "changed"
	fmt.Println(c.A.x, a.y, c.y, c == c)
	big := Big{name: "big"}
	big2 := modify(big)
	fmt.Println(big.data[0], big2.data[0], big2.name, big == big2)
	m, arr, err, cx, st := multi()
	fmt.Println(m.name, arr, err, cx, st)
	fmt.Println(many(1, "b", []int{2}, 3.5, big, nil, 4, 5, 6, 7, 8, 9.5, "end"))
	fmt.Println(floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
	arr2 := [...]int{5: 1, 2, 1: 7}
	pa := &arr2
	for i := range pa {
		pa[i] *= 2
	}
	for i, v := range arr2 {
		arr2[6-i] = v
	}
	fmt.Println(arr2, len(pa))
	anon := []struct {
		name string
		val  *int
	}{{"x", &arr2[0]}, {name: "y"}}
	*anon[0].val = 42
	fmt.Println(arr2[0], anon[1].val == nil, anon[0].name)
	s := make([]int, 3, 10)
	t := append(s, 1)
	u := append(s, 2)
	fmt.Println(t[3], u[3], len(s[:5]), cap(s[2:4:6]))
	nested := [2][3][]string{{{"a"}, nil, {"b", "c"}}}
	nested[1] = nested[0]
	nested[0][2][0] = "shared"
	fmt.Println(nested, *new(int), *new("init"))
	p := [4]int([]int{1, 2, 3, 4})
	q := (*[2]int)(p[1:])
	q[0] = 20
	fmt.Println(p)
	var zero struct{}
	zs := []struct{}{zero, zero}
	fmt.Println(len(zs), zs)
}
