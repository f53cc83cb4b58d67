// Dense matrices: slices of slices.
package main

import "fmt"

func matrix(n int) [][]float64 {
	a := make([][]float64, n)
	t := 1.0 / float64(n) / float64(n)
	for i := range a {
		a[i] = make([]float64, n)
		for j := range a[i] {
			a[i][j] = t * float64(i-j) * float64(i+j)
		}
	}
	return a
}

func mul(a, b [][]float64) [][]float64 {
	n := len(a)
	c := make([][]float64, n)
	bt := make([][]float64, n)
	for i := range bt {
		bt[i] = make([]float64, n)
		for j := range bt[i] {
			bt[i][j] = b[j][i]
		}
	}
	for i := range c {
		c[i] = make([]float64, n)
		for j := range c[i] {
			s := 0.0
			for k, x := range a[i] {
				s += x * bt[j][k]
			}
			c[i][j] = s
		}
	}
	return c
}

func main() {
	const n = 700
	c := mul(matrix(n), matrix(n))
	fmt.Printf("%.6f\n", c[n/2][n/2])
}
