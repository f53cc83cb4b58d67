// Switches, labels, goto, shadowing, evaluation order.
package main

import "fmt"

var trace []string

func t(s string, v int) int { trace = append(trace, s); return v }

func classify(n int) string {
	switch {
	case n < 0:
		return "neg"
	case n == 0:
		fallthrough
	case n == 1:
		return "small"
	}
	switch n {
	case 2, 3, 5, 7:
		return "prime"
	case 4, 6, 8, 9:
		return "composite"
	default:
		return "big"
	}
}

func gotos(n int) (r int) {
	i := 0
loop:
	if i < n {
		r += i
		i++
		goto loop
	}
	return
}

func words(s string) int {
	switch s {
	case "alpha", "beta":
		return 1
	case "gamma":
		return 2
	case "":
		return 3
	}
	return 0
}

func main() {
	for _, n := range []int{-1, 0, 1, 2, 4, 10} {
		fmt.Print(classify(n), " ")
	}
	fmt.Println(gotos(5), words("beta"), words("gamma"), words(""), words("x"))
	a := []int{1, 2, 3}
	i := 0
	i, a[i] = 1, 9
	fmt.Println(i, a)
	a[t("idx", 0)], a[t("idx2", 1)] = t("v1", 10), t("v2", 20)
	fmt.Println(trace, a)
	trace = nil
	m := map[int]int{t("k", 1): t("v", 2), t("k2", 3): t("v3", 4)}
	fmt.Println(trace, len(m))
	x := 1
	{
		x := x + 1
		x++
		_ = x
	}
	if x := x * 5; x > 3 {
		fmt.Println("inner", x)
	} else if y := x; y > 0 {
		fmt.Println(y)
	}
	x, y := x+1, x
	fmt.Println(x, y)
outer:
	for i := range 3 {
		for j := range 3 {
			if j == 2 {
				continue outer
			}
			if i == 2 {
				break outer
			}
			fmt.Print(i, j, ";")
		}
	}
	fmt.Println()
	a[0]++
	a[1] <<= 2
	a[2] &^= 1
	fmt.Println(a, min(3, 1, 2), max(2.5, 1), min("b", "a"))
	var arr [3]func() string
	for i, s := range []string{"x", "y", "z"} {
		arr[i] = func() string { return s }
	}
	fmt.Println(arr[0](), arr[2]())
}
