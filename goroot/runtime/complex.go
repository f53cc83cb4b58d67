package runtime

import "unsafe"

// complex128div divides complex numbers without needless overflow (R. L. Smith, Algorithm 116, 1962) and gives
// infinities and zeros the results of C99, annex G, where the plain quotient would be NaN.
func complex128div(n, m complex128) complex128 {
	a, b, c, d := real(n), imag(n), real(m), imag(m)
	var re, im float64
	if fabs(c) >= fabs(d) {
		ratio := d / c
		denom := c + ratio*d
		re = (a + b*ratio) / denom
		im = (b - a*ratio) / denom
	} else {
		ratio := c / d
		denom := d + ratio*c
		re = (a*ratio + b) / denom
		im = (b*ratio - a) / denom
	}
	if re == re || im == im {
		return complex(re, im)
	}
	inf := infinity()
	switch {
	case c == 0 && d == 0 && (a == a || b == b):
		inf = copysign(inf, c)
		return complex(inf*a, inf*b)
	case (isInf(a) || isInf(b)) && isFinite(c) && isFinite(d):
		a, b = infToOne(a), infToOne(b)
		return complex(inf*(a*c+b*d), inf*(b*c-a*d))
	case (isInf(c) || isInf(d)) && isFinite(a) && isFinite(b):
		c, d = infToOne(c), infToOne(d)
		return complex(0*(a*c+b*d), 0*(b*c-a*d))
	}
	return complex(re, im)
}

const signBit = 1 << 63

func floatBits(f float64) uint64     { return *(*uint64)(unsafe.Pointer(&f)) }
func floatFromBits(b uint64) float64 { return *(*float64)(unsafe.Pointer(&b)) }

func fabs(f float64) float64 { return floatFromBits(floatBits(f) &^ signBit) }
func copysign(f, sign float64) float64 {
	return floatFromBits(floatBits(f)&^signBit | floatBits(sign)&signBit)
}
func isInf(f float64) bool    { return fabs(f) == infinity() }
func isFinite(f float64) bool { return f-f == 0 }

// infToOne is 1 for an infinity and 0 for other values, with the sign of f.
func infToOne(f float64) float64 {
	if isInf(f) {
		return copysign(1, f)
	}
	return copysign(0, f)
}

// infinity is positive infinity.
func infinity() float64 { return floatFromBits(0x7ff << 52) }
