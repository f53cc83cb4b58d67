package math

import "internal/cpu"

// Exp is computed the way the official release computes it on amd64, to the last bit: N. Shibata, "Efficient evaluation methods
// of elementary functions suitable for SIMD computation" (ISC 2010), whose constants are in the public domain
// (SLEEF). The argument is reduced to a sixteenth of [-ln2/2, ln2/2], exp(x)-1 is a Taylor polynomial there,
// and (1+y)^2-1 = y(y+2) four times undoes the division by sixteen.

const haveArchExp = true

// expFMA tells whether the processor fuses multiplication and addition, which changes last bits.
var expFMA = cpu.X86.HasAVX && cpu.X86.HasFMA

const (
	expOverflow  = 7.09782712893384e+02
	expUnderflow = -1e4 // anything that is certainly below the smallest denormal
	expLog2E     = 1.4426950408889634073599246810018920
	expLn2Upper  = 0.69314718055966295651160180568695068359375
	expLn2Lower  = 0.28235290563031577122588448175013436025525412068e-12
	expRounder   = 3 << 51 // adding it leaves an integer, rounded to even
)

func archExp(x float64) float64 {
	switch {
	case IsNaN(x) || IsInf(x, 1):
		return x
	case x > expOverflow:
		return Inf(1)
	case x < expUnderflow:
		return 0
	}
	n := x * expLog2E
	n = float64(n+expRounder) - expRounder
	if expFMA {
		x = expFused(x, n)
	} else {
		x = expPlain(x, n)
	}
	e := int(n) + 1023
	switch {
	case e >= 0x7ff:
		return Inf(1)
	case e > 0:
		return x * Float64frombits(uint64(e)<<52)
	case e < -52:
		return 0
	}
	// The result is a denormal: scale in two steps.
	x *= Float64frombits(uint64(e+1022) << 52)
	return x * Float64frombits(1<<52)
}

func expPlain(x, n float64) float64 {
	x -= float64(n * expLn2Upper)
	x -= float64(n * expLn2Lower)
	x *= 0.0625
	p := float64(x*2.4801587301587301587e-5) + 1.9841269841269841270e-4
	p = float64(x*p) + 1.3888888888888888889e-3
	p = float64(x*p) + 8.3333333333333333333e-3
	p = float64(x*p) + 4.1666666666666666667e-2
	p = float64(x*p) + 1.6666666666666666667e-1
	p = float64(x*p) + 0.5
	p = float64(x*p) + 1
	x *= p
	x *= x + 2
	x *= x + 2
	x *= x + 2
	x *= x + 2
	return x + 1
}

func expFused(x, n float64) float64 {
	x = FMA(-n, expLn2Upper, x)
	x = FMA(-n, expLn2Lower, x)
	x *= 0.0625
	p := FMA(x, 2.4801587301587301587e-5, 1.9841269841269841270e-4)
	p = FMA(x, p, 1.3888888888888888889e-3)
	p = FMA(x, p, 8.3333333333333333333e-3)
	p = FMA(x, p, 4.1666666666666666667e-2)
	p = FMA(x, p, 1.6666666666666666667e-1)
	p = FMA(x, p, 0.5)
	p = FMA(x, p, 1)
	x *= p
	x *= x + 2
	x *= x + 2
	x *= x + 2
	return FMA(x+2, x, 1)
}
