// Spectral norm: float loops with calls.
package main

import (
	"fmt"
	"math"
)

func a(i, j int) float64 { return 1 / float64((i+j)*(i+j+1)/2+i+1) }

func times(v, u []float64) {
	for i := range v {
		s := 0.0
		for j, x := range u {
			s += a(i, j) * x
		}
		v[i] = s
	}
}

func timesT(v, u []float64) {
	for i := range v {
		s := 0.0
		for j, x := range u {
			s += a(j, i) * x
		}
		v[i] = s
	}
}

func main() {
	const n = 1500
	u, v, t := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range u {
		u[i] = 1
	}
	for range 10 {
		times(t, u)
		timesT(v, t)
		times(t, v)
		timesT(u, t)
	}
	var vBv, vv float64
	for i := range v {
		vBv += u[i] * v[i]
		vv += v[i] * v[i]
	}
	fmt.Printf("%.9f\n", math.Sqrt(vBv/vv))
}
