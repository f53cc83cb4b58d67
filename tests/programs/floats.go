// Floating point: special values, comparison, formatting, rounding, conversion, fused and unfused operations, complex numbers.
package main

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"strconv"
)

//go:noinline
func id[T any](v T) T { return v }

func compare(a, b float64) string {
	return fmt.Sprint(a < b, a <= b, a == b, a != b, a > b, a >= b, !(a < b), !(a >= b), min(a, b), max(a, b))
}

func f32(a, b float32) {
	fmt.Println(a+b, a-b, a*b, a/b, -a, a < b, a == b, float64(a*b), float64(a)*float64(b), int32(a), uint8(b))
}

func branch(x float64) (s string) {
	if x < 0 {
		s += "neg "
	} else if x > 0 {
		s += "pos "
	} else if x == 0 {
		s += "zero "
	} else {
		s += "nan "
	}
	if !(x <= 1) {
		s += "not<=1 "
	}
	switch {
	case x != x:
		s += "x!=x"
	case math.Signbit(x):
		s += "signbit"
	}
	return
}

func main() {
	nan, inf := math.NaN(), math.Inf(1)
	negZero := math.Copysign(0, -1)
	values := []float64{0, negZero, 1, -1, 0.1, 1.0 / 3, math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64 * 3, inf, -inf, nan, 1e21, 1e20, 123456789, 1e-7, 5e-324, 2.5, -2.5, 3.5, 0.5, -0.5, 1 << 53, 1<<53 + 2}
	for _, v := range values {
		fmt.Println(v, branch(v), math.Float64bits(v), -v, v*0, 1/v, math.Abs(v), math.Floor(v), math.Ceil(v), math.Trunc(v), math.Round(v), math.RoundToEven(v), math.Sqrt(v))
		fmt.Printf("%v %g %e %f %.3f %8.2f %-10.1f| %+.2e %x %X %b %G %6.3g %08.3f %+d\n", v, v, v, v, v, v, v, v, v, v, v, v, v, v, 1)
		fmt.Println(float32(v), strconv.FormatFloat(v, 'g', -1, 32), strconv.FormatFloat(v, 'f', 4, 64), strconv.FormatFloat(v, 'e', 0, 64), strconv.FormatFloat(v, 'x', 3, 64), strconv.FormatFloat(v, 'G', 5, 64))
		fr, ex := math.Frexp(v)
		in, mo := math.Modf(v)
		fmt.Println(fr, ex, in, mo, math.Mod(v, 0.7), math.Remainder(v, 0.7), math.Log2(math.Abs(v)), math.Cbrt(v), math.Nextafter(v, 1), math.Ilogb(v), math.Hypot(v, 3), math.Atan(v), math.Tanh(v))
	}
	for _, a := range []float64{0, negZero, 1, inf, -inf, nan} {
		for _, b := range []float64{negZero, 1, inf, nan} {
			fmt.Println(a, b, compare(id(a), id(b)), math.Pow(a, b), math.Atan2(a, b), math.Max(a, b), math.Min(a, b), math.Dim(a, b), math.Mod(a, b))
		}
	}
	f32(id(float32(16777216)), id(float32(1)))
	f32(id(float32(0.1)), id(float32(0.2)))
	f32(id(float32(3e38)), id(float32(10)))
	f32(id(float32(1e-45)), id(float32(2)))
	x, y, z := id(0.1), id(10.0), id(-1.0)
	fmt.Println(x*y+z, math.FMA(x, y, z), float64(x*y)+z)
	sum := float32(0)
	for i := range 1000 {
		sum += 1 / float32(i+1)
	}
	sum64 := 0.0
	for i := range 1000 {
		sum64 += 1 / float64(i+1)
	}
	fmt.Println(sum, sum64, float32(sum64))
	for i, u := range []uint64{0, 1, 1 << 53, 1<<53 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1025, math.MaxUint64} {
		fmt.Println(i, float64(id(u)), float32(id(u)), float64(int64(id(u))), uint64(float64(id(u>>1))))
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	fmt.Println(sorted)
	fmt.Println(math.Sin(1), math.Cos(1e6), math.Exp(-1.5), math.Log(10), math.Gamma(5.5), math.Erf(0.3), math.Asinh(2), math.Expm1(1e-10), math.Log1p(1e-10), math.Sinh(3), math.J0(1.5))
	const big = 1e400 / 1e399
	const third = 1.0 / 3
	fmt.Println(big, third, float32(third), third*3 == 1, 0.1+0.2, id(0.1)+0.2, math.MaxFloat32, math.Pi)

	c := complex(id(3.0), id(-4.0))
	d := complex(id(0.0), id(1.0))
	fmt.Println(c, c+d, c*d, c/d, -c, c == d, c != d, real(c), imag(c), cmplx.Abs(c), cmplx.Sqrt(c), cmplx.Exp(d*math.Pi), cmplx.Pow(c, d))
	fmt.Println(c/id(complex(0, 0)), complex(inf, nan)*c, complex64(c)*complex64(d), cmplx.Conj(c), cmplx.Phase(c), cmplx.Inf(), cmplx.IsNaN(complex(nan, 1)))
	fmt.Printf("%v %.2f %8.3e %+v %T %T\n", c, c, c, c, c, complex64(c))
	ms := map[float64]string{}
	ms[nan], ms[nan], ms[0] = "a", "b", "zero"
	ms[negZero] = "neg"
	_, ok := ms[nan]
	fmt.Println(len(ms), ms[0], ok)
	mc := map[complex128]int{c: 1, complex(negZero, 0): 2}
	fmt.Println(mc[complex(3, -4)], mc[0], len(mc))
	var e1, e2 any = nan, nan
	fmt.Println(e1 == e2, any(negZero) == any(0.0), [2]float64{nan} == [2]float64{nan}, struct{ f float64 }{negZero} == struct{ f float64 }{0})
	for _, s := range []string{"1e400", "-0", "0x1.8p3", "1_000.5", "inf", "-Infinity", "nan", ".5e-3", "1e", "4.9e-324", "2.4e-324", "1.7976931348623159e308", "0.1e-400", "+5", "9007199254740993"} {
		f, err := strconv.ParseFloat(s, 64)
		g, err2 := strconv.ParseFloat(s, 32)
		fmt.Println(f, err, g, err2)
	}
}
